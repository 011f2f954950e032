"""A sensor: what it tells, and that what is old is not told any more."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.kinds import Reading
from daemons.kinds.sensor import REMEMBER_SHARE, Memory, Options, Sensor
from daemons.values import Seconds
from tests.support.crash_simulator import CrashSimulator

HOUR = 3600.0


def told(at: float, **fields: Any) -> Reading:
    """Give a word of a sensor."""
    return Reading(at=at, **fields)


def test_it_shows_what_it_measures() -> None:
    """To the tenth."""
    sensor = Sensor(Options())
    memory = sensor.update_measurements(
        Memory(), told(10.0, temperature_celsius=21.46, humidity_percent=48.04), 10.0
    )
    shown = sensor.state(memory, Reading(), 10.0)
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
    memory = sensor.update_measurements(Memory(), told(10.0, on=False), 10.0)
    assert sensor.state(memory, Reading(), 10.0).phase == quiet
    memory = sensor.update_measurements(memory, told(11.0, on=True), 11.0)
    assert (sensor.state(memory, Reading(), 11.0).phase, sensor.state(memory, Reading(), 11.0).status) == (
        detecting, True,
    )  # fmt: skip


@pytest.mark.parametrize("detects", ["motion", "opening", "water", "smoke"])
def test_what_does_not_say_whether_it_detects_is_unknown(detects: Any) -> None:
    """A door of which only the battery is known is not told to be closed."""
    sensor = Sensor(Options(detects=detects))
    memory = sensor.update_measurements(Memory(), told(10.0, battery_percent=90), 10.0)
    shown = sensor.state(memory, Reading(), 10.0)
    assert (shown.phase, shown.status, shown.battery_percent) == ("unknown", False, 90)


def test_what_is_too_old_is_not_known() -> None:
    """Its values are nothing then, and its phase says so; before its first word it is unknown."""
    sensor = Sensor(Options())
    assert sensor.state(Memory(), Reading(), 0.0).phase == "unknown"
    memory = sensor.update_measurements(Memory(), told(10.0, temperature_celsius=21.0, on=True), 10.0)
    assert sensor.next_deadline(memory) == 10.0 + HOUR
    shown = sensor.state(sensor.advance(memory, 10.0 + HOUR), Reading(), 10.0 + HOUR)
    assert (shown.phase, shown.temperature_celsius, shown.status) == ("stale", None, False)


def test_an_old_word_that_is_read_again_stays_old() -> None:
    """The driver gives its last reading again and again; that makes it no younger."""
    sensor = Sensor(Options(stale_seconds=Seconds(60)))
    old = told(10.0, temperature_celsius=21.0)
    memory = sensor.advance(sensor.update_measurements(Memory(), old, 10.0), 80.0)
    assert sensor.update_measurements(memory, old, 80.0) == memory


def test_the_same_word_is_not_written_each_time() -> None:
    """Only now and then, so that its age survives a restart, give or take a little."""
    sensor = Sensor(Options())
    memory = sensor.update_measurements(Memory(), told(10.0, temperature_celsius=21.0), 10.0)
    assert sensor.update_measurements(memory, told(11.0, temperature_celsius=21.01), 11.0) == memory
    later = sensor.update_measurements(memory, told(10.0 + 200, temperature_celsius=21.0), 210.0)
    assert later.at == 210.0


def test_what_is_remembered_keeps_its_age_over_a_restart() -> None:
    """It is shown again at once, and no longer than if nothing had happened; then nothing is."""
    simulator = CrashSimulator("sensor", stale_after="10m")
    simulator.appliance.on_reading(
        told(simulator.now, temperature_celsius=21.0), simulator.now, simulator.now
    )
    simulator.apply()
    simulator.running = None
    simulator.now += 300
    simulator.restart()
    assert simulator.field("temperature_celsius") == 21.0
    simulator.wait(299)
    assert simulator.field("temperature_celsius") == 21.0
    simulator.wait(1)
    assert (simulator.field("temperature_celsius"), simulator.field("phase")) == (None, "stale")


def test_a_detection_is_a_turn_that_rules_can_wait_for() -> None:
    """Its cause is the hardware."""
    simulator = CrashSimulator("sensor", detects="motion")
    for on in (False, True):
        simulator.now += 1
        simulator.appliance.on_reading(told(simulator.now, on=on), simulator.now, simulator.now)
        simulator.apply()
    memory = simulator.appliance.memory
    assert (memory.last_state["phase"], memory.change_times["phase"], memory.cause) == (
        "motion",
        simulator.now,
        "hardware",
    )


words = st.tuples(st.floats(0, 100), st.floats(0, 100), st.none() | st.floats(-20, 40))


@settings(max_examples=200)
@given(st.lists(words))
def test_it_never_shows_what_is_too_old_nor_hides_what_is_young(life: list[tuple[float, float, Any]]) -> None:
    """Whenever it speaks, and whenever that is looked at; give or take what is not written down."""
    sensor = Sensor(Options(stale_seconds=Seconds(60)))
    memory, now, last = Memory(), 0.0, told(0.0)
    for seconds, pause, celsius in life:
        now += seconds
        last = told(now, temperature_celsius=celsius)
        memory = sensor.update_measurements(sensor.advance(memory, now), last, now)
        now += pause
        memory = sensor.update_measurements(
            sensor.advance(memory, now), last, now
        )  # the driver gives it again
        shown = sensor.state(memory, last, now)
        if pause >= 60:
            assert (shown.temperature_celsius, shown.phase) == (None, "stale")
        elif pause < 60 - 60 / REMEMBER_SHARE:
            assert shown.phase == "measuring"
            assert shown.temperature_celsius == (celsius if celsius is None else round(celsius, 1))
