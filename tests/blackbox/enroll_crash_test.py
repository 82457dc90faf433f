"""Batches of enrollments are written, the server is killed with SIGKILL at a random
moment, and every batch that was acknowledged must be there after the restart, as a
whole and with its history; the batch under way is there as a whole or not at all.

Usage: enroll_crash_test.py --nestor PATH [--cycles N] [--seed N]
"""
# rows: P10 C13 C15 C16 L5
import sys

import crash
import university
from university import c_path, c_record, p_path, p_record

BATCH = 25
PROGRAMS = 2  # of a cycle: each has its own, so that lists stay short
ACCOUNTS = 400

# Whatever comes back here is a write of which only a part was stored; {} is the
# condition on programs.
HALVES = {
    f"every row of {table} has its history":
        f"SELECT e.program_id, e.id FROM {table} e WHERE {{}} AND NOT EXISTS (SELECT 1 "
        f"FROM {table}_history h WHERE h.program_id = e.program_id AND h.id = e.id "
        "AND h.change = 1 AND h.kind = '+')"
    for table in ("program_enrollment", "program_course_enrollment")
} | {
    f"the last history row says what {table} says":
        f"SELECT e.program_id, e.id FROM {table} e JOIN {table}_history h "
        "ON h.program_id = e.program_id AND h.id = e.id WHERE {} AND h.status <> e.status "
        f"AND h.change = (SELECT max(l.change) FROM {table}_history l "
        "WHERE l.program_id = e.program_id AND l.id = e.id)"
    for table in ("program_enrollment", "program_course_enrollment")
} | {
    f"every history row of {table} has its row":
        f"SELECT e.program_id, e.id FROM {table}_history e WHERE {{}} AND NOT EXISTS (SELECT 1 "
        f"FROM {table} r WHERE r.program_id = e.program_id AND r.id = e.id)"
    for table in ("program_enrollment", "program_course_enrollment")
} | {
    f"changes of {table} are numbered without a gap":
        f"SELECT e.program_id, e.id FROM {table}_history e WHERE {{}} "
        "GROUP BY e.program_id, e.id HAVING count(*) <> max(e.change)"
    for table in ("program_enrollment", "program_course_enrollment")
} | {
    f"rows of {table} count their changes":
        f"SELECT e.program_id, e.id FROM {table} e WHERE {{}} AND e.changes <> (SELECT "
        f"count(*) FROM {table}_history h WHERE h.program_id = e.program_id AND h.id = e.id)"
    for table in ("program_enrollment", "program_course_enrollment")
} | {
    "a course row belongs to a learner of its program":
        "SELECT e.program_id, e.id FROM program_course_enrollment e WHERE {} AND NOT EXISTS "
        "(SELECT 1 FROM program_enrollment p WHERE p.program_id = e.program_id "
        "AND p.id = e.program_enrollment_id)",
    "numbers lie below the next one of the program":
        "SELECT e.program_id, e.id FROM program_enrollment e JOIN program p ON p.id = e.program_id "
        f"WHERE {{}} AND e.id - e.program_id * {1 << university.NUMBER_BITS} >= p.next_number",
    "a learner's row has the learner's account":
        "SELECT e.program_id, e.id FROM program_enrollment e WHERE {} "
        "AND (e.user_id IS NULL) <> (e.external_user_key NOT LIKE 'a%')",
    "a course row is linked to the seat of its account":
        "SELECT e.program_id, e.id FROM program_course_enrollment e JOIN program_enrollment p "
        "ON p.program_id = e.program_id AND p.id = e.program_enrollment_id "
        "LEFT JOIN course_enrollment s ON s.id = e.course_enrollment_id WHERE {} "
        "AND p.user_id IS NOT NULL AND (s.id IS NULL OR s.user_id <> p.user_id "
        "OR s.mode <> 'masters')",
}

# Only while the programs of this cycle were the last ones to write.
SEATS = {
    "a seat is active as its course row is":
        "SELECT e.program_id, e.id FROM program_course_enrollment e JOIN course_enrollment s "
        "ON s.id = e.course_enrollment_id WHERE {} AND s.is_active <> (e.status = 'active')",
}


