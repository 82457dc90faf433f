"""Writers at the same time on the OCL faces: whatever they do to one another, every
counter equals a recount, what one of two may do exactly one does, and the server lives.

Usage: together_test.py --nestor PATH [--trials N] [--seconds N]

The races run on PostgreSQL, where writers meet; the crowd runs on SQLite as well.
--trials is the number of tries of each race (20), --seconds how long the crowd writes (4).
"""
# Runs alone: it kills processes of the database server, which then starts anew.
import os
import random
import signal
import subprocess
import sys
import threading
import time

from support import PATIENCE, PSQL, Site, Tally, arguments, engines

CLIENTS = 16
SEED = 20261128


def together(*works):
    """Run the functions at the same moment, each in a thread; their results in order."""
    start, results = threading.Barrier(len(works)), [None] * len(works)

    def run(i):
        start.wait()
        try:
            results[i] = works[i]()
        except Exception as e:  # pylint: disable=broad-except
            results[i] = e

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(works))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    broken = [r for r in results if isinstance(r, Exception)]
    assert not broken, f"{type(broken[0]).__name__}: {broken[0]}"
    return results


class Race:
    """Two connections, and what came of the trials."""

    def __init__(self, site, server, trials):
        self.site, self.server, self.trials = site, server, trials
        self.a, self.b = server.client(), server.client()
        self.wrong = []

    def ask(self, *requests):
        """Both requests at once; the statuses."""
        clients = (self.a, self.b)
        answers = together(*(lambda c=c, r=r: c.ask(*r[:3], **(r[3] if len(r) > 3 else {}))
                             for c, r in zip(clients, requests)))
        return tuple(a.status for a in answers)

    def judge(self, trial, what, is_right):
        if not is_right:
            self.wrong.append(f"{trial}: {what}")

    def finish(self):
        self.a.close()
        self.b.close()
        assert not self.wrong, f"{len(self.wrong)} of {self.trials} wrong: {self.wrong[:3]}"


def race(site, server, trials, run):
    r = Race(site, server, trials)
    run(r)
    r.finish()


def user(r, name):
    r.a.expect(201, "POST", "/guide/users/",
               {"username": name, "name": name, "email": f"{name}@example.org"})


def source(r, owner, name):
    r.a.expect(201, "POST", f"/guide/{owner}/sources/", {"id": name, "name": name})


# rows: G3 G10 G99
# X4: two changes of what both have read
def one_change_wins(r):
    r.a.expect(201, "POST", "/guide/orgs/", {"id": "Match", "name": "Match"})
    user(r, "match")
    source(r, "orgs/Match", "S")
    r.a.expect(201, "POST", "/guide/orgs/Match/sources/S/versions/", {"id": "v1"})
    r.a.expect(201, "POST", "/guide/orgs/Match/sources/S/concepts/",
               {"id": "C", "conceptClass": "Misc", "names": [{"name": "c", "locale": "en"}]})
    places = {"/guide/orgs/Match/": "name", "/guide/users/match/": "company",
              "/guide/orgs/Match/sources/S/": "name",
              "/guide/orgs/Match/sources/S/v1/": "description",
              "/guide/orgs/Match/sources/S/concepts/C/": "datatype"}
    for trial in range(r.trials):
        for path, member in places.items():
            tag = {"If-Match": r.a.expect(200, "GET", path).headers["ETag"]}
            got = r.ask(*(("PUT", path, {member: f"{trial} {n}"}, tag) for n in "ab"))
            r.judge(trial, f"{path} {got}", sorted(got) == [200, 412])


# X4: acknowledged increments are all there
def increments_add_up(r):
    r.a.expect(201, "POST", "/guide/orgs/", {"id": "Sum", "name": "0"})
    path, done = "/guide/orgs/Sum/", []

    def count(client):
        mine = 0
        while mine < r.trials:
            answer = client.expect(200, "GET", path)
            number = int(answer.json()["name"]) + 1
            got = client.ask("PUT", path, {"name": str(number)}, If_Match=answer.headers["ETag"])
            assert got.status in (200, 412), str(got)
            mine += got.status == 200
        done.append(mine)

    together(lambda: count(r.a), lambda: count(r.b))
    stored = int(r.a.expect(200, "GET", path).json()["name"])
    r.judge("all", f"{stored} of {sum(done)}", stored == sum(done))


# rows: G13
# X5: two versions are released at once
def one_release_stands(r):
    r.a.expect(201, "POST", "/guide/orgs/", {"id": "Release", "name": "Release"})
    source(r, "orgs/Release", "S")
    place = "/guide/orgs/Release/sources/S/"
    for name in "ab":
        r.a.expect(201, "POST", place + "versions/", {"id": name})
    for trial in range(r.trials):
        r.a.expect(201, "POST", place + "versions/", {"id": f"base{trial}", "released": True})
        got = r.ask(*(("PUT", f"{place}{n}/", {"released": True}) for n in "ab"))
        listed = r.a.expect(200, "GET", place + "versions/?limit=1000").json()
        released = [v["id"] for v in listed if v["released"]]
        r.judge(trial, f"{got} {released}", got == (200, 200) and len(released) == 1)


