"""The occurrences of real calendars, in the formats of their programs, and those of hostile ones."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.kinds import CalendarEvent
from tests.support.calendar_server import ics

expanding = pytest.importorskip("daemons.drivers.ical.expand", exc_type=ImportError)
BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 10, 20, tzinfo=UTC).timestamp()
UNTIL = datetime(2026, 11, 10, tzinfo=UTC).timestamp()

BERLIN_ZONE = """BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE
"""
OWN_ZONE = """BEGIN:VTIMEZONE
TZID:Ship time
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0430
TZOFFSETTO:+0430
END:STANDARD
END:VTIMEZONE
"""


def expand(*events: str, head: str = "") -> list[CalendarEvent]:
    """Return the occurrences of a calendar from 20 October to 10 November 2026."""
    found = expanding.expand(ics(*events, head=head), BEGIN, UNTIL)
    assert found.left_out == 0
    return list(found.events)


def shown(event: CalendarEvent) -> str:
    """Return an event as a person in Berlin sees it; a local time has no zone there."""
    zone = UTC if event.is_local else BERLIN
    begin, end = (datetime.fromtimestamp(at, zone) for at in (event.begin, event.end))
    if event.is_all_day:
        return f"{begin:%d.%m.}-{end:%d.%m.} {event.title}"
    return f"{begin:%d.%m. %H:%M}-{end:%H:%M} {event.title}" + (" local" if event.is_local else "")


GOOGLE = """
DTSTART;TZID=Europe/Berlin:20261012T180000
DTEND;TZID=Europe/Berlin:20261012T190000
RRULE:FREQ=WEEKLY;UNTIL=20261105T225959Z;BYDAY=MO
EXDATE;TZID=Europe/Berlin:20261026T180000
DTSTAMP:20261001T120000Z
UID:4tq0example@google.com
CREATED:20260901T080000Z
DESCRIPTION:
LAST-MODIFIED:20260930T080000Z
LOCATION:Music school\\, room 3
SEQUENCE:1
STATUS:CONFIRMED
SUMMARY:Piano
TRANSP:OPAQUE"""
GOOGLE_MOVED = """
DTSTART;TZID=Europe/Berlin:20261103T170000
DTEND;TZID=Europe/Berlin:20261103T180000
UID:4tq0example@google.com
RECURRENCE-ID;TZID=Europe/Berlin:20261102T180000
SEQUENCE:2
STATUS:CONFIRMED
SUMMARY:Piano (moved)"""
ICLOUD = """
CREATED:20260910T101112Z
DTEND;TZID=Europe/Berlin:20261025T033000
DTSTAMP:20260910T101130Z
DTSTART;TZID=Europe/Berlin:20261025T013000
LAST-MODIFIED:20260910T101129Z
SEQUENCE:0
SUMMARY:Night shift
TRANSP:OPAQUE
UID:0A1B2C3D-0000-4444-8888-EXAMPLE00001
X-APPLE-CREATOR-IDENTITY:com.apple.mobilecal
BEGIN:VALARM
ACTION:DISPLAY
DESCRIPTION:Reminder
TRIGGER:-PT15M
UID:0A1B2C3D-0000-4444-8888-EXAMPLE00002
END:VALARM"""
NEXTCLOUD = """
CREATED:20261001T070000Z
DTSTAMP:20261001T070100Z
LAST-MODIFIED:20261001T070100Z
SEQUENCE:2
UID:7c1fe0example
DTSTART;VALUE=DATE:20261031
DTEND;VALUE=DATE:20261102
STATUS:CONFIRMED
SUMMARY:Grandma is here 🎂"""
OUTLOOK = """
DTEND;TZID=W. Europe Standard Time:20261028T093000
DTSTAMP:20261001T070100Z
DTSTART;TZID=W. Europe Standard Time:20261028T090000
LOCATION;LANGUAGE=de-DE:Raum 2
SUMMARY;LANGUAGE=de-DE:Besprechung mit\\; und \\, und \\\\
 Ende
