"""Counting: how often, and how long it took."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.processes.mirror.page.counters import EDGES_SECONDS, Tally, Times


@pytest.mark.parametrize(
    ("seconds", "span"),
    [(0.0, 0), (0.0005, 0), (0.001, 0), (0.0011, 1), (0.3, 8), (5.0, 11), (5.1, 12), (1e9, 12), (-3.0, 0)],
)
def test_a_time_is_counted_in_its_span(seconds: float, span: int) -> None:
    """An edge belongs to the span that it ends; a clock that was set back makes no time negative."""
    times = Times()
    times.add(seconds)
    assert times.counts.index(1) == span
    assert times.sum_seconds == max(0.0, seconds)


@given(st.lists(st.floats(-1, 20)))
def test_nothing_is_lost_in_counting(seconds: list[float]) -> None:
    """Each is in one span, and of each edge as many are below as there were."""
    times = Times()
    for one in seconds:
        times.add(one)
    assert sum(times.counts) == len(seconds)
    assert times.sum_seconds == pytest.approx(sum(max(0.0, one) for one in seconds))
    for index, edge in enumerate(EDGES_SECONDS):
        assert sum(times.counts[: index + 1]) == sum(one <= edge for one in seconds)


def test_a_new_tally_has_counted_nothing() -> None:
    """And each device is counted for itself."""
    tally = Tally()
    assert (tally.passed_over, tally.clients, tally.messages.total()) == (0, 0, 0)
    tally.commands["toaster", "applied"].add(0.1)
    assert sum(tally.commands["toaster", "applied"].counts) == 1
    assert sum(tally.commands["toaster", "rejected"].counts) == 0
