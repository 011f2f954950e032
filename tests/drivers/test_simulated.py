"""Hardware on paper: it outlives its process, has a timer and a meter, and misbehaves as told."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemons.drivers.simulated import OLDEST_PRESS_SECONDS, Options, Simulated, Switching, read_switchings
from daemons.kinds import TOUCHES, Load, Setting
from daemons.values import convert
from tests.support import factories
from tests.support.house import Household

ON, OFF = Setting(on=True), Setting(on=False)
WITNESS = Path("hardware/lamp/switchings.jsonl")
PRESSES = Path("hardware/lamp/presses.jsonl")
MEASURED = Path("hardware/lamp/measured.json")
KETTLE: tuple[Load, ...] = ((60.0, 1100.0), (180.0, 650.0), (1.0, 60.0))
NOW = 1_750_000_000.0


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.enter_run_directory(tmp_path, monkeypatch)


def plugged(now: float = NOW, loads: tuple[Load, ...] = ((1.0, 10.0),), **options: Any) -> Simulated:
    """Give a driver before its hardware, as a new process would."""
    driver = Simulated("lamp", convert(options, Options))
    driver.plug_in(loads, now)
    return driver


def lines() -> list[Switching]:
    """Give what the witness saw."""
    return read_switchings(WITNESS)[0]


def push(*touches: str, at: float = NOW) -> None:
    """Press its button, as a hand does."""
    with PRESSES.open("a") as file:
        file.writelines(f'{{"at": {at}, "what": "{what}"}}\n' for what in touches)


def pressed(driver: Simulated, now: float = NOW) -> list[str]:
    """Give what its next reading tells of its button."""
    return [press.what for press in driver.read(now).presses]


def test_new_hardware_is_off_and_has_drawn_nothing() -> None:
    """What was never switched is off."""
    reading = plugged().read(NOW)
    assert (reading.on, reading.power_watts, reading.energy_watt_hours, reading.fault) == (False, 0, 0, None)


def test_the_relay_outlives_the_driver() -> None:
    """A new process finds the hardware as the last one left it, with what switched it."""
    plugged().set(ON, "a1", NOW)
    reading = plugged(NOW + 5).read(NOW + 5)
    assert (reading.on, reading.cause) == (True, "a1")


def test_every_switching_leaves_one_line() -> None:
    """Each change is one line with its moment and cause; what already is so leaves none."""
    driver = plugged()
    for second, setting in enumerate([ON, ON, OFF, OFF, ON]):
        driver.set(setting, f"c{second}", NOW + second)
    assert [(line.at - NOW, line.what, line.on, line.cause) for line in lines()] == [
        (0, "on", True, "c0"), (2, "off", False, "c2"), (4, "on", True, "c4"),
    ]  # fmt: skip


def test_dimming_is_a_line_of_its_own() -> None:
    """Another brightness is written down, the same one is not."""
    driver = plugged()
    for percent in (50, 50, 20):
        driver.set(Setting(on=True, brightness_percent=percent), None, NOW)
    assert [(line.what, line.brightness_percent) for line in lines()] == [("on", 50), ("dim", 20)]


def test_tinting_and_turning_round_are_lines_of_their_own() -> None:
    """And are told: the colour temperature of a lamp, the way that a cover moves."""
    driver = plugged()
    for kelvin in (2700, 2700, 4000):
        driver.set(Setting(on=True, colour_temperature_kelvin=kelvin), None, NOW)
    assert driver.read(NOW).colour_temperature_kelvin == 4000
    driver.set(OFF, None, NOW + 1)
    driver.set(Setting(on=True, direction="open"), None, NOW + 2)
    driver.set(Setting(on=True, direction="close"), None, NOW + 3)
    assert driver.read(NOW + 3).direction == "close"
    assert [line.what for line in lines()] == ["on", "dim", "off", "on", "turn"]


def test_its_own_timer_switches_it_off_while_nobody_drives_it() -> None:
    """Hardware that was armed goes off at its moment, whatever has become of the process."""
    plugged().set(Setting(on=True, off_after_seconds=90), "a1", NOW)
    assert plugged(NOW + 89).read(NOW + 89).on
    reading = plugged(NOW + 5000).read(NOW + 5000)
    assert (reading.on, reading.cause) == (False, "off_timer")
    assert lines()[-1].at == NOW + 90


def test_arming_it_again_moves_its_timer() -> None:
    """A new dead-man's time is written down and counts; the same one leaves no line."""
    driver = plugged()
    driver.set(Setting(on=True, off_after_seconds=90), None, NOW)
    driver.set(Setting(on=True, off_after_seconds=80), None, NOW + 10)
    driver.set(Setting(on=True, off_after_seconds=200), None, NOW + 20)
    assert [line.what for line in lines()] == ["on", "arm"]
    assert driver.read(NOW + 219).on
    assert not driver.read(NOW + 220).on


