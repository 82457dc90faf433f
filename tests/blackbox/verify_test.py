#!/usr/bin/env python3
"""nestor verify: a sound store with everything in it has no finding, and each kind of damage is
named where it is planted, repaired where that is safe, and left alone by a dry run; over HTTP as
well.

Usage: verify_test.py --nestor PATH

With ONLY=TEXT in the environment only kinds of damage with that in their names are planted alone.
"""
# Takes long
# Any build
# rows: G42 G158
import json
import os
import shutil
import sys
import time

import world
from support import PATIENCE, Database, Site, run_on_engines

OPEN = 2**63 - 1
NOWHERE = 999999999
HOME = "/v2/orgs/WHO/sources/"
NAMES = [{"name": "n", "locale": "en", "name_type": "FULLY_SPECIFIED"}]


# ---- A store with everything in it ----


def concept(client, source, code, **more):
    client.expect(201, "POST", f"{HOME}{source}/concepts/",
                  {"id": code, "concept_class": "Diagnosis", "datatype": "N/A", "names": NAMES,
                   **more})


def change(client, source, code, **what):
    client.expect(200, "PATCH", f"{HOME}{source}/concepts/{code}/", {"update_comment": "c", **what})


def hierarchy(client):
    """Parents that come, change and go; a version between."""
    client.expect(201, "POST", HOME, {"id": "H", "name": "H"})
    top = {"parent_concept_urls": ["/orgs/WHO/sources/H/concepts/top/"]}
    concept(client, "H", "top")
    for code in "abc":
        concept(client, "H", code, **top)
    client.expect(201, "POST", HOME + "H/versions/", {"id": "v1", "released": True})
    for n in range(3):
        for code in "abc":
            change(client, "H", code, datatype=f"d{n}")
    change(client, "H", "b", parent_concept_urls=["/orgs/WHO/sources/H/concepts/a/"])
    concept(client, "H", "x", **top)
    client.expect(204, "DELETE", HOME + "H/concepts/x/?hardDelete=true")
    concept(client, "H", "y")
    change(client, "H", "c", parent_concept_urls=["/orgs/WHO/sources/H/concepts/y/"])
    client.expect(204, "DELETE", HOME + "H/concepts/y/?hardDelete=true")
    client.expect(204, "DELETE", HOME + "H/concepts/c/")
    client.expect(201, "POST", HOME + "H/versions/", {"id": "v2", "previous_version": "v1",
                                                      "parent_version": "v1"})
    client.expect(201, "POST", HOME + "H/versions/", {"id": "v3"})
    client.expect(204, "DELETE", HOME + "H/v3/")


def mapping(client, source, code, of, to):
    client.expect(201, "POST", f"{HOME}{source}/mappings/",
                  {"id": code, "map_type": code, "from_source_url": f"/orgs/WHO/sources/{of}/",
                   "from_concept_code": "a", "to_source_url": f"/orgs/WHO/sources/{to}/",
                   "to_concept_code": "b"})


def mappings(client):
    """One of each kind, and some whose other end is deleted or erased."""
    for name in ("M", "Deleted", "Erased"):
        client.expect(201, "POST", HOME, {"id": name, "name": name})
    for code, of, to in (("m1", "M", "H"), ("m2", "H", "M"), ("m3", "H", "Deleted"),
                         ("m4", "Erased", "M"), ("m5", "Nowhere", "Nothing")):
        mapping(client, "M", code, of, to)
    for n in range(3):
        client.expect(200, "PATCH", HOME + "M/mappings/m1/", {"external_id": f"e{n}"})
        client.expect(200, "PATCH", HOME + "M/mappings/m2/", {"external_id": f"e{n}"})
    client.expect(201, "POST", HOME + "M/versions/", {"id": "v1"})
    client.expect(200, "PATCH", HOME + "M/mappings/m1/", {"external_id": "last"})
    mapping(client, "M", "gone", "M", "H")
    client.expect(204, "DELETE", HOME + "M/mappings/gone/?hardDelete=true")
    client.expect(204, "DELETE", HOME + "Deleted/")
    client.expect(204, "DELETE", HOME + "Erased/?hardDelete=true")


