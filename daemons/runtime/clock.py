"""A device's own time: Unix seconds that neither a clock step nor a suspended host can bend.

Deadlines of hot things must not move when somebody sets the clock, and must go on while the
host sleeps. So a device counts with CLOCK_BOOTTIME (Linux, clock_gettime(2): monotonic and
running through suspend) from an anchor that is remembered over its crashes. Only when the
machine itself was started anew does the wall clock fill the gap, and it never counts back.
"""

import time
from functools import cache
from pathlib import Path

from msgspec import Struct


class Anchor(Struct, frozen=True):
    """Which start of the machine, and what to add to its CLOCK_BOOTTIME to have Unix seconds."""

    machine: str
    offset_seconds: float


@cache
def machine() -> str:
    """Name this start of the machine (random(4), boot_id)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def uptime() -> float:
    """Give the seconds since the machine started, time asleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """Gives `now()`, in seconds since 1970, steady over everything short of a machine's restart."""

    def __init__(self, anchor: Anchor | None = None, last: float = 0.0) -> None:
        """Go on from a remembered anchor; `last` is a moment that has been, for a new machine start."""
        if anchor is None or anchor.machine != machine():
            anchor = Anchor(machine(), max(time.time(), last) - uptime())
        self.anchor = anchor

    def now(self) -> float:
        """Give this moment."""
        return uptime() + self.anchor.offset_seconds
