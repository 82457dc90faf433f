"""A world to ask questions in: accounts of every kind; organisations that are open, hidden
and another's; sources of every public access with versions and concepts; programs with
learners. `load` makes the accounts before the server starts, `World.fill` the rest, `World.mend`
puts back what a request took away.

Names are chosen so that the same path is there under every owner: each account and each
organisation has the sources Open, Edit and Priv, each of these the same concepts and
versions.
"""
import json
import re
import time
import urllib.parse

from support import Client

PASSWORD = "quite-a-long-passphrase-42"
BEARER = "bearer-of-{}-" + 20 * "x"
ACCESS = {"Open": "View", "Edit": "Edit", "Priv": "None"}
CONCEPTS = ("a b", "old")
MAPPINGS = {"m": None, "priv": "Priv", "gone": None}  # to which source; None: its own
RELEASED, UNRELEASED = "v2", "v1"
PROGRAM = "6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a10"
FREE_PROGRAM = "6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a11"
CURRICULUM = "0a3d7c52-7d67-4a6e-9a5b-6a52d6b3a001"
COURSE = "course-v1:HillsU+MAP1+2019"
FREE_COURSE = "course-v1:Other+X+1"

# Who asks. `owner` and `member` are members of WHO and HID, `creator` was one while she made
# all that WHO has, `other` is a member of OTH; `off` is switched off. `admin` made the rest.
ACCOUNTS = ("stranger", "member", "owner", "creator", "other", "staff", "superuser", "off")
MEMBERS = {"WHO": ("owner", "member", "target"), "HID": ("owner", "member"), "OTH": ("other",)}
# What may be changed and deleted: nobody asks in its name. And who was deleted.
TARGET, LEFT = "target", "left"

# The canonical address that registries have.
REGISTERED = "https://example.org/WHO/Open"

# What stands for a variable: by its name and the segment behind it, by the segment before it,
# or by its name.
# A task that no server runs: it is kept for one that is not there.
WAITS = "00000000-0000-4000-8000-000000000001-owner~waits"
SESSION = "5e55105e" * 8
VALUES = {"task": (WAITS,), "queue": ("nightly",), "user/reactivate": (LEFT,), "org": ("WHO",), "user": (TARGET,), "source": tuple(ACCESS),
          "concept": CONCEPTS, "pinned_concept": CONCEPTS,
          "mapping": tuple(MAPPINGS), "pinned_mapping": tuple(MAPPINGS),
          "version": (UNRELEASED, RELEASED),
          "name": ("nightly",), "key": ("key",), "username": (TARGET,),
          "client_id": ("machine",), "client": ("machine",), "session": (SESSION[:16],), "uuid": (FREE_PROGRAM, PROGRAM), "program": (PROGRAM,),
          "organizations": ("HillsU", "FreeU"), "course_overviews": (COURSE, FREE_COURSE),
          "course": (COURSE,)}
ABSENT = {**dict.fromkeys(("pin", "follow", "client_config", "registry_entry", "feedback",
                           "map_project"), "0"),
          "concept_version": "1", "pinned_concept_version": "1", "mapping_version": "1", "names": "1", "descriptions": "1",
          "uuid": "0a", "program": "0a", "course": "course-v1:no+no+no",
          "course_overviews": "course-v1:no+no+no"}

# Paths that are other names of a place, or the same below another kind of owner: by oneself, below
# users what organisations have as well, by HEAD, by `latest`. Each registry takes an address once.
ALIASES = (r"/user/(?!url-registry).|/users/\{user\}/(orgs|sources|repos|pins|logo|extras|map-projects)/"
           r"|/(HEAD|latest)/")

# A picture of one dot.
PICTURE = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSu"
           "QmCC")