# rows: G55 G60 G106
# X6: an owner is deleted while it is given a source
def none_lives_under_the_deleted(r):
    lives = ("SELECT repo.id FROM repo LEFT JOIN org ON owner_type = 'Organization' AND "
             "org.id = owner_id LEFT JOIN account ON owner_type = 'User' AND "
             "account.id = owner_id WHERE repo.is_active AND owner_is_active AND "
             "NOT coalesce(org.is_active, account.is_active, FALSE)")
    for trial in range(r.trials):
        r.a.expect(201, "POST", "/guide/orgs/", {"id": "Gone", "name": "Gone"})
        user(r, "gone")
        for owner in ("orgs/Gone", "users/gone"):
            got = r.ask(("POST", f"/guide/{owner}/sources/", {"id": "S", "name": "S"}),
                        ("DELETE", f"/guide/{owner}/", None))
            r.judge(trial, f"{owner} {got}", got[0] in (201, 404) and got[1] == 204)
        alive = r.site.query(lives)
        r.judge(trial, f"alive: {alive}", not alive)
        if alive:
            r.site.execute("UPDATE repo SET owner_is_active = FALSE WHERE mnemonic = 'S' AND "
                           "owner IN ('Gone', 'gone')")


# rows: G102 G105 G106 G116 G149
# X22 X27: a change beside the removal of the same thing
def removal_beside_change(r):
    for trial in range(r.trials):
        hard = "?hardDelete=true" if trial % 2 else ""
        r.a.expect(201, "POST", "/guide/orgs/", {"id": "Pair", "name": "Pair"})
        user(r, "pair")
        source(r, "orgs/Pair", "S")
        source(r, "orgs/Pair", "T")
        place = "/guide/orgs/Pair/sources/"
        r.a.expect(201, "POST", place + "S/versions/", {"id": "v"})
        pairs = [("PUT", place + "S/v/", {"description": "d"}, place + "S/v/"),
                 ("POST", place + "S/versions/", {"id": "w"}, place + "S/" + hard),
                 ("PUT", place + "T/", {"name": "d"}, place + "T/" + hard),
                 ("PUT", "/guide/orgs/Pair/members/pair/", None, "/guide/users/pair/" + hard),
                 ("PUT", "/guide/orgs/Pair/", {"name": "d"}, "/guide/orgs/Pair/" + hard)]
        for method, path, body, removed in pairs:
            got = r.ask((method, path, body), ("DELETE", removed, None))
            r.judge(trial, f"{path} {got}", got[0] in (200, 201, 204, 404) and got[1] == 204)
        user(r, "pair")
        got = r.ask(("PUT", "/guide/users/pair/", {"company": "d"}),
                    ("DELETE", "/guide/users/pair/" + hard, None))
        r.judge(trial, f"user {got}", got[0] in (200, 404) and got[1] == 204)
    r.a.expect(200, "GET", "/healthz")


# rows: G2 G10 G98 G112 G119 V268
def one_creation_wins(r):
    r.a.expect(201, "POST", "/guide/orgs/", {"id": "Make", "name": "Make"})
    source(r, "orgs/Make", "S")
    place = "/guide/orgs/Make/sources/"
    for trial in range(r.trials):
        name = f"n{trial}"
        bodies = [("/guide/orgs/", {"id": name, "name": name}),
                  ("/guide/users/", {"username": name, "name": name, "email": "n@example.org"}),
                  (place, {"id": name, "name": name}), (place + "S/versions/", {"id": name}),
                  ("/v2/url-registry/", {"url": f"http://example.org/{name}"}),
                  ("/v2/orgs/Make/url-registry/", {"url": f"http://example.org/{name}"}),
                  (place + "S/concepts/", {"id": name, "conceptClass": "Misc",
                                           "names": [{"name": "c", "locale": "en"}]})]
        for path, body in bodies:
            got = r.ask(*[("POST", path, body)] * 2)
            r.judge(trial, f"{path} {got}", sorted(got) == [201, 400])


# rows: V268 V272
def nothing_is_left_of_the_erased(r):
    things = {"url-registry": ("url_registry", {"url": "http://example.org/"}),
              "map-projects": ("map_project", {"name": "n"})}
    for trial in range(r.trials):
        for path, (table, body) in things.items():
            r.a.expect(201, "POST", "/guide/orgs/", {"id": "Left", "name": "Left"})
            got = r.ask(("POST", f"/v2/orgs/Left/{path}/", body),
                        ("DELETE", "/v2/orgs/Left/?hardDelete=true", None))
            left = r.site.query(f"SELECT id FROM {table} WHERE org_id IS NOT NULL AND org_id NOT IN "
                                "(SELECT id FROM org)")
            r.judge(trial, f"{path} {got} {left}",
                    got[0] in (201, 404) and got[1] == 204 and not left)


# rows: V276
def no_more_than_the_limit_waits(r):
    for number in range(99):
        r.a.expect(200, "POST", "/v2/feedback/", {"description": str(number)})
    for trial in range(r.trials):
        got = r.ask(*[("POST", "/v2/feedback/", {"description": "d"})] * 2)
        r.judge(trial, f"{got}", sorted(got) == [200, 429])
        last = r.a.expect(200, "GET", "/v2/admin/feedback/?limit=1").json()[0]["id"]
        r.a.expect(204, "DELETE", f"/v2/admin/feedback/{last}/")


# rows: V263 V264 V265 V407
def one_mapping_says_it(r):
    r.a.expect(201, "POST", "/guide/orgs/", {"id": "Map", "name": "Map"})
    source(r, "orgs/Map", "S")
    place = "/v2/orgs/Map/sources/S/mappings/"
    for trial in range(r.trials):
        body = {"map_type": f"t{trial}", "from_source_url": "x", "from_concept_code": "a",
                "to_source_url": "y", "to_concept_code": "b", "sort_weight": 1}
        got = r.ask(*[("POST", place, body)] * 2)
        r.judge(trial, f"twice {got}", sorted(got) == [201, 400])
        made = r.a.expect(200, "GET", place + "?limit=1").json()[0]
        mine = f"/v2{made['url']}"
        r.a.expect(204, "DELETE", mine)
        got = r.ask(("PUT", mine + "reactivate/", None), ("POST", place, body))
        r.judge(trial, f"brought back {got}", got == (204, 400))
        got = r.ask(*(("POST", place, {**body, "to_concept_code": n, "sort_weight": None})
                      for n in "cd"))
        rows = r.a.expect(200, "GET", place + "?limit=2").json()
        weights = sorted(row["sort_weight"] for row in rows)
        ids = {row["id"] for row in rows} | {made["id"]}
        r.judge(trial, f"siblings {got} {weights} {ids}",
                got == (201, 201) and weights == [2, 3] and len(ids) == 3)


