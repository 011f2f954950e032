"""The numbers in messages as fields of a reading: measurements, brightness, colour temperature. Pure."""

from typing import Any

from daemons.drivers.generic_mqtt.source import ColourTemperature, Level, Measurement, Position
from daemons.drivers.generic_mqtt.value import to_number

MIRED = 1_000_000
"""The product of a colour temperature in mireds and the same in kelvins."""
WHOLE = ("battery_percent",)
"""The measurements that are rounded to a whole number."""


def read_brightness(level: Level, value: Any) -> dict[str, Any]:
    """Return the brightness of a lamp; ValueError if the value is no number."""
    number = to_number(value)
    percent = None if number is None else min(100, max(0, round(number * 100 / level.scale)))
    return {"brightness_percent": percent}


def read_colour(colour: ColourTemperature, value: Any) -> dict[str, Any]:
    """Return the colour temperature of a lamp; ValueError if the value is no number."""
    number = to_number(value)
    if number is None or number < 1:
        return {"colour_temperature_kelvin": None}
    return {"colour_temperature_kelvin": round(number if colour.unit == "kelvin" else MIRED / number)}


def read_measurement(name: str, measurement: Measurement, value: Any) -> dict[str, Any]:
    """Return a measurement in its unit; ValueError if the value is no number."""
    number = to_number(value)
    if number is None:
        return {name: None}
    converted = round(number * measurement.factor + measurement.offset, 3)
    return {name: round(converted) if name in WHOLE else converted}


def position_percent(number: float, position: Position | None) -> int:
    """Return how far open a cover is, from the value that it reports."""
    position = position or Position()
    share = (number - position.closed) / (position.open - position.closed)
    return min(100, max(0, round(share * 100)))
