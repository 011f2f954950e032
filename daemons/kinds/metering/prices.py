"""The price of a kilowatt-hour at each time, and the local days of a house. Pure."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from daemons.values import TimeOfDay

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Price = Annotated[float, Meta(ge=-1_000_000, le=1_000_000)]
MIDNIGHT = TimeOfDay("00:00")
ONE_DAY = timedelta(days=1)


class Tariff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price that counts at some hours: one entry of `tariff`."""

    between: tuple[TimeOfDay, TimeOfDay]
    price_per_kwh: Price
    days: Annotated[tuple[Day, ...], Meta(min_length=1)] | None = None

    def counts(self, day: date, clock: TimeOfDay) -> bool:
        """Return whether it counts at a local time; after midnight, the day is that of the beginning."""
        start, end = self.between
        if start < end:
            is_in = start <= clock < end
        else:
            is_in = clock >= start or clock < end
            day = day if clock >= start else day - ONE_DAY
        return is_in and (self.days is None or DAYS[day.weekday()] in self.days)


class Piece(NamedTuple):
    """A part of a stretch of time with one local day and one price, and the whole time that has both."""

    start: float
    end: float
    from_: float
    until: float


class Prices:
    """The days and the prices in one timezone. All times are Unix seconds."""

    def __init__(self, zone: tzinfo, tariff: tuple[Tariff, ...], usual: float | None) -> None:
        """`usual` is the price at the times for which no entry of `tariff` counts."""
        self.zone = zone
        self._tariff = tariff
        self._usual = usual
        times = {MIDNIGHT, *(clock for entry in tariff for clock in entry.between)}
        self._cut_times = [time.fromisoformat(clock) for clock in sorted(times)]
        self._cuts = cache(self._find_cuts)

    def day(self, moment: float) -> date:
        """Return the local day of a moment."""
        return datetime.fromtimestamp(moment, self.zone).date()

    def price(self, moment: float) -> float | None:
        """Return the price of a kilowatt-hour at a moment; None without prices."""
        local = datetime.fromtimestamp(moment, self.zone)
        return price_at(self._tariff, self._usual, local.date(), TimeOfDay.of(local.time()))

    def next_cut(self, moment: float) -> float:
        """Return when the local day or the price may change next."""
        return self._around(moment)[1]

    def pieces(self, start: float, end: float) -> Iterator[Piece]:
        """Yield the pieces of a stretch of time, each with one day and one price."""
        while True:
            from_, until = self._around(start)
            yield Piece(start, min(until, end), from_, until)
            if until >= end:
                return
            start = until

    def _around(self, moment: float) -> tuple[float, float]:
        """Return the last cut that is not after a moment, and the next one."""
        today = self.day(moment)
        cuts = [cut for n in (-1, 0, 1) for cut in self._cuts(today + n * ONE_DAY)]
        return max(cut for cut in cuts if cut <= moment), min(cut for cut in cuts if cut > moment)

    def _find_cuts(self, day: date) -> tuple[float, ...]:
        """Return the moments of a day at which the day or the price may change.

        A local time that comes twice, when the clocks are set back, is a cut each time.
        """
        local = [datetime.combine(day, clock, self.zone) for clock in self._cut_times]
        twice = [moment.replace(fold=1) for moment in local]
        return tuple(sorted({moment.astimezone(UTC).timestamp() for moment in (*local, *twice)}))


def price_at(tariff: tuple[Tariff, ...], usual: float | None, day: date, clock: TimeOfDay) -> float | None:
    """Return the price at a local time: that of the first entry that counts, or the usual one."""
    found = (entry.price_per_kwh for entry in tariff if entry.counts(day, clock))
    return next(found, usual)


def time_without_price(tariff: tuple[Tariff, ...]) -> str | None:
    """Return a local time for which no entry counts, in words; None if there is none."""
    monday = date(2024, 1, 1)
    clocks = sorted({MIDNIGHT, *(clock for entry in tariff for clock in entry.between)})
    for n, name in enumerate(DAYS):
        for clock in clocks:
            if price_at(tariff, None, monday + n * ONE_DAY, clock) is None:
                return f"{name} {clock}"
    return None
