"""A sensor: what it tells, and that what is old is not told any more."""

from typing import Any

import pytest

from daemons.hardware import Reading
from daemons.kinds.sensor import Memory, Options, Sensor
from daemons.value import Seconds

HOUR = 3600.0


def told(at: float, **fields: Any) -> Reading:
    """Give a word of a sensor."""
    return Reading(at=at, **fields)


def test_it_shows_what_it_measures() -> None:
    """To the tenth."""
    sensor = Sensor(Options())
    memory = sensor.measure(Memory(), told(10.0, temperature_celsius=21.46, humidity_percent=48.04), 10.0)
    shown = sensor.shows(memory, Reading(), 10.0)
    assert (shown.phase, shown.temperature_celsius, shown.humidity_percent) == ("measuring", 21.5, 48.0)
    assert shown.status is False


@pytest.mark.parametrize(
    ("detects", "quiet", "detecting"),
    [
        ("motion", "clear", "motion"),
        ("opening", "closed", "open"),
        ("water", "dry", "water"),
        ("smoke", "clear", "smoke"),
    ],
)
def test_it_says_in_a_word_what_it_detects(detects: Any, quiet: str, detecting: str) -> None:
    """The word is its phase, for rules."""
    sensor = Sensor(Options(detects=detects))
    memory = sensor.measure(Memory(), told(10.0, on=False), 10.0)
    assert sensor.shows(memory, Reading(), 10.0).phase == quiet
    memory = sensor.measure(memory, told(11.0, on=True), 11.0)
    assert (sensor.shows(memory, Reading(), 11.0).phase, sensor.shows(memory, Reading(), 11.0).status) == (
        detecting, True,
    )  # fmt: skip


def test_what_is_too_old_is_not_known() -> None:
    """Its values are nothing then, and its phase says so; before its first word it is unknown."""
    sensor = Sensor(Options())
    assert sensor.shows(Memory(), Reading(), 0.0).phase == "unknown"
    memory = sensor.measure(Memory(), told(10.0, temperature_celsius=21.0, on=True), 10.0)
    assert sensor.due(memory) == 10.0 + HOUR
    shown = sensor.shows(sensor.elapse(memory, 10.0 + HOUR), Reading(), 10.0 + HOUR)
    assert (shown.phase, shown.temperature_celsius, shown.status) == ("stale", None, False)


def test_an_old_word_that_is_read_again_stays_old() -> None:
    """The driver gives its last reading again and again; that makes it no younger."""
    sensor = Sensor(Options(stale_seconds=Seconds(60)))
    old = told(10.0, temperature_celsius=21.0)
    memory = sensor.elapse(sensor.measure(Memory(), old, 10.0), 80.0)
    assert sensor.measure(memory, old, 80.0) == memory


def test_the_same_word_is_not_written_each_time() -> None:
    """Only now and then, so that its age survives a restart, give or take a little."""
    sensor = Sensor(Options())
    memory = sensor.measure(Memory(), told(10.0, temperature_celsius=21.0), 10.0)
    assert sensor.measure(memory, told(11.0, temperature_celsius=21.01), 11.0) == memory
    later = sensor.measure(memory, told(10.0 + 200, temperature_celsius=21.0), 210.0)
    assert later.at == 210.0
