"""The XML-RPC client of supervisord.

The loop of supervisord runs once a second, unless something happens on its socket. So a caller that
waits for it repeats a call instead of sleeping: each call runs the loop.
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

from daemons.bus.message import STEWARD
from daemons.errors import NotUp, SupervisorError
from daemons.storage.paths import STOPPED_BY_HAND
from daemons.supervision.programs import NEXT_SOCKET, SOCKET, STOP_SECONDS

PIDFILE = "supervisord.pid"
OLD_SOCKET, OLD_PIDFILE = "supervisord.old", "supervisord.old.pid"
"""The socket and the PID of the first supervisord, while it hands its processes over to a second one."""

ALIVE = ("STARTING", "RUNNING", "BACKOFF")
"""The states, in supervisord's words, of a process that runs or that it is about to start again."""
RESTART_SECONDS = 2
"""So long after the end of a process, supervisord does not restart it any more."""
PATIENCE_SECONDS = STOP_SECONDS + 10
"""So long after the last process has ended, those that are left count as not ending."""
POLL_SECONDS = 0.002
ORPHAN_SECONDS = 5.0
"""How long a killed process may take to end."""
CALL_SECONDS = 10.0
"""How long supervisord may take to answer a call."""
BAD_NAME, ALREADY_STARTED, NOT_RUNNING, STILL_RUNNING = 10, 60, 70, 91
"""Fault codes of its XML-RPC interface (supervisor.xmlrpc.Faults)."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect relative to the run directory, where the path is short."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str, call_seconds: float) -> None:
        super().__init__()
        self._path = path
        self._call_seconds = call_seconds

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """Return the one connection, which is kept open."""
        if self._connection[1] is None:
            self._connection = host, _Connection(self._path, self._call_seconds)
        return self._connection[1]  # type: ignore[return-value]


class Supervisor:
    """The supervisord of the current run directory."""

    def __init__(self, call_seconds: float = CALL_SECONDS, path: str = SOCKET) -> None:
        """Wait up to `call_seconds` for the answer to each call; `path` is the socket."""
        self._call_seconds = call_seconds
        self._transport = _Transport(path, call_seconds)
        self._api: Any = xmlrpc.client.ServerProxy("http://house", transport=self._transport).supervisor

    def call(self, method: str, *args: Any) -> Any:
        """Call a method of its XML-RPC interface, and return the result.

        Raises NotUp if supervisord does not run, and SupervisorError if it refuses or does not answer.
        """
        try:
            return getattr(self._api, method)(*args)
        except xmlrpc.client.Fault as error:
            text = f"supervisord refuses {method}: {error.faultString}"
            raise SupervisorError(text, error.faultCode) from error
        except (FileNotFoundError, ConnectionRefusedError) as error:
            self.close()
            raise NotUp from error
        except TimeoutError as error:
            self.close()
            raise SupervisorError(
                f"supervisord has not answered {method} within {self._call_seconds:g} s; it may be busy: try "
                "again. If it stays so, `house down` ends it, and `house up` starts it anew"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise SupervisorError(f"the connection to supervisord broke during {method}: {error}") from error

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._transport.close()

    def is_up(self) -> bool:
        """Return whether supervisord runs; raises SupervisorError if it runs and does not answer."""
        try:
            self.call("getState")
        except NotUp:
            return False
        return True

    def processes(self) -> dict[str, dict[str, Any]]:
        """Return the information of each process, by name, in supervisord's own words."""
        return {info["name"]: info for info in self.call("getAllProcessInfo")}

    def stop(self, names: list[str]) -> None:
        """Stop these processes at the same time, and wait until they have ended.

        A process that crashes again and again has no PID between two runs, and must be stopped too.
        Raises SupervisorError with the names of those that are left, once none has ended for a while.
        """
        known = self.processes()
        names = [name for name in names if name in known]
        requested: set[tuple[str, int]] = set()
        left, fewest = names, len(names) + 1
        end = 0.0
        while left:
            began = time.monotonic()
            processes = self.processes()
            for name in names:
                run = (name, processes[name]["pid"])
                if processes[name]["statename"] in ALIVE and run not in requested:
                    requested.add(run)
                    self._stop(name)
            left = [name for name in names if not has_ended(processes[name])]
            now = time.monotonic()
            if len(left) < fewest:
                fewest, end = len(left), now + PATIENCE_SECONDS
            elif now > end:
                raise SupervisorError(f"{', '.join(left)} did not end within {PATIENCE_SECONDS} s")
            time.sleep(max(POLL_SECONDS, now - began))  # leaves a busy supervisord half of the time

    def _stop(self, name: str) -> None:
        try:
            self.call("stopProcess", name, False)
        except SupervisorError as error:
            if error.fault_code != NOT_RUNNING:  # otherwise it has died just now
                raise

    def start(self, names: list[str]) -> None:
        """Start these processes; one that the steward tries again at this moment runs already."""
        for name in names:
            try:
                self.call("startProcess", name, False)
            except SupervisorError as error:
                if error.fault_code != ALREADY_STARTED:
                    raise

    def update(self) -> None:
        """Start, stop and restart exactly the processes whose rendered programs have changed.

        The steward comes first: it starts the others if this process is killed meanwhile.
        """
        added, changed, removed = self.call("reloadConfig")[0]
        if STEWARD in changed:
            self._replace([STEWARD], [], [])
        self._replace([name for name in changed if name != STEWARD], removed, added)

    def _replace(self, changed: list[str], removed: list[str], added: list[str]) -> None:
        """Stop and remove processes, and add those that have changed or are new."""
        self.stop([*changed, *removed])
        for name in [*changed, *removed]:
            self._remove(name)
        for name in [*changed, *added]:
            self.call("addProcessGroup", name)

    def _remove(self, name: str) -> None:
        """Remove a stopped process, which the steward may try again until it is removed."""
        while True:
            try:
                self.call("removeProcessGroup", name)
            except SupervisorError as error:
                if error.fault_code != STILL_RUNNING:
                    raise
                self.stop([name])
            else:
                return

    def shutdown(self) -> None:
        """Stop all processes and supervisord, and wait until it has ended.

        Raises SupervisorError if a process or supervisord does not end; supervisord is told to end anyway.
        """
        pid = self.call("getPID")
        failure: SupervisorError | None = None
        try:
            self.call("stopAllProcesses", False)  # one call is faster; `stop` waits, and stops what is left
            self.stop(list(self.processes()))
        except SupervisorError as error:
            failure = error
        with ended(pid) as wait:
            self.call("shutdown")
            if not wait(PATIENCE_SECONDS):
                raise failure or SupervisorError(f"supervisord (PID {pid}) does not end")
        Path(SOCKET).unlink(missing_ok=True)  # after a handover, supervisord knows it by another name


