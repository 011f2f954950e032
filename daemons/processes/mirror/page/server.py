"""The background thread that serves the mirror's page, and its address or fault."""

from collections.abc import Callable

from daemons.processes.mirror.page import PageContext
from daemons.runtime.background import HUNG_AFTER_SECONDS, BackgroundThread
from daemons.runtime.clock import uptime


class PageServer(BackgroundThread):
    """Serves the page beside the mirror's loop."""

    def __init__(self, context: PageContext, port: int, serve: "Callable[[PageServer], None]") -> None:
        """Prepare the thread; `serve` does its work.

        `port` is the configured port. If the configuration leaves the port open, it is the last one used.
        """
        super().__init__("page")
        self._serve = serve
        self.context = context
        self.port = port
        self.url: str | None = None
        """Where the page is served; None while it is not."""
        self._mirror_alive_at = uptime()

    def check_alive(self) -> bool:
        """Note that the mirror's loop works, and return whether the page's thread does."""
        self._mirror_alive_at = uptime()
        return super().check_alive()

    # In the page's thread

    def work(self) -> None:
        """Serve the page until the thread is stopped."""
        self._serve(self)

    def is_mirror_alive(self, now: float) -> bool:
        """Return whether the mirror's own loop works."""
        return now - self._mirror_alive_at < HUNG_AFTER_SECONDS

    def report(self, url: str | None, fault: str | None) -> None:
        """Report to the mirror where the page is served, or why it is not."""
        if (url, fault) != (self.url, self.fault):
            self.url, self.fault = url, fault
            self.wake_owner()

    def on_error(self, error: Exception) -> None:
        """Log the error, and report that there is no page."""
        self.context.log.error("the page cannot be served", exc_info=error)
        self.report(None, f"the page cannot be served: {type(error).__name__}: {error}"[:1000])
