"""Accounts from the outside: tokens with names and ends, passwords, sign-in links,
removal, and what the log keeps to itself.

Usage: accounts_test.py --nestor PATH
"""
import base64
import http.client
import json
import os
import select
import shlex
import socket
import sqlite3
import subprocess
import sys
import threading
import time

from auth_test import Browser
from support import Site, Tally, arguments, build_for, engines, environment


def done(p):
    """What a verb that went well printed."""
    assert p.returncode == 0, p.stderr
    return p.stdout.strip()


def test_fresh_installation(b, site):
    """A new installation gives and takes web tokens without a setting."""  # X43
    secret = done(site.run("client add", "fresh", "--user", "admin"))
    status, given = b.fetch_token(grant_type="client_credentials", client_id="fresh",
                                  client_secret=secret, token_type="jwt")
    assert status == 200 and given["token_type"] == "JWT", given
    assert b.whoami("JWT " + given["access_token"]) == \
        (200, {"username": "admin", "is_staff": True, "is_restricted": False})


# rows: G26 G86
def test_superusers_token(b, site):
    """Staff see the tokens of all but superusers, who see all."""  # X81
    done(site.run("user add", "clerk", "--staff"))
    done(site.run("user add", "plain"))
    clerk = {"Authorization": "Token " + done(site.run("token show", "--user", "clerk"))}
    root = {"Authorization": "Token " + site.token}

    def names(who):
        return {row["user"] for row in b.ask("GET", "/guide/admin/tokens/", **who)[1]}

    assert names(clerk) == {"clerk", "plain"}, names(clerk)
    assert names(root) == {"admin", "clerk", "plain"}
    assert b.ask("GET", "/guide/admin/tokens/plain/", **clerk)[0] == 200
    assert b.ask("GET", "/guide/admin/tokens/nobody/", **clerk)[0] == 404
    assert b.ask("GET", "/guide/admin/tokens/admin/", **root)[0] == 200
    assert b.ask("GET", "/guide/admin/tokens/admin/", **clerk)[0] == 403


def together(count, ask):
    """What `count` callers get who ask at the same time."""
    got, ready = [], threading.Barrier(count)

    def run():
        ready.wait()
        got.append(ask())

    callers = [threading.Thread(target=run) for _ in range(count)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return got


def test_guesses_at_once(b, _site):
    """Attempts count from their beginning: of sixty at once twenty are looked at."""  # X18
    def guess():
        return Browser(b).ask("POST", "/accounts/sign-in/", {"username": "mallory",
                                                             "password": "wrong"})[0]

    got = together(60, guess)
    assert got.count(400) + got.count(503) == 20 and got.count(429) == 40, got


def sign_in_as(server, name):
    """(status, Retry-After) of a wrong password."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request("POST", "/accounts/sign-in/",
                       json.dumps({"username": name, "password": "wrong"}),
                       {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, response.headers["Retry-After"]


def ask(server, method, path, body=None, **headers):
    """(status, headers, text); `Content_Type=` names a header."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, response.headers, text


FORM = {"Content_Type": "application/x-www-form-urlencoded"}
BROWSER = {"Accept": "text/html,application/xhtml+xml"}
UNKNOWN = "This link is unknown, used or expired."


def code_of(site, *words):
    link = done(site.run("user link", "admin", *words))
    place, _, code = link.partition("?code=")
    assert len(code) == 40, link
    return place, code


def test_link(b, site):
    """Opening a sign-in link changes nothing; its button uses it up."""  # X24 X71
    place, code = code_of(site)
    assert place == "http://127.0.0.1:8000/accounts/link/", place
    assert code_of(site, "--set", "http.public_url=https://a.example/")[0] == \
        "https://a.example/accounts/link/"
    p = site.run("user link", "admin", "--set", "listen=unix:/run/nestor/http")
    assert done(p).startswith("/accounts/link/?code=") and "http.public_url" in p.stderr, p
    p = site.run("user link", "admin", "--set", "http.public_url=a.example")
    assert p.returncode == 2 and "http.public_url" in p.stderr, p.stderr
    for method in ("HEAD", "GET", "OPTIONS", "HEAD", "GET"):
        for at in ("/accounts/link/?code=", "/accounts/link?code="):
            status, headers, text = ask(b, method, at + code, **BROWSER)
            assert status == 200, (method, status)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store" and headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; form-action 'self'")
    assert '<form method="post" action="/accounts/link/">' in text and "<script" not in text
    assert f'value="{code}"' in text
    assert '"' not in ask(b, "GET", "/accounts/link/?code=%22%3E%3Cb%3E")[2].split("value=")[1][1:19]
    status, headers, text = ask(b, "POST", "/accounts/link/", "code=" + code, **FORM)
    assert status == 200 and headers["Cache-Control"] == "no-store", (status, text)
    assert json.loads(text) == {"username": "admin", "token": site.token}
    status, _, text = ask(b, "POST", "/accounts/link/", "code=" + code, **FORM)
    assert (status, json.loads(text)) == (404, {"developer_message": UNKNOWN})
    status, headers, text = ask(b, "POST", "/accounts/link/", "code=" + code, **FORM, **BROWSER)
    assert status == 404 and UNKNOWN in text and headers["Content-Type"].startswith("text/html")
    status, _, text = ask(b, "POST", "/accounts/link/", "code=" + code_of(site)[1], **FORM, **BROWSER)
    assert status == 200 and site.token in text and "<script" not in text, text
    for body in ("", "code=", "code=" + "0" * 40, "code=%00"):
        assert ask(b, "POST", "/accounts/link/", body, **FORM)[0] == 404, body
    late = code_of(site)[1]
    site.execute("UPDATE sign_in SET expires_at = 1")
    assert ask(b, "POST", "/accounts/link/", "code=" + late, **FORM)[0] == 404
    code_of(site)
    assert site.query("SELECT count(*) FROM sign_in WHERE expires_at = 1") == [("0",)]


