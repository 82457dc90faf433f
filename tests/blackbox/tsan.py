"""Mixed load on the HTTP layer built with ThreadSanitizer: answers at once, later and
in pieces, bodies, resets, and a stop in the middle of it all. Ends with an error when
there was a report.

Usage: tsan.py PROBE NESTOR, both built with -Db_sanitize=thread
"""
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from support import Site

SECONDS = 5
THREADS = 8

PROBE_PATHS = ("/", "/later", "/json?3000", "/stream?5x2000", "/stream/later?5x2000", "/none",
               "/counted/later?3x70000")
NESTOR_PATHS = ("/healthz", "/guide/orgs/", "/guide/orgs/?limit=1", "/readyz", "/none")


def request(method, path, body="", headers=""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: a\r\n{headers}{length}\r\n{body}".encode()


class Load:
    """What one thread sends until it is told to end; the seed makes it its own."""

    def __init__(self, port, paths, write, seed):
        self.port, self.paths, self.write = port, paths, write
        self.random = random.Random(seed)
        self.is_over = False
        self.sent = 0

    def run(self):
        while not self.is_over:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 20) as s:
                    s.settimeout(20)
                    self.talk(s)
            except OSError:
                time.sleep(0.01)

    def talk(self, s):
        for _ in range(self.random.randrange(1, 8)):
            path = self.random.choice(self.paths)
            data = request("GET", path) if self.random.random() < 0.6 else self.write(self.random)
            s.sendall(data[:self.random.randrange(1, len(data))] if self.random.random() < 0.1
                      else data)
            self.sent += 1
            if self.random.random() < 0.1:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
        s.shutdown(socket.SHUT_WR)
        while s.recv(65536):
            pass


def press(port, paths, write, stop):
    loads = [Load(port, paths, write, seed) for seed in range(THREADS)]
    threads = [threading.Thread(target=one.run) for one in loads]
    for t in threads:
        t.start()
    time.sleep(SECONDS)
    stop()  # under load
    for one in loads:
        one.is_over = True
    for t in threads:
        t.join()
    return sum(one.sent for one in loads)


def check(name, status, log, sent):
    is_good = status == 0 and "ThreadSanitizer" not in log and sent > 0
    print(f"{'ok' if is_good else 'FAIL'} {name}: {sent} requests")
    if not is_good:
        print(f"ended with {status}:\n{log[:6000]}")
    return is_good


def probe(path):
    with tempfile.TemporaryFile("w+") as log:
        p = subprocess.Popen([path, "loops=2", "drain=3"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=log, text=True)
        port = int(p.stdout.readline())
        sent = press(port, PROBE_PATHS, lambda r: request(
            "POST", r.choice(("/echo", "/later")), "b" * r.choice((1, 999, 5000))),
            p.stdin.close)
        status = p.wait(60)
        p.stdout.close()
        log.seek(0)
        return check("probe", status, log.read(), sent)


def nestor(path):
    with Site(path) as site:
        server = site.init().serve("--set", "http.loops=2")
        headers = f"Authorization: Token {site.token}\r\nContent-Type: application/json\r\n"
        sent = press(server.port, NESTOR_PATHS, lambda r: request(
            "POST", "/guide/orgs/", f'{{"id": "o{r.randrange(1 << 30)}", "name": "n"}}', headers),
            lambda: server.process.send_signal(signal.SIGTERM))
        status = server.process.wait(60)
        server.reader.join(20)
        return check("nestor", status, server.text(), sent)


def main():
    results = [probe(os.path.abspath(sys.argv[1])), nestor(os.path.abspath(sys.argv[2]))]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