def below(home, one, *others):
    return "PATCH", f"/v2{home}{one}/", {"parent_concept_urls": [f"{home}{o}/" for o in others]}


# rows: V403 V406
def no_cycle_is_closed(r):
    """Two writers who each close half of a cycle, directly and over a level; two who give one
    parent its children."""
    r.a.expect(201, "POST", "/guide/orgs/", {"id": "Tree", "name": "Tree"})
    for trial in range(r.trials):
        source(r, "orgs/Tree", f"S{trial}")
        home = f"/orgs/Tree/sources/S{trial}/concepts/"
        for code, above in (("a", None), ("b", None), ("c", "a"), ("d", "b"), ("top", None)):
            r.a.expect(201, "POST", "/v2" + home,
                       {"id": code, "concept_class": "Misc", "datatype": "N/A", "names": NAMES,
                        "parent_concept_urls": [f"{home}{above}/"] if above else []})
        got = r.ask(below(home, "c", "top"), below(home, "d", "top"))
        r.judge(trial, f"two children {got}", got == (200, 200))
        versions = r.a.expect(200, "GET", f"/v2{home}top/versions/").json()
        r.judge(trial, f"versions {len(versions)}", len(versions) == 3)
        r.ask(below(home, "c", "a"), below(home, "d", "b"))
        got = r.ask(below(home, "a", "d"), below(home, "b", "c"))
        r.judge(trial, f"over a level {got}", sorted(got) == [200, 400])
        r.ask(below(home, "a"), below(home, "b"))
        got = r.ask(below(home, "a", "b"), below(home, "b", "a"))
        r.judge(trial, f"directly {got}", sorted(got) == [200, 400])


# rows: V255 V256
def names_are_one_concepts(r):
    """Of a source with the rules of OpenMRS: two concepts with one name, made at once, brought
    back beside one that is made, changed at once; the source gets the rules meanwhile."""
    r.a.expect(201, "POST", "/v2/orgs/", {"id": "OCL2", "name": "OCL2"})
    for trial in range(r.trials):
        place = f"/v2/orgs/OCL2/sources/S{trial}/"
        r.a.expect(201, "POST", "/v2/orgs/OCL2/sources/",
                   {"id": f"S{trial}", "name": "S", "custom_validation_schema": "OpenMRS"})

        def concept(mnemonic, name):
            return {"id": mnemonic, "concept_class": "Misc", "datatype": "N/A", "names": [
                {"name": name, "locale": "en", "name_type": "FULLY_SPECIFIED"}]}
        got = r.ask(*(("POST", place + "concepts/", concept(n, "one")) for n in "ab"))
        r.judge(trial, f"made {got}", sorted(got) == [201, 400])
        mine = place + "concepts/" + ("a" if got[0] == 201 else "b") + "/"
        r.a.expect(204, "DELETE", mine)
        got = r.ask(("PUT", mine + "reactivate/", None),
                    ("POST", place + "concepts/", concept("c", "one")))
        r.judge(trial, f"brought back {got}", got in ((204, 400), (400, 201)))
        for n in "de":
            r.a.expect(201, "POST", place + "concepts/", concept(n, n))
        got = r.ask(*(("PATCH", place + f"concepts/{n}/", {"names": concept(n, "two")["names"]})
                      for n in "de"))
        r.judge(trial, f"changed {got}", sorted(got) == [200, 400])
        r.a.expect(200, "PATCH", place, {"custom_validation_schema": None})
        r.a.expect(201, "POST", place + "concepts/", concept("f", "three"))
        got = r.ask(("PATCH", place, {"custom_validation_schema": "OpenMRS"}),
                    ("POST", place + "concepts/", concept("g", "three")))
        r.judge(trial, f"with the rules {got}", got in ((200, 400), (400, 201)))


# rows: V238 V407
def numbers_are_given_once(r):
    r.a.expect(201, "POST", "/v2/orgs/", {"id": "Count", "name": "Count"})
    r.a.expect(201, "POST", "/v2/orgs/Count/sources/",
               {"id": "S", "name": "S", "autoid_concept_mnemonic": "sequential",
                "autoid_concept_external_id": "sequential"})
    place, bodies = "/v2/orgs/Count/sources/S/concepts/", []
    for trial in range(r.trials):
        bodies = [{"concept_class": "Misc", "datatype": "N/A",
                   "names": [{"name": f"{trial}{n}", "locale": "en"}]} for n in "ab"]
        got = r.ask(*(("POST", place, body) for body in bodies))
        rows = r.a.expect(200, "GET", place + "?limit=2").json()
        ids = {(row["id"], row["external_id"]) for row in rows}
        want = {(str(n), str(n)) for n in (2 * trial + 1, 2 * trial + 2)}
        r.judge(trial, f"numbers {got} {ids}", got == (201, 201) and ids == want)