def test_log(site):
    """No password, token, code or cookie stands in the log, at any level, whatever is
    asked with it."""  # X24
    password, wrong = "a horse of another colour", "no horse of any colour"
    site.write("password", password)
    done(site.run("user add", "lena", "--password-file", site.path("password")))
    secret = done(site.run("client add", "logged", "--user", "lena"))
    machine = done(site.run("token create", "--user", "lena", "--name", "logged"))
    codes = [code_of(site)[1] for _ in range(3)]
    with site.serve("--set", "log.level=debug") as server:
        b = Browser(server)
        for path in ("/accounts/sign-in/", "/guide/api-token-auth/", "/v2/users/login/",
                     "/accounts/sign-in"):
            for given in (password, wrong):
                b.ask("POST", path, {"username": "lena", "password": given})
                ask(server, "POST", path, f"username=lena&password={given}".replace(" ", "+"), **FORM)
            ask(server, "POST", path, f'{{"password": "{password}"', Content_Type="application/json")
        jwt = bearer = None
        for kind in ("jwt", "bearer"):
            _, given = b.fetch_token(grant_type="client_credentials", client_id="logged",
                                     client_secret=secret, token_type=kind)
            jwt, bearer = (given["access_token"], bearer) if kind == "jwt" else \
                (jwt, given["access_token"])
        basic = base64.b64encode(f"logged:{secret}".encode()).decode()
        cookies = dict(b.cookies)
        for authorization in (f"Token {machine}", f"Token {site.token}", f"Bearer {bearer}",
                              f"JWT {jwt}", f"Basic {basic}", f"Token {machine}x", machine):
            for path in ("/guide/user/", "/v2/orgs/", "/accounts/whoami/", "/api/catalog/v1/users/",
                         "/api/program_enrollments/v1/programs/a/enrollments/", "/nowhere"):
                for method in ("GET", "HEAD", "POST", "DELETE"):
                    ask(server, method, path, Authorization=authorization)
        for code, way in zip(codes, ("/accounts/link?code=", "/accounts/link/?code=",
                                     "/accounts//link/?code=")):
            for method in ("HEAD", "GET", "PUT"):
                ask(server, method, way + code)
            ask(server, "POST", "/accounts/link/", "code=" + code, **FORM)
        ask(server, "POST", "/guide/users/", json.dumps(
            {"username": "more", "name": "More", "email": "m@example.org", "password": password}),
            Authorization="Token " + site.token, Content_Type="application/json")
        for method, path, name in (("POST", "/v2/users/", "made"), ("PUT", "/v2/users/lena/", "lena")):
            ask(server, method, path, json.dumps(
                {"username": name, "email": f"{name}@example.org", "password": password}),
                Authorization="Token " + site.token, Content_Type="application/json")
        document = {"users": [{"username": "brought", "password": password, "token": machine[:50]}]}
        ask(server, "POST", "/api/catalog/v1/load/", json.dumps(document),
            Authorization="Token " + site.token, Content_Type="application/json")
        server.stop()
        log = server.text()
    secrets = [password, wrong, password.replace(" ", "+"), secret, machine, site.token, jwt, bearer,
               basic, *codes, *cookies.values()]
    assert all(secrets) and len(cookies) == 2, cookies
    found = [s for s in secrets if s in log]
    assert not found, found


