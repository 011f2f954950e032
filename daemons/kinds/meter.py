"""A meter: the energy and the cost of other devices per day, week, month and year.

It reads the counters of its sources, or adds up their power. It invents nothing: what was not measured is
counted as unmeasured time. It keeps its values over every restart, and a kill loses no energy of a counter.
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import Reading, Virtual
from daemons.kinds.metering.ledger import (
    DAY_SECONDS,
    WATT_HOURS_PER_KWH,
    Amount,
    Ledger,
    add,
    amounts,
    assign_anew,
    last_periods,
    periods,
    settle,
    total_cost,
)
from daemons.kinds.metering.prices import Price, Prices, Tariff, time_without_price
from daemons.kinds.metering.source import Source, Used, measure

WRITE_SECONDS = 60.0
"""How often the journal is written at most while energy is counted. A kill loses at most so much time of what
is counted by power."""
IDLE_WRITE_SECONDS = 900.0
"""How often the journal is written while no energy is used."""
CLOCK_STEP_SECONDS = 1.0
"""A clock that differs by less was not set."""
WORDS = ("today", "this_week", "this_month", "this_year")
LAST_WORDS = ("yesterday", "last_week", "last_month", "last_year")
COSTS = tuple(f"{word}_cost" for word in (*WORDS, *LAST_WORDS, "total"))
UNRECORDED = frozenset(
    f"{word}_{what}"
    for word in (*WORDS[1:], *LAST_WORDS[1:], "today")
    for what in ("kwh", "cost", "unmeasured_seconds", "spread_kwh")
) - {"today_kwh", "today_cost"}
"""The history has the energy and the cost of each day, and the power."""
NO_CLOCK = "the clock of this machine is not known to be right yet, so the energy belongs to no day"


class Options(Struct, frozen=True, kw_only=True):
    """The options of a meter."""

    source: str | None = None
    """The device that it measures."""
    sources: tuple[str, ...] = ()
    """The devices that it measures together."""
    price_per_kwh: Price | None = None
    """The price of a kilowatt-hour, at all times for which no entry of `tariff` counts."""
    tariff: Annotated[tuple[Tariff, ...], Meta(max_length=20)] = ()
    """Prices by time of day. The first entry that counts is used."""
    base_fee_per_month: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.0
    """A fee that is added to the cost, each day a part of it."""
    currency: Annotated[str, Meta(min_length=1, max_length=10)] | None = None
    """The currency of the prices, such as "EUR"."""
    most_watts: Annotated[float, Meta(ge=1, le=100_000)] = 25_000.0
    """More than this is implausible: a counter that goes up faster has made a jump, which does not count."""

    def __post_init__(self) -> None:
        """Raise ValueError for no source, for the same source twice, and for a time without a price."""
        if (self.source is None) == (not self.sources):
            raise ValueError("a meter takes one of source and sources")
        if len(set(self.sources)) < len(self.sources):
            raise ValueError("sources names a device twice, and would count it twice")
        for entry in self.tariff:
            for clock in entry.between:
                if clock.sun is not None:
                    raise ValueError(f'a tariff takes clock times such as "06:00", and not "{clock}"')
            if entry.between[0] == entry.between[1]:
                raise ValueError("between has the same time twice; use price_per_kwh for all other times")
        if self.tariff and self.price_per_kwh is None and (missing := time_without_price(self.tariff)):
            raise ValueError(f"there is no price on {missing}; add price_per_kwh or another entry of tariff")
        if self.price_per_kwh is None and not self.tariff and (self.currency or self.base_fee_per_month):
            raise ValueError("currency and base_fee_per_month go with price_per_kwh or tariff")

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices that it measures."""
        return self.sources if self.source is None else (self.source,)

    @property
    def has_price(self) -> bool:
        """Whether it knows what energy costs."""
        return self.price_per_kwh is not None or bool(self.tariff)


