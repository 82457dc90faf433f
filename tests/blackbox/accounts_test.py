"""Accounts from the outside: tokens with names and ends, passwords, sign-in links,
removal, and what the log keeps to itself.

Usage: accounts_test.py --nestor PATH
"""
import sys
import threading

from auth_test import Browser
from support import Site, Tally, arguments, engines


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


def main():
    options = arguments(__doc__)
    tally = Tally()
    for engine, cluster in engines():
        with Site(options.nestor, cluster) as site:
            site.init()
            with site.serve() as server:
                for case in (test_fresh_installation, test_superusers_token, test_guesses_at_once,
                             test_guessed_secrets):
                    tally.run(f"{case.__name__}[{engine}]", case, Browser(server), site)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
