"""The routes of the page: which handler answers a method and a path."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote

from daemons.processes.mirror.page.request import Request
from daemons.processes.mirror.page.responses import HttpError, Response

Handler = Callable[[Request], Awaitable[Response | None]]
"""Returns the response, or None if the connection became a WebSocket, which has ended."""


class Route(NamedTuple):
    """One method and path; a part of the path in braces is variable."""

    method: str
    path: str
    handler: Handler


def find_handler(routes: Sequence[Route], request: Request) -> Handler:
    """Return the handler of a request, and give the request its names; GET answers HEAD, too.

    Raises HttpError if there is no such path, or if it has another method.
    """
    allowed = []
    parts = [unquote(part) for part in request.path.split("/")]
    for route in routes:
        names = match(route.path.split("/"), parts)
        if names is None:
            continue
        methods = [route.method, "HEAD"] if route.method == "GET" else [route.method]
        if request.method in methods:
            request.names = names
            return route.handler
        allowed += methods
    if not allowed:
        raise HttpError(HTTPStatus.NOT_FOUND, "there is no such path")
    reason = f"the path has no method {request.method}"
    raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, reason, {"Allow": ", ".join(allowed)})


def match(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    """Return the variable parts of a path by their names; None if the path does not match the pattern."""
    if len(pattern) != len(parts):
        return None
    names = {}
    for expected, part in zip(pattern, parts, strict=True):
        if expected.startswith("{") and part:
            names[expected.strip("{}")] = part
        elif part != expected:
            return None
    return names
