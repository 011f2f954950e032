"""A timer, also against a plain model with kills."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from daemons.config import device
from daemons.values import Problem
from tests.support.crash_simulator import CrashSimulator


def test_it_finishes_after_its_duration() -> None:
    """Then it stays finished, until it is started or cancelled."""
    house = CrashSimulator("timer", duration="6m")
    assert house.field("remaining_seconds") is None
    house.command("start", "a")
    house.wait(120)
    assert (house.field("phase"), house.field("remaining_seconds")) == ("running", 240)
    assert house.field("progress_percent") == pytest.approx(100 / 3)
    house.wait(240)
    assert (house.field("phase"), house.field("remaining_seconds")) == ("finished", None)
    house.wait(10_000)
    assert house.field("phase") == "finished"
    house.command("cancel", "b")
    assert house.field("phase") == "idle"


def test_start_may_have_a_duration_of_its_own() -> None:
    """The next start without one has that of the configuration again."""
    house = CrashSimulator("timer", duration="6m")
    house.command("start", "a", duration="90s")
    assert house.field("remaining_seconds") == 90
    assert house.field("usual_seconds") == 360
    house.command("start", "b")
    assert house.field("remaining_seconds") == 360


def test_the_time_that_its_process_was_away_counts() -> None:
    """It finishes at the start of the next process, if its time is over by then."""
    house = CrashSimulator("timer", duration="6m")
    house.command("start")
    house.running = None
    house.now += 400
    house.restart()
    assert house.field("phase") == "finished"


@pytest.mark.parametrize(
    ("word", "reason"), [("pause", "it does not run: it is idle"), ("resume", "it is not paused: it is idle")]
)
def test_there_must_be_something_to_pause_or_resume(word: str, reason: str) -> None:
    """The receipt has the phase."""
    receipt = CrashSimulator("timer").command(word)
    assert (receipt.outcome, receipt.reason) == ("rejected", reason)


@pytest.mark.parametrize("duration", ["0s", "six minutes"])
def test_a_wrong_duration_is_refused(duration: str) -> None:
    """A timer must run for a while."""
    problems: list[Problem] = []
    device.build("eggs", {"kind": "timer", "duration": duration}, ("devices", "eggs"), problems)
    assert len(problems) == 1
    receipt = CrashSimulator("timer").command("start", duration="soon")
    assert receipt.outcome == "rejected"


class TimerModel(RuleBasedStateMachine):
    """A timer beside a plain model: how much is left, and whether that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.house = CrashSimulator("timer", duration="5m")
        self.phase, self.left, self.number = "idle", 0.0, 0

    def command(self, word: str, **args: str) -> bool:
        """Send a command; return whether it was applied."""
        self.number += 1
        return self.house.command(word, f"c{self.number}", **args).outcome == "applied"

    def let_pass(self, seconds: float) -> None:
        """Pass time in the model."""
        if self.phase == "running":
            self.left -= seconds
            if self.left <= 0:
                self.phase = "finished"

    @rule(seconds=st.none() | st.integers(1, 1000))
    def start(self, seconds: int | None) -> None:
        """Start, with or without a duration."""
        assert self.command("start", **({} if seconds is None else {"duration": f"{seconds}s"}))
        self.phase, self.left = "running", float(seconds or 300)

    @rule()
    def pause(self) -> None:
        """Pause: only a running timer can."""
        assert self.command("pause") is (self.phase == "running")
        self.phase = "paused" if self.phase == "running" else self.phase

    @rule()
    def resume(self) -> None:
        """Resume: only a paused timer can."""
        assert self.command("resume") is (self.phase == "paused")
        self.phase = "running" if self.phase == "paused" else self.phase

    @rule()
    def cancel(self) -> None:
        """Cancel."""
        assert self.command("cancel")
        self.phase = "idle"

    @rule(seconds=st.integers(1, 400))
    def wait(self, seconds: int) -> None:
        """Pass time while the process runs."""
        self.house.wait(seconds)
        self.let_pass(seconds)

    @rule(seconds=st.integers(0, 400))
    def kill(self, seconds: int) -> None:
        """Kill the process, and start it again later."""
        self.house.running = None
        self.house.now += seconds
        self.let_pass(seconds)
        self.house.restart()

    @invariant()
    def is_as_the_model(self) -> None:
        """Phase and remaining time are those of the model."""
        assert self.house.field("phase") == self.phase
        left = self.house.field("remaining_seconds")
        assert left == (pytest.approx(self.left, abs=1e-6) if self.phase in ("running", "paused") else None)


TestTimerModel = TimerModel.TestCase
TestTimerModel.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
