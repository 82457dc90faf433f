"""Nestor behind nginx, HAProxy and Apache: nobody smuggles a request.

Usage: smuggling_test.py --nestor PATH --probe-dir BUILD [-k TEXT] [--proxy NAME]
                         [--mutations N] [--seed N]

Each stream of smuggling_vectors.py goes to http_probe, the HTTP layer with a tiny
application, which must answer it as its row says; then through each proxy, which keeps
one connection to the probe. A clean request follows on the same connection and another
one on a fresh connection. The proxies mark what they forward with an id, the probe logs
and returns it, so that a disagreement about where a message ends shows: as a request
that no proxy has sent, as one that never arrived, or as an answer to another request.

With --mutations, N streams made from the table by a fixed seed go through each proxy
instead of the table, many at a time. They are judged by the same logs.
"""
import argparse
import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

from proxies import ENTRIES, PATIENCE, PROXIES, Proxy
from smuggling_vectors import table
from support import REPORTS, Tally

PROMPT = 0.03       # seconds in which an answer is likely to begin; nothing depends on it
QUIET = 0.15        # seconds without a byte, after which the client has nothing more to say
MARK = b"@@@@@@"
CLEAN = b"GET /seen/%s/%06d HTTP/1.1\r\nHost: a\r\n\r\n"
SEEN = re.compile(r"/seen/(\w+)/(\d{6})")
TOGETHER = 32       # streams of the mutations under way at a time
SPECIAL = (b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b" ", b"\t", b"\x0b", b":", b";", b",",
           b"0", b"5", b"0\r\n\r\n", b"chunked", b"Content-Length: 5\r\n",
           b"Transfer-Encoding: chunked\r\n",
           b"Transfer-Encoding", b"Content-Length", b"HTTP/1.0", b"Connection: close\r\n",
           b"\xff", b"\"")


