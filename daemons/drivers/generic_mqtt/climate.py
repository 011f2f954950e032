"""An announced thermostat as options of the driver `mqtt`. Pure.

What only cools, or has no target of its own, is refused with a sentence.
"""

from typing import Any

from daemons.drivers.generic_mqtt.announcement import Entity
from daemons.drivers.generic_mqtt.option_part import (
    availability,
    command,
    measured,
    needed,
    number,
    other,
    path,
    table,
    topic,
)
from daemons.drivers.generic_mqtt.source import VALUE
from daemons.kinds import WARM_CELSIUS

MODES = ["auto", "off", "cool", "heat", "dry", "fan_only"]
"""The modes of an announcement that lists none."""
RANGE = {
    "lowest_celsius": ("min_temp", 7),
    "highest_celsius": ("max_temp", 35),
    "step_celsius": ("temp_step", 1),
}
"""By option: the key of an announcement, and its value if there is none."""
MEASURED = {"temperature_celsius": "current_temperature", "humidity_percent": "current_humidity"}


def climate(entity: Entity) -> dict[str, Any]:
    """Return the options of a thermostat; ValueError with a sentence for what they cannot say."""
    if topic(entity, "temperature_command_topic") is None:
        if topic(entity, "temperature_low_command_topic") is not None:
            raise ValueError("it has two targets at once, and House sets only one")
        raise ValueError("its announcement has no temperature_command_topic, so its target cannot be set")
    if entity.text("temperature_unit") not in (None, "C"):
        raise ValueError("its temperatures are not in °C, and House does not convert its targets")
    target = {
        **place(entity, "temperature"),
        **{
            key: usual if (own := number(entity, name)) is None else own
            for key, (name, usual) in RANGE.items()
        },
    }
    if "topic" not in target:
        raise ValueError("it does not report its target: its announcement has no temperature_state_topic")
    lowest, highest = target["lowest_celsius"], target["highest_celsius"]
    if lowest + target["step_celsius"] > highest:
        raise ValueError(f"there are no two targets between {lowest} °C and {highest} °C")
    options: dict[str, Any] = {"target": target, **mode(entity, lowest)}
    if topic(entity, "action_topic") is not None:
        options["action"] = {**needed(entity, "action_topic", "topic"), **path(entity, "action_template")}
    values = {
        name: measured(entity, f"{key}_topic", f"{key}_template")
        for name, key in MEASURED.items()
        if topic(entity, f"{key}_topic") is not None
    }
    return {**options, **table("measurements", values), **availability(entity)}


def mode(entity: Entity, lowest: float) -> dict[str, Any]:
    """Return the table of its modes, if it has any; ValueError if it heats in none of them."""
    if topic(entity, "mode_command_topic") is None:
        return {}
    listed = entity.config.get("modes", MODES)
    words = [str(word) for word in listed] if isinstance(listed, list) else []
    if "heat" not in words:
        raise ValueError(f"it has no mode heat, in which House sets its target; it has: {', '.join(words)}")
    found = place(entity, "mode")
    is_off_a_mode = "off" in words and lowest > WARM_CELSIUS and "topic" in found
    return {"mode": {**found, **other("off_mode", is_off_a_mode, False)}}


def place(entity: Entity, name: str) -> dict[str, Any]:
    """Return where a value is reported, if it is, and how it is set."""
    found = needed(entity, f"{name}_command_topic", "command_topic")
    found |= other("payload", command(entity, f"{name}_command_template", VALUE), VALUE)
    if topic(entity, f"{name}_state_topic") is None:
        return found
    return {
        **needed(entity, f"{name}_state_topic", "topic"),
        **path(entity, f"{name}_state_template"),
        **found,
    }
