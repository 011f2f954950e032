"""A sensor: its measurements, its detections, and their age."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.bus.message import State
from daemons.kinds import Reading, Setting
from daemons.kinds.sensor import Options, Sensor, SensorMemory
from daemons.values import Seconds
from tests.support.crash_simulator import CrashSimulator

HOUR = 3600.0


def report(at: float, **fields: Any) -> Reading:
    """Return a reading of a sensor."""
    return Reading(at=at, **fields)


def test_its_state_has_its_measurements() -> None:
    """Each is rounded to a tenth."""
    sensor = Sensor(Options())
    memory = sensor.update_measurements(
        SensorMemory(), report(10.0, temperature_celsius=21.46, humidity_percent=48.04), 10.0
    )
    shown = sensor.state(memory, Reading(), 10.0)
    assert (shown.phase, shown.temperature_celsius, shown.humidity_percent) == ("measuring", 21.5, 48.0)
    assert shown.status is False


def test_a_meter_that_switches_nothing_has_a_power() -> None:
    """It is unknown once the meter is silent, and a detector has none."""
    meter = Sensor(Options())
    reading = report(10.0, power_watts=230.44)
    memory = meter.update_measurements(SensorMemory(), reading, 10.0)
    assert meter.state(memory, reading, 10.0).power_watts == 230.4
    assert meter.state(meter.advance(memory, 10 + HOUR), reading, 10 + HOUR).power_watts is None
    door = Sensor(Options(detects="opening"))
    assert door.state(memory, reading, 10.0).power_watts is None


@pytest.mark.parametrize(
    ("detects", "quiet", "detecting"),
    [
        ("motion", "clear", "motion"),
        ("opening", "closed", "open"),
        ("water", "dry", "water"),
        ("smoke", "clear", "smoke"),
    ],
)
def test_its_phase_is_the_detection(detects: Any, quiet: str, detecting: str) -> None:
    """Each detection has its own phases, and `status` agrees with them."""
    sensor = Sensor(Options(detects=detects))
    memory = sensor.update_measurements(SensorMemory(), report(10.0, on=False), 10.0)
    assert sensor.state(memory, Reading(), 10.0).phase == quiet
    memory = sensor.update_measurements(memory, report(11.0, on=True), 11.0)
    assert (sensor.state(memory, Reading(), 11.0).phase, sensor.state(memory, Reading(), 11.0).status) == (
        detecting, True,
    )  # fmt: skip


@pytest.mark.parametrize("detects", ["motion", "opening", "water", "smoke"])
def test_a_reading_without_a_detection_is_unknown(detects: Any) -> None:
    """A door that reports only its battery is not shown as closed."""
    sensor = Sensor(Options(detects=detects))
    memory = sensor.update_measurements(SensorMemory(), report(10.0, battery_percent=90), 10.0)
    shown = sensor.state(memory, Reading(), 10.0)
    assert (shown.phase, shown.status, shown.battery_percent) == ("unknown", False, 90)


def test_values_that_are_too_old_are_unknown() -> None:
    """The phase is then `stale`; before the first reading it is `unknown`."""
    sensor = Sensor(Options())
    assert sensor.state(SensorMemory(), Reading(), 0.0).phase == "unknown"
    memory = sensor.update_measurements(SensorMemory(), report(10.0, temperature_celsius=21.0, on=True), 10.0)
    assert sensor.next_deadline(memory) == 10.0 + HOUR
    shown = sensor.state(sensor.advance(memory, 10.0 + HOUR), Reading(), 10.0 + HOUR)
    assert (shown.phase, shown.temperature_celsius, shown.status) == ("stale", None, False)


def test_an_old_reading_that_is_read_again_stays_old() -> None:
    """A driver returns its last reading again and again, with the same time."""
    sensor = Sensor(Options(stale_seconds=Seconds(60)))
    old = report(10.0, temperature_celsius=21.0)
    memory = sensor.advance(sensor.update_measurements(SensorMemory(), old, 10.0), 80.0)
    assert sensor.update_measurements(memory, old, 80.0) == memory


def test_an_unchanged_reading_is_not_written_each_time() -> None:
    """It is written after a twentieth of `stale_after`, so that its age survives a restart."""
    sensor = Sensor(Options())
    memory = sensor.update_measurements(SensorMemory(), report(10.0, temperature_celsius=21.0), 10.0)
    assert sensor.update_measurements(memory, report(11.0, temperature_celsius=21.01), 11.0) == memory
    later = sensor.update_measurements(memory, report(10.0 + 200, temperature_celsius=21.0), 210.0)
    assert later.heard_at == 210.0


def test_the_age_of_a_value_survives_a_restart() -> None:
    """After a restart the value is published at once, and becomes stale at the same time as without one."""
    simulator = CrashSimulator("sensor", stale_after="10m")
    simulator.on_reading(report(simulator.now, temperature_celsius=21.0))
    simulator.running = None
    simulator.now += 300
    simulator.restart()
    assert simulator.field("temperature_celsius") == 21.0
    simulator.wait(299)
    assert simulator.field("temperature_celsius") == 21.0
    simulator.wait(1)
    assert (simulator.field("temperature_celsius"), simulator.field("phase")) == (None, "stale")


def test_values_that_change_all_the_time_are_not_written() -> None:
    """The journal only notes that its values are not those of the last report, and that it detects."""
    simulator = CrashSimulator("sensor", detects="motion")
    simulator.on_reading(report(simulator.now, on=False, temperature_celsius=20.0))
    before = simulator.writes
    for second in range(600):
        simulator.now += 1
        simulator.on_reading(report(simulator.now, on=False, temperature_celsius=20 + second / 10))
    assert simulator.writes == before + 1
    simulator.now += 1
    simulator.on_reading(report(simulator.now, on=True, temperature_celsius=9.0))
    assert simulator.writes == before + 2
    simulator.restart()
    assert (simulator.field("phase"), simulator.field("temperature_celsius")) == ("motion", None)
    simulator.now += 1
    simulator.on_reading(report(simulator.now, on=True, temperature_celsius=9.1))
    assert simulator.field("temperature_celsius") == 9.1


def test_a_thermometer_that_was_killed_while_its_value_changed_has_no_value_until_it_reports() -> None:
    """A value that is older than the published one would make a rule act a second time.

    It is not stale at once: rules may wait for that. It is if it does not report.
    """
    simulator = CrashSimulator("sensor")
    for celsius in (20.0, 25.5, 26.0):
        simulator.on_reading(report(simulator.now, temperature_celsius=celsius))
        simulator.now += 1
    simulator.restart()
    assert (simulator.field("phase"), simulator.field("temperature_celsius")) == ("measuring", None)
    simulator.restart()
    simulator.wait(179)
    assert simulator.field("phase") == "measuring"
    simulator.wait(1)
    assert simulator.field("phase") == "stale"


def test_values_that_have_ceased_to_change_survive_a_kill() -> None:
    """They are written after a twentieth of `stale_after`."""
    simulator = CrashSimulator("sensor", stale_after="10m")
    for celsius in (20.0, 21.0, 22.0):
        simulator.on_reading(report(simulator.now, temperature_celsius=celsius))
        simulator.now += 1
    last = report(simulator.now - 1, temperature_celsius=22.0)
    for _ in range(31):
        simulator.now += 1
        simulator.on_reading(last)
    simulator.restart()
    assert simulator.field("temperature_celsius") == 22.0


def test_a_process_that_is_stopped_writes_its_latest_values() -> None:
    """After a restart they are published at once, also if they changed all the time."""
    simulator = CrashSimulator("sensor")
    for celsius in (20.0, 21.0, 22.0):
        simulator.on_reading(report(simulator.now, temperature_celsius=celsius))
        simulator.now += 1
    simulator.runner.stop()
    simulator.restart()
    assert simulator.field("temperature_celsius") == 22.0


def test_a_detection_is_a_change_that_rules_can_wait_for() -> None:
    """The cause of the change is the hardware."""
    simulator = CrashSimulator("sensor", detects="motion")
    for on in (False, True):
        simulator.now += 1
        simulator.on_reading(report(simulator.now, on=on))
    memory = simulator.appliance.memory
    assert (memory.last_state["phase"], memory.change_times["phase"], memory.cause) == (
        "motion",
        simulator.now,
        "hardware",
    )


@pytest.mark.parametrize(
    ("reported", "expected"), [([True], 0), ([True, True], 0), ([False, True], 1), ([True, False, True], 1)]
)
def test_a_sensor_that_reports_every_65_minutes_turns_only_when_its_value_does(
    reported: list[bool], expected: int
) -> None:
    """Between two reports it is stale. An alarm sounds if the door was closed before, also over a restart."""
    door = CrashSimulator("sensor", detects="opening")
    rule = {"device": "sensor", "turns": {"phase": "open"}, "do": "press"}
    siren = CrashSimulator("light_switch", when=[rule, {**rule, "turns": {"status": True}}])
    for on in reported:
        for now in (door.now + 3600, door.now + 3900):
            door.now = siren.now = now
            door.poll() if door.now % 3900 == 3600 else None
            memory = door.appliance.memory
            siren.on_state(State(
                device="sensor", boot=1, seq=1, at=now, since=now, state=memory.last_state,
                turned=memory.change_times, cause=memory.cause, past=memory.past,
            ))  # fmt: skip
            door.restart()
        door.on_reading(report(door.now, on=on))
        memory = door.appliance.memory
        siren.on_state(State(
            device="sensor", boot=1, seq=1, at=door.now, since=door.now, state=memory.last_state,
            turned=memory.change_times, cause=memory.cause, past=memory.past,
        ))  # fmt: skip
    assert siren.field("presses") == 2 * expected


reports = st.tuples(st.floats(0, 100), st.floats(0, 100), st.none() | st.floats(-20, 40))


@settings(max_examples=200)
@given(st.lists(reports))
def test_it_shows_a_young_value_and_hides_an_old_one(history: list[tuple[float, float, Any]]) -> None:
    """This is true for reports at any time, except for the part of `stale_after` that is not written."""
    sensor = Sensor(Options(stale_seconds=Seconds(60)))
    memory, now, last = SensorMemory(), 0.0, report(0.0)
    for seconds, pause, celsius in history:
        now += seconds
        last = report(now, temperature_celsius=celsius)
        memory = sensor.update_measurements(sensor.advance(memory, now), last, now)
        now += pause
        memory = sensor.update_measurements(
            sensor.advance(memory, now), last, now
        )  # the driver returns it again
        shown = sensor.state(memory, last, now)
        if pause >= 60:
            assert (shown.temperature_celsius, shown.phase) == (None, "stale")
        elif pause < 60 - 60 / 20:
            assert shown.phase == "measuring"
            assert shown.temperature_celsius == (celsius if celsius is None else round(celsius, 1))


def test_a_sensor_may_be_a_meter() -> None:
    """Its power is shown until it is silent for too long, and a meter can count it."""
    sensor = Sensor(Options())
    reading = report(10.0, power_watts=120.4)
    memory = sensor.update_measurements(SensorMemory(), reading, 10.0)
    assert sensor.state(memory, reading, 10.0).power_watts == 120.4
    assert sensor.state(sensor.advance(memory, 10.0 + HOUR), reading, 10.0 + HOUR).power_watts is None


def test_a_sensor_switches_nothing() -> None:
    """It desires no setting that is on, and simulated hardware draws no power for it."""
    sensor = Sensor(Options())
    assert sensor.desired_setting(SensorMemory(detected=True)) == Setting(on=False)
    assert sensor.power_profile() == ((1.0, 0.0),)


def test_the_time_of_the_first_reading_is_stored_at_once() -> None:
    """A reading soon after the boot of the machine has an age too."""
    sensor = Sensor(Options())
    memory = sensor.update_measurements(SensorMemory(), report(1.0, battery_percent=50), 1.0)
    assert memory.heard_at == 1.0
