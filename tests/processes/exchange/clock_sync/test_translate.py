"""What a device elsewhere says, in our time: each moment is one moment, however often it is heard."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from daemons.bus.message import MOST_PAST, Heartbeat, Moment, Scalar, State, turn
from daemons.processes.exchange.clock_sync.translate import Echo, Memory

STEPS = st.floats(-600, 600)


class Hearing(RuleBasedStateMachine):
    """A device with one clock, heard by one with another; both are set now and then."""

    @initialize()
    def begin(self) -> None:
        """Begin."""
        self.time, self.theirs, self.ours = 0.0, 1e6, 2e6
        self.echo = Echo(Memory("kitchen"))
        self.device = State(device="lamp", boot=1, seq=1, at=1e6, since=1e6, state={"presses": 0})
        self.boot(0.0)
        self.made: dict[float, float] = {}
        self.lives: dict[int, int] = {}
        self.latest = 0.0
        self.least_ours = self.ours

    @property
    def there(self) -> float:
        """Give their time."""
        return self.time + self.theirs

    @property
    def now(self) -> float:
        """Give ours."""
        return self.time + self.ours

    @rule(seconds=st.floats(0.01, 100))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds

    @rule()
    def press(self) -> None:
        """Have the device change."""
        before = self.device
        presses = int(before.state["presses"] or 0) + 1
        shown: dict[str, Scalar] = {"presses": presses, "pressed_at": self.there}
        past = (*before.past, Moment(state=before.state, turned=before.turned))[-MOST_PAST:]
        turned = turn({"presses": presses - 1}, {"presses": presses}, before.turned, self.there)
        self.device = State(
            device="lamp",
            boot=before.boot,
            seq=before.seq + 1,
            at=self.there,
            since=turned["presses"],
            state=shown,
            turned=turned,
            past=past,
        )

    @rule(seconds=STEPS)
    def set_theirs(self, seconds: float) -> None:
        """Set their clock."""
        self.theirs += seconds

    @rule(seconds=STEPS)
    def set_ours(self, seconds: float) -> None:
        """Set ours."""
        self.ours += seconds

    @rule(seconds=st.floats(0.01, 10))
    def boot(self, seconds: float) -> None:
        """Have the device start anew; its boot grows, whatever its clock does."""
        self.time += seconds
        boot = max(int(self.there * 1000), self.device.boot + 1)
        self.device = State(
            device="lamp",
            boot=boot,
            seq=1,
            at=self.there,
            since=self.device.since,
            state=self.device.state,
            turned=self.device.turned,
            past=self.device.past,
        )

    @rule()
    def restart(self) -> None:
        """Start anew ourselves, from what is remembered."""
        self.echo = Echo(self.echo.memory)

    @rule()
    def hear(self) -> None:
        """Hear what the device says."""
        heard = self.echo.translate(self.device, lambda moment: moment - self.theirs + self.ours, self.now)
        assert not self.echo.is_news(self.device)
        ours = [*(when for was in heard.past for when in was.turned.values()), *heard.turned.values()]
        theirs = [
            *(when for was in self.device.past for when in was.turned.values()),
            *self.device.turned.values(),
        ]
        assert ours == sorted(ours), "their order is lost"
        for before, after in zip(theirs, ours, strict=True):
            if before not in self.made:
                assert after <= max(self.now, self.latest + 1e-4), "a moment is in the future"
            assert self.made.setdefault(before, after) == after, "a moment is another one"
            self.latest = max(self.latest, after)
        assert self.lives.setdefault(self.device.boot, heard.boot) == heard.boot
        if turned := heard.turned:
            assert heard.since == turned["presses"], "the same moment is told in two ways"
        assert heard.at <= self.now
        # What was heard before our clock was set back is the same moment after it.
        assert float(heard.state.get("pressed_at") or 0) <= max(self.now, self.latest)

    @rule()
    def beat(self) -> None:
        """Hear its sign of life."""
        beat = Heartbeat(device="lamp", boot=self.device.boot, seq=1, at=self.there, pid=1)
        heard = self.echo.beat(beat, lambda moment: moment - self.theirs + self.ours, self.now)
        assert self.lives.setdefault(self.device.boot, heard.boot) == heard.boot
        assert heard.at <= self.now

    @invariant()
    def later_lives_are_later(self) -> None:
        """A later life has a greater boot here as well, so nobody takes it for one that has ended."""
        boots = [ours for _, ours in sorted(getattr(self, "lives", {}).items())]
        assert boots == sorted(set(boots))


TestHearing = Hearing.TestCase
TestHearing.settings = settings(max_examples=50, stateful_step_count=30)


def at(seconds: float) -> State:
    """Give a state whose status turned then, by their clock."""
    return State(
        device="lamp",
        boot=1000,
        seq=1,
        at=seconds,
        since=seconds,
        state={"status": True},
        turned={"status": seconds},
    )


def test_a_life_that_was_there_before_the_way_was_cut_may_have_ended() -> None:
    """A device whose disk was lost counts its lives anew: it is heard as soon as the way is open again."""
    echo = Echo(Memory("kitchen", boot=(1000, 5000)))
    echo.lose()
    reborn = Heartbeat(device="lamp", boot=10, seq=1, at=10, pid=1)
    assert echo.beat(reborn, lambda moment: moment, 100).boot > 5000
    late = Heartbeat(device="lamp", boot=9, seq=1, at=10, pid=1)
    assert (
        echo.beat(late, lambda moment: moment, 100).boot < echo.beat(reborn, lambda moment: moment, 100).boot
    )


def test_what_is_no_moment_is_left_as_it_is() -> None:
    """Fields are moments by how their names end, and only when they are numbers."""
    state = at(10)
    told = State(
        device="lamp",
        boot=1,
        seq=1,
        at=10,
        since=10,
        state={"ready_at": 20.0, "seen_at": None, "flat": 3.0, "fault_since": True},
    )
    heard = Echo(Memory("kitchen")).translate(told, lambda moment: moment + 100, 1000)
    assert heard.state == {"ready_at": 120.0, "seen_at": None, "flat": 3.0, "fault_since": True}
    assert Echo(Memory("kitchen")).is_news(state)


def test_only_what_a_device_still_tells_of_is_remembered() -> None:
    """So its memory does not grow."""
    echo = Echo(Memory("kitchen"))
    for second in range(100):
        echo.translate(at(float(second)), lambda moment: moment, 1e9)
    assert len(echo.memory.times) == 1
    assert echo.memory.times[0] == pytest.approx((99, 99))
