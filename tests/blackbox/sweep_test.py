"""Every operation of /openapi.json, asked by everybody in every way: never a 5xx or a broken
connection, and every answer is one that the document knows: its status, its Content-Type,
its body by the JSON schema, no member unnamed.

Paths, methods and query parameters come from the document of the running server; what
stands for a variable comes from tests/blackbox/world.py. Asked are

- every operation by every identity, with each value of its variables (sources of every
  public access, versions released and not, concepts retired and not) and with each variable
  once standing for nothing;
- every operation with each value of each query parameter (as its schema has it, and some that
  it has not) by staff and, on SQLite, by one other identity, in turn;
- every two query parameters of an operation together, in rows drawn with a fixed seed;
- every write with bodies made from its schema (smallest, whole, with values of the world) and
  with none, empty and wrong ones;
- every GET also as HEAD, with the ETag that it answered, and with letters of its path escaped.

What has several names (ALIASES) is asked for in every way by one of them; by the others it is
asked by everybody at few places, with one value of each parameter and two bodies that are good, on
SQLite: databases know no paths.

The full product would be some millions of requests; what is in pairs is what two things at
fault together need. Deleting comes last, and what a write has changed is mended after it.
At the end every operation has succeeded for somebody with each success that it documents.

Usage: sweep_test.py --nestor PATH
# Takes long
# rows: V112 G174
"""
import http.client
import itertools
import json
import os
import queue
import random
import re
import sys
import threading
import time
import urllib.parse

import world
from openapi import document_of
from support import Client, Site, run_on_engines
from world import CURRICULUM, KNOWN, TARGET, WAITS, Identity, World, places

THREADS = 4
SHOWN = 40  # faults printed

# Of learners, who has no seat yet; of programs, what a new learner may learn.
KEPT = {"curriculum_uuid": CURRICULUM, "student_key": "1002"}

IDENTITIES = ("none", "bad", "stranger", "member", "owner", "staff", "superuser", "off")
WITHOUT_ACCOUNT = ("none", "bad", "off")
ALIASES = re.compile(world.ALIASES)
WRONG = (None, b"", b"{", b"[]", b"5", b"null", b'{"id": {"a": []}, "name": 7, "names": [5]}',
         b'[[1], {"status": []}]')


class Asked:
    """A request, with all that a fault needs to be told."""

    def __init__(self, operation, place, who, query="", method=None, body=None, media=None,
                 **headers):
        self.operation, self.place, self.who = operation, place, who
        self.target = place + ("?" + query if query else "")
        self.method = method or operation.method.upper()
        self.body, self.media, self.headers = body, media, headers

    def __str__(self):
        body = f" {self.body[:200]!r}" if self.body is not None else ""
        return f"{self.method} {self.target} by {self.who.name}{body}"


