"""Nestor behind nginx, HAProxy and Caddy, as packaging/proxies/ has them: those very files
run, with other ports and paths. TLS and HTTP/2 towards the client, kept connections to Nestor,
client addresses in its log, uploads and long answers piece by piece, health, a certificate that
is exchanged under load, and, by nginx, versions of sources from its cache.

Usage: front_test.py --nestor PATH
"""
# rows: G166
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from support import PATIENCE, Site, Tally, arguments, free_port, free_ports
from stream_test import ALL, NUMBERS, P, TOKEN, UUID

PLACE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/proxies")
HOST = "terms.example.org"
CLIENT = "127.0.0.5"        # the address that clients call from; the proxies' is 127.0.0.1
FORGED = "203.0.113.9"
ROWS = 60_000               # of the long answer, each with a key of KEY bytes
KEY = 250
UPLOAD = 20 << 20
PIECE = 10_000
RETRIES = 20                # of a GET that Caddy did not answer
SOURCE = "/v2/orgs/WHO/sources/ICD/"

NGINX = """
daemon off; {user} pid {work}/pid; error_log {work}/error;
events {{ }}
http {{
    access_log off; client_body_temp_path {work}/body; proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;
    include {work}/nginx.conf;
}}
"""
HAPROXY = "global\n    maxconn 500\n    nbthread 1\n"
CADDY = "{{\n\tadmin unix/{work}/admin\n\thttp_port {plain}\n\tstorage file_system {work}/storage\n}}\n"

# Name: its file; what is around that, as another file that includes it, or in front of it; how it
# is started and told of another certificate (a signal, or a command).
PROXIES = {
    "nginx": ("nginx.conf", ("main", NGINX), ["nginx", "-p", "{work}", "-c", "{work}/main"],
              signal.SIGHUP),
    "haproxy": ("haproxy.cfg", (None, HAPROXY), ["haproxy", "-W", "-f", "{work}/haproxy.cfg"],
                signal.SIGUSR2),
    "caddy": ("Caddyfile", (None, CADDY), ["caddy", "run", "--config", "{work}/Caddyfile"],
              ["caddy", "reload", "--force", "--config", "{work}/Caddyfile", "--address",
               "unix/{work}/admin"]),
}


def make_certificate(folder, number):
    """A new one in the place of the one before, for HOST and signed by itself."""
    names = [os.path.join(folder, n) for n in ("key.pem", "certificate.pem")]
    made = [n + ".new" for n in names]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    f"/CN={HOST} {number}", "-addext", f"subjectAltName=DNS:{HOST}",
                    "-keyout", made[0], "-out", made[1]], check=True, capture_output=True)
    both = os.path.join(folder, "certificate-and-key.pem")
    with open(both + ".new", "wb") as out:
        for name in reversed(made):
            with open(name, "rb") as f:
                out.write(f.read())
    trusted = os.path.join(folder, f"trusted-{number}.pem")
    shutil.copy(made[1], trusted + ".new")
    os.replace(trusted + ".new", trusted)
    for name in (*names, both):
        os.replace(name + ".new", name)


