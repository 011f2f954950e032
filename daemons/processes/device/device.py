"""Role: hears others, drives one appliance, publishes its state.

The shell around `appliance`: it owns sockets, timers, journal and driver. Whatever happens,
the same three things follow in the same order: write down, act, tell.
"""

import time
from datetime import UTC
from typing import Any

import msgspec

from daemons.bus.message import Command, Heartbeat, Receipt, State
from daemons.bus.sockets import Subscriber
from daemons.config.device import Device, build
from daemons.config.rule import When
from daemons.config.slice import Slice
from daemons.config.sun import Almanac
from daemons.drivers import Driver
from daemons.kinds import Machine
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.memory import Memory
from daemons.processes.process import BEAT_SECONDS, Process, next_life
from daemons.runtime.clock import Clock
from daemons.runtime.log import Log, open_log
from daemons.runtime.loop import Timer
from daemons.storage.journal import Journal
from daemons.storage.lock import Lock

REFRESH_SECONDS = 0.5
"""How often a measurement that changes all the time is looked at and told."""
REST_SECONDS = BEAT_SECONDS
"""How often the hardware is looked at while nothing changes by time alone: with each beat, so that
a process that idles is woken once a second."""
TIMELESS = Almanac(UTC)
"""Who does not go by the time of day need not know the house's timezone, which is a file."""


def run(slice_: Slice) -> None:
    """Be the device of this slice until told to end."""
    log = open_log(slice_.name)
    device = build(slice_.name, slice_.table, (), [])
    if device is None or device.driver is None or not issubclass(device.kind, Machine):
        raise TypeError(
            f"{slice_.name}: its slice was written by another version; `house reload` writes it anew"
        )
    lock = Lock(device.name)
    journal = Journal(device.name, Memory, log)
    driver = device.driver(device.name, device.driver_options)
    machine = device.kind(device.options, driver.pace)
    memory, clock = recall(journal.load(), machine, str(slice_.table["kind"]), log)
    with Process(device.name, memory.life, lock, log, clock.now) as process:
        driver.plug_in(machine.loads(), clock.now())
        by_clock = any(rule.by_clock for rule in device.rules)
        almanac = slice_.settings.almanac if by_clock else TIMELESS
        appliance = Appliance(device, machine, memory, almanac)
        shell = Shell(device, appliance, driver, journal, process)
        shell.start()
        process.run(shell.obey)
    driver.close()
    journal.secure()


def rehearse(word: str) -> None:
    """Find out, before the fork, what is the same in every life of such a device (the nursery does it).

    msgspec works a type out from its annotations when it first meets it, which takes a millisecond and
    touches a twentieth of a device's memory.
    """
    device = build(word, {"kind": word, "driver": "simulated"}, (), [])
    if device and issubclass(device.kind, Machine):
        device.kind.measurements()
        for type_ in (Slice, Memory, When, device.kind.memory_type, *device.kind.commands):
            msgspec.json.Decoder(type_)


def recall(last: Memory | None, machine: Machine[Any, Any], word: str, log: Log) -> tuple[Memory, Clock]:
    """Give the memory to go on with, and the clock that its moments are of."""
    clock = Clock(last.anchor, last.at) if last else Clock()
    life = next_life(last.life if last else None)
    if last is not None and last.kind == word:
        try:
            msgspec.json.decode(last.machine, type=machine.memory_type)
        except msgspec.MsgspecError as error:
            log.error(
                "remembers nothing that this version of %s understands, and starts anew: %s", word, error
            )
        else:
            return msgspec.structs.replace(last, life=life, anchor=clock.anchor), clock
    fresh = Memory(
        kind=word,
        machine=msgspec.Raw(msgspec.json.encode(machine.memory_type())),
        anchor=clock.anchor,
        at=clock.now(),
        born=time.time(),
        life=life,
    )
    return fresh, clock


