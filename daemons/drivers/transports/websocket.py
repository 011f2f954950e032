"""One WebSocket over the streams of asyncio, as server or client; wsproto parses and checks the frames."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import h11
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

READ_BYTES = 16 * 1024
CLOSE_SECONDS = 2.0
"""How long the peer may take to answer a close frame."""
TOO_LONG = 1009
"""The close code for a message that is too long (RFC 6455)."""


class HandshakeRefused(ConnectionError):
    """The server answered with another status than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class WebSocket:
    """One connection after its handshake: its messages, and pings in the background of `receive`."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        protocol: WSConnection,
        longest_bytes: int,
        heartbeat_seconds: float | None = None,
    ) -> None:
        """Limit the received messages to `longest_bytes`.

        After `heartbeat_seconds` without data, `receive` sends a ping. The peer may take half of that time
        to answer.
        """
        self._reader, self._writer = reader, writer
        self._protocol = protocol
        self._longest_bytes = longest_bytes
        self._heartbeat_seconds = heartbeat_seconds
        self._message = bytearray()
        """The beginning of a message whose end has not arrived."""
        self._is_closing = False

    async def receive(self) -> str | bytes | None:
        """Return the next message, or None when the connection has ended.

        Raises TimeoutError if the peer does not answer a ping.
        """
        while True:
            for event in self._protocol.events():
                match event:
                    case _ if self._is_closing and not isinstance(event, CloseConnection):
                        continue
                    case TextMessage() | BytesMessage():
                        message = await self._on_message(event)
                        if message is not None:
                            return message
                    case Ping():
                        with suppress(ConnectionError):
                            await self._send(event.response())
                    case CloseConnection():
                        with suppress(ConnectionError):  # the peer answers a close frame of ours
                            await self._send(event.response())
                        return None
            try:
                data = await self._read()
            except ConnectionError:
                return None
            if not data:
                return None
            self._protocol.receive_data(data)

    async def send(self, text: str) -> None:
        """Send a message, and wait while the peer reads too slowly; raises ConnectionError after the end."""
        await self._send(TextMessage(data=text))

    async def ping(self) -> None:
        """Send a ping; raises ConnectionError after the end."""
        await self._send(Ping())

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame; `receive` returns None when the peer has answered it, or has not in time."""
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.abort)
            with suppress(ConnectionError):
                await self._send(CloseConnection(code=code, reason=reason))

    def abort(self) -> None:
        """End the connection at once."""
        self._writer.transport.abort()

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout(self._heartbeat_seconds):
                return await self._reader.read(READ_BYTES)
        except TimeoutError:
            await self.ping()
        async with asyncio.timeout(self._heartbeat_seconds and self._heartbeat_seconds / 2):
            return await self._reader.read(READ_BYTES)

    async def _on_message(self, event: TextMessage | BytesMessage) -> str | bytes | None:
        """Add a part, and return the message if it is complete; close the connection if it is too long."""
        self._message += event.data.encode() if isinstance(event, TextMessage) else event.data
        if len(self._message) > self._longest_bytes:
            await self.close(TOO_LONG, "the message is too long")
            return None
        if not event.message_finished:
            return None
        content = bytes(self._message)
        self._message.clear()
        return content.decode() if isinstance(event, TextMessage) else content

    async def _send(self, event: Event) -> None:
        try:
            self._writer.write(self._protocol.send(event))
        except LocalProtocolError as error:
            raise ConnectionError("the connection is closing") from error
        await self._writer.drain()


async def accept(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    handshake: h11.Request,
    received: bytes,
    headers: list[tuple[bytes, bytes]],
    longest_bytes: int,
) -> WebSocket:
    """Answer a client's handshake, with these headers in the answer; raises ValueError if it is none.

    `received` is what the client has sent after the handshake.
    """
    protocol = WSConnection(ConnectionType.SERVER)
    try:
        protocol.initiate_upgrade_connection(list(handshake.headers), handshake.target)
    except (RemoteProtocolError, UnicodeError) as error:
        raise ValueError(str(error)) from error
    next(protocol.events())  # the handshake itself
    writer.write(protocol.send(AcceptConnection(extra_headers=headers)))
    protocol.receive_data(received)
    await writer.drain()
    return WebSocket(reader, writer, protocol, longest_bytes)


@asynccontextmanager
async def connect(
    address: str, path: str, open_seconds: float, longest_bytes: int, heartbeat_seconds: float
) -> AsyncIterator[WebSocket]:
    """Connect to a server for the time of the block; the address has `:port` if the port is not 80.

    Raises HandshakeRefused, TimeoutError, or another OSError.
    """
    protocol, where = WSConnection(ConnectionType.CLIENT), urlsplit(f"//{address}")
    try:
        handshake = protocol.send(Request(host=address, target=path))
        async with asyncio.timeout(open_seconds):
            reader, writer = await asyncio.open_connection(where.hostname, where.port or 80)
    except ValueError as error:  # a name or a port that cannot exist
        raise ConnectionError(str(error)) from error
    try:
        writer.write(handshake)
        async with asyncio.timeout(open_seconds):
            await wait_for_answer(reader, protocol)
        yield WebSocket(reader, writer, protocol, longest_bytes, heartbeat_seconds)
    finally:
        writer.close()


async def wait_for_answer(reader: asyncio.StreamReader, protocol: WSConnection) -> None:
    """Wait for the answer to the handshake; raises ConnectionError if it does not open the WebSocket."""
    while data := await reader.read(READ_BYTES):
        try:
            protocol.receive_data(data)
        except (RemoteProtocolError, UnicodeError) as error:
            raise ConnectionError(str(error)) from error
        for event in protocol.events():
            if isinstance(event, RejectConnection):
                raise HandshakeRefused(event.status_code)
            if isinstance(event, AcceptConnection):
                return
    raise ConnectionError("it has ended the connection")
