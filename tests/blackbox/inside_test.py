"""A source is shown with all that is in it, and a release of it: of many concepts, in pieces, all of
one revision though another client writes meanwhile. What a piece takes is given back. So are all
concepts in short (lookup/), and lists that leave whole. A page of content has the checksum of its rows.

Usage: inside_test.py --nestor PATH
# rows: V229 V109 V243 V250 V329 V331 V417
"""
import csv
import hashlib
import http.client
import io
import json
import re
import sys
import zipfile

from support import Site, run_on_engines

COUNT = 6000
PART = 1000
PIECE = 4 << 20  # of the answer, before the writes
PROMPT = {"ASAN_OPTIONS": "quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}  # what is freed is free
WHERE = "/v2/orgs/O/sources/S/"
ALL = "?includeConcepts=true&includeMappings=true&includeRetired=true&limit=100000"


def line(kind, code, **more):
    return {"type": kind, "id": code, "owner": "O", "owner_type": "Organization", "source": "S",
            **more}


def concept(i):
    return line("Concept", f"C{i}", concept_class="C", datatype="N/A",
                names=[{"name": f"Concept {i} " + "x" * 600, "locale": "en"}],
                extras={"text": "y" * 600})


def mapping(i):
    url = "/orgs/O/sources/S/concepts/C%d/"
    return line("Mapping", f"M{i}", map_type="SAME-AS", from_concept_url=url % i,
                to_concept_url=url % (i + 1))


def fill(client):
    client.expect(201, "POST", "/v2/orgs/", {"id": "O", "name": "O"})
    client.expect(201, "POST", "/v2/orgs/O/sources/", {"id": "S", "name": "S"})
    for at in range(0, COUNT, PART):
        for make in (concept, mapping):
            lines = [make(i) for i in range(at, at + PART)]
            outcome = client.expect(200, "POST", "/guide/importers/lines/", {"lines": lines}).json()
            assert "error" not in json.dumps(outcome), outcome


def resident(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as f:
        return int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1)) << 10


def read_slowly(server, token, other):
    """The whole answer; while it is on its way, another client changes what it shows."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    connection.request("GET", WHERE + ALL, headers={"Authorization": f"Token {token}"})
    response = connection.getresponse()
    assert response.status == 200 and response.headers["Transfer-Encoding"] == "chunked", \
        response.headers
    body = response.read(PIECE)
    before = resident(server)
    other.expect(200, "PATCH", WHERE + "concepts/C1/", {"names": [{"name": "Z", "locale": "en"}]})
    other.expect(204, "DELETE", WHERE + "concepts/C2/")
    other.expect(201, "POST", WHERE + "concepts/", {
        "id": "new", "concept_class": "C", "datatype": "N/A",
        "names": [{"name": "new", "locale": "en"}]})
    body += response.read()
    connection.close()
    grown = resident(server) - before
    assert grown < len(body) // 4, f"{len(body)} bytes made the server grow by {grown}"
    return json.loads(body)


def check(document):
    assert [c["id"] for c in document["concepts"]] == [f"C{i}" for i in reversed(range(COUNT))]
    assert [m["id"] for m in document["mappings"]] == [f"M{i}" for i in reversed(range(COUNT))]
    assert all(c["display_name"].startswith(f"Concept {c['id'][1:]} ") and not c["retired"]
               for c in document["concepts"]), "changed while it was read"
    assert document["type"].startswith("Source") and document["id"]


def run(tally, nestor, engine, cluster):
    with Site(nestor, cluster).init() as site, site.serve(env=PROMPT) as server:
        client, other = server.client(site.token), server.client(site.token)
        fill(client)
        tally.run(f"{engine}: a source with all that is in it, while it is changed",
                  lambda: check(read_slowly(server, site.token, other)))
        other.expect(204, "PUT", WHERE + "concepts/C2/reactivate/")
        other.expect(201, "POST", WHERE + "versions/", {"id": "v1"})
        other.expect(204, "DELETE", WHERE + "concepts/C3/")
        tally.run(f"{engine}: a list that leaves whole, while it is changed", whole, server,
                  site.token, other)
        tally.run(f"{engine}: rows with much beside them", heavy, server, site.token, other)
        tally.run(f"{engine}: a right that is lost meanwhile", lost_right, server, site.token, other)
        for name, case in (("HEAD has no body", head), ("a release, as it was", release),
                           ("what changed since", since), ("all concepts in short", lookup),
                           ("the checksum of a page", sums)):
            tally.run(f"{engine}: {name}", case, client)
        client.close()
        other.close()


def archived(answer):
    with zipfile.ZipFile(io.BytesIO(answer)) as archive:
        assert archive.testzip() is None and archive.namelist() == ["export.json"]
        return json.loads(archive.read("export.json"))


def tabled(answer):
    return list(csv.DictReader(io.StringIO(answer.decode("utf-8"))))


def all_pages(client, where):
    first = client.expect(200, "GET", f"{where}&limit=1000")
    pages = range(2, int(first.headers["pages"]) + 1)
    rest = [client.expect(200, "GET", f"{where}&limit=1000&page={n}").json() for n in pages]
    return [row["id"] for row in sum(rest, first.json())]


def read_whole(server, token, where, change, **headers):
    """A list; when its first bytes are there, another client writes."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    for _ in range(3):  # then the loop remembers the source, until the data changes
        connection.request("GET", WHERE + "concepts/?limit=1", headers={
            "Authorization": f"Token {token}"})
        connection.getresponse().read()
    connection.request("GET", where, headers={"Authorization": f"Token {token}", **headers})
    response = connection.getresponse()
    assert response.headers["Transfer-Encoding"] == "chunked", response.headers
    begin = response.read(1000)
    change()
    body = begin + response.read()
    connection.close()
    return response.headers, body


