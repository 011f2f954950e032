"""The latest state of each device that an appliance subscribes to. Pure."""

from collections.abc import Collection
from typing import NamedTuple

from daemons.bus.message import State
from daemons.config.rule import StateFields

SILENT_SECONDS = 10.0
"""After this long without a message, the state of another device counts as unknown."""


class Peer(NamedTuple):
    """A subscribed device: its latest state, and its latest message of any type."""

    state: State
    received_at: float
    """When the latest message arrived, in steady seconds."""
    known_until: float
    """When the latest message was sent, in steady seconds: all changes before that are known."""


class LatestStates:
    """The latest state of each subscribed device, and when its last message arrived.

    `silent_since` is replaced and never changed in place. It is remembered across restarts: otherwise a
    device whose process dies again and again would wait for a dead sensor for ever.
    """

    def __init__(self, silent_since: dict[str, float] | None = None) -> None:
        self.silent_since = silent_since or {}
        """For each measured device that is silent now, since when, in steady seconds."""
        self._peers: dict[str, Peer] = {}
        self._started_at = 0.0

    def start(self, now: float, measured: Collection[str] = ()) -> None:
        """Start the time that a device has for its first message, in steady seconds.

        `measured` are the devices whose silence is remembered.
        """
        self._started_at = now
        self.silent_since = {device: self.silent_since.get(device, now) for device in measured}

    def on_state(self, state: State, now: float, age_seconds: float = 0.0) -> None:
        """Store a state; `age_seconds` is how long ago it was sent."""
        self._peers[state.device] = Peer(state, now, now - max(0.0, age_seconds))
        self._end_silence(state.device)

    def on_heartbeat(self, device: str, now: float, age_seconds: float = 0.0) -> None:
        """Store when a device was alive; a heartbeat before the first state counts for nothing."""
        if device in self._peers:
            self._peers[device] = Peer(self._peers[device].state, now, now - max(0.0, age_seconds))
            self._end_silence(device)

    def advance(self, now: float, measured: Collection[str]) -> None:
        """Store since when a measured device is silent, once as its silence begins."""
        for device in measured:
            peer = self._peers.get(device)
            if peer and device not in self.silent_since and now - peer.received_at >= SILENT_SECONDS:
                self.silent_since = {**self.silent_since, device: peer.received_at}

    def _end_silence(self, device: str) -> None:
        if device in self.silent_since:
            self.silent_since = {name: at for name, at in self.silent_since.items() if name != device}

    def get(self, device: str, now: float) -> StateFields | None:
        """Return the fields of the latest state, or None if the device is silent."""
        state = self.state(device, now)
        return state.state if state else None

    def state(self, device: str, now: float) -> State | None:
        """Return the latest state, or None if the device is silent."""
        peer = self._peers.get(device)
        return peer.state if peer and now - peer.received_at < SILENT_SECONDS else None

    def states(self) -> list[State]:
        """Return the latest state of each device that has published one."""
        return [peer.state for peer in self._peers.values()]

    def cause(self, device: str) -> str | None:
        """Return the cause of the latest state, also if the device is silent."""
        return self._peers[device].state.cause if device in self._peers else None

    def is_known_at(self, device: str, moment: float) -> bool:
        """Return whether all changes of a device before a moment (steady seconds) are known.

        A device answers a new subscription with its current state, so after a start any message is enough.
        """
        peer = self._peers.get(device)
        return peer is not None and (moment <= self._started_at or peer.known_until >= moment)

    def is_settled(self, device: str, now: float) -> bool:
        """Return whether a device has published a state since the start, or has had its time to do so."""
        since = self.silent_since.get(device, self._started_at)
        return device in self._peers or now - since >= SILENT_SECONDS
