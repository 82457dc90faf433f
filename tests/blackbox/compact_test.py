"""Upkeep beside a running server: room comes back and indexes are made anew while somebody reads
and somebody writes, and nothing else changes.

Usage: compact_test.py --nestor PATH
# rows: G160
"""
import json
import sys
import threading
import time

from export_test import WHERE, concept, load
from support import Site, run_on_engines

CONCEPTS = 1500


def fill(client):
    client.expect(201, "POST", "/v2/orgs/", {"id": "O", "name": "O"})
    for source in "ST":
        client.expect(201, "POST", "/v2/orgs/O/sources/", {"id": source, "name": source})
    for source in "ST":
        load(client, lambda i, s=source: concept(i) | {"source": s, "parent_concept_urls": []},
             CONCEPTS)
    client.expect(204, "DELETE", "/v2/orgs/O/sources/T/?hardDelete=true")


def others_go_on(site, server, work):
    """While `work` runs, reads are answered at once and writes in time."""
    over, faults, done = threading.Event(), [], {"GET": 0, "PATCH": 0}

    def ask(method):
        client = server.client()
        while not over.is_set() or done[method] == 0:
            body = {"extras": {"turn": f"{time.monotonic()}"}, "update_comment": "x"}
            answer = client.ask(method, f"{WHERE}concepts/C1/", body if method == "PATCH" else None)
            done[method] += 1
            if answer.status != 200:
                faults.append(answer)
        client.close()

    threads = [threading.Thread(target=ask, args=(method,)) for method in done]
    for thread in threads:
        thread.start()
    try:
        p = work()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert p.returncode == 0, p.stderr
    assert not faults, str(faults[0])
    return p


def room_comes_back(site, server):
    p = others_go_on(site, server, lambda: site.run("compact", "--json"))
    sizes = json.loads(p.stdout)
    if not site.database:
        assert sizes["bytes"] < sizes["bytes_before"] * 0.8, sizes
    site.verify()


def indexes_are_made_anew(site, server):
    def numbers():
        return site.query("SELECT relname, relfilenode FROM pg_class WHERE relname LIKE 'concept_%' "
                          "AND relkind = 'i'") if site.database else None
    before = numbers()
    others_go_on(site, server, lambda: site.run("compact", "--reindex", "--quiet"))
    assert before is None or not set(before) & set(numbers()), "an index is the former one"
    assert before is None or len(before) == len(numbers()), (before, numbers())
    site.verify()


def is_refused_where_there_is_nothing(site):
    p = site.run("compact", "--data", site.path("none"), where=False)
    assert p.returncode == 1 and "nestor init" in p.stderr, p.stderr


def run(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site:
        site.init()
        with site.serve() as server:
            client = server.client()
            fill(client)
            client.close()
            tally.run(f"{engine}: room_comes_back", room_comes_back, site, server)
            tally.run(f"{engine}: indexes_are_made_anew", indexes_are_made_anew, site, server)
        tally.run(f"{engine}: is_refused_where_there_is_nothing",
                  is_refused_where_there_is_nothing, site)


if __name__ == "__main__":
    sys.exit(run_on_engines(__doc__, run))
