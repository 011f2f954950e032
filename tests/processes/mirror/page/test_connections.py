"""The number of connections is limited: a flood of idle ones disturbs no client that works."""

import asyncio
import os
import resource
import socket
import ssl
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.house import HouseFactory, eventually
from tests.support.page_client import SMALL_HOUSE, http_request, live_client, make_certificate, page_url
from tests.support.page_server import PageStub, serve_page
from tests.support.patience import patience

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
UNFINISHED_POST = (
    b"POST /api/devices/toaster/stop HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100\r\n\r\n{"
)
UNFINISHED_LOGIN = (
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 100\r\n\r\nt"
)


class RawClient:
    """One TCP connection to the page."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def wait_closed(self) -> None:
        """Wait until the page closes the connection; it may have refused the request before."""
        async with asyncio.timeout(patience()):
            with suppress(ConnectionError):
                await self.reader.read()

    async def is_healthy(self) -> bool:
        """Send a request on this connection, and return whether it succeeds."""
        self.writer.write(GET)
        async with asyncio.timeout(patience()):
            head = await self.reader.readuntil(b"\r\n\r\n")
            await self.reader.readexactly(len(b'{"ok":true}'))
        return head.startswith(b"HTTP/1.1 200 ")


async def connect(stub: PageStub, stack: AsyncExitStack, text: bytes = b"") -> RawClient:
    """Open a connection to the page, and send the beginning of a request."""
    where = urlsplit(stub.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    stack.callback(writer.close)
    writer.write(text)
    return RawClient(reader, writer)


@pytest.mark.parametrize(
    "text", [b"", b"GET /api/ho", UNFINISHED_POST, UNFINISHED_LOGIN], ids=["mute", "head", "body", "form"]
)
async def test_a_flood_of_idle_connections_ends_at_the_limit(run: Path, text: bytes) -> None:
    """The oldest idle connections are closed first; a WebSocket stays, and new requests succeed."""
    stub = PageStub()
    async with serve_page(stub, max_connections=8), AsyncExitStack() as stack:
        client = await stack.enter_async_context(live_client(stub.url))
        await client.receive("house")
        flood = [await connect(stub, stack, text) for _ in range(60)]
        for idle in flood[:53]:
            await idle.wait_closed()
        response = await asyncio.to_thread(http_request, stub.url, "/healthz")
        assert response.status == 200
        stub.publish_state("lamp", status=True)
        assert (await client.receive("change"))["now"]["state"] == {"status": True}
    assert stub.log_output.getvalue() == ""


async def test_below_the_limit_no_connection_is_closed(run: Path) -> None:
    """Connections that were closed by their clients do not count."""
    stub = PageStub()
    async with serve_page(stub, max_connections=8), AsyncExitStack() as stack:
        kept = [await connect(stub, stack) for _ in range(4)]
        assert all([await client.is_healthy() for client in kept])
        for _ in range(40):
            assert await asyncio.to_thread(http_request, stub.url, "/healthz")
        assert all([await client.is_healthy() for client in kept])


async def test_a_connection_that_was_used_last_is_closed_last(run: Path) -> None:
    """The order is that of the last request, not that of the connections."""
    stub = PageStub()
    async with serve_page(stub, max_connections=3), AsyncExitStack() as stack:
        first, second, third = [await connect(stub, stack) for _ in range(3)]
        for client in (first, second, third, first):
            assert await client.is_healthy()
        fourth = await connect(stub, stack)
        await second.wait_closed()
        for client in (first, third, fourth):
            assert await client.is_healthy()


@pytest.mark.parametrize("text", [UNFINISHED_POST, UNFINISHED_LOGIN], ids=["body", "form"])
async def test_a_client_that_leaves_during_its_request_is_not_logged(
    run: Path, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A client may break off at any time, so this is no error of the page."""
    stub = PageStub()
    async with serve_page(stub), AsyncExitStack() as stack:
        for _ in range(4):
            client = await connect(stub, stack, text)
            assert (await asyncio.to_thread(http_request, stub.url, "/healthz")).status == 200
            client.writer.transport.abort()
            assert (await asyncio.to_thread(http_request, stub.url, "/healthz")).status == 200
    assert stub.log_output.getvalue() == ""
    assert caplog.text == ""


@pytest.mark.long
def test_a_page_without_a_free_file_answers_and_logs_one_line(make_house: HouseFactory) -> None:
    """A real mirror whose files run out closes idle connections, and its process goes on."""
    house = make_house(SMALL_HOUSE)
    house.house("up")
    url, pid = page_url(house), house.pids()["mirror"]
    files = len(list(Path(f"/proc/{pid}/fd").iterdir())) + 20
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (files, files))
    where = urlsplit(url)
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection((where.hostname, where.port)))
        eventually(lambda: "cannot accept a connection: Too many open files" in house.log("mirror"))
        eventually(lambda: http_request(url, "/api/house").status == 200)
    assert house.send("lamp", "on")["outcome"] == "applied"
    log = house.log("mirror")
    assert log.count("cannot accept a connection: Too many open files") == 1, log
    assert "Traceback" not in log
    assert house.pids()["mirror"] == pid


def test_garbage_on_the_port_adds_one_line_to_the_log(make_house: HouseFactory) -> None:
    """Requests that are no HTTP leave no traceback in the log of a real mirror."""
    house = make_house(SMALL_HOUSE)
    house.house("up")
    url = page_url(house)
    where = urlsplit(url)
    texts = [
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nA\x1b[31m: b\r\n\r\n",
    ]
    for text in texts * 10:
        with socket.create_connection((where.hostname, where.port), timeout=patience()) as client:
            client.sendall(text + b"GET / HTTP/1.1\r\n" + os.urandom(64) + b"\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                while client.recv(65536):
                    pass
    assert http_request(url, "/healthz").status == 200
    lines = [line for line in house.log("mirror").splitlines() if " WARNING " in line or " ERROR " in line]
    assert len(lines) <= 1, lines
    assert "Traceback" not in house.log("mirror")


async def test_idle_connections_over_https_are_limited_before_their_handshake(
    run: Path, tmp_path: Path
) -> None:
    """A client that never sends its part of the handshake counts as idle."""
    certificate, key = tmp_path / "page.crt", tmp_path / "page.key"
    await asyncio.to_thread(make_certificate, certificate, key)
    trusting = ssl.create_default_context(cafile=str(certificate))
    stub = PageStub(certificate=str(certificate), private_key=str(key))
    async with serve_page(stub, max_connections=8), AsyncExitStack() as stack:
        flood = [await connect(stub, stack) for _ in range(30)]
        for idle in flood[:22]:
            await idle.wait_closed()
        response = await asyncio.to_thread(http_request, stub.url, "/healthz", context=trusting)
        assert response.status == 200
    assert stub.log_output.getvalue() == ""
