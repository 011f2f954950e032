"""When one rule acts: once for each change, within its hours and days, after its delay."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.bus.message import Moment, State
from daemons.config.rule import Rule
from daemons.config.sun import SunCalendar
from daemons.processes.device import rule_decision
from daemons.processes.device.rule_decision import Decision, RuleContext, RuleState
from daemons.values import DAYS, TimeOfDay, convert
from tests.support import factories

BERLIN = ZoneInfo("Europe/Berlin")
START = factories.START_TIME
PRESSED = factories.state(status=True, turned=START + 100, cause="a1")
NEW = RuleState()


def make_rule(**keys: Any) -> Rule:
    """Return a rule that waits for the switch to be on."""
    return convert({"device": "switch", "turns": {"status": True}, "do": "start", **keys}, Rule)


def context(wall: float, **fields: Any) -> RuleContext:
    """Return a context at a wall clock time; the steady clock shows the same."""
    given: dict[str, Any] = {"now": wall, "wall": wall, "ignore_until": START, "grace_seconds": 60.0}
    return RuleContext(**{**given, "calendar": SunCalendar(BERLIN), **fields})


def decide(
    rule: Rule, published: State, state: RuleState = NEW, wall: float | None = None, **fields: Any
) -> Decision:
    """Decide on a state that arrives at `wall`, or by default at the time of its publication."""
    zone: tzinfo = fields.pop("zone", BERLIN)
    wall = published.at if wall is None else wall
    return rule_decision.on_state(rule, state, published, context(wall, calendar=SunCalendar(zone), **fields))


def acts(rule: Rule, published: State, **fields: Any) -> bool:
    """Return whether a new rule acts on a state."""
    return decide(rule, published, **fields).state.due_at is not None


def pressed_at(moment: datetime) -> State:
    """Return the state of a switch that was switched on at a moment."""
    return factories.state(status=True, turned=moment.timestamp())


def stored(state: RuleState) -> RuleState:
    """Return a rule's state after writing it to the journal and reading it again."""
    return msgspec.json.decode(msgspec.json.encode(state), type=RuleState)


def acted(state: RuleState) -> RuleState:
    """Return a rule's state after the rule acted at its due time."""
    return msgspec.structs.replace(state, fired_at=state.due_at, due_at=None)


# Changes of another device


def test_a_press_acts_at_once_and_is_the_cause() -> None:
    """A rule without a delay is due at the moment of the change, with the cause of the press."""
    state, refusal = decide(make_rule(), PRESSED)
    assert (state.due_at, state.cause, refusal) == (PRESSED.at, "a1", None)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), max_size=20))
def test_a_rule_acts_once_for_each_change(changes: list[tuple[int, bool]]) -> None:
    """Each change acts once, however often its state is received, also over restarts of the receiver."""
    state, fired, turned = NEW, [], START
    for step, status in changes:
        turned += step
        for _ in range(3):
            state = decide(make_rule(), factories.state(status=status, turned=turned), state).state
            if state.due_at is not None:
                fired.append(turned)
                state = acted(state)
            state = stored(state)
    moments = [
        START + sum(step for step, _ in changes[: n + 1]) for n, (_, status) in enumerate(changes) if status
    ]
    assert fired == moments


def test_another_value_is_ignored_without_a_log_line() -> None:
    """A state without the value of the trigger changes nothing, and has no reason."""
    assert decide(make_rule(), factories.state(status=False, turned=START + 100)) == (NEW, None)
    assert decide(make_rule(), factories.state(phase="on", turned=START + 100)) == (NEW, None)


def test_all_fields_must_match() -> None:
    """A rule for two fields acts when both have their values."""
    both = make_rule(turns={"status": True, "phase": "ready"})
    assert not acts(both, factories.state(status=True, phase="heating", turned=START + 100))
    assert acts(both, factories.state(status=True, phase="ready", turned=START + 100))


