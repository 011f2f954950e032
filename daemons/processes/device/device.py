"""The process of one appliance: subscribes to other devices, drives the hardware, publishes its state.

`DeviceRunner` does the I/O around `appliance`: it owns the sockets, the timer, the journal and the
driver. After each event it does the same in the same order: write the memory, send the setting to
the hardware, publish the state.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC
from typing import Any

import msgspec

from daemons.bus.message import Command, Heartbeat, Receipt, State
from daemons.bus.sockets import Subscriber
from daemons.config.device import Device, build
from daemons.config.rule import Rule
from daemons.config.slice import Slice
from daemons.config.sun import SunCalendar
from daemons.drivers import Driver
from daemons.kinds import Machine
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.process import BEAT_SECONDS, Process, ProcessRun, Startup
from daemons.runtime.clock import Clock
from daemons.runtime.log import Log
from daemons.runtime.loop import Timer
from daemons.storage.journal import Journal

REFRESH_SECONDS = 0.5
"""How often the hardware is polled, and measurements are published, while the device is not idle."""
IDLE_SECONDS = BEAT_SECONDS
"""How often the hardware of an idle device is polled. It is that of the heartbeat: one wake-up does both."""
CLOCK_SECONDS = 1.0
"""How often a device with times of day asks whether the clock is right, until it is."""
UTC_CALENDAR = SunCalendar(UTC)
"""The calendar of a device without times of day. It spares the process the file of the house's timezone."""
LOG_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def run(slice_: Slice) -> None:
    """Run the device of a slice until the process is told to end.

    Raises TypeError for a slice that another version wrote.
    """
    device = build(slice_.name, slice_.table, (), [])
    if device is None or device.driver is None or not issubclass(device.kind, Machine):
        raise TypeError(
            f"{slice_.name}: its slice was written by another version; `house reload` writes it anew"
        )
    start = Startup(device.name, DeviceMemory)
    driver = device.driver(device.name, device.driver_options)
    machine = device.kind(device.options, driver.speed)
    memory, clock = resume_memory(start.last, start.run, machine, str(slice_.table["kind"]), start.log)
    with start.process(clock.now) as process:
        driver.open(machine.power_profile(), clock.now())
        uses_clock = any(rule.uses_clock for rule in device.rules)
        calendar = slice_.settings.calendar if uses_clock else UTC_CALENDAR
        appliance = Appliance(device, machine, memory, calendar)
        runner = DeviceRunner(device, appliance, driver, start.journal, process, clock_check(uses_clock))
        runner.start()
        process.run(runner.handle_command)
    driver.close()


def warm_up(kind: str) -> None:
    """Prepare in the parent process, before the fork, what is the same in each device of a kind.

    msgspec analyses the annotations of a type at its first use. That takes a millisecond, and writes
    to a twentieth of a device's memory, which the forked processes then no longer share.
    """
    device = build(kind, {"kind": kind, "driver": "simulated"}, (), [])
    if device and issubclass(device.kind, Machine):
        device.kind.measurements()
        for type_ in (Slice, DeviceMemory, Rule, device.kind.memory_type, *device.kind.commands):
            msgspec.json.Decoder(type_)


def resume_memory(
    last: DeviceMemory | None, run: ProcessRun, machine: Machine[Any, Any], kind: str, log: Log
) -> tuple[DeviceMemory, Clock]:
    """Return the memory to go on with, and the clock that its steady seconds are of.

    Without a last memory, or with one that cannot be used, the device starts with an empty memory.
    """
    clock = Clock(last.anchor, last.written_at) if last else Clock()
    if last is not None and last.kind == kind:
        try:
            msgspec.json.decode(last.machine, type=machine.memory_type)
        except msgspec.MsgspecError as error:
            log.error("cannot read its memory of an earlier version of %s, and starts anew: %s", kind, error)
        else:
            return msgspec.structs.replace(last, life=run, anchor=clock.anchor), clock
    fresh = DeviceMemory(
        kind=kind,
        machine=msgspec.Raw(msgspec.json.encode(machine.memory_type())),
        anchor=clock.anchor,
        written_at=clock.now(),
        created_at=time.time(),
        life=run,
        is_new=True,
    )
    return fresh, clock


def always_right() -> bool:
    """Return True: a device without times of day needs no right clock."""
    return True


def clock_check(uses_clock: bool) -> Callable[[], bool]:
    """Return the function that says whether the wall clock is known to be right."""
    if not uses_clock:
        return always_right
    from daemons.runtime import clock_trust  # noqa: PLC0415  only devices with times of day load it

    return clock_trust.is_clock_right


