"""One watched process: crashes, pauses, silence and recovery."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemons.processes.steward.watched import (
    FIRST_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    QUICK_TRIES,
    START_FACTOR,
    STEADY_SECONDS,
    UNCONFIRMED_SECONDS,
    WatchedProcess,
)

WATCHDOG = 3.0
NUMBER_OF_WAITS = 10


def running(now: float = 1000.0) -> WatchedProcess:
    """Return a process that runs and has just beaten."""
    watched = WatchedProcess("toaster")
    watched.on_start(1, now)
    watched.on_heartbeat(1, now)
    return watched


def crash(watched: WatchedProcess, times: int, now: float) -> bool:
    """Start and crash the process a number of times; return whether it is then held back."""
    held = False
    for pid in range(100, 100 + times):
        watched.retry_at = None
        watched.on_start(pid, now)
        held = watched.on_death("exit status 1", crashed=True, now=now)
    return held


@given(st.integers(1, 50))
def test_a_killed_process_is_never_held_back(times: int) -> None:
    """The restart by supervisord is enough, however often the process is killed."""
    watched = running()
    crash(watched, QUICK_TRIES, 1000.0)
    for pid in range(2, 2 + times):
        watched.on_start(pid, 1000.0)
        assert not watched.on_death("terminated by SIGKILL", crashed=False, now=1000.0)
        assert (watched.life, watched.retry_at) == ("restarting", None)


def test_the_third_crash_in_a_row_is_held_back() -> None:
    """supervisord restarts after the first two; after the third, the process has failed, with a reason."""
    watched = running()
    assert not crash(watched, QUICK_TRIES, 1000.0)
    assert watched.life == "restarting"
    watched.on_start(7, 1000.0)
    assert watched.on_death("exit status 1", crashed=True, now=1000.0)
    assert (watched.life, watched.reason, watched.pid) == ("failed", "exit status 1", None)
    assert watched.retry_at == 1000.0 + FIRST_WAIT_SECONDS


def test_each_pause_is_twice_the_last_up_to_a_minute() -> None:
    """The pauses are 0.5 s, 1 s, 2 s and so on, then a minute for ever; no number overflows."""
    waits = []
    for times in range(QUICK_TRIES + 1, QUICK_TRIES + 1 + NUMBER_OF_WAITS):
        watched = running()
        crash(watched, times, 1000.0)
        assert watched.retry_at is not None
        waits.append(watched.retry_at - 1000.0)
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    watched = running()
    crash(watched, 5000, 1000.0)
    assert watched.retry_at == 1000.0 + LONGEST_WAIT_SECONDS


def test_a_long_run_resets_the_count_of_crashes() -> None:
    """After ten seconds the next crash counts as the first one, with or without a heartbeat."""
    for heard in (True, False):
        watched = running()
        crash(watched, QUICK_TRIES, 1000.0)
        watched.on_start(7, 1000.0)
        if heard:
            watched.on_heartbeat(7, 1000.0 + STEADY_SECONDS)
        assert not watched.on_death("exit status 1", crashed=True, now=1000.0 + STEADY_SECONDS)
        assert watched.crashes == 1


def test_the_first_heartbeat_after_a_failure_is_a_recovery() -> None:
    """A recovery is reported once; a further heartbeat, or one without a failure before it, is none."""
    watched = running()
    assert not watched.on_heartbeat(1, 1000.0)
    crash(watched, QUICK_TRIES + 1, 1000.0)
    assert not watched.on_heartbeat(102, 1000.1), "a word from before the end is no recovery"
    watched.retry_at = None
    watched.on_start(200, 1001.0)
    assert (watched.life, watched.is_heard) == ("failed", False), "that it was started is no recovery yet"
    assert watched.on_heartbeat(200, 1001.1)
    assert (watched.life, watched.is_heard) == ("running", True)
    assert not watched.on_heartbeat(200, 1002.0)


def test_a_heartbeat_of_an_earlier_process_is_ignored() -> None:
    """The last heartbeat of a predecessor does not show that its successor is alive."""
    watched = running()
    watched.on_start(2, 1001.0)
    assert not watched.on_heartbeat(1, 1001.5)
    assert (watched.heard, watched.is_heard, watched.life) == (1001.0, False, "restarting")


def test_a_process_that_is_held_back_is_started_when_its_pause_ends() -> None:
    """Until then the steward does nothing, however long the process is silent."""
    watched = running()
    crash(watched, QUICK_TRIES + 1, 1000.0)
    watched.on_stop()
    assert watched.next_action(1000.49, WATCHDOG) is None
    assert watched.silent_seconds(1e6) == 0
    assert watched.next_action(1000.5, WATCHDOG) == "start"
    assert watched.next_action(2000.0, WATCHDOG) == "start", (
        "one that could not be started yet is tried again"
    )


def test_a_process_that_does_not_stop_in_time_is_started_after_its_stop() -> None:
    """On a busy machine its stop takes longer than its pause; it must not look like that of a person."""
    watched = running()
    crash(watched, QUICK_TRIES + 1, 1000.0)
    assert watched.next_action(1010.0, WATCHDOG) is None
    watched.on_stop()
    assert watched.next_action(1010.0, WATCHDOG) == "start"
    assert watched.life == "failed"


def test_a_stop_that_is_never_confirmed_does_not_hold_a_process_for_ever() -> None:
    """The event may be lost with a steward that was killed."""
    watched = running()
    crash(watched, QUICK_TRIES + 1, 1000.0)
    assert watched.next_action(1000.5 + UNCONFIRMED_SECONDS, WATCHDOG) == "start"


def test_a_stopped_process_stays_stopped() -> None:
    """The process is not silent, is neither killed nor started, and its crashes are dropped."""
    watched = running()
    crash(watched, QUICK_TRIES, 1000.0)
    watched.on_start(7, 1000.0)
    watched.on_stop()
    assert (watched.life, watched.pid, watched.crashes) == ("stopped", None, 0)
    assert all(watched.next_action(1000.0 + 10**power, WATCHDOG) is None for power in range(8))


def test_being_held_back_is_not_being_stopped() -> None:
    """The steward stops a process that fails, and still starts it again later."""
    watched = running()
    crash(watched, QUICK_TRIES + 1, 1000.0)
    watched.on_stop()
    assert watched.life == "failed"
    assert watched.next_action(1000.5, WATCHDOG) == "start"


def test_a_manual_start_ends_the_pause() -> None:
    """A start after the reported stop was requested by a person, so the pause ends."""
    watched = running()
    crash(watched, QUICK_TRIES + 8, 1000.0)
    watched.on_stop()
    watched.on_start(300, 1001.0)
    assert watched.on_heartbeat(300, 1001.1)
    assert (watched.life, watched.retry_at) == ("running", None)


def test_a_silent_process_is_queried_first_and_then_killed() -> None:
    """The process is queried several times after half of the watchdog's time, and killed after all of it."""
    watched = running(1000.0)
    assert watched.next_action(1001.4, WATCHDOG) is None
    assert watched.next_action(1001.5, WATCHDOG) == "ask"
    assert watched.next_action(1001.75, WATCHDOG) is None, "asked a moment ago"
    assert watched.next_action(1002.25, WATCHDOG) == "ask"
    assert watched.next_action(1003.0, WATCHDOG) == "kill"


