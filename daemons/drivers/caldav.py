"""A calendar on a CalDAV server: Nextcloud, iCloud, Fastmail, Radicale and others.

The address may be that of the calendar, of the user or of the server. The driver then finds the calendar as
RFC 6764 says. It asks every 15 minutes whether the calendar has changed, and reads it if it has.
"""

import asyncio
from contextlib import suppress
from typing import Annotated
from urllib.parse import urljoin, urlsplit

from msgspec import Meta

from daemons.drivers.ical import web
from daemons.drivers.ical.dav import FIND, Collection, collections_in, query
from daemons.drivers.ical.reader import expand_in_program
from daemons.drivers.ical.refresh import CalendarDriver, Span, require_libraries
from daemons.drivers.ical.result import Expanded
from daemons.drivers.ical.web import CalendarUrl, Server, ServerOptions, https_of
from daemons.drivers.transports.http_post import parse_url
from daemons.drivers.transports.http_response import BadResponse
from daemons.drivers.transports.secret import read_secret
from daemons.values import suggest

require_libraries()
XML = "application/xml; charset=utf-8"
WELL_KNOWN = "/.well-known/caldav"
MULTI_STATUS = 207
MAX_NAMES = 10


class Options(ServerOptions, frozen=True, kw_only=True):
    """The options of a calendar on a CalDAV server."""

    url: CalendarUrl
    """The address of the calendar, of your account or of the server: https or http."""
    calendar: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    """The name of the calendar, if the account has several."""

    def __post_init__(self) -> None:
        """Raise ValueError for options that cannot be used."""
        self.check()
        parse_url(https_of(self.url))


class Caldav(CalendarDriver[Options]):
    """A calendar on a CalDAV server: Nextcloud, iCloud, Fastmail, Radicale and others."""

    options_type = Options

    def __init__(self, device: str, options: Options) -> None:
        super().__init__(device, options)
        self._url = https_of(options.url)
        self._found: str | None = None
        """The address of the calendar; None until it was found."""
        self._tag = ""
        """The text with which the server marks the calendar as it was read."""

    @property
    def where(self) -> str:
        """The server."""
        return parse_url(self._url).where

    async def fetch(self, span: Span, *, is_whole: bool) -> Expanded | None:
        """Return the events, if the calendar may have changed."""
        server = Server(self.options, self._url, read_secret(self.device, self.options.password_file))
        async with asyncio.timeout(self.options.timeout_seconds):
            url, tag = await self._find(server)
            if tag and tag == self._tag and not is_whole:
                return None
            headers = {"Depth": "1", "Content-Type": XML}
            answer, _ = await server.send("REPORT", url, headers, query(*span))
        if answer.status != MULTI_STATUS:
            self._found = None
            raise web.refusal(answer)
        found = await expand_in_program(answer.body, span.begin, span.until, "xml")
        self._tag = tag
        return found

    async def _find(self, server: Server) -> tuple[str, str]:
        """Return the address and the tag of the calendar."""
        if self._found is not None:
            for one in await ask(server, self._found, 0) or ():
                return self._found, one.tag
            self._found = None
        chosen = await self._discover(server)
        self._found = chosen.url
        return chosen.url, chosen.tag

    async def _discover(self, server: Server) -> Collection:
        """Return the calendar to read: at the address itself, or found from there."""
        here = await self._begin(server)
        if here.is_calendar:
            return here
        if here.home is None and here.principal is not None:
            principal = await ask(server, here.principal, 0)
            here = principal[0] if principal else here
        calendars = [one for one in await ask(server, here.home or self._url, 1) or () if one.is_calendar]
        return choose(calendars, self.options.calendar)

    async def _begin(self, server: Server) -> Collection:
        """Return what the server says about the address; for that of a server, at its well-known address."""
        found = None
        if urlsplit(self._url).path in ("", "/"):
            with suppress(NoDav):
                found = await ask(server, urljoin(self._url, WELL_KNOWN), 0)
        found = found or await ask(server, self._url, 0)
        if not found:
            raise BadResponse("there is no CalDAV server at this address")
        return found[0]


class NoDav(BadResponse):
    """The answer is not that of a CalDAV server."""


async def ask(server: Server, url: str, depth: int) -> list[Collection] | None:
    """Return what the server says about an address and what is below it; None if there is nothing.

    Raises BadResponse for any other refusal.
    """
    answer, url = await server.send("PROPFIND", url, {"Depth": str(depth), "Content-Type": XML}, FIND)
    if answer.status == MULTI_STATUS:
        return collections_in(answer.body, url)
    if answer.status in (404, 405, 501):
        return None
    if web.is_ok(answer):
        raise NoDav("this is no CalDAV server; use the address that the calendar's settings show")
    raise web.refusal(answer)


def choose(calendars: list[Collection], name: str | None) -> Collection:
    """Return the calendar with a name, or the only one; raises BadResponse if there is none."""
    names = [one.name or last_part(one.url) for one in calendars]
    if not calendars:
        raise BadResponse("the account has no calendar at this address")
    if name is None and len(calendars) == 1:
        return calendars[0]
    for one, shown in zip(calendars, names, strict=True):
        if name is not None and name.casefold() in (shown.casefold(), last_part(one.url).casefold()):
            return one
    if name is None:
        listed = ", ".join(f'"{shown}"' for shown in names[:MAX_NAMES])
        raise BadResponse(f"the account has several calendars; set caldav.calendar to one of {listed}")
    raise BadResponse(f'the account has no calendar "{name}"; {suggest(name, names)}')


def last_part(url: str) -> str:
    """Return the last part of the path of an address."""
    return urlsplit(url).path.rstrip("/").rpartition("/")[2]
