"""The checkers in tools/: each is shown one small tree that is in order and, for
every rule, one that breaks it."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parent.parent / "tools"


class Checker(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)

    def write(self, path, text):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return str(target)

    def check(self, tool, *arguments):
        p = subprocess.run([sys.executable, str(TOOLS / tool), *map(str, arguments)],
                           capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(p.returncode, 1 if p.stdout or p.stderr else 0, p.stderr)
        return p.stdout + p.stderr


class Layers(Checker):
    def includes(self, source, line):
        for path in ("include/nestor/base/str.h", "include/nestor/db.h", "include/nestor/json.h",
                     "include/nestor/rest.h", "src/ocl/app.h", "src/enroll/app.h",
                     "src/cli/cli.h", "include/nestor/accounts.h"):
            self.write(path, "")
        self.write(source, f"/* x */\n{line}\n")
        return self.check("check-layers", self.root)

    def test_leftwards_is_allowed(self):
        for source, line in (("src/rest/a.c", '#include "nestor/db.h"'),
                             ("src/ocl/x/a.c", '#include "nestor/accounts.h"'),
                             ("src/ocl/x/b.c", '#include "ocl/app.h"'),
                             ("src/fhir/a.c", '#include "ocl/app.h"'),
                             ("src/db/a.c", "#include <sqlite3.h>"),
                             ("src/cli/a.c", '#include "enroll/app.h"')):
            self.assertEqual(self.includes(source, line), "", source)

    def test_every_other_way_is_told(self):
        for source, line in (("src/json/a.c", '#include "nestor/db.h"'),
                             ("src/base/a.c", '#include "nestor/json.h"'),
                             ("src/db/a.c", '#include "nestor/rest.h"'),
                             ("src/rest/a.c", '#include "nestor/accounts.h"'),
                             ("src/ocl/a.c", '#include "enroll/app.h"'),
                             ("src/ocl/a.c", '#include "../cli/cli.h"'),
                             ("src/rest/a.c", "#  include <sqlite3.h>"),
                             ("src/db/a.c", "#include <yajl/yajl_parse.h>"),
                             ("src/rest/a.c", "#include <nestor/../../src/cli/cli.h>"),
                             ("src/other/a.c", ""),
                             ("src/rest/a.c", '#include "nowhere.h"')):
            out = self.includes(source, line)
            self.assertIn(f"{source}:", out, f"{source}: {line}")
            (self.root / source).unlink()


class Docs(Checker):
    def header(self, text):
        self.write("include/nestor/x.h", text)
        return self.check("check-docs", self.root)

    def test_documented(self):
        self.assertEqual(self.header("""\
/* What this is. */
#ifndef X
#define MACRO(x) \\
    call(x)

struct s {
    int (*hook)(void);

    int other;
};

/* Does it. */
int nst_a(int x);
int nst_b(int x,
          int y);

