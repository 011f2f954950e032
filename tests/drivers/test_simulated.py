"""The driver `simulated`: hardware that outlives its process, with a timer, a meter and faults."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemons.drivers.physics.relay import Switching
from daemons.drivers.simulated import Options, Simulated, read_switchings
from daemons.kinds import TOUCHES, Load, Setting
from daemons.values import convert
from tests.support import factories
from tests.support.house import HouseFactory

MAX_PRESS_AGE_SECONDS = 60.0
"""A press that was not read for longer is dropped."""

ON, OFF = Setting(on=True), Setting(on=False)
SWITCHINGS = Path("hardware/lamp/switchings.jsonl")
PRESSES = Path("hardware/lamp/presses.jsonl")
MEASURED = Path("hardware/lamp/measured.json")
KETTLE: tuple[Load, ...] = ((60.0, 1100.0), (180.0, 650.0), (1.0, 60.0))
NOW = 1_750_000_000.0


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.enter_run_directory(tmp_path, monkeypatch)


def opened(now: float = NOW, power_profile: tuple[Load, ...] = ((1.0, 10.0),), **options: Any) -> Simulated:
    """Return a driver with its hardware, as a new process opens it."""
    driver = Simulated("lamp", convert(options, Options))
    driver.open(power_profile, now)
    return driver


def lines() -> list[Switching]:
    """Return the recorded switchings."""
    return read_switchings(SWITCHINGS)[0]


def add_presses(*touches: str, at: float = NOW) -> None:
    """Add presses to the file of the button."""
    with PRESSES.open("a") as file:
        file.writelines(f'{{"at": {at}, "what": "{what}"}}\n' for what in touches)


def pressed(driver: Simulated, now: float = NOW) -> list[str]:
    """Return the presses in its next reading."""
    return [press.what for press in driver.read(now).presses]


def successor(driver: Simulated, now: float = NOW) -> Simulated:
    """Return the driver of the next process, which remembers the presses that the last one has read."""
    until = driver.read(now).presses_until
    assert until is not None
    made = opened(now)
    made.skip_presses(until)
    return made


def test_new_hardware_is_off_and_has_drawn_nothing() -> None:
    """Hardware that was never switched is off."""
    reading = opened().read(NOW)
    assert (reading.on, reading.power_watts, reading.energy_watt_hours, reading.fault) == (False, 0, 0, None)


def test_the_relay_outlives_the_driver() -> None:
    """A new process finds the state in which the hardware was left, and the cause of the last switching."""
    opened().set(ON, "a1", NOW)
    reading = opened(NOW + 5).read(NOW + 5)
    assert (reading.on, reading.cause) == (True, "a1")


def test_every_switching_leaves_one_line() -> None:
    """Each change is one line with its time and cause; a setting that changes nothing adds no line."""
    driver = opened()
    for second, setting in enumerate([ON, ON, OFF, OFF, ON]):
        driver.set(setting, f"c{second}", NOW + second)
    assert [(line.at - NOW, line.what, line.on, line.cause) for line in lines()] == [
        (0, "on", True, "c0"), (2, "off", False, "c2"), (4, "on", True, "c4"),
    ]  # fmt: skip


def test_dimming_adds_a_line() -> None:
    """A new brightness adds a line; the same brightness does not."""
    driver = opened()
    for percent in (50, 50, 20):
        driver.set(Setting(on=True, brightness_percent=percent), None, NOW)
    assert [(line.what, line.brightness_percent) for line in lines()] == [("on", 50), ("dim", 20)]


def test_changes_of_colour_and_direction_add_lines() -> None:
    """The reading has the colour temperature of a lamp, or the direction of a cover."""
    driver = opened()
    for kelvin in (2700, 2700, 4000):
        driver.set(Setting(on=True, colour_temperature_kelvin=kelvin), None, NOW)
    assert driver.read(NOW).colour_temperature_kelvin == 4000
    driver.set(OFF, None, NOW + 1)
    driver.set(Setting(on=True, direction="open"), None, NOW + 2)
    driver.set(Setting(on=True, direction="close"), None, NOW + 3)
    assert driver.read(NOW + 3).direction == "close"
    assert [line.what for line in lines()] == ["on", "dim", "off", "on", "turn"]


def test_its_timer_switches_it_off_without_a_process() -> None:
    """Armed hardware goes off when its timer ends, even if the process has ended."""
    opened().set(Setting(on=True, off_after_seconds=90), "a1", NOW)
    assert opened(NOW + 89).read(NOW + 89).on
    reading = opened(NOW + 5000).read(NOW + 5000)
    assert (reading.on, reading.cause) == (False, "off_timer")
    assert lines()[-1].at == NOW + 90


def test_a_new_time_moves_the_timer() -> None:
    """A new off time adds a line and counts; the same time adds none."""
    driver = opened()
    driver.set(Setting(on=True, off_after_seconds=90), None, NOW)
    driver.set(Setting(on=True, off_after_seconds=80), None, NOW + 10)
    driver.set(Setting(on=True, off_after_seconds=200), None, NOW + 20)
    assert [line.what for line in lines()] == ["on", "arm"]
    assert driver.read(NOW + 219).on
    assert not driver.read(NOW + 220).on


def test_switching_off_disarms_the_timer() -> None:
    """The timer of an earlier switching does not switch off a later one."""
    driver = opened()
    driver.set(Setting(on=True, off_after_seconds=90), None, NOW)
    driver.set(OFF, None, NOW + 10)
    driver.set(ON, None, NOW + 20)
    assert driver.read(NOW + 1000).on


def test_a_manual_switch_is_read() -> None:
    """A line that another program adds is the new state of the relay."""
    driver = opened()
    with SWITCHINGS.open("a") as file:
        file.write(f'{{"at": {NOW}, "what": "on", "on": true}}\n')
    reading = driver.read(NOW + 1)
    assert (reading.on, reading.cause) == (True, None)
    assert driver.due(NOW) <= NOW + 1


def foreign_line(*, on: bool) -> bytes:
    """Return a line as another program adds it."""
    return f'{{"at": {NOW}, "what": "{"on" if on else "off"}", "on": {str(on).lower()}}}\n'.encode()


def replace_lines(content: bytes) -> None:
    """Replace the record by another file, as an editor does."""
    new = SWITCHINGS.with_suffix(".new")
    new.write_bytes(content)
    new.replace(SWITCHINGS)


def test_a_line_of_another_process_counts_before_the_next_switching() -> None:
    """A relay that another process has switched on is not switched on again."""
    driver = opened()
    driver.set(ON, "a1", NOW)
    driver.set(OFF, "a2", NOW + 1)
    opened().set(ON, "b1", NOW + 2)
    driver.set(ON, "a3", NOW + 3)
    assert [line.cause for line in lines()] == ["a1", "a2", "b1"]


@pytest.mark.parametrize("on", [True, False])
def test_a_line_that_comes_between_is_read(monkeypatch: pytest.MonkeyPatch, *, on: bool) -> None:
    """Another process adds a line after this one has looked at the file, and before it adds its own."""
    driver, write = opened(), os.write
    driver.set(ON, "a1", NOW)

    def write_second(descriptor: int, text: bytes) -> int:
        with SWITCHINGS.open("ab") as file:
            file.write(foreign_line(on=on))
        return write(descriptor, text)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write_second)
        driver.set(OFF, "a2", NOW + 1)
    assert not driver.read(NOW + 1).on
    driver.set(ON, "a3", NOW + 2)
    assert driver.read(NOW + 2).on
    assert [line.cause for line in lines()] == ["a1", None, "a2", "a3"]


def test_the_record_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A switching opens and reads no file: it adds its line by one write."""
    driver = opened()
    driver.set(ON, "a1", NOW)
    assert driver.read(NOW).on
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", None)
        patched.setattr(Path, "open", None)
        patched.setattr(Path, "read_bytes", None)
        driver.set(OFF, "a2", NOW + 1)
        assert not driver.read(NOW + 1).on
    assert [line.cause for line in lines()] == ["a1", "a2"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["set", "add", "replace"]), st.booleans())
        | st.tuples(st.just("cut"), st.integers(0, 5))
        | st.just(("remove", 0)),
        max_size=12,
    )
)
def test_the_relay_is_in_the_state_of_the_last_line(steps: list[tuple[str, int]]) -> None:
    """Others may add lines, and remove, replace or cut the file. Without a line, the relay stays as it is."""
    SWITCHINGS.unlink(missing_ok=True)
    driver, is_on = opened(), False
    for step, value in steps:
        kept = SWITCHINGS.read_bytes().splitlines(keepends=True) if SWITCHINGS.exists() else []
        match step:
            case "set":
                driver.set(ON if value else OFF, "a1", NOW)
            case "add":
                with SWITCHINGS.open("ab") as file:
                    file.write(foreign_line(on=bool(value)))
            case "replace":
                replace_lines(foreign_line(on=bool(value)))
            case "cut" if kept:
                os.truncate(SWITCHINGS, sum(map(len, kept[:value])))
            case "remove":
                SWITCHINGS.unlink(missing_ok=True)
        if step in ("set", "add", "replace"):
            is_on = bool(value)
        elif step == "cut" and kept[:value]:
            is_on = lines()[-1].on
        assert driver.read(NOW).on == is_on
        if step == "set" and SWITCHINGS.exists() and lines():
            assert lines()[-1].on == is_on
    driver.close()


