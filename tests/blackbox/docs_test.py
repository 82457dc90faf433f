"""The documentation is true: the shell blocks marked `sh test` run in their order,
a block `json result` or `text result` behind one is what it prints; the pieces of
the tutorial are the example, byte for byte; the page of settings is what the program
says; links and paths lead somewhere (X74).

Usage: docs_test.py --nestor PATH [-k TEXT]. The library and its pkg-config file
are looked for in the build tree of PATH. Ends with the totals.
"""
import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
UNIVERSITY = os.path.join(ROOT, "examples", "university")
sys.path.insert(0, os.path.join(ROOT, "tests"))
from http_match import match_body  # noqa: E402
from http_server import Server, environment, free_port  # noqa: E402

PATIENCE = 300  # seconds a page may take; the tutorial compiles twice
FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")
PLACE = re.compile(r"`((?:src|include|tests|tools|docs|examples|fuzz|bench)/[\w./-]*)`")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


class Block:
    def __init__(self, text, line):
        self.text, self.line, self.result = text, line, None


def blocks_of(page):
    """The blocks to run, each with the result that the page shows behind it."""
    text, blocks = read(page), []
    for found in FENCE.finditer(text):
        if found[1] == "sh test":
            blocks.append(Block(found[2], text.count("\n", 0, found.start()) + 1))
        elif found[1] == "json result":
            blocks[-1].result = found[2].strip()
        elif found[1] == "text result":
            blocks[-1].result = "(text) " + found[2].strip()
    return blocks


def script_of(blocks, folder):
    """One shell for the page; the output of block n goes to folder/n."""
    parts = ["set -eo pipefail"]
    for n, block in enumerate(blocks):
        parts.append(f"exec > {folder}/{n} 2>> {folder}/errors\n{block.text}")
    return "\n".join(parts) + f"\ntouch {folder}/end\n"


