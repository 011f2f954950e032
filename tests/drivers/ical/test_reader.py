"""The program that expands a calendar: it has limits, and the device goes on without it."""

import asyncio
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from daemons.drivers.ical import reader
from daemons.drivers.ical.refresh import span_at
from daemons.drivers.ical.result import Expanded
from daemons.drivers.transports.http_response import BadResponse
from tests.support.calendar_server import MULTISTATUS, ics
from tests.support.patience import patience

pytest.importorskip("daemons.drivers.ical.expand", exc_type=ImportError)
SPAN = span_at(datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp())
DENTIST = "UID:1\nDTSTART:20261128T100000Z\nDTEND:20261128T110000Z\nSUMMARY:Zahnärztin"


def expand(body: bytes, form: str = "ics") -> Expanded:
    """Expand a calendar in the program."""
    return asyncio.run(reader.expand_in_program(body, *SPAN, form))


def test_the_program_prints_the_events() -> None:
    """Titles may have any letters."""
    assert [event.title for event in expand(ics(DENTIST).encode()).events] == ["Zahnärztin"]


@pytest.mark.long
def test_the_program_reads_the_answer_of_a_caldav_server() -> None:
    """An answer that is none is refused with the reason."""
    data = f"<D:response><C:calendar-data>{ics(DENTIST)}</C:calendar-data></D:response>"
    assert len(expand(MULTISTATUS.format(data).encode(), "xml").events) == 1
    with pytest.raises(BadResponse, match="its answer is not XML"):
        expand(b"<html>", "xml")


@pytest.mark.long
@pytest.mark.parametrize(
    "body",
    [
        ("BEGIN:VCALENDAR\n" + "BEGIN:VEVENT\nUID:1\n" * 500_000).encode(),
        ics(*(f"UID:{n}\nDTSTART:00010101T000000Z\nRRULE:FREQ=DAILY" for n in range(2000))).encode(),
        ics("UID:1\nDTSTART:20261128T100000Z\nEXDATE:" + "20261128T100000Z," * 600_000).encode(),
        b"\0" * 10_000_000,
        ics(f"UID:1\nDTSTART:20261128T100000Z\nSUMMARY:{'x' * 9_000_000}").encode(),
    ],
    ids=["no end", "endless rules", "many dates", "zeros", "a long title"],
)
def test_a_huge_or_hostile_calendar_ends_within_the_limits(body: bytes) -> None:
    """It is read or refused, and never holds the program for ever."""
    began = time.monotonic()
    try:
        found = expand(body)
    except BadResponse:
        pass
    else:
        assert len(found.events) <= 1
    assert time.monotonic() - began < patience(reader.READ_SECONDS + 10)


@pytest.mark.long
def test_a_program_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is the last line of its errors, or the signal that ended it."""
    monkeypatch.setattr(reader, "PROGRAM", "daemons.no_such_program")
    with pytest.raises(BadResponse, match=r"it cannot be read: .*no_such_program"):
        expand(b"")
    assert reader.reason(-24, b"") == "it takes too much time or memory"


@pytest.mark.long
@pytest.mark.parametrize("word", ["ics", "caldav"])
def test_the_process_of_a_calendar_loads_no_heavy_library(word: str) -> None:
    """Only the program loads them, for a moment."""
    code = f"import sys, daemons.drivers.{word}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"icalendar", "recurring_ical_events", "dateutil", "zoneinfo"} & set(loaded.split())
