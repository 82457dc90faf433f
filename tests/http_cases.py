#!/usr/bin/env python3
"""Runs .http files against a Nestor: each file on a server and a database of its
own, its cases in order. The format is in tests/README.md.

    tests/http_cases.py --nestor build/check/nestor src/ocl/source/source.http
    tests/http_cases.py --nestor build/check/nestor -k G23 src/ocl/*/*.http

PostgreSQL is the cluster that NESTOR_TEST_PG names (tools/pg-cluster sets it).
"""
import argparse
import http.client
import os
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import openapi
from http_file import FileError, read_file, substitute
from http_match import match_body, match_header, parse_json, pick, show
from http_server import Server, ServerError, curl

SHOWN_LINES = 40    # of an answer's body in a failure
UNTIL_SECONDS = 30  # that what a case waits for may take
UNTIL_PAUSE = 0.05
TOKEN_LENGTH = 20   # shorter words after `Token ` are made up by a case, not secrets
# Members of bodies, of JSON and of forms, that no log may hold.
SECRET = re.compile(r'(?i)(password|secret|token)"?\s*[:=]\s*"?([^"&\s]{10,})')


class Outcome:
    def __init__(self):
        self.passed = 0
        self.failures = []

    def fail(self, path, line, title, details):
        self.failures.append(f"FAIL {path}:{line}: {title}\n" +
                             "".join(f"    {d}\n" for d in "\n".join(details).split("\n")))


class FileRun:
    """The cases of one file; variables live from case to case."""

    def __init__(self, file, server):
        self.file = file
        self.server = server
        place = f"127.0.0.1:{server.port}"
        self.variables = {"admin": server.admin, "host": place, "base": f"http://{place}"}
        self.tokens = {server.admin}
        for name in file.users:
            self.variables[name] = server.make_user(name)
            self.tokens.add(self.variables[name])
        self.document = openapi.document_of(server.request("GET", "/openapi.json").body)

    def run_case(self, case):
        """Returns the details of the first failure, or None."""
        if case.until:
            return self.run_until(case)
        for i in range(1, max(case.repeat, 1) + 1):
            if case.repeat:
                self.variables["i"] = i
            problem = self.run_once(case)
            if problem:
                return ([f"repetition {i}"] if case.repeat else []) + problem
        return None

    def run_until(self, case):
        """Sends the case again until it passes; the details of the last failure, or None."""
        end = time.monotonic() + UNTIL_SECONDS
        problem = self.run_once(case)
        while problem and time.monotonic() < end:
            time.sleep(UNTIL_PAUSE)
            problem = self.run_once(case)
        return problem

    def run_once(self, case):
        line = "(raw request)"
        try:
            if case.raw is not None:
                answer = self.server.ask(raw_bytes(substitute(case.raw, self.variables)))
            else:
                line, answer = self.send(case)
            problems = self.compare(case, answer)
            problems += self.undocumented(case, answer) if case.raw is None else []
            # One difference should not fail all that builds on this case.
            problems += self.capture(case, answer)
            if not problems:
                return None
        except (ValueError, OSError, http.client.HTTPException) as e:
            return [f"{type(e).__name__}: {e}", line]
        return problems + describe(answer) + self.own_words(answer) + [line]

    def send(self, case):
        target = substitute(case.target, self.variables)
        headers = [(n, substitute(v, self.variables)) for n, v in case.headers]
        body = substitute(case.body, self.variables)
        for name, value in headers:
            word = value.split(" ")[-1]
            if name.lower() == "authorization" and len(word) >= TOKEN_LENGTH:
                self.tokens.add(word)
        self.tokens.update(word for _, word in SECRET.findall(body))
        line = curl(self.server.port, case.method, target, headers, body)
        return line, self.server.request(case.method, target, headers, body)

    def compare(self, case, answer):
        problems = []
        if not re.fullmatch(case.status.replace("x", "[0-9]"), answer.status):
            problems.append(f"status: expected {case.status}, got {answer.status}")
        for name, expected in case.expected_headers:
            problems += match_header(name, substitute(expected, self.variables),
                                     answer.values(name))
        expected = case.expected_body
        if expected is not None:
            problems += match_body(substitute(expected, self.variables), answer.body)
        return problems

    def undocumented(self, case, answer):
        """An operation of /openapi.json answers as that says, whatever a case expects."""
        path = substitute(case.target, self.variables).partition("?")[0]
        operations = self.document.operations_of(path)
        operation = operations.get("GET" if case.method == "HEAD" else case.method)
        if not operations or answer.status == "closed" or case.method == "OPTIONS":
            return []
        if operation is None:
            is_served = answer.status.startswith("2")
            return [f"/openapi.json has no {case.method} {path}"] if is_served else []
        headers = http.client.HTTPMessage()
        for name, value in answer.headers:
            headers[name] = value
        why = self.document.unfit(operation,
                                  openapi.Answer(int(answer.status), headers, answer.body),
                                  case.method == "HEAD")
        return [f"/openapi.json, {operation}: {why}"] if why else []

    def capture(self, case, answer):
        problems = []
        for name, source in case.captures:
            try:
                value = captured(answer, source)
            except ValueError as e:
                problems.append(f"> {name} = {source}: {e}")
                continue
            self.variables[name] = value
            # A captured token must stay out of the log like any other.
            if source.endswith((".key", ".token")) and len(value) >= TOKEN_LENGTH:
                self.tokens.add(value)
        return problems

    def own_words(self, answer):
        return ["server log:", self.server.tail(5)] if answer.status.startswith("5") else []


