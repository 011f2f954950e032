"""A calendar: the event that is on, the next one, and the events of the next days.

An event begins and ends on time also while the source cannot be reached: the memory has the events of some
days. If the source was not read for `stale_after`, all values become unknown. A device of this kind can
count only the events that `match` some words, so that a rule can wait for exactly these.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import Ability, CalendarEvent, CalendarEvents, Load, Machine, Reading, Setting
from daemons.kinds.agenda.occurrence import Occurrence, event_fields, list_text, next_fields, occurrence
from daemons.kinds.agenda.options import DAY_SECONDS, Options
from daemons.kinds.agenda.text import clean, pattern

Phase = Literal["unknown", "stale", "free", "event"]
EVENT = "event"
MAX_KEPT = 60
"""The most events in the memory."""
MAX_TEXT = 100
"""The longest title or place, in characters."""
LATEST = 4e9
"""An event at a later time (Unix seconds) is not shown."""
CLOCK_STEP_SECONDS = 0.5
"""A clock that differs by less was not set."""
ROUNDING_SECONDS = 1e-3
WRITE_SHARE = 20
"""An unchanged calendar is written to the journal only after this part of `stale_after`."""


class CalendarMemory(Struct, frozen=True):
    """The memory of a calendar."""

    heard_at: float | None = None
    """When the source was last read, in steady seconds, to a twentieth of `stale_after`; None: never, or
    too long ago."""
    was_heard: bool = False
    """Whether the source was ever read."""
    events: tuple[CalendarEvent, ...] = ()
    """The events that count, in order of their begin."""
    until: float = 0.0
    """Until when they are known, in Unix seconds."""
    offset: float | None = None
    """The wall clock less the steady clock; None until the wall clock is known to be right."""
    at: float | None = None
    """The last moment at which time made a difference, in Unix seconds; None while it is unknown."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of a calendar."""

    status: bool
    """Whether an event is on."""
    phase: Phase
    event: str | None
    """The title of the event that is on; of several, the one that began first."""
    event_begin: int | None
    """In Unix seconds, as all times here."""
    event_end: int | None
    all_day: bool
    """Whether this event is an all-day one."""
    location: str | None
    next_event: str | None
    """The title of the next event that has not begun, within `days`."""
    next_begin: int | None
    next_end: int | None
    next_all_day: bool
    next_in_minutes: float | None
    """The whole minutes until the next event."""
    today: bool | None
    """Whether any event is on today; None if that is unknown."""
    tomorrow: bool | None
    events: str | None
    """The events of the next days, a line for each: `BEGIN END TITLE`. The times of an all-day event are
    its first and its last day."""
    more_events: int
    """How many events of these days are not in the list."""
    fault: str | None = None


