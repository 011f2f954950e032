"""Reads the history of a house, for the page and for `house history`.

The history is one SQLite file. Only the recorder writes it. Readers are other processes, and
neither side waits for the other (write-ahead log).
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import msgspec

from daemons.errors import DamagedHistory, HistoryError
from daemons.storage.energy import MOST_LATEST_SECONDS, read_days
from daemons.storage.history_query import MOST_STRETCHES
from daemons.storage.history_schema import OLD_VERSIONS, VERSION, VIEWS
from daemons.storage.hour import ENERGY, POWER
from daemons.storage.measured import RANGE, read_points
from daemons.storage.series import thin
from daemons.storage.unknown import MOST_UNKNOWN, Unknown, known_times, unknown_times
from daemons.values import Seconds

PATH = Path("history") / "history.db"
"""The path of the file, relative to the run directory."""
HOUSE = ""
"""The name that the table of devices has for the whole house: some inputs belong to no device."""
REASON_COLUMNS = (("by", "by"), ("who", "who"), ("rule", "rule"), ("at", "moment"))
ORIGIN_COLUMNS = (
    ("id", "origin_id"),
    ("at", "origin_at"),
    ("by", "origin_by"),
    ("device", "origin_device"),
    ("who", "origin_who"),
)
"""For each field of a reason and of an origin, the column that has it."""
CHANGE = (
    "state, cause, by, who, rule, moment, "
    "iif(origin_at IS NULL, NULL, ifnull(origin, cause)), origin_at, origin_by, origin_device, origin_who"
)
"""The columns of a change as `change_of` takes them."""
BUSY_SECONDS = 1.0
MOST_EVENTS = 1000
"""How many process events of one device one answer contains at most."""
MOST_AT_ONCE = 2000
"""How many changes of one device are read at once."""
EMPTY: dict[str, Any] = {"stretches": [], "measurements": {}, "processes": [], "unknown": [], "energy": []}
"""The history of a device of which nothing was recorded."""
CHANGES_BY = (
    "SELECT at FROM change WHERE device = :id AND at >= :since AND at < :until "
    "AND (by = :by OR who = :by OR by || ':' || who = :by "
    "OR substr(who, 1, length(:within)) = :within OR substr(by || ':' || who, 1, length(:within)) = :within) "
    "ORDER BY at DESC LIMIT :most"
)
"""The changes with a reason, newest first; `within` is it with a colon, as "page" includes "page:anna"."""
NOTHING = "there is no history yet; the recorder begins it when the house is up"
ADVICE = (
    "the recorder looks once an hour, sets it aside and begins a new one; so does `house restart recorder`"
)
NO_ID = ("hardware", "restore", "max_on", "off_timer")
"""Causes that name no press: many changes share such a cause, and none of them was the first."""


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate errors of SQLite and of the disk to HistoryError and DamagedHistory."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, HistoryError):
            raise
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        text = f"{PATH}: {error.strerror if isinstance(error, OSError) else error}"
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DamagedHistory(text) from error
        raise HistoryError(text) from error


def parse_time(text: str, zone: tzinfo, now: float) -> float:
    """Parse a duration before `now`, or a date and time, to Unix seconds.

    Raises ValueError, which says what is allowed, for anything else and for the future.
    """
    allowed = 'how long ago, such as "90s", "2h" or "7d", or a date and time, such as "2026-11-24 06:30"'
    try:
        at = now - Seconds.parse(text)
    except ValueError:
        try:
            read = datetime.fromisoformat(text)
            at = (read if read.tzinfo else read.replace(tzinfo=zone)).timestamp()
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{text!r} is no time; allowed: {allowed}") from error
    if not 0 <= at < now:
        raise ValueError(f"{text!r} is no time in the past; allowed: {allowed}")
    return at


def read(
    path: Path,
    names: Iterable[str],
    since: float,
    until: float,
    most: int,
    by: str | None = None,
    *,
    zone: tzinfo = UTC,
    most_stretches: int = MOST_STRETCHES,
) -> dict[str, Any]:
    """Return what happened from `since` to `until` (Unix seconds), as docs/page.md describes it.

    Each measurement has about `most` points. With `by`, the answer has only the changes with this reason: a
    word such as "rule", a word and its sender, such as "rule:hall_motion", or a sender. The days are those of
    `zone`.

    Raises HistoryError if there is no history, or if it cannot be read.
    """
    if not (since < until and most > 0):
        raise ValueError("since must be earlier than until, and most must be 1 or more")
    if not path.exists():
        raise HistoryError(NOTHING)
    try:
        with snapshot(path) as db:
            if by is not None:
                devices = {name: _changes(db, name, since, until, by) for name in names}
            else:
                devices = {
                    name: _device(db, name, since, until, most, zone, most_stretches) for name in names
                }
            causes = {stretch["cause"] for found in devices.values() for stretch in found["stretches"]}
            return {
                "since": since,
                "until": until,
                "resolution_seconds": (until - since) / most,
                "devices": devices,
                "causes": _causes(db, causes - {None, *NO_ID}),
            }
    except DamagedHistory as error:
        raise DamagedHistory(f"{error}; {ADVICE}") from error


def states_at(path: Path, names: Iterable[str], at: float) -> dict[str, dict[str, Any]]:
    """Return the recorded states of devices at a time (Unix seconds); one without a state then is left out.

    Raises HistoryError if there is no history, or if it cannot be read.
    """
    if not path.exists():
        raise HistoryError(NOTHING)
    query = (
        "SELECT state FROM change JOIN device ON id = device "
        "WHERE name = ? AND at <= ? ORDER BY at DESC LIMIT 1"
    )
    with snapshot(path) as db:
        rows = {name: db.execute(query, (name, at)).fetchone() for name in names}
    return {name: msgspec.json.decode(row[0]) for name, row in rows.items() if row is not None}


@contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection whose queries all see the same state of the file; check its version."""
    with (
        translate_errors(),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", timeout=BUSY_SECONDS, uri=True)) as db,
    ):
        db.execute("BEGIN")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            raise HistoryError(NOTHING)  # the recorder is creating it right now
        if version in OLD_VERSIONS:
            for view in VIEWS[version]:
                db.execute(view)
        elif version != VERSION:
            raise DamagedHistory(f"{path}: it is of version {version}, this house reads {VERSION}")
        yield db


