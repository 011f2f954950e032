"""HTTP/1.1 byte by byte: what a connection accepts, what it refuses, and how long it waits."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from daemons.processes.mirror.page import http_connection
from tests.support.page_server import PageStub, serve_page
from tests.support.patience import patience
from tests.support.stub_device import receipt, stub_device

HOST = b"Host: localhost\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
LAST = HOST + b"Connection: close\r\n"
POST = b"POST /api/devices/toaster/stop HTTP/1.1\r\nContent-Type: application/json\r\n" + LAST


class Connection:
    """One connection to the page."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def receive(self) -> tuple[int, dict[str, str], bytes]:
        """Return the status, the headers and the body of the next response."""
        async with asyncio.timeout(patience()):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            line, *rest = head.strip().split("\r\n")
            headers = {key.lower(): value for key, value in (each.split(": ", 1) for each in rest)}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(line.split()[1]), headers, body

    async def receive_all(self) -> bytes:
        """Return everything until the page ends the connection."""
        async with asyncio.timeout(patience()):
            return await self.reader.read()


@asynccontextmanager
async def connected(stub: PageStub) -> AsyncIterator[Connection]:
    """Connect to the page of a stub."""
    where = urlsplit(stub.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()


async def answer_to(text: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes to a page whose toaster answers, and return the response."""
    async with (
        serve_page(stub := PageStub()),
        stub_device("toaster", receipt("applied")),
        connected(stub) as client,
    ):
        client.writer.write(text)
        found = await client.receive()
        assert await client.receive_all() == b"", "one request has one response"
    assert stub.log_output.getvalue() == ""
    return found


async def test_requests_on_one_connection_are_answered_in_order(run: Path) -> None:
    """Also if the client sends them all at once, and then ends its side."""
    async with serve_page(stub := PageStub()), connected(stub) as client:
        client.writer.write(GET + GET.replace(b"GET", b"HEAD") + GET.replace(b"/healthz", b"/nothing") + GET)
        client.writer.write_eof()
        assert (await client.receive())[0] == 200
        head = await client.reader.readuntil(b"\r\n\r\n")  # its Content-Length is that of GET
        assert b"Content-Length: 11" in head
        assert [(await client.receive())[0] for _ in range(2)] == [404, 200]
        assert await client.receive_all() == b""


async def test_an_unread_body_does_not_disturb_the_next_request(run: Path) -> None:
    """A refused command has a body, which the page reads and drops."""
    refused = b"POST /api/devices/no/stop HTTP/1.1\r\n" + HOST + b"Content-Length: 15\r\n\r\nGET / HTTP/1.1\n"
    async with serve_page(stub := PageStub()), connected(stub) as client:
        client.writer.write(refused + GET)
        assert [(await client.receive())[0] for _ in range(2)] == [404, 200]


async def test_a_client_of_http_1_0_is_answered(run: Path) -> None:
    """The connection ends after the response."""
    status, headers, body = await answer_to(b"GET /healthz HTTP/1.0\r\n" + HOST + b"\r\n")
    assert (status, headers["connection"], json.loads(body)) == (200, "close", {"ok": True})


async def test_a_chunked_body_is_accepted(run: Path) -> None:
    """Its length is not announced."""
    text = POST + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"id"\r\n6\r\n: "x"}\r\n0\r\n\r\n'
    status, _, body = await answer_to(text)
    assert (status, json.loads(body)["id"]) == (200, "x")


async def test_a_client_may_ask_before_it_sends_its_body(run: Path) -> None:
    """The page answers 100 if it wants the body, and refuses a body that is too long at once."""
    async with (
        serve_page(stub := PageStub()),
        stub_device("toaster", receipt("applied")),
        connected(stub) as client,
    ):
        client.writer.write(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert (await client.receive())[0] == 100
        client.writer.write(b"{}")
        assert (await client.receive())[0] == 200
    assert (await answer_to(POST + b"Expect: 100-continue\r\nContent-Length: 20000\r\n\r\n"))[0] == 413


@pytest.mark.parametrize("length", ["Content-Length: 3000000", "Transfer-Encoding: chunked"])
async def test_a_body_that_is_too_long_is_refused_readably(run: Path, length: str) -> None:
    """The client can read the response although the page has not read the whole body."""
    async with serve_page(stub := PageStub()), connected(stub) as client:
        client.writer.write(POST + length.encode() + b"\r\n\r\n")
        client.writer.write(b"2dc6c0\r\n" * ("chunked" in length) + b"x" * 3_000_000)
        status, _, body = await client.receive()
        assert (status, json.loads(body)["error"]) == (413, "content_too_large")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
        (b"GET /healthz HTTP/2.0\r\n" + LAST + b"\r\n", 505),
        (b"GET /heal thz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"a b: c\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"a: \x00\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"a: " + b"b" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"b" * 40_000, 431),
        (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (POST + b"Content-Length: -2\r\n\r\n{}", 400),
        (POST + b"Content-Length: 2e0\r\n\r\n{}", 400),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n{}", 501),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nno\r\n", 400),
        (POST + b"Content-Encoding: gzip\r\nContent-Length: 22\r\n\r\n" + gzip.compress(b"{}", mtime=0), 400),
        (b"OPTIONS * HTTP/1.1\r\n" + LAST + b"\r\n", 400),
        (b"CONNECT localhost:80 HTTP/1.1\r\n" + LAST + b"\r\n", 400),
        (b"GET ftp://localhost/healthz HTTP/1.1\r\n" + LAST + b"\r\n", 400),
        (b"GET http://[/healthz HTTP/1.1\r\n" + LAST + b"\r\n", 403),
        (b"GET http://evil.example/healthz HTTP/1.1\r\n" + LAST + b"\r\n", 403),
        (b"GET HTTP://localhost/healthz?x HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 200),
    ],
)  # fmt: skip
async def test_a_request_with_a_mistake_is_refused(run: Path, text: bytes, status: int) -> None:
    """The response is an ErrorDocument with the headers of every response, and nothing is logged."""
    found, headers, body = await answer_to(text)
    assert found == status
    assert (headers["server"], headers["x-content-type-options"]) == ("House", "nosniff")
    assert status == 200 or json.loads(body).keys() == {"error", "reason"}


async def test_a_slow_head_ends_the_connection(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So does a connection without any request, and one that is idle after a request."""
    assert http_connection.HEAD_SECONDS == 30
    monkeypatch.setattr(http_connection, "HEAD_SECONDS", 0.2)
    async with serve_page(stub := PageStub()):
        for text in (b"", b"GET /healthz HTTP/1.1\r\nHost: local", GET):
            async with connected(stub) as client:
                client.writer.write(text)
                assert (await client.receive_all()).startswith(b"HTTP/1.1 200" if text == GET else b"")


async def test_a_slow_body_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 408, and the connection ends."""
    assert http_connection.BODY_SECONDS == 30
    monkeypatch.setattr(http_connection, "BODY_SECONDS", 0.2)
    async with serve_page(stub := PageStub()), connected(stub) as client:
        client.writer.write(POST + b"Content-Length: 2\r\n\r\n{")
        assert (await client.receive())[0] == 408
        client.writer.write_eof()
        assert await client.receive_all() == b""


async def test_a_client_that_reads_no_response_is_disconnected(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot keep the page's memory for longer than this."""
    assert http_connection.SEND_SECONDS == 30
    monkeypatch.setattr(http_connection, "SEND_SECONDS", 0.2)
    async with serve_page(stub := PageStub()) as page, connected(stub) as client:
        client.writer.write(GET)
        await client.receive()
        (served,) = page.connections._idle.values()
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(patience()):
            while served.fileno() >= 0:
                client.writer.write(GET.replace(b"/healthz", b"/page/icon-512.png") * 10)
                await asyncio.sleep(0.01)
