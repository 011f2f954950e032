"""The WebSocket transport beside a foreign library, and byte by byte: limits, heartbeat and refusals."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import h11
import pytest

pytest.importorskip("websockets", reason="it is the other library that these tests use")

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_foreign
from websockets.exceptions import ConnectionClosed
from wsproto import ConnectionType, WSConnection
from wsproto.connection import Connection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from daemons.drivers.transports import websocket
from daemons.drivers.transports.websocket import HandshakeRefused, WebSocket, accept, connect
from tests.support.patience import patience

LONGEST = 1000
HANDSHAKE = [
    (b"Host", b"localhost"), (b"Upgrade", b"websocket"), (b"Connection", b"keep-alive, Upgrade"),
    (b"Sec-WebSocket-Version", b"13"), (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"Sec-WebSocket-Extensions", b"permessage-deflate"),
]  # fmt: skip


# As a client of a foreign server


@asynccontextmanager
async def foreign_server(
    handler: Callable[[ServerConnection], Awaitable[None]], **more: Any
) -> AsyncIterator[str]:
    """Serve WebSockets with a foreign library, and yield the address."""
    async with serve_foreign(handler, "127.0.0.1", 0, **more) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"127.0.0.1:{port}"


@asynccontextmanager
async def raw_server(
    handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Serve connections without any protocol, and yield the address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
            await reader.read()
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def connected(address: str, heartbeat_seconds: float = 60.0) -> Any:
    """Connect to a server of a test."""
    return connect(address, "/rpc", patience(), LONGEST, heartbeat_seconds)


async def echo(server: ServerConnection) -> None:
    """Send each message back, in two frames."""
    assert server.request
    assert server.request.path == "/rpc"
    async for message in server:
        await server.send([message[:1], message[1:]])


async def test_a_client_sends_and_receives_messages() -> None:
    """Text stays text, and a message in several frames is one message."""
    async with foreign_server(echo) as address, connected(address) as socket:
        for text in ("one", "zwölf", "x" * LONGEST):
            await socket.send(text)
            assert await socket.receive() == text
        await socket.ping()
        await socket.close(1000, "done")
        assert await socket.receive() is None


async def test_a_server_that_ends_the_connection_ends_the_messages() -> None:
    """With a close frame, or without; later sends raise ConnectionError."""

    async def leave(server: ServerConnection) -> None:
        await server.send(b"bytes")
        if await server.recv() == "abort":
            server.transport.abort()

    for text in ("close", "abort"):
        async with foreign_server(leave) as address, connected(address) as socket:
            assert await socket.receive() == b"bytes"
            await socket.send(text)
            assert await socket.receive() is None
            with pytest.raises(ConnectionError):  # noqa: PT012  the kernel may take the first one
                while True:
                    await socket.send("more")


async def test_a_message_above_the_limit_closes_the_connection() -> None:
    """The close code is 1009, however the message is split into frames."""
    closed: asyncio.Queue[int | None] = asyncio.Queue()

    async def flood(server: ServerConnection) -> None:
        await server.send(["x" * 100] * 11)
        await server.wait_closed()
        closed.put_nowait(server.close_code)

    async with foreign_server(flood) as address:
        async with connected(address) as socket:
            assert await socket.receive() is None
        async with asyncio.timeout(patience()):
            assert await closed.get() == 1009


async def test_a_silent_server_is_pinged_and_then_lost() -> None:
    """A server that answers pings stays connected; one that does not raises TimeoutError."""

    async def wait(server: ServerConnection) -> None:
        await server.wait_closed()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = WSConnection(ConnectionType.SERVER)
        protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
        next(protocol.events())
        writer.write(protocol.send(AcceptConnection()))

    async with foreign_server(wait) as address, connected(address, 0.05) as socket:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.receive(), 0.5)
        await socket.send("still connected")
    async with raw_server(hang) as address, connected(address, 0.05) as socket:
        with pytest.raises(TimeoutError):
            await socket.receive()
        with pytest.raises(TimeoutError):  # the peer stays lost
            await socket.receive()


async def test_a_refused_handshake_has_its_status() -> None:
    """The status tells an old device from one without the path."""
    async with foreign_server(
        echo, process_request=lambda server, _: server.respond(HTTPStatus.NOT_FOUND, "no")
    ) as address:
        with pytest.raises(HandshakeRefused) as refused:
            async with connected(address):
                pass
    assert refused.value.status == 404


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
        b"HTTP/1.1 101 Go\r\nConnection: \xff\r\n\r\n",
    ],
)
async def test_another_protocol_is_a_connection_error(answer: bytes) -> None:
    """So is a server that ends the connection, and an address that cannot exist."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async def leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()

    for server in (reply, leave):
        async with raw_server(server) as address:
            with pytest.raises(ConnectionError):
                async with connected(address):
                    pass
    for address in ("127.0.0.1:99999", "x" * 70, "127.0.0.1:x"):
        with pytest.raises(ConnectionError):
            async with connected(address):
                pass


