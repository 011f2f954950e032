"""What passes between an appliance and its driver: a Setting down, a Reading up."""

from typing import Literal, get_args

from msgspec import Struct

Load = tuple[float, float]
"""A stretch of an appliance's work once it is switched on: its seconds, and the watts it draws."""
Ability = Literal["switch", "dim", "tint", "move", "press", "sense"]
"""What a driver can: switch something on and off, dim it, change the colour temperature of its
white, move it both ways, tell presses of a button, tell measurements."""
ABILITIES: tuple[Ability, ...] = get_args(Ability)
Touch = Literal["single", "double", "long"]
"""How a button is pressed."""
TOUCHES: tuple[Touch, ...] = get_args(Touch)
Direction = Literal["open", "close"]

BRIGHTNESS_TOLERANCE_PERCENT = 1
"""Bulbs count in 254 steps, so what comes back is not always what was asked."""
COLOUR_TOLERANCE = 0.05
"""A share of the colour temperature: bulbs count in mireds, and round."""


class Setting(Struct, frozen=True):
    """What the hardware shall do."""

    on: bool
    brightness_percent: int | None = None
    """How bright, for what can be dimmed; nothing for what cannot."""
    colour_temperature_kelvin: int | None = None
    """How warm its white is, for what can change it."""
    direction: Direction | None = None
    """Which way to move while it is on, for what moves."""
    off_after_seconds: float | None = None
    """A dead-man's switch: the hardware goes off by itself after this long. Nothing: it stays."""

    def is_met_by(self, reading: "Reading") -> bool:
        """Tell whether the hardware is as asked; what it does not tell counts as done."""
        if reading.on is not self.on:
            return False
        if not self.on:
            return True
        bright, kelvin = reading.brightness_percent, reading.colour_temperature_kelvin
        return (
            self.direction in (None, reading.direction or self.direction)
            and (
                self.brightness_percent is None
                or bright is None
                or abs(self.brightness_percent - bright) <= BRIGHTNESS_TOLERANCE_PERCENT
            )
            and (
                self.colour_temperature_kelvin is None
                or kelvin is None
                or abs(kelvin / self.colour_temperature_kelvin - 1) <= COLOUR_TOLERANCE
            )
        )


class Press(Struct, frozen=True):
    """A hand at a button of the hardware."""

    what: Touch
    id: str
    """The cause of all that follows from it."""


class Reading(Struct, frozen=True, kw_only=True):
    """What the hardware does, as it says itself; nothing stands for what it does not say."""

    on: bool | None = None
    """Whether it is on; of what detects, whether it detects. Nothing: it is not known."""
    power_watts: float | None = None
    energy_watt_hours: float | None = None
    brightness_percent: int | None = None
    colour_temperature_kelvin: int | None = None
    direction: Direction | None = None
    """Which way it moves."""
    position_percent: int | None = None
    """How far open it is: 0 is closed, 100 is open."""
    temperature_celsius: float | None = None
    humidity_percent: float | None = None
    battery_percent: int | None = None
    cause: str | None = None
    """What switched it last, if the driver can tell; nothing for a hand at the appliance."""
    fault: str | None = None
    """What the hardware, or the way to it, complains of."""
    reachable: bool | None = True
    """Whether it answers; nothing while that is being found out."""
    losses: int = 0
    """How often it was lost so far: it may have been away between two readings."""
    at: float | None = None
    """When the hardware last said anything, in the device's steady seconds."""
    presses: tuple[Press, ...] = ()
    """The hands at its button since the last reading."""
