"""A calendar as an ICS file: on this machine, or on the web (https, webcal).

An address from the web is read every 15 minutes. A file of this machine is also read when it changes. A
server that knows ETag or Last-Modified sends the calendar only if it has changed.
"""

import asyncio
import stat
from contextlib import suppress
from pathlib import Path

from daemons.drivers.ical import web
from daemons.drivers.ical.reader import expand_in_program
from daemons.drivers.ical.refresh import CalendarDriver, Span, require_libraries
from daemons.drivers.ical.result import Expanded
from daemons.drivers.ical.web import MAX_BYTES, CalendarUrl, Server, ServerOptions, https_of
from daemons.drivers.transports.http_post import parse_url
from daemons.drivers.transports.http_response import BadResponse
from daemons.drivers.transports.secret import SecretFile, read_secret
from daemons.errors import HouseError, StorageError

require_libraries()
NOT_MODIFIED = 304
LOOK_SECONDS = 2.0
"""How soon a changed file is noticed."""
FileVersion = tuple[int, int, int]


class Options(ServerOptions, frozen=True, kw_only=True):
    """The options of a calendar as an ICS file."""

    url: CalendarUrl | None = None
    """Its address: https, http or webcal."""
    url_file: SecretFile | None = None
    """The file with that address, an absolute path, if the address itself is secret, as with Google."""
    file: SecretFile | None = None
    """The calendar as a file of this machine, an absolute path, in place of an address."""

    def __post_init__(self) -> None:
        """Raise ValueError if the calendar is not named once, and for options that cannot be used."""
        self.check()
        if (self.url, self.url_file, self.file).count(None) != 2:  # noqa: PLR2004  all but one
            raise ValueError("one of url, url_file and file names the calendar")
        if self.file is not None and self.user is not None:
            raise ValueError("user goes with url or url_file")
        if self.url is not None:
            parse_url(https_of(self.url))


class Ics(CalendarDriver[Options]):
    """A calendar as an ICS file: on this machine, or on the web (https, webcal)."""

    options_type = Options

    def __init__(self, device: str, options: Options) -> None:
        super().__init__(device, options)
        self.look_seconds = None if options.file is None else LOOK_SECONDS
        self._version: FileVersion | None = None
        """The version of the file when it was last read; None if it was not there."""
        self._validators: dict[str, str] = {}
        """The headers that ask whether the calendar has changed."""

    @property
    def where(self) -> str:
        """The server or the file."""
        if self.options.file is not None:
            return self.options.file
        try:
            return parse_url(self._url()).where
        except (HouseError, ValueError):
            return "its calendar"

    async def fetch(self, span: Span, *, is_whole: bool) -> Expanded | None:
        """Return the events, if they may have changed."""
        if self.options.file is not None:
            return await self._fetch_file(Path(self.options.file), span, is_whole=is_whole)
        url, password = self._url(), read_secret(self.device, self.options.password_file)
        headers = {"Accept": "text/calendar, */*;q=0.5", **({} if is_whole else self._validators)}
        async with asyncio.timeout(self.options.timeout_seconds):
            answer, _ = await Server(self.options, url, password).send("GET", url, headers)
        if answer.status == NOT_MODIFIED and not is_whole:
            return None
        if not web.is_ok(answer):
            raise web.refusal(answer)
        found = await expand_in_program(answer.body, span.begin, span.until, "ics")
        asks = {"If-None-Match": "etag", "If-Modified-Since": "last-modified"}
        self._validators = {ask: answer.headers[name] for ask, name in asks.items() if name in answer.headers}
        return found

    async def look(self) -> bool:
        """Return whether the file has changed."""
        version = None
        if self.options.file is not None:
            with suppress(OSError):
                version = await asyncio.to_thread(file_version, Path(self.options.file))
        return version != self._version

    async def _fetch_file(self, path: Path, span: Span, *, is_whole: bool) -> Expanded | None:
        async with asyncio.timeout(self.options.timeout_seconds):
            before, self._version = self._version, None
            self._version = await asyncio.to_thread(file_version, path)
            if self._version == before and not is_whole:
                return None
            body = await asyncio.to_thread(read_file, path)
        return await expand_in_program(body, span.begin, span.until, "ics")

    def _url(self) -> str:
        """Return the address; raises StorageError, without the address, if its file has none."""
        if self.options.url is not None:
            return https_of(self.options.url)
        url = https_of(read_secret(self.device, self.options.url_file) or "")
        try:
            parse_url(url)
        except ValueError as error:
            raise StorageError(f"{self.options.url_file}: {error}") from None
        return url


def file_version(path: Path) -> FileVersion:
    """Return what changes when a file is written; raises OSError."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_file(path: Path) -> bytes:
    """Return a calendar; raises OSError, or BadResponse for what is too long or no file."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise BadResponse("it is no file")
    with path.open("rb") as file:
        body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise BadResponse(f"it is longer than {MAX_BYTES / 1e6:g} MB")
    return body
