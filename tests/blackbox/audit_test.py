"""Every administrative act writes its one row of the audit log, whichever way it comes: over HTTP,
by a verb, by a document. What changes nothing writes none. And what administrators may not do to
each other.

# rows: G167

Usage: audit_test.py --nestor PATH
"""
import getpass
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


def texts_are_text(site, server):
    """What a verb stores is UTF-8 without control characters, or it is said which option is not."""
    root = server.client()
    done(site, "user add", "tom")
    before = site.dump()
    foul = ("\udcff\udcfe", "\x1b[2J", "a\tb", "\x7f", "a\x9bb")
    for text in foul:
        for verb, *words in (("token create", "--user", "tom", "--name", text),
                             ("token create", "--name", "x", "--user", text),
                             ("user add", "tim", "--name", text),
                             ("user add", "tim", "--email", text),
                             ("maintenance on", "--reason", text),
                             ("client add", "c", "--user", text),
                             ("user disable", text), ("user add", text), ("client add", text,
                                                                           "--user", "tom")):
            p = site.run(verb, *words)
            option = words[words.index(text) - 1] if len(words) > 1 else "name"
            told = option if option.startswith("--") else ""
            assert p.returncode == 2 and told in p.stderr, (verb, words, p)
            assert "characters" in p.stderr and text not in p.stderr, (verb, words, p.stderr)
    for name in ("", " ", "x" * 256, "x" * 70000):
        p = site.run("token create", "--user", "tom", "--name", name)
        assert p.returncode == 2 and "--name" in p.stderr and "255" in p.stderr, (name[:9], p)
    p = site.run("maintenance on", "--reason", "x" * 501)
    assert p.returncode == 2 and "500" in p.stderr, p
    assert site.dump() == before
    for name in ("x" * 255, "Ä \U0001f600", '"quoted\\"'):
        done(site, "token create", "--user", "tom", "--name", name)
        assert audit(site)[-1]["after"] == {"name": name}
    named = root.expect(200, "GET", "/guide/admin/tokens/tom/named/").json()
    assert len(named) == 3, named
    done(site, "user remove", "tom")


def closed_accounts_are_erased(site, _server):
    done(site, "user add", "cleo")
    done(site, "user remove", "cleo")
    p = site.run("user remove", "cleo")
    assert p.returncode == 1 and "cleo" in p.stderr, p
    done(site, "user remove", "cleo", "--erase")
    assert site.query("SELECT * FROM account WHERE username = 'cleo'") == []
    p = site.run("user remove", "cleo", "--erase")
    assert p.returncode == 1 and "no user" in p.stderr, p


def maintenance_is_told_alike(site, server):
    """By verb and by request the log says the same, and nothing where nothing changes."""
    root, place = server.client(), "/v2/admin/maintenance/"
    told = []
    for by_verb in (True, False):
        seen = len(audit(site))
        for is_on, reason in ((False, None), (True, "one"), (True, "one"), (True, None),
                              (False, None), (False, None)):
            words = ["--reason", reason] if reason else []
            if by_verb:
                done(site, f"maintenance {'on' if is_on else 'off'}", *words)
            else:
                root.expect(200, "PUT", place, {"is_on": is_on, "reason": reason})
            state = json.loads(done(site, "maintenance status", "--json"))
            who = (getpass.getuser() if by_verb else "admin") if is_on else None
            assert (state["who"], state["reason"]) == (who, reason), state
        told.append([(r["act"], r["object"], r["before"], r["after"])
                     for r in audit(site)[seen:]])
    assert told[0] == told[1] == [
        ("maintenance.on", "maintenance", {"reason": None}, {"reason": "one"}),
        ("maintenance.on", "maintenance", {"reason": "one"}, {"reason": None}),
        ("maintenance.off", "maintenance", {"reason": None}, {"reason": None})], told


# ---- All of it ----

def run(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site:
        site.init()
        with site.serve() as server:
            for case in (superusers_are_beyond, own_rights_stay, texts_are_text,
                         closed_accounts_are_erased, maintenance_is_told_alike):
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
