"""The recorded history of other devices, for a device of the kind `presence`, which has this driver."""

import threading
import time
from pathlib import Path

from msgspec import Struct, field

from daemons.drivers import Driver
from daemons.errors import HistoryError
from daemons.kinds import Load, Reading, Setting
from daemons.storage.history import PATH, states_at
from daemons.values import Seconds

READ_SECONDS = 5.0
"""How often the history is read."""


class Options(Struct, frozen=True, kw_only=True):
    """What is read. The check of the configuration finds it."""

    members: tuple[str, ...] = ()
    """The devices whose states are read."""
    after_seconds: Seconds = field(name="after", default=Seconds(7 * 86400))
    """How long ago the states were recorded."""


class Recorded(Driver[Options]):
    """The recorded history of other devices, for a device of the kind `presence`, which has this driver.

    It reads the history in a thread, so that the loop of the device never waits for the disk.
    """

    options_type = Options
    abilities = frozenset()
    real = False

    def open(self, power_profile: tuple[Load, ...], now: float) -> None:
        """Start the thread."""
        self._reading = Reading()
        self._is_closed = threading.Event()
        threading.Thread(target=self._run, args=(PATH.absolute(),), name="history", daemon=True).start()

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Do nothing: the history cannot be changed."""

    def read(self, now: float) -> Reading:
        """Return what was read last."""
        return self._reading

    def close(self) -> None:
        """Stop the thread."""
        self._is_closed.set()

    def _run(self, path: Path) -> None:
        while not self._is_closed.is_set():
            self._reading = read_states(path, self.options, time.time())
            self._is_closed.wait(READ_SECONDS)


def read_states(path: Path, options: Options, wall: float) -> Reading:
    """Return the states that the devices had so long before `wall` (Unix seconds)."""
    try:
        return Reading(recorded=states_at(path, options.members, wall - options.after_seconds))
    except HistoryError as error:
        return Reading(fault=str(error))
