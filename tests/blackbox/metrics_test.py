"""How a server is seen running: what /metrics tells and to whom, on both listeners; that a scraper
which never reads, a database that is silent and a disk that is full harm nobody; the samples that
the server keeps of itself; `nestor top`; the dashboard and the page of metrics.

Usage: metrics_test.py --nestor PATH. Ends with the totals.
"""
# Waits
# rows: G162
import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time

from support import PATIENCE, Client, Server, Site, arguments, engines, Tally
from http_server import PSQL, environment

DEBIAN = "/usr/lib/python3/dist-packages"  # of python3-prometheus-client, whatever python3 runs this
try:
    import prometheus_client  # noqa: F401
except ImportError:
    sys.path.append(DEBIAN)
from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TYPE = "text/plain; version=0.0.4; charset=utf-8"
UNITS = ("_total", "_seconds", "_bytes", "_info")
SCRAPE_MAX = 16  # connections of the listener of metrics
HISTORY = "history.samples"
HISTORY_BYTES = 64 + (8640 + 10080) * (8 + 12 * 8 + 8)


class Metrics:
    """One scrape, read by the client library of Prometheus."""

    def __init__(self, text):
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        self.samples = {(s.name, tuple(sorted(s.labels.items()))): s.value
                        for f in self.families for s in f.samples}

    def value(self, name, **labels):
        return self.samples.get((name, tuple(sorted(labels.items()))), 0)

    def sum(self, name):
        return sum(v for (n, _), v in self.samples.items() if n == name)


def scrape(port):
    client = Client(port, None)
    a = client.expect(200, "GET", "/metrics")
    client.close()
    assert a.headers["Content-Type"] == TYPE, a.headers["Content-Type"]
    return Metrics(a.body.decode("utf-8"))


def watch_port(server):
    line = next(line for line in server.log if '"metrics are told"' in line)
    return json.loads(line)["port"]


