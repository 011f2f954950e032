"""Every driver of real hardware meets the same faults, against its emulator.
The driver runs as in a device: a loop watches its socket and reads, and never waits for the driver. A
test that an emulator names in `unsupported_tests` is skipped: the fault cannot happen to its hardware.
Most of these faults cannot happen to pins (gpio) either: pins have no connection, no answer and no
password. The faults of pins are in test_gpio.py.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from daemons.config import loader
from daemons.drivers import Driver
from daemons.kinds import Reading, Setting
from daemons.runtime.clock import Clock
from daemons.runtime.loop import Loop
from daemons.values import Problem, parse_table
from tests.support.emulator import EMULATORS, PASSWORD, Emulator, emulator, table
from tests.support.house import PROJECT, eventually
from tests.support.patience import patience
from tests.support.silent_host import has_connection_attempt, silent_port

FAST = ("command", "shelly")
"""The emulators of the tests below in the normal run; the others run with `make test-long`."""
PATIENCE_SECONDS = 20.0
NEVER_LONGER_SECONDS = 1.0
"""The longest time that `set` and `read` may block their device. It is far shorter than any fault here,
and much longer than the calls take on a busy machine.
"""


class DriverHarness:
    """A driver in an event loop, as in a device, and its latest reading."""

    def __init__(self, word: str, options: dict[str, Any]) -> None:
        problems: list[Problem] = []
        kind = loader.driver(word)
        typed = parse_table(options, kind.options_type, (), problems)
        assert typed is not None, problems
        self.clock = Clock()
        self.loop = Loop(self.clock.now)
        self.driver: Driver[Any] = kind("plug", typed)
        self.reading = Reading(reachable=None)
        self.slowest = 0.0
        """The longest time, in seconds, for which the driver blocked the loop."""
        self._condition: Callable[[Reading], Any] = lambda _: False

    def start(self) -> None:
        """Open the driver, and watch its socket."""
        self._time(lambda: self.driver.open(((1.0, 1000.0),), self.clock.now()))
        if self.driver.socket is not None:
            self.loop.watch(self.driver.socket, self.poll)
        self.loop.every(0.5, self.poll)

    def poll(self) -> None:
        """Read, as the loop of a device does."""
        self._time(self._poll)
        if self._condition(self.reading):
            self.loop.stop("met")

    def _poll(self) -> None:
        self.reading = self.driver.read(self.clock.now())
        due = self.driver.due(self.clock.now())
        if due is not None:
            self.loop.at(due, self.poll)

    def _time(self, call: Callable[[], None]) -> None:
        began = time.monotonic()
        call()
        self.slowest = max(self.slowest, time.monotonic() - began)

    def wait_until(
        self, condition: Callable[[Reading], Any], what: str, patience: float = PATIENCE_SECONDS
    ) -> Reading:
        """Run the loop until a reading meets the condition; fail after `patience` seconds."""
        self._condition = condition
        self.loop.stop_reason = None
        end = self.loop.at(self.clock.now() + patience, lambda: self.loop.stop("patience"))
        self.poll()
        if self.loop.stop_reason is None:
            self.loop.run()
        end.cancel()
        assert condition(self.reading), f"waited in vain for {what}; the last reading: {self.reading}"
        return self.reading

    def set(self, on: bool, off_after_seconds: float | None = None) -> None:
        """Request a setting: on or off."""
        setting = Setting(on=on, off_after_seconds=off_after_seconds)
        self._time(lambda: self.driver.set(setting, "a1", self.clock.now()))

    def wait_for_on(self, on: bool) -> Reading:
        """Wait until the hardware reports that it is on, or off."""
        return self.wait_until(lambda r: r.on is on and r.reachable, f"{'on' if on else 'off'}")


@contextmanager
def running_driver(word: str, options: dict[str, Any]) -> Iterator[DriverHarness]:
    """Yield an opened driver; at the end, close it and check that it blocked no call."""
    harness = DriverHarness(word, options)
    harness.start()
    try:
        yield harness
    finally:
        harness.driver.close()
    assert harness.slowest < patience(NEVER_LONGER_SECONDS)


FAST_OR_LONG = [pytest.param(name, marks=() if name in FAST else pytest.mark.long) for name in EMULATORS]
"""In the normal run, the other drivers are tested by their own files: a fault takes up to six seconds."""


@pytest.fixture(params=FAST_OR_LONG)
def plug(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Emulator]:
    """Yield each emulator that supports the fault in the name of the test."""
    kind = emulator(request.param)
    if request.function.__name__.removeprefix("test_") in kind.unsupported_tests:
        pytest.skip(f"{request.param} does not support this fault")
    with kind(tmp_path) as made:
        yield made


def test_every_driver_has_an_emulator() -> None:
    """A new driver of hardware needs an emulator, or a tested exception like gpio.

    A driver that switches nothing has tests of its own: it delivers messages, or reports whether a person is
    there, the weather or a calendar.
    """
    drivers = {word: loader.driver(word) for word in loader.available("drivers")}
    switching = {
        word: one
        for word, one in drivers.items()
        if one.abilities - {"notify", "presence", "forecast", "events"}
    }
    assert {word for word, one in switching.items() if one.real and one.runs_here} == {*EMULATORS, "gpio"}
    for word in drivers.keys() - switching.keys() - {"virtual", "recorded"}:
        assert Path(__file__).with_name(f"test_{word}.py").exists(), word


def test_a_plug_is_switched_on_and_off(plug: Emulator) -> None:
    """Each setting switches the hardware once, and its reading confirms it."""
    with running_driver(plug.driver, plug.options()) as harness:
        harness.wait_for_on(on=False)
        for on in (True, False, True):
            harness.set(on)
            reading = harness.wait_for_on(on)
            assert plug.on is on
            assert reading.fault is None
        assert plug.switchings == [True, False, True]


def test_the_state_at_the_start_is_read(plug: Emulator) -> None:
    """Hardware that was on before the device started stays on."""
    plug.switch_by_hand(on=True)
    with running_driver(plug.driver, plug.options()) as harness:
        harness.wait_for_on(on=True)
    assert plug.switchings == [True]


def test_its_power_is_reported(plug: Emulator) -> None:
    """A meter reports its power in watts; without a meter the power is None, not zero."""
    with running_driver(plug.driver, plug.options()) as harness:
        harness.set(on=True)
        harness.wait_for_on(on=True)
        if plug.has_meter:
            harness.wait_until(lambda r: r.power_watts == pytest.approx(1000.0, rel=0.01), "a kilowatt")
        else:
            assert harness.reading.power_watts is None


def test_a_manual_switch_is_reported(plug: Emulator) -> None:
    """A switch by the hardware's own button is read without a request."""
    with running_driver(plug.driver, plug.options()) as harness:
        harness.wait_for_on(on=False)
        for on in (True, False):
            plug.switch_by_hand(on)
            assert harness.wait_for_on(on).cause is None