def owners(client):
    """One is renamed, one deleted, one erased; what they own goes along."""
    for name in ("renamed", "closed", "erased"):
        client.expect(201, "POST", "/v2/users/", {"username": name,
                                                  "email": f"{name}@example.org"})
        place = f"/v2/users/{name}/sources/"
        client.expect(201, "POST", place, {"id": "S", "name": "S"})
        body = {"concept_class": "c", "datatype": "d", "names": NAMES}
        client.expect(201, "POST", place + "S/concepts/", {"id": "p", **body})
        client.expect(201, "POST", place + "S/concepts/", {
            "id": "q", **body, "parent_concept_urls": [f"/users/{name}/sources/S/concepts/p/"]})
        client.expect(201, "POST", place + "S/mappings/", {
            "map_type": "t", "from_concept_url": f"/users/{name}/sources/S/concepts/p/",
            "to_concept_url": f"/users/{name}/sources/S/concepts/q/"})
        client.expect(201, "POST", place + "S/versions/", {"id": "1"})
    client.expect(200, "PUT", "/v2/users/renamed/", {"username": "another"})
    client.expect(204, "DELETE", "/v2/users/closed/")
    client.expect(204, "DELETE", "/v2/users/erased/?hardDelete=true")
    client.expect(201, "POST", "/v2/orgs/", {"id": "Shut", "name": "Shut"})
    client.expect(201, "POST", "/v2/orgs/Shut/sources/", {"id": "S", "name": "S"})
    client.expect(204, "DELETE", "/v2/orgs/Shut/")


def small_things(client):
    for pinned, number in (("Source", source_number(client)), ("Organization", org_number(client))):
        client.ask("POST", "/v2/orgs/OTH/pins/", {"resource_type": pinned, "resource_id": number})
        client.ask("POST", "/v2/users/other/pins/", {"resource_type": pinned,
                                                     "resource_id": number})
    for what in ("/orgs/WHO/", "/users/member/", HOME[3:] + "H/"):
        client.expect(204, "POST", "/v2/users/other/following/", {"follow": what})
    for owner in ("orgs/WHO", "orgs/WHO/sources/H"):
        client.expect(201, "POST", f"/v2/{owner}/client-configs/", {
            "config": world.KNOWN["config"]})
    for owner in ("orgs/WHO", "users/member"):
        client.expect(201, "POST", f"/v2/{owner}/map-projects/", {"name": "p"})
    vocabulary = "/v2/orgs/OCL/sources/"  # names in it are values, and noted
    client.expect(201, "POST", vocabulary, {"id": "Classes", "name": "Classes"})
    for code in ("o", "r"):
        client.expect(201, "POST", vocabulary + "Classes/concepts/", {
            "id": code, "concept_class": "Misc", "datatype": "N/A", "names": NAMES})
    client.expect(204, "DELETE", vocabulary + "Classes/concepts/r/")


def source_number(client):
    return int(client.expect(200, "GET", HOME + "Open/").json()["uuid"])


def org_number(client):
    return int(client.expect(200, "GET", "/v2/orgs/WHO/").json()["uuid"])


def until_over(client, task):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        state = client.expect(200, "GET", f"/v2/tasks/{task['id']}/").json()
        if state["state"] not in ("PENDING", "STARTED"):
            assert state["state"] == "SUCCESS", state
            return state
        time.sleep(0.05)
    raise AssertionError(f"{task} is not over")


def bulk_import(client, count=30):
    lines = [{"type": "Concept", "owner": "WHO", "owner_type": "Organization", "source": "H",
              "id": f"i{n}", "concept_class": "Misc", "names": NAMES,
              **({"parent_concept_urls": [f"/orgs/WHO/sources/H/concepts/i{n + 1}/"]}
                 if n % 3 == 0 else {})} for n in range(count)]
    lines += [{"type": "Concept", "owner": "WHO", "source": "H", "id": "bad"}]
    body = "\n".join(json.dumps(line) for line in lines).encode()
    until_over(client, client.expect(202, "POST", "/v2/importers/bulk-import/", body).json())


