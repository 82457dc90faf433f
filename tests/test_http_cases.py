"""The .http runner itself: what matches, how files are read, and a whole run
against a small stand-in for the server, whose breaches must be told."""
import contextlib
import io
import os
import sys
import tempfile
import textwrap
import unittest
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import http_cases
from http_file import FileError, read_file, substitute
from http_match import match_body, match_header, match_text, parse_expected, parse_json, pick

STAND_IN = '''#!/usr/bin/env python3
"""Stands in for nestor: answers what the path says."""
import http.server, json, signal, sys
if sys.argv[1] == "init":
    with open(sys.argv[sys.argv.index("--admin-token-file") + 1], "w") as f:
        f.write("0123456789abcdef0123456789abcdef01234567\\n")
    sys.exit(0)
if sys.argv[1] == "verify":
    sys.exit(0)
if sys.argv[1] == "load":
    sys.exit("refused" if "refused" in open(sys.argv[-1]).read() else 0)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/leak":
            print(self.headers["Authorization"], file=sys.stderr, flush=True)
        if self.path.startswith("/later/"):
            server.asked = getattr(server, "asked", 0) + 1
            self.path = "/later/%d" % server.asked
        if self.path == "/drop":
            self.close_connection = True
            return
        out = b"" if self.path == "/empty" else json.dumps({"path": self.path, "n": 1, "x": 1.5,
            "body": body.decode("latin-1"), "auth": self.headers["Authorization"],
            "type": self.headers["Content-Type"], "users": []}).encode()
        if self.path == "/guide/admin/tokens/anna/":
            out = b'{"key": "abcdefabcdefabcdefabcdef"}'
        if self.path == "/openapi.json":
            answers = {"201": {"description": "Made."}}
            out = json.dumps({"components": {}, "paths": {"/{made}/odd": {
                "get": {"security": [], "responses": answers}}}}).encode()
        created = self.path == "/guide/users/"
        self.send_response(500 if self.path == "/broken" else 201 if created else 200)
        self.send_header("Location", self.path)
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)
    do_POST = do_GET
    def log_message(self, *a):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
def stop(*a):
    sys.exit(3 if "bad.end=1" in sys.argv else 0)
signal.signal(signal.SIGTERM, stop)
if "sanitizer=1" in sys.argv:
    print("==1==ERROR: AddressSanitizer: heap-use-after-free", file=sys.stderr)
print(json.dumps({"event": "listening", "port": server.server_port}), file=sys.stderr, flush=True)
server.serve_forever()
'''


def body(expected, got):
    return match_body(expected, got.encode())


