"""Who may do what: a matrix of methods, routes, identities and visibilities. What each cell
expects follows from the two tables below, which are written from docs/contracts, not from
the program: ROUTES names the right that a route asks for, `grants` is who has that right on
what (the tables of ocl-guide.md, section 11; ocl-v2.md, section 8; enrollments.md, section
11). Cases of single rights with their texts are in tests/cases/rights.http and
src/ocl/org/hidden.http.

Besides: lists and their counts hold what the caller may see and no more, on every face; what
is private answers the same whatever lies in it and whatever ETag is sent; rights that end,
end at once; what is deleted is gone for everybody.

Usage: rights_test.py --nestor PATH
# Takes long
# rows: G22 G23 G27-G34 G54 G60 G63-G83 G86 G96 G106 G107 G117 G118 G137-G146 G148
# rows: V101 V104 V105 V117 V210 V212 V215-V217 V222 V301-V304 V306 V307 V308 V311 V312 V315 V316 V318
# rows: V806 V807 V808 V1019 A16 A20-A24 T9 N1
"""
import itertools
import json
import re
import sys
import urllib.parse

import world
from support import Client, Site, run_on_engines
from world import ACCESS, ACCOUNTS, COURSE, MEMBERS, PROGRAM, TARGET, World

SHOWN = 40
EVERYBODY = ("none", "bad", *ACCOUNTS)
SOURCES = tuple(ACCESS)
# Owners of what is asked for: under /user/ everybody has the same names.
OWNERS = {"orgs/WHO": "WHO", "users/owner": "owner", "user": None}

# Rights, as section 8 of ocl-guide.md has them; the last column of `routes` says which is
# asked for. Those of the v2 face without a letter there stand for the nearest one.
#   A  anybody who may view (v2)       T  any token              V  view right
#   E  edit right                      P  private access (G30)   H  ownership (G29)
#   X  staff                           R  superusers alone (V215)
#   M  member or staff, 403 with an empty body
#   S  the user itself; an anonymous caller gets 404 (V217)
#   O  T or A, but HID is seen by its members and staff alone (V806, V101)
#   L  the list of members: as O on v2 (V222, V303)
#   B  view right on the source and on the owner's source Priv, where the mapping leads to;
#      who has the first alone gets 404 (V117)
#   -  everybody: it gives credentials. One that does not count is 401 here, too: G85 says
#      nothing of it, G137 makes no exception
#   W  view right, with a token on either face (V615); no task is run here, so none is made
#   K  the same, but who is no administrator hears 405 (V615)
#   N  nobody: the method is not allowed; 405 (G139: after authentication)

SOURCE = """
GET    {f}/{o}/sources/{s}/                          V 200 G74 V310
GET    {f}/{o}/sources/{s}/versions/                 V 200 G75 V311
GET    {f}/{o}/sources/{s}/latest/                   V 200 G76 V312
GET    {f}/{o}/sources/{s}/v1/                       V 200 G77 V312
GET    {f}/{o}/sources/{s}/$difference/              V 400 V117
GET    {f}/{o}/sources/{s}/v1/export/                W 204 G87 V615
POST   {f}/{o}/sources/{s}/v1/export/                W 409 G87 V616
GET    {f}/{o}/sources/{s}/latest/export/            W 204 G87 V615
POST   {f}/{o}/sources/{s}/latest/export/            W 409 G87 V616
DELETE {f}/{o}/sources/{s}/v1/export/                P 204 G87 V617
DELETE {f}/{o}/sources/{s}/latest/export/            P 204 G87 V617
GET    {f}/{o}/sources/{s}/HEAD/export/              K 204 G87 V615
POST   {f}/{o}/sources/{s}/HEAD/export/              K 202 G87 V615
DELETE {f}/{o}/sources/{s}/HEAD/export/              K 404 G87 V615
GET    {f}/{o}/sources/{s}/concepts/                 V 200 G79 V315
GET    {f}/{o}/sources/{s}/concepts/old/             V 200 G80 V316
GET    {f}/{o}/sources/{s}/concepts/old/versions/    V 200 G81 V318
GET    {f}/{o}/sources/{s}/concepts/old/{n}/         V 200 G82 V316
GET    {f}/{o}/sources/{s}/v1/concepts/              V 200 G83 V315
GET    {f}/{o}/sources/{s}/v1/concepts/old/          V 200 G83 V316
GET    {f}/{o}/sources/{s}/v1/concepts/old/versions/ V 200 G83 V318
GET    {f}/{o}/sources/{s}/v1/concepts/old/{n}/      V 200 G83 V316
GET    {f}/{o}/sources/{s}/latest/concepts/          V 200 G83 V315
GET    {f}/{o}/sources/{s}/latest/concepts/old/      V 200 G83 V316
GET    {f}/{o}/sources/{s}/latest/concepts/old/versions/ V 200 G83 V318
GET    {f}/{o}/sources/{s}/latest/concepts/old/{n}/  V 200 G83 V316
"""

V2_SOURCE = """
GET    {f}/{o}/sources/{s}/HEAD/                     V 200 V312
GET    {f}/{o}/sources/{s}/HEAD/concepts/            V 200 V315
GET    {f}/{o}/sources/{s}/concepts/lookup/          V 200 V250
GET    {f}/{o}/sources/{s}/v1/concepts/lookup/       V 200 V250
GET    {f}/{o}/sources/{s}/latest/concepts/lookup/   V 200 V250
GET    {f}/{o}/sources/{s}/v1/concepts/old/summary/  V 200 V250
GET    {f}/{o}/sources/{s}/latest/concepts/old/summary/ V 200 V250
GET    {f}/{o}/sources/{s}/HEAD/concepts/old/        V 200 V316
GET    {f}/{o}/sources/{s}/HEAD/concepts/old/versions/ V 200 V318
GET    {f}/{o}/sources/{s}/HEAD/concepts/old/{n}/    V 200 V316
GET    {f}/{o}/sources/{s}/client-configs/           V 200 V267
POST   {f}/{o}/sources/{s}/client-configs/           P 400 V113 V267
PUT    {f}/{o}/sources/{s}/                          E 200 V310
PATCH  {f}/{o}/sources/{s}/                          E 200 V310
PUT    {f}/{o}/sources/{s}/HEAD/                     P 200 V312
PATCH  {f}/{o}/sources/{s}/HEAD/                     P 200 V312
DELETE {f}/{o}/sources/{s}/HEAD/                     P 400 V233 V312
GET    {f}/{o}/sources/{s}/summary/                  V 200 V235 V313
PUT    {f}/{o}/sources/{s}/summary/                  E 202 V235 V313
GET    {f}/{o}/sources/{s}/processing/               V 200 V235 V313
POST   {f}/{o}/sources/{s}/processing/               E 200 V235 V313
GET    {f}/{o}/sources/{s}/HEAD/summary/             V 200 V235 V313
PUT    {f}/{o}/sources/{s}/HEAD/summary/             E 202 V235 V313
GET    {f}/{o}/sources/{s}/HEAD/processing/          V 200 V235 V313
POST   {f}/{o}/sources/{s}/HEAD/processing/          E 200 V235 V313
GET    {f}/{o}/sources/{s}/v1/summary/               V 200 V235 V313
PUT    {f}/{o}/sources/{s}/v1/summary/               E 202 V235 V313
GET    {f}/{o}/sources/{s}/v1/processing/            V 200 V235 V313
POST   {f}/{o}/sources/{s}/v1/processing/            E 200 V235 V313
GET    {f}/{o}/sources/{s}/latest/summary/           V 200 V235 V313
PUT    {f}/{o}/sources/{s}/latest/summary/           E 202 V235 V313
GET    {f}/{o}/sources/{s}/latest/processing/        V 200 V235 V313
POST   {f}/{o}/sources/{s}/latest/processing/        E 200 V235 V313
GET    {f}/{o}/sources/{s}/extras/                   V 200 V208 V313
GET    {f}/{o}/sources/{s}/extras/k/                 V 200 V208 V313
PUT    {f}/{o}/sources/{s}/extras/k/                 E 200 V208 V313
DELETE {f}/{o}/sources/{s}/extras/l/                 E 404 V208 V313
GET    {f}/{o}/sources/{s}/logo/                     V 200 V235 V313
POST   {f}/{o}/sources/{s}/logo/                     E 400 V235 V313
GET    {f}/{o}/sources/{s}/HEAD/extras/              V 200 V208 V313
GET    {f}/{o}/sources/{s}/HEAD/extras/k/            V 200 V208 V313
PUT    {f}/{o}/sources/{s}/HEAD/extras/k/            E 200 V208 V313
DELETE {f}/{o}/sources/{s}/HEAD/extras/l/            E 404 V208 V313
GET    {f}/{o}/sources/{s}/v1/extras/                V 200 V208 V313
GET    {f}/{o}/sources/{s}/v1/extras/k/              V 200 V208 V313
PUT    {f}/{o}/sources/{s}/v1/extras/k/              P 200 V113 V208
DELETE {f}/{o}/sources/{s}/v1/extras/l/              P 404 V113 V208
GET    {f}/{o}/sources/{s}/latest/extras/            V 200 V208 V313
GET    {f}/{o}/sources/{s}/latest/extras/k/          V 200 V208 V313
PUT    {f}/{o}/sources/{s}/latest/extras/k/          P 200 V113 V208
DELETE {f}/{o}/sources/{s}/latest/extras/l/          P 404 V113 V208
POST   {f}/{o}/sources/{s}/versions/                 P 201 V113 V230 V311
PUT    {f}/{o}/sources/{s}/v1/                       P 200 V113 V232 V312
PATCH  {f}/{o}/sources/{s}/v1/                       P 200 V113 V232 V312
PUT    {f}/{o}/sources/{s}/latest/                   P 200 V113 V312
PATCH  {f}/{o}/sources/{s}/latest/                   P 200 V113 V312
DELETE {f}/{o}/sources/{s}/latest/                   P 204 V113 V312
DELETE {f}/{o}/sources/{s}/v1/                       P 204 V113 V233 V312
DELETE {f}/{o}/sources/{s}/                          P 204 V234 V310
"""

