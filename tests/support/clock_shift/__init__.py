"""A wall clock that a test can set, and whether the machine counts it as right.

A process uses it if the folder of this file is on its PYTHONPATH. It changes Python's `time.time`, the
only source of the time of day for the processes of the house, and `clock_trust.is_clock_right`. The
monotonic clock stays as it is. The kernel has no wall clock per host, and libfaketime, which fakes the
clock below Python, breaks Python's own sleep.
"""

import mmap
import os
import struct
from pathlib import Path

VARIABLE = "WALL_CLOCK"
"""Names the file that contains the shift of the clock in seconds, and 1 if it counts as right, else 0."""


class WallClock:
    """The shifted clock of one host."""

    def __init__(self, file: Path, seconds: float) -> None:
        """Shift the clock by so many seconds; a negative shift makes it slow."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(struct.pack("dd", seconds, True))
        self.seconds = seconds
        path = filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH")))
        self.environment = {"PYTHONPATH": os.pathsep.join(path), VARIABLE: str(file)}
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 16)

    def set(self, seconds: float) -> None:
        """Step the clock: shift it by this time from now on, in every process that uses it."""
        struct.pack_into("d", self._shared, 0, seconds)
        self.seconds = seconds

    def trust(self, is_right: bool = True) -> None:
        """Set whether the clock counts as right from now on."""
        struct.pack_into("d", self._shared, 8, is_right)
