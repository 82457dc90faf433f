"""Every administrative act writes its one row of the audit log, whichever way it comes: over HTTP,
by a verb, by a document. What changes nothing writes none. And what administrators may not do to
each other.

# rows: G167

Usage: audit_test.py --nestor PATH
"""
import getpass
import hashlib
import json
import os
import sys
import time

from support import PATIENCE, Site, Tally, arguments, build_for, engines

CATALOG = "/api/catalog/v1/"
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


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
            words = ["--reason", reason or ""] if is_on else []
            if by_verb:
                done(site, f"maintenance {'on' if is_on else 'off'}", *words)
            else:
                root.expect(200, "PUT", place, {"is_on": is_on, "reason": reason})
            if is_on and by_verb:  # who says no reason leaves that of a colleague
                done(site, "maintenance on")
            elif is_on:
                root.expect(200, "PUT", place, {"is_on": True})
            gauge, end = f"\nnestor_maintenance {int(is_on)}\n", time.monotonic() + PATIENCE
            while gauge not in root.expect(200, "GET", "/metrics").body.decode():
                assert time.monotonic() < end, gauge
                time.sleep(0.02)
            noted = site.run("doctor").stdout
            assert ("maintenance is on since" in noted) == is_on, noted
            state = json.loads(done(site, "maintenance status", "--json"))
            who = (getpass.getuser() if by_verb else "admin") if is_on else None
            assert (state["who"], state["reason"]) == (who, reason), state
        told.append([(r["act"], r["object"], r["before"], r["after"])
                     for r in audit(site)[seen:]])
    assert told[0] == told[1] == [
        ("maintenance.on", "maintenance", {"reason": None}, {"reason": "one"}),
        ("maintenance.on", "maintenance", {"reason": "one"}, {"reason": None}),
        ("maintenance.off", "maintenance", {"reason": None}, {"reason": None})], told


def nothing_is_ignored(site, server):
    """What is misspelt or means nothing is refused by name; what an answer showed is taken back."""
    root = server.client()
    done(site, "user add", "joe")
    before = site.dump()
    for face in ("/v2", "/guide"):
        admin = face + "/admin/"
        for method, path, body, name in (
                ("PATCH", admin + "users/joe/", {"is_staf": True}, "is_staf"),
                ("PATCH", admin + "users/joe/", {"is_staff": True, "password": "abc"}, "password"),
                ("POST", admin + "clients/", {"id": "c", "user": "joe", "secret": "s"}, "secret"),
                ("PUT", admin + "maintenance/", {"is_on": True, "reasn": "x"}, "reasn"),
                ("POST", admin + "purge/", {"older_than_days": 36500, "dry_run": True}, "dry_run"),
                ("GET", admin + "purge/?olderThanDays=", None, "olderThanDays"),
                ("GET", admin + "purge/?older_than_days=1", None, "older_than_days")):
            answer = root.expect(400, method, path, body)
            assert name in answer.body.decode(), f"{method} {path}: {answer}"
    assert site.dump() == before
    for place in ("/v2/admin/users/joe/", "/guide/admin/users/joe/"):
        shown = root.expect(200, "GET", place).json()
        assert root.expect(200, "PATCH", place, shown).json() == shown
    shown = root.expect(200, "GET", "/v2/admin/maintenance/").json()
    root.expect(200, "PUT", "/v2/admin/maintenance/", shown)
    p = site.run("audit", "--only", "nosuchact")
    assert p.returncode == 2 and "nosuchact" in p.stderr and "user.add" in p.stderr, p
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as f:
        page = f.read()
    for act in {r["act"] for r in audit(site)} | set(
            p.stderr.partition("they are ")[2].split("\n")[0].strip(". ").split("|")):
        assert f"`{act}`" in page, f"docs/operations.md does not tell of {act}"
        done(site, "audit", "--only", act)


# ---- Documents ----

def whoami(server, header):
    client = server.client("")
    return client.raw("GET", "/accounts/whoami/", None, header).status


