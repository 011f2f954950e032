"""The asyncio client: it sends commands and awaits their receipts, any number at once."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import zmq
import zmq.asyncio

from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, Receipt
from daemons.bus.requests.protocol import (
    CommandRequest,
    PendingRequests,
    decode_reply,
    new_command,
    request_frames,
)
from daemons.bus.sockets import close_commands, connect_commands
from daemons.errors import MessageError


class AsyncConnection:
    """A connection to one command socket: one socket, so that commands arrive in the order of sending."""

    def __init__(self, open_: Callable[[], Any]) -> None:
        """`open_` returns a new connected DEALER socket of zmq.asyncio."""
        self._open = open_
        self._socket: Any = None
        self._reader: asyncio.Task[None] | None = None
        self._pending: PendingRequests[asyncio.Future[Receipt]] = PendingRequests()

    async def request(self, command: Command, timeout_seconds: float) -> Receipt | None:
        """Send a command and return its receipt, or None when none comes in time.

        After a time-out, when no other request waits, the next one opens a new socket: libzmq may not
        notice a lost connection (libzmq issue 4196).
        """
        if self._reader is None:
            self._socket = self._open()
            self._reader = asyncio.create_task(self._read(self._socket))
        reply: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._pending.add(command.id, reply)
        is_late = False
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._socket.send_multipart(request_frames(command))
                return await reply
        except TimeoutError:
            is_late = True
            return None
        finally:
            self._pending.remove(command.id, reply)
            if is_late and not self._pending:
                self.close()

    async def _read(self, socket: Any) -> None:
        while True:
            frames = await socket.recv_multipart()
            with suppress(MessageError):
                receipt = decode_reply(frames)
                for reply in self._pending.matching(receipt):
                    if not reply.done():
                        reply.set_result(receipt)

    def close(self) -> None:
        """Close the socket; unsent commands are dropped."""
        if self._reader:
            self._reader.cancel()
            self._reader = None
            close_commands(self._socket)


class AsyncCommandClient:
    """Sends commands to the devices of this host, and returns their receipts as JSON objects.

    It has a context of its own, so it touches no socket of the process's own loop.
    """

    def __init__(self, count: Callable[[str, str, float], None] = lambda *_: None) -> None:
        """`count` gets the device, the outcome and the seconds of each command."""
        self._context = zmq.asyncio.Context()
        self._connections: dict[str, AsyncConnection] = {}
        self._count = count

    async def send(
        self,
        device: str,
        name: str,
        request: CommandRequest,
        deadline: float | None = None,
        who: str | None = None,
    ) -> dict[str, Any]:
        """Send a command and return its receipt; the outcome is "unanswered" when none comes in time.

        Commands to one device arrive in the order of the calls. `deadline` (Unix seconds) is that of
        the command, if it is not the end of the wait for the receipt. `who` is its sender.
        """
        command = new_command(
            name, request.timeout_seconds, request.args, request.id, deadline=deadline, who=who
        )
        began = time.monotonic()
        receipt = await self._connection(device).request(command, request.timeout_seconds)
        took_seconds = time.monotonic() - began
        result: dict[str, Any] = {"id": command.id, "device": device, "outcome": "unanswered"}
        if receipt is None:
            result["reason"] = f"{device} sent no receipt within {request.timeout_seconds:g} s"
            result |= {"code": "unanswered", "values": {"seconds": request.timeout_seconds}}
        else:
            result |= {"outcome": receipt.outcome, "at": receipt.at}
            result |= {"reason": receipt.reason} if receipt.reason else {}
            result |= {"code": receipt.code, "values": receipt.values} if receipt.code else {}
        result["took_seconds"] = round(took_seconds, 6)
        self._count(device, result["outcome"], took_seconds)
        return result

    def _connection(self, device: str) -> AsyncConnection:
        if device not in self._connections:
            self._connections[device] = AsyncConnection(
                lambda: connect_commands(self._context, command_endpoint(device))
            )
        return self._connections[device]

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()
        self._context.destroy(linger=0)
