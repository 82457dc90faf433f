"""What becomes of an installation whose files are empty, damaged, unlinked, in use
twice, or cannot be written; and of a process that may have little memory. SQLite only.

Usage: storage_test.py --nestor PATH
"""
import itertools
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading

from support import Site, Tally, arguments, environment

NOBODY = 65534


def org(name):
    return {"id": name, "name": name}


def mounts(*words):
    return shutil.which("mount") is not None and subprocess.run(
        ["mount", *words], check=False, stderr=subprocess.DEVNULL).returncode == 0


class Cases:
    """Every method test_* is a case; each has an installation of its own."""

    def __init__(self, nestor):
        self.nestor = nestor

    def site(self):
        return Site(self.nestor)

    def test_an_empty_database_is_no_new_installation(self):
        """X26: beside a secret it is an accident; `init` may begin anew."""
        with self.site() as site:
            site.init()
            path = os.path.join(site.data, "nestor.db")
            os.truncate(path, 0)
            for verb in ("serve --listen 127.0.0.1:0", "user list", "migrate", "doctor", "dump"):
                p = site.run(verb)
                assert p.returncode == 1 and "is empty" in p.stderr, (verb, p.stderr)
                assert os.path.getsize(path) == 0, verb
            os.unlink(site.path("admin.token"))
            site.init()
            assert site.run("doctor").returncode == 0

    def test_damage_is_found(self):
        """X26: by `doctor` in any page, by /readyz where a table cannot be read."""
        with self.site() as site:
            site.init()
            assert site.run("doctor").returncode == 0
            path = os.path.join(site.data, "nestor.db")
            size = os.path.getsize(path)
            with open(path, "r+b") as f:
                for page in range(7, size // 4096, 7):
                    f.seek(page * 4096)
                    f.write(os.urandom(512))
            p = site.run("doctor")
            assert p.returncode == 1 and ("damaged" in p.stdout or "cannot" in p.stderr), \
                p.stdout + p.stderr

    def test_readyz_reads_a_table(self):
        """X26: a file that can be opened is not yet one that can be read."""
        with self.site() as site:
            site.init()
            with site.serve() as server:
                client = server.client("")
                assert client.ask("GET", "/readyz").status == 200
                db = sqlite3.connect(os.path.join(site.data, "nestor.db"))
                db.execute("ALTER TABLE nst_migration RENAME TO gone")
                db.commit()
                assert client.ask("GET", "/readyz").status == 503
                db.execute("ALTER TABLE gone RENAME TO nst_migration")
                db.commit()
                db.close()
                assert client.ask("GET", "/readyz").status == 200

    def test_an_unlinked_database_acknowledges_nothing(self):
        """X82: also one that another file has replaced."""
        for replace in (False, True):
            with self.site() as site:
                site.init()
                path = os.path.join(site.data, "nestor.db")
                with site.serve() as server:
                    client = server.client()
                    client.expect(201, "POST", "/guide/orgs/", org("BEFORE"))
                    if replace:
                        shutil.copy(path, path + ".copy")
                        os.replace(path + ".copy", path)
                    else:
                        os.remove(path)
                    for name in ("ONE", "TWO"):
                        answer = client.ask("POST", "/guide/orgs/", org(name))
                        assert answer.status == 500, answer
                    assert "removed or replaced" in server.text(), server.text()
                    client.expect(200, "GET", "/guide/orgs/BEFORE/")
                    client.expect(503, "GET", "/readyz")

    def test_a_second_server_is_warned(self):
        """X75: it may be meant, for an upgrade; it says so."""
        with self.site() as site:
            site.init()
            with site.serve() as first, site.serve() as second:
                assert "another server uses" not in first.text()
                assert "another server uses" in second.text()
                second.client().expect(201, "POST", "/guide/orgs/", org("SECOND"))
                first.client().expect(200, "GET", "/guide/orgs/SECOND/")
            with site.serve() as third:
                assert "another server uses" not in third.text()

    def test_a_snapshot_that_cannot_be_written_is_read(self):
        """X75: as a user who may read it only; nothing is made beside it."""
        if os.getuid() != 0:
            print("skip a_snapshot: only root can become somebody else")
            return
        with self.site() as site:
            site.init()
            assert site.run("user add ada").returncode == 0
            os.chmod(site.work, 0o755)
            os.chmod(site.data, 0o555)
            for name in os.listdir(site.data):
                os.chmod(os.path.join(site.data, name), 0o444)
            before = sorted(os.listdir(site.data))
            dump = self.as_nobody(site, "dump")
            assert dump.returncode == 0 and '"ada"' in dump.stdout, dump.stderr
            doctor = self.as_nobody(site, "doctor")
            assert "can be read by others" in doctor.stdout and "damaged" not in doctor.stdout, \
                doctor.stdout + doctor.stderr
            assert self.as_nobody(site, "migrate").returncode == 1
            os.mkdir(site.path("backups"))
            os.chown(site.path("backups"), NOBODY, NOBODY)
            # Somebody else may be writing it.
            backup = self.as_nobody(site, "backup", "--to", site.path("backups"))
            assert backup.returncode == 1 and "cannot be written" in backup.stderr, backup.stderr
            assert os.listdir(site.path("backups")) == []
            assert sorted(os.listdir(site.data)) == before

    def test_a_disk_that_became_read_only_is_backed_up(self):
        with self.site() as site:
            site.init()
            assert site.run("user add ada").returncode == 0
            frozen = site.path("frozen")
            os.mkdir(frozen)
            if not mounts("--bind", site.data, frozen):
                print("skip a_disk: nothing can be mounted here")
                return
            try:
                if not mounts("-o", "remount,ro,bind", frozen):
                    print("skip a_disk: no mount can be made read-only here")
                    return
                doctor = site.run("doctor", "--data", frozen, where=False)
                assert "is read-only" in doctor.stdout, doctor.stdout
                p = site.run("backup", "--data", frozen, "--to", site.path("backups"), where=False)
                assert p.returncode == 0 and "Read-only" in p.stderr, p.stderr
                self.backs_up_beside_a_writer(site, frozen)
            finally:
                subprocess.run(["umount", frozen], check=True)
            made = os.path.join(site.path("backups"), os.listdir(site.path("backups"))[0])
            with Site(self.nestor) as other:
                p = other.run("restore", made)
                assert p.returncode == 0 and '"ada"' in other.run("dump").stdout, p.stderr

    def backs_up_beside_a_writer(self, site, frozen):
        """Another mount of the same disk may be written: what is copied is of one moment, or none."""
        for turn in range(6):
            with site.serve() as server:
                client, is_over = server.client(), threading.Event()

                def write(client=client, is_over=is_over, turn=turn):
                    for i in itertools.count():
                        if is_over.is_set():
                            return
                        client.expect(201, "POST", "/guide/orgs/", org(f"T{turn}-{i}"))
                writer = threading.Thread(target=write)
                if turn % 2:
                    writer.start()
                p = site.run("backup", "--data", frozen, "--to", site.path(f"b{turn}"), where=False)
                is_over.set()
                if turn % 2:
                    writer.join()
            assert p.returncode == 0 or os.listdir(site.path(f"b{turn}")) == [], p.stderr
            if p.returncode == 0:
                made = os.path.join(site.path(f"b{turn}"), os.listdir(site.path(f"b{turn}"))[0])
                with Site(self.nestor) as other:
                    assert other.run("restore", made).returncode == 0
                    other.verify()

    def test_the_map_is_a_setting(self):
        """X58: the pages of the file that are mapped count as memory of the process."""
        for mib, is_mapped in ("1024", True), ("0", False):
            with self.site() as site:
                site.init()
                with site.serve("--set", f"db.map_mib={mib}") as server:
                    assert server.client().ask("GET", "/users/").status == 200
                    with open(f"/proc/{server.process.pid}/maps", encoding="ascii") as f:
                        mapped = any(line.rstrip().endswith("/nestor.db") for line in f)
                    assert mapped == is_mapped, mib

    def as_nobody(self, site, verb, *words):
        return subprocess.run([self.nestor, verb, "--data", site.data, *words], capture_output=True,
                              text=True, user=NOBODY, group=NOBODY, cwd="/",
                              env=environment(), check=False)

    def test_little_memory_is_told(self):
        """X82: `ulimit -v` at which something does not start: a sentence, no silence."""
        if "asan" in subprocess.run(["ldd", self.nestor], capture_output=True, text=True,
                                    check=False).stdout:
            print("skip little_memory: the sanitizers want an address space of their own")
            return
        with self.site() as site:
            site.init()
            for mib in (40, 48, 56, 64, 72):
                limit = mib << 20
                p = subprocess.run(["timeout", "5", self.nestor, "serve", "--data", site.data,
                                    "--listen", "127.0.0.1:0"], capture_output=True, text=True,
                                   env=environment(), check=False, preexec_fn=lambda n=limit:
                                   resource.setrlimit(resource.RLIMIT_AS, (n, n)))
                assert p.returncode in (1, 124, 127) or "Is memory short" in p.stderr, \
                    (mib, p.returncode, p.stderr)
                assert p.stderr, (mib, p.returncode)


def main():
    chosen = arguments(__doc__.splitlines()[0], only="")
    tally = Tally()
    cases = Cases(chosen.nestor)
    for name in [n for n in dir(cases) if n.startswith("test_") and chosen.only in n]:
        tally.run(name[5:].replace("_", " "), getattr(cases, name))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
