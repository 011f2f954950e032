"""The timetable: which entry is in force follows from the wall clock alone."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.config.sun import SunCalendar
from daemons.config.tables import zone
from daemons.kinds import TimetableEntry
from daemons.processes.device.timetable import Timetable
from daemons.values import DAYS, convert

BERLIN = zone("Europe/Berlin")
CALENDAR = SunCalendar(BERLIN, 52.5, 13.4)
NOW = 5000.0


def moment(text: str, fold: int = 0) -> float:
    """Return a local time in Berlin in Unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp()


def timetable(*entries: dict[str, Any]) -> Timetable:
    """Return a timetable with some entries."""
    return Timetable(tuple(convert(entry, TimetableEntry) for entry in entries), CALENDAR)


def number_at(table: Timetable, text: str, fold: int = 0) -> int | None:
    """Return the number of the entry that is in force at a local time."""
    entry = table.in_force(NOW, moment(text, fold))
    return None if entry is None else entry.number


WORKDAYS = {"days": ["mon", "tue", "wed", "thu", "fri"], "at": "06:00"}
WEEKEND = {"days": ["sat", "sun"], "at": "08:00"}
NIGHT = {"at": "22:30"}


@pytest.mark.parametrize(
    ("at", "number"),
    [
        ("2026-11-27 05:59:59", 2),  # a Friday
        ("2026-11-27 06:00:00", 0),
        ("2026-11-27 22:29:59", 0),
        ("2026-11-27 22:30:00", 2),
        ("2026-11-28 07:59:00", 2),
        ("2026-11-28 08:00:00", 1),
        ("2026-11-30 00:00:00", 2),
    ],
)
def test_the_latest_entry_that_has_begun_is_in_force(at: str, number: int) -> None:
    """Each entry begins on its days, and holds until the next one."""
    assert number_at(timetable(WORKDAYS, WEEKEND, NIGHT), at) == number


def test_an_entry_of_one_day_holds_for_a_week() -> None:
    """A device that was off for days knows at once what is in force."""
    table = timetable({"days": ["mon"], "at": "06:00"})
    entry = table.in_force(NOW, moment("2026-11-30 05:59"))
    assert entry
    assert (entry.number, entry.began_at) == (0, moment("2026-11-23 06:00"))


def test_the_deadline_is_the_next_beginning_in_steady_seconds() -> None:
    """It is calculated anew from the wall clock at each call."""
    table = timetable(WORKDAYS, NIGHT)
    assert table.next_deadline() is None
    table.in_force(NOW, moment("2026-11-27 05:00"))
    assert table.next_deadline() == pytest.approx(NOW + 3600)
    table.in_force(NOW + 10, moment("2026-11-27 05:30"))  # the clock was set forward
    assert table.next_deadline() == pytest.approx(NOW + 10 + 1800)


def test_a_step_of_the_clock_is_noticed_in_both_directions() -> None:
    """A clock that is decades ahead leaves nothing behind."""
    table = timetable(WORKDAYS, NIGHT)
    assert number_at(table, "2026-11-27 12:00") == 0
    assert table.is_moved(moment("2026-11-27 23:00"))
    assert table.is_moved(moment("2026-11-27 05:00"))
    assert not table.is_moved(moment("2026-11-27 13:00"))
    assert number_at(table, "2066-11-27 23:00") == 1
    assert number_at(table, "1996-11-27 05:00") == 1
    assert number_at(table, "2026-11-27 12:00") == 0


def test_on_a_day_of_23_hours_a_skipped_entry_comes_later() -> None:
    """At 02:00 the clocks are set to 03:00: what begins at 02:30 begins at 03:30."""
    table = timetable({"at": "01:00"}, {"at": "02:30"})
    assert number_at(table, "2026-03-29 01:59:59") == 0
    assert number_at(table, "2026-03-29 03:00:00") == 0
    assert number_at(table, "2026-03-29 03:30:00") == 1


