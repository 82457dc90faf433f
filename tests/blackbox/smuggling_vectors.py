"""The table of smuggling_test.py: streams by which an attacker would have a proxy and
the server behind it take different bytes for the end of a message, after the published
research: CL.TE, TE.CL, TE.TE and CL.0 (Kettle 2019, 2022), 0.CL and Expect (Kettle
2025), chunk lines and chunk ends (TERM.EXT, EXT.TERM, TERM.SPILL, SPILL.TERM, ONE.TWO,
TWO.ONE, ZERO.TWO, TWO.ZERO: Weikop 2025), and what the two RFCs forbid or leave open.

A row is (name, bytes, verdict). The bytes are latin-1; @@@@@@ becomes the row's serial
number. The verdict is Nestor's own, without a proxy, as the strict reading of RFC 9112
has it: the marked requests that are answered, in order, then the status of a refusal,
which closes the connection. A clean request, `after`, follows each row on its
connection: without it in the verdict the connection has closed, or waits for a rest.
"""

INNER = "GET /seen/inner/@@@@@@ HTTP/1.1\r\nHost: a\r\n\r\n"
N = len(INNER)
ALL = "outer inner after"    # the marked request stands behind the first one
IN_BODY = "outer after"      # ... or inside its body
START = "POST /seen/outer/@@@@@@ HTTP/1.1\r\nHost: a\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
LENGTH = f"Content-Length: {N}\r\n"
WRAPPED = f"{N:x}\r\n{INNER}\r\n0\r\n\r\n"


def post(fields, body=""):
    return START + fields + "\r\n" + body


def get(fields="", target="/seen/outer/@@@@@@", method="GET", version="HTTP/1.1",
        host="Host: a\r\n"):
    return f"{method} {target} {version}\r\n{host}{fields}\r\n"


def quoted(text):
    return repr(text)[1:-1]


# ---- The framing field, obscured ----

# What of it Nestor takes for the field itself, with a meaning: chunked.
MEANT = ("Transfer-Encoding: chunked", "transfer-encoding: chunked", "TRANSFER-ENCODING: CHUNKED",
         "Transfer-Encoding:chunked", "Transfer-Encoding:\tchunked", "Transfer-Encoding:  chunked",
         "Transfer-Encoding: chunked ", "Transfer-Encoding: chunked\t",
         "Transfer-Encoding: cHuNkEd",
         "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
         "Connection: close, transfer-encoding\r\nX: y\r\nTransfer-Encoding: chunked")

# What is a field of another name.
OTHER = ("Transfer_Encoding: chunked", "X-Transfer-Encoding: chunked", "Transfer-Encodin: chunked",
         "Transfer-Encodings: chunked", "Transfer%2dEncoding: chunked",
         "Transfer.Encoding: chunked",
         "Transfer-Encoding*: chunked", "TransferEncoding: chunked", "Transfer--Encoding: chunked",
         "'Transfer-Encoding': chunked", "TE: chunked", "Content-Encoding: chunked",
         "X: Transfer-Encoding: chunked", "X:Transfer-Encoding: chunked",
         "Trailer: Transfer-Encoding")

