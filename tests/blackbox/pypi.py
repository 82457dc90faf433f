"""Clients and oracles from PyPI, each in a virtual environment of the test that uses it."""
import glob
import os
import subprocess
import sys


def install(folder, package):
    """The virtual environment that has the package, NAME==VERSION, and what else it needs, which
    may follow it behind blanks."""
    wanted = package.split()
    name = wanted[0].split("==", maxsplit=1)[0]
    venv = os.path.join(folder, name)
    there = glob.glob(os.path.join(venv, "lib", "python*", "site-packages",
                                   wanted[0].replace("-", "_").replace("==", "-") + ".dist-info"))
    if not there:
        for command in ([sys.executable, "-m", "venv", "--clear", venv],
                        [os.path.join(venv, "bin", "pip"), "install", "--quiet",
                         "--disable-pip-version-check", *wanted]):
            p = subprocess.run(command, capture_output=True, text=True, check=False)
            assert p.returncode == 0, (
                f"{package} is needed and cannot be installed: is PyPI reachable, and "
                f"python3-venv there? {' '.join(command)}: {(p.stderr or p.stdout)[-500:]}")
    return venv
