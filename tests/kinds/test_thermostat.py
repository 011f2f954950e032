"""A thermostat that keeps a temperature by itself: which target it is given, and what it shows."""

from typing import Any

import pytest

from daemons.bus.message import Scalar
from daemons.kinds import Reading, Setting, TargetRange
from daemons.kinds.thermostat import Off, On, Options, Set, Thermostat, ThermostatMemory
from daemons.values import Seconds, convert

OFF = Setting(on=False)
ENABLED = ThermostatMemory(enabled=True)


def target(celsius: float) -> Setting:
    """Return the setting with a target."""
    return Setting(on=True, target_celsius=celsius)


def hear(
    thermostat: Thermostat, memory: ThermostatMemory, now: float = 0, **values: Scalar
) -> ThermostatMemory:
    """Pass the states of its sources: `status` of a window, `value` of a number or a mode."""
    states = {name: {"status": value, "value": value} for name, value in values.items()}
    return thermostat.update_sources(memory, states, now)


def test_commands_set_the_target_or_switch_off() -> None:
    """Each command ends in a setting: the hardware itself decides when it heats."""
    thermostat = Thermostat(Options(target_celsius=19))
    memory = thermostat.handle_command(ThermostatMemory(), On(), 0)
    assert thermostat.desired_setting(memory) == target(19)
    memory = thermostat.handle_command(memory, Set(22.5), 1)
    assert thermostat.desired_setting(memory) == target(22.5)
    memory = thermostat.handle_command(memory, Off(), 2)
    assert thermostat.desired_setting(memory) == OFF


def test_the_knob_sets_the_target_until_the_next_entry_of_the_schedule() -> None:
    """A hand that turns it down to off switches it off."""
    entries = [{"at": "06:00", "celsius": 21}, {"at": "22:00", "celsius": 17}]
    thermostat = Thermostat(convert({"schedule": entries}, Options))
    memory = thermostat.update_timetable(ENABLED, 0, 1000.0, 0)
    assert thermostat.desired_setting(memory) == target(21)
    memory = thermostat.adopt(memory, Reading(on=True, target_celsius=23.5), 1)
    assert thermostat.desired_setting(memory) == target(23.5)
    assert thermostat.update_timetable(memory, 0, 1000.0, 2) == memory
    memory = thermostat.update_timetable(memory, 1, 2000.0, 3)
    assert thermostat.desired_setting(memory) == target(17)
    memory = thermostat.adopt(memory, Reading(on=False, target_celsius=5.0), 4)
    assert thermostat.desired_setting(memory) == OFF
    memory = thermostat.adopt(memory, Reading(on=True, target_celsius=17.0), 5)
    assert memory.target_celsius is None, "the planned target is no wish of a hand"


@pytest.mark.parametrize(
    ("options", "value", "expected"),
    [
        ({"target": "wish"}, 18.5, 18.5),
        ({"target": "wish"}, 90, 20),
        ({"mode": "wish", "targets": {"away": 15}}, "away", 15),
        ({"mode": "wish", "targets": {"away": 15}}, "home", 20),
    ],
)
def test_a_number_or_a_mode_sets_the_target(options: dict[str, Any], value: Scalar, expected: float) -> None:
    """A value that is no target changes nothing; for a number, it is a fault."""
    thermostat = Thermostat(convert(options, Options))
    memory = hear(thermostat, ENABLED, wish=value)
    assert thermostat.desired_setting(memory) == target(expected)
    fault = thermostat.state(memory, Reading(), 0).fault
    assert fault == ("there is no target from wish" if value == 90 else None)


def test_it_is_off_while_a_window_is_open() -> None:
    """It pauses after `window_after`, and then goes on with its target."""
    thermostat = Thermostat(Options(windows=("window",), window_seconds=Seconds(30)))
    memory = hear(thermostat, ENABLED, 100, window=True)
    assert thermostat.desired_setting(memory) == target(20)
    assert thermostat.next_deadline(memory) == 130
    memory = thermostat.advance(memory, 130)
    assert thermostat.desired_setting(memory) == OFF
    shown = thermostat.state(memory, Reading(on=False, heating=False), 130)
    assert (shown.phase, shown.paused_by) == ("paused", "window")
    memory = hear(thermostat, memory, 200, window=False)
    assert thermostat.desired_setting(memory) == target(20)


def test_a_target_that_the_hardware_has_lowered_for_a_window_is_no_wish() -> None:
    """The hardware sets it back by itself."""
    thermostat = Thermostat(Options())
    reading = Reading(on=False, target_celsius=5.0, window_open=True)
    assert thermostat.adopt(ENABLED, reading, 0) == ENABLED
    shown = thermostat.state(ENABLED, reading, 0)
    assert (shown.phase, shown.window_open, shown.target_celsius) == ("paused", True, 20)


@pytest.mark.parametrize(
    ("enabled", "reading", "phase"),
    [
        (True, Reading(heating=True, temperature_celsius=22), "heating"),
        (True, Reading(heating=False, valve_percent=30), "idle"),
        (True, Reading(valve_percent=30), "heating"),
        (True, Reading(temperature_celsius=20.0), "idle"),
        (True, Reading(temperature_celsius=19.9), "heating"),
        (False, Reading(temperature_celsius=19.9), "off"),
        (False, Reading(heating=True), "frost"),
    ],
)
def test_it_shows_what_the_hardware_does(enabled: bool, reading: Reading, phase: str) -> None:
    """Its running state decides, then its valve, then its temperature."""
    shown = Thermostat(Options()).state(ThermostatMemory(enabled=enabled), reading, 0)
    assert (shown.phase, shown.status) == (phase, phase in ("heating", "frost"))


@pytest.mark.parametrize(
    ("wanted", "reported", "is_met"),
    [(20.3, 20.5, True), (20.3, 20.0, False), (4.0, 5.5, True), (30.0, 28.0, True), (28.0, 27.5, False)],
)
def test_the_nearest_target_of_the_hardware_is_the_target(
    wanted: float, reported: float, is_met: bool
) -> None:
    """A valve with whole and half degrees up to 28 °C has reached all it can."""
    reading = Reading(on=True, target_celsius=reported, target_range=TargetRange(5.5, 28.0, 0.5))
    assert target(wanted).is_met_by(reading) is is_met
