"""PostgreSQL servers of a test's own: a primary, and replicas that follow it. Each has a folder
below /tmp that holds its data and its socket, and goes away again; none listens on TCP."""
import contextlib
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

from support import PATIENCE

BIN = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))[-1:]
IS_ROOT = os.getuid() == 0
SETTINGS = ("-c", "listen_addresses=", "-c", "max_connections=60", "-c", "fsync=off",
            "-c", "wal_keep_size=64MB", "-c", "hot_standby_feedback=off")


def until(what, says):
    """Poll until what() is true; its last value is returned."""
    end = time.monotonic() + PATIENCE
    while not (value := what()):
        assert time.monotonic() < end, f"waited in vain: {says}"
        time.sleep(0.01)
    return value


def as_postgres():
    """The server refuses root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if IS_ROOT else {}


class Node:
    """A server; with `of`, a replica of that one."""

    def __init__(self, of=None, settings=()):
        self.of, self.settings = of, settings
        self.work = tempfile.mkdtemp(prefix="nestor-pg-", dir=os.environ.get("PG_PLACE"))
        self.data = os.path.join(self.work, "data")
        self.url = f"postgresql:///postgres?host={self.work}&user=postgres"
        self.process = None

    def __enter__(self):
        if IS_ROOT:
            shutil.chown(self.work, "postgres")
        os.chmod(self.work, 0o755)
        if self.of:
            self.tool("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast",
                      "-d", f"host={self.of.work} user=postgres dbname=postgres")
        else:
            self.tool("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                      "--locale=C.UTF-8", "-N")
        self.start()
        return self

    def __exit__(self, *_):
        self.hang(False)
        self.fall()
        shutil.rmtree(self.work, ignore_errors=True)

    def tool(self, name, *words, check=True):
        p = subprocess.run([os.path.join(BIN[0], name), *words], check=False, cwd=self.work,
                           stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=PATIENCE, **as_postgres())
        assert not check or p.returncode == 0, f"{name}: {p.stdout}{p.stderr}"
        return p

    def start(self):
        with open(os.path.join(self.work, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(BIN[0], "postgres"), "-D", self.data, "-k", self.work, *SETTINGS,
                 *self.settings], cwd=self.work, stdout=log, stderr=log, **as_postgres())
        until(self.is_up, "PostgreSQL")

    def is_up(self):
        return self.tool("pg_isready", "-q", "-h", self.work, check=False).returncode == 0

    def fall(self):
        """At once, as in a crash."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()

    def processes(self):
        """The server's own, and those that it has begun."""
        pids = [self.process.pid] if self.process and self.process.poll() is None else []
        for pid in list(pids):
            with contextlib.suppress(OSError), \
                    open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                pids += [int(word) for word in f.read().split()]
        return pids

    def hang(self, is_hung=True):
        """It lives, and answers nothing."""
        for pid in self.processes():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGSTOP if is_hung else signal.SIGCONT)

    def sql(self, text, user="postgres"):
        """Rows of one statement, as lists of texts."""
        p = subprocess.run([os.path.join(BIN[0], "psql"), "-h", self.work, "-U", user, "-d",
                            "postgres", "-qXAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", text],
                           capture_output=True, text=True, timeout=PATIENCE, check=False,
                           stdin=subprocess.DEVNULL)
        assert p.returncode == 0, f"{text}: {p.stderr}"
        return [line.split("\t") for line in p.stdout.splitlines()]

    def value(self, text):
        return self.sql(text)[0][0]

    def has(self, primary):
        """All that the primary has now is replayed."""
        lsn = primary.value("SELECT pg_current_wal_flush_lsn()")
        until(lambda: self.value(f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'") == "t", "replay")

    def pause(self, is_paused=True):
        self.sql(f"SELECT pg_wal_replay_{'pause' if is_paused else 'resume'}()")
        if is_paused:
            until(lambda: self.value("SELECT pg_get_wal_replay_pause_state()") == "paused",
                  "the pause")

    def promote(self):
        self.sql("SELECT pg_promote()")
        assert self.value("SELECT pg_is_in_recovery()") == "f"
