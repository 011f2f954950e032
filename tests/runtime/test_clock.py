"""The steady clock: it goes on over crashes, and never goes back."""

import time

import pytest

from daemons.runtime import clock
from daemons.runtime.clock import Anchor, Clock


def test_a_new_clock_begins_with_the_wall_clock() -> None:
    """A device without memory counts from the wall clock."""
    assert Clock().now() == pytest.approx(time.time(), abs=1)


def test_a_restart_continues_the_steady_time_though_the_wall_clock_was_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Setting the wall clock by a year moves no deadline of a device that restarts."""
    first = Clock()
    before = first.now()
    monkeypatch.setattr(time, "time", lambda: before + 31_536_000)
    again = Clock(first.anchor, before)
    assert again.anchor == first.anchor
    assert again.now() == pytest.approx(before, abs=1)


def test_after_a_restart_of_the_machine_the_wall_clock_counts() -> None:
    """After the machine was off, only the wall clock knows for how long."""
    another = Clock(Anchor("another start of the machine", 12345.0), last=1000.0)
    assert another.anchor.boot_id == clock.boot_id()
    assert another.now() == pytest.approx(time.time(), abs=1)


def test_time_never_goes_back_over_a_restart_of_the_machine() -> None:
    """A wall clock that starts in the past (no battery) does not undo time that has passed."""
    future = time.time() + 86400
    assert Clock(Anchor("another start of the machine", 0.0), last=future).now() >= future


def test_time_passes() -> None:
    """A later reading is never smaller than an earlier one."""
    one = Clock()
    assert one.now() <= one.now()
