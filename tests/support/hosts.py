"""A house of several hosts, for tests: each lives in a network namespace of its own, with its own clock."""

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
from tests.support.house import PATIENCE, PROJECT, Household
from tests.support.network import Wire
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
name = "Counts presses of a minute at the most"
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
name = "Counts presses of three seconds at the most"
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
"""The press of a light in the hall makes toast in the kitchen, in two seconds."""

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
"""And one in the attic hears both."""


class Watch:
    """What is heard on one host: what `house watch` prints there, as it comes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.states: dict[str, dict[str, Any]] = {}
        """The latest state of each device; `heard` is when it came, in monotonic seconds."""
        self.reports: dict[str, dict[str, Any]] = {}
        """Of each process, the latest word on it of whoever told it last."""
        self.beats: dict[str, dict[str, Any]] = {}
        self.all: list[dict[str, Any]] = []
        self._process = process
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            heard = {"heard": time.monotonic(), **json.loads(line)}
            kind = heard["topic"].split("/")[1]
            table = {"state": self.states, "process": self.reports}.get(kind, self.beats)
            with self._changed:
                table[heard["device"]] = heard
                if table is not self.beats:
                    self.all.append(heard)
                self._changed.notify_all()

    def until(self, holds: Callable[["Watch"], Any], patience: float = PATIENCE) -> float:
        """Listen until something holds; give the seconds that took."""
        began = time.monotonic()
        with self._changed:
            if not self._changed.wait_for(lambda: holds(self), patience):
                raise AssertionError(f"not within {patience:g} s; heard {self.states}, {self.reports}")
        return time.monotonic() - began

    def next_beat(self, name: str) -> None:
        """Wait for a device's next sign of life."""
        before = self.beats[name]["at"]  # it is said again to whoever newly listens
        self.until(lambda watch: watch.beats[name]["at"] != before)

    def shows(self, name: str, **fields: Any) -> bool:
        """Tell whether a device was last heard with these fields."""
        state = self.states.get(name, {}).get("state", {})
        return bool(state) and all(state.get(key) == value for key, value in fields.items())

    def heard(self, name: str, cause: str) -> float:
        """Say when (monotonic seconds) a device was first heard to have followed a press; 0.0: never."""
        found = (it for it in self.all if it["device"] == name and it.get("cause") == cause)
        return next((it["heard"] for it in found if it.get("turned")), 0.0)

    def life(self, name: str) -> str | None:
        """Say how a process lives, as it was told last."""
        found: str | None = self.reports.get(name, {}).get("life")
        return found


class Hand:
    """A hand on one host, that presses."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def send(self, device: str, command: str) -> dict[str, Any]:
        """Send a command; give the receipt."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(device, command, file=self._process.stdin, flush=True)
        receipt: dict[str, Any] = json.loads(self._process.stdout.readline())
        return receipt


class Hosts:
    """The hosts of one house, by their names."""

    def __init__(
        self,
        wire: Wire,
        make: Callable[..., Household],
        folder: Path,
        toml: str,
        names: Sequence[str],
        clocks: dict[str, float] | None = None,
    ) -> None:
        """`clocks` says whose clock is wrong from the start, by how many seconds; those can be set later."""
        self.wire = wire
        self.houses: dict[str, Household] = {}
        self.clocks = {
            name: WallClock(folder / name / "clock", seconds) for name, seconds in (clocks or {}).items()
        }
        self._names = names
        for name in names:
            inside = wire.add(name).inside
            more = self.clocks[name].environment if name in self.clocks else {}
            self.houses[name] = make(toml, name, inside=inside, environment=more)
        self.each(lambda name: self.houses[name].house("keys", "own"))
        self.tables = "".join(
            f'\n[hosts.{name}]\naddress = "{wire.ports[name].address}"\n'
            f'public_key = "{self.houses[name].house("keys", "own").stdout.strip()}"\n'
            for name in names
        )
        self.write(toml)

    def __getitem__(self, name: str) -> Household:
        return self.houses[name]

    def write(self, toml: str, *names: str) -> None:
        """Write the configuration on each host."""
        for name in names or self._names:
            self.houses[name].config.write_text(toml + self.tables)

    def each(self, do: Callable[[str], Any]) -> None:
        """Do something on all hosts at once."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(do, self._names))

    def up(self, *names: str) -> None:
        """Start the house on each of its hosts."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: self[name].house("--host", name, "up"), names or self._names))

    @contextmanager
    def watch(self, name: str) -> Iterator[Watch]:
        """Hear what is heard on a host, once each device of all reachable ones was."""
        with self[name].house_running("watch", "--json") as process:
            yield Watch(process)

    @contextmanager
    def hand(self, name: str) -> Iterator[Hand]:
        """Have a hand on a host."""
        house = self[name]
        with subprocess.Popen(
            [*house.inside, sys.executable, "-m", "tests.support.sender"],
            env=house.environment,
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            yield Hand(process)

    def together(self, watch: Watch) -> float:
        """Wait until every device is heard, also those elsewhere."""
        devices = self[self._names[0]].config.read_text()
        names = re.findall(r"^\[devices\.(\w+)\]$", devices, re.MULTILINE)
        return watch.until(
            lambda watch: all(
                name in watch.states
                and name in watch.beats
                and watch.reports.get(name, {}).get("life", "running") == "running"
                for name in names
            )
        )

    def acted(self, host: str, device: str) -> Counter[str]:
        """Count how often a device has acted on each press, as it wrote in its log."""
        return Counter(
            re.findall(r" INFO +\w+: is (?:on|off|toasting) \[(\S+)\]$", self.log(host, device), re.MULTILINE)
        )

    def log(self, host: str, device: str) -> str:
        """Give a device's log; nothing where there is none yet."""
        path = self[host].run / "log" / f"{device}.log"
        return path.read_text() if path.exists() else ""

    def starts(self, host: str, device: str) -> Counter[str]:
        """Count how often hardware was switched on for each press, as it wrote down itself."""
        return Counter(str(line.cause) for line in self[host].witness(device) if line.what == "on")

    def disappear(self, name: str) -> None:
        """Have a host lose its power."""
        self.wire.remove(name)
        while kill_all(str(self[name].run)):
            time.sleep(0.01)

    def reappear(self, name: str) -> None:
        """Have it back, as its disk has it."""
        self[name].inside = self.wire.add(name).inside
        self.up(name)