# rows: V113 V230 V232 V233 V312
def versions_beside(r):
    """Versions under /v2/: made twice, deleted twice, changed beside their removal, made beside
    a change or the removal of their source."""
    r.a.expect(201, "POST", "/v2/orgs/", {"id": "Beside", "name": "Beside"})
    for trial in range(r.trials):
        place = f"/v2/orgs/Beside/sources/S{trial}/"
        r.a.expect(201, "POST", "/v2/orgs/Beside/sources/",
                   {"id": f"S{trial}", "name": "a", "publisher": "a"})
        tries = [
            ([("POST", place + "versions/", {"id": "v"})] * 2, [201, 409]),
            ([("PUT", place + "v/", {"released": True}), ("DELETE", place + "v/", None)], None),
            ([("POST", place + "versions/", {"id": "w", "released": True}),
              ("PUT", place, {"name": "b", "publisher": "b"})], [200, 201]),
            ([("DELETE", place + "w/", None)] * 2, [204, 404]),
            ([("POST", place + "versions/", {"id": "x"}), ("DELETE", place, None)], None)]
        for asked, wanted in tries:
            got = r.ask(*asked)
            if wanted is None:
                wanted = sorted((got[0] if got[0] == 404 else {"PUT": 200, "POST": 201}[asked[0][0]],
                                 204))
            r.judge(trial, f"{asked[0]} {got}", sorted(got) == wanted)
            if asked[1][0] == "PUT":
                v = r.a.expect(200, "GET", place + "w/").json()
                r.judge(trial, f"halves: {v}", (v["name"], v["publisher"]) in
                        (("a", "a"), ("b", "b")))
    lost = r.site.query("SELECT id FROM repo WHERE versions <> (SELECT count(*) FROM "
                        "repo_version v WHERE v.repo_id = repo.id AND v.is_active)")
    r.judge("all", f"counted wrongly: {lost}", not lost)


# rows: V208
def keys_beside(r):
    """Two writers of different keys of one object lose nothing."""
    r.a.expect(201, "POST", "/v2/orgs/", {"id": "Keys", "name": "Keys"})
    r.a.expect(201, "POST", "/v2/orgs/Keys/sources/", {"id": "S", "name": "S"})
    r.a.expect(201, "POST", "/v2/orgs/Keys/sources/S/versions/", {"id": "v"})
    for place in ("/v2/orgs/Keys/", "/v2/user/", "/v2/orgs/Keys/sources/S/",
                  "/v2/orgs/Keys/sources/S/v/"):
        for trial in range(r.trials):
            got = r.ask(*(("PUT", f"{place}extras/{n}{trial}/", {f"{n}{trial}": trial})
                          for n in "ab"))
            r.judge(trial, f"{place} {got}", got == (200, 200))
            got = r.ask(("DELETE", f"{place}extras/a{trial}/", None),
                        ("PUT", f"{place}extras/c/", {"c": trial}))
            r.judge(trial, f"{place} {got}", got == (204, 200))
        left = r.a.expect(200, "GET", f"{place}extras/").json()
        wanted = {"c": r.trials - 1, **{f"b{n}": n for n in range(r.trials)}}
        r.judge("all", f"{place} {left}", left == wanted)


# rows: V403 V406
def below_beside(r):
    """Two writers below one concept, and one beside what makes another version of it, all have
    their say: a name each, a name and a key beside a new child."""
    r.a.expect(201, "POST", "/v2/orgs/", {"id": "Below", "name": "Below"})
    source(r, "orgs/Below", "S")
    home = "/orgs/Below/sources/S/concepts/"
    r.a.expect(201, "POST", "/v2" + home, {"id": "top", "concept_class": "Misc", "datatype": "N/A",
                                           "names": NAMES})
    for trial in range(r.trials):
        name = ("POST", f"/v2{home}top/names/", {"name": f"a{trial}", "locale": "en"})
        other = (*name[:2], {"name": f"b{trial}", "locale": "fr"})
        child = ("POST", "/v2" + home, {"id": f"c{trial}", "concept_class": "Misc",
                                        "datatype": "N/A", "names": NAMES,
                                        "parent_concept_urls": [home + "top/"]})
        key = ("PUT", f"/v2{home}top/extras/k/", {"k": trial})
        got = r.ask(name, other), r.ask(other, key), r.ask(name, child)
        r.judge(trial, f"{got}", got == ((201, 201), (201, 200), (201, 201)))


# X14: two superusers remove one another, each with their own token: whoever comes second is gone by
# then (401), or is the last one who could (409)
def one_superuser_stays(r):
    names, admins = ("first", "second"), (r.a, r.b)
    r.site.execute("UPDATE account SET is_superuser = FALSE")
    for trial in range(r.trials):
        for name in names:
            user(r, name)
        r.site.execute("UPDATE account SET is_superuser = TRUE, is_staff = TRUE "
                       "WHERE username IN ('first', 'second') AND is_active")
        r.a, r.b = (r.server.client(r.site.run("token show", "--user", name).stdout.strip())
                    for name in names)
        got = r.ask(*(("DELETE", f"/guide/users/{name}/", None) for name in reversed(names)))
        left = r.site.query("SELECT count(*) FROM account WHERE is_superuser AND is_active")
        r.judge(trial, f"{got} {left}", min(got) == 204 and max(got) in (401, 409) and
                left == [("1",)])
        r.a.close()
        r.b.close()
        r.a, r.b = admins
        r.site.execute("UPDATE account SET is_superuser = FALSE",
                       "UPDATE account SET is_active = FALSE WHERE username IN "
                       "('first', 'second')")
    r.site.execute("UPDATE account SET is_superuser = TRUE WHERE username = 'admin'")


def new(name, address, **more):
    return ("POST", "/v2/users/", {"username": name, "email": f"{address}@example.org", **more})


