"""A real house in a temporary directory: run the `house` command, and read what its processes publish."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import zmq

from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, Heartbeat, Report, State
from daemons.bus.requests.blocking import BlockingConnection
from daemons.bus.sockets import Subscriber, connect_commands
from daemons.drivers.physics.relay import Switching
from daemons.drivers.simulated import read_switchings
from tests.support import command_server
from tests.support.patience import WAIT_SECONDS, Deadline, patience

HOUSE = [sys.executable, "-m", "daemons.cli.main"]
PROJECT = Path(__file__).parent.parent.parent
SHIPPED = (PROJECT / "config" / "house.toml").read_text()
BREAKFAST = (
    SHIPPED.replace("speed = 15", "speed = 60")
    .replace("[house]", '[house]\nwatchdog = "60s"')
    .replace('kind = "mirror"', 'kind = "mirror"\nport = 0')
)
"""The shipped house, four times as fast: coffee takes four seconds, toast two.

Its watchdog is long, so that a test can freeze a process. Its page binds a free port.
"""
HouseFactory = Callable[..., "TemporaryHouse"]
"""The type of the fixture `make_house`."""
READY_VERBS = ("up", "reload", "restart", "start")
"""The verbs of `house` that wait until the devices are ready."""
LONGEST_TIMEOUT_SECONDS = 300.0
"""The longest `--timeout` that the verbs of `house` accept."""
FINISH_SECONDS = 1.0
"""How long one question to a device waits, before it is looked up whether the device runs."""


class TemporaryHouse:
    """One house: its configuration, its run directory, and the `house` command for them."""

    def __init__(
        self,
        folder: Path,
        toml: str = BREAKFAST,
        *,
        prefork: bool = True,
        command_prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        forks_supervisord: bool = False,
    ) -> None:
        """Write the configuration of a house that has never been up.

        Without `prefork`, stock supervisord starts each process by execve. `command_prefix` are words
        before each command: they run it on another host. `environment` is added to the usual one. With
        `forks_supervisord`, supervisord is a fork of a process that has imported everything: it starts
        sooner, and is no measure of a real one.
        """
        self._forks_supervisord = forks_supervisord
        self.command_prefix, self.extra_environment = command_prefix, environment or {}
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
        """Return the environment of its commands; it names the files of this house."""
        own = {"RUN": self.run, "CONFIG": self.config, "SUPERVISORD": self.supervisord}
        files = {f"HOUSE_{key}": str(path) for key, path in own.items()}
        return {**os.environ, **files, "NO_COLOR": "1", **self.extra_environment}

    def house(
        self, *words: str, check: bool = True, timeout_seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a `house` command to its end; a verb that waits for devices gets a long timeout."""
        timeout_seconds = patience(timeout_seconds)
        has_timeout = words[0] not in READY_VERBS or "--timeout" in words
        timeout = () if has_timeout else ("--timeout", verb_timeout())
        if self.command_prefix or self.extra_environment:
            done = subprocess.run(
                [*self.command_prefix, *HOUSE, *words, *timeout],
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=timeout_seconds,
                check=False,
            )
        else:
            done = command_server.run(
                [*words, *timeout],
                self.environment,
                timeout_seconds,
                forks_supervisord=self._forks_supervisord,
            )
        if check and done.returncode != 0:
            raise AssertionError(f"house {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    @contextmanager
    def house_running(self, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """Run a `house` command until the end of the block, and interrupt it then."""
        command = [*self.command_prefix, *HOUSE, *words]
        environment = {**self.environment, "PYTHONFAULTHANDLER": "1"}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=patience())
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)  # it writes its stacks, and ends
                process.wait(patience())
                raise

    def status(self) -> dict[str, Any]:
        """Return the document that `house status --json` prints."""
        found: dict[str, Any] = json.loads(self.house("status", "--json").stdout)
        return found

    def pids(self) -> dict[str, int]:
        """Return the PID of each device."""
        return {name: device["process"]["pid"] for name, device in self.status()["devices"].items()}

    def process(self, name: str) -> int | None:
        """Return the PID in the lock of a process on this host, or None while it does not run."""
        try:
            pid = int((self.run / "lock" / name).read_text())
            return pid if Path(f"/proc/{pid}/cwd").readlink() == self.run else None
        except (OSError, ValueError):
            return None

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to the process of a device, and return its PID."""
        pid = self.pids()[name]
        os.kill(pid, number)
        return pid

    def send(self, name: str, command: str, *args: str) -> dict[str, Any]:
        """Send a command, and return its receipt; without `--timeout` in `args` the deadline is far."""
        done = self.house("send", "--timeout", verb_timeout(), name, command, *args, "--json", check=False)
        receipt: dict[str, Any] = json.loads(done.stdout)
        return receipt

    def switchings(self, name: str) -> list[Switching]:
        """Return each switching of a device, as its simulated hardware recorded it."""
        self._finish(name)
        path = self.run / "hardware" / name / "switchings.jsonl"
        return read_switchings(path)[0] if path.exists() else []

    def _finish(self, name: str) -> None:
        """Wait until a device that answers has set its hardware.

        A receipt is sent before that. But the hardware is set before the next command is handled, here one
        with a past deadline, which changes nothing.
        """
        deadline = Deadline()
        while self.runs(name) and not self._answers(name):
            assert deadline.left() > 0, f"{deadline}: {name} answers no command"

    def runs(self, name: str) -> bool:
        """Return whether the process of a device is there, and not stopped by a signal."""
        try:
            stat = Path(f"/proc/{self.process(name)}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] not in ("T", "t", "Z")

    def _answers(self, name: str) -> bool:
        """Send a device a command that changes nothing, and return whether it sends the receipt."""
        command = Command(id=os.urandom(5).hex(), command="finish", deadline=1.0)
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        with chdir(self.run):
            connection = BlockingConnection(lambda: connect_commands(context, command_endpoint(name)))
            connection.send(command)
            receipt = connection.receive(command.id, time.monotonic() + FINISH_SECONDS)
        connection.close()
        context.term()
        return receipt is not None

    def log(self, name: str) -> str:
        """Return the log of a process."""
        return (self.run / "log" / f"{name}.log").read_text()

    def last_log_lines(self, number: int = 20) -> str:
        """Return the last lines of the log of each process."""
        logs = sorted((self.run / "log").glob("*.log"))
        found = [(log.stem, log.read_text(errors="replace").splitlines()) for log in logs]
        return "\n".join(f"{name}: {line}" for name, lines in found for line in lines[-number:])

    @contextmanager
    def listen(self, *names: str) -> Iterator["Listener"]:
        """Subscribe to processes; meanwhile the run directory is the working directory."""
        before = Path.cwd()
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        os.chdir(self.run)
        try:
            yield Listener(Subscriber(context, list(names), logging.getLogger("test")))
        finally:
            os.chdir(before)
            context.destroy(linger=0)


class Listener:
    """A subscriber of some processes, with the latest messages of each."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self.states: dict[str, State] = {}
        self.all_states: list[State] = []
        """All states of all processes, in the order of their arrival."""
        self.heartbeats: dict[str, Heartbeat] = {}
        self.reports: dict[str, Report] = {}

    def wait_for(self, met: Callable[["Listener"], Any], timeout_seconds: float = WAIT_SECONDS) -> "Listener":
        """Receive messages until a condition is met; fail after the timeout."""
        deadline = Deadline(timeout_seconds)
        while not met(self):
            left = deadline.left()
            if left <= 0:
                raise AssertionError(f"{deadline}; received {self.states}")
            self.receive(left)
        return self

    def receive(self, seconds: float) -> bool:
        """Receive the messages that are there, or the next one within a time; return False without any."""
        if not self._subscriber.socket.poll(int(seconds * 1000) + 1):
            return False
        for message in self._subscriber.receive():
            if isinstance(message, State):
                self.states[message.device] = message
                self.all_states.append(message)
            elif isinstance(message, Heartbeat):
                self.heartbeats[message.device] = message
            else:
                self.reports[message.device] = message
        return True

    def kill(self, name: str) -> float:
        """Kill a process, and return the seconds until its successor sent a state and a heartbeat."""
        self.wait_for(lambda listener: name in listener.states and name in listener.heartbeats)
        before, began = self.heartbeats[name], time.monotonic()
        os.kill(before.pid, signal.SIGKILL)
        self.wait_for(
            lambda listener: min(listener.states[name].boot, listener.heartbeats[name].boot) > before.boot
        )
        assert self.heartbeats[name].pid != before.pid
        return time.monotonic() - began

    def has_state(self, name: str, **fields: Any) -> bool:
        """Return whether the latest state of a device has these fields."""
        state = self.states.get(name)
        return state is not None and all(state.state.get(key) == value for key, value in fields.items())


def verb_timeout() -> str:
    """Return a `--timeout` that only a broken house exceeds."""
    return f"{min(patience(), LONGEST_TIMEOUT_SECONDS):g}"


def eventually(met: Callable[[], Any], timeout_seconds: float = WAIT_SECONDS) -> Any:
    """Poll a condition that sends no event until it is true, and return its value; fail after the timeout."""
    deadline = Deadline(timeout_seconds)
    while not (value := met()):
        assert deadline.left() > 0, str(deadline)
        time.sleep(0.01)
    return value
