"""What the black-box tests share: an installation of its own (SQLite, or a
PostgreSQL database made for the run), a server on it, a client that keeps its
connection, and the `ok`/`FAIL` lines.

Every test takes --nestor PATH and ignores options it does not know. It runs on SQLite,
and on PostgreSQL as well when NESTOR_TEST_PG holds a libpq URL, unless it says otherwise.
"""
import argparse
import csv
import glob
import http.client
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import traceback
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from http_server import PATIENCE, PSQL, REPORTS, Database, environment, free_port, free_ports  # noqa: E402,F401


def arguments(description, **more):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--nestor", required=True, help="the program under test")
    for name, value in more.items():
        parser.add_argument("--" + name, default=value, type=type(value))
    chosen, _ = parser.parse_known_args()
    chosen.nestor = os.path.abspath(chosen.nestor)
    return chosen


def engines():
    """(name, cluster) of every database to run on; None is SQLite."""
    cluster = os.environ.get("NESTOR_TEST_PG")
    return [("sqlite", None)] + ([("postgresql", cluster)] if cluster else [])


class Tally:
    """Counts what held and prints a line for each."""

    def __init__(self):
        self.passed = self.failed = 0

    def ok(self, name):
        self.passed += 1
        print(f"ok {name}", flush=True)

    def fail(self, name, why):
        self.failed += 1
        print(f"FAIL {name}: {why}", flush=True)

    def run(self, name, case, *args):
        """One case: a function that raises when something does not hold."""
        try:
            case(*args)
        except AssertionError as e:
            where = traceback.extract_tb(e.__traceback__)[-1]
            self.fail(name, str(e) or f"{where.line} (line {where.lineno})")
        except Exception as e:  # pylint: disable=broad-except
            where = traceback.extract_tb(e.__traceback__)[-1]
            self.fail(name, f"{type(e).__name__}: {e} ({where.filename}:{where.lineno})")
        else:
            self.ok(name)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0


def build_for(options, cluster):
    """Of a long test: on the second engine, where it asks the same once more, it takes the build
    without sanitizers (--plain PATH), if there is one."""
    return os.path.abspath(options.plain) if cluster and options.plain else options.nestor


def run_on_engines(description, run, is_long=False):
    """A test whose run(tally, nestor, engine, cluster) begins and ends a server. Returns the exit
    status."""
    options = arguments(description, plain="")
    tally = Tally()
    for engine, cluster in engines():
        tally.run(f"{engine}: the server ends as it should", run, tally,
                  build_for(options, cluster) if is_long else options.nestor, engine, cluster)
    return tally.finish()


