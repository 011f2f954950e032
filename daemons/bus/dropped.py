"""A log of dropped messages that a flood of them cannot fill."""

import logging
import time
from typing import Any

Logger = logging.Logger | logging.LoggerAdapter[Any]


class DroppedLog:
    """Counts dropped messages, and logs them once per source and window instead of once per frame."""

    WINDOW_SECONDS = 60.0
    MAX_SOURCES = 1000
    """With more sources, the one that was logged longest ago is forgotten."""

    def __init__(self, log: Logger, text: str = "dropped a bad message on %s: %s%s") -> None:
        """Log to `log`; `text` has places for the source, the reason and the number of unlogged ones."""
        self._log = log
        self._text = text
        self._windows: dict[str, tuple[float, int]] = {}
        """For each source, when its window began (monotonic seconds), and how many were dropped in it."""
        self.total = 0

    def add(self, source: str, why: object) -> None:
        """Count one; the first of a window is logged at once, the others with the first of the next one."""
        self.total += 1
        now = time.monotonic()
        began, number = self._windows.get(source, (float("-inf"), 0))
        if now - began < self.WINDOW_SECONDS:
            self._windows[source] = (began, number + 1)
            return
        more = f" (and {number - 1} before it)" if number > 1 else ""
        self._log.warning(self._text, source, why, more)
        self._windows.pop(source, None)
        self._windows[source] = (now, 1)  # the dictionary is in the order of logging
        if len(self._windows) > self.MAX_SOURCES:
            del self._windows[next(iter(self._windows))]
