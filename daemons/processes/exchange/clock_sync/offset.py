"""The offset between another host's clock and the steady clock of this machine, learned from replies. Pure.

A request leaves at `sent` and its reply arrives at `received`, both in steady seconds. The reply carries
`remote`, the time of the other clock in between. So the offset, which turns a time of that clock into
steady seconds, lies between `sent - remote` and `received - remote` (F. Cristian, "Probabilistic clock
synchronization", Distributed Computing 3, 1989).

Each reply narrows these bounds. Clocks drift, so the bounds grow wider with time. A reply outside the
bounds shows that the other clock was set. This host's own clock may be set at any time: steady seconds
do not change with it.
"""

DRIFT = 1e-4
"""Seconds that two clocks may drift apart in a second: twice 50 parts in a million."""
ROUNDING_SECONDS = 1e-6
"""Bounds that miss each other by less do so by rounding: a Unix time has a precision of 0.2 µs."""


class ClockOffset:
    """The seconds that must be added to a time of the other clock to get steady seconds of this machine."""

    def __init__(self) -> None:
        self._low = self._high = self._sent = 0.0
        self._updated: float | None = None
        """When the last reply arrived."""

    def update(self, sent: float, remote: float, received: float) -> None:
        """Learn from a reply: `sent` and `received` are steady seconds, `remote` is the time in the reply."""
        low, high = sent - remote, received - remote
        if self._updated is not None:
            # The reply before was written at an unknown time after it was requested.
            drift = (received - self._sent) * DRIFT
            both = max(low, self._low - drift), min(high, self._high + drift)
            if both[0] <= both[1] + ROUNDING_SECONDS:
                low, high = sorted(both)
        self._low, self._high, self._sent, self._updated = low, high, sent, received

    def age_seconds(self, steady: float) -> float:
        """Return the seconds since the last reply; infinity before the first."""
        return float("inf") if self._updated is None else steady - self._updated

    @property
    def seconds(self) -> float:
        """Return the best estimate of the offset."""
        return (self._low + self._high) / 2