class Site:
    """An installation in a folder that goes away again."""

    def __init__(self, nestor, cluster=None, database=True):
        self.nestor = nestor
        self.work = tempfile.mkdtemp(prefix="nestor-test-")
        self.data = os.path.join(self.work, "data")
        self.database = Database(cluster) if cluster and database else None
        self.token = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.work, ignore_errors=True)
        if self.database:
            self.database.drop()

    def path(self, name):
        return os.path.join(self.work, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def where(self):
        there = ["--data", self.data]
        return there + (["--database", self.database.url] if self.database else [])

    def run(self, verb, *words, where=True, stdin=None, env=None):
        """`nestor VERB ...` to its end."""
        command = [self.nestor, *verb.split(), *(self.where() if where else []), *words]
        p = subprocess.run(command, input=stdin, capture_output=True, text=True,
                           timeout=PATIENCE, env={**environment(), **(env or {})}, cwd=self.work,
                           check=False)
        reports = [r for r in REPORTS if r in p.stderr]
        assert not reports, f"`nestor {verb}`: {p.stderr[-3000:]}"
        return p

    def init(self, *words):
        """With the vocabularies of OpenMRS where `words` says nothing else: lists are short."""
        p = self.run("init", "--admin", "admin", "--admin-token-file", self.path("admin.token"),
                     *(words or ["--no-vocabularies"]))
        assert p.returncode == 0, p.stderr
        with open(self.path("admin.token"), encoding="ascii") as f:
            self.token = f.read().strip()
        return self

    def verify(self):
        """What is stored is as it should be; a server may run meanwhile."""
        p = self.run("verify", "--quiet")
        assert p.returncode == 0, p.stdout + p.stderr

    def serve(self, *words, env=None, data=None, database=None):
        where = self.where() if data is None else ["--data", data]
        where += ["--database", database] if database else []
        patient = {"NESTOR_HTTP_IDLE_SECONDS": "3600"}  # a test may come back to a client late
        return Server([self.nestor, "serve", *where, "--listen", "127.0.0.1:0", *words],
                      {**patient, **(env or {})}, self.token)

    def query(self, sql, data=None, database=None):
        """Rows of a SELECT, read beside the server; numbers and texts only."""
        if self.database:
            url = database or self.database.url
            p = subprocess.run([PSQL, url, "-qXt", "--csv", "-P", "null=\\N",
                                "-v", "ON_ERROR_STOP=1", "-c", sql], capture_output=True,
                               text=True, timeout=PATIENCE, check=True)
            rows = csv.reader(io.StringIO(p.stdout, newline=""))
            return [tuple(row) or ("",) for row in rows]
        return self.query_each([sql], data)[0]

    def query_each(self, statements, data=None):
        """The same of several SELECTs to an SQLite file; a connection reads its schema once."""
        db = sqlite3.connect(os.path.join(data or self.data, "nestor.db"), timeout=PATIENCE)
        try:
            return [[tuple("\\N" if v is None else str(v) for v in row) for row in db.execute(sql)]
                    for sql in statements]
        finally:
            db.close()

    def execute(self, *statements):
        """Write beside the server, in one transaction on PostgreSQL."""
        script = ";\n".join(statements)
        if self.database:
            subprocess.run([PSQL, self.database.url, "-qX", "-v", "ON_ERROR_STOP=1", "-c", script],
                           timeout=PATIENCE, check=True, capture_output=True)
            return
        db = sqlite3.connect(os.path.join(self.data, "nestor.db"), timeout=PATIENCE)
        db.executescript(script)
        db.close()

    def tables(self, **where):
        if self.database:
            sql = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        else:
            sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        return sorted(name for name, in self.query(sql, **where))

    def dump(self, **where):
        """Every row of every table, in an order of its own."""
        tables = self.tables(**where)
        if not self.database:
            each = self.query_each([f"SELECT * FROM {t}" for t in tables], where.get("data"))
            return {t: sorted(rows) for t, rows in zip(tables, each)}
        rows = self.query(" UNION ALL ".join(f"SELECT '{t}', CAST({t}.* AS text) FROM {t}"
                                             for t in tables), **where)
        return {t: sorted(row for name, row in rows if name == t) for t in tables}


class Clock:
    """A clock that programs with its environment go by; they measure time as ever."""

    def __init__(self, site):
        self.site = site
        library = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        assert library, "faketime is needed: tools/install-packages check"
        self.set("+0d")
        self.env = {"LD_PRELOAD": library[0], "FAKETIME_TIMESTAMP_FILE": site.path("clock"),
                    "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                    "DONT_FAKE_MONOTONIC": "1",
                    "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"}

    def set(self, ahead):
        """By how much it is ahead: "-1d"."""
        self.site.write("clock", ahead)


class Holder:
    """A session of PostgreSQL that holds what its statements take; the last one says 'held'."""

    def __init__(self, site, statements):
        self.session = subprocess.Popen([PSQL, site.database.url, "-qXtA"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.session.stdin.write(f"BEGIN; {statements};\n")
        self.session.stdin.flush()

    def __enter__(self):
        assert self.session.stdout.readline() == "held\n"
        return self

    def __exit__(self, *_):
        self.session.communicate("ROLLBACK;\n", PATIENCE)


class Server:
    """A running `nestor serve`; its log is read as it comes."""

    def __init__(self, command, env, token):
        self.token = token
        self.log = []
        self.port = None
        self.ready = threading.Event()
        self.grown = threading.Condition()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env={**environment(), **env})
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.ready.wait(PATIENCE)
        if self.port is None:
            self.end(signal.SIGKILL)

    def read(self):
        for line in self.process.stderr:
            text = line.decode("utf-8", "replace").rstrip("\n")
            with self.grown:
                self.log.append(text)
                self.grown.notify_all()
            if self.port is None and '"listening"' in text:
                self.port = json.loads(text)["port"]
                self.ready.set()
        self.ready.set()

    def wait_for(self, text):
        """Until the log has a line with the text."""
        with self.grown:
            found = self.grown.wait_for(lambda: any(text in line for line in self.log), PATIENCE)
        assert found, f"the log never had {text}"

    def is_up(self):
        return self.port is not None

    def text(self):
        return "\n".join(self.log)

    def client(self, token=None):
        return Client(self.port, self.token if token is None else token)

    def end(self, sig=signal.SIGTERM):
        """Returns the exit status; the log is whole afterwards."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.reader.join(PATIENCE)
        self.process.stderr.close()
        return status

    def stop(self):
        status = self.end()
        assert not any(r in self.text() for r in REPORTS), self.text()[-4000:]
        assert status == 0, f"the server ended with {status}: {self.text()[-2000:]}"

    def __enter__(self):
        assert self.is_up(), f"the server did not start: {self.text()[-2000:]}"
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.end(signal.SIGKILL)


def headers_of(fp, _class=http.client.HTTPMessage):
    """In the place of http.client's, whose parser of mails takes a third of a request's time here:
    a folded line or one without a colon is none that the server writes."""
    headers = _class()
    while (line := fp.readline()) not in (b"\r\n", b""):
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not line.endswith(b"\r\n") or name != name.strip():
            raise http.client.HTTPException(f"the header {line!r}")
        headers.set_raw(name, value.strip())
    return headers


http.client.parse_headers = headers_of


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.body[:300]!r}"


class Client:
    """One connection that is kept; a request that breaks raises OSError or
    http.client.HTTPException and leaves it unknown what the server did. A body of bytes
    goes as it is, another as JSON; `Accept_Encoding=` names a header."""

    def __init__(self, port, token, scheme="Token"):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.token = token
        self.scheme = scheme

    def ask(self, method, path, body=None, **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        if self.token:
            headers["Authorization"] = f"{self.scheme} {self.token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8")
        return self.raw(method, path, body, headers)

    def raw(self, method, path, body, headers):
        """With exactly these headers. A body that is refused unread may find the connection closed:
        the answer is there all the same."""
        try:
            self.connection.request(method, path, body, headers)
        except BrokenPipeError:
            if self.connection.sock is None:
                raise
        response = self.connection.getresponse()
        data = response.read()
        return Answer(response.status, response.headers, data)

    def expect(self, status, method, path, body=None):
        a = self.ask(method, path, body)
        assert a.status == status, f"{method} {path}: {a}, not {status}"
        return a

    def close(self):
        self.connection.close()
