"""Reached through the exchange: a program of your own, anywhere, that says what its device is."""

from msgspec import Struct, field

from daemons.drivers import Driver
from daemons.errors import Unreachable
from daemons.kinds import ABILITIES, Reading, Setting
from daemons.values import Seconds


class Options(Struct, frozen=True, kw_only=True):
    """What can be set."""

    every_seconds: Seconds = field(name="every", default=Seconds(10))
    """The longest time between two reports of the program, `"1s"` or longer. After a longer silence, the
    device is offline."""

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
        raise Unreachable(self.device, "the exchange", "only its own program switches it")

    def read(self, now: float) -> Reading:
        """Raise Unreachable: only the program of the device knows it."""
        return Reading(reachable=False, fault="its own program says what it is, through the exchange")
