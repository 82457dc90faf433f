"""What the benchmarks share: an installation in a temporary folder, servers on
it, load by wrk, and the table that they print. What counts are ratios of loads
that took turns inside one run: absolute numbers tell more about the machine than
about the program."""
import argparse
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 60  # seconds; only a broken server makes anybody wait so long
LEFT_OUT = 77  # the exit status by which test harnesses know what was skipped
DISTURBED = 0.2  # processors; beyond it requests a second mean little
HEAD = ("goal", "what", "measured", "against", "ratio", "wanted")


class Failure(Exception):
    """Ends the benchmark with a sentence for the user and exit status 1."""


class Missing(Failure):
    """The same for want of a package: exit status LEFT_OUT."""


# ---- Command lines ----

def parser(prog, description):
    p = argparse.ArgumentParser(prog=prog, description=description)
    p.add_argument("--nestor", default=os.path.join(ROOT, "build/release/nestor"), metavar="FILE",
                   help="a release build (default: build/release/nestor)")
    p.add_argument("--rounds", type=int, default=5, metavar="N",
                   help="rounds, of which the median counts (default: %(default)s)")
    p.add_argument("--seconds", type=float, default=3, metavar="S",
                   help="length of one load (default: %(default)s)")
    p.add_argument("--work", metavar="DIR",
                   help="where the temporary data goes (default: the system's place)")
    p.add_argument("--old", metavar="DIR",
                   help="a release build of another version that takes turns, where the "
                        "benchmark has a row for it")
    p.add_argument("--rows", action="store_true", help="leave out the head of the table")
    return p


def run(main, parsed):
    """Calls main with a folder of its own. The exit status tells whether the benchmark
    worked, never what it found."""
    name = os.path.basename(sys.argv[0])
    if not os.access(parsed.nestor, os.X_OK):
        print(f"{name}: {parsed.nestor} is missing: meson setup build/release "
              "-Dbuildtype=release && ninja -C build/release", file=sys.stderr)
        return 1
    work = tempfile.mkdtemp(prefix="nestor-bench-", dir=parsed.work)
    try:
        rows = main(parsed, work)
        print_table(rows, with_head=not parsed.rows)
    except (Failure, OSError, subprocess.SubprocessError) as e:
        print(f"{name}: {e}", file=sys.stderr)
        return LEFT_OUT if isinstance(e, Missing) else 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


clock = time.perf_counter


def say(text):
    print(text, file=sys.stderr, flush=True)


def helper(parsed, name):
    """A C program of this folder, built beside the server."""
    path = os.path.join(os.path.dirname(os.path.abspath(parsed.nestor)), "bench", name)
    if not os.access(path, os.X_OK):
        raise Missing(f"{name} is not built: tools/install-packages bench, then build with "
                      "-Dbench=true")
    return path


# ---- Tables ----

def print_table(rows, with_head=True):
    if with_head:
        print("| " + " | ".join(HEAD) + " |")
        print("|" + "---|" * len(HEAD))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    sys.stdout.flush()


def median(values):
    return statistics.median(values)


def rates(loads):
    return [one.rate for one in loads]


def per_second(loads):
    return f"{median(rates(loads)):,.0f} req/s"


def micros(loads):
    return f"{median([one.cpu for one in loads]) * 1e6:.1f} us CPU"


def cpu_ratio(over, under):
    return ratio([one.cpu for one in over], [one.cpu for one in under])


def ratio(over, under):
    """Median of the ratios of the rounds, with their range."""
    each = [a / b for a, b in zip(over, under)]
    return f"{median(each):.2f} ({min(each):.2f}–{max(each):.2f})"


# ---- Installations and servers ----

def check(command, **more):
    p = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if p.returncode != 0:
        raise Failure(f"`{' '.join(command[:2])}` ended with {p.returncode}: "
                      f"{(p.stderr or p.stdout).strip()}")
    return p.stdout


def write_lines(path, lines):
    with open(path, "w", encoding="utf-8") as out:
        for line in lines:
            out.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    return path


