"""Every administrative act writes its one row of the audit log, whichever way it comes: over HTTP,
by a verb, by a document. What changes nothing writes none. And what administrators may not do to
each other.

# rows: G167

Usage: audit_test.py --nestor PATH
"""
import json
import sys

from support import Site, Tally, arguments, engines

CATALOG = "/api/catalog/v1/"


def done(site, verb, *words):
    p = site.run(verb, *words)
    assert p.returncode == 0, f"`nestor {verb}`: {p.stdout}{p.stderr}"
    return p.stdout.strip()


def audit(site):
    return [json.loads(line) for line in done(site, "audit", "--json").splitlines()]


def client_of(site, server, user):
    return server.client(done(site, "token show", "--user", user))


# ---- Who may what ----

def superusers_are_beyond(site, server):
    """Staff changes, removes and brings back nobody who is a superuser."""
    done(site, "user add", "sue", "--superuser")
    done(site, "user add", "sam", "--staff")
    root, staff, own = server.client(), client_of(site, server, "sam"), \
        client_of(site, server, "sue")
    before = site.query("SELECT * FROM account WHERE username = 'sue'")
    for face in ("/v2", "/guide"):
        place = face + "/users/sue/"
        for method, path, body in (("PUT", place, {"email": "evil@example.org"}),
                                   ("PUT", place, {"username": "sue2"}),
                                   ("POST", place, {"name": "x"}),
                                   ("DELETE", place, None),
                                   ("DELETE", place + "?hardDelete=true", None)):
            staff.expect(403, method, path, body)
    for method, path, body in (("PATCH", "/v2/users/sue/", {"password": "correct horse battery"}),
                               ("PUT", "/v2/users/sue/extras/x/", {"x": 1}),
                               ("POST", "/v2/users/sue/logo/", {"base64": None}),
                               ("PUT", "/v2/users/sue/staff/", None)):
        staff.expect(403, method, path, body)
    assert site.query("SELECT * FROM account WHERE username = 'sue'") == before
    own.expect(200, "PUT", "/v2/users/sue/", {"company": "Sue & Co"})
    root.expect(204, "DELETE", "/v2/users/sue/")
    staff.expect(403, "PUT", "/v2/users/sue/reactivate/")
    staff.expect(403, "DELETE", "/v2/users/sue/?hardDelete=true")
    root.expect(204, "PUT", "/v2/users/sue/reactivate/")
    root.expect(200, "PUT", "/v2/users/sue/", {"username": "susan"})
    root.expect(204, "DELETE", "/v2/users/susan/?hardDelete=true")


def own_rights_stay(site, server):
    """Nobody takes rights away from themselves, and what is told of a flag is what it was."""
    root = server.client()
    done(site, "user grant admin --staff")
    for method, path, body in (("PATCH", "/v2/admin/users/admin/", {"is_superuser": False}),
                               ("PATCH", "/v2/admin/users/admin/", {"is_enabled": False}),
                               ("PUT", "/v2/users/admin/staff/", None)):
        root.expect(409, method, path, body)
    done(site, "user add", "olga")
    seen = len(audit(site))
    for _ in range(3):
        root.expect(204, "PUT", "/v2/users/olga/staff/")
    rows = audit(site)[seen:]
    assert [(r["before"], r["after"]) for r in rows] == [
        ({"is_staff": n % 2 == 1}, {"is_staff": n % 2 == 0}) for n in range(3)], rows


# ---- All of it ----

def run(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site:
        site.init()
        with site.serve() as server:
            for case in (superusers_are_beyond, own_rights_stay):
                tally.run(f"{engine}: {case.__name__}", case, site, server)
        site.verify()


def main():
    options = arguments(__doc__.splitlines()[0])
    tally = Tally()
    for engine, cluster in engines():
        tally.run(f"{engine}: what is stored is as it should be", run, tally, options.nestor,
                  engine, cluster)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
