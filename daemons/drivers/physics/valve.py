"""A thermostat in the hardware: it opens a valve while the room is colder than its target. Pure."""

from msgspec.structs import replace

from daemons.kinds import Reading

OPEN_KELVINS = 1.0
"""The valve is completely open if the room is so much colder than the target."""


def with_valve(reading: Reading) -> Reading:
    """Return a reading with the valve and whether it heats, if the hardware keeps a target."""
    target, measured = reading.target_celsius, reading.temperature_celsius
    if target is None or measured is None:
        return reading
    share = min(1.0, max(0.0, (target - measured) / OPEN_KELVINS)) if reading.on else 0.0
    return replace(reading, heating=share > 0, valve_percent=float(round(share * 100)))