@pytest.mark.parametrize("torn", [b"nonsense\n", b"\xff\n", b"{}\n", b"[" * 5000 + b"\n", b"\n"])
def test_a_broken_line_is_skipped(torn: bytes) -> None:
    """A line that cannot be parsed hides neither earlier nor later lines."""
    opened().set(ON, "a1", NOW)
    with SWITCHINGS.open("ab") as file:
        file.write(torn)
    driver = opened()
    assert driver.read(NOW).on
    driver.set(OFF, "a2", NOW + 1)
    assert not opened(NOW + 2).read(NOW + 2).on
    assert [line.what for line in lines()] == ["on", "off"]


def test_a_line_after_a_truncated_line_is_read() -> None:
    """A full disk can truncate a line; the next switching is still read."""
    opened().set(ON, "a1", NOW)
    with SWITCHINGS.open("ab") as file:
        file.write(b'{"at": 17500')
    opened().set(OFF, "a2", NOW + 1)
    assert not opened(NOW + 2).read(NOW + 2).on
    assert [line.what for line in lines()] == ["on", "off"]


def test_a_full_disk_prevents_switching() -> None:
    """If no line can be written, the relay does not switch, and the process continues."""
    driver = opened()
    driver.set(ON, "a1", NOW)
    with factories.full_disk(SWITCHINGS.stat().st_size + 10):
        driver.set(OFF, "a2", NOW + 1)
        assert driver.read(NOW + 1).on
    driver.set(OFF, "a3", NOW + 2)
    assert not driver.read(NOW + 2).on
    assert not opened(NOW + 3).read(NOW + 3).on


