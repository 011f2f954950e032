"""The remedies of mistakes in one line of TOML: a header, or a key with its value. Pure."""

import re
from collections.abc import Iterator

import tomli

from daemons.config import meant
from daemons.config.toml_scan import outside

BARE_WORD = re.compile(r"[^\s,\[\]{}#=\"']+(?: +[^\s,\[\]{}#=\"']+)*")
TOKEN = re.compile(r"[^,\[\]{}#]*")
NO_VALUE = ("null", "none", "nil", "undefined")
WORD_KEYS = ("do", "restore", "kind", "driver", "name", "room")
"""Keys that take a text, so that on and off are texts there."""
SEPARATOR = re.compile(r"\s*(:=|=>|->|==|:|=)")


def proposed(line: str) -> str:
    """Return ": write LINE" for a line that is TOML, and nothing for another one."""
    line = line.strip()
    return f"; write: {line}" if is_toml(line) and len(line) <= 120 else ""  # noqa: PLR2004


def is_toml(line: str) -> bool:
    """Return whether a line alone is TOML."""
    try:
        tomli.loads(line)
    except ValueError:
        return False
    return True


def header(shown: str) -> tuple[int, str] | None:
    """Return the column and the remedy of a broken header [...]; None for a good one."""
    code = shown.partition("#")[0].rstrip()
    start = len(code) - len(code.lstrip()) + 1
    found = re.fullmatch(r"\s*(\[+)\s*([^\[\]]*?)\s*(\]*)([^\]]*)", code)
    if found is None:
        return None
    name, rest = found[2], found[4].strip()
    if not found[3]:
        name, rest = rest, ""
    many = max(len(found[1]), len(found[3])) > 1 or name.endswith(".when")
    fixed = ("[[{}]]" if many else "[{}]").format(good_name(name))
    parts = name.split(".")
    bad = next(
        (part for part in parts if not re.fullmatch(r"[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'", part.strip())), None
    )
    if len(found[1]) > 2 or len(found[3]) > 2:  # noqa: PLR2004
        return start, f"a header has at most two brackets{proposed(fixed)}"
    if len(found[1]) != len(found[3]):
        closing = "]" * (2 if many else 1)
        if len(found[3]) < len(found[1]):
            return len(code.rstrip()) + 1, f"the header is not closed; it ends in {closing}{proposed(fixed)}"
        return start, f"the header begins with fewer brackets than it ends with{proposed(fixed)}"
    if not name or "" in (part.strip() for part in parts):
        return start, "a part of the name in this header is missing; a device is [devices.NAME]"
    if bad is not None:
        column = code.index(bad.strip()) + 1
        text = f"{bad.strip()} is no name; a name has a-z, 0-9 and _, and no space"
        text += proposed(fixed)
        return column, text + (title_of(bad.strip()) if parts[0] == "devices" else "")
    if rest:
        column = code.index(rest, found.end(3)) + 1
        if rest == ":":
            return column, f"a header has no colon{proposed(fixed)}"
        return (
            column,
            f"a header stands alone on its line; a comment after it begins with #: {fixed}  # {rest}",
        )
    return None


def good_name(name: str) -> str:
    """Return the dotted name of a header with allowed names."""
    return ".".join(
        part.strip()
        if re.fullmatch(r"[A-Za-z0-9_-]+", part.strip())
        else meant.meant_name(part.strip("\"' ")) or "NAME"
        for part in name.split(".")
    )


def title_of(name: str) -> str:
    """Return how a device gets a title that is no name."""
    return f', and below it name = "{name}" for the title'


