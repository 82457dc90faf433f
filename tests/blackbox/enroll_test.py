"""The program enrollments API on a small seeded university: what both views answer,
what is stored, and 16 clients at once. Rows are named in the cases.

Usage: enroll_test.py --nestor PATH
"""
import hashlib
import http.client
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import threading

from support import Site, Tally, arguments, engines

TOKEN = "for-tests-only"
UUID = "6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a10"
EMPTY = "6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a11"
CU = "0a3d7c52-7d67-4a6e-9a5b-6a52d6b3a001"
RUN = "course-v1:HillsU+MAP1+2019"
BASE = "/api/program_enrollments/v1"
P = f"{BASE}/programs/{UUID}/enrollments/"
C = f"{BASE}/programs/{UUID}/courses/{RUN}/enrollments/"
IER = "invalid enrollment record"

SEED = f"""
INSERT INTO catalog_organization (id, key, name) VALUES (1, 'HillsU', 'Hills');
INSERT INTO saml_provider (organization_id, position, slug, enabled) VALUES (1, 0, 'hills', TRUE);
INSERT INTO program (id, uuid, title, type, marketing_slug, is_empty, next_number)
  VALUES (1, '{UUID}', 'Cartography', '', '', FALSE, 1), (2, '{EMPTY}', '', '', '', TRUE, 1);
INSERT INTO program_owner (program_id, position, organization_key) VALUES (1, 0, 'HillsU');
INSERT INTO program_course (program_id, curriculum, position, key, title)
  VALUES (1, -1, 0, 'HillsU+MAP1', 'Maps');
INSERT INTO program_course_run (program_id, curriculum, course, position, key, title, parsed)
  VALUES (1, -1, 0, 0, '{RUN}', '', '{RUN}');
INSERT INTO course_overview (id, key, display_name)
  VALUES (1, '{RUN}', ''), (2, 'course-v1:Other+X+1', '');
INSERT INTO social_auth (id, account_id, provider, uid) VALUES (1, 1, 'tpa-saml', 'hills:1001');
INSERT INTO token (hash, account_id, kind, created_at, expires_at)
  VALUES ('{hashlib.sha256(TOKEN.encode()).hexdigest()}', 1, 3, 0, 9000000000000000000);
"""


def seed(site):
    if site.database:
        psql = shutil.which("psql") or "/usr/lib/postgresql/15/bin/psql"
        subprocess.run([psql, site.database.url, "-qX", "-v", "ON_ERROR_STOP=1", "-c", SEED],
                       check=True, capture_output=True)
        return
    db = sqlite3.connect(f"{site.data}/nestor.db")
    db.executescript(SEED)
    db.close()


