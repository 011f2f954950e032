"""Who else carries a press from a switch to a mirror: the contract, and finding them.

A peer is one file with one class: how one process takes part, with the library and the options
that its users would choose for speed, and which server stands in the middle, if any.
"""

import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from shutil import which
from typing import ClassVar

from bench.part import Message
from tests.support.ports import free_port

Hear = Callable[[str, bytes], Iterable[Message]]
"""What a process does with a message: it gives what it has to say next."""
PATIENCE = 20.0
PATH = "/usr/local/bin:/usr/bin:/usr/sbin:/opt/homebrew/bin"


class PeerError(Exception):
    """A peer does not do its part."""


class Peer(ABC):
    """One process's place among the others."""

    program: ClassVar[str | None] = None
    """The server that it needs."""
    package: ClassVar[str | None] = None
    """Debian's package of that."""
    module: ClassVar[str]
    """The library that it needs."""

    def __init__(self, folder: Path, port: int, name: str, hears: tuple[str, ...]) -> None:
        """`folder` and `port` say where the others are; `hears` names topics, each of them whole."""
        self.folder = folder
        self.port = port
        self.name = name
        self.hears = hears

    @classmethod
    def missing(cls) -> str | None:
        """Say what it lacks on this machine, if anything."""
        if cls.program and not which(cls.program, path=PATH):
            return f"there is no {cls.program}; on Debian: apt install {cls.package}"
        if find_spec(cls.module) is None:
            return f"Python has no module {cls.module}; `make bench` installs it"
        return None

    @classmethod
    def command(cls, folder: Path, port: int) -> list[str]:  # noqa: ARG003
        """Say how its server is started, on that port of loopback and nowhere else."""
        return []

    @abstractmethod
    def run(self, hear: Hear) -> None:
        """Hand on every message for ever, and send what comes of it."""

    @abstractmethod
    def connect(self) -> None:
        """Be ready to ask and to flood."""

    @abstractmethod
    def ask(self, topic: str, payload: bytes, patience: float) -> tuple[float, bytes] | None:
        """Send one message; give the moment just before, and the first thing that is heard; or nothing."""

    @abstractmethod
    def flood(self, messages: Iterable[Message], *, calm: bool) -> None:
        """Send all of these; calm is each at once, else as many together as is quickest."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what `connect` took."""


def find(word: str) -> type[Peer]:
    """Give a peer by its file's name."""
    made: type[Peer] = getattr(import_module(f"{__name__}.{word}"), "".join(map(str.title, word.split("_"))))
    return made


def words() -> list[str]:
    """Name every peer."""
    return sorted(module.name for module in iter_modules(__path__))


@contextmanager
def serving(peer: type[Peer], folder: Path) -> Iterator[int]:
    """Run a peer's server on a free port of loopback, if it has one; give the port."""
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
        while not listens(port):
            if process.poll() is not None or time.monotonic() > end:
                raise PeerError(f"{peer.program} does not listen on port {port}")
            time.sleep(0.005)  # a listener sends no event
        yield port
    finally:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    """Tell whether somebody takes connections."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