def is_handed_over() -> bool:
    """Return whether a first supervisord still has processes that it hands over to the second one."""
    return Path(OLD_SOCKET).exists() and not Path(NEXT_SOCKET).exists()


def all_processes(supervisor: Supervisor) -> dict[str, dict[str, Any]]:
    """Return the information of each process, also of those that a first supervisord still has."""
    found = supervisor.processes()
    if not is_handed_over():
        return found
    first = Supervisor(path=OLD_SOCKET)
    try:
        return first.processes() | found
    except SupervisorError:
        return found
    finally:
        first.close()


def running_pid(file: str = PIDFILE) -> int | None:
    """Return the PID of the supervisord of this run directory, also if it does not answer; None without one.

    The file can be older than the process that has this PID now.
    """
    try:
        pid = int(Path(file).read_text())
        about = Path(f"/proc/{pid}")
        is_ours = about.joinpath("cwd").readlink() == Path.cwd()
        return pid if is_ours and b"supervisord" in about.joinpath("cmdline").read_bytes() else None
    except (OSError, ValueError):
        return None


def wait_for_pid(seconds: float = PATIENCE_SECONDS) -> int:
    """Return the PID of the supervisord that was just started; it writes the file a moment after that.

    On a full disk it cannot write the file, and is asked. Raises SupervisorError if it does not run.
    """
    end = time.monotonic() + seconds
    while (pid := running_pid() or asked_pid()) is None:
        if time.monotonic() > end:
            raise SupervisorError(
                "supervisord has ended right after its start; its log is log/supervisord.log"
            )
        time.sleep(POLL_SECONDS)
    return pid


def asked_pid() -> int | None:
    """Return the PID that supervisord answers; None while it does not answer."""
    supervisor = Supervisor()
    try:
        return int(supervisor.call("getPID"))
    except SupervisorError:
        return None
    finally:
        supervisor.close()


def has_ended(info: dict[str, Any]) -> bool:
    """Return whether a process has ended and supervisord will not restart it by itself."""
    if info["statename"] == "EXITED":
        return bool(info["exitstatus"] == STOPPED_BY_HAND or info["now"] - info["stop"] >= RESTART_SECONDS)
    return info["statename"] in ("STOPPED", "FATAL")


@contextmanager
def ended(pid: int) -> Iterator[Any]:
    """Yield a function that waits for the end of a process that is no child of this one.

    The function takes the longest wait in seconds, and returns whether the process has ended.
    """
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
    """Kill a process that may have ended already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def kill_and_wait(pid: int) -> bool:
    """Kill a process that is no child of this one; return whether it has ended within ORPHAN_SECONDS."""
    with ended(pid) as wait:
        kill(pid)
        return bool(wait(ORPHAN_SECONDS))
