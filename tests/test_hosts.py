"""Several hosts, one house: what crosses between them, and what becomes of it when the way is cut.

Each host is a real house in a network namespace of its own; the network between them is tests/wire.py.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hosts import TWO, Hosts
from tests.household import Household
from tests.ordeals import CLOCK_ORDEALS, ORDEALS, begun
from tests.wire import Wire

Make = Callable[..., Hosts]


@pytest.fixture
def hosts(wire: Wire, household: Callable[..., Household], tmp_path: Path) -> Make:
    """Make houses of several hosts."""

    def make(toml: str = TWO, names: tuple[str, ...] = ("hall", "kitchen"), **how: object) -> Hosts:
        return Hosts(wire, household, tmp_path, toml, names, **how)  # type: ignore[arg-type]

    return make


def test_a_press_on_one_host_makes_toast_on_the_other(hosts: Make) -> None:
    """Once, by the toaster's own record; and both mirrors show both hosts."""
    made = hosts()
    with begun(made) as at:
        press = at.press()
        at.hall.until(lambda hall: hall.shows("toaster", status=True))
        at.hall.until(lambda hall: hall.shows("toaster", ready=True))
        at.kitchen.until(lambda kitchen: kitchen.shows("tally", presses=1))
    assert made.starts("kitchen", "toaster") == {press: 1}
    for name in ("hall", "kitchen"):
        devices = made[name].status()["devices"]
        assert {device["host"] for device in devices.values()} == {"hall", "kitchen"}
        assert {device["presence"] for device in devices.values()} == {"live"}


@pytest.mark.parametrize("name", ORDEALS)
def test_each_press_counts_once(hosts: Make, name: str) -> None:
    """Whatever the way between the hosts goes through: once within its grace, and never beyond it."""
    with begun(hosts()) as at:
        outcome = ORDEALS[name](at)
    assert outcome.is_right, outcome


@pytest.mark.parametrize(("hall", "kitchen"), [(-240.0, 180.0), (240.0, -180.0)])
@pytest.mark.parametrize("name", ["cut", *CLOCK_ORDEALS])
def test_no_host_trusts_the_clock_of_the_other(hosts: Make, name: str, hall: float, kitchen: float) -> None:
    """Minutes apart, or set meanwhile: each press counts once within its grace, and never beyond it."""
    with begun(hosts(clocks={"hall": hall, "kitchen": kitchen})) as at:
        outcome = {**ORDEALS, **CLOCK_ORDEALS}[name](at)
    assert outcome.is_right, outcome
