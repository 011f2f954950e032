"""Asks a weather service for its forecast, again and again, as seldom as the service wishes.

The moments of the latest request and of the latest good answer are the times of two files, `asked` and
`answered` in `hardware/NAME`. So a device that is started again and again asks at most once a minute. And a
service counts as unreachable only after an hour without an answer: until then, its last forecast is good.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from daemons.drivers.forecast_server.options import Place
from daemons.drivers.forecast_server.pace import next_after_answer, next_after_failure
from daemons.drivers.forecast_server.values import BadForecast
from daemons.drivers.transports.delivery import quote, reason
from daemons.drivers.transports.http_download import download
from daemons.drivers.transports.http_post import Url
from daemons.drivers.transports.http_response import BadResponse, Response
from daemons.errors import StorageError
from daemons.kinds import About, Forecast
from daemons.runtime.backoff import with_jitter

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

MAX_ANSWER_BYTES = 1 << 20
LEAST_SECONDS = 60.0
"""The least time between two requests, also if the process is started again in between."""
LATE_SECONDS = 3600.0
"""A service that has answered so lately counts as reachable, although the last request has failed."""
OK, NOT_MODIFIED = 200, 304
Parse = Callable[[bytes], Forecast]


class ForecastClient:
    """The requests of one device."""

    def __init__(
        self, device: str, options: Place, url: Url, headers: dict[str, str], about: About, parse: Parse
    ) -> None:
        """`parse` returns the forecast of a body, or raises BadForecast or a MsgspecError."""
        self._options, self._url, self._headers = options, url, headers
        self._about, self._parse = about, parse
        self._asked, self._answered = (Path("hardware") / device / name for name in ("asked", "answered"))
        self._last: tuple[str, Forecast] | None = None
        """The header Last-Modified of the latest forecast, and the forecast."""
        self._failures = 0

    async def run(self, channel: "HardwareChannel") -> None:
        """Ask and report, until the driver is closed."""
        pause = self._seconds_to_wait()
        while True:
            await asyncio.sleep(pause)
            pause = await self._ask(channel)

    async def _ask(self, channel: "HardwareChannel") -> float:
        """Ask once and report the answer; return the pause until the next request."""
        touch(self._asked)
        try:
            async with asyncio.timeout(self._options.timeout_seconds):
                response = await self._download()
        except OSError as error:  # also a TimeoutError, and a StorageError of its file of authorities
            is_late = not 0 <= seconds_since(self._answered) < LATE_SECONDS
            (channel.unreachable if is_late else channel.connect)(f"{self._url.where}: {self._why(error)}")
            return self._fail(None)
        except BadResponse as error:
            channel.connect(f"{self._url.where}: {quote(str(error))}")
            return self._fail(None)
        return self._read(response, channel)

    async def _download(self) -> Response:
        headers = dict(self._headers)
        if self._last:
            headers["If-Modified-Since"] = self._last[0]
        return await download(self._url, headers, MAX_ANSWER_BYTES, self._options.certificate_authority)

    def _read(self, response: Response, channel: "HardwareChannel") -> float:
        """Report the forecast of an answer, or what is wrong with it; return the pause."""
        if response.status == NOT_MODIFIED and self._last:
            forecast = self._last[1]
        elif response.status == OK:
            try:
                forecast = self._parse(response.body)
            except (BadForecast, msgspec.MsgspecError, RecursionError, UnicodeError) as error:
                channel.connect(f"{self._url.where}: its answer is no forecast: {quote(str(error))}")
                return self._fail(None)
            modified = response.headers.get("last-modified")
            self._last = (modified, forecast) if modified else None
        else:
            channel.connect(f"{self._url.where}: {describe(response)}")
            return self._fail(response)
        self._failures = 0
        touch(self._answered)
        channel.update(forecast=forecast, about=self._about)
        return a_little_later(next_after_answer(self._options.every_seconds, response.headers, time.time()))

    def _fail(self, response: Response | None) -> float:
        self._failures += 1
        status, headers = (response.status, response.headers) if response else (None, {})
        every = self._options.every_seconds
        return a_little_later(next_after_failure(self._failures, status, headers, every))

    def _why(self, error: OSError) -> str:
        if isinstance(error, StorageError):
            return str(error)
        if isinstance(error, TimeoutError) and error.errno is None:
            return f"no answer within {self._options.timeout_seconds:g} s"
        return reason(error)

    def _seconds_to_wait(self) -> float:
        """Return how long a process that has just started waits, because the last one has just asked."""
        least, passed = min(LEAST_SECONDS, self._options.every_seconds), seconds_since(self._asked)
        return least - passed if 0 <= passed < least else 0.0


def touch(path: Path) -> None:
    """Set the time of a file to now; if it cannot be written, only the next process misses it."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def seconds_since(path: Path) -> float:
    """Return how long ago a file was touched; infinite if it never was."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")


def a_little_later(seconds: float) -> float:
    """Return a pause that is up to a tenth longer, so that not all clients ask at once."""
    return seconds + (seconds - with_jitter(seconds)) / 5


def describe(response: Response) -> str:
    """Return what is wrong with a status, with what the server says."""
    hints = {
        400: "it refuses the place or the address: correct the options of the driver",
        401: "it wants a login: correct the address",
        403: "it refuses House: see the terms of the service, and correct the options of the driver",
        404: "it does not know this address: correct the address",
        429: "it was asked too often, and is left alone for a while",
    }
    said = ""
    with suppress(msgspec.MsgspecError, RecursionError, UnicodeError):
        found = msgspec.json.decode(response.body[:4096], type=dict[str, object])
        said = quote(str(found.get("reason") or found.get("message") or ""))
    hint = hints.get(response.status, "")
    if 300 <= response.status < 400:  # noqa: PLR2004
        hint = "it redirects to another address: correct the address"
    return ": ".join(filter(None, (f"HTTP {response.status}", hint, said)))
