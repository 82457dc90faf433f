# Takes long
"""Tasks and bulk imports as their users meet them: servers that are killed while they run, two
servers on one database, queues, cancelling, uploads in every wrapping, disks that are full.

# rows: G35 G151 V325 V601-V607 V610 V611 V613 V614

Usage: tasks_test.py --nestor PATH [--kills N] [--seed N] [--only WORD]
"""
import fcntl
import http.client
import http.server
import io
import json
import os
import random
import resource
import signal
import sys
import threading
import time
import zipfile

from support import PATIENCE, Holder, Site, Tally, arguments, build_for, engines

OF_POSTGRESQL = "test_two_servers", "test_signals_while_a_task_waits"
IMPORT = "/v2/importers/bulk-import/"


def line(kind, **members):
    return {"type": kind, **members}


def owners(source="S"):
    return [line("Organization", id="WHO", name="W"),
            line("Source", owner="WHO", id=source, name=source)]


def concept(number, source="S", **members):
    return line("Concept", owner="WHO", source=source, id=f"C{number}", concept_class="Diagnosis",
                names=[{"name": f"name {number}", "locale": "en"}], **members)


def text_of(lines):
    return "".join(json.dumps(one) + "\n" for one in lines).encode()


def multipart(parts, boundary="frontier"):
    """parts: (name, filename or None, bytes)"""
    body = b""
    for name, filename, content in parts:
        shown = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
        body += f"--{boundary}\r\nContent-Disposition: {shown}\r\n\r\n".encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


def post(client, body, path=IMPORT, status=202, **headers):
    a = client.raw("POST", path, body, {"Authorization": f"Token {client.token}", **headers})
    assert a.status == status, str(a)
    return a.json()


def task_of(client, key):
    return client.expect(200, "GET", f"/v2/tasks/{key}/").json()


def wait_for(client, key, states=("SUCCESS", "FAILURE", "REVOKED")):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        task = task_of(client, key)
        if task["state"] in states:
            return task
        time.sleep(0.02)
    raise AssertionError(f"still {task}")


def no_files(site):
    """Whether they are gone soon: an answer may leave before what it needed."""
    end = time.monotonic() + PATIENCE
    while files_of(site) and time.monotonic() < end:
        time.sleep(0.01)
    assert files_of(site) == [], files_of(site)


def files_of(site):
    folder = os.path.join(site.data, "tasks")
    return sorted(name for name in os.listdir(folder) if name != "host")