def test_switching_it_off_disarms_it() -> None:
    """The timer of an earlier life does not switch off what was switched on later."""
    driver = plugged()
    driver.set(Setting(on=True, off_after_seconds=90), None, NOW)
    driver.set(OFF, None, NOW + 10)
    driver.set(ON, None, NOW + 20)
    assert driver.read(NOW + 1000).on


def test_a_hand_at_the_hardware_is_seen() -> None:
    """A line that somebody else adds is the relay's new position."""
    driver = plugged()
    with WITNESS.open("a") as file:
        file.write(f'{{"at": {NOW}, "what": "on", "on": true}}\n')
    reading = driver.read(NOW + 1)
    assert (reading.on, reading.cause) == (True, None)
    assert driver.due(NOW) <= NOW + 1


@pytest.mark.parametrize("torn", [b"nonsense\n", b"\xff\n", b"{}\n", b"[" * 5000 + b"\n", b"\n"])
def test_a_torn_line_is_passed_over(torn: bytes) -> None:
    """A line that cannot be read hides neither those before nor those after it."""
    plugged().set(ON, "a1", NOW)
    with WITNESS.open("ab") as file:
        file.write(torn)
    driver = plugged()
    assert driver.read(NOW).on
    driver.set(OFF, "a2", NOW + 1)
    assert not plugged(NOW + 2).read(NOW + 2).on
    assert [line.what for line in lines()] == ["on", "off"]


def test_a_line_after_a_torn_end_is_not_lost() -> None:
    """A full disk can tear a line before its end; the next switching is still read by who comes later."""
    plugged().set(ON, "a1", NOW)
    with WITNESS.open("ab") as file:
        file.write(b'{"at": 17500')
    plugged().set(OFF, "a2", NOW + 1)
    assert not plugged(NOW + 2).read(NOW + 2).on
    assert [line.what for line in lines()] == ["on", "off"]


def test_a_full_disk_is_hardware_that_does_not_switch() -> None:
    """When no line can be written the relay stays as it is, and the process goes on."""
    driver = plugged()
    driver.set(ON, "a1", NOW)
    with factories.full_disk(WITNESS.stat().st_size + 10):
        driver.set(OFF, "a2", NOW + 1)
        assert driver.read(NOW + 1).on
    driver.set(OFF, "a3", NOW + 2)
    assert not driver.read(NOW + 2).on
    assert not plugged(NOW + 3).read(NOW + 3).on


def test_power_follows_the_stretches_of_its_work() -> None:
    """A kettle draws much while heating, less after, little at last, and nothing when off."""
    driver = plugged(loads=KETTLE)
    driver.set(ON, None, NOW)
    watts = [driver.read(NOW + second).power_watts for second in (0, 59, 60, 239, 240, 9999)]
    assert watts == [1100, 1100, 650, 650, 60, 60]
    driver.set(OFF, None, NOW + 10_000)
    assert driver.read(NOW + 10_000).power_watts == 0


def test_energy_is_metered_over_stretches_and_processes() -> None:
    """The meter counts through all stretches, keeps its count while off, and over a new process."""
    plugged(loads=KETTLE).set(ON, None, NOW)
    first = 1100 * 60 / 3600
    assert plugged(loads=KETTLE).read(NOW + 60).energy_watt_hours == pytest.approx(first, abs=0.01)
    second = first + 650 * 180 / 3600 + 60 * 60 / 3600
    driver = plugged(loads=KETTLE)
    assert driver.read(NOW + 300).energy_watt_hours == pytest.approx(second, abs=0.01)
    driver.set(OFF, None, NOW + 300)
    assert driver.read(NOW + 9999).energy_watt_hours == pytest.approx(second, abs=0.01)
    driver.set(ON, None, NOW + 10_000)
    assert driver.read(NOW + 10_060).energy_watt_hours == pytest.approx(second + first, abs=0.01)


def test_a_dimmed_lamp_draws_and_counts_less() -> None:
    """At half its brightness a lamp draws half the watts, and its meter counts what it draws."""
    driver = plugged()
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
def test_the_meter_never_runs_back(life: list[tuple[float, Setting, bool]]) -> None:
    """Whatever is switched, by whichever process, energy only grows, and lines are in order of time."""
    WITNESS.unlink(missing_ok=True)
    driver, now, counted = plugged(loads=KETTLE), NOW, 0.0
    for seconds, setting, restarted in life:
        now += seconds
        if restarted:
            driver = plugged(now, KETTLE)
        driver.set(setting, None, now)
        assert driver.read(now).on == setting.on
        energy = driver.read(now).energy_watt_hours
        assert energy is not None
        assert energy >= counted - 0.002
        counted = energy
    if WITNESS.exists():
        assert [line.at for line in lines()] == sorted(line.at for line in lines())


