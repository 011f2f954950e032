"""One event at its time in the house, and the fields and lines that show it. Pure."""

from datetime import UTC, date, datetime, tzinfo
from typing import Any, NamedTuple

from daemons.kinds import CalendarEvent
from daemons.kinds.agenda.text import cut

MAX_LISTED, MAX_LIST_BYTES = 20, 1000
"""The most events in the list, and the most bytes of the list."""
MAX_LISTED_TEXT = 60
"""The longest title in the list, in characters."""
ENDLESS_SECONDS = 60.0
"""How long an event without an end is on."""


class Occurrence(NamedTuple):
    """An event with its times in Unix seconds."""

    begin: float
    end: float
    event: CalendarEvent

    @property
    def on_until(self) -> float:
        """Until when it is on."""
        return self.end if self.end > self.begin else self.begin + ENDLESS_SECONDS

    def is_on_between(self, begin: float, end: float) -> bool:
        """Return whether it is on at any time from `begin` to before `end`."""
        return self.begin < end and self.on_until > begin


def occurrence(event: CalendarEvent, zone: tzinfo) -> Occurrence:
    """Return an event with its times in Unix seconds; local times count in `zone`."""
    if not event.is_local:
        return Occurrence(event.begin, event.end, event)
    begin, end = (unix(local, zone) for local in (event.begin, event.end))
    return Occurrence(begin, end, event)


def unix(local: float, zone: tzinfo) -> float:
    """Return the Unix seconds of a local time; a time that the clock skips comes as much later."""
    return datetime.fromtimestamp(local, UTC).replace(tzinfo=zone).timestamp()


def event_fields(one: Occurrence | None) -> dict[str, Any]:
    """Return the fields of the event that is on."""
    return {
        "event": one and one.event.title,
        "event_begin": one and round(one.begin),
        "event_end": one and round(one.on_until),
        "all_day": one is not None and one.event.is_all_day,
        "location": one and one.event.place,
    }


def next_fields(one: Occurrence | None) -> dict[str, Any]:
    """Return the fields of the next event."""
    return {
        "next_event": one and one.event.title,
        "next_begin": one and round(one.begin),
        "next_end": one and round(one.on_until),
        "next_all_day": one is not None and one.event.is_all_day,
    }


def list_text(found: list[Occurrence]) -> str:
    """Return the list of events, as many as it can have."""
    lines: list[str] = []
    left = MAX_LIST_BYTES
    for one in found[:MAX_LISTED]:
        line = f"{times_text(one)} {cut(one.event.title, MAX_LISTED_TEXT)}"
        left -= len(line.encode()) + 1
        if left < 0:
            break
        lines.append(line)
    return "\n".join(lines)


def times_text(one: Occurrence) -> str:
    """Return begin and end of an event: Unix seconds, or its first and its last day."""
    if not one.event.is_all_day:
        return f"{round(one.begin)} {round(one.end)}"
    return f"{local_day(one.event.begin)} {local_day(one.event.end - 1)}"


def local_day(local: float) -> date:
    """Return the day of a local time."""
    return datetime.fromtimestamp(local, UTC).date()
