"""Clients in use, unchanged: the OCL command line (openconceptlab of PyPI) and ocldev with its
importers, its readers of tables and its export loader, against a Nestor whose root is the v2 face.
Each command that touches what is built succeeds, and its effect is there. Those that wait do so
while the others run: they look every 5 seconds.

Both are installed into virtual environments of this test, in --probe-dir.

Usage: clients_test.py --nestor PATH --probe-dir DIR
# rows: V101 V238 V247 V248 V250 V230 V208 V270 V601 V602 V606 V608 V612 V614-V619 V623 G154
"""
import io
import json
import os
import subprocess
import sys
import time
import zipfile

from pypi import install
from support import PATIENCE, Site, Tally, arguments

COMMAND_LINE = "openconceptlab==0.2.1"
IMPORTER = "ocldev==0.2.4 six==1.17.0"


class Ocl:
    """The command line, signed in; each call is a process."""

    def __init__(self, venv, site, server, token):
        self.program = os.path.join(venv, "bin", "ocl")
        self.site = site
        self.env = {**os.environ, "HOME": site.work, "OCL_API_TOKEN_TEST": token}
        self.run("server", "add", "nestor", f"http://127.0.0.1:{server.port}", "--token-env",
                 "OCL_API_TOKEN_TEST", is_json=False)
        self.run("server", "use", "nestor", is_json=False)

    def run(self, *words, is_json=True, status=0):
        p = subprocess.run([self.program, "--json", *words], capture_output=True, text=True,
                           env=self.env, check=False)
        assert p.returncode == status, f"ocl {' '.join(words)}: {p.stdout}{p.stderr}"
        return json.loads(p.stdout) if is_json and p.stdout.strip() else p.stdout

    def say(self, *words, status=0):
        """What it prints for people: all of it."""
        p = subprocess.run([self.program, *words], capture_output=True, text=True, env=self.env,
                           cwd=self.site.work, check=False)
        assert p.returncode == status, f"ocl {' '.join(words)}: {p.stdout}{p.stderr}"
        assert "Traceback" not in p.stderr, f"ocl {' '.join(words)}: {p.stderr}"
        return p.stdout + p.stderr

    def begin(self, *words):
        return subprocess.Popen([self.program, "--json", *words], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=self.env)


def results(answer):
    return answer["results"] if isinstance(answer, dict) and "results" in answer else answer


def ids(answer):
    return [row["id"] for row in results(answer)]


def owners(ocl):
    assert ocl.run("whoami")["username"] == "admin"
    ocl.run("org", "create", "WHO", "World Health", "--website", "https://who.int",
            "--extras", '{"a": 1}')
    assert ocl.run("org", "get", "WHO")["name"] == "World Health"
    assert "WHO" in ids(ocl.run("org", "list"))
    assert [u["username"] for u in results(ocl.run("org", "members", "WHO"))] == ["admin"]
    assert ocl.run("user", "get", "admin")["username"] == "admin"
    assert "admin" in [u["username"] for u in results(ocl.run("user", "list"))]


def sources(ocl):
    ocl.run("repo", "create", "WHO", "ICD", "ICD", "--type", "source", "--default-locale", "en",
            "--supported-locales", "en,fr", "--source-type", "Dictionary",
            "--canonical-url", "https://icd.who.int", "--extras", '{"k": "v"}')
    ocl.run("repo", "update", "WHO", "ICD", "--description", "Diseases")
    repo = ocl.run("repo", "get", "WHO", "ICD")
    assert (repo["description"], repo["extras"]) == ("Diseases", {"k": "v"}), repo