class MeterMemory(Struct, frozen=True):
    """The memory of a meter."""

    started_at: float | None = field(name="since", default=None)
    """When it began, in steady seconds."""
    started_wall: float | None = field(name="since_wall", default=None)
    """When it began, in Unix seconds; None until the clock is right."""
    at: float = 0.0
    """When it last measured, in steady seconds."""
    sources: dict[str, Source] = {}
    ledger: Ledger = Ledger()
    watt_hours: float = 0.0
    """The energy since it began."""
    jumps: int = 0
    offset: float | None = None
    """The wall clock less the steady clock; None while the clock is not known to be right."""
    last_offset: float | None = None
    """The offset before the last restart."""
    cut: float | None = None
    """When the day or the price changes next, in steady seconds."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of a meter."""

    status: bool
    """Whether it measures all its sources now."""
    phase: Literal["measuring", "incomplete", "waiting"]
    """"incomplete" while a source is not measured, "waiting" for the clock."""
    missing: str | None
    """The sources that are not measured now; None if all are."""
    measured_since: str | None
    """The local date and time at which it began."""
    jumps: int
    """How often a counter made a jump that no appliance can cause. Such a jump does not count."""
    currency: str | None
    power_watts: float | None
    """The power of all sources together; None while the power of one is unknown."""
    energy_watt_hours: float
    """The energy since it began."""
    total_cost: float | None
    """The cost since it began; None without a price."""
    today_kwh: float | None
    today_cost: float | None
    yesterday_kwh: float | None
    yesterday_cost: float | None
    this_week_kwh: float | None
    """The energy since Monday."""
    this_week_cost: float | None
    last_week_kwh: float | None
    last_week_cost: float | None
    this_month_kwh: float | None
    this_month_cost: float | None
    last_month_kwh: float | None
    last_month_cost: float | None
    this_year_kwh: float | None
    this_year_cost: float | None
    last_year_kwh: float | None
    last_year_cost: float | None
    today_unmeasured_seconds: float | None
    """For how long sources were not measured today, added up over the sources."""
    this_month_unmeasured_seconds: float | None
    this_year_unmeasured_seconds: float | None
    today_spread_kwh: float | None
    """The part of today's energy that was used at an unknown time, beyond a change of day or price."""
    this_month_spread_kwh: float | None
    this_year_spread_kwh: float | None
    fault: str | None = None


