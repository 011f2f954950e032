"""The memory of processes, with shared pages counted in part (Linux, proc(5): smaps_rollup, Pss)."""

import time
from pathlib import Path

from daemons.runtime.clock import uptime

LEAST_PAUSE_SECONDS = 5.0
PAUSE_FACTOR = 200
"""A pause is so many times as long as the measurement before it: the kernel walks through all pages."""


class MemoryMeter:
    """Measures the memory of all processes from time to time, with half a percent of a core at most."""

    def __init__(self) -> None:
        self.latest: dict[str, int] | None = None
        """By process, in bytes; None before the first measurement."""
        self._due_at = 0.0

    @property
    def is_due(self) -> bool:
        """Return whether the pause after the latest measurement is over."""
        return uptime() >= self._due_at

    def measure(self, pids: dict[str, int]) -> dict[str, int]:
        """Return the memory of each process, as `memory_use` does."""
        began = time.thread_time()
        self.latest = memory_use(pids)
        self.plan(time.thread_time() - began)
        return self.latest

    def plan(self, used_seconds: float) -> None:
        """Begin the pause after a measurement that used so much processor time."""
        self._due_at = uptime() + max(LEAST_PAUSE_SECONDS, PAUSE_FACTOR * used_seconds)


def memory_use(pids: dict[str, int]) -> dict[str, int]:
    """Return the proportional set size of each process in bytes, without processes that have ended."""
    found = {}
    for name, pid in pids.items():
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        found[name] = int(text.partition("\nPss:")[2].split(maxsplit=1)[0]) * 1024
    return found