def test_its_timer_is_armed(plug: Emulator) -> None:
    """Hardware with an off timer gets the new time with each setting."""
    if not plug.has_timer:
        pytest.skip("the hardware has no timer")
    with running_driver(plug.driver, plug.options()) as harness:
        harness.wait_for_on(on=False)
        for seconds in (300.0, 200.0):
            harness.set(on=True, off_after_seconds=seconds)
            harness.wait_for_on(on=True)
            harness.wait_until(is_armed_for(plug, seconds), "its timer")


def is_armed_for(plug: Emulator, seconds: float) -> Callable[[Reading], bool]:
    """Return a function that checks the time to which the hardware's timer is set."""
    return lambda _: plug.armed_seconds == pytest.approx(seconds, rel=0.05, abs=2)


def test_unreachable_at_start(plug: Emulator) -> None:
    """The fault names the address, and the setting is applied as soon as the hardware answers."""
    plug.stop()
    with running_driver(plug.driver, plug.options()) as harness:
        lost = harness.wait_until(lambda r: r.reachable is False, "its disconnection")
        assert lost.fault
        harness.set(on=True)
        plug.open()
        harness.wait_for_on(on=True)
        assert plug.switchings == [True]


def test_unreachable_while_on(plug: Emulator) -> None:
    """The hardware is reported as unreachable; after the reconnection, it is switched off once."""
    with running_driver(plug.driver, plug.options()) as harness:
        harness.set(on=True)
        harness.wait_for_on(on=True)
        plug.stop()
        lost = harness.wait_until(lambda r: r.reachable is False, "its disconnection", 60.0)
        assert lost.fault
        for _ in range(3):
            harness.set(on=False)
        plug.open()
        harness.wait_for_on(on=False)
        assert plug.switchings == [True, False]


