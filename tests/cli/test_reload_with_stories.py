"""`house reload` plays the stories of the house first."""

import pytest

from tests.support.house import BREAKFAST, HouseFactory

STORY = """
[[story]]
title = "toast is brown"
from = "2026-11-26 06:00"
until = "2026-11-26 07:00"
do = [{ at = "06:30", device = "bathroom_light", press = "single" }]
expect = [{ device = "toaster", turns = { status = true }, times = 1 }]
"""


@pytest.mark.long
def test_a_reload_with_which_a_story_fails_changes_nothing(make_house: HouseFactory) -> None:
    """The reason is told; `--untested` reloads all the same, and so does a house without stories."""
    house = make_house()
    house.house("up")
    stories = house.config.with_suffix(".test.toml")
    stories.write_text(STORY)
    before = house.pids()
    assert "none was restarted" in house.house("reload").stdout
    without_rule = BREAKFAST.replace('do = "start"', 'do = "stop"')
    house.config.write_text(without_rule)
    refused = house.house("reload", check=False)
    assert refused.returncode == 1
    assert "'toast is brown' does not hold: expected toaster turns { status = true } once" in refused.stderr
    assert "house reload --untested" in refused.stderr
    assert house.pids() == before
    assert "toaster" in house.house("reload", "--untested").stdout
    stories.write_text(STORY.replace("toaster", "toster"))
    mistaken = house.house("reload", check=False)
    assert mistaken.returncode == 2
    assert "there is no device" in mistaken.stderr
    stories.unlink()
    assert "none was restarted" in house.house("reload").stdout