def key_and_value(shown: str, column: int, message: str) -> Iterator[tuple[int, str]]:
    """Yield the remedies of a line with a key and a value."""
    indent = len(shown) - len(shown.lstrip())
    code = outside(shown)
    found = re.match(r"\s*([^=:\[\]{}\"',#]*?)" + SEPARATOR.pattern + r"(?!=)", shown)
    if found is None:
        yield from _without_separator(shown, indent)
        return
    key, mark, after = found[1].strip(), found[2], shown[found.end() :]
    right = good_key(key)
    if not key:
        yield indent + 1, "the key before the = is missing"
        return
    if mark == ":" and not after.strip():
        yield found.start(2) + 1, f"a table begins with a header in brackets{proposed(f'[{right}]')}"
        return
    if mark != "=":
        text = f"a key and its value have = between them, and not {mark}"
        yield found.start(2) + 1, text + proposed(f"{right} = {fixed_value(key, after.strip())}")
        return
    if right != key:
        text = f'the key "{key}" has a character that a key may not have; a key has a-z, 0-9 and _'
        yield indent + 1, text + proposed(f"{right} = {fixed_value(key, after.strip())}")
        return
    if not outside(after).strip() and not after.strip():
        yield (
            found.end(2) + 1,
            f'the value after = is missing; write a value, such as {key} = "text", or delete the line',
        )
        return
    if after.strip().startswith("#"):
        yield (
            found.end(2) + 1,
            f"the value after = is missing; a # begins a comment, so that {key} has no value",
        )
        return
    if "\\" in after and ("hex" in message or "Unescaped" in message or "escape" in message.lower()):
        doubled = re.sub(r"\\", r"\\\\", after.strip())
        yield (
            shown.index("\\", found.end()) + 1,
            (f"a backslash in a text is written twice{proposed(f'{key} = {doubled}')}"),
        )
        return
    yield from value(shown, column)
    yield from _more_on_line(shown, found.end(), code)


def good_key(key: str) -> str:
    """Return a key with the characters that a key may have."""
    if all(re.fullmatch(r"[A-Za-z0-9_-]+", part.strip()) for part in key.split(".")):
        return key
    return ".".join(meant.meant_name(part) or "key" for part in key.split("."))


def _without_separator(shown: str, indent: int) -> Iterator[tuple[int, str]]:
    """Yield the remedy of a line without =."""
    found = re.fullmatch(r"\s*([A-Za-z0-9_.-]+)\s+([^\s].*)", shown)
    if found:
        text = f"an = is missing after the key {found[1]}"
        yield found.end(1) + 1, text + proposed(f"{found[1]} = {fixed_value(found[1], found[2].strip())}")
    elif re.fullmatch(r"\s*[A-Za-z0-9_.-]+\s*", shown):
        word = shown.strip()
        yield indent + 1, f"{word} has no value; write {word} = VALUE, or # before a comment"


def value(shown: str, column: int) -> Iterator[tuple[int, str]]:
    """Yield the remedies of a bare value, at the column of the error or after the key."""
    start = value_start(shown, column)
    rest = shown[start:]
    code = rest.partition(" #")[0].rstrip()
    key = key_before(shown, start)
    is_alone = not outside(shown[:start]).count("[") and not outside(shown[:start]).count("{")
    token = code.rstrip(",;").rstrip() if is_alone else (TOKEN.match(code) or [""])[0].strip()
    if not is_alone and (found := re.match(r"[\"']?([A-Za-z0-9_-]+)[\"']?\s*(:|=>)", rest)):
        fixed = shown[:start] + re.sub(r"[\"']?([A-Za-z0-9_-]+)[\"']?\s*(?::|=>)", r"\1 =", rest)
        yield (
            start + found.start(2) + 1,
            f"inside {{ }}, too, = stands between key and value{proposed(fixed)}",
        )
        return
    if not token or (token[0] in "\"'[{" and is_balanced(token)):
        return
    right = fixed_value(key, token)
    if right == token:
        return
    end = start + len(token)
    fixed = f"{shown[:start]}{right}{'' if is_alone else shown[end:]}"
    is_missing = token.casefold() in NO_VALUE
    yield (
        start + 1,
        explain(key, token, right) + ("" if is_missing else proposed(fixed) or proposed_list(shown)),
    )


def proposed_list(shown: str) -> str:
    """Return "; write: LINE" with quotes around each word of a list."""
    start, end = shown.find("["), shown.rfind("]")
    if not 0 <= start < end:
        return ""
    key = key_before(shown, start)
    words = [fixed_value(key, word.strip()) for word in shown[start + 1 : end].split(",") if word.strip()]
    return proposed(f"{shown[: start + 1]}{', '.join(words)}{shown[end:]}")


def is_balanced(token: str) -> bool:
    """Return whether the quotes of a value are closed."""
    return token.count('"') % 2 == 0 and token.count("'") % 2 == 0


