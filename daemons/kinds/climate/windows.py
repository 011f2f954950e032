"""The windows of a room: whether one is open for so long that heating pauses.

A window whose sensor is silent keeps its last position for `UNKNOWN_SECONDS`, and counts as closed from
then on: an empty battery must not leave a room cold.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Scalar

UNKNOWN_SECONDS = 3600.0
"""How long a window counts as open of which nothing is known any more."""
UNKNOWN_PHASES = ("unknown", "stale")


class Windows(Struct, frozen=True):
    """What is known about the windows of a room."""

    open: tuple[str, ...] = ()
    """The windows that count as open."""
    open_since: float | None = None
    """Since when one of them is open, without an interruption; None while all are closed."""
    unknown: tuple[str, ...] = ()
    """The windows of which nothing is known now."""
    unknown_since: float | None = None
    """Since when nothing is known of any window that counts as open."""
    is_paused: bool = False
    """Whether one has been open for long enough."""

    def hear(
        self, names: Iterable[str], states: Mapping[str, Mapping[str, Scalar] | None], now: float
    ) -> "Windows":
        """Return the windows after new states of their sensors; one that may still report is left out."""
        known = {name: is_open(states[name]) for name in names if name in states}
        unknown = tuple(name for name in names if known.get(name, self._last(name)) is None)
        opened = tuple(
            name for name in names if (name in self.open if known.get(name) is None else known[name])
        )
        if not opened:
            return Windows(unknown=unknown)
        lost_since = now if self.unknown_since is None else self.unknown_since
        return Windows(
            open=opened,
            open_since=now if self.open_since is None else self.open_since,
            unknown=unknown,
            unknown_since=lost_since if set(opened) <= set(unknown) else None,
            is_paused=self.is_paused,
        )

    def advance(self, now: float, after_seconds: float) -> "Windows":
        """Return the windows at `now`, when they have been open for long enough, or unknown for too long."""
        if self.unknown_since is not None and now >= self.unknown_since + UNKNOWN_SECONDS:
            return Windows(unknown=self.unknown)
        if self.open_since is not None and now >= self.open_since + after_seconds and not self.is_paused:
            return replace(self, is_paused=True)
        return self

    def next_deadline(self, after_seconds: float) -> float | None:
        """Return when `advance` makes a difference next; None if never."""
        ends = []
        if self.open_since is not None and not self.is_paused:
            ends.append(self.open_since + after_seconds)
        if self.unknown_since is not None:
            ends.append(self.unknown_since + UNKNOWN_SECONDS)
        return min(ends, default=None)

    def _last(self, name: str) -> bool | None:
        return None if name in self.unknown else False


def is_open(state: Mapping[str, Scalar] | None) -> bool | None:
    """Return whether a sensor detects an opening; None if that is unknown."""
    if state is None or state.get("reachable") is False or state.get("phase") in UNKNOWN_PHASES:
        return None
    status = state.get("status")
    return status if isinstance(status, bool) else None