class Calendar(Machine[Options, CalendarMemory]):
    """A calendar: the event that is on, the next one, and the events of the next days."""

    drives = False
    needs = frozenset[Ability]({"events"})
    options_type = Options
    memory_type = CalendarMemory
    state_type = State
    resting_phases = ("unknown", "stale", "free", "event")
    unknown_phases = ("unknown", "stale")
    unrecorded = frozenset({"next_in_minutes"})
    page_fields = frozenset({"events", "more_events"})
    detections = {EVENT: None}  # noqa: RUF012
    uses_clock = True
    _kept: tuple[CalendarEvents | None, float, tuple[CalendarEvent, ...], float] = None, 0.0, (), 0.0
    """The last reading with the day of its selection, and what was selected: a reading is handled again and
    again."""
    _occurring: tuple[tuple[CalendarEvent, ...] | None, tuple[Occurrence, ...]] = None, ()
    _shown: tuple[CalendarMemory | None, dict[str, Any]] = None, {}

    @classmethod
    def detects(cls, options: Options) -> str:  # noqa: ARG003  the same with all options
        """Return that its status detects an event."""
        return EVENT

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:
        """Return its phases. Outside an event, the fields of the event have no value."""
        none: dict[str, Scalar] = {"status": False, "event": None, "location": None, "all_day": False}
        lasts: dict[str, Scalar] = {} if options.all_day is None else {"all_day": options.all_day}
        return (
            {"phase": "unknown", **none, "today": None, "tomorrow": None},
            {"phase": "stale", **none, "today": None, "tomorrow": None},
            {"phase": "free", **none},
            {"phase": "event", "status": True, **lasts},
        )

    def handle_command(self, memory: CalendarMemory, command: Struct, now: float) -> CalendarMemory:
        """Return the memory unchanged: it has no commands."""
        return memory

    def resume(self, memory: CalendarMemory, now: float) -> CalendarMemory:
        """Forget the wall clock: it may have been wrong or set meanwhile."""
        return replace(memory, offset=None, at=None)

    def update_clock(self, memory: CalendarMemory, offset: float | None, now: float) -> CalendarMemory:
        """Go by the wall clock, as soon as it is right; None while it is not."""
        old = memory.offset
        is_set = offset is None or old is None or abs(offset - old) >= CLOCK_STEP_SECONDS
        if offset == old or not is_set:
            return memory
        return self.advance(replace(memory, offset=offset), now)

    def advance(self, memory: CalendarMemory, now: float) -> CalendarMemory:
        """Go to the latest begin or end of an event or a day; forget all values that are too old."""
        if memory.heard_at is None:
            return memory
        if now >= memory.heard_at + self.options.stale_seconds:
            return CalendarMemory(was_heard=True, offset=memory.offset)
        at = None if memory.offset is None else self._last_moment(memory, self._wall(memory.offset, now))
        return memory if at == memory.at else replace(memory, at=at)

    def adopt(self, memory: CalendarMemory, reading: Reading, now: float) -> CalendarMemory:
        """Change nothing: `update_measurements` stores the reading."""
        return memory

    def update_measurements(self, memory: CalendarMemory, reading: Reading, now: float) -> CalendarMemory:
        """Store the events that count."""
        if reading.calendar is None or reading.at is None:
            return memory
        if now >= reading.at + self.options.stale_seconds:
            return memory
        events, until = self._select(reading.calendar, memory.offset, now)
        new = replace(memory, heard_at=memory.heard_at, was_heard=True, events=events, until=until)
        is_write_due = reading.at - (memory.heard_at or 0.0) > self.options.stale_seconds / WRITE_SHARE
        if memory.heard_at is not None and new == memory and not is_write_due:
            return memory
        return self.advance(replace(new, heard_at=reading.at), now)

    def next_deadline(self, memory: CalendarMemory) -> float | None:
        """Return when an event or a day begins or ends next, or when the values are too old."""
        if memory.heard_at is None:
            return None
        stale_at = memory.heard_at + self.options.stale_seconds
        if memory.offset is None or memory.at is None:
            return stale_at
        return min(stale_at, self._next_moment(memory, memory.at) - memory.offset)

    def desired_setting(self, memory: CalendarMemory) -> Setting:
        """Return off: it switches nothing."""
        return Setting(on=False)

    def state(self, memory: CalendarMemory, reading: Reading, now: float) -> State:
        """Return the event that is on, the next one, and the list."""
        known, shown = self._shown
        if known is not memory:
            shown = self._fields(memory)
            self._shown = memory, shown
        minutes = None
        if shown["next_begin"] is not None and memory.offset is not None:
            minutes = float(max(0.0, shown["next_begin"] - self._wall(memory.offset, now)) // 60)
        return State(**shown, next_in_minutes=minutes, fault=reading.fault)

    def power_profile(self) -> tuple[Load, ...]:
        """Return a power of zero."""
        return ((1.0, 0.0),)

    # Which events count

    def _select(
        self, calendar: CalendarEvents, offset: float | None, now: float
    ) -> tuple[tuple[CalendarEvent, ...], float]:
        """Return the events that count and are not long over, and until when they are known."""
        over = -1.0 if offset is None else (now + offset) // DAY_SECONDS * DAY_SECONDS - DAY_SECONDS
        known, known_over, kept, until = self._kept
        if known is calendar and known_over == over:
            return kept, until
        counting = [one for one in map(cleaned, calendar.events) if self._counts(one)]
        found = sorted(
            (one for one in self._occurrences(counting) if one.on_until > over),
            key=lambda one: (one.begin, not one.event.is_all_day, one.end, one.event.title),
        )
        until = calendar.until if len(found) <= MAX_KEPT else min(calendar.until, found[MAX_KEPT].begin)
        kept = tuple(one.event for one in found[:MAX_KEPT])
        self._kept = calendar, over, kept, until
        return kept, until

    def _counts(self, event: CalendarEvent) -> bool:
        if not 0 <= event.begin <= event.end <= LATEST:
            return False
        if self.options.all_day not in (None, event.is_all_day):
            return False
        return not self.options.words or any(
            pattern(word).search(event.title.casefold()) for word in self.options.words
        )

    # Time

    def _wall(self, offset: float, now: float) -> float:
        """Return the wall clock. At a deadline, it is surely not before the moment of the deadline."""
        return now + offset + ROUNDING_SECONDS

    def _last_moment(self, memory: CalendarMemory, wall: float) -> float:
        """Return the latest moment until `wall` at which an event or a day begins or ends."""
        return max(at for at in (*self._moments(memory), self._midnight(wall, 0)) if at <= wall)

    def _next_moment(self, memory: CalendarMemory, wall: float) -> float:
        """Return the next such moment."""
        return min(at for at in (*self._moments(memory), self._midnight(wall, 1)) if at > wall)

    def _moments(self, memory: CalendarMemory) -> list[float]:
        """Return each begin and end of an event, and the end of what is known."""
        found = self._occurrences(memory.events)
        return [memory.until, *(at for one in found for at in (one.begin, one.on_until))]

    def _occurrences(self, events: Sequence[CalendarEvent]) -> tuple[Occurrence, ...]:
        """Return events with their times in the zone of the house."""
        known, found = self._occurring
        if known is not events:
            found = tuple(occurrence(one, self.zone) for one in events)
            if isinstance(events, tuple):
                self._occurring = events, found
        return found

    def _midnight(self, wall: float, days: int) -> float:
        """Return the begin of the local day, or of a later day."""
        day = datetime.fromtimestamp(wall, self.zone).date() + timedelta(days=days)
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp()

    # What is shown

    def _fields(self, memory: CalendarMemory) -> dict[str, Any]:
        """Return all fields that follow from the memory alone."""
        at = memory.at
        if at is None or at >= memory.until:
            is_stale = memory.was_heard and (memory.heard_at is None or at is not None)
            return {
                "status": False,
                "phase": "stale" if is_stale else "unknown",
                **event_fields(None),
                **next_fields(None),
                **dict.fromkeys(("today", "tomorrow", "events")),
                "more_events": 0,
            }
        midnights = [self._midnight(at, days) for days in (0, 1, 2, self.options.days)]
        found = self._occurrences(memory.events)
        on = next((one for one in found if one.begin <= at < one.on_until), None)
        coming = next((one for one in found if at < one.begin < midnights[3]), None)
        listed = [one for one in found if one.is_on_between(at, midnights[3])]
        text = list_text(listed)
        return {
            "status": on is not None,
            "phase": "free" if on is None else "event",
            **event_fields(on),
            **next_fields(coming),
            "today": any(one.is_on_between(*midnights[:2]) for one in found),
            "tomorrow": any(one.is_on_between(*midnights[1:3]) for one in found),
            "events": text,
            "more_events": len(listed) - len(text.splitlines()),
        }


def cleaned(event: CalendarEvent) -> CalendarEvent:
    """Return an event whose texts have no control characters and are not long; strangers write them."""
    title, place = clean(event.title, MAX_TEXT) or "(no title)", clean(event.place or "", MAX_TEXT) or None
    return replace(event, title=title, place=place)
