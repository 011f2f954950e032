"""For programs of your own that live on asyncio: what `daemons.client` is for the others.

from daemons.aio import House

async with House("run") as house:
    await house.send("toaster", "start")
    async for change in house.changes("toaster"):
        print(change.state["phase"])
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import zmq
import zmq.asyncio

from daemons.bus import message
from daemons.bus.message import Command, Receipt
from daemons.client import (
    READY_SECONDS,
    SERVE_SECONDS,
    Change,
    Clock,
    Hearing,
    Service,
    Wish,
    advice,
    new_id,
    open_socket,
    way,
    words,
)
from daemons.errors import NoAnswer


class House:
    """The house, from outside; an asynchronous context manager, for any number of tasks at once."""

    def __init__(self, where: str | os.PathLike[str] = "run") -> None:
        """`where` is the run directory, or the file of a key; PlaceError when it is neither."""
        self._way = way(where)
        self._context = zmq.asyncio.Context()
        self._clock = Clock()
        self._waiting: dict[str, asyncio.Future[Receipt]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._ask: Any = None
        self._say: asyncio.Task[Any] | None = None

    async def changes(self, *names: str) -> AsyncIterator[Change]:
        """Yield what these devices show, or all: first as it is, then each change, for ever."""
        hearing = Hearing(names)
        with self._open(zmq.SUB, self._way.hear) as socket:
            for prefix in hearing.prefixes:
                socket.subscribe(prefix)
            while True:
                change = hearing.take(await socket.recv_multipart())
                while hearing.again:
                    socket.subscribe(hearing.again.pop())
                if change:
                    yield change

    async def send(self, device: str, command: str, *, seconds: float = 2.0, **args: Any) -> Receipt:
        """Send a command, and give its receipt: applied, rejected with a reason, expired or unanswered.

        NoAnswer when the house itself says nothing within `seconds`.
        """
        if self._way.key and self._clock.is_old:
            began = time.monotonic()
            answer = await self._exchange(self._clock.question(), seconds)
            self._clock.learn(answer, time.monotonic() - began)
        deadline = self._clock.deadline(seconds)
        wish = Command(id=new_id(), command=command, deadline=deadline, args=args, device=device)
        return await self._exchange(wish, seconds + 0.5)  # the exchange itself answers at the deadline

    async def say(self, device: str, state: dict[str, Any], cause: str | None = None) -> None:
        """Say what a device of yours is (`driver = "foreign"`): often, as it is known for that."""
        if self._say is None:
            self._say = asyncio.create_task(self._open_say())
        socket = await asyncio.shield(self._say)
        await socket.send_multipart([f"{device}/state".encode(), words(state, cause)])

    async def commands(self, device: str) -> AsyncIterator[Wish]:
        """Yield the commands for a device of yours, for ever; each is to be replied to."""
        service = Service(device)
        with self._open(zmq.DEALER, self._way.ask) as socket:

            async def reply(*words: Any) -> None:
                await socket.send_multipart([b"", service.reply(*words)])

            while True:
                if offer := service.offer():
                    await socket.send_multipart([b"", offer])
                if not await socket.poll(int(SERVE_SECONDS * 1000)):
                    continue
                if wish := service.take((await socket.recv_multipart())[-1]):
                    yield Wish(wish, reply)
                while service.again:
                    await socket.send_multipart([b"", service.again.pop()])

    def _open(self, kind: int, endpoint: str) -> Any:
        return open_socket(self._context, kind, endpoint, self._way.key)

    async def _open_say(self) -> Any:
        socket = self._open(zmq.XPUB, self._way.say)
        await socket.poll(int(READY_SECONDS * 1000))  # the house subscribes when the way is open
        return socket

    async def _exchange(self, command: Command, seconds: float) -> Receipt:
        if self._ask is None:
            self._ask = self._open(zmq.DEALER, self._way.ask)
            self._reader = asyncio.create_task(self._read(self._ask))
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting[command.id] = answer
        try:
            async with asyncio.timeout(seconds):
                await self._ask.send_multipart([b"", message.encode(command)])
                return await answer
        except TimeoutError:
            raise NoAnswer(str(command.device), round(seconds, 1), advice(self._way)) from None
        finally:
            del self._waiting[command.id]

    async def _read(self, socket: Any) -> None:
        while True:
            receipt = message.decode_receipt((await socket.recv_multipart())[-1])
            if (answer := self._waiting.get(receipt.id)) and not answer.done():
                answer.set_result(receipt)

    async def close(self) -> None:
        """Let go of everything; what was said goes out first, for a moment."""
        if self._reader:
            self._reader.cancel()
        self._context.destroy(linger=100)

    async def __aenter__(self) -> Self:
        """Come in."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave."""
        await self.close()