class Meter(Virtual[Options, MeterMemory]):
    """A meter: the energy and the cost of other devices per day, week, month and year."""

    options_type = Options
    memory_type = MeterMemory
    state_type = State
    values = ("today_kwh", "power_watts")
    resting_phases = ("measuring", "incomplete", "waiting")
    uses_clock = True
    unrecorded = UNRECORDED
    _shown: tuple[Ledger | None, tuple[date, float] | None, dict[str, Any]] = None, None, {}
    """The latest fields of the periods, and what they follow from: they are asked for several times."""

    @classmethod
    def sources(cls, options: Options) -> dict[str, str]:
        """Return the devices that it measures."""
        return dict.fromkeys(options.devices, "energy_watt_hours")

    @classmethod
    def units(cls, options: Options) -> dict[str, str]:
        """Return the currency of its costs."""
        return dict.fromkeys(COSTS, options.currency) if options.currency else {}

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:
        """Return its phases; without a price it has no costs."""
        prices: dict[str, Scalar] = {} if options.has_price else dict.fromkeys(COSTS)
        return (
            {"phase": "measuring", "status": True, "missing": None, **prices},
            {"phase": "incomplete", "status": False, **prices},
            {"phase": "waiting", "status": False, **prices},
        )

    def handle_command(self, memory: MeterMemory, command: Struct, now: float) -> MeterMemory:
        """Return the memory unchanged: it has no commands."""
        return memory

    def resume(self, memory: MeterMemory, now: float) -> MeterMemory:
        """Forget the power of the sources, and the clock: what happened meanwhile is unknown."""
        sources = {name: replace(source, watts=None) for name, source in memory.sources.items()}
        last_offset = memory.last_offset if memory.offset is None else memory.offset
        return replace(memory, sources=sources, offset=None, last_offset=last_offset, cut=None)

    def update_clock(self, memory: MeterMemory, offset: float | None, now: float) -> MeterMemory:
        """Assign what was measured to days: by the clock that is right at last, or that was set."""
        old = memory.offset
        if offset is None or (old is not None and abs(offset - old) < CLOCK_STEP_SECONDS):
            return memory
        last = memory.last_offset
        if old is None and last is not None and abs(offset - last) < CLOCK_STEP_SECONDS:
            offset = last  # it goes on as before the restart
        ledger = assign_anew(memory.ledger, self._prices, old, offset)
        started_wall = memory.started_wall
        if memory.started_at is not None:
            is_recent = old is not None and now - memory.started_at < DAY_SECONDS
            started_wall = memory.started_at + offset if started_wall is None or is_recent else started_wall
        return self._set_cut(replace(memory, offset=offset, ledger=ledger, started_wall=started_wall), now)

    def update_sources(
        self, memory: MeterMemory, states: Mapping[str, Mapping[str, Scalar] | None], now: float
    ) -> MeterMemory:
        """Count what the sources have used since the last time."""
        if memory.started_at is None:
            wall = None if memory.offset is None else now + memory.offset
            memory = replace(memory, started_at=now, started_wall=wall)
        sources, ledger = {}, memory.ledger
        watt_hours, jumps = memory.watt_hours, memory.jumps
        for name in self.options.devices:
            source = memory.sources.get(name) or Source(now, changed_at=now, watts_at=now)
            if name in states:
                source, used = measure(source, states[name], now, self.options.most_watts)
                if used != Used(used.start):
                    ledger = add(ledger, self._prices, memory.offset, used, now)
                    watt_hours, jumps = watt_hours + used.watt_hours, jumps + used.jumps
            sources[name] = source
        ledger = settle(ledger, self._prices, now)
        return replace(memory, at=now, sources=sources, ledger=ledger, watt_hours=watt_hours, jumps=jumps)

    def advance(self, memory: MeterMemory, now: float) -> MeterMemory:
        """Find the next change of the day or of the price."""
        return self._set_cut(memory, now) if memory.cut is not None and now >= memory.cut else memory

    def next_deadline(self, memory: MeterMemory) -> float | None:
        """Return when the day or the price changes next."""
        return memory.cut

    def is_worth_writing(self, written: MeterMemory, memory: MeterMemory) -> bool:
        """Return whether much time has passed since the journal was written, or more than energy changed."""
        lasting = ("started_wall", "jumps", "offset", "cut")
        if any(getattr(written, name) != getattr(memory, name) for name in lasting):
            return True
        if begun(written) != begun(memory):
            return True
        seconds = memory.at - written.at
        return seconds >= (IDLE_WRITE_SECONDS if written.ledger == memory.ledger else WRITE_SECONDS)

    def state(self, memory: MeterMemory, reading: Reading, now: float) -> State:
        """Return the energy and the costs of each period."""
        known = [memory.sources[name] for name in self.options.devices if name in memory.sources]
        missing = ", ".join(name for name, source in memory.sources.items() if not source.is_known) or None
        powers = [source.watts for source in known if source.watts is not None]
        is_waiting = memory.offset is None
        return State(
            status=not is_waiting and missing is None,
            phase="waiting" if is_waiting else "incomplete" if missing else "measuring",
            missing=missing,
            measured_since=self._local_text(memory.started_wall),
            jumps=memory.jumps,
            currency=self.options.currency,
            power_watts=sum(powers) if powers and len(powers) == len(self.options.devices) else None,
            energy_watt_hours=float(round(memory.watt_hours)),
            fault=reading.fault or (NO_CLOCK if is_waiting else None),
            **self._periods(memory, now),
        )

    @cached_property
    def _prices(self) -> Prices:
        return Prices(self.zone, self.options.tariff, self.options.price_per_kwh)

    def _set_cut(self, memory: MeterMemory, now: float) -> MeterMemory:
        if memory.offset is None:
            return memory
        cut = self._prices.next_cut(now + memory.offset) - memory.offset
        return replace(memory, cut=cut if cut > now else now + CLOCK_STEP_SECONDS)

    def _local_text(self, wall: float | None) -> str | None:
        return None if wall is None else f"{datetime.fromtimestamp(wall, self.zone):%Y-%m-%d %H:%M}"

    def _periods(self, memory: MeterMemory, now: float) -> dict[str, Any]:
        """Return the fields of all periods; None where nothing is known."""
        names = [f"{word}_{what}" for word in (*WORDS, *LAST_WORDS) for what in ("kwh", "cost")]
        names += [
            f"{word}_{what}"
            for word in ("today", "this_month", "this_year")
            for what in ("unmeasured_seconds", "spread_kwh")
        ]
        found: dict[str, Any] = dict.fromkeys([*names, "total_cost"])
        if self.options.has_price:
            found["total_cost"] = round(total_cost(memory.ledger), 2)
        if memory.offset is None or memory.started_wall is None:
            return found
        today = self._prices.day(now + memory.offset)
        ledger, key, shown = self._shown
        if ledger is memory.ledger and key == (today, memory.started_wall):
            return shown
        first = min(self._prices.day(memory.started_wall), today)
        known = amounts(memory.ledger, self._prices)
        fees = Fees(self.options.base_fee_per_month, first)
        for word, period, end in spans(today):
            amount = known.get(period, Amount())
            if end < first:
                continue  # it had not begun yet
            digits = 3 if word in ("today", "yesterday") else 2
            found[f"{word}_kwh"] = round(amount.watt_hours / WATT_HOURS_PER_KWH, digits)
            if self.options.has_price:
                found[f"{word}_cost"] = round(amount.cost + fees.of(period, end), digits)
            if f"{word}_spread_kwh" in found:
                found[f"{word}_spread_kwh"] = round(amount.spread_watt_hours / WATT_HOURS_PER_KWH, 3)
                found[f"{word}_unmeasured_seconds"] = float(round(amount.unmeasured_seconds))
        if self.options.has_price:
            found["total_cost"] = round(total_cost(memory.ledger) + fees.between(first, today), 2)
        self._shown = memory.ledger, (today, memory.started_wall), found
        return found


