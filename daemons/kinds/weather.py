"""The weather of the next hours and days: rain, temperature and wind, from a forecast.

It remembers the forecast, and reads the present hour from it by the clock. So it goes on while the network is
down, also over a restart. If the forecast is older than `stale_after`, everything is unknown instead of old.
"""

from bisect import bisect_right
from datetime import date, datetime
from typing import Annotated, Any, get_args

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import Ability, Forecast, Load, Machine, Reading, Setting
from daemons.kinds.forecast.columns import daily_columns, hourly_columns
from daemons.kinds.forecast.day import Day, days_of, midnight, next_local
from daemons.kinds.forecast.state import PAGE_FIELDS, VALUES, Phase, State
from daemons.kinds.forecast.steps import (
    HOUR_SECONDS,
    WET,
    Steps,
    between,
    index_at,
    join,
    lowest_celsius,
    minutes_until_rain,
)
from daemons.values import Seconds

WRITE_SHARE = 20
"""An unchanged forecast is written to the journal only after this part of `stale_after`."""
CLOCK_STEP_SECONDS = 1.0
"""A clock that differs by less was not set."""
KEPT_HOURS = 74
"""The steps of so many hours from midnight on are remembered: today and the next 48 hours. Of the later ones,
only the days are."""
RAIN_HOURS = 24
"""How far ahead it looks for rain."""
NEAR_MINUTES, FAR_STEP_MINUTES = 120, 10
"""Rain that is farther away is published in steps of ten minutes, so that not each minute is a change."""
MORNING_HOUR = 9
"""The night is over by then: it is coldest around sunrise."""
DAY_FIELDS = ("min_celsius", "max_celsius", "rain_mm", "rain_probability_percent", "max_gust_kmh")


class Options(Struct, frozen=True, kw_only=True):
    """The options of the weather."""

    stale_seconds: Seconds = field(name="stale_after", default=Seconds(3 * 3600))
    """How long the server may give no answer; after that everything is unknown."""
    rain_from_mm: Annotated[float, Meta(ge=0.01, le=50)] = 0.1
    """The least rain of an hour that counts as rain in `rain_within_minutes`, in millimetres."""

    def __post_init__(self) -> None:
        """Raise ValueError if a forecast would be stale before the next one."""
        if not 600 <= self.stale_seconds <= 48 * 3600:  # noqa: PLR2004
            raise ValueError("stale_after must be from 10m to 48h")


class WeatherMemory(Struct, frozen=True):
    """The memory of the weather."""

    heard_at: float | None = field(name="at", default=None)
    """When the server last answered, to a twentieth of `stale_after`; None: never, or too long ago."""
    was_heard: bool = False
    """Whether it has ever answered."""
    offset: float | None = None
    """The wall clock less the steady clock; None while the clock is not known to be right."""
    steps: Steps = ()
    """The forecast, from the midnight at which the day of the answer began."""
    days: tuple[Day, ...] = ()
    current: float | None = None
    """When the present step began (Unix seconds), or when the last one ended; None before the first one."""


