"""The routes of logs: the last lines of a process, and then the new ones as they are written.

A request with `wait` is answered when there are new lines. Its cursor stands for a place in the file. So it
stays valid when the mirror restarts, and over a rotation of the log.
"""

import asyncio
import os
import sys
from collections import Counter
from datetime import tzinfo
from http import HTTPStatus
from zoneinfo import ZoneInfo

from daemons.processes.mirror.page.documents import encode
from daemons.processes.mirror.page.gate import Gate, check_parameters, forbidden, number
from daemons.processes.mirror.page.request import Request
from daemons.processes.mirror.page.responses import HttpError, Response, json_response
from daemons.processes.mirror.page.routes import Route
from daemons.processes.mirror.page.schemas import LogDocument
from daemons.runtime.rotating_file import log_path
from daemons.supervision.log_time import in_house_time
from daemons.supervision.logs import last_lines, read_since
from daemons.values import printable

LINES, WAIT_SECONDS = range(1, 501), range(26)
DEFAULT_LINES = 200
MAX_LINE_LENGTH = 2000
"""A longer line is cut."""
POLL_SECONDS = 0.2
"""How often a log is looked at for a client that waits; that is one stat(2)."""
MAX_WAITS = 4
"""How many requests of one address may wait for lines at once."""
MAX_CURSOR_LENGTH = 60


class LogRoutes:
    """Answers requests for logs."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._waiting = Counter[str]()
        self._zone = ZoneInfo(gate.context.settings.timezone)
        self.routes = (Route("GET", "/api/logs/{name}", self._log),)

    async def _log(self, request: Request) -> Response:
        """Answer with lines of the log of a process."""
        if not request.account.reads_logs:
            raise forbidden(request, "may not read logs: their lines may name any device")
        name = self._gate.process(request)
        if self._gate.context.is_elsewhere(name):
            raise HttpError(HTTPStatus.CONFLICT, f"{name} has no process on this host, so no log here")
        check_parameters(request, "lines", "after", "wait")
        most = number(request, "lines", DEFAULT_LINES, LINES)
        wait_seconds = number(request, "wait", 0, WAIT_SECONDS)
        cursor = request.query.get("after", [None])[0]
        if cursor is not None and len(cursor) > MAX_CURSOR_LENGTH:
            raise HttpError(HTTPStatus.BAD_REQUEST, "this cursor is none of this log")
        document = await asyncio.to_thread(read, name, cursor, most, self._zone)
        if not document.lines and wait_seconds and cursor is not None:
            document = await self._wait(request, name, document.cursor, most, wait_seconds)
        return json_response(encode(document))

    async def _wait(self, request: Request, name: str, cursor: str, most: int, seconds: int) -> LogDocument:
        """Return the next lines, or none after so many seconds."""
        if self._waiting[request.remote] >= MAX_WAITS:
            reason = f"{MAX_WAITS} requests of yours wait for lines already"
            raise HttpError(HTTPStatus.TOO_MANY_REQUESTS, reason, {"Retry-After": "1"})
        self._waiting[request.remote] += 1
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        known: tuple[int, int] | None = None  # a line may have come since the first look
        try:
            while loop.time() < end and not request.transport.is_closing():
                await asyncio.sleep(POLL_SECONDS)
                if (now := identity(name)) == known:
                    continue
                known = now
                document = await asyncio.to_thread(read, name, cursor, most, self._zone)
                cursor = document.cursor
                if document.lines:
                    return document
        finally:
            self._waiting[request.remote] -= 1
            if not self._waiting[request.remote]:
                del self._waiting[request.remote]
        return LogDocument(name=name, lines=(), cursor=cursor, skipped=0)


def read(name: str, cursor: str | None, most: int, zone: tzinfo) -> LogDocument:
    """Return the last lines of a log, or those after a cursor, with their times in a zone."""
    if cursor is None:
        lines, end = last_lines(name, most), read_since(name, None, 0)[1]
    else:
        lines, end = read_since(name, cursor, sys.maxsize)
    shown = tuple(in_house_time(printable(line[:MAX_LINE_LENGTH]), zone) for line in lines[-most:])
    return LogDocument(name=name, lines=shown, cursor=end, skipped=len(lines) - len(shown))


def identity(name: str) -> tuple[int, int]:
    """Return the inode and the size of a log; zeros without one."""
    try:
        status = os.stat(log_path(name))  # noqa: PTH116  many times a second
    except OSError:
        return 0, 0
    return status.st_ino, status.st_size
