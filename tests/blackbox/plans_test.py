"""No filter and no sort of concepts walks through all rows: the plans of the statements that a
request runs name the index that is meant for it, on 40,000 concepts of one source and 10 of
another; and pages behind row 10,000 are those that they should be. SQLite explains the
statements as they are prepared, PostgreSQL with values.

Usage: plans_test.py --nestor PATH
# rows: V332 V335 V338 V340
"""
import os
import re
import subprocess
import sqlite3
import sys

from support import PATIENCE, PSQL, Site, run_on_engines

ROWS = 40000
LINES = [
    {"type": "Source", "owner": "OCL", "id": "Large", "name": "Large"},
    {"type": "Source", "owner": "OCL", "id": "Small", "name": "Small"},
]

# One row in a thousand is of another class, language and so on: that is what is asked for.
FILL = """
INSERT INTO concept_version (repo_id, id, concept_id, mnemonic, rev_from, rev_to, concept_class,
  datatype, retired, names, display_name, display_locale, external_id, extras, created_at,
  version_created_at, version_created_by, terms)
WITH RECURSIVE n(i) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
SELECT CASE WHEN i % 4000 = 0 THEN {small} ELSE {large} END, 1000000 + 2 * i, 1000001 + 2 * i,
  'c' || i, 1, 9223372036854775807,
  CASE WHEN i % 1000 = 0 THEN 'Rare' ELSE 'Class ' || i % 20 END,
  CASE WHEN i % 1000 = 0 THEN 'Rare' ELSE 'N/A' END, i % 1000 = 0, '[]', 'Name ' || i, 'en',
  CASE WHEN i % 1000 = 0 THEN 'rare' || i END, '{{}}', 1000000 + i, 1000000 + i,
  CASE WHEN i % 1000 = 0 THEN {rare} ELSE {often} END,
  '\x1f' || CASE WHEN i % 1000 = 0 THEN 'd:rare' || '\x1f' || 'l:sw' || '\x1f' || 'n:rare'
                 ELSE 'l:en' || '\x1f' || 'n:' || i % 5 END || '\x1f'
FROM n"""

# A mapping of one concept in a thousand leads to another source than the others.
MAPPED = """
INSERT INTO mapping_version (repo_id, id, mapping_id, mnemonic, rev_from, rev_to, map_type,
  natural_key, from_source_url, from_concept_code, from_source_id, to_source_url, to_concept_code,
  to_source_id, retired, created_at, version_created_at)
SELECT repo_id, id + 1000000, concept_id + 1000000, mnemonic, 1, rev_to,
  CASE WHEN concept_class = 'Rare' THEN 'Rare' ELSE 'Same' END,
  mnemonic, '/orgs/OCL/sources/Large/', mnemonic, 0,
  CASE WHEN concept_class = 'Rare' THEN '/orgs/OCL/sources/rare/' ELSE '/orgs/OCL/sources/o/' END,
  'x', 0, FALSE, created_at, created_at
FROM concept_version WHERE id >= 1000000"""

COUNTED = """
UPDATE repo SET rev = 1, concepts = (SELECT count(*) FROM concept_version c WHERE c.repo_id = repo.id)"""

LARGE = "/v2/orgs/OCL/sources/Large/concepts/?includeRetired=true&"
VERSIONS = "/v2/orgs/OCL/sources/?allVersions=true"
EVERYWHERE = "/v2/concepts/?includeRetired=true&"
BY_NUMBER = (r"(concept_mnemonic|concept_version_pkey|concept_number|INTEGER PRIMARY KEY|"
             r"concept_order (\(repo_id=\? AND id|on .* AND \(id = ANY))")
IN_SOURCE = (
    ("conceptClass=rare", "concept_class"), ("conceptClass=ra*", "concept_class"),
    ("datatype=rare", "concept_datatype"), ("datatype=!n/a", "concept_datatype"),
    ("nameTypes=rare", "concept_terms"), ("updatedBy=rare", "concept_author"),
    ("retired=true", "concept_retired"), 
    ("targetRepo=rare", BY_NUMBER), ("externalId=rare1000", "concept_external"),
    ("targetRepoMapType=rare", BY_NUMBER),
    ("updatedSince=1970-01-01T00:00:01.039Z", "concept_(updated|newest)"),
)
SORTS = (("sortAsc=name", "concept_name"), ("sortDesc=name", "concept_name"),
         ("sortAsc=id", "concept_mnemonic"), ("sortDesc=id", "concept_mnemonic"),
         ("sortAsc=lastUpdate", "concept_(updated|newest)"),
         ("sortDesc=lastUpdate", "concept_(updated|newest)"))
