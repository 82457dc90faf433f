"""Differences between exports: whoever follows the lines of docs/export.md gets the newer export out
of the older one, byte for byte; they are small where little changed, and there is none where it
would be of no use, nor one of what may not be read.

Usage: difference_test.py --nestor PATH
# rows: V620
"""
import hashlib
import io
import json
import os
import sys
import zipfile

from export_test import (WHERE, concept, fetch, files, fill, line, load, mapping, rebuild, text_of,
                         until)
from support import Site, run_on_engines

CHANGED = (3, 400, 401, 1100)


def difference(client, newer, older, where=WHERE):
    """As a client would: asks until it is there, and has it made."""
    path = f"{where}{newer}/export/?since={older}"

    def made():
        answer = client.ask("GET", path)
        assert answer.status in (200, 204, 208, 404), answer
        if answer.status == 204:
            ordered = client.ask("POST", path + "&noRedirect=true")
            assert ordered.status in (202, 204, 208, 409, 404), ordered
        return answer if answer.status in (200, 404) else None
    return until(f"what makes {older} into {newer}", made)


# ---- Following it, as docs/export.md says ----

def rows_of(text):
    """The rows of an export as they stand in it, by Python's own reading."""
    decoder, place = json.JSONDecoder(), 0
    for name in ('"concepts":[', '"mappings":['):
        place = text.index(name, place) + len(name)
        while text[place] != "]":
            _, end = decoder.raw_decode(text, place)
            yield text[place:end]
            place = end + (text[end] == ",")


def follow(difference_bytes, older_bytes):
    with zipfile.ZipFile(io.BytesIO(difference_bytes)) as packed:
        assert packed.namelist() == ["difference.jsonl"], packed.namelist()
        lines = packed.read("difference.jsonl").decode().splitlines()
    head = json.loads(lines[0])
    assert head["older"] == hashlib.sha256(older_bytes).hexdigest(), head
    old, out, behind_row, rows = rows_of(text_of(older_bytes)), [], False, 0
    for step in lines[1:]:
        what = json.loads(step)
        if "text" in what:
            out.append(what["text"])
            behind_row = False
            continue
        if "row" in what:
            came, rows = [step[len('{"row":'):-1]], rows + 1
        elif "keep" in what:
            came = [next(old).replace(head["was"], head["is"], 1) for _ in range(what["keep"])]
        else:
            came = [next(old) for _ in range(what["drop"])][:0]
        for row in came:
            out.append("," * behind_row + row)
            behind_row = True
    return "".join(out), head, rows


# ---- Cases ----

def makes_the_newer_one(site, client):
    """Rows that changed, came and left; mappings whose ends have another name now; parents."""
    del site
    first = fetch(client, "v1").body
    load(client, lambda i: concept(CHANGED[i]) | {"names": [{"name": f"New {i}", "locale": "en"}]},
         len(CHANGED))
    load(client, lambda i: concept(5000 + i) | {"parent_concept_urls": []}, 3)
    load(client, lambda i: mapping(1100 + i), 1)
    load(client, lambda i: mapping(5 + i) | {"map_type": "NARROWER-THAN"}, 1)
    client.expect(204, "DELETE", WHERE + "mappings/M9/")
    client.expect(200, "PUT", WHERE, {"description": "Afterwards, \"quoted\" é."})
    client.expect(201, "POST", WHERE + "versions/", {"id": "v2", "description": "Two."})
    second = fetch(client, "v2").body
    answer = difference(client, "v2", "v1")
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/zip", answer.headers
    assert ".since_v1.zip" in answer.headers["Content-Disposition"], answer.headers
    text, head, rows = follow(answer.body, first)
    assert text == text_of(second)
    assert head["newer"] == hashlib.sha256(second).hexdigest(), head
    assert 0 < rows < 40, rows
    assert len(answer.body) < len(second) / 5, (len(answer.body), len(second))
    back = difference(client, "v1", "v2")
    assert follow(back.body, second)[0] == text_of(first)


def is_a_file_as_others(site, client):
    """It has a tag and ranges; where it is asked for again it is the same; it goes with what it leads
    from."""
    path = WHERE + "v2/export/?since=v1"
    whole = client.expect(200, "GET", path)
    tag = whole.headers["ETag"]
    assert client.ask("GET", path, If_None_Match=tag).status == 304
    part = client.ask("GET", path, Range="bytes=100-199", If_Range=tag)
    assert part.status == 206 and part.body == whole.body[100:200], part
    answer = client.ask("POST", path)
    assert answer.status == 303 and answer.headers["Location"] == path, answer
    assert client.ask("POST", path + "&noRedirect=true").status == 204
    assert sum(f.startswith("difference-") for f in files(site.data)) == 2, files(site.data)
    client.expect(204, "DELETE", WHERE + "v1/export/")
    answer = client.ask("GET", path)
    assert answer.status == 404 and b"no export of v1" in answer.body, answer
    rebuild(client, "v2")
    until("differences go with the export that they lead from", lambda: not any(
        f.startswith("difference-") for f in files(site.data)))
    client.expect(202, "POST", WHERE + "v1/export/")
    fetch(client, "v1")
    assert difference(client, "v2", "v1").body == whole.body