# rows: A15
def test_new_password(b, site):
    """A new password ends sessions and links, and says so; tokens stay."""  # X19
    first, second = "the first of two passwords", "the second of two passwords"
    for n, text in enumerate((first, second)):
        site.write(f"password{n}", text)
    done(site.run("user add", "nora", "--password-file", site.path("password0")))
    token = done(site.run("token show", "--user", "nora"))
    old = [Browser(b), Browser(b)]
    for browser in old:
        assert browser.ask("POST", "/accounts/sign-in/",
                           {"username": "nora", "password": first})[0] == 200
        assert browser.whoami()[0] == 200
    # What the store holds signs nobody in: neither cookie is there (X79).
    held = site.query("SELECT hash, csrftoken FROM session")
    assert not {c for row in held for c in row} & {c for o in old for c in o.cookies.values()}
    code = done(site.run("user link", "nora")).partition("=")[2]
    said = done(site.run("user password", "nora", "--password-file", site.path("password1")))
    assert "2 sessions" in said and "stays: its tokens" in said, said
    assert [browser.whoami()[0] for browser in old] == [401, 401]
    assert ask(b, "POST", "/accounts/link/", "code=" + code, **FORM)[0] == 404
    assert ask(b, "GET", "/guide/user/", Authorization="Token " + token)[0] == 200
    fresh = Browser(b)
    signed_in = {"username": "nora", "password": second}
    assert fresh.ask("POST", "/accounts/sign-in/", signed_in)[0] == 200
    # The same by a document; one that changes nothing ends nothing.
    for text, status in ((second, 200), (first, 401)):
        document = {"users": [{"username": "nora", "password": text}]}
        assert ask(b, "POST", "/api/catalog/v1/load/", json.dumps(document), Content_Type="application/json",
                   Authorization="Token " + site.token)[0] == 200
        assert fresh.whoami()[0] == status, text
    # ... and by the user.
    assert fresh.ask("POST", "/accounts/sign-in/", {"username": "nora", "password": first})[0] == 200
    assert ask(b, "PUT", "/v2/user/", json.dumps({"password": second}),
               Content_Type="application/json", Authorization="Token " + token)[0] == 200
    assert fresh.whoami()[0] == 401
    assert fresh.ask("POST", "/accounts/sign-in/", signed_in)[0] == 200


PROGRAM, RUN = "0a-1", "course-v1:A+B+1"
CURRICULA = [f"0a3d7c52-7d67-4a6e-9a5b-6a52d6b3a00{n}" for n in (1, 2)]


def learner(name):
    """A document of an account that everything refers to."""
    def row(key, n, **more):
        return {"program": PROGRAM, "external_user_key": key, "curriculum_uuid": CURRICULA[n], **more}

    return {
        "users": [{"username": name, "token": "bearer of " + name}],
        "sessions": [{"username": name, "sessionid": name + "'s", "csrftoken": "c" * 32}],
        "oauth2_clients": [{"client_id": name + "-app", "client_secret": "s", "username": name}],
        "organizations": [{"key": "HillsU", "saml_slug": "hills"}],
        "social_auth": [{"username": name, "uid": "hills:" + name}],
        "programs": [{"uuid": PROGRAM, "authoring_organizations": ["HillsU"],
                      "courses": [{"key": "C", "course_runs": [RUN]}]}],
        "course_enrollments": [{"username": name, "course_key": RUN, "mode": "masters"}],
        "program_enrollments": [row(name, 0, user=name), row(None, 1, user=name)],
        "program_course_enrollments": [row(name, 0, course_key=RUN, course_enrollment=True)],
    }


def load(b, site, document):
    status, _, text = ask(b, "POST", "/api/catalog/v1/load/", json.dumps(document),
                          Content_Type="application/json", Authorization="Token " + site.token)
    assert status == 200, text


def number_of(site, name):
    return site.query(f"SELECT max(id) FROM account WHERE username = '{name}'")[0][0]


