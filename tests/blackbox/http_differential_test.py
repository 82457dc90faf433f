#!/usr/bin/env python3
"""The strict reader against llhttp, the parser of Node, from Python's httptools: what we
take it takes, with the same method, target, fields and body, and the same end. Where it
takes less, the request is taken as soon as the place that it minds is plain, and the
rest must be the same. What it takes and we refuse is refused by a rule that stands below.

Usage: http_differential_test.py --nestor PATH [--probe-dir DIR] [--mutations N] [--seed N]

By the way the driver reads everything cut at every position. httptools is installed from
PyPI into DIR/httptools, once.
"""
import argparse
import collections
import glob
import itertools
import os
import random
import re
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import http_corpus  # noqa: E402
from support import Tally  # noqa: E402

HTTPTOOLS = "httptools==0.9.0"
BATCH = 20000
CUTS_OF_CORPUS = 400  # positions of a request; of longer ones about so many
SHOWN = 5

# What we refuse and llhttp takes, by our error and sentence, and why.
REFUSED = {
    "malformed: The method is malformed.":
        "a bare LF in front of the request line is no CRLF (RFC 9112, 2.2)",
    "malformed: The request target is malformed.":
        "two blanks, HTTP/0.9, a fragment, user names, other schemes, and CONNECT, which is a "
        "proxy's (RFC 9112, 3 and 3.2)",
    "malformed: The request line is malformed.":
        "blanks beyond the one in front of the version (RFC 9112, 3)",
    "http_version: ":
        "HTTP/2.0 and 0.9 are not what we speak",
    "malformed: A request needs exactly one Host.":
        "none, or several (RFC 9112, 3.2)",
    "malformed: Host is malformed.":
        "bytes that no host has (RFC 9110, 7.2)",
    "malformed: Transfer-Encoding must be chunked.":
        "other codings in front of it, which we do not have, and any in HTTP/1.0 "
        "(RFC 9112, 6.1)",
    "malformed: The length of the body is stated more than once.":
        "two Transfer-Encodings, whose list two servers may read as two",
    "malformed: A line must end with CR and LF.":
        "a CR without its LF among empty lines in front",
    "malformed: The body has too much beside its data.":
        "a bound of ours: extensions, trailers",
    "malformed: A chunk is malformed.":
        "a bound of ours: 32 digits of a size",
    "uri_too_long: ": "a limit of ours",
    "headers_too_large: ": "a limit of ours",
    "headers_too_large: The request has too many header fields.": "a limit of ours",
    "too_large: ": "a limit of the driver",
}

PREFACE = "Expected HTTP/2 Connection Preface"

# What llhttp refuses and we take, by its sentence; why; and what makes it plain.
TAKEN = {
    "Invalid method encountered":
        "it has a closed list of methods; with us the application answers 405",
    "Expected space after method": "the same, where one of its methods begins ours",
    "Invalid method for HTTP/x.x request":
        "the same, for methods of other protocols",
    PREFACE: "the same, for PRI",
    "Expected SOURCE method for ICE/x.x request":
        "the same",
    "Invalid char in url path":
        "bytes above 0x7F in a target, which clients send (reader.h)",
    "Invalid char in url query":
        "the same",
    "Invalid characters in url":
        "the same",
    "Invalid character in chunk extensions":
        "extensions end with the line whatever they are; they are skipped",
    "Invalid character in chunk extensions name": "the same",
    "Invalid character in chunk extensions value": "the same",
    "Invalid character in chunk extensions quoted value": "the same",
    "Invalid character in chunk extensions quote value": "the same",
    "Invalid quoted-pair in chunk extensions quoted value": "the same",
    "Content-Length can't be present with Transfer-Encoding":
        "in trailers, which are dropped (RFC 9110, 6.5.1)",
    "Invalid `Transfer-Encoding` header value": "the same",
    "Empty Transfer-Encoding": "the same",
    "Request has invalid `Transfer-Encoding`":
        "a tab behind the value does not belong to it (RFC 9110, 5.5)",
    "upgrade":
        "httptools takes no body after Upgrade; we never upgrade, and read it (RFC 9110, 7.8)",
}


class Disagreement(Exception):
    pass


def install(folder):
    """Make httptools importable; a sentence when it cannot be had."""
    venv = os.path.join(folder, "httptools")
    pip = os.path.join(venv, "bin", "pip")
    if not glob.glob(os.path.join(venv, "lib", "python*", "site-packages", HTTPTOOLS.replace("==",
                     "-") + ".*")):
        for command in ([sys.executable, "-m", "venv", "--clear", venv],
                        [pip, "install", "--quiet", "--disable-pip-version-check", HTTPTOOLS]):
            p = subprocess.run(command, capture_output=True, text=True, check=False)
            if p.returncode != 0:
                last = (p.stderr or p.stdout).strip().split("\n")[-1]
                return (f"{HTTPTOOLS} is needed and cannot be installed: is PyPI reachable, and "
                        f"python3-venv there? {' '.join(command[1:])}: {last}")
    sys.path[:0] = glob.glob(os.path.join(venv, "lib", "python*", "site-packages"))
    return None


