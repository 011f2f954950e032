"""The events of a simulated calendar, as a person writes them."""

from datetime import UTC, date, datetime

import pytest

from daemons.drivers.physics.events import EventText, SimulatedCalendar

MONDAY = date(2026, 11, 30)


def local(text: str) -> float:
    """Return a local time as an event has it."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "begin", "end", "title", "is_all_day"),
    [
        ("2026-11-30 Holiday", "2026-11-30", "2026-12-01", "Holiday", True),
        ("2026-11-30/2026-12-02 Christmas fair", "2026-11-30", "2026-12-03", "Christmas fair", True),
        ("mon Bins", "2026-11-30", "2026-12-01", "Bins", True),
        ("mon 17:00-18:00 Piano", "2026-11-30 17:00", "2026-11-30 18:00", "Piano", False),
        ("every day 07:00 School", "2026-11-30 07:00", "2026-11-30 07:00", "School", False),
        ("mon 22:00-02:00 Party", "2026-11-30 22:00", "2026-12-01 02:00", "Party", False),
        ("2026-11-30/2026-12-01 09:00-10:00 Fair", "2026-11-30 09:00", "2026-12-01 10:00", "Fair", False),
        ("mon 24/7 shift", "2026-11-30", "2026-12-01", "24/7 shift", True),
    ],
)
def test_an_event_is_on_its_day(text: str, begin: str, end: str, title: str, is_all_day: bool) -> None:
    """Its times are those of the house's clock."""
    event = EventText.parse(text).on(MONDAY)
    assert event is not None
    assert (event.begin, event.end) == (local(begin), local(end))
    assert (event.title, event.is_all_day, event.is_local) == (title, is_all_day, True)


def test_an_event_is_on_no_other_day() -> None:
    """Each day of the week is one word."""
    assert EventText.parse("tue Bins").on(MONDAY) is None
    assert EventText.parse("2026-12-01 Bins").on(MONDAY) is None


@pytest.mark.parametrize(
    "text",
    [
        "Bins",
        "tue",
        "2026-02-30 x",
        "2026-12-02/2026-12-01 x",
        "mon 25:00 x",
        "mon 7:00 x",
        "mon 07:00-8:00 x",
        "",
        7,
        "mon " + "x" * 300,
    ],
)
def test_a_text_that_is_no_event_is_refused(text: object) -> None:
    """The error shows what is allowed."""
    with pytest.raises(ValueError, match=r"such as|before its first day"):
        EventText.parse(text)


def test_a_calendar_has_the_events_of_the_days_around_now() -> None:
    """The same object is returned for the whole day, so that its kind need not look at it again."""
    calendar = SimulatedCalendar((EventText("mon Bins"), EventText("2030-01-01 New year")))
    wall = datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp()
    found = calendar.events(wall)
    bins = [event.begin for event in found.events if event.title == "Bins"]
    assert bins == [local(day) for day in ("2026-11-30", "2026-12-07", "2026-12-14", "2026-12-21")]
    assert found.until == local("2026-12-23")
    assert calendar.events(wall + 3600) is found
    assert calendar.events(wall + 86_400) is not found
