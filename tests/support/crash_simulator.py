"""A device whose process a test can kill between any two of its actions; disk and hardware survive."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from daemons.bus.message import Command, Receipt, State
from daemons.config.device import Device
from daemons.config.sun import SunCalendar
from daemons.kinds import Reading, Setting
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.memory import DeviceMemory
from tests.support import factories

NEVER = 10**6
"""More actions than any process performs before it is killed."""


class Relay:
    """Hardware: a relay with an off timer. It measures the longest time for which it was on."""

    def __init__(self, now: float) -> None:
        self.is_on = False
        self.is_broken = False
        self.brightness_percent: int | None = None
        self.longest_on_seconds = 0.0
        self._switched_at = now
        self._off_at: float | None = None

    def read(self, now: float) -> Reading:
        """Return a reading: whether the relay is on now."""
        if self.is_on and self._off_at is not None and now >= self._off_at:
            self._switch(on=False, now=self._off_at)
        if self.is_on:
            self.longest_on_seconds = max(self.longest_on_seconds, now - self._switched_at)
        return Reading(on=self.is_on)

    def set(self, setting: Setting, now: float) -> None:
        """Apply a setting; a broken relay does not switch on."""
        self.read(now)
        if setting.on and self.is_broken and not self.is_on:
            return
        self._switch(setting.on, now)
        self.brightness_percent = setting.brightness_percent
        self._off_at = None if setting.off_after_seconds is None else now + setting.off_after_seconds

    def switch_manually(self, on: bool, now: float) -> None:
        """Switch manually, which sets no timer; a broken relay does not switch on."""
        if self.read(now).on != on and not (on and self.is_broken):
            self._switch(on, now)
            self._off_at = None

    def _switch(self, on: bool, now: float) -> None:
        if on != self.is_on:
            if self.is_on:
                self.longest_on_seconds = max(self.longest_on_seconds, now - self._switched_at)
            self.is_on, self._switched_at = on, now


class Killed(Exception):
    """The process is killed between two actions."""


class CrashSimulator:
    """An appliance, its disk and its hardware. It acts in the order of the process: write, send, read."""

    def __init__(self, kind: str, **table: Any) -> None:
        self.kind = kind
        self.device: Device = factories.device(kind, **table)
        self.relay = Relay(factories.START_TIME)
        self.now = factories.START_TIME
        self.writes = 0
        self.disk_error: str | None = None
        """Why nothing can be written to the disk; None while it can."""
        self.actions_left = NEVER
        self.running: Appliance | None = factories.appliance(self.device, kind)
        """The appliance, or None while its process is dead."""
        self.disk = msgspec.json.encode(self.running.memory)
        self.running.start(self.relay.read(self.now), self.now, self.now)
        self.apply()

    @property
    def appliance(self) -> Appliance:
        """The appliance of the running process."""
        assert self.running is not None
        return self.running

    @contextmanager
    def killed_after(self, actions: int = NEVER) -> Iterator[None]:
        """Kill the process after this number of actions on its disk and its hardware."""
        self.actions_left = actions
        try:
            yield
        except Killed:
            self.running = None
        finally:
            self.actions_left = NEVER

    def restart(self, actions: int = NEVER) -> None:
        """Start the process again with the memory on its disk, and kill it after this number of actions."""
        with self.killed_after(actions):
            memory = msgspec.json.decode(self.disk, type=DeviceMemory)
            machine = type(factories.machine(self.kind))(self.device.options)
            self.running = Appliance(self.device, machine, memory, SunCalendar(factories.UTC))
            self.running.start(self.relay.read(self.now), self.now, self.now)
            self.apply()

    def apply(self) -> None:
        """Write the memory and send the setting until none is left, as `DeviceRunner` does."""
        for _ in range(10):
            self._count_action()
            if self.disk_error is None:
                self.disk = msgspec.json.encode(self.appliance.memory)
                self.writes += 1
            if self.appliance.set_storage_error(self.disk_error, self.now, self.now):
                continue
            setting = self.appliance.next_setting(self.now)
            if setting is None:
                return
            self._count_action()
            self.relay.set(setting, self.now)
            self._count_action()
            self.appliance.on_reading(self.relay.read(self.now), self.now, self.now)
        raise AssertionError("it sends settings to the hardware for ever")

    def _count_action(self) -> None:
        if self.actions_left == 0:
            raise Killed
        self.actions_left -= 1

    def on_state(self, state: State) -> None:
        """Receive the state of another device."""
        self.appliance.on_state(state, self.now, self.now)
        self.apply()

    def handle_command(self, command: Command) -> Receipt:
        """Receive a command, and return its receipt after everything is carried out."""
        receipt = self.appliance.handle_command(command, self.now, self.now)
        self.apply()
        return self.appliance.receipt(command.id) or receipt

    def command(self, word: str, id_: str = "c1", **args: Any) -> Receipt:
        """Receive a command with a deadline in 10 s."""
        return self.handle_command(Command(id=id_, command=word, deadline=self.now + 10, args=args))

    def poll(self) -> None:
        """Advance time and read the hardware."""
        self.appliance.advance(self.now, self.now)
        self.appliance.on_reading(self.relay.read(self.now), self.now, self.now)
        self.apply()

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
        return "\n".join(f"{line.level}: {line.text} [{line.cause}]" for line in self.appliance.log_lines)