def test_power_follows_the_power_profile() -> None:
    """The power of a kettle falls in two steps while it is on, and is zero when it is off."""
    driver = opened(power_profile=KETTLE)
    driver.set(ON, None, NOW)
    watts = [driver.read(NOW + second).power_watts for second in (0, 59, 60, 239, 240, 9999)]
    assert watts == [1100, 1100, 650, 650, 60, 60]
    driver.set(OFF, None, NOW + 10_000)
    assert driver.read(NOW + 10_000).power_watts == 0


def test_energy_is_metered_over_the_profile_and_over_processes() -> None:
    """The meter counts through the power profile, stops while off, and continues in a new process."""
    opened(power_profile=KETTLE).set(ON, None, NOW)
    first = 1100 * 60 / 3600
    assert opened(power_profile=KETTLE).read(NOW + 60).energy_watt_hours == pytest.approx(first, abs=0.01)
    second = first + 650 * 180 / 3600 + 60 * 60 / 3600
    driver = opened(power_profile=KETTLE)
    assert driver.read(NOW + 300).energy_watt_hours == pytest.approx(second, abs=0.01)
    driver.set(OFF, None, NOW + 300)
    assert driver.read(NOW + 9999).energy_watt_hours == pytest.approx(second, abs=0.01)
    driver.set(ON, None, NOW + 10_000)
    assert driver.read(NOW + 10_060).energy_watt_hours == pytest.approx(second + first, abs=0.01)


def test_a_dimmed_lamp_uses_less_energy() -> None:
    """At half brightness the power and the energy are half."""
    driver = opened()
    driver.set(Setting(on=True, brightness_percent=50), None, NOW)
    reading = driver.read(NOW + 3600)
    assert reading.power_watts == pytest.approx(5)
    assert reading.energy_watt_hours == pytest.approx(5, abs=0.01)
    driver.set(Setting(on=True, brightness_percent=100), None, NOW + 3600)
    assert driver.read(NOW + 7200).energy_watt_hours == pytest.approx(15, abs=0.01)


