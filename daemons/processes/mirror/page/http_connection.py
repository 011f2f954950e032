"""One connection of the page: HTTP/1.1 with one request after the other; h11 parses and checks the bytes."""

import asyncio
from contextlib import suppress
from http import HTTPStatus

import h11

from daemons.drivers.transports import websocket
from daemons.processes.mirror.page.request import Request
from daemons.processes.mirror.page.responses import HttpError, Response, common_headers
from daemons.processes.mirror.page.routes import Handler

MAX_BODY_BYTES = 16 * 1024
"""The longest body of a request, and the longest message on a WebSocket. h11 limits a head to as much."""
READ_BYTES = 16 * 1024
HEAD_SECONDS = 30.0
"""How long a connection may be idle, and how long the head of a request may take to arrive."""
BODY_SECONDS = 30.0
SEND_SECONDS = 30.0
"""How long a client may take to read a response."""
LINGER_SECONDS = 2.0
"""How long the rest of a refused request is read, so that the client can read the response."""


def make_protocol(handler: Handler) -> asyncio.BaseProtocol:
    """Return the protocol of a new connection, whose requests a handler answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await HttpConnection(reader, writer, handler).serve()

    return asyncio.StreamReaderProtocol(asyncio.StreamReader(limit=READ_BYTES), serve)


class HttpConnection:
    """Reads requests, and sends what the handler answers, until one side ends the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
        self._reader, self._writer = reader, writer
        self._handler = handler
        self._h11 = h11.Connection(h11.SERVER)
        self._head: h11.Request | None = None
        self._is_body_read = False

    async def serve(self) -> None:
        """Handle the requests of the connection, and close it."""
        transport = self._writer.transport
        try:
            with suppress(OSError):  # a lost connection, or a client that is too slow
                while await self._serve_request():
                    self._h11.start_next_cycle()
        except asyncio.CancelledError:
            transport.abort()
            raise
        finally:
            transport.close()
            if transport.get_write_buffer_size():
                asyncio.get_running_loop().call_later(SEND_SECONDS, transport.abort)

    async def _serve_request(self) -> bool:
        """Answer one request, and return whether the connection may have another."""
        path, self._head, self._is_body_read = "", None, False
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await self._next_event()
            if not isinstance(head, h11.Request):
                return False  # the client has ended the connection
            self._head = head
            request = Request(head, self._writer.transport, self._read_body, self._open_websocket)
            path = request.path
            response = await self._handler(request)
        except h11.RemoteProtocolError as error:
            response = HttpError(error.error_status_hint, str(error)).response()
        except HttpError as error:
            response = error.response()
        if response is not None:
            await self._send(response, path)
        if response is None or not await self._is_finished():
            await self._linger()
            return False
        return self._h11.our_state is h11.DONE

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            self._h11.receive_data(await self._reader.read(READ_BYTES))
        return event  # type: ignore[return-value]  # mypy does not know that NEED_DATA is excluded

    async def _read_body(self, most_bytes: int = MAX_BODY_BYTES) -> bytes:
        """Return the whole body of the request; raises HttpError if it is too long, broken or late."""
        body, self._is_body_read = bytearray(), True
        headers = dict(self._head.headers) if self._head else {}
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise HttpError(HTTPStatus.BAD_REQUEST, "the body must not be compressed")
        if int(headers.get(b"content-length", 0)) > most_bytes:
            raise too_long(most_bytes)
        if self._h11.they_are_waiting_for_100_continue:
            self._writer.write(self._h11.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while isinstance(event := await self._next_event(), h11.Data):
                    body += event.data
                    if len(body) > most_bytes:
                        raise too_long(most_bytes)
        except TimeoutError:
            raise HttpError(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time") from None
        except h11.RemoteProtocolError as error:
            raise HttpError(error.error_status_hint, str(error)) from error
        return bytes(body)

    async def _open_websocket(self) -> websocket.WebSocket:
        """Answer the request with the WebSocket handshake; raises HttpError if it is none."""
        if self._head is None or await self._read_body():
            raise HttpError(HTTPStatus.BAD_REQUEST, "a WebSocket handshake has no body")
        more = [(key.encode(), value.encode()) for key, value in common_headers("/api/").items()]
        try:
            return await websocket.accept(
                self._reader, self._writer, self._head, self._h11.trailing_data[0], more, MAX_BODY_BYTES
            )
        except ValueError as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, str(error)) from error

    async def _send(self, response: Response, path: str) -> None:
        """Send a response, and wait until the client has read most of it."""
        headers = {**common_headers(path), **response.headers}
        if response.status != HTTPStatus.NOT_MODIFIED:
            headers["Content-Length"] = str(len(response.body))
        reason = HTTPStatus(response.status).phrase
        data = self._h11.send(
            h11.Response(status_code=response.status, headers=list(headers.items()), reason=reason)
        )
        if response.body and not (self._head and self._head.method == b"HEAD"):
            data += self._h11.send(h11.Data(data=response.body))
        self._writer.write(data + self._h11.send(h11.EndOfMessage()))
        async with asyncio.timeout(SEND_SECONDS):
            await self._writer.drain()

    async def _is_finished(self) -> bool:
        """Return whether the whole request has been read; read what the handler has left of its body."""
        if not self._is_body_read and not self._h11.they_are_waiting_for_100_continue:
            with suppress(HttpError):
                await self._read_body()
        return self._h11.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)

    async def _linger(self) -> None:
        """Read on for a moment: the kernel drops a sent response if the connection ends with unread data."""
        if self._writer.can_write_eof():
            self._writer.write_eof()
            async with asyncio.timeout(LINGER_SECONDS):
                while await self._reader.read(READ_BYTES):
                    pass


def too_long(most_bytes: int) -> HttpError:
    """Return the error for a body that is too long."""
    return HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {most_bytes} bytes")
