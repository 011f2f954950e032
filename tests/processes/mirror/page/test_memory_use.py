"""The memory of processes is measured seldom enough to cost little."""

import os

import pytest

from daemons.processes.mirror.page import memory_use
from daemons.processes.mirror.page.memory_use import MemoryMeter


def test_a_pause_is_as_long_as_a_measurement_is_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement of 0.1 s is repeated after 20 s, which is half a percent; a short one after 5 s."""
    now = 100.0
    monkeypatch.setattr(memory_use, "uptime", lambda: now)
    meter = MemoryMeter()
    assert (meter.latest, meter.is_due) == (None, True)
    for used_seconds, pause in ((0.1, 20.0), (0.001, 5.0)):
        meter.plan(used_seconds)
        began = now
        now = began + pause - 0.1
        assert not meter.is_due
        now = began + pause
        assert meter.is_due


def test_the_latest_measurement_is_kept() -> None:
    """A client that connects gets it at once."""
    meter = MemoryMeter()
    found = meter.measure({"this": os.getpid()})
    assert found["this"] > 1_000_000
    assert (meter.latest, meter.is_due) == (found, False)
