"""Requests for http_differential_test.py, made by rules from a seed: plain ones, each
rule of RFC 9112 kept and broken, and the published vectors of request smuggling."""
import itertools
import pathlib
import random

END = b"\r\n"
ROOT = pathlib.Path(__file__).resolve().parents[2]

METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"CONNECT",
           b"PROPFIND", b"get", b"Get", b"FOO", b"!#$%&'*+-.^_`|~", b"A" * 32, b"A" * 33, b"",
           b"G T",
           b"PRI", b"DESCRIBE", b"SOURCE", b"GE\tT", b"G(T", b"\x80"]
TARGETS = [b"/", b"/a/b?c=d", b"/?", b"//a", b"/a?b?c", b"/%00%zz", b"/\xc3\xa4?\xff",
           b"/\"<>\\^`{|}",
           b"*", b"a", b"", b"?a", b"/a#b", b"/a?b#c", b"/\x7f", b"/a\tb", b"/a b", b"a:80",
           b"[::1]:80",
           b"http://b/c?d", b"HTTPS://b:8/c", b"http://b", b"http://b?c", b"http:///c", b"http://",
           b"http://u@b/", b"http://[::1]/", b"ftp://b/c", b"http:/b", b"http://b\\c/",
           b"http://b^c/",
           b"/" + b"a" * 7999, b"/" + b"a" * 8000]
VERSIONS = [b" HTTP/1.1", b" HTTP/1.0", b" HTTP/1.2", b" HTTP/2.0", b" HTTP/0.9", b" HTTP/3.0", b"",
            b" http/1.1", b" HTTP/1.1 ", b"  HTTP/1.1", b"\tHTTP/1.1", b" HTTP/1.10", b" HTTP/11",
            b" HTTP/1",
            b" HTTP/1.1\t", b" RTSP/1.0", b" ICE/1.0", b" HTTP/+1.1"]
HOSTS = [b"Host: a", b"host:a:80", b"Host:\t a.b \t", b"Host:", b"Host: [::1]:8", b"",
         b"Host: a\r\nHost: a",
         b"Host: a\r\nHost: b", b"Host: a b", b"Host: a,b", b"Host: u@a", b"Host: a/b", b"Host : a",
         b" Host: a", b"Host: a\x00", b"Host\t: a", b"Host: \xe4", b"Host: a|b"]
FIELDS = [b"Accept: */*", b"A:", b"A: \t ", b"A: b  c\t", b"A: \xff\x80", b"!#$%&'*+-.^_`|~: x",
          b"A: b\x00",
          b"A: \x01", b"A: \x7f", b"A: b\r\n c", b"A:\r\n b", b"A: b\r\n\tc", b"A", b"A b: c",
          b"A : b", b": b",
          b"A\xff: b", b"A: b\rB: c", b"A: b\nB: c", b"(A): b", b"A\x00: b", b"Connection: close",
          b"Connection: keep-alive", b"Connection: a, close", b"Connection: closed",
          b"Connection: close, keep-alive", b"Connection: keep-alive\r\nConnection: close",
          b"Connection: close;q=0", b"Connection: Upgrade\r\nUpgrade: h2c", b"Upgrade: websocket",
          b"Expect: 100-continue", b"Expect: y 100-continue", b"Expect: 100-continue\r\nExpect: x",
          b"Proxy-Connection: close", b"X-Request-Id: a\"b", b"Cookie: " + b"a=b; " * 200,
          b"HTTP2-Settings: x", b"Content-Type: a/b"]

# The value of Transfer-Encoding, or the whole of its line, as the tools of Kettle (2019 to
# 2025), Linhart, Grenfeldt and others spell it.
CODINGS = [b"chunked", b"CHUNKED", b"Chunked", b"xchunked", b"x", b"identity", b"chunk",
           b"chunked, cow",
           b"cow, chunked", b"chunked, identity", b"identity, chunked", b"chunked,chunked",
           b"gzip, chunked",
           b",chunked", b"chunked,", b"\"chunked\"", b"'chunked'", b"chunked;a=b", b"chunked ;",
           b"\tchunked",
           b"\x0bchunked", b"\x0cchunked", b"chunked\x0b", b"chunked\x00", b"\x00chunked",
           b"\xa0chunked",
           b"\xffchunked", b"chunked \t", b"chun\rked", b"\\chunked", b"", b"chunked\r\n x",
           b"\r\n chunked",
           b"\nchunked", b"\r chunked", b"ch\xc5\xabnked", b"=?iso-8859-1?B?Y2h1bmtlZA==?=",
           b"chunked\r\nTransfer-Encoding: chunked", b"chunked\r\nTransfer-Encoding: x",
           b"x\r\nTransfer-Encoding: chunked", b"\r\nTransfer-Encoding: chunked",
           b"identity\r\nTransfer-Encoding: chunked"]
