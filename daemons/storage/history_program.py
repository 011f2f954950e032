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
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import msgspec

from daemons.errors import HistoryError
from daemons.storage import history, history_table
from daemons.storage.history_query import Answer, HistoryQuery

NICE = 10
DEVICE_REASONS = ("rule", "clock")
"""The reasons whose `who` is a device."""
ZIP_LEVEL = 1
"""Higher levels take several times as long, and save a tenth."""


def main() -> None:
    """Answer the queries, until the input ends."""
    go_last()
    for line in sys.stdin.buffer:
        answer(line, sys.stdout.buffer)


def go_last() -> None:
    """Run after all other processes.

    The kernel may share them out among sessions before it looks at single processes. So this process is a
    session of its own: its work counts not as that of the house.
    """
    os.setsid()
    os.nice(NICE)
    with suppress(OSError):  # not every kernel has this
        Path("/proc/self/autogroup").write_text(str(NICE))


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
