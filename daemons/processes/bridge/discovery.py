"""The MQTT discovery messages for Home Assistant, in both forms. Pure.

The form "device" announces a device with all of its entities on one topic, as Home Assistant prefers
since 2024.11. The form "component" announces each entity on a topic of its own, as all versions accept
(home-assistant.io/integrations/mqtt, MQTT discovery). entities.py makes the entities of a device.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from daemons import __version__
from daemons.config.tables import DEFAULT_ROOM
from daemons.processes.bridge.entities import (
    FROM_HARDWARE,
    MAC,
    QOS,
    REGISTRY,
    BridgedDevice,
    Config,
    Entity,
    words,
)
from daemons.processes.bridge.topics import OFFLINE, ONLINE, Topics

MIGRATION = b'{"migrate_discovery": true}'
"""The payload that makes Home Assistant keep entities which move to another discovery topic."""

SHARED = ("availability", "availability_mode")
"""The keys that the form "device" may set once for all entities."""


def discovery_messages(
    form: str, prefix: str, bridged_devices: Iterable[BridgedDevice], topics: Topics, title: str
) -> dict[str, Config]:
    """Return the configuration for each discovery topic; nothing if the form is "off"."""
    if form == "off":
        return {}
    devices = [(topics.node(), _house(topics, title), [_bridge(topics)])]
    subjects = list(bridged_devices)
    macs = Counter(subject.about.get(MAC) for subject in subjects)
    for subject in subjects:
        # Home Assistant would make one device of all the outlets of a strip.
        has_own_mac = macs[subject.about.get(MAC)] == 1
        entry = _device(subject, topics, has_own_mac=has_own_mac)
        devices.append((topics.node(subject.name), entry, subject.entities(topics)))
    found: dict[str, Config] = {}
    for node, device, entities in devices:
        shared = {"device": device, "origin": {"name": "House", "sw_version": __version__}}
        named = [(entity, {"unique_id": f"{node}-{entity.key}", **entity.config}) for entity in entities]
        if form == "device":
            common = _common([config for _, config in named])
            components = {
                entity.key: {"platform": entity.component, **_without(config, common)}
                for entity, config in named
            }
            found[f"{prefix}/device/{node}/config"] = {**shared, **common, "components": components}
        else:
            for entity, config in named:
                found[f"{prefix}/{entity.component}/{node}/{entity.key}/config"] = {**config, **shared}
    return found


def _common(configs: Sequence[Config]) -> Config:
    """Return the most frequent value of each key that may be set once for all entities."""
    common = {}
    for key in SHARED:
        if all(key in config for config in configs):
            common[key] = max((config[key] for config in configs), key=[c[key] for c in configs].count)
    return common


def _without(config: Config, common: Config) -> Config:
    return {key: value for key, value in config.items() if key not in common or value != common[key]}


def hardware_texts(state: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of a state that say what the hardware is."""
    return {name: state[name] for name in (*REGISTRY, MAC) if isinstance(state.get(name), str)}


def hardware_fields(state: Mapping[str, Any]) -> frozenset[str]:
    """Return the fields of a state that only some hardware reports."""
    return frozenset(name for name, value in state.items() if name in FROM_HARDWARE and value is not None)


def node_of_topic(topic: str, prefix: str) -> str | None:
    """Return the node id of a discovery topic; None for any other topic."""
    levels = topic.removeprefix(f"{prefix}/").split("/")
    if not topic.startswith(f"{prefix}/") or levels[-1] != "config" or len(levels) not in (3, 4):
        return None
    return levels[1]


def _house(topics: Topics, title: str) -> Config:
    """Return the device entry of the house itself."""
    return {
        "identifiers": [topics.node()],
        "name": title,
        "manufacturer": "House",
        "model": "House",
        "sw_version": __version__,
    }


def _bridge(topics: Topics) -> Entity:
    """Return the entity that shows whether the bridge is online."""
    config = {
        "name": "Bridge",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "state_topic": topics.availability(),
        "payload_on": ONLINE,
        "payload_off": OFFLINE,
        "qos": QOS,
    }
    return Entity("binary_sensor", "bridge", config)


def _device(subject: BridgedDevice, topics: Topics, *, has_own_mac: bool) -> Config:
    """Return the device entry that all entities of a device share."""
    room, about = subject.peer.room, subject.about
    known: Config = {key: about[field] for field, key in REGISTRY.items() if field in about}
    if MAC in about and has_own_mac:
        known["connections"] = [["mac", about[MAC]]]
    return {
        "identifiers": [topics.node(subject.name)],
        "name": subject.peer.title,
        "manufacturer": "House",
        "model": words(subject.peer.kind),
        "sw_version": __version__,
        "via_device": topics.node(),
        **known,
        **({} if room == DEFAULT_ROOM else {"suggested_area": room}),
    }
