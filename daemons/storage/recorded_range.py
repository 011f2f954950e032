"""Reads all changes and values of a range from the history, for a replay."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Any, NamedTuple

from daemons.errors import DamagedHistory, HistoryError
from daemons.storage.history import ADVICE, CHANGE, HOUSE, NOTHING, change_of, snapshot
from daemons.storage.measured import STEPS
from daemons.storage.recorded_changes import RecordedChanges
from daemons.storage.series import Six

CHANGES = (
    f"SELECT at, name, {CHANGE} FROM device JOIN change ON device.id = change.device "  # noqa: S608  a constant
    "WHERE at >= ? AND at < ? ORDER BY at"
)
SERIES = (
    "SELECT series.id, device.name, series.name FROM series JOIN device ON device.id = series.device "
    "ORDER BY device.name, series.name"
)
INPUTS_BEGIN = (
    "SELECT min(at) FROM input WHERE device = (SELECT id FROM device WHERE name = ?) "
    "AND what = 'configuration'"
)
MOST_CHANGES = 200
"""How many changes before a range are read, to find since when a device was on."""


class StateThen(NamedTuple):
    """The state of a device at a time."""

    state: dict[str, Any]
    """All fields that are known, with the measurements."""
    since: float
    """When its status took its value, in Unix seconds, as far as it is known."""


class RecordedRange:
    """What a history has recorded, as one moment of the file has it."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._changes = RecordedChanges(db)
        self._series: dict[str, dict[str, int]] = {}
        for id_, device, name in db.execute(SERIES):
            self._series.setdefault(device, {})[name] = id_

    def begins(self) -> float | None:
        """Return since when outside inputs are recorded, in Unix seconds; None if they never were."""
        found: float | None = self._db.execute(INPUTS_BEGIN, (HOUSE,)).fetchone()[0]
        return found

    def state_then(self, device: str, at: float) -> StateThen | None:
        """Return the state of a device at a time (Unix seconds); None if it is not known."""
        changes = self._changes.changes(device, at, MOST_CHANGES)
        if not changes:
            return None
        status, since = changes[0]["state"].get("status"), changes[0]["at"]
        for change in changes:
            if change["state"].get("status") != status:
                break
            since = change["at"]
        measured = {name: self._changes.measured(device, name, at) for name in self._series.get(device, ())}
        known = {name: value for name, value in measured.items() if value is not None}
        return StateThen({**changes[0]["state"], **known}, since)

    def changes(self, since: float, until: float) -> Iterator[dict[str, Any]]:
        """Yield each change of a range with "at", "device" and what `change_of` returns, in order of time."""
        for at, name, *row in self._db.execute(CHANGES, (since, until)):
            yield {"at": at, "device": name, **change_of(tuple(row))}

    def steps(self, device: str, field: str, since: float, until: float) -> Iterable[Six]:
        """Return the steps of a measurement within a range; none if it was not recorded."""
        id_ = self._series.get(device, {}).get(field)
        if id_ is None:
            return ()
        rows = self._db.execute(STEPS, {"id": id_, "since": since, "until": until})
        return (row for row in rows if row[0] >= since)


@contextmanager
def open_range(path: Path) -> Iterator[RecordedRange]:
    """Yield the reader; raises HistoryError if there is no history, or if it cannot be read."""
    if not path.exists():
        raise HistoryError(NOTHING)
    try:
        with snapshot(path) as db:
            yield RecordedRange(db)
    except DamagedHistory as error:
        raise DamagedHistory(f"{error}; {ADVICE}") from error
