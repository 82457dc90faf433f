"""`nestor load` and `nestor dump`: what a document does, what it is refused for, and
that a load which fails or is killed leaves nothing (docs/contracts/fixture.md).

Usage: fixture_test.py --nestor PATH
"""
import copy
import json
import os
import re
import subprocess
import sys

from support import Site, Tally, arguments, build_for, engines, environment

P1 = "6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a10"
P2 = "6F1C1F9E-2f8a-4f43-8a4e-000000000002"
CU = "0a3d7c52-7d67-4a6e-9a5b-6a52d6b3a001"
CU2 = "0a3d7c52-7d67-4a6e-9a5b-6a52d6b3a002"
RUN = "course-v1:HillsU+MAP1+2019"
OTHER = "course-v1:Other+X+1"
BASE = "/api/program_enrollments/v1/programs"


def enrollment(key, program=P1, cu=CU, **more):
    return {"program": program, "external_user_key": key, "curriculum_uuid": cu, **more}


def seat(key, program=P1, course=RUN, **more):
    return {"program": program, "external_user_key": key, "course_key": course, **more}


# Every array, with more than one row where order matters; as dump would write it but
# for secrets, short forms and defaults.
DOCUMENT = {
    "users": [
        {"username": "registrar", "is_staff": True, "token": "registrar-token"},
        {"username": "ann", "email": "ann@example.edu", "password": "an old brown fox jumps"},
        {"username": "bo", "is_active": False,
         "tokens": [{"value": "bo-late", "expires": "2100-01-01T00:00:00Z"},
                    {"value": "bo-gone", "expires": "2001-01-01T01:00:00+01:00"}]},
    ],
    "sessions": [{"username": "registrar", "sessionid": "s" * 20, "csrftoken": "c" * 32}],
    "oauth2_clients": [
        {"client_id": "zeta", "client_secret": "zeta-secret", "username": "registrar"},
        {"client_id": "alpha", "client_secret": "alpha-secret", "username": "ann",
         "is_restricted": True},
    ],
    "organizations": [
        {"key": "HillsU", "name": "Hills University", "saml_slug": "hills"},
        {"key": "Dales", "saml_providers": [{"slug": "d1"}, {"slug": "d2", "enabled": False}]},
        {"key": "Plain"},
    ],
    "social_auth": [
        {"username": "ann", "uid": "hills:1001"},
        {"username": "bo", "provider": "d1", "uid": "77"},
    ],
    "programs": [
        {"uuid": P2, "title": "Zeta", "authoring_organizations": ["Dales", "Nowhere"],
         "courses": [{"key": "HillsU+MAP1", "course_runs": [RUN]}]},
        {"uuid": P1, "title": "Cartography \u2028 \u00e4", "type": "Masters",
         "marketing_slug": "maps", "authoring_organizations": ["HillsU"],
         "curricula": [CU, {"uuid": CU2, "is_active": False,
                            "courses": [{"key": "C", "title": "In a curriculum",
                                         "course_runs": [{"key": "course-v1:C+C+1"}]}]}],
         "courses": [{"key": "HillsU+MAP1", "title": "Maps",
                      "course_runs": [RUN, {"key": "no course key", "title": "N8"}]}]},
        {"uuid": "abc-0", "empty": True},
    ],
    "course_overviews": [
        OTHER,
        {"key": "Old/Course/2012", "display_name": "Old", "start": "2019-05-07T12:00:00Z",
         "end": None, "enrollment_start": "2019-05-07T14:30:00.25+02:00", "capacity": 0},
    ],
    "course_enrollments": [
        {"username": "ann", "course_key": RUN, "mode": "masters"},
        {"username": "bo", "course_key": OTHER, "mode": "no-id-professional", "is_active": False},
    ],
    "program_enrollments": [
        enrollment("1001", status="enrolled", user="ann"),
        enrollment("77", P2, user="bo", status="suspended"),
        enrollment("1002", status="pending"),
        enrollment("1001", cu=CU2),
        enrollment(None, user="bo", status="withdrawn"),
        enrollment("\U0001F600 x", P2),
    ],
    "program_course_enrollments": [
        seat("1001", curriculum_uuid=CU),
        seat("77", P2, OTHER, status="inactive", course_enrollment=True),
        seat("1002", course=OTHER),
        seat("1001", curriculum_uuid=CU2, user=None, course_enrollment=False),
        seat(None, user="bo", course_enrollment=False),
    ],
}
SECRETS = {"password", "token", "tokens", "client_secret"}


