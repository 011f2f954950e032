"""The status of a component as fields of a Reading. Pure but for the clock.

A status may be partial: a notification has only what has changed. So it is laid over the last whole status.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from daemons.drivers.shelly_rpc import bthome, thermostat
from daemons.drivers.shelly_rpc.options import BLUETOOTH, Options
from daemons.drivers.transports.json_values import is_number, listed, member, number, text
from daemons.kinds import About, Touch
from daemons.kinds.base import colour as colours

Components = dict[str, dict[str, Any]]
"""By component, such as `switch:0`, its status."""

CLOCK_TOLERANCE_SECONDS = 5.0
"""How far the clock of a device may be ahead of ours."""
TOUCHES: dict[str, Touch] = {
    "single_push": "single",
    "double_push": "double",
    "triple_push": "triple",
    "long_push": "long",
    "btn_up": "release",
}
"""The events of an input that are presses. `btn_up` follows each press, and counts after a long one only."""
FAULTS = {
    "overpower": "it draws more power than it may",
    "overtemp": "it is too hot inside",
    "overvoltage": "the mains voltage is too high",
    "undervoltage": "the mains voltage is too low",
    "overcurrent": "it draws more current than it may",
    "obstruction": "something blocks it",
    "safety_switch": "its safety switch has stopped it",
    "cable_unplugged": "its cable is unplugged",
    "unsupported_load": "it cannot dim what is connected",
    "power_meter_failure": "its meter is broken",
    "ct_type_not_set": "the type of its current transformer is not set",
    "not_calibrated": "it is not calibrated",
}
TIMER = ("timer_started_at", "timer_duration")
METER = {
    "power_watts": "apower",
    "voltage_volts": "voltage",
    "current_amperes": "current",
    "power_factor": "pf",
}
"""By field of a Reading, the member of a status that has it: of all but `em` and `em1`."""
MEASURED = {
    "temperature": ("tC", "temperature_celsius"),
    "humidity": ("rh", "humidity_percent"),
    "illuminance": ("lux", "illuminance_lux"),
}
"""By component of a sensor: the member with its value, and the field of a Reading."""
DETECTED = {
    "flood": ("alarm", "water"),
    "smoke": ("alarm", "smoke"),
    "motion": ("motion", "motion"),
    "presencezone": ("value", "presence"),
}
"""By component of a detector: the member with its value, and the word of the detection."""
MOVES = {"opening": "open", "closing": "close"}


def overlay(known: Components, news: Mapping[str, Any]) -> None:
    """Lay a status, whole or partial, over the known one. With an `output`, it names a running timer too."""
    for key, status in news.items():
        if isinstance(status, dict):
            merged = known.setdefault(key, {})
            if "output" in status:
                for name in TIMER:
                    merged.pop(name, None)
            merged.update(status)


def read(options: Options, known: Components, sensors: Mapping[str, int]) -> dict[str, Any]:
    """Return the fields of a Reading that a status has for the component of these options.

    `sensors` has the numbers (BTHome object ids) of the sensors of a Bluetooth device, by component.
    """
    status = known.get(options.key, {})
    match options.component:
        case "cover":
            found = {**meter(status), **cover(status)}
        case "em" | "em1":
            found = energy_meter(options, known)
        case "pm1":
            found = meter(status)
        case "input":
            found = contact(status)
        case "sensor":
            found = sensor(options.channel, known)
        case "bthomedevice":
            found = {**bthome.read(sensors, known), **bthome.radio(status)}
        case "thermostat":
            found = thermostat.read("thermostat", status)
        case "blutrv":
            found = {**thermostat.read("blutrv", status), **bthome.radio(status)}
        case _:
            found = {**meter(status), **output(status)}
    if is_number(signal := known.get("wifi", {}).get("rssi")) and options.component not in BLUETOOTH:
        found["signal_dbm"] = round(signal) if signal < 0 else None  # 0 while it uses a cable
    return {**found, "fault": fault(known.get(key, {}) for key in sorted(own_keys(options, known)))}


def own_keys(options: Options, known: Components) -> frozenset[str]:
    """Return the components of a status that the options stand for; none if the device has none of them."""
    if options.component == "sensor":
        found = {f"{type_}:{options.channel}" for type_ in (*MEASURED, *DETECTED)} & known.keys()
        return frozenset(found | {"devicepower:0"} if found else ())
    return frozenset(
        {options.key, f"{options.component}data:{options.channel}"} if options.key in known else ()
    )


def output(status: dict[str, Any]) -> dict[str, Any]:
    """Return whether a switch or lamp is on, its timer, and its light.

    In a mode of colours, the colour temperature of a bulb is only a remainder of the last white.
    """
    found: dict[str, Any] = {}
    if isinstance(on := status.get("output"), bool):
        found |= {"on": on, "off_after_seconds": remaining_seconds(status) if on else None}
    if is_number(bright := status.get("brightness")):
        found["brightness_percent"] = round(bright)
    if "ct" in status:
        kelvin = status["ct"]
        is_white = is_number(kelvin) and status.get("mode") != "rgb"
        found["colour_temperature_kelvin"] = round(kelvin) if is_white else None
    if "rgb" in status:
        found["colour"] = colour(status)
    return found


def colour(status: dict[str, Any]) -> str | None:
    """Return the colour of a lamp; None while it shows white light."""
    parts = status["rgb"]
    if status.get("mode") == "cct" or not isinstance(parts, list) or len(parts) != 3:  # noqa: PLR2004
        return None
    return colours.from_parts(parts) if all(is_number(part) for part in parts) else None


def cover(status: dict[str, Any]) -> dict[str, Any]:
    """Return whether a cover moves, and how far open it is: unknown until it is calibrated."""
    found: dict[str, Any] = {}
    if isinstance(state := status.get("state"), str):
        found |= {"on": state in MOVES, "direction": MOVES.get(state)}
    if "current_pos" in status:
        position = status["current_pos"]
        found["position_percent"] = min(100, max(0, round(position))) if is_number(position) else None
    return found


def meter(status: dict[str, Any]) -> dict[str, Any]:
    """Return what the meter beside a component measures, and the temperature inside it."""
    found: dict[str, Any] = {field: number(status[name]) for field, name in METER.items() if name in status}
    if is_number(total := member(status, "aenergy", "total")):
        found["energy_watt_hours"] = float(total)
    if is_number(inside := member(status, "temperature", "tC")):
        found["device_temperature_celsius"] = float(inside)
    return found


def energy_meter(options: Options, known: Components) -> dict[str, Any]:
    """Return what a meter of one or three phases measures; its counter is a component of its own."""
    status, data = known.get(options.key, {}), known.get(f"{options.component}data:{options.channel}", {})
    start = f"{options.phase}_" if options.phase else ""
    if options.component == "em" and not start:
        names = {"power_watts": "total_act_power", "current_amperes": "total_current"}
        total = data.get("total_act")
    else:
        names = {
            "power_watts": f"{start}act_power",
            "current_amperes": f"{start}current",
            "voltage_volts": f"{start}voltage",
            "power_factor": f"{start}pf",
        }
        total = data.get(f"{start}total_act_energy")
    found: dict[str, Any] = {field: number(status[name]) for field, name in names.items() if name in status}
    if is_number(total):
        found["energy_watt_hours"] = float(total)
    if is_number(inside := known.get("temperature:0", {}).get("tC")):
        found["device_temperature_celsius"] = float(inside)
    return found


def contact(status: dict[str, Any]) -> dict[str, Any]:
    """Return whether an input is closed; a button reports only its presses."""
    return {"on": status["state"]} if isinstance(status.get("state"), bool) else {}


def sensor(channel: int, known: Components) -> dict[str, Any]:
    """Return the values of all sensors with a number. A sensor with an error has no value."""
    found: dict[str, Any] = {}
    detected: dict[str, bool] = {}
    for type_, (name, field) in MEASURED.items():
        status = known.get(f"{type_}:{channel}")
        if status is not None:
            value = status.get(name)
            found[field] = None if status.get("errors") else number(value)
    for type_, (name, word) in DETECTED.items():
        value = known.get(f"{type_}:{channel}", {}).get(name)
        if isinstance(value, bool):
            detected[word] = value
    if detected:
        found |= {"detections": detected, "on": next(iter(detected.values()))}
    if is_number(percent := member(known.get("devicepower:0", {}), "battery", "percent")):
        found["battery_percent"] = round(percent)
    return found


def fault(parts: Iterable[dict[str, Any]]) -> str | None:
    """Return the errors of components as a text, or None."""
    errors = [str(error) for part in parts for error in listed(part.get("errors"))]
    return "; ".join(dict.fromkeys(FAULTS.get(error, error) for error in errors)) or None


def about(options: Options, info: Mapping[str, Any]) -> About:
    """Return what the device is; of a Bluetooth device only the page of its gateway is known."""
    url = f"http://{options.address}"
    if options.component in BLUETOOTH:
        return About(url=url)
    names = {"model": "model", "firmware": "ver", "mac": "mac"}
    return About(
        manufacturer="Shelly", url=url, **{field: text(info.get(name)) for field, name in names.items()}
    )


def remaining_seconds(status: dict[str, Any]) -> float | None:
    """Return how long the device's running timer takes to end, by this machine's clock; None without one.

    A device whose clock is wrong reports a beginning that cannot be: then the timer counts as unknown.
    """
    started, seconds = status.get("timer_started_at"), status.get("timer_duration")
    if not is_number(started) or not is_number(seconds):
        return None
    left = float(started + seconds - time.time())
    return left if 0 < left <= seconds + CLOCK_TOLERANCE_SECONDS else None


def touch_of(options: Options, event: Any) -> Touch | None:
    """Return the touch that an event of a notification reports; None if it is of another button."""
    if not isinstance(event, dict):
        return None
    if options.component == "bthomedevice":
        is_own = options.input in (None, event.get("idx"))
        key = options.key
    else:
        is_own, key = True, options.key if options.component == "input" else f"input:{options.input}"
    return TOUCHES.get(str(event.get("event"))) if is_own and event.get("component") == key else None
