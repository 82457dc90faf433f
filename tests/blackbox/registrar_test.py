"""The registrar's verbs: `nestor enroll` with every form of file that people send, on a
database and against a server, cut short and resumed; `nestor enrollments` export,
retire and expire.

Usage: registrar_test.py --nestor PATH
"""
# Any build
import csv
import http.server
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading

from support import Clock, Site, Tally, arguments, engines, environment

UUID = "6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a10"
CU = "0a3d7c52-7d67-4a6e-9a5b-6a52d6b3a001"
RUN = "course-v1:HillsU+MAP1+2019"
TOKEN = "for-tests-only"
HEAD = "program,external_user_key,status,curriculum_uuid\n"
OTHER = "course-v1:Other+X+1"
DAY = 24 * 3600 * 1000000

# The university, as `nestor load` takes it; 1001 is the administrator.
UNIVERSITY = {
    "users": [{"username": "admin", "is_staff": True, "token": TOKEN}],
    "organizations": [{"key": "HillsU", "name": "Hills University", "saml_slug": "hills"}],
    "social_auth": [{"username": "admin", "uid": "hills:1001"}],
    "programs": [{"uuid": UUID, "authoring_organizations": ["HillsU"], "curricula": [CU],
                  "courses": [{"key": "HillsU+MAP1", "course_runs": [RUN]}]}],
    "course_overviews": [OTHER],
}


def p(key, status="enrolled", program=UUID, cu=CU):
    return f"{program},{key},{status},{cu}\n"


def c(key, status="active", course=RUN):
    return f"{UUID},{course},{key},{status}\n"


def text(file):
    with open(file, encoding="utf-8", newline="") as f:
        return f.read()


def outcomes(path):
    """[(line, outcome)] of a file of outcomes."""
    with open(path, encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    return [(int(r["line"]), r["outcome"]) for r in rows]


class Registrar:
    """A seeded installation and the files of one case."""

    def __init__(self, nestor, cluster):
        self.site = Site(nestor, cluster)
        self.files = 0

    def __enter__(self):
        self.site.init()
        self.site.write("university.json", json.dumps(UNIVERSITY))
        loaded = self.site.run("load", self.site.path("university.json"))
        assert loaded.returncode == 0, loaded.stderr
        return self

    def __exit__(self, *args):
        self.site.__exit__(*args)

    def file(self, content):
        self.files += 1
        path = self.site.path(f"{self.files}.csv")
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    def enroll(self, kind, path, *words, where=True):
        return self.site.run(f"enroll {kind}", path, *words, where=where)

    def expect(self, status, kind, content, *words, where=True):
        """Run on a new file; its outcomes as [(line, word)]."""
        path = content if isinstance(content, str) and os.path.exists(content) \
            else self.file(content)
        run = self.enroll(kind, path, *words, where=where)
        assert run.returncode == status, f"{run.returncode}: {run.stdout}{run.stderr[-1500:]}"
        return outcomes(path + ".outcomes.csv")

    def refused(self, status, content, *needles, kind="program", words=()):
        path = self.file(content)
        run = self.enroll(kind, path, *words)
        assert run.returncode == status, f"{run.returncode}: {run.stdout}{run.stderr[-1500:]}"
        missing = [n for n in needles if n not in run.stderr]
        assert not missing, f"{missing} not in {run.stderr!r}"
        assert not os.path.exists(path + ".outcomes.csv"), "outcomes were written"
        assert self.keys() == [], "something was sent"

    def plan(self, statement):
        """What SQLite does for a statement."""
        db = sqlite3.connect(os.path.join(self.site.data, "nestor.db"))
        values = {str(i): 1 for i in range(1, 200)}
        steps = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + statement, values)]
        db.close()
        return steps

    def keys(self):
        return [k for k, in self.site.query("SELECT external_user_key FROM program_enrollment "
                                            "ORDER BY id")]


# What each file of two rows, a and b, looks like; all are fine.
FORMS = {
    "plain": HEAD + p("a") + p("b"),
    "CRLF": (HEAD + p("a") + p("b")).replace("\n", "\r\n"),
    "CR": (HEAD + p("a") + p("b")).replace("\n", "\r"),
    "mark": "\ufeff" + HEAD + p("a") + p("b"),
    "no line end": (HEAD + p("a") + p("b"))[:-1],
    "quotes": '"program","external_user_key","status","curriculum_uuid"\n' + p("a") + p('"b"'),
    "names": " PROGRAM ,Student_Key, Status,CURRICULUM_uuid\n" + p("a") + p("b"),
    "blanks": HEAD + "\n" + p("a") + "  \n\r\n" + p(" b ") + "\n",
    "row of separators": HEAD + p("a") + ",,,\n" + p("b") + ",,,\n",
    "cells left behind": HEAD.strip() + ",,\n" + p("a").strip() + ",\n" + p("b"),
    "semicolons": (HEAD + p("a") + p("b")).replace(",", ";"),
    "tabs": (HEAD + p("a") + p("b")).replace(",", "\t"),
    "sep": "sep=;\n" + (HEAD + p("a") + p("b")).replace(",", ";"),
    "names for people": "Program,External User Key,Status,Curriculum UUID\n" + p("a") + p("b"),
    "words with case": HEAD + p("a", "Enrolled") + p("b", " ENROLLED "),
    "UUIDs in capitals": HEAD + p("a", "enrolled", UUID.upper(), CU.upper())
                         + p("b", "enrolled", UUID.upper()),
    "surplus": "x,status,curriculum_uuid,program,external_user_key\n"
               + "".join(f"1,enrolled,{CU},{UUID},{k}\n" for k in "ab"),
}