# Members of bodies that are to name something that is there, or somebody who may come in.
KNOWN = {"task_id": WAITS, "username": TARGET, "user": TARGET, "older_than_days": 36500, "password": PASSWORD, "client_id": "machine",
         "client_secret": PASSWORD, "program": PROGRAM, "curriculum_uuid": CURRICULUM,
         "course_key": COURSE, "external_user_key": "1001", "student_key": "1001",
         **{f"{side}_concept_url": f"/orgs/WHO/sources/{source}/concepts/a%20b/"
            for side, source in (("from", "Open"), ("to", "Edit"))},
         **{f"{side}_source_url": f"/orgs/WHO/sources/{source}/"
            for side, source in (("from", "Open"), ("to", "Edit"))},
         "from_concept_code": "a b", "to_concept_code": "a b",
         "parent_concept_urls": [], "hierarchy_root_url": None,
         "resource_type": "Organization", "resource_id": 2, "follow": "/orgs/WHO/",
         "base64": PICTURE, "url": REGISTERED,
         "prompt_output_locale": "auto", "input_locales": ["pt-BR"],
         "config": {"tabs": [{"default": True}]}}


def document():
    """Accounts and programs, as `nestor load` and the catalog take them."""
    users = [{"username": name, "email": f"{name}@example.org", "token": BEARER.format(name),
              "password": PASSWORD, "is_staff": name == "staff",
              "is_superuser": name == "superuser", "is_active": name != "off"}
             for name in (*ACCOUNTS, TARGET)]
    return {
        "users": users,
        "oauth2_clients": [{"client_id": "machine", "client_secret": PASSWORD,
                            "username": "staff", "is_restricted": True}],
        **catalog()}


def catalog():
    """Programs, and what belongs to them."""
    runs = [{"key": "HillsU+MAP1", "title": "Maps", "course_runs": [COURSE]}]
    return {
        "organizations": [{"key": "HillsU", "name": "Hills University", "saml_slug": "hills"},
                          {"key": "FreeU", "name": "Nobody's"}],
        "social_auth": [{"username": "member", "uid": "hills:1001"}],
        "programs": [
            {"uuid": PROGRAM, "title": "Maps", "authoring_organizations": ["HillsU"],
             "curricula": [{"uuid": CURRICULUM}], "courses": runs},
            {"uuid": FREE_PROGRAM, "title": "Nobody learns it", "courses": runs}],
        "course_overviews": [FREE_COURSE],
        "course_enrollments": [{"username": "member", "course_key": COURSE, "mode": "masters"}],
        "program_enrollments": [
            {"program": PROGRAM, "external_user_key": "1001", "curriculum_uuid": CURRICULUM,
             "user": "member"},
            {"program": PROGRAM, "external_user_key": "1002", "curriculum_uuid": CURRICULUM,
             "status": "pending"}],
        "program_course_enrollments": [
            {"program": PROGRAM, "external_user_key": "1001", "course_key": COURSE}],
        "absent": {"program_course_enrollments": [
            {"program": PROGRAM, "external_user_key": "1002", "course_key": COURSE,
             "curriculum_uuid": CURRICULUM}]}}


