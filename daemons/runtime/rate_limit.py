"""Rate limits: a token bucket, and one bucket for each sender. Pure but for the clock."""

import time
from collections.abc import Callable


class TokenBucket:
    """Allows so many actions a second on average, and so many at once."""

    def __init__(self, per_second: float, at_once: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._at_once, self._now = per_second, at_once, now
        self._left, self._last = at_once, now()

    def allow(self, cost: float = 1.0) -> bool:
        """Return whether one more action is within the limit; if it is, count it, with its cost."""
        now = self._now()
        self._left = min(self._at_once, self._left + (now - self._last) * self._per_second)
        self._last = now
        if self._left < cost:
            return False
        self._left -= cost
        return True


class TokenBuckets:
    """One token bucket for each sender; the sender that was quiet for longest is forgotten first."""

    MAX_SENDERS = 1000

    def __init__(self, per_second: float, at_once: float) -> None:
        self._per_second, self._at_once = per_second, at_once
        self._buckets: dict[str, TokenBucket] = {}

    def allow(self, sender: str, cost: float = 1.0) -> bool:
        """Return whether one more action of a sender is within its limit; if it is, count it."""
        bucket = self._buckets.pop(sender, None) or TokenBucket(self._per_second, self._at_once)
        self._buckets[sender] = bucket  # a dict keeps insertion order: the last one is the latest
        if len(self._buckets) > self.MAX_SENDERS:
            del self._buckets[next(iter(self._buckets))]
        return bucket.allow(cost)
