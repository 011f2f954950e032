"""Recorded inputs are played against a configuration: each at its time, and rules decide anew."""

from collections.abc import Callable
from typing import Any

import pytest

from daemons.config.house import House
from daemons.rehearsal.record import Inferred
from daemons.rehearsal.replay import Replayed, replay
from tests.rehearsal.conftest import BREAKFAST, MOTION, START
from tests.rehearsal.records import command, held, made, record_of

HouseOf = Callable[[str], House]
ROOM = """
[devices.climate]
kind = "sensor"
driver = "simulated"

[devices.fan]
kind = "plug"
driver = "simulated"
[[devices.fan.when]]
device = "climate"
above = { humidity_percent = 60 }
do = "on"
[[devices.fan.when]]
device = "lamp"
turns = { brightness_percent = 30 }
do = "off"

[devices.lamp]
kind = "lamp"
driver = "simulated"
""".replace("turns = { brightness_percent = 30 }", 'turns = { phase = "on" }')


def deeds(found: Replayed, device: str) -> list[tuple[float, Any]]:
    """Return each new phase of a device, with the seconds since the beginning."""
    phases: list[tuple[float, Any]] = []
    for one in found.states:
        if one.device == device and (not phases or phases[-1][1] != one.state["phase"]):
            phases.append((round(one.at - START, 1), one.state["phase"]))
    return phases


def test_a_command_is_played_and_what_rules_did_follows_from_it(house_of: HouseOf) -> None:
    """The command has its id and its sender again, and the coffee maker starts by its rule."""
    house = house_of(BREAKFAST.read_text())
    found = replay(house, record_of(house, command("bathroom_light", 60, "press")))
    assert deeds(found, "coffee_maker")[:2] == [(60.0, "heating"), (64.0, "brewing")]
    heating = next(one for one in found.states if one.device == "coffee_maker" and one.state["status"])
    assert (heating.cause, str(heating.reason)) == ("bathroom_light-60", "rule:bathroom_light")
    light = next(one for one in found.states if one.device == "bathroom_light" and one.state["status"])
    assert str(light.reason) == "command:terminal"
    assert [one.outcome for one in found.answers] == ["applied"]


def test_a_command_whose_text_is_not_recorded_is_played_with_another_text(house_of: HouseOf) -> None:
    """Its length is known, and an argument that is not there would reject the command."""
    house = house_of('[devices.phone]\nkind = "messenger"\ndriver = "simulated"\n')
    sent = made("phone", 5, "command", command="send", args={}, id="a1", left_out={"text": 12})
    assert [one.outcome for one in replay(house, record_of(house, sent)).answers] == ["applied"]


def test_presses_and_hands_are_played_with_their_values(house_of: HouseOf) -> None:
    """A press has its id, and a lamp that was dimmed by hand has that brightness."""
    house = house_of(ROOM + '[devices.button]\nkind = "button"\ndriver = "simulated"\n')
    inputs = (
        made("lamp", 10, "hand", on=True, brightness_percent=30),
        made("button", 20, "press", touch="double", id="p1"),
    )
    found = replay(house, record_of(house, *inputs))
    assert found.at_until["lamp"]["brightness_percent"] == 30
    pressed = next(one for one in found.states if one.device == "button" and one.state["phase"] == "double")
    assert pressed.cause == "p1"


def test_sensor_values_and_detections_are_played(house_of: HouseOf) -> None:
    """A value beyond a limit makes a rule act, and motion does."""
    house = house_of(ROOM)
    values = (made("climate", at, "values", humidity_percent=value) for at, value in ((10, 55), (20, 65)))
    assert deeds(replay(house, record_of(house, *values)), "fan") == [(20.0, "on")]
    hall = house_of(MOTION)
    motion = (made("hall_motion", at, "values", on=on) for at, on in ((10, True), (30, False)))
    assert deeds(replay(hall, record_of(hall, *motion)), "hall_lamp") == [(10.0, "on"), (36.0, "off")]


