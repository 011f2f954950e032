"""How far another's clock is: what is known is always true, whatever the way, and a set clock is learned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.processes.exchange.clock_sync.offset import DRIFT, Offset

SECONDS = st.floats(0, 100, allow_subnormal=False)
DELAY = st.floats(0, 20, allow_subnormal=False)
FLOAT_SECONDS = 1e-6
"""What is lost of a Unix time in the sums of these tests."""


@given(
    st.floats(-1e6, 1e6),
    st.floats(-DRIFT, DRIFT),
    st.lists(st.tuples(SECONDS, DELAY, DELAY), min_size=1, max_size=20),
)
def test_the_truth_is_within_what_is_known(
    ahead: float, drift: float, answers: list[tuple[float, float, float]]
) -> None:
    """Whatever the delays, there and back, and however the clocks drift within the bound."""
    offset, now = Offset(), 1e6
    for pause, there, back in answers:
        now += pause
        sent, answered, heard = now, now + there, now + there + back
        theirs = answered + ahead + drift * answered
        offset.learn(sent, theirs, heard)
        now = heard
        wrong = abs(offset.seconds - (answered - theirs))
        assert wrong <= offset.error_seconds + FLOAT_SECONDS
        assert offset.error_seconds <= (there + back) / 2 + FLOAT_SECONDS
        assert offset.age(now) == 0


@given(st.floats(-1e6, 1e6), DELAY, DELAY, DELAY, DELAY)
def test_a_clock_that_was_set_is_learned_with_the_next_answer(
    step: float, there: float, back: float, there_later: float, back_later: float
) -> None:
    """By however much: what is known then is no wronger than that answer took."""
    offset = Offset()
    offset.learn(0, there + 1000, there + back)
    sent = there + back + 1
    answered = sent + there_later
    theirs = answered + 1000 + step
    offset.learn(sent, theirs, answered + back_later)
    assert abs(offset.seconds - (answered - theirs)) <= there_later + back_later + FLOAT_SECONDS


def test_a_quick_answer_stays_worth_more_than_slow_ones() -> None:
    """What it told is not forgotten for a worse one."""
    offset = Offset()
    offset.learn(0, 100.0005, 0.001)
    offset.learn(1, 101.2, 2)
    assert offset.seconds == pytest.approx(-100, abs=0.001)


def test_before_the_first_answer_nothing_is_known() -> None:
    """And so it is too old for anything."""
    assert Offset().age(5) == float("inf")
