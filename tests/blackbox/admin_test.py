"""Administration as operators meet it: maintenance that is switched while requests and tasks run,
and the audit log, which nobody edits and without which nothing is done.

# rows: G168 G167

Usage: admin_test.py --nestor PATH
"""
import getpass
import base64
import glob
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time

from support import PATIENCE, Client, Site, Tally, arguments, build_for, engines

SHUT = b'{"detail":"The service is in maintenance mode."}'
MAINTENANCE = "/v2/admin/maintenance/"
CONCEPTS = 3000


def done(site, verb, *words):
    p = site.run(verb, *words)
    assert p.returncode == 0, f"`nestor {verb}`: {p.stdout}{p.stderr}"
    return p.stdout


def audit(site, *words):
    return [json.loads(line) for line in done(site, "audit", "--json", *words).splitlines()]


def until(what, holds):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


def is_shut(client):
    a = client.ask("GET", "/v2/orgs/")
    assert a.status in (200, 503), str(a)
    assert a.status == 200 or (a.body == SHUT and a.headers["Retry-After"] == "30"), str(a)
    return a.status == 503


# ---- Maintenance ----

def by_verb(site, server, second):
    clients = [server.client(), second.client()]
    done(site, "maintenance on", "--reason", "new disk")
    since = time.monotonic()
    for client in clients:
        until("shut", lambda c=client: is_shut(c))
    assert time.monotonic() - since < 5, "servers see it within a second or so"
    state = json.loads(done(site, "maintenance status", "--json"))
    assert state["is_on"] and state["reason"] == "new disk", state
    for path, status in (("/healthz", 200), ("/readyz", 200), (MAINTENANCE, 200)):
        clients[0].expect(status, "GET", path)
    done(site, "maintenance off")
    for client in clients:
        until("open", lambda c=client: not is_shut(c))
    assert "off" in done(site, "maintenance status")


def by_request(server, second):
    here, there = server.client(), second.client()
    here.expect(200, "PUT", MAINTENANCE, {"is_on": True})
    assert is_shut(here), "the server that was told knows at once"
    until("shut elsewhere", lambda: is_shut(there))
    there.expect(200, "PUT", MAINTENANCE, {"is_on": False})
    assert not is_shut(there)
    until("open elsewhere", lambda: not is_shut(here))


def survives(site):
    done(site, "maintenance on")
    with site.serve() as server:
        assert is_shut(server.client()), "from the first request on"
    done(site, "maintenance off")


class Writer(threading.Thread):
    """Makes organisations until it is told to stop; knows which were acknowledged."""

    def __init__(self, server, name):
        super().__init__()
        self.client, self.name_, self.made, self.refused = server.client(), name, [], 0
        self.fault, self.is_over = None, False

    def run(self):
        try:
            for n in range(1000000):
                if self.is_over:
                    return
                self.write(f"{self.name_}{n}")
        except Exception as e:  # pylint: disable=broad-except
            self.fault = e

    def write(self, name):
        a = self.client.ask("POST", "/v2/orgs/", {"id": name, "name": name})
        assert a.status == 201 or (a.status == 503 and a.body == SHUT), str(a)
        if a.status == 201:
            self.made.append(name)
        else:
            self.refused += 1


def loses_nothing(server):
    writers, admin = [Writer(server, f"W{i}x") for i in range(3)], server.client()
    for w in writers:
        w.start()
    for turn in range(4):
        before = [(len(w.made), w.refused) for w in writers]
        until("writes", lambda b=before: all(len(w.made) > n for w, (n, _) in zip(writers, b)))
        admin.expect(200, "PUT", MAINTENANCE, {"is_on": True, "reason": f"turn {turn}"})
        until("refusals", lambda b=before: all(w.refused > n for w, (_, n) in zip(writers, b)))
        admin.expect(200, "PUT", MAINTENANCE, {"is_on": False})
    for w in writers:
        w.is_over = True
        w.join(PATIENCE)
        assert w.fault is None, w.fault
    for name in [name for w in writers for name in w.made]:
        admin.expect(200, "GET", f"/v2/orgs/{name}/")