def test_an_answer_starts_the_watchdog_anew() -> None:
    """A process that answers has all of the watchdog's time again."""
    watched = running(1000.0)
    assert watched.next_action(1001.5, WATCHDOG) == "ask"
    watched.on_heartbeat(1, 1001.6)
    assert watched.next_action(1004.5, WATCHDOG) == "ask"
    assert watched.next_action(1004.6, WATCHDOG) == "kill"


def test_the_first_heartbeat_may_take_three_times_as_long() -> None:
    """A start takes longer: imports, a slow disk, a search for hardware."""
    watched = WatchedProcess("toaster")
    watched.on_start(1, 1000.0)
    assert watched.next_action(1000.0 + START_FACTOR * WATCHDOG - 0.1, WATCHDOG) == "ask"
    assert watched.next_action(1000.0 + START_FACTOR * WATCHDOG, WATCHDOG) == "kill"


def test_the_wait_for_a_processor_does_not_count_as_silence() -> None:
    """Of ten seconds of silence the process waited eight for a processor: two seconds count."""
    watched = running(1000.0)
    watched.on_wait(50.0, 1001.5)  # the first reading in a silence: the waits before it do not count
    assert watched.silent_seconds(1001.5) == 1.5
    watched.on_wait(58.0, 1010.0)
    assert watched.silent_seconds(1010.0) == 2.0
    assert watched.is_starved(1010.0)
    watched.on_wait(90.0, 1011.0)  # four threads waited side by side for one second
    assert watched.silent_seconds(1011.0) == 2.0
    watched.on_heartbeat(1, 1012.0)
    assert watched.silent_seconds(1015.0) == 3.0
    assert not watched.is_starved(1015.0)


