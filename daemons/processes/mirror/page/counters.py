"""Counts of what the mirror has heard, and how long it took, for whoever watches the house by numbers."""

from bisect import bisect_left
from collections import Counter, defaultdict

EDGES_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""The upper ends of the spans that times are sorted into; what took longer is above all of them."""


class Times:
    """How often something took how long."""

    def __init__(self) -> None:
        self.counts = [0] * (len(EDGES_SECONDS) + 1)
        self.sum_seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one; a clock that was set back makes nothing shorter than no time."""
        seconds = max(0.0, seconds)
        self.counts[bisect_left(EDGES_SECONDS, seconds)] += 1
        self.sum_seconds += seconds


class Tally:
    """All that is counted."""

    def __init__(self) -> None:
        self.messages: Counter[tuple[str, str]] = Counter()
        """By device, and by what it was: state, heartbeat, report."""
        self.latencies: defaultdict[str, Times] = defaultdict(Times)
        """By device: from the publishing of a state to the mirror's table."""
        self.commands: defaultdict[tuple[str, str], Times] = defaultdict(Times)
        """By device and outcome: from the page's command to its receipt."""
        self.passed_over = 0
        """How many changes slow clients were spared."""
        self.clients = 0
        """How many clients hear the house now."""

    def count(self, device: str, outcome: str, seconds: float) -> None:
        """Count a command of the page's."""
        self.commands[device, outcome].add(seconds)