def concepts(ocl):
    ocl.run("concept", "create", "WHO", "ICD", "A00", "--concept-class", "Diagnosis",
            "--datatype", "N/A", "--name", "Cholera", "--name-locale", "en", "--name-type",
            "Fully Specified", "--description", "An infection", "--external-id", "x1",
            "--extras", '{"a": [1, 2]}')
    ocl.run("concept", "create", "WHO", "ICD", "A01", "--concept-class", "Diagnosis",
            "--datatype", "N/A", "--name", "Typhoid", "--names-json",
            '[{"name": "Typhoid", "locale": "en"}]')
    ocl.run("concept", "update", "WHO", "ICD", "A00", "--concept-class", "Disease",
            "--update-comment", "Again")
    ocl.run("concept", "name-add", "WHO", "ICD", "A00", "Choléra", "--locale", "fr")
    ocl.run("concept", "description-add", "WHO", "ICD", "A00", "Une infection", "--locale", "fr")
    names = results(ocl.run("concept", "names", "WHO", "ICD", "A00"))
    assert [n["name"] for n in names] == ["Cholera", "Choléra"], names
    assert len(results(ocl.run("concept", "descriptions", "WHO", "ICD", "A00"))) == 2
    concept = ocl.run("concept", "get", "WHO", "ICD", "A00")
    assert concept["concept_class"] == "Disease", concept
    assert concept["update_comment"] == "Added to descriptions: Une infection.", concept
    assert len(results(ocl.run("concept", "versions", "WHO", "ICD", "A00"))) == 4
    assert ids(ocl.run("concept", "list", "--owner", "WHO", "--repo", "ICD")) == ["A00", "A01"]


def retired(ocl):
    ocl.run("concept", "retire", "WHO", "ICD", "A01", "--update-comment", "Gone")
    concept = ocl.run("concept", "get", "WHO", "ICD", "A01")
    assert (concept["retired"], concept["update_comment"]) == (True, "Gone"), concept
    assert ids(ocl.run("concept", "list", "--owner", "WHO", "--repo", "ICD")) == ["A00"]
    ocl.run("concept", "delete", "WHO", "ICD", "A01", "--yes", is_json=False)
    ocl.run("concept", "get", "WHO", "ICD", "A01", is_json=False, status=1)


def extras(ocl):
    ocl.run("concept", "extra-set", "WHO", "ICD", "A00", "weight", "1.5")
    assert ocl.run("concept", "extras", "WHO", "ICD", "A00")["weight"] in (1.5, "1.5")
    ocl.run("concept", "extra-del", "WHO", "ICD", "A00", "weight", is_json=False)
    assert "weight" not in ocl.run("concept", "extras", "WHO", "ICD", "A00")
    ocl.run("repo", "extra-set", "WHO", "ICD", "level", "2")
    assert "level" in ocl.run("repo", "extras", "WHO", "ICD")
    ocl.run("repo", "extra-del", "WHO", "ICD", "level", is_json=False)


def mappings(ocl):
    ocl.run("mapping", "create", "WHO", "ICD", "--map-type", "SAME-AS", "--from-concept-url",
            "/orgs/WHO/sources/ICD/concepts/A00/", "--to-source-url", "/orgs/X/sources/Y/",
            "--to-concept-code", "z", "--to-concept-name", "Zed")
    rows = results(ocl.run("mapping", "search", "--owner", "WHO", "--repo", "ICD"))
    assert [(r["map_type"], r["to_concept_code"]) for r in rows] == [("SAME-AS", "z")], rows
    one = rows[0]["id"]
    ocl.run("mapping", "update", "WHO", "ICD", one, "--map-type", "NARROWER-THAN")
    assert ocl.run("mapping", "get", "WHO", "ICD", one)["map_type"] == "NARROWER-THAN"
    assert len(results(ocl.run("mapping", "versions", "WHO", "ICD", one))) == 2
    concept = ocl.run("concept", "get", "WHO", "ICD", "A00", "--include-mappings")
    assert [m["id"] for m in concept["mappings"]] == [one], concept
    ocl.run("mapping", "retire", "WHO", "ICD", one)
    assert ocl.run("mapping", "get", "WHO", "ICD", one)["retired"] is True
    ocl.run("mapping", "delete", "WHO", "ICD", one, "--yes", is_json=False)
    ocl.run("mapping", "get", "WHO", "ICD", one, is_json=False, status=1)


