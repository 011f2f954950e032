"""The thread of a driver: the latest wish, the latest reading, and attempts that never hold up anybody."""

import asyncio
import logging
import select
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.drivers.transports import worker
from daemons.drivers.transports.worker import Line, Worker, shorten
from daemons.errors import StorageError, Unreachable
from daemons.kinds import Press, Reading, Setting, Touch
from daemons.runtime.clock import uptime
from tests.support import factories

NOW = factories.START_TIME
ON, OFF = Setting(on=True), Setting(on=False)


@contextmanager
def working(attend: Callable[[Line], Awaitable[None]]) -> Iterator[Worker]:
    """Have a worker, of which nothing is left afterwards."""
    made = Worker("plug", attend)
    try:
        yield made
    finally:
        made.close()
    assert not made._thread.is_alive()


def until(made: Worker, met: Callable[[Reading], object], what: str) -> Reading:
    """Take readings as the device's loop does, whenever there is one, until it is as wanted."""
    end = time.monotonic() + factories.TIMEOUT_SECONDS
    while not met(reading := made.take(NOW)):
        left = end - time.monotonic()
        assert left > 0, f"waited in vain for {what}; the last: {reading}"
        select.select([made.socket], [], [], left)
    return reading


async def obedient(line: Line) -> None:
    """Be hardware that does as it is told, and says so."""
    line.tell(on=False)
    while True:
        setting = await line.wanted()
        line.tell(on=setting.on)


def test_what_is_wanted_is_done_and_told() -> None:
    """A wish comes to the hardware, and what that says comes back, with the moment it was said."""
    with working(obedient) as made:
        until(made, lambda r: r.on is False, "off")
        made.ask(ON)
        reading = until(made, lambda r: r.on is True, "on")
        assert (reading.reachable, reading.fault, reading.at) == (True, None, NOW)


def test_what_is_under_way_is_not_known() -> None:
    """From the wish until the hardware has said what came of it, it is neither on nor off."""
    gate = threading.Event()

    async def late(line: Line) -> None:
        line.tell(on=False)
        setting = await line.wanted()
        await asyncio.to_thread(gate.wait)
        line.tell(on=setting.on)
        await line.wanted()

    with working(late) as made:
        until(made, lambda r: r.on is False, "off")
        made.ask(ON)
        assert made.take(NOW).on is None
        gate.set()
        until(made, lambda r: r.on is True, "on")


def test_only_the_latest_wish_counts() -> None:
    """What was wanted and is not any more is never done."""
    begin, done = threading.Event(), []

    async def slow(line: Line) -> None:
        await asyncio.to_thread(begin.wait)
        while True:
            done.append(await line.wanted())
            line.tell(on=done[-1].on)

    with working(slow) as made:
        for setting in (ON, OFF, ON, Setting(on=True, brightness_percent=30)):
            made.ask(setting)
        begin.set()
        until(made, lambda r: r.on is True, "on")
        assert done == [Setting(on=True, brightness_percent=30)]


def test_a_wish_that_the_line_broke_on_is_wanted_again() -> None:
    """What was not carried out is wanted on the next connection, and what was is not."""
    asked: list[Setting] = []

    async def breaks(line: Line) -> None:
        line.tell(on=False)
        asked.append(await line.wanted())
        if len(asked) == 1:
            raise Unreachable("plug", "127.0.0.1:1", "it went away")
        line.tell(on=True)
        asked.append(await line.wanted())

    with working(breaks) as made:
        made.ask(ON)
        until(made, lambda r: r.on is True, "on")
        assert asked == [ON, ON]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Unreachable("plug", "127.0.0.1:1", "it went away"), "127.0.0.1:1: it went away"),
        (StorageError("the password file /x cannot be read"), "the password file /x cannot be read"),
        (KeyError("power"), "its driver has failed: KeyError: 'power'"),
        (None, "the hardware has ended the connection"),
    ],
)
def test_a_loss_is_told_with_its_reason(error: Exception | None, told: str) -> None:
    """Who does not answer is told as such, whatever went wrong; what was known of it stays."""

    async def fails(line: Line) -> None:
        line.tell(on=True, power_watts=5.0)
        if error:
            raise error

    with working(fails) as made:
        lost = until(made, lambda r: r.reachable is False, "its loss")
    assert lost.fault == told
    assert (lost.on, lost.power_watts) == (True, 5.0)


