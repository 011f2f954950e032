"""The light switch, by its name."""

from daemons.kinds import Reading, Setting
from daemons.kinds.light_switch import LightSwitch, Memory, Off, On, Options, Press

SWITCH = LightSwitch(Options())


def test_a_press_turns_the_light_on() -> None:
    """The first press turns a dark light on, and is counted."""
    assert SWITCH.handle_command(Memory(), Press(), 0) == Memory(on=True, presses=1)


def test_second_press_turns_the_light_off() -> None:
    """The next press turns it off again."""
    once = SWITCH.handle_command(Memory(), Press(), 0)
    assert SWITCH.handle_command(once, Press(), 0) == Memory(on=False, presses=2)


def test_a_light_that_is_as_told_stays_as_it_is() -> None:
    """On for a light that is on, and off for one that is off, changes and counts nothing."""
    assert SWITCH.handle_command(Memory(on=True, presses=1), On(), 0) == Memory(on=True, presses=1)
    assert SWITCH.handle_command(Memory(on=False, presses=2), Off(), 0) == Memory(on=False, presses=2)


def test_on_and_off_are_counted_when_they_switch() -> None:
    """On and off switch like a press where there is something to switch."""
    assert SWITCH.handle_command(Memory(), On(), 0) == Memory(on=True, presses=1)
    assert SWITCH.handle_command(Memory(on=True, presses=1), Off(), 0) == Memory(on=False, presses=2)


def test_a_hand_at_the_switch_is_a_press() -> None:
    """Who switches at the wall is counted, and the house hears it."""
    assert SWITCH.adopt(Memory(), Reading(on=True), 0) == Memory(on=True, presses=1)
    assert SWITCH.adopt(Memory(), Reading(on=False), 0) == Memory()


def test_the_light_does_and_shows_what_was_pressed() -> None:
    """The hardware is asked for the light as it was switched, and the state says so."""
    assert SWITCH.desired_setting(Memory(on=True)) == Setting(on=True)
    shown = SWITCH.state(Memory(on=True, presses=3), Reading(on=True, power_watts=9.0), 0)
    assert (shown.status, shown.phase, shown.presses, shown.power_watts) == (True, "on", 3, 9.0)
    assert SWITCH.state(Memory(), Reading(on=False), 0).phase == "off"
