# Takes long
"""A dictionary of the shape of CIEL (tools/make-ciel) goes in over HTTP, is released and exported;
that export goes into an empty server of the other engine, and its export there says the same, but
for what V620 names: `uuid`, times, persons, numbers of versions and the addresses made of them.
Imported again, nothing changes. Another server subscribes to it, and has the same exports, of the next
release, too.

Each leg prints how long it took and what memory the server had at most meanwhile.

Usage: ciel_test.py --nestor PATH [--concepts 330]
The whole of it (55,000 concepts) wants a release build: --concepts 55000
# rows: G155 V601 V602 V610 V611 V612 V615 V618 V619 V620 V621 V622
"""
import hashlib
import http.client
import io
import itertools
import json
import os
import re
import subprocess
import time
import zipfile

from support import PATIENCE, Site, Tally, arguments, engines

MAKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/make-ciel")
IMPORT = "/v2/importers/bulk-import/"
SOURCE = "/v2/orgs/CIEL/sources/CIEL/"
PIECE = 1 << 16

# What another store makes anew (V620).
ANEW = re.compile(r"uuid|version|(version_|previous_version_)url|versioned_object_id|"
                  r"(version_)?(created|updated)_(on|by|at)")


def verify(site, patience):
    """Nothing that is stored is damaged."""
    p = subprocess.run([site.nestor, "verify", *site.where(), "--quiet"], capture_output=True,
                       text=True, timeout=patience, check=False)
    assert p.returncode == 0, p.stdout + p.stderr


# ---- One server ----