settings_of = st.builds(
    Setting,
    on=st.booleans(),
    brightness_percent=st.none() | st.integers(1, 100),
    off_after_seconds=st.none() | st.floats(0.1, 1000),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 2000), settings_of, st.booleans()), max_size=10))
def test_the_energy_never_decreases(steps: list[tuple[float, Setting, bool]]) -> None:
    """For any sequence of settings and restarts, energy only grows, and the lines are in order of time."""
    SWITCHINGS.unlink(missing_ok=True)
    driver, now, counted = opened(power_profile=KETTLE), NOW, 0.0
    for seconds, setting, restarted in steps:
        now += seconds
        if restarted:
            driver.close()
            driver = opened(now, KETTLE)
        driver.set(setting, None, now)
        assert driver.read(now).on == setting.on
        energy = driver.read(now).energy_watt_hours
        assert energy is not None
        assert energy >= counted - 0.002
        counted = energy
    if SWITCHINGS.exists():
        assert [line.at for line in lines()] == sorted(line.at for line in lines())


def test_slow_hardware_switches_late() -> None:
    """A slow relay switches after its lag, and the driver returns that time as its deadline."""
    driver = opened(fault="slow", lag="200ms")
    driver.set(ON, "a1", NOW)
    assert not driver.read(NOW + 0.19).on
    assert driver.due(NOW) == pytest.approx(NOW + 0.2)
    assert driver.read(NOW + 0.2).on
    assert lines()[-1].cause == "a1"


def test_failing_hardware_reports_a_fault() -> None:
    """A relay that fails does not switch, and reports a fault."""
    driver = opened(fault="fail")
    driver.set(ON, "a1", NOW)
    reading = driver.read(NOW)
    assert (reading.on, reading.fault) == (False, "the hardware refuses to switch")


def test_the_reading_of_hanging_hardware_never_changes() -> None:
    """While the hardware hangs, the reading is the last one, whatever the relay does."""
    opened().set(ON, "a1", NOW)
    driver = opened(fault="hang")
    driver.set(OFF, "a2", NOW)
    opened().set(OFF, "hand", NOW + 1)
    assert driver.read(NOW + 100).on


def test_disagreeing_hardware_ignores_settings() -> None:
    """A relay that disagrees does not switch, and reports no fault."""
    driver = opened(fault="disagree")
    driver.set(ON, "a1", NOW)
    assert (driver.read(NOW).on, driver.read(NOW).fault) == (False, None)


def test_speed_option_sets_the_speed() -> None:
    """The option `speed` is how many times faster the hardware works."""
    assert opened(speed=15).speed == 15


# The button


@pytest.mark.parametrize("what", TOUCHES)
def test_a_press_of_its_button_is_reported_once(what: str) -> None:
    """A line in the file of the button is one press; a press switches no relay."""
    driver = opened()
    assert pressed(driver) == []
    add_presses(what)
    assert pressed(driver) == [what]
    assert pressed(driver) == []
    assert not SWITCHINGS.exists()


def test_presses_are_reported_in_order_with_different_ids() -> None:
    """The id of a press is the cause of its consequences."""
    driver = opened()
    add_presses("single", "long", "single")
    presses = driver.read(NOW).presses
    assert [press.what for press in presses] == ["single", "long", "single"]
    assert len({press.id for press in presses}) == 3


def test_a_press_is_reported_once_across_restarts() -> None:
    """The next process repeats no press that was read, and reports the others."""
    first = opened()
    add_presses("single")
    assert pressed(first) == ["single"]
    second = successor(first)
    add_presses("double")
    assert pressed(second, NOW + 1) == ["double"]
    assert pressed(successor(second, NOW + 2), NOW + 2) == []


def test_an_old_press_is_ignored() -> None:
    """A press that was made long before the process started switches nothing."""
    opened()
    add_presses("single", at=NOW)
    add_presses("double", at=NOW + 30)
    late = NOW + MAX_PRESS_AGE_SECONDS + 10
    assert pressed(opened(late), late) == ["double"]


