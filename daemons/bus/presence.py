"""The presence registry: the latest messages of each process, and whether they are still current."""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Heartbeat, Published, Report, State
from daemons.bus.status import Presence, ProcessStatus

REPORTED_LIFE = {"live": "running"}
"""The `life` in a report for a presence, where the two words differ."""


class ProcessEntry(Struct, frozen=True):
    """The latest messages of one process."""

    state: State | None = None
    heartbeat: Heartbeat | None = None
    report: Report | None = None
    """The latest report of the steward, or of the exchange, about this process."""
    heard_at: float = 0.0
    """When the latest state or heartbeat arrived, in the receiver's own steady seconds."""
    state_at: float = 0.0
    """When the latest state arrived, in the same seconds."""


class PresenceTable:
    """The latest messages of every process, and their age. Pure: the caller passes the time."""

    def __init__(self, names: Iterable[str], stale_seconds: float, offline_seconds: float) -> None:
        """Track the processes `names`; the two limits are ages of the latest state or heartbeat."""
        self.entries = dict.fromkeys(names, ProcessEntry())
        self._stale_seconds = stale_seconds
        self._offline_seconds = offline_seconds

    def on_message(self, message: Published, now: float) -> State | None:
        """Store a message and return the state that it replaces, if it is a state."""
        entry = self.entries.get(message.device)
        if entry is None:
            return None  # a report about the receiver itself
        if isinstance(message, Report):
            self.entries[message.device] = replace(entry, report=message)
            return None
        if isinstance(message, Heartbeat):
            self.entries[message.device] = replace(entry, heartbeat=message, heard_at=now)
            return None
        self.entries[message.device] = replace(entry, state=message, heard_at=now, state_at=now)
        return entry.state

    def presence(self, name: str, now: float) -> Presence:
        """Return whether the values of a process are still current."""
        entry = self.entries[name]
        age = now - entry.heard_at
        # A report counts only while its sender itself is not offline.
        if entry.report and entry.report.life != "running":
            reporter = self.entries.get(entry.report.by, ProcessEntry())
            if now - reporter.heard_at < self._offline_seconds:
                return entry.report.life
        if entry.state is None or age >= self._offline_seconds:
            return "offline"
        return "stale" if age >= self._stale_seconds else "live"

    def status(self, name: str, now: float) -> ProcessStatus:
        """Return all that is known of one process."""
        entry = self.entries[name]
        state, heartbeat, report = entry.state, entry.heartbeat, entry.report
        presence = self.presence(name, now)
        since: float | None = None
        if presence in ("stale", "offline"):
            since = max(state.at if state else 0.0, heartbeat.at if heartbeat else 0.0) or None
        elif report and report.life == REPORTED_LIFE.get(presence, presence):
            since = report.since
        return ProcessStatus(
            presence=presence,
            presence_since=since,
            state=state.state if state else None,
            cause=state.cause if state else None,
            since=state.since if state else None,
            at=state.at if state else None,
            age_seconds=round(now - entry.heard_at, 3) if state else None,
            boot=state.boot if state else None,
            seq=state.seq if state else None,
            pid=(heartbeat.pid or None) if heartbeat else None,
            restarts=heartbeat.restarts if heartbeat else None,
            started_at=heartbeat.boot / 1000 if heartbeat else None,
            reason=report.reason if report else None,
            last_lines=report.lines if report else (),
            retry_at=report.retry_at if report else None,
        )
