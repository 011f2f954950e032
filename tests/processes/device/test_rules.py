"""When a rule acts, and why not: once for each moment, in its hours and days, after its delay."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.bus.message import State
from daemons.config.rule import When
from daemons.config.sun import DAYS, Almanac
from daemons.processes.device import rules
from daemons.processes.device.rules import Mark, Now
from daemons.values import TimeOfDay, convert
from tests.support import factories

BERLIN = ZoneInfo("Europe/Berlin")
BORN = factories.BORN
PRESSED = factories.state(status=True, turned=BORN + 100, cause="a1")


def rule(**keys: Any) -> When:
    """Give a rule as it is written."""
    return convert({"device": "switch", "turns": {"status": True}, "do": "start", **keys}, When)


NEW = Mark()


def at(wall: float, **limits: Any) -> Now:
    """Give a moment, with the house's limits."""
    return Now(
        **{"now": wall, "wall": wall, "born": BORN, "grace": 60.0, "almanac": Almanac(BERLIN), **limits}
    )


def hear(
    when: When, heard: State, mark: Mark = NEW, wall: float | None = None, **limits: Any
) -> tuple[Mark, str | None]:
    """Judge a state that is heard as soon as its moment came, unless told otherwise."""
    wall = heard.at if wall is None else wall
    zone: tzinfo = limits.pop("zone", BERLIN)
    return rules.hear(when, mark, heard, at(wall, almanac=Almanac(zone), **limits))


def acts(when: When, heard: State, **limits: Any) -> bool:
    """Tell whether a rule that has done nothing yet acts on a state."""
    return hear(when, heard, **limits)[0].due is not None


def pressed_at(moment: datetime) -> State:
    """Give the state of a switch that was pressed at a moment."""
    return factories.state(status=True, turned=moment.timestamp())


def test_a_press_acts_at_once_and_keeps_its_cause() -> None:
    """A rule without a delay is due at the moment that it hears of, with the press's id."""
    mark, why_not = hear(rule(), PRESSED)
    assert (mark.due, mark.cause, why_not) == (PRESSED.at, "a1", None)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), max_size=20))
def test_a_rule_acts_once_for_each_moment(heard: list[tuple[int, bool]]) -> None:
    """However often each state is heard, also over restarts of the hearer, each moment acts once."""
    mark, acted, turned = Mark(), [], BORN
    for step, status in heard:
        turned += step
        state = factories.state(status=status, turned=turned)
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
    assert hear(rule(), factories.state(status=False, turned=BORN + 100)) == (Mark(), None)
    assert hear(rule(), factories.state(phase="on", turned=BORN + 100)) == (Mark(), None)


def test_every_field_has_to_be_as_waited_for() -> None:
    """A rule for two fields acts when the later of them took its value."""
    both = rule(turns={"status": True, "phase": "ready"})
    assert not acts(both, factories.state(status=True, phase="heating", turned=BORN + 100))
    assert acts(both, factories.state(status=True, phase="ready", turned=BORN + 100))


def test_a_first_value_never_triggers() -> None:
    """A device that shows `status` for the first time has not turned to it."""
    assert hear(rule(), factories.state(status=True)) == (Mark(), None)


def test_what_happened_before_it_began_to_remember_never_triggers() -> None:
    """A new device does not act on the last press of the day before."""
    assert not acts(rule(), factories.state(status=True, turned=BORN))
    assert not acts(rule(), factories.state(status=True, turned=BORN - 1), wall=BORN + 1)
    assert acts(rule(), factories.state(status=True, turned=BORN + 1))


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


@settings(max_examples=100)
@given(times, times, times)
def test_a_window_and_its_reverse_share_the_day(moment: TimeOfDay, start: TimeOfDay, end: TimeOfDay) -> None:
    """Each minute lies either in a window or in the one from its end to its start."""
    if start != end:
        now = datetime.combine(date(2026, 7, 1), time.fromisoformat(moment), BERLIN).timestamp()
        almanac = Almanac(BERLIN)
        assert (almanac.window(now, start, end) is None) != (almanac.window(now, end, start) is None)


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
    later, why_not = hear(rule(delay="10s"), factories.state(status=True, turned=PRESSED.at + 5), mark)
    assert (later.due, later.cause) == (mark.due, "a1")
    assert why_not == "it is already waiting for its delay"


moments = st.none() | st.floats(0, 1e11, exclude_max=True)


@settings(max_examples=100)
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
    new, why_not = hear(rule(**keys), factories.state(status=True, turned=turned), mark, wall=wall)
    assert new == mark or new.turned == (turned or 0.0)
    assert why_not is None or new.due == mark.due


