"""Story files: each mistake has its line and its remedy."""

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from daemons.config.house import House, load_house
from daemons.errors import ConfigurationError
from daemons.rehearsal.story_file import StoryFile, load_stories
from tests.rehearsal.conftest import BREAKFAST

HouseOf = Callable[[str], House]
STORY = """
[[story]]
title = "a story"
from = "2026-03-29 00:00"
until = "2026-03-30 00:00"
"""
BERLIN = ZoneInfo("Europe/Berlin")


def load(text: str) -> StoryFile:
    """Load stories about the breakfast house."""
    return load_stories(Path("house.test.toml"), load_house(BREAKFAST), text)


def problem(text: str) -> str:
    """Return the one problem of a story file."""
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    (found,) = caught.value.problems
    return str(found)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("do = [{ device = 'toaster', press = 'single' }]", "the key 'at' is missing"),
        ("do = [{ at = '6:30', device = 'toaster', kill = true }]", 'at takes a time such as "06:30"'),
        ("do = [{ at = '2026-02-30 06:30', device = 'toaster', kill = true }]", "at takes a time such as"),
        ("do = [{ at = '2026-05-01 06:30', device = 'toaster', kill = true }]", "is not within the story"),
        ("do = [{ at = '06:30', device = 'toster', kill = true }]", 'there is no device "toster"'),
        ("do = [{ at = '06:30', device = 'toaster' }]", "a step takes one of press, send, hand"),
        ("do = [{ at = '06:30', device = 'toaster', kill = true, stop = true }]", "a step takes one"),
        ("do = [{ at = '06:30', kill = true }]", "the key 'device' is missing"),
        (
            "do = [{ at = '06:30', device = 'toaster', clock = '+1h' }]",
            "the clock is that of the whole house",
        ),
        ("do = [{ at = '06:30', clock = '+1x' }]", 'takes a step of the clock, such as "+1h"'),
        ("do = [{ at = '06:30', device = 'mirror', kill = true }]", "nothing can happen to a mirror"),
        ("do = [{ at = '06:30', device = 'toaster', send = 'strat' }]", 'it has no command "strat"'),
        ("do = [{ at = '06:30', device = 'toaster', send = 'start', with = { browning = 9 } }]", "1 to 7"),
        ("do = [{ at = '06:30', device = 'toaster', kill = true, with = { a = 1 } }]", "with goes with send"),
        ("do = [{ at = '06:30', device = 'toaster', detects = true }]", "detects nothing"),
        ("do = [{ at = '06:30', device = 'toaster', measures = { x = 1 } }]", "cannot be measured"),
        (
            "do = [{ at = '06:30', device = 'toaster', measures = { battery_percent = 101 } }]",
            "from 0 to 100",
        ),
        ("do = [{ at = '06:30', device = 'kitchen_lamp', press = 'single' }]", "kitchen_lamp has no button"),
        (
            "expect = [{ device = 'kitchen_lamp', is = { phase = 'onn' } }]",
            'is never "onn" with its options',
        ),
        ("expect = [{ device = 'kitchen_lamp', turns = { phase = 'x' }, times = 1 }]", 'is never "x"'),
        ("expect = [{ device = 'toaster', above = { power_watts = 100001 } }]", "is never above 100001"),
        ("expect = [{ device = 'toaster' }]", "an expectation takes one of is, above, below and turns"),
        ("expect = [{ device = 'toaster', by = 'rul' }]", "did you mean 'rule'"),
        ("expect = [{ device = 'toaster', by = 'rule:mirror' }]", "no rule of toaster hears mirror"),
        (
            "expect = [{ device = 'toaster', by = 'rule', turns = { status = true }, times = 1 }]",
            "by goes with is, above and below",
        ),
        ("expect = [{ device = 'toster', is = { status = true } }]", 'there is no device "toster"'),
        ("expect = [{ device = 'toaster', is = { sttus = true } }]", "unknown field"),
        ("expect = [{ device = 'toaster', is = { status = 3 } }]", "3 is not a value of status"),
        ("expect = [{ device = 'toaster', above = { phase = 3 } }]", "is not a number"),
        ("expect = [{ device = 'toaster', turns = { status = true } }]", "turns and times go together"),
        ("expect = [{ device = 'toaster', turns = { power_watts = 3 }, times = 1 }]", "is a measurement"),
        (
            "expect = [{ device = 'toaster', is = { ready = true }, within = '1x' }]",
            "within takes a",
        ),
        ("expect = [{ device = 'toaster', is = { ready = true }, at = '2026-05-01 06:00' }]", "within"),
        (
            "expect = [{ device = 'toaster', is = { ready = true }, after = '06:00' }]",
            "after goes with within",
        ),
        ("expects = []", "unknown key"),
        ("seeds = -1", "seeds takes a whole number"),
    ],
)
def test_a_mistake_has_its_line_and_its_remedy(more: str, expected: str) -> None:
    """As in the configuration of the house."""
    found = problem(STORY + more)
    assert expected in found
    assert found.startswith("house.test.toml:")


def test_all_mistakes_of_a_file_are_reported() -> None:
    """In the order of their lines."""
    text = STORY.replace("2026-03-30", "2026-03-28")
    text += '\n[[stories]]\n\n[[always]]\ntitle = "x"\nnever = []\n'
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    lines = [one.line for one in caught.value.problems]
    assert len(lines) == 3
    assert lines == sorted(lines)


def test_the_devices_of_always_are_checked() -> None:
    """Its conditions are those of a rule."""
    text = '[[always]]\ntitle = "x"\nnever = [{ device = "toster", is = { status = true } }]'
    assert "there is no device \"toster\"; did you mean 'toaster'?" in problem(text)


def test_two_stories_have_two_titles() -> None:
    """`--only` selects a story by its title."""
    assert "another story has this title" in problem(STORY + STORY)


def test_a_file_that_is_missing_is_named() -> None:
    """Instead of a traceback."""
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml:1: .*cannot be read"):
        load_stories(Path("nowhere.toml"), load_house(BREAKFAST))
