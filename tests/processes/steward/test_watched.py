"""One process in the steward's care: what is held against it, and what is forgiven."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemons.processes.steward.watched import (
    FIRST_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    QUICK_TRIES,
    START_FACTOR,
    STEADY_SECONDS,
    Ward,
)

WATCHDOG = 3.0
NUMBER_OF_WAITS = 10


def running(now: float = 1000.0) -> Ward:
    """Give one that runs and was heard just now."""
    ward = Ward("toaster")
    ward.started(1, now)
    ward.spoke(1, now)
    return ward


def crash(ward: Ward, times: int, now: float) -> bool:
    """Let it start, and end of itself, so many times in a row; tell whether the last one held it back."""
    held = False
    for pid in range(100, 100 + times):
        ward.retry_at = None
        ward.started(pid, now)
        held = ward.died("exit status 1", crashed=True, now=now)
    return held


@given(st.integers(1, 50))
def test_who_is_killed_from_outside_is_never_held_back(times: int) -> None:
    """However often somebody kills it, and whatever it did before: supervisord's restart is enough."""
    ward = running()
    crash(ward, QUICK_TRIES, 1000.0)
    for pid in range(2, 2 + times):
        ward.started(pid, 1000.0)
        assert not ward.died("terminated by SIGKILL", crashed=False, now=1000.0)
        assert (ward.life, ward.retry_at) == ("restarting", None)


def test_two_crashes_are_bad_luck_and_the_third_is_held_back() -> None:
    """The first two are left to supervisord; from the third on it fails, and says of what."""
    ward = running()
    assert not crash(ward, QUICK_TRIES, 1000.0)
    assert ward.life == "restarting"
    ward.started(7, 1000.0)
    assert ward.died("exit status 1", crashed=True, now=1000.0)
    assert (ward.life, ward.reason, ward.pid) == ("failed", "exit status 1", None)
    assert ward.retry_at == 1000.0 + FIRST_WAIT_SECONDS


def test_each_wait_is_twice_the_last_up_to_a_minute() -> None:
    """Half a second, one, two and so on; then a minute, for ever, and no number overflows."""
    waits = []
    for times in range(QUICK_TRIES + 1, QUICK_TRIES + 1 + NUMBER_OF_WAITS):
        ward = running()
        crash(ward, times, 1000.0)
        assert ward.retry_at is not None
        waits.append(ward.retry_at - 1000.0)
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    ward = running()
    crash(ward, 5000, 1000.0)
    assert ward.retry_at == 1000.0 + LONGEST_WAIT_SECONDS


def test_who_lives_long_enough_has_nothing_held_against_it() -> None:
    """After ten steady seconds the next crash is the first one again, whether or not it was heard."""
    for heard in (True, False):
        ward = running()
        crash(ward, QUICK_TRIES, 1000.0)
        ward.started(7, 1000.0)
        if heard:
            ward.spoke(7, 1000.0 + STEADY_SECONDS)
        assert not ward.died("exit status 1", crashed=True, now=1000.0 + STEADY_SECONDS)
        assert ward.crashes == 1


def test_the_first_word_after_a_failure_is_a_recovery() -> None:
    """It is told once; a further word, or a word that no failure went before, is nothing special."""
    ward = running()
    assert not ward.spoke(1, 1000.0)
    crash(ward, QUICK_TRIES + 1, 1000.0)
    assert not ward.spoke(102, 1000.1), "a word from before the end is no recovery"
    ward.retry_at = None
    ward.started(200, 1001.0)
    assert (ward.life, ward.is_heard) == ("failed", False), "that it was started is no recovery yet"
    assert ward.spoke(200, 1001.1)
    assert (ward.life, ward.is_heard) == ("running", True)
    assert not ward.spoke(200, 1002.0)


def test_a_word_of_a_process_that_has_gone_counts_for_nothing() -> None:
    """What a predecessor said last must not pass for its successor's sign of life."""
    ward = running()
    ward.started(2, 1001.0)
    assert not ward.spoke(1, 1001.5)
    assert (ward.heard, ward.is_heard, ward.life) == (1001.0, False, "restarting")


def test_who_is_held_back_is_tried_again_when_its_time_has_come_and_not_before() -> None:
    """Until then nothing is done about it, however silent it is."""
    ward = running()
    crash(ward, QUICK_TRIES + 1, 1000.0)
    assert ward.todo(1000.49, WATCHDOG) is None
    assert ward.silent_seconds(1e6) == 0
    assert ward.todo(1000.5, WATCHDOG) == "start"
    assert ward.todo(2000.0, WATCHDOG) == "start", "one that could not be started yet is tried again"


def test_who_was_stopped_stays_stopped() -> None:
    """A person wanted it so: it is not silent, not killed, not started, and its crashes are forgotten."""
    ward = running()
    crash(ward, QUICK_TRIES, 1000.0)
    ward.started(7, 1000.0)
    ward.stopped()
    assert (ward.life, ward.pid, ward.crashes) == ("stopped", None, 0)
    assert all(ward.todo(1000.0 + 10**power, WATCHDOG) is None for power in range(8))


