"""The thread that has the session with the broker, seen from the bridge: start, beat, end.

asyncio and the MQTT library take a while to load, and a broker may hang. So the bridge hears the
house in its own loop, and the session has a thread beside it; they share the outbox, and neither
waits for the other.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from msgspec import Struct

from daemons.broker import Bridging
from daemons.journal import Journal
from daemons.kinds import Kind
from daemons.load import needs
from daemons.traffic.order import Ledger
from daemons.traffic.outbox import Outbox
from daemons.traffic.topic import Topics

HUNG_TICKS = 6
"""So many seconds without a beat of the thread, and it is taken for hung."""
END_SECONDS = 0.5
BROKEN_TICKS = -(10**9)
"""What ended with an error has told so; that does not make it hung."""


class Memory(Struct, frozen=True, kw_only=True):
    """What the thread remembers across a crash."""

    place: str = ""
    """The broker that it is about."""
    topics: tuple[str, ...] = ()
    """On which topics something of ours may stand there."""
    ledger: Ledger = Ledger()


class Uplink:
    """What both threads share, and how the one is run by the other."""

    def __init__(
        self,
        bridging: Bridging,
        kinds: Mapping[str, type[Kind] | None],
        journal: Journal[Memory],
        log: "logging.LoggerAdapter[logging.Logger]",
        cross: "Callable[[Uplink], None]",
    ) -> None:
        """`cross` holds sessions for ever, in the thread."""
        self.bridging = bridging
        self.topics = Topics(bridging.prefix)
        self.kinds = kinds
        self.journal = journal
        self.log = log
        self.outbox = Outbox()
        self.is_connected = False
        self.fault: str | None = None
        """Why there is no session."""
        self.sent_messages = self.sent_bytes = self.commands = 0
        """Since the start: what was said to the broker (payloads), and which commands it brought."""
        self.news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Can be read when `is_connected` or `fault` is another."""
        self.when_ended: Callable[[], object] = lambda: None
        """What ends the thread; to be set by it."""
        self._cross = cross
        self._ticks = 0
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def read_news(self) -> None:
        """Take note that something is new."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.news)

    def tick(self) -> bool:
        """Count a second of the bridge's; false when the thread has not beaten for too long.

        Seconds are counted by turns, not by a clock: a bridge that was held up as a whole blames nobody.
        """
        self._ticks += 1
        return self._ticks <= HUNG_TICKS or not self._thread.ident

    def end(self) -> None:
        """End the thread; one that does not is left to the end of the process."""
        with suppress(RuntimeError):  # its loop has ended by itself
            self.when_ended()
        if self._thread.ident:
            self._thread.join(END_SECONDS)

    # In the thread

    def beat(self) -> None:
        """Give a sign of life."""
        self._ticks = 0

    def tell(self, *, is_connected: bool, fault: str | None) -> None:
        """Say whether there is a session, or why there is none."""
        if (is_connected, fault) != (self.is_connected, self.fault):
            self.is_connected, self.fault = is_connected, fault
            os.eventfd_write(self.news, 1)

    def _run(self) -> None:
        try:
            self._cross(self)
        except ModuleNotFoundError as error:
            self.tell(is_connected=False, fault=f"the bridge {needs(error)}")
            self._ticks = BROKEN_TICKS
        except Exception as error:
            self.log.exception("the bridge cannot go on")
            text = f"the bridge has failed: {type(error).__name__}: {error}"
            self.tell(is_connected=False, fault=text[:1000])
            self._ticks = BROKEN_TICKS
