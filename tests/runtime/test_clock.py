"""The device's own time: steady over crashes, and never backwards."""

import time

import pytest

from daemons.runtime import clock
from daemons.runtime.clock import Anchor, Clock


def test_a_new_clock_begins_with_the_wall_clock() -> None:
    """A device that remembers nothing counts from the present."""
    assert Clock().now() == pytest.approx(time.time(), abs=1)


def test_a_restart_goes_on_with_the_same_time_though_the_wall_clock_was_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Setting the wall clock by a year moves no deadline of a device that restarts."""
    first = Clock()
    before = first.now()
    monkeypatch.setattr(time, "time", lambda: before + 31_536_000)
    again = Clock(first.anchor, before)
    assert again.anchor == first.anchor
    assert again.now() == pytest.approx(before, abs=1)


def test_a_new_start_of_the_machine_takes_the_wall_clock() -> None:
    """After the machine was off, the wall clock says how long."""
    another = Clock(Anchor("another start of the machine", 12345.0), last=1000.0)
    assert another.anchor.machine == clock.machine()
    assert another.now() == pytest.approx(time.time(), abs=1)


def test_time_never_goes_back_over_a_start_of_the_machine() -> None:
    """A wall clock that comes up behind (no battery) does not undo a moment that has been."""
    future = time.time() + 86400
    assert Clock(Anchor("another start of the machine", 0.0), last=future).now() >= future


def test_time_passes() -> None:
    """Two moments in a row do not go back."""
    one = Clock()
    assert one.now() <= one.now()
