"""A hardware channel that only records, for tests of drivers that parse messages."""

from typing import Any

from msgspec.structs import replace

from daemons.kinds import Reading, Touch


class RecordingChannel:
    """A replacement for a worker's `HardwareChannel`."""

    def __init__(self) -> None:
        self.reading = Reading(reachable=None)
        self.touches: list[Touch] = []

    def update(self, **changes: Any) -> None:
        """Record changed fields of the reading."""
        self.reading = replace(self.reading, **{"reachable": True, "fault": None, **changes})

    def connect(self, fault: str | None = None) -> None:
        """Record that the connection works."""
        self.reading = replace(self.reading, reachable=True, fault=fault)

    def confirm(self, *, on: bool) -> None:
        """Record that the hardware has accepted a setting."""
        self.update(on=on)

    def press(self, touch: Touch) -> None:
        """Record a press."""
        self.touches.append(touch)
