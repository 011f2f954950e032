"""House to supervisord: one program a device, and the way to talk to the one that runs.

supervisord's loop turns once a second unless something happens on its socket, so whoever waits
for it asks it again and again instead of sleeping: each question turns the loop.
"""

import http.client
import os
import signal
import socket
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import poll
from typing import Any

from daemons.errors import SupervisorError
from daemons.storage.paths import STOPPED_BY_HAND
from daemons.supervision.programs import SOCKET, STOP_SECONDS

PIDFILE = "supervisord.pid"

ALIVE = ("STARTING", "RUNNING", "BACKOFF")
"""supervisord's states of what runs, or is about to be started by it again."""
RESTART_SECONDS = 2
"""So long after its end, and supervisord will not start a process again by itself."""


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        """Connect inside the run directory, where the path is short."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(SOCKET)


class _Transport(xmlrpc.client.Transport):
    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """Keep one connection."""
        if self._connection[1] is None:
            self._connection = host, _Connection("localhost")
        return self._connection[1]  # type: ignore[return-value]


class Supervisor:
    """The supervisord of the run directory that we are in."""

    def __init__(self) -> None:
        self._transport = _Transport()
        self._api: Any = xmlrpc.client.ServerProxy("http://house", transport=self._transport).supervisor

    def call(self, method: str, *args: Any) -> Any:
        """Call a method of its XML-RPC interface; SupervisorError when it is not there or refuses."""
        try:
            return getattr(self._api, method)(*args)
        except xmlrpc.client.Fault as error:
            raise SupervisorError(f"supervisord refuses {method}: {error.faultString}") from error
        except (OSError, http.client.HTTPException) as error:
            self._transport.close()
            raise SupervisorError("the house is not up; `house up` (or `make up`) starts it") from error

    def is_up(self) -> bool:
        """Tell whether it answers."""
        try:
            self.call("getState")
        except SupervisorError:
            return False
        return True

    def processes(self) -> dict[str, dict[str, Any]]:
        """Give what it knows of each process, by name; asking turns its loop."""
        return {info["name"]: info for info in self.call("getAllProcessInfo")}

    def stop(self, names: list[str]) -> None:
        """Stop these processes, all at once, and return when they have ended.

        One that dies in circles has no PID between two lives, and yet has to be told.
        """
        known = self.processes()
        names = [name for name in names if name in known]
        told: set[tuple[str, int]] = set()
        for processes in self._turns(STOP_SECONDS + 10, f"{', '.join(names)} did not end"):
            for name in names:
                life = (name, processes[name]["pid"])
                if processes[name]["statename"] in ALIVE and life not in told:
                    told.add(life)
                    self._stop(name)
            if all(has_ended(processes[name]) for name in names):
                return

    def _stop(self, name: str) -> None:
        try:
            self.call("stopProcess", name, False)
        except SupervisorError as error:
            if "NOT_RUNNING" not in str(error):  # it has died at this very moment
                raise

    def start(self, names: list[str]) -> None:
        """Start these processes."""
        for name in names:
            self.call("startProcess", name, False)

    def update(self) -> None:
        """Start, stop and restart what the rendered programs say, and nothing else."""
        added, changed, removed = self.call("reloadConfig")[0]
        self.stop([*changed, *removed])
        for name in [*changed, *removed]:
            self.call("removeProcessGroup", name)
        for name in [*changed, *added]:
            self.call("addProcessGroup", name)

    def shutdown(self) -> None:
        """Stop everything, and supervisord; return when it has gone."""
        pid = int(Path(PIDFILE).read_text())
        self.stop(list(self.processes()))
        with ended(pid) as wait:
            self.call("shutdown")
            if not wait(STOP_SECONDS + 10):
                raise SupervisorError(f"supervisord (PID {pid}) does not end")

    def _turns(self, seconds: float, failure: str) -> Iterator[dict[str, dict[str, Any]]]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            yield self.processes()
            time.sleep(0.002)
        raise SupervisorError(failure)


def has_ended(info: dict[str, Any]) -> bool:
    """Tell whether a process has ended, and supervisord will not start it again by itself."""
    if info["statename"] == "EXITED":
        return bool(info["exitstatus"] == STOPPED_BY_HAND or info["now"] - info["stop"] >= RESTART_SECONDS)
    return info["statename"] in ("STOPPED", "FATAL")


@contextmanager
def ended(pid: int) -> Iterator[Any]:
    """Give a function that waits, so many seconds at most, for a process that is not our child to end."""
    try:
        file = os.pidfd_open(pid)
    except ProcessLookupError:
        yield lambda _: True
        return
    waiter = poll()
    waiter.register(file)
    try:
        yield lambda seconds: bool(waiter.poll(seconds * 1000))
    finally:
        os.close(file)


def kill(pid: int) -> None:
    """Kill a process that may have gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
