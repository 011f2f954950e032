"""How often somebody may do something: so many a second, and so many at once. Pure."""

import time
from collections.abc import Callable


class Rate:
    """So many a second, and so many at once (a token bucket)."""

    def __init__(self, per_second: float, at_once: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._at_once, self._now = per_second, at_once, now
        self._left, self._last = at_once, now()

    def take(self) -> bool:
        """Take one; false when it is too much."""
        now = self._now()
        self._left = min(self._at_once, self._left + (now - self._last) * self._per_second)
        self._last = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Rates:
    """A rate for each sender; who has not sent for long is forgotten."""

    LONGEST = 1000

    def __init__(self, per_second: float, at_once: float) -> None:
        self._per_second, self._at_once = per_second, at_once
        self._rates: dict[str, Rate] = {}

    def take(self, sender: str) -> bool:
        """Take one of a sender's; false when it is too much."""
        rate = self._rates.pop(sender, None) or Rate(self._per_second, self._at_once)
        self._rates[sender] = rate  # the last in the order is the latest
        if len(self._rates) > self.LONGEST:
            del self._rates[next(iter(self._rates))]
        return rate.take()
