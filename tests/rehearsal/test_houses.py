"""A dozen houses: their stories hold, and what must always hold does so on random days."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daemons.config.house import House, load_house
from daemons.rehearsal.player import play
from daemons.rehearsal.random_days import as_toml, depends_on, random_day, search
from daemons.rehearsal.random_events import AWAY_SECONDS
from daemons.rehearsal.story import Always
from daemons.rehearsal.story_file import load_stories
from daemons.rehearsal.world import World

HOUSES = Path(__file__).parent / "houses"
NAMES = sorted(path.stem for path in HOUSES.glob("*.toml") if not path.stem.endswith(".test"))
SEED = 1_000_000
SECONDS = 20.0
"""How long the random days of each house are played, in the processor time of this process."""


def load(name: str) -> tuple[House, tuple[Always, ...]]:
    """Load a house, and what must always hold in it."""
    house = load_house(HOUSES / f"{name}.toml")
    return house, load_stories(HOUSES / f"{name}.test.toml", house).always


def before(end: float) -> Callable[[], bool]:
    """Return a function that says whether the processor time of this process is below an end."""
    return lambda: time.process_time() < end


def test_there_are_a_dozen_houses() -> None:
    """At least three of them have 22 devices or more."""
    sizes = {name: len(load(name)[0].devices) for name in NAMES}
    assert len(sizes) >= 12
    assert sum(size >= 22 for size in sizes.values()) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_the_stories_of_each_house_hold(name: str) -> None:
    """Each house has a story, with random orders of arrival too."""
    house, always = load(name)
    stories = load_stories(HOUSES / f"{name}.test.toml", house).stories
    assert stories
    for story in stories:
        for seed in (None, 1, 2):
            assert play(story, house, always, seed=seed).failures == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_random_day_of_each_house_holds(name: str) -> None:
    """All devices take part in this day. Then each rule has a day of its own devices."""
    house, always = load(name)
    story = random_day(house, house.devices, 1, always)
    assert play(story, house, always).failures == (), as_toml(story)
    days, found = search(house, always, 1, before(time.process_time() + 0.2))
    assert days
    assert found is None, as_toml(found.story)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_random_days_of_each_house_hold(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The first seed is fixed, and printed."""
    house, always = load(name)
    days, found = search(house, always, SEED, before(time.process_time() + SECONDS))
    with capsys.disabled():
        sys.stdout.write(f"{name}: {days} random days from seed {SEED}\n")
    assert found is None, as_toml(found.story)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_no_appliance_is_hot_for_longer_than_its_max_on(name: str) -> None:
    """The hardware itself is asked, and not what its device publishes."""
    house, always = load(name)
    may_go_on, seed = before(time.process_time() + SECONDS / 4), SEED
    while may_go_on():
        worlds: list[World] = []
        names = depends_on(house, [always[seed % len(always)]], ())
        story = random_day(house, names, seed, always)
        play(story, house, (), only=names, arrange=worlds.append)
        assert not too_hot(worlds[0]), as_toml(story)
        seed += 1


def too_hot(world: World) -> list[tuple[str, float]]:
    """Return the appliances that were on for too long without a break, each with the seconds.

    A person may have switched one on while its process could not reach it.
    """
    found = []
    for name, device in world.devices.items():
        longest: float | None = getattr(device.device.options, "max_on_seconds", None)
        began: float | None = None
        for switching in device.hardware.switchings:
            if longest is None:
                break
            if began is not None and not switching.on and switching.at - began > longest + AWAY_SECONDS[1]:
                found.append((name, switching.at - began))
            began = (began or switching.at) if switching.on else None
    return found
