"""What a process waits for, as the kernel tells it: a processor, or a disk (proc(5), schedstat and stat)."""

import os
from pathlib import Path

NANOSECONDS = 1e9


def waited_seconds(pid: int) -> float | None:
    """Return how many seconds the threads of a process have waited for a processor since their start.

    Return None if the process has ended, or if the kernel does not count this time.
    """
    total = 0
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            total += int((thread / "schedstat").read_bytes().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return total / NANOSECONDS


def used_seconds(pid: int) -> float | None:
    """Return how many seconds of processor time a process has used; None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waits_for_disk(pid: int) -> bool:
    """Return whether a thread of a process is in a wait that nothing can interrupt (state D).

    It waits for a disk, or for memory that is read back from one. The kernel counts this time only on request
    (delayacct), so the state is what can be read.
    """
    try:
        return any(
            (thread / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"D"
            for thread in Path(f"/proc/{pid}/task").iterdir()
        )
    except (OSError, IndexError):
        return False
