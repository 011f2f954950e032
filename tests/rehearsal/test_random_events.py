"""What can happen to a device on a random day follows from its kind and from the rules of the house."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from daemons.config import loader
from daemons.config.house import House, load_house
from daemons.kinds import Machine
from daemons.rehearsal.random_events import find_limits, measured_fields, random_arguments, random_event
from daemons.rehearsal.story_file import load_stories
from daemons.values import Problem, parse_table
from tests.rehearsal.conftest import BREAKFAST, MOTION

HEATED = """
[devices.room]
kind = "sensor"
driver = "simulated"

[devices.radiator]
kind = "heater"
driver = "simulated"
source = "room"
target_celsius = 19

[[devices.radiator.when]]
at = "22:00"
do = "set"
with = { celsius = 16 }

[devices.fan]
kind = "plug"
driver = "simulated"

[[devices.fan.when]]
device = "room"
above = { humidity_percent = 65 }
hysteresis = 3
do = "on"
"""
ALWAYS = """
[[always]]
title = "the fan rests in dry air"
never = [{ device = "fan", is = { status = true } }, { device = "room", below = { humidity_percent = 40 } }]
"""
HouseOf = Callable[[str], House]


def events(house: House, name: str, *, is_touched: bool = True) -> list[tuple[str, object]]:
    """Return what happens to a device in a thousand random events."""
    chance, limits = random.Random(1), find_limits(house, ())  # noqa: S311
    found = [random_event(house.devices[name], limits, chance, is_touched=is_touched) for _ in range(1000)]
    return [(verb, value) for event in found for verb, value in event.items()]


def test_measurements_lie_near_the_limits_of_the_house(house_of: HouseOf) -> None:
    """The limits are those of rules, with their hysteresis, of conditions and of thermostats."""
    house = house_of(HEATED)
    limits = find_limits(house, load_stories(Path("x"), house, ALWAYS).always)
    assert limits["room", "humidity_percent"] == {65, 62, 68, 40}
    assert {19, 16, 6} <= limits["room", "temperature_celsius"]
    measured = [value for verb, value in events(house, "room") if verb == "measures"]
    assert any(value == {"humidity_percent": 65.1} for value in measured)
    assert any(value == {"temperature_celsius": 15.9} for value in measured)


def test_a_heater_with_a_source_measures_nothing_itself(house_of: HouseOf) -> None:
    """Without a source its own hardware measures."""
    assert measured_fields(house_of(HEATED).devices["radiator"]) == []
    alone = house_of(HEATED.replace('source = "room"\n', "")).devices["radiator"]
    assert measured_fields(alone) == ["temperature_celsius"]


def test_a_light_switch_is_pressed_and_a_lamp_is_not() -> None:
    """A kind that handles presses has a button."""
    house = load_house(BREAKFAST)
    assert "press" in {verb for verb, _ in events(house, "bathroom_light")}
    assert "press" not in {verb for verb, _ in events(house, "kitchen_lamp")}


def test_what_is_untouched_is_only_disturbed(house_of: HouseOf) -> None:
    """No person switches it; its process and its hardware have faults all the same."""
    found = {verb for verb, _ in events(house_of(MOTION), "hall_lamp", is_touched=False)}
    assert found == {"kill", "dead", "cut", "unreachable"}


@pytest.mark.parametrize("word", loader.available("kinds"))
def test_the_arguments_of_each_command_are_valid(word: str) -> None:
    """Each command of each kind is sent with every argument that it has."""
    kind, chance = loader.kind(word), random.Random(1)  # noqa: S311
    for command in kind.commands if issubclass(kind, Machine) else ():
        names = set[str]()
        for _ in range(100):
            arguments = random_arguments(command, chance)
            problems: list[Problem] = []
            assert parse_table(arguments, command, (), problems) is not None, problems
            names |= arguments.keys()
        assert names == {*command.__struct_encode_fields__}
