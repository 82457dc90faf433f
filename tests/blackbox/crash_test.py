"""Writers write, the server is killed with SIGKILL at a random moment, and every
write that was acknowledged must be there after the restart. Nothing may be
there by halves, and the database must pass its own check.

Usage: crash_test.py --nestor PATH [--cycles N] [--seed N]

A killed process proves the transactions and the order of commit and answer; it
does not prove that the disk kept what was synced, which takes a power cut.
"""
import http.client
import json
import random
import signal
import sys
import threading
import time

from support import Site, Tally, arguments, engines

WRITERS = 4
SOURCES = 2
RUN_SECONDS = (0.02, 0.25)  # between the first write and the kill
LIMIT = 1000
BROKEN = (OSError, http.client.HTTPException)

# Whatever comes back here is a write of which only a part was stored.
HALVES = {
    "a concept has one present version":
        "SELECT repo_id, concept_id FROM concept_version GROUP BY repo_id, concept_id "
        "HAVING sum(CASE WHEN rev_to = 9223372036854775807 THEN 1 ELSE 0 END) <> 1",
    "versions of a concept follow each other":
        "SELECT a.id FROM concept_version a JOIN concept_version b "
        "ON b.repo_id = a.repo_id AND b.id = a.previous_id WHERE b.rev_to <> a.rev_from",
    "a concept has names": "SELECT id FROM concept_version WHERE names IN ('', '[]')",
    "no version lies ahead of its source":
        "SELECT v.id FROM concept_version v JOIN repo r ON r.id = v.repo_id "
        "WHERE v.rev_from > r.rev",
    "a source counts its concepts":
        "SELECT id FROM repo WHERE concepts <> (SELECT count(*) FROM concept_version v WHERE "
        "v.repo_id = repo.id AND v.rev_to = 9223372036854775807)",
    "a source counts its active concepts":
        "SELECT id FROM repo WHERE active_concepts <> (SELECT count(*) FROM concept_version v "
        "WHERE v.repo_id = repo.id AND v.rev_to = 9223372036854775807 AND NOT v.retired)",
    "a release counts the concepts that it holds":
        "SELECT id FROM repo_version r WHERE concepts <> (SELECT count(*) FROM concept_version v "
        "WHERE v.repo_id = r.repo_id AND v.rev_from <= r.rev AND v.rev_to > r.rev)",
    "a source counts its versions":
        "SELECT id FROM repo WHERE versions <> (SELECT count(*) FROM repo_version v "
        "WHERE v.repo_id = repo.id AND v.is_active)",
}


def sources():
    return [f"/guide/orgs/CRASH/sources/S{i}/" for i in range(SOURCES)]


def concept(mark):
    """The content that the mark stands for; each write has a mark of its own."""
    return {"conceptClass": "Diagnosis", "datatype": mark,
            "names": [{"name": f"{mark} {locale}", "locale": locale} for locale in ("en", "fr")]}


def mark_of(shown):
    """The mark of a concept as the server shows it; None when its parts disagree."""
    mark = shown.get("datatype")
    names = [(n.get("name"), n.get("locale")) for n in shown.get("names", [])]
    return mark if names == [(f"{mark} en", "en"), (f"{mark} fr", "fr")] else None


class Known:
    """What one writer knows to be stored, over all cycles."""

    def __init__(self, number, seed):
        self.number = number
        self.random = random.Random(f"{seed}/{number}")
        self.concepts = {}   # path -> mark that was acknowledged last
        self.versions = []   # paths
        self.open = None     # ("concept", path, mark) or ("version", path): not acknowledged
        self.fresh = []      # paths acknowledged in this cycle
        self.made = 0
        self.acknowledged = 0
        self.refused = None

    def next_write(self):
        """(method, path, body, what it leaves behind)"""
        self.made += 1
        name = f"w{self.number}-{self.made}"
        source = self.random.choice(sources())
        kind = self.random.random()
        if kind < 0.1:
            return ("POST", source + "versions/", {"id": name, "description": name},
                    ("version", f"{source}{name}/"))
        if kind < 0.4 and self.concepts:
            path = self.random.choice(list(self.concepts))
            return "PUT", path, {**concept(name), "update_comment": name}, ("concept", path, name)
        return ("POST", source + "concepts/", {"id": name, **concept(name)},
                ("concept", f"{source}concepts/{name}/", name))

    def keep(self, left):
        if left[0] == "version":
            self.versions.append(left[1])
        else:
            self.concepts[left[1]] = left[2]
        self.fresh.append(left[1])
        self.acknowledged += 1
        self.open = None

    def write(self, server):
        """Write until the connection breaks."""
        client = server.client()
        try:
            while self.refused is None:
                method, path, body, self.open = self.next_write()
                answer = client.ask(method, path, body)
                if answer.status not in (200, 201):
                    self.refused = f"{method} {path}: {answer}"
                else:
                    self.keep(self.open)
        except BROKEN:
            pass
        finally:
            client.close()


