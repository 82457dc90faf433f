"""Backup, restore and move: what comes back is what was there, byte for byte, inactive rows
included; what is damaged, foreign, newer or half is refused; a kill at any time harms nothing.

Usage: backup_test.py --nestor PATH [--kills 4]
# rows: G165 V620
"""
import glob
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

from export_test import WHERE, concept, fetch, line, load, until
from support import PATIENCE, Site, Tally, arguments, build_for, engines
from http_server import PSQL, Database, environment

CONCEPTS = 300


# ---- An installation with a past ----

def fill(client):
    for org in "OP":
        client.expect(201, "POST", "/v2/orgs/", {"id": org, "name": org})
    client.expect(201, "POST", "/v2/orgs/O/sources/", {"id": "S", "name": "S\t\\N \"ü\"\n"})
    client.expect(201, "POST", "/v2/orgs/P/sources/", {"id": "T", "name": "T"})
    load(client, concept, CONCEPTS)
    client.expect(201, "POST", WHERE + "versions/", {"id": "v1", "released": True})
    load(client, lambda i: concept(i) | {"retired": i % 3 == 0}, 30)
    client.expect(201, "POST", WHERE + "versions/", {"id": "v2", "released": True})
    client.expect(204, "DELETE", "/v2/orgs/P/sources/T/")
    client.expect(204, "DELETE", "/v2/orgs/P/")
    return {v: hashlib.sha256(fetch(client, v).body).hexdigest() for v in ("v1", "v2")}


def exports(client):
    return {v: hashlib.sha256(fetch(client, v).body).hexdigest() for v in ("v1", "v2")}


def rows(site):
    """Every row, but for what a server writes on its own: leases, and migrations' times."""
    return {t: r for t, r in site.dump().items()
            if t not in ("nst_migration", "task_lease", "task_host")}


def backup(site, to, *words):
    p = site.run("backup", "--to", to, "--json", *words)
    assert p.returncode == 0, p.stderr
    return json.loads(p.stdout)["backup"]


class Place(Site):
    """Where something is restored to: nothing is there yet."""

    def __init__(self, of, database=None):
        super().__init__(of.nestor, database.cluster if database else None)
        self.token = of.token

    def restore(self, *words):
        return self.run("restore", *words)


def is_refused(p, *texts):
    assert p.returncode == 1, (p.returncode, p.stdout, p.stderr)
    for text in texts:
        assert text in p.stderr, (text, p.stderr)


# ---- There and back ----

def comes_back(site, server, before, engine):
    """Beside a server that writes; onto either engine."""
    stop, failed, slowest = threading.Event(), [], [0.0]

    def write():
        client = server.client()
        for i in range(100000):
            if stop.is_set():
                break
            begun = time.monotonic()
            answer = client.ask("PATCH", f"{WHERE}concepts/C{i % 50}/",
                                {"extras": {"i": i}, "update_comment": str(i)})
            slowest[0] = max(slowest[0], time.monotonic() - begun)
            if answer.status != 200:
                failed.append(answer)
        client.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [backup(site, site.path("backups")), backup(site, site.path("all.tar.gz"))]
    finally:
        stop.set()
        writer.join()
    assert not failed, failed[0]
    client = server.client()
    assert exports(client) == before
    made.append(backup(site, site.path("backups")))
    client.close()
    for place in made:
        returns(site, place, before)
    if engine == "postgresql":
        with Place(site, site.database) as target:
            p = target.restore(made[-1])
            assert p.returncode == 0, p.stderr
            serves(target, before)
            assert rows(target) == rows(site), "the rows differ"


def returns(site, backup_made, before):
    with Place(site) as target:
        p = target.restore(backup_made)
        assert p.returncode == 0, p.stderr
        serves(target, before)


def serves(target, before):
    target.verify()
    with target.serve() as server:
        client = server.client()
        assert exports(client) == before
        client.expect(404, "GET", "/v2/orgs/P/")
        client.close()


