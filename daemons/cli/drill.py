"""Injects faults into a running house, and checks whether the house keeps its promises.

Each round switches everything off and presses a switch. Around the press, the round injects faults at
random; drill_faults.py has them. A round ends all its faults. The same seed repeats the same rounds.
"""

import logging
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import zmq

from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import EXCHANGE, STEWARD, Command, Heartbeat, Receipt, State
from daemons.bus.requests.blocking import BlockingConnection
from daemons.bus.requests.protocol import new_command
from daemons.bus.sockets import Subscriber, connect_commands
from daemons.cli.drill_faults import FAULTS, HARDWARE_FAULTS, BusyLoops, FullDisks, doors, flood_door
from daemons.cli.drill_report import BACK_SECONDS, DrillPress, DrillReport, OnTime
from daemons.config.check import check
from daemons.config.house import House
from daemons.drivers.simulated import Switching, read_switchings
from daemons.errors import DeviceError, HouseError
from daemons.processes.steward.watched import START_FACTOR
from daemons.storage.paths import stopped_path
from daemons.supervision import operations
from daemons.supervision.supervisord import Supervisor

PATIENCE_SECONDS = 20.0
"""How long the drill waits for a receipt or for a condition; a starved house is slow."""
RESEND_SECONDS = 0.25
"""After this time without a receipt, the command is sent again with the same id."""
POLL_SECONDS = 0.005
"""The interval between two checks of a condition while no message arrives."""
LONGEST_WATCHDOG_SECONDS = 10.0
"""With a longer watchdog, the drill injects no hang: its detection would take too long."""


class HardwareLog:
    """The recorded switchings of simulated hardware; each read continues where the last one ended."""

    def __init__(self, names: list[str]) -> None:
        self.lines: dict[str, list[Switching]] = {name: [] for name in names}
        self._offsets = dict.fromkeys(names, 0)

    def read(self, name: str) -> list[Switching]:
        """Return all switchings of a device until now."""
        path = Path("hardware") / name / "switchings.jsonl"
        if path.exists():
            new, self._offsets[name] = read_switchings(path, self._offsets[name])
            self.lines[name] += new
        return self.lines[name]