# PostgreSQL has no statistics of a partial index: it may walk through all for externalId there.
IN_ALL = tuple(x for x in IN_SOURCE if x[1] not in ("concept_retired", "concept_external")) + (
    ("source=small", "concept_(order|mnemonic|retired|updated|name|version_pkey)"),)


class Plans:
    def __init__(self, site, engine):
        self.site, self.engine = site, engine
        self.repo = {name: number for name, number in
                     site.query("SELECT mnemonic, id FROM repo")}

    def value(self, sql, n, kind):
        """Something that the parameter could be."""
        if kind == "bigint":
            if re.search(rf"(LIMIT|OFFSET) \${n}\b", sql):
                return "26"
            return self.repo["Large"] if re.search(rf"repo_id = \${n}\b", sql) else "1039000"
        return {"boolean": "true"}.get(kind, "'rare'")

    def explain(self, sql):
        if self.engine == "sqlite":
            db = sqlite3.connect(os.path.join(self.site.data, "nestor.db"))
            count = max([int(n) for n in re.findall(r"\$(\d+)", sql)] or [0])
            text = re.sub(r"\$(\d+)", r"?\1", sql)
            plan = db.execute("EXPLAIN QUERY PLAN " + text, [None] * count).fetchall()
            db.close()
            return [row[3] for row in plan]
        kinds = self.psql(f"PREPARE p AS {sql}; SELECT unnest(parameter_types)::text "
                          "FROM pg_prepared_statements")
        values = ", ".join(self.value(sql, i + 1, k) for i, k in enumerate(kinds))
        return self.psql(f"PREPARE p AS {sql}; EXPLAIN EXECUTE p"
                         + (f"({values})" if values else ""))

    def psql(self, script):
        p = subprocess.run([PSQL, self.site.database.url, "-qXAt", "-v", "ON_ERROR_STOP=1"],
                           input=script, capture_output=True, text=True, timeout=PATIENCE,
                           check=False)
        assert p.returncode == 0, f"{script}: {p.stderr}"
        return [line for line in p.stdout.split("\n") if line]

    def steps(self, sql):
        """What the plan does to the table, with which index and, on PostgreSQL, by what of it."""
        what = (r"(SCAN|SEARCH) concept_version" if self.engine == "sqlite" else
                r"Seq Scan on concept_version|(using|Bitmap Index Scan on) concept_")
        return [step.strip() for step in self.whole_steps(sql) if re.search(what, step)]

    def whole_steps(self, sql):
        """PostgreSQL tells a step's conditions in lines of their own."""
        steps = []
        for line in self.explain(sql):
            if self.engine == "sqlite" or "->" in line or not steps:
                steps.append(line)
            else:
                steps[-1] += " " + line.strip()
        return steps


def fill(site):
    admin = site.query("SELECT id FROM account WHERE username = 'admin'")[0][0]
    rare = site.query("SELECT max(id) FROM account")[0][0]
    repo = {name: number for name, number in site.query("SELECT mnemonic, id FROM repo")}
    site.execute(FILL.format(rows=ROWS, large=repo["Large"], small=repo["Small"], often=admin,
                             rare=rare), MAPPED, COUNTED, "ANALYZE" if site.database else "SELECT 1")


def asked(client, log, path, table="concept_version"):
    """The statements over that table that the request was the first to run."""
    before = os.path.getsize(log)
    client.expect(200, "GET", path)
    with open(log, encoding="utf-8") as f:
        f.seek(before)
        return [line for line in f.read().split("\n") if table in line]


def judge(plans, statements, index):
    assert statements, "the request ran no statement of its own"
    for sql in statements:
        steps = plans.steps(sql)
        walks = [s for s in steps if not re.search(rf"\b{index}\b", s)]
        # What PostgreSQL does in a step of a recursion is not shown.
        assert not any(re.search("S(CAN|eq Scan on) mapping_version", s)
                       for s in plans.explain(sql)), f"mappings are walked through: {sql}"
        assert (steps or sql.startswith("WITH RECURSIVE")) and not walks, f"{walks} instead of {index} in {plans.explain(sql)}: {sql}"


