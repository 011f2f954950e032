"""Marks the programs that a device runs, and ends the processes of one that outlived its device.

A program ends with its device: the kernel kills it (prctl(2), PR_SET_PDEATHSIG). The processes that
the program has started get no such signal. So each run of a program has a mark in its environment,
which all its processes inherit. The mark is written to the run directory before the program starts,
and deleted after its end. A device that finds such a mark at its start ends all processes with it.
"""

import ctypes
import os
import signal
import time
import uuid
from contextlib import suppress
from pathlib import Path

from daemons.storage.paths import overwrite_file

MARK = "HOUSE_PROGRAM"
"""The variable with the mark of one run of a program."""
END_SECONDS = 2.0
"""How long a killed process may take to end."""
POLL_SECONDS = 0.005
PR_SET_PDEATHSIG = 1
"""prctl(2)."""
PRCTL = ctypes.CDLL(None, use_errno=True).prctl


def new_mark() -> str:
    """Return a mark that no other run of a program has."""
    return uuid.uuid4().hex


class ProgramRecord:
    """The file that names the run of a program that has begun and has not ended."""

    def __init__(self, device: str) -> None:
        self._path = Path("hardware") / device / "program"

    def begin(self, mark: str) -> None:
        """Write the mark. On a full disk the program runs all the same: it may switch off what is hot."""
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            overwrite_file(self._path, mark.encode())

    def end(self) -> None:
        """Delete the mark, because the program has ended."""
        with suppress(OSError):
            self._path.unlink()

    def end_leftover(self) -> list[int]:
        """End the processes of a run that the last process of the device did not see the end of.

        Return the PIDs of those that do not end.
        """
        try:
            mark = self._path.read_text().strip()
        except (OSError, ValueError):
            return []
        left = end_marked(mark) if mark else []
        if not left:
            self.end()
        return left


def die_with(parent: int) -> None:
    """Make the kernel kill this process when its parent ends; the child calls it before its program starts.

    Only the one call of C is made here: other threads of the parent may hold locks at the fork.
    """
    PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # the parent has ended before this request
        os._exit(1)


def marked_pids(mark: str) -> list[int]:
    """Return the PIDs of the running processes with this mark in their environment."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            environment = Path(entry.path, "environ").read_bytes()
        except OSError:  # it has ended, or belongs to another user
            continue
        if wanted in environment.split(b"\0"):
            found.append(int(entry.name))
    return found


def end_marked(mark: str, seconds: float = END_SECONDS) -> list[int]:
    """Kill all processes with this mark, and wait for their end; return the PIDs of those that are left."""
    end = time.monotonic() + seconds
    while left := marked_pids(mark):  # a process may start another one until it is killed
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > end:
            return left
        time.sleep(POLL_SECONDS)
    return []
