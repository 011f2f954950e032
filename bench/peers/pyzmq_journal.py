"""The same, and it writes down what it will do before it does it, by files renamed over the old ones.

A device of the house replaces its journal twice for each press, before and after it switches, and
its simulated hardware adds a line. Here that is three files written, and nothing is ever read.
"""

from collections.abc import Iterable
from pathlib import Path

from bench.part import Message
from bench.peers import Hear
from bench.peers.pyzmq import Pyzmq
from daemons.storage.paths import write

PAGE = b"x" * 2000
"""As long as the journal of a device that was pressed a few times."""


class PyzmqJournal(Pyzmq):
    """Bare pyzmq with a journal."""

    def run(self, hear: Hear) -> None:
        """Write before anything is said."""
        folder = self.folder / "journal"
        folder.mkdir(exist_ok=True)
        journal, record = folder / self.name, folder / f"{self.name}.record"

        def remember(topic: str, payload: bytes) -> Iterable[Message]:
            said = list(hear(topic, payload))
            if said and self.name != "mirror":
                write(journal, PAGE)
                add(record)
            if said:
                write(journal, PAGE)
            return said

        super().run(remember)


def add(record: Path) -> None:
    """Add the line of a switching."""
    with record.open("ab", buffering=0) as file:
        file.write(PAGE[:99] + b"\n")
