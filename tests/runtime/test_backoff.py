"""Exponential backoff: the pause doubles up to a limit, and jitter only shortens it."""

import pytest

from daemons.runtime.backoff import backoff_seconds, with_jitter


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 32.0), (8, 60.0), (10**6, 60.0)]
)
def test_each_failure_doubles_the_pause_up_to_the_limit(failures: int, seconds: float) -> None:
    """The first pause is 0.5 s, each one is twice the one before, and none is longer than 60 s."""
    assert backoff_seconds(failures, 0.5, 60.0) == seconds


def test_jitter_shortens_a_pause_by_at_most_half() -> None:
    """A thousand pauses of 8 s lie between 4 s and 8 s, and they are not all alike."""
    pauses = {with_jitter(8.0) for _ in range(1000)}
    assert 4.0 <= min(pauses) < max(pauses) <= 8.0
