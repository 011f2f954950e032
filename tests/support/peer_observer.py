"""Prints every state of an appliance of a peer, as its sequence number and its cause.

usage: python -m tests.support.peer_observer PEER FOLDER PORT
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from bench import peers
from bench.peer_roles import Message, decode, topic


class Observer:
    """Prints what it receives."""

    publishes = "observer/state"

    def handle(self, _: str, payload: bytes) -> Iterable[Message]:
        """Print a state."""
        state = decode(payload)
        print(state["seq"], state["cause"], flush=True)  # noqa: T201  its output
        return ()

    def restore(self, topic_: str, payload: bytes) -> None:
        """Ignore earlier messages."""


if __name__ == "__main__":
    word, folder, port = sys.argv[1:]
    peers.find(word)(Path(folder), int(port), "observer", (topic(0),)).run(Observer())
