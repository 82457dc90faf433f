"""What a .http file expects of an answer, compared with what came.

Expected JSON is compared strictly: the order of members counts, and so do the
types (1 is neither 1.0 nor true). Patterns are ordinary JSON strings; a bare
`...` at the end of an object or array allows more. README.md has the list.
"""
import io
import json
import re
import zipfile

MORE = "\0..."
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{%d}%s"
PATTERNS = {
    "(any)": lambda v: True,
    "(int)": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "(time-milli)": lambda v: isinstance(v, str) and re.fullmatch(TIME % (3, ""), v),
    "(time-micro)": lambda v: isinstance(v, str) and re.fullmatch(TIME % (6, "Z"), v),
}
ZIPPED = re.compile(r"\(zip (\S+)\)\s*")
META = re.compile(r"[\\^$*+?{}\[\]|()]")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\.\.\.|[][{}]|[^][{}".]+|.', re.S)


class Members(list):
    """An object as its (name, value) pairs, in the order of the text."""


def parse_expected(text):
    """Reads JSON in which an object or array may end with a bare `...`."""
    out, open_brackets = [], []
    for token in TOKEN.findall(text):
        if token in "[{":
            open_brackets.append(token)
        elif token in "]}" and open_brackets:
            open_brackets.pop()
        elif token == "...":
            inside_object = open_brackets and open_brackets[-1] == "{"
            token = json.dumps(MORE) + (":null" if inside_object else "")
        out.append(token)
    value = parse_json("".join(out))
    if value == MORE:
        raise ValueError("`...` stands outside an object or array")
    check_more(value)
    return value


def check_more(value):
    """`...` stands last or not at all: anywhere else it would silently mean nothing."""
    is_object = isinstance(value, Members)
    if is_object or isinstance(value, list):
        names = [pair[0] if is_object else pair for pair in value]
        if MORE in names[:-1]:
            raise ValueError("`...` must be the last member or item")
        for item in value:
            check_more(item[1] if is_object else item)


def parse_json(text):
    return json.loads(text, object_pairs_hook=Members, parse_constant=refuse_constant)


def refuse_constant(name):
    raise ValueError(f"{name} is no JSON")


def show(value, indent=None):
    """JSON text again; members keep their order, even when a name comes twice."""
    return json.dumps(plain(value), indent=indent, ensure_ascii=False)


def plain(value):
    if isinstance(value, Members):
        out = {}
        for name, member in value:
            name = "..." if name == MORE else name
            out[name if name not in out else name + " (again)"] = plain(member)
        return out
    if isinstance(value, list):
        return [plain(v) for v in value]
    return "..." if value == MORE else value


def match_text(expected, got):
    """Equal text, or `/regex/` that covers all of it. Slashes around text without any
    sign of a regular expression are a path: `/orgs/WHO/` never matches `orgs/WHO`."""
    if expected == got:
        return True
    if len(expected) < 3 or expected[0] != "/" or expected[-1] != "/":
        return False
    inner = expected[1:-1]
    return bool(META.search(inner)) and re.fullmatch(inner, got, re.S) is not None


def match_json(expected, got, path="body"):
    """Returns one line for each difference, none when the answer is as expected."""
    if isinstance(expected, str):
        return match_string(expected, got, path)
    if isinstance(expected, Members):
        return match_object(expected, got, path)
    if isinstance(expected, list):
        return match_array(expected, got, path)
    if type(expected) is type(got) and expected == got:
        return []
    return [differs(path, expected, got)]


def differs(path, expected, got):
    return f"{path}: expected {show(expected)}, got {show(got)}"


def match_string(expected, got, path):
    if expected in PATTERNS:
        fits = PATTERNS[expected](got)
    else:
        fits = isinstance(got, str) and match_text(expected, got)
    return [] if fits else [differs(path, expected, got)]


def match_object(expected, got, path):
    if not isinstance(got, Members):
        return [differs(path, expected, got)]
    names = [name for name, _ in expected]
    has_more = MORE in names
    names = [name for name in names if name != MORE]
    got_names = [name for name, _ in got]
    if len(got_names) != len(set(got_names)):
        return [f"{path}: a member comes twice: {', '.join(got_names)}"]
    problems = [f"{path}.{n}: missing" for n in names if n not in got_names]
    if not has_more:
        problems += [f"{path}.{n}: not expected, got {show(v)}" for n, v in got if n not in names]
    shared = [n for n in got_names if n in names]
    if shared != [n for n in names if n in got_names]:
        problems.append(f"{path}: members in the order {', '.join(shared)}, "
                        f"expected {', '.join(names)}")
    values = dict(got)
    for name, value in expected:
        if name in values:
            problems += match_json(value, values[name], f"{path}.{name}")
    return problems


def match_array(expected, got, path):
    if not isinstance(got, list) or isinstance(got, Members):
        return [differs(path, expected, got)]
    has_more = bool(expected) and expected[-1] == MORE
    items = expected[:-1] if has_more else expected
    problems = []
    if len(got) < len(items) or (len(got) > len(items) and not has_more):
        problems.append(f"{path}: expected {'at least ' if has_more else ''}{len(items)} items, "
                        f"got {len(got)}")
    for i, (item, value) in enumerate(zip(items, got)):
        problems += match_json(item, value, f"{path}[{i}]")
    return problems


def match_zip(name, expected, got):
    """Compares what is expected with the one member of an archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(got)) as archive:
            if archive.namelist() != [name]:
                return [f"body: expected {name} alone in the archive, got {archive.namelist()}"]
            return match_body(expected, archive.read(name))
    except zipfile.BadZipFile as e:
        return [f"body: no archive ({e}): {got[:200]!r}"]


def match_body(expected, got):
    """Compares an expected body (text, or None for not looked at) with bytes."""
    zipped = ZIPPED.match(expected or "")
    if zipped:
        return match_zip(zipped[1], expected[zipped.end():], got)
    if expected is None or expected == "(ignore)":
        return []
    if expected == "(empty)":
        return [] if not got else [f"body: expected nothing, got {len(got)} bytes: {got[:200]!r}"]
    try:
        text = got.decode("utf-8")
    except UnicodeDecodeError as e:
        return [f"body: not UTF-8: {e}"]
    if expected.startswith("(text)"):
        wanted = expected[len("(text)"):].lstrip(" \n")
        # A file cannot show whether its last line ended; one final newline is free.
        if match_text(wanted, text) or match_text(wanted, text.removesuffix("\n")):
            return []
        return [f"body: expected the text {wanted!r}, got {text[:2000]!r}"]
    wanted = parse_expected(expected)
    try:
        return match_json(wanted, parse_json(text))
    except ValueError as e:
        return [f"body: not JSON ({e}): {text[:300]!r}"]


def match_header(name, expected, values):
    """values: all values the answer has for this header."""
    if expected == "(none)":
        return [] if not values else [f"{name}: expected to be absent, got {values[0]!r}"]
    if not values:
        return [f"{name}: missing, expected {expected!r}"]
    if any(match_text(expected, v) for v in [*values, ", ".join(values)]):
        return []
    return [f"{name}: expected {expected!r}, got {', '.join(map(repr, values))}"]


def pick(value, path):
    """The value at `.path.to[0].member` of parsed JSON."""
    steps = re.findall(r"\.([^.\[\]]+)|\[(-?\d+)\]", path)
    if "".join(f".{n}" if n else f"[{i}]" for n, i in steps) != path:
        raise ValueError(f"no path: {path}")
    for name, index in steps:
        try:
            value = dict(value)[name] if name else value[int(index)]
        except (KeyError, IndexError, TypeError, ValueError) as e:
            raise ValueError(f"the answer has no body{path}") from e
    return value
