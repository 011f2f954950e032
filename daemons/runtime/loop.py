"""The loop of a process: one poller for its sockets, timers and signals.

SIGTERM and SIGINT stop the loop after the handler that is running. The loss of supervisord stops it
too: a device must not live on beside its own successor.
"""

import heapq
import os
import signal
import socket
import stat
from collections.abc import Callable
from itertools import count
from typing import Any, Self

import zmq

Handler = Callable[[], None]
SUPERVISORD_LOST = "the loss of supervisord"
"""The reason of a stop because supervisord has ended."""
COMPACT_ABOVE = 1000
"""With more timers than this, the loop looks for cancelled ones and removes them."""


class Timer:
    """One call in the future, which `cancel` prevents."""

    __slots__ = ("handler", "when")

    def __init__(self, when: float, handler: Handler) -> None:
        self.when = when
        self.handler: Handler | None = handler

    def cancel(self) -> None:
        """Prevent the call; harmless when it has already happened."""
        self.handler = None


class Loop:
    """Runs handlers, one at a time, until it is stopped."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Create a loop whose timers count in the seconds that `now` returns."""
        self.now = now
        self.stop_reason: str | None = None
        self._handlers: dict[Any, Handler] = {}
        self._began = now()
        self._poller = zmq.Poller()
        self._timers: list[tuple[float, int, Timer]] = []
        self._compact_above = COMPACT_ABOVE
        self._number = count()

    def watch(self, source: Any, handler: Handler) -> None:
        """Call the handler whenever the source (a zmq socket or a file descriptor) is readable."""
        self._poller.register(source, zmq.POLLIN)
        self._handlers[source] = handler

    def unwatch(self, source: Any) -> None:
        """Stop watching a source, before it is closed."""
        self._poller.unregister(source)
        del self._handlers[source]

    def pause(self, source: Any, until: float) -> None:
        """Stop polling a source until the given time, so that its messages are handled in one batch.

        A process uses it that receives the heartbeats of a whole house and has time. `watch` ends it.
        """
        self._poller.unregister(source)
        self.at(until, lambda: self._poller.register(source, zmq.POLLIN))

    def at(self, when: float, handler: Handler) -> Timer:
        """Call the handler once, not before the given time."""
        if len(self._timers) > self._compact_above:  # many of them may have been cancelled long ago
            self._timers = [entry for entry in self._timers if entry[2].handler]
            heapq.heapify(self._timers)
            self._compact_above = max(COMPACT_ABOVE, 2 * len(self._timers))
        timer = Timer(when, handler)
        heapq.heappush(self._timers, (when, next(self._number), timer))
        return timer

    def every(self, seconds: float, handler: Handler) -> None:
        """Call the handler now, and then once in each period; missed calls are not made up for.

        Periods are counted from the creation of the loop, so equal ones fall together. A process that
        idles wakes up once for all of them.
        """

        def call() -> None:
            handler()
            self.at(self.next_tick(seconds), call)

        self.at(self.now(), call)

    def next_tick(self, seconds: float) -> float:
        """Return the next time at which handlers with this period are called."""
        passed = self.now() - self._began
        return self._began + passed - passed % (seconds or 1) + seconds

    def stop(self, reason: str) -> None:
        """Stop the loop after the handler that is running; the first reason counts."""
        self.stop_reason = self.stop_reason or reason

    def run(self) -> str:
        """Run until the loop is stopped, and return the reason."""
        while self.stop_reason is None:
            for source, _ in self._poller.poll(self._poll_timeout()):
                if source in self._handlers:  # an earlier handler may have unwatched it
                    self._handlers[source]()
                if self.stop_reason is not None:
                    return self.stop_reason
            self._run_due()
        return self.stop_reason

    def _poll_timeout(self) -> int | None:
        """Return the milliseconds until the next timer, rounded up so that none is early."""
        while self._timers and self._timers[0][2].handler is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0, min(60_000, int((self._timers[0][0] - self.now()) * 1000) + 1))

    def _run_due(self) -> None:
        now = self.now()
        while self._timers and self._timers[0][0] <= now and self.stop_reason is None:
            handler = heapq.heappop(self._timers)[2].handler
            if handler is not None:
                handler()

    def _drain(self) -> None:
        self._wake_out.recv(4096)

    def __enter__(self) -> Self:
        """Handle the signals, and watch for the loss of supervisord."""
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._wake_in.setblocking(False)
        self._previous_fd = signal.set_wakeup_fd(self._wake_in.fileno(), warn_on_full_buffer=False)
        self._previous = {
            number: signal.signal(number, lambda number, _: self.stop(signal.Signals(number).name))
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        self.watch(self._wake_out.fileno(), self._drain)
        if os.environ.get("SUPERVISOR_ENABLED") and stat.S_ISFIFO(os.fstat(1).st_mode):
            # Standard output is supervisord's pipe: when its reader is gone, poll reports an error.
            self._poller.register(1, zmq.POLLERR)
            self._handlers[1] = lambda: self.stop(SUPERVISORD_LOST)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._previous_fd)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._wake_out.close()
        self._wake_in.close()
