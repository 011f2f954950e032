"""A lamp that is dimmed as a hand does it: in steps, by holding a button, and through its levels."""

from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from daemons.kinds import Reading
from daemons.kinds.lamp import (
    Brighter,
    Cycle,
    Dimmer,
    Lamp,
    LampMemory,
    Off,
    On,
    Options,
    Ramp,
    Stop,
    Toggle,
)
from daemons.values import convert
from tests.rehearsal.conftest import MakeWorld, house_of, make_world  # noqa: F401  fixtures

LAMP = Lamp(Options())
STEP_SECONDS = 0.25
RAMP_SECONDS = 5.0


def lamp_at(percent: int) -> LampMemory:
    """Return the memory of a lamp that is on."""
    return LAMP.handle_command(LampMemory(), On(brightness_percent=percent), 0)


def bright(memory: LampMemory) -> int | None:
    """Return the brightness of its setting; None for a lamp that is off."""
    return LAMP.desired_setting(memory).brightness_percent


@pytest.mark.parametrize(
    ("start", "command", "end"),
    [
        (50, Brighter(), 60),
        (50, Brighter(percent=30), 80),
        (95, Brighter(), 100),
        (50, Dimmer(), 40),
        (5, Dimmer(), 1),
        (1, Dimmer(), 1),
    ],
)
def test_a_step_changes_the_brightness(start: int, command: Brighter | Dimmer, end: int) -> None:
    """Within its bounds: no number of steps turns it off."""
    assert bright(LAMP.handle_command(lamp_at(start), command, 1)) == end


def test_a_step_of_a_lamp_that_is_off() -> None:
    """Brighter turns it on, from darkness; dimmer leaves it off."""
    off = LAMP.handle_command(lamp_at(80), Off(), 1)
    assert bright(LAMP.handle_command(off, Brighter(percent=15), 2)) == 15
    assert LAMP.handle_command(off, Dimmer(), 2) == off


def test_it_becomes_brighter_while_the_button_is_held() -> None:
    """It takes 5 s from the lowest to the highest brightness, in steps of a quarter of a second."""
    memory = LAMP.handle_command(lamp_at(1), Ramp(direction="up"), 10)
    assert LAMP.next_deadline(memory) == 10.25
    assert bright(LAMP.advance(memory, 10.2)) == 1
    assert bright(LAMP.advance(memory, 10.25)) == 6
    assert bright(LAMP.advance(memory, 12.5)) == 50 + 1
    assert bright(LAMP.advance(memory, 14.99)) == 95
    over = LAMP.advance(memory, 15)
    assert (bright(over), LAMP.next_deadline(over)) == (100, None)


def test_it_stops_where_the_button_is_released() -> None:
    """All time until the release counts."""
    memory = LAMP.handle_command(lamp_at(100), Ramp(direction="down"), 10)
    memory = LAMP.handle_command(memory, Stop(), 12.5)
    assert (bright(memory), LAMP.next_deadline(memory)) == (50, None)
    assert LAMP.handle_command(memory, Stop(), 13) == memory


def test_each_hold_goes_the_other_way() -> None:
    """One button dims in both directions; at an end there is only one way."""
    memory = lamp_at(50)
    for now, way in ((10, "down"), (20, "up"), (30, "down")):
        memory = LAMP.handle_command(memory, Ramp(), now)
        assert memory.last_way == way
        memory = LAMP.handle_command(memory, Stop(), now + 0.5)
    assert LAMP.handle_command(lamp_at(100), Ramp(), 1).last_way == "down"
    assert LAMP.handle_command(lamp_at(1), Ramp(), 1).last_way == "up"
    at_the_top = LAMP.advance(LAMP.handle_command(memory, Ramp(direction="up"), 40), 60)
    assert LAMP.handle_command(at_the_top, Ramp(), 61).last_way == "down"


def test_a_lamp_that_is_off_becomes_brighter_from_darkness() -> None:
    """It cannot become darker."""
    off = LAMP.handle_command(lamp_at(80), Off(), 1)
    memory = LAMP.handle_command(off, Ramp(), 10)
    assert bright(memory) == 1
    assert bright(LAMP.advance(memory, 12.5)) == 51
    assert LAMP.handle_command(off, Ramp(direction="down"), 10).on is False


