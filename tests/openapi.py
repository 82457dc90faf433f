"""What /openapi.json says, as tests ask it: operations, their parameters, bodies that fit a
schema, and whether an answer is one that the document knows.
"""
import functools
import http.client
import itertools
import json
import re
import threading
from dataclasses import dataclass

import jsonschema

METHODS = ("get", "post", "put", "patch", "delete")
# Texts that a pattern or a format may want; {} is a number that was not used before.
SAMPLES = ("n{}", "e{}@example.org", "https://example.org/{}", "2030-01-01T00:00:00Z",
           "course-v1:Made+Up+{}", "00000000-0000-4000-8000-{:012}", "0")
BY_FORMAT = {"email": 1, "uri": 2, "date-time": 3, "uuid": 5}


def closed(schema):
    """The schema, but a member that it does not name is a fault."""
    if isinstance(schema, list):
        return [closed(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    tight = {k: closed(v) for k, v in schema.items()}
    if isinstance(tight.get("properties"), dict) and tight.get("type") == "object":
        tight.setdefault("additionalProperties", False)
    return tight


@dataclass
class Answer:
    """What `unfit` looks at; any object with these will do."""
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Operation:
    """One method of one path."""

    def __init__(self, document, path, method):
        self.path, self.method = path, method
        self.spec = document.root["paths"][path][method]
        self.responses = {status: document.resolve(r)
                          for status, r in self.spec["responses"].items()}
        self.switches = [p for p in self.spec.get("parameters", []) if p["in"] == "query"]
        self.variables = re.findall(r"\{(\w+)\}", path)
        self.bodies = self.spec.get("requestBody", {}).get("content", {})
        self.wants_body = self.spec.get("requestBody", {}).get("required", False)
        segments = path.split("/")
        self.order = [s.startswith("{") for s in segments]  # names come before variables
        self.pattern = re.compile("/".join(r"[^/]+" if s.startswith("{") else re.escape(s)
                                           for s in segments))

    def __str__(self):
        return f"{self.method.upper()} {self.path}"

    def credentials(self):
        """Names of schemes, any of which will do; "" where nothing is needed."""
        return {name for one in self.spec["security"] for name in (one or {"": []})}

    def successes(self):
        return {status for status in self.responses if status.startswith("2")}


@functools.lru_cache(maxsize=4)
def document_of(text):
    """Servers of one program say the same: it is read once."""
    return Document(json.loads(text))


class Document:
    """The description of a running server, parsed."""

    def __init__(self, root):
        self.root = root
        self.components = closed(self.root["components"])
        self.operations = [Operation(self, path, method)
                           for path, item in sorted(self.root["paths"].items())
                           for method in METHODS if method in item]
        self.validators = {}
        self.known = set()
        self.numbers = itertools.count(1000)
        self.lock = threading.Lock()

    def resolve(self, schema):
        while "$ref" in schema:
            at = self.root
            for name in schema["$ref"].lstrip("#/").split("/"):
                at = at[name]
            schema = at
        return schema

    def operations_of(self, path):
        """Those of the path that a request is for, by method. A path of names stands before
        one of variables, whatever its methods."""
        found = [o for o in self.operations if o.pattern.fullmatch(path)]
        best = min((o.order for o in found), default=None)
        return {o.method.upper(): o for o in found if o.order == best}

    # ---- Answers ----

    def unfit(self, operation, answer, is_head=False):
        """Why the answer is none that the document knows; None: it is one."""
        response = operation.responses.get(str(answer.status))
        if response is None:
            return f"{answer.status} is not documented"
        for name, header in response.get("headers", {}).items():
            value = answer.headers[name]
            if value is None:
                if header.get("required"):
                    return f"the header {name} is missing"
            elif header["schema"].get("type") == "integer" and not value.isdigit():
                return f"the header {name} is no number: {value}"
        if is_head:
            return f"HEAD has a body: {answer}" if answer.body else None
        return self.unfit_body(operation, answer, response.get("content"))

    def unfit_body(self, operation, answer, content):
        if not content:
            return f"a body where none is documented: {answer}" if answer.body else None
        if not answer.body and str(answer.status) == "403" and operation.path.endswith("/export/"):
            return None  # V617: of who may see the source; who may not hears what the face says
        media = (answer.headers["Content-Type"] or "").partition(";")[0]
        if not content.keys() & {media, media.partition("/")[0] + "/*"}:
            return f"Content-Type {media!r} is not documented: {answer}"
        key = (operation.path, operation.method, answer.status, answer.body)
        if not media.endswith(("/json", "+json")) or key in self.known:
            return None
        try:
            value = json.loads(answer.body)
        except ValueError as e:
            return f"no JSON ({e}): {answer}"
        fault = jsonschema.exceptions.best_match(
            self.validator(operation, answer.status, content[media]["schema"]).iter_errors(value))
        if fault:
            place = "/".join(str(p) for p in fault.absolute_path)
            return f"{answer.status} at /{place}: {fault.message[-120:]}"
        self.known.add(key)
        return None

    def whole(self, schema):
        """A schema that adds members to others, as one: `closed` lets in no other."""
        if "anyOf" in schema:
            return {"anyOf": [self.whole(part) for part in schema["anyOf"]]}
        parts = [self.resolve(part) for part in schema.get("allOf", ())]
        return {"type": "object", "required": [n for p in parts for n in p.get("required", ())],
                "properties": {n: v for p in parts for n, v in p["properties"].items()}
                } if parts else schema

    def validator(self, operation, status, schema):
        key = (operation.path, operation.method, status)
        schema = self.whole(schema)
        if key not in self.validators:
            self.validators[key] = jsonschema.Draft202012Validator(
                {"allOf": [closed(schema)], "components": self.components})
        return self.validators[key]

    # ---- Requests ----

    def example(self, schema, is_whole, values, name=None):
        """A value that fits: its smallest, or with every member that there may be. A member
        in `values` has that value."""
        schema = self.resolve(schema)
        for several in ("oneOf", "anyOf"):
            if several in schema:
                return self.example(schema[several][0], is_whole, values, name)
        if "examples" in schema:
            return schema["examples"][0]
        if "const" in schema or "enum" in schema:
            return schema["const"] if "const" in schema else schema["enum"][0]
        kinds = schema.get("type", "object")
        kind = kinds if isinstance(kinds, str) else [k for k in kinds if k != "null"][0]
        if kind in ("string", "integer", "array", "object") and name in values:
            return values[name]
        return self.of_kind(kind, schema, is_whole, values)

    def of_kind(self, kind, schema, is_whole, values):
        if kind == "object":
            wanted = schema.get("properties", {}) if is_whole else schema.get("required", ())
            return {n: self.example(schema["properties"][n], is_whole, values, n)
                    for n in wanted}
        if kind == "array":
            count = max(schema.get("minItems", 0), 1 if is_whole else 0)
            return [self.example(schema.get("items", {"type": "string"}), is_whole, values)
                    for _ in range(count)]
        if kind == "string":
            return self.text(schema)
        return {"boolean": True, "null": None}.get(kind, schema.get("minimum", 1))

    def text(self, schema):
        with self.lock:
            number = next(self.numbers)
        first = SAMPLES[BY_FORMAT.get(schema.get("format"), 0)]
        for sample in (first, *SAMPLES):
            if re.search(schema.get("pattern", ""), sample.format(number)):
                return sample.format(number)
        raise AssertionError(f"no sample fits {schema}")