class Dictionary:
    """A server with the vocabularies, and what is done on it."""

    def __init__(self, options, cluster, *words):
        self.site = Site(options.nestor, cluster).init("--quiet")
        self.server = self.site.serve(*words)
        self.client = self.server.client()
        self.patience = PATIENCE + options.concepts / 50
        self.most = 0  # MB while it was last waited for

    def __enter__(self):
        self.site.__enter__()
        self.server.__enter__()
        return self

    def __exit__(self, *how):
        self.server.__exit__(*how)
        self.site.__exit__(*how)

    def anonymous(self):
        """Resident memory in MB, without pages of the database, which go when others want them."""
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as f:
            return next(int(row.split()[1]) >> 10 for row in f if row.startswith("RssAnon"))

    def until(self, what, condition):
        end = time.monotonic() + self.patience
        self.most = 0
        while time.monotonic() < end:
            self.most = max(self.most, self.anonymous())
            found = condition()
            if found is not None:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{what}: not within {self.patience:.0f} s")

    def take(self, path):
        """Import a file; the task that did it. On a connection of its own: one that had nothing to
        do while exports were compared is closed."""
        self.client = self.server.client()
        with open(path, "rb") as f:
            a = self.client.raw("POST", IMPORT, f, {
                "Authorization": f"Token {self.client.token}",
                "Content-Length": str(os.path.getsize(path))})
        assert a.status == 202, str(a)
        key = a.json()["id"]

        def over():
            task = self.client.expect(200, "GET", f"/v2/tasks/{key}/").json()
            return None if task["state"] in ("PENDING", "STARTED") else task
        task = self.until("the import", over)
        assert task["state"] == "SUCCESS", task
        refused = self.client.ask("GET", f"{IMPORT}?task={key}&result=refused").body
        assert refused == b"", refused[:2000]
        return task

    def export(self, name, version="v1"):
        """Fetch the export of the release, which was queued with it, into a file."""
        path, where = self.site.path(name), f"{SOURCE}{version}/export/"
        self.client = self.server.client()

        def made():
            status = self.client.ask("HEAD", where).status
            assert status in (200, 204, 208), status
            return True if status == 200 else None
        self.until("the export", made)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        connection.request("GET", where, headers={"Authorization": f"Token {self.client.token}"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        with open(path, "wb") as out:
            while piece := answer.read(PIECE):
                out.write(piece)
        connection.close()
        return path


# ---- What is in an export ----

def rows(path):
    """("", the document without its arrays), then (name, row) of each row, a row at a time."""
    with zipfile.ZipFile(path) as packed, packed.open("export.json") as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8")
        decoder = json.JSONDecoder()
        buffer = text.read(PIECE)
        mark = '"concepts":['
        while mark not in buffer:
            piece = text.read(PIECE)
            assert piece, buffer[-200:]
            buffer += piece
        head, buffer = buffer.split(mark, 1)
        yield "", json.loads(head + '"export_time":""}')
        name = "concepts"
        while name:
            while len(buffer) < 4 * PIECE and (piece := text.read(PIECE)):
                buffer += piece
            at = 1 if buffer[0] == "," else 0
            if buffer[0] == "]":
                end = re.match(r'\],"(\w+)":(\[?)', buffer)
                name, buffer = (end[1] if end[2] else ""), buffer[end.end():]
                continue
            row, at = decoder.raw_decode(buffer, at)
            yield name, row
            buffer = buffer[at:]
        assert buffer + text.read() == '"0secs"}', buffer[:200]


def same(value):
    """What another store has alike."""
    if isinstance(value, dict):
        return {k: same(v) for k, v in value.items() if not ANEW.fullmatch(k)}
    return [same(v) for v in value] if isinstance(value, list) else value


def compare(one, other):
    """The same rows in the same order; how many of each array."""
    counts, there = {}, rows(other)
    for name, row in rows(one):
        name_there, row_there = next(there, ("nothing", None))
        assert name == name_there, (name, name_there, row)
        mine, its = same(row), same(row_there)
        if mine != its:
            differ = {k: (mine.get(k), its.get(k)) for k in {**mine, **its}
                      if mine.get(k) != its.get(k)}
            raise AssertionError(f"{name or 'document'} {row.get('id')}: {differ}")
        counts[name] = counts.get(name, 0) + 1
    assert next(there, None) is None
    return counts


# ---- The way of a file ----

def make(options, folder):
    path = os.path.join(folder, "ciel.jsonl")
    subprocess.run([MAKE, "--concepts", str(options.concepts), "--release", "v1",
                    "--output", path], check=True)
    with open(path, encoding="utf-8") as f:
        kinds = [json.loads(line)["type"] for line in f]
    return path, {kind: kinds.count(kind) for kind in set(kinds)}


def tell(what, place, seconds, lines):
    print(f"  {what}: {seconds:.1f} s, {lines / max(seconds, 0.001):,.0f} lines a second, "
          f"at most {place.most} MB", flush=True)


def bring(place, path, what, total):
    """Import; all lines count."""
    begun = time.monotonic()
    task = place.take(path)
    tell(what, place, time.monotonic() - begun, total)
    assert task["summary"]["total"] == task["summary"]["processed"] == total, task
    return task["summary"]


def goes_there_and_back(options, here, there):
    with Dictionary(options, here) as first, Dictionary(options, there) as second:
        path, kinds = make(options, first.site.work)
        total = sum(kinds.values())
        summary = bring(first, path, "lines", total)
        assert summary["created"] == total, summary
        shown = first.client.expect(200, "GET", SOURCE + "v1/?includeSummary=true").json()
        assert shown["released"] is True, shown
        begun = time.monotonic()
        original = first.export("first.zip")
        tell("export", first, time.monotonic() - begun, total)
        second.client.expect(201, "POST", "/v2/orgs/", {"id": "CIEL", "name": "Shaped as CIEL"})
        summary = bring(second, original, "an export", total - 1)
        assert summary["created"] == total - 1, summary
        counts = compare(original, second.export("second.zip"))
        assert counts == {"": 1, "concepts": kinds["Concept"], "mappings": kinds["Mapping"]}
        summary = bring(second, path, "lines of what is there", total)
        assert summary["unchanged"] == total - 3 and summary["exists"] == 3, summary
        verify(first.site, first.patience)
        verify(second.site, first.patience)


def follow(site, url, *words):
    """nestor subscribe, without a server; how long it took, and MB at most."""
    begun = time.monotonic()
    with open(site.path("said"), "w+", encoding="utf-8") as said:
        p = subprocess.Popen([site.nestor, "subscribe", *site.where(), *words, url], stdout=said,
                             stderr=said)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = status
        said.seek(0)
        assert status == 0, said.read()
    return time.monotonic() - begun, usage.ru_maxrss >> 10


def digest_of(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def is_subscribed_to(options, here, there):
    with Dictionary(options, here) as first, Site(options.nestor, there).init("--quiet") as copy:
        path, kinds = make(options, first.site.work)
        bring(first, path, "lines", sum(kinds.values()))
        url = f"http://127.0.0.1:{first.server.port}{SOURCE}"
        token = ["--token-file", first.site.path("admin.token")]
        wanted = [digest_of(first.export("v1.zip"))]
        seconds, most = follow(copy, url, *token)
        print(f"  subscribing: {seconds:.1f} s, at most {most} MB", flush=True)
        first.client = first.server.client()  # the former one had nothing to do for long
        for _, concept in itertools.islice(rows(first.site.path("v1.zip")), 1, 11):
            first.client.expect(200, "PATCH", "/v2" + concept["url"],
                                {"external_id": "changed", "update_comment": "c"})
        first.client.expect(201, "POST", SOURCE + "versions/", {"id": "v2", "released": True})
        wanted.append(digest_of(first.export("v2.zip", "v2")))
        seconds, most = follow(copy, url)
        sent = [json.loads(x) for x in first.server.log if '"event":"request"' in x]
        size = [x["bytes"] for x in sent if x["path"].endswith("v2/export/") and
                x["method"] == "GET" and x["status"] == 200][-1]
        print(f"  another release, 10 rows changed: {seconds:.1f} s, at most {most} MB, {size} bytes "
              f"of {os.path.getsize(first.site.path('v2.zip'))}", flush=True)
        assert size < os.path.getsize(first.site.path("v2.zip")) / 10, size
        verify(copy, first.patience)
        with copy.serve() as server:
            client = server.client(copy.token)
            for version, digest in zip(("v1", "v2"), wanted):
                shown = client.expect(200, "GET", f"{SOURCE}{version}/export/")
                assert hashlib.sha256(shown.body).hexdigest() == digest, version
            for kind, count in (("concepts", kinds["Concept"]), ("mappings", kinds["Mapping"])):
                a = client.expect(200, "GET", f"{SOURCE}v2/{kind}/?limit=1&includeRetired=true")
                assert a.headers["num_found"] == str(count), (kind, a.headers)


def is_the_same_twice(options):
    """The tool makes the same bytes, and others from another seed."""
    made = [subprocess.run([MAKE, "--concepts", "30", *more], capture_output=True,
                           check=True).stdout for more in ([], [], ["--seed", "2"])]
    assert made[0] == made[1] != made[2]
    del options


def main():
    options = arguments(__doc__, concepts=330)
    tally = Tally()
    tally.run("tools/make-ciel makes the same twice", is_the_same_twice, options)
    there = engines()[::-1]
    for (engine, cluster), (other, other_cluster) in zip(engines(), there):
        tally.run(f"{engine}: {options.concepts} concepts, and back from {other}",
                  goes_there_and_back, options, cluster, other_cluster)
        tally.run(f"{other} is subscribed to {engine}", is_subscribed_to, options, cluster,
                  other_cluster)
    return tally.finish()


if __name__ == "__main__":
    raise SystemExit(main())
