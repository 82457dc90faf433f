"""The verbs of the program, as somebody at a shell meets them: help, exit codes,
files that they leave, and that a store written from a shell is the store that a
server serves.

Usage: cli_test.py --nestor PATH
"""
import contextlib
import gzip
import http.client
import json
import os
import pty
import re
import select
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import urllib.parse

from crash_test import HALVES
from support import Site, Tally, arguments, build_for, engines, environment

PASSWORD = "correct-horse-battery-7"


@contextlib.contextmanager
def cut_line(url, cut_at):
    """An address of the database behind a line that is cut for good once the statement goes over
    it that lists users, or the COMMIT behind that."""
    target = urllib.parse.urlsplit(url)
    folder = urllib.parse.parse_qs(target.query)["host"][0]
    port = urllib.parse.parse_qs(target.query).get("port", ["5432"])[0]
    seen = []

    def pump(source, to):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if b"username, name, email" in data:
                    seen.append(data)
                if seen and cut_at in data:
                    break
                to.sendall(data)
        for end in (source, to):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve(listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{folder}/.s.PGSQL.{port}")
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=pump, args=ends, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        name = urllib.parse.parse_qs(target.query).get("user", [target.username or "postgres"])[0]
        yield (f"postgresql://{name}@127.0.0.1:{listener.getsockname()[1]}{target.path}"
               "?sslmode=disable&gssencmode=disable")


# What an import leaves, without the times.
CONTENT = (
    "SELECT mnemonic, name FROM org ORDER BY id",
    "SELECT id, mnemonic, name, owner, owner_type, versions, rev, next_number, concepts, "
    "active_concepts FROM repo ORDER BY id",
    "SELECT repo_id, mnemonic, map_type, from_source_url, from_concept_code, to_source_url, "
    "to_concept_code, rev_from, rev_to FROM mapping_version ORDER BY repo_id, id",
    "SELECT repo_id, mnemonic, rev, concepts, active_concepts, released, description "
    "FROM repo_version ORDER BY id",
    "SELECT repo_id, id, concept_id, mnemonic, rev_from, rev_to, concept_class, datatype, retired, "
    "names, descriptions, display_name, display_locale, external_id, extras, previous_id "
    "FROM concept_version ORDER BY repo_id, id",
)


def good(p):
    assert p.returncode == 0, f"{p.args[1:]}: {p.returncode}: {p.stdout[-500:]}{p.stderr[-1500:]}"
    return p


def refused(p, status, *words):
    """Ended with the status and one clear line on standard error."""
    assert p.returncode == status, f"{p.args[1:]}: {p.returncode}, not {status}: {p.stderr[-500:]}"
    missing = [w for w in words if w not in p.stderr]
    assert not missing, f"{p.args[1:]}: {missing} not in {p.stderr[-500:]!r}"
    return p


def source_lines(concepts, more=()):
    owner = {"owner": "LAB", "owner_type": "Organization"}
    lines = [{"type": "Organization", "id": "LAB", "name": "Lab"},
             {"type": "Source", "id": "LOINC", "name": "Loinc", **owner}]
    lines += [{"type": "Concept", "id": f"C{i}", "source": "LOINC", "concept_class": "Test",
               "datatype": "Numeric", "extras": {"n": i},
               "names": [{"name": f"Étude {i}", "locale": "fr"}, {"name": f"Test {i}",
                         "locale": "en", "locale_preferred": True}],
               "descriptions": [{"description": "d", "locale": "en"}], **owner}
              for i in range(concepts)]
    lines += [{"type": "Source Version", "id": "2026", "source": "LOINC", "description": "new",
               "released": True, **owner}, *more]
    return lines


def as_text(lines):
    return "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)


def counts(p):
    """{"created": 3, ...} of what `nestor import` prints."""
    pairs = [line.split(": ") for line in p.stdout.splitlines() if ": " in line]
    return {name: int(n) for name, n in pairs if n.isdigit()}


def content(site):
    """Rows of every table that an import fills; the numbers of names are random."""
    return [[tuple(re.sub(r'"uuid":"\d+"', "", v) for v in row) for row in site.query(sql)]
            for sql in CONTENT]


def expect_same(these, those):
    for mine, other in zip(these, those):
        differing = [pair for pair in zip(mine, other) if pair[0] != pair[1]][:2]
        assert mine == other, f"the contents differ: {differing}"


class Cases:
    """Every method test_* is a case; each has an installation of its own."""

    def __init__(self, nestor, cluster):
        self.nestor, self.cluster = nestor, cluster

    def site(self):
        return Site(self.nestor, self.cluster)

    def verbs(self, site):
        listed = good(site.run("--help", where=False)).stdout.split("Verbs:\n")[1].split("\n\n")[0]
        verbs = re.findall(r"^  (\S+)", listed, re.M)
        assert len(verbs) > 25, verbs
        return verbs

    # ---- Help and usage ----

    def test_help_of_every_verb(self):
        with self.site() as site:
            for verb in self.verbs(site):
                text = good(site.run(verb, "--help", where=False)).stdout
                assert text.startswith(f"usage: nestor {verb}"), text[:200]
                assert f"  nestor {verb}" in text or f"| nestor {verb}" in text, \
                    f"{verb}: no example"

    def test_wrong_usage_is_told(self):
        with self.site() as site:
            refused(site.run("frobnicate", where=False), 2, "\"frobnicate\"")
            for verb in self.verbs(site):
                refused(site.run(verb, "--frobnicate"), 2, f"nestor {verb}", "--frobnicate",
                        f"nestor {verb} --help")
            for verb in ("serve", "init --admin a --admin-token-file b", "config", "migrate",
                         "openapi", "doctor"):
                refused(site.run(verb, "surplus"), 2, "nestor ", "surplus")
            refused(site.run("init", "--admin", "ada"), 2, "--admin-token-file")
            refused(site.run("init", "--no-vocabularies"), 2, "--no-vocabularies wants --admin")
            refused(site.run("init", "--email", "a@example.org"), 2, "--email wants --admin")
            site.init()
            refused(site.run("import"), 2, "FILE")
            refused(site.run("token show"), 2, "--user")
            refused(site.run("user frobnicate"), 2, "usage: nestor user")
            refused(site.run("serve", "--listen"), 2, "--listen wants a value")
            for words in (("health", "--server", "http://ada:hushed@127.0.0.1:1"),
                          ("top", "https://hushed@127.0.0.1:1/")):
                p = site.run(*words, where=False)
                refused(p, 2, "no user and no password in the address")
                assert "hushed" not in p.stderr + p.stdout, p
            refused(site.run("health", "--server", "http://127.0.0.1:1/@", where=False), 1,
                    "does not answer")

    def test_help_explains_each_option(self):
        """X68: -h, `help VERB`, and a line for every option that the usage names."""
        with self.site() as site:
            for verb in self.verbs(site):
                text = good(site.run(f"{verb} --help", where=False)).stdout
                assert good(site.run(f"{verb} -h", where=False)).stdout == text, verb
                assert good(site.run(f"help {verb}", where=False)).stdout == text, verb
                usage, options = text.split("Options:\n")
                for option in set(re.findall(r"--[a-z-]+", usage.split("\n\n")[0])):
                    assert re.search(rf"^  {option}( [A-Za-z=|]+)?  +\S", options, re.M), (verb, option)
            assert good(site.run("-h", where=False)).stdout == \
                good(site.run("--help", where=False)).stdout
            refused(site.run("help frobnicate", where=False), 2, "\"frobnicate\"")

    def test_options_may_stand_before_the_verb(self):
        """X68"""
        with self.site() as site:
            site.init()
            for words in (["--set", "log.level=warn", *site.where(), "user", "list"],
                          ["--set=log.level=warn", *site.where(), "user", "list"]):
                p = site.run(words[0], *words[1:], where=False)
                assert "admin" in good(p).stdout, p.stdout
            refused(site.run("--data", "x", "usr", where=False), 2, "did you mean \"user\"")

    def test_slips_are_recognised(self):
        """X68: verbs, options, settings and variables, by edit distance."""
        with self.site() as site:
            site.init()
            refused(site.run("sevre", where=False), 2, "did you mean \"serve\"")
            refused(site.run("serve --lisen x"), 2, "did you mean --listen?")
            refused(site.run("doctor --set log.levl=warn"), 2, "did you mean \"log.level\"")
            for slip, meant in (("token lst", "list"), ("user lnk ada", "link"),
                                ("client removed x", "remove"), ("enrollments exprt", "export"),
                                ("enroll programs x", "program")):
                refused(site.run(slip), 2, f"did you mean \"{meant}\"?")
            for verb in ("token", "user", "client", "enrollments", "enroll"):
                refused(site.run(f"{verb} frobnicate"), 2, "no action \"frobnicate\"\n")
                refused(site.run(verb), 2, "an action is needed")
            for name in ("--set foo=1", "--frobnicate"):
                p = site.run("doctor " + name)
                assert p.returncode == 2 and "did you mean" not in p.stderr, p.stderr
            p = good(site.run("doctor", env={"NESTOR_LSITEN": "x", "NESTOR_TEST_X": "1"}))
            assert '"NESTOR_LSITEN"' in p.stderr and '"NESTOR_LISTEN"' in p.stderr, p.stderr
            assert "NESTOR_TEST_X" not in p.stderr, p.stderr

    def test_verbs_say_what_they_did(self):
        """X68"""
        with self.site() as site:
            site.init()
            site.write("password", PASSWORD)
            site.write("old.token", "brought-along-" + "x" * 40)
            site.run("client add c --user admin")
            for verb, said in (("user add ada --staff", "ada is added, as staff"),
                               (f"user password ada --password-file {site.path('password')}",
                                "password of ada"),
                               (f"token add --user ada --from-file {site.path('old.token')}", "ada"),
                               ("client remove c", "client c is removed"),
                               ("migrate", "was up to date")):
                p = good(site.run(verb))
                assert said in p.stdout, (verb, p.stdout)

    def test_an_upgrade_is_told(self):
        """X68: by `migrate`, and in the log of `serve`."""
        if self.cluster:
            return
        for verb in ("migrate", "serve"):
            with self.site() as site:
                site.init()
                os.remove(os.path.join(site.data, "nestor.db"))
                db = sqlite3.connect(os.path.join(site.data, "nestor.db"))
                db.execute("CREATE TABLE nst_migration (number bigint PRIMARY KEY, "
                           "name text NOT NULL, applied bigint NOT NULL)")
                db.execute("CREATE TABLE older (id bigint)")
                db.close()
                if verb == "serve":
                    with site.serve() as server:
                        assert '"database upgraded"' in server.text(), server.text()
                else:
                    said = good(site.run("migrate")).stdout
                    assert re.search(r"brought to step \d+, by \d+ steps", said), said

    def test_the_log_is_for_people_on_a_terminal(self):
        """X68: and JSON otherwise, or as log.format says."""
        with self.site() as site:
            site.init()
            for words, wanted in (([], rb"\d info  listening {7}address="),
                                  (["--set", "log.format=json"], rb'"event":"listening"')):
                assert re.search(wanted, self.on_terminal(site, words)), words
            with site.serve() as server:
                assert '"event":"listening"' in server.text()

    def on_terminal(self, site, words):
        ours, theirs = pty.openpty()
        p = subprocess.Popen([self.nestor, "serve", *site.where(), "--listen", "127.0.0.1:0",
                              *words], stderr=theirs, stdout=subprocess.DEVNULL,
                             env={**environment(), "TERM": "dumb"})
        os.close(theirs)
        text, until = b"", time.monotonic() + 60
        while b"listening" not in text and time.monotonic() < until:
            if select.select([ours], [], [], 1)[0]:
                text += os.read(ours, 65536)
        p.send_signal(signal.SIGTERM)
        while p.poll() is None and select.select([ours], [], [], 5)[0]:
            try:
                text += os.read(ours, 65536)
            except OSError:
                break
        assert p.wait() == 0, text
        os.close(ours)
        return text

    def test_lists_are_for_people_on_a_terminal(self):
        """Columns below heads there, tabs elsewhere; what a terminal would obey gets to neither."""
        with self.site() as site:
            site.init()
            for name, shown in (("ada", "Ada"), ("bernadette", "B\u00e9 \U0001f600")):
                good(site.run(f"user add {name}", "--name", shown, "--email", f"{name}@x.org"))
            good(site.run("user disable ada"))
            site.execute("UPDATE account SET name = 'a' || char(27) || '[2J' || char(155) || '\tb' "
                         "WHERE username = 'admin'" if not site.database else
                         "UPDATE account SET name = 'a' || chr(27) || '[2J' || chr(155) || '\tb' "
                         "WHERE username = 'admin'")
            assert good(site.run("user list")).stdout.splitlines() == [
                "ada\tAda\tada@x.org\tuser\tdisabled",
                "admin\ta?[2J??b\tadmin@localhost\tsuperuser",
                "bernadette\tB\u00e9 \U0001f600\tbernadette@x.org\tuser"]
            ours, theirs = pty.openpty()
            with open(ours, "rb") as terminal:
                p = subprocess.run([self.nestor, "user", "list", *site.where()], stdout=theirs,
                                   env=environment(), check=False)
                os.close(theirs)
                text = os.read(terminal.fileno(), 65536).decode()
            assert p.returncode == 0 and text.splitlines() == [
                "USER        NAME      ADDRESS           RIGHTS     STATE",
                "ada         Ada       ada@x.org         user       disabled",
                "admin       a?[2J??b  admin@localhost   superuser",
                "bernadette  B\u00e9 \U0001f600      bernadette@x.org  user"], text

    def test_a_missing_installation_is_told(self):
        with self.site() as site:
            for verb in ("serve", "user list", "token show --user x", "migrate", "doctor",
                         "import /dev/null"):
                refused(site.run(verb), 1, "nestor init")

    def test_version_is_printed(self):
        with self.site() as site:
            said = good(site.run("--version", where=False)).stdout
            assert re.fullmatch(r"nestor \d+\.\d+\.\d+( \([0-9a-z.-]+\))?\n", said), said

    # ---- init ----

    def test_init_makes_a_private_installation_once(self):
        with self.site() as site:
            token = site.path("admin.token")
            site.write("admin.token", "the token of another installation\n")
            for path, why in ((token, "File exists"), (site.path("nowhere/token"), "No such file")):
                p = site.run("init", "--admin", "admin", "--admin-token-file", path)
                refused(p, 1, f"{path} cannot be made for the token: {why}", "no user yet")
                assert site.query("SELECT count(*) FROM account") == [("0",)], "somebody was made"
            with open(token, encoding="ascii") as f:
                assert f.read() == "the token of another installation\n", "another token is lost"
            os.unlink(token)
            p = site.run("init", "--admin", "Ada Smith", "--admin-token-file", token)
            assert p.returncode == 1 and not os.path.exists(token), p.stderr
            site.init()
            assert stat.S_IMODE(os.stat(token).st_mode) == 0o600, "the token can be read by others"
            assert len(site.token) == 40, f"{site.token!r} is no token"
            private = [site.data, os.path.join(site.data, "secret.key")]
            private += [] if site.database else [os.path.join(site.data, "nestor.db")]
            for path in private:
                mode = stat.S_IMODE(os.stat(path).st_mode)
                assert mode & 0o077 == 0, f"{path} has mode {mode:o}"
            before = site.dump()
            again = site.run("init", "--admin", "eve", "--admin-token-file", site.path("eve.token"))
            refused(again, 1, "users already")
            assert site.dump() == before, "the second init changed the database"
            assert not os.path.exists(site.path("eve.token")), "the second init wrote a token"
            with open(token, encoding="ascii") as f:
                assert f.read().strip() == site.token, "the second init changed the token"
            if not site.database:
                os.rename(os.path.join(site.data, "nestor.db"), site.path("lost.db"))
                refused(site.run("user list"), 1, "is a disk missing? Bring its backup back")

    # ---- token ----

    def who(self, server, token):
        answer = server.client(token).ask("GET", "/guide/user/")
        return answer.json()["username"] if answer.status == 200 else answer.status

    def test_an_installation_that_did_not_fit_is_none(self):
        """A disk that is full before init has come to its end: nothing serves the half, and init
        makes the rest."""
        cut = 0
        for limit in (1024, 16384, 65536, 262144, 1048576):
            with self.site() as site:
                if site.database:
                    return
                p = subprocess.run(["prlimit", f"--fsize={limit}", self.nestor, "init", *site.where()],
                                   capture_output=True, text=True, timeout=60, check=False,
                                   env=environment())
                if p.returncode == 0:
                    continue
                cut += 1
                assert not os.path.exists(site.path("data/secret.key")), (limit, p)
                refused(site.run("serve", "--listen", "127.0.0.1:0"), 1, "nestor init")
                p = site.run("init")
                assert p.returncode == 0 and "has no users" in p.stdout, (limit, p)
                site.init()
                with site.serve() as server:
                    assert server.client().ask("GET", "/v2/orgs/OCL/").status == 200
                site.verify()
        assert cut > 0

    def test_tokens_are_shown_created_added_renewed(self):
        with self.site() as site:
            site.init()
            good(site.run("user add ada --email ada@example.org"))
            shown = good(site.run("token show --user ada")).stdout.strip()
            made = good(site.run("token create --user ada --name nightly")).stdout.strip()
            past = good(site.run("token create --user ada --name gone",
                                 "--expires", "2100-01-01T00:00:00Z")).stdout.strip()
            site.execute("UPDATE token SET expires_at = 1 WHERE name = 'gone'")
            carried = "brought-along-" + "x" * 40
            site.write("old.token", carried + "\n")
            good(site.run("token add --user ada", "--from-file", site.path("old.token")))
            refused(site.run("token add --user admin", "--from-file", site.path("old.token")), 1,
                    "known already")
            with site.serve() as server:
                assert [self.who(server, t) for t in (shown, made, carried)] == ["ada"] * 3
                assert self.who(server, past) == 401, "an expired token is accepted"
                renewed = good(site.run("token renew --user ada")).stdout.strip()
                assert renewed != shown
                assert good(site.run("token show --user ada")).stdout.strip() == renewed
                assert [self.who(server, t) for t in (shown, renewed, made, carried)] == \
                    [401, "ada", "ada", "ada"]

    def test_wrong_tokens_are_refused(self):
        with self.site() as site:
            site.init()
            refused(site.run("token show --user nobody"), 1, "no user \"nobody\"")
            for text in ("short", "with blank " + "x" * 40, "x" * 513, "é" * 40):
                site.write("bad.token", text)
                refused(site.run("token add --user admin", "--from-file", site.path("bad.token")),
                        1, "bad.token")
            refused(site.run("token add --user admin", "--from-file", site.data), 1,
                    "Is a directory")
            refused(site.run("token create --user admin --name n --expires tomorrow"), 2,
                    "--expires")
            for verb in ("create --name n", "add --from-file bad.token"):
                refused(site.run(f"token {verb} --user admin --expires 2020-01-01T00:00:00Z"), 2,
                        "has passed")

    # ---- user ----

    def test_users_are_added_listed_and_sign_in(self):
        with self.site() as site:
            site.init()
            site.write("password", PASSWORD + "\n")
            good(site.run("user add ada --name Ada --email ada@example.org --staff"))
            refused(site.run("user add ada --email again@example.org"), 1, "refused")
            good(site.run("user add bea --superuser"))  # as docs/catalog.md says it
            rows = [r.split("\t") for r in good(site.run("user list")).stdout.splitlines()]
            assert ["ada", "Ada", "ada@example.org", "staff"] in rows, rows
            assert ["admin", "superuser"] in [[r[0], r[3]] for r in rows], rows
            good(site.run("user password ada", "--password-file", site.path("password")))
            for text, why in (("short", "too short"), ("iloveyou", "too common")):
                site.write("weak", text)
                refused(site.run("user password ada --set auth.password.min_length=8",
                                 "--password-file", site.path("weak")), 1, why)
            refused(site.run("user password nobody", "--password-file", site.path("password")), 1)
            token = good(site.run("token show --user ada")).stdout.strip()
            login = {"username": "ada", "password": PASSWORD}
            with site.serve() as server:
                client = server.client("")
                answer = client.expect(200, "POST", "/guide/api-token-auth/", login)
                assert answer.json() == {"token": token}, answer
                client.expect(400, "POST", "/guide/api-token-auth/", {**login, "password": "no"})

    # ---- Settings ----

    def setting(self, site, name, *words, env=None):
        text = good(site.run("config --json", *words, env=env)).stdout
        found = json.loads(text, object_pairs_hook=without_twins)[name]
        return found["value"], found["origin"]

    def test_settings_come_from_flag_environment_file_default(self):
        with self.site() as site:
            env = {"NESTOR_HTTP_IDLE_SECONDS": "33"}
            name = "http.idle_seconds"
            site.init()
            assert self.setting(site, name) == ("60", "default")
            site.write("data/nestor.conf", "http.idle_seconds = 44\n[log]\nlevel = warn\n")
            assert self.setting(site, name) == ("44", "file")
            assert self.setting(site, "log.level") == ("warn", "file")
            assert self.setting(site, name, env=env) == ("33", "environment")
            assert self.setting(site, name, "--set", f"{name}=22", env=env) == ("22", "flag")
            assert self.setting(site, "listen", "--listen", "127.0.0.1:1") == \
                ("127.0.0.1:1", "flag")

    def test_a_path_in_the_file_counts_from_its_folder(self):
        """Whatever folder a verb is called in, it is the same installation; what a flag or the
        environment names counts from that folder, as everywhere in a shell."""
        with Site(self.nestor) as site:
            os.mkdir(site.data)
            site.write("data/nestor.conf", "database = own.db\ntasks.folder = held\n"
                       "metrics.listen = unix:own.socket\n[auth.jwt]\nsecret_file = shared.key\n"
                       "jwks = https://example.org/keys\n")
            site.write("data/shared.key", "k" * 40)
            site.init()
            assert os.path.exists(site.path("data/own.db"))
            assert not os.path.exists(site.path("own.db"))
            for name, value in (("database", "own.db"), ("tasks.folder", "held"),
                                ("auth.jwt.secret_file", "shared.key")):
                assert self.setting(site, name) == (site.path(f"data/{value}"), "file"), name
            assert self.setting(site, "metrics.listen")[0] == "unix:" + site.path("data/own.socket")
            assert self.setting(site, "auth.jwt.jwks")[0] == "https://example.org/keys"
            env = {"NESTOR_DATABASE": "other.db"}
            assert self.setting(site, "database", env=env) == ("other.db", "environment")
            site.write("data/nestor.conf", "database = dbname=nestor\n")
            refused(site.run("config"), 2, "database", "neither postgresql://")
            # The same by another name of the folder.
            os.rename(site.data, site.path("d=1"))
            site.write("d=1/nestor.conf", "database = own.db\n")
            p = site.run("config", "--json", "--data", "d=1", where=False)
            assert json.loads(p.stdout)["database"]["value"] == site.path("d=1/own.db"), p.stdout
            site.write("d=1/nestor.conf", f"listen = unix:{'s' * 100}\n")
            refused(site.run("config", "--data", "d=1", where=False), 2, "107 bytes at most")

    def test_a_settings_file_that_is_not_reached_is_none_that_is_missing(self):
        """As where the file that a package links to is not mounted, or nobody else may read it."""
        with self.site() as site:
            site.init()
            conf, elsewhere = site.path("data/nestor.conf"), site.path("etc")
            os.mkdir(elsewhere)
            site.write("etc/nestor.conf", "ocl.require_authentication = true\n")
            os.symlink("../etc/nestor.conf", conf)
            assert self.setting(site, "ocl.require_authentication") == ("true", "file")
            os.rename(elsewhere, site.path("lost"))
            for verb in ("config", "user list", "doctor", "serve", f"backup --to {site.path('b')}"):
                refused(site.run(verb), 2, "data/nestor.conf cannot be read", "No such file")
            os.unlink(conf)
            os.symlink("nestor.conf", conf)
            refused(site.run("config"), 2, "data/nestor.conf cannot be read", "symbolic links")
            os.symlink("loop", site.path("loop"))
            refused(site.run("config", "--data", site.path("loop"), where=False), 2,
                    "loop/nestor.conf cannot be read", "symbolic links")
            if os.getuid() != 0:
                print("skip a closed folder: only root can become somebody else")
                return
            os.unlink(conf)
            os.chmod(site.work, 0o711)
            for words, folder, status in ((["config", "--data", site.data], "/", 2),
                                          (["config"], site.data, 0), (["man"], site.data, 0),
                                          (["completion", "bash"], site.data, 0)):
                p = subprocess.run([self.nestor, *words], capture_output=True, text=True, user=65534,
                                   group=65534, cwd=folder, env=environment(), check=False)
                assert p.returncode == status, (words, p)
                assert status == 0 or "cannot be read: Permission denied" in p.stderr, p.stderr

    def test_a_folder_that_is_not_there_is_told(self):
        with Site(self.nestor) as site:
            for verb in ("config", "config --json"):
                p = site.run(verb, "--data", "nowhere", where=False)
                assert p.returncode == 0 and "nowhere: No such file" in p.stderr, p.stderr
            p = site.run("config", "--data", ".", where=False)
            assert p.returncode == 0 and p.stderr == "", p.stderr

    def test_times_are_said_as_people_say_them(self):
        with self.site() as site:
            site.init()
            assert len(good(site.run("audit --since 7d")).stdout.splitlines()) == 1
            assert len(good(site.run("audit --since 2000-01-01")).stdout.splitlines()) == 1
            assert good(site.run("audit --since 2090-01-01T00:00:00Z")).stdout == ""
            refused(site.run("audit --since yesterday"), 2, "--since", "7d")
            token = ("token create --user admin --name", "--expires")

            def day_in(days):
                return time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86400))
            for name, days in (("a", 90), ("long", 730)):
                before = day_in(days)
                told = good(site.run(f"{token[0]} {name} {token[1]} {days}d")).stderr
                assert before in told or day_in(days) in told, told
            refused(site.run("audit --since 99999d"), 2, "--since")
            assert "2090-01-01T00:00:00Z" in good(
                site.run(f"{token[0]} b {token[1]} 2090-01-01")).stderr
            refused(site.run(f"{token[0]} c {token[1]} 2020-01-01"), 2, "has passed")
            refused(site.run(f"{token[0]} c {token[1]} soon"), 2, "90d")

    def test_wrong_settings_are_refused(self):
        with self.site() as site:
            site.init()
            refused(site.run("config", "--set", "http.idle_secnods=1"), 2,
                    "http.idle_secnods", "did you mean \"http.idle_seconds\"")
            refused(site.run("config", "--set", "http.idle_seconds=0"), 2, "1 to 86400")
            refused(site.run("config", "--set", "http.idle_seconds=12x"), 2, "\"12x\"")
            refused(site.run("config", "--set", "ocl.root=v3"), 2, "guide|v2")
            refused(site.run("config", "--set", "no-value"), 2, "name=value")
            for origins, why in (("https://a.example/", "without a slash"),
                                 ("https://a.example https://A.example", "lower case"),
                                 ("https://a.example:443", "leave out the port"),
                                 ("https://a.example:0", "from 1 to 65535"),
                                 ("https://a.example,https://b.example", "separated by blanks"),
                                 ("* https://a.example", "* alone"), ("null", "* alone"),
                                 ("a.example", "* alone"), ("https://u@a.example", "* alone"),
                                 ("https://[::1", "* alone"), ("https://[]", "* alone"),
                                 ("https://a..example", "* alone"), ("https://.", "* alone"),
                                 ("http://[::1]x", "* alone"), ("-://a", "* alone")):
                refused(site.run("config", "--set", f"http.cors_origins={origins}"), 2,  # X30
                        "http.cors_origins", why)
            for origins in ("", " * ", "http://localhost:3000  https://[::1]", "app://a"):
                done = site.run("config", "--set", f"http.cors_origins={origins}")
                assert done.returncode == 0, origins
            for proxies in ("a", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "/8", "::1/129", "10.0",
                            "127.0.0.1,::1", "Unix", "fe80::1%lo", "10.0.0.0/8/8", "[::1]"):
                refused(site.run("config", "--set", f"http.trusted_proxies={proxies}"), 2,  # G166
                        "http.trusted_proxies", "separated by blanks")
            for proxies in ("10.0.0.1/8", "::1/127", "::ffff:10.0.0.1/104"):
                refused(site.run("config", "--set", f"http.trusted_proxies={proxies}"), 2,
                        "goes on behind its length")
            refused(site.run("serve --set http.trust_proxy=on"), 2, "http.trusted_proxies")
            refused(site.run("serve", env={"NESTOR_HTTP_TRUST_PROXY": "on"}), 2, "environment",
                    "http.trusted_proxies")
            refused(site.run("serve", env={"NESTOR_OCL_ROOT": "v3"}), 2, "environment", "ocl.root")
            site.write("data/nestor.conf", "ocl.rot = v2\n")
            refused(site.run("serve"), 2, "data/nestor.conf", "did you mean \"ocl.root\"")

    def test_the_root_can_be_v2(self):
        with self.site() as site:
            site.init()
            for root, status in (("guide", 401), ("v2", 200)):
                with site.serve("--set", f"ocl.root={root}") as server:
                    assert server.client("").ask("GET", "/orgs/").status == status, root

    # ---- openapi ----

    def test_openapi_is_what_the_server_serves(self):
        with self.site() as site:
            text = good(site.run("openapi", where=False)).stdout
            document = json.loads(text, object_pairs_hook=without_twins)
            site.init()
            with site.serve() as server:
                client = server.client()
                served = client.expect(200, "GET", "/openapi.json")
                assert served.json() == json.loads(text), "the served document is another one"
                for path, operations in document["paths"].items():
                    self.check_methods(client, path, operations)

    def test_openapi_describes_bodies_and_answers(self):
        with self.site() as site:
            document = json.loads(good(site.run("openapi", where=False)).stdout)
        schemas = document["components"]["schemas"]
        for ref in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
            assert ref in schemas, f"{ref} is nowhere"
        for path, operations in document["paths"].items():
            for method in set(operations) - {"parameters"}:
                assert operations[method]["responses"], f"{method} {path} has no answer"
        program, course = ("/api/program_enrollments/v1/programs/{program}/" + rest
                           for rest in ("enrollments/", "courses/{course}/enrollments/"))
        for path, method, key, statuses in (
                (program, "post", "external_user_key",
                 ["enrolled", "pending", "suspended", "withdrawn"]),
                (course, "post", "student_key", ["active", "inactive"]),
                (course, "patch", "student_key", ["active", "inactive"])):
            operation = document["paths"][path][method]
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            assert (body["type"], body["maxItems"]) == ("array", 25), body
            assert body["items"]["properties"]["status"]["enum"] == statuses, body
            assert key in body["items"]["required"], body
            assert {"207", "413", "422"} < set(operation["responses"]), operation["responses"]
        runs = document["paths"]["/api/catalog/v1/programs/"]["post"]["requestBody"]["content"]
        assert "course_runs" in json.dumps(runs), runs

    def check_methods(self, client, path, operations):
        """What the document offers is what the server allows."""
        named = path.replace("{program}", "00000000-0000").replace("{course}", "a+b+c")
        named = named.replace("{", "").replace("}", "")
        allow = client.ask("OPTIONS", named).headers["Allow"]
        allowed = {m.strip().lower() for m in (allow or "").split(",")} - {"head", "options"}
        offered = set(operations) - {"parameters", "summary", "description"}
        assert offered == allowed, f"{path}: document {offered}, Allow {allow}"

    def test_what_is_printed_is_printed_once(self):
        """A connection that is lost in the middle, or when the answer to the last word is awaited."""
        if not self.cluster:
            return
        with self.site() as site:
            site.init()
            for i in range(3):
                good(site.run("user add", f"user{i}"))
            whole = good(site.run("user list")).stdout
            for cut_at in (b"COMMIT", b"username, name, email"):
                with cut_line(site.database.url, cut_at) as url:
                    p = site.run("user list", "--data", site.data, "--database", url, where=False)
                assert p.returncode == (cut_at != b"COMMIT"), p
                assert p.stdout == ("" if p.returncode else whole), p.stdout

    # ---- doctor, migrate ----

    def test_doctor_finds_what_is_open(self):
        with self.site() as site:
            site.init()
            good(site.run("doctor"))
            good(site.run("migrate"))
            secret = os.path.join(site.data, "secret.key")
            os.chmod(secret, 0o644)
            found = site.run("doctor")
            assert found.returncode == 1 and "secret.key" in found.stdout, found.stdout
            os.chmod(secret, 0o600)
            found = site.run("doctor", "--set", "enroll.username_param_grants=true")
            assert found.returncode == 1 and "username_param_grants" in found.stdout, found.stdout
            public = ["--listen", "0.0.0.0:8000", "--set"]
            for words, told in (
                    ((*public, "http.trusted_proxies="), "beyond this machine"),
                    ((*public, "http.trusted_proxies=10.0.0.0/8"), None),
                    ((*public, "http.trusted_proxies=10.0.0.1 ::/0"), "trusts everybody"),
                    (("--set", "http.cors_origins=https://a.example http://b.example"),
                     "http://b.example"),
                    (("--set", "http.cors_origins=https://a.example http://localhost:3000"), None),
                    (("--set", "tasks.fetch=any"), "tasks.fetch"),
                    (("--set", "tasks.fetch=public"), None)):
                found = site.run("doctor", *words)
                assert found.returncode == (told is not None), (words, found.stdout)
                assert found.stdout.count("warning: ") == (told is not None), found.stdout
                assert (told or "Nothing to complain about.") in found.stdout, found.stdout
            noted = site.run("doctor", "--set", "http.connections=1000000")
            assert noted.returncode == 0 and "LimitNOFILE" in noted.stdout, noted.stdout
            self.check_doctor_of_files(site)
            day = time.time() + 86400
            good(site.run("token create", "--user", "admin", "--name", "nightly", "--expires",
                          time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(day + 9 * 86400))))
            found = site.run("doctor")
            assert found.returncode == 1 and 'token "nightly" of admin ends in 9 days' in \
                found.stdout, found.stdout
            good(site.run("token end", "--user", "admin", "--name", "nightly"))
            good(site.run("doctor"))
            refused(site.run("client add", "..", "--user", "admin"), 2, "no ids")  # X11
            refused(site.run("user add", "..", "--email", "x@example.org"), 1, "valid value")
            site.execute("UPDATE account SET username = '..'")
            found = site.run("doctor")
            assert found.returncode == 1 and 'user ".."' in found.stdout, found.stdout
            site.write("data/secret.key", "short")
            refused(site.run("doctor"), 1, "secret.key")

    def check_doctor_of_files(self, site):
        """Settings that others can write, and a database from the future."""
        conf = site.write("data/nestor.conf", "")
        os.chmod(conf, 0o666)
        found = site.run("doctor")
        assert found.returncode == 1 and "nestor.conf can be written" in found.stdout, found.stdout
        os.remove(conf)
        if not site.database:
            path = os.path.join(site.data, "nestor.db")
            os.utime(path, (time.time() + 3600,) * 2)
            found = site.run("doctor")
            assert found.returncode == 1 and "set the clock" in found.stdout, found.stdout
            os.utime(path)

    def test_doctor_says_what_openmrs_would_refuse(self):
        """G41: of sources with its rules, and of the one that is named."""
        concept = {"type": "Concept", "owner": "MoH", "owner_type": "Organization", "source": "D",
                   "concept_class": "Misc", "datatype": "N/A"}
        full = {"locale": "en", "name_type": "FULLY_SPECIFIED", "external_id": "n"}
        lines = [{"type": "Organization", "id": "MoH", "name": "MoH"},
                 *({"type": "Source", "owner": "MoH", "owner_type": "Organization", "id": i,
                    "name": i, "custom_validation_schema": schema}
                   for i, schema in (("D", "OpenMRS"), ("F", None))),
                 {**concept, "id": "right", "external_id": "c", "names": [{**full, "name": "A"}]},
                 *({**concept, "id": i, "names": [{"locale": "en", "name": i,
                                                   "name_type": "FULLY_SPECIFIED"}]} for i in "bcde"),
                 {**concept, "source": "F", "id": "f", "external_id": "c", "concept_class": "Idea",
                  "names": [{**full, "name": "F"}]},
                 {"type": "Mapping", "owner": "MoH", "owner_type": "Organization", "source": "D",
                  "map_type": "SAME-AS", "from_concept_url": "/orgs/MoH/sources/D/concepts/b/",
                  "to_source_url": "/orgs/WHO/sources/ICD/", "to_concept_code": "A00"}]
        place, says = "/orgs/MoH/sources/", "warning: OpenMRS refuses "
        with self.site() as site:
            site.init("--quiet")
            good(site.run("doctor"))
            good(site.run("import", "-", stdin="".join(json.dumps(line) + "\n" for line in lines)))
            found = site.run("doctor")
            assert found.returncode == 1, found
            assert found.stdout.splitlines()[:3] == [
                f"{says}4 concepts of {place}D/: no external_id (b, c, d, ...)",
                f"{says}4 concepts of {place}D/: a name without external_id (b, c, d, ...)",
                f"{says}1 mapping of {place}D/: no external_id (1)"], found.stdout
            found = site.run("doctor", "--source", place + "F/").stdout
            assert f"{says}1 concept of {place}F/: Invalid concept class (f)\n" in found, found
            found = site.run("doctor", "--source", place + "G/")
            assert found.returncode == 1 and f"no source {place}G/" in found.stdout, found.stdout

    def test_a_database_of_before_gets_the_vocabularies(self):
        """V259: once, as its first superuser; who leaves them out at the start gets none."""
        count = "SELECT count(*) FROM repo WHERE owner = 'OCL'"
        with self.site() as site:
            site.init("--no-vocabularies")
            good(site.run("migrate"))
            assert site.query(count) == [("0",)], "not asked for"
            site.execute("DELETE FROM vocabularies_made")
            good(site.run("migrate"))
            assert site.query(count) == [("6",)], site.query(count)
            assert int(site.query("SELECT count(*) FROM present_name")[0][0]) > 1000
            with site.serve() as server:
                server.client().expect(204, "DELETE", "/v2/orgs/OCL/sources/MapTypes/")
            good(site.run("migrate"))
            assert site.query(count + " AND is_active") == [("5",)], "what was deleted is back"

    # ---- import ----

    def test_import_tells_what_it_refused(self):
        bad = ["{\"type\": \"Concept\", ", "[]", {"type": "Nonsense"}, {"id": "no type"},
               {"type": "Concept", "id": "X", "owner": "LAB", "owner_type": "Organization",
                "source": "LOINC", "names": []}]
        with self.site() as site:
            site.init()
            site.write("x.jsonl", as_text(["", *source_lines(3), *bad, "   "]))
            p = site.run("import", site.path("x.jsonl"))
            assert p.returncode == 1, p.stdout
            assert counts(p) == {"created": 6, "invalid": 5}, p.stdout
            with open(site.path("x.jsonl.errors.jsonl"), encoding="utf-8") as f:
                errors = [json.loads(line) for line in f]
            assert sorted(e["line"] for e in errors) == [8, 9, 10, 11, 12], errors
            assert all(e["outcome"] == "invalid" and e["errors"] for e in errors), errors

    def test_refused_lines_can_be_mended_and_imported(self):
        """X70: as they came, in a file of their own."""
        with self.site() as site:
            site.init()
            lines = source_lines(3)
            whole = json.dumps(lines[2])
            broken = [whole.replace('"names"', '"nams"'), "{nonsense", lines[3]]
            path = site.write("x.jsonl", as_text([*lines[:2], *broken]))
            p = site.run("import", path)
            assert p.returncode == 1 and "x.jsonl.refused.jsonl" in p.stdout, p.stdout
            with open(path + ".refused.jsonl", encoding="utf-8") as f:
                refused_lines = f.read()
            assert sorted(refused_lines.splitlines()) == sorted(broken[:2]), refused_lines
            mended = refused_lines.replace("nams", "names").replace("{nonsense\n", "")
            p = good(site.run("import", site.write("mended.jsonl", mended)))
            assert counts(p) == {"created": 1}, p.stdout

    def test_what_was_refused_is_never_lost(self):
        """Reports are those of the last run; one that somebody changed is kept beside, with its
        reasons; a clean run leaves none that misleads."""
        lines = source_lines(3)
        broken = json.dumps(lines[3]).replace('"names"', '"nams"')
        with self.site() as site:
            site.init()
            def reports():
                return sorted(n for n in os.listdir(site.work) if n.startswith("x.jsonl."))
            path = site.write("x.jsonl", as_text([*lines[:2], broken, lines[4]]))
            both = ["x.jsonl.errors.jsonl", "x.jsonl.refused.jsonl"]
            for words in ("import", "import --dry-run", "import"):
                p = site.run(words, path)
                assert p.returncode == 1 and reports() == both, (p.stdout, reports())
                assert ("would be refused" if "dry" in words else "were refused") in p.stdout, p.stdout
            with open(path + ".refused.jsonl", "a", encoding="utf-8") as f:
                f.write("half mended\n")
            for words in ("import --dry-run", "import"):
                p = site.run(words, path)
                aside = ["x.jsonl.errors.1.jsonl", "x.jsonl.refused.1.jsonl"]
                assert reports() == sorted(both + aside), reports()
            with open(path + ".refused.1.jsonl", encoding="utf-8") as f:
                assert f.read() == broken + "\nhalf mended\n"
            with open(path + ".refused.jsonl", encoding="utf-8") as f:
                assert f.read() == broken + "\n"
            os.utime(path + ".refused.jsonl")
            site.write("x.jsonl", as_text(lines))
            p = good(site.run("import", path))
            assert "kept as" in p.stdout and "x.jsonl.refused.2.jsonl" in p.stdout, p.stdout
            assert "x.jsonl.refused.jsonl" not in reports(), reports()
            refused(site.run("import --errors why", path, path), 2, "one FILE")

    def test_refused_lines_are_in_the_order_of_the_file(self):
        """Whichever turn they have, and whether they could be read; as they came, whatever that is."""
        lines = source_lines(1500)
        bad = [b"{}", b"[1]", b'{"type": "Concept", "id": "caf\xe9"}', b'{"type": "Source"}',
               b'{"type": "Organization"}', b'"\x00"']
        text = as_text(lines).encode().splitlines(keepends=True)
        wanted = []
        for i, one in enumerate(bad * 3):
            text.insert(len(text) - 1 - 80 * i, one + b"\n")
            wanted.insert(0, one)
        with self.site() as site:
            site.init()
            with open(site.path("x"), "wb") as f:
                f.write(b"".join(text) + b"\n\n")
            p = site.run("import", site.path("x"))
            assert counts(p)["invalid"] == len(wanted), p.stdout
            assert "(100 %)" in p.stderr, p.stderr
            with open(site.path("x.refused.jsonl"), "rb") as f:
                assert f.read() == b"".join(one + b"\n" for one in wanted)
            with open(site.path("x.errors.jsonl"), encoding="utf-8") as f:
                numbers = [json.loads(line)["line"] for line in f]
            assert numbers == sorted(numbers) and len(numbers) == len(wanted), numbers

    def test_arrays_are_imported(self):
        """X70: an array of objects, on one line or many, is a file of its items."""
        for layout in ({}, {"indent": 2}):
            with self.site() as site:
                site.init()
                lines = [*source_lines(30), {"type": "Nonsense"}]
                path = site.write("x.json", "\ufeff" * bool(layout) + json.dumps(lines, **layout))
                p = site.run("import", path)
                assert counts(p) == {"created": 33, "invalid": 1}, p.stdout + p.stderr
                with open(path + ".errors.jsonl", encoding="utf-8") as f:
                    assert json.load(f)["line"] == 34
                with open(path, encoding="utf-8-sig") as f:
                    p = site.run("import -", stdin=f.read())
                assert counts(p) == {"exists": 3, "unchanged": 30, "invalid": 1}, \
                    p.stdout + p.stderr

    def test_a_wrong_file_is_told_in_one_sentence(self):
        """X70: not line by line, and nothing is written or sent."""
        text = as_text(source_lines(10))
        wrong = {"UTF-16": text.encode("utf-16"), "UTF-8": text.encode("utf-16-le"),
                 "zcat": gzip.compress(text.encode()), "line 1": b"code;word\n" + b"1;x\n" * 50,
                 "array: line 2": b"[{\"a\": 1},\n{]", "JSON lines":
                 "\n".join(json.dumps(line, indent=2) for line in source_lines(2)).encode(),
                 "\"word\"": b"id,word\n1,x\n", "broken ZIP": b"PK\3\4 and so on"}
        with self.site() as site:
            site.init()
            for word, content in wrong.items():
                with open(site.path("x"), "wb") as f:
                    f.write(content)
                p = refused(site.run("import", site.path("x")), 1, word, "/x ")
                assert len(p.stderr.splitlines()) == 1 and not p.stdout, (p.stderr, p.stdout)
                assert not os.path.exists(site.path("x.errors.jsonl")), word

    def test_a_dead_server_is_told_at_once(self):
        """X70: one sentence, and no count of lines that were only read."""
        with self.site() as site, socket.create_server(("127.0.0.1", 0)) as taken:
            site.init()
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            taken.close()
            for verb in ("import -", "enroll program " + site.write("p.csv", "program,status\n")):
                if "enroll" in verb:
                    site.write("p.csv", "program,external_user_key,status,curriculum_uuid\n")
                begun = time.monotonic()
                p = refused(site.run(verb, "--server", url, "--token-file", site.path("admin.token"),
                                     where=False, stdin=as_text(source_lines(10))), 1,
                            f"{url} does not answer")
                assert time.monotonic() - begun < 15 and "lines" not in p.stderr, p.stderr

    def test_ctrl_c_ends_an_import_between_batches(self):
        """X50 for its neighbour: what was stored is whole, and the rest can be repeated."""
        with self.site() as site:
            site.init()
            path = site.write("x.jsonl", as_text(source_lines(20000)))
            p = subprocess.Popen([self.nestor, "import", *site.where(), path], text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
            while p.poll() is None and site.query("SELECT count(*) FROM concept_version") == [("0",)]:
                time.sleep(0.05)
            p.send_signal(signal.SIGINT)
            said = p.communicate()[1]
            assert p.returncode == 1 and "run the same command again" in said, (p.returncode, said)
            assert not [r for sql in HALVES.values() for r in site.query(sql)]

    def test_import_again_changes_nothing(self):
        with self.site() as site:
            site.init()
            site.write("x.jsonl", as_text(source_lines(20)))
            p = good(site.run("import --dry-run", site.path("x.jsonl")))
            assert counts(p) == {"created": 23} and "dry run" in p.stdout, p.stdout
            assert site.query("SELECT mnemonic FROM org") == [("OCL",)], "the dry run stored"
            p = good(site.run("import", site.path("x.jsonl")))
            assert counts(p) == {"created": 23}, p.stdout
            before = content(site)
            p = good(site.run("import", site.path("x.jsonl")))
            assert counts(p) == {"exists": 3, "unchanged": 20}, p.stdout
            expect_same(content(site), before)
            assert not os.path.exists(site.path("x.jsonl.errors.jsonl"))
            lines = source_lines(20)
            lines[5]["datatype"] = "Text"
            p = good(site.run("import -", stdin=as_text(lines)))
            assert counts(p) == {"exists": 3, "unchanged": 19, "updated": 1}, p.stdout

    def test_import_sorts_owners_and_sources_first(self):
        """X84, X86: wherever they stand, in batches of their own; and at most 100 %."""
        lines = source_lines(1500)
        lines.reverse()
        for words, stdin in (("x.jsonl", None), ("-", as_text(lines))):
            with self.site() as site:
                site.init()
                site.write("x.jsonl", as_text(lines).rstrip("\n"))
                path = site.path(words) if stdin is None else words
                p = good(site.run("import", path, stdin=stdin))
                assert counts(p) == {"created": 1503}, p.stdout
                shown = re.search(r"\((\d+) %\)", p.stderr)
                assert shown and shown.group(1) == "100", p.stderr

    def test_import_over_http_is_the_same(self):
        lines = as_text(source_lines(1200) + source_lines(2, [{"type": "Nonsense"}]))
        with self.site() as here, self.site() as there:
            here.init()
            there.init()
            p = here.run("import -", "--errors", here.path("errors"), stdin=lines)
            with there.serve() as server:
                url = f"http://127.0.0.1:{server.port}"
                words = ["import", "--server", url, "--token-file", there.path("admin.token")]
                trial = there.run(" ".join(words), "--dry-run", "-", "--errors",
                                  there.path("trial"), where=False, stdin=lines)
                assert trial.returncode == 1 and "dry run" in trial.stdout, trial.stdout
                assert there.query("SELECT mnemonic FROM org") == [("OCL",)], "dry run stored"
                q = there.run(" ".join(words), "-", "--errors", there.path("errors"),
                              where=False, stdin=lines)
            assert (p.returncode, counts(p)) == (q.returncode, counts(q)), (p.stdout, q.stdout)
            expect_same(content(here), content(there))
            with open(here.path("errors"), encoding="utf-8") as f, \
                 open(there.path("errors"), encoding="utf-8") as g:
                assert f.read() == g.read(), "the reports of errors differ"

    def test_import_in_any_order_keeps_versions_apart(self):
        """Numbers are taken in runs: a release in the middle of a batch, a line that is
        refused, and two sources by turns must not disturb each other."""
        owner = {"owner": "LAB", "owner_type": "Organization"}
        loinc = source_lines(6)
        other = [{**line, "id" if "source" not in line else "source": "OTHER"}
                 for line in loinc if line["type"] != "Organization"]
        bad = {**loinc[2], "id": "BAD", "names": []}
        release = {"type": "Source Version", "id": "middle", "source": "LOINC",
                   "description": "in the middle", **owner}
        changed = {**loinc[2], "datatype": "Text"}
        lines = [loinc[0], loinc[1], other[0], loinc[2], other[1], bad, loinc[3], release, changed,
                 *loinc[4:], bad, *other[2:], changed]
        with self.site() as site:
            site.init()
            p = site.run("import -", "--errors", site.path("errors"), stdin=as_text(lines))
            assert counts(p) == {"created": 18, "updated": 1, "unchanged": 1, "invalid": 2}, \
                p.stdout + p.stderr
            for what, sql in HALVES.items():
                rows = site.query(sql)
                assert not rows, f"not so: {what}: {rows}"
            with site.serve() as server:
                client = server.client()
                at = "/guide/orgs/LAB/sources/LOINC/"
                for version, found in (("middle/", "2"), ("2026/", "6"), ("", "6")):
                    shown = client.expect(200, "GET", f"{at}{version}concepts/").headers
                    assert shown["num_found"] == found, f"{version}: {shown['num_found']}"
                shown = client.expect(200, "GET", at + "middle/concepts/C0/").json()
                assert shown["datatype"] == "Numeric", "a later change is in the release"
                client.expect(201, "POST", at + "concepts/", {"id": "after", "conceptClass": "T",
                              "names": [{"name": "after", "locale": "en"}]})
                shown = client.expect(200, "GET", f"{at}2026/concepts/").headers
                assert shown["num_found"] == "6", "a later concept is in the release"

    def test_import_over_http_refuses(self):
        with self.site() as site:
            site.init()
            site.write("wrong.token", "0" * 40)
            refused(site.run("import - --server http://127.0.0.1:1", stdin=""), 2, "--token-file")
            with site.serve() as server:
                p = site.run(f"import - --server http://127.0.0.1:{server.port}", "--token-file",
                             site.path("wrong.token"), stdin=as_text(source_lines(1)))
                refused(p, 1, "401", "the token was refused")
                assert "0" * 40 not in p.stdout + p.stderr, "the token is printed"

    def test_import_beside_a_server(self):
        with self.site() as site:
            site.init()
            with site.serve() as server:
                client = server.client()
                client.expect(200, "GET", "/guide/orgs/")
                good(site.run("import -", stdin=as_text(source_lines(50))))
                shown = client.expect(200, "GET", "/guide/orgs/LAB/sources/LOINC/concepts/")
                assert shown.headers["num_found"] == "50", shown.headers
                client.expect(201, "POST", "/guide/orgs/LAB/sources/LOINC/concepts/",
                              {"id": "after", "conceptClass": "Test",
                               "names": [{"name": "after", "locale": "en"}]})

    def test_import_of_a_missing_file(self):
        with self.site() as site:
            site.init()
            refused(site.run("import", site.path("nowhere")), 1, "nowhere", "cannot be read")
            refused(site.run("import - --user nobody", stdin=""), 1, "no user \"nobody\"")

    # ---- serve ----

    def test_a_taken_port_is_told(self):
        with self.site() as site, socket.create_server(("127.0.0.1", 0)) as taken:
            site.init()
            port = taken.getsockname()[1]
            p = refused(site.run("serve", "--listen", f"127.0.0.1:{port}"), 1,
                        f'"address":"127.0.0.1:{port}"', "cannot serve")
            assert "\"listening\"" not in p.stderr
            refused(site.run("serve", "--listen", f"127.0.0.1:{port}", "--set", "log.level=off"), 1,
                    f'"address":"127.0.0.1:{port}"')
            refused(site.run("serve --listen 127.0.0.1:0", "--set",
                             f"metrics.listen=127.0.0.1:{port}"), 1,
                    f'"address":"127.0.0.1:{port}"', "cannot serve")

    def test_settings_that_cannot_work_are_refused(self):
        """2, so that no service manager tries them again and again; each by its name."""
        with self.site() as site:
            site.init()
            for settings, words in (
                    (["listen=nonsense"], ["listen is", "ADDRESS:PORT"]),
                    (["listen="], ["listen is"]),
                    (["listen=127.0.0.1:99999"], ["listen is"]),
                    (["listen=127.evil:8000"], ["listen is"]),
                    (["listen=unix:"], ["listen is"]),
                    (["metrics.listen=bogus"], ["metrics.listen is", "ADDRESS:PORT"]),
                    (["listen=127.0.0.1:8000", "metrics.listen=127.0.0.1:8000"],
                     ["metrics.listen is", "so is listen"]),
                    (["http.public_url=http://u:p@h/"], ["http.public_url"]),
                    (["http.public_url=http://h/ x"], ["http.public_url"]),
                    (["db.pool=2", "db.readers=2"], ["db.readers is 2", "db.pool, 2"]),
                    (["http.connections=10", "http.per_address=11"], ["http.per_address is 11"]),
                    (["http.header_bytes=4096", "http.target_bytes=4097"],
                     ["http.target_bytes is 4097"])):
                flags = [word for s in settings for word in ("--set", s)]
                refused(site.run("serve", *flags), 2, *words)
            for url in ("postgresql://u:sec%zzret@127.0.0.1:9/x", "postgresql://u:sec@ret@h/x",
                        "postgresql://u:sec/ret@h/x", "postgresql://u:12/secret@h/x",
                        "mysql://u:secret@h/x", "user=u password=secret dbname=x"):
                p = refused(site.run("user list", "--database", url), 2, "database is ")
                assert "sec" not in p.stderr and "ret" not in p.stderr, p.stderr
                p = refused(site.run("move", url), 1, "the target is ")
                assert "sec" not in p.stderr and "ret" not in p.stderr, p.stderr
            for url in ("postgresql://u:hidden5@h/x", "postgresql://h/x?password=hidden5&user=u",
                        "postgresql://h/x?user=u&sslpassword=hidden5&password=hidden5",
                        "postgresql://u@h/x"):
                for words in ((), ("--json",)):
                    p = good(site.run("config", *words, "--set", f"database={url}", where=False))
                    has_password = "hidden5" in url
                    assert ("user=u" in p.stdout and "host=h" in p.stdout) == has_password, p.stdout
                    assert (url in p.stdout) == (not has_password), p.stdout
                    assert "hidden5" not in p.stdout, p.stdout
                p = refused(site.run("user list", "--database", url.replace("@h", "@127.0.0.1:9")
                                     .replace("//h", "//127.0.0.1:9")), 1)
                assert "hidden5" not in p.stderr, p.stderr
            for replica in ("host=h password = hidden5", "host=h password=hidden5&x",
                            "host=h password='hidden5 x' user=u", "host=h password=a hidden5"):
                p = good(site.run("config", "--set", f"db.replica={replica}", where=False))
                assert "***" in p.stdout and "hidden5" not in p.stdout, p.stdout
            p = refused(site.run("health", "--server", "user:hidden5@localhost:1", where=False), 2)
            assert "hidden5" not in p.stderr, p.stderr
            for settings in (["db.pool=2"], ["http.header_bytes=4096"],
                             ["http.connections=10", "http.per_address=10"],
                             ["listen=[::1]:8000"], ["listen=:8000"], ["metrics.listen="]):
                good(site.run("config", *[word for s in settings for word in ("--set", s)]))

    def test_a_wrong_host_is_not_repeated(self):
        """Neither in a header nor in the body: it may be anything that somebody talked a client into."""
        with self.site() as site:
            site.init()
            with site.serve() as server:
                for hosts in (b"Host: zyx a\r\n", b"Host: zyx<a>\r\n", b"Host: a\r\nHost: zyx\r\n"):
                    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as s:
                        s.sendall(b"GET /v2/orgs/ HTTP/1.1\r\n" + hosts + b"\r\n")
                        answer = b"".join(iter(lambda s=s: s.recv(65536), b""))
                    assert answer.startswith(b"HTTP/1.1 400 "), answer
                    assert b"zyx" not in answer, answer

    def test_sigterm_lets_requests_finish(self):
        body = json.dumps({"id": "LATE", "name": "Late"}).encode()
        with self.site() as site:
            site.init()
            # One loop: of two, the other may not have seen the connection when it stops.
            server = site.serve("--set", "http.loops=1")
            idle = server.client()
            idle.expect(200, "GET", "/guide/user/")
            with socket.create_connection(("127.0.0.1", server.port)) as s:
                s.settimeout(30)
                head = (f"POST /guide/orgs/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token "
                        f"{server.token}\r\nContent-Type: application/json\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n").encode()
                s.sendall(head + body[:5])
                # An answer on the other connection: its loop has seen the head by then.
                for _ in range(20):
                    idle.expect(200, "GET", "/guide/user/")
                server.process.terminate()
                server.wait_for('"stopping"')
                s.sendall(body[5:])
                answer = http.client.HTTPResponse(s)
                answer.begin()
                assert answer.status == 201, f"{answer.status} {answer.read()[:300]}"
                answer.close()
            server.stop()
            assert ("LATE",) in site.query("SELECT mnemonic FROM org")

    def test_no_secret_is_logged(self):
        with self.site() as site:
            site.init()
            site.write("password", PASSWORD)
            good(site.run("user add ada --email ada@example.org"))
            good(site.run("user password ada", "--password-file", site.path("password")))
            made = good(site.run("token create --user ada --name n")).stdout.strip()
            with site.serve("--set", "log.level=debug") as server:
                client = server.client(made)
                client.expect(200, "GET", f"/guide/user/?token={made}&verbose=true")
                client.ask("POST", "/guide/api-token-auth/",
                           {"username": "ada", "password": PASSWORD})
                client.ask("POST", "/guide/users/", {"username": "eve", "password": PASSWORD})
                server.client("f" * 40).ask("GET", "/guide/user/")
            with open(os.path.join(site.data, "secret.key"), encoding="ascii") as f:
                secrets = [PASSWORD, made, site.token, "f" * 40, f.read().strip(), "$argon2"]
            told = [s[:12] for s in secrets if s in server.text()]
            assert not told, f"the log holds {told}"
            assert '"request"' in server.text(), "nothing was logged at all"


def without_twins(pairs):
    """A JSON object in which a name stands twice is a mistake."""
    names = [name for name, _ in pairs]
    twins = {n for n in names if names.count(n) > 1}
    assert not twins, f"twice in one JSON object: {twins}"
    return dict(pairs)


def main():
    chosen = arguments(__doc__.splitlines()[0], only="", plain="")
    tally = Tally()
    for engine, cluster in engines():
        cases = Cases(build_for(chosen, cluster), cluster)
        for name in [n for n in dir(cases) if n.startswith("test_") and chosen.only in n]:
            tally.run(f"{engine}: {name[5:].replace('_', ' ')}", getattr(cases, name))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
