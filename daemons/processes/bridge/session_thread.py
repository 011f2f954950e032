"""The annex in which the session with the broker is held: whether there is one, or why not."""

import logging
from collections.abc import Callable, Mapping

from msgspec import Struct

from daemons.config.loader import needs
from daemons.config.tables import Bridging
from daemons.kinds import Kind
from daemons.processes.bridge.commands import Ledger
from daemons.processes.bridge.outbox import Outbox
from daemons.processes.bridge.topics import Topics
from daemons.runtime.background import Annex
from daemons.storage.journal import Journal


class Memory(Struct, frozen=True, kw_only=True):
    """What the thread remembers across a crash."""

    place: str = ""
    """The broker that it is about."""
    topics: tuple[str, ...] = ()
    """On which topics something of ours may stand there."""
    ledger: Ledger = Ledger()


class Uplink(Annex):
    """Holds sessions with the broker, beside the bridge's loop; they share the outbox."""

    def __init__(
        self,
        bridging: Bridging,
        kinds: Mapping[str, type[Kind] | None],
        journal: Journal[Memory],
        log: "logging.LoggerAdapter[logging.Logger]",
        cross: "Callable[[Uplink], None]",
    ) -> None:
        """`cross` holds sessions for ever, in the thread."""
        super().__init__("uplink")
        self.bridging = bridging
        self.topics = Topics(bridging.prefix)
        self.kinds = kinds
        self.journal = journal
        self.log = log
        self.outbox = Outbox()
        self.is_connected = False
        self.sent_messages = self.sent_bytes = self.commands = 0
        """Since the start: what was said to the broker (payloads), and which commands it brought."""
        self._cross = cross

    # In the thread

    def work(self) -> None:
        """Hold sessions."""
        self._cross(self)

    def tell(self, *, is_connected: bool, fault: str | None) -> None:
        """Say whether there is a session, or why there is none."""
        if (is_connected, fault) != (self.is_connected, self.fault):
            self.is_connected, self.fault = is_connected, fault
            self.announce()

    def fail(self, error: Exception) -> None:
        """Say that there will be no session."""
        if isinstance(error, ModuleNotFoundError):
            text = f"the bridge {needs(error)}"
        else:
            self.log.error("the bridge cannot go on", exc_info=error)
            text = f"the bridge has failed: {type(error).__name__}: {error}"
        self.tell(is_connected=False, fault=text[:1000])
