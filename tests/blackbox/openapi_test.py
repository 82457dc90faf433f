"""/openapi.json is true: schemathesis (PyPI) makes requests from it, and no answer is a
server error or one that the document does not have; a client that openapi-python-client
(PyPI) generates from it walks through the faces (X66, X78).

Both are installed into virtual environments of this test, in --probe-dir.

Usage: openapi_test.py --nestor PATH --probe-dir DIR
"""
import glob
import importlib
import json
import os
import subprocess
import sys

import university
from pypi import install
from support import Site, Tally, arguments
from world import ALIASES

TESTER = "schemathesis==4.32.5"
GENERATOR = "openapi-python-client==0.29.1"
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance",
          "response_headers_conformance", "response_schema_conformance")

# What the variables of paths name, so that most requests find something.
CONFIGURATION = """
[parameters]
"path.org" = "ACME"
"path.user" = "staff"
"path.source" = "S"
"path.concept" = ["C0", "C1"]
"path.pinned_concept" = ["C0", "C1"]
"path.version" = "v1"
"path.program" = "%s"
"path.course" = "%s"
"""


def world(site):
    """A server's content: what the configuration names, and who asks."""
    university.seed(site, 2, 3, 5)
    with site.serve() as server:
        admin = server.client()
        for method, path, body in (
                ("POST", "/guide/users/", {"username": "staff", "name": "Staff",
                                           "email": "staff@example.org"}),
                ("POST", "/guide/orgs/", {"id": "ACME", "name": "Acme"}),
                ("PUT", "/guide/orgs/ACME/members/staff/", None),
                *sources("/guide/orgs/ACME/"), *sources("/guide/users/staff/")):
            answer = admin.ask(method, path, body)
            assert answer.status in (201, 204), f"{method} {path}: {answer}"
    site.execute("UPDATE account SET is_staff = TRUE WHERE username = 'staff'")
    shown = site.run("token show", "--user", "staff")
    assert shown.returncode == 0, shown.stderr
    return shown.stdout.strip()


def sources(owner):
    """Requests that give an owner a source with two concepts and a version."""
    yield "POST", owner + "sources/", {
        "id": "S", "shortCode": "S", "name": "Source", "fullName": "A source",
        "sourceType": "dictionary", "publicAccess": "View", "defaultLocale": "en",
        "supportedLocales": "en,fr"}
    for concept in ("C0", "C1"):
        yield "POST", owner + "sources/S/concepts/", {
            "id": concept, "conceptClass": "Diagnosis", "datatype": "N/A",
            "names": [{"name": concept, "locale": "en", "nameType": "FULLY_SPECIFIED"}]}
    yield "POST", owner + "sources/S/versions/", {"id": "v1", "released": True}


# ---- A tester that reads the document ----

def run_tester(folder, site, server, credentials, *words):
    """Returns what the tester printed of failures; empty when there is none."""
    venv = install(folder, TESTER)
    configuration = site.write("schemathesis.toml", CONFIGURATION
                               % (university.program_uuid(1), university.RUN))
    command = [os.path.join(venv, "bin", "schemathesis"), "--config-file", configuration, "run",
               f"http://127.0.0.1:{server.port}/openapi.json", "-H",
               f"Authorization: {credentials}", "--checks", ",".join(CHECKS), "--seed", "1",
               "--continue-on-failure", "--no-color", "--warnings", "off",
               "--suppress-health-check", "all", "--generation-database", "none",
               *words]
    p = subprocess.run(command, cwd=site.work, capture_output=True, text=True, check=False)
    assert "generated" in p.stdout, f"the tester did not run: {p.stdout[-2000:]}{p.stderr[-1000:]}"
    return "" if p.returncode == 0 else p.stdout[-12000:]


# Of what stands elsewhere, sweep_test asks.
SOME = ("--exclude-path-regex", ALIASES)
EDGES = ("--phases", "coverage", *SOME)
AT_RANDOM = ("--phases", "fuzzing", "--max-examples", "1", *SOME)
OF_GUIDE = ("--include-path-regex", "/guide/(admin/tokens|importers)/")
OF_USERS = ("--include-tag", "guide", "--include-tag", "v2")
REMOVING = ("--include-tag", "guide", "--include-method", "DELETE")