def everything_is_gone_and_back(site, before):
    """The data folder is removed; the last backup has all of it."""
    there, made = rows(site), backup(site, site.path("backups"))
    with Place(site) as target:
        assert target.restore(made).returncode == 0
        if not site.database:
            assert rows(target) == there, "the rows differ"
            shutil.rmtree(site.data)
            assert site.run("restore", made).returncode == 0
            assert rows(site) == there, "the rows differ"
    del before


def settings_come_along(site):
    """But for where database and tasks were."""
    with open(os.path.join(site.data, "nestor.conf"), "w", encoding="utf-8") as f:
        f.write(f"# ours\nlog.level = warn\ntasks.folder = {site.data}/tasks\n"
                "[auth]\njwt.leeway_seconds = 7\n")
    made = backup(site, site.path("settings"))
    os.unlink(os.path.join(site.data, "nestor.conf"))
    with Place(site) as target:
        assert target.restore(made).returncode == 0
        shown = json.loads(target.run("config", "--json").stdout)
        assert shown["auth.jwt.leeway_seconds"]["value"] == "7", shown
        assert shown["log.level"] == {**shown["log.level"], "value": "warn", "origin": "file"}
        assert shown["tasks.folder"]["origin"] == "default", shown["tasks.folder"]
        with open(os.path.join(target.data, "nestor.conf"), encoding="utf-8") as f:
            assert "# of the server that was backed up: tasks.folder" in f.read()


def places_do_not_come_along(site):
    """However the line is written that names one: the copy writes nowhere else."""
    url = site.database.url if site.database else os.path.join(site.data, "nestor.db")
    for text in (f"\ufeffdatabase = {url}\n", f"[ ]\ndatabase={url}\n", f"[]\n database\t= {url}\n",
                 f"[ tasks ]\nfolder = {site.data}/tasks\n", f"[\ttasks]\nfolder={site.data}/tasks\r\n",
                 f"\ufeff[tasks]\nfolder = {site.data}/tasks\n",
                 "[db]\nreplica = host=nowhere\n", "db.replica = host=nowhere\n"):
        conf = site.write("data/nestor.conf", text)
        shown = json.loads(site.run("config", "--json", "--data", site.data, where=False).stdout)
        named = [n for n in ("database", "tasks.folder", "db.replica") if shown[n]["origin"] == "file"]
        assert len(named) == 1, (text, shown)
        made = backup(site, site.path("placed"))
        os.unlink(conf)
        with Place(site) as target:
            assert target.restore(made).returncode == 0
            shown = json.loads(target.run("config", "--json", "--data", target.data,
                                          where=False).stdout)
            origin = shown[named[0]]["origin"]
            assert origin == ("file" if target.database and named == ["database"] else "default"), text
            if target.database:
                assert shown["database"]["value"] == target.database.url, shown["database"]
        shutil.rmtree(site.path("placed"))


def keys_come_along(site):
    """Those in the data folder, however it is named; the verb tells of others."""
    with Site(site.nestor) as own:
        own.data = own.path("http-data")
        own.init()
        own.write("http-data/jwt.secret", "k" * 40)
        own.write("http-data/nestor.conf", "auth.jwt.secret_file = jwt.secret\n")
        p = own.run("backup", "--data", "http-data", "--to", own.path("b.tar.gz"), where=False)
        assert p.returncode == 0 and "4 files" in p.stdout + p.stderr, (p.stdout, p.stderr)
        # Named by a whole path it is the copy's own afterwards.
        own.write("http-data/nestor.conf", f"[auth]\njwt.secret_file = {own.data}/jwt.secret\n")
        assert own.run("backup", "--to", own.path("w.tar.gz")).returncode == 0
        with Place(own) as target:
            assert target.restore(own.path("w.tar.gz")).returncode == 0
            shown = json.loads(target.run("config", "--json").stdout)["auth.jwt.secret_file"]
            assert shown["value"] == os.path.join(target.data, "jwt.secret"), shown
            assert os.path.exists(shown["value"])
        # What did not come along is no other file of that name, and an address is none.
        with open(os.path.join(own.data, "secret.key"), encoding="utf-8") as f:
            own.write("secret.key", f.read())
        for line in (f"auth.jwt.secret_file = {own.path('secret.key')}",
                     "auth.jwt.jwks = https://example.org/secret.key"):
            own.write("http-data/nestor.conf", line + "\n")
            assert own.run("backup", "--to", own.path("e.tar.gz")).returncode == 0
            with Place(own) as target:
                assert target.restore(own.path("e.tar.gz")).returncode == 0
                with open(os.path.join(target.data, "nestor.conf"), encoding="utf-8") as f:
                    assert f.read() == line + "\n"
        os.mkdir(own.path("http-data/keys"))
        own.write("http-data/keys/s", "k" * 40)
        own.write("http-data/nestor.conf", "auth.jwt.secret_file = keys/s\n")
        p = own.run("backup", "--to", own.path("c.tar.gz"))
        assert p.returncode == 0 and "does not lie in the data folder itself" in p.stderr, p.stderr