def fill(site):
    world.load(site)
    with site.serve() as server:
        client = server.client()
        world.World(site, client).fill()
        for make in (hierarchy, mappings, owners, small_things, bulk_import):
            make(client)
        client.close()


# ---- Asking ----


def verify(site, *words, status=0):
    p = site.run("verify", "--quiet", "--json", *words)
    assert p.returncode == status, f"{p.returncode}, not {status}: {p.stdout[:2000]} {p.stderr}"
    return json.loads(p.stdout)


def found(report, level="damage"):
    return {f["check"]: f for f in report["findings"] if f["level"] == level}


def is_sound(site):
    report = verify(site)
    assert not found(report), found(report)
    assert report["left"] == 0 and report["checks"] > 100, report
    notes = set(found(report, "note"))
    assert {"mapping.to_source", "mapping.from_source", "mapping.to_concept"} <= notes, notes


class Copies:
    """A store to plant damage in, as often as one is wanted."""

    def __init__(self, site):
        self.site = site

    def __call__(self):
        copy = Site(self.site.nestor)
        shutil.copytree(self.site.data, copy.data)
        copy.token = self.site.token
        if self.site.database:
            copy.database = Database(self.site.database.cluster)
            name = copy.database.name
            copy.database.psql(f'DROP DATABASE "{name}"')
            copy.database.psql(f'CREATE DATABASE "{name}" TEMPLATE "{self.site.database.name}"')
        return copy


def plant(site, *statements):
    """What a constraint forbids is planted as well."""
    if site.database:
        statements = ("SET session_replication_role = replica", *statements)
    site.execute(*statements)


# ---- Damage ----


H = "(SELECT id FROM repo WHERE owner = 'WHO' AND mnemonic = 'H')"
M = "(SELECT id FROM repo WHERE owner = 'WHO' AND mnemonic = 'M')"
CLASSES = "(SELECT id FROM repo WHERE owner = 'OCL' AND mnemonic = 'Classes')"
V1 = f"(SELECT id FROM repo_version WHERE repo_id = {H} AND mnemonic = 'v1')"
M_V1 = f"(SELECT id FROM repo_version WHERE repo_id = {M} AND mnemonic = 'v1')"


def versions_of(table, repo, code):
    """WHERE ...: of its versions the first, the second last, and the present one."""
    all_of = f"repo_id = {repo} AND mnemonic = '{code}'"
    present = f"{all_of} AND rev_to = {OPEN}"
    former = f"id = (SELECT max(id) FROM {table} WHERE {all_of} AND rev_to <> {OPEN})"
    return f"id = (SELECT min(id) FROM {table} WHERE {all_of})", former, present


def lost(table, column, key="id", also=(), is_mended=True):
    """A column of some row leads to nothing."""
    return (f"{table}.{column}",
            [f"UPDATE {table} SET {column} = {NOWHERE} WHERE {key} = (SELECT min({key}) FROM {table} "
             f"WHERE {column} IS NOT NULL)"], is_mended, also)


def intervals(noun, table, repo, code):
    first, former, present = versions_of(table, repo, code)
    after = {"source.tallies", *(f"source.{p}{noun}s" for p in ("", "active_")),
             *(f"version.{p}{noun}s" for p in ("", "active_")), "source.child_concepts",
             "version.child_concepts", "concept.parent", "concept.child"}
    return [
        (f"{noun}.gap", [f"UPDATE {table} SET rev_to = rev_to - 1 WHERE {former}"], True, after),
        (f"{noun}.overlap", [f"UPDATE {table} SET rev_to = rev_to + 1 WHERE {former}"], True, after),
        (f"{noun}.empty_interval", [f"UPDATE {table} SET rev_to = rev_from WHERE {first}"], True,
         after),
        (f"{noun}.empty_interval", [f"UPDATE {table} SET rev_to = rev_from - 1 WHERE {former}"],
         False, {f"{noun}.gap", f"{noun}.overlap", f"{noun}.order", *after}),
        (f"{noun}.none_open", [f"UPDATE {table} SET rev_to = (SELECT rev FROM repo WHERE id = "
                               f"{repo}) WHERE {present}"], False, after),
        (f"{noun}.order", [f"UPDATE {table} SET previous_id = (SELECT min(id) FROM {table} WHERE "
                           f"repo_id = {repo} AND mnemonic = '{code}') WHERE {present}"], False, ()),
        (f"{noun}.previous_id", [f"UPDATE {table} SET previous_id = 1 WHERE {first}"], False, ()),
        (f"{noun}.checksums", [f"UPDATE {table} SET smart_checksum = 'x' WHERE {former}"], True, ()),
    ]