class Weather(Machine[Options, WeatherMemory]):
    """The weather of the next hours and days: rain, temperature and wind, from a forecast."""

    drives = False
    needs = frozenset[Ability]({"forecast"})
    options_type = Options
    memory_type = WeatherMemory
    state_type = State
    resting_phases = get_args(Phase)
    unknown_phases = ("unknown", "stale")
    uses_clock = True
    page_fields = PAGE_FIELDS
    unrecorded = PAGE_FIELDS | {"daylight", "tomorrow_phase"}
    _merged: tuple[Forecast | None, float, Steps, Steps, tuple[Day, ...]] = None, 0.0, (), (), ()
    """The last forecast and midnight, with the steps before and after it: each is read again and again."""
    _shown: tuple[WeatherMemory | None, float, dict[str, Any]] = None, 0.0, {}
    """The latest values, with the memory and the minute that they follow from."""
    _columns: tuple[WeatherMemory | None, tuple[float, date] | None, dict[str, Any]] = None, None, {}
    """The latest columns, with the memory, the hour and the day that they follow from."""

    @classmethod
    def measurements(cls) -> frozenset[str]:
        """Return all fields but the status and the phase: they change with each hour."""
        return super().measurements() | PAGE_FIELDS | {"daylight", "tomorrow_phase"}

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  the same with all options
        """Return its phases."""
        return tuple({"phase": phase, "status": phase in WET} for phase in get_args(Phase))

    def handle_command(self, memory: WeatherMemory, command: Struct, now: float) -> WeatherMemory:
        """Return the memory unchanged: it has no commands."""
        return memory

    def advance(self, memory: WeatherMemory, now: float) -> WeatherMemory:
        """Go on to the present step, or clear the forecast when it is too old."""
        if memory.heard_at is not None and now >= memory.heard_at + self.options.stale_seconds:
            return WeatherMemory(was_heard=True, offset=memory.offset)
        return located(memory, now)

    def adopt(self, memory: WeatherMemory, reading: Reading, now: float) -> WeatherMemory:
        """Change nothing: `update_measurements` stores the forecast."""
        return memory

    def update_clock(self, memory: WeatherMemory, offset: float | None, now: float) -> WeatherMemory:
        """Find the present step by the clock; without a right one, no hour is the present one."""
        old = memory.offset
        if old is not None and offset is not None and abs(offset - old) < CLOCK_STEP_SECONDS:
            return memory
        return memory if old == offset else located(replace(memory, offset=offset), now)

    def update_measurements(self, memory: WeatherMemory, reading: Reading, now: float) -> WeatherMemory:
        """Store the forecast of a reading."""
        forecast, at = reading.forecast, reading.at
        if forecast is None or at is None or memory.offset is None or not forecast.steps:
            return memory
        if now >= at + self.options.stale_seconds:
            return memory
        steps, days = self._merge(memory, forecast, now + memory.offset)
        is_write_due = at - (memory.heard_at or 0.0) > self.options.stale_seconds / WRITE_SHARE
        if (steps, days) == (memory.steps, memory.days) and memory.heard_at is not None and not is_write_due:
            return memory
        return located(replace(memory, heard_at=at, was_heard=True, steps=steps, days=days), now)

    def next_deadline(self, memory: WeatherMemory) -> float | None:
        """Return when the next step begins, or when the forecast becomes too old."""
        stale_at = None if memory.heard_at is None else memory.heard_at + self.options.stale_seconds
        deadlines = (stale_at, next_step_at(memory))
        return min((at for at in deadlines if at is not None), default=None)

    def desired_setting(self, memory: WeatherMemory) -> Setting:
        """Return off: it switches nothing."""
        return Setting(on=False)

    def state(self, memory: WeatherMemory, reading: Reading, now: float) -> State:
        """Return the present weather and the forecast."""
        step = next((step for step in memory.steps if step.begin == memory.current), None)
        phase: Phase = "stale" if memory.was_heard and memory.offset is not None else "unknown"
        is_known = memory.heard_at is not None and memory.offset is not None and step is not None
        if is_known and step is not None:
            phase = step.weather or "unknown"
        forecast_at = None
        if memory.heard_at is not None and memory.offset is not None:
            forecast_at = float(round(memory.heard_at + memory.offset))
        return State(
            status=phase in WET,
            phase=phase,
            forecast_at=forecast_at,
            fault=reading.fault,
            **(self._values(memory, now) if is_known else dict.fromkeys(VALUES)),
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Return a power of zero."""
        return ((1.0, 0.0),)

    def _merge(self, memory: WeatherMemory, forecast: Forecast, wall: float) -> tuple[Steps, tuple[Day, ...]]:
        """Return the steps and the days to remember: those of a forecast, and what is over of today."""
        known, since, before, after, days = self._merged
        begin = midnight(wall, self.zone)
        if known is forecast and since == begin and memory.steps in (before, after):
            return after, days
        joined = join((step for step in memory.steps if step.end > begin), forecast.steps)
        days = days_of(joined, self.zone, self._day(wall))
        end = begin + KEPT_HOURS * HOUR_SECONDS
        after = tuple(step for step in joined if step.end > begin and step.begin < end)
        self._merged = forecast, begin, memory.steps, after, days
        return after, days

    def _values(self, memory: WeatherMemory, now: float) -> dict[str, Any]:
        """Return the fields that follow from the forecast and the time; they change with each minute."""
        wall = now + (memory.offset or 0.0)
        minute = wall - wall % 60
        shown, shown_minute, values = self._shown
        if shown is not memory or shown_minute != minute:
            values = self._values_at(memory, minute)
            self._shown = memory, minute, values
        return values

    def _values_at(self, memory: WeatherMemory, wall: float) -> dict[str, Any]:
        steps, today = memory.steps, self._day(wall)
        index = index_at(steps, wall)
        if index is None:
            return dict.fromkeys(VALUES)
        step = steps[index]
        rain = minutes_until_rain(steps, wall, self.options.rain_from_mm, RAIN_HOURS)
        days = {day.day: day for day in memory.days}
        now_, tomorrow = (
            days.get(today.isoformat()),
            days.get(self._day(midnight(wall, self.zone, 1)).isoformat()),
        )
        columns = self._columns_at(memory, wall - wall % HOUR_SECONDS, today)
        return {
            "daylight": step.daylight,
            "temperature_celsius": between(steps, index, wall, "temperature_celsius"),
            "feels_like_celsius": between(steps, index, wall, "feels_like_celsius"),
            "humidity_percent": step.humidity_percent,
            "wind_kmh": step.wind_kmh,
            "gust_kmh": step.gust_kmh,
            "rain_mm": hour_rain(columns["hourly_rain_mm"]),
            "rain_probability_percent": step.rain_probability_percent,
            "rain_within_minutes": None if rain is None else in_steps(rain),
            "night_min_celsius": lowest_celsius(steps, wall, next_local(wall, self.zone, MORNING_HOUR)),
            **{f"today_{name}": getattr(now_, name, None) for name in DAY_FIELDS},
            "tomorrow_phase": tomorrow.weather if tomorrow else None,
            **{f"tomorrow_{name}": getattr(tomorrow, name, None) for name in DAY_FIELDS},
            **columns,
        }

    def _columns_at(self, memory: WeatherMemory, hour: float, today: date) -> dict[str, Any]:
        shown, key, columns = self._columns
        if shown is not memory or key != (hour, today):
            columns = {**hourly_columns(memory.steps, hour), **daily_columns(memory.days, today)}
            self._columns = memory, (hour, today), columns
        return columns

    def _day(self, wall: float) -> date:
        return datetime.fromtimestamp(wall, self.zone).date()


def located(memory: WeatherMemory, now: float) -> WeatherMemory:
    """Return the memory with the step in which `now` (steady seconds) lies."""
    current, offset, steps = None, memory.offset, memory.steps
    if offset is not None and steps:
        count = bisect_right(steps, now, key=lambda step: step.begin - offset)
        if count:
            current = steps[count - 1].begin
        if count == len(steps) and steps[-1].end - offset <= now:
            current = steps[-1].end
    return memory if current == memory.current else replace(memory, current=current)


def next_step_at(memory: WeatherMemory) -> float | None:
    """Return when the next step begins, or the last one ends, in steady seconds; None if all are over."""
    offset, current = memory.offset, memory.current
    if offset is None or not memory.steps:
        return None
    moments = (*(step.begin for step in memory.steps), memory.steps[-1].end)
    return next((at - offset for at in moments if current is None or at > current), None)


def in_steps(minutes: float) -> float:
    """Return a time rounded up: to a minute if it is short, otherwise to ten minutes."""
    step = 1 if minutes <= NEAR_MINUTES else FAR_STEP_MINUTES
    return float(-(-minutes // step) * step)


def hour_rain(column: str | None) -> float | None:
    """Return the first value of a column."""
    first = (column or "-").partition(" ")[0]
    return None if first == "-" else float(first)