class Ours:
    """What the driver said of a request; see tests/unit/http/read_requests.c."""
    __slots__ = ("verdict", "rule", "used", "keeps", "method", "target", "fields", "body")

    def __init__(self, answer):
        (verdict, key, sentence, used, keeps, self.method, path, query, authority, fields,
         self.body) = answer.split(b"\0", 10)
        self.verdict = verdict.decode()
        self.rule = f"{key.decode()}: {sentence.decode()}"
        self.used, self.keeps = int(used), keeps == b"1"
        self.target = (path, query, authority)
        self.fields = [tuple(f.split(b":", 1)) for f in fields.split(b"\n")[:-1]]

    def has(self, name):
        return any(n.lower() == name for n, _ in self.fields)


def read_by_us(driver, texts, cuts):
    given = b"".join(struct.pack("<I", len(t)) + t for t in texts)
    p = subprocess.run([driver, str(cuts)], input=given, capture_output=True, check=False)
    if p.returncode != 0:
        raise Disagreement(f"the driver ended with {p.returncode}: {p.stderr.decode()[-3000:]}")
    at = 0
    for _ in texts:
        (n,) = struct.unpack_from("<I", p.stdout, at)
        yield Ours(p.stdout[at + 4:at + 4 + n])
        at += 4 + n


class Theirs:
    """What llhttp made of the bytes before `end`, of which the last comes alone: the
    message must be complete then, and not sooner."""

    def __init__(self, text, end):
        import httptools  # pylint: disable=import-outside-toplevel,import-error
        self.url = self.body = b""
        self.method = None
        self.fields = []
        self.has_head = self.is_complete = self.is_early = False
        self.sentence = None
        self.parser = httptools.HttpRequestParser(self)
        try:
            self.parser.feed_data(text[:end - 1])
            self.is_early = self.is_complete
            self.parser.feed_data(text[end - 1:end])
        except httptools.HttpParserUpgrade:
            self.sentence = "upgrade"
        except httptools.HttpParserError as e:
            self.sentence = str(e.args[0])

    def on_url(self, url):
        self.url += url

    def on_header(self, name, value):
        if not self.has_head:  # else it is a trailer
            self.fields.append((name, value.strip(b" \t")))

    def on_headers_complete(self):
        self.has_head = True
        self.method = self.parser.get_method()
        self.keeps = self.parser.should_keep_alive()

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.is_complete = True


ABSOLUTE = re.compile(rb"https?://([^/?]*)", re.IGNORECASE)


def parts_of(url, method):
    """Path, query with its mark, and authority, as reader.h promises them."""
    absolute = ABSOLUTE.match(url)
    rest = url[absolute.end():] if absolute else url
    path, mark, query = rest.partition(b"?")
    if absolute and not path:
        path = b"*" if method == b"OPTIONS" and not mark else b"/"
    return path, mark + query, absolute.group(1) if absolute else b""


def excuses_closing(ours):
    """llhttp reads Proxy-Connection, which no standard has, as Connection; and in HTTP/1.0
    keep-alive wins over close, against RFC 9112, 9.3. We drop parameters of tokens."""
    said = b",".join(value.lower() for name, value in ours.fields if name.lower() == b"connection")
    return ours.has(b"proxy-connection") or b";" in said or (not ours.keeps and b"close" in said)


def difference(ours, theirs):
    """What the readings of a request that both took do not agree on, or None."""
    if not theirs.is_complete:
        return f"llhttp: {theirs.sentence or 'wants more'}"
    if theirs.is_early:
        return "the end: llhttp has it sooner"
    if theirs.method != ours.method:
        return f"the method: {theirs.method}, {ours.method}"
    if parts_of(theirs.url, ours.method) != ours.target:
        return f"the target: {theirs.url}, {ours.target}"
    if theirs.fields != ours.fields:
        return f"the fields: {theirs.fields}, {ours.fields}"
    if theirs.body != ours.body:
        return f"the body: {theirs.body}, {ours.body}"
    if theirs.keeps != ours.keeps and not excuses_closing(ours):
        return f"keeping the connection: {theirs.keeps}, {ours.keeps}"
    return None


def plain_chunks(body):
    """A body in chunks without extensions and trailers."""
    out, at = b"", 0
    while True:
        end = body.index(b"\r\n", at)
        size = body[at:end].split(b";")[0]
        if int(size, 16) == 0:
            return out + size + b"\r\n\r\n"
        data = end + 2 + int(size, 16) + 2
        out += size + body[end:data]
        at = data


def without_upgrade(text):
    return re.sub(rb"(?im)^Upgrade:", b"Xpgrade:", text)


def plain(text, ours):
    """The request, made such that llhttp has nothing to mind."""
    head_end = text.index(b"\r\n\r\n", len(text) - len(text.lstrip(b"\r\n"))) + 4
    head, body = text[:head_end].lstrip(b"\r\n"), text[head_end:ours.used]
    line, rest = head.split(b"\r\n", 1)
    _, target, version = line.split(b" ")
    target = bytes(b if b < 0x80 else 0x78 for b in target)
    rest = without_upgrade(rest)
    rest = re.sub(rb"[ \t]+\r\n", b"\r\n", rest)
    if ours.has(b"transfer-encoding"):
        body = plain_chunks(body)
    return b"GET " + target + b" " + version + b"\r\n" + rest + body


