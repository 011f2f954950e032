"""How often somebody may do something."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.runtime.rate_limit import Rate, Rates


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(rate: Rate, tries: int) -> int:
    """Try so often; give how often it worked."""
    return sum(rate.take() for _ in range(tries))


def test_so_many_at_once_and_then_so_many_a_second() -> None:
    """40 at once; after a second 20 more; after a long time 40 again, and not more."""
    clock = Clock()
    rate = Rate(20, 40, clock)
    assert taken(rate, 100) == 40
    clock.now += 1.0
    assert taken(rate, 100) == 20
    clock.now += 1000.0
    assert taken(rate, 100) == 40


def test_who_is_refused_does_not_wait_longer_for_it() -> None:
    """Asking too often costs nothing but the answer."""
    clock = Clock()
    rate = Rate(1, 1, clock)
    assert taken(rate, 1) == 1
    for _ in range(9):
        clock.now += 0.1
        assert not rate.take()
    clock.now += 0.11
    assert rate.take()


@given(st.lists(st.floats(0, 2), max_size=60), st.integers(1, 10), st.integers(1, 20))
def test_never_more_than_the_rate_allows(steps: list[float], per_second: int, at_once: int) -> None:
    """However the tries are spread: no more than what was there and what came in the meantime."""
    clock = Clock()
    rate, began, got = Rate(per_second, at_once, clock), clock.now, 0
    for step in steps:
        clock.now += step
        got += taken(rate, 3)
        assert got <= at_once + (clock.now - began) * per_second + 1e-6


def test_each_sender_has_its_own_rate() -> None:
    """One who sends too much takes nothing from another."""
    rates = Rates(1e-9, 2)
    assert [rates.take("a") for _ in range(3)] == [True, True, False]
    assert [rates.take("b") for _ in range(3)] == [True, True, False]
    assert not rates.take("a")


def test_who_has_not_sent_for_long_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many senders the latest are kept; one who goes on sending is not forgotten for its age."""
    monkeypatch.setattr(Rates, "LONGEST", 3)
    rates = Rates(1e-9, 1)
    for sender in ("a", "b", "c"):
        assert rates.take(sender)
    assert not rates.take("a")  # which makes it the latest, and b the one to go
    assert rates.take("d")
    assert len(rates._rates) == 3
    assert not rates.take("a")
    assert rates.take("b")