def value_start(shown: str, column: int) -> int:
    """Return the index at which the wrong value begins: after the last =, [, { or comma before the error."""
    code = outside(shown)
    before = code[: max(0, column - 1)]
    at = max(before.rfind(mark) for mark in "=[{,")
    if "[" not in before and "{" not in before:
        at = code.find("=")
    start = max(at, code.find("=") if at < 0 else at) + 1
    while start < len(shown) and shown[start] in " \t":
        start += 1
    return start


def key_before(shown: str, start: int) -> str:
    """Return the key to which the value at an index belongs."""
    found = re.findall(r"([A-Za-z0-9_-]+)\s*=", shown[:start])
    return found[-1] if found else ""


def explain(key: str, token: str, right: str) -> str:
    """Return what is wrong with a value, from the value that is right."""
    lower = token.casefold()
    if lower in NO_VALUE:
        return f"TOML has no {token}; leave the line with {key} out"
    if right in ("true", "false"):
        words = "true and false are written in lower case" if lower == right else "allowed: true and false"
        return f"{token} is no value; {words}"
    if right.startswith(("'", '"')):
        if token[:1] in "\"'" or token[-1:] in "\"'":
            return "one of the two quotes around the text is missing"
        return f"{token} is a text, and a text needs quotes"
    return f"{token} is no number of TOML, whose decimal point is a dot between digits"


def fixed_value(key: str, token: str) -> str:
    """Return a value as TOML has it; one that needs no change, or is not recognized, stays."""
    token = token.strip()
    if is_toml(f"key = {token}"):
        return token
    trimmed = token.rstrip(",;").rstrip()
    if trimmed != token and is_toml(f"key = {trimmed}"):
        return trimmed
    token = trimmed
    lower = token.casefold()
    if lower in NO_VALUE:
        return '""'
    is_word = key in WORD_KEYS and lower not in ("true", "false")
    if not is_word and (truth := meant.meant_bool(token)) is not None:
        return "true" if truth else "false"
    bare = token.strip("\"'")
    if bare == token:
        if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?", token) or re.search(r"[ap]\.?m\b|uhr", lower):
            return quoted(meant.meant_time(token) or token)
        if meant_date := meant.meant_date(token):
            return quoted(meant_date)
        if re.fullmatch(r"[0-9]+(?:[.,][0-9]+)?\s*[a-z]+", lower) and (span := meant.meant_duration(token)):
            return quoted(span)
        if (number := meant.meant_number(token)) is not None:
            return f"{number!r}"
    return quoted(bare) if "\\" not in bare and '"' not in bare and "=" not in bare else token


def quoted(text: str) -> str:
    """Return a text with quotes."""
    return f'"{text}"'


def _more_on_line(shown: str, start: int, code: str) -> Iterator[tuple[int, str]]:
    """Yield the remedy of a line that goes on after its value."""
    rest = code[start:]
    after = re.match(r"\s*(?:[^\s,;\"'\[{]+|[\[{].*[\]}])?\s*", rest)
    text = shown[start:].strip()
    if found := re.search(r"[,;]\s*$", code.rstrip()):
        mark = shown[found.start()]
        yield found.start() + 1, f"no {mark} stands at the end of a line{proposed(shown[: found.start()])}"
        return
    if more := re.search(r"(?:,|;|\s)\s*([A-Za-z0-9_-]+)\s*=", rest):
        yield start + more.start(1) + 1, f"one line has one key; write {more[1]} on a line of its own"
        return
    if text.count('"') > 2:  # noqa: PLR2004
        inner = text.strip('"').replace('"', "'")
        key = shown[:start].rstrip(" =").strip()
        second = shown.index('"', shown.index('"', start) + 1) + 1
        if "[" in rest:
            joined = re.sub(r'"\s+"', '", "', shown)
            yield second + 1, f"a comma is missing between two values of the list{proposed(joined)}"
        else:
            yield (
                second,
                "the text ends at its second quote; write ' inside it" + proposed(f'{key} = "{inner}"'),
            )
        return
    if after and (more_text := shown[start + after.end() :].strip()):
        yield (
            start + after.end() + 1,
            f"the line ends after its value; a comment begins with #: # {more_text}",
        )
