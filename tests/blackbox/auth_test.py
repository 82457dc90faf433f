"""Credentials of faces that speak as edX does: web tokens of every algorithm,
clients and their access tokens, sessions and the protection against forged
requests (section 11 of docs/contracts/enrollments.md).

Usage: auth_test.py --nestor PATH. Keys are made by the openssl command for the run.
"""
import base64
import datetime
import email.utils
import hashlib
import hmac
import http.client
import http.server
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

from support import PATIENCE, Clock, Holder, Site, Tally, arguments, engines

SECRET = "a shared secret of more than 32 bytes"
ISSUER = "https://lms.example/oauth2"
PASSWORD = "correct-horse-battery-7"


def b64(data):
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*words, stdin=None):
    return subprocess.run(["openssl", *words], input=stdin, capture_output=True, check=True).stdout


class Key:
    """A key pair in a file; RSA of 2048 bits or P-256."""

    def __init__(self, site, kid, alg):
        self.kid, self.alg, self.file = kid, alg, site.path(kid + ".pem")
        kind = ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"] if alg == "ES256" else \
            ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        openssl("genpkey", "-algorithm", *kind, "-out", self.file)

    def public(self, **more):
        der = openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")
        if self.alg == "ES256":
            numbers = {"kty": "EC", "crv": "P-256", "x": b64(der[-64:-32]), "y": b64(der[-32:])}
        else:
            text = openssl("rsa", "-in", self.file, "-noout", "-modulus").decode()
            n = bytes.fromhex(text.strip().split("=")[1])
            numbers = {"kty": "RSA", "n": b64(n), "e": "AQAB"}
        return {**numbers, "kid": self.kid, "alg": self.alg, **more}

    def sign(self, text):
        size = "sha512" if self.alg.endswith("512") else "sha256"
        signature = openssl("dgst", "-" + size, "-sign", self.file, stdin=text)
        if self.alg != "ES256":
            return signature
        out, at = b"", 2
        for _ in range(2):
            n = signature[at + 1]
            out += signature[at + 2:at + 2 + n].lstrip(b"\0").rjust(32, b"\0")
            at += 2 + n
        return out


def hs256(text, secret=SECRET):
    return hmac.new(secret.encode(), text, hashlib.sha256).digest()


def claims(**more):
    now = int(time.time())
    all_of_them = {"iss": ISSUER, "aud": "lms-key", "exp": now + 600, "iat": now,
                   "preferred_username": "ada", "version": "1.2.0", **more}
    return {k: v for k, v in all_of_them.items() if v is not None}


def token(said=None, sign=hs256, **header):
    text = f"{b64({'alg': 'HS256', 'typ': 'JWT', **header})}.{b64(said or claims())}"
    return f"{text}.{b64(sign(text.encode()))}"


def signed(key, said=None, **header):
    return token(said, key.sign, **{"alg": key.alg, "kid": key.kid, **header})