class Caller:
    def __init__(self, port, token=TOKEN):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method, path, body=None, **headers):
        headers = {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8")
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()


def e(key, status, cu=CU):
    return {"external_user_key": key, "status": status, "curriculum_uuid": cu}


def s(key, status):
    return {"student_key": key, "status": status}


def dm(text):
    return {"developer_message": text}


# (rows, method, path, body, status, answer); None: no body
CASES = [
    ("P1", "POST", P, [], 422, {}),
    ("P1", "POST", P, {}, 422, {}),
    ("P1", "POST", P, b"", 422, {}),
    ("P2", "POST", P, [1] * 26, 413, None),
    ("P3", "POST", P, "x" * 26, 413, None),
    ("P4", "POST", P, {"a": 1}, 422, IER),
    ("P5", "POST", P, 5, 422, IER),
    ("P6", "POST", P, [1], 422, IER),
    ("P7", "POST", P, [e("k", "enrolled")] * 25, 422, {"k": "duplicated"}),
    ("P10 P40", "POST", P, [e("1001", "enrolled"), e("b", "pending")], 201,
     {"1001": "enrolled", "b": "pending"}),
    ("P12", "POST", P, [e("z", "Enrolled")], 422, {"z": "invalid-status"}),
    ("P13", "POST", P, [{"external_user_key": "z", "curriculum_uuid": CU}], 422, IER),
    ("P14 P15", "POST", P, [e("f", "nope", 7.5), e("g", "enrolled")], 207,
     {"f": "invalid-status", "g": "enrolled"}),
    ("P17", "POST", P, [e("h", "enrolled", "")], 422, IER),
    ("P18", "POST", P, [e("h", "enrolled", "{URN}".replace("{URN}", "urn:uuid:" + CU.upper()))],
     201, {"h": "enrolled"}),
    ("P19", "POST", P, [e("i", "enrolled", "0x" + CU)], 422, IER),
    ("P21", "POST", P, [e(" ", "enrolled")], 422, IER),
    ("P22", "POST", P, [{"status": "x"}], 422, {"null": "invalid-status"}),
    ("P23", "POST", P, [{"status": "x"}, {"status": "x"}], 422, {"null": "duplicated"}),
    ("P24", "POST", P, [e("k" * 256, "enrolled")], 422, IER),
    ("P24", "POST", P, [e("k" * 255, "enrolled")], 201, {"k" * 255: "enrolled"}),
    ("P25", "POST", P, [e(7, "enrolled"), e(1.5, "enrolled")], 201,
     {"7": "enrolled", "1.5": "enrolled"}),
    ("P26", "POST", P, [e([], "enrolled")], 422, IER),
    ("P27", "POST", P, [e(5, "enrolled"), e("5", "enrolled")], 422, {"5": "duplicated"}),
    ("P28", "POST", P, [e(7, "enrolled")], 422, {"7": "conflict"}),
    ("P29", "POST", P, [e(" b ", "enrolled")], 422, {" b ": "conflict"}),
    ("P30", "POST", P, b'[{"external_user_key":"\\ud800","status":"x"}]', 422, IER),
    ("P31 P32", "POST", P, [e("b", "enrolled", "nonsense")], 422, {"b": "conflict"}),
    ("P35b", "POST", P, [e("\U0001F600", "enrolled")], 201, {"\U0001F600": "enrolled"}),
    ("P36", "POST", P, [e("d", "enrolled"), e("d", "enrolled"), e("m", "enrolled")], 207,
     {"d": "duplicated", "m": "enrolled"}),
    ("C1", "POST", C, {}, 422, IER),
    ("C2", "POST", C, [], 422, {}),
    ("C3", "POST", C, [1] * 26, 413, "enrollment limit 25"),
    ("C4", "POST", C, [{"status": "active"}], 422, IER),
    ("C5", "POST", C, [s("", "active")], 422, IER),
    ("C6", "POST", C, [s("b", "bad")], 422, {"b": "invalid-status"}),
    ("C7", "POST", C, [s("", "bad")], 422, {"": "invalid-status"}),
    ("C8", "POST", C, [s("b", "active"), "bad"], 422, IER),
    ("C9", "POST", C, [s("b", "active"), s("b", 7)], 422, {"b": "duplicated"}),
    ("C11", "POST", C, [s(7, "active"), s(" b ", "active")], 422,
     {"7": "not-in-program", " b ": "not-in-program"}),
    ("C12", "POST", C, [s("q" * 300, "active")], 422, {"q" * 300: "not-in-program"}),
    ("C15", "PATCH", C, [s("b", "active")], 422, {"b": "not-found"}),
    ("C13", "POST", C, [s("b", "active"), s("1001", "active")], 200,
     {"b": "active", "1001": "active"}),
    ("C14 C16", "POST", C, [s("b", "active"), s("g", "inactive")], 207,
     {"b": "conflict", "g": "inactive"}),
    ("C15", "PATCH", C, [s("1001", "inactive"), s("b", "active")], 200,
     {"1001": "inactive", "b": "active"}),
    ("N1 N6", "GET", P.replace(UUID, UUID.upper()), None, 404,
     {"developer_message": "no program exists with given key",
      "error_code": "program_does_not_exist"}),
    ("N7", "GET", P.replace(UUID, EMPTY), None, 404,
     {"developer_message": "no program exists with given key",
      "error_code": "program_does_not_exist"}),
    ("N2", "GET", C.replace("MAP1", "NOPE"), None, 404,
     {"developer_message": "Requested grade for unknown course course-v1:HillsU+NOPE+2019",
      "error_code": "course_does_not_exist"}),
    ("N2", "POST", C.replace("MAP1", "NOPE"), [], 404, dm("Not found.")),
    ("N3", "PATCH", C.replace(RUN, "a+b+c"), [], 404,
     {"developer_message": "The provided course key cannot be parsed.",
      "error_code": "invalid_course_key"}),
    ("N4", "GET", C.replace(RUN, "course-v1:Other+X+1"), None, 200,
     {"next": None, "previous": None, "results": []}),
    ("N4", "POST", C.replace(RUN, "course-v1:Other+X+1"), [], 404, dm("Not found.")),
    ("T1", "GET", P.replace(UUID, "xyz"), None, 404, dm("Not found.")),
    ("T9", "PATCH", P, [], 405, dm('Method "PATCH" not allowed.')),
    ("T12", "POST", P, b"[NaN]", 400, None),
    ("L21", "GET", P + "?cursor=abc", None, 404, dm("Invalid cursor")),
    ("L22", "GET", P + "?cursor=cD0%3D", None, 404, dm("Invalid cursor")),
    ("L15", "GET", P + "?page_size=-1", None, 200,
     {"next": None, "previous": None, "results": []}),
]


def table(caller):
    for rows, method, path, body, status, answer in CASES:
        got, _, text = caller.ask(method, path, body)
        where = f"{rows} {method} {path} {str(body)[:80]}"
        assert got == status, f"{where}: {got} {text[:200]!r}, not {status}"
        if answer is not None:
            assert json.loads(text) == answer, f"{where}: {text[:300]!r}, not {answer}"


def headers(caller):
    status, h, text = caller.ask("GET", P, Accept="application/json; indent=2")
    assert status == 200 and text.startswith(b'{\n  "next": '), text[:60]       # T6
    assert h["Allow"] == "GET, POST, HEAD, OPTIONS", h                          # T8
    assert h["Content-Type"] == "application/json", h                           # T7
    assert caller.ask("GET", P, Accept="text/html")[0] == 406                   # T5
    status, h, text = caller.ask("POST", P[:-1] + "?a=1", [])
    assert (status, h["Location"], text) == (301, P + "?a=1", b""), h           # T3
    assert caller.ask("GET", C + "x/y")[0] == 200                               # T4
    status, h, text = caller.ask("POST", P, b"x", Content_Type="text/plain")
    assert status == 415 and json.loads(text) == dm(
        'Unsupported media type "text/plain" in request.'), text                # T11


def nobody(port):
    status, h, text = Caller(port, None).ask("GET", P)
    assert status == 401 and "WWW-Authenticate" not in h                        # T13 A16
    assert json.loads(text) == dm("Authentication credentials were not provided.")
    status, _, text = Caller(port, "unknown").ask("GET", P)
    assert status == 401, status                                                # A10
    assert json.loads(text)["developer_message"]["error_code"] == "token_nonexistent"


def pages(caller):
    """Following `next` to the end and `previous` back shows every row once (L1-L6)."""
    _, _, text = caller.ask("GET", P)
    every = json.loads(text)["results"]
    seen, path = [], P + "?page_size=3"
    while path:
        page = json.loads(caller.ask("GET", path)[2])
        seen += page["results"]
        last, path = page, page["next"] and page["next"].split("/", 3)[3].join(["/", ""])
    assert seen == every and len(every) > 6, (len(seen), len(every))
    back, page = last["results"], last
    while page["previous"]:
        page = json.loads(caller.ask("GET", "/" + page["previous"].split("/", 3)[3])[2])
        back = page["results"] + back
    assert back == every, (len(back), len(every))


# (query as sent, query of the link without `cursor=cD0...`); the size is always 1
LINKS = [
    ("b=2&a=1&b=1", "a=1&b=2&b=1&cursor=*&page_size=1"),
    ("x=a+b%20c&y=&z", "cursor=*&page_size=1&x=a+b+c&y=&z="),
    ("=v&&=&a", "=v&=&a=&cursor=*&page_size=1"),
    ("cursor=zz&%63ursor=&B=1&a=1", "B=1&a=1&cursor=*&page_size=1"),
    ("q=%ff%C3%A9%c3", "cursor=*&page_size=1&q=%FF%C3%A9%C3"),
    ("q=%2B%25%zz~_.-%2f", "cursor=*&page_size=1&q=%2B%25%25zz~_.-%2F"),
    ("d=a=b&d=", "cursor=*&d=a%3Db&d=&page_size=1"),
    ("&".join(f"n{i:03}" for i in range(600, 0, -1)),
     "&".join(["cursor=*", *(f"n{i:03}=" for i in range(1, 601)), "page_size=1"])),
]


def links(caller):
    """Links keep the query, sorted by name, in form encoding (L5, L13, L26)."""
    for sent, want in LINKS:
        status, _, text = caller.ask("GET", f"{P}?{sent}&page_size=1")
        link = json.loads(text)["next"]
        query = re.sub("cursor=[A-Za-z0-9%]+", "cursor=*", link.split("?", 1)[1])
        assert (status, query) == (200, want), f"{sent[:80]}: {query[:300]}, not {want[:300]}"
    escaped = C.replace("+", "%2b").replace("course-v1:", "course%2Dv1%3A")
    link = json.loads(caller.ask("GET", escaped + "?page_size=1")[2])["next"]
    assert link.startswith(f"http://127.0.0.1:{caller.connection.port}{C}?cursor="), link
    page = json.loads(caller.ask("GET", P + "?page_size=2&page_size=1")[2])
    assert len(page["results"]) == 1, page
    nul = json.loads(caller.ask("GET", P + "?page_size=1&cursor=bz%000x")[2])   # o=1
    assert "?cursor=cj0xJnA9" in nul["previous"], nul


def stored(site):
    """Effects and history (section 10, P41's rows): who, when, what."""
    assert site.query("SELECT user_id, mode FROM course_enrollment") == [("1", "masters")]
    assert site.query("SELECT e.status FROM program_course_enrollment e JOIN program_enrollment p "
                      "ON p.id = e.program_enrollment_id WHERE p.external_user_key = '1001'") == \
        [("inactive",)]
    assert site.query("SELECT kind, status, changed_by FROM program_course_enrollment_history "
                      "WHERE course_enrollment_id IS NOT NULL ORDER BY change") == \
        [("+", "active", "1"), ("~", "inactive", "1")]
    assert site.query("SELECT count(*) FROM program_enrollment") == \
        site.query("SELECT count(*) FROM program_enrollment_history")


def together(site, port):
    """Overlapping batches at once: one row a key, no 5xx."""
    answers, lock = [], threading.Lock()

    def work(n):
        caller = Caller(port)
        for i in range(10):
            keys = [f"t{(n * 3 + i * 5 + k) % 60}" for k in range(10)]
            got = caller.ask("POST", P, [e(k, "enrolled") for k in keys])
            with lock:
                answers.append(got)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(answers) == 160 and all(a[0] in (201, 207, 422) for a in answers), \
        {a[0] for a in answers}
    made = sum(v == "enrolled" for a in answers for v in json.loads(a[2]).values())
    rows = int(site.query("SELECT count(*) FROM program_enrollment "
                          "WHERE external_user_key LIKE 't%'")[0][0])
    assert made == rows == 60, (made, rows)


def main():
    chosen = arguments(__doc__)
    tally = Tally()
    for name, cluster in engines():
        with Site(chosen.nestor, cluster) as site:
            site.init()
            seed(site)
            with site.serve() as server:
                caller = Caller(server.port)
                tally.run(f"{name}: nobody gets in without a token", nobody, server.port)
                tally.run(f"{name}: every record gets its outcome", table, caller)
                tally.run(f"{name}: answers are dressed as contracted", headers, caller)
                tally.run(f"{name}: pages show every row once, both ways", pages, caller)
                tally.run(f"{name}: links keep the query byte by byte", links, caller)
                tally.run(f"{name}: effects and history are stored", stored, site)
                tally.run(f"{name}: clients at once make one row a key", together, site,
                          server.port)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
