"""The forecast as columns of text, for a page: one text for each quantity, with a value for each hour or day.

A state has only plain values. So a column is a text with one value after the other, and a space between.
An unknown value is "-". A column of 48 values has less than the 1,000 characters that a text may have. Pure.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import islice, takewhile
from typing import Any

from daemons.kinds import ForecastStep
from daemons.kinds.forecast.day import Day
from daemons.kinds.forecast.steps import HOUR_SECONDS, Steps, index_at, telling, temperature_at

UNKNOWN = "-"
MOST_HOURS = 48
HOURLY = (
    "hourly_phase", "hourly_daylight", "hourly_celsius", "hourly_rain_mm", "hourly_rain_chance",
    "hourly_wind_kmh", "hourly_gust_kmh",
)  # fmt: skip
DAILY = (
    "daily_phase", "daily_min_celsius", "daily_max_celsius", "daily_rain_mm", "daily_rain_chance",
    "daily_max_gust_kmh",
)  # fmt: skip


def hourly_columns(steps: Steps, at: float) -> dict[str, Any]:
    """Return the columns of the next hours, from the one that contains a moment (Unix seconds)."""
    begin = at - at % HOUR_SECONDS
    hours = [hour for number in range(MOST_HOURS) if (hour := hour_of(steps, begin + number * HOUR_SECONDS))]
    columns = (
        [hour.weather or UNKNOWN for hour in hours],
        [UNKNOWN if hour.daylight is None else str(int(hour.daylight)) for hour in hours],
        decimals(hour.temperature_celsius for hour in hours),
        decimals(hour.rain_mm for hour in hours),
        wholes(hour.rain_probability_percent for hour in hours),
        wholes(hour.wind_kmh for hour in hours),
        wholes(hour.gust_kmh for hour in hours),
    )
    return {"hourly_begin": hours[0].begin if hours else None, **texts(HOURLY, columns)}


def hour_of(steps: Steps, begin: float) -> ForecastStep | None:
    """Return the weather of a whole hour, from the steps that are a part of it; None beyond the forecast."""
    end = begin + HOUR_SECONDS
    first = index_at(steps, begin)
    if first is None:  # the forecast begins within this hour, or has ended
        first = next((number for number, step in enumerate(steps) if begin < step.begin < end), None)
    if first is None:
        return None
    within = takewhile(lambda step: step.begin < end, islice(steps, first, None))
    parts = [(min(end, step.end) - max(begin, step.begin), step) for step in within]
    rains = [step.rain_mm * seconds / step.seconds for seconds, step in parts if step.rain_mm is not None]
    longest = max(parts, key=lambda part: part[0])[1]
    return ForecastStep(
        begin=begin,
        weather=telling(((seconds, step.weather) for seconds, step in parts), HOUR_SECONDS / 4),
        daylight=longest.daylight,
        temperature_celsius=temperature_at(steps, first, max(begin, steps[first].begin)),
        rain_mm=round(sum(rains), 1) if rains else None,
        rain_probability_percent=highest(step.rain_probability_percent for _, step in parts),
        wind_kmh=highest(step.wind_kmh for _, step in parts),
        gust_kmh=highest(step.gust_kmh for _, step in parts),
    )


def daily_columns(days: Sequence[Day], today: date) -> dict[str, Any]:
    """Return the columns of today and the next days."""
    coming = [day for day in days if day.day >= today.isoformat()]
    columns = (
        [day.weather or UNKNOWN for day in coming],
        decimals(day.min_celsius for day in coming),
        decimals(day.max_celsius for day in coming),
        decimals(day.rain_mm for day in coming),
        wholes(day.rain_probability_percent for day in coming),
        wholes(day.max_gust_kmh for day in coming),
    )
    return {"daily_date": coming[0].day if coming else None, **texts(DAILY, columns)}


def texts(names: Iterable[str], columns: Iterable[Sequence[str]]) -> dict[str, str | None]:
    """Return each column as a text; None for one without values."""
    return {name: " ".join(column) or None for name, column in zip(names, columns, strict=True)}


def decimals(values: Iterable[float | None]) -> list[str]:
    """Return numbers to a tenth."""
    return [UNKNOWN if value is None else f"{round(value, 1) + 0.0:g}" for value in values]


def wholes(values: Iterable[float | None]) -> list[str]:
    """Return whole numbers."""
    return [UNKNOWN if value is None else f"{round(value)}" for value in values]


def highest(values: Iterable[float | None]) -> float | None:
    """Return the highest known value."""
    return max((value for value in values if value is not None), default=None)
