"""What a device is, by its components. What no kind works with gets a sentence instead. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from daemons.drivers.shelly_rpc import bthome, status, thermostat
from daemons.drivers.shelly_rpc.options import REGULATED, Component
from daemons.drivers.transports.json_values import is_number, listed

KINDS: dict[str, str] = {
    "switch": "plug",
    "light": "lamp",
    "cct": "lamp",
    "rgb": "lamp",
    "rgbw": "lamp",
    "rgbcct": "lamp",
    "cover": "cover",
    "pm1": "sensor",
    "em": "sensor",
    "em1": "sensor",
}
REFUSED = {
    "service": "no driver for a device of another maker with the RPC of Shelly",
    "cb": "no kind for a circuit breaker",
    "cury": "no kind for a scent diffuser",
    "camera": "no kind for a camera",
}
"""The components that no kind works with, each with the sentence for a person."""
IN_THERMOSTAT = "its thermostat switches this relay"
SLEEPS = "it sleeps, and cannot be asked: turn on MQTT in it, and use the driver mqtt"
NO_BUTTON = 'its inputs are set to "switch": set them to "button" in the Shelly to use their presses'
NOTHING = "it has no component that House uses"


class Description(Struct, frozen=True, kw_only=True):
    """The answers of a device; the names of the members are those of its RPC."""

    info: dict[str, Any]
    config: dict[str, Any] = {}
    status: dict[str, Any] = {}
    dynamic: list[dict[str, Any]] = []
    """The components that a person has added, such as Bluetooth devices."""
    objects: dict[str, list[dict[str, Any]]] = {}
    """By Bluetooth device, the objects in its packets."""


class Part(Struct, frozen=True, kw_only=True):
    """One device of the house in a Shelly."""

    kind: str = ""
    """Its kind; empty if no kind works with it."""
    component: Component = "switch"
    channel: int = 0
    input: int | None = None
    """For a Bluetooth device with several buttons, the number of the button."""
    kind_options: dict[str, Any] = {}
    name: str = ""
    """The name that its owner has set for the component."""
    note: str = ""


def parts(device: Description) -> list[Part]:
    """Return the parts of a device; at least one."""
    if is_number(period := of(device.status, "sys").get("wakeup_period")) and period > 0:
        return [Part(note=SLEEPS)]
    found = [*driven(device), *sensors(device), *buttons(device)]
    found += [*bluetooth(device), *thermostats(device), *refused(device)]
    if found:
        return found
    types = {type_ for type_, _ in numbered(device.status)}
    return [Part(note=NO_BUTTON if "input" in types else NOTHING)]


def driven(device: Description) -> Iterator[Part]:
    """Yield each relay, lamp, cover and meter."""
    lights = of(of(device.config, "sys"), "ui_data").get("consumption_types")
    is_in_thermostat = device.info.get("relay_in_thermostat") or of(device.status, "sys").get(
        "relay_in_thermostat"
    )
    for type_, channel in numbered(device.status):
        if type_ not in KINDS:
            continue
        name = name_of(device, f"{type_}:{channel}")
        if type_ == "switch" and is_in_thermostat:
            yield Part(name=name, note=IN_THERMOSTAT)
            continue
        uses = listed(lights)
        is_light = type_ == "switch" and channel < len(uses) and "light" in str(uses[channel]).lower()
        kind = "lamp" if is_light else KINDS[type_]
        yield Part(kind=kind, component=type_, channel=channel, name=name)  # type: ignore[arg-type]


def sensors(device: Description) -> Iterator[Part]:
    """Yield the sensors: those with the same number are one. An inner temperature is none of the house."""
    types = {type_ for type_, _ in numbered(device.status)}
    groups: dict[int, dict[str, dict[str, Any]]] = {}
    for type_, channel in numbered(device.status):
        value = of(device.status, f"{type_}:{channel}")
        is_inside = type_ == "temperature" and channel == 0 and types & {"em", "em1"}
        is_read = type_ in status.DETECTED or (
            type_ in status.MEASURED and status.MEASURED[type_][0] in value and not value.get("errors")
        )
        if is_read and not is_inside:
            groups.setdefault(channel, {})[type_] = value
    for channel, group in groups.items():
        words = [word for type_, (_, word) in status.DETECTED.items() if type_ in group]
        name = next(filter(None, (name_of(device, f"{type_}:{channel}") for type_ in group)), "")
        options = {"detects": words[0]} if words else {}
        yield Part(kind="sensor", component="sensor", channel=channel, kind_options=options, name=name)


def buttons(device: Description) -> Iterator[Part]:
    """Yield each input that is set to `button`."""
    for type_, channel in numbered(device.status):
        config = of(device.config, f"{type_}:{channel}")
        if type_ == "input" and config.get("type") == "button" and config.get("enable", True):
            name = name_of(device, f"input:{channel}")
            yield Part(kind="button", component="input", channel=channel, name=name)


def bluetooth(device: Description) -> Iterator[Part]:
    """Yield the sensor and the buttons of each Bluetooth device at a gateway; a valve is no sensor."""
    valves = [of(one, "config").get("trv") for one in device.dynamic if key_of(one).startswith("blutrv:")]
    for one in device.dynamic:
        type_, _, number = key_of(one).partition(":")
        if type_ != "bthomedevice" or not number.isdecimal() or key_of(one) in valves:
            continue
        name = str(of(one, "config").get("name") or "")
        numbers = bthome.sensors_of(key_of(one), device.dynamic).values()
        word = next((bthome.DETECTED[found] for found in numbers if found in bthome.DETECTED), None)
        presses = sorted(
            found["idx"]
            for found in device.objects.get(key_of(one), ())
            if found.get("obj_id") == bthome.BUTTON and isinstance(found.get("idx"), int)
        )
        channel = int(number)
        if word or any(found in bthome.MEASURED for found in numbers):
            options = {"detects": word} if word else {}
            yield Part(
                kind="sensor", component="bthomedevice", channel=channel, kind_options=options, name=name
            )
        for index in presses:
            choice = index if len(presses) > 1 else None
            named = f"{name} {index}".strip() if len(presses) > 1 else name
            yield Part(kind="button", component="bthomedevice", channel=channel, input=choice, name=named)


def thermostats(device: Description) -> Iterator[Part]:
    """Yield each thermostat, and each radiator valve at a gateway. One that cools gets a sentence."""
    added = {key_of(one): of(one, "config") for one in device.dynamic}
    for type_, channel in numbered({**device.status, **added}):
        if type_ not in REGULATED:
            continue
        key = f"{type_}:{channel}"
        name = name_of(device, key) or str(added.get(key, {}).get("name") or "")
        if of(device.config, key).get("type") == "cooling":
            yield Part(name=name, note=thermostat.COOLS)
        else:
            yield Part(kind="thermostat", component=type_, channel=channel, name=name)


def refused(device: Description) -> Iterator[Part]:
    """Yield each component that no kind works with."""
    for type_, channel in numbered(device.status):
        if type_ in REFUSED:
            yield Part(name=name_of(device, f"{type_}:{channel}"), note=REFUSED[type_])


def numbered(found: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the type and the number of each component in a status, such as `switch:0`."""
    for key in found:
        type_, _, number = key.partition(":")
        if number.isdecimal():
            yield type_, int(number)


def name_of(device: Description, key: str) -> str:
    """Return the name that its owner has set for a component, or an empty text."""
    return str(of(device.config, key).get("name") or "")


def key_of(component: dict[str, Any]) -> str:
    """Return the name of a component that a person has added."""
    return str(component.get("key"))


def of(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a member that should be an object; an empty one if it is none."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}
