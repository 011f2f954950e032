"""Intervals, months, dates, holidays and random offsets of rules."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.config.device import build
from daemons.config.house import load_house
from daemons.config.rule import Rule
from daemons.config.schedule import CalendarDate, Interval, RandomOffset, wrong_day
from daemons.config.sun import SunCalendar
from daemons.config.tables import zone
from daemons.errors import ConfigurationError
from daemons.processes.device.rule_decision import RuleContext, RuleState, check_time
from daemons.rehearsal.story import StartMoment
from daemons.rehearsal.world import World
from daemons.values import convert

BERLIN = zone("Europe/Berlin")
CALENDAR = SunCalendar(BERLIN)
WINTER, SUMMER = 1_767_225_600.0, 1_798_761_600.0
"""The first moments of 2026 and of 2027 (UTC)."""


def rule(**keys: Any) -> Rule:
    """Return a rule that switches on."""
    return convert({"do": "on", **keys}, Rule)


def unix(text: str) -> float:
    """Return a local time in Unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def moments_of(one: Rule, day: str, days: int = 1) -> list[str]:
    """Return the local times at which a rule acts from the beginning of a day."""
    at, found = unix(f"{day} 00:00") - 1, []
    end = datetime.fromisoformat(day).replace(tzinfo=BERLIN).timestamp() + days * 25 * 3600
    while (at := one.schedule.next_moment(CALENDAR, at)) < end:
        found.append(f"{CALENDAR.local_time(at):%d %H:%M}")
        assert one.schedule.latest_moment(CALENDAR, at) == at
    return [moment for moment in found if moment < f"{int(day[-2:]) + days:02}"]


def test_an_interval_counts_from_midnight() -> None:
    """It begins anew at each midnight, also if it does not divide the day."""
    assert moments_of(rule(every="8h"), "2026-11-25") == ["25 00:00", "25 08:00", "25 16:00"]
    assert moments_of(rule(every="9h"), "2026-11-25", 2) == [
        "25 00:00", "25 09:00", "25 18:00", "26 00:00", "26 09:00", "26 18:00",
    ]  # fmt: skip