# What versions of a source hold, too (`h`).
V2_HELD = """
GET    {f}/{o}/sources/{s}/{h}mappings/                       V 200 V315
GET    {f}/{o}/sources/{s}/{h}mappings/m/                     V 200 V316
GET    {f}/{o}/sources/{s}/{h}mappings/m/versions/            V 200 V318
GET    {f}/{o}/sources/{s}/{h}mappings/m/{n}/                 V 200 V316
GET    {f}/{o}/sources/{s}/{h}mappings/priv/                  B 200 V117 V316
GET    {f}/{o}/sources/{s}/{h}mappings/priv/versions/         B 200 V117 V318
GET    {f}/{o}/sources/{s}/{h}mappings/priv/{n}/              B 200 V117 V316
GET    {f}/{o}/sources/{s}/{h}concepts/old/mappings/          V 200 V318
GET    {f}/{o}/sources/{s}/{h}concepts/old/children/          V 200 V318
GET    {f}/{o}/sources/{s}/{h}concepts/old/parents/           V 200 V318
GET    {f}/{o}/sources/{s}/{h}hierarchy/                      V 200 V313
GET    {f}/{o}/sources/{s}/{h}properties/                     V 200 V236
GET    {f}/{o}/sources/{s}/{h}filters/                        V 200 V236
GET    {f}/{o}/sources/{s}/{h}mapped-sources/                 V 200 V236
GET    {f}/{o}/sources/{s}/{h}concepts/old/summary/           V 200 V250
"""

# Of content, under its source and under HEAD (`h`).
V2_CONTENT = """
POST   {f}/{o}/sources/{s}/{h}mappings/                       E 201 V315
PUT    {f}/{o}/sources/{s}/{h}mappings/m/                     E 200 V316
PATCH  {f}/{o}/sources/{s}/{h}mappings/m/                     E 200 V316
PUT    {f}/{o}/sources/{s}/{h}mappings/priv/                  B 200 V117 V316
DELETE {f}/{o}/sources/{s}/{h}mappings/m/                     E 204 V265 V316
PUT    {f}/{o}/sources/{s}/{h}mappings/gone/reactivate/       E 204 V265 V317
POST   {f}/{o}/sources/{s}/{h}concepts/                       E 201 V315
PUT    {f}/{o}/sources/{s}/{h}concepts/old/                   E 200 V316
PATCH  {f}/{o}/sources/{s}/{h}concepts/old/                   E 200 V316
DELETE {f}/{o}/sources/{s}/{h}concepts/a%20b/                 E 204 V248 V316
PUT    {f}/{o}/sources/{s}/{h}concepts/old/reactivate/        E 204 V248 V317
GET    {f}/{o}/sources/{s}/{h}concepts/old/names/             V 200 V317
POST   {f}/{o}/sources/{s}/{h}concepts/old/names/             E 201 V317
GET    {f}/{o}/sources/{s}/{h}concepts/old/names/{m}/         V 200 V317
PUT    {f}/{o}/sources/{s}/{h}concepts/old/names/{m}/         E 200 V317
PATCH  {f}/{o}/sources/{s}/{h}concepts/old/names/{m}/         E 200 V317
DELETE {f}/{o}/sources/{s}/{h}concepts/old/names/{m}/         E 204 V317
GET    {f}/{o}/sources/{s}/{h}concepts/old/descriptions/      V 200 V317
POST   {f}/{o}/sources/{s}/{h}concepts/old/descriptions/      E 201 V317
GET    {f}/{o}/sources/{s}/{h}concepts/old/descriptions/{m}/  V 200 V317
PUT    {f}/{o}/sources/{s}/{h}concepts/old/descriptions/{m}/  E 200 V317
PATCH  {f}/{o}/sources/{s}/{h}concepts/old/descriptions/{m}/  E 200 V317
DELETE {f}/{o}/sources/{s}/{h}concepts/old/descriptions/{m}/  E 204 V317
GET    {f}/{o}/sources/{s}/{h}concepts/old/extras/            V 200 V208 V317
GET    {f}/{o}/sources/{s}/{h}concepts/old/extras/nope/       V 404 V208
PUT    {f}/{o}/sources/{s}/{h}concepts/old/extras/k/          E 200 V208 V317
DELETE {f}/{o}/sources/{s}/{h}concepts/old/extras/nope/       E 404 V208
GET    {f}/{o}/sources/{s}/{h}mappings/m/extras/              V 200 V208 V317
GET    {f}/{o}/sources/{s}/{h}mappings/m/extras/nope/         V 404 V208
PUT    {f}/{o}/sources/{s}/{h}mappings/m/extras/k/            E 200 V208 V317
DELETE {f}/{o}/sources/{s}/{h}mappings/m/extras/nope/         E 404 V208
"""

GUIDE_SOURCE = """
GET    {f}/{o}/sources/{s}/v1/children/              V 200 G78
PUT    {f}/{o}/sources/{s}/                          E 200 G74
POST   {f}/{o}/sources/{s}/versions/                 P 201 G75 G141
PUT    {f}/{o}/sources/{s}/latest/                   P 200 G76
PUT    {f}/{o}/sources/{s}/v1/                       P 200 G77
POST   {f}/{o}/sources/{s}/concepts/                 E 201 G79
PUT    {f}/{o}/sources/{s}/concepts/old/             E 200 G80
DELETE {f}/{o}/sources/{s}/concepts/a%20b/           E 204 G80 G126
DELETE {f}/{o}/sources/{s}/v1/                       P 204 G77 G116
DELETE {f}/{o}/sources/{s}/                          E 204 G74
POST   {f}/{o}/sources/{s}/                          N 405 G22
DELETE {f}/{o}/sources/{s}/latest/                   N 405 G76
DELETE {f}/{o}/sources/{s}/versions/                 N 405 G139
POST   {f}/{o}/sources/{s}/concepts/old/             N 405 G139
POST   {f}/{o}/sources/{s}/v1/concepts/              N 405 G83
PUT    {f}/{o}/sources/{s}/v1/concepts/old/          N 405 G83
DELETE {f}/{o}/sources/{s}/v1/concepts/old/          N 405 G83
PATCH  {f}/{o}/sources/{s}/                          N 405 G139
"""