CODING_LINES = [b"Transfer-Encoding:chunked", b"Transfer-Encoding : chunked",
                b"Transfer-Encoding\t: chunked",
                b" Transfer-Encoding: chunked", b"\tTransfer-Encoding: chunked",
                b"Transfer_Encoding: chunked",
                b"Transfer Encoding: chunked", b"Transfer-Encoding\n: chunked",
                b"Transfer-Encoding\r\n: chunked",
                b"Transfer-Encoding\x00: chunked", b"Transfer-Encoding;: chunked",
                b"\x00Transfer-Encoding: chunked",
                b"\x0bTransfer-Encoding: chunked", b"Transf\xc3\xa9r-Encoding: chunked",
                b"Content-Encoding: chunked",
                b"Foo: bar\r\n Transfer-Encoding: chunked", b"Foo: bar\nTransfer-Encoding: chunked",
                b"Foo: bar\rTransfer-Encoding: chunked",
                b"Foo: bar\r\r\nTransfer-Encoding: chunked",
                b"Foo\r\nTransfer-Encoding: chunked", b"\nTransfer-Encoding: chunked",
                b"X: X\x00\r\nTransfer-Encoding: chunked",
                b"Transfer-encoding: chunked\r\nTransfer-encoding: cow",
                b"TRANSFER-ENCODING: chunked",
                b"Transfer-Encoding", b"Transfer-Encoding=chunked", b"Transfer-Encoding: chunked\r",
                b"Transfer-Encoding chunked", b"Transfer-Encoding:\xa0chunked"]
LENGTHS = [b"5", b"0", b"05", b"+5", b"-5", b"5 ", b"\t5", b"5, 5", b"5,5", b"5 5", b"0x5", b"5.0",
           b"5e0", b"5_0",
           b"", b"\"5\"", b"5\x00", b"\x0b5", b"5\x0b", b"5;", b"\xb2", b"5\r\n 5", b"\r\n 5",
           b"6", b"4",
           b"18446744073709551615", b"18446744073709551616", b"18446744073709551621", b"9" * 40,
           b"65536", b"65537",
           b"5\r\nContent-Length: 5", b"5\r\nContent-Length: 6", b"5\r\nContent-Length:",
           b"5\r\ncontent-length: 0",
           b"0\r\nContent-Length: 5"]
LENGTH_LINES = [b"Content-Length : 5", b" Content-Length: 5", b"Content_Length: 5",
                b"Content-Length\x00: 5",
                b"Content-Length\t: 5", b"Content-Length\n: 5", b"Foo: bar\nContent-Length: 5",
                b"Content-Length:5",
                b"Content Length: 5", b"Content-Length", b"CONTENT-LENGTH: 5",
                b"Content-Length: 5\r",
                b"Foo: bar\r\n Content-Length: 5", b"X-Content-Length: 5", b"Content-Length;: 5"]