def test_it_is_tried_again_and_the_same_failure_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Attempts go on for ever; a log is not filled with them."""
    monkeypatch.setattr(worker, "ATTEMPT_AT_ONCE_SECONDS", 0.0)
    monkeypatch.setattr(worker, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(worker, "LONGEST_PAUSE_SECONDS", 0.001)
    attempts: list[float] = []

    async def fails(line: Line) -> None:
        attempts.append(time.monotonic())
        raise KeyError("power")

    with working(fails) as made, caplog.at_level(logging.WARNING):
        until(made, lambda _: len(attempts) > 5, "attempts")
    assert caplog.text.count("Traceback") == 1


def test_a_new_wish_is_worth_an_attempt_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the pause has become, who asks for something does not wait for its end."""
    monkeypatch.setattr(worker, "ATTEMPT_AT_ONCE_SECONDS", 0.0)
    monkeypatch.setattr(worker, "FIRST_PAUSE_SECONDS", 3600.0)
    tried = []

    async def once_away(line: Line) -> None:
        tried.append(True)
        if len(tried) == 1:
            raise Unreachable("plug", "127.0.0.1:1", "no answer")
        await obedient(line)

    with working(once_away) as made:
        until(made, lambda r: r.reachable is False, "its loss")
        made.ask(ON)
        until(made, lambda r: r.on is True, "on")


def test_each_press_is_in_one_reading() -> None:
    """Presses are told in order, once, each with an id of its own."""

    async def pressed(line: Line) -> None:
        touches: tuple[Touch, ...] = ("single", "double", "single")
        for what in touches:
            line.press(what)
        await line.wanted()

    seen: list[Press] = []
    with working(pressed) as made:

        def collect(reading: Reading) -> bool:
            seen.extend(reading.presses)
            return len(seen) >= 3

        until(made, collect, "three presses")
        assert made.take(NOW).presses == ()
    assert [press.what for press in seen] == ["single", "double", "single"]
    assert len({press.id for press in seen}) == 3


def test_a_thread_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that blocks, against the rules, is left to the end of the process."""
    monkeypatch.setattr(worker, "END_SECONDS", 0.05)
    gate, hung = threading.Event(), threading.Event()

    async def blocks(_: Line) -> None:
        hung.set()
        gate.wait()

    made = Worker("plug", blocks)
    assert hung.wait(factories.TIMEOUT_SECONDS)
    made.ask(ON)
    assert made.take(NOW).reachable is None
    made.close()
    gate.set()
    made.close()


def test_a_call_that_blocks_holds_up_no_end() -> None:
    """Neither the worker's nor the process's: a name that nobody answers for is looked up for long."""
    gate, hung = threading.Event(), threading.Event()

    def block() -> None:
        hung.set()
        gate.wait()

    async def waits(_: Line) -> None:
        await asyncio.to_thread(block)

    with working(waits):
        assert hung.wait(factories.TIMEOUT_SECONDS)
    gate.set()


@pytest.mark.parametrize("fails", [False, True])
def test_what_comes_of_a_call_that_blocks_is_the_caller_s(fails: bool) -> None:
    """Its result, or its error."""

    def look() -> bool:
        if fails:
            raise OSError("no such host")
        return True

    async def asks(line: Line) -> None:
        try:
            line.tell(on=await asyncio.to_thread(look))
        except OSError as error:
            raise Unreachable("plug", "there", str(error)) from error
        await line.wanted()

    with working(asks) as made:
        reading = until(made, lambda r: r.reachable is not None, "what came of it")
        assert (reading.on, reading.fault) == ((None, "there: no such host") if fails else (True, None))


@given(st.floats(0.1, 1000), st.floats(0, 1000))
def test_a_dead_man_s_switch_is_not_delayed_by_waiting(seconds: float, waited: float) -> None:
    """What was asked for so long ago has so much less time, and when none is left it is off."""
    found = shorten(Setting(on=True, off_after_seconds=seconds), uptime() - waited)
    if seconds <= waited:
        assert found == OFF
    elif found.on:
        assert found.off_after_seconds is not None
        assert found.off_after_seconds <= seconds - waited
    else:
        assert seconds - waited < 1
