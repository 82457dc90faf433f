"""`nestor doctor` of what is around an installation: the disk that fills, memory, the database's
clock, the certificate that clients are shown; and as JSON. What it finds of settings, files and
rows is in cli_test.py.

Usage: doctor_test.py --nestor PATH
"""
# rows: G161
import contextlib
import http.server
import json
import os
import re
import shutil
import ssl
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import Clock, Site, Tally, arguments, engines  # noqa: E402

DAY = 86400
COARSE = 120  # seconds between samples of the ring that has 14 days
HEADER, FIGURES = 64, 12  # bytes; of a sample
SLOT = 8 * (FIGURES + 2)
DATABASE = 6  # which of the figures


def without_numbers(text):
    """Time goes on between two looks."""
    return re.sub("[0-9]+", "N", text)


def findings(site, *words, env=None):
    """Those of `--json`, and that the exit code and the sentences fit."""
    p = site.run("doctor", "--json", *words, env=env)
    told = json.loads(p.stdout)
    warnings = [f for f in told["findings"] if f["level"] == "warning"]
    assert told["faults"] == len(warnings) and p.returncode == bool(warnings), (p, told)
    text = without_numbers(site.run("doctor", *words, env=env).stdout)
    for f in told["findings"]:
        assert set(f) == {"check", "level", "text"} and f["level"] in ("warning", "note"), f
        assert f"{f['level']}: {without_numbers(f['text'])}\n" in text, (f, text)
    return {f["check"]: f["text"] for f in told["findings"]}


def as_json(site):
    assert findings(site) == {}
    told = findings(site, "--set", "tasks.fetch=any", "--set", "http.connections=1000000")
    assert set(told) == {"fetch", "files"}, told
    p = site.run("doctor", "--set", "http.connections=1000000", "--json")
    assert p.returncode == 0 and json.loads(p.stdout)["faults"] == 0, p.stdout


def misset(site):
    """A program that reads the object is told of a mistake that stops the next start."""
    conf = site.write("data/nestor.conf", "log.levle = info\nhttp.loops = x\n")
    p = site.run("doctor", "--json")
    told = json.loads(p.stdout)
    assert p.returncode == 2 and told["faults"] == 2 and "log.levle" in p.stderr, p
    assert [f["check"] for f in told["findings"]] == ["settings"] * 2, told
    assert told["findings"][0]["text"].startswith(f"{conf}:1: "), told
    os.unlink(conf)
    p = site.run("doctor", "--json", "--set", "nonsense")
    assert p.returncode == 2 and "name=value" in json.loads(p.stdout)["findings"][0]["text"], p
    for value in ("ftp://x/y", "no://such"):
        p = site.run("doctor", "--set", "auth.jwt.jwks=" + value)
        assert p.returncode == 1 and f"auth.jwt.jwks: {value} cannot be read" in p.stdout, p.stdout
    p = site.run("doctor", "--set", "auth.jwt.jwks=HTTPS://example.org/keys")
    assert "jwks" not in p.stdout, p.stdout
    p = site.run("doctor", "--jsn")
    assert p.returncode == 2 and p.stdout == "", p


def without_its_store(site):
    """What needs no database is looked at although it cannot be opened."""
    told = findings(site, "--database", "postgresql://127.0.0.1:9/none", "--set",
                    "tasks.fetch=any")
    assert set(told) == {"store", "fetch"}, told


def at_risk(site):
    """Files that others can read or write, and settings; each is found, and alone."""
    os.makedirs(site.path("elsewhere"), mode=0o700, exist_ok=True)
    tasks = os.path.join(site.data, "tasks")
    os.makedirs(tasks, mode=0o700, exist_ok=True)
    last = os.path.join(site.data, "last-backup.json")
    for path, mode, wrong in ((site.data, 0o700, 0o777), (tasks, 0o700, 0o755),
                              (site.path("data/ada.token"), 0o600, 0o644)):
        with contextlib.suppress(IsADirectoryError):
            open(path, "a", encoding="ascii").close()
        os.chmod(path, wrong)
        told = findings(site)
        assert set(told) == {"modes"} and path in told["modes"], told
        os.chmod(path, mode)
    assert findings(site) == {}
    for text, words in (("{}", "is damaged"), ("", "is damaged"),
                        ('{"time":"2999-01-01T00:00:00Z"}', "a time to come")):
        site.write("data/last-backup.json", text)
        assert words in findings(site).get("backup", ""), (text, findings(site))
    assert site.run("backup", "--to", site.path("backups")).returncode == 0
    for setting, check in (("http.trusted_proxies=10.0.0.0/8 fc00::/7", None),
                           ("http.trusted_proxies=0.0.0.0/1 128.0.0.0/1", "proxies"),
                           ("http.trusted_proxies=::/1", "proxies"),
                           ("metrics.listen=0.0.0.0:9464", "metrics"),
                           ("metrics.listen=127.0.0.1:9464", None),
                           ("auth.jwt.secret_file=/nowhere/x", "keys"),
                           ("auth.jwt.jwks=/nowhere/x", "keys")):
        assert set(findings(site, "--set", setting)) == ({check} if check else set()), setting
    site.write("data/nestor.conf", "database = postgresql://u:secret@127.0.0.1:9/x\n")
    os.chmod(site.path("data/nestor.conf"), 0o644)
    if not site.database:
        assert set(findings(site)) == {"modes", "store"}
    os.unlink(site.path("data/nestor.conf"))