def test_the_latest_of_several_fields_is_the_change() -> None:
    """A rule for two fields acts on the change that made the state match, also if the other is older."""
    both = make_rule(turns={"status": True, "phase": "ready"})
    published = factories.state(status=True, phase="ready", turned=START + 100)
    published = msgspec.structs.replace(published, turned={"status": START - 50, "phase": START + 100})
    assert decide(both, published).state.handled_until == START + 100


def test_a_first_value_never_acts() -> None:
    """A device that publishes a field for the first time has not changed."""
    assert decide(make_rule(), factories.state(status=True)) == (NEW, None)


def test_a_change_before_the_device_was_created_never_acts() -> None:
    """A new device does not act on the last press of the day before."""
    assert not acts(make_rule(), factories.state(status=True, turned=START))
    assert not acts(make_rule(), factories.state(status=True, turned=START - 1), wall=START + 1)
    assert acts(make_rule(), factories.state(status=True, turned=START + 1))


def test_a_rule_that_handled_a_change_is_no_longer_new() -> None:
    """The time at which a rule was added is dropped after its first change."""
    state = decide(make_rule(), PRESSED, RuleState(added_at=START)).state
    assert (state.handled_until, state.added_at) == (PRESSED.at, None)


@pytest.mark.parametrize(("late", "expected"), [(0, True), (60, True), (61, False), (-30, True)])
def test_a_press_acts_within_its_grace(late: float, expected: bool) -> None:
    """A device that restarts acts on a change within its grace. After that, the decision has a reason."""
    state, refusal = decide(make_rule(), PRESSED, wall=PRESSED.at + late)
    assert (state.due_at is not None) == expected
    assert state.handled_until == PRESSED.at
    assert refusal == (None if expected else "that was 61 s ago, and the grace is 60 s")


def test_a_press_past_its_grace_stays_past() -> None:
    """A change that was too late once does not act when the wall clock is set back."""
    state, _ = decide(make_rule(), PRESSED, wall=PRESSED.at + 61)
    assert decide(make_rule(), PRESSED, state, wall=PRESSED.at) == (state, None)


# Hours and days


@pytest.mark.parametrize(
    ("hour", "minute", "expected"),
    [(5, 59, False), (6, 0, True), (9, 29, True), (9, 30, False), (23, 0, False)],
)
def test_a_rule_acts_between_its_times(hour: int, minute: int, expected: bool) -> None:
    """The window begins with its first minute and ends before its last, in the house's local time."""
    moment = datetime(2026, 7, 1, hour, minute, 30, tzinfo=BERLIN)
    assert acts(make_rule(between=["06:00", "09:30"]), pressed_at(moment)) == expected


@pytest.mark.parametrize(
    ("hour", "expected"), [(21, False), (22, True), (0, True), (5, True), (6, False), (12, False)]
)
def test_a_window_may_go_past_midnight(hour: int, expected: bool) -> None:
    """A window from 22:00 to 06:00 is the night."""
    moment = datetime(2026, 7, 1, hour, 0, tzinfo=BERLIN)
    assert acts(make_rule(between=["22:00", "06:00"]), pressed_at(moment)) == expected


def test_a_press_outside_the_window_has_a_reason() -> None:
    """The reason has the local time and the window."""
    noon = pressed_at(datetime(2026, 7, 1, 12, 0, tzinfo=BERLIN))
    _, refusal = decide(make_rule(between=["22:00", "06:00"]), noon)
    assert refusal == "12:00 is not between 22:00 and 06:00"


@pytest.mark.parametrize("day", range(7))
def test_a_rule_acts_on_its_days(day: int) -> None:
    """A rule for one day of the week acts on that day alone."""
    moment = datetime(2026, 7, 6, 12, 0, tzinfo=BERLIN) + timedelta(days=day)  # the 6th is a Monday
    assert [name for name in DAYS if acts(make_rule(days=[name]), pressed_at(moment))] == [DAYS[day]]


