"""Bare pyzmq with a journal: each process writes before it acts, by files renamed over the old ones.

A device of the house replaces its journal twice for each press, before and after it switches, and its
simulated hardware adds a line to its log. So three files are written here; none is ever read.
"""

from collections.abc import Iterable
from pathlib import Path

from bench.peer_roles import Message, Role
from bench.peers.pyzmq import Pyzmq
from daemons.storage.paths import replace_file

CONTENT = b"x" * 2000
"""As long as the journal of a device after a few presses."""


class PyzmqJournal(Pyzmq):
    """Bare pyzmq with a journal."""

    def run(self, role: Role) -> None:
        """Write into a folder of the journals."""
        folder = self.folder / "journal"
        folder.mkdir(exist_ok=True)
        self._journal, self._log = folder / self.name, folder / f"{self.name}.log"
        super().run(role)

    def send(self, messages: Iterable[Message]) -> None:
        """Write the files before each message is published."""
        published = list(messages)
        if published and self.name != "mirror":
            replace_file(self._journal, CONTENT)
            add_line(self._log)
        if published:
            replace_file(self._journal, CONTENT)
        super().send(published)


def add_line(log: Path) -> None:
    """Add a line for a switching."""
    with log.open("ab", buffering=0) as file:
        file.write(CONTENT[:99] + b"\n")
