"""The position of a configuration problem: file, line, table and key."""

import re
from bisect import bisect_left
from typing import Any

import tomli
from msgspec import Struct

from daemons.values import Path as Where
from daemons.values import Problem


class Location(Struct, frozen=True):
    """A problem and its position in the file; its text is `file:line: [table] key: problem`."""

    file: str
    line: int
    table: str
    key: str | None
    text: str
    column: int = 1
    """The column at which the problem begins, in characters from 1."""
    excerpt: str = ""
    """The text of the line."""

    def __str__(self) -> str:
        key = f" {self.key}:" if self.key else ""
        return f"{self.file}:{self.line}: [{self.table}]{key} {self.text}"


class Lines:
    """Finds the line of a value in TOML text.

    tomli returns values without positions. But every beginning of the file that ends between two
    statements is TOML, too. So a bisection over parsed beginnings finds the line on which a value
    first exists. Only a file with a problem pays for that.
    """

    def __init__(self, text: str) -> None:
        self._text = text.split("\n")
        self._lines = [f"{line}\n" for line in text.split("\n")]
        self._parsed: dict[int, dict[str, Any]] = {}

    def line(self, path: Where) -> int:
        """Return the first line of the statement that defines a path, or its nearest ancestor."""
        while path:
            number = bisect_left(
                range(len(self._lines)), True, key=lambda n: exists(self._up_to(n + 1), path)
            )
            if number < len(self._lines):
                return number + 1
            path = path[:-1]
        return 1

    def _up_to(self, number: int) -> dict[str, Any]:
        """Return the parsed beginning that ends with the statement on a line."""
        end = number
        while end not in self._parsed:
            try:
                self._parsed[end] = tomli.loads("".join(self._lines[:end]))
            except tomli.TOMLDecodeError:
                end += 1
        self._parsed[number] = self._parsed[end]
        return self._parsed[number]

    def locate(self, file: str, problem: Problem) -> Location:
        """Return the position of a problem: the innermost table with a header, and the key in it."""
        words = [str(part) for part in problem.path]
        depth = {"devices": 2, "hosts": 2, "defaults": 3}.get(words[0], 1)
        if words[0] == "include":
            table, key = "include", ""  # a key at the top, and no table
        elif words[2:3] == ["when"]:
            table, key = ".".join(words[:3]), ".".join(words[4:])
        else:
            table, key = ".".join(words[:depth]), ".".join(words[depth:])
        line = self.line(problem.path)
        shown = self._text[line - 1].rstrip("\r")
        is_key = problem.text.startswith("unknown key")
        column = column_of(shown, problem.path, of_value=not is_key)
        return Location(file, line, table, key or None, problem.text, column, shown)


def column_of(shown: str, path: Where, *, of_value: bool) -> int:
    """Return the column of the innermost key of a path that stands in a line, or of its value."""
    for part in reversed(path):
        word = rf"(?<![\w-])[\"']?{re.escape(str(part))}[\"']?(?![\w-])"
        found = re.search(rf"{word}\s*=\s*", shown)
        if isinstance(part, str) and found:
            return (found.end() if of_value else found.start()) + 1
        if isinstance(part, str) and shown.lstrip().startswith("[") and (found := re.search(word, shown)):
            return found.start() + 1
    return len(shown) - len(shown.lstrip()) + 1


def exists(raw: Any, path: Where) -> bool:
    """Return whether parsed TOML has a value at a path."""
    for part in path:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True
