"""The program enrollments API under 64 clients at once: batches that overlap make one
row a key, storms of changes leave a history without gaps, and who reads page after
page meanwhile sees every row once.

Usage: enroll_together_test.py --nestor PATH
"""
import sys
import threading

import university
from support import Site, Tally, arguments, engines
from university import c_path, c_record, p_path, p_record

CLIENTS = 64
BATCHES = 4  # of each client
BATCH = 25
LINKS = CLIENTS * BATCHES
KEYS = 400   # of each program; as many accounts, each the learner of both
PROGRAMS = (1, 2)
READERS = 4
PAGE = 60


def overlapping(n, i):
    """Keys of the batch i of client n: half of its neighbours' batches are the same."""
    first = n * BATCH // 2 + i * KEYS // BATCHES
    return [f"a{1 + (first + k) % KEYS}" for k in range(BATCH)]


def at_once(server, work):
    """Each client does its work on a connection of its own; returns what they found."""
    found, faults, start = [], [], threading.Barrier(CLIENTS)

    def run(n):
        caller = university.client(server)
        try:
            start.wait()
            for i in range(BATCHES):
                found.append(work(caller, n, i))
        except Exception as e:  # pylint: disable=broad-except
            faults.append(f"client {n}: {type(e).__name__}: {e}")
        finally:
            caller.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(CLIENTS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not faults, f"{len(faults)} of {CLIENTS} failed: {faults[0]}"
    return found


def program_of(n):
    return PROGRAMS[n % len(PROGRAMS)]


def write(caller, method, path, body, good):
    """The map that a batch is answered with, its status judged by it."""
    answer = caller.ask(method, path, body)
    words = answer.json() if answer.status in (good, 207, 422) else {}
    assert words and isinstance(words, dict), f"{method} {path}: {answer}"
    made = sum(word != "conflict" for word in words.values())
    wanted = good if made == len(body) else 207 if made else 422
    assert answer.status == wanted, f"{method} {path}: {answer}, not {wanted}"
    return words


def one_row_a_key(found, word):
    """Of all answers for a key of a program one is the word, the rest conflicts."""
    made = {}
    for program, words in found:
        for key, got in words.items():
            assert got in (word, "conflict"), f"{key}: {got}"
            made[program, key] = made.get((program, key), 0) + (got == word)
    wrong = [(where, n) for where, n in made.items() if n != 1]
    assert not wrong, f"not made once: {wrong[:5]}"
    assert len(made) == KEYS * len(PROGRAMS), len(made)


class Follower:
    """Reads a list while it grows: a page is asked again until it has a next one, and
    may only have grown at its end."""

    def __init__(self, server, program):
        self.server, self.path = server, f"{p_path(program)}?page_size={PAGE}"
        self.keys, self.page, self.fault = [], [], None
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def step(self, caller):
        """Returns whether there is a next page."""
        shown = caller.expect(200, "GET", self.path).json()
        keys = [row["student_key"] for row in shown["results"]]
        assert keys[:len(self.page)] == self.page, f"{self.path}: a row below {self.page[-1]}"
        self.keys += keys[len(self.page):]
        self.page = keys
        if shown["next"]:
            self.path, self.page = "/" + shown["next"].split("/", 3)[3], []
        return shown["next"] is not None

    def run(self):
        caller = university.client(self.server)
        try:
            is_last = False
            while not is_last:
                is_last = self.is_over.is_set()
                while self.step(caller):
                    pass
        except Exception as e:  # pylint: disable=broad-except
            self.fault = f"{type(e).__name__}: {e}"
        finally:
            caller.close()


# rows: P10 P31 P41 L5 L6
def learners(server):
    """POST P, while others page through both lists."""
    followers = [Follower(server, program_of(n)) for n in range(READERS)]
    for f in followers:
        f.thread.start()
    try:
        found = at_once(server, lambda caller, n, i: (program_of(n), write(
            caller, "POST", p_path(program_of(n)), [p_record(k) for k in overlapping(n, i)], 201)))
    finally:
        for f in followers:
            f.is_over.set()
        for f in followers:
            f.thread.join()
    one_row_a_key(found, "enrolled")
    caller = university.client(server)
    for n, f in enumerate(followers):
        assert f.fault is None, f.fault
        rows = university.pages(caller, p_path(program_of(n)))
        assert f.keys == [row["student_key"] for row in rows], "not every row once, in order"
        assert len(f.keys) == len(set(f.keys)) == KEYS, len(f.keys)
    caller.close()


# rows: C13 C14 C16 C19 C20
def seats(server):
    """POST C in two programs: the accounts and the run are the same in both."""
    found = at_once(server, lambda caller, n, i: (program_of(n), write(
        caller, "POST", c_path(program_of(n)), [c_record(k) for k in overlapping(n, i)], 200)))
    one_row_a_key(found, "active")


# rows: C15 C16
def storm(server):
    """PATCH C of the same learners, in both directions."""
    def change(caller, n, i):
        status = "inactive" if (n + i) % 3 else "active"
        keys = overlapping(n % 8, 0)
        batch = [c_record(k, status) for k in (keys if n % 2 else reversed(keys))]
        answer = caller.expect(200, "PATCH", c_path(program_of(n)), batch)
        assert answer.json() == {k: status for k in keys}, str(answer)
    at_once(server, change)


# rows: C20 P40
def links(site, server):
    """Accounts are linked while their learners are enrolled, in programs and in the run:
    whoever comes second finds what the first one has stored."""
    names = [f"late{i}" for i in range(LINKS)]
    university.load(site, "accounts.json", {"users": [{"username": name} for name in names]})
    linker = threading.Thread(target=university.load, args=(site, "links.json", {"social_auth": [
        {"username": name, "uid": f"hills:{name}"} for name in names]}))

    def enrol(caller, n, i):
        name = names[n + CLIENTS * i]
        for program in PROGRAMS:
            caller.expect(201, "POST", p_path(program), [p_record(name)])
            caller.expect(200, "POST", c_path(program), [c_record(name)])

    linker.start()
    try:
        at_once(server, enrol)
    finally:
        linker.join()
    alone = site.query("SELECT external_user_key FROM program_enrollment "
                       "WHERE user_id IS NULL ORDER BY id")
    assert not alone, f"{len(alone)} without account: {alone[:5]}"


TABLES = ("program_enrollment", "program_course_enrollment")


def stored(site):
    """One row a key, one history row a change, the last of which says what is there."""
    count = str((KEYS + LINKS) * len(PROGRAMS))
    for table in TABLES:
        assert site.query(f"SELECT count(*) FROM {table}") == [(count,)], table
        gaps = site.query(f"SELECT program_id, id FROM {table}_history GROUP BY program_id, id "
                          "HAVING count(*) <> max(change)")
        assert not gaps, f"{table}: {gaps[:5]}"
        other = site.query(
            f"SELECT e.program_id, e.id FROM {table} e LEFT JOIN {table}_history h "
            "ON h.program_id = e.program_id AND h.id = e.id AND h.status = e.status "
            f"AND h.change = (SELECT max(l.change) FROM {table}_history l "
            "WHERE l.program_id = e.program_id AND l.id = e.id) WHERE h.id IS NULL")
        assert not other, f"{table}: {other[:5]}"
        uncounted = site.query(
            f"SELECT e.id FROM {table} e WHERE e.changes <> (SELECT count(*) FROM {table}_history "
            "h WHERE h.program_id = e.program_id AND h.id = e.id)")
        assert not uncounted, f"{table}: {uncounted[:5]}"
    # C15: what says the same already is not written again.
    same = site.query(
        "SELECT a.id, a.change FROM program_course_enrollment_history a "
        "JOIN program_course_enrollment_history b ON b.program_id = a.program_id "
        "AND b.id = a.id AND b.change = a.change + 1 WHERE a.status = b.status "
        "AND b.reason IS NULL")
    assert not same, f"written again: {same[:5]}"
    twice = site.query("SELECT user_id FROM course_enrollment GROUP BY user_id HAVING count(*) > 1")
    assert not twice, f"two seats: {twice[:5]}"
    unlinked = site.query(
        "SELECT e.id FROM program_course_enrollment e JOIN program_enrollment p "
        "ON p.program_id = e.program_id AND p.id = e.program_enrollment_id "
        "LEFT JOIN course_enrollment s ON s.id = e.course_enrollment_id "
        "WHERE s.id IS NULL OR s.user_id <> p.user_id")
    assert not unlinked, f"no seat: {unlinked[:5]}"
    site.verify()


def main():
    chosen = arguments(__doc__.splitlines()[0])
    tally = Tally()
    for name, cluster in engines():
        with Site(chosen.nestor, cluster) as site:
            site.init()
            university.seed(site, len(PROGRAMS), KEYS)
            with site.serve() as server:
                tally.run(f"{name}: {CLIENTS} clients make one row a learner, seen once by readers",
                          learners, server)
                tally.run(f"{name}: {CLIENTS} clients make one course row a learner", seats, server)
                tally.run(f"{name}: a storm of changes is answered in full", storm, server)
                tally.run(f"{name}: links that are loaded meanwhile reach every learner", links,
                          site, server)
                tally.run(f"{name}: every change has its history", stored, site)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