class Sweep:
    def __init__(self, server, document, identities, code):
        self.server, self.document, self.identities = server, document, identities
        self.named = {**KNOWN, "code": code}
        self.faults = {}
        self.seen = set()
        self.count = 0
        self.operations = document.operations
        self.is_brief = False
        self.lock = threading.Lock()
        self.local = threading.local()

    def ask(self, asked):
        """The answer, looked at; None when there was none."""
        if not hasattr(self.local, "client"):
            self.local.client = Client(self.server.port, "")
        headers = {**asked.headers}
        authorization = asked.who.header(asked.operation)
        if authorization:
            headers["Authorization"] = authorization
        try:
            answer = self.send(asked, headers)
        except (OSError, http.client.HTTPException) as e:
            self.local.client.close()
            self.blame(asked, f"no answer: {type(e).__name__} {e}")
            return None
        why = self.document.unfit(asked.operation, answer, asked.method == "HEAD")
        if answer.status >= 500:
            why = f"answers {answer}"
        if why:
            self.blame(asked, why)
        with self.lock:
            self.count += 1
            self.seen.add((str(asked.operation), str(answer.status)))
            self.seen.add((str(asked.operation), asked.who.name))
        return answer

    def send(self, asked, headers):
        client = self.local.client
        if asked.body is not None:
            headers["Content-Type"] = asked.media or "application/json"
        return client.raw(asked.method, asked.target, asked.body, headers)

    def blame(self, asked, why):
        """One fault of a kind is told, the others are counted."""
        with self.lock:
            key = (str(asked.operation), why[:60])
            first, count = self.faults.get(key, (f"{asked}: {why}", 0))
            self.faults[key] = (first, count + 1)

    def run(self, work):
        """Functions that ask, on several connections."""
        todo = queue.SimpleQueue()
        broken = []
        for job in work:
            todo.put(job)

        def serve():
            while not todo.empty():
                try:
                    todo.get_nowait()()
                except queue.Empty:
                    return
                except Exception as e:  # pylint: disable=broad-except
                    broken.append(e)
                    return

        threads = [threading.Thread(target=serve) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if broken:
            raise broken[0]


# ---- Queries ----


def values_for(parameter):
    """Values of a query parameter: what its schema allows, and what it does not."""
    schema = parameter["schema"]
    if parameter["name"] == "task":
        return (WAITS, "nothing", "%FF%00")
    if "enum" in schema:
        return (*map(str, schema["enum"]), "nothing")
    if schema.get("type") == "boolean":
        return ("true", "false", "maybe")
    if schema.get("type") == "integer":
        return (str(schema.get("minimum", 0)), str(schema.get("maximum", 2)), "-1", "x",
                "99999999999999999999")
    return (*schema.get("examples", ()), "name", "!x,y*", "%FF%00", "")


def pairs(parameters, draw):
    """Rows of parameters until every two were together in one."""
    names = [p["name"] for p in parameters]
    left = set(itertools.combinations(names, 2))
    while left:
        row = [p for p in parameters if draw.random() < 0.5]
        left -= set(itertools.combinations([p["name"] for p in row], 2))
        if len(row) > 1:
            yield "&".join(f"{p['name']}={draw.choice(values_for(p))}" for p in row)


# ---- What is asked of an operation ----


def escaped(sweep, operation, place):
    """The path with the first letter of a segment behind the mount escaped: the same path."""
    tag = operation.spec["tags"]
    mount = os.path.commonpath([o.path for o in sweep.document.operations
                                if o.spec["tags"] == tag])
    for m in re.finditer("(?<=/)[a-z]", place[len(mount):]):
        at = m.start() + len(mount)
        yield place[:at] + f"%{ord(place[at]):02X}" + place[at + 1:]


def places_of(operation, client, who, there, number):
    """Where somebody asks in every case: at one place who has no account, and by another name."""
    if "/user/" in operation.path:
        return places(who, client, operation)[0]
    is_brief = who.name in WITHOUT_ACCOUNT or ALIASES.search(operation.path)
    return there[number % len(there):][:1] if is_brief else there


def read(sweep, operation, client, number):
    """A GET in all its ways."""
    everybody = sweep.identities
    staff = everybody[IDENTITIES.index("staff")]
    there, gone = places(staff, client, operation)
    turn = itertools.count(number)

    def next_of(some):
        return some[next(turn) % len(some)]

    for who in everybody:
        for place in places_of(operation, client, who, there, number):
            sweep.ask(Asked(operation, place, who))
        sweep.ask(Asked(operation, next_of(gone or there), who))
        place = next_of(there)
        answer = sweep.ask(Asked(operation, place, who))
        sweep.ask(Asked(operation, place, who, method="HEAD"))
        if answer and answer.headers["ETag"]:
            sweep.ask(Asked(operation, place, who, **{"If-None-Match": answer.headers["ETag"]}))
    for place in (*gone, *escaped(sweep, operation, there[0])):
        sweep.ask(Asked(operation, place, staff))
    if ALIASES.search(operation.path):
        for parameter in operation.switches:
            sweep.ask(Asked(operation, there[0], staff,
                            f"{parameter['name']}={values_for(parameter)[0]}"))
        return
    for parameter in operation.switches:
        for value in values_for(parameter):
            for who in (staff,) if sweep.is_brief else (staff, next_of(everybody)):
                sweep.ask(Asked(operation, next_of(there), who, f"{parameter['name']}={value}"))
    for query in pairs(operation.switches, random.Random(str(operation))):
        sweep.ask(Asked(operation, next_of(there), next_of(everybody), query))


def bodies(sweep, operation):
    """(media type, bytes): good ones for each type, then wrong ones."""
    document, good = sweep.document, ((False, {}), (False, sweep.named), (False, KEPT),
                                      (True, {}), (True, sweep.named))
    for media, content in operation.bodies.items():
        for is_whole, values in good[1::3] if ALIASES.search(operation.path) else good:
            value = world.alive(operation.path,
                                document.example(content["schema"], is_whole, values))
            if "json" not in media:
                yield media, urllib.parse.urlencode(value).encode()
                continue
            yield media, json.dumps(value).encode()
            if isinstance(value, list) and value and isinstance(value[0], dict):
                more = document.example(content["schema"], is_whole, values)
                yield media, json.dumps(more + [{n: "wrong" for n in value[0]}]).encode()
    if ALIASES.search(operation.path):
        return
    for body in WRONG:
        yield "application/json", body
    yield "text/plain", b"text"


def write(sweep, operation, client, mend):
    """A write by everybody, mended after it."""
    there, gone = places(sweep.identities[IDENTITIES.index("staff")], client, operation)
    turn = itertools.count()
    queries = [""] + [f"{p['name']}={v}" for p in operation.switches for v in values_for(p)]
    for who in sweep.identities:
        has_body = operation.method != "delete" or operation.wants_body
        offers = has_body and list(bodies(sweep, operation)) or [(None, None)]
        asked = [(place, "", offer) for offer in offers
                 for place in (there if not has_body
                               else there[next(turn) % len(there):][:1])]
        asked += [(there[0], query, asked[0][2]) for query in queries[1:]]
        if who.name in WITHOUT_ACCOUNT:  # is sent away whatever the body says
            asked = asked[:2]
        for place, query, (media, body) in asked:
            answer = sweep.ask(Asked(operation, place, who, query, body=body, media=media))
            if answer and answer.status < 300 and "208" in operation.responses:
                sweep.ask(Asked(operation, place, who, query, body=body, media=media))
            if answer and answer.status < 300:
                mend(place, who.name, method=operation.method.upper())
                set_again(operation, client, place, who)
        for place in gone:
            sweep.ask(Asked(operation, place, who, body=asked[0][2][1],
                            media=asked[0][2][0]))


def set_again(operation, client, place, who):
    """A key of extras that was deleted."""
    if operation.method == "delete" and "{key}" in operation.path:
        client.raw("PUT", place, b'{"key": 1}',
                   {"Authorization": who.header(operation), "Content-Type": "application/json"})


def sweep_all(sweep, server, a_world):
    operations = sweep.operations
    readers = [o for o in operations if o.method == "get"]

    def reader(operation, number):
        return lambda: read(sweep, operation, server.client(), number)

    sweep.run([reader(o, i) for i, o in enumerate(readers)])
    client = server.client()
    a_world.admin = server.client()  # the one before was idle all the while, and may be closed
    for operation in operations:
        if operation.method in ("post", "put", "patch"):
            write(sweep, operation, client, a_world.mend)
    for operation in operations:
        if operation.method == "delete":
            if "/admin/" in operation.path:  # passwords and documents end sessions and clients
                a_world.mend(operation.path)
            write(sweep, operation, client, a_world.mend)


def repair_all(sweep, nestor, cluster):
    """A small store is repaired at once, a large one by a task: both are made for it."""
    repairs = [o for o in sweep.document.operations
               if o.method == "delete" and o.path.endswith("/manage/brokenreferences/")]
    lines = [{"type": "Organization", "id": "Big", "name": "Big"},
             {"type": "Source", "owner": "Big", "owner_type": "Organization", "id": "S", "name": "S"},
             *({"type": "Concept", "owner": "Big", "owner_type": "Organization", "source": "S",
                "id": str(n), "concept_class": "Misc", "names": [{"name": "n", "locale": "en"}]}
               for n in range(1000))]
    with Site(nestor, cluster) as site, site.init().serve() as server:
        who = Identity("superuser", site.token)
        other = Sweep(server, sweep.document, [who], "")
        client = server.client()
        for operation in repairs:
            other.ask(Asked(operation, operation.path, who))
        for some in (lines[:500], lines[500:]):
            client.expect(200, "POST", "/guide/importers/lines/", {"lines": some})
        for operation in repairs:
            other.ask(Asked(operation, operation.path, who))
            while client.expect(200, "GET", operation.path).json()["running"]:
                time.sleep(0.05)
        client.close()
    sweep.seen |= other.seen
    assert not other.faults, other.faults


# ---- What must have come of it ----


def answers_fit(sweep):
    for first, count in list(sweep.faults.values())[:SHOWN]:
        print(f"    {first}" + (f" ({count} times)" if count > 1 else ""))
    assert not sweep.faults, f"{len(sweep.faults)} kinds of answers that are not documented"


# How far a task is decides which of its successes an operation answers: export.http,
# undo.http and their black-box tests wait for each.
BY_TASK = re.compile("/(export|undo)/$")


def everything_was_asked(sweep):
    missing = [f"{o} by {name}" for o in sweep.operations for name in IDENTITIES
               if (str(o), name) not in sweep.seen]
    assert not missing, missing[:10]


def everything_succeeds(sweep):
    missing = [f"{o}: {status}" for o in sweep.operations for status in o.successes()
               if (str(o), status) not in sweep.seen and not BY_TASK.search(o.path)]
    assert not missing, f"never answered: {missing}"


def server_lives(server):
    assert server.client("").ask("GET", "/healthz").status == 200


def a_code(site):
    """Of a sign-in link."""
    return site.run("user link", TARGET).stdout.strip().partition("?code=")[2]


def run_on(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site:
        site.init()
        world.load(site)
        with site.serve() as server:
            a_world = World(site, server.client()).fill()
            document = document_of(server.client().expect(200, "GET", "/openapi.json").body)
            identities = [Identity(n, a_world.token.get(n, "0" * 40)) for n in IDENTITIES]
            sweep = Sweep(server, document, identities, a_code(site))
            if cluster:  # of who asks, parameters know no engine
                sweep.is_brief = True
                sweep.operations = [o for o in document.operations if not ALIASES.search(o.path)]
            tally.run(f"{engine}: everything can be asked", sweep_all, sweep, server, a_world)
            tally.run(f"{engine}: repairs, small and large", repair_all, sweep, nestor, cluster)
            print(f"{engine}: {sweep.count} requests on {len(sweep.operations)} operations")
            tally.run(f"{engine}: every answer is documented", answers_fit, sweep)
            tally.run(f"{engine}: everything was asked by everybody", everything_was_asked, sweep)
            tally.run(f"{engine}: everything succeeds for somebody", everything_succeeds, sweep)
            tally.run(f"{engine}: the server lives", server_lives, server)
            tally.run(f"{engine}: what is stored is sound", site.verify)


if __name__ == "__main__":
    sys.exit(run_on_engines(__doc__, run_on, is_long=True))
