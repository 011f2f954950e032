"""A clock that was set: what was written by it before is told by what it shows now."""

from hypothesis import assume, given
from hypothesis import strategies as st

from daemons.processes.exchange.clock_sync.steps import LEAST_SECONDS, MOST, Past, corrected, look, told

AGES = st.floats(0, 10_000, allow_subnormal=False)


def looked(*times: tuple[float, float], machine: str = "a") -> Past:
    """Look at a clock at several times: what it shows, and the steady seconds."""
    past = None
    for wall, steady in times:
        past = look(past, machine, wall, steady)
    assert past is not None
    return past


def test_a_clock_that_is_not_set_is_nothing_new() -> None:
    """It drifts a little, and nothing has to be written down."""
    past = looked((1000, 10))
    assert look(past, "a", 1500.2, 510) is past
    assert told(past) == ()


def test_another_start_of_the_machine_begins_anew() -> None:
    """Its steady seconds begin anew, and nobody knows what its clock did meanwhile."""
    past = looked((1000, 10), (5000, 20))
    assert look(past, "b", 6000, 5).before == ()


def test_no_more_settings_are_remembered_than_are_of_use() -> None:
    """A clock that is set again and again does not fill the memory."""
    assert len(told(looked(*((1000 * n, n) for n in range(50))))) == MOST


@given(st.floats(LEAST_SECONDS + 0.5, 1e6), AGES, AGES)
def test_what_was_pressed_before_it_was_set_forward_is_as_old_as_it_is(
    step: float, age_when_set: float, since: float
) -> None:
    """So the press of somebody in a kitchen without a network still counts within its grace."""
    past = looked((1e6, 0.0), (1e6 + 20_000, 20_000), (1e6 + 20_001 + step, 20_001))
    pressed = 1e6 + 20_000 - age_when_set
    there = 1e6 + 20_001 + step + since
    assert there - corrected(pressed, told(past), there) - (age_when_set + 1 + since) < 1e-3


@given(st.floats(LEAST_SECONDS + 0.5, 1e4), AGES, AGES)
def test_what_was_pressed_in_a_future_that_was_set_back_is_as_old_as_it_is(
    step: float, age_when_set: float, since: float
) -> None:
    """As long as its time has not come a second time."""
    past = looked((1e6, 0.0), (1e6 + 20_000, 20_000), (1e6 + 20_001 - step, 20_001))
    pressed = 1e6 + 20_000 - age_when_set
    there = 1e6 + 20_001 - step + since
    assume(pressed > there)
    assert abs(there - corrected(pressed, told(past), there) - (age_when_set + 1 + since)) < 1e-3


@given(st.floats(LEAST_SECONDS + 0.5, 1e6), AGES)
def test_what_is_pressed_afterwards_is_as_it_was_written(step: float, since: float) -> None:
    """Set forward or back."""
    for sign in (1, -1):
        set_to = 1e6 + 20_001 + sign * step
        past = looked((1e6, 0.0), (1e6 + 20_000, 20_000), (set_to, 20_001))
        assert corrected(set_to + since, told(past), set_to + since + 1) == set_to + since


def test_what_is_older_than_the_machine_is_left_as_it_was() -> None:
    """By what clock it was written then, nobody knows."""
    past = looked((1e6, 0.0), (2e6, 10.0))
    assert corrected(5e5, told(past), 2e6) == 5e5
