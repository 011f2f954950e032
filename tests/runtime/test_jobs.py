"""The thread pool: slow work does not block the loop, and results are handled in the loop."""

import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

from daemons.runtime.jobs import JobPool
from daemons.runtime.loop import Loop
from tests.support.patience import patience


def test_the_loop_continues_and_handles_the_result() -> None:
    """The job runs in another thread, and its callback runs in the loop's own thread."""
    results: list[Any] = []
    may_end = threading.Event()

    def on_done(result: "Future[Any]") -> None:
        results.extend([result.result(), threading.current_thread()])
        loop.stop("the result came")

    with Loop(time.monotonic) as loop, JobPool(loop) as jobs:
        jobs.submit(lambda: may_end.wait(patience()), on_done)
        loop.at(loop.now(), may_end.set)
        loop.at(loop.now() + patience(), lambda: loop.stop("too late"))
        assert loop.run() == "the result came"
    assert results == [True, threading.current_thread()]


def test_an_error_reaches_the_callback() -> None:
    """The future raises the job's error where the callback reads the result."""

    def on_done(result: "Future[Any]") -> None:
        loop.stop("the result came")
        result.result()

    with Loop(time.monotonic) as loop, JobPool(loop) as jobs:
        jobs.submit(lambda: 1 / 0, on_done)
        with pytest.raises(ZeroDivisionError):
            loop.run()


def test_the_end_waits_for_every_job() -> None:
    """Jobs end even if no loop handles their results; waiting jobs run, too."""
    done: list[int] = []
    over = threading.Event()

    def work(number: int) -> None:
        over.wait(patience())
        done.append(number)

    with Loop(time.monotonic) as loop, JobPool(loop) as jobs:
        for number in range(16):
            jobs.submit(partial(work, number), lambda _: None)
        threading.Timer(0.05, over.set).start()
    assert sorted(done) == list(range(16))
