"""The annex in which the mirror's page is served, by aiohttp: where that is, or why it is not."""

from collections.abc import Callable

from daemons.processes.mirror.page import Subject
from daemons.runtime.background import HUNG_TICKS, Annex
from daemons.runtime.clock import uptime


class Server(Annex):
    """Serves the page, beside the mirror's loop, from the board."""

    def __init__(self, subject: Subject, port: int, page: "Callable[[Server], None]") -> None:
        """`port` is the one to serve on, or for a free one the last; `page` serves, in the thread."""
        super().__init__("page")
        self._page = page
        self.subject = subject
        self.port = port
        self.url: str | None = None
        self._ticked = uptime()

    def tick(self) -> bool:
        """Count a second of the mirror's."""
        self._ticked = uptime()
        return super().tick()

    # In the page's thread

    def work(self) -> None:
        """Serve."""
        self._page(self)

    def is_mirror_at_work(self, now: float) -> bool:
        """Tell whether the mirror's own loop turns."""
        return now - self._ticked < HUNG_TICKS

    def tell(self, url: str | None, fault: str | None) -> None:
        """Say where the page is served, or why it is not."""
        if (url, fault) != (self.url, self.fault):
            self.url, self.fault = url, fault
            self.announce()

    def fail(self, error: Exception) -> None:
        """Say that there is no page."""
        self.subject.log.error("the page cannot be served", exc_info=error)
        self.tell(None, f"the page cannot be served: {type(error).__name__}: {error}"[:1000])
