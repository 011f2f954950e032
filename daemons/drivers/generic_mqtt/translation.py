"""Announced entities as options of the driver `mqtt`: plugs, lamps, covers, and the values of sensors. Pure.

What the options cannot say is refused with a sentence. A template is written as a path where it is one.
"""

import re
from math import isfinite
from typing import Any

from daemons.drivers.generic_mqtt.announcement import Entity
from daemons.drivers.generic_mqtt.plain import Plain, plain
from daemons.drivers.generic_mqtt.word import CLEAR, DETECTED, OFF, ON

MIRED = 1_000_000
KELVIN = (1000, 10_000)
FULL = 255
"""The value of full brightness, if the announcement has none."""
LONGEST = 60
"""So much of a template is quoted in a sentence."""
VALUE = re.compile(r"\{\{-?\s*value\s*(?:\|\s*(?:int|string|round)\s*)?-?\}\}")
"""The place of the value in a command template."""
BRIGHT_MODES = {"brightness", "color_temp", "hs", "rgb", "rgbw", "rgbww", "white", "xy"}
UNITS: dict[str, tuple[str, dict[str, tuple[float, float]]]] = {
    "power": ("power_watts", {"W": (1, 0), "kW": (1000, 0), "mW": (0.001, 0), "MW": (1e6, 0)}),
    "energy": ("energy_watt_hours", {"Wh": (1, 0), "kWh": (1000, 0), "MWh": (1e6, 0)}),
    "temperature": ("temperature_celsius", {"°C": (1, 0), "°F": (0.555556, -17.777778), "K": (1, -273.15)}),
    "humidity": ("humidity_percent", {"%": (1, 0)}),
    "moisture": ("soil_moisture_percent", {"%": (1, 0)}),
    "battery": ("battery_percent", {"%": (1, 0)}),
    "illuminance": ("illuminance_lux", {"lx": (1, 0), "lux": (1, 0)}),
    "carbon_dioxide": ("co2_ppm", {"ppm": (1, 0)}),
    "pm25": ("pm25_micrograms", {"µg/m³": (1, 0), "μg/m³": (1, 0)}),
    "voltage": ("voltage_volts", {"V": (1, 0), "mV": (0.001, 0)}),
    "current": ("current_amperes", {"A": (1, 0), "mA": (0.001, 0)}),
    "power_factor": ("power_factor", {"": (1, 0), "%": (0.01, 0)}),
    "signal_strength": ("signal_dbm", {"dBm": (1, 0)}),
    "pressure": (
        "pressure_hectopascals",
        {
            "hPa": (1, 0), "mbar": (1, 0), "kPa": (10, 0), "Pa": (0.01, 0), "bar": (1000, 0),
            "inHg": (33.8639, 0), "mmHg": (1.33322, 0),
        },
    ),
}  # fmt: skip
"""By the class of a sensor: the measurement, and by unit the factor and the offset."""
UNITS["atmospheric_pressure"] = UNITS["pressure"]
CLASSES = {
    "motion": "motion", "occupancy": "presence", "presence": "presence", "door": "opening",
    "window": "opening", "garage_door": "opening", "opening": "opening", "moisture": "water",
    "smoke": "smoke", "gas": "gas", "carbon_monoxide": "carbon_monoxide", "vibration": "vibration",
    "tamper": "tamper",
}  # fmt: skip
"""By the class of a binary sensor: the detection."""


def switch(entity: Entity) -> dict[str, Any]:
    """Return the options of a switch; ValueError with a sentence for what they cannot say."""
    return {**commands(entity), **state(entity, "value_template"), **availability(entity)}


def light(entity: Entity) -> dict[str, Any]:
    """Return the options of a light; ValueError with a sentence for what they cannot say."""
    schema = entity.text("schema") or "default"
    if schema == "json":
        return {**json_light(entity), **availability(entity)}
    if schema != "default":
        raise ValueError(f"House does not read a light with the schema {schema}, whose states are templates")
    options = {**commands(entity), **state(entity, "state_value_template")}
    order = {"first": "first", "brightness": "never"}.get(entity.text("on_command_type") or "")
    options |= {"on_command": order} if order else {}
    for name, prefix in (("brightness", "brightness"), ("colour_temperature", "color_temp")):
        if entity.text(f"{prefix}_command_topic") is not None:
            level = {
                **other("topic", topic(entity, f"{prefix}_state_topic"), options.get("state_topic")),
                **path(entity, f"{prefix}_value_template"),
                **other("command_topic", topic(entity, f"{prefix}_command_topic"), options["command_topic"]),
                **other("payload", command(entity, f"{prefix}_command_template", "{value}"), "{value}"),
            }
            if topic(entity, f"{prefix}_state_topic") is None:
                level.pop("path", None)
            options[name] = {**level, **(scale(entity) if name == "brightness" else whites(entity))}
    return {**options, **availability(entity)}


