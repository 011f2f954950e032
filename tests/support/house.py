"""A real house in a temporary directory, for tests: what a person does, and what can be seen of it."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zmq

from daemons.bus.message import Heartbeat, Report, State
from daemons.bus.sockets import Subscriber
from daemons.drivers.simulated import Switching, read_switchings

HOUSE = [sys.executable, "-m", "daemons.cli.main"]
PROJECT = Path(__file__).parent.parent.parent
SHIPPED = (PROJECT / "config" / "house.toml").read_text()
BREAKFAST = (
    SHIPPED.replace("speed = 15", "speed = 60")
    .replace("[house]", '[house]\nwatchdog = "60s"')
    .replace('kind = "mirror"', 'kind = "mirror"\nport = 0')
)
"""The shipped house, four times as fast: coffee in four seconds, toast in two; it lets a test freeze
a process for a while, and its page takes a free port."""
PATIENCE = 30.0
"""How long anything may take before a test gives up; nothing waits that long unless it is broken."""
PATIENT = ("up", "reload", "restart", "start")
"""The verbs that wait until devices are ready."""
SEND_SECONDS = 20.0


class Household:
    """One house: its configuration, its run directory, and the `house` command on them."""

    def __init__(
        self,
        folder: Path,
        toml: str = BREAKFAST,
        *,
        prefork: bool = True,
        inside: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Without the prefork plugin stock supervisord starts every process by execve.

        `inside` are words before each command, which have it run elsewhere; `environment` is what
        its processes find there beside the usual.
        """
        self.inside, self.more = inside, environment or {}
        self.run = folder / "run"
        self.config = folder / "house.toml"
        self.supervisord = folder / "supervisord.conf"
        folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(toml)
        conf = (PROJECT / "supervisord.conf").read_text()
        section = re.compile(r"\[rpcinterface:prefork\]\n.*\n")
        self.supervisord.write_text(conf if prefork else section.sub("", conf))
        assert prefork == bool(section.search(self.supervisord.read_text()))

    @property
    def environment(self) -> dict[str, str]:
        """What its processes can be known by."""
        own = {"RUN": self.run, "CONFIG": self.config, "SUPERVISORD": self.supervisord}
        places = {f"HOUSE_{key}": str(path) for key, path in own.items()}
        return {**os.environ, **places, "NO_COLOR": "1", **self.more}

    def house(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the `house` command to its end; on a busy machine, what waits for devices has time."""
        patience = ("--timeout", f"{PATIENCE:g}") if words[0] in PATIENT and "--timeout" not in words else ()
        command = [*self.inside, *HOUSE, *words, *patience]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        if check and done.returncode != 0:
            raise AssertionError(f"house {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    @contextmanager
    def house_running(self, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """Run a `house` command that does not end by itself."""
        command = [*self.inside, *HOUSE, *words]
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE)

    def status(self) -> dict[str, Any]:
        """Give `house status --json`."""
        found: dict[str, Any] = json.loads(self.house("status", "--json").stdout)
        return found

    def pids(self) -> dict[str, int]:
        """Give each device's PID."""
        return {name: device["process"]["pid"] for name, device in self.status()["devices"].items()}

    def process(self, name: str) -> int | None:
        """Give the PID of a process on this host, as its lock tells; nothing while there is none."""
        try:
            pid = int((self.run / "lock" / name).read_text())
            return pid if Path(f"/proc/{pid}/cwd").readlink() == self.run else None
        except (OSError, ValueError):
            return None

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a device's process a signal; give the PID that it had."""
        pid = self.pids()[name]
        os.kill(pid, number)
        return pid

    def send(self, name: str, command: str, *args: str) -> dict[str, Any]:
        """Send a command; give the receipt. It has time, unless `args` say how much."""
        patience = f"{SEND_SECONDS:g}"
        done = self.house("send", "--timeout", patience, name, command, *args, "--json", check=False)
        receipt: dict[str, Any] = json.loads(done.stdout)
        return receipt

    def witness(self, name: str) -> list[Switching]:
        """Give every switching of a device's hardware, as the hardware itself recorded it."""
        path = self.run / "hardware" / name / "switchings.jsonl"
        return read_switchings(path)[0] if path.exists() else []

    def log(self, name: str) -> str:
        """Give a process's log."""
        return (self.run / "log" / f"{name}.log").read_text()

    @contextmanager
    def ear(self, *names: str) -> Iterator["Ear"]:
        """Listen to devices."""
        before = Path.cwd()
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        os.chdir(self.run)
        try:
            yield Ear(Subscriber(context, list(names), logging.getLogger("test")))
        finally:
            os.chdir(before)
            context.destroy(linger=0)


class Ear:
    """What is heard of a house; the latest of each device."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self.states: dict[str, State] = {}
        self.beats: dict[str, Heartbeat] = {}
        self.reports: dict[str, Report] = {}

    def until(self, holds: Callable[["Ear"], Any], patience: float = PATIENCE) -> "Ear":
        """Listen until something holds of what was heard; fail when it never does."""
        end = time.monotonic() + patience
        while not holds(self):
            left = end - time.monotonic()
            if left <= 0 or not self._subscriber.socket.poll(int(left * 1000) + 1):
                raise AssertionError(f"not within {patience:g} s; heard {self.states}")
            for heard in self._subscriber.receive():
                if isinstance(heard, State):
                    self.states[heard.device] = heard
                elif isinstance(heard, Heartbeat):
                    self.beats[heard.device] = heard
                else:
                    self.reports[heard.device] = heard
        return self

    def kill(self, name: str) -> float:
        """Kill a process, and give the seconds until its successor's state and sign of life were heard."""
        self.until(lambda ear: name in ear.states and name in ear.beats)
        before, began = self.beats[name], time.monotonic()
        os.kill(before.pid, signal.SIGKILL)
        self.until(lambda ear: min(ear.states[name].boot, ear.beats[name].boot) > before.boot)
        assert self.beats[name].pid != before.pid
        return time.monotonic() - began

    def shows(self, name: str, **fields: Any) -> bool:
        """Tell whether a device was last heard with these fields."""
        state = self.states.get(name)
        return state is not None and all(state.state.get(key) == value for key, value in fields.items())


def eventually(holds: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Ask again and again until the answer is true, and give it; for what sends no event."""
    end = time.monotonic() + patience
    while not (answer := holds()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience:g} s")
        time.sleep(0.01)
    return answer
