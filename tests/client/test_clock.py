"""Deadlines by the clock of the house."""

import time

import pytest

from daemons.bus.message import Receipt
from daemons.client.clock import HouseClock


@pytest.mark.parametrize("ahead", [-3600.0, 0.0, 90.0])
def test_deadlines_are_by_the_clock_of_the_house(monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    """The reply counts as written in the middle of the wait, and the difference is used for a minute."""
    wall, steady = 1000.0, 50.0
    monkeypatch.setattr(time, "time", lambda: wall)
    monkeypatch.setattr(time, "monotonic", lambda: steady)
    clock = HouseClock()
    assert clock.is_old
    assert clock.request().command == "clock"
    wall += 0.4
    clock.update(Receipt(id="1", device="exchange", outcome="applied", at=1000.2 + ahead), took_seconds=0.4)
    assert not clock.is_old
    assert clock.deadline(2.0) == pytest.approx(1002.4 + ahead)
    steady += 61
    assert clock.is_old