# rows: V211 V212
def one_has_the_address(r):
    for name in ("near", "far"):
        r.a.expect(201, *new(name, name))
    for trial in range(r.trials):
        n = f"t{trial}"
        takes = [("PUT", f"/v2/users/{name}/", {"email": f"{n}z@example.org"})
                 for name in ("near", "far")]
        for pair, made in (((new(n, n + "a"), new(n, n + "b")), 201),
                           ((new(n + "c", n + "x"), new(n + "d", n + "x")), 201),
                           ((new(n + "e", n + "y"),
                             ("PUT", "/v2/users/near/", {"email": f"{n}Y@example.org"})), None),
                           (takes, 200)):
            got = r.ask(*pair)
            r.judge(trial, f"{pair} {got}", sorted(got)[1] == 400 and sorted(got)[0] == made
                    or made is None and got in ((201, 400), (400, 200)))
    r.judge("all", "an address twice", not r.site.query(
        "SELECT lower(email) FROM account WHERE is_active AND email LIKE 't%@example.org' "
        "GROUP BY lower(email) HAVING count(*) > 1"))


# rows: V107 V215
def one_bears_the_name(r):
    for trial in range(r.trials):
        r.a.expect(201, *new("back", f"back{trial}"))
        source(r, "users/back", "S")
        r.a.expect(204, "DELETE", "/v2/users/back/")
        comes = ("PUT", "/v2/users/back/reactivate/", None)
        got = r.ask(comes, new("back", f"another{trial}"))
        sources = len(r.a.expect(200, "GET", "/v2/users/back/sources/").json())
        r.judge(trial, f"{got} {sources}", (got, sources) in (((204, 400), 1), ((400, 201), 0)))
        r.a.expect(204, "DELETE", "/v2/users/back/")
        got = r.ask(comes, comes)
        r.judge(trial, f"twice {got}", sorted(got)[0] == 204 and sorted(got)[1] in (400, 404))
        r.a.expect(204, "DELETE", "/v2/users/back/")
        got = r.ask(comes, ("DELETE", "/v2/users/back/?hardDelete=true", None))
        r.judge(trial, f"erased {got}", got[0] in (204, 404) and got[1] == 204)
        r.b.expect(404, "GET", "/v2/users/back/")


# rows: V215 V802
def sign_in_beside_removal(r):
    for trial in range(r.trials):
        name = f"leaver{trial}"
        given = {"username": name, "password": "seven green bottles"}
        r.a.expect(201, *new(name, name, password=given["password"]))
        login = ("POST", "/v2/users/login/", given)
        got = r.ask(login, ("DELETE", f"/v2/users/{name}/", None))
        r.judge(trial, f"{got}", got[0] in (200, 400, 401) and got[1] == 204)
        r.judge(trial, "lives", r.a.ask(*login).status == 401)
        r.a.expect(204, "PUT", f"/v2/users/{name}/reactivate/")
        other = {"password": "eight blue kettles"}
        got = r.ask(login, ("PUT", f"/v2/users/{name}/", other))
        r.judge(trial, f"changed {got}", got[0] in (200, 400) and got[1] == 200)
        r.judge(trial, "the former is good", r.a.ask(*login).status == 400)
        got = r.ask(*[("PUT", f"/v2/users/{name}/staff/", None)] * 2)
        is_staff = r.a.expect(200, "GET", f"/v2/users/{name}/").json()["is_staff"]
        r.judge(trial, f"staff {got} {is_staff}", got == (204, 204) and not is_staff)


# What names an account, and goes with it
OF_ACCOUNTS = {"event": ("actor_id", "object_id", "user_id"), "feedback": ("user_id",),
               "follow": ("follower_id", "user_id"), "map_project": ("user_id",),
               "member": ("user_id",), "pin": ("user_id",), "url_registry": ("user_id",)}


def write_until_gone(client, begun, method, path, body):
    """Write once, and on beside the removal until the account is gone; the statuses."""
    found = [client.ask(method, path, body(0)).status]
    begun.wait(PATIENCE)
    while found[-1] not in (401, 404) and len(found) < 500:
        found.append(client.ask(method, path, body(len(found))).status)
    return found


# rows: V106 V215 V269 V276
def none_writes_for_the_purged(r):
    """An account is purged while it writes all that names it, and others write what names it."""
    r.a.expect(201, "POST", "/v2/orgs/", {"id": "Purge", "name": "Purge"})
    for trial in range(r.trials):
        name = f"purged{trial}"
        token = r.a.expect(201, *new(name, name)).json()["token"]
        mine = [("POST", "/v2/feedback/", lambda n: {"description": "d"}),
                ("POST", "/v2/user/following/", lambda n: {"follow": "/orgs/Purge/"}),
                ("POST", "/v2/orgs/", lambda n: {"id": f"P{trial}-{n}", "name": "n"}),
                ("POST", "/v2/user/map-projects/", lambda n: {"name": "n"})]
        joins = ("PUT", f"/v2/orgs/Purge/members/{name}/", lambda n: None)
        begun = threading.Barrier(len(mine) + 2)

        def purge():
            begun.wait(PATIENCE)
            return r.a.ask("DELETE", f"/v2/users/{name}/?hardDelete=true").status

        clients = [r.server.client(token) for _ in mine] + [r.b]
        got = together(purge, *(lambda c=c, w=w: write_until_gone(c, begun, *w)
                                for c, w in zip(clients, mine + [joins])))
        answers = got[0], [sorted(set(g)) for g in got[1:]], [g[-1] for g in got[1:]]
        r.judge(trial, f"{answers}", got[0] == 204 and all(s < 500 for g in got[1:] for s in g)
                and all(g[-1] in (401, 404) for g in got[1:]))
        for c in clients[:-1]:
            c.close()
    left = {f"{t}.{c}": n for t, columns in OF_ACCOUNTS.items() for c in columns
            if (n := r.site.query(f"SELECT {c} FROM {t} WHERE {c} NOT IN "
                                  "(SELECT id FROM account)"))}
    r.judge("all", f"left: {left}", not left)


