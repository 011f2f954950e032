"""Playing stories: what holds, what does not, and what is told of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from daemons.config.house import House, load_house
from daemons.errors import ConfigurationError
from daemons.rehearsal import faults
from daemons.rehearsal.player import Outcome, play
from daemons.rehearsal.story_file import load_stories
from tests.rehearsal.conftest import BREAKFAST, MOTION

HouseOf = Callable[[str], House]
HEAD = """
[[story]]
title = "a story"
from = "2026-11-26 06:00"
until = "2026-11-26 07:00"
"""
PRESS = 'do = [{ at = "06:30", device = "bathroom_light", press = "single" }]\n'


def tell(text: str, house: House | None = None, **how: object) -> Outcome:
    """Play the one story of a file."""
    house = house or load_house(BREAKFAST)
    found = load_stories(Path("x"), house, text)
    return play(found.stories[0], house, found.always, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expected", "failures"),
    [
        ('{ device = "mirror", is = { phase = "ready" }, within = "17s" }', []),
        ('{ device = "mirror", is = { phase = "ready" }, within = "15s" }', ['phase was "preparing"']),
        ('{ device = "toaster", is = { status = true }, at = "06:30:05" }', []),
        ('{ device = "toaster", is = { status = true }, at = "06:30:10" }', ["status was false"]),
        ('{ device = "toaster", turns = { status = true }, times = 1 }', []),
        ('{ device = "toaster", turns = { status = true }, times = 2 }', ["once"]),
        ('{ device = "toaster", turns = { status = false }, times = 1 }', []),
        ('{ device = "kitchen_lamp", is = { status = true } }', []),
        ('{ device = "coffee_maker", is = { ready = true } }', ["ready was false"]),
        ('{ device = "coffee_maker", above = { power_watts = 100 }, at = "06:30:03" }', []),
        (
            '{ device = "coffee_maker", below = { power_watts = 100 }, at = "06:30:03" }',
            ["power_watts"],
        ),
        ('{ device = "toaster", is = { ready = true }, within = "9s", after = "06:30" }', []),
        ('{ device = "toaster", by = "rule:bathroom_light", at = "06:30:05" }', []),
        (
            '{ device = "toaster", is = { status = true }, by = ["hand", "command"], at = "06:30:05" }',
            ["status was true, it was by rule:bathroom_light"],
        ),
        ('{ device = "kitchen_lamp", by = "hand", at = "06:29" }', ["it was by nothing known"]),
    ],
)
def test_an_expectation_holds_or_not(expected: str, failures: list[str]) -> None:
    """What was instead is told, with its time."""
    outcome = tell(f"{HEAD}{PRESS}expect = [{expected}]")
    assert len(outcome.failures) == len(failures)
    for failure, text in zip(outcome.failures, failures, strict=True):
        assert text in failure.found
        assert expected.split('"')[1] in failure.expected


def test_what_must_always_hold_is_watched() -> None:
    """For the time that is allowed, and only once for each story."""
    never = 'never = [{ device = "toaster", is = { status = true } }]'
    for seconds, count in ((7, 1), (9, 0)):
        always = f'[[always]]\ntitle = "no toast"\nfor = "{seconds}s"\n{never}'
        failures = tell(f"{HEAD}{PRESS}{always}").failures
        assert [failure.expected for failure in failures] == ["always: no toast"] * count


BURNS = """
[[always]]
title = "the lamp does not burn"
never = [{ device = "hall_lamp", is = { status = true } }]
for = "10m"
"""


@pytest.mark.parametrize(
    ("step", "untouched", "fails"),
    [
        ('device = "hall_lamp", hand = "on"', "", True),
        ('device = "hall_lamp", hand = "on"', 'untouched = ["hall_lamp"]', False),
        ('device = "hall_lamp", send = "on"', 'untouched = ["hall_lamp"]', False),
        ('device = "hall_motion", detects = true', 'untouched = ["hall_lamp"]', True),
    ],
)
def test_an_always_may_be_about_untouched_devices(
    house_of: HouseOf, step: str, untouched: str, fails: bool
) -> None:
    """What a person switches by hand breaks no such rule."""
    text = f'{HEAD}do = [{{ at = "06:10", {step} }}]\n{BURNS}{untouched}\n'
    assert bool(tell(text, house_of(MOTION)).failures) == fails


def test_an_unknown_untouched_device_is_refused(house_of: HouseOf) -> None:
    """The name is checked as any other."""
    with pytest.raises(ConfigurationError, match="there is no device"):
        load_stories(Path("x"), house_of(MOTION), f'{BURNS}untouched = ["hall_lmp"]\n')


def test_a_value_that_came_again_has_not_lasted() -> None:
    """A press turns the button's phase to single and at once back to idle."""
    text = """
[devices.button]
kind = "button"
driver = "simulated"
"""
    always = """
[[always]]
title = "a press comes all the time"
never = [{ device = "button", is = { phase = "idle" } }]
for = "25m"
"""
    house = load_house(Path("x"), text)
    presses = [f'{{ at = "06:{minute}", device = "button", press = "single" }}' for minute in (20, 40)]
    assert tell(f"{HEAD}do = [{', '.join(presses)}]\n{always}", house).failures == ()
    assert tell(f"{HEAD}do = [{presses[0]}]\n{always}", house).failures != ()


