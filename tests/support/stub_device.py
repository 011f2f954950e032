"""A stub for a device's command socket under asyncio: the test defines its replies."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import zmq
import zmq.asyncio

from daemons.bus import message
from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, Receipt

Reply = Callable[[Command], list[Receipt | bytes]]


def receipt(outcome: str = "applied", **more: Any) -> Reply:
    """Return a function that replies to each command with the same outcome."""
    return lambda command: [
        Receipt(id=command.id, device="toaster", outcome=outcome, at=1.0, **more)  # type: ignore[arg-type]
    ]


@asynccontextmanager
async def stub_device(name: str, reply: Reply) -> AsyncIterator[list[Command]]:
    """Bind the command socket of a device, reply to its commands, and yield the list of them."""
    context = zmq.asyncio.Context()
    socket: Any = context.socket(zmq.ROUTER)
    socket.bind(command_endpoint(name))
    commands: list[Command] = []

    async def serve() -> None:
        while True:
            *envelope, payload = await socket.recv_multipart()
            commands.append(message.decode_command(payload))
            for sent in reply(commands[-1]):
                text = sent if isinstance(sent, bytes) else message.encode(sent)
                await socket.send_multipart([*envelope, text])

    serving = asyncio.create_task(serve())
    try:
        yield commands
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        context.destroy(linger=0)