class Browser:
    """Sends what it is told, keeps the cookies that it gets."""

    def __init__(self, server):
        self.port, self.cookies, self.set_cookie = server.port, {}, []

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {k.replace("_", "-"): v for k, v in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        if isinstance(body, dict):
            body = json.dumps(body)
            sent["Content-Type"] = "application/json"
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        data = response.read()
        self.set_cookie = response.headers.get_all("Set-Cookie") or []
        for cookie in self.set_cookie:
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        is_bare = "WWW-Authenticate" not in response.headers
        assert response.status != 401 or is_bare or path.startswith("/guide/")
        connection.close()
        return response.status, json.loads(data) if data else None

    def whoami(self, authorization=None):
        headers = {"Authorization": authorization} if authorization else {}
        return self.ask("GET", "/accounts/whoami/", **headers)

    def fetch_token(self, path="/oauth2/access_token", **fields):
        return self.ask("POST", path, urllib.parse.urlencode(fields),
                        Content_Type="application/x-www-form-urlencoded")


def said(text, status=401):
    return status, {"developer_message": text}


WRONG = said("Incorrect authentication credentials.")
ADA = 200, {"username": "ada", "is_staff": True, "is_restricted": False}


def coded(code, text):
    return said({"error_code": code, "developer_message": text})


def put_site(site):
    """ada is staff and has a password; three key pairs, one secret."""
    site.init()
    site.write("password", PASSWORD)
    p = site.run("user add", "ada", "--email", "ada@example.org", "--staff", "--password-file",
                 site.path("password"))
    assert p.returncode == 0, p.stderr
    keys = [Key(site, "rs256", "RS256"), Key(site, "rs512", "RS512"), Key(site, "es256", "ES256")]
    site.write("jwks.json", json.dumps({"keys": [k.public() for k in keys]}))
    site.write("secret", SECRET)
    return keys


def settings(site, jwks=None, **more):
    """The flags of a server that believes the keys."""
    chosen = {"auth.jwt.issuer": "other " + ISSUER, "auth.jwt.audience": "lms-key",
              "auth.jwt.secret_file": site.path("secret"),
              "auth.jwt.jwks": jwks or site.path("jwks.json"), **more}
    return [word for k, v in chosen.items() for word in ("--set", f"{k}={v}")]


# rows: A1
def test_good_tokens(b, keys):
    """Every algorithm, twice: verified and remembered."""
    for text in [token(), *(signed(k) for k in keys), signed(keys[0], kid="rs256"),
                 token(claims(aud=["x", "lms-key"])), token(claims(version="1.9")),
                 token(claims(version=None)), token(claims(version="0.9"))]:
        for _ in range(2):
            assert b.whoami("JWT " + text) == ADA, text
            assert b.whoami("jWt " + text) == ADA, text
    assert b.whoami("JWT " + token(claims(preferred_username=None, username="ada"))) == ADA


# rows: A1 A3
def test_restricted_and_administrator(b, _):
    """A restricted token says so; staff comes from the row."""
    restricted = {**ADA[1], "is_restricted": True}
    for value in (True, 1, "yes"):
        assert b.whoami("JWT " + token(claims(is_restricted=value))) == (200, restricted)
    for value in (False, None):
        assert b.whoami("JWT " + token(claims(is_restricted=value))) == ADA
    plain = token(claims(preferred_username="bob", administrator=True))
    assert b.whoami("JWT " + plain) == (200, {"username": "bob", "is_staff": False,
                                              "is_restricted": False})


# rows: A5
def test_wrong_tokens(b, keys):
    """Whatever is wrong with a token, the answer does not tell."""
    now, public = int(time.time()), openssl("pkey", "-in", keys[1].file, "-pubout").decode()
    wrong = [token(sign=lambda t: hs256(t, "another secret of more than 32 bytes")),
             token(alg="none"), token(sign=lambda t: b"", alg="none"),
             token(sign=lambda t: b""), token() + "x", token() + ".x", token()[:-1],
             token(claims(exp=None)), token(claims(iat=None)), token(claims(exp="soon")),
             token(claims(iat=now + 600)), token(claims(nbf=now + 600)),
             token(claims(aud=None)), token(claims(aud="x")), token(claims(aud=["x"])),
             token(claims(iss=None)), token(claims(iss="x")), token(claims(iss="")),
             token(claims(version="2.0.0")), token(claims(version="10")),
             token(claims(version=1)), token(claims(version="")), token(claims(version="x")), token(crit=["exp"]), token(zip="DEF"),
             token(claims(preferred_username="a\0")), token(claims(exp=1e300)),
             # The algorithm is the key's: neither another hash nor the key as a secret.
             signed(keys[0], alg="RS512"), signed(keys[0], kid="rs512"),
             signed(keys[0], kid="es256"), signed(keys[1], kid="unknown"),
             token(sign=lambda t: hs256(t, public), kid="rs512"),
             token(sign=lambda t: hs256(t, public), alg="RS512", kid="rs512"),
             "", "..", "a.b.c", "ä.ö.ü"]
    for text in filter(None, wrong):
        got = b.whoami(("JWT " + text).encode("utf-8"))
        assert got == WRONG, (got, text)
    good = signed(keys[2])
    head, body, signature = good.split(".")
    for i in (0, 40, 85):
        other = "A" if signature[i] != "A" else "B"
        assert b.whoami(f"JWT {head}.{body}.{signature[:i]}{other}{signature[i + 1:]}") == WRONG
    assert b.whoami("JWT " + good) == ADA


# rows: A2 A4 A6
def test_expired_and_nameless(b, keys):
    """Tokens that are over, of nobody, and of somebody unknown."""
    now = int(time.time())
    assert b.whoami("JWT " + token(claims(exp=now - 10))) == said("Signature has expired.")
    assert b.whoami("JWT " + signed(keys[1], claims(exp=now - 10))) == \
        said("Signature has expired.")
    nameless = said("JWT must include a preferred_username or username claim!")
    for name in (None, "", 7):
        assert b.whoami("JWT " + token(claims(preferred_username=name))) == nameless
    assert b.whoami("JWT " + token(claims(preferred_username="nobody"))) == \
        said("You do not have permission to perform this action.", 403)


# rows: A4
def test_cached_token_expires(b, _):
    """What a loop remembers ends with the token."""
    short = token(claims(exp=int(time.time()) + 1))
    assert b.whoami("JWT " + short) == ADA
    deadline = time.time() + 20
    while b.whoami("JWT " + short) == ADA:
        assert time.time() < deadline, "it never expired"
        time.sleep(0.1)
    assert b.whoami("JWT " + short) == said("Signature has expired.")


# rows: A9-A11
def test_clients(b, _, site):
    """Access tokens of clients and the endpoint that gives them."""
    def add(name, *words):
        p = site.run("client add", name, "--user", "ada", *words)
        assert p.returncode == 0, p.stderr
        return {"grant_type": "client_credentials", "client_id": name,
                "client_secret": p.stdout.strip()}

    plain, restricted = add("plain"), add("barred", "--restricted")
    assert site.run("client add", "plain", "--user", "ada").returncode == 1
    assert site.run("client add", "x", "--user", "nobody").returncode == 1
    listed = site.run("client list").stdout
    assert listed == "barred\tada\trestricted\nplain\tada\tunrestricted\n", listed
    for path in ("/oauth2/access_token", "/oauth2/access_token/"):
        status, given = b.fetch_token(path, **plain)
        assert status == 200 and given["token_type"] == "Bearer", given
        assert given["expires_in"] == 36000 and given["scope"], given
    bearer = given["access_token"]
    for _ in range(2):
        assert b.whoami("Bearer " + bearer) == ADA
    # On the guide's face a bearer token is no token.
    assert b.ask("GET", "/guide/orgs/", Authorization="Token " + bearer)[0] == 401
    other = b.fetch_token(**restricted)[1]["access_token"]
    assert b.whoami("bearer " + other) == (200, {**ADA[1], "is_restricted": True})

    jwt = b.fetch_token(**restricted, token_type="jwt")[1]
    assert jwt["token_type"] == "JWT" and jwt["expires_in"] == 3600, jwt
    body = jwt["access_token"].split(".")[1]
    inside = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert inside["iss"] == "other" and inside["aud"] == "lms-key", inside
    assert inside["exp"] - inside["iat"] == 3600 and inside["filters"] == [], inside
    assert b.whoami("JWT " + jwt["access_token"]) == (200, {**ADA[1], "is_restricted": True})
    unknown = coded("token_nonexistent",
                    "The provided access token does not match any valid tokens.")
    assert b.whoami("Bearer " + jwt["access_token"]) == unknown

    refused = 401, {"error": "invalid_client"}
    assert b.fetch_token(**{**plain, "client_secret": "x"}) == refused
    assert b.fetch_token(**{**plain, "client_secret": ""}) == refused
    assert b.fetch_token(grant_type="client_credentials") == refused
    assert b.fetch_token(**{**plain, "grant_type": "password"}) == \
        (400, {"error": "unsupported_grant_type"})
    held = hashlib.sha256(bearer.encode()).hexdigest()
    assert site.query(f"SELECT kind FROM token WHERE hash = '{held}'") == [("3",)]
    assert site.query("SELECT count(*) FROM oauth_client WHERE secret_hash = "
                      f"'{plain['client_secret']}'") == [("0",)]
    site.execute(f"UPDATE token SET expires_at = 1 WHERE hash = '{held}'")
    assert b.whoami("Bearer " + bearer) == \
        coded("token_expired", "The provided access token has expired and is no longer valid.")
    site.execute(f"UPDATE token SET expires_at = NULL WHERE hash = '{held}'")
    assert b.whoami("Bearer " + bearer) == ADA
    assert site.run("client remove", "barred").returncode == 0
    assert site.run("client remove", "barred").returncode == 1
    assert b.whoami("Bearer " + other) == unknown
    assert b.fetch_token(**restricted) == refused


def fetched(b, client, secret, **more):
    """Both kinds of tokens of a client, as headers; None where it is refused."""
    given = [b.fetch_token(grant_type="client_credentials", client_id=client,
                           client_secret=secret, token_type=kind, **more)
             for kind in ("bearer", "jwt")]
    if [status for status, _ in given] == [401, 401]:
        return None
    assert [status for status, _ in given] == [200, 200], given
    return [f"{kind} {body['access_token']}" for kind, (_, body) in zip(("Bearer", "JWT"), given)]


def test_what_ends(b, keys, site):
    """Tokens that a client fetched, web tokens too, end with its secret, itself and its account."""
    def run(verb, *words):
        p = site.run(verb, *words)
        assert p.returncode == 0, p.stderr
        return p.stdout.strip()

    def are_good(tokens):
        got = [b.whoami(t)[0] for t in tokens]
        assert got in ([200, 200], [401, 401]), got
        return got[0] == 200

    def begun(client="turns"):
        tokens = fetched(b, client, secret)
        assert are_good(tokens) and are_good(tokens)
        return tokens

    def ask(method, path, body=None):
        status, said_ = b.ask(method, path, body, Authorization="Token " + site.token)
        assert status < 300, (method, path, said_)
        return said_

    for by_http in (False, True):
        run("user add", "zed", "--email", "zed@example.org")
        secret = run("client add", "turns", "--user", "zed")
        tokens = begun()
        secret = ask("POST", "/v2/admin/clients/turns/secret/")["secret"] if by_http else \
            run("client rotate", "turns")
        assert not are_good(tokens)
        tokens = begun()
        run("user disable", "zed") if not by_http else \
            ask("PATCH", "/v2/admin/users/zed/", {"is_enabled": False})
        assert not are_good(tokens) and fetched(b, "turns", secret) is None
        run("user enable", "zed")
        assert not are_good(tokens)
        tokens = begun()
        run("client remove", "turns") if not by_http else ask("DELETE", "/v2/admin/clients/turns/")
        assert not are_good(tokens)
        secret = run("client add", "turns", "--user", "zed")
        assert not are_good(tokens)
        tokens = begun()
        ask("PUT", "/v2/users/zed/", {"username": "zoe"})
        assert b.whoami(tokens[1]) == WRONG  # another may be zed by now
        ask("PUT", "/v2/users/zoe/", {"username": "zed"})
        run("user remove", "zed", *(["--erase"] if by_http else []))
        assert not are_good(tokens)
        run("user add", "zed", "--email", "other@example.org")
        assert not are_good(tokens), "the next one of the name"
        run("user remove", "zed", "--erase")
    inside = json.loads(base64.urlsafe_b64decode(tokens[1].split(".")[1] + "=="))
    assert b.whoami("Bearer " + inside["nestor"])[0] == 401
    assert b.whoami("JWT " + token(claims(nestor="of their own"))) == ADA
    assert b.whoami("JWT " + token(claims(iss="other", nestor="unknown"))) == WRONG
    assert b.whoami("JWT " + token(claims(iss="other", nestor=1))) == WRONG
    assert b.whoami("JWT " + signed(keys[0], claims(iss="other", nestor=1))) == ADA  # not by us


def test_fetched_meanwhile(b, _, site):
    """What is fetched while a secret changes, a client goes or its user is switched off, ends with
    that."""
    administrator = {"Authorization": "Token " + site.token}
    site.run("user add", "yan", "--email", "yan@example.org")

    def again():
        b.ask("PATCH", "/v2/admin/users/yan/", {"is_enabled": True}, **administrator)
        b.ask("DELETE", "/v2/admin/clients/meanwhile/", **administrator)
        status, said_ = b.ask("POST", "/v2/admin/clients/", {"id": "meanwhile", "user": "yan"},
                              **administrator)
        assert status == 201, said_
        return said_["secret"]

    acts = [("POST", "/v2/admin/clients/meanwhile/secret/", None),
            ("DELETE", "/v2/admin/clients/meanwhile/", None),
            ("PATCH", "/v2/admin/users/yan/", {"is_enabled": False}),
            ("DELETE", "/api/catalog/v1/oauth2_clients/meanwhile/", None)]
    for turn in range(40):
        secret, got, ready = again(), [], threading.Barrier(7)

        def fetch():
            one = Browser(b)
            ready.wait()
            for kind in ("bearer", "jwt"):
                status, body = one.fetch_token(
                    grant_type="client_credentials", client_id="meanwhile",
                    client_secret=secret, token_type=kind)
                if status == 200:
                    got.append(f"{'JWT' if kind == 'jwt' else 'Bearer'} {body['access_token']}")

        fetchers = [threading.Thread(target=fetch) for _ in range(6)]
        for f in fetchers:
            f.start()
        ready.wait()
        method, path, body = acts[turn % len(acts)]
        status, said_ = b.ask(method, path, body, **administrator)
        assert status in (200, 204), (method, path, said_)
        for f in fetchers:
            f.join()
        alive = [t for t in got if b.whoami(t)[0] == 200]
        assert not alive, f"{method} {path}, turn {turn}: {len(alive)} of {len(got)} are alive"


def test_issuer_has_another_name(site):
    """A web token ends with its client, too, when it was given before its issuer had the name that
    tokens are given under now; what others write under the claim is theirs."""
    site.run("user add", "kim", "--email", "kim@example.org")
    secret = site.run("client add", "former", "--user", "kim").stdout.strip()
    fetch = {"grant_type": "client_credentials", "client_id": "former", "client_secret": secret,
             "token_type": "jwt"}
    names = {"auth.jwt.audience": ""}
    with site.serve(*settings(site, **{**names, "auth.jwt.issuer": "former"})) as server:
        given = "JWT " + Browser(server).fetch_token(**fetch)[1]["access_token"]
        assert Browser(server).whoami(given)[0] == 200
    with site.serve(*settings(site, **{**names, "auth.jwt.issuer": "latter former"})) as server:
        b = Browser(server)
        assert b.whoami(given)[0] == 200
        assert site.run("client remove", "former").returncode == 0
        assert b.whoami(given) == WRONG
        for theirs in ("of their own", "F" * 32, 1, {"a": 1}, None):
            assert b.whoami("JWT " + token(claims(iss="former", nestor=theirs))) == ADA, theirs
        assert b.whoami("JWT " + token(claims(iss="former", nestor="0" * 32))) == WRONG


def test_restricted_later(b, _, site):
    """Who restricts a client restricts what it fetched before, web tokens too."""
    root = {"Authorization": "Token " + site.token}
    site.run("user add", "lee", "--email", "lee@example.org")
    secret = site.run("client add", "later", "--user", "lee").stdout.strip()
    tokens = fetched(b, "later", secret)
    for restricted in (False, True, False):
        document = {"oauth2_clients": [{"client_id": "later", "username": "lee",
                                        "is_restricted": restricted}]}
        status, said_ = b.ask("POST", "/api/catalog/v1/load/", document, **root)
        assert status == 200, said_
        for t in tokens * 2:
            assert b.whoami(t) == (200, {"username": "lee", "is_staff": False,
                                         "is_restricted": restricted}), t


def test_wrong_secrets_wait_for_nobody(b, _, site):
    """Who does not know the secret is refused while client and account are held, and holds them
    no more than that."""
    site.run("user add", "moe", "--email", "moe@example.org")
    secret = site.run("client add", "held", "--user", "moe").stdout.strip()
    with Holder(site, "SELECT 'held' FROM oauth_client JOIN account ON account.id = account_id "
                      "WHERE client_id = 'held' FOR UPDATE"):
        assert b.fetch_token(grant_type="client_credentials", client_id="held",
                             client_secret="wrong") == (401, {"error": "invalid_client"})
    assert fetched(b, "held", secret)


# rows: A14-A16
def test_session(b, _):
    """Signing in and out."""
    status, answer = b.ask("POST", "/accounts/sign-in/", {"username": "ada", "password": "wrong"})
    assert status == 400 and not b.cookies, answer
    status, answer = b.ask("POST", "/accounts/sign-in/", {"username": "ada", "password": PASSWORD})
    assert status == 200 and answer["username"] == "ada", answer
    assert answer["csrftoken"] == b.cookies["csrftoken"]
    assert any("HttpOnly" in c and c.startswith("sessionid") for c in b.set_cookie), b.set_cookie
    assert all("SameSite=Lax" in c for c in b.set_cookie)
    assert b.whoami() == ADA
    assert b.whoami("Basic x") == ADA
    assert b.whoami("JWT x") == WRONG
    csrf = b.cookies.pop("csrftoken")
    unset = said("CSRF Failed: CSRF cookie not set.", 403)
    unequal = said("CSRF Failed: CSRF token missing or incorrect.", 403)
    assert b.ask("POST", "/accounts/sign-out/", X_CSRFToken=csrf) == unset
    b.cookies["csrftoken"] = csrf
    assert b.ask("POST", "/accounts/sign-out/") == unequal
    assert b.ask("POST", "/accounts/sign-out/", X_CSRFToken=csrf[:-1] + "x") == unequal
    b.cookies["csrftoken"] = "forged"
    assert b.ask("POST", "/accounts/sign-out/", X_CSRFToken="forged") == unequal
    b.cookies["csrftoken"] = csrf
    kept = dict(b.cookies)
    assert b.ask("POST", "/accounts/sign-out/", X_CSRFToken=csrf)[0] == 204
    assert not b.cookies["sessionid"], b.cookies
    b.cookies = kept
    assert b.whoami() == said("Authentication credentials were not provided.")


# rows: A15
def test_session_over_tls(b, _):
    """Behind a proxy that speaks TLS."""
    tls = {"X_Forwarded_Proto": "https"}
    b.ask("POST", "/accounts/sign-in/", {"username": "ada", "password": PASSWORD}, **tls)
    assert all("Secure" in c for c in b.set_cookie), b.set_cookie
    head = {**tls, "X_CSRFToken": b.cookies["csrftoken"]}
    failed = "CSRF Failed: Referer checking failed - "
    for referer, why in ((None, "no Referer."), ("nothing", "Referer is malformed."),
                         ("http://127.0.0.1/", "Referer is insecure while host is secure."),
                         ("https://evil.example/a", "https://evil.example/a does not match any "
                                                    "trusted origins.")):
        more = {"Referer": referer} if referer else {}
        got = b.ask("POST", "/accounts/sign-out/", **head, **more)
        assert got == said(failed + why, 403), got
    own = f"https://127.0.0.1:{b.port}/page"
    assert b.ask("POST", "/accounts/sign-out/", Referer=own, **head)[0] == 204


def test_deleted(b, _, site):
    """Who is deleted is not there, whatever proves the identity."""
    b.ask("POST", "/accounts/sign-in/", {"username": "ada", "password": PASSWORD})
    assert b.whoami() == ADA
    site.execute("UPDATE account SET is_active = FALSE WHERE username = 'ada'")
    assert b.whoami() == said("Authentication credentials were not provided.")
    assert b.whoami("JWT " + token())[0] == 403
    site.execute("UPDATE account SET is_active = TRUE WHERE username = 'ada'")
    # Erasing an account takes its sessions along.
    with_token = {"Authorization": "Token " + site.token}
    status, _body = b.ask("DELETE", "/guide/users/ada/?hardDelete=true", **with_token)
    assert status == 204, _body
    assert site.query("SELECT count(*) FROM session") == [("0",)]


def test_switched_off(b, _, site):
    """Who is switched off cannot sign in and has no token, but speaks as edX does."""
    with_password = {"username": "ada", "password": PASSWORD}
    key = b.ask("POST", "/guide/api-token-auth/", with_password)[1]["token"]
    assert b.ask("POST", "/accounts/sign-in/", with_password)[0] == 200
    bearer = "for-tests-only"
    site.execute("INSERT INTO token (hash, account_id, kind, created_at) SELECT "
                 f"'{hashlib.sha256(bearer.encode()).hexdigest()}', id, 3, 0 FROM account "
                 "WHERE username = 'ada'")
    site.execute("UPDATE account SET is_enabled = FALSE WHERE username = 'ada'")
    for authorization in (None, "JWT " + token(), "Bearer " + bearer):
        assert b.whoami(authorization) == ADA, authorization
    assert b.ask("GET", "/guide/user/", Authorization="Token " + key) == \
        (401, {"detail": "User inactive or deleted."})
    refused = "Unable to log in with provided credentials."
    assert b.ask("POST", "/guide/api-token-auth/", with_password) == (400, {"non_field_errors": [refused]})
    assert Browser(b).ask("POST", "/accounts/sign-in/", with_password) == said(refused, 400)
    site.execute("UPDATE account SET is_enabled = TRUE WHERE username = 'ada'")
    assert b.ask("GET", "/guide/user/", Authorization="Token " + key)[0] == 200


LIST = "/api/program_enrollments/v1/programs/00000000-1111-2222-3333-444444444444/enrollments/"
BARRED = said("You do not have permission to perform this action.", 403)


def may_list(b, said_of, query=""):
    """True for a caller who learns that the program does not exist."""
    got = b.ask("GET", LIST + query, Authorization="JWT " + token(claims(**said_of)))
    assert got[0] == 404 or got == BARRED, got
    return got[0] == 404


# rows: A20 A22 A24
def test_permission(b, _):
    """Staff may, restricted or not; nobody else, whatever name the query holds."""
    assert may_list(b, {})
    assert may_list(b, {"is_restricted": True})
    assert not may_list(b, {"preferred_username": "bob", "administrator": True})
    assert not may_list(b, {"preferred_username": "bob"}, "?username=ada")


# rows: A21
def test_permission_of_learners(b, _):
    """The name in the query is nothing by default."""
    assert not may_list(b, {"preferred_username": "bob"}, "?username=bob")


# rows: A21 A23
def test_permission_enforced(b, _):
    """Restrictions are enforced; the hole is open."""
    assert may_list(b, {})
    assert not may_list(b, {"is_restricted": True})
    assert not may_list(b, {"is_restricted": True}, "?username=ada")
    bob = {"preferred_username": "bob"}
    for query, may in (("?username=bob", True), ("?username=BoB", True), ("?username=", False),
                       ("?username=ada&username=bob", True), ("?username=bob&username=ada", False),
                       ("?username=bob&username=", False), ("?username=bo", False), ("", False)):
        assert may_list(b, bob, query) is may, query


def test_guessing(b, _):
    """After twenty failures a name is refused for a while, on both faces; others are not."""
    def sign_in(name, password, path="/accounts/sign-in/"):
        return b.ask("POST", path, {"username": name, "password": password})[0]

    def fail(name, times):
        assert [sign_in(name, "wrong") for _ in range(times)] == [400] * times

    fail("nobody", 20)
    assert sign_in("nobody", "wrong") == 429
    assert sign_in("nobody", "wrong", "/guide/api-token-auth/") == 429
    fail("ada", 19)
    assert sign_in("ada", PASSWORD) == 200
    fail("ada", 20)
    assert sign_in("ada", PASSWORD) == 429
    assert sign_in("bob", "wrong") == 400


def test_guessing_by_network(b, _):
    """A client of IPv6 chooses half of its address: the other half counts."""
    def sign_in(address):
        return b.ask("POST", "/accounts/sign-in/", {"username": "six", "password": "wrong"},
                     X_Forwarded_For=address)[0]

    assert [sign_in(f"2001:db8::{n:x}") for n in range(21)] == [400] * 20 + [429]
    assert sign_in("2001:db8::ffff:0:0:1") == 429
    assert [sign_in(a) for a in ("2001:db8:0:1::1", "192.0.2.1", "::1")] == [400] * 3


def wait_until(holds, what):
    """Asks until it holds, as long as a server is waited for."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_clock_set_back(site):
    """X82: who must wait, waits no longer because the clock is set back a day; what is
    written then is not older than what was there."""
    clock = Clock(site)
    with site.serve(env=clock.env) as server:
        client = server.client()
        before = client.expect(201, "POST", "/guide/orgs/", {"id": "CLOCK", "name": "Clock"})
        wrong = {"username": "somebody", "password": "wrong"}
        answers = [client.ask("POST", "/accounts/sign-in/", wrong) for _ in range(21)]
        assert [a.status for a in answers] == [400] * 20 + [429], [str(a) for a in answers]
        clock.set("-1d")

        def is_back():
            then = email.utils.parsedate_to_datetime(client.ask("GET", "/healthz").headers["Date"])
            return (datetime.datetime.now(datetime.timezone.utc) - then).days >= 1
        wait_until(is_back, "the clock was not set back")
        answer = client.ask("POST", "/accounts/sign-in/", wrong)
        assert answer.status == 429 and 0 < int(answer.headers["Retry-After"]) <= 60, \
            f"{answer} {answer.headers}"
        client.expect(200, "POST", "/guide/orgs/CLOCK/", {"name": "Set back"})
        after = client.expect(200, "GET", "/guide/orgs/CLOCK/").json()
        assert after["name"] == "Set back", after
        assert after["updatedOn"] >= before.json()["updatedOn"], after


def test_key_faults(site):
    """A key that cannot be used stops the server with a sentence."""
    key = Key(site, "small", "RS256")
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", key.file)
    small = site.write("small.json", json.dumps({"keys": [key.public()]}))
    odd = site.write("odd.json", json.dumps({"keys": [{"kty": "RSA", "alg": "none"}]}))
    short = site.write("short", "x" * 31)
    for words, why in (
            ({"auth.jwt.jwks": small}, "broken or too short"), ({"auth.jwt.jwks": odd}, "none of"),
            ({"auth.jwt.jwks": site.path("absent")}, "cannot be read"),
            ({"auth.jwt.jwks": "http://keys.example/"}, "this machine alone"),
            ({"auth.jwt.jwks": "http://localhost.example/"}, "this machine alone"),
            ({"auth.jwt.secret_file": short}, "too short"),
            ({"auth.jwt.secret_file": site.write("empty", "")}, "is empty"), ({"auth.jwt.issuer": ""}, "issuer")):
        p = site.run("serve", *settings(site, **words), "--listen", "127.0.0.1:0")
        assert p.returncode == 1 and why in p.stderr, (words, p.stderr)


def test_keys_from_address(site, keys):
    """The key set may be fetched from this machine; an RSA key without `alg` verifies both
    of its hashes, and no key another type's."""  # X44
    body = json.dumps({"keys": [keys[1].public(alg=None)]}).replace(', "alg": null', "").encode()

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # pylint: disable=invalid-name
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):  # pylint: disable=arguments-differ
            pass

    source = http.server.HTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=source.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{source.server_port}/jwks"
        with site.serve(*settings(site, jwks=address)) as server:
            b, kid = Browser(server), keys[1].kid
            assert b.whoami("JWT " + signed(keys[1])) == ADA
            assert b.whoami("JWT " + signed(keys[0])) == WRONG
            shorter = Key.__new__(Key)
            shorter.__dict__ = {**vars(keys[1]), "alg": "RS256"}
            assert b.whoami("JWT " + signed(shorter)) == ADA
            assert b.whoami("JWT " + signed(shorter, alg="RS512")) == WRONG
            public = openssl("pkey", "-in", keys[1].file, "-pubout").decode()
            assert b.whoami("JWT " + token(sign=lambda t: hs256(t, public), kid=kid)) == WRONG
            assert b.whoami("JWT " + token(sign=lambda t: b"", alg="none", kid=kid)) == WRONG
    finally:
        source.shutdown()
        source.server_close()


