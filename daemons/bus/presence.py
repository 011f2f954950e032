"""The presence registry: the latest messages of each process, and whether they are still current."""

from collections.abc import Iterable
from typing import Any, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Heartbeat, Published, Report, State

Presence = Literal["live", "stale", "offline", "restarting", "failed", "stopped"]
PRESENCES: tuple[Presence, ...] = get_args(Presence)
LIVES = {"live": "running"}
"""The `life` in a report of the steward for a presence, where the two words differ."""


class Entry(Struct, frozen=True):
    """The latest messages of one process."""

    state: State | None = None
    beat: Heartbeat | None = None
    report: Report | None = None
    """The latest report of the steward, or of the exchange, about this process."""
    heard: float = 0.0
    """When the latest state or heartbeat arrived, in the receiver's own steady seconds."""
    stated: float = 0.0
    """When the latest state arrived, in the same seconds."""


class PresenceTable:
    """The latest messages of every process, and their age. Pure: the caller passes the time."""

    def __init__(self, names: Iterable[str], stale_seconds: float, offline_seconds: float) -> None:
        """Track the processes `names`; the two limits are ages of the latest state or heartbeat."""
        self.entries = dict.fromkeys(names, Entry())
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
            self.entries[message.device] = replace(entry, beat=message, heard=now)
            return None
        self.entries[message.device] = replace(entry, state=message, heard=now, stated=now)
        return entry.state

    def presence(self, name: str, now: float) -> Presence:
        """Return whether the values of a process are still current."""
        entry = self.entries[name]
        age = now - entry.heard
        # A report counts only while the process that sent it is itself heard.
        if entry.report and entry.report.life != "running":
            reporter = self.entries.get(entry.report.by, Entry())
            if now - reporter.heard < self._offline_seconds:
                return entry.report.life
        if entry.state is None or age >= self._offline_seconds:
            return "offline"
        return "stale" if age >= self._stale_seconds else "live"

    def snapshot(self, name: str, now: float) -> dict[str, Any]:
        """Return all that is known of one process, in the form that docs/json.md describes."""
        entry = self.entries[name]
        state, beat, report = entry.state, entry.beat, entry.report
        presence = self.presence(name, now)
        if presence in ("stale", "offline"):
            since = max(state.at if state else 0.0, beat.at if beat else 0.0) or None
        else:
            since = report.since if report and report.life == LIVES.get(presence, presence) else None
        return {
            "presence": presence,
            "presence_since": since,
            "state": state.state if state else None,
            "cause": state.cause if state else None,
            "since": state.since if state else None,
            "at": state.at if state else None,
            "age_seconds": round(now - self.entries[name].heard, 3) if state else None,
            "boot": state.boot if state else None,
            "seq": state.seq if state else None,
            "pid": (beat.pid or None) if beat else None,
            "restarts": beat.restarts if beat else None,
            "started_at": beat.boot / 1000 if beat else None,
            "reason": report.reason if report else None,
            "last_lines": list(report.lines) if report else [],
            "retry_at": report.retry_at if report else None,
        }