def versions(ocl):
    ocl.run("repo", "version-create", "WHO", "ICD", "v1", "--description", "First")
    assert ids(ocl.run("repo", "versions", "WHO", "ICD")) == ["v1", "HEAD"]
    ocl.run("repo", "version-update", "WHO", "ICD", "v1", "--description", "The first")
    assert not ids(ocl.run("repo", "versions", "WHO", "ICD", "--updated-since", "2999-01-01"))
    assert ids(ocl.run("repo", "versions", "WHO", "ICD", "--released", "true")) == ["v1"]
    got = ocl.run("concept", "get", "WHO", "ICD", "A00", "--repo-version", "v1")
    assert got["id"] == "A00", got


def what_is_found(ocl):
    """Lists with what the command line filters by."""
    assert "ICD" in ids(ocl.run("repo", "list", "--owner", "WHO"))
    assert ids(ocl.run("concept", "list", "--owner", "WHO", "--repo", "ICD", "--concept-class",
                       "disease", "--locale", "fr", "--updated-since", "2020-01-01")) == ["A00"]
    assert not ids(ocl.run("concept", "list", "--owner", "WHO", "--repo", "ICD", "--datatype",
                           "Numeric"))


def members(ocl):
    assert "ICD" in ids(ocl.run("org", "repos", "WHO"))
    # It reads a body, and 204 has none (V222): it fails once the user is a member.
    ocl.run("org", "add-member", "WHO", "ocl", is_json=False, status=1)
    found = [u["username"] for u in results(ocl.run("org", "members", "WHO"))]
    assert sorted(found) == ["admin", "ocl"], found
    ocl.run("org", "remove-member", "WHO", "ocl", "--yes", is_json=False)
    ocl.run("org", "create", "TMP", "For a while")
    ocl.run("org", "delete", "TMP", "--yes", is_json=False)
    ocl.run("org", "get", "TMP", is_json=False, status=1)
    ocl.run("repo", "create", "WHO", "GONE", "Gone", "--type", "source")
    ocl.run("repo", "delete", "WHO", "GONE", "--type", "source", "--yes", is_json=False)
    ocl.run("repo", "get", "WHO", "GONE", is_json=False, status=1)


# ---- Imports, tasks and exports of the command line ----

OF = {"owner": "WHO", "owner_type": "Organization"}
TABLE = """\
resource_type,owner_id,source,id,name,name_type,name[2],name_locale[2],concept_class,datatype,\
attr:loinc:int,description,map_type[1],map_to_concept_id[1],extmap_type[1],\
extmap_to_source_url[1],extmap_to_concept_id[1]
Organization,,,{org},Laboratory,,,,,,,,,,,,
Source,{org},,TESTS,Tests,,,,,,,,,,,,
Concept,{org},TESTS,GLU,Glucose,Fully Specified,Glukose,de,Test,Numeric,2345,"A sugar, of many",\
Narrower Than,SUGAR,,,
Concept,{org},TESTS,SUGAR,Sugar,,,,Test,N/A,,,,,Same As,/orgs/X/sources/Y/,S1
"""


def text_of(lines):
    return "".join(json.dumps(line) + "\n" for line in lines)


def few(source, *codes):
    """Lines of a source with these concepts."""
    return [{"type": "Organization", "id": "WHO", "name": "World Health"},
            {"type": "Source", "id": source, "name": source, **OF}] + [
                {"type": "Concept", "id": code, **OF, "source": source, "concept_class": "Test",
                 "datatype": "N/A", "names": [{"name": code, "locale": "en"}]} for code in codes]