def _changes(db: sqlite3.Connection, name: str, since: float, until: float, by: str) -> dict[str, Any]:
    """Return the history of a device with nothing but its changes with a reason."""
    row = db.execute("SELECT id FROM device WHERE name = ?", (name,)).fetchone()
    found = _changes_by(db, row[0], since, until, by) if row else []
    return {**EMPTY, "stretches": found}


def _device(
    db: sqlite3.Connection,
    name: str,
    since: float,
    until: float,
    most: int,
    zone: tzinfo,
    most_stretches: int,
) -> dict[str, Any]:
    row = db.execute("SELECT id FROM device WHERE name = ?", (name,)).fetchone()
    if row is None:
        return {**EMPTY, "unknown": [Unknown(since, until, "before").document()]}
    events = db.execute(
        "SELECT at, life, pid, reason FROM process WHERE device = ? AND at BETWEEN ? AND ? "
        "ORDER BY at DESC LIMIT ?",
        (*row, since, until, MOST_EVENTS),
    ).fetchall()
    series = dict(db.execute("SELECT name, id FROM series WHERE device = ? ORDER BY name", row).fetchall())
    unknown = _unknown(db, row[0], since, until, most)
    known = known_times(unknown, since, until)
    measured = {name: read_points(db, id_, since, until, most, known) for name, id_ in series.items()}
    stretches = _stretches(db, row[0], since, until, most_stretches)
    begins = stretches[0]["from"] if stretches else until
    if begins > since and (stretches or _has_changed(db, row[0])):
        unknown.insert(0, Unknown(since, begins, "before"))
    return {
        "stretches": stretches,
        "measurements": {name: found for name, found in measured.items() if found},
        "processes": [
            dict(zip(("at", "life", "pid", "reason"), event, strict=True)) for event in reversed(events)
        ],
        "unknown": [one.document() for one in unknown],
        "energy": _energy(db, row[0], series, since, until, zone),
    }


def _has_changed(db: sqlite3.Connection, device: int) -> bool:
    """Return whether a device has any recorded state: a service of the house has none."""
    query = "SELECT EXISTS (SELECT 1 FROM change WHERE device = ?)"
    return bool(db.execute(query, (device,)).fetchone()[0])


