"""What comes in and what goes out again, over every resource of every face.

- A detail that is sent back unchanged by PUT changes nothing but times: on the face that
  was asked, and on every other one (X13, X38).
- Every path with every switch of the query, by nobody, a stranger and an administrator:
  never a server error (X1, X2).
- What a loop does for one request is bounded, whatever is stored (X3).

Usage: input_test.py --nestor PATH
# rows: V112 V253 V254
"""
import json
import re
import sys
import time

from support import Site, Tally, arguments, engines

# Values for the variables of paths; the tables say which there are.
WORLD = {"org": "WHO", "user": "ada", "source": "ICD", "concept": "a b", "pinned_concept": "a b",
         "version": "v1", "key": "KEY", "username": "ada", "program_uuid": "0a", "uuid": "0a",
         "client_id": "nobody", "code": "none", "course_id": "course-v1:a+b+c",
         "program": "0a", "course": "course-v1:a+b+c"}

SWITCHES = ["", "brief=true", "verbose=true", "brief=true&verbose=true", "includeRetired=true",
            "hardDelete=true", "limit=1", "limit=1&offset=1", "page=2", "sortAsc=name",
            "sort=-id,name", "retired=true", "conceptClass=!x,y*", "q=%FF", "%FF=%00"]

# What may differ after a detail was sent back: times, and the numbers of a new version.
MOVES = {"updatedOn", "updated_on", "updated_at", "version", "version_url", "uuid",
         "previous_version_url", "version_updated_on", "version_created_on", "updated_by",
         "latest_source_version"}

PASSWORD = "quite-a-long-passphrase-42"
NAMES = [{"name": "Malaria", "locale": "en", "locale_preferred": True, "external_id": "n1",
          "name_type": "FULLY_SPECIFIED"},
         {"name": "Malaria", "locale": "en", "external_id": "n2"},
         {"name": "Paludisme", "locale": "fr"}]
LINES = [{"type": "Organization", "id": "WHO", "name": "WHO", "website": "https://who.int",
          "extras": {"a": [1, 2.50, None]}, "public_access": "View"},
         {"type": "Source", "id": "ICD", "name": "ICD", "owner": "WHO",
          "source_type": "Dictionary", "supported_locales": "en, fr", "extras": {"b": 1},
          "canonical_url": "https://icd.who.int", "custom_validation_schema": "None"},
         {"type": "Concept", "id": "a b", "owner": "WHO", "source": "ICD", "extras": {"k": "v"},
          "concept_class": "Diagnosis", "datatype": "N/A", "names": NAMES, "external_id": "E",
          "descriptions": [{"description": "A fever.", "locale": "en", "external_id": "d1"}]},
         {"type": "Concept", "id": "old", "owner": "WHO", "source": "ICD", "retired": True,
          "concept_class": "Diagnosis", "names": NAMES},
         {"type": "Source Version", "id": "v1", "owner": "WHO", "source": "ICD",
          "description": "first", "released": True},
         {"type": "Source", "id": "AdaS", "name": "Ada's", "owner": "ada", "owner_type": "User"}]


def build(client):
    client.expect(201, "POST", "/guide/users/",
                  {"username": "ada", "name": "Ada", "email": "ada@example.org",
                   "password": PASSWORD})
    results = client.expect(200, "POST", "/guide/importers/lines/", {"lines": LINES}).json()
    wrong = [r for r in results["results"] if r["outcome"] != "created"]
    assert not wrong, wrong
    return client.expect(200, "POST", "/guide/api-token-auth/",
                         {"username": "ada", "password": PASSWORD}).json()["token"]


def paths(client):
    """(path as described, its methods) of all faces."""
    return sorted(client.expect(200, "GET", "/openapi.json").json()["paths"].items())


def fill(path, values):
    """The path with its variables filled in; None when one is not known."""
    names = re.findall(r"\{(\w+)\}", path)
    if any(n not in values for n in names):
        return None
    filled = path
    for n in names:
        filled = filled.replace("{" + n + "}", values[n].replace(" ", "%20"))
    return filled


def known(client):
    """The world's values, and the number of a version of the concept."""
    rows = client.expect(200, "GET", "/guide/orgs/WHO/sources/ICD/concepts/a%20b/versions/").json()
    return {**WORLD, "concept_version": rows[0]["url"].rstrip("/").rsplit("/", 1)[1]}


def still(value):
    """A document without what may move; of elements, everything stays."""
    return {k: v for k, v in value.items() if k not in MOVES}


