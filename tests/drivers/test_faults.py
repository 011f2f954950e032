"""Every driver of real hardware through the same faults, against its emulator.

The driver runs as a device runs it: a loop watches its socket and reads, and never waits for it. What an
emulator `lacks` no hardware of its sort can have. Pins (gpio) can have none of most of this: there is
no connection, no answer and no password; so test_gpio.py has what they can.
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
from tests.support.silent_host import is_asked, silent_port

PATIENCE_SECONDS = 20.0
NEVER_LONGER_SECONDS = 1.0
"""How long `set` and `read` may hold up their device: far less than any fault here lasts, and much more
than they take on a machine that is busy."""


class Stand:
    """A driver in a loop, as in a device; and what it read last."""

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
        """How long, in seconds, the driver has held up its loop at the most."""
        self._met: Callable[[Reading], Any] = lambda _: False

    def begin(self) -> None:
        """Plug in, and watch."""
        self._time(lambda: self.driver.plug_in(((1.0, 1000.0),), self.clock.now()))
        if self.driver.socket is not None:
            self.loop.watch(self.driver.socket, self.look)
        self.loop.every(0.5, self.look)

    def look(self) -> None:
        """Read, as a device does."""
        self._time(self._look)
        if self._met(self.reading):
            self.loop.stop("met")

    def _look(self) -> None:
        self.reading = self.driver.read(self.clock.now())
        due = self.driver.due(self.clock.now())
        if due is not None:
            self.loop.at(due, self.look)

    def _time(self, call: Callable[[], None]) -> None:
        began = time.monotonic()
        call()
        self.slowest = max(self.slowest, time.monotonic() - began)

    def until(self, met: Callable[[Reading], Any], what: str, patience: float = PATIENCE_SECONDS) -> Reading:
        """Run the loop until a reading is as wanted."""
        self._met = met
        self.loop.stop_reason = None
        end = self.loop.at(self.clock.now() + patience, lambda: self.loop.stop("patience"))
        self.look()
        if self.loop.stop_reason is None:
            self.loop.run()
        end.cancel()
        assert met(self.reading), f"waited in vain for {what}; the last reading: {self.reading}"
        return self.reading

    def set(self, on: bool, off_after_seconds: float | None = None) -> None:
        """Want it on or off."""
        setting = Setting(on=on, off_after_seconds=off_after_seconds)
        self._time(lambda: self.driver.set(setting, "a1", self.clock.now()))

    def reaches(self, on: bool) -> Reading:
        """Wait until the hardware says that it is on, or off."""
        return self.until(lambda r: r.on is on and r.reachable, f"{'on' if on else 'off'}")


@contextmanager
def standing(word: str, options: dict[str, Any]) -> Iterator[Stand]:
    """Have a driver plugged in; afterwards nothing of it is left, and it has held up nobody."""
    stand = Stand(word, options)
    stand.begin()
    try:
        yield stand
    finally:
        stand.driver.close()
    assert stand.slowest < NEVER_LONGER_SECONDS


@pytest.fixture(params=EMULATORS)
def plug(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Emulator]:
    """Give each emulator that can have the fault which the test is named after, plugged in."""
    kind = emulator(request.param)
    if request.function.__name__.removeprefix("test_") in kind.lacks:
        pytest.skip(f"{request.param} knows nothing of that")
    with kind(tmp_path) as made:
        yield made


def test_no_driver_is_left_out() -> None:
    """One that is added gets an emulator, or a reason."""
    drivers = {word: loader.driver(word) for word in loader.available("drivers")}
    assert {word for word, one in drivers.items() if one.real and one.runs_here} == {*EMULATORS, "gpio"}


def test_it_is_switched_on_and_off(plug: Emulator) -> None:
    """What is wanted is done once, and told."""
    with standing(plug.driver, plug.options()) as stand:
        stand.reaches(on=False)
        for on in (True, False, True):
            stand.set(on)
            reading = stand.reaches(on)
            assert plug.on is on
            assert reading.fault is None
        assert plug.switchings == [True, False, True]


def test_it_is_read_as_it_is(plug: Emulator) -> None:
    """What was on before the device came is on, and nobody switches it."""
    plug.hand(on=True)
    with standing(plug.driver, plug.options()) as stand:
        stand.reaches(on=True)
    assert plug.switchings == [True]


def test_its_power_is_told(plug: Emulator) -> None:
    """A meter's watts arrive; hardware without one tells none, not zero."""
    with standing(plug.driver, plug.options()) as stand:
        stand.set(on=True)
        stand.reaches(on=True)
        if plug.meters:
            stand.until(lambda r: r.power_watts == pytest.approx(1000.0, rel=0.01), "a kilowatt")
        else:
            assert stand.reading.power_watts is None


def test_its_own_button_is_told(plug: Emulator) -> None:
    """A hand at the hardware is seen without being asked for."""
    with standing(plug.driver, plug.options()) as stand:
        stand.reaches(on=False)
        for on in (True, False):
            plug.hand(on)
            assert stand.reaches(on).cause is None


def test_its_own_timer_is_armed(plug: Emulator) -> None:
    """Hardware with a timer of its own is told when to go off, and told anew each time it is asked."""
    if not plug.arms:
        pytest.skip("it has no timer of its own")
    with standing(plug.driver, plug.options()) as stand:
        stand.reaches(on=False)
        for seconds in (300.0, 200.0):
            stand.set(on=True, off_after_seconds=seconds)
            stand.reaches(on=True)
            stand.until(is_armed_for(plug, seconds), "its arming")


