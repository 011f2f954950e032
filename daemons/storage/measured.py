"""Reads a measurement from the history: as points of a range, of the resolution that was asked for.

A long range is read from the hourly values, of which a year has 8,760, or from the daily ones. What is not in
them yet is read from the samples and the minutes.
"""

from collections.abc import Iterable, Iterator
from math import ceil
from sqlite3 import Connection

from daemons.storage.hour import DAY_SECONDS, HOUR_SECONDS, Interval
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
SLOTS = (
    "SELECT :begin + CAST((at - :begin) / :length AS INTEGER) * :length AS slot, min(low), "
    "round(sum(mean * seconds) / sum(seconds), 3), max(high) FROM {table} "
    "WHERE series = :id AND at >= :begin AND at < :until GROUP BY slot ORDER BY slot"
)
"""The points from the hourly or daily values; each covers one or more of them."""
FIRST = (
    "SELECT min(at) FROM (SELECT min(at) AS at FROM minute WHERE series = :id "
    "UNION ALL SELECT min(at) FROM sample WHERE series = :id)"
)
HOURLY_FROM_SECONDS, DAILY_FROM_SECONDS = 1800, 8 * 3600
"""The hourly or the daily values are read if one point covers at least so much time."""
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
        found += summed_points(db, series, since, turn, width)
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


def summed_points(db: Connection, series: int, since: float, until: float, width: float) -> list[Point]:
    """Return the points that follow from the hourly values, or from the daily ones."""
    table, unit = ("day", DAY_SECONDS) if width >= DAILY_FROM_SECONDS else ("hour", HOUR_SECONDS)
    length = max(1, round(width / unit)) * unit
    begin = since // unit * unit
    given = {"id": series, "begin": begin, "until": until, "length": length}
    found = list[Point]()
    following = begin
    for at, low, mean, high in db.execute(SLOTS.format(table=table), given):
        if at > following and found:
            found.append([following, *UNKNOWN])
        found.append([at, low, mean, high])
        following = at + length
    if found and found[0][0] == begin:
        found[0][0] = since
    if found and following < until:
        found.append([following, *UNKNOWN])
    return found


def joined(found: Iterable[Point]) -> list[Point]:
    """Leave out each point that says the same as the one before it, and an unknown beginning."""
    chosen = list[Point]()
    low = high = None
    for point in found:
        if low is None and chosen and chosen[-1][0] == point[0]:
            chosen.pop()  # what follows at once is known
        if point[1] == low and point[3] == high and low == high and (low is not None or point[1] is None):
            continue
        _, low, _, high = point
        chosen.append(point)
    return chosen