def counted():
    columns = ("concepts", "active_concepts", "child_concepts", "mappings", "active_mappings")
    for c in columns:
        yield f"source.{c}", [f"UPDATE repo SET {c} = {c} + 1 WHERE id = {H}"], True, ()
        yield f"version.{c}", [f"UPDATE repo_version SET {c} = {c} + 1 WHERE id = {V1}"], True, ()
    for c, also in (("rev", {"source.tallies"}), ("labelled_rev", ()), ("next_number", ()),
                    ("content_at", ())):
        yield f"source.{c}", [f"UPDATE repo SET {c} = 1 WHERE id = {H}"], True, also
    yield "source.versions", [f"UPDATE repo SET versions = 77 WHERE id = {M}"], True, ()
    for table in ("account", "org", "repo", "repo_version", "event", "pin", "follow",
                  "url_registry", "feedback", "map_project", "client_config"):
        yield (f"counter.{table}", [f"UPDATE nst_counter SET next = 1 WHERE name = '{table}'"],
               True, ())


FOREIGN = {"engine.foreign_keys"}


def plants(site):
    """(the check that finds it, statements, whether a repair makes the store sound, what else is
    found)."""
    yield from (
        lost("token", "account_id", "hash", FOREIGN),
        lost("oauth_client", "account_id", "client_id", FOREIGN),
        lost("pin", "org_id"), lost("pin", "user_id"), lost("pin", "repo_id"),
        lost("pin", "pinned_org_id"), lost("follow", "follower_id"), lost("follow", "user_id"),
        lost("follow", "org_id"), lost("follow", "repo_id"), lost("event", "object_id"),
        lost("event", "actor_id"), lost("event", "user_id"), lost("event", "org_id"),
        lost("event", "of_org_id"), lost("event", "repo_id"), lost("event", "version_id"),
        lost("url_registry", "org_id"), lost("url_registry", "user_id"),
        lost("feedback", "user_id"), lost("map_project", "org_id"), lost("map_project", "user_id"),
        lost("client_config", "org_id"), lost("client_config", "repo_id"),
        lost("logo", "user_id", "user_id"), lost("logo", "org_id", "org_id"),
        lost("logo", "repo_id", "repo_id"), lost("mapping_end", "end_id", "end_id",
                                                 {"mapping_end.from", "mapping_end.to"}),
        lost("repo_version", "previous_id"), lost("repo_version", "parent_id"))
    for column in ("org_id", "user_id"):
        yield (f"member.{column}", [f"UPDATE member SET {column} = {NOWHERE} WHERE org_id = (SELECT "
                                    "min(org_id) FROM member) AND user_id = (SELECT min(m.user_id) "
                                    "FROM member m WHERE m.org_id = member.org_id)"], True, FOREIGN)
    for table, values in (("session", f"'h', {NOWHERE}, 'c', 1"), ("sign_in", f"'h', {NOWHERE}, 1, 1")):
        yield f"{table}.account_id", [f"INSERT INTO {table} VALUES ({values})"], True, FOREIGN
    gone = {f"{table}.repo_id" for table in (
        "repo_version", "concept_version", "mapping_version", "concept_parent", "tally",
        "mapping_end", "event", "client_config", "follow", "pin", "logo", "present_name",
        "repo_export", "tombstone")} | {"repo_export.version_id", "repo_export_hidden.export_id"}
    yield ("concept_version.repo_id", [f"DELETE FROM repo WHERE id = {H}"], True,
           gone | FOREIGN | {"mapping_end.end_id", "mapping.to_source"})
    yield "present_name.repo_id", [f"UPDATE present_name SET repo_id = {NOWHERE} WHERE repo_id = "
                                   f"{CLASSES}"], False, {"concept.names"}
    yield from intervals("concept", "concept_version", H, "a")
    yield from intervals("mapping", "mapping_version", M, "m1")
    yield from counted()
    for when, which in (("now", f"= {OPEN}"), ("once", f"<> {OPEN}")):
        yield ("source.tallies", [f"UPDATE tally SET count = count + 3 WHERE repo_id = {H} AND key = "
                                  "(SELECT min(t.key) FROM tally t WHERE t.repo_id = tally.repo_id "
                                  f"AND t.rev_to {which} AND t.kind = 'class') AND rev_to {which} "
                                  f"/* {when} */"], True, ())
    yield "source.tallies", [f"DELETE FROM tally WHERE repo_id = {M}"], True, ()
    yield ("mapping.natural_key", ["UPDATE mapping_version SET natural_key = 'x' WHERE "
                                   + versions_of("mapping_version", M, "m1")[2]], False, ())
    yield ("hierarchy.interval", [f"UPDATE concept_parent SET rev_to = rev_from WHERE repo_id = {H} "
                                  f"AND child = 'b' AND rev_to = {OPEN}"], False,
           {"concept.parents", "concept.checksums"})
    yield ("concept.parent", [f"UPDATE concept_parent SET parent = 'z' WHERE repo_id = {H} AND "
                              f"child = 'b' AND rev_to = {OPEN}"], False,
           {"concept.parents", "concept.checksums"})
    yield ("concept.child", [f"INSERT INTO concept_parent (repo_id, parent, child, rev_from, rev_to) "
                             f"SELECT id, 'top', 'z', rev, {OPEN} FROM repo WHERE id = {H}"],
           True, ())
    yield ("concept.parents", ["UPDATE concept_version SET parents = 'top' WHERE "
                               + versions_of("concept_version", H, "b")[2]], False,
           {"concept.checksums"})
    yield "source.hierarchy_root", [f"UPDATE repo SET hierarchy_root = 'z' WHERE id = {H}"], True, ()
    yield ("source.owner_is_active", [f"UPDATE repo SET owner_is_active = FALSE WHERE id = {H}"],
           True, ())
    yield "source.owner", [f"UPDATE repo SET owner = 'z' WHERE id = {H}"], False, ()
    yield ("source.owner_id", [f"UPDATE repo SET owner_id = {NOWHERE} WHERE id = {H}"], False, ())
    yield ("present_name.mnemonic", [f"UPDATE present_name SET mnemonic = 'z' WHERE repo_id = {CLASSES}"],
           False, {"concept.names"})
    yield ("present_name.mnemonic", ["INSERT INTO present_name (repo_id, mnemonic, locale, name, "
                                     f"is_full, is_preferred) VALUES ({CLASSES}, 'z', 'en', 'Z', TRUE, "
                                     "TRUE)"], True, ())
    for side in ("from", "to"):
        yield (f"mapping_end.{side}", [f"DELETE FROM mapping_end WHERE repo_id = {M}"], True,
               {"mapping_end.from", "mapping_end.to"})
    p, c = "program_enrollment", "program_course_enrollment"
    yield lost(p, "user_id", is_mended=False)
    yield lost(c, "program_enrollment_id", is_mended=False)
    yield lost(c, "course_enrollment_id", is_mended=False)
    yield (f"{p}.program_id", [f"UPDATE {p} SET program_id = {NOWHERE} WHERE external_user_key = "
                               "'1002'"], False, FOREIGN | {f"{p}.history"})
    for t in (p, c):
        yield f"{t}.history", [f"DELETE FROM {t}_history"], False, ()
    if site.database:
        yield "engine.pages", ["ALTER TABLE pin ADD CONSTRAINT odd CHECK (place > 99) NOT VALID"], \
            False, ()
    else:
        yield ("engine.pages", ["PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET sql = "
                                "'CREATE INDEX member_user ON member (org_id)' WHERE name = "
                                "'member_user'"], False, {"member.org_id", "member.user_id"})


