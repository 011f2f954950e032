"""The times of log lines in the timezone of the house, and fields of states in words."""

import time
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from daemons.cli.terminal.field_text import field_name, field_value, unit_of
from daemons.supervision.log_time import in_house_time
from tests.support import factories

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def machine_in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put this machine into another timezone than the house."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("machine_in_new_york")
@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("2026-07-01 20:00:00.123 INFO  on", "2026-07-02 02:00:00.123 CEST INFO  on"),
        ("2026-12-01 20:00:00,123 INFO  on", "2026-12-02 02:00:00,123 CET INFO  on"),
        ("2026-12-01 20:00:00 INFO  on", "2026-12-02 02:00:00 CET INFO  on"),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        ("2026-99-01 20:00:00 x", "2026-99-01 20:00:00 x"),
    ],
)
def test_a_log_line_has_the_time_of_the_house_with_its_zone(line: str, shown: str) -> None:
    """A process writes the local time of its machine."""
    assert in_house_time(line, BERLIN) == shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("power_watts", 4.0, ("Power", "4 W")),
        ("temperature_celsius", 21.46, ("Temperature", "21.46 °C")),
        ("co2_ppm", 800, ("CO2", "800 ppm")),
        ("ready", False, ("Ready", "no")),
        ("started_at", 0.0, ("Started at", "0")),
        ("finishes_at", 1.8e9, ("Finishes at", "Fri 15 Jan 08:00:00 UTC")),
        ("remaining_seconds", 125, ("Remaining", "125 s (2 min 5 s)")),
        ("members", ["a", "b"], ("Members", "a, b")),
        ("missing", None, ("Missing", "not known")),
    ],
)
def test_a_field_is_a_name_and_a_value_with_its_unit(
    name: str, value: object, shown: tuple[str, str]
) -> None:
    """The unit at the end of the name goes to the value."""
    assert (field_name(name), field_value(name, value, factories.UTC)) == shown


def test_a_name_without_a_unit_has_none() -> None:
    """`percent` alone is a unit, and `phase` is none."""
    assert (unit_of("percent"), unit_of("phase")) == ("%", None)
