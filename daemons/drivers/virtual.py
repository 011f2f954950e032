"""No hardware. A device that only keeps a value, such as a mode, has this driver without being told."""

from msgspec import Struct

from daemons.drivers import Driver
from daemons.kinds import Reading, Setting


class Options(Struct, frozen=True):
    """The options of no hardware: there are none."""


class Virtual(Driver[Options]):
    """No hardware. A device that only keeps a value, such as a mode, has this driver without being told."""

    options_type = Options
    abilities = frozenset()
    real = False

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Do nothing: there is nothing to set."""

    def read(self, now: float) -> Reading:
        """Return that nothing is reported, and nothing is out of reach."""
        return Reading()
