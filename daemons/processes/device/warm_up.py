"""Prepares in the parent process, before the fork, what is the same in each device process.

Each page that the parent has written before the fork, and a device does not write again, is shared by
all devices. Nothing here opens a file or a socket, and no kind but the lamp runs.
"""

import logging
import time
from typing import Any

import msgspec
from msgspec.structs import replace

from daemons.bus import message
from daemons.bus.message import Command, Heartbeat, Moment, Published, State
from daemons.bus.sequence import MessageFilter
from daemons.config.device import build
from daemons.config.rule import Rule
from daemons.config.slice import Slice
from daemons.kinds import Machine, Reading
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.device import UTC_CALENDAR
from daemons.processes.device.memory import DeviceMemory, resume_memory
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
    device = build(kind, {"kind": kind, "driver": "simulated"}, (), [])
    if device and issubclass(device.kind, Machine):
        device.kind.measurements()
        for type_ in (Slice, DeviceMemory, Rule, device.kind.memory_type, *device.kind.commands):
            msgspec.json.Decoder(type_)


def rehearse() -> None:
    """Run the decisions of a lamp that follows a switch, and encode and decode its messages.

    While Python runs a function for the first times, it writes to its code (PEP 659). It also creates
    many objects at their first use.
    """
    device = build("lamp", {"kind": "lamp", "driver": "simulated", "when": RULES}, (), [])
    if device is None or not issubclass(device.kind, Machine):
        return  # its file is broken
    machine = device.kind(device.options, 1.0)
    log, clock, wall = Log(logging.getLogger("rehearsal")), Clock(), time.time()
    memory = resume_memory(None, next_run(None), machine, "lamp", clock.anchor, clock.now(), wall, log)
    rehearsal = Rehearsal(Appliance(device, machine, memory, UTC_CALENDAR), clock.now(), wall)
    for _ in range(ROUNDS):
        for word in ("on", "off", "toggle"):
            rehearsal.send(word)
        for on in (True, False):
            rehearsal.hear(on=on)


class Rehearsal:
    """One appliance, and hardware that follows at once; each event comes a second after the last one."""

    def __init__(self, appliance: Appliance, now: float, wall: float) -> None:
        self._appliance, self._now, self._wall = appliance, now, wall
        self._reading = Reading(on=False, power_watts=0.0, energy_watt_hours=0.0, at=now)
        self._filter = MessageFilter(lambda _: None)
        self._seq = 0
        appliance.start(self._reading, now, wall)
        self._apply()

    def send(self, word: str) -> None:
        """Handle a command."""
        self._advance()
        sent = Command(id=f"rehearsal-{self._seq}", command=word, deadline=self._wall + 1)
        command = message.decode_command(message.encode(sent))
        message.encode(self._appliance.handle_command(command, self._now, self._wall))
        self._apply()

    def hear(self, *, on: bool) -> None:
        """Receive a state and a heartbeat of the switch."""
        self._advance()
        fields = {"status": on, "phase": "on" if on else "off"}
        state = self._transfer(self._state("switch", fields, {"status": self._wall}))
        if isinstance(state, State):
            self._appliance.on_state(state, self._now, self._wall)
        self._transfer(Heartbeat(device="switch", boot=1, seq=self._seq, at=self._wall, pid=1, restarts=0))
        self._appliance.on_heartbeat("switch", self._now)
        self._apply()

    def _advance(self) -> None:
        """Advance time by a second, and read the hardware."""
        self._seq, self._now, self._wall = self._seq + 1, self._now + 1, self._wall + 1
        self._reading = replace(self._reading, at=self._now)
        self._appliance.is_unchanged(self._reading, self._now, self._wall)
        self._appliance.advance(self._now, self._wall)
        self._appliance.on_reading(self._reading, self._now, self._wall)

    def _apply(self) -> None:
        """Do what the runner does after each event, but without hardware, files and sockets."""
        appliance = self._appliance
        while (setting := appliance.next_setting(self._now)) is not None:
            self._reading = replace(self._reading, on=setting.on)
            appliance.on_reading(self._reading, self._now, self._wall)
        memory = appliance.memory
        msgspec.json.decode(msgspec.json.encode(memory), type=DeviceMemory)
        fields = appliance.state(self._now)
        self._transfer(self._state("lamp", fields, memory.change_times, memory.past))
        appliance.next_deadline()
        appliance.log_lines.clear()

    def _state(
        self, name: str, fields: dict[str, Any], turned: dict[str, float], past: tuple[Moment, ...] = ()
    ) -> State:
        """Return the message with a state."""
        at, id_ = self._wall, f"rehearsal-{self._seq}"
        fixed: dict[str, Any] = {"boot": 1, "seq": self._seq, "at": at, "since": at, "cause": id_}
        return State(device=name, state=fields, turned=turned, past=past, **fixed)

    def _transfer(self, sent: Published) -> Published:
        """Return a message as a subscriber receives it."""
        frames = [message.topic(sent), message.encode(sent)]
        received = message.decode(frames)
        self._filter.is_new(frames[0], received)
        return received
