"""Hardware channels for tests of drivers that parse messages."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from daemons.drivers.transports.worker import HardwareChannel
from daemons.kinds import Reading, Touch


class RecordingChannel:
    """A replacement for a worker's `HardwareChannel`."""

    def __init__(self) -> None:
        self.reading = Reading(reachable=None)
        self.touches: list[Touch] = []

    def update(self, **changes: Any) -> None:
        """Record changed fields of the reading."""
        self.reading = replace(self.reading, **{"reachable": True, "fault": None, **changes})

    def restore(self, **changes: Any) -> None:
        """Record values that a broker has kept."""
        self.update(**changes)

    def connect(self, fault: str | None = None) -> None:
        """Record that the connection works."""
        self.reading = replace(self.reading, reachable=True, fault=fault)

    def confirm(self, *, on: bool) -> None:
        """Record that the hardware has accepted a setting."""
        self.update(on=on)

    def press(self, touch: Touch) -> None:
        """Record a press."""
        self.touches.append(touch)


@contextmanager
def hardware_channel() -> Iterator[HardwareChannel]:
    """Yield a real channel, for tests of the age of a report."""
    event_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    try:
        yield HardwareChannel(event_fd)
    finally:
        os.close(event_fd)
