"""The latest state of each device that an appliance subscribes to. Pure."""

from daemons.bus.message import State
from daemons.config.rule import StateFields

SILENT_SECONDS = 10.0
"""After this long without a message, the state of another device counts as unknown."""


class LatestStates:
    """The latest state of each subscribed device, and when its last message arrived."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[State, float]] = {}
        self._started_at = 0.0

    def start(self, now: float) -> None:
        """Start the time that a device has for its first message, in steady seconds."""
        self._started_at = now

    def on_state(self, state: State, now: float) -> None:
        """Store a state."""
        self._states[state.device] = state, now

    def on_heartbeat(self, device: str, now: float) -> None:
        """Store when a device was alive; a heartbeat before the first state counts for nothing."""
        if device in self._states:
            self._states[device] = self._states[device][0], now

    def get(self, device: str, now: float) -> StateFields | None:
        """Return the fields of the latest state, or None if the device is silent."""
        state, received_at = self._states.get(device, (None, 0.0))
        return state.state if state and now - received_at < SILENT_SECONDS else None

    def states(self) -> list[State]:
        """Return the latest state of each device that has published one."""
        return [state for state, _ in self._states.values()]

    def cause(self, device: str) -> str | None:
        """Return the cause of the latest state, also if the device is silent."""
        return self._states[device][0].cause if device in self._states else None

    def is_settled(self, device: str, now: float) -> bool:
        """Return whether a device has published a state since the start, or has had its time to do so."""
        return device in self._states or now - self._started_at >= SILENT_SECONDS
