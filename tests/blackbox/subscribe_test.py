"""Copies of sources of another Nestor: after each round the copy says what the remote says, byte
for byte where it is an export; a reader who polls all the while sees whole releases alone; cuts, kills
and remotes that answer nonsense leave what is there.

Usage: subscribe_test.py --nestor PATH [--rounds 3] [--kills 3] [--seed 1]
# Takes long
# Waits
# rows: V620 V901 G155
"""
import base64
import hashlib
import http.server
import io
import itertools
import json
import os
import random
import re
import shutil
import signal
import ssl
import subprocess
import threading
import time
import zipfile

from bad_line import Proxy
from export_test import fetch as export, until
from support import Site, Tally, arguments, build_for, engines, environment

WHERE = "/v2/orgs/O/sources/S/"
PATIENCE = 60
CONCEPTS = 60
MARKED = 12
TRIES = 12


# ---- The remote, and what happens there ----

def line(kind, code, **more):
    return {"type": kind, "id": code, "owner": "O", "owner_type": "Organization", "source": "S",
            **more}


def load(client, lines):
    answer = client.expect(200, "POST", "/guide/importers/lines/", {"lines": lines}).json()
    assert "error" not in json.dumps(answer), json.dumps(answer)[:500]


class World:
    """A source that changes at random, and what each release of it counts."""

    def __init__(self, client, seed):
        self.client = client
        self.random = random.Random(seed)
        self.counts = {}
        self.number = 0
        self.concepts = self.mappings = 0
        client.expect(201, "POST", "/v2/orgs/", {"id": "O", "name": "O"})
        client.expect(201, "POST", "/v2/orgs/O/sources/",
                      {"id": "S", "name": "S", "default_locale": "en", "supported_locales": "fr",
                       "extras": {"a": [1, None]}, "autoid_concept_external_id": "uuid",
                       "autoid_concept_name_external_id": "uuid"})
        self.grow(CONCEPTS)

    def concept(self, i, **more):
        shown = {"concept_class": self.random.choice("ABC"), "datatype": "N/A",
                 "names": [{"name": f"Concept {i} é {self.number}", "locale": "en"}],
                 "extras": {"n": self.number, "noise": self.random.randbytes(60).hex()}}
        if self.random.random() < 0.5:
            shown["descriptions"] = [{"description": f"Of {i}", "locale": "en"}]
        above = self.random.randrange(i) if i and self.random.random() < 0.3 else None
        if above is not None:
            shown["parent_concept_urls"] = [f"/orgs/O/sources/S/concepts/C{above}/"]
        return line("Concept", f"C{i}", **{**shown, **more})

    def mapping(self, i, **more):
        url = "/orgs/O/sources/S/concepts/C%d/"
        there = {"to_concept_url": url % (i + 1)} if i % 2 else \
            {"to_source_url": "/orgs/P/sources/T/", "to_concept_code": f"T{i}"}
        shown = {"map_type": "SAME-AS", "from_concept_url": url % i, "extras": {"n": self.number}}
        if i % 3 == 0:
            shown["sort_weight"] = i
        return line("Mapping", f"M{i}", **{**shown, **there, **more})

    def grow(self, count):
        load(self.client, [self.concept(i) for i in range(self.concepts, self.concepts + count)])
        self.concepts += count
        upto = self.concepts - 2
        load(self.client, [self.mapping(i) for i in range(self.mappings, upto)])
        self.mappings = upto

    def change(self):
        """Marked rows are changed by every release; of the others some are."""
        self.number += 1
        some = [i for i in range(MARKED, self.concepts) if self.random.random() < 0.1]
        lines = [self.concept(i) for i in [*range(MARKED), *some]]
        lines += [self.mapping(i, map_type=f"NARROWER-{self.number}") for i in range(MARKED)]
        load(self.client, lines)
        self.grow(self.random.randrange(1, 5))
        at = self.random.randrange(MARKED, self.concepts)
        self.client.ask("DELETE", f"{WHERE}concepts/C{at}/")
        self.client.ask("DELETE", f"{WHERE}mappings/M{self.random.randrange(self.mappings)}/")
        self.client.expect(200, "PUT", WHERE, {"description": f"State {self.number}",
                                               "hierarchy_root_url":
                                               "/orgs/O/sources/S/concepts/C0/"})

    def release(self):
        version = f"v{self.number}"
        self.client.expect(201, "POST", WHERE + "versions/", {"id": version, "released": True})
        self.counts[self.number] = (self.concepts, self.mappings)
        return version


# ---- Comparing ----

TIMES = {"created_on", "updated_on", "created_at", "updated_at", "uuid", "created_by",
         "updated_by", "previous_version_url"}
ROW = {"id", "external_id", "retired", "checksums", "extras", "names", "descriptions",
       "display_name", "concept_class", "datatype", "parent_concept_urls", "child_concept_urls", "map_type",
       "from_concept_code", "to_concept_code", "to_source_url", "sort_weight", "retire_reason"}
NAME = {"uuid"}


def said(row):
    row = {k: v for k, v in row.items() if k in ROW}
    for key in ("names", "descriptions"):
        if row.get(key):
            row[key] = [{k: v for k, v in e.items() if k not in NAME} for e in row[key]]
    return row


def rows(client, version, kind):
    path = f"{WHERE}{version}{kind}/?limit=1000&includeRetired=true&verbose=true&sortAsc=id"
    if kind == "concepts":
        path += "&includeParentConceptURLs=true&includeChildConceptURLs=true"
    return [said(r) for r in client.expect(200, "GET", path).json()]


