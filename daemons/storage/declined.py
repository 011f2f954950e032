"""The latest rules of a device that looked and did not act, for `house why --not`: lines in a small file."""

from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from daemons.storage.line_file import read_lines

FOLDER = Path("declined")
"""The folder of the files, relative to the run directory."""
MAX_BYTES = 64 * 1024
"""The size at which the file is renamed, and a new one begins. One older file is kept."""


class Declined(Struct, frozen=True, omit_defaults=True):
    """A rule that looked and did not act."""

    at: float
    """When it decided, in Unix seconds."""
    reason: str
    rule: int | None = None
    """Its number among the rules of the device, from 1; None for a daily time of the kind."""
    cause: str | None = None
    """The id of the press or command that it looked at."""
    code: str | None = None
    """The reason as a code, for programs that translate it; None if it has none."""
    values: dict[str, bool | int | float | str | None] = {}
    """The values that belong to the code."""


def declined_path(name: str) -> Path:
    """Return the path of the file of a device."""
    return FOLDER / f"{name}.jsonl"


def read_declined(name: str) -> list[Declined]:
    """Return the rules of a device that did not act, oldest first; the process may write meanwhile."""
    path = declined_path(name)
    found: list[Declined] = []
    for one in (Path(f"{path}.1"), path):
        with suppress(OSError):
            found += read_lines(one, Declined)[0]
    return found


def encode(line: Declined) -> bytes:
    """Return the line of a file."""
    return msgspec.json.encode(line) + b"\n"
