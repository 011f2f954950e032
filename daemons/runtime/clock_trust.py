"""Whether the wall clock of this machine is known to be right.

A machine without a battery clock, such as a Raspberry Pi, starts with a wrong time, and gets the right one
from the network. Until then no time of day means anything. The clock counts as right

- once the kernel says that it is synchronised (adjtimex(2)),
- at once, if the battery clock (RTC) of the machine shows the same time,
- in any case SYNC_GRACE_SECONDS after the start of the machine: it may have no network.
"""

import time
from pathlib import Path

from daemons.runtime.clock import uptime

SYNC_GRACE_SECONDS = 600.0
"""So long after the start of the machine a clock counts as right that was never synchronised."""
RTC_TOLERANCE_SECONDS = 60.0
RTC_FOLDER = Path("/sys/class/rtc")
EARLIEST = 1735689600.0
"""The start of 2025 in Unix seconds. A battery clock that shows less has lost its time."""
TIME_ERROR = 5
"""What adjtimex returns for a clock that is not synchronised."""


def is_clock_right() -> bool:
    """Return whether the wall clock counts as right now."""
    return (
        uptime() >= SYNC_GRACE_SECONDS
        or is_confirmed_by_rtc(read_rtc(RTC_FOLDER), time.time())
        or is_synchronised()
    )


def is_confirmed_by_rtc(rtc: float | None, wall: float) -> bool:
    """Return whether a battery clock shows the time of the wall clock, both in Unix seconds."""
    return rtc is not None and rtc >= EARLIEST and abs(rtc - wall) <= RTC_TOLERANCE_SECONDS


def read_rtc(folder: Path) -> float | None:
    """Return the time of the first battery clock that can be read, or None without one."""
    for path in sorted(folder.glob("rtc*/since_epoch")):
        try:
            return float(path.read_text())
        except (OSError, ValueError):
            continue
    return None


def is_synchronised() -> bool:
    """Return whether the kernel counts its clock as synchronised; False if it cannot be asked."""
    import ctypes  # noqa: PLC0415  only for so long as the clock is not right

    timex = ctypes.create_string_buffer(512)  # struct timex of zeros: its mode 0 only reads
    try:
        found = int(ctypes.CDLL(None).adjtimex(timex))
    except (OSError, AttributeError):
        return False
    return 0 <= found < TIME_ERROR
