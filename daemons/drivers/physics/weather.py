"""A simulated weather: the same for the same day, so that a house without a network can try its rules. Pure.

Its place has the climate of the middle of Europe. A person or a story may change a part of it from a moment
on, such as "rain within 30 minutes". The change stays until another one; the rain comes and ends.
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from msgspec.structs import replace

from daemons.drivers.physics.daylight import is_daylight
from daemons.kinds import Forecast, ForecastStep, WeatherWord

SETTABLE = (
    "temperature_celsius", "humidity_percent", "wind_kmh", "gust_kmh", "rain_mm", "rain_within_minutes",
    "night_min_celsius",
)  # fmt: skip
"""What can be changed."""
LATITUDE, LONGITUDE = 50.0, 10.0
HOUR_SECONDS, DAY_SECONDS = 3600, 86_400
HOURS_BEFORE, HOURS_AFTER = 24, 7 * 24
SHOWER_SECONDS, SHOWER_MM = 3600.0, 2.0
"""The rain that begins in `rain_within_minutes`."""
EVENING_HOUR, MORNING_HOUR = 18, 9
"""The night to which `night_min_celsius` belongs, by the sun at the place."""


class Change(NamedTuple):
    """A value that differs from the usual weather since a moment (Unix seconds)."""

    value: float
    since: float


def simulated_forecast(at: float, changes: Mapping[str, Change] = {}) -> Forecast:
    """Return the forecast that is made at a moment (Unix seconds), from the day before to a week ahead.

    `changes` are values of SETTABLE, each with its time.
    """
    first = int(at // HOUR_SECONDS) - HOURS_BEFORE
    hours = [hour_at(hour) for hour in range(first, first + HOURS_BEFORE + HOURS_AFTER)]
    if changes:
        hours = [
            apply(step, {name: one.value for name, one in changes.items() if step.end > one.since})
            for step in hours
        ]
    if (rain := changes.get("rain_within_minutes")) is not None:
        begin = rain.since + rain.value * 60
        hours = with_shower(hours, rain.since - rain.since % 60, begin - begin % 60)
    return Forecast(tuple(hours))


def changed(
    before: Mapping[str, Change], values: Mapping[str, float | None], since: float
) -> dict[str, Change]:
    """Return the changes with these values; one that a change has already keeps its time."""
    return {
        name: one if (one := before.get(name)) and one.value == value else Change(float(value), since)
        for name in SETTABLE
        if (value := values.get(name)) is not None
    }


def hour_at(hour: int) -> ForecastStep:
    """Return the weather of an hour, counted from 1970."""
    begin = float(hour * HOUR_SECONDS)
    day, local = divmod(begin + LONGITUDE / 360 * DAY_SECONDS, DAY_SECONDS)
    of_day = local / HOUR_SECONDS
    number, share = int(day), local / DAY_SECONDS
    clouds, wind, mildness = (blend(number, share, index) for index in range(3))
    season = -math.cos(2 * math.pi * ((begin / DAY_SECONDS) % 365.2425 - 15) / 365.2425)
    mean = 9.5 + 9.5 * season + 8 * (mildness - 0.5)
    swing = 2 + 5 * (1 - clouds)
    celsius = round(mean - swing * math.cos(2 * math.pi * (of_day - 3) / 24), 1)
    is_wet_day = chance(number, 0) > 0.5  # noqa: PLR2004
    begins, lasts = chance(number, 3) * 20, 1 + chance(number, 4) * 6
    is_wet = is_wet_day and begins <= of_day < begins + lasts
    speed = round(5 + 20 * wind + 6 * math.sin(math.pi * of_day / 24))
    rain = round(0.3 + 3 * chance(hour, 5) * clouds, 1) if is_wet else 0.0
    return ForecastStep(
        begin=begin,
        weather=word_of(clouds, celsius, rain, is_foggy=clouds < 0.3 and wind < 0.2 and of_day < 9),  # noqa: PLR2004
        daylight=is_daylight(begin + HOUR_SECONDS / 2, LATITUDE, LONGITUDE),
        temperature_celsius=celsius,
        feels_like_celsius=round(celsius - speed / 8, 1),
        humidity_percent=float(round(55 + 35 * clouds - 8 * math.sin(math.pi * of_day / 24))),
        wind_kmh=float(speed),
        gust_kmh=float(round(speed * (1.5 + 0.4 * clouds))),
        rain_mm=rain,
        rain_probability_percent=float(round(60 + 40 * clouds if is_wet else 40 * clouds * is_wet_day)),
    )


def blend(day: int, share: float, index: int) -> float:
    """Return a value that goes from that of a day to that of the next, with the share of the day."""
    first, second = chance(day, index), chance(day + 1, index)
    return first + (second - first) * share


def word_of(clouds: float, celsius: float, rain: float, *, is_foggy: bool = False) -> WeatherWord:
    """Return the weather in a word."""
    if rain:
        if celsius < 0:
            return "snow"
        if celsius < 2:  # noqa: PLR2004
            return "sleet"
        return "thunder" if celsius > 24 and rain > 2 else "rain"  # noqa: PLR2004
    if is_foggy:
        return "fog"
    return "clear_sky" if clouds < 0.3 else "partly_cloudy" if clouds < 0.6 else "cloudy"  # noqa: PLR2004


def apply(step: ForecastStep, changed: Mapping[str, float]) -> ForecastStep:
    """Return an hour with other values."""
    plain = {name: value for name, value in changed.items() if name in step.__struct_fields__}
    if plain.get("gust_kmh", 0.0) < plain.get("wind_kmh", 0.0):
        plain["gust_kmh"] = plain["wind_kmh"]
    step = replace(step, **plain)
    if (lowest := changed.get("night_min_celsius")) is not None:
        step = with_night(step, lowest)
    if (rain := changed.get("rain_mm")) is not None:
        celsius = step.temperature_celsius or 0.0
        dry = step.weather if step.weather in ("clear_sky", "partly_cloudy", "cloudy", "fog") else "cloudy"
        probability = 100.0 if rain else 0.0
        weather = word_of(0.0, celsius, rain) if rain else dry
        step = replace(step, weather=weather, rain_probability_percent=probability)
    return step


def with_night(step: ForecastStep, lowest: float) -> ForecastStep:
    """Return an hour of a night whose lowest temperature is this one; no hour before it is colder."""
    of_day = (step.begin + LONGITUDE / 360 * DAY_SECONDS) % DAY_SECONDS / HOUR_SECONDS
    celsius = step.temperature_celsius or 0.0
    is_night = of_day >= EVENING_HOUR or of_day < MORNING_HOUR
    return replace(step, temperature_celsius=lowest if is_night else max(celsius, lowest))


def with_shower(hours: list[ForecastStep], since: float, begin: float) -> list[ForecastStep]:
    """Return the hours without rain from a moment on, until a shower begins."""
    end = begin + SHOWER_SECONDS
    moments = sorted({since, begin, end})
    found: list[ForecastStep] = []
    for hour in hours:
        cuts = [hour.begin, *(at for at in moments if hour.begin < at < hour.end), hour.end]
        for start, stop in pairwise(cuts):
            part = replace(hour, begin=start, seconds=stop - start)
            if hour.rain_mm is not None:
                part = replace(part, rain_mm=hour.rain_mm * part.seconds / hour.seconds)
            if begin <= start < end:
                part = with_rain(part, SHOWER_MM * part.seconds / SHOWER_SECONDS, 100.0)
            elif since <= start < begin:
                part = with_rain(part, 0.0, 0.0)
            found.append(part)
    return found


def with_rain(step: ForecastStep, rain: float, probability: float) -> ForecastStep:
    """Return a step with this rain."""
    return replace(apply(step, {"rain_mm": rain}), rain_probability_percent=probability)


def chance(number: int, index: int) -> float:
    """Return a value from 0 to 1 that looks random, and is always the same for the same numbers."""
    mixed = (number * 0x9E3779B97F4A7C15 + (index + 1) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = ((mixed ^ (mixed >> shift)) * factor) & 0xFFFFFFFFFFFFFFFF
    return ((mixed ^ (mixed >> 31)) >> 11) / (1 << 53)
