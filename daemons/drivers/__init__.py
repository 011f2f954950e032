"""Drivers connect appliances. Each driver is one file, and its file name is its word in the configuration.

A driver applies a Setting to the hardware and returns Readings, which report the hardware's actual
state. A driver never blocks. A driver that must wait for a network is a Remote, and waits in a separate
thread. The first line of the file is the driver's entry in `house drivers`.
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
    """The connection to one appliance."""

    word: ClassVar[str] = ""
    """Its word in the configuration; the loader sets it."""
    options_type: ClassVar[type[Struct]]
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch"})
    """The abilities of the driver. A device has only those that its hardware also supports."""
    real: ClassVar[bool] = True
    """Whether the driver controls physical hardware."""
    runs_here: ClassVar[bool] = True
    """Whether a process of the house runs the device. If not, your own program runs it."""
    speed: float = 1.0
    """How many times faster than usual this hardware works; always 1 for real hardware."""
    socket: Any = None
    """The socket that the device's loop watches: when it is readable, there is a new reading. May be None."""

    wanted: frozenset[Ability] = frozenset()
    """The abilities that the kind of its device can use: simulated hardware, which has all, looks at them."""

    def __init__(self, device: str, options: O) -> None:
        """`device` is the device's name in the configuration."""
        self.device = device
        self.options = options

    @classmethod
    def abilities_with(cls, options: O) -> frozenset[Ability]:  # noqa: ARG003  most drivers have all of them
        """Return which of the `abilities` the driver has with these options."""
        return cls.abilities

    def open(self, power_profile: tuple[Load, ...], now: float) -> None:
        """Start the driver. Called once, before every other method.

        `power_profile` is the power that the appliance draws over time. Only simulated hardware uses it.
        """

    def skip_presses(self, until: int) -> None:
        """Count the presses up to `Reading.presses_until` as handled. Called once, after `open`."""

    @abstractmethod
    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Send a setting to the hardware; `read` returns the result."""

    @abstractmethod
    def read(self, now: float) -> Reading:
        """Return the latest reading of the hardware."""

    def due(self, now: float) -> float | None:
        """Return when `read` may return a new reading; None if the socket signals it."""

    def close(self) -> None:
        """Release everything."""

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[O]) -> list["Found"]:  # noqa: ARG003
        """Search the local network for hardware for `seconds`; `known` holds the options already in use."""
        return []


class Found(Struct, frozen=True, kw_only=True):
    """Hardware that was found on the local network."""

    title: str
    """The name that the hardware reports."""
    address: str
    """Its address: host, host:port, or a broker and a topic."""
    model: str = ""
    firmware: str = ""
    kind: str = "plug"
    """The kind that it probably has in a configuration; empty if no kind works with it."""
    kind_options: dict[str, Any] = {}
    """The options of the kind for it, as they are written in the configuration."""
    driver: str | None = None
    """The driver for it; None if House has no driver for it."""
    options: dict[str, Any] = {}
    """The driver's options for it, as they are written in the configuration."""
    note: str = ""
    """A hint for the user, for example an account that the hardware requires."""


class Remote(Driver[O]):
    """A driver that waits for a network, in a thread with its own event loop (`transports/worker.py`)."""

    def open(self, power_profile: tuple[Load, ...], now: float) -> None:
        """Start the thread that connects to the hardware."""
        from daemons.drivers.transports.worker import Worker  # noqa: PLC0415  a simulated device never loads asyncio

        self._worker = Worker(self.device, self.run)
        self.socket = self._worker.socket

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Request a setting; the thread applies it as soon as the hardware is reachable."""
        self._worker.request(setting)

    def read(self, now: float) -> Reading:
        """Return the latest reading of the hardware."""
        return self._worker.read(now)

    def close(self) -> None:
        """Stop the thread."""
        self._worker.close()

    @abstractmethod
    async def run(self, channel: "HardwareChannel") -> None:
        """Keep one connection: report readings to `channel`, and apply the settings it returns.

        Raises Unreachable if the connection fails or is lost. The worker then calls this method again,
        after a pause that grows. Each wait for the hardware must have a time limit.
        """
