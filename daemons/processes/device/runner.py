"""Carries out what an appliance decides: writes its memory, publishes its state, sets its hardware.

After each event the order is the same:

1. The memory is written. From then on the decision holds, also if the process is killed.
2. The state is published, not confirmed yet. A command gets its receipt.
3. The hardware is set, and what it answers is written and published.

Other processes need not wait for the hardware. Step 3 comes before the next event is handled, and before
the process ends. If the process is killed before, the next process does it.

The runner has no sockets and no clock of its own: its loop, its bus and its clock are handed in.
"""

import logging
from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Raw
from msgspec.structs import replace

from daemons.bus.message import Command, Heartbeat, Receipt, Report, State, StateContent
from daemons.drivers import Driver
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.log_line import LogLine
from daemons.processes.device.memory import DeviceMemory

REFRESH_SECONDS = 0.5
"""How often the hardware is polled, and measurements are published, while the device is not idle."""
IDLE_SECONDS = 1.0
"""How often the hardware of an idle device is polled. It is that of the heartbeat: one wake-up does both."""
PUT_OFF_SECONDS = 0.002
"""How long the hardware waits after a message, unless it heats: the processes that follow go first."""
INPUT_SECONDS = REFRESH_SECONDS
"""How long outside inputs are gathered before they are published: at the next tick, which polls anyway."""
CLOCK_SECONDS = 1.0
"""How often a device with times of day asks whether the clock is right, until it is."""
LOG_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Timer(Protocol):
    """One call in the future."""

    def cancel(self) -> None:
        """Prevent the call."""


class RunnerLoop(Protocol):
    """Calls the runner at a time, in the device's steady seconds."""

    @property
    def now(self) -> Callable[[], float]:
        """The function that returns the current time."""

    def at(self, when: float, handler: Callable[[], None]) -> Timer:
        """Call the handler once, after the one that is running, and not before the given time."""

    def next_tick(self, seconds: float) -> float:
        """Return the next time at which handlers with this period are called."""


class Bus(Protocol):
    """Publishes states for other processes."""

    def publish(self, content: StateContent) -> None:
        """Publish a state."""


class MemoryFile(Protocol):
    """Stores the memory of the device across a crash."""

    @property
    def error(self) -> str | None:
        """Why the latest memory is not stored; None while it is."""

    def save(self, memory: DeviceMemory) -> None:
        """Store a memory; a failure stands in `error`."""


