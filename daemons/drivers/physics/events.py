"""The events of a simulated calendar, as a person writes them: `"tue 17:00-18:00 Piano"`. Pure."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Self

from daemons.kinds import CalendarEvent, CalendarEvents
from daemons.values import DAYS, Parsed

DATE, CLOCK = r"\d{4}-\d\d-\d\d", r"(?:[01]\d|2[0-3]):[0-5]\d"
PATTERN = re.compile(
    rf"(?:({DATE})(?:/({DATE}))?|({'|'.join(DAYS)})|(every day))"  # the days
    rf"(?: ({CLOCK})(?:-({CLOCK}))?)?"  # the times
    r" +(?!\d{1,2}:\d)(\S.*)"  # the title, which is no time that was written wrongly
)
MAX_LENGTH = 300
DAY_SECONDS = 86_400.0
PAST_DAYS, AHEAD_DAYS = 2, 23
"""The days of which a simulated calendar knows the events."""


class EventText(str, Parsed):
    """An event of a simulated calendar: its days, perhaps its times, and its title."""

    __slots__ = ()
    allowed = (
        'an event such as "2026-12-24 Holiday", "2026-12-24/2026-12-26 Holiday", "tue Bins", '
        '"mon 17:00-18:00 Piano" or "every day 07:00 School"'
    )

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parse an event; raises ValueError for anything else."""
        if not isinstance(text, str) or len(text) > MAX_LENGTH or not (found := PATTERN.fullmatch(text)):
            raise ValueError(cls.allowed)
        try:
            days = [date.fromisoformat(day) for day in found.groups()[:2] if day]
        except ValueError:
            raise ValueError(cls.allowed) from None
        if days != sorted(days):
            raise ValueError("its last day is before its first day")
        return cls(text)

    def on(self, day: date) -> CalendarEvent | None:
        """Return its occurrence that begins on a day, or None."""
        found = PATTERN.fullmatch(self)
        assert found is not None  # noqa: S101  `parse` has checked it
        first, last, weekday, _, begin, end, title = found.groups()
        if (first is not None and first != day.isoformat()) or weekday not in (None, DAYS[day.weekday()]):
            return None
        last_day = date.fromisoformat(last) if last else day
        if begin is None:
            return CalendarEvent(
                local(day), local(last_day) + DAY_SECONDS, title, is_all_day=True, is_local=True
            )
        begins, ends = local(day, begin), local(last_day, end or begin)
        if ends < begins:
            ends += DAY_SECONDS
        return CalendarEvent(begins, ends, title, is_local=True)

    @property
    def first_day(self) -> date | None:
        """The day on which it begins; None for one that repeats."""
        return date.fromisoformat(self[:10]) if self[0].isdigit() else None


def local(day: date, clock: str = "00:00") -> float:
    """Return a local time as a CalendarEvent has it."""
    return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=UTC).timestamp()


class SimulatedCalendar:
    """A calendar with some events."""

    def __init__(self, texts: tuple[EventText, ...]) -> None:
        self.texts = texts
        self._made: tuple[tuple[EventText, ...], int, CalendarEvents] | None = None

    def events(self, wall: float) -> CalendarEvents:
        """Return the events of the days around a time (Unix seconds)."""
        today = int(wall // DAY_SECONDS)
        if self._made is None or self._made[:2] != (self.texts, today):
            self._made = self.texts, today, expand(self.texts, today)
        return self._made[2]


def expand(texts: tuple[EventText, ...], today: int) -> CalendarEvents:
    """Return the events of the days around a day, which is counted from 1970-01-01."""
    first = date(1970, 1, 1) + timedelta(days=today - PAST_DAYS)
    days = [first + timedelta(days=number) for number in range(PAST_DAYS + AHEAD_DAYS)]
    found = [
        event
        for text in texts
        for day in ([text.first_day] if text.first_day else days)
        if (event := text.on(day)) is not None
    ]
    return CalendarEvents(tuple(found), (today + AHEAD_DAYS) * DAY_SECONDS)