class Front:
    """One of the proxies in front of a backend that need not run yet."""

    def __init__(self, name, folder, backend, changes=None):
        file, (main, around), start, self.again = PROXIES[name]
        self.name, self.work = name, os.path.join(folder, name)
        os.makedirs(self.work)
        make_certificate(self.work, 1)
        self.port, plain = free_ports(2)
        words = {"work": self.work, "plain": plain, "user": "user root;" if os.getuid() == 0 else ""}
        around = around.format(**words)
        with open(os.path.join(PLACE, file), encoding="utf-8") as f:
            text = self.moved(f.read(), backend, changes or {})
        with open(os.path.join(self.work, file), "w", encoding="utf-8") as f:
            f.write(text if main else around + text)
        if main:
            with open(os.path.join(self.work, main), "w", encoding="utf-8") as f:
                f.write(around)
        if isinstance(self.again, list):
            self.again = [w.format(**words) for w in self.again]
        self.environment = {**os.environ, "HOME": self.work, "XDG_DATA_HOME": self.work,
                            "XDG_CONFIG_HOME": self.work,
                            "PATH": os.environ["PATH"] + ":/usr/sbin"}
        self.said = open(os.path.join(self.work, "out"), "wb")
        self.process = subprocess.Popen([w.format(**words) for w in start],
                                        stdin=subprocess.DEVNULL, stdout=self.said,
                                        stderr=self.said, env=self.environment)

    def moved(self, text, backend, changes):
        """The example with the ports and folders of this test; each of these is in it."""
        own = {"nginx": {"listen 443 ": f"listen 127.0.0.1:{self.port} ",
                         "/var/cache/nginx/nestor": self.work + "/cache"},
               "haproxy": {"bind :443 ": f"bind 127.0.0.1:{self.port} ", "inter 2s": "inter 100ms"},
               "caddy": {HOST + " {": f"{HOST}:{self.port} {{",
                         "health_interval 2s": "health_interval 100ms"}}[self.name]
        for old, new in {**own, **changes, "127.0.0.1:8000": f"127.0.0.1:{backend}",
                         "/etc/ssl/nestor": self.work}.items():
            assert old in text, f"{self.name}: the example has no {old}"
            text = text.replace(old, new)
        return text

    def output(self):
        with open(os.path.join(self.work, "out"), encoding="utf-8", errors="replace") as f:
            return f.read()[-2000:]

    def __enter__(self):
        end = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None and time.monotonic() < end, self.output()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except ConnectionError:
                time.sleep(0.02)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.said.close()

    def reload(self):
        if isinstance(self.again, list):
            subprocess.run(self.again, check=True, capture_output=True, env=self.environment,
                           timeout=PATIENCE)
        else:
            self.process.send_signal(self.again)

    def tls(self):
        context = ssl.create_default_context()
        for file in os.listdir(self.work):
            if file.startswith("trusted-") and file.endswith(".pem"):
                context.load_verify_locations(os.path.join(self.work, file))
        return context

    def connect(self, small=False):
        s = socket.socket()
        s.settimeout(PATIENCE)
        if small:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.bind((CLIENT, 0))
        s.connect(("127.0.0.1", self.port))
        return self.tls().wrap_socket(s, server_hostname=HOST)

    def session(self):
        c = http.client.HTTPConnection(HOST, timeout=PATIENCE)
        c.sock = self.connect()
        return c

    def ask(self, path, **headers):
        """(status, headers, body) by a connection of its own."""
        c = self.session()
        c.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = c.getresponse()
        body = answer.read()
        c.close()
        return answer.status, answer.headers, body

    def curl(self, path, *words):
        url = f"https://{HOST}:{self.port}{path}"
        p = subprocess.run(["curl", "-sS", "--http2", "--interface", CLIENT, "--cacert",
                            os.path.join(self.work, "trusted-1.pem"), "--resolve",
                            f"{HOST}:{self.port}:127.0.0.1", *words, url], capture_output=True,
                           text=True, timeout=PATIENCE, check=False)
        assert p.returncode == 0, p.stderr
        return p.stdout


def lines_of(server, event):
    return [line for line in map(json.loads, server.log) if line["event"] == event]


def line_of(server, key):
    server.wait_for(f'"request":"{key}"')
    return next(line for line in lines_of(server, "request") if line["request"] == key)


# ---- What holds behind each of them ----

def http2_and_links(front, _, server):
    out = front.curl("/v2/orgs/?limit=1", "-w", "\n%{http_version} %{http_code}", "-D", "-", "-H",
                     f"Authorization: Token {server.token}")
    assert out.endswith("\n2 200"), out
    link = re.search(r"(?im)^next: (\S+)", out)
    assert link and link[1].startswith(f"https://{HOST}:{front.port}/v2/orgs/?"), out


def addresses_and_ids(front, _, server):
    for forged in (None, FORGED, "127.0.0.1", f"{FORGED}, 127.0.0.1", "nonsense"):
        headers = {"X_Forwarded_For": forged, "X_Request_Id": "forged",
                   "Forwarded": f"for={FORGED}"} if forged else {}
        status, headers, _ = front.ask("/healthz", **headers)
        assert status == 200 and headers["X-Request-Id"] != "forged", headers
        assert line_of(server, headers["X-Request-Id"])["peer"] == CLIENT, forged


def throttled_by_client(front, _, server):
    """Who guesses passwords is stopped, and nobody else behind the proxy."""
    def sign_in():
        c = front.session()
        c.request("POST", "/v2/users/login/", json.dumps({"username": "nobody", "password": "x"}),
                  {"Content-Type": "application/json"})
        answer = c.getresponse()
        c.close()
        return answer.status
    assert [sign_in() for _ in range(21)][-1] == 429
    direct = server.client("")
    assert direct.ask("POST", "/v2/users/login/",
                      {"username": "nobody", "password": "x"}).status in (400, 401)


