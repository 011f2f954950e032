"""Expands the events of a calendar into their occurrences; the only file that loads the libraries for it.

The libraries are heavy, and a stranger wrote the text. So this runs in a process of its own (`program.py`),
and each series has a time limit. A series that cannot be read is left out and counted.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from daemons.drivers.ical.result import Expanded
from daemons.drivers.ical.split import Span, split
from daemons.kinds import CalendarEvent

SERIES_SECONDS = 1.0
"""The processor time that the occurrences of one series may take."""
ALL_SECONDS = 15.0
"""The processor time that all series together may take; the others are left out."""
AGAIN_SECONDS = 0.1
"""The timer raises again after this time: Python drops an error that is raised in a finalizer."""
MAX_EVENTS = 500
MAX_TEXT = 300
"""The longest title or place, in characters."""
MARGIN = timedelta(days=2)
"""No zone, and no clock change, moves an event by more."""
DAY_SECONDS = 86_400.0


def expand(text: str, begin: float, until: float) -> Expanded:
    """Return the occurrences of one or more calendars from `begin` to `until` (Unix seconds)."""
    first, last = datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(until, UTC)
    parts = split(text, Span((first - MARGIN).date(), (last + MARGIN).date()))
    end = time.process_time() + ALL_SECONDS
    for zone in parts.zones:  # the library remembers a zone by its name
        with suppress(Exception), limit(end - time.process_time()):
            icalendar.Calendar.from_ical(
                f"BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\n{zone.strip()}\r\nEND:VTIMEZONE\r\nEND:VCALENDAR\r\n"
            )
    head = f"X-WR-TIMEZONE:{parts.zone_of_all}\n" if is_zone(parts.zone_of_all) else ""
    found: list[CalendarEvent] = []
    left_out = parts.refused
    for series in parts.series:
        events = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in series)
        try:
            with limit(end - time.process_time()):
                calendar = icalendar.Calendar.from_ical(
                    f"BEGIN:VCALENDAR\n{head}{events}END:VCALENDAR\n".replace("\n", "\r\n")
                )
                query = recurring_ical_events.of(calendar)
                found += [event_of(one) for one in query.between(first, last) if not is_cancelled(one)]
        except Exception:  # noqa: BLE001  the libraries raise many errors for a broken event
            left_out += 1
    found.sort(key=lambda one: (one.begin, one.end, one.title))
    if len(found) > MAX_EVENTS:
        until = min(until, found[MAX_EVENTS].begin)
    return Expanded(tuple(found[:MAX_EVENTS]), until, parts.is_calendar, parts.is_whole, left_out)


@contextmanager
def limit(left_seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block if it takes too much processor time."""
    if left_seconds <= 0:
        raise TimeoutError
    before = signal.signal(signal.SIGPROF, raise_timeout)
    signal.setitimer(signal.ITIMER_PROF, min(left_seconds, SERIES_SECONDS), AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def raise_timeout(_number: int, _frame: FrameType | None) -> None:
    """Raise TimeoutError: the timer has sent its signal."""
    raise TimeoutError


def is_zone(name: str | None) -> bool:
    """Return whether the system knows a zone of this name."""
    try:
        return name is not None and bool(ZoneInfo(name))
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return False


def is_cancelled(component: Any) -> bool:
    """Return whether an event, or one occurrence of it, was cancelled."""
    return text_of(component, "STATUS").strip().upper() == "CANCELLED"


def event_of(component: Any) -> CalendarEvent:
    """Return an occurrence, as the library has it."""
    begin, end = component["DTSTART"].dt, component["DTEND"].dt
    is_all_day = not isinstance(begin, datetime)
    if is_all_day != (not isinstance(end, datetime)):
        end = begin
    seconds, is_local = seconds_of(begin)
    end_seconds = max(seconds, seconds_of(end)[0])
    if is_all_day:
        end_seconds = max(end_seconds, seconds + DAY_SECONDS)
    title, place = text_of(component, "SUMMARY"), text_of(component, "LOCATION")
    return CalendarEvent(seconds, end_seconds, title, place or None, is_all_day, is_local)


def seconds_of(moment: date | datetime) -> tuple[float, bool]:
    """Return a moment in seconds, and whether it is a time without a zone."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC).timestamp(), True
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC).timestamp(), True
    return moment.timestamp(), False


def text_of(component: Any, name: str) -> str:
    """Return the text of a property, or of the first one of this name."""
    found = component.get(name, "")
    return str(found[0] if isinstance(found, list) else found)[:MAX_TEXT]
