"""One Nestor on a database of its own: started for a .http file, asked over a
plain socket so that bytes go out as written, stopped and looked over."""
import contextlib
import errno
import http.client
import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import uuid
import zlib
from dataclasses import dataclass

PATIENCE = 30  # seconds; only a broken server makes anybody wait so long
PSQL = shutil.which("psql") or "psql"
REPORTS = ("Sanitizer", "runtime error:", "Assertion `")


class ServerError(Exception):
    """The server did not start, or did not end well."""


@dataclass
class Answer:
    status: str
    headers: list
    body: bytes

    def values(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]


def environment():
    """The settings of the person who runs the tests must not reach the server."""
    kept = {k: v for k, v in os.environ.items()
            if not k.startswith("NESTOR_") or k == "NESTOR_SQL_LOG"}
    kept.setdefault("ASAN_OPTIONS", "detect_leaks=1")
    kept.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
    return kept


def free_ports(count):
    """Ports that nobody has. They lie below those that the kernel gives to connections, if there
    is room, so that none of these takes one before the server that it is for."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        first = int(f.read().split()[0])
    end = first if first > 10_000 else 32_768
    with contextlib.ExitStack() as taken:
        ports = []
        while len(ports) < count:
            port = random.randrange(max(1024, end - 20_000), end)
            try:
                taken.enter_context(socket.create_server(("", port)))
            except OSError as e:
                if e.errno != errno.EADDRINUSE:
                    raise
            else:
                ports.append(port)
        return ports


def free_port():
    return free_ports(1)[0]


class Database:
    """A PostgreSQL database that goes away again."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.name = "nestor_" + uuid.uuid4().hex[:16]
        self.psql(f'CREATE DATABASE "{self.name}"')
        self.url = re.sub(r"^(\w+://[^/?]*)/?[^?]*", rf"\1/{self.name}", cluster)

    def psql(self, statement):
        command = [PSQL, self.cluster, "-qX", "-v", "ON_ERROR_STOP=1", "-c", statement]
        p = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if p.returncode != 0:
            raise ServerError(f"psql: {p.stderr.strip()}")

    def drop(self):
        self.psql(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


class Server:
    def __init__(self, nestor, settings=(), cluster=None, loads=(), vocabularies=False):
        self.nestor = nestor
        self.work = tempfile.mkdtemp(prefix="nestor-http-")
        self.database = None
        self.process = None
        self.log = []
        self.port = None
        self.listening = threading.Event()
        try:
            self.database = Database(cluster) if cluster else None
            self.where = ["--data", os.path.join(self.work, "data")]
            if self.database:
                self.where += ["--database", self.database.url]
            self.admin = self.init([] if vocabularies else ["--no-vocabularies"])
            for path in loads:
                self.run("load", path)
            self.serve(settings)
        except BaseException:
            self.kill()
            raise

    def init(self, words):
        token_file = os.path.join(self.work, "admin.token")
        self.run("init", "--admin", "admin", "--admin-token-file", token_file, *words)
        with open(token_file, encoding="ascii") as f:
            return f.read().strip()

    def run(self, action, *words):
        """A command on this database that has to succeed; returns what it prints."""
        command = [self.nestor, action, *self.where, *words]
        p = subprocess.run(command, capture_output=True, text=True, errors="replace",
                           timeout=PATIENCE, env=environment(), check=False)
        if p.returncode != 0:
            raise ServerError(f"`nestor {action}` ended with {p.returncode}:\n"
                              f"{p.stderr or p.stdout}")
        return p.stdout

    def serve(self, settings):
        command = [self.nestor, "serve", *self.where, "--listen", "127.0.0.1:0"]
        for setting in settings:
            command += ["--set", setting]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env=environment())
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()
        if not self.listening.wait(PATIENCE) or self.port is None:
            raise ServerError("`nestor serve` did not listen:\n" + self.tail())

    def read_log(self):
        for line in self.process.stderr:
            text = line.decode("utf-8", "replace").rstrip("\n")
            self.log.append(text)
            if self.port is None and '"listening"' in text:
                try:
                    self.port = int(json.loads(text)["port"])
                except (ValueError, KeyError, TypeError):
                    continue
                self.listening.set()
        self.listening.set()

    def tail(self, lines=20):
        return "\n".join(self.log[-lines:])

    def ask(self, data, method="GET"):
        """Sends the bytes, returns the answer; `closed` when the server only hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as s:
            try:
                s.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # The server may answer and hang up before it has read everything.
            response = http.client.HTTPResponse(s, method=method)
            try:
                response.begin()
                body = response.read()
            except (http.client.RemoteDisconnected, ConnectionResetError):
                return Answer("closed", [], b"")
            finally:
                response.close()
            headers = response.getheaders()
            return Answer(str(response.status), headers, decoded(headers, body))

    def request(self, method, target, headers=(), body=""):
        return self.ask(self.request_bytes(method, target, headers, body), method)

    def request_bytes(self, method, target, headers, body):
        """Adds Host, Content-Length and Connection, unless the case has its own."""
        given = {name.lower() for name, _ in headers}
        payload = body.encode("utf-8")
        lines = [f"{method} {target} HTTP/1.1"]
        if "host" not in given:
            lines.append(f"Host: 127.0.0.1:{self.port}")
        lines += [f"{name}: {value}" for name, value in headers]
        if not given & {"content-length", "transfer-encoding"} and (
                payload or method in ("POST", "PUT", "PATCH")):
            lines.append(f"Content-Length: {len(payload)}")
        if "connection" not in given:
            lines.append("Connection: close")
        return "\r\n".join(lines + ["", ""]).encode("utf-8") + payload

    def make_user(self, name):
        """A plain user; returns the token."""
        auth = [("Authorization", f"Token {self.admin}")]
        body = json.dumps({"username": name, "name": name, "email": f"{name}@example.org"})
        a = self.request("POST", "/guide/users/", [*auth, ("Content-Type", "application/json")],
                         body)
        if a.status != "201":
            raise ServerError(f"@user {name}: POST /guide/users/ answered {a.status} {a.body[:300]!r}")
        a = self.request("GET", f"/guide/admin/tokens/{name}/", auth)
        try:
            return json.loads(a.body)["key"]
        except (ValueError, KeyError, TypeError) as e:
            raise ServerError(f"@user {name}: no token in {a.status} {a.body[:300]!r}") from e

    def stop(self, tokens=()):
        """Ends the server; returns what was wrong about its life, one text a problem."""
        problems = []
        try:
            self.process.send_signal(signal.SIGTERM)
            status = self.process.wait(PATIENCE)
            if status != 0:
                problems.append(f"the server ended with status {status}:\n{self.tail()}")
        except subprocess.TimeoutExpired:
            problems.append(f"the server did not end within {PATIENCE} s of SIGTERM")
        problems += self.damage()
        self.kill()
        text = "\n".join(self.log)
        if any(r in text for r in REPORTS):
            problems.append(f"the server reported an error in itself:\n{self.tail(60)}")
        problems += [f"the log holds a token or a password: {line}" for line in self.log
                     if any(t in line for t in tokens)]
        return problems

    def damage(self):
        """What `nestor verify` finds in the store that is left; other programs have no such verb."""
        env = environment()
        env.pop("NESTOR_SQL_LOG", None)  # what it asks the engine of itself differs by engine
        p = subprocess.run([self.nestor, "verify", *self.where, "--quiet"], capture_output=True,
                           text=True, timeout=PATIENCE, env=env, check=False)
        return [f"the store is damaged:\n{p.stdout}{p.stderr}"] if p.returncode == 1 else []

    def kill(self):
        if self.process:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.reader.join(PATIENCE)
            self.process.stderr.close()
        shutil.rmtree(self.work, ignore_errors=True)
        if self.database:
            self.database.drop()
            self.database = None


def decoded(headers, body):
    coding = next((v.lower() for n, v in headers if n.lower() == "content-encoding"), "")
    if coding in ("gzip", "deflate") and body:
        return zlib.decompress(body, wbits=47)
    return body


def curl(port, method, target, headers, body):
    """The request as a line for a shell."""
    words = ["curl", "-i"] + (["-I"] if method == "HEAD" else ["-X", method])
    for name, value in headers:
        words += ["-H", f"{name}: {value}"]
    if body:
        words += ["--data-raw", body]
    return shlex.join(words + [f"http://127.0.0.1:{port}{target}"])
