"""The program enrollments API where answers alone do not show it: what is stored and
logged, what vanishes between two pages. What one answer shows is in
src/enroll/**/*.http.

Usage: enroll_test.py --nestor PATH
"""
import base64
import http.client
import json
import os
import re
import sys
import urllib.parse

from support import Client, Site, Tally, arguments, engines

HERE = os.path.dirname(os.path.abspath(__file__))
ENROLL = os.path.join(HERE, "..", "..", "src", "enroll")
TOKEN = "registrar-token-for-tests"
UUID = "6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a{}"
MAIN = UUID.format(10)
BROKEN = [UUID.format(n) for n in (13, 14, 15, 16, 17)]
CU = "0a3d7c52-7d67-4a6e-9a5b-6a52d6b3a001"
RUN = "course-v1:HillsU+MAP1+2019"
BASE = "/api/program_enrollments/v1"
LIMIT = 1 << 20  # bytes of a body
NO_PROVIDER = "accounts cannot be found"


def p_path(program=MAIN):
    return f"{BASE}/programs/{program}/enrollments/"


def c_path(run=RUN, program=MAIN):
    return f"{BASE}/programs/{program}/courses/{run}/enrollments/"


def e(key, status="enrolled", cu=CU):
    return {"external_user_key": key, "status": status, "curriculum_uuid": cu}


def s(key, status="active"):
    return {"student_key": key, "status": status}


def cursor(text):
    return "cursor=" + urllib.parse.quote(base64.b64encode(text.encode()).decode(), safe="")


class Caller(Client):
    """The registrar on one connection."""

    def __init__(self, server):
        super().__init__(server.port, TOKEN, "Bearer")

    def expect(self, status, method, path, body=None):
        """The JSON of the answer; None without a body."""
        answer = super().expect(status, method, path, body)
        return answer.json() if answer.body else None

    def page(self, link):
        """A page by a link, absolute or not."""
        address = urllib.parse.urlsplit(link)
        return self.expect(200, "GET", f"{address.path}?{address.query}")


def load(site, *paths):
    for path in paths:
        p = site.run("load", path)
        assert p.returncode == 0, p.stderr


def load_document(site, name, **document):
    load(site, site.write(name, json.dumps(document)))


def keys(page):
    return [row["student_key"] for row in page["results"]]


def lines(server, text):
    return [line for line in server.log if text in line]


