"""Counts of what was sent and answered, by door."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from daemons.errors import HouseError

PATIENCE = 10.0
"""How long an answer, and any other event here, may take."""


class Tally:
    """The figures of one run."""

    def __init__(self) -> None:
        self.sent: Counter[tuple[str, str]] = Counter()
        """Frames, by door and kind."""
        self.answers: Counter[tuple[str, str]] = Counter()
        """Answers, by door and what they were."""
        self.silent: Counter[str] = Counter()
        """What was not answered within PATIENCE."""
        self.slowest: dict[str, float] = defaultdict(float)
        """By door, the longest time in seconds that a valid request took after a burst."""

    def count(self, door: str, kind: str, number: int = 1) -> None:
        """Count frames that were sent."""
        self.sent[door, kind] += number

    @contextmanager
    def answered(self, door: str, kind: str) -> Iterator[None]:
        """Measure the time of a valid request after a burst; a HouseError counts as silence."""
        began = time.monotonic()
        try:
            yield
        except (HouseError, OSError) as error:
            self.silent[f"{door}: {error} after {kind or 'nothing'}"] += 1
        self.slowest[door] = max(self.slowest[door], time.monotonic() - began)
