"""The values that the fields of a device can have, by its kind and its options. Pure."""

from collections.abc import Mapping

from daemons.bus.message import Scalar
from daemons.config.device import Device


def runs_here(device: Device) -> bool:
    """Return whether a process of the house runs the device. A program of your own may show other phases."""
    return device.driver is None or device.driver.runs_here


def possible_states(device: Device, values: Mapping[str, Scalar]) -> list[dict[str, Scalar]]:
    """Return the combinations of values that a device can have together with `values`."""
    states = device.kind.possible_states(device.options) if runs_here(device) else ({},)
    return [
        state for state in states if all(state.get(name, value) == value for name, value in values.items())
    ]


def possible_values(device: Device, name: str) -> tuple[Scalar, ...] | None:
    """Return all values that a field of a device can have, or None if its type alone decides."""
    states = possible_states(device, {})
    return (
        tuple(dict.fromkeys(state[name] for state in states))
        if all(name in state for state in states)
        else None
    )