# Where the guide is silent on an organisation whose public access is None: it has no such
# thing, but there is one predicate (V101), so that v2's rule counts. Whether a source of such
# an organisation is hidden, too, neither contract says: rights of a source are its own
# `publicAccess` (G31, V806), and nothing here asks for more.
GUIDE = """
GET    /guide/manage/brokenreferences/   R 200 G87 G158
DELETE /guide/manage/brokenreferences/   R 200 G87 G158
POST   /guide/manage/brokenreferences/   R 202 G87 G158
PATCH  /guide/orgs/WHO/                  N 405 G64
PATCH  /guide/users/owner/               N 405 G68
PATCH  /guide/user/                      N 405 G69
PUT    /guide/users/                     N 405 G67
DELETE /guide/users/                     N 405 G67
DELETE /guide/orgs/                      N 405 G63
PUT    /guide/orgs/WHO/sources/          N 405 G73
DELETE /guide/orgs/WHO/sources/          N 405 G73
POST   /guide/orgs/WHO/members/target/   N 405 G66
PUT    /guide/admin/tokens/target/       N 405 G86
DELETE /guide/admin/tokens/target/       N 405 G86
GET    /guide/api-token-auth/            N 405 G85
GET    /guide/orgs/                      T 200 G63
POST   /guide/orgs/                      T 201 G63
PUT    /guide/orgs/                      N 405 G139
GET    /guide/orgs/WHO/                  O 200 G64 G32
GET    /guide/orgs/HID/                  O 200 G64 V101
POST   /guide/orgs/WHO/                  H 200 G64 G32 G143
PUT    /guide/orgs/WHO/                  H 200 G64 G143
PUT    /guide/orgs/HID/                  H 200 G64
GET    /guide/orgs/WHO/members/          M 200 G65
GET    /guide/orgs/HID/members/          M 200 G65
POST   /guide/orgs/WHO/members/          N 405 G65
GET    /guide/orgs/WHO/members/target/   M 204 G66
GET    /guide/orgs/WHO/members/stranger/ M 404 G66
PUT    /guide/orgs/WHO/members/target/   M 204 G66
DELETE /guide/orgs/WHO/members/stranger/ M 204 G66
GET    /guide/orgs/WHO/sources/          T 200 G73
POST   /guide/orgs/WHO/sources/          H 201 G73 G142
GET    /guide/users/owner/sources/       T 200 G73
POST   /guide/users/owner/sources/       H 201 G73 G142
GET    /guide/user/sources/              T 200 G73
POST   /guide/user/sources/              T 201 G73
GET    /guide/users/                     T 200 G67
POST   /guide/users/                     X 201 G67 G33
GET    /guide/users/owner/               T 200 G68
PUT    /guide/users/owner/               H 200 G68 G144
POST   /guide/users/owner/               H 200 G68 G144
GET    /guide/user/                      T 200 G69
PUT    /guide/user/                      T 200 G69
DELETE /guide/user/                      N 405 G69
GET    /guide/users/owner/orgs/          T 200 G70
POST   /guide/api-token-auth/            - 400 G85 G138
POST   /guide/users/owner/orgs/          N 405 G70
GET    /guide/user/orgs/                 T 200 G70
GET    /guide/sources/                   T 200 G71
POST   /guide/sources/                   N 405 G71
GET    /guide/concepts/                  T 200 G72
POST   /guide/concepts/                  N 405 G72
GET    /guide/admin/tokens/              X 200 G86
GET    /guide/admin/tokens/target/       X 200 G86
GET    /guide/admin/tokens/target/named/ X 200 G86
DELETE /guide/admin/tokens/target/named/nope/ X 404 G86
POST   /guide/importers/lines/           T 200 G152 V613
GET    /guide/tasks/nope/               T 404 G167 V270 V326
DELETE /guide/tasks/nope/               T 404 V270
POST   /guide/importers/bulk-import/nope/undo/ T 404 V270
POST   /guide/user/orgs/                 T 201 G70
POST   /guide/user/                      T 200 G69
DELETE /guide/orgs/WHO/members/creator/  M 204 G66
GET    /guide/orgs/NOPE/                 T 404 G64
GET    /guide/orgs/NOPE/sources/Open/    T 404 G18
GET    /guide/orgs/OTH/sources/NOPE/     T 404 G18
GET    /guide/users/nobody/              T 404 G68
"""

# The same on both faces.
TASKS = """
GET    {f}/admin/audit/              X 200 G168
GET    {f}/admin/maintenance/        X 200 G168
PUT    {f}/admin/maintenance/        R 400 G168
DELETE {f}/admin/maintenance/        N 405 G168
GET    {f}/admin/search/             X 400 G164
GET    {f}/admin/search/page/        X 200 G164
GET    {f}/admin/users/target/       X 200 G86
PATCH  {f}/admin/users/target/       R 400 G86
GET    {f}/admin/users/target/sessions/ X 200 G86
DELETE {f}/admin/users/nobody/sessions/ X 404 G86
DELETE {f}/admin/users/target/sessions/nope/ X 404 G86
DELETE {f}/admin/users/nobody/token/ X 404 G86
GET    {f}/admin/purge/              R 200 G149
POST   {f}/admin/purge/              R 400 G149
GET    {f}/admin/clients/            R 200 G86
POST   {f}/admin/clients/            R 400 G86
GET    {f}/admin/clients/nope/       R 404 G86
DELETE {f}/admin/clients/nope/       R 404 G86
POST   {f}/admin/clients/nope/secret/ R 404 G86
GET    {f}/tasks/                    X 200 G167 V270
GET    {f}/subscriptions/            X 200 G155
GET    {f}/users/owner/tasks/        H 200 V216 V270
GET    {f}/user/tasks/               T 200 V216 V270
GET    {f}/importers/bulk-import/    T 200 G87 V325 V606
POST   {f}/importers/bulk-import/    T 202 G87 V325 V601
DELETE {f}/importers/bulk-import/    T 400 G87 V607
POST   {f}/importers/bulk-import-inline/ T 202 V608
POST   {f}/importers/bulk-import-parallel-inline/ T 202 V608
POST   {f}/importers/bulk-import/upload/ T 202 V608
POST   {f}/importers/bulk-import/file-url/ T 202 V608
POST   {f}/manage/bulkimport/        T 202 V608
GET    {f}/importers/bulk-import/q/  T 200 G87 V325 V606
POST   {f}/importers/bulk-import/q/  T 202 G87 V325 V601
DELETE {f}/importers/bulk-import/q/  T 400 G87 V607
POST   {f}/importers/bulk-import-inline/q/ T 202 V608
POST   {f}/importers/bulk-import-parallel-inline/q/ T 202 V608
POST   {f}/importers/bulk-import/upload/q/ T 202 V608
POST   {f}/importers/bulk-import/file-url/q/ T 202 V608
POST   {f}/manage/bulkimport/q/      T 202 V608
"""

ENDS = """
DELETE /guide/users/target/              X 204 G68 G144
DELETE /guide/orgs/WHO/                  H 204 G64 G32
DELETE /v2/orgs/OTH/                     H 204 V221 V302
DELETE /v2/users/target/                 X 204 V215 V306
"""

