"""A server that runs out of something: room on the disk, a disk that can be written, memory,
descriptors, its database server. What it has acknowledged is there afterwards; it refuses
what it cannot do with 503 or 507 and goes on by itself when there is enough again.

What is tested elsewhere: descriptors of the HTTP layer (http_test.py, X12); memory at the
start, a database that is unlinked (storage_test.py, X82); a database call that fails
(faults_test.py); kill -9 of the server (crash_test.py).

Usage: starved_test.py --nestor PATH [--only TEXT]. Room, a disk that cannot be written and
the database server need root, to mount a file system and to become another user.
"""
import contextlib
import glob
import http.client
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from support import PATIENCE, REPORTS, Site, Tally, arguments, environment

REFUSALS = (503, 507)
# docs/operations.md: of a write in flight nobody knows whether it is there
OUTCOME_UNKNOWN = ("connection lost during commit", "no sync after a commit")
PAGE = 4096


def org(name, more=""):
    return {"id": name, "name": name + more}


def path_of(name):
    return f"/guide/orgs/{name}/"


def until(what, says):
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, f"waited in vain: {says}"
        time.sleep(0.01)


class Writers:
    """Threads that create organisations and keep what was acknowledged; `more` makes each
    larger. Without an answer it is unknown what the server did."""

    def __init__(self, server, prefix, count=4, more=""):
        self.server, self.prefix, self.more = server, prefix, more
        self.kept, self.statuses = [], []
        self.is_over = False
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(count)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for t in self.threads:
            t.join()

    def run(self, number):
        i, client = 0, self.server.client()
        while not self.is_over:
            i += 1
            name = f"{self.prefix}-{number}-{i}"
            try:
                status = client.ask("POST", "/guide/orgs/", org(name, self.more)).status
            except (OSError, http.client.HTTPException):
                if self.server.process.poll() is not None:
                    return
                client = self.server.client()
                continue
            self.statuses.append(status)
            if status == 201:
                self.kept.append(name)

    def has(self, status, more=1):
        """That many more answers with the status, or of any other of a tuple."""
        wanted = status if isinstance(status, tuple) else (status,)
        seen = len(self.statuses)
        until(lambda: sum(s in wanted for s in self.statuses[seen:]) >= more,
              f"{wanted}, after {sorted(set(self.statuses))}")


def check(server, writers):
    """All that was acknowledged is there, and nothing failed in another way."""
    odd = set(writers.statuses) - {201, *REFUSALS}
    faults = [line for line in server.log if '"error"' in line]
    unknown = sum(said in line for said in OUTCOME_UNKNOWN for line in faults)
    if writers.statuses.count(500) <= unknown:
        odd.discard(500)
    assert not odd, f"answers {odd}: " + "\n".join(faults[:10])
    client = server.client()
    lost = [n for n in writers.kept if client.ask("GET", path_of(n)).status != 200]
    assert writers.kept and not lost, f"{len(lost)} of {len(writers.kept)} are lost: {lost[:5]}"


@contextlib.contextmanager
def small_disk(where, mib):
    """A file system of that size in the folder."""
    os.makedirs(where, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "starved", where], check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", where], check=True)


def unfinished(server):
    """A connection on which a large body lacks its end."""
    s = socket.socket()
    with contextlib.suppress(OSError):  # it has ended meanwhile
        s.connect(("127.0.0.1", server.port))
        s.sendall(b"POST /guide/importers/lines/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n"
                  b"\r\n" + b"x" * 1999999)
    return s


def free(where):
    s = os.statvfs(where)
    return s.f_bavail * s.f_frsize


def leave(where, room):
    """Fill the disk up to so many bytes."""
    with open(os.path.join(where, "ballast"), "ab", buffering=0) as f:
        with contextlib.suppress(OSError):  # a writer was faster
            while free(where) > room:
                f.write(b"x" * min(1 << 16, free(where) - room))


def give_back(where):
    os.remove(os.path.join(where, "ballast"))


def is_sanitized(nestor):
    return "asan" in subprocess.run(["ldd", nestor], capture_output=True, text=True,
                                    check=False).stdout


def needs(what, *is_there):
    """Marks a case that cannot run everywhere."""
    def mark(case):
        case.lacks = None if all(is_there) else what
        return case
    return mark


IS_ROOT = os.getuid() == 0
HAS_SERVER = bool(glob.glob("/usr/lib/postgresql/*/bin/initdb"))


