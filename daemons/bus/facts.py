"""What the configuration says about a device or a service, for the notices about it."""

from msgspec import Struct

from daemons.bus.notice import LEVELS, Code

LOW_BATTERY_PERCENT = 15
"""A battery below this is low, if [house] does not say otherwise."""
OPEN_SECONDS = 3600.0
"""A window that is open for longer deserves attention, if nothing else is configured."""


class Facts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the configuration says about one device or service."""

    name: str
    """Its friendly name."""
    room: str | None = None
    detects: Code | None = None
    """The notice that its `status` leads to: a danger, "tamper" or "open"."""
    has_hardware: bool = False
    is_sensor: bool = False
    """Whether it only measures or detects: then unknown values deserve attention."""
    unknown_phases: tuple[str, ...] = ()
    max_on_seconds: float | None = None
    """For an appliance that heats: it is never on longer than this."""
    open_seconds: float | None = None
    """How long it may be open; None for anything that is not a window or a door, and for no limit."""
    battery_percent: int = LOW_BATTERY_PERCENT
    """A battery below this is low; 0 for no notices about batteries."""
    makes: str | None = None
    """What is ready when it is ready."""
    finished_phases: tuple[str, ...] = ()
    """The phases in which its work has finished."""
    is_service: bool = False

    @property
    def is_detector(self) -> bool:
        """Whether it detects a danger."""
        return self.detects in LEVELS["alarm"]
