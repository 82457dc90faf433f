"""Failovers by Patroni under load: the primary is killed with SIGKILL, Patroni and all, while
concepts are written and learners enrolled through Nestor, which reads from the replicas.
Every write that was answered must be there afterwards, through Nestor and in the database.

Three nodes with synchronous_mode and an etcd, all on the loopback address; not a part of
./check. It needs the packages of `tools/install-packages failover`. A failover takes the ttl of
the leader's key and some seconds: 20 to 30 s with the return of the node that was killed.

Usage: failover.py --nestor PATH [--failovers N] [--seed N] [--ttl SECONDS]

A hundred, unattended; they end by themselves, and the last line has the figures:
    nohup python3 tests/blackbox/failover.py --nestor build/release/nestor --failovers 100 \\
        > /tmp/failover100.log 2>&1 &
"""
import collections
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import university
from postgres import BIN, IS_ROOT, as_postgres
from replica_test import READS, PgSite
from support import REPORTS, arguments, free_ports

NODES = 3
BOOT = 120      # seconds that a step of Patroni's may take
HEALED = 300    # and the return of a node, which may have to copy everything
WRITERS = 2     # of each kind
BETWEEN = 200   # writes that are answered between two failovers, at least
UNKNOWN = (500,)  # docs/operations.md: the outcome of a commit whose answer never came
REFUSED = (503,)

PATRONI = """scope: nestor
name: {name}
restapi: {{listen: "127.0.0.1:{rest}", connect_address: "127.0.0.1:{rest}"}}
etcd3: {{hosts: "127.0.0.1:{etcd}"}}
bootstrap:
  dcs:
    ttl: {ttl}
    loop_wait: 2
    retry_timeout: 3
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {{max_connections: 100, fsync: "off", wal_keep_size: 256MB}}
  initdb: [encoding: UTF8, locale: C.UTF-8, data-checksums]
postgresql:
  listen: "127.0.0.1:{port}"
  connect_address: "127.0.0.1:{port}"
  data_dir: {folder}/data
  pgpass: {folder}/pgpass
  bin_dir: {bin}
  remove_data_directory_on_rewind_failure: true
  remove_data_directory_on_diverged_timelines: true
  pg_hba: [local all all trust, host all all 127.0.0.1/32 trust, host replication all 127.0.0.1/32 trust]
  parameters: {{unix_socket_directories: {folder}}}
  authentication:
    superuser: {{username: postgres, password: unused}}
    replication: {{username: postgres, password: unused}}
    rewind: {{username: postgres, password: unused}}
"""


def wait_until(what, says, seconds=BOOT):
    end = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < end, f"waited in vain: {says}"
        time.sleep(0.1)
    return value


def children_of(pid):
    with contextlib.suppress(OSError), \
            open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(word) for word in f.read().split()]
    return []