def test_closing_does_not_wait_for_a_connection_attempt(plug: Emulator) -> None:
    """The driver can be closed while the other side neither accepts nor refuses the connection."""
    options = plug.options()
    if not {"address", "port"} & options.keys():
        pytest.skip("the hardware has no network address")
    with silent_port() as port:
        silent = {"address": f"127.0.0.1:{port}"} if "address" in options else {"port": port}
        with running_driver(plug.driver, {**options, **silent}) as harness:
            eventually(lambda: has_connection_attempt(port))
            began = time.monotonic()
        assert harness.reading.reachable is None
        assert time.monotonic() - began < patience(NEVER_LONGER_SECONDS)


def test_only_the_latest_setting_is_applied_after_a_reconnection(plug: Emulator) -> None:
    """Settings that were replaced while the hardware was unreachable are never applied."""
    plug.stop()
    with running_driver(plug.driver, plug.options()) as harness:
        harness.wait_until(lambda r: r.reachable is False, "its disconnection")
        for on in (True, False, True, False):
            harness.set(on)
        plug.open()
        harness.wait_for_on(on=False)
        assert plug.switchings == []


def test_hanging_hardware_is_unreachable(plug: Emulator) -> None:
    """Hardware that accepts connections but never answers is reported as unreachable, and blocks no call."""
    with running_driver(plug.driver, plug.options()) as harness:
        harness.wait_for_on(on=False)
        plug.hang()
        harness.set(on=True)
        harness.wait_until(lambda r: r.reachable is False, "its disconnection", 60.0)
        plug.recover()
        harness.wait_for_on(on=True)


def test_slow_hardware_is_reachable(plug: Emulator) -> None:
    """An answer that takes a second is accepted."""
    with running_driver(plug.driver, plug.options()) as harness:
        harness.wait_for_on(on=False)
        plug.slow_down(1.0)
        harness.set(on=True)
        harness.wait_for_on(on=True)
        assert plug.switchings == [True]


SLOW_SECONDS = {
    "shelly": 2.6,
    "shelly_gen1": 2.6,
    "kasa": 1.5,
    "command": 1.0,
    "mqtt": 3.0,
    "mqtt_tasmota": 3.0,
    "mqtt_zigbee2mqtt": 3.0,
    "zmq": 1.5,
    "esphome": 1.2,
}
"""Answers that each take this long are within the time limits of the driver."""


def test_a_setting_is_pending_until_slow_hardware_has_answered(plug: Emulator) -> None:
    """The driver reports no state before the answer, and does not take the hardware for lost."""
    with running_driver(plug.driver, plug.options()) as harness:
        harness.wait_for_on(on=False)
        plug.slow_down(SLOW_SECONDS[plug.driver])
        harness.set(on=True, off_after_seconds=600.0 if plug.has_timer else None)
        harness.wait_until(lambda r: r.is_pending, "a pending setting")
        reading = harness.wait_until(lambda r: not r.is_pending, "the answer", 60.0)
        assert (reading.on, reading.reachable, reading.losses) == (True, True, 0)
        assert plug.switchings == [True]


@pytest.mark.parametrize("word", ["shelly", "shelly_gen1", "kasa", "mqtt_tasmota"])
def test_a_running_timer_is_read(word: str, tmp_path: Path) -> None:
    """A driver that connects to hardware whose own timer runs reports the rest of it."""
    with emulator(word)(tmp_path) as plug:
        with running_driver(word, plug.options()) as harness:
            harness.wait_for_on(on=False)
            harness.set(on=True, off_after_seconds=600.0)
            harness.wait_for_on(on=True)
        with running_driver(word, plug.options()) as harness:
            reading = harness.wait_for_on(on=True)
            assert reading.off_after_seconds == pytest.approx(600, abs=30)