def lines():
    rows = [{"type": "Organization", "id": "WHO", "name": "W"},
            {"type": "Source", "owner": "WHO", "id": "S", "name": "S"}]
    rows += [{"type": "Concept", "owner": "WHO", "source": "S", "id": f"C{n}",
              "concept_class": "Misc", "names": [{"name": f"n{n}", "locale": "en"}]}
             for n in range(CONCEPTS)]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def tasks_wait(site, server):
    client = server.client()
    key = client.raw("POST", "/v2/importers/bulk-import/", lines(),
                     {"Authorization": f"Token {client.token}"}).json()["id"]

    def row():
        return site.query(f"SELECT state, done, lease_until FROM task WHERE key = '{key}'")[0]
    until("begun", lambda: int(row()[1]) > 0)
    client.expect(200, "PUT", MAINTENANCE, {"is_on": True})
    until("left", lambda: row()[2] == "0")
    state, was, _ = row()
    assert state == "STARTED" and int(was) < CONCEPTS, row()
    end = time.monotonic() + 1.5  # longer than idle workers look away
    while time.monotonic() < end:
        assert row() == (state, was, "0"), f"a step in maintenance: {row()}, not {was}"
        time.sleep(0.1)
    client.expect(200, "PUT", MAINTENANCE, {"is_on": False})
    until("over", lambda: row()[0] == "SUCCESS")
    assert len(site.query("SELECT id FROM concept_version")) == CONCEPTS
    assert [a["act"] for a in audit(site, "--only", "task.cancel")] == []


def tasks_by_verb(site):
    """`nestor task` beside a server that leaves them waiting, and without one."""
    with site.serve("--set", "tasks.slots=0") as server:
        client = server.client()
        keys = [client.raw("POST", "/v2/importers/bulk-import/", lines() + b"\n" * i,
                           {"Authorization": f"Token {client.token}"}).json()["id"]
                for i in range(2)]
        listed = done(site, "task list").splitlines()
        assert [line.split("\t")[1:5] for line in listed] == [
            [key, "bulk_import", "PENDING", "admin"] for key in keys], listed
        uuid = keys[0][:36]
        said = done(site, "task cancel", uuid)
        assert keys[0] in said, said
        assert client.expect(200, "GET", f"/v2/tasks/{keys[0]}/").json()["state"] == "REVOKED"
    assert [t["id"] for t in map(json.loads, done(site, "task list", "--json").splitlines())] == \
        [keys[1]]
    assert json.loads(done(site, "task list --all --user admin --json").splitlines()[-2])["id"] == \
        keys[0]
    assert done(site, "task list --all --user nobody") == ""
    shown = json.loads(done(site, "task show", uuid, "--json"))
    assert shown["state"] == "REVOKED" and shown["finished_at"] is not None, shown
    assert f'id: "{keys[0]}"\n' in done(site, "task show", keys[0])
    for verb, told in (("task cancel " + uuid, "over already"), ("task show nobody", '"nobody"'),
                       ("task cancel nobody", '"nobody"')):
        p = site.run(verb)
        assert p.returncode == 1 and told in p.stderr, (verb, p)
    for words in ("task show", "task list " + uuid, "task show --all " + uuid, "task cancel " + uuid +
                  " --json", "task cancel --user admin " + uuid, "client list some",
                  "client rotate some --user admin", "client remove some --restricted"):
        assert site.run(words).returncode == 2, words
    done(site, "task cancel", keys[1])
    assert [a["object"] for a in audit(site, "--only", "task.cancel")] == [
        f"/tasks/{key}/" for key in keys]


# ---- The audit log ----

def verbs_write(site):
    done(site, "user add ada", "--staff")
    done(site, "token show", "--user", "ada")
    secret = done(site, "token create", "--user", "ada", "--name", "nightly").strip()
    done(site, "token end", "--user", "ada", "--name", "nightly")
    key = done(site, "token renew", "--user", "ada").strip()
    password = site.write("password", "correct horse battery")
    done(site, "user password ada", "--password-file", password)
    done(site, "user disable ada")
    done(site, "user disable ada")  # which it is
    done(site, "user enable ada")
    done(site, "user grant ada", "--superuser")
    done(site, "user revoke ada", "--superuser", "--staff")
    assert done(site, "user sessions ada") == ""
    done(site, "user sign-out ada")
    link = done(site, "user link ada").strip()
    client = done(site, "client add registrar", "--user", "ada").strip()
    assert done(site, "client list") == "registrar\tada\tunrestricted\n"
    rotated = done(site, "client rotate registrar").strip()
    assert rotated != client
    done(site, "client remove registrar")
    done(site, "user remove ada")
    rows = audit(site)
    acts = [row["act"] for row in rows if row["object"] in ("/users/ada/", "/clients/registrar/")]
    assert acts == ["user.add", "user.staff", "token.read", "token.add", "token.end",
                    "token.renew", "user.password", "user.enabled", "user.enabled",
                    "user.superuser", "user.staff", "user.superuser", "session.end", "user.link",
                    "client.add", "client.rotate", "client.remove", "user.remove"], acts
    assert {(r["who"], r["via"], r["address"]) for r in rows} == {
        (getpass.getuser(), "command line", None)}, rows
    off = [r for r in rows if r["act"] == "user.enabled"]
    assert [(r["before"], r["after"]) for r in off] == [
        ({"is_enabled": True}, {"is_enabled": False}),
        ({"is_enabled": False}, {"is_enabled": True})], off
    whole = json.dumps(rows)
    for what in (secret, key, client, rotated, link.rpartition("=")[2], "correct horse"):
        assert what not in whole, f"a secret in the log: {what}"


