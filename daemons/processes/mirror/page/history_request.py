"""Parses the parameters of a request for the history, and answers with JSON or with a table."""

import re
import time
from collections.abc import Callable, Collection
from http import HTTPStatus

from daemons.processes.mirror.page.request import Request
from daemons.processes.mirror.page.responses import HttpError, Response
from daemons.processes.mirror.page.view import View
from daemons.storage.history_query import HistoryQuery
from daemons.values import Seconds

PARAMETERS = {"device", "since", "until", "points", "stretches"}
POINTS, STRETCHES = range(10, 2001), range(10, 1001)
"""How many points of a measurement, and stretches of a device, a request may ask for."""
DEFAULT_POINTS, DEFAULT_STRETCHES = 300, 1000
UNIX_SECONDS = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,9})?")
MOST_DIGITS = 4
FILE_NAME = "history.csv"


def parse_query(
    request: Request, view: View, peers: Collection[str], timezone: str, refuse: Callable[[str], HttpError]
) -> HistoryQuery:
    """Return what a request for the history asks for; raises HttpError for a mistake in it.

    `refuse` returns the error for a device that the client may not see.
    """
    names = request.query.get("device", [])
    for name in names:
        if not view.is_visible(name):
            raise refuse(name)
        if name not in peers:
            raise HttpError(HTTPStatus.NOT_FOUND, f"there is no device {name!r}")
    if unknown := request.query.keys() - PARAMETERS:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"unknown parameter {min(unknown)!r}")
    now = time.time()
    first = {key: values[0] for key, values in request.query.items()}
    since = parse_time(first.get("since", "1h"), now)
    until = parse_time(first["until"], now) if "until" in first else now
    if not since < until:
        raise HttpError(HTTPStatus.BAD_REQUEST, "since must be earlier than until")
    seen = tuple(filter(view.is_visible, peers))
    return HistoryQuery(
        names=tuple(names) or seen,
        since=since,
        until=until,
        points=parse_number("points", first, POINTS, DEFAULT_POINTS),
        stretches=parse_number("stretches", first, STRETCHES, DEFAULT_STRETCHES),
        visible=None if view.visible is None else seen,
        timezone=timezone,
        csv=request.path.endswith(".csv"),
        zipped=accepts_gzip(request),
    )


def parse_number(name: str, given: dict[str, str], allowed: range, default: int) -> int:
    """Return a parameter that is a number; raises HttpError for anything else."""
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS and int(text) in allowed):
        reason = f"{name} must be a whole number from {allowed.start} to {allowed.stop - 1}"
        raise HttpError(HTTPStatus.BAD_REQUEST, reason)
    return int(text)


def history_response(query: HistoryQuery, content: bytes) -> Response:
    """Return the response with the answer to a query."""
    headers = {"Content-Type": "application/json; charset=utf-8", "Vary": "Accept-Encoding"}
    if query.csv:
        headers["Content-Type"] = "text/csv; charset=utf-8; header=present"
        headers["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
    if query.zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(headers=headers, body=content)


def accepts_gzip(request: Request) -> bool:
    """Return whether the client accepts a compressed answer."""
    words = request.headers.get("accept-encoding", "").lower().replace(" ", "").split(",")
    return any(re.fullmatch(r"gzip(;q=(0\.0*[1-9][0-9]*|1(\.0*)?))?", word) for word in words)


def parse_time(text: str, now: float) -> float:
    """Return a duration before `now`, or Unix seconds, as Unix seconds; raises HttpError otherwise.

    What lies before 1970 is the beginning of 1970.
    """
    if UNIX_SECONDS.fullmatch(text):
        return max(0.0, float(text))
    try:
        return max(0.0, now - Seconds.parse(text))
    except ValueError:
        reason = f"{text[:40]!r} is not a time; allowed: how long ago, such as 2h, or Unix seconds"
        raise HttpError(HTTPStatus.BAD_REQUEST, reason) from None
