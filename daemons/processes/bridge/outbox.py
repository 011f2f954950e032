"""What shall stand at a broker: made in the bridge's loop, said by the thread that has the session.

Of each topic the latest is held, and nothing queues up: a broker that is slow, or away, gets what
is so when it can take it. Only what happens and is over (a press of a button) waits in a line, a
short one, and is not worth saying after a while.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

MOST_EVENTS = 200
STALE_EVENT_SECONDS = 5.0
"""Who hears of a press later than this would take it for one of now."""


class Said(NamedTuple):
    """What is said on a topic; with `retain` it stands there."""

    topic: str
    payload: bytes
    retain: bool


class Outbox:
    """The latest of each topic, and what happened lately; any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing: dict[str, bytes] = {}
        self._due: dict[str, None] = {}
        """The topics on which something else stands by now, in the order in which it came."""
        self._events: deque[tuple[Said, float]] = deque(maxlen=MOST_EVENTS)
        self.wake: Callable[[], None] = lambda: None
        """What tells the thread that there is something to say; to be set by it."""

    def put(self, topic: str, payload: bytes) -> None:
        """Have this stand on a topic, until something else does."""
        with self._lock:
            if self._standing.get(topic) == payload:
                return
            self._standing[topic] = payload
            self._due.pop(topic, None)
            self._due[topic] = None
        self.wake()

    def drop(self, topic: str) -> None:
        """Have nothing stand on a topic any more."""
        with self._lock:
            if self._standing.pop(topic, None) is None:
                return
            self._due.pop(topic, None)
            self._due[topic] = None
        self.wake()

    def tell(self, topic: str, payload: bytes, now: float) -> None:
        """Say something once, soon or never."""
        with self._lock:
            self._events.append((Said(topic, payload, retain=False), now))
        self.wake()

    def standing(self) -> dict[str, bytes]:
        """Give all that shall stand, by its topic."""
        with self._lock:
            return dict(self._standing)

    def renew(self) -> dict[str, bytes]:
        """Give all that shall stand, for a broker that knows nothing of it, and count it as said."""
        with self._lock:
            self._due.clear()
            return dict(self._standing)

    def take(self, now: float, most: int) -> list[Said]:
        """Give what has to be said next, and count it as said."""
        with self._lock:
            found: list[Said] = []
            while self._events and len(found) < most:
                event, at = self._events.popleft()
                if now - at < STALE_EVENT_SECONDS:
                    found.append(event)
            while self._due and len(found) < most:
                topic = next(iter(self._due))
                del self._due[topic]
                found.append(Said(topic, self._standing.get(topic, b""), retain=True))
            return found
