"""The ledger of a meter: its energy and its cost by day, week, month and year. Pure.

What was measured within the last day stands in stretches of steady time. If the clock of the machine is set
while the meter runs, its stretches are assigned to days and prices anew. Older stretches are added to the
totals of their day, week, month and year, and no clock changes these.
"""

from datetime import date, timedelta
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from daemons.kinds.metering.prices import Piece, Prices
from daemons.kinds.metering.source import GAP_SECONDS, Used

DAY_SECONDS = 86_400.0
MAX_STRETCHES = 60
"""A ledger has at most this many stretches; then it adds the oldest to the totals."""
KEPT = {"day": 4, "week": 3, "month": 3, "year": 3}
"""How many totals are kept: those that were added to last."""
WATT_HOURS_PER_KWH = 1000.0
ROUNDING_SECONDS = 1e-5


class Amount(Struct, frozen=True, array_like=True):
    """Energy, its cost, and how well it is known."""

    watt_hours: float = 0.0
    cost: float = 0.0
    unmeasured_seconds: float = 0.0
    """For how long the sources were not measured, added up over the sources."""
    spread_watt_hours: float = 0.0
    """The part of the energy whose time is unknown, beyond a change of the day or of the price."""

    def plus(self, other: "Amount") -> "Amount":
        """Return the sum."""
        return Amount(
            self.watt_hours + other.watt_hours,
            self.cost + other.cost,
            self.unmeasured_seconds + other.unmeasured_seconds,
            self.spread_watt_hours + other.spread_watt_hours,
        )

    def part(self, share: float) -> "Amount":
        """Return a share of it."""
        return Amount(
            self.watt_hours * share,
            self.cost * share,
            self.unmeasured_seconds * share,
            self.spread_watt_hours * share,
        )


class Stretch(Struct, frozen=True, array_like=True):
    """A stretch of time with one day and one price, and what was measured in it."""

    start: float
    """In steady seconds, as `end` is."""
    end: float
    offset: float | None
    """The wall clock less the steady clock; None: the clock was not right yet."""
    amount: Amount

    def day(self, prices: Prices) -> date:
        """Return its local day; its ends are rounded, so that they may lie in another day."""
        return prices.day((self.start + self.end) / 2 + (self.offset or 0.0) + ROUNDING_SECONDS)


class Ledger(Struct, frozen=True):
    """The stretches of the last day, oldest first, and the totals of what was before."""

    stretches: tuple[Stretch, ...] = ()
    totals: dict[str, Amount] = {}
    """By period, such as "day 2026-11-27"; the one that was added to last stands last."""
    cost: float = 0.0
    """The cost of everything in the totals since the beginning."""


def add(ledger: Ledger, prices: Prices, offset: float | None, used: Used, now: float) -> Ledger:
    """Return the ledger with what a source has used until `now`."""
    amount = Amount(used.watt_hours, 0.0, used.unmeasured_seconds)
    return _add(ledger, prices, Stretch(used.start, now, offset, amount), may_mark=True)


def assign_anew(ledger: Ledger, prices: Prices, old: float | None, new: float) -> Ledger:
    """Return the ledger after the clock was set, or is right at last: `old` was wrong, `new` is right."""
    wrong = [one for one in ledger.stretches if one.offset is None or one.offset == old]
    ledger = replace(ledger, stretches=tuple(one for one in ledger.stretches if one not in wrong))
    for one in wrong:
        ledger = _add(ledger, prices, replace(one, offset=new), may_mark=one.offset is None)
    return ledger


def settle(ledger: Ledger, prices: Prices, now: float) -> Ledger:
    """Return the ledger with the stretches that are older than a day added to the totals."""
    surplus = len(ledger.stretches) - MAX_STRETCHES
    old = [
        one
        for number, one in enumerate(ledger.stretches)
        if one.offset is not None and (one.end < now - DAY_SECONDS or number < surplus)
    ]
    if not old:
        return ledger
    totals, cost = dict(ledger.totals), ledger.cost
    for one in old:
        for period in periods(one.day(prices)):
            totals[period] = totals.pop(period, Amount()).plus(one.amount)
        cost += one.amount.cost
    kept = tuple(one for one in ledger.stretches if one not in old)
    return Ledger(kept, _newest(totals), cost)


def amounts(ledger: Ledger, prices: Prices) -> dict[str, Amount]:
    """Return the amount of each period."""
    found = dict(ledger.totals)
    for one in ledger.stretches:
        if one.offset is not None:
            for period in periods(one.day(prices)):
                found[period] = found.get(period, Amount()).plus(one.amount)
    return found


def total_cost(ledger: Ledger) -> float:
    """Return the cost since the beginning."""
    return ledger.cost + sum(one.amount.cost for one in ledger.stretches)


@lru_cache(maxsize=16)
def periods(day: date) -> tuple[str, str, str, str]:
    """Return the names of the periods to which a day belongs: day, week, month and year."""
    year, week, _ = day.isocalendar()
    return (
        f"day {day.isoformat()}",
        f"week {year}-{week:02}",
        f"month {day.year}-{day.month:02}",
        f"year {day.year}",
    )


def last_periods(day: date) -> tuple[str, str, str, str]:
    """Return the names of the periods before those of a day."""
    return (
        periods(day - timedelta(days=1))[0],
        periods(day - timedelta(days=7))[1],
        periods(day.replace(day=1) - timedelta(days=1))[2],
        periods(day.replace(month=1, day=1) - timedelta(days=1))[3],
    )


def _add(ledger: Ledger, prices: Prices, new: Stretch, *, may_mark: bool) -> Ledger:
    """Add a stretch, divided evenly by days and prices.

    With `may_mark`, energy that is divided over a longer time counts as spread.
    """
    offset = new.offset
    if offset is None:
        whole = Piece(new.start, new.end, float("-inf"), float("inf"))
        return _merge(ledger, whole, None, new.amount)
    pieces = list(prices.pieces(new.start + offset, new.end + offset))
    seconds = new.end - new.start
    is_spread = may_mark and len(pieces) > 1 and seconds > GAP_SECONDS
    for piece in pieces:
        part = new.amount.part((piece.end - piece.start) / seconds) if len(pieces) > 1 else new.amount
        price = prices.price(piece.start) or 0.0
        part = replace(
            part,
            cost=part.watt_hours / WATT_HOURS_PER_KWH * price,
            spread_watt_hours=part.watt_hours if is_spread else part.spread_watt_hours,
        )
        steady = Piece(*(moment - offset for moment in piece))
        ledger = _merge(ledger, steady, offset, part)
    return ledger


def _merge(ledger: Ledger, piece: Piece, offset: float | None, amount: Amount) -> Ledger:
    """Add an amount to the stretch that has the same day and price, or as a new stretch."""
    stretches = ledger.stretches
    for number in range(len(stretches) - 1, -1, -1):
        one = stretches[number]
        if one.offset == offset and piece.from_ <= one.start and one.end <= piece.until:
            merged = Stretch(
                min(one.start, piece.start), max(one.end, piece.end), offset, one.amount.plus(amount)
            )
            return replace(ledger, stretches=(*stretches[:number], merged, *stretches[number + 1 :]))
    return replace(ledger, stretches=(*stretches, Stretch(piece.start, piece.end, offset, amount)))


def _newest(totals: dict[str, Amount]) -> dict[str, Amount]:
    """Return the totals that were added to last, so many of each period."""
    left = dict(KEPT)
    kept = []
    for period in reversed(totals):
        word = period.partition(" ")[0]
        if left[word]:
            left[word] -= 1
            kept.append(period)
    return {period: totals[period] for period in reversed(kept)}
