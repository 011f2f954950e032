"""The messages of one command: those that are JSON objects and go to one topic are one message. Pure."""

from typing import Any

import msgspec

from daemons.drivers.transports.mqtt_device import Message


def merge(messages: list[Message]) -> list[Message]:
    """Return messages in which those to one topic that are JSON objects are one object."""
    found: list[Message] = []
    for topic, payload in messages:
        mine = as_object(payload)
        others = {index: as_object(text) for index, (other, text) in enumerate(found) if other == topic}
        index = next((index for index, other in others.items() if other is not None), None)
        if index is None or mine is None:
            found.append((topic, payload))
        else:
            found[index] = (topic, msgspec.json.encode({**(others[index] or {}), **mine}).decode())
    return found


def as_object(payload: str) -> dict[str, Any] | None:
    """Return a payload as a JSON object, or None if it is none."""
    try:
        return msgspec.json.decode(payload, type=dict[str, Any]) if payload.startswith("{") else None
    except ValueError:
        return None
