"""What a Kasa or Tapo device is, by what it reports of itself. Pure.

A strip is as many devices of the house as it has outlets, and a hub as many as it has sensors, buttons,
switches and valves. What no kind can work with gets a sentence instead.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

Info = Mapping[str, Any]
"""What a device or a part of it reports of itself: `get_sysinfo` of older devices, `get_device_info` of newer
ones, or one entry of a list of children."""

REFUSED = {
    "DOORBELL": "it is a doorbell: House has no driver for doorbells",
    "CAM": "it is a camera: House has no driver for cameras",
    "CHIME": "it is a chime: House has no driver for chimes",
    "ROBOVAC": "it is a vacuum cleaner: House has no driver for vacuum cleaners",
    "FAN": "it is a fan with speeds: House has no kind for one",
    "HUB": "it is a hub: House reads the devices behind it, each with the option `child`",
}
"""By a part of the type or the category of a device that no kind works with: the sentence for a person."""
UNKNOWN = "House does not know this type of device"
BEHIND_HUB = (
    "a hub; with its TP-Link account in the configuration, `house discover` finds the devices behind it"
)
SENSORS = {
    "contact-sensor": {"detects": "opening"},
    "motion-sensor": {"detects": "motion"},
    "water-leak-sensor": {"detects": "water"},
    "temp-hmdt-sensor": {},
}
"""By the end of its category: the options of a sensor."""
SLOW = {"poll": "15s"}
"""The option for what measures slowly: a thermometer tells its hub a value every 16 seconds or more."""
OUTLETS = {
    "EP40": 2, "EP40M": 2, "HS107": 2, "HS300": 6, "KP200": 2, "KP303": 3, "KP400": 2, "P210M": 2, "P300": 3,
    "P304M": 4, "P306": 4, "P316M": 6, "TP25": 2,
}  # fmt: skip
"""The number of outlets by model, for a strip that tells no more without its account."""
DIMMERS = (
    "ES20M", "HS220", "KP405", "KS220", "KS220M", "KS225", "KS230", "P135", "S500D", "S505D", "S515D",
)  # fmt: skip
"""Models of plugs and wall switches that dim."""
ONE_WHITE = ("L510", "L610", "L900", "L920")
"""Models of newer lamps whose white has only one colour temperature."""


class Part(Struct, frozen=True):
    """One device of the house in a device of TP-Link."""

    kind: str = ""
    """Its kind; empty if no kind works with it."""
    name: str = ""
    """The name that a person gave it in TP-Link's app."""
    options: dict[str, Any] = {}
    """The options of the driver for it."""
    kind_options: dict[str, Any] = {}
    """The options of its kind."""
    note: str = ""


def iot_parts(sysinfo: Info) -> list[Part]:
    """Return the parts of an older device (Kasa), by its `get_sysinfo`."""
    type_ = str(sysinfo.get("type", sysinfo.get("mic_type", "")))
    name = str(sysinfo.get("alias") or "")
    if "system" in sysinfo or "CAM" in type_:
        return [Part(name=name, note=REFUSED["CAM"])]
    if children := objects(sysinfo.get("children")):
        return [
            Part("plug", str(child.get("alias") or f"{name} {number}"), {"outlet": number})
            for number, child in enumerate(children, 1)
        ]
    if "SMARTBULB" in type_:
        return [
            Part(
                "lamp",
                name,
                light_options(bool(sysinfo.get("is_dimmable")), tints(sysinfo), has_colours(sysinfo)),
            )
        ]
    if "SMARTPLUGSWITCH" in type_:
        if "brightness" in sysinfo:
            return [Part("lamp", name, light_options(True))]
        is_light_switch = "light" in str(sysinfo.get("dev_name", "")).lower()
        return [Part("lamp" if is_light_switch else "plug", name)]
    return [Part(name=name, note=UNKNOWN)]


