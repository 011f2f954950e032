"""Break a running house on purpose, again and again, and see whether it keeps its promises.

Each round makes the house calm, presses a switch, and meanwhile kills, freezes, restarts,
reloads and floods processes at random. The same seed repeats the same round.
"""

import logging
import os
import random
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import zmq

from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import STEWARD, Command, Heartbeat, Receipt, State
from daemons.bus.requests.blocking import BlockingConnection
from daemons.bus.requests.protocol import new_command
from daemons.bus.sockets import Subscriber, connect_commands
from daemons.cli.drill_report import BACK_SECONDS, DrillPress, DrillReport, OnTime
from daemons.config.check import check
from daemons.config.house import House
from daemons.drivers.simulated import Switching, read_switchings
from daemons.errors import DeviceError, HouseError
from daemons.processes.steward.watched import START_FACTOR
from daemons.storage.paths import stopped_path
from daemons.supervision import operations
from daemons.supervision.supervisord import Supervisor

PATIENCE_SECONDS = 5.0
RESEND_SECONDS = 0.25
"""How soon a command without an answer is sent again, with the same id."""
POLL_SECONDS = 0.005
"""How often a condition is checked while nothing arrives."""
FAULTS = {"kill": 10, "freeze": 4, "restart": 2, "flood": 2, "reload": 1, "hang": 0.3}
"""How often each fault is drawn."""
LONGEST_WATCHDOG_SECONDS = 10.0
"""Above this, no process is made to hang: it would take too long until that is seen."""


class HardwareLog:
    """What simulated hardware has recorded of itself; each read continues where the last one ended."""

    def __init__(self, names: list[str]) -> None:
        self.lines: dict[str, list[Switching]] = {name: [] for name in names}
        self._offsets = dict.fromkeys(names, 0)

    def read(self, name: str) -> list[Switching]:
        """Return every switching of a device until now."""
        path = Path("hardware") / name / "switchings.jsonl"
        if path.exists():
            new, self._offsets[name] = read_switchings(path, self._offsets[name])
            self.lines[name] += new
        return self.lines[name]