def test_document(folder, site, staff):
    """All faces at random, and the edges of writes to v2, of what the guide alone has, and of the
    enrolments; what removes comes last, at random. sweep_test reads and removes everything in every
    way."""
    token, bearer = f"Token {staff}", f"Bearer {university.TOKEN}"
    with site.serve() as server:
        failures = ""
        for who, *words in ((token, *AT_RANDOM, *OF_USERS, "--exclude-method", "DELETE"),
                            (token, *EDGES, "--include-tag", "v2", "--exclude-method", "DELETE",
                             "--exclude-method", "GET"),
                            (token, "--phases", "coverage", *OF_GUIDE, "--exclude-method", "DELETE"),
                            (bearer, *AT_RANDOM, "--include-tag", "enrollments"),
                            (bearer, *EDGES, "--include-tag", "enrollments"),
                            (token, *AT_RANDOM, *REMOVING)):
            failures += run_tester(folder, site, server, who, *words)
        assert not failures, failures


# ---- A generated client ----

def generate(folder, site, server):
    """The package, importable under the name nestor_client."""
    venv = install(folder, GENERATOR)
    document = site.write("openapi.json",
                          server.client().ask("GET", "/openapi.json").body.decode())
    with open(document, encoding="utf-8") as f:
        ids = [o["operationId"] for path in json.load(f)["paths"].values()
               for method, o in path.items() if method != "parameters"]
    assert len(ids) == len(set(ids)) > 200, "an operationId stands twice"
    # It knows no pictures and no archives: they are bytes.
    config = site.write("generator.json", json.dumps(
        {"content_type_overrides": {"image/*": "application/octet-stream",
                                    "application/zip": "application/octet-stream"},
         "post_hooks": []}))  # nobody reads it: it need not be formatted
    p = subprocess.run([os.path.join(venv, "bin", "openapi-python-client"), "generate", "--path",
                        document, "--output-path", site.path("nestor_client"), "--meta", "none",
                        "--config", config],
                       cwd=site.work, capture_output=True, text=True, check=False,
                       env={**os.environ, "PATH": f"{venv}/bin:{os.environ['PATH']}"})
    said = p.stdout + p.stderr
    assert p.returncode == 0 and "WARNING" not in said.upper(), said[:3000]
    sys.path[:0] = [site.work, *glob.glob(os.path.join(venv, "lib", "python*", "site-packages"))]


class Generated:
    """Calls operations of the generated package by their ids."""

    def __init__(self, server, token, prefix):
        package = importlib.import_module("nestor_client")
        self.client = package.AuthenticatedClient(base_url=f"http://127.0.0.1:{server.port}",
                                                  token=token, prefix=prefix)

    def call(self, operation, *path, body=None, **query):
        face = operation.split("_")[0]
        module = importlib.import_module(f"nestor_client.api.{face}.{operation}")
        if body is not None:
            query["body"] = body
        return module.sync_detailed(*path, client=self.client, **query)

    @staticmethod
    def model(kind, /, **members):
        return getattr(importlib.import_module("nestor_client.models"), kind)(**members)


def test_client(folder, site, staff):
    with site.serve() as server:
        generate(folder, site, server)
        user = Generated(server, staff, "Token")
        name = user.model("GuideConceptNameCreate", name="Fever", locale="en")
        body = user.model("GuideConceptCreate", id="fever", concept_class="Symptom", names=[name])
        made = user.call("guide_post_orgs_org_sources_source_concepts", "ACME", "S", body=body)
        assert made.status_code == 201 and made.parsed.display_name == "Fever", made
        twice = user.call("guide_post_orgs_org_sources_source_concepts", "ACME", "S", body=body)
        assert twice.status_code == 400 and "mnemonic" in twice.parsed.to_dict(), twice
        change = user.model("GuideConceptUpdate", concept_class="Finding")
        user.call("guide_put_orgs_org_sources_source_concepts_concept", "ACME", "S", "fever",
                  body=change)
        read = user.call("v2_get_orgs_org_sources_source_concepts_concept", "ACME", "S", "fever")
        assert read.parsed.concept_class == "Finding", read
        found = user.call("v2_get_orgs_org_sources_source_concepts", "ACME", "S",
                          concept_class="finding", limit=5)
        assert [c.id for c in found.parsed] == ["fever"], found
        assert found.headers["num_found"] == "1", found.headers
        absent = user.call("v2_get_orgs_org", "NOBODY")
        assert absent.status_code == 404 and absent.parsed.to_dict() == {"detail": "Not found."}


class Terminologist(Generated):
    """Keeps the dictionary D of the organisation WHO."""

    def call(self, operation, *path, body=None, status=200, **query):
        answer = super().call(operation, *path, body=body, **query)
        assert answer.status_code == status, f"{operation}: {answer}"
        return answer.parsed

    def model(self, kind, /, **members):
        models = importlib.import_module("nestor_client.models")
        return getattr(models, "V2" + kind).from_dict(members)

    def concept(self, method, code, suffix="", **rest):
        operation = f"v2_{method}_orgs_org_sources_source_concepts_concept{suffix}"
        return self.call(operation, "WHO", "D", code, **rest)

    def source(self, method, suffix, *path, **rest):
        operation = f"v2_{method}_orgs_org_sources_source_{suffix}"
        return self.call(operation, "WHO", "D", *path, **rest)


