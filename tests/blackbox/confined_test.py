"""The program needs nothing of its machine but its folder and the address that it was told:
it is made, serves, imports and ends in a box with a read-only file system, a user that is not root,
no capability, and a network in which nobody else is. tools/check-deb does the same with the package,
under the filter of system calls of its unit.

Usage: confined_test.py --nestor PATH
"""
# rows: G169
# Any build
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import PATIENCE, Site, Tally, arguments  # noqa: E402
from http_server import REPORTS, environment  # noqa: E402

NOBODY = 65534

# What goes on in the box; its output is what the cases look at.
SCRIPT = r"""
set -e
export TMPDIR=$PWD
echo "user $(id -u)"
grep CapEff: /proc/self/status
touch /etc/probe 2>&1 || true
touch /tmp/probe 2>&1 || true
"$NESTOR" init --data . --admin ada --admin-token-file ada.token --no-vocabularies --quiet
"$NESTOR" serve --data . --listen 127.0.0.1:8000 --set http.loops=1 2> server.log &
until "$NESTOR" health --data . --quiet 2> /dev/null; do kill -0 $!; sleep 0.1; done
"$NESTOR" import --server http://127.0.0.1:8000 --token-file ada.token --quiet lines.jsonl
sleep 0.2
sed 's/^/tcp /' /proc/net/tcp
sed 's/^/tcp6 /' /proc/net/tcp6
sed 's/^/udp /' /proc/net/udp
sed 's/^/udp6 /' /proc/net/udp6
"$NESTOR" health --data .
kill -TERM $!
wait $!
echo "ended $?"
"$NESTOR" verify --data . --quiet
"""

LINES = """{"type": "Organization", "id": "ISO", "name": "ISO"}
{"type": "Source", "id": "S", "name": "S", "owner": "ISO", "owner_type": "Organization"}
{"type": "Concept", "id": "1", "concept_class": "Misc", "datatype": "N/A", "owner": "ISO", \
"owner_type": "Organization", "source": "S", "names": [{"name": "One", "locale": "en", \
"name_type": "Fully Specified"}]}
"""


def run_in_box(site):
    """The output of SCRIPT: the root read-only, the folder `data` the one place to write."""
    os.makedirs(site.data)
    site.write("data/lines.jsonl", LINES)
    command = []
    if os.geteuid() == 0:
        for folder, _, files in os.walk(site.work):
            for path in [folder, *(os.path.join(folder, f) for f in files)]:
                os.chown(path, NOBODY, NOBODY)
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                   "--no-new-privs"]
    command += ["bwrap", "--ro-bind", "/", "/", "--bind", site.data, site.data, "--proc", "/proc",
                "--dev", "/dev", "--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--chdir",
                site.data, "bash", "-c", SCRIPT]
    # Inside of a process tree of its own LeakSanitizer cannot trace its threads.
    env = {**environment(), "NESTOR": site.nestor, "ASAN_OPTIONS": "detect_leaks=0"}
    p = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False,
                       env=env)
    with open(site.path("data/server.log"), encoding="utf-8") as f:
        log = f.read()
    assert p.returncode == 0, p.stdout + p.stderr + log[-2000:]
    assert not any(r in p.stderr + log for r in REPORTS), p.stderr + log
    return p.stdout, log


def the_box_is_closed(out, _):
    assert re.search(r"^user [1-9]", out, re.M) and re.search(r"CapEff:\s*0+$", out, re.M), out
    for path in ("/etc/probe", "/tmp/probe"):
        assert re.search(rf"{path}.*(Read-only file system|Permission denied)", out), out


def it_serves_and_ends_in_order(out, log):
    assert "http://127.0.0.1:8000 is ready." in out and "ended 0" in out, out
    assert '"status":5' not in log and '"level":"error"' not in log, log


def it_listens_where_told_and_asks_nobody(out, _):
    """Every socket of that network is the program's, or that of a client that called it."""
    rows = [line.split() for line in out.splitlines() if re.match(r"(tcp|udp)6? +\d+:", line)]
    listening = [(r[0], r[2]) for r in rows if r[4] == "0A"]
    assert listening == [("tcp", "0100007F:1F40")], rows
    # Apart from those a call of a client to it may be left over, seen from either end.
    others = [r for r in rows if r[4] != "0A" and "0100007F:1F40" not in r[2:4]]
    assert others == [], others


def what_it_stored_is_in_its_folder(site):
    assert site.query("SELECT count(*) FROM concept_version")[0][0] != "0"
    names = set(os.listdir(site.work))
    assert names == {"data"}, names


def main():
    options, tally = arguments(__doc__), Tally()
    assert shutil.which("bwrap"), "bubblewrap is needed: tools/install-packages check"
    with Site(options.nestor) as site:
        out, log = run_in_box(site)
        for case in (the_box_is_closed, it_serves_and_ends_in_order,
                     it_listens_where_told_and_asks_nobody):
            tally.run(case.__name__.replace("_", " "), case, out, log)
        tally.run("what it stored is in its folder", what_it_stored_is_in_its_folder, site)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
