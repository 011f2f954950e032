"""The air of a room: a heater warms it, and it cools down towards the temperature outside.

The model is Newton's law of cooling: the room loses heat in proportion to the difference between inside and
outside. `loses` is its time constant: without heating, 63 % (1 - 1/e) of the difference is lost in that time.
"""

import math
import re
from typing import TYPE_CHECKING, Annotated, Self

from msgspec import Meta, Struct
from msgspec.structs import replace

from daemons.values import Parsed, Seconds

if TYPE_CHECKING:
    from daemons.rehearsal.world import World

STEP_SECONDS = 60.0
"""How often the temperature is computed."""
SECONDS_PER_HOUR = 3600.0


class Rate(float, Parsed):
    """Degrees per hour, written as text: "3/h"."""

    allowed = 'degrees per hour, such as "3/h"'

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parse a rate; raises ValueError for anything else."""
        found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]+)?)/h", text) if isinstance(text, str) else None
        if not found:
            raise ValueError(cls.allowed)
        return cls(found[1])


class Room(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of `rooms` in a story file."""

    sensor: str
    """The device that measures the temperature of the room."""
    heater: str
    """The device that heats the room while its hardware is on; one that `cools` takes the heat away."""
    loses: Seconds
    gains: Rate
    """By how much the heater alone warms the room, or cools it."""
    outside: Annotated[float, Meta(ge=-90, le=60)] = 5.0
    """The temperature outside, in °C."""

    def __post_init__(self) -> None:
        """Refuse a room that loses its heat in no time."""
        if self.loses < STEP_SECONDS:
            raise ValueError(f"loses takes a duration of at least {STEP_SECONDS:g} s")


class Air:
    """The air of one room in a rehearsal. It begins as warm as the sensor measures."""

    def __init__(self, world: "World", room: Room) -> None:
        heater = world.devices[room.heater].device
        cools = heater.kind.climate_mode(heater.options) == "cool"
        self._world, self._room = world, replace(room, gains=Rate(-room.gains)) if cools else room
        self._celsius = self._measured()
        self._shown = self._celsius
        world.at(world.now + STEP_SECONDS, self._step)

    def _measured(self) -> float:
        return self._world.devices[self._room.sensor].hardware.measured["temperature_celsius"] or 0.0

    def _step(self) -> None:
        """Compute the temperature after a step, and let the sensor measure it, to a tenth of a degree."""
        room, measured = self._room, self._measured()
        if measured != self._shown:  # a step of the story has set it
            self._celsius = measured
        heat = self._world.devices[room.heater].hardware.heat_at(self._world.now)
        self._celsius = temperature_after(self._celsius, STEP_SECONDS, room, heat)
        self._shown = round(self._celsius, 1)
        if self._shown != measured:
            self._world.measure(room.sensor, {"temperature_celsius": self._shown})
        self._world.at(self._world.now + STEP_SECONDS, self._step)


def temperature_after(celsius: float, seconds: float, room: Room, heat: float) -> float:
    """Return the temperature after some seconds (°C); `heat` is the share of its heat that the heater gives.

    It approaches the temperature at which the room loses as much as it gains.
    """
    end = room.outside + heat * room.gains * room.loses / SECONDS_PER_HOUR
    return end + (celsius - end) * math.exp(-seconds / room.loses)
