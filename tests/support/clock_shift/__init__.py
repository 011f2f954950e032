"""The clocks of a house that a test can set: its wall clock, and whether the machine counts it as right.

A process uses them if the folder of this file is on its PYTHONPATH. They change Python's `time.time`, the
only source of the time of day for the processes of the house, `clock_trust.is_clock_right`, and the clock
that runs while the machine sleeps (CLOCK_BOOTTIME). The monotonic clock stays as it is. The kernel has no
wall clock per host, and libfaketime, which fakes the clock below Python, breaks Python's own sleep.
"""

import mmap
import os
import struct
from pathlib import Path

VARIABLE = "WALL_CLOCK"
"""Names the file with the shift of the clock in seconds, 1 if it counts as right, else 0, and the seconds
for which the machine has slept."""


class WallClock:
    """The shifted clock of one host."""

    def __init__(self, file: Path, seconds: float) -> None:
        """Shift the clock by so many seconds; a negative shift makes it slow."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(struct.pack("ddd", seconds, True, 0.0))
        self.seconds = seconds
        self.slept_seconds = 0.0
        path = filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH")))
        self.environment = {"PYTHONPATH": os.pathsep.join(path), VARIABLE: str(file)}
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 24)

    def set(self, seconds: float) -> None:
        """Step the clock: shift it by this time from now on, in every process that uses it."""
        struct.pack_into("d", self._shared, 0, seconds)
        self.seconds = seconds

    def trust(self, is_right: bool = True) -> None:
        """Set whether the clock counts as right from now on."""
        struct.pack_into("d", self._shared, 8, is_right)

    def sleep(self, seconds: float) -> None:
        """Advance all clocks but the monotonic one, as a machine that has slept does when it wakes up."""
        self.slept_seconds += seconds
        struct.pack_into("d", self._shared, 16, self.slept_seconds)