def until(what, seconds=PATIENCE):
    """Ask again until what() is true."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


# ---- What is told ----

def is_understood(port):
    """Every family is described, its name has the unit, and no value comes twice."""
    m = scrape(port)
    described = set(re.findall(r"^# TYPE (\w+)", m.text, re.M))
    assert described == set(re.findall(r"^# HELP (\w+)", m.text, re.M))
    assert len(m.samples) == sum(len(f.samples) for f in m.families), "a value stands twice"
    for f in m.families:
        assert f.name.startswith("nestor_"), f.name
        told = {s.name for s in f.samples}
        if f.type == "counter":
            assert all(n.endswith("_total") for n in told), told
        if "seconds" in f.documentation or "bytes" in f.documentation.lower().split():
            assert any(u in name for u in UNITS for name in [f.name, *told]), f.name
        if f.type == "histogram":
            agrees(f)
    assert m.value("nestor_database_up") == 1
    assert m.sum("nestor_build_info") == 1
    assert m.value("nestor_process_open_fds") <= m.value("nestor_process_max_fds")


def agrees(family):
    """Buckets only grow, and the last has all."""
    series = {}
    for s in family.samples:
        rest = tuple(sorted((k, v) for k, v in s.labels.items() if k != "le"))
        series.setdefault(rest, {}).setdefault(s.name.rsplit("_", 1)[1], []).append(s)
    assert series or family.name == "nestor_http_request_duration_seconds", family.name
    for parts in series.values():
        counts = [s.value for s in parts["bucket"]]
        assert counts == sorted(counts) and parts["bucket"][-1].labels["le"] == "+Inf"
        assert counts[-1] == parts["count"][0].value


def are_counted(site, server, port):
    """Requests by their route, not by their path; refusals before it; bytes and connections."""
    before = scrape(port)
    client = server.client()
    for i in range(7):
        client.expect(404, "GET", f"/guide/orgs/NONE{i}/")
    client.expect(200, "HEAD", "/v2/orgs/OCL/")
    client.expect(404, "PUT", "/v2/no/such/path/")
    client.expect(201, "POST", "/guide/users/admin/sources/", {"id": f"S{site.nonce}", "name": "S"})
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as s:
        s.sendall(b"NO\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 400")
    client.close()
    until(lambda: scrape(port).value("nestor_http_connections") == 0)
    after = scrape(port)

    def more(name, **labels):
        return after.value(name, **labels) - before.value(name, **labels)

    requests = "nestor_http_requests_total"
    assert more(requests, route="/guide/orgs/:org/", method="GET", status="404") == 7, [
        k for k in after.samples if k[0] == requests]
    assert more(requests, route="/v2/orgs/:org/", method="GET", status="200") == 1
    assert more(requests, route="/guide/users/:user/sources/", method="POST", status="201") == 1
    assert more(requests, route="(none)", method="PUT", status="404") == 1
    assert more("nestor_http_requests_refused_total", reason="malformed") == 1
    assert more("nestor_http_request_duration_seconds_count", face="guide", method="GET") == 7
    assert more("nestor_http_connections_accepted_total") == 2
    assert more("nestor_http_received_bytes_total") > 7 * 50
    assert more("nestor_http_sent_bytes_total") > 7 * 50
    assert more("nestor_database_commits_total") >= 1
    assert more("nestor_database_commit_duration_seconds_count") >= 1
    assert after.value("nestor_database_size_bytes") > 100000
    site.nonce += 1


def stay_few(server, port):
    """Whatever paths are asked for, no value comes that was not there."""
    client = server.client()
    client.ask("GET", "/guide/orgs/A/")
    client.ask("GET", "/nowhere/")
    nowhere = {"route": "(none)", "method": "GET", "status": "404"}
    until(lambda: scrape(port).value("nestor_http_requests_total", **nowhere) > 0)
    before = scrape(port)
    for i in range(100):
        client.ask("GET", f"/guide/orgs/A{i}/")
        client.ask("GET", f"/nowhere/{i}/?q={i}")
    client.close()
    after = scrape(port)
    assert set(after.samples) == set(before.samples), set(after.samples) - set(before.samples)


def tasks_are_told(site, port):
    """What waits and what runs, by kind; the age of the oldest."""
    site.execute("INSERT INTO task (id, uuid, key, username, name, queue, state, kwargs, host, done, "
                 "total, lease_until, attempts, created_at, updated_at) VALUES (77, 'u', 'k', 'x', "
                 "'export', 'default', 'PENDING', '{}', 'another-server', 0, 0, 0, 0, 1000000, "
                 "1000000)")
    m = scrape(port)
    assert m.value("nestor_tasks_waiting", kind="export") == 1, m.text
    assert m.value("nestor_tasks_oldest_waiting_seconds") > 1e9
    site.execute("DELETE FROM task WHERE id = 77")
    m = scrape(port)
    assert m.sum("nestor_tasks_waiting") == 0
    assert m.value("nestor_tasks_oldest_waiting_seconds") == 0


def copies_are_told(site, port):
    """How old a copy is, and whether it is later than it should be."""
    site.execute("INSERT INTO subscription (id, host, remote, owner_url, source, repo_id, user_id, "
                 "every, phase, state, failures, due_at, last_success, size, loaded, created_at) "
                 "VALUES (5, 'another', 'http://127.0.0.1:1/orgs/X/sources/Y/', '/orgs/\"X\\/', 'Y', "
                 "0, 1, 60000000, 'ask', 'failing', 3, 9000000000000000000, 5000000, 0, 0, 1000000)")
    m = scrape(port)
    copy = '/orgs/"X\\/sources/Y'
    assert m.value("nestor_subscription_last_success_timestamp_seconds", copy=copy) == 5, m.text
    assert m.value("nestor_subscription_lag_seconds", copy=copy) > 1e9
    assert m.value("nestor_subscription_failures", copy=copy) == 3
    assert m.value("nestor_subscriptions_late") == 1
    site.execute("DELETE FROM subscription WHERE id = 5")
    assert scrape(port).value("nestor_subscriptions_late") == 0


def guesses_are_told(server, port):
    """Passwords that were looked at, and those that were not any more."""
    client = Client(server.port, None)
    before = scrape(port)
    for _ in range(22):
        client.ask("POST", "/guide/api-token-auth/", {"username": "nobody", "password": "x"})
    client.close()
    after = scrape(port)
    attempts, throttled = ("nestor_sign_in_attempts_total", "nestor_sign_in_throttled_total")
    assert after.value(attempts, of="user") - before.value(attempts, of="user") == 20
    assert after.value(throttled, of="user") - before.value(throttled, of="user") == 2
    assert after.value("nestor_sign_in_successes_total", of="user") == 0


# ---- To whom ----

def listener_has_nothing_else(server, port):
    """The listener of metrics answers no API, and the API no metrics."""
    client = Client(port, server.token)
    for path in ("/", "/guide/orgs/", "/v2/orgs/", "/openapi.json", "/metrics/", "/orgs/"):
        client.expect(404, "GET", path)
    for path in ("/healthz", "/readyz", "/metrics", "/metrics/history"):
        client.expect(200, "GET", path)
        client.expect(405, "POST", path)
    client.expect(400, "GET", "/metrics?name=x")
    for query in ("step=11", "last=0", "last=x", "lst=5", "step", "last=", "=5"):
        a = client.expect(400, "GET", f"/metrics/history?{query}")
        assert query.split("=")[0] in a.json()["detail"], a
    client.close()
    other = Client(port, None)
    other.expect(413, "POST", "/metrics", b"x")
    other.close()
    client = server.client()
    for path in ("/metrics", "/metrics/history"):
        client.expect(404, "GET", path)
    client.close()


def staff_only(site, server):
    """Without a listener of their own, metrics are beside the API, to staff."""
    for path in ("/metrics", "/metrics/history"):
        nobody, bob, admin = (Client(server.port, t) for t in (None, site.bob, site.token))
        a = nobody.expect(401, "GET", path)
        assert "WWW-Authenticate" in a.headers, a.headers
        bob.expect(403, "GET", path)
        a = admin.expect(200, "GET", path)
        assert a.headers["Cache-Control"] == "no-store"
        assert "detail" in nobody.ask("GET", path).json()
        admin.expect(405, "POST", path)
        a = admin.ask("HEAD", path)
        assert (a.status, a.body) == (200, b"")
        for c in (nobody, bob, admin):
            c.close()
    site.run("user", "grant", "admin", "--superuser")
    site.execute("UPDATE account SET is_staff = false WHERE username = 'admin'")
    superuser = Client(server.port, site.token)
    superuser.expect(200, "GET", "/metrics")
    superuser.close()
    site.execute("UPDATE account SET is_staff = true WHERE username = 'admin'")
    wrong = Client(server.port, "not-a-token")
    wrong.expect(401, "GET", "/metrics")
    wrong.close()


# ---- What goes wrong ----

def silent_database(site, port):
    """A table that somebody holds: what the process knows is told all the same, in time."""
    if site.database is None:
        return broken_database(site, port)
    holder = subprocess.Popen([PSQL, site.database.url, "-qXt"], stdin=subprocess.PIPE, text=True,
                              stdout=subprocess.PIPE)
    holder.stdin.write("BEGIN; LOCK TABLE task, nst_migration IN ACCESS EXCLUSIVE MODE; "
                       "SELECT 'held';\n")
    holder.stdin.flush()
    assert "held" in holder.stdout.readline()
    try:
        begun = time.monotonic()
        m = scrape(port)
        took = time.monotonic() - begun
        again = time.monotonic()
        scrape(port)
        took_again = time.monotonic() - again
        again = time.monotonic()
        with contextlib.closing(Client(port, None)) as c:
            c.expect(503, "GET", "/readyz")
        took_ready = time.monotonic() - again
    finally:
        holder.communicate("ROLLBACK;\n", PATIENCE)
    assert m.value("nestor_database_up") == 0 and "nestor_tasks_waiting" not in m.text
    assert "nestor_http_requests_total" in m.text
    assert took < 8 and took_again < 1.5 and took_ready < 25, (took, took_again, took_ready)
    until(lambda: scrape(port).value("nestor_database_up") == 1)
    return None


def broken_database(site, port):
    site.execute("ALTER TABLE task RENAME TO task_away")
    m = scrape(port)
    site.execute("ALTER TABLE task_away RENAME TO task")
    assert m.value("nestor_database_up") == 0 and "nestor_tasks_waiting" not in m.text
    assert "nestor_http_requests_total" in m.text
    until(lambda: scrape(port).value("nestor_database_up") == 1)


def never_reads(server, port):
    """A scraper that asks and asks and reads nothing has one connection, and others are served. More
    than so many connections are turned away."""
    def memory():
        with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", port))
        s.setblocking(False)
        sent, before = 0, memory()
        request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            try:
                sent += s.send(request)
            except BlockingIOError:
                time.sleep(0.02)
        assert sent > 20000, sent
        for _ in range(5):
            assert scrape(port).value("nestor_database_up") == 1
        client = server.client()
        client.expect(200, "GET", "/v2/orgs/OCL/")
        client.close()
        assert memory() - before < 64 << 20, (before, memory())
    held = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(SCRAPE_MAX + 4)]
    until(lambda: sum(is_closed(c) for c in held) >= 4)
    for c in held:
        c.close()
    until(lambda: can_scrape(port))


def is_closed(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def can_scrape(port):
    try:
        return scrape(port).value("nestor_database_up") == 1
    except OSError:
        return False


# ---- Samples ----

def history(port, query="last=60"):
    client = Client(port, None)
    told = client.expect(200, "GET", f"/metrics/history?{query}").json()
    client.close()
    return {s["name"]: s["values"] for s in told["series"]}, told


def last_known(port, name, query="last=60"):
    known = [v for v in history(port, query)[0][name] if v is not None]
    return known[-1] if known else None


def serve_watched(site, *words):
    return site.serve("--set", "metrics.listen=127.0.0.1:0", *words)


def are_kept(site):
    """Samples outlive a kill; the file never grows; both rings have them."""
    path = os.path.join(site.data, HISTORY)
    server = serve_watched(site)
    until(lambda: last_known(watch_port(server), "resident"))
    first = [v for v in history(watch_port(server))[0]["resident"] if v is not None]
    server.end(signal.SIGKILL)
    assert os.stat(path).st_size == HISTORY_BYTES, os.stat(path).st_size
    assert os.stat(path).st_mode & 0o777 == 0o600
    with serve_watched(site) as server:
        port = watch_port(server)
        kept, told = history(port, "last=120")
        assert told["kept"] and told["step"] == 10 and len(kept) == 12, told
        assert first[0] in kept["resident"], (first, kept["resident"])
        assert last_known(port, "database", "step=120&last=600") > 100000
        assert len(history(port, "last=999999999")[0]["cpu"]) == 8640
        assert os.stat(path).st_size == HISTORY_BYTES


def begin_anew(site):
    """A file that is damaged, cut or of something else is replaced, and the log says so."""
    path = os.path.join(site.data, HISTORY)
    with open(path, "rb") as f:
        whole = f.read()
    for name, content in (("of something else", b"#!/bin/sh\n"), ("cut", whole[:5000]),
                          ("with another head", b"x" + whole[1:])):
        with open(path, "wb") as f:
            f.write(content)
        with serve_watched(site) as server:
            assert "samples begun anew" in server.text(), (name, server.text())
            assert os.stat(path).st_size == HISTORY_BYTES, name
            until(lambda s=server: last_known(watch_port(s), "resident"))
    with serve_watched(site) as server:  # a file that somebody removes is made again
        os.remove(path)
        server.wait_for("the file was removed")
        until(lambda: os.path.exists(path) and os.stat(path).st_size == HISTORY_BYTES)
        until(lambda: last_known(watch_port(server), "resident"))
    with open(path, "r+b") as f:  # one sample is damaged: it is none, the others stay
        f.seek(64)
        f.write(os.urandom(HISTORY_BYTES - 64))
    with serve_watched(site) as server:
        assert "samples begun anew" not in server.text()
        until(lambda: last_known(watch_port(server), "resident"))
        values = [v for v in history(watch_port(server), "last=86400")[0]["resident"] if v]
        assert len(values) <= 2, values


def no_place_for_them(site):
    """No room, a folder in its place, another server that has it: a line in the log, and no more."""
    path = os.path.join(site.data, HISTORY)
    os.remove(path)
    limit = ["prlimit", f"--fsize={HISTORY_BYTES - 1}"]
    command = [*limit, site.nestor, "serve", *site.where(), "--listen", "127.0.0.1:0"]
    with Server(command, {}, site.token) as server:
        server.wait_for("no samples are kept")
        client = server.client()
        client.expect(201, "POST", "/guide/users/admin/sources/", {"id": f"S{site.nonce}", "name": "S"})
        assert client.expect(200, "GET", "/metrics/history").json()["kept"] is False
        client.close()
    site.nonce += 1
    os.remove(path)
    os.mkdir(path)
    with serve_watched(site) as server:
        server.wait_for("no samples are kept")
    os.rmdir(path)
    with serve_watched(site), serve_watched(site) as second:
        assert "another server keeps them" in second.text()
    with serve_watched(site, "--set", "metrics.samples=false") as server:
        assert history(watch_port(server))[1]["kept"] is False


# ---- nestor top ----

FIGURES = ["requests", "errors", "latency_p50", "latency_p99", "connections", "writes_waiting",
           "database", "log", "resident", "cpu", "tasks_waiting", "subscriptions_late"]


def top_says(site, words, status, *texts):
    p = site.run("top", *words, where=False)
    assert p.returncode == status, (words, p.returncode, p.stdout, p.stderr)
    for text in texts:
        assert text in p.stdout + p.stderr, (text, p.stdout, p.stderr)
    return p.stdout


def top_shows(site, server, port):
    """A line or an object, from either listener; requests between its two looks are counted."""
    there = f"http://127.0.0.1:{port}"
    line = top_says(site, [there, "--once"], 0, *(f"  {name}=" for name in FIGURES))
    assert len(line.splitlines()) == 1, line
    p = subprocess.Popen([site.nestor, "top", there, "--json", "--every", "1s"], text=True,
                         stdout=subprocess.PIPE, env=environment())
    told = []
    client = server.client()
    while len(told) < 2 or not told[-1]["requests"]:
        for _ in range(20):
            client.expect(200, "GET", "/v2/orgs/OCL/")
        told.append(json.loads(p.stdout.readline()))
    client.close()
    p.send_signal(signal.SIGINT)
    p.stdout.read()
    assert p.wait(PATIENCE) == 0
    assert list(told[-1]) == ["time", *FIGURES], told
    assert told[-1]["requests"] > 5 and told[-1]["latency_p99"] > 0 and told[-1]["errors"] == 0
    assert told[-1]["resident"] > 1 << 20 and told[-1]["connections"] >= 1
    p = site.run("top", "--once", "--json", "--set", f"metrics.listen=127.0.0.1:{port}")
    assert p.returncode == 0 and json.loads(p.stdout)["database"] > 100000, p.stderr


def top_refuses(site, port, api):
    """Whoever may not, has mistaken the address or finds nobody is told so."""
    other = socket.create_server(("127.0.0.1", 0))
    free = other.getsockname()[1]
    other.close()
    top_says(site, [f"http://127.0.0.1:{free}", "--once"], 1, "nobody answers at")
    top_says(site, [f"http://127.0.0.1:{api}", "--once"], 1, "(404)", "metrics.listen")
    top_says(site, [f"http://127.0.0.1:{port}/metrics/no", "--once"], 1, "(404)")
    top_says(site, ["localhost:80"], 2, "no address")
    top_says(site, [f"http://127.0.0.1:{port}", "--every", "never"], 2, "--every")
    top_says(site, [f"http://127.0.0.1:{port}", "--every", "2s", "--once"], 2, "--every")
    top_says(site, [f"http://127.0.0.1:{port}", "--token-file", site.path("none")], 1, "none")


def top_needs_staff(site, server):
    there = f"http://127.0.0.1:{server.port}"
    bob = site.write("bob.token", site.bob)
    top_says(site, [there, "--once"], 1, "(401)", "--token-file")
    top_says(site, [there, "--once", "--token-file", site.write("wrong", "x")], 1, "(401)", "wrong")
    top_says(site, [there, "--once", "--token-file", bob], 1, "(403)", "staff")
    top_says(site, [there, "--once", "--token-file", site.path("admin.token")], 0, "requests=")


def top_is_live(site, port):
    """In a terminal: a screen with the history of each figure; Ctrl-C ends it and shows the cursor."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["LANG"] = os.environ["LC_ALL"] = "C.UTF-8"
        os.execv(site.nestor, [site.nestor, "top", f"http://127.0.0.1:{port}", "--every", "1s"])
    text = b""
    while text.count(b"\x1b[H") < 2 or not text.endswith(b"\x1b[J"):
        text += os.read(terminal, 65536)
    os.write(terminal, b"\x03")
    try:
        while more := os.read(terminal, 65536):
            text += more
    except OSError:
        pass  # the other end is closed
    assert os.waitpid(pid, 0)[1] == 0
    shown = text.decode("utf-8")
    assert all(f"\n{name} " in shown for name in FIGURES), shown
    assert "Nestor " in shown and "as the server kept them" in shown
    assert any(block in shown for block in "▂▃▄▅▆▇█"), shown
    assert shown.rstrip().endswith("\x1b[?25h"), repr(shown[-60:])


