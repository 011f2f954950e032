"""The client for the loop of a process: it sends commands, and the loop calls back with their receipts."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import zmq

from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, Receipt
from daemons.bus.requests.protocol import PendingRequests, decode_reply, rejection, request_frames
from daemons.bus.sockets import Context, Socket, close_commands, connect_commands, drain
from daemons.errors import MessageError

OnReceipt = Callable[[Receipt], None]
MAX_PENDING = 100
"""Commands of one device that may wait for a receipt at once.

A device that does not answer therefore delays no other device, however many commands are sent to it.
"""
MARGIN_SECONDS = 0.05
"""How long after the deadline a receipt is still accepted: the device itself may report that it expired."""


class Timer(Protocol):
    """A call in the future."""

    def cancel(self) -> None:
        """Prevent the call."""


class EventLoop(Protocol):
    """The loop of a process, as far as this client needs it."""

    now: Callable[[], float]
    """Returns the time (seconds) that `at` counts in."""

    def at(self, when: float, handler: Callable[[], None]) -> Timer:
        """Call the handler once, not before the given time."""

    def watch(self, source: Any, handler: Callable[[], None]) -> None:
        """Call the handler whenever a socket is readable."""

    def unwatch(self, source: Any) -> None:
        """Stop watching a socket."""


class PendingReceipts:
    """Calls back with the receipt of each sent command, or when its deadline has passed."""

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop
        self._pending: dict[str, PendingRequests[tuple[OnReceipt, Timer]]] = {}
        """The waiting callbacks of each device."""

    def add(self, device: str, command: Command, on_receipt: OnReceipt) -> bool:
        """Call `on_receipt` once with the receipt of a command; return False when too many commands wait.

        When no receipt arrives by the deadline, the callback gets one with the outcome `unanswered`.
        """
        pending = self._pending.setdefault(device, PendingRequests())
        if len(pending) >= MAX_PENDING:
            return False
        timeout_seconds = max(0.0, command.deadline - time.time()) + MARGIN_SECONDS

        def on_timeout() -> None:
            reason = (
                f"{device} sent no receipt within {timeout_seconds:.1f} s; "
                "it is not known whether the command was carried out"
            )
            pending.remove(command.id, entry)
            on_receipt(
                Receipt(id=command.id, device=device, outcome="unanswered", at=time.time(), reason=reason)
            )

        entry = on_receipt, self._loop.at(self._loop.now() + timeout_seconds, on_timeout)
        pending.add(command.id, entry)
        return True

    def resolve(self, device: str, receipt: Receipt) -> bool:
        """Pass a receipt to every callback that waits for it; return False when none does."""
        pending = self._pending.get(device)
        if pending is None:
            return False
        resolved = pending.matching(receipt)
        for entry in resolved:
            on_receipt, timer = entry
            pending.remove(receipt.id, entry)
            timer.cancel()
            on_receipt(receipt)
        return bool(resolved)


class LoopConnection:
    """A connection to one command socket; it calls back with each receipt that arrives."""

    def __init__(
        self,
        socket: Socket,
        loop: EventLoop,
        on_receipt: OnReceipt,
        on_invalid: Callable[[MessageError], None] = lambda _: None,
    ) -> None:
        """`socket` is a connected DEALER socket; `on_invalid` gets the error of an invalid reply."""
        self.socket, self._loop = socket, loop
        self._on_receipt, self._on_invalid = on_receipt, on_invalid
        loop.watch(socket, self._on_readable)

    def send(self, command: Command) -> None:
        """Send a command; with a full queue, or without a connection, it is lost and gets no receipt."""
        with suppress(zmq.Again):
            self.socket.send_multipart(request_frames(command), zmq.NOBLOCK)

    def close(self) -> None:
        """Close the socket; unsent commands are dropped."""
        self._loop.unwatch(self.socket)
        close_commands(self.socket)

    def _on_readable(self) -> None:
        for frames in drain(self.socket):
            try:
                receipt = decode_reply(frames)
            except MessageError as error:
                self._on_invalid(error)
            else:
                self._on_receipt(receipt)


class LoopCommandClient:
    """Sends commands to the processes of this host, and returns their receipts without waiting for any.

    It keeps one socket for each process that has got a command, so that commands stay in order.
    """

    def __init__(self, context: Context, loop: EventLoop) -> None:
        self._context = context
        self._loop = loop
        self._pending = PendingReceipts(loop)
        self._connections: dict[str, LoopConnection] = {}

    def send(self, device: str, command: Command, on_receipt: OnReceipt) -> None:
        """Send a command; `on_receipt` gets its receipt, or one that reports that none came in time."""

        def on_outcome(receipt: Receipt) -> None:
            if receipt.outcome == "unanswered":
                self._disconnect(device)
            on_receipt(receipt)

        if self._pending.add(device, command, on_outcome):
            self._connection(device).send(command)
        else:
            on_receipt(rejection(command, device, f"too many commands wait for {device}"))

    def _connection(self, device: str) -> LoopConnection:
        if device not in self._connections:
            socket = connect_commands(self._context, command_endpoint(device))
            self._connections[device] = LoopConnection(
                socket, self._loop, lambda receipt: self._on_receipt(device, receipt)
            )
        return self._connections[device]

    def _on_receipt(self, device: str, receipt: Receipt) -> None:
        self._pending.resolve(device, receipt)

    def _disconnect(self, device: str) -> None:
        """Close the connection to a silent process; the next command connects again.

        The connection may be lost for good without libzmq noticing it (libzmq issue 4196).
        """
        if connection := self._connections.pop(device, None):
            connection.close()