@pytest.mark.parametrize("command", [On(), Off(), Toggle(), Brighter(), Dimmer(), Stop(), Cycle()])
def test_any_other_command_ends_the_movement(command: Any) -> None:
    """A lamp that was switched off does not go on by itself."""
    memory = LAMP.handle_command(lamp_at(50), Ramp(), 10)
    memory = LAMP.handle_command(memory, command, 11)
    assert LAMP.next_deadline(memory) is None
    assert LAMP.advance(memory, 60) == memory


def test_a_hand_and_a_restart_end_the_movement() -> None:
    """The release may have happened while the process was dead for a while."""
    memory = LAMP.advance(LAMP.handle_command(lamp_at(50), Ramp(direction="up"), 10), 11)
    adopted = LAMP.adopt(memory, Reading(on=True, brightness_percent=30), 11)
    assert (bright(adopted), LAMP.next_deadline(adopted)) == (30, None)
    assert bright(LAMP.advance(LAMP.resume(memory, 20), 20)) == bright(memory)


def test_a_short_absence_does_not_end_the_movement() -> None:
    """A process that is killed is back in milliseconds: a person who dims does not notice."""
    memory = LAMP.advance(LAMP.handle_command(lamp_at(1), Ramp(direction="up"), 10), 11)
    assert bright(LAMP.advance(LAMP.resume(memory, 12), 12)) == 41


LAMP_HOUSE = '[devices.lamp]\nkind = "lamp"\ndriver = "simulated"\n'


def test_a_lost_release_ends_at_the_highest_brightness_after_few_messages(
    make_world: MakeWorld,  # noqa: F811
) -> None:
    """The hardware gets four settings a second, and none after the end."""
    world = make_world(LAMP_HOUSE)
    world.send("lamp", "on", {"brightness_percent": 1})
    world.run(world.now + 1)
    settings_before = len(world.devices["lamp"].hardware.switchings)
    world.send("lamp", "ramp", {"direction": "up"})
    published = world.devices["lamp"].latest
    world.run(world.now + 60)
    latest = world.devices["lamp"].latest
    assert published
    assert latest
    assert latest.state["brightness_percent"] == 100
    assert latest.seq - published.seq <= 2 * 20
    assert len(world.devices["lamp"].hardware.switchings) - settings_before <= 20


def test_a_long_absence_stops_the_movement(make_world: MakeWorld) -> None:  # noqa: F811
    """The brightness of the hardware and of the device are the same."""
    world = make_world(LAMP_HOUSE)
    world.send("lamp", "on", {"brightness_percent": 1})
    world.run(world.now + 1)
    world.send("lamp", "ramp", {"direction": "up"})
    world.run(world.now + 2.1)
    world.kill("lamp", 3)
    world.run(world.now + 10)
    state = world.state("lamp")
    assert state
    assert 35 <= int(state["brightness_percent"] or 0) <= 45
    assert state["confirmed"] is True


def test_cycle_goes_through_its_levels() -> None:
    """From 100 % to off, and from off to the first level; from any other brightness to the first one."""
    memory, seen = LampMemory(), []
    for _ in range(6):
        memory = LAMP.handle_command(memory, Cycle(), 1)
        seen.append(bright(memory))
    assert seen == [30, 60, 100, None, 30, 60]
    assert bright(LAMP.handle_command(lamp_at(45), Cycle(), 1)) == 30
    steady = Lamp(Options(levels_percent=(100, 40)))
    assert bright(steady.handle_command(LampMemory(), Cycle(), 1)) == 100
    assert bright(steady.handle_command(lamp_at(40), Cycle(), 1)) == 100


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"ramp_time": "0s"}, "ramp_time must be from"),
        ({"ramp_time": "11m"}, "ramp_time must be from"),
        ({"levels_percent": [50]}, "length"),
        ({"levels_percent": [50, 50]}, "has a brightness twice"),
        ({"levels_percent": [50, 101]}, "<= 100"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], text: str) -> None:
    """`house check` prints the reason."""
    with pytest.raises(msgspec.ValidationError, match=text):
        convert(options, Options)