class Drill:
    """One drill in one running house."""

    def __init__(self, house: House, run: Path, seed: int) -> None:
        """Subscribe to every process that is not stopped; raises HouseError without a switch to press."""
        self._house = house
        self._run = run
        self._random = random.Random(seed)  # noqa: S311  the seed must repeat the drill
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
        self._simulated = [
            name
            for name in self._names
            if name in house.devices and (driver := house.devices[name].driver) and not driver.real
        ]
        possible = {"hang": watchdog <= LONGEST_WATCHDOG_SECONDS} | dict.fromkeys(
            HARDWARE_FAULTS, bool(self._simulated)
        )
        self._faults = {fault: found.weight for fault, found in FAULTS.items() if possible.get(fault, True)}
        self._busy_loops, self._full_disks = BusyLoops(), FullDisks()
        self._overrides: dict[str, dict[str, Any]] = {}
        """By device, the keys of its table that the drill has changed."""
        self._impaired: set[str] = set()
        """The devices that cannot act in this round."""
        self._to_switch_off: set[str] = set()
        """The devices that could not act in the last round, and may still want to."""
        # The steward waits longer for the first heartbeat of a process.
        self._hang_limit = BACK_SECONDS + watchdog * START_FACTOR
        self._report = DrillReport(seed=seed)
        self._hardware_log = HardwareLog(list(house.devices))
        self._reloaded = False
        if not self._triggered_devices:
            raise HouseError("a drill needs a switch that triggers another device, and this house has none")

    def run(self, seconds: float, progress: Callable[[float], None]) -> DrillReport:
        """Drill for `seconds`; restore the configuration at the end, with everything off.

        Raises NotUp if the house is not up, and DeviceError if a process does not recover.
        """
        began, wall = time.monotonic(), time.time()
        for name, device in self._house.devices.items():
            if getattr(device.options, "max_on_seconds", None) is not None:
                self._report.hot[name] = OnTime(0.0, device.options.max_on_seconds)
        self._supervisor.processes()  # raises NotUp if the house is not up
        try:
            self._wait(lambda: all(name in self._beats for name in self._names), PATIENCE_SECONDS)
            while (spent := time.monotonic() - began) < seconds:
                progress(spent)
                self._round()
            self._switch_all_off()
        finally:
            self._busy_loops.stop()
            self._full_disks.clear()
            if self._reloaded:
                operations.reload(self._house, self._run, PATIENCE_SECONDS, lambda _done, _of: None)
            self._context.destroy(linger=0)
        self._report.seconds = time.monotonic() - began
        self._report.evaluate(
            self._presses, {name: self._hardware_log.read(name) for name in self._house.devices}, wall
        )
        return self._report

    def _round(self) -> None:
        """Press one switch, with up to three faults around the press."""
        self._switch_all_off()
        switch = self._random.choice(sorted(self._triggered_devices))
        faults = sorted(
            (
                self._random.uniform(-0.05, 0.25),
                self._random.choices([*self._faults], [*self._faults.values()])[0],
            )
            for _ in range(self._random.randrange(4))
        )
        before = self._pids()
        affected: set[str] = set()
        for _, fault in [found for found in faults if found[0] < 0]:
            affected |= self._inject_fault(fault)
        command = new_command("on", PATIENCE_SECONDS)
        connection = self._send(switch, command)
        pressed = time.monotonic()
        for offset, fault in [found for found in faults if found[0] >= 0]:
            self._wait(lambda at=pressed + offset: time.monotonic() >= at, PATIENCE_SECONDS)  # type: ignore[misc]
            affected |= self._inject_fault(fault)
        receipt = self._receive(command, connection)
        acting = self._triggered_devices[switch]
        # A switch that cannot write may forget the press before another device has received it.
        excused = set(acting) if switch in self._impaired else self._impaired.intersection(acting)
        press = DrillPress(
            command.id, receipt.outcome if receipt else "unanswered", acting, tuple(sorted(excused))
        )
        self._presses.append(press)
        if receipt is None:
            self._report.broken.append(f"{switch} never answered press {command.id}")
        acted = self._wait(
            lambda: all(
                command.id in {line.cause for line in self._hardware_log.read(name)[-8:]}
                for name in press.triggered_devices
                if name not in excused
            ),
            PATIENCE_SECONDS,
        )
        if acted is not None:
            self._check_shown_states()
        affected |= self._end_faults()
        after = self._pids()
        for name in self._names:
            if before.get(name) != after.get(name) and name not in affected:
                self._report.broken.append(f"{name} has a new process, although no fault affected it")

    def _switch_all_off(self) -> None:
        """Wait for every process, and switch off all hardware that is on."""
        for name in self._names:
            self._wait_until_back(name)
        for name, device in self._house.devices.items():
            words = [word.__name__.lower() for word in device.kind.commands]
            off = next((word for word in ("stop", "off") if word in words), None)
            lines = self._hardware_log.read(name)
            is_on = lines and lines[-1].on
            if name in self._names and off and (is_on or name in self._to_switch_off):
                self._send_and_wait(name, off)
                self._wait(lambda name=name: not self._is_on(name), PATIENCE_SECONDS)  # type: ignore[misc]
        self._to_switch_off.clear()

    def _inject_fault(self, fault: str) -> set[str]:
        """Inject a fault into one process, and wait for its recovery.

        Return the processes that the fault may restart.
        """
        name = self._random.choice(self._names)
        self._wait_until_back(name)
        boot, began = self._beats[name].boot, time.monotonic()
        limit = BACK_SECONDS
        match fault:
            case "kill":
                boot, began = self._signal(name, signal.SIGKILL).boot, time.monotonic()
            case "freeze":
                pid = self._signal(name, signal.SIGSTOP).pid
                end = time.monotonic() + self._random.uniform(0.02, 0.4)
                self._wait(lambda: time.monotonic() >= end, PATIENCE_SECONDS)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
                began = time.monotonic()
                self._beats.pop(name, None)
                self._subscriber.resubscribe(name)
            case "hang":
                name = self._random.choice([other for other in self._names if other != STEWARD])
                self._wait_until_back(name)
                boot, began = self._signal(name, signal.SIGSTOP).boot, time.monotonic()
                limit = self._hang_limit
            case "restart":
                self._supervisor.stop([name])
                self._supervisor.start([name])
            case "flood":
                self._flood(name)
                return set()
            case "reload":
                name = self._random.choice(sorted(self._house.own))
                self._overrides.setdefault(name, {})["name"] = f"Drilled {self._random.randrange(1000)}"
                return self._reload(fault, name)
            case "slow" | "mute":
                name = self._random.choice(self._simulated)
                options = {**self._house.table(name).get("simulated", {}), **HARDWARE_FAULTS[fault]}
                self._overrides.setdefault(name, {})["simulated"] = options
                if fault == "mute":
                    self._impaired.add(name)
                return self._reload(fault, name)
            case "starve":
                self._busy_loops.start()
                self._report.count(fault)
                return set()
            case "full":
                self._fill_disk(name)
                return set()
        again = self._wait(
            lambda: (
                name in self._beats
                and (fault == "freeze" or min(self._beats[name].boot, self._boot(name)) > boot)
            ),
            limit,
        )
        self._report.add_recovery(fault, name, time.monotonic() - began if again is not None else None, limit)
        return {name}

    def _reload(self, fault: str | None, name: str) -> set[str]:
        """Reload the house with the keys that the drill has changed; return the restarted processes."""
        raw = msgspec.json.decode(msgspec.json.encode(self._house.raw))
        for changed, keys in self._overrides.items():
            raw["devices"][changed].update(keys)
        checked = check(raw, [])
        if checked is None:
            return set()
        settings, devices, hosts = checked
        text, host = self._house.text, self._house.host
        other = House(settings=settings, devices=devices, hosts=hosts, raw=raw, text=text, host=host)
        began = time.monotonic()
        self._reloaded = True
        boots = {name: beat.boot for name, beat in self._beats.items()}
        changes = operations.reload(other, self._run, PATIENCE_SECONDS, lambda _done, _of: None)
        if fault:
            self._report.add_recovery(fault, name, time.monotonic() - began)
        for change in changes:  # heartbeats of the process before may still arrive
            self._wait_for_boot(change.name, boots.get(change.name, 0))
        return {change.name for change in changes}

    def _end_faults(self) -> set[str]:
        """End every fault that lasts; return the processes that are restarted for it."""
        self._busy_loops.stop()
        self._full_disks.clear()
        self._to_switch_off = set(self._impaired)
        self._impaired.clear()
        affected: set[str] = set()
        for name, keys in self._overrides.items():
            if keys.pop("simulated", None) is not None:
                self._to_switch_off.add(name)
                affected |= self._reload(None, name)
        return affected

    def _fill_disk(self, name: str) -> None:
        """Make every write of a process fail until the end of the round, or until the process ends."""
        if name in self._house.devices:
            self._impaired.add(name)
        with suppress(ProcessLookupError):  # it is between two lives; the next one can write
            self._full_disks.fill(self._beats[name].pid)
        self._report.count("full")

    def _flood(self, name: str) -> None:
        """Send invalid messages and connections to every door of one process."""
        dealer = connect_commands(self._context, command_endpoint(name))
        for _ in range(50):
            parts = [
                self._random.randbytes(self._random.randrange(100))
                for _ in range(self._random.randrange(1, 4))
            ]
            with suppress(zmq.Again):  # the process does not read at this moment
                dealer.send_multipart(parts, zmq.NOBLOCK)
        dealer.close()
        state = self._states[name].state if name in self._states else {}
        for address in doors(name, state, self._house.gateway if name == EXCHANGE else None):
            flood_door(address, self._random)
        self._report.count("flood")

    def _check_shown_states(self) -> None:
        """Check that the published state of each device agrees with its hardware."""
        for name, device in self._house.devices.items():
            if name not in self._names or device.driver is None or name in self._impaired:
                continue
            self._wait_until_back(name)

            def agrees(name: str = name) -> bool:
                return self._states[name].state.get("status") == self._is_on(name)

            if self._wait(agrees, PATIENCE_SECONDS) is None:
                self._report.live_but_wrong += 1
                self._report.broken.append(
                    f"{name} is shown as live, but its state differs from its hardware"
                )

    # Helpers

    def _is_on(self, name: str) -> bool:
        """Return whether the hardware of a device is on, by its own log."""
        lines = self._hardware_log.read(name)
        return bool(lines) and lines[-1].on

    def _pids(self) -> dict[str, int]:
        """Return the PID in the latest heartbeat of each process."""
        return {name: beat.pid for name in self._names if (beat := self._beats.get(name))}

    def _signal(self, name: str, number: signal.Signals) -> Heartbeat:
        """Send a signal to a process; between two lives of the process, wait for the next one.

        Return the last heartbeat of the process that received the signal.
        """
        while True:
            beat = self._beats[name]
            try:
                os.kill(beat.pid, number)
            except ProcessLookupError:
                if self._wait(lambda pid=beat.pid: self._beats[name].pid != pid, self._hang_limit) is None:  # type: ignore[misc]
                    raise DeviceError(
                        name, f"has no process for {self._hang_limit:g} s; the drill ends here"
                    ) from None
            else:
                return beat

    def _wait_for_boot(self, name: str, boot: int) -> None:
        """Wait for a state and a heartbeat of a run after `boot`; raises DeviceError if none arrives."""
        if (
            self._wait(
                lambda: name in self._beats and min(self._beats[name].boot, self._boot(name)) > boot,
                self._hang_limit,
            )
            is None
        ):
            raise DeviceError(name, f"is not back after {self._hang_limit:g} s; the drill ends here")

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
        """Send a command; return the connection that receives its receipt."""
        connection = BlockingConnection(
            lambda: connect_commands(self._context, command_endpoint(name)),
            lambda error: self._report.broken.append(f"{name} sent an invalid receipt: {error}"),
        )
        connection.send(command)
        return connection

    def _receive(self, command: Command, connection: BlockingConnection) -> Receipt | None:
        """Wait for a receipt; while none arrives, send the command again with the same id."""
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

    def _wait(self, condition: Callable[[], Any], seconds: float) -> float | None:
        """Receive messages until a condition is true.

        Return the elapsed seconds, or None if the condition was not true within `seconds`.
        """
        began = time.monotonic()
        if condition():
            return 0.0
        for messages in self._subscriber.receive_until(began + seconds, POLL_SECONDS):
            for message in messages:
                if isinstance(message, State):
                    self._states[message.device] = message
                elif isinstance(message, Heartbeat):
                    self._beats[message.device] = message
            if condition():
                return time.monotonic() - began
        return None


def triggered_devices(house: House, switch: str) -> tuple[str, ...]:
    """Return the switch and the devices that its press switches on, or nothing if there are none.

    A rule with a time window, weekdays, a cooldown or a delay does not count.
    """
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
    """Return the names of the devices with real hardware."""
    return [name for name, device in house.devices.items() if device.driver and device.driver.real]