def names_it(report, name, also=None):
    """The damage that was planted; and, unless what a repair met on its way is among it, nothing
    else but what follows from it."""
    damage = found(report)
    assert name in damage, f"not found: {sorted(damage)}"
    assert also is None or set(damage) <= {name, *also}, \
        f"found as well: {set(damage) - {name, *also}}"
    assert all(f["count"] > 0 and f["examples"] for f in damage.values()), damage
    assert all(e["address"] and e["detail"] is not None for e in damage[name]["examples"]), damage
    return damage[name]


def a_dry_run_writes_nothing(site, name, also):
    before = site.dump()
    report = verify(site, "--repair", "--dry-run", status=1)
    names_it(report, name, also)
    assert report["repaired"] == 0 and site.dump() == before, "the dry run wrote"


def is_found(copies, name, statements, is_mended, also):
    """On PostgreSQL, where each look takes long, by the one that repairs."""
    with copies() as site:
        plant(site, *statements)
        if not site.database:
            a_dry_run_writes_nothing(site, name, also)
        report = verify(site, "--repair", status=0 if is_mended else 1)
        damage = names_it(report, name)
        if is_mended:
            assert report["left"] == 0 and damage["repairable"] > 0, report
        if site.database:
            return
        if is_mended:
            again = found(verify(site))
            assert not again, again
        elif not damage["repairable"]:
            assert name in found(verify(site, status=1))