def content(owner, kind):
    """Lines of what an owner has, as an import takes them."""
    of = {"owner": owner, "owner_type": kind}
    lines = []
    for source, access in ACCESS.items():
        lines.append({"type": "Source", "id": source, "name": f"{source} of {owner}", **of,
                      "public_access": access, "source_type": "Dictionary",
                      "canonical_url": f"https://example.org/{owner}/{source}",
                      "supported_locales": "en, fr", "custom_validation_schema": "None",
                      "extras": {"k": [1, 2.5, None], "key": 1}})
        inside = {**of, "source": source}
        for concept in CONCEPTS:
            lines.append({"type": "Concept", "id": concept, **inside, "concept_class": "Misc",
                          "datatype": "N/A", "retired": concept == "old", "external_id": "e",
                          "extras": {"k": "v", "key": 1},
                          "names": [{"name": f"{concept} {source} {owner}", "locale": "en",
                                     "locale_preferred": True, "external_id": "n1",
                                     "name_type": "FULLY_SPECIFIED"},
                                    {"name": f"{concept} {source} {owner}", "locale": "en",
                                     "external_id": "n2"},
                                    {"name": "Mer", "locale": "fr"}],
                          "descriptions": [{"description": "Wet.", "locale": "en",
                                            "external_id": "d1"}]})
        home = f"/{'users' if kind == 'User' else 'orgs'}/{owner}/sources/"
        for mapping, to in MAPPINGS.items():
            lines.append({"type": "Mapping", "id": mapping, **inside, "map_type": mapping,
                          "from_concept_url": f"{home}{source}/concepts/old/",
                          "to_source_url": f"{home}{to or source}/",
                          "to_concept_code": "a b", "to_concept_name": f"a b of {owner}",
                          "sort_weight": 1.5, "retired": mapping == "gone", "external_id": "e",
                          "extras": {"k": "v", "key": 1}})
        for version in (UNRELEASED, RELEASED):
            lines.append({"type": "Source Version", "id": version, **inside,
                          "description": version, "released": version == RELEASED})
    return lines


def lines():
    """Of the whole world: organisations, then what everybody owns."""
    orgs = [{"type": "Organization", "id": org, "name": org, "extras": {"a": [1, 2.50, None], "key": 1},
             "website": "https://example.org",
             "public_access": "None" if org == "HID" else "View"} for org in MEMBERS]
    owned = [line for org in MEMBERS for line in content(org, "Organization")]
    for user in (*ACCOUNTS, TARGET):
        owned += content(user, "User")
    return orgs + owned


