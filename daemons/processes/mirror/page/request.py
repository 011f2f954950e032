"""One HTTP request: its head as the page's routes read it, and its body when they ask for it."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import parse_qs

import h11

from daemons.drivers.transports.websocket import WebSocket
from daemons.processes.mirror.page.auth import NO_ACCOUNT
from daemons.processes.mirror.page.responses import HttpError


class Request:
    """One request; the connection that it came on reads its body, and opens its WebSocket."""

    def __init__(
        self,
        head: h11.Request,
        transport: asyncio.WriteTransport,
        read: Callable[[int], Awaitable[bytes]],
        open_websocket: Callable[[], Awaitable[WebSocket]],
    ) -> None:
        """Parse the head; raises HttpError if the target or a header cannot be understood."""
        self.transport = transport
        self.read = read
        """Wait for the whole body of so many bytes at most; raises HttpError if it is too long or late."""
        self.open_websocket = open_websocket
        """Answer with the WebSocket handshake; raises HttpError if the request is none."""
        if not head.http_version.startswith(b"1."):
            raise HttpError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.1 and HTTP/1.0 are supported")
        self.method = head.method.decode()
        self.headers = parse_headers(head)
        self.path, self.query = "", dict[str, list[str]]()
        self._parse_target(head.target.decode())
        self.names: dict[str, str] = {}
        """The variable parts of the path, by their names in the route."""
        self.account = NO_ACCOUNT
        """The account that made the request; the application sets it after it has checked the access."""
        self.remote = str((transport.get_extra_info("peername") or ("",))[0])
        self.is_https = transport.get_extra_info("sslcontext") is not None

    @property
    def content_type(self) -> str:
        """Return the type of the body, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def cookie(self, name: str) -> str | None:
        """Return the value of a cookie."""
        for pair in self.headers.get("cookie", "").split(";"):
            key, _, value = pair.partition("=")
            if key.strip() == name:
                return value.strip()
        return None

    def _parse_target(self, target: str) -> None:
        """Set path and query from the target; in the form for proxies, it names the host too (RFC 9112)."""
        if not target.startswith("/"):
            scheme, _, rest = target.partition("://")
            if scheme.lower() not in ("http", "https"):
                raise HttpError(HTTPStatus.BAD_REQUEST, "the target of the request must be a path")
            self.headers["host"], _, path = rest.partition("/")
            target = f"/{path}"
        self.path, _, query = target.partition("?")
        self.query = parse_qs(query, keep_blank_values=True)


def parse_headers(head: h11.Request) -> dict[str, str]:
    """Return the headers by their names in lower case; the values of a repeated one are joined."""
    headers: dict[str, str] = {}
    try:
        for key, value in head.headers:
            name, text = key.decode(), value.decode()
            separator = "; " if name == "cookie" else ", "
            headers[name] = headers[name] + separator + text if name in headers else text
    except UnicodeDecodeError:
        raise HttpError(HTTPStatus.BAD_REQUEST, "a header is not valid UTF-8") from None
    return headers