def expected_dump():
    """DOCUMENT with every default, without what cannot be read back."""
    d = copy.deepcopy(DOCUMENT)
    del d["sessions"]
    user = {"username": None, "email": "", "is_staff": False, "is_superuser": False,
            "is_active": True}
    d["users"] = [{**user, **{k: v for k, v in u.items() if k not in SECRETS}}
                  for u in d["users"]]
    d["oauth2_clients"] = [{"client_id": c["client_id"], "username": c["username"],
                            "is_restricted": c.get("is_restricted", False)}
                           for c in d["oauth2_clients"]]
    d["organizations"] = [
        {"key": "HillsU", "name": "Hills University",
         "saml_providers": [{"slug": "hills", "enabled": True}]},
        {"key": "Dales", "name": "", "saml_providers": [{"slug": "d1", "enabled": True},
                                                        {"slug": "d2", "enabled": False}]},
        {"key": "Plain", "name": "", "saml_providers": []}]
    d["social_auth"] = [{"username": "ann", "uid": "hills:1001", "provider": "tpa-saml"},
                        {"username": "bo", "uid": "d1:77", "provider": "tpa-saml"}]

    def courses(given):
        return [{"key": c["key"], "title": c.get("title", ""),
                 "course_runs": [{"key": r, "title": ""} if isinstance(r, str)
                                 else {"key": r["key"], "title": r.get("title", "")} for r in c["course_runs"]]}
                for c in given]
    for p in d["programs"][:2]:
        given = dict(p)
        p.clear()
        p.update({"uuid": given["uuid"], "title": given["title"], "type": given.get("type", ""),
                  "marketing_slug": given.get("marketing_slug", ""),
                  "authoring_organizations": given["authoring_organizations"],
                  "curricula": [{"uuid": c, "is_active": True, "courses": []}
                                if isinstance(c, str) else {**c, "courses": courses(c["courses"])}
                                for c in given.get("curricula", [])],
                  "courses": courses(given["courses"]), "empty": False})
    nothing = {"display_name": "", "start": None, "end": None, "enrollment_start": None,
               "enrollment_end": None, "capacity": None}
    d["course_overviews"] = [
        {"key": key, **nothing} for key in (RUN, "course-v1:C+C+1", OTHER)] + [
        {"key": "Old/Course/2012", "display_name": "Old", "start": "2019-05-07T12:00:00Z",
         "end": None, "enrollment_start": "2019-05-07T12:30:00.250000Z", "enrollment_end": None,
         "capacity": 0}]
    d["course_enrollments"] = [{**e, "is_active": e.get("is_active", True)}
                               for e in d["course_enrollments"]]
    d["program_enrollments"] = [
        {"program": e["program"], "external_user_key": e["external_user_key"],
         "curriculum_uuid": e["curriculum_uuid"], "status": e.get("status", "enrolled"),
         "user": e.get("user")} for e in d["program_enrollments"]]
    rows = [("1001", P1, RUN, CU, "ann", "active", True),
            ("77", P2, OTHER, CU, "bo", "inactive", True),
            ("1002", P1, OTHER, CU, None, "active", False),
            ("1001", P1, RUN, CU2, None, "active", False),
            (None, P1, RUN, CU, "bo", "active", False)]
    d["program_course_enrollments"] = [
        {"program": p, "external_user_key": k, "course_key": c, "curriculum_uuid": cu, "user": u,
         "status": s, "course_enrollment": linked} for k, p, c, cu, u, s, linked in rows]
    return d


# ---- Running ----

def load(site, document, *words, name="doc.json", code=0):
    """Loads a document, or text as it is; returns standard output and error."""
    text = document if isinstance(document, str) else json.dumps(document)
    p = site.run("load", *words, site.write(name, text))
    assert p.returncode == code, f"exit {p.returncode}, not {code}: {p.stdout}{p.stderr}"
    return p.stdout, p.stderr


def dump(site, *words):
    p = site.run("dump", *words)
    assert p.returncode == 0, p.stderr
    return p.stdout


def faults(stderr):
    """Lines that are no log lines."""
    return [line for line in stderr.splitlines() if not line.startswith("{")]


def refuse(site, document, *wanted):
    """The document is refused with exactly these lines, and nothing changes."""
    before = dump(site)
    out, err = load(site, document, code=1)
    got = [line.split(": ", 1)[1] for line in faults(err)]
    assert got == list(wanted), f"{got} instead of {list(wanted)}"
    assert out == "", out
    assert dump(site) == before, "a refused document changed something"


# ---- What a document does ----

def made(site):
    """A missing folder becomes an installation; counts; the dump is the document."""
    out, err = load(site, DOCUMENT)
    assert out.splitlines() == [
        "users: 3 made, 0 changed, 0 unchanged",
        "sessions: 1 made, 0 changed, 0 unchanged",
        "oauth2_clients: 2 made, 0 changed, 0 unchanged",
        "organizations: 3 made, 0 changed, 0 unchanged",
        "social_auth: 2 made, 0 changed, 0 unchanged",
        "programs: 3 made, 0 changed, 0 unchanged",
        "course_overviews: 2 made, 0 changed, 0 unchanged",
        "course_enrollments: 2 made, 0 changed, 0 unchanged",
        "program_enrollments: 6 made, 0 changed, 0 unchanged",
        "program_course_enrollments: 5 made, 0 changed, 0 unchanged"], out
    assert 'warning: programs[1]: the run "no course key" is no course key' in err, err
    text = dump(site)
    assert json.loads(text) == expected_dump(), text
    assert text == json.dumps(expected_dump(), indent=2, ensure_ascii=False) + "\n"