class Cases:
    """Every method test_* is a case."""

    def __init__(self, nestor):
        self.nestor = nestor

    def on_disk(self, site, mib=8):
        disk = small_disk(site.path("disk"), mib)
        site.data = os.path.join(site.path("disk"), "data")
        return disk

    @needs("root", IS_ROOT)
    def test_room_that_runs_out_is_told_and_comes_back(self):
        """Writes answer 507, reads and /readyz go on; with room again, so do writes."""
        with Site(self.nestor) as site, self.on_disk(site) as disk:
            site.init()
            with site.serve() as server:
                reader = server.client()
                with Writers(server, "FULL", more="x" * 200) as writers:
                    for _ in range(3):
                        writers.has(201, 20)
                        leave(disk, 0)
                        writers.has(507, 20)
                        reader.expect(200, "GET", "/guide/orgs/?limit=5")
                        reader.expect(200, "GET", "/readyz")
                        give_back(disk)
                    writers.has(201, 20)
                check(server, writers)
                assert "store full" in server.text()
            assert site.run("doctor").returncode == 0
            leave(disk, 1 << 19)
            doctor = site.run("doctor")
            assert doctor.returncode == 1 and "MiB left" in doctor.stdout, doctor.stdout
            give_back(disk)
            with site.serve() as server:
                check(server, writers)

    @needs("root", IS_ROOT)
    def test_room_may_end_at_any_page(self):
        """Whatever a commit was about to write: it is there, or refused."""
        with Site(self.nestor) as site, self.on_disk(site, 16) as disk:
            site.init()
            with site.serve() as server:
                client, kept = server.client(), []
                for pages in range(40):
                    leave(disk, pages * PAGE)
                    status, i = 201, 0
                    while status == 201 and i < 1000:
                        i += 1
                        name = f"P{pages}-{i}"
                        status = client.ask("POST", "/guide/orgs/", org(name, "x" * 200)).status
                        kept += [name] if status == 201 else []
                    assert status == 507, (pages, i, status, server.text()[-800:])
                    give_back(disk)
                    client.expect(201, "POST", "/guide/orgs/", org(f"AFTER-{pages}"))
                    kept.append(f"AFTER-{pages}")
                lost = [n for n in kept if client.ask("GET", path_of(n)).status != 200]
                assert not lost, lost
            assert site.run("doctor").returncode == 0

    def test_a_start_without_files_says_so(self):
        """A limit of open files with which it could only abort later."""
        with Site(self.nestor) as site:
            site.init()
            for files in (20, 24, 30):
                p = subprocess.run(["prlimit", f"--nofile={files}", self.nestor, "serve",
                                    *site.where(), "--listen", "127.0.0.1:0", "--set",
                                    "http.loops=1"], capture_output=True, text=True, timeout=60,
                                   check=False)
                assert p.returncode == 1 and "files" in p.stderr, (files, p)

    @needs("root", IS_ROOT)
    def test_a_start_without_room_says_so(self):
        with Site(self.nestor) as site, self.on_disk(site) as disk:
            site.init()
            leave(disk, 0)
            for verb in ("serve --listen 127.0.0.1:0", "user add ada"):
                p = ended(self.nestor, site, verb)
                assert p.returncode in (1, 124) and "full" in p.stderr, (verb, p)
            give_back(disk)
            with site.serve() as server:
                server.client().expect(201, "POST", "/guide/orgs/", org("LATER"))

    def test_a_file_may_be_no_larger(self):
        """`ulimit -f`, and quotas: as a disk that is full, not a signal that kills."""
        with Site(self.nestor) as site:
            site.init()
            with site.serve() as server:
                _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
                with Writers(server, "SIZE", more="x" * 200) as writers:
                    writers.has(201, 20)
                    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4 * PAGE, hard))
                    writers.has(507, 20)
                    server.client().expect(200, "GET", "/guide/orgs/?limit=5")
                    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
                    writers.has(201, 20)
                check(server, writers)

    @needs("root", IS_ROOT)
    def test_a_disk_that_cannot_be_written(self):
        """Nothing is served from it, and a sentence says why."""
        with Site(self.nestor) as site, self.on_disk(site) as disk:
            site.init()
            read_only(disk, True)
            for verb in ("serve --listen 127.0.0.1:0", "user add ada", "migrate"):
                p = ended(self.nestor, site, verb)
                assert p.returncode == 1 and "cannot be written: Read-only" in p.stderr, (verb, p)
            p = ended(self.nestor, site, "init --admin admin --admin-token-file new.token")
            assert p.returncode == 1 and p.stderr, p
            assert ended(self.nestor, site, "dump").returncode == 0
            read_only(disk, False)
            with site.serve() as server:
                server.client().expect(201, "POST", "/guide/orgs/", org("LATER"))

    def test_descriptors_that_run_out(self):
        """X12, with the store and its files: what was connected goes on, and all is well again
        when there are some."""
        with Site(self.nestor) as site:
            site.init()
            with site.serve() as server, Writers(server, "FILES", count=2) as writers:
                writers.has(201, 20)
                used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
                _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
                resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used, hard))
                idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
                writers.has(201, 20)
                server.wait_for("no more connections for a moment")
                resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
                for one in idle:
                    one.close()
                server.client().expect(200, "GET", "/readyz")
                writers.has(201, 20)
            with site.serve() as server:
                check(server, writers)

    def test_memory_that_runs_out(self):
        """The process ends with a sentence, and what it acknowledged is there."""
        if is_sanitized(self.nestor):
            print("skip memory that runs out: the sanitizers want an address space of their own")
            return
        with Site(self.nestor) as site:
            site.init()
            server = site.serve()
            with Writers(server, "MEMORY") as writers:
                writers.has(201, 20)
                with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as f:
                    size = int(f.read().split()[0]) * PAGE
                _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_AS)
                resource.prlimit(server.process.pid, resource.RLIMIT_AS, (size + (8 << 20), hard))
                bodies = [unfinished(server) for _ in range(200)]
                until(lambda: server.process.poll() is not None, "the end")
            for body in bodies:
                body.close()
            status = server.end()
            assert status == -signal.SIGABRT and "Is memory short" in server.text(), \
                (status, server.text()[-500:])
            with site.serve() as server:
                check(server, writers)

    @needs("root and a PostgreSQL server", IS_ROOT, HAS_SERVER)
    def test_a_database_server_that_falls_and_comes_back(self):
        """Under load: 503 while it is away, and what was acknowledged is there."""
        with Cluster() as cluster, Site(self.nestor, cluster.url) as site:
            site.init()
            with site.serve("--set", "db.connect_seconds=2") as server:
                with Writers(server, "FALL") as writers:
                    for _ in range(3):
                        writers.has(201, 20)
                        cluster.fall()
                        writers.has(503, 4)
                        assert server.client().ask("GET", "/readyz").status == 503
                        cluster.start()
                        writers.has(201, 20)
                    server.client().expect(200, "GET", "/readyz")
                check(server, writers)

    @needs("root and a PostgreSQL server", IS_ROOT, HAS_SERVER)
    def test_a_database_server_without_room(self):
        """It refuses, or falls for want of a place for its log; with room all goes on."""
        with Cluster(mib=112) as cluster, Site(self.nestor, cluster.url) as site:
            site.init()
            with site.serve("--set", "db.connect_seconds=2") as server:
                with Writers(server, "FULL", more="x" * 200) as writers:
                    for _ in range(2):
                        writers.has(201, 20)
                        leave(cluster.work, 0)
                        writers.has(REFUSALS, 8)
                        give_back(cluster.work)
                        cluster.start()
                        writers.has(201, 20)
                check(server, writers)