def connections_to(port):
    """How many this machine has, or had within the last minute, to that port."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        return sum(line.split()[2].endswith(f":{port:04X}") for line in list(f)[1:])


def connections_are_kept(front, _, server):
    before = connections_to(server.port)
    for _ in range(10):
        c = front.session()
        for _ in range(4):
            c.request("GET", "/healthz")
            assert c.getresponse().read()
        c.close()
    assert connections_to(server.port) - before <= 10, connections_to(server.port) - before


def received(s):
    """What has come by now, or comes soon."""
    s.settimeout(0.02)
    try:
        return s.recv(65536)
    except TimeoutError:
        return b""
    finally:
        s.settimeout(PATIENCE)


def uploads_pass_through(front, _, server):
    """Refused before they are sent; whole, of any size."""
    head = f"POST /v2/importers/bulk-import/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {UPLOAD}\r\n"
    with front.connect() as s:
        s.sendall(f"{head}Authorization: Token wrong\r\n\r\n".encode())
        answer, sent = b"", 0
        while not answer and sent < UPLOAD // 2:
            s.sendall(b"\n" * PIECE)
            sent += PIECE
            answer = received(s)
        assert b" 401 " in answer.split(b"\r\n")[0], f"{answer[:100]} after {sent}"
    path = os.path.join(front.work, "lines.jsonl")
    with open(path, "w", encoding="ascii") as f:
        f.write(json.dumps({"type": "Organization", "id": front.name, "name": front.name}))
        f.write("\n" * UPLOAD)
    out = front.curl("/v2/importers/bulk-import/", "-w", "\n%{http_version} %{http_code}", "-H",
                     f"Authorization: Token {server.token}", "-H", "Expect:", "-H",
                     "Content-Type: application/json", "--data-binary", f"@{path}")
    assert out.endswith("\n2 202"), out[-500:]
    client, end = server.client(), time.monotonic() + PATIENCE
    while client.ask("GET", f"/v2/orgs/{front.name}/").status != 200:
        assert time.monotonic() < end, "the upload was not imported"
        time.sleep(0.05)


def answers_pass_through(front, _, server):
    """The first bytes arrive, and the last are never made when the client goes away then."""
    cut = len(lines_of(server, "request cut"))
    with front.connect(small=True) as s:
        s.sendall(f"GET {P}{ALL} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
                  .encode())
        assert b" 200 " in s.recv(1000).split(b"\r\n")[0]
        assert not any(line["path"] == P and line["peer"] == CLIENT and line["bytes"] > ROWS * KEY
                       for line in lines_of(server, "request")), "all of it was made"
    end = time.monotonic() + PATIENCE
    while len(lines_of(server, "request cut")) == cut:
        assert time.monotonic() < end, "the proxy has taken all of it"
        time.sleep(0.02)
    assert lines_of(server, "request cut")[-1]["bytes"] < ROWS * KEY


def shown_certificate(front):
    """(Digest of the one that a request was answered under, status)."""
    c = front.session()
    digest = hashlib.sha256(c.sock.getpeercert(True)).hexdigest()
    c.request("GET", "/healthz")
    status = c.getresponse().status
    c.close()
    return digest, status


def asked_again(front, changes):
    """The same as clients of Caddy see it, who send a GET once more: while it changes over it
    closes connections without an answer, and cuts off requests that are under way (502); on a
    busy machine it may hold the server to be down until it has looked again (503)."""
    for _ in range(RETRIES if front.name == "caddy" else 0):
        try:
            digest, status = shown_certificate(front)
            if status not in (502, 503) or not changes.is_set():
                return digest, status
        except (http.client.RemoteDisconnected, ConnectionResetError):
            if not changes.is_set():
                raise
        time.sleep(0.2)
    return shown_certificate(front)


def certificate_is_exchanged(front, *_):
    """Under load, without a request that fails."""
    seen, faults, over, changes = [], [], threading.Event(), threading.Event()

    def load():
        while not over.is_set():
            try:
                digest, status = asked_again(front, changes)
                assert status == 200, status
                seen.append(digest)
            except Exception as e:  # pylint: disable=broad-except
                faults.append(repr(e))

    def until(condition):
        end = time.monotonic() + PATIENCE
        while not condition() and not faults:
            assert time.monotonic() < end, f"{len(seen)} requests, {len(set(seen))} certificates"
            time.sleep(0.01)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for t in threads:
        t.start()
    try:
        until(lambda: len(seen) > 20)
        assert len(set(seen)) == 1
        make_certificate(front.work, 2)
        changes.set()
        front.reload()
        until(lambda: len(set(seen)) == 2 and len(set(seen[-20:])) == 1)
    finally:
        over.set()
        for t in threads:
            t.join(PATIENCE)
    assert not faults, faults[:3]
    assert seen[-1] != seen[0], "the new certificate is not shown"


def away_and_back(front, start, server):
    server.stop()
    status = front.ask("/healthz")[0]
    assert status in (502, 503, 504), status
    with start() as again:
        end = time.monotonic() + PATIENCE
        while front.ask("/readyz")[0] != 200:
            assert time.monotonic() < end, "the proxy never came back to it"
            time.sleep(0.02)
        assert again.is_up()


# ---- nginx's cache ----

def versions_from_the_cache(front, _, server):
    """What everybody may read of a version comes from the cache the second time; what belongs to
    somebody, never."""
    path = SOURCE + "v1/concepts/"
    states = [front.ask(path)[1]["X-Cache"] for _ in range(2)]
    assert states == ["MISS", "HIT"], states
    assert front.ask(path)[2] == server.client("").ask("GET", path).body
    for more in ({"Authorization": f"Token {server.token}"}, {"Cookie": "sessionid=x"}):
        for _ in range(2):
            assert front.ask(path, **more)[1]["X-Cache"] == "BYPASS", more
    for path in (SOURCE + "HEAD/concepts/", SOURCE + "latest/concepts/", SOURCE + "concepts/",
                 SOURCE + "v1/", SOURCE + "concepts/A/mappings/"):
        status, headers, _ = front.ask(path)
        assert status == 200 and "X-Cache" not in headers, path


def private_ones_are_not_kept(front, _, server):
    path = SOURCE.replace("ICD", "Hidden") + "v1/concepts/"
    for _ in range(2):
        status, headers, body = front.ask(path, Authorization=f"Token {server.token}")
        assert (status, headers["X-Cache"]) == (200, "BYPASS") and b"Disease" in body, status
        status, headers, body = front.ask(path)
        assert status in (401, 403, 404) and headers["X-Cache"] in ("MISS", "EXPIRED"), status
        assert b"Disease" not in body


def private_ones_leave_the_cache(site, start):
    """When their time is over, whether Nestor is there or not."""
    place = SOURCE.replace("ICD", "Withdrawn")
    path = place + "v1/concepts/"
    with start() as server, Front("nginx", site.path("short"), server.port,
                                  {"proxy_cache_valid 200 10m": "proxy_cache_valid 200 1s"}) as front:
        assert b"Disease" in front.ask(path)[2]
        server.client().expect(200, "PUT", place, {"public_access": "None"})
        end = time.monotonic() + PATIENCE
        while front.ask(path)[0] == 200:
            assert time.monotonic() < end, "it is shown for ever"
            time.sleep(0.05)
        assert front.ask(path)[0] in (401, 403, 404)
        server.stop()
        for _ in range(3):
            status, headers, body = front.ask(path)
            assert status == 502 and b"Disease" not in body, (status, headers["X-Cache"])


CASES = (http2_and_links, addresses_and_ids, throttled_by_client, connections_are_kept,
         uploads_pass_through, answers_pass_through, certificate_is_exchanged)


def fill(site, client):
    for name, access in (("ICD", "View"), ("Hidden", "None"), ("Withdrawn", "View")):
        place = f"/v2/orgs/WHO/sources/{name}/"
        if name == "ICD":
            client.expect(201, "POST", "/v2/orgs/", {"id": "WHO", "name": "WHO"})
        client.expect(201, "POST", "/v2/orgs/WHO/sources/",
                      {"id": name, "name": name, "public_access": access})
        client.expect(201, "POST", place + "concepts/",
                      {"id": "A", "concept_class": "Diagnosis", "datatype": "N/A",
                       "names": [{"name": "Disease", "locale": "en"}]})
        client.expect(201, "POST", place + "versions/", {"id": "v1", "released": True})
    site.execute(NUMBERS[False].format(ROWS) + f"""
