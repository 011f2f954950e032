"""Announced entities as options of the driver `mqtt`: plugs, lamps, covers, and the values of sensors. Pure.

What the options cannot say is refused with a sentence. A template is written as a path where it is one, and
the template of a command as the payloads that it makes.
"""

from typing import Any

from daemons.drivers.generic_mqtt.announcement import Entity
from daemons.drivers.generic_mqtt.option_part import (
    availability,
    command,
    commands,
    measured,
    needed,
    number,
    other,
    path,
    payload,
    scale,
    state,
    table,
    topic,
    whites,
    words_at,
)
from daemons.drivers.generic_mqtt.word import CLEAR, DETECTED

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
    options |= {word: payload(entity, word) for word in ("open", "close", "stop")}
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
    return name, measured(entity, "state_topic", "value_template", unit)


def detection(entity: Entity) -> tuple[str, dict[str, Any]] | None:
    """Return the word of what a binary sensor detects, and its options; None if no kind has it."""
    word = CLASSES.get(entity.text("device_class") or "")
    if word is None:
        return None
    place, on, off = words_at(entity, "payload", "value_template", "path")
    options = {**needed(entity, "state_topic", "topic"), **place}
    is_usual = on.lower() in DETECTED and off.lower() in CLEAR
    return word, options if is_usual else {**options, "on": on, "off": off}


def clears(entity: Entity) -> dict[str, Any]:
    """Return after which time a detection ends that the hardware does not end."""
    delay = number(entity, "off_delay")
    return {"clears_after": f"{delay:g}s"} if delay else {}
