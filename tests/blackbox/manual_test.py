"""What the program says of itself for other programs: pages of the manual without a
fault for both formatters, completions as bash, zsh and fish run them, and a settings file
to begin with. All come from the tables that the parser reads.

Usage: manual_test.py --nestor PATH
"""
# Any build
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import PATIENCE, Tally, arguments  # noqa: E402
from http_server import environment  # noqa: E402

NEEDED = ("mandoc", "man", "bash", "zsh", "fish")


class Program:
    def __init__(self, nestor):
        self.nestor = nestor
        self.folder = tempfile.TemporaryDirectory(prefix="nestor-manual-")
        self.work = self.folder.name
        # The shells find it by its name.
        os.mkdir(self.path("bin"))
        os.symlink(nestor, self.path("bin/nestor"))
        self.env = {**environment(), "PATH": self.path("bin") + os.pathsep + os.environ["PATH"],
                    "LC_ALL": "C.UTF-8", "PS1": "$ ", "TERM": "dumb", "HOME": self.work}

    def path(self, name):
        return os.path.join(self.work, name)

    def run(self, *words, status=0, stdin=None, env=None):
        p = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False,
                           cwd=self.work, env={**self.env, **(env or {})}, input=stdin)
        assert p.returncode == status, f"{words}: {p.returncode} {p.stdout[-500:]}{p.stderr[-2000:]}"
        return p

    def say(self, *words, **more):
        return self.run(self.nestor, *words, **more).stdout

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def verbs(self):
        text = self.say("--help").partition("Verbs:\n")[2].partition("\n\n")[0]
        return [line.split()[0] for line in text.splitlines()]


# ---- Pages ----

def every_verb_has_a_page(program):
    names = program.say("man", "--list").split()
    assert names == ["nestor.1", "nestor.conf.5", *(f"nestor-{v}.1" for v in program.verbs())], names
    for verb in program.verbs():
        page = program.say("man", verb)
        assert page == program.say("man", f"nestor-{verb}.1"), verb
        shown = re.findall(r"^  (--[a-z-]+)", program.say(verb, "--help"), re.M)
        documented = [o.replace("\\-", "-") for o in re.findall(r"^\.TP\n\.B (\\-\\-\S+)", page, re.M)]
        assert shown and documented == shown, (verb, shown, documented)
    misuse = program.run(program.nestor, "man", "nowhere", status=2).stderr
    assert 'there is no page "nowhere"' in misuse, misuse
    program.run(program.nestor, "man", "serve", "--list", status=2)


