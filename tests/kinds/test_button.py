"""A button: each press is a moment."""

import pytest

from daemons.kinds import TOUCHES, ButtonPress, Reading, Setting, Touch
from daemons.kinds.button import Button, ButtonMemory, Double, Options
from tests.support import factories
from tests.support.crash_simulator import CrashSimulator


@pytest.mark.parametrize("touch", TOUCHES)
def test_a_press_is_counted_and_is_over_at_once(touch: Touch) -> None:
    """The phase becomes the way of the press, and "idle" again at the same moment."""
    button = Button(Options())
    pressed = button.press(ButtonMemory(), touch, 5.0)
    assert (pressed.phase, pressed.presses, button.next_deadline(pressed)) == (touch, 1, 5.0)
    idle = button.advance(pressed, 5.0)
    assert (idle.phase, idle.last, idle.presses) == ("idle", touch, 1)


def test_a_command_counts_as_a_press() -> None:
    """A command and a manual press have the same effect."""
    button = Button(Options())
    assert button.handle_command(ButtonMemory(), Double(), 5.0) == button.press(ButtonMemory(), "double", 5.0)


def test_two_presses_in_one_reading_are_two_moments() -> None:
    """Each has its own cause, they stay in order, and both are over."""
    simulator = CrashSimulator("button")
    presses = (ButtonPress("single", "p1"), ButtonPress("single", "p2"))
    simulator.on_reading(Reading(presses=presses))
    memory = simulator.appliance.memory
    singles = [moment for moment in memory.past if moment.state["phase"] == "single"]
    assert [moment.cause for moment in singles] == ["p1", "p2"]
    assert singles[0].turned["phase"] < singles[1].turned["phase"]
    assert memory.last_state["phase"] == "idle"
    assert memory.last_state["presses"] == 2


def test_a_button_that_was_pressed_and_killed_is_idle() -> None:
    """After a restart no press is pending, and no press is counted again."""
    for left in range(6):
        simulator = CrashSimulator("button")
        with simulator.killed_after(left):
            simulator.command("single")
        simulator.now += 1
        simulator.restart()
        assert simulator.field("phase") == "idle"
        assert simulator.field("presses") == (1 if left else 0)
        simulator.running = None
        simulator.restart()
        assert simulator.field("presses") == (1 if left else 0)


def test_a_lamp_acts_on_each_press_that_its_rule_names() -> None:
    """A rule for a double press ignores a single press."""
    rule = {"device": "button", "turns": {"phase": "double"}, "do": "toggle"}
    button, lamp = CrashSimulator("button"), CrashSimulator("lamp", when=[rule])
    shown: list[bool] = []
    for touch, id_ in (("single", "p1"), ("double", "p2"), ("double", "p3")):
        button.now += 1
        lamp.now = button.now
        button.on_reading(Reading(presses=(ButtonPress(touch, id_),)))  # type: ignore[arg-type]
        memory = button.appliance.memory
        received = factories.state("button", turned=button.now)
        received = type(received)(
            device="button", boot=1, seq=len(shown) + 1, at=button.now, since=button.now,
            state=memory.last_state, turned=memory.change_times, cause=memory.cause, past=memory.past,
        )  # fmt: skip
        lamp.on_state(received)
        shown.append(lamp.field("status"))
    assert shown == [False, True, False]


def test_a_button_switches_nothing() -> None:
    """It desires no setting that is on, and simulated hardware draws no power for it."""
    button = Button(Options())
    assert button.desired_setting(button.press(ButtonMemory(), "single", 5.0)) == Setting(on=False)
    assert button.power_profile() == ((1.0, 0.0),)