@pytest.mark.parametrize(("day", "count"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-25", 24)])
def test_an_hour_of_a_clock_change_is_an_hour(day: str, count: int) -> None:
    """On a day with 23 or 25 hours, a rule acts as often."""
    assert len(moments_of(rule(every="1h"), day)) == count


@given(st.floats(WINTER, SUMMER), st.sampled_from(["7s", "15m", "50m", "5h", "24h"]))
def test_each_moment_is_the_latest_until_the_next(wall: float, every: str) -> None:
    """The latest moment is not after now, the next one is, and between the two there is none."""
    schedule = rule(every=every).schedule
    latest, following = schedule.latest_moment(CALENDAR, wall), schedule.next_moment(CALENDAR, wall)
    assert latest is not None
    assert latest <= wall < following
    assert following - latest <= Interval.parse(every) + 1e-6
    assert schedule.latest_moment(CALENDAR, following - 0.001) == latest
    assert schedule.latest_moment(CALENDAR, following) == following


@given(st.floats(WINTER, SUMMER), st.sampled_from(["06:00", "02:30", "23:55", "00:05"]))
def test_a_random_offset_is_the_same_for_each_moment(wall: float, at: str) -> None:
    """It follows from the rule and the day alone, lies within its limit, and keeps the day of the moment."""
    one, same = rule(at=at, random_offset="20m").schedule, rule(at=at, random_offset="20m").schedule
    latest, following = one.latest_moment(CALENDAR, wall), one.next_moment(CALENDAR, wall)
    assert (same.latest_moment(CALENDAR, wall), same.next_moment(CALENDAR, wall)) == (latest, following)
    assert latest is not None
    assert latest <= wall < following
    local = one.scheduled_time(CALENDAR, latest)
    assert f"{local:%H:%M}" == at
    usual = CALENDAR.moment(one._at, local.date())  # type: ignore[arg-type]
    assert usual is not None
    assert abs(latest - usual) <= 1200
    assert latest == int(latest)


def test_random_offsets_are_spread_over_their_range() -> None:
    """In a year they come near both ends, and about as often early as late."""
    schedule = rule(at="18:00", random_offset="20m").schedule
    found = [schedule.random_seconds(date.fromordinal(day)) for day in range(739_000, 739_365)]
    assert min(found) < -1100
    assert max(found) > 1100
    assert 130 < sum(offset < 0 for offset in found) < 235
    other = rule(at="18:00", random_offset="20m", only_if=[{"device": "a", "is": {"b": 1}}]).schedule
    assert other.random_seconds(date(2026, 11, 27)) != schedule.random_seconds(date(2026, 11, 27))


HOLIDAYS = frozenset({"2026-12-25"})


@pytest.mark.parametrize(
    ("keys", "day", "reason"),
    [
        ({"months": ("dec",)}, "2026-12-25", None),
        ({"months": ("jan",)}, "2026-12-25", "dec is not one of its months"),
        ({"dates": (CalendarDate("12-25"),)}, "2026-12-25", None),
        ({"dates": (CalendarDate("2027-12-25"),)}, "2026-12-25", "2026-12-25 is not one of its dates"),
        ({"holidays": True}, "2026-12-25", None),
        ({"holidays": True}, "2026-12-24", "2026-12-24 is no holiday"),
        ({"holidays": False}, "2026-12-25", "2026-12-25 is a holiday"),
        ({"days": ("sat", "holiday")}, "2026-12-25", None),  # a Friday
        ({"days": ("sat", "holiday")}, "2026-12-24", "thu is not one of its days"),
        ({"days": ("fri",), "holidays": False}, "2026-12-25", "2026-12-25 is a holiday"),
    ],
)
def test_a_day_that_does_not_fit(keys: dict[str, Any], day: str, reason: str | None) -> None:
    """All keys must fit; "holiday" is a day like a weekday."""
    all_keys = {"days": None, "months": None, "dates": None, "holidays": None, **keys}
    assert wrong_day(date.fromisoformat(day), **all_keys, known=HOLIDAYS) == reason


@pytest.mark.parametrize(
    "text", ["02-30", "13-01", "2026-02-29", "20261231", "12-4", "", 1224, "2026-12-31x"]
)
def test_a_date_that_does_not_exist_is_refused(text: object) -> None:
    """The 29th of February exists."""
    with pytest.raises(ValueError, match="a date that exists"):
        CalendarDate.parse(text)
    assert CalendarDate.parse("02-29").includes(date(2028, 2, 29))


@pytest.mark.parametrize("text", ["0s", "500ms", "25h", "1", 60])
def test_an_interval_is_a_second_to_a_day(text: object) -> None:
    """Others are refused."""
    with pytest.raises(ValueError, match='from "1s" to "24h"'):
        Interval.parse(text)


def test_the_same_rule_of_two_devices_has_two_offsets() -> None:
    """Not all lamps of a house go on in the same minute; a process knows the offset of its device."""
    when = [{"at": "18:00", "random_offset": "20m", "do": "on"}]
    day = date(2026, 11, 24)
    offsets = set()
    for name in ("hall_lamp", "living_lamp"):
        table = {"kind": "lamp", "driver": "simulated", "when": when}
        in_house, in_process = build(name, table, ("devices", name), []), build(name, table, (), [])
        assert in_house is not None
        assert in_process is not None
        assert in_house.rules == in_process.rules
        offsets.add(in_house.rules[0].schedule.random_seconds(day))
    assert len(offsets) == 2


def test_a_random_offset_is_at_most_six_hours() -> None:
    """So the moments of two days keep their order."""
    with pytest.raises(ValueError, match='at most "6h"'):
        RandomOffset.parse("7h")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"every": "1h", "at": "06:00"}, "waits for one of"),
        ({"every": "1h", "device": "a"}, "a rule with every has no device"),
        ({"every": "1h", "for": "1m"}, "for goes with"),
        ({"every": "1h", "random_offset": "1m"}, "random_offset goes with at"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(keys: dict[str, Any], problem: str) -> None:
    """Each key of a rule makes a difference."""
    with pytest.raises(msgspec.ValidationError, match=problem):
        rule(**keys)


# A device that is killed, and whose clock is set

step = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1.0, 30.0, 59.0, 300.0, 3600.0])),
    st.tuples(st.just("clock"), st.sampled_from([-40.0, -5.0, 5.0, 40.0])),
    st.tuples(st.just("kill"), st.sampled_from([0.0, 20.0, 50.0])),
)