def again(site):
    """A second time changes nothing, ids and history included."""
    tables = ("program_enrollment", "program_course_enrollment", "program_enrollment_history",
              "program_course_enrollment_history", "account", "social_auth", "token",
              "program_course_run", "session", "oauth_client")
    before = {t: sorted(site.query(f"SELECT * FROM {t}")) for t in tables}
    out, _ = load(site, DOCUMENT)
    assert re.fullmatch(r"(\w+: 0 made, 0 changed, \d+ unchanged\n){10}", out), out
    after = {t: sorted(site.query(f"SELECT * FROM {t}")) for t in tables}
    assert before == after, [t for t in tables if before[t] != after[t]]
    assert site.query("SELECT count(*) FROM program_enrollment_history") == [("6",)]
    assert site.query("SELECT count(*) FROM program_course_enrollment_history "
                      "WHERE kind = '+'") == [("5",)]


def copied(site, nestor, cluster):
    """A dump goes into an empty database and comes out as it was; also by --only."""
    text = dump(site)
    with Site(nestor, cluster) as other:
        load(other, text)
        assert dump(other) == text
        only = json.loads(dump(other, "--only", "program_enrollments, users"))
        assert list(only) == ["users", "program_enrollments"], list(only)
        assert only["users"] == json.loads(text)["users"]
    p = site.run("dump", "--only", "sessions")
    assert p.returncode == 2 and "sessions" in p.stderr, p.stderr


def text_of(file):
    with open(file, encoding="utf-8") as f:
        return f.read()


def put_into_file(site):
    """A dump replaces a file when it is whole, for its owner's eyes; one that fails leaves it."""
    file = site.write("dump.json", "of yesterday")
    p = site.run("dump", "--database", site.path("nowhere.db"), "--output", file, where=False)
    assert p.returncode == 1 and text_of(file) == "of yesterday", p.stderr
    text = dump(site)
    assert dump(site, "--output", file) == "" and text_of(file) == text
    os.chmod(file, 0o644)
    dump(site, "--output", file)
    assert os.stat(file).st_mode & 0o777 == 0o600 and not os.path.exists(file + ".part")
    p = site.run("dump", "--output", site.path("none/dump.json"))
    assert p.returncode == 1 and "cannot be written" in p.stderr, p.stderr


def interleaved(nestor, cluster):
    """What was made in several steps comes out of a dump in one, in the same order."""
    with Site(nestor, cluster) as site, Site(nestor, cluster) as other:
        load(site, {"course_overviews": [OTHER], "programs": [{"uuid": "b"}, {"uuid": "a"}]})
        load(site, {"programs": [{"uuid": "c", "courses": [{"key": "C", "course_runs": [RUN]}]}],
                    "program_enrollments": [enrollment(f"k{i}", "abc"[i % 3]) for i in range(9)],
                    "program_course_enrollments": [seat(f"k{i}", "abc"[i % 3], OTHER)
                                                   for i in (8, 1, 3, 0, 2)]})
        text = dump(site)
        now = json.loads(text)
        assert [o["key"] for o in now["course_overviews"]] == [OTHER, RUN]
        assert [e["external_user_key"] for e in now["program_enrollments"]] == \
            [f"k{i}" for i in range(9)]
        assert [e["external_user_key"] for e in now["program_course_enrollments"]] == \
            ["k8", "k1", "k3", "k0", "k2"]
        load(other, text)
        assert dump(other) == text


def changed(site):
    """What is given is set, what is left out stays; one history row a changed row."""
    out, _ = load(site, {
        "users": [{"username": "ann", "email": "new@example.edu"}, {"username": "bo"}],
        "organizations": [{"key": "HillsU", "saml_slug": "hills"},
                          {"key": "Dales", "saml_providers": []}],
        "programs": [{"uuid": P1, "title": "Maps"}, {"uuid": "abc-0", "title": "No longer empty"}],
        "course_overviews": [{"key": "Old/Course/2012", "capacity": 9, "start": None}],
        "course_enrollments": [{"username": "ann", "course_key": RUN, "is_active": False}],
        "program_enrollments": [enrollment("1002", status="withdrawn"),
                                enrollment("1001", user="ann")],
        "program_course_enrollments": [seat("1002", course=OTHER, status="inactive"),
                                       seat("1001", curriculum_uuid=CU, course_enrollment=False)],
    })
    counts = [re.findall(r"\d+", line) for line in out.splitlines()]
    assert counts == [["0", "1", "1"], ["0", "1", "1"], ["0", "2", "0"], ["0", "1", "0"],
                      ["0", "1", "0"], ["0", "1", "1"], ["0", "2", "0"]], out
    now = json.loads(dump(site))
    assert now["users"][1]["email"] == "new@example.edu" and not now["users"][2]["is_active"]
    assert now["organizations"][1]["saml_providers"] == []
    assert now["programs"][1]["title"] == "Maps" and len(now["programs"][1]["courses"]) == 1
    assert now["programs"][2]["empty"] is False
    assert now["course_overviews"][3]["capacity"] == 9
    assert now["course_overviews"][3]["start"] is None
    assert now["course_overviews"][3]["enrollment_start"] == "2019-05-07T12:30:00.250000Z"
    assert now["course_enrollments"][0]["mode"] == "masters"
    assert [e["status"] for e in now["program_enrollments"]] == \
        ["enrolled", "suspended", "withdrawn", "enrolled", "withdrawn", "enrolled"]
    assert [e["course_enrollment"] for e in now["program_course_enrollments"]] == \
        [False, True, False, False, False]
    assert site.query("SELECT kind, status FROM program_enrollment_history "
                      "WHERE external_user_key = '1002' ORDER BY change") == \
        [("+", "pending"), ("~", "withdrawn")]
    load(site, {"programs": [{"uuid": P1, "title": "Cartography \u2028 \u00e4"},
                             {"uuid": "abc-0", "empty": True}],
                "organizations": [DOCUMENT["organizations"][1]],
                "users": [DOCUMENT["users"][1]]})
    assert json.loads(dump(site))["programs"][2] == {"uuid": "abc-0", "empty": True}


