"""A heater against a plain model: it switches rarely, never heats too long, and guards whatever happens."""

from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from daemons.kinds import Reading
from daemons.kinds.heater import Heater, HeaterMemory, Off, On, Set
from daemons.values import convert

MIN_ON, MIN_OFF, MAX_ON, REST, BLIND, WINDOW = 120.0, 300.0, 3600.0, 900.0, 60.0, 30.0
SCHEDULE = [{"at": "06:00", "celsius": 21.0}, {"at": "22:00", "celsius": 17.0}]
OPTIONS: dict[str, Any] = {
    "source": "thermometer",
    "windows": ["left", "right"],
    "schedule": SCHEDULE,
    "min_on": "2m",
    "min_off": "5m",
    "max_on": "1h",
    "rest": "15m",
    "blind_after": "1m",
    "window_after": "30s",
    "frost_celsius": 6.0,
}
COOLS = OPTIONS | {"cools": True, "hot_celsius": 30.0}
HALF_A_DAY = 43_200.0


class RoomModel(RuleBasedStateMachine):
    """A room, its windows, a schedule, a person, and a process that dies; beside it a plain model."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0
        self.celsius: float | None = 15.0
        self.blind_since: float | None = None
        self.on = False
        self.started_at: float | None = None
        self.stopped_at: float | None = None
        self.rests_until = 0.0
        self.is_switched_by_hand = False
        self.enabled = False
        self.target = 20.0
        self.entry = 0
        self.opened_at: dict[str, float] = {}
        self.stop_reason = ""

    @initialize(cools=st.booleans())
    def build(self, cools: bool) -> None:
        """Begin with a new heater, or a new air conditioner."""
        self.sign = -1 if cools else 1
        self.guard = 30.0 if cools else 6.0
        heater = Heater(convert(COOLS if cools else OPTIONS, Heater.options_type))
        self.heater, self.memory = heater, HeaterMemory()
        self.report()

    # The machine, with a model of its relay

    def store(self, memory: HeaterMemory, reason: str = "") -> None:
        """Store a memory as the journal does, and check each switching of the relay."""
        self.memory = msgspec.json.decode(msgspec.json.encode(memory), type=HeaterMemory)
        is_on = self.heater.desired_setting(self.memory).on
        if is_on and not self.on:
            self.started_at = self.now
            if reason != "hand":
                assert self.stopped_at is None or self.now >= self.stopped_at + MIN_OFF, "it started too soon"
                assert self.now >= self.rests_until, "it started in its rest"
        if self.on and not is_on:
            assert self.started_at is not None
            lasted = self.now - self.started_at
            is_blind = self.blind_since is not None and self.now >= self.blind_since + BLIND
            is_allowed = reason in ("hand", "off") or lasted >= MIN_ON or is_blind
            assert is_allowed, f"it stopped {lasted:g} s after its start"
            if lasted >= MAX_ON or reason == "hand":
                self.rests_until = self.now + REST
            self.stopped_at = self.now
        self.on = is_on

    def states(self) -> dict[str, Any]:
        """Return what its sources publish now."""
        windows = {name: {"status": name in self.opened_at, "phase": "open"} for name in ("left", "right")}
        return {"thermometer": {"temperature_celsius": self.celsius}, **windows}

    def report(self) -> None:
        """Pass the states of all sources, as a device does at each event."""
        self.store(self.heater.update_sources(self.memory, self.states(), self.now))

    @rule(seconds=st.sampled_from([0.5, 10, 29, 31, 59, 119, 301, 899]) | st.floats(0.1, 5000))
    def wait(self, seconds: float) -> None:
        """Advance the time, with a call and the states at each deadline."""
        end = self.now + seconds
        while (due := self.heater.next_deadline(self.memory)) is not None and due <= end:
            self.now = max(self.now, due)
            self.store(self.heater.advance(self.memory, self.now))
            self.report()
        self.now = end
        self.report()

    @rule(
        celsius=st.sampled_from([5.5, 6.0, 15.0, 16.5, 17.0, 20.4, 21.0, 25.0, 30.0, 30.5])
        | st.floats(-5, 35)
    )
    def measure(self, celsius: float) -> None:
        """Measure a temperature."""
        self.celsius, self.blind_since = celsius, None
        self.report()

    @rule()
    def lose_the_thermometer(self) -> None:
        """Make the thermometer silent."""
        self.celsius = None
        self.blind_since = self.now if self.blind_since is None else self.blind_since
        self.report()

    @rule(name=st.sampled_from(["left", "right"]), is_open=st.booleans())
    def move_window(self, name: str, is_open: bool) -> None:
        """Open or close a window."""
        if is_open:
            self.opened_at.setdefault(name, self.now)
        else:
            self.opened_at.pop(name, None)
        self.report()

    @rule(seconds=st.sampled_from([0.05, 20.0, 700.0, 5000.0]))
    def kill(self, seconds: float) -> None:
        """Kill the process. The next one counts each limit from its moment, and then hears its sources."""
        end = self.now + seconds
        while (due := self.heater.next_deadline(self.memory)) is not None and due <= end:
            self.now = max(self.now, due)
            self.store(self.heater.advance(self.memory, self.now))
        self.now = end
        self.store(self.heater.advance(self.heater.resume(self.memory, self.now), self.now))
        self.report()

    # A person, and the schedule

    @rule(celsius=st.sampled_from([5.0, 16.0, 22.0, 30.0]))
    def set_target(self, celsius: float) -> None:
        """Set a target by hand: it holds until the next entry of the schedule."""
        self.enabled, self.target = True, celsius
        self.store(self.heater.handle_command(self.memory, Set(celsius=celsius), self.now))

    @rule()
    def switch_on(self) -> None:
        """Send `on`."""
        self.enabled = True
        self.store(self.heater.handle_command(self.memory, On(), self.now))

    @rule()
    def switch_off(self) -> None:
        """Send `off`: it acts at once, unless the guard needs the appliance."""
        self.enabled = False
        self.store(self.heater.handle_command(self.memory, Off(), self.now), "off")
        if self.celsius is None or self.sign * (self.guard - self.celsius) <= 0:
            assert not self.on, "off did not act at once"

    @rule(on=st.booleans())
    def switch_by_hand(self, on: bool) -> None:
        """Switch at the hardware."""
        if on == self.on:
            return
        self.enabled = self.enabled or on
        self.rests_until = 0.0 if on else self.rests_until
        adopted = self.heater.adopt(self.memory, Reading(on=on), self.now)
        self.store(self.heater.advance(adopted, self.now), "hand")
        if on and not self.on:  # it was blind, and has stopped at once
            self.stopped_at = self.now

    @rule()
    def begin_the_next_entry(self) -> None:
        """Begin the next entry of the schedule."""
        self.entry += 1
        self.target = SCHEDULE[self.entry % 2]["celsius"]  # type: ignore[assignment]
        self.follow_schedule()

    @rule()
    def follow_schedule(self) -> None:
        """Pass the entry that is in force, as a device does at each event."""
        if self.entry:
            began_at = self.entry * HALF_A_DAY
            memory = self.heater.update_timetable(self.memory, self.entry % 2, began_at, self.now)
            self.store(memory)
            self.report()

    # What always holds

    @invariant()
    def keeps_its_target(self) -> None:
        """The target is that of the last `set` or of the last entry, whichever came later."""
        shown = self.heater.state(self.memory, Reading(), self.now)
        assert shown.target_celsius == self.target
        assert shown.enabled == self.enabled

    @invariant()
    def is_never_on_for_longer_than_max_on(self) -> None:
        """No heating lasts longer than `max_on`."""
        assert not self.on or self.now - (self.started_at or 0.0) <= MAX_ON

    @invariant()
    def is_never_on_without_a_temperature_for_long(self) -> None:
        """Without a temperature it goes off after `blind_after`."""
        if self.on and self.blind_since is not None:
            assert self.now - self.blind_since <= BLIND or self.now - (self.started_at or 0.0) <= BLIND

    @invariant()
    def guards_the_room(self) -> None:
        """Beyond the guard's temperature it is on, whatever the commands, but for its rests."""
        may_start = self.now >= self.rests_until
        may_start = may_start and (self.stopped_at is None or self.now >= self.stopped_at + MIN_OFF)
        if self.celsius is not None and self.sign * (self.guard - self.celsius) > 0.55 and may_start:
            assert self.on, "it does not guard the room"

    @invariant()
    def pauses_while_a_window_is_open(self) -> None:
        """With an open window it is on for its guard alone, or for the rest of `min_on`."""
        opened_for = self.now - min(self.opened_at.values(), default=self.now)
        is_young = self.on and self.now < (self.started_at or 0.0) + MIN_ON
        if opened_for > WINDOW and self.celsius is not None and not is_young:
            is_guarding = self.sign * (self.guard - self.celsius) > -0.05
            assert not self.on or is_guarding, "it works with an open window"


TestRoomModel = RoomModel.TestCase
TestRoomModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
