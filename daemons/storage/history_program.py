"""The program that reads the history for the page: `python -m daemons.storage.history_program`.

In a process of its own it delays no other, and the others go first (nice(2)). It stays for further queries,
because its start takes longer than most answers.

Each line of its input is a HistoryQuery as JSON; the working directory is the run directory. Each answer is a
line with an Answer as JSON, and then as many bytes as it says: the history as docs/page.md describes it, as
JSON or as CSV. It ends with its input.
"""

import gzip
import os
import sys
from collections.abc import Collection
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import msgspec

from daemons.errors import HistoryError
from daemons.storage import history, history_table

NO_HISTORY = 3
"""The exit status of a program that answers one query, if the history cannot be read."""
NICE = 10
DEVICE_REASONS = ("rule", "clock")
"""The reasons whose `who` is a device."""
ZIP_LEVEL = 1
"""Higher levels take several times as long, and save a tenth."""


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: `since` and `until` are Unix seconds."""

    names: tuple[str, ...]
    since: float
    until: float
    points: int
    visible: tuple[str, ...] | None = None
    """The devices that causes may name; None for all."""
    timezone: str = "UTC"
    """The timezone of the days, and of the times in a table."""
    stretches: int = history.MOST_STRETCHES
    """How many stretches of a device the answer has at most."""
    csv: bool = False
    """Whether the answer is a table (RFC 4180)."""
    zipped: bool = False
    """Whether the answer is compressed (gzip)."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What precedes an answer."""

    length: int
    """The length of the answer in bytes."""
    fault: str | None = None
    """Why the history cannot be read."""


def main() -> None:
    """Answer the queries, until the input ends."""
    os.nice(NICE)
    for line in sys.stdin.buffer:
        answer(line, sys.stdout.buffer)


def answer(line: bytes, out: BinaryIO) -> None:
    """Answer one query."""
    content, fault = b"", None
    try:
        content = read(msgspec.json.decode(line, type=HistoryQuery))
    except HistoryError as error:
        fault = str(error)
    out.write(msgspec.json.encode(Answer(length=len(content), fault=fault)) + b"\n" + content)
    out.flush()


def read(query: HistoryQuery) -> bytes:
    """Return the content of an answer; raises HistoryError if the history cannot be read."""
    zone = ZoneInfo(query.timezone)
    found = history.read(
        history.PATH,
        query.names,
        query.since,
        query.until,
        query.points,
        zone=zone,
        most_stretches=query.stretches,
    )
    if query.visible is not None:
        causes = found["causes"].items()
        hide_reasons(found, query.visible)
        found["causes"] = {cause: first for cause, first in causes if first["device"] in query.visible}
    content = history_table.format_history(found, zone).encode() if query.csv else msgspec.json.encode(found)
    return gzip.compress(content, ZIP_LEVEL, mtime=0) if query.zipped else content


def hide_reasons(found: dict[str, Any], visible: Collection[str]) -> None:
    """Remove from the reasons and origins of a history what names a device that is not visible."""
    for device in found["devices"].values():
        for stretch in device["stretches"]:
            reason, origin = stretch["reason"], stretch["origin"]
            if reason and reason["by"] in DEVICE_REASONS and reason.get("who") not in visible:
                reason.pop("who", None)
            if origin and origin.get("device") not in visible:
                stretch["origin"] = None


if __name__ == "__main__":
    main()
