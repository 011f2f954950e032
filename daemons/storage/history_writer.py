"""Writes the history: in whole transactions, each row once, and in small steps.

A committed row outlives a kill, and a row that was forced to the disk outlives a power cut. The journal
works in the same two steps.
"""

import os
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

import msgspec

from daemons.errors import DamagedHistory, HistoryError, LaterHistory
from daemons.storage.history import (
    BUSY_SECONDS,
    HOUSE,
    ORIGIN_COLUMNS,
    PATH,
    REASON_COLUMNS,
    translate_errors,
)
from daemons.storage.history_row import Absence, Change, Event, Input, Row, Sample
from daemons.storage.history_schema import OLD_VERSIONS, SCHEMA, UPGRADES, VERSION
from daemons.storage.hourly_values import HourlyValues
from daemons.storage.later import set_aside_later
from daemons.storage.series import fold, minute_of
from daemons.storage.unknown import SLACK_SECONDS

HOUR_SECONDS, DAY_SECONDS = 3600, 86400
STEP_ROWS = 500
"""How many rows one step folds or deletes."""
CHECK_SECONDS, CHECK_BYTES = 0.05, 1 << 24
"""How long a file is checked at the start, and up to which size it is checked at all."""
WAL_PAGES = 1000
"""How many pages the write-ahead log holds before a checkpoint: 4 MB. A checkpoint writes each changed page
once more and forces two files to the disk, so the fewer the better for an SD card."""
CACHE = -256
"""The cache size in kB; SQLite marks kB by the minus sign."""
CLOSED_SLACK_SECONDS = 5.0
"""A recorder that ended by itself and is back within so much time was restarted: that is no gap."""
MOST_ASIDE = 3
"""How many damaged files are kept."""


INSERT: dict[type, str] = {
    Change: "INSERT OR IGNORE INTO change SELECT :id, :at, :state, :cause, "
    ":by, :who, :rule, :moment, nullif(:origin_id, :cause), :origin_at, :origin_by, :origin_device, "
    ":origin_who WHERE :turned OR (:state, :cause) "
    "IS NOT (SELECT state, cause FROM change WHERE device = :id AND at <= :at ORDER BY at DESC LIMIT 1)",
    Sample: "INSERT OR IGNORE INTO sample SELECT :id, :at, :value WHERE :value "
    "IS NOT (SELECT value FROM sample WHERE series = :id AND at <= :at ORDER BY at DESC LIMIT 1)",
    Event: "INSERT OR IGNORE INTO process SELECT :id, :at, :life, :pid, :reason WHERE (:life, :pid, :reason) "
    "IS NOT (SELECT life, pid, reason FROM process WHERE device = :id AND at <= :at "
    "ORDER BY at DESC LIMIT 1)",
    Input: "INSERT INTO input (device, at, what, details) SELECT :id, :at, :what, :details "
    "WHERE :what != 'configuration' OR :details IS NOT (SELECT details FROM input "
    "WHERE device = :id AND what = 'configuration' ORDER BY at DESC, id DESC LIMIT 1)",
}
"""The statement for each type of row: no row is written twice, nor one that repeats the last row."""
BEGIN_ABSENCE = (
    "INSERT OR IGNORE INTO absence SELECT :id, :at, NULL, :why WHERE NOT EXISTS "
    "(SELECT 1 FROM absence WHERE device = :id AND why = :why AND until IS NULL)"
)
END_ABSENCE = "UPDATE absence SET until = max(:at, at) WHERE device = :id AND why = :why AND until IS NULL"
LATEST_ROW = (
    "SELECT max(last) FROM (SELECT (SELECT max(at) FROM change WHERE device = id AND at <= :now) AS last "
    "FROM device UNION ALL SELECT (SELECT max(at) FROM sample WHERE series = id AND at <= :now) FROM series)"
)