typedef int nst_work(void *arg);
extern const int nst_table[];
static inline int twice(int x)
{
    return 2 * x;
}
"""), "")

    def test_undocumented(self):
        self.assertIn("x.h:4: nst_b has no comment",
                      self.header("/* Head. */\nint nst_a(void);\n\nint nst_b(\n    int x);\n"))
        self.assertIn("nst_c", self.header("/* Head. */\n\n/* Not directly above. */\n\n"
                                           "int nst_c(void);\n"))

    def test_files_open_with_a_comment(self):
        self.write("src/base/a.c", "#include <stdio.h>\n/* Late. */\n")
        self.assertIn("src/base/a.c:1:", self.check("check-docs", self.root))


class Tidy(Checker):
    def tidy(self, *lines):
        """check-tidy with a clang-tidy that runs these lines; None: there is none."""
        tools = self.root / "tools"
        tools.mkdir(exist_ok=True)
        shutil.copy(os.path.join(TOOLS, "check-tidy"), tools)
        self.write("src/base/a.c", "int x;\n")
        (self.root / "examples").mkdir(exist_ok=True)
        found = self.root / "bin"
        found.mkdir(exist_ok=True)
        for name in ("bash", "dirname", "find", "grep", "nproc", "sort", "xargs"):
            if not (found / name).exists():
                (found / name).symlink_to(shutil.which(name))
        if lines:
            (found / "clang-tidy").write_text("\n".join(("#!/bin/bash", *lines)))
            (found / "clang-tidy").chmod(0o755)
        return subprocess.run([tools / "check-tidy", "build"], env={"PATH": str(found)},
                              capture_output=True, text=True, check=False)

    def test_without_it_nothing_is_tidy(self):
        run = self.tidy()
        self.assertEqual(run.returncode, 1)
        self.assertIn("did not run", run.stdout)

    def test_findings_and_none(self):
        self.assertEqual(self.tidy("exit 0").returncode, 0)
        run = self.tidy("echo 'src/base/a.c:1:1: error: no'")
        self.assertEqual((run.returncode, run.stdout), (1, "src/base/a.c:1:1: error: no\n"))
        self.assertEqual(self.tidy("exit 3").returncode, 1)


class Banned(Checker):
    def source(self, path, code):
        file = self.write(path, f"/* strcpy(a, b) in a comment */\n{code}\n")
        out = self.check("check-banned", self.root)
        os.unlink(file)
        return out

    def test_allowed(self):
        self.assertEqual(self.source("src/rest/a.c", 'say("malloc(1)"); nst_arena_free(a); '
                                     "x->free(y); snprintf(b, 1, f);"), "")
        self.assertEqual(self.source("src/base/a.c", "free(malloc(1));"), "")

    def test_statements_are_built_by_their_functions(self):
        for line in ('nst_putf(&q->text, "x");', 'nst_put_z(&q.text, "x");',
                     'nst_putf(&l->where.text, "x");', 'nst_json_put(&q.text, v);',
                     'nst_put_z(\n&q.text, "x");', 'nst_sql_add(&q, " AND id IN (");',
                     'nst_sql_addf(&q, " IN (%s)", list);'):
            self.assertIn("src/enroll/a.c:2:", self.source("src/enroll/a.c", line), line)
            self.assertEqual(self.source("src/rest/a.c", line), "", line)

    def test_banned(self):
        for name in ("strcpy", "strcat", "sprintf", "strtok", "atoi", "gmtime"):
            self.assertIn(f"a.c:2: {name}", self.source("src/base/a.c", f"{name} (x);"))
        for name in ("malloc", "calloc", "realloc", "free"):
            self.assertIn(f"a.c:2: {name}", self.source("src/ocl/x/a.c", f"{name}(x);"))

    def test_members_that_may_be_null(self):
        for name in ("text", "phase", "body_limit", "error"):
            code = f"f(rq->face->{name});"
            self.assertIn(f"a.c:2: face->{name} may", self.source("src/ocl/a.c", code))
            self.assertEqual(self.source("src/rest/default.c", code), "")

    def test_exceptions_need_a_reason_and_a_use(self):
        self.write("tools/banned-allowed.txt", "# why\nsrc/cli/a.c free: getline\n")
        self.assertEqual(self.source("src/cli/a.c", "free(x);"), "")
        self.assertIn("any more", self.source("src/cli/a.c", "x();"))
        self.write("tools/banned-allowed.txt", "src/cli/a.c free:\n")
        self.assertIn("no reason", self.source("src/cli/a.c", "free(x);"))


class Symbols(Checker):
    def build(self, code):
        source = self.write("x.c", code)
        subprocess.run(["cc", "-c", source, "-o", source + ".o"], check=True, timeout=60)
        return self.check("check-symbols", source + ".o")

    def test_prefixes(self):
        self.assertEqual(self.build("int nst_a, ocl_b; static int c; int main(void) "
                                    "{ return c; }"), "")
        self.assertIn("json_parse", self.build("int json_parse(void) { return 0; }"))

    def test_no_program(self):
        self.assertIn("no symbol", self.check("check-symbols", self.root / "nothing"))


class Rows(Checker):
    def setUp(self):
        super().setUp()
        self.write("docs/contracts/x.md", "| G1 | a |\n| G2 p | b |\n| G3 n | c |\n"
                                          "**V7** (P1) text | G9 |\n")

    def rows(self, *arguments):
        return self.check("check-rows", "--root", self.root, *arguments)

    def claim(self, text):
        return self.rows("--claim", self.write("claim.txt", text))

    def test_uncited_rows_are_listed(self):
        self.write("src/a/a.http", "### One  [G1]\nGET /\n\nHTTP 200\n")
        self.write("tests/unit/a.c", "/* rows: G3 */\n")
        out = self.rows().split("\n")
        self.assertEqual([line.split(": ")[1].split()[0] for line in out if line], ["G2", "V7"])

    def test_everything_cited(self):
        self.write("tests/cases/a.http", "### One  [G1 G2]\n")
        self.write("tests/blackbox/a_test.py", "# rows: G3, V7\n")
        self.assertEqual(self.rows(), "")

    def test_rows_with_a_letter(self):
        self.write("docs/contracts/x.md", "| P35 | a |\n| P35b | b |\n| P35c | c |\n| P36 | d |\n")
        self.write("tests/cases/a.http", "### One  [P35-P36]\n")
        self.assertIn("P35b has no case", self.rows())
        self.write("tests/cases/b.http", "### Two  [P35b P35]\n")
        self.write("tests/blackbox/a_test.py", "# rows: P36 P35c\n")
        self.assertEqual(self.claim("claim P35-P36 P35b P35c\n"), "")
        self.assertIn("no row: P35bc", self.claim("claim P35bc\n"))

    def test_claims(self):
        self.write("src/a/a.http", "### One  [G1-G2]\n")
        self.assertEqual(self.claim("# x\nclaim G1-G3\nexclude G3: not yet\n"), "")
        self.assertIn("G3 has no case", self.claim("claim G1-G3\n"))
        self.assertIn("no reason", self.claim("claim G1\nexclude G3:\n"))
        self.assertIn("G8 is in no contract", self.claim("claim G8\n"))
        self.assertIn("neither", self.claim("G1\n"))

    def test_unknown_citations_are_told(self):
        self.write("src/a/a.http", "### One  [G1 G99]\n")
        self.assertIn("cites G99", self.claim("claim G1\n"))


class Sql(Checker):
    def sql(self, sqlite, postgresql):
        return self.check("check-sql", self.write("a", sqlite), self.write("b", postgresql))

    def test_equal_sets(self):
        self.assertEqual(self.sql("SELECT 1\nBEGIN IMMEDIATE\nSELECT  2\n",
                                  "SELECT 2\nSELECT 1\nSELECT 1\nBEGIN\n"), "")

    def test_differences(self):
        self.assertIn("only on SQLite: SELECT 2", self.sql("SELECT 1\nSELECT 2\n", "SELECT 1\n"))
        self.assertIn("only on PostgreSQL: SELECT 2", self.sql("SELECT 1\n", "SELECT 1\nSELECT 2\n"))
        self.assertIn("no statement", self.sql("", ""))

    def test_banned_words(self):
        for text in ("a ILIKE b", "SELECT 1 FOR UPDATE", "now()", "x BIGSERIAL",
                     "group_concat(a)", "CREATE TRIGGER t", "LISTEN x", "NOTIFY x",
                     "pg_try_advisory_lock(1)"):
            self.assertIn("common subset", self.sql(text, text), text)
        self.assertEqual(self.sql("SELECT 'now()', known()", "SELECT 'now()', known()"), "")


if __name__ == "__main__":
    unittest.main()
