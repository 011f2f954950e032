"""A worker thread beside the loop of a process, with a watchdog.

Code on asyncio and on heavy libraries takes a while to load, and may hang on a network. So a process
does its main work in its own loop, and runs such code in a background thread. Neither waits for the
other.
"""

import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress

from daemons.runtime.processor import waited_seconds

HUNG_AFTER_SECONDS = 6
"""After so many seconds without a beat, the thread counts as hung."""
BUSY_SHARE = 0.25
"""The process is busy if it waits for a processor, or its loop works, for more than this share of the time.
Then the thread cannot beat in time: on a busy machine it may take a minute to load its libraries."""
BUSY_SECOND = 0.1
"""A second in which the process is busy counts as so much: a thread that hangs is still found."""
SHORTEST_JUDGED_SECONDS = 0.5
NEVER_HUNG = -(10**9)
"""The count of seconds after an error: a thread that has ended is not hung."""
JOIN_SECONDS = 0.5


class BackgroundThread(ABC):
    """One worker thread, and what it shares with the loop of its process."""

    def __init__(self, name: str) -> None:
        """Create the thread under a name, without starting it."""
        self.fault: str | None = None
        """Why the thread does not do its work; None while it does."""
        self.wakeup_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """A file descriptor that is readable when the thread has something new for the loop."""
        self.stop_thread: Callable[[], object] | None = None
        """Stops the thread's work. The thread sets it as soon as it has loaded what it needs."""
        self._seconds_without_beat = 0.0
        self._checked = (time.monotonic(), 0.0, 0.0)
        """At the last check: the time, and how long the process had waited and its loop had worked."""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; its work begins a moment later."""
        self._thread.start()

    def clear_wakeup(self) -> None:
        """Reset `wakeup_fd` after the loop has been woken."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.wakeup_fd)

    def check_alive(self) -> bool:
        """Count one second, and return False when the thread has not beaten for too long.

        The loop calls this once a second. The calls are counted, and no clock is read: when the whole
        process was held up, the thread was not to blame.
        """
        self._seconds_without_beat += BUSY_SECOND if self._was_busy() else 1.0
        return self._seconds_without_beat <= HUNG_AFTER_SECONDS or not self._thread.ident

    def _was_busy(self) -> bool:
        """Return whether the process was busy since the last check."""
        before = self._checked
        self._checked = (time.monotonic(), waited_seconds(os.getpid()) or 0.0, time.thread_time())
        passed, waited, worked = (now - then for now, then in zip(self._checked, before, strict=True))
        return passed >= SHORTEST_JUDGED_SECONDS and waited + worked > BUSY_SHARE * passed

    def end(self) -> None:
        """Stop the thread; one that still loads, or does not stop, ends with the process."""
        if self.stop_thread is None:
            return
        with suppress(RuntimeError):  # its event loop has ended by itself
            self.stop_thread()
        self._thread.join(JOIN_SECONDS)

    # In the thread

    @abstractmethod
    def work(self) -> None:
        """Do the thread's work until `stop_thread` is called."""

    @abstractmethod
    def on_error(self, error: Exception) -> None:
        """Report and log that the work has ended with an error."""

    def beat(self) -> None:
        """Report that the thread is alive."""
        self._seconds_without_beat = 0.0

    def wake_owner(self) -> None:
        """Wake the loop of the process, because there is something new for it."""
        os.eventfd_write(self.wakeup_fd, 1)

    def _run(self) -> None:
        try:
            self.work()
        except Exception as error:  # noqa: BLE001  `on_error` reports it
            self.on_error(error)
            self._seconds_without_beat = NEVER_HUNG
