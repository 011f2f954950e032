"""A line that only listens, for what a driver tells of what it hears."""

from typing import Any

from msgspec.structs import replace

from daemons.kinds import Reading, Touch


class Heard:
    """Stands where a worker's line stands."""

    def __init__(self) -> None:
        self.reading = Reading(reachable=None)
        self.touches: list[Touch] = []

    def tell(self, **changes: Any) -> None:
        """Take a reading."""
        self.reading = replace(self.reading, **{"reachable": True, "fault": None, **changes})

    def press(self, what: Touch) -> None:
        """Take a press."""
        self.touches.append(what)
