"""Prepares in the parent process, before the fork, what is the same in each device process.

Each page that the parent has written before the fork, and a device does not write again, is shared by
all devices. Nothing here opens a socket, no file stays open, and no kind but the lamp runs.
"""

import logging
import tempfile
from collections.abc import Callable
from contextlib import chdir, closing
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import asdict

from daemons.bus import message
from daemons.bus.message import Command, EncodedState, Heartbeat, Published, Report, State, StateContent
from daemons.bus.sequence import MessageFilter
from daemons.config.device import Device, build
from daemons.config.loader import kind_or_none
from daemons.config.rule import Rule
from daemons.config.slice import Slice
from daemons.drivers import Driver
from daemons.kinds import Machine
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.device import UTC_CALENDAR
from daemons.processes.device.memory import DeviceMemory, resume_memory
from daemons.processes.device.runner import DeviceRunner
from daemons.processes.process_run import next_run
from daemons.runtime.clock import Clock, uptime
from daemons.runtime.log import Log
from daemons.runtime.loop import Loop
from daemons.storage.journal import Journal
from daemons.storage.lock import NameLock

ROUNDS = 4
"""Python rewrites the code of a function at one of its first runs, and that of a loop after a few more."""
RULES = [{"device": "switch", "turns": {"status": on}, "do": "on" if on else "off"} for on in (True, False)]


def warm_up(kind: str) -> None:
    """Build the decoders of a kind.

    msgspec analyses the annotations of a type at its first use. That takes a millisecond, and writes
    to a twentieth of a device's memory, which the forked processes then no longer share.
    """
    build(kind, {"kind": kind, "driver": "simulated"}, (), [])  # a kind that needs an option makes no device
    found = kind_or_none(kind)
    if found and issubclass(found, Machine):
        found.measurements()
        for type_ in (Slice, DeviceMemory, Rule, found.memory_type, *found.commands):
            msgspec.json.Decoder(type_)


def run_trial() -> None:
    """Run a lamp that follows a switch, with simulated hardware, its files, and its messages.

    While Python runs a function for the first times, it writes to its code (PEP 659). It also creates
    many objects at their first use. The files are in a temporary folder; raises OSError without one.
    """
    device = build("lamp", {"kind": "lamp", "driver": "simulated", "when": RULES}, (), [])
    if device is None or device.driver is None or not issubclass(device.kind, Machine):
        return  # its file is broken
    log = Log(logging.getLogger("warm-up"))
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for name in ("lock", "journal", "hardware"):
            Path(name).mkdir()
        for _ in range(ROUNDS):
            lock = NameLock(device.name)
            driver = device.driver(device.name, device.driver_options)
            with closing(Journal(device.name, DeviceMemory, log)) as journal, closing(driver):
                run_life(device, driver, journal, log)
            lock.release()
    run_loop()


def run_life(device: Device, driver: Driver[Any], journal: Journal[DeviceMemory], log: Log) -> None:
    """Run a device from its start, with what its last life has left in the journal."""
    machine_type: Any = device.kind
    machine: Machine[Any, Any] = machine_type(device.options, driver.speed)
    last = journal.load()
    clock = Clock(last.anchor, last.written_at) if last else Clock()
    now = last.written_at + 1 if last else clock.now()
    run = next_run(last.life if last else None)
    memory = resume_memory(last, run, machine, "lamp", clock.anchor, now, now, log)
    driver.open(machine.power_profile(), now)
    trial = TrialRun(Appliance(device, machine, memory, UTC_CALENDAR), driver, journal, now, log)
    for word in ("on", "off", "toggle"):
        trial.send(word)
    for on in (True, False):
        trial.hear(on=on)


def run_loop() -> None:
    """Run a loop with some timers."""
    loop = Loop(uptime)
    for _ in range(2 * ROUNDS):
        loop.every(0.001, lambda: None)
    loop.at(uptime() + 0.002, lambda: loop.stop("the trial is over"))
    loop.run()


class TrialRun:
    """One appliance with its runner, without sockets; each event comes a second after the last one.

    It is also the loop and the bus of the runner. The hardware follows at once.
    """

    def __init__(
        self,
        appliance: Appliance,
        driver: Driver[Any],
        journal: Journal[DeviceMemory],
        now: float,
        log: Log,
    ) -> None:
        """Begin at a time in Unix seconds, by both clocks."""
        self._now = now
        self._filter = MessageFilter(lambda _: None)
        self._seq = 0
        own: Any = self
        self._runner = DeviceRunner(appliance, driver, journal, own, own, self.now, log)
        self._runner.start(lambda: True)
        self._runner.finish()

    def send(self, word: str) -> None:
        """Handle a command."""
        self._go_on()
        sent = Command(id=f"warm-up-{self._now:.0f}", command=word, deadline=self._now + 1)
        message.encode(self._runner.handle_command(message.decode_command(message.encode(sent))))
        self._runner.finish()

    def hear(self, *, on: bool) -> None:
        """Receive a state and a heartbeat of the switch."""
        self._go_on()
        content = StateContent(
            {"status": on, "phase": "on" if on else "off"}, self._now, {"status": self._now}, "warm-up"
        )
        self._receive(self._transfer(self._state("switch", content)))
        beat = Heartbeat(device="switch", boot=1, seq=self._seq, at=self._now, pid=1, restarts=0)
        self._receive(self._transfer(beat))
        self._runner.finish()

    def _receive(self, received: Published) -> None:
        if isinstance(received, State | Heartbeat | Report):
            self._runner.receive(received)

    def _go_on(self) -> None:
        """Advance time by a second, and read the hardware."""
        self._seq, self._now = self._seq + 1, self._now + 1
        self._runner.poll()

    def _transfer(self, sent: Published | EncodedState) -> Published:
        """Return a message as a subscriber receives it."""
        frames = [message.topic(sent), message.encode(sent)]
        received = message.decode(frames)
        self._filter.is_new(frames[0], received)
        return received

    def _state(self, name: str, content: StateContent) -> EncodedState:
        """Return the message with a state."""
        return EncodedState(device=name, boot=1, seq=self._seq, at=self._now, **asdict(content))

    # What the runner calls

    def now(self) -> float:
        """Return the steady time."""
        return self._now

    def at(self, when: float, handler: Callable[[], None]) -> "TrialRun":
        """Call nothing: each event is finished at once. Return a timer."""
        return self

    def cancel(self) -> None:
        """Cancel the timer, which would never come."""

    def next_tick(self, seconds: float) -> float:
        """Return the next time at which the hardware is read."""
        return self._now + seconds

    def publish(self, content: StateContent) -> None:
        """Encode a state and decode it, as its subscribers do."""
        self._transfer(self._state("lamp", content))