# rows: T3
def redirect_is_logged(_, server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", p_path()[:-1], b"[]", {"Content-Type": "application/json"})
    assert connection.getresponse().status == 301
    connection.close()
    server.wait_for("redirected to the slash")


# rows: T15
def bodies_have_a_limit(_, server):
    """A body of 256 KiB is read; one above the limit is refused, and the line closed."""
    caller = Caller(server)
    assert caller.expect(422, "POST", p_path(), b" " * ((256 << 10) - 2) + b"[]") == {}
    assert caller.expect(422, "POST", p_path(), b" " * (LIMIT - 2) + b"[]") == {}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("POST", p_path())
    for name, value in (("Authorization", f"Bearer {TOKEN}"), ("Content-Type", "application/json"),
                        ("Content-Length", str(LIMIT + 1))):
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    answer = json.loads(response.read())
    assert response.status == 413 and list(answer) == ["developer_message"], answer
    assert str(LIMIT) in answer["developer_message"], answer
    assert response.headers["Connection"] == "close" and connection.sock is None
    connection.close()


# rows: T15
def limit_is_a_setting(caller):
    """A server that is told 256 KiB reads that much and no more."""
    limit = 256 << 10
    assert caller.expect(422, "POST", p_path(), b" " * (limit - 2) + b"[]") == {}
    answer = caller.expect(413, "POST", p_path(), b" " * (limit - 1) + b"[]")
    assert str(limit) in answer["developer_message"], answer


# rows: P39
def conflicts_need_no_provider(site, server):
    """First on a new server: a look-up would be logged."""
    load_document(site, "broken.json", program_enrollments=[
        {"program": p, "external_user_key": "there", "curriculum_uuid": CU} for p in BROKEN])
    caller = Caller(server)
    for program in BROKEN:
        assert caller.expect(422, "POST", p_path(program), [e("there", "nope"), e("there")]) == \
            {"there": "duplicated"}
        assert caller.expect(422, "POST", p_path(program), [e("there", "nope")]) == \
            {"there": "conflict"}
    caller.expect(201, "POST", p_path(), [e("has-a-provider")])
    assert not lines(server, NO_PROVIDER), lines(server, NO_PROVIDER)


# rows: P38
def broken_chain_is_logged_once(_, server):
    caller = Caller(server)
    for n in range(3):
        for program in BROKEN:
            caller.expect(201, "POST", p_path(program), [e(f"k{n}"), e(f"l{n}")])
    for program in BROKEN:
        told = [line for line in lines(server, NO_PROVIDER) if program in line]
        assert len(told) == 1, (program, told)


def seats(site, run=RUN):
    """What the LMS has: {user: (mode, activity)}."""
    rows = site.query("SELECT a.username, c.mode, c.is_active FROM course_enrollment c "
                      f"JOIN account a ON a.id = c.user_id WHERE c.course_key = '{run}'")
    return {user: (mode, is_active in ("1", "t")) for user, mode, is_active in rows}


# rows: C20 C21 C22
def course_rows_take_effect(site, server):
    """Section 10: accounts get a seat, paid active ones keep theirs; nobody else does."""
    caller = Caller(server)
    caller.expect(200, "POST", c_path(),
                  [s("ben"), s("cleo", "inactive"), s("dora"), s("eve", "inactive"), s("l1")])
    assert seats(site) == {"ben": ("masters", True), "cleo": ("verified", True),
                           "dora": ("masters", True), "eve": ("masters", False)}, seats(site)
    server.wait_for("paid course enrolment kept")
    full = "course-v1:HillsU+MAP1+2020"
    caller.expect(200, "POST", c_path(full), [s("ben"), s("l1")])
    assert seats(site, full) == {"ben": ("masters", True)}, seats(site, full)
    unlinked = site.query("SELECT p.external_user_key FROM program_course_enrollment e "
                          "JOIN program_enrollment p ON p.id = e.program_enrollment_id AND "
                          "p.program_id = e.program_id WHERE e.course_enrollment_id IS NULL "
                          "AND p.external_user_key <> 'both' ORDER BY e.id")
    assert unlinked == [("l1",), ("l1",)], unlinked


def changes_follow(site, server):
    """PATCH: the seat's activity follows, its mode does not; a missing seat is logged."""
    caller = Caller(server)
    caller.expect(200, "PATCH", c_path(), [s("ben", "inactive"), s("cleo"), s("eve")])
    assert seats(site) == {"ben": ("masters", False), "cleo": ("verified", True),
                           "dora": ("masters", True), "eve": ("masters", True)}, seats(site)
    load_document(site, "unlinked.json", program_course_enrollments=[
        {"program": MAIN, "external_user_key": "1001", "course_key": RUN,
         "course_enrollment": False}])
    caller.expect(200, "PATCH", c_path(), [s("1001", "inactive")])
    server.wait_for("course row of an account has no course enrolment")
    assert "ann" not in seats(site)


# rows: C15 C20
def later_row_of_an_account_counts(site, server):
    """Two keys of one account share its seat; rows of a batch take effect in their order."""
    caller, run = Caller(server), "course-v1:HillsU+MAP2+2019"
    load_document(site, "two-keys.json", users=[{"username": "flo"}], program_enrollments=[
        {"program": MAIN, "external_user_key": key, "curriculum_uuid": cu, "user": "flo"}
        for key, cu in (("flo-1", CU), ("flo-2", CU[:-1] + "2"))])
    caller.expect(200, "POST", c_path(run), [s("flo-1"), s("flo-2", "inactive")])
    assert seats(site, run)["flo"] == ("masters", False), seats(site, run)
    caller.expect(200, "PATCH", c_path(run), [s("flo-1", "inactive"), s("flo-2")])
    assert seats(site, run)["flo"] == ("masters", True), seats(site, run)
    caller.expect(200, "PATCH", c_path(run), [s("flo-1"), s("flo-2", "inactive")])
    assert seats(site, run)["flo"] == ("masters", False), seats(site, run)


HISTORY = ("SELECT h.kind, h.status, a.username FROM program_course_enrollment_history h "
           "JOIN program_enrollment p ON p.id = h.program_enrollment_id AND "
           "p.program_id = h.program_id LEFT JOIN account a ON a.id = h.changed_by "
           "WHERE p.external_user_key = 'l2' ORDER BY h.change")


# rows: C15
def history_has_what_was_written(site, server):
    """One row for each row written, none for a change that changes nothing."""
    caller = Caller(server)
    caller.expect(200, "POST", c_path(), [s("l2")])
    for status in ("inactive", "inactive", "active"):
        caller.expect(200, "PATCH", c_path(), [s("l2", status)])
    assert site.query(HISTORY) == [("+", "active", "registrar"), ("~", "inactive", "registrar"),
                                   ("~", "active", "registrar")], site.query(HISTORY)
    assert site.query("SELECT count(*) FROM program_enrollment") == \
        site.query("SELECT count(*) FROM program_enrollment_history")


PAGES = UUID.format(20)


def learners(numbers, program=PAGES):
    return [{"program": program, "external_user_key": f"k{n:04}", "curriculum_uuid": CU}
            for n in numbers]


def remove(site, numbers):
    load_document(site, "absent.json", absent={"program_enrollments": learners(numbers)})


# rows: L17 L25
def long_lists(site, server):
    """More than a thousand rows: in one page, and behind the largest offset."""
    load_document(site, "long.json", programs=[{"uuid": PAGES}],
                  program_enrollments=learners(range(1, 1106)))
    caller = Caller(server)
    every = caller.page(p_path(PAGES) + "?page_size=1000000000")
    assert keys(every) == [f"k{n:04}" for n in range(1, 1106)]
    assert every["next"] is None and every["previous"] is None
    for offset in (1000, 1001, 5000):
        page = caller.page(p_path(PAGES) + "?page_size=3&" + cursor(f"o={offset}"))
        assert keys(page) == ["k1001", "k1002", "k1003"], (offset, keys(page))
    assert keys(caller.page(p_path(PAGES) + "?page_size=3&" + cursor("o=999"))) == \
        ["k1000", "k1001", "k1002"]


# rows: L27 L28 L29
def rows_that_vanish(site, server):
    """Those that are left are shown once each, whatever went between two pages."""
    caller = Caller(server)
    first = caller.page(p_path(PAGES) + "?page_size=10")
    second = caller.page(first["next"])
    remove(site, [5, 10, 11, 12])
    assert keys(caller.page(first["next"])) == [f"k{n:04}" for n in range(13, 23)]
    assert keys(caller.page(second["previous"])) == \
        [f"k{n:04}" for n in (1, 2, 3, 4, 6, 7, 8, 9)]
    # Everything behind the first page goes.
    remove(site, range(11, 1106))
    empty = caller.page(first["next"])
    assert empty["results"] == [] and empty["next"] is None, empty
    address = urllib.parse.urlsplit(empty["previous"])
    assert address.query == "cursor=cj0x&page_size=10", empty["previous"]
    last = caller.page(empty["previous"])
    assert keys(last) == [f"k{n:04}" for n in (1, 2, 3, 4, 6, 7, 8, 9)]
    assert last["next"] is None and last["previous"] is None, last


# rows: L29
def rows_before_vanish(site, server):
    load_document(site, "again.json", program_enrollments=learners(range(2001, 2021)))
    caller = Caller(server)
    second = caller.page(caller.page(p_path(PAGES) + "?page_size=10")["next"])
    gone = [n for n in [*range(1, 10), *range(2001, 2021)] if f"k{n:04}" < keys(second)[0]]
    remove(site, gone)
    empty = caller.page(second["previous"])
    assert empty["results"] == [] and empty["previous"] is None, empty
    assert urllib.parse.urlsplit(empty["next"]).query == "cursor=&page_size=10", empty["next"]
    assert keys(caller.page(empty["next"]))[0] == keys(second)[0]


# (query as sent, query of the link with its cursor as *); the size is always 1
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


# rows: L5 L13 L26
def links(_, server):
    """Links keep the query, sorted by name, in form encoding; the path is written anew."""
    caller = Caller(server)
    for sent, want in LINKS:
        link = caller.expect(200, "GET", f"{p_path(PAGES)}?{sent}&page_size=1")["next"]
        query = re.sub("cursor=[A-Za-z0-9%]+", "cursor=*", link.split("?", 1)[1])
        assert query == want, f"{sent[:80]}: {query[:300]}, not {want[:300]}"
    escaped = c_path().replace("+", "%2b").replace("course-v1:", "course%2Dv1%3A")
    link = caller.expect(200, "GET", escaped + "?page_size=1")["next"]
    assert link.startswith(f"http://127.0.0.1:{server.port}{c_path()}?cursor="), link
    nul = caller.expect(200, "GET", p_path(PAGES) + "?page_size=1&cursor=bz%000x")   # o=1
    assert "?cursor=cj0xJnA9" in nul["previous"], nul


CASES = (conflicts_need_no_provider, broken_chain_is_logged_once, redirect_is_logged,
         bodies_have_a_limit, course_rows_take_effect, changes_follow,
         later_row_of_an_account_counts, history_has_what_was_written, long_lists, links,
         rows_that_vanish, rows_before_vanish)


def main():
    chosen = arguments(__doc__)
    tally = Tally()
    for name, cluster in engines():
        with Site(chosen.nestor, cluster) as site:
            site.init()
            load(site, os.path.join(ENROLL, "fixtures", "university.json"),
                 os.path.join(ENROLL, "course_enrollment", "fixtures", "learners.json"))
            with site.serve() as server:
                for case in CASES:
                    tally.run(f"{case.__name__}[{name}]", case, site, server)
            with site.serve("--set", "http.body_bytes=262144") as server:
                tally.run(f"limit_is_a_setting[{name}]", limit_is_a_setting, Caller(server))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
