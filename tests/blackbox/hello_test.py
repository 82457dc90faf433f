"""The example program: the cases of examples/hello/hello.http against a server
that is built on the framework alone, on SQLite, and on PostgreSQL as well when
NESTOR_TEST_PG names a cluster; and how the program refuses.

Usage: hello_test.py --nestor PATH [--build-dir DIR]. The program `hello` is
looked for in the build tree of PATH. Ends with the totals.
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


class Hello(Server):
    """The runner's server, with another program and no accounts."""

    def __init__(self, program, cluster=None):
        self.work = tempfile.mkdtemp(prefix="hello-test-")
        self.database = self.process = self.port = None
        self.admin = "no token, the example has no accounts"
        self.log = []
        self.listening = threading.Event()
        try:
            self.database = Database(cluster) if cluster else None
            place = self.database.url if cluster else os.path.join(self.work, "hello.db")
            self.start([program, place, "--listen", "127.0.0.1:0"])
        except BaseException:
            self.kill()
            raise

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
    file = read_file(os.path.join(ROOT, "examples", "hello", "hello.http"))
    server = Hello(program, cluster)
    try:
        cases = FileRun(file, server)
        for case in file.cases:
            problem = cases.run_case(case)
            tally.add(f"{engine}: {case.title}", problem and "\n    ".join(problem))
        problems = server.stop()
        tally.add(f"{engine}: it ends well", "\n    ".join(problems) or None)
    finally:
        if server.process.poll() is None:
            server.kill()


def refuses(tally, program):
    """Wrong usage ends with 2, a place that cannot be served or opened with 1."""
    folder = tempfile.mkdtemp(prefix="hello-test-")
    good = os.path.join(folder, "a.db")
    wrong = (("no database is misuse", [], 2),
             ("an unknown option is misuse", [good, "--port", "1"], 2),
             ("a folder that is missing is refused", [os.path.join(folder, "no", "a.db")], 1),
             ("an address that is none is refused", [good, "--listen", "nowhere"], 1))
    for name, words, status in wrong:
        p = subprocess.run([program, *words], capture_output=True, text=True, timeout=PATIENCE,
                           env=environment(), check=False)
        good_end = p.returncode == status and p.stderr != ""
        tally.add(name, None if good_end else f"status {p.returncode}: {p.stderr[-500:]}")
    shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description="Test examples/hello.")
    parser.add_argument("--nestor", help="the program; hello is beside it, in examples/hello")
    parser.add_argument("--build-dir", help="the build tree, when --nestor is not given")
    options, _ = parser.parse_known_args()
    if not options.nestor and not options.build_dir:
        parser.error("--nestor or --build-dir is needed")
    build = options.build_dir or os.path.dirname(os.path.abspath(options.nestor))
    program = os.path.join(os.path.abspath(build), "examples", "hello", "hello")
    cluster = os.environ.get("NESTOR_TEST_PG")
    tally = Tally()
    run_cases(tally, program, "sqlite", None)
    if cluster:
        run_cases(tally, program, "postgresql", cluster)
    refuses(tally, program)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
