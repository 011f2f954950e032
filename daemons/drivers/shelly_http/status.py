"""The status of a Shelly of the first generation as fields of a Reading, and requests for settings. Pure."""

import re
from collections.abc import Mapping
from math import ceil
from typing import Any
from urllib.parse import urlencode

from daemons.drivers.shelly_http import thermostat
from daemons.drivers.shelly_http.options import SWITCHED, Options
from daemons.drivers.transports.json_values import is_number, listed, member, number, text
from daemons.kinds import About, Setting, Touch
from daemons.kinds.base import colour as colours

LISTS = {
    "relay": "relays",
    "light": "lights",
    "color": "lights",
    "white": "lights",
    "roller": "rollers",
    "emeter": "emeters",
    "input": "inputs",
    "thermostat": "thermostats",
}
"""By component: the list in a status that has it."""
TOUCHES: dict[str, Touch] = {"S": "single", "SS": "double", "SSS": "triple", "L": "long"}
"""The events of an input that are presses. A long press after a short one (`SL`) is none of them."""
MOST_PRESSES = 5
"""No hand presses more often within one interval of polling."""
WATT_MINUTES = 60.0
"""The counter of a relay counts watt-minutes."""
METER = {
    "power_watts": "power",
    "energy_watt_hours": "total",
    "voltage_volts": "voltage",
    "current_amperes": "current",
    "power_factor": "pf",
}
ALARMS = {"none": False, "mild": True, "heavy": True}
DOORS = {"open": True, "close": False}
SHAKEN = {"0": False, "1": True}
FAULTS = {
    "overtemperature": "it is too hot inside",
    "overload": "it draws more power than it may",
    "overpower": "it draws more power than it may",
    "loaderror": "it cannot dim what is connected",
}
VERSION = re.compile(r"v(\d[\w.]*)")
FAHRENHEIT = "F"
PARTS = ("red", "green", "blue")
"""The parts of a colour, each from 0 to 255."""