def credentials(site):
    """Tokens, sessions and clients of a document let their accounts in."""
    with site.serve() as server:
        def ask(method="GET", path=f"{BASE}/{P1}/enrollments/", body=None, **headers):
            c = server.client("")
            c.connection.request(method, path, body, {k.replace("_", "-"): v
                                                      for k, v in headers.items()})
            answer = c.connection.getresponse()
            text = answer.read()
            c.close()
            return answer.status, json.loads(text)
        assert ask(Authorization="Bearer registrar-token")[0] == 200
        assert ask(Authorization="Bearer bo-late")[0] == 403
        status, text = ask(Authorization="Bearer bo-gone")
        assert status == 401 and text["developer_message"]["error_code"] == "token_expired", text
        cookie = f"sessionid={'s' * 20}; csrftoken={'c' * 32}"
        assert ask(Cookie=cookie)[0] == 200
        assert ask("POST", body=b"[]", Cookie=cookie, Content_Type="application/json")[0] == 403
        assert ask("POST", body=b"[]", Cookie=cookie, X_CSRFToken="c" * 32,
                   Content_Type="application/json") == (422, {})
        status, answer = ask("POST", "/oauth2/access_token", Content_Type="application/json",
                             body=json.dumps({"grant_type": "client_credentials",
                                              "client_id": "zeta",
                                              "client_secret": "zeta-secret"}).encode())
        assert status == 200, answer
        assert ask(Authorization="Bearer " + answer["access_token"])[0] == 200
        status, _ = ask("POST", "/accounts/sign-in/", Content_Type="application/json",
                        body=json.dumps({"username": "ann",
                                         "password": "an old brown fox jumps"}).encode())
        assert status == 200
        # A token that is given anew takes the place of the former, while it is served.
        load(site, {"users": [{"username": "registrar", "token": "another-token"}]})
        assert ask(Authorization="Bearer registrar-token")[0] == 401
        assert ask(Authorization="Bearer another-token")[0] == 200
        load(site, {"users": [DOCUMENT["users"][0]]})
        keys = [r["student_key"] for r in ask(Authorization="Bearer registrar-token")[1]["results"]]
        assert keys == ["1001", "1002", "1001", None], keys


def linked(site):
    """A new link attaches what waits, with its course rows; a user that is given wins."""
    load(site, {
        "users": [{"username": "cy"}, {"username": "di"}],
        "program_enrollments": [enrollment("500"), enrollment("501")],
        "program_course_enrollments": [seat("500"), seat("501"), seat("501", course=OTHER,
                                                                      status="inactive")]})
    load(site, {
        "social_auth": [{"username": "cy", "uid": "hills:500"},
                        {"username": "di", "uid": "hills:501"}],
        "program_enrollments": [enrollment("500", user=None)]})
    now = json.loads(dump(site))
    users = {e["external_user_key"]: e["user"] for e in now["program_enrollments"]}
    assert users["500"] is None and users["501"] == "di", users
    seats = [(e["username"], e["course_key"], e["mode"], e["is_active"])
             for e in now["course_enrollments"]]
    assert ("di", RUN, "masters", True) in seats and ("di", OTHER, "masters", False) in seats
    # What the document says of the user is said of the course rows, too.
    assert not [s for s in seats if s[0] == "cy"], seats
    assert not any(e["course_enrollment"] for e in now["program_course_enrollments"]
                   if e["external_user_key"] == "500")
    # A row made by a load has no effect on course enrollments.
    load(site, {"program_enrollments": [enrollment("502", user="cy", cu=CU2)],
                "program_course_enrollments": [seat("502", course=OTHER)]})
    assert not [e for e in json.loads(dump(site))["program_course_enrollments"]
                if e["external_user_key"] == "502" and e["course_enrollment"]]
    assert ("cy", OTHER) not in [(e["username"], e["course_key"])
                                 for e in json.loads(dump(site))["course_enrollments"]]


