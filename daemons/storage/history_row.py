"""The rows of the history, as the recorder makes them and the writer writes them."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Change(NamedTuple):
    """A device changed to a state."""

    device: str
    at: float
    state: dict[str, Any]
    cause: str | None
    turned: bool = True
    """False for the first state of a device: the time of that change is not known."""
    reason: Mapping[str, Any] | None = None
    """The fields of `bus.origin.Reason`."""
    origin: Mapping[str, Any] | None = None
    """The fields of `bus.origin.Origin`."""


class Sample(NamedTuple):
    """A measurement took a value."""

    device: str
    name: str
    at: float
    value: float


class Event(NamedTuple):
    """The life of a process changed, for example from running to failed."""

    device: str
    at: float
    life: str
    pid: int | None
    reason: str | None


class Input(NamedTuple):
    """Something came from outside to a device, or to the whole house."""

    device: str
    """HOUSE for the whole house."""
    at: float
    what: str
    """As in `recorded_inputs`. "gap": the device has only published the number of its latest input."""
    details: Mapping[str, Any]
    boot: int | None = None
    """The run of the device's process that counted the input; None for an input that no device counts."""
    number: int = 0
    """The number of the input among those of the device."""
    earlier: int = 0
    """The number of the last input before that run."""


class Absence(NamedTuple):
    """A device was not heard or not reached any more, or it is again."""

    device: str
    at: float
    """When that began, or when it was over, in Unix seconds."""
    why: str
    """As in `unknown.Unknown`."""
    is_over: bool


Row = Change | Sample | Event | Input | Absence
