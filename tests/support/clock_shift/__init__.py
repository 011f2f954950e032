"""A clock on the wall that a test can set: the folder of this file, on PYTHONPATH, gives it to a process.

It changes what Python's `time` tells, which is all that the processes of the house know of the time of
day; how long something takes, they see as it is. The kernel has no clock of the day for each host, and
what fakes one below Python (libfaketime) breaks Python's own sleep.
"""

import mmap
import struct
from pathlib import Path

VARIABLE = "WALL_CLOCK"
"""Names the file in which it stands by how many seconds the clock is fast."""


class WallClock:
    """One host's clock, that is wrong."""

    def __init__(self, file: Path, seconds: float) -> None:
        """Let it be fast by so many seconds; negative is slow."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(struct.pack("d", seconds))
        self.seconds = seconds
        self.environment = {"PYTHONPATH": str(Path(__file__).parent), VARIABLE: str(file)}
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 8)

    def set(self, seconds: float) -> None:
        """Step: be fast by so many seconds from now on, in every process that is told the time by it."""
        struct.pack_into("d", self._shared, 0, seconds)
        self.seconds = seconds
