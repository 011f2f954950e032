"""Carries commands to the devices under asyncio, and the receipts back, while others do the same."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import zmq
import zmq.asyncio
from msgspec import Meta, Struct
from msgspec.structs import replace

from daemons.bus import message
from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, Identifier, Receipt, Scalar
from daemons.bus.sockets import command, open_socket
from daemons.errors import MessageError

Seconds = Annotated[float, Meta(ge=0.01, le=60)]


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a client wants a command to be done; nothing of it has to be said."""

    args: Annotated[dict[Identifier, Scalar], Meta(max_length=20)] = {}
    id: Identifier | None = None
    timeout_seconds: Seconds = 2.0


class Courier:
    """Has a context of its own, so that what happens here touches no socket of the process's own loop."""

    def __init__(self, count: Callable[[str, str, float], None] = lambda *_: None) -> None:
        """`count` is told of each command: its device, what came of it, and how many seconds that took."""
        self._context = zmq.asyncio.Context()
        self._lines: dict[str, Line] = {}
        self._count = count

    async def carry(
        self, device: str, word: str, wish: Wish, deadline: float | None = None
    ) -> dict[str, Any]:
        """Send a command, and give its receipt as JSON; "unanswered" is an outcome as well.

        Commands to one device arrive in the order in which this was called. `deadline` (Unix
        seconds) is when the wish ends, where that is not when the waiting for its receipt does.
        """
        sent = command(word, wish.timeout_seconds, wish.args, wish.id)
        sent = sent if deadline is None else replace(sent, deadline=deadline)
        began = time.monotonic()
        line = self._lines.get(device)
        if line is None:
            line = self._lines[device] = Line(self._context, device)
        receipt = await line.ask(sent, wish.timeout_seconds)
        if receipt is None and not line.is_waiting and self._lines.get(device) is line:
            # Whoever says nothing may be gone for good, and libzmq not know it (libzmq issue 4196).
            self._lines.pop(device).end()
        took = time.monotonic() - began
        told: dict[str, Any] = {"id": sent.id, "device": device, "outcome": "unanswered"}
        if receipt is None:
            told["reason"] = f"{device} said nothing for {wish.timeout_seconds:g} s"
        else:
            told |= {"outcome": receipt.outcome, "at": receipt.at}
            told |= {"reason": receipt.reason} if receipt.reason else {}
        told["took_seconds"] = round(took, 6)
        self._count(device, told["outcome"], took)
        return told

    def end(self) -> None:
        """Let go of everything."""
        for line in self._lines.values():
            line.end()
        self._context.destroy(linger=0)


class Line:
    """The way to one device: one socket, so that what is sent first arrives first."""

    def __init__(self, context: zmq.asyncio.Context, device: str) -> None:
        self._socket: Any = open_socket(context, zmq.DEALER)  # type: ignore[arg-type]
        self._socket.set(zmq.LINGER, 0)
        self._socket.connect(command_endpoint(device))
        self._waiting: dict[str, set[asyncio.Future[Receipt]]] = {}
        """By the id of the command; two clients may have sent the same."""
        self._reader = asyncio.create_task(self._read())

    @property
    def is_waiting(self) -> bool:
        """Tell whether somebody waits for a receipt."""
        return bool(self._waiting)

    async def ask(self, sent: Command, seconds: float) -> Receipt | None:
        """Send a command and wait for its receipt; nothing when none comes in time."""
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(sent.id, set()).add(answer)
        try:
            async with asyncio.timeout(seconds):
                await self._socket.send_multipart([b"", message.encode(sent)])
                return await answer
        except TimeoutError:
            return None
        finally:
            waiting = self._waiting.get(sent.id, set())
            waiting.discard(answer)
            if not waiting:
                self._waiting.pop(sent.id, None)

    async def _read(self) -> None:
        while True:
            frames = await self._socket.recv_multipart()
            with suppress(MessageError):
                receipt = message.decode_receipt(frames[-1])
                for answer in self._waiting.get(receipt.id, ()):
                    if not answer.done():
                        answer.set_result(receipt)

    def end(self) -> None:
        """Close it; what was not taken yet is not sent any more."""
        self._reader.cancel()
        self._socket.close()
