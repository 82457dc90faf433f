"""Undoing imports: afterwards everything is as it was, but for what others changed since, which is
named. Random imports over random content, rights that are taken away, kills, two undos at once,
others who write meanwhile.

Usage: undo_test.py --nestor PATH [--kills 3] [--seed 1] [--rounds 3]
"""
import json
import random
import signal
import threading
import time

from support import PATIENCE, Site, Tally, arguments, engines

IMPORT = "/v2/importers/bulk-import/"
WHERE = "/v2/orgs/O/sources/S/"
CONCEPTS = 150
MAPPINGS = 60

# What a new version has of its own, whatever it says; of labels what each storing makes anew.
OWN = {"uuid", "version", "version_url", "previous_version_url", "created_on", "updated_on",
       "created_by", "updated_by", "version_created_on", "version_created_by",
       "version_updated_on", "version_updated_by", "update_comment", "latest_source_version",
       "from_concept_name_resolved"}


def line(kind, code, **more):
    return {"type": kind, "id": code, "owner": "O", "owner_type": "Organization", "source": "S",
            **more}


def url(code):
    return f"/orgs/O/sources/S/concepts/{code}/"


def concept(code, **more):
    return line("Concept", code, **{"concept_class": "C", "datatype": "N/A",
                                    "names": [{"name": f"{code} é", "locale": "en"}], **more})


def mapping(code, start, end, **more):
    return line("Mapping", code, map_type=more.pop("map_type", "SAME-AS"),
                from_concept_url=url(start), to_source_url="/orgs/X/sources/Y/",
                to_concept_code=end, **more)


# ---- Asking ----

def task_of(client, key):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        task = client.expect(200, "GET", f"/v2/tasks/{key}/").json()
        if task["state"] not in ("PENDING", "STARTED"):
            return task
        time.sleep(0.02)
    raise AssertionError(f"still {task}")


def start(client, lines):
    return client.expect(202, "POST", IMPORT, {"data": lines}).json()["id"]


def load(client, lines, refused=0):
    key = start(client, lines)
    task = task_of(client, key)
    assert task["state"] == "SUCCESS" and task["summary"]["invalid"] == refused, task
    return key


def ask_undo(client, key, status=202):
    return client.expect(status, "POST", f"{IMPORT}{key}/undo/").json()


def undo(client, key):
    task = task_of(client, ask_undo(client, key)["id"])
    assert task["state"] == "SUCCESS", task
    return task["result"]


def rows(client, path):
    found, page = [], 1
    while True:
        answer = client.expect(200, "GET", f"{path}limit=1000&page={page}").json()
        found += answer
        if len(answer) < 1000:
            return found
        page += 1


def bare(row):
    return {k: v for k, v in row.items() if k not in OWN}


def tallies(site):
    """Of the present, those that others than authors make."""
    return sorted(site.query(
        "SELECT repo_id, kind, value, url, count FROM tally WHERE rev_to = 9223372036854775807 "
        "AND kind NOT IN ('author', 'map_author') AND count <> 0"))


def edges(site):
    return sorted(site.query("SELECT parent, child FROM concept_parent "
                             "WHERE rev_to = 9223372036854775807"))


def state(site, client):
    """All that the API shows of the source, and what is counted beside it."""
    more = "includeRetired=true&verbose=true&includeParentConceptURLs=true&" \
           "includeChildConceptURLs=true&"
    source = client.expect(200, "GET", WHERE + "?includeSummary=true").json()
    return {
        "concepts": {r["id"]: bare(r) for r in rows(client, WHERE + "concepts/?" + more)},
        "mappings": {r["id"]: bare(r) for r in
                     rows(client, WHERE + "mappings/?includeRetired=true&verbose=true&")},
        "versions": [v["id"] for v in client.expect(200, "GET", WHERE + "versions/").json()],
        "source": {k: v for k, v in source.items() if k not in OWN},
        "summary": client.expect(200, "GET", WHERE + "summary/").json(),
        "hierarchy": client.expect(200, "GET", WHERE + "hierarchy/").json()["count"],
        "sources": [s["url"] for s in client.expect(200, "GET", "/v2/sources/").json()],
        "orgs": sorted(o["id"] for o in client.expect(200, "GET", "/v2/orgs/").json()),
        "tallies": tallies(site),
        "edges": edges(site),
    }


