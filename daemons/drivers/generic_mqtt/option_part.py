"""The parts of the options that are alike for all announced entities: topics, paths, words, payloads. Pure.

What the options cannot say is refused with a sentence.
"""

import re
from contextlib import suppress
from math import isfinite
from typing import Any

from daemons.drivers.generic_mqtt.announcement import Entity
from daemons.drivers.generic_mqtt.plain import Plain, plain
from daemons.drivers.generic_mqtt.source import check_template
from daemons.drivers.generic_mqtt.word import OFF, ON

MIRED = 1_000_000
KELVIN = (1000, 10_000)
WILL = {"value_template": "", "payload_available": "online", "payload_not_available": "offline"}
"""The keys of an availability, each with its default."""
FULL = 255
"""The value of full brightness, if the announcement has none."""
LONGEST = 60
"""So much of a template is quoted in a sentence."""
VALUE = re.compile(r"\{\{-?\s*value\s*(?:\|\s*(?:int|string|round)\s*)?-?\}\}")
"""The place of the value in a command template."""


def commands(entity: Entity) -> dict[str, Any]:
    """Return the topic and the payloads that switch."""
    found = needed(entity, "command_topic")
    for word in ("on", "off"):
        found |= other(word, payload(entity, word), word.upper())
    return found


def payload(entity: Entity, word: str) -> str:
    """Return the payload that is sent for a word such as "on"."""
    return command(entity, "command_template", entity.text(f"payload_{word}") or word.upper())


def state(entity: Entity, template: str) -> dict[str, Any]:
    """Return where the state stands, and its words; nothing for a state that the hardware does not report."""
    if entity.text("state_topic") is None or entity.config.get("optimistic") is True:
        return {}
    place, on, off = words_at(entity, "state", template, "state_path")
    found = {**needed(entity, "state_topic"), **place}
    sent = [payload(entity, word) for word in ("on", "off")]
    is_known = on.lower() in ON and off.lower() in OFF and on != sent[1] and off != sent[0]
    return found if is_known or [on, off] == sent else {**found, "states": {"on": on, "off": off}}


def words_at(entity: Entity, prefix: str, template: str, key: str) -> tuple[dict[str, Any], str, str]:
    """Return where a value stands, and its words for on and off there.

    By a path, a truth value is the word true or false.
    """
    on, off = (
        entity.text(f"{prefix}_{end}") or entity.text(f"payload_{end}") or end.upper()
        for end in ("on", "off")
    )
    found = plain(entity.text(template))
    if found is None or found.is_number or (found.words and {*found.words} != {on, off}):
        return place_of(entity, template, key, is_plain=False), on, off
    if found.words is not None:
        on, off = ("true", "false") if found.words == (on, off) else ("false", "true")
    elif found.path:
        on, off = (word.lower() if word in ("True", "False") else word for word in (on, off))
    return place_of(entity, template, key, is_plain=True), on, off


def availability(entity: Entity) -> dict[str, Any]:
    """Return the topics that say whether the hardware is online, as far as the options can say it."""
    config = entity.config
    listed = config.get("availability")
    if not isinstance(listed, list):
        template = config.get("availability_template")
        keys = ("payload_available", "payload_not_available")
        listed = [{"topic": config.get("availability_topic"), "value_template": template}]
        listed[0] |= {key: config.get(key) for key in keys}
    topics = [one["topic"] for one in listed if isinstance(one.get("topic"), str) and one["topic"]]
    rest = {
        tuple(str(one.get(key) or usual) for key, usual in WILL.items())
        for one in listed
        if isinstance(one.get("value_template"), str | None)
    }
    is_any = len(topics) > 1 and config.get("availability_mode") == "any"
    if not topics or len(topics) < len(listed) or len(rest) != 1 or is_any:
        return {}
    ((template, online, offline),) = rest
    found = plain(template or None)
    if found is not None and found.words == (online, offline):
        online, offline = "true", "false"
    elif found is None or found.words is not None or found.is_number:
        found = None
    place = {"availability_path": found.path} if found and found.path else {}
    if found is None:
        with suppress(ValueError):
            check_template(template, "")
            place = {"availability_template": template}
        if not place:
            return {}
    own = {**other("online", online, "online"), **other("offline", offline, "offline")}
    return {"availability_topics": topics, **place, **own}


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


def path(entity: Entity, template: str, key: str = "path") -> dict[str, Any]:
    """Return the path to a value, or the template that makes it."""
    found = plain(entity.text(template))
    is_plain = found is not None and not found.is_number and found.words is None
    return place_of(entity, template, key, is_plain=is_plain)


def measured(entity: Entity, key: str, template: str, unit: tuple[float, float] = (1, 0)) -> dict[str, Any]:
    """Return where a measurement stands, with the factor and the offset of its template and its unit."""
    read = plain(entity.text(template))
    place = place_of(entity, template, is_plain=read is not None and read.words is None)
    read = (read if read and "template" not in place else Plain()).then(*unit)
    found = needed(entity, key, "topic") | place
    found |= {"factor": read.factor} if read.factor != 1 else {}
    return found | ({"offset": read.offset} if read.offset else {})


def place_of(entity: Entity, template: str, key: str = "path", *, is_plain: bool) -> dict[str, Any]:
    """Return the path of a plain template, or else the template; ValueError if it cannot be used."""
    text = entity.text(template)
    if is_plain or text is None:
        found = plain(text)
        return {key: found.path} if found and found.path else {}
    check_template(text, "")
    return {key.replace("path", "template"): text}


def command(entity: Entity, key: str, value: str) -> str:
    """Return what a command template makes of a payload.

    Raises ValueError if the payload is the place of a value, and the template does more than write it.
    """
    template = entity.text(key)
    if template is None:
        return value
    made = VALUE.sub(lambda _: value, template)
    if "{{" not in made and "{%" not in made:
        return made
    if "{value}" in value:
        raise ValueError(refused(key, template))
    try:
        from daemons.drivers.generic_mqtt.template import Template  # noqa: PLC0415  most have none
    except ModuleNotFoundError as error:
        raise ValueError(f"its {key} needs jinja2; `make extra EXTRA=templates` installs it") from error
    return Template(template).render(value) or ""


def refused(key: str, template: str) -> str:
    """Return the sentence about a template that cannot be used."""
    text = " ".join(template.split())
    return f"House cannot use its {key}: {text[:LONGEST]}{'...' if text[LONGEST:] else ''}"


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