class World:
    """A server's world; `admin` is a client of the first administrator."""

    def __init__(self, site, admin):
        self.site = site
        self.admin = admin
        self.token = {}

    def import_lines(self, wanted, client=None):
        rows = (client or self.admin).expect(200, "POST", "/guide/importers/lines/",
                                 {"lines": wanted}).json()["results"]
        wrong = [r for r in rows if r["outcome"] not in ("created", "exists", "unchanged",
                                                         "updated")]
        return wrong

    def fill(self):
        """Everything, for the first time."""
        for row in self.admin.expect(200, "GET", "/guide/admin/tokens/").json():
            self.token[row["user"]] = row["key"]
        creator = Client(self.admin.connection.port, self.token["creator"])
        made = [line for line in lines() if {"WHO", "HID"} & {line["id"], line.get("owner")}]
        wrong = self.import_lines(made, creator) + self.import_lines(lines())
        assert not wrong, wrong[:3]
        for user in (*ACCOUNTS, TARGET, "admin"):
            self.admin.expect(200, "PUT", f"/v2/users/{user}/extras/key/", {"key": 1})
        for org, names in MEMBERS.items():
            for name in names:
                self.admin.expect(204, "PUT", f"/guide/orgs/{org}/members/{name}/")
            for name in ("admin", "creator"):
                self.admin.expect(204, "DELETE", f"/guide/orgs/{org}/members/{name}/")
        self.leave_again()
        self.attach(*self.token)
        self.open_session()
        return self

    def pin(self, *whose):
        """A source of WHO stands first where nothing does."""
        number = int(self.admin.expect(200, "GET", "/v2/orgs/WHO/sources/Open/").json()["uuid"])
        for owner in ("orgs/WHO", *(f"users/{name}" for name in (*whose, TARGET))):
            if self.admin.ask("GET", f"/v2/{owner}/pins/").body == b"[]":
                self.admin.ask("POST", f"/v2/{owner}/pins/",
                               {"resource_type": "Source", "resource_id": number})

    def register(self, *owners):
        """Registries have an entry, owners a map project, and there is something to read."""
        for owner in owners:
            if self.admin.ask("GET", f"/v2/{owner}url-registry/").body == b"[]":
                self.admin.ask("POST", f"/v2/{owner}url-registry/",
                               {"url": REGISTERED, "namespace": "/orgs/WHO/"})
            if owner and self.admin.ask("GET", f"/v2/{owner}map-projects/").body == b"[]":
                self.admin.ask("POST", f"/v2/{owner}map-projects/", {"name": "Labs", "public_access": "View"})
        if self.admin.ask("GET", "/v2/admin/feedback/").body == b"[]":
            self.admin.ask("POST", "/v2/feedback/", {"description": "Well done."})

    def follow(self, *whose):
        """A source of WHO is followed."""
        for name in (*whose, TARGET):
            self.admin.ask("POST", f"/v2/users/{name}/following/",
                           {"follow": "/orgs/WHO/sources/Open/"})

    def picture(self, *whose, sources=ACCESS):
        """Owners and these of their sources have a picture."""
        for owner in ("orgs/WHO", *(f"users/{name}" for name in (*whose, TARGET))):
            for place in ("", *(f"sources/{source}/" for source in sources)):
                self.admin.ask("POST", f"/v2/{owner}/{place}logo/", {"base64": PICTURE})

    def configure(self):
        """Clients know how to show WHO."""
        if self.admin.ask("GET", "/v2/orgs/WHO/client-configs/").body == b"[]":
            self.admin.ask("POST", "/v2/orgs/WHO/client-configs/", {"config": KNOWN["config"]})

    def mend(self, place, *whose, method="DELETE"):
        """What a request to a place may have deleted or renamed is there again, and named as
        before; of what accounts own, what these and the target own."""
        mine = [line for line in lines()
                if {line["id"], line.get("owner")} & {"WHO", TARGET, *whose}]
        if "/admin/" in place:
            self.mend_admin(place)
            return
        inside = re.match(r"/\w+/(?:orgs/|users/|user)([^/]*)/sources/([^/]+)/", place)
        if inside:  # nothing but the source
            owners, source = (inside[1],) if inside[1] else whose, inside[2]
            self.import_lines([line for line in mine if line.get("owner") in owners
                               and source in (line["id"], line.get("source"))])
            if method == "DELETE" and place.endswith(f"/{source}/"):
                self.attach(*whose, sources=(source,))
        elif re.search("/(tasks|importers|manage)/", place):
            self.wait()
        elif place.startswith("/api/") and "/users/" not in place:
            self.admin.expect(200, "POST", "/api/catalog/v1/load/", catalog())
        else:
            keeps = method != "DELETE" and re.match(r"/\w+/(orgs|users?)/", place)
            keeps = self.mend_all(mine, whose, bool(keeps))
            if not keeps or re.search(
                    "/(pins|following|logo|url-registry|feedback|map-projects|client-configs)/", place):
                self.attach(*whose, sources=() if keeps else ACCESS)

    def mend_admin(self, place):
        """What administrators do is undone: everybody is let in again, the target is no more than
        it was, and the client that the world has is registered. Feedback is there again."""
        self.admin.expect(200, "PUT", "/v2/admin/maintenance/", {"is_on": False})
        self.admin.expect(200, "PATCH", f"/v2/admin/users/{TARGET}/",
                          {"is_staff": False, "is_superuser": False, "is_enabled": True})
        self.open_session()
        if "/purge/" in place:
            self.leave_again()
        if "/clients/" in place:
            for client in self.admin.expect(200, "GET", "/v2/admin/clients/").json():
                if client["id"] != "machine":
                    self.admin.expect(204, "DELETE", f"/v2/admin/clients/{client['id']}/")
            p = self.site.run("load", self.site.write("clients.json", json.dumps(
                {"oauth2_clients": document()["oauth2_clients"]})))
            assert p.returncode == 0, p.stderr
        else:
            self.mend_all([], (), True)
            self.attach()

    def leave_again(self):
        """Who was deleted is so again, behind a purge."""
        while self.admin.expect(200, "GET", "/v2/tasks/?name=purge&state=PENDING,STARTED").json():
            time.sleep(0.02)
        self.admin.expect(201, "POST", "/v2/users/",
                          {"username": LEFT, "email": f"{LEFT}@example.org"})
        self.admin.expect(204, "DELETE", f"/v2/users/{LEFT}/")

    def open_session(self):
        """One of the target."""
        self.site.execute(
            "INSERT INTO session (hash, account_id, csrftoken, expires_at) "
            f"SELECT '{SESSION}', id, 'none', 9999999999999999 FROM account "
            f"WHERE username = '{TARGET}' AND is_active "
            "ON CONFLICT (hash) DO UPDATE SET account_id = excluded.account_id")

    def wait(self):
        """A task of `owner` waits."""
        self.site.execute(
            "INSERT INTO task (id, key, uuid, user_id, username, name, queue, state, kwargs, host, "
            "done, total, lease_until, attempts, created_at, updated_at) "
            f"SELECT -1, '{WAITS}', '{WAITS[:36]}', id, 'owner', 'bulk_import', 'waits', 'PENDING', "
            "'{}', 'elsewhere', 0, 0, 0, 0, 1, 1 FROM account WHERE username = 'owner' "
            "ON CONFLICT (key) DO UPDATE SET state = 'PENDING', finished_at = NULL")

    def attach(self, *whose, sources=ACCESS):
        """What hangs on accounts, organisations and sources."""
        self.wait()
        self.pin(*whose)
        self.follow(*whose)
        self.configure()
        self.picture(*whose, sources=sources)
        self.register("", "orgs/WHO/", *(f"users/{name}/" for name in (*whose, TARGET)))

    def mend_all(self, mine, whose, keeps):
        """`keeps`: what owners own is there, as long as they are. Returns whether that is so."""
        user = {"username": TARGET, "name": "Target", "email": "target@example.org",
                "password": PASSWORD}
        for who in self.token.keys() & set(whose):
            self.admin.raw("PUT", "/guide/user/", json.dumps({"username": who}).encode(),
                           {"Authorization": f"Token {self.token[who]}",
                            "Content-Type": "application/json"})
        if self.admin.ask("GET", f"/guide/users/{TARGET}/").status == 404:
            self.admin.expect(201, "POST", "/guide/users/", user)
            self.open_session()
            keeps = False
        self.admin.expect(200, "PUT", f"/v2/users/{TARGET}/extras/key/", {"key": 1})
        self.admin.ask("DELETE", f"/guide/users/{LEFT}/")
        if self.admin.ask("GET", f"/guide/admin/tokens/{TARGET}/named/").body == b"[]":
            make_named_token(self.site)
        self.admin.expect(200, "POST", "/api/catalog/v1/load/", catalog())
        self.import_lines([line for line in mine if not keeps or line["type"] == "Organization"])
        for name in MEMBERS["WHO"]:
            self.admin.ask("PUT", f"/guide/orgs/WHO/members/{name}/")
        return keeps


