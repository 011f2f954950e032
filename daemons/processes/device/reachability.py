"""Whether the hardware of one appliance answers, and since when it does not. Pure."""

from typing import Literal

from daemons.kinds import Reading

LOST_SECONDS = 5.0
"""After this time without an answer, the hardware counts as lost: commands to go on are refused."""


class Reachability:
    """What the readings tell about the connection to the hardware."""

    def __init__(self, *, was_reachable: bool) -> None:
        """`was_reachable` is what the last process published."""
        self.is_reachable = was_reachable
        self._losses = 0
        """How often the hardware had been lost when it was last reachable."""
        self._unreachable_since: float | None = None
        """When this process found the hardware unreachable, in steady seconds."""

    def update(self, reading: Reading, now: float) -> Literal["lost", "back"] | None:
        """Note a reading; return "back" if the hardware answers again, and "lost" as long as it does not.

        A loss that is over before a reading shows it is found by the driver's count of losses.
        """
        if reading.reachable is None:
            return None
        if not reading.reachable:
            self.is_reachable = False
            self._unreachable_since = now if self._unreachable_since is None else self._unreachable_since
            return "lost"
        is_back = not self.is_reachable or reading.losses != self._losses
        self.is_reachable, self._losses, self._unreachable_since = True, reading.losses, None
        return "back" if is_back else None

    def is_lost(self, now: float) -> bool:
        """Return whether the hardware has been unreachable for so long that it counts as lost."""
        return self._unreachable_since is not None and now - self._unreachable_since >= LOST_SECONDS
