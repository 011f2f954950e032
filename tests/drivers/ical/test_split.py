"""The parts of a calendar's text: its series, its zones, and what is refused."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.drivers.ical.split import MAX_LINE, Span, split, times_per_day
from tests.support.calendar_server import ics

SPAN = Span(date(2026, 11, 26), date(2026, 12, 20))


def parts(*events: str, head: str = "") -> list[list[str]]:
    """Return the series of a calendar with some events."""
    return split(ics(*events, head=head), SPAN).series


@pytest.mark.parametrize(
    ("event", "may_be"),
    [
        ("DTSTART:20261128T100000Z\nDTEND:20261128T110000Z", True),
        ("DTSTART;TZID=Europe/Berlin:20251128T100000\nDTEND;TZID=Europe/Berlin:20251128T110000", False),
        ("DTSTART;VALUE=DATE:20270101", False),
        ("DTSTART;VALUE=DATE:20200101\nDTEND;VALUE=DATE:20300101", True),
        ("DTSTART:20200101T100000Z\nRRULE:FREQ=WEEKLY", True),
        ("DTSTART:20200101T100000Z\nRECURRENCE-ID:20261201T100000Z", True),
        ("DTSTART:20200101T100000Z\nDURATION:P5000D", True),
        ("DTSTART:tomorrow", True),
        ("SUMMARY:no start", False),
    ],
)
def test_an_event_that_cannot_fall_into_the_days_is_left_out(event: str, may_be: bool) -> None:
    """A calendar of ten years has few others; an event that repeats or moves another one is kept."""
    assert bool(parts(f"UID:1\n{event}")) is may_be


def test_an_event_and_its_exceptions_are_one_series() -> None:
    """They have one UID."""
    first, moved = (
        "UID:1\nDTSTART:20261128T100000Z",
        "UID:1\nRECURRENCE-ID:20261128T100000Z\nDTSTART:20261128T110000Z",
    )
    assert [len(series) for series in parts(first, "UID:2\nDTSTART:20261128T100000Z", moved)] == [2, 1]
    assert len(parts("DTSTART:20261128T100000Z", "DTSTART:20261128T100000Z")) == 2


def test_only_what_is_shown_is_kept_and_cut() -> None:
    """A description of 1 MB, an attachment and an alarm cost nothing."""
    event = (
        f"UID:1\nDESCRIPTION:{'x' * 1_000_000}\nDTSTART:20261128T100000Z\nSUMMARY:{'y' * 5000}\n z\n"
        "BEGIN:VALARM\nSUMMARY:alarm\nTRIGGER:-PT5M\nEND:VALARM\nATTACH:abc\n def"
    )
    ((kept,),) = parts(event)
    assert kept == f"UID:1\nDTSTART:20261128T100000Z\nSUMMARY:{'y' * (MAX_LINE - 8)}"


def test_folded_lines_are_joined() -> None:
    """RFC 5545 breaks a line anywhere."""
    ((kept,),) = parts("UID:1\nDTST\n ART:2026112\n 8T100000Z\nSUMMARY:Den\n\ttist")
    assert kept == "UID:1\nDTSTART:20261128T100000Z\nSUMMARY:Dentist"


@pytest.mark.parametrize(
    ("rule", "times"),
    [
        ("RRULE:FREQ=SECONDLY", 86_400),
        ("RRULE:FREQ=MINUTELY;INTERVAL=30", 48),
        ("RRULE:FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=0,30", 6),
        ("RRULE:INTERVAL=999999999999999999999;FREQ=HOURLY", 24),
        ("RRULE:FREQ=WEEKLY;BYDAY=MO", 1),
        ("RRULE:nonsense", 1),
    ],
)
def test_a_rule_that_repeats_too_often_is_known_before_it_is_expanded(rule: str, times: float) -> None:
    """A library would make a list of millions."""
    assert times_per_day(rule) == times


def test_a_series_that_repeats_too_often_is_refused_and_counted() -> None:
    """The others are kept."""
    many = ",".join(["20261128T100000Z"] * 5001)
    found = split(
        ics(
            "UID:1\nDTSTART:20261128T100000Z\nRRULE:FREQ=SECONDLY",
            f"UID:2\nDTSTART:20261128T100000Z\nRDATE:{many}",
            "UID:3\nDTSTART:20261128T100000Z",
        ),
        SPAN,
    )
    assert (len(found.series), found.refused) == (1, 2)


def test_zones_are_found_once() -> None:
    """Each answer of a CalDAV server repeats them."""
    zone = "BEGIN:VTIMEZONE\nTZID:Here\nEND:VTIMEZONE\n"
    text = ics(head=zone) + ics(head=zone + "X-WR-TIMEZONE:Europe/Berlin\n")
    found = split(text, SPAN)
    assert (len(found.zones), found.zone_of_all) == (1, "Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "is_calendar", "is_whole"),
    [
        (ics(), True, True),
        (ics().lower(), True, True),
        (ics("UID:1")[:-20], True, False),
        ("<html>BEGIN:VCALENDAR</html>", False, False),
        ("", False, False),
    ],
)
def test_a_text_is_a_whole_calendar_or_not(text: str, is_calendar: bool, is_whole: bool) -> None:
    """A download may end in the middle, and an address may return a web page."""
    found = split(text, SPAN)
    assert (found.is_calendar, found.is_whole) == (is_calendar, is_whole)


def test_a_long_text_without_an_end_is_split_in_linear_time() -> None:
    """Each begin could otherwise be searched for its end up to the last line."""
    assert split("BEGIN:VCALENDAR\n" + "BEGIN:VEVENT\n" * 50_000, SPAN).series == []


@settings(max_examples=30)
@given(
    st.lists(
        st.sampled_from(["BEGIN:VEVENT", "END:VEVENT", "UID:1", " x", "DTSTART:2026", "RRULE:", ":"])
        | st.text()
    )
)
def test_any_text_is_split(lines: list[str]) -> None:
    """A broken calendar raises nothing."""
    split("\n".join(lines), SPAN)
