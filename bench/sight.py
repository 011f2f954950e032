"""What is seen of a house from outside: its states as they are published, and what its mirror answers."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import zmq

from daemons.bus import message
from daemons.bus.message import Receipt, State
from daemons.bus.sockets import Socket, command
from daemons.errors import HouseError

PATIENCE = 120.0
"""After so many seconds nothing is waited for any more: the measurement has failed."""
ASK_AGAIN_MS = 5
"""How soon the mirror is asked once more when it does not answer."""


class Ear:
    """Hears states."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    def until(self, holds: Callable[[State], object]) -> State:
        """Listen until something holds of a state, and give it."""
        end = time.monotonic() + PATIENCE
        while self._socket.poll(milliseconds(end)):
            heard = message.decode(self._socket.recv_multipart())
            if isinstance(heard, State) and holds(heard):
                return heard
        raise HouseError(f"not heard within {PATIENCE:g} s")

    def payloads(self) -> Iterator[bytes]:
        """Give every payload as it is, for ever; one that has to be waited for too long is an error."""
        while self._socket.poll(int(PATIENCE * 1000)):
            yield self._socket.recv_multipart()[-1]
        raise HouseError(f"nothing was heard for {PATIENCE:g} s")

    def drain(self) -> Iterator[bytes]:
        """Give what has arrived by now."""
        with suppress(zmq.Again):
            while True:
                yield self._socket.recv_multipart(zmq.NOBLOCK)[-1]


class Mirror:
    """What the mirror says, asked again and again through one socket."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._asked: set[str] = set()
        self._without: set[str] = set()

    def receipt(self, patience_ms: int = ASK_AGAIN_MS) -> Receipt | None:
        """Ask once; nothing when it does not answer just now."""
        wish = command("snapshot", PATIENCE)
        self._asked.add(wish.id)
        self._socket.send(message.encode(wish))
        while self._socket.poll(patience_ms):
            receipt = message.decode_receipt(self._socket.recv_multipart()[-1])
            if receipt.id in self._asked:
                return receipt
        return None

    def ask(self) -> dict[str, Any]:
        """Give what it knows of each process; nothing when it does not answer just now."""
        receipt = self.receipt()
        answer = dict((receipt.result or {})["devices"]) if receipt else {}
        for name in self._without:
            answer.pop(name, None)
        return answer

    def until(self, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Ask until an answer is as wanted, and give it; what was asked before does not count."""
        self._asked.clear()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            answer = self.ask()
            if answer and holds(answer):
                return answer
        raise HouseError(f"the house did not become as expected within {PATIENCE:g} s")

    def forget(self, name: str) -> None:
        """Leave a process out of the answers from now on."""
        self._without.add(name)


def all_live(answer: dict[str, Any]) -> bool:
    """Tell whether every process is live and has been heard with its PID."""
    return all(known["presence"] == "live" and known["pid"] for known in answer.values())


def milliseconds(end: float) -> int:
    """Give the milliseconds that are left until a monotonic moment."""
    return max(0, int((end - time.monotonic()) * 1000))
