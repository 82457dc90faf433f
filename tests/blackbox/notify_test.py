"""What the service manager hears of a server, as systemd would: it is ready when it
answers, lives as long as its loops do, reads again on SIGHUP, and says when it stops; and
the socket that it hands over is served.

Usage: notify_test.py --nestor PATH
"""
# Any build
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import PATIENCE, Site, Tally, arguments  # noqa: E402
from http_server import REPORTS, environment  # noqa: E402

# Fills the queue of NOTIFY_SOCKET, then starts the server.
FULL = """python3 -c '
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setblocking(False)
try:
    while True:
        s.sendto(b"FULL=1", os.environ["NOTIFY_SOCKET"])
except BlockingIOError:
    pass
' && exec "$@"
"""
WATCHDOG = 400_000  # microseconds: a quarter of it between two signs of life


class Manager:
    """The other end of NOTIFY_SOCKET, and a server that it started."""

    def __init__(self, site, name, *words, script="exec \"$@\"", fds=(), env=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.settimeout(PATIENCE)
        self.log = open(site.path("server.log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["sh", "-c", script, "sh", site.nestor, "serve", *site.where(), *words],
            env={**environment(), "NOTIFY_SOCKET": name, **(env or {})}, stderr=self.log,
            pass_fds=fds)

    def hear(self):
        """The next message, as a dictionary."""
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))

    def hear_until(self, name):
        """The first message that says it; what came before."""
        before = []
        while True:
            message = self.hear()
            if name in message:
                return message, before
            before.append(message)

    def address(self):
        """Where it listens, out of its log."""
        with open(self.log.name, encoding="utf-8") as f:
            for line in f:
                if '"listening"' in line:
                    return int(line.split('"port":')[1].split(",")[0].rstrip("}\n"))
        raise AssertionError("it was ready before it listened")

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        self.log.seek(0)
        text = self.log.read()
        self.log.close()
        self.socket.close()
        assert not any(r in text for r in REPORTS), text[-3000:]
        assert status == 0, (status, text[-2000:])


def get(connection, path="/healthz"):
    connection.request("GET", path)
    return connection.getresponse().status


def it_is_ready_when_it_answers(site, name):
    manager = Manager(site, name, "--listen", "127.0.0.1:0")
    ready, before = manager.hear_until("READY")
    assert ready == {"READY": "1", "STATUS": "Serving"}, ready
    assert [list(m) for m in before] == [["STATUS"]] and "database" in before[0]["STATUS"], before
    assert get(http.client.HTTPConnection("127.0.0.1", manager.address())) == 200
    manager.process.send_signal(signal.SIGTERM)
    stopping, before = manager.hear_until("STOPPING")
    assert stopping["STOPPING"] == "1" and before == [], (stopping, before)  # and no watchdog
    manager.end()


def it_is_ready_in_a_file(site):
    it_is_ready_when_it_answers(site, site.path("notify"))


def it_is_ready_in_an_abstract_socket(site):
    it_is_ready_when_it_answers(site, f"@nestor-test-{os.getpid()}")


def it_is_ready_for_a_manager_that_is_busy(site):
    """What it says is not lost while the manager's queue is full."""
    name = site.path("busy")
    manager = Manager(site, name, "--listen", "127.0.0.1:0", script=FULL)
    end = time.monotonic() + PATIENCE
    while '"listening"' not in open(manager.log.name, encoding="utf-8").read():
        assert time.monotonic() < end
        time.sleep(0.01)
    ready, before = manager.hear_until("READY")
    assert len(before) >= 10 and all("FULL" in m for m in before), before
    manager.end()


def it_gives_signs_of_life(site):
    manager = Manager(site, site.path("alive"), "--listen", "127.0.0.1:0",
                      env={"WATCHDOG_USEC": str(WATCHDOG)})
    manager.hear_until("READY")
    began = time.monotonic()
    for _ in range(8):
        _, before = manager.hear_until("WATCHDOG")
        assert before == [], before
    # Twice as often as it must, at least; a machine with much to do gets some time.
    assert time.monotonic() - began < 8 * WATCHDOG / 1e6, time.monotonic() - began
    manager.end()


def others_get_no_signs_of_life(site):
    manager = Manager(site, site.path("other"), "--listen", "127.0.0.1:0",
                      env={"WATCHDOG_USEC": str(WATCHDOG), "WATCHDOG_PID": "1"})
    manager.hear_until("READY")
    time.sleep(WATCHDOG / 1e6)
    manager.process.send_signal(signal.SIGTERM)
    assert manager.hear_until("STOPPING")[1] == []
    manager.end()


def it_tells_of_reading_again(site):
    manager = Manager(site, site.path("again"), "--listen", "127.0.0.1:0")
    manager.hear_until("READY")
    for _ in range(2):
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        manager.process.send_signal(signal.SIGHUP)
        again = manager.hear()
        assert again["RELOADING"] == "1" and int(again["MONOTONIC_USEC"]) >= now, (again, now)
        assert manager.hear() == {"READY": "1"}
    manager.end()