V2 = """
GET    /v2/orgs/                         A 200 V301
GET    /v2/locales/                      A 200 V276 V326
GET    /v2/orgs/WHO/                     O 200 V302
GET    /v2/orgs/HID/                     O 200 V302 V806
GET    /v2/orgs/WHO/members/             L 200 V222 V303
GET    /v2/orgs/HID/members/             L 200 V222
GET    /v2/orgs/WHO/users/               L 200 V303
GET    /v2/orgs/WHO/members/target/      M 204 V222
GET    /v2/orgs/WHO/members/stranger/    M 404 V222
POST   /v2/orgs/                         T 201 V218 V301
PUT    /v2/orgs/WHO/                     H 200 V114 V220 V302
POST   /v2/orgs/WHO/                     H 200 V220
PUT    /v2/orgs/HID/                     H 200 V114 V302
PUT    /v2/orgs/WHO/members/target/      M 204 V222 V303
DELETE /v2/orgs/WHO/members/stranger/    M 204 V222 V303
PUT    /v2/orgs/WHO/users/target/        M 204 V303
DELETE /v2/orgs/WHO/users/stranger/      M 204 V303
GET    /v2/orgs/WHO/sources/             A 200 V309
POST   /v2/orgs/WHO/sources/             M 201 V225 V309
GET    /v2/users/owner/sources/          A 200 V309
POST   /v2/users/owner/sources/          M 201 V225 V309
POST   /v2/user/sources/                 S 201 V217 V309
GET    /v2/user/sources/                 S 200 V217
GET    /v2/users/                        A 200 V213 V304
GET    /v2/users/owner/                  T 200 V213 V306
GET    /v2/user/                         S 200 V217
GET    /v2/users/owner/orgs/             A 200 V216
GET    /v2/user/orgs/                    S 200 V217
GET    /v2/orgs/WHO/extras/              O 200 V208 V223
GET    /v2/orgs/WHO/pins/                O 200 V223 V266
GET    /v2/orgs/HID/pins/                O 200 V223 V266 V806
POST   /v2/orgs/WHO/pins/                H 400 V223 V266
GET    /v2/users/owner/pins/             A 200 V216 V266
POST   /v2/users/owner/pins/             H 400 V216 V266
GET    /v2/user/pins/                    S 200 V217 V266
POST   /v2/user/pins/                    S 400 V217 V266
GET    /v2/orgs/WHO/pins/0/              O 404 V266
PUT    /v2/orgs/WHO/pins/0/              H 404 V266
DELETE /v2/orgs/WHO/pins/0/              H 404 V266
PUT    /v2/users/owner/pins/0/           H 404 V266
DELETE /v2/users/owner/pins/0/           H 404 V266
GET    /v2/users/owner/pins/0/           A 404 V266
PUT    /v2/user/pins/0/                  S 404 V266
DELETE /v2/user/pins/0/                  S 404 V266
GET    /v2/user/pins/0/                  S 404 V266
GET    /v2/events/                       A 200 V269 V326
GET    /v2/orgs/WHO/events/              O 200 V223 V269
GET    /v2/orgs/HID/events/              O 200 V223 V269 V806
GET    /v2/users/owner/events/           A 200 V216 V269
GET    /v2/user/events/                  S 200 V216 V217 V269
GET    /v2/orgs/WHO/client-configs/      O 200 V223 V267
GET    /v2/orgs/HID/client-configs/      O 200 V267 V806
POST   /v2/orgs/WHO/client-configs/      H 400 V267
GET    /v2/client-configs/0/             A 404 V267
PUT    /v2/client-configs/0/             A 404 V267
PATCH  /v2/client-configs/0/             A 404 V267
DELETE /v2/client-configs/0/             A 404 V267
GET    /v2/orgs/WHO/logo/                O 200 V223
GET    /v2/orgs/HID/logo/                O 404 V223 V806
POST   /v2/orgs/WHO/logo/                H 400 V223
GET    /v2/users/owner/logo/             A 200 V216
POST   /v2/users/owner/logo/             H 400 V216
GET    /v2/user/logo/                    S 200 V216 V217
POST   /v2/user/logo/                    S 400 V216 V217
GET    /v2/users/owner/following/        A 200 V216
POST   /v2/users/owner/following/        H 400 V216
DELETE /v2/users/owner/following/0/      H 404 V216
GET    /v2/users/owner/followers/        A 200 V216
GET    /v2/users/owner/content-summary/  T 200 V216
GET    /v2/user/following/               S 200 V216 V217
POST   /v2/user/following/               S 400 V216 V217
DELETE /v2/user/following/0/             S 404 V216 V217
GET    /v2/user/followers/               S 200 V216 V217
GET    /v2/user/content-summary/         S 200 V216 V217
GET    /v2/orgs/WHO/map-projects/        O 200 V272
GET    /v2/orgs/HID/map-projects/        O 200 V272 V806
POST   /v2/orgs/WHO/map-projects/        H 400 V272
GET    /v2/users/owner/map-projects/     A 200 V272
POST   /v2/users/owner/map-projects/     H 400 V272
GET    /v2/user/map-projects/            S 200 V217 V272
POST   /v2/user/map-projects/            S 400 V217 V272
GET    /v2/orgs/WHO/map-projects/0/      A 404 V272
PUT    /v2/orgs/WHO/map-projects/0/      A 404 V272
PATCH  /v2/orgs/WHO/map-projects/0/      A 404 V272
DELETE /v2/orgs/WHO/map-projects/0/      A 404 V272
GET    /v2/orgs/WHO/map-projects/0/summary/ A 404 V272
GET    /v2/orgs/WHO/map-projects/0/logs/ A 404 V272
POST   /v2/orgs/WHO/map-projects/0/logs/ A 404 V272
GET    /v2/orgs/WHO/map-projects/0/configurations/ A 404 V272
GET    /v2/orgs/WHO/map-projects/0/auto-match-runs/ A 404 V272
POST   /v2/orgs/WHO/map-projects/0/auto-match-runs/ A 404 V272
GET    /v2/users/owner/map-projects/0/   A 404 V272
PUT    /v2/users/owner/map-projects/0/   A 404 V272
PATCH  /v2/users/owner/map-projects/0/   A 404 V272
DELETE /v2/users/owner/map-projects/0/   A 404 V272
GET    /v2/users/owner/map-projects/0/summary/ A 404 V272
GET    /v2/users/owner/map-projects/0/logs/ A 404 V272
POST   /v2/users/owner/map-projects/0/logs/ A 404 V272
GET    /v2/users/owner/map-projects/0/configurations/ A 404 V272
GET    /v2/users/owner/map-projects/0/auto-match-runs/ A 404 V272
POST   /v2/users/owner/map-projects/0/auto-match-runs/ A 404 V272
GET    /v2/user/map-projects/0/          S 404 V217 V272
PUT    /v2/user/map-projects/0/          S 404 V217 V272
PATCH  /v2/user/map-projects/0/          S 404 V217 V272
DELETE /v2/user/map-projects/0/          S 404 V217 V272
GET    /v2/user/map-projects/0/summary/  S 404 V217 V272
GET    /v2/user/map-projects/0/logs/     S 404 V217 V272
POST   /v2/user/map-projects/0/logs/     S 404 V217 V272
GET    /v2/user/map-projects/0/configurations/ S 404 V217 V272
GET    /v2/user/map-projects/0/auto-match-runs/ S 404 V217 V272
POST   /v2/user/map-projects/0/auto-match-runs/ S 404 V217 V272
GET    /v2/changelog/                    A 200 V276
GET    /v2/swagger/                      A 200 V276
GET    /v2/redoc/                        A 200 V276
GET    /v2/healthcheck/                  A 200 V276
GET    /v2/healthcheck/critical/         A 200 V276
GET    /v2/healthcheck/db/               A 200 V276
GET    /v2/healthcheck/redis/            A 200 V276
GET    /v2/healthcheck/es/               A 200 V276
GET    /v2/healthcheck/flower/           A 200 V276
GET    /v2/healthcheck/celery/           A 200 V276
GET    /v2/healthcheck/celery@default/   A 200 V276
GET    /v2/healthcheck/celery@indexing/  A 200 V276
GET    /v2/healthcheck/celery@concurrent/ A 200 V276
GET    /v2/healthcheck/celery@bulk_import_root/ A 200 V276
GET    /v2/healthcheck/celery@bulk_import_0/ A 200 V276
GET    /v2/healthcheck/celery@bulk_import_1/ A 200 V276
GET    /v2/healthcheck/celery@bulk_import_2/ A 200 V276
GET    /v2/healthcheck/celery@bulk_import_3/ A 200 V276
POST   /v2/feedback/                     A 200 V276
GET    /v2/admin/feedback/               X 200 V276
GET    /v2/admin/feedback/0/             X 404 V276
DELETE /v2/admin/feedback/0/             X 404 V276
GET    /v2/tasks/nope/                  A 404 G167 V270 V326
DELETE /v2/tasks/nope/                  A 404 V270
POST   /v2/importers/bulk-import/nope/undo/ A 404 V270
GET    /v2/url-registry/                 A 200 V268 V326
POST   /v2/url-registry/                 X 400 V268
POST   /v2/url-registry/$lookup/         T 400 V268
GET    /v2/url-registry/0/               A 404 V268
PUT    /v2/url-registry/0/               A 404 V268
PATCH  /v2/url-registry/0/               A 404 V268
DELETE /v2/url-registry/0/               A 404 V268
GET    /v2/orgs/WHO/url-registry/        O 200 V268
GET    /v2/orgs/HID/url-registry/        O 200 V268 V806
POST   /v2/orgs/WHO/url-registry/        H 400 V268
POST   /v2/orgs/WHO/url-registry/$lookup/ T 400 V268
GET    /v2/orgs/HID/url-registry/0/      O 404 V268 V806
PUT    /v2/orgs/HID/url-registry/0/      O 404 V268 V806
PATCH  /v2/orgs/HID/url-registry/0/      O 404 V268 V806
DELETE /v2/orgs/HID/url-registry/0/      O 404 V268 V806
GET    /v2/users/owner/url-registry/     A 200 V268
POST   /v2/users/owner/url-registry/     H 400 V268
POST   /v2/users/owner/url-registry/$lookup/ T 400 V268
GET    /v2/users/owner/url-registry/0/   A 404 V268
PUT    /v2/users/owner/url-registry/0/   A 404 V268
PATCH  /v2/users/owner/url-registry/0/   A 404 V268
DELETE /v2/users/owner/url-registry/0/   A 404 V268
GET    /v2/users/owner/orgs/url-registry/ A 200 V268
GET    /v2/user/url-registry/            S 200 V217 V268
POST   /v2/user/url-registry/            S 400 V217 V268
POST   /v2/user/url-registry/$lookup/    S 400 V217 V268
GET    /v2/user/url-registry/0/          S 404 V217 V268
PUT    /v2/user/url-registry/0/          S 404 V217 V268
PATCH  /v2/user/url-registry/0/          S 404 V217 V268
DELETE /v2/user/url-registry/0/          S 404 V217 V268
GET    /v2/user/orgs/url-registry/       S 200 V217 V268
GET    /v2/orgs/WHO/overview/            O 200 V223
GET    /v2/orgs/HID/overview/            O 200 V223 V806
PUT    /v2/orgs/WHO/overview/            H 200 V223
GET    /v2/orgs/HID/extras/              O 200 V208 V806
GET    /v2/orgs/HID/extras/a/            O 200 V208 V806
PUT    /v2/orgs/WHO/extras/k/            H 200 V208 V220
DELETE /v2/orgs/WHO/extras/nope/         H 404 V208 V220
GET    /v2/users/owner/extras/           T 200 V208 V216
GET    /v2/users/owner/extras/nope/      T 404 V208 V216
PUT    /v2/users/owner/extras/k/         H 200 V208 V212
DELETE /v2/users/owner/extras/nope/      H 404 V208 V212
GET    /v2/user/extras/                  S 200 V208 V217
GET    /v2/user/extras/nope/             S 404 V208 V217
PUT    /v2/user/extras/k/                S 200 V208 V217
DELETE /v2/user/extras/nope/             S 404 V208 V217
GET    /v2/repos/                        A 200 V273 V307
POST   /v2/repos/                        A 404 V307
GET    /v2/orgs/WHO/repos/               A 200 V273 V309
GET    /v2/users/owner/repos/            A 200 V273 V309
GET    /v2/user/repos/                   S 200 V217 V273
GET    /v2/users/owner/orgs/sources/     A 200 V216
GET    /v2/user/orgs/sources/            S 200 V216 V217
GET    /v2/users/owner/orgs/repos/       A 200 V216
GET    /v2/user/orgs/repos/              S 200 V216 V217
POST   /v2/users/owner/orgs/             N 405 V216
POST   /v2/user/orgs/                    N 405 V216 V217
POST   /v2/users/                        X 201 V210 V304
PUT    /v2/users/                        N 405 V304
POST   /v2/users/login/                  - 400 V802
PUT    /v2/users/owner/                  H 200 V212 V306
PATCH  /v2/users/owner/                  H 200 V212 V306
POST   /v2/users/owner/                  H 200 V212
PUT    /v2/user/                         S 200 V212 V217
PATCH  /v2/user/                         S 200 V212 V217
POST   /v2/user/                         S 200 V212 V217
DELETE /v2/user/                         N 405 V215 V217
PUT    /v2/users/target/reactivate/      X 400 V215
PUT    /v2/users/nobody/reactivate/      X 404 V215
PUT    /v2/users/target/staff/           R 204 V215
GET    /v2/toggles/                      A 200 V326
GET    /v2/version/                      A 200 V326
GET    /v2/graphql/                      A 400 V275
POST   /v2/graphql/                      A 400 V275
POST   /v2/$checksum/standard/           T 400 V324 V423
POST   /v2/$checksum/smart/              T 400 V324 V423
GET    /v2/orgs/WHO/users/target/        M 204 V303
GET    /v2/sources/                      A 200 V307
POST   /v2/sources/                      A 404 V307
GET    /v2/concepts/                     A 200 V308
GET    /v2/mappings/                     A 200 V308
POST   /v2/mappings/                     A 404 V308
POST   /v2/concepts/                     A 404 V308
GET    /v2/orgs/NOPE/                    A 404 V302
GET    /v2/orgs/NOPE/sources/Open/       A 404 V310
GET    /v2/manage/brokenreferences/      R 200 G158
DELETE /v2/manage/brokenreferences/      R 409 G158
POST   /v2/manage/brokenreferences/      R 409 G158
"""


