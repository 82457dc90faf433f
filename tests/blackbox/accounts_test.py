"""Accounts from the outside: tokens with names and ends, passwords, sign-in links,
removal, and what the log keeps to itself.

Usage: accounts_test.py --nestor PATH
"""
import sys

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


def main():
    options = arguments(__doc__)
    tally = Tally()
    for engine, cluster in engines():
        with Site(options.nestor, cluster) as site:
            site.init()
            with site.serve() as server:
                for case in (test_fresh_installation,):
                    tally.run(f"{case.__name__}[{engine}]", case, Browser(server), site)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