def is_armed_for(plug: Emulator, seconds: float) -> Callable[[Reading], bool]:
    """Give what tells whether the hardware's own timer was set to so long."""
    return lambda _: plug.armed_seconds == pytest.approx(seconds, rel=0.05, abs=2)


def test_unreachable_at_start(plug: Emulator) -> None:
    """It says who does not answer, and does what is wanted as soon as that one is there."""
    plug.unplug()
    with standing(plug.driver, plug.options()) as stand:
        lost = stand.until(lambda r: r.reachable is False, "its loss")
        assert lost.fault
        stand.set(on=True)
        plug.plug_in()
        stand.reaches(on=True)
        assert plug.switchings == [True]


def test_unreachable_while_on(plug: Emulator) -> None:
    """It is told as lost; off is done when it is there again, however often it was asked."""
    with standing(plug.driver, plug.options()) as stand:
        stand.set(on=True)
        stand.reaches(on=True)
        plug.unplug()
        lost = stand.until(lambda r: r.reachable is False, "its loss", 60.0)
        assert lost.fault
        for _ in range(3):
            stand.set(on=False)
        plug.plug_in()
        stand.reaches(on=False)
        assert plug.switchings == [True, False]


def test_an_attempt_to_reach_it_holds_up_no_end(plug: Emulator) -> None:
    """Closed in the midst of connecting to who neither answers nor refuses, nothing of it is left."""
    options = plug.options()
    if not {"address", "port"} & options.keys():
        pytest.skip("it is no network that it is reached by")
    with silent_port() as port:
        silent = {"address": f"127.0.0.1:{port}"} if "address" in options else {"port": port}
        with standing(plug.driver, {**options, **silent}) as stand:
            eventually(lambda: is_asked(port))
            began = time.monotonic()
        assert stand.reading.reachable is None
        assert time.monotonic() - began < NEVER_LONGER_SECONDS


def test_only_the_last_wish_counts(plug: Emulator) -> None:
    """What was wanted while it was away, and is not wanted any more, is never done."""
    plug.unplug()
    with standing(plug.driver, plug.options()) as stand:
        stand.until(lambda r: r.reachable is False, "its loss")
        for on in (True, False, True, False):
            stand.set(on)
        plug.plug_in()
        stand.reaches(on=False)
        assert plug.switchings == []


def test_it_hangs(plug: Emulator) -> None:
    """Hardware that takes connections and says nothing is lost, in its time, and holds up nobody."""
    with standing(plug.driver, plug.options()) as stand:
        stand.reaches(on=False)
        plug.hang()
        stand.set(on=True)
        stand.until(lambda r: r.reachable is False, "its loss", 60.0)
        plug.recover()
        stand.reaches(on=True)


def test_it_is_slow(plug: Emulator) -> None:
    """An answer that takes a second is an answer."""
    with standing(plug.driver, plug.options()) as stand:
        stand.reaches(on=False)
        plug.slow(1.0)
        stand.set(on=True)
        stand.reaches(on=True)
        assert plug.switchings == [True]


def test_it_talks_garbage(plug: Emulator) -> None:
    """Garbage ends nothing but the connection; it is told, and over when sense is talked again."""
    with standing(plug.driver, plug.options()) as stand:
        stand.reaches(on=False)
        plug.garble()
        stand.set(on=True)
        stand.until(lambda r: r.fault is not None, "a fault", 60.0)
        plug.recover()
        assert stand.reaches(on=True).fault is None


def test_it_wants_a_password(plug: Emulator, tmp_path: Path) -> None:
    """With the right one it works; the file is named in the configuration, not the password."""
    plug.unplug()
    closed = type(plug)(tmp_path, password=PASSWORD)
    options = {**closed.options(), "password_file": closed.secret(PASSWORD)}
    with closed, standing(plug.driver, options) as stand:
        stand.reaches(on=False)
        stand.set(on=True)
        stand.reaches(on=True)


def test_it_refuses_a_wrong_password(
    plug: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong one is told as such, and stands nowhere in what is told or logged."""
    plug.unplug()
    closed = type(plug)(tmp_path, password=PASSWORD)
    options = {**closed.options(), "password_file": closed.secret("wr0ng-one")}
    with closed, standing(plug.driver, options) as stand:
        lost = stand.until(lambda r: r.reachable is False, "its refusal")
        assert any(word in str(lost.fault).lower() for word in ("password", "auth", "credential"))
        assert "wr0ng-one" not in str(lost.fault) + caplog.text
    assert closed.switchings == []


def test_it_reboots_while_on(plug: Emulator) -> None:
    """A plug that comes back off is off, and one that comes back on is on, and its loss was told."""
    with standing(plug.driver, plug.options()) as stand:
        stand.set(on=True)
        stand.reaches(on=True)
        plug.reboot(on=False)
        stand.reaches(on=False)
        stand.set(on=True)
        stand.reaches(on=True)
        plug.reboot(on=True)
        stand.reaches(on=True)


def test_an_owner_can_try_their_own(plug: Emulator) -> None:
    """As test_hardware.py says; a plug that was on is on again, and one that is not there is a failure."""
    plug.hand(on=True)
    words = ["--device", f"{plug.driver}={table(plug.options())}", "-p", "no:cacheprovider", "-n", "0"]
    command = [sys.executable, "-m", "pytest", "tests/drivers/test_hardware.py", *words]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout
    assert plug.switchings == [True, False, True]
