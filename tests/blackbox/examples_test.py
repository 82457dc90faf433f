"""The example programs: the cases of examples/NAME/NAME.http against a server that is
built on the framework, on SQLite, and on PostgreSQL as well when NESTOR_TEST_PG names a
cluster; and how such a program refuses.

Usage: examples_test.py --nestor PATH [--build-dir DIR]. The programs are looked for in
the build tree of PATH. Ends with the totals.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests"))
from http_cases import FileRun  # noqa: E402
from http_file import read_file  # noqa: E402
from http_server import PATIENCE, Database, Server, environment  # noqa: E402


EXAMPLES = ("hello", "library")


class Example(Server):
    """The runner's server, with another program; its accounts are made by a command."""

    def damage(self):
        """It has no verb that looks for any."""
        return []

    def __init__(self, program, cluster=None):
        self.work = tempfile.mkdtemp(prefix="example-test-")
        self.database = self.process = self.port = None
        self.program = program
        self.log = []
        self.listening = threading.Event()
        try:
            self.database = Database(cluster) if cluster else None
            self.place = self.database.url if cluster else os.path.join(self.work, "a.db")
            self.admin = self.token("admin", "--staff")
            self.start([program, self.place, "--listen", "127.0.0.1:0"])
        except BaseException:
            self.kill()
            raise

    def token(self, *words):
        """A token of the one named; a word that is none where there are no accounts."""
        p = self.run_command("token", *words)
        return p.stdout.strip() if p.returncode == 0 else "this example has no accounts"

    def run_command(self, *words):
        return subprocess.run([self.program, self.place, *words], capture_output=True, text=True,
                              timeout=PATIENCE, env=environment(), check=False)

    def make_user(self, name):
        return self.token(name)

    def start(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env=environment())
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()
        assert self.listening.wait(PATIENCE) and self.port, "it did not listen:\n" + self.tail()


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, name, why):
        self.passed += why is None
        self.failed += why is not None
        print(f"ok {name}" if why is None else f"FAIL {name}: {why}", flush=True)


def run_cases(tally, program, engine, cluster):
    name = os.path.basename(program)
    file = read_file(os.path.join(ROOT, "examples", name, f"{name}.http"))
    server = Example(program, cluster)
    try:
        cases = FileRun(file, server)
        for case in file.cases:
            problem = cases.run_case(case)
            tally.add(f"{name}, {engine}: {case.title}", problem and "\n    ".join(problem))
        problems = server.stop()
        tally.add(f"{name}, {engine}: it ends well", "\n    ".join(problems) or None)
    finally:
        if server.process.poll() is None:
            server.kill()


def refuses(tally, program):
    """Wrong usage ends with 2, a place that cannot be served or opened with 1."""
    folder = tempfile.mkdtemp(prefix="example-test-")
    good = os.path.join(folder, "a.db")
    wrong = (("no database is misuse", [], 2),
             ("an unknown option is misuse", [good, "--port", "1"], 2),
             ("an unknown command is misuse", [good, "lend"], 2),
             ("a command of another form is misuse", [good, "token", "anna", "--boss"], 2),
             ("a name that is none is refused", [good, "token", "a/b"], 1),
             ("a folder that is missing is refused", [os.path.join(folder, "no", "a.db")], 1),
             ("an address that is none is refused", [good, "--listen", "nowhere"], 1))
    for name, words, status in wrong:
        p = subprocess.run([program, *words], capture_output=True, text=True, timeout=PATIENCE,
                           env=environment(), check=False)
        good_end = p.returncode == status and p.stderr != ""
        tally.add(name, None if good_end else f"status {p.returncode}: {p.stderr[-500:]}")
    shutil.rmtree(folder)


def ask(server, token):
    headers = [("Authorization", f"Token {token}"), ("Content-Type", "application/json")]
    return server.request("POST", "/library/shelves/", headers, '{"code": "A1"}').status


def tokens(tally, program):
    """A new token is good at once and for all that its account may; a revoked one is not."""
    server = Example(program)
    try:
        first, second = server.token("anna"), server.token("anna", "--staff")
        answers = [ask(server, t) for t in (first, second)]
        tally.add("both tokens of an account are good, and bring its rights",
                  None if answers == ["201", "400"] else f"answers {answers}")
        server.run_command("token", "anna", "--revoke")
        tally.add("a revoked token is refused",
                  None if ask(server, first) == ask(server, second) == "401" else "accepted")
        p = server.run_command("token", "ana", "--revoke")
        tally.add("nobody's tokens cannot be revoked",
                  None if p.returncode == 1 and "nobody is called \"ana\"" in p.stderr else str(p))
        server.stop()
    finally:
        if server.process.poll() is None:
            server.kill()


def helps(tally, program):
    """--help names the commands of the apps that a program uses."""
    p = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=PATIENCE,
                       env=environment(), check=False)
    good = p.returncode == 0 and "token NAME [--staff | --revoke]" in p.stdout
    tally.add("the help names every command", None if good else p.stdout + p.stderr)


def main():
    parser = argparse.ArgumentParser(description="Test the examples.")
    parser.add_argument("--nestor", help="the program; the examples are beside it, in examples")
    parser.add_argument("--build-dir", help="the build tree, when --nestor is not given")
    options, _ = parser.parse_known_args()
    if not options.nestor and not options.build_dir:
        parser.error("--nestor or --build-dir is needed")
    build = options.build_dir or os.path.dirname(os.path.abspath(options.nestor))
    programs = [os.path.join(os.path.abspath(build), "examples", n, n) for n in EXAMPLES]
    cluster = os.environ.get("NESTOR_TEST_PG")
    tally = Tally()
    for program in programs:
        run_cases(tally, program, "sqlite", None)
        if cluster:
            run_cases(tally, program, "postgresql", cluster)
    library = programs[EXAMPLES.index("library")]
    refuses(tally, library)
    tokens(tally, library)
    helps(tally, library)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
