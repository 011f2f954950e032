"""A thermostat with topics of its own: reads its target, mode and action, and writes its commands. Pure.

With `off_mode`, off is the word `off` of its mode. Otherwise off is the lowest target, which keeps the frost
away.
"""

from typing import Any

from daemons.drivers.generic_mqtt.command import merge
from daemons.drivers.generic_mqtt.source import VALUE, Action, Mode, Target
from daemons.drivers.generic_mqtt.value import to_number, to_text
from daemons.drivers.transports.mqtt_device import Message
from daemons.kinds import Setting, TargetRange

WITHOUT_HEAT = ("cool", "dry", "fan_only")
"""The usual words of modes in which it does not heat. In another mode, such as `auto`, it may."""


class Thermostat:
    """What is known of one thermostat."""

    def __init__(self, target: Target, mode: Mode | None, action: Action | None, topic: str | None) -> None:
        """Keep the options; `topic` is the topic of commands that name none of their own."""
        self._target, self._mode, self._action, self._topic = target, mode, action, topic
        self._has_off_mode = mode is not None and mode.off_mode
        least = 0 if self._has_off_mode else target.step_celsius
        self.range = TargetRange(target.lowest_celsius + least, target.highest_celsius, target.step_celsius)
        self._celsius: float | None = None
        """The latest target."""
        self._word: str | None = None
        """The latest mode."""

    def read_target(self, value: Any) -> dict[str, Any]:
        """Return a target as fields of a Reading; ValueError if it is no number."""
        self._celsius = to_number(value)
        return {"target_celsius": self._celsius, "target_range": self.range, **self._on()}

    def read_mode(self, value: Any) -> dict[str, Any]:
        """Return a mode as fields of a Reading; ValueError for a list or an object."""
        self._word = to_text(value)
        return self._on()

    def read_action(self, value: Any) -> dict[str, Any]:
        """Return whether it heats, as a field of a Reading; ValueError for a list or an object."""
        word = to_text(value)
        heating = self._action.heating if self._action else ()
        return {"heating": None if word is None else word in heating}

    def messages(self, setting: Setting) -> list[Message]:
        """Return the messages that apply a setting. The mode comes first: it may change the target."""
        mode, target = self._mode, self._target
        is_off_mode = self._has_off_mode and not setting.on
        celsius = None if is_off_mode else target.lowest_celsius
        if setting.on:
            wanted = setting.target_celsius
            celsius = None if wanted is None else self.range.nearest(wanted)
        found: list[Message] = []
        if mode is not None:
            word = mode.off if is_off_mode else mode.heat
            if word != self._word or celsius is None:
                found.append((mode.command_topic or self._topic or "", mode.payload.replace(VALUE, word)))
        if celsius is not None:
            payload = target.payload.replace(VALUE, f"{celsius:g}")
            found.append((target.command_topic or self._topic or "", payload))
        return merge(found)

    def _on(self) -> dict[str, Any]:
        """Return whether it keeps its target, as far as that is known."""
        mode = self._mode
        if self._celsius is None or (mode is not None and mode.is_reported and self._word is None):
            return {"on": None}
        is_lowest = not self._has_off_mode and self._celsius <= self._target.lowest_celsius
        heats = mode is None or self._word not in (mode.off, *WITHOUT_HEAT)
        return {"on": heats and not is_lowest, "is_assumed": False}
