"""The times in which a device is not heard or does not reach its hardware."""

from collections.abc import Iterable, Iterator

from daemons.bus.message import Heartbeat, Published, State
from daemons.storage.history_row import Absence

SILENT_SECONDS = 10.0
"""After so much silence a device is absent. A process that was killed is back long before."""


class Absences:
    """Finds when absences begin and end. Pure."""

    def __init__(self, names: Iterable[str], now: float) -> None:
        """`now` is the steady time in seconds, as in all methods."""
        self._heard_at = dict.fromkeys(names, now)
        self._silent: dict[str, bool | None] = dict.fromkeys(self._heard_at)
        """Whether a device was reported silent; None before the first report."""
        self._unreachable: dict[str, bool | None] = {}

    def hear(self, message: Published, now: float) -> Iterator[Absence]:
        """Yield what a message begins or ends."""
        name = message.device
        if name not in self._heard_at or not isinstance(message, State | Heartbeat):
            return
        self._heard_at[name] = now
        if self._silent[name] is not False:
            self._silent[name] = False
            yield Absence(name, message.at, "silent", is_over=True)
            yield Absence(name, message.at, "removed", is_over=True)
        if isinstance(message, State):
            is_lost = message.state.get("reachable") is False
            if is_lost is not self._unreachable.get(name):
                self._unreachable[name] = is_lost
                since = message.state.get("unreachable_since")
                at = since if is_lost and isinstance(since, int | float) else message.at
                yield Absence(name, at, "unreachable", is_over=not is_lost)

    def due(self, now: float, wall: float) -> Iterator[Absence]:
        """Yield the absences that begin by silence; `wall` is the time in Unix seconds."""
        for name, heard_at in self._heard_at.items():
            if not self._silent[name] and now - heard_at >= SILENT_SECONDS:
                self._silent[name] = True
                yield Absence(name, wall - (now - heard_at), "silent", is_over=False)
