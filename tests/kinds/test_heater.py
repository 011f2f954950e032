"""A heater: it holds a temperature, and never heats too long or without a measured temperature."""

from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from daemons.kinds import Reading
from daemons.kinds.heater import Heater, HeaterMemory, Off, On, Options, Set
from daemons.values import Seconds

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