class DeviceRunner:
    """Runs one appliance, with the parts that are handed in."""

    def __init__(
        self,
        appliance: Appliance,
        driver: Driver[Any],
        journal: MemoryFile,
        loop: RunnerLoop,
        bus: Bus,
        wall: Callable[[], float],
        log: logging.LoggerAdapter[Any],
        declined: Callable[[float, LogLine], None] | None = None,
        publish_inputs: Callable[[int, int, tuple[Raw, ...]], None] | None = None,
    ) -> None:
        """`wall` returns the wall clock in Unix seconds; `loop` has the device's steady clock.

        `declined` keeps, with its time, each log line about a rule that did not act. `publish_inputs` gets
        what `bus.input.Inputs` has: `number`, `earlier` and the inputs.
        """
        self._appliance = appliance
        self._driver = driver
        self._journal = journal
        self._loop = loop
        self._bus = bus
        self._now = loop.now
        self._wall = wall
        self._log = log
        self._declined = declined
        self._inputs = appliance.inputs if publish_inputs else None
        """The inputs to publish; None if nothing reads them."""
        self._publish_inputs = publish_inputs
        self._input_timer: Timer | None = None
        self._written: DeviceMemory | None = None
        self._is_unwritable = False
        """Whether the appliance was last told that its memory cannot be written."""
        self._published: dict[str, Any] = {}
        self._published_changes: tuple[Any, ...] | None = None
        """What is published as soon as it changes: all but the measurements."""
        self._published_at = 0.0
        self._refresh_at: float | None = None
        """When measurements are published that changed too soon after the last message; None if none did."""
        self._poll_timer: Timer | None = None
        self._unfinished: Timer | None = None
        """The call that finishes the latest event; None if it is finished."""
        self._is_idle = False

    def start(self, is_clock_right: Callable[[], bool]) -> None:
        """Go on from the memory and from the state of the hardware.

        `is_clock_right` returns whether the wall clock is known to be right. Until it is, the rules with
        times of day wait.
        """
        now = self._now()
        if not is_clock_right():
            self._appliance.wait_for_clock()
            self._check_clock_later(is_clock_right)
        self._appliance.start(self._driver.read(now), now, self._wall())
        self._apply()
        self.finish()

    def receive(self, message: State | Heartbeat | Report) -> None:
        """Handle a message of another device."""
        if isinstance(message, State):
            self.finish()
            self._appliance.on_state(message, self._now(), self._wall())
            self._apply()
        elif isinstance(message, Heartbeat):
            self._appliance.on_heartbeat(message.device, self._now(), self._wall() - message.at)
        else:
            self.finish()
            self._appliance.on_report(message, self._now(), self._wall())
            self._apply()

    def handle_command(self, command: Command) -> Receipt:
        """Return the receipt of a command. By then the memory is written and the state is published."""
        self.finish()
        receipt = self._appliance.handle_command(command, self._now(), self._wall())
        self._apply()
        return self._appliance.receipt(command.id) or receipt

    def poll(self) -> None:
        """Read the hardware and advance time."""
        self.finish()
        now, wall = self._now(), self._wall()
        reading = self._driver.read(now)
        is_writable = self._journal.error is None
        is_published = self._refresh_at is None
        is_still = self._is_idle and is_writable and is_published
        if is_still and self._appliance.is_unchanged(reading, now, wall):
            self._set_poll_timer(self._appliance.next_deadline())
            return
        self._appliance.advance(now, wall)
        self._appliance.on_reading(reading, now, wall)
        self._apply()

    def finish(self) -> None:
        """Finish the latest event: set the hardware, and write and publish what it answers."""
        if self._unfinished is None:
            return
        self._unfinished.cancel()
        self._unfinished = None
        while (setting := self._appliance.next_setting(self._now())) is not None:
            self._driver.set(setting, self._appliance.cause, self._now())
            now = self._now()
            self._appliance.on_reading(self._driver.read(now), now, self._wall())
            self._write_and_publish()
        for line in self._appliance.log_lines:
            self._log.log(LOG_LEVELS[line.level], line.text, cause=line.cause)
            if line.refusal is not None and self._declined is not None:
                self._declined(self._wall(), line)
        self._appliance.log_lines.clear()
        if self._inputs and self._inputs.has_news and self._input_timer is None:
            self._input_timer = self._loop.at(self._loop.next_tick(INPUT_SECONDS), self._send_inputs)
        self._is_idle = self._appliance.is_idle
        self._set_poll_timer(self._appliance.next_deadline())

    def stop(self) -> None:
        """Finish the latest event, write the latest memory, and publish the inputs that wait."""
        self.finish()
        self._appliance.prepare_stop()
        self._write(self._appliance.memory)
        self._send_inputs()

    def _send_inputs(self) -> None:
        """Publish the latest outside inputs, if there are new ones."""
        self._input_timer = None
        if self._publish_inputs and self._inputs and self._inputs.has_news:
            found = self._inputs.publishable()
            self._publish_inputs(self._inputs.number, self._inputs.earlier, found)

    def _apply(self) -> None:
        """Write the memory and publish the state; finish a moment later, but what heats at once."""
        self._write_and_publish()
        self._unfinished = self._loop.at(self._now() + PUT_OFF_SECONDS, self.finish)
        if self._appliance.heats:
            self.finish()

    def _write_and_publish(self) -> None:
        """Write a changed memory, and publish a changed state. A failed write may take a decision back."""
        memory = self._appliance.memory
        while not self._write(memory):
            memory = self._appliance.memory
        self._publish(memory)

    def _write(self, memory: DeviceMemory) -> bool:
        """Write a changed memory to the journal; return False if that fails and a decision was taken back.

        A decision that must be taken back anyway, because the journal has failed in between, is not written.
        """
        if self._journal.error is not None and self._take_back():
            return False
        if memory != self._written or self._is_unwritable:
            self._written = memory
            number = self._appliance.inputs.number
            self._journal.save(replace(memory, written_at=self._now(), input_number=number))
            return not self._take_back()
        return True

    def _take_back(self) -> bool:
        """Report to the appliance whether its memory is written; return whether a decision was taken back."""
        self._is_unwritable = self._journal.error is not None
        return self._appliance.set_storage_error(self._journal.error, self._now(), self._wall())

    def _publish(self, memory: DeviceMemory) -> None:
        """Publish a changed state at once, and changed measurements at most once per refresh."""
        now = self._now()
        state = self._appliance.state(now)
        reason, origin = self._appliance.published_reason
        changes = (memory.last_state, memory.change_times, memory.cause, origin, state.get("confirmed"))
        is_changed = self._published_changes is None or changes != self._published_changes
        self._refresh_at = None
        if not is_changed and now - self._published_at < REFRESH_SECONDS:
            if state != self._published:
                self._refresh_at = self._published_at + REFRESH_SECONDS
            return
        if is_changed or state != self._published:
            self._published, self._published_changes, self._published_at = state, changes, now
            since, times = self._appliance.since, memory.change_times
            past = memory.encoded_past
            self._bus.publish(StateContent(state, since, times, memory.cause, past, reason, origin))

    def _check_clock_later(self, is_clock_right: Callable[[], bool]) -> None:
        """Ask again and again whether the wall clock is right, until it is."""

        def check() -> None:
            if not is_clock_right():
                self._check_clock_later(is_clock_right)
                return
            self.finish()
            self._appliance.trust_clock(self._now(), self._wall())
            self._apply()

        self._loop.at(self._now() + CLOCK_SECONDS, check)

    def _set_poll_timer(self, deadline: float | None) -> None:
        """Poll again at a deadline (steady seconds), and after a while anyway, to notice a manual switch."""
        refresh = self._loop.next_tick(IDLE_SECONDS if self._is_idle else REFRESH_SECONDS)
        times = (refresh, deadline, self._driver.due(self._now()), self._refresh_at)
        if self._poll_timer:
            self._poll_timer.cancel()
        self._poll_timer = self._loop.at(min(at for at in times if at is not None), self.poll)
