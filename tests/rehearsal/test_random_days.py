"""Random days: they are repeatable, find a fault without a hint, and make its story short."""

from collections.abc import Callable
from pathlib import Path

from daemons.config.house import House
from daemons.rehearsal.player import play
from daemons.rehearsal.random_days import as_toml, depends_on, random_day, search
from daemons.rehearsal.story_file import StoryFile, load_stories
from tests.rehearsal.conftest import MOTION

HouseOf = Callable[[str], House]
WRONG = MOTION.replace('do = "off"', 'do = "on"')
"""The lamp never goes off by itself."""
ALWAYS = """
[[always]]
title = "the lamp does not burn all day"
never = [
  { device = "hall_lamp", is = { status = true } },
  { device = "hall_motion", is = { phase = "clear" } },
]
for = "3h"
"""


def load(house: House, text: str = ALWAYS) -> StoryFile:
    """Load stories."""
    return load_stories(Path("x"), house, text)


def days(number: int) -> Callable[[], bool]:
    """Return a function that is true so often."""
    left = iter([True] * number)
    return lambda: next(left, False)


def test_a_seed_is_a_day(house_of: HouseOf) -> None:
    """The same seed gives the same day, another one another day."""
    house = house_of(MOTION)
    names = ["hall_motion", "hall_lamp"]
    assert random_day(house, names, 7) == random_day(house, names, 7) != random_day(house, names, 8)


def test_a_fault_is_found_and_its_story_is_short(house_of: HouseOf) -> None:
    """What is printed can be pasted into the file, and fails there again."""
    house = house_of(WRONG)
    always = load(house).always
    _, found = search(house, always, 1, days(50))
    assert found is not None
    assert 1 <= len(found.story.do) <= 2
    again = load(house, ALWAYS + as_toml(found.story))
    outcome = play(again.stories[0], house, always)
    assert [failure.expected for failure in outcome.failures] == ["always: the lamp does not burn all day"]


def test_a_right_house_passes(house_of: HouseOf) -> None:
    """No lamp burns for a whole day."""
    house = house_of(MOTION)
    always = load(house, ALWAYS.replace('"3h"', '"24h"')).always
    number, found = search(house, always, 1, days(20))
    assert (number, found) == (20, None)


def test_only_what_matters_is_rehearsed(house_of: HouseOf) -> None:
    """The devices of the conditions, and those on which they depend."""
    more = '[devices.attic]\nkind = "lamp"\ndriver = "simulated"\n'
    house = house_of(MOTION + more)
    assert depends_on(house, load(house).always, ()) == {"hall_lamp", "hall_motion"}


def test_a_process_is_part_of_a_random_day_if_a_rule_waits_for_its_reports(house_of: HouseOf) -> None:
    """The processes of the house that are no devices are no part of it."""
    more = '[devices.attic]\nkind = "lamp"\ndriver = "simulated"\n'
    rule = '[[devices.hall_lamp.when]]\nprocess = "*"\nturns = { life = "failed" }\ndo = "on"\n'
    house = house_of(MOTION + rule + more)
    assert depends_on(house, load(house).always, ()) == {"hall_lamp", "hall_motion", "attic"}
