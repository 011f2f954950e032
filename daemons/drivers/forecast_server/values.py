"""The values of a forecast, from JSON whose shape is not certain. Pure."""

from typing import Any

from daemons.drivers.transports.json_values import number
from daemons.kinds import is_plausible

MOST_STEPS = 1000
KMH_PER_METRE_PER_SECOND = 3.6
LEAST_UNIX, MOST_UNIX = 1e9, 1e11


class BadForecast(Exception):
    """An answer that has no forecast; the text says why."""


def bounded(name: str, value: Any, digits: int = 1) -> float | None:
    """Return a value of a field; None for one that is no number, or that no weather has."""
    found = number(value)
    if found is None or not is_plausible(name, found):
        return None
    return round(found, digits) + 0.0


def moment(value: Any) -> float | None:
    """Return a time in Unix seconds; None if it is none."""
    found = number(value)
    return found if found is not None and LEAST_UNIX < found < MOST_UNIX else None
