"""A thermostat: reads its status, and makes the request for its target. Pure.

The one of a Wall Display has an `enable`. A radiator valve (BLU TRV) has none: off is its lowest target,
which keeps the frost away. A gateway passes a request on to the valve by radio.
"""

from collections.abc import Mapping
from typing import Any

from daemons.drivers.shelly_rpc.options import Options
from daemons.drivers.transports.json_values import is_number, number
from daemons.kinds import Setting, TargetRange

FROST_CELSIUS = 4.0
"""The lowest target of a radiator valve."""
RANGES = {"thermostat": TargetRange(5.0, 35.0, 0.5), "blutrv": TargetRange(4.1, 30.0, 0.1)}
"""By component: the targets that it keeps while it is on."""
COOLS = "it is set to cool, and a thermostat of House only heats"


def read(component: str, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a Reading that the status of a thermostat has."""
    found: dict[str, Any] = {"target_range": RANGES[component]}
    if is_number(target := status.get("target_C")):
        found["target_celsius"] = float(target)
        if component == "blutrv":
            found["on"] = target > FROST_CELSIUS
    if "current_C" in status:
        found["temperature_celsius"] = number(status["current_C"])
    if component == "blutrv":
        return found | valve(status)
    for field, name in (("on", "enable"), ("heating", "output")):
        if isinstance(value := status.get(name), bool):
            found[field] = value
    return found


def valve(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return how far open a valve is; a position below 0 is unknown."""
    position = status.get("pos")
    if not is_number(position) or position < 0:
        return {"valve_percent": None, "heating": None}
    return {"valve_percent": float(min(100, position)), "heating": position > 0}


def set_request(options: Options, setting: Setting) -> tuple[str, dict[str, Any]]:
    """Return the method and the parameters of the request for a setting."""
    wanted = setting.target_celsius if setting.on else None
    target = None if wanted is None else RANGES[options.component].nearest(wanted)
    if options.component == "blutrv":
        params = {"id": 0, "target_C": FROST_CELSIUS if target is None else target}
        return "BluTrv.Call", {"id": options.channel, "method": "TRV.SetTarget", "params": params}
    config = {"id": options.channel, "enable": setting.on}
    return "Thermostat.SetConfig", {
        "id": options.channel,
        "config": config if target is None else {**config, "target_C": target},
    }