def test_the_wait_for_a_disk_does_not_count_as_silence() -> None:
    """A process that waits for a disk at a reading has waited since the reading before."""
    watched = running(1000.0)
    watched.on_wait(0.0, 1001.5, for_disk=True)
    assert watched.silent_seconds(1001.5) == 1.5
    watched.on_wait(0.0, 1009.5, for_disk=True)
    assert watched.silent_seconds(1009.5) == 1.5
    assert watched.is_starved(1009.5)
    watched.on_wait(0.0, 1010.0)
    assert watched.silent_seconds(1010.0) == 2.0


def test_a_new_process_has_not_waited_before_its_start() -> None:
    """All the time that a new process has waited for a processor counts from its start."""
    watched = WatchedProcess("toaster")
    watched.on_start(7, 1000.0)
    watched.on_wait(12.0, 1015.0)
    assert watched.silent_seconds(1015.0) == 1.0


def test_a_standstill_of_the_machine_is_forgiven() -> None:
    """A process has all of its time again, and a later heartbeat is not forgotten."""
    watched = running(1000.0)
    watched.forgive_silence(1100.0)
    assert watched.next_action(1101.0, WATCHDOG) is None
    watched.on_heartbeat(1, 1102.0)
    watched.forgive_silence(1101.0)
    assert watched.heard == 1102.0


class WatchedProcessMachine(RuleBasedStateMachine):
    """All events of a process, in any order, against the rules that must always be true."""

    def __init__(self) -> None:
        super().__init__()
        self.watched = WatchedProcess("toaster")
        self.now = 1000.0
        self.pid = 0
        self.in_a_row = 0
        self.born = self.now

    @rule(seconds=st.floats(0.01, 30))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.watched.pid is None and self.watched.retry_at is None)
    @rule()
    def start(self) -> None:
        self.pid += 1
        self.born = self.now
        self.watched.on_start(self.pid, self.now)

    @precondition(lambda self: self.watched.pid is not None)
    @rule()
    def beat(self) -> None:
        failed = self.watched.life == "failed"
        assert self.watched.on_heartbeat(self.pid, self.now) == failed
        assert self.watched.life == "running"
        self._steady()

    @precondition(lambda self: self.watched.pid is not None)
    @rule()
    def kill(self) -> None:
        self._steady()
        assert not self.watched.on_death("terminated by SIGKILL", crashed=False, now=self.now)
        assert self.watched.life == "restarting"

    @precondition(lambda self: self.watched.pid is not None)
    @rule()
    def crash(self) -> None:
        self._steady()
        self.in_a_row += 1
        held = self.watched.on_death("exit status 1", crashed=True, now=self.now)
        assert held == (self.in_a_row > 2)
        if held:
            assert self.watched.retry_at is not None
            wait = self.watched.retry_at - self.now
            assert 0.49 < wait < 60.01
            assert abs(wait - min(60, 0.5 * 2 ** min(20, self.in_a_row - 3))) < 0.01

    @precondition(lambda self: self.watched.pid is not None)
    @rule()
    def stop(self) -> None:
        self.watched.on_stop()
        self.in_a_row = 0
        assert self.watched.life == "stopped"

    @rule()
    def tick(self) -> None:
        silence, held = self.watched.silent_seconds(self.now), self.watched.retry_at
        match self.watched.next_action(self.now, WATCHDOG):
            case "kill":
                assert self.watched.pid is not None
                assert silence >= WATCHDOG
            case "ask":
                assert WATCHDOG / 2 <= silence < WATCHDOG
            case "start":
                assert held is not None
                assert self.now >= held
                self.watched.retry_at = None
            case None:
                assert silence < WATCHDOG

    @invariant()
    def a_process_that_does_not_run_is_not_silent(self) -> None:
        assert self.watched.pid is not None or self.watched.silent_seconds(self.now + 1e6) == 0

    @invariant()
    def a_process_that_is_held_back_has_failed(self) -> None:
        assert self.watched.retry_at is None or self.watched.life == "failed"

    def _steady(self) -> None:
        if self.now - self.born >= STEADY_SECONDS:
            self.in_a_row = 0


TestLife = WatchedProcessMachine.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
