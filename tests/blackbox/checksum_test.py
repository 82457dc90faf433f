#!/usr/bin/env python3
"""Checksums compared with Python, in whose words they are defined: V415 to V417 of the
contract once more, with Python's own repr, json and hashlib, over random resources.

Usage: checksum_test.py PROBE [--count N] [--seed N]
"""
# rows: V409 V410 V411 V412 V413 V414 V415 V416 V417
import argparse
import hashlib
import json
import random
import struct
import subprocess
import sys
import urllib.parse

LOCALIZED = ["locale", "locale_preferred", "{}", "{}_type", "external_id", "retired"]
NAME = [member.format("name") for member in LOCALIZED]
DESCRIPTION = [member.format("description") for member in LOCALIZED]
MEANING = ["map_type", "from_concept_code", "to_concept_code", "from_concept_name",
           "to_concept_name", "retired"]
# What a kind has in its standard checksum, and in its smart one (V409 to V414).
FIELDS = {
    "concept": (["concept_class", "datatype", "retired", "external_id", "extras", "names",
                 "descriptions", "parent_concept_urls", "child_concept_urls"],
                ["concept_class", "datatype", "retired", "names"]),
    "mapping": (MEANING + ["sort_weight", "from_source_url", "to_source_url",
                           "from_source_version", "to_source_version", "extras", "external_id"],
                MEANING),
    "source": (["canonical_url", "custom_validation_schema", "default_locale",
                "hierarchy_meaning", "supported_locales", "website", "extras"],
               ["canonical_url", "custom_validation_schema", "default_locale", "released",
                "retired"]),
    "collection": (["collection_type", "canonical_url", "custom_validation_schema",
                    "default_locale", "supported_locales", "website", "extras"],
                   ["collection_type", "canonical_url", "custom_validation_schema",
                    "default_locale", "released", "retired"]),
    "organization": (["name", "company", "location", "website", "extras"],
                     ["name", "company", "location", "website"]),
    "user": (["first_name", "last_name", "username", "company", "location", "website",
              "preferred_locale", "extras"],
             ["first_name", "last_name", "username", "company", "location"]),
}


# ---- The contract in Python ----

def as_stored(value):
    """Members of objects in the order in which jsonb has them."""
    if isinstance(value, list):
        return [as_stored(item) for item in value]
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: (len(encode(name)), encode(name)))
        return {name: as_stored(value[name]) for name in names}
    return value


def encode(text):
    return text.encode("utf-8", "surrogatepass")


def whole(value):
    is_whole = isinstance(value, float) and value.is_integer()
    return int(value) if is_whole else value


def localized(members, value):
    return {m: whole(as_stored(value[m])) for m in members if value.get(m)}


def is_fully_specified(name):
    kind = name.get("name_type")
    if not isinstance(kind, str):
        return False
    return "".join(c for c in kind if c not in " -_").lower() == "fullyspecified"


def mapping_end(end, value):
    """Code, source and version of one end (V415, 1; V416, 7)."""
    code, source, version, url = (value.get(f"{end}_{m}") or None for m in (
        "concept_code", "source_url", "source_version", "concept_url"))
    if url:
        place, _, rest = url.partition("/concepts/")
        if not source:
            source = place + "/"
            if source.count("/") == 6:
                source, version = place, ""
        if not code and "/concepts/" in url:
            code = rest.partition("/")[0]
    if code:
        code = urllib.parse.unquote_plus(code)
    made = {"concept_code": code, "source_url": source, "source_version": version}
    return {f"{end}_{m}": v for m, v in made.items() if v is not None}


def prepare(kind, scope, value):
    out = {}
    derived = {}
    if kind == "mapping":
        derived = {**mapping_end("from", value), **mapping_end("to", value)}
    for member in FIELDS[kind][scope == "smart"]:
        found = value.get(member)
        if member == "names":
            found = [localized(NAME, name) for name in found or []
                     if scope == "standard" or is_fully_specified(name)]
        elif member == "descriptions":
            found = [localized(DESCRIPTION, text) for text in found or []]
        elif member.startswith(("from_", "to_")) and not member.endswith("_name"):
            if member in derived:
                out[member] = derived[member]
            continue
        if member == "released":
            found = found or False
        elif not found:
            continue
        if member == "extras" and isinstance(found, dict):
            found = {k: v for k, v in found.items() if not k.startswith("__")}
        out[member] = found if member in ("names", "descriptions") else whole(as_stored(found))
    return out