def same(now, then, but=()):
    for part, value in then.items():
        if isinstance(value, dict):
            keys = set(value) | set(now[part])
            wrong = [k for k in keys if now[part].get(k) != value.get(k) and k not in but]
            assert not wrong, (part, [(k, value.get(k), now[part].get(k)) for k in wrong[:2]])
        elif not but:
            assert now[part] == value, (part, value, now[part])


# ---- What is imported ----

def fill(client):
    client.expect(201, "POST", "/v2/orgs/", {"id": "O", "name": "O"})
    client.expect(201, "POST", "/v2/orgs/O/sources/", {"id": "S", "name": "S"})
    lines = [concept(f"C{i}", retired=i % 7 == 0, extras={"n": i},
                     parent_concept_urls=[url(f"C{i // 3}")] if i % 4 == 0 and i else [])
             for i in range(CONCEPTS)]
    lines += [mapping(f"M{i}", f"C{i}", f"T{i}", retired=i % 5 == 0) for i in range(MAPPINGS)]
    load(client, lines)
    client.expect(201, "POST", WHERE + "versions/", {"id": "r0", "released": True})


def random_lines(rng, turn):
    """Over what is there, some of it several times."""
    lines = []
    for i in rng.sample(range(CONCEPTS), 50):
        lines.append(rng.choice((
            concept(f"C{i}", names=[{"name": f"other {turn}", "locale": "fr"}]),
            concept(f"C{i}", retired=rng.random() < 0.5, concept_class=f"K{turn}"),
            concept(f"C{i}", parent_concept_urls=[url(f"C{j}") for j in rng.sample(range(i), 2)]
                    if i > 3 else []),
            concept(f"C{i}", extras={"__x": turn, "y": [turn]}),
            line("Concept", f"C{i}", __action="DELETE"))))
    for n in range(20):
        above = rng.choice([f"N{turn}-{n - 1}" if n else "C1", f"C{rng.randrange(CONCEPTS)}"])
        lines.append(concept(f"N{turn}-{n}", parent_concept_urls=[url(above)]))
        lines.append(concept(f"C{rng.randrange(CONCEPTS)}",
                             names=[{"name": f"again {n}", "locale": "en"}]))
    for i in rng.sample(range(MAPPINGS), 20):
        lines.append(mapping(f"M{i}", f"C{i}", f"T{i}", map_type="BROADER-THAN",
                             retired=rng.random() < 0.3))
    lines += [mapping(f"X{turn}-{n}", f"C{n}", f"X{turn}") for n in range(8)]
    lines.append(line("Source Version", f"v{turn}", released=True))
    lines.append(concept("C2", names=[{"name": f"behind the version {turn}", "locale": "en"}]))
    return lines + [{"type": "Organization", "id": f"P{turn}", "name": "P"},
                    {"type": "Source", "owner": f"P{turn}", "id": "Q", "name": "Q"},
                    dict(concept("q"), owner=f"P{turn}", source="Q")]


# ---- Cases ----

def turn_round(rng, turn, site, client):
    then = state(site, client)
    key = load(client, random_lines(rng, turn), client.refused)
    result = undo(client, key)
    assert result["left"] == 0, result
    same(state(site, client), then)
    ask_undo(client, key, 409)


def everything_is_as_it_was(site, client, rng, rounds):
    for turn in range(rounds):
        turn_round(rng, turn, site, client)
    site.verify()


