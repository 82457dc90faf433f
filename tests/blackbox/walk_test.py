"""Properties of what goes in and comes out, walked over every operation of /openapi.json:

- what a document shows can be sent back unchanged to every address that takes it, and changes
  nothing but times, on no face (X13, X38);
- what is made or changed shows what was sent, on the face asked and on the others;
- on the guide's face what is unknown or read-only is ignored, never written (G1); enrollments
  ignore it (C23), the catalog refuses it by name and writes nothing;
- a write without credentials, or with ones that do not count, is refused.

No list of resources is kept here: paths and bodies come from the document of the running
server, what there is from tests/blackbox/world.py.

Usage: walk_test.py --nestor PATH
# rows: G1 G11 G12 G14 G15 G27 G45 G52 G93 V101 C23 A16
"""
import copy
import json
import re
import sys

import world
from openapi import document_of
from support import Client, Site, run_on_engines
from world import KNOWN, RELEASED, UNRELEASED, Identity, World, places

# What may differ after a document was sent back: times, and the numbers of a new version; the
# token of a new user is shown once (V210).
MOVES = {"updatedOn", "updated_on", "updated_at", "version", "version_url", "uuid",
         "previous_version_url", "version_updated_on", "version_created_on", "updated_by",
         "version_updated_by", "version_created_by", "latest_source_version", "token"}
# Members of bodies that name something; a text of its own for each of the others.
NAMES = {**{n: KNOWN[n] for n in KNOWN if n not in ("username", "client_id", "url")},
         "previousVersion": UNRELEASED, "parentVersion": RELEASED}
# Of rows, what is not there yet.
FREE = {"username": "other", "client_id": "robot", "uuid": "0b", "uid": "hills:1002",
        "external_user_key": "1002", "curriculum_uuid": "0a3d7c52-7d67-4a6e-9a5b-6a52d6b3a002"}
SHOWN = 30


# Of a write that changes nothing (V404: 208 where no version was made).
UNCHANGED = (200, 208)


class Walk:
    """Who may everything asks: a superuser by token, and staff by a bearer token where the
    face takes no other."""

    def __init__(self, server, a_world, document):
        self.server, self.world, self.document = server, a_world, document
        self.client = Client(server.port, "")
        self.root = Identity("superuser", a_world.token["superuser"])
        self.staff = Identity("staff", a_world.token["staff"])
        self.of = {(o.path, o.method): o for o in document.operations}
        self.faults, self.count = [], 0

    def who(self, operation):
        return self.root if "token" in operation.credentials() else self.staff

    def ask(self, operation, place, body=None, who=None):
        header = (who or self.who(operation)).header(operation)
        headers = {"Authorization": header} if header else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        self.count += 1
        return self.client.raw(operation.method.upper(), place, body, headers)

    def get(self, place, operation):
        """The document at an address; None: there is none."""
        a = self.ask(self.of.get((operation.path, "get"), operation), place)
        return a.json() if a.status == 200 else None

    def everywhere(self, place):
        """{face: the document} of what several faces show."""
        shown = {}
        for face in ("guide", "v2"):
            a = self.client.raw("GET", re.sub("^/(guide|v2)/", f"/{face}/", place), None,
                                {"Authorization": self.root.headers["token"]})
            if a.status == 200:
                shown[face] = a.json()
        return shown

    def places(self, operation):
        return places(self.who(operation), self.client, operation)[0]

    def writes(self):
        """Operations that take a document and whose path shows one; GraphQL takes questions.
        What administrators switch would end the walk: admin.http sends it back."""
        for o in self.document.operations:
            if o.path == "/v2/graphql/" or "/admin/" in o.path:
                continue
            get = self.of.get((o.path, "get"))
            if o.method in ("post", "put", "patch") and "application/json" in o.bodies and get and \
                    "application/json" in get.responses["200"].get("content", {}):
                yield o

    def example(self, operation, is_whole, **more):
        schema = operation.bodies["application/json"]["schema"]
        body = self.document.example(schema, is_whole, {**NAMES, **more})
        if isinstance(body, dict) and "first_name" in body:  # V210: they say the same
            body["name"] = f"{body['first_name']} {body['last_name']}"
        return world.alive(operation.path, body)

    def check(self, holds, text):
        if not holds:
            self.faults.append(text[:600])

    def done(self, tried, least):
        for text in self.faults[:SHOWN]:
            print(f"    {text}")
        count, self.faults = len(self.faults), []
        assert count == 0, f"{count} of {tried} documents"
        assert tried >= least, f"only {tried} were tried"


