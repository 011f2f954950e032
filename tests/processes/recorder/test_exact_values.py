"""The measurements by which rules go: exact after a pause, and few of a noisy sensor."""

from daemons.processes.recorder.exact_values import VALUE_SECONDS, ExactValues
from daemons.storage.history_row import Input, Sample

NOW = 1_795_000_000.0


def row(at: float, value: float, name: str = "power_watts") -> Input:
    """Return what is recorded of a value."""
    return Input("plug", NOW + at, "values", {name: value})


def record(values: dict[float, float], until: int) -> list[Input]:
    """Return what is recorded when a measurement takes these values, by second."""
    exact, found = ExactValues(), list[Input]()
    for second in range(until):
        if second in values:
            exact.add(Sample("plug", "power_watts", NOW + second, values[second]))
        found += exact.due(float(second))
    return found


def test_each_value_after_a_pause_is_recorded_at_once_with_its_own_time() -> None:
    """So the moment is known at which it crossed any limit."""
    assert record({0: 500.0, 20: 2.0, 60: 500.0}, 61) == [row(0, 500.0), row(20, 2.0), row(60, 500.0)]


def test_of_a_noisy_sensor_the_latest_value_is_recorded_in_a_while() -> None:
    """The last value is never lost: it is recorded when the while is over."""
    values = {float(second): 500.0 + second for second in range(25)}
    assert record(values, 60) == [row(0, 500.0), row(10, 510.0), row(20, 520.0), row(24, 524.0)]
    assert VALUE_SECONDS == 10.0


def test_a_value_that_came_back_meanwhile_is_not_recorded_again() -> None:
    """Only what differs from the last recorded value is."""
    assert record({0: 500.0, 3: 2.0, 5: 500.0}, 30) == [row(0, 500.0)]


def test_two_measurements_of_a_device_do_not_wait_for_each_other() -> None:
    """Each has its own while."""
    exact = ExactValues()
    exact.add(Sample("plug", "power_watts", NOW, 1.0))
    assert list(exact.due(0.0)) == [row(0, 1.0)]
    exact.add(Sample("plug", "temperature_celsius", NOW + 1, 20.0))
    exact.add(Sample("plug", "power_watts", NOW + 1, 2.0))
    assert list(exact.due(1.0)) == [row(1, 20.0, "temperature_celsius")]
    exact.clear()
    assert list(exact.due(2.0)) == [row(1, 2.0)], "a new file begins with the present values"
