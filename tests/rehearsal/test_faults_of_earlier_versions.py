"""Stories of faults that earlier versions had: in rules, with clocks, with the sun."""

from pathlib import Path

import pytest

from daemons.config.house import load_house
from daemons.rehearsal.player import play
from daemons.rehearsal.story import Story
from daemons.rehearsal.story_file import load_stories

FOLDER = Path(__file__).parent / "faults"
HOUSES = {path: load_house(path) for path in FOLDER.glob("[a-z]*.toml") if ".test" not in path.name}
STORIES = [
    pytest.param(path, story, id=story.title)
    for path, house in HOUSES.items()
    for story in load_stories(path.with_suffix(".test.toml"), house).stories
]


@pytest.mark.parametrize(("house", "story"), STORIES)
def test_the_fault_is_mended(house: Path, story: Story) -> None:
    """The story holds."""
    assert play(story, HOUSES[house], ()).failures == ()
