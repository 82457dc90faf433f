"""The HTTP layer seen from outside: raw sockets against http_probe.

Usage: http_test.py PROBE [case ...]. Prints a line per case, ends with the
totals; exit status 1 when a case failed. Nothing waits for a fixed time except
where a deadline itself is under test.
"""
import gzip
import http.client
import json
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager

from support import free_port

PROBE = None
CASES = []
PATIENCE = 10  # seconds; only a broken server makes anybody wait so long


class Server:
    """One probe; stopping it checks that it ends well, hence leaks nothing."""

    def __init__(self, *settings, **more):
        self.process = subprocess.Popen([PROBE, *settings], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        **more)
        self.port = int(self.process.stdout.readline())
        self.log = None

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def begin_stop(self):
        self.process.stdin.close()
        self.process.stdin = None

    def stop(self):
        _, self.log = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, f"probe: {self.process.returncode}\n{self.log}"
        assert "Sanitizer" not in self.log, self.log
        return [json.loads(line) for line in self.log.splitlines()]

    def cpu(self):
        """Seconds of processor time so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


@contextmanager
def server(*settings, **more):
    s = Server(*settings, **more)
    try:
        yield s
        s.stop()
    finally:
        if s.process.poll() is None:
            s.process.kill()
            s.process.wait()


class Answer:
    def __init__(self, status, head, body):
        self.status, self.head, self.body = status, head, body
        self.header = {}
        for line in head.split("\r\n")[1:]:
            name, _, value = line.partition(": ")
            assert name.lower() not in self.header, f"{name} twice"
            self.header[name.lower()] = value


class Client:
    """One connection and what was read beyond the last answer."""

    def __init__(self, s, path=None):
        self.rest = b""
        if path is None:
            self.socket = s.connect()
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise EOFError
        self.rest += piece

    def answer(self, has_body=True):
        while b"\r\n\r\n" not in self.rest:
            self.more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        a = Answer(int(head.split(b" ")[1]), head.decode("latin-1"), b"")
        n = int(a.header.get("content-length", 0)) if has_body and a.status >= 200 else 0
        if "transfer-encoding" in a.header and has_body:
            a.body = b"".join(iter(self.chunk, b""))
        else:
            a.body = self.take(n)
        return a

    def final(self):
        """The answer behind interim ones, which a client must let pass."""
        a = self.answer()
        while a.status < 200:
            equal((a.status, a.header), (100, {}))
            a = self.answer()
        return a

    def take(self, n):
        while len(self.rest) < n:
            self.more()
        piece, self.rest = self.rest[:n], self.rest[n:]
        return piece

    def chunk(self):
        while b"\r\n" not in self.rest:
            self.more()
        size, self.rest = self.rest.split(b"\r\n", 1)
        piece = self.take(int(size, 16))
        equal(self.take(2), b"\r\n")
        return piece

    def to_the_end(self):
        """All that the server still says before it closes."""
        try:
            while True:
                self.more()
        except EOFError:
            return self.take(len(self.rest))

    def is_closed(self):
        """True when the server closes and has nothing more to say."""
        try:
            self.more()
        except (EOFError, ConnectionResetError):
            return self.rest == b""
        return False

    def get(self, path="/", **headers):
        self.send(request(path, **headers))
        return self.answer()


def request(path="/", method="GET", body="", **headers):
    fields = {"Host": "a", **{k.replace("_", "-"): v for k, v in headers.items()}}
    if body:
        fields["Content-Length"] = str(len(body))
    head = "".join(f"{k}: {v}\r\n" for k, v in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}"


def equal(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def case(f):
    CASES.append(f)
    return f


def refused(s, data, status=400):
    """The one answer to data is `status`, after which the server closes."""
    with Client(s) as c:
        c.send(data)
        a = c.answer()
        equal(a.status, status)
        equal(a.header["connection"], "close")
        assert "x-request-id" in a.header, a.head
        assert c.is_closed(), c.rest


@case
def plain_answer():
    with server() as s, Client(s) as c:
        a = c.get()
        equal((a.status, a.body, a.header["content-type"]), (200, b"hello", "text/plain"))
        assert "date" in a.header and "connection" not in a.header
        equal(c.get("/nothing").status, 204)
        equal(c.get("/none").status, 404)


@case
def parts_of_the_request():
    with server() as s, Client(s) as c:
        a = c.get("/seen/a%2Fb?x=%20&y&=z", X_One="  one\t")
        equal(a.body, b"GET|/seen/a%2Fb|?x=%20&y&=z|a|127.0.0.1|one|0")
        equal(c.get("/seen?").body, b"GET|/seen|?|a|127.0.0.1||0")
        equal(c.get("/seen").body, b"GET|/seen||a|127.0.0.1||0")
        assert "x-injected" not in a.header
        c.send(request("/seen", "PATCH", "12345"))
        equal(c.answer().body, b"PATCH|/seen||a|127.0.0.1||5")


@case
def contradictory_framing():
    h = "POST /echo HTTP/1.1\r\nHost: a\r\n"
    with server() as s:
        refused(s, h + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")
        refused(s, h + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc")
        refused(s, h + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        refused(s, h + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        for coding in ("gzip", "gzip, chunked", "chunked, identity", "xchunked", "chunked;a=b"):
            refused(s, h + f"Transfer-Encoding: {coding}\r\n\r\n0\r\n\r\n")
        refused(s, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


@case
def host():
    with server() as s:
        refused(s, "GET / HTTP/1.1\r\n\r\n")
        refused(s, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n")
        refused(s, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n")
        refused(s, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n")
        with Client(s) as c:
            c.send("GET / HTTP/1.0\r\n\r\n")
            equal(c.answer().status, 200)
            assert c.is_closed()
        for start in ("GET /seen HTTP/1.0\r\n", "GET /seen HTTP/1.1\r\nHost:\r\n"):
            with Client(s) as c:
                c.send(start + "\r\n")
                equal(c.answer().body.split(b"|")[3], b"127.0.0.1:%d" % s.port)


@case
def malformed_fields():
    h = "GET / HTTP/1.1\r\nHost: a\r\n"
    bad = ["X-A: b\r\n folded\r\n", "X-A: b\r\n\tfolded\r\n", "X-A: b\0c\r\n", "X-A: b\0\r\n",
           "X-A: b\rc\r\n", "X-A: b\x01c\r\n", "X-A: b\x7f\r\n", "X-A: b\n", "X-A : b\r\n",
           "X A: b\r\n", ": b\r\n", "X-\xe4: b\r\n", "X(A): b\r\n",
           "Content-Length: 3\r\n 4\r\n", "Transfer-Encoding:\r\n chunked\r\n"]
    with server() as s:
        for field in bad:
            try:
                refused(s, h + field + "\r\n")
                refused(s, h + field + "X-Z: z\r\n\r\n")
            except AssertionError as e:
                raise AssertionError(f"{field!r}: {e}") from e
        refused(s, "GET / HTTP/1.1\nHost: a\r\n\r\n")
        refused(s, h + "no colon\r\n\r\n")
        with Client(s) as c:
            equal(c.get("/seen", X_One="b\xe4").status, 200)
            equal(c.get("/seen", X_One="").status, 200)


@case
def malformed_request_line():
    end = " HTTP/1.1\r\nHost: a\r\n\r\n"
    with server() as s:
        for line in ("G@T /", "G\x01T /", "GET  /", "GET /a b", "GET /a\x01", "GET /a#b", "GET *",
                     "GET a", "GET /\0a", "GET /a?\0", "GET http", "A" * 40 + " /",
                     "CONNECT a:80", "CONNECT /", "CONNECT http://a/"):
            try:
                refused(s, line + end)
            except AssertionError as e:
                raise AssertionError(f"{line!r}: {e}") from e
        with Client(s) as c:
            c.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
            equal(c.answer().status, 404)
        refused(s, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505)
        refused(s, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)


@case
def content_length_is_a_number():
    h = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: "
    with server() as s:
        for length in ("-1", "+1", "1,1", "0x1", "1 1", "a"):
            refused(s, h + length + "\r\n\r\na")
        refused(s, h + "18446744073709551616\r\n\r\n", 413)
        refused(s, h + "18446744073709551615\r\n\r\n", 413)
        refused(s, h + "999999999999999999\r\n\r\n", 413)


@case
def chunked_upload():
    h = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with server() as s, Client(s) as c:
        c.send(h + "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n")
        equal(c.answer().body, b"abc0123456789")
        for byte in h + "2\r\nde\r\n0\r\nTrailer: x\r\n\r\n":
            c.send(byte)
        equal(c.answer().body, b"de")
        c.send(h + "0\r\n\r\n")
        equal(c.answer().body, b"")
        c.send(h + "3;a=b;c=\"d\"\r\nabc\r\n0;e\r\n\r\n" + request("/seen"))
        equal(c.answer().body, b"abc")
        equal(c.answer().body[:3], b"GET")


@case
def malformed_chunks():
    h = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with server() as s:
        for chunk in ("g\r\n", "-1\r\n", "\r\n\r\n", "3\r\nabcd\r\n"):
            refused(s, h + chunk)
        refused(s, h + "fffffffffffffffff\r\n", 413)
        refused(s, h + "1" * 17 + "\r\n", 413)


@case
def pipelining():
    with server() as s, Client(s) as c:
        c.send("".join(request(f"/seen/{i}", "POST", "x" * i) for i in range(20)))
        for i in range(20):
            a = c.answer()
            equal(a.body.split(b"|")[1::5], [b"/seen/%d" % i, b"%d" % i])


@case
def expect_continue():
    with server() as s, Client(s) as c:
        h = "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
        c.send(h + "5\r\n\r\n")
        equal(c.answer().status, 100)
        c.send("abcde")
        equal(c.answer().body, b"abcde")
        c.send(h + "1001\r\n\r\n")
        a = c.answer()
        equal((a.status, a.body), (413, b"too_large: "))
        assert c.is_closed()


@case
def admission():
    """A body that did not come with its head is read once the application says so; refused, it is
    not asked for, and the connection ends behind the answer."""
    head = "POST /%s HTTP/1.1\r\nHost: a\r\n%s\r\n"
    with server() as s, Client(s) as other:
        for expect in ("", "Expect: 100-continue\r\n"):
            for framing, body in (("Content-Length: 500\r\n", "x" * 500),
                                  ("Transfer-Encoding: chunked\r\n", chunks("x" * 500, 7))):
                for sent in (0, 1, 250):
                    with Client(s) as c:
                        c.send(head % ("admit", framing + expect) + body[:sent])
                        if expect and sent == 0:
                            equal(c.answer().status, 100)
                        c.send(body[sent:] + request("/later"))
                        equal(c.answer().body, b"x" * 500)
                        equal(c.answer().body, b"later")
                    with Client(s) as c:
                        c.send(head % ("refuse", framing + expect) + body[:sent])
                        a = c.answer()
                        equal((a.status, a.body), (403, b"refused"))
                        c.send(body[sent:] + request("/later"))
                        assert c.is_closed()
        # The client is gone, or has ended its half, while the application decides.
        for end in (socket.SHUT_RDWR, socket.SHUT_WR):
            other.get("/waiting?hold")
            with Client(s) as c:
                c.send(head % ("admit", "Content-Length: 500\r\n") + "x")
                until(lambda: other.get("/waiting").body == b"1")
                c.socket.shutdown(end)
                other.get("/waiting?release")
                until(lambda: other.get("/waiting").body == b"0")
        equal(other.get("/waiting").body, b"0")


def chunks(body, size):
    pieces = [body[i:i + size] for i in range(0, len(body), size)]
    return "".join(f"{len(p):x}\r\n{p}\r\n" for p in pieces) + "0\r\n\r\n"


@case
def body_limit():
    h = "POST /echo HTTP/1.1\r\nHost: a\r\n"
    with server("body=1000") as s:
        for n, status in ((999, 200), (1000, 200), (1001, 413), (100000, 413)):
            for data in (f"{h}Content-Length: {n}\r\n\r\n{'a' * n}",
                         f"{h}Transfer-Encoding: chunked\r\n\r\n{chunks('a' * n, 700)}"):
                with Client(s) as c:
                    c.send(data)
                    a = c.answer()
                    equal((n, a.status), (n, status))
                    if status == 413:
                        assert a.header["connection"] == "close" and c.is_closed()
                    else:
                        equal(len(a.body), n)
    with server("body=0") as s, Client(s) as c:
        equal(c.get().status, 200)
        c.send(request("/echo", "POST", "a"))
        equal(c.answer().status, 413)


@case
def endless_body():
    """Who goes on after the limit is read for a while, answered and cut off."""
    with server() as s, Client(s) as c:
        c.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 64 << 20:
                c.send(b"4000\r\n" + b"a" * 0x4000 + b"\r\n")
                sent += 0x4000
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 32 << 20, sent


@case
def large_body():
    with server("body=3000000") as s, Client(s) as c:
        body = "".join(chr(97 + i % 23) for i in range(3000000))
        c.send(request("/echo", "POST", body))
        equal(c.answer().body.decode(), body)


def sized(total):
    """A request whose line and fields take exactly `total` bytes."""
    start = "GET / HTTP/1.1\r\nHost: a\r\nX-Fill: "
    return start + "f" * (total - len(start) - 4) + "\r\n\r\n"


@case
def header_limit():
    for limit in (1024, 8192):
        with server(f"header_bytes={limit}") as s:
            for n in (limit - 1, limit):
                with Client(s) as c:
                    c.send(sized(n))
                    equal((n, c.answer().status), (n, 200))
            refused(s, sized(limit + 1), 431)
            refused(s, sized(limit + 100000), 431)


@case
def field_limit():
    with server("header_fields=10") as s:
        fields = {f"X-{i}": "a" for i in range(8)}
        with Client(s) as c:
            equal(c.get("/", **fields).status, 200)
            equal(c.get("/", X_8="a", **fields).status, 200)
        refused(s, request("/", X_8="a", X_9="a", **fields), 431)


@case
def target_limit():
    with server("target_bytes=300") as s:
        for path in ("/seen/{}", "/seen?{}"):
            for n in (299, 300):
                with Client(s) as c:
                    equal(c.get(path.format("a" * (n - 6))).status, 200)
            refused(s, request(path.format("a" * 295)), 414)
        refused(s, request("/" + "a" * 20000), 414)


def drip(s, start, piece, limit):
    """Send start, then piece again and again; the answer, and when it came."""
    began = time.monotonic()
    with Client(s) as c:
        c.send(start)
        c.socket.settimeout(0.05)
        while time.monotonic() - began < limit:
            try:
                c.send(piece)
                a = c.answer()
                return a.status, time.monotonic() - began
            except TimeoutError:
                continue
    raise AssertionError("still served")


@case
def request_deadline():
    with server("request=1", "idle=30") as s:
        for start, piece in (("GET", "a"), ("GET / HTTP/1.1\r\nX: ", "a"),
                             ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n", "a"),
                             ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                              "1\r\na\r\n")):
            status, took = drip(s, start, piece, 3)
            equal(status, 408)
            assert 0.9 < took < 2, took


@case
def request_deadline_after_an_answer():
    with server("request=1", "idle=30") as s, Client(s) as c:
        equal(c.get().status, 200)
        began = time.monotonic()
        c.socket.settimeout(0.05)
        status = None
        while status is None and time.monotonic() - began < 3:
            try:
                c.send("G")
                status = c.answer().status
            except TimeoutError:
                continue
        equal(status, 408)


@case
def deadline_spares_the_idle():
    with server("request=1", "idle=30") as s, Client(s) as c:
        equal(c.get().status, 200)
        time.sleep(1.6)  # the deadline under test, and a half
        equal(c.get().status, 200)


@case
def idle_timeout():
    with server("idle=1") as s, Client(s) as c, Client(s) as silent:
        equal(c.get().status, 200)
        began = time.monotonic()
        assert c.is_closed() and silent.is_closed()
        assert 0.5 < time.monotonic() - began < 3, time.monotonic() - began


@case
def head():
    with server() as s, Client(s) as c:
        for path, accepted in (("/", ""), ("/json?5000", ""), ("/json?5000", "gzip")):
            c.send(request(path, Accept_Encoding=accepted))
            whole = c.answer()
            c.send(request(path, "HEAD", Accept_Encoding=accepted))
            a = c.answer(has_body=False)
            for name in ("content-length", "content-type", "etag", "content-encoding"):
                equal(a.header.get(name), whole.header.get(name))
        equal((c.get().body, c.rest), (b"hello", b""))


@case
def compression():
    with server("gzip_from=1000") as s, Client(s) as c:
        plain = c.get("/json?1000")
        equal((plain.header["etag"], plain.header["vary"]), ('"tag"', "Accept-Encoding"))
        for accepted in ("gzip", "deflate, GZIP;q=0.5", "br , gzip ; q=1.0"):
            a = c.get("/json?1000", Accept_Encoding=accepted)
            equal(a.header["content-encoding"], "gzip")
            equal(a.header["etag"], '"tag-gzip"')
            equal(a.header["vary"], "Accept-Encoding")
            equal(gzip.decompress(a.body), plain.body)
        for accepted in ("gzip;q=0", "gzip; q=0.000", "identity", "xgzip", ""):
            a = c.get("/json?1000", Accept_Encoding=accepted)
            equal((a.body, a.header.get("content-encoding")), (plain.body, None))
        a = c.get("/json?999", Accept_Encoding="gzip")
        equal((len(a.body), a.header.get("vary")), (999, None))


@case
def request_id():
    with server("proxies=127.0.0.1") as s, Client(s) as c:
        equal(c.get(X_Request_Id="a.B-9_").header["x-request-id"], "a.B-9_")
        equal(c.get(X_Request_Id="a" * 64).header["x-request-id"], "a" * 64)
        seen = set()
        for bad in ("", "a" * 65, "a b", "a\"b", "\xe4"):
            made = c.get(X_Request_Id=bad).header["x-request-id"]
            assert re.fullmatch("[0-9a-f]{16}", made), made
            seen.add(made)
        equal(len(seen), 5)
        c.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\"b\r\nX : y\r\n\r\n")
        a = c.answer()
        equal(a.status, 400)
        assert re.fullmatch("[0-9a-f]{16}", a.header["x-request-id"]), a.head


NETWORKS = "unix 127.0.0.1 10.0.0.0/9 2001:db8:2::/47 192.0.2.7"

# What a trusted proxy says, in one or several headers, and who the client is then.
FORWARDED = (
    (["198.51.100.1"], "198.51.100.1"),
    (["2001:DB8:0:0::1"], "2001:db8::1"),
    (["::ffff:198.51.100.1"], "198.51.100.1"),
    (["198.51.100.1:5000"], "198.51.100.1"),
    (["[2001:db8::1]"], "2001:db8::1"),
    (["[2001:db8::1]:443"], "2001:db8::1"),
    (["[::ffff:198.51.100.1]:55"], "198.51.100.1"),
    (["fe80::1%eth0"], "fe80::1"),
    (["[fe80::1%eth0]:55"], "fe80::1"),
    # What a stranger has written itself stands left of its own address.
    (["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
    (["nonsense, 198.51.100.1"], "198.51.100.1"),
    (["203.0.113.9", "198.51.100.1"], "198.51.100.1"),
    (["198.51.100.1, 10.1.2.3,192.0.2.7"], "198.51.100.1"),
    (["198.51.100.1", "10.127.255.255", "::ffff:192.0.2.7 , 2001:db8:3:ffff::1"], "198.51.100.1"),
    (["198.51.100.1, 10.128.0.1, 10.0.0.1"], "10.128.0.1"),
    (["198.51.100.1, 2001:db8:4::1"], "2001:db8:4::1"),
    (["10.1.2.3, 192.0.2.7"], "10.1.2.3"),
    # Malformed: the proxy itself.
    *(([bad], "127.0.0.1") for bad in (
        "", " ", ",", "198.51.100.1,", "unknown", "_hidden", "198.51.100.256", "198.51.100.1:x",
        "198.51.100.1:", "198.51.100.1:123456", "[198.51.100.1]", "[2001:db8::1", "[]",
        "[2001:db8::1]5", "[2001:db8::1]:", "2001:db8::1::", "198.51.100.1 10.0.0.1", "1" * 60,
        '"198.51.100.1"', "198.51.100.1, x, 10.0.0.1", "fe80::1%", "2001:db8::1%lo", "198.51.100.1%lo",
        "[198.51.100.1]:5", "[fe80::1]%lo")),
)


def forwarded(values):
    return "GET / HTTP/1.1\r\nHost: a\r\n" + "".join(f"x-FORWARDED-for: {v}\r\n"
                                                    for v in values) + "\r\n"


def peers(s):
    return [line["peer"] for line in s if line["event"] == "request"]


@case
def addresses_of_clients_from_trusted_proxies():
    s = Server("log=1", "proxies=" + NETWORKS)
    with Client(s) as c:
        for values, _ in FORWARDED:
            c.send(forwarded(values))
            equal(c.answer().status, 200)
        c.get()
    for (values, wanted), got in zip((*FORWARDED, ([], "127.0.0.1")), peers(s.stop()), strict=True):
        assert got == wanted, f"{values}: {got}, not {wanted}"


@case
def nobody_else_is_believed():
    for proxies in ("", "unix", "127.0.0.2", "10.0.0.0/8 ::1", "126.0.0.0/8", "::/128"):
        s = Server("log=1", "proxies=" + proxies)
        with Client(s) as c:
            c.send(forwarded(["198.51.100.1"]).replace("\r\n\r\n", "\r\nX-Request-Id: a\r\n\r\n"))
            assert c.answer().header["x-request-id"] != "a", proxies
        equal(peers(s.stop()), ["127.0.0.1"])


@case
def networks_that_have_the_proxy():
    for proxies in ("127.0.0.1", "127.0.0.1/32", "127.0.0.0/8", "0.0.0.0/0", "::/0", "126.0.0.0/7",
                    "::ffff:127.0.0.1", "::ffff:127.0.0.0/104", "unix  127.0.0.1 "):
        s = Server("log=1", "proxies=" + proxies)
        with Client(s) as c:
            c.send(forwarded(["198.51.100.1" if "/0" not in proxies else "bad"]))
            equal(c.answer().status, 200)
        assert peers(s.stop()) == (["198.51.100.1"] if "/0" not in proxies else ["127.0.0.1"]), \
            proxies


@case
def proxies_on_unix_sockets():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        for proxies, wanted in (("unix", "198.51.100.1"), ("127.0.0.1", "unix")):
            s = Server("log=1", f"listen=unix:{path}", "proxies=" + proxies)
            with Client(s, path) as c:
                c.send(forwarded(["198.51.100.1"]))
                equal(c.answer().status, 200)
            equal(peers(s.stop()), [wanted])


@case
def proxies_have_as_many_connections_as_they_need():
    with server("per_address=1", "proxies=127.0.0.1") as s:
        clients = [Client(s) for _ in range(20)]
        for c in clients:
            equal(c.get().status, 200)
        for c in clients:
            c.socket.close()


@case
def resume_from_another_thread():
    with server("loops=2") as s:
        clients = [Client(s) for _ in range(64)]
        for turn in range(50):
            for c in clients:
                c.send(request("/later"))
            for c in clients:
                equal((turn, c.answer().body), (turn, b"later"))
        with Client(s) as c:
            for _ in range(200):
                equal(c.get("/later").body, b"later")
        for c in clients:
            c.socket.close()


@case
def closed_loop_at_multiples_of_128():
    """Where an engine of before stalled: as many sockets ready as epoll reports."""
    with server() as s:
        for count in (128, 256):
            clients = [Client(s) for _ in range(count)]
            for _ in range(10):
                for c in clients:
                    c.send(request())
                for c in clients:
                    equal(c.answer().body, b"hello")
            for c in clients:
                c.socket.close()


@case
def pipelined_after_later():
    with server() as s, Client(s) as c:
        c.send(request("/later") + request() + request("/later") + request())
        equal([c.answer().body for _ in range(4)], [b"later", b"hello"] * 2)


@case
def resets():
    def reset(c):
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.socket.close()

    with server("body=100000") as s:
        h = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n"
        for data in ("GET / HT", h, h + "a" * 20000, request("/json?3000000"), request("/later")):
            for _ in range(5):
                c = Client(s)
                c.send(data)
                reset(c)
        c = Client(s)
        c.send(request("/json?30000000"))
        c.more()
        reset(c)
        with Client(s) as c:
            equal(c.get().body, b"hello")
            until(lambda: c.get("/waiting").body == b"0")


@case
def slow_reader():
    """An answer larger than every buffer arrives whole; others are served."""
    with server("gzip_from=100000000") as s, Client(s) as slow, Client(s) as c:
        slow.send(request("/json?20000000"))
        slow.more()
        equal(c.get().body, b"hello")
        equal(len(slow.answer().body), 20000000)


def connections_end_at(s, limit):
    """The limit-th connection is served, one more is closed, until one leaves."""
    clients = [Client(s) for _ in range(limit)]
    for c in clients:
        equal(c.get().status, 200)
    for _ in range(8):
        with Client(s) as c:
            assert c.is_closed()
    clients[0].socket.close()

    until(lambda: is_served(s))
    for c in clients[1:]:
        c.socket.close()


@case
def connection_limits():
    """They hold over all loops together, however the kernel spreads clients."""
    for setting in ("per_address=5", "connections=5"):
        with server(setting, "loops=3") as s:
            connections_end_at(s, 5)


@case
def drain():
    s = Server("drain=10", "log=1")
    try:
        with Client(s) as waiting, Client(s) as kept, Client(s) as half:
            kept.get("/waiting?hold")
            waiting.send(request("/later"))
            half.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
            until(lambda: kept.get("/waiting").body == b"1")
            s.begin_stop()
            until(lambda: is_refused_by(s))
            half.send("cd")
            a = half.answer()
            equal((a.body, a.header["connection"]), (b"abcd", "close"))
            a = kept.get("/waiting?release")
            equal((a.status, a.header["connection"]), (200, "close"))
            assert kept.is_closed()
            a = waiting.answer()
            equal((a.body, a.header["connection"]), (b"later", "close"))
            assert waiting.is_closed()
        s.stop()
    finally:
        s.process.kill()
        s.process.wait()


def is_refused_by(s):
    try:
        s.connect().close()
    except ConnectionError:
        return True
    return False


@case
def drain_has_an_end():
    s = Server("drain=1", "request=30", "log=1")
    try:
        with Client(s) as c, Client(s) as idle:
            idle.get()
            c.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
            c.send("c")
            until(lambda: idle.get("/waiting").status == 200)
            s.begin_stop()
            began = time.monotonic()
            assert c.is_closed() and idle.is_closed()
            assert 0.5 < time.monotonic() - began < 3
        lines = s.stop()
        assert any(line["event"] == "stopping with requests in flight" for line in lines), lines
    finally:
        s.process.kill()
        s.process.wait()


@case
def answer_after_the_drain():
    """The client is let go in time; the exchange waits for its thread."""
    s = Server("drain=1", "release_ms=1500")
    try:
        with Client(s) as c, Client(s) as other:
            other.get("/waiting?hold")
            c.send(request("/later"))
            until(lambda: other.get("/waiting").body == b"1")
            began = time.monotonic()
            s.begin_stop()
            assert c.is_closed()
            assert 0.5 < time.monotonic() - began < 1.4, time.monotonic() - began
            s.stop()
            assert time.monotonic() - began > 1.4
    finally:
        s.process.kill()
        s.process.wait()


@case
def stop_without_work():
    s = Server("loops=3", "drain=10")
    with Client(s) as c:
        equal(c.get().status, 200)
        began = time.monotonic()
        s.begin_stop()
        assert c.is_closed()
        s.stop()
        assert time.monotonic() - began < 3


@case
def access_log():
    s = Server("log=1", "proxies=127.0.0.1")
    with Client(s) as c:
        c.get("/seen?token=secret", Authorization="Token secret", X_Request_Id="one")
        c.send(request("/echo", "POST", "secret" * 200))
        c.answer()
    s.begin_stop()
    lines = s.stop()
    assert "secret" not in s.log
    line = lines[0]
    assert line.pop("us") >= 0 and line.pop("time")
    equal(line, {"level": "info", "event": "request", "method": "GET", "path": "/seen",
                 "status": 200, "bytes": 38, "peer": "127.0.0.1", "user": "somebody",
                 "request": "one"})
    equal((lines[1]["path"], lines[1]["status"]), ("/echo", 413))


@case
def listen_addresses():
    with server() as s:
        for address, key in ((f"127.0.0.1:{s.port}", "busy"), ("127.0.0.1", "invalid"),
                             ("nowhere:80", "invalid"), ("127.0.0.1:65536", "invalid"),
                             ("127.0.0.1:+1", "invalid"), ("[::1:80", "invalid")):
            p = subprocess.run([PROBE, f"listen={address}"], capture_output=True, text=True,
                               timeout=PATIENCE, check=False)
            equal((address, p.stdout.strip()), (address, key))


# ---- Files ----

@contextmanager
def file_server(content, *settings):
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "file")
        with open(path, "wb") as f:
            f.write(content)
        with server(f"file={path}", *settings) as s:
            s.file = path
            yield s


BYTES = bytes(i % 251 for i in range(300000))


@case
def file_whole():
    for content in (BYTES, b"a", b""):
        with file_server(content) as s, Client(s) as c:
            a = c.get("/file")
            equal((a.status, a.body, a.header["accept-ranges"]), (200, content, "bytes"))
            c.send(request("/file", "HEAD"))
            a = c.answer(has_body=False)
            equal((a.status, a.header["content-length"]), (200, str(len(content))))
            equal(c.get().body, b"hello")
            c.send("GET /file HTTP/1.0\r\n\r\n")
            equal(c.answer().body, content)
            assert c.is_closed()


@case
def file_ranges():
    """RFC 9110, 14: one range is honoured, what is malformed or several is ignored."""
    size = len(BYTES)
    good = {"bytes=0-0": (0, 1), "bytes=0-9": (0, 10), "bytes=100000-199999": (100000, 200000),
            "bytes=299999-": (299999, size), "bytes=5-": (5, size), "bytes=-7": (size - 7, size),
            "bytes=-300000": (0, size), "bytes=-999999": (0, size), "bytes=0-999999": (0, size),
            "bytes=299999-299999": (299999, size)}
    ignored = ("bytes=0-1,5-6", "bytes=5-4", "bytes=-", "bytes=", "bytes=a-b", "bytes=1-b",
               "bytes=0x1-2", "lines=0-1", "bytes 0-1", "0-1", "bytes=+1-2", "bytes=1--2", "")
    beyond = ("bytes=300000-", "bytes=300000-300001", "bytes=-0", "bytes=999999999999-")
    with file_server(BYTES) as s, Client(s) as c:
        for wanted, (start, end) in good.items():
            a = c.get("/file", Range=wanted)
            equal((wanted, a.status, a.body == BYTES[start:end]), (wanted, 206, True))
            equal(a.header["content-range"], f"bytes {start}-{end - 1}/{size}")
            assert "etag" in a.header and "accept-ranges" in a.header, a.head
        for wanted in ignored:
            a = c.get("/file", Range=wanted)
            equal((wanted, a.status, a.body == BYTES), (wanted, 200, True))
            assert "content-range" not in a.header
        for wanted in beyond:
            a = c.get("/file", Range=wanted)
            equal((wanted, a.status), (wanted, 416))
            equal(a.header["content-range"], f"bytes */{size}")
        c.send(request("/file", "HEAD", Range="bytes=0-9"))
        a = c.answer(has_body=False)
        equal((a.status, a.header["content-length"]), (200, str(size)))
        equal(c.get("/json?100", Range="bytes=0-9").status, 200)
    with file_server(b"") as s, Client(s) as c:
        for wanted, status in (("bytes=0-0", 416), ("bytes=-1", 416), ("bytes=1-0", 200)):
            equal((wanted, c.get("/file", Range=wanted).status), (wanted, status))


@case
def file_range_if_unchanged():
    date = "Sat, 28 Nov 2026 00:00:00 GMT"
    with file_server(BYTES) as s, Client(s) as c:
        for wanted, status in (('"file"', 206), ('"other"', 200), ('W/"file"', 200), (date, 206),
                               ("Sat, 28 Nov 2026 00:00:01 GMT", 200), ("", 200), ("x", 200)):
            a = c.get("/file", Range="bytes=0-9", If_Range=wanted)
            equal((wanted, a.status), (wanted, status))
        equal(c.get("/file", Range="bytes=300000-", If_Range='"other"').status, 200)


@case
def file_that_shrinks():
    """No client takes a part of it for the whole, and nobody else is harmed."""
    with file_server(bytes(50 << 20)) as s, Client(s) as c:
        c.send(request("/file"))
        c.more()
        os.truncate(s.file, 1000)
        try:
            n = len(c.to_the_end())
            assert n < 50 << 20, n
        except ConnectionResetError:
            pass
        with Client(s) as other:
            equal(other.get().body, b"hello")


# ---- In pieces ----

def pieces(count, size):
    return b"".join(bytes(97 + (left + i) % 26 for i in range(size))
                    for left in range(count, 0, -1))


@case
def streams():
    for count, size in ((2, 1), (3, 100), (50, 7), (20, 100000)):
        for path in ("/stream", "/stream/later", "/counted", "/counted/later"):
            with server() as s, Client(s) as c:
                query = f"{path}?{count}x{size}"
                a = c.get(query)
                equal((query, a.body == pieces(count, size)), (query, True))
                is_counted = path.startswith("/counted")
                equal(a.header.get("transfer-encoding"), None if is_counted else "chunked")
                equal(a.header.get("content-length"), str(count * size) if is_counted else None)
                c.send(request(query, "HEAD"))
                equal(c.answer(has_body=False).header.get("content-length"),
                      a.header.get("content-length"))
                equal(c.get().body, b"hello")  # HEAD of a stream keeps the connection


@case
def streams_to_http_1_0():
    """Without chunks, until the connection closes; with a length, it can be kept."""
    for kept in ("", "Connection: keep-alive\r\n"):
        with server() as s, Client(s) as c:
            c.send(f"GET /counted?3x100 HTTP/1.0\r\n{kept}\r\n")
            a = c.answer()
            equal(a.body, pieces(3, 100))
            equal(a.header["connection"], "keep-alive" if kept else "close")
            if not kept:
                assert c.is_closed()
                continue
            c.send(f"GET /stream?3x100 HTTP/1.0\r\n{kept}\r\n")
            a = c.answer()
            equal((a.header["connection"], a.header.get("transfer-encoding")), ("close", None))
            equal(c.to_the_end(), pieces(3, 100))


@case
def broken_streams():
    """Never taken for complete: more or fewer bytes than were stated, or a failure."""
    with server() as s:
        for path in ("/stream/broken?3x1000", "/counted/short?3x1000", "/counted/long?3x1000"):
            with Client(s) as c:
                c.send(request(path))
                try:
                    a = c.answer()
                except (EOFError, ConnectionResetError):
                    continue
                raise AssertionError(f"{path}: complete with {len(a.body)} bytes")
        with Client(s) as c:
            equal(c.get().body, b"hello")


@case
def stream_waits_for_its_reader():
    """What nobody reads is not made: a piece at a time, whatever the length. X77"""
    with server() as s, Client(s) as c:
        c.send(request("/stream?2000x100000"))
        c.more()
        before = s.memory()
        with Client(s) as other:
            for _ in range(20):
                equal(other.get().body, b"hello")
        assert s.memory() - before < 20000, s.memory() - before
        a = c.answer()
        equal(len(a.body), 200000000)


# ---- Headers ----

@case
def default_headers():
    """X79: on every answer, unless the application says otherwise."""
    wanted = {"x-content-type-options": "nosniff", "referrer-policy": "same-origin",
              "x-frame-options": "DENY",
              "content-security-policy": "default-src 'none'; frame-ancestors 'none'"}
    with server() as s, Client(s) as c:
        for path in ("/", "/none", "/nothing", "/stream?1x1"):
            a = c.get(path)
            for name, value in wanted.items():
                equal((path, a.header.get(name)), (path, value))
        a = c.get("/page")
        equal(a.header["x-frame-options"], "SAMEORIGIN")
        equal(a.header["content-security-policy"], "default-src 'self'")
        equal(a.header["x-content-type-options"], "nosniff")
        c.send("GET / HTTP/3.0\r\n\r\n")
        a = c.answer()
        equal((a.status, a.header["x-frame-options"]), (505, "DENY"))


@case
def revalidation_of_compressed():
    """X60: a 304 has the tag that its client holds and the Vary of the 200."""
    with server() as s, Client(s) as c:
        for tag in ('"tag-gzip"', '"tag"'):
            a = c.get("/json?5000", Accept_Encoding="gzip", If_None_Match=tag)
            equal((a.status, a.header["etag"], a.header["vary"]), (304, tag, "Accept-Encoding"))
            assert "content-length" not in a.header and "content-encoding" not in a.header
        equal(c.get().body, b"hello")


@case
def large_heads():
    """X47: 40 cookies, a target of 8,000 bytes; a byte more is told in one answer."""
    cookies = "; ".join(f"cookie{i:02}={'v' * 82}" for i in range(40))
    assert len(cookies) > 3700
    target = "/seen?" + "q" * 7994
    with server() as s:
        with Client(s) as c:
            equal(c.get("/seen", Cookie=cookies).status, 200)
            a = c.get(target, Cookie=cookies)
            equal((a.status, len(a.body.split(b"|")[2])), (200, 7995))
        refused(s, request(target + "q"), 414)


@case
def odd_chunks():
    """X48: what proxies read otherwise is refused; a blank behind `chunked` is not odd."""
    h = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked{}\r\n\r\n"
    with server() as s:
        for chunk in ("3\nabc\r\n0\r\n\r\n", "3\r\nabc\n0\r\n\r\n", "3\r\nabc\r\n0\n\r\n",
                      "3;a\nb\r\nabc\r\n0\r\n\r\n", "3;a\rb\r\nabc\r\n0\r\n\r\n",
                      "3;a\0b\r\nabc\r\n0\r\n\r\n", "3 \r\nabc\r\n0\r\n\r\n",
                      " 3\r\nabc\r\n0\r\n\r\n",
                      "+3\r\nabc\r\n0\r\n\r\n", "0x3\r\nabc\r\n0\r\n\r\n",
                      "\r\n3\r\nabc\r\n0\r\n\r\n",
                      "0\r\nA: b\r\n c\r\n\r\n", "0\r\nA : b\r\n\r\n", "0\r\nA: b\n\r\n",
                      "0\r\nA: \0\r\n\r\n", "0\r\nno colon\r\n\r\n"):
            try:
                refused(s, h.format("") + chunk)
            except (AssertionError, TimeoutError, EOFError) as e:
                raise AssertionError(f"{chunk!r}: {e}") from e
        with Client(s) as c:
            for blank in (" ", "\t", "  \t "):
                c.send(h.format(blank) + "3\r\nabc\r\n0\r\n\r\n")
                equal(c.answer().body, b"abc")


@case
def absolute_target():
    """X65, RFC 9112, 3.2.2: the authority of the target counts, not the Host."""
    with server() as s, Client(s) as c:
        for target, seen in (("http://b:81/seen?x", b"/seen|?x|b:81"),
                             ("HTTP://b/seen", b"/seen||b"),
                             ("https://[::1]:8/seen?", b"/seen|?|[::1]:8")):
            c.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
            equal(b"|".join(c.answer().body.split(b"|")[1:4]), seen)
        for target in ("http://", "http:///seen", "http://u@b/seen", "ftp://b/seen", "b:80"):
            refused(s, f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")


# ---- Clients that misbehave ----

@case
def refusal_is_read():
    """X46: of 30 clients that send 2 MB first and read later, 30 read the 413."""
    body = "b" * 2000000
    with server() as s:
        for i in range(30):
            with Client(s) as c:
                try:
                    c.send(request("/echo", "POST", body))
                except (BrokenPipeError, ConnectionResetError):
                    pass
                equal((i, c.answer().status), (i, 413))
                assert c.is_closed()


@case
def half_closed():
    """Who says no more still gets the answers."""
    with server() as s:
        for data, wanted in ((request(), [b"hello"]), (request("/later"), [b"later"]),
                             (request("/later") + request(), [b"later", b"hello"]),
                             (request("/echo", "POST", "abc"), [b"abc"]),
                             (request("/stream/later?3x1000"), [pieces(3, 1000)]),
                             (request("/counted?40x100000"), [pieces(40, 100000)])):
            with Client(s) as c:
                c.send(data)
                c.socket.shutdown(socket.SHUT_WR)
                equal([c.final().body for _ in wanted], wanted)
                assert c.is_closed()


def held_requests(s, other, data):
    """Requests that nobody works on yet, one for each of data."""
    equal(other.get("/waiting?hold").status, 200)
    clients = []
    for one in data:
        clients.append(Client(s))
        clients[-1].send(one)
    until(lambda: other.get("/waiting").body == str(len(data)).encode())
    return clients


@case
def gone():
    """X82: who has hung up is told from who says no more and waits for the answer."""
    old = "GET /later HTTP/1.0\r\n\r\n"
    with server("body=1000000") as s, Client(s) as other:
        posted = request("/later", "POST", "x" * 300000)
        left, reset, wrote, half, stays, of_old = held_requests(
            s, other, [request("/later"), request("/later"), posted, request("/later"),
                       request("/later"), old])
        half.socket.shutdown(socket.SHUT_WR)
        of_old.socket.shutdown(socket.SHUT_WR)
        equal((half.answer().status, other.get("/gone").body), (100, b"0"))
        left.socket.close()
        wrote.socket.close()
        reset.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        reset.socket.close()
        until(lambda: other.get("/gone").body == b"3")
        equal((half.rest, stays.rest, other.get("/gone").body), (b"", b"", b"3"))
        equal(other.get("/waiting?release").status, 200)
        for c in (half, stays, of_old):
            equal((c.answer().body, c.rest), (b"later", b""))
            c.socket.close()


@case
def body_of_another_length():
    """Shorter than stated, or a head that breaks off: who still listens is told, nothing is
    handled. Longer: the rest is the next request."""
    with server("log=1") as s:
        for h in ("Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nabc", "X"):
            with Client(s) as c:
                c.send("POST /echo HTTP/1.1\r\nHost: a\r\n" + h)
                c.socket.shutdown(socket.SHUT_WR)
                a = c.answer()
                equal((a.status, a.body[:10]), (400, b"malformed:"))
                assert c.is_closed()
        with Client(s) as c:
            c.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + request())
            equal([c.answer().body for _ in range(2)], [b"abc", b"hello"])
        with Client(s) as c:
            c.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcdef\r\n")
            equal((c.answer().status, c.answer().status), (200, 400))
            assert c.is_closed()


@case
def never_reads():
    """Who sends and never reads is let go, and costs nobody anything meanwhile."""
    with server("idle=1") as s, Client(s) as c, Client(s) as other:
        c.socket.settimeout(0.2)
        began = time.monotonic()
        with_end = False
        while time.monotonic() - began < PATIENCE and not with_end:
            try:
                c.send(request("/json?100000") * 100)
            except TimeoutError:
                equal(other.get().body, b"hello")
            except (ConnectionResetError, BrokenPipeError):
                with_end = True
        assert with_end
        assert s.cpu() < 3, s.cpu()


@case
def a_hundred_thousand_requests_at_once():
    """In one write; all are answered in order, others have their turn meanwhile."""
    count = 100000
    with server() as s, Client(s) as c:
        one = "GET /seen/{:06} HTTP/1.1\r\nHost: a\r\n\r\n"
        data = "".join(one.format(i) for i in range(count)).encode()
        sender = threading.Thread(target=c.send, args=(data,))
        sender.start()
        with Client(s) as other:
            equal(other.get().body, b"hello")
        left = count
        seen, tail = 0, b""
        while left > 0:
            tail += c.socket.recv(1 << 20)
            for found in re.finditer(rb"\nGET\|/seen/(\d{6})\|", tail):
                equal(int(found.group(1)), seen)
                seen += 1
                left -= 1
                end = found.end()
            if seen:
                tail = tail[end:]
                end = 0
        sender.join()


@case
def a_byte_a_second():
    """For ever: the deadline ends it, others are served."""
    with server("request=3") as s, Client(s) as c, Client(s) as other:
        c.socket.settimeout(1)
        status, began = None, time.monotonic()
        for byte in request(X="y" * 100):
            c.send(byte)
            equal(other.get().body, b"hello")
            try:
                status = c.answer().status
                break
            except TimeoutError:
                pass
        equal(status, 408)
        assert time.monotonic() - began < 6


@case
def resets_at_every_byte():
    """A reset behind each byte of a script; no exchange is left over."""
    scripts = [request("/later") + request("/echo", "POST", "abcdef") + request("/stream?3x10"),
               "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
               "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
               + request("/stream/later?9x9999")]
    scripts.append("POST /admit HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                   "Content-Length: 5\r\n\r\nabcde" + "POST /refuse HTTP/1.1\r\nHost: a\r\n"
                   "Content-Length: 5\r\n\r\nabc")
    with server() as s:
        for script in scripts:
            for n in range(1, len(script) + 1):
                c = Client(s)
                c.send(script[:n])
                if n % 3 == 0:
                    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                        struct.pack("ii", 1, 0))
                elif n % 3 == 1:
                    c.socket.shutdown(socket.SHUT_RDWR)
                c.socket.close()
        with Client(s) as c:
            until(lambda: c.get("/waiting").body == b"0")
            equal(c.get().body, b"hello")


# ---- Files of the process ----

def limit_files(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@case
def few_files():
    """X12: with 64 files, three rounds of 200 connections harm nobody for long."""
    s = Server(preexec_fn=limit_files(64, 64))
    try:
        for _ in range(3):
            clients = []
            for _ in range(200):
                try:
                    clients.append(Client(s))
                except ConnectionError:
                    pass
            for c in clients:
                c.socket.close()
        began = time.monotonic()
        until(lambda: is_served(s))
        assert time.monotonic() - began < 2
        s.begin_stop()
        lines = s.stop()
        assert any("fewer connections" in line["event"] and line["files"] == 64
                   for line in lines), lines
    finally:
        s.process.kill()
        s.process.wait()


def is_served(s):
    try:
        with Client(s) as c:
            return c.get().status == 200
    except (EOFError, ConnectionError):
        return False


def leave_no_files(s):
    """Takes all files of the running probe but for those that it has open now."""
    used = len(os.listdir(f"/proc/{s.process.pid}/fd"))
    _, hard = resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE, (used, hard))
    return hard


@case
def no_file_left():
    """X12: listening pauses, without spinning, and goes on by itself."""
    s = Server()
    try:
        with Client(s) as held:
            held.get()
            hard = leave_no_files(s)
            with Client(s) as c:
                c.send(request())
                before = s.cpu()
                c.socket.settimeout(1.5)
                try:
                    raise AssertionError(c.answer().status)
                except TimeoutError:
                    pass
                assert s.cpu() - before < 0.5, s.cpu() - before
                resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
                c.socket.settimeout(2)
                equal(c.answer().status, 200)
            equal(held.get().body, b"hello")
        s.begin_stop()
        assert any("no more connections" in line["event"] for line in s.stop())
    finally:
        s.process.kill()
        s.process.wait()


@case
def stop_without_a_file_left():
    """X12: a paused listener does not make the drain spin."""
    s = Server("drain=3", "loops=1")
    try:
        with Client(s) as held, Client(s) as waiting:
            held.get("/waiting?hold")
            waiting.send(request("/later"))
            until(lambda: held.get("/waiting").body == b"1")
            leave_no_files(s)
            with Client(s) as refused_one:
                until(lambda: held.get().status == 200)
                s.begin_stop()
                time.sleep(1.2)  # past the pause
                before = s.cpu()
                time.sleep(1)
                assert s.cpu() - before < 0.3, s.cpu() - before
                refused_one.socket.close()
            held.get("/waiting?release")
            equal(waiting.answer().body, b"later")
        s.stop()
    finally:
        s.process.kill()
        s.process.wait()


@case
def late_request_while_stopping():
    """A request that comes after the farewell began is waited for without spinning."""
    s = Server("drain=3")
    try:
        with Client(s) as lingers, Client(s) as late:
            late.get()
            lingers.send(request(Connection="close"))
            lingers.answer()
            s.begin_stop()
            until(lambda: is_refused_by(s))
            late.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
            time.sleep(0.8)  # past the farewell
            before = s.cpu()
            time.sleep(1)
            assert s.cpu() - before < 0.3, s.cpu() - before
            late.send("cd")
            equal(late.answer().body, b"abcd")
        s.stop()
    finally:
        s.process.kill()
        s.process.wait()


# ---- Where it listens ----

@case
def listen_by_name():
    for form in ("localhost:{}", ":{}", "0.0.0.0:{}"):
        port = free_port()
        with server("listen=" + form.format(port)) as s, Client(s) as c:
            equal((s.port, c.get().body), (port, b"hello"))
            equal(c.get("/seen").body.split(b"|")[4], b"127.0.0.1")
    with server("listen=[::1]:0") as s:
        c = socket.create_connection(("::1", s.port), PATIENCE)
        c.sendall(b"GET /seen HTTP/1.0\r\n\r\n")
        answer = http.client.HTTPResponse(c)
        answer.begin()
        equal(answer.read().split(b"|")[3:5], [b"[::1]:%d" % s.port, b"::1"])
        c.close()


def cannot_start(key, address, **more):
    p = subprocess.run([PROBE, f"listen={address}"], capture_output=True, text=True,
                       timeout=PATIENCE, check=False, **more)
    equal((address, p.stdout.strip()), (address, key))


@case
def listen_on_a_file():
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "socket")
        for loops in ("loops=1", "loops=3"):
            with server(f"listen=unix:{path}", loops, "per_address=1") as s:
                equal(s.port, 0)
                cannot_start("busy", f"unix:{path}")
                clients = [Client(s, path) for _ in range(5)]
                for c in clients:
                    equal(c.get("/seen").body.split(b"|")[3:5], [b"a", b"unix"])
                    c.send("GET /seen HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                    equal(c.answer().body.split(b"|")[3], b"localhost")
                    c.send(request("/stream/later?30x100000"))
                    equal(len(c.answer().body), 3000000)
                    c.socket.close()
                with Client(s, path) as c:
                    c.send(request("/stream/broken?3x10"))
                    try:
                        raise AssertionError(c.answer().body)
                    except (EOFError, ConnectionResetError):
                        pass
            assert not os.path.exists(path)
        s = Server(f"listen=unix:{path}")
        s.process.kill()
        s.process.wait()
        assert os.path.exists(path)  # stale
        with server(f"listen=unix:{path}") as s, Client(s, path) as c:
            equal(c.get().body, b"hello")
        with open(path, "w", encoding="ascii") as f:
            f.write("precious")
        cannot_start("busy", f"unix:{path}")
        with open(path, encoding="ascii") as f:
            equal(f.read(), "precious")
        cannot_start("invalid", "unix:")
        cannot_start("invalid", "unix:" + "a" * 200)
        cannot_start("internal", f"unix:{work}/none/socket")


def activated(sockets, *settings, pid="$$"):
    """The probe as systemd starts it: its sockets from 3 on."""
    def place():
        kept = [os.dup(s.fileno()) for s in sockets]
        kept = [fd if fd > 20 else os.dup2(fd, 30 + i) for i, fd in enumerate(kept)]
        for i, fd in enumerate(kept):
            os.dup2(fd, 3 + i)
    script = f'LISTEN_PID={pid} LISTEN_FDS={len(sockets)} exec "$@"'
    return subprocess.Popen(["/bin/sh", "-c", script, "sh", PROBE, *settings],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, preexec_fn=place, close_fds=False)


@case
def addresses_of_both_families():
    """A socket for both families shows the addresses of the old one inside the new: each
    counts for itself."""
    both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    s = Server.__new__(Server)
    s.process = activated([both], "per_address=1")
    s.port = int(s.process.stdout.readline())
    try:
        clients = []
        for address in ("127.0.0.1", "127.0.0.2"):
            one = socket.create_connection(("127.0.0.1", s.port), PATIENCE, (address, 0))
            clients.append(one)
            one.sendall(request().encode())
            assert one.recv(4096).startswith(b"HTTP/1.1 200"), address
        with Client(s) as c:
            assert c.is_closed()
        for one in clients:
            one.close()
        s.begin_stop()
        s.stop()
    finally:
        s.process.kill()
        s.process.wait()
        both.close()


@case
def drain_of_a_socket_that_systemd_holds():
    """Who connects during the stop waits for the next start; the stop ends well."""
    held = socket.create_server(("127.0.0.1", 0))
    s = Server.__new__(Server)
    s.process = activated([held])
    s.port = int(s.process.stdout.readline())
    try:
        with Client(s) as c, Client(s) as kept, Client(s) as other:
            other.get("/waiting?hold")
            c.send(request("/later"))
            until(lambda: kept.get("/waiting").body == b"1")
            s.begin_stop()
            until(lambda: kept.get("/waiting").header.get("connection") == "close")
            with Client(s) as late:
                late.send(request())
                equal(other.get("/waiting?release").status, 200)
                equal(c.answer().status, 200)
            s.stop()
    finally:
        s.process.kill()
        s.process.wait()
        held.close()


@case
def systemd_activation():
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "socket")
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(path)
        unix.listen(8)
        sockets = [socket.create_server(("127.0.0.1", 0)), unix,
                   socket.create_server(("127.0.0.1", 0))]
        s = Server.__new__(Server)
        s.process = activated(sockets, "loops=2", "listen=127.0.0.1:1")
        s.port = int(s.process.stdout.readline())
        try:
            for one in (sockets[0], sockets[2]):
                s.port = one.getsockname()[1]
                for _ in range(10):
                    with Client(s) as c:
                        equal(c.get().body, b"hello")
            with Client(s, path) as c:
                equal(c.get().body, b"hello")
            s.begin_stop()
            s.stop()
            assert os.path.exists(path)  # systemd's, not ours
        finally:
            s.process.kill()
            s.process.wait()
        s.process = activated(sockets, "listen=127.0.0.1:0", pid="1")
        s.port = int(s.process.stdout.readline())
        try:
            assert s.port not in [one.getsockname()[1] for one in (sockets[0], sockets[2])]
            s.begin_stop()
            s.stop()
        finally:
            s.process.kill()
            s.process.wait()
            for one in sockets:
                one.close()


@case
def slow_and_steady():
    """Who goes on reading is not let go, however long the kernel's buffer lasts."""
    with server("idle=1", "gzip_from=100000000") as s, Client(s) as c:
        c.send(request("/json?20000000"))
        for _ in range(80):
            assert c.socket.recv(10000), "cut"
            time.sleep(0.05)  # 200 KB/s for four times the deadline under test
        assert c.socket.recv(1), "cut"