UID:040000008200E00074C5B7101A82E008EXAMPLE
X-MICROSOFT-CDO-BUSYSTATUS:BUSY
X-ALT-DESC;FMTTYPE=text/html:<html><body>Hello</body></html>"""


@pytest.mark.parametrize(
    ("events", "head", "expected"),
    [
        (
            (GOOGLE, GOOGLE_MOVED),
            f"X-WR-CALNAME:Family\nX-WR-TIMEZONE:Europe/Berlin\n{BERLIN_ZONE}",
            ["03.11. 17:00-18:00 Piano (moved)"],
        ),
        ((ICLOUD,), BERLIN_ZONE, ["25.10. 01:30-03:30 Night shift"]),
        ((NEXTCLOUD,), "", ["31.10.-02.11. Grandma is here 🎂"]),
        ((OUTLOOK,), "", ["28.10. 09:00-09:30 Besprechung mit; und , und \\Ende"]),
        (
            ("UID:1\nDTSTART;TZID=Ship time:20261021T120000\nDURATION:PT1H30M\nSUMMARY:Zone of its own",),
            OWN_ZONE,
            ["21.10. 09:30-11:00 Zone of its own"],
        ),
        (("UID:1\nDTSTART:20261021T120000\nSUMMARY:Floating",), "", ["21.10. 12:00-12:00 Floating local"]),
        (
            ("UID:1\nDTSTART:20261021T120000\nSUMMARY:Zone of the calendar",),
            "X-WR-TIMEZONE:America/New_York\n",
            ["21.10. 18:00-18:00 Zone of the calendar"],
        ),
        (
            ("UID:1\nDTSTART:20261021T120000Z\nSUMMARY:Unknown zone of the calendar",),
            "X-WR-TIMEZONE:Somewhere/Else\n",
            ["21.10. 14:00-14:00 Unknown zone of the calendar"],
        ),
        (
            ("UID:1\nDTSTART;TZID=Europe/Berlin:20261024T080000\nRRULE:FREQ=DAILY;COUNT=3\nSUMMARY:Alarm",),
            "",
            ["24.10. 08:00-08:00 Alarm", "25.10. 08:00-08:00 Alarm", "26.10. 08:00-08:00 Alarm"],
        ),
        (
            ("UID:1\nDTSTART;VALUE=DATE:20000101\nDTEND;VALUE=DATE:20000102\nRRULE:FREQ=MONTHLY\nSUMMARY:Rent",),
            "",
            ["01.11.-02.11. Rent"],
        ),
        (("UID:1\nDTSTART;VALUE=DATE:20261021\nSUMMARY:No end",), "", ["21.10.-22.10. No end"]),
        (
            ("UID:1\nDTSTART;VALUE=DATE:20261021\nDTEND;VALUE=DATE:20261021\nSUMMARY:Ends at once",),
            "",
            ["21.10.-22.10. Ends at once"],
        ),
        (
            ("UID:1\nDTSTART;VALUE=DATE:20261021\nRDATE;VALUE=DATE:20261023,20261027\nSUMMARY:Dates",),
            "",
            ["21.10.-22.10. Dates", "23.10.-24.10. Dates", "27.10.-28.10. Dates"],
        ),
        (
            ("UID:1\nDTSTART:20261021T220000Z\nDTEND:20261022T010000Z\nSUMMARY:Over midnight",),
            "",
            ["22.10. 00:00-03:00 Over midnight"],
        ),
        (("UID:1\nDTSTART:20261021T100000Z\nDTEND:20261021T080000Z\nSUMMARY:Swapped",), "", None),
        (("UID:1\nDTSTART:20261021T100000Z\nSTATUS:CANCELLED\nSUMMARY:Off",), "", []),
        (
            (
                "UID:1\nDTSTART:20261021T100000Z\nRRULE:FREQ=DAILY;COUNT=2\nSUMMARY:On",
                "UID:1\nRECURRENCE-ID:20261022T100000Z\nDTSTART:20261022T100000Z\nSTATUS:CANCELLED\nSUMMARY:On",
            ),
            "",
            ["21.10. 12:00-12:00 On"],
        ),
        (
            ("UID:1\nDTSTART:20250101T000000Z\nDTEND:20280101T000000Z\nSUMMARY:Years",),
            "",
            ["01.01. 01:00-01:00 Years"],
        ),
        (("UID:1\nDTSTART:20261021T100000Z",), "", ["21.10. 12:00-12:00 "]),
    ],
)  # fmt: skip
def test_the_calendars_of_real_programs_are_read(
    events: tuple[str, ...], head: str, expected: list[str] | None
) -> None:
    """Zones, clock changes, all-day events, exceptions and missing ends are as a person sees them."""
    found = [shown(event) for event in expand(*events, head=head)]
    if expected is not None:
        assert found == expected
    else:
        assert len(found) == 1


def test_the_place_of_an_event_is_read() -> None:
    """It has its escapes resolved."""
    assert [event.place for event in expand(OUTLOOK)] == ["Raum 2"]
    assert [event.place for event in expand(NEXTCLOUD)] == [None]


BOMBS = [
    "DTSTART:20261021T100000Z\nRRULE:FREQ=SECONDLY",
    "DTSTART:20261021T100000Z\nRRULE:FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE="
    + ",".join(map(str, range(60)))
    + ";BYSECOND=1,2",
    "DTSTART:20261021T100000Z\nRDATE:" + ",".join(["20261021T100000Z"] * 6000),
    "DTSTART:20261021T100000Z\nRRULE:FREQ=WEEKLY;UNTIL=never",
    "DTSTART:20261021T100000Z\nRRULE:FREQ=SOMETIMES",
    "DTSTART:99999999T999999\nRRULE:FREQ=DAILY",
    "DTSTART:20261021T100000Z\nDURATION:forever",
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_an_event_that_cannot_be_read_is_left_out_and_counted(bomb: str) -> None:
    """The others are shown."""
    found = expanding.expand(ics(f"UID:1\n{bomb}\nSUMMARY:Bomb", NEXTCLOUD), BEGIN, UNTIL)
    assert [event.title for event in found.events] == ["Grandma is here 🎂"]
    assert found.left_out == 1


def test_a_series_that_takes_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a rule that never matches, from the first day of the calendar on."""
    monkeypatch.setattr(expanding, "SERIES_SECONDS", 0.5)
    slow = "UID:1\nDTSTART:00010101T100000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30\nSUMMARY:Slow"
    found = expanding.expand(ics(slow, NEXTCLOUD), BEGIN, UNTIL)
    assert [event.title for event in found.events] == ["Grandma is here 🎂"]
    assert found.left_out == 1


