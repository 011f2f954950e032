"""A mode: one of a few words."""

from typing import Any

import pytest

from daemons.config import device
from daemons.kinds import Reading
from daemons.kinds.mode import Mode, ModeMemory, Next, Options
from daemons.values import Problem
from tests.support import factories
from tests.support.crash_simulator import CrashSimulator

VALUES = ["home", "away", "night"]


def test_its_phase_is_its_value_and_survives_a_kill() -> None:
    """A new mode has the first value; the next process has the value that was set."""
    house = CrashSimulator("mode", values=VALUES)
    assert house.field("phase") == "home"
    assert house.command("set", value="night").outcome == "applied"
    house.restart()
    assert house.field("phase") == "night"


def test_next_goes_through_all_values() -> None:
    """After the last value comes the first one."""
    house = CrashSimulator("mode", values=VALUES, initial="away")
    seen = [house.field("phase")]
    for number in range(3):
        house.command("next", f"n{number}")
        seen.append(house.field("phase"))
    assert seen == ["away", "night", "home", "away"]


def test_an_unknown_value_is_refused_with_the_nearest_one() -> None:
    """The receipt lists all values, and the value stays."""
    house = CrashSimulator("mode", values=VALUES)
    receipt = house.command("set", value="nigth")
    assert receipt.outcome == "rejected"
    assert receipt.reason == (
        "\"nigth\" is none of its values; did you mean 'night'? allowed: home, away, night"
    )
    assert house.field("phase") == "home"


def test_a_value_that_the_configuration_lost_is_the_initial_one() -> None:
    """Someone has edited the values while the mode had one that is gone."""
    mode = Mode(Options(values=("home", "away")))
    assert mode.state(ModeMemory("holiday"), Reading(), 0).phase == "home"
    assert mode.handle_command(ModeMemory("holiday"), Next(), 0).value == "away"


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"values": ["home"]}, "values takes"),
        ({"values": ["home", "home"]}, "the same word twice"),
        ({"values": ["home", "Not at home"]}, "values takes"),
        ({"values": VALUES, "initial": "hoem"}, "did you mean 'home'?"),
    ],
)
def test_wrong_values_are_refused(table: dict[str, Any], text: str) -> None:
    """The problem says what is allowed."""
    problems: list[Problem] = []
    device.build("house_mode", {"kind": "mode", **table}, ("devices", "house_mode"), problems)
    assert len(problems) == 1
    assert text in problems[0].text


def test_a_rule_that_sets_an_unknown_value_is_refused() -> None:
    """`house check` knows the values of each mode."""
    rule = {"at": "22:00", "do": "set", "with": {"value": "nihgt"}}
    problems: list[Problem] = []
    device.build(
        "house_mode", {"kind": "mode", "values": VALUES, "when": [rule]}, ("devices", "house_mode"), problems
    )
    (problem,) = problems
    assert problem.path == ("devices", "house_mode", "when", 0, "with", "value")
    assert "did you mean 'night'?" in problem.text


def test_its_possible_states_are_its_values() -> None:
    """So `house check` refuses a rule that waits for another one."""
    options = factories.device("mode", values=VALUES).options
    assert [state["phase"] for state in Mode.possible_states(options)] == VALUES
