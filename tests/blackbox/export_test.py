"""Exports of versions: one document, the same bytes whoever makes it, when, where and how often;
nothing that came after the version is in it, and nothing that a reader may not see. They outlive
restarts and kills, and leave no file behind.

Usage: export_test.py --nestor PATH [--kills 5]
# Takes long
# rows: V615 V616 V617 V618 V619 V620 V621 V622 V623 G154 G87 V901
"""
import base64
import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import signal
import time
import zipfile

from bad_line import Proxy
from support import Site, Tally, arguments, build_for, engines

CONCEPTS = 1200
MAPPINGS = 700
PART = 600
PATIENCE = 60
WHERE = "/v2/orgs/O/sources/S/"
SECRET_LINE = '"to_source_url":"/orgs/P/sources/T/"'

CONCEPT = ("type,uuid,id,external_id,concept_class,datatype,display_name,display_locale,names,"
           "descriptions,extras,retired,source,source_url,owner,owner_name,owner_url,version,"
           "created_on,updated_on,version_created_on,version_created_by,update_comment,"
           "is_latest_version,locale,url,owner_type,version_url,previous_version_url,"
           "parent_concept_urls,child_concept_urls,version_updated_on,version_updated_by,"
           "checksums,retire_reason").split(",")
END = ("_concept_code,_concept_name,_concept_url,_concept_name_resolved,_source_owner,"
       "_source_owner_type,_source_url,_source_name,_source_version").split(",")
MAPPING = ["external_id", "retired", "map_type", "source", "owner", "owner_type",
           *("from" + e for e in END), *("to" + e for e in END),
           *("url,version,id,versioned_object_id,versioned_object_url,is_latest_version,"
             "update_comment,version_url,uuid,version_created_on,version_updated_on,"
             "version_updated_by,type,sort_weight,latest_source_version,retire_reason,checksums,"
             "owner_url,extras,created_on,updated_on,updated_by,created_by,"
             "public_can_view").split(",")]


# ---- What is in it ----

def line(kind, code, **more):
    return {"type": kind, "id": code, "owner": "O", "owner_type": "Organization", "source": "S",
            **more}


def concept(i):
    above = [f"/orgs/O/sources/S/concepts/C{i // 2}/"] if i % 5 == 0 and i else []
    return line("Concept", f"C{i}", concept_class="C", datatype="N/A", retired=i % 7 == 0,
                names=[{"name": f"Concept {i} é", "locale": "en"}], parent_concept_urls=above,
                extras={"text": random.Random(i).randbytes(150).hex(), "n": i})


def mapping(i):
    url = "/orgs/O/sources/S/concepts/C%d/"
    there = {"to_concept_url": url % (i + 1)} if i % 2 else \
        {"to_source_url": "/orgs/P/sources/T/", "to_concept_code": f"T{i}"}
    return line("Mapping", f"M{i}", map_type="SAME-AS", from_concept_url=url % i, **there)


def load(client, make, count):
    for at in range(0, count, PART):
        lines = [make(i) for i in range(at, min(at + PART, count))]
        outcome = client.expect(200, "POST", "/guide/importers/lines/", {"lines": lines}).json()
        assert "error" not in json.dumps(outcome), json.dumps(outcome)[:500]


def fill(client):
    for org in "OP":
        client.expect(201, "POST", "/v2/orgs/", {"id": org, "name": org})
    client.expect(201, "POST", "/v2/orgs/O/sources/",
                  {"id": "S", "name": "S", "description": "Then.", "default_locale": "en",
                   "supported_locales": "fr"})
    client.expect(201, "POST", "/v2/orgs/P/sources/", {"id": "T", "name": "T"})
    load(client, concept, CONCEPTS)
    load(client, mapping, MAPPINGS)


# ---- Asking ----

