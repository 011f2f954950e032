"""Carries commands to the processes of this host, and the receipts back, and waits for none of them."""

from contextlib import suppress

import zmq

from daemons.bus import message
from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, Receipt
from daemons.bus.sockets import Socket, drain, open_socket
from daemons.errors import MessageError
from daemons.processes.exchange.gateway import rejected
from daemons.processes.exchange.pending import Awaited, Take
from daemons.processes.process import Process


class Messenger:
    """Has a socket for each process that somebody has asked, so that what is sent first arrives first."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._awaited = Awaited(process.loop)
        self._lines: dict[str, Socket] = {}

    def carry(self, device: str, command: Command, take: Take) -> None:
        """Send a command; `take` gets the receipt, or one that says that none came in time."""

        def taken(receipt: Receipt) -> None:
            if receipt.outcome == "unanswered":
                self._hang_up(device)
            take(receipt)

        if not self._awaited.expect(device, command, taken):
            take(rejected(command, f"too many commands wait for {device}"))
            return
        with suppress(zmq.Again):  # who takes nothing gives no receipt, and the deadline says so
            self._line(device).send_multipart([b"", message.encode(command)], zmq.NOBLOCK)

    def _line(self, device: str) -> Socket:
        if device not in self._lines:
            line = self._lines[device] = open_socket(self._process.context, zmq.DEALER)
            line.set(zmq.LINGER, 0)
            line.connect(command_endpoint(device))
            self._process.loop.watch(line, lambda: self._read(device, line))
        return self._lines[device]

    def _read(self, device: str, line: Socket) -> None:
        for frames in drain(line):
            with suppress(MessageError):
                self._awaited.come(device, message.decode_receipt(frames[-1]))

    def _hang_up(self, device: str) -> None:
        """Connect anew to who says nothing: it may be gone for good, and libzmq not know it (issue 4196)."""
        if line := self._lines.pop(device, None):
            self._process.loop.leave(line)
            line.close()
