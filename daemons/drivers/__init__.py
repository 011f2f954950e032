"""How an appliance is reached. One file a driver, and its file name is its word in the configuration.

A driver is asked for a Setting and tells Readings: what the hardware really is. It never
blocks; one that has to wait for a network is a Remote, and does that in a thread of its own.
The first line of the file is its entry in `house drivers`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from msgspec import Struct

from daemons.kinds import Ability, Load, Reading, Setting

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

O = TypeVar("O", bound=Struct)  # noqa: E741  O for Options


class Driver(ABC, Generic[O]):
    """The way to one appliance."""

    options_type: ClassVar[type[Struct]]
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch"})
    """What it can, where the hardware can it too."""
    real: ClassVar[bool] = True
    """Whether something in the real world moves."""
    runs_here: ClassVar[bool] = True
    """Whether a process of the house runs the device; otherwise a program of your own does."""
    speed: float = 1.0
    """How many times faster than usual this hardware works; only a simulated one is not at 1."""
    socket: Any = None
    """What the device's loop watches: when it can be read, there is a new reading."""

    def __init__(self, device: str, options: O) -> None:
        """`device` is the name it has in the configuration."""
        self.device = device
        self.options = options

    def open(self, power_profile: tuple[Load, ...], now: float) -> None:
        """Begin; `loads` is what the appliance draws, for hardware that only exists on paper."""

    @abstractmethod
    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Ask the hardware; what it then does is told by `read`."""

    @abstractmethod
    def read(self, now: float) -> Reading:
        """Return the latest reading of the hardware."""

    def due(self, now: float) -> float | None:
        """Return when `read` may return something new; None if the socket signals it."""

    def close(self) -> None:
        """Release everything."""

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[O]) -> list["Found"]:  # noqa: ARG003
        """Look for such hardware on the local network, for so long; `known` are options already in use."""
        return []


class Found(Struct, frozen=True, kw_only=True):
    """A piece of hardware that was found on the local network."""

    title: str
    """What it calls itself."""
    address: str
    """Where it is: host, host:port, or a topic of a broker."""
    model: str = ""
    firmware: str = ""
    kind: str = "plug"
    """What it can probably be, in a configuration."""
    driver: str | None = None
    """The driver that reaches it; nothing for what House has none for."""
    options: dict[str, Any] = {}
    """The driver's options for it, as they are written."""
    note: str = ""
    """What else has to be known or done."""


class Remote(Driver[O]):
    """A driver that waits for a network, in a thread with an event loop of its own (`worker`)."""

    def open(self, power_profile: tuple[Load, ...], now: float) -> None:
        """Begin to reach for the hardware."""
        from daemons.drivers.transports.worker import Worker  # noqa: PLC0415  a simulated device never loads asyncio

        self._worker = Worker(self.device, self.run)
        self.socket = self._worker.socket

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Want it; it is carried out as soon as the hardware can be reached."""
        self._worker.request(setting)

    def read(self, now: float) -> Reading:
        """Return the latest reading of the hardware."""
        return self._worker.read(now)

    def close(self) -> None:
        """End the thread."""
        self._worker.close()

    @abstractmethod
    async def run(self, channel: "HardwareChannel") -> None:
        """Hold one connection: tell `channel` what the hardware is, carry out what it wants.

        Raise Unreachable when there is no connection, or no more: it is called again, after a
        pause that grows. Whatever waits for the hardware has a time limit.
        """
