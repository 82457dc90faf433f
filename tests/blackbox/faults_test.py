"""The n-th call of the database fails, for every n that a request can reach: the
request answers 5xx with JSON, leaves no half write, the server goes on, and the
same request succeeds when it is repeated.

Usage: faults_test.py --nestor PATH
# Takes long

Each step of the script starts from a copy of the database as the steps before it
left it. NESTOR_FAIL_DB_CALL counts from the start of the process; n grows until
the step's request passes without the log saying that the fault struck.
"""
import shutil
import sys

from support import REPORTS, DatabaseCopy, Site, Tally, arguments, engines

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


class Copies:
    """Copies of the site's database, to be broken and thrown away."""

    def __init__(self, site, cluster):
        self.site, self.cluster = site, cluster
        self.kept = {}    # folder -> Database

    def copy(self, of, name):
        """`of` is what an earlier copy returned, or None for the site's own."""
        place = {"data": self.site.path(name), "database": None}
        shutil.copytree(of["data"] if of else self.site.data, place["data"])
        if self.cluster:
            original = self.kept[of["data"]] if of else self.site.database
            fresh = self.kept[place["data"]] = DatabaseCopy(self.cluster, original)
            place["database"] = fresh.url
        return place

    def drop(self, place):
        if place is None:
            return
        shutil.rmtree(place["data"], ignore_errors=True)
        if place["data"] in self.kept:
            self.kept.pop(place["data"]).drop()

    def drop_all(self):
        while self.kept:
            self.kept.popitem()[1].drop()


class Faults:
    def __init__(self, site, cluster):
        self.site = site
        self.copies = Copies(site, cluster)
        self.place = None   # the database after the steps done so far
        self.first = 1      # the first n that comes after the start
        self.struck = 0

    def serve(self, place, n):
        return self.site.serve("--set", "http.loops=1", "--set", "db.pool=1",
                               env={"NESTOR_FAIL_DB_CALL": str(n)}, **place)

    def start(self):
        """A fault before the server listens ends it with status 1 and harms nothing."""
        place = self.copies.copy(None, "start")
        before = self.site.dump(**place)
        for n in range(1, NEVER):
            server = self.serve(place, n)
            is_up, status, log = server.is_up(), server.end(), server.text()
            assert not any(r in log for r in REPORTS), log[-3000:]
            if is_up and STRUCK not in log:
                break
            assert STRUCK in log, f"call {n}: no start and no fault: {log[-1000:]}"
            assert is_up or status == 1, f"call {n}: ended with {status}: {log[-1000:]}"
            assert self.site.dump(**place) == before, f"call {n}: the start changed the data"
            self.first = n + 1
        self.copies.drop(place)
        assert self.first > 1, "no fault struck while starting"

    def step(self, number, step):
        """Fail each call of one request in turn, then go on from where it succeeded."""
        hits = 0
        before = self.site.dump(**(self.place or {}))
        for n in range(self.first, NEVER):
            place = self.copies.copy(self.place, f"data{number}.{n}")
            struck = self.attempt(place, n, step, before)
            if not struck and hits > 0:
                self.copies.drop(self.place)
                self.place = place
                self.struck += hits
                return
            self.copies.drop(place)
            hits += struck
        raise AssertionError("the fault never ceased" if hits else "no fault struck")

    def attempt(self, place, n, step, before):
        """True when the n-th call belonged to this request. Raises when it was not
        borne as it should be."""
        _, status, method, path, body = step
        with self.serve(place, n) as server:
            if STRUCK in server.text():
                return False
            client = server.client()
            answer = client.ask(method, path, body)
            server.wait_for(answer.headers["X-Request-Id"])
            struck = STRUCK in server.text()
            if struck:
                check_failure(n, answer)
                after = self.site.dump(**place)
                halves = [t for t, rows in before.items() if rows != after[t]]
                assert not halves, f"call {n}: {answer}, but these tables changed: {halves}"
                answer = client.ask(method, path, body)
            assert answer.status == status, \
                f"call {n}{', repeated' if struck else ''}: {answer}, not {status}"
            client.expect(200, "GET", "/healthz")
            client.close()
        return struck


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
            faults = Faults(site.init(), cluster)
            try:
                tally.run(f"{engine}: start", faults.start)
                for number, step in enumerate(STEPS):
                    tally.run(f"{engine}: {step[0]}", faults.step, number, step)
            finally:
                faults.copies.drop_all()
            print(f"{engine}: {faults.struck} faults struck requests")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
