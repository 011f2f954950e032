"""The values of a state, as fields of a Reading: brightness, position, detections and measurements. Pure.

A device with several endpoints, such as two relays, has the name of the endpoint at the end of each field:
`state_l1`, `power_l2`, `temperature_1`. Zigbee2MQTT publishes null for a value that it does not know.
"""

import math
from typing import Any, Literal, TypeGuard

from daemons.kinds import About
from daemons.kinds.base import colour as colours

MOST_BRIGHT = 254
MIRED = 1_000_000
"""The product of a colour temperature in mireds and the same in kelvins."""
SHARED = ("battery", "tamper", "linkquality", "voltage", "device_temperature", "device")
"""The fields of the whole device, which its endpoints share."""
DETECTIONS: dict[str, tuple[str, ...]] = {
    "opening": ("contact",),
    "water": ("water_leak",),
    "smoke": ("smoke",),
    "gas": ("gas",),
    "carbon_monoxide": ("carbon_monoxide",),
    "motion": ("occupancy", "presence"),
    "presence": ("presence", "occupancy"),
    "vibration": ("vibration",),
    "tamper": ("tamper",),
}
"""By detection, the fields that report it; the first one that the device has counts."""
NUMBERS: dict[str, tuple[tuple[str, ...], float]] = {
    "power_watts": (("power",), 1),
    "energy_watt_hours": (("energy",), 1000),
    "temperature_celsius": (("temperature", "local_temperature", "soil_temperature"), 1),
    "humidity_percent": (("humidity",), 1),
    "illuminance_lux": (("illuminance", "illuminance_lux"), 1),
    "co2_ppm": (("co2",), 1),
    "pm25_micrograms": (("pm25",), 1),
    "soil_moisture_percent": (("soil_moisture",), 1),
}
"""By field of a Reading: the fields that report it, of which the first one counts, and the factor."""
FACTS: dict[str, str] = {
    "link_quality": "linkquality",
    "voltage_volts": "voltage",
    "current_amperes": "current",
    "power_factor": "power_factor",
    "device_temperature_celsius": "device_temperature",
}
"""By field of a Reading about the hardware itself: the field that reports it."""
HIGHEST_VOLTS = 900
"""A voltage above is that of a battery, in millivolts."""
PERCENTS = {"battery_percent": "battery", "position_percent": "position"}
"""The values that are rounded to a whole percent."""
HIGHEST_KILOPASCALS = 200
"""The pressure of the air is less in kilopascals, and more in hectopascals. Devices use either."""
ABOUT = {"manufacturer": "manufacturerName", "model": "model", "firmware": "softwareBuildID"}
"""By field of About: the field of `device` that reports it."""
PIPE = "bar"
"""A device with this field measures the pressure in a pipe."""


def fields_of(found: dict[str, Any], endpoint: str | None) -> dict[str, Any]:
    """Return the fields of one endpoint under their plain names, or all fields without an endpoint."""
    if endpoint is None:
        return found
    end = f"_{endpoint}"
    own = {name.removesuffix(end): value for name, value in found.items() if name.endswith(end)}
    return {name: found[name] for name in SHARED if name in found} | own


def detections(found: dict[str, Any]) -> dict[str, bool]:
    """Return, by detection, whether a state reports it. A closed contact is no detection."""
    reported = {}
    for word, names in DETECTIONS.items():
        values = [found[name] for name in names if isinstance(found.get(name), bool)]
        if values:
            reported[word] = values[0] is (word != "opening")
    return reported


def measurements(found: dict[str, Any]) -> dict[str, Any]:
    """Return the measurements of a state as fields of a Reading; None for a value that is null."""
    changes: dict[str, Any] = {}
    for field, (names, factor) in NUMBERS.items():
        for name in names:
            if name in found and (found[name] is None or is_number(found[name])):
                changes[field] = None if found[name] is None else round(found[name] * factor, 3)
                break
    for field, name in PERCENTS.items():
        if name in found and (found[name] is None or is_number(found[name])):
            changes[field] = None if found[name] is None else min(100, max(0, round(found[name])))
    if is_number(pressure := found.get("pressure")) and PIPE not in found:
        changes["pressure_hectopascals"] = pressure * 10 if pressure < HIGHEST_KILOPASCALS else pressure
    return changes


def facts(found: dict[str, Any]) -> dict[str, Any]:
    """Return what a state reports about the hardware itself, as fields of a Reading.

    `device` is there only with `include_device_information` in Zigbee2MQTT.
    """
    changes: dict[str, Any] = {
        field: found[name] for field, name in FACTS.items() if is_number(found.get(name))
    }
    if changes.get("voltage_volts", 0) > HIGHEST_VOLTS:
        changes["voltage_volts"] /= 1000
    if abs(changes.get("power_factor", 0)) > 1:  # in percent
        changes["power_factor"] /= 100
    device = found.get("device")
    if isinstance(device, dict):
        own = {key: device.get(name) for key, name in ABOUT.items()}
        changes["about"] = About(**{key: text for key, text in own.items() if isinstance(text, str)})
    return changes


def light(found: dict[str, Any]) -> dict[str, Any]:
    """Return the brightness, the colour and the white of a state as fields of a Reading.

    In a mode of colours, the colour temperature of a bulb is only a remainder of the last white.
    """
    changes: dict[str, Any] = {}
    if is_number(bright := found.get("brightness")):
        changes["brightness_percent"] = min(100, max(0, round(bright * 100 / MOST_BRIGHT)))
    if (mode := found.get("color_mode")) in ("xy", "hs"):
        changes["colour_temperature_kelvin"] = None
        if colour := _colour(mode, found.get("color")):
            changes["colour"] = colour
    elif is_number(mireds := found.get("color_temp")) and mireds > 0:
        changes |= {"colour_temperature_kelvin": round(MIRED / mireds), "colour": None}
    return changes


def color(mode: Literal["xy", "hs"], colour: str) -> dict[str, float]:
    """Return a colour in the terms of Zigbee2MQTT."""
    if mode == "xy":
        x, y = colours.to_xy(colour)
        return {"x": round(x, 4), "y": round(y, 4)}
    hue, saturation = colours.hue_and_saturation(colour)
    return {"hue": round(hue), "saturation": round(saturation)}


def _colour(mode: str, found: Any) -> str | None:
    """Return the colour of a state; None if the state has none in its mode."""
    names = ("x", "y") if mode == "xy" else ("hue", "saturation")
    first, second = (found.get(name) for name in names) if isinstance(found, dict) else (None, None)
    if not is_number(first) or not is_number(second) or not math.isfinite(first + second):
        return None
    return colours.from_xy(first, second) if mode == "xy" else colours.from_hue(first, second)


def is_number(value: Any) -> TypeGuard[int | float]:
    """Return whether a value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