def test_all_series_together_have_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left after it is counted."""
    monkeypatch.setattr(expanding, "ALL_SECONDS", 0.0)
    found = expanding.expand(ics(NEXTCLOUD, GOOGLE), BEGIN, UNTIL)
    assert (found.events, found.left_out) == ((), 2)


def test_of_many_events_the_first_ones_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes later counts as unknown, and not as free."""
    monkeypatch.setattr(expanding, "MAX_EVENTS", 2)
    found = expanding.expand(
        ics("UID:1\nDTSTART:20261021T100000Z\nRRULE:FREQ=HOURLY\nSUMMARY:x"), BEGIN, UNTIL
    )
    assert [event.begin for event in found.events] == [1792576800.0, 1792580400.0]
    assert found.until == 1792584000.0


LINES = st.sampled_from(
    """
BEGIN:VEVENT
END:VEVENT
UID:1
DTSTART:20261021T100000Z
DTSTART;VALUE=DATE:20261022
DTSTART;TZID=Nowhere:20261021T1000
DTEND:20261021
DURATION:-P1D
RRULE:FREQ=DAILY;COUNT=0
RRULE:FREQ=YEARLY;BYWEEKNO=99
RECURRENCE-ID:20261021T100000Z
EXDATE:20261021
RDATE;VALUE=PERIOD:20261021T100000Z/PT1H
SUMMARY:a
SUMMARY:b
SEQUENCE:x
STATUS;X=:
BEGIN:VTIMEZONE
END:VTIMEZONE
TZID:Nowhere
X-WR-TIMEZONE:../x
""".splitlines()[1:]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(LINES | st.text(max_size=20), max_size=25))
def test_any_text_is_expanded_or_left_out(lines: list[str]) -> None:
    """A broken calendar raises nothing, and each event ends after it has begun."""
    found = expanding.expand("\r\n".join(["BEGIN:VCALENDAR", *lines, "END:VCALENDAR"]), BEGIN, UNTIL)
    assert all(event.begin <= event.end for event in found.events)
