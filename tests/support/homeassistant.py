"""The rules of Home Assistant for MQTT discovery: its documented keys, and its templates.
Source: home-assistant.io/integrations, the page mqtt (discovery, device, origin) and the page of each
component with ".mqtt" appended. The units and state classes of a device class are from the page sensor.
This module lists only the keys that House uses: any other key fails, as a mistyped one would.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment

TOPIC = re.compile(r"[A-Za-z0-9_]+(/[A-Za-z0-9_-]+)+")
NODE = re.compile(r"[a-zA-Z0-9_-]+")
ENTITY = {
    "name",
    "unique_id",
    "qos",
    "availability",
    "availability_mode",
    "entity_category",
    "device_class",
    "json_attributes_topic",
    "json_attributes_template",
}
"""The keys of every entity."""
REQUIRED: dict[str, set[str]] = {
    "switch": {"command_topic"},
    "light": {"command_topic", "schema", "command_on_template", "command_off_template"},
    "cover": set(),
    "climate": set(),
    "button": {"command_topic"},
    "notify": {"command_topic"},
    "event": {"state_topic", "event_types"},
    "device_tracker": {"state_topic"},
    "number": {"command_topic"},
    "select": {"command_topic", "options"},
    "text": {"command_topic"},
    "scene": {"command_topic"},
    "sensor": {"state_topic"},
    "binary_sensor": {"state_topic"},
}
OPTIONAL: dict[str, set[str]] = {
    "switch": {"state_topic", "value_template", "payload_on", "payload_off", "device_class"},
    "light": {"state_topic", "state_template", "brightness_template", "color_temp_template"}
    | {"red_template", "green_template", "blue_template"},
    "cover": {
        "command_topic",
        "payload_open",
        "payload_close",
        "payload_stop",
        "state_topic",
        "value_template",
    }
    | {"position_topic", "position_template", "set_position_topic"},
    "climate": {
        "modes",
        "mode_state_topic",
        "mode_state_template",
        "mode_command_topic",
        "mode_command_template",
    }
    | {"temperature_state_topic", "temperature_state_template", "temperature_command_topic"}
    | {"current_temperature_topic", "current_temperature_template", "action_topic", "action_template"}
    | {"temperature_unit", "precision", "temp_step", "min_temp", "max_temp"},
    "button": {"command_template"},
    "notify": {"command_template"},
    "event": {"value_template"},
    "device_tracker": {"value_template", "source_type"},
    "number": {"state_topic", "value_template", "min", "max", "step", "mode", "unit_of_measurement"}
    | {"command_template"},
    "select": {"state_topic", "value_template", "command_template"},
    "text": {"state_topic", "value_template", "command_template", "pattern"},
    "scene": {"payload_on"},
    "sensor": {"value_template", "unit_of_measurement", "state_class", "options"},
    "binary_sensor": {"value_template", "payload_on", "payload_off"},
}
UNITS = {
    "power": "W",
    "energy": "Wh",
    "voltage": "V",
    "current": "A",
    "frequency": "Hz",
    "temperature": "°C",
    "duration": "s",
    "battery": "%",
    "humidity": "%",
    "illuminance": "lx",
    "atmospheric_pressure": "hPa",
    "data_size": "B",
    "carbon_dioxide": "ppm",
    "pm25": "µg/m³",
    "moisture": "%",
    "signal_strength": "dBm",
    "power_factor": None,
    "precipitation": "mm",
    "wind_speed": "km/h",
}
OTHER_UNITS = {"energy": {"kWh"}, "duration": {"min"}}
STATE_CLASSES: dict[str, set[str | None]] = {
    "energy": {"total", "total_increasing", None},
    "monetary": {"total", None},
}
"""The state classes of a device class; every other device class allows only `measurement`."""
DEVICE_CLASSES = {
    "binary_sensor": {
        "connectivity",
        "problem",
        "safety",
        "motion",
        "opening",
        "moisture",
        "smoke",
        "gas",
        "presence",
        "occupancy",
        "carbon_monoxide",
        "vibration",
        "tamper",
    },
    "event": {"button", "doorbell", "motion"},
    "switch": {"outlet", "switch"},
    "sensor": {*UNITS, "enum", "monetary"},
}
DEVICE = {"identifiers", "name", "manufacturer", "model", "sw_version", "suggested_area", "via_device"} | {
    "connections",
    "configuration_url",
}


def check(
    topic: str, payload: Mapping[str, Any], prefix: str = "homeassistant"
) -> dict[str, tuple[str, dict[str, Any]]]:
    """Check a discovery message, and return each entity's component and configuration by its unique id.
    Raises AssertionError if Home Assistant would refuse the message.
    """
    assert json.loads(json.dumps(payload)) == payload
    assert topic.startswith(f"{prefix}/")
    component, *nodes, last = topic.removeprefix(f"{prefix}/").split("/")
    assert last == "config"
    assert 1 <= len(nodes) <= 2
    assert all(NODE.fullmatch(node) for node in nodes)
    device, origin = payload["device"], payload["origin"]
    assert device.keys() <= DEVICE
    assert device["identifiers"]
    assert all(isinstance(value, str) and value for key, value in device.items() if key != "identifiers")
    assert origin.keys() <= {"name", "sw_version", "support_url"}
    assert origin["name"]
    rest = {key: value for key, value in payload.items() if key not in ("device", "origin")}
    if component != "device":
        return {rest["unique_id"]: (component, _entity(component, rest))}
    shared = {key: value for key, value in rest.items() if key != "components"}
    assert shared.keys() <= {"availability", "availability_mode", "qos", "state_topic", "command_topic"}
    found = {}
    for key, config in rest["components"].items():
        assert NODE.fullmatch(key)
        own = {**shared, **config}
        platform = own.pop("platform")
        assert own["unique_id"] not in found
        found[own["unique_id"]] = platform, _entity(platform, own)
    return found


def _entity(component: str, config: dict[str, Any]) -> dict[str, Any]:
    """Check an entity; raises AssertionError if its component would refuse or ignore a key."""
    assert component in REQUIRED, component
    assert REQUIRED[component] <= config.keys()
    unknown = config.keys() - REQUIRED[component] - OPTIONAL[component] - ENTITY
    assert not unknown, (component, unknown)
    assert config["unique_id"]
    assert config["qos"] in (0, 1, 2)
    for key, value in config.items():
        if key.endswith("_topic"):
            assert TOPIC.fullmatch(value), (key, value)
        if key.endswith("_template"):
            environment().parse(value)
    for one in config.get("availability", ()):
        assert one.keys() - {"value_template"} == {"topic", "payload_available", "payload_not_available"}
        assert TOPIC.fullmatch(one["topic"])
    assert config.get("availability_mode", "all") in ("all", "any", "latest")
    assert config.get("entity_category", "diagnostic") in ("diagnostic", "config")
    class_ = config.get("device_class")
    assert class_ is None or class_ in DEVICE_CLASSES[component], (component, class_)
    if component == "sensor":
        _sensor(config, class_)
    if component == "climate":
        assert set(config["modes"]) <= {"auto", "off", "cool", "heat", "dry", "fan_only"}
        assert config["min_temp"] < config["max_temp"]
        assert config["precision"] in (0.1, 0.5, 1.0)
    if component == "number":
        assert config["min"] < config["max"]
        assert config["step"] >= 0.001
        assert config["mode"] in ("auto", "box", "slider")
    if component == "text":
        re.compile(config["pattern"])
    if component == "cover":
        assert "set_position_topic" not in config or "position_topic" in config
    if component == "light":
        assert config["schema"] == "template"
    return config


def _sensor(config: dict[str, Any], class_: str | None) -> None:
    unit, state_class = config.get("unit_of_measurement"), config.get("state_class")
    if "options" in config:
        assert class_ == "enum"
        assert config["options"]
        assert unit is None
        assert state_class is None
    if class_ == "monetary":
        assert re.fullmatch("[A-Z]{3}", unit or "")
        assert state_class in STATE_CLASSES[class_]
    if class_ in UNITS:
        assert unit in {UNITS[class_]} | OTHER_UNITS.get(class_, set())
        assert state_class in STATE_CLASSES.get(class_, {"measurement"})


def environment() -> ImmutableSandboxedEnvironment:
    """Return the Home Assistant functions that the templates use."""
    made = ImmutableSandboxedEnvironment()
    made.filters["to_json"] = json.dumps
    made.globals["now"] = time.time
    made.globals["as_timestamp"] = lambda moment: moment
    made.filters["int"] = whole
    return made


def whole(value: object, default: object = 0, base: int = 10) -> object:
    """Return a value as a whole number, as the filter `int` of Home Assistant does."""
    if value is None:
        return default
    return int(str(value), base) if base != 10 else int(float(str(value)))


def render(
    template: str, payload: bytes = b"", attributes: Mapping[str, Any] | None = None, **values: Any
) -> str:
    """Render a template for the payload of a topic; `attributes` are those of the entity itself."""
    env = environment()
    get: Callable[[str, str], Any] = lambda _, name: (attributes or {}).get(name)  # noqa: E731
    env.globals["state_attr"] = get
    text = payload.decode()
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    return env.from_string(template).render(value=text, value_json=parsed, entity_id="light.lamp", **values)