def still(value):
    """A document without what may move; of elements, everything stays."""
    if isinstance(value, dict):
        return {k: v for k, v in value.items() if k not in MOVES}
    return value


def changes(operation):
    """Does it change what its path shows, instead of making something new?"""
    return operation.method != "post" or "201" not in operation.successes()


def is_catalog(operation):
    return operation.path.startswith("/api/catalog/")


def tells_otherwise(operation):
    """It shows what is pinned, followed or pictured, not how that was said, and nothing twice
    (V216, V266); or what will come of it (V601)."""
    return operation.path.endswith(("/pins/", "/following/", "/logo/")) or "bulk" in operation.path


# ---- Sent back ----


def sent_back(walk):
    tried = 0
    for operation in walk.writes():
        if not changes(operation):
            continue
        for place in walk.places(operation):
            before = walk.get(place, operation)
            rows = before.get("results", before) if isinstance(before, dict) else None
            if not rows or creates_rows(walk, operation):
                continue
            seen = walk.everywhere(place)
            a = walk.ask(operation, place, rows)
            walk.check(a.status in UNCHANGED, f"{operation.method} {place}: {a}")
            after, now = walk.get(place, operation), walk.everywhere(place)
            walk.check(still(before) == still(after), f"{place}: {before} became {after}")
            for face, document in seen.items():
                walk.check(still(document) == still(now.get(face)),
                           f"{place} on {face}: {document} became {now.get(face)}")
            if is_catalog(operation):
                walk.check(unchanged(a.json()), f"{operation.method} {place}: {a}")
            elif "results" not in before and a.status == 200:
                walk.check(still(a.json()) == still(after), f"{place}: the answer was {a}")
            tried += 1
    walk.done(tried, 40)


def creates_rows(walk, operation):
    """A POST beside which a PATCH stands makes rows, and does not take them again."""
    return operation.method == "post" and (operation.path, "patch") in walk.of


def unchanged(tallies):
    return not any(t["made"] or t["changed"] for t in tallies.values() if isinstance(t, dict))


# ---- What is sent is shown ----


def same(sent, shown):
    """A list of words may be shown as text (G108), an object's children with more members."""
    if isinstance(sent, list) and isinstance(shown, str):
        return re.split(", ?", shown)[-len(sent):] == sent or shown == ",".join(sent)
    if isinstance(sent, list) and isinstance(shown, list) and len(sent) == len(shown):
        return all(same(a, b) for a, b in zip(sent, shown))
    if isinstance(sent, dict) and isinstance(shown, dict):
        return all(same(v, shown.get(k)) for k, v in sent.items())
    return sent == shown


def snake(name):
    return re.sub("([A-Z])", lambda m: "_" + m.group(1).lower(), name)


def shows(walk, operation, place, body, document):
    """Every member that was sent and is shown has the value that was sent."""
    seen = 0
    for name, value in body.items():
        if name in document and not isinstance(value, list):
            seen += 1
            walk.check(same(value, document[name]),
                       f"{operation.method} {place}: {name} {value!r} is {document[name]!r}")
        elif name in document:
            seen += 1
            wanted = named_as_shown(value)
            if name == "supported_locales":  # V224: the default one first
                first = document["default_locale"]
                wanted = [first] + [word for word in wanted if word != first]
            walk.check(same(wanted, document[name]),
                       f"{operation.method} {place}: {name} {value!r} is {document[name]!r}")
    walk.check(seen > 0, f"{operation.method} {place}: nothing of {body} in {document}")
    return seen


def named_as_shown(value):
    """A description may be given as `name` (G121)."""
    return [{k: v for k, v in e.items() if not (k == "name" and "description" in e)}
            if isinstance(e, dict) else e for e in value]


def on_v2(walk, operation, place, body):
    """v2 shows the same under its own spelling; lists and children it shapes itself."""
    document = walk.everywhere(place).get("v2") or {}
    for name, value in body.items():
        shown = document.get(snake(name))
        if snake(name) in document and not isinstance(value, list):
            walk.check(same(value, shown), f"{operation.method} {place}: v2 has "
                                           f"{snake(name)} {shown!r}, not {value!r}")