def until_over(ocl, task):
    """What `import status` says of it in the end."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = ocl.run("import", "status", task)
        if found["state"] not in ("PENDING", "STARTED"):
            return found
    raise AssertionError(f"still {found}")


def send(ocl, name, *words):
    """Import a file and wait for its task."""
    task = ocl.run("import", "file", ocl.site.path(name), *words)
    assert (task["state"], task["username"]) == ("PENDING", "admin"), task
    over = until_over(ocl, task["id"])
    assert over["state"] == "SUCCESS", over
    return over


def imports(ocl):
    ocl.site.write("few.jsonl", text_of(few("FEW", "A", "B")))
    ocl.site.write("few.json", json.dumps(few("FEW", "A", "B", "C")))
    ocl.site.write("table.csv", TABLE.format(org="LAB"))
    first = send(ocl, "few.jsonl", "--queue", "q", "--parallel", "3")
    assert (first["queue"], first["summary"]["created"]) == ("q", 4 - 1), first  # WHO exists
    assert send(ocl, "few.json")["summary"]["created"] == 1
    again = send(ocl, "few.jsonl", "--no-update")["summary"]
    assert (again["exists"], again["unchanged"]) == (4, 0), again
    assert send(ocl, "table.csv")["summary"]["created"] == 6
    assert ids(ocl.run("concept", "list", "--owner", "LAB", "--repo", "TESTS")) == ["SUGAR", "GLU"]
    assert ids(ocl.run("import", "list", "--queue", "q")) == [first["id"]]
    assert len(ocl.run("import", "list")) >= 4
    said = ocl.say("import", "status", first["id"], "--wait")
    assert "State:    SUCCESS" in said and "created: 3" in said, said
    assert first["id"][:36] in ocl.say("import", "list")
    assert "No active imports." in ocl.say("import", "list", "--queue", "none")
    ocl.say("import", "status", "none-admin~default", status=1)
    ocl.site.write("broken.zip", "no archive")
    ocl.say("import", "file", ocl.site.path("broken.zip"), status=1)
    ocl.site.write("few.txt", "")
    ocl.say("import", "file", ocl.site.path("few.txt"), status=1)


def tasks(ocl):
    task = results(ocl.run("import", "list", "--queue", "q"))[0]["id"]
    got = ocl.run("task", "get", task)
    assert got["result"]["summary"]["created"] == 3, got
    found = ocl.run("task", "list", "--state", "SUCCESS", "--limit", "1", "--page", "2")
    assert len(results(found)) == 1 and found["count"] >= 4, found
    assert not results(ocl.run("task", "list", "--state", "FAILURE"))
    said = ocl.say("task", "list", "--verbose", "--limit", "100")
    assert task in said and "bulk_import" in said, said
    assert "state: SUCCESS" in ocl.say("task", "get", task)


def exports(ocl):
    where = ("WHO", "FEW", "v1", "--type", "source")
    ocl.run("repo", "version-create", "WHO", "FEW", "v1", "--description", "First")
    assert ocl.run("repo", "export", "create", *where)["status"] in (
        "already_exists", "conflict", "unknown")  # it is queued with the version (V618)
    ready = until_ready(ocl, where)
    ocl.say("repo", "export", "download", *where)
    ocl.say("repo", "export", "download", *where, status=1)  # the file is there
    ocl.say("repo", "export", "download", *where, "--output", "out.zip")
    with open(ocl.site.path(ready["filename"]), "rb") as named, \
            open(ocl.site.path("out.zip"), "rb") as chosen:
        body = named.read()
        assert body == chosen.read()
    with zipfile.ZipFile(io.BytesIO(body)) as z:
        document = json.loads(z.read("export.json"))
    assert [c["id"] for c in document["concepts"]] == ["C", "B", "A"], document
    assert "already exists" in ocl.say("repo", "export", "create", *where)
    ocl.say("repo", "export", "delete", *where)
    ocl.say("repo", "export", "delete", *where, status=1)
    assert ocl.run("repo", "export", "status", *where)["status"] == "not_found"
    ocl.say("repo", "export", "download", *where, status=2)
    assert ocl.run("repo", "export", "create", *where)["status"] == "accepted"
    assert until_ready(ocl, where) == ready
    ocl.say("repo", "export", "status", "WHO", "FEW", "none", "--type", "source", status=1)
    over = send(ocl, "out.zip")["summary"]
    assert (over["unchanged"], over["exists"], over["invalid"]) == (3, 2, 0), over


def until_ready(ocl, where):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = ocl.run("repo", "export", "status", *where)
        if found["status"] == "ready":
            return found
    raise AssertionError(f"still {found}")


def waits(process):
    said, heard = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, heard
    assert "Import completed successfully." in heard, heard
    final = json.loads(said[said.index("}\n{") + 2:])
    assert (final["state"], final["summary"]["created"]) == ("SUCCESS", 3000 + 1), final


# ---- ocldev ----

PRELUDE = """
import json, sys
from ocldev.oclexport import OclExportFactory
from ocldev.oclexporttoimportconverter import OCLExportToImportConverter
from ocldev.oclfleximporter import OclBulkImporter, OclFlexImporter
from ocldev.oclresourcelist import OclCsvResourceList
given = json.load(sys.stdin)
server = {key: given[key] for key in ("api_url_root", "api_token")}
def tell(value):
    print("TOLD " + json.dumps(value))
