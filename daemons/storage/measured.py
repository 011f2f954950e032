"""Reads a measurement from the history: as points of a range, of the resolution that was asked for.

A long range is read from the hourly values, of which a year has 8,760. What is not in them yet is read from
the samples and the minutes.
"""

from collections.abc import Iterable, Iterator
from math import ceil
from sqlite3 import Connection

from daemons.storage.hour import HOUR_SECONDS, Interval
from daemons.storage.series import MINUTE_SECONDS, Six, points, settled

RANGE = (
    "FROM {table} WHERE {key} = :id AND at < :until AND at >= "
    "ifnull((SELECT max(at) FROM {table} WHERE {key} = :id AND at <= :since), :since)"
)
"""The rows of a range, and the last row before it, which held when the range began."""
STEPS = f"""
    SELECT at, (CAST(at AS INTEGER) / {MINUTE_SECONDS} + 1) * {MINUTE_SECONDS}.0,
        low, mean, high, last {RANGE.format(table="minute", key="series")}
    UNION ALL SELECT at, at, value, value, value, value
        {RANGE.format(table="sample", key="series")}
    ORDER BY at
"""
"""The steps of a series, in the columns of `series.Step`."""
HOURS = (
    "SELECT min(at), min(low), sum(mean * seconds) / sum(seconds), max(high) FROM hour "
    "WHERE series = :id AND at >= :since AND at < :until "
    "GROUP BY CAST((at - :since) / :width AS INTEGER) ORDER BY 1"
)
FIRST = (
    "SELECT min(at) FROM (SELECT min(at) AS at FROM minute WHERE series = :id "
    "UNION ALL SELECT min(at) FROM sample WHERE series = :id)"
)
HOURLY_FROM_SECONDS = 1800
"""The hourly values are read if one point covers at least so much time."""
UNKNOWN = None, None, None
"""The values of a point from which on the value is not known."""

Point = list[float | None]


def steps(db: Connection, series: int, since: float, until: float) -> Iterator[Six]:
    """Return the steps of a series, beginning with the value that held at `since`."""
    return iter(db.execute(STEPS, {"id": series, "since": since, "until": until}))


def hourly_until(db: Connection, series: int, before: float) -> float | None:
    """Return the end of the last hour of a series before a time (Unix seconds); None without one."""
    query = "SELECT max(at) FROM hour WHERE series = ? AND at < ?"
    (found,) = db.execute(query, (series, before)).fetchone()
    return None if found is None else float(found) + HOUR_SECONDS


def first_step(db: Connection, series: int) -> float | None:
    """Return the time of the first sample or minute of a series."""
    found: float | None = db.execute(FIRST, {"id": series}).fetchone()[0]
    return found


def read_points(
    db: Connection, series: int, since: float, until: float, most: int, known: Iterable[Interval]
) -> list[Point]:
    """Return about `most` points of a measurement: [time, lowest, mean, highest].

    Each holds until the next one. A point without values begins a time of which nothing is known; `known`
    are the other times.
    """
    width = (until - since) / most
    turn = since
    """Before it, the hourly values are read."""
    hourly = hourly_until(db, series, until)
    if hourly is not None and hourly > since:
        first = first_step(db, series)
        if width >= HOURLY_FROM_SECONDS or first is None:
            turn = min(hourly, until)
        else:
            turn = min(max(first, since), until)
    known = [(max(begin, turn), end) for begin, end in known if end > turn]
    found = list[Point]()
    if turn > since:
        found += hour_points(db, series, since, turn, width)
        if turn < until and (not known or known[0][0] > turn):
            found.append([turn, *UNKNOWN])
    for begin, end in known:
        share = max(1, ceil(most * (end - begin) / (until - since)))
        rows = steps(db, series, begin, end)
        found += [
            [*point] for point in points(rows if begin == turn else settled(rows, begin), begin, end, share)
        ]
        if end < until:
            found.append([end, *UNKNOWN])
    return joined(found)


def hour_points(db: Connection, series: int, since: float, until: float, width: float) -> Iterator[Point]:
    """Yield the points that follow from the hourly values; each covers one or more whole hours."""
    length = max(1, round(width / HOUR_SECONDS)) * HOUR_SECONDS
    begin = since // HOUR_SECONDS * HOUR_SECONDS
    following = None
    given = {"id": series, "since": begin, "until": until, "width": length}
    for at, low, mean, high in db.execute(HOURS, given):
        slot = begin + (at - begin) // length * length
        if following is not None and slot > following:
            yield [following, *UNKNOWN]
        yield [max(at if following is None or slot > following else slot, since), low, round(mean, 3), high]
        following = slot + length
    if following is not None and following < until:
        yield [following, *UNKNOWN]


def joined(found: Iterable[Point]) -> list[Point]:
    """Leave out each point that says the same as the one before it, and an unknown beginning."""
    chosen = list[Point]()
    for point in found:
        if chosen and chosen[-1][1] is None and chosen[-1][0] == point[0]:
            chosen.pop()
        last = chosen[-1][1:] if chosen else list(UNKNOWN)
        if point[1:] != last or point[1] != point[3]:
            chosen.append(point)
    return chosen