# rows: A1
def test_keys_again(site, keys):
    """SIGHUP: new keys count at once, also for tokens that were seen; a broken set leaves
    those before."""
    def write(*these):
        return site.write("changing.json", json.dumps({"keys": [k.public() for k in these]}))

    with site.serve(*settings(site, jwks=write(keys[0]))) as server:
        b = Browser(server)
        seen = signed(keys[0])
        assert b.whoami("JWT " + seen) == ADA
        assert b.whoami("JWT " + seen) == ADA
        assert b.whoami("JWT " + signed(keys[1])) == WRONG
        write(keys[1])
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("keys read again")
        assert b.whoami("JWT " + signed(keys[1])) == ADA
        assert b.whoami("JWT " + seen) == WRONG
        assert b.whoami("JWT " + signed(keys[0], claims(jti="another"))) == WRONG
        site.write("changing.json", "{")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("keys not read again")
        assert b.whoami("JWT " + signed(keys[1], claims(jti="another"))) == ADA


def main():
    options = arguments(__doc__)
    tally = Tally()
    for engine, cluster in engines():
        with Site(options.nestor, cluster) as site:
            keys = put_site(site)
            assert site.run("user add", "bob", "--email", "b@example.org").returncode == 0
            with site.serve(*settings(site), "--set", "http.trusted_proxies=127.0.0.1") as server:
                for case in (test_good_tokens, test_restricted_and_administrator,
                             test_wrong_tokens, test_expired_and_nameless,
                             test_cached_token_expires, test_session, test_session_over_tls,
                             test_permission, test_permission_of_learners,
                             test_guessing_by_network):
                    tally.run(f"{case.__name__}[{engine}]", case, Browser(server), keys)
                for case in (test_clients, test_what_ends, test_fetched_meanwhile,
                             test_restricted_later, test_switched_off):
                    tally.run(f"{case.__name__}[{engine}]", case, Browser(server), keys, site)
                if cluster:  # SQLite holds no rows
                    tally.run(f"test_wrong_secrets_wait_for_nobody[{engine}]",
                              test_wrong_secrets_wait_for_nobody, Browser(server), keys, site)
            tally.run(f"test_issuer_has_another_name[{engine}]", test_issuer_has_another_name, site)
            with site.serve(*settings(site), "--set", "auth.jwt.enforce_restricted=true", "--set",
                            "enroll.username_param_grants=true") as server:
                tally.run(f"test_guessing[{engine}]", test_guessing, Browser(server), keys)
                tally.run(f"test_permission_enforced[{engine}]", test_permission_enforced,
                          Browser(server), keys)
            tally.run(f"test_clock_set_back[{engine}]", test_clock_set_back, site)
            tally.run(f"test_key_faults[{engine}]", test_key_faults, site)
            tally.run(f"test_keys_again[{engine}]", test_keys_again, site, keys)
            tally.run(f"test_keys_from_address[{engine}]", test_keys_from_address, site, keys)
            with site.serve(*settings(site)) as server:
                tally.run(f"test_deleted[{engine}]", test_deleted, Browser(server), keys, site)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
