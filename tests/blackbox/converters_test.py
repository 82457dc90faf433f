"""tools/iso-codes and tools/wordnet seen from outside: what they write, that
they write it twice alike, and how they refuse. A converter whose data package
is not installed is skipped, and the skip is printed.

Usage: converters_test.py [--nestor PATH] [case ...]. The path is ignored: every
black-box test is given it. Ends with the totals; exit status 1 when a case failed.
"""
import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from functools import lru_cache

TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools")
ISO = "iso-codes"
WORDNET = "wordnet"
DATA = {ISO: "/usr/share/iso-codes/json", WORDNET: "/usr/share/wordnet"}
SENTINEL = {ISO: "iso_3166-1.json", WORDNET: "data.noun"}
PACKAGE = {ISO: "iso-codes", WORDNET: "wordnet-base"}
ID = re.compile(r"[a-zA-Z0-9\-.]+")
LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
PATIENCE = 120       # seconds; only a broken converter makes anybody wait so long
WORDNET_MEMORY = 48  # MB of address space; the output alone is 53 MB
CASES = []


class Skip(Exception):
    """The case needs a package that is not here."""


def case(f):
    CASES.append(f)
    return f


def equal(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def need(tool):
    if not os.path.exists(os.path.join(DATA[tool], SENTINEL[tool])):
        raise Skip(f"package {PACKAGE[tool]} is not installed")


def run(tool, *arguments):
    return subprocess.run([os.path.join(TOOLS, tool), *arguments], capture_output=True,
                          encoding="utf-8", timeout=PATIENCE, check=False)


def lines_of(tool, *arguments):
    need(tool)
    p = run(tool, *arguments)
    equal((p.returncode, p.stderr), (0, ""))
    assert p.stdout.endswith("\n")
    return [json.loads(line) for line in p.stdout.split("\n")[:-1]]


@lru_cache(maxsize=None)
def full(tool):
    return lines_of(tool)


def concepts(tool, source=None):
    return [x for x in full(tool)
            if x["type"] == "Concept" and (source is None or x["source"] == source)]


def by_id(tool, source):
    return {x["id"]: x for x in concepts(tool, source)}


def check_ids(tool):
    seen = set()
    for x in full(tool):
        assert ID.fullmatch(x["id"]), x
        key = (x["type"], x.get("source"), x["id"].lower())
        assert key not in seen, f"twice: {key}"
        seen.add(key)


def check_names(tool):
    locales = {x["id"]: x["supported_locales"] for x in full(tool) if x["type"] == "Source"}
    for x in concepts(tool):
        pairs = [(n["name"], n["locale"]) for n in x["names"]]
        equal((x["id"], len(pairs)), (x["id"], len(set(pairs))))
        for name, locale in pairs:
            assert name and name == name.strip(), (x["id"], name)
            assert LOCALE.fullmatch(locale) and locale in locales[x["source"]], (x["id"], locale)
        preferred = [n for n in x["names"] if n.get("locale_preferred")]
        equal(preferred, x["names"][:1])
        equal((preferred[0]["locale"], preferred[0]["name_type"]), ("en", "FULLY_SPECIFIED"))


def check_shape(tool, owner):
    """Every line has what its type needs, and nothing is named before it exists."""
    wanted = {"Organization": {"name", "website"},
              "Source": {"name", "full_name", "source_type", "default_locale",
                         "supported_locales", "public_access", "description", "website"},
              "Concept": {"source", "concept_class", "datatype", "names", "extras"},
              "Source Version": {"source", "description", "released"}}
    sources = set()
    for x in full(tool):
        missing = wanted[x["type"]] - set(x)
        assert not missing, (x["id"], missing)
        if x["type"] == "Organization":
            equal(x["id"], owner)
            continue
        equal((x["owner"], x["owner_type"]), (owner, "Organization"))
        if x["type"] == "Source":
            sources.add(x["id"])
            equal(x["supported_locales"][0], x["default_locale"])
            equal(x["supported_locales"][1:], sorted(set(x["supported_locales"][1:])))
        else:
            assert x["source"] in sources, x["id"]


def check_twice_alike(tool):
    need(tool)
    digests = set()
    for seed in ("1", "2"):  # sets and dictionaries of strings vary with the hash seed
        p = subprocess.run([os.path.join(TOOLS, tool)], capture_output=True, timeout=PATIENCE,
                           check=True, env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": "C"})
        digests.add(hashlib.sha256(p.stdout).hexdigest())
    equal(len(digests), 1)


def check_output(tool, *arguments):
    need(tool)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.jsonl")
        p = run(tool, *arguments, "--output", path)
        equal((p.returncode, p.stdout, p.stderr), (0, "", ""))
        with open(path, encoding="utf-8") as f:
            equal(f.read() == run(tool, *arguments).stdout, True)
        p = run(tool, *arguments, "--output", os.path.join(folder, "no", "out"))
        equal((p.returncode, p.stderr.count("\n")), (1, 1))
        assert p.stderr.startswith(f"{tool}: ") and "out" in p.stderr, p.stderr


def check_help(tool):
    p = run(tool, "--help")
    equal((p.returncode, p.stderr), (0, ""))
    for part in ("usage:", "--output", "examples:", f"tools/{tool} ", "exit status: 0"):
        assert part in p.stdout, part


def check_wrong_use(tool, *wrong):
    for arguments in (["--nonsense"], ["surplus"], ["--output"], ["--release", "a b"],
                      ["--release", ""], *wrong):
        p = run(tool, *arguments)
        equal((arguments, p.returncode, p.stdout), (arguments, 2, ""))
        assert "usage:" in p.stderr, p.stderr


def check_missing(tool):
    """No data: a sentence names the package, and an older output stays."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "old.jsonl")
        with open(path, "w", encoding="utf-8") as f:
            f.write("old")
        p = run(tool, "--data", os.path.join(folder, "nowhere"), "--output", path)
        equal((p.returncode, p.stdout), (1, ""))
        assert f"package {PACKAGE[tool]}" in p.stderr and "Traceback" not in p.stderr, p.stderr
        with open(path, encoding="utf-8") as f:
            equal(f.read(), "old")


def check_damaged(tool, file, text):
    need(tool)
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "data")
        shutil.copytree(DATA[tool], copy)
        with open(os.path.join(copy, file), "w", encoding="utf-8") as f:
            f.write(text)
        p = run(tool, "--data", copy)
        equal(p.returncode, 1)
        assert file in p.stderr and "Traceback" not in p.stderr, p.stderr


def check_reader_leaves(tool):
    need(tool)
    p = subprocess.Popen([os.path.join(TOOLS, tool)], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    assert p.stdout.readline().startswith(b'{"type":"Organization"')
    p.stdout.close()
    error = p.stderr.read()
    p.stderr.close()
    equal((p.wait(PATIENCE), error), (1, b""))


@case
def iso_counts():
    need(ISO)
    found = Counter(x["source"] for x in concepts(ISO))
    for source, key in (("iso-639-2", "639-2"), ("iso-639-3", "639-3"), ("iso-639-5", "639-5"),
                        ("iso-3166-1", "3166-1"), ("iso-3166-2", "3166-2"),
                        ("iso-3166-3", "3166-3"), ("iso-4217", "4217"), ("iso-15924", "15924")):
        with open(os.path.join(DATA[ISO], f"iso_{key}.json"), encoding="utf-8") as f:
            equal((source, found.pop(source)), (source, len(json.load(f)[key])))
    equal(dict(found), {})
    equal(len(concepts(ISO, "iso-3166-1")), 249)
    print(f"   {len(concepts(ISO))} concepts, {sum(len(x['names']) for x in concepts(ISO))} names")


@case
def iso_ids():
    check_ids(ISO)


@case
def iso_shape():
    check_shape(ISO, "ISO")
    equal({x["concept_class"] for x in concepts(ISO)},
          {"Language", "Country", "Subdivision", "Currency", "Script"})
    equal({x["datatype"] for x in concepts(ISO)}, {"N/A"})


@case
def iso_names():
    check_names(ISO)


@case
def iso_country():
    germany = by_id(ISO, "iso-3166-1")["DE"]
    equal(germany["names"][:2], [{"name": "Germany", "locale": "en", "locale_preferred": True,
                                  "name_type": "FULLY_SPECIFIED"},
                                 {"name": "Federal Republic of Germany", "locale": "en"}])
    equal(germany["external_id"], "276")
    equal({k: germany["extras"][k] for k in ("alpha_3", "numeric")},
          {"alpha_3": "DEU", "numeric": "276"})
    translated = {n["locale"]: n["name"] for n in germany["names"][2:]}
    equal([translated[x] for x in ("de", "fr", "pt-BR", "zh-CN", "sr-Latn")],
          ["Deutschland", "Allemagne", "Alemanha", "德国", "Nemačka"])
    equal(list(translated), sorted(translated))


@case
def iso_translation_spelt_like_english():
    """An entry that repeats the English name is a name; a missing entry is none."""
    angola = {n["locale"] for n in by_id(ISO, "iso-3166-1")["AO"]["names"]
              if n["name"] == "Angola"}
    assert {"en", "de", "it"} <= angola, angola
    german = [x for x in concepts(ISO, "iso-639-3")
              if any(n["locale"] == "de" for n in x["names"])]
    assert 0 < len(german) < len(concepts(ISO, "iso-639-3"))


@case
def iso_subdivisions():
    """Parents are whole ids in the same source, also where the data shortens them."""
    places, countries = by_id(ISO, "iso-3166-2"), by_id(ISO, "iso-3166-1")
    for x in places.values():
        assert x["extras"]["country"] in countries, x["id"]
        if "parent" in x["extras"]:
            equal(places[x["extras"]["parent"]]["extras"]["country"], x["extras"]["country"])
    equal(places["AZ-BAB"]["extras"], {"type": "Rayon", "country": "AZ", "parent": "AZ-NX"})
    equal(places["GB-ABE"]["extras"]["parent"], "GB-SCT")
    # Debian 12 has iso-codes 4.15, Debian 13 has 4.18.
    assert sum("parent" in x["extras"] for x in places.values()) in (1412, 1456)


@case
def iso_versions():
    """One released version per source, after everything else."""
    sources = [x["id"] for x in full(ISO) if x["type"] == "Source"]
    last = full(ISO)[-len(sources):]
    equal([(x["type"], x["source"], x["released"]) for x in last],
          [("Source Version", s, True) for s in sources])
    equal(len({x["id"] for x in last}), 1)
    equal({x["id"] for x in lines_of(ISO, "--release", "7.x-1")[-len(sources):]}, {"7.x-1"})


@case
def iso_version_of_copied_data():
    """Data from elsewhere is dated by its newest file, not by the package."""
    need(ISO)
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "json")
        shutil.copytree(DATA[ISO], copy)
        for name in os.listdir(copy):
            os.utime(os.path.join(copy, name), (86400, 86400))
        os.utime(os.path.join(copy, "iso_4217.json"), (1682553600, 1682553600))
        equal(lines_of(ISO, "--data", copy)[-1]["id"], "2023.04.27")


@case
def iso_without_translations():
    need(ISO)
    p = run(ISO, "--locale-dir", "/nonexistent")
    equal(p.returncode, 0)
    assert "English names only" in p.stderr, p.stderr
    locales = {n["locale"] for line in p.stdout.splitlines()
               for n in json.loads(line).get("names", ())}
    equal(locales, {"en"})


@case
def iso_twice_alike():
    check_twice_alike(ISO)


@case
def iso_output():
    check_output(ISO)


@case
def iso_help():
    check_help(ISO)


@case
def iso_wrong_use():
    check_wrong_use(ISO)


@case
def iso_missing_data():
    check_missing(ISO)


@case
def iso_damaged_data():
    check_damaged(ISO, "iso_4217.json", '{"4217": [')


@case
def iso_reader_leaves():
    check_reader_leaves(ISO)


@case
def wordnet_counts():
    need(WORDNET)
    equal(len(concepts(WORDNET)), 117659)
    equal(Counter(x["concept_class"] for x in concepts(WORDNET)),
          {"Noun": 82115, "Verb": 13767, "Adjective": 18156, "Adverb": 3621})


@case
def wordnet_ids():
    check_ids(WORDNET)
    for x in concepts(WORDNET):
        assert re.fullmatch(r"[nvar]\d{8}", x["id"]), x["id"]


@case
def wordnet_shape():
    check_shape(WORDNET, "Princeton")
    equal(Counter(x["type"] for x in full(WORDNET)),
          {"Organization": 1, "Source": 1, "Concept": 117659})
    for x in concepts(WORDNET):
        text = x["descriptions"][0]["description"]
        assert text and text == text.strip(), x["id"]


@case
def wordnet_names():
    check_names(WORDNET)
    for x in concepts(WORDNET):
        for n in x["names"]:
            assert not re.search(r"_|\((a|p|ip)\)", n["name"]), (x["id"], n)


@case
def wordnet_synsets():
    found = by_id(WORDNET, "wordnet")
    entity = found["n00001740"]
    equal((entity["names"][0]["name"], entity["extras"]), ("entity", {"lexname": "noun.Tops"}))
    abstraction = found["n00002137"]
    equal([n["name"] for n in abstraction["names"]], ["abstraction", "abstract entity"])
    equal(abstraction["extras"]["hypernyms"], ["n00001740"])
    equal(found["v00002325"]["extras"],
          {"lexname": "verb.body", "hypernyms": ["v02108395"]})
    equal([n["name"] for n in found["a00014358"]["names"]], ["abounding", "galore"])
    equal(found["a00014358"]["descriptions"],
          [{"description": 'existing in abundance; "abounding confidence"; "whiskey galore"',
            "locale": "en"}])


@case
def wordnet_hypernyms():
    found = by_id(WORDNET, "wordnet")
    for x in found.values():
        for above in x["extras"].get("hypernyms", ()):
            assert above in found and above[0] == x["id"][0], (x["id"], above)
    # "@" and "@i" of data.noun and data.verb, counted with grep
    equal(sum(len(x["extras"].get("hypernyms", ())) for x in found.values()), 97666)


@case
def wordnet_limit():
    for limit in (1, 2, 1000):
        equal(lines_of(WORDNET, "--limit", str(limit)), full(WORDNET)[:2 + limit])


@case
def wordnet_release():
    got = lines_of(WORDNET, "--limit", "2", "--release", "3.0")
    equal(got[:4], full(WORDNET)[:4])
    equal(got[4:], [{"type": "Source Version", "owner": "Princeton",
                     "owner_type": "Organization", "source": "wordnet", "id": "3.0",
                     "description": "WordNet 3.0", "released": True}])


@case
def wordnet_streams():
    """All of it in an address space smaller than what it would take to hold it.

    The limit is enforced, not measured afterwards: the peak that the kernel
    reports for a child counts the memory of this process, which it was forked from.
    """
    need(WORDNET)
    before = os.times()
    p = subprocess.run(["sh", "-c", f'ulimit -v {WORDNET_MEMORY * 1024} && exec "$0"',
                        os.path.join(TOOLS, WORDNET)], stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
    equal((p.returncode, p.stderr), (0, ""))
    after = os.times()
    cpu = after.children_user + after.children_system
    print(f"   {cpu - before.children_user - before.children_system:.1f} s of CPU")


@case
def wordnet_twice_alike():
    check_twice_alike(WORDNET)


@case
def wordnet_output():
    check_output(WORDNET, "--limit", "100")


@case
def wordnet_help():
    check_help(WORDNET)
    assert "--limit" in run(WORDNET, "--help").stdout


@case
def wordnet_wrong_use():
    check_wrong_use(WORDNET, ["--limit", "0"], ["--limit", "-1"], ["--limit", "many"])


@case
def wordnet_missing_data():
    check_missing(WORDNET)


@case
def wordnet_damaged_data():
    check_damaged(WORDNET, "data.noun", "00001740 03 n zz entity 0 000 | a thing\n")
    check_damaged(WORDNET, "data.noun", "00001740 03 n 01 entity 0 003 ~ 00001930 | a thing\n")


@case
def wordnet_reader_leaves():
    check_reader_leaves(WORDNET)


def verdict(f):
    try:
        f()
    except Skip as e:
        print(f"skip {f.__name__}: {e}", flush=True)
        return None
    except Exception as e:  # every failure is a verdict, whatever raised it
        print(f"FAIL {f.__name__}: {type(e).__name__}: {e}", flush=True)
        return False
    print(f"ok {f.__name__}", flush=True)
    return True


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--nestor", metavar="PATH", help="accepted and ignored")
    p.add_argument("case", nargs="*", help="names of the cases to run (default: all)")
    wanted = p.parse_args().case
    unknown = set(wanted) - {f.__name__ for f in CASES}
    if unknown:
        p.error(f"no such case: {', '.join(sorted(unknown))}")
    results = [verdict(f) for f in CASES if not wanted or f.__name__ in wanted]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 1 if False in results else 0


if __name__ == "__main__":
    sys.exit(main())
