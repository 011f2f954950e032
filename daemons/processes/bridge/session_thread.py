"""The background thread that runs the sessions with the broker, and the status of the session."""

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec import Struct

from daemons.config.loader import missing_module_text
from daemons.config.tables import Bridging
from daemons.kinds import Kind
from daemons.processes.bridge.alive import RIVAL_SECONDS, Alive
from daemons.processes.bridge.commands import FirstDeadlines
from daemons.processes.bridge.outbox import Outbox
from daemons.processes.bridge.topics import Topics
from daemons.runtime.background import BackgroundThread
from daemons.runtime.clock import Anchor, Clock, uptime
from daemons.storage.journal import Journal


class Rival(NamedTuple):
    """Another house with the same prefix."""

    name: str
    version: str
    at: float
    """When its latest alive message arrived, in seconds of uptime."""


class SessionMemory(Struct, frozen=True, kw_only=True):
    """The data that the thread keeps across a crash."""

    place: str = ""
    """The addresses of the brokers to which `topics` belongs."""
    sessions: tuple[str, ...] = ()
    """The ids of the last sessions, so that no own alive message counts as one of another house."""
    topics: tuple[str, ...] = ()
    """The topics on which the broker may hold a retained message of this house."""
    ledger: FirstDeadlines = FirstDeadlines()
    """The first deadline of each command id."""
    anchor: Anchor | None = None
    """The anchor of the clock that counts these deadlines; None for a memory of an earlier version."""

    def clock(self) -> Clock:
        """Return the clock that goes on from the anchor.

        After a restart of the machine it begins at the latest deadline or later: each id stays expired.
        """
        return Clock(self.anchor, max(self.ledger.deadlines.values(), default=0.0))


class SessionThread(BackgroundThread):
    """Runs the sessions with the broker, in parallel to the loop of the bridge; both use the outbox."""

    def __init__(
        self,
        bridging: Bridging,
        kinds: Mapping[str, type[Kind] | None],
        journal: Journal[SessionMemory],
        log: "logging.LoggerAdapter[logging.Logger]",
        run_sessions: "Callable[[SessionThread], None]",
    ) -> None:
        """Create the thread; it calls `run_sessions`, which returns when the thread is stopped."""
        super().__init__("broker session")
        self.bridging = bridging
        self.topics = Topics(bridging.prefix)
        self.kinds = kinds
        self.journal = journal
        self.log = log
        self.outbox = Outbox()
        self.is_connected = False
        self.broker = bridging.each_broker()[0].endpoint
        """The broker of the session, or the one that was tried last, with its address."""
        self.protocol: str | None = None
        """The version of MQTT of the session; None before the first one."""
        self.sent_messages = self.sent_bytes = self.commands = 0
        """Counts since the start: messages and bytes sent to the broker, and commands received from it."""
        self.alive: Alive | None = None
        """What the house says of itself, without time and session; the owner replaces it."""
        self.rival: Rival | None = None
        """The latest other house that has the same prefix."""
        self._run_sessions = run_sessions

    def prefix_fault(self) -> str | None:
        """Return that another house uses the prefix, if one was heard in the last minutes."""
        rival = self.rival
        if rival is None or uptime() - rival.at > RIVAL_SECONDS:
            return None
        return (
            f"another house uses the prefix {self.bridging.prefix}: {rival.name} (version {rival.version}); "
            "each house at a broker needs its own"
        )

    # In the thread

    def work(self) -> None:
        """Run sessions until the thread is stopped."""
        self._run_sessions(self)

    def report(self, *, is_connected: bool, fault: str | None) -> None:
        """Publish whether a session exists, and the fault if none exists."""
        if (is_connected, fault) != (self.is_connected, self.fault):
            self.is_connected, self.fault = is_connected, fault
            self.wake_owner()

    def on_error(self, error: Exception) -> None:
        """Log an unexpected error, and report it as the fault; no session follows."""
        if isinstance(error, ModuleNotFoundError):
            text = f"the bridge {missing_module_text(error)}"
        else:
            self.log.error("the bridge cannot continue", exc_info=error)
            text = f"the bridge has failed: {type(error).__name__}: {error}"
        self.report(is_connected=False, fault=text[:1000])
