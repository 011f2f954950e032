"""Reads a calendar again and again: at intervals, later after a failure, and anew when the day changes.

A calendar that cannot be read now is no lost hardware: the events that are known hold, and rules go by them.
The fault says why it cannot be read, until the kind finds that its values are too old.
"""

import asyncio
import time
from abc import abstractmethod
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

from daemons.drivers import Remote
from daemons.drivers.ical.result import Expanded
from daemons.drivers.ical.web import ServerOptions
from daemons.drivers.transports.delivery import reason
from daemons.drivers.transports.http_response import BadResponse
from daemons.errors import HouseError
from daemons.kinds import Ability, CalendarEvents
from daemons.runtime.backoff import backoff_seconds, with_jitter
from daemons.runtime.clock import uptime

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

O = TypeVar("O", bound=ServerOptions)  # noqa: E741  O for Options
DAY_SECONDS = 86_400.0
PAST_DAYS, AHEAD_DAYS = 2, 23
"""The days whose events are read: those that a kind can show, and those until it is stale."""
RENEW_SECONDS = 6 * 3600.0
"""How often a calendar is read as a whole, also if the server says that it has not changed."""
FIRST_PAUSE_SECONDS = 30.0
CLOCK_SECONDS = 30.0
"""How soon a clock that was set is noticed."""


def require_libraries() -> None:
    """Raise ModuleNotFoundError if a library is missing that only the program loads."""
    for module, package in (("icalendar", "icalendar"), ("recurring_ical_events", "recurring-ical-events")):
        if find_spec(module) is None:
            raise ModuleNotFoundError(f"No module named {module!r}", name=package)


class Span(NamedTuple):
    """The span of time whose events are read, in Unix seconds."""

    begin: float
    until: float


def span_at(wall: float) -> Span:
    """Return the span at a time; it is the same for the whole day."""
    day = wall // DAY_SECONDS * DAY_SECONDS
    return Span(day - PAST_DAYS * DAY_SECONDS, day + AHEAD_DAYS * DAY_SECONDS)


class CalendarDriver(Remote[O]):
    """A driver that reads a calendar at intervals."""

    abilities: ClassVar[frozenset[Ability]] = frozenset({"events"})
    look_seconds: float | None = None
    """How often `look` is called between two reads, to see a change at once; None: never."""

    def __init__(self, device: str, options: O) -> None:
        super().__init__(device, options)
        self._failures = 0
        self._span: Span | None = None
        """The span of the last read; None if the calendar must be read as a whole."""
        self._whole_at = 0.0
        """When it was read as a whole, in seconds of uptime."""
        self._fault: str | None = None

    @property
    @abstractmethod
    def where(self) -> str:
        """The server or the file, for a reason; without what may be secret."""

    @abstractmethod
    async def fetch(self, span: Span, *, is_whole: bool) -> Expanded | None:
        """Return the events in a span of time; None if they have not changed, which is not with `is_whole`.

        Raises OSError, BadResponse or HouseError. Each wait has a time limit.
        """

    async def look(self) -> bool:
        """Return whether the calendar has changed."""
        return False

    async def run(self, channel: "HardwareChannel") -> None:
        """Read the calendar at intervals."""
        while True:
            try:
                calendar = await self._read()
            except (OSError, BadResponse, HouseError) as error:
                self._failures += 1
                self._span = None
                channel.connect(f"{self.where}: {self._why(error)}")
                pause = backoff_seconds(self._failures, FIRST_PAUSE_SECONDS, self.options.every_seconds)
            else:
                self._failures = 0
                changes = {} if calendar is None else {"calendar": calendar}
                channel.update(**changes, fault=self._fault)
                pause = self.options.every_seconds
            await self._wait(with_jitter(pause))

    async def _read(self) -> CalendarEvents | None:
        """Return the events; None if they have not changed."""
        span = span_at(time.time())
        is_whole = span != self._span or uptime() >= self._whole_at + RENEW_SECONDS
        found = await self.fetch(span, is_whole=is_whole)
        if found is None:
            return None
        self._span, self._whole_at = span, uptime()
        self._fault = None
        if found.left_out:
            self._fault = f"{self.where}: {left_out_text(found.left_out)}"
        return CalendarEvents(found.events, found.until)

    def _why(self, error: Exception) -> str:
        """Return why the calendar cannot be read."""
        if isinstance(error, TimeoutError):
            return f"no answer within {self.options.timeout_seconds:g} s"
        return (
            reason(error) if isinstance(error, OSError) and not isinstance(error, HouseError) else str(error)
        )

    async def _wait(self, pause_seconds: float) -> None:
        """Wait for the next read, or until the calendar changes, or the clock is set."""
        until = uptime() + pause_seconds
        while (left := until - uptime()) > 0:
            await asyncio.sleep(min(left, self.look_seconds or CLOCK_SECONDS))
            begin = span_at(time.time()).begin
            is_set = self._span is not None and abs(begin - self._span.begin) > DAY_SECONDS
            if is_set or await self.look():
                return


def left_out_text(number: int) -> str:
    """Return how many series are left out."""
    them = "one event" if number == 1 else f"{number} events"
    verb = "is" if number == 1 else "are"
    return f"{them} that cannot be read, or would repeat too often, {verb} left out"