def documents_write_rows(site, server):
    """What a document over HTTP does to accounts and clients is written as the verbs write it; what
    was opened before ends as it ends by them; and who sends it keeps their rights."""
    root = server.client()
    secret = "a secret of the client"

    def put(status, **document):
        seen = len(audit(site))
        answer = root.expect(status, "POST", CATALOG + "load/", document)
        return answer, [(r["act"], r["object"], r["before"], r["after"])
                        for r in audit(site)[seen:]]

    def flag(act, name, value):
        return (f"user.{act}", "/users/dee/", {name: not value}, {name: value})

    dee, client = {"username": "dee"}, {"client_id": "doc", "username": "dee",
                                        "client_secret": secret}
    new = ("user.add", "/users/dee/", None, {"username": "dee", "email": ""})
    walk = [
        ({"users": [{**dee, "is_staff": True, "is_superuser": True,
                     "password": "evil-evil-evil-evil-1"}]},
         [new, flag("staff", "is_staff", True), flag("superuser", "is_superuser", True)]),
        ({"users": [{**dee, "is_staff": False, "is_superuser": False}]},
         [flag("staff", "is_staff", False), flag("superuser", "is_superuser", False)]),
        ({"users": [{**dee, "email": "d@example.org"}]},
         [("user.change", "/users/dee/", {"email": ""}, {"email": "d@example.org"})]),
        ({"users": [{**dee, "email": "d@example.org", "is_active": True}]}, []),
        ({"users": [{**dee, "password": "correct horse battery"}]},
         [("user.password", "/users/dee/", None, None)]),
        ({"users": [{**dee, "token": "a bearer token of dee"}]},
         [("token.add", "/users/dee/", None, {"bearers": 1})]),
        ({"users": [{**dee, "tokens": []}]}, []),
        ({"oauth2_clients": [client]},
         [("client.add", "/clients/doc/", None, {"user": "dee", "is_restricted": False})]),
        ({"oauth2_clients": [client]}, []),
        ({"sessions": [{"username": "dee", "sessionid": "s" * 32, "csrftoken": "c" * 32}]},
         [("session.add", "/users/dee/", None, None)]),
    ]
    for document, rows in walk:
        assert put(200, **document)[1] == rows, document

    def fetched(given=secret):
        answer = server.client("").raw(
            "POST", "/oauth2/access_token", f"grant_type=client_credentials&client_id=doc&"
            f"client_secret={given}&token_type=jwt".replace(" ", "+").encode(),
            {"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status == 200, str(answer)
        return {"Authorization": "JWT " + answer.json()["access_token"]}

    token, other = fetched(), "another secret of it"
    assert whoami(server, token) == 200
    assert put(200, oauth2_clients=[{**client, "client_secret": other}])[1] == [
        ("client.rotate", "/clients/doc/", None, None)]
    assert whoami(server, token) == 401
    token = fetched(other)
    assert put(200, oauth2_clients=[{**client, "client_secret": other, "is_restricted": True}])[1] == [
        ("client.change", "/clients/doc/", {"user": "dee", "is_restricted": False},
         {"user": "dee", "is_restricted": True})]
    assert whoami(server, token) == 200
    assert put(200, oauth2_clients=[{"client_id": "doc", "username": "admin",
                                     "is_restricted": True}])[1] == [
        ("client.change", "/clients/doc/", {"user": "dee", "is_restricted": True},
         {"user": "admin", "is_restricted": True})]
    assert whoami(server, token) == 401, "it spoke for dee"
    put(200, oauth2_clients=[{**client, "client_secret": other}])
    put(200, users=[{**dee, "token": "a-bearer-token-of-dee"}])
    every = [fetched(other), {"Authorization": "Bearer a-bearer-token-of-dee"},
             {"Cookie": "sessionid=" + "s" * 32}]
    assert [whoami(server, header) for header in every] == [200] * 3
    assert put(200, users=[{**dee, "is_active": False}])[1] == [
        flag("enabled", "is_enabled", False)]
    assert [whoami(server, header) for header in every] == [401] * 3
    assert put(200, users=[{**dee, "is_active": True}])[1] == [flag("enabled", "is_enabled", True)]
    assert [whoami(server, header) for header in every] == [401] * 3
    put(200, sessions=[{"username": "dee", "sessionid": "s" * 32, "csrftoken": "c" * 32}])
    assert put(200, absent={"sessions": [{"sessionid": "s" * 32}]})[1] == [
        ("session.end", "/users/dee/", {"sessions": 1}, None)]
    seen = len(audit(site))
    root.expect(204, "DELETE", CATALOG + "oauth2_clients/doc/")
    root.expect(204, "DELETE", CATALOG + "users/dee/")
    rows = audit(site)[seen:]
    assert [(r["act"], r["object"], r["who"], r["via"]) for r in rows] == [
        ("client.remove", "/clients/doc/", "admin", "api"),
        ("user.remove", "/users/dee/", "admin", "api")]
    assert rows[0]["before"] == {"user": "dee", "is_restricted": True}, rows
    done(site, "user add", "second", "--superuser")
    for change in ({"is_superuser": False}, {"is_active": False}, {"is_staff": False}):
        answer, rows = put(400, users=[{"username": "admin", **change}])
        assert b"nobody takes this away" in answer.body and not rows, str(answer)
    answer, rows = put(400, absent={"users": [{"username": "admin"}]})
    assert b"nobody removes themselves" in answer.body and not rows, str(answer)
    assert secret not in json.dumps(audit(site)) and other not in json.dumps(audit(site))
    done(site, "user remove", "second")


def loads_write_one_row(site, _server):
    text = json.dumps({"users": [{"username": "lou", "is_staff": True}, {"username": "liz"}]})
    place = site.write("document.json", text)
    rows = []
    for words in (["--dry-run"], [], []):
        seen = len(audit(site))
        done(site, "load", *words, place)
        rows.append(audit(site)[seen:])
    assert [len(r) for r in rows] == [0, 1, 0], rows
    row = rows[1][0]
    assert (row["act"], row["object"], row["via"]) == (
        "document.load", "sha256:" + hashlib.sha256(text.encode()).hexdigest(), "command line"), row
    assert row["after"] == {"users": {"made": 2, "changed": 0, "unchanged": 0, "removed": 0}}, row


# ---- Requests of staff on what is others' ----

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def acts_on_others(_site):
    """(method, path, body, the row: act and object); in this order. None: no administrative act."""
    yield "POST", "/v2/users/", {"username": "una", "name": "Una", "email": "u@example.org"}, \
        ("user.add", "/users/una/")
    yield "PUT", "/v2/users/una/", {"company": "Una & Co"}, ("user.change", "/users/una/")
    yield "PUT", "/v2/users/una/", {"company": "Una & Co"}, None
    yield "PUT", "/v2/users/una/", {"name": "Una U", "extras": {"a": 1}}, \
        ("user.change", "/users/una/")
    yield "PUT", "/v2/users/una/extras/a/", {"a": 2}, ("user.change", "/users/una/")
    yield "PATCH", "/v2/users/una/", {"password": "correct horse battery"}, \
        ("user.password", "/users/una/")
    yield "PATCH", "/v2/users/una/", {"auth_groups": ["graphql_api"]}, \
        ("user.change", "/users/una/")
    yield "PATCH", "/v2/users/sid/", {"auth_groups": ["graphql_api"]}, \
        ("user.change", "/users/sid/")
    yield "PATCH", "/v2/users/sid/", {"auth_groups": ["graphql_api"]}, None
    yield "PATCH", "/v2/users/sid/", {"auth_groups": []}, None
    yield "PATCH", "/v2/users/sid/", {"company": "own"}, None
    yield "POST", "/v2/users/una/logo/", {"base64": PICTURE}, ("user.logo", "/users/una/logo/")
    yield "POST", "/v2/users/sid/logo/", {"base64": PICTURE}, None
    yield "POST", "/v2/users/una/sources/", {"id": "S", "name": "S"}, \
        ("source.add", "/users/una/sources/S/")
    yield "POST", "/v2/users/sid/sources/", {"id": "S", "name": "S"}, None
    yield "DELETE", "/v2/user/sources/S/", None, ("source.remove", "/users/sid/sources/S/")
    yield "DELETE", "/v2/users/una/sources/S/", None, ("source.remove", "/users/una/sources/S/")
    yield "PUT", "/v2/orgs/Theirs/members/una/", None, ("member.add", "/orgs/Theirs/members/una/")
    yield "PUT", "/v2/orgs/Theirs/members/una/", None, None
    yield "DELETE", "/guide/orgs/Theirs/members/una/", None, \
        ("member.remove", "/orgs/Theirs/members/una/")
    yield "DELETE", "/v2/orgs/Theirs/members/una/", None, None
    yield "POST", "/v2/orgs/Theirs/logo/", {"base64": PICTURE}, \
        ("organization.logo", "/orgs/Theirs/logo/")
    yield "POST", "/v2/orgs/", {"id": "Own", "name": "Own"}, None
    yield "PUT", "/v2/orgs/Own/members/una/", None, None
    yield "POST", "/v2/orgs/Own/sources/", {"id": "S", "name": "S"}, None
    yield "DELETE", "/v2/orgs/Own/members/una/", None, None
    yield "DELETE", "/v2/orgs/Own/sources/S/", None, ("source.remove", "/orgs/Own/sources/S/")
    yield "DELETE", "/v2/orgs/Own/sources/S/", None, None
    yield "DELETE", "/v2/user/sources/S/?hardDelete=true", None, \
        ("content.erase", "/users/sid/sources/S/")
    yield "DELETE", "/v2/orgs/Own/", None, ("organization.remove", "/orgs/Own/")
    yield "DELETE", "/v2/orgs/Theirs/", None, ("organization.remove", "/orgs/Theirs/")
    yield "DELETE", "/v2/orgs/Theirs/?hardDelete=true", None, ("content.erase", "/orgs/Theirs/")
    yield "POST", "/v2/feedback/", {"description": "Thanks"}, None
    yield "DELETE", "/v2/admin/feedback/1/", None, ("feedback.remove", "/admin/feedback/1/")
    yield "GET", "/guide/admin/tokens/una/", None, ("token.read", "/users/una/")
    yield "GET", "/v2/admin/users/una/", None, None
    yield "GET", "/v2/admin/users/una/sessions/", None, None
    yield "DELETE", "/v2/admin/users/una/sessions/", None, ("session.end", "/users/una/")
    yield "DELETE", "/v2/admin/users/una/token/", None, ("token.renew", "/users/una/")
    yield "DELETE", "/v2/users/una/", None, ("user.remove", "/users/una/")
    yield "PUT", "/v2/users/una/reactivate/", None, ("user.reactivate", "/users/una/")
    yield "DELETE", "/v2/users/una/?hardDelete=true", None, ("user.erase", "/users/una/")


def staff_writes_rows(site, server):
    """One row for each act on what is others', none for what is one's own or changes nothing; but
    who deleted a source or an organisation is asked of everybody."""
    done(site, "user add", "sid", "--staff")
    staff = client_of(site, server, "sid")
    server.client().expect(201, "POST", "/v2/orgs/", {"id": "Theirs", "name": "Theirs"})
    seen = len(audit(site))
    for method, path, body, row in acts_on_others(site):
        answer = staff.ask(method, path, body)
        assert answer.status in (200, 201, 204) or (answer.status == 404 and row is None), \
            f"{method} {path}: {answer}"
        rows = audit(site)[seen:]
        seen += len(rows)
        assert [(r["act"], r["object"]) for r in rows] == ([row] if row else []), \
            f"{method} {path} {body}: {rows}"
        assert all((r["who"], r["via"], r["address"]) == ("sid", "api", "127.0.0.1")
                   for r in rows), rows


def repairs_write_a_row(site, _server):
    """`nestor verify --repair` that repaired something; not one that had nothing to repair."""
    def rows_of(*words):
        seen = len(audit(site))
        done(site, "verify", "--quiet", *words)
        return [r["act"] for r in audit(site)[seen:]]

    assert rows_of("--repair") == []
    done(site, "import", "--user", "admin", site.write("lines.jsonl", "".join(
        json.dumps(line) + "\n" for line in (
            {"type": "Organization", "id": "ORG", "name": "O"},
            {"type": "Source", "owner": "ORG", "id": "SRC", "name": "S"},
            {"type": "Concept", "owner": "ORG", "source": "SRC", "id": "C", "concept_class": "Misc",
             "names": [{"name": "n", "locale": "en"}]}))))
    site.execute("UPDATE repo SET active_concepts = active_concepts + 7 WHERE mnemonic = 'SRC'")
    assert site.run("verify", "--quiet").returncode == 1, "the damage is seen"
    assert rows_of("--repair") == ["integrity.repair"]
    assert rows_of("--repair") == []


# ---- All of it ----

def run(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site:
        site.init()
        with site.serve() as server:
            for case in (superusers_are_beyond, own_rights_stay, texts_are_text,
                         closed_accounts_are_erased, maintenance_is_told_alike, documents_write_rows,
                         loads_write_one_row, staff_writes_rows, repairs_write_a_row,
                         nothing_is_ignored):
                tally.run(f"{engine}: {case.__name__}", case, site, server)
        site.verify()


def main():
    options = arguments(__doc__.splitlines()[0], plain="")
    tally = Tally()
    for engine, cluster in engines():
        tally.run(f"{engine}: what is stored is as it should be", run, tally,
                  build_for(options, cluster), engine, cluster)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
