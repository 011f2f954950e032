"""What may take its time, run in threads beside a loop, which goes on meanwhile."""

import os
import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Self

from daemons.runtime.loop import Loop

AT_ONCE = 8
"""How many are run at the same time; the others wait for their turn."""


class Errands:
    """Runs what may take its time in threads; what comes of it is taken by the loop."""

    def __init__(self, loop: Loop) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._done: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._out, self._in = os.pipe()
        loop.watch(self._out, self._take)

    def run(self, work: Callable[[], Any], then: Callable[[Future[Any]], None]) -> None:
        """Do the work elsewhere, and then call `then` here."""

        def done(future: Future[Any]) -> None:
            self._done.put(partial(then, future))
            os.write(self._in, b".")

        self._pool.submit(work).add_done_callback(done)

    def _take(self) -> None:
        os.read(self._out, 1)
        self._done.get()()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for all that was asked for: a restart that was told shall be one, and none half done."""
        self._pool.shutdown()
        os.close(self._in)
        os.close(self._out)
