"""A device whose process a test can kill between any two of its actions; disk and hardware survive."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import msgspec
from msgspec.structs import replace

from daemons.bus.message import Command, Receipt, State, StateContent
from daemons.config.device import Device
from daemons.config.sun import SunCalendar
from daemons.kinds import ButtonPress, Reading, Setting
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.device.runner import PUT_OFF_SECONDS, DeviceRunner
from tests.support import factories

NEVER = 10**6
"""More actions than any process performs before it is killed."""


class Relay:
    """Hardware: a relay with an off timer. It measures the longest time for which it was on."""

    def __init__(self, now: float) -> None:
        self.is_on = False
        self.is_broken = False
        self.brightness_percent: int | None = None
        self.presses = 0
        """How often its button was pressed."""
        self.longest_on_seconds = 0.0
        self.switchings = 0
        """How often it went on or off."""
        self._switched_at = now
        self.off_at: float | None = None

    def read(self, now: float) -> Reading:
        """Return a reading: whether the relay is on now."""
        if self.is_on and self.off_at is not None and now >= self.off_at:
            self._switch(on=False, now=self.off_at)
        if self.is_on:
            self.longest_on_seconds = max(self.longest_on_seconds, now - self._switched_at)
        return Reading(on=self.is_on, presses_until=self.presses)

    def set(self, setting: Setting, now: float) -> None:
        """Apply a setting; a broken relay does not switch on."""
        self.read(now)
        if setting.on and self.is_broken and not self.is_on:
            return
        self._switch(setting.on, now)
        self.brightness_percent = setting.brightness_percent
        self.off_at = None if setting.off_after_seconds is None else now + setting.off_after_seconds

    def switch_manually(self, on: bool, now: float) -> None:
        """Switch manually, which sets no timer; a broken relay does not switch on."""
        if self.read(now).on != on and not (on and self.is_broken):
            self._switch(on, now)
            self.off_at = None

    def _switch(self, on: bool, now: float) -> None:
        if on != self.is_on:
            if self.is_on:
                self.longest_on_seconds = max(self.longest_on_seconds, now - self._switched_at)
            self.is_on, self._switched_at = on, now
            self.switchings += 1


class Killed(Exception):
    """The process is killed between two actions."""


class SimulatedTimer:
    """One call in the future of a simulated process."""

    def __init__(self, when: float, handler: Callable[[], None]) -> None:
        self.when = when
        self.handler = handler
        self.is_cancelled = False

    def cancel(self) -> None:
        """Prevent the call."""
        self.is_cancelled = True


class SimulatedProcess:
    """What the runner needs of its process: loop, bus, journal, driver and log. Its actions are counted."""

    socket = None

    def __init__(self, simulator: "CrashSimulator") -> None:
        self.simulator = simulator
        self.error: str | None = None
        self.presses_read = 0
        self.timers: list[SimulatedTimer] = []

    def now(self) -> float:
        """Return the time of the simulator."""
        return self.simulator.now

    def at(self, when: float, handler: Callable[[], None]) -> SimulatedTimer:
        """Call the handler at a time; only `run_due` does it."""
        self.timers.append(SimulatedTimer(when, handler))
        return self.timers[-1]

    def next_tick(self, seconds: float) -> float:
        """Return a time that never comes: the simulator polls by itself."""
        return float("inf")

    def run_due(self) -> None:
        """Call what is due, as the loop does after each event, and what was put off for a moment."""
        for timer in self.timers:
            is_put_off = timer.handler == self.simulator.runner.finish
            latest = self.simulator.now + (PUT_OFF_SECONDS if is_put_off else 0.0)
            if not timer.is_cancelled and timer.when <= latest:
                timer.cancel()
                timer.handler()
        self.timers = [timer for timer in self.timers if not timer.is_cancelled]

    def save(self, memory: DeviceMemory) -> None:
        """Write the memory to the simulated disk, unless it fails."""
        self.simulator.count_action()
        self.error = self.simulator.disk_error
        if self.error is None:
            self.simulator.disk = msgspec.json.encode(memory)
            self.simulator.writes += 1

    def publish(self, content: StateContent) -> None:
        """Keep a published state."""
        self.simulator.count_action()
        self.simulator.published.append(content.state | {"cause": content.cause})

    def log(self, level: int, text: str, *, cause: str | None) -> None:
        """Keep a line of the log."""
        self.simulator.log_lines.append(f"{logging.getLevelName(level).lower()}: {text} [{cause}]")

    def read(self, now: float) -> Reading:
        """Return a reading of the relay, with the presses since the last one."""
        reading = self.simulator.relay.read(now)
        if reading.presses_until is None or reading.presses_until == self.presses_read:
            return reading
        new = range(self.presses_read, reading.presses_until)
        self.presses_read = reading.presses_until
        return replace(reading, presses=tuple(ButtonPress("single", f"p{number}") for number in new))

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Set the relay."""
        self.simulator.count_action()
        self.simulator.relay.set(setting, now)
        self.simulator.count_action()

    def due(self, now: float) -> float | None:
        """Return None: the relay never changes by itself but by its timer."""
        return None