@case
def paused_pipeline():
    """Requests that are here are no slow heads, although their client does not read yet."""
    with server("request=1", "idle=30", "gzip_from=100000000") as s, Client(s) as c:
        chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        c.send(chunked + "3\r\nabc\r\n0\r\n\r\n" + request("/json?10000") * 600)
        time.sleep(2.5)  # the deadline under test, twice and a half
        equal([c.answer().status for _ in range(601)], [200] * 601)


@case
def stop_serves_who_waits():
    """More than a round accepts: nobody who had connected is sent away."""
    s = Server("drain=10")
    try:
        os.kill(s.process.pid, signal.SIGSTOP)
        clients = [Client(s) for _ in range(300)]
        for c in clients:
            c.send(request())
        s.begin_stop()
        os.kill(s.process.pid, signal.SIGCONT)
        equal([c.answer().status for c in clients], [200] * 300)
        for c in clients:
            c.socket.close()
        s.stop()
    finally:
        s.process.kill()
        s.process.wait()


@case
def empty_lines_begin_no_request():
    """RFC 9112, 2.2: with a body, late, or in halves, they cause neither a 408 nor a wait of
    the stop."""
    for late in ((), ("\r\n",), ("\r", "\n")):
        with server("request=1", "idle=30", "drain=10") as s, Client(s) as c:
            c.send(request("/echo", "POST", "abc") + "\r\n")
            equal(c.answer().body, b"abc")
            for piece in late:
                time.sleep(0.1)  # a segment of its own
                c.send(piece)
            time.sleep(1.6)  # the deadline under test, and a half
            equal((c.get().status, c.rest), (200, b""))
            c.send("\r\n")
            equal(c.get().status, 200)
            c.send("\r\n")
            began = time.monotonic()
            s.begin_stop()
            assert c.is_closed()
            s.stop()
            assert time.monotonic() - began < 5
    with server() as s, Client(s) as c:
        c.send("\r\n\r\n")
        c.socket.shutdown(socket.SHUT_WR)
        assert c.is_closed()


