"""A thread beside a process's own loop, seen from that loop: start, beat, end.

What lives on asyncio and on heavy libraries takes a while to load, and may hang on a network. So a
process does what it is for in its own loop, and such a thing in an annex; neither waits for the other.
"""

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress

HUNG_TICKS = 6
"""So many seconds without a beat of the thread, and it is taken for hung."""
BROKEN_TICKS = -(10**9)
"""What ended with an error has told so; that does not make it hung."""
END_SECONDS = 0.5


class Annex(ABC):
    """One such thread, and what both sides share."""

    def __init__(self, name: str) -> None:
        """`name` is the thread's."""
        self.fault: str | None = None
        """Why it does not do what it is for."""
        self.news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Can be read when there is something new to see of it."""
        self.when_ended: Callable[[], object] | None = None
        """What makes the thread end; to be set by it, when it has loaded what it needs."""
        self._ticks = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; what it is for is there a moment later."""
        self._thread.start()

    def read_news(self) -> None:
        """Take note that something is new."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.news)

    def tick(self) -> bool:
        """Count a second of the process's; false when the thread has not beaten for too long.

        Seconds are counted by turns, not by a clock: a process that was held up as a whole blames nobody.
        """
        self._ticks += 1
        return self._ticks <= HUNG_TICKS or not self._thread.ident

    def end(self) -> None:
        """End the thread; one that does not, or that still loads, is left to the end of the process."""
        if self.when_ended is None:
            return
        with suppress(RuntimeError):  # its loop has ended by itself
            self.when_ended()
        self._thread.join(END_SECONDS)

    # In the thread

    @abstractmethod
    def work(self) -> None:
        """Do what it is for, until it is told to end."""

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """Say, and log, that the work has ended with an error."""

    def beat(self) -> None:
        """Give a sign of life."""
        self._ticks = 0

    def announce(self) -> None:
        """Say that there is something new to see."""
        os.eventfd_write(self.news, 1)

    def _run(self) -> None:
        try:
            self.work()
        except Exception as error:  # noqa: BLE001  told by `fail`
            self.fail(error)
            self._ticks = BROKEN_TICKS