def of_no_use_there_is_none(site, client):
    """As large as half the export: that is said, and remembered."""
    del site
    client.expect(201, "POST", "/v2/orgs/O/sources/", {"id": "FEW", "name": "Few"})
    few = "/v2/orgs/O/sources/FEW/"
    client.expect(201, "POST", few + "versions/", {"id": "v1", "description": "One."})
    load(client, lambda i: line("Concept", f"F{i}", source="FEW", concept_class="C",
                                datatype="N/A", names=[{"name": f"Few {i}", "locale": "en"}]), 50)
    client.expect(201, "POST", few + "versions/", {"id": "v2", "description": "Two."})
    for version in ("v1", "v2"):
        fetch(client, version, few)
    for _ in range(2):
        answer = difference(client, "v2", "v1", few)
        assert answer.status == 404 and b"no smaller than half" in answer.body, answer
    assert client.ask("POST", few + "v2/export/?since=v1").status == 404


def what_is_none_is_said(site, client):
    del site
    for version, since, status, why in (
            ("v2", "v2", 404, "names the version itself"), ("v2", "v9", 404, "names no version"),
            ("v2", "", 404, "names no version"), ("v2", "INITIAL", 404, "no export of INITIAL"),
            ("v2", "HEAD", 404, "names no version"), ("v9", "v1", 404, "")):
        for method in ("GET", "POST"):
            answer = client.ask(method, f"{WHERE}{version}/export/?since={since}")
            assert answer.status == status and why in answer.body.decode(), (version, since, answer)
    for method, path in (("GET", "HEAD/"), ("POST", "HEAD/"), ("DELETE", "v2/")):
        answer = client.ask(method, WHERE + path + "export/?since=v1")
        assert answer.status == 400 and "since" in answer.json(), answer
    answer = client.ask("POST", WHERE + "v2/export/?since=v1&force=true")
    assert answer.status == 400 and "force" in answer.json(), answer
    assert client.ask("GET", WHERE + "v2/export/").status == 200


def rights_are_those_of_the_export(site, client, server):
    del site
    secret = {"username": "bea", "email": "bea@example.org", "password": "a long one, bea's own",
              "name": "Bea"}
    token = client.expect(201, "POST", "/v2/users/", secret).json()["token"]
    bea, nobody = server.client(token), server.client("")
    path = WHERE + "v2/export/?since=v1"
    assert bea.ask("GET", path).status == 200
    assert nobody.ask("GET", path).status == 401 == nobody.ask("POST", path).status
    client.expect(200, "PUT", WHERE, {"public_access": "None"})
    assert bea.ask("GET", path).status == 403 == bea.ask("POST", path).status
    client.expect(200, "PUT", WHERE, {"public_access": "View"})
    bea.close()
    nobody.close()


def a_broken_file_ends_with_a_reason(site, client):
    """The export on the disk is none any more: the task says so, and nothing is served."""
    client.expect(201, "POST", WHERE + "versions/", {"id": "v3", "description": "Three."})
    fetch(client, "v3")
    row = site.query("SELECT x.file FROM repo_export x JOIN repo_version v ON v.id = x.version_id "
                     "WHERE v.mnemonic = 'v3'")[0][0]
    path = os.path.join(site.data, "tasks", row)
    with open(path, "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(size // 2)
        file.write(bytes(b ^ 0xff for b in os.pread(file.fileno(), 64, size // 2)))
    task = client.expect(202, "POST", WHERE + "v3/export/?since=v1").json()["id"]

    def over():
        found = client.expect(200, "GET", f"/v2/tasks/{task}/").json()
        return found if found["state"] not in ("PENDING", "STARTED") else None
    found = until("its end", over)
    assert found["state"] == "FAILURE" and "cannot be compared" in json.dumps(found), found
    assert client.ask("GET", WHERE + "v3/export/?since=v1").status == 204
    until("no part of it is left", lambda: not any(f.endswith(".part") for f in files(site.data)))


def run(tally, nestor, engine, cluster):
    with Site(nestor, cluster).init() as site, site.serve() as server:
        client = server.client()
        fill(client)
        client.expect(201, "POST", WHERE + "versions/", {"id": "v1", "description": "One."})
        for case in (makes_the_newer_one, is_a_file_as_others, of_no_use_there_is_none,
                     what_is_none_is_said, a_broken_file_ends_with_a_reason):
            tally.run(f"{engine}: {case.__name__}", case, site, client)
        tally.run(f"{engine}: rights_are_those_of_the_export", rights_are_those_of_the_export, site,
                  client, server)
        client.close()


if __name__ == "__main__":
    sys.exit(run_on_engines(__doc__, run))
