"""`./run`: greets when it serves, makes an installation once, and leaves nothing behind when
it is stopped. It runs in a tree of its own, where the program is built already: what
installs packages and builds are stand-ins.

Usage: run_test.py --nestor PATH
"""
import contextlib
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from support import PATIENCE, REPORTS, Tally, arguments, environment, free_port

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Builds when it may: a test can hold it.
NINJA = """#!/bin/sh
echo "[1/1] Linking target nestor"
while [ -e hold ]; do sleep 0.02; done
"""


def until(what, says):
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, f"waited in vain: {says()}"
        time.sleep(0.01)


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


class Tree:
    """A checkout that is built: the real script, tools and examples."""

    def __init__(self, nestor):
        self.path = tempfile.mkdtemp(prefix="run-test-")
        self.make("stand-ins/ninja", NINJA)
        self.make("stand-ins/meson", "#!/bin/sh\n")
        self.make("tools/install-packages", "#!/bin/sh\n")
        self.make("build/release/build.ninja", "")
        os.symlink(nestor, self.join("build/release/nestor"))
        shutil.copy(os.path.join(ROOT, "run"), self.path)
        shutil.copy(os.path.join(ROOT, "tools", "iso-codes"), self.join("tools"))
        os.symlink(os.path.join(ROOT, "examples"), self.join("examples"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def join(self, name):
        return os.path.join(self.path, name)

    def has(self, name):
        return os.path.lexists(self.join(name))

    def make(self, name, text):
        os.makedirs(os.path.dirname(self.join(name)), exist_ok=True)
        with open(self.join(name), "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(self.join(name), 0o755)

    def run(self, *words):
        return Run(self, words)

    def leftovers(self):
        """What a first use makes and must not leave."""
        names = ("build/first-use*", "*.jsonl", "data/*.jsonl", "examples.*", "core*")
        return [p for n in names for p in glob.glob(self.join(n))]


class Run:
    """`./run` in a process group of its own, as a terminal would have it."""

    def __init__(self, tree, words):
        path = f"{tree.join('stand-ins')}:{os.environ['PATH']}"
        self.text = ""
        self.process = subprocess.Popen([tree.join("run"), *words], cwd=tree.path, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True,
                                        env={**environment(), "PATH": path})
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.reader.join(PATIENCE)
        self.process.stdout.close()

    def read(self):
        for line in self.process.stdout:
            self.text += line

    def wait_for(self, text):
        until(lambda: text in self.text, lambda: f"{text!r} in {self.text[-2000:]!r}")

    def end(self, sig=None):
        """The exit status; nobody of the group is left, and nothing went wrong."""
        if sig:
            os.killpg(self.process.pid, sig)
        status = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)  # the last one that could write has ended
        assert not self.reader.is_alive(), f"somebody goes on: {self.text[-2000:]}"
        for report in (*REPORTS, "Traceback"):
            assert report not in self.text, self.text
        return status


class Cases:
    """Every method test_* is a case, in a tree of its own."""

    def test_it_greets_when_it_serves(self, tree):
        port = free_port()
        with tree.run("--no-demo", "--listen", f"127.0.0.1:{port}") as run:
            until(lambda: "serving on" in run.text or answers(port), lambda: run.text)
            assert answers(port), "greeted before the bind"
            run.wait_for("/v2/orgs/")  # the last line of the greeting
            assert run.text.index("making an installation") < run.text.index("serving on"), run.text
            token = re.search(r'administrator "admin": (\w+)', run.text)[1]
            assert f"http://127.0.0.1:{port}/accounts/link/?code=" in run.text, run.text
            request = urllib.request.Request(f"http://127.0.0.1:{port}/guide/user/",
                                             headers={"Authorization": "Token " + token})
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                assert b'"admin"' in answer.read()
            assert run.end(signal.SIGINT) in (0, 130), run.text
        assert tree.has("data/nestor.db") and not tree.leftovers(), tree.leftovers()
        assert os.stat(tree.join("data/admin.token")).st_mode & 0o77 == 0
        with tree.run("--listen", f"127.0.0.1:{port}") as run:  # the second use
            run.wait_for("serving on")
            assert "making an installation" not in run.text and token not in run.text, run.text
            assert run.end(signal.SIGTERM) in (0, 143), run.text

    def test_a_port_that_is_taken_costs_nothing(self, tree):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with tree.run("--listen", f"127.0.0.1:{port}") as run:
                assert run.end() == 1
            assert f"serves on 127.0.0.1:{port} already" in run.text, run.text
            assert f"--listen 127.0.0.1:{port + 1}" in run.text, run.text
            assert "building" not in run.text and not tree.has("data"), run.text

    def test_two_first_uses_make_one_installation(self, tree):
        tree.make("hold", "")
        with tree.run("--no-demo", "--listen", f"127.0.0.1:{free_port()}") as first:
            first.wait_for("building build")
            with tree.run("--no-demo", "--listen", f"127.0.0.1:{free_port()}") as second:
                second.wait_for("waiting for it")
                assert "building build" not in second.text, second.text
                os.remove(tree.join("hold"))
                for run in (first, second):
                    run.wait_for("serving on")
                both = first.text + second.text
                assert both.count("making an installation") == 1, both
                for run in (first, second):
                    assert run.end(signal.SIGINT) in (0, 130), run.text
        assert not tree.leftovers(), tree.leftovers()

    def test_ctrl_c_in_a_first_use_leaves_nothing(self, tree):
        for moment in ("building", "loading the demo: countries"):
            if moment == "building":
                tree.make("hold", "")
            with tree.run("--listen", f"127.0.0.1:{free_port()}") as run:
                run.wait_for(moment)
                assert run.end(signal.SIGINT) == 130, run.text
                assert "./run goes on from here" in run.text, run.text
            assert not tree.has("data") and not tree.leftovers(), tree.leftovers()
            if tree.has("hold"):
                os.remove(tree.join("hold"))
        with tree.run("--no-demo", "--listen", f"127.0.0.1:{free_port()}") as run:
            run.wait_for("serving on")  # nothing is in the way
            run.end(signal.SIGINT)

    def test_ctrl_c_while_the_build_begins_is_told(self, tree):
        tree.make("hold", "")
        for _ in range(20):  # wherever in it
            with tree.run("--listen", f"127.0.0.1:{free_port()}") as run:
                run.wait_for("building")
                assert run.end(signal.SIGINT) == 130, run.text
                assert "./run goes on from here" in run.text, run.text

    def test_a_build_that_fails_shows_why(self, tree):
        tree.make("stand-ins/ninja", "#!/bin/sh\necho 'x.c:1: error: no'\nexit 1\n")
        with tree.run("--no-demo", "--listen", f"127.0.0.1:{free_port()}") as run:
            assert run.end() != 0
        assert "error: no" in run.text and not tree.has("data"), run.text

    def test_wrong_usage_is_told(self, tree):
        for words, status, says in ((("--help",), 0, "usage: ./run"), (("--port",), 2, "is no option"),
                                    (("--listen", "127.0.0.1:99999"), 2, "at\n  most 65535"),
                                    (("--listen", "here"), 2, "is no ADDRESS:PORT"),
                                    (("--build-only",), 0, "building")):
            with tree.run(*words) as run:
                assert run.end() == status and says in run.text, (words, run.text)
        assert not tree.has("data")


def main():
    chosen = arguments(__doc__.splitlines()[0], only="")
    tally = Tally()
    cases = Cases()
    for name in [n for n in dir(cases) if n.startswith("test_") and chosen.only in n]:
        with Tree(chosen.nestor) as tree:
            tally.run(name[5:].replace("_", " "), getattr(cases, name), tree)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
