"""The log: ids of requests go through to every line of theirs, and of the tasks that they asked
for; level and access lines change while the server runs; on a terminal it is for people;
statements that take long are in it.

Usage: log_test.py --nestor PATH
"""
# rows: G161
import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time

from stream_test import NUMBERS, TOKEN, UUID
from support import PATIENCE, Client, Site, environment, run_on_engines

ID = "of-the-proxy.1"
PROGRAM = f"/api/program_enrollments/v1/programs/{UUID}"
ROWS = 500              # a statement reads them all,
KEY = "y" * 20_000      # which takes some milliseconds with such keys
BREAK = "ALTER TABLE feedback RENAME TO feedback_away"
MEND = "ALTER TABLE feedback_away RENAME TO feedback"
LINE = '{"type": "Organization", "id": "%s", "name": "One"}\n'


def lines(server, event):
    return [line for line in map(json.loads, server.log) if line["event"] == event]


def with_id(server, key, event):
    """The one line of that event that the request has."""
    server.wait_for(f'"request":"{key}"')
    end = time.monotonic() + PATIENCE
    while not (found := [x for x in lines(server, event) if x.get("request") == key]):
        assert time.monotonic() < end, f"no line {event} of {key}"
        time.sleep(0.01)
    assert len(found) == 1, found
    return found[0]


def redirected(client):
    """A request that is logged as a warning; its id."""
    answer = client.ask("POST", PROGRAM + "/enrollments")
    assert answer.status == 301, answer
    return answer.headers["X-Request-Id"]


def ids_go_through_to_tasks(site, server):
    """The access line, the task's, and the row that the task is kept in."""
    answer = server.client().raw("POST", "/v2/importers/bulk-import/", (LINE % "ONE").encode(),
                                 {"Authorization": f"Token {server.token}", "X-Request-Id": ID,
                                  "Content-Type": "application/json"})
    assert answer.status == 202 and answer.headers["X-Request-Id"] == ID, answer
    uuid = answer.json()["id"].split("-")[0]
    assert with_id(server, ID, "request")["status"] == 202
    over = with_id(server, ID, "task over")
    assert over["task"].startswith(uuid) and over["name"] == "bulk_import" and over["us"] > 0, over
    assert over["state"] == "SUCCESS", over
    assert site.query(f"SELECT count(*) FROM task WHERE request = '{ID}'") == [("1",)]


def ids_outlive_a_kill(site, server, start):
    """A task that another server goes on with is of the same request still."""
    site.execute("UPDATE task SET state = 'PENDING', lease = NULL, finished_at = NULL "
                 f"WHERE request = '{ID}'")
    assert server.end(signal.SIGKILL) != 0
    with start() as again:
        assert with_id(again, ID, "task over")["name"] == "bulk_import"


def faults_say_whose_they_are(site, server):
    """What the engine logs far below the request has its id: reading, and writing."""
    site.execute(BREAK)
    try:
        for ask in (("GET", "/v2/admin/feedback/"),
                    ("POST", "/v2/feedback/", {"description": "x", "url": "http://a.example/"})):
            answer = server.client().ask(*ask)
            key = answer.headers["X-Request-Id"]
            assert answer.status == 500, answer
            server.wait_for(f'"request":"{key}"')
            told = [line for line in map(json.loads, server.log)
                    if line.get("request") == key and line["level"] == "error"]
            assert told, f"{ask}: no line says why {key} failed"
    finally:
        site.execute(MEND)
    assert with_id(server, redirected(server.client()), "redirected to the slash")


