"""The blocking client: it sends a command and waits for its receipt."""

import time
from collections.abc import Callable

from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, Receipt
from daemons.bus.requests.protocol import decode_reply, no_answer, request_frames
from daemons.bus.sockets import Context, Socket, close_commands, connect_commands, poll_until
from daemons.errors import MessageError


class BlockingConnection:
    """A connection to one command socket, for one request at a time."""

    def __init__(
        self, open_: Callable[[], Socket], on_invalid: Callable[[MessageError], None] = lambda _: None
    ) -> None:
        """`open_` returns a new connected DEALER socket; `on_invalid` gets the error of an invalid reply."""
        self._open = open_
        self._on_invalid = on_invalid
        self._socket = open_()

    def request(self, command: Command, timeout_seconds: float) -> Receipt | None:
        """Send a command and return its receipt; after `timeout_seconds` connect again and return None."""
        end = time.monotonic() + timeout_seconds
        self.send(command)
        receipt = self.receive(command.id, end)
        if receipt is None:
            self.reconnect()
        return receipt

    def send(self, command: Command) -> None:
        """Send a command."""
        self._socket.send_multipart(request_frames(command))

    def receive(self, id_: str, end: float) -> Receipt | None:
        """Wait for the receipt of a command until `end` (monotonic seconds); None when it has not come."""
        while poll_until(self._socket, end):
            try:
                receipt = decode_reply(self._socket.recv_multipart())
            except MessageError as error:
                self._on_invalid(error)
                continue
            if receipt.id == id_:
                return receipt
        return None

    def reconnect(self) -> None:
        """Drop unsent commands and connect again: libzmq may miss a lost connection (libzmq issue 4196)."""
        self.close()
        self._socket = self._open()

    def close(self) -> None:
        """Close the socket; unsent commands are dropped."""
        close_commands(self._socket)


def send_command(context: Context, device: str, command: Command) -> Receipt:
    """Send a command to a device and return its receipt; NoAnswer when none comes before the deadline."""
    timeout_seconds = command.deadline - time.time()
    connection = BlockingConnection(lambda: connect_commands(context, command_endpoint(device)))
    try:
        receipt = connection.request(command, timeout_seconds)
    finally:
        connection.close()
    if receipt is None:
        raise no_answer(device, timeout_seconds)
    return receipt