@given(
    st.lists(step, max_size=30), st.sampled_from([{"every": "5m"}, {"at": "12:10", "random_offset": "30m"}])
)
def test_each_moment_acts_once(steps: list[tuple[str, float]], keys: dict[str, Any]) -> None:
    """Over kills and small steps of the clock, no moment acts twice, and none is missed by being there."""
    one, state = rule(**keys), RuleState()
    now = unix("2026-11-25 12:00:01")
    offset, acted = 0.0, list[float]()
    began = now

    def turn() -> None:
        nonlocal state
        context = RuleContext(
            now=now, wall=now + offset, ignore_until=began, grace_seconds=60.0, calendar=CALENDAR
        )
        decision = check_time(one, state, context)
        state = decision.state
        if state.due_at is not None:
            assert state.handled_until is not None
            acted.append(state.handled_until)
            state = msgspec.structs.replace(state, due_at=None)

    for word, seconds in steps:
        if word == "clock":
            offset = seconds
        end = now + (seconds if word != "clock" else 0.0)
        while word == "wait" and now < end:
            now = min(end, now + 1)
            turn()
        now = end
        if word == "kill":
            state = msgspec.json.decode(msgspec.json.encode(state), type=RuleState)
        turn()
    assert len(set(acted)) == len(acted)
    if all(word != "clock" for word, _ in steps):
        expected, at = [], began
        while (at := one.schedule.next_moment(CALENDAR, at)) <= now:
            expected.append(at)
        assert acted == expected


# In a house

HOUSE = """
[house]
timezone = "Europe/Berlin"
{house}
[devices.lamp]
kind = "lamp"
driver = "simulated"
[[devices.lamp.when]]
do = "on"
{rule}
"""


@pytest.mark.parametrize(
    ("about", "keys", "problem"),
    [
        ("", 'at = "06:00"\nholidays = true', "when] holidays: holidays need a country"),
        ("", 'at = "06:00"\ndays = ["sat", "holiday"]', "when] days: holidays need a country"),
        ('country = "XX"', 'at = "06:00"\nholidays = true', 'no country "XX" with known holidays'),
        ('country = "DE"\nregion = "BX"', 'at = "06:00"\nholidays = true', 'DE has no region "BX"'),
        ('region = "BY"', 'at = "06:00"', "region needs a country"),
        ("", 'at = "06:00"\ndates = ["02-30"]', "each a date that exists"),
        ("", 'at = "06:00"\nmonths = ["jan"]\ndates = ["01-05", "12-24"]', "12-24 is in dec"),
        ("", 'at = "06:00"\ndays = ["mon"]\ndates = ["2026-12-25"]', "2026-12-25 is a fri"),
        ("", 'every = "500ms"', 'a duration from "1s" to "24h"'),
        ("", 'every = "12h"\nbetween = ["13:00", "14:00"]', "no moment of it lies between 13:00 and 14:00"),
        (
            'country = "DE"',
            'at = "06:00"\ndays = ["holiday"]\nholidays = false',
            "its only days are holidays",
        ),
    ],
)
def test_a_rule_that_never_acts_is_refused(about: str, keys: str, problem: str, tmp_path: Path) -> None:
    """The problem names the key, and what is allowed."""
    pytest.importorskip("holidays")
    with pytest.raises(ConfigurationError) as error:
        load_house(tmp_path / "house.toml", HOUSE.format(house=about, rule=keys))
    assert problem in str(error.value)


def test_only_a_device_that_uses_holidays_gets_their_dates(tmp_path: Path) -> None:
    """Its process needs no library, and no year begins that it does not know."""
    pytest.importorskip("holidays")
    text = HOUSE.format(house='country = "DE"', rule='at = "06:00"\nholidays = true')
    text += '[devices.other]\nkind = "lamp"\ndriver = "simulated"\n'
    house = load_house(tmp_path / "house.toml", text)
    slices = house.slices()
    assert {"2026-12-25", "2045-12-25"} <= slices["lamp"].calendar.holidays
    assert "holidays" not in slices["other"].house
    changed = load_house(tmp_path / "house.toml", text.replace('"DE"', '"DE"\nregion = "BY"'))
    assert changed.slices()["lamp"] != slices["lamp"]
    assert changed.slices()["other"] == slices["other"]


def test_a_rehearsal_knows_holidays_and_random_offsets(tmp_path: Path) -> None:
    """Two rehearsals of one day are the same, and it is the same as in the real house."""
    pytest.importorskip("holidays")
    text = HOUSE.format(house='country = "DE"', rule='at = "06:00"\nholidays = true\nrandom_offset = "20m"')
    house = load_house(tmp_path / "house.toml", text)

    def play(day: str) -> list[float]:
        start = StartMoment.parse(f"{day} 00:00").unix(BERLIN)
        world = World(house, start)
        world.begin()
        world.run(start + 86_400)
        return [change.wall for change in world.changes if change.fields.get("status")]

    assert play("2026-12-24") == []
    (acted,) = play("2026-12-25")
    assert play("2026-12-25") == [acted]
    (one,) = house.devices["lamp"].rules
    assert acted == unix("2026-12-25 06:00") + one.schedule.random_seconds(date(2026, 12, 25))
