"""A university for tests at scale of the program enrollments API: programs with one
run in common, learners with and without an account, a caller who may do
everything. It is loaded before the server starts.
"""
import json
import os
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


def document(programs=1, accounts=0, learners=0):
    """What `nestor load` takes. Programs are numbered from 1, as a new database numbers
    them; account n has the key a<n>; the first program has the learners, without account."""
    people = [f"a{i}" for i in range(1, accounts + 1)]
    return {
        "users": [{"username": "registrar", "is_staff": True, "token": TOKEN}]
                 + [{"username": name} for name in people],
        "organizations": [{"key": "HillsU", "saml_slug": "hills"}],
        "social_auth": [{"username": name, "uid": f"hills:{name}"} for name in people],
        "programs": [{"uuid": program_uuid(i), "authoring_organizations": ["HillsU"],
                      "courses": [{"key": "HillsU+MAP1", "course_runs": [RUN]}]}
                     for i in range(1, programs + 1)],
        "program_enrollments": [{"program": program_uuid(1), **p_record(f"learner{i}")}
                                for i in range(1, learners + 1)],
    }


def load(site, name, content):
    path = os.path.join(site.data, name)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(content, f)
    subprocess.run([site.nestor, "load", *site.where(), path], check=True,
                   stdout=subprocess.DEVNULL)


def seed(site, *sizes):
    """Sizes are those of the document."""
    load(site, "university.json", document(*sizes))


def client(server):
    return Client(server.port, TOKEN, scheme="Bearer")


def pages(caller, path, size=100):
    """Rows of a list, page after page by `next`."""
    path = f"{path}?page_size={size}"
    while path:
        page = caller.expect(200, "GET", path).json()
        yield from page["results"]
        path = page["next"] and "/" + page["next"].split("/", 3)[3]