def until(what, condition):
    """Polls; the clock only bounds how long a failure takes."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {PATIENCE} s")


def fetch(client, version, where=WHERE):
    def made():
        answer = client.ask("GET", f"{where}{version}/export/")
        assert answer.status in (200, 204, 208), answer
        return answer if answer.status == 200 else None
    return until(f"the export of {version}", made)


def rebuild(client, version, where=WHERE):
    """The bytes, made again."""
    task = client.expect(202, "POST", f"{where}{version}/export/?force=true").json()["id"]

    def over():
        state = client.expect(200, "GET", f"/v2/tasks/{task}/").json()["state"]
        assert state in ("PENDING", "STARTED", "SUCCESS"), state
        return state == "SUCCESS"
    until("the task", over)
    return fetch(client, version, where).body


def text_of(body):
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        assert packed.namelist() == ["export.json"], packed.namelist()
        assert packed.testzip() is None
        return packed.read("export.json").decode()


def files(folder):
    return sorted(os.listdir(os.path.join(folder, "tasks")))


# ---- Cases ----

def has_the_shape(site, client):
    """Keys and rows stand in the order of the contract; rows are what the version holds."""
    answer = fetch(client, "v1")
    document = json.loads(text_of(answer.body))
    keys = list(document)
    assert keys[-4:] == ["source", "concepts", "mappings", "export_time"], keys
    assert document["export_time"] == "0secs"
    detail = client.expect(200, "GET", WHERE + "v1/").json()
    assert keys[:-4] == list(detail), (keys, list(detail))
    assert {k: document[k] for k in keys[:-4]} == detail
    head = client.expect(200, "GET", WHERE).json()
    assert document["source"] == head and list(document["source"]) == list(head)
    for name, wanted, count in (("concepts", CONCEPT, CONCEPTS), ("mappings", MAPPING, MAPPINGS)):
        rows = document[name]
        assert len(rows) == count, (name, len(rows))
        assert all(list(row) == wanted for row in rows), (list(rows[0]), wanted)
        numbers = [int(row["version"]) for row in rows]
        assert numbers == sorted(numbers, reverse=True), f"{name} are not newest first"
        shown = client.expect(200, "GET", f"{WHERE}v1/{name}/?limit=1000&includeRetired=true"
                                          "&verbose=true").json()
        for row, other in zip(rows, shown):
            differ = [k for k in row if k in other and row[k] != other[k] and
                      k not in ("url", "is_latest_version", "versioned_object_url")
                      and not k.startswith(("from_source", "to_source", "to_concept"))]
            assert not differ, (differ, row, other)
    assert any(row["retired"] for row in document["concepts"])
    assert any(row["child_concept_urls"] for row in document["concepts"])
    del site


def digest_tells(site, client):
    answer = fetch(client, "v1")
    digest = hashlib.sha256(answer.body).digest()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert answer.headers["ETag"] == f'"{digest.hex()[:32]}"'
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    del site


def entry_has_the_time_of_the_version(site, client):
    created = client.expect(200, "GET", WHERE + "v1/").json()["created_at"]
    with zipfile.ZipFile(io.BytesIO(fetch(client, "v1").body)) as packed:
        t = packed.infolist()[0].date_time
    wanted = tuple(int(n) for n in (created[:4], created[5:7], created[8:10], created[11:13],
                                    created[14:16]))
    assert t[:5] == wanted and t[5] == int(created[17:19]) // 2 * 2, (t, created)
    del site


def nothing_that_follows_changes_it(site, client):
    before = fetch(client, "v1").body
    client.expect(200, "PUT", WHERE, {"name": "Now", "description": "Now.", "extras": {"now": 1},
                                      "supported_locales": "de", "retired": True})
    client.expect(200, "PUT", WHERE + "concepts/C1/",
                  {"concept_class": "D", "datatype": "N/A",
                   "names": [{"name": "Now", "locale": "en"}]})
    client.expect(204, "DELETE", WHERE + "mappings/M1/")
    client.expect(201, "POST", WHERE + "concepts/",
                  {"id": "NEW", "concept_class": "C", "datatype": "N/A",
                   "names": [{"name": "New", "locale": "en"}],
                   "parent_concept_urls": ["/orgs/O/sources/S/concepts/C3/"]})
    client.expect(201, "POST", "/v2/orgs/P/sources/T/concepts/",
                  {"id": "T0", "concept_class": "C", "datatype": "N/A",
                   "names": [{"name": "There now", "locale": "en"}]})
    client.expect(201, "POST", WHERE + "versions/", {"id": "later", "released": True})
    client.expect(200, "PUT", WHERE, {"public_access": "Edit"})
    fetch(client, "later")
    assert rebuild(client, "v1") == before
    del site


def readers_are_told_nothing_hidden(site, client):
    """What leads to a source that became private is taken out, once and for all."""
    assert SECRET_LINE in text_of(fetch(client, "later").body)
    client.expect(200, "PUT", "/v2/orgs/P/sources/T/", {"public_access": "None"})
    gone = client.ask("GET", WHERE + "later/export/")
    assert gone.status == 204, gone
    client.expect(202, "POST", WHERE + "later/export/")
    after = fetch(client, "later").body
    assert "/orgs/P/" not in text_of(after)
    client.expect(200, "PUT", "/v2/orgs/P/sources/T/", {"public_access": "View"})
    assert fetch(client, "later").body == after and rebuild(client, "later") == after
    del site


def owners_keep_what_all_their_readers_see(site, client):
    """From one private source of an owner into another: whoever reads it may see both."""
    for name in ("A", "B"):
        client.expect(201, "POST", "/v2/orgs/O/sources/",
                      {"id": name, "name": name, "public_access": "None"})
    client.expect(201, "POST", "/v2/orgs/O/sources/A/mappings/",
                  {"map_type": "SAME-AS", "to_source_url": "/orgs/O/sources/B/",
                   "to_concept_code": "1", "from_source_url": "/orgs/O/sources/A/",
                   "from_concept_code": "2"})
    client.expect(201, "POST", "/v2/orgs/O/sources/A/versions/", {"id": "v1"})
    assert "/orgs/O/sources/B/" in text_of(fetch(client, "v1", "/v2/orgs/O/sources/A/").body)
    client.expect(200, "PUT", "/v2/orgs/O/sources/A/", {"public_access": "View"})
    client.expect(202, "POST", "/v2/orgs/O/sources/A/v1/export/")
    assert "/orgs/O/sources/B/" not in text_of(fetch(client, "v1", "/v2/orgs/O/sources/A/").body)
    del site


def names_move_along(site, client):
    """A user who is renamed is called by the new name, and moves what is owned."""
    secret = {"username": "zoe", "email": "zoe@example.org", "password": "a long one, zoe's own",
              "name": "Zoe"}
    token = client.expect(201, "POST", "/v2/users/", secret).json()["token"]
    zoe = type(client)(client.connection.port, token)
    zoe.expect(201, "POST", "/v2/users/zoe/sources/", {"id": "Z", "name": "Z"})
    zoe.expect(201, "POST", "/v2/users/zoe/sources/Z/concepts/",
               {"id": "1", "concept_class": "C", "datatype": "N/A",
                "names": [{"name": "One", "locale": "en"}]})
    zoe.expect(201, "POST", "/v2/users/zoe/sources/Z/versions/", {"id": "v1"})
    assert '"/users/zoe/sources/Z/v1/"' in text_of(
        fetch(zoe, "v1", "/v2/users/zoe/sources/Z/").body)
    client.expect(200, "PUT", "/v2/users/zoe/", {"username": "zora"})
    where = "/v2/users/zora/sources/Z/"
    zoe.expect(202, "POST", where + "v1/export/")
    text = text_of(fetch(zoe, "v1", where).body)
    assert "zoe" not in text and '"/users/zora/sources/Z/v1/"' in text, text[:600]
    zoe.close()
    del site


def is_kept_once(site, client):
    """Making it again leaves one file; dropping it leaves none, once the next is made."""
    rebuild(client, "v1")
    kept = files(site.data)
    numbers = [f.split("-")[1] for f in kept if f.startswith("export-")]
    assert len(numbers) == len(set(numbers)), kept
    client.expect(204, "DELETE", WHERE + "later/export/")
    rebuild(client, "v1")
    until("the dropped file goes", lambda: len(files(site.data)) == len(kept) - 1)


def follows_its_version(site, client):
    """V618: changed at any moment of its making, the last word is exported, without being asked."""
    client.expect(201, "POST", WHERE + "versions/", {"id": "moving", "released": False})
    chance = random.Random(7)
    for i in range(25):
        client.expect(200, "PUT", WHERE + "moving/", {"description": f"word {i}"})
        time.sleep(chance.uniform(0, 0.2))
    assert '"description":"word 24"' in text_of(fetch(client, "moving").body)
    client.expect(204, "DELETE", WHERE + "moving/")


def a_lost_file_is_made_again(site, client):
    before = fetch(client, "v1").body
    for name in files(site.data):
        if name.startswith("export-"):
            # Those of a version that was deleted go by themselves, now or in a moment.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(site.data, "tasks", name))
    assert client.ask("GET", WHERE + "v1/export/").status == 208
    assert fetch(client, "v1").body == before


def the_command_line_gives_the_same(site, client, server):
    before = fetch(client, "v1").body
    out = site.path("out.zip")
    p = site.run("export", "--output", out, "/orgs/O/sources/S/v1/")
    assert p.returncode == 0, p.stderr
    with open(out, "rb") as f:
        assert f.read() == before
    with Proxy(server.port, every=3 * len(before) // 10) as cutter:
        p = site.run("export", "--server", f"http://127.0.0.1:{cutter.port}", "--token-file",
                     site.path("admin.token"), "--output", out, "/orgs/O/sources/S/v1/",
                     where=False)
    assert p.returncode == 0, p.stderr
    assert cutter.cuts >= 3, cutter.cuts
    with open(out, "rb") as f:
        assert f.read() == before
    named = site.run("export", "--server", f"http://127.0.0.1:{server.port}", "--token-file",
                     site.path("admin.token"), "--force", "/orgs/O/sources/S/v1/", where=False)
    assert named.returncode == 0, named.stderr
    name = named.stdout.strip()
    assert name.startswith("O_S_vv1.") and os.path.exists(site.path(name)), name
    for words in (("/orgs/O/sources/S/v9/",), ("/orgs/O/sources/",),
                  ("--force", "/orgs/O/sources/S/v1/"),
                  ("--output", "/nowhere/x.zip", "/orgs/O/sources/S/v1/")):
        refused = site.run("export", *words)
        assert refused.returncode != 0 and refused.stderr, words


def rights_hold(site, client, server):
    """V615 to V617: what is private is for those who may view it; HEAD for administrators."""
    secret = {"username": "bob", "email": "bob@example.org", "password": "a long one, bob's own",
              "name": "Bob"}
    token = client.expect(201, "POST", "/v2/users/", secret).json()["token"]
    bob, nobody = server.client(token), server.client("")
    for who, path, method, status in (
            (bob, WHERE + "v1/", "GET", 200), (nobody, WHERE + "v1/", "GET", 401),
            (bob, WHERE + "HEAD/", "GET", 405), (bob, WHERE + "HEAD/", "POST", 405),
            (bob, WHERE + "v1/", "DELETE", 403), (nobody, WHERE + "v1/", "DELETE", 401),
            (bob, "/v2/orgs/O/sources/B/HEAD/", "GET", 403),
            (bob, "/v2/orgs/O/sources/B/v1/", "POST", 403)):
        answer = who.ask(method, path + "export/")
        assert answer.status == status, (method, path, status, str(answer))
    bob.close()
    nobody.close()
    del site


def outlives_a_restart(site, before):
    with site.serve() as server:
        client = server.client()
        assert client.ask("GET", WHERE + "v1/export/").body == before
        assert rebuild(client, "v1") == before
        client.close()


def is_the_same_elsewhere(site, before):
    """A copy of the installation, or another server on the same database, makes the same."""
    other = site.path("other")
    os.makedirs(other)
    for name in ("secret.key", "nestor.db", "nestor.db-wal"):
        if os.path.exists(os.path.join(site.data, name)):
            shutil.copy(os.path.join(site.data, name), other)
    url = site.database.url if site.database else None
    with site.serve(data=other, database=url) as server:
        client = server.client()
        assert client.ask("GET", WHERE + "v1/export/").status == 208
        assert fetch(client, "v1").body == before
        client.close()


def a_kill_leaves_nothing(site, before, kills):
    """Killed at any moment of making it: the same bytes in the end, and no file besides."""
    rng = random.Random(4)
    for _ in range(kills):
        server = site.serve()
        client = server.client()
        client.ask("POST", WHERE + "v1/export/?force=true")
        time.sleep(rng.uniform(0, 0.4))
        server.end(signal.SIGKILL)
        client.close()
    with site.serve() as server:
        client = server.client()

        def calm():
            tasks = client.expect(200, "GET", "/v2/tasks/?limit=100").json()
            return all(t["state"] not in ("PENDING", "STARTED") for t in tasks)
        until("every task ends", calm)
        assert fetch(client, "v1").body == before and rebuild(client, "v1") == before
        until("no file is left behind", lambda: all(
            f == "host" or f.startswith("export-") for f in files(site.data)))
        client.close()


def is_given_up(site):
    """One that brings its server down again and again, however far it came each time."""
    with site.serve("--set", "tasks.slots=0") as server:
        task = server.client().expect(202, "POST", WHERE + "v1/export/?force=true").json()["id"]
    now = int(time.time() * 1e6)
    for attempts, ago, state in ((6, 60, "SUCCESS"), (6, 660, "FAILURE")):
        site.execute(f"UPDATE task SET state = 'STARTED', attempts = {attempts}, place = NULL, "
                     f"started_at = {now - ago * 10**6}, updated_at = {now}, lease = 'gone', "
                     f"lease_until = 0, finished_at = NULL, error = NULL WHERE key = '{task}'")
        with site.serve() as server:
            client = server.client()

            def over():
                found = client.expect(200, "GET", f"/v2/tasks/{task}/").json()
                return found if found["state"] not in ("PENDING", "STARTED") else None
            found = until("its end", over)
            assert found["state"] == state, found
    assert "never got on" in found["error_message"], found


def run(tally, nestor, engine, cluster, kills):
    with Site(nestor, cluster).init() as site:
        with site.serve() as server:
            client = server.client()
            fill(client)
            client.expect(201, "POST", WHERE + "versions/", {"id": "v1", "description": "One."})
            for case in (has_the_shape, digest_tells, entry_has_the_time_of_the_version,
                         nothing_that_follows_changes_it, readers_are_told_nothing_hidden,
                         owners_keep_what_all_their_readers_see, names_move_along, is_kept_once,
                         follows_its_version, a_lost_file_is_made_again):
                tally.run(f"{engine}: {case.__name__}", case, site, client)
            for case in (the_command_line_gives_the_same, rights_hold):
                args = (site, client, server)
                tally.run(f"{engine}: {case.__name__}", case, *args)
            before = fetch(client, "v1").body
            client.close()
        tally.run(f"{engine}: outlives_a_restart", outlives_a_restart, site, before)
        tally.run(f"{engine}: is_the_same_elsewhere", is_the_same_elsewhere, site, before)
        tally.run(f"{engine}: is_given_up", is_given_up, site)
        tally.run(f"{engine}: a_kill_leaves_nothing", a_kill_leaves_nothing, site, before, kills)


def main():
    options = arguments(__doc__, kills=5, plain="")
    tally = Tally()
    for engine, cluster in engines():
        tally.run(f"{engine}: the servers end as they should", run, tally,
                  build_for(options, cluster), engine,
                  cluster, options.kills)
    return tally.finish()


if __name__ == "__main__":
    raise SystemExit(main())
