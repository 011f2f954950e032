"""The messages that switch hardware, dim it and set its colour. Pure.

What goes to one topic as JSON objects is one message.
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from daemons.drivers.generic_mqtt.options import Options
from daemons.drivers.generic_mqtt.source import VALUE, ColourTemperature
from daemons.drivers.transports.mqtt_device import Message
from daemons.kinds import Setting

MIRED = 1_000_000
"""The product of a colour temperature in mireds and the same in kelvins."""


def switch_messages(options: Options, setting: Setting) -> list[Message]:
    """Return the messages that apply a setting to what is no cover; none without a topic for commands."""
    topic = options.command_topic
    if topic is None:
        return []
    if not setting.on:
        return [(topic, options.off)]
    levels = level_messages(options, topic, setting)
    on = [(topic, options.on)]
    match options.on_command:
        case "never" if setting.brightness_percent is not None and levels:
            return merge(levels)
        case "first":
            return merge([*on, *levels])
    return merge([*levels, *on])


def level_messages(options: Options, topic: str, setting: Setting) -> list[Message]:
    """Return the messages that set the brightness and the colour temperature."""
    found = []
    level, colour = options.brightness, options.colour_temperature
    if level is not None and (percent := setting.brightness_percent) is not None:
        value = max(1, round(percent * level.scale / 100))
        found.append((level.command_topic or topic, level.payload.replace(VALUE, str(value))))
    if colour is not None and (kelvin := setting.colour_temperature_kelvin) is not None:
        kelvin = within(kelvin, colour)
        value = kelvin if colour.unit == "kelvin" else round(MIRED / kelvin)
        found.append((colour.command_topic or topic, colour.payload.replace(VALUE, str(value))))
    return found


def possible(options: Options, setting: Setting) -> Setting:
    """Return a setting whose colour temperature the lamp has."""
    colour, kelvin = options.colour_temperature, setting.colour_temperature_kelvin
    if colour is None or kelvin is None:
        return setting
    return replace(setting, colour_temperature_kelvin=within(kelvin, colour))


def within(kelvin: int, colour: ColourTemperature) -> int:
    """Return the nearest colour temperature that a lamp has."""
    return min(colour.max_kelvin, max(colour.min_kelvin, kelvin))


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