"""
FLEXIBLE = """
importer = OclFlexImporter(input_list=given["lines"], do_update_if_exists=given["update"],
                           verbosity=0, **server)
importer.process()
tell(importer.import_results.display_report())
"""
POST = """
answer = OclBulkImporter.post(**given["post"], **server)
tell([answer.status_code, answer.json()])
"""
RESULTS = """
found = OclBulkImporter.get_bulk_import_results(task_id=given["task"], max_wait_seconds=60,
                                                delay_seconds=5, **server)
tell(found.get_stats() if found else None)
"""
QUEUED = """
tell([OclBulkImporter.get_queued_imports(queue=given["queue"], status_filter=state, **server)
      for state in (None, "SUCCESS", ["PENDING"])])
"""
READ_TABLE = """
rows = OclCsvResourceList.load_from_file(given["file"])
rows.validate()
tell(rows.convert_to_ocl_formatted_json().to_list())
"""
LOAD_EXPORT = """
source, token = server["api_url_root"] + given["source"], server["api_token"]
latest = OclExportFactory.load_latest_export(source, oclapitoken=token, do_wait_for_export=True,
                                             delay_seconds=0.1)
named = OclExportFactory.load_export(source + "v1/", oclapitoken=token)
assert named.get_full_export() == latest.get_full_export()
content = latest.to_resource_list(do_clean_for_bulk_import=True)
converter = OCLExportToImportConverter(content=json.dumps(latest.get_full_export()), owner="COPY",
                                       owner_type="Organization", return_output=True)
