"""Counters of messages, commands and clients, and of how long things take; /metrics publishes them."""

from bisect import bisect_left
from collections import Counter, defaultdict

BUCKET_LIMITS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""The upper limits of the buckets; one more bucket holds all longer durations."""


class Histogram:
    """How many durations fall into each bucket, and their sum."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKET_LIMITS_SECONDS) + 1)
        self.sum_seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration; one that a clock step made negative counts as zero."""
        seconds = max(0.0, seconds)
        self.counts[bisect_left(BUCKET_LIMITS_SECONDS, seconds)] += 1
        self.sum_seconds += seconds


class Counters:
    """All counters of the mirror and its page."""

    def __init__(self) -> None:
        self.messages: Counter[tuple[str, str]] = Counter()
        """By device and message type: state, heartbeat, report."""
        self.latencies: defaultdict[str, Histogram] = defaultdict(Histogram)
        """By device: from the publishing of a state to the mirror's table."""
        self.commands: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)
        """By device and outcome: from a command of the page to its receipt."""
        self.skipped_changes = 0
        """How many changes were not sent to slow clients."""
        self.clients = 0
        """How many WebSocket clients are connected."""

    def count_command(self, device: str, outcome: str, seconds: float) -> None:
        """Count a command of the page, and the seconds until its receipt."""
        self.commands[device, outcome].add(seconds)
