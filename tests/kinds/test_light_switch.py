"""A light switch: presses, on and off."""

from daemons.kinds import Reading, Setting
from daemons.kinds.light_switch import LightSwitch, LightSwitchMemory, Off, On, Options, Press

SWITCH = LightSwitch(Options())


def test_a_press_turns_the_light_on() -> None:
    """The first press turns a dark light on, and is counted."""
    assert SWITCH.handle_command(LightSwitchMemory(), Press(), 0) == LightSwitchMemory(on=True, presses=1)


def test_second_press_turns_the_light_off() -> None:
    """The second press switches the light off."""
    once = SWITCH.handle_command(LightSwitchMemory(), Press(), 0)
    assert SWITCH.handle_command(once, Press(), 0) == LightSwitchMemory(on=False, presses=2)


def test_a_light_that_is_on_or_off_already_stays_so() -> None:
    """On for a light that is on, and off for one that is off, change and count nothing."""
    assert SWITCH.handle_command(LightSwitchMemory(on=True, presses=1), On(), 0) == LightSwitchMemory(
        on=True, presses=1
    )
    assert SWITCH.handle_command(LightSwitchMemory(on=False, presses=2), Off(), 0) == LightSwitchMemory(
        on=False, presses=2
    )


def test_on_and_off_are_counted_when_they_switch() -> None:
    """On and off count as a press when they switch the light."""
    assert SWITCH.handle_command(LightSwitchMemory(), On(), 0) == LightSwitchMemory(on=True, presses=1)
    assert SWITCH.handle_command(LightSwitchMemory(on=True, presses=1), Off(), 0) == LightSwitchMemory(
        on=False, presses=2
    )


def test_a_manual_switch_is_a_press() -> None:
    """A change of the hardware counts as a press; an unchanged reading does not."""
    assert SWITCH.adopt(LightSwitchMemory(), Reading(on=True), 0) == LightSwitchMemory(on=True, presses=1)
    assert SWITCH.adopt(LightSwitchMemory(), Reading(on=False), 0) == LightSwitchMemory()


def test_setting_and_state_follow_the_memory() -> None:
    """The setting and the state agree about the light."""
    assert SWITCH.desired_setting(LightSwitchMemory(on=True)) == Setting(on=True)
    shown = SWITCH.state(LightSwitchMemory(on=True, presses=3), Reading(on=True, power_watts=9.0), 0)
    assert (shown.status, shown.phase, shown.presses, shown.power_watts) == (True, "on", 3, 9.0)
    assert SWITCH.state(LightSwitchMemory(), Reading(on=False), 0).phase == "off"