INSERT INTO program_enrollment (id, program_id, program_uuid, external_user_key, curriculum_uuid,
  status, created_at, modified_at) SELECT i, (SELECT id FROM program), '{UUID}',
  'x' || i || '{"y" * KEY}', '{UUID}', 'enrolled', 0, 0 FROM n""")


def run_behind(tally, site, name, start):
    cases = CASES + ((versions_from_the_cache, private_ones_are_not_kept) if name == "nginx" else ())
    server = start()
    with Front(name, site.work, server.port) as front:
        for case in cases:
            tally.run(f"{name}: {case.__name__}", case, front, start, server)
        tally.run(f"{name}: {away_and_back.__name__}", away_and_back, front, start, server)


def main():
    options = arguments(__doc__)
    tally = Tally()
    with Site(options.nestor) as site:
        site.init()
        port = free_port()
        document = {"users": [{"username": "registrar", "is_staff": True, "token": TOKEN}],
                    "programs": [{"uuid": UUID}]}
        p = site.run("load", site.write("catalog.json", json.dumps(document)))
        assert p.returncode == 0, p.stderr

        def start():
            return site.serve("--listen", f"127.0.0.1:{port}", "--set",
                              "http.trusted_proxies=127.0.0.1")

        with start() as server:
            fill(site, server.client())
        for name in PROXIES:
            began = time.monotonic()
            run_behind(tally, site, name, start)
            if name == "nginx":
                tally.run(f"{name}: {private_ones_leave_the_cache.__name__}",
                          private_ones_leave_the_cache, site, start)
            print(f"   {name}: {time.monotonic() - began:.1f} s", flush=True)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