def many(nestor, cluster):
    """Links attach waiting learners and their course rows by the thousand, all in one
    transaction (what that costs: bench/enroll, E4)."""
    keys = [str(i) for i in range(2000)]
    with Site(nestor, cluster) as site:
        load(site, {
            "users": [{"username": f"u{key}"} for key in keys],
            "organizations": DOCUMENT["organizations"],
            "programs": [{"uuid": P1, "authoring_organizations": ["HillsU"],
                          "courses": [{"key": "c", "course_runs": [RUN]}]}],
            "program_enrollments": [enrollment(key) for key in keys],
            "program_course_enrollments": [seat(key) for key in keys]})
        load(site, {"social_auth": [{"username": f"u{key}", "uid": f"hills:{key}"}
                                    for key in keys]})
        now = json.loads(dump(site))
        assert [e["user"] for e in now["program_enrollments"]] == [f"u{key}" for key in keys]
        assert all(e["course_enrollment"] for e in now["program_course_enrollments"])
        assert len(now["course_enrollments"]) == len(keys)


def absent(site):
    """Rows that must not exist go, with what depends on them and a row of history."""
    gone = {"program_enrollments": [enrollment("500"), enrollment("501"), enrollment("never"),
                                    enrollment("502", cu=CU2)],
            "course_enrollments": [{"username": "di", "course_key": RUN},
                                   {"username": "di", "course_key": OTHER},
                                   {"username": "cy", "course_key": RUN}],
            "social_auth": [{"uid": "hills:500"}, {"provider": "hills", "uid": "501"}],
            "users": [{"username": "cy"}, {"username": "di"}, {"username": "nobody"}]}
    out, _ = load(site, {"absent": gone})
    assert "program_enrollments: 0 made, 0 changed, 0 unchanged, 3 removed" in out, out
    assert "users: 0 made, 0 changed, 0 unchanged, 2 removed" in out, out
    now = json.loads(dump(site))
    assert {e["external_user_key"] for e in now["program_course_enrollments"]} == \
        {"1001", "77", "1002", None}
    assert [u["username"] for u in now["users"]] == ["registrar", "ann", "bo"]
    kinds = site.query("SELECT kind FROM program_course_enrollment_history h WHERE h.id IN (SELECT "
                       "id FROM program_course_enrollment_history WHERE kind = '-') "
                       "ORDER BY h.id, h.change")
    assert [k for k, in kinds] == ["+", "-", "+", "~", "-", "+", "~", "-", "+", "-"], kinds
    out, _ = load(site, {"absent": gone})
    assert "removed" not in out, out
    load(site, {"absent": {"sessions": [{"sessionid": "s" * 20}],
                           "oauth2_clients": [{"client_id": "alpha"}]}})
    assert [c["client_id"] for c in json.loads(dump(site))["oauth2_clients"]] == ["zeta"]
    load(site, {"sessions": DOCUMENT["sessions"], "oauth2_clients": DOCUMENT["oauth2_clients"]})


def moved(site):
    """Another account, or none: links to the former one's course enrollments go."""
    def links():
        return {(e["external_user_key"], e["course_key"]): e["course_enrollment"]
                for e in json.loads(dump(site))["program_course_enrollments"]
                if e["external_user_key"] in ("510", "511")}

    load(site, {
        "users": [{"username": "eve"}, {"username": "fay"}],
        "course_enrollments": [{"username": user, "course_key": course} for user, course in
                               [("eve", RUN), ("eve", OTHER), ("fay", RUN)]],
        "program_enrollments": [enrollment(key, user="eve", cu=cu)
                                for key, cu in (("510", CU), ("511", CU2))],
        "program_course_enrollments": [seat(key, course=course) for key in ("510", "511")
                                       for course in (RUN, OTHER)]})
    assert all(links().values()), links()
    load(site, {"program_enrollments": [enrollment("510", user="fay"),
                                        enrollment("511", user=None, cu=CU2)]})
    assert links() == {("510", RUN): True, ("510", OTHER): False,
                       ("511", RUN): False, ("511", OTHER): False}, links()
    kinds = site.query("SELECT kind FROM program_course_enrollment_history WHERE "
                       "course_enrollment_id IS NULL AND kind = '~'")
    assert len(kinds) == 3, kinds
    load(site, {"absent": {
        "program_enrollments": [enrollment("510"), enrollment("511", cu=CU2)],
        "course_enrollments": [{"username": user, "course_key": course} for user, course in
                               [("eve", RUN), ("eve", OTHER), ("fay", RUN)]],
        "users": [{"username": "eve"}, {"username": "fay"}]}})


def dry(site):
    """A dry run tells what would be, and changes nothing; an installation is not made."""
    before = dump(site)
    out, _ = load(site, {"users": [{"username": "dry"}, {"username": "ann"}]}, "--dry-run")
    assert out.splitlines() == ["users: 1 made, 0 changed, 1 unchanged",
                                "dry run: nothing was stored"], out
    assert dump(site) == before
    p = site.run("load", "--data", site.path("none"), "--dry-run", site.write("e.json", "{}"),
                 where=False)
    assert p.returncode == 1 and not os.path.exists(site.path("none")), p.stderr
    p = site.run("dump", "--dry-run")
    assert p.returncode == 2 and "--dry-run is not for this verb" in p.stderr, p.stderr