def what_others_changed_stays(site, client, rng):
    """... and what they released, named each with who and why."""
    then = state(site, client)
    key = load(client, random_lines(rng, 70))
    client.expect(200, "PUT", WHERE + "concepts/C2/", {"names": [{"name": "ours", "locale": "en"}]})
    client.expect(200, "PUT", WHERE + "mappings/X70-1/", {"map_type": "OURS"})
    client.expect(201, "POST", WHERE + "concepts/",
                  {"id": "below", "concept_class": "C", "datatype": "N/A",
                   "names": [{"name": "below", "locale": "en"}],
                   "parent_concept_urls": [url("N70-3")]})
    result = undo(client, key)
    left = {t["url"].split("/")[-2]: t for t in result["things"]}
    assert left["C2"]["changed_by"] == "admin" and left["X70-1"]["reason"], left
    assert left["N70-3"]["changed_by"] == "admin", left
    assert all(t["remedy"] for t in result["things"]), result
    now = state(site, client)
    assert now["concepts"]["C2"]["display_name"] == "ours"
    assert now["concepts"]["below"]["parent_concept_urls"] == [url("N70-3")]
    same(now, then, but={*left, "below", *parents_of(now, "N70-3")} |
         {k for k in ("concepts", "mappings", "summary", "checksums")} |
         {k for k in now["source"]} | {k for k in now["summary"]})
    site.verify()


def parents_of(now, code):
    """Whatever leads up from it stays linked to it."""
    found = set()
    todo = [code]
    while todo:
        row = now["concepts"].get(todo.pop())
        for above in (row or {}).get("parent_concept_urls") or []:
            if above.split("/")[-2] not in found:
                found.add(above.split("/")[-2])
                todo.append(above.split("/")[-2])
    return found


def two_undos_are_one(site, client, rng, server):
    then = state(site, client)
    key = load(client, random_lines(rng, 80))
    answers = []

    def ask():
        answers.append(server.client().ask("POST", f"{IMPORT}{key}/undo/"))
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status for a in answers) == [202, 409, 409, 409], [str(a) for a in answers]
    task = next(a.json()["id"] for a in answers if a.status == 202)
    assert task_of(client, task)["result"]["left"] == 0
    same(state(site, client), then)


def rights_count_now(site, client, server):
    """Whoever may no longer change the source undoes nothing there; staff does it for them."""
    assert site.run("user add", "ada").returncode == 0
    ada = server.client(site.run("token show", "--user", "ada").stdout.strip())
    client.expect(204, "PUT", "/v2/orgs/O/members/ada/")
    then = state(site, client)
    key = load(ada, [concept("C5", names=[{"name": "ada", "locale": "en"}]), concept("ADA")])
    client.expect(204, "DELETE", "/v2/orgs/O/members/ada/")
    result = undo(ada, key)
    assert [t["url"] for t in result["things"]] == ["/orgs/O/sources/S/"], result
    assert state(site, client)["concepts"]["C5"]["display_name"] == "ada"
    assert undo(client, key)["left"] == 0
    same(state(site, client), then)


def hidden_ends_stay(site, client, server):
    """A mapping that leads to what is hidden from whoever asks stays, and is named."""
    ada = server.client(site.run("token show", "--user", "ada").stdout.strip())
    for org in "OH":
        if org == "H":
            client.expect(201, "POST", "/v2/orgs/", {"id": "H", "name": "H"})
        client.expect(204, "PUT", f"/v2/orgs/{org}/members/ada/")
    client.expect(201, "POST", "/v2/orgs/H/sources/",
                  {"id": "T", "name": "T", "public_access": "None"})
    then = state(site, client)
    key = load(ada, [line("Mapping", "HID", map_type="SAME-AS", from_concept_url=url("C1"),
                          to_source_url="/orgs/H/sources/T/", to_concept_code="1")])
    client.expect(204, "DELETE", "/v2/orgs/H/members/ada/")
    result = undo(ada, key)
    assert [t["reason"] for t in result["things"]] == \
        ["It leads to a source that is hidden from you."], result
    assert undo(client, key)["erased"] == 1
    same(state(site, client), then)


