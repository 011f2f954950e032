"""The open connections of the page: their number is limited, and the idle ones are closed first.

A connection is in use while a request is handled, and for the whole time of a WebSocket. It is idle
otherwise: also during a TLS handshake, and while the page waits for a header or a body.

This file accepts the connections itself. asyncio's own server accepts a thousand at once before any code
can count them, and logs an error for each one that it cannot accept.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from daemons.bus.dropped import DroppedLog

HANDSHAKE_SECONDS = 10.0
"""The timeout of a TLS handshake."""
ACCEPT_RETRY_SECONDS = 0.1
"""The pause after a connection could not be accepted."""


class ConnectionLimit:
    """Accepts connections up to a limit; beyond it, closes the one that has been idle for longest."""

    def __init__(self, limit: int, problems: DroppedLog) -> None:
        self._limit = limit
        self._problems = problems
        self._idle: dict[int, socket.socket] = {}
        """By file descriptor; the one that has been idle for longest is first."""
        self._in_use: dict[int, socket.socket] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(
        self,
        listening: socket.socket,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        context: ssl.SSLContext | None,
    ) -> None:
        """Accept connections until this task is cancelled; then close the listening socket."""
        loop = asyncio.get_running_loop()
        with listening:
            while True:
                try:
                    connection, _ = await loop.sock_accept(listening)
                except ConnectionError:
                    continue  # the client has closed it already
                except OSError as error:  # the process, or the machine, has no file left
                    self._problems.add("the page", f"cannot accept a connection: {error.strerror}")
                    self._close_longest_idle()
                    await asyncio.sleep(ACCEPT_RETRY_SECONDS)
                    continue
                self._add(connection)
                task = loop.create_task(self._connect(connection, make_protocol, context))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                await asyncio.sleep(0)  # under a flood, the requests have their turn as well

    @contextmanager
    def in_use(self, transport: asyncio.BaseTransport) -> Iterator[None]:
        """Count a connection as in use during the block."""
        self._move(transport, self._idle, self._in_use)
        try:
            yield
        finally:
            self._move(transport, self._in_use, self._idle)

    @contextmanager
    def waiting(self, transport: asyncio.BaseTransport) -> Iterator[None]:
        """Count a connection as idle during the block, which waits for the client."""
        self._move(transport, self._in_use, self._idle)
        try:
            yield
        finally:
            self._move(transport, self._idle, self._in_use)

    async def _connect(
        self,
        connection: socket.socket,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        context: ssl.SSLContext | None,
    ) -> None:
        """Start the protocol of a connection, after the TLS handshake, if there is one."""
        with suppress(OSError):  # a failed handshake is the client's mistake
            await asyncio.get_running_loop().connect_accepted_socket(
                make_protocol,
                connection,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if context else None,
            )

    def _add(self, connection: socket.socket) -> None:
        """Count a new connection, and close an idle one if there are too many."""
        self._in_use.pop(connection.fileno(), None)  # an earlier connection had this descriptor
        self._idle.pop(connection.fileno(), None)
        self._idle[connection.fileno()] = connection
        if len(self._idle) + len(self._in_use) > self._limit:
            self._idle, self._in_use = drop_closed(self._idle), drop_closed(self._in_use)
        if len(self._idle) + len(self._in_use) > self._limit:
            self._close_longest_idle()

    def _close_longest_idle(self) -> None:
        if self._idle:
            connection = self._idle.pop(next(iter(self._idle)))
            with suppress(OSError):  # the client has closed it already
                connection.shutdown(socket.SHUT_RDWR)  # asyncio notices this, and closes the connection

    def _move(
        self,
        transport: asyncio.BaseTransport,
        source: dict[int, socket.socket],
        target: dict[int, socket.socket],
    ) -> None:
        """Move a connection; one that was closed meanwhile is in neither."""
        descriptor = transport.get_extra_info("socket").fileno()
        connection = source.pop(descriptor, None)
        if connection is not None:
            target[descriptor] = connection


def drop_closed(connections: dict[int, socket.socket]) -> dict[int, socket.socket]:
    """Return the connections that are still open."""
    return {number: connection for number, connection in connections.items() if connection.fileno() >= 0}
