"""Writes devices into a person's configuration: at its end, and nothing else in it is touched."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import tomli
import tomlkit

from daemons.config.check import RESERVED
from daemons.config.house import load_house, parse
from daemons.config.location import Lines, Location
from daemons.errors import ConfigurationError, PlaceError
from daemons.storage.paths import write
from daemons.values import is_finite

LONGEST_NAME = 40
KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")


def add(path: Path, tables: Mapping[str, str]) -> None:
    """Write tables, as `stanza` makes them, by name into the file; it is changed as a whole or not at all.

    ConfigurationError tells what would be wrong with the whole file, or which name it has already.
    """
    text, raw = parse(path)
    there = raw.get("devices", {})
    if taken := [name for name in tables if isinstance(there, dict) and name in there]:
        lines, why = Lines(text), "there is such a device already; choose another name"
        raise ConfigurationError(
            [
                Location(str(path), lines.line(("devices", name)), f"devices.{name}", None, why)
                for name in taken
            ]
        )
    end = "\r\n" if "\r\n" in text else "\n"
    parts = [text if text.endswith("\n") or not text else text + end]
    parts += [end + table.replace("\n", end) for table in tables.values()]
    changed = "".join(parts)
    load_house(path, changed)
    real = path.resolve()  # what a link leads to is changed, and the link stays
    try:
        mode = real.stat().st_mode & 0o777
    except OSError as error:
        raise PlaceError(f"{path} cannot be changed: {error.strerror}") from error
    write(real, changed.encode(), mode)


def stanza(name: str, keys: Mapping[str, str], note: str = "") -> str:
    """Give the table of one device: its keys, each with its value as TOML has it; a note is a comment."""
    lines = [f"[devices.{name}]", *(f"{key} = {value}" for key, value in keys.items())]
    if note:
        lines.insert(1, f"# {note}")
    return "\n".join(lines) + "\n"


def argument(text: str) -> tuple[str, str]:
    """Read KEY=VALUE, and give the value as TOML has it; ValueError when it is none.

    A value that is a number, true, false, a quoted text, a list or a table in TOML is that; all else is text.
    """
    key, equals, value = text.partition("=")
    if not equals or not KEY.match(key):
        raise ValueError(f"{text!r} is not KEY=VALUE")
    try:
        read = tomli.loads(f"value = {value}")
    except ValueError:
        return key, encode(value)
    is_one = read.keys() == {"value"} and isinstance(read["value"], str | bool | int | float | list | dict)
    return key, value if is_one and is_finite(read["value"]) else encode(value)


def encode(value: Any) -> str:
    """Give a value as TOML has it."""
    written: str = tomlkit.item(value).as_string()
    return written


def name_for(title: str, kind: str, taken: Collection[str]) -> str:
    """Make a device's name of what it calls itself: one that is allowed, and not taken."""
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    word = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    word = (word if word[:1].isalpha() else f"{kind}_{word}")[:LONGEST_NAME].strip("_")
    name, number = word, 1
    while name in taken or name in RESERVED:
        number += 1
        name = f"{word[: LONGEST_NAME - len(str(number)) - 1]}_{number}"
    return name
