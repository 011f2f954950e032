"""A house of several hosts for tests: each host is a network namespace, with its own clock."""

import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.clock_shift import WallClock
from tests.support.house import PROJECT, TemporaryHouse
from tests.support.network import Network
from tests.support.patience import WAIT_SECONDS, Deadline
from tests.support.reaper import kill_all

TWO = """
[house]
name = "House of two"
watchdog = "60s"

[recorder]
enabled = false

[devices.bathroom_light]
kind = "light_switch"
driver = "simulated"
host = "hall"

[devices.hall_lamp]
kind = "lamp"
driver = "simulated"
host = "hall"

[[devices.hall_lamp.when]]
device = "bathroom_light"
turns = { status = true }
do = "on"

[[devices.hall_lamp.when]]
device = "bathroom_light"
turns = { status = false }
do = "off"

[[devices.hall_lamp.when]]
device = "kitchen_switch"
turns = { status = true }
do = "on"

[devices.hall_mirror]
kind = "mirror"
port = 0
host = "hall"

[devices.kitchen_mirror]
kind = "mirror"
port = 0
host = "kitchen"

[devices.kitchen_switch]
kind = "light_switch"
driver = "simulated"
host = "kitchen"

[devices.toaster]
kind = "toaster"
driver = "simulated"
simulated.speed = 60
host = "kitchen"

[[devices.toaster.when]]
device = "bathroom_light"
turns = { status = true }
do = "start"

[devices.tally]
name = "Counts presses that are at most a minute old"
kind = "light_switch"
driver = "simulated"
host = "kitchen"

[[devices.tally.when]]
device = "bathroom_light"
turns = { status = true }
do = "press"

[[devices.tally.when]]
device = "bathroom_light"
turns = { status = false }
do = "press"

[[devices.tally.when]]
device = "kitchen_switch"
turns = { status = true }
do = "press"

[devices.hasty]
name = "Counts presses that are at most three seconds old"
kind = "light_switch"
driver = "simulated"
host = "kitchen"
grace = "3s"

[[devices.hasty.when]]
device = "bathroom_light"
turns = { status = true }
do = "press"

[[devices.hasty.when]]
device = "bathroom_light"
turns = { status = false }
do = "press"
"""
"""A press of a light in the hall starts the toaster in the kitchen, which takes two seconds."""

THREE = (
    TWO
    + """
[devices.attic_lamp]
kind = "lamp"
driver = "simulated"
host = "attic"

[[devices.attic_lamp.when]]
device = "bathroom_light"
turns = { status = true }
do = "on"

[[devices.attic_lamp.when]]
device = "kitchen_switch"
turns = { status = true }
do = "off"

[devices.attic_mirror]
kind = "mirror"
port = 0
host = "attic"
"""
)
"""The same with a third host: a lamp in the attic follows both other hosts."""


class HostMonitor:
    """The messages on one host, as `house watch --json` prints them there."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Read the output of the process, which nothing else may read."""
        self.states: dict[str, dict[str, Any]] = {}
        """The latest state of each device; `received` is its arrival time in monotonic seconds."""
        self.reports: dict[str, dict[str, Any]] = {}
        """The latest report on each process, by the steward or the exchange."""
        self.beats: dict[str, dict[str, Any]] = {}
        self.all: list[dict[str, Any]] = []
        self._output, process.stdout = process.stdout, None
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._output is not None
        with self._output:
            for line in self._output:
                self._handle(line)

    def _handle(self, line: str) -> None:
        received = {"received": time.monotonic(), **json.loads(line)}
        kind = received["topic"].split("/")[1]
        table = {"state": self.states, "process": self.reports}.get(kind, self.beats)
        with self._changed:
            table[received["device"]] = received
            if table is not self.beats:
                self.all.append(received)
            self._changed.notify_all()

    def until(self, holds: Callable[["HostMonitor"], Any], seconds: float = WAIT_SECONDS) -> float:
        """Wait until a condition is met, and return the elapsed seconds; fail after the bound."""
        began = time.monotonic()
        with self._changed:
            deadline = Deadline(seconds)
            while not self._changed.wait_for(lambda: holds(self), max(0.0, deadline.left())):
                assert deadline.left() > 0, f"{deadline}; received {self.states}, {self.reports}"
        return time.monotonic() - began

    def next_beat(self, name: str) -> None:
        """Wait for a device's next heartbeat."""
        before = self.beats[name]["at"]  # each new subscription receives the last heartbeat again
        self.until(lambda monitor: monitor.beats[name]["at"] != before)

    def shows(self, name: str, **fields: Any) -> bool:
        """Return whether the latest state of a device has these fields."""
        state = self.states.get(name, {}).get("state", {})
        return bool(state) and all(state.get(key) == value for key, value in fields.items())

    def followed_at(self, name: str, cause: str) -> float:
        """Return when the first state of a device with this cause arrived (monotonic seconds), or 0.0."""
        found = (it for it in self.all if it["device"] == name and it.get("cause") == cause)
        return next((it["received"] for it in found if it.get("turned")), 0.0)

    def life(self, name: str) -> str | None:
        """Return the field `life` of the latest report on a process."""
        found: str | None = self.reports.get(name, {}).get("life")
        return found


