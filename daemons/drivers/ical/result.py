"""What the program that expands a calendar prints."""

from msgspec import Struct

from daemons.kinds import CalendarEvent


class Expanded(Struct, frozen=True):
    """The occurrences in a span of time, and what could not be read."""

    events: tuple[CalendarEvent, ...] = ()
    until: float = 0.0
    """Until when they are known, in Unix seconds."""
    is_calendar: bool = True
    """Whether the text is a calendar."""
    is_whole: bool = True
    """Whether the text has an end."""
    left_out: int = 0
    """How many series could not be read, would repeat too often, or took too long."""
    problem: str | None = None
    """Why nothing could be read."""
