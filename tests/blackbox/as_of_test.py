"""?asOf= against a memory of what was: concepts of a source are made, renamed, retired, brought
back and erased at random; then every revision is asked for, whole, by pages and one by one, and
every time.

What is erased for good is gone from every revision, too.

Usage: as_of_test.py --nestor PATH
# rows: V249 V401 V403
"""
import random
import sys

from support import Site, run_on_engines

IDS = [f"C{i}" for i in range(9)]
WRITES = 120


class Memory:
    """The source as it was after each revision: {id: (name, retired)}, and when."""

    def __init__(self, client, seed):
        self.client, self.random = client, random.Random(seed)
        self.now, self.states, self.times = {}, [{}], []
        self.made, self.erased = {}, []  # id: since which revision; (id, that, until which)
        client.expect(201, "POST", "/v2/orgs/", {"id": "O", "name": "O"})
        client.expect(201, "POST", "/v2/orgs/O/sources/", {"id": "S", "name": "S"})

    def ask(self, status, method, below, body=None):
        return self.client.expect(status, method, f"/v2/orgs/O/sources/S/concepts/{below}", body)

    def write(self):
        """One write that makes a revision."""
        one = self.random.choice(IDS)
        name = f"{one} {len(self.states)}"
        names = [{"name": name, "locale": "en"}]
        if one not in self.now:
            self.ask(201, "POST", "", {"id": one, "concept_class": "C", "datatype": "N/A",
                                       "names": names})
            self.now[one] = (name, False)
            self.made[one] = len(self.states)
        elif self.random.random() < 0.1:
            self.ask(204, "DELETE", f"{one}/?hardDelete=true")
            del self.now[one]
            self.erased.append((one, self.made[one], len(self.states)))
            for state in self.states:
                state.pop(one, None)
        elif self.random.random() < 0.4:
            retired = self.now[one][1]
            self.ask(204, *(("PUT", f"{one}/reactivate/") if retired else ("DELETE", f"{one}/")))
            self.now[one] = (self.now[one][0], not retired)
        else:
            self.ask(200, "PATCH", f"{one}/", {"names": names})
            self.now[one] = (name, self.now[one][1])
        self.states.append(dict(self.now))
        self.times.append(self.newest())

    def newest(self):
        """When the last version came into being; None where it is erased."""
        rows = self.ask(200, "GET", "?includeRetired=true&limit=1").json()
        return rows[0]["version_created_on"] if rows else None


def shown(rows):
    return {r["id"]: (r["display_name"], r["retired"]) for r in rows}


def revisions(memory):
    for rev, state in enumerate(memory.states):
        a = memory.ask(200, "GET", f"?asOf={rev}&includeRetired=true")
        assert shown(a.json()) == state, (rev, shown(a.json()), state)
        assert int(a.headers["num_found"]) == len(state), (rev, a.headers["num_found"], state)
        live = {k: v for k, v in state.items() if not v[1]}
        a = memory.ask(200, "GET", f"?asOf={rev}")
        assert shown(a.json()) == live, (rev, shown(a.json()), live)
        assert int(a.headers["num_found"]) == len(live), (rev, a.headers["num_found"], live)


def pages(memory):
    for rev in range(0, len(memory.states), 7):
        state, seen = memory.states[rev], []
        for page in range(1, len(state) // 2 + 2):
            rows = memory.ask(200, "GET", f"?asOf={rev}&includeRetired=true&limit=2&page={page}")
            seen += rows.json()
        assert shown(seen) == state and len(seen) == len(state), (rev, seen, state)
        seen, place = [], f"?asOf={rev}&includeRetired=true&limit=2&sortAsc=id"
        while place:
            rows = memory.ask(200, "GET", place)
            seen += rows.json()
            place = rows.headers["next"] and "?" + rows.headers["next"].partition("?")[2]
        assert shown(seen) == state and len(seen) == len(state), (rev, seen, state)


def details(memory):
    for rev in range(0, len(memory.states), 5):
        for one in IDS:
            wanted = memory.states[rev].get(one)
            a = memory.ask(200 if wanted else 404, "GET", f"{one}/?asOf={rev}")
            assert not wanted or shown([a.json()]) == {one: wanted}, (rev, a)


def times(memory):
    """The last revision of a time is what stood there then."""
    last = {time: rev for rev, time in enumerate(memory.times, 1) if time}
    for time, rev in last.items():
        if memory.times[rev - 1:].count(time) != 1 or rev > len(memory.states) - 2:
            continue
        got = shown(memory.ask(200, "GET", f"?asOf={time}&includeRetired=true").json())
        assert got == memory.states[rev], (time, rev, got, memory.states[rev])


def differences(memory):
    """Every pair of revisions: what is told is what is not the same."""
    for first in range(0, len(memory.states), 9):
        for last in range(first, len(memory.states), 11):
            old, new = memory.states[first], memory.states[last]
            told, erased, after = {}, [], "limit=3"
            while after:
                a = memory.client.expect(200, "GET", "/v2/orgs/O/sources/S/$difference/"
                                                     f"?from={first}&to={last}&{after}").json()
                told.update({c["id"]: c["change"] for c in a["concepts"]
                             if c["change"] != "erased"})
                erased += [c["id"] for c in a["concepts"] if c["change"] == "erased"]
                after = a["next"] and "limit=3&" + a["next"].rsplit("&", 1)[1]
            assert erased == [i for i, made, until in memory.erased
                              if made <= first < until <= last], (first, last, erased)
            differ = {i for i in new if old.get(i) != new[i]}
            assert differ <= told.keys() <= new.keys(), (first, last, told, differ)
            for one, change in told.items():
                was, now = old.get(one), new[one]
                wanted = "created" if was is None else "changed" if was[1] == now[1] else \
                    "retired" if now[1] else "reactivated"
                assert change == wanted, (first, last, one, change, wanted)


def run_on(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site:
        site.init()
        with site.serve() as server:
            memory = Memory(server.client(), 20261128)
            for _ in range(WRITES):
                memory.write()
            for name, case in (("every revision", revisions), ("by pages", pages),
                               ("one by one", details), ("every time", times),
                               ("differences", differences)):
                tally.run(f"{engine}: {name}", case, memory)


if __name__ == "__main__":
    sys.exit(run_on_engines(__doc__, run_on))
