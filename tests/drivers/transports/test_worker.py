"""The thread of a driver: the latest setting, the latest reading, and reconnections that block no caller."""

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
from daemons.drivers.transports.worker import HardwareChannel, Worker, subtract_wait
from daemons.errors import StorageError, Unreachable
from daemons.kinds import ButtonPress, Reading, Setting, Touch
from daemons.runtime.clock import uptime
from tests.support import factories
from tests.support.listening_channel import hardware_channel
from tests.support.patience import Deadline, patience

NOW = factories.START_TIME
ON, OFF = Setting(on=True), Setting(on=False)


@contextmanager
def working(run_connection: Callable[[HardwareChannel], Awaitable[None]]) -> Iterator[Worker]:
    """Yield a worker, and check that its thread has ended afterwards."""
    made = Worker("plug", run_connection)
    try:
        yield made
    finally:
        made.close()
    assert not made._thread.is_alive()


def until(made: Worker, met: Callable[[Reading], object], what: str) -> Reading:
    """Read as the loop of a device does, until a reading meets the condition."""
    deadline = Deadline()
    while not met(reading := made.read(NOW)):
        left = deadline.left()
        assert left > 0, f"waited in vain for {what}; the last reading: {reading}"
        select.select([made.socket], [], [], left)
    return reading


async def obedient(channel: HardwareChannel) -> None:
    """Act as hardware that applies each setting and reports it."""
    channel.update(on=False)
    while True:
        setting = await channel.next_setting()
        channel.update(on=setting.on)


def test_a_setting_is_applied_and_reported() -> None:
    """The reading has the state that the hardware reported, and the time of the report."""
    with working(obedient) as made:
        until(made, lambda r: r.on is False, "off")
        made.request(ON)
        reading = until(made, lambda r: r.on is True, "on")
        assert (reading.reachable, reading.fault, reading.at) == (True, None, NOW)


def test_the_state_is_unknown_while_a_setting_is_in_progress() -> None:
    """From the request until the report of the hardware, `on` is None."""
    gate = threading.Event()

    async def late(channel: HardwareChannel) -> None:
        channel.update(on=False)
        setting = await channel.next_setting()
        await asyncio.to_thread(gate.wait)
        channel.update(on=setting.on)
        await channel.next_setting()

    with working(late) as made:
        until(made, lambda r: r.on is False, "off")
        made.request(ON)
        assert made.read(NOW).on is None
        gate.set()
        until(made, lambda r: r.on is True, "on")


def test_only_the_latest_setting_counts() -> None:
    """A setting that was replaced before its turn is never applied."""
    begin, done = threading.Event(), []

    async def slow(channel: HardwareChannel) -> None:
        await asyncio.to_thread(begin.wait)
        while True:
            done.append(await channel.next_setting())
            channel.update(on=done[-1].on)

    with working(slow) as made:
        for setting in (ON, OFF, ON, Setting(on=True, brightness_percent=30)):
            made.request(setting)
        begin.set()
        until(made, lambda r: r.on is True, "on")
        assert done == [Setting(on=True, brightness_percent=30)]


def test_a_setting_whose_connection_was_lost_is_retried() -> None:
    """The next connection applies a setting that was not confirmed, and does not repeat a confirmed one."""
    requested_at: list[Setting] = []

    async def breaks(channel: HardwareChannel) -> None:
        channel.update(on=False)
        requested_at.append(await channel.next_setting())
        if len(requested_at) == 1:
            raise Unreachable("plug", "127.0.0.1:1", "it went away")
        channel.update(on=True)
        requested_at.append(await channel.next_setting())

    with working(breaks) as made:
        made.request(ON)
        until(made, lambda r: r.on is True, "on")
        assert requested_at == [ON, ON]


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (Unreachable("plug", "127.0.0.1:1", "it went away"), "127.0.0.1:1: it went away"),
        (StorageError("the password file /x cannot be read"), "the password file /x cannot be read"),
        (KeyError("power"), "its driver has failed: KeyError: 'power'"),
        (None, "the hardware has ended the connection"),
    ],
)
def test_a_loss_is_reported_with_its_reason(error: Exception | None, fault: str) -> None:
    """Hardware whose connection ended is unreachable: its power is unknown, and its other values stay."""

    async def fails(channel: HardwareChannel) -> None:
        channel.update(on=True, power_watts=5.0, energy_watt_hours=70.0)
        if error:
            raise error

    with working(fails) as made:
        lost = until(made, lambda r: r.reachable is False, "its disconnection")
    assert lost.fault == fault
    assert (lost.on, lost.power_watts, lost.energy_watt_hours) == (True, None, 70.0)