class Drill:
    """One drill in one running house."""

    def __init__(self, house: House, run: Path, seed: int) -> None:
        """Listen to everybody; HouseError when there is no switch to press."""
        self._house = house
        self._run = run
        self._random = random.Random(seed)  # noqa: S311  it shall be repeatable
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._supervisor = Supervisor()
        self._names = [name for name in house.slices() if not stopped_path(name).exists()]
        self._subscriber = Subscriber(self._context, self._names, logging.getLogger("drill"))
        self._states: dict[str, State] = {}
        self._beats: dict[str, Heartbeat] = {}
        self._triggered_devices = {
            name: tuple(other for other in found if other in self._names)
            for name in self._names
            if (found := triggered_devices(house, name))
        }
        self._presses: list[DrillPress] = []
        watchdog = house.settings.watchdog_seconds
        self._faults = {
            fault: often
            for fault, often in FAULTS.items()
            if fault != "hang" or watchdog <= LONGEST_WATCHDOG_SECONDS
        }
        # A process that hangs before its first word has more time than others.
        self._hang_limit = BACK_SECONDS + watchdog * START_FACTOR
        self._report = DrillReport(seed=seed)
        self._hardware_log = HardwareLog(list(house.devices))
        self._reloaded = False
        if not self._triggered_devices:
            raise HouseError("a drill needs a switch that something listens to, and this house has none")

    def run(self, seconds: float, progress: Callable[[float], None]) -> DrillReport:
        """Drill for so long; the house is left as it was found, calm."""
        began, wall = time.monotonic(), time.time()
        for name, device in self._house.devices.items():
            if getattr(device.options, "max_on_seconds", None) is not None:
                self._report.hot[name] = OnTime(0.0, device.options.max_on_seconds)
        self._supervisor.processes()  # a house that is not up says so
        try:
            self._wait(lambda: all(name in self._beats for name in self._names), PATIENCE_SECONDS)
            while (spent := time.monotonic() - began) < seconds:
                progress(spent)
                self._round()
            self._switch_all_off()
        finally:
            if self._reloaded:
                operations.reload(self._house, self._run, PATIENCE_SECONDS, lambda _done, _of: None)
            self._context.destroy(linger=0)
        self._report.seconds = time.monotonic() - began
        self._report.evaluate(
            self._presses, {name: self._hardware_log.read(name) for name in self._house.devices}, wall
        )
        return self._report

    def _round(self) -> None:
        """Press once, with up to three faults around it."""
        self._switch_all_off()
        switch = self._random.choice(sorted(self._triggered_devices))
        faults = sorted(
            (
                self._random.uniform(-0.05, 0.25),
                self._random.choices([*self._faults], [*self._faults.values()])[0],
            )
            for _ in range(self._random.randrange(4))
        )
        before = {name: self._beats[name].pid for name in self._names}
        touched: set[str] = set()
        for _, fault in [found for found in faults if found[0] < 0]:
            touched |= self._inject_fault(fault)
        command = new_command("on", PATIENCE_SECONDS)
        connection = self._send(switch, command)
        pressed = time.monotonic()
        for offset, fault in [found for found in faults if found[0] >= 0]:
            self._wait(lambda at=pressed + offset: time.monotonic() >= at, PATIENCE_SECONDS)  # type: ignore[misc]
            touched |= self._inject_fault(fault)
        receipt = self._receive(command, connection)
        press = DrillPress(
            command.id, receipt.outcome if receipt else "unanswered", self._triggered_devices[switch]
        )
        self._presses.append(press)
        if receipt is None:
            self._report.broken.append(f"{switch} never answered press {command.id}")
        acted = self._wait(
            lambda: all(
                command.id in {line.cause for line in self._hardware_log.read(name)[-8:]}
                for name in press.triggered_devices
            ),
            PATIENCE_SECONDS,
        )
        if acted is not None:
            self._check_shown_states()
        after = {name: self._beats[name].pid for name in self._names}
        for name in self._names:
            if before[name] != after[name] and name not in touched:
                self._report.broken.append(f"{name} is another process, although nothing had touched it")

    def _switch_all_off(self) -> None:
        """Wait until all hardware reports that it is off, and every process lives."""
        for name in self._names:
            self._wait_until_back(name)
        for name, device in self._house.devices.items():
            words = [word.__name__.lower() for word in device.kind.commands]
            off = next((word for word in ("stop", "off") if word in words), None)
            lines = self._hardware_log.read(name)
            if name in self._names and off and lines and lines[-1].on:
                self._send_and_wait(name, off)

    def _inject_fault(self, fault: str) -> set[str]:
        """Do one harm to one process; return the processes that it may touch, once they are back."""
        name = self._random.choice(self._names)
        boot, pid = self._beats[name].boot, self._beats[name].pid
        began = time.monotonic()
        limit = BACK_SECONDS
        match fault:
            case "kill":
                os.kill(pid, signal.SIGKILL)
            case "freeze":
                os.kill(pid, signal.SIGSTOP)
                end = began + self._random.uniform(0.02, 0.4)
                self._wait(lambda: time.monotonic() >= end, PATIENCE_SECONDS)
                os.kill(pid, signal.SIGCONT)
                began = time.monotonic()
                self._beats.pop(name)
                self._subscriber.resubscribe(name)
            case "hang":
                name = self._random.choice([other for other in self._names if other != STEWARD])
                boot, pid = self._beats[name].boot, self._beats[name].pid
                os.kill(pid, signal.SIGSTOP)
                limit = self._hang_limit
            case "restart":
                self._supervisor.stop([name])
                self._supervisor.start([name])
            case "flood":
                self._flood(name)
                return set()
            case "reload":
                return self._reload()
        again = self._wait(
            lambda: (
                name in self._beats
                and (fault == "freeze" or min(self._beats[name].boot, self._boot(name)) > boot)
            ),
            limit,
        )
        self._report.add_recovery(fault, name, time.monotonic() - began if again is not None else None, limit)
        return {name}

    def _reload(self) -> set[str]:
        """Change the friendly name of one device, which restarts only it and the mirror."""
        name = self._random.choice(sorted(self._house.own))
        raw = msgspec.json.decode(msgspec.json.encode(self._house.raw))
        raw["devices"][name]["name"] = f"Drilled {self._random.randrange(1000)}"
        checked = check(raw, [])
        if checked is None:
            return set()
        settings, devices, hosts = checked
        text, host = self._house.text, self._house.host
        other = House(settings=settings, devices=devices, hosts=hosts, raw=raw, text=text, host=host)
        began = time.monotonic()
        self._reloaded = True
        changes = operations.reload(other, self._run, BACK_SECONDS, lambda _done, _of: None)
        self._report.add_recovery("reload", name, time.monotonic() - began)
        for change in changes:
            self._beats.pop(change.name, None)
            self._wait_until_back(change.name)
        return {change.name for change in changes}

    def _flood(self, name: str) -> None:
        """Throw what is no message at one device's sockets."""
        dealer = connect_commands(self._context, command_endpoint(name))
        for _ in range(50):
            parts = [
                self._random.randbytes(self._random.randrange(100))
                for _ in range(self._random.randrange(1, 4))
            ]
            dealer.send_multipart(parts, zmq.NOBLOCK)
        dealer.close()
        for path in (Path("bus") / f"{name}.command", Path("bus") / f"{name}.publish"):
            with socket.socket(socket.AF_UNIX) as stranger:
                try:
                    stranger.connect(str(path))
                    stranger.sendall(self._random.randbytes(300))
                except OSError:
                    continue  # it is being restarted at this moment
        self._report.recoveries.setdefault("flood", []).append(0.0)

    def _check_shown_states(self) -> None:
        """See whether what is shown as live is what the hardware is, as soon as all have been heard."""
        for name, device in self._house.devices.items():
            if name not in self._names or device.driver is None:
                continue
            self._wait_until_back(name)

            def agrees(name: str = name) -> bool:
                lines = self._hardware_log.read(name)
                shown = self._states[name].state.get("status")
                return shown == (bool(lines) and lines[-1].on)

            if self._wait(agrees, PATIENCE_SECONDS) is None:
                self._report.live_but_wrong += 1
                self._report.broken.append(f"{name} is shown as live, and the hardware is not what it says")

    # How

    def _wait_until_back(self, name: str) -> None:
        if (
            self._wait(
                lambda: name in self._beats and self._boot(name) == self._beats[name].boot, self._hang_limit
            )
            is None
        ):
            raise DeviceError(name, f"is not back after {self._hang_limit:g} s; the drill ends here")

    def _boot(self, name: str) -> int:
        return self._states[name].boot if name in self._states else 0

    def _send_and_wait(self, name: str, word: str) -> Receipt | None:
        command = new_command(word, PATIENCE_SECONDS)
        return self._receive(command, self._send(name, command))

    def _send(self, name: str, command: Command) -> BlockingConnection:
        """Send a command, and return the connection on which its receipt comes."""
        connection = BlockingConnection(
            lambda: connect_commands(self._context, command_endpoint(name)),
            lambda error: self._report.broken.append(f"{name} sent an invalid receipt: {error}"),
        )
        connection.send(command)
        return connection

    def _receive(self, command: Command, connection: BlockingConnection) -> Receipt | None:
        """Wait for a receipt; without one, send the command again, as it has the same id."""
        end = time.monotonic() + PATIENCE_SECONDS
        receipt = None
        while receipt is None and time.monotonic() < end:
            receipt = connection.receive(command.id, time.monotonic() + RESEND_SECONDS)
            if receipt is None:
                connection.reconnect()
                connection.send(command)
        connection.close()
        self._report.add_receipt(receipt.outcome if receipt else "unanswered")
        return receipt

    def _wait(self, holds: Callable[[], Any], seconds: float) -> float | None:
        """Receive messages until a condition holds; return the seconds that took, or None if it never did."""
        began = time.monotonic()
        if holds():
            return 0.0
        for messages in self._subscriber.receive_until(began + seconds, POLL_SECONDS):
            for message in messages:
                if isinstance(message, State):
                    self._states[message.device] = message
                elif isinstance(message, Heartbeat):
                    self._beats[message.device] = message
            if holds():
                return time.monotonic() - began
        return None


def triggered_devices(house: House, switch: str) -> tuple[str, ...]:
    """Name what goes on when a switch goes on: the devices whose rules say so, whatever the hour."""
    device = house.devices.get(switch)
    if device is None or "on" not in {word.__name__.lower() for word in device.kind.commands}:
        return ()
    found = [
        name
        for name, other in house.devices.items()
        for rule in other.rules
        if rule.device == switch
        and rule.turns == {"status": True}
        and rule.do in ("on", "start")
        and not (rule.between or rule.days or rule.cooldown_seconds or rule.delay_seconds)
    ]
    return (switch, *found) if found else ()


def real_hardware(house: House) -> list[str]:
    """Name the devices behind which something in the real world moves."""
    return [name for name, device in house.devices.items() if device.driver and device.driver.real]
