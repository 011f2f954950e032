"""When a rule with a time acts, and on which days: `at`, `every`, `months`, `dates`, `holidays`. Pure."""

from binascii import crc32
from datetime import date, datetime, timedelta
from math import floor
from typing import ClassVar, Literal, Self

from daemons.config.declined_reason import DeclinedReason
from daemons.config.sun import ONE_DAY, SunCalendar, weekday
from daemons.values import Parsed, Seconds, TimeOfDay, format_seconds

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]
Month = Literal["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
MONTHS: tuple[Month, ...] = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
MIDNIGHT = TimeOfDay("00:00")
LEAP_YEAR = "2000"
DAY_SECONDS = 86_400
LONGEST_OFFSET_SECONDS = 6 * 3600
"""A longer offset could change the order of the moments of two days."""


class BoundedSeconds(Seconds):
    """A duration of at least a second."""

    longest_seconds: ClassVar[float]

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parse a duration within the bounds; raises ValueError for anything else."""
        try:
            seconds = Seconds.parse(text)
        except ValueError:
            raise ValueError(cls.allowed) from None
        if not 1 <= seconds <= cls.longest_seconds:
            raise ValueError(cls.allowed)
        return cls(seconds)


class Interval(BoundedSeconds):
    """The time between two moments of a rule with `every`."""

    allowed = 'a duration from "1s" to "24h", such as "15m"'
    longest_seconds = DAY_SECONDS


class RandomOffset(BoundedSeconds):
    """By how much a moment comes earlier or later at most."""

    allowed = 'a duration of at most "6h", such as "20m"'
    longest_seconds = LONGEST_OFFSET_SECONDS


class CalendarDate(str, Parsed):
    """A date of each year, such as "12-24", or of one year, such as "2026-12-31"."""

    __slots__ = ()
    allowed = 'a date that exists, of each year such as "12-24", or of one year such as "2026-12-31"'

    @classmethod
    def parse(cls, text: object) -> "CalendarDate":
        """Parse a date; raises ValueError for anything else."""
        try:
            found = cls(text) if isinstance(text, str) else cls()
            if found.day.isoformat() != (found if found.has_year else f"{LEAP_YEAR}-{found}"):
                raise ValueError
        except ValueError:
            raise ValueError(cls.allowed) from None
        return found

    @property
    def has_year(self) -> bool:
        """Whether it is a date of one year."""
        return len(self) > len("12-24")

    @property
    def day(self) -> date:
        """The day; without a year, that of a leap year."""
        return date.fromisoformat(self if self.has_year else f"{LEAP_YEAR}-{self}")

    def includes(self, day: date) -> bool:
        """Return whether a day has this date."""
        return day.isoformat().endswith(self)


class Schedule:
    """The moments of one rule with `at` or `every`."""

    def __init__(self, at: TimeOfDay | None, every: Seconds | None, offset: Seconds | None, key: str) -> None:
        """`key` is a text that decides the random offsets, with the day."""
        self._at, self._every, self._offset, self._key = at, every, offset, key

    def latest_moment(self, calendar: SunCalendar, wall: float) -> float | None:
        """Return the latest moment that is not after `wall`, both in Unix seconds."""
        if self._every is not None:
            start = midnight(calendar, wall)
            return start + floor((wall - start) / self._every) * self._every
        if self._at is None:
            return None
        if self._offset is None:
            return calendar.latest_moment(self._at, wall)
        return max((at for at in self._moments(calendar, wall) if at <= wall), default=None)

    def next_moment(self, calendar: SunCalendar, wall: float) -> float:
        """Return the next moment after `wall`, both in Unix seconds; at most a day later."""
        if self._every is not None:
            start = midnight(calendar, wall)
            following = calendar.moment(MIDNIGHT, calendar.local_time(start).date() + ONE_DAY)
            later = start + (floor((wall - start) / self._every) + 1) * self._every
            return later if following is None or following <= wall else min(later, following)
        if self._at is None:
            return wall + DAY_SECONDS
        if self._offset is None:
            return calendar.next_moment(self._at, wall)
        return min((at for at in self._moments(calendar, wall) if at > wall), default=wall + DAY_SECONDS)

    def scheduled_time(self, calendar: SunCalendar, moment: float) -> datetime:
        """Return the local date and time for which a moment stands: without its random offset."""
        if self._at is None:
            return calendar.local_time(moment)
        if self._offset is not None:
            today = calendar.local_time(moment).date()
            for n in (-1, 0, 1):
                day = today + n * ONE_DAY
                usual = calendar.moment(self._at, day)
                if usual is not None and usual + self.random_seconds(day) == moment:
                    return calendar.scheduled_time(self._at, usual)
        return calendar.scheduled_time(self._at, moment)

    def random_seconds(self, day: date) -> float:
        """Return the random offset of a day in whole seconds: the same in each process and rehearsal."""
        if self._offset is None:
            return 0.0
        share = mixed(crc32(f"{self._key} {day.isoformat()}".encode())) / (1 << 64)
        return float(round((2 * share - 1) * self._offset))

    def _moments(self, calendar: SunCalendar, wall: float) -> list[float]:
        """Return the moments of the days around a time."""
        today = calendar.local_time(wall).date()
        days = [today + timedelta(days=n) for n in (-2, -1, 0, 1, 2)]
        usual = [(day, calendar.moment(self._at, day)) for day in days if self._at is not None]
        return [moment + self.random_seconds(day) for day, moment in usual if moment is not None]


def mixed(number: int) -> int:
    """Return a number of 64 bits in which each bit depends on each bit of `number` (splitmix64)."""
    mask = (1 << 64) - 1
    number = (number + 0x9E3779B97F4A7C15) & mask
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & mask
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & mask
    return number ^ (number >> 31)


def midnight(calendar: SunCalendar, wall: float) -> float:
    """Return the latest beginning of a local day that is not after `wall`, both in Unix seconds."""
    found = calendar.latest_moment(MIDNIGHT, wall)
    return wall if found is None else found


def wrong_day(
    day: date,
    days: tuple[Day, ...] | None,
    months: tuple[Month, ...] | None,
    dates: tuple[CalendarDate, ...] | None,
    holidays: bool | None,
    known: frozenset[str],
) -> DeclinedReason | None:
    """Return why a rule does not act on a day, or None; `known` has the holidays as ISO dates."""
    is_holiday = day.isoformat() in known
    if days is not None and weekday(day) not in days and not ("holiday" in days and is_holiday):
        text = f"{weekday(day)} is not one of its days"
        return DeclinedReason.of("wrong_day", text, day=weekday(day))
    if months is not None and MONTHS[day.month - 1] not in months:
        month = MONTHS[day.month - 1]
        return DeclinedReason.of("wrong_month", f"{month} is not one of its months", month=month)
    if dates is not None and not any(one.includes(day) for one in dates):
        text = f"{day.isoformat()} is not one of its dates"
        return DeclinedReason.of("wrong_date", text, date=day.isoformat())
    if holidays is not None and holidays != is_holiday:
        text = f"{day.isoformat()} is {'a' if is_holiday else 'no'} holiday"
        return DeclinedReason.of("holiday" if is_holiday else "no_holiday", text, date=day.isoformat())
    return None


def moments_of_day(every: Seconds) -> list[TimeOfDay]:
    """Return the clock times of `every` on a usual day, to the minute."""
    count = floor((DAY_SECONDS - 1) / every) + 1
    minutes = sorted({int(n * every // 60) for n in range(min(count, DAY_SECONDS))})
    return [TimeOfDay(f"{minute // 60:02}:{minute % 60:02}") for minute in minutes]


def every_text(every: Seconds) -> str:
    """Return `every` for the log."""
    return f"every {format_seconds(every)}"