def made_as_sent(walk):
    """What is created: its answer, and its GET at Location (G52)."""
    tried = 0
    for operation in walk.writes():
        if "201" not in operation.successes() or "{program}" in operation.path:
            continue
        body = walk.example(operation, True)
        place = walk.places(operation)[0]
        a = walk.ask(operation, place, body)
        walk.check(a.status == 201, f"{operation}: {body} {a}")
        if a.status != 201:
            continue
        at = f"/{operation.path.split('/')[1]}{a.headers['Location']}"
        document = walk.client.raw("GET", at, None,
                                   {"Authorization": walk.root.headers["token"]}).json()
        walk.check(still(a.json()) == still(document), f"{operation}: {a}, GET is {document}")
        if not tells_otherwise(operation):
            shows(walk, operation, at, body, document)
            on_v2(walk, operation, at, body)
        tried += 1
    walk.done(tried, 8)


def changed_as_sent(walk):
    """What is changed: every member that may be, at once."""
    tried = 0
    for operation in walk.writes():
        if (not changes(operation) or tells_otherwise(operation)
                or not operation.path.startswith(("/guide/", "/v2/"))):
            continue
        for place in walk.places(operation):
            name = (walk.get(place, operation) or {}).get("username")
            body = walk.example(operation, True, username=name)
            a = walk.ask(operation, place, body)
            walk.check(a.status in UNCHANGED, f"{operation.method} {place} {body}: {a}")
            document = walk.get(place, operation)
            shows(walk, operation, place, body, document)
            on_v2(walk, operation, place, body)
            tried += 1
    walk.done(tried, 30)


def rows_as_sent(walk):
    """Rows of the catalog: what a POST took, the list shows."""
    tried = 0
    for operation in walk.writes():
        if not is_catalog(operation):
            continue
        row = walk.example(operation, False, **FREE)
        row = row if isinstance(row, dict) else "course-v1:Made+Up+1"
        if "client_id" in row:
            row["client_secret"] = world.PASSWORD
        a = walk.ask(operation, operation.path, row)
        walk.check(a.status == 200, f"{operation} {row}: {a}")
        rows = walk.get(operation.path + "?limit=1000", operation)["results"]
        row = row if isinstance(row, dict) else {"key": row}
        walk.check(any(all(r.get(k, v) == v for k, v in row.items()) for r in rows),
                   f"{operation}: {row} is not among {rows}")
        tried += 1
    walk.done(tried, 8)


# ---- Unknown and read-only input ----

# Of v2: shown, and refused by name when it is given otherwise, until it is kept (V236).
NOT_KEPT = {"released", "hierarchy_root_url"}
LISTS = ("names", "descriptions")
UNKNOWN = {"nope": {"a": [1]}, "is_superuser": True, "is_active": False}


