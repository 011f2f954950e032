"""A person, also against a plain model with kills and lost networks."""

from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from daemons.kinds import Reading
from daemons.kinds.person import Away, Home, Options, Person, PersonMemory
from daemons.values import Seconds
from tests.support.crash_simulator import CrashSimulator

AWAY_AFTER = 600.0


def answer(house: CrashSimulator, seen: bool, seconds: float) -> None:
    """Make the telephone answer or be silent for some seconds."""
    house.relay.switch_manually(seen, house.now)
    house.poll()
    house.wait(seconds)


def test_a_telephone_that_sleeps_does_not_make_its_owner_away() -> None:
    """Only a silence of `away_after` does; the first answer brings the person home at once."""
    house = CrashSimulator("person", away_after="10m")
    answer(house, True, 1)
    assert (house.field("phase"), house.field("status")) == ("home", True)
    answer(house, False, 590)
    answer(house, True, 1)
    answer(house, False, 590)
    assert house.field("phase") == "home"
    house.wait(20)
    assert (house.field("phase"), house.field("status")) == ("away", False)
    answer(house, True, 0)
    assert house.field("phase") == "home"


def test_an_unreachable_source_makes_the_place_unknown() -> None:
    """Unknown is not away; when the same place is known again, no rule acts on it."""
    house = CrashSimulator("person", away_after="10m")
    answer(house, False, 1000)
    answer(house, True, 10)
    answer(house, False, 1000)
    house.on_reading(Reading(on=None, fault="no network"))
    shown = [house.field(name) for name in ("phase", "status", "fault")]
    assert shown == ["unknown", False, "no network"]
    house.poll()
    house.wait(700)
    assert house.field("phase") == "away"
    assert "phase" not in house.appliance.memory.change_times


def test_since_is_the_time_of_the_last_change() -> None:
    """Before the first change it is not known."""
    house = CrashSimulator("person")
    assert house.field("since") is None
    house.wait(5)
    house.command("home")
    house.wait(100)
    assert house.field("since") == house.now - 100


class AnsweringPhone(RuleBasedStateMachine):
    """A telephone that answers, is silent or cannot be reached, commands by hand, and kills."""

    def __init__(self) -> None:
        super().__init__()
        self.person = Person(Options(away_seconds=Seconds(AWAY_AFTER)))
        self.memory, self.now = PersonMemory(), 1000.0
        self.place = "unknown"
        self.seen: bool | None = None
        self.silent_seconds: float | None = None
        """For how long the telephone has been silent; None if the silence does not count."""

    def report(self, seen: bool | None) -> None:
        """Pass a reading, and follow it in the model."""
        reading = Reading(reachable=False) if seen is None else Reading(on=seen)
        self.memory = self.person.update_measurements(self.memory, reading, self.now)
        if seen == self.seen:
            return
        self.seen, self.silent_seconds = seen, None
        if seen is None:
            self.place = "unknown"
        elif seen:
            self.place = "home"
        elif self.place != "away":
            self.silent_seconds = 0.0

    @rule(seen=st.none() | st.booleans())
    def phone_changes(self, seen: bool | None) -> None:
        """The telephone answers, is silent, or cannot be asked."""
        self.report(seen)

    @rule()
    def another_reading(self) -> None:
        """The same reading once more changes nothing."""
        before = self.memory
        self.report(self.seen)
        assert self.memory == before

    @rule(seconds=st.sampled_from([1.0, 100.0, 300.0, 599.0, 600.0, 5000.0]))
    def wait(self, seconds: float) -> None:
        """Pass time, with a call at the deadline."""
        end = self.now + seconds
        if (due := self.person.next_deadline(self.memory)) is not None and due <= end:
            self.memory = self.person.advance(self.memory, due)
        self.now = end
        if self.silent_seconds is not None:
            self.silent_seconds += seconds
            if self.silent_seconds >= AWAY_AFTER:
                self.place, self.silent_seconds = "away", None

    @rule(command=st.sampled_from([Home(), Away()]))
    def by_hand(self, command: Any) -> None:
        """Set the place; it holds until the telephone changes."""
        self.memory = self.person.handle_command(self.memory, command, self.now)
        self.place = "home" if isinstance(command, Home) else "away"
        self.silent_seconds = None

    @rule(seconds=st.sampled_from([0.0, 700.0]))
    def kill(self, seconds: float) -> None:
        """Kill the process: the silence is counted anew, because an answer may have been missed."""
        self.memory = msgspec.json.decode(msgspec.json.encode(self.memory), type=PersonMemory)
        self.now += seconds
        self.memory = self.person.advance(self.person.resume(self.memory, self.now), self.now)
        self.silent_seconds = None if self.silent_seconds is None else 0.0

    @invariant()
    def is_as_the_model(self) -> None:
        """The place is that of the model."""
        state = self.person.state(self.memory, Reading(), self.now)
        assert (state.phase, state.status) == (self.place, self.place == "home")


TestAnsweringPhone = AnsweringPhone.TestCase
TestAnsweringPhone.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