def json_light(entity: Entity) -> dict[str, Any]:
    """Return the options of a light whose states and commands are JSON objects."""
    modes = entity.config.get("supported_color_modes")
    modes = {str(mode) for mode in modes} if isinstance(modes, list) else set()
    options: dict[str, Any] = {
        **needed(entity, "command_topic"),
        "on": '{"state": "ON"}',
        "off": '{"state": "OFF"}',
    }
    if entity.text("state_topic") is not None:
        options |= {**needed(entity, "state_topic"), "state_path": "state"}
    reports = "state_path" in options
    if entity.config.get("brightness") is True or modes & BRIGHT_MODES:
        own = {"path": "brightness"} if reports else {}
        options["brightness"] = {**own, "payload": '{"brightness": {value}}', **scale(entity)}
    if entity.config.get("color_temp") is True or "color_temp" in modes:
        own = {"path": "color_temp"} if reports else {}
        options["colour_temperature"] = {**own, "payload": '{"color_temp": {value}}', **whites(entity)}
    return options


def cover(entity: Entity) -> dict[str, Any]:
    """Return the options of a cover; ValueError with a sentence for what they cannot say."""
    if entity.text("command_topic") is None:
        raise ValueError("it has no commands to open, close and stop")
    for word in ("open", "close", "stop"):
        if f"payload_{word}" in entity.config and entity.text(f"payload_{word}") is None:
            raise ValueError(f"it has no command to {word}")
    options: dict[str, Any] = needed(entity, "command_topic")
    for word in ("open", "close", "stop"):
        payload = entity.text(f"payload_{word}") or word.upper()
        options[word] = command(entity, "command_template", payload)
    if entity.text("state_topic") is not None:
        options |= {**needed(entity, "state_topic"), **path(entity, "value_template", "state_path")}
        usual = ("open", "closed", "opening", "closing", "stopped")
        own = {word: entity.text(f"state_{word}") or word for word in usual}
        options |= table("states", {word: text for word, text in own.items() if text.lower() != word})
    if entity.text("position_topic") is not None:
        ends = {word: number(entity, f"position_{word}") for word in ("open", "closed")}
        options["position"] = {
            **other("topic", topic(entity, "position_topic"), options.get("state_topic")),
            **path(entity, "position_template" if "position_template" in entity.config else "value_template"),
            **{word: end for word, end in ends.items() if end is not None},
        }
    return {**options, **availability(entity)}


def measurement(entity: Entity) -> tuple[str, dict[str, Any]] | None:
    """Return the name of what a sensor measures, and its options; None if no kind has it."""
    class_ = entity.text("device_class") or ""
    name, units = UNITS.get(class_, ("", {}))
    if class_ == "temperature" and entity.text("entity_category") == "diagnostic":
        name = "device_temperature_celsius"
    unit = units.get(entity.text("unit_of_measurement") or "")
    if unit is None:
        return None
    read = read_template(entity, "value_template")
    if read.words is not None:
        raise ValueError(refused("value_template", entity.text("value_template") or ""))
    read = read.then(*unit)
    options = needed(entity, "state_topic", "topic") | ({"path": read.path} if read.path else {})
    options |= {"factor": read.factor} if read.factor != 1 else {}
    return name, options | ({"offset": read.offset} if read.offset else {})


def detection(entity: Entity) -> tuple[str, dict[str, Any]] | None:
    """Return the word of what a binary sensor detects, and its options; None if no kind has it."""
    word = CLASSES.get(entity.text("device_class") or "")
    if word is None:
        return None
    options = {**needed(entity, "state_topic", "topic"), **path(entity, "value_template", words=True)}
    on, off = said(entity, "payload", "value_template")
    is_usual = on.lower() in DETECTED and off.lower() in CLEAR
    return word, options if is_usual else {**options, "on": on, "off": off}


def clears(entity: Entity) -> dict[str, Any]:
    """Return after which time a detection ends that the hardware does not end."""
    delay = number(entity, "off_delay")
    return {"clears_after": f"{delay:g}s"} if delay else {}


# The parts of the options


def commands(entity: Entity) -> dict[str, Any]:
    """Return the topic and the payloads that switch."""
    found = needed(entity, "command_topic")
    for word in ("on", "off"):
        payload = command(entity, "command_template", entity.text(f"payload_{word}") or word.upper())
        found |= other(word, payload, word.upper())
    return found


def state(entity: Entity, template: str) -> dict[str, Any]:
    """Return where the state stands, and its words; nothing for a state that the hardware does not report."""
    if entity.text("state_topic") is None or entity.config.get("optimistic") is True:
        return {}
    found = {**needed(entity, "state_topic"), **path(entity, template, "state_path", words=True)}
    sent = [entity.text(f"payload_{word}") or word.upper() for word in ("on", "off")]
    on, off = said(entity, "state", template)
    is_known = on.lower() in ON and off.lower() in OFF and on != sent[1] and off != sent[0]
    return found if is_known or [on, off] == sent else {**found, "states": {"on": on, "off": off}}


def said(entity: Entity, prefix: str, template: str) -> tuple[str, str]:
    """Return the words for on and off as they stand in the messages, before the template.

    By a path, a truth value is the word true or false.
    """
    place = read_template(entity, template)
    words = []
    for end in ("on", "off"):
        word = entity.text(f"{prefix}_{end}") or entity.text(f"payload_{end}") or end.upper()
        words.append(word.lower() if place.path and word in ("True", "False") else word)
    return original((words[0], words[1]), place, entity.text(template) or "", template)


