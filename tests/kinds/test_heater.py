"""A heater: warm enough, never blindly, never too long."""

from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from daemons.kinds import Reading
from daemons.kinds.heater import Heater, Memory, Off, On, Options, Set
from daemons.values import Seconds

OPTIONS = Options(source="thermometer", max_on_seconds=Seconds(3600), rest_seconds=Seconds(600))


def feels(heater: Heater, memory: Memory, celsius: float | None, now: float) -> Memory:
    """Let its source tell a temperature."""
    return heater.update_sources(
        heater.advance(memory, now), {"thermometer": {"temperature_celsius": celsius}}, now
    )


def test_it_heats_below_and_stops_at_its_temperature() -> None:
    """With a hysteresis, so that it does not switch all the time."""
    heater = Heater(OPTIONS)
    memory = feels(heater, heater.handle_command(Memory(), On(), 0), 19.6, 1)
    assert not memory.heating
    memory = feels(heater, memory, 19.5, 2)
    assert memory.heating
    assert feels(heater, memory, 19.9, 3).heating
    assert not feels(heater, memory, 20.0, 3).heating


def test_off_keeps_the_frost_away() -> None:
    """Unless that is switched off too."""
    heater = Heater(OPTIONS)
    memory = feels(heater, Memory(), 5.5, 1)
    assert heater.state(memory, Reading(), 1).phase == "frost"
    assert not feels(heater, memory, 6.0, 2).heating
    careless = Heater(msgspec.structs.replace(OPTIONS, frost_celsius=None))
    assert not feels(careless, Memory(), -10, 1).heating


@pytest.mark.parametrize("told", [None, -60.0, 85.0])
def test_without_a_temperature_it_goes_off_in_time_and_says_so(told: float | None) -> None:
    """Silent, stale or broken: nothing is heated on a guess."""
    heater = Heater(OPTIONS)
    memory = feels(heater, heater.handle_command(Memory(), On(), 0), 10.0, 1)
    memory = feels(heater, memory, told, 100)
    assert memory.heating
    assert heater.next_deadline(memory) == 160
    memory = heater.advance(memory, 160)
    assert not memory.heating
    shown = heater.state(memory, Reading(), 160)
    assert (shown.phase, shown.fault) == ("blind", "there is no temperature from thermometer")
    assert feels(heater, memory, 10.0, 161).heating


def test_a_source_that_may_still_speak_up_is_waited_for() -> None:
    """A restart of either switches nothing."""
    heater = Heater(OPTIONS)
    memory = feels(heater, heater.handle_command(Memory(), On(), 0), 10.0, 1)
    assert heater.update_sources(memory, {}, 5) == memory
    assert heater.update_sources(memory, {"thermometer": None}, 5).blind == 5


def test_after_its_longest_time_it_rests() -> None:
    """And begins again if it is still cold, by a temperature that is told then."""
    heater = Heater(OPTIONS)
    memory = feels(heater, heater.handle_command(Memory(), On(), 0), 10.0, 0)
    memory = heater.advance(memory, 3600)
    assert heater.state(memory, Reading(), 3600).phase == "resting"
    assert not feels(heater, memory, 10.0, 4199).heating
    assert not heater.advance(memory, 9999).heating
    assert feels(heater, memory, 10.0, 4200).heating


def test_a_temperature_that_was_set_is_kept() -> None:
    """It switches on as well."""
    heater = Heater(OPTIONS)
    memory = heater.handle_command(feels(heater, Memory(), 17.0, 0), Set(celsius=18.0), 1)
    assert memory.heating
    assert heater.state(memory, Reading(), 1).target_celsius == 18.0


def test_a_hand_is_followed() -> None:
    """Off is a rest, on is to keep the temperature."""
    heater = Heater(OPTIONS)
    memory = feels(heater, Memory(), 15.0, 0)
    memory = heater.adopt(memory, Reading(on=True), 1)
    assert feels(heater, memory, 15.0, 2).heating
    memory = heater.adopt(memory, Reading(on=False), 3)
    assert not feels(heater, memory, 15.0, 4).heating
    assert feels(heater, memory, 15.0, 603).heating


def test_it_goes_by_its_own_hardware_without_a_source() -> None:
    """A thermostat that measures itself."""
    heater = Heater(Options())
    memory = heater.update_measurements(
        heater.handle_command(Memory(), On(), 0), Reading(temperature_celsius=15.0), 1
    )
    assert memory.heating
    assert (
        heater.update_measurements(memory, Reading(temperature_celsius=15.0, reachable=False), 2).blind == 2
    )


class Room(RuleBasedStateMachine):
    """A room, its thermometer that may fall silent, hands, commands, and kills between any two of them."""

    def __init__(self) -> None:
        super().__init__()
        self.heater, self.memory, self.now = Heater(OPTIONS), Memory(), 1000.0
        self.celsius, self.told_at, self.on_since = 15.0, 1000.0, None

    def become(self, memory: Memory) -> None:
        """Take it, through the disk."""
        self.memory = msgspec.json.decode(msgspec.json.encode(memory), type=Memory)
        if not self.memory.heating:
            self.on_since = None
        elif self.on_since is None:
            self.on_since = self.now  # type: ignore[assignment]

    @rule(seconds=st.floats(0.1, 5000))
    def wait(self, seconds: float) -> None:
        """Let time pass, awake when it matters."""
        end = self.now + seconds
        while (due := self.heater.next_deadline(self.memory)) is not None and due <= end:
            self.now = max(self.now, due)
            self.become(self.heater.advance(self.memory, self.now))
        self.now = end

    @rule(change=st.floats(-10, 10))
    def tell(self, change: float) -> None:
        """Tell how warm it is."""
        self.celsius = min(35.0, max(-5.0, self.celsius + change))
        self.told_at = self.now
        self.become(feels(self.heater, self.memory, self.celsius, self.now))

    @rule()
    def fall_silent(self) -> None:
        """Tell nothing any more."""
        self.become(feels(self.heater, self.memory, None, self.now))

    @rule(command=st.sampled_from([On(), Off(), Set(celsius=22.0)]))
    def handle_command(self, command: Any) -> None:
        """Be told something."""
        self.become(self.heater.handle_command(self.memory, command, self.now))

    @rule(on=st.booleans())
    def hand(self, on: bool) -> None:
        """Be switched at the hardware."""
        followed = self.heater.adopt(self.memory, Reading(on=on), self.now)
        self.become(self.heater.advance(followed, self.now))  # as its device does at once

    @invariant()
    def never_longer_than_it_may(self) -> None:
        """Whatever happens, each heating has an end."""
        if self.on_since is not None:
            assert self.now - self.on_since <= OPTIONS.max_on_seconds

    @invariant()
    def never_blindly_for_long(self) -> None:
        """Whoever knows no temperature has gone off in time."""
        if self.memory.heating and self.memory.blind is not None:
            assert self.now - self.memory.blind <= OPTIONS.blind_seconds


TestRoom = Room.TestCase
TestRoom.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
