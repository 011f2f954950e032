"""A heater: it holds a temperature, and never heats too long or without a measured temperature."""

from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import defstruct

from daemons.bus.message import Scalar
from daemons.kinds import Kind, Reading
from daemons.kinds.climate.options import Options
from daemons.kinds.heater import Heater, HeaterMemory, Off, On, Set
from daemons.values import Seconds, convert

OPTIONS = Options(source="thermometer", max_on_seconds=Seconds(3600), rest_seconds=Seconds(600))


def with_temperature(heater: Heater, memory: HeaterMemory, celsius: float | None, now: float) -> HeaterMemory:
    """Pass the temperature of its source."""
    return heater.update_sources(
        heater.advance(memory, now), {"thermometer": {"temperature_celsius": celsius}}, now
    )


def test_it_heats_below_its_temperature_and_stops_at_it() -> None:
    """The hysteresis prevents frequent switching."""
    heater = Heater(OPTIONS)
    memory = with_temperature(heater, heater.handle_command(HeaterMemory(), On(), 0), 19.6, 1)
    assert not memory.heating
    memory = with_temperature(heater, memory, 19.5, 2)
    assert memory.heating
    assert with_temperature(heater, memory, 19.9, 3).heating
    assert not with_temperature(heater, memory, 20.0, 3).heating


def test_a_temperature_alone_is_not_written() -> None:
    """It is written together with what it changes, and when it becomes unknown."""
    heater = Heater(OPTIONS)
    cold = with_temperature(heater, heater.handle_command(HeaterMemory(), On(), 0), 19.8, 1)
    assert not heater.is_worth_writing(cold, with_temperature(heater, cold, 19.7, 2))
    assert heater.is_worth_writing(cold, with_temperature(heater, cold, 19.5, 2))
    assert heater.is_worth_writing(cold, with_temperature(heater, cold, None, 2))
    assert heater.is_worth_writing(HeaterMemory(), cold)


def test_off_protects_from_frost() -> None:
    """Without `frost_celsius` there is no protection from frost."""
    heater = Heater(OPTIONS)
    memory = with_temperature(heater, HeaterMemory(), 5.5, 1)
    assert heater.state(memory, Reading(), 1).phase == "frost"
    assert not with_temperature(heater, memory, 6.0, 2).heating
    careless = Heater(msgspec.structs.replace(OPTIONS, frost_celsius=None))
    assert not with_temperature(careless, HeaterMemory(), -10, 1).heating


@pytest.mark.parametrize("celsius", [None, -60.0, 85.0])
def test_without_a_temperature_it_goes_off_with_a_fault(celsius: float | None) -> None:
    """A source that is silent, stale or broken stops the heating after `blind_after`."""
    heater = Heater(OPTIONS)
    memory = with_temperature(heater, heater.handle_command(HeaterMemory(), On(), 0), 10.0, 1)
    memory = with_temperature(heater, memory, celsius, 100)
    assert memory.heating
    assert heater.next_deadline(memory) == 160
    memory = heater.advance(memory, 160)
    assert not memory.heating
    shown = heater.state(memory, Reading(), 160)
    assert (shown.phase, shown.fault) == ("blind", "there is no temperature from thermometer")
    assert with_temperature(heater, memory, 10.0, 161).heating


def test_a_source_that_has_just_started_is_waited_for() -> None:
    """A restart of the source or of the heater switches nothing."""
    heater = Heater(OPTIONS)
    memory = with_temperature(heater, heater.handle_command(HeaterMemory(), On(), 0), 10.0, 1)
    assert heater.update_sources(memory, {}, 5) == memory
    assert heater.update_sources(memory, {"thermometer": None}, 5).blind_since == 5


def test_it_rests_after_its_longest_heating_time() -> None:
    """After the rest the heater starts only when its source reports a cold room."""
    heater = Heater(OPTIONS)
    memory = with_temperature(heater, heater.handle_command(HeaterMemory(), On(), 0), 10.0, 0)
    memory = heater.advance(memory, 3600)
    assert heater.state(memory, Reading(), 3600).phase == "resting"
    assert not with_temperature(heater, memory, 10.0, 4199).heating
    assert not heater.advance(memory, 9999).heating
    assert with_temperature(heater, memory, 10.0, 4200).heating