def pages_please_both_formatters(program):
    for name in program.say("man", "--list").split():
        page = program.write(name, program.say("man", name))
        for command in (("mandoc", "-Tlint", page),
                        ("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page)):
            p = program.run(*command)
            faults = p.stderr + (p.stdout if command[0] == "mandoc" else "")
            assert faults == "", f"{command}: {faults}"


def pages_show_text_as_it_is(program):
    program.write("page.1", program.say("man", "init"))
    text = program.run("man", "-l", "page.1", env={"MANWIDTH": "400"}).stdout
    for piece in ("--admin-token-file ada.token \\", "NAME\n       nestor-init - make", "EXIT STATUS",
                  "0 done, 1 failed, 2 wrong usage."):
        assert piece in text, (piece, text)
    program.write("page.5", program.say("man", "nestor.conf"))
    text = program.run("man", "-l", "page.5", env={"MANWIDTH": "400"}).stdout
    for name, setting in json.loads(program.say("config", "--json")).items():
        assert f" {name} " in text.replace("\n", " ") and setting["doc"] in text, (name, text)


def pages_are_the_same_each_time(program):
    env = {"SOURCE_DATE_EPOCH": "1700000000"}
    page = program.say("man", "serve", env=env)
    assert " 1 2023-11-14 " in page.splitlines()[0], page[:200]
    assert program.say("man", "serve", env={"SOURCE_DATE_EPOCH": "soon"}) != page


# ---- Completions ----

BASH = r"""
source {script}
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_nestor
printf '%s\n' "${{COMPREPLY[@]}}"
"""


def complete_bash(program, words):
    quoted = " ".join("'" + w + "'" for w in words)
    script = program.write("words.sh", BASH.format(script=program.path("nestor.bash"), words=quoted))
    return sorted(program.run("bash", "--norc", script).stdout.split())


def bash_completes(program):
    program.write("nestor.bash", program.say("completion", "bash"))
    program.write("lines.jsonl", "")
    settings = json.loads(program.say("config", "--json"))
    assert complete_bash(program, ["nestor", "se"]) == ["serve"]
    assert set(complete_bash(program, ["nestor", ""])) >= {*program.verbs(), "help"}
    assert complete_bash(program, ["nestor", "user", ""]) == [
        "add", "disable", "enable", "grant", "link", "list", "password", "remove", "revoke",
        "sessions", "sign-out"]
    assert complete_bash(program, ["nestor", "maintenance", "o"]) == ["off", "on"]
    assert complete_bash(program, ["nestor", "enroll", "c"]) == ["course"]
    assert complete_bash(program, ["nestor", "help", "doc"]) == ["doctor"]
    assert complete_bash(program, ["nestor", "import", "lin"]) == ["lines.jsonl"]
    assert complete_bash(program, ["nestor", "serve", "--data", "bi"]) == ["bin"]
    assert complete_bash(program, ["nestor", "user", "li"]) == ["link", "list"]
    assert complete_bash(program, ["nestor", "doctor", ""]) == []
    assert complete_bash(program, ["nestor", "enrollments", "export", "--format", ""]) == ["csv",
                                                                                         "jsonl"]
    assert complete_bash(program, ["nestor", "serve", "--set", ""]) == sorted(s + "=" for s in settings)
    for words in (["ocl.root", "=", "v"], ["ocl.root", "=v"[:1]]):
        found = complete_bash(program, ["nestor", "serve", "--set", *words])
        assert found == (["v2"] if "v" in words else ["guide", "v2"]), (words, found)
    for verb in program.verbs():
        shown = re.findall(r"^  (--[a-z-]+)", program.say(verb, "--help"), re.M)
        assert complete_bash(program, ["nestor", verb, "--"]) == sorted(shown), verb


def typed(program, command, ready, keys, wanted):
    """What a shell shows on a terminal when keys are typed, until wanted stands there."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(program.work)
        os.execvpe(command[0], command, program.env)
    shown, patience, is_typed = "", time.monotonic() + 20, False
    try:
        while time.monotonic() < patience and wanted not in shown:
            if not is_typed and ready in shown:
                os.write(fd, keys.encode())
                is_typed = True
            if select.select([fd], [], [], 0.2)[0]:
                shown += os.read(fd, 65536).decode(errors="replace")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)
    return shown


def a_terminal_completes(program, shell, command, script, choice):
    program.write(f"begin.{shell}", script.format(script=program.path(f"nestor.{shell}")))
    keys = f"source begin.{shell}\r"
    shown = typed(program, command, "$ ", keys + f"nestor serve --set ocl.root={choice}\t#END\r",
                  "ocl.root=v2")
    assert "--set ocl.root=v2" in shown, (shell, shown)


def shells_complete_as_typed(program):
    for shell in ("bash", "zsh"):
        program.write(f"nestor.{shell}", program.say("completion", shell))
    a_terminal_completes(program, "bash", ["bash", "--norc", "-i"], "source {script}\n", "v")
    a_terminal_completes(program, "zsh", ["zsh", "-f", "-i"],
                         "autoload -Uz compinit\ncompinit -u -d dump\nsource {script}\n", "v")


def zsh_knows_every_option(program):
    script = program.write("nestor.zsh", program.say("completion", "zsh"))
    program.run("zsh", "-n", script)
    text = program.say("completion", "zsh")
    for verb in program.verbs():
        part = re.search(rf"^    {verb}\)\n(.*?);;", text, re.M | re.S)[1]
        shown = re.findall(r"^  (--[a-z-]+)", program.say(verb, "--help"), re.M)
        assert re.findall(r"'\*(--[a-z-]+)", part) == shown, (verb, part)


def fish_completes(program):
    script = program.write("nestor.fish", program.say("completion", "fish"))
    program.run("fish", "--no-config", "-n", script)

    def complete(line):
        found = program.run("fish", "--no-config", "-c", f"source {script}; complete -C '{line}'")
        return sorted(word.split("\t")[0] for word in found.stdout.splitlines())
    assert complete("nestor mig") == ["migrate"]
    assert complete("nestor token re") == ["renew"]
    assert complete("nestor serve --set ocl.root=") == ["ocl.root=guide", "ocl.root=v2"]
    assert complete("nestor enrollments export --format ") == ["csv", "jsonl"]
    shown = re.findall(r"^  (--[a-z-]+)", program.say("verify", "--help"), re.M)
    assert complete("nestor verify --") == sorted(shown), complete("nestor verify --")


def an_unknown_shell_is_refused(program):
    misuse = program.run(program.nestor, "completion", "bsh", status=2).stderr
    assert 'there is no action "bsh"; did you mean "bash"?' in misuse, misuse
    program.run(program.nestor, "completion", status=2)


# ---- Settings and options ----

def the_example_is_a_settings_file(program):
    text = program.say("config", "--example")
    settings = json.loads(program.say("config", "--json"))
    os.makedirs(program.path("plain"), exist_ok=True)
    os.makedirs(program.path("opened"), exist_ok=True)
    program.write("plain/nestor.conf", text)
    program.write("opened/nestor.conf", re.sub(r"^#(?! )", "", text, flags=re.M))
    plain = json.loads(program.say("config", "--json", "--data", "plain"))
    assert plain == settings, plain
    opened = json.loads(program.say("config", "--json", "--data", "opened"))
    assert {v["origin"] for v in opened.values()} == {"file"}, opened
    assert {k: v["value"] for k, v in opened.items()} == {k: v["value"] for k, v in settings.items()}
    program.run(program.nestor, "config", "--json", "--example", status=2)


def settings_that_cannot_be_read_stop_the_program(program):
    os.makedirs(program.path("closed"), exist_ok=True)
    os.chmod(program.write("closed/nestor.conf", "ocl.root = v2\n"), 0)
    os.chmod(program.work, 0o755)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    p = subprocess.run([program.nestor, "config", "--data", "closed"], capture_output=True,
                       text=True, cwd=program.work, env=program.env, check=False,
                       timeout=PATIENCE, **nobody)
    assert p.returncode == 2 and "closed/nestor.conf cannot be read: Permission denied" in p.stderr, p


ORIGINS = " ".join(f"https://host{n}.example.org" for n in range(200))
LONG = "postgresql:///" + "d" * 9000

# The text of the file, and what it sets: a value of a name.
FILES_THAT_SET = (
    ("# " + "x" * 197 + "listen = :80\n", "listen", "127.0.0.1:8000"),
    ("# " + "x" * 70000 + " listen = :80\n", "listen", "127.0.0.1:8000"),
    (f"http.cors_origins = {ORIGINS}\n", "http.cors_origins", ORIGINS),
    (f"[http]\n\t cors_origins={ORIGINS}", "http.cors_origins", ORIGINS),
    (f"database = {LONG}\n", "database", LONG),
    ("listen = 127.0.0.1:9000\n db.pool = 4\n", "listen", "127.0.0.1:9000"),
    ("listen = 127.0.0.1:9000\n db.pool = 4\n", "db.pool", "4"),
    ("auth.jwt.issuer = a ; b # c\n", "auth.jwt.issuer", "a ; b # c"),
    ('auth.jwt.issuer = "a=b"\r\n', "auth.jwt.issuer", '"a=b"'),
    ("\ufeffdb.pool = 5\n; db.pool = 6\n\n", "db.pool", "5"),
    ("[ db ]\npool =7\n[]\nlog.level=warn\n", "log.level", "warn"),
    ("auth.jwt.issuer =\n", "auth.jwt.issuer", ""),
    ("auth.jwt.issuer = Zürich\n", "auth.jwt.issuer", "Zürich"),
    ("#" * 1048575 + "\n", "db.pool", "8"),
)
# What is refused, and why.
FILES_THAT_FAIL = (
    (b"db.pool = 8\n\nlisten\n", "odd/nestor.conf:3: the line is no NAME = VALUE"),
    (b" = 3\n", "odd/nestor.conf:1: the line is no NAME = VALUE"),
    (b"[http\nper_address = 3\n", "odd/nestor.conf:1: the line is no NAME = VALUE"),
    (b"listen: x\n", "odd/nestor.conf:1: the line is no NAME = VALUE"),
    (b"# a\n[db]\npool = 0\n", "odd/nestor.conf:3: db.pool is \"0\", not a number"),
    (b"# a\n[db]\npol = 1\n", 'odd/nestor.conf:3: there is no setting "db.pol"'),
    (b"auth.jwt.issuer = a\0b\n", "odd/nestor.conf cannot be read: it has a NUL byte"),
    (b"auth.jwt.issuer = \xff\n", "odd/nestor.conf cannot be read: it is no UTF-8"),
    (b"#" * 1048576 + b"\n", "odd/nestor.conf cannot be read: it is larger than 1 MiB"),
)


def a_line_of_the_settings_file_is_one_whatever_its_length(program):
    os.makedirs(program.path("odd"), exist_ok=True)
    for text, name, value in FILES_THAT_SET:
        program.write("odd/nestor.conf", text)
        found = json.loads(program.say("config", "--json", "--data", "odd"))
        assert found[name]["value"] == value, (text[:200], found[name])
    for data, why in FILES_THAT_FAIL:
        with open(program.path("odd/nestor.conf"), "wb") as f:
            f.write(data)
        said = program.run(program.nestor, "config", "--data", "odd", status=2).stderr
        assert why in said, (data[:200], said[:500])


def settings_are_read_from_files_alone_and_are_text(program):
    for name, make in (("folder", os.mkdir), ("pipe", os.mkfifo)):
        os.makedirs(program.path(name), exist_ok=True)
        make(program.path(name + "/nestor.conf"))
        said = program.run(program.nestor, "config", "--data", name, status=2).stderr
        assert f"{name}/nestor.conf cannot be read: it is no file" in said, said
    for words, env in ((("--set", b"auth.jwt.issuer=\xff"), {}),
                       ((), {"NESTOR_AUTH_JWT_ISSUER": b"\xff"})):
        said = program.run(program.nestor, "config", *words, env=env, status=2).stderr
        assert "auth.jwt.issuer is no UTF-8" in said, said


def options_take_what_their_table_says(program):
    for words, text in ((("enrollments", "export", "--format", "xml"),
                         '--format is "xml", not one of csv|jsonl'),
                        (("import", "--quiet=no", "x"), "--quiet takes no value"),
                        (("serve", "--data"), "--data wants a value"),
                        (("serve", "--list"), "--list is not for this verb")):
        p = program.run(program.nestor, *words, status=2)
        assert text in p.stderr, (words, p.stderr)


def main():
    options = arguments(__doc__)
    program, tally = Program(options.nestor), Tally()
    for case in (every_verb_has_a_page, pages_please_both_formatters, pages_show_text_as_it_is,
                 pages_are_the_same_each_time, bash_completes, shells_complete_as_typed,
                 zsh_knows_every_option, fish_completes, an_unknown_shell_is_refused,
                 the_example_is_a_settings_file, settings_that_cannot_be_read_stop_the_program,
                 a_line_of_the_settings_file_is_one_whatever_its_length,
                 settings_are_read_from_files_alone_and_are_text, options_take_what_their_table_says):
        tally.run(case.__name__.replace("_", " "), case, program)
    program.folder.cleanup()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
