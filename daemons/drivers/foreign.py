"""Reached through the exchange: a program of your own, anywhere, that says what its device is."""

from msgspec import Struct, field

from daemons.drivers import Driver
from daemons.errors import Unreachable
from daemons.kinds import ABILITIES, Reading, Setting
from daemons.values import Seconds


class Options(Struct, frozen=True, kw_only=True):
    """What can be set."""

    every_seconds: Seconds = field(name="every", default=Seconds(10))
    """How often the program says at the least what its device is; silent for longer, it counts as offline."""

    def __post_init__(self) -> None:
        """Refuse what no program could keep."""
        if self.every_seconds < 1:
            raise ValueError("every must be 1s or longer")


class Foreign(Driver[Options]):
    """Drives nothing from here: the exchange stands in for the device, and no process of the house is it."""

    options_type = Options
    abilities = frozenset(ABILITIES)
    runs_here = False

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Refuse: its program alone switches it."""
        raise Unreachable(self.device, "the exchange", "its own program switches it, and nobody else")

    def read(self, now: float) -> Reading:
        """Say that only its program knows."""
        return Reading(reachable=False, fault="its own program says what it is, through the exchange")