def filters(site):
    assert {r["act"] for r in audit(site, "--only", "user.link")} == {"user.link"}
    assert audit(site, "--user", "nobody") == []
    assert audit(site, "--since", "2999-01-01") == []
    p = site.run("audit", "--since", "yesterday")
    assert p.returncode == 2 and "--since" in p.stderr, p.stderr
    assert len(done(site, "audit").splitlines()) == len(audit(site))


def last_superuser(site):
    for verb in ("user disable admin", "user revoke admin --superuser", "user remove admin"):
        p = site.run(verb)
        assert p.returncode == 1 and "superuser" in p.stderr, f"{verb}: {p.stderr}"
    p = site.run("user grant admin")
    assert p.returncode == 2 and "--staff or --superuser" in p.stderr, p.stderr
    p = site.run("user disable nobody")
    assert p.returncode == 1 and "nobody" in p.stderr, p.stderr
    assert site.query("SELECT count(*) FROM account WHERE is_superuser AND is_enabled "
                      "AND is_active") == [("1",)]


def nobody_edits(site):
    before = audit(site)
    statements = ["UPDATE audit SET who = 'nobody'", "DELETE FROM audit",
                  "DELETE FROM audit WHERE id = 1"]
    for statement in statements + (["TRUNCATE audit"] if site.database else []):
        try:
            site.execute(statement)
        except Exception as e:  # pylint: disable=broad-except
            text = str(e) + str(getattr(e, "stderr", b"") or b"")
            assert "never changed" in text, text
        else:
            raise AssertionError(f"{statement} was taken")
    assert audit(site) == before


def nothing_without_a_row(site, server):
    """A log that cannot be written: then the act does not happen."""
    admin = server.client()
    done(site, "user add bob")
    site.execute("ALTER TABLE audit RENAME TO audit_away")
    try:
        for method, path, body in (("PATCH", "/v2/admin/users/bob/", {"is_staff": True}),
                                   ("GET", "/guide/admin/tokens/bob/", None),
                                   ("GET", "/guide/admin/tokens/", None),
                                   ("POST", "/v2/admin/clients/", {"id": "c", "user": "bob"}),
                                   ("PUT", MAINTENANCE, {"is_on": True}),
                                   ("DELETE", "/v2/users/bob/", None)):
            a = admin.ask(method, path, body)
            assert a.status in (500, 503), f"{method} {path}: {a}"
            assert b'"key"' not in a.body and b'"secret"' not in a.body, str(a)
        for verb in ("maintenance on", "user remove bob", "user disable bob",
                     "user add eve", "client add c --user bob", "token show --user bob"):
            p = site.run(verb)
            assert p.returncode == 1 and p.stdout == "", f"{verb}: {p.stdout}{p.stderr}"
    finally:
        site.execute("ALTER TABLE audit_away RENAME TO audit")
    assert not is_shut(Client(server.port, server.token))
    assert json.loads(done(site, "maintenance status", "--json"))["is_on"] is False
    assert site.query("SELECT username FROM account WHERE is_active AND is_enabled "
                      "AND NOT is_staff AND username = 'bob'") == [("bob",)]
    assert site.query("SELECT * FROM oauth_client") == []


# ---- Purging ----

def content(owner, source, kind="Organization", count=3):
    of = {"owner": owner, "owner_type": kind}
    yield {"type": "Source", "id": source, "name": source, **of}
    for n in range(count):
        yield {"type": "Concept", **of, "source": source, "id": f"C{n}", "concept_class": "Misc",
               "names": [{"name": f"n{n}", "locale": "en"}]}
        yield {"type": "Mapping", **of, "source": source, "id": f"M{n}", "map_type": "SAME-AS",
               "from_concept_url": f"/{'orgs' if kind == 'Organization' else 'users'}/{owner}"
                                   f"/sources/{source}/concepts/C{n}/",
               "to_concept_url": "/orgs/Stays/sources/S/concepts/C0/"}
    yield {"type": "Source Version", **of, "source": source, "id": "v1", "description": "one",
           "released": True}