def test_being_held_back_is_not_being_stopped() -> None:
    """The steward itself has supervisord stop who fails; that does not end its care."""
    ward = running()
    crash(ward, QUICK_TRIES + 1, 1000.0)
    ward.stopped()
    assert ward.life == "failed"
    assert ward.todo(1000.5, WATCHDOG) == "start"


def test_who_is_started_by_hand_while_held_back_is_heard_at_once() -> None:
    """Once its stop was seen, a start can only be somebody's wish: it need not wait for its next try."""
    ward = running()
    crash(ward, QUICK_TRIES + 8, 1000.0)
    ward.stopped()
    ward.started(300, 1001.0)
    assert ward.spoke(300, 1001.1)
    assert (ward.life, ward.retry_at) == ("running", None)


def test_who_is_silent_is_asked_first_and_killed_then() -> None:
    """Asked after half the watchdog's time, now and then, and killed when all of it has gone by."""
    ward = running(1000.0)
    assert ward.todo(1001.4, WATCHDOG) is None
    assert ward.todo(1001.5, WATCHDOG) == "ask"
    assert ward.todo(1001.75, WATCHDOG) is None, "asked a moment ago"
    assert ward.todo(1002.25, WATCHDOG) == "ask"
    assert ward.todo(1003.0, WATCHDOG) == "kill"


def test_an_answer_ends_the_suspicion() -> None:
    """Who answers when asked has all of the watchdog's time again."""
    ward = running(1000.0)
    assert ward.todo(1001.5, WATCHDOG) == "ask"
    ward.spoke(1, 1001.6)
    assert ward.todo(1004.5, WATCHDOG) == "ask"
    assert ward.todo(1004.6, WATCHDOG) == "kill"


def test_who_has_not_spoken_yet_has_three_times_as_long() -> None:
    """A first word may take its time: imports, a slow disk, hardware that must be found."""
    ward = Ward("toaster")
    ward.started(1, 1000.0)
    assert ward.todo(1000.0 + START_FACTOR * WATCHDOG - 0.1, WATCHDOG) == "ask"
    assert ward.todo(1000.0 + START_FACTOR * WATCHDOG, WATCHDOG) == "kill"


def test_a_machine_that_stood_still_is_nobodys_fault() -> None:
    """Excused, a process has all of its time again; and what was heard later is not forgotten for it."""
    ward = running(1000.0)
    ward.excuse(1100.0)
    assert ward.todo(1101.0, WATCHDOG) is None
    ward.spoke(1, 1102.0)
    ward.excuse(1101.0)
    assert ward.heard == 1102.0


class Life(RuleBasedStateMachine):
    """A process and whatever can happen to it, against the few sentences that must always hold."""

    def __init__(self) -> None:
        super().__init__()
        self.ward = Ward("toaster")
        self.now = 1000.0
        self.pid = 0
        self.in_a_row = 0
        self.born = self.now

    @rule(seconds=st.floats(0.01, 30))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.ward.pid is None and self.ward.retry_at is None)
    @rule()
    def start(self) -> None:
        self.pid += 1
        self.born = self.now
        self.ward.started(self.pid, self.now)

    @precondition(lambda self: self.ward.pid is not None)
    @rule()
    def speak(self) -> None:
        failed = self.ward.life == "failed"
        assert self.ward.spoke(self.pid, self.now) == failed
        assert self.ward.life == "running"
        self._steady()

    @precondition(lambda self: self.ward.pid is not None)
    @rule()
    def be_killed(self) -> None:
        self._steady()
        assert not self.ward.died("terminated by SIGKILL", crashed=False, now=self.now)
        assert self.ward.life == "restarting"

    @precondition(lambda self: self.ward.pid is not None)
    @rule()
    def crash(self) -> None:
        self._steady()
        self.in_a_row += 1
        held = self.ward.died("exit status 1", crashed=True, now=self.now)
        assert held == (self.in_a_row > 2)
        if held:
            assert self.ward.retry_at is not None
            wait = self.ward.retry_at - self.now
            assert 0.49 < wait < 60.01
            assert abs(wait - min(60, 0.5 * 2 ** min(20, self.in_a_row - 3))) < 0.01

    @precondition(lambda self: self.ward.pid is not None)
    @rule()
    def be_stopped(self) -> None:
        self.ward.stopped()
        self.in_a_row = 0
        assert self.ward.life == "stopped"

    @rule()
    def look(self) -> None:
        silence, held = self.ward.silent_seconds(self.now), self.ward.retry_at
        match self.ward.todo(self.now, WATCHDOG):
            case "kill":
                assert self.ward.pid is not None
                assert silence >= WATCHDOG
            case "ask":
                assert WATCHDOG / 2 <= silence < WATCHDOG
            case "start":
                assert held is not None
                assert self.now >= held
                self.ward.retry_at = None
            case None:
                assert silence < WATCHDOG

    @invariant()
    def a_process_that_does_not_run_is_not_silent(self) -> None:
        assert self.ward.pid is not None or self.ward.silent_seconds(self.now + 1e6) == 0

    @invariant()
    def who_is_held_back_has_failed(self) -> None:
        assert self.ward.retry_at is None or self.ward.life == "failed"

    def _steady(self) -> None:
        if self.now - self.born >= STEADY_SECONDS:
            self.in_a_row = 0


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
