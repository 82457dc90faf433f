"""`nestor health`: 0 when the server of an installation can serve, 1 with a sentence when not,
by whatever it listens on; never longer than its limit.

Usage: health_test.py --nestor PATH
"""
# rows: G159
import os
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import PATIENCE, Site, arguments, engines, Tally  # noqa: E402

LIMIT = 5


def told(p, status, *pieces):
    assert p.returncode == status, (p.returncode, p.stdout, p.stderr)
    for piece in pieces:
        assert piece in p.stdout + p.stderr, (piece, p.stdout, p.stderr)


def by_port(site):
    with site.serve() as server:
        url = f"http://127.0.0.1:{server.port}"
        site.write("data/nestor.conf", f"listen = 127.0.0.1:{server.port}\n")
        told(site.run("health"), 0, f"{url} is ready.")
        told(site.run("health", "--server", url + "/"), 0)
        p = site.run("health", "--quiet", "--listen", f"localhost:{server.port}")
        told(p, 0)
        assert p.stdout == "", p.stdout
        for word, says in (("on", " is ready, and in maintenance."), ("off", " is ready.")):
            told(site.run("maintenance " + word), 0)
            end = time.monotonic() + PATIENCE
            while f"{url}{says}" not in site.run("health").stdout:  # it is seen within a second
                assert time.monotonic() < end, f"never said: {says}"
        # A proxy of the environment has nothing to do with the own machine.
        told(site.run("health", env={"http_proxy": "http://127.0.0.1:9"}), 0)
    told(site.run("health"), 1, f"{url} does not answer: ")
    os.unlink(site.path("data/nestor.conf"))
    with site.serve() as server:  # no folder is needed where the address is said
        told(site.run("health", "--listen", f"127.0.0.1:{server.port}", where=False), 0)
    nowhere = site.path("nowhere")
    p = site.run("health", "--data", nowhere, where=False)
    told(p, 2, f"{nowhere}/secret.key: No such file or directory")
    p = site.run("health", "--data", site.path("admin.token"), where=False)
    told(p, 2, "admin.token/secret.key: Not a directory")


def by_unix_socket(site):
    """All that it listens on here is a socket in the file system."""
    address = "unix:" + site.path("http")
    with site.serve("--listen", address):
        told(site.run("health", "--listen", address), 0, f"{address} is ready.")
    told(site.run("health", "--listen", address), 1, f"{address} does not answer: ")


def without_its_database(site):
    with site.serve() as server:
        address = ("--listen", f"127.0.0.1:{server.port}")
        table = "nst_migration"
        site.execute(f"ALTER TABLE {table} RENAME TO gone")
        told(site.run("health", *address), 1, "is not ready: 503")
        site.execute(f"ALTER TABLE gone RENAME TO {table}")
        told(site.run("health", *address), 0)


def of_one_that_hangs(site):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        began = time.monotonic()
        told(site.run("health", "--listen", f"127.0.0.1:{deaf.getsockname()[1]}"), 1,
             "does not answer: Timeout")
        assert LIMIT - 1 < time.monotonic() - began < 4 * LIMIT


def of_one_that_was_killed(site):
    server = site.serve()
    assert server.is_up(), server.text()
    server.end(signal.SIGKILL)
    told(site.run("health", "--listen", f"127.0.0.1:{server.port}"), 1, "does not answer")


def wrong_usage(site):
    told(site.run("health", "--listen", "127.0.0.1:0"), 2, "port 0: say --server URL")
    told(site.run("health", "surplus"), 2, "surplus")


def main():
    options, tally = arguments(__doc__), Tally()
    for engine, cluster in engines():
        with Site(options.nestor, cluster).init() as site:
            for case in (by_port, by_unix_socket, without_its_database, of_one_that_hangs,
                         of_one_that_was_killed, wrong_usage):
                tally.run(f"{engine}: health {case.__name__.replace('_', ' ')}", case, site)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