def begin(user):
    user.call("v2_post_orgs", body=user.model("OrgCreate", id="WHO", name="Health"), status=201)
    user.call("v2_post_orgs_org_sources", "WHO", status=201,
              body=user.model("SourceCreate", id="D", name="Dictionary"))
    for code, inside in (("A", []), ("B", [{"map_type": "SAME-AS", "to_concept_url":
                                            "/orgs/WHO/sources/D/concepts/A/"}])):
        made = user.source("post", "concepts", status=201, body=user.model(
            "ConceptCreate", id=code, concept_class="Diagnosis", datatype="N/A", mappings=inside,
            names=[{"name": "Name " + code, "locale": "en"}]))
        assert made.id == code and made.checksums["standard"], made
    user.source("post", "versions", body=user.model("ListedVersionCreate", id="v1", released=True),
                status=201)


def change(user):
    user.concept("post", "A", "_names", status=201,
                 body=user.model("ConceptNameCreate", name="Nom A", locale="fr"))
    other = user.model("ConceptUpdate", datatype="Text", update_comment="Again")
    assert user.concept("patch", "A", body=other).datatype == "Text"
    user.concept("patch", "A", body=other, status=208)
    user.concept("delete", "B", status=204)
    assert user.concept("get", "B").retired is True
    user.concept("put", "B", "_reactivate", status=204)
    user.source("post", "mappings", status=201, body=user.model(
        "MappingCreate", map_type="BROADER-THAN", from_concept_url="/orgs/WHO/sources/D/concepts/A/",
        to_source_url="/orgs/X/sources/Y/", to_concept_code="z"))


def compare(user):
    """What a release holds stays; the difference to it and the state of then can be asked for."""
    then, now = (user.source("get", f"{at}concepts", limit=10) for at in ("latest_", ""))
    assert sorted((c.id, c.datatype) for c in then) == [("A", "N/A"), ("B", "N/A")], then
    assert sorted((c.id, c.datatype) for c in now) == [("A", "Text"), ("B", "N/A")], now
    changed = user.source("get", "difference", from_="v1").concepts
    assert sorted(c.id for c in changed) == ["A", "B"], changed
    assert user.concept("get", "A", as_of="2").datatype == "N/A"
    mappings = user.source("get", "mappings", sort_asc="map_type")
    assert [m.map_type for m in mappings] == ["BROADER-THAN", "SAME-AS"], mappings
    versions = user.concept("get", "A", "_versions")
    assert len(versions) == 3 and versions[0].update_comment == "Again", versions


def test_client_of_a_dictionary(site, staff):
    with site.serve() as server:
        user = Terminologist(server, staff, "Token")
        begin(user)
        change(user)
        compare(user)


def test_client_of_enrollments(server_site):
    with server_site.serve() as server:
        registrar = Generated(server, university.TOKEN, "Bearer")
        operation = "enrollments_{}_programs_program_enrollments"
        models = importlib.import_module("nestor_client.models")
        kind = next(getattr(models, m) for m in dir(models)
                    if m.startswith("EnrollmentsPostProgramsProgramEnrollmentsBodyItem")
                    and not m.endswith("Status"))
        batch = [kind.from_dict(university.p_record("new"))]
        program = university.program_uuid(1)
        made = registrar.call(operation.format("post"), program, body=batch)
        assert made.status_code == 201 and made.parsed.to_dict() == {"new": "enrolled"}, made
        page = registrar.call(operation.format("get"), program, page_size=100).parsed
        assert "new" in [row.student_key for row in page.results], page


def main():
    """What fails on one engine only is for sweep_test, which asks both."""
    options = arguments(__doc__, **{"probe-dir": "."})
    folder = os.path.abspath(options.probe_dir)
    tally = Tally()
    with Site(options.nestor) as site:
        staff = world(site.init())
        tally.run("every answer is as the document says [X66 X78]", test_document, folder, site,
                  staff)
    with Site(options.nestor) as site:
        staff = world(site.init())
        tally.run("a generated client walks through guide and v2 [X66]", test_client, folder, site,
                  staff)
        tally.run("a generated client keeps a dictionary under /v2/ [V238 V247 V404 V263]",
                  test_client_of_a_dictionary, site, staff)
        tally.run("a generated client enrols [X66]", test_client_of_enrollments, site)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