def own(b, site, name):
    """A source, a machine's token and a link of the account's own."""
    mine = {"Authorization": "Token " + done(site.run("token show", "--user", name)),
            "Content_Type": "application/json"}
    source = json.dumps({"id": "own", "name": "Own", "fullName": "Own", "description": "D", "defaultLocale": "en",
                         "supportedLocales": "en"})
    status, _, text = ask(b, "POST", f"/guide/users/{name}/sources/", source, **mine)
    assert status == 201, text
    done(site.run("token create", "--user", name, "--name", "machine"))
    done(site.run("user link", name))


REFERENCES = {"token": "account_id", "session": "account_id", "sign_in": "account_id",
              "oauth_client": "account_id", "social_auth": "account_id",
              "course_enrollment": "user_id", "program_enrollment": "user_id",
              "program_enrollment_history": "user_id", "member": "user_id"}


def left(site, number):
    """Which tables still refer to the account, and how often."""
    found = {t: int(site.query(f"SELECT count(*) FROM {t} WHERE {c} = {number}")[0][0])
             for t, c in REFERENCES.items()}
    return {t: n for t, n in found.items() if n}


# rows: G102 G137 G148 V105 V215
def test_removal(b, site):
    """Every way of removing an account ends what it had, and hides what it owns."""  # X7 X8
    admin = {"Authorization": "Token " + site.token}
    ways = {"guided": lambda n: ask(b, "DELETE", f"/guide/users/{n}/", **admin)[0] == 204,
            "asked": lambda n: ask(b, "DELETE", f"/v2/users/{n}/", **admin)[0] == 204,
            "catalogued": lambda n: ask(b, "DELETE", f"/api/catalog/v1/users/{n}/", **admin)[0] == 204,
            "documented": lambda n: load(b, site, {"absent": {"users": [{"username": n}]}}) is None,
            "commanded": lambda n: done(site.run("user remove", n)) == f"{n} is removed."}
    for name, remove in ways.items():
        load(b, site, {**{k: v for k, v in learner(name).items() if k in ("users", "sessions")}})
        own(b, site, name)
        number, token = number_of(site, name), done(site.run("token show", "--user", name))
        assert remove(name), name
        # The account's own token stays to say so; nothing else does.
        assert left(site, number) == {"token": 1}, (name, left(site, number))
        status, _, text = ask(b, "GET", "/guide/user/", Authorization="Token " + token)
        assert status == 401 and "User inactive or deleted." in text, text
        sources = json.loads(ask(b, "GET", "/guide/sources/", **admin)[2])
        assert all(ask(b, "GET", "/guide" + s["url"], **admin)[0] == 200 for s in sources), name
        assert name not in [s["owner"] for s in sources], name
    # Who comes back has the own token and what is owned; what ended has ended.
    assert ask(b, "PUT", "/v2/users/asked/reactivate/", **admin)[0] == 204
    token = done(site.run("token show", "--user", "asked"))
    assert ask(b, "GET", "/guide/user/", Authorization="Token " + token)[0] == 200
    assert ask(b, "GET", "/v2/users/asked/sources/own/")[0] == 200
    assert left(site, number_of(site, "asked")) == {"token": 1}
    assert site.run("user remove", "nobody").returncode == 1


# rows: G149 V106
def test_erasure(b, site):
    """An account goes for good, whatever refers to it, living or closed; its enrolments
    wait again."""  # X7
    admin = {"Authorization": "Token " + site.token}
    ways = {"erased": lambda n: ask(b, "DELETE", f"/guide/users/{n}/?hardDelete=true", **admin)[0] == 204,
            "wiped": lambda n: done(site.run("user remove", n, "--erase")) == f"{n} is removed."}
    for name, erase in ways.items():
        load(b, site, learner(name))
        own(b, site, name)
        number = number_of(site, name)
        assert set(left(site, number)) == set(REFERENCES) - {"member"}, left(site, number)
        assert erase(name), name
        assert not left(site, number), (name, left(site, number))
        assert site.query(f"SELECT count(*) FROM account WHERE id = {number}") == [("0",)]
        rows = site.query("SELECT user_id, status FROM program_enrollment "
                          f"WHERE external_user_key = '{name}'")
        assert rows == [("\\N", "enrolled")], rows
        assert site.query("SELECT count(*) FROM program_enrollment "
                          "WHERE user_id IS NULL AND external_user_key IS NULL") == [("0",)]
        assert site.query("SELECT count(*) FROM program_course_enrollment WHERE course_enrollment_id > 0 "
                          "AND course_enrollment_id NOT IN (SELECT id FROM course_enrollment)") == [("0",)]
        assert site.query("SELECT h.reason FROM program_enrollment_history h JOIN program_enrollment e "
                          "ON e.program_id = h.program_id AND e.id = h.id WHERE "
                          f"e.external_user_key = '{name}' AND h.kind = '~'") == [("account erased",)]
    dump = done(site.run("dump"))
    assert "erased" in dump and site.run("load", site.write("dump.json", dump), "--dry-run").returncode == 0


