"""Clients in use, unchanged: the OCL command line (openconceptlab of PyPI) and the importer of
ocldev, against a Nestor whose root is the v2 face. Each command that touches what is built
succeeds, and its effect is there.

Both are installed into virtual environments of this test, in --probe-dir.

Usage: clients_test.py --nestor PATH --probe-dir DIR
# rows: V101 V238 V247 V248 V250 V230 V208
"""
import glob
import json
import os
import subprocess
import sys

from pypi import install
from support import Site, Tally, arguments

COMMAND_LINE = "openconceptlab==0.2.1"
IMPORTER = "ocldev==0.2.4 six==1.17.0"


class Ocl:
    """The command line, signed in; each call is a process."""

    def __init__(self, venv, site, server, token):
        self.command = [os.path.join(venv, "bin", "ocl"), "--json"]
        self.env = {**os.environ, "HOME": site.work, "OCL_API_TOKEN_TEST": token}
        self.run("server", "add", "nestor", f"http://127.0.0.1:{server.port}", "--token-env",
                 "OCL_API_TOKEN_TEST", is_json=False)
        self.run("server", "use", "nestor", is_json=False)

    def run(self, *words, is_json=True, status=0):
        p = subprocess.run([*self.command, *words], capture_output=True, text=True, env=self.env,
                           check=False)
        assert p.returncode == status, f"ocl {' '.join(words)}: {p.stdout}{p.stderr}"
        return json.loads(p.stdout) if is_json and p.stdout.strip() else p.stdout


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


# ---- The importer ----

PROGRAM = """
import json, sys
sys.path[:0] = {paths!r}
from ocldev import oclfleximporter
importer = oclfleximporter.OclFlexImporter(
    input_list=json.load(open({lines!r})), api_url_root={root!r}, api_token={token!r},
    do_update_if_exists={update!r}, verbosity=0)
importer.process()
results = importer.import_results
print(results.display_report())
sys.exit(0)
"""

OF = {"owner": "WHO", "owner_type": "Organization"}
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


def importer(venv, site, server, lines, update=False):
    program = PROGRAM.format(paths=glob.glob(f"{venv}/lib/python*/site-packages"),
                             lines=site.write("lines.json", json.dumps(lines)),
                             root=f"http://127.0.0.1:{server.port}",
                             token=server.client().token, update=update)
    p = subprocess.run([os.path.join(venv, "bin", "python"), "-c", program], capture_output=True,
                       text=True, check=False)
    assert p.returncode == 0, p.stdout[-2000:] + p.stderr[-2000:]
    return p.stdout


def flexible(venv, site, server):
    client = server.client()
    said = importer(venv, site, server, LINES)
    for below in ("", "concepts/1-8/", "concepts/10-9/"):
        assert client.ask("GET", f"/orgs/WHO/sources/LOINC/{below}").status == 200, said
    rows = client.expect(200, "GET", "/orgs/WHO/sources/LOINC/mappings/").json()
    assert [r["to_concept_code"] for r in rows] == ["10-9"], said
    assert client.ask("GET", "/orgs/WHO/sources/LOINC/v1/concepts/1-8/").status == 200, said
    changed = {**LINES[2], "datatype": "Text"}
    importer(venv, site, server, [changed], update=True)
    row = client.expect(200, "GET", "/orgs/WHO/sources/LOINC/concepts/1-8/").json()
    assert row["datatype"] == "Text", row


def main():
    options = arguments(__doc__, **{"probe-dir": "."})
    folder = os.path.abspath(options.probe_dir)
    tally = Tally()
    with Site(options.nestor) as site:
        site.init()
        with site.serve("--set", "ocl.root=v2") as server:
            server.client().expect(201, "POST", "/users/",
                                   {"username": "ocl", "email": "ocl@example.org",
                                    "password": "a long word of words"})
            ocl = Ocl(install(folder, COMMAND_LINE), site, server, server.client().token)
            for name, case in (("owners", owners), ("sources", sources), ("concepts", concepts),
                               ("what is retired", retired), ("extras", extras),
                               ("mappings", mappings), ("versions", versions),
                               ("what is found", what_is_found), ("what is deleted", members)):
                tally.run(f"the OCL command line: {name}", case, ocl)
            tally.run("ocldev: lines through its importer", flexible,
                      install(folder, IMPORTER), site, server)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
