# Takes long
# Waits
"""Reads from replicas (db.replica): what was answered is seen by whoever reads afterwards, whatever
the replica does; and a replica that is of no use costs nothing.

Usage: replica_test.py --nestor PATH [--only TEXT]. Its PostgreSQL servers are its own."""
import contextlib
import itertools
import os
import re
import socket
import sys
import threading
import time

import university
from postgres import BIN, Node, until
from support import Site, Tally, arguments

READS = re.compile(r'^nestor_replica_reads_total\{place="([^"]*)"\} (\d+)$', re.M)
PAIRS = 1000


class PgSite(Site):
    """An installation in a cluster of the test."""

    def __init__(self, nestor, node, url=None):
        super().__init__(nestor)
        self.url = url or node.url

    def where(self):
        return ["--data", self.data, "--database", self.url]


class World:
    """A primary, replicas and a server on them."""

    def __init__(self, nestor, replicas=1, settings=(), replica_settings=()):
        self.stack = contextlib.ExitStack()
        self.nestor, self.count = nestor, replicas
        self.settings, self.replica_settings = settings, replica_settings
        self.primary = self.site = self.server = self.client = None
        self.replicas = []

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.primary = stack.enter_context(Node(settings=self.settings))
            self.site = stack.enter_context(PgSite(self.nestor, self.primary))
            self.site.init()
            for _ in range(self.count):
                self.replicas.append(stack.enter_context(
                    Node(of=self.primary, settings=self.replica_settings)))
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *given):
        return self.stack.__exit__(*given)

    def url(self, replicas=None):
        hosts = ",".join(r.work for r in (replicas or self.replicas))
        return f"host={hosts} user=postgres dbname=postgres"

    def serve(self, *words, url=None):
        self.server = self.stack.enter_context(
            self.site.serve("--set", "db.replica=" + (url or self.url()), *words))
        self.client = self.server.client()
        return self.client

    def add_org(self, name, client=None):
        (client or self.client).expect(201, "POST", "/v2/orgs/", {"id": name, "name": name})

    def reads(self, client=None):
        text = (client or self.client).ask("GET", "/metrics").body.decode()
        return {place: int(n) for place, n in READS.findall(text)}

    def is_read(self, client=None):
        """Reads come from a replica, now."""
        client = client or self.client
        before = self.reads(client)["replica"]
        client.expect(200, "GET", "/v2/orgs/")
        return self.reads(client)["replica"] > before

    def wait_until_read(self, client=None):
        until(lambda: self.is_read(client), "reads from a replica")


def names(client, query="limit=1000"):
    answer = client.ask("GET", "/v2/orgs/?" + query)
    assert answer.status == 200, answer
    return {row["id"] for row in answer.json()}


def has(client, name):
    """It is in a list that is sorted by the last update, and has a detail."""
    detail = client.ask("GET", f"/v2/orgs/{name}/").status
    return name in names(client, "limit=10&sortDesc=last_update") and detail == 200


def check_seen(world, prefix, count):
    for i in range(count):
        world.add_org(f"{prefix}-{i}")
        assert has(world.client, f"{prefix}-{i}"), f"{prefix}-{i} is stale: {world.reads()}"


def see_until_read(world, seen, count):
    """seen(i) writes and looks: it does so until `count` of these reads came from a replica."""
    first, number = world.reads()["replica"], itertools.count()

    def is_enough():
        seen(next(number))
        return world.reads()["replica"] - first >= count
    until(is_enough, f"{count} reads from a replica")


def read_often(world, reads):
    for _ in range(reads):
        world.client.expect(200, "GET", "/v2/orgs/")


class Late:
    """A way to a server whose answers come late."""

    def __init__(self, node, seconds):
        self.path, self.seconds = os.path.join(node.work, ".s.PGSQL.5432"), seconds
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_cut, self.ends = False, []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            here = self.listener.accept()[0]
            if self.is_cut:
                here.close()
                continue
            there = socket.socket(socket.AF_UNIX)
            there.connect(self.path)
            self.ends += [here, there]
            threading.Thread(target=self.carry, args=(here, there, 0), daemon=True).start()
            threading.Thread(target=self.carry, args=(there, here, self.seconds),
                             daemon=True).start()

    @staticmethod
    def carry(source, to, seconds):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                time.sleep(seconds)
                to.sendall(data)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_WR)

    def cut(self, is_cut=True):
        self.is_cut = is_cut
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.ends = []