def test_named_tokens(b, site):
    """Tokens of machines have a name of their own and an end; they are listed and ended, by
    the command line and by administrators."""  # X9
    def token(verb, *words, name="otto"):
        return site.run("token " + verb, "--user", name, *words)

    done(site.run("user add", "otto"))
    done(site.run("user add", "steward", "--staff"))
    made = token("create", "--name", "nightly")
    nightly, year = done(made), time.gmtime(time.time() + 365 * 86400)
    assert time.strftime("%Y-%m-%d", year) in made.stderr and "token end" in made.stderr, made.stderr
    twice = token("create", "--name", "nightly")
    assert twice.returncode == 1 and 'has a token "nightly" already' in twice.stderr, twice.stderr
    done(token("create", "--name", "nightly", name="steward"))
    forever = done(token("create", "--name", "forever", "--expires", "never"))
    assert token("create", "--name", "x", "--expires", "soon").returncode == 2
    site.write("old", "o" * 40)
    done(token("add", "--from-file", site.path("old")))
    rows = [line.split("\t")[1:] for line in done(token("list")).split("\n")]
    assert [row[:2] for row in rows[:2]] == [["nightly", "machine"], ["forever", "machine"]], rows
    assert rows[2][0].startswith("token-") and rows[2][1] == "carried", rows
    assert [row[3] == "never" for row in rows] == [False, True, True], rows
    for good in (nightly, forever, "o" * 40):
        assert ask(b, "GET", "/guide/user/", Authorization="Token " + good)[0] == 200
    done(token("renew"))
    assert ask(b, "GET", "/guide/user/", Authorization="Token " + nightly)[0] == 200
    done(token("end", "--name", "nightly"))
    assert ask(b, "GET", "/guide/user/", Authorization="Token " + nightly)[0] == 401
    assert token("end", "--name", "nightly").returncode == 1
    assert token("end", "--name", "nightly", name="nobody").returncode == 1
    assert done(token("list", name="steward")).startswith("steward\tnightly\tmachine\t")
    everybody = {line.split("\t")[0] for line in done(site.run("token list")).split("\n")}
    assert {"otto", "steward"} <= everybody, everybody
    # One that is over makes way for another of its name.
    done(token("create", "--name", "short", "--expires", "2100-01-01T00:00:00Z"))
    site.execute("UPDATE token SET expires_at = 1 WHERE name = 'short'")
    done(token("create", "--name", "short"))

    # What administrators do over HTTP.
    clerk = {"Authorization": "Token " + done(token("show", name="steward"))}
    plain = {"Authorization": "Token " + done(token("show"))}
    place = "/guide/admin/tokens/otto/named/"
    status, _, text = ask(b, "GET", place, **clerk)
    shown = json.loads(text)
    assert status == 200 and [t["name"] for t in shown] == ["forever", rows[2][0], "short"], text
    assert set(shown[0]) == {"name", "kind", "created", "expires"} and shown[0]["expires"] is None
    assert forever not in text and "o" * 40 not in text
    assert ask(b, "GET", place, **plain)[0] == 403
    assert ask(b, "DELETE", place + "forever/", **plain)[0] == 403
    assert ask(b, "DELETE", place + "forever/", **clerk)[0] == 204
    assert ask(b, "DELETE", place + "forever/", **clerk)[0] == 404
    assert ask(b, "DELETE", place + rows[2][0] + "/", **clerk)[0] == 204
    for gone in (forever, "o" * 40):
        assert ask(b, "GET", "/guide/user/", Authorization="Token " + gone)[0] == 401
    assert ask(b, "GET", "/guide/admin/tokens/nobody/named/", **clerk)[0] == 404
    # A superuser's are for superusers.
    done(token("create", "--name", "rooted", name="admin"))
    assert ask(b, "GET", "/guide/admin/tokens/admin/named/", **clerk)[0] == 403
    assert ask(b, "DELETE", "/guide/admin/tokens/admin/named/rooted/", **clerk)[0] == 403
    # The names hold when two are made at once.
    got = together(4, lambda: token("create", "--name", "raced").returncode)
    assert sorted(got) == [0, 1, 1, 1], got