def test_slow_hardware_switches_late() -> None:
    """A slow relay switches after its lag, and says when to look."""
    driver = plugged(fault="slow", lag="200ms")
    driver.set(ON, "a1", NOW)
    assert not driver.read(NOW + 0.19).on
    assert driver.due(NOW) == pytest.approx(NOW + 0.2)
    assert driver.read(NOW + 0.2).on
    assert lines()[-1].cause == "a1"


def test_failing_hardware_complains() -> None:
    """A relay that fails stays as it is, and says so."""
    driver = plugged(fault="fail")
    driver.set(ON, "a1", NOW)
    reading = driver.read(NOW)
    assert (reading.on, reading.fault) == (False, "the hardware refuses to switch")


def test_hanging_hardware_says_the_same_for_ever() -> None:
    """Once it hangs, what is read is what it last said, whatever happens to the relay."""
    plugged().set(ON, "a1", NOW)
    driver = plugged(fault="hang")
    driver.set(OFF, "a2", NOW)
    plugged().set(OFF, "hand", NOW + 1)
    assert driver.read(NOW + 100).on


def test_disagreeing_hardware_does_not_do_as_told() -> None:
    """A relay that disagrees stays as it is without a complaint."""
    driver = plugged(fault="disagree")
    driver.set(ON, "a1", NOW)
    assert (driver.read(NOW).on, driver.read(NOW).fault) == (False, None)


def test_speed_option_sets_the_speed() -> None:
    """The option `speed` says how many times faster the hardware works."""
    assert plugged(speed=15).speed == 15


# Its button


@pytest.mark.parametrize("what", TOUCHES)
def test_a_press_of_its_button_is_told_once(what: str) -> None:
    """A line that a hand adds is one press, and switches nothing by itself."""
    driver = plugged()
    assert pressed(driver) == []
    push(what)
    assert pressed(driver) == [what]
    assert pressed(driver) == []
    assert not WITNESS.exists()


def test_presses_are_told_in_their_order_and_can_be_told_apart() -> None:
    """Each is the cause of what follows from it."""
    driver = plugged()
    push("single", "long", "single")
    presses = driver.read(NOW).presses
    assert [press.what for press in presses] == ["single", "long", "single"]
    assert len({press.id for press in presses}) == 3


def test_a_press_is_told_once_over_every_restart() -> None:
    """What was told is not told by the next process; what nobody took is."""
    first = plugged()
    push("single")
    assert pressed(first) == ["single"]
    push("double")
    driver = plugged(NOW + 1)
    assert pressed(driver, NOW + 1) == ["double"]
    assert pressed(plugged(NOW + 2), NOW + 2) == []


def test_a_press_that_waited_too_long_is_none() -> None:
    """A light does not go on in the night because its switch was played with in the evening."""
    plugged()
    push("single", at=NOW)
    push("double", at=NOW + 30)
    late = NOW + OLDEST_PRESS_SECONDS + 10
    assert pressed(plugged(late), late) == ["double"]


@pytest.mark.parametrize("torn", [b"nonsense\n", b"\xff\n", b'{"at": 1750000000, "what": "triple"}\n', b"\n"])
def test_a_line_that_is_no_press_is_passed_over(torn: bytes) -> None:
    """It hides neither those before nor those after it."""
    driver = plugged()
    push("single")
    with PRESSES.open("ab") as file:
        file.write(torn)
    push("long")
    assert pressed(driver) == ["single", "long"]


def test_a_line_that_is_still_being_written_is_taken_when_it_is_whole() -> None:
    """And then once."""
    driver = plugged()
    with PRESSES.open("ab", buffering=0) as file:
        file.write(b'{"at": 1750000000, "wh')
        assert pressed(driver) == []
        file.write(b'at": "single"}\n')
    assert pressed(driver) == ["single"]
    assert pressed(driver) == []


def test_presses_that_begin_anew_are_taken_from_their_beginning() -> None:
    """A hand may take the file away."""
    driver = plugged()
    push("single", "single", "double")
    assert len(pressed(driver)) == 3
    PRESSES.unlink()
    assert pressed(driver) == []
    push("long")
    assert pressed(driver) == ["long"]


def test_a_press_that_cannot_be_marked_as_taken_is_not_taken() -> None:
    """On a full disk it waits, and the fault says so; it could be told twice otherwise."""
    driver = plugged()
    push("single")
    with factories.full_disk():
        reading = driver.read(NOW)
    assert reading.presses == ()
    assert "presses.taken cannot be written" in (reading.fault or "")
    reading = driver.read(NOW + 1)
    assert ([press.what for press in reading.presses], reading.fault) == (["single"], None)