@lru_cache(maxsize=2)
def spans(today: date) -> tuple[tuple[str, str, date], ...]:
    """Return the word, the name and the last day, until today, of each period."""
    monday = today - timedelta(days=today.weekday())
    first = today.replace(day=1)
    ends = [day - timedelta(days=1) for day in (today, monday, first, first.replace(month=1))]
    this = [(word, period, today) for word, period in zip(WORDS, periods(today), strict=True)]
    return (*this, *zip(LAST_WORDS, last_periods(today), ends, strict=True))


def begun(memory: MeterMemory) -> list[tuple[str, bool, float | None]]:
    """Return from which counters the sources are counted; a reset or a jump changes it."""
    return [(name, one.counter is None, one.other) for name, one in memory.sources.items()]


class Fees(Struct, frozen=True):
    """The base fee: each day costs its part of the month."""

    per_month: float
    first: date
    """The day on which the meter began."""

    def of(self, period: str, end: date) -> float:
        """Return the fee of a period until its last day."""
        word = period.partition(" ")[0]
        if not self.per_month:
            return 0.0
        begins = {
            "day": end,
            "week": end - timedelta(days=end.weekday()),
            "month": end.replace(day=1),
            "year": end.replace(month=1, day=1),
        }
        return self.between(max(self.first, begins[word]), end)

    def between(self, begin: date, end: date) -> float:
        """Return the fee from one day to another, with both."""
        fee = 0.0
        while self.per_month and begin <= end:
            days = monthrange(begin.year, begin.month)[1]
            last = min(end, begin.replace(day=days))
            fee += self.per_month * ((last - begin).days + 1) / days
            begin = last + timedelta(days=1)
        return fee
