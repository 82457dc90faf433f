"""Pages deep in a list that are asked for by their number: what is remembered of places in
the list holds for no other list, and for no other state of it.

Usage: pages_test.py --nestor PATH
"""
# X35 X55
import json
import sys
import urllib.parse

from support import Site, run_on_engines

CONCEPTS, PAGE = 3300, 250  # more than three places that are remembered
OWNER = {"owner": "ACME", "owner_type": "Organization"}
SOURCE = "/v2/orgs/ACME/sources/S/"


def concept(number):
    return {"type": "Concept", **OWNER, "source": "S", "id": f"c{number}",
            "concept_class": "Drug" if number % 3 else "Finding", "datatype": "N/A",
            "names": [{"name": f"Concept {number}", "locale": "en", "locale_preferred": True,
                       "name_type": "FULLY_SPECIFIED"}]}


def lines():
    yield {"type": "Organization", "id": "ACME", "name": "Acme"}
    yield {"type": "Source", **OWNER, "id": "S", "name": "Source", "source_type": "Dictionary",
           "default_locale": "en", "public_access": "View"}
    yield from map(concept, range(CONCEPTS))


def rows_of(answer):
    return [(row["id"], row["version"]) for row in answer.json()]


def by_next(client, path):
    """All rows, page after page."""
    rows, target = [], f"{path}limit={PAGE}"
    while target:
        answer = client.expect(200, "GET", target)
        rows += rows_of(answer)
        address = urllib.parse.urlsplit(answer.headers["next"] or "")
        target = f"{address.path}?{address.query}" if address.query else None
    return rows


def by_number(client, path, count):
    """All rows; the last page first, so that the way to it is remembered for the others."""
    pages = range(1, count // PAGE + 2)
    found = {n: rows_of(client.expect(200, "GET", f"{path}limit={PAGE}&page={n}&n={n}"))
             for n in reversed(pages)}
    return [row for n in pages for row in found[n]]


def check(clients, path, count):
    """By each connection, twice: what one has found, the others use."""
    wanted = by_next(clients[0], path)
    assert len(set(wanted)) == len(wanted) == count, f"{path}: {len(wanted)} rows, not {count}"
    for turn in range(2):
        for client in clients:
            got = by_number(client, path, count)
            assert got == wanted, f"{path}, turn {turn}: pages by number are other rows"


def check_long(client):
    """Filters that differ behind the length that any key of a place could have."""
    many = ",".join(f"q{i}*" for i in range(940))
    for last, same in (("Drug*", "conceptClass=Drug&"), ("*", "")):
        rows, wanted = (rows_of(client.expect(
            200, "GET", f"{SOURCE}concepts/?{which}limit={PAGE}&page={1000 // PAGE + 1}"))
            for which in (f"conceptClass={many},{last}&", same))
        assert len(rows) == PAGE and rows == wanted, f"{last}: {rows[:1]}, not {wanted[:1]}"


def check_all(clients, concepts, drugs, pinned):
    check(clients, f"{SOURCE}concepts/?", concepts)
    check(clients, f"{SOURCE}concepts/?conceptClass=Drug&", drugs)
    if pinned:
        check(clients, f"{SOURCE}v1/concepts/?", pinned)


def run(tally, nestor, engine, cluster):
    drugs = sum(number % 3 > 0 for number in range(CONCEPTS))
    with Site(nestor, cluster) as site:
        path = site.init().write("lines.jsonl", "\n".join(map(json.dumps, lines())))
        done = site.run("import", path)
        assert done.returncode == 0, done.stderr
        with site.serve("--set", "http.loops=2") as server:
            clients = [server.client() for _ in range(2)]
            tally.run(f"{engine}: pages by number are those by next", check_all, clients,
                      CONCEPTS, drugs, 0)
            tally.run(f"{engine}: filters of any length have places of their own", check_long,
                      clients[0])
            clients[0].expect(201, "POST", "/guide/orgs/ACME/sources/S/versions/",
                              {"id": "v1", "released": True})
            for number in (0, 1):  # both come to the front: all others move by two
                clients[0].expect(200, "PUT", f"/guide/orgs/ACME/sources/S/concepts/c{number}/",
                                  {"datatype": "Text"})
            clients[0].expect(201, "POST", "/guide/orgs/ACME/sources/S/concepts/",
                              {"id": "new", "conceptClass": "Drug", "names": [
                                  {"name": "Concept", "locale": "en"}]})
            tally.run(f"{engine}: also after changes, and in a version", check_all, clients,
                      CONCEPTS + 1, drugs + 1, CONCEPTS)


if __name__ == "__main__":
    sys.exit(run_on_engines(__doc__, run))
