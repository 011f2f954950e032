"""A visitor of the page: HTTP with nothing but the standard library, WebSocket with a foreign one."""

import asyncio
import http.client
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from tests.support.house import PATIENCE, Household

Heard = dict[str, Any]
SMALL = """
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
"""As small as a house with a page can be."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """Give the document."""
        assert self.headers.get_content_type() == "application/json", self
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """Give what a refusal says; it is JSON of the documented form."""
        said = self.json
        assert sorted(said) == ["error", "reason"]
        assert said["error"] == http.client.responses[self.status].lower().replace(" ", "_")
        assert said["reason"]
        return str(said["reason"])


def ask(
    url: str,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    *,
    source: str = "127.0.0.1",
    context: ssl.SSLContext | None = None,
    **headers: str,
) -> Answer:
    """Make one request, with the path as it is written; `source` is the loopback address to come from."""
    where = urlsplit(url)
    assert where.hostname is not None
    assert where.port is not None
    if context:
        made: http.client.HTTPConnection = http.client.HTTPSConnection(
            where.hostname, where.port, timeout=PATIENCE, context=context
        )
    else:
        made = http.client.HTTPConnection(
            where.hostname, where.port, timeout=PATIENCE, source_address=(source, 0)
        )
    try:
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        made.request(method, path if path.startswith(("/", "http")) else "/" + path, body, sent)
        got = made.getresponse()
        return Answer(got.status, got.headers, got.read())
    finally:
        made.close()


def post(url: str, path: str, wish: Any = None, **more: Any) -> Answer:
    """Have something done over HTTP."""
    if wish is None:
        return ask(url, path, "POST", **more)
    return ask(url, path, "POST", json.dumps(wish).encode(), Content_Type="application/json", **more)


def url_of(house: Household) -> str:
    """Wait until a house's page is there, and say where."""
    with house.ear("mirror") as ear:
        ear.until(lambda ear: "mirror" in ear.states and ear.states["mirror"].state["url"])
        return str(ear.states["mirror"].state["url"])


class Live:
    """One who hears the house over the WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.kept: list[Heard] = []
        """What was heard while something else was waited for."""

    async def next(self, *types: str) -> Heard:
        """Give the next message, or the next of these types."""
        async with asyncio.timeout(PATIENCE):
            while True:
                text = await self.socket.recv()
                assert isinstance(text, str), "every message is one text frame"
                heard: Heard = json.loads(text)
                if not types or heard["type"] in types:
                    return heard

    async def until(self, holds: Callable[[Heard], Any]) -> list[Heard]:
        """Give every message up to the first of which something holds."""
        found: list[Heard] = []
        while not found or not holds(found[-1]):
            found.append(await self.next())
        return found

    async def send(self, **message: Any) -> None:
        """Say something."""
        await self.socket.send(json.dumps(message))

    async def do(self, device: str, command: str, **more: Any) -> Heard:
        """Have something done, and give the receipt or the error."""
        await self.send(type="command", device=device, command=command, **more)
        return await self.next("receipt", "error")


@asynccontextmanager
async def live(url: str, query: str = "", **more: Any) -> AsyncIterator[Live]:
    """Be connected to the WebSocket of a page."""
    origin = Origin(more.pop("origin")) if "origin" in more else None
    where = url.replace("http", "ws", 1) + "api/live" + query
    async with connect(where, origin=origin, proxy=None, **more) as socket:
        yield Live(socket)


def standing(now: Heard) -> Heard:
    """Give what is known but for its age, which is another at every telling."""
    return {key: value for key, value in now.items() if key != "age_seconds"}


def numbers(cursor: str) -> tuple[int, int]:
    """Give the life of the mirror and the number of the change in a cursor."""
    boot, _, number = cursor.partition("-")
    return int(boot), int(number)
