"""What a loop does for one request is bounded, whatever is sent and stored (X3). What comes
in and goes out again over every resource, walk_test.py walks.

Usage: input_test.py --nestor PATH
# rows: V112 V208 V253 V254
"""
import sys
import time

from support import Site, Tally, arguments, engines


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


def large_extras(client):
    """What grows by single keys is as large as a body may be, no larger."""
    place, half = "/v2/orgs/WHO/extras/", "x" * (1200 * 1024)
    client.expect(200, "PUT", place + "a/", {"a": half})
    client.expect(413, "PUT", place + "b/", {"b": half})
    client.expect(413, "PUT", place + "a/", {"a": half + half})
    client.expect(404, "GET", place + "b/")
    # More values than one text may have are read again as well.
    client.expect(200, "PUT", place + "a/", {"a": [1] * 600000})
    client.expect(413, "PUT", place + "b/", {"b": [1] * 500000})
    client.expect(200, "PUT", place + "b/", {"b": [1] * 400000})
    assert client.expect(200, "GET", place + "b/").json() == {"b": [1] * 400000}
    client.expect(204, "DELETE", place + "a/")
    client.expect(204, "DELETE", place + "b/")
    assert client.expect(200, "GET", place).json() == {}


def run_on(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site, site.init().serve() as server:
        client = server.client()
        client.expect(201, "POST", "/guide/orgs/", {"id": "WHO", "name": "WHO"})
        client.expect(201, "POST", "/guide/orgs/WHO/sources/", {"id": "ICD", "name": "ICD"})
        tally.run(f"{engine}: at most 500 names and descriptions", too_many_names, client)
        tally.run(f"{engine}: extras are no larger than a body", large_extras, client)
        tally.run(f"{engine}: a page has a size that it may take", large_concepts, client, server)


def main():
    options = arguments(__doc__)
    tally = Tally()
    for engine, cluster in engines():
        run_on(tally, options.nestor, engine, cluster)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