# ---- A folder of backups ----

def old_ones_go(site):
    folder = site.path("kept")
    others = ["letters", "nestor-notes", "nestor-2026", "nestor-20261129T151500Zx", "nestor-x.part"]
    for name in others:
        os.makedirs(os.path.join(folder, name))
    made = [backup(site, folder, "--keep", "2") for _ in range(4)]
    assert sorted(os.listdir(folder)) == sorted(others + [os.path.basename(m) for m in made[-2:]])
    keys = [os.stat(os.path.join(m, "secret.key")) for m in made[-2:]]
    assert keys[0].st_ino == keys[1].st_ino, "what did not change is copied again"
    assert all(os.stat(m).st_mode & 0o77 == 0 for m in made[-2:])
    # What was linked is compared first: a damaged one is not passed on.
    with open(os.path.join(made[-1], "secret.key"), "r+b") as f:
        f.write(b"x")
    os.utime(os.path.join(made[-1], "secret.key"), ns=(keys[0].st_atime_ns, keys[0].st_mtime_ns))
    newest = backup(site, folder)
    assert site.run("restore", "--dry-run", newest).returncode == 1  # the place is not empty
    with Place(site) as target:
        assert target.restore("--dry-run", newest).returncode == 0
        is_refused(target.restore("--dry-run", made[-1]), "secret.key", "damaged")
        is_refused(target.restore(folder), "has backups", os.path.basename(newest))
        assert not os.path.exists(target.data)
    last = json.load(open(os.path.join(site.data, "last-backup.json"), encoding="utf-8"))
    assert last["place"] == newest, last


def bad_words_are_refused(site):
    for words, text in ((["--to", ""], "--to says"), ([], "--to says"),
                        (["--to", "x.tar", "--keep", "2"], "--keep is for a folder"),
                        (["--to", "x", "--keep", "0"], "--keep is a number"),
                        (["--to", "x", "--keep", "two"], "--keep is a number")):
        p = site.run("backup", *words)
        assert p.returncode == 2 and text in p.stderr, (words, p.stderr)
    is_refused(site.run("backup", "--to", "/proc/none"), "/proc/none")
    is_refused(site.run("backup", "--to", "/proc/none/x.tar"), "/proc/none")
    for inside in ("", "/backups", "/tasks/../all.tar"):
        is_refused(site.run("backup", "--to", site.data + inside), "is inside the installation")
    assert not os.path.exists(site.data + "/backups")
    os.mkdir(site.path("folder.db"))
    assert site.run("backup", "--to", site.path("folder.db")).returncode == 0
    for name in ("all.zip", "all.7z", "all.gz", "backup.db", "all.ZIP", "all.tbz2", "all.TAR"):
        p = site.run("backup", "--to", site.path(name))
        assert p.returncode == 2 and "ends with .tar" in p.stderr, p.stderr
        assert not os.path.exists(site.path(name)), name
    is_refused(site.run("backup", "--data", site.path("none"), "--to", site.path("for-nothing"),
                        where=False), "Is ", "none the data folder?")
    assert not os.path.exists(site.path("for-nothing"))
    is_refused(Place(site).restore(site.path("no-backup")), "no-backup", "No such file")
    assert site.run("restore").returncode == 2 and site.run("move").returncode == 2


