"""A test of one device's hardware without its process: reads it, and switches it on and off again.

If the hardware has its own timer, the timer switches it off after `OFF_TIMER_SECONDS`. After an error or
Ctrl-C, the test switches the hardware off.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import zmq
from msgspec import Struct
from msgspec.structs import replace

from daemons.config.device import Device
from daemons.errors import AlreadyRunning, HouseError, Rejected
from daemons.kinds import Machine, Message, Reading, Setting
from daemons.runtime.clock import Clock
from daemons.storage.lock import NameLock

PATIENCE_SECONDS = 10.0
"""The maximum time for each step, in seconds."""
OFF_TIMER_SECONDS = 10.0
"""The hardware's own timer is set to this time while the test has it on."""
METER_SECONDS = 3.0
"""How long the test waits for the first power value."""
REPORT_SECONDS = 15.0
"""How long the test waits for a press, or for a measurement of a sensor."""
MESSAGE_SECONDS = 65.0
"""How long the test waits for the outcome of a message. A driver takes at most 60 s."""
TEST_MESSAGE = "This is a test message of your house."
POLL_SECONDS = 0.5
Fields = tuple[tuple[str, str], ...]
"""Fields of a Reading, each with the unit that is printed."""
SWITCHED_FIELDS: Fields = (
    ("power_watts", " W"),
    ("brightness_percent", "% bright"),
    ("colour_temperature_kelvin", " K"),
    ("colour", ""),
    ("position_percent", "% open"),
)
BATTERY_FIELDS: Fields = (("battery_percent", "% battery"),)
THERMOSTAT_FIELDS: Fields = (
    ("target_celsius", " °C target"),
    ("temperature_celsius", " °C"),
    ("valve_percent", "% open"),
    ("battery_percent", "% battery"),
)
SENSOR_FIELDS: Fields = (
    ("temperature_celsius", " °C"),
    ("humidity_percent", "% humidity"),
    ("battery_percent", "% battery"),
)


class TestStep(Struct, frozen=True):
    """One step of a test, and its result."""

    what: str
    worked: bool
    milliseconds: float = 0.0
    detail: str = ""