class Cluster:
    """A PostgreSQL server of our own, to be killed; on a small disk when that is wanted."""

    SMALL = ("-c", "max_wal_size=8MB", "-c", "min_wal_size=2MB", "-c", "autovacuum=off")

    def __init__(self, mib=0):
        self.work = tempfile.mkdtemp(prefix="nestor-pg-")
        self.disk = small_disk(self.work, mib) if mib else None
        self.settings = self.SMALL if mib else ()
        newest = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))
        self.bin = newest[-1]
        self.data = os.path.join(self.work, "data")
        self.url = f"postgresql:///postgres?host={self.work}&user=postgres"
        self.process = None

    def __enter__(self):
        if self.disk:
            self.disk.__enter__()
        shutil.chown(self.work, "postgres")
        os.chmod(self.work, 0o755)
        self.tool("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--locale=C.UTF-8", "-N", "--wal-segsize=1")
        self.start()
        return self

    def __exit__(self, *_):
        self.fall()
        if self.disk:
            self.disk.__exit__(None, None, None)
        shutil.rmtree(self.work, ignore_errors=True)
        os.remove(self.work + ".log")

    def tool(self, name, *words, check=True):
        return subprocess.run([os.path.join(self.bin, name), *words], check=check, user="postgres",
                              group="postgres", extra_groups=[], cwd=self.work,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self):
        """Unless it runs, and then as soon as it answers."""
        if self.process is None or self.process.poll() is not None:
            with open(self.work + ".log", "ab") as log:
                self.process = subprocess.Popen(
                    [os.path.join(self.bin, "postgres"), "-D", self.data, "-k", self.work, "-c",
                     "listen_addresses=", "-c", "max_connections=50", *self.settings],
                    user="postgres", group="postgres", extra_groups=[], cwd=self.work,
                    stdout=log, stderr=log)
        until(lambda: self.tool("pg_isready", "-q", "-h", self.work, check=False).returncode == 0,
              "PostgreSQL")

    def fall(self):
        """At once, as in a crash: it has to recover."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()


def ended(nestor, site, verb):
    return subprocess.run(["timeout", "10", nestor, *verb.split(), "--data", site.data],
                          capture_output=True, text=True, env=environment(), check=False)


def read_only(disk, is_on):
    subprocess.run(["mount", "-o", "remount," + ("ro" if is_on else "rw"), disk], check=True)


def main():
    chosen = arguments(__doc__.splitlines()[0], only="")
    tally = Tally()
    cases = Cases(chosen.nestor)
    for name in [n for n in dir(cases) if n.startswith("test_") and chosen.only in n]:
        case, title = getattr(cases, name), name[5:].replace("_", " ")
        if getattr(case, "lacks", None):
            print(f"skip {title}: it needs {case.lacks}")
        else:
            tally.run(title, case)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
