"""The faults of a drill: what each one does, how often it is chosen, and the parts that outlast a moment.

drill_injector.py injects them. What lasts until the end of a round stands here: busy loops, a disk on
which nothing can be written, hardware that misbehaves.
"""

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

LOOPS_PER_PROCESSOR = 8
BUSY_LOOP = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"
"""It ends with the drill, also if the drill is killed."""
FLOOD_CONNECTIONS = 20
DOOR_TIMEOUT_SECONDS = 0.5


class Fault(NamedTuple):
    """One fault: its relative probability, and its effect in a sentence."""

    weight: float
    effect: str


FAULTS = {
    "kill": Fault(10, "The process gets SIGKILL."),
    "freeze": Fault(4, "The process gets SIGSTOP, and SIGCONT within 0.4 s."),
    "hang": Fault(0.3, "The process gets SIGSTOP and no SIGCONT; the steward must detect it."),
    "restart": Fault(2, "The process is restarted, as by `house restart`."),
    "reload": Fault(1, "A reload gives one device another display name."),
    "flood": Fault(2, "Every door of the process receives invalid messages, frames and connections."),
    "full": Fault(1, "The process can write nothing, as on a full disk, until the end of the round."),
    "readonly": Fault(1, "The process is killed; the next one can write nothing until the end of the round."),
    "slow": Fault(0.5, "Simulated hardware switches one second late, until the end of the round."),
    "mute": Fault(0.5, "Simulated hardware neither obeys nor reports, until the end of the round."),
    "starve": Fault(0.5, "Eight busy loops a processor run until the end of the round."),
}
HARDWARE_FAULTS: dict[str, dict[str, Any]] = {
    "slow": {"fault": "slow", "lag": "1s"},
    "mute": {"fault": "hang"},
}
"""The options of the driver `simulated` for each fault of the hardware."""


class BusyLoops:
    """Processes that take the processors away from the house."""

    def __init__(self) -> None:
        self._loops: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the loops, unless they run."""
        number = LOOPS_PER_PROCESSOR * (os.cpu_count() or 1) - len(self._loops)
        self._loops += [subprocess.Popen([sys.executable, "-c", BUSY_LOOP]) for _ in range(number)]

    def stop(self) -> None:
        """End the loops."""
        while self._loops:
            process = self._loops.pop()
            process.kill()
            process.wait()


class UnwritableDisks:
    """Processes that can write to no file: each write fails, also to a file that is open (setrlimit(2)).

    The kernel refuses a write beyond the limit for the size of a file. A process inherits the limit from
    the process that starts it, so without another one it has the limit of supervisord.
    """

    def __init__(self, supervisord: int) -> None:
        """`supervisord` is the PID of the process that starts the others."""
        self._supervisord = supervisord
        self._limits = resource.prlimit(supervisord, resource.RLIMIT_FSIZE)

    def forbid(self, pid: int) -> None:
        """Make every write of a process fail, until `clear`; raises ProcessLookupError if it has ended."""
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, self._limits[1]))

    @contextmanager
    def forbid_new(self) -> Iterator[None]:
        """Make every write fail of the processes that supervisord starts in the meantime, until `clear`."""
        self.forbid(self._supervisord)
        try:
            yield
        finally:
            self.clear([self._supervisord])

    def clear(self, pids: Iterable[int]) -> None:
        """Restore the limit of these processes."""
        for pid in pids:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, self._limits)


def doors(name: str, state: dict[str, Any], gateway: tuple[str, int] | None) -> list[Path | tuple[str, int]]:
    """Return the addresses at which a process accepts connections.

    They are its two sockets on the bus, the page if its state has a URL, and the ports of `gateway`.
    """
    found: list[Path | tuple[str, int]] = [Path("bus") / f"{name}.command", Path("bus") / f"{name}.publish"]
    if url := str(state.get("url") or ""):
        host, _, port = url.removeprefix("http://").strip("/").rpartition(":")
        if port.isdigit():
            found.append((host.strip("[]"), int(port)))
    if gateway:
        found += [(gateway[0], gateway[1] + offset) for offset in range(3)]
    return found


def flood_door(address: Path | tuple[str, int], random: Random) -> None:
    """Open connections to an address, and send random bytes on each; a refused connection is no error."""
    for _ in range(FLOOD_CONNECTIONS):
        try:
            with connect(address) as client:
                client.sendall(random.randbytes(300))
        except OSError:
            continue  # the process restarts at this moment, or has shut the connection


def connect(address: Path | tuple[str, int]) -> socket.socket:
    """Connect to a Unix socket or to a TCP port; raises OSError."""
    if not isinstance(address, Path):
        return socket.create_connection(address, DOOR_TIMEOUT_SECONDS)
    client = socket.socket(socket.AF_UNIX)
    try:
        client.settimeout(DOOR_TIMEOUT_SECONDS)
        client.connect(str(address))
    except OSError:
        client.close()
        raise
    return client
