"""What passes between an appliance and its driver: a Setting down, a Reading up."""

from msgspec import Struct

Load = tuple[float, float]
"""A stretch of an appliance's work once it is switched on: its seconds, and the watts it draws."""


class Setting(Struct, frozen=True):
    """What the hardware shall do."""

    on: bool
    brightness_percent: int | None = None
    """How bright, for what can be dimmed; nothing for what cannot."""
    off_after_seconds: float | None = None
    """A dead-man's switch: the hardware goes off by itself after this long. Nothing: it stays."""


class Reading(Struct, frozen=True):
    """What the hardware does, as it says itself."""

    on: bool
    power_watts: float = 0.0
    energy_watt_hours: float = 0.0
    cause: str | None = None
    """What switched it last, if the driver can tell; nothing for a hand at the appliance."""
    fault: str | None = None
    """What the hardware, or the way to it, complains of."""