def fill(site, server):
    """An organisation that stays; two and a user that go, with more content than one step takes."""
    client = server.client()
    for org in ("Stays", "Goes", "Went"):
        client.expect(201, "POST", "/v2/orgs/", {"id": org, "name": org})
    done(site, "user add gina")
    for some in (content("Stays", "S"), content("Stays", "Former"),
                 content("Goes", "Large", count=1100), content("gina", "Own", "User")):
        some = list(some)
        for at in range(0, len(some), 500):
            answer = client.expect(200, "POST", "/guide/importers/lines/",
                                   {"lines": some[at:at + 500]}).json()
            assert not [r for r in answer["results"] if r["outcome"] == "refused"], answer
    client.expect(204, "DELETE", "/v2/orgs/Stays/sources/Former/")
    for place in ("/v2/orgs/Goes/", "/v2/orgs/Went/", "/v2/users/gina/"):
        client.expect(204, "DELETE", place)


def export_of(server):
    client, place = server.client(), "/v2/orgs/Stays/sources/S/v1/export/"
    answers = []

    def is_there():
        answers.append(client.ask("GET", place))
        if answers[-1].status == 204:
            client.ask("POST", place)
        return answers[-1].status == 200
    until("an export", is_there)
    return answers[-1].body


def purges(site, server):
    fill(site, server)
    before = export_of(server)
    whole = site.dump()
    for words in (("--older-than", "1d"), ("--older-than", "0d")):
        counts = json.loads(done(site, "purge", "--dry-run", "--json", *words))
    after = site.dump()
    changed = [t for t in whole if after[t] != whole[t] and t != "task"]  # which ends meanwhile
    assert not changed, f"a dry run changes {changed}"
    assert counts == {"sources": 3, "organizations": 2, "users": 2, "concept_versions": 1106,
                      "mapping_versions": 1106}, counts
    rows = [r.split("\t") for r in done(site, "purge", "--dry-run", "--older-than", "0d").splitlines()]
    named, sums = rows[:-5], rows[-5:]
    assert dict(sums) == {k: str(n) for k, n in counts.items()}, sums
    assert len(named) == 7 and ["/users/ada/", "/users/gina/"] == [r[0] for r in named[-2:]], named
    assert all(r[0].startswith(("/orgs/", "/users/")) and r[1].endswith("Z") for r in named), named
    users = json.loads(done(site, "purge", "--json", "--older-than", "0d", "--kind", "users"))
    assert users == {"sources": 1, "organizations": 0, "users": 2, "concept_versions": 3,
                     "mapping_versions": 3}, users
    rest = json.loads(done(site, "purge", "--json", "--older-than", "0d"))
    assert rest == {what: counts[what] - users[what] for what in counts}, rest
    site.verify()
    assert site.query("SELECT mnemonic FROM org WHERE mnemonic IN ('Stays', 'Goes', 'Went')") == [
        ("Stays",)]
    assert site.query("SELECT count(*) FROM concept_version c LEFT JOIN repo ON repo.id = c.repo_id "
                      "WHERE repo.id IS NULL OR NOT repo.is_active") == [("0",)]
    assert export_of(server) == before
    assert [r["object"] for r in audit(site, "--only", "user.purge")] == [
        "/users/ada/", "/users/gina/"]


def purge_is_cut(site, server):
    """Killed at any time it leaves no damage, nothing of the source can be seen, and the same
    command goes on; the exports of what is gone are gone."""
    client = server.client()
    client.expect(201, "POST", "/v2/orgs/WHO/sources/S/versions/", {"id": "v1", "released": True})
    until("an export", lambda: client.ask("GET", "/v2/orgs/WHO/sources/S/v1/export/").status == 200)
    exports = os.path.join(site.data, "tasks", "export*")
    before = len(glob.glob(exports))
    client.expect(204, "DELETE", "/v2/orgs/WHO/sources/S/")
    assert before > 0 and len(site.query("SELECT id FROM concept_version")) > CONCEPTS
    command = [site.nestor, "purge", *site.where(), "--older-than", "0d"]
    rows, cut, wait, status = [], 0, 0.005, 1
    while status != 0:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as p:
            try:
                status = p.wait(wait)
            except subprocess.TimeoutExpired:
                p.kill()
                status = p.wait()
        cut += status != 0
        wait += 0.005
        rows.append(site.query("SELECT count(*) FROM concept_version"))
        if rows[-1:] != rows[-2:-1]:
            site.verify()
            client.expect(404, "GET", "/v2/orgs/WHO/sources/S/")
    assert cut > 0
    assert site.query("SELECT id FROM repo WHERE mnemonic = 'S' AND owner_url = '/orgs/WHO/'") == []
    assert len(glob.glob(exports)) == before - 1, glob.glob(exports)


