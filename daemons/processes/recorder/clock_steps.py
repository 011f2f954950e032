"""Notices that the wall clock of the machine was set, by comparing it with the steady clock."""

LEAST_SECONDS = 0.5
"""A smaller difference is a correction of the clock's speed, or the time between two measurements."""
MOST_DELAY_SECONDS = 0.05
"""The process was held up during a measurement that takes longer. Then it is not used."""


class ClockSteps:
    """Compares the wall clock with the steady clock. Pure."""

    def __init__(self) -> None:
        self._offset: float | None = None
        """The wall clock less the steady clock; None before the first measurement."""

    def measure(self, before: float, wall: float, after: float) -> float | None:
        """Return by how many seconds the wall clock was set since the last measurement, or None.

        `wall` is the wall clock in Unix seconds. `before` and `after` are the steady clock just before and
        just after it was read.
        """
        if after - before > MOST_DELAY_SECONDS:
            return None
        last, self._offset = self._offset, wall - (before + after) / 2
        step = 0.0 if last is None else self._offset - last
        return step if abs(step) >= LEAST_SECONDS else None
