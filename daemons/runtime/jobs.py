"""A thread pool for slow work, whose results a loop handles."""

import os
import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Self

from daemons.runtime.loop import Loop

MAX_THREADS = 8
"""How many jobs run at the same time; more of them wait."""


class JobPool:
    """Runs jobs in threads, and calls back in the loop; a context manager."""

    def __init__(self, loop: Loop, threads: int = MAX_THREADS) -> None:
        """Run up to `threads` jobs at the same time."""
        self._pool = ThreadPoolExecutor(threads)
        self._done: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._out, self._in = os.pipe()
        loop.watch(self._out, self._run_callback)

    def submit(self, job: Callable[[], Any], on_done: Callable[[Future[Any]], None]) -> None:
        """Run the job in a thread, and then call `on_done` with its future in the loop."""

        def done(future: Future[Any]) -> None:
            self._done.put(partial(on_done, future))
            os.write(self._in, b".")

        self._pool.submit(job).add_done_callback(done)

    def _run_callback(self) -> None:
        os.read(self._out, 1)
        self._done.get()()

    def __enter__(self) -> Self:
        """Return the pool itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for all jobs: a restart that was requested must not stop half-way."""
        self._pool.shutdown()
        os.close(self._in)
        os.close(self._out)
