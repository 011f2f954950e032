"""Counts the system calls of running processes with strace, where it is installed and allowed."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ATTACH_SECONDS = 5.0
"""How long strace may take to attach to a process."""


def is_possible() -> bool:
    """Return whether there is strace."""
    return shutil.which("strace") is not None


@contextmanager
def counted(pids: dict[str, int], folder: Path) -> Iterator[dict[str, dict[str, int]]]:
    """Count the system calls of each process until the end of the block, by name; each is slow meanwhile.

    A process that strace may not attach to is left out.
    """
    found: dict[str, dict[str, int]] = {}
    files = {name: folder / f"{name}.strace" for name in pids}
    tracers = {name: trace(pid, files[name]) for name, pid in pids.items()}
    try:
        for name, pid in pids.items():
            wait_until_traced(pid, tracers[name])
        yield found
    finally:
        for tracer in tracers.values():
            tracer.send_signal(signal.SIGINT)
        for name, tracer in tracers.items():
            tracer.wait()
            if files[name].exists() and (calls := parse(files[name].read_text())):
                found[name] = calls


def trace(pid: int, file: Path) -> "subprocess.Popen[bytes]":
    """Start to trace a process and its threads."""
    command = ["strace", "-c", "-f", "-qq", "-o", str(file), "-p", str(pid)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_until_traced(pid: int, tracer: "subprocess.Popen[bytes]") -> None:
    """Wait until every thread of a process is traced, or its tracer has ended."""
    end = time.monotonic() + ATTACH_SECONDS
    while time.monotonic() < end and tracer.poll() is None:
        statuses = [task / "status" for task in Path(f"/proc/{pid}/task").iterdir()]
        if all("TracerPid:\t0" not in status.read_text() for status in statuses):
            return
        time.sleep(0.01)  # the kernel sends no event


def parse(summary: str) -> dict[str, int]:
    """Return the number of calls by name, from strace's summary.

    Its columns are: % time, seconds, usecs/call, calls, errors (may be empty), syscall.
    """
    found = {}
    for line in summary.splitlines():
        columns = line.split()
        if len(columns) >= 5 and columns[0].replace(".", "").isdigit() and columns[-1] != "total":
            found[columns[-1]] = int(columns[3])
    return found
