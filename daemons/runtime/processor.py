"""How long a process waited for a processor, as the scheduler counts it (proc(5), schedstat)."""

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
