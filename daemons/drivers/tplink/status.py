"""The state of a Kasa or Tapo device: what is requested in one poll, and what the reply says. Pure.

Older devices (Kasa) answer several modules in one request, also for one outlet of a strip. Newer ones
answer several methods. So one poll is one request, however many outlets a strip has.
"""

from collections.abc import Mapping
from typing import Any

from daemons.drivers.tplink.definition import Info, has_colours, objects, tints
from daemons.drivers.tplink.facts import celsius, facts, mains, number
from daemons.drivers.tplink.valve import is_valve, parse_valve
from daemons.kinds import Touch
from daemons.kinds.base import colour as colours

TOUCHES: dict[str, Touch] = {"singleClick": "single", "doubleClick": "double"}
"""The events in the log of a button that are presses."""
OPTIONAL_METHODS = {"get_emeter_data", "get_current_power"}
"""The methods that not all meters know. They tell the power again, more or less exactly."""
BULB_METER = "smartlife.iot.common.emeter"


class NotHeard(ValueError):
    """A hub answers that it does not hear from a device behind it."""


def part(reply: Any, *names: str) -> dict[str, Any]:
    """Return an object deep in a reply; an empty one where the reply has none."""
    for name in names:
        reply = reply.get(name) if isinstance(reply, Mapping) else None
    return dict(reply) if isinstance(reply, Mapping) else {}


# Older devices


def iot_request(sysinfo: Info, child: str | None) -> dict[str, Any]:
    """Return the request of one poll; `child` is the id of an outlet."""
    request: dict[str, Any] = {"system": {"get_sysinfo": {}}}
    if "light_state" in sysinfo:
        return {**request, BULB_METER: {"get_realtime": {}}}
    if "ENE" in str(sysinfo.get("feature", "")) and (child or not sysinfo.get("children")):
        request["emeter"] = {"get_realtime": {}}
    if child:
        return {"context": {"child_ids": [child]}, **request}
    has_timer = "TIM" in str(sysinfo.get("feature", "")) and not sysinfo.get("children")
    return {**request, "count_down": {"get_rules": {}}} if has_timer else request


def parse_iot(reply: Any, child: str | None) -> dict[str, Any]:
    """Return the fields of a Reading; raises ValueError if the reply has no state."""
    sysinfo = part(reply, "system", "get_sysinfo")
    light = part(sysinfo, "light_state")
    found: dict[str, Any] = {"on": iot_is_on(sysinfo, light, child)}
    light = light if found["on"] else part(light, "dft_on_state")
    if child is None:
        own = light if "light_state" in sysinfo else sysinfo
        found |= lamp(
            own,
            part(sysinfo, "lighting_effect_state"),
            has_white=tints(sysinfo),
            has_colour=has_colours(sysinfo),
        )
    rules = part(reply, "count_down", "get_rules").get("rule_list")
    found["off_after_seconds"] = remaining_seconds(rules) if found["on"] else None
    meter = part(reply, "emeter", "get_realtime") or part(reply, BULB_METER, "get_realtime")
    return {**found, **iot_energy(meter), **mains(meter), **facts(sysinfo, is_outlet=child is not None)}


def iot_is_on(sysinfo: Info, light: Info, child: str | None) -> bool:
    """Return whether a device or one outlet is on; raises ValueError if that is not reported."""
    children = objects(sysinfo.get("children"))
    if child is not None:
        states = [one.get("state") for one in children if one.get("id") == child]
    elif children:  # the whole strip
        states = [max(int(number(one.get("state")) or 0) for one in children)]
    else:
        states = [light.get("on_off", sysinfo.get("relay_state"))]
    if not states or number(states[0]) is None:
        raise ValueError("its answer does not say whether it is on")
    return bool(states[0])


def iot_energy(meter: Info) -> dict[str, Any]:
    """Return what an older meter measures: in milliunits, or in units on the oldest ones."""
    watts, watt_hours = number(meter.get("power_mw"), 0.001), number(meter.get("total_wh"))
    return {
        "power_watts": number(meter.get("power")) if watts is None else watts,
        "energy_watt_hours": number(meter.get("total"), 1000.0) if watt_hours is None else watt_hours,
    }


def remaining_seconds(rules: Any) -> float | None:
    """Return how long the shortest running countdown to "off" takes to end; None without one."""
    left = [
        number(rule.get("remain")) for rule in objects(rules) if rule.get("enable") and not rule.get("act")
    ]
    return min((seconds for seconds in left if seconds is not None), default=None)


# Newer devices


def smart_methods(category: str, has_meter: bool) -> dict[str, Any]:
    """Return the methods of one poll."""
    methods: dict[str, Any] = {"get_device_info": None}
    if category.endswith(".button"):
        methods["get_trigger_logs"] = {"start_id": 0}
    if has_meter:
        methods |= dict.fromkeys(("get_energy_usage", *sorted(OPTIONAL_METHODS)))
    return methods


