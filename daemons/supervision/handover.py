"""Hands the processes of a house from one supervisord to a second one, one process after the other.

`house upgrade` uses it, so that each process is away only for its own restart. The second supervisord is of
the new version. It starts without processes, beside the first one, and takes over its socket. Then each
process is stopped there and started here. Until the end, the first supervisord can take all of them back.

Two sockets in the run directory tell how far a handover is: `supervisord.next` is that of a second
supervisord that has not taken over yet, and `supervisord.old` that of the first one afterwards.
"""

import os
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from daemons.bus.message import STEWARD
from daemons.errors import NotUp, StorageError, SupervisorError
from daemons.storage.paths import describe, replace_file, stopped_path
from daemons.supervision.programs import NEXT_SOCKET, SOCKET
from daemons.supervision.ready import wait_ready
from daemons.supervision.supervisord import (
    OLD_PIDFILE,
    OLD_SOCKET,
    PIDFILE,
    Supervisor,
    kill_and_wait,
    running_pid,
)


def prepare() -> int:
    """Note the supervisord that runs as the first one, and return its PID; raises NotUp without one."""
    end_next()
    with closing(Supervisor()) as first:
        pid = int(first.call("getPID"))
    replace_file(Path(OLD_PIDFILE), str(pid).encode())
    return pid


def take_socket() -> None:
    """Make the second supervisord the one of the house, in one step; raises StorageError."""
    try:
        Path(OLD_SOCKET).unlink(missing_ok=True)
        os.link(SOCKET, OLD_SOCKET)
        Path(NEXT_SOCKET).rename(SOCKET)
    except OSError as error:
        raise StorageError(describe(error, f"{Path(OLD_SOCKET).absolute()} cannot be made")) from error


def end_others() -> None:
    """End a supervisord that a killed handover has left beside the one of the house, with its processes."""
    end_next()
    end_first()


def end_next() -> None:
    """End a second supervisord that has not taken over; it has no processes."""
    if Path(NEXT_SOCKET).exists():
        with suppress(NotUp), closing(Supervisor(path=NEXT_SOCKET)) as second:
            kill_supervisord(second.call("getPID"))
        for path in (OLD_SOCKET, NEXT_SOCKET):  # in this order: without the second one, a handover is on
            Path(path).unlink(missing_ok=True)
    if not Path(
        OLD_SOCKET
    ).exists():  # the first one is the only one, also if the way back was killed at its end
        with suppress(FileNotFoundError):
            Path(OLD_PIDFILE).replace(PIDFILE)


def end_first() -> None:
    """End the first supervisord, and the processes that it still has."""
    if not Path(OLD_SOCKET).exists():
        return
    if pid := running_pid(OLD_PIDFILE):
        kill_supervisord(pid)
    for path in (
        OLD_PIDFILE,
        OLD_SOCKET,
    ):  # in this order: without its socket, the PID is that of the only one
        Path(path).unlink(missing_ok=True)


def kill_supervisord(pid: int) -> None:
    """Kill a supervisord, whose processes end with it; it must not delete files that are another's now."""
    if not kill_and_wait(pid):
        raise SupervisorError(f"supervisord (PID {pid}) does not end, not even by SIGKILL")


class Handover:
    """A handover between two supervisords that both run."""

    def __init__(self) -> None:
        self._first = Supervisor(path=OLD_SOCKET)
        self._second = Supervisor()

    def close(self) -> None:
        """Close the connections to both."""
        self._first.close()
        self._second.close()

    def forward(
        self, ready: Collection[str], timeout_seconds: float, keep: Callable[[str], None] = lambda _: None
    ) -> None:
        """Hand over each process that the first supervisord still has.

        The steward is the first, then what does not run, and then one process after the other. What the
        configuration does not have any more ends before what is new begins. Those of `ready` must become
        ready within a time without progress. `keep` is called for each process between its end there and its
        start here. Raises NotReady or SupervisorError.
        """
        first = processes(self._first)
        waiting: list[str] = self._second.call("reloadConfig")[0][0]
        removed = first.keys() - waiting - processes(self._second).keys()
        for name in sorted(waiting, key=lambda name: (name != STEWARD, is_running(first, name), name)):
            stop(self._first, [name])
            keep(name)
            self._second.call("addProcessGroup", name)
            if name in ready and not stopped_path(name).exists():
                wait_ready([name], self._second, timeout_seconds, lambda *_: None)
            if name == STEWARD:
                stop(self._first, sorted(removed))
        stop(self._first, sorted(removed))  # if an earlier attempt has ended after the steward

    def back(self, restore: Callable[[str], None]) -> bool:
        """Hand all processes back to the first supervisord; return False if it has ended.

        `restore` is called for each process between its end here and its start there.
        """
        first, second = processes(self._first), processes(self._second)
        if not first:
            return False
        stop(self._second, [STEWARD])  # it would start again what is stopped here
        for name in sorted((first.keys() | second.keys()) - {STEWARD}):
            if name in second:
                stop(self._second, [name])
                restore(name)
            if name in first and not is_running(first, name):
                self._first.start([name])
        restore(STEWARD)
        if not is_running(first, STEWARD):
            self._first.start([STEWARD])
        if pid := running_pid():
            kill_supervisord(pid)
        Path(OLD_SOCKET).replace(SOCKET)
        Path(OLD_PIDFILE).replace(PIDFILE)
        return True


def processes(supervisor: Supervisor) -> dict[str, dict[str, Any]]:
    """Return the processes of a supervisord; none if it has ended."""
    try:
        return supervisor.processes()
    except NotUp:
        return {}


def stop(supervisor: Supervisor, names: list[str]) -> None:
    """Stop processes of a supervisord; its end is no obstacle, because theirs comes with it."""
    with suppress(NotUp):
        supervisor.stop(names)


def is_running(found: dict[str, dict[str, Any]], name: str) -> bool:
    """Return whether a process runs, of those that a supervisord has reported."""
    return name in found and bool(found[name]["pid"])