def test_after_midnight_a_window_belongs_to_the_day_before() -> None:
    """The window of Friday night includes Saturday morning. That of Saturday begins in the evening."""
    friday = make_rule(between=["22:00", "06:00"], days=["fri"])
    saturday_morning = pressed_at(datetime(2026, 7, 11, 1, 0, tzinfo=BERLIN))
    assert acts(friday, saturday_morning)
    assert acts(friday, pressed_at(datetime(2026, 7, 10, 23, 0, tzinfo=BERLIN)))
    assert not acts(friday, pressed_at(datetime(2026, 7, 10, 1, 0, tzinfo=BERLIN)))
    assert not acts(make_rule(between=["22:00", "06:00"], days=["sat"]), saturday_morning)


def test_a_refused_day_is_the_day_of_the_window() -> None:
    """The reason for a press on Saturday at one o'clock is Friday, for the window began on Friday."""
    saturday_morning = pressed_at(datetime(2026, 7, 11, 1, 0, tzinfo=BERLIN))
    _, refusal = decide(make_rule(between=["22:00", "06:00"], days=["sat"]), saturday_morning)
    assert refusal == "fri is not one of its days"
    assert (refusal.code, refusal.values) == ("wrong_day", {"day": "fri"})


def test_the_hour_that_spring_skips_never_occurs() -> None:
    """On the day on which summer time begins, 03:00 follows 01:59, so no press is at 02:30."""
    night = make_rule(between=["02:00", "03:00"])
    before = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
    assert not acts(night, pressed_at(before))
    assert not acts(night, pressed_at(before + timedelta(minutes=1)))
    assert acts(make_rule(between=["03:00", "04:00"]), pressed_at(before + timedelta(minutes=1)))


def test_the_hour_that_autumn_repeats_counts_both_times() -> None:
    """On the day on which summer time ends, 02:30 occurs twice, at two different times."""
    night = make_rule(between=["02:00", "03:00"], days=["sun"])
    first, second = (pressed_at(datetime(2026, 10, 25, hour, 30, tzinfo=UTC)) for hour in (0, 1))
    state, _ = decide(night, first)
    assert state.due_at is not None
    assert decide(night, second, acted(state)).state.due_at is not None


# Cooldown and delay


def test_a_cooldown_counts_from_the_last_action() -> None:
    """Within its cooldown a rule does not act, and the decision has a reason. After it, the rule acts."""
    calm = make_rule(cooldown="10m")
    state, refusal = decide(calm, PRESSED, RuleState(handled_until=START, fired_at=PRESSED.at - 599))
    assert state.due_at is None
    assert refusal == "it acted 599 s ago, and its cooldown is 600 s"
    assert (refusal.code, refusal.values) == ("cooldown", {"seconds": 599, "cooldown_seconds": 600.0})
    over = RuleState(handled_until=START, fired_at=PRESSED.at - 600)
    assert decide(calm, PRESSED, over).state.due_at == PRESSED.at


def test_a_rule_without_a_cooldown_may_act_twice_at_one_moment() -> None:
    """Without a cooldown, a change acts also if the rule acted at this very moment."""
    state = RuleState(handled_until=START, fired_at=PRESSED.at)
    assert decide(make_rule(), PRESSED, state).state.due_at == PRESSED.at


def test_a_delay_counts_from_the_press() -> None:
    """A delayed rule is due that long after the press, also if its state arrives late."""
    slow = make_rule(delay="10s")
    assert decide(slow, PRESSED).state.due_at == PRESSED.at + 10
    assert decide(slow, PRESSED, wall=PRESSED.at + 4).state.due_at == PRESSED.at + 10
    assert decide(slow, PRESSED, wall=PRESSED.at + 30).state.due_at == PRESSED.at + 10


def test_a_delay_counts_from_now_for_a_press_in_the_future() -> None:
    """If the wall clock was set back after the press, the delay is not made longer."""
    assert decide(make_rule(delay="10s"), PRESSED, wall=PRESSED.at - 30).state.due_at == PRESSED.at - 20


