"""The outbox: the messages for the broker, filled by the bridge's loop and sent by the session's thread.

For each topic it holds only the latest message. So a slow or absent broker gets the present states
later, and no queue grows. Only events (a press of a button) wait in a short queue, and expire.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

MAX_EVENTS = 200
STALE_EVENT_SECONDS = 5.0
"""An older press is not sent, because receivers would act on it as if it were new."""


UserProperties = tuple[tuple[str, str], ...]


class BrokerMessage(NamedTuple):
    """One message for the broker; with `retain` the broker keeps it."""

    topic: str
    payload: bytes
    retain: bool
    properties: UserProperties = ()
    """The user properties, for a broker that knows MQTT 5."""
    expiry_seconds: int | None = None
    """For how long the broker may hold the message for a receiver that is away (MQTT 5); None: no limit."""


class Outbox:
    """The latest message of each topic, and recent events; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._retained: dict[str, BrokerMessage] = {}
        self._unsent: dict[str, None] = {}
        """The topics whose message has not been sent yet, in the order of their changes."""
        self._events: deque[tuple[BrokerMessage, float]] = deque(maxlen=MAX_EVENTS)
        self.wake: Callable[[], None] = lambda: None
        """Wakes the thread of the session, which sets this function."""

    def retain(self, topic: str, payload: bytes, properties: UserProperties = ()) -> None:
        """Replace the retained message of a topic."""
        message = BrokerMessage(topic, payload, retain=True, properties=properties)
        with self._lock:
            if self._retained.get(topic) == message:
                return
            self._retained[topic] = message
            self._unsent.pop(topic, None)
            self._unsent[topic] = None
        self.wake()

    def clear(self, topic: str) -> None:
        """Remove the retained message of a topic."""
        with self._lock:
            if self._retained.pop(topic, None) is None:
                return
            self._unsent.pop(topic, None)
            self._unsent[topic] = None
        self.wake()

    def send_event(self, topic: str, payload: bytes, now: float, properties: UserProperties = ()) -> None:
        """Send an event once, soon or never."""
        message = BrokerMessage(topic, payload, False, properties, int(STALE_EVENT_SECONDS))
        with self._lock:
            self._events.append((message, now))
        self.wake()

    def resend(self, prefix: str = "") -> None:
        """Send each retained message again whose topic begins with `prefix`."""
        with self._lock:
            self._unsent |= {topic: None for topic in self._retained if topic.startswith(prefix)}
        self.wake()

    def take_all(self) -> dict[str, BrokerMessage]:
        """Return all retained messages, by topic, and count them as sent."""
        with self._lock:
            self._unsent.clear()
            return dict(self._retained)

    def take(self, now: float, most: int) -> list[BrokerMessage]:
        """Return the next messages to send, at most `most`, and count them as sent."""
        with self._lock:
            found: list[BrokerMessage] = []
            while self._events and len(found) < most:
                event, at = self._events.popleft()
                if now - at < STALE_EVENT_SECONDS:
                    found.append(event)
            while self._unsent and len(found) < most:
                topic = next(iter(self._unsent))
                del self._unsent[topic]
                found.append(self._retained.get(topic) or BrokerMessage(topic, b"", retain=True))
            return found