def test_set_changes_the_target_and_switches_on() -> None:
    """A cold room is heated at once, to the new target."""
    heater = Heater(OPTIONS)
    memory = heater.handle_command(with_temperature(heater, HeaterMemory(), 17.0, 0), Set(celsius=18.0), 1)
    assert memory.heating
    assert heater.state(memory, Reading(), 1).target_celsius == 18.0


def test_a_manual_switch_is_adopted() -> None:
    """A manual off begins a rest; a manual on enables the heater."""
    heater = Heater(OPTIONS)
    memory = with_temperature(heater, HeaterMemory(), 15.0, 0)
    memory = heater.adopt(memory, Reading(on=True), 1)
    assert with_temperature(heater, memory, 15.0, 2).heating
    memory = heater.adopt(memory, Reading(on=False), 3)
    assert not with_temperature(heater, memory, 15.0, 4).heating
    assert with_temperature(heater, memory, 15.0, 603).heating


def test_without_a_source_it_uses_the_temperature_of_its_hardware() -> None:
    """Hardware that cannot be reached reports no temperature."""
    heater = Heater(Options())
    memory = heater.update_measurements(
        heater.handle_command(HeaterMemory(), On(), 0), Reading(temperature_celsius=15.0), 1
    )
    assert memory.heating
    assert (
        heater.update_measurements(memory, Reading(temperature_celsius=15.0, reachable=False), 2).blind_since
        == 2
    )


class Room(RuleBasedStateMachine):
    """A room with a thermometer that may fall silent, manual switches, commands and restarts."""

    def __init__(self) -> None:
        super().__init__()
        self.heater, self.memory, self.now = Heater(OPTIONS), HeaterMemory(), 1000.0
        self.celsius, self.reported_at, self.on_since = 15.0, 1000.0, None

    def store(self, memory: HeaterMemory) -> None:
        """Return a memory after writing and reading it."""
        self.memory = msgspec.json.decode(msgspec.json.encode(memory), type=HeaterMemory)
        if not self.memory.heating:
            self.on_since = None
        elif self.on_since is None:
            self.on_since = self.now  # type: ignore[assignment]

    @rule(seconds=st.floats(0.1, 5000))
    def wait(self, seconds: float) -> None:
        """Advance the time, with a call at each deadline."""
        end = self.now + seconds
        while (due := self.heater.next_deadline(self.memory)) is not None and due <= end:
            self.now = max(self.now, due)
            self.store(self.heater.advance(self.memory, self.now))
        self.now = end

    @rule(change=st.floats(-10, 10))
    def change_temperature(self, change: float) -> None:
        """Pass a temperature."""
        self.celsius = min(35.0, max(-5.0, self.celsius + change))
        self.reported_at = self.now
        self.store(with_temperature(self.heater, self.memory, self.celsius, self.now))

    @rule()
    def fall_silent(self) -> None:
        """Make the source silent."""
        self.store(with_temperature(self.heater, self.memory, None, self.now))

    @rule(command=st.sampled_from([On(), Off(), Set(celsius=22.0)]))
    def handle_command(self, command: Any) -> None:
        """Send a command."""
        self.store(self.heater.handle_command(self.memory, command, self.now))

    @rule(on=st.booleans())
    def switch_manually(self, on: bool) -> None:
        """Switch at the hardware."""
        adopted = self.heater.adopt(self.memory, Reading(on=on), self.now)
        self.store(self.heater.advance(adopted, self.now))  # its device does this at once

    @invariant()
    def never_heats_longer_than_max_on(self) -> None:
        """No heating lasts longer than `max_on`."""
        if self.on_since is not None:
            assert self.now - self.on_since <= OPTIONS.max_on_seconds

    @invariant()
    def never_heats_without_a_temperature(self) -> None:
        """A heater without a temperature goes off in time."""
        if self.memory.heating and self.memory.blind_since is not None:
            assert self.now - self.memory.blind_since <= OPTIONS.blind_seconds


TestRoom = Room.TestCase
TestRoom.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_only_a_temperature_that_stays_away_is_a_fault() -> None:
    """Before the first temperature, and with one, there is no fault of the source."""
    heater = Heater(OPTIONS)
    assert heater.state(HeaterMemory(), Reading(), 0).fault is None
    memory = with_temperature(heater, heater.handle_command(HeaterMemory(), On(), 0), 10.0, 1)
    assert heater.state(memory, Reading(), 1).fault is None


