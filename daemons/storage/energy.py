"""Reads from the history how much energy a device used each day."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from sqlite3 import Connection
from typing import Any

from daemons.storage.hour import (
    BEFORE_SECONDS,
    DAY_SECONDS,
    ENERGY,
    HOUR_SECONDS,
    POWER,
    Hour,
    Interval,
    hours_of,
    summarize,
)
from daemons.storage.measured import hourly_until, steps

HOURS_BY_DAY = (
    "SELECT CAST((at + :offset) / 86400 AS INTEGER), sum(kwh), sum(seconds) FROM hour "
    "WHERE series = :id AND at >= :since AND at < :until AND kwh IS NOT NULL GROUP BY 1"
)
"""An hour that a change of day divides counts for the day in which it begins."""
MOST_LATEST_SECONDS = 2 * DAY_SECONDS
"""How much time is summed up while it is read: the recorder sums up an old history little by little."""
EPOCH = date(1970, 1, 1).toordinal()

Day = int
"""The number of a local day since 1970."""


def read_days(
    db: Connection, series: dict[str, int], since: float, until: float, zone: tzinfo, known: list[Interval]
) -> list[dict[str, Any]]:
    """Return the energy of each local day that a range touches: "from", "to", "kwh" and "known_seconds".

    `series` has the ids of the measurements of one device. `known` are the known times of the days that the
    hourly values do not have yet. A day without any known time is left out. The counter of a device counts,
    or its power if that is known for at least an hour more.
    """
    first, end = day_of(since, zone), day_of(until, zone) + 1
    found: dict[Day, tuple[float, float]] = {}
    for name in (POWER, ENERGY):
        if name in series:
            for day, (kwh, seconds) in days_of(db, name, series[name], first, end, zone, known).items():
                # What a device counts itself is the more exact, unless it began to count within the day.
                if seconds > found.get(day, (0.0, 0.0))[1] - HOUR_SECONDS:
                    found[day] = kwh, seconds
    return [
        {
            "from": begin_of(day, zone),
            "to": begin_of(day + 1, zone),
            "kwh": round(kwh, 4),
            "known_seconds": round(seconds),
        }
        for day, (kwh, seconds) in sorted(found.items())
    ]


def days_of(
    db: Connection, name: str, series: int, first: Day, end: Day, zone: tzinfo, known: list[Interval]
) -> dict[Day, tuple[float, float]]:
    """Return the energy in kWh and the known seconds of each day, by one measurement."""
    found: dict[Day, tuple[float, float]] = {}

    def add(day: Day, kwh: float, seconds: float) -> None:
        before = found.get(day, (0.0, 0.0))
        found[day] = before[0] + kwh, before[1] + seconds

    since, until = begin_of(first, zone), begin_of(end, zone)
    for begin, to, offset in offsets(first, end, zone):
        given = {"id": series, "since": begin, "until": to, "offset": offset}
        for day, kwh, seconds in db.execute(HOURS_BY_DAY, given):
            add(day, kwh, seconds)
    latest = known[-1][1] if known else since
    turn = max(hourly_until(db, series, until) or since, since, latest - MOST_LATEST_SECONDS)
    for hour in latest_hours(db, name, series, [(max(at, turn), to) for at, to in known if to > turn]):
        if hour.kwh is not None:
            add(day_of(hour.at, zone), hour.kwh, hour.seconds)
    return found


def latest_hours(db: Connection, name: str, series: int, known: list[Interval]) -> Iterator[Hour]:
    """Yield the hours that the table does not have yet."""
    for at in hours_of(known):
        rows = list(steps(db, series, at - BEFORE_SECONDS, at + HOUR_SECONDS))
        if hour := summarize(name, at, rows, known):
            yield hour


def day_of(at: float, zone: tzinfo) -> Day:
    """Return the local day of a time (Unix seconds)."""
    return datetime.fromtimestamp(at, zone).toordinal() - EPOCH


@lru_cache(2000)
def begin_of(day: Day, zone: tzinfo) -> float:
    """Return when a local day begins, in Unix seconds."""
    local = datetime.combine(date.fromordinal(EPOCH + day), datetime.min.time(), zone)
    return local.timestamp()


@lru_cache(4)
def offsets(first: Day, end: Day, zone: tzinfo) -> list[tuple[float, float, float]]:
    """Return the times from a day to another with one offset from UTC: begin, end and offset in seconds."""
    found = []
    begin, offset = begin_of(first, zone), offset_at(begin_of(first, zone), zone)
    for day in range(first + 1, end + 1):
        at = begin_of(day, zone)
        now = offset_at(at, zone)
        if now != offset:
            change = find_change(at - timedelta(days=1).total_seconds() - HOUR_SECONDS, at, zone)
            found.append((begin, change, offset))
            begin, offset = change, now
    return [*found, (begin, begin_of(end, zone), offset)]


def find_change(since: float, until: float, zone: tzinfo) -> float:
    """Return the hour within a range at which the offset from UTC changes."""
    at = since // HOUR_SECONDS * HOUR_SECONDS
    new = offset_at(until, zone)
    while at < until and offset_at(at, zone) != new:
        at += HOUR_SECONDS
    return at


def offset_at(at: float, zone: tzinfo) -> float:
    """Return by how many seconds a timezone is ahead of UTC at a time (Unix seconds)."""
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    return offset.total_seconds() if offset else 0.0
