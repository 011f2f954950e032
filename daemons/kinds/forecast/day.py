"""The days of a forecast, each by the local clock from midnight to midnight. Pure."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, tzinfo

from msgspec import Struct

from daemons.kinds import ForecastStep, WeatherWord
from daemons.kinds.forecast.steps import HOUR_SECONDS, Steps, telling

MOST_DAYS = 8
KNOWN_HOURS = 18
"""A later day is left out if the forecast covers less of it."""
WAKING_HOURS = range(6, 22)
"""The weather of a day is that of these hours, by the local clock."""
TELLING_SECONDS = 2 * HOUR_SECONDS
"""Rain that falls for as long makes a day a rainy one."""


class Day(Struct, frozen=True, array_like=True):
    """The forecast of one day."""

    day: str
    """The local date, such as "2026-11-28"."""
    weather: WeatherWord | None = None
    min_celsius: float | None = None
    max_celsius: float | None = None
    rain_mm: float | None = None
    rain_probability_percent: float | None = None
    max_gust_kmh: float | None = None


def midnight(wall: float, zone: tzinfo, days: int = 0) -> float:
    """Return the midnight at which the local day of a moment began, or that of a later day (Unix seconds)."""
    day = datetime.fromtimestamp(wall, zone).date() + timedelta(days=days)
    return datetime.combine(day, time(), zone).timestamp()


def next_local(wall: float, zone: tzinfo, hour: int) -> float:
    """Return when the local clock shows an hour next (Unix seconds)."""
    local = datetime.fromtimestamp(wall, zone)
    day = local.date() + timedelta(days=local.hour >= hour)
    return datetime.combine(day, time(hour), zone).timestamp()


def days_of(steps: Steps, zone: tzinfo, today: date) -> tuple[Day, ...]:
    """Return today and the next days of a forecast; the last one is left out if much of it is unknown."""
    found: dict[date, list[tuple[int, ForecastStep]]] = {}
    for step in steps:
        local = datetime.fromtimestamp(step.begin, zone)
        if local.date() >= today:
            found.setdefault(local.date(), []).append((local.hour, step))
    return tuple(
        summary(day, found[day])
        for day in sorted(found)[:MOST_DAYS]
        if day == today or sum(step.seconds for _, step in found[day]) >= KNOWN_HOURS * HOUR_SECONDS
    )


def summary(day: date, steps: list[tuple[int, ForecastStep]]) -> Day:
    """Return the forecast of a day from its steps, each with the local hour at which it begins."""
    parts = [step for _, step in steps]
    waking = [step for hour, step in steps if hour in WAKING_HOURS] or parts
    rains = known(step.rain_mm for step in parts)
    return Day(
        day.isoformat(),
        telling(((step.seconds, step.weather) for step in waking), TELLING_SECONDS),
        min(
            known(value for step in parts for value in (step.temperature_celsius, step.min_celsius)),
            default=None,
        ),
        max(
            known(value for step in parts for value in (step.temperature_celsius, step.max_celsius)),
            default=None,
        ),
        round(sum(rains), 1) if rains else None,
        max(known(step.rain_probability_percent for step in parts), default=None),
        max(known(step.gust_kmh for step in parts), default=None),
    )


def known(values: Iterable[float | None]) -> list[float]:
    """Return the values that are known."""
    return [value for value in values if value is not None]