class Shell:
    """Does what the appliance decides."""

    def __init__(
        self,
        device: Device,
        appliance: Appliance,
        driver: Driver[Any],
        journal: Journal[Memory],
        process: Process,
    ) -> None:
        self._appliance = appliance
        self._driver = driver
        self._journal = journal
        self._process = process
        self._now = process.loop.now
        self._written: Memory | None = None
        self._told: tuple[dict[str, Any], str | None, bool] | None = None
        self._told_at = 0.0
        self._state: dict[str, Any] = {}
        self._timer: Timer | None = None
        self._rests = False
        heard = sorted(device.hears)
        self._subscriber = Subscriber(process.context, heard, process.log) if heard else None

    def start(self) -> None:
        """Go on from what is remembered and from what the hardware really does."""
        now = self._now()
        self._appliance.start(self._driver.read(now), now, time.time())
        self._follow()
        if self._subscriber:
            self._process.loop.watch(self._subscriber.socket, self.hear)
            self._process.loop.every(1.0, self._subscriber.renew)
        if self._driver.socket is not None:
            self._process.loop.watch(self._driver.socket, self.look)
        self._process.loop.every(1.0, self._journal.secure)

    def hear(self) -> None:
        """Hear the other devices."""
        for heard in self._subscriber.receive() if self._subscriber else ():
            if isinstance(heard, State):
                self._appliance.hear(heard, self._now(), time.time())
                self._follow()
            elif isinstance(heard, Heartbeat):
                self._appliance.beat(heard.device, self._now())

    def obey(self, command: Command) -> Receipt:
        """Carry out a command; by the time of its receipt it is written down and under way."""
        receipt = self._appliance.obey(command, self._now(), time.time())
        self._follow()
        return receipt

    def look(self) -> None:
        """Look at the hardware and at the clock."""
        now = self._now()
        reading = self._driver.read(now)
        if self._rests and self._appliance.knows(reading):
            self._set_timer(None)
            return
        self._appliance.tick(now, time.time())
        self._appliance.read(reading, now, time.time())
        self._follow()

    def _follow(self) -> None:
        """Write down, act, tell; acting tells us something new, so until nothing is left to do."""
        while True:
            self._write()
            setting = self._appliance.to_ask(self._now())
            if setting is None:
                break
            self._driver.set(setting, self._appliance.memory.cause, self._now())
            now = self._now()
            self._appliance.read(self._driver.read(now), now, time.time())
        self._tell()
        for note in self._appliance.notes:  # the house need not wait for the log
            self._process.log.log(LEVELS[note.level], note.text, cause=note.cause)
        self._appliance.notes.clear()
        self._rests = self._appliance.rests
        self._set_timer(self._appliance.due())

    def _write(self) -> None:
        if self._appliance.memory != self._written:
            self._appliance.memory = msgspec.structs.replace(self._appliance.memory, at=self._now())
            self._written = self._appliance.memory
            self._journal.save(self._written)

    def _tell(self) -> None:
        """Publish what changed; what is only measured, no oftener than it is looked at."""
        now, memory = self._now(), self._appliance.memory
        state = self._appliance.shows(now)
        discrete = (memory.shown, memory.cause, state["confirmed"])
        if self._told is not None and discrete == self._told and now - self._told_at < REFRESH_SECONDS:
            return
        if self._told is None or discrete != self._told or state != self._state:
            self._state, self._told, self._told_at = state, discrete, now
            self._process.publish(state, self._appliance.since, memory.turned, memory.cause, memory.past)

    def _set_timer(self, due: float | None) -> None:
        """Look again when something is due, and anyway after a while: a hand may have been at it."""
        again = self._process.loop.next_turn(REST_SECONDS if self._rests else REFRESH_SECONDS)
        moments = (again, due, self._driver.due(self._now()))
        if self._timer:
            self._timer.cancel()
        self._timer = self._process.loop.at(min(at for at in moments if at is not None), self.look)


LEVELS = {"info": 20, "warning": 30, "error": 40}
