"""The hourly values: the mean counts known time only, and the energy follows from it or from a counter."""

import pytest

from daemons.storage.hour import hours_of, summarize
from daemons.storage.series import Six, Step

HOUR = 1_795_000_000.0 // 3600 * 3600


def step(minute: float, value: float) -> Six:
    """Return a sample so many minutes after the hour began."""
    return Step.of(HOUR + 60 * minute, value)


def test_the_mean_is_weighted_by_time() -> None:
    """Six minutes at 1,000 W in an hour at 0 W are 100 W, and a tenth of a kilowatt-hour."""
    steps = [step(-5, 0.0), step(30, 1000.0), step(36, 0.0)]
    hour = summarize("power_watts", HOUR, steps, [(HOUR, HOUR + 3600)])
    assert hour is not None
    assert (hour.low, hour.high, hour.seconds) == (0.0, 1000.0, 3600.0)
    assert hour.mean == pytest.approx(100.0)
    assert hour.kwh == pytest.approx(0.1)


def test_a_time_that_is_not_known_uses_no_energy() -> None:
    """A heater that was on when the recorder ended counts for the known quarter of an hour only."""
    hour = summarize("power_watts", HOUR, [step(-5, 2000.0)], [(HOUR - 600, HOUR + 900)])
    assert hour is not None
    assert hour.seconds == 900
    assert hour.kwh == pytest.approx(0.5)
    assert summarize("power_watts", HOUR, [step(-5, 2000.0)], [(HOUR - 600, HOUR)]) is None


def test_after_a_gap_the_value_from_before_does_not_count() -> None:
    """A device that is heard again publishes its value at once."""
    steps = [step(-5, 30.0), Step.of(HOUR + 1801.0, 10.0)]
    hour = summarize("temperature_celsius", HOUR, steps, [(HOUR + 1800, HOUR + 3600)])
    assert hour is not None
    assert (hour.low, hour.mean, hour.high, hour.kwh) == (10.0, 10.0, 10.0, None)


def test_a_counter_that_begins_again_counts_on_from_zero() -> None:
    """Of 900, 950, and then 20 after a reset, 70 Wh were used; the jump to 90 kWh a minute later is none."""
    steps = [step(-5, 900.0), step(10, 950.0), step(20, 20.0), step(21, 90_000.0)]
    hour = summarize("energy_watt_hours", HOUR, steps, [(HOUR, HOUR + 3600)])
    assert hour is not None
    assert hour.kwh == pytest.approx(0.07)


def test_a_rise_to_the_begin_of_an_hour_counts_for_this_hour() -> None:
    """The value from before the hour changes only what a counter has counted, not its lowest value."""
    hour = summarize(
        "energy_watt_hours", HOUR, [step(-5, 900.0), step(0, 910.0)], [(HOUR - 600, HOUR + 3600)]
    )
    assert hour is not None
    assert (hour.low, hour.high) == (910.0, 910.0)
    assert hour.kwh == pytest.approx(0.01)


def test_the_hours_of_a_gap_are_left_out() -> None:
    """Only hours in which something is known have a row."""
    known = [(HOUR + 100, HOUR + 200), (HOUR + 300, HOUR + 3700), (HOUR + 5 * 3600, HOUR + 6 * 3600)]
    assert hours_of(known) == [HOUR, HOUR + 3600, HOUR + 5 * 3600]
