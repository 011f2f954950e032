"""`house doctor` judges the clock of the machine."""

import pytest

from daemons.cli.checks import clock
from daemons.cli.checks.clock import Clock

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("found", "is_well"),
    [
        (Clock(NOW, is_synchronised=True, rtc=None, is_trusted=True), True),
        (Clock(NOW, is_synchronised=False, rtc=NOW + 5, is_trusted=True), True),
        (Clock(NOW, is_synchronised=False, rtc=NOW + 500, is_trusted=True), False),
        (Clock(NOW, is_synchronised=False, rtc=None, is_trusted=False), False),
        (Clock(86_400.0, is_synchronised=True, rtc=None, is_trusted=True), False),
    ],
)
def test_a_clock_needs_a_source(found: Clock, is_well: bool) -> None:
    """The network or a battery clock confirms it, and a date of 1970 is wrong in any case."""
    assert clock.clock_finding(found).ok is is_well


@pytest.mark.parametrize(
    ("raw", "machine", "expected"),
    [
        ({"house": {"timezone": "Europe/Berlin"}}, "Etc/UTC", True),
        ({"house": {}}, "Europe/Berlin", False),
        ({"house": "no table"}, "Etc/UTC", True),
        ({}, None, True),
        (None, "Europe/Berlin", None),
    ],
)
def test_a_house_without_a_timezone_is_named(raw: dict[str, object], machine: str, expected: object) -> None:
    """A machine in UTC, such as a container, has no timezone to compare with."""
    (finding,) = clock.timezone_findings(raw, machine)
    assert finding.ok is expected