def test_on_a_day_of_23_hours_a_skipped_entry_does_not_end_a_later_one() -> None:
    """The entry of 03:00 has begun before the one of 02:30 would, and stays in force."""
    table = timetable({"at": "01:00"}, {"at": "02:30"}, {"at": "03:00"})
    for at in ("03:00:00", "03:30:00", "12:00:00"):
        assert number_at(table, f"2026-03-29 {at}") == 2
    assert number_at(table, "2026-03-30 02:45:00") == 1


def test_on_a_day_of_25_hours_an_entry_begins_once() -> None:
    """What began at 02:30 is still in force when the clocks show 02:15 again."""
    table = timetable({"at": "01:00"}, {"at": "02:30"})
    assert number_at(table, "2026-10-25 02:15") == 0
    first = table.in_force(NOW, moment("2026-10-25 02:30"))
    assert first
    assert first.number == 1
    for at in ("02:15", "02:30", "02:45"):
        assert table.in_force(NOW, moment(f"2026-10-25 {at}", fold=1)) == first


def test_times_of_the_sun_begin_entries() -> None:
    """Sunset in Berlin on 27 November is at 15:58."""
    table = timetable({"at": "06:00"}, {"at": "sunset"})
    assert number_at(table, "2026-11-27 15:50") == 0
    assert number_at(table, "2026-11-27 16:05") == 1


def test_without_a_time_of_the_sun_nothing_is_in_force() -> None:
    """In Tromsø the sun does not rise for weeks; the timetable looks again a day later."""
    entries = (convert({"at": "sunrise"}, TimetableEntry),)
    table = Timetable(entries, SunCalendar(zone("Europe/Oslo"), 69.6, 18.9))
    assert table.in_force(NOW, moment("2026-12-25 12:00")) is None
    assert table.next_deadline() == NOW + 86_400


def test_an_empty_timetable_has_no_deadline() -> None:
    """Most kinds have none, and no step of the clock concerns them."""
    table = timetable()
    assert table.in_force(NOW, 0.0) is None
    assert table.next_deadline() is None
    assert not table.is_moved(1e9)


entries = st.lists(
    st.fixed_dictionaries(
        {"at": st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))},
        optional={"days": st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True)},
    ),
    min_size=1,
    max_size=5,
)
walls = st.floats(moment("2026-01-01 00:00"), moment("2027-01-01 00:00"))


def by_hand(entries: list[dict[str, Any]], wall: float) -> Iterator[tuple[datetime, int]]:
    """Yield each entry that has begun before `wall` in the last ten days, with its local time."""
    today = datetime.fromtimestamp(wall, BERLIN).date()
    for back in range(-1, 11):
        day = today - timedelta(days=back)
        for number, entry in enumerate(entries):
            if DAYS[day.weekday()] in entry.get("days", DAYS):
                local = datetime.fromisoformat(f"{day} {entry['at']}")
                if local.replace(tzinfo=BERLIN).timestamp() <= wall:
                    yield local, number


@given(entries, st.lists(walls, min_size=1, max_size=6))
def test_any_jumps_of_the_clock_lead_to_the_entry_of_that_time(
    entries: list[dict[str, Any]], walls: list[float]
) -> None:
    """The answer is the same with and without a past, and follows the plain model."""
    table = timetable(*entries)
    for wall in walls:
        found = table.in_force(NOW, wall)
        assert found
        assert found == timetable(*entries).in_force(NOW, wall)
        assert found.began_at <= wall
        assert found.number == max(by_hand(entries, wall))[1]


@given(entries, walls)
def test_a_device_that_wakes_at_each_deadline_misses_nothing(
    entries: list[dict[str, Any]], wall: float
) -> None:
    """Between two deadlines the entry does not change."""
    table = timetable(*entries)
    moments = [wall]
    for _ in range(10):
        table.in_force(moments[-1], moments[-1])
        due = table.next_deadline()
        assert due is not None
        assert due > moments[-1]
        moments.append(due)
    for start, end in pairwise(moments):
        during = timetable(*entries).in_force(NOW, start + 0.001)
        assert timetable(*entries).in_force(NOW, end - 0.001) == during
