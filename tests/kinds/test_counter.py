"""A counter."""

from typing import Any

import pytest

from daemons.config import device
from daemons.kinds.counter import Counter
from daemons.values import Problem
from tests.support.crash_simulator import CrashSimulator


def test_it_counts_and_keeps_its_count_over_a_kill() -> None:
    """Each command with its own id counts once; a repeated id does not."""
    house = CrashSimulator("counter")
    for id_ in ("a", "b", "b", "c"):
        house.command("increment", id_)
    house.restart()
    assert house.field("count") == 3
    house.command("decrement", "d")
    assert house.field("count") == 2
    house.command("reset", "e")
    assert house.field("count") == 0


def test_it_stops_at_its_limits() -> None:
    """At the highest count its phase is full; a step beyond a limit is refused."""
    house = CrashSimulator("counter", max=3, step=2)
    house.command("increment", "a")
    assert (house.field("count"), house.field("phase")) == (2, "counting")
    house.command("increment", "b")
    assert (house.field("count"), house.field("phase")) == (3, "full")
    receipt = house.command("increment", "c")
    assert (receipt.outcome, receipt.reason) == ("rejected", "it is highest already: 3")
    assert house.command("set", "d", count=4).reason == "4 is above its highest value, 3"
    assert house.field("count") == 3


def test_reset_returns_to_the_initial_count() -> None:
    """A countdown begins at its initial count."""
    house = CrashSimulator("counter", initial=10, max=10)
    house.command("set", "a", count=4)
    house.command("reset", "b")
    assert house.field("count") == 10


def test_rules_can_wait_for_its_count() -> None:
    """It is a whole number, and no measurement."""
    assert "count" not in Counter.measurements()


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"min": 5, "max": 5}, "min must be below max"),
        ({"max": 10, "initial": 11}, "initial must be from min to max"),
        ({"step": 0}, "step takes a whole number from 1"),
    ],
)
def test_wrong_limits_are_refused(table: dict[str, Any], text: str) -> None:
    """The problem names what contradicts."""
    problems: list[Problem] = []
    device.build("coffees", {"kind": "counter", **table}, ("devices", "coffees"), problems)
    assert [text in problem.text for problem in problems] == [True]
