"""What a device of the first generation is, by its settings and its status. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from daemons.drivers.shelly_http import status as status_
from daemons.drivers.shelly_http.options import Component
from daemons.drivers.shelly_http.status import entry
from daemons.drivers.transports.json_values import listed

SLEEPS = "it sleeps, and cannot be asked: turn on MQTT in it, and use the driver mqtt"
NOTHING = "it has no component that House uses"
ROLLER: Component = "roller"
RELAY: Component = "relay"
PRESSED = ("momentary", "momentary_on_release", "detached")
"""The types of an input whose presses the device counts."""


class Part(Struct, frozen=True, kw_only=True):
    """One device of the house in a Shelly."""

    kind: str = ""
    """Its kind; empty if no kind works with it."""
    component: Component = "relay"
    channel: int = 0
    tints: bool = False
    colours: bool = False
    has_battery: bool = False
    kind_options: dict[str, Any] = {}
    name: str = ""
    """The name that its owner has set for the component."""
    note: str = ""


def parts(settings: Mapping[str, Any], status: Mapping[str, Any]) -> list[Part]:
    """Return the parts of a device; at least one."""
    if settings.get("sleep_mode") and not settings.get("external_power") and "thermostats" not in status:
        return [Part(note=SLEEPS)]
    found = [
        *thermostats(settings, status),
        *driven(settings, status),
        *sensors(status),
        *buttons(settings, status),
    ]
    return found or [Part(note=NOTHING)]


def driven(settings: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[Part]:
    """Yield each relay, lamp, roller and meter. A device with two relays may be set to be a roller."""
    if settings.get("mode") == "roller":
        word, component, kind = "rollers", ROLLER, "cover"
    else:
        word, component, kind = "relays", RELAY, "plug"
    for index in range(len(listed(status.get(word)))):
        yield Part(kind=kind, component=component, channel=index, name=name_of(settings, word, index))
    lights = listed(status.get("lights"))
    for index in range(len(lights)):
        light = entry(status, "lights", index) or {}
        name = name_of(settings, "lights", index)
        component = mode_of(light, len(lights))
        has_colours = component == "light" and {"red", "green", "blue"} <= light.keys()
        yield Part(
            kind="lamp",
            component=component,
            channel=index,
            tints="temp" in light,
            colours=has_colours,
            name=name,
        )
    for index in range(len(listed(status.get("emeters")))):
        name = name_of(settings, "emeters", index)
        yield Part(kind="sensor", component="emeter", channel=index, name=name)


def thermostats(settings: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[Part]:
    """Yield the radiator valve. It saves its battery, but answers: `sleep_mode` counts for all others."""
    for index in range(len(listed(status.get("thermostats")))):
        name = name_of(settings, "thermostats", index)
        yield Part(kind="thermostat", component="thermostat", channel=index, has_battery=True, name=name)


def mode_of(light: Mapping[str, Any], count: int) -> Component:
    """Return the component of a lamp: an RGBW2 has one in its mode of colours, and four in its white one."""
    if "temp" in light:
        return "light"
    return "color" if light.get("mode") == "color" else "white" if count > 1 else "light"


def sensors(status: Mapping[str, Any]) -> Iterator[Part]:
    """Yield the device's own sensors, which are one, and each sensor of an add-on."""
    if found := status_.sensor(status):
        word = next(iter(found.get("detections", {})), None)
        options = {"detects": word} if word else {}
        yield Part(kind="sensor", component="sensor", kind_options=options, has_battery="bat" in status)
    added = (status.get(name) for name in ("ext_temperature", "ext_humidity"))
    numbers = {key for one in added if isinstance(one, dict) for key in one if key.isdecimal()}
    for number in sorted(numbers, key=int):
        yield Part(kind="sensor", component="external", channel=int(number))


def buttons(settings: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[Part]:
    """Yield each input that drives no relay of the device itself."""
    has_output = any(listed(status.get(word)) for word in ("relays", "rollers", "lights"))
    for index in range(len(listed(status.get("inputs")))):
        own = entry(settings, "inputs", index) or entry(settings, "relays", index) or {}
        type_ = own.get("btn_type", "momentary" if not has_output else "toggle")
        if type_ == "detached" or (type_ in PRESSED and not has_output):
            yield Part(
                kind="button", component="input", channel=index, name=name_of(settings, "inputs", index)
            )


def name_of(settings: Mapping[str, Any], word: str, index: int) -> str:
    """Return the name that its owner has set for a component, or an empty text."""
    return str((entry(settings, word, index) or {}).get("name") or "")
