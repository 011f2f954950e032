"""The discovery messages of Home Assistant, as hardware publishes them: which entities they announce. Pure.

A message stands on PREFIX/COMPONENT/[NODE/]OBJECT/config and announces one entity, or on
PREFIX/device/[NODE/]OBJECT/config and announces all entities of a device. Keys may be abbreviated, and `~` is
a common beginning or end of topics (home-assistant.io/integrations/mqtt, MQTT discovery).
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from daemons.kinds import About

PREFIX = "homeassistant"
FILTERS = (f"{PREFIX}/+/+/config", f"{PREFIX}/+/+/+/config")
"""The topics of all discovery messages."""
BASE = "~"
SHORT: dict[str, str] = {
    "act_t": "action_topic", "act_tpl": "action_template", "atype": "automation_type",
    "avty": "availability", "avty_mode": "availability_mode",
    "avty_t": "availability_topic", "avty_tpl": "availability_template",
    "bri_cmd_t": "brightness_command_topic", "bri_cmd_tpl": "brightness_command_template",
    "bri_scl": "brightness_scale",
    "bri_stat_t": "brightness_state_topic", "bri_val_tpl": "brightness_value_template",
    "clr_temp_cmd_t": "color_temp_command_topic", "clr_temp_cmd_tpl": "color_temp_command_template",
    "clr_temp_k": "color_temp_kelvin", "clr_temp_stat_t": "color_temp_state_topic",
    "clr_temp_val_tpl": "color_temp_value_template", "cmd_t": "command_topic", "cmd_tpl": "command_template",
    "cmps": "components", "curr_hum_t": "current_humidity_topic", "curr_hum_tpl": "current_humidity_template",
    "curr_temp_t": "current_temperature_topic", "curr_temp_tpl": "current_temperature_template",
    "dev": "device", "dev_cla": "device_class", "en": "enabled_by_default",
    "ent_cat": "entity_category", "evt_typ": "event_types", "max_k": "max_kelvin", "max_mirs": "max_mireds",
    "min_k": "min_kelvin", "min_mirs": "min_mireds", "mode_cmd_t": "mode_command_topic",
    "mode_cmd_tpl": "mode_command_template", "mode_stat_t": "mode_state_topic",
    "mode_stat_tpl": "mode_state_template", "o": "origin", "off_dly": "off_delay",
    "on_cmd_type": "on_command_type", "opt": "optimistic", "p": "platform", "pl": "payload",
    "pl_avail": "payload_available", "pl_cls": "payload_close", "pl_home": "payload_home",
    "pl_not_avail": "payload_not_available", "pl_not_home": "payload_not_home", "pl_off": "payload_off",
    "pl_on": "payload_on", "pl_open": "payload_open", "pl_stop": "payload_stop",
    "pos_clsd": "position_closed", "pos_open": "position_open", "pos_t": "position_topic",
    "pos_tpl": "position_template", "set_pos_t": "set_position_topic", "stat_clsd": "state_closed",
    "stat_closing": "state_closing", "stat_off": "state_off", "stat_on": "state_on",
    "stat_open": "state_open", "stat_opening": "state_opening", "stat_stopped": "state_stopped",
    "stat_t": "state_topic", "stat_tpl": "state_template", "stat_val_tpl": "state_value_template",
    "stype": "subtype", "sup_clrm": "supported_color_modes", "t": "topic",
    "temp_cmd_t": "temperature_command_topic",
    "temp_cmd_tpl": "temperature_command_template", "temp_lo_cmd_t": "temperature_low_command_topic",
    "temp_stat_t": "temperature_state_topic", "temp_stat_tpl": "temperature_state_template",
    "temp_unit": "temperature_unit", "uniq_id": "unique_id",
    "unit_of_meas": "unit_of_measurement", "val_tpl": "value_template",
}  # fmt: skip
"""The abbreviations of the keys that are read."""
SHORT_DEVICE = {
    "cns": "connections", "cu": "configuration_url", "ids": "identifiers", "mf": "manufacturer",
    "mdl": "model", "sw": "sw_version",
}  # fmt: skip
LONGEST = 100
"""A longer text about the hardware is cut."""
MAC_DIGITS = 12
OWN = "House"
"""The origin of what the bridge of a house announces."""
ZIGBEE = "zigbee2mqtt"
"""The beginning of the identifiers and of the origin of what Zigbee2MQTT announces."""


class Entity(Struct, frozen=True):
    """One announced entity: its component, and its configuration with long keys and whole topics."""

    component: str
    config: dict[str, Any]
    device: dict[str, Any]
    key: str
    """The topic, or the topic and the name within it: no other entity has it."""

    @property
    def group(self) -> str:
        """What all entities of one device have in common."""
        found = self.device.get("identifiers") or self.device.get("connections") or self.key
        return str(sorted(map(str, found)) if isinstance(found, list) else [str(found)])

    def text(self, key: str) -> str | None:
        """Return a text of its configuration; a number or a truth value is written as Home Assistant does."""
        value = self.config.get(key)
        return str(value) if isinstance(value, str | int | float) else None

    @property
    def name(self) -> str:
        """Its name within the device; empty if it is the device itself."""
        return self.text("name") or ""

    @property
    def is_disabled(self) -> bool:
        """Whether it is off by default."""
        return self.config.get("enabled_by_default") is False

    @property
    def is_secondary(self) -> bool:
        """Whether it is a setting or a diagnosis, or is off by default."""
        return self.text("entity_category") is not None or self.is_disabled


def about(payload: str) -> About | None:
    """Return what the hardware of a discovery message is; ValueError if the message is no JSON object."""
    if not payload:
        return None
    config = long_keys(msgspec.json.decode(payload, type=dict[str, Any]), SHORT)
    device = config.get("device")
    device = long_keys(device, SHORT_DEVICE) if isinstance(device, dict) else {}
    texts = {
        key: str(value)[:LONGEST] for key, value in device.items() if isinstance(value, str | int | float)
    }
    url = texts.get("configuration_url", "")
    return About(
        manufacturer=texts.get("manufacturer"),
        model=texts.get("model"),
        firmware=texts.get("sw_version"),
        mac=mac_of(device.get("connections")),
        url=url if url.startswith(("http://", "https://")) else None,
    )


def mac_of(connections: Any) -> str | None:
    """Return the address of the network interface among the connections of a device."""
    for one in connections if isinstance(connections, list) else ():
        if isinstance(one, list) and len(one) == 2 and one[0] == "mac":  # noqa: PLR2004
            plain = re.sub(r"[^0-9a-f]", "", str(one[1]).lower())
            if len(plain) == MAC_DIGITS:
                return ":".join(re.findall("..", plain))
    return None


def entities(messages: Iterable[tuple[str, bytes]]) -> list[Entity]:
    """Return the entities of discovery messages; a message that is none is left out.

    What the bridge of a house or Zigbee2MQTT announces is left out too: it has a driver of its own.
    """
    found = []
    for topic, payload in messages:
        levels = topic.split("/")
        if len(levels) not in (4, 5) or levels[0] != PREFIX or levels[-1] != "config":
            continue
        try:
            config = long_keys(msgspec.json.decode(payload, type=dict[str, Any]), SHORT)
        except (ValueError, RecursionError):  # removed, or no JSON
            continue
        device = config.get("device")
        device = long_keys(device, SHORT_DEVICE) if isinstance(device, dict) else {}
        if not has_own_driver(config, device):
            found += read(levels[1], topic, config, device)
    return found


def read(component: str, topic: str, config: dict[str, Any], device: dict[str, Any]) -> list[Entity]:
    """Return the entities of one message."""
    if component != "device":
        return [Entity(component, with_base(config), device, topic)]
    parts = config.get("components")
    shared = {key: value for key, value in config.items() if key not in ("components", "name", "unique_id")}
    found = []
    for name, part in parts.items() if isinstance(parts, dict) else ():
        own = long_keys(part, SHORT) if isinstance(part, dict) else {}
        if isinstance(own.get("platform"), str) and len(own) > 1:  # otherwise it was removed
            found.append(Entity(own["platform"], with_base({**shared, **own}), device, f"{topic} {name}"))
    return found


def has_own_driver(config: dict[str, Any], device: dict[str, Any]) -> bool:
    """Return whether a house or Zigbee2MQTT announces it."""
    origin = config.get("origin")
    name = str(origin.get("name")) if isinstance(origin, dict) else ""
    ids = device.get("identifiers")
    first = ids[0] if isinstance(ids, list) and ids else ids
    return name == OWN or name.lower() == ZIGBEE or str(first).startswith(f"{ZIGBEE}_")


def long_keys(table: dict[str, Any], short: dict[str, str]) -> dict[str, Any]:
    """Return a table with long keys, and so the tables of its availability."""
    found = {short.get(key, key): value for key, value in table.items()}
    if isinstance(listed := found.get("availability"), dict | list):
        tables = [listed] if isinstance(listed, dict) else listed
        found["availability"] = [long_keys(one, short) for one in tables if isinstance(one, dict)]
    return found


def with_base(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration in whose topics `~` is replaced."""
    base = config.get(BASE)
    if not isinstance(base, str):
        return config
    found = {key: whole(value, base) if key.endswith("topic") else value for key, value in config.items()}
    if isinstance(listed := found.get("availability"), list):
        found["availability"] = [{key: whole(value, base) for key, value in one.items()} for one in listed]
    return found


def whole(topic: Any, base: str) -> Any:
    """Return a topic with its common beginning or end."""
    if isinstance(topic, str) and topic.startswith(BASE):
        return base + topic[1:]
    if isinstance(topic, str) and topic.endswith(BASE):
        return topic[:-1] + base
    return topic