class Row:
    """A line of a table, for one path."""

    def __init__(self, line, place, owner=None, access=None):
        words = line.split()
        self.method, self.place, self.right, self.status = words[0], place, words[2], int(words[3])
        self.face = place.split("/")[1]
        self.owner, self.access = owner, access
        self.rows = " ".join(words[4:])


def fill(path):
    return urllib.parse.quote(path, safe="/{}:+%$@")


def rows():
    """Every line of the tables, those of sources for every owner and public access; what
    deletes an owner comes last."""
    tasks = "".join(TASKS.replace("{f}", f) for f in ("/guide", "/v2"))
    for line in table_of(GUIDE + V2 + tasks):
        yield Row(line, fill(line.split()[1]), owner_of(line.split()[1]))
    v2 = SOURCE + V2_SOURCE
    v2 += "".join(V2_HELD.replace("{h}", h) for h in ("", "HEAD/", "v1/", "latest/"))
    v2 += "".join(V2_CONTENT.replace("{h}", h) for h in ("", "HEAD/"))
    for face, table in (("/guide", SOURCE + GUIDE_SOURCE), ("/v2", v2)):
        for line in table_of(table):
            for (o, owner), s in itertools.product(OWNERS.items(), SOURCES):
                path = line.split()[1].format(f=face, o=o, s=s, n="{n}", m="{m}")
                yield Row(line, fill(path), owner, ACCESS[s])
    for line in table_of(ENDS):
        yield Row(line, fill(line.split()[1]), owner_of(line.split()[1]))


