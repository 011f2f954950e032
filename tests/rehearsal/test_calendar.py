"""Calendars in a rehearsal: their events, steps of a story, the clock, and random days."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from daemons.config.house import House
from daemons.drivers.physics.events import EventText
from daemons.errors import ConfigurationError
from daemons.rehearsal.player import play
from daemons.rehearsal.random_events import random_event
from daemons.rehearsal.story_file import load_stories

HOUSE = """
[house]
timezone = "Europe/Berlin"
[devices.family]
kind = "calendar"
driver = "ics"
ics.url = "https://example.org/family.ics"
match = ["Piano*"]
[devices.lamp]
kind = "lamp"
driver = "simulated"
[[devices.lamp.when]]
device = "family"
turns = { status = true }
do = "on"
[[devices.lamp.when]]
device = "family"
below = { next_in_minutes = 15 }
do = "off"
"""
STORY = """
[[story]]
title = "a story"
from = "2026-11-30 12:00"
until = "2026-11-30 20:00"
"""
HouseOf = Callable[[str], House]


def failures(house: House, text: str) -> tuple[object, ...]:
    """Play the story, and return what does not hold."""
    (story,) = load_stories(Path("house.test.toml"), house, STORY + text).stories
    return play(story, house, ()).failures


def test_a_calendar_of_the_web_has_the_events_of_the_story(house_of: HouseOf) -> None:
    """They begin and end on time, also after a kill, and a limit of minutes counts."""
    text = """
do = [
  { at = "12:30", device = "family", events = ["mon 17:00-18:00 Piano lesson", "mon 14:00 Dentist"] },
  { at = "16:30", device = "lamp", send = "on" },
  { at = "17:30", device = "family", kill = true },
]
expect = [
  { device = "family", is = { phase = "free", next_event = "Piano lesson" }, at = "14:00:30" },
  { device = "lamp", is = { status = true }, at = "16:44" },
  { device = "lamp", is = { status = false }, at = "16:47" },
  { device = "family", is = { status = true, event = "Piano lesson" }, at = "17:00:01" },
  { device = "lamp", is = { status = true }, at = "17:00:02" },
  { device = "family", is = { status = true }, at = "17:45" },
  { device = "family", is = { status = false }, at = "18:00:01" },
  { device = "family", turns = { status = true }, times = 1 },
]
"""
    assert not failures(house_of(HOUSE), text)


def test_a_clock_that_is_set_moves_the_events(house_of: HouseOf) -> None:
    """The events count by the clock of the house."""
    text = """
do = [
  { at = "12:30", device = "family", events = ["every day 17:00-18:00 Piano"] },
  { at = "13:00", clock = "+4h30m" },
]
expect = [
  { device = "family", is = { status = false }, at = "12:59" },
  { device = "family", is = { status = true }, at = "13:00:05" },
]
"""
    assert not failures(house_of(HOUSE), text)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("{ at = '13:00', device = 'lamp', events = ['mon Piano'] }", "lamp has no events; a calendar has"),
        ("{ at = '13:00', device = 'family', events = ['Piano'] }", "takes a list, each an event such as"),
    ],
)
def test_a_step_that_cannot_happen_is_refused(house_of: HouseOf, step: str, reason: str) -> None:
    """The problem says what is allowed."""
    with pytest.raises(ConfigurationError, match=reason):
        load_stories(Path("house.test.toml"), house_of(HOUSE), f"{STORY}do = [{step}]")


def test_random_days_have_events(house_of: HouseOf) -> None:
    """They have the words that the calendar looks for."""
    device = house_of(HOUSE).devices["family"]
    chance = random.Random(1)  # noqa: S311  it must be repeatable
    found = [random_event(device, {}, chance, is_touched=True) for _ in range(100)]
    texts = [text for event in found for text in event.get("events", ())]
    assert any("Piano" in text for text in texts)
    assert all(EventText.parse(text) == text for text in texts)
    assert not any("detects" in event for event in found)