def numbers(site):
    """A deleted row's id is never given out again."""
    load(site, {"program_enrollments": [enrollment("n1")]})
    first = site.query("SELECT id FROM program_enrollment WHERE external_user_key = 'n1'")
    load(site, {"absent": {"program_enrollments": [enrollment("n1")]}})
    load(site, {"program_enrollments": [enrollment("n2")]})
    second = site.query("SELECT id FROM program_enrollment WHERE external_user_key = 'n2'")
    assert int(second[0][0]) > int(first[0][0]), (first, second)
    load(site, {"absent": {"program_enrollments": [enrollment("n2")]}})


# ---- What is refused ----

def one(array, item):
    return {array: [item]}


BAD = [
    # (document, lines)
    ("[]", ["the document is no object"]),
    ({"programs": 5, "foo": []}, ["programs: is no list", "foo: unknown"]),
    ('{"users": [], "users": []}', ["users: given twice"]),
    ({"absent": []}, ["absent: is no object of arrays"]),
    ({"absent": {"foo": []}}, ["absent.foo: unknown"]),
    (one("users", 5), ["users[0]: 5 is no object"]),
    (one("users", {}), ["users[0].username: missing"]),
    (one("users", {"username": "x", "is_staff": "yes"}),
     ['users[0].is_staff: "yes" is neither true nor false']),
    (one("users", {"username": "x", "email": None}), ["users[0].email: null is not allowed here"]),
    (one("users", {"username": "x", "colour": 1}), ["users[0].colour: unknown"]),
    (one("users", {"username": 7}), ["users[0].username: 7 is no text"]),
    (one("users", {"username": " x"}), ['users[0].username: " x" is no user\'s name: 1 to 255 '
                                        'characters without blanks around them, and no word that '
                                        'addresses need']),
    (one("users", {"username": "x", "tokens": [{"value": "v"}]}),
     ["users[0].tokens[0].expires: missing"]),
    (one("users", {"username": "x", "token": "registrar-token"}),
     ["users[0].token: this token is taken"]),
    ('{"users": [{"username": "x", "email": "\\ud800"}]}',
     ['users[0].email: "\\ud800" holds what no text may hold: NUL or half a surrogate pair']),
    ('{"users": [{"username": "x", "email": "\\u0000"}]}',
     ['users[0].email: "\\u0000" holds what no text may hold: NUL or half a surrogate pair']),
    ({"users": [{"username": "x"}, {"username": "x"}]}, ["users[1]: same username as users[0]"]),
    (one("sessions", {"username": "ann", "sessionid": "q", "csrftoken": "short"}),
     ["sessions[0].csrftoken: what is given is no CSRF token: 32 or 64 letters and digits"]),
    (one("users", {"username": "x", "password": ["sesame"],
                   "tokens": [{"value": 5, "expires": 1}]}),
     ["users[0].password: what is given is no text",
      "users[0].tokens[0].value: what is given is no text",
      "users[0].tokens[0].expires: what is given is no time with zone, such as "
      "2019-05-07T12:00:00Z"]),
    (one("sessions", {"username": "no", "sessionid": "q", "csrftoken": "c" * 64}),
     ['sessions[0].username: there is no user "no"']),
    (one("oauth2_clients", {"client_id": "x", "username": "ann"}),
     ["oauth2_clients[0].client_secret: missing"]),
    (one("organizations", {"key": "x", "saml_slug": "a", "saml_providers": []}),
     ["organizations[0].saml_slug: is not to stand beside saml_providers"]),
    (one("organizations", {"key": "x", "saml_providers": [{"enabled": 1}]}),
     ["organizations[0].saml_providers[0].enabled: 1 is neither true nor false",
      "organizations[0].saml_providers[0].slug: missing"]),
    (one("social_auth", {"username": "ann", "uid": "1"}),
     ['social_auth[0].uid: "1" is no <slug>:<external key>']),
    (one("social_auth", {"username": "nobody", "uid": "hills:1"}),
     ['social_auth[0].username: there is no user "nobody"']),
    ({"social_auth": [{"username": "ann", "uid": "hills:9"},
                      {"username": "ann", "uid": "9", "provider": "hills"}]},
     ["social_auth[1]: same provider and uid as social_auth[0]"]),
    (one("programs", {"uuid": "xyz"}),
     ['programs[0].uuid: "xyz" is no program\'s uuid: hex digits and hyphens']),
    (one("programs", {"uuid": "0", "empty": True, "title": "t"}),
     ['programs[0].title: is not to stand beside "empty": true']),
    (one("programs", {"uuid": "0", "authoring_organizations": [{"key": "HillsU"}]}),
     ['programs[0].authoring_organizations[0]: {"key":"HillsU"} is no text']),
    (one("programs", {"uuid": "0", "curricula": ["nope"]}),
     ['programs[0].curricula[0]: "nope" is no UUID']),
    (one("programs", {"uuid": "0", "courses": [{"key": "c", "course_runs": [{"ky": "r"}]}]}),
     ["programs[0].courses[0].course_runs[0].ky: unknown",
      "programs[0].courses[0].course_runs[0].key: missing"]),
    (one("course_overviews", "a+b+c"), ['course_overviews[0]: "a+b+c" is no course key']),
    (one("course_overviews", {"key": RUN, "start": "2019-05-07"}),
     ['course_overviews[0].start: "2019-05-07" is no time with zone, such as '
      '2019-05-07T12:00:00Z']),
    (one("course_overviews", {"key": RUN, "capacity": -1}),
     ["course_overviews[0].capacity: -1 is no whole number from 0 on"]),
    (one("course_enrollments", {"username": "ann", "course_key": "course-v1:No+No+1"}),
     ['course_enrollments[0].course_key: there is no known course "course-v1:No+No+1"']),
    (one("course_enrollments", {"username": "ann", "course_key": RUN, "mode": "paid"}),
     ['course_enrollments[0].mode: "paid" is not one of audit, honor, verified, professional, '
      'no-id-professional, credit, masters']),
    (one("program_enrollments", enrollment("a", status="bogus")),
     ['program_enrollments[0].status: "bogus" is not one of enrolled, pending, suspended, '
      'withdrawn']),
    (one("program_enrollments", enrollment("a", "0000")),
     ['program_enrollments[0].program: there is no program "0000"']),
    (one("program_enrollments", enrollment("a", cu=CU.upper())),
     [f'program_enrollments[0].curriculum_uuid: "{CU.upper()}" is no UUID in canonical form: '
      'lower case, 8-4-4-4-12']),
    (one("program_enrollments", enrollment("a", user="no")),
     ['program_enrollments[0].user: there is no user "no"']),
    (one("program_enrollments", {"program": P1, "curriculum_uuid": CU}),
     ["program_enrollments[0].external_user_key: missing"]),
    (one("program_enrollments", enrollment(None)),
     ["program_enrollments[0]: has neither key nor user"]),
    (one("program_enrollments", enrollment("\u3000a")),
     ['program_enrollments[0].external_user_key: "\u3000a" is no learner\'s key: 1 to 255 '
      'characters without blanks around them']),
    (one("program_enrollments", enrollment("")),
     ['program_enrollments[0].external_user_key: "" is no learner\'s key: 1 to 255 '
      'characters without blanks around them']),
    ({"program_enrollments": [enrollment("a"), enrollment("a", status="pending")]},
     ["program_enrollments[1]: same program, external_user_key and curriculum_uuid as "
      "program_enrollments[0]"]),
    ({"program_enrollments": [enrollment("a", cu=CU2, user="bo"),
                              enrollment("b", cu=CU2, user="bo")]},
     ["program_enrollments[1]: its account has another enrollment in this program and "
      "curriculum"]),
    (one("program_course_enrollments", seat("1001", course="course-v1:No+No+1")),
     ['program_course_enrollments[0].course_key: there is no known course '
      '"course-v1:No+No+1"']),
    (one("program_course_enrollments", seat("nobody")),
     ["program_course_enrollments[0]: there is no such program enrollment"]),
    (one("program_course_enrollments", seat("1001")),
     ["program_course_enrollments[0]: several program enrollments fit: curriculum_uuid or user "
      "tells which"]),
    (one("program_course_enrollments", seat("1002", course_enrollment=True)),
     ["program_course_enrollments[0].course_enrollment: there is no course enrollment of its "
      "account to link to"]),
    ({"program_course_enrollments": [seat("1002"), seat("1002", curriculum_uuid=CU)]},
     ["program_course_enrollments[1]: same program enrollment and course_key as "
      "program_course_enrollments[0]"]),
    ({"users": [{"username": "x", "is_staff": 1}],
      "program_enrollments": [enrollment("a", user="x"), enrollment("b", status="no")]},
     ["users[0].is_staff: 1 is neither true nor false",
      'program_enrollments[1].status: "no" is not one of enrolled, pending, suspended, '
      'withdrawn']),
    ({"absent": {"users": [{"username": "ann", "email": "x"}]}},
     ["absent.users[0].email: unknown"]),
    ({"absent": {"users": [{"username": "ann"}]}},
     ["absent.users[0]: is still referred to by oauth2_clients",
      "absent.users[0]: is still referred to by social_auth",
      "absent.users[0]: is still referred to by course_enrollments",
      "absent.users[0]: is still referred to by program_enrollments"]),
    ({"absent": {"programs": [{"uuid": P1}]}},
     ["absent.programs[0]: is still referred to by program_enrollments"]),
    ({"absent": {"organizations": [{"key": "HillsU"}]}},
     ["absent.organizations[0]: is still referred to by programs"]),
    ({"absent": {"course_overviews": [OTHER]}},
     ["absent.course_overviews[0]: is still referred to by course_enrollments",
      "absent.course_overviews[0]: is still referred to by program_course_enrollments"]),
    ({"organizations": [{"key": "Plain"}], "absent": {"organizations": [{"key": "Plain"}]}},
     ["absent.organizations[0]: organizations[0] gives what is to be absent"]),
    # What is given is there after the load, or a second one would differ.
    ({"program_course_enrollments": [seat("1002"), seat("1001", curriculum_uuid=CU)],
      "absent": {"program_enrollments": [enrollment("1001")]}},
     ["absent.program_enrollments[0]: program_course_enrollments[1] gives what would go with it"]),
    ({"users": [{"username": f"u{i}", "is_staff": 0} for i in range(30)]},
     [f"users[{i}].is_staff: 0 is neither true nor false" for i in range(20)]),
]


