"""When a rule acts, and why not: once for each moment, in its hours and days, after its delay."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.message import State
from daemons.rule import DAYS, Mark, When, judge, within
from daemons.value import TimeOfDay, convert
from tests import fresh

BERLIN = ZoneInfo("Europe/Berlin")
BORN = fresh.BORN
PRESSED = fresh.state(status=True, turned=BORN + 100, cause="a1")


def rule(**keys: Any) -> When:
    """Give a rule as it is written."""
    return convert({"device": "switch", "turns": {"status": True}, "do": "start", **keys}, When)


NEW = Mark()


def hear(
    when: When, heard: State, mark: Mark = NEW, wall: float | None = None, **limits: Any
) -> tuple[Mark, str | None]:
    """Judge a state that is heard as soon as its moment came, unless told otherwise."""
    wall = heard.at if wall is None else wall
    zone: tzinfo = limits.pop("zone", BERLIN)
    return judge(
        when, mark, heard, **{"now": wall, "wall": wall, "born": BORN, "grace": 60.0, **limits}, zone=zone
    )


def acts(when: When, heard: State, **limits: Any) -> bool:
    """Tell whether a rule that has done nothing yet acts on a state."""
    return hear(when, heard, **limits)[0].due is not None


def pressed_at(moment: datetime) -> State:
    """Give the state of a switch that was pressed at a moment."""
    return fresh.state(status=True, turned=moment.timestamp())


def test_a_press_acts_at_once_and_keeps_its_cause() -> None:
    """A rule without a delay is due at the moment that it hears of, with the press's id."""
    mark, why_not = hear(rule(), PRESSED)
    assert (mark.due, mark.cause, why_not) == (PRESSED.at, "a1", None)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), max_size=20))
def test_a_rule_acts_once_for_each_moment(heard: list[tuple[int, bool]]) -> None:
    """However often each state is heard, also over restarts of the hearer, each moment acts once."""
    mark, acted, turned = Mark(), [], BORN
    for step, status in heard:
        turned += step
        state = fresh.state(status=status, turned=turned)
        for _ in range(3):
            mark, _why = hear(rule(), state, mark)
            if mark.due is not None:
                acted.append(turned)
                mark = msgspec.structs.replace(mark, fired=mark.due, due=None)
            mark = msgspec.json.decode(msgspec.json.encode(mark), type=Mark)
    moments = [
        BORN + sum(step for step, _ in heard[: n + 1]) for n, (_, status) in enumerate(heard) if status
    ]
    assert acted == moments


def test_another_value_is_not_its_business() -> None:
    """A state that is not what the rule waits for changes nothing, and is not worth a line."""
    assert hear(rule(), fresh.state(status=False, turned=BORN + 100)) == (Mark(), None)
    assert hear(rule(), fresh.state(phase="on", turned=BORN + 100)) == (Mark(), None)


def test_every_field_has_to_be_as_waited_for() -> None:
    """A rule for two fields acts when the later of them took its value."""
    both = rule(turns={"status": True, "phase": "ready"})
    assert not acts(both, fresh.state(status=True, phase="heating", turned=BORN + 100))
    assert acts(both, fresh.state(status=True, phase="ready", turned=BORN + 100))


def test_a_first_value_never_triggers() -> None:
    """A device that shows `status` for the first time has not turned to it."""
    assert hear(rule(), fresh.state(status=True)) == (Mark(), None)


def test_what_happened_before_it_began_to_remember_never_triggers() -> None:
    """A new device does not act on the last press of the day before."""
    assert not acts(rule(), fresh.state(status=True, turned=BORN))
    assert not acts(rule(), fresh.state(status=True, turned=BORN - 1), wall=BORN + 1)
    assert acts(rule(), fresh.state(status=True, turned=BORN + 1))


@pytest.mark.parametrize(("late", "expected"), [(0, True), (60, True), (61, False), (-30, True)])
def test_a_press_is_acted_on_within_its_grace(late: float, expected: bool) -> None:
    """A device that comes back acts on what it missed while its grace lasts, and says why not after."""
    mark, why_not = hear(rule(), PRESSED, wall=PRESSED.at + late)
    assert (mark.due is not None) == expected
    assert mark.turned == PRESSED.at
    assert why_not == (None if expected else "that was 61 s ago, and the grace is 60 s")


def test_a_press_past_its_grace_stays_past() -> None:
    """What was too late once is not acted on when the wall clock is set back."""
    mark, _ = hear(rule(), PRESSED, wall=PRESSED.at + 61)
    assert hear(rule(), PRESSED, mark, wall=PRESSED.at) == (mark, None)


@pytest.mark.parametrize(
    ("hour", "minute", "expected"),
    [(5, 59, False), (6, 0, True), (9, 29, True), (9, 30, False), (23, 0, False)],
)
def test_a_rule_acts_between_its_times(hour: int, minute: int, expected: bool) -> None:
    """The window begins with its first minute and ends before its last, in the house's own time."""
    moment = datetime(2026, 7, 1, hour, minute, 30, tzinfo=BERLIN)
    assert acts(rule(between=["06:00", "09:30"]), pressed_at(moment)) == expected


@pytest.mark.parametrize(
    ("hour", "expected"), [(21, False), (22, True), (0, True), (5, True), (6, False), (12, False)]
)
def test_a_window_may_go_past_midnight(hour: int, expected: bool) -> None:
    """From 22:00 to 06:00 is the night."""
    moment = datetime(2026, 7, 1, hour, 0, tzinfo=BERLIN)
    assert acts(rule(between=["22:00", "06:00"]), pressed_at(moment)) == expected


