"""Observers of a running house: a subscriber to its states, and a client of its mirror."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import zmq

from daemons.bus import message
from daemons.bus.message import Receipt, State
from daemons.bus.requests.protocol import new_command
from daemons.bus.sockets import Socket
from daemons.errors import HouseError

PATIENCE = 120.0
"""The longest wait in seconds; after it the measurement has failed."""
RESEND_MS = 5
"""After this time without an answer, the request to the mirror is sent again."""


class StateSubscriber:
    """A subscriber to states."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    def until(self, holds: Callable[[State], object]) -> State:
        """Receive until a state meets a condition, and return this state."""
        end = time.monotonic() + PATIENCE
        while self._socket.poll(milliseconds(end)):
            received = message.decode(self._socket.recv_multipart())
            if isinstance(received, State) and holds(received):
                return received
        raise HouseError(f"no such state within {PATIENCE:g} s")

    def payloads(self) -> Iterator[bytes]:
        """Yield every payload, without end; a wait that is too long is an error."""
        while self._socket.poll(int(PATIENCE * 1000)):
            yield self._socket.recv_multipart()[-1]
        raise HouseError(f"no state for {PATIENCE:g} s")

    def drain(self) -> Iterator[bytes]:
        """Yield the payloads that have arrived."""
        with suppress(zmq.Again):
            while True:
                yield self._socket.recv_multipart(zmq.NOBLOCK)[-1]


class MirrorClient:
    """A client of the mirror, with one socket for all requests."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._sent: set[str] = set()
        self._ignored: set[str] = set()

    def request(self, patience_ms: int = RESEND_MS) -> Receipt | None:
        """Send one request; return None if the mirror does not answer now."""
        command = new_command("snapshot", PATIENCE)
        self._sent.add(command.id)
        self._socket.send(message.encode(command))
        while self._socket.poll(patience_ms):
            receipt = message.decode_receipt(self._socket.recv_multipart()[-1])
            if receipt.id in self._sent:
                return receipt
        return None

    def snapshot(self) -> dict[str, Any]:
        """Return the mirror's data on each process; empty if it does not answer now."""
        receipt = self.request()
        answer = dict((receipt.result or {})["devices"]) if receipt else {}
        for name in self._ignored:
            answer.pop(name, None)
        return answer

    def until(self, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Request until an answer meets a condition, and return it; earlier requests do not count."""
        self._sent.clear()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            answer = self.snapshot()
            if answer and holds(answer):
                return answer
        raise HouseError(f"the house did not become as expected within {PATIENCE:g} s")

    def ignore(self, name: str) -> None:
        """Remove a process from all later answers."""
        self._ignored.add(name)


def all_live(answer: dict[str, Any]) -> bool:
    """Return whether every process is live, and its PID is known."""
    return all(known["presence"] == "live" and known["pid"] for known in answer.values())


def milliseconds(end: float) -> int:
    """Return the milliseconds left until a monotonic time."""
    return max(0, int((end - time.monotonic()) * 1000))
