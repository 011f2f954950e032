"""A number that people and rules set."""

from typing import Any

import pytest

from daemons.config import device
from daemons.kinds.number import Number
from daemons.values import Problem
from tests.support.crash_simulator import CrashSimulator

WARMTH: dict[str, Any] = {"min": 5, "max": 30, "step": 0.5, "unit": "°C", "initial": 20}


def test_it_keeps_its_value_over_a_kill() -> None:
    """A new number has its initial value, a later process the one that was set."""
    house = CrashSimulator("number", **WARMTH)
    assert (house.field("value"), house.field("unit")) == (20, "°C")
    house.command("set", value=21.5)
    house.restart()
    assert house.field("value") == 21.5


def test_ten_tenths_are_one() -> None:
    """Steps do not add up the errors of binary fractions."""
    house = CrashSimulator("number", step=0.1)
    for number in range(10):
        house.command("increase", f"i{number}")
    assert house.field("value") == 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [(4.9, "4.9 is below its lowest value, 5"), (31, "31 is above its highest value, 30")],
)
def test_a_value_beyond_a_limit_is_refused(value: float, reason: str) -> None:
    """The receipt has the limit, and the value stays."""
    house = CrashSimulator("number", **WARMTH)
    receipt = house.command("set", value=value)
    assert (receipt.outcome, receipt.reason) == ("rejected", reason)
    assert house.field("value") == 20


def test_a_step_ends_at_the_limit() -> None:
    """The last step is shorter, and the one after it is refused."""
    house = CrashSimulator("number", min=0, max=5, step=2, initial=4)
    assert house.command("increase", "a").outcome == "applied"
    assert house.field("value") == 5
    receipt = house.command("increase", "b")
    assert (receipt.outcome, receipt.reason) == ("rejected", "it is highest already: 5")
    house.command("set", "c", value=1)
    assert house.command("decrease", "d").outcome == "applied"
    assert house.field("value") == 0


def test_its_value_is_a_measurement() -> None:
    """Rules use it with `above` and `below`."""
    assert "value" in Number.measurements()


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"min": 5, "max": 5}, "min must be below max"),
        ({"max": 10, "step": 11}, "step must not be greater than max - min"),
        ({"max": 10, "initial": 11}, "initial must be from min to max"),
        ({"step": 0}, "step takes a number from 0"),
    ],
)
def test_wrong_limits_are_refused(table: dict[str, Any], text: str) -> None:
    """The problem names what contradicts."""
    problems: list[Problem] = []
    device.build("warmth", {"kind": "number", **table}, ("devices", "warmth"), problems)
    assert [text in problem.text for problem in problems] == [True]
