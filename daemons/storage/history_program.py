"""The program that reads the history for the page: `python -m daemons.storage.history_program QUERY`.

A year of fifty devices takes half a minute of processor time. In a process of its own it delays no
other, and the others go first (nice(2)).

QUERY is a HistoryQuery as JSON; the working directory is the run directory. The output is the history, as
docs/page.md describes it. The exit status is NO_HISTORY if it cannot be read; then the error output says
why.
"""

import os
import sys
from collections.abc import Collection
from typing import Any

import msgspec

from daemons.errors import HistoryError
from daemons.storage import history

NO_HISTORY = 3
NICE = 10
DEVICE_REASONS = ("rule", "clock")
"""The reasons whose `who` is a device."""


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: `since` and `until` are Unix seconds."""

    names: tuple[str, ...]
    since: float
    until: float
    points: int
    visible: tuple[str, ...] | None = None
    """The devices that causes may name; None for all."""


def main() -> None:
    """Read, and write the answer."""
    query = msgspec.json.decode(sys.argv[1], type=HistoryQuery)
    os.nice(NICE)
    try:
        found = history.read(history.PATH, query.names, query.since, query.until, query.points)
    except HistoryError as error:
        sys.stderr.write(str(error))
        sys.exit(NO_HISTORY)
    if query.visible is not None:
        causes = found["causes"].items()
        hide_reasons(found, query.visible)
        found["causes"] = {cause: first for cause, first in causes if first["device"] in query.visible}
    sys.stdout.buffer.write(msgspec.json.encode(found))


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