def is_found_together(name, statements, is_mended):
    """Neither its repair nor that of others changes what they find: it is among many at once, and on
    PostgreSQL, where a copy of a database takes long, only there."""
    return (is_mended and "DELETE FROM repo" not in statements[0]
            and not name.endswith((".gap", ".overlap")))


def all_at_once(copies):
    """Repairs of many kinds do not get in one another's way."""
    with copies() as site:
        each = [p for p in plants(site) if is_found_together(*p[:3])]
        plant(site, *(s for p in each for s in p[1]))
        damage = found(verify(site, status=1))
        planted = {p[0] for p in each}
        assert planted <= set(damage), planted - set(damage)
        more = set(damage) - planted.union(*(p[3] for p in each))
        assert not more, f"found as well: {more}"
        assert all(f["count"] > 0 and f["examples"] for f in damage.values()), damage
        verify(site, "--repair")
        is_sound(site)


# ---- How it is used ----


def says_it_in_words(copies):
    with copies() as site:
        plant(site, f"UPDATE repo SET concepts = 77 WHERE id = {H}")
        p = site.run("verify")
        assert p.returncode == 1 and "damage: source.concepts: 1. " in p.stdout, p.stdout
        assert "  /orgs/WHO/sources/H/: it says 77, and should say " in p.stdout, p.stdout
        assert "The store is damaged in 1 place; `nestor verify --repair --data " in p.stdout, p.stdout
        p = site.run("verify", "--repair", "--dry-run", "--quiet")
        assert p.returncode == 1 and "would be repaired: 1 of 1" in p.stdout, p.stdout
        assert p.stderr == "", p.stderr
        p = site.run("verify", "--repair")
        assert p.returncode == 0 and "  repaired: 1 of 1" in p.stdout, p.stdout
        assert "The store is sound" in site.run("verify").stdout
        assert site.run("verify", "--dry-run").returncode == 2
        assert site.run("verify", "here").returncode == 2


def beside_writers(copies):
    """A server may write meanwhile: no false alarm."""
    with copies() as site, site.serve() as server:
        client = server.client()
        for n in range(3):
            client.expect(201, "POST", f"{HOME}H/concepts/", {
                "id": f"w{n}", "concept_class": "c", "datatype": "d", "names": NAMES})
            verify(site)
        client.close()


