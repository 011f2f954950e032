"""The counters: the number of events, and their durations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.processes.mirror.page.counters import Counters, Histogram

LIMITS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.0005, 0), (0.001, 0), (0.0011, 1), (0.3, 8), (5.0, 11), (5.1, 12), (1e9, 12), (-3.0, 0)],
)
def test_a_duration_is_counted_in_its_bucket(seconds: float, bucket: int) -> None:
    """A limit belongs to the bucket below it, and a negative duration counts as zero."""
    histogram = Histogram()
    histogram.add(seconds)
    assert histogram.counts.index(1) == bucket
    assert histogram.sum_seconds == max(0.0, seconds)


@given(st.lists(st.floats(-1, 20)))
def test_every_duration_is_counted_once(seconds: list[float]) -> None:
    """The buckets up to a limit contain the number of durations up to that limit."""
    histogram = Histogram()
    for each in seconds:
        histogram.add(each)
    assert sum(histogram.counts) == len(seconds)
    assert histogram.sum_seconds == pytest.approx(sum(max(0.0, each) for each in seconds))
    for index, limit in enumerate(LIMITS_SECONDS):
        assert sum(histogram.counts[: index + 1]) == sum(each <= limit for each in seconds)


def test_new_counters_are_zero() -> None:
    """Each device and outcome has its own histogram."""
    counters = Counters()
    assert (counters.skipped_changes, counters.clients, counters.messages.total()) == (0, 0, 0)
    counters.count_command("toaster", "applied", 0.1)
    assert sum(counters.commands["toaster", "applied"].counts) == 1
    assert sum(counters.commands["toaster", "rejected"].counts) == 0
