"""The table of one device in the text of a configuration file: finds its lines, and replaces them. Pure.

The lines are found by the headers of tables. Parsing then checks that the lines have the whole device, and
nothing else. So no way to write TOML can move a change to another table.
"""

from collections.abc import Iterator
from typing import Any

import tomli
from msgspec import Struct

from daemons.errors import HouseError

RETURN = "\r"


class NotEditable(HouseError, ValueError):
    """The table of a device is written in a way that the page does not edit; the text says how."""


class Header(Struct, frozen=True):
    """The header of a table."""

    line: int
    """Its line, from 0."""
    path: tuple[str, ...]


class DeviceText(Struct, frozen=True):
    """The lines of one device in a file."""

    lines: tuple[str, ...]
    """All lines of the file, each without the line feed at its end."""
    has_returns: bool
    """Whether a carriage return ends the lines of the file, too."""
    first: int
    """The first line of the device, from 0: a comment directly above its header belongs to it."""
    end: int
    """The line after its last one."""

    @property
    def text(self) -> str:
        """The lines of the device, each with a line feed alone at its end."""
        return "".join(f"{line.removesuffix(RETURN)}\n" for line in self.lines[self.first : self.end])

    def replaced(self, text: str) -> str:
        """Return the text of the file with other lines of the device."""
        own = [line.removesuffix(RETURN) for line in text.rstrip("\r\n").split("\n")]
        if self.has_returns:
            own = [line + RETURN for line in own]
            if self.end == len(self.lines):  # no line feed follows
                own[-1] = own[-1].removesuffix(RETURN)
        return "\n".join([*self.lines[: self.first], *own, *self.lines[self.end :]])


def find_device(text: str, name: str) -> DeviceText:
    """Return the lines of a device in the text of a file; raises NotEditable if they cannot be edited."""
    lines = text.split("\n")
    headers = list(find_headers(lines))
    own = [number for number, header in enumerate(headers) if header.path[:2] == ("devices", name)]
    if not own:
        raise NotEditable(
            f"the page edits only tables with a header of their own, [devices.{name}]; edit the file by hand"
        )
    if own[-1] - own[0] + 1 != len(own):
        places = ", ".join(str(headers[number].line + 1) for number in own)
        raise NotEditable(
            f"the tables of {name} are not together (lines {places}); move or edit them by hand"
        )
    first = above_comments(lines, headers[own[0]].line)
    following = own[-1] + 1
    end = above_comments(lines, headers[following].line) if following < len(headers) else len(lines)
    while not lines[end - 1].strip():
        end -= 1
    found = DeviceText(tuple(lines), lines[0].endswith(RETURN), first, end)
    check_whole(text, found, name)
    return found


def check_whole(text: str, found: DeviceText, name: str) -> None:
    """Check that the lines have the whole device and nothing else; raises NotEditable."""
    whole = tomli.loads(text)
    alone = tomli.loads(found.text)
    if alone != {"devices": {name: whole["devices"][name]}}:
        raise NotEditable(
            f"a part of {name} stands outside of its tables, or another table within; edit the file by hand"
        )


def stray_keys(raw: dict[str, Any], name: str) -> Iterator[tuple[str, ...]]:
    """Yield the paths in the parsed text of a device that do not belong to the device."""
    for key in raw:
        if key != "devices":
            yield (key,)
    devices = raw.get("devices")
    if not isinstance(devices, dict):
        if "devices" in raw:
            yield ("devices",)
        return
    for other in devices:
        if other != name:
            yield ("devices", other)


def is_only_change(before: dict[str, Any], after: dict[str, Any], name: str) -> bool:
    """Return whether two parsed files differ in one device only, which both of them have as a table."""

    def without(raw: dict[str, Any]) -> dict[str, Any]:
        return raw | {"devices": {key: table for key, table in raw["devices"].items() if key != name}}

    both = (before.get("devices"), after.get("devices"))
    if not all(isinstance(devices, dict) and isinstance(devices.get(name), dict) for devices in both):
        return False
    return without(before) == without(after) and list(both[0]) == list(both[1])  # type: ignore[arg-type]


def find_headers(lines: list[str]) -> Iterator[Header]:
    """Yield the header of each table. A line within a string or a list is none, whatever it looks like."""
    quotes, depth = "", 0
    for number, line in enumerate(lines):
        if not quotes and not depth and line.lstrip(" \t").startswith("["):
            yield Header(number, header_path(line.removesuffix(RETURN)))
        else:
            quotes, depth = after_line(line, quotes, depth)


def header_path(line: str) -> tuple[str, ...]:
    """Return the path in a header such as `[[devices.toaster.when]]`."""
    raw: Any = tomli.loads(line)
    path = []
    while isinstance(raw, dict) and raw:
        ((key, raw),) = raw.items()
        path.append(key)
    return tuple(path)


def after_line(line: str, quotes: str, depth: int) -> tuple[str, int]:
    """Return the open quotes of a string over several lines, and the depth of open brackets, after a line."""
    at = 0
    while at < len(line):
        if quotes:
            at, is_closed = end_of_string(line, at, quotes)
            quotes = "" if is_closed or len(quotes) == 1 else quotes
            continue
        character = line[at]
        if character == "#":
            break
        if character in "\"'":
            quotes = character * 3 if line.startswith(character * 3, at) else character
            at += len(quotes)
            continue
        depth += (character in "[{") - (character in "]}")
        at += 1
    return ("" if len(quotes) == 1 else quotes), depth


def end_of_string(line: str, at: int, quotes: str) -> tuple[int, bool]:
    """Return the place after a string that is open at `at`, and whether it ends in this line."""
    while at < len(line):
        if line[at] == "\\" and quotes[0] == '"':
            at += 2
        elif line.startswith(quotes, at):
            at += len(quotes)
            while len(quotes) > 1 and line.startswith(quotes[0], at):
                at += 1  # up to two quotes may stand before the closing ones
            return at, True
        else:
            at += 1
    return at, False


def above_comments(lines: list[str], number: int) -> int:
    """Return the first of the comments directly above a line, or the line itself without any."""
    while number and lines[number - 1].lstrip(" \t").startswith("#"):
        number -= 1
    return number