def part_of(options: Options, status: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the part of a status that has the component; None if the device does not have it."""
    if options.component == "external":
        number = str(options.channel)
        heat, damp = member(status, "ext_temperature", number), member(status, "ext_humidity", number)
        return {"heat": heat, "damp": damp} if isinstance(heat, dict) or isinstance(damp, dict) else None
    if options.component == "sensor":
        return dict(status) if sensor(status) else None
    return entry(status, LISTS[options.component], options.channel)


def components(status: Mapping[str, Any]) -> list[str]:
    """Return what a device has, such as `relay 0`."""
    lists = {name: word for word, name in LISTS.items() if word not in ("color", "white")}
    return [f"{word} {n}" for name, word in lists.items() for n in range(len(listed(status.get(name))))]


def read(options: Options, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a Reading that a status has for the component of these options."""
    part = part_of(options, status) or {}
    found: dict[str, Any] = {}
    match options.component:
        case "roller":
            found = roller(part)
        case "emeter":
            found = meter(part)
        case "input":
            if part.get("input") in (0, 1):
                found["on"] = part["input"] == 1
        case "sensor":
            found = sensor(status)
        case "thermostat":
            found = {**thermostat.read(part), **battery(status)}
        case "external":
            found["temperature_celsius"] = number(member(part, "heat", "tC"))
            found["humidity_percent"] = number(member(part, "damp", "hum"))
        case _:
            found = {**output(part), **relay_meter(entry(status, "meters", options.channel))}
    if options.component != "sensor":
        inside = member(status, "tmp", "tC")
        found["device_temperature_celsius"] = number(
            inside if inside is not None else status.get("temperature")
        )
        if "voltage_volts" not in found:
            found["voltage_volts"] = number(status.get("voltage"))
    found["signal_dbm"] = number(member(status, "wifi_sta", "rssi"))
    faults = [text for name, text in FAULTS.items() if part.get(name) is True or status.get(name) is True]
    if options.component == "thermostat":
        faults += thermostat.faults(part, status)
    return {**found, "fault": "; ".join(dict.fromkeys(faults)) or None}


def output(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether a relay or lamp is on, its timer, and its light.

    In the mode of colours, the brightness is the gain, and there is no colour temperature.
    """
    found: dict[str, Any] = {}
    if isinstance(on := part.get("ison"), bool):
        left = number(part.get("timer_remaining"))
        found = {"on": on, "off_after_seconds": left if on and part.get("has_timer") is True else None}
    is_colour = part.get("mode") == "color"
    if is_number(bright := part.get("gain" if is_colour else "brightness")):
        found["brightness_percent"] = round(bright)
    if "temp" in part:
        kelvin = number(part["temp"])
        found["colour_temperature_kelvin"] = None if is_colour or kelvin is None else round(kelvin)
    parts = [part.get(name) for name in PARTS]
    if all(is_number(one) for one in parts):
        found["colour"] = colours.from_parts(parts) if is_colour else None  # type: ignore[arg-type]
    return found


def roller(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether a roller moves, and how far open it is: unknown until it is calibrated."""
    found: dict[str, Any] = {"power_watts": number(part.get("power"))}
    if isinstance(state := part.get("state"), str):
        found |= {
            "on": state in ("open", "close"),
            "direction": state if state in ("open", "close") else None,
        }
    position = part.get("current_pos")
    is_known = is_number(position) and 0 <= position <= 100 and part.get("positioning") is not False  # noqa: PLR2004
    found["position_percent"] = round(position) if is_number(position) and is_known else None
    return found


def meter(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a meter of one phase measures; nothing while it is not valid."""
    is_valid = part.get("is_valid") is not False
    return {field: number(part[name]) if is_valid else None for field, name in METER.items() if name in part}


def relay_meter(part: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the meter of a relay measures. A relay without one has the entry too, without a counter."""
    if part is None or "total" not in part:
        return {}
    found = {
        name: value for name, value in meter(part).items() if name in ("power_watts", "energy_watt_hours")
    }
    if found.get("energy_watt_hours") is not None:
        found["energy_watt_hours"] = round(found["energy_watt_hours"] / WATT_MINUTES, 3)
    return found


def sensor(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the device's own sensors; empty if it has none."""
    found: dict[str, Any] = {}
    if detected := detections(status):
        found |= {"detections": detected, "on": next(iter(detected.values()))}
    if "relays" in status or "lights" in status:
        return found  # its temperature is that inside
    heat = status.get("tmp")
    if isinstance(heat, dict):
        celsius = number(heat.get("tC", heat.get("value")))
        if "tC" not in heat and heat.get("units") == FAHRENHEIT and celsius is not None:
            celsius = round((celsius - 32) / 1.8, 1)
        found["temperature_celsius"] = celsius if heat.get("is_valid") is not False else None
    for field, outer in (("humidity_percent", "hum"), ("illuminance_lux", "lux")):
        if isinstance(status.get(outer), dict):
            found[field] = number(member(status, outer, "value"))
    return {**found, **battery(status)} if found else {}


def battery(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the charge of its battery; empty if it has none."""
    percent = member(status, "bat", "value")
    return {"battery_percent": round(percent)} if is_number(percent) else {}


def detections(status: Mapping[str, Any]) -> dict[str, bool]:
    """Return, by detection, whether the device detects it."""
    own = status.get("sensor")
    part: dict[str, Any] = own if isinstance(own, dict) and own.get("is_valid") is not False else {}
    found = {
        "opening": DOORS.get(str(part.get("state"))),
        "motion": part.get("motion"),
        "water": status.get("flood"),
        "smoke": status.get("smoke"),
        "gas": ALARMS.get(str(member(status, "gas_sensor", "alarm_state"))),
        "vibration": part.get("vibration", SHAKEN.get(str(member(status, "accel", "vibration")))),
    }
    return {word: value for word, value in found.items() if isinstance(value, bool)}


def set_target(options: Options, setting: Setting, part: Mapping[str, Any]) -> str | None:
    """Return the path and the query of the request for a setting; None if nothing is switched.

    `part` is the status of the component: a lamp in the mode of colours has a gain for its brightness.
    """
    if options.component == "thermostat":
        return thermostat.set_target(options.channel, setting, part)
    query: dict[str, Any] = {}
    seconds = ceil(setting.off_after_seconds) if setting.on and setting.off_after_seconds else None
    if options.component == "roller":
        query["go"] = (setting.direction or "open") if setting.on else "stop"
        if seconds:
            query["duration"] = seconds
    elif options.component in SWITCHED:
        query["turn"] = "on" if setting.on else "off"
        if seconds:
            query["timer"] = seconds
        kelvin = setting.colour_temperature_kelvin if setting.on and options.tints else None
        colour = setting.colour if setting.on and "colour" in options.abilities else None
        has_mode = part.get("mode") == "color" and kelvin is None
        is_colour = options.component == "color" or colour is not None or has_mode
        if setting.on and setting.brightness_percent is not None and "dim" in options.abilities:
            query["gain" if is_colour else "brightness"] = setting.brightness_percent
        if kelvin is not None:
            query |= {"mode": "white", "temp": kelvin} if "mode" in part else {"temp": kelvin}
        if colour is not None:
            query |= {} if options.component == "color" else {"mode": "color"}
            query |= {**dict(zip(PARTS, colours.parts_of(colour), strict=True)), "white": 0}
    else:
        return None
    return f"/{options.component}/{options.channel}?{urlencode(query)}"


class PressCounter:
    """Counts the presses of an input: it has the word of the last one, and how many there were."""

    def __init__(self) -> None:
        self._count: int | None = None

    def read(self, part: Mapping[str, Any] | None) -> list[Touch]:
        """Return the new presses. Those before the first status, and from before a restart, are over.

        If there were several since the last status, the words of the earlier ones are lost: each counts as
        the last.
        """
        count = (part or {}).get("event_cnt")
        if isinstance(count, bool) or not isinstance(count, int):
            return []
        before, self._count = self._count, count
        touch = TOUCHES.get(str((part or {}).get("event")))
        if touch is None or before is None:
            return []
        return [touch] * min(MOST_PRESSES, max(0, count - before))


def about(options: Options, info: Mapping[str, Any]) -> About:
    """Return what the device is."""
    version = VERSION.search(str(info.get("fw")))
    return About(
        manufacturer="Shelly",
        model=text(info.get("type")),
        firmware=version[1] if version else None,
        mac=text(info.get("mac")),
        url=f"http://{options.address}",
    )


def entry(status: Mapping[str, Any], name: str, index: int) -> dict[str, Any] | None:
    """Return an entry of a list of objects in a status; None if there is none."""
    found = listed(status.get(name))[index : index + 1]
    return found[0] if found and isinstance(found[0], dict) else None
