"""Adds devices to the configuration file: at its end, without changing anything else in it."""

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
from daemons.errors import ConfigurationError, StorageError
from daemons.storage.paths import replace_file
from daemons.values import is_finite

MAX_NAME_LENGTH = 40
KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")


def add(path: Path, tables: Mapping[str, str]) -> None:
    """Append tables (by device name, as `device_table` returns them) to the file, all or none.

    Raises ConfigurationError if a name is taken or if the changed file would not be valid, and
    StorageError if the file cannot be written.
    """
    text, raw = parse(path)
    there = raw.get("devices", {})
    if taken := [name for name in tables if isinstance(there, dict) and name in there]:
        lines, why = Lines(text), "a device of this name exists already; choose another name"
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
    real = path.resolve()  # a link stays, and its target is changed
    try:
        mode = real.stat().st_mode & 0o777
    except OSError as error:
        raise StorageError(f"{path} cannot be changed: {error.strerror}") from error
    replace_file(real, changed.encode(), mode)


def device_table(name: str, keys: Mapping[str, str], note: str = "") -> str:
    """Return the table of one device from its keys and their values in TOML; `note` becomes a comment."""
    lines = [f"[devices.{name}]", *(f"{key} = {value}" for key, value in keys.items())]
    if note:
        lines.insert(1, f"# {note}")
    return "\n".join(lines) + "\n"


def argument(text: str) -> tuple[str, str]:
    """Parse KEY=VALUE, and return the value as TOML; raises ValueError for anything else.

    A number, true, false, a quoted text, a list or a table in TOML keeps its type; all else is text.
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
    """Return a value as TOML."""
    written: str = tomlkit.item(value).as_string()
    return written


def name_for(title: str, kind: str, taken: Collection[str]) -> str:
    """Return a device name made from a title: one that is allowed and free."""
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    word = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    word = (word if word[:1].isalpha() else f"{kind}_{word}")[:MAX_NAME_LENGTH].strip("_")
    name, number = word, 1
    while name in taken or name in RESERVED:
        number += 1
        name = f"{word[: MAX_NAME_LENGTH - len(str(number)) - 1]}_{number}"
    return name
