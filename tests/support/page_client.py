"""Clients of the page: HTTP with the standard library only, and WebSocket with a foreign library."""

import asyncio
import http.client
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.support.house import TemporaryHouse
from tests.support.patience import patience

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

LiveMessage = dict[str, Any]
SMALL_HOUSE = """
[house]
watchdog = "60s"

[recorder]
enabled = false

[devices.mirror]
kind = "mirror"
port = 0

[devices.lamp]
kind = "lamp"
driver = "simulated"
room = "Hall"
"""
"""The smallest house with a page."""


class HttpResponse(NamedTuple):
    """The response to an HTTP request."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """Return the decoded JSON document."""
        assert self.headers.get_content_type() == "application/json", self
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """Return the reason of an error, and check that the document has the documented form."""
        document = self.json
        assert sorted(document) == ["error", "reason"]
        phrases = {**http.client.responses, 413: "Content Too Large"}  # as in RFC 9110
        assert document["error"] == phrases[self.status].lower().replace(" ", "_")
        assert document["reason"]
        return str(document["reason"])


def http_request(
    url: str,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    *,
    source: str = "127.0.0.1",
    context: ssl.SSLContext | None = None,
    **headers: str,
) -> HttpResponse:
    """Send a request with the path exactly as given; `source` is the client's loopback address."""
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    if context:
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            address.hostname, address.port, timeout=patience(), context=context
        )
    else:
        connection = http.client.HTTPConnection(
            address.hostname, address.port, timeout=patience(), source_address=(source, 0)
        )
    try:
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request(method, path if path.startswith(("/", "http")) else "/" + path, body, sent)
        response = connection.getresponse()
        return HttpResponse(response.status, response.headers, response.read())
    finally:
        connection.close()


def http_post(url: str, path: str, document: Any = None, **more: Any) -> HttpResponse:
    """Send a POST request, with a JSON document or without a body."""
    if document is None:
        return http_request(url, path, "POST", **more)
    body = json.dumps(document).encode()
    return http_request(url, path, "POST", body, Content_Type="application/json", **more)


def page_url(house: TemporaryHouse) -> str:
    """Wait until the page of a house is served, and return its URL."""
    with house.listen("mirror") as listener:
        listener.wait_for(
            lambda listener: "mirror" in listener.states and listener.states["mirror"].state["url"]
        )
        return str(listener.states["mirror"].state["url"])


def page_fault(house: TemporaryHouse) -> str:
    """Wait until the mirror publishes why its page is not served, and return that."""
    with house.listen("mirror") as listener:
        listener.wait_for(
            lambda listener: "mirror" in listener.states and listener.states["mirror"].state["fault"]
        )
        assert listener.states["mirror"].state["url"] is None
        return str(listener.states["mirror"].state["fault"])


def make_certificate(certificate: Path, private_key: Path) -> None:
    """Write a certificate for this machine, which no authority has signed, and its key."""
    subprocess.run(
        [  # noqa: S607
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout", private_key, "-out", certificate,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip


class LiveClient:
    """A client of the WebSocket."""

    def __init__(self, socket: "ClientConnection") -> None:
        self.socket = socket
        self.unread: list[LiveMessage] = []
        """Messages that arrived while the test waited for another one."""

    async def receive(self, *types: str) -> LiveMessage:
        """Return the next message, or the next one of these types."""
        async with asyncio.timeout(patience()):
            while True:
                text = await self.socket.recv()
                assert isinstance(text, str), "every message is one text frame"
                message: LiveMessage = json.loads(text)
                if not types or message["type"] in types:
                    return message

    async def receive_until(self, matches: Callable[[LiveMessage], Any]) -> list[LiveMessage]:
        """Return all messages up to the first that matches."""
        found: list[LiveMessage] = []
        while not found or not matches(found[-1]):
            found.append(await self.receive())
        return found

    async def send(self, **message: Any) -> None:
        """Send a message."""
        await self.socket.send(json.dumps(message))

    async def send_command(self, device: str, command: str, **more: Any) -> LiveMessage:
        """Send a command, and return its receipt or its error."""
        await self.send(type="command", device=device, command=command, **more)
        return await self.receive("receipt", "error")


@asynccontextmanager
async def live_client(url: str, query: str = "", **more: Any) -> AsyncIterator[LiveClient]:
    """Connect to the WebSocket of a page; skip the test where the library is not installed."""
    pytest.importorskip("websockets", reason="it is the other library that these tests use")
    from websockets.asyncio.client import connect  # noqa: PLC0415
    from websockets.typing import Origin  # noqa: PLC0415

    origin = Origin(more.pop("origin")) if "origin" in more else None
    address = url.replace("http", "ws", 1) + "api/live" + query
    async with connect(address, origin=origin, proxy=None, **more) as socket:
        yield LiveClient(socket)


def without_age(status: LiveMessage) -> LiveMessage:
    """Return a status without its age, which differs in every message."""
    return {key: value for key, value in status.items() if key != "age_seconds"}


def parse_cursor(cursor: str) -> tuple[int, int]:
    """Return the boot of the mirror and the number of the change in a cursor."""
    boot, _, number = cursor.partition("-")
    return int(boot), int(number)
