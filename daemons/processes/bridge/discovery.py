"""How Home Assistant is told of a house: MQTT discovery in both of its forms. Pure.

The form "device" says a device with all of its entities on one topic, as Home Assistant wants it
since 2024.11; the form "component" says each entity on one of its own, as all versions take it
(home-assistant.io/integrations/mqtt, MQTT discovery). What a device's entities are, `entity` says.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from daemons import __version__
from daemons.config.tables import DEFAULT_ROOM
from daemons.processes.bridge.entities import FROM_HARDWARE, QOS, Config, Entity, Subject, words
from daemons.processes.bridge.topics import OFFLINE, ONLINE, Topics

MIGRATION = b'{"migrate_discovery": true}'
"""Said on a topic of discovery before its entities come by another, so that they are kept as they are."""

SHARED = ("availability", "availability_mode")
"""What the form "device" may say once for all entities; one that has its own goes by that."""


def announce(
    form: str, prefix: str, subjects: Iterable[Subject], topics: Topics, title: str
) -> dict[str, Config]:
    """Give each topic of discovery with what shall stand there; none when the form is "off"."""
    if form == "off":
        return {}
    devices = [(topics.node(), _house(topics, title), [_bridge(topics)])]
    for subject in subjects:
        devices.append((topics.node(subject.name), _device(subject, topics), subject.entities(topics)))
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
    """Give what most entities of a device have in common, of what may be said once for all of them."""
    common = {}
    for key in SHARED:
        if all(key in config for config in configs):
            common[key] = max((config[key] for config in configs), key=[c[key] for c in configs].count)
    return common


def _without(config: Config, common: Config) -> Config:
    return {key: value for key, value in config.items() if key not in common or value != common[key]}


def told(state: Mapping[str, Any]) -> frozenset[str]:
    """Name what this state tells of what only some hardware does."""
    return frozenset(name for name, value in state.items() if name in FROM_HARDWARE and value is not None)


def node_of(topic: str, prefix: str) -> str | None:
    """Give the node that a topic of discovery is about; nothing when it is no such topic."""
    levels = topic.removeprefix(f"{prefix}/").split("/")
    if not topic.startswith(f"{prefix}/") or levels[-1] != "config" or len(levels) not in (3, 4):
        return None
    return levels[1]


def _house(topics: Topics, title: str) -> Config:
    """Give the device that stands for the house itself."""
    return {
        "identifiers": [topics.node()],
        "name": title,
        "manufacturer": "House",
        "model": "House",
        "sw_version": __version__,
    }


def _bridge(topics: Topics) -> Entity:
    """Give the entity that says whether the bridge is there."""
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


def _device(subject: Subject, topics: Topics) -> Config:
    """Give a device, which its entities have in common."""
    room = subject.peer.room
    return {
        "identifiers": [topics.node(subject.name)],
        "name": subject.peer.title,
        "manufacturer": "House",
        "model": words(subject.peer.kind),
        "sw_version": __version__,
        "via_device": topics.node(),
        **({} if room == DEFAULT_ROOM else {"suggested_area": room}),
    }
