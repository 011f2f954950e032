"""House to supervisord: one program a device, and the way to talk to the one that runs.

supervisord's loop turns once a second unless something happens on its socket, so whoever waits
for it asks it again and again instead of sleeping: each question turns the loop.
"""

import hashlib
import http.client
import os
import shlex
import signal
import socket
import subprocess
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import poll
from typing import Any

from daemons.errors import SupervisorError
from daemons.house import Slice
from daemons.message import STEWARD
from daemons.place import STOPPED_BY_HAND, check, interpreter, write

SOCKET = "supervisord.sock"
PIDFILE = "supervisord.pid"
STOP_SECONDS = 3
"""How long a process may take to end before it is killed."""
LONGEST_SOCKET_PATH = 107 - len(".4194304")
"""sun_path holds 107 bytes (unix(7)), and supervisord first binds a name with its PID added."""

ALIVE = ("STARTING", "RUNNING", "BACKOFF")
"""supervisord's states of what runs, or is about to be started by it again."""
RESTART_SECONDS = 2
"""So long after its end, and supervisord will not start a process again by itself."""

PROGRAM = """\
[{section}:{name}]
command={python} -P -m daemons {name}
directory={run}
environment=HOUSE_RUN="{run}",HOUSE_SLICE="{digest}"
autostart=true
autorestart=unexpected
exitcodes={stopped}
startsecs=0
startretries=10
stopsignal=TERM
stopwaitsecs={stop_seconds}
stopasgroup=true
killasgroup=true
{log}_logfile={run}/log/{name}.log
{log}_logfile_maxbytes=1MB
{log}_logfile_backups=2
"""
DEVICE_PROGRAM = "redirect_stderr=true\n"
STEWARD_PROGRAM = "stdout_logfile=NONE\nevents=PROCESS_STATE,PROCESS_GROUP_REMOVED\nbuffer_size=1000\n"
"""The steward is supervisord's event listener: its standard output is protocol, and it logs to the other."""


def render(slice_: Slice, run: Path) -> str:
    """Give the program of one device; its slice's digest is in it, so another slice is another program."""
    python = interpreter()
    check(python)
    steward = slice_.name == STEWARD
    text = PROGRAM.format(
        section="eventlistener" if steward else "program",
        log="stderr" if steward else "stdout",
        stopped=STOPPED_BY_HAND,
        name=slice_.name,
        python=shlex.quote(str(python)),
        run=run,
        digest=hashlib.sha256(slice_.encode()).hexdigest()[:16],
        stop_seconds=STOP_SECONDS,
    )
    return text + (STEWARD_PROGRAM if steward else DEVICE_PROGRAM)


def configuration(run: Path) -> Path:
    """Give supervisord's file for a run directory: the project's own, or a copy made for another one."""
    here = Path(__file__).parent
    own = os.environ.get("HOUSE_SUPERVISORD")
    sources = [Path(own)] if own else [here.parent / "supervisord.conf", here / "supervisord.conf"]
    source = next((path for path in sources if path.exists()), None)
    if source is None:
        raise SupervisorError(f"there is no {sources[0]}; HOUSE_SUPERVISORD may name another one")
    file = run / SOCKET
    fits = len(os.fsencode(file)) <= LONGEST_SOCKET_PATH
    if run == source.parent / "run" and fits:
        return source
    # Every process of the house works in the run directory, so a path too long can be had through it.
    sock = file if fits else Path("/proc/self/cwd") / SOCKET
    text = source.read_text()
    text = text.replace(f"%(here)s/run/{SOCKET}", str(sock)).replace("%(here)s/run", str(run))
    text = text.replace("files=run/programs", "files=programs")
    write(run / "supervisord.conf", text.encode())
    return run / "supervisord.conf"


def launch(configuration: Path) -> None:
    """Start supervisord as a daemon; SupervisorError holds what it complains of."""
    done = subprocess.run(
        [str(interpreter()), "-P", "-m", "supervisor.supervisord", "-c", str(configuration)],
        umask=0o077,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )
    if done.returncode != 0:
        raise SupervisorError(f"supervisord did not start: {done.stdout.strip()}")


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
