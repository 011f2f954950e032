"""The list of devices: what each device is, by what its definition exposes. Pure.

A device with several endpoints or several buttons is as many devices of the house. What no kind can work
with gets a sentence instead.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct, field

from daemons.drivers import Found
from daemons.drivers.transports import mqtt_device
from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.mqtt_device import Topic
from daemons.drivers.zigbee2mqtt.action import parse_action
from daemons.drivers.zigbee2mqtt.report import DETECTIONS, NUMBERS, PIPE
from daemons.drivers.zigbee2mqtt.valve import OFF, SETPOINTS
from daemons.kinds import WARM_CELSIUS

KINDS = {"light": "lamp", "cover": "cover", "switch": "plug"}
CLIMATE = "climate"
REFUSED = {
    "lock": "no kind for a lock: House opens no doors",
    "fan": "no kind for a fan with speeds",
}
"""The types of an exposed feature that no kind works with, each with the sentence for a person."""
NOT_READ = "it exposes nothing that House reads"
NO_PRESS = "no value of its action is a press that House knows"
NOT_VALID = "Zigbee2MQTT describes it in a way that House does not know"
NO_TARGET = "it keeps no temperature by heating that House can set"
SIREN = "no kind for a siren"
SIRENS = ("warning", "alarm", "squawk", "siren")
STATE = "state"
MEASURED = {name for names, _ in NUMBERS.values() for name in names}
BY_HAND = ("manual", "Manual", "hold")
"""The presets in which a thermostat keeps the target that it is given."""
SWITCHED_ON = ("thermostat", "heat", "on", "home")
"""The presets that end the preset "off" of a thermostat without any of the others."""


class Exposed(Struct, frozen=True):
    """What a model exposes: a feature, or a light, a switch and so on with features of its own."""

    type: str = ""
    name: str = ""
    state_field: str = field(name="property", default="")
    """The field of the state with its value."""
    endpoint: str = ""
    features: tuple["Exposed", ...] = ()
    values: tuple[Any, ...] = ()
    """What one of several values can be."""
    value_on: Any = True
    """What stands for true."""
    value_min: float | None = None
    value_max: float | None = None
    value_step: float | None = None

    @property
    def feature(self) -> str:
        """Return the name of a feature."""
        return self.name or self.state_field

    @property
    def by_name(self) -> dict[str, "Exposed"]:
        """Return its features by their names."""
        return {item.feature: item for item in self.features}


class Definition(Struct, frozen=True):
    """The description of a model; the names of the fields are Zigbee2MQTT's."""

    model: str = ""
    vendor: str = ""
    exposes: tuple[Exposed, ...] = ()


class DeviceEntry(Struct, frozen=True):
    """One device of the list; the names of the fields are Zigbee2MQTT's."""

    friendly_name: Topic
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


class Named(Struct, frozen=True):
    """The name of a device, whatever else is written about it."""

    friendly_name: str


def found_in(payload: bytes, broker: Broker, base: str, options_type: type[Struct]) -> list[Found]:
    """Return the devices of a list; none if it is no list. `options_type` refuses invalid options."""
    try:
        devices = msgspec.json.decode(payload, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError):
        return []
    found = [one for device in devices for one in found_device(device, broker, base)]
    return [mqtt_device.checked(one, options_type, NOT_VALID) for one in found]


def found_device(device: msgspec.Raw, broker: Broker, base: str) -> Iterator[Found]:
    """Yield each part of one device of a list. One without a name or a description is left out."""
    try:
        entry = msgspec.json.decode(device, type=DeviceEntry)
    except (msgspec.MsgspecError, RecursionError):
        try:
            name = msgspec.json.decode(device, type=Named).friendly_name
        except (msgspec.MsgspecError, RecursionError):
            return
        yield Found(title=name, address=f"{broker.endpoint} {base}", kind="", note=NOT_VALID)
    else:
        yield from to_found(entry, broker, base) if entry.definition else ()


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
    types = {part.type for part in exposes}
    refusals = [text for type_, text in REFUSED.items() if type_ in types]
    has_own_switch = bool(refusals) or CLIMATE in types
    driven = [found for part in exposes if (found := driven_part(part, has_own_switch=has_own_switch))]
    if driven:
        return list({(part.name, part.kind): part for part in driven}.values())
    if has_own_switch:
        return [Part(note=next(iter(refusals), NO_TARGET))]
    actions = [part for part in exposes if part.feature == "action"]
    sensed = sensors(exposes)
    pressed = [found for part in actions for found in buttons(part)]
    return [*pressed, *sensed] or [Part(note=NO_PRESS if actions else refusal(exposes))]