NOON = datetime(2026, 7, 1, 12, 0, tzinfo=BERLIN).timestamp()


def limit(**keys: Any) -> When:
    """Give a rule on a measurement, as it is written."""
    above = {} if "below" in keys else {"above": {"celsius": 25}}
    return convert({"device": "room", "do": "on", **above, **keys}, When)


def feel(when: When, mark: Mark, celsius: float | None, wall: float, **more: Any) -> Mark:
    """Measure."""
    return rules.measure(when, mark, {"celsius": celsius, **more}, "c1", at(wall))[0]


def test_a_limit_counts_when_it_is_crossed() -> None:
    """Where a measurement stands at first, it did not go; over the limit, it acts once."""
    mark = feel(limit(), NEW, 30, NOON)
    assert (mark.due, mark.beyond) == (None, True)
    mark = feel(limit(), mark, 20, NOON + 1)
    assert (mark.due, mark.beyond) == (None, False)
    mark = feel(limit(), mark, 25.1, NOON + 2)
    assert (mark.due, mark.cause, mark.beyond) == (NOON + 2, "c1", True)
    done = Mark(beyond=True, fired=NOON + 2)
    assert feel(limit(), done, 26, NOON + 3) == done


@settings(max_examples=100)
@given(st.lists(st.none() | st.integers(20, 30), max_size=30), st.integers(0, 3), st.booleans())
def test_a_limit_is_crossed_again_only_from_beyond_its_hysteresis(
    values: list[int | None], hysteresis: int, above: bool
) -> None:
    """Between two times that it acts lies a value that is back by the hysteresis, whatever was not known."""
    when = limit(hysteresis=hysteresis) if above else limit(below={"celsius": 25}, hysteresis=hysteresis)
    mark = NEW
    first = next((value for value in values if value is not None), 25)
    back = first <= 25 if above else first >= 25  # from where it stands at first, it can go
    for second, value in enumerate(values):
        mark = msgspec.json.decode(msgspec.json.encode(feel(when, mark, value, NOON + second)), type=Mark)
        if mark.due is not None:
            assert back
            assert value is not None
            assert value > 25 if above else value < 25
            back = False
            mark = msgspec.structs.replace(mark, fired=mark.due, due=None)
        elif value is not None and (value - 25 <= -hysteresis if above else value - 25 >= hysteresis):
            back = True


@pytest.mark.parametrize("unknown", [{"celsius": None}, {"celsius": 30.0, "reachable": False}, None])
def test_what_is_not_known_is_beyond_no_limit(unknown: dict[str, Any] | None) -> None:
    """It ends what had to be so for a while, and that begins anew; what has acted does not act again."""
    long = limit(**{"for": "5m"})
    waiting = feel(long, Mark(beyond=False), 26, NOON)
    assert waiting.due == NOON + 300
    mark, _ = rules.measure(long, waiting, unknown, None, at(NOON + 100))
    assert (mark.due, mark.beyond) == (None, False)
    assert feel(long, mark, 26, NOON + 200).due == NOON + 500
    done = Mark(beyond=True, fired=NOON)
    assert rules.measure(long, done, unknown, None, at(NOON + 100))[0] == done


def test_what_must_be_so_for_a_while_is_called_off() -> None:
    """By the measurement that is back, or by the device that turned to something else."""
    long = limit(**{"for": "5m"}, hysteresis=1)
    waiting = feel(long, Mark(beyond=False), 26, NOON)
    assert feel(long, waiting, 24.5, NOON + 10).due == NOON + 300
    assert feel(long, waiting, 24, NOON + 10).due is None
    door = rule(**{"for": "5m"})
    waiting, _ = hear(door, PRESSED)
    assert waiting.due == PRESSED.at + 300
    assert hear(door, factories.state(status=False, turned=PRESSED.at + 299), waiting)[0].due is None


def test_what_was_so_for_long_enough_counts_though_it_is_over() -> None:
    """A device that was away when it came to an end acts, while its grace lasts."""
    door = rule(**{"for": "5m"})
    waiting, _ = hear(door, PRESSED, wall=PRESSED.at + 320)
    assert waiting.due == PRESSED.at + 300
    closed = factories.state(status=False, turned=PRESSED.at + 310)
    assert hear(door, closed, waiting, wall=PRESSED.at + 320)[0] == waiting
    early = factories.state(status=False, turned=PRESSED.at + 290)
    assert hear(door, early, waiting, wall=PRESSED.at + 320)[0].due is None


def morning(**keys: Any) -> When:
    """Give a rule of a time of day."""
    return convert({"at": "06:30", "do": "start", **keys}, When)


HALF_PAST_SIX = datetime(2026, 7, 1, 6, 30, tzinfo=BERLIN).timestamp()