HELLO = b"5\r\nhello\r\n"
SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: b\r\n\r\n"
CHUNKS = [HELLO + b"0\r\n\r\n", b"0\r\n\r\n", b"5;a\r\nhello\r\n0\r\n\r\n",
          b"5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n",
          b"5;\r\nhello\r\n0\r\n\r\n", b"5 ;a\r\nhello\r\n0\r\n\r\n",
          b"5; a = b\r\nhello\r\n0\r\n\r\n",
          b"5;;\r\nhello\r\n0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n", b" 5\r\nhello\r\n0\r\n\r\n",
          b"\t5\r\nhello\r\n0\r\n\r\n", b"5\t\r\nhello\r\n0\r\n\r\n",
          b"5;a=\"b\\\"\r\nhello\r\n0\r\n\r\n",
          b"5;a=\xff\r\nhello\r\n0\r\n\r\n", b"5;a\x00\r\nhello\r\n0\r\n\r\n",
          b"5;a\nhello\r\n0\r\n\r\n",
          b"5;\nhello\r\n0\r\n\r\n", b"5;a\rb\r\nhello\r\n0\r\n\r\n",
          b"5;a\r\r\nhello\r\n0\r\n\r\n",
          b"5\nhello\r\n0\r\n\r\n", b"5\rhello\r\n0\r\n\r\n", b"5\n\rhello\r\n0\r\n\r\n",
          b"5\r\nhello\n0\r\n\r\n",
          b"5\r\nhello\r0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5\r\nhelloX\n0\r\n\r\n",
          b"5\r\nhello\r\n0\n\n",
          b"5\r\nhello\r\n0\r\n\n", b"5\r\nhello\r\n0\r\n\rX", b"5\r\nhello\r\n0\n\r\n",
          b"5\r\nhello\r\n\r\n0\r\n\r\n",
          b"05\r\nhello\r\n000\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n",
          b"-5\r\nhello\r\n0\r\n\r\n",
          b"0_5\r\nhello\r\n0\r\n\r\n", b"5.\r\nhello\r\n0\r\n\r\n", b"g\r\nhello\r\n0\r\n\r\n",
          b"\r\nhello\r\n0\r\n\r\n",
          b";a\r\nhello\r\n0\r\n\r\n", b"4\r\nhello\r\n0\r\n\r\n", b"6\r\nhello\r\n0\r\n\r\n",
          b"A\r\nhello" + b"56789\r\n0\r\n\r\n",
          b"a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", b"0" * 31 + HELLO + b"0\r\n\r\n",
          b"0" * 32 + HELLO + b"0\r\n\r\n", b"10000000000000005\r\nhello\r\n0\r\n\r\n",
          b"FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
          b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n", b"100000005\r\nhello\r\n0\r\n\r\n",
          b"10001\r\nhello\r\n0\r\n\r\n",
          HELLO + b"0\r\nT: u\r\n\r\n", HELLO + b"0\r\nT: u\r\nV:\r\nW: \t x \r\n\r\n",
          HELLO + b"0\r\nContent-Length: 5\r\n\r\n",
          HELLO + b"0\r\nTransfer-Encoding: chunked\r\n\r\n", HELLO + b"0\r\nHost: b\r\n\r\n",
          HELLO + b"0\r\nT: u\r\n v\r\n\r\n",
          HELLO + b"0\r\n T: u\r\n\r\n", HELLO + b"0\r\nT : u\r\n\r\n", HELLO + b"0\r\nT\r\n\r\n",
          HELLO + b"0\r\n: u\r\n\r\n",
          HELLO + b"0\r\nT: \x00\r\n\r\n", HELLO + b"0\r\nT: u\n\r\n",
          HELLO + b"0\r\nConnection: close\r\n\r\n",
          HELLO + b"0\r\n" + b"T: u\r\n" * 101 + b"\r\n", b"1\r\nZ\r\nQ\r\n\r\n",
          b"3\r\nabc\r\nX\r\n",
          b"1\r\na\r\n" * 50 + b"0\r\n\r\n", b"5;" + b"a" * 16384 + b"\r\nhello\r\n0\r\n\r\n",
          HELLO, HELLO + b"0\r\n", b"5\r\nhel"]
LINES = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b" \r\n", b"\x0b\r\n", b"\x85", b"\r\n ",
         b"\x00\r\n", b"\r\n\r\n"]


def request(method=b"GET", target=b"/", version=b" HTTP/1.1", fields=(b"Host: a",), body=b"",
end=END):
    head = b"".join(line + end for line in (method + b" " + target + version, *fields) if line)
    return head + END + body


def post(*fields, body=b""):
    return request(b"POST", fields=(b"Host: a", *fields), body=body)


def systematic():
    """Each part in all its forms, the rest being plain; then parts by pairs."""
    yield from (request(m, t) for m in METHODS for t in TARGETS)
    yield from (request(m, version=v) for m in (b"GET", b"POST") for v in VERSIONS)
    yield from (request(b"GET", t, v) for t in TARGETS[:8] for v in VERSIONS)
    yield from (request(version=v, fields=(h,)) for h in HOSTS for v in VERSIONS[:2])
    yield from (request(b"OPTIONS", t, fields=(h,)) for t in TARGETS[18:24] for h in HOSTS)
    yield from (request(version=v, fields=(b"Host: a", f)) for f in FIELDS for v in VERSIONS[:2])
    yield from (request(fields=(f, b"Host: a", g)) for f in FIELDS[:12] for g in FIELDS)
    yield from (request(end=e) for e in LINES)
    yield from (e + request() for e in LINES + [b"\r\n" * 9, b" ", b"\t", b"\x00", b"x\r\n",
                b"\r\n" * 8193])
    yield from (post(b"Content-Length: 5", f, body=b"hello" + SMUGGLED) for f in FIELDS)
    for n in (99, 100, 101):
        yield request(fields=[b"Host: a"] + [b"a: b"] * (n - 1))
    for n in (16383, 16384, 16385):
        yield request(fields=(b"Host: a", b"a: " + b"b" * (n - len(request(fields=(b"Host: a",
                      b"a: "))))))
    for c in range(256):
        byte = bytes([c])
        yield request(b"G" + byte + b"T")
        yield request(target=b"/a" + byte + b"b")
        yield request(fields=(b"Host: a", b"a" + byte + b"b: c"))
        yield request(fields=(b"Host: a", b"a: b" + byte + b"c"))
        yield request(fields=(b"Host: a" + byte + b"b",))
        yield request(target=b"http://a" + byte + b"b/")


