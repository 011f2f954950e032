"""Other systems that carry a press from a switch to a mirror: their contract, and how they are found.

A peer is one file with one class. It describes one process of the system, with the library and the options
that its users would choose for speed, and the server in the middle, if there is one. Some peers keep every
message until it is handled. The docstring of each of them says what then survives a kill, and what does not.
"""

import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from shutil import which
from typing import ClassVar

from bench.peer_roles import Message, Role
from tests.support.ports import free_port

PATIENCE = 20.0
PATH = "/usr/local/bin:/usr/bin:/usr/sbin:/opt/homebrew/bin"


class PeerError(Exception):
    """A peer does not work."""


class Peer(ABC):
    """One process of a peer."""

    program: ClassVar[str | None] = None
    """The server that it needs."""
    package: ClassVar[str | None] = None
    """Debian's package of the server."""
    module: ClassVar[str]
    """The library that it needs."""

    def __init__(self, folder: Path, port: int, name: str, topics: tuple[str, ...]) -> None:
        """`folder` and `port` locate the other processes; `topics` lists whole topics to subscribe to."""
        self.folder = folder
        self.port = port
        self.name = name
        self.topics = topics

    @classmethod
    def missing(cls) -> str | None:
        """Return what this machine lacks for the peer, if anything."""
        if cls.program and not which(cls.program, path=PATH):
            return f"there is no {cls.program}; on Debian: apt install {cls.package}"
        if find_spec(cls.module) is None:
            return f"Python has no module {cls.module}; `make bench` installs it"
        return None

    @classmethod
    def command(cls, folder: Path, port: int) -> list[str]:  # noqa: ARG003
        """Return the command that starts the server, on this port of loopback only."""
        return []

    @abstractmethod
    def run(self, role: Role) -> None:
        """Receive without end, hand each message to the role, and publish what it returns."""

    @abstractmethod
    def connect(self) -> None:
        """Connect as a client, to request and to publish."""

    @abstractmethod
    def request(self, topic: str, payload: bytes, mark: bytes, patience: float) -> tuple[float, bytes] | None:
        """Send one message; return the time just before, and the first answer that contains `mark`.

        Return None if there is no answer.
        """

    @abstractmethod
    def publish_many(self, messages: Iterable[Message], *, paced: bool) -> None:
        """Publish all of these: each at once if paced, else in the batches that are quickest."""

    @abstractmethod
    def close(self) -> None:
        """Close what `connect` has opened."""


def find(word: str) -> type[Peer]:
    """Return a peer by its file name."""
    found: type[Peer] = getattr(import_module(f"{__name__}.{word}"), "".join(map(str.title, word.split("_"))))
    return found


def words() -> list[str]:
    """Return the names of all peers."""
    return sorted(module.name for module in iter_modules(__path__))


@contextmanager
def serving(peer: type[Peer], folder: Path) -> Iterator[int]:
    """Run a peer's server, if it has one, on a free port of loopback; yield the port."""
    if peer.program is None:
        yield 0
        return
    port = free_port()
    command = peer.command(folder, port)
    command[0] = which(command[0], path=PATH) or command[0]
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + PATIENCE
        while not is_listening(port):
            if process.poll() is not None or time.monotonic() > end:
                raise PeerError(f"{peer.program} does not listen on port {port}")
            time.sleep(0.005)  # a listener sends no event
        yield port
    finally:
        process.kill()
        process.wait()


def is_listening(port: int) -> bool:
    """Return whether a server accepts connections on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