class Elsewhere:
    """A server of files that behaves in several ways."""

    def __init__(self, body):
        self.body, self.asked = body, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Each page behaves in a way of its own."""

            def do_GET(self):
                outer.asked.append(self.path)
                try:
                    getattr(self, "page_" + self.path[1:].replace("-", "_"), self.page_missing)()
                except OSError:
                    pass

            def begin(self, status, **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()

            def page_file(self):
                self.begin(200, Content_Length=len(outer.body))
                self.wfile.write(outer.body)

            def page_missing(self):
                self.begin(404, Content_Length=0)

            def page_moved(self):
                self.begin(302, Location="/file", Content_Length=0)

            def page_loop(self):
                self.begin(302, Location="/loop", Content_Length=0)

            def page_to_file(self):
                self.begin(302, Location="file:///etc/passwd", Content_Length=0)

            def page_cut(self):
                self.begin(200, Content_Length=len(outer.body))
                self.wfile.write(outer.body[:1000])

            def page_html(self):
                self.begin(200)
                self.wfile.write(b"<!DOCTYPE html><title>Sign in</title>")

            def page_endless(self):
                self.begin(200, Content_Length=5 << 30)
                self.wfile.write(outer.body)

            def page_slow(self):
                self.begin(200, Content_Length=len(outer.body))
                for i in range(0, len(outer.body), 10):
                    self.wfile.write(outer.body[i:i + 10])
                    time.sleep(0.05)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    def url(self, page):
        return f"http://127.0.0.1:{self.server.server_address[1]}/{page}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def until(holds, what):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


class Cases:
    """Every method test_* is a case on an installation of its own."""

    def __init__(self, options, cluster):
        self.options = options
        self.cluster = cluster
        self.random = random.Random(options.seed)

    def site(self):
        return Site(build_for(self.options, self.cluster), self.cluster)

    def test_uploads_in_every_wrapping(self):
        """V601: bare, as a file of a form whatever its size, as an object; V603: faults."""
        with self.site() as site, site.init().serve() as server:
            client = server.client()
            large = text_of(owners() + [concept(i, extras={"x": "y" * 900}) for i in range(700)])
            assert len(large) > 600000
            form = {"Content-Type": "multipart/form-data; boundary=frontier"}
            cases = [
                (large, {}),
                (multipart([("update_if_exists", None, b"false"),
                            ("file", "x.jsonl", large)]), form),
                (multipart([("data", None, large)]), form),
                (json.dumps({"data": large.decode(), "parallel": 3}).encode(), {}),
                (json.dumps({"data": [concept(1), concept(2)]}).encode(), {}),
            ]
            seen = []
            for body, headers in cases:
                task = wait_for(client, post(client, body, **headers)["id"])
                assert task["state"] == "SUCCESS", task
                seen.append(task["summary"])
            assert [s["total"] for s in seen] == [702, 702, 702, 702, 2], seen
            assert seen[0]["created"] == 702 and seen[1]["exists"] == 702, seen
            assert seen[2]["unchanged"] == 700 and seen[4]["unchanged"] == 2, seen
            chunks = (large[at:at + 70000] for at in range(0, len(large), 70000))
            task = post(client, chunks)
            assert wait_for(client, task["id"])["summary"]["unchanged"] == 700
            for body, why in (
                    (multipart([("file", "x", b"")]), "No content to import"),
                    (multipart([("other", None, b"x")]), 'option "other"'),
                    (multipart([("file", "x", b"\x00\x01")]), "Failed to parse input. ("),
                    (multipart([("file_url", None, b"http://127.0.0.1/")]), "tasks.fetch"),
                    (multipart([("import_type", None, b"npm")]), 'option "import_type"'),
                    (multipart([("parallel", None, b"x" * 100)]), "parallel must be"),
                    (multipart([("updateIfExists", None, b"no")]), 'option "updateIfExists"')):
                refused = post(client, body, status=400, **form)
                assert why in refused["exception"], (why, refused)
            for body in (b"", b"--frontier", b"--frontier\r\n\r\n", multipart([])[:-6],
                         multipart([("file", "x", large)])[:-20]):
                refused = post(client, body, status=400, **form)
                assert refused, body[:50]
            no_files(site)

    def test_files_in_every_form(self):
        """V602: an array, a table, an export, a ZIP of one of them."""
        export = {"type": "Source Version", "id": "v9", "version": "v9", "short_code": "S",
                  "released": True, "owner": "WHO", "owner_type": "Organization",
                  "source": {"type": "Source", "id": "S", "short_code": "S",
                                               "name": "S", "owner": "WHO",
                                               "owner_type": "Organization"},
                  "concepts": [{**concept(3), "owner_type": "Organization"}], "mappings": [],
                  "export_time": "0secs"}
        table = "resource_type,id,name,owner_id,source,concept_class\nConcept,C4,four,WHO,S,Diagnosis\n"
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("some/folder/lines.jsonl", text_of([concept(5)]))
        with self.site() as site, site.init().serve() as server:
            client = server.client()
            for body, made in ((json.dumps(owners() + [concept(2)], indent=2).encode(), 3),
                               (json.dumps(export).encode(), 2), (table.encode(), 1),
                               (zipped.getvalue(), 1)):
                task = wait_for(client, post(client, body)["id"])
                told = client.ask("GET", IMPORT + f"?task={task['id']}&result=json").body
                assert task["summary"]["created"] == made, told
            shown = client.expect(200, "GET", "/v2/orgs/WHO/sources/S/concepts/").json()
            assert sorted(c["id"] for c in shown) == ["C2", "C3", "C4", "C5"], shown
            broken = zipped.getvalue()[:-40]
            refused = post(client, broken, status=400)
            assert "Failed to parse input. (It " in refused["exception"], refused

    def test_what_is_refused_leaves_no_file(self):
        """Whoever may not import, or goes away in the middle, leaves nothing."""
        with self.site() as site, site.init().serve() as server:
            anonymous = server.client("")
            a = anonymous.raw("POST", IMPORT, b"x" * 300000, {})
            assert a.status == 401, str(a)
            self.refused_unread(site, server)
            self.refused_by_size(server)
            half = server.client()
            half.connection.putrequest("POST", IMPORT)
            half.connection.putheader("Authorization", f"Token {half.token}")
            half.connection.putheader("Content-Length", "1000000")
            half.connection.endheaders()
            half.connection.send(b"x" * 400000)
            end = time.monotonic() + PATIENCE
            while not files_of(site) and time.monotonic() < end:
                time.sleep(0.01)
            assert files_of(site), "the body is not in a file"
            half.close()
            no_files(site)

    def refused_by_size(self, server):
        """Other methods of the address take what memory takes."""
        for method in ("PUT", "GET", "OPTIONS", "PATCH", "DELETE"):
            stranger = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
            stranger.putrequest(method, IMPORT)
            stranger.putheader("Content-Length", str(1 << 30))
            stranger.endheaders()
            first = stranger.sock.recv(13)
            assert first == b"HTTP/1.1 413 ", (method, first)
            stranger.close()

    def refused_unread(self, site, server):
        """A stranger's body is not asked for, and not read: the answer comes behind the head."""
        for headers, status in (({}, 401), ({"Authorization": "Token " + "0" * 40}, 401),
                                ({"Authorization": f"Token {server.client().token}",
                                  "Content-Encoding": "gzip"}, 415)):
            for expect in ({}, {"Expect": "100-continue"}):
                stranger = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
                stranger.putrequest("POST", IMPORT)
                for name, value in {**headers, **expect, "Content-Length": "1000000"}.items():
                    stranger.putheader(name, value)
                stranger.endheaders()
                first = stranger.sock.recv(13)
                assert first == f"HTTP/1.1 {status} ".encode(), first
                stranger.close()
        assert files_of(site) == [], files_of(site)

    def test_a_file_somewhere_else(self):
        """V601, file_url: only where a setting lets it, from no private address unless that is
        said, bounded; what cannot be fetched ends the import with a reason."""
        body = text_of(owners() + [concept(i) for i in range(300)])
        with Elsewhere(body) as far, self.site() as site:
            site.init()
            with site.serve() as server:
                refused = post(server.client(), json.dumps({"file_url": far.url("file")}).encode(),
                               status=400)
                assert "tasks.fetch" in refused["exception"], refused
            with site.serve("--set", "tasks.fetch=public") as server:
                client = server.client()
                for url in (far.url("file"), far.url("file").replace("127.0.0.1", "localhost"),
                            "http://[::1]:1/", "http://10.0.0.1/", "http://169.254.169.254/x"):
                    key = post(client, json.dumps({"file_url": url}).encode())["id"]
                    task = wait_for(client, key)
                    assert task["state"] == "FAILURE", task
                    assert "no public address" in task["error_message"], task["error_message"]
                assert far.asked == [], far.asked
            with site.serve("--set", "tasks.fetch=any") as server:
                client = server.client()
                form = {"Content-Type": "multipart/form-data; boundary=frontier"}
                key = post(client, multipart([("file_url", None, far.url("file").encode())]),
                           **form)["id"]
                assert wait_for(client, key)["summary"]["created"] == 302, task_of(client, key)
                key = post(client, json.dumps({"file_url": far.url("moved")}).encode())["id"]
                assert wait_for(client, key)["summary"]["unchanged"] == 300, task_of(client, key)
                for page, why in (("missing", "404"), ("loop", "redirects"), ("cut", "fetched"),
                                  ("html", "Failed to parse input"), ("endless", "4 GB"),
                                  ("to-file", "fetched")):
                    key = post(client, json.dumps({"file_url": far.url(page)}).encode())["id"]
                    task = wait_for(client, key)
                    assert task["state"] == "FAILURE" and why in task["error_message"], (page, task)
                for asked, why in (({"file_url": "file:///etc/passwd"}, "begins with http"),
                                   ({"file_url": "gopher://x/"}, "begins with http"),
                                   ({"file_url": far.url("file"), "data": body.decode()}, "Either")):
                    refused = post(client, json.dumps(asked).encode(), status=400)
                    assert why in refused["exception"], (asked, refused)
                slow = post(client, json.dumps({"file_url": far.url("slow")}).encode())["id"]
                wait_for(client, slow, ("STARTED",))
                client.expect(204, "DELETE", f"/v2/tasks/{slow}/")
                no_files(site)

    def test_the_same_import_twice(self):
        """V604: while the first has not ended; another user's is another."""
        with self.site() as site, site.init().serve("--set", "tasks.slots=0") as server:
            client = server.client()
            body = text_of(owners())
            key = post(client, body)["id"]
            refused = post(client, body, status=409)
            assert refused == {"exception": "The same import has been already queued"}, refused
            post(client, body, path=IMPORT + "?update_if_exists=false")
            post(client, body, path=IMPORT + "other/")
            assert any(name.startswith(key[:36]) for name in files_of(site)), files_of(site)
            client.expect(204, "DELETE", IMPORT, {"task_id": key})
            assert task_of(client, key)["state"] == "REVOKED"
            end = time.monotonic() + PATIENCE
            while any(name.startswith(key[:36]) for name in files_of(site)):
                assert time.monotonic() < end, "the file of a cancelled import stays"
                time.sleep(0.01)
            post(client, body)

    def test_what_a_killed_server_left(self):
        """Uploads that nobody holds go; those that are being written stay; so does a name that
        was not written whole."""
        with self.site() as site:
            site.init()
            folder = os.path.join(site.data, "tasks")
            os.makedirs(folder, mode=0o700, exist_ok=True)
            old = time.time() - 60
            paths = [os.path.join(folder, f"{letter * 8}-0000-4000-8000-000000000000.upload")
                     for letter in "ab"]
            for path in paths:
                with open(path, "wb") as f:
                    f.write(b"{")
                os.utime(path, (old, old))
            with open(os.path.join(folder, "host"), "wb"):
                pass
            with open(paths[1], "rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                with site.serve() as server:
                    assert server.is_up(), server.text()
                    end = time.monotonic() + PATIENCE
                    while os.path.exists(paths[0]) and time.monotonic() < end:
                        time.sleep(0.01)
                    assert files_of(site) == [os.path.basename(paths[1])], files_of(site)
                    with open(os.path.join(folder, "host"), "rb") as f:
                        name = f.read()
                    assert len(name) == 16, name
            with site.serve() as server:
                assert server.is_up(), server.text()
                with open(os.path.join(folder, "host"), "rb") as f:
                    assert f.read() == name

    def rehearsed(self):
        """Lines of every kind and outcome."""
        new = [line("Source Version", owner="NEW", source="N", id="v1", released=True),
               line("Concept", owner="NEW", source="N", id="child", concept_class="C",
                    names=[{"name": "child", "locale": "en"}],
                    parent_concept_urls=["/orgs/NEW/sources/N/concepts/parent/"]),
               line("Concept", owner="NEW", source="N", id="parent", concept_class="C",
                    names=[{"name": "parent", "locale": "en"}]),
               line("Source", owner="NEW", id="N", name="N"), line("Organization", id="NEW", name="N")]
        known = [concept(1, extras={"changed": True}), concept(2), concept(3),
                 line("Concept", owner="WHO", source="S", id="C4", __action="DELETE"),
                 line("Concept", owner="WHO", source="S", id="nowhere", __action="DELETE"),
                 line("Mapping", owner="WHO", source="S", id="m", map_type="SAME-AS",
                      from_concept_url="/orgs/WHO/sources/S/concepts/C1/",
                      to_concept_url="/orgs/NEW/sources/N/concepts/child/"),
                 concept(9, source="none"), line("Nothing"),
                 line("Concept", owner="WHO", source="S", id="x")]
        return new + known + [concept(i) for i in range(100, 700)]

    def everything(self, site):
        """What a rehearsal must not touch, nor take numbers from."""
        return {table: sorted(site.query(f"SELECT * FROM {table}")) for table in site.tables()
                if table not in ("task", "import_taken", "import_refused", "session", "nst_counter",
                                 "account", "token")} | {
            "counters": site.query("SELECT name, next FROM nst_counter WHERE name <> 'task' "
                                   "ORDER BY name")}

    def test_rehearsing(self):
        """Each line is judged as the import judges it later, and nothing is stored."""
        with self.site() as site:
            with site.init().serve() as server:
                client = server.client()
                known = owners() + [concept(i) for i in range(1, 5)]
                assert wait_for(client, post(client, text_of(known))["id"])["state"] == "SUCCESS"
                body, before = text_of(self.rehearsed()), self.everything(site)
                asked = post(client, body, path=IMPORT + "?rehearse=true")
                assert asked["name"] == "bulk_import_rehearsal", asked
                task = wait_for(client, asked["id"])
                assert task["state"] == "SUCCESS", task
                assert "nothing stored" in task["message"], task
                now = self.everything(site)
                changed = [name for name in before if before[name] != now[name]]
                assert not changed, {name: now[name][:3] for name in changed}
                no_files(site)
                shown = client.ask("GET", IMPORT).json()
                assert asked["id"] in [t["id"] for t in shown], shown
                imported = wait_for(client, post(client, body)["id"])
                both = []
                for key in (asked["id"], imported["id"]):
                    told = client.expect(200, "GET", IMPORT + f"?task={key}&result=json").json()
                    told["summary"].pop("elapsed_seconds")
                    refused = client.expect(200, "GET", IMPORT + f"?task={key}&result=refused").body
                    both.append((told, refused))
                assert both[0] == both[1], [told["summary"] for told, _ in both]
                for outcome in ("created", "updated", "unchanged", "deleted", "not_found", "invalid"):
                    assert imported["summary"][outcome] > 0, (outcome, imported["summary"])
                a = client.ask("GET", "/v2/orgs/NEW/sources/N/v1/")
                assert a.status == 200, str(a)
                self.refused_by_name(client)

    def refused_by_name(self, client):
        refused = post(client, text_of(owners()), path=IMPORT + "?rehearse=maybe", status=400)
        assert refused == {"exception": "rehearse must be either 'true' or 'false'"}, refused

    def test_a_rehearsal_that_is_broken_off(self):
        """Cancelled, or its server killed: nothing is stored, no copy is left, and a server that
        comes back rehearses it anew."""
        with self.site() as site:
            site.init()
            body = text_of(owners() + [concept(i) for i in range(4000)])
            server = site.serve()
            client = server.client()
            key = post(client, body, path=IMPORT + "?rehearse=true")["id"]
            wait_for(client, key, ("STARTED",))
            client.expect(204, "DELETE", f"/v2/tasks/{key}/")
            no_files(site)
            key = post(client, body, path=IMPORT + "?rehearse=true")["id"]
            wait_for(client, key, ("STARTED",))
            time.sleep(self.random.uniform(0, 0.3))
            server.end(signal.SIGKILL)
            with site.serve() as server:
                client = server.client()
                task = wait_for(client, key)
                assert task["state"] == "SUCCESS" and task["summary"]["created"] == 4002, task
                no_files(site)
                assert client.ask("GET", "/v2/orgs/WHO/").status == 404
                told = client.expect(200, "GET", IMPORT + f"?task={key}&result=json").json()
                assert len(told["created"]) == 4002, len(told["created"])

    def test_a_rehearsal_that_fails(self):
        """Behind a step that went well: its file is gone, or there is no room; told, and no copy
        is left. A file from somewhere else is rehearsed as well."""
        body = text_of(owners() + [concept(i) for i in range(30000)])
        with Elsewhere(text_of(owners())) as far, self.site() as site, \
                site.init().serve("--set", "tasks.fetch=any") as server:
            client = server.client()
            key = post(client, body, path=IMPORT + "?rehearse=true")["id"]
            path = os.path.join(site.data, "tasks", key[:36] + ".input")
            while (task_of(client, key)["summary"] or {"processed": 0})["processed"] < 500:
                time.sleep(0.01)
            os.truncate(path, 0)
            task = wait_for(client, key)
            assert task["state"] == "FAILURE" and "changed" in task["error_message"], task
            key = post(client, json.dumps({"file_url": far.url("file")}).encode(),
                       path=IMPORT + "?rehearse=true")["id"]
            task = wait_for(client, key)
            assert task["state"] == "SUCCESS" and task["summary"]["created"] == 2, task
            no_files(site)

    def test_too_many_wait(self):
        with self.site() as site, site.init().serve("--set", "tasks.slots=0") as server:
            client = server.client()
            for i in range(100):
                post(client, text_of([line("Organization", id=f"O{i}", name="x")]))
            refused = post(client, text_of(owners()), status=429)
            assert "100 imports" in refused["exception"], refused
            site.execute("UPDATE task SET state = 'REVOKED', once = NULL WHERE id > 1",
                         "UPDATE task SET kwargs = '{\"size\":8589934000}'")
            refused = post(client, text_of([concept(i) for i in range(20)]), status=429)
            assert "8 GB" in refused["exception"], refused
            post(client, text_of([line("Organization", id="P", name="x")]))

    def test_named_queues_are_in_order(self):
        """V605: those of one queue follow one another, in the order in which they were asked for."""
        with self.site() as site, site.init().serve("--set", "tasks.slots=4") as server:
            client = server.client()
            post(client, text_of(owners()))
            keys = [post(client, text_of([concept(1, extras={"turn": i})] +
                                         [concept(100 * (i + 1) + k) for k in range(40)]),
                         path=IMPORT + "q/")["id"] for i in range(8)]
            tasks = [wait_for(client, key) for key in keys]
            for before, after in zip(tasks, tasks[1:]):
                assert before["finished_at"] <= after["started_at"], (before, after)
            shown = client.expect(200, "GET", "/v2/orgs/WHO/sources/S/concepts/C1/").json()
            assert shown["extras"]["turn"] == 7, shown["extras"]

    def test_cancelling(self):
        """V607, V270: within a second, and nothing is written afterwards."""
        with self.site() as site, site.init().serve() as server:
            client = server.client()
            key = post(client, text_of(owners() + [concept(i) for i in range(20000)]))["id"]
            wait_for(client, key, ("STARTED",))
            while (task_of(client, key)["summary"] or {"created": 0})["created"] < 300:
                time.sleep(0.01)
            began = time.monotonic()
            client.expect(204, "DELETE", f"/v2/tasks/{key}/")
            assert time.monotonic() - began < 5
            task = task_of(client, key)
            assert task["state"] == "REVOKED" and task["finished_at"], task
            server.wait_for('"state":"REVOKED"')  # so does the log
            count = "SELECT count(*) FROM concept_version"
            stored = site.query(count)
            no_files(site)
            assert site.query(count) == stored, (stored, site.query(count))
            a = client.ask("GET", IMPORT + f"?task={key}")
            assert a.status == 200 and a.json()["state"] == "REVOKED", str(a)
            assert client.ask("DELETE", f"/v2/tasks/{key}/").status == 400

    def test_what_is_refused_of_an_import_that_is_not_whole(self):
        """While it runs it is told that there is nothing yet; of one that was cancelled there are
        those so far, and it counts down no more."""
        with self.site() as site, site.init().serve() as server:
            client = server.client()
            key = post(client, text_of([line("Nothing"), *owners(), line("Concept", id="bad")] +
                                       [concept(i) for i in range(20000)]))["id"]
            while (task_of(client, key)["summary"] or {"created": 0})["created"] < 300:
                time.sleep(0.01)
            a = client.ask("GET", IMPORT + f"?task={key}&result=refused")
            assert a.status == 202 and a.body.startswith(b"The import is not over"), str(a)
            assert "text/plain" in a.headers["Content-Type"], str(a)
            client.expect(204, "DELETE", f"/v2/tasks/{key}/")
            a = client.expect(200, "GET", IMPORT + f"?task={key}&result=refused")
            assert a.body == text_of([line("Nothing"), line("Concept", id="bad")]), a.body[:300]
            task = task_of(client, key)
            assert "lines" in task["message"] and "left" not in task["message"], task
            key = post(client, text_of(owners()), path=IMPORT + "?rehearse=true")["id"]
            wait_for(client, key)
            site.execute(f"UPDATE task SET state = 'REVOKED' WHERE key = '{key}'")
            a = client.ask("GET", IMPORT + f"?task={key}&result=refused")
            assert a.status == 400 and "rehearsal was ended" in a.json()["exception"], str(a)

    def test_refused_lines_come_back_as_they_came(self):
        """Rows of a table as a table, whatever of them was refused; lines byte for byte."""
        head = "resource_type,id,name,owner_id,source,concept_class,map_to_concept_id[1],attr:n:int"
        bad = ["Consept,A,a,WHO,S,Diagnosis,,", "Concept,C1,b,WHO,S,Diagnosis,,x",
               'Concept,D,"d\n""e""",WHO,none,Diagnosis,D1,', "Concept,E,e,WHO,S,Diagnosis,,,more"]
        good = "Concept,G,g,WHO,S,Diagnosis,,1"
        with self.site() as site, site.init().serve() as server:
            client = server.client()
            wait_for(client, post(client, text_of(owners()))["id"])
            table = "\n".join([head, bad[0], bad[1], good, bad[2], bad[3], ""]).encode()
            for words in ("", "?rehearse=true"):
                key = post(client, table, path=IMPORT + words)["id"]
                assert wait_for(client, key)["summary"]["invalid"] == 5
                a = client.expect(200, "GET", IMPORT + f"?task={key}&result=refused")
                assert "text/csv" in a.headers["Content-Type"], str(a)
                assert a.body == "\n".join([head, *bad, ""]).encode(), a.body
            told = client.expect(200, "GET", IMPORT + f"?task={key}&result=json").json()
            assert sorted({e["content"] for e in told["invalid"]}) == sorted(bad), told
            key = post(client, a.body)["id"]
            assert wait_for(client, key)["summary"]["invalid"] == 5
            key = post(client, (head + "\n" + good + "\n").encode())["id"]
            wait_for(client, key)
            a = client.expect(200, "GET", IMPORT + f"?task={key}&result=refused")
            assert a.body == b"", a.body
            lines = [b'{"id": "caf\xe9\xc3\xa9"}', b'\x01{"id": 1', b'"\x00"']
            key = post(client, text_of(owners()) + b"\n".join(lines))["id"]
            assert wait_for(client, key)["summary"]["invalid"] == 3
            a = client.expect(200, "GET", IMPORT + f"?task={key}&result=refused")
            assert a.body == b"\n".join(lines) + b"\n", a.body
            told = client.expect(200, "GET", IMPORT + f"?task={key}&result=json").json()
            assert told["invalid"][0]["content"] == '{"id": "caf\ufffd\u00e9"}', told
            assert "not UTF-8" in told["invalid"][0]["errors"]["detail"], told

    def test_an_import_of_another_release(self):
        """How far it is stands in another way: it ends with a reason, instead of going on wrongly."""
        with self.site() as site:
            site.init()
            with site.serve("--set", "tasks.slots=0") as server:
                client = server.client()
                keys = [post(client, text_of(owners(s)))["id"] for s in "STU"]
            for key, place in zip(keys, ("0 1 2", "v1 0 0", "v0 " + "0 " * 30)):
                site.execute(f"UPDATE task SET place = '{place}' WHERE key = '{key}'")
            with site.serve() as server:
                client = server.client()
                for key in keys:
                    task = wait_for(client, key)
                    assert task["state"] == "FAILURE", task
                    assert "another release" in task["error_message"], task

    def test_progress_is_told(self):
        """Rows a second and the time left."""
        with self.site() as site, site.init().serve() as server:
            client = server.client()
            key = post(client, text_of(owners() + [concept(i) for i in range(5000)]))["id"]
            seen = set()
            while task_of(client, key)["state"] not in ("SUCCESS", "FAILURE"):
                seen.add(task_of(client, key)["message"])
            assert any("a second" in (m or "") and "s left" in m for m in seen), seen
            assert task_of(client, key)["message"] == "5002 of 5002 lines"

    def test_parents_in_any_order(self):
        """V610: a hierarchy does not depend on the order of lines, over many batches; a cycle is
        named."""
        with self.site() as site, site.init().serve() as server:
            client = server.client()
            def url(n):
                return f"/orgs/WHO/sources/S/concepts/C{n}/"
            many = [concept(i, parent_concept_urls=[url(i + 1)]) for i in range(700)]
            lines = many + [concept(700)] + owners()
            lines += [concept("x", parent_concept_urls=[url("y")]),
                      concept("y", parent_concept_urls=[url("x")]),
                      concept("z", parent_concept_urls=[url("none")])]
            key = post(client, text_of(lines))["id"]
            task = wait_for(client, key)
            assert task["summary"]["created"] == 703 and task["summary"]["invalid"] == 3, task
            result = client.expect(200, "GET", IMPORT + f"?task={key}&result=json").json()
            errors = {e["line"]: e["errors"]["parent_concept_urls"][0] for e in result["invalid"]}
            assert "below itself" in " ".join(errors.values()), errors
            assert "concepts/Cnone/ is no concept of this source." in errors[706], errors
            edges = site.query("SELECT count(*) FROM concept_parent WHERE rev_to = "
                               "9223372036854775807")
            assert edges == [("700",)], edges
            assert site.query("SELECT count(*) FROM import_early") == [("0",)]

    def test_parents_behind_versions(self):
        """V610: a line waits for its parent alone, not for the end; a version has what stood before
        it and had its parents by then, and what waits in vain is told once."""
        with self.site() as site, site.init().serve() as server:
            client = server.client()
            def below(n, parent, **members):
                return {**concept(n, parent_concept_urls=[
                    f"/orgs/WHO/sources/S/concepts/{parent}/"]), **members}
            def version(n):
                return line("Source Version", owner="WHO", source="S", id=f"v{n}")
            lines = owners() + [below(i, f"C{i + 1}") for i in range(600)] + [version(1)]
            lines += [concept(600), version(2), below("a%20b", "C600")]
            lines += [below("late", "C0", owner="/orgs/WHO/"), version(3), below("never", "Cnever2")]
            lines += [below("never2", "none"), below("both", "Cx", source="/orgs/WHO/sources/S/")]
            lines[-1]["parent_concept_urls"].append("/orgs/WHO/sources/S/concepts/Cy")
            lines += [concept("y"), concept("x"), version(4)]
            key = post(client, text_of(lines))["id"]
            task = wait_for(client, key)
            assert task["summary"]["created"] == 612 and task["summary"]["invalid"] == 2, task
            for n, count in ((1, 0), (2, 601), (3, 603), (4, 606)):
                a = client.expect(200, "GET", f"/v2/orgs/WHO/sources/S/v{n}/concepts/?limit=1")
                assert a.headers["num_found"] == str(count), (n, a.headers["num_found"])
            assert site.query("SELECT count(*) FROM import_early") == [("0",)]

    def test_a_million_is_not_needed_to_see_that_memory_is_bounded(self):
        """A file of 30 MB, of which every second line is refused."""
        with self.site() as site, site.init().serve() as server:
            client = server.client()
            pad = "x" * 3000
            lines = owners()
            for i in range(5000):
                lines.append(concept(i, extras={"pad": pad}))
                lines.append(line("Concept", owner="WHO", source="S", id=f"bad{i}", pad=pad))
            key = post(client, text_of(lines))["id"]
            task = wait_for(client, key)
            assert task["summary"]["created"] == 5002 and task["summary"]["invalid"] == 5000, task
            a = client.expect(200, "GET", IMPORT + f"?task={key}&result=json")
            assert len(a.json()["invalid"]) == 5000 and len(a.body) > 15000000, len(a.body)
            a = client.expect(200, "GET", IMPORT + f"?task={key}&result=refused")
            assert a.body.count(b"\n") == 5000, a.body[:200]

    def test_kills(self):
        """A server that is killed again and again while imports run: each line has its outcome
        once, nothing is there twice or by halves, no file is left."""
        with self.site() as site:
            site.init()
            total, kills, keys = 3000, 0, []
            with site.serve() as server:
                client = server.client()
                assert wait_for(client, post(client, text_of(owners("S") + owners("T")))["id"])
            with site.serve("--set", "tasks.slots=0") as server:
                client = server.client()
                for source in "ST":
                    lines = [concept(i, source) for i in range(total)]
                    lines[7] = concept(7, source, parent_concept_urls=[
                        f"/orgs/WHO/sources/{source}/concepts/C{total - 1}/"])
                    lines.insert(50, line("Nothing"))
                    keys.append(post(client, text_of(lines), path=f"{IMPORT}{source}/")["id"])
            while kills < self.options.kills:
                server = site.serve()
                assert server.is_up(), server.text()
                time.sleep(self.random.uniform(0, 0.25))
                server.end(signal.SIGKILL)
                kills += 1
                done = site.query("SELECT count(*) FROM task WHERE state = 'SUCCESS'")
                if done == [("3",)]:
                    break
            print(f"  {kills} kills", flush=True)
            with site.serve() as server:
                client = server.client()
                for key in keys:
                    task = wait_for(client, key)
                    assert task["state"] == "SUCCESS", task
                    refused = client.expect(200, "GET", IMPORT + f"?task={key}&result=json").json()
                    assert task["summary"]["created"] == total, refused["invalid"][:3]
                    assert task["summary"]["invalid"] == 1, task["summary"]
                    result = client.expect(200, "GET", IMPORT + f"?task={key}&result=json").json()
                    told = [e["line"] for e in result["created"]] + \
                           [e["line"] for e in result["invalid"]]
                    assert sorted(told) == list(range(1, total + 2)), len(told)
                for source in "ST":
                    shown = client.expect(200, "GET",
                                          f"/v2/orgs/WHO/sources/{source}/summary/").json()
                    assert shown["active_concepts"] == total, shown
            assert site.query("SELECT count(*) FROM concept_version WHERE rev_to = "
                              "9223372036854775807") == [(str(2 * total),)]
            assert files_of(site) == [], files_of(site)

    def test_a_stop_lets_a_task_go_on(self):
        """SIGTERM ends a step; the next server goes on at once, without waiting for a lease."""
        with self.site() as site:
            site.init()
            with site.serve() as server:
                client = server.client()
                key = post(client, text_of(owners() + [concept(i) for i in range(8000)]))["id"]
                wait_for(client, key, ("STARTED",))
            with site.serve() as server:
                client = server.client()
                began = time.monotonic()
                done = task_of(client, key)["summary"]["processed"]
                while task_of(client, key)["summary"]["processed"] == done:
                    assert time.monotonic() - began < 10, "it waits for a lease"
                    time.sleep(0.02)
                assert wait_for(client, key)["summary"]["created"] == 8002

    def test_a_disk_that_is_full(self):
        """The upload is refused with 507, and leaves nothing."""
        with self.site() as site:
            site.init()
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (16 << 20, before[1]))
            server = site.serve()
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            with server:
                client = server.client()
                a = client.raw("POST", IMPORT, b"x" * (20 << 20),
                               {"Authorization": f"Token {client.token}"})
                assert a.status == 507, str(a)
                no_files(site)
                client = server.client()
                key = post(client, text_of(owners()))["id"]
                assert wait_for(client, key)["state"] == "SUCCESS"

    def test_a_closed_account(self):
        """What its owner asked for ends when the account is closed, and is gone when it is
        erased."""
        with self.site() as site, site.init().serve("--set", "tasks.slots=0") as server:
            client = server.client()
            client.expect(201, "POST", "/guide/users/",
                          {"username": "anna", "name": "A", "email": "a@example.org"})
            token = client.expect(200, "GET", "/guide/admin/tokens/anna/").json()["key"]
            anna = server.client(token)
            closed = post(anna, text_of(owners()))["id"]
            client.expect(204, "DELETE", "/guide/users/anna/")
            server.stop()
            with site.serve() as other:
                client = other.client()
                task = wait_for(client, closed)
                assert task["state"] == "FAILURE", task
                assert task["error_message"] == "The account that asked for it is closed.", task
                client.expect(204, "DELETE", "/guide/users/anna/?hardDelete=true")
                assert client.ask("GET", f"/v2/tasks/{closed}/").status == 404
                assert site.query("SELECT count(*) FROM import_refused") == [("0",)]

    def test_two_servers(self):
        """On one database: each line once, whoever runs it; an upload is run where it is."""
        with self.site() as site:
            site.init()
            secret = os.path.join(site.data, "secret.key")
            other = site.path("other")
            os.mkdir(other)
            with open(secret, "rb") as f, open(os.path.join(other, "secret.key"), "wb") as g:
                g.write(f.read())
            os.chmod(os.path.join(other, "secret.key"), 0o600)
            with site.serve() as one, site.serve(data=other, database=site.database.url) as two:
                clients = [one.client(), two.client()]
                first = post(clients[0], text_of(owners("S") + owners("T")))["id"]
                wait_for(clients[1], first)
                keys, lock = [], threading.Lock()

                def send(client, source, start):
                    for i in range(6):
                        lines = [concept(start + 50 * i + k, source) for k in range(50)]
                        key = post(client, text_of(lines))["id"]
                        with lock:
                            keys.append(key)
                threads = [threading.Thread(target=send, args=(s.client(), source, start))
                           for s, start in ((one, 0), (two, 10000)) for source in "ST"]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                for key in keys:
                    task = wait_for(clients[0], key)
                    assert task["state"] == "SUCCESS" and task["summary"]["created"] == 50, task
                assert site.query("SELECT count(*) FROM concept_version") == [("1200",)]

    def test_signals_while_a_task_waits(self):
        """The second and the third count after the drain, too: for tasks that wait for the store."""
        with self.site() as site:
            server = site.init().serve("--set", "http.loops=4", "--set", "db.statement_seconds=3600")
            threads = f"/proc/{server.process.pid}/task"
            with Holder(site, "LOCK TABLE task IN ACCESS EXCLUSIVE MODE; SELECT 'held'"):
                until(lambda: site.query("SELECT count(*) FROM pg_stat_activity WHERE "
                                         "wait_event_type = 'Lock'") != [("0",)], "no task waits")
                begun = len(os.listdir(threads))
                server.process.send_signal(signal.SIGTERM)
                until(lambda: len(os.listdir(threads)) <= begun - 3, "the drain is not over")
                server.process.send_signal(signal.SIGTERM)
                server.wait_for("stopping at once")
                assert server.end(signal.SIGTERM) == -signal.SIGTERM


def main():
    options = arguments("tasks and bulk imports", kills=12, seed=1, only="", plain="")
    tally = Tally()
    for engine, cluster in engines():
        cases = Cases(options, cluster)
        for name in sorted(dir(cases)):
            if name.startswith("test_") and options.only in name and (cluster or name not in OF_POSTGRESQL):
                words = name[5:].replace("_", " ")
                tally.run(f"{engine}: {words}", getattr(cases, name))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