def table_of(text):
    return [line for line in text.splitlines() if line]


def owner_of(path):
    words = path.split("/")
    return words[3] if words[2] in ("orgs", "users") and len(words) > 4 else None


# ---- Who has which right (G29, G30, the tables of section 11; V806 to V808) ----


def is_staff(who):
    """V808: staff and superusers everything. The guide says staff; a superuser is more."""
    return who in ("staff", "superuser")


def belongs(who, owner):
    """Is the caller the user, or a member of the organisation? Now: a creator who left is
    a stranger (G145)."""
    return who == owner or who in MEMBERS.get(owner, ())


def grants(right, who, row):
    mine = row.owner is None or belongs(who, row.owner) or is_staff(who)
    if right in ("A", "T", "S"):
        return True
    if right in ("O", "L"):
        return row.owner != "HID" or mine
    if right in ("V", "W", "K"):
        return mine or row.access != "None"
    if right == "E":
        return mine or row.access == "Edit"
    if right == "B":
        return mine
    return {"P": mine, "H": mine, "M": mine, "X": is_staff(who), "R": who == "superuser"}[right]


def anonymous(row):
    """What an anonymous caller gets."""
    if row.face == "guide":
        return 401  # G27, G138
    if row.right == "N":
        return row.status
    if row.place.startswith("/v2/user/"):
        return 404  # V217
    if row.right == "B":
        return 404 if row.access != "None" else 401
    if row.right in ("A", "O", "L", "V"):
        if grants(row.right, "none", row):
            return row.status
        return 403 if row.right == "L" else 401  # V222; V806
    return 403 if row.right == "M" else 401  # V222; V213


def expected(row, who):
    """A credential that does not count is 401 everywhere, never anonymous (G137, V801); of
    an account that is switched off both contracts say nothing, so that it is one."""
    if who in ("bad", "off"):
        return 401
    if row.right == "-":
        return row.status
    if who == "none":
        return anonymous(row)
    if row.right == "N":  # before the object is looked at (G139)
        return row.status
    if row.right == "K" and grants("K", who, row):
        return row.status if is_staff(who) else 405
    if row.right == "B" and grants("V", who, row):
        return row.status if grants("B", who, row) else 404
    return row.status if grants(row.right, who, row) else 403


# ---- Asking ----


class Matrix:
    def __init__(self, server, a_world):
        self.world = a_world
        self.client = {who: Client(server.port, a_world.token.get(who, "")) for who in EVERYBODY}
        self.client["bad"].token = "0" * 40
        self.admin = a_world.admin
        self.numbers = itertools.count()
        self.cells = 0
        self.faults = []

    def body(self, row):
        """One that changes little, so that the cells after it find what they need."""
        new = f"n{next(self.numbers)}"
        last = row.place.rstrip("/").rsplit("/", 1)[1]
        name = [{"name": new, "locale": "en"}]
        made = {"orgs": {"id": new, "name": new}, "sources": {"id": new, "name": new},
                "versions": {"id": new}, "lines": {"lines": []},
                "users": {"username": new, "name": new, "email": f"{new}@example.org"},
                "concepts": {"id": new, "conceptClass": "C", "datatype": "N/A", "names": name},
                "names": name[0], "descriptions": {"description": new, "locale": "en"},
                "mappings": {"map_type": new, "from_concept_code": "a", "from_source_url": "x",
                             "to_concept_code": "b", "to_source_url": "y"}}
        if row.method == "POST" and last in made:
            return made[last]
        return None if row.method in ("GET", "HEAD", "DELETE") else \
            {"concepts/old": {"datatype": new, "names": name},
             "mappings/m": {"external_id": new}, "mappings/priv": {"external_id": new},
             "names/{m}": name[0]}.get("/".join(row.place.split("/")[-3:-1]),
                                       {"company": new, "description": new, "k": new})

    def number(self, who, row):
        """Of the newest version of what has versions, in the owner that the caller's path means."""
        owner = (row.owner or who) if (row.owner or who) in owners() else "owner"
        below = row.place.split("/sources/")[1].replace("{n}", "versions")
        versions = f"/v2{owners()[owner]}sources/{below}?includeRetired=true"
        return self.client["staff"].expect(200, "GET", versions).json()[0]["version"]

    def label(self, who, row):
        """The number of the last name or description that is not retired."""
        owner = (row.owner or who) if (row.owner or who) in owners() else "owner"
        below = row.place.split("/sources/")[1].replace("{m}/", "")
        rows = self.client["staff"].expect(200, "GET", f"/v2{owners()[owner]}sources/{below}")
        return [e["uuid"] for e in rows.json() if not e["retired"]][-1]

    def mend_export(self, who, row):
        """What was asked for is not, and what was dropped is asked for again."""
        place = row.place.replace("/user/", f"/users/{who}/")
        method, status = ("DELETE", 204) if row.method == "POST" else ("POST", 202)
        self.client["staff"].expect(status, method, place)

    def ask(self, who, method, place, body=None, **headers):
        self.cells += 1
        return self.client[who].ask(method, place, body, **headers)

    def check(self, holds, text):
        if not holds:
            self.faults.append(text)

    def done(self):
        for text in self.faults[:SHOWN]:
            print(f"    {text}")
        count, self.faults = len(self.faults), []
        assert count == 0, f"{count} cells differ"


def cells(matrix):
    """Every row of the tables by everybody; a GET as HEAD, too. Those who may not come
    first: what they were refused is still there for those who may."""
    for row in rows():
        order = sorted(EVERYBODY, key=lambda who, r=row: expected(r, who) == r.status)
        for who in order:
            want, place = expected(row, who), row.place
            if "{n}" in place:
                place = place.replace("{n}", matrix.number(who, row))
            if "{m}" in place:
                place = place.replace("{m}", matrix.label(who, row))
            a = matrix.ask(who, row.method, place, matrix.body(row))
            matrix.check(a.status == want, f"{row.method} {place} by {who}: {a}, "
                                           f"not {want} ({row.rows})")
            if row.method == "GET":
                h = matrix.ask(who, "HEAD", place)
                matrix.check(h.status == a.status and not h.body, f"HEAD {place} by {who}: {h}")
            if "/export/" in place and a.status in (202, 204) and row.method != "GET":
                matrix.mend_export(who, row)
                continue
            ends = row.method == "DELETE" or place.endswith("/reactivate/")
            if ends and a.status == 204:
                gone(matrix, row)
                matrix.world.mend(place, who, row.owner)
            if row.right == "M" and a.status == 403:
                matrix.check(a.body == b"", f"{row.place} by {who}: a body with 403 ({row.rows})")
    matrix.done()


def every_route_has_a_row(matrix):
    """What the server declares on the faces of OCL stands in the tables, and nothing else."""
    paths = matrix.admin.expect(200, "GET", "/openapi.json").json()["paths"]
    declared = [(m.upper(), re.compile("[^/]+".join(map(re.escape, re.split("{[a-z_]+}", path)))), path)
                for path, item in paths.items() if path.startswith(("/guide/", "/v2/"))
                for m in item if m != "parameters"]
    known = {(row.method, row.place) for row in rows()}
    missing = [f"{m} {path}" for m, pattern, path in declared
               if not any(k == m and pattern.fullmatch(p) for k, p in known)]
    asked = {(row.method, row.place) for row in rows() if row.status not in (404, 405)}
    strange = [f"{k} {p}" for k, p in sorted(asked)
               if not any(k == m and pattern.fullmatch(p) for m, pattern, _ in declared)]
    assert not missing and not strange, f"no row: {missing}; no route: {strange}"