NO_CYCLE = ("of two halves of a cycle one is refused", no_cycle_is_closed)
RACES = [("of two changes of one state one wins", one_change_wins),
         ("acknowledged increments add up", increments_add_up),
         ("of two releases one stands", one_release_stands),
         ("nothing lives under an owner that was deleted meanwhile", none_lives_under_the_deleted),
         ("a change beside a removal is done or not found", removal_beside_change),
         ("of two creations of one thing one wins", one_creation_wins),
         ("nothing is left of an owner that was erased meanwhile", nothing_is_left_of_the_erased),
         ("no more feedback waits than may", no_more_than_the_limit_waits),
         ("one mapping says one thing", one_mapping_says_it),
         NO_CYCLE,
         ("a number is given once", numbers_are_given_once),
         ("of names that are to be unique one stands", names_are_one_concepts),
         ("of one object no key is lost", keys_beside),
         ("below one concept all have their say", below_beside),
         ("versions are whole beside whatever happens", versions_beside),
         ("an address and a name are one user's", one_has_the_address),
         ("who comes back beside a namesake", one_bears_the_name),
         ("who signs in while being removed", sign_in_beside_removal),
         ("nobody writes for an account that is purged", none_writes_for_the_purged),
         ("of two superusers that remove one another one stays", one_superuser_stays)]


# ---- The crowd ----

OWNERS = ["orgs/O1", "orgs/O2", "orgs/O3", "users/u1", "users/u2"]
SOURCES = ["S1", "S2", "S3"]
NAMES = [{"name": "c", "locale": "en"}]
FINE = (200, 201, 204, 400, 404, 409, 412)


def requests(dice):
    """One request at random: a method, a path, a body."""
    owner, name = dice.choice(OWNERS), dice.choice(SOURCES)
    place = f"/guide/{owner}/sources/{name}/"
    version, concept = f"v{dice.randrange(8)}", f"c{dice.randrange(10)}"
    word = str(dice.randrange(1000))
    kind, key = owner.split("/")
    made = {"id": key, "name": key} if kind == "orgs" else {
        "username": key, "name": key, "email": f"{key}@example.org"}
    hard = "?hardDelete=true" if dice.random() < 0.3 else ""
    mappings, to = f"/v2/{owner}/sources/{name}/mappings/", dice.choice(OWNERS)
    return dice.choices([
        ("POST", place + "concepts/", {"id": concept, "conceptClass": "Misc", "names": NAMES}),
        ("PUT", f"{place}concepts/{concept}/", {"datatype": word}),
        ("DELETE", f"{place}concepts/{concept}/", None),
        ("POST", place + "versions/", {"id": version, "released": dice.random() < 0.5}),
        ("PUT", f"{place}{version}/", {"released": True}),
        ("DELETE", f"{place}{version}/", None),
        ("PUT", place, {"name": word}),
        ("POST", f"/guide/{owner}/sources/", {"id": name, "name": name}),
        ("DELETE", place + hard, None),
        ("PUT", f"/guide/{owner}/", {"company": word}),
        ("POST", f"/guide/{kind}/", made),
        ("DELETE", f"/guide/{owner}/{hard}", None),
        ("PUT", f"/guide/orgs/O1/members/u{1 + dice.randrange(2)}/", None),
        ("DELETE", f"/guide/orgs/O1/members/u{1 + dice.randrange(2)}/", None),
        ("POST", mappings, {"map_type": "M", "from_source_url": f"/{owner}/sources/{name}/",
                            "from_concept_code": concept, "to_concept_code": "c1",
                            "to_source_url": f"/{to}/sources/{dice.choice(SOURCES)}/"}),
        ("PUT", f"{mappings}{1 + dice.randrange(9)}/", {"external_id": word}),
        ("DELETE", f"{mappings}{1 + dice.randrange(9)}/", None),
    ], weights=[20, 20, 6, 8, 6, 4, 6, 6, 2, 3, 4, 1, 2, 2, 10, 8, 4])[0]


def crowd(server, seconds):
    end, counts = time.monotonic() + seconds, {}

    def write(n):
        dice, client = random.Random(SEED + n), server.client()
        while time.monotonic() < end:
            method, path, body = requests(dice)
            answer = client.ask(method, path, body)
            assert answer.status in FINE, f"{method} {path}: {answer}"
            counts[answer.status] = counts.get(answer.status, 0) + 1
        client.close()

    together(*(lambda n=n: write(n) for n in range(CLIENTS)))
    print("     answers: " + ", ".join(f"{n} of {s}" for s, n in sorted(counts.items())))
    assert counts.get(201, 0) > 0, counts


OPEN = "9223372036854775807"


def recounts_of(kind):
    """Of one kind of content: its counts, and that its versions follow each other."""
    table, things = f"{kind}_version", f"{kind}s"
    live = f"FROM {table} c WHERE c.repo_id = repo.id AND c.rev_to = {OPEN}"
    held = (f"FROM {table} c WHERE c.repo_id = v.repo_id AND c.rev_from <= v.rev "
            "AND c.rev_to > v.rev")
    return {
        f"{things} of a source": f"SELECT id FROM repo WHERE {things} <> (SELECT count(*) {live})",
        f"{things} not retired": f"SELECT id FROM repo WHERE active_{things} <> "
                                 f"(SELECT count(*) {live} AND NOT c.retired)",
        f"{things} of a version": f"SELECT id FROM repo_version v WHERE {things} <> "
                                  f"(SELECT count(*) {held})",
        f"active {things} of one": f"SELECT id FROM repo_version v WHERE active_{things} <> "
                                   f"(SELECT count(*) {held} AND NOT c.retired)",
        f"empty intervals of {things}": f"SELECT id FROM {table} WHERE rev_from >= rev_to",
        f"gaps and overlaps of {things}": "SELECT id FROM (SELECT c.id, c.rev_to, "
                                          "lead(c.rev_from) OVER (PARTITION BY c.repo_id, "
                                          f"c.{kind}_id ORDER BY c.rev_from) AS next FROM {table} "
                                          f"c) t WHERE rev_to <> coalesce(next, {OPEN})",
        f"{things} of nothing": f"SELECT id FROM {table} WHERE repo_id NOT IN "
                                "(SELECT id FROM repo)",
    }


