"""Prepares in the parent process, before the fork, what is the same in each device process.

Each page that the parent has written before the fork, and a device does not write again, is shared by
all devices. Nothing here opens a file or a socket, and no kind but the lamp runs.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from daemons.bus import message
from daemons.bus.message import Command, EncodedState, Heartbeat, Published, Report, State, StateContent
from daemons.bus.sequence import MessageFilter
from daemons.config.device import build
from daemons.config.loader import kind_or_none
from daemons.config.rule import Rule
from daemons.config.slice import Slice
from daemons.kinds import Machine, Reading, Setting
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.device import UTC_CALENDAR
from daemons.processes.device.memory import DeviceMemory, resume_memory
from daemons.processes.device.runner import DeviceRunner
from daemons.processes.process_run import next_run
from daemons.runtime.clock import Clock
from daemons.runtime.log import Log

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
    """Run the decisions of a lamp that follows a switch, and encode and decode its messages.

    While Python runs a function for the first times, it writes to its code (PEP 659). It also creates
    many objects at their first use.
    """
    device = build("lamp", {"kind": "lamp", "driver": "simulated", "when": RULES}, (), [])
    if device is None or not issubclass(device.kind, Machine):
        return  # its file is broken
    machine = device.kind(device.options, 1.0)
    log, clock, wall = Log(logging.getLogger("warm-up")), Clock(), time.time()
    memory = resume_memory(None, next_run(None), machine, "lamp", clock.anchor, clock.now(), wall, log)
    trial = TrialRun(Appliance(device, machine, memory, UTC_CALENDAR), clock.now(), wall, log)
    for _ in range(ROUNDS):
        for word in ("on", "off", "toggle"):
            trial.send(word)
        for on in (True, False):
            trial.hear(on=on)


class TrialRun:
    """One appliance with its runner, without files and sockets; each event comes a second after the last one.

    It is also the loop, the bus, the journal and the driver of the runner. The hardware follows at once.
    """

    error = None
    """Why the memory is not stored."""

    def __init__(self, appliance: Appliance, now: float, wall: float, log: Log) -> None:
        self._now, self._wall = now, wall
        self._reading = Reading(on=False, power_watts=0.0, energy_watt_hours=0.0, at=now)
        self._filter = MessageFilter(lambda _: None)
        self._seq = 0
        own: Any = self
        self._runner = DeviceRunner(appliance, own, own, own, own, lambda: self._wall, log)
        self._runner.start(lambda: True)
        self._runner.finish()

    def send(self, word: str) -> None:
        """Handle a command."""
        self._go_on()
        sent = Command(id=f"warm-up-{self._seq}", command=word, deadline=self._wall + 1)
        message.encode(self._runner.handle_command(message.decode_command(message.encode(sent))))
        self._runner.finish()

    def hear(self, *, on: bool) -> None:
        """Receive a state and a heartbeat of the switch."""
        self._go_on()
        content = StateContent(
            {"status": on, "phase": "on" if on else "off"}, self._wall, {"status": self._wall}, "warm-up"
        )
        self._receive(self._transfer(self._state("switch", content)))
        beat = Heartbeat(device="switch", boot=1, seq=self._seq, at=self._wall, pid=1, restarts=0)
        self._receive(self._transfer(beat))
        self._runner.finish()

    def _receive(self, received: Published) -> None:
        if isinstance(received, State | Heartbeat | Report):
            self._runner.receive(received)

    def _go_on(self) -> None:
        """Advance time by a second, and read the hardware."""
        self._seq, self._now, self._wall = self._seq + 1, self._now + 1, self._wall + 1
        self._reading = replace(self._reading, at=self._now)
        self._runner.poll()

    def _transfer(self, sent: Published | EncodedState) -> Published:
        """Return a message as a subscriber receives it."""
        frames = [message.topic(sent), message.encode(sent)]
        received = message.decode(frames)
        self._filter.is_new(frames[0], received)
        return received

    def _state(self, name: str, content: StateContent) -> EncodedState:
        """Return the message with a state."""
        return EncodedState(device=name, boot=1, seq=self._seq, at=self._wall, **asdict(content))

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

    def save(self, memory: DeviceMemory) -> None:
        """Encode the memory and decode it, as the journal and the next process do."""
        msgspec.json.decode(msgspec.json.encode(memory), type=DeviceMemory)

    def publish(self, content: StateContent) -> None:
        """Encode a state and decode it, as its subscribers do."""
        self._transfer(self._state("lamp", content))

    def read(self, now: float) -> Reading:
        """Return what the hardware reports."""
        return self._reading

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Switch the hardware."""
        self._reading = replace(self._reading, on=setting.on)

    def due(self, now: float) -> float | None:
        """Return None: the hardware never changes by itself."""
        return None