class CrashSimulator:
    """An appliance with its runner, its disk and its hardware. A test can kill it between two actions."""

    def __init__(self, kind: str, device: Device | None = None, **table: Any) -> None:
        """`table` is the table of the device in the configuration, unless a device is handed in."""
        self.kind = kind
        self.device = device or factories.device(kind, **table)
        self.relay = Relay(factories.START_TIME)
        self.now = factories.START_TIME
        self.wall_offset = 0.0
        """The wall clock less `now`."""
        self.disk = b""
        """The memory that was written last."""
        self.writes = 0
        self.published: list[dict[str, Any]] = []
        self.inputs: list[tuple[int, int, tuple[msgspec.Raw, ...]]] = []
        """The published inputs: the number of the latest, that of the latest earlier one, and each."""
        self.log_lines: list[str] = []
        self.disk_error: str | None = None
        """Why nothing can be written to the disk; None while it can."""
        self.actions_left = NEVER
        self.running: Appliance | None = None
        """The appliance, or None while its process is dead."""
        self._start(factories.appliance(self.device, kind))

    def _start(self, appliance: Appliance) -> None:
        self.running = appliance
        self.process = SimulatedProcess(self)
        self.process.presses_read = appliance.memory.presses_until or 0
        self.runner = DeviceRunner(
            appliance,
            self.process,  # type: ignore[arg-type]
            self.process,
            self.process,
            self.process,
            lambda: self.now + self.wall_offset,
            self.process,  # type: ignore[arg-type]
            publish_inputs=lambda *published: self.inputs.append(published),
        )
        self.runner.start(lambda: True)

    @property
    def appliance(self) -> Appliance:
        """The appliance of the running process."""
        assert self.running is not None
        return self.running

    @contextmanager
    def killed_after(self, actions: int = NEVER) -> Iterator[None]:
        """Kill the process after this number of its actions: write, publish, set."""
        self.actions_left = actions
        try:
            yield
        except Killed:
            self.running = None
        finally:
            self.actions_left = NEVER

    def count_action(self) -> None:
        """Count an action; raises Killed when no more are left."""
        if self.actions_left == 0:
            raise Killed
        self.actions_left -= 1

    def restart(self, actions: int = NEVER) -> None:
        """Start the process again with the memory on its disk, and kill it after this number of actions."""
        with self.killed_after(actions):
            memory = msgspec.json.decode(self.disk, type=DeviceMemory)
            machine = type(factories.machine(self.kind))(self.device.options)
            self._start(Appliance(self.device, machine, memory, SunCalendar(factories.UTC)))

    def on_state(self, state: State) -> None:
        """Receive the state of another device."""
        self.runner.receive(state)
        self.process.run_due()

    def handle_command(self, command: Command) -> Receipt:
        """Receive a command, and return its receipt after everything is carried out."""
        receipt = self.runner.handle_command(command)
        self.process.run_due()
        return receipt

    def command(self, word: str, id_: str = "c1", **args: Any) -> Receipt:
        """Receive a command with a deadline in 10 s."""
        return self.handle_command(
            Command(id=id_, command=word, deadline=self.now + self.wall_offset + 10, args=args)
        )

    def on_reading(self, reading: Reading) -> None:
        """Receive a reading of other hardware than the relay."""
        with patch.object(self.relay, "read", lambda _now: reading):
            self.runner.poll()
        self.process.run_due()

    def poll(self) -> None:
        """Advance time and read the hardware."""
        self.runner.poll()
        self.process.run_due()

    def wait(self, seconds: float) -> None:
        """Pass time; a running process polls at each of its deadlines."""
        end = self.now + seconds
        for _ in range(1000):
            deadline = self.running.next_deadline() if self.running else None
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            self.poll()
        else:
            raise AssertionError("its next deadline is always in the past")
        self.now = end
        if self.running:
            self.poll()

    def field(self, name: str) -> Any:
        """Return a field of the state."""
        return self.appliance.state(self.now)[name]

    def log(self) -> str:
        """Return the lines of the log."""
        return "\n".join(self.log_lines)