RECOUNTS = {
    **recounts_of("concept"),
    **recounts_of("mapping"),
    "concepts with parents": "SELECT id FROM repo WHERE child_concepts <> (SELECT count(*) FROM "
                             "concept_version c WHERE c.repo_id = repo.id AND c.parents IS NOT "
                             f"NULL AND c.rev_to = {OPEN})",
    "those of a version": "SELECT id FROM repo_version v WHERE child_concepts <> (SELECT count(*) "
                          "FROM concept_version c WHERE c.repo_id = v.repo_id AND c.parents IS "
                          "NOT NULL AND c.rev_from <= v.rev AND c.rev_to > v.rev)",
    "edges of no concept": "SELECT repo_id FROM concept_parent e WHERE e.rev_to > e.rev_from AND "
                           "NOT EXISTS (SELECT 1 FROM concept_version c WHERE c.repo_id = "
                           "e.repo_id AND c.mnemonic = e.child AND c.rev_from = e.rev_from AND "
                           "'\n' || c.parents || '\n' LIKE '%\n' || e.parent || '\n%')",
    "ends of nothing": "SELECT repo_id FROM mapping_end WHERE repo_id NOT IN "
                       "(SELECT id FROM repo)",
    "two mappings that say the same": "SELECT repo_id FROM mapping_version WHERE "
                                      f"rev_to = {OPEN} GROUP BY repo_id, map_type, "
                                      "from_source_url, from_concept_code, to_source_url, "
                                      "to_concept_code HAVING count(*) > 1",
    "versions": "SELECT id FROM repo WHERE versions <> (SELECT count(*) FROM repo_version v "
                "WHERE v.repo_id = repo.id AND v.is_active)",
    "revisions": "SELECT id FROM repo WHERE rev <> (SELECT count(*) FROM concept_version c "
                 "WHERE c.repo_id = repo.id) + (SELECT count(*) FROM mapping_version m "
                 "WHERE m.repo_id = repo.id)",
    "twice released": "SELECT repo_id FROM repo_version WHERE is_active AND released "
                      "GROUP BY repo_id HAVING count(*) > 1",
    "active below the deleted": "SELECT repo.id FROM repo LEFT JOIN org ON owner_type = "
                                "'Organization' AND org.id = owner_id LEFT JOIN account ON "
                                "owner_type = 'User' AND account.id = owner_id WHERE "
                                "owner_is_active AND NOT coalesce(org.is_active, "
                                "account.is_active, FALSE)",
    "members of nothing": "SELECT org_id FROM member WHERE org_id NOT IN (SELECT id FROM org) OR "
                          "user_id NOT IN (SELECT id FROM account)",
    "versions of nothing": "SELECT id FROM repo_version WHERE repo_id NOT IN "
                           "(SELECT id FROM repo)",
    "changed before created": "SELECT id FROM repo WHERE updated_at < created_at",
}


# rows: G13 G55 G107 G114 G126
def recount(site):
    site.verify()
    wrong = {what: rows for what, sql in RECOUNTS.items() if (rows := site.query(sql))}
    assert not wrong, wrong


# ---- A clock that was set back ----

DAYS = 2 * 86400 * 10**6
TIMES = {"org": "updated_at", "repo": "updated_at", "repo_version": "updated_at",
         "concept_version": "version_created_at", "account": "updated_at"}


# rows: G95
# X40
def time_goes_on(site, server):
    client = server.client()
    client.expect(201, "POST", "/guide/orgs/", {"id": "Time", "name": "Time"})
    client.expect(201, "POST", "/guide/users/",
                  {"username": "time", "name": "time", "email": "t@example.org"})
    place = "/guide/orgs/Time/sources/"
    for name in "ST":
        client.expect(201, "POST", place, {"id": name, "name": name})
    client.expect(201, "POST", place + "S/versions/", {"id": "v", "released": True})
    client.expect(201, "POST", place + "S/versions/", {"id": "w"})
    client.expect(201, "POST", place + "S/concepts/",
                  {"id": "C", "conceptClass": "Misc", "names": NAMES})
    site.execute(*(f"UPDATE {table} SET created_at = created_at + {DAYS}, "
                   f"{column} = {column} + {DAYS}" for table, column in TIMES.items()),
                 f"UPDATE repo SET content_at = content_at + {DAYS}")
    client.expect(200, "PUT", "/guide/orgs/Time/", {"name": "t"})
    client.expect(200, "PUT", "/guide/users/time/", {"company": "t"})
    client.expect(200, "PUT", place + "S/", {"name": "t"})
    client.expect(204, "DELETE", place + "T/")
    client.expect(200, "PUT", place + "S/w/", {"released": True})
    client.expect(200, "PUT", place + "S/concepts/C/", {"datatype": "t"})
    client.expect(204, "DELETE", "/guide/users/time/")
    for table, column in TIMES.items():
        early = site.query(f"SELECT id FROM {table} WHERE {column} < created_at")
        assert not early, f"{table}: {early}"
    client.close()


# ---- A database that hangs or falls ----

LIMITS = {"db.busy_ms": 1500, "db.statement_seconds": 2, "db.connect_seconds": 2}
SOURCE = "/guide/orgs/Hang/sources/S/"