def gone(matrix, row):
    """What was deleted is 404 for staff, too, on both faces, and so is what it contained; a
    concept is retired only, and behind the latest version comes another."""
    if re.search("/concepts/|/mappings/|/members/|/latest/|^/(guide|v2)/user/", row.place):
        return
    for face in ("/guide/", "/v2/"):
        place = row.place.replace("/guide/", face)
        for under in ("", "sources/Open/", "versions/", "concepts/"):
            a = matrix.ask("staff", "GET", place + under)
            matrix.check(a.status == 404, f"GET {place + under} after DELETE: {a} (G148 V105)")


# ---- Lists: which rows, and how many ----


def owners():
    return {**{org: f"/orgs/{org}/" for org in MEMBERS},
            **{user: f"/users/{user}/" for user in (*ACCOUNTS, TARGET)}}


def sees(who, owner, source):
    return ACCESS[source] != "None" or belongs(who, owner) or is_staff(who)


def visible_sources(who, of=None):
    return {f"{place}sources/{s}/" for owner, place in owners().items() for s in SOURCES
            if of in (None, owner) and sees(who, owner, s)}


def visible_concepts(who, face, of=None):
    """Retired ones are left out on v2 (V338), and shown by the guide (G126)."""
    ids = ("a%20b", "old") if face == "guide" else ("a%20b",)
    return {f"{s}concepts/{c}/" for s in visible_sources(who, of) for c in ids}


def visible_mappings(who, of=None):
    """Where both ends may be seen (V117): one leads to its owner's Priv."""
    return {f"{s}mappings/{m}/" for owner in owners() if of in (None, owner)
            for s in visible_sources(who, owner)
            for m in (("m", "priv") if sees(who, owner, "Priv") else ("m",))}


def visible_orgs(who, among=tuple(MEMBERS)):
    """G63, V218, V806; OCL is made with the installation."""
    seen = {f"/orgs/{o}/" for o in among if o != "HID" or belongs(who, o) or is_staff(who)}
    return seen | ({"/orgs/OCL/"} if among == tuple(MEMBERS) else set())


def orgs_of(user):
    return tuple(o for o, names in MEMBERS.items() if user in names)


def sources_of_orgs(who, user):
    """Of organisations that the caller may know the user to be in (V216, V117)."""
    return {s for o in orgs_of(user) if f"/orgs/{o}/" in visible_orgs(who, (o,))
            for s in visible_sources(who, o)}


def lists(who, face):
    """(path, the rows there are for `who`)."""
    everybody = {f"/users/{u}/" for u in (*ACCOUNTS, TARGET, "admin")}
    yield "sources/", visible_sources(who)
    yield "concepts/", visible_concepts(who, face)
    if face == "v2":
        yield "mappings/", visible_mappings(who)
        yield "mappings/?toConcept=a+b", visible_mappings(who)
        for base in ("orgs/WHO/sources/Open/", "users/owner/sources/Edit/"):
            here = {m for m in visible_mappings(who) if m.startswith("/" + base)}
            for below in ("", "HEAD/", "v1/", "latest/"):
                yield base + below + "mappings/", here
                yield base + below + "concepts/old/mappings/", here
        yield "repos/", visible_sources(who)
        yield "orgs/WHO/repos/?repo_type=source", visible_sources(who, "WHO")
    yield "orgs/", visible_orgs(who)
    yield "users/", everybody  # G67, V213: users are not hidden; one switched off is none less
    yield "users/owner/orgs/", visible_orgs(who, orgs_of("owner"))
    for owner, place in owners().items():
        if owner in ("WHO", "HID", "owner", "other"):
            yield place[1:] + "sources/", visible_sources(who, owner)
    if face == "v2":
        yield "users/owner/orgs/sources/", sources_of_orgs(who, "owner")
        yield "users/owner/orgs/repos/", sources_of_orgs(who, "owner")
    if face == "v2" and who != "none":
        yield "user/orgs/sources/", sources_of_orgs(who, who)
    if who != "none":
        yield "user/sources/", visible_sources(who, who)
        yield "user/orgs/", visible_orgs(who, orgs_of(who))
        if face == "v2":
            yield "user/repos/", visible_sources(who, who)
        # A filter, an order or a page finds nothing more (V117).
        yield "sources/?owner=WHO", visible_sources(who, "WHO")
        yield "concepts/?owner=WHO&sortAsc=name", visible_concepts(who, face, "WHO")


def lists_and_counts(matrix):
    """Every list holds what the caller may see, and its headers count that and no more."""
    for face, who in itertools.product(("guide", "v2"), EVERYBODY):
        if who in ("bad", "off") or (face == "guide" and who == "none"):
            continue
        for path, want in lists(who, face):
            look_at_list(matrix, who, f"/{face}/{path}", want)
    matrix.done()


def look_at_list(matrix, who, place, want):
    between = "&" if "?" in place else "?"
    a = matrix.ask(who, "GET", f"{place}{between}limit=1000")
    got = {row["url"] for row in a.json()} if a.status == 200 else {str(a)}
    matrix.check(got == want, f"GET {place} by {who}: {sorted(got ^ want)[:4]} (G96 V117)")
    for method, page in (("GET", "1"), ("GET", "2&page=2"), ("HEAD", "1000")):
        a = matrix.ask(who, method, f"{place}{between}limit={page}")
        matrix.check(a.headers["num_found"] == str(len(want)),
                     f"{method} {place} by {who}: num_found {a.headers['num_found']}, "
                     f"not {len(want)} (V117 V329)")


def counts_in_details(matrix):
    """Counts are of what is public, whoever asks (G105, V117). The guide's `orgs` is all
    organisations of a user (G100), hidden ones included, and so is v2's."""
    for who in EVERYBODY[2:]:
        if who == "off":
            continue
        for place, name, want in (
                ("/guide/orgs/WHO/", "publicSources", 2), ("/v2/orgs/WHO/", "public_sources", 2),
                ("/guide/users/owner/", "publicSources", 2),
                ("/v2/users/owner/", "public_sources", 2),
                ("/v2/users/owner/", "sources", 2),
                ("/v2/users/creator/", "owned_orgs", 1)):
            a = matrix.ask(who, "GET", place)
            got = a.json().get(name) if a.status == 200 else str(a)
            matrix.check(got == want, f"{name} of {place} for {who}: {got}, not {want} (V117)")
    matrix.done()


# ---- What is private tells nothing ----

INSIDE = ("", "versions/", "latest/", "v1/", "nope/", "concepts/", "concepts/old/",
          "concepts/nope/", "concepts/old/versions/", "concepts/nope/versions/",
          "v1/concepts/old/", "v1/concepts/nope/", "nope/concepts/old/")
INSIDE_V2 = ("mappings/", "mappings/m/", "mappings/nope/", "concepts/old/mappings/",
             "v1/mappings/m/", "concepts/old/children/", "v1/concepts/nope/parents/",
             "hierarchy/", "v1/hierarchy/", "properties/", "v1/filters/", "mapped-sources/",
             "client-configs/",
             "HEAD/", "summary/", "v1/processing/", "extras/", "extras/key/", "extras/nope/",
             "v1/extras/", "v1/extras/key/", "nope/extras/key/")


def private_is_silent(matrix):
    """A caller without the view right gets one answer for all that may lie in a source, there
    or not, and with every ETag that others know (G60, V806)."""
    for face, who in itertools.product(("guide", "v2"), ("none", "stranger", "creator", "other")):
        for owner in ("/orgs/WHO/", "/users/owner/"):
            base = f"/{face}{owner}sources/Priv/"
            want = matrix.ask(who, "GET", base)
            matrix.check(want.status == (401 if who == "none" else 403), f"{base} {who}: {want}")
            for inside in INSIDE + (INSIDE_V2 if face == "v2" else ()):
                tag = matrix.ask("staff", "GET", base + inside).headers["ETag"] or '"none"'
                for method, headers in silent_requests(tag):
                    body = {} if method in ("PUT", "POST") else None
                    a = matrix.ask(who, method, base + inside, body, **headers)
                    if a.status == 405:
                        continue
                    same = a.status == want.status and a.body in (want.body, b"")
                    matrix.check(same and a.headers["ETag"] is None,
                                 f"{method} {base}{inside} {headers} by {who}: {a}, not {want}")
    matrix.done()


