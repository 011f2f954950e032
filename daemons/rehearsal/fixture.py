"""A pytest fixture with rehearsed houses: `pytest_plugins = ["daemons.rehearsal.fixture"]`."""

from collections.abc import Callable

import pytest

from daemons.rehearsal.rehearsal import Rehearsal


@pytest.fixture
def rehearse() -> Callable[..., Rehearsal]:
    """Return the function that rehearses a house: `rehearse("config/house.toml", at="2026-03-29 06:29")`."""
    return Rehearsal
