"""A button: each press is a moment."""

import pytest

from daemons.kinds import TOUCHES, Press, Reading, Touch
from daemons.kinds.button import Button, Double, Memory, Options
from tests.support import factories
from tests.support.crash_simulator import CrashSimulator


@pytest.mark.parametrize("what", TOUCHES)
def test_a_press_turns_the_phase_and_is_over_at_once(what: Touch) -> None:
    """And is counted."""
    button = Button(Options())
    pressed = button.press(Memory(), what, 5.0)
    assert (pressed.phase, pressed.presses, button.next_deadline(pressed)) == (what, 1, 5.0)
    idle = button.advance(pressed, 5.0)
    assert (idle.phase, idle.last, idle.presses) == ("idle", what, 1)


def test_a_command_stands_for_a_hand() -> None:
    """From the page or the terminal."""
    button = Button(Options())
    assert button.handle_command(Memory(), Double(), 5.0) == button.press(Memory(), "double", 5.0)


def test_two_presses_in_one_reading_are_two_moments() -> None:
    """Each with its own cause, in order, and both are over."""
    simulator = CrashSimulator("button")
    presses = (Press("single", "p1"), Press("single", "p2"))
    simulator.appliance.on_reading(Reading(presses=presses), simulator.now, simulator.now)
    simulator.apply()
    memory = simulator.appliance.memory
    singles = [moment for moment in memory.past if moment.state["phase"] == "single"]
    assert [moment.cause for moment in singles] == ["p1", "p2"]
    assert singles[0].turned["phase"] < singles[1].turned["phase"]
    assert memory.last_state["phase"] == "idle"
    assert memory.last_state["presses"] == 2


def test_a_button_that_was_pressed_and_killed_is_idle() -> None:
    """Whatever was told of the press: no press lasts, and none is counted again."""
    for left in range(6):
        simulator = CrashSimulator("button")
        with simulator.killed_after(left):
            simulator.command("single")
        simulator.now += 1
        simulator.restart()
        simulator.apply()
        assert simulator.field("phase") == "idle"
        assert simulator.field("presses") == (1 if left else 0)
        simulator.running = None
        simulator.restart()
        assert simulator.field("presses") == (1 if left else 0)


def test_a_lamp_acts_on_each_press_of_its_sort() -> None:
    """A rule that waits for a double press hears no single one."""
    rule = {"device": "button", "turns": {"phase": "double"}, "do": "toggle"}
    button, lamp = CrashSimulator("button"), CrashSimulator("lamp", when=[rule])
    told: list[bool] = []
    for what, id_ in (("single", "p1"), ("double", "p2"), ("double", "p3")):
        button.now += 1
        lamp.now = button.now
        button.appliance.on_reading(Reading(presses=(Press(what, id_),)), button.now, button.now)  # type: ignore[arg-type]
        button.apply()
        memory = button.appliance.memory
        heard = factories.state("button", turned=button.now)
        heard = type(heard)(
            device="button", boot=1, seq=len(told) + 1, at=button.now, since=button.now, state=memory.last_state,
            turned=memory.change_times, cause=memory.cause, past=memory.past,
        )  # fmt: skip
        lamp.on_state(heard)
        told.append(lamp.field("status"))
    assert told == [False, True, False]