def test_garbage_is_a_fault(plug: Emulator) -> None:
    """Garbage ends only the connection. It is reported as a fault until the hardware sends valid messages."""
    with running_driver(plug.driver, plug.options()) as harness:
        harness.wait_for_on(on=False)
        plug.garble()
        harness.set(on=True)
        harness.wait_until(lambda r: r.fault is not None, "a fault", 60.0)
        plug.recover()
        assert harness.wait_for_on(on=True).fault is None


JUNK = {
    "deep": b"[" * 5000,
    "deep object": b'{"a":' * 5000,
    "long": b"x" * 60_000,
    "wrong answer": b'{"id": [], "result": 1, "error": [], "system": {"get_sysinfo": [1]}, "on": {}}',
    "wrong error": b'{"id": 1, "error": {"code": {}, "message": []}}',
    "wrong events": b'{"method": "NotifyEvent", "params": {"events": 1, "switch:0": {"errors": [{}]}}}',
    "large number": b'{"id": 1, "result": {"output": true, "apower": 1' + b"0" * 400 + b"}}",
}
"""What hardware never sends: each one is a fault of the hardware, and none is one of the driver."""


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_junk_is_a_fault_of_the_hardware(
    plug: Emulator, junk: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The fault says what the hardware sent. It is short enough for a state, and nothing is in the log."""
    with running_driver(plug.driver, plug.options()) as harness:
        harness.wait_for_on(on=False)
        plug.garble(lambda: junk)
        harness.set(on=True)
        reading = harness.wait_until(lambda r: r.fault is not None, "a fault", 60.0)
        assert len(str(reading.fault)) <= 300
        assert "its driver has failed" not in str(reading.fault) + caplog.text
        plug.recover()
        assert harness.wait_for_on(on=True).fault is None


def test_a_password_is_accepted(plug: Emulator, tmp_path: Path) -> None:
    """The driver connects with the right password. The configuration names the file, not the password."""
    plug.stop()
    closed = type(plug)(tmp_path, password=PASSWORD)
    options = {**closed.options(), "password_file": closed.write_password(PASSWORD)}
    with closed, running_driver(plug.driver, options) as harness:
        harness.wait_for_on(on=False)
        harness.set(on=True)
        harness.wait_for_on(on=True)


def test_a_wrong_password_is_refused(
    plug: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The fault names the password as the cause; the password itself is in no fault and no log."""
    plug.stop()
    closed = type(plug)(tmp_path, password=PASSWORD)
    options = {**closed.options(), "password_file": closed.write_password("wr0ng-one")}
    with closed, running_driver(plug.driver, options) as harness:
        lost = harness.wait_until(lambda r: r.reachable is False, "its refusal")
        assert any(word in str(lost.fault).lower() for word in ("password", "auth", "credential"))
        assert "wr0ng-one" not in str(lost.fault) + caplog.text
    assert closed.switchings == []


def test_a_reboot_while_on(plug: Emulator) -> None:
    """After the reboot the reading is the state of the hardware: off first, on the second time."""
    with running_driver(plug.driver, plug.options()) as harness:
        harness.set(on=True)
        harness.wait_for_on(on=True)
        plug.reboot(on=False)
        harness.wait_for_on(on=False)
        harness.set(on=True)
        harness.wait_for_on(on=True)
        plug.reboot(on=True)
        harness.wait_for_on(on=True)


@pytest.mark.long
@pytest.mark.parametrize("plug", EMULATORS, indirect=True)
def test_an_owner_can_test_their_own_hardware(plug: Emulator) -> None:
    """test_hardware.py passes with an emulator, and switches hardware that was on back on."""
    plug.switch_by_hand(on=True)
    words = ["--device", f"{plug.driver}={table(plug.options())}", "-p", "no:cacheprovider", "-n", "0"]
    command = [sys.executable, "-m", "pytest", "tests/drivers/test_hardware.py", *words]
    done = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, timeout=patience(90), check=False
    )
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout
    assert plug.switchings == [True, False, True]
