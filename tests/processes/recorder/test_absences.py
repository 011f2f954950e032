"""The times in which a device is not heard, or does not reach its hardware."""

from typing import Any

from daemons.bus.message import Heartbeat, State
from daemons.processes.recorder.absences import Absences
from daemons.storage.history_row import Absence


def beat(at: float) -> Heartbeat:
    """Return a heartbeat of the lamp."""
    return Heartbeat(device="lamp", boot=1, seq=1, at=at, pid=1)


def state(at: float, **fields: Any) -> State:
    """Return a state of the lamp."""
    return State(device="lamp", boot=1, seq=2, at=at, state=fields, since=at)


def test_a_silent_device_is_absent_since_its_last_message() -> None:
    """It is noted once, and so is the end of its silence."""
    absences = Absences(["lamp"], 0.0)
    assert [one.why for one in absences.hear(beat(1000.0), 0.0)] == ["silent", "removed"]
    assert not list(absences.hear(beat(1001.0), 1.0))
    assert not list(absences.due(10.9, 1010.9))
    assert list(absences.due(11.5, 1011.5)) == [Absence("lamp", 1001.0, "silent", is_over=False)]
    assert not list(absences.due(60.0, 1060.0))
    assert next(iter(absences.hear(beat(1090.0), 90.0))) == Absence("lamp", 1090.0, "silent", is_over=True)


def test_a_device_that_was_never_heard_is_absent() -> None:
    """Its silence begins with the recorder."""
    absences = Absences(["lamp"], 0.0)
    assert list(absences.due(10.0, 1010.0)) == [Absence("lamp", 1000.0, "silent", is_over=False)]


def test_hardware_that_is_not_reached_is_an_absence() -> None:
    """It begins when the device says, and ends with the first state that reaches it."""
    absences = Absences(["lamp"], 0.0)
    list(absences.hear(beat(1000.0), 0.0))
    lost = state(1005.0, reachable=False, unreachable_since=1003.0)
    assert list(absences.hear(lost, 5.0)) == [Absence("lamp", 1003.0, "unreachable", is_over=False)]
    found = state(1009.0, reachable=True)
    assert list(absences.hear(found, 9.0)) == [Absence("lamp", 1009.0, "unreachable", is_over=True)]