def sort_key(item):
    """Numbers in front of texts, which Python would not compare with them."""
    if isinstance(item, (bool, int, float)):
        return (0, item, "")
    return (1, 0, item if isinstance(item, str) else str(item))


def serialize(value):
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, list):
        return "[" + ",".join(serialize(item) for item in sorted(value, key=sort_key)) + "]"
    if isinstance(value, dict):
        names = sorted(value)
        values = "".join(serialize(value[name]) + "," for name in names)
        return "{" + json.dumps(names) + values + "}"
    return json.dumps(value)


def expect(kind, scope, text):
    """The line that the probe should answer."""
    value = json.loads(text)
    made = as_stored(value) if kind == "-" else prepare(kind, scope, value)
    line = serialize(made)
    return hashlib.md5(line.encode()).hexdigest() + " " + line


# ---- Random resources ----

ALPHABETS = [
    "abcABC 019", "'", "\"", "'\"", "\\/\t\n\r\b\f\0\x01\x1f\x7f", "é\xa0\xad\x80\xff",
    "Ω中文한\u200b\u2028\u2029\u3000\ufeff\ufffd\uffff\ue000\u0378", "😀𝔘\U000e0001\U0010ffff\U000f0000",
    "\u0301\u0600\u061c\u180e\ud7ff", "%+ 20Cc3A9FfEe",
]


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def text(self):
        letters = "".join(self.r.sample(ALPHABETS, self.r.randint(1, 3)))
        return "".join(self.r.choices(letters, k=self.r.choice([0, 1, 2, 3, 5, 12])))

    def number(self):
        bits = struct.unpack("<d", self.r.randbytes(8))[0]
        return self.r.choice([
            0, 1, -1, 7, 10, 2 ** 53 + 1, -(2 ** 64), 10 ** 25 + self.r.randint(0, 9), 0.0, -0.0,
            1.0, 2.5, -3.0, 0.1, 1e15, 1e16, 123456789012345680.0, 1e-4, 1e-5, 5e-324, 1e308,
            float(self.r.randint(-9, 9)), self.r.random(), self.r.gauss(0, 1e9),
            2.0 ** self.r.randint(-1074, 1023),
            bits if bits == bits and abs(bits) != float("inf") else 0.5])

    def scalar(self):
        return self.r.choice([None, True, False, "", self.text(), self.text(), self.number()])

    def value(self, depth=3):
        kind = self.r.random()
        if depth == 0 or kind < 0.5:
            return self.scalar()
        if kind < 0.75:
            one = self.r.choice([self.text, self.number, lambda: self.value(depth - 1)])
            return [one() for _ in range(self.r.choice([0, 1, 1, 2, 3, 5]))]
        return {self.r.choice([self.text(), "a", "b", "ab", "__x"]): self.value(depth - 1)
                for _ in range(self.r.choice([0, 1, 2, 4]))}

    def some(self, members):
        return {m: self.scalar() for m in members if self.r.random() < 0.7}

    def localized(self, members, kinds):
        made = self.some(members + ["uuid", "type"])
        kind = [m for m in members if m.endswith("_type")][0]
        if self.r.random() < 0.7:
            made[kind] = self.r.choice(kinds)
        return made

    def url(self):
        return self.r.choice([
            "/orgs/O/sources/S/concepts/A/", "/orgs/O/sources/S/v1/concepts/A%20B/",
            "/users/u/sources/S/concepts/%C3%A9+x/3/", "/orgs/O/sources/S/concepts/A",
            "/orgs/O/sources/S/", "/orgs/O/sources/S/concepts//", "/concepts/", "x", ""])

    def concept(self):
        made = self.some(FIELDS["concept"][0])
        types = ["FULLY_SPECIFIED", "Fully Specified", "fully-specified", "Fully  specifiedly",
                 "FullySpecified", "Short", None, 7]
        made["extras"] = self.r.choice([self.value(), {m: self.value() for m in "ab_"}, {"__a": 1}])
        made["names"] = [self.localized(NAME, types) for _ in range(self.r.choice([0, 1, 2, 4]))]
        made["descriptions"] = [self.localized(DESCRIPTION, ["Definition", None])
                                for _ in range(self.r.choice([0, 1, 2]))]
        for urls in ("parent_concept_urls", "child_concept_urls"):
            made[urls] = self.r.choice([None, [], [self.url()], [self.url(), self.url()]])
        return made

    def mapping(self):
        made = self.some(FIELDS["mapping"][0])
        for end in "from", "to":
            for member in "concept_code", "source_url", "source_version", "concept_url":
                made.pop(f"{end}_{member}", None)
            made[f"{end}_concept_code"] = self.r.choice([None, "", "A", "%41+b", self.text()])
            made[f"{end}_concept_url"] = self.r.choice([None, self.url(), self.url()])
            made[f"{end}_source_url"] = self.r.choice([None, "", "/orgs/O/sources/T/"])
            made[f"{end}_source_version"] = self.r.choice([None, "", "v2", self.text()])
        made["sort_weight"] = self.r.choice([None, 0, 0.0, 2.0, 2.5, self.number()])
        return made

    def resource(self, kind):
        if kind == "-":
            return self.value(4)
        if kind in ("concept", "mapping"):
            return getattr(self, kind)()
        made = self.some(FIELDS[kind][0] + FIELDS[kind][1] + ["source_type", "is_active", "id"])
        made["extras"] = self.value()
        if "supported_locales" in FIELDS[kind][0]:
            made["supported_locales"] = self.r.choice([None, ["en"], ["fr", "en", self.text()]])
        return made

    def json(self, value):
        """value as text, numbers sometimes in other words."""
        text = json.dumps(value, ensure_ascii=self.r.random() < 0.5)
        return self.r.choice([text, text.replace("e-05", "E-5").replace("e+16", "E16")])