def on_a_socket(site):
    """The listener of metrics may be a Unix socket, which goes away with the server."""
    path = site.path("metrics.socket")
    with site.serve("--set", f"metrics.listen=unix:{path}"):
        top_says(site, [f"unix:{path}", "--once"], 0, "requests=")
    assert not os.path.exists(path)


def cannot_listen(site):
    """An address that is taken or none stops the start, with a line that names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for address, status in ((f"127.0.0.1:{taken.getsockname()[1]}", 1), ("nowhere", 2)):
            server = site.serve("--set", f"metrics.listen={address}")
            assert not server.is_up() and address in server.text(), server.text()
            assert server.process.returncode == status, server.process.returncode


# ---- The page of metrics ----

def page_is_true(port):
    """docs/metrics.md is what the server tells."""
    page = subprocess.run([os.path.join(ROOT, "tools", "make-metrics-page"), "-"],
                          input=scrape(port).text, capture_output=True, text=True, check=True).stdout
    with open(os.path.join(ROOT, "docs", "metrics.md"), encoding="utf-8") as f:
        assert f.read() == page, "run tools/make-metrics-page, see docs/metrics.md"


def names_are_served(port):
    """Every metric that the dashboard, the alerts and the page of operations name is one."""
    m = scrape(port)
    served = {s.name for f in m.families for s in f.samples} | set(
        re.findall(r"^# TYPE (\w+)", m.text, re.M))
    served |= {n + part for n in served for part in ("_bucket", "_sum", "_count")}
    with open(os.path.join(ROOT, "packaging", "grafana", "nestor.json"), encoding="utf-8") as f:
        board = json.load(f)
    shown = [t["expr"] for p in board["panels"] for t in p["targets"]]
    shown += [v["definition"] for v in board["templating"]["list"] if "definition" in v]
    shown += [a["expr"] for a in board["annotations"]["list"]]
    assert len(shown) > 40 and all("nestor_" in text for text in shown), shown
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as f:
        shown.append(f.read())
    named = set(re.findall(r"\bnestor_[a-z_]+", " ".join(shown)))
    assert named <= served, named - served
    families = set(re.findall(r"^# TYPE (\w+)", m.text, re.M))
    left_out = {f for f in families if not any(n.startswith(f) for n in named)}
    assert left_out <= {"nestor_metrics_gathering_seconds", "nestor_subscription_failures",
                        "nestor_subscription_last_success_timestamp_seconds"}, left_out
    places = [tuple(p["gridPos"][k] for k in "xy") for p in board["panels"]]
    assert len(set(places)) == len(places) and len({p["id"] for p in board["panels"]}) == len(places)


def run(tally, nestor, engine, cluster):
    def case(name, what, *args):
        tally.run(f"{engine}: {name}", what, *args)

    with Site(nestor, cluster).init() as site:
        site.nonce = 0
        site.run("user add", "bob")
        site.bob = site.run("token show", "--user", "bob").stdout.strip()
        with serve_watched(site) as server:
            port = watch_port(server)
            case("a reader of Prometheus understands what is told", is_understood, port)
            case("requests are counted by route, method and status", are_counted, site, server, port)
            case("values do not grow with paths", stay_few, server, port)
            case("tasks that wait are told by kind", tasks_are_told, site, port)
            case("copies are told with their lag", copies_are_told, site, port)
            case("attempts to sign in are told", guesses_are_told, server, port)
            case("the listener of metrics has nothing else", listener_has_nothing_else, server, port)
            case("a database that is silent leaves the rest", silent_database, site, port)
            case("a scraper that never reads harms nobody", never_reads, server, port)
            case("docs/metrics.md has every metric", page_is_true, port)
            case("the dashboard and the alerts name metrics that are served", names_are_served, port)
            case("`nestor top` shows what a server does", top_shows, site, server, port)
            case("`nestor top` says why it cannot", top_refuses, site, port, server.port)
            case("`nestor top` is live in a terminal", top_is_live, site, port)
        with site.serve() as server:
            case("beside the API metrics are for staff", staff_only, site, server)
            case("`nestor top` wants a token there", top_needs_staff, site, server)
        case("metrics may be told on a Unix socket", on_a_socket, site)
        case("a listener that cannot be stops the start", cannot_listen, site)
        case("samples outlive a kill", are_kept, site)
        case("damaged samples begin anew", begin_anew, site)
        case("no place for samples harms nobody", no_place_for_them, site)


def main():
    options = arguments(__doc__.splitlines()[0])
    tally = Tally()
    for engine, cluster in engines():
        tally.run(f"{engine}: the servers end as they should", run, tally, options.nestor, engine,
                  cluster)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