# ---- The disk ----

def checksum(data):
    """nst_str_hash of bytes whose number divides by 8."""
    h = 0x9E3779B97F4A7C15 ^ len(data)
    for word, in struct.iter_unpack("<Q", data):
        h = (h ^ word) * 0xD6E8FEB86659FD93 % 2**64
        h ^= h >> 32
    h = (h ^ h >> 29) * 0xBF58476D1CE4E5B9 % 2**64
    return h ^ h >> 32


def keep(path, at, size):
    """A sample of that time in the ring of two minutes, with a database of that size."""
    at -= at % COARSE
    values = [float("nan")] * FIGURES
    values[DATABASE] = float(size)
    data = struct.pack(f"<q{FIGURES}d", at, *values)
    place = DAY // 10 + at // COARSE % (14 * DAY // COARSE)
    with open(path, "r+b") as f:
        f.seek(HEADER + place * SLOT)
        f.write(data + struct.pack("<Q", checksum(data)))


def growth(site):
    """The samples tell how fast; a day of them is the least, and a file that shrank fills nothing."""
    path = os.path.join(site.data, "history.samples")
    with site.serve():
        pass
    room = shutil.disk_usage(site.data).free
    now = int(time.time())
    keep(path, now - DAY // 2, 1000)
    keep(path, now, room)
    assert "growth" not in findings(site), "half a day is no trend"
    keep(path, now - 2 * DAY, 1000)
    told = findings(site)["growth"]
    assert "MiB a day" in told and "full in 2 days" in told, told
    keep(path, now, room // 100)
    assert "growth" not in findings(site), "200 days are enough"
    keep(path, now, 10)
    assert "growth" not in findings(site)
    with open(path, "wb") as f:
        f.write(b"something else")
    assert findings(site) == {}


def memory(site):
    """Of a machine that says it has 50 MiB left of 8 GiB."""
    said = site.write("meminfo", "MemTotal:        8388608 kB\nMemFree:           1024 kB\n"
                                 "MemAvailable:      51200 kB\n")
    command = f'mount --bind "{said}" /proc/meminfo && exec "$@"'
    p = subprocess.run(["unshare", "-m", "sh", "-c", command, "sh", site.nestor, "doctor",
                        *site.where()], capture_output=True, text=True, check=False)
    assert p.returncode == 1 and "has 50 MiB of memory left" in p.stdout, (p.stdout, p.stderr)


# ---- The certificate ----

@contextlib.contextmanager
def https(site, name, days):
    """A server with a certificate for that name; yields its port."""
    key, certificate = site.path("key.pem"), site.path("certificate.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                    "-out", certificate, "-days", str(days), "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=DNS:" + name], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def certificate_of(site, port, env=None):
    return findings(site, "--set", f"http.public_url=https://localhost:{port}",
                    env=env).get("certificate")


def certificates(site):
    with https(site, "localhost", 6) as port:
        told = certificate_of(site, port)
        assert re.search("ends in [56] days; renew it", told), told
        clock = Clock(site)
        clock.set("+7d")
        assert "has ended" in certificate_of(site, port, clock.env)
    with https(site, "localhost", 90) as port:
        assert "signed by nobody whom this machine trusts" in certificate_of(site, port)
    with https(site, "other.example", 90) as port:
        assert "is not for that name" in certificate_of(site, port)
    told = certificate_of(site, port)
    assert told is not None and "does not answer from here" in told, told
    p = site.run("doctor", "--set", f"http.public_url=https://localhost:{port}")
    assert p.returncode == 0 and p.stdout.startswith("note: "), p


# ---- The clock ----

def clock_of_database(site):
    clock = Clock(site)
    clock.set("+1h")
    told = findings(site, env=clock.env).get("clocks", "")
    assert "behind this one's" in told and told.split()[7] in ("3599", "3600"), told


def main():
    nestor = arguments("Test nestor doctor of what is around an installation.").nestor
    tally = Tally()
    for engine, cluster in engines():
        with Site(nestor, cluster) as site:
            site.init()
            assert findings(site) == {}
            secret = os.path.join(site.data, "secret.key")
            os.utime(secret, (time.time() - 9 * DAY,) * 2)
            assert set(findings(site)) == {"backup"}, "nobody has made one yet"
            assert site.run("backup", "--to", site.path("backups")).returncode == 0
            cases = [as_json, misset, certificates, without_its_store, at_risk]
            cases += [clock_of_database] if cluster else [growth]
            cases += [memory] if os.geteuid() == 0 and not cluster else []
            for case in cases:
                tally.run(f"{engine}: {case.__name__}", case, site)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
