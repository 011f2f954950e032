"""The simulated calendar of one device, with the file `hardware/NAME/events.json`."""

import os
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from daemons.drivers.physics.events import EventText, SimulatedCalendar
from daemons.kinds import Reading
from daemons.values import convert

SETTLED_SECONDS = 1.0
"""The age from which a file's size and time show reliably whether it was written again."""
Texts = tuple[EventText, ...]


class CalendarFile:
    """A simulated calendar: the events in the options, or those in `events.json`."""

    def __init__(self, folder: Path, events: tuple[EventText, ...]) -> None:
        self._path = folder / "events.json"
        self._defaults = events
        self._calendar = SimulatedCalendar(events)
        self._version: object = None
        """The size and the time of the file as it was read; None if it did not exist, or may change again."""
        self._fault: str | None = None

    def read(self, now: float) -> Reading:
        """Return the events of these days. If the file is not valid, set a fault and keep the last events."""
        wall = time.time()
        version = None
        with suppress(OSError):
            found = os.stat(self._path)  # noqa: PTH116  faster; it is called twice a second
            version = (found.st_ino, found.st_size, found.st_mtime_ns)
        if version != self._version:
            self._read_file()
            self._version = version if version is None or wall - found.st_mtime > SETTLED_SECONDS else ()
        events = self._calendar.events(wall)
        return Reading(calendar=events, at=now, fault=self._fault)

    def _read_file(self) -> None:
        self._fault = None
        try:
            texts = convert(msgspec.json.decode(self._path.read_bytes()), Texts)
        except FileNotFoundError:
            texts = self._defaults
        except (OSError, msgspec.MsgspecError) as error:
            self._fault = f"{self._path} cannot be read: {error}"
            return
        self._calendar.texts = texts
