"""One source of a meter: its counter, its power, and what is unknown."""

from typing import Any

import pytest

from daemons.kinds.metering.source import Source, measure

MOST_WATTS = 25_000.0


def total(readings: list[tuple[float, Any]], most_watts: float = MOST_WATTS) -> tuple[float, float, int]:
    """Return the watt-hours, the unmeasured seconds and the jumps after states at given times."""
    source = Source(0.0)
    watt_hours, unmeasured, jumps = 0.0, 0.0, 0
    for now, fields in readings:
        source, used = measure(source, fields, now, most_watts)
        watt_hours, jumps = watt_hours + used.watt_hours, jumps + used.jumps
        unmeasured += used.unmeasured_seconds
    return round(watt_hours, 3), round(unmeasured, 3), jumps


def counter(*values: tuple[float, float | None]) -> list[tuple[float, Any]]:
    """Return states with these counters at these times; None is a silent source."""
    return [(at, None if value is None else {"energy_watt_hours": value}) for at, value in values]


def power(*values: tuple[float, float | None]) -> list[tuple[float, Any]]:
    """Return states with these powers at these times; None is a silent source."""
    return [(at, None if value is None else {"power_watts": value}) for at, value in values]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([(0, 500), (1, 500.5), (2, 501)], (1, 0, 0)),
        ([(0, 500), (10, None), (3600, 900)], (400, 0, 0)),  # an outage: the counter goes on
        ([(0, 500), (1, 0), (2, 3)], (3, 0, 0)),  # reset to zero
        ([(0, 500), (1, 120), (2, 130)], (130, 0, 0)),  # reset to zero, and it has counted since
        ([(0, 9_999_990), (1, 4)], (4, 0, 0)),  # rolled over
        ([(0, 500), (1, 490), (2, 495), (3, 501)], (1, 0, 0)),  # noise
        ([(0, 500), (3600, 20)], (20, 3600, 0)),  # reset in an outage: what was before it is unknown
        ([(0, 500), (1, 900_000), (2, 900_001)], (1, 0, 1)),  # a jump
        ([(0, 500), (1, 900_000), (2, 501), (3, 502)], (2, 0, 1)),  # a jump, and back
        ([(0, 500_000), (1, 0), (2, 500_001)], (1, 0, 0)),  # it was zero for a moment
        ([(0, 500_000), (1, 0), (72_000, 500_001)], (1, 0, 0)),  # the same with a long outage
        ([(0, 500), (1, -900), (2, -899)], (1, 0, 1)),  # nothing counts from below zero
        ([(0, 500), (1, 5000), (3600, 6000)], (1000, 0, 1)),
        ([(0, 500), (3600, 5000)], (4500, 0, 0)),  # 4.5 kW for an hour
    ],
)
def test_the_energy_of_a_counter(
    values: list[tuple[float, float | None]], expected: tuple[float, float, int]
) -> None:
    """Only what the counter has surely counted is energy: watt-hours, unmeasured seconds, jumps."""
    assert total(counter(*values)) == expected


def test_a_plug_has_its_own_most_watts() -> None:
    """With a limit of the plug, a smaller jump is recognised."""
    values = counter((0, 500), (3600, 5300))
    assert total(values, 3680) == (0, 3600, 1)
    assert total(values) == (4800, 0, 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([(0, 600), (60, 600), (120, 600)], (20, 0, 0)),
        ([(0, 600), (30, 1200), (60, 0), (90, 0)], (15, 0, 0)),
        ([(0, 600), (61, 600)], (0, 61, 0)),  # a longer time without a value is unknown
        ([(0, 600), (30, None), (90, 600), (120, 600)], (5, 90, 0)),  # silent for a while
        ([(0, None), (1000, 600), (1030, 600)], (5, 1000, 0)),  # it was silent from the beginning
        ([(0, -600), (60, -600)], (0, 0, 0)),  # power that is fed in
    ],
)
def test_the_energy_of_a_device_with_power_only(
    values: list[tuple[float, float | None]], expected: tuple[float, float, int]
) -> None:
    """Its power counts until the next value. An unknown time is not invented."""
    assert total(power(*values)) == expected


def test_a_missing_counter_is_replaced_by_the_power_and_nothing_counts_twice() -> None:
    """When the counter is back, only what it has more than the estimate counts."""
    full = {"energy_watt_hours": 100.0, "power_watts": 600.0}
    without = {"energy_watt_hours": None, "power_watts": 600.0}
    begin = [(0.0, full), (30.0, without), (60.0, without)]
    assert total(begin) == (10, 0, 0)
    assert total([*begin, (61.0, {"energy_watt_hours": 110.1})]) == (10.1, 0, 0)
    assert total([*begin, (61.0, {"energy_watt_hours": 104.0})]) == (10, 0, 0)
    late = [(61.0, {"energy_watt_hours": 104.0}), (70.0, {"energy_watt_hours": 112.0})]
    assert total([*begin, *late]) == (12, 0, 0)


@pytest.mark.parametrize("value", [True, "12", None, 2e9, float("nan")])
def test_a_value_that_is_no_energy_is_unknown(value: Any) -> None:
    """A broken counter counts as missing."""
    values = [(0.0, {"energy_watt_hours": 5.0}), (1.0, {"energy_watt_hours": value})]
    assert total([*values, (2.0, {"energy_watt_hours": 6.0})]) == (1, 0, 0)


def test_hardware_that_cannot_be_reached_is_unknown() -> None:
    """Its last values are old."""
    away = {"power_watts": 600.0, "reachable": False}
    assert total([(0.0, {"power_watts": 600.0}), (30.0, away), (60.0, away)]) == (0, 60, 0)