def round_trip(client):
    """Every detail that has a PUT is sent back."""
    tried = 0
    for path, methods in paths(client):
        if "put" not in methods or "get" not in methods or "members" in path:
            continue
        values = known(client)
        place = fill(path, values)
        if place is None or client.ask("GET", place).status != 200:
            continue
        other = place.replace("/guide/", "/v2/") if "/guide/" in place else place
        before, seen = client.expect(200, "GET", place), client.ask("GET", other)
        a = client.expect(200, "PUT", place, before.json())
        after = client.expect(200, "GET", place)
        assert still(before.json()) == still(after.json()), f"{place}: {before} became {after}"
        assert still(a.json()) == still(after.json()), f"{place}: the answer was {a}"
        if seen.status == 200:
            now = client.expect(200, "GET", other).json()
            assert still(seen.json()) == still(now), f"{other}: {seen} became {now}"
        tried += 1
    assert tried >= 6, f"only {tried} details could be sent back"


def no_path_breaks(client, nobody, stranger):
    values = known(client)
    tried = 0
    for path, methods in paths(client):
        place = fill(path, values)
        if place is None or "get" not in methods:
            continue
        for who in (nobody, stranger, client):
            for switch in SWITCHES:
                a = who.ask("GET", place + "?" + switch)
                assert a.status < 500, f"GET {place}?{switch}: {a}"
                if a.body and a.status != 301 and "html" not in a.headers["Content-Type"]:
                    json.loads(a.body)
                tried += 1
    assert tried > 1000, f"only {tried} requests"


def escaped_paths(client):
    """A letter of a path may be escaped: the same resource, never a server error."""
    values = known(client)
    for path, methods in paths(client):
        place = fill(path, values)
        if place is None or "get" not in methods:
            continue
        for i in (m.start() for m in re.finditer(r"(?<=/)[a-z]", place[1:])):
            escaped = place[:i + 1] + "%%%02X" % ord(place[i + 1]) + place[i + 2:]
            a = client.ask("GET", escaped)
            assert a.status < 500, f"GET {escaped}: {a}"


def too_many_names(client):
    name = {"name": "x", "locale": "en"}
    for key, member in (("names", "name"), ("descriptions", "description")):
        body = {"id": "many", "conceptClass": "X", "names": [name]}
        body[key] = [{member: "x", "locale": "en"}] * 501
        a = client.expect(400, "POST", "/guide/orgs/WHO/sources/ICD/concepts/", body)
        assert a.json() == {key: [f"max limit 500 of {key} exceeded"]}, a
    line = {"type": "Concept", "owner": "WHO", "source": "ICD", "id": "many",
            "concept_class": "X", "names": [name] * 501}
    a = client.expect(200, "POST", "/guide/importers/lines/", {"lines": [line]}).json()
    assert a["results"][0]["errors"] == {"names": ["max limit 500 of names exceeded"]}, a
    line["names"] = [name] * 500
    a = client.expect(200, "POST", "/guide/importers/lines/", {"lines": [line]}).json()
    assert a["results"][0]["outcome"] == "created", a


def large_concepts(client, server):
    """A page that is too large to be had at once is refused, a smaller one is not."""
    client.expect(201, "POST", "/guide/orgs/WHO/sources/", {"id": "BIG", "name": "Big"})
    names = [{"name": "x" * 32000, "locale": "en"}] * 60
    for i in range(12):
        client.expect(201, "POST", "/guide/orgs/WHO/sources/BIG/concepts/",
                      {"id": f"c{i}", "conceptClass": "X", "names": names})
    place = "/v2/orgs/WHO/sources/BIG/concepts/?verbose=true&limit="
    began = time.monotonic()
    a = client.expect(400, "GET", place + "30")
    assert "Ask for fewer rows" in a.json()["detail"], a
    assert time.monotonic() - began < 10, "a page held its loop for long"
    assert len(client.expect(200, "GET", place + "3").json()) == 3
    assert server.client("").ask("GET", "/healthz").status == 200


def run_on(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site, site.init().serve() as server:
        client = server.client()
        stranger = server.client(build(client))
        nobody = server.client("")
        tally.run(f"{engine}: a detail that is sent back changes nothing", round_trip, client)
        tally.run(f"{engine}: no path with any switch is a server error", no_path_breaks, client,
                  nobody, stranger)
        tally.run(f"{engine}: an escaped path is the same path", escaped_paths, client)
        tally.run(f"{engine}: at most 500 names and descriptions", too_many_names, client)
        tally.run(f"{engine}: a page has a size that it may take", large_concepts, client, server)


def main():
    options = arguments(__doc__)
    tally = Tally()
    for engine, cluster in engines():
        run_on(tally, options.nestor, engine, cluster)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