class HistoryWriter:
    """Writes the history; there is one writer in a house."""

    def __init__(self, path: Path = PATH) -> None:
        """Open the file, or create it.

        Raises HistoryError if that fails, and DamagedHistory if the file must be set aside.
        """
        with translate_errors():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                self.is_new = self._prepare(path)
            except BaseException:
                self._db.close()
                raise
            self._path, self._inode = path, path.stat().st_ino
        self._ids: dict[tuple[str, ...], int] = {}
        self._pending: list[tuple[str, int]] = []
        self._tidied_hour = 0.0
        self._run: float | None = None
        """When the present time of recording began, in Unix seconds; None before the first mark."""
        self._hourly = HourlyValues(self._db)
        self._is_unforced = False

    def _prepare(self, path: Path) -> bool:
        """Check an existing file, or create the tables of a new one; return whether it is new."""
        own = {
            "journal_mode": "WAL",
            "synchronous": "NORMAL",
            "wal_autocheckpoint": WAL_PAGES,
            "cache_size": CACHE,
        }
        for key, value in own.items():
            self._db.execute(f"PRAGMA {key} = {value}")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version in (VERSION, *OLD_VERSIONS):
            self._check(path)
            if version != VERSION:
                steps = " ".join(UPGRADES[old] for old in range(version, VERSION))
                self._db.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {VERSION}; COMMIT")
            return False
        if version > VERSION:
            raise LaterHistory(f"{path}: it is of version {version}, this house writes {VERSION}")
        if version or tables:
            raise DamagedHistory(f"{path}: it is of version {version}, this house writes {VERSION}")
        self._db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT")
        return True

    def _check(self, path: Path) -> None:
        """Check for damage, within the time that a start may take; other damage is found on use."""
        if path.stat().st_size > CHECK_BYTES:
            return
        end = time.monotonic() + CHECK_SECONDS
        self._db.set_progress_handler(lambda: time.monotonic() > end, 1000)
        try:
            found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            return
        finally:
            self._db.set_progress_handler(None, 0)
        if found != "ok":
            raise DamagedHistory(f"{path}: {found}")

    def write(self, rows: Iterable[Row]) -> None:
        """Write rows, all or none; a row that is already there is not written again.

        Raises HistoryError if the rows cannot be written.
        """
        with translate_errors():
            if self._path.stat().st_ino != self._inode:
                raise HistoryError(f"{self._path}: the file was removed")
            with self._transaction():
                for row in rows:
                    self._write(row)
            self._is_unforced = True

    def secure(self) -> None:
        """Force the committed rows to the disk."""
        if self._is_unforced:
            with translate_errors(), Path(f"{self._path}-wal").open("rb") as wal:
                os.fdatasync(wal.fileno())
            self._is_unforced = False

    def mark(self, now: float, *, continues: bool = False, closed: bool = False) -> None:
        """Note that the house is recorded at `now` (Unix seconds).

        The first note continues the time of recording before if the gap is too short to be told from none,
        or with `continues`. Otherwise nothing is known of the gap. `closed`: the recorder ends now.
        """
        with translate_errors(), self._transaction():
            if self._run is None:
                self._run = self._begin_run(now, continues=continues)
            given = (max(now, self._run), closed, self._run)
            self._db.execute("UPDATE recording SET until = ?, closed = ? WHERE at = ?", given)
        self._is_unforced = True

    def _begin_run(self, now: float, *, continues: bool) -> float:
        query = "SELECT at, until, closed FROM recording WHERE at <= ? ORDER BY at DESC LIMIT 1"
        if last := self._db.execute(query, (now,)).fetchone():
            at, until, closed = last
            if not closed:
                (latest,) = self._db.execute(LATEST_ROW, {"now": now}).fetchone()
                until = max(until, latest or 0.0)
                self._db.execute("UPDATE recording SET until = ? WHERE at = ?", (until, at))
            if continues or now - until <= (CLOSED_SLACK_SECONDS if closed else SLACK_SECONDS):
                return float(at)
        self._db.execute("INSERT OR REPLACE INTO recording VALUES (?, ?, 0)", (now, now))
        return now

    def remove_absent(self, present: Collection[str], now: float) -> None:
        """Note that nothing is known any more of each device that is not among those that are `present`."""
        with translate_errors(), self._transaction():
            for (name,) in self._db.execute("SELECT name FROM device").fetchall():
                if name not in present and name != HOUSE:
                    self._write(Absence(name, now, "removed", is_over=False))

    def size(self) -> int:
        """Return the size in bytes, with the write-ahead log."""
        files = [Path(f"{self._path}{end}") for end in ("", "-wal", "-shm")]
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Close the file."""
        with translate_errors():
            self._db.close()

    def _write(self, row: Row) -> None:
        """Insert a row, unless it is there or repeats the row before it."""
        device = self._id("device", row.device)
        if isinstance(row, Input):
            self._write_input(device, row)
            return
        if isinstance(row, Absence):
            self._db.execute(END_ABSENCE if row.is_over else BEGIN_ABSENCE, {**row._asdict(), "id": device})
            return
        given = {**row._asdict(), "id": device}
        if isinstance(row, Change):
            given["state"] = msgspec.json.encode(row.state).decode()
            for fields, columns in ((row.reason, REASON_COLUMNS), (row.origin, ORIGIN_COLUMNS)):
                given |= {column: (fields or {}).get(field) for field, column in columns}
            del given["reason"], given["origin"]
        elif isinstance(row, Sample):
            given["id"] = self._id("series", device, row.name)
        self._db.execute(INSERT[type(row)], given)

    def _write_input(self, device: int, row: Input) -> None:
        """Insert an input, unless it is there; first insert a gap if inputs of its device are missing."""
        missing = 0
        if row.boot is not None:
            step = row.what != "gap"
            query = "SELECT boot, number FROM received WHERE device = ?"
            last = self._db.execute(query, (device,)).fetchone()
            boot, number = last or (row.boot, row.number - step)
            if boot != row.boot:  # a kill may have made its process forget the last of its numbers
                number = min(number, row.earlier)
            if last and row.number <= number:
                return
            missing = row.number - number - step
            query = "INSERT OR REPLACE INTO received VALUES (?, ?, ?)"
            self._db.execute(query, (device, row.boot, row.number))
        if missing:
            self._insert_input(device, row.at, "gap", {"missing": missing})
        if row.what != "gap":
            self._insert_input(device, row.at, row.what, row.details)

    def _insert_input(self, device: int, at: float, what: str, details: Mapping[str, Any]) -> None:
        text = msgspec.json.encode(details).decode()
        self._db.execute(INSERT[Input], {"id": device, "at": at, "what": what, "details": text})

    def _id(self, table: str, *key: Any) -> int:
        """Return the id of a device or a series; a new name gets a new id."""
        found = self._ids.get((table, *key))
        if found is None:
            columns = "name" if table == "device" else "device, name"
            marks = ", ".join("?" * len(key))
            self._db.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", key)  # noqa: S608
            query = f"SELECT id FROM {table} WHERE ({columns}) = ({marks})"  # noqa: S608
            found = self._ids[(table, *key)] = int(self._db.execute(query, key).fetchone()[0])
        return found

    # Small steps

    def tidy(self, now: float, keep_seconds: float, keep_hours_seconds: float = inf) -> bool:
        """Do one small step: add hourly values, fold samples older than a day, delete what is too old.

        The hourly values, and the times in which nothing was recorded, are kept for `keep_hours_seconds`.
        Return False when nothing is left to do; there is new work once an hour.
        """
        hour = now - now % HOUR_SECONDS
        with translate_errors():
            if not self._pending:
                if hour == self._tidied_hour:
                    return False
                self._tidied_hour = hour
                for table in ("device", "series"):
                    found = self._db.execute(f"SELECT id FROM {table}")  # noqa: S608
                    self._pending += [(table, id_) for (id_,) in found]
            if not self._pending:
                return False
            table, id_ = self._pending[-1]
            with self._transaction():
                more = table == "series" and self._hourly.add(id_, hour)
                if not more:  # what is deleted is in the hourly values by then
                    more = table == "series" and self._fold(id_, hour - DAY_SECONDS)
                    more |= self._delete_old(table, id_, hour - keep_seconds)
                    self._delete_hours(table, id_, hour - keep_hours_seconds)
            if not more:
                self._pending.pop()
            self._is_unforced = True
            return True

    def _delete_old(self, key: str, id_: int, before: float) -> bool:
        """Delete old rows but the latest of them, which still held when the kept rows began.

        The digests of the configurations are few, and stay.
        """
        more = False
        given = {"id": id_, "before": before, "most": STEP_ROWS}
        for table in ("change", "process", "input") if key == "device" else ("sample", "minute"):
            old = f"{key} = :id" + (" AND what != 'configuration'" if table == "input" else "")
            query = (
                f"DELETE FROM {table} WHERE {old} AND at IN (SELECT at FROM {table} WHERE {old} "  # noqa: S608
                f"AND at < (SELECT max(at) FROM {table} WHERE {old} AND at <= :before) "
                "ORDER BY at LIMIT :most)"
            )
            more |= self._db.execute(query, given).rowcount >= STEP_ROWS
        return more

    def _delete_hours(self, key: str, id_: int, before: float) -> None:
        """Delete what is kept longest: each hour, only the rows of one more hour are too old."""
        if key == "series":
            for table in ("hour", "day"):
                self._db.execute(f"DELETE FROM {table} WHERE series = ? AND at < ?", (id_, before))  # noqa: S608
        else:
            self._db.execute("DELETE FROM absence WHERE device = ? AND until < ?", (id_, before))
            self._db.execute("DELETE FROM recording WHERE until < ?", (before,))

    def _fold(self, series: int, before: float) -> bool:
        rows = self._db.execute(
            "SELECT at, value FROM sample WHERE series = ? AND at < ? ORDER BY at LIMIT ?",
            (series, before, STEP_ROWS),
        ).fetchall()
        if not rows:
            return False
        full = len(rows) == STEP_ROWS
        whole = [row for row in rows if row[0] < minute_of(rows[-1][0])] if full else rows
        whole = whole or rows
        last = self._db.execute(
            "SELECT last FROM minute WHERE series = ? AND at < ? ORDER BY at DESC LIMIT 1",
            (series, whole[0][0]),
        ).fetchone()
        self._db.executemany(
            "INSERT OR REPLACE INTO minute VALUES (?, ?, ?, ?, ?, ?)",
            [(series, step.at, *step[2:]) for step in fold(whole, last[0] if last else None)],
        )
        self._db.execute("DELETE FROM sample WHERE series = ? AND at <= ?", (series, whole[-1][0]))
        return full

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._ids.clear()
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def set_aside(path: Path, now: float, *, is_later: bool = False) -> Path:
    """Rename a damaged file, and return its new path; only the latest of them are kept.

    With `is_later`, the file is of a later version: it is kept for good.
    """
    if is_later:
        files = [Path(f"{path}{end}") for end in ("-wal", "-shm", "")]
        return set_aside_later("history", files) / path.name
    aside = path.with_name(f"{path.stem}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}{path.suffix}")
    with translate_errors():
        for end in ("-wal", "-shm", ""):
            if (file := Path(f"{path}{end}")).exists():
                file.replace(f"{aside}{end}")
        for old in sorted(path.parent.glob(f"{path.stem}-*{path.suffix}"))[:-MOST_ASIDE]:
            for end in ("", "-wal", "-shm"):
                Path(f"{old}{end}").unlink(missing_ok=True)
    return aside