def silent_requests(tag):
    yield from (("GET", {}), ("HEAD", {}), ("GET", {"If_None_Match": tag}),
                ("GET", {"If_None_Match": "*"}), ("GET", {"If_Match": tag}),
                ("HEAD", {"If_None_Match": tag}))
    for method in ("PUT", "DELETE", "POST"):
        yield from ((method, {}), (method, {"If_Match": tag}), (method, {"If_Match": '"0"'}),
                    (method, {"If_None_Match": tag}))


def refused_alike(matrix):
    """What nobody but staff may do tells nothing of what is there (G86, G149, V106)."""
    for method, there, absent in (
            ("GET", "/guide/admin/tokens/target/", "/guide/admin/tokens/nope/"),
            ("DELETE", "/guide/orgs/WHO/?hardDelete=true", "/guide/orgs/NOPE/?hardDelete=true"),
            ("DELETE", "/guide/users/owner/?hardDelete=true",
             "/guide/users/nope/?hardDelete=true"),
            ("GET", "/api/catalog/v1/users/owner/", "/api/catalog/v1/users/nope/"),
            ("GET", f"/api/program_enrollments/v1/programs/{PROGRAM}/enrollments/",
             "/api/program_enrollments/v1/programs/0a/enrollments/")):
        for who in ("none", "bad", "stranger", "creator", "off"):
            a, b = (matrix.ask(who, method, place) for place in (there, absent))
            matrix.check((a.status, a.body) == (b.status, b.body) and a.status in (401, 403),
                         f"{method} {there} by {who}: {a}; absent: {b}")
    matrix.done()


def rights_end_at_once(matrix):
    """Whoever is no member any more, and whoever looked at what has become private, gets
    nothing by the tag of what he saw (G107, G145). On several connections: each loop of the
    server remembers tags of its own."""
    base = "/guide/orgs/WHO/sources/"
    clients = [Client(matrix.admin.connection.port, matrix.world.token["member"])
               for _ in range(6)]
    tags = {s: [c.expect(200, "GET", f"{base}{s}/").headers["ETag"] for c in clients]
            for s in SOURCES}
    matrix.admin.expect(204, "DELETE", "/guide/orgs/WHO/members/member/")
    matrix.admin.expect(200, "PUT", f"{base}Open/", {"publicAccess": "None"})
    for s, want in (("Open", 403), ("Priv", 403), ("Edit", 200)):
        for c, tag in zip(clients, tags[s]):
            for headers in ({}, {"If_None_Match": tag}):
                a = c.ask("GET", f"{base}{s}/", **headers)
                matrix.check(a.status == want or (want == 200 and a.status == 304),
                             f"GET {base}{s}/ {headers} by who was a member: {a}")
    matrix.admin.expect(200, "PUT", f"{base}Open/", {"publicAccess": "View"})
    matrix.admin.expect(204, "PUT", "/guide/orgs/WHO/members/member/")
    for c in clients:
        c.expect(200, "GET", base + "Priv/")
    matrix.done()


def lines_are_judged_one_by_one(matrix):
    """An import is judged as its caller, line by line (V613)."""
    for who in ("stranger", "member", "owner", "other", "staff"):
        lines = [{"type": "Concept", "id": f"by-{who}", "owner": owner, "source": source,
                  "owner_type": kind, "concept_class": "C", "names": [{"name": "N",
                                                                       "locale": "en"}]}
                 for owner, kind in (("WHO", "Organization"), ("owner", "User"))
                 for source in SOURCES]
        got = matrix.ask(who, "POST", "/guide/importers/lines/", {"lines": lines}).json()
        for line, result in zip(lines, got["results"]):
            mine = belongs(who, line["owner"]) or is_staff(who)
            want = "created" if mine or line["source"] == "Edit" else "permission_denied"
            matrix.check(result["outcome"] == want, f"{line} by {who}: {result}, not {want}")
    matrix.done()


# ---- Enrollments and catalog (enrollments.md, sections 3 and 11) ----

P = f"/api/program_enrollments/v1/programs/{PROGRAM}/enrollments/"
C = f"/api/program_enrollments/v1/programs/{PROGRAM}/courses/{COURSE}/enrollments/"
ABSENT = "/api/program_enrollments/v1/programs/0a/enrollments/"
CATALOG = "/api/catalog/v1/"

# method, path, body, status for those who may. Superusers alone are none of these (A22), nor
# is a restricted client of staff where restrictions are enforced (A23). Accounts that are
# switched off are let in as what they are (section 11), which is not staff here.
STAFF_ONLY = (("GET", P, None, 200), ("POST", P, [], 422), ("GET", C, None, 200),
              ("POST", C, [], 422), ("PATCH", C, [], 422), ("PATCH", P, [], 405),
              ("PUT", P, [], 405), ("DELETE", P, None, 405), ("DELETE", C, None, 405),
              ("GET", ABSENT, None, 404), ("OPTIONS", P, None, 200))
# The contract has no HTTP for the catalog; docs/catalog.md: superusers.
SUPERUSERS_ONLY = tuple(("GET", CATALOG + name, None, 200) for name in (
    "users/", "programs/", "organizations/", "course_overviews/", "course_enrollments/",
    "social_auth/", "oauth2_clients/", "program_enrollments/", "program_course_enrollments/",
    "users/owner/", f"programs/{PROGRAM}/")) + (("POST", CATALOG + "load/", {}, 200),)


def enrollment_rights(matrix, server, restricted):
    bearers = {who: Client(server.port, world.BEARER.format(who), "Bearer") for who in ACCOUNTS}
    bearers.update(none=Client(server.port, ""), bad=Client(server.port, "0" * 40, "Bearer"),
                   restricted=Client(server.port, restricted, "Bearer"))
    for table, may in ((STAFF_ONLY, "staff"), (SUPERUSERS_ONLY, "superuser")):
        for (method, place, body, status), (who, client) in itertools.product(table,
                                                                              bearers.items()):
            want = 401 if who in ("none", "bad") else status if who == may else 403
            for query in ("", "?username=" + who):  # A21: the hole is closed
                a = client.ask(method, place + query, body)
                matrix.cells += 1
                matrix.check(a.status == want, f"{method} {place}{query} by {who}: {a}, not {want}")
    matrix.done()


def restricted_token(server):
    """Of a restricted client that acts for staff."""
    form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": "machine",
                                   "client_secret": world.PASSWORD}).encode()
    a = server.client("").raw("POST", "/oauth2/access_token", form,
                              {"Content-Type": "application/x-www-form-urlencoded"})
    return json.loads(a.body)["access_token"]


# ---- All of it ----


def run_on(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site:
        site.init()
        world.load(site)
        with site.serve("--set", "auth.jwt.enforce_restricted=on", "--set", "tasks.slots=0") as server:
            matrix = Matrix(server, World(site, server.client()).fill())
            for name, case in (
                    ("lists hold what the caller may see", lists_and_counts),
                    ("counts tell no more than lists", counts_in_details),
                    ("what is private answers alike", private_is_silent),
                    ("what is refused answers alike", refused_alike),
                    ("rights that end, end at once", rights_end_at_once),
                    ("every route has a row", every_route_has_a_row),
                    ("every route for everybody", cells),
                    ("lines of an import", lines_are_judged_one_by_one)):
                tally.run(f"{engine}: {name}", case, matrix)
            tally.run(f"{engine}: programs and their catalog", enrollment_rights, matrix, server,
                      restricted_token(server))
            print(f"{engine}: {matrix.cells} cells")


if __name__ == "__main__":
    sys.exit(run_on_engines(__doc__, run_on, is_long=True))