def whole(server, token, other):
    """What comes does not show, what is erased is left out at most, nothing is told twice."""
    where = WHERE + "concepts/?includeRetired=true&sortAsc=id&verbose=true"
    wanted = all_pages(other, where)
    headers, body = read_whole(
        server, token, where,
        lambda: other.expect(201, "POST", WHERE + "concepts/", {
            "id": "C4new", "concept_class": "C", "datatype": "N/A",
            "names": [{"name": "new", "locale": "en"}]}), Compress="true")
    assert [row["id"] for row in archived(body)] == wanted
    assert headers["num_found"] == str(len(wanted)) and headers["num_returned"] is None, headers
    _, body = read_whole(
        server, token, where + "&format=csv",
        lambda: other.expect(204, "DELETE", WHERE + "concepts/C4new/?hardDelete=true"))
    got = [row["id"] for row in tabled(body)]
    assert [i for i in got if i != "C4new"] == wanted and got.count("C4new") <= 1


def lost_right(server, token, other):
    """Who may see a source no more while its content is on the way does not get it to the end."""
    mine = other.expect(201, "POST", "/v2/users/", {
        "username": "mina", "email": "mina@example.org", "name": "Mina",
        "password": "quite-a-long-passphrase-42"}).json()["token"]
    member = ("/v2/orgs/O/members/mina/",)
    other.expect(200, "PATCH", WHERE, {"public_access": "None"})
    for where in ("concepts/?includeRetired=true&verbose=true&format=csv", ALL,
                  "concepts/lookup/?verbose=true&includeRetired=true"):
        other.expect(204, "PUT", *member)
        try:
            read_whole(server, mine, WHERE + where, lambda: other.expect(204, "DELETE", *member))
        except (http.client.IncompleteRead, ConnectionError):
            continue
        raise AssertionError(f"{where} came whole")
    other.expect(200, "PATCH", WHERE, {"public_access": "View"})


HEAVY = "/v2/orgs/O/sources/Heavy/"


def heavy(server, token, other):
    """Rows with so much beside them that a hundred of them are no page."""
    other.expect(201, "POST", "/v2/orgs/O/sources/", {"id": "Heavy", "name": "Heavy"})
    text = {"text": "z" * 500_000}
    for i in range(25):
        other.expect(201, "POST", HEAVY + "concepts/", {
            "id": f"H{i}", "concept_class": "C", "datatype": "N/A",
            "names": [{"name": f"H {i}", "locale": "en"}],
            "mappings": [{"map_type": "SAME-AS", "to_concept_url": f"{WHERE[3:]}concepts/C{n}/",
                          "extras": text} for n in range(2)]})
    where = HEAVY + "concepts/?includeMappings=true&verbose=true"
    _, body = read_whole(server, token, where, list, Compress="true")
    assert [(row["id"], len(row["mappings"])) for row in archived(body)] == \
        [(f"H{i}", 2) for i in reversed(range(25))]
    csv.field_size_limit(1 << 30)
    _, body = read_whole(server, token, where + "&format=csv", list)
    assert [(row["id"], len(json.loads(row["mappings"]))) for row in tabled(body)] == \
        [(f"H{i}", 2) for i in reversed(range(25))]


def head(client):
    answer = client.ask("HEAD", WHERE + ALL)
    assert answer.status == 200 and not answer.body, answer
    client.expect(200, "GET", WHERE)  # the connection is still in step


def release(client):
    document = client.expect(200, "GET", WHERE + "v1/" + ALL).json()
    concepts = [c["id"] for c in document["concepts"]]
    assert concepts[:3] == ["C2", "new", "C1"] and len(concepts) == COUNT + 1, concepts[:5]
    assert len(document["mappings"]) == COUNT and not document["concepts"][0]["retired"]
    few = client.expect(200, "GET", WHERE + "v1/?includeConcepts=true&offset=5990").json()
    assert [c["id"] for c in few["concepts"]] == concepts[5990:], few["concepts"]


def lookup(client):
    answer = client.expect(200, "GET", WHERE + "v1/concepts/lookup/?includeRetired=true")
    whole = client.expect(200, "GET", WHERE + "v1/" + ALL).json()["concepts"]
    assert answer.json() == [{"uuid": c["uuid"], "id": c["id"], "url": c["url"]} for c in whole]
    assert answer.headers["Transfer-Encoding"] == "chunked" and answer.headers["ETag"]
    again = client.ask("GET", WHERE + "v1/concepts/lookup/?includeRetired=true",
                       If_None_Match=answer.headers["ETag"])
    assert again.status == 304 and not again.body, again


def text(value):
    return hashlib.md5(json.dumps(value).encode("ascii")).hexdigest()


def sums(client):
    for kind in ("concepts", "mappings"):
        answer = client.expect(200, "GET", f"{WHERE}{kind}/?limit=20&brief=true")
        for which in ("standard", "smart"):
            rows = sorted(text(row["checksums"][which]) for row in answer.json())
            wanted = hashlib.md5(("[" + ",".join(f'"{r}"' for r in rows) + "]").encode("ascii"))
            got = answer.headers[f"X-OCL-API-{which.upper()}-CHECKSUM"]
            assert got == wanted.hexdigest(), (kind, which, got)


def since(client):
    one = client.expect(200, "GET", WHERE + "concepts/C1/").json()
    document = client.expect(200, "GET", WHERE + ALL + "&updatedSince=" + one["updated_on"]).json()
    concepts = [c["id"] for c in document["concepts"]]
    assert concepts == ["C3", "C2", "new", "C1"] and document["mappings"] == [], concepts


if __name__ == "__main__":
    sys.exit(run_on_engines(__doc__, run))