def test_its_power_is_constant() -> None:
    """Simulated hardware draws 1500 W."""
    assert Heater(OPTIONS).power_profile() == ((1.0, 1500.0),)


# What else sets its target


def planned(**options: Any) -> Heater:
    """Return a heater with more options."""
    return Heater(convert({"source": "thermometer", **options}, Options))


def target_of(heater: Heater, memory: HeaterMemory) -> float:
    """Return the target that it publishes."""
    return heater.state(memory, Reading(), 0).target_celsius


WEEK = [{"at": "06:00", "celsius": 21}, {"at": "22:00", "celsius": 17}]
DAY = 86_400.0


def test_a_set_holds_until_the_next_entry_of_the_schedule() -> None:
    """As a thermostat on the wall does it."""
    heater = planned(schedule=WEEK)
    assert target_of(heater, HeaterMemory()) == 20.0
    memory = heater.update_timetable(HeaterMemory(), 0, 6.0, 1)
    assert target_of(heater, memory) == 21
    memory = heater.handle_command(memory, Set(celsius=19), 2)
    assert target_of(heater, heater.update_timetable(memory, 0, 6.0, 3)) == 19
    memory = heater.update_timetable(memory, 1, 22.0, 4)
    assert target_of(heater, memory) == 17
    assert memory.enabled


def test_a_set_outlasts_a_small_step_back_of_the_clock() -> None:
    """An entry that had begun begins no second time; but a clock that was years ahead blocks nothing."""
    heater = planned(schedule=WEEK)
    memory = heater.update_timetable(HeaterMemory(), 1, 10 * DAY, 1)
    memory = heater.update_timetable(memory, 0, 10.5 * DAY, 2)
    memory = heater.handle_command(memory, Set(celsius=19), 3)
    back = heater.update_timetable(memory, 1, 10 * DAY, 4)
    assert target_of(heater, back) == 19
    assert target_of(heater, heater.update_timetable(back, 0, 10.5 * DAY, 5)) == 19
    assert target_of(heater, heater.update_timetable(back, 1, 11 * DAY, 6)) == 17
    assert target_of(heater, heater.update_timetable(memory, 1, 2 * DAY, 6)) == 17


def test_after_a_step_back_the_entry_of_that_time_is_in_force() -> None:
    """Without a `set`, the target is that of the time that the clock shows."""
    heater = planned(schedule=WEEK)
    memory = heater.update_timetable(HeaterMemory(), 0, 10.5 * DAY, 2)
    assert target_of(heater, heater.update_timetable(memory, 1, 10 * DAY, 4)) == 17


def test_an_entry_starts_nothing_without_a_new_temperature() -> None:
    """After an outage its temperature is old: the heater starts when its source reports."""
    heater = planned(schedule=WEEK)
    memory = heater.handle_command(with_temperature(heater, HeaterMemory(), 20.5, 1), On(), 1)
    memory = heater.update_timetable(memory, 0, 6.0, 2)
    assert not memory.heating
    assert with_temperature(heater, memory, 20.5, 3).heating


def test_a_removed_schedule_leaves_the_usual_target() -> None:
    """What was planned counts only while something is planned."""
    memory = planned(schedule=WEEK).update_timetable(HeaterMemory(), 0, 6.0, 1)
    assert target_of(planned(), memory) == 20.0


def with_value(heater: Heater, memory: HeaterMemory, value: Any, now: float) -> HeaterMemory:
    """Pass the state of its number or its mode; a value of None is a silent device."""
    device = heater.options.target or heater.options.mode or ""
    return heater.update_sources(memory, {device: None if value is None else {"value": value}}, now)


@pytest.mark.parametrize("value", [None, "warm", True, 4.9, 30.1])
def test_without_a_value_that_is_a_target_it_keeps_the_last(value: Any) -> None:
    """The fault says that the number sets no target."""
    heater = planned(target="wish")
    memory = with_value(heater, HeaterMemory(), 18.5, 1)
    assert heater.state(memory, Reading(), 1).fault is None
    memory = with_value(heater, memory, value, 2)
    assert target_of(heater, memory) == 18.5
    assert heater.state(memory, Reading(), 2).fault == "there is no target from wish"
    assert heater.state(with_value(heater, memory, 19, 3), Reading(), 3).fault is None