class Cases:
    """Every method test_* is a case."""

    def __init__(self, nestor):
        self.nestor = nestor

    def test_lists_come_from_both_replicas(self):
        """Whole ones, too; details, which cost the primary less than the question, are its own."""
        with World(self.nestor, 2) as w:
            w.serve()
            w.wait_until_read()
            w.add_org("WHO")
            w.client.expect(201, "POST", "/v2/orgs/WHO/sources/", {
                "id": "S", "name": "S", "full_name": "S", "default_locale": "en",
                "supported_locales": "en", "public_access": "View"})
            before = [int(r.value("SELECT sum(xact_commit) FROM pg_stat_database"))
                      for r in w.replicas]
            for path in ("/v2/orgs/", "/v2/orgs/WHO/sources/", "/v2/orgs/?format=csv",
                         "/v2/orgs/WHO/sources/S/concepts/",
                         "/v2/orgs/WHO/sources/S/$difference/?from=0"):
                see_until_read(w, lambda _, path=path: w.client.expect(200, "GET", path), 100)

            def are_read():
                now = [int(r.value("SELECT sum(xact_commit) FROM pg_stat_database"))
                       for r in w.replicas]
                return all(n - b > 100 for n, b in zip(now, before))
            until(are_read, f"transactions on both: {w.reads()}")
            reads = w.reads()
            w.client.expect(200, "GET", "/v2/orgs/WHO/sources/S/")
            assert w.reads() == reads, (reads, w.reads())

    def test_a_list_in_pieces_comes_from_a_replica(self):
        """Each piece, and those that follow when it dies from the primary."""
        with World(self.nestor) as w:
            w.serve()
            w.wait_until_read()
            for i in range(350):
                w.add_org(f"PIECE-{i:03}")
            w.replicas[0].has(w.primary)
            w.wait_until_read()
            before = w.reads()["replica"]

            def rows():
                lines = w.client.ask("GET", "/v2/orgs/?format=csv").body.decode().splitlines()
                return sum("PIECE-" in line for line in lines), len(lines)
            pieces = rows()
            assert pieces[0] == 350 and w.reads()["replica"] - before >= 4, w.reads()
            w.replicas[0].fall()
            assert rows() == pieces and rows() == pieces, w.reads()

    def test_pages_of_enrolments_come_from_a_replica(self):
        with World(self.nestor) as w:
            university.seed(w.site, 1, 0)
            w.serve()
            w.wait_until_read()
            caller = university.client(w.server)

            def one_more(i):
                caller.expect(201, "POST", university.p_path(1), [university.p_record(f"k{i}")])
                there = [row["student_key"] for row in university.pages(caller,
                                                                        university.p_path(1))]
                assert there == [f"k{n}" for n in range(i + 1)], i
            see_until_read(w, one_more, 100)

    def test_a_write_is_seen_at_once(self):
        """A thousand times; the replica is as fast as it is."""
        with World(self.nestor) as w:
            w.serve()
            w.wait_until_read()
            check_seen(w, "PAIR", PAIRS)
            see_until_read(w, lambda i: check_seen(w, f"READ{i}", 1), 100)

    def test_a_write_is_seen_though_replay_is_paused(self):
        with World(self.nestor) as w:
            w.serve()
            w.wait_until_read()
            for turn in range(3):
                w.replicas[0].pause()
                check_seen(w, f"PAUSED{turn}", 100)
                w.replicas[0].pause(False)
                check_seen(w, f"RESUMED{turn}", 100)
            w.wait_until_read()

    def test_a_write_is_seen_though_replay_is_late(self):
        with World(self.nestor, replica_settings=("-c", "recovery_min_apply_delay=30ms")) as w:
            w.serve()
            w.wait_until_read()
            check_seen(w, "LATE", PAIRS)
            assert w.reads()["replica"] > 0, w.reads()

    def test_a_write_by_one_server_is_seen_by_another(self):
        with World(self.nestor) as w:
            first = w.serve()
            second = w.serve()
            w.wait_until_read(first)
            w.wait_until_read(second)

            number = itertools.count()

            def of_the_other(i):
                writer, reader = (first, second) if i % 2 else (second, first)
                name = f"TWO-{next(number)}"
                w.add_org(name, writer)
                assert has(reader, name), name
            for w.client in (first, second):
                see_until_read(w, of_the_other, 50)

    def test_a_right_that_is_withdrawn_is_withdrawn_there(self):
        with World(self.nestor) as w:
            w.serve()
            w.wait_until_read()
            w.add_org("CLOSED")
            w.client.expect(201, "POST", "/v2/orgs/CLOSED/sources/", {
                "id": "S", "name": "S", "full_name": "S", "default_locale": "en",
                "supported_locales": "en", "public_access": "View"})
            nobody = w.server.client(token="")
            path, concepts = "/v2/orgs/CLOSED/sources/S/", "/v2/orgs/CLOSED/sources/S/concepts/"
            w.replicas[0].has(w.primary)
            w.wait_until_read()
            w.replicas[0].pause()
            for access, status in (("None", (403, 404, 401)), ("View", (200,))) * 2:
                w.client.expect(200, "PUT", path, {"public_access": access})
                for at in (path, concepts):
                    answer = nobody.ask("GET", at)
                    assert answer.status in status, (access, at, answer)
            w.replicas[0].pause(False)

    def test_a_replica_that_dies_and_comes_back(self):
        with World(self.nestor) as w:
            w.serve()
            w.wait_until_read()
            for turn in range(2):
                w.replicas[0].fall()
                check_seen(w, f"DEAD{turn}", 20)
                w.server.wait_for("a replica is away, the primary is read instead")
                w.replicas[0].start()
                w.wait_until_read()
                check_seen(w, f"BACK{turn}", 20)
            told = [line for line in w.server.log if "a replica is away" in line]
            assert len(told) <= 2, told

    def test_a_replica_that_hangs_costs_little(self):
        with World(self.nestor) as w:
            w.serve()
            w.wait_until_read()
            w.replicas[0].hang()
            before = w.reads()
            for i in range(100):
                w.add_org(f"HANGS-{i}")
                assert has(w.client, f"HANGS-{i}")
            after = w.reads()
            w.server.wait_for("it does not answer")
            assert after["primary, failed"] - before["primary, failed"] < 20, (before, after)
            w.replicas[0].hang(False)
            w.wait_until_read()

    def test_a_replica_that_hangs_in_the_middle(self):
        """Who waits for its rows does not wait for the limit of a statement."""
        with World(self.nestor) as w:
            w.serve("--set", "db.statement_seconds=600")
            w.wait_until_read()
            w.add_org("MIDDLE")
            w.replicas[0].has(w.primary)
            statuses = []

            def read():
                client = w.server.client()
                while not is_over.is_set():
                    statuses.append(client.ask("GET", "/v2/orgs/?limit=1000").status)
            is_over = threading.Event()
            readers = [threading.Thread(target=read) for _ in range(4)]
            for t in readers:
                t.start()
            until(lambda: len(statuses) > 50, "reads")
            w.replicas[0].hang()
            seen = len(statuses)
            until(lambda: len(statuses) > seen + 100, "reads beside the replica that hangs")
            is_over.set()
            for t in readers:
                t.join()
            w.replicas[0].hang(False)
            assert set(statuses) == {200}, set(statuses)

    def test_a_replica_that_lags_for_long_costs_little(self):
        with World(self.nestor) as w:
            w.serve()
            w.wait_until_read()
            w.replicas[0].pause()
            w.add_org("LAGS")
            read_often(w, 10)
            before = w.reads()
            read_often(w, 400)
            after = w.reads()
            assert after["primary, behind"] - before["primary, behind"] < 20, (before, after)
            w.server.wait_for("a replica is away")  # behind, or too slow to say so
            w.replicas[0].pause(False)
            w.wait_until_read()
            w.server.wait_for("a replica is read")

    def test_a_refusal_there_is_asked_of_the_primary(self):
        """A permission that answers by itself included."""
        with World(self.nestor) as w:
            w.serve()
            w.wait_until_read()
            assert w.site.run("user", "add", "bob").returncode == 0
            token = w.site.run("token", "show", "--user", "bob").stdout.strip()
            member = w.server.client(token=token)
            member.expect(201, "POST", "/guide/orgs/", {"id": "O", "name": "O"})
            w.primary.sql("ALTER TABLE member RENAME TO member_real")
            w.primary.sql("CREATE VIEW member AS SELECT * FROM member_real "
                          "WHERE NOT pg_is_in_recovery()")
            w.replicas[0].has(w.primary)
            before = w.reads()
            member.expect(200, "GET", "/guide/orgs/O/members/")
            after = w.reads()
            assert after["primary, failed"] - before["primary, failed"] == 1, (before, after)

    def test_statements_there_have_the_usual_limit(self):
        with World(self.nestor) as w:
            short = w.serve("--set", "db.statement_seconds=1")
            w.serve()
            w.wait_until_read()
            w.primary.sql("ALTER TABLE org RENAME TO org_real")
            w.primary.sql("CREATE VIEW org AS SELECT org_real.* FROM org_real, (SELECT pg_sleep("
                          "CASE WHEN pg_is_in_recovery() THEN 6 ELSE 0 END) OFFSET 0) s")
            w.replicas[0].has(w.primary)
            w.wait_until_read()
            assert w.reads()["primary, failed"] == 0, w.reads()
            until(lambda: short.ask("GET", "/v2/orgs/?limit=10").status == 503, "the limit")

    def test_a_replica_whose_answers_come_late_is_read_again(self):
        """After it was away: the silence of then does not cut the look that would end it."""
        with World(self.nestor) as w:
            way = Late(w.replicas[0], 0.13)
            w.serve("--set", "db.pool=2",
                    url=f"host=127.0.0.1 port={way.port} user=postgres dbname=postgres")
            w.wait_until_read()
            way.cut()
            w.server.wait_for("it does not answer")
            way.cut(False)
            w.wait_until_read()

    def test_a_note_that_cannot_be_written_is_tried_now_and_then(self):
        """Not by each read that finds it missing."""
        with World(self.nestor) as w:
            w.serve()
            w.wait_until_read()
            w.primary.sql("CREATE FUNCTION no_note() RETURNS trigger LANGUAGE plpgsql AS "
                          "$$BEGIN RAISE EXCEPTION 'no note'; END$$")
            w.primary.sql("UPDATE nst_timeline SET timeline = '0000BEEF'; CREATE TRIGGER no_note "
                          "BEFORE INSERT OR UPDATE ON nst_timeline FOR EACH ROW "
                          "EXECUTE FUNCTION no_note()")
            began = time.monotonic()
            read_often(w, 500)
            w.server.wait_for("no note")
            tries = sum("no note" in line for line in w.server.log)
            allowed = 2 + time.monotonic() - began
            assert tries <= allowed, (tries, allowed)
            w.primary.sql("DROP TRIGGER no_note ON nst_timeline")
            w.wait_until_read()

    def test_a_replica_is_not_blamed_for_the_primary(self):
        """How far it is behind one that is down, nobody knows."""
        with World(self.nestor) as w:
            w.serve()
            w.wait_until_read()
            w.replicas[0].pause()
            w.add_org("BEHIND")
            read_often(w, 1)
            w.primary.fall()

            def given_up():
                w.client.ask("GET", "/v2/orgs/")
                return sum("transaction given up" in line for line in w.server.log) > 5
            until(given_up, "reads that are given up")
            w.replicas[0].fall()
            w.server.wait_for("it does not answer")
            assert not any("it is behind" in line for line in w.server.log), w.server.log

    def test_a_user_without_rights_there_is_told(self):
        with World(self.nestor) as w:
            w.primary.sql("CREATE ROLE nobody LOGIN")
            w.replicas[0].has(w.primary)
            url = f"host={w.replicas[0].work} user=nobody dbname=postgres"
            w.serve(url=url)
            w.server.wait_for("its user may not read there")
            p = w.site.run("doctor", "--set", "db.replica=" + url)
            assert p.returncode == 1 and "GRANT SELECT" in p.stdout, p.stdout

    def test_what_database_asks_of_hosts_is_not_asked_of_replicas(self):
        with World(self.nestor) as w:
            w.serve(url=w.url() + " target_session_attrs=read-write")
            w.wait_until_read()

    def test_a_replica_that_is_promoted_is_not_read(self):
        """What is written there is never shown, whatever the positions of both logs are."""
        with World(self.nestor) as w:
            w.serve()
            w.wait_until_read()
            w.add_org("BEFORE")
            w.replicas[0].has(w.primary)
            w.replicas[0].promote()
            w.replicas[0].sql("UPDATE org SET name = 'of another'")
            w.replicas[0].sql("CREATE TABLE ballast AS SELECT repeat('x', 900) AS t, g "
                              "FROM generate_series(1, 20000) g")
            for i in range(50):
                w.add_org(f"AFTER-{i}")
                answer = w.client.ask("GET", "/v2/orgs/?limit=1000")
                assert b"of another" not in answer.body, i
                assert f"AFTER-{i}" in {row["id"] for row in answer.json()}
            w.server.wait_for("it does not follow this primary")
            assert not w.is_read()

    def test_a_replica_behind_one_that_is_promoted_is_not_read(self):
        """It is a replica still, of another server by now."""
        with World(self.nestor) as w, Node(of=w.replicas[0]) as behind:
            w.serve(url=w.url([behind]))
            w.wait_until_read()
            w.replicas[0].promote()
            w.replicas[0].sql("UPDATE org SET name = 'of another'")
            w.replicas[0].sql("CREATE TABLE ballast AS SELECT repeat('x', 900) AS t, g "
                              "FROM generate_series(1, 20000) g")
            behind.has(w.replicas[0])
            for i in range(50):
                w.add_org(f"AFTER-{i}")
                answer = w.client.ask("GET", "/v2/orgs/?limit=1000")
                assert b"of another" not in answer.body, i
                assert f"AFTER-{i}" in {row["id"] for row in answer.json()}
            assert not w.is_read()

    def test_a_primary_that_changes_is_met_anew(self):
        """The other replica follows the one that is promoted, and is read as its replica."""
        with World(self.nestor, 2) as w:
            first, second = w.replicas
            both = ",".join(n.work for n in (w.primary, first))
            url = f"postgresql://postgres@/postgres?host={both}&target_session_attrs=read-write"
            w.site.url = url
            w.serve(url=w.url([w.primary, first, second]))
            w.wait_until_read()
            w.add_org("ON-THE-FIRST")
            first.has(w.primary)
            w.primary.fall()
            first.promote()
            second.sql(f"ALTER SYSTEM SET primary_conninfo = 'host={first.work} user=postgres'")
            second.sql("SELECT pg_reload_conf()")
            until(lambda: w.client.ask("POST", "/v2/orgs/", {"id": "ON-THE-SECOND", "name": "x"})
                  .status in (201, 409, 400), "writes again")
            w.wait_until_read()
            check_seen(w, "FAILED-OVER", 100)
            assert "ON-THE-FIRST" in names(w.client)
            until(lambda: any("a replica is away" in line and w.primary.work in line
                              for line in w.server.log), "word of the loss")

    def test_another_clusters_replica_is_not_read(self):
        with World(self.nestor) as w, World(self.nestor) as other:
            other.serve()
            other.wait_until_read()
            other.add_org("OF-ANOTHER")
            other.primary.sql("CREATE TABLE ballast AS SELECT repeat('x', 900) AS t, g "
                              "FROM generate_series(1, 20000) g")
            other.replicas[0].has(other.primary)
            w.serve(url=other.url())
            for i in range(50):
                w.add_org(f"OURS-{i}")
                found = names(w.client)
                assert f"OURS-{i}" in found and "OF-ANOTHER" not in found
            w.server.wait_for("it does not follow this primary")
            assert w.reads()["replica"] == 0, w.reads()
            p = w.site.run("doctor", "--set", "db.replica=" + other.url())
            assert p.returncode == 1 and "does not follow the server" in p.stdout, p.stdout

    def test_an_account_without_rights_is_enough(self):
        with World(self.nestor) as w:
            w.primary.sql("CREATE ROLE plain LOGIN")
            w.primary.sql("CREATE DATABASE plain OWNER plain")
            w.site.url = f"postgresql:///plain?host={w.primary.work}&user=plain"
            os.rename(w.site.data, w.site.data + ".old")
            os.unlink(w.site.path("admin.token"))
            w.site.init()
            w.serve(url=f"postgresql:///plain?host={w.replicas[0].work}&user=plain")
            w.wait_until_read()
            check_seen(w, "PLAIN", 50)
            url = f"postgresql:///plain?host={w.replicas[0].work}&user=plain"
            p = w.site.run("doctor", "--set", "db.replica=" + url)
            assert "GRANT pg_read_all_stats" in p.stdout, p.stdout
            w.primary.sql("GRANT pg_read_all_stats TO plain")
            w.replicas[0].has(w.primary)
            assert "replica" not in w.site.run("doctor", "--set", "db.replica=" + url).stdout

    def test_a_read_that_recovery_cancels_is_read_from_the_primary(self):
        """The replica removes rows under readers, as vacuum did on the primary: nobody notices."""
        with World(self.nestor, replica_settings=("-c", "max_standby_streaming_delay=0")) as w:
            w.serve()
            w.wait_until_read()
            for i in range(100):
                w.add_org(f"CONFLICT-{i}")
            statuses, is_over = [], threading.Event()

            def read():
                client = w.server.client()
                while not is_over.is_set():
                    statuses.append(client.ask("GET", "/v2/orgs/?limit=100").status)
            readers = [threading.Thread(target=read) for _ in range(4)]
            for t in readers:
                t.start()

            def is_cut():
                w.primary.sql("UPDATE org SET name = name")
                w.primary.sql("VACUUM org")
                conflicts = int(w.replicas[0].value(
                    "SELECT sum(confl_snapshot + confl_lock + confl_bufferpin) "
                    "FROM pg_stat_database_conflicts"))
                return conflicts > 3 and w.reads()["primary, failed"] > 3
            until(is_cut, "reads that are cancelled")
            is_over.set()
            for t in readers:
                t.join()
            assert set(statuses) == {200}, set(statuses)

    def test_settings_that_cannot_be_meant_are_refused(self):
        with World(self.nestor) as w:
            for url, said in ((w.primary.url, "is the primary itself"),
                              ("host", "cannot be read"),
                              ("host=a password=se geheim6", "cannot be read"),
                              ("host=" + ",".join("abcdefghi"), "names more than eight hosts")):
                p = w.site.run("serve", "--listen", "127.0.0.1:0", "--set", "db.replica=" + url)
                assert p.returncode == 2, p
                assert f"the setting db.replica {said}" in p.stderr, p.stderr
                assert "geheim" not in p.stderr, p.stderr
        with Site(self.nestor) as site:
            site.init()
            for verb, text, status in (("serve --listen 127.0.0.1:0", "stderr", 2),
                                       ("doctor", "stdout", 1)):
                p = site.run(verb, "--set", "db.replica=" + w.primary.url)
                assert p.returncode == status, p
                assert "the setting db.replica is for PostgreSQL" in getattr(p, text), p

    def test_a_replica_that_is_down_at_the_start_is_no_error(self):
        with World(self.nestor) as w:
            w.replicas[0].fall()
            w.serve()
            check_seen(w, "DOWN", 10)
            w.server.wait_for("it does not answer")
            p = w.site.run("doctor", "--set", "db.replica=" + w.url())
            assert p.returncode == 1 and "does not answer" in p.stdout, p.stdout
            w.replicas[0].start()
            w.wait_until_read()
            w.server.wait_for("a replica is read")
            assert "replica" not in w.site.run("doctor", "--set", "db.replica=" + w.url()).stdout
            w.replicas[0].pause()
            w.add_org("BEHIND")
            p = w.site.run("doctor", "--set", "db.replica=" + w.url())
            assert p.returncode == 1 and "of the log behind" in p.stdout, p.stdout
            w.replicas[0].pause(False)

    def test_the_primary_may_be_one_of_several_hosts(self):
        """As all are named that may become it: it is left alone, and nobody complains."""
        with World(self.nestor) as w:
            url = w.url([w.primary, *w.replicas])
            w.serve(url=url)
            w.wait_until_read()
            see_until_read(w, lambda i: check_seen(w, f"SEVERAL{i}", 1), 50)
            told = [line for line in w.server.log if "a replica is away" in line]
            assert not any("does not follow" in line for line in told), told
            assert "replica" not in w.site.run("doctor", "--set", "db.replica=" + url).stdout


def main():
    chosen = arguments(__doc__.splitlines()[0], only="")
    tally = Tally()
    if not BIN:
        print("skip all: there is no PostgreSQL server")
        return tally.finish()
    cases = Cases(chosen.nestor)
    for name in [n for n in dir(cases) if n.startswith("test_") and chosen.only in n]:
        tally.run(name[5:].replace("_", " "), getattr(cases, name))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
