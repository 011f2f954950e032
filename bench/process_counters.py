"""What the kernel counts for each process: processor time, waits, and calls that read and write.

proc(5): /proc/PID/task/TID/schedstat and status for each thread, /proc/PID/io for the process.
"""

from pathlib import Path
from typing import NamedTuple, Self


class Counters(NamedTuple):
    """The counters of a process, or how much they grew."""

    processor_us: float = 0.0
    other_threads_us: float = 0.0
    """The part of the processor time that was not in the main thread: of libzmq, and of the page."""
    queued_us: float = 0.0
    """How long its threads were ready, and waited for a processor."""
    waits: float = 0.0
    """How often its threads gave up the processor to wait (voluntary context switches)."""
    preemptions: float = 0.0
    """How often they had to give it up (involuntary context switches)."""
    reads: float = 0.0
    """System calls that read a file, a pipe or a socket as a file; not recv(2)."""
    writes: float = 0.0

    def grown_since(self, before: Self) -> "Counters":
        """Return the difference."""
        return Counters(*(now - then for now, then in zip(self, before, strict=True)))


def read(pid: int) -> Counters:
    """Return the counters of a process."""
    processor = other = queued = waits = preemptions = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        running, queue, _ = (int(word) for word in (task / "schedstat").read_text().split())
        processor += running
        queued += queue
        if int(task.name) != pid:
            other += running
        fields = words(task / "status")
        waits += fields["voluntary_ctxt_switches"]
        preemptions += fields["nonvoluntary_ctxt_switches"]
    io = words(Path(f"/proc/{pid}/io"))
    return Counters(
        processor / 1000, other / 1000, queued / 1000, waits, preemptions, io["syscr"], io["syscw"]
    )


def words(file: Path) -> dict[str, int]:
    """Return the lines of a file that have a number after a colon."""
    found = {}
    for line in file.read_text().splitlines():
        name, _, value = line.partition(":")
        if value.strip().isdigit():
            found[name] = int(value)
    return found
