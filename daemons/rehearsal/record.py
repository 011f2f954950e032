"""What a house has recorded of a range of time, as far as a replay needs it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from daemons.bus.message import Scalar
from daemons.bus.origin import Origin, Reason
from daemons.config.house import House
from daemons.rehearsal.hardware import MEASURED

REPLAYED_FIELDS = frozenset({*MEASURED, "power_watts"})
"""The measurements that come from outside, and not from the rehearsed hardware."""
FROM_PEOPLE = ("press", "command", "hand")
"""The inputs that make no sense at a device of another kind."""
NEAR_SECONDS = 10.0
"""The exact record keeps one value in so many seconds: within this time, no other value is needed."""


class OutsideInput(Protocol):
    """Something that came from outside; `storage.recorded_inputs.RecordedInput` explains the fields."""

    @property
    def at(self) -> float:
        """When it came, in Unix seconds."""

    @property
    def device(self) -> str | None:
        """The device that it came to; None for the whole house."""

    @property
    def what(self) -> str:
        """What came."""

    @property
    def details(self) -> dict[str, Any]:
        """What is known of it."""


class Inferred(Struct, frozen=True):
    """An input that is not recorded, and follows from other parts of the record."""

    at: float
    device: str
    what: str
    details: dict[str, Any]
    is_uncertain: bool = False
    """Whether a value is one of several of its minute, of which the order is not known."""


class Held(Struct, frozen=True):
    """The state of a device at the beginning of a record."""

    state: dict[str, Scalar]
    """All fields, with the measurements that are known."""
    since: float
    """When its status took its value, in Unix seconds."""


class RecordedChange(Struct, frozen=True):
    """A recorded change of a device."""

    at: float
    """When it changed, in Unix seconds."""
    device: str
    state: dict[str, Scalar]
    """All fields but the measurements."""
    cause: str | None = None
    reason: Reason | None = None
    """None: it is not known."""
    origin: Origin | None = None
    """The beginning of the chain of changes; None: it is not known."""


class Record(Struct, frozen=True, kw_only=True):
    """What is recorded, and needed for a replay."""

    since: float
    """The beginning of the range that is compared, in Unix seconds."""
    until: float
    begin: float
    """When the replay begins: so much earlier that the rules of that time have come to an end."""
    held: dict[str, Held]
    """By device, its state at `begin`."""
    inputs: Sequence[OutsideInput]
    """What came from outside between `begin` and `until`, in the order of time."""
    changes: Sequence[RecordedChange]
    """What changed in that time, in the order of time."""
    configuration: str | None
    """The digest of the configuration that was in force at `begin`; None: not known."""
    kinds: Mapping[str, str]
    """The kind of each device in the configuration that was in force."""


def needed_measurements(houses: Iterable[House]) -> set[tuple[str, str]]:
    """Return the measurements from outside by which rules or kinds go, each as a device and a field."""
    devices = [device for house in houses for device in house.devices.values()]
    found = set[tuple[str, str]]().union(*(device.measurements for device in devices))
    return {(name, field) for name, field in found if field in REPLAYED_FIELDS}


def longest_wait(houses: Iterable[House]) -> float:
    """Return the longest time in seconds for which a rule may remember what has happened."""
    rules = [rule for house in houses for device in house.devices.values() for rule in device.rules]
    times = [(rule.for_seconds, rule.delay_seconds, rule.cooldown_seconds) for rule in rules]
    return max((float(seconds or 0.0) for three in times for seconds in three), default=0.0)


def values_of(
    device: str,
    field: str,
    steps: Iterable[tuple[float, float, float, float, float, float]],
    exact: Iterable[float],
) -> list[Inferred]:
    """Return a measurement as values, where no exact value is recorded near.

    `steps` are those of `storage.series`: the start, the end, the lowest, mean, highest and last value.
    `exact` are the times of the exact values, in order. Of a minute, the lowest and the highest value are
    known, and not which came first: the one that is farther from the last value counts as the first.
    """
    times, found = [*exact], list[Inferred]()
    index = 0
    for at, end, low, _, high, last in steps:
        while index < len(times) and times[index] < at - NEAR_SECONDS:
            index += 1
        if index < len(times) and times[index] <= end + NEAR_SECONDS:
            continue
        if low == high:
            found.append(Inferred(at, device, "values", {field: last}))
            continue
        first, second = (low, high) if last - low > high - last else (high, low)
        third = (end - at) / 3
        values = ((at, first), (at + third, second), (at + 2 * third, last))
        found += [
            Inferred(when, device, "values", {field: value}, is_uncertain=True) for when, value in values
        ]
    return found