def test_a_rule_with_a_running_delay_ignores_a_second_press() -> None:
    """A press during the delay neither restarts the delay nor acts after it."""
    state, _ = decide(make_rule(delay="10s"), PRESSED)
    second = factories.state(status=True, turned=PRESSED.at + 5)
    later, refusal = decide(make_rule(delay="10s"), second, state)
    assert (later.due_at, later.cause) == (state.due_at, "a1")
    assert refusal == "it is already waiting for its delay"
    assert (refusal.code, refusal.values) == ("waits_already", {"key": "delay"})


times = st.times().map(TimeOfDay.of)
moments = st.none() | st.floats(0, 1e11, exclude_max=True)


@settings(max_examples=100)
@given(
    turned=moments,
    state=st.builds(
        RuleState,
        handled_until=moments,
        fired_at=moments,
        due_at=moments,
        cause=st.none() | st.text(max_size=5),
    ),
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
    turned: float | None, state: RuleState, wall: float, keys: dict[str, Any]
) -> None:
    """With any times in a state and on the clock, a decision is made: the change is handled, or ignored."""
    new, refusal = decide(make_rule(**keys), factories.state(status=True, turned=turned), state, wall=wall)
    assert new == state or new.handled_until == (turned or 0.0)
    assert refusal is None or new.due_at == state.due_at


# Limits

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=BERLIN).timestamp()


def make_limit(**keys: Any) -> Rule:
    """Return a rule that waits for a temperature above 25."""
    above = {} if "below" in keys else {"above": {"celsius": 25}}
    return convert({"device": "room", "do": "on", **above, **keys}, Rule)


def measure(rule: Rule, state: RuleState, celsius: float | None, wall: float) -> RuleState:
    """Return the state of a rule after a measurement."""
    return rule_decision.on_measurement(rule, state, {"celsius": celsius}, "c1", context(wall)).state


def test_a_limit_acts_when_it_is_crossed() -> None:
    """The first known value never acts. A value that crosses the limit acts once."""
    state = measure(make_limit(), NEW, 30, NOON)
    assert (state.due_at, state.is_beyond) == (None, True)
    state = measure(make_limit(), state, 20, NOON + 1)
    assert (state.due_at, state.is_beyond) == (None, False)
    state = measure(make_limit(), state, 25.1, NOON + 2)
    assert (state.due_at, state.cause, state.is_beyond) == (NOON + 2, "c1", True)
    done = RuleState(is_beyond=True, fired_at=NOON + 2)
    assert measure(make_limit(), done, 26, NOON + 3) == done


@pytest.mark.parametrize(
    ("limit", "side"), [({"above": {"celsius": 25}}, 1), ({"below": {"celsius": 25}}, -1)]
)
def test_the_limit_itself_is_not_beyond_it(limit: dict[str, Any], side: int) -> None:
    """A value at the limit has not crossed it; a value just beyond the limit has."""
    rule = convert({"device": "room", "do": "on", **limit}, Rule)
    within = RuleState(is_beyond=False)
    assert measure(rule, within, 25, NOON) == within
    assert measure(rule, within, 25 + 0.1 * side, NOON).is_beyond


@settings(max_examples=100)
@given(st.lists(st.none() | st.integers(20, 30), max_size=30), st.integers(0, 3), st.booleans())
def test_a_limit_is_crossed_again_only_from_behind_its_hysteresis(
    values: list[int | None], hysteresis: int, above: bool
) -> None:
    """The value must return by the hysteresis between two actions, also if it was unknown meanwhile."""
    keys: dict[str, Any] = {} if above else {"below": {"celsius": 25}}
    rule = make_limit(hysteresis=hysteresis, **keys)
    state = NEW
    first = next((value for value in values if value is not None), 25)
    may_cross = first <= 25 if above else first >= 25
    for second, value in enumerate(values):
        state = stored(measure(rule, state, value, NOON + second))
        if state.due_at is not None:
            assert may_cross
            assert value is not None
            assert value > 25 if above else value < 25
            may_cross = False
            state = acted(state)
        elif value is not None and (value - 25 <= -hysteresis if above else value - 25 >= hysteresis):
            may_cross = True


