"""The headers are for programs of others, in C and in C++: each compiles by itself, and
in C++ also where its functions are declared as those of C.

Usage: headers_test.py --nestor PATH. Ends with the totals.
"""
# X73
import argparse
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "include")
WAYS = (("C", ["gcc", "-std=c17", "-x", "c"], '#include "{}"\n'),
        ("C++", ["g++", "-std=c++17", "-x", "c++"], '#include "{}"\n'),
        ("C in C++", ["g++", "-std=c++17", "-x", "c++"], 'extern "C" {{\n#include "{}"\n}}\n'))


def headers():
    for folder, _, files in sorted(os.walk(os.path.join(INCLUDE, "nestor"))):
        for name in sorted(files):
            yield os.path.relpath(os.path.join(folder, name), INCLUDE)


def compile_text(command, text):
    """What the compiler has to complain of; None when it is content."""
    p = subprocess.run([*command, "-fsyntax-only", "-Wall", "-Wextra",
                        "-Wno-missing-field-initializers", "-Werror", "-I", INCLUDE,
                        "-"], input=text, capture_output=True, text=True, check=False)
    return None if p.returncode == 0 else p.stderr


def main():
    parser = argparse.ArgumentParser(description="Compile the public headers.")
    parser.add_argument("--nestor", help="taken as of other tests, and not used")
    parser.parse_known_args()
    passed = failed = 0
    for header in headers():
        for name, command, text in WAYS:
            problem = compile_text(command, text.format(header))
            passed += problem is None
            failed += problem is not None
            print(f"ok {header} as {name}" if problem is None else
                  f"FAIL {header} as {name}:\n    " + problem.replace("\n", "\n    "), flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
