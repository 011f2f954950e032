"""Errands: what takes its time does not hold up the loop, and what came of it is taken there."""

import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

from daemons.runtime.jobs import AT_ONCE, Errands
from daemons.runtime.loop import Loop
from tests.support.factories import PATIENCE_SECONDS


def test_the_loop_goes_on_and_takes_what_came_of_it() -> None:
    """The work is done elsewhere, and its result is taken in the loop's own thread."""
    taken: list[Any] = []
    goes_on = threading.Event()

    def take(result: "Future[Any]") -> None:
        taken.extend([result.result(), threading.current_thread()])
        loop.stop("it came")

    with Loop(time.monotonic) as loop, Errands(loop) as errands:
        errands.run(lambda: goes_on.wait(PATIENCE_SECONDS), take)
        loop.at(loop.now(), goes_on.set)
        loop.at(loop.now() + PATIENCE_SECONDS, lambda: loop.stop("too late"))
        assert loop.run() == "it came"
    assert taken == [True, threading.current_thread()]


def test_what_goes_wrong_is_taken_as_well() -> None:
    """It is the taker's to say what becomes of it."""

    def take(result: "Future[Any]") -> None:
        loop.stop("it came")
        result.result()

    with Loop(time.monotonic) as loop, Errands(loop) as errands:
        errands.run(lambda: 1 / 0, take)
        with pytest.raises(ZeroDivisionError):
            loop.run()


def test_the_end_waits_for_all_that_was_asked_for() -> None:
    """It is done, though nobody takes its result; also what no thread has had time for yet."""
    done: list[int] = []
    over = threading.Event()

    def work(number: int) -> None:
        over.wait(PATIENCE_SECONDS)
        done.append(number)

    with Loop(time.monotonic) as loop, Errands(loop) as errands:
        for number in range(2 * AT_ONCE):
            errands.run(partial(work, number), lambda _: None)
        threading.Timer(0.05, over.set).start()
    assert sorted(done) == list(range(2 * AT_ONCE))