def test_password_meanwhile(site):
    """A sign-in whose password is replaced while it is compared is none."""  # X19
    site.write("password", "replaced while it is compared")
    done(site.run("user add", "rita", "--password-file", site.path("password")))
    if site.database:
        return  # there the writer holds the row in the same way, but this test cannot
    with site.serve() as server:
        beside = sqlite3.connect(os.path.join(site.data, "nestor.db"), isolation_level=None)
        beside.execute("BEGIN IMMEDIATE")
        beside.execute("UPDATE account SET password = 'another' WHERE username = 'rita'")
        got = []
        caller = threading.Thread(target=lambda: got.append(ask(
            server, "POST", "/accounts/sign-in/", json.dumps(
                {"username": "rita", "password": "replaced while it is compared"}),
            Content_Type="application/json")))
        caller.start()
        caller.join(1)  # it is compared now, and waits for the writer
        beside.execute("COMMIT")
        beside.close()
        caller.join()
        assert got[0][0] == 400, got
        assert site.query("SELECT count(*) FROM session JOIN account ON account.id = account_id "
                          "WHERE username = 'rita'") == [("0",)]


def send_sign_in(server, name):
    """A connection on which a wrong password is on its way."""
    body = json.dumps({"username": name, "password": "wrong"})
    s = socket.create_connection(("127.0.0.1", server.port), timeout=120)
    s.sendall(f"POST /accounts/sign-in/ HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
              f"Content-Type: application/json\r\n\r\n{body}".encode())
    return s


def test_readiness(site):
    """Readiness does not wait behind two hundred sign-ins."""  # X18
    with site.serve("--set", "auth.password.queue=1000") as server:
        callers = [send_sign_in(server, f"n{n}") for n in range(200)]
        before = 0
        while before < 20:
            time.sleep(0.01)
            before = len(select.select(callers, [], [], 0)[0])
        assert Browser(server).ask("GET", "/readyz")[0] == 200
        more = len(select.select(callers, [], [], 0)[0]) - before
        assert more < 30, f"{more} sign-ins were answered first"
        for caller in callers:
            assert caller.recv(12) == b"HTTP/1.1 400"
            caller.close()


def test_no_room(site):
    """A sign-in that finds no room is told to come again."""  # X18
    with site.serve("--set", "auth.password.queue=1") as server:
        numbers = iter(range(40))
        got = together(40, lambda: sign_in_as(server, f"n{next(numbers)}"))
        assert set(got) == {(400, None), (503, "1")}, got


def test_stop(site):
    """Sign-ins whose clients have gone do not hold a stop up."""  # X82
    with site.serve("--set", "auth.password.queue=1000") as server:
        took = []
        for n in range(3):
            began = time.monotonic()
            sign_in_as(server, f"here-{n}")
            took.append(time.monotonic() - began)
        for n in range(300):
            send_sign_in(server, f"gone-{n}").close()
        waits = send_sign_in(server, "waits")
        waits.shutdown(socket.SHUT_WR)
        began = time.monotonic()
        server.stop()
        stop = time.monotonic() - began
        answer = b"".join(iter(lambda: waits.recv(4096), b""))
    all_of_them = 300 * min(took) / os.cpu_count()
    assert stop < all_of_them / 4 + 0.5, f"the stop took {stop:.1f} s of {all_of_them:.1f} s"
    assert b"HTTP/1.1 400" in answer, answer  # who listens is answered


def test_guessed_secrets(b, site):
    """Secrets of a client are guessed no faster than passwords; others go on."""  # X20
    secret = done(site.run("client add", "guessed", "--user", "admin"))
    other = done(site.run("client add", "other", "--user", "admin"))

    def fetch(name, shown):
        return b.fetch_token(grant_type="client_credentials", client_id=name,
                             client_secret=shown)[0]

    assert [fetch("guessed", "wrong") for _ in range(19)] == [401] * 19
    assert fetch("guessed", secret) == 200, "a right one forgets those before"
    assert [fetch("guessed", "wrong") for _ in range(20)] == [401] * 20
    assert fetch("guessed", secret) == 429
    assert [fetch("other", other) for _ in range(60)] == [200] * 60