def test_a_set_holds_until_its_number_changes() -> None:
    """A number that is heard again with the same value changes nothing, also after a silence."""
    heater = planned(target="wish")
    memory = with_value(heater, HeaterMemory(), 18.0, 1)
    memory = heater.handle_command(memory, Set(celsius=22), 2)
    memory = with_value(heater, with_value(heater, memory, None, 3), 18.0, 4)
    assert target_of(heater, memory) == 22
    assert target_of(heater, with_value(heater, memory, 18.5, 5)) == 18.5


def test_each_value_of_a_mode_has_its_target() -> None:
    """A value without a target, and a silent mode, leave the last target."""
    heater = planned(mode="house_mode", targets={"home": 21, "away": 16})
    memory = with_value(heater, HeaterMemory(), "away", 1)
    assert target_of(heater, memory) == 16
    unnamed = with_value(heater, memory, "guests", 2)
    assert target_of(heater, unnamed) == 16
    assert heater.state(unnamed, Reading(), 2).fault is None
    silent = with_value(heater, memory, None, 3)
    assert target_of(heater, silent) == 16
    assert heater.state(silent, Reading(), 3).fault == "there is no target from house_mode"
    assert target_of(heater, with_value(heater, silent, "home", 4)) == 21


# Rare switching


def test_it_stops_only_after_min_on_and_starts_only_after_min_off() -> None:
    """A temperature that moves fast around the target switches rarely."""
    heater = planned(min_on="2m", min_off="5m")
    memory = with_temperature(heater, heater.handle_command(HeaterMemory(), On(), 0), 15, 0)
    memory = with_temperature(heater, memory, 25, 10)
    assert memory.heating
    assert heater.next_deadline(memory) == 120
    memory = heater.advance(memory, 120)
    assert not memory.heating
    assert not with_temperature(heater, memory, 15, 419).heating
    assert with_temperature(heater, memory, 15, 420).heating


def test_a_stop_after_min_on_counts_from_the_temperature_that_demands_it() -> None:
    """A room that becomes warm long after `min_on` begins `min_off` then."""
    heater = planned(min_on="2m", min_off="5m")
    memory = with_temperature(heater, heater.handle_command(HeaterMemory(), On(), 0), 15, 0)
    memory = with_temperature(heater, memory, 25, 1000)
    assert not with_temperature(heater, memory, 15, 1299).heating
    assert with_temperature(heater, memory, 15, 1300).heating


def test_off_does_not_wait_for_min_on() -> None:
    """A person is obeyed at once, also without a temperature; but `on` waits for `min_off`."""
    heater = planned(min_on="2m", min_off="5m")
    memory = with_temperature(heater, heater.handle_command(HeaterMemory(), On(), 0), 15, 0)
    off = heater.handle_command(memory, Off(), 10)
    assert not off.heating
    assert not heater.handle_command(off, On(), 309).heating
    assert heater.handle_command(off, On(), 310).heating
    assert not heater.handle_command(with_temperature(heater, memory, None, 5), Off(), 10).heating


def test_safety_does_not_wait_for_min_on() -> None:
    """A lost temperature stops it after `blind_after`."""
    heater = planned(min_on="30m", blind_after="1m")
    memory = with_temperature(heater, heater.handle_command(HeaterMemory(), On(), 0), 15, 0)
    memory = with_temperature(heater, memory, None, 10)
    assert not heater.advance(memory, 70).heating


def test_a_hand_at_the_hardware_does_not_wait() -> None:
    """It was switched already, so the heater follows."""
    heater = planned(min_on="2m", min_off="5m")
    memory = with_temperature(heater, heater.handle_command(HeaterMemory(), On(), 0), 15, 0)
    memory = heater.adopt(memory, Reading(on=False), 10)
    assert not memory.heating
    assert heater.adopt(memory, Reading(on=True), 20).heating


# An air conditioner


def test_an_air_conditioner_starts_above_its_temperature_and_stops_at_it() -> None:
    """Everything is the other way round, and `min_off` is five minutes."""
    heater = planned(cools=True, target_celsius=24)
    memory = with_temperature(heater, heater.handle_command(HeaterMemory(), On(), 0), 24.4, 1)
    assert not memory.heating
    memory = with_temperature(heater, memory, 24.5, 2)
    assert heater.state(memory, Reading(), 2).phase == "cooling"
    assert with_temperature(heater, memory, 24.1, 3).heating
    memory = with_temperature(heater, memory, 24.0, 4)
    assert not memory.heating
    assert not with_temperature(heater, memory, 30, 303).heating
    assert with_temperature(heater, memory, 30, 304).heating