def refused(site):
    for document, lines in BAD:
        try:
            refuse(site, document, *lines)
        except AssertionError as e:
            raise AssertionError(f"{json.dumps(document)[:200]}: {e}") from e


def malformed(site):
    """Not JSON: line and column; a missing file; wrong usage."""
    _, err = load(site, '{\n  "users": [,]\n}', code=1)
    assert re.match(r".*doc\.json: line 2, column \d+: ", faults(err)[0]), err
    p = site.run("load", site.path("nowhere.json"))
    assert p.returncode == 1 and "nowhere.json cannot be read" in p.stderr, p.stderr
    assert site.run("load").returncode == 2
    p = site.run("load", "-", stdin="{}")
    assert (p.returncode, p.stdout) == (0, ""), p


def strangers(site):
    """A folder with something else in it is not made an installation."""
    os.mkdir(site.path("other"))
    site.write("other/file.txt", "x")
    p = site.run("load", "--data", site.path("other"), site.write("e.json", "{}"), where=False)
    assert p.returncode == 1 and os.listdir(site.path("other")) == ["file.txt"], p.stderr


# ---- All or nothing ----

def big(count):
    return {"programs": [{"uuid": "b19", "authoring_organizations": ["HillsU"]}],
            "program_enrollments": [enrollment(f"big{i}", "b19") for i in range(count)]}


