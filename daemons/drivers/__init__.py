"""How an appliance is reached. One file a driver, and its file name is its word in the configuration.

A driver is asked for a Setting and tells Readings: what the hardware really is. It never
blocks; one that has to wait for a network does that in a thread of its own and lends the
device's loop a socket to watch. The first line of the file is its entry in `house drivers`.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from msgspec import Struct

from daemons.hardware import Load, Reading, Setting

O = TypeVar("O", bound=Struct)  # noqa: E741  O for Options


class Driver(ABC, Generic[O]):
    """The way to one appliance."""

    options_type: ClassVar[type[Struct]]
    real: ClassVar[bool] = True
    """Whether something in the real world moves."""
    pace: float = 1.0
    """How many times faster than usual this hardware works; only a simulated one is not at 1."""
    socket: Any = None
    """What the device's loop watches: when it can be read, there is a new reading."""

    def __init__(self, device: str, options: O) -> None:
        """`device` is the name it has in the configuration."""
        self.device = device
        self.options = options

    def plug_in(self, loads: tuple[Load, ...], now: float) -> None:
        """Begin; `loads` is what the appliance draws, for hardware that only exists on paper."""

    @abstractmethod
    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Ask the hardware; what it then does is told by `read`."""

    @abstractmethod
    def read(self, now: float) -> Reading:
        """Give the latest that the hardware said of itself."""

    def due(self, now: float) -> float | None:
        """Say when `read` can have something new without being asked; nothing: the socket tells."""

    def close(self) -> None:
        """Let go of everything."""
