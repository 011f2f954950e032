"""The steps of a forecast: one after the other without a gap, and their values at a moment. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from daemons.kinds import ForecastStep, WeatherWord

HOUR_SECONDS = 3600.0
WET: tuple[WeatherWord, ...] = ("thunder", "snow", "sleet", "rain")
"""The weathers in which something falls, the most telling first."""
MOST_STEPS = 1000
"""A forecast has no more steps; the rest is left out."""

Steps = tuple[ForecastStep, ...]


def join(earlier: Iterable[ForecastStep], later: Iterable[ForecastStep]) -> Steps:
    """Return the steps of two forecasts without a gap: where both have one, the later forecast counts."""
    new = in_order(later)
    kept = [step for step in earlier if new and step.begin < new[0].begin]
    if kept and kept[-1].end > new[0].begin:
        kept[-1] = shortened(kept[-1], new[0].begin)
    return tuple(without_gaps([*kept, *new]))


def in_order(steps: Iterable[ForecastStep]) -> list[ForecastStep]:
    """Return steps in the order of time. One that begins within another ends that."""
    found: list[ForecastStep] = []
    for step in sorted(steps, key=lambda step: step.begin)[:MOST_STEPS]:
        if step.seconds <= 0:
            continue
        if found and found[-1].begin == step.begin:
            found.pop()
        elif found and found[-1].end > step.begin:
            found[-1] = shortened(found[-1], step.begin)
        found.append(step)
    return found


def shortened(step: ForecastStep, end: float) -> ForecastStep:
    """Return a step that ends earlier, with its part of the rain."""
    seconds = end - step.begin
    rain = None if step.rain_mm is None else round(step.rain_mm * seconds / step.seconds, 3)
    return replace(step, seconds=seconds, rain_mm=rain)


def without_gaps(steps: Sequence[ForecastStep]) -> list[ForecastStep]:
    """Return the same steps with an unknown step in each gap."""
    found: list[ForecastStep] = []
    for step in steps:
        if found and found[-1].end < step.begin:
            found.append(ForecastStep(found[-1].end, step.begin - found[-1].end))
        found.append(step)
    return found


def index_at(steps: Steps, at: float) -> int | None:
    """Return the index of the step at a moment (Unix seconds); None if there is none."""
    index = bisect_right(steps, at, key=lambda step: step.begin) - 1
    return index if index >= 0 and at < steps[index].end else None


def temperature_at(steps: Steps, index: int, at: float) -> float | None:
    """Return the temperature at a moment within a step: it changes evenly until the next step."""
    return between(steps, index, at, "temperature_celsius")


def between(steps: Steps, index: int, at: float, name: str) -> float | None:
    """Return the value of a field at a moment, on a line from its step to the next one."""
    step = steps[index]
    first: float | None = getattr(step, name)
    following: float | None = getattr(steps[index + 1], name) if index + 1 < len(steps) else None
    if first is None or following is None:
        return first
    return round(first + (following - first) * (at - step.begin) / step.seconds, 1)


def minutes_until_rain(steps: Steps, at: float, from_mm: float, within_hours: float) -> float | None:
    """Return in how many minutes rain begins: 0 while it rains, and the whole time if it stays dry so long.

    `from_mm` is the least rain of an hour that counts. None if it stays dry until the forecast ends.
    """
    end = at + within_hours * HOUR_SECONDS
    for step in steps:
        if step.begin >= end:
            break
        is_wet = step.rain_mm is not None and step.rain_mm * HOUR_SECONDS / step.seconds >= from_mm
        if is_wet and step.end > at:
            return max(0.0, step.begin - at) / 60
    return within_hours * 60 if steps and steps[-1].end >= end else None


def lowest_celsius(steps: Steps, at: float, until: float) -> float | None:
    """Return the lowest temperature from one moment to another; None if the forecast ends too early."""
    index = index_at(steps, at)
    if index is None or steps[-1].end < until:
        return None
    found = [temperature_at(steps, index, at)]
    for step in steps[index:]:
        if step.begin >= until:
            break
        found += [step.min_celsius, step.temperature_celsius if step.begin >= at else None]
    known = [celsius for celsius in found if celsius is not None]
    return min(known, default=None)


def telling(steps: Iterable[tuple[float, WeatherWord | None]], least_seconds: float) -> WeatherWord | None:
    """Return the most telling weather of a time: what falls for long enough, or what lasts longest.

    Each item has the seconds for which a weather lasts.
    """
    lasting: dict[WeatherWord, float] = {}
    for seconds, weather in steps:
        if weather is not None:
            lasting[weather] = lasting.get(weather, 0.0) + seconds
    for weather in WET:
        if lasting.get(weather, 0.0) >= (least_seconds / 2 if weather == "thunder" else least_seconds):
            return weather
    return max(lasting, key=lambda weather: lasting[weather], default=None)
