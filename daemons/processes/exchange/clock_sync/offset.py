"""How far another host's clock is from our steady time, learned by asking it. Pure.

A question that left at `sent` and whose answer came at `heard` was answered in between; the answer
says when, by the other's clock (`there`). So what has to be added to a moment of theirs to have it
in our steady time lies between `sent - there` and `heard - there` (F. Cristian, "Probabilistic clock
synchronization", Distributed Computing 3, 1989). Each answer narrows that. Clocks drift, so what is
known grows wider with time; and an answer that does not fit says that theirs was set. Ours may be
set at any time: a steady second is a second.
"""

DRIFT = 1e-4
"""How many seconds a second two clocks may drift apart: twice 50 parts in a million."""


class Offset:
    """What has to be added to a moment of another host to have it in steady seconds of ours."""

    def __init__(self) -> None:
        self._low = self._high = self._sent = 0.0
        self._learned: float | None = None
        """When it was learned last."""

    def learn(self, sent: float, there: float, heard: float) -> None:
        """Take an answer: when it was asked for and came in steady seconds, and what their clock said."""
        low, high = sent - there, heard - there
        if self._learned is not None:
            wider = (heard - self._sent) * DRIFT  # nobody knows when after that it was answered
            both = max(low, self._low - wider), min(high, self._high + wider)
            if both[0] <= both[1]:
                low, high = both
        self._low, self._high, self._sent, self._learned = low, high, sent, heard

    def age(self, now: float) -> float:
        """Say for how many seconds nothing was learned; without end while nothing ever was."""
        return float("inf") if self._learned is None else now - self._learned

    @property
    def seconds(self) -> float:
        """Give the offset."""
        return (self._low + self._high) / 2

    @property
    def error_seconds(self) -> float:
        """Say how wrong it can be, when something has just been learned."""
        return (self._high - self._low) / 2