def smuggling():
    codings = [b"Transfer-Encoding: " + c for c in CODINGS] + CODING_LINES
    lengths = [b"Content-Length: " + n for n in LENGTHS] + LENGTH_LINES
    plain = b"Transfer-Encoding: chunked"
    yield from (post(c, body=b + SMUGGLED) for c in codings for b in CHUNKS[:2])
    yield from (post(n, body=b"hello" + SMUGGLED) for n in lengths)
    yield from (post(c, b"Content-Length: 4", body=HELLO + b"0\r\n\r\n" + SMUGGLED)
                for c in codings)
    yield from (post(b"Content-Length: 4", c, body=HELLO + b"0\r\n\r\n") for c in codings)
    yield from (post(n, plain, body=HELLO + b"0\r\n\r\n") for n in lengths)
    yield from (post(plain, body=b + SMUGGLED) for b in CHUNKS)
    yield from (request(b"POST", version=b" HTTP/1.0", fields=(b"Host: a", c,
                b"Connection: keep-alive"), body=CHUNKS[0])
                for c in codings)
    for n in lengths:  # CL.0 and 0.CL
        yield request(fields=(b"Host: a", n), body=SMUGGLED)
        yield request(b"OPTIONS", b"http://b/", fields=(b"Host: a", b"Expect: 100-continue", n),
                      body=b"hello")


def files():
    for folder in ("http", "reader"):
        for path in sorted((ROOT / "fuzz/corpus" / folder).iterdir()):
            yield path.read_bytes()


def mixed(rng):
    """For ever: parts taken at random, plain ones more often."""
    def pick(parts):
        return parts[0] if rng.random() < 0.6 else rng.choice(parts)
    while True:
        fields = [pick(HOSTS)] + rng.choices(FIELDS, k=rng.randrange(3))
        body = b""
        if rng.random() < 0.5:
            fields.append(b"Transfer-Encoding: " + pick(CODINGS))
            body = pick(CHUNKS)
        elif rng.random() < 0.5:
            fields.append(b"Content-Length: " + pick(LENGTHS))
            body = b"hello"
        rng.shuffle(fields)
        yield request(pick(METHODS), pick(TARGETS), pick(VERSIONS), fields, body + rng.choice([b"",
                      SMUGGLED]),
                      END if rng.random() < 0.97 else rng.choice(LINES))


def corpus(seed):
    """All of them, each once."""
    every = itertools.chain(systematic(), smuggling(), files(),
                            itertools.islice(mixed(random.Random(seed)), 1000))
    return list(dict.fromkeys(every))


PIECES = [b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b";", b",", b"\x00", b"\x0b", b"\x7f", b"\x80",
          b"\xff", b"0", b"#", b"*",
          b"?", b"/", b"\r\n\r\n", b"\r\n ", b"http://b", b"0\r\n\r\n", b"5\r\nhello\r\n",
          b"Content-Length: 5\r\n",
          b"Transfer-Encoding: chunked\r\n", b"chunked", b"Host: a\r\n", b"Connection: close\r\n",
          b"HTTP/1.1", b"HTTP/1.0",
          b"a: b\r\n", b"=", b"\"", b"\\"]


def mutations(rng, texts):
    """For ever: one of the texts with one to four changes."""
    choice, number = rng.choice, rng.random
    while True:
        text = choice(texts)
        for _ in range(1 + int(number() ** 2 * 4)):
            n = len(text) + 1
            at, way = int(number() * n), number()
            if way < 0.3:
                text = text[:at] + choice(PIECES) + text[at:]
            elif way < 0.5:
                text = text[:at] + bytes((int(number() * 256),)) + text[at + 1:]
            elif way < 0.7:
                text = text[:at] + text[at + 1 + int(number() ** 4 * 20):]
            elif way < 0.8:
                text = text[:at] + choice(PIECES) + text[at + 1:]
            elif way < 0.9:
                to = at + int(number() * 40)
                text = text[:to] + text[at:]
            else:
                other = choice(texts)
                text = text[:at] + other[int(number() * len(other)):]
        yield text
