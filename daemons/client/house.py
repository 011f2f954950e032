"""The blocking client."""

import os
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import zmq

from daemons.bus.message import Command, Receipt
from daemons.bus.requests.blocking import BlockingConnection
from daemons.bus.requests.protocol import check_sender, new_command, no_answer, unknown_device
from daemons.bus.sockets import poll_until
from daemons.client.changes import ChangeSubscription, StateChange
from daemons.client.clock import HouseClock
from daemons.client.route import Route, open_socket
from daemons.client.served import READY_SECONDS, SERVE_SECONDS, IncomingCommand, ServedDevice, state_frames

MARGIN_SECONDS = 0.5
"""How long after the deadline a receipt is still awaited: it may report that the command expired."""


class House:
    """A house, seen by a program; a context manager. Not for use by several threads at once."""

    def __init__(self, where: str | os.PathLike[str] = "run", *, who: str = "program") -> None:
        """`where` is the run directory or a key file; StorageError when it is neither.

        `who` is the sender of the commands, as the reasons of states name it. With a key file, the house
        sets it to the name of the key. ValueError when it is not valid.
        """
        self._route = Route(where)
        self._who = check_sender(who)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._clock = HouseClock()
        self._connections: dict[str, BlockingConnection] = {}
        self._states: zmq.Socket[bytes] | None = None
        self._served: dict[str, tuple[ServedDevice, zmq.Socket[bytes]]] = {}

    def changes(self, *names: str, seconds: float | None = None) -> Iterator[StateChange]:
        """Yield the current state of some devices, or of all, and then each change.

        The iterator ends when nothing has changed for `seconds`; without them, it does not end.
        """
        with open_socket(self._context, zmq.SUB, self._route.credentials) as socket:
            subscription = ChangeSubscription(self._route, socket, names)
            quiet_seconds = float("inf") if seconds is None else seconds
            end = time.monotonic() + quiet_seconds
            while time.monotonic() < end:
                if not poll_until(socket, min(end, subscription.refresh())):
                    continue
                if change := subscription.on_message(socket.recv_multipart()):
                    yield change
                    end = time.monotonic() + quiet_seconds

    def send(self, device: str, command: str, *, seconds: float = 2.0, **args: Any) -> Receipt:
        """Send a command and return its receipt: applied, rejected with a reason, expired or unanswered.

        NoAnswer when the exchange, or in a house without one the device, does not answer in time.
        """
        names = self._route.direct_names()
        if names:
            return self._send_direct(
                new_command(command, seconds, args, who=self._who), device, names, seconds
            )
        if self._route.credentials and self._clock.is_old:
            began = time.monotonic()
            reply = self._send_gateway(self._clock.request(), seconds)
            self._clock.update(reply, time.monotonic() - began)
        deadline = self._clock.deadline(seconds)
        sent = new_command(command, seconds, args, device=device, deadline=deadline, who=self._who)
        return self._send_gateway(sent, seconds + MARGIN_SECONDS)

    def say(self, device: str, state: dict[str, Any], cause: str | None = None) -> None:
        """Publish the state of a device with `driver = "foreign"`, more often than its `every` demands."""
        self._route.check_exchange(device)
        if self._states is None:
            self._states = self._route.connect(self._context, zmq.XPUB, self._route.gateway.states)
            self._states.poll(int(READY_SECONDS * 1000))  # a subscription shows that the connection is open
        self._states.send_multipart(state_frames(device, state, cause))

    def commands(self, device: str, *, seconds: float | None = None) -> Iterator[IncomingCommand]:
        """Yield the commands for a device with `driver = "foreign"`; reply to each.

        The iterator ends when no command has come for `seconds`, so that the program can publish its
        state again. Commands that arrive in between wait for the next call. Without `seconds`, it does
        not end. PermissionError when the key does not allow to serve the device.
        """
        self._route.check_exchange(device)
        if device not in self._served:
            socket = self._route.connect(self._context, zmq.DEALER, self._route.gateway.commands)
            self._served[device] = ServedDevice(device), socket
        served, socket = self._served[device]

        def reply(*parts: Any) -> None:
            socket.send_multipart([b"", served.reply(*parts)])

        quiet_seconds = float("inf") if seconds is None else seconds
        end = time.monotonic() + quiet_seconds
        while time.monotonic() < end:
            if registration := served.registration():
                socket.send_multipart([b"", registration])
            if not poll_until(socket, min(end, time.monotonic() + SERVE_SECONDS)):
                continue
            if command := served.on_message(socket.recv_multipart()[-1]):
                yield IncomingCommand(command, reply)
                end = time.monotonic() + quiet_seconds
            while served.resend:
                socket.send_multipart([b"", served.resend.pop()])

    def _send_direct(self, command: Command, device: str, names: list[str], seconds: float) -> Receipt:
        if device not in names:
            return unknown_device(command, device, names)
        connection = self._connection(self._route.command_endpoint(device))
        receipt = connection.request(command, seconds + MARGIN_SECONDS)
        if receipt is None:
            raise no_answer(device, seconds + MARGIN_SECONDS)
        return receipt

    def _send_gateway(self, command: Command, timeout_seconds: float) -> Receipt:
        receipt = self._connection(self._route.gateway.commands).request(command, timeout_seconds)
        if receipt is None:
            raise self._route.no_answer(str(command.device), timeout_seconds)
        return receipt

    def _connection(self, endpoint: str) -> BlockingConnection:
        if endpoint not in self._connections:
            self._connections[endpoint] = BlockingConnection(
                lambda: self._route.connect(self._context, zmq.DEALER, endpoint)
            )
        return self._connections[endpoint]

    def close(self) -> None:
        """Close all sockets; messages that are not sent yet get a tenth of a second."""
        self._context.destroy(linger=100)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