def driven_part(part: Exposed, *, has_own_switch: bool) -> Part | None:
    """Return a thermostat, or a light, cover or switch whose state is `state`.

    With `has_own_switch`, a switch is a setting of the device.
    """
    if part.type == CLIMATE:
        return thermostat(part)
    if part.type not in KINDS or (has_own_switch and part.type == "switch"):
        return None
    features, endpoint = part.by_name, part.endpoint
    wanted = f"{STATE}_{endpoint}" if endpoint else STATE
    if STATE in features and features[STATE].state_field not in ("", wanted):
        return None  # a setting of the device, such as `window_detection`
    options: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
    if part.type == "light" and features and "brightness" not in features:
        options["dims"] = False
    elif colour := next((mode for mode in ("xy", "hs") if f"color_{mode}" in features), None):
        options["colours"] = colour
    return Part(KINDS[part.type], endpoint, options)


def thermostat(part: Exposed) -> Part | None:
    """Return a thermostat with the targets and modes that it exposes; None if its target cannot be set."""
    features = part.by_name
    setpoint = next((name for name in SETPOINTS if name in features), None)
    if setpoint is None:
        return None
    target, modes = features[setpoint], features.get("system_mode", Exposed()).values
    options: dict[str, Any] = {"setpoint": setpoint}
    lowest, highest, step = target.value_min, target.value_max, target.value_step
    if lowest is not None and highest is not None and step and step <= highest - lowest:
        options |= {"lowest_celsius": lowest, "highest_celsius": highest, "step_celsius": step}
        options |= {"off_mode": True} if lowest > WARM_CELSIUS and OFF in modes else {}
    if "heat" not in modes:
        heating = next(
            (mode for mode in ("auto", "emergency_heating") if mode in modes), None if modes else ""
        )
        if heating is None:
            return None
        options["heat_mode"] = heating
    presets = features.get("preset", Exposed()).values
    wanted = BY_HAND + (SWITCHED_ON if OFF in presets else ())
    if (preset := next((word for word in wanted if word in presets), None)) is not None:
        options["preset"] = preset
    if part.endpoint:
        options["endpoint"] = part.endpoint
    return Part("thermostat", part.endpoint, options)


def buttons(part: Exposed) -> list[Part]:
    """Return the buttons of an action, each with the option that tells it from the others."""
    words = [str(value) for value in part.values]
    at_release = any(word.endswith("press_release") for word in words)
    more = {"at_release": True} if at_release else {}
    found = [parse_action(word, at_release=at_release) for word in words]
    names = list(dict.fromkeys(action.button for action in found if action))
    if not names:
        return []
    if names == [""] or any("*" in name for name in names):
        return [Part("button", "", {"switches": False, **more})]
    return [
        Part("button", name, {"switches": False, **({"button": name} if name else {}), **more})
        for name in names
    ]


def sensors(exposes: tuple[Exposed, ...]) -> list[Part]:
    """Return the sensors of a device: one for each endpoint that measures or detects anything."""
    groups: dict[str, list[Exposed]] = {}
    for exposed in exposes:
        groups.setdefault(exposed.endpoint, []).append(exposed)
    found = [part for name, group in groups.items() if (part := sensor(name, group))]
    several = [part for part in found if part.name]
    return several or found


def sensor(endpoint: str, exposes: list[Exposed]) -> Part | None:
    """Return the sensor of one endpoint, or None if it has nothing that is read.

    A detection must be true when it is made; for `contact`, false is the detection.
    """
    binary = {
        part.feature
        for part in exposes
        if part.type == "binary" and part.value_on is (part.feature != "contact")
    }
    numeric = {part.feature for part in exposes if part.type == "numeric"}
    measures = numeric & MEASURED or ("pressure" in numeric and PIPE not in numeric)
    word = next((word for word, fields in DETECTIONS.items() if fields[0] in binary), None)
    if word is None and not measures:
        return None
    options = {"switches": False, **({"endpoint": endpoint} if endpoint else {})}
    return Part("sensor", endpoint, options, {"detects": word} if word else {})


def refusal(exposes: tuple[Exposed, ...]) -> str:
    """Return why a device is no device of the house."""
    return SIREN if {part.feature for part in exposes} & {*SIRENS} else NOT_READ
