"""One life of an appliance in a test: its disk, its hardware, and kills between any two instructions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from daemons.bus.message import Command, Receipt, State
from daemons.config.device import Device
from daemons.config.sun import Almanac
from daemons.kinds import Reading, Setting
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.memory import Memory
from tests.support import factories

NEVER = 10**6
"""More things than a process ever does before it is killed."""


class Relay:
    """The hardware of these tests: a relay with a timer of its own, and a stopwatch."""

    def __init__(self, now: float) -> None:
        self.on = False
        self.broken = False
        self.brightness_percent: int | None = None
        self.longest_seconds = 0.0
        self._since = now
        self._off_at: float | None = None

    def look(self, now: float) -> Reading:
        """Give what it does now."""
        if self.on and self._off_at is not None and now >= self._off_at:
            self._turn(on=False, now=self._off_at)
        if self.on:
            self.longest_seconds = max(self.longest_seconds, now - self._since)
        return Reading(on=self.on)

    def set(self, setting: Setting, now: float) -> None:
        """Do as told; a broken one does not go on."""
        self.look(now)
        if setting.on and self.broken and not self.on:
            return
        self._turn(setting.on, now)
        self.brightness_percent = setting.brightness_percent
        self._off_at = None if setting.off_after_seconds is None else now + setting.off_after_seconds

    def hand(self, on: bool, now: float) -> None:
        """Be switched by somebody, who arms no timer; a broken one does not go on by hand either."""
        if self.look(now).on != on and not (on and self.broken):
            self._turn(on, now)
            self._off_at = None

    def _turn(self, on: bool, now: float) -> None:
        if on != self.on:
            if self.on:
                self.longest_seconds = max(self.longest_seconds, now - self._since)
            self.on, self._since = on, now


class Killed(Exception):
    """The process is killed between two instructions."""


class Life:
    """An appliance, its disk and its hardware, in the order of its shell: write down, act, look, tell."""

    def __init__(self, kind: str, **table: Any) -> None:
        self.kind = kind
        self.device: Device = factories.device(kind, **table)
        self.relay = Relay(factories.BORN)
        self.now = factories.BORN
        self.writes = 0
        self.left = NEVER
        self.live: Appliance | None = factories.appliance(self.device, kind)
        self.disk = msgspec.json.encode(self.live.memory)
        self.live.start(self.relay.look(self.now), self.now, self.now)
        self.follow()

    @property
    def appliance(self) -> Appliance:
        """Give the appliance while it lives."""
        assert self.live is not None
        return self.live

    @contextmanager
    def mortal(self, left: int = NEVER) -> Iterator[None]:
        """Let the process do so many things to the outside, and then be killed."""
        self.left = left
        try:
            yield
        except Killed:
            self.live = None
        finally:
            self.left = NEVER

    def revive(self, left: int = NEVER) -> None:
        """Start the process again, with nothing but what is on the disk."""
        with self.mortal(left):
            memory = msgspec.json.decode(self.disk, type=Memory)
            self.live = Appliance(
                self.device,
                type(factories.machine(self.kind))(self.device.options),
                memory,
                Almanac(factories.UTC),
            )
            self.live.start(self.relay.look(self.now), self.now, self.now)
            self.follow()

    def follow(self) -> None:
        """Do what follows, as the shell does."""
        for _ in range(10):
            self._outside()
            self.disk = msgspec.json.encode(self.appliance.memory)
            self.writes += 1
            setting = self.appliance.to_ask(self.now)
            if setting is None:
                return
            self._outside()
            self.relay.set(setting, self.now)
            self._outside()
            self.appliance.read(self.relay.look(self.now), self.now, self.now)
        raise AssertionError("it asks the hardware for ever")

    def _outside(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1

    def hear(self, state: State) -> None:
        """Hear another device."""
        self.appliance.hear(state, self.now, self.now)
        self.follow()

    def obey(self, command: Command) -> Receipt:
        """Get a command, and give the receipt once all is done."""
        receipt = self.appliance.obey(command, self.now, self.now)
        self.follow()
        return receipt

    def command(self, word: str, id_: str = "c1", **args: Any) -> Receipt:
        """Get a command that is wanted for a while."""
        return self.obey(Command(id=id_, command=word, deadline=self.now + 10, args=args))

    def look(self) -> None:
        """Look at the clock and the hardware."""
        self.appliance.tick(self.now, self.now)
        self.appliance.read(self.relay.look(self.now), self.now, self.now)
        self.follow()

    def wait(self, seconds: float) -> None:
        """Let time pass, awake at each moment that makes a difference; or dead."""
        end = self.now + seconds
        for _ in range(1000):
            due = self.live.due() if self.live else None
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            self.look()
        else:
            raise AssertionError("it never comes to rest")
        self.now = end
        if self.live:
            self.look()

    def shows(self, field: str) -> Any:
        """Give what is shown."""
        return self.appliance.shows(self.now)[field]

    def notes(self) -> str:
        """Give the log."""
        return "\n".join(f"{note.level}: {note.text} [{note.cause}]" for note in self.appliance.notes)