class Run:
    def __init__(self, site, cycles, seed):
        self.site, self.cycles = site, cycles
        self.random = random.Random(seed)
        self.known = [Known(i, seed) for i in range(WRITERS)]
        self.lost = []

    def prepare(self):
        with self.site.serve() as server:
            client = server.client()
            client.expect(201, "POST", "/guide/orgs/", {"id": "CRASH", "name": "Crash"})
            for i in range(SOURCES):
                client.expect(201, "POST", "/guide/orgs/CRASH/sources/",
                              {"id": f"S{i}", "name": f"S{i}"})
            client.close()

    def cycle(self):
        server = self.site.serve()
        assert server.is_up(), f"no restart after a kill: {server.text()[-2000:]}"
        try:
            self.check(server)
            threads = [threading.Thread(target=k.write, args=(server,)) for k in self.known]
            for t in threads:
                t.start()
            time.sleep(self.random.uniform(*RUN_SECONDS))
        finally:
            server.end(signal.SIGKILL)
        for t in threads:
            t.join()
        refused = [k.refused for k in self.known if k.refused]
        assert not refused, refused[0]

    # ---- After a restart ----

    def check(self, server):
        client = server.client()
        for k in self.known:
            self.settle(client, k)
            for path in k.fresh:
                self.check_one(client, k, path)
            k.fresh = []
        for path in sources():
            self.check_counts(client, path)
        client.close()
        self.check_halves()

    def settle(self, client, k):
        """The write that was under way is there as a whole, or not at all."""
        if k.open is None:
            return
        left, k.open = k.open, None
        answer = client.ask("GET", left[1])
        if answer.status == 404:
            assert left[1] not in k.concepts, f"{left[1]} is gone"
            return
        assert answer.status == 200, f"GET {left[1]}: {answer}"
        if left[0] == "version":
            k.versions.append(left[1])
            return
        mark = mark_of(answer.json())
        assert mark in (left[2], k.concepts.get(left[1])), f"{left[1]} is neither old nor new"
        k.concepts[left[1]] = mark

    def check_one(self, client, k, path):
        answer = client.ask("GET", path)
        wanted = k.concepts.get(path)
        if answer.status != 200 or (wanted is not None and mark_of(answer.json()) != wanted):
            self.lost.append(f"{path}: {answer}, not {wanted}")

    def check_counts(self, client, source):
        """num_found comes from a counter; the rows are counted beside the server."""
        number = self.site.query("SELECT id FROM repo WHERE mnemonic = "
                                 f"'{source.rstrip('/').rsplit('/', 1)[1]}'")[0][0]
        for folder, sql in (
                ("concepts/", "concept_version WHERE rev_to = 9223372036854775807 AND"),
                ("versions/", "repo_version WHERE is_active AND")):
            real = self.site.query(f"SELECT count(*) FROM {sql} repo_id = {number}")[0][0]
            found = client.expect(200, "GET", f"{source}{folder}?limit=1").headers["num_found"]
            assert found == real, f"{source}{folder}: num_found {found}, rows {real}"

    def check_halves(self):
        for what, sql in HALVES.items():
            rows = self.site.query(sql)
            assert not rows, f"not so: {what}: {rows[:5]}"
        if not self.site.database:
            said = self.site.query("PRAGMA integrity_check")
            assert said == [("ok",)], f"integrity_check: {said[:5]}"

    # ---- At the end ----

    def check_all(self):
        with self.site.serve() as server:
            self.check(server)
            client = server.client()
            there, versions = {}, set()
            for source in sources():
                for shown in pages(client, source + "concepts/?verbose=true&"):
                    there[f"/guide{shown['url']}"] = mark_of(shown)
                versions.update(f"/guide{v['url']}" for v in pages(client, source + "versions/?"))
            client.close()
        for k in self.known:
            self.lost += [f"{path}: {there.get(path)}, not {mark}"
                          for path, mark in k.concepts.items() if there.get(path) != mark]
            self.lost += [path for path in k.versions if path not in versions]
        halves = [path for path, mark in there.items() if mark is None]
        assert not halves, f"stored by halves: {halves[:5]}"

    def run(self):
        self.prepare()
        for _ in range(self.cycles):
            self.cycle()
        self.check_all()
        assert not self.lost, f"{len(self.lost)} lost: {json.dumps(self.lost[:5])}"
        assert self.acknowledged() > self.cycles, "hardly anything was written"

    def acknowledged(self):
        return sum(k.acknowledged for k in self.known)


def pages(client, path):
    number, last = 1, 1
    while number <= last:
        answer = client.expect(200, "GET", f"{path}limit={LIMIT}&page={number}")
        last = int(answer.headers["pages"])
        yield from answer.json()
        number += 1


def main():
    chosen = arguments(__doc__.splitlines()[0], cycles=50, seed=1)
    tally = Tally()
    for engine, cluster in engines():
        with Site(chosen.nestor, cluster) as site:
            run = Run(site.init(), chosen.cycles, chosen.seed)
            started = time.monotonic()
            tally.run(f"acknowledged writes survive SIGKILL on {engine}", run.run)
            print(f"{engine}: acknowledged {run.acknowledged()}, lost {len(run.lost)}, "
                  f"cycles {chosen.cycles}, {time.monotonic() - started:.1f} s")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
