"""What a story needs of the house in which it is played. Pure."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, Protocol

from daemons.bus.message import Moment, State
from daemons.config.rule import StateFields
from daemons.drivers.physics.events import EventText
from daemons.kinds import Touch


class Stage(Protocol):
    """A house in which a story is played: a rehearsed one, or a real one in a test."""

    on_state: Callable[[str, State | None, State], None]
    """Called after each published state, with the device and its state before."""

    @property
    def now(self) -> float:
        """The time in steady seconds."""

    @property
    def wall(self) -> float:
        """The time by the clock of the house, in Unix seconds."""

    @property
    def devices(self) -> Collection[str]:
        """The names of the appliances."""

    @property
    def mirrors(self) -> Collection[str]:
        """The names of the mirrors."""

    def at(self, when: float, handler: Callable[[], None]) -> object:
        """Call a handler at a time (steady seconds)."""

    def run(self, until: float) -> None:
        """Advance to the given time (steady seconds)."""

    def state(self, name: str) -> StateFields | None:
        """Return the fields of a device as they are now; None while it does not run."""

    def latest(self, name: str) -> State | Moment | None:
        """Return the state of a device as it is now, with its reason; None while it does not run."""

    def press(self, name: str, touch: Touch) -> object:
        """Press the button of a device."""

    def send(self, name: str, command: str, args: dict[str, Any]) -> object:
        """Send a command."""

    def switch_by_hand(self, name: str, *, on: bool) -> None:
        """Switch hardware at the appliance; for a detector: let it detect, or not any more."""

    def measure(self, name: str, values: dict[str, float]) -> None:
        """Change what the hardware of a device measures."""

    def set_events(self, name: str, texts: tuple[EventText, ...]) -> None:
        """Change the events of a calendar."""

    def kill(self, name: str, away_seconds: float = ...) -> None:
        """Kill the process of a device; it is started again."""

    def stop(self, name: str) -> None:
        """Stop a device, until it is started."""

    def start_device(self, name: str) -> None:
        """Start a device that was stopped."""

    def lose_hardware(self, name: str, seconds: float) -> None:
        """Cut the connection between a device and its hardware for some seconds."""

    def cut(self, names: Iterable[str], seconds: float) -> None:
        """Cut devices off from all others for some seconds."""

    def step_clock(self, seconds: float) -> None:
        """Set the clock of the house forward, or back."""