def same_but_plain(ours):
    """What we understood, as of the plain request."""
    path, query, authority = (bytes(b if b < 0x80 else 0x78 for b in part) for part in ours.target)
    if ours.method == b"OPTIONS" and path == b"*" and authority:
        path = b"/"
    ours.target = (path, query, authority)
    ours.method = b"GET"
    ours.fields = [(b"Xpgrade" if name.lower() == b"upgrade" else name, value)
                   for name, value in ours.fields]
    return ours


class Comparison:
    def __init__(self, driver):
        self.driver = driver
        self.done = self.refused = 0
        self.rules, self.excuses = collections.Counter(), collections.Counter()
        self.findings = []

    def judge_taken(self, text, ours):
        theirs = Theirs(text, ours.used)
        problem = difference(ours, theirs)
        if problem is None:
            return
        excuse = theirs.sentence or (PREFACE if ours.method == b"PRI" else None)
        if excuse not in TAKEN:
            raise Disagreement(problem)
        self.excuses[excuse] += 1
        again = plain(text, ours)
        problem = difference(same_but_plain(ours), Theirs(again, len(again)))
        if problem is not None:
            raise Disagreement(f"{excuse}; and of {again!r}: {problem}")

    def judge_refused(self, text, ours):
        """In the head, llhttp takes what has a head for it; in the body, what has an end."""
        theirs = Theirs(without_upgrade(text), len(text))
        if not (theirs.is_complete or (theirs.has_head and theirs.sentence is None)):
            return
        self.rules[ours.rule] += 1
        if ours.rule not in REFUSED:
            raise Disagreement(f"an unknown rule refused it: {ours.rule}")

    def judge(self, text, ours):
        if ours.verdict == "done":
            self.done += 1
            self.judge_taken(text, ours)
        elif ours.verdict == "refused":
            self.refused += 1
            self.judge_refused(text, ours)
        elif ours.verdict == "cut":
            raise Disagreement(f"{ours.rule} depends on the cuts")
        elif text and Theirs(without_upgrade(text), len(text)).is_complete:
            raise Disagreement("we want more, and llhttp does not")

    def run(self, texts, cuts):
        """Returns how many requests there were."""
        count, texts = 0, iter(texts)
        while batch := list(itertools.islice(texts, BATCH)):
            for text, ours in zip(batch, read_by_us(self.driver, batch, cuts)):
                try:
                    self.judge(text, ours)
                except Disagreement as e:
                    self.findings.append(f"{e}\n    {text[:600]!r}")
            count += len(batch)
        return count

    def check(self):
        found = "\n    ".join(self.findings[:SHOWN])
        assert not self.findings, f"{len(self.findings)} disagreements\n    {found}"


def compare_corpus(driver, seed):
    texts = http_corpus.corpus(seed)
    c = Comparison(driver)
    c.run(texts, CUTS_OF_CORPUS)
    tell(c, f"corpus of {len(texts)} requests")
    c.check()
    assert len(texts) >= 2000
    dead = REFUSED.keys() - c.rules.keys()
    assert not dead, f"rules of which the corpus has no case: {sorted(dead)}"


def texts_to_change(driver, seed):
    """Three that are taken to one that is not: a change makes few better."""
    texts = [t for t in http_corpus.corpus(seed) if len(t) < 600]
    is_taken = [ours.verdict == "done" for ours in read_by_us(driver, texts, 1)]
    taken = list(itertools.compress(texts, is_taken))
    return taken * 3 + random.Random(seed).sample(texts, len(taken))


def compare_mutations(driver, seed, count):
    c = Comparison(driver)
    begun = time.monotonic()
    texts = texts_to_change(driver, seed)
    c.run(itertools.islice(http_corpus.mutations(random.Random(seed), texts), count), 1)
    tell(c, f"{count} mutations in {time.monotonic() - begun:.0f} s")
    c.check()


def tell(c, what):
    print(f"{what}: {c.done} taken, {c.refused} refused; of these llhttp takes {c.rules.total()}")
    for title, counts in (("we refuse", c.rules), ("llhttp refuses", c.excuses)):
        for rule, n in counts.most_common():
            print(f"  {title} {n:8} {rule}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nestor", help="not used")
    parser.add_argument("--probe-dir", default="build/check", help="the build folder")
    parser.add_argument("--mutations", type=int, default=200000)
    parser.add_argument("--seed", type=int, default=1)
    chosen, _ = parser.parse_known_args()
    driver = os.path.join(chosen.probe_dir, "tests/unit/http/read_requests")
    tally = Tally()
    missing = install(os.path.join(chosen.probe_dir, ".."))
    if missing:
        tally.fail("httptools", missing)
        return tally.finish()
    tally.run("corpus", compare_corpus, driver, chosen.seed)
    tally.run("mutations", compare_mutations, driver, chosen.seed, chosen.mutations)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
