#!/usr/bin/env python3
"""What summary/ tells is what a recount of the versions finds: of the source as it is and of each
of its versions, after writes of every kind by two clients at once and lines of imports, and in a
store that had no tallies before.

Usage: tally_test.py --nestor PATH
"""
# rows: V117 V235
import collections
import json
import random
import sys
import threading

from support import Site, run_on_engines

SEED = 20261128
WRITES = 60
OPEN = 2**63 - 1
PLACE = "/v2/orgs/O/sources/S/"
CLASSES = ("Test", "Drug", "", "Ünit", "x" * 255)
LOCALES = ("en", "fr", "pt-BR")
TYPES = (None, "Short", "FULLY_SPECIFIED")
SOURCES = ("S", "A", "B", "Nowhere")


def names(dice):
    return [{"name": f"n{i}", "locale": dice.choice(LOCALES), "name_type": dice.choice(TYPES),
             "retired": i > 0 and dice.random() < 0.2} for i in range(dice.randint(1, 4))]


def mapping(dice):
    url = f"/orgs/O/sources/{dice.choice(SOURCES)}/concepts/"
    return {"map_type": dice.choice(("SAME-AS", "Q")), "from_concept_url": f"{url}{dice.random()}/",
            "to_concept_url": f"/orgs/O/sources/{dice.choice(SOURCES)}/concepts/{dice.random()}/"}


def concept(dice):
    return {"concept_class": dice.choice(CLASSES) or "y", "names": names(dice),
            "datatype": dice.choice(("N/A", "Coded"))}


def line(dice):
    owner = {"owner": "O", "owner_type": "Organization", "source": "S"}
    if dice.random() < 0.5:
        return {"type": "Mapping", **owner, **mapping(dice)}
    return {"type": "Concept", **owner, "id": f"c{dice.randint(0, 15)}", **concept(dice)}


def write(client, dice):
    """One write of any kind; whether it is refused does not matter."""
    kind = dice.choice(("concepts", "mappings"))
    body = concept(dice) if kind == "concepts" else mapping(dice)
    one = f"{PLACE}{kind}/{'c' if kind == 'concepts' else 'm'}{dice.randint(0, 15)}/"
    method, path, body = dice.choice((
        ("POST", f"{PLACE}{kind}/", {"id": one.split("/")[-2], **body}),
        ("POST", f"{PLACE}{kind}/", {"id": one.split("/")[-2], **body}),
        ("PATCH", one, body), ("PUT", one, body), ("DELETE", one, {}),
        ("DELETE", one + "?hardDelete=true", None), ("PUT", one + "reactivate/", {}),
        ("POST", PLACE + "versions/", {"id": f"v{dice.randint(0, 10**6)}"}),
        ("POST", "/guide/importers/lines/", {"lines": [line(dice) for _ in range(9)]})))
    a = client.ask(method, path, body)
    assert a.status < 500, (method, path, a)


def writers(server):
    """Two of them, who share a source."""
    wrong = []

    def run(seed):
        client, dice = server.client(), random.Random(seed)
        try:
            for _ in range(WRITES):
                write(client, dice)
        except Exception as e:  # pylint: disable=broad-except
            wrong.append(e)
        client.close()

    threads = [threading.Thread(target=run, args=(SEED + i,)) for i in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong, wrong


# ---- What the table has, and what a recount finds ----

def told(site, rev):
    rows = site.query("SELECT repo_id, kind, value, url, from_id, to_id, CAST(sum(count) AS bigint) "
                      f"FROM tally WHERE rev_from <= {rev} AND rev_to > {rev} "
                      "GROUP BY repo_id, kind, value, url, from_id, to_id")
    return {row[:6]: int(row[6]) for row in rows if int(row[6]) != 0}


def of_concept(row):
    repo, author, kind, datatype, text = row
    living = [n for n in json.loads(text) if not n.get("retired")]
    yield from ((repo, "class", kind), (repo, "datatype", datatype), (repo, "author", author))
    for member, each, once in (("locale", "name_locale", "locale"),
                               ("name_type", "type_of", "name_type")):
        words = [n.get(member) for n in living]
        yield from ((repo, each, "\\N" if w is None else w) for w in words)
        yield from ((repo, once, w) for w in set(words) if w)


def recounted(site, rev):
    at = f"rev_from <= {rev} AND rev_to > {rev}"
    sums = collections.Counter()
    for row in site.query("SELECT repo_id, version_created_by, concept_class, datatype, names "
                          f"FROM concept_version WHERE {at} AND NOT retired"):
        sums.update((*told, "\\N", "0", "0") for told in of_concept(row))
    for repo, author, kind, a, b, f, t, retired in site.query(
            "SELECT repo_id, version_created_by, map_type, from_source_url, to_source_url, "
            "from_source_id, to_source_id, CASE WHEN retired THEN 'retired_' ELSE '' END "
            f"FROM mapping_version WHERE {at}"):
        sums.update([(repo, retired + "from", kind, a, f, t), (repo, retired + "to", kind, b, f, t)])
        if not retired:
            sums[repo, "map_author", author, "\\N", f, t] += 1
    return dict(sums)


def revisions(site):
    """Those that can be asked for: what a version has, and what is there now."""
    return [int(rev) for rev, in site.query(
        "SELECT DISTINCT v.rev FROM repo_version v WHERE v.is_active AND v.rev > 0")] + [OPEN - 1]


def compare(site):
    site.verify()
    for rev in revisions(site):
        table, wanted = told(site, rev), recounted(site, rev)
        differ = {k: (table.get(k), wanted.get(k)) for k in table.keys() | wanted.keys()
                  if table.get(k) != wanted.get(k)}
        assert not differ, (rev, differ)


def forget(site):
    """A store of a program that kept none."""
    site.execute("DROP TABLE tally", "ALTER TABLE repo DROP COLUMN labelled_rev",
                 "DELETE FROM nst_migration WHERE name LIKE '%tally%'")


def run_on(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site:
        site.init()
        with site.serve() as server:
            client = server.client()
            client.expect(201, "POST", "/v2/orgs/", {"id": "O", "name": "O"})
            for source in SOURCES[:3]:
                client.expect(201, "POST", "/v2/orgs/O/sources/", {"id": source, "name": source})
            tally.run(f"{engine}: two writers", lambda: (writers(server), compare(site)))
            assert len(revisions(site)) > 3, "too few versions to tell anything"
        forget(site)
        with site.serve() as server:
            tally.run(f"{engine}: a store that had none", compare, site)
            tally.run(f"{engine}: … goes on", lambda: (writers(server), compare(site)))
            server.client().expect(204, "DELETE", "/v2/orgs/O/sources/S/?hardDelete=true")
            tally.run(f"{engine}: a source that is erased leaves none", lambda: compare(site))


if __name__ == "__main__":
    sys.exit(run_on_engines(__doc__, run_on))
