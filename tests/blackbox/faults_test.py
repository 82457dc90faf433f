"""The n-th call of the database fails, for every n that a request can reach: the
request answers 5xx with JSON, leaves no half write, the server goes on, and the
same request succeeds when it is repeated.

Usage: faults_test.py --nestor PATH

Each step of the script has a server of its own, on what the steps before it left.
NESTOR_FAIL_DB_CALL=requests:1+ has the first call fail that is made for requests (what the
server does by itself does not count), which is that of its first request, then the second
of its second request, and so on, until the request succeeds and the log says that no fault
struck. While a server starts, any call counts.
"""
import sys
import time

from support import PATIENCE, REPORTS, Site, Tally, arguments, engines

STRUCK = '"injected database failure"'
NEVER = 200   # calls that no step may need; ends a run that goes wrong
PASSWORD = "quite-a-long-passphrase-42"
LINES = [{"type": "Organization", "id": "LINES", "name": "Lines"},
         {"type": "Source", "id": "L", "name": "L", "owner": "LINES",
          "owner_type": "Organization"},
         {"type": "Concept", "id": "L1", "owner": "LINES", "owner_type": "Organization",
          "source": "L", "concept_class": "Misc", "datatype": "None",
          "names": [{"name": "one", "locale": "en"}]},
         {"type": "Source Version", "id": "1", "owner": "LINES", "owner_type": "Organization",
          "source": "L", "description": "first", "released": True}]

# A GIF of one point.
PICTURE = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
NAMES = [{"name": "Malaria", "locale": "en"}, {"name": "Paludisme", "locale": "fr"}]
V2_SOURCE = "/v2/orgs/WHO/sources/ICD/"
V2_B54 = "/orgs/WHO/sources/ICD/concepts/B54/"
SOURCE = "/guide/orgs/WHO/sources/ICD/"

