"""The demo university: the committed files are what tools/make-university makes, they
agree with one another, and they publish nobody's credentials."""
import collections
import csv
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unicodedata
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "examples" / "university"
FILES = ("university.json", "learners.csv", "seats.csv")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RUN = re.compile(r"course-v1:[A-Za-z]+\+[A-Z]+[0-9]+\+[0-9]{4}-[a-z]+")

# What docs/contracts/fixture.md knows, as far as a demo may use it.
KNOWN = {
    "users": {"username", "email"},
    "organizations": {"key", "name", "saml_slug"},
    "social_auth": {"username", "uid"},
    "programs": {"uuid", "title", "type", "marketing_slug", "authoring_organizations",
                 "curricula", "courses"},
    "course_overviews": {"key", "display_name", "start", "end"},
}


def rows(name):
    with open(FOLDER / name, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def runs_of(courses):
    return {run["key"] for course in courses for run in course["course_runs"]}


class University(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = json.loads((FOLDER / "university.json").read_text(encoding="utf-8"))
        cls.programs = {p["uuid"]: p for p in cls.document["programs"]}
        cls.learners, cls.seats = rows("learners.csv"), rows("seats.csv")
        cls.by_key = {(r["program"], r["external_user_key"]): r for r in cls.learners}

    def test_the_committed_files_are_what_the_script_makes(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, str(ROOT / "tools" / "make-university"),
                            "--output", folder], check=True, capture_output=True, timeout=60)
            for name in FILES:
                self.assertEqual((pathlib.Path(folder) / name).read_bytes(),
                                 (FOLDER / name).read_bytes(),
                                 f"{name} is stale: run tools/make-university")

    def test_it_fails_with_a_sentence_where_it_cannot_write(self):
        p = subprocess.run([sys.executable, str(ROOT / "tools" / "make-university"),
                            "--output", str(FOLDER / "README.md")], capture_output=True,
                           text=True, timeout=60, check=False)
        self.assertEqual((p.returncode, p.stderr.count("\n")), (1, 1), p.stderr)

    def test_the_document_has_known_members_only(self):
        self.assertEqual(set(self.document), set(KNOWN))
        for array, members in KNOWN.items():
            for item in self.document[array]:
                self.assertLessEqual(set(item), members, array)

    def test_accounts_are_plain_learners_with_a_key_each(self):
        names = [u["username"] for u in self.document["users"]]
        self.assertEqual((len(names), len(set(names))), (40, 40))
        self.assertEqual([s["username"] for s in self.document["social_auth"]], names)
        uids = {s["uid"] for s in self.document["social_auth"]}
        keys = {f"harbour:{r['external_user_key']}" for r in self.learners}
        self.assertEqual(len(uids), 40)
        self.assertLessEqual(uids, keys)
        slugs = [o.get("saml_slug") for o in self.document["organizations"]]
        self.assertEqual(slugs, ["harbour", None])

    def test_three_programs_have_twelve_runs_and_share_some(self):
        runs = [runs_of(p["courses"]) for p in self.programs.values()]
        every = set().union(*runs)
        self.assertEqual((len(runs), len(every)), (3, 12))
        self.assertGreater(sum(map(len, runs)), 12)
        self.assertEqual({o["key"] for o in self.document["course_overviews"]}, every)
        self.assertTrue(all(map(RUN.fullmatch, every)), every)
        for uuid, program in self.programs.items():
            self.assertRegex(uuid, UUID)
            self.assertTrue(program["curricula"])
            for curriculum in program["curricula"]:
                self.assertRegex(curriculum["uuid"], UUID)
                self.assertLessEqual(runs_of(curriculum["courses"]), runs_of(program["courses"]))

    def test_every_learner_is_in_a_program_and_its_curriculum(self):
        self.assertEqual(list(self.learners[0]),
                         ["program", "external_user_key", "status", "curriculum_uuid"])
        self.assertEqual(len(self.learners), 2000)
        self.assertEqual(len(self.by_key), 2000, "a key comes twice in a program")
        for row in self.learners:
            curricula = {c["uuid"] for c in self.programs[row["program"]]["curricula"]}
            self.assertIn(row["curriculum_uuid"], curricula)
        self.assertEqual(set(collections.Counter(r["status"] for r in self.learners)),
                         {"enrolled", "pending", "suspended", "withdrawn"})
        places = collections.Counter(r["external_user_key"] for r in self.learners)
        self.assertEqual(collections.Counter(places.values()), {1: 1940, 2: 30})

    def test_keys_are_clean_and_not_all_ascii(self):
        keys = [r["external_user_key"] for r in self.learners]
        for key in keys:
            self.assertRegex(key, r"^[\w.'-]{1,255}$")
            self.assertTrue(unicodedata.is_normalized("NFC", key), key)
        self.assertGreater(sum(not k.isascii() for k in keys), 50)

    def test_every_seat_is_a_run_of_its_program_for_a_learner_of_it(self):
        self.assertEqual(list(self.seats[0]), ["program", "course", "student_key", "status"])
        self.assertTrue(2800 <= len(self.seats) <= 3200, len(self.seats))
        for seat in self.seats:
            self.assertIn(seat["course"], runs_of(self.programs[seat["program"]]["courses"]))
            self.assertIn((seat["program"], seat["student_key"]), self.by_key)
        taken = {(s["course"], s["student_key"]) for s in self.seats}
        self.assertEqual(len(taken), len(self.seats), "a learner has a seat twice")
        self.assertEqual({s["status"] for s in self.seats}, {"active", "inactive"})

    def test_the_first_page_of_a_program_shows_accounts_and_none(self):
        uids = {s["uid"] for s in self.document["social_auth"]}
        first = next(iter(self.programs))
        page = [r for r in self.learners if r["program"] == first][:100]
        found = sum(f"harbour:{r['external_user_key']}" in uids for r in page)
        self.assertTrue(0 < found < 100, found)

    def test_the_files_are_small(self):
        self.assertLess(sum((FOLDER / name).stat().st_size for name in FILES), 500_000)


if __name__ == "__main__":
    unittest.main()
