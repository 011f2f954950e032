"""One poller for a device's whole life: sockets, timers, signals, and the end.

SIGTERM and SIGINT end it after the handler that runs, and so does the loss of supervisord: a
device must not live on as a ghost beside its successor.
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
CROWD = 1000
"""So many timers, and those that were cancelled are looked for and dropped."""


class Timer:
    """One call in the future; `cancel` it, and it will not be."""

    __slots__ = ("handler", "when")

    def __init__(self, when: float, handler: Handler) -> None:
        self.when = when
        self.handler: Handler | None = handler

    def cancel(self) -> None:
        """Forget it; harmless when it is past."""
        self.handler = None


class Loop:
    """Runs handlers, one at a time, until it is told to stop."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` gives the seconds that timers are set in."""
        self.now = now
        self.ended_by: str | None = None
        self._handlers: dict[Any, Handler] = {}
        self._began = now()
        self._poller = zmq.Poller()
        self._timers: list[tuple[float, int, Timer]] = []
        self._crowd = CROWD
        self._number = count()

    def watch(self, source: Any, handler: Handler) -> None:
        """Call the handler whenever the socket (zmq, or a file descriptor) can be read."""
        self._poller.register(source, zmq.POLLIN)
        self._handlers[source] = handler

    def leave(self, source: Any) -> None:
        """Watch it no more, before it is closed."""
        self._poller.unregister(source)
        del self._handlers[source]

    def rest(self, source: Any, until: float) -> None:
        """Leave a source that is watched be until then: what comes meanwhile is taken at one go.

        For who hears the heartbeats of a whole house and is in no hurry; to `watch` again ends it.
        """
        self._poller.unregister(source)
        self.at(until, lambda: self._poller.register(source, zmq.POLLIN))

    def at(self, when: float, handler: Handler) -> Timer:
        """Call the handler once, not before that moment."""
        if len(self._timers) > self._crowd:  # many were cancelled, perhaps, long before their time
            self._timers = [entry for entry in self._timers if entry[2].handler]
            heapq.heapify(self._timers)
            self._crowd = max(CROWD, 2 * len(self._timers))
        timer = Timer(when, handler)
        heapq.heappush(self._timers, (when, next(self._number), timer))
        return timer

    def every(self, seconds: float, handler: Handler) -> None:
        """Call the handler now and then again and again; a late turn does not pile up others.

        Turns are counted from when the loop was made, so those of all periods fall together: a
        process that idles is woken once for all of them.
        """

        def turn() -> None:
            handler()
            self.at(self.next_turn(seconds), turn)

        self.at(self.now(), turn)

    def next_turn(self, seconds: float) -> float:
        """Give the next moment at which what is repeated with that period has its turn."""
        passed = self.now() - self._began
        return self._began + passed - passed % (seconds or 1) + seconds

    def stop(self, reason: str) -> None:
        """End the loop after the handler that runs now."""
        self.ended_by = self.ended_by or reason

    def run(self) -> str:
        """Run until stopped, and say by what."""
        while self.ended_by is None:
            for source, _ in self._poller.poll(self._patience()):
                if source in self._handlers:  # one before it may have had it left
                    self._handlers[source]()
                if self.ended_by is not None:
                    return self.ended_by
            self._run_due()
        return self.ended_by

    def _patience(self) -> int | None:
        """Give the milliseconds until the next timer, rounded up so that none is early."""
        while self._timers and self._timers[0][2].handler is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0, min(60_000, int((self._timers[0][0] - self.now()) * 1000) + 1))

    def _run_due(self) -> None:
        now = self.now()
        while self._timers and self._timers[0][0] <= now and self.ended_by is None:
            handler = heapq.heappop(self._timers)[2].handler
            if handler is not None:
                handler()

    def _drain(self) -> None:
        self._wake_out.recv(4096)

    def __enter__(self) -> Self:
        """Take over the signals, and watch for the loss of supervisord."""
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
            # Standard output is supervisord's pipe: with its reader gone, poll reports an error.
            self._poller.register(1, zmq.POLLERR)
            self._handlers[1] = lambda: self.stop("the loss of supervisord")
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._previous_fd)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._wake_out.close()
        self._wake_in.close()
