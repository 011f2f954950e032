"""The runs of a process: each has a number, so that others can tell an old message from a new one."""

import os
import time

from msgspec import Struct


class ProcessRun(Struct, frozen=True):
    """One run of a process; the next run continues its numbers."""

    boot: int
    """Milliseconds since 1970 at the start; at least one more than the boot of the last run."""
    supervisor: int
    """The PID of the parent process."""
    restarts: int
    """How often the same parent process has restarted it."""


def next_run(last: ProcessRun | None) -> ProcessRun:
    """Return the run that follows the last one, or a first run."""
    boot, supervisor = int(time.time() * 1000), os.getppid()
    if last is None:
        return ProcessRun(boot, supervisor, 0)
    restarts = last.restarts + 1 if last.supervisor == supervisor else 0
    return ProcessRun(max(boot, last.boot + 1), supervisor, restarts)