@settings(max_examples=50)
@given(st.lists(st.integers(-3 * 3600, 3 * 3600), max_size=40))
def test_a_time_of_day_acts_once_whatever_becomes_of_the_clock(offsets: list[int]) -> None:
    """However the clock is set around it, over restarts, its moment acts at most once."""
    mark, acted = Mark(turned=HALF_PAST_SIX - 86_400), 0
    for offset in offsets:
        mark, _ = rules.strike(morning(), mark, at(HALF_PAST_SIX + offset))
        acted += mark.due is not None
        mark = msgspec.json.decode(msgspec.json.encode(msgspec.structs.replace(mark, due=None)), type=Mark)
    first = next((offset for offset in offsets if offset >= 0), None)
    assert acted == (first is not None and first <= 60)


def test_a_time_of_day_has_one_cause_for_all_who_wait_for_it() -> None:
    """Two devices that start at the same moment start for the same cause, another day for another."""
    found = [
        rules.strike(when, NEW, at(wall, born=wall - 100))[0].cause
        for when, wall in (
            (morning(), HALF_PAST_SIX + 1),
            (morning(do="on", cooldown="1h"), HALF_PAST_SIX + 30),
            (morning(), HALF_PAST_SIX + 86_400),
        )
    ]
    assert found[0] == found[1] != found[2]
    assert None not in found


def test_a_time_of_day_keeps_to_its_days_in_silence() -> None:
    """Wednesday is not Saturday, and that is nothing to tell."""
    mark, why_not = rules.strike(morning(days=["sat"]), NEW, at(HALF_PAST_SIX + 1))
    assert (mark.turned, mark.due, why_not) == (HALF_PAST_SIX, None, None)


def test_a_time_of_day_that_was_missed_is_told() -> None:
    """A device that was away for longer than its grace does not start, and says so."""
    assert (
        rules.strike(morning(), NEW, at(HALF_PAST_SIX + 61))[1] == "that was 61 s ago, and the grace is 60 s"
    )


def test_a_clock_that_ran_ahead_by_days_does_not_silence_a_rule() -> None:
    """What was dealt with in a future that is none does not count; nor is anything done at once."""
    mark, _ = rules.strike(morning(), Mark(turned=HALF_PAST_SIX + 40 * 86_400), at(HALF_PAST_SIX + 1))
    assert (mark.turned, mark.due) == (HALF_PAST_SIX + 1, None)
    assert rules.strike(morning(), mark, at(HALF_PAST_SIX + 86_401))[0].due is not None


CONDITIONS = [{"device": "door", "is": {"phase": "closed"}}, {"device": "room", "below": {"celsius": 20}}]


@pytest.mark.parametrize(
    ("door", "room", "expected"),
    [
        ({"phase": "closed"}, {"celsius": 19.9}, True),
        ({"phase": "closed"}, {"celsius": 20.0}, False),
        ({"phase": "open"}, None, False),
        ({"phase": "closed"}, None, None),
        (None, {"celsius": 10.0}, None),
        ({"phase": "closed", "reachable": False}, {"celsius": 10.0}, None),
        ({"phase": "closed"}, {"celsius": None}, None),
    ],
)
def test_all_conditions_have_to_hold(door: Any, room: Any, expected: bool | None) -> None:
    """One that does not settles it; else one that is not known leaves it open."""
    verdict, why_not = rules.held_up(rule(only_if=CONDITIONS), {"door": door, "room": room}.__getitem__)
    assert verdict is expected
    assert bool(why_not) == (expected is not True)


@pytest.mark.parametrize(
    "keys",
    [
        {"do": "on"},
        {"do": "on", "turns": {"status": True}},
        {"do": "on", "at": "06:30", "device": "switch"},
        {"do": "on", "device": "room", "above": {"a": 1}, "below": {"a": 0}},
        {"do": "on", "device": "room", "above": {"a": 1, "b": 1}},
        {"do": "on", "device": "switch", "turns": {"status": True}, "hysteresis": 1},
        {"do": "on", "at": "06:30", "for": "1m"},
        {"do": "on", "device": "switch", "turns": {"status": True}, "for": "1m", "delay": "1m"},
        {"do": "on", "at": "sunset", "only_if": [{"device": "a"}]},
        {"do": "on", "at": "sunset", "only_if": [{"device": "a", "is": {"b": 1}, "above": {"c": 1}}]},
    ],
)
def test_a_rule_that_is_none_is_refused(keys: dict[str, Any]) -> None:
    """It waits for one thing, and says nothing that makes no difference."""
    with pytest.raises(msgspec.ValidationError):
        convert(keys, When)
