"""Reading .http files: cases, their requests and what they expect. README.md
describes the format; a mistake in a file is reported with its line."""
import os
import re
from dataclasses import dataclass, field

from http_match import parse_expected

STATUS = re.compile(r"HTTP ([0-9x]{3}|closed)\s*")
REQUEST = re.compile(r"([A-Z]+) (\S+)")
CAPTURE = re.compile(r"> (\w+) = (header\.[\w-]+|body[^\s]*)\s*")
ROWS = re.compile(r"\[([A-Z]\d+[a-z]?(?:\s+[A-Z]\d+[a-z]?)*)\]\s*$")
VARIABLE = re.compile(r"\{\{\s*([\w.@-]+)\s*\}\}")


class FileError(Exception):
    """A .http file that cannot be read; the text starts with path:line."""


@dataclass
class Case:
    title: str
    path: str
    line: int
    rows: list
    repeat: int = 0
    until: bool = False
    raw: str = None
    method: str = ""
    target: str = ""
    headers: list = field(default_factory=list)
    body: str = ""
    status: str = ""
    expected_headers: list = field(default_factory=list)
    expected_body: str = None
    captures: list = field(default_factory=list)


@dataclass
class HttpFile:
    path: str
    settings: list = field(default_factory=list)
    users: list = field(default_factory=list)
    loads: list = field(default_factory=list)
    vocabularies: bool = False
    cases: list = field(default_factory=list)


def read_file(path):
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    out = HttpFile(path)
    starts = [i for i, line in enumerate(lines) if line.startswith("### ")]
    first = starts[0] if starts else len(lines)
    for i, line in enumerate(lines[:first]):
        read_top_line(out, line, i + 1)
    if not starts:
        raise FileError(f"{path}:1: holds no case (a line that starts with `### `)")
    for start, end in zip(starts, starts[1:] + [len(lines)]):
        out.cases.append(read_case(path, lines[start:end], start + 1))
    return out


def read_top_line(out, line, number):
    word, _, rest = line.partition(" ")
    if word == "@set" and "=" in rest:
        out.settings.append(rest.strip())
    elif word == "@user" and rest.strip():
        out.users.append(rest.strip())
    elif word == "@load" and rest.strip():
        out.loads.append(os.path.join(os.path.dirname(out.path), rest.strip()))
    elif word == "@vocabularies":
        out.vocabularies = True
    elif line.strip() and not line.startswith("#") and word != "@anonymous":
        raise FileError(f"{out.path}:{number}: before the first case only # comments, "
                        f"@set name=value, @user NAME, @load FILE and @vocabularies may stand, not: "
                        f"{line}")


def read_case(path, lines, number):
    title = lines[0][4:].strip()
    rows = ROWS.search(title)
    case = Case(ROWS.sub("", title).strip(), path, number, rows.group(1).split() if rows else [])
    status_at = next((i for i, line in enumerate(lines) if STATUS.fullmatch(line)), None)
    if status_at is None:
        raise FileError(f"{path}:{number}: the case has no line `HTTP NNN`")
    case.status = STATUS.fullmatch(lines[status_at]).group(1)
    try:
        read_request(case, lines[1:status_at])
        read_expectation(case, lines[status_at + 1:])
    except ValueError as e:
        raise FileError(f"{path}:{number}: {e}") from e
    return case


def read_request(case, lines):
    at = 0
    while at < len(lines) and (not lines[at].strip() or lines[at].startswith("# ")
                               or lines[at].startswith(("@repeat ", "@until"))):
        if lines[at].startswith("@repeat "):
            case.repeat = int(lines[at].split()[1])
        elif lines[at].strip() == "@until":
            case.until = True
        at += 1
    if at < len(lines) and lines[at].strip() == "@raw":
        case.raw = "\n".join(lines[at + 1:])
        return
    request = REQUEST.fullmatch(lines[at].strip()) if at < len(lines) else None
    if not request:
        raise ValueError("a request line is METHOD, one blank, and the target without blanks")
    case.method, case.target = request.groups()
    at += 1
    while at < len(lines) and lines[at].strip():
        case.headers.append(read_header(lines[at]))
        at += 1
    case.body = "\n".join(strip_blank_lines(lines[at:]))
    if case.body and not any(n.lower() == "content-type" for n, _ in case.headers):
        case.headers.append(("Content-Type", "application/json"))


def read_header(line):
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise ValueError(f"no header: {line}")
    return name, value.strip()


def strip_blank_lines(lines):
    while lines and not lines[0].strip():
        lines = lines[1:]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def read_expectation(case, lines):
    body = []
    in_headers = True
    for line in lines:
        if line.startswith("> "):
            capture = CAPTURE.fullmatch(line)
            if not capture:
                raise ValueError(f"no capture (`> name = body.member` or header.Name): {line}")
            case.captures.append(capture.groups())
        elif in_headers and line.strip():
            case.expected_headers.append(read_header(line))
        elif in_headers:
            in_headers = False
        else:
            body.append(line)
    body = strip_blank_lines(body)
    if not body or not body[0].startswith("(text)"):
        body = strip_blank_lines([line for line in body if not line.startswith("#")])
    if body:
        case.expected_body = "\n".join(body)
        if not case.expected_body.startswith("("):
            # Read now, so that a misspelt expectation is told with its line and not run.
            parse_expected(VARIABLE.sub("0", case.expected_body))


def substitute(text, variables):
    def value_of(m):
        if m.group(1) not in variables:
            raise ValueError(f"{{{{{m.group(1)}}}}} has no value here")
        return str(variables[m.group(1)])
    return VARIABLE.sub(value_of, text)
