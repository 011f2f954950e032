"""The list of devices: what each device is, by what its definition exposes. Pure.

A device with several endpoints or several buttons is as many devices of the house. What no kind can work
with gets a sentence instead.
"""

from typing import Any

import msgspec
from msgspec import Struct

from daemons.drivers import Found
from daemons.drivers.transports import mqtt_device
from daemons.drivers.transports.broker import Broker
from daemons.drivers.zigbee2mqtt.action import parse_action
from daemons.drivers.zigbee2mqtt.report import DETECTIONS, NUMBERS, PIPE

KINDS = {"light": "lamp", "cover": "cover", "switch": "plug"}
REFUSED = {
    "climate": "no driver for a thermostat of Zigbee2MQTT: House cannot set its temperature",
    "lock": "no kind for a lock: House opens no doors",
    "fan": "no kind for a fan with speeds",
}
"""The types of an exposed feature that no kind works with, each with the sentence for a person."""
NOT_READ = "it exposes nothing that House reads"
NO_PRESS = "no value of its action is a press that House knows"
METER = "no kind for an energy meter that switches nothing"
SIREN = "no kind for a siren"
SIRENS = ("warning", "alarm", "squawk", "siren")
STATE = "state"
MEASURED = {name for names, _ in NUMBERS.values() for name in names} - {"power", "energy"}


class Definition(Struct, frozen=True):
    """The description of a model; the names of the fields are Zigbee2MQTT's."""

    model: str = ""
    vendor: str = ""
    exposes: tuple[dict[str, Any], ...] = ()


class DeviceEntry(Struct, frozen=True):
    """One device of the list; the names of the fields are Zigbee2MQTT's."""

    friendly_name: str
    definition: Definition | None = None
    software_build_id: str | None = None


class Part(Struct, frozen=True):
    """One device of the house in a device of Zigbee2MQTT."""

    kind: str = ""
    """Its kind; empty if no kind works with it."""
    name: str = ""
    """The name of its endpoint or button; empty if the device has only one part."""
    options: dict[str, Any] = {}
    """The options of the driver for it."""
    kind_options: dict[str, Any] = {}
    """The options of its kind."""
    note: str = ""


def found_in(payload: bytes, broker: Broker, base: str) -> list[Found]:
    """Return the devices of a list; none if the list is not valid."""
    try:
        devices = msgspec.json.decode(payload, type=list[DeviceEntry])
    except msgspec.MsgspecError:
        return []
    return [found for entry in devices if entry.definition for found in to_found(entry, broker, base)]


def to_found(entry: DeviceEntry, broker: Broker, base: str) -> list[Found]:
    """Return each part of a device of the list, with its options or the reason why House cannot use it."""
    definition = entry.definition or Definition()
    own = {**mqtt_device.broker_options(broker), "device": entry.friendly_name}
    own |= {"topic": base} if base != "zigbee2mqtt" else {}
    return [
        Found(
            title=f"{entry.friendly_name} {part.name}".strip(),
            address=f"{broker.endpoint} {base}/{entry.friendly_name}",
            model=" ".join(filter(None, (definition.vendor, definition.model))),
            firmware=entry.software_build_id or "",
            kind=part.kind,
            kind_options=part.kind_options,
            driver="mqtt_zigbee2mqtt" if part.kind else None,
            options={**own, **part.options} if part.kind else {},
            note=part.note,
        )
        for part in parts(definition)
    ]


def parts(definition: Definition) -> list[Part]:
    """Return the parts of a device; at least one, and only one with a note if no kind works with it."""
    exposes = definition.exposes
    types = {str(part.get("type")) for part in exposes}
    refusals = [text for type_, text in REFUSED.items() if type_ in types]
    driven = [found for part in exposes if (found := driven_part(part, is_refused=bool(refusals)))]
    if driven:
        return list({(part.name, part.kind): part for part in driven}.values())
    if refusals:
        return [Part(note=refusals[0])]
    actions = [part for part in exposes if feature(part) == "action"]
    sensed = sensors(exposes)
    pressed = [found for part in actions for found in buttons(part)]
    return [*pressed, *sensed] or [Part(note=NO_PRESS if actions else refusal(exposes))]


def driven_part(part: dict[str, Any], *, is_refused: bool) -> Part | None:
    """Return a light, cover or switch whose state is `state`; a switch of a refused device belongs to it."""
    type_, endpoint = str(part.get("type")), part.get("endpoint")
    if type_ not in KINDS or (is_refused and type_ == "switch"):
        return None
    features = {feature(item): item for item in part.get("features") or ()}
    wanted = f"{STATE}_{endpoint}" if endpoint else STATE
    if features and features.get(STATE, {}).get("property", wanted) != wanted:
        return None  # a setting of the device, such as `window_detection`
    options: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
    if type_ == "light" and features and "brightness" not in features:
        options["dims"] = False
    return Part(KINDS[type_], str(endpoint or ""), options)


def buttons(part: dict[str, Any]) -> list[Part]:
    """Return the buttons of an action, each with the option that tells it from the others."""
    values = [str(value) for value in part.get("values") or ()]
    at_release = any(value.endswith("press_release") for value in values)
    more = {"at_release": True} if at_release else {}
    found = [parse_action(value, at_release=at_release) for value in values]
    names = list(dict.fromkeys(action.button for action in found if action))
    if not names:
        return []
    if names == [""] or any("*" in name for name in names):
        return [Part("button", "", {"switches": False, **more})]
    return [
        Part("button", name, {"switches": False, **({"button": name} if name else {}), **more})
        for name in names
    ]


def sensors(exposes: tuple[dict[str, Any], ...]) -> list[Part]:
    """Return the sensors of a device: one for each endpoint that measures or detects anything."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for exposed in exposes:
        groups.setdefault(str(exposed.get("endpoint") or ""), []).append(exposed)
    found = [part for name, group in groups.items() if (part := sensor(name, group))]
    several = [part for part in found if part.name]
    return several or found


def sensor(endpoint: str, exposes: list[dict[str, Any]]) -> Part | None:
    """Return the sensor of one endpoint, or None if it has nothing that is read.

    A detection must be true when it is made; for `contact`, false is the detection.
    """
    binary = {
        feature(part)
        for part in exposes
        if part.get("type") == "binary" and part.get("value_on", True) is (feature(part) != "contact")
    }
    numeric = {feature(part) for part in exposes if part.get("type") == "numeric"}
    measures = numeric & MEASURED or ("pressure" in numeric and PIPE not in numeric)
    word = next((word for word, fields in DETECTIONS.items() if fields[0] in binary), None)
    if word is None and not measures:
        return None
    options = {"switches": False, **({"endpoint": endpoint} if endpoint else {})}
    return Part("sensor", endpoint, options, {"detects": word} if word else {})


def refusal(exposes: tuple[dict[str, Any], ...]) -> str:
    """Return why a device is no device of the house."""
    names = {feature(part) for part in exposes}
    if names & {"power", "energy"}:
        return METER
    return SIREN if names & {*SIRENS} else NOT_READ


def feature(part: dict[str, Any]) -> str:
    """Return the name of an exposed feature."""
    return str(part.get("name") or part.get("property") or "")