def make_source(site, server):
    r = Race(site, server, 0)
    r.a.expect(201, "POST", "/guide/orgs/", {"id": "Hang", "name": "Hang"})
    source(r, "orgs/Hang", "S")
    r.finish()


def until(what, is_so):
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)


def backends(site):
    """Processes of the database server that serve ours; psql's own is not among them."""
    return [int(pid) for pid, in site.query(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()")]


class Holder:
    """A session beside the server that holds the row of the source."""

    def __init__(self, site):
        self.psql = subprocess.Popen([PSQL, site.database.url, "-qX"], stdin=subprocess.PIPE,
                                     stdout=subprocess.DEVNULL, text=True)
        self.psql.stdin.write("BEGIN; UPDATE repo SET rev = rev WHERE mnemonic = 'S';\n")
        self.psql.stdin.flush()
        until("held", lambda: site.query("SELECT 1 FROM pg_stat_activity WHERE datname = "
                                         "current_database() AND state = 'idle in transaction'"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.psql.stdin.close()
        self.psql.wait(PATIENCE)


# X23 X62: writers wait for a row that another session holds
def writers_wait(site, server):
    is_over = threading.Event()

    def write(client):
        answer = client.ask("PUT", SOURCE, {"name": "waits"})
        assert answer.status == 503 and answer.headers["Retry-After"], str(answer)

    def read(client):
        slowest = 0
        while not is_over.is_set():
            start = time.monotonic()
            client.expect(200, "GET", SOURCE)
            client.expect(200, "GET", "/readyz")
            slowest = max(slowest, time.monotonic() - start)
        assert slowest < LIMITS["db.busy_ms"] / 1000, f"a read waited for {slowest} s"

    def write_all():
        try:
            together(*(lambda: write(server.client()) for _ in range(CLIENTS)))
        finally:
            is_over.set()

    with Holder(site):
        together(lambda: read(server.client()), write_all)
    server.client().expect(200, "PUT", SOURCE, {"name": "waited"})


# X23: processes of the database server stand still
def server_hangs(site, server):
    server.client().expect(200, "GET", SOURCE)
    stopped = backends(site)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        found = fill_pool(server)
        assert time.monotonic() - start < 10, "it took too long"
        assert {a.status for a in found} <= {200, 503}, [str(a) for a in found]
        assert any(a.status == 503 and a.headers["Retry-After"] for a in found), "nothing hung"
        # Its connection hung as well: once that is noticed there is another one.
        until("readiness", lambda: server.client().ask("GET", "/readyz").status == 200)
    finally:
        for pid in stopped:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
    server.client().expect(200, "PUT", SOURCE, {"name": "goes on"})


def fill_pool(server):
    return together(*(lambda n=n: server.client().ask(
        "PUT" if n % 2 else "GET", SOURCE, {"name": "all"} if n % 2 else None)
        for n in range(CLIENTS)))


# X27: the first request on each connection of before the fall
def idle_connections_break(site, server):
    fill_pool(server)
    os.kill(backends(site)[0], signal.SIGKILL)
    until("readiness", lambda: server.client().ask("GET", "/readyz").status == 200)
    found = fill_pool(server)
    assert {a.status for a in found} == {200}, [str(a) for a in found]


# X27: a process of the database server is killed under load, and all of it starts anew
def server_falls(site, server):
    is_over, odd = threading.Event(), []

    def write(n):
        dice, client = random.Random(SEED + n), server.client()
        while not is_over.is_set():
            answer = client.ask(*requests(dice))
            if answer.status == 503:
                assert answer.headers["Retry-After"], str(answer.headers)
            elif answer.status not in FINE:
                odd.append(str(answer))
        client.close()

    def kill():
        time.sleep(1)
        os.kill(backends(site)[0], signal.SIGKILL)
        until("readiness", lambda: server.client().ask("GET", "/readyz").status == 200)
        time.sleep(1)
        is_over.set()

    together(kill, *(lambda n=n: write(n) for n in range(CLIENTS)))
    unknown = server.text().count("the outcome is unknown")
    assert len(odd) <= unknown, f"{len(odd)} failures, {unknown} commits cut: {odd[:3]}"
    server.client().expect(200, "PUT", SOURCE, {"name": "is up"})


def hard_times(tally, nestor, cluster):
    with Site(nestor, cluster) as site:
        flags = [w for name, n in LIMITS.items() for w in ("--set", f"{name}={n}")]
        with site.init("--quiet").serve(*flags) as server:
            make_source(site, server)
            tally.run("postgresql: writers that wait for a row leave reads alone", writers_wait,
                      site, server)
            tally.run("postgresql: a server that hangs is told by 503, and left", server_hangs,
                      site, server)
            tally.run("postgresql: connections that broke while idle are no failure",
                      idle_connections_break, site, server)
            tally.run("postgresql: a server that falls is told by 503, then all goes on",
                      server_falls, site, server)
            tally.run("postgresql: afterwards every counter equals a recount", recount, site)


def main():
    chosen = arguments(__doc__.splitlines()[0], trials=20, seconds=4)
    tally = Tally()
    for name, cluster in engines():
        with Site(chosen.nestor, cluster) as site, site.init("--quiet").serve() as server:
            for title, run in RACES if cluster else [NO_CYCLE]:
                tally.run(f"{name}: {title} ({chosen.trials} trials)", race, site, server,
                          chosen.trials, run)
            tally.run(f"{name}: no change is older than the one before", time_goes_on, site,
                      server)
            tally.run(f"{name}: {CLIENTS} clients write at random", crowd, server, chosen.seconds)
            tally.run(f"{name}: afterwards every counter equals a recount", recount, site)
        if cluster:
            hard_times(tally, chosen.nestor, cluster)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
