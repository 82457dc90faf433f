"""PgBouncer between Nestor and PostgreSQL: in its mode `session` as it is, in its mode
`transaction` with db.pooler, to the primary and to a replica.

Usage: pgbouncer_test.py --nestor PATH [--only TEXT]. Its servers are its own."""
import contextlib
import os
import shutil
import subprocess
import sys
import threading

from postgres import BIN, Node, as_postgres, until
from replica_test import PgSite, names
from support import Tally, arguments

POOLER = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")
POOL = 3  # sessions of the server, fewer than Nestor has connections
CONFIG = """[databases]
* = host={host} user=postgres
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {pool}
max_client_conn = 100
logfile = {folder}/pooler.log
"""


class Pooler:
    """PgBouncer before a server."""

    def __init__(self, node, mode, pool=POOL, *others):
        self.folder = os.path.join(node.work, f"pooler-{mode}-{pool}")
        hosts = ",".join(n.work for n in (node, *others))
        self.text = CONFIG.format(host=hosts, folder=self.folder, mode=mode, pool=pool)
        self.url = f"postgresql:///postgres?host={self.folder}&port=6432&user=postgres"
        self.process = None

    def __enter__(self):
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o777)
        for name, text in (("config", self.text), ("users", '"postgres" ""\n')):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
                f.write(text)
        self.process = subprocess.Popen(
            [POOLER, os.path.join(self.folder, "config")], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_postgres())
        until(lambda: os.path.exists(os.path.join(self.folder, ".s.PGSQL.6432")), "PgBouncer")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def load(server, prefix, threads=8, rounds=25):
    """Writes, each read back; returns the answers that were none."""
    odd = []

    def run(number):
        client = server.client()
        for i in range(rounds):
            name = f"{prefix}-{number}-{i}"
            made = client.ask("POST", "/v2/orgs/", {"id": name, "name": name})
            seen = client.ask("GET", f"/v2/orgs/{name}/")
            listed = client.ask("GET", "/v2/orgs/?limit=10&sortDesc=last_update")
            odd.extend(str(a) for a in (made, seen, listed) if a.status not in (200, 201))
    workers = [threading.Thread(target=run, args=(n,)) for n in range(threads)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    return odd


def found(client):
    return int(client.ask("GET", "/v2/orgs/?limit=1").headers["num_found"])


class Cases:
    """Every method test_* is a case."""

    def __init__(self, nestor):
        self.nestor = nestor

    @contextlib.contextmanager
    def world(self, mode, pool=POOL):
        with Node() as node, Pooler(node, mode, pool) as pooler, \
                PgSite(self.nestor, node, pooler.url) as site:
            yield node, pooler, site

    def test_transactions_share_sessions(self):
        with self.world("transaction") as (node, pooler, site):
            on = ("--set", "db.pooler=true")
            site.init("--no-vocabularies", *on)
            with site.serve(*on) as server:
                before = found(server.client())
                odd = load(server, "SHARED")
                assert not odd, odd[:5]
                assert found(server.client()) == before + 200
                sessions = int(node.value("SELECT count(*) FROM pg_stat_activity WHERE "
                                          "backend_type = 'client backend' AND "
                                          "pid <> pg_backend_pid()"))
                assert sessions <= POOL, sessions
                left = node.value("SELECT count(*) FROM pg_prepared_statements")
                assert left == "0", left
            p = site.run("verify", "--quiet", *on)
            assert p.returncode == 0, p.stdout + p.stderr

    def test_without_the_setting_it_fails(self):
        """So the case above proves something."""
        with self.world("session", 30) as (node, _, site), \
                Pooler(node, "transaction", 2) as shared:
            site.init()
            site.url = shared.url
            server = site.serve()
            odd = load(server, "ODD") if server.is_up() else ["no start"]
            server.end()
            assert odd

    def test_sessions_of_its_own(self):
        with self.world("session", 30) as (_, _, site):
            site.init()
            with site.serve() as server:
                before = found(server.client())
                odd = load(server, "OWN")
                assert not odd, odd[:5]
                assert found(server.client()) == before + 200

    def test_limits_of_time_hold(self):
        """X23: they are set in each transaction."""
        with self.world("transaction", 10) as (node, _, site):
            on = ("--set", "db.pooler=true")
            site.init("--no-vocabularies", *on)
            with site.serve(*on, "--set", "db.busy_ms=300",
                            "--set", "db.statement_seconds=600") as server:
                client = server.client()
                client.expect(201, "POST", "/v2/orgs/", {"id": "HELD", "name": "x"})
                holder = subprocess.Popen(
                    [os.path.join(BIN[0], "psql"), node.url, "-qX"], stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL, text=True)
                holder.stdin.write("BEGIN; SELECT 1 FROM org FOR UPDATE; \\! touch "
                                   + site.path("held") + "\n")
                holder.stdin.flush()
                until(lambda: os.path.exists(site.path("held")), "the row")
                answer = client.ask("PUT", "/v2/orgs/HELD/", {"name": "y"})
                holder.stdin.write("ROLLBACK;\n")
                holder.stdin.close()
                holder.wait()
                assert answer.status == 503, answer
                client.expect(200, "PUT", "/v2/orgs/HELD/", {"name": "y"})

    def test_a_replica_behind_a_pooler(self):
        with self.world("transaction") as (node, pooler, site), Node(of=node) as replica, \
                Pooler(replica, "transaction") as other:
            on = ("--set", "db.pooler=true", "--set", "db.replica=" + other.url)
            site.init("--no-vocabularies", "--set", "db.pooler=true")
            with site.serve(*on) as server:
                client = server.client()

                def is_read():
                    client.expect(200, "GET", "/v2/orgs/")
                    text = client.ask("GET", "/metrics").body.decode()
                    return 'reads_total{place="replica"} 0\n' not in text
                until(is_read, "reads from the replica")
                for i in range(100):
                    client.expect(201, "POST", "/v2/orgs/", {"id": f"P-{i}", "name": "x"})
                    assert f"P-{i}" in names(client), i

    def test_one_pooler_before_two_replicas(self):
        """Who has answered is not who is read, now and then: nothing stale is shown."""
        with self.world("transaction") as (node, _, site), Node(of=node) as one, \
                Node(of=node) as two, Pooler(one, "transaction", 4, two) as both:
            on = ("--set", "db.pooler=true", "--set", "db.replica=" + both.url)
            site.init("--no-vocabularies", "--set", "db.pooler=true")
            two.has(node)
            with site.serve(*on) as server:
                two.pause()
                stale, seen = [], []

                def run(number):
                    client = server.client()
                    for i in range(100):
                        name = f"TWO-{number}-{i}"
                        client.expect(201, "POST", "/v2/orgs/", {"id": name, "name": "x"})
                        (seen if name in names(client) else stale).append(name)
                workers = [threading.Thread(target=run, args=(n,)) for n in range(6)]
                for w in workers:
                    w.start()
                for w in workers:
                    w.join()
                assert len(seen) == 600, stale[:5]


def main():
    chosen = arguments(__doc__.splitlines()[0], only="")
    tally = Tally()
    if not BIN or not POOLER:
        print("skip all: there is no PostgreSQL server, or no pgbouncer")
        return tally.finish()
    cases = Cases(chosen.nestor)
    for name in [n for n in dir(cases) if n.startswith("test_") and chosen.only in n]:
        tally.run(name[5:].replace("_", " "), getattr(cases, name))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