def ask(probe, lines):
    done = subprocess.run([probe], input="\n".join(lines) + "\n", capture_output=True, text=True,
                          check=False, errors="surrogateescape")
    if done.returncode != 0:
        sys.exit(f"the probe ended with {done.returncode}: {done.stderr}")
    return done.stdout.split("\n")[:-1]


FIXED = [
    ("-", "[-0, 0, -0.0, 1E2, 1e400, -1e400, 1.0E-7, 100000000000000000000000]"),
    ("-", "[[1]]"), ("-", "[[]]"), ("-", "[[[1]], [2, 1]]"), ("-", "{\"a\":1,\"a\":2}"),
    ("-", "[\"\\ud800\", \"\\udfff\", [\"\\ud800'\"], \"\\ue000\", \"\\U\"]".replace("\\U", "\\uffff")),
    ("-", "[true, 1, 1.0, false, 0, \"1\"]"),
    ("mapping", "{\"to_concept_code\": \"%ff%C3%28%E2%82%F0%9F%98%80%ED%A0%80%zz%\"}"),
    ("concept", "{\"extras\": {\"__a\": 1}}"), ("concept", "{}"),
    ("concept", "{\"extras\": [{\"bb\": 1, \"a\": [{\"c\": 1}]}, {\"bb\": 1, \"a\": [{\"b\": 2}]}]}"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("probe")
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    maker = Maker(chosen.seed)
    asked = [(kind, scope, text) for kind, text in FIXED for scope in ("standard", "smart")]
    for i in range(chosen.count):
        kind = [*FIELDS, "concept", "mapping", "-"][i % 9]
        value = maker.resource(kind)
        if isinstance(value, list):  # the checksum of a list of resources is another matter
            value = {"list": value}
        asked.append((kind, ("standard", "smart")[i // 9 % 2], maker.json(value)))
    failed = 0
    answers = ask(chosen.probe, [" ".join(one) for one in asked])
    for one, answer in zip(asked, answers, strict=True):
        expected = expect(*one)
        if one[0] == "-" and one[2].startswith("["):
            expected, answer = expected.split(" ", 1)[1], answer.split(" ", 1)[1]
        if answer != expected:
            failed += 1
            print("FAIL " + " ".join(one), f"  expected {expected}", f"  answer   {answer}",
                  sep="\n")
    print(f"{len(asked) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