@pytest.mark.parametrize("unknown", [{"celsius": None}, {"celsius": 30.0, "reachable": False}, None])
def test_an_unknown_value_cancels_a_running_for(unknown: dict[str, Any] | None) -> None:
    """A rule with `for` starts anew when the value is known again. A rule that acted does not act again."""
    long = make_limit(**{"for": "5m"})
    waiting = measure(long, RuleState(is_beyond=False), 26, NOON)
    assert waiting.due_at == NOON + 300
    state = rule_decision.on_measurement(long, waiting, unknown, None, context(NOON + 100)).state
    assert (state.due_at, state.cause, state.is_beyond) == (None, None, False)
    assert measure(long, state, 26, NOON + 200).due_at == NOON + 500
    done = RuleState(is_beyond=True, fired_at=NOON)
    assert rule_decision.on_measurement(long, done, unknown, None, context(NOON + 100)).state == done


def test_an_unknown_value_does_not_cancel_a_delay() -> None:
    """A rule with `delay` acts on the crossing, regardless of later values."""
    slow = make_limit(delay="5m")
    waiting = measure(slow, RuleState(is_beyond=False), 26, NOON)
    assert waiting.due_at == NOON + 300
    assert measure(slow, waiting, None, NOON + 100) == waiting
    assert measure(slow, waiting, 20, NOON + 100).due_at == NOON + 300


# for


def test_a_value_that_returns_cancels_a_running_for() -> None:
    """A measurement that is back by the hysteresis, or a device that changes again, cancels the action."""
    long = make_limit(**{"for": "5m"}, hysteresis=1)
    waiting = measure(long, RuleState(is_beyond=False), 26, NOON)
    assert measure(long, waiting, 24.5, NOON + 10).due_at == NOON + 300
    assert measure(long, waiting, 24, NOON + 10).due_at is None
    door = make_rule(**{"for": "5m"})
    waiting, _ = decide(door, PRESSED)
    assert waiting.due_at == PRESSED.at + 300
    cancelled = decide(door, factories.state(status=False, turned=PRESSED.at + 299), waiting).state
    assert (cancelled.due_at, cancelled.cause) == (None, None)


def test_a_value_that_lasted_long_enough_acts_although_it_is_over() -> None:
    """A device that was away when the value changed back acts within its grace."""
    door = make_rule(**{"for": "5m"})
    waiting, _ = decide(door, PRESSED, wall=PRESSED.at + 320)
    assert waiting.due_at == PRESSED.at + 300
    for ended, expected in ((310, waiting.due_at), (300, waiting.due_at), (299, None)):
        closed = factories.state(status=False, turned=PRESSED.at + ended)
        assert decide(door, closed, waiting, wall=PRESSED.at + 320).state.due_at == expected


def test_another_change_does_not_cancel_a_delay() -> None:
    """A rule with `delay` acts although the device has changed back."""
    slow = make_rule(delay="5m")
    waiting, _ = decide(slow, PRESSED)
    assert decide(slow, factories.state(status=False, turned=PRESSED.at + 10), waiting).state == waiting


# Times of day

HALF_PAST_SIX = datetime(2026, 7, 1, 6, 30, tzinfo=BERLIN).timestamp()
DAY_SECONDS = 86_400


def make_morning(**keys: Any) -> Rule:
    """Return a rule for half past six."""
    return convert({"at": "06:30", "do": "start", **keys}, Rule)


@settings(max_examples=50)
@given(st.lists(st.integers(-3 * 3600, 3 * 3600), max_size=40))
def test_a_time_of_day_acts_once_for_any_changes_of_the_clock(offsets: list[int]) -> None:
    """A time of day acts at most once, for any changes of the wall clock and any restarts."""
    state, actions = RuleState(handled_until=HALF_PAST_SIX - DAY_SECONDS), 0
    for offset in offsets:
        state = rule_decision.check_time(make_morning(), state, context(HALF_PAST_SIX + offset)).state
        actions += state.due_at is not None
        state = stored(acted(state))
    assert actions == any(0 <= offset <= 60 for offset in offsets)