class HardwareTest:
    """One test of a device's hardware; as a context manager, it holds the lock of the device's name."""

    def __init__(self, device: Device) -> None:
        """Create the test; raises Rejected if the device drives no hardware."""
        if device.driver is None or not issubclass(device.kind, Machine):
            raise Rejected(f"{device.name} drives no hardware")
        self._driver = device.driver(device.name, device.driver_options)
        self._driver.wanted = device.kind.needs
        self._machine: Machine[Any, Any] = device.kind(device.options, self._driver.speed)
        self._name = device.name
        self._now = Clock().now
        self._poller = zmq.Poller()
        self._presses: list[str] = []
        self._is_switched = False
        """Whether the test has switched the hardware on, and no reading has shown it off since."""
        self._left_state = "nothing was switched"

    @property
    def risk(self) -> str | None:
        """Return why a person must be present during the test, or None."""
        if "move" in self._machine.needs:
            return "it moves"
        return "it heats" if self._machine.heats else None

    def __enter__(self) -> Self:
        """Lock the name and open the driver; raises HouseError if the device's process runs."""
        try:
            self._lock = NameLock(self._name)
        except AlreadyRunning as error:
            why = f"its process runs (PID {error.pid})" if error.pid else "its process runs"
            raise HouseError(
                f"{self._name}: {why}, and only one process may switch it; `house stop {self._name}` first, "
                f"and `house start {self._name}` after"
            ) from error
        self._driver.open(self._machine.power_profile(), self._now())
        if self._driver.socket is not None:
            self._poller.register(self._driver.socket, zmq.POLLIN)
        return self

    def __exit__(self, *_: object) -> None:
        """Switch off what the test has switched on, also after an error."""
        try:
            if self._is_switched:
                with suppress(KeyboardInterrupt):
                    self._switch(Setting(on=False))
        finally:
            self._driver.close()
            self._lock.release()

    @property
    def waits_for_press(self) -> bool:
        """Whether a person must press the device."""
        return "press" in self._machine.needs

    @property
    def _is_only_read(self) -> bool:
        """Whether nothing is switched; a thermostat is not, because it may sleep, and heats for long."""
        return not self._machine.drives or "regulate" in self._machine.needs

    @property
    def how_to_press(self) -> str:
        """Return how to press a simulated button; empty for a real one."""
        if self._driver.real:
            return ""
        return f" (simulated: add a line to {Path('hardware', self._name, 'presses.jsonl').absolute()})"

    def outcome(self, worked: bool) -> str:
        """Return a sentence with the result and the final state of the hardware."""
        if self._is_switched:
            after = f"{OFF_TIMER_SECONDS:g} s"
            return f"it did not report off; switch it off yourself (its own timer may, after {after})."
        if self._is_only_read:
            return "all worked." if worked else "not all worked."
        return f"{'all worked' if worked else 'not all worked'}; {self._left_state}."

    def steps(self) -> Iterator[TestStep]:
        """Run and yield each step; stop after the first one that fails."""
        first, step = self._wait_for("answers", lambda r: r.reachable and self._is_known(r), PATIENCE_SECONDS)
        yield step
        if not step.worked:
            return
        if "notify" in self._machine.needs:
            yield self._deliver_message()
            return
        if self._is_only_read:
            yield self._wait_for_report()
            return
        yield from self._switch_on_and_off(first)

    def _switch_on_and_off(self, first: Reading) -> Iterator[TestStep]:
        direction = None
        if "move" in self._machine.needs:
            direction = "close" if (first.position_percent or 0) > 50 else "open"  # noqa: PLR2004
        on = Setting(on=True, direction=direction, off_after_seconds=OFF_TIMER_SECONDS)  # type: ignore[arg-type]
        step = self._switch(on)
        yield step
        if not step.worked:
            return
        if direction is None:
            _, step = self._wait_for("has a meter", lambda r: r.power_watts is not None, METER_SECONDS)
            yield step if step.worked else TestStep("has no meter, or no reading", worked=True)
        step = self._switch(Setting(on=False))
        yield step
        if step.worked and first.on and direction is None:
            limit = getattr(self._machine.options, "max_on_seconds", None)
            again = Setting(
                on=True,
                brightness_percent=first.brightness_percent,
                colour_temperature_kelvin=first.colour_temperature_kelvin,
                colour=first.colour,
                off_after_seconds=limit,
            )
            step = self._switch(again, "is on again, as it was found")
            if step.worked:
                self._is_switched, self._left_state = False, "it was left on, as it was found"
            yield step

    def _switch(self, setting: Setting, what: str | None = None) -> TestStep:
        """Switch the hardware, and wait until a reading confirms the setting."""
        self._is_switched = self._is_switched or setting.on
        self._driver.set(setting, "trial", self._now())
        met = lambda r: bool(r.reachable) and setting.is_met_by(r)  # noqa: E731
        _, step = self._wait_for(what or f"goes {'on' if setting.on else 'off'}", met, PATIENCE_SECONDS)
        if step.worked and not setting.on:
            self._is_switched = False
            self._left_state = "it was left off"
            if "move" in self._machine.needs:
                self._left_state = "it was stopped where it was"
        return step

    def _deliver_message(self) -> TestStep:
        """Deliver a test message, and wait for its outcome."""
        message = Message(key=f"trial-{os.urandom(5).hex()}", attempt=1, text=TEST_MESSAGE, title="Test")
        self._driver.set(Setting(on=False, message=message), "trial", self._now())
        reading, step = self._wait_for(
            "delivers a test message", lambda r: r.outcome and r.outcome.key == message.key, MESSAGE_SECONDS
        )
        outcome = reading.outcome
        if not step.worked or outcome is None:
            return step
        return replace(step, worked=outcome.result == "taken", detail=outcome.text)

    def _wait_for_report(self) -> TestStep:
        """Wait for a press of a button, or for a measurement of a sensor."""
        if "press" in self._machine.needs:
            _, step = self._wait_for("is pressed", lambda _: self._presses, REPORT_SECONDS)
            return TestStep(
                step.what, step.worked, step.milliseconds, ", ".join(self._presses) or step.detail
            )
        if "events" in self._machine.needs:
            _, step = self._wait_for("has its events", lambda r: r.calendar, REPORT_SECONDS)
            return step
        if "forecast" in self._machine.needs:
            _, step = self._wait_for("has a forecast", lambda r: r.forecast, PATIENCE_SECONDS)
            return step
        _, step = self._wait_for(
            "reports", lambda r: format_measurements(r, SENSOR_FIELDS) or r.on is not None, REPORT_SECONDS
        )
        if step.worked:
            return step
        return TestStep(
            step.what, worked=False, detail=f"{step.detail}; a sensor on a battery may take longer"
        )

    def _is_known(self, reading: Reading) -> bool:
        return reading.on is not None or self._is_only_read

    def _wait_for(self, what: str, met: Callable[[Reading], Any], seconds: float) -> tuple[Reading, TestStep]:
        """Read until `met` accepts a reading, or until `seconds` have passed."""
        began = time.monotonic()
        while True:
            reading = self._driver.read(self._now())
            self._presses += [press.what for press in reading.presses]
            spent = time.monotonic() - began
            if met(reading):
                return reading, TestStep(
                    what, worked=True, milliseconds=spent * 1000, detail=self._describe(reading)
                )
            if spent >= seconds:
                why = (
                    reading.fault
                    or f"not within {seconds:g} s; last reading: {self._describe(reading) or 'none'}"
                )
                return reading, TestStep(what, worked=False, milliseconds=spent * 1000, detail=why)
            due = self._driver.due(self._now())
            pause = min(POLL_SECONDS, seconds - spent)
            if due is not None:
                pause = min(pause, max(0.0, due - self._now()))
            self._poller.poll(int(pause * 1000) + 1)

    def _describe(self, reading: Reading) -> str:
        """Return the measurements and the fault of a reading in one line."""
        fields, words = SENSOR_FIELDS, ("detects nothing", "detects")
        if "notify" in self._machine.needs:
            return reading.fault or ""
        if "events" in self._machine.needs:
            number = len(reading.calendar.events) if reading.calendar else 0
            return reading.fault or f"{number} events in the next three weeks"
        if "forecast" in self._machine.needs:
            return describe_forecast(reading)
        if self._machine.drives:
            fields = THERMOSTAT_FIELDS if self._is_only_read else SWITCHED_FIELDS
            words = ("off", "on")
        elif self.waits_for_press:
            fields, words = BATTERY_FIELDS, ("", "")
        on = "" if reading.on is None else words[reading.on]
        return ", ".join(filter(None, [on, *format_measurements(reading, fields), reading.fault]))


def describe_forecast(reading: Reading) -> str:
    """Return how long the forecast of a reading is, and its fault."""
    steps = reading.forecast.steps if reading.forecast else ()
    hours = f"the weather of {sum(step.seconds for step in steps) / 3600:.0f} hours" if steps else ""
    return ", ".join(filter(None, (hours, reading.fault)))


def format_measurements(reading: Reading, fields: Fields) -> list[str]:
    """Return the measurements of a reading, each with its unit."""
    values = [(getattr(reading, name), unit) for name, unit in fields]
    return [f"{value:g}{unit}" for value, unit in values if value is not None]