def another(value):
    """A value of the same kind that is not this one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 7
    return "altered" if value is None or isinstance(value, str) else copy.copy([])


def settable(walk, operation):
    schema = walk.document.resolve(operation.bodies["application/json"]["schema"])
    assert "properties" in schema, operation
    kept = {spelled for n in schema["properties"] for spelled in (n, snake(n))}
    return kept | (NOT_KEPT if operation.path.startswith("/v2/") else set())


def is_free(walk, operation):
    """An object of any members: none is unknown (V208)."""
    schema = walk.document.resolve(operation.bodies["application/json"]["schema"])
    return "properties" not in schema


def ignored(walk):
    """G1: an unknown or unmodifiable member is ignored, when something is made, too."""
    tried = 0
    for operation in walk.writes():
        if not operation.path.startswith(("/guide/", "/v2/")) or tells_otherwise(operation):
            continue
        if not changes(operation):
            tried += ignored_when_made(walk, operation)
            continue
        if is_free(walk, operation):
            continue
        for place in walk.places(operation):
            before, may = walk.get(place, operation), settable(walk, operation)
            body = {**UNKNOWN, **{n: another(v) for n, v in before.items()
                                  if n not in may and snake(n) not in may}}
            if operation.method == "put":  # V247: lists that it leaves out are empty
                body.update({n: before[n] for n in LISTS if n in before})
            a = walk.ask(operation, place, body)
            walk.check(a.status in UNCHANGED, f"{operation.method} {place} {body}: {a}")
            after = walk.get(place, operation)
            walk.check(still(before) == still(after), f"{place}: {different(before, after)}")
            tried += 1
    walk.done(tried, 40)


def different(before, after):
    """The members that are not the same any more."""
    return {n: (v, after.get(n)) for n, v in still(before).items() if after.get(n) != v}


def smallest(walk, operation):
    """A mapping needs ends, which may be given in more than one way (V260)."""
    body = walk.example(operation, False)
    ends = ("from_concept_url", "to_concept_url") if "map_type" in body else ()
    return {**body, **{n: KNOWN[n] for n in ends}}


def ignored_when_made(walk, operation):
    place = walk.places(operation)[0]
    plain = walk.ask(operation, place, smallest(walk, operation)).json()
    may = settable(walk, operation)
    more = {n: "altered" for n in plain if n not in may and snake(n) not in may}
    a = walk.ask(operation, place, {**UNKNOWN, **more, **smallest(walk, operation)})
    walk.check(a.status == 201 and "altered" not in a.json().values(),
               f"{operation}: {more} was taken: {a}")
    return 1


def rows_with_more(walk):
    """C23 and section 6.2: enrollments ignore what they do not read. The catalog refuses it by
    name and writes nothing (fixture.md, rule 1)."""
    tried = 0
    for operation in walk.writes():
        if operation.path.startswith("/guide/"):
            continue
        place = walk.places(operation)[0]
        before = walk.get(place, operation)
        row = walk.example(operation, True, username="other")
        row = row[0] if isinstance(row, list) else row
        if not isinstance(row, dict):
            row = {"key": row}
        if is_catalog(operation):
            a = walk.ask(operation, place, {**row, "nope": 1})
            walk.check(a.status == 400 and "nope" in a.body.decode(), f"{operation}: {a}")
            walk.check(walk.get(place, operation) == before, f"{operation}: it wrote something")
        else:
            plain = walk.ask(operation, place, [row])
            more = {**row, "nope": 1, "user": "owner", "program_uuid": "0a"}
            walk.world.mend("/api/")
            a = walk.ask(operation, place, [more])
            walk.check(a.status == plain.status, f"{operation} {more}: {a}, not {plain}")
        tried += 1
    walk.done(tried, 10)


# ---- Writes by nobody ----


def refused(walk):
    """Without credentials, or with ones that do not count, nothing is written: 401, but on v2
    the anonymous hear as little as strangers of members and of new sources (V222, V225), have no
    /user/ (V217) and see no project that is not shared (V272)."""
    nobody = (Identity("none", ""), Identity("bad", "0" * 40))
    tried = 0
    for operation in walk.document.operations:
        if operation.method == "get" or not operation.spec["security"] \
                or "" in operation.credentials():
            continue
        place = walk.places(operation)[0]
        body = walk.example(operation, False) if "json" in "".join(operation.bodies) else None
        for who in nobody:
            a = walk.ask(operation, place, body, who)
            wanted = 401
            if who.name == "none" and (operation.path.startswith("/v2/user/")
                                       or "{map_project}" in operation.path):
                wanted = 404
            elif who.name == "none" and re.match(
                    "/v2/(orgs/[^/]+/(members|users)/|(orgs|users)/[^/]+/sources/$)",
                    operation.path):
                wanted = 403
            walk.check(a.status == wanted, f"{operation} by {who.name}: {a}")
            tried += 1
    walk.done(tried, 100)


def run_on(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site:
        site.init()
        world.load(site)
        with site.serve() as server:
            client = server.client()
            walk = Walk(server, World(site, client).fill(),
                        document_of(client.expect(200, "GET", "/openapi.json").body))
            for name, case in (("a document that is sent back changes nothing", sent_back),
                               ("what is made shows what was sent", made_as_sent),
                               ("what is changed shows what was sent", changed_as_sent),
                               ("rows show what was sent", rows_as_sent),
                               ("unknown and read-only members are ignored", ignored),
                               ("rows with unknown members", rows_with_more),
                               ("nobody writes", refused)):
                tally.run(f"{engine}: {name}", case, walk)
            tally.run(f"{engine}: what is stored is sound", site.verify)
            print(f"{engine}: {walk.count} requests")


if __name__ == "__main__":
    sys.exit(run_on_engines(__doc__, run_on))
