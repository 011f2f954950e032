"""The remedies of the mistakes that people make in TOML: what to write instead, and where. Pure.

tomli reports where its grammar fails. A remedy names the mistake, and the right line. A right line is only
proposed if it is TOML.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import tomli

from daemons.config import toml_line
from daemons.config.toml_scan import Opening, first_header, first_key, unclosed

QUOTES_MARK = "“”„‟‘’‚‛«»‹›`´″′＂"
INVISIBLE = re.compile(
    "[\ufeff\u200b-\u200f\u2028\u2029\u2060\u00ad\u00a0\u2000-\u200a\u202f\u3000\x00-\x08\x0b-\x1f\x7f]"
)
INVISIBLE_NAMES = {
    "\ufeff": "a byte-order mark",
    "\u00a0": "a no-break space",
    "\u200b": "a zero-width space",
}
COMMENT = re.compile(r"\s*(//|;|--|/\*|\*|<!--|%|REM\b|!)")
COMMENT_LATER = re.compile(r"\s*(//|--|/\*|<!--|;\s*(?=\S))")
PLAIN = {
    "Invalid value": "this is no value; a text needs quotes, and true, false and numbers have none",
    "Invalid statement": "this is no line of TOML; allowed: key = value, [header] and # comment",
    "Expected '=' after a key in a key/value pair": "an = is missing after the key",
    "Expected newline or end of document after a statement": "one line has one key and one value",
}
"""Messages of tomli in plain words, for a mistake without a remedy of its own."""


class Remedy(NamedTuple):
    """What is wrong and what to write, with its position; line and column count from 1."""

    line: int
    column: int
    text: str


def find_remedy(text: str, line: int, column: int, message: str) -> Remedy:
    """Return the remedy for an error of tomli; without a better one, its message in plain words."""
    lines = text.split("\n")
    line = min(line, len(lines))
    for remedy in _whole(text, lines, line, column, message):
        return remedy
    shown = lines[line - 1].rstrip("\r")
    for at, found in _in_line(shown, column, message):
        return Remedy(line, at, found)
    return Remedy(line, column, plain(message))


def plain(message: str) -> str:
    """Return a message of tomli in plain words; another one stays as it is."""
    return PLAIN.get(message, message[:1].lower() + message[1:])


def _whole(text: str, lines: list[str], line: int, column: int, message: str) -> Iterator[Remedy]:
    """Yield the remedies that need more than the line of the error."""
    shown = lines[line - 1]
    if "\r" in shown.rstrip("\r"):
        yield Remedy(
            line, shown.index("\r") + 1, "the line ends are those of an old Mac; save the file with LF"
        )
    if text.lstrip().startswith("{") and line <= 2:  # noqa: PLR2004
        yield Remedy(
            line, column, 'this is JSON, and a configuration is TOML: [house], and below it name = "Home"'
        )
    if shown.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        yield Remedy(
            line, 1, "this mark is from a merge of two versions; keep one version, and delete the marks"
        )
    if found := INVISIBLE.search(shown.rstrip("\r")):
        name = INVISIBLE_NAMES.get(found[0], "an invisible character")
        yield Remedy(line, found.start() + 1, f"{name} (U+{ord(found[0]):04X}) stands here; delete it")
    if message.startswith("Cannot declare"):
        yield from _declared_twice(lines, line)
    elif message == "Cannot overwrite a value":
        yield from _key_twice(lines, line)
    opening = unclosed(text)
    if opening is not None and (opening.line < line or _is_about_end(message)):
        yield from _not_closed(lines, opening)


def _is_about_end(message: str) -> bool:
    return message.startswith(("Illegal character", "Unterminated", "Unclosed", 'Expected "\'"'))


def _declared_twice(lines: list[str], line: int) -> Iterator[Remedy]:
    """Yield the remedy for a table that stands twice, if its header is a good one."""
    shown = lines[line - 1]
    found = re.match(r"\s*\[+([^\[\]]*)\]", shown)
    if found is None or toml_line.header(shown) is not None:
        return
    header = found[1].strip()
    first = first_header(lines, header, line)
    where = (
        f"stands already on line {first}"
        if first
        else "exists already, as an inline table or by a dotted key"
    )
    name = f"[{header}]"
    text = f"{name} {where}; write all its keys below one header"
    if header.startswith("devices.") and header.count(".") == 1:
        text += ", or choose another name for this device"
    yield Remedy(line, shown.index("[") + 1, text)


def _key_twice(lines: list[str], line: int) -> Iterator[Remedy]:
    shown = lines[line - 1]
    key = shown.partition("=")[0].strip().strip("\"'")
    first = first_key(lines, key, line)
    where = f"stands already on line {first}" if first else "is set already in this table"
    yield Remedy(
        line, len(shown) - len(shown.lstrip()) + 1, f"the key {key} {where}; keep one of the two lines"
    )


def _not_closed(lines: list[str], opening: Opening) -> Iterator[Remedy]:
    """Yield the remedy for a quote or a bracket that is not closed."""
    shown = lines[opening.line - 1].rstrip("\r")
    for at, found in _curly(shown):
        yield Remedy(opening.line, at, found)
    if opening.mark in "[{":
        what, end = ("list", "]") if opening.mark == "[" else ("table", "}")
        fixed = toml_line.proposed(shown.rstrip() + (" }" if end == "}" else end))
        text = f"the {what} that begins here is not closed; add {end} at its end{fixed}"
    elif len(opening.mark) == 1:
        before = shown[: opening.column - 1].rstrip()
        if not before.endswith(("=", "[", ",", "{")):  # a value such as lamp", without its first quote
            for at, found in toml_line.value(shown, opening.column):
                yield Remedy(opening.line, at, found)
        text = f"the text that begins here is not closed; add {opening.mark} at its end"
        code = shown.rstrip().partition(" #")[0].rstrip()
        text += toml_line.proposed(code + opening.mark)
    else:
        text = f"the text that begins here is not closed; add {opening.mark} at its end"
    yield Remedy(opening.line, opening.column, text)


def _in_line(shown: str, column: int, message: str) -> Iterator[tuple[int, str]]:
    """Yield the remedies that need only the line: a column and a text."""
    yield from _curly(shown)
    yield from _comment(shown, column)
    if shown.lstrip().startswith("["):
        if (found := toml_line.header(shown)) is not None:
            yield found
    else:
        yield from toml_line.key_and_value(shown, column, message)


def _curly(shown: str) -> Iterator[tuple[int, str]]:
    """Yield the remedy for quotes that a word processor has made."""
    at = next((index for index, mark in enumerate(shown) if mark in QUOTES_MARK), None)
    if at is None or ('"' in shown[:at] and shown[:at].count('"') % 2):
        return
    straight = "".join('"' if mark in QUOTES_MARK else mark for mark in shown)
    text = f"the quote {shown[at]} is not a straight one; a text has straight quotes"
    yield at + 1, text + toml_line.proposed(straight)


def _comment(shown: str, column: int) -> Iterator[tuple[int, str]]:
    """Yield the remedy for a comment of another language."""
    if found := COMMENT.match(shown):
        rest = re.sub(r"\s*(\*/|-->)\s*$", "", shown[found.end() :]).strip()
        yield found.start(1) + 1, f"a comment begins with #: # {rest}".rstrip()
    elif found := COMMENT_LATER.match(shown, max(0, column - 1)):
        rest = re.sub(r"\s*(\*/|-->)\s*$", "", shown[found.end() :]).strip()
        yield (
            found.start(1) + 1,
            "a comment begins with #" + toml_line.proposed(f"{shown[: found.start()].rstrip()}  # {rest}"),
        )


def is_toml(line: str) -> bool:
    """Return whether a line alone is TOML."""
    try:
        tomli.loads(line)
    except (tomli.TOMLDecodeError, ValueError):
        return False
    return True