def two_at_once(site):
    """One waits for nothing, the other is told."""
    folder = site.path("twice")
    os.mkdir(folder)
    holder = subprocess.Popen(["flock", folder, "sleep", "60"])
    until("the lock", lambda: subprocess.run(["flock", "-n", folder, "true"],
                                             check=False).returncode == 1)
    is_refused(site.run("backup", "--to", folder), "another backup", folder)
    subprocess.run(["pkill", "-P", str(holder.pid)], check=False)
    holder.wait()
    until("its end", lambda: subprocess.run(["flock", "-n", folder, "true"],
                                            check=False).returncode == 0)
    backup(site, folder)


def an_old_one_is_noticed(site):
    folder, last = site.path("aged"), os.path.join(site.data, "last-backup.json")
    backup(site, folder)
    assert "backup" not in site.run("doctor").stdout
    with open(last, "w", encoding="utf-8") as f:
        json.dump({"time": "2026-01-01T00:00:00Z", "place": folder}, f)
    p = site.run("doctor")
    assert p.returncode == 1 and "days old" in p.stdout, p.stdout
    with open(last, "w", encoding="utf-8") as f:
        f.write("{")
    assert "is damaged" in site.run("doctor").stdout


def no_room(site):
    """A disk that takes no more: it says so, and nothing is left."""
    folder = site.path("full")
    for to in (folder, site.path("full.tar")):
        p = subprocess.run([site.nestor, "backup", *site.where(), "--to", to], text=True,
                           capture_output=True, env=environment(), check=False,
                           preexec_fn=lambda: resource.setrlimit(
                               resource.RLIMIT_FSIZE, (300000, resource.RLIM_INFINITY)))
        assert p.returncode == 1 and "no room" in p.stderr, p.stderr
    assert os.listdir(folder) == [], os.listdir(folder)
    assert not glob.glob(site.path("full.tar")) and not glob.glob(site.path(".part-*"))


# ---- What is no backup ----

