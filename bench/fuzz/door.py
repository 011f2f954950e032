"""The interface of a door: one kind of socket, and the kinds of junk for it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from bench.fuzz.junk import Junk
from bench.fuzz.tally import Tally
from bench.fuzz.target import Target

Kinds = dict[str, Callable[[str], None]]


class Door(ABC):
    """One kind of door. Each kind of junk is a call that sends one burst to one address of it.

    After its burst, the call sends a valid request that changes nothing, which must be answered.
    """

    name: ClassVar[str]

    def __init__(self, target: Target, junk: Junk, tally: Tally) -> None:
        self.target = target
        self.junk = junk
        self.tally = tally

    @property
    @abstractmethod
    def addresses(self) -> list[str]:
        """Return the addresses of this door, such as the names of processes."""

    @abstractmethod
    def kinds(self) -> Kinds:
        """Return each kind of junk, and the call that sends a burst of it to an address."""

    def count(self, kind: str, number: int = 1) -> None:
        """Count frames that were sent."""
        self.tally.count(self.name, kind, number)

    def tick(self) -> None:  # noqa: B027  most doors have nothing to do
        """Do what is due; called between two bursts."""

    def settle(self) -> None:  # noqa: B027
        """End what lasts beyond a burst: open connections, and faults of hardware."""

    def close(self) -> None:
        """Close every socket."""
        self.settle()