def uploading(port, token):
    """A connection with a request in flight that never ends: it has begun, as the server says."""
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    client.sendall(f"POST /v2/orgs/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token {token}\r\n"
                   "Content-Type: application/json\r\nContent-Length: 10\r\n"
                   "Expect: 100-continue\r\n\r\n".encode())
    assert client.recv(4096).startswith(b"HTTP/1.1 100 "), "no upload"
    return client


def a_second_signal_waits_for_nobody(site):
    """And the manager hears how long the stop may take without one."""
    for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM),
                          (signal.SIGTERM, signal.SIGINT)):
        with tempfile.TemporaryDirectory() as folder:
            manager = Manager(site, folder + "/n", "--listen", "127.0.0.1:0", "--set",
                              "http.drain_seconds=3600", "--set", "http.request_seconds=3600")
            manager.hear_until("READY")
            with uploading(manager.address(), site.token) as client:
                manager.process.send_signal(first)
                stopping, _ = manager.hear_until("STOPPING")
                assert int(stopping["EXTEND_TIMEOUT_USEC"]) > 3600e6, stopping
                manager.process.send_signal(signal.SIGHUP)  # is no matter
                assert manager.process.poll() is None
                manager.end(second)
                try:
                    assert client.recv(1) == b""
                except ConnectionResetError:
                    pass


def sockets_of_the_manager_are_served(site):
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        mine.listen(16)
        port = mine.getsockname()[1]
        # A client that comes before the server waits for it.
        early = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        early.connect()
        script = f"LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\" 3<&{mine.fileno()}"
        manager = Manager(site, site.path("handed"), "--listen", "127.0.0.1:1", script=script,
                          fds=(mine.fileno(),))
        manager.hear_until("READY")
        assert get(early) == 200
        told = next(line for line in map(json.loads, open(manager.log.name, encoding="utf-8"))
                    if line["event"] == "listening")
        assert told["address"] == f"127.0.0.1:{port}" and told["port"] == port, told
        assert told["url"] == f"http://127.0.0.1:{port}", told
        manager.end()
        # The socket stays the manager's: whoever comes between two servers waits.
        between = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        between.connect()
        manager = Manager(site, site.path("again2"), script=script, fds=(mine.fileno(),))
        manager.hear_until("READY")
        assert get(between) == 200
        manager.end()


def sign_in(port, address):
    """The status of a wrong password from the address."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE, source_address=(address, 0))
    c.request("POST", "/accounts/sign-in/", '{"username":"somebody","password":"wrong"}',
              {"Content-Type": "application/json"})
    return c.getresponse().status


def clients_of_a_socket_for_both_families_are_several(site):
    """Who guesses from one address of the old family locks out that one; the log has it as others
    write it."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as both:
        script = f"LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\" 3<&{both.fileno()}"
        manager = Manager(site, site.path("both"), script=script, fds=(both.fileno(),))
        manager.hear_until("READY")
        port = both.getsockname()[1]
        assert [sign_in(port, "127.0.0.1") for _ in range(21)] == [400] * 20 + [429]
        assert sign_in(port, "127.0.0.2") == 400
        end = time.monotonic() + PATIENCE  # a line is written behind its answer
        peers = []
        while len(peers) < 22 and time.monotonic() < end:
            with open(manager.log.name, encoding="utf-8") as f:
                peers = [json.loads(line)["peer"] for line in f
                         if line.endswith("}\n") and '"request"' in line]
        assert peers == ["127.0.0.1"] * 21 + ["127.0.0.2"], peers
        manager.end()


def sockets_of_other_kinds_are_named_after_none(site):
    """A socket that is neither TCP nor a file is not told of as an address of TCP."""
    with socket.socket(socket.AF_VSOCK) as other:
        other.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
        other.listen(1)
        script = f"LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\" 3<&{other.fileno()}"
        manager = Manager(site, site.path("vsock"), script=script, fds=(other.fileno(),))
        manager.hear_until("READY")
        told = next(line for line in map(json.loads, open(manager.log.name, encoding="utf-8"))
                    if line["event"] == "listening")
        assert told["address"] == f"family {int(socket.AF_VSOCK)}" and told["port"] == 0, told
        manager.end()


def nonsense_in_the_environment_is_no_matter(site):
    for name, value in (("NOTIFY_SOCKET", "nowhere"), ("NOTIFY_SOCKET", "/" + "x" * 200),
                        ("WATCHDOG_USEC", "soon"), ("WATCHDOG_USEC", "-5")):
        with site.serve(env={name: value}) as server:
            assert server.client().ask("GET", "/healthz").status == 200


def main():
    options = arguments(__doc__)
    tally = Tally()
    with Site(options.nestor).init() as site:
        for case in (it_is_ready_in_a_file, it_is_ready_in_an_abstract_socket,
                     it_is_ready_for_a_manager_that_is_busy, it_gives_signs_of_life,
                     others_get_no_signs_of_life, it_tells_of_reading_again,
                     a_second_signal_waits_for_nobody,
                     sockets_of_the_manager_are_served,
                     clients_of_a_socket_for_both_families_are_several,
                     sockets_of_other_kinds_are_named_after_none,
                     nonsense_in_the_environment_is_no_matter):
            tally.run(case.__name__.replace("_", " "), case, site)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
