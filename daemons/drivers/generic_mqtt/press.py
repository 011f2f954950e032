"""Announced triggers and events as buttons: which word is which press. Pure."""

import re
from collections.abc import Iterable
from typing import Any

from daemons.drivers.generic_mqtt.announcement import Entity
from daemons.drivers.generic_mqtt.option_part import availability, needed, refused
from daemons.drivers.generic_mqtt.plain import plain
from daemons.drivers.generic_mqtt.word import ANY
from daemons.kinds import Touch

NAMES: dict[str, Touch] = {
    "single": "single", "short": "single", "press": "single", "pressed": "single", "click": "single",
    "clicked": "single", "push": "single", "1": "single", "double": "double", "2": "double",
    "triple": "triple", "3": "triple", "long": "long", "hold": "long", "held": "long", "release": "release",
    "released": "release",
}  # fmt: skip
"""The words in the names of presses. The last one that a name has counts, but for `press` and the like."""
GENERAL = ("press", "pressed", "click", "clicked", "push")
"""The words that say nothing if the name has another one: `long_press`."""
IGNORED = "button_short_release"
"""The end of a short press that has begun with another trigger."""
TYPES: dict[str, Touch] = {
    "button_short_press": "single",
    "button_double_press": "double",
    "button_triple_press": "triple",
    "button_long_press": "long",
    "button_long_release": "release",
}
"""The types of triggers that Home Assistant knows."""


def touch_of(name: str) -> Touch | None:
    """Return which press a name means, such as `hold` or `1_double`; None if it means none."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word in NAMES]
    own = [word for word in words if word not in GENERAL and not word.isdecimal()]
    found = own or [word for word in words if word in GENERAL] or words
    return NAMES[found[-1]] if found else None


def triggers(entities: Iterable[Entity]) -> dict[str, dict[str, Any]]:
    """Return by the name of each button its options; ValueError with a sentence for what they cannot say."""
    found: dict[str, dict[str, Any]] = {}
    for entity in sorted(entities, key=lambda one: one.text("type") == IGNORED):
        type_, name = entity.text("type") or "", entity.text("subtype") or ""
        touch = TYPES.get(type_)
        if type_ == IGNORED:
            touch = "single" if "single" not in found.get(name, {}).get("presses", {}) else None
        elif touch is None:
            touch, name = touch_of(entity.text("payload") or name) or "single", ""
        if touch is not None:
            add(found, name, touch, entity)
    return found


def add(found: dict[str, dict[str, Any]], name: str, touch: Touch, entity: Entity) -> None:
    """Add one trigger to its button; ValueError if the button has triggers on several topics."""
    place = plain(entity.text("value_template"))
    if place is None or place.is_number:
        raise ValueError(refused("value_template", entity.text("value_template") or ""))
    own = {**needed(entity, "topic", "press_topic"), **({"press_path": place.path} if place.path else {})}
    button = found.setdefault(name, {**own, "presses": {}})
    if any(button.get(key) != own.get(key) for key in ("press_topic", "press_path")):
        raise ValueError("its presses come on several topics")
    words = button["presses"].setdefault(touch, [])
    words.append(entity.text("payload") or ANY)


def event(entity: Entity) -> dict[str, Any]:
    """Return the options of an event; ValueError with a sentence for what they cannot say."""
    if entity.text("value_template") is not None:
        raise ValueError(refused("value_template", entity.text("value_template") or ""))
    types = entity.config.get("event_types")
    presses: dict[str, Any] = {}
    for type_ in types if isinstance(types, list) else ():
        if touch := touch_of(str(type_)):
            presses.setdefault(touch, []).append(str(type_))
    if not presses:
        raise ValueError("none of its events is a press that House knows")
    path = {"press_path": "event_type"}
    return {
        **needed(entity, "state_topic", "press_topic"),
        **path,
        "presses": presses,
        **availability(entity),
    }