PLACE = "/manage/brokenreferences/"


def over_http(copies):
    """Planted, found by a task, repaired by DELETE, found no more."""
    with copies() as site, site.serve() as server:
        client = server.client()
        plant(site, f"UPDATE repo SET concepts = 77 WHERE id = {H}",
              f"UPDATE pin SET repo_id = {NOWHERE} WHERE repo_id IS NOT NULL")
        until_over(client, client.expect(202, "POST", "/v2" + PLACE).json())
        answer = client.expect(200, "GET", "/guide" + PLACE).json()
        damage = found(answer["report"])
        assert set(damage) == {"source.concepts", "pin.repo_id"} and answer["finished_at"], answer
        assert damage["source.concepts"]["examples"][0]["address"] == "/orgs/WHO/sources/H/"
        done = client.expect(200, "DELETE", "/v2" + PLACE).json()
        assert done["left"] == 0 and done["repaired"] == done["damage"] > 1, done
        assert not found(client.expect(200, "GET", "/v2" + PLACE).json()["report"])
        until_over(client, client.expect(202, "POST", "/guide" + PLACE).json())
        assert not found(client.expect(200, "GET", "/v2" + PLACE).json()["report"])
        client.close()
    with copies() as site:
        verify(site)


def a_large_one_over_http(copies):
    """There is much to look at: a task repairs; one at a time."""
    with copies() as site, site.serve() as server:
        client = server.client()
        bulk_import(client, 1100)
        plant(site, f"UPDATE repo SET concepts = 77, mappings = 77 WHERE id = {H}",
              "UPDATE concept_version SET smart_checksum = 'x' WHERE mnemonic LIKE 'i1%'")
        task = client.expect(202, "DELETE", "/v2" + PLACE).json()
        assert task["name"] == "verify_repair", task
        second = client.ask("POST", "/v2" + PLACE)
        state = client.expect(200, "GET", f"/v2/tasks/{task['id']}/").json()["state"]
        assert second.status == 409 or state == "SUCCESS", second
        assert second.status != 409 or "running already" in second.json()["detail"], second
        result = until_over(client, task)["result"]
        assert result["left"] == 0 and result["repaired"] == result["damage"] > 250, result
        report = client.expect(200, "GET", "/v2" + PLACE).json()["report"]
        assert report["left"] == 0, report
        client.close()
        verify(site)


def a_second_one_is_refused(copies):
    """While one waits, another is not taken."""
    with copies() as site, site.serve("--set", "tasks.slots=1") as server:
        client = server.client()
        site.execute("UPDATE task SET once = 'integrity', state = 'PENDING', host = 'elsewhere' "
                     "WHERE id = (SELECT min(id) FROM task)")
        for method in ("POST", "DELETE"):
            for face in ("/v2", "/guide"):
                refused = client.expect(409, method, face + PLACE).json()
                assert refused["detail"] == "A check or a repair is running already.", refused
        assert client.expect(200, "GET", "/v2" + PLACE).json()["running"]
        client.close()


def run_on(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site:
        site.init()
        tally.run(f"{engine}: everything is made", fill, site)
        tally.run(f"{engine}: a sound store has no finding", is_sound, site)
        copies = Copies(site)
        only = os.environ.get("ONLY", "")
        for name, *rest in plants(site):
            if only in name and not (site.database and is_found_together(name, *rest[:2])):
                tally.run(f"{engine}: found: {name}", is_found, copies, name, *rest)
        for title, case in (("many at once", all_at_once), ("in words", says_it_in_words),
                            ("beside writers", beside_writers), ("over HTTP", over_http),
                            ("a large one over HTTP", a_large_one_over_http),
                            ("a second one is refused", a_second_one_is_refused)):
            tally.run(f"{engine}: {title}", case, copies)


if __name__ == "__main__":
    sys.exit(run_on_engines(__doc__, run_on))