@pytest.mark.parametrize("torn", [b"nonsense\n", b"\xff\n", b'{"at": 1750000000, "what": "five"}\n', b"\n"])
def test_an_invalid_press_is_skipped(torn: bytes) -> None:
    """An invalid line hides neither earlier nor later presses."""
    driver = opened()
    add_presses("single")
    with PRESSES.open("ab") as file:
        file.write(torn)
    add_presses("long")
    assert pressed(driver) == ["single", "long"]


def test_an_incomplete_line_is_read_when_it_is_complete() -> None:
    """The press is then reported once."""
    driver = opened()
    with PRESSES.open("ab", buffering=0) as file:
        file.write(b'{"at": 1750000000, "wh')
        assert pressed(driver) == []
        file.write(b'at": "single"}\n')
    assert pressed(driver) == ["single"]
    assert pressed(driver) == []


def test_a_new_file_of_presses_is_read_from_its_beginning() -> None:
    """Another program may delete the file."""
    driver = opened()
    add_presses("single", "single", "double")
    assert len(pressed(driver)) == 3
    PRESSES.unlink()
    assert pressed(driver) == []
    add_presses("long")
    assert pressed(driver) == ["long"]


def test_presses_are_reported_again_until_they_count_as_handled() -> None:
    """The device remembers how much was read; a process that was killed before has handled nothing."""
    driver = opened()
    add_presses("single")
    until = driver.read(NOW).presses_until
    add_presses("double")
    assert pressed(opened()) == ["single", "double"]
    successor = opened()
    assert until is not None
    successor.skip_presses(until)
    assert pressed(successor) == ["double"]


def test_a_press_while_the_hardware_hangs_is_reported_by_the_next_process() -> None:
    """Hanging hardware reports no press, and loses none."""
    driver = opened(fault="hang")
    add_presses("single")
    driver.set(ON, None, NOW)
    add_presses("double")
    assert pressed(driver) == []
    assert pressed(opened()) == ["single", "double"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["single", "double", "long", "read", "restart"]), max_size=20))
def test_every_press_is_reported_once_and_in_order(steps: list[str]) -> None:
    """The times of reading and the number of processes do not matter."""
    PRESSES.unlink(missing_ok=True)
    driver, reported = opened(), []
    for step in steps:
        if step == "read":
            reported += pressed(driver)
        elif step == "restart":
            reported += pressed(driver)
            driver = successor(driver)
        else:
            add_presses(step)
    reported += pressed(driver)
    assert reported == [step for step in steps if step in TOUCHES]


# The measurements


def test_measurements_are_taken_from_the_options() -> None:
    """Without options, the values are those of a usual room."""
    reading = opened(temperature_celsius=-3.5).read(NOW)
    assert (reading.temperature_celsius, reading.humidity_percent, reading.battery_percent) == (-3.5, 45, 100)
    assert reading.at == NOW
    assert (reading.illuminance_lux, reading.co2_ppm) == (None, None)
    air = opened(illuminance_lux=300, co2_ppm=650, pressure_hectopascals=1013).read(NOW)
    assert (air.illuminance_lux, air.co2_ppm, air.pressure_hectopascals) == (300, 650, 1013)


def test_a_thermostat_opens_its_valve_below_its_target() -> None:
    """The hardware remembers its target, and closes the valve when the room is warm enough."""
    driver = opened(temperature_celsius=19.4)
    driver.set(Setting(on=True, target_celsius=20.0), None, NOW)
    reading = driver.read(NOW)
    assert (reading.target_celsius, reading.valve_percent, reading.heating) == (20.0, 60, True)
    warm = opened(temperature_celsius=20.5).read(NOW)
    assert (warm.target_celsius, warm.valve_percent, warm.heating) == (20.0, 0, False)


def test_measurements_are_taken_from_a_file() -> None:
    """A value in the file replaces the option, and null removes the value; other values are the options."""
    driver = opened()
    MEASURED.write_text('{"temperature_celsius": 4.5, "battery_percent": null}')
    reading = driver.read(NOW)
    assert (reading.temperature_celsius, reading.humidity_percent, reading.battery_percent) == (4.5, 45, None)
    MEASURED.unlink()
    assert driver.read(NOW).temperature_celsius == 21.0


