"""A radiator valve of the first generation: reads its status, and makes the request for its target. Pure.

Off is its lowest target, which keeps the frost away.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from daemons.drivers.transports.json_values import is_number, member, number
from daemons.kinds import Setting, TargetRange

FROST_CELSIUS = 4.0
"""The lowest target."""
RANGE = TargetRange(4.5, 31.0, 0.5)
"""The targets that it keeps while it is on."""
FAHRENHEIT = "it counts in Fahrenheit: set its unit to Celsius"
NOT_CALIBRATED = "it is not calibrated"


def read(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a Reading that the status of a valve has. A position below 0 is unknown."""
    found: dict[str, Any] = {"target_range": RANGE, "target_celsius": None, "on": None}
    target, position = member(part, "target_t", "value"), part.get("pos")
    if is_number(target) and not is_in_fahrenheit(part):
        is_regulated = member(part, "target_t", "enabled") is not False
        found |= {"target_celsius": float(target), "on": is_regulated and target > FROST_CELSIUS}
    is_valid = member(part, "tmp", "is_valid") is not False and not is_in_fahrenheit(part)
    found["temperature_celsius"] = number(member(part, "tmp", "value")) if is_valid else None
    share = float(min(100, position)) if is_number(position) and position >= 0 else None
    found |= {"valve_percent": share, "heating": None if share is None else share > 0}
    if isinstance(is_open := part.get("window_open"), bool):
        found["window_open"] = is_open
    return found


def set_target(channel: int, setting: Setting, part: Mapping[str, Any]) -> str | None:
    """Return the path and the query of the request for a setting; None if it cannot be sent."""
    if is_in_fahrenheit(part):
        return None
    wanted = setting.target_celsius if setting.on else FROST_CELSIUS
    query: dict[str, Any] = {"target_t_enabled": 1}
    if wanted is not None:
        query["target_t"] = RANGE.nearest(wanted) if setting.on else wanted
    return f"/thermostat/{channel}?{urlencode(query)}"


def faults(part: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a valve."""
    found = [FAHRENHEIT] if is_in_fahrenheit(part) else []
    return [*found, NOT_CALIBRATED] if status.get("calibrated") is False else found


def is_in_fahrenheit(part: Mapping[str, Any]) -> bool:
    """Return whether a valve counts in Fahrenheit, where its own range of targets is not known."""
    return "F" in (member(part, "target_t", "units"), member(part, "tmp", "units"))