def load(site):
    """Accounts and programs, which are there before a server is."""
    p = site.run("load", site.write("world.json", json.dumps(document())))
    assert p.returncode == 0, p.stderr
    make_named_token(site)


def make_named_token(site):
    p = site.run("token create", "--user", TARGET, "--name", "nightly")
    assert p.returncode == 0, p.stderr


class Identity:
    """How somebody shows who they are, on any face."""

    def __init__(self, name, token):
        self.name = name
        self.headers = {"token": f"Token {token}",
                        "bearer": "Bearer " + BEARER.format(name)}
        if name == "none":
            self.headers = {}

    def header(self, operation):
        credentials = operation.credentials()
        return self.headers.get("token" if "token" in credentials else "bearer")


# ---- Paths ----


def values_of(path, name):
    before, _, behind = path.partition("/{" + name + "}")
    before, behind = before.rsplit("/", 1)[1], name + "/" + behind.split("/")[1]
    return VALUES.get(behind, VALUES.get(before, VALUES.get(name))), ABSENT.get(before, ABSENT.get(name, "nowhere"))


def alive(path, body):
    """The body of a write with its names not retired: a concept has one that is not (V253)."""
    names = [body] if "/names/" in path else isinstance(body, dict) and body.get("names") or ()
    for name in names:
        if isinstance(name, dict) and "retired" in name:
            name["retired"] = False
    return body