# (what it does, status, method, path, body), in the order in which they build up.
STEPS = [
    ("create a user", 201, "POST", "/guide/users/",
     {"username": "ada", "name": "Ada", "email": "ada@example.org", "password": PASSWORD}),
    ("sign in", 200, "POST", "/guide/api-token-auth/",
     {"username": "ada", "password": PASSWORD}),
    ("create an organisation", 201, "POST", "/guide/orgs/", {"id": "WHO", "name": "WHO"}),
    ("change an organisation", 200, "PUT", "/guide/orgs/WHO/", {"name": "World Health"}),
    ("add a member", 204, "PUT", "/guide/orgs/WHO/members/ada/", None),
    ("create a source", 201, "POST", "/guide/orgs/WHO/sources/", {"id": "ICD", "name": "ICD"}),
    ("create a concept", 201, "POST", SOURCE + "concepts/",
     {"id": "B54", "conceptClass": "Diagnosis", "names": NAMES}),
    ("change a concept", 200, "PUT", SOURCE + "concepts/B54/",
     {"datatype": "None", "update_comment": "why not"}),
    ("list concepts", 200, "GET", SOURCE + "concepts/?verbose=true", None),
    ("read a concept", 200, "GET", SOURCE + "concepts/B54/", None),
    ("create a concept with mappings inside", 201, "POST", V2_SOURCE + "concepts/",
     {"id": "B50", "concept_class": "Diagnosis", "datatype": "N/A", "names": NAMES,
      "mappings": [{"map_type": "SAME-AS", "to_concept_url": V2_B54},
                   {"map_type": "BROADER-THAN", "to_source_url": "/orgs/X/sources/Y/",
                    "to_concept_code": "y"}]}),
    ("add a name", 201, "POST", V2_SOURCE + "concepts/B50/names/",
     {"name": "Malaria", "locale": "es"}),
    ("set a key of extras", 200, "PUT", V2_SOURCE + "concepts/B50/extras/k/", {"k": 1}),
    ("create a mapping", 201, "POST", V2_SOURCE + "mappings/",
     {"id": "M", "map_type": "NARROWER-THAN", "from_concept_url": V2_B54,
      "to_concept_url": "/orgs/WHO/sources/ICD/concepts/B50/"}),
    ("change a mapping", 200, "PATCH", V2_SOURCE + "mappings/M/", {"map_type": "SAME-AS"}),
    ("list mappings", 200, "GET", V2_SOURCE + "mappings/", None),
    ("retire a mapping", 204, "DELETE", V2_SOURCE + "mappings/M/", None),
    ("bring a mapping back", 204, "PUT", V2_SOURCE + "mappings/M/reactivate/", None),
    ("erase a mapping", 204, "DELETE", V2_SOURCE + "mappings/M/?hardDelete=true", None),
    ("register an address", 201, "POST", "/v2/users/ada/url-registry/",
     {"url": "http://example.org/icd", "namespace": "/users/ada/"}),
    ("change an entry of a registry", 200, "PUT", "/v2/users/ada/url-registry/1/",
     {"name": "ICD"}),
    ("look an address up", 200, "POST", "/v2/users/ada/url-registry/$lookup/",
     {"url": "http://example.org/icd"}),
    ("create a map project", 201, "POST", "/v2/orgs/WHO/map-projects/", {"name": "Labs"}),
    ("change a map project", 200, "PUT", "/v2/orgs/WHO/map-projects/1/",
     {"matches": [{"id": 1, "state": "mapped"}]}),
    ("add logs to it", 200, "POST", "/v2/orgs/WHO/map-projects/1/logs/", {"logs": {"a": 1}}),
    ("erase a map project", 204, "DELETE", "/v2/orgs/WHO/map-projects/1/", None),
    ("say something", 200, "POST", "/v2/feedback/", {"description": "It is slow."}),
    ("take feedback away", 204, "DELETE", "/v2/admin/feedback/1/", None),
    ("follow a source", 204, "POST", "/v2/users/ada/following/", {"follow": V2_SOURCE[3:]}),
    ("list what a user follows", 200, "GET", "/v2/users/ada/following/", None),
    ("follow no more", 204, "DELETE", "/v2/users/ada/following/1/", None),
    ("configure how a source is shown", 201, "POST", V2_SOURCE + "client-configs/",
     {"is_default": True, "config": {"tabs": [{"default": True}]}}),
    ("change a configuration", 200, "PUT", "/v2/client-configs/1/",
     {"name": "Home", "is_default": True}),
    ("erase a configuration", 204, "DELETE", "/v2/client-configs/1/", None),
    ("set a logo", 200, "POST", "/v2/orgs/WHO/logo/", {"base64": PICTURE}),
    ("list registered addresses", 200, "GET", "/v2/users/ada/url-registry/", None),
    ("create a version", 201, "POST", SOURCE + "versions/", {"id": "v1", "description": "one"}),
    ("compare with a version", 200, "GET", V2_SOURCE + "$difference/?from=0", None),
    ("rename a user", 200, "PUT", "/v2/users/ada/", {"username": "adela"}),
    ("... and back", 200, "PUT", "/v2/users/adela/", {"username": "ada"}),
    ("release a version", 200, "PUT", SOURCE + "v1/", {"released": True}),
    ("retire a concept", 204, "DELETE", SOURCE + "concepts/B54/", None),
    ("import lines", 200, "POST", "/guide/importers/lines/", {"lines": LINES}),
    ("remove a member", 204, "DELETE", "/guide/orgs/WHO/members/ada/", None),
    ("delete a source", 204, "DELETE", "/guide/orgs/LINES/sources/L/", None),
    ("delete an organisation", 204, "DELETE", "/guide/orgs/LINES/", None),
]