def purge_refuses(site):
    for words, what in (((), "--older-than"), (("--older-than", "90"), "--older-than"),
                        (("--older-than", "-1d"), "--older-than"),
                        (("--older-than", "1d", "--kind", "concepts"), "--kind")):
        p = site.run("purge", *words)
        assert p.returncode == 2 and what in p.stderr and p.stdout == "", p.stderr


def credential(name, token):
    return "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()


# rows: G164
def the_page_shows_text(site):
    """What is found is text there, and links lead to where it is, or are none where it is not."""
    with site.serve() as server:
        client = server.client()
        client.expect(201, "POST", "/v2/orgs/", {"id": "Bold", "name": "<b>Bold</b> & \"Co\""})
        page = client.expect(200, "GET", "/guide/admin/search/page/?q=bold").body.decode()
        assert ('<a href="/guide/orgs/Bold/"><code>Bold</code></a>' in page
                and "1 found for <code>bold</code>" in page and "<b>" not in page), page
        client.expect(201, "POST", "/v2/orgs/", {"id": "Past", "name": "Past"})
        client.expect(204, "DELETE", "/v2/orgs/Past/")
        page = client.expect(200, "GET", "/v2/admin/search/page/?q=past").body.decode()
        assert "<code>Past</code>" in page and "deleted" in page and "<a " not in page, page
        for face in ("/v2", "/guide"):  # a browser asks for name and token
            basic = {"Accept": "text/html", "Authorization": credential("admin", site.token)}
            page = server.client("").ask("GET", face + "/admin/search/page/", **basic)
            assert page.status == 200 and b'<form><input name="q"' in page.body, page
            assert page.headers["Cache-Control"] == "no-store", page.headers
            page = server.client("").ask("HEAD", face + "/admin/search/page/?q=bold", **basic)
            assert page.status == 200, page
            for name, token in (("ada", site.token), ("admin", "0" * 40), ("", site.token),
                                ("admin", ""), ("admin", site.token + " x")):
                wrong = {**basic, "Authorization": credential(name, token)}
                page = server.client("").ask("GET", face + "/admin/search/page/", **wrong)
                assert page.status == 401, (name, token, page)
            for path in ("/admin/search/?q=bold", "/admin/audit/"):  # nowhere else
                page = server.client("").ask("GET", face + path, **{**basic, "Accept": "*/*"})
                assert page.status == 401, (path, str(page))
        page = client.expect(200, "GET", "/v2/admin/search/page/?q=%3Cb%3E").body.decode()
        assert ("<code>&lt;b&gt;</code>" in page and "<b>" not in page
                and "&lt;b&gt;Bold&lt;/b&gt; &amp; &quot;Co&quot;" in page), page
        client.close()
    with site.serve("--set", "ocl.require_authentication=true", "--set",
                    "http.cors_origins=https://app.example.org") as server:
        page = server.client("").ask("GET", "/v2/admin/search/page/", Accept="text/html")
        assert page.status == 401 and page.headers["WWW-Authenticate"].startswith("Basic "), page
        assert server.client("").ask("GET", "/v2/admin/search/page/").status == 403
        # A browser sends what it was told once, also for a script of that origin.
        for path, allowed in (("page/", None), ("?q=bold", "true")):
            answer = server.client().ask("GET", "/v2/admin/search/" + path,
                                         Origin="https://app.example.org")
            assert answer.status == 200, (path, answer)
            assert answer.headers["Access-Control-Allow-Credentials"] == allowed, path


MANY = 1200  # of which each piece of a search has a part