def pasted(site, text):
    """What the command prints that stands between backquotes in the text, run by a shell."""
    line = text.partition("`nestor ")[2].partition("`")[0]
    return done(subprocess.run(f"{shlex.quote(site.nestor)} {line}", shell=True, check=False,
                               capture_output=True, text=True, cwd="/", env=environment()))


def test_commands_that_are_told(_, site):
    """They can be pasted, wherever one stands and whatever the folder is called."""
    moved = site.path("my 'own' folder")
    os.symlink(site.data, moved)
    where = ["--data", moved, *site.where()[2:]]

    def run(verb, *words):
        return site.run(verb, *where, *words, where=False)

    assert "/accounts/link/?code=" in pasted(site, done(run("user add", "paula")))
    name = "my 'own' laptop; exit 3"
    created = run("token create", "--user", "paula", "--name", name)
    taken = run("token create", "--user", "paula", "--name", name)
    assert taken.returncode == 1 and "already" in taken.stderr, taken.stderr
    for text in (created.stderr, taken.stderr):
        assert run("token list", "--user", "paula").stdout.startswith(f"paula\t{name}\t")
        pasted(site, text)
        assert run("token list", "--user", "paula").stdout == ""
        done(run("token create", "--user", "paula", "--name", name))
    assert "there is no task" in run("task show", "nothing").stderr
    pasted(site, run("task show", "nothing").stderr)
    if site.database:  # what names a password is not told, and means no other database
        url = site.database.url.replace("?", "?password=secret&")
        told = site.run("user add", "--data", moved, "--set", f"database={url}", "petra", where=False)
        assert done(told).endswith("--database URL` makes a link to sign in with."), told.stdout


def test_token_of_the_disabled(_, site):
    """Whoever makes or prints one is told that it opens nothing."""
    done(site.run("user add", "ines"))
    site.write("ines.token", "i" * 40)
    done(site.run("user disable", "ines"))
    told = [site.run("token " + words, "--user", "ines") for words in (
        "show", "renew", "create --name n", "add --from-file " + site.path("ines.token"))]
    for p in told:
        assert done(p) and "ines is disabled" in p.stderr, p.stderr
    p = site.run("user link", "ines")
    assert p.returncode == 1 and "ines is disabled" in p.stderr, p.stderr
    pasted(site, told[0].stderr)
    p = site.run("token show", "--user", "ines")
    assert done(p) and p.stderr == "", p.stderr


def test_what_has_no_use(_, site):
    """Whoever says more than an action takes meant another one: nothing is done."""
    done(site.run("user add", "olga"))
    done(site.run("token create", "--user", "olga", "--name", "n"))
    token = done(site.run("token show", "--user", "olga"))
    for words, vain in (("token renew --user olga --name n", "--name TEXT"),
                        ("token show --user olga --name n", "--name TEXT"),
                        ("token end --user olga --name n --expires never", "--expires TIME"),
                        ("token list --name n", "--name TEXT"),
                        ("user remove olga --staff", "--staff"),
                        ("user disable olga --erase", "--erase"),
                        ("user grant olga --superuser --email a@b.example", "--email ADDRESS"),
                        ("user revoke olga --staff --password-file none", "--password-file FILE"),
                        ("user list --superuser", "--superuser"), ("user list olga", "the user's name")):
        p = site.run(words)
        assert p.returncode == 2 and f"has no use for {vain}" in p.stderr, (words, p.stderr)
    assert done(site.run("token show", "--user", "olga")) == token
    assert done(site.run("token list", "--user", "olga")).startswith("olga\tn\t")


def main():
    options = arguments(__doc__, plain="")
    tally = Tally()
    for engine, cluster in engines():
        with Site(build_for(options, cluster), cluster) as site:
            site.init()
            with site.serve() as server:
                for case in (test_fresh_installation, test_superusers_token, test_guesses_at_once,
                             test_guessed_secrets, test_link,
                             test_new_password, test_removal, test_erasure,
                             test_named_tokens, test_commands_that_are_told,
                             test_token_of_the_disabled, test_what_has_no_use):
                    tally.run(f"{case.__name__}[{engine}]", case, Browser(server), site)
            for case in (test_log, test_password_meanwhile, test_readiness, test_no_room, test_stop):
                tally.run(f"{case.__name__}[{engine}]", case, site)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