def test_a_press_while_it_hangs_is_told_by_the_next_process() -> None:
    """What hangs says nothing new, and loses nothing."""
    driver = plugged(fault="hang")
    push("single")
    driver.set(ON, None, NOW)
    push("double")
    assert pressed(driver) == []
    assert pressed(plugged()) == ["single", "double"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["single", "double", "long", "read", "restart"]), max_size=20))
def test_every_press_is_told_once_and_in_order(life: list[str]) -> None:
    """Whenever it is read, and by however many processes."""
    PRESSES.unlink(missing_ok=True)
    PRESSES.with_suffix(".taken").unlink(missing_ok=True)
    driver, told = plugged(), []
    for step in life:
        if step == "read":
            told += pressed(driver)
        elif step == "restart":
            driver = plugged()
        else:
            push(step)
    told += pressed(driver)
    assert told == [step for step in life if step in TOUCHES]


# What it measures


def test_it_measures_what_its_options_say() -> None:
    """A room of a usual day, unless they say something else."""
    reading = plugged(temperature_celsius=-3.5).read(NOW)
    assert (reading.temperature_celsius, reading.humidity_percent, reading.battery_percent) == (-3.5, 45, 100)
    assert reading.at == NOW


def test_a_hand_changes_what_it_measures() -> None:
    """What stands in the file counts, the rest is as its options say; null is not told at all."""
    driver = plugged()
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
def test_what_makes_no_sense_is_a_fault_and_the_last_values_stay(broken: str) -> None:
    """And it has said nothing since: who reads it can tell how old the values are."""
    driver = plugged()
    MEASURED.write_text('{"temperature_celsius": 4.5}')
    driver.read(NOW)
    MEASURED.write_text(broken)
    reading = driver.read(NOW + 10)
    assert (reading.temperature_celsius, reading.at) == (4.5, NOW)
    assert (reading.fault or "").startswith(f"{MEASURED} cannot be read: ")
    MEASURED.write_text('{"temperature_celsius": 5}')
    reading = driver.read(NOW + 20)
    assert (reading.temperature_celsius, reading.at, reading.fault) == (5, NOW + 20, None)


def test_what_made_no_sense_from_the_start_is_not_known() -> None:
    """It does not fall back on its options: nobody knows what the hand has meant."""
    driver = plugged()
    MEASURED.write_text("{")
    reading = driver.read(NOW)
    assert (reading.temperature_celsius, reading.at) == (None, None)


def test_a_file_that_is_about_to_be_written_is_no_fault() -> None:
    """A shell empties a file before it writes it."""
    driver = plugged()
    driver.read(NOW)
    MEASURED.write_text("")
    reading = driver.read(NOW + 10)
    assert (reading.temperature_celsius, reading.fault, reading.at) == (21.0, None, NOW)


def test_a_file_that_cannot_be_read_is_a_fault() -> None:
    """Not the end of the device."""
    driver = plugged()
    MEASURED.mkdir()
    assert "cannot be read" in (driver.read(NOW).fault or "")


def test_two_faults_are_both_told() -> None:
    """That of the relay, and that of what it measures."""
    driver = plugged(fault="fail")
    driver.set(ON, None, NOW)
    MEASURED.write_text("{")
    assert (driver.read(NOW).fault or "").startswith("the hardware refuses to switch; hardware/lamp/measured")


PAPER_HOUSE = """
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


def test_a_hand_plays_a_button_and_a_thermometer_in_a_house(household: Callable[..., Household]) -> None:
    """Each press counts once, through kills; a heater follows what is written for its room."""
    house = household(PAPER_HOUSE)
    house.house("up")
    hardware = house.run / "hardware"
    with house.ear("bell", "hall", "room", "radiator") as ear:
        ear.until(lambda ear: len(ear.states) == len(ear.beats) == 4)
        for count in range(1, 7):
            if count % 2:  # one that has just taken a press, and has told nobody, would lose it (Button.take)
                os.kill(ear.beats["bell"].pid, signal.SIGSTOP)
            with (hardware / "bell" / "presses.jsonl").open("a") as file:
                file.write(f'{{"at": {time.time()}, "what": "single"}}\n')
            if count % 2:
                ear.kill("bell")
            # Two presses that are heard at once, when the bell is back, would not move the relay at all.
            followed = {"starts": (count + 1) // 2, "status": count % 2 == 1}
            ear.until(lambda ear, followed=followed: ear.shows("hall", **followed))  # type: ignore[misc]
            ear.until(lambda ear, count=count: ear.shows("bell", presses=count))  # type: ignore[misc]
        house.send("radiator", "on")
        ear.until(lambda ear: ear.shows("radiator", phase="idle", temperature_celsius=21.0))
        (hardware / "room" / "measured.json").write_text('{"temperature_celsius": 15}')
        ear.until(lambda ear: ear.shows("radiator", phase="heating", temperature_celsius=15.0))
    assert [line.on for line in house.witness("hall")] == [True, False] * 3
