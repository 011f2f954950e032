"""What the house shows from outside: its states, its boots, its memory, its deaths and its logs."""

import logging
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.fuzz.tally import PATIENCE
from bench.fuzz.target import FOREIGN, Target
from daemons.bus.message import Heartbeat, State
from daemons.bus.sockets import Subscriber
from daemons.cli.drill_monitor import HardwareLog
from daemons.errors import HouseError
from daemons.processes.mirror.page.memory_use import memory_use
from daemons.supervision.supervisord import PIDFILE, Supervisor

SUPERVISORD = "supervisord"
RECOVERY_SECONDS = 60.0
"""How long hardware that sends garbage may take to be reachable again."""
SERVICE_FIELDS = ("status", "phase", "fault", "dropped_rows", "address")
"""The fields of the house's own processes that are no measurements."""
DROPPED = re.compile(r"dropped a bad message on (.*?): .*?(?: \(and (\d+) before it\))?$", re.MULTILINE)


class StateMonitor:
    """Subscribes to every process of the house; keeps the latest states and heartbeats."""

    def __init__(self, target: Target) -> None:
        self.states: dict[str, State] = {}
        self.beats: dict[str, Heartbeat] = {}
        log = logging.getLogger("fuzz")
        log.addHandler(logging.NullHandler())  # it receives the impostor's messages, too
        log.propagate = False
        self._target = target
        self._subscriber = Subscriber(target.context, target.names, log)

    def receive(self, milliseconds: int = 0) -> None:
        """Receive all messages that have arrived; report the foreign device, if that is due."""
        self._target.report()
        self._subscriber.socket.poll(milliseconds)
        for received in self._subscriber.receive():
            if isinstance(received, State):
                self.states[received.device] = received
            elif isinstance(received, Heartbeat):
                self.beats[received.device] = received

    def until(self, holds: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
        """Receive until a condition holds."""
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                raise HouseError(f"not within {seconds:g} s: {what}")
            self.receive(20)

    def until_shows(self, name: str, status: bool) -> None:
        """Receive until a device is on, or off."""
        self.until(
            lambda: name in self.states and self.states[name].state["status"] is status,
            f"{name} {'on' if status else 'off'}",
        )


class Watch:
    """Reads what must not change while the house is fuzzed."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._hardware = HardwareLog(
            [name for name, device in target.devices.items() if device.driver and not device.driver.real]
        )
        self.start_monitor()

    def start_monitor(self) -> None:
        """Subscribe anew: a subscriber keeps what it has heard from the impostor."""
        self.monitor = StateMonitor(self._target)

    def visible_state(self) -> dict[str, Any]:
        """Return the parts that must not change: states without measurements, and the hardware's logs."""
        names, monitor = self._target.names, self.monitor
        monitor.until(lambda: len(monitor.states) == len(names), "a state of each process")
        with suppress(HouseError):  # the comparison shows what is not sound
            monitor.until(self._is_sound, "sound hardware and the report of its program", RECOVERY_SECONDS)
        for _ in range(10):
            monitor.receive(100)
        return {name: self._visible(monitor.states[name]) for name in names}

    def _is_sound(self) -> bool:
        if self.monitor.states[FOREIGN].state["status"]:
            return False
        states = (self.monitor.states[name].state for name in self._target.plugs)
        return all(state["reachable"] and state["confirmed"] and not state["fault"] for state in states)

    def _visible(self, state: State) -> tuple[Any, ...]:
        name, device = state.device, self._target.devices.get(state.device)
        if device is None:
            return ({key: state.state.get(key) for key in SERVICE_FIELDS},)
        fields = {k: v for k, v in state.state.items() if k not in device.kind.measurements()}
        if plug := self._target.plugs.get(name):  # it was unreachable meanwhile, and says so in `turned`
            return fields, tuple(plug.switchings)
        if name in self._hardware.lines:
            return fields, state.since, state.turned, state.cause, len(self._hardware.read(name))
        return (fields,)

    def boots(self) -> dict[str, int]:
        """Return the present boot of each process, from a new heartbeat."""
        monitor, names = self.monitor, self._target.processes
        monitor.beats.clear()
        monitor.until(lambda: monitor.beats.keys() >= set(names), "a heartbeat of each process")
        return {name: monitor.beats[name].boot for name in names}

    def memory(self) -> dict[str, float]:
        """Return the proportional set size in MB of each process and of supervisord."""
        time.sleep(1.5)
        processes = Supervisor().processes()
        pids = {name: processes[name]["pid"] for name in self._target.processes}
        pids[SUPERVISORD] = int(Path(PIDFILE).read_text())
        return {name: size / 1e6 for name, size in memory_use(pids).items()}

    def deaths(self) -> Counter[str]:
        """Return how often supervisord saw each process end."""
        text = "".join(path.read_text(errors="replace") for path in Path("log").glob(f"{SUPERVISORD}.log*"))
        ends = re.findall(r"exited: (\w+) |stopped: (\w+) ", text)
        return Counter(one or other for one, other in ends if (one or other) in self._target.processes)


def log_lines(name: str) -> str:
    """Return all log text of a process."""
    return "".join(path.read_text(errors="replace") for path in Path("log").glob(f"{name}.log*"))
