"""Virtual time: a queue of what happens next, in the order of time. Pure."""

import heapq
from collections.abc import Callable
from itertools import count


class Event:
    """One call in the future, which `cancel` prevents."""

    __slots__ = ("handler", "when")

    def __init__(self, when: float, handler: Callable[[], None]) -> None:
        self.when = when
        self.handler: Callable[[], None] | None = handler

    def cancel(self) -> None:
        """Prevent the call; harmless when it has already happened."""
        self.handler = None


class Timeline:
    """The present time in seconds, and the events that are due later."""

    def __init__(self, start: float) -> None:
        """Begin at a time, in Unix seconds."""
        self.now = start
        self._queue: list[tuple[float, int, Event]] = []
        self._number = count()

    def at(self, when: float, handler: Callable[[], None]) -> Event:
        """Call a handler once, not before the given time. Calls for the same time keep their order."""
        event = Event(when, handler)
        heapq.heappush(self._queue, (max(when, self.now), next(self._number), event))
        return event

    def run(self, until: float) -> None:
        """Advance to the given time, through everything that is due up to then."""
        while self._queue and self._queue[0][0] <= until:
            when, _, event = heapq.heappop(self._queue)
            handler, event.handler = event.handler, None
            if handler is not None:
                self.now = when
                handler()
        self.now = max(self.now, until)