def are_equal(there, here, version):
    one, other = export(there, version), export(here, version)
    assert one.body == other.body, f"{version}: {len(one.body)} bytes there, {len(other.body)} here"
    assert one.headers["ETag"] == other.headers["ETag"]
    for at in ("", version + "/"):
        for kind in ("concepts", "mappings"):
            a, b = rows(there, at, kind), rows(here, at, kind)
            assert len(a) == len(b), f"{at}{kind}: {len(a)} there, {len(b)} here"
            for x, y in zip(a, b):
                assert x == y, f"{at}{kind}:\n{x}\n{y}"
        a, b = (c.expect(200, "GET", WHERE + at).json() for c in (there, here))
        differ = {k: (a[k], b[k]) for k in a if k not in TIMES and a[k] != b[k]}
        assert not differ, differ


class Reader(threading.Thread):
    """Polls the copy, and compares what each answer says with one release."""

    def __init__(self, client, world):
        super().__init__(daemon=True)
        self.client, self.world = client, world
        self.is_over = threading.Event()
        self.seen, self.failure = set(), None

    def look(self):
        answer = self.client.ask("GET", f"{WHERE}concepts/?limit=1000&includeRetired=true"
                                        "&verbose=true")
        if answer.status == 404:
            return
        marked = {r["extras"]["n"] for r in answer.json() if int(r["id"][1:]) < MARKED}
        assert len(marked) == 1, f"concepts of several releases: {marked}"
        number = marked.pop()
        assert len(answer.json()) == self.world.counts[number][0], (number, len(answer.json()))
        types = {r["map_type"] for r in self.client.expect(
            200, "GET", f"{WHERE}mappings/?limit=1000&includeRetired=true").json()
            if int(r["id"][1:]) < MARKED}
        assert len(types) == 1, f"mappings of several releases: {types}"
        inside = self.client.expect(200, "GET", f"{WHERE}latest/").json()
        about = self.client.expect(200, "GET", WHERE).json()["description"]
        assert int(about.split()[1]) >= int(inside["id"][1:]) >= number, (about, inside["id"])
        self.seen.add(number)

    def run(self):
        try:
            while not self.is_over.is_set():
                self.look()
        except Exception as e:  # pylint: disable=broad-except
            self.failure = e

    def end(self):
        self.is_over.set()
        self.join(PATIENCE)
        assert self.failure is None, repr(self.failure)


def files(site):
    return sorted(f for f in os.listdir(os.path.join(site.data, "tasks")))


def subscriptions(site):
    return json.loads(site.run("subscribe", "--list", "--json").stdout)


def holds_no_more_files(site):
    """Exports, the token, the name of the server: all others are left over."""
    def none():
        kept = {f for f, in site.query("SELECT file FROM repo_export WHERE file IS NOT NULL")}
        return all(f in kept or f == "host" or re.fullmatch(r"copy-\d+\.token", f)
                   for f in files(site))
    until(f"files: {files(site)}", none)


def status_of(client, count=1):
    found = client.expect(200, "GET", "/v2/subscriptions/").json()
    assert len(found) == count, found
    return found[0]


# ---- Cases ----

def follows_over_a_bad_line(world, down, here, proxy, rounds):
    """Rounds over a line that is cut, delayed and slow; the copy is equal after each."""
    reader = Reader(here.client(), world)
    reader.start()
    client = here.client()
    for _ in range(rounds):
        proxy.trouble = 0
        world.change()
        version = world.release()
        export(world.client, version)
        proxy.trouble = 0.5
        for _ in range(TRIES):
            if down.run("subscribe", "--once").returncode == 0:
                break
        assert status_of(client)["version"] == version, status_of(client)
        are_equal(world.client, client, version)
    proxy.trouble = 0
    reader.end()
    assert len(reader.seen) > 1 and proxy.cuts > 0, (reader.seen, proxy.cuts)
    holds_no_more_files(down)


def difference(client, version, older):
    """What makes the export of a version out of that of an older one; it is made first."""
    path = f"{WHERE}{version}/export/?since={older}"
    client.ask("POST", path)

    def made():
        answer = client.ask("GET", path)
        return answer if answer.status == 200 else None
    return until(f"what differs in {version}", made)


def log_so_far(there, client):
    """How many lines the log of the remote has, those of what was asked before among them."""
    mark = f"/v2/orgs/mark-{len(there.log)}/"
    client.ask("GET", mark)
    until("the log", lambda: any(mark in x for x in there.log[-50:]))
    return len(there.log)


def sent_since(there, before):
    """What the remote answered to the copy's GETs of exports since that line of its log."""
    logged = [json.loads(x) for x in there.log[before:] if '"event":"request"' in x]
    return [(x["status"], x["bytes"]) for x in logged if "/export/" in x["path"]
            and x["method"] == "GET"]


def held_file(site):
    return os.path.join(site.data, "tasks", site.query(
        "SELECT x.file FROM repo_export x JOIN repo_version v ON v.id = x.version_id JOIN "
        "subscription s ON s.repo_id = v.repo_id AND s.held_version = v.mnemonic WHERE v.is_active")
        [0][0])


def a_cut_goes_on(world, down, here, proxy, there):
    """At any byte of what differs, and of a whole export; what has come is not fetched again."""
    client = here.client()
    for at, is_whole in itertools.product((1, 90, 600, 2000, 9000), (False, True)):
        older = f"v{world.number}"
        world.change()
        version = world.release()
        size = len(export(world.client, version).body)
        if is_whole:
            os.unlink(held_file(down))
        else:
            size = len(difference(world.client, version, older).body)
        before, cuts = log_so_far(there, world.client), proxy.cuts
        proxy.cuts_at = [None, at]  # the first connection asks for the release, the second fetches
        p = down.run("subscribe", "--once")
        assert p.returncode == 0, p.stderr
        assert proxy.cuts == cuts + 1 and status_of(client)["version"] == version
        log_so_far(there, world.client)
        fetched = sent_since(there, before)
        assert fetched[0] == (200, size), (at, is_whole, size, fetched)
        if at >= 2000:
            assert fetched[1][0] == 206 and fetched[1][1] < size, (at, is_whole, size, fetched)
        are_equal(world.client, client, version)