def what_stands_in_the_way_is_named(options, cluster):
    """Names of an OpenMRS source that others took: that row alone is left, until they go."""
    with Site(options.nestor, cluster).init("--set", "tasks.slots=2") as site, \
            site.serve() as server:
        client = server.client()
        where = "/v2/orgs/O/sources/MRS/"
        client.expect(201, "POST", "/v2/orgs/", {"id": "O", "name": "O"})
        client.expect(201, "POST", "/v2/orgs/O/sources/",
                      {"id": "MRS", "name": "MRS", "custom_validation_schema": "OpenMRS"})

        def named(code, name):
            return dict(concept(code, concept_class="Diagnosis"), source="MRS",
                        names=[{"name": name, "locale": "en", "name_type": "FULLY_SPECIFIED",
                                "locale_preferred": True}])
        load(client, [named("A", "one"), named("B", "two"), named("C", "three")])
        key = load(client, [named("A", "four"), named("B", "one"), named("C", "five")])
        other = {k: v for k, v in named("D", "three").items()
                 if k not in ("type", "owner", "owner_type", "source")}
        client.expect(201, "POST", where + "concepts/", other)
        result = undo(client, key)
        left = result["things"]
        assert result["restored"] == 2 and [t["url"][-2] for t in left] == ["C"], result
        assert "unique" in left[0]["reason"] and left[0]["errors"], left
        client.expect(204, "DELETE", where + "concepts/D/?hardDelete=true")
        assert undo(client, key)["restored"] == 1
        for code, name in (("A", "one"), ("B", "two"), ("C", "three")):
            row = client.expect(200, "GET", f"{where}concepts/{code}/").json()
            assert row["display_name"] == name, row
        site.verify()
        client.close()


def a_cancelled_import_is_undone(site, client, rng):
    """What it had stored, of two sources in turn, while somebody wrote between its batches."""
    client.expect(201, "POST", "/v2/orgs/O/sources/", {"id": "W", "name": "W"})
    then = state(site, client)
    lines = [dict(concept(f"W{i}"), source="SW"[i % 2]) for i in range(4000)]
    lines.insert(700, concept("C9", names=[{"name": "theirs first", "locale": "en"}]))
    lines.insert(2500, concept("C9", names=[{"name": "theirs again", "locale": "en"}]))
    key = start(client, lines)
    ask_undo(client, key, 409)
    while client.expect(200, "GET", f"/v2/tasks/{key}/").json()["summary"] is None or \
            client.expect(200, "GET", f"/v2/tasks/{key}/").json()["summary"]["processed"] < 1200:
        time.sleep(0.01)
    client.expect(200, "PATCH", WHERE + "concepts/C9/", {"datatype": "Text"})
    client.ask("DELETE", f"/v2/tasks/{key}/")
    assert task_of(client, key)["state"] == "REVOKED"
    stored = client.expect(200, "GET", "/v2/orgs/O/sources/W/concepts/?limit=1")
    assert int(stored.headers["num_found"]) > 100
    result = undo(client, key)
    assert [t["url"] for t in result["things"]] == [url("C9")], result
    assert state(site, client)["concepts"]["C9"]["datatype"] == "Text"
    same(state(site, client), then, but={"C9", *then["source"], *then["summary"]})
    client.expect(204, "DELETE", "/v2/orgs/O/sources/W/")


def the_command_line_tells(site, client, server):
    token = site.write("token", client.token)
    key = load(client, [concept("CLI1"), concept("CLI2")])
    client.expect(200, "PATCH", WHERE + "concepts/CLI1/", {"datatype": "Text"})
    where = ["--server", f"http://127.0.0.1:{server.port}", "--token-file", token]
    p = site.run("import", "--undo", key, *where, where=False)
    assert p.returncode == 1 and f"left: {url('CLI1')}: It was changed since. (admin" in p.stdout
    assert "Restored: 0 | Erased: 1 | Deleted: 0 | Left: 1" in p.stdout, p.stdout
    p = site.run("import", "--undo", "nothing", *where, where=False)
    assert p.returncode == 1 and p.stderr, p
    p = site.run("import", "--undo", key, where=False)
    assert p.returncode == 2 and "--server" in p.stderr, p
    p = site.run("import", "--undo", key, *where, "x.jsonl", where=False)
    assert p.returncode == 2, p