def captured(answer, source):
    if source.startswith("header."):
        values = answer.values(source[len("header."):])
        if not values:
            raise ValueError(f"the answer has no {source}")
        return values[0]
    value = pick(parse_json(answer.body.decode("utf-8")), source[len("body"):])
    return value if isinstance(value, str) else show(value)


def raw_bytes(text):
    r"""Every line gets CR LF, unless it ends in a backslash; \xNN is that byte."""
    data = b""
    for line in text.split("\n"):
        ends_open = line.endswith("\\")
        encoded = (line[:-1] if ends_open else line).encode("utf-8")
        data += re.sub(rb"\\x([0-9a-fA-F]{2})", lambda m: bytes([int(m.group(1), 16)]), encoded)
        data += b"" if ends_open else b"\r\n"
    return data


def describe(answer):
    """The answer as it came, JSON on several lines, cut where it gets long."""
    try:
        text = show(parse_json(answer.body.decode("utf-8")), indent=2)
    except ValueError:
        text = answer.body.decode("utf-8", "replace")
    lines = text.split("\n")
    if len(lines) > SHOWN_LINES:
        lines = lines[:SHOWN_LINES] + [f"... ({len(lines) - SHOWN_LINES} more lines)"]
    return [f"answer: {answer.status}", *(f"{n}: {v}" for n, v in answer.headers), "", *lines, ""]


def wanted(case, text):
    return text in case.title or text in case.path or text in case.rows


def run_file(path, options):
    """A case that is not asked for still runs when a later one that is may need it."""
    out = Outcome()
    try:
        file = read_file(path)
    except (FileError, OSError, UnicodeDecodeError) as e:
        out.fail(path, 1, "the file cannot be read", [str(e)])
        return out
    asked = [i for i, c in enumerate(file.cases) if not options.k or wanted(c, options.k)]
    if not asked:
        return out
    server = None
    try:
        server = Server(options.nestor, file.settings, options.cluster, file.loads,
                        file.vocabularies)
        run = FileRun(file, server)
        for i, case in enumerate(file.cases[:asked[-1] + 1]):
            problem = run.run_case(case)
            if problem and i in asked:
                out.fail(path, case.line, case.title, problem)
            elif i in asked:
                out.passed += 1
        tokens = run.tokens
        running, server = server, None
        for problem in running.stop(tokens):
            out.fail(path, 1, "the server's end", [problem])
    except (ServerError, OSError, http.client.HTTPException) as e:
        out.fail(path, 1, "no server", [str(e)])
    finally:
        if server:
            server.kill()
    return out


def main():
    p = argparse.ArgumentParser(description="Run .http files against a Nestor.",
                                epilog="The format of the files: tests/README.md")
    p.add_argument("--nestor", required=True, metavar="PATH", help="the program under test")
    p.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    p.add_argument("--jobs", type=int, default=1, metavar="N", help="files at a time")
    p.add_argument("-k", metavar="TEXT", help="only cases whose title, rows or path hold TEXT")
    p.add_argument("files", nargs="+", metavar="FILE")
    options = p.parse_args()
    options.cluster = None
    if options.database == "postgresql":
        options.cluster = os.environ.get("NESTOR_TEST_PG")
        if not options.cluster:
            p.error("NESTOR_TEST_PG names no cluster; run through tools/pg-cluster DIR ...")
    passed = failed = 0
    with ThreadPoolExecutor(max(options.jobs, 1)) as pool:
        for path, out in zip(options.files, pool.map(lambda f: run_file(f, options),
                                                     options.files)):
            passed += out.passed
            failed += len(out.failures)
            for failure in out.failures:
                print(failure, flush=True)
            if out.passed and not out.failures:
                print(f"ok {path}: {out.passed} cases", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
