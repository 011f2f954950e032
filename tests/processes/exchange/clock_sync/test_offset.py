"""The clock offset: its error stays within the bounds of every reply, and a clock that was set is noticed."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemons.processes.exchange.clock_sync.offset import ClockOffset

DRIFT = 1e-4
"""Two clocks may drift apart by 50 parts in a million each."""
SECONDS = st.floats(0, 100, allow_subnormal=False)
DELAY = st.floats(0, 20, allow_subnormal=False)
FLOAT_SECONDS = 1e-6
"""The precision of a Unix time in the sums of these tests."""


@given(
    st.floats(-1e6, 1e6),
    st.floats(-DRIFT, DRIFT),
    st.lists(st.tuples(SECONDS, DELAY, DELAY), min_size=1, max_size=20),
)
@example(ahead=0.0, drift=DRIFT, replies=[(0.0, 0.0, 0.0), (0.0, 2.0, 0.0)])
def test_the_error_is_within_the_bounds_of_each_reply(
    ahead: float, drift: float, replies: list[tuple[float, float, float]]
) -> None:
    """For any delays and drifts, the bounds are right; an earlier reply only loses accuracy by drift."""
    offset, now = ClockOffset(), 1e6
    bounds: list[float] = []
    last_sent = 0.0
    for pause, there, back in replies:
        now += pause
        sent, answered, received = now, now + there, now + there + back
        remote = answered + ahead + drift * answered
        offset.update(sent, remote, received)
        now = received
        bounds = [bound + (received - last_sent) * DRIFT for bound in bounds]
        bounds.append((there + back) / 2)
        last_sent = sent
        assert abs(offset.seconds - (answered - remote)) <= min(bounds) + FLOAT_SECONDS
        assert offset.age_seconds(now) == 0


@given(st.floats(-1e6, 1e6), DELAY, DELAY, DELAY, DELAY)
def test_the_next_reply_shows_that_the_clock_was_set(
    step: float, there: float, back: float, there_later: float, back_later: float
) -> None:
    """After a step of any size, the error is at most the travel time of the next reply."""
    offset = ClockOffset()
    offset.update(0, there + 1000, there + back)
    sent = there + back + 1
    answered = sent + there_later
    remote = answered + 1000 + step
    offset.update(sent, remote, answered + back_later)
    assert abs(offset.seconds - (answered - remote)) <= there_later + back_later + FLOAT_SECONDS


def test_a_quick_reply_stays_more_accurate_than_slow_ones() -> None:
    """A slow reply does not widen the bounds of a quick one before it."""
    offset = ClockOffset()
    offset.update(0, 100.0005, 0.001)
    offset.update(1, 101.2, 2)
    assert offset.seconds == pytest.approx(-100, abs=0.001)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_bounds_of_an_old_reply_widen_with_the_drift_that_clocks_may_have(sign: int) -> None:
    """After 1,000 s the clocks may be 0.1 s apart, so a slower reply is not forced into the old bounds."""
    offset = ClockOffset()
    offset.update(0, 0, 0)
    drifted = sign * DRIFT * 1000
    there = 0.15 if sign > 0 else 0.0
    offset.update(1000, 1000 + there - drifted, 1000.15)
    assert abs(offset.seconds - drifted) <= 0.075 + FLOAT_SECONDS


@pytest.mark.parametrize("delays", [(0.0, 3.0), (3.0, 0.0)])
def test_the_bounds_of_an_old_reply_widen_no_faster_than_clocks_drift(delays: tuple[float, float]) -> None:
    """After 100 s an exact reply is still worth more than a slow one: its bounds are 10 ms wider."""
    offset = ClockOffset()
    offset.update(0, 0, 0)
    there, back = delays
    offset.update(100, 100 + there, 100 + there + back)
    assert abs(offset.seconds) <= 0.0052


def test_the_age_is_that_of_the_last_reply() -> None:
    """The age counts from the arrival of the reply; without a reply it is infinite."""
    offset = ClockOffset()
    assert offset.age_seconds(5) == math.inf
    offset.update(5, 100, 7)
    assert offset.age_seconds(10) == 3