def others_write_meanwhile(site, client, rng, server):
    """What they stored stays, whatever was undone around it."""
    then = state(site, client)
    key = load(client, random_lines(rng, 90))
    written, stop = {}, threading.Event()

    def write():
        own, n = server.client(), 0
        while not stop.is_set():
            code = f"C{rng.randrange(CONCEPTS)}"
            name = f"theirs {n}"
            answer = own.ask("PUT", f"{WHERE}concepts/{code}/",
                             {"names": [{"name": name, "locale": "en"}]})
            assert answer.status in (200, 208), answer
            written[code] = name
            n += 1
    thread = threading.Thread(target=write)
    thread.start()
    result = undo(client, key)
    stop.set()
    thread.join()
    now = state(site, client)
    for code, name in written.items():
        assert now["concepts"][code]["display_name"] == name, (code, name)
    left = {t["url"].split("/")[-2] for t in result["things"]}
    untouched = set(then["concepts"]) - set(written) - left
    for code in untouched:
        before, after = then["concepts"][code], now["concepts"][code]
        assert before["names"] == after["names"] or code in left, (before, after)
        assert before["retired"] == after["retired"], (before, after)
    site.verify()


def kills_change_nothing(site, rng, kills):
    server = site.serve()
    client = server.client()
    then = state(site, client)
    key = load(client, random_lines(rng, 99) + [concept(f"MANY{i}") for i in range(1500)])
    task = ask_undo(client, key)["id"]
    time.sleep(0.05)
    server.end(signal.SIGKILL)
    unfinished = f"SELECT done FROM task WHERE key = '{task}' AND finished_at IS NULL"
    assert site.query(unfinished), "it was over before it was killed"
    for _ in range(kills):
        if site.query(unfinished):
            server = site.serve()
            time.sleep(rng.uniform(0, 0.3))
            server.end(signal.SIGKILL)
    with site.serve() as server:
        client = server.client()
        task = task_of(client, task)
        assert task["state"] == "SUCCESS" and task["result"]["left"] == 0, task
        same(state(site, client), then)
        site.verify()


def of_another_release_it_ends(site):
    """How far it is stands in another way: it ends with a reason, and can be asked for again."""
    with site.serve() as server:
        client = server.client()
        then = state(site, client)
        key = load(client, [concept("AGAIN")])
    for place in ("9 0 0", "v1 9 0", "v0 " + "0 " * 30, "v1 " + "7 " * 99):
        with site.serve("--set", "tasks.slots=0") as server:
            task = ask_undo(server.client(), key)["id"]
        site.execute(f"UPDATE task SET place = '{place}' WHERE key = '{task}'")
        with site.serve() as server:
            ended = task_of(server.client(), task)
            assert ended["state"] == "FAILURE" and "another release" in ended["error_message"], ended
    with site.serve() as server:
        undo(server.client(), key)
        same(state(site, server.client()), then)


def run(tally, options, engine, cluster):
    rng = random.Random(int(options.seed))
    with Site(options.nestor, cluster).init() as site:
        with site.serve() as server:
            client = server.client()
            client.refused = 0
            fill(client)
            for case, more in ((everything_is_as_it_was, (rng, int(options.rounds))),
                               (two_undos_are_one, (rng, server)),
                               (rights_count_now, (server,)),
                               (hidden_ends_stay, (server,)),
                               (a_cancelled_import_is_undone, (rng,)),
                               (the_command_line_tells, (server,)),
                               (what_others_changed_stays, (rng,)),
                               (others_write_meanwhile, (rng, server))):
                tally.run(f"{engine}: {case.__name__}", case, site, client, *more)
            client.close()
        tally.run(f"{engine}: what_stands_in_the_way_is_named", what_stands_in_the_way_is_named,
                  options, cluster)
        tally.run(f"{engine}: of_another_release_it_ends", of_another_release_it_ends, site)
        tally.run(f"{engine}: kills_change_nothing", kills_change_nothing, site, rng,
                  int(options.kills))


def main():
    options = arguments(__doc__, kills=3, seed=1, rounds=3)
    tally = Tally()
    for engine, cluster in engines():
        tally.run(f"{engine}: the servers end as they should", run, tally, options, engine, cluster)
    return tally.finish()


if __name__ == "__main__":
    raise SystemExit(main())
