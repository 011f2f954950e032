"""A rehearsed house for programs and tests in Python."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from daemons.bus.message import Receipt, Scalar
from daemons.config.house import load_house
from daemons.kinds import Touch
from daemons.rehearsal.story import StartMoment
from daemons.rehearsal.world import Change, World
from daemons.values import Seconds

START_SECONDS = 1.0
"""How long before the given time the processes start."""


class Shown:
    """The fields of one device as they are now, as attributes."""

    def __init__(self, name: str, fields: dict[str, Scalar]) -> None:
        self._name = name
        self.fields = fields

    def __getattr__(self, field: str) -> Scalar:
        try:
            return self.fields[field]
        except KeyError:
            known = ", ".join(self.fields)
            raise AttributeError(f"{self._name} has no field {field!r}; it has {known}") from None

    def __repr__(self) -> str:
        return f"{self._name} {self.fields}"


class Rehearsal:
    """A house in virtual time: time passes only in `wait` and `wait_until`."""

    def __init__(self, config: str | Path, at: str, seed: int = 0, latency_seconds: float = 0.0) -> None:
        """Load a house, and start all its processes at a local date and time.

        Each message takes a random time up to `latency_seconds`. Raises ConfigurationError for a house with
        mistakes, and ValueError for a text that is no date and time.
        """
        house = load_house(Path(config))
        start = StartMoment.parse(at).unix(house.settings.calendar.zone)
        self.world = World(house, start - START_SECONDS, seed=seed, latency_seconds=(0.0, latency_seconds))
        self.world.begin()
        self.world.run(start)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing: a rehearsal has no file, socket or process to leave behind."""

    def __getitem__(self, name: str) -> Shown:
        """Return what a device shows now; KeyError if there is none, or if it does not run."""
        if name not in self.world.devices and name not in self.world.mirrors:
            raise KeyError(f"there is no device {name!r}")
        fields = self.world.state(name)
        if fields is None:
            raise KeyError(f"{name} does not run")
        return Shown(name, fields)

    @property
    def message(self) -> str:
        """The sentence of the mirror."""
        return self.world.message()

    @property
    def changes(self) -> list[Change]:
        """All changes until now."""
        return self.world.changes

    def wait(self, duration: str) -> None:
        """Wait for a duration such as "90s" or "3m"; raises ValueError for anything else."""
        self.world.run(self.world.now + Seconds.parse(duration))

    def wait_until(self, moment: str) -> None:
        """Wait until a local date and time; raises ValueError for anything else."""
        self.world.run(StartMoment.parse(moment).unix(self.world.calendar.zone))

    def press(self, device: str, touch: Touch = "single") -> None:
        """Press the button of a device."""
        self.world.press(device, touch)
        self._settle()

    def send(self, device: str, command: str, **args: Any) -> Receipt | None:
        """Send a command, and return its receipt; None if the process does not run."""
        receipt = self.world.send(device, command, args)
        self._settle()
        return receipt

    def hand(self, device: str, *, on: bool) -> None:
        """Switch a device at the appliance; for a detector: let it detect, or not any more."""
        self.world.switch_by_hand(device, on=on)
        self._settle()

    def measure(self, device: str, **values: float) -> None:
        """Change what a device measures, such as `temperature_celsius=17.5`."""
        self.world.measure(device, values)
        self._settle()

    def kill(self, device: str) -> None:
        """Kill the process of a device; it is started again at once."""
        self.world.kill(device)

    def stop(self, device: str) -> None:
        """Stop a device until `start`."""
        self.world.stop(device)

    def start(self, device: str) -> None:
        """Start a device that was stopped."""
        self.world.start_device(device)
        self._settle()

    def cut(self, device: str, duration: str) -> None:
        """Cut a device off from all others for a duration."""
        self.world.cut([device], Seconds.parse(duration))

    def lose_hardware(self, device: str, duration: str) -> None:
        """Cut the connection of a device to its hardware for a duration."""
        self.world.lose_hardware(device, Seconds.parse(duration))

    def step_clock(self, seconds: float) -> None:
        """Set the clock of the house forward, or back."""
        self.world.step_clock(seconds)
        self._settle()

    def _settle(self) -> None:
        """Run everything that happens at once."""
        self.world.run(self.world.now)