def fill(path, values):
    for name, value in values.items():
        path = path.replace("{" + name + "}", urllib.parse.quote(value, safe="+:"))
    return path


def newest(who, client, path, values):
    """The number of the newest version of a concept that `who` means by a path."""
    place = fill(re.split(r"\{(?:pinned_)?concept_version\}", path)[0] + "versions/", values)
    headers = {"Authorization": who.headers["token"]} if who.headers else {}
    rows = client.raw("GET", place.replace("/v2/", "/guide/").replace("/HEAD/", "/"), None,
                      headers).json()
    return rows[0]["url"].rstrip("/").rsplit("/", 1)[1] if isinstance(rows, list) else "1"


def newest_mapping(who, client, path, values):
    """The number of the newest version of a mapping that `who` means by a path."""
    place = fill(path.partition("{mapping_version}")[0] + "versions/", values)
    rows = client.raw("GET", place, None, {"Authorization": who.headers.get("token", "")}
                      if who.headers else {}).json()
    return rows[0]["version"] if isinstance(rows, list) and rows else "1"


def newest_label(who, client, path, values, name):
    """The number of the last name or description of a concept, whoever asks."""
    place = fill(path.partition("{" + name + "}")[0], values)
    rows = client.raw("GET", place, None, {"Authorization": who.headers.get("token", "")}
                      if who.headers else {}).json()
    return rows[-1]["uuid"] if isinstance(rows, list) and rows else "1"


def first_of(who, client, path, values, name):
    """The number of the first row of a list: of pins, of what is followed, of entries."""
    place = fill(path.partition("{" + name + "}")[0], values)
    rows = client.raw("GET", place, None, {"Authorization": who.headers.get("token", "")}
                      if who.headers else {}).json()
    return str(rows[0]["id"]) if isinstance(rows, list) and rows else "1"


def late_of(path):
    """Variables whose values the server makes: {name: what finds one}."""
    late = {"concept_version": newest, "pinned_concept_version": newest,
            "mapping_version": newest_mapping}
    for name in ("pin", "follow", "registry_entry", "feedback", "map_project"):
        late[name] = lambda *args, n=name: first_of(*args, n)
    late["client_config"] = lambda who, client, _, values: first_of(
        who, client, "/v2/orgs/WHO/client-configs/{client_config}", values, "client_config")
    for name in ("name", "description"):
        if f"/{name}s/{{{name}}}" in path:
            late[name] = lambda *args, n=name: newest_label(*args, n)
    return late


def places(who, client, operation):
    """Paths with something behind them, every two values together; and one for each
    variable with nothing behind it."""
    names = operation.variables
    late = late_of(operation.path)
    choices = {n: values_of(operation.path, n)[0] for n in names if n not in late}
    unknown = [n for n, values in choices.items() if values is None]
    assert not unknown, f"{operation}: tests/blackbox/world.py has no value for {unknown}"
    there = []
    for i in range(6 if len(choices) > 1 else max(map(len, choices.values()), default=1)):
        values, turn = {}, i
        for n, some in choices.items():
            values[n] = some[turn % len(some)]
            turn = turn // len(some) if n != "source" else i
        for n in late.keys() & set(names):
            values[n] = late[n](who, client, operation.path, values)
        if values not in there:
            there.append(values)
    gone = [{**there[0], n: values_of(operation.path, n)[1]} for n in names]
    return [fill(operation.path, v) for v in there], [fill(operation.path, v) for v in gone]