def smart_parts(info: Info, children: Sequence[Info]) -> list[Part]:
    """Return the parts of a newer device, by its `get_device_info` and its list of children."""
    if "HUB" in str(info.get("type", info.get("device_type", ""))):
        behind = [smart_part(child, {"child": str(child.get("device_id", ""))}) for child in children]
        return behind or [Part(name=name_of(info), note=REFUSED["HUB"])]
    if not children:
        return [smart_part(info, {})]
    return [smart_part(child, {"outlet": number}) for number, child in numbered(children)]


def smart_part(info: Info, options: dict[str, Any]) -> Part:
    """Return what a newer device, or one child of it, is; `options` are those that select it."""
    type_ = str(info.get("type", info.get("device_type", "")))
    category, name = str(info.get("category", "")), name_of(info)
    words = f"{type_} {category}".upper()
    if note := next((text for word, text in REFUSED.items() if word in words), ""):
        return Part(name=name, options=options, note=note)
    sensor = next((end for end in SENSORS if category.endswith(end)), None)
    if sensor is not None:
        slow = {} if SENSORS[sensor] else SLOW
        return Part("sensor", name, {**options, **slow}, dict(SENSORS[sensor]))
    if category.endswith(".button"):
        return Part("button", name, options)
    if category.endswith(".trv"):
        return Part("thermostat", name, {**options, **SLOW})
    if "device_on" not in info:
        return Part(name=name, options=options, note=UNKNOWN)
    if "brightness" in info:
        return Part("lamp", name, {**options, **light_options(True, tints(info), has_colours(info))})
    return Part("plug" if "PLUG" in type_ else "lamp", name, options)


def model_parts(type_: str, model: str) -> list[Part]:
    """Return the parts of a device by its type and model, which it tells without its account."""
    model = model.partition("(")[0]
    if "HUB" in type_:
        return [Part(note=BEHIND_HUB)]
    if note := next((text for word, text in REFUSED.items() if word in type_), ""):
        return [Part(note=note)]
    if model == "KS240":
        fan = Part(options={"outlet": 1}, note=REFUSED["FAN"])
        return [fan, Part("lamp", options={"outlet": 2, "dims": True})]
    if model in OUTLETS:
        night_light = [Part("lamp", options={"outlet": 5, "dims": True})] if model == "P306" else []
        return [Part("plug", options={"outlet": n}) for n in range(1, OUTLETS[model] + 1)] + night_light
    if "BULB" in type_:
        return [Part("lamp", options=light_options(True, not model.startswith(ONE_WHITE)))]
    if model in DIMMERS:
        return [Part("lamp", options=light_options(True))]
    if "PLUG" in type_:
        return [Part("plug")]
    return [Part("lamp")] if "SWITCH" in type_ else [Part(note=UNKNOWN)]


def numbered(children: Sequence[Info]) -> list[tuple[int, Info]]:
    """Return the children of a strip with the numbers of its outlets: by position, else in their order."""
    positions = [child.get("position") for child in children]
    if sorted(map(str, positions)) == sorted(str(number) for number in range(1, len(children) + 1)):
        return sorted(((int(str(child["position"])), child) for child in children), key=lambda pair: pair[0])
    return list(enumerate(children, 1))


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list of a reply; an empty list for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def light_options(dims: bool, is_tunable: bool = False, is_coloured: bool = False) -> dict[str, Any]:
    """Return the options of the driver for a lamp."""
    has = {"dims": dims, "tints": is_tunable, "colours": dims and is_coloured}
    return {word: True for word, is_there in has.items() if is_there}


def has_colours(info: Info) -> bool:
    """Return whether a lamp has colours."""
    return bool(info["is_color"]) if "is_color" in info else {"hue", "saturation"} <= info.keys()


def tints(info: Info) -> bool:
    """Return whether the colour temperature of a lamp can be set."""
    if "is_variable_color_temp" in info:
        return bool(info["is_variable_color_temp"])
    bounds = info.get("color_temp_range")
    if isinstance(bounds, list) and len(bounds) == 2:  # noqa: PLR2004
        return "color_temp" in info and bounds[0] != bounds[1]
    return "color_temp" in info


def name_of(info: Info) -> str:
    """Return the name that a person gave a newer device; it is encoded."""
    try:
        return base64.b64decode(str(info.get("nickname", "")), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
