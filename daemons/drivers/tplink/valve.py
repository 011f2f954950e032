"""A radiator valve (KE100) behind a hub: reads its state, and makes the fields that set its target. Pure.

Off is its frost protection. A valve that is set to °F in TP-Link's app reports and receives °F.
"""

from typing import Any

from daemons.drivers.tplink.definition import Info
from daemons.drivers.tplink.facts import celsius, is_fahrenheit
from daemons.kinds import Setting, TargetRange

VALVE_SECONDS = 60.0
"""How long a valve may take to report a setting that its hub has accepted: it sleeps most of the time."""
LOWEST_CELSIUS, HIGHEST_CELSIUS = 5.0, 30.0
"""The targets of a valve that does not report its limits."""
CELSIUS_STEP, FAHRENHEIT_STEP = 0.5, 5 / 9
"""The step of a target, in °C: half a degree, or a whole °F."""
HEATING, SHUT_DOWN = "heating", "shutdown"
"""Words in its list of states: it opens its valve; it was shut down in the app, and keeps no target."""


def is_valve(info: Info) -> bool:
    """Return whether a device behind a hub is a radiator valve."""
    return str(info.get("category", "")).endswith(".trv")


def target_range(info: Info) -> TargetRange:
    """Return the targets that a valve can keep."""
    lowest, highest = celsius(info, "min_control_temp"), celsius(info, "max_control_temp")
    step = FAHRENHEIT_STEP if is_fahrenheit(info) else CELSIUS_STEP
    if lowest is None or highest is None:
        return TargetRange(LOWEST_CELSIUS, HIGHEST_CELSIUS, step)
    return TargetRange(lowest, highest, step)


def parse_valve(info: Info) -> dict[str, Any]:
    """Return what a valve reports beside its temperature and its battery, as fields of a Reading."""
    listed = info.get("trv_states")
    states = listed if isinstance(listed, list) else []
    found: dict[str, Any] = {"target_range": target_range(info)}
    if (target := celsius(info, "target_temp")) is not None:
        found["target_celsius"] = target
    if isinstance(protects := info.get("frost_protection_on"), bool):
        found["on"] = not protects and SHUT_DOWN not in states
    if states is listed:
        found["heating"] = HEATING in states
    return found


def valve_fields(setting: Setting, info: Info) -> dict[str, Any]:
    """Return the fields that apply a setting; `info` is the latest report of the valve."""
    fields: dict[str, Any] = {"frost_protection_on": not setting.on}
    if setting.on and setting.target_celsius is not None:
        target = target_range(info).nearest(setting.target_celsius)
        fields["target_temp"] = round(target * 1.8 + 32) if is_fahrenheit(info) else target
    return fields
