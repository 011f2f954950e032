"""Reads broken TOML text as far as its remedies need it: strings, brackets and headers. Pure."""

import re
from typing import NamedTuple

HEADER = re.compile(r"\s*\[(\[?)([^\[\]#]*)\]")


class Opening(NamedTuple):
    """A quote or a bracket that opens something; line and column count from 1."""

    mark: str
    line: int
    column: int


def unclosed(text: str) -> Opening | None:
    """Return the first quote that is not closed; otherwise the last bracket that is not; None if none is."""
    brackets: list[Opening] = []
    for number, line in _lines_outside_texts(text):
        if isinstance(line, Opening):
            return line
        is_value = bool(brackets)  # a line that begins with [ is a header, but not inside a list
        for column, mark in enumerate(line, 1):
            is_value = is_value or mark == "="
            if not is_value:
                continue
            if mark in "[{":
                brackets.append(Opening(mark, number, column))
            elif mark in "]}" and brackets:
                brackets.pop()
    return brackets[-1] if brackets else None


def _lines_outside_texts(text: str) -> list[tuple[int, "str | Opening"]]:
    """Return each line with blanks for its texts and comments, and an Opening for the first unclosed text."""
    found: list[tuple[int, str | Opening]] = []
    inside = ""
    opened = Opening("", 1, 1)
    for number, line in enumerate(text.split("\n"), 1):
        shown, column = "", 0
        while column < len(line):
            if inside:
                end = _closing(line, column, inside)
                shown += " " * ((len(line) if end is None else end) - column)
                column = len(line) if end is None else end
                inside = inside if end is None else ""
                continue
            mark = line[column]
            if mark == "#":
                break
            if mark in "\"'":
                inside = mark * 3 if line.startswith(mark * 3, column) else mark
                opened = Opening(inside, number, column + 1)
                shown, column = shown + " " * len(inside), column + len(inside)
                continue
            shown, column = shown + mark, column + 1
        if len(inside) == 1:
            return [*found, (number, opened)]
        found.append((number, shown))
    return [*found, (opened.line, opened)] if inside else found


def _closing(line: str, column: int, quote: str) -> int | None:
    """Return the column after the closing quote, or None."""
    while column < len(line):
        if quote[0] == '"' and line[column] == "\\":
            column += 2
        elif line.startswith(quote, column):
            return column + len(quote)
        else:
            column += 1
    return None


def outside(line: str) -> str:
    """Return a line with its closed texts, and its comment, replaced by spaces of the same length."""
    found = _lines_outside_texts(line)[0][1]
    if isinstance(found, Opening):
        return line[: found.column - 1].ljust(len(line))
    return found.ljust(len(line))


def first_header(lines: list[str], header: str, before: int) -> int | None:
    """Return the line of the first header with this name, before a line; both count from 1."""
    wanted = plain_header(header)
    for number, line in enumerate(lines[: before - 1], 1):
        if (found := HEADER.match(line)) and plain_header(found[2]) == wanted:
            return number
    return None


def plain_header(name: str) -> str:
    """Return the dotted name of a header without quotes and spaces around its parts."""
    return ".".join(part.strip().strip("\"'") for part in name.split("."))


def first_key(lines: list[str], key: str, before: int) -> int | None:
    """Return the line on which the table of a line has a key already."""
    for number in range(before - 1, 0, -1):
        line = lines[number - 1]
        if HEADER.match(line):
            return None
        if line.partition("=")[0].strip().strip("\"'") == key:
            return number
    return None
