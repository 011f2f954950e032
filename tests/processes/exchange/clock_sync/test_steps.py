"""A clock that was set: times from before the step are corrected to the present time of the clock."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.processes.exchange.clock_sync.steps import (
    ClockHistory,
    ClockPeriod,
    correct,
    relative_periods,
    update_history,
)

AGES = st.floats(0, 10_000, allow_subnormal=False)


def history_of(*times: tuple[float, float], machine_boot: str = "a") -> ClockHistory:
    """Return the history of a clock after several checks: the wall time and the steady seconds of each."""
    history = None
    for wall, steady in times:
        history = update_history(history, machine_boot, wall, steady)
    assert history is not None
    return history


def test_a_clock_that_was_not_set_changes_nothing() -> None:
    """A drift of less than a second is no step, so nothing has to be saved."""
    history = history_of((1000, 10))
    for wall in (1500.99, 1499.01):
        assert update_history(history, "a", wall, 510) is history
    assert relative_periods(history) == ()


@pytest.mark.parametrize("step_seconds", [1.0, -1.0])
def test_a_step_of_a_second_ends_a_period(step_seconds: float) -> None:
    """The period has the first and the last time of the clock, and how far that was from the present one."""
    history = history_of((1000, 10), (1500 + step_seconds, 510))
    assert relative_periods(history) == (ClockPeriod(1000, 1500, -step_seconds),)


def test_another_start_of_the_machine_begins_a_new_history() -> None:
    """The steady seconds begin again, and the steps of the clock before the start are unknown."""
    history = history_of((1000, 10), (5000, 20))
    assert update_history(history, "b", 6000, 5).earlier == ()


def test_the_latest_eight_periods_are_remembered() -> None:
    """A clock that is set again and again does not fill the memory."""
    periods = relative_periods(history_of(*((1000 * n, n) for n in range(50))))
    assert [period.begin for period in periods] == [1000 * n for n in range(41, 49)]


def test_the_history_is_saved_and_sent_by_stable_names() -> None:
    """Journals and hosts of other versions read these names."""
    history = history_of((1000, 10), (5000, 20))
    assert msgspec.json.decode(msgspec.json.encode(history)) == {
        "machine": "a",
        "now": {"begin": 5000, "end": 5000, "ahead": 4980},
        "before": [{"begin": 1000, "end": 1010, "ahead": 990}],
    }


@given(st.floats(1.5, 1e6), AGES, AGES)
def test_a_press_before_the_clock_was_set_forward_has_its_real_age(
    step: float, age_when_set: float, since: float
) -> None:
    """So a press in a kitchen that had no network still counts within its grace."""
    history = history_of((1e6, 0.0), (1e6 + 20_000, 20_000), (1e6 + 20_001 + step, 20_001))
    pressed = 1e6 + 20_000 - age_when_set
    remote_now = 1e6 + 20_001 + step + since
    corrected = correct(pressed, relative_periods(history), remote_now)
    assert abs(remote_now - corrected - (age_when_set + 1 + since)) < 1e-3


@given(st.floats(0.5, 1e4), AGES, AGES)
def test_a_press_before_the_clock_was_set_back_has_its_real_age(
    left: float, age_when_set: float, since: float
) -> None:
    """This is true until the clock shows that time a second time, `left` seconds later."""
    step = age_when_set + 1 + since + left
    history = history_of((1e6, 0.0), (1e6 + 20_000, 20_000), (1e6 + 20_001 - step, 20_001))
    pressed = 1e6 + 20_000 - age_when_set
    remote_now = 1e6 + 20_001 - step + since
    assert pressed > remote_now
    corrected = correct(pressed, relative_periods(history), remote_now)
    assert abs(remote_now - corrected - (age_when_set + 1 + since)) < 1e-3


@given(st.floats(1.5, 1e6), AGES)
def test_a_press_after_the_clock_was_set_is_not_corrected(step: float, since: float) -> None:
    """Set forward or back, even if the clock had shown that time before."""
    for sign in (1, -1):
        set_to = 1e6 + 20_001 + sign * step
        history = history_of((1e6, 0.0), (1e6 + 20_000, 20_000), (set_to, 20_001))
        moment = set_to + since
        assert correct(moment, relative_periods(history), moment + 1) == moment


def test_a_press_of_a_middle_period_is_corrected_by_that_period() -> None:
    """Each period has its own distance from the present clock."""
    history = history_of((1000, 0), (5000, 100), (9000, 200))
    assert correct(1050, relative_periods(history), 9000) == pytest.approx(8850)
    assert correct(5050, relative_periods(history), 9000) == pytest.approx(8950)
    for moment, corrected in ((1000, 8800), (1100, 8900)):  # the first and the last time of the period
        assert correct(moment, relative_periods(history), 9000) == pytest.approx(corrected)


def test_a_time_that_was_shown_twice_is_the_later_one() -> None:
    """A clock that is set back passes some times again."""
    history = history_of((1000, 0), (950, 100), (5000, 200))
    assert correct(1020, relative_periods(history), 5000) == pytest.approx(4970)


@pytest.mark.parametrize(("late_seconds", "is_corrected"), [(1.4, False), (1.6, True)])
def test_a_step_may_be_noticed_a_second_and_a_half_late(late_seconds: float, is_corrected: bool) -> None:
    """The clock is checked once a second, so a time just before the step may be of the present clock."""
    history = history_of((1000, 0), (950, 100))  # set back; the step is detected when the clock shows 950
    moment = 950 - late_seconds
    assert (correct(moment, (ClockPeriod(900, 1100, 150),), 960) != moment) is is_corrected
    assert history.current.begin == 950


def test_a_time_before_the_machine_started_is_not_corrected() -> None:
    """The clock that wrote the time is unknown."""
    history = history_of((1e6, 0.0), (2e6, 10.0))
    assert correct(5e5, relative_periods(history), 2e6) == 5e5
