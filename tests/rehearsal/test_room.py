"""The air of a room: warmed by its heater, cooled by the weather."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.config.house import House
from daemons.errors import ConfigurationError
from daemons.rehearsal.player import play
from daemons.rehearsal.room import Rate, Room, temperature_after
from daemons.rehearsal.story_file import load_stories
from daemons.rehearsal.world import World
from daemons.values import Seconds
from tests.rehearsal.conftest import START

BEDROOM = """
[house]
timezone = "Europe/Berlin"

[devices.climate]
kind = "sensor"
driver = "simulated"
simulated.temperature_celsius = 16

[devices.heater]
kind = "heater"
driver = "simulated"
source = "climate"
target_celsius = 20
hysteresis_celsius = 0.5

[devices.door]
kind = "sensor"
driver = "simulated"
detects = "opening"

[devices.lamp]
kind = "lamp"
driver = "simulated"
"""
ROOM = Room(sensor="climate", heater="heater", loses=Seconds(72_000), gains=Rate(3))
STORY = """
[rooms.bedroom]
sensor = "climate"
heater = "heater"
loses = "20h"
gains = "3/h"

[[story]]
title = "the bedroom gets warm, and no warmer than it should"
from = "2026-01-10 06:00"
until = "2026-01-11 06:00"
do = [{ at = "07:00", device = "heater", send = "on" }]
expect = [
  { device = "climate", above = { temperature_celsius = 19.9 }, within = "4h" },
  { device = "climate", above = { temperature_celsius = 19.2 }, at = "2026-01-11 05:00" },
  { device = "climate", below = { temperature_celsius = 20.3 }, at = "2026-01-11 05:00" },
]
"""


def test_without_heating_63_percent_of_the_difference_is_lost_in_the_time_constant() -> None:
    """It approaches the temperature outside."""
    assert temperature_after(25, 72_000, ROOM, 0) == pytest.approx(5 + 20 / math.e)
    assert temperature_after(25, 100 * 72_000, ROOM, 0) == pytest.approx(5)


def test_with_heating_it_approaches_what_the_heater_can_hold() -> None:
    """At first it gains what the heater gives, less what it loses; in the end both are the same."""
    hour = temperature_after(5, 3600, ROOM, 1)
    assert hour == pytest.approx(5 + 60 * (1 - math.exp(-1 / 20)))
    assert temperature_after(5, 100 * 72_000, ROOM, 1) == pytest.approx(65)


@given(st.floats(-20, 40), st.lists(st.floats(0, 10_000), max_size=10), st.booleans())
def test_the_length_of_the_steps_makes_no_difference(
    celsius: float, steps: list[float], is_heated: bool
) -> None:
    """The solution is exact, so a sum of steps is one step."""
    found = celsius
    for seconds in steps:
        found = temperature_after(found, seconds, ROOM, float(is_heated))
    whole = temperature_after(celsius, sum(steps), ROOM, float(is_heated))
    assert found == pytest.approx(whole, abs=1e-6)


def test_a_heater_meets_its_own_warmth(house_of: Callable[[str], House]) -> None:
    """It heats in turns, and the room stays near the target."""
    house = house_of(BEDROOM)
    file = load_stories(Path("x"), house, STORY)
    outcome = play(file.stories[0], house, (), rooms=file.rooms)
    assert outcome.failures == ()
    turns = [
        change.fields["status"]
        for change in outcome.changes
        if change.device == "heater" and "status" in change.fields
    ]
    assert turns.count(True) > 5
    cold = play(file.stories[0], house, ())
    assert len(cold.failures) == 2, "without its room, the sensor measures 16 degrees all the time"


VALVE = """
[house]
timezone = "Europe/Berlin"

[devices.window]
kind = "sensor"
driver = "simulated"
detects = "opening"

[devices.valve]
kind = "thermostat"
driver = "simulated"
simulated.temperature_celsius = 16
windows = ["window"]
window_after = "2m"
schedule = [{ at = "06:00", celsius = 21 }, { at = "22:00", celsius = 17 }]
"""
WINTER_DAY = """
[rooms.bedroom]
sensor = "valve"
heater = "valve"
loses = "20h"
gains = "3/h"