def test_an_air_conditioner_that_is_off_protects_from_heat_only_with_hot_celsius() -> None:
    """No frost switches it on."""
    memory = with_temperature(planned(cools=True), HeaterMemory(), 40, 1)
    assert not memory.heating
    guard = planned(cools=True, hot_celsius=32)
    assert not with_temperature(guard, HeaterMemory(), -5, 1).heating
    memory = with_temperature(guard, HeaterMemory(), 32.5, 1)
    assert guard.state(memory, Reading(), 1).phase == "hot"
    assert not with_temperature(guard, memory, 32, 2).heating


def test_no_target_lies_beyond_a_guard() -> None:
    """A `set` of 5 degrees keeps the frost away all the same."""
    heater = planned(frost_celsius=10)
    memory = heater.handle_command(HeaterMemory(), Set(celsius=5), 0)
    assert with_temperature(heater, memory, 9.5, 1).heating
    cooler = planned(cools=True, hot_celsius=28, frost_celsius=15)
    memory = cooler.handle_command(HeaterMemory(), Set(celsius=30), 0)
    assert with_temperature(cooler, memory, 28.5, 1).heating
    memory = with_temperature(cooler, cooler.handle_command(HeaterMemory(), Set(celsius=5), 0), 25, 0)
    assert not with_temperature(cooler, memory, 15, 1).heating


# Windows


def with_window(
    heater: Heater, memory: HeaterMemory, now: float, celsius: float = 15, **windows: bool | None
) -> HeaterMemory:
    """Pass its temperature, and which of its windows are open; None is a silent one."""
    states: dict[str, Any] = {"thermometer": {"temperature_celsius": celsius}}
    for name, is_open in windows.items():
        states[name] = None if is_open is None else {"status": is_open, "phase": "open"}
    return heater.update_sources(memory, states, now)


AIRED = {"windows": ["left", "right"], "window_after": "30s"}


def test_an_open_window_pauses_the_heater() -> None:
    """It stops after `window_after`, and goes on when all windows are closed."""
    heater = planned(**AIRED)
    memory = with_window(heater, heater.handle_command(HeaterMemory(), On(), 0), 0, left=False, right=False)
    assert memory.heating
    memory = with_window(heater, memory, 10, left=True)
    memory = with_window(heater, memory, 20, right=True)
    assert heater.advance(memory, 39.9).heating
    memory = heater.advance(memory, 40)
    shown = heater.state(memory, Reading(), 40)
    assert (shown.phase, shown.paused_by) == ("paused", "left")
    memory = with_window(heater, memory, 50, left=False)
    assert not memory.heating
    assert heater.state(memory, Reading(), 50).paused_by == "right"
    memory = with_window(heater, memory, 60, right=False)
    assert memory.heating
    assert heater.state(memory, Reading(), 60).paused_by is None


def test_a_short_opening_does_not_pause_it() -> None:
    """Each opening is counted from its beginning."""
    heater = planned(**AIRED)
    memory = with_window(heater, heater.handle_command(HeaterMemory(), On(), 0), 0, left=True)
    memory = with_window(heater, memory, 20, left=False)
    memory = with_window(heater, memory, 25, left=True)
    assert heater.advance(memory, 54).heating
    assert not heater.advance(memory, 55).heating


def test_a_pause_protects_from_frost() -> None:
    """And no command ends it."""
    heater = planned(**AIRED)
    memory = heater.advance(with_window(heater, HeaterMemory(), 0, left=True), 30)
    memory = heater.handle_command(memory, Set(celsius=25), 31)
    assert not memory.heating
    assert with_window(heater, memory, 40, celsius=5.5, left=True).heating


def test_a_pause_waits_for_min_on() -> None:
    """The compressor matters more than the warmth of a minute."""
    heater = planned(min_on="2m", **AIRED)
    memory = with_window(heater, heater.handle_command(HeaterMemory(), On(), 0), 0, left=True)
    assert heater.advance(memory, 119).heating
    assert not heater.advance(memory, 120).heating