class CommandSender:
    """Sends commands on one host, without starting a process for each."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def send(self, device: str, command: str) -> dict[str, Any]:
        """Send a command, and return its receipt."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(device, command, file=self._process.stdin, flush=True)
        receipt: dict[str, Any] = json.loads(self._process.stdout.readline())
        return receipt


class Hosts:
    """The hosts of one house, by name."""

    def __init__(
        self,
        network: Network,
        make: Callable[..., TemporaryHouse],
        folder: Path,
        toml: str,
        names: Sequence[str],
        clocks: dict[str, float] | None = None,
    ) -> None:
        """`clocks` has the initial error in seconds of each wrong clock; a test can change it later."""
        self.network = network
        self.houses: dict[str, TemporaryHouse] = {}
        self.clocks = {
            name: WallClock(folder / name / "clock", seconds) for name, seconds in (clocks or {}).items()
        }
        self._names = names
        for name in names:
            command_prefix = network.add(name).command_prefix
            more = self.clocks[name].environment if name in self.clocks else {}
            self.houses[name] = make(toml, name, command_prefix=command_prefix, environment=more)
        self.each(lambda name: self.houses[name].house("keys", "own"))
        self.tables = "".join(
            f'\n[hosts.{name}]\naddress = "{network.ports[name].address}"\n'
            f'public_key = "{self.houses[name].house("keys", "own").stdout.strip()}"\n'
            for name in names
        )
        self.write(toml)

    def __getitem__(self, name: str) -> TemporaryHouse:
        return self.houses[name]

    def write(self, toml: str, *names: str) -> None:
        """Write the configuration on each host."""
        for name in names or self._names:
            self.houses[name].config.write_text(toml + self.tables)

    def each(self, do: Callable[[str], Any]) -> None:
        """Call a function for all hosts at once."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(do, self._names))

    def up(self, *names: str) -> None:
        """Start the house on each of its hosts."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: self[name].house("--host", name, "up"), names or self._names))

    @contextmanager
    def monitor(self, name: str) -> Iterator[HostMonitor]:
        """Run `house watch` on a host, and yield a monitor of its messages."""
        with self[name].house_running("watch", "--json") as process:
            yield HostMonitor(process)

    @contextmanager
    def command_sender(self, name: str) -> Iterator[CommandSender]:
        """Run a sender of commands on a host."""
        house = self[name]
        with subprocess.Popen(
            [*house.command_prefix, sys.executable, "-m", "tests.support.sender"],
            env=house.environment,
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            yield CommandSender(process)

    def wait_until_connected(self, monitor: HostMonitor) -> float:
        """Wait until each device of every host has published its state on this host; return the seconds."""
        devices = self[self._names[0]].config.read_text()
        names = re.findall(r"^\[devices\.(\w+)\]$", devices, re.MULTILINE)
        return monitor.until(
            lambda monitor: all(
                name in monitor.states
                and name in monitor.beats
                and monitor.reports.get(name, {}).get("life", "running") == "running"
                for name in names
            )
        )

    def count_actions(self, host: str, device: str) -> Counter[str]:
        """Return how often a device has acted on each press, according to its log."""
        return Counter(
            re.findall(r" INFO +\w+: is (?:on|off|toasting) \[(\S+)\]$", self.log(host, device), re.MULTILINE)
        )

    def log(self, host: str, device: str) -> str:
        """Return a device's log; empty while there is none."""
        path = self[host].run / "log" / f"{device}.log"
        return path.read_text() if path.exists() else ""

    def count_starts(self, host: str, device: str) -> Counter[str]:
        """Return how often the hardware was switched on for each press, by the hardware's own log."""
        return Counter(str(line.cause) for line in self[host].switchings(device) if line.what == "on")

    def power_off(self, name: str) -> None:
        """Cut the power of a host: its network and all its processes end at once."""
        self.network.remove(name)
        while kill_all(str(self[name].run)):
            time.sleep(0.01)

    def power_on(self, name: str) -> None:
        """Start the host again, with the files on its disk."""
        self[name].command_prefix = self.network.add(name).command_prefix
        self.up(name)
