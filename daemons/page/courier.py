"""Carries a command from the page to a device, and the receipt back, while others do the same."""

import asyncio
import time
from contextlib import suppress
from typing import Annotated, Any

import zmq
import zmq.asyncio
from msgspec import Meta, Struct

from daemons import message
from daemons.bus import command, open_socket
from daemons.errors import MessageError
from daemons.message import Command, Identifier, Receipt, Scalar
from daemons.page.tally import Tally
from daemons.place import command_endpoint

Seconds = Annotated[float, Meta(ge=0.01, le=60)]


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a client wants a command to be done; nothing of it has to be said."""

    args: Annotated[dict[Identifier, Scalar], Meta(max_length=20)] = {}
    id: Identifier | None = None
    timeout_seconds: Seconds = 2.0


class Courier:
    """Has a context of its own, so that what happens here touches no socket of the mirror's."""

    def __init__(self, tally: Tally) -> None:
        self._context = zmq.asyncio.Context()
        self._tally = tally

    async def carry(self, device: str, word: str, wish: Wish) -> dict[str, Any]:
        """Send a command, and give its receipt as JSON; "unanswered" is an outcome as well."""
        sent = command(word, wish.timeout_seconds, wish.args, wish.id)
        began = time.monotonic()
        receipt = await self._ask(device, sent, wish.timeout_seconds)
        took = time.monotonic() - began
        told: dict[str, Any] = {"id": sent.id, "device": device, "outcome": "unanswered"}
        if receipt is None:
            told["reason"] = f"{device} said nothing for {wish.timeout_seconds:g} s"
        else:
            told |= {"outcome": receipt.outcome, "at": receipt.at}
            told |= {"reason": receipt.reason} if receipt.reason else {}
        told["took_seconds"] = round(took, 6)
        self._tally.commands[device, told["outcome"]].add(took)
        return told

    async def _ask(self, device: str, sent: Command, seconds: float) -> Receipt | None:
        socket: Any = open_socket(self._context, zmq.DEALER)  # type: ignore[arg-type]
        try:
            socket.set(zmq.LINGER, 0)
            socket.connect(command_endpoint(device))
            await socket.send_multipart([b"", message.encode(sent)])
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while True:
                        with suppress(MessageError):
                            receipt = message.decode_receipt((await socket.recv_multipart())[-1])
                            if receipt.id == sent.id:
                                return receipt
            return None
        finally:
            socket.close()

    def end(self) -> None:
        """Let go of everything."""
        self._context.destroy(linger=0)