def test_a_plug_draws_the_recorded_power_while_it_is_on(house_of: HouseOf) -> None:
    """What is behind it is outside the house, as a washing machine is."""
    house = house_of(ROOM)
    inputs = (command("fan", 5, "on"), made("fan", 10, "values", power_watts=812.0))
    assert replay(house, record_of(house, *inputs)).at_until["fan"]["power_watts"] == 812.0
    inputs_until_off = (*inputs, command("fan", 20, "off"))
    assert replay(house, record_of(house, *inputs_until_off)).at_until["fan"]["power_watts"] == 0.0


def test_hardware_is_lost_until_it_can_be_reached_again(house_of: HouseOf) -> None:
    """A command meanwhile is rejected. Hardware that was lost at the beginning comes back, too."""
    house = house_of(ROOM)
    inputs = (
        made("lamp", 10, "hardware", reachable=False, fault="no answer"),
        command("lamp", 30, "on"),
        made("lamp", 60, "hardware", reachable=True),
        command("lamp", 90, "on"),
    )
    found = replay(house, record_of(house, *inputs))
    assert [one.outcome for one in found.answers] == ["rejected", "applied"]
    lost = {"lamp": held(status=False, phase="off", reachable=False)}
    found = replay(house, record_of(house, *inputs[1:], held=lost))
    assert [one.outcome for one in found.answers] == ["rejected", "applied"]


@pytest.mark.parametrize(
    ("lives", "outcome"), [(("failed", "running"), "on"), (("stopped", "running"), "on"), (("failed",), None)]
)
def test_a_process_is_away_as_long_as_it_was(
    house_of: HouseOf, lives: tuple[str, ...], outcome: str | None
) -> None:
    """It hears of the motion when it is back, within its grace."""
    house = house_of(MOTION)
    inputs = [made("hall_lamp", 10 + 20 * index, "process", life=life) for index, life in enumerate(lives)]
    found = replay(house, record_of(house, *inputs, made("hall_motion", 15, "values", on=True)))
    expected = [(30.0, "on")] if outcome else []
    assert [one for one in deeds(found, "hall_lamp") if one[1] == "on"] == expected


def test_a_command_to_a_process_that_starts_again_is_answered(house_of: HouseOf) -> None:
    """It was answered, so the process ran: the report of its start came later."""
    house = house_of(ROOM)
    lives = [made("lamp", at, "process", life=life) for at, life in ((10, "restarting"), (12, "running"))]
    found = replay(house, record_of(house, *lives, command("lamp", 11, "on")))
    assert [one.outcome for one in found.answers] == ["applied"]


def test_inputs_after_a_clock_step_come_at_their_time_by_the_new_clock(house_of: HouseOf) -> None:
    """The clock is set an hour forward after ten seconds; a command follows ten seconds later."""
    house = house_of(ROOM)
    step = Inferred(START + 10, "", "clock", {"seconds": 1800.0})
    found = replay(house, record_of(house, step, command("lamp", 1820, "on")))
    assert deeds(found, "lamp") == [(1820.0, "on")]


def test_an_input_without_a_device_is_left_out_and_told(house_of: HouseOf) -> None:
    """A device that is gone, or of another kind, gets no press, no hand and no command."""
    old = house_of(ROOM)
    edited = house_of(
        ROOM.partition("[devices.lamp]")[0].replace('device = "lamp"', 'device = "fan"')
        + """
[devices.lamp2]
kind = "lamp"
driver = "simulated"
"""
    )
    record = record_of(old, command("lamp", 10, "on"), made("lamp", 20, "process", life="restarting"))
    assert [(one.device, one.what, one.why) for one in replay(edited, record).left_out] == [
        ("lamp", "command", "the file has no such device")
    ]
    plug = house_of(ROOM.replace('kind = "lamp"', 'kind = "plug"'))
    found = replay(plug, record_of(old, made("lamp", 10, "hand", on=True)))
    assert [one.why for one in found.left_out] == ["it is a plug in the file, and was a lamp"]
    assert deeds(found, "lamp") == []
