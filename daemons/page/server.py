"""The thread in which the mirror's page is served, seen from the mirror: start, beat, end.

The page lives on asyncio and aiohttp, which take a while to load and must not hold up what the
mirror is for. So the mirror hears the house in its own loop, and the page has a thread beside it
that reads the board; neither waits for the other.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress

from daemons.clock import uptime
from daemons.page import Subject

HUNG_TICKS = 6
"""So many seconds without a beat of the page's thread, and it is taken for hung."""
END_SECONDS = 0.5


class Server:
    """Serves the page, beside the mirror's loop."""

    def __init__(self, subject: Subject, port: int, page: "Callable[[Server], None]") -> None:
        """`port` is the one to serve on, or for a free one the last; `page` serves, in the thread."""
        self._page = page
        self.subject = subject
        self.port = port
        self.url: str | None = None
        self.fault: str | None = None
        self.news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Can be read when `url` or `fault` is another."""
        self._ticks = 0
        self._ticked = uptime()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self.when_ended: Callable[[], object] = lambda: None
        """What makes the page end; to be set by it."""

    def start(self) -> None:
        """Begin; the page is there a moment later."""
        self._thread.start()

    def read_news(self) -> None:
        """Take note that something is new."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.news)

    def tick(self) -> bool:
        """Count a second of the mirror's; false when the page's thread has not beaten for too long.

        Seconds are counted by turns, not by a clock: a mirror that was held up as a whole blames nobody.
        """
        self._ticks += 1
        self._ticked = uptime()
        return self._ticks <= HUNG_TICKS or not self._thread.ident

    def end(self) -> None:
        """End the thread; one that does not is left to the end of the process."""
        with suppress(RuntimeError):  # its loop has ended by itself
            self.when_ended()
        if self._thread.ident:
            self._thread.join(END_SECONDS)

    # In the page's thread

    def beat(self) -> None:
        """Give a sign of life."""
        self._ticks = 0

    def is_mirror_at_work(self, now: float) -> bool:
        """Tell whether the mirror's own loop turns."""
        return now - self._ticked < HUNG_TICKS

    def tell(self, url: str | None, fault: str | None) -> None:
        """Say where the page is served, or why it is not."""
        if (url, fault) != (self.url, self.fault):
            self.url, self.fault = url, fault
            os.eventfd_write(self.news, 1)

    def _run(self) -> None:
        try:
            self._page(self)
        except Exception as error:
            self.subject.log.exception("the page cannot be served")
            self.tell(None, f"the page cannot be served: {type(error).__name__}: {error}"[:1000])
            self._ticks = -(10**9)  # it is told, and dead; that does not make it hung
