"""Stories of faults that earlier versions had: in rules, with clocks, with the sun.

Each story holds in the rehearsal, and in a real house unless IMPOSSIBLE says why it cannot happen there.
"""

from pathlib import Path

import pytest

from daemons.config.house import load_house
from daemons.rehearsal.player import Judge, play, tell
from daemons.rehearsal.story import Story
from daemons.rehearsal.story_file import load_stories
from tests.support.house import HouseFactory
from tests.support.real_world import RealWorld

FOLDER = Path(__file__).parent / "faults"
HOUSES = {path: load_house(path) for path in FOLDER.glob("[a-z]*.toml") if ".test" not in path.name}
STORIES = [
    (path, story)
    for path, house in HOUSES.items()
    for story in load_stories(path.with_suffix(".test.toml"), house).stories
]


@pytest.mark.parametrize(("house", "story"), [pytest.param(*one, id=one[1].title) for one in STORIES])
def test_the_fault_is_mended(house: Path, story: Story) -> None:
    """The story holds."""
    assert play(story, HOUSES[house], ()).failures == ()


NO_LINK = "the processes of one host have no link that could be cut"
IMPOSSIBLE = {
    "motion comes back while the lamp is cut off and its wait ends; the lamp stays on": NO_LINK,
    "motion ends for good while the lamp is cut off; the lamp goes off when it is back": NO_LINK,
    "the second opening counts, although the lamp hears of both at once": NO_LINK,
}
"""The stories that a real house of one host cannot play, each with the reason. It plays all others."""
QUICK = ("the door is closed after the clock was set back, and the siren is silent",)
"""The story that a real house plays in each test run. It plays the others in the long tests."""
REAL = [
    pytest.param(path, story, id=story.title, marks=() if story.title in QUICK else pytest.mark.long)
    for path, story in STORIES
    if story.title not in IMPOSSIBLE
]


@pytest.mark.parametrize(("path", "story"), REAL)
def test_the_fault_is_mended_in_a_real_house(
    make_house: HouseFactory, tmp_path: Path, path: Path, story: Story
) -> None:
    """The story holds in a house of real processes. They are awake whenever the rehearsed house acts."""
    house = HOUSES[path]
    zone = house.settings.calendar.zone
    lost = {step.device for step in story.do if step.device and step.unreachable}
    world = RealWorld(make_house, path, house, story.from_.unix(zone), tmp_path, lost)
    world.house.house("up")
    with world.house.listen(*world.devices) as listener:
        judge = Judge(world, zone, story, (), 0.0)
        world.begin(listener)
        for change in play(story, house, ()).changes:
            world.stay_awake(change.at)
        for step in story.do:
            for moment in story.moments(step.at, zone):
                world.stay_awake(moment)
        assert tell(story, world, zone, judge) == ()


def test_a_real_house_plays_every_story_that_it_can() -> None:
    """Only a story with a cut link is left out, and each title in the lists is that of a story."""
    stories = {story.title: story for _, story in STORIES}
    has_cut = {title for title, story in stories.items() if any(step.cut for step in story.do)}
    assert has_cut == IMPOSSIBLE.keys()
    assert {*QUICK} <= stories.keys() - IMPOSSIBLE.keys()