times = st.times().map(TimeOfDay.of)


@settings(max_examples=100, deadline=None)
@given(times, times, times)
def test_a_window_and_its_reverse_share_the_day(moment: TimeOfDay, start: TimeOfDay, end: TimeOfDay) -> None:
    """Each minute lies either in a window or in the one from its end to its start."""
    if start != end:
        assert within(moment, start, end) != within(moment, end, start)


@pytest.mark.parametrize("day", range(7))
def test_a_rule_acts_on_its_days(day: int) -> None:
    """A rule for one day of the week acts on that day alone."""
    monday = datetime(2026, 7, 6, 12, 0, tzinfo=BERLIN)
    moment = monday + timedelta(days=day)
    assert [name for name in DAYS if acts(rule(days=[name]), pressed_at(moment))] == [DAYS[day]]


def test_after_midnight_the_window_is_still_the_evening_before_s() -> None:
    """A window of Friday night goes on into Saturday morning, and Saturday's begins in its evening."""
    friday = rule(between=["22:00", "06:00"], days=["fri"])
    saturday_morning = pressed_at(datetime(2026, 7, 11, 1, 0, tzinfo=BERLIN))
    assert acts(friday, saturday_morning)
    assert acts(friday, pressed_at(datetime(2026, 7, 10, 23, 0, tzinfo=BERLIN)))
    assert not acts(friday, pressed_at(datetime(2026, 7, 10, 1, 0, tzinfo=BERLIN)))
    assert not acts(rule(between=["22:00", "06:00"], days=["sat"]), saturday_morning)


def test_a_refused_day_is_named_as_it_was_counted() -> None:
    """Who waits for Saturday is told that Saturday at one o'clock still counts to Friday."""
    saturday_morning = pressed_at(datetime(2026, 7, 11, 1, 0, tzinfo=BERLIN))
    _, why_not = hear(rule(between=["22:00", "06:00"], days=["sat"]), saturday_morning)
    assert why_not == "fri is not one of its days"


def test_the_hour_that_spring_leaves_out_is_never_met() -> None:
    """On the day that summer time begins, 02:30 does not come: a minute before two it is three."""
    night = rule(between=["02:00", "03:00"])
    before = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
    assert not acts(night, pressed_at(before))
    assert not acts(night, pressed_at(before + timedelta(minutes=1)))
    assert acts(rule(between=["03:00", "04:00"]), pressed_at(before + timedelta(minutes=1)))


def test_the_hour_that_autumn_repeats_counts_both_times() -> None:
    """On the day that summer time ends, 02:30 comes twice, and each is a moment of its own."""
    night = rule(between=["02:00", "03:00"], days=["sun"])
    first, second = (pressed_at(datetime(2026, 10, 25, hour, 30, tzinfo=UTC)) for hour in (0, 1))
    mark, _ = hear(night, first)
    assert mark.due is not None
    done = Mark(turned=mark.turned, fired=mark.due)
    assert hear(night, second, done)[0].due is not None


def test_a_cooldown_counts_from_when_it_last_acted() -> None:
    """Within its cooldown a rule does not act again, and says so; after it, it does."""
    calm = rule(cooldown="10m")
    fired = Mark(turned=BORN, fired=PRESSED.at - 599)
    mark, why_not = hear(calm, PRESSED, fired)
    assert mark.due is None
    assert why_not == "it acted 599 s ago, and its cooldown is 600 s"
    assert hear(calm, PRESSED, Mark(turned=BORN, fired=PRESSED.at - 600))[0].due == PRESSED.at


def test_a_delay_counts_from_the_press() -> None:
    """A delayed rule is due that long after the press, also when it was heard late."""
    slow = rule(delay="10s")
    assert hear(slow, PRESSED)[0].due == PRESSED.at + 10
    assert hear(slow, PRESSED, wall=PRESSED.at + 4)[0].due == PRESSED.at + 10
    assert hear(slow, PRESSED, wall=PRESSED.at + 30)[0].due == PRESSED.at + 30


def test_a_rule_that_waits_for_its_delay_takes_no_second_press() -> None:
    """A press during the delay does not put it off, and is not done after it."""
    mark, _ = hear(rule(delay="10s"), PRESSED)
    later, why_not = hear(rule(delay="10s"), fresh.state(status=True, turned=PRESSED.at + 5), mark)
    assert (later.due, later.cause) == (mark.due, "a1")
    assert why_not == "it is already waiting for its delay"


moments = st.none() | st.floats(0, 1e11, exclude_max=True)


@settings(max_examples=100, deadline=None)
@given(
    turned=moments,
    mark=st.builds(Mark, turned=moments, fired=moments, due=moments, cause=st.none() | st.text(max_size=5)),
    wall=st.floats(0, 1e11, exclude_max=True),
    keys=st.fixed_dictionaries(
        {},
        optional={
            "between": st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]),
            "days": st.lists(st.sampled_from(DAYS), min_size=1),
            "cooldown": st.just("1h"),
            "delay": st.just("1h"),
        },
    ),
)
def test_no_state_makes_a_rule_fail(
    turned: float | None, mark: Mark, wall: float, keys: dict[str, Any]
) -> None:
    """Whatever times a state and a clock tell, judging gives a mark; it is dealt with or left alone."""
    new, why_not = hear(rule(**keys), fresh.state(status=True, turned=turned), mark, wall=wall)
    assert new == mark or new.turned == (turned or 0.0)
    assert why_not is None or new.due == mark.due