def all_are_looked_at(site):
    """However many fit, all are counted, and the best come first, wherever they stand."""
    def concept(code, *names, **more):
        return {"type": "Concept", "owner": "Bold", "owner_type": "Organization", "source": "Many",
                "id": code, "concept_class": "Misc",
                "names": [{"name": name, "locale": "en"} for name in names], **more}
    lines = [{"type": "Source", "owner": "Bold", "owner_type": "Organization", "id": "Many",
              "name": "Many"}]
    lines += [concept(f"a{n:04}", "some Kala azar here") for n in range(MANY)]
    lines += [concept("b", "Kala azar begins"), concept("c", "Other", "kala \t azar"),
              concept("d", "Kala Azar"), concept("e", "Other", external_id="kala azar"),
              concept("long", *(f"name {n} of very many" for n in range(500)))]
    with site.serve() as server:
        client = server.client()
        for n in range(0, len(lines), 400):
            client.expect(200, "POST", "/guide/importers/lines/", {"lines": lines[n:n + 400]})
        found = client.expect(200, "GET", "/v2/admin/search/?q=kala++AZAR").json()
        first = [(r["id"], r["match"]) for r in found["results"][:5]]
        assert found["found"] == MANY + 4 and len(found["results"]) == 25, found
        assert first == [("e", "other"), ("c", "name"), ("d", "name"), ("b", "beginning"),
                         ("a0000", "words")], first
        for q in ("locale", "uuid", "checksum", "%7B", "%5B%7B"):
            assert client.expect(200, "GET", f"/v2/admin/search/?q={q}").json()["found"] == 0, q
        found = client.expect(200, "GET", "/v2/admin/search/?q=name+499+of+very+many").json()
        assert [(r["id"], r["match"]) for r in found["results"]] == [("long", "name")], found
        page = client.expect(200, "GET", "/v2/admin/search/page/?q=kala+azar").body.decode()
        assert f"{MANY + 4} found" in page and "of which these are the likeliest 25" in page, page[:999]
        client.close()


def others_do_not_wait(site):
    """While many search, one after the other, others are answered: without the database and with
    it."""
    def overtakes(client, port, path):
        searching = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for one in searching:
            one.sendall(request)
        select.select(searching, [], [])  # they are being answered
        client.ask("GET", path)
        answered = select.select(searching, [], [], 0)[0]
        for one in searching:
            one.close()
        return len(answered) < len(searching)

    request = (f"GET /v2/admin/search/?q=k+a+l+z+r+s+o+m HTTP/1.1\r\nHost: x\r\n"
               f"Authorization: Token {site.token}\r\n\r\n").encode()
    with site.serve("--set", "http.loops=1", "--set", "db.pool=2") as server:
        client = server.client()
        client.expect(200, "GET", "/v2/orgs/Bold/")
        for path in ("/healthz", "/v2/orgs/Bold/", "/v2/orgs/?limit=1"):
            # This test may be kept from a processor: once is enough, where waiting is the rule.
            assert any(overtakes(client, server.port, path) for _ in range(10)), \
                f"{path} has waited for all searches"
        client.close()


# ---- All of it ----

def run(tally, nestor, engine, cluster):
    with Site(nestor, cluster) as site:
        site.init()
        tally.run(f"{engine}: verbs write who did what, and no secret", verbs_write, site)
        tally.run(f"{engine}: the log is looked through", filters, site)
        tally.run(f"{engine}: there is always a superuser", last_superuser, site)
        tally.run(f"{engine}: nobody edits the log", nobody_edits, site)
        with site.serve() as server:
            with site.serve() as second:
                tally.run(f"{engine}: the verb shuts every server and opens it again", by_verb,
                          site, server, second)
                tally.run(f"{engine}: so does a request to one of them", by_request, server, second)
            tally.run(f"{engine}: what is acknowledged is there", loses_nothing, server)
            tally.run(f"{engine}: tasks wait, and go on", tasks_wait, site, server)
            tally.run(f"{engine}: what was deleted is purged, and nothing else", purges, site,
                      server)
            tally.run(f"{engine}: a purge that is cut is no damage", purge_is_cut, site, server)
            tally.run(f"{engine}: wrong words purge nothing", purge_refuses, site)
            tally.run(f"{engine}: nothing happens without its row", nothing_without_a_row, site,
                      server)
        tally.run(f"{engine}: the page shows text", the_page_shows_text, site)
        tally.run(f"{engine}: all are looked at", all_are_looked_at, site)
        tally.run(f"{engine}: others do not wait for searches", others_do_not_wait, site)
        tally.run(f"{engine}: tasks are looked at and ended by a verb", tasks_by_verb, site)
        tally.run(f"{engine}: it is on after a restart", survives, site)
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
