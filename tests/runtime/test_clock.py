"""The steady clock: it continues across crashes, and never goes back."""

import time

import pytest

from daemons.runtime import clock
from daemons.runtime.clock import Anchor, Clock


def test_a_new_clock_begins_with_the_wall_clock() -> None:
    """A device without a memory starts from the wall clock."""
    assert Clock().now() == pytest.approx(time.time(), abs=1)


def test_a_restart_continues_the_steady_time_after_a_change_of_the_wall_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Setting the wall clock forward by a year changes no deadline of a device that restarts."""
    first = Clock()
    before = first.now()
    monkeypatch.setattr(time, "time", lambda: before + 31_536_000)
    again = Clock(first.anchor, before)
    assert again.anchor == first.anchor
    assert again.now() == pytest.approx(before, abs=1)


def test_after_a_restart_of_the_machine_the_wall_clock_counts() -> None:
    """After a start of the machine, only the wall clock measures how long the machine was off."""
    another = Clock(Anchor("another start of the machine", 12345.0), last=1000.0)
    assert another.anchor.boot_id == clock.boot_id()
    assert another.now() == pytest.approx(time.time(), abs=1)


def test_time_never_goes_back_across_a_restart_of_the_machine() -> None:
    """A wall clock that starts in the past (no battery) does not move the steady time back."""
    future = time.time() + 86400
    assert Clock(Anchor("another start of the machine", 0.0), last=future).now() >= future


def test_time_passes() -> None:
    """A later reading is never smaller than an earlier one."""
    one = Clock()
    assert one.now() <= one.now()