def test_a_time_of_day_has_the_same_cause_in_all_devices() -> None:
    """Two devices that start at the same moment start for the same cause. Another day has another one."""
    found = [
        rule_decision.check_time(rule, NEW, context(wall, ignore_until=wall - 100)).state.cause
        for rule, wall in (
            (make_morning(), HALF_PAST_SIX + 1),
            (make_morning(do="on", cooldown="1h"), HALF_PAST_SIX + 30),
            (make_morning(), HALF_PAST_SIX + DAY_SECONDS),
        )
    ]
    assert found[0] == found[1] == f"{int(HALF_PAST_SIX):010x}"
    assert found[2] == f"{int(HALF_PAST_SIX + DAY_SECONDS):010x}"


def test_a_time_of_day_on_another_day_is_not_logged() -> None:
    """A rule for Saturdays neither logs nor remembers each Wednesday."""
    state = RuleState(added_at=0.0)
    decision = rule_decision.check_time(make_morning(days=["sat"]), state, context(HALF_PAST_SIX + 1))
    assert decision == (state, None)


def test_a_missed_time_of_day_is_logged_once() -> None:
    """A device that was down for longer than its grace does not act, and the decision has a reason."""
    decision = rule_decision.check_time(make_morning(), NEW, context(HALF_PAST_SIX + 61))
    assert decision.refusal == "that was 61 s ago, and the grace is 60 s"
    again = rule_decision.check_time(make_morning(), stored(decision.state), context(HALF_PAST_SIX + 70))
    assert again == (decision.state, None)


@pytest.mark.parametrize("ahead_seconds", [5400, 86_400, 40 * 86_400, 86_400 * 365 * 30])
def test_a_clock_that_was_ahead_swallows_no_time_of_day(ahead_seconds: float) -> None:
    """At 05:30 the clock shows a later time for some seconds. At the real 06:30 the rule acts, and once."""
    rule, state = make_morning(), RuleState(handled_until=HALF_PAST_SIX - DAY_SECONDS)
    half_past_five, actions = HALF_PAST_SIX - 3600, []
    for wall in (
        half_past_five, half_past_five + ahead_seconds, half_past_five + 3, HALF_PAST_SIX - 1,
        HALF_PAST_SIX + 0.4, HALF_PAST_SIX + 1, HALF_PAST_SIX + 30,
    ):  # fmt: skip
        state = rule_decision.check_time(rule, state, context(wall, now=half_past_five)).state
        if state.due_at is not None:
            actions.append(wall)
        state = stored(acted(state))
    assert actions == [HALF_PAST_SIX + 0.4]


def test_a_moment_that_acted_while_the_clock_was_ahead_acts_once() -> None:
    """The clock shows 06:30 an hour early, and then goes back. The rule acted, and does not act again."""
    state = rule_decision.check_time(make_morning(), NEW, context(HALF_PAST_SIX + 1)).state
    state = stored(acted(state))
    for wall in (HALF_PAST_SIX - 3600, HALF_PAST_SIX, HALF_PAST_SIX + 59):
        assert rule_decision.check_time(make_morning(), state, context(wall)) == (state, None)
    tomorrow = rule_decision.check_time(make_morning(), state, context(HALF_PAST_SIX + DAY_SECONDS))
    assert tomorrow.state.due_at is not None


def test_a_clock_that_goes_back_by_days_repeats_no_time_of_day() -> None:
    """A rule remembers the moments of the last eight days on which it acted."""
    state = RuleState(handled_until=HALF_PAST_SIX - DAY_SECONDS)
    for day in range(8):
        state = rule_decision.check_time(
            make_morning(), state, context(HALF_PAST_SIX + day * DAY_SECONDS)
        ).state
        assert state.due_at is not None
        state = stored(acted(state))
    for day in range(8):
        wall = HALF_PAST_SIX + day * DAY_SECONDS + 1
        assert rule_decision.check_time(make_morning(), state, context(wall)) == (state, None)