@pytest.mark.parametrize(
    "broken",
    [
        '{"temperature_celsius": 4.5',
        '{"temperature_celsius": "warm"}',
        '{"temperature_celsius": -300}',
        '{"humidity_percent": 101}',
        '{"battery_percent": 50.5}',
        '{"temperature_celsius": 1e999}',
        '{"temprature_celsius": 4.5}',
        '{"temperature_celsius": ' + "[" * 5000,
        "21",
        "\0",
    ],
)
def test_an_invalid_measurement_is_a_fault_and_the_last_values_stay(broken: str) -> None:
    """The time of the reading stays too: it shows how old the values are."""
    driver = opened()
    MEASURED.write_text('{"temperature_celsius": 4.5}')
    driver.read(NOW)
    MEASURED.write_text(broken)
    reading = driver.read(NOW + 10)
    assert (reading.temperature_celsius, reading.at) == (4.5, NOW)
    assert (reading.fault or "").startswith(f"{MEASURED} cannot be read: ")
    MEASURED.write_text('{"temperature_celsius": 5}')
    reading = driver.read(NOW + 20)
    assert (reading.temperature_celsius, reading.at, reading.fault) == (5, NOW + 20, None)


def test_a_measurement_that_was_invalid_from_the_start_is_unknown() -> None:
    """The driver does not fall back on the options: the meaning of the file is unknown."""
    driver = opened()
    MEASURED.write_text("{")
    reading = driver.read(NOW)
    assert (reading.temperature_celsius, reading.at) == (None, None)


def test_an_empty_file_is_no_fault() -> None:
    """A shell truncates a file before it writes it."""
    driver = opened()
    driver.read(NOW)
    MEASURED.write_text("")
    reading = driver.read(NOW + 10)
    assert (reading.temperature_celsius, reading.fault, reading.at) == (21.0, None, NOW)


def test_an_unreadable_file_is_a_fault() -> None:
    """The device goes on."""
    driver = opened()
    MEASURED.mkdir()
    assert "cannot be read" in (driver.read(NOW).fault or "")


def test_two_faults_are_both_reported() -> None:
    """The fault text has the fault of the relay and the fault of the measurement."""
    driver = opened(fault="fail")
    driver.set(ON, None, NOW)
    MEASURED.write_text("{")
    assert (driver.read(NOW).fault or "").startswith("the hardware refuses to switch; hardware/lamp/measured")


SIMULATED_HOUSE = """
[recorder]
enabled = false

[devices.bell]
kind = "button"
driver = "simulated"

[devices.hall]
kind = "lamp"
driver = "simulated"

[[devices.hall.when]]
device = "bell"
turns = { phase = "single" }
do = "toggle"

[devices.room]
kind = "sensor"
driver = "simulated"

[devices.radiator]
kind = "heater"
driver = "simulated"
source = "room"
"""


def test_files_simulate_a_button_and_a_thermometer_in_a_house(make_house: HouseFactory) -> None:
    """Each press counts once across kills. The heater follows the temperature in the file of its room."""
    house = make_house(SIMULATED_HOUSE)
    house.house("up")
    hardware = house.run / "hardware"
    with house.listen("bell", "hall", "room", "radiator") as listener:
        listener.wait_for(lambda listener: len(listener.states) == len(listener.heartbeats) == 4)
        for count in range(1, 7):
            with (hardware / "bell" / "presses.jsonl").open("a") as file:
                file.write(f'{{"at": {time.time()}, "what": "single"}}\n')
            if count % 2:
                listener.kill("bell")
            # Two presses received at once, after the restart of the bell, would not move the relay at all.
            followed = {"starts": (count + 1) // 2, "status": count % 2 == 1}
            listener.wait_for(lambda listener, followed=followed: listener.has_state("hall", **followed))  # type: ignore[misc]
            listener.wait_for(lambda listener, count=count: listener.has_state("bell", presses=count))  # type: ignore[misc]
        house.send("radiator", "on")
        listener.wait_for(
            lambda listener: listener.has_state("radiator", phase="idle", temperature_celsius=21.0)
        )
        (hardware / "room" / "measured.json").write_text('{"temperature_celsius": 15}')
        listener.wait_for(
            lambda listener: listener.has_state("radiator", phase="heating", temperature_celsius=15.0)
        )
    assert [line.on for line in house.switchings("hall")] == [True, False] * 3
