"""Adds devices to the configuration file: at its end, without changing anything else in it."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import tomlkit

from daemons.config.check import RESERVED
from daemons.config.files import Locator, devices_of, read_files
from daemons.config.house import load_house
from daemons.errors import ConfigurationError, StorageError
from daemons.storage.paths import replace_file
from daemons.values import Problem

MAX_NAME_LENGTH = 40


def add(path: Path, tables: Mapping[str, str]) -> None:
    """Append tables (by device name, as `device_table` returns them) to the file, all or none.

    The files that it includes stay as they are. Raises ConfigurationError if a name is taken or if the
    changed file would not be valid, and StorageError if the file cannot be written.
    """
    files = read_files(path)
    if taken := [name for name in tables if any(name in devices_of(file) for file in files)]:
        why = "a device of this name exists already; choose another name"
        problems = [Problem(("devices", name), why) for name in taken]
        raise ConfigurationError(Locator(files, {}).locate(problems))
    text = files.main.text
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


def encode(value: Any) -> str:
    """Return a value of TOML in one line, as TOML writes it; a table becomes an inline table."""
    written: str = _item(value).as_string()
    return written


def _item(value: Any) -> Any:
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for key, inner in value.items():
            table.append(key, _item(inner))
        return table
    if isinstance(value, list | tuple):
        array = tomlkit.array()
        for inner in value:
            array.append(_item(inner))
        return array
    return tomlkit.item(value)


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