def original(words: tuple[str, str], place: Plain, text: str, key: str) -> tuple[str, str]:
    """Return two words as they stand before a template; ValueError if it writes others."""
    if place.words is None:
        return words
    if {*words} != {*place.words}:
        raise ValueError(refused(key, text))
    return ("true", "false") if words == place.words else ("false", "true")


def availability(entity: Entity) -> dict[str, Any]:
    """Return the topics that say whether the hardware is online, as far as the options can say it."""
    config = entity.config
    listed = config.get("availability")
    if not isinstance(listed, list):
        listed = [
            {"topic": config.get("availability_topic"), "value_template": config.get("availability_template")}
        ]
        listed[0] |= {key: config.get(key) for key in ("payload_available", "payload_not_available")}
    topics = tuple(one["topic"] for one in listed if isinstance(one.get("topic"), str))
    rest = {
        (plain(one.get("value_template")), str(one.get("payload_available") or "online"),
         str(one.get("payload_not_available") or "offline"))
        for one in listed if isinstance(one.get("value_template"), str | None)
    }  # fmt: skip
    is_any = len(topics) > 1 and config.get("availability_mode") == "any"
    if not topics or len(topics) < len(listed) or len(rest) != 1 or is_any:
        return {}
    ((place, online, offline),) = rest
    if place is None:
        return {}
    if place.words is not None:
        if (online, offline) != place.words:
            return {}
        online, offline = "true", "false"
    own = {**other("online", online, "online"), **other("offline", offline, "offline")}
    return {"availability_topics": list(topics), **other("availability_path", place.path, ""), **own}


def scale(entity: Entity) -> dict[str, Any]:
    """Return the value of full brightness."""
    return other("scale", number(entity, "brightness_scale"), FULL)


def whites(entity: Entity) -> dict[str, Any]:
    """Return the unit of the colour temperature, and the range of the lamp."""
    found: dict[str, Any] = {"unit": "kelvin"} if entity.config.get("color_temp_kelvin") is True else {}
    for kelvin, mireds in (("min_kelvin", "max_mireds"), ("max_kelvin", "min_mireds")):
        value = number(entity, kelvin)
        if mired := number(entity, mireds):
            value = MIRED / mired
        if value is not None:
            found[kelvin] = min(KELVIN[1], max(KELVIN[0], round(value)))
    return found


def path(entity: Entity, template: str, key: str = "path", *, words: bool = False) -> dict[str, Any]:
    """Return the path to a value; ValueError for a template that is more than a path.

    With `words`, the template may write a truth value in two words.
    """
    found = read_template(entity, template)
    if found.is_number or (found.words and not words):
        raise ValueError(refused(template, entity.text(template) or ""))
    return {key: found.path} if found.path else {}


def read_template(entity: Entity, key: str) -> Plain:
    """Return what a template does; ValueError for one that does more than House can write."""
    text = entity.text(key)
    found = plain(text)
    if found is None:
        raise ValueError(refused(key, text or ""))
    return found


def command(entity: Entity, key: str, payload: str) -> str:
    """Return a payload as a command template makes it; ValueError for a template that does more."""
    template = entity.text(key)
    if template is None:
        return payload
    made = VALUE.sub(lambda _: payload, template)
    if "{{" in made or "{%" in made:
        raise ValueError(refused(key, template))
    return made


def refused(key: str, template: str) -> str:
    """Return the sentence about a template that cannot be written."""
    text = " ".join(template.split())
    return f"its {key} does more than read a value: {text[:LONGEST]}{'...' if text[LONGEST:] else ''}"


def needed(entity: Entity, key: str, name: str = "") -> dict[str, Any]:
    """Return a topic under its name; ValueError if there is none."""
    found = topic(entity, key)
    if found is None:
        raise ValueError(f"its announcement has no {key}")
    if "#" in found or not set(found.split("/")) - {"+", ""}:
        raise ValueError(f"its {key} stands for the topics of other hardware too: {found[:LONGEST]}")
    return {name or key: found}


def number(entity: Entity, key: str) -> float | None:
    """Return a number that is not negative, or None if there is none; it may be written as text."""
    text = entity.text(key)
    try:
        found = float(text or "nan")
    except ValueError:
        return None
    return None if not isfinite(found) or found < 0 else int(found) if found == int(found) else found


def topic(entity: Entity, key: str) -> str | None:
    """Return a topic, or None if there is none."""
    found = entity.config.get(key)
    return found if isinstance(found, str) and found else None


def other(key: str, value: Any, usual: Any) -> dict[str, Any]:
    """Return an option, but nothing if it has no value or the usual one."""
    return {} if value is None or value == usual else {key: value}


def table(key: str, inner: dict[str, Any]) -> dict[str, Any]:
    """Return a table of options, but nothing if it is empty."""
    return {key: inner} if inner else {}
