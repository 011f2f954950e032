"""A steady clock in Unix seconds, which neither a clock step nor a suspended host can bend.

The deadlines of hot appliances must not move when the wall clock is set, and must pass while the
host sleeps. So a device counts with CLOCK_BOOTTIME (clock_gettime(2): monotonic, and running through
suspend) from an anchor that it remembers over its crashes. Only after a restart of the machine the
wall clock fills the gap, and the steady clock never goes back.
"""

import time
from functools import cache
from pathlib import Path

from msgspec import Struct, field


class Anchor(Struct, frozen=True):
    """One boot of the machine, and the offset from its CLOCK_BOOTTIME to Unix seconds."""

    boot_id: str = field(name="machine")
    offset_seconds: float


@cache
def boot_id() -> str:
    """Return the identifier of this boot of the machine (random(4), boot_id)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def uptime() -> float:
    """Return the seconds since the machine was started, with the time asleep."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """Returns seconds since 1970 that are steady over everything but a restart of the machine."""

    def __init__(self, anchor: Anchor | None = None, last: float = 0.0) -> None:
        """Continue from a remembered anchor; after a restart of the machine, not before `last`."""
        if anchor is None or anchor.boot_id != boot_id():
            anchor = Anchor(boot_id(), max(time.time(), last) - uptime())
        self.anchor = anchor

    def now(self) -> float:
        """Return the current time in steady Unix seconds."""
        return uptime() + self.anchor.offset_seconds