def slow_statements_are_told(site):
    """With their text, without a value, whose they are, and once with their plan."""
    p = site.run("load", site.write("catalog.json", json.dumps(
        {"users": [{"username": "registrar", "is_staff": True, "token": TOKEN}],
         "programs": [{"uuid": UUID}]})))
    assert p.returncode == 0, p.stderr
    site.execute(NUMBERS[bool(site.database)].format(ROWS) + """
INSERT INTO program_enrollment (id, program_id, program_uuid, external_user_key, curriculum_uuid,
  status, created_at, modified_at) SELECT i, (SELECT id FROM program), '%s', i || '%s', '%s',
  'enrolled', 0, 0 FROM n""" % (UUID, KEY, UUID))

    def lines_of_two_requests(limit):
        """What is told of the list, when its request has come and gone twice; the stop waits for
        the plans."""
        with site.serve("--set", f"db.slow_ms={limit}") as server:
            keys = []
            for _ in range(2):
                a = Client(server.port, TOKEN, "Bearer").ask(
                    "GET", f"{PROGRAM}/enrollments/?page_size={ROWS}")
                assert a.status == 200 and a.body.count(b"student_key") == ROWS, a
                keys.append(a.headers["X-Request-Id"])
        told = [[x for x in lines(server, event) if "program_enrollment" in x["sql"]]
                for event in ("slow statement", "plan of a slow statement")]
        return keys, *told

    keys, told, plans = lines_of_two_requests(1)
    assert told and {x["request"] for x in told} <= set(keys), told
    assert all(x["us"] >= 1000 and "$1" in x["sql"] and UUID not in x["sql"] for x in told), told
    assert any(x["rows"] > 1 for x in told), told
    assert any("scan" in x["plan"].lower() or "search" in x["plan"].lower() for x in plans), plans
    texts = [x["sql"] for x in plans]
    assert texts and len(texts) == len(set(texts)), texts
    assert set(texts) <= {x["sql"] for x in told}, texts
    assert lines_of_two_requests(0)[1:] == ([], [])


def set_and_hang_up(site, server, text, says):
    """Write nestor.conf, send SIGHUP, and wait for one more line of what it came to."""
    before = len(lines(server, says))
    site.write("data/nestor.conf", text)
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + PATIENCE
    while sum(f'"event":"{says}"' in line for line in server.log) == before:
        assert time.monotonic() < end, f"never: {says}"
        time.sleep(0.01)


