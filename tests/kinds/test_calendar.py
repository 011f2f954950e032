"""A calendar: its events by the clock of the house, its words, its list, and what it forgets."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from daemons.kinds import CalendarEvent, CalendarEvents, Reading
from daemons.kinds.agenda.options import Options
from daemons.kinds.calendar import Calendar, CalendarMemory, State
from daemons.values import convert

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86_400.0
OFFSET = 1_000_000.0
"""The wall clock less the steady clock."""


def wall(text: str) -> float:
    """Return a time in Berlin, in Unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def timed(title: str, begin: str, end: str | None = None, **more: Any) -> CalendarEvent:
    """Return an event between two times in Berlin."""
    return CalendarEvent(wall(begin), wall(end or begin), title, **more)


def days(title: str, first: str, end: str) -> CalendarEvent:
    """Return an all-day event; `end` is the day after its last one."""
    begin, after = (datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() for day in (first, end))
    return CalendarEvent(begin, after, title, is_all_day=True, is_local=True)


def machine_of(**options: Any) -> Calendar:
    """Return a calendar of a house in Berlin."""
    machine = Calendar(convert(options, Options))
    machine.zone = BERLIN
    return machine


class Clocked:
    """A calendar with its memory, at the times of a house."""

    def __init__(self, *events: CalendarEvent, at: str = "2026-11-28 12:00", **options: Any) -> None:
        self.machine = machine_of(**options)
        self.memory = CalendarMemory()
        self.read(*events, at=at)

    def read(self, *events: CalendarEvent, at: str) -> None:
        """Read the calendar at a time."""
        now = wall(at) - OFFSET
        self.memory = self.machine.update_clock(self.memory, OFFSET, now)
        reading = Reading(calendar=CalendarEvents(events, wall(at) // DAY * DAY + 21 * DAY), at=now)
        self.memory = self.machine.update_measurements(self.memory, reading, now)

    def at(self, when: str) -> State:
        """Return the state at a time."""
        now = wall(when) - OFFSET
        self.memory = self.machine.advance(self.memory, now)
        return self.machine.state(self.memory, Reading(), now)

    def due(self) -> str:
        """Return the local time of the next deadline."""
        deadline = self.machine.next_deadline(self.memory)
        assert deadline is not None
        return f"{datetime.fromtimestamp(deadline + OFFSET, BERLIN):%Y-%m-%d %H:%M:%S}"


DENTIST = timed("Dentist", "2026-11-28 14:00", "2026-11-28 15:00", place="Main Street")
HOLIDAY = days("Holiday", "2026-11-28", "2026-11-30")


def test_an_event_begins_and_ends_by_the_clock() -> None:
    """The fields of the event are there while it is on; before, they are those of the next event."""
    calendar = Clocked(DENTIST)
    before = calendar.at("2026-11-28 13:59:59")
    assert (before.status, before.phase, before.event, before.next_event) == (False, "free", None, "Dentist")
    assert (before.next_begin, before.next_in_minutes) == (round(DENTIST.begin), 0.0)
    assert calendar.due() == "2026-11-28 14:00:00"
    on = calendar.at("2026-11-28 14:00:00")
    assert (on.status, on.phase, on.event, on.location) == (True, "event", "Dentist", "Main Street")
    assert (on.event_begin, on.event_end, on.all_day) == (round(DENTIST.begin), round(DENTIST.end), False)
    assert (on.next_event, on.next_in_minutes) == (None, None)
    assert calendar.due() == "2026-11-28 15:00:00"
    assert calendar.at("2026-11-28 15:00:00").status is False


def test_all_day_events_count_in_the_zone_of_the_house() -> None:
    """They begin and end at local midnight."""
    calendar = Clocked(days("Holiday", "2026-11-29", "2026-11-30"))
    state = calendar.at("2026-11-28 23:59:59")
    assert (state.status, state.today, state.tomorrow) == (False, False, True)
    state = calendar.at("2026-11-29 00:00:00")
    assert (state.status, state.all_day, state.today, state.tomorrow) == (True, True, True, False)
    assert state.event_begin == wall("2026-11-29 00:00")
    assert calendar.at("2026-11-29 23:59:59").status is True
    assert calendar.at("2026-11-30 00:00:00").status is False


def test_a_day_of_a_clock_change_has_its_own_length() -> None:
    """25 October 2026 has 25 hours in Berlin. A time that the clock skips in March comes an hour later."""
    calendar = Clocked(days("Long", "2026-10-25", "2026-10-26"), at="2026-10-24 12:00")
    state = calendar.at("2026-10-25 12:00")
    assert state.event_end is not None
    assert state.event_begin is not None
    assert state.event_end - state.event_begin == 25 * 3600
    local = datetime(2027, 3, 28, 2, 30, tzinfo=UTC).timestamp()
    skipped = CalendarEvent(local, local + 600, "Skipped", is_local=True)
    calendar = Clocked(skipped, at="2027-03-27 12:00")
    assert calendar.at("2027-03-27 13:00").next_begin == wall("2027-03-28 03:30")


@pytest.mark.parametrize(
    ("match", "title", "counts"),
    [
        ("bin", "Bin collection", True),
        ("bin", "Put out the BIN!", True),
        ("bin", "Binary", False),
        ("bin*", "Bins: paper", True),
        ("*müll*", "Restmüll / Biomüll", True),
        ("müll*", "Restmüll", False),
        ("bin collection", "The bin  collection", True),
        (["holiday", "vacation"], "Vacation", True),
        ("c++", "Course: C++ for all", True),
        (".*", "x", False),
    ],
)
def test_only_events_with_one_of_the_words_count(match: object, title: str, counts: bool) -> None:
    """A word counts as a whole; a star stands for a part of a word."""
    if match == ".*":
        with pytest.raises(ValueError, match="has no letter"):
            machine_of(match=match)
        return
    calendar = Clocked(replace(HOLIDAY, title=title), match=match)
    assert calendar.at("2026-11-28 12:00").status is counts


def test_all_day_events_can_be_left_out_or_chosen() -> None:
    """By default both sorts count."""
    events = (HOLIDAY, DENTIST)
    assert Clocked(*events).at("2026-11-28 14:30").event == "Holiday"
    assert Clocked(*events, all_day=False).at("2026-11-28 14:30").event == "Dentist"
    assert Clocked(*events, all_day=True).at("2026-11-28 14:30").next_event is None


def test_the_list_has_the_events_of_the_next_days() -> None:
    """All-day events have their first and last day; what is over, or after these days, is not in it."""
    calendar = Clocked(
        timed("Over", "2026-11-28 09:00", "2026-11-28 10:00"),
        DENTIST,
        HOLIDAY,
        timed("Ring", "2026-11-29 07:00"),
        timed("Later", "2026-11-30 00:00", "2026-11-30 01:00"),
        days=2,
    )
    state = calendar.at("2026-11-28 12:00")
    assert state.events is not None
    assert state.events.splitlines() == [
        "2026-11-28 2026-11-29 Holiday",
        f"{wall('2026-11-28 14:00'):.0f} {wall('2026-11-28 15:00'):.0f} Dentist",
        f"{wall('2026-11-29 07:00'):.0f} {wall('2026-11-29 07:00'):.0f} Ring",
    ]
    assert calendar.at("2026-11-29 00:00").events == (
        "2026-11-28 2026-11-29 Holiday\n"
        f"{wall('2026-11-29 07:00'):.0f} {wall('2026-11-29 07:00'):.0f} Ring\n"
        f"{wall('2026-11-30 00:00'):.0f} {wall('2026-11-30 01:00'):.0f} Later"
    )


def test_the_list_is_bounded_and_says_how_many_are_missing() -> None:
    """A state has room for 1,000 bytes of it."""
    many = [timed(f"{n} {'🎂' * 100}", "2026-11-28 14:00", "2026-11-28 15:00") for n in range(30)]
    state = Clocked(*many).at("2026-11-28 12:00")
    assert state.events is not None
    assert len(state.events.encode()) <= 1000
    assert len(state.events.splitlines()) + state.more_events == 30
    assert all(len(line.split(" ", 2)[2]) <= 60 for line in state.events.splitlines())
    short = [timed(f"{n}", "2026-11-28 14:00", "2026-11-28 15:00") for n in range(30)]
    state = Clocked(*short).at("2026-11-28 12:00")
    assert state.events is not None
    assert (len(state.events.splitlines()), state.more_events) == (20, 10)


def test_texts_of_strangers_are_cleaned_and_cut() -> None:
    """A line break would make two events of one, and a mark of direction would turn the page's text round."""
    event = replace(HOLIDAY, title="a\nb\x1b[31m\u202ec\t" + "x" * 5000, place="\n")
    state = Clocked(event).at("2026-11-28 12:00")
    assert state.event is not None
    assert state.event.startswith("a b [31m c xxx")
    assert len(state.event) == 100
    assert state.location is None
    assert state.events is not None
    assert len(state.events.splitlines()) == 1
    assert Clocked(replace(HOLIDAY, title=" \n")).at("2026-11-28 12:00").event == "(no title)"
    persian = "می\u200cخواهم"
    assert Clocked(replace(HOLIDAY, title=persian)).at("2026-11-28 12:00").event == persian


def test_an_event_without_an_end_is_on_for_a_minute() -> None:
    """So a rule can wait for it."""
    calendar = Clocked(timed("Ring", "2026-11-28 14:00"))
    assert calendar.at("2026-11-28 14:00:59").status is True
    assert calendar.at("2026-11-28 14:01:00").status is False
    short = Clocked(timed("Short", "2026-11-28 14:00", "2026-11-28 14:00:10"))
    assert short.at("2026-11-28 14:00:09").status is True
    assert short.at("2026-11-28 14:00:10").status is False


def test_of_several_events_the_first_one_is_shown() -> None:
    """It does not change while it is on, so that a rule can go by it."""
    calendar = Clocked(DENTIST, timed("Call", "2026-11-28 14:30", "2026-11-28 16:00"))
    assert calendar.at("2026-11-28 14:45").event == "Dentist"
    assert calendar.at("2026-11-28 15:00").event == "Call"


def test_without_a_right_clock_nothing_is_known() -> None:
    """Nor is it after a restart, until the clock is right again."""
    calendar = Clocked(DENTIST)
    now = wall("2026-11-28 14:30") - OFFSET
    restarted = calendar.machine.resume(calendar.memory, now)
    state = calendar.machine.state(calendar.machine.advance(restarted, now), Reading(), now)
    assert (state.phase, state.status, state.today, state.events) == ("unknown", False, None, None)
    right = calendar.machine.update_clock(restarted, OFFSET, now)
    assert calendar.machine.state(right, Reading(), now).event == "Dentist"


def test_a_clock_that_is_set_counts_at_once() -> None:
    """A small correction changes nothing."""
    calendar = Clocked(DENTIST)
    now = wall("2026-11-28 12:00") - OFFSET
    assert calendar.machine.update_clock(calendar.memory, OFFSET + 0.1, now) is calendar.memory
    later = calendar.machine.update_clock(calendar.memory, OFFSET + 2.5 * 3600, now)
    assert calendar.machine.state(later, Reading(), now).event == "Dentist"
    back = calendar.machine.update_clock(later, OFFSET, now)
    assert calendar.machine.state(back, Reading(), now).next_event == "Dentist"


def test_values_that_are_too_old_become_unknown() -> None:
    """Until then the events begin and end on time, without the source."""
    calendar = Clocked(DENTIST, days("Holiday", "2026-11-29", "2026-12-24"), stale_after="1d")
    assert calendar.at("2026-11-29 11:59").event == "Holiday"
    assert calendar.at("2026-11-29 12:00").phase == "stale"
    state = calendar.at("2026-11-29 13:00")
    assert (state.status, state.event, state.tomorrow, state.events) == (False, None, None, None)
    calendar.read(HOLIDAY, at="2026-11-29 14:00")
    assert calendar.at("2026-11-29 14:00").event == "Holiday"


def test_what_comes_after_the_known_events_is_unknown() -> None:
    """Of a calendar with too many events, only the first ones are kept."""
    many = [
        timed(f"{n}", f"2026-11-28 14:{n // 2:02}:{n % 2 * 30:02}", "2026-11-28 15:00") for n in range(70)
    ]
    calendar = Clocked(*many)
    assert len(calendar.memory.events) == 60
    assert calendar.at("2026-11-28 14:29:59").phase == "event"
    assert calendar.at("2026-11-28 14:30:00").phase == "stale"


def test_an_unchanged_calendar_is_written_rarely() -> None:
    """The journal needs the age of the values only to a twentieth of `stale_after`."""
    calendar = Clocked(DENTIST)
    before = calendar.memory
    calendar.read(DENTIST, at="2026-11-28 12:00:30")
    assert calendar.memory is before
    calendar.read(DENTIST, at="2026-11-28 14:40")
    assert calendar.memory.heard_at == wall("2026-11-28 14:40") - OFFSET


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"match": "*"}, "has no letter"),
        ({"match": "a*b*c*d*e"}, "has more than 3"),
        ({"stale_after": "8d"}, "stale_after must be from 1h to 7d"),
        ({"days": 15}, "days"),
        ({"match": ""}, "match"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, Any], reason: str) -> None:
    """`house check` shows the reason."""
    with pytest.raises(ValueError, match=reason):
        machine_of(**options)