def judge_newest(plans, statements):
    """The newest version that holds a row is found without sorting all versions for it."""
    shown = [sql for sql in statements if "repo_version" in sql]
    assert shown, "no list asked for it"
    for sql in shown:
        plan = plans.explain(sql)
        assert any("repo_version_rev" in step for step in plan), f"{plan}: {sql}"
        assert not any("TEMP B-TREE" in step for step in plan), f"{plan}: {sql}"


def judge_versions(plans, statements):
    """The versions of few sources are found by their numbers (V337)."""
    listed = [sql for sql in statements if "repo_version" in sql]
    assert listed, "no list asked for versions"
    for sql in listed:
        plan = plans.explain(sql)
        assert not any(re.search(r"SCAN v\b", step) for step in plan), f"{plan}: {sql}"


def names_are_looked_up(client, log, plans):
    """Whether a name is taken in a source with the rules of OpenMRS, and whether a class is one of
    the vocabulary, is found by the text, however many names there are."""
    repo = {"id": "Rules", "name": "Rules", "custom_validation_schema": "OpenMRS"}
    client.expect(201, "POST", "/v2/orgs/OCL/sources/", repo)
    name = {"name": "Fever", "locale": "en", "name_type": "Fully Specified",
            "locale_preferred": True}
    before = os.path.getsize(log)
    client.expect(201, "POST", "/v2/orgs/OCL/sources/Rules/concepts/",
                  {"id": "x", "concept_class": "Test", "datatype": "N/A", "names": [name]})
    with open(log, encoding="utf-8") as f:
        f.seek(before)
        looked = [sql for sql in f.read().split("\n")
                  if "present_name" in sql and sql.startswith("SELECT")]
    assert any("is_full" in sql for sql in looked), looked
    assert any("JOIN present_name" in sql for sql in looked), looked
    for sql in looked:
        plan = plans.explain(sql)
        assert any("present_name_text (repo_id=? AND <expr>=?)" in step for step in plan), (
            f"{plan}: {sql}")


def page_far_behind(client):
    """No depth is too much (V340): by offset, by number and on from the page before it."""
    # What was filled in behind the server's back is seen once it writes itself.
    client.expect(200, "PATCH", "/v2/orgs/OCL/sources/Large/", {"description": "large"})
    page = LARGE + "sortAsc=numericId&limit=100&brief=true"
    far = client.expect(200, "GET", page + "&offset=25000")
    held = [i for i in range(1, ROWS + 1) if i % 4000]
    assert [c["id"] for c in far.json()] == [f"c{i}" for i in held[25000:25100]], (far.json()[:2], far.headers)
    assert far.headers["num_found"] == str(len(held)), far.headers
    by_number = client.expect(200, "GET", page + "&page=251")
    assert by_number.json() == far.json()
    after = client.expect(200, "GET", re.sub(r"^https?://[^/]+", "", far.headers["next"]))
    assert [c["id"] for c in after.json()] == [f"c{i}" for i in held[25100:25200]], after.json()[:2]


def run(tally, nestor, engine, cluster):
    with Site(nestor, cluster).init("--quiet") as site:
        log = site.write("sql.log", "")
        site.run("user add", "rare", "--email", "rare@example.org")
        with site.serve(env={"NESTOR_SQL_LOG": log}) as server:
            client = server.client(site.token)
            client.expect(200, "POST", "/guide/importers/lines/", {"lines": LINES})
            fill(site)
            plans = Plans(site, engine)
            plain = asked(client, log, LARGE)
            if engine == "sqlite":  # PostgreSQL has few versions to look through, and knows it
                tally.run(f"{engine}: {LARGE}", judge_newest, plans, plain)
                tally.run(f"{engine}: {VERSIONS}", judge_versions, plans,
                          asked(client, log, VERSIONS, "repo_version"))
                tally.run(f"{engine}: names under the rules of OpenMRS", names_are_looked_up,
                          client, log, plans)
            client.expect(200, "GET", EVERYWHERE)
            for base, cases in ((LARGE, IN_SOURCE), (LARGE, SORTS), (EVERYWHERE, IN_ALL)):
                for query, index in cases:
                    statements = asked(client, log, base + query)
                    tally.run(f"{engine}: {base}{query}", judge, plans, statements, index)
            tally.run(f"{engine}: pages behind row 10000", page_far_behind, client)
            client.close()


if __name__ == "__main__":
    sys.exit(run_on_engines("The plans of filters and sorts.", run))