def parse_smart(reply: Any) -> dict[str, Any]:
    """Return the fields of a Reading; raises ValueError if the reply has no state, or NotHeard."""
    info = part(reply, "get_device_info")
    if not info:
        raise ValueError("its answer has no state")
    if info.get("status") == "offline":
        raise NotHeard("its hub does not hear from it")
    is_outlet = "position" in info or ".sub-" in str(info.get("category", ""))
    meter = mains(part(reply, "get_emeter_data"))
    found = {**parse_sensor(info), **smart_power(reply), **meter, **facts(info, is_outlet=is_outlet)}
    if isinstance(on := info.get("device_on"), bool):
        found["on"] = on
        is_running = on and info.get("auto_off_status") == "on"
        found["off_after_seconds"] = number(info.get("auto_off_remain_time")) if is_running else None
    if is_valve(info):
        found |= parse_valve(info)
    effect = {"enable": info.get("dynamic_light_effect_enable"), **part(info, "lighting_effect")}
    return found | lamp(info, effect, has_white=tints(info), has_colour=has_colours(info))


def parse_smart_strip(reply: Any) -> dict[str, Any]:
    """Return whether any outlet of a newer strip is on; raises ValueError if the reply does not say it."""
    children = objects(part(reply, "get_child_device_list").get("child_device_list"))
    states = [one.get("device_on") for one in children]
    if not states or not all(isinstance(state, bool) for state in states):
        raise ValueError("its answer does not say which outlets are on")
    return {"on": any(states)}


def parse_sensor(info: Info) -> dict[str, Any]:
    """Return what a sensor, a button or a valve behind a hub measures or detects."""
    found: dict[str, Any] = {}
    if "current_temp" in info:
        found["temperature_celsius"] = celsius(info, "current_temp")
        found["humidity_percent"] = number(info.get("current_humidity"))
    if (battery := number(info.get("battery_percentage"))) is not None:
        found["battery_percent"] = round(battery)
    for name in ("open", "detected", "in_alarm"):
        if isinstance(info.get(name), bool):
            found["on"] = info[name]
    if "water_leak_status" in info:  # `in_alarm` ends when a person silences the alarm
        found["on"] = info["water_leak_status"] == "water_leak"
    return found


def smart_power(reply: Any) -> dict[str, Any]:
    """Return the power that a newer meter measures: the most exact value that it reports."""
    values = (
        number(part(reply, "get_emeter_data").get("power_mw"), 0.001),
        number(part(reply, "get_energy_usage").get("current_power"), 0.001),
        number(part(reply, "get_current_power").get("current_power")),
    )
    return {"power_watts": next((value for value in values if value is not None), None)}


def month_energy(reply: Any) -> tuple[str, float] | None:
    """Return the month by the device's clock, and the energy of that month in watt-hours."""
    usage = part(reply, "get_energy_usage")
    energy = number(usage.get("month_energy"))
    return None if energy is None else (str(usage.get("local_time", ""))[:7], energy)


# Both


def lamp(info: Info, effect: Info, *, has_white: bool, has_colour: bool) -> dict[str, Any]:
    """Return brightness, white and colour. In colour mode (0 K) it has no white; with an effect, neither."""
    is_running = bool(effect.get("enable"))
    bright = number((effect.get("brightness") if is_running else None) or info.get("brightness"))
    found: dict[str, Any] = {} if bright is None else {"brightness_percent": round(bright)}
    if has_white:
        kelvin = None if is_running else number(info.get("color_temp"))
        found["colour_temperature_kelvin"] = round(kelvin) if kelvin else None
    if has_colour:
        hue, saturation = number(info.get("hue")), number(info.get("saturation"))
        is_shown = not is_running and not number(info.get("color_temp"))
        is_known = hue is not None and saturation is not None
        found["colour"] = colours.from_hue(hue, saturation) if is_shown and is_known else None  # type: ignore[arg-type]
    return found


class PressReader:
    """Reads the log of a button: each new entry is one press. The entries of before are none."""

    def __init__(self) -> None:
        self._last: int | None = None
        """The number of the newest entry that was read; None before the first log."""

    def read(self, reply: Any) -> list[Touch]:
        """Return the presses since the last log, in their order. A log that was cleared begins anew."""
        entries = objects(part(reply, "get_trigger_logs").get("logs"))
        numbers = {one["id"]: one.get("event") for one in entries if isinstance(one.get("id"), int)}
        newest = max(numbers, default=0)
        last, self._last = self._last, newest
        if last is None or newest < last:
            return []
        new = sorted(key for key in numbers if key > last)
        return [TOUCHES[str(numbers[key])] for key in new if str(numbers[key]) in TOUCHES]
