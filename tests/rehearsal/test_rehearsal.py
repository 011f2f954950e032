"""Rehearsals in Python, as docs/rehearsal.md shows them."""

from collections.abc import Callable

import pytest

from daemons.rehearsal import Rehearsal
from tests.rehearsal.conftest import BREAKFAST

pytest_plugins = ["daemons.rehearsal.fixture"]


def test_breakfast_on_the_morning_of_summer_time(rehearse: Callable[..., Rehearsal]) -> None:
    """One press, three minutes of virtual time, and the toast is ready."""
    with rehearse(BREAKFAST, at="2026-03-29 06:29") as house:
        house.press("bathroom_light")
        assert house["kitchen_lamp"].status is True
        house.wait("10s")
        assert house["toaster"].ready
        house.kill("coffee_maker")
        house.wait("30s")
        assert house.message == "Breakfast is ready."
        house.wait_until("2026-03-29 12:00")
        assert not house["toaster"].ready
    assert sum(change.fields.get("status") is True for change in house.changes) == 5


def test_a_wrong_word_is_told() -> None:
    """A device, a field, a duration, a time."""
    with Rehearsal(BREAKFAST, at="2026-03-29 06:29") as house:
        with pytest.raises(KeyError, match="there is no device 'toster'"):
            _ = house["toster"]
        with pytest.raises(AttributeError, match="toaster has no field 'redy'; it has status"):
            _ = house["toaster"].redy
        with pytest.raises(ValueError, match="a duration with its unit"):
            house.wait("3 minutes")
        house.stop("toaster")
        with pytest.raises(KeyError, match="toaster does not run"):
            _ = house["toaster"]
    with pytest.raises(ValueError, match="a date and time"):
        Rehearsal(BREAKFAST, at="06:29")
