"""The loop of a process: timers, sockets, signals, and how it stops."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from daemons.runtime.loop import Loop, Timer
from tests.support.patience import patience

PROGRAM = """
import os, signal, sys, time
from daemons.runtime.loop import Loop
with Loop(time.monotonic) as loop:
    {state}
    print("up", flush=True)
    print(loop.run(), file=sys.stderr, flush=True)
"""
STATES = {
    "idle": "pass",
    "flooded with timers": "loop.every(0, lambda: None)",
    "at a pipe that never dries": "a, b = os.pipe(); os.write(b, b'x'); loop.watch(a, lambda: None)",
    "in a handler": "loop.every(0, lambda: [None for _ in range(10**6)])",
    "with a far timer": "loop.at(loop.now() + 10**6, sys.exit)",
    "with a full wake-up pipe": "[os.kill(os.getpid(), signal.SIGWINCH) for _ in range(5000)]",
}


@contextmanager
def program(state: str, *, supervised: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """Run a loop in a separate process, and yield the process once the loop runs."""
    environment = {key: value for key, value in os.environ.items() if key != "SUPERVISOR_ENABLED"}
    if supervised:
        environment["SUPERVISOR_ENABLED"] = "1"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(state=state)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            yield process
        finally:
            process.kill()


def end(process: subprocess.Popen[bytes]) -> str:
    """Wait for a process to end, and return the reason that it printed."""
    assert process.stderr is not None
    assert process.wait(patience()) == 0
    return process.stderr.read().decode().strip()


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_loop_in_any_state(state: str, number: signal.Signals) -> None:
    """SIGTERM and SIGINT stop an idle loop, a busy loop, and a loop that is never idle."""
    with program(state) as process:
        process.send_signal(number)
        assert end(process) == number.name


def test_a_stopped_process_ends_after_it_continues() -> None:
    """A SIGTERM that arrives while the process is stopped counts once it continues."""
    with program("loop.every(0.01, lambda: None)") as process:
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGCONT):
            process.send_signal(number)
        assert end(process) == "SIGTERM"


def test_a_signal_before_the_first_poll_is_not_lost() -> None:
    """A SIGTERM after the signal handlers are set, but before the first poll, stops the loop too."""
    with program("os.kill(os.getpid(), signal.SIGTERM)") as process:
        assert end(process) == "SIGTERM"


def test_the_loss_of_supervisord_stops_the_loop() -> None:
    """A device whose supervisord has died stops."""
    with program("pass", supervised=True) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert end(process) == "the loss of supervisord"


def test_a_closed_pipe_does_not_end_an_unsupervised_process() -> None:
    """A process that a person started with a pipe ends only by a signal."""
    with program("loop.at(loop.now() + 0.05, lambda: os.kill(os.getpid(), signal.SIGTERM))") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert end(process) == "SIGTERM"


def test_timers_run_in_the_order_of_their_times() -> None:
    """Timers run by their times, and timers of the same time run in the order they were set."""
    order: list[str] = []
    with Loop(time.monotonic) as loop:
        start = loop.now()
        for name, after in [("c", 0.02), ("a", 0.005), ("b1", 0.01), ("b2", 0.01)]:
            loop.at(start + after, lambda name=name: order.append(name))  # type: ignore[misc]
        loop.at(start + 0.03, lambda: loop.stop("done"))
        assert loop.run() == "done"
    assert order == ["a", "b1", "b2", "c"]


def test_no_timer_is_early() -> None:
    """Although poll counts whole milliseconds, no timer runs before its time."""
    early: list[float] = []
    with Loop(time.monotonic) as loop:
        start = loop.now()
        for number in range(50):
            when = start + number * 0.00037
            loop.at(when, lambda when=when: early.append(loop.now() - when))  # type: ignore[misc]
        loop.at(start + 0.03, lambda: loop.stop("done"))
        loop.run()
    assert len(early) == 50
    assert min(early) >= 0


def test_a_cancelled_timer_does_not_run() -> None:
    """A cancelled timer does not run; cancelling it again is harmless."""
    with Loop(time.monotonic) as loop:
        timer = loop.at(loop.now(), lambda: loop.stop("the cancelled timer"))
        timer.cancel()
        timer.cancel()
        loop.at(loop.now() + 0.01, lambda: loop.stop("done"))
        assert loop.run() == "done"


def test_a_timer_can_cancel_the_next_one() -> None:
    """Of two timers that are due together, the first one can still cancel the second one."""
    with Loop(time.monotonic) as loop:
        now = loop.now()
        later: list[Timer] = []

        def cancel() -> None:
            later[0].cancel()

        loop.at(now, cancel)
        later.append(loop.at(now, lambda: loop.stop("the cancelled timer")))
        loop.at(now + 0.01, lambda: loop.stop("done"))
        assert loop.run() == "done"


def test_a_repeated_call_runs_at_once_and_again() -> None:
    """`every` calls now, and then once in each period, until the loop stops."""
    calls: list[float] = []

    def call() -> None:
        calls.append(loop.now())
        if len(calls) == 4:
            loop.stop("four calls")

    with Loop(time.monotonic) as loop:
        loop.every(0.005, call)
        assert loop.run() == "four calls"
    periods = [int((at - loop._began) / 0.005) for at in calls]
    assert all(earlier < later for earlier, later in pairwise(periods[1:]))
    assert periods[1] > 0


def test_missed_calls_are_not_made_up_for() -> None:
    """After a call that took ten periods, one call follows, not ten."""
    clock = [0.0]
    calls: list[float] = []

    def call() -> None:
        calls.append(clock[0])
        clock[0] += 10.25  # the work takes ten periods
        if len(calls) == 3:
            loop.stop("three calls")

    def now() -> float:
        clock[0] += 0.125
        return clock[0]

    with Loop(now) as loop:
        loop.every(1, call)
        loop.run()
    assert all(10.25 < later - earlier < 12 for earlier, later in pairwise(calls))


def test_periods_of_one_loop_fall_together() -> None:
    """Repeated calls of one loop run at the same times, so that the loop wakes up once for all."""
    clock = [0.0]

    def now() -> float:
        clock[0] += 1 / 1024
        return clock[0]

    with Loop(now) as loop:
        began = clock[0]
        loop.every(1, lambda: None)
        clock[0] += 0.375
        loop.every(0.5, lambda: loop.stop("both have been called"))
        loop.run()
    assert sorted(when - began for when, _, _ in loop._timers) == [0.5, 1.0]


def test_a_readable_socket_calls_its_handler() -> None:
    """The handler of a watched socket runs when data has arrived."""
    here, there = socket.socketpair()
    with here, there, Loop(time.monotonic) as loop:
        loop.watch(here.fileno(), lambda: loop.stop(here.recv(10).decode()))
        loop.at(loop.now() + 0.005, lambda: there.sendall(b"hello"))
        assert loop.run() == "hello"


def test_a_paused_source_is_read_later_or_when_it_is_watched_again() -> None:
    """Data that arrives during a pause waits for its end, unless `watch` ends the pause."""
    here, there = socket.socketpair()
    received: list[bytes] = []
    with here, there, Loop(time.monotonic) as loop:

        def on_data() -> None:
            received.append(here.recv(10))
            if received[-1] == b"2":
                loop.stop("2 has arrived")
            loop.pause(here.fileno(), until)

        until = loop.now() + 0.05
        loop.watch(here.fileno(), on_data)
        there.sendall(b"1")
        loop.at(loop.now() + 0.01, lambda: there.sendall(b"2"))
        loop.run()
        assert loop.now() >= until
        loop.stop_reason, until = None, loop.now() + 3600
        loop.watch(here.fileno(), on_data)
        there.sendall(b"3")
        loop.at(loop.now() + 0.01, lambda: there.sendall(b"2"))
        loop.at(loop.now() + 0.02, lambda: loop.watch(here.fileno(), on_data))
        loop.run()
    assert received == [b"1", b"2", b"3", b"2"]


def test_nothing_runs_after_the_handler_that_stops_it() -> None:
    """After `stop`, a loop runs no other handler, and the first reason counts."""
    ran: list[str] = []
    with Loop(time.monotonic) as loop:
        loop.at(0, lambda: loop.stop("first"))
        loop.at(0, lambda: ran.append("second"))
        loop.stop("already")
        assert loop.run() == "already"
    assert ran == []


def test_the_signal_handlers_are_restored_at_the_end() -> None:
    """After the loop, the handlers are those from before the loop."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with Loop(time.monotonic):
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