def little_is_fetched_where_little_changed(world, down, here, there):
    """Of a release in which one concept is another one: what differs, and not the export."""
    older = f"v{world.number}"
    world.number += 1
    load(world.client, [world.concept(world.concepts - 1)])
    version = world.release()
    size = len(export(world.client, version).body)
    before = log_so_far(there, world.client)
    p = down.run("subscribe", "--once")
    assert p.returncode == 0, p.stderr
    log_so_far(there, world.client)
    fetched = [x for x in sent_since(there, before) if x[0] == 200]
    assert len(fetched) == 1 and fetched[0][1] < size / 5, (fetched, size)
    assert fetched[0][1] == len(difference(world.client, version, older).body)
    assert export(here.client(), version).body == export(world.client, version).body
    load(world.client, [world.concept(i) for i in range(MARKED)])  # the reader counts on them


def kill_one(site, choice, most):
    p = subprocess.Popen([site.nestor, "subscribe", *site.where(), "--once", "--quiet"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    time.sleep(choice.uniform(0, most))
    p.send_signal(signal.SIGKILL)
    p.wait()


def a_kill_leaves_nothing(world, nestor, cluster, kills, url):
    """Of the command, at any point, twice a release and while the first one comes: the next one
    goes on, and nothing is left behind."""
    choice = random.Random(kills)
    with Site(nestor, cluster) as site:
        site.init()
        site.write("token", world.client.token)
        p = site.run("subscribe", "--token-file", site.path("token"), "--every", "never",
                     url.replace("/sources/S/", "/sources/NONE/"))
        assert p.returncode == 1 and "no source at that address" in p.stderr, p.stderr
        assert site.run("subscribe", "--remove", url.replace("/S/", "/NONE/")).returncode == 0
        acts = map(json.loads, site.run("audit", "--json").stdout.splitlines())
        assert [(a["act"], a["after"]) for a in acts if a["act"].startswith("subscription.")] == [
            (act, {"remote": url.replace("/S/", "/NONE/")})
            for act in ("subscription.add", "subscription.remove")]
        first = subprocess.Popen([nestor, "subscribe", *site.where(), "--token-file",
                                  site.path("token"), "--every", "never", url],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env=environment())
        time.sleep(choice.uniform(0.2, 0.6))
        first.kill()
        first.wait()
        p = site.run("subscribe", "--token-file", site.path("token"), url)
        assert p.returncode == 0, p.stderr
        for _ in range(kills):
            world.change()
            version = world.release()
            export(world.client, version)
            kill_one(site, choice, 0.4)
            kill_one(site, choice, 0.4)
            p = site.run("subscribe", "--once")
            assert p.returncode == 0 and p.stdout.endswith(f" {version}\n"), (p.stdout, p.stderr)
        holds_no_more_files(site)
        with site.serve() as server:
            are_equal(world.client, server.client(), version)
        site.verify()


def a_copy_is_read_only(world, here):
    """Whoever writes to it is told where it comes from."""
    client = here.client()
    concept = {"id": "NEW", "concept_class": "A", "datatype": "N/A",
               "names": [{"name": "x", "locale": "en"}]}
    version = f"{WHERE}v{world.number}/"
    for method, path, body in (
            ("PUT", WHERE, {"name": "Mine"}), ("PATCH", WHERE, {"name": "Mine"}),
            ("DELETE", WHERE, None), ("DELETE", WHERE + "?hardDelete=true", None),
            ("PUT", WHERE + "extras/x/", {"x": 1}), ("POST", WHERE + "concepts/", concept),
            ("PUT", WHERE + "concepts/C1/", {"datatype": "Text"}),
            ("DELETE", WHERE + "concepts/C1/", None),
            ("DELETE", WHERE + "concepts/C1/?hardDelete=true", None),
            ("PUT", WHERE + "concepts/C1/extras/x/", {"x": 1}),
            ("POST", WHERE + "concepts/C1/names/", {"name": "x", "locale": "en"}),
            ("PUT", WHERE + "mappings/M1/", {"map_type": "X"}),
            ("DELETE", WHERE + "mappings/M1/", None),
            ("DELETE", WHERE + "mappings/M1/?hardDelete=true", None),
            ("POST", WHERE + "versions/", {"id": "mine"}), ("PUT", version, {"released": False}),
            ("DELETE", version, None), ("DELETE", version + "export/", None),
            ("PUT", "/guide" + WHERE[3:], {"name": "Mine"}),
            ("DELETE", "/guide" + WHERE[3:] + "concepts/C1/", None)):
        answer = client.ask(method, path, body)
        assert answer.status == 403 and "read-only copy of http" in answer.body.decode(), \
            (method, path, str(answer))
    outcome = client.expect(200, "POST", "/guide/importers/lines/",
                            {"lines": [world.concept(1)]}).json()["results"][0]
    assert outcome["outcome"] == "permission_denied", outcome
    answer = client.ask("POST", version + "export/?force=true&noRedirect=true")
    assert answer.status == 204, answer
    are_equal(world.client, client, f"v{world.number}")


def a_current_copy_costs_a_304(down, there):
    before = len(there.log)
    assert down.run("subscribe", "--once").returncode == 0
    sent = [json.loads(x) for x in there.log[before:] if '"event":"request"' in x]
    sent = [(x["path"], x["status"]) for x in sent if x["path"] != f"{WHERE}v2/"]
    assert sent == [(WHERE + "latest/", 304)], sent


def a_lost_file_comes_again(world, down, here):
    """Its export is not made here, where it would have other bytes."""
    client = here.client()
    version = f"v{world.number}"
    wanted = export(client, version).body
    digest = hashlib.sha256(wanted).hexdigest()
    gone = [f for f in files(down) if digest[:16] in f]
    assert len(gone) == 1, files(down)
    os.unlink(os.path.join(down.data, "tasks", gone[0]))
    assert client.ask("GET", f"{WHERE}{version}/export/").status == 204
    refused = client.ask("POST", f"{WHERE}{version}/export/?force=true")
    assert refused.status == 403 and b"read-only copy" in refused.body, refused
    p = down.run("subscribe", "--once")
    assert p.returncode == 0, p.stderr
    assert export(client, version).body == wanted


def what_leaves_is_told(world, down, here):
    """A mapping that everybody saw, and may see no more, leaves the next release; it stays in those
    that have it, and comes back as another one. A release that is withdrawn is no release."""
    up, client = world.client, here.client()
    up.expect(201, "POST", "/v2/orgs/", {"id": "P", "name": "P"})
    up.expect(201, "POST", "/v2/orgs/P/sources/", {"id": "T", "name": "T"})
    world.change()
    load(up, [world.mapping(0, to_concept_code="T0-seen")])
    before = world.release()
    export(up, before)
    assert down.run("subscribe", "--once").returncode == 0
    held = len(rows(client, "", "mappings"))
    up.expect(200, "PUT", "/v2/orgs/P/sources/T/", {"public_access": "None"})
    world.change()
    after = world.release()
    export(up, after)
    p = down.run("subscribe", "--once")
    assert p.returncode == 0, p.stderr
    assert export(client, after).body == export(up, after).body
    assert export(client, before).body != export(client, after).body
    assert len(rows(client, "", "mappings")) < held
    assert len(rows(client, before + "/", "mappings")) == held
    up.expect(200, "PUT", "/v2/orgs/P/sources/T/", {"public_access": "View"})
    world.change()
    back = world.release()
    export(up, back)
    p = down.run("subscribe", "--once")
    assert p.returncode == 0, p.stderr
    are_equal(up, client, back)


def a_chain_is_equal(world, down, here, nestor):
    """The copy of a copy, under another owner, has the same exports."""
    version = f"v{world.number}"
    with Site(nestor) as third:
        third.init()
        third.write("token", down.token)
        url = f"http://127.0.0.1:{here.port}/guide/orgs/O/sources/S/"
        p = third.run("subscribe", "--token-file", third.path("token"), "--as", "/orgs/Q/", url)
        assert p.stdout == f"/orgs/Q/sources/S/ {version}\n", (p.stdout, p.stderr)
        with third.serve() as server:
            client = server.client()
            got = export(client, version, "/v2/orgs/Q/sources/S/").body
            assert got == export(world.client, version).body
            concept = client.expect(200, "GET", "/v2/orgs/Q/sources/S/mappings/M1/").json()
            assert concept["from_concept_url"].startswith("/orgs/Q/sources/S/"), concept
        third.verify()


def owners_are_followed(world, there, nestor, cluster):
    """All sources of an owner, and those that come later."""
    with Site(nestor, cluster) as site:
        site.init()
        site.write("token", there.token)
        url = f"http://127.0.0.1:{there.port}/v2/orgs/O/"
        world.client.expect(201, "POST", "/v2/orgs/O/sources/", {"id": "EMPTY", "name": "E"})
        p = site.run("subscribe", "--token-file", site.path("token"), url)
        assert p.returncode == 0 and "no release yet" in p.stderr, (p.stdout, p.stderr)
        states = {x["source_url"]: x["state"] for x in subscriptions(site)}
        assert states["/orgs/O/sources/EMPTY/"] == "waiting", states
        assert f"/orgs/O/sources/S/ v{world.number}" in p.stdout, (p.stdout, p.stderr)
        p = site.run("subscribe", "--token-file", site.path("token"), url + "sources/EMPTY/")
        assert p.returncode == 1 and "with the address of the owner" in p.stderr, p.stderr
        world.client.expect(201, "POST", "/v2/orgs/O/sources/EMPTY/versions/",
                            {"id": "1", "released": True})
        world.client.expect(201, "POST", "/v2/orgs/O/sources/", {"id": "LATE", "name": "L"})
        world.client.expect(201, "POST", "/v2/orgs/O/sources/LATE/versions/",
                            {"id": "1", "released": True})
        p = site.run("subscribe", "--once", url)
        assert p.returncode == 0, p.stderr
        assert sorted(p.stdout.split("\n")) == sorted(
            ["", "/orgs/O/sources/EMPTY/ 1", "/orgs/O/sources/LATE/ 1",
             f"/orgs/O/sources/S/ v{world.number}"]), p.stdout
        listed = json.loads(site.run("subscribe", "--list", "--json").stdout)
        assert [x["state"] for x in listed] == ["current"] * 4, listed
        p = site.run("subscribe", "--remove", "--erase", url)
        assert p.returncode == 0, p.stderr
        assert site.query("SELECT count(*) FROM repo") == [("0",)]
        assert files(site) == ["host"], files(site)
        site.verify()


# ---- A remote that answers nonsense ----

class Remote(http.server.ThreadingHTTPServer):
    """Answers what it is told to: (status, headers, body) by the end of the path."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked = {}, []
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def release(self, version, body, created="2026-01-01T00:00:00.000000Z", **headers):
        coded = base64.b64encode(hashlib.sha256(body).digest()).decode()
        said_of = json.dumps({"id": version, "created_on": created}).encode()
        self.answers = {
            "latest/": (200, {"ETag": f'"{version}"'}, said_of),
            f"{version}/export/": (200, {"ETag": '"e"', "Content-Type": "application/zip",
                                         "Repr-Digest": f"sha-256=:{coded}:", **headers}, body),
            "": (200, {}, b"{}")}


    def handle_error(self, *_):
        """Who has heard enough hangs up."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):  # pylint: disable=invalid-name
        where = "/orgs/O/sources/S/"
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        name = self.path.split(where)[-1]
        status, headers, body = self.server.answers.get(name, (404, {}, b"{}"))
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if body is None:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.flood()
            return
        self.send_header("Content-Length", headers.get("X-Length", str(len(body))))
        self.end_headers()
        try:
            if "X-Pause" in headers:
                self.wfile.write(body[:1000])
                time.sleep(float(headers["X-Pause"]))
                body = body[1000:]
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    do_POST = do_GET

    def flood(self):
        try:
            while True:
                self.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
        except OSError:
            self.close_connection = True

    def log_message(self, *_):
        pass


def packed(*lines):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("difference.jsonl", "".join(json.dumps(x, separators=(",", ":")) + "\n"
                                                  for x in lines))
    return out.getvalue()


def differences_that_are_none(first, second):
    """Each of them is followed by the whole export."""
    older, newer = (hashlib.sha256(x).hexdigest() for x in (first, second))
    head = {"type": "Difference", "older": older, "newer": newer, "time": 0, "was": "", "is": ""}
    good = {"ETag": '"d"', "Content-Type": "application/zip"}
    for body in (b"<html></html>", packed(), packed({"type": "Other"}),
                 packed({**head, "older": newer}, {"keep": 1}), packed({**head, "time": "x"}),
                 packed(head, {"keep": 1 << 62}), packed(head, {"keep": -1}), packed(head, {"x": 1}),
                 packed(head, {"text": "{"}, {"row": {}}, {"drop": 1}), packed(head, [1]),
                 packed(head, {"keep": 10}) [:-30], packed(head, {"text": "x" * (17 << 20)})):
        yield 200, good, body
    yield 400, {}, b"{}"
    yield 404, {}, b"{}"


def broken(body, code):
    """The export with a concept that no server takes."""
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        document = json.loads(packed.read("export.json"))
    for concept in document["concepts"]:
        if concept["id"] == code:
            concept["names"] = []
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("export.json", json.dumps(document, separators=(",", ":")))
    return out.getvalue()


def a_first_release_is_refused_in_words(nestor, cluster, first):
    """The subscription and its token stay; nothing of the source does, and what came is not fetched
    again. A good one that follows is taken."""
    remote = Remote()
    remote.release("v1", broken(first, "C1"))
    with Site(nestor, cluster) as site:
        site.init()
        site.write("token", "a-token")
        url = f"http://127.0.0.1:{remote.port}/orgs/O/sources/S/"
        for _ in range(2):
            p = site.run("subscribe", "--token-file", site.path("token"), url)
            assert p.returncode == 1 and "cannot take Concept C1" in p.stderr, (p.stdout, p.stderr)
            assert subscriptions(site)[0]["state"] == "failing", subscriptions(site)
            assert site.query("SELECT count(*) FROM repo") == [("0",)]
        remote.release("v1", first, created="2026-03-01T00:00:00Z")
        p = site.run("subscribe", "--once")
        assert p.returncode == 0 and p.stdout.endswith(" v1\n"), (p.stdout, p.stderr)
        site.verify()
    remote.shutdown()


def a_file_without_a_tag_comes(nestor, first):
    """From one who takes longer than a step of the task, and with whom nothing goes on where it was
    cut."""
    remote = Remote()
    for tag in ({}, {"ETag": 'W/"e"'}, {"ETag": '"e"'}):
        remote.release("v1", first)
        headers = remote.answers["v1/export/"][1]
        del headers["ETag"]
        headers.update(tag, **{"X-Pause": "5.5"})
        with Site(nestor) as site:
            site.init()
            site.write("token", "a-token")
            p = site.run("subscribe", "--token-file", site.path("token"),
                         f"http://127.0.0.1:{remote.port}/orgs/O/sources/S/")
            assert p.returncode == 0 and p.stdout.endswith(" v1\n"), (tag, p.stdout, p.stderr)
    remote.shutdown()


def nonsense_leaves_the_copy(nestor, cluster, first, second):
    """Each of these is told in a sentence, and the release that is here stays; a good one that
    comes behind it is taken."""
    remote, other = Remote(), Remote()
    remote.release("v1", first)
    with Site(nestor, cluster) as site:
        site.init()
        site.write("token", "a-token-of-the-remote")
        url = f"http://127.0.0.1:{remote.port}/orgs/O/sources/S/"
        p = site.run("subscribe", "--token-file", site.path("token"), "--every", "never", url)
        assert p.returncode == 0, p.stderr
        before = site.query("SELECT held_version, repo_id FROM subscription")
        newer = {"created": "2026-02-01T00:00:00Z"}

        def answer(name, status, body, **headers):
            remote.release("v2", second, **newer)
            remote.answers[name] = (status, headers, body)
        cases = [
            ("no version of a source", lambda: answer("latest/", 200, b"<html>Hello</html>")),
            ("no version of a source", lambda: answer("latest/", 200, b'{"id": "../x"}')),
            ("no version of a source", lambda: answer("latest/", 200, b"[" * 5000)),
            ("answered 500", lambda: answer("latest/", 500, b"\x00oops")),
            ("token", lambda: answer("latest/", 401, b"{}")),
            ("403", lambda: answer("latest/", 403, b"{}")),
            ("no end", lambda: answer("latest/", 200, None)),
            ("no release any more", lambda: answer("latest/", 404, b"{}")),
            ("no such source any more", lambda: remote.answers.clear()),
            ("is older than", lambda: remote.release("v0", second, created="2025-01-01T00:00:00Z")),
            ("points to", lambda: answer("latest/", 302, b"", Location=
                                         f"http://127.0.0.1:{other.port}/orgs/O/sources/S/")),
            ("points to", lambda: answer("v2/export/", 302, b"", Location=
                                         f"http://127.0.0.1:{other.port}/x")),
            ("points to http://x/??", lambda: answer("latest/", 302, b"", Location=
                                                     "http://x/\xe9\xff")),
            ("no version of a source", lambda: answer("latest/", 200, b'{"id": "' + b"v" * 9999 +
                                                      b'"}', ETag="\xff")),
            ("404", lambda: answer("v2/export/", 404, b"{}")),
            ("SHA-256", lambda: remote.release("v2", second, **newer, **{
                "Repr-Digest": "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"})),
            ("how large", lambda: answer("v2/export/", 200, None)),
            ("4 GB", lambda: answer("v2/export/", 200, b"x", **{"X-Length": str(1 << 40)})),
            ("no export that can be used", lambda: remote.release("v2", b"<html></html>", **newer)),
            ("no export that can be used",
             lambda: remote.release("v2", second[:len(second) // 2], **newer)),
            ("export of something else", lambda: remote.release("v3", second, **newer)),
            ("export of something else", lambda: remote.release("v2", first, **newer)),
        ]
        held = held_file(site)
        for why, plan in cases:
            plan()
            p = site.run("subscribe", "--once")
            assert p.returncode == 1 and why in p.stderr, (why, p.stdout, p.stderr)
            assert "a-token" not in p.stderr
            assert site.query("SELECT held_version, repo_id FROM subscription") == before, why
            assert os.path.exists(held), why
            shown = json.loads(site.run("subscribe", "--list", "--json").stdout)[0]
            assert shown["state"] == "failing" and why in shown["problem"], shown
        # A file may not grow: of the export, not of the database.
        remote.release("v2", random.Random(1).randbytes(12 << 20), **newer)
        if cluster is not None:
            return
        p = subprocess.run(["prlimit", f"--fsize={8 << 20}", nestor, "subscribe", *site.where(),
                            "--once"], capture_output=True, text=True, env=environment(),
                           check=False)
        assert p.returncode == 1 and "cannot be written" in p.stderr, (p.stdout, p.stderr)
        assert site.query("SELECT held_version, repo_id FROM subscription") == before
        assert not other.asked, other.asked
        assert all(token == "Token a-token-of-the-remote" for _, token in remote.asked)
        for nonsense in differences_that_are_none(first, second):
            if cluster is not None:
                break  # they are followed, or not, before the database is asked
            remote.release("v2", second, **newer)
            remote.answers["v2/export/?since=v1"] = nonsense
            p = site.run("subscribe", "--once")
            assert p.returncode == 0 and p.stdout.endswith(" v2\n"), (p.stdout, p.stderr)
            assert held_file(site).endswith(f"-{hashlib.sha256(second).hexdigest()[:16]}.zip")
            site.run("subscribe", "--remove", "--erase", url)
            remote.release("v1", first)
            p = site.run("subscribe", "--token-file", site.path("token"), "--every", "never", url)
            assert p.returncode == 0, p.stderr
        remote.release("v2", second, **newer)
        p = site.run("subscribe", "--once")
        assert p.returncode == 0 and p.stdout.endswith(" v2\n"), (p.stdout, p.stderr)
        tokens = [f for f in files(site) if f.endswith(".token")]
        mode = os.stat(os.path.join(site.data, "tasks", tokens[0])).st_mode
        assert len(tokens) == 1 and mode & 0o077 == 0, (tokens, oct(mode))
        site.verify()
        holds_no_more_files(site)
    remote.shutdown()
    other.shutdown()


def strangers_are_not_believed(nestor):
    """A certificate that nobody vouches for: no token is sent."""
    remote = Remote()
    with Site(nestor) as site:
        site.init()
        site.write("token", "a-token-of-the-remote")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", site.path("key"), "-out", site.path("cert")],
                       capture_output=True, check=True)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(site.path("cert"), site.path("key"))
        remote.socket = tls.wrap_socket(remote.socket, server_side=True)
        url = f"https://127.0.0.1:{remote.port}/orgs/O/sources/S/"
        p = site.run("subscribe", "--token-file", site.path("token"), url)
        assert p.returncode == 1 and "certificate" in p.stderr and not remote.asked, p.stderr
        assert site.query("SELECT count(*) FROM repo") == [("0",)]
    remote.shutdown()


def is_refused_in_words(nestor):
    """What cannot be subscribed to, before anything is asked."""
    with Site(nestor) as site:
        site.init()
        for words, why in (([], "an address is needed"),
                           (["ftp://h/orgs/O/sources/S/"], "begins with https://"),
                           (["https://h/orgs/O/collections/C/"], "that of a source"),
                           (["https://u:p@h/orgs/O/"], "neither ?, # nor @"),
                           (["https://h/orgs/O/sources/S/?x=1"], "neither ?, # nor @"),
                           (["--every", "2000000d", "https://h/orgs/O/"], "--every wants"),
                           (["--every", "15", "https://h/orgs/O/"], "--every wants"),
                           (["--every", "0s", "https://h/orgs/O/"], "--every wants"),
                           (["--as", "Clinic", "https://h/orgs/O/"], "--as wants"),
                           (["--erase", "https://h/orgs/O/"], "--erase is for"),
                           (["--list", "--every", "1h"], "--every, --as and --moved are for"),
                           (["--once", "--json"], "--json is for"),
                           (["--list", "--once"], "three things"),
                           (["--remove", "--every", "1h", "https://h/orgs/O/"], "--every, --as"),
                           (["--remove", "--moved", "https://h/orgs/O/"], "--every, --as"),
                           (["--list", "--token-file", "token"], "--token-file is for"),
                           (["--once", "--token-file", "token"], "--token-file is for"),
                           (["--remove", "--token-file", "t", "https://h/orgs/O/"], "--token-file is"),
                           (["--list", "--user", "ada"], "--user is for")):
            p = site.run("subscribe", *words)
            assert p.returncode == 2 and why in p.stderr, (words, p.stderr)
        site.write("token", "two words\nX-Other: 1")
        p = site.run("subscribe", "--token-file", site.path("token"), "https://h/orgs/O/")
        assert p.returncode == 1 and "holds no token" in p.stderr, p.stderr
        for word in ("--remove", "--once"):
            p = site.run("subscribe", word, "https://h/orgs/O/")
            assert p.returncode == 1 and "there is no copy" in p.stderr, p.stderr
        for word in ("--list", "--once"):
            p = site.run("subscribe", word)
            assert p.returncode == 0 and "no subscriptions" in p.stderr, p.stderr
        p = site.run("subscribe", "https://h/users/nobody/sources/S/")
        assert p.returncode == 1 and "no user" in p.stderr, p.stderr
        with site.serve() as server:
            client = server.client()
            client.expect(201, "POST", "/v2/orgs/", {"id": "O", "name": "O"})
            client.expect(201, "POST", "/v2/orgs/O/sources/", {"id": "S", "name": "Mine"})
        p = site.run("subscribe", "https://h/orgs/O/sources/S/")
        assert p.returncode == 1 and "is here already" in p.stderr, p.stderr


def an_owner_with_copies_stays(here):
    """Its copies are ended first; other organisations go as ever."""
    client = here.client()
    for path in ("/v2/orgs/O/", "/v2/orgs/O/?hardDelete=true", "/guide/orgs/O/"):
        answer = client.ask("DELETE", path)
        assert answer.status == 409 and b"subscribe --remove" in answer.body, answer
    outcome = client.expect(200, "POST", "/guide/importers/lines/", {"lines": [
        {"type": "Organization", "id": "O", "__action": "DELETE"}]}).json()
    assert "subscribe --remove" in json.dumps(outcome), outcome
    client.expect(200, "GET", WHERE)


def another_server_goes_on(world, down, nestor):
    """Of a copy of the installation, made without its folder of tasks: the token is given again, the
    export of the present release comes again."""
    with Site(nestor) as other:
        shutil.copytree(down.data, other.data, ignore=shutil.ignore_patterns("tasks"))
        version = f"v{world.number}"
        p = other.run("subscribe", "--once")
        assert p.returncode == 1 and "wants a token" in p.stderr, (p.stdout, p.stderr)
        other.write("token", world.client.token)
        url = subscriptions(other)[0]["url"]
        p = other.run("subscribe", "--token-file", other.path("token"), url)
        assert p.returncode == 0 and p.stdout.endswith(f" {version}\n"), (p.stdout, p.stderr)
        other.token = down.token
        with other.serve() as server:
            assert export(server.client(), version).body == export(world.client, version).body


def a_damaged_file_is_nothing(world, down, here):
    """What is here of the former release is not what it was: the new one is taken from the whole."""
    for spoil in (lambda f: os.truncate(f, 100), lambda f: flip(f, os.path.getsize(f) // 2)):
        spoil(held_file(down))
        world.change()
        version = world.release()
        export(world.client, version)
        p = down.run("subscribe", "--once")
        assert p.returncode == 0, p.stderr
        are_equal(world.client, here.client(), version)


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(bytes([file.read(1)[0] ^ 0xff for _ in range(1)]))
        file.seek(at)
        file.write(b"\xde\xad")


def odd_changes_come(world, down, here):
    """Mappings that take each other's places, without a word of tombstones; parents turned round; keys
    that no checksum counts; a release that is deleted and made anew."""
    up, client = world.client, here.client()
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    shown = [up.expect(200, "GET", f"{WHERE}mappings/M{i}/").json() for i in range(1, 9, 2)]
    ends = [(m["from_concept_url"], m["to_concept_url"]) for m in shown]
    for m in shown:
        up.expect(200, "PUT", f"{WHERE}mappings/{m['id']}/", {"map_type": "MOVING-" + m["id"]})
    for m, (start, end) in zip(shown, ends[1:] + ends[:1]):
        up.expect(200, "PUT", f"{WHERE}mappings/{m['id']}/", {
            "map_type": "NARROWER-0", "from_concept_url": start, "to_concept_url": end})
    up.expect(200, "PUT", f"{WHERE}concepts/C2/extras/__hidden/", {"__hidden": world.number})
    last = world.concepts - 1
    load(up, [world.concept(last, parent_concept_urls=[])])
    load(up, [world.concept(MARKED, parent_concept_urls=[f"{WHERE[3:]}concepts/C{last}/"])])
    world.number += 1
    load(up, [world.concept(i) for i in range(MARKED)])
    load(up, [world.mapping(i, map_type=f"NARROWER-{world.number}") for i in range(MARKED)])
    version = world.release()
    export(up, version)
    p = down.run("subscribe", "--once")
    assert p.returncode == 0, p.stderr
    are_equal(up, client, version)
    told = client.expect(200, "GET", f"{WHERE}?includeMappings=true&includeTombstones=true"
                                     f"&updatedSince={since}").json()
    assert told["mappings"] and not told["tombstones"], told["tombstones"]
    up.expect(204, "DELETE", f"{WHERE}{version}/")
    up.expect(200, "PUT", WHERE, {"description": f"State {world.number}, anew"})
    world.release()
    export(up, version)
    p = down.run("subscribe", "--once")
    assert p.returncode == 0, p.stderr
    are_equal(up, client, version)


def the_server_looks_by_itself(world, down, here, url):
    """At the interval of the subscription, and after a restart."""
    p = down.run("subscribe", "--every", "1s", url)
    assert p.returncode == 0, p.stderr
    world.change()
    version = world.release()
    export(world.client, version)
    client = here.client()
    until("the server's own round", lambda: status_of(client)["version"] == version)
    are_equal(world.client, client, version)


def another_address_is_taken(world, down, here, url):
    """The same source at another address of the server: nothing is loaded again."""
    other = url.replace("/v2/", "/guide/")
    p = down.run("subscribe", other)
    assert p.returncode == 1 and "is the copy of " + url in p.stderr, p.stderr
    p = down.run("subscribe", "--moved", other.replace("/sources/S/", "/sources/NONE/"))
    assert p.returncode == 1 and "no copy at /orgs/O/sources/NONE/" in p.stderr, p.stderr
    number = down.query("SELECT repo_id FROM subscription")
    for address in (other, url):
        p = down.run("subscribe", "--moved", address)
        assert p.returncode == 0 and p.stdout.endswith(f" v{world.number}\n"), (p.stdout, p.stderr)
        assert [x["url"] for x in subscriptions(down)] == [address]
        assert down.query("SELECT repo_id FROM subscription") == number
        assert down.query("SELECT DISTINCT copied_from FROM repo WHERE copied_from IS NOT NULL") == [
            (address,)]
    are_equal(world.client, here.client(), f"v{world.number}")


def ending_it_leaves_a_source(down, here, url):
    p = down.run("subscribe", "--remove", url)
    assert p.returncode == 0 and "can be changed here" in p.stdout, (p.stdout, p.stderr)
    client = here.client()
    client.expect(200, "PUT", WHERE, {"name": "Mine"})
    client.expect(200, "GET", "/v2/subscriptions/")
    assert not any(f.endswith(".token") for f in files(down)), files(down)


# ---- All of them ----

def run_on(tally, options, engine, cluster):
    def run(name, case, *args):
        tally.run(f"{engine}: {name}", case, *args)
    nestor = build_for(options, cluster)
    with Site(nestor) as up, Site(nestor, cluster) as down:
        up.init()
        down.init()
        with up.serve() as there, down.serve() as here:
            world = World(there.client(), options.seed)
            proxy = Proxy(there.port, options.seed)
            url = f"http://127.0.0.1:{proxy.port}{WHERE}"
            world.change()
            first = export(world.client, world.release()).body
            world.change()
            second = export(world.client, world.release()).body
            p = down.run("subscribe", "--token-file", up.path("admin.token"), "--every", "never",
                         url)
            assert p.returncode == 0 and "/orgs/O/sources/S/ v2" in p.stdout, (p.stdout, p.stderr)
            tally.run(f"{engine}: the copy is equal", are_equal, world.client, here.client(), "v2")
            run("a current copy costs one 304", a_current_copy_costs_a_304, down, there)
            run("it follows over a bad line", follows_over_a_bad_line, world, down, here, proxy,
                options.rounds)
            run("a download that is cut goes on", a_cut_goes_on, world, down, here, proxy, there)
            run("little is fetched where little changed", little_is_fetched_where_little_changed,
                world, down, here, there)
            run("a kill leaves nothing", a_kill_leaves_nothing, world, nestor, cluster,
                options.kills, url)
            p = down.run("subscribe", "--once")
            assert p.returncode == 0, p.stderr
            run("a copy is read-only", a_copy_is_read_only, world, here)
            run("a lost file comes again", a_lost_file_comes_again, world, down, here)
            run("what leaves is told", what_leaves_is_told, world, down, here)
            run("odd changes come", odd_changes_come, world, down, here)
            run("a damaged file is nothing", a_damaged_file_is_nothing, world, down, here)
            run("an owner with copies stays", an_owner_with_copies_stays, here)
            if cluster is None:
                run("another server goes on", another_server_goes_on, world, down, nestor)
            run("the server looks by itself", the_server_looks_by_itself, world, down, here, url)
            run("a chain is equal", a_chain_is_equal, world, down, here, nestor)
            run("owners are followed", owners_are_followed, world, there, nestor, cluster)
            run("another address is taken", another_address_is_taken, world, down, here, url)
            run("ending it leaves a source", ending_it_leaves_a_source, down, here, url)
            assert up.token not in here.text()
            proxy.close()
        run("the store is sound", down.verify)
    run("nonsense leaves the copy", nonsense_leaves_the_copy, nestor, cluster, first, second)
    run("a first release is refused in words", a_first_release_is_refused_in_words, nestor, cluster,
        first)
    if cluster is None:
        run("a file that is never told apart comes", a_file_without_a_tag_comes, nestor, first)


def main():
    options = arguments(__doc__, rounds=3, kills=3, seed=1, plain="")
    tally = Tally()
    tally.run("what cannot be is refused in words", is_refused_in_words, options.nestor)
    tally.run("strangers are not believed", strangers_are_not_believed, options.nestor)
    for engine, cluster in engines():
        tally.run(f"{engine}: it begins and ends as it should", run_on, tally, options, engine,
                  cluster)
    return tally.finish()


if __name__ == "__main__":
    raise SystemExit(main())
