#!/usr/bin/env python3
"""A subscriber in two rounds, as OpenMRS does it: load a release from its export, then ask for what
changed since, and see that and nothing else. Whoever wants to know whether a server can be
subscribed to runs it against that:

    subscription_test.py --server http://127.0.0.1:8080 --token TOKEN

It makes an organisation with a name of its own, which it deletes at the end, and needs a token that
may make one. With --nestor PATH it starts servers of its own, and has subscribers poll while others
write: none may miss anything.
# rows: V901 V902 V906 G39 G40 G155 G156
"""
import argparse
import email.utils
import io
import json
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zipfile

INCREMENT = {"includeConcepts": "true", "includeMappings": "true", "includeRetired": "true",
             "limit": "100000"}
REDIRECTS = 5
PATIENCE = 120  # seconds, for an export that is being made
READ = ("external_id", "names", "extras", "retire_reason")  # what OpenMRS reads of a concept


# ---- Requests, as a subscriber sends them ----

class Server:
    """Requests to one server, whose token goes nowhere else."""

    def __init__(self, url, token):
        self.url, self.token = url.rstrip("/"), token
        self.place = urllib.parse.urlsplit(self.url).netloc
        self.opener = urllib.request.build_opener(Stays)

    def send(self, method, path, body=None, **headers):
        """(status, headers, bytes), of the place where redirects end."""
        url = self.url + path
        for _ in range(REDIRECTS + 1):
            status, got, data = self.once(method, url, body, headers)
            if status not in (301, 302, 303, 307, 308) or "Location" not in got:
                return status, got, data
            url = urllib.parse.urljoin(url, got["Location"])
        raise AssertionError(f"{path}: more than {REDIRECTS} redirects")

    def once(self, method, url, body, headers):
        data = None if body is None else json.dumps(body).encode("utf-8")
        request = urllib.request.Request(url, data, dict(headers), method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.token and urllib.parse.urlsplit(url).netloc == self.place:
            request.add_header("Authorization", f"Token {self.token}")
        try:
            with self.opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.headers, e.read()

    def expect(self, wanted, method, path, body=None, **headers):
        status, got, data = self.send(method, path, body, **headers)
        assert status == wanted, f"{method} {path}: {status}, not {wanted}: {data[:300]!r}"
        return got, data

    def json(self, path, **headers):
        return json.loads(self.expect(200, "GET", path, **headers)[1])


class Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def unpacked(headers, data):
    """The one member of a ZIP, or the document itself."""
    if headers["Content-Type"] != "application/zip":
        return json.loads(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None and archive.namelist() == ["export.json"]
        return json.loads(archive.read("export.json"))


def moment(headers):
    """The Date of an answer, as the subscriber keeps it for its next `updatedSince`."""
    date = email.utils.parsedate_to_datetime(headers["Date"])
    return date.strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- A copy, and how it is kept ----

class Copy:
    """What a subscriber has of a source, by address; the version last loaded, and its Date."""

    def __init__(self, server, source, face="/v2"):
        self.server, self.at = server, face + source
        self.concepts, self.mappings = {}, {}
        self.version = self.since = None

    def put(self, document):
        for gone in document.get("tombstones", []):
            self.rows(gone["type"]).pop(gone["url"], None)
        for row in document["concepts"]:
            self.concepts[row["url"]] = row
        for row in document["mappings"]:
            self.mappings[row["url"]] = row

    def rows(self, kind):
        return {"Concept": self.concepts, "Mapping": self.mappings}[kind]

    def latest(self):
        return self.server.json(f"{self.at}latest/")["id"]

    def export(self, version):
        """Its headers and bytes, once it is made."""
        end = time.monotonic() + PATIENCE
        while True:
            path = f"{self.at}{version}/export"
            status, headers, data = self.server.send("GET", path)
            if status == 200:
                assert headers["Content-Type"] == "application/zip", headers["Content-Type"]
                return headers, data
            assert status in (202, 204, 208), f"{path}: {status} {data[:300]!r}"
            assert time.monotonic() < end, f"{path} is not made after {PATIENCE} s"
            if status == 204:
                self.server.send("POST", path + "/")
            time.sleep(0.2)

    def load_release(self):
        """V901: all of the newest release."""
        self.version = self.latest()
        headers, data = self.export(self.version)
        self.concepts, self.mappings = {}, {}
        self.put(unpacked(headers, data))
        self.since = moment(headers)

    def load(self):
        """The same of a source that is followed without releases."""
        headers, data = self.ask("")
        self.put(unpacked(headers, data))
        self.since = moment(headers)

    def ask(self, version, **more):
        query = urllib.parse.urlencode({**INCREMENT, **more})
        return self.server.expect(200, "GET", f"{self.at}{version}?{query}", Compress="true")

    def increment(self, version="", tombstones=True):
        """V902: what changed since. Returns it."""
        more = {"updatedSince": self.since, **({"includeTombstones": "true"} if tombstones else {})}
        headers, data = self.ask(version, **more)
        document = unpacked(headers, data)
        self.put(document)
        self.since = moment(headers)
        return document

    def check(self, version=""):
        """It is what the server has."""
        document = unpacked(*self.ask(version))
        for kind in ("concepts", "mappings"):
            theirs = {row["url"]: row["version_url"] for row in document[kind]}
            ours = {url: row["version_url"] for url, row in getattr(self, kind).items()}
            missing = sorted(set(theirs.items()) - set(ours.items()))
            wrong = sorted(set(ours.items()) - set(theirs.items()))
            assert not missing and not wrong, f"{kind}: missing {missing[:5]}, wrong {wrong[:5]}"


# ---- A source, and what happens to it ----

class Author:
    def __init__(self, server):
        self.server = server
        self.org = "S" + uuid.uuid4().hex[:12]
        self.source = f"/orgs/{self.org}/sources/D/"

    def __enter__(self):
        self.server.expect(201, "POST", "/v2/orgs/", {"id": self.org, "name": "Subscription"})
        self.server.expect(201, "POST", f"/v2/orgs/{self.org}/sources/",
                           {"id": "D", "name": "D", "public_access": "None"})
        for i in range(5):
            self.add(f"C{i}")
        self.map("M0", "C0", "C1")
        return self

    def __exit__(self, *_):
        self.server.send("DELETE", f"/v2/orgs/{self.org}/")

    def add(self, code):
        self.server.expect(201, "POST", f"/v2{self.source}concepts/", {
            "id": code, "concept_class": "Diagnosis", "datatype": "N/A", "external_id": "E" + code,
            "names": [{"name": code, "locale": "en", "name_type": "FULLY_SPECIFIED",
                       "locale_preferred": True}]})

    def map(self, code, start, end):
        self.server.expect(201, "POST", f"/v2{self.source}mappings/", {
            "id": code, "map_type": "SAME-AS", "sort_weight": 1.5,
            "from_concept_url": f"{self.source}concepts/{start}/",
            "to_concept_url": f"{self.source}concepts/{end}/"})

    def change(self, code, text):
        self.server.expect(200, "PATCH", f"/v2{self.source}concepts/{code}/", {
            "names": [{"name": text, "locale": "en", "name_type": "FULLY_SPECIFIED",
                       "locale_preferred": True}]})

    def retire(self, code):
        self.server.expect(204, "DELETE", f"/v2{self.source}concepts/{code}/",
                           {"retire_reason": "wrong"})

    def erase(self, code):
        self.server.expect(204, "DELETE", f"/v2{self.source}concepts/{code}/?hardDelete=true")

    def release(self, version):
        self.server.expect(201, "POST", f"/v2{self.source}versions/",
                           {"id": version, "released": True})

    def pause(self):
        """Until the server's clock shows another second: what changed in the second of a Date is
        told again."""
        date = moment(self.server.expect(200, "GET", f"/v2{self.source}")[0])
        while moment(self.server.expect(200, "GET", f"/v2{self.source}")[0]) == date:
            time.sleep(0.05)


def seen(document):
    return {kind: sorted((row["id"], row["retired"]) for row in document[kind])
            for kind in ("concepts", "mappings")}


THREE = {"concepts": [("C1", False), ("C2", True)], "mappings": [("M1", False)]}


def change_three(author):
    author.change("C1", "Changed")
    author.retire("C2")
    author.map("M1", "C3", "C4")


# ---- What holds ----

def releases(server):
    """V906: two rounds by releases."""
    with Author(server) as author:
        author.pause()
        author.release("v1")
        copy, guide = Copy(server, author.source), Copy(server, author.source, "/guide")
        copy.load_release()
        assert copy.version == "v1" and len(copy.concepts) == 5 and len(copy.mappings) == 1
        assert all(name in row for row in copy.concepts.values() for name in READ)
        assert [m["sort_weight"] for m in copy.mappings.values()] == [1.5]
        author.pause()
        change_three(author)
        author.release("v2")
        first = copy.since
        for version in ("v2/", ""):
            copy.since = first
            document = copy.increment(version)
            assert seen(document) == THREE and document["tombstones"] == [], (version, document)
            copy.check(version)
        assert copy.latest() == "v2"
        assert guide.latest() == "v2" and guide.export("v2")[1] == copy.export("v2")[1]  # G155
        again = Copy(server, author.source)
        again.load_release()
        assert again.version == "v2" and again.concepts.keys() == copy.concepts.keys()
        again.check("v2/")


def between(server):
    """What changed between a release and the loading of its export is in the increment."""
    with Author(server) as author:
        author.pause()
        author.release("v1")
        author.pause()
        author.change("C1", "Changed")
        author.pause()
        copy = Copy(server, author.source)
        copy.load_release()
        assert seen(copy.increment()) == {"concepts": [("C1", False)], "mappings": []}
        copy.check()


def snapshot(server):
    """The same without releases, and with what is erased."""
    with Author(server) as author:
        author.add("gone")
        author.add("again")
        author.pause()
        copy = Copy(server, author.source)
        copy.load()
        assert len(copy.concepts) == 7
        author.pause()
        change_three(author)
        author.pause()
        assert seen(copy.increment()) == THREE
        author.pause()
        assert seen(copy.increment()) == {"concepts": [], "mappings": []}
        author.erase("gone")
        author.erase("again")
        author.add("again")
        document = copy.increment()
        assert [t["id"] for t in document["tombstones"]] == ["again", "gone"], document
        assert seen(document) == {"concepts": [("again", False)], "mappings": []}
        copy.check()


def first_exported(server, url):
    """The release that OpenMRS takes: the first of the list whose export is there."""
    for version in server.json(f"{url}/versions"):
        if "HEAD" not in version["id"]:
            end = time.monotonic() + PATIENCE
            while server.send("GET", f"{url}/{version['id']}/export")[0] != 200:
                assert time.monotonic() < end, "no export after a while"
                time.sleep(0.2)
            return version["id"]
    raise AssertionError("no release")


def openmrs(server):
    """The requests of OpenMRS's subscription module, one by one, addresses without a last slash."""
    with Author(server) as author:
        author.pause()
        author.release("v1")
        url = "/v2" + author.source.rstrip("/")
        version = first_exported(server, url)
        copy = Copy(server, author.source)
        headers, data = copy.export(version)
        copy.put(unpacked(headers, data))
        author.pause()
        change_three(author)
        query = urllib.parse.urlencode({
            "includeMappings": "true", "includeConcepts": "true", "includeRetired": "true",
            "limit": "100000", "updatedSince": moment(headers)})
        headers, data = server.expect(200, "GET", f"{url}?{query}", Compress="true")
        assert headers["Content-Type"] == "application/zip" and headers["Date"], headers
        document = unpacked(headers, data)
        assert seen(document) == THREE, document
        copy.put(document)
        copy.check()
        author.release("v2")
        assert first_exported(server, url) == "v2"


ROUNDS = {"releases": releases, "between": between, "snapshot": snapshot, "openmrs": openmrs}


# ---- Nothing is missed while others write (servers of its own) ----

BATCHES, LINES = 6, 1000


def batch(author, turn):
    at = {"owner": author.org, "owner_type": "Organization", "source": "D"}
    return [{"type": "Concept", "id": f"B{turn}-{i}", "concept_class": "C", "datatype": "N/A",
             "names": [{"name": f"B{turn}-{i} " + "x" * 200, "locale": "en"}], **at}
            for i in range(LINES)]


def poll(copy, is_over, failed):
    try:
        while not is_over.is_set():
            copy.increment()
    except Exception as e:  # pylint: disable=broad-except
        failed.append(e)


def meanwhile(server):
    """Three who poll all the while that an import writes, each with the Date of its last answer."""
    with Author(server) as author:
        copies = [Copy(server, author.source) for _ in range(3)]
        for copy in copies:
            copy.load()
        is_over, failed = threading.Event(), []
        threads = [threading.Thread(target=poll, args=(c, is_over, failed)) for c in copies]
        for thread in threads:
            thread.start()
        took = 0.5
        for turn in range(BATCHES):
            time.sleep(1 - (time.time() + took / 2) % 1)  # a second ends while it is written
            begun = time.monotonic()
            answer = server.expect(200, "POST", "/guide/importers/lines/",
                                   {"lines": batch(author, turn)})[1]
            took = time.monotonic() - begun
            assert b'"error"' not in answer, answer[:300]
            author.erase(f"B{turn}-0")
        is_over.set()
        for thread in threads:
            thread.join()
        assert not failed, failed[0]
        for copy in copies:
            copy.increment()
            copy.check()


def run(tally, nestor, engine, cluster):
    from support import Site  # pylint: disable=import-outside-toplevel
    with Site(nestor, cluster).init() as site, site.serve() as server:
        at = Server(f"http://127.0.0.1:{server.port}", site.token)
        for name, case in {**ROUNDS, "meanwhile": meanwhile}.items():
            tally.run(f"{engine}: {name}: {' '.join(case.__doc__.split())}", case, at)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", metavar="URL", help="a server that is there already")
    parser.add_argument("--token", help="of a user who may make organisations")
    parser.add_argument("--only", choices=ROUNDS, help="not all rounds")
    options, _ = parser.parse_known_args()
    if not options.server:
        from support import run_on_engines  # pylint: disable=import-outside-toplevel
        return run_on_engines(__doc__, run)
    server = Server(options.server, options.token)
    for name, case in ROUNDS.items():
        if options.only in (None, name):
            try:
                case(server)
            except AssertionError as e:
                print(f"FAIL {name}: {e}")
                return 1
            print(f"ok {name}: {' '.join(case.__doc__.split())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