async def test_a_server_that_does_not_answer_the_handshake_is_a_timeout() -> None:
    """Within the time for opening."""

    async def hang(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        return

    async with raw_server(hang) as address:
        with pytest.raises(TimeoutError):
            async with connect(address, "/rpc", 0.1, LONGEST, 60.0):
                pass


# As a server, with raw frames


@asynccontextmanager
async def served(
    received: bytes = b"", headers: list[tuple[bytes, bytes]] = HANDSHAKE
) -> AsyncIterator[tuple[WebSocket, asyncio.StreamReader, asyncio.StreamWriter, bytes]]:
    """Yield a WebSocket of a server, the client's end of it, and the answer to the handshake."""
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    server = await asyncio.start_server(lambda *pair: accepted.put_nowait(pair), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        ours = await accepted.get()
        try:
            request = h11.Request(method="GET", target="/api/live", headers=headers)
            socket = await accept(*ours, request, received, [(b"Server", b"House")], LONGEST)
            answer = await reader.readuntil(b"\r\n\r\n")
            yield socket, reader, writer, answer
        finally:
            writer.transport.abort()
            ours[1].transport.abort()


def frames(*events: Event) -> bytes:
    """Return what a client sends."""
    client = Connection(ConnectionType.CLIENT)
    return b"".join(client.send(event) for event in events)


async def test_the_handshake_is_answered_without_an_extension() -> None:
    """With the token of RFC 6455 and our headers; what came with the handshake is received."""
    first = frames(TextMessage("one"), TextMessage("tw", message_finished=False))
    async with served(first) as (socket, _, writer, answer):
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer
        assert b"server: house" in answer.lower()
        assert b"extensions" not in answer.lower()
        assert await socket.receive() == "one"
        second = Connection(ConnectionType.CLIENT)
        second.send(TextMessage("tw", message_finished=False))
        writer.write(frames(Ping(b"between")) + second.send(TextMessage("o")))
        assert await socket.receive() == "two"


@pytest.mark.parametrize("name", [b"Upgrade", b"Connection", b"Sec-WebSocket-Version", b"Sec-WebSocket-Key"])
@pytest.mark.parametrize("value", [None, b"wrong\xff"])
async def test_a_request_that_is_no_handshake_is_refused(name: bytes, value: bytes | None) -> None:
    """Each header is needed."""
    others = [(key, old) for key, old in HANDSHAKE if key != name]
    if value and name == b"Sec-WebSocket-Key":
        return  # its text is only hashed
    with pytest.raises(ValueError, match=r"[a-z]"):
        async with served(headers=others + ([(name, value)] if value else [])):
            pass


async def test_a_ping_is_answered_and_bytes_stay_bytes() -> None:
    """The pong has the data of the ping."""
    async with served() as (socket, reader, writer, _):
        writer.write(frames(Pong(b"unasked"), Ping(b"data"), BytesMessage(b"\xff")))
        assert await socket.receive() == b"\xff"
        assert await reader.readexactly(6) == b"\x8a\x04data"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frames(CloseConnection(1001, "gone")), 1001),
        (b"\x81\x02hi", 1002),  # a client has to mask
        (b"\xc1\x82\x00\x00\x00\x00hi", 1002),  # compressed without consent
        (b"\x83\x80\x00\x00\x00\x00", 1002),  # an unknown opcode
        (b"\x80\x80\x00\x00\x00\x00", 1002),  # the end of a message without its beginning
        (b"\x89\xfe\x00\x7e" + bytes(130), 1002),  # a ping that is too long
        (b"\x81\x82\x00\x00\x00\x00\xff\xff", 1007),
        (b"\x82\xff\x00\x00\x7f\xff\xff\xff\xff\xff\x00\x00\x00\x00" + bytes(1001), 1009),
        (frames(*[TextMessage("ü" * 10, message_finished=False)] * 51), 1009),
    ],
    ids=["left", "mask", "compression", "opcode", "continuation", "ping", "utf-8", "length", "fragments"],
)
async def test_a_mistake_closes_the_connection(sent: bytes, code: int) -> None:
    """The close frame has the code of RFC 6455; nothing after it is received."""
    async with served() as (socket, reader, writer, _):
        writer.write(sent)
        receiving = asyncio.create_task(socket.receive())
        async with asyncio.timeout(patience()):
            head = await reader.readexactly(2)
            assert head[0] == 0x88
            assert struct.unpack("!H", await reader.readexactly(2)) == (code,)
            writer.write(frames(TextMessage("ignored"), CloseConnection(1000)))
            assert await receiving is None
        with pytest.raises(ConnectionError):
            await socket.send("too late")


async def test_a_client_that_does_not_answer_a_close_frame_is_disconnected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a moment, during which what it sends is ignored."""
    monkeypatch.setattr(websocket, "CLOSE_SECONDS", 0.1)
    async with served() as (socket, _, writer, __):
        await socket.close(1008, "the token has changed")
        await socket.close(1008, "once more")
        writer.write(frames(TextMessage("ignored")))
        async with asyncio.timeout(patience()):
            assert await socket.receive() is None


async def test_a_foreign_client_sees_the_close_code() -> None:
    """The names of both libraries agree."""
    from websockets.asyncio.client import connect as connect_foreign  # noqa: PLC0415

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = h11.Connection(h11.SERVER)
        server.receive_data(await reader.readuntil(b"\r\n\r\n"))
        request = server.next_event()
        assert isinstance(request, h11.Request)
        socket = await accept(reader, writer, request, b"", [], LONGEST)
        assert await socket.receive() == "hello"
        await socket.close(1008, "no")
        assert await socket.receive() is None
        writer.close()

    async with raw_server(serve) as address, connect_foreign(f"ws://{address}", proxy=None) as client:
        await client.send("hello")
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "no")