def _unknown(db: sqlite3.Connection, device: int, since: float, until: float, most: int) -> list[Unknown]:
    """Return the times that are not known, without those that are shorter than the time of one point."""
    least = (until - since) / most
    found = [one for one in unknown_times(db, device, since, until) if one.to - one.at >= least]
    longest = sorted(found, key=lambda one: one.at - one.to)[:MOST_UNKNOWN]
    return sorted(longest)


def _energy(
    db: sqlite3.Connection, device: int, series: dict[str, int], since: float, until: float, zone: tzinfo
) -> list[dict[str, Any]]:
    """Return the energy of each day, if the device measures it."""
    if not series.keys() & {POWER, ENERGY}:
        return []
    begin = min(since, until - MOST_LATEST_SECONDS)
    known = known_times(unknown_times(db, device, begin, until), begin, until)
    return read_days(db, series, since, until, zone, known)


def _stretches(
    db: sqlite3.Connection, device: int, since: float, until: float, most: int
) -> list[dict[str, Any]]:
    """Return the states of a device, beginning with the one that held at `since`."""
    given: dict[str, Any] = {"id": device, "since": since, "until": until}
    within = RANGE.format(table="change", key="device")
    rows = db.execute(f"SELECT at, {CHANGE} {within} ORDER BY at LIMIT {MOST_AT_ONCE}", given)
    read = {at: tuple(row) for at, *row in rows}
    times = list(read)
    if len(read) == MOST_AT_ONCE:
        times = [at for (at,) in db.execute(f"SELECT at {within} ORDER BY at", given)]
    times = thin(times, until, most)
    query = "SELECT min(at) FROM change WHERE device = :id AND at >= :until"
    (after,) = db.execute(query, given).fetchone()
    ends = zip(times, [*times[1:], after], strict=False)
    return [
        {"from": at, "to": to, **change_of(read[at])} if at in read else _stretch(db, device, at, to)
        for at, to in ends
    ]


def _changes_by(
    db: sqlite3.Connection, device: int, since: float, until: float, by: str
) -> list[dict[str, Any]]:
    """Return the latest changes of a device that began in a range and had this reason."""
    given: dict[str, Any] = {"id": device, "since": since, "until": until}
    given |= {"by": by, "within": f"{by}:", "most": MOST_STRETCHES}
    times = [at for (at,) in db.execute(CHANGES_BY, given)][::-1]
    return [_stretch(db, device, at, _next_change(db, device, at)) for at in times]


def _stretch(db: sqlite3.Connection, device: int, at: float, to: float | None) -> dict[str, Any]:
    query = f"SELECT {CHANGE} FROM change WHERE device = ? AND at = ?"  # noqa: S608  a constant
    return {"from": at, "to": to, **change_of(db.execute(query, (device, at)).fetchone())}


def _next_change(db: sqlite3.Connection, device: int, at: float) -> float | None:
    query = "SELECT min(at) FROM change WHERE device = ? AND at > ?"
    found: float | None = db.execute(query, (device, at)).fetchone()[0]
    return found


def change_of(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the state of a row with the columns CHANGE, with its cause, reason and origin."""
    reason = {field: value for (field, _), value in zip(REASON_COLUMNS, row[2:6], strict=True)}
    origin = {field: value for (field, _), value in zip(ORIGIN_COLUMNS, row[6:], strict=True)}
    return {
        "state": msgspec.json.decode(row[0]),
        "cause": row[1],
        "reason": _known(reason) if reason["by"] else None,
        "origin": _known(origin) if origin["id"] else None,
    }


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if value is not None}


def _causes(db: sqlite3.Connection, causes: set[str]) -> dict[str, Any]:
    """Return, for each cause, which device it changed first, and to which phase."""
    found = {}
    query = (
        "SELECT name, at, state FROM change JOIN device ON id = device WHERE cause = ? ORDER BY at LIMIT 1"
    )
    for cause in sorted(causes):
        device, at, state = db.execute(query, (cause,)).fetchone()
        found[cause] = {"device": device, "at": at, "phase": msgspec.json.decode(state).get("phase")}
    return found
