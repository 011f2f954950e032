"""Adds the hourly values of each measurement to the history, from its samples and minutes."""

from sqlite3 import Connection

from daemons.storage.hour import BEFORE_SECONDS, DAY_SECONDS, HOUR_SECONDS, cut, hours_of, summarize
from daemons.storage.measured import first_step, hourly_until, steps
from daemons.storage.unknown import known_times, unknown_times

DAY = (
    "INSERT OR REPLACE INTO day SELECT series, :at, min(low), sum(mean * seconds) / sum(seconds), max(high), "
    "sum(seconds) FROM hour WHERE series = :id AND at >= :at AND at < :at + 86400 GROUP BY series"
)
"""The values of a day, from those of its hours; they change until the day is over."""
STEP_HOURS, DAY_HOURS = 1, 24
"""How many hours one step adds of the last days, which may have a sample each second, and of earlier days."""


class HourlyValues:
    """Adds the rows of the table `hour`."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._done: dict[int, float] = {}
        """By series, until when (Unix seconds) its known hours are in the table."""

    def add(self, series: int, until: float) -> bool:
        """Add the next hours of a series before `until` (Unix seconds); return whether more are left."""
        begin = self._done.get(series)
        if begin is None:
            begin = hourly_until(self._db, series, until) or first_step(self._db, series)
        if begin is None:
            return False
        begin = begin // HOUR_SECONDS * HOUR_SECONDS
        if begin >= until:
            return False
        device, name = self._db.execute("SELECT device, name FROM series WHERE id = ?", (series,)).fetchone()
        known = known_times(unknown_times(self._db, device, begin, until), begin, until)
        hours = hours_of(known)
        now = hours[: DAY_HOURS if hours and hours[0] < until - 2 * DAY_SECONDS else STEP_HOURS]
        if now:
            rows = list(steps(self._db, series, now[0] - BEFORE_SECONDS, now[-1] + HOUR_SECONDS))
            found = [
                summarize(name, at, cut(rows, at - BEFORE_SECONDS, at + HOUR_SECONDS), known) for at in now
            ]
            self._db.executemany(
                "INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(series, *hour._replace(mean=round(hour.mean, 4))) for hour in found if hour is not None],
            )
            for day in {at // DAY_SECONDS * DAY_SECONDS for at in now}:
                self._db.execute(DAY, {"id": series, "at": day})
        self._done[series] = now[-1] + HOUR_SECONDS if len(now) < len(hours) else until
        return len(now) < len(hours)
