"""How long a test waits for an event. The bounds grow with the load and with the slowness of the machine.

A bound is written for an idle machine of the reference speed. It only ends a test that would wait for ever.
"""

import os
import time
from functools import cache

WAIT_SECONDS = 30.0
"""The bound of a wait; on an idle machine, only a broken house needs so long."""
WORK_STEPS = 100_000
REFERENCE_SECONDS = 0.02
"""The processor time of the work on the machine for which the bounds were written."""


class Deadline:
    """The end of one wait. It moves while the machine becomes busier."""

    def __init__(self, seconds: float = WAIT_SECONDS) -> None:
        """Begin a wait with a bound for an idle machine."""
        self._began, self._seconds, self._longest = time.monotonic(), seconds, 0.0

    def left(self) -> float:
        """Return the seconds that are left; negative after the end."""
        self._longest = max(self._longest, patience(self._seconds))
        return self._began + self._longest - time.monotonic()

    def __str__(self) -> str:
        """Return the bound in words, for the message of a test that fails."""
        return f"not within {self._longest:.3g} s"


def patience(seconds: float = WAIT_SECONDS) -> float:
    """Return a bound for this machine, as busy as it is now, from one for an idle machine."""
    return seconds * slowness() * crowding()


def crowding() -> float:
    """Return how many processes share a processor now, or shared it in the last minute; at least 1."""
    with open("/proc/loadavg") as file:  # noqa: PTH123  it is read in each turn of a wait
        last_minute, _, _, now, _ = file.read().split()
    running = max(float(last_minute), float(now.partition("/")[0]))
    return max(1.0, running / len(os.sched_getaffinity(0)))


@cache
def slowness() -> float:
    """Measure how many times as much processor time this machine needs as the reference; at least 1."""
    return max(1.0, min(_work_seconds() for _ in range(3)) / REFERENCE_SECONDS)


def _work_seconds() -> float:
    began, total = time.process_time(), 0
    for step in range(WORK_STEPS):
        total += step * step % 7
    return time.process_time() - began