def test_a_device_that_does_not_run_is_told() -> None:
    """It is stopped, and shows nothing."""
    steps = 'do = [{ at = "06:10", device = "toaster", stop = true }]'
    expect = 'expect = [{ device = "toaster", is = { status = false } }]'
    (failure,) = tell(f"{HEAD}{steps}\n{expect}").failures
    assert failure.found == "it does not run"


def test_every_verb_does_something(house_of: HouseOf) -> None:
    """The motion light follows the sensor through all that can happen to it."""
    steps = [
        'at = "06:01", device = "hall_motion", detects = true',
        'at = "06:02", device = "hall_lamp", hand = "off"',
        'at = "06:03", device = "hall_lamp", send = "on"',
        'at = "06:04", device = "hall_lamp", kill = true',
        'at = "06:05", device = "hall_lamp", stop = true',
        'at = "06:06", device = "hall_lamp", start = true',
        'at = "06:07", device = "hall_lamp", unreachable = "10s"',
        'at = "06:08", device = "hall_lamp", cut = "10s"',
        'at = "06:08:20", device = "hall_motion", dead = "10s"',
        'at = "06:09", clock = "-30s"',
        'at = "06:10", device = "hall_motion", measures = { battery_percent = 50 }',
        'at = "06:11", device = "hall_motion", detects = false',
    ]
    expect = [
        'device = "hall_lamp", turns = { phase = "on" }, times = 2',
        'device = "hall_lamp", turns = { reachable = false }, times = 1',
        'device = "hall_lamp", turns = { status = false }, times = 2',
        'device = "hall_lamp", is = { status = true }, at = "06:11:05"',
        'device = "hall_motion", below = { battery_percent = 51 }',
    ]
    text = f"{HEAD}do = [{', '.join(f'{{ {step} }}' for step in steps)}]\n"
    text += f"expect = [{', '.join(f'{{ {one} }}' for one in expect)}]"
    assert tell(text, house_of(MOTION)).failures == ()


@pytest.mark.long
def test_the_stories_of_the_shipped_house_hold_with_every_fault() -> None:
    """Kills before each step; cuts, lost hardware and clock steps at each change."""
    house = load_house(BREAKFAST)
    file = load_stories(BREAKFAST.with_suffix(".test.toml"), house)
    for story in file.stories:
        played, broken = faults.play_with_faults(story, house, file.always)
        assert played > 100
        assert [one.fault for one in broken] == []


BREAKFAST_IS_READY = 'device = "mirror", is = { phase = "ready" }'


def test_a_fault_that_breaks_a_story_is_found() -> None:
    """Who expects breakfast at a time gets none while the switch is cut off; within 20 s, it is only late."""
    house = load_house(BREAKFAST)
    late, missing = (
        load_stories(Path("x"), house, f"{HEAD}{PRESS}expect = [{{ {BREAKFAST_IS_READY}, {when} }}]").stories[
            0
        ]
        for when in ('within = "20s"', 'at = "06:30:20"')
    )
    assert faults.play_with_faults(late, house, ())[1] == []
    played, broken = faults.play_with_faults(missing, house, ())
    assert 0 < len(broken) < played
    assert any("bathroom_light is cut off for 30 s at 06:30:00" in one.fault for one in broken)
    assert not any("killed" in one.fault for one in broken)