def damage_is_found(site):
    made = backup(site, site.path("whole"))

    def with_change(change, *texts):
        copy = site.path("damaged")
        shutil.copytree(made, copy)
        change(copy)
        with Place(site) as target:
            for words in (["--dry-run"], []):
                is_refused(target.restore(*words, copy), *texts)
            assert target.run("serve").returncode == 1
        shutil.rmtree(copy)

    def cut(name):
        def change(folder):
            path = os.path.join(folder, name)
            os.truncate(path, os.path.getsize(path) // 2)
        return change

    def flip(name):
        def change(folder):
            with open(os.path.join(folder, name), "r+b") as f:
                f.seek(os.path.getsize(f.name) // 2)
                byte = f.read(1)
                f.seek(-1, 1)
                f.write(bytes([byte[0] ^ 1]))
        return change

    def listed(**members):
        def change(folder):
            path = os.path.join(folder, "backup.json")
            with open(path, encoding="utf-8") as f:
                document = json.load(f)
            document.update(members)
            with open(path, "w", encoding="utf-8") as f:
                json.dump(document, f)
        return change

    entry = {"name": "nestor.db", "bytes": 1, "changed": 1, "sha256": "00"}
    for change, *texts in (
            (cut("nestor.db"), "damaged", "nestor.db"), (flip("nestor.db"), "damaged", "nestor.db"),
            (cut("secret.key"), "damaged", "secret.key"), (cut("backup.json"), "backup.json"),
            (lambda f: os.unlink(os.path.join(f, "nestor.db")), "nestor.db"),
            (lambda f: os.unlink(os.path.join(f, "backup.json")), "no backup"),
            (listed(program="other"), "of this program"), (listed(step=10**6), "newer version"),
            (listed(format=2), "newer version"), (listed(files=[]), "no database"),
            (listed(files=[entry, {**entry, "name": "../x"}]), "damaged"),
            (listed(files=[entry, {**entry, "name": "tasks/../x"}]), "damaged"),
            (listed(files=[entry, {**entry, "name": "/etc/x"}]), "damaged"),
            (listed(files=[{**entry, "bytes": "many"}]), "damaged"), (listed(files=3), "damaged")):
        with_change(change, *texts)
    archive = backup(site, site.path("whole.tar"))
    with open(archive, "r+b") as f:
        f.truncate(os.path.getsize(archive) // 2)
    with Place(site) as target:
        is_refused(target.restore(archive), "tar")
        is_refused(target.restore(site.path("none.tar.gz")), "none.tar.gz")
        is_refused(target.restore(site.path("none")), "none")


def a_cut_one_goes_by_its_own_settings(site):
    """A backup whose settings name a database, cut while files come: the next run does not go there."""
    with open(os.path.join(site.data, "nestor.conf"), "w", encoding="utf-8") as f:
        f.write(f"database = {site.path('elsewhere.db')}\n")
    made = backup(site, site.path("named"), *([] if site.database else
                                              ["--database", os.path.join(site.data, "nestor.db")]))
    os.unlink(os.path.join(site.data, "nestor.conf"))
    with open(os.path.join(made, "backup.json"), encoding="utf-8") as f:
        listed = json.load(f)
    with Place(site) as target:
        # As a kill leaves it when all but the database has come.
        secret = os.path.join(made, "secret.key")
        shutil.copy(secret, secret + ".kept")
        os.truncate(secret, 3)
        is_refused(target.restore(made), "damaged")
        shutil.move(secret + ".kept", secret)
        assert not os.path.exists(os.path.join(target.data, "nestor.conf"))
        p = target.restore(made)
        assert p.returncode == 0, p.stderr
        assert "database" in open(os.path.join(target.data, "nestor.conf"), encoding="utf-8").read()
        target.verify()
    other = site.path("other-time")
    shutil.copytree(made, other)
    listed["time"] = "2001-01-01T00:00:00Z"
    with open(os.path.join(other, "backup.json"), "w", encoding="utf-8") as f:
        json.dump(listed, f)
    with Place(site) as target:
        os.makedirs(target.data)
        target.write("data/.restoring", "2002-02-02T00:00:00Z\n")
        is_refused(target.restore(other), "half of another backup")
        holder = subprocess.Popen(["flock", target.data, "sleep", "60"])
        until("the lock", lambda: subprocess.run(["flock", "-n", target.data, "true"],
                                                 check=False).returncode == 1)
        is_refused(target.restore(made), "another restore")
        subprocess.run(["pkill", "-P", str(holder.pid)], check=False)
        holder.wait()


def what_is_no_installation_is_refused(site):
    """A folder without its secret; half of a move; names that no list can have."""
    os.mkdir(site.path("typo"))
    where = ["--data", site.path("typo")] + (["--database", site.database.url] if site.database
                                             else [])
    p = site.run("backup", *where, "--to", site.path("bad"), where=False)
    is_refused(p, "secret.key")
    half = site.path("half")
    shutil.copytree(site.data, half)
    for name in glob.glob(os.path.join(half, "nestor.db*")):
        os.unlink(name)
    db = sqlite3.connect(os.path.join(half, "nestor.db"))
    db.execute("CREATE TABLE nst_migration (number bigint PRIMARY KEY, name text, applied bigint, "
               "checksum text)")
    db.execute("INSERT INTO nst_migration VALUES (1000000000, 'copy', 0, NULL)")
    db.commit()
    db.close()
    is_refused(site.run("backup", "--data", half, "--to", site.path("bad"), where=False),
               "half a copy")
    tasks = os.path.join(site.data, "tasks").encode()
    for name in (b"backup.json", b"a\xff.csv"):
        with open(os.path.join(tasks, name), "wb") as f:
            f.write(b"x")
    made = backup(site, site.path("named-oddly"))
    with Place(site) as target:
        assert target.restore("--dry-run", made).returncode == 0
    os.unlink(os.path.join(tasks, b"backup.json"))
    os.unlink(os.path.join(tasks, b"a\xff.csv"))


def names_ahead_are_passed(site):
    folder = site.path("ahead")
    os.makedirs(os.path.join(folder, "nestor-20360101T000000Z"))
    made = backup(site, folder, "--keep", "1")
    assert os.path.basename(made) == "nestor-20360101T000001Z", made
    assert os.path.exists(os.path.join(folder, "nestor-20360101T000000Z")), "it was no backup"


def only_an_empty_place(site):
    made = backup(site, site.path("whole"))
    is_refused(site.run("restore", made), "not empty")
    with Place(site) as target:
        os.mkdir(target.data)
        target.write("data/letter", "x")
        is_refused(target.restore(made), "not empty")
        os.unlink(target.path("data/letter"))
        is_refused(target.restore("--database", target.path("x.db"), made), "in its folder")
        if site.database:
            is_refused(target.restore("--database", site.database.url, made), "something already")
            shutil.rmtree(target.data)
        assert target.restore(made).returncode == 0


# ---- Kills ----

def killed(site, verb, *words, where=None):
    """Kill it somewhere between its start and its end. True: it was killed."""
    p = subprocess.Popen([site.nestor, verb, *(where or site.where()), *words, "--quiet"],
                         env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(random.uniform(0, killed.longest.get(verb, 0.3)))
    p.kill()
    return p.wait() == -signal.SIGKILL


killed.longest = {}


def timed(site, verb, *words):
    begun = time.monotonic()
    p = site.run(verb, *words)
    assert p.returncode == 0, p.stderr
    killed.longest[verb] = time.monotonic() - begun


def kills_harm_nothing(site, before, kills):
    """A backup, or a restore, that was killed: the source is as it was, what can be seen is whole,
    and the same command does it again."""
    there, folder = rows(site), site.path("killed")
    timed(site, "backup", "--to", folder)
    for _ in range(kills):
        killed(site, "backup", "--to", folder)
        for name in os.listdir(folder):
            if not name.endswith(".part"):
                with Place(site) as target:
                    assert target.restore("--dry-run", os.path.join(folder, name)).returncode == 0
    made = backup(site, folder, "--keep", "1")
    assert os.listdir(folder) == [os.path.basename(made)], os.listdir(folder)
    assert rows(site) == there
    databases = [None] + ([site.database] if site.database else [])
    for i in range(kills):
        with Place(site, databases[i % len(databases)]) as target:
            if i < len(databases):
                timed(target, "restore", made)
                continue
            if killed(target, "restore", made) and os.path.exists(target.data):
                p = target.run("user", "list")
                assert p.returncode == 1 or "admin" in p.stdout, p.stdout
                p = target.restore(made)
                assert p.returncode == 0 or "come to its end" in p.stderr or \
                    "not empty" in p.stderr, p.stderr
                if p.returncode == 0:
                    target.verify()
    assert rows(site) == there
    del before


def has_moved(p):
    """A run that was killed had come to its end."""
    return "something" in p.stderr or "was moved to" in p.stderr


def moves(site, before, kills):
    """SQLite to PostgreSQL and back: the same rows and exports; killed at any time, the former
    database is unharmed and the new one whole or refused."""
    there = rows(site)
    file = os.path.join(site.data, "nestor.db")
    timed(site, "move", file)
    for _ in range(kills):
        os.unlink(file)
        p = site.run("move", "--stay")
        assert p.returncode == 0 or "was not moved" in p.stderr, p.stderr
        while killed(site, "move", file):
            if random.random() < 0.5:
                break
        with Place(site) as other:
            p = other.run("user", "list", "--data", site.data, "--database", file, where=False)
            assert p.returncode == 1 or "admin" in p.stdout, p.stdout
        p = site.run("move", file)
        assert p.returncode == 0 or has_moved(p), p.stderr
    assert rows(site) == there
    with Place(site, site.database) as target:
        shutil.copytree(site.data, target.data)
        for i in range(kills):
            killed(site, "move", target.database.url,
                   where=["--data", site.data, "--database", file])
            p = target.run("user", "list")
            assert p.returncode == 1 or "admin" in p.stdout, p.stdout
            if p.returncode == 0:
                break
        here = ("--data", site.data, "--database", file)
        p = site.run("move", target.database.url, *here, where=False)
        assert p.returncode == 0 or has_moved(p), p.stderr
        is_refused(site.run("move", site.path("third.db"), *here, where=False),
                   f"was moved to {target.database.url}")
        serves(target, before)
        assert rows(target) == there, "the rows differ"
    a_server_that_starts_meanwhile(site)


def until_locked(site, mode, is_granted=False):
    """Somebody waits for, or has, a lock of that mode in the site's database."""
    end = time.monotonic() + PATIENCE
    while site.query("SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE "
                     f"datname = current_database() AND granted = {is_granted} AND "
                     f"mode = '{mode}'") == [("0",)]:
        assert time.monotonic() < end, f"nobody waits for {mode}, or has it"
        time.sleep(0.02)


def a_server_that_starts_meanwhile(site):
    """It waits for the move, on PostgreSQL, and finds the mark: it serves nobody."""
    site.run("move", "--stay")  # a run above may have been killed behind its end
    command = {"env": environment(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               "text": True}
    with Place(site, site.database) as target, \
            subprocess.Popen([PSQL, site.database.url, "-qX"], stdin=subprocess.PIPE,
                             text=True) as holder:
        holder.stdin.write("BEGIN; UPDATE account SET name = name WHERE id = 0;\n")
        holder.stdin.flush()
        until_locked(site, "RowExclusiveLock", True)
        move = subprocess.Popen([site.nestor, "move", *site.where(), target.database.url], **command)
        until_locked(site, "ShareLock")
        serve = subprocess.Popen([site.nestor, "serve", *site.where(), "--listen", "127.0.0.1:0"],
                                 **command)
        until_locked(site, "AccessExclusiveLock")
        holder.communicate("COMMIT;\n")
        said = move.communicate()
        assert move.returncode == 0, said
        said = serve.communicate()[1]
        assert serve.returncode == 1 and f'"to":"{target.database.url}"' in said, said
    assert site.run("move", "--stay").returncode == 0


def two_into_one_database(site):
    """Whoever comes later takes over; what is served in the end is whole, whoever wrote it."""
    there, made = rows(site), backup(site, site.path("twins"))
    for _ in range(3):
        with Place(site, site.database) as target:
            folders = [target.path(f"twin{i}") for i in range(3)]
            runs = [subprocess.Popen([site.nestor, "restore", "--data", folder, "--database",
                                      target.database.url, "--quiet", made], env=environment(),
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                    for folder in folders[:2]]
            ended = [run.communicate() and run.returncode for run in runs]
            if 0 not in ended:
                p = target.run("restore", "--data", folders[2], "--database", target.database.url,
                               made, where=False)
                assert p.returncode == 0, p.stderr
            assert rows(target) == there, "the rows differ"


def the_former_is_left(site):
    """Whoever forgets the line in nestor.conf writes nothing, and no backup, of the former one."""
    where = site.path("new.db")
    for verb, *words in (("serve", "--listen", "127.0.0.1:0"), ("user", "list"), ("verify",),
                         ("backup", "--to", site.path("backups-left")),
                         ("move", site.path("elsewhere.db"))):
        p = site.run(verb, *words)
        assert p.returncode == 1 and (f"moved to {where}" in p.stderr or
                                      f'"to":"{where}"' in p.stderr), (verb, p.stderr)
    assert not glob.glob(site.path("backups-left/*")) and not os.path.exists(site.path("elsewhere.db"))
    p = site.run("move", "--stay")
    assert p.returncode == 0 and where in p.stdout, p.stderr
    assert ("let it name this one" in p.stdout) == bool(site.database), p.stdout
    is_refused(site.run("move", "--stay"), "was not moved")
    for words in (("--stay", "x.db"), ("--stay", "--json")):
        assert site.run("move", *words).returncode == 2
    site.verify()


def a_move_wants_to_be_alone(site):
    with site.serve():
        p = site.run("move", site.path("new.db"), "--set", "db.busy_ms=100")
        is_refused(p, "stop")
    p = site.run("move", site.path("new.db"))
    assert p.returncode == 0 and f"\n  database = {site.path('new.db')}\n" in p.stdout, p.stderr
    the_former_is_left(site)
    is_refused(site.run("move", site.path("new.db")), "has something")
    letter = site.write("letter.db", "This is no database, and was never one.\n" * 50)
    is_refused(site.run("move", letter), "of something else")
    other = sqlite3.connect(site.path("their.db"))
    other.execute("CREATE TABLE t (a)")
    other.close()
    with open(site.path("their.db"), "rb") as f:
        theirs = f.read()
    is_refused(site.run("move", site.path("their.db")), "has something")
    is_refused(site.run("move", "--stay", "--data", site.data, "--database", site.path("their.db"),
                        where=False), "was not moved")
    with open(site.path("their.db"), "rb") as f:
        assert f.read() == theirs, "it was changed"
    is_refused(site.run("move", "file:x.db"), "no path")
    for to in ("file:x.db?mode=memory", "dbname=x host=/nowhere"):
        is_refused(site.run("move", to), "the target is neither")
    for to in ("x\udcff.db", "x\n.db"):
        is_refused(site.run("move", to), "the target is no UTF-8")
    for end in ("", "-wal", "-shm", "-journal") if not site.database else ():
        os.symlink(site.data, site.path("link" + end))
        for folder in (site.data, site.path("link" + end)):
            is_refused(site.run("move", os.path.join(folder, "nestor.db" + end)), "is a file of")
    p = site.run("move", site.path("other.db"), "--database", site.path("nothing.db"),
                 "--data", site.data, where=False)
    is_refused(p, "not there")


# ---- The run ----

def run(tally, nestor, engine, cluster, kills):
    with Site(nestor, cluster) as site:
        site.init()
        with site.serve() as server:
            client = server.client()
            before = fill(client)
            client.close()
            tally.run(f"{engine}: comes_back", comes_back, site, server, before, engine)
        for name, case, *args in (("settings_come_along", settings_come_along),
                                  ("places_do_not_come_along", places_do_not_come_along),
                                  ("keys_come_along", keys_come_along),
                                  ("old_ones_go", old_ones_go),
                                  ("bad_words_are_refused", bad_words_are_refused),
                                  ("two_at_once", two_at_once),
                                  ("an_old_one_is_noticed", an_old_one_is_noticed),
                                  ("no_room", no_room),
                                  ("damage_is_found", damage_is_found),
                                  ("names_ahead_are_passed", names_ahead_are_passed),
                                  ("what_is_no_installation_is_refused",
                                   what_is_no_installation_is_refused),
                                  ("a_cut_one_goes_by_its_own_settings",
                                   a_cut_one_goes_by_its_own_settings),
                                  ("only_an_empty_place", only_an_empty_place),
                                  ("a_move_wants_to_be_alone", a_move_wants_to_be_alone),
                                  ("kills_harm_nothing", kills_harm_nothing, before, kills)):
            tally.run(f"{engine}: {name}", case, site, *args)
        if engine == "postgresql":
            tally.run(f"{engine}: two_into_one_database", two_into_one_database, site)
            tally.run(f"{engine}: moves", moves, site, before, kills)
        tally.run(f"{engine}: everything_is_gone_and_back", everything_is_gone_and_back, site,
                  before)


def main():
    options = arguments(__doc__, kills=4, plain="")
    tally = Tally()
    for engine, cluster in engines():
        tally.run(f"{engine}: the server ends as it should", run, tally,
                  build_for(options, cluster), engine, cluster, options.kills)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
