"""What the driver for Kasa and Tapo devices remembers of a device: its energy, and the auto-off that it set.

Newer plugs report the energy of this month, which begins at zero with each month. So the driver counts on.
The file `hardware/NAME/plug.json` keeps the count over restarts.
"""

from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from daemons.storage.paths import replace_file

WRITE_SECONDS = 60.0
"""How often the count is written at most. A restart loses nothing of it, unless a month ends meanwhile."""


class Count(Struct, frozen=True):
    """A count of energy that never goes back, and the month from which it goes on."""

    month: str
    """The month by the device's clock, such as "2026-11"."""
    month_watt_hours: float
    total_watt_hours: float
    before: tuple[str, float] | None = None
    """The month before by that clock, and its energy. A clock that was wrong for a while comes back to it."""


class AutoOff(Struct, frozen=True):
    """The auto-off that House set in a newer device."""

    minutes: int
    before_minutes: int
    """The time that was set there before, while it was switched off."""


class Memory(Struct, frozen=True, omit_defaults=True):
    """What is remembered of a device."""

    count: Count | None = None
    auto_off: AutoOff | None = None


def count_on(count: Count | None, month: str, watt_hours: float) -> Count:
    """Return the count after a new value of the month's energy.

    A lower value in a new month is all new. In a known month, the device has lost a part of its own count.
    Where two explanations are possible, the one with less energy counts.
    """
    if count is None:
        return Count(month, watt_hours, watt_hours)
    last = count.month_watt_hours
    is_new = month != count.month
    if is_new and count.before is not None and month == count.before[0]:
        used = max(0.0, watt_hours - count.before[1])
    elif watt_hours < last:
        used = watt_hours if is_new else 0.0
    else:
        used = watt_hours - last
    before = (count.month, last) if is_new else count.before
    return Count(month, watt_hours, round(count.total_watt_hours + used, 3), before)


class MemoryFile:
    """The file with the memory of one device."""

    def __init__(self, device: str) -> None:
        self._path = Path("hardware") / device / "plug.json"
        self.memory = Memory()
        self._written = (self.memory, 0.0)
        with suppress(OSError, msgspec.MsgspecError):
            self.memory = msgspec.json.decode(self._path.read_bytes(), type=Memory)
            self._written = (self.memory, 0.0)

    def count_energy(self, month: str, watt_hours: float, now: float) -> float:
        """Return the energy since the first reading; raises StorageError if it cannot be written."""
        count = count_on(self.memory.count, month, watt_hours)
        self.memory = replace(self.memory, count=count)
        written, at = self._written
        if written.count is None or written.count.month != month or now - at >= WRITE_SECONDS:
            self._write(now)
        return count.total_watt_hours

    def set_auto_off(self, auto_off: AutoOff | None, now: float) -> None:
        """Remember the auto-off that is set next; raises StorageError if it cannot be written."""
        self.memory = replace(self.memory, auto_off=auto_off)
        self._write(now)

    def _write(self, now: float) -> None:
        if self.memory != self._written[0]:
            with suppress(OSError):  # then the file cannot be written either
                self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, msgspec.json.encode(self.memory))
            self._written = (self.memory, now)