class DeviceRunner:
    """Carries out what the appliance decides."""

    def __init__(
        self,
        device: Device,
        appliance: Appliance,
        driver: Driver[Any],
        journal: Journal[DeviceMemory],
        process: Process,
        is_clock_right: Callable[[], bool] = always_right,
    ) -> None:
        """Create the runner; `is_clock_right` returns whether the wall clock is known to be right."""
        self._appliance = appliance
        self._driver = driver
        self._journal = journal
        self._process = process
        self._is_clock_right = is_clock_right
        self._now = process.loop.now
        self._written: DeviceMemory | None = None
        self._published: dict[str, Any] = {}
        self._published_changes: tuple[dict[str, Any], dict[str, float], str | None, bool] | None = None
        """What is published as soon as it changes: all but the measurements."""
        self._published_at = 0.0
        self._timer: Timer | None = None
        self._is_idle = False
        names = sorted(device.subscriptions)
        self._subscriber = Subscriber(process.context, names, process.log) if names else None

    def start(self) -> None:
        """Go on from the memory and from the state of the hardware, and watch all inputs."""
        now = self._now()
        if not self._is_clock_right():
            self._appliance.wait_for_clock()
            self._process.loop.at(now + CLOCK_SECONDS, self._check_clock)
        self._appliance.start(self._driver.read(now), now, time.time())
        self._apply()
        if self._subscriber:
            self._process.loop.watch(self._subscriber.socket, self.receive)
            self._process.loop.every(1.0, self._subscriber.reconnect_silent)
        if self._driver.socket is not None:
            self._process.loop.watch(self._driver.socket, self.poll)

    def _check_clock(self) -> None:
        """Ask again and again whether the wall clock is right, until it is."""
        if self._is_clock_right():
            self._appliance.trust_clock(self._now(), time.time())
            self._apply()
        else:
            self._process.loop.at(self._now() + CLOCK_SECONDS, self._check_clock)

    def receive(self) -> None:
        """Receive the messages of the subscribed devices."""
        for message in self._subscriber.receive() if self._subscriber else ():
            if isinstance(message, State):
                self._appliance.on_state(message, self._now(), time.time())
                self._apply()
            elif isinstance(message, Heartbeat):
                self._appliance.on_heartbeat(message.device, self._now(), time.time() - message.at)

    def handle_command(self, command: Command) -> Receipt:
        """Return the receipt of a command. By then the memory is written and the setting is sent."""
        receipt = self._appliance.handle_command(command, self._now(), time.time())
        self._apply()
        return self._appliance.receipt(command.id) or receipt

    def poll(self) -> None:
        """Read the hardware and advance time."""
        now = self._now()
        reading = self._driver.read(now)
        if self._is_idle and self._appliance.is_unchanged(reading, now, time.time()):
            self._set_timer(None)
            return
        self._appliance.advance(now, time.time())
        self._appliance.on_reading(reading, now, time.time())
        self._apply()

    def _apply(self) -> None:
        """Write the memory and send the setting, until no setting is left to send; then publish the state.

        Each setting leads to a new reading, and that may lead to another setting.
        """
        while True:
            memory = self._appliance.memory
            if not self._write(memory):
                continue  # a decision was taken back
            setting = self._appliance.next_setting(self._now())
            if setting is None:
                break
            self._driver.set(setting, memory.cause, self._now())
            now = self._now()
            self._appliance.on_reading(self._driver.read(now), now, time.time())
        self._publish(memory)
        for line in self._appliance.log_lines:  # after publishing: other processes need not wait for the log
            self._process.log.log(LOG_LEVELS[line.level], line.text, cause=line.cause)
        self._appliance.log_lines.clear()
        self._is_idle = self._appliance.is_idle
        self._set_timer(self._appliance.next_deadline())

    def _write(self, memory: DeviceMemory) -> bool:
        """Write a changed memory to the journal; return False if that fails and a decision was taken back."""
        if memory != self._written or self._journal.error is not None:
            self._written = memory
            self._journal.save(msgspec.structs.replace(memory, written_at=self._now()))
            return not self._appliance.set_storage_error(self._journal.error, self._now(), time.time())
        return True

    def _publish(self, memory: DeviceMemory) -> None:
        """Publish a changed state at once, and changed measurements at most once per refresh."""
        now = self._now()
        state = self._appliance.state(now)
        changes = (memory.last_state, memory.change_times, memory.cause, state["confirmed"])
        is_changed = self._published_changes is None or changes != self._published_changes
        if not is_changed and now - self._published_at < REFRESH_SECONDS:
            return
        if is_changed or state != self._published:
            self._published, self._published_changes, self._published_at = state, changes, now
            past, change_times = memory.encoded_past, memory.change_times
            self._process.publish(state, self._appliance.since, change_times, memory.cause, past)

    def _set_timer(self, deadline: float | None) -> None:
        """Poll again at a deadline (steady seconds), and after a while anyway, to notice a manual switch."""
        refresh = self._process.loop.next_tick(IDLE_SECONDS if self._is_idle else REFRESH_SECONDS)
        times = (refresh, deadline, self._driver.due(self._now()))
        if self._timer:
            self._timer.cancel()
        self._timer = self._process.loop.at(min(at for at in times if at is not None), self.poll)
