"""The wall clock of the machine is set, while rules wait for changes and for durations."""

from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.bus.message import Command, State
from daemons.bus.state_history import StateHistory
from daemons.kinds import Reading
from tests.support import factories
from tests.support.crash_simulator import CrashSimulator

NOW = factories.START_TIME
PRESS: dict[str, Any] = {"device": "switch", "turns": {"status": True}}


def press(at: float, *, status: bool = True) -> State:
    """Return the state of a switch that was switched at a time (Unix seconds)."""
    return factories.state(status=status, turned=at, cause="p1")


YEARS = 30 * 365 * 86400.0


class Clocked:
    """A switch and a lamp that follows it, on one host whose wall clock is set."""

    def __init__(self, is_program: bool = False, **rule: Any) -> None:
        """With `is_program`, the switch keeps the time of a change from a clock that was wrong."""
        self.ahead, self.now = 0.0, NOW
        self._history = StateHistory() if is_program else None
        self.switch = factories.appliance(factories.device("light_switch"), "light_switch")
        self.lamp = factories.appliance(
            factories.device("lamp", when=[{**PRESS, "do": "toggle", **rule}]), "lamp"
        )
        self.switch.start(Reading(on=False), NOW, self.wall)
        self.lamp.start(Reading(on=False), NOW, self.wall)
        self.publish()

    @property
    def wall(self) -> float:
        return self.now + self.ahead

    @property
    def starts(self) -> int:
        """How often the lamp went on."""
        return int(self.lamp.state(self.now)["starts"])

    def wait(self, seconds: float) -> None:
        """Poll both once a second."""
        for _ in range(int(seconds)):
            self.now += 1
            self.switch.advance(self.now, self.wall)
            self.lamp.on_heartbeat("switch", self.now)
            self.lamp.advance(self.now, self.wall)

    def press(self, id_: str) -> None:
        """Press the switch, and let the lamp receive its state after a millisecond."""
        command = Command(id=id_, command="press", deadline=self.wall + 10)
        assert self.switch.handle_command(command, self.now, self.wall).outcome == "applied"
        self.now += 0.001
        self.publish()

    def publish(self) -> None:
        """Send the state of the switch to the lamp, twice."""
        memory = self.switch.memory
        turned, past = memory.change_times, memory.past
        if self._history is not None:
            self._history = self._history.after(memory.last_state, memory.cause, self.wall)
            turned, past = self._history.change_times, self._history.past
        published = State(
            device="switch", boot=1, seq=1, at=self.wall, since=self.wall, state=memory.last_state,
            turned=turned, cause=memory.cause, past=past,
        )  # fmt: skip
        for _ in range(2):
            self.lamp.on_state(published, self.now, self.wall)


@pytest.mark.parametrize("ahead", [3600.0, YEARS])
def test_a_press_under_a_wrong_clock_breaks_no_rule(ahead: float) -> None:
    """After the clock was put right, the next press acts, in its real hours, and no press acts twice."""
    minute = datetime.fromtimestamp(NOW, factories.UTC)
    between = [minute.strftime("%H:%M"), minute.replace(hour=minute.hour + 1).strftime("%H:%M")]
    house = Clocked(between=between)
    house.ahead = ahead + 7200  # outside of the hours
    house.press("p1")
    assert house.starts == 0
    house.wait(5)
    house.ahead = 0
    house.wait(5)
    house.publish()
    assert house.starts == 0
    house.press("p2")
    house.press("p3")
    assert house.starts == 1
    house.wait(100)
    house.publish()
    assert house.starts == 1


def test_a_press_that_was_handled_is_not_repeated_when_the_clock_is_put_right() -> None:
    """The lamp receives the same press again, with its time put right."""
    for pause in (0, 1, 30):
        house = Clocked()
        house.ahead = YEARS
        house.press("p1")
        house.wait(pause)
        house.ahead = 0
        house.publish()
        house.wait(1)
        house.publish()
        house.wait(100)
        house.publish()
        assert house.starts == 1


def test_a_for_is_called_off_after_the_clock_was_set_back() -> None:
    """The door opens, the clock goes back by an hour, the door is closed: no siren."""
    house = Clocked(False, **{"for": "30s"})
    house.press("p1")
    house.wait(10)
    house.ahead = -3600
    house.wait(5)
    house.press("p2")
    house.wait(100)
    assert house.starts == 0
    house.press("p3")
    house.wait(29)
    assert house.starts == 0
    house.wait(2)
    assert house.starts == 1


def test_a_for_begins_on_time_after_the_clock_was_set_back() -> None:
    """The publisher does not put its times right: a time in the future counts as now."""
    simulator = CrashSimulator("lamp", when=[{**PRESS, "do": "on", "for": "30s"}])
    simulator.on_state(msgspec.structs.replace(press(simulator.now + 3600), at=simulator.now))
    began = simulator.now
    assert simulator.appliance.next_deadline() == began + 30
    simulator.on_state(msgspec.structs.replace(press(simulator.now + 3601, status=False), at=simulator.now))
    assert simulator.appliance.next_deadline() is None


@pytest.mark.parametrize("is_program", [False, True])
@given(
    steps=st.lists(
        st.tuples(st.booleans(), st.integers(2, 40), st.sampled_from([0.0, 3.0, -3.0, 30.0, 4000.0, YEARS])),
        max_size=12,
    )
)
def test_each_press_acts_once_whatever_the_clock_does(
    is_program: bool, steps: list[tuple[bool, int, float]]
) -> None:
    """The clock is set between presses, by seconds or by decades, also when nothing is in the future."""
    house = Clocked(is_program=is_program)
    house.wait(1)
    presses = 0
    for is_press, seconds, ahead in steps:
        if is_press:
            house.press(f"p{presses}")
            presses += 1
        house.wait(seconds)
        house.ahead = ahead
        house.wait(2)
        house.publish()
        assert house.starts == expected_starts(presses)
    house.wait(100)
    house.publish()
    assert house.starts == expected_starts(presses)


def expected_starts(presses: int) -> int:
    """Return how often the lamp went on: every second press turns the switch on, and toggles the lamp."""
    toggles = (presses + 1) // 2
    return (toggles + 1) // 2
