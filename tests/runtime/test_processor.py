"""What a real process waits for: a processor, a disk, or neither."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from daemons.runtime.processor import waited_seconds, waits_for_disk
from tests.support.house import eventually
from tests.support.patience import patience

BUSY = "while True: pass"
BLOCKED = """
import os, sys
opened = (os.POSIX_SPAWN_OPEN, 0, sys.argv[1], os.O_RDONLY, 0)
os.posix_spawn(sys.executable, [sys.executable, "--version"], {}, file_actions=[opened])
"""
"""The child opens a FIFO without a writer. Until it runs its program, the kernel keeps the parent in D."""


def has_waited(pid: int) -> Callable[[], bool]:
    """Return a function that returns whether a process has waited for 0.3 s."""
    return lambda: (waited_seconds(pid) or 0.0) > 0.3


def test_two_busy_processes_on_one_processor_wait_for_each_other() -> None:
    """Each gets half of the processor, so each waits; a process that does not exist has no value."""
    processor = min(os.sched_getaffinity(0))
    started = [
        subprocess.Popen([sys.executable, "-c", f"import os; os.sched_setaffinity(0, [{processor}])\n{BUSY}"])
        for _ in range(2)
    ]
    try:
        for process in started:
            eventually(has_waited(process.pid))
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert waited_seconds(started[0].pid) is None


def test_a_process_that_sleeps_does_not_wait_for_a_processor() -> None:
    """Most of this test's own time is sleep, which is not counted."""
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        eventually(lambda: waited_seconds(process.pid) is not None)
        assert (waited_seconds(process.pid) or 0.0) >= 0.0
    finally:
        process.kill()
        process.communicate()


def test_a_process_in_an_uninterruptible_wait_counts_as_waiting_for_a_disk(tmp_path: Path) -> None:
    """It does so only as long as the wait lasts; a process that sleeps, or has ended, does not."""
    fifo = tmp_path / "a ) D b"
    os.mkfifo(fifo)
    process = subprocess.Popen([sys.executable, "-c", BLOCKED, fifo], stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: waits_for_disk(process.pid))
        fifo.write_bytes(b"")
        assert process.wait(patience()) == 0
    finally:
        process.kill()
        process.wait()
    assert not waits_for_disk(process.pid)
    assert not waits_for_disk(os.getpid())