def killed(site):
    """Killed at any moment, a load has done all or nothing; then it goes through."""
    before, count = dump(site), 3000
    path = site.write("big.json", json.dumps(big(count)))
    outcomes = set()
    for moment in range(1, 12):
        p = subprocess.Popen([site.nestor, "load", *site.where(), path], env=environment(),
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            p.wait(moment * 0.05)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
        rows = int(site.query("SELECT count(*) FROM program_enrollment "
                              "WHERE program_uuid = 'b19'")[0][0])
        outcomes.add(rows)
        assert rows in (0, count), rows
        if rows == 0:
            assert dump(site) == before
    assert 0 in outcomes, "every load was through before it was killed"
    load(site, big(count))
    keys = [e["external_user_key"] for e in json.loads(dump(site))["program_enrollments"]
            if e["program"] == "b19"]
    assert keys == [f"big{i}" for i in range(count)]


def failing(site):
    """Whichever call of the database fails, nothing is written."""
    document = {"users": [{"username": "fail", "email": "f@example.edu"}],
                "programs": [{"uuid": "fa", "courses": [{"key": "F", "course_runs": [RUN]}]}],
                "program_enrollments": [enrollment("f1", "fa", user="fail")],
                "program_course_enrollments": [seat("f1", "fa")]}
    before, path, n = dump(site), site.write("fail.json", json.dumps(document)), 0
    while True:
        n += 1
        p = site.run("load", path, env={"NESTOR_FAIL_DB_CALL": str(n)})
        if p.returncode == 0:
            break
        assert p.returncode == 1 and dump(site) == before, (n, p.stderr)
    assert n > 20, n


def main():
    chosen = arguments(__doc__, plain="")
    tally = Tally()
    for name, cluster in engines():
        with Site(build_for(chosen, cluster), cluster) as site:
            for title, case in [
                    ("a document is loaded and dumped as it was", made),
                    ("loading again changes nothing", again),
                    ("what is refused changes nothing and names its place", refused),
                    ("what is no JSON is told with line and column", malformed),
                    ("a folder of somebody else is left alone", strangers),
                    ("credentials of a document work", credentials),
                    ("a dump into a file is whole or not there", put_into_file),
                    ("a dry run stores nothing", dry),
                    ("new links attach what waits", linked),
                    ("what must be absent goes", absent),
                    ("links follow the account of their enrollment", moved),
                    ("numbers are never given out again", numbers),
                    ("what is given is changed, the rest stays", changed),
                    ("a load in which a call fails leaves nothing", failing),
                    ("a killed load leaves nothing", killed)]:
                tally.run(f"{name}: {title}", case, site)
            tally.run(f"{name}: a dump makes the same database", copied, site, chosen.nestor,
                      cluster)
        tally.run(f"{name}: a dump keeps the order of what was made in steps", interleaved,
                  chosen.nestor, cluster)
        tally.run(f"{name}: links attach learners by the thousand", many, chosen.nestor, cluster)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
