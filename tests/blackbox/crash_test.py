"""Writers write, the server is killed with SIGKILL at a random moment, and every
write that was acknowledged must be there after the restart. Nothing may be
there by halves, and the database must pass its own check.

Usage: crash_test.py --nestor PATH [--cycles N] [--seed N]
"""
import sys

import crash

SOURCES = 2
LIMIT = 1000

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
    "a mapping has one present version":
        "SELECT repo_id, mapping_id FROM mapping_version GROUP BY repo_id, mapping_id "
        "HAVING sum(CASE WHEN rev_to = 9223372036854775807 THEN 1 ELSE 0 END) <> 1",
    "a source counts its mappings":
        "SELECT id FROM repo WHERE mappings <> (SELECT count(*) FROM mapping_version v WHERE "
        "v.repo_id = repo.id AND v.rev_to = 9223372036854775807)",
    "a source counts its active mappings":
        "SELECT id FROM repo WHERE active_mappings <> (SELECT count(*) FROM mapping_version v "
        "WHERE v.repo_id = repo.id AND v.rev_to = 9223372036854775807 AND NOT v.retired)",
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


class Known(crash.Writer):
    """What one writer knows to be stored, over all cycles. `open` is
    ("concept", path, mark) or ("version", path)."""

    def __init__(self, number, seed):
        super().__init__(number, seed)
        self.concepts = {}   # path -> mark that was acknowledged last
        self.versions = []   # paths
        self.fresh = []      # paths acknowledged in this cycle

    def next_write(self):
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

class Run(crash.Run):
    writer = Known

    def prepare(self):
        with self.site.serve() as server:
            client = server.client()
            client.expect(201, "POST", "/guide/orgs/", {"id": "CRASH", "name": "Crash"})
            for i in range(SOURCES):
                client.expect(201, "POST", "/guide/orgs/CRASH/sources/",
                              {"id": f"S{i}", "name": f"S{i}"})
            client.close()

    # ---- After a restart ----

    def check(self, server):
        client = server.client()
        for k in self.writers:
            self.settle(client, k)
            for path in k.fresh:
                self.check_one(client, k, path)
            k.fresh = []
        for path in sources():
            self.check_counts(client, path)
        client.close()
        self.check_halves(HALVES)
        self.check_database()

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
        for k in self.writers:
            self.lost += [f"{path}: {there.get(path)}, not {mark}"
                          for path, mark in k.concepts.items() if there.get(path) != mark]
            self.lost += [path for path in k.versions if path not in versions]
        halves = [path for path, mark in there.items() if mark is None]
        assert not halves, f"stored by halves: {halves[:5]}"


def pages(client, path):
    number, last = 1, 1
    while number <= last:
        answer = client.expect(200, "GET", f"{path}limit={LIMIT}&page={number}")
        last = int(answer.headers["pages"])
        yield from answer.json()
        number += 1


def main():
    return crash.main(Run, "acknowledged writes", __doc__.splitlines()[0])


if __name__ == "__main__":
    sys.exit(main())