class Site:
    """An installation: `nestor init` and the administrator's token. `database` has the
    `url` of a PostgreSQL database; None is SQLite."""

    def __init__(self, nestor, folder, database=None):
        self.nestor = nestor
        self.database = database
        self.data = os.path.join(folder, "data")
        token_file = os.path.join(folder, "token")
        check([nestor, "init", *self.where(), "--admin", "admin",
               "--admin-token-file", token_file])
        with open(token_file, encoding="ascii") as f:
            self.authorization = "Token " + f.read().strip()

    def where(self):
        there = ["--data", self.data]
        return there + (["--database", self.database.url] if self.database else [])

    def load(self, path):
        check([self.nestor, "import", *self.where(), path])

    def serve(self, *settings, env=None):
        return Server(self, settings, env)


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Program:
    """A program that listens and has its own way to tell the port; for a with
    statement. Its diagnostics are what `nestor serve` logs."""

    def __init__(self, command, env=None):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, **(env or {})})
        self.port = self.find_port()
        if self.port is None:
            raise Failure(f"{command[0]} ended with {self.process.wait()} before it listened")

    def find_port(self):
        line = self.process.stdout.readline()
        return int(line) if line else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)
        self.process.stdout.close()
        self.process.stderr.close()

    def cpu(self):
        """Processor seconds used so far, in all threads, in user and kernel."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


class Server(Program):
    """`nestor serve` on a free port, with a log that stays almost empty."""

    def __init__(self, site, settings, env=None):
        self.site = site
        command = [site.nestor, "serve", *site.where(), "--listen", "127.0.0.1:0",
                   "--set", "log.access=false"]
        for setting in settings:
            command += ["--set", setting]
        super().__init__(command, env)

    def find_port(self):
        for line in self.process.stderr:
            if b'"listening"' in line:
                return json.loads(line)["port"]
        return None

    def resident(self):
        """Resident memory in bytes."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def ask(self, path, method="GET", body=None, headers=None):
        """One exchange; returns status, headers and body."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        sent = {"Authorization": self.site.authorization, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
            body = json.dumps(body)
        c.request(method, path, body, sent)
        answer = c.getresponse()
        text = answer.read()
        c.close()
        return answer.status, answer.headers, text

    def expect(self, status, path, **more):
        found, headers, text = self.ask(path, **more)
        if found != status:
            raise Failure(f"{path} answered {found} instead of {status}: {text[:300]!r}")
        return headers, text


# ---- Load ----

@dataclass
class Load:
    rate: float     # answers a second
    cpu: float      # processor seconds of the program for an answer
    p50: float      # seconds
    p99: float
    others: float   # processors that other programs kept busy meanwhile


def busy():
    """Processor seconds used so far by all programs, and by wrk among them."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _, _, irq, softirq = map(int, f.readline().split()[1:8])
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (user + nice + system + irq + softirq) / TICKS, used.ru_utime + used.ru_stime


def load(program, script, arguments, connections, seconds):
    """One load by wrk on a program that listens."""
    if shutil.which("wrk") is None:
        raise Missing("wrk is missing: tools/install-packages bench")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s",
               os.path.join(HERE, script), f"http://127.0.0.1:{program.port}", "--", *arguments]
    begun, before, (all_before, wrk_before) = clock(), program.cpu(), busy()
    out = check(command)
    used, (all_after, wrk_after) = program.cpu() - before, busy()
    others = (all_after - all_before - used - (wrk_after - wrk_before)) / (clock() - begun)
    for line in out.splitlines():
        if line.startswith("RESULT "):
            answers, micros, p50, p99, refused, broken = map(float, line.split()[1:])
            if refused or broken or not answers:
                raise Failure(f"of {answers:.0f} answers {refused:.0f} were refusals, and "
                              f"{broken:.0f} connections broke")
            return Load(answers / micros * 1e6, used / answers, p50 / 1e6, p99 / 1e6,
                        max(others, 0))
    raise Failure(f"wrk gave no result: {out.strip()}")


def take_turns(rounds, variants):
    """Runs each variant once a round, in turn; returns its loads by name."""
    found = {name: [] for name in variants}
    for i in range(rounds):
        for name, variant in variants.items():
            result = variant()
            found[name].append(result)
            say(f"  round {i + 1}, {name}: {result.rate:.0f}/s, {result.cpu * 1e6:.1f} us CPU, "
                f"others {result.others:.1f}")
    others = median([one.others for loads in found.values() for one in loads])
    if others > DISTURBED:
        say(f"  other programs kept {others:.1f} processors busy: trust ratios of CPU time, not of "
            "requests a second")
    return found


def open_connections(server, count, path):
    """Keep-alive connections, each with one exchange behind it."""
    request = (f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
               f"Authorization: {server.site.authorization}\r\n\r\n").encode("ascii")
    found = []
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        s.sendall(request)
        found.append(s)
        answer = http.client.HTTPResponse(s)
        answer.begin()
        answer.read()
        if answer.status != 200:
            raise Failure(f"{path} answered {answer.status}")
    return found