@pytest.mark.parametrize(
    "silent",
    [None, {"status": True, "phase": "open", "reachable": False}, {"status": False, "phase": "stale"}, {}],
)
def test_a_silent_window_keeps_its_position_for_an_hour(silent: Any) -> None:
    """Then it counts as closed: an empty battery must not leave a room cold. The fault names it."""
    heater = planned(**AIRED)
    memory = with_window(heater, heater.handle_command(HeaterMemory(), On(), 0), 0, left=True, right=False)
    memory = heater.update_sources(heater.advance(memory, 30), {"left": silent}, 100)
    shown = heater.state(memory, Reading(), 100)
    assert (shown.phase, shown.fault) == ("paused", "it is unknown whether left is open")
    assert heater.next_deadline(memory) == 3700
    assert heater.state(heater.advance(memory, 3699), Reading(), 3699).phase == "paused"
    memory = heater.update_sources(heater.advance(memory, 3700), {"left": silent}, 3700)
    assert heater.state(memory, Reading(), 3700).fault
    assert with_temperature(heater, memory, 15, 3700).heating


def test_a_silent_window_that_was_closed_counts_as_closed() -> None:
    """Also one that was never heard."""
    heater = planned(**AIRED)
    memory = with_window(heater, heater.handle_command(HeaterMemory(), On(), 0), 0, left=False, right=None)
    assert with_window(heater, memory, 100, left=None, right=None).heating


def test_a_window_that_is_known_again_counts_at_once() -> None:
    """Its silence ends, and the hour with it."""
    heater = planned(**AIRED)
    memory = heater.advance(with_window(heater, HeaterMemory(), 0, left=True), 30)
    memory = with_window(heater, with_window(heater, memory, 100, left=None), 200, left=True)
    assert heater.next_deadline(memory) is None
    assert heater.state(memory, Reading(), 200).fault is None


def test_another_open_window_that_is_known_keeps_the_pause() -> None:
    """The hour counts only while nothing is known of any open window."""
    heater = planned(**AIRED)
    memory = heater.advance(with_window(heater, HeaterMemory(), 0, left=True, right=True), 30)
    memory = with_window(heater, memory, 100, left=None, right=True)
    assert heater.next_deadline(memory) is None


# Options


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"schedule": WEEK, "target": "wish"}, "schedule and target do not go together"),
        ({"target": "wish", "mode": "house_mode", "targets": {"home": 20}}, "target and mode do not go"),
        ({"mode": "house_mode"}, "mode and targets go together"),
        ({"targets": {"home": 20}}, "mode and targets go together"),
        (
            {"schedule": [*WEEK, {"days": ["mon"], "at": "06:00", "celsius": 20}]},
            "at 06:00 on the same",
        ),
        ({"frost_celsius": 12, "schedule": [{"at": "06:00", "celsius": 11}]}, "a temperature in schedule"),
        ({"frost_celsius": 12, "mode": "m", "targets": {"home": 11}}, "a temperature in targets"),
        ({"hot_celsius": 30}, "hot_celsius goes with cools = true"),
        ({"cools": True, "hot_celsius": 20, "target_celsius": 22}, "hot_celsius must not be below target"),
        ({"min_on": "4h"}, "min_on must be shorter than max_on"),
        ({"windows": ["left", "left"]}, "windows names a device twice"),
        ({"target": "thermometer"}, "what sets the target is not the source"),
    ],
)
def test_options_that_can_never_act_are_refused(options: dict[str, Any], text: str) -> None:
    """`house check` prints the reason."""
    with pytest.raises(msgspec.ValidationError, match=text):
        planned(**options)


class Fancied(Kind):
    """A kind whose `value` is one of two words."""

    state_type = defstruct("State", [("status", bool), ("phase", str), ("value", str)])

    @classmethod
    def possible_states(cls, options: Any) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  always the same
        """Return its two words."""
        return ({"value": "home"}, {"value": "away"})


def test_a_target_for_a_value_that_its_mode_never_has_is_refused() -> None:
    """And a mode sets no target by itself: its value is no number."""
    options = planned(mode="wish", targets={"home": 20, "hom": 21}).options
    (found,) = Heater.refused_sources(options, {"wish": (Fancied, None)})
    assert found == ("targets", "wish is never \"hom\"; did you mean 'home'? allowed: home, away")
    (found,) = Heater.refused_sources(planned(target="wish").options, {"wish": (Fancied, None)})
    assert found == ("target", "the value of wish is no number")