def test_no_time_of_day_comes_before_the_clock_is_right() -> None:
    """Nothing is handled meanwhile; a moment that just passed acts when the clock is known to be right."""
    waiting = context(HALF_PAST_SIX + 1, is_clock_right=False)
    state = RuleState(handled_until=HALF_PAST_SIX - DAY_SECONDS)
    assert rule_decision.check_time(make_morning(), state, waiting) == (state, None)
    decision = rule_decision.check_time(make_morning(), state, context(HALF_PAST_SIX + 20))
    assert decision.state.due_at == HALF_PAST_SIX


NUUK = SunCalendar(ZoneInfo("America/Nuuk"))
SKIPPED = datetime(2027, 3, 28, 1, 30, tzinfo=UTC).timestamp()
"""Saturday, 2027-03-27 23:30 in Nuuk: the clocks go from 23:00 to Sunday 00:00, so it comes at 00:30."""


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, True), ({"days": ["sat"]}, True), ({"days": ["sun"]}, False),
        ({"between": ["23:00", "23:59"]}, True), ({"between": ["00:00", "06:00"]}, False),
        ({"between": ["22:00", "01:00"], "days": ["sat"]}, True),
        ({"between": ["22:00", "01:00"], "days": ["sun"]}, False),
    ],
)  # fmt: skip
def test_a_time_that_spring_skips_keeps_its_day(keys: dict[str, Any], expected: bool) -> None:
    """In Nuuk, summer time begins on Saturday evening: 23:30 comes on Sunday, and counts for Saturday."""
    rule, state = make_morning(**{**keys, "at": "23:30"}), RuleState(handled_until=SKIPPED - DAY_SECONDS)
    assert NUUK.local_time(SKIPPED).strftime("%a %H:%M") == "Sun 00:30"
    decision = rule_decision.check_time(rule, state, context(SKIPPED + 1, calendar=NUUK))
    assert (decision.state.due_at is not None) == expected


# Conditions


def moment(fields: dict[str, Any] | None) -> Moment | None:
    """Return the state of a device with some fields; None for a device that is silent."""
    return None if fields is None else Moment(state=fields)


CONDITIONS = [{"device": "door", "is": {"phase": "closed"}}, {"device": "room", "below": {"celsius": 20}}]


@pytest.mark.parametrize(
    ("door", "room", "expected", "reason"),
    [
        ({"phase": "closed"}, {"celsius": 19.9}, True, ""),
        ({"phase": "closed"}, {"celsius": 20.0}, False, "condition not met: room below"),
        ({"phase": "open"}, None, False, "condition not met: door is"),
        ({"phase": "closed"}, None, None, "condition unknown: room below"),
        (None, {"celsius": 10.0}, None, "condition unknown: door is"),
        (None, {"celsius": 20.0}, False, "condition not met: room below"),
        ({"phase": "closed", "reachable": False}, {"celsius": 10.0}, None, "condition unknown: door is"),
        ({"phase": "closed"}, {"celsius": None}, None, "condition unknown: room below"),
    ],
)
def test_all_conditions_must_be_met(door: Any, room: Any, expected: bool | None, reason: str) -> None:
    """One unmet condition decides. Otherwise an unknown condition leaves the decision open."""
    rule = make_rule(only_if=CONDITIONS)
    states = {"door": moment(door), "room": moment(room)}
    result = rule_decision.check_conditions(rule, NEW, states.__getitem__, NOON)
    assert result.is_met is expected
    assert (result.reason or "").startswith(reason)
    assert bool(result.reason) == bool(reason)


def test_a_rule_with_for_needs_its_device() -> None:
    """While the device is silent, the duration of its value is unknown."""
    long, waiting = make_rule(**{"for": "5m"}), RuleState(due_at=NOON)
    result = rule_decision.check_conditions(long, waiting, {"switch": None}.__getitem__, NOON)
    assert result == (None, "switch is silent")
    lost = {"switch": moment({"status": True, "reachable": False})}.__getitem__
    result = rule_decision.check_conditions(long, waiting, lost, NOON)
    assert result == (None, "the hardware of switch cannot be reached")
    assert rule_decision.check_conditions(make_rule(), waiting, {"switch": None}.__getitem__, NOON).is_met