def test_connecting_is_retried_and_the_same_failure_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker retries for ever, without filling the log."""
    monkeypatch.setattr(worker, "MIN_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(worker, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(worker, "LONGEST_PAUSE_SECONDS", 0.001)
    attempts: list[float] = []

    async def fails(channel: HardwareChannel) -> None:
        attempts.append(time.monotonic())
        raise KeyError("power")

    with working(fails) as made, caplog.at_level(logging.WARNING):
        until(made, lambda _: len(attempts) > 5, "attempts")
    assert caplog.text.count("Traceback") == 1


def test_a_new_setting_causes_a_connection_attempt_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new setting ends the pause between two attempts."""
    monkeypatch.setattr(worker, "MIN_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(worker, "FIRST_PAUSE_SECONDS", 3600.0)
    tried = []

    async def once_away(channel: HardwareChannel) -> None:
        tried.append(True)
        if len(tried) == 1:
            raise Unreachable("plug", "127.0.0.1:1", "no answer")
        await obedient(channel)

    with working(once_away) as made:
        until(made, lambda r: r.reachable is False, "its disconnection")
        made.request(ON)
        until(made, lambda r: r.on is True, "on")


def test_a_new_connection_makes_no_report_younger() -> None:
    """A sensor that died is stale also if its broker restarts again and again."""
    with hardware_channel() as channel:
        channel.connect()
        assert (channel.read(NOW).reachable, channel.read(NOW).at) == (True, None)
        channel.update(temperature_celsius=19.0)
        channel.read(NOW)
        channel.unreachable("the broker is away")
        channel.connect("sent an invalid message")
        assert (channel.read(NOW + 300).fault, channel.read(NOW + 300).at) == ("sent an invalid message", NOW)
        channel.connect()
        reading = channel.read(NOW + 600)
        assert (reading.reachable, reading.fault, reading.at) == (True, None, NOW)


def test_what_a_broker_has_kept_makes_no_report_younger() -> None:
    """It repeats its kept messages at each connection. A value that came meanwhile is a new report."""
    last = {"temperature_celsius": 19.0, "power_watts": 40.0}
    both = {"motion": True, "tamper": False}
    with hardware_channel() as channel:
        channel.restore(**last)
        channel.update(detections=both, on=False)
        assert channel.read(NOW).at == NOW
        channel.unreachable("the broker is away")
        channel.restore(**last)
        channel.restore(detections={"motion": True}, on=True)
        reading = channel.read(NOW + 300)
        assert (reading.at, reading.reachable, reading.power_watts) == (NOW, True, 40.0)
        assert reading.detections == both
        channel.restore(detections={"motion": False}, on=False)
        assert channel.read(NOW + 600).at == NOW + 600
        channel.restore(**{**last, "temperature_celsius": 19.5})
        reading = channel.read(NOW + 900)
        assert (reading.at, reading.temperature_celsius) == (NOW + 900, 19.5)


def test_each_press_is_in_one_reading() -> None:
    """Presses are reported in order, each once and with its own id."""

    async def pressed(channel: HardwareChannel) -> None:
        touches: tuple[Touch, ...] = ("single", "double", "single")
        for touch in touches:
            channel.press(touch)
        await channel.next_setting()

    seen: list[ButtonPress] = []
    with working(pressed) as made:

        def collect(reading: Reading) -> bool:
            seen.extend(reading.presses)
            return len(seen) >= 3

        until(made, collect, "three presses")
        assert made.read(NOW).presses == ()
    assert [press.what for press in seen] == ["single", "double", "single"]
    assert len({press.id for press in seen}) == 3


def test_a_blocked_thread_blocks_no_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread of a driver that blocks is left until the process ends."""
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.05)
    gate, hung = threading.Event(), threading.Event()

    async def blocks(_: HardwareChannel) -> None:
        hung.set()
        gate.wait()

    made = Worker("plug", blocks)
    assert hung.wait(patience())
    made.request(ON)
    assert made.read(NOW).reachable is None
    made.close()
    gate.set()
    made.close()


def test_closing_does_not_wait_for_a_blocking_call() -> None:
    """Neither the worker nor the process waits for a slow name lookup at its end."""
    gate, hung = threading.Event(), threading.Event()

    def block() -> None:
        hung.set()
        gate.wait()

    async def waits(_: HardwareChannel) -> None:
        await asyncio.to_thread(block)

    with working(waits):
        assert hung.wait(patience())
    gate.set()


@pytest.mark.parametrize("fails", [False, True])
def test_the_result_of_a_blocking_call_goes_to_its_caller(fails: bool) -> None:
    """The caller gets the return value or the exception."""

    def look() -> bool:
        if fails:
            raise OSError("no such host")
        return True

    async def asks(channel: HardwareChannel) -> None:
        try:
            channel.update(on=await asyncio.to_thread(look))
        except OSError as error:
            raise Unreachable("plug", "there", str(error)) from error
        await channel.next_setting()

    with working(asks) as made:
        reading = until(made, lambda r: r.reachable is not None, "the result")
        assert (reading.on, reading.fault) == ((None, "there: no such host") if fails else (True, None))


@given(st.floats(0.1, 1000), st.floats(0, 1000))
def test_waiting_does_not_delay_the_off_timer(seconds: float, waited: float) -> None:
    """The waiting time of a setting is subtracted; when no time is left, the setting is off."""
    found = subtract_wait(Setting(on=True, off_after_seconds=seconds), uptime() - waited)
    if seconds <= waited:
        assert found == OFF
    elif found.on:
        assert found.off_after_seconds is not None
        assert found.off_after_seconds <= seconds - waited
    else:
        assert seconds - waited < 1


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_long_fault_is_cut(is_lost: bool) -> None:
    """A library may quote all that the hardware has sent, and a state with a long text is refused."""

    async def quotes(channel: HardwareChannel) -> None:
        if is_lost:
            raise Unreachable("plug", "192.0.2.1", "x" * 1_000_000)
        channel.update(on=True, fault="x" * 1_000_000)
        await channel.next_setting()

    with working(quotes) as made:
        reading = until(made, lambda r: r.fault is not None, "a fault")
        assert str(reading.fault).endswith("xxx...")
        assert len(str(reading.fault)) == 300
