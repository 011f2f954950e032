"""Which entry of a kind's timetable is in force. Pure.

It follows from the wall clock alone, and nothing is remembered. So a late start, an outage and a step of
the clock need no code of their own.
"""

from datetime import date, datetime, time
from typing import NamedTuple

from daemons.config.sun import DAY_SECONDS, ONE_DAY, SunCalendar, weekday
from daemons.kinds import TimetableEntry

NEAR_DAYS = range(-9, 10)
"""The days around today in which each entry begins at least once before now, and once after now."""


class InForce(NamedTuple):
    """The entry that is in force."""

    number: int
    """Its number in the timetable, from 0."""
    began_at: float
    """When it began (Unix seconds)."""


class Beginning(NamedTuple):
    """One moment at which an entry begins."""

    at: float
    """The moment (Unix seconds)."""
    nominal: datetime
    """The local date and time for which the moment stands."""
    number: int


class Timetable:
    """The timetable of one device."""

    def __init__(self, entries: tuple[TimetableEntry, ...], calendar: SunCalendar) -> None:
        self.is_empty = not entries
        self._entries = entries
        self._calendar = calendar
        self._in_force: InForce | None = None
        self._valid_from = 0.0
        self._valid_until = 0.0
        """From when until when (Unix seconds) no entry begins, and the answer stays the same."""
        self._next_at: float | None = None

    def in_force(self, now: float, wall: float) -> InForce | None:
        """Return the entry that is in force; None if there is none.

        If the clocks are set forward, an entry may begin later than its time. Then another entry that
        stands for a later time may have begun already, and stays in force.
        """
        if self.is_empty:
            return None
        if self.is_moved(wall):
            self._calculate(wall)
        self._next_at = now + (self._valid_until - wall)
        return self._in_force

    def next_deadline(self) -> float | None:
        """Return when the next entry begins, in the device's steady seconds; None if there is none."""
        return self._next_at

    def is_moved(self, wall: float) -> bool:
        """Return whether another entry may be in force since the last call, by the wall clock."""
        return not self.is_empty and not self._valid_from <= wall < self._valid_until

    def _calculate(self, wall: float) -> None:
        begun = self._beginnings(wall)
        past = [beginning for beginning in begun if beginning.at <= wall]
        latest = max(past, key=lambda beginning: (beginning.nominal, beginning.number), default=None)
        self._in_force = None if latest is None else InForce(latest.number, latest.at)
        self._valid_from = max((beginning.at for beginning in past), default=wall)
        # Without any entry in the next days, the sun has no such time: it is calculated again a day later.
        self._valid_until = min(
            (beginning.at for beginning in begun if beginning.at > wall), default=wall + DAY_SECONDS
        )

    def _beginnings(self, wall: float) -> list[Beginning]:
        today = self._calendar.local_time(wall).date()
        return [
            Beginning(moment, self._nominal(entry, day, moment), number)
            for number, entry in enumerate(self._entries)
            for day in (today + days * ONE_DAY for days in NEAR_DAYS)
            if entry.days is None or weekday(day) in entry.days
            if (moment := self._calendar.moment(entry.at, day)) is not None
        ]

    def _nominal(self, entry: TimetableEntry, day: date, moment: float) -> datetime:
        if entry.at.sun is None:
            return datetime.combine(day, time.fromisoformat(entry.at))
        return self._calendar.local_time(moment).replace(tzinfo=None)
