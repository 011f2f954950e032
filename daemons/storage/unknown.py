"""The times of which a history knows nothing: nothing was recorded, or a device could not be heard."""

from collections.abc import Iterable, Iterator
from sqlite3 import Connection
from typing import Any, NamedTuple

from daemons.storage.history_query import Why
from daemons.storage.hour import Interval

MARK_SECONDS = 60.0
"""How often the recorder notes that it records."""
SLACK_SECONDS = 1.5 * MARK_SECONDS
"""So long after its last note the recorder counts as recording: a shorter gap cannot be told from none."""
MOST_UNKNOWN = 500
"""How many unknown times of one device one answer contains at most: the longest."""
RECORDED = "SELECT at, until, closed FROM recording WHERE at < :until AND until >= :since ORDER BY at"
ABSENT = (
    "SELECT at, ifnull(until, :until), why FROM absence WHERE device = :id AND at < :until "
    "AND ifnull(until, :until) > :since ORDER BY at"
)


class Unknown(NamedTuple):
    """A time of which nothing is known of a device."""

    at: float
    """When it began, in Unix seconds."""
    to: float
    why: Why
    """"before": before the first recorded state. "not_recorded": the recorder did not run. "silent": the
    process of the device was not heard. "unreachable": its hardware was not reached. "removed": the device
    was not in the configuration."""

    def document(self) -> dict[str, Any]:
        """Return it as in docs/page.md."""
        return {"from": self.at, "to": self.to, "why": self.why}


def unknown_times(db: Connection, device: int, since: float, until: float) -> list[Unknown]:
    """Return the times within a range of which nothing is known of a device, in order; some may overlap."""
    given = {"id": device, "since": since, "until": until}
    found = [Unknown(max(at, since), min(end, until), why) for at, end, why in db.execute(ABSENT, given)]
    runs = recorded(db, since, until)
    if runs is not None:
        found += [Unknown(*gap, "not_recorded") for gap in complement(runs, since, until)]
    return sorted(found)


def recorded(db: Connection, since: float, until: float) -> list[Interval] | None:
    """Return when the recorder recorded; None in a history that does not tell."""
    rows = db.execute(RECORDED, {"since": since - SLACK_SECONDS, "until": until}).fetchall()
    if not rows:
        known = db.execute("SELECT EXISTS (SELECT 1 FROM recording)").fetchone()[0]
        return [] if known else None
    (last,) = db.execute("SELECT max(at) FROM recording").fetchone()
    return [(at, end if closed or at < last else end + SLACK_SECONDS) for at, end, closed in rows]


def complement(known: Iterable[Interval], since: float, until: float) -> Iterator[Interval]:
    """Yield the parts of a range that no interval covers."""
    begin = since
    for at, to in sorted(known):
        if at > begin:
            yield begin, min(at, until)
        begin = max(begin, to)
        if begin >= until:
            return
    if begin < until:
        yield begin, until


def known_times(unknown: Iterable[Unknown], since: float, until: float) -> list[Interval]:
    """Return the parts of a range that are known."""
    return list(complement(((one.at, one.to) for one in unknown), since, until))