converter.process()
tell({"stats": latest.get_stats(), "content": content.to_list(), "copy": converter.result})
"""


class Ocldev:
    """Each call is a process; what it tells comes back."""

    def __init__(self, venv, server):
        self.program = os.path.join(venv, "bin", "python")
        self.given = {"api_url_root": f"http://127.0.0.1:{server.port}",
                      "api_token": server.client().token}

    def begin(self, script, **given):
        p = subprocess.Popen([self.program, "-c", PRELUDE + script], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        p.stdin.write(json.dumps({**self.given, **given}))
        p.stdin.close()
        p.stdin = None
        return p

    @staticmethod
    def end(p):
        said, heard = p.communicate(timeout=PATIENCE)
        assert p.returncode == 0, said[-2000:] + heard[-2000:]
        return json.loads(said[said.rindex("TOLD ") + 5:])

    def run(self, script, **given):
        return self.end(self.begin(script, **given))


LINES = [
    {"type": "Organization", "id": "WHO", "name": "World Health", "website": "https://who.int"},
    {"type": "Source", "id": "LOINC", "name": "LOINC", **OF, "default_locale": "en",
     "supported_locales": "en,fr", "public_access": "View", "extras": {"a": 1}},
    {"type": "Concept", "id": "1-8", "concept_class": "Test", "datatype": "Numeric", **OF,
     "source": "LOINC", "names": [{"name": "Acyclovir", "locale": "en"}]},
    {"type": "Concept", "id": "10-9", "concept_class": "Test", "datatype": "Numeric", **OF,
     "source": "LOINC", "names": [{"name": "Amdinocillin", "locale": "en"}],
     "descriptions": [{"description": "An antibiotic", "locale": "en"}]},
    {"type": "Mapping", **OF, "source": "LOINC", "map_type": "SAME-AS",
     "from_concept_url": "/orgs/WHO/sources/LOINC/concepts/1-8/",
     "to_concept_url": "/orgs/WHO/sources/LOINC/concepts/10-9/"},
    {"type": "Source Version", "id": "v1", **OF, "source": "LOINC", "description": "First",
     "released": True},
]


def flexible(ocldev, client):
    said = ocldev.run(FLEXIBLE, lines=LINES, update=False)
    for below in ("", "concepts/1-8/", "concepts/10-9/"):
        assert client.ask("GET", f"/orgs/WHO/sources/LOINC/{below}").status == 200, said
    rows = client.expect(200, "GET", "/orgs/WHO/sources/LOINC/mappings/").json()
    assert [r["to_concept_code"] for r in rows] == ["10-9"], said
    assert client.ask("GET", "/orgs/WHO/sources/LOINC/v1/concepts/1-8/").status == 200, said
    ocldev.run(FLEXIBLE, lines=[{**LINES[2], "datatype": "Text"}], update=True)
    row = client.expect(200, "GET", "/orgs/WHO/sources/LOINC/concepts/1-8/").json()
    assert row["datatype"] == "Text", row


def bulk(ocldev, client, **post):
    """Import by its bulk importer; the counters in the end."""
    status, task = ocldev.run(POST, post=post)
    assert status == 202, task
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = client.expect(200, "GET", f"/tasks/{task['task']}/").json()
        if found["state"] not in ("PENDING", "STARTED"):
            assert found["state"] == "SUCCESS", found
            return found["summary"]
        time.sleep(0.02)
    raise AssertionError(f"still {found}")


def bulk_importer(ocldev, client, site):
    """Lines of a list, of a file, as the field of a form; a table as a file."""
    file = site.write("bulk.jsonl", text_of(few("BULK", "A", "B")))
    assert bulk(ocldev, client, input_list=few("BULK", "A"), queue="dev")["created"] == 2
    assert bulk(ocldev, client, file_path=file)["created"] == 1
    parallel = bulk(ocldev, client, input_list=few("BULK", "A", "B", "C+&=%"), parallel=True)
    assert (parallel["created"], parallel["unchanged"]) == (1, 2), parallel
    everything, good, waiting = ocldev.run(QUEUED, queue="dev")
    assert [t["queue"] for t in everything] == ["dev"] and good == everything, everything
    assert waiting == [], waiting


def shown(client, org, source):
    """What stands in a source, without what says in whose and when."""
    where = f"/orgs/{org}/sources/{source}/"
    names = ("name", "locale", "name_type", "locale_preferred")
    concepts = client.expect(200, "GET", where + "concepts/?verbose=true&includeRetired=true").json()
    mappings = client.expect(200, "GET", where + "mappings/?verbose=true").json()
    return (sorted([c["id"], c["concept_class"], c["datatype"], c["extras"], c["retired"],
                    [[n[key] for key in names] for n in c["names"]],
                    [d["description"] for d in c["descriptions"] or []]] for c in concepts),
            sorted([m["map_type"], m["from_concept_code"], m["to_concept_code"],
                    m["to_source_url"].replace(f"/{org}/", "/ORG/")] for m in mappings))


def tables(ocldev, client, site):
    """A table that the client turns into lines, and the same that the server reads."""
    assert bulk(ocldev, client, file_path=site.write("a.csv", TABLE.format(org="READ")))[
        "created"] == 6
    lines = ocldev.run(READ_TABLE, file=site.write("b.csv", TABLE.format(org="TURNED")))
    ocldev.run(FLEXIBLE, lines=lines, update=False)
    one, other = shown(client, "READ", "TESTS"), shown(client, "TURNED", "TESTS")
    assert one == other, (one, other)
    assert len(one[0]) == 2 and len(one[1]) == 2, one


def export_loader(ocldev, client):
    """What it loads is what is there; and what it makes of that for another owner, too."""
    where = "/orgs/LOADED/sources/S/"
    of = {"owner": "LOADED", "owner_type": "Organization"}
    lines = [{**line, **(of if "owner" in line else {"id": "LOADED"})} for line in LINES]
    lines[1]["id"] = "S"
    lines = json.loads(json.dumps(lines).replace("/orgs/WHO/sources/LOINC/", where).replace(
        '"source": "LOINC"', '"source": "S"'))
    assert bulk(ocldev, client, input_list=lines)["created"] == 6
    told = ocldev.run(LOAD_EXPORT, source=where)
    assert told["stats"]["Concepts"]["Total"] == 2, told["stats"]
    assert told["stats"]["Mappings"]["Subtotal Internal"] == 1, told["stats"]
    again = bulk(ocldev, client, input_list=told["content"])
    assert (again["unchanged"], again["total"]) == (3, 3), again
    copied = bulk(ocldev, client, input_list=told["copy"])
    assert (copied["created"], copied["invalid"]) == (6, 0), copied
    one, other = shown(client, "LOADED", "S"), shown(client, "COPY", "S")
    assert one == other, (one, other)


def waits_too(ocldev, process, client):
    """The client knows an older form of the outcome: its own counts stay 0."""
    assert ocldev.end(process) == {"count": 0, "num_skipped": 0, "total_lines": 0,
                                   "elapsed_seconds": 0}
    del client


def run(tally, site, server, folder):
    client = server.client()
    ocl = Ocl(install(folder, COMMAND_LINE), site, server, client.token)
    ocldev = Ocldev(install(folder, IMPORTER), server)
    for name, case in (("owners", owners), ("sources", sources)):
        tally.run(f"the OCL command line: {name}", case, ocl)
    many = few("MANY", *(f"C{i}" for i in range(3000)))
    waiting = ocl.begin("import", "file", site.write("many.jsonl", text_of(many)), "--wait")
    task = ocldev.run(POST, post={"input_list": many[:1] + few("LATER", "A")[1:]})[1]["task"]
    waiting_too = ocldev.begin(RESULTS, task=task)
    for name, case in (("concepts", concepts),
                       ("what is retired", retired), ("extras", extras),
                       ("mappings", mappings), ("versions", versions),
                       ("what is found", what_is_found), ("what is deleted", members),
                       ("imports", imports), ("tasks", tasks), ("exports", exports)):
        tally.run(f"the OCL command line: {name}", case, ocl)
    tally.run("ocldev: lines through its importer", flexible, ocldev, client)
    tally.run("ocldev: its bulk importer", bulk_importer, ocldev, client, site)
    tally.run("ocldev: tables", tables, ocldev, client, site)
    tally.run("ocldev: its export loader", export_loader, ocldev, client)
    tally.run("the OCL command line: waiting for an import", waits, waiting)
    tally.run("ocldev: waiting for results", waits_too, ocldev, waiting_too, client)


def main():
    options = arguments(__doc__, **{"probe-dir": "."})
    tally = Tally()
    with Site(options.nestor) as site:
        site.init()
        with site.serve("--set", "ocl.root=v2") as server:
            server.client().expect(201, "POST", "/users/",
                                   {"username": "ocl", "email": "ocl@example.org",
                                    "password": "a long word of words"})
            run(tally, site, server, os.path.abspath(options.probe_dir))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