class Known(crash.Writer):
    """What one writer knows of this cycle. `open` is (list, {key: status}), where a
    list is ("p" or "c", program)."""

    def __init__(self, number, seed):
        super().__init__(number, seed)
        self.lists = {}    # (kind, program) -> {key: status} that was acknowledged last
        self.programs = []
        self.accounts = []
        self.records = 0

    def client(self, server):
        return university.client(server)

    def begin(self, programs):
        """Each account is the learner of one writer, in one program of the cycle."""
        self.programs = programs
        self.accounts = [f"a{i}" for i in range(self.number + 1, ACCOUNTS + 1, crash.WRITERS)]
        self.lists = {(kind, p): {} for p in programs for kind in "pc"}

    def size(self):
        return BATCH if self.random.random() < 0.5 else self.random.randint(1, BATCH - 1)

    def new_key(self, i):
        if self.accounts and self.random.random() < 0.3:
            return self.accounts.pop()
        return f"w{self.number}-{self.made}-{i}"

    def next_write(self):
        program = self.random.choice(self.programs)
        learners, seats = self.lists["p", program], self.lists["c", program]
        free = [key for key in learners if key not in seats]
        dice = self.random.random()
        if dice < 0.35 and free:
            chosen = self.random.sample(free, min(self.size(), len(free)))
            batch = {key: self.random.choice(("active", "inactive")) for key in chosen}
            return self.course_write("POST", program, batch)
        if dice < 0.65 and seats:
            chosen = self.random.sample(list(seats), min(self.size(), len(seats)))
            batch = {key: "inactive" if seats[key] == "active" else "active" for key in chosen}
            return self.course_write("PATCH", program, batch)
        batch = {self.new_key(i): self.random.choice(("enrolled", "pending"))
                 for i in range(self.size())}
        return ("POST", p_path(program), [p_record(k, s) for k, s in batch.items()],
                (("p", program), batch))

    @staticmethod
    def course_write(method, program, batch):
        return (method, c_path(program), [c_record(k, s) for k, s in batch.items()],
                (("c", program), batch))

    def keep(self, left):
        where, batch = left
        self.lists[where].update(batch)
        self.records += len(batch)

    def settle(self, there):
        """The batch under way is there as a whole, or not at all."""
        if self.open is None:
            return
        (where, batch), self.open = self.open, None
        before = self.lists[where]
        found = {key: there[where].get(key) for key in batch}
        if found == batch:
            before.update(batch)
        else:
            old = {key: before.get(key) for key in batch}
            assert found == old, f"stored in part: {where}: {batch} over {old}: {found}"


class Run(crash.Run):
    writer = Known

    def prepare(self):
        university.seed(self.site, PROGRAMS * (self.cycles + 1), ACCOUNTS)

    def programs(self, cycle):
        first = 1 + cycle * PROGRAMS
        return list(range(first, first + PROGRAMS))

    def check(self, server):
        if self.done > 0:
            self.check_cycle(server, self.programs(self.done - 1))
        self.check_database()
        for w in self.writers:
            w.begin(self.programs(self.done))

    def check_cycle(self, server, programs):
        """What lists show is what the writers know, and nothing else."""
        caller = university.client(server)
        there = self.read(caller, programs)
        caller.close()
        for w in self.writers:
            w.settle(there)
        for where, shown in there.items():
            known = {}
            for w in self.writers:
                known.update(w.lists[where])
            self.lost += [f"{where} {key}: {shown.get(key)}, not {status}"
                          for key, status in known.items() if shown.get(key) != status]
            extra = [key for key in shown if key not in known]
            assert not extra, f"{where}: nobody wrote {extra[:5]}"
        of_cycle = f"e.program_id BETWEEN {programs[0]} AND {programs[-1]}"
        self.check_halves({what: sql.format(of_cycle)
                           for what, sql in (HALVES | SEATS).items()})

    @staticmethod
    def read(caller, programs):
        there = {}
        for program in programs:
            for kind, path in (("p", p_path(program)), ("c", c_path(program))):
                found = list(university.pages(caller, path))
                there[kind, program] = {row["student_key"]: row["status"] for row in found}
                assert len(there[kind, program]) == len(found), f"{path}: a key is there twice"
        return there

    def check_all(self):
        with self.site.serve() as server:
            self.check(server)
        self.check_halves({what: sql.format("e.program_id > 0") for what, sql in HALVES.items()})


def main():
    return crash.main(Run, "acknowledged batches of enrollments", __doc__.splitlines()[0])


if __name__ == "__main__":
    sys.exit(main())
