"""The asyncio client; `daemons.client` is the same for programs without asyncio.

from daemons.client.aio import House

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

from daemons.bus.message import Command, Receipt
from daemons.bus.requests.aio import AsyncConnection
from daemons.bus.requests.protocol import check_sender, new_command, no_answer, unknown_device
from daemons.client.changes import ChangeSubscription, StateChange
from daemons.client.clock import HouseClock
from daemons.client.house import MARGIN_SECONDS
from daemons.client.route import Route, open_socket
from daemons.client.served import READY_SECONDS, SERVE_SECONDS, IncomingCommand, ServedDevice, state_frames


class House:
    """A house, seen by a program; an asynchronous context manager, for any number of tasks at once."""

    def __init__(self, where: str | os.PathLike[str] = "run", *, who: str = "program") -> None:
        """`where` is the run directory or a key file; StorageError when it is neither.

        `who` is the sender of the commands, as the reasons of states name it. With a key file, the house
        sets it to the name of the key. ValueError when it is not valid.
        """
        self._route = Route(where)
        self._who = check_sender(who)
        self._context = zmq.asyncio.Context()
        self._clock = HouseClock()
        self._connections: dict[str, AsyncConnection] = {}
        self._states: asyncio.Task[Any] | None = None

    async def changes(self, *names: str) -> AsyncIterator[StateChange]:
        """Yield the current state of some devices, or of all, and then each change; it does not end."""
        with open_socket(self._context, zmq.SUB, self._route.credentials) as socket:
            subscription = ChangeSubscription(self._route, socket, names)
            while True:
                left_seconds = subscription.refresh() - time.monotonic()
                if not await socket.poll(max(0, int(left_seconds * 1000)) + 1):
                    continue
                if change := subscription.on_message(await socket.recv_multipart()):
                    yield change

    async def send(self, device: str, command: str, *, seconds: float = 2.0, **args: Any) -> Receipt:
        """Send a command and return its receipt: applied, rejected with a reason, expired or unanswered.

        NoAnswer when the exchange, or in a house without one the device, does not answer in time.
        """
        names = self._route.direct_names()
        if names:
            return await self._send_direct(
                new_command(command, seconds, args, who=self._who), device, names, seconds
            )
        if self._route.credentials and self._clock.is_old:
            began = time.monotonic()
            reply = await self._send_gateway(self._clock.request(), seconds)
            self._clock.update(reply, time.monotonic() - began)
        deadline = self._clock.deadline(seconds)
        sent = new_command(command, seconds, args, device=device, deadline=deadline, who=self._who)
        return await self._send_gateway(sent, seconds + MARGIN_SECONDS)

    async def say(self, device: str, state: dict[str, Any], cause: str | None = None) -> None:
        """Publish the state of a device with `driver = "foreign"`, more often than its `every` demands."""
        self._route.check_exchange(device)
        if self._states is None:
            self._states = asyncio.create_task(self._connect_states())
        socket = await asyncio.shield(self._states)
        await socket.send_multipart(state_frames(device, state, cause))

    async def commands(self, device: str) -> AsyncIterator[IncomingCommand]:
        """Yield the commands for a device with `driver = "foreign"`; reply to each. It does not end.

        PermissionError when the key does not allow to serve the device.
        """
        self._route.check_exchange(device)
        served = ServedDevice(device)
        with self._route.connect(self._context, zmq.DEALER, self._route.gateway.commands) as socket:

            async def reply(*parts: Any) -> None:
                await socket.send_multipart([b"", served.reply(*parts)])

            while True:
                if registration := served.registration():
                    await socket.send_multipart([b"", registration])
                if not await socket.poll(int(SERVE_SECONDS * 1000)):
                    continue
                if command := served.on_message((await socket.recv_multipart())[-1]):
                    yield IncomingCommand(command, reply)
                while served.resend:
                    await socket.send_multipart([b"", served.resend.pop()])

    async def _connect_states(self) -> Any:
        socket = self._route.connect(self._context, zmq.XPUB, self._route.gateway.states)
        await socket.poll(int(READY_SECONDS * 1000))  # a subscription shows that the connection is open
        return socket

    async def _send_direct(self, command: Command, device: str, names: list[str], seconds: float) -> Receipt:
        if device not in names:
            return unknown_device(command, device, names)
        connection = self._connection(self._route.command_endpoint(device))
        receipt = await connection.request(command, seconds + MARGIN_SECONDS)
        if receipt is None:
            raise no_answer(device, seconds + MARGIN_SECONDS)
        return receipt

    async def _send_gateway(self, command: Command, timeout_seconds: float) -> Receipt:
        receipt = await self._connection(self._route.gateway.commands).request(command, timeout_seconds)
        if receipt is None:
            raise self._route.no_answer(str(command.device), timeout_seconds)
        return receipt

    def _connection(self, endpoint: str) -> AsyncConnection:
        if endpoint not in self._connections:
            self._connections[endpoint] = AsyncConnection(
                lambda: self._route.connect(self._context, zmq.DEALER, endpoint)
            )
        return self._connections[endpoint]

    async def close(self) -> None:
        """Close all sockets; messages that are not sent yet get a tenth of a second."""
        for connection in self._connections.values():
            connection.close()
        self._context.destroy(linger=100)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