def changes_while_it_runs(site, server):
    client = server.client()

    def is_logged():
        """Whether a request has its line: the warning of the next one, by the same connection, comes
        behind that."""
        key = client.ask("GET", "/healthz").headers["X-Request-Id"]
        with_id(server, redirected(client), "redirected to the slash")
        return any(line.get("request") == key for line in lines(server, "request"))

    assert is_logged()
    again = "settings read again"
    # Nothing of level info is told at warn, not even that.
    set_and_hang_up(site, server, "log.level = debug\nlog.access = off\n", again)
    assert not is_logged()
    set_and_hang_up(site, server, "log.access = on\n", again)
    assert is_logged()
    set_and_hang_up(site, server, "log.level = warn\nhttp.drain_seconds = 7\n",
                    "a setting waits for a restart")
    assert lines(server, "a setting waits for a restart")[-1]["name"] == "http.drain_seconds"
    assert not is_logged()
    # A file with a fault changes nothing, and says which.
    site.write("data/nestor.conf", "log.level = loud\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for('"settings not read again"')
    why = lines(server, "settings not read again")[0]["why"]
    assert "log.level" in why and "loud" in why, why
    assert not is_logged()
    site.write("data/nestor.conf", "")


def on_a_terminal(site, **more):
    """What `nestor serve` shows on one until it listens."""
    ours, theirs = pty.openpty()
    env = {**environment(), "TERM": "xterm", **more}
    command = [site.nestor, "serve", *site.where(), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=theirs, env=env)
    os.close(theirs)
    text, end = b"", time.monotonic() + PATIENCE
    try:
        while b"listening" not in text or not text.endswith(b"\n"):
            assert time.monotonic() < end, text
            if select.select([ours], [], [], 0.1)[0]:
                text += os.read(ours, 65536)
    finally:
        process.terminate()
        process.wait(PATIENCE)
        os.close(ours)
    return next(line for line in text.decode().replace("\r\n", "\n").split("\n")
                if "listening" in line)


def for_people(site):
    """Short times, columns, colours; NO_COLOR and a terminal without them are obeyed."""
    plain = r"\d\d:\d\d:\d\d\.\d{3} info  listening       address=127\.0\.0\.1:0 port=\d+ url=\S+"
    coloured = on_a_terminal(site, NO_COLOR="")
    assert "\x1b[32minfo \x1b[0m \x1b[1mlistening\x1b[0m" in coloured, repr(coloured)
    assert re.fullmatch(plain, re.sub(r"\x1b\[[0-9;]*m", "", coloured)), repr(coloured)
    for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert re.fullmatch(plain, on_a_terminal(site, **more)), more
    with site.serve("--set", "log.format=json") as server:
        assert all(json.loads(line) for line in server.log)
    assert "\x1b" not in site.run("serve --set log.format=text --listen x").stderr


class Pipe:
    """A server whose log goes into a pipe, which is read by whoever has this."""

    def __init__(self, site, *words):
        self.out, end = os.pipe()
        self.process = subprocess.Popen(
            [site.nestor, "serve", *site.where(), "--listen", "127.0.0.1:0", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=end, env=environment())
        os.close(end)
        self.text = b""
        while b'"listening"' not in self.text:
            assert self.read(), self.text
        self.port = int(re.search(rb'"port":(\d+)', self.text)[1])

    def read(self, n=65536):
        """Whether something came."""
        piece = os.read(self.out, n) if select.select([self.out], [], [], PATIENCE)[0] else b""
        self.text += piece
        return bool(piece)

    def ask(self, count, path="/healthz"):
        client = Client(self.port, "")
        for _ in range(count):
            client.ask("GET", path)
        client.close()

    def lines(self):
        return [json.loads(line) for line in self.text.rpartition(b"\n")[0].splitlines()]

    def end(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.out)


def lines_are_whole_in_a_pipe(site):
    """Of several loops that fill it, with paths that are longer than it takes at a time."""
    askers = 8
    with Pipe(site, "--set", "http.loops=4") as server:
        threads = [threading.Thread(target=server.ask, args=(30, f"/v2/{chr(97 + n) * 5000}/"))
                   for n in range(askers)]
        for t in threads:
            t.start()
        while server.text.count(b'"status":404') < 30 * askers:
            assert server.read(3000), server.text[-5000:]
        for t in threads:
            t.join(PATIENCE)
        server.end()
    told = [line for line in server.lines() if line["event"] == "request"]
    assert len(told) == 30 * askers and all(len(set(x["path"][4:])) == 1 for x in told), told[0]
    assert all(len(x["path"]) + x["cut"] == 5000 + len("/v2//") for x in told), told[0]
    assert max(map(len, server.text.splitlines(True))) <= select.PIPE_BUF


def a_log_that_nobody_reads_stops_nothing(site):
    """Requests go on, what is lost is counted, and so does the end."""
    count = 3000
    with Pipe(site) as server:
        server.ask(count)
        while b'"lines":' not in server.text:
            assert server.read()
            server.ask(1)
            count += 1
        lost = [x["lines"] for x in server.lines() if "lines" in x]
        told = server.text.count(b'"event":"request"')
        assert told + sum(lost) <= count and sum(lost) > 0, (lost, told, count)
        server.ask(3000)
        server.end()


def run(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site:
        site.init()

        def start():
            return site.serve("--set", "http.trusted_proxies=127.0.0.1")

        server = start()
        for case, *more in ((ids_go_through_to_tasks, server), (faults_say_whose_they_are, server),
                            (ids_outlive_a_kill, server, start)):
            tally.run(f"{engine}: {case.__name__}", case, site, *more)
        with start() as server:
            tally.run(f"{engine}: {changes_while_it_runs.__name__}", changes_while_it_runs, site,
                      server)
        for case in (for_people, slow_statements_are_told, lines_are_whole_in_a_pipe,
                     a_log_that_nobody_reads_stops_nothing):
            tally.run(f"{engine}: {case.__name__}", case, site)


if __name__ == "__main__":
    raise SystemExit(run_on_engines(__doc__, run))
