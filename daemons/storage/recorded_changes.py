"""Reads single changes and values from the history, for `house why`."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from daemons.errors import DamagedHistory, HistoryError
from daemons.storage.history import ADVICE, CHANGE, NOTHING, change_of, snapshot

LATEST = (
    f"SELECT at, {CHANGE} FROM change JOIN device ON id = device "  # noqa: S608  a constant
    "WHERE name = ? AND at <= ? ORDER BY at DESC LIMIT ?"
)
VALUE = (
    "SELECT at, value FROM (SELECT at, value FROM sample WHERE series = :id AND at <= :at "
    "UNION ALL SELECT at, last FROM minute WHERE series = :id AND at <= :at) ORDER BY at DESC LIMIT 1"
)


class RecordedChanges:
    """The changes in the history, as one moment of the file has them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def changes(self, device: str, until: float, most: int) -> list[dict[str, Any]]:
        """Return the latest changes of a device up to `until` (Unix seconds), newest first."""
        rows = self._db.execute(LATEST, (device, until, most))
        return [{"at": at, **change_of(row)} for at, *row in rows]

    def measured(self, device: str, name: str, at: float) -> float | None:
        """Return the value that a measurement had at a time (Unix seconds), or None if it is not known."""
        query = (
            "SELECT series.id FROM series JOIN device ON device.id = device "
            "WHERE device.name = ? AND series.name = ?"
        )
        series = self._db.execute(query, (device, name)).fetchone()
        found = series and self._db.execute(VALUE, {"id": series[0], "at": at}).fetchone()
        return float(found[1]) if found else None


@contextmanager
def open_changes(path: Path) -> Iterator[RecordedChanges]:
    """Yield the changes; raises HistoryError if there is no history, or if it cannot be read."""
    if not path.exists():
        raise HistoryError(NOTHING)
    try:
        with snapshot(path) as db:
            yield RecordedChanges(db)
    except DamagedHistory as error:
        raise DamagedHistory(f"{error}; {ADVICE}") from error
