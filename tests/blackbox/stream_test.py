"""Pages of any size: every row once and in order, whatever the client does meanwhile,
and without keeping the answer in memory (L17).

Usage: stream_test.py --nestor PATH
"""
# rows: L1 L2 L6 L17 T6 T7 T10
import base64
import http.client
import json
import os
import socket
import sys
import time
from urllib.parse import quote

from support import PATIENCE, Client, Site, Tally, arguments, engines

TOKEN = "registrar-token-for-tests"
UUID = "6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a10"
CU = "0a3d7c52-7d67-4a6e-9a5b-6a52d6b3a001"
RUN = "course-v1:HillsU+MAP1+2019"
P = f"/api/program_enrollments/v1/programs/{UUID}/enrollments/"
C = f"/api/program_enrollments/v1/programs/{UUID}/courses/{RUN}/enrollments/"

ROWS = 20_000
MANY = 150_000          # for measuring memory
PROGRAM = "6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a22"
ALL = "?page_size=1000000000"
LINE = "\u2028"         # leaves as an escape
STEP = 7                # numbers have gaps, as after deletions
BASE = 1 << 38          # below the numbers that the API gives to rows
WINDOW = 16 << 10       # of a client that reads slowly: what the kernel may keep for it

NUMBERS = {False: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {0}) ",
           True: "WITH n(i) AS (SELECT generate_series(1, {0})) "}
LEARNERS = """
INSERT INTO program_enrollment (id, program_id, program_uuid, external_user_key, user_id,
  curriculum_uuid, status, created_at, modified_at)
  SELECT {base} + i * {step}, {program}, '{uuid}', CASE WHEN i % 1000 = 0 THEN NULL
    ELSE '{key}' || i END, CASE WHEN i = 5 THEN 1 END, '{cu}', 'enrolled', 0, 0 FROM n"""
MEMBERS = """
INSERT INTO program_course_enrollment (id, program_id, program_enrollment_id, course_key, status,
  created_at, modified_at)
  SELECT i, {program}, i * {step}, '{run}',
    CASE WHEN i % 2 = 0 THEN 'active' ELSE 'inactive' END, 0, 0 FROM n"""

