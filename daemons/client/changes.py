"""Turns the published messages of a house into state changes."""

import time
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from daemons.bus import message
from daemons.bus.message import State
from daemons.bus.sequence import MessageFilter
from daemons.client.route import Route
from daemons.errors import MessageError

REFRESH_SECONDS = 1.0
"""How often a subscription checks whether devices were added, or an exchange."""


class StateChange(Struct, frozen=True):
    """The state of a device: the current one at first, and then each new one."""

    device: str
    state: dict[str, Any]
    cause: str | None
    since: float
    """When (Unix seconds, by the clock of the house) the state last really changed."""
    at: float
    """When (Unix seconds, by the same clock) this message was published."""


class ChangeTracker:
    """Finds the state changes among published messages: each once, and none of an earlier boot."""

    def __init__(self, names: Sequence[str]) -> None:
        """Track the devices `names`, or all devices if there is no name."""
        self.prefixes = [f"{name}/" for name in names] or [""]
        self.resubscribe: list[str] = []
        """The topic prefixes to subscribe to again, because a message was lost."""
        self._filter = MessageFilter(lambda name: self.resubscribe.append(f"{name}/"))
        self._latest: dict[str, StateChange] = {}

    def on_message(self, frames: list[bytes]) -> StateChange | None:
        """Return the state change of a message; None when it brings nothing new."""
        try:
            received = message.decode(frames)
        except MessageError:
            return None
        if not self._filter.is_new(frames[0], received) or not isinstance(received, State):
            return None
        change = StateChange(
            received.device, dict(received.state), received.cause, received.since, received.at
        )
        before = self._latest.get(received.device)
        self._latest[received.device] = change
        is_repeated = before is not None and (before.state, before.cause, before.since) == (
            change.state,
            change.cause,
            change.since,
        )
        return None if is_repeated else change


class ChangeSubscription:
    """Subscribes a SUB socket to some devices, or to all, and keeps it connected to their publishers."""

    def __init__(self, route: Route, socket: Any, names: Sequence[str]) -> None:
        self._route, self._socket, self._names = route, socket, names
        self._tracker = ChangeTracker(names)
        self._connected: set[str] = set()
        self._refresh_at = float("-inf")
        for prefix in self._tracker.prefixes:
            socket.subscribe(prefix)

    def refresh(self) -> float:
        """Connect to new publishers, and disconnect from those that are gone; return when to call it again.

        The times are monotonic seconds.
        """
        now = time.monotonic()
        if now >= self._refresh_at:
            self._refresh_at = now + REFRESH_SECONDS
            endpoints = self._route.publish_endpoints(self._names)
            for endpoint in endpoints - self._connected:
                self._socket.connect(endpoint)
            for endpoint in self._connected - endpoints:
                self._socket.disconnect(endpoint)
            self._connected = endpoints
        return self._refresh_at

    def on_message(self, frames: list[bytes]) -> StateChange | None:
        """Return the state change of a message, or None; subscribe again when a message was lost."""
        change = self._tracker.on_message(frames)
        while self._tracker.resubscribe:
            self._socket.subscribe(self._tracker.resubscribe.pop())
        return change
