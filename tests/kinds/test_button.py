"""A button: each press is a moment."""

import pytest

from daemons.kinds import TOUCHES, Press, Reading, Touch
from daemons.kinds.button import Button, Double, Memory, Options
from tests.support import factories
from tests.support.crash_simulator import Life


@pytest.mark.parametrize("what", TOUCHES)
def test_a_press_turns_the_phase_and_is_over_at_once(what: Touch) -> None:
    """And is counted."""
    button = Button(Options())
    pressed = button.press(Memory(), what, 5.0)
    assert (pressed.phase, pressed.presses, button.due(pressed)) == (what, 1, 5.0)
    idle = button.elapse(pressed, 5.0)
    assert (idle.phase, idle.last, idle.presses) == ("idle", what, 1)


def test_a_command_stands_for_a_hand() -> None:
    """From the page or the terminal."""
    button = Button(Options())
    assert button.obey(Memory(), Double(), 5.0) == button.press(Memory(), "double", 5.0)


def test_two_presses_in_one_reading_are_two_moments() -> None:
    """Each with its own cause, in order, and both are over."""
    life = Life("button")
    presses = (Press("single", "p1"), Press("single", "p2"))
    life.appliance.read(Reading(presses=presses), life.now, life.now)
    life.follow()
    memory = life.appliance.memory
    singles = [moment for moment in memory.past if moment.state["phase"] == "single"]
    assert [moment.cause for moment in singles] == ["p1", "p2"]
    assert singles[0].turned["phase"] < singles[1].turned["phase"]
    assert memory.shown["phase"] == "idle"
    assert memory.shown["presses"] == 2


def test_a_button_that_was_pressed_and_killed_is_idle() -> None:
    """Whatever was told of the press: no press lasts, and none is counted again."""
    for left in range(6):
        life = Life("button")
        with life.mortal(left):
            life.command("single")
        life.now += 1
        life.revive()
        life.follow()
        assert life.shows("phase") == "idle"
        assert life.shows("presses") == (1 if left else 0)
        life.live = None
        life.revive()
        assert life.shows("presses") == (1 if left else 0)


def test_a_lamp_acts_on_each_press_of_its_sort() -> None:
    """A rule that waits for a double press hears no single one."""
    rule = {"device": "button", "turns": {"phase": "double"}, "do": "toggle"}
    button, lamp = Life("button"), Life("lamp", when=[rule])
    told: list[bool] = []
    for what, id_ in (("single", "p1"), ("double", "p2"), ("double", "p3")):
        button.now += 1
        lamp.now = button.now
        button.appliance.read(Reading(presses=(Press(what, id_),)), button.now, button.now)  # type: ignore[arg-type]
        button.follow()
        memory = button.appliance.memory
        heard = factories.state("button", turned=button.now)
        heard = type(heard)(
            device="button", boot=1, seq=len(told) + 1, at=button.now, since=button.now, state=memory.shown,
            turned=memory.turned, cause=memory.cause, past=memory.past,
        )  # fmt: skip
        lamp.hear(heard)
        told.append(lamp.shows("status"))
    assert told == [False, True, False]