class Dimming(RuleBasedStateMachine):
    """A lamp under commands, hands and kills; beside it a plain model that knows no steps."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = LampMemory()
        self.now = 1000.0
        self.on = False
        self.percent = 100.0
        self.moves: tuple[int, float, float] | None = None
        """Of a movement: its direction, its first brightness, and since when."""

    @initialize(percent=st.integers(1, 100))
    def switch_on(self, percent: int) -> None:
        """Begin with a lamp that is on."""
        self.send(On(brightness_percent=percent))
        self.on, self.percent, self.moves = True, percent, None

    def send(self, command: Any) -> None:
        """Send a command; the memory is written and read again."""
        memory = LAMP.handle_command(self.memory, command, self.now)
        self.memory = msgspec.json.decode(msgspec.json.encode(memory), type=LampMemory)

    def ideal(self) -> float:
        """Return the brightness of a lamp that moves without steps."""
        if self.moves is None:
            return self.percent
        way, first, since = self.moves
        return min(100.0, max(1.0, first + way * (self.now - since) * 99 / RAMP_SECONDS))

    def settle(self) -> None:
        """End the movement of the model at the brightness of the lamp."""
        self.percent, self.moves = self.memory.brightness_percent, None

    @rule(seconds=st.floats(0.001, 7), calls=st.integers(1, 5))
    def wait(self, seconds: float, calls: int) -> None:
        """Advance the time, with any number of calls."""
        for _ in range(calls):
            self.now += seconds / calls
            self.memory = LAMP.advance(self.memory, self.now)

    @rule(direction=st.sampled_from(["up", "down"]))
    def hold(self, direction: Any) -> None:
        """Begin a movement."""
        was_on = self.on
        self.send(Ramp(direction=direction))
        if not was_on and direction == "down":
            return
        first = self.ideal() if was_on else 1.0
        self.moves = (1 if direction == "up" else -1, self.memory.brightness_percent, self.now)
        assert abs(first - self.memory.brightness_percent) <= 6
        self.on = True

    @rule()
    def let_go(self) -> None:
        """End a movement."""
        self.send(Stop())
        assert not self.on or abs(self.ideal() - self.memory.brightness_percent) <= 6
        self.settle()

    @rule(percent=st.integers(1, 100), brighter=st.booleans())
    def step(self, percent: int, brighter: bool) -> None:
        """Make one step."""
        self.memory = LAMP.advance(self.memory, self.now)
        before = self.memory.brightness_percent if self.on else 0
        self.send(Brighter(percent=percent) if brighter else Dimmer(percent=percent))
        if brighter or self.on:
            expected = min(100, before + percent) if brighter else max(1, before - percent)
            assert self.memory.brightness_percent == expected
            self.on = True
        self.settle()

    @rule()
    def switch_off(self) -> None:
        """Turn it off."""
        self.send(Off())
        self.on = False
        self.settle()

    @rule(seconds=st.floats(0.01, 0.7) | st.floats(1.1, 100))
    def kill(self, seconds: float) -> None:
        """Kill the process: after a long absence, its movement ends where it was."""
        before = LAMP.advance(self.memory, self.now)
        self.now += seconds
        self.memory = LAMP.advance(LAMP.resume(before, self.now), self.now)
        if seconds > 1:
            assert self.memory.brightness_percent == before.brightness_percent
            self.settle()

    @invariant()
    def follows_the_model(self) -> None:
        """It is on when the model is, and never further from it than a step."""
        memory = LAMP.advance(self.memory, self.now)
        assert memory.on == self.on
        assert 1 <= memory.brightness_percent <= 100
        assert not self.on or abs(memory.brightness_percent - self.ideal()) <= 6
        due = LAMP.next_deadline(memory)
        assert due is None or self.now < due <= self.now + STEP_SECONDS + 1e-6


TestDimming = Dimming.TestCase
TestDimming.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
