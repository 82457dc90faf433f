"""A university for tests at scale of the program enrollments API: programs with one
run in common, learners with and without an account, a caller who may do
everything. Seeded beside the server, before it starts.
"""
import hashlib
import shutil
import sqlite3
import subprocess

from support import Client

TOKEN = "for-tests-only"
CURRICULUM = "0a3d7c52-7d67-4a6e-9a5b-6a52d6b3a001"
RUN = "course-v1:HillsU+MAP1+2019"
BASE = "/api/program_enrollments/v1/programs"
NUMBER_BITS = 39  # of a row's number, below its program's


def program_uuid(program):
    return f"6f1c1f9e-2f8a-4f43-8a4e-{program:012x}"


def p_path(program):
    return f"{BASE}/{program_uuid(program)}/enrollments/"


def c_path(program):
    return f"{BASE}/{program_uuid(program)}/courses/{RUN}/enrollments/"


def p_record(key, status="enrolled"):
    return {"external_user_key": key, "status": status, "curriculum_uuid": CURRICULUM}


def c_record(key, status="active"):
    return {"student_key": key, "status": status}


def rows(values):
    return ", ".join(f"({', '.join(str(v) for v in row)})" for row in values)


def script(programs, accounts):
    """Programs are numbered from 1; account n of the university has the key a<n>."""
    numbers = range(1, programs + 1)
    people = range(1, accounts + 1)
    token = hashlib.sha256(TOKEN.encode()).hexdigest()
    yield "INSERT INTO catalog_organization (id, key, name) VALUES (1, 'HillsU', 'Hills')"
    yield ("INSERT INTO saml_provider (organization_id, position, slug, enabled) "
           "VALUES (1, 0, 'hills', TRUE)")
    yield ("INSERT INTO program (id, uuid, title, type, marketing_slug, is_empty, next_number) "
           "VALUES " + rows((i, f"'{program_uuid(i)}'", "''", "''", "''", "FALSE", 1)
                            for i in numbers))
    yield ("INSERT INTO program_owner (program_id, position, organization_key) VALUES "
           + rows((i, 0, "'HillsU'") for i in numbers))
    yield ("INSERT INTO program_course_run (program_id, curriculum, course, position, key, title, "
           "parsed) VALUES " + rows((i, -1, 0, 0, f"'{RUN}'", "''", f"'{RUN}'") for i in numbers))
    yield f"INSERT INTO course_overview (id, key, display_name) VALUES (1, '{RUN}', '')"
    yield ("INSERT INTO token (hash, account_id, kind, created_at, expires_at) "
           f"VALUES ('{token}', 1, 3, 0, 9000000000000000000)")
    if accounts == 0:
        return
    yield ("INSERT INTO account (id, username, token_serial, is_staff, is_superuser, is_active, "
           "created_at, updated_at) VALUES "
           + rows((1000 + i, f"'a{i}'", 0, "FALSE", "FALSE", "TRUE", 0, 0) for i in people))
    yield ("INSERT INTO social_auth (id, account_id, provider, uid) VALUES "
           + rows((i, 1000 + i, "'tpa-saml'", f"'hills:a{i}'") for i in people))


def execute(site, statements):
    """Runs statements beside the server, in one transaction."""
    text = "BEGIN;\n" + ";\n".join(statements) + ";\nCOMMIT;\n"
    if site.database:
        psql = shutil.which("psql") or "/usr/lib/postgresql/15/bin/psql"
        subprocess.run([psql, site.database.url, "-qX", "-v", "ON_ERROR_STOP=1", "-f", "-"],
                       input=text, text=True, check=True, capture_output=True)
        return
    db = sqlite3.connect(f"{site.data}/nestor.db")
    db.executescript(text)
    db.close()


def seed(site, programs=1, accounts=0):
    execute(site, script(programs, accounts))


def client(server):
    return Client(server.port, TOKEN, scheme="Bearer")


def pages(caller, path, size=100):
    """Rows of a list, page after page by `next`."""
    path = f"{path}?page_size={size}"
    while path:
        page = caller.expect(200, "GET", path).json()
        yield from page["results"]
        path = page["next"] and "/" + page["next"].split("/", 3)[3]