class Cases:
    """Every method test_* is a case; each has an installation of its own."""

    def __init__(self, nestor, cluster):
        self.nestor, self.cluster = nestor, cluster

    def site(self):
        return Registrar(self.nestor, self.cluster)

    # ---- Files ----

    def test_files_of_every_form_are_taken(self):
        """X51: what spreadsheets write."""
        for name, content in FORMS.items():
            with self.site() as r:
                got = r.expect(0, "program", content)
                assert [w for _, w in got] == ["enrolled"] * 2, (name, got)
                assert r.keys() == ["a", "b"], (name, r.keys())

    def test_columns_that_are_missing_or_doubled_are_told(self):
        with self.site() as r:
            for column in HEAD.strip().split(","):
                header = ",".join(h for h in HEAD.strip().split(",") if h != column)
                r.refused(2, header + "\nx,y,z\n", f"no column {column}")
            r.refused(2, HEAD.strip() + ",status\n", "two columns for status")
            r.refused(2, HEAD.strip() + ",student_key\n", "two columns for external_user_key")
            r.refused(2, "program,course,course_id,student_key,status\n", "two columns for course",
                      kind="course")
            r.refused(2, HEAD + p("a"), "--curriculum", words=("--curriculum", CU))
            r.refused(2, "", "empty")
            r.refused(2, "\ufeff\n\n", "empty")
            r.refused(2, HEAD.encode("utf-16"), "UTF-16")
            r.refused(2, "programme,é\n".encode("latin-1"), "UTF-8")
            r.refused(2, HEAD + p("a"), "program|course", kind="frobnicate")
            for word in ("", "/nowhere/x.csv"):
                run = r.site.run("enroll program", *([word] if word else []))
                assert run.returncode == (1 if word else 2), run.stderr

    def test_options_stand_in_for_columns(self):
        with self.site() as r:
            r.expect(0, "program", "external_user_key,status\na,enrolled\n", "--program", UUID,
                     "--curriculum", CU)
            r.expect(0, "course", "student_key,status\na,active\n", "--program", UUID, "--course",
                     RUN)
            note = r.enroll("program", r.file("u," + HEAD + "1," + p("b"))).stderr
            assert '"u" is ignored' in note, note

    def test_every_bad_row_has_its_outcome_and_spoils_no_other(self):
        content = (HEAD + p("a") + f"{UUID},short,enrolled\n" + p("long").strip() + ",x\n"
                   + p('q"q') + p("n\0n") + p("", "enrolled") + p("c") + p("k" * 256)
                   + p("d", "enrolld") + p("d", "suspended") + p("e", cu="x")
                   + p("f", program="0000") + p("f", program="../x?y") + p('"g,""h"')
                   + p("1.23457E+12") + p("1E+10") + p("12E5")).encode()
        content += p("é").encode("latin-1") + b"\xff\n" + (p("i") + '"open,' + p("j")).encode()
        want = ["enrolled", "invalid-row", "invalid-row", "invalid-row", "invalid-row",
                "invalid-enrollment-record", "enrolled", "invalid-enrollment-record",
                "invalid-status", "suspended", "invalid-enrollment-record", "program-not-found",
                "program-not-found", "enrolled", "shortened-key", "shortened-key", "enrolled",
                "invalid-encoding", "invalid-encoding", "enrolled", "invalid-row"]
        with self.site() as r:
            path = r.file(content)
            run = r.enroll("program", path)
            got = outcomes(path + ".outcomes.csv")
            want = list(zip(range(2, 2 + len(want)), want))
            assert run.returncode == 1 and got == want, [g for g in zip(got, want) if g[0] != g[1]]
            assert "spreadsheet has shortened" in run.stderr, run.stderr
            assert r.keys() == ["a", "c", "d", 'g,"h', "12E5", "i"], r.keys()

    def test_a_stray_quote_takes_no_line_along(self):
        """X15: the count of lines is the count of outcomes, wherever the next quote is."""
        rows = [p(f"k{i}") for i in range(200)]
        rows[80] = p('"k80')
        rows[150] = p('"k150"')
        with self.site() as r:
            path = r.file(HEAD + "".join(rows))
            run = r.enroll("program", path)
            got = outcomes(path + ".outcomes.csv")
            assert [line for line, _ in got] == list(range(2, 202)), got
            assert [x for x in got if x[1] != "enrolled"] == [(82, "invalid-row")], got
            assert "line 82: a quote is opened and not closed" in run.stderr, run.stderr
            assert run.returncode == 1 and len(r.keys()) == 199

    def test_program_rows_can_be_changed(self):
        """X49: a registrar withdraws by CSV; the curriculum need not be told."""
        with self.site() as r:
            r.expect(0, "program", HEAD + p("a") + p("b") + p("c"))
            columns = "program,external_user_key,status\n"
            got = r.expect(1, "program", columns + f"{UUID},a,withdrawn\n{UUID},b,enrolled\n"
                           + f"{UUID},nobody,withdrawn\n{UUID},c,no\n0000,c,pending\n", "--change")
            assert [w for _, w in got] == ["withdrawn", "enrolled", "not-in-program",
                                           "invalid-status", "program-not-found"], got
            r.expect(0, "program", HEAD + p("c", "suspended", cu=CU[:-1] + "2"), "--change")
            rows = r.site.query("SELECT external_user_key, status, curriculum_uuid "
                                "FROM program_enrollment ORDER BY id")
            assert rows == [("a", "withdrawn", CU), ("b", "enrolled", CU),
                            ("c", "suspended", CU)], rows
            history = r.site.query("SELECT external_user_key, status, kind, changed_by "
                                   "FROM program_enrollment_history WHERE kind <> '+' ORDER BY id")
            assert history == [("a", "withdrawn", "~", "1"), ("c", "suspended", "~", "1")], history

    def test_a_clock_that_is_set_back_makes_nothing_older(self):
        """X82: whatever changes an enrolment or a course row."""
        with self.site() as r:
            self.filled(r)
            times = ("SELECT 1, id, modified_at FROM program_enrollment UNION ALL "
                     "SELECT 2, id, modified_at FROM program_course_enrollment ORDER BY 1, 2")
            counts = ("SELECT id, changes FROM program_enrollment UNION ALL "
                      "SELECT id, changes FROM program_course_enrollment ORDER BY 1, 2")
            before, changes = r.site.query(times), r.site.query(counts)
            clock = Clock(r.site)
            clock.set("-1d")
            for words in (("enroll program", r.file(HEAD + p("1001", "suspended")), "--change"),
                          ("enroll course", r.file("program,course,student_key,status\n"
                                                   + c("1001", "inactive")), "--change"),
                          ("user add second", "--email", "s@example.org", "--superuser"),
                          ("user remove admin", "--erase")):
                run = r.site.run(*words, env=clock.env)
                assert run.returncode == 0, f"{words}: {run.stdout}{run.stderr}"
            assert r.site.query(times) == before, (before, r.site.query(times))
            grown = [int(b[1]) - int(a[1]) for a, b in zip(changes, r.site.query(counts))]
            assert grown == [2, 0, 0, 2, 0], grown

    def test_a_server_without_such_changes_says_so(self):
        """X49: profile `original` has no PATCH there (T9)."""
        with self.site() as r, r.site.serve() as server:
            run = r.enroll("program", r.file(HEAD + p("a")), "--change", "--server",
                           f"http://127.0.0.1:{server.port}", "--token-file",
                           r.site.write("token", TOKEN), where=False)
            assert run.returncode == 1 and "on its database" in run.stderr, run.stderr

    def test_one_record_at_fault_takes_no_other_along(self):
        rows = [p(f"k{i}") for i in range(60)]
        rows[30] = p("bad", cu="x")
        with self.site() as r:
            got = r.expect(1, "program", HEAD + "".join(rows))
            assert [line for line, word in got if word != "enrolled"] == [32], got
            assert got[30][1] == "invalid-enrollment-record" and len(r.keys()) == 59

    def test_a_key_that_comes_again_conflicts(self):
        """P29: blanks around do not make another key; both in one batch would spoil both."""
        with self.site() as r:
            got = r.expect(1, "program", HEAD + p("a") + p("b") + p("a", "pending")
                           + p('"\u3000b "'))
            assert [w for _, w in got] == ["enrolled", "enrolled", "conflict", "unchanged"], got
            assert r.keys() == ["a", "b"], r.keys()

    def test_course_rows_have_every_outcome(self):
        header = "program,course,student_key,status\n"
        content = (header + c("a") + c("b", "inactive") + c("nobody") + c("a", "inactive")
                   + c("a", course=OTHER) + c("a", course="course-v1:No+X+1") + c("a", course="x")
                   + c("a", course=RUN + "/enrollments/x") + c("a", "bad") + c("", "active")
                   + c("b").replace(UUID, "0000"))
        want = ["active", "inactive", "not-in-program", "conflict", "course-not-in-program",
                "course-not-found", "invalid-course-key", "invalid-course-key", "invalid-status",
                "invalid-enrollment-record", "program-not-found"]
        with self.site() as r:
            r.expect(0, "program", HEAD + p("a") + p("b"))
            got = r.expect(1, "course", content)
            assert [w for _, w in got] == want, got
            got = r.expect(1, "course", header + c("a", "inactive") + c("nobody"), "--change")
            assert [w for _, w in got] == ["inactive", "not-in-program"], got
            r.expect(0, "program", HEAD + p("d"))
            got = r.expect(1, "course", header + c("d"), "--change")
            assert got == [(2, "not-found")], got
            rows = r.site.query("SELECT status, kind FROM program_course_enrollment_history "
                                "ORDER BY id, change")
            assert rows == [("active", "+"), ("inactive", "~"), ("inactive", "+")], rows

    # ---- Summaries ----

    def test_the_summary_counts_and_can_be_json(self):
        with self.site() as r:
            path = r.file(HEAD + p("a") + p("b", "pending") + p("a", "pending"))
            trial = r.enroll("program", path, "--dry-run")
            assert trial.returncode == 0 and "nothing was sent" in trial.stdout, trial.stdout
            assert r.keys() == [] and not os.path.exists(path + ".outcomes.csv")
            named = r.site.path("named.csv")
            run = r.enroll("program", path, "--json", "--outcomes", named)
            told = json.loads(run.stdout)
            assert told == {"rows": 3, "succeeded": 2, "dry_run": False, "file": named,
                            "outcomes": {"enrolled": 1, "pending": 1, "conflict": 1}}, told
            # What a row alone tells is told, what the database would say is not.
            for kind, text, words in (
                    ("program", HEAD + p("a", "enroled") + p("") + p("b", cu="no-uuid") + p("c"),
                     {"invalid-status": 1, "invalid-enrollment-record": 2, "enrolled": 1}),
                    ("course", "program,course,student_key,status\n" + c("a", "enrolled") + c("") + c("x" * 300),
                     {"invalid-status": 1, "invalid-enrollment-record": 1, "active": 1})):
                trial = r.enroll(kind, r.file(text), "--dry-run", "--json")
                assert trial.returncode == 1, trial.stdout
                assert json.loads(trial.stdout)["outcomes"] == words, trial.stdout
            trial = r.enroll("program", r.file(HEAD + "x\n"), "--dry-run", "--json")
            assert trial.returncode == 1, trial.stdout
            assert json.loads(trial.stdout)["outcomes"] == {"invalid-row": 1}, trial.stdout

    def test_history_names_the_author(self):
        with self.site() as r:
            assert r.site.run("user add reg --email reg@example.org --staff").returncode == 0
            assert r.site.run("user add ann --email ann@example.org").returncode == 0
            r.expect(0, "program", HEAD + p("a"), "--user", "reg")
            who = r.site.query("SELECT a.username FROM program_enrollment_history h "
                               "JOIN account a ON a.id = h.changed_by")
            assert who == [("reg",)], who
            for name, why in (("ann", "not staff"), ("nobody", "no user \"nobody\"")):
                run = r.enroll("program", r.file(HEAD + p("b")), "--user", name)
                assert run.returncode == 1 and why in run.stderr, run.stderr
            assert r.keys() == ["a"]

    # ---- Resuming ----

    def test_outcomes_are_never_overwritten(self):
        with self.site() as r:
            path = r.file(HEAD + p("a"))
            r.expect(0, "program", path)
            before = text(path + ".outcomes.csv")
            run = r.enroll("program", path)
            assert run.returncode == 1 and "--resume" in run.stderr, run.stderr
            assert text(path + ".outcomes.csv") == before
            run = r.enroll("program", path, "--resume", "--json")
            assert run.returncode == 0 and json.loads(run.stdout)["rows"] == 1, run.stdout
            assert text(path + ".outcomes.csv") == before
            for other, kind in ((HEAD + p("b"), "program"), ("program,course,student_key,status\n"
                                                             + c("a"), "course")):
                run = r.enroll(kind, r.file(other), "--resume", "--outcomes",
                               path + ".outcomes.csv")
                assert run.returncode == 1 and "outcomes" in run.stderr, run.stderr
            assert r.keys() == ["a"] and text(path + ".outcomes.csv") == before

    def test_a_torn_file_of_outcomes_is_resumed_anywhere(self):
        with self.site() as r:
            path = r.file(HEAD + p("a") + p('"b,c"') + p("d"))
            r.expect(0, "program", path)
            whole = text(path + ".outcomes.csv")
            ends = [whole.index("outcome\n") + 8]
            for word in range(3):
                ends.append(whole.index("enrolled,enrolled\n", ends[-1]) + 18)
            for cut in range(len(whole) + 1):
                done = max([i for i, end in enumerate(ends) if end <= cut], default=0)
                with open(path + ".outcomes.csv", "w", encoding="utf-8", newline="") as f:
                    f.write(whole[:cut])
                run = r.enroll("program", path, "--resume", "--quiet")
                words = [w for _, w in outcomes(path + ".outcomes.csv")]
                left = "enrolled" if done else "unchanged"
                assert words == ["enrolled"] * done + [left] * (3 - done), (cut, words)
                assert run.returncode == 0, (cut, run.stderr)
            assert r.keys() == ["a", "b,c", "d"]

    def test_a_killed_run_is_resumed(self):
        count = 5000
        with self.site() as r:
            path = r.file(HEAD + "".join(p(f"k{i}") for i in range(count)))
            out = path + ".outcomes.csv"
            first = subprocess.Popen([self.nestor, "enroll", "program", path, *r.site.where()],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                     env=environment())
            while first.poll() is None and not (os.path.exists(out) and "enrolled,enrolled" in
                                                text(out)):
                os.sched_yield()
            first.send_signal(signal.SIGKILL)
            assert first.wait() == -signal.SIGKILL, "the run was over before it could be killed"
            left = text(out).count("\n")
            assert 1 < left < count, left
            run = r.enroll("program", path, "--resume")
            got = outcomes(out)
            assert [line for line, _ in got] == list(range(2, count + 2)), "lines are not in order"
            assert all(word == "enrolled" for _, word in got), got
            assert run.returncode == 0, run.stderr
            assert r.keys() == [f"k{i}" for i in range(count)]

    def test_ctrl_c_ends_after_the_batch_in_flight(self):
        """X50: nothing that was sent goes without its outcome; --resume does the rest."""
        count = 5000
        with self.site() as r:
            path = r.file(HEAD + "".join(p(f"k{i}") for i in range(count)))
            out = path + ".outcomes.csv"
            first = subprocess.Popen([self.nestor, "enroll", "program", path, *r.site.where()],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                     env=environment(), text=True)
            while first.poll() is None and not (os.path.exists(out) and "enrolled,enrolled" in
                                                text(out)):
                os.sched_yield()
            first.send_signal(signal.SIGINT)
            said = first.communicate()[1]
            assert first.returncode == 1 and "--resume" in said, (first.returncode, said)
            done = outcomes(out)
            assert len(done) == len(r.keys()) < count, (len(done), len(r.keys()))
            assert r.enroll("program", path, "--resume").returncode == 0
            assert [w for _, w in outcomes(out)] == ["enrolled"] * count

    def test_a_full_file_that_changes_nothing_succeeds(self):
        """X50: every night the whole file; what differs is told apart from what is so."""
        header = "program,course,student_key,status\n"
        with self.site() as r:
            keys = [f"k{i}" for i in range(1100)]
            full = HEAD + "".join(p(k) for k in keys)
            r.expect(0, "program", full)
            got = r.expect(0, "program", full)
            assert {w for _, w in got} == {"unchanged"}, got
            got = r.expect(1, "program", HEAD + p("k0", cu=CU.upper()) + p("k1", "pending") + p("new")
                           + p("k3", cu=CU[:-1] + "2") + p("k1099") + p("new"))
            assert [w for _, w in got] == ["unchanged", "conflict", "enrolled", "conflict",
                                           "unchanged", "unchanged"], got
            r.expect(0, "course", header + c("k1") + c("k2"))
            got = r.expect(1, "course", header + c("k1") + c("k2", "inactive") + c("k3"))
            assert [w for _, w in got] == ["unchanged", "conflict", "active"], got

    def test_a_server_tells_apart_what_is_there(self):
        """X50 over HTTP, page by page."""
        with self.site() as r, r.site.serve() as server:
            way = ("--server", f"http://127.0.0.1:{server.port}", "--token-file",
                   r.site.write("token", TOKEN))
            full = HEAD + "".join(p(f"k{i}") for i in range(1100))
            r.expect(0, "program", full, *way, where=False)
            got = r.expect(1, "program", full + p("k7", "pending"), *way, where=False)
            assert [w for _, w in got] == ["unchanged"] * 1100 + ["conflict"], got

    def test_many_rows_stay_in_order(self):
        count = 2000 if self.cluster else 20000
        with self.site() as r:
            path = r.file(HEAD + "".join(p(f"k{i}") for i in range(count)))
            r.expect(0, "program", path, "--quiet")
            n = r.site.query("SELECT count(*), count(DISTINCT external_user_key) "
                             "FROM program_enrollment")
            assert n == [(str(count), str(count))], n

    def test_no_statement_walks_a_whole_program(self):
        """What a batch costs must not grow with the program: on SQLite, whose planner
        has no statistics, each statement of a run finds its rows by an index."""
        with self.site() as r:
            log = r.site.path("sql.log")
            columns = "program,course,student_key,status\n"
            for kind, content, *words in (("program", HEAD + p("1001") + p("b")),
                                          ("course", columns + c("1001") + c("b")),
                                          ("course", columns + c("b", "inactive"), "--change")):
                run = r.site.run(f"enroll {kind}", r.file(content), *words,
                                 env={"NESTOR_SQL_LOG": log})
                assert run.returncode == 0, run.stderr
            run = r.site.run("enrollments export --courses", env={"NESTOR_SQL_LOG": log})
            assert len(run.stdout.splitlines()) == 3, run.stdout
            statements = {line for line in text(log).splitlines() if "program_" in line
                          and line.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")}
            assert len(statements) > 10, statements
            for statement in [] if r.site.database else statements:
                for step in r.plan(statement):
                    assert not step.startswith("SCAN e") and not step.startswith("SCAN program_"), \
                        (step, statement)
                    assert not ("enrollment" in step and step.endswith("(program_id=?)")), \
                        (step, statement)

    # ---- Servers ----

    def test_a_server_gives_the_outcomes_of_a_database(self):
        files = [("program", HEAD + p("a") + p("b", cu="x") + p("1001") + p("c", "nope") + p("a")
                  + p("d", program="0000") + p('"é, ""x"""')),
                 ("course", "program,course,student_key,status\n" + c("1001") + c("x")
                  + c("a", course=OTHER) + c("a", course="course-v1:No+X+1") + c("a"))]
        with self.site() as here, self.site() as there, there.site.serve() as server:
            url = f"http://127.0.0.1:{server.port}/"
            token = there.site.write("token", TOKEN)
            secret = there.site.run("client add registrar --user admin").stdout
            secret = there.site.write("secret", secret)
            ways = [("--token-file", token),
                    ("--client-id", "registrar", "--client-secret-file", secret)]
            for (kind, content), way in zip(files, ways):
                mine = here.expect(1, kind, content)
                other = there.expect(1, kind, content, "--server", url, *way, where=False)
                assert mine == other, [x for x in zip(mine, other) if x[0] != x[1]]
            assert here.keys() == there.keys()
            self.check_refusals(there, url)

    def check_refusals(self, r, url):
        bad = r.site.write("bad", "unknown")
        path = r.file(HEAD + p("zz"))
        for words, status, why in (
                (("--token-file", bad), 1, "does not know the token"),
                (("--client-id", "registrar", "--client-secret-file", r.site.path("gone")), 1,
                 "No such file"),
                (("--client-id", "registrar", "--client-secret-file", bad), 1, "registrar"),
                (("--client-id", "registrar"), 2, "go together"),
                ((), 2, "--token-file")):
            run = r.enroll("program", path, "--server", url, *words, where=False)
            assert run.returncode == status and why in run.stderr, (words, run.stderr)
            assert not outcomes(path + ".outcomes.csv") if status == 1 and words[0] == \
                "--token-file" else True
            if os.path.exists(path + ".outcomes.csv"):
                os.remove(path + ".outcomes.csv")

    def test_tokens_are_renewed_and_busy_servers_waited_for(self):
        with self.site() as r, Stub() as stub:
            stub.next = None
            secret = r.site.write("secret", "sesame")
            rows = HEAD + "".join(p(f"k{i}") for i in range(60))
            got = r.expect(1, "program", rows, "--server", stub.url, "--client-id", "reg",
                           "--client-secret-file", secret, where=False)
            assert [w for _, w in got] == ["enrolled"] * 25 + ["conflict"] * 25 + \
                ["enrolled"] * 10, got
            assert stub.seen == ["token", "Bearer 1 201", "Bearer 1 401", "token", "Bearer 2 503",
                                 "Bearer 2 lost", "Bearer 2 422", "list", "Bearer 2 201"], stub.seen

    # ---- Export, retire, expire ----

    def export(self, r, *words, status=0, where=True):
        run = r.site.run("enrollments export", *words, where=where)
        assert run.returncode == status, f"{run.returncode}: {run.stderr[-1000:]}"
        return run.stdout

    def filled(self, r, keys=("1001", "b", '"c, ""d"""')):
        r.expect(0, "program", HEAD + "".join(p(k) for k in keys))
        r.expect(0, "course", "program,course,student_key,status\n" + c("1001")
                 + c("b", "inactive"))

    def test_exports_have_every_row(self):
        with self.site() as r:
            self.filled(r)
            rows = list(csv.DictReader(self.export(r).splitlines()))
            assert [x["external_user_key"] for x in rows] == ["1001", "b", 'c, "d"'], rows
            assert [x["username"] for x in rows] == ["admin", "", ""], rows
            assert all(x["program"] == UUID and x["curriculum_uuid"] == CU and x["created"] and
                       x["modified"] and x["status"] == "enrolled" for x in rows), rows
            lines = [json.loads(x) for x in self.export(r, "--format", "jsonl").splitlines()]
            assert [{k: v or "" for k, v in x.items()} for x in lines] == rows, lines
            want = [dict(program=UUID, course=RUN, student_key="1001", status="active",
                         mode="masters", username="admin"),
                    dict(program=UUID, course=RUN, student_key="b", status="inactive", mode="",
                         username="")]
            for words in (("--courses",), ("program", UUID, "--course", RUN), ("--courses", "--all")):
                got = list(csv.DictReader(self.export(r, *words).splitlines()))
                assert got == want, got
            assert len(self.export(r, "--course", OTHER).splitlines()) == 1
            file = r.site.path("all.csv")
            self.export(r, "--output", file)
            assert text(file) == self.export(r) and not os.path.exists(file + ".part")

    def test_exports_that_fail_say_so(self):
        with self.site() as r:
            self.filled(r)
            for words, status in ((("--output", "/nowhere/x"), 1), (("program", "0000"), 1),
                                  (("program",), 2), (("--format", "xml"), 2),
                                  (("program", UUID, "--all"), 2), (("--course", "x"), 2),
                                  (("--server", "http://127.0.0.1:1"), 2)):
                self.export(r, *words, status=status)
            file = r.site.path("x.csv")
            self.export(r, "program", "0000", "--output", file, status=1)
            assert not os.path.exists(file) and not os.path.exists(file + ".part")
            with open("/dev/full", "w", encoding="ascii") as full:
                run = subprocess.run([self.nestor, "enrollments", "export", *r.site.where()],
                                     stdout=full, stderr=subprocess.PIPE, env=environment(),
                                     check=False)
            assert run.returncode == 1 and b"not whole" in run.stderr, run.stderr

    def test_a_server_is_exported_page_by_page(self):
        with self.site() as r:
            self.filled(r, ["1001", "b"] + [f"k{i}" for i in range(1100)])
            with r.site.serve() as server:
                way = ("--server", f"http://127.0.0.1:{server.port}", "--token-file",
                       r.site.write("token", TOKEN))
                got = list(csv.DictReader(self.export(r, "program", UUID, *way,
                                                      where=False).splitlines()))
                assert [x["student_key"] for x in got] == r.keys() and len(got) == 1102
                assert got[0] == dict(student_key="1001", status="enrolled",
                                      account_exists="true", curriculum_uuid=CU), got[0]
                lines = self.export(r, "program", UUID, "--course", RUN, "--format", "jsonl", *way,
                                    where=False).splitlines()
                assert json.loads(lines[1]) == dict(student_key="b", status="inactive",
                                                    account_exists=False, curriculum_uuid=CU)
                self.export(r, "program", "0000", *way, where=False, status=1)

    def test_an_export_does_not_end_at_a_page_that_it_cannot_find(self):
        with self.site() as r, Stub() as stub:
            got = self.export(r, "program", UUID, "--server", stub.url, "--token-file",
                              r.site.write("token", TOKEN), where=False, status=1)
            assert len(got.splitlines()) == 2 and len(stub.seen) == 1, (got, stub.seen)

    def test_a_retired_person_keeps_no_key(self):
        with self.site() as r:
            self.filled(r)
            others = r.site.query("SELECT * FROM program_enrollment WHERE user_id IS NULL")
            run = r.site.run("enrollments retire admin")
            assert run.returncode == 0 and "1 enrolments" in run.stdout, run.stdout + run.stderr
            rows = r.site.query("SELECT e.external_user_key, a.username, e.status "
                                "FROM program_enrollment e JOIN account a ON a.id = e.user_id")
            assert rows == [("\\N", "admin", "enrolled")], rows
            history = r.site.query("SELECT h.external_user_key, h.kind, h.reason, h.changed_by "
                                   "FROM program_enrollment_history h WHERE h.user_id = 1 "
                                   "ORDER BY h.change")
            assert history == [("\\N", "+", "\\N", "1"), ("\\N", "~", "retired", "1")], history
            assert r.site.query("SELECT * FROM program_enrollment WHERE user_id IS NULL") == others
            assert r.site.query("SELECT count(*) FROM program_enrollment_history "
                                "WHERE external_user_key IS NOT NULL") == [("2",)]
            acts = [json.loads(line) for line in r.site.run(
                "audit --json --only enrollments.retire").stdout.splitlines()]
            assert [a["object"] for a in acts] == ["/users/admin/"], acts
            again = r.site.run("enrollments retire admin")
            assert again.returncode == 0 and "0 enrolments" in again.stdout, again.stdout
            assert r.site.run("enrollments retire nobody").returncode == 1
            assert r.site.run("enrollments retire").returncode == 2

    def test_history_from_before_the_account_loses_the_key_too(self):
        with self.site() as r:
            self.filled(r)
            r.site.execute("UPDATE program_enrollment_history SET user_id = NULL")
            assert r.site.run("enrollments retire admin").returncode == 0
            keys = r.site.query("SELECT external_user_key FROM program_enrollment_history "
                                "ORDER BY id, change")
            assert keys == [("\\N",), ("\\N",), ("b",), ('c, "d"',)], keys

    def test_what_waits_too_long_goes_away(self):
        tables = ("program_enrollment", "program_course_enrollment", "program_enrollment_history",
                  "program_course_enrollment_history")

        def counts(r):
            return [int(r.site.query(f"SELECT count(*) FROM {t}")[0][0]) for t in tables]

        with self.site() as r:
            self.filled(r, ["1001", "b", "young"] + [f"k{i}" for i in range(230)])
            r.site.execute(f"UPDATE program_enrollment SET created_at = created_at - {10 * DAY} "
                           "WHERE external_user_key <> 'young'")
            for status in ("suspended", "withdrawn"):  # each has its rows of history
                r.expect(0, "program", HEAD + p("b", status) + p("young", status), "--change")
            before = counts(r)
            assert before == [233, 2, 237, 2], before
            for words, said in (("--days 11", "0 enrolments"), ("--days 9 --dry-run", "231 ")):
                run = r.site.run("enrollments expire " + words)
                assert run.returncode == 0 and said in run.stdout, run.stdout + run.stderr
                assert counts(r) == before, words
            run = r.site.run("enrollments expire --days 9")
            assert run.returncode == 0 and "231 enrolments" in run.stdout and \
                "1 course rows" in run.stdout, run.stdout
            assert counts(r) == [2, 1, 4, 1] and r.keys() == ["1001", "young"], counts(r)
            acts = [json.loads(line) for line in r.site.run(
                "audit --json --only enrollments.expire").stdout.splitlines()]
            assert [a["after"] for a in acts] == [{"days": 9}], acts
            for words in ("", "--days 0", "--days x", "--days 9 more"):
                assert r.site.run("enrollments expire " + words).returncode == 2, words
            r.expect(0, "program", HEAD + p("b"))
            assert r.keys() == ["1001", "young", "b"], "a number was given out again"


class Stub:
    """A server that misbehaves as servers do, then gives in. `seen` is what came."""

    # Each is the answer to one request: a status, or a connection that closes.
    SCRIPT = [201, 401, 503, "lost", 422, 201]

    def __enter__(self):
        stub = self
        self.seen, self.tokens, self.script = [], 0, list(self.SCRIPT)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # pylint: disable=invalid-name
                stub.answer(self)

            def do_GET(self):  # pylint: disable=invalid-name
                if self.path == "/healthz":
                    stub.send(self, 404, {})  # any answer will do
                else:
                    stub.list(self)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        # Of a page: the link as a proxy makes it that moves the API.
        self.next = f"{self.url}/elsewhere/?cursor=x"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, h):
        body = h.rfile.read(int(h.headers["Content-Length"]))
        if h.path == "/oauth2/access_token":
            assert b"client_secret=sesame" in body and not h.headers["Authorization"], body
            self.tokens += 1
            self.seen.append("token")
            self.send(h, 200, {"access_token": str(self.tokens), "expires_in": 3600})
            return
        step = self.script.pop(0)
        self.seen.append(f"{h.headers['Authorization']} {step}")
        if step == "lost":
            h.close_connection = True
            return
        word = "conflict" if step == 422 else "enrolled"
        keys = [r["external_user_key"] for r in json.loads(body)]
        self.send(h, step, {k: word for k in keys})

    def list(self, h):
        self.seen.append("list")
        self.send(h, 200, {"next": self.next, "results": [{"student_key": "1001"}]})

    def send(self, h, status, document):
        data = json.dumps(document).encode()
        h.send_response(status)
        h.send_header("Content-Length", str(len(data)))
        if status == 503:
            h.send_header("Retry-After", "1")
        h.end_headers()
        h.wfile.write(data)


def main():
    chosen = arguments(__doc__, only="")
    tally = Tally()
    for name, cluster in engines():
        cases = Cases(chosen.nestor, cluster)
        for method in sorted(m for m in dir(cases) if m.startswith("test_")):
            title = method[5:].replace("_", " ")
            if chosen.only in title:
                tally.run(f"{name}: {title}", getattr(cases, method))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