@case
def first_request_during_the_stop():
    """Who had connected and asks at once is served."""
    s = Server("drain=10")
    try:
        clients = [Client(s) for _ in range(20)]
        with Client(s) as other:
            equal(other.get().status, 200)  # the others are accepted by now
        s.begin_stop()
        time.sleep(0.1)  # the first requests are on their way
        for c in clients:
            c.send(request())
        equal([c.answer().status for c in clients], [200] * 20)
        for c in clients:
            c.socket.close()
        s.stop()
    finally:
        s.process.kill()
        s.process.wait()


@case
def idle_memory():
    """X77, a figure for the record; `bench/slow` has that of 9,900 without the sanitizers."""
    with server() as s:
        with Client(s) as c:
            c.get()
        before = s.memory()
        clients = [Client(s) for _ in range(300)]
        for c in clients:
            equal(c.get().status, 200)
        print(f"   idle connection: {(s.memory() - before) / 300:.1f} KB")
        for c in clients:
            c.socket.close()


def run(f):
    try:
        f()
    except Exception as e:  # every failure is a verdict, whatever raised it
        print(f"FAIL {f.__name__}: {type(e).__name__}: {e}", flush=True)
        return False
    print(f"ok {f.__name__}", flush=True)
    return True


def main():
    global PROBE
    PROBE, wanted = sys.argv[1], sys.argv[2:]
    results = [run(f) for f in CASES if not wanted or f.__name__ in wanted]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
