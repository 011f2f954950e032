"""A device that your own program runs, on any machine, connected through the exchange."""

from msgspec import Struct, field

from daemons.drivers import Driver
from daemons.errors import Unreachable
from daemons.kinds import ABILITIES, Reading, Setting
from daemons.values import Seconds


class Options(Struct, frozen=True, kw_only=True):
    """The options of a foreign device."""

    every_seconds: Seconds = field(name="every", default=Seconds(10))
    """The longest time between two reports of the program, `"1s"` or longer. After a longer silence, the
    device is offline."""

    def __post_init__(self) -> None:
        """Raise ValueError if the interval is too short for a program."""
        if self.every_seconds < 1:
            raise ValueError("every must be 1s or longer")


class Foreign(Driver[Options]):
    """A device without a driver process: the exchange represents it in the house."""

    options_type = Options
    abilities = frozenset(ABILITIES)
    runs_here = False

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Raise Unreachable: only the device's program can switch it."""
        raise Unreachable(self.device, "the exchange", "only its own program switches it")

    def read(self, now: float) -> Reading:
        """Return an unreachable reading: only the device's program reports its state."""
        return Reading(reachable=False, fault="only its own program reports its state, through the exchange")