# What is refused wherever it stands.
REFUSED = (" Transfer-Encoding: chunked", "\tTransfer-Encoding: chunked",
           "Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked",
           "Transfer-Encoding\x0b: chunked", "Transfer-Encoding\x0c: chunked",
           "Transfer-Encoding\x00: chunked", "Transfer-Encoding\xa0: chunked",
           "Transfer-Encoding\r: chunked", "Transfer-Encoding\n: chunked",
           "Transfer-Encoding\r\n: chunked", "Transfer-Encoding:\x0bchunked",
           "Transfer-Encoding: \x0bchunked", "Transfer-Encoding:\x0cchunked",
           "Transfer-Encoding:\x00chunked", "Transfer-Encoding:\x1fchunked",
           "Transfer-Encoding:\x08chunked", "Transfer-Encoding:\x7fchunked",
           "Transfer-Encoding:\xa0chunked", "Transfer-Encoding:\x85chunked",
           "Transfer-Encoding:\xffchunked", "Transfer-Encoding: chunked\x0b",
           "Transfer-Encoding: chunked\x0c", "Transfer-Encoding: chunked\x00",
           "Transfer-Encoding: chunked\xa0", "Transfer-Encoding: chunked\xff",
           "Transfer-Encoding: chunked\x85", "Transfer-Encoding: chunked\r",
           "Transfer-Encoding: chunked\r\r", "Transfer-Encoding: chun\x00ked",
           "Transfer-Encoding: chun ked", "Transfer-Encoding: chunked;",
           "Transfer-Encoding: chunked;a=b", "Transfer-Encoding: ;chunked",
           "Transfer-Encoding: chunked,", "Transfer-Encoding: ,chunked",
           "Transfer-Encoding: , chunked", "Transfer-Encoding: chunked, identity",
           "Transfer-Encoding: identity, chunked", "Transfer-Encoding: identity",
           "Transfer-Encoding: gzip", "Transfer-Encoding: gzip, chunked",
           "Transfer-Encoding: chunked, gzip", "Transfer-Encoding: chunked, chunked",
           "Transfer-Encoding: chunked chunked", "Transfer-Encoding: xchunked",
           "Transfer-Encoding: chunkedx", "Transfer-Encoding: x chunked",
           "Transfer-Encoding: 'chunked'", 'Transfer-Encoding: "chunked"',
           "Transfer-Encoding: chunke", "Transfer-Encoding: cow", "Transfer-Encoding: trailers",
           "Transfer-Encoding:", "Transfer-Encoding: ", "Transfer-Encoding",
           "Transfer-Encoding chunked",
           "Transfer Encoding: chunked", "Transfer-\x00Encoding: chunked",
           "Tr\xe4nsfer-Encoding: chunked", '"Transfer-Encoding": chunked',
           ":Transfer-Encoding: chunked",
           "Transfer-Encoding:: chunked", "Transfer-Encoding=chunked",
           "[Transfer-Encoding: chunked",
           "\x00Transfer-Encoding: chunked", "\x0bTransfer-Encoding: chunked",
           "\xffTransfer-Encoding: chunked", "\rTransfer-Encoding: chunked",
           "\nTransfer-Encoding: chunked", "Transfer-Encoding:\r\n chunked",
           "Transfer-Encoding:\r\n\tchunked", "Transfer-Encoding: \r\n chunked",
           "Transfer-Encoding: chun\r\n ked", "Transfer-Encoding: chunked\r\n ",
           "Transfer-Encoding: chunked\r\n , identity", "Transfer-Encoding: identity\r\n , chunked",
           "Transfer-Encoding:\n chunked", "Transfer-Encoding:\nchunked",
           "Transfer-Encoding:\rchunked",
           "Transfer-Encoding: chunked\nX: y", "Transfer-Encoding: chunked\rX: y",
           "X: y\r\n Transfer-Encoding: chunked", "X: y\r\n\tTransfer-Encoding: chunked",
           "X: y\nTransfer-Encoding: chunked", "X: y\rTransfer-Encoding: chunked",
           "X: y\r\r\nTransfer-Encoding: chunked", "X: y\n\rTransfer-Encoding: chunked",
           "X: y\r\n\rTransfer-Encoding: chunked", "X: y\x00\r\nTransfer-Encoding: chunked",
           "X: y\x00Transfer-Encoding: chunked", "X\r\nTransfer-Encoding: chunked",
           ": y\r\nTransfer-Encoding: chunked",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
           "Transfer-Encoding: chunked\r\nTransfer-encoding: identity",
           "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
           "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
           "Transfer-Encoding:\r\nTransfer-Encoding: chunked",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding:")


def framing():
    """Each with a Content-Length that reaches over the marked request (CL.TE), with one
    that ends before it (TE.CL), and without (TE.0)."""
    over = f"Content-Length: {N + 5}\r\n"
    for fields in MEANT + OTHER + REFUSED:
        is_meant, is_other = fields in MEANT, fields in OTHER
        closes = "close" in fields
        shown = quoted(fields)
        line = fields + "\r\n"
        yield (f"CL.TE {shown}", post(over + line, "0\r\n\r\n" + INNER),
               IN_BODY if is_other else "400")
        yield (f"TE.CL {shown}", post(line + "Content-Length: 4\r\n", WRAPPED),
               "outer inner 400" if is_other else "400")
        yield (f"TE.0 {shown}", post(line, WRAPPED),
               "outer" if closes else IN_BODY if is_meant else "outer 400" if is_other else "400")


# ---- Content-Length ----

LENGTHS = (
    (f"{N}", IN_BODY), (f"{N:05d}", IN_BODY), (f"{N:040d}", IN_BODY), (f"  {N}\t ", IN_BODY),
    ("0", ALL), ("00", ALL), (f"+{N}", "400"), (f"-{N}", "400"), ("-0", "400"), ("+0", "400"),
    ("-1", "400"), (f"{N},{N}", "400"), (f"{N}, {N}", "400"), (f"0, {N}", "400"),
    (f"{N}, 0", "400"),
    (f",{N}", "400"), (f"{N},", "400"), (f"{N};", "400"), (f"{N};a=b", "400"), (f"0x{N:x}", "400"),
    (f"{N:x}h", "400"), (f"0o{N:o}", "400"), (f"{N}.0", "400"), (f"{N}e0", "400"), ("4_5", "400"),
    (f"{N} {N}", "400"), (f"{N} 0", "400"), (f"'{N}'", "400"), (f'"{N}"', "400"), ("", "400"),
    (" ", "400"), ("a", "400"), ("NaN", "400"), ("\xb2", "400"), ("\xd9\xa3", "400"),
    (f"\x0b{N}", "400"), (f"{N}\x0b", "400"), (f"\x0c{N}", "400"), (f"{N}\x00", "400"),
    (f"\x00{N}", "400"), (f"{N}\xa0", "400"), (f"\xa0{N}", "400"), (f"{N}\r", "400"),
    (f"\r\n {N}", "400"), (f"0\r\n {N}", "400"), (f"{N}\r\n ", "400"), (f"\n{N}", "400"),
    (f"{2 ** 31 + N}", "413"), (f"{2 ** 32 + N}", "413"), (f"{2 ** 63 - 1}", "413"),
    (f"{2 ** 63 + N}", "413"), (f"{2 ** 64 - 1}", "413"), (f"{2 ** 64}", "413"),
    (f"{2 ** 64 + N}", "413"), (f"{2 ** 128 + N}", "413"), ("9" * 400, "413"),
    (f"{N}\r\nContent-Length: {N}", "400"), (f"{N}\r\nContent-Length: 0", "400"),
    (f"0\r\nContent-Length: {N}", "400"), (f"{N}\r\ncontent-length: 0", "400"),
    (f"0\r\nX: y\r\nCONTENT-LENGTH: {N}", "400"), (f"{N}\r\nContent-Length:", "400"),
    (f"\r\nContent-Length: {N}", "400"), (f"{N}\nContent-Length: 0", "400"),
    (f"{N}\rContent-Length: 0", "400"), (f"0\rContent-Length: {N}", "400"),
    (f"{N}\r\nContent-Length : 0", "400"), (f"{N}\r\n Content-Length: 0", "400"),
    (f"{N}\r\nContent_Length: 0", IN_BODY), (f"0\r\nContent_Length: {N}", ALL),
)

# Lines of their own, before the marked request.
LENGTH_LINES = (
    (f"content-length:{N}", IN_BODY), (f"CONTENT-LENGTH:\t{N}", IN_BODY),
    (f"Content-Length : {N}", "400"), (f"Content-Length\t: {N}", "400"),
    (f"Content-Length\x00: {N}", "400"), (f"Content-Length\x0b: {N}", "400"),
    (f"Content-Length\r\n: {N}", "400"), (f"Content-Length:: {N}", "400"),
    (f" Content-Length: {N}", "400"), (f"\tContent-Length: {N}", "400"),
    (f"\rContent-Length: {N}", "400"), (f"\nContent-Length: {N}", "400"),
    (f"X: y\r\n Content-Length: {N}", "400"), (f"X: y\nContent-Length: {N}", "400"),
    (f"X: y\rContent-Length: {N}", "400"), (f"X: y\x00Content-Length: {N}", "400"),
    (f"Content-Length {N}", "400"), (f"Content-Length={N}", "400"), (f"Content Length: {N}", "400"),
    (f"Content_Length: {N}", ALL), (f"X-Content-Length: {N}", ALL), (f"Content-Lengths: {N}", ALL),
    (f"Content-Length*: {N}", ALL), (f"X: Content-Length: {N}", ALL),
    (f"Connection: Content-Length\r\nContent-Length: {N}", IN_BODY),
    (f"Content-Length: {N}\r\nConnection: content-length, keep-alive", IN_BODY),
    (f"Content-Length: {N}\r\nConnection: close, Content-Length", "outer"),
)

METHODS = ("GET", "HEAD", "DELETE", "OPTIONS", "PUT", "PATCH", "TRACE", "get", "PROPFIND", "FOO")


def lengths():
    for value, verdict in LENGTHS:
        yield f"length {quoted(value)[:60]}", post(f"Content-Length: {value}\r\n", INNER), verdict
    for line, verdict in LENGTH_LINES:
        yield f"length line {quoted(line)}", post(line + "\r\n", INNER), verdict
    yield "CL longer than all there is", post("Content-Length: 999\r\n", INNER), "400"
    yield "CL one more", post(f"Content-Length: {N + 1}\r\n", INNER), IN_BODY
    yield "CL one less", post(f"Content-Length: {N - 1}\r\n", INNER), "outer 400"
    yield "CL two less", post(f"Content-Length: {N - 2}\r\n", INNER), IN_BODY
    for method in METHODS:
        yield f"body of {method} by length", get(LENGTH, method=method) + INNER, IN_BODY
        yield f"body of {method} in chunks", get(CHUNKED, method=method) + WRAPPED, IN_BODY
        yield f"no body of {method}", get(method=method) + INNER, ALL


# ---- Bodies in chunks ----

# The line of a chunk of five bytes.
SIZE_LINES = (
    ("5\r\n", ALL), ("05\r\n", ALL), ("0000000005\r\n", ALL), ("0" * 20 + "5\r\n", ALL),
    ("0" * 31 + "5\r\n", ALL), ("0" * 32 + "5\r\n", "400"), ("0" * 5000 + "5\r\n", "400"),
    ("+5\r\n", "400"), ("-5\r\n", "400"), ("0x5\r\n", "400"), ("0X5\r\n", "400"), ("x5\r\n", "400"),
    ("5h\r\n", "400"), (" 5\r\n", "400"), ("\t5\r\n", "400"), ("5 \r\n", "400"), ("5\t\r\n", "400"),
    ("5\x0b\r\n", "400"), ("5\x0c\r\n", "400"), ("5\x00\r\n", "400"), ("\x005\r\n", "400"),
    ("5\xa0\r\n", "400"), ("5.\r\n", "400"), ("5,5\r\n", "400"), ("5_\r\n", "400"),
    ("5 5\r\n", "400"),
    ("'5'\r\n", "400"), ('"5"\r\n', "400"), ("\r\n", "400"), ("\r\n5\r\n", "400"), (";\r\n", "400"),
    (";a\r\n", "400"), ("5\n", "400"), ("5\r", "400"), ("5\r\r\n", "400"), ("5\n\r\n", "400"),
    ("5\rX\n", "400"), ("5\r5\n", "400"), ("\n5\r\n", "400"), ("1" + "0" * 15 + "5\r\n", "413"),
    ("1" + "0" * 16 + "5\r\n", "413"), ("100000005\r\n", "413"), ("80000005\r\n", "413"),
    ("f" * 16 + "\r\n", "413"), ("8" + "0" * 14 + "5\r\n", "413"), ("7" + "f" * 15 + "\r\n", "413"),
    ("F" * 32 + "\r\n", "413"), ("g\r\n", "400"), ("\xd9\xa5\r\n", "400"), ("5:\r\n", "400"),
)

EXTENSIONS = (
    (";a", ALL), (";a=b", ALL), (';a="b"', ALL), (";a;b;c=d", ALL), (";\ta\t=\tb", ALL),
    ("; a = b", ALL), (';a="b\\"c"', ALL), (';a="5;\t6"', ALL), (";a=\xff", ALL),
    (";a=" + "b" * 4000, ALL),
    (";", ALL), (";;", ALL), (";=", ALL), (";a=", ALL), (";5", ALL), (';a="', ALL),
    (" ;a", "400"), ("\t;a", "400"), (";a\rb", "400"), (";a\nb", "400"), (";\r", "400"),
    (";a\r", "400"),
    (";a\x00b", "400"), (";a\x0bb", "400"), (";a\x7fb", "400"), (';a="\r"', "400"),
    (';a="\n"', "400"),
    (';a="\x00"', "400"), (';a="\\\n"', "400"), (";a=" + "b" * 20000, "400"), (",a", "400"),
    (":a", "400"),
    ("\x00;a", "400"), ("a b", "400"),
)

LAST_CHUNKS = (
    ("0\r\n\r\n", ALL), ("000\r\n\r\n", ALL), ("0;a=b\r\n\r\n", ALL), ("0\r\nX: y\r\n\r\n", ALL),
    ("0\r\nX:\r\nY:z\r\n\r\n", ALL), ("0\r\nContent-Length: 40\r\n\r\n", ALL),
    ("0\r\nTransfer-Encoding: chunked\r\n\r\n", ALL),
    ("0\r\nTransfer-Encoding: identity\r\n\r\n", ALL),
    ("0\r\nHost: b\r\n\r\n", ALL), ("0\r\nConnection: close\r\n\r\n", ALL),
    ("0\r\nExpect: 100-continue\r\n\r\n", ALL), ("0\r\nUpgrade: h2c\r\n\r\n", ALL),
    ("0\r\nX:", IN_BODY), ("0 \r\n\r\n", "400"), ("-0\r\n\r\n", "400"), ("+0\r\n\r\n", "400"),
    ("0x0\r\n\r\n", "400"), ("0\n\r\n", "400"), ("0\n\n", "400"), ("0\r\r\n", "400"),
    ("0\r\n\n", "400"),
    ("0\r\n\r", "400"), ("0\r\n", "400"), ("0", "400"), ("", "400"), ("0\r\n\r\r\n", "400"),
    ("0\r\nX: y\n\r\n", "400"), ("0\r\nX: y\r\n\n", "400"), ("0\r\nX: y\r\n", "400"),
    ("0\r\nX : y\r\n\r\n", "400"), ("0\r\n X: y\r\n\r\n", "400"),
    ("0\r\nX: y\r\n z\r\n\r\n", "400"),
    ("0\r\nX\r\n\r\n", "400"), ("0\r\n: y\r\n\r\n", "400"), ("0\r\nX: \x00\r\n\r\n", "400"),
    ("0\r\nX: y\rz\r\n\r\n", "400"), ("0\r\n0\r\n\r\n", "400"), ("0\r\nX: y\r\n0\r\n\r\n", "400"),
    ("0\r\n" + "X: y\r\n" * 101 + "\r\n", "400"), ("0\r\nX: " + "y" * 20000 + "\r\n\r\n", "400"),
)

# Data and its end, of a chunk of five bytes.
DATA = (
    ("abcde\r\n", ALL), ("\r\n0\r\n\r\n", ALL), ("abcde", "400"), ("abcde\n", "400"),
    ("abcde\r", "400"),
    ("abcde\n\r", "400"), ("abcde\r\r\n", "400"), ("abcde\r\n\r\n", "400"), ("abcdef\r\n", "400"),
    ("abcd\r\n", "400"), ("abcdeXX", "400"), ("abcdeX\n", "400"), ("abcde\rX", "400"),
    ("abcde  ", "400"), ("abcde \r\n", "400"), ("abcde\x00\x00", "400"), ("abcde0\r\n\r\n", "400"),
)


def funky():
    """Two readings of the lines or ends of chunks, by which the marked request stands
    in a chunk (A) or behind the body (B)."""
    last = "0\r\n\r\n"
    inside = last + INNER
    size = f"{len(inside):x}"
    for end in ("\n", "\r"):
        shown = quoted(end)
        yield (f"TERM.EXT {shown}", f"2;{end}xx\r\n{size}\r\n{inside}\r\n{last}")
        yield (f"EXT.TERM {shown}", f"{len(size):x};{end}{'x' * len(size)}\r\n{last}{INNER}{last}")
        yield (f"TERM.SPILL {shown}", f"5{end}AAA\r\n{size}\r\n{inside}\r\n{last}")
        yield (f"SPILL.TERM {shown}", f"5\r\nAAAAA{end}{size}\r\n{inside}\r\n{last}")
        yield (f"ONE.TWO {shown}", f"5\r\nAAAAA{end}2\r\n{size[:2]}\r\n{inside}{last}")
        yield (f"TWO.ONE {shown}", f"5\r\nAAAAAX{end}{size}\r\n{inside}\r\n{last}")
    yield "ZERO.TWO", f"5\r\nAAAAA2\r\n{size}\r\n{inside}\r\n{last}"
    yield "TWO.ZERO", f"5\r\nAAAAAXX{size}\r\n{inside}\r\n{last}"
    yield "quoted CR LF in an extension", f'5;a="\r\nabcde\r\n"\r\n{size}\r\n{inside}\r\n{last}'


def chunked():
    for line, verdict in SIZE_LINES:
        yield f"chunk line {quoted(line)[:60]}", line + "abcde\r\n0\r\n\r\n", verdict
    for extension, verdict in EXTENSIONS:
        shown = quoted(extension)[:60]
        yield f"extension {shown}", f"5{extension}\r\nabcde\r\n0\r\n\r\n", verdict
        yield f"extension of the last {shown}", f"5\r\nabcde\r\n0{extension}\r\n\r\n", verdict
    for last, verdict in LAST_CHUNKS:
        yield f"last chunk {quoted(last)[:60]}", "5\r\nabcde\r\n" + last, verdict
    for data, verdict in DATA:
        yield f"chunk data {quoted(data)}", f"5\r\n{data}0\r\n\r\n", verdict
    for name, body in funky():
        yield name, body, "400"
    yield "no chunk at all", "", "400"
    yield "the marked request as chunks", "0\r\n\r\n" + INNER + "0\r\n\r\n", "outer inner 400"


def chunks():
    for name, body, verdict in chunked():
        yield name, post(CHUNKED, body + INNER), verdict


# ---- Heads ----

HEADS = (
    ("LF ends every line", get().replace("\r\n", "\n"), "400"),
    ("LF ends the request line", get().replace("\r\n", "\n", 1), "400"),
    ("LF ends a field", get("X: y\nZ: z\r\n"), "400"),
    ("LF ends the head", get()[:-2] + "\n", "400"),
    ("LF LF ends the head", get("X: y")[:-2] + "\n\n", "400"),
    ("LF CR LF ends the head", get("X: y")[:-2] + "\n\r\n", "400"),
    ("CR ends every line", get().replace("\r\n", "\r"), "400"),
    ("CR CR ends the head", get("X: y")[:-2] + "\r\r", "400"),
    ("CR CR LF ends the head", get()[:-2] + "\r\r\n", "400"),
    ("CR LF CR ends the head", get()[:-2] + "\r", "400"),
    ("CR in a value", get("X: y\rz\r\n"), "400"),
    ("CR before the line end", get("X: y\r\r\n"), "400"),
    ("NUL in a value", get("X: y\x00z\r\n"), "400"),
    ("NUL in a name", get("X\x00: y\r\n"), "400"),
    ("NUL for a line", get("\x00\r\n"), "400"),
    ("control byte in a value", get("X: \x01\r\n"), "400"),
    ("DEL in a value", get("X: \x7f\r\n"), "400"),
    ("obs-text in a value", get("X: \xff\xfe\r\n"), ALL),
    ("fold by a blank", get("X: y\r\n z\r\n"), "400"),
    ("fold by a tab", get("X: y\r\n\tz\r\n"), "400"),
    ("fold of nothing", get("X:\r\n \r\n"), "400"),
    ("fold that hides the end", get("X: y\r\n \r\n"), "400"),
    ("fold of the first line", get(host=" Host: a\r\n"), "400"),
    ("blank line of one blank", get("X: y\r\n")[:-2] + " \r\n\r\n", "400"),
    ("empty name", get(": y\r\n"), "400"),
    ("no colon", get("X\r\n"), "400"),
    ("blank before the colon", get("X : y\r\n"), "400"),
    ("a request line as a field", get("GET /seen/inner/@@@@@@ HTTP/1.1\r\n"), "400"),
    ("a request line as a value", get("X: GET /seen/inner/@@@@@@ HTTP/1.1\r\n"), ALL),
    ("a request line as a name", get("GET /seen/inner/@@@@@@ HTTP/1.1: y\r\n"), "400"),
    ("empty line before", "\r\n" + get(), ALL),
    ("many empty lines before", "\r\n" * 50 + get(), ALL),
    ("LF before", "\n" + get(), "400"),
    ("CR before", "\r" + get(), "400"),
    ("blank before", " " + get(), "400"),
    ("NUL before", "\x00" + get(), "400"),
    ("a body without framing", post("", "x=y"), "outer 400"),
    ("101 fields", get("X: y\r\n" * 100), "431"),
    ("a field of 20,000 bytes", get("X: " + "y" * 20000 + "\r\n"), "431"),
    ("a target of 9,000 bytes", get(target="/seen/outer/@@@@@@" + "a" * 9000), "414"),
    ("a target of 7,900 bytes", get(target="/seen/outer/@@@@@@?" + "a" * 7900), ALL),
)

TARGETS = (
    ("http://a/seen/outer/@@@@@@", ALL), ("HTTP://A/seen/outer/@@@@@@", ALL),
    ("http://b/seen/outer/@@@@@@", ALL), ("https://a/seen/outer/@@@@@@", ALL),
    ("http://a:80/seen/outer/@@@@@@", ALL), ("http://user@a/seen/outer/@@@@@@", "400"),
    ("http:///seen/outer/@@@@@@", "400"), ("http:/seen/outer/@@@@@@", "400"),
    ("ftp://a/seen/outer/@@@@@@", "400"), ("//a/seen/outer/@@@@@@", "404 inner after"),
    ("a:80", "400"), ("*", "400"), ("seen/outer/@@@@@@", "400"), ("", "400"), ("?", "400"),
    ("@a/seen/outer/@@@@@@", "400"), ("/seen/outer/@@@@@@#a", "400"),
    ("/seen/outer/@@@@@@?a#b", "400"),
    ("/seen/outer/@@@@@@ ", "400"), (" /seen/outer/@@@@@@", "400"), ("/seen/outer/@@@@@@ a", "400"),
    ("/seen/outer/@@@@@@\ta", "400"), ("/seen/outer/@@@@@@\x0ba", "400"),
    ("/seen/outer/@@@@@@\x00", "400"),
    ("/seen/outer/@@@@@@\ra", "400"), ("/seen/outer/@@@@@@\na", "400"),
    ("/seen/outer/@@@@@@?\x7f", "400"),
    ("/seen/outer/@@@@@@?\xff", ALL), ("/seen/outer/@@@@@@?%0d%0a%0d%0aGET%20/seen/inner", ALL),
    ("/seen/outer/@@@@@@?%00", ALL), ("/seen/outer/@@@@@@?a HTTP/1.1", "400"),
    ("/seen/outer/@@@@@@ HTTP/1.1\r\nHost: b\r\nX: y", "400"),
)

HOSTS = (
    ("Host: a:80\r\n", ALL), ("Host: [::1]:80\r\n", ALL), ("Host: 127.0.0.1\r\n", ALL),
    ("Host:\r\n", ALL),
    ("host:a\r\n", ALL), ("Host: a\r\nX-Forwarded-Host: b\r\n", ALL), ("", "400"),
    ("Host: a\r\nHost: a\r\n", "400"), ("Host: a\r\nhost: b\r\n", "400"),
    ("Host: a\r\nHost:\r\n", "400"),
    ("Host:\r\nHost: a\r\n", "400"), ("Host : a\r\n", "400"), (" Host: a\r\n", "400"),
    ("Host\r\n", "400"),
    ("Host: a\r\n Host: b\r\n", "400"), ("X: y\r\n Host: a\r\n", "400"),
    ("X: y\nHost: a\r\n", "400"),
    ("Host: user@a\r\n", "400"), ("Host: user:pass@a\r\n", "400"), ("Host: a/b\r\n", "400"),
    ("Host: a, b\r\n", "400"), ("Host: a b\r\n", "400"), ("Host: a#b\r\n", "400"),
    ("Host: a?b\r\n", "400"),
    ("Host: a\\b\r\n", "400"), ("Host: \xe4\r\n", "400"), ("Host: a\x00b\r\n", "400"),
    ("Host: a\rb\r\n", "400"), ("Host: http://a\r\n", "400"),
    ("Host: a\r\nConnection: Host\r\n", ALL),
)

VERSIONS = (
    ("HTTP/1.0", "outer"), ("HTTP/1.2", "505"), ("HTTP/1.9", "505"), ("HTTP/2.0", "505"),
    ("HTTP/0.9", "505"),
    ("HTTP/3.0", "505"), ("HTTP/2", "400"), ("HTTP/1", "400"), ("HTTP/1.", "400"),
    ("HTTP/1.10", "400"),
    ("HTTP/01.1", "400"), ("HTTP/1.1 ", "400"), (" HTTP/1.1", "400"), ("http/1.1", "400"),
    ("Http/1.1", "400"),
    ("HTTP/1,1", "400"), ("HTTP /1.1", "400"), ("HTTP/ 1.1", "400"), ("HTTP/1.1\x00", "400"),
    ("HTTP/1.1\t", "400"), ("HTTP/-1.1", "400"), ("HTTP/1.1\r", "400"), ("HTTPS/1.1", "400"),
    ("", "400"),
    ("ICY/1.1", "400"), ("HTTP/A.1", "400"),
)

OLD = (
    ("HTTP/0.9", "GET /seen/outer/@@@@@@\r\n", "400"),
    ("HTTP/0.9 with LF", "GET /seen/outer/@@@@@@\n", "400"),
    ("HTTP/0.9 with a blank", "GET /seen/outer/@@@@@@ \r\n", "400"),
    ("HTTP/0.9 with fields", "GET /seen/outer/@@@@@@\r\nHost: a\r\n\r\n", "400"),
)


def old_and_new():
    one = START.replace("1.1", "1.0")
    keep = "Connection: keep-alive\r\n"
    yield "HTTP/1.0 TE", one + CHUNKED + "\r\n" + WRAPPED, "400"
    yield "HTTP/1.0 TE kept", one + keep + CHUNKED + "\r\n" + WRAPPED, "400"
    over = f"Content-Length: {N + 5}\r\n"
    yield "HTTP/1.0 CL.TE", f"{one}{keep}{CHUNKED}{over}\r\n0\r\n\r\n{INNER}", "400"
    yield "HTTP/1.0 TE.CL", f"{one}{keep}{CHUNKED}Content-Length: 4\r\n\r\n{WRAPPED}", "400"
    yield "HTTP/1.0 kept", f"{one}{keep}Content-Length: {N}\r\n\r\n{INNER}", IN_BODY
    yield "HTTP/1.0 kept, pipelined", f"{one}{keep}\r\n{INNER}", ALL
    yield "HTTP/1.0 not kept", f"{one}Content-Length: {N}\r\n\r\n{INNER}", "outer"
    yield "HTTP/1.0 without Host", one.replace("Host: a\r\n", keep) + "\r\n" + INNER, ALL
    yield "HTTP/1.0 with two Hosts", one + "Host: b\r\n\r\n" + INNER, "400"
    yield "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + INNER, "505"
    yield "TLS hello", "\x16\x03\x01\x00\x05hello" + INNER, "400"
    yield "PROXY line", "PROXY TCP4 1.1.1.1 2.2.2.2 3 4\r\n" + get() + INNER, "400"
    yield "CONNECT", get(method="CONNECT", target="a:80") + INNER, "400"
    yield "CONNECT of a path", get(method="CONNECT") + INNER, "400"
    yield "CONNECT of a whole URL", get(method="CONNECT", target="http://a/seen/") + INNER, "400"
    yield "OPTIONS *", get(method="OPTIONS", target="*") + INNER, "404 inner after"
    yield "method of 40 bytes", get(method="M" * 40) + INNER, "400"
    yield "method with a bracket", get(method="G(T") + INNER, "400"
    yield "method and a blank more", get(method="GET ") + INNER, "400"
    yield "method and a tab", get().replace("GET ", "GET\t") + INNER, "400"


# ---- Hop by hop ----

SETTINGS = "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"

# Fields of a POST, after which the marked request stands, in the body when it has one.
HOPS = (
    ("Connection: close\r\n", "outer"), ("Connection: close, keep-alive\r\n", "outer"),
    ("Connection: keep-alive, close\r\n", "outer"), ("Connection: CLOSE\r\n", "outer"),
    ("Connection: keep-alive\r\nConnection: close\r\n", "outer"),
    ("Connection: keep-alive\r\n", ALL),
    ("Connection: Host\r\n", ALL), ("Connection: close x\r\n", ALL), ("Connection:\r\n", ALL),
    ("Connection: Connection\r\n", ALL), ("Connection: Transfer-Encoding\r\n", ALL),
    ("Proxy-Connection: close\r\n", ALL), ("Keep-Alive: timeout=1, max=1\r\n", ALL),
    ("Connection: keep-alive\r\nKeep-Alive: max=0\r\n", ALL), ("TE: trailers, chunked\r\n", ALL),
    ("Connection: TE\r\nTE: trailers\r\n", ALL), ("Trailer: Content-Length\r\n", ALL),
    (f"Connection: Content-Length\r\n{LENGTH}", IN_BODY),
    (f"{LENGTH}Connection: content-length\r\n", IN_BODY),
    (f"Connection: keep-alive, Content-Length\r\n{LENGTH}", IN_BODY),
    ("Upgrade: websocket\r\n", ALL), ("Connection: Upgrade\r\n", ALL),
    ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ALL),
    (f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n{SETTINGS}", ALL),
    (f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n{SETTINGS}{LENGTH}", IN_BODY),
    (f"Connection: Upgrade\r\nUpgrade: h2c\r\n{SETTINGS}", ALL),
    (f"Connection: Upgrade\r\nUpgrade: x\r\n{LENGTH}", IN_BODY),
    ("Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n", ALL), ("Upgrade: h2c, websocket\r\n", ALL),
    ("Expect: 100-continue\r\n", ALL), (f"Expect: 100-continue\r\n{LENGTH}", IN_BODY),
    (f"Expect: 100-Continue\r\n{LENGTH}", IN_BODY), (f"Expect: 100-continue \r\n{LENGTH}", IN_BODY),
    (f"Expect: y 100-continue\r\n{LENGTH}", IN_BODY),
    (f"Expect: 100-continue, 100-continue\r\n{LENGTH}", IN_BODY),
    (f"Expect: 100-continue\r\nExpect: 100-continue\r\n{LENGTH}", IN_BODY),
    (f"Expect:\r\n{LENGTH}", IN_BODY),
    (f"Expect: 200-ok\r\n{LENGTH}", IN_BODY), (f"Expect: x=y\r\n{LENGTH}", IN_BODY),
    (f"Expect:\r\n 100-continue\r\n{LENGTH}", "400"), (f"Expect : 100-continue\r\n{LENGTH}", "400"),
    (f"Expect: \x0b100-continue\r\n{LENGTH}", "400"),
    (f"Expect\r\n: 100-continue\r\n{LENGTH}", "400"),
    ("Expect: 100-continue\r\nContent-Length: 0\r\n", ALL),
    ("Expect: 100-continue\r\nContent-Length: 2000000\r\n", "413"),
    (f"X-HTTP-Method-Override: HEAD\r\n{LENGTH}", IN_BODY),
    ("X-Original-URL: /seen/inner/@@@@@@\r\n", ALL),
    ("Range: bytes=0-1\r\n", ALL), ("Max-Forwards: 0\r\n", ALL),
    ("Content-Type: multipart/byteranges\r\n", ALL),
)


def heads():
    for name, data, verdict in HEADS + OLD:
        yield name, data + INNER, verdict
    for target, verdict in TARGETS:
        yield f"target {quoted(target)}", get(target=target) + INNER, verdict
    for host, verdict in HOSTS:
        yield f"host {quoted(host)}", get(host=host) + INNER, verdict
    for version, verdict in VERSIONS:
        yield f"version {quoted(version)}", get(version=version) + INNER, verdict
    yield from old_and_new()
    for fields, verdict in HOPS:
        yield f"hop {quoted(fields)[:70]}", post(fields, INNER), verdict


def pipelines():
    yield "two behind", get() + INNER + INNER, "outer inner inner after"
    yield "empty lines between", get() + "\r\n\r\n" + INNER, ALL
    yield "LF between", get() + "\n" + INNER, "outer 400"
    yield "a byte between", get() + "X" + INNER, "outer inner after"
    yield "a line between", get() + "X\r\n" + INNER, "outer 400"
    yield "a refusal between", get() + get(" X: y\r\n") + INNER, "outer 400"
    yield "a closing one between", get() + get("Connection: close\r\n") + INNER, "outer outer"
    yield "an unfinished one behind", get() + INNER[:-2], "outer 400"
    yield ("bodies behind", post(LENGTH, INNER) + post(CHUNKED, WRAPPED) + INNER,
           "outer outer inner after")
    said = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + INNER
    yield "an answer as a request", said, "400"
    yield "an answer in the body", post(f"Content-Length: {len(said)}\r\n", said), IN_BODY


def table():
    for rows in (framing(), lengths(), chunks(), heads(), pipelines()):
        yield from rows