def kill(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Node:
    """Patroni and the PostgreSQL that it runs."""

    def __init__(self, cluster, number, ports):
        self.folder = os.path.join(cluster.work, f"node{number}")
        self.name, (self.port, self.rest) = f"node{number}", ports
        os.mkdir(self.folder, 0o700)
        text = PATRONI.format(name=self.name, rest=self.rest, port=self.port, etcd=cluster.etcd,
                              ttl=cluster.ttl, folder=self.folder, bin=BIN[0])
        with open(os.path.join(self.folder, "patroni.yml"), "w", encoding="utf-8") as f:
            f.write(text)
        if IS_ROOT:
            for path in (self.folder, os.path.join(self.folder, "patroni.yml")):
                shutil.chown(path, "postgres", "postgres")
        self.patroni = None

    def start(self):
        with open(os.path.join(self.folder, "patroni.log"), "ab") as log:
            self.patroni = subprocess.Popen(
                ["/usr/bin/patroni", os.path.join(self.folder, "patroni.yml")], cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **as_postgres())

    def postmaster(self):
        with contextlib.suppress(OSError, ValueError, IndexError), \
                open(os.path.join(self.folder, "data", "postmaster.pid"), encoding="ascii") as f:
            pid = int(f.readline())
            with open(f"/proc/{pid}/cmdline", "rb") as line:
                return pid if self.folder.encode() in line.read() else None
        return None

    def kill(self):
        """As when the machine loses its power."""
        pid = self.postmaster()
        served = children_of(pid) if pid else []
        kill([self.patroni.pid, *([pid] if pid else []), *served])
        self.patroni.wait()

    def ask(self):
        """What Patroni says of all members; None when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/cluster", timeout=2) as a:
                return json.load(a)["members"]
        except (OSError, ValueError, http.client.HTTPException):
            return None

    def sql(self, text):
        p = subprocess.run([os.path.join(BIN[0], "psql"), "-h", "127.0.0.1", "-p", str(self.port),
                            "-U", "postgres", "-d", "postgres", "-qXAt", "-v", "ON_ERROR_STOP=1",
                            "-c", text], capture_output=True, text=True, check=True, timeout=BOOT,
                           stdin=subprocess.DEVNULL)
        return p.stdout.split()


class Cluster:
    """etcd and three nodes."""

    def __init__(self, ttl):
        self.ttl = ttl
        self.work = tempfile.mkdtemp(prefix="nestor-failover-")
        os.chmod(self.work, 0o755)
        self.etcd, peer, *ports = free_ports(2 + 2 * NODES)
        self.nodes = [Node(self, n, ports[2 * n:2 * n + 2]) for n in range(NODES)]
        with open(os.path.join(self.work, "etcd.log"), "ab") as log:
            client, other = f"http://127.0.0.1:{self.etcd}", f"http://127.0.0.1:{peer}"
            self.store = subprocess.Popen(
                ["etcd", "--data-dir", os.path.join(self.work, "etcd"), "--name", "one",
                 "--listen-client-urls", client, "--advertise-client-urls", client,
                 "--listen-peer-urls", other, "--initial-advertise-peer-urls", other,
                 "--initial-cluster", f"one={other}"], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)

    def __enter__(self):
        try:
            self.nodes[0].start()
            wait_until(lambda: self.leader() is not None, "a primary")
            for node in self.nodes[1:]:
                node.start()
            self.heal()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            if node.patroni:
                node.kill()
        self.store.kill()
        self.store.wait()
        if not os.environ.get("NESTOR_TEST_KEEP"):
            shutil.rmtree(self.work, ignore_errors=True)

    def members(self):
        for node in self.nodes:
            if node.patroni and node.patroni.poll() is None and (members := node.ask()):
                return {m["name"]: m for m in members}
        return {}

    def leader(self):
        for name, m in self.members().items():
            if m["role"] in ("leader", "master", "primary") and m["state"] == "running":
                return self.nodes[int(name[-1])]
        return None

    def is_whole(self):
        roles = [m["role"] for m in self.members().values() if m["state"] in ("running", "streaming")
                 and (m["role"] == "leader" or m.get("lag") == 0)]
        leader = self.leader()
        return len(roles) == NODES and "sync_standby" in roles and leader is not None and \
            int(leader.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")[0]) \
            == NODES - 1

    def heal(self):
        """Whoever is down comes back, and all follow one primary."""
        for node in self.nodes:
            if node.patroni is None or node.patroni.poll() is not None:
                node.start()

        def is_whole():
            with contextlib.suppress(subprocess.SubprocessError):
                return self.is_whole()
            return False
        wait_until(is_whole, "a whole cluster", HEALED)

    def url(self, scheme_more=""):
        hosts = ",".join(f"127.0.0.1:{n.port}" for n in self.nodes)
        return f"postgresql://postgres@{hosts}/postgres{scheme_more}"


class Load:
    """Writers that keep what was answered, and a reader that must see it."""

    def __init__(self, server, programs):
        self.server, self.programs = server, programs
        self.lock = threading.Lock()
        self.kept = {"concept": [], "learner": []}
        self.statuses = collections.Counter()
        self.last = {}
        self.pauses = []
        self.stale = []
        self.is_over = False
        self.threads = [threading.Thread(target=self.run, args=(kind, n))
                        for n in range(WRITERS) for kind in self.kept]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for t in self.threads:
            t.join()

    def count(self):
        with self.lock:
            return sum(len(names) for names in self.kept.values())

    def connect(self, kind):
        return university.client(self.server) if kind == "learner" else self.server.client()

    def run(self, kind, number):
        client, i, since = self.connect(kind), 0, time.monotonic()
        while not self.is_over:
            i += 1
            name = f"{kind[0]}{number}-{i}"
            try:
                status = self.write(client, kind, number, name)
            except (OSError, http.client.HTTPException):
                if self.server.process.poll() is not None:
                    return
                status, client = "broken", self.connect(kind)
            now = time.monotonic()
            with self.lock:
                self.statuses[status] += 1
                if status in (200, 201):
                    self.kept[kind].append(name)
                    self.pauses.append(now - since)
                    since = now
            if status in (200, 201):
                self.look(client, kind, number, name)
            else:
                time.sleep(0.05)  # as Retry-After would have it, and shorter

    def write(self, client, kind, number, name):
        if kind == "concept":
            return client.ask("POST", f"/guide/orgs/ORG/sources/S{number}/concepts/", {
                "id": name, "conceptClass": "Diagnosis", "datatype": "None",
                "names": [{"name": name, "locale": "en", "localePreferred": True}]}).status
        answer = client.ask("POST", university.p_path(self.programs[number]),
                            [university.p_record(name)])
        return answer.status

    def look(self, client, kind, number, name):
        """In a list, which may be a replica's: what was just answered is there."""
        if kind != "concept":
            return
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = client.ask("GET", f"/guide/orgs/ORG/sources/S{number}/concepts/"
                                       "?limit=1&sortDesc=lastUpdate")
            shown = [row["id"] for row in answer.json()] if answer.status == 200 else [name]
            with self.lock:
                self.statuses[f"read {answer.status}"] += 1
                if shown != [name]:
                    self.stale.append((name, shown))


def there_through_nestor(server, programs):
    """All that lists show."""
    found = {"concept": set(), "learner": set()}
    client = server.client()
    for number in range(WRITERS):
        answer = client.ask("GET", f"/v2/orgs/ORG/sources/S{number}/concepts/?format=csv")
        assert answer.status == 200, answer
        found["concept"] |= {cell for line in answer.body.decode().splitlines()
                             for cell in line.split(",")[:4]}
        found["learner"] |= {row["student_key"] for row in university.pages(
            university.client(server), university.p_path(programs[number]), 1000)}
    return found


def there_directly(node):
    return {"concept": set(node.sql("SELECT DISTINCT mnemonic FROM concept_version")),
            "learner": set(node.sql("SELECT external_user_key FROM program_enrollment"))}


def missing(load, find):
    """What was answered before it is looked for, and is not found."""
    with load.lock:
        kept = {kind: list(names) for kind, names in load.kept.items()}
    found = find()
    return [name for kind, names in kept.items() for name in names if name not in found[kind]]


class Run:
    def __init__(self, cluster, site, chosen):
        self.cluster, self.site, self.failovers = cluster, site, chosen.failovers
        self.random = random.Random(chosen.seed)
        self.lost, self.down = [], []

    def prepare(self):
        self.site.init()
        university.seed(self.site, WRITERS, 0)

    def sources(self, client):
        client.expect(201, "POST", "/guide/orgs/", {"id": "ORG", "name": "Org"})
        for number in range(WRITERS):
            client.expect(201, "POST", "/guide/orgs/ORG/sources/", {
                "id": f"S{number}", "name": "S", "fullName": "S", "publicAccess": "View",
                "sourceType": "dictionary", "defaultLocale": "en", "supportedLocales": "en"})

    def fail_over(self, number, load, server):
        seen = load.count()
        wait_until(lambda: load.count() >= seen + BETWEEN, "writes under way")
        time.sleep(self.random.random())  # not always at the same moment
        leader = self.cluster.leader()
        began = time.monotonic()
        leader.kill()
        at = load.count()
        wait_until(lambda: load.count() >= at + 2 * WRITERS + 1, "writes again")
        self.down.append(time.monotonic() - began)
        self.cluster.heal()
        self.lost += missing(load, lambda: there_directly(self.cluster.leader()))
        print(f"{number}: {leader.name} killed, writes again after {self.down[-1]:.1f} s, "
              f"{load.count()} answered, {len(self.lost)} lost, {len(load.stale)} stale", flush=True)
        assert server.process.poll() is None, server.text()[-3000:]

    def run(self):
        words = ("--set", "db.replica=" + self.cluster.url(), "--set", "db.connect_seconds=2",
                 "--set", "db.statement_seconds=10")
        programs = list(range(1, WRITERS + 1))
        with self.site.serve(*words) as server:
            self.sources(server.client())
            with Load(server, programs) as load:
                for number in range(self.failovers):
                    self.fail_over(number + 1, load, server)
            self.lost += missing(load, lambda: there_through_nestor(server, programs))
            self.lost += missing(load, lambda: there_directly(self.cluster.leader()))
            reads = dict(READS.findall(server.client().ask("GET", "/metrics").body.decode()))
        assert not any(r in server.text() for r in REPORTS), server.text()[-4000:]
        self.site.verify()
        return self.tell(load, reads)

    def tell(self, load, reads):
        odd = {s for s in load.statuses if s not in (200, 201, "read 200", *UNKNOWN, *REFUSED,
                                                     *(f"read {r}" for r in REFUSED))}
        print(f"reads: {reads}; statuses: {dict(load.statuses)}")
        print(f"{self.failovers} failovers, {load.count()} answered writes, {len(set(self.lost))} "
              f"lost, {len(load.stale)} stale reads; writes again after {max(self.down):.1f} s at "
              f"most, {sorted(self.down)[len(self.down) // 2]:.1f} s in the median; longest pause "
              f"of a writer {max(load.pauses):.1f} s; "
              f"unknown {sum(load.statuses[s] for s in UNKNOWN)}, "
              f"refused {sum(load.statuses[s] for s in REFUSED)}, others {sorted(map(str, odd))}")
        is_good = not self.lost and not load.stale and not odd
        print("ok failovers" if is_good else
              f"FAIL failovers: {self.lost[:5]} {load.stale[:5]} {odd}")
        return 0 if is_good else 1


def main():
    chosen = arguments(__doc__.splitlines()[0], failovers=5, seed=1, ttl=10)
    if not BIN or not os.path.exists("/usr/bin/patroni") or not shutil.which("etcd"):
        print("it needs: tools/install-packages failover")
        return 1
    with Cluster(chosen.ttl) as cluster, \
            PgSite(chosen.nestor, None, cluster.url("?target_session_attrs=read-write")) as site:
        run = Run(cluster, site, chosen)
        run.prepare()
        return run.run()


if __name__ == "__main__":
    sys.exit(main())