class Faults:
    def __init__(self, site):
        self.site = site
        self.struck = 0

    def serve(self, calls):
        return self.site.serve("--set", "tasks.slots=0", "--set", "http.loops=1", "--set", "db.pool=1",
                               env={"NESTOR_FAIL_DB_CALL": calls})

    def start(self):
        """A fault before the server listens ends it with status 1 and harms nothing."""
        before, struck = self.site.dump(), 0
        for n in range(1, NEVER):
            server = self.serve(str(n))
            is_up, status, log = server.is_up(), server.end(), server.text()
            assert not any(r in log for r in REPORTS), log[-3000:]
            if is_up and STRUCK not in log:
                break
            assert STRUCK in log, f"call {n}: no start and no fault: {log[-1000:]}"
            assert is_up or status == 1, f"call {n}: ended with {status}: {log[-1000:]}"
            assert self.site.dump() == before, f"call {n}: the start changed the data"
            struck = n
        assert struck > 0, "no fault struck while starting"
        self.own_faults(struck + 1)

    def own_faults(self, first):
        """What a server does by itself (it looks for tasks) may fail, over and over: it serves all
        the same."""
        until = time.monotonic() + PATIENCE
        for n in range(first, NEVER):  # with tasks a start makes more calls
            server = self.site.serve(env={"NESTOR_FAIL_DB_CALL": f"{n}+"})
            if server.is_up():
                break
            assert server.end() == 1, server.text()[-1000:]
        client = server.client()
        while STRUCK not in server.text():
            assert time.monotonic() < until, "nothing that it does by itself failed"
            time.sleep(0.05)
        client.expect(200, "GET", "/healthz")
        while client.ask("GET", "/guide/orgs/").status != 200:
            assert time.monotonic() < until, "it never reads again"
        client.close()
        assert server.end() == 0, server.text()[-1000:]

    def step(self, step):
        """Repeat a request, which fails at each of its calls in turn, until it succeeds."""
        before = self.site.dump()
        for n, server in self.servers(step[2]):
            if not self.is_struck(server, n, step, before):
                break
        else:
            raise AssertionError("the fault never ceased")
        assert n > 1, "no fault struck"
        self.struck += n - 1

    def servers(self, method):
        """(n, a server in which the n-th call of its next request fails). A loop remembers
        what it has read once, so that every read has a new server."""
        if method == "GET":
            for n in range(1, NEVER):
                with self.serve(f"requests:{n}") as server:
                    yield n, server
        else:
            with self.serve("requests:1+") as server:
                for n in range(1, NEVER):
                    yield n, server

    def is_struck(self, server, n, step, before):
        """True when the n-th call belonged to this request. Raises when it was not
        borne as it should be."""
        _, status, method, path, body = step
        earlier = server.text().count(STRUCK)
        client = server.client()
        answer = client.ask(method, path, body)
        server.wait_for(answer.headers["X-Request-Id"])
        is_struck = server.text().count(STRUCK) > earlier
        if is_struck:
            check_failure(n, answer)
            after = self.site.dump()
            halves = [t for t, rows in before.items() if rows != after[t]]
            assert not halves, f"call {n}: {answer}, but these tables changed: {halves}"
        else:
            assert answer.status == status, f"call {n}: {answer}, not {status}"
            client.expect(200, "GET", "/healthz")
        client.close()
        return is_struck


def check_failure(n, answer):
    """A failure of the server's own is told as JSON, and tells nothing of its inside."""
    assert answer.status >= 500, f"call {n} failed, but the answer is {answer}"
    assert answer.headers["Content-Type"] == "application/json", f"call {n}: {answer.headers}"
    assert isinstance(answer.json().get("detail"), str), f"call {n}: {answer}"
    told = [w for w in (b"SELECT", b"INSERT", b"UPDATE", b"sqlite", b"nestor.db")
            if w in answer.body]
    assert not told, f"call {n}: the answer tells {told}"


def main():
    chosen = arguments(__doc__.splitlines()[0])
    tally = Tally()
    for engine, cluster in engines():
        with Site(chosen.nestor, cluster) as site:
            faults = Faults(site.init())
            tally.run(f"{engine}: start", faults.start)
            for step in STEPS:
                tally.run(f"{engine}: {step[0]}", faults.step, step)
            print(f"{engine}: {faults.struck} faults struck requests")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