class Matching(unittest.TestCase):
    def test_equal_json_matches(self):
        self.assertEqual(body('{"a": [1, 2.5, null, true]}', '{"a":[1,2.5,null,true]}'), [])

    def test_order_of_members_counts(self):
        self.assertIn("in the order b, a", body('{"a": 1, "b": 2}', '{"b":2,"a":1}')[0])

    def test_types_of_numbers_count(self):
        for expected, got in (("1", "1.0"), ("1.0", "1"), ("1", "true"), ("true", "1"),
                              ("null", "false"), ('"1"', "1"), ("0", "false")):
            self.assertTrue(body(expected, got), f"{expected} matched {got}")

    def test_missing_and_unexpected_members_are_told(self):
        problems = body('{"a": 1, "b": 2}', '{"a":1,"c":3}')
        self.assertEqual(problems, ["body.b: missing", "body.c: not expected, got 3"])

    def test_dots_allow_more_members_in_order(self):
        self.assertEqual(body('{"a": 1, "c": 3, ...}', '{"a":1,"b":2,"c":3,"d":4}'), [])
        self.assertTrue(body('{"c": 3, "a": 1, ...}', '{"a":1,"b":2,"c":3}'))
        self.assertTrue(body('{"z": 1, ...}', '{"a":1}'))

    def test_dots_allow_more_items_at_the_end(self):
        self.assertEqual(body("[1, ...]", "[1,2,3]"), [])
        self.assertEqual(body("[...]", "[]"), [])
        self.assertTrue(body("[2, ...]", "[1,2]"))
        self.assertTrue(body("[1, 2, ...]", "[1]"))

    def test_lengths_of_arrays_count(self):
        self.assertTrue(body("[1]", "[1,2]"))
        self.assertTrue(body("[1,2]", "[1]"))
        self.assertTrue(body("[]", "{}"))
        self.assertTrue(body("{}", "[]"))

    def test_dots_elsewhere_are_refused(self):
        for text in ("[..., 1]", '{..., "a": 1}', "..."):
            with self.assertRaises(ValueError, msg=text):
                parse_expected(text)

    def test_dots_within_strings_are_text(self):
        self.assertEqual(body('{"a": "x ... {y"}', '{"a":"x ... {y"}'), [])

    def test_nested_dots(self):
        self.assertEqual(body('{"a": [{"b": 1, ...}, ...], ...}', '{"a":[{"b":1,"c":2},3],"d":4}'),
                         [])

    def test_duplicate_members_of_an_answer_fail(self):
        self.assertIn("twice", body('{"a": 1}', '{"a":1,"a":1}')[0])

    def test_patterns(self):
        for pattern, right, wrong in (
                ('"(int)"', "7", "7.0"), ('"(int)"', "-1", "true"), ('"(int)"', "0", '"0"'),
                ('"(time-milli)"', '"2026-01-31T09:00:00.123"', '"2026-01-31T09:00:00.123Z"'),
                ('"(time-micro)"', '"2026-01-31T09:00:00.123456Z"', '"2026-01-31T09:00:00.123"'),
                (r'"/[0-9a-f]{24}/"', '"0123456789abcdef01234567"', '"0123456789abcdef0123456"'),
                (r'"/\\d+/"', '"12"', "12")):
            self.assertEqual(body(pattern, right), [])
            self.assertTrue(body(pattern, wrong), f"{pattern} matched {wrong}")
        for anything in ("null", "1", '{"a":1}'):
            self.assertEqual(body('"(any)"', anything), [])

    def test_a_path_is_no_regex(self):
        self.assertTrue(match_text("/orgs/WHO/", "/orgs/WHO/"))
        self.assertFalse(match_text("/orgs/WHO/", "orgs/WHO"))
        self.assertFalse(match_text("/orgs/W.O/", "/orgs/WHO/"))
        self.assertTrue(match_text("//orgs/[A-Z]+//", "/orgs/WHO/"))
        self.assertFalse(match_text("/[a-z]+/", "abc1"))

    def test_bodies_that_are_no_json(self):
        self.assertEqual(body("(empty)", ""), [])
        self.assertTrue(body("(empty)", " "))
        self.assertEqual(body("(ignore)", "x"), [])
        self.assertEqual(body(None, "x"), [])
        self.assertEqual(body("(text) ready", "ready\n"), [])
        self.assertTrue(body("(text) ready", "ready\n\n"))
        self.assertEqual(body("(text) /a.*z/", "a\nb\nz\n"), [])
        self.assertIn("not JSON", body("{}", "<html>")[0])
        self.assertIn("not JSON", body("1", "NaN")[0])
        self.assertIn("not UTF-8", match_body("1", b"\xff")[0])

    def test_archives(self):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as z:
            z.writestr("a.json", "[1]")
        self.assertEqual(match_body("(zip a.json) [1]", archive.getvalue()), [])
        self.assertTrue(match_body("(zip a.json)\n[2]", archive.getvalue()))
        self.assertIn("alone", match_body("(zip b.json) [1]", archive.getvalue())[0])
        self.assertIn("no archive", match_body("(zip a.json) [1]", b"[1]")[0])

    def test_headers(self):
        self.assertEqual(match_header("A", "x", ["x"]), [])
        self.assertEqual(match_header("A", "x", ["y", "x"]), [])
        self.assertEqual(match_header("A", '/"[0-9a-f]+"/', ['"1f"']), [])
        self.assertEqual(match_header("A", "(none)", []), [])
        for expected, values in (("x", ["X"]), ("x", []), ("(none)", ["x"]), ("/x+/", ["xy"])):
            self.assertTrue(match_header("A", expected, values), f"{expected} matched {values}")

    def test_picking(self):
        value = parse_json('{"a": {"b": [{"c": 5}]}}')
        self.assertEqual(pick(value, ".a.b[0].c"), 5)
        for path in (".a.x", ".a.b[1]", ".a.b[0].c.d", ".a b["):
            with self.assertRaises(ValueError, msg=path):
                pick(value, path)

    def test_raw_bytes(self):
        self.assertEqual(http_cases.raw_bytes("GET / HTTP/1.1\nHost: x\n"),
                         b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(http_cases.raw_bytes("a\\xff\\x00b\\"), b"a\xff\x00b")


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.nestor = os.path.join(self.folder.name, "nestor")
        with open(self.nestor, "w", encoding="utf-8") as f:
            f.write(STAND_IN)
        os.chmod(self.nestor, 0o755)

    def write(self, text):
        path = os.path.join(self.folder.name, "case.http")
        with open(path, "w", encoding="utf-8") as f:
            f.write(textwrap.dedent(text))
        return path

    def run_http(self, text, *options):
        out = io.StringIO()
        argv, sys.argv = sys.argv, ["http_cases.py", "--nestor", self.nestor, *options,
                                    self.write(text)]
        try:
            with contextlib.redirect_stdout(out):
                status = http_cases.main()
        finally:
            sys.argv = argv
        return status, out.getvalue()

    def test_reading(self):
        case = read_file(self.write("""\
            # Prose.
            @set a=b
            @user anna

            ### Title with [brackets]  [G1 V22 P35b]
            # A remark.
            @repeat 3
            POST /x?y=1
            Accept: a/b

            {"a": 1,

             "b": 2}

            HTTP 201
            Location: /x/

            {"a": 1,
             ...}

            > id = body.a
            """))
        self.assertEqual((case.settings, case.users), (["a=b"], ["anna"]))
        c = case.cases[0]
        self.assertEqual((c.title, c.rows, c.line, c.repeat),
                         ("Title with [brackets]", ["G1", "V22", "P35b"], 5, 3))
        self.assertEqual((c.method, c.target, c.status), ("POST", "/x?y=1", "201"))
        self.assertEqual(c.headers, [("Accept", "a/b"), ("Content-Type", "application/json")])
        self.assertEqual(c.body, '{"a": 1,\n\n "b": 2}')
        self.assertEqual(c.expected_headers, [("Location", "/x/")])
        self.assertEqual(c.expected_body, '{"a": 1,\n ...}')
        self.assertEqual(c.captures, [("id", "body.a")])

    def test_mistakes_are_told_with_their_line(self):
        for text, line in (("### A\nGET /x\n", 1), ("nonsense\n### A\nGET /\n\nHTTP 200\n", 1),
                           ("# p\n\n### A\nget /\n\nHTTP 200\n", 3), ("# only prose\n", 1),
                           ("### A\nGET /\n\nHTTP 200\n\n{\"a\": }\n", 1),
                           ("### A\nGET /\n\nHTTP 200\n\n> a body.x\n", 1)):
            with self.assertRaises(FileError, msg=text) as caught:
                read_file(self.write(text))
            self.assertIn(f":{line}: ", str(caught.exception))

    def test_unknown_variables_are_told(self):
        self.assertEqual(substitute("a{{b}}c", {"b": 1}), "a1c")
        with self.assertRaises(ValueError):
            substitute("{{nope}}", {})

    def test_a_run_that_passes(self):
        status, out = self.run_http("""\
            @user anna

            ### Sends what is written
            POST /x/{{anna}}
            Authorization: Token {{admin}}

            {"a": 1}

            HTTP 2xx
            Location: /x/{{anna}}
            X-None: (none)

            {"path": "/.x.abc.*/", "n": "(int)", "x": 1.5, "body": "{\\"a\\": 1}",
             "auth": "Token {{admin}}", "type": "application/json", ...}

            > place = header.Location
            > n = body.n

            ### Captures serve later cases, without a token nothing is sent
            @repeat 2
            GET {{place}}?n={{n}}&i={{i}}

            HTTP 200

            {"path": "/x/{{anna}}?n=1&i={{i}}", "n": 1, "x": 1.5, "body": "", "auth": null,
             "type": null, "users": []}

            ### What takes a while is waited for
            @until
            GET /later/

            HTTP 200

            {"path": "/later/3", ...}

            ### Raw bytes
            @raw
            GET /raw HTTP/1.1
            Content-Length: 2
            Content-Type: a/\\x62

            \\x41B\\
            HTTP 200

            {"path": "/raw", "n": 1, "x": 1.5, "body": "AB", "auth": null, "type": "a/b", ...}

            ### A connection without an answer
            GET /drop

            HTTP closed

            ### Nothing
            GET /empty

            HTTP 200

            (empty)
            """)
        self.assertTrue(out.endswith("6 passed, 0 failed\n"), out)
        self.assertEqual(status, 0)

    def test_a_failure_shows_difference_and_request(self):
        status, out = self.run_http("""\
            ### It fails  [G7]
            GET /x
            Accept: it's

            HTTP 404

            {"path": "/y", ...}
            """)
        self.assertEqual(status, 1)
        for part in ("case.http:1: It fails", "expected 404, got 200",
                     'body.path: expected "/y", got "/x"', "curl -i -X GET -H",
                     "0 passed, 1 failed"):
            self.assertIn(part, out)

    def test_a_5xx_fails_unless_expected(self):
        for status, result in (("200", 1), ("(500)", 1), ("500", 0)):
            got, out = self.run_http(f"### A\nGET /broken\n\nHTTP {status}\n")
            self.assertEqual(got, result, out)

    def test_an_answer_that_the_document_does_not_know_fails(self):
        status, out = self.run_http("### A\nGET /very/odd?x=1\n\nHTTP 200\n")
        self.assertEqual(1, status)
        self.assertIn("/openapi.json, GET /{made}/odd: 200 is not documented", out)

    def test_selection_runs_what_comes_before(self):
        text = """\
            ### First  [G1]
            GET /x

            HTTP 200

            > n = body.n

            ### Second  [G2]
            GET /{{n}}

            HTTP 200

            ### Third fails  [G3]
            GET /x

            HTTP 404
            """
        self.assertIn("1 passed, 0 failed", self.run_http(text, "-k", "G2")[1])
        self.assertIn("0 passed, 1 failed", self.run_http(text, "-k", "Third")[1])
        self.assertIn("0 passed, 0 failed", self.run_http(text, "-k", "nowhere")[1])

    def test_breaches_of_the_server_are_told(self):
        case = "### A\nGET {}\nAuthorization: Token {{{{admin}}}}\n\nHTTP 200\n"
        for top, path, message in (("@set bad.end=1", "/x", "ended with status 3"),
                                   ("@set sanitizer=1", "/x", "reported an error"),
                                   ("# prose", "/leak", "the log holds a token")):
            status, out = self.run_http(f"{top}\n{case.format(path)}")
            self.assertEqual(status, 1)
            self.assertIn(message, out)
            self.assertIn("1 passed, 1 failed", out)

    def test_fixtures_are_loaded_before_the_server_starts(self):
        for text, status, message in (("{}", 0, "1 passed, 0 failed"),
                                      ("refused", 1, "`nestor load` ended with 1:")):
            with open(os.path.join(self.folder.name, "some.json"), "w", encoding="utf-8") as f:
                f.write(text)
            got, out = self.run_http("@load some.json\n### A\nGET /x\n\nHTTP 200\n")
            self.assertEqual(got, status)
            self.assertIn(message, out)

    def test_a_server_that_does_not_start_is_one_failure(self):
        os.unlink(self.nestor)
        with open(self.nestor, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\necho no store >&2\nexit 2\n")
        os.chmod(self.nestor, 0o755)
        status, out = self.run_http("### A\nGET /x\n\nHTTP 200\n")
        self.assertEqual(status, 1)
        self.assertIn("no store", out)


if __name__ == "__main__":
    unittest.main()
