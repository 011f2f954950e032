"""Rate limits: bursts, the average, and one bucket for each sender."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.runtime.rate_limit import TokenBucket, TokenBuckets


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def allowed(rate: TokenBucket, tries: int) -> int:
    """Try so often, and return how many tries were allowed."""
    return sum(rate.allow() for _ in range(tries))


def test_a_burst_and_then_a_steady_rate_is_allowed() -> None:
    """40 at once; after a second 20 more; after a long time 40 again, and not more."""
    clock = Clock()
    rate = TokenBucket(20, 40, clock)
    assert allowed(rate, 100) == 40
    clock.now += 1.0
    assert allowed(rate, 100) == 20
    clock.now += 1000.0
    assert allowed(rate, 100) == 40


def test_a_refused_try_costs_nothing() -> None:
    """Tries that are refused do not delay the next allowed one."""
    clock = Clock()
    rate = TokenBucket(1, 1, clock)
    assert allowed(rate, 1) == 1
    for _ in range(9):
        clock.now += 0.1
        assert not rate.allow()
    clock.now += 0.11
    assert rate.allow()


@given(st.lists(st.floats(0, 2), max_size=60), st.integers(1, 10), st.integers(1, 20))
def test_never_more_than_the_rate_allows(steps: list[float], per_second: int, at_once: int) -> None:
    """However the tries are spread, the bucket allows no more than its content and its refill."""
    clock = Clock()
    rate, began, got = TokenBucket(per_second, at_once, clock), clock.now, 0
    for step in steps:
        clock.now += step
        got += allowed(rate, 3)
        assert got <= at_once + (clock.now - began) * per_second + 1e-6


def test_each_sender_has_its_own_rate() -> None:
    """A sender above its limit does not use up the limit of another one."""
    rates = TokenBuckets(1e-9, 2)
    assert [rates.allow("a") for _ in range(3)] == [True, True, False]
    assert [rates.allow("b") for _ in range(3)] == [True, True, False]
    assert not rates.allow("a")


def test_the_longest_silent_sender_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the latest senders are remembered, and a sender that continues is not forgotten."""
    monkeypatch.setattr(TokenBuckets, "MAX_SENDERS", 3)
    rates = TokenBuckets(1e-9, 1)
    for sender in ("a", "b", "c"):
        assert rates.allow(sender)
    assert not rates.allow("a")  # this makes a the latest, so that b is forgotten next
    assert rates.allow("d")
    assert len(rates._buckets) == 3
    assert not rates.allow("a")
    assert rates.allow("b")