class Backend:
    """http_probe with its log."""

    def __init__(self, folder, work):
        self.log = os.path.join(work, "backend")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [os.path.join(folder, "tests/unit/http/http_probe"), "log=1", "body=100000",
                 "proxies=127.0.0.1"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def requests(self):
        """(id, path, status) in order. Needs the backend stopped; it must have ended well."""
        with open(self.log, encoding="utf-8") as f:
            text = f.read()
        assert self.process.returncode == 0 and not any(r in text for r in REPORTS), text[-4000:]
        lines = [json.loads(line) for line in text.splitlines()]
        return [(line["request"], line["path"], line["status"]) for line in lines
                if line["event"] in ("request", "request cut") and line["status"] > 0]

    def neighbours(self):
        """Ports of those who are connected to it."""
        with open("/proc/net/tcp", encoding="ascii") as f:
            rows = [line.split()[1:4] for line in f][1:]
        return {here for here, there, state in rows
                if there == f"0100007F:{self.port:04X}" and state == "01"}


# ---- A client ----

class Answer:
    def __init__(self, status, request_id, body):
        self.status, self.id, self.body = status, request_id, body


def answers(stream):
    """All answers of a stream, which must end with a whole one. One that names a length
    and is followed by another at once, or by nothing, is taken for that of a HEAD."""
    while stream:
        head, end, rest = stream.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1."):
            yield Answer(0, None, stream)   # HTTP/0.9, or HTTP/2 from HAProxy
            return
        assert end, f"half an answer: {stream[:200]}"
        status = int(head.split(b" ", 2)[1])
        field = dict(re.findall(rb"\r\n([\w-]+): *([^\r]*)", head.lower()))
        has_body = status >= 200 and rest and not rest.startswith(b"HTTP/1.")
        length = int(field.get(b"content-length", len(rest))) if has_body else 0
        assert length <= len(rest), f"half an answer: {stream[:400]}"
        if status >= 200:
            made = re.search(rb"\r\nx-request-id: *([^\r]*)", head, re.I)
            yield Answer(status, made and made.group(1).decode("latin-1"), rest[:length])
        stream = rest[length:]


class Client:
    """A connection that remembers all that came."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.came = b""
        self.is_closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except ConnectionError:
            pass    # what was refused need not be read to its end

    def read(self, patience, end=None):
        """Until it is closed, `end` came, or nothing for so long. True unless it was quiet."""
        while not self.is_closed and not (end and end in self.came):
            self.socket.settimeout(patience)
            try:
                piece = self.socket.recv(65536)
            except TimeoutError:
                return False
            except ConnectionError:
                piece = b""
            self.came += piece
            self.is_closed = not piece
        return True

    def finish(self):
        """Nothing more to say: what is under way is answered, then all is over."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        assert self.read(PATIENCE), "neither answered nor closed"


def ask(port, data, serial):
    """Send a stream and a clean request after it; the answers."""
    with Client(port) as c:
        c.send(data)
        c.read(PROMPT, b"HTTP/1.")
        c.send(CLEAN % (b"after", serial))
        c.read(QUIET, b"/seen/after/%06d" % serial)
        c.finish()
        return list(answers(c.came))


def ask_fresh(port, serial):
    with Client(port) as c:
        c.send(CLEAN % (b"fresh", serial))
        c.read(PATIENCE, b"/seen/fresh/%06d" % serial)
        found = list(answers(c.came))
    return [a.status for a in found] == [200] and b"/seen/fresh/%06d|" % serial in found[0].body


def marked(data, serial):
    return data.encode("latin-1").replace(MARK, b"%06d" % serial)


# ---- Nestor alone ----

def words(found, path_of):
    """What was answered, as the table has it."""
    said = []
    for a in found:
        mark = SEEN.search(path_of.get(a.id, ""))
        said.append(mark.group(1) if a.status == 200 and mark else str(a.status))
    return " ".join(said)


def alone(folder, rows, tally):
    with tempfile.TemporaryDirectory() as work, Backend(folder, work) as backend:
        found = [ask(backend.port, marked(data, i), i) for i, (_, data, _) in enumerate(rows)]
        backend.stop()
        path_of = {made: path for made, path, _ in backend.requests()}
    wrong = [(name, f"{words(one, path_of)!r}, not {verdict!r}")
             for (name, _, verdict), one in zip(rows, found) if words(one, path_of) != verdict]
    conclude("alone", len(rows), wrong, tally)


def conclude(part, count, wrong, tally):
    """A failure for each row, or one line when all hold."""
    for name, why in wrong:
        tally.fail(f"{part}: {name}", why)
    if not wrong:
        tally.ok(f"{part}: {count} streams")


# ---- What the logs say together ----

LEFT = (-1, 499)    # what proxies log when the client has gone


def is_of(path, line):
    """Whether a request line of a proxy's log asks for the path, but for what the two logs
    write as escapes, slashes that Apache drops, and the path that it gives to one without."""
    path, line = (re.sub(r'\\x..|#..|%..|[\\"?]', "", text) for text in (path, line))
    return path == "/" or re.sub("/+", "/", path) in re.sub("/+", "/", line)


class Logs:
    """What the backend saw and what a proxy forwarded, held together by the ids. Where the
    backend refused a head before it came to the proxy's id, it made one."""

    def __init__(self, seen, sent):
        self.seen = {one[0]: one for one in seen}
        self.made = {one[0]: one for one in sent}
        self.returned = {one[1]: place for place, one in enumerate(sent) if one[1]}
        self.left = [line for _, came, status, line in sent if came is None and status in LEFT]
        assert len(self.seen) == len(seen), "the backend saw an id twice"
        assert len(self.returned) == len([one for one in sent if one[1]]), "an answer came twice"

    def disagreements(self, seen, sent):
        """Of parts of the two logs with the whole."""
        for one in seen:
            yield from self.unsent(*one)
        for made, came, status, line in sent:
            if came and came not in self.seen:
                yield f"{line}: an answer that nobody gave"
            elif came and (status == 200 or self.seen[came][2] == 200) and came != made:
                yield f"{line}: has the answer of another request"
            elif status in (502, 504):
                yield f"{line}: no answer came ({status})"

    def disorders(self, seen, found):
        """Of what one connection was about. Apache may log the fresh one before."""
        shown = [self.returned.get(a.id, -1) for a in found if a.id]
        done = [self.returned[one] for one, path, _ in seen
                if one in self.returned and "/fresh/" not in path]
        if shown != sorted(shown) or -1 in shown:
            yield "the client has other answers than the proxy, or in another order"
        if done != sorted(done):
            yield "the backend has seen another order than the proxy"

    def is_left(self, path):
        """Forwarded for a client that did not wait for the refusal. The path of a target
        that cannot be read is /."""
        return any(is_of(path, line) for line in self.left if path != "/" or " /" not in line)

    def unsent(self, one, path, status):
        if one in self.made:
            if status == 200 and not is_of(path, self.made[one][3]):
                yield f"{path} was seen, and {self.made[one][3]} sent"
        elif status == 200:
            yield f"{path} was seen, and never sent"
        elif one not in self.returned and not self.is_left(path):
            yield f"{path} was refused by {status}, and never sent"


def misplaced(found, is_own, serial):
    """Answers on one connection that have no business there, or not at this place."""
    marks = [m.groups() for a in found for m in [SEEN.search(a.body.decode("latin-1"))] if m]
    if any(int(number) != serial for _, number in marks):
        yield f"answers of another connection: {marks}"
    if ("after", f"{serial:06d}") in marks[:-1]:
        yield f"an answer behind the last one: {marks}"
    if not is_own:
        yield "a fresh connection has not got its own answer"


def sections(log, text_of):
    """Parts of a log, by serial: that of the mark, else that of its neighbours."""
    parts, serial = {}, 0
    for one in log:
        mark = SEEN.search(text_of(one))
        here = int(mark.group(2)) if mark else serial
        parts.setdefault(here, []).append(one)
        serial = here + (mark is not None and mark.group(1) == "fresh")
    return parts


# ---- The table, through a proxy ----

def check_reuse(backend, proxy):
    """Else nothing could be smuggled and the test would show nothing."""
    for entry in ENTRIES:
        assert ask_fresh(proxy.port[entry], 0)
        before = backend.neighbours()
        assert ask_fresh(proxy.port[entry], 0)
        assert before and backend.neighbours() == before, f"{entry}: connections are not kept"


def through(folder, name, rows, tally):
    began = time.monotonic()
    tasks = list(enumerate([(entry, *row) for entry in ENTRIES for row in rows], 1))
    found = {}
    with tempfile.TemporaryDirectory() as work, Backend(folder, work) as backend:
        with Proxy(name, os.path.join(work, name), backend.port) as proxy:
            check_reuse(backend, proxy)
            for serial, (entry, _, data, _) in tasks:
                answer = ask(proxy.port[entry], marked(data, serial), serial)
                found[serial] = answer, ask_fresh(proxy.port[entry], serial)
            proxy.wait_for(f"/seen/fresh/{serial:06d}")
        backend.stop()
        logs = Logs(backend.requests(), proxy.requests())
        seen = sections(backend.requests(), lambda one: one[1])
        sent = sections(proxy.requests(), lambda one: one[3])
    wrong = {entry: [] for entry in ENTRIES}
    for serial, (entry, title, _, _) in tasks:
        part = seen.get(serial, []), sent.get(serial, [])
        why = [*logs.disagreements(*part), *misplaced(*found[serial], serial),
               *logs.disorders(part[0], found[serial][0])]
        wrong[entry] += [(title, "; ".join(why))] if why else []
    for serial in sorted({*seen, *sent} - {*found}):
        why = logs.disagreements(seen.get(serial, []), sent.get(serial, []))
        wrong[ENTRIES[-1]] += [("beside the table", one) for one in why]
    for entry in ENTRIES:
        conclude(f"{name} {entry}", len(rows), wrong[entry], tally)
    report(name, seen, sent, time.monotonic() - began)


def report(name, seen, sent, seconds):
    requests = [one for part in sent.values() for one in part]
    refused = [one for part in seen.values() for one in part if one[2] != 200]
    forwarded = [one for one in requests if one[1]]
    print(f"   {name}: {len(requests)} requests, {len(requests) - len(forwarded)} of them refused "
          f"by it and {len(refused)} by Nestor, {seconds:.1f} s", flush=True)


# ---- Mutations ----

def mutated(chance, pool):
    data = bytearray(chance.choice(pool))
    for _ in range(chance.choice((1, 1, 2, 3))):
        at, kind = chance.randrange(len(data) + 1), chance.randrange(6)
        if kind == 0:
            data[at:at] = chance.choice(SPECIAL)
        elif kind == 1:
            data[at:at + chance.choice((1, 1, 2, 8))] = b""
        elif kind == 2:
            data[at:at + 1] = bytes([chance.randrange(256)])
        elif kind == 3:
            data[at:at + 1] = chance.choice(SPECIAL)
        elif kind == 4:
            other = chance.choice(pool)
            data[at:] = other[chance.randrange(len(other)):]
        else:
            end = at + chance.randrange(60)
            data[end:end] = data[at:end]
    return bytes(data)


class Stream:
    """One mutation on its way: all is sent at once, then the client has said all."""

    def __init__(self, port, data):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.came = b""
        try:
            self.socket.sendall(data)
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def is_over(self):
        try:
            piece = self.socket.recv(65536)
        except ConnectionError:
            piece = b""
        self.came += piece
        if not piece:
            self.socket.close()
        return not piece


def drive(proxy, count, chance, pool):
    """Returns what is wrong with the answers that streams got."""
    wrong, under_way = [], {}
    serial = 0
    poll = select.poll()
    while serial < count or under_way:
        while serial < count and len(under_way) < TOGETHER:
            serial += 1
            data = mutated(chance, pool).replace(MARK, b"%06d" % serial)
            one = Stream(proxy.port[ENTRIES[serial % 2]], data + CLEAN % (b"after", serial))
            under_way[one.socket.fileno()] = serial, one, data
            poll.register(one.socket, select.POLLIN)
        ready = poll.poll(PATIENCE * 1000)
        if not ready:
            return wrong + [f"neither answered nor closed: {list(under_way.values())}"]
        for fd, _ in ready:
            number, one, data = under_way[fd]
            poll.unregister(fd)
            if not one.is_over():
                poll.register(fd, select.POLLIN)
                continue
            del under_way[fd]
            wrong += [f"{w}: {data}" for w in stream_wrong(one.came, number)]
    return wrong


def stream_wrong(came, serial):
    """Marks of other streams. A mutation may change digits of its own mark, but the
    clean request behind it has its own answer or none."""
    marks = re.findall(rb"\|/seen/after/(\d{6})\|", came)
    if any(int(number) != serial for number in marks):
        yield f"an answer of another stream, {marks} at {serial}"


def mutate(folder, name, chosen, tally):
    began = time.monotonic()
    pool = [data.encode("latin-1") for _, data, _ in table() if len(data) < 2000]
    with tempfile.TemporaryDirectory() as work, Backend(folder, work) as backend:
        with Proxy(name, os.path.join(work, name), backend.port, pool=TOGETHER) as proxy:
            wrong = drive(proxy, chosen.mutations, random.Random(chosen.seed), pool)
        backend.stop()
        seen, sent = backend.requests(), proxy.requests()
    wrong += Logs(seen, sent).disagreements(seen, sent)
    title = (f"{name}: {chosen.mutations} mutations, {len(sent)} requests, "
             f"{len([one for one in sent if one[1]])} answered by Nestor, "
             f"{len([one for one in seen if one[2] != 200])} of them refused")
    if wrong:
        tally.fail(title, f"{len(wrong)} disagreements\n    " + "\n    ".join(wrong[:50]))
    else:
        tally.ok(title)
    print(f"   {time.monotonic() - began:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--nestor", required=True, help="taken as other tests do; the probe "
                        "has its HTTP layer")
    parser.add_argument("--probe-dir", required=True, help="the build that has http_probe")
    parser.add_argument("--proxy", choices=PROXIES, action="append", help="only this one")
    parser.add_argument("-k", default="", help="only rows with this text in their name")
    parser.add_argument("--mutations", type=int, default=0, help="so many for each proxy")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations")
    chosen = parser.parse_args()
    tally = Tally()
    rows = [row for row in table() if chosen.k in row[0]]
    if not chosen.mutations and not chosen.proxy:
        alone(chosen.probe_dir, rows, tally)
    for name in chosen.proxy or PROXIES:
        try:
            if chosen.mutations:
                mutate(chosen.probe_dir, name, chosen, tally)
            else:
                through(chosen.probe_dir, name, rows, tally)
        except (AssertionError, OSError) as e:
            tally.fail(name, e)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