def run_page(page, variables):
    """Problems of a page, one text each."""
    blocks = blocks_of(page)
    assert blocks, "it has no block that is marked `sh test`"
    work = tempfile.mkdtemp(prefix="nestor-docs-")
    out = os.path.join(work, "out")
    os.mkdir(out)
    try:
        variables = {k: v.replace("WORK", work) for k, v in variables.items()}
        p = subprocess.Popen(["bash", "-c", script_of(blocks, out)], cwd=work,
                             env={**environment(), **variables}, start_new_session=True)
        try:
            p.wait(PATIENCE)
        finally:
            # What a block has left running is stopped with its shell.
            try:
                os.killpg(p.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            p.wait()
        return problems_of(page, blocks, out)
    finally:
        shutil.rmtree(work)


def logs(out):
    """The ends of what the page's commands wrote to standard error and to logs."""
    work = os.path.dirname(out)
    names = [f for f in sorted(os.listdir(work)) if f.endswith(".log")]
    texts = []
    for path in [os.path.join(out, "errors"), *(os.path.join(work, f) for f in names)]:
        with open(path, encoding="utf-8", errors="replace") as f:
            texts.append(f"{os.path.basename(path)}: {f.read()[-3000:]}")
    return texts


def problems_of(page, blocks, out):
    problems = []
    for n, block in enumerate(blocks):
        path = os.path.join(out, str(n))
        with open(path, "rb") as f:
            printed = f.read()
        is_last = not os.path.exists(os.path.join(out, str(n + 1)))
        if is_last and not os.path.exists(os.path.join(out, "end")):
            return problems + [f"{page}:{block.line}: the block failed", printed.decode(),
                               *logs(out)]
        if block.result is not None:
            problems += [f"{page}:{block.line}: {p}" for p in match_body(block.result, printed)]
    return problems


def compiler(build):
    """The compiler and flags of the build tree, so that the sanitizers agree."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        words = shlex.split(json.load(f)[0]["command"])
    cc = words[1] if os.path.basename(words[0]) == "ccache" else words[0]
    with open(os.path.join(build, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as f:
        options = {o["name"]: o["value"] for o in json.load(f)}
    sanitize = options["b_sanitize"]
    return cc, "" if sanitize == "none" else f"-g -fsanitize={sanitize}"


def with_compiler(nestor, page):
    """A page that builds a program of its own."""
    build = os.path.dirname(nestor)
    assert os.path.exists(os.path.join(build, "libnestor.a")), f"{build} has no libnestor.a"
    cc, flags = compiler(build)
    with tempfile.TemporaryDirectory(prefix="nestor-cc-") as folder:
        os.symlink(shutil.which(cc), os.path.join(folder, "cc"))
        return run_page(page,
                        {"NESTOR": ROOT, "BUILD": build, "PORT": str(free_port()), "CFLAGS": flags,
                         "PATH": folder + os.pathsep + os.environ["PATH"]})


def tutorial(nestor):
    return with_compiler(nestor, "docs/tutorial.md")


def library(nestor):
    return with_compiler(nestor, "docs/library.md")


def university(server):
    """What `./run` adds to an installation; returns the secret of its client."""
    server.run("load", os.path.join(UNIVERSITY, "university.json"))
    for kind, name in (("program", "learners"), ("course", "seats")):
        server.run("enroll", kind, "--quiet", "--outcomes",
                   os.path.join(server.work, f"{name}.outcomes.csv"),
                   os.path.join(UNIVERSITY, f"{name}.csv"))
    return server.run("client", "add", "demo", "--user", "admin").strip()


def readme(nestor):
    server = Server(nestor, vocabularies=True)
    try:
        secret = university(server)
        variables = {"BASE": f"http://127.0.0.1:{server.port}", "TOKEN": server.admin,
                     "SECRET": secret}
        problems = run_page("README.md", variables)
        return problems + server.stop([server.admin, secret])
    finally:
        if server.process.poll() is None:
            server.kill()


def on_path(nestor, page, variables):
    """A page that calls the program by its name."""
    with tempfile.TemporaryDirectory(prefix="nestor-path-") as folder:
        os.symlink(nestor, os.path.join(folder, "nestor"))
        return run_page(page, {"DATA": "WORK/data", **variables,
                               "PATH": folder + os.pathsep + os.environ["PATH"]})


def operations(nestor):
    return on_path(nestor, "docs/operations.md", {"PORT": str(free_port())})


def exports(nestor):
    return on_path(nestor, "docs/export.md", {"PORT": str(free_port())})


def subscriptions(nestor):
    return on_path(nestor, "docs/subscribe.md",
                   {"PORT": str(free_port()), "OTHER": str(free_port())})


def tour(nestor):
    return on_path(nestor, "docs/v2.md", {"PORT": str(free_port())})


def openmrs(nestor):
    return on_path(nestor, "docs/openmrs.md", {"PORT": str(free_port())})


def demo(nestor):
    return on_path(nestor, "examples/university/README.md", {"UNIVERSITY": UNIVERSITY})


def import_page(nestor):
    """Lines and table of docs/import.md are taken, but for what it calls not taken yet."""
    kinds = {"json": [], "csv": [], "json later": []}
    for found in FENCE.finditer(read("docs/import.md")):
        kinds.get(found[1], []).extend(found[2].strip().splitlines())
    problems = []
    with tempfile.TemporaryDirectory(prefix="nestor-docs-") as work:
        data = ["--data", os.path.join(work, "data")]

        def run(*words, **more):
            return subprocess.run([nestor, *words, *data], capture_output=True, text=True,
                                  cwd=work, env=environment(), check=False, **more)
        run("init", "--admin", "ada", "--admin-token-file", os.path.join(work, "token"))
        for kind, lines in kinds.items():
            assert lines, f"docs/import.md has no block `{kind}`"
            p = run("import", "-", input="".join(line + "\n" for line in lines))
            refused = "" if p.returncode == 0 else p.stdout + p.stderr
            if kind != "json later" and refused:
                problems.append(f"docs/import.md shows lines that are refused: {refused}")
            if kind == "json later" and f"{len(lines)} of {len(lines)} lines" not in refused:
                problems.append("docs/import.md calls lines not taken yet that are taken")
    return problems


def pieces(_):
    """The tutorial shows the whole example."""
    shown = [found[2].strip("\n") for found in FENCE.finditer(read("docs/tutorial.md"))
             if found[1] == "c hello.c"]
    if "\n\n".join(shown) + "\n" == read("examples/hello/hello.c"):
        return []
    return ["the blocks `c hello.c` of docs/tutorial.md are not examples/hello/hello.c"]


def settings(nestor):
    p = subprocess.run([os.path.join(ROOT, "tools", "make-settings-page"), nestor],
                       capture_output=True, text=True, env=environment(), check=False)
    if p.returncode == 0 and p.stdout == read("docs/settings.md"):
        return []
    return [f"docs/settings.md is stale: tools/make-settings-page NESTOR > docs/settings.md {p.stderr}"]


def pages():
    found = [f for f in sorted(os.listdir(ROOT)) if f.endswith(".md")]
    for folder, _, files in os.walk(os.path.join(ROOT, "docs")):
        found += [os.path.relpath(os.path.join(folder, f), ROOT) for f in sorted(files)
                  if f.endswith(".md")]
    return found + ["examples/hello/README.md", "examples/university/README.md",
                    "tests/README.md"]


def headings(path):
    """What a link into the page may name behind its `#`, as GitHub makes it."""
    found = re.findall(r"^#+ (.*)$", FENCE.sub("", read(path)), re.M)
    return {re.sub(r"[^\w -]", "", text.replace("`", "")).lower().replace(" ", "-")
            for text in found}


def links(_):
    problems = []
    for page in pages():
        for target, place in LINK.findall(FENCE.sub("", read(page))):
            if ":" in target or page.startswith("docs/contracts/"):
                continue
            path = os.path.normpath(os.path.join(os.path.dirname(page), target)) if target else page
            if not os.path.exists(os.path.join(ROOT, path)):
                problems.append(f"{page}: the link {target} leads nowhere")
            elif place and path.endswith(".md") and place[1:] not in headings(path):
                problems.append(f"{page}: {target} has no heading {place}")
    return problems


# rows: G163
def measured(_):
    """The handbook tells what each setting that bench/settings tries is worth."""
    tried = re.findall(r'^    \("([^"]+)", "([^"]*)",', read("bench/settings"), re.M)
    told = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [\d,]+/s \| default [\d,]+/s \| [\d.]+ ",
                      read("docs/operations.md"), re.M)
    return [f"docs/operations.md does not tell what {setting or 'no sync'} is worth for {load}: "
            "bench/settings --write" for load, setting in tried
            if (load, setting or "(no setting)") not in told]


# rows: G43
def topics(_):
    """Each topic of the guide's sidebar has its row in the handbook, and its page commands."""
    owed = re.findall(r"^\| (G1[56]\d) ", read("docs/contracts/ocl-guide.md").split("## 12.")[1]
                      .split("## 13.")[0], re.M)
    rows = dict(re.findall(r"^\| (G\d+) \| [^|]* \|([^|]*)\|", read("docs/handbook.md"), re.M))
    # What verify.md and proxies.md show is run by verify_test and front_test.
    tested = " ".join(name for name, _ in CASES) + " docs/verify.md docs/proxies.md"
    problems = [f"docs/handbook.md has no row {row}" for row in owed if row not in rows]
    for row, where in rows.items():
        page = LINK.search(where)
        if page is None or f"docs/{page[1]}" not in tested:
            problems.append(f"docs/handbook.md: the page of {row} is not run by a test")
    return problems


# rows: G43
def site(_):
    """The pages become a site without a link that leads nowhere; it has each of them, and fetches
    nothing."""
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        p = subprocess.run([os.path.join(ROOT, "tools/make-site"), folder], capture_output=True,
                           text=True, check=False)
        problems += [] if p.returncode == 0 else [p.stdout + p.stderr]
        made = {os.path.relpath(os.path.join(at, name), folder)
                for at, _, names in os.walk(folder) for name in names}
        for page in pages():
            here = page.replace("README.md", "index.md").removesuffix(".md") + ".html"
            if page.startswith("docs/") and here not in made and page != "docs/README.md":
                problems.append(f"{page} is not in the site: docs/README.md should list it")
        for name in made:
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                text = f.read()
            if name.endswith(".html") and re.search(r"<(script|link|img|iframe)|src=|@import", text):
                problems.append(f"{name} of the site fetches something")
    return problems


def places(_):
    """Paths of the tree that the pages name; the contracts speak of other trees."""
    return [f"{page}: there is no {place}" for page in pages()
            if not page.startswith("docs/contracts/")
            for place in PLACE.findall(read(page))
            if "NAME" not in place and not os.path.exists(os.path.join(ROOT, place))]


CASES = (("the tutorial shows the whole example", pieces),
         ("the page of settings is fresh", settings),
         ("links lead somewhere", links),
         ("the handbook has each topic", topics),
         ("the settings for speed are measured", measured),
         ("the pages become a site", site),
         ("paths exist", places),
         ("the lines of docs/import.md are taken", import_page),
         ("the commands of README.md work", readme),
         ("the commands of docs/operations.md work", operations),
         ("the commands of docs/openmrs.md work", openmrs),
         ("the commands of examples/university/README.md work", demo),
         ("the commands of docs/v2.md work", tour),
         ("the commands of docs/export.md work", exports),
         ("the commands of docs/subscribe.md work", subscriptions),
         ("the commands of docs/tutorial.md work", tutorial),
         ("the commands of docs/library.md work", library))


def main():
    parser = argparse.ArgumentParser(description="Test the documentation.")
    parser.add_argument("--nestor", required=True, help="the program, in its build tree")
    parser.add_argument("-k", default="", help="only cases whose name holds this")
    options, _ = parser.parse_known_args()
    nestor = os.path.abspath(options.nestor)
    passed = failed = 0
    for name, case in CASES:
        if options.k not in name:
            continue
        try:
            problems = case(nestor)
        except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as e:
            problems = [f"{type(e).__name__}: {e}"]
        passed += not problems
        failed += bool(problems)
        print(f"FAIL {name}: " + "\n    ".join("\n".join(problems).split("\n")) if problems
              else f"ok {name}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