[[story]]
title = "a valve keeps the targets of its schedule, and pauses for a window"
from = "2026-01-10 05:00"
until = "2026-01-11 05:00"
do = [
  { at = "05:30", device = "valve", send = "on" },
  { at = "12:00", device = "window", detects = true },
  { at = "12:30", device = "window", detects = false },
  { at = "14:00", device = "valve", kill = true },
]
expect = [
  { device = "valve", is = { phase = "heating" }, at = "2026-01-10 05:45" },
  { device = "valve", above = { temperature_celsius = 20.5 }, within = "5h" },
  { device = "valve", above = { valve_percent = 0 }, at = "2026-01-10 12:00" },
  { device = "valve", is = { phase = "paused", status = false }, at = "2026-01-10 12:15" },
  { device = "valve", above = { target_celsius = 20.9 }, at = "2026-01-10 13:00" },
  { device = "valve", below = { temperature_celsius = 17.1 }, at = "2026-01-11 05:00" },
]
"""


def test_a_valve_keeps_the_temperature_of_its_room_by_itself(house_of: Callable[[str], House]) -> None:
    """The house only sets its target, and the rehearsed hardware opens its valve."""
    house = house_of(VALVE)
    file = load_stories(Path("x"), house, WINTER_DAY)
    assert play(file.stories[0], house, (), rooms=file.rooms).failures == ()


def test_an_air_conditioner_takes_the_heat_away(house_of: Callable[[str], House]) -> None:
    """The room gains heat from outside, and its air conditioner keeps it near the target."""
    cooler = BEDROOM.replace("target_celsius = 20", "target_celsius = 24\ncools = true")
    world = World(house_of(cooler), START)
    world.begin()
    world.add_room(Room(sensor="climate", heater="heater", loses=Seconds(36_000), gains=Rate(4), outside=35))
    world.send("heater", "on")
    world.run(START + 24 * 3600)
    found = [state["temperature_celsius"] for state in [world.state("climate")] if state]
    assert found == [pytest.approx(24.2, abs=0.6)]
    cooling = [change for change in world.changes if change.fields.get("phase") == "cooling"]
    assert len(cooling) > 5


def test_the_windows_of_a_heater_are_not_its_thermometer(house_of: Callable[[str], House]) -> None:
    """A room needs the sensor that the heater goes by, whatever else the heater listens to."""
    aired = BEDROOM.replace('source = "climate"\ntarget', 'source = "climate"\nwindows = ["door"]\ntarget')
    assert load_stories(Path("x"), house_of(aired), STORY).rooms


def test_a_step_of_the_story_sets_the_temperature(house_of: Callable[[str], House]) -> None:
    """A window was open: the room goes on from the new temperature."""
    world = World(house_of(BEDROOM), START)
    world.begin()
    world.add_room(ROOM)
    world.run(START + 3600)
    world.measure("climate", {"temperature_celsius": 8.0})
    world.run(START + 3 * 3600)
    state = world.state("climate")
    assert state is not None
    assert state["temperature_celsius"] == pytest.approx(5 + 3 * math.exp(-2 / 20), abs=0.1)


def test_a_room_of_other_devices_is_left_out(house_of: Callable[[str], House]) -> None:
    """Random days play only a part of the house."""
    world = World(house_of(BEDROOM), START, only=["climate"])
    world.begin()
    world.add_room(ROOM)
    world.run(START + 3600)
    state = world.state("climate")
    assert state is not None
    assert state["temperature_celsius"] == 16.0


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"3/h"', "3", 'gains takes degrees per hour, such as "3/h"'),
        ('"3/h"', '"3 K/h"', 'gains takes degrees per hour, such as "3/h"'),
        ('"20h"', '"1s"', "loses takes a duration of at least 60 s"),
        ('loses = "20h"', "", "loses"),
        ('heater = "heater"', 'heater = "heatr"', 'there is no device "heatr"; did you mean '),
        ('heater = "heater"', 'heater = "door"', "door warms no room"),
        ('heater = "heater"', 'heater = "lamp"', "lamp warms no room; a heater or a plug does"),
        (
            'sensor = "climate"',
            'sensor = "door"',
            "heater goes by the temperature of climate, and not",
        ),
        (
            "[[story]]",
            '[rooms.hall]\nsensor = "climate"\nheater = "heater"\nloses = "1h"\ngains = "3/h"\n[[story]]',
            "it is the sensor of another room",
        ),
        ('sensor = "climate"', 'sensor = "lamp"', "lamp measures no temperature"),
        ('gains = "3/h"', 'gains = "3/h"\ncolor = 3', "color"),
        ('gains = "3/h"', 'gains = "3/h"\noutside = 1e9', "outside takes a number from -90 to 60"),
        ("[rooms.bedroom]", "[[rooms]]", "expected tables [rooms.NAME]"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    house_of: Callable[[str], House], old: str, new: str, expected: str
) -> None:
    """File, line and remedy."""
    with pytest.raises(ConfigurationError) as caught:
        load_stories(Path("x.toml"), house_of(BEDROOM), STORY.replace(old, new, 1))
    (found,) = caught.value.problems
    assert expected in str(found)
    assert str(found).startswith("x.toml:")