OPEN = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
  AND state LIKE 'idle in transaction%'"""


def fill(site):
    """Two programs: one with ROWS learners, all in a run as well, one with MANY."""
    document = {"users": [{"username": "registrar", "is_staff": True, "token": TOKEN}],
                "course_overviews": [RUN], "programs": [{"uuid": UUID}, {"uuid": PROGRAM}]}
    p = site.run("load", site.write("catalog.json", json.dumps(document)))
    assert p.returncode == 0, p.stderr
    small, large = (site.query(f"SELECT id FROM program WHERE uuid = '{uuid}'")[0][0]
                    for uuid in (UUID, PROGRAM))
    count = NUMBERS[bool(site.database)]
    site.execute(count.format(ROWS) + LEARNERS.format(base=0, step=STEP, program=small, uuid=UUID,
                                                      cu=CU, key=f"learner{LINE}-"),
                 count.format(ROWS) + MEMBERS.format(program=small, step=STEP, run=RUN),
                 count.format(MANY) + LEARNERS.format(base=BASE, step=1, program=large,
                                                      uuid=PROGRAM, cu=CU, key="somebody-"))


class Caller(Client):
    """The registrar on a connection that is kept."""

    def __init__(self, port):
        super().__init__(port, TOKEN, "Bearer")

    def ask(self, method, path, body=None, **headers):
        a = super().ask(method, path, body, **headers)
        return a.status, a.headers, a.body


def row(i, status="enrolled"):
    return {"student_key": None if i % 1000 == 0 else f"learner{LINE}-{i}", "status": status,
            "account_exists": i == 5, "curriculum_uuid": CU}


EVERY = [row(i) for i in range(1, ROWS + 1)]


def text_of(page, indent=None):
    """The page as it must leave, byte by byte."""
    text = json.dumps(page, ensure_ascii=False, indent=indent,
                      separators=(",", ":") if indent is None else (",", ": "))
    return text.replace("\u2028", "\\u2028").encode("utf-8")


def query_of(link):
    return None if link is None else "?" + link.split("?", 1)[1]


def whole(caller):
    """One page holds every row, on both lists (L1, L2, L6, L17, T7)."""
    status, headers, text = caller.ask("GET", P + ALL, Accept_Encoding="gzip")
    assert (status, headers["Transfer-Encoding"]) == (200, "chunked"), headers
    assert headers["Content-Length"] is None and headers["Content-Encoding"] is None, headers
    assert headers["Access-Control-Allow-Origin"] == "*", headers  # X30
    assert "Retry-After" in headers["Access-Control-Expose-Headers"], headers
    assert headers["Allow"] == "GET, POST, HEAD, OPTIONS", headers
    assert headers["Content-Type"] == "application/json", headers
    assert text == text_of({"next": None, "previous": None, "results": EVERY}), text[:300]
    status, _, text = caller.ask("GET", C + ALL)
    rows = [row(i, "active" if i % 2 == 0 else "inactive") for i in range(1, ROWS + 1)]
    assert text == text_of({"next": None, "previous": None, "results": rows}), text[:300]


def pages(caller):
    """Large pages, forwards and backwards, show every row once; links are right."""
    size = 6000
    seen, query, first = [], f"?page_size={size}&b=2&a=x+y", True
    while query:
        page = json.loads(caller.ask("GET", P + query)[2])
        assert (page["previous"] is None) == first
        seen += page["results"]
        last, first = query, False
        query = query_of(page["next"])
        ends = encoded(f"p={STEP * len(seen)}")
        assert query in (None, f"?a=x+y&b=2&cursor={ends}&page_size={size}"), query
    assert seen == EVERY, len(seen)
    back = []
    for query in (f"?page_size={size}&cursor={encoded('r=1')}", query_of(page["previous"])):
        while query:
            page = json.loads(caller.ask("GET", P + query)[2])
            back = page["results"] + back
            query = query_of(page["previous"])
        if "next" in page and len(back) < ROWS:
            back += json.loads(caller.ask("GET", P + last)[2])["results"]
        assert back == EVERY, len(back)
        back = []


def encoded(pairs):
    return quote(base64.b64encode(pairs.encode()), safe="")


def windows(caller):
    """Offset, direction and bounds decide exactly which rows a large page has (L24, L30)."""
    for pairs, size, want, following, before in (
            ("o=3", 2000, EVERY[3:2003], "p=14021", "r=1&p=28"),
            ("o=3", 10**9, EVERY[3:], None, "r=1&p=28"),
            ("r=1", 10**9, EVERY, None, None),
            ("r=1", ROWS, EVERY, None, None),
            ("r=1", ROWS - 1, EVERY[1:], None, "r=1&p=14"),
            ("o=2&r=1", 1500, EVERY[-1502:-2], f"p={7 * (ROWS - 2)}", f"r=1&p={7 * 18499}"),
            ("r=1&p=35", 5000, EVERY[:4], "p=28", None),
            ("p=139990", 5000, EVERY[-2:], None, f"r=1&p={7 * (ROWS - 1)}"),
            (f"p={7 * ROWS}", 5000, [], None, "r=1"),
            ("r=1&p=7", 5000, [], "", None),
            ("p=99999999999999999999", 99999999999999999999, [], None, "r=1"),
            ("", 2**63, EVERY, None, None)):
        page = json.loads(caller.ask("GET", f"{P}?cursor={encoded(pairs)}&page_size={size}")[2])
        where = f"{pairs} {size}"
        assert page["results"] == want, f"{where}: {len(page['results'])} rows, not {len(want)}"
        for name, pairs_of in (("next", following), ("previous", before)):
            link = None if pairs_of is None else \
                f"?cursor={encoded(pairs_of)}&page_size={size}"
            assert query_of(page[name]) == link, f"{where}: {name} {page[name]}, not {link}"


def indented(caller):
    """Indented, the pieces give what the whole would have given (T6)."""
    for indent in (2, 8):
        _, _, text = caller.ask("GET", P + ALL, Accept=f"application/json; indent={indent}")
        want = text_of({"next": None, "previous": None, "results": EVERY}, indent)
        assert text == want, text[:300]


def head(caller):
    """HEAD has the headers of GET and no byte of the body (T10)."""
    status, headers, text = caller.ask("HEAD", P + ALL)
    assert (status, text, headers["Content-Length"]) == (200, b"", None), headers
    assert headers["Allow"] == "GET, POST, HEAD, OPTIONS", headers
    assert headers["Content-Type"] == "application/json", headers
    assert caller.ask("GET", P + "?page_size=1")[0] == 200


class Raw:
    """A client that reads when it is told to."""

    def __init__(self, port, path, version="1.1", more=""):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(f"GET {path} HTTP/{version}\r\nHost: test\r\n{more}Authorization: "
                            f"Bearer {TOKEN}\r\n\r\n".encode())
        self.data = b""

    def read_some(self, least):
        while len(self.data) < least:
            piece = self.socket.recv(WINDOW)
            assert piece, "the answer ended"
            self.data += piece

    def read_all(self):
        while piece := self.socket.recv(1 << 20):
            self.data += piece
        self.socket.close()
        return self.data


def body_of(answer):
    """Of a raw chunked answer; fails when it is not complete."""
    lines, body = answer.split(b"\r\n\r\n", 1)
    assert b"transfer-encoding: chunked" in lines.lower(), lines
    out = b""
    while True:
        size, body = body.split(b"\r\n", 1)
        size = int(size, 16)
        assert body[size:size + 2] == b"\r\n" and size <= len(body), "cut inside a chunk"
        if size == 0:
            return out
        out, body = out + body[:size], body[size + 2:]


def slowly(site, server):
    """While one client reads slowly others are answered, rows are added and deleted; no
    transaction is held for it, and what is gone is absent (L27)."""
    path = P.replace(UUID, PROGRAM)
    raw = Raw(server.port, path + ALL, more="Connection: close\r\n")
    raw.read_some(1000)
    caller = Caller(server.port)
    body = [{"external_user_key": "late", "status": "enrolled", "curriculum_uuid": CU}]
    assert caller.ask("POST", path, body)[0] == 201
    site.execute(f"DELETE FROM program_enrollment WHERE id = {BASE + MANY}")
    until = time.monotonic() + PATIENCE
    while site.database and site.query(OPEN) != [("0",)]:   # others end; its own would not
        assert time.monotonic() < until, "a transaction is held for the slow client"
    for least in range(100_000, 1_000_000, 20_000):
        raw.read_some(least)
        assert caller.ask("GET", P + "?page_size=10")[0] == 200
    keys = [r["student_key"] for r in json.loads(body_of(raw.read_all()))["results"]]
    assert keys == [key_of(i) for i in range(1, MANY)], (len(keys), keys[-3:])


def key_of(i):
    return None if i % 1000 == 0 else f"somebody-{i}"


def old(server):
    """HTTP/1.0 gets the same bytes until the connection closes."""
    for more in ("", "Connection: keep-alive\r\n"):
        answer = Raw(server.port, P + ALL, "1.0", more).read_all()
        lines, body = answer.split(b"\r\n\r\n", 1)
        assert b"chunked" not in lines and b"\r\nContent-Length:" not in lines, lines
        assert body == text_of({"next": None, "previous": None, "results": EVERY}), body[:300]


def leaves(server):
    """A client that goes away costs nothing but a line in the log."""
    for _ in range(20):
        raw = Raw(server.port, P + ALL)
        raw.read_some(1000)
        raw.socket.close()
    server.wait_for('"request cut"')
    assert Caller(server.port).ask("GET", P + "?page_size=1")[0] == 200


def counted(server):
    """The access log has the bytes of the body."""
    _, headers, text = Caller(server.port).ask("GET", P + ALL)
    server.wait_for(headers["X-Request-Id"])
    assert any(headers["X-Request-Id"] in line and f'"bytes":{len(text)},' in line
               for line in server.log), "the line of the request"


def resident(server):
    """Bytes of the process's own, without the database's pages that are mapped."""
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as f:
        _, pages, shared = (int(n) for n in f.read().split()[:3])
    return (pages - shared) * os.sysconf("SC_PAGE_SIZE")


def memory(server):
    """While MANY rows leave, the server grows by a part of what it sends."""
    path = P.replace(UUID, PROGRAM)
    caller = Caller(server.port)
    assert len(json.loads(caller.ask("GET", path + "?page_size=3000")[2])["results"]) == 3000
    before, most, size = resident(server), 0, 0
    raw = Raw(server.port, path + ALL, "1.0")
    while piece := raw.socket.recv(1 << 20):
        size += len(piece)
        most = max(most, resident(server))
    assert size > MANY * 100, size
    assert most - before < size // 2, f"grew by {most - before} for {size} bytes"


def stopped(site):
    """SIGTERM lets a stream come to its end; one that nobody reads is cut when the time
    to drain is over, and never looks complete."""
    with site.serve() as server:
        raw = Raw(server.port, P + ALL, more="Connection: close\r\n")
        raw.read_some(1000)
        server.process.terminate()
        assert len(json.loads(body_of(raw.read_all()))["results"]) == ROWS
    with site.serve("--set", "http.drain_seconds=1") as server:
        stuck = begin_reading(server)
        server.stop()
        expect_reset(stuck)


def idle(site):
    """A client that reads no more is let go after http.idle_seconds."""
    with site.serve("--set", "http.idle_seconds=1") as server:
        stuck = begin_reading(server)
        server.wait_for('"request cut"')
        server.stop()
        expect_reset(stuck)


def begin_reading(server):
    clients = [Raw(server.port, P.replace(UUID, PROGRAM) + ALL, v) for v in ("1.1", "1.0")]
    for one in clients:
        one.read_some(1000)
    return clients


def expect_reset(clients):
    for one in clients:
        try:
            one.read_all()
        except ConnectionResetError:
            continue
        raise AssertionError("a client takes a cut answer for complete")


def broken(site):
    """A failure of the database in the middle is seen as such by the client."""
    for n in range(1, 200):
        with site.serve(env={"NESTOR_FAIL_DB_CALL": f"requests:{n}"}) as server:
            try:
                Caller(server.port).ask("GET", P + ALL)
            except (OSError, http.client.HTTPException):
                server.wait_for("a piece of an answer failed")
                assert Caller(server.port).ask("GET", P + "?page_size=1")[0] == 200
                return
    raise AssertionError("no failure ever struck in the middle")


def capped(site):
    """`enroll.page_max` bounds every page."""
    with site.serve("--set", "enroll.page_max=1500") as server:
        caller = Caller(server.port)
        for query, count in ((ALL, 1500), ("?page_size=7", 7), ("", 100)):
            page = json.loads(caller.ask("GET", P + query)[2])
            assert len(page["results"]) == count, (query, len(page["results"]))
            assert page["next"], query


def main():
    chosen = arguments(__doc__)
    tally = Tally()
    # What ASan keeps of freed memory is not the server's.
    env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "detect_leaks=1") +
           ":quarantine_size_mb=1"}
    for name, cluster in engines():
        with Site(chosen.nestor, cluster) as site:
            site.init()
            fill(site)
            with site.serve("--set", "http.request_seconds=1", env=env) as server:
                caller = Caller(server.port)
                tally.run(f"{name}: one page holds every row", whole, caller)
                tally.run(f"{name}: large pages follow each other both ways", pages, caller)
                tally.run(f"{name}: a large page has exactly its rows and links", windows, caller)
                tally.run(f"{name}: an indented stream is the indented whole", indented, caller)
                tally.run(f"{name}: HEAD of a large page has no body", head, caller)
                tally.run(f"{name}: a slow reader holds nobody up", slowly, site, server)
                tally.run(f"{name}: HTTP/1.0 gets the same bytes", old, server)
                tally.run(f"{name}: a client may go away", leaves, server)
                tally.run(f"{name}: the access log counts what left", counted, server)
                tally.run(f"{name}: memory does not grow with the answer", memory, server)
            tally.run(f"{name}: a stop finishes or cuts streams", stopped, site)
            tally.run(f"{name}: a client that stops reading is let go", idle, site)
            tally.run(f"{name}: a failure in the middle shows", broken, site)
            tally.run(f"{name}: a setting caps every page", capped, site)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
