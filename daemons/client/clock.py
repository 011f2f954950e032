"""The clock of a house in the network, which may differ from the clock of this program."""

import time

from daemons.bus.message import EXCHANGE, Command, Receipt
from daemons.bus.requests.protocol import new_id

CLOCK_SECONDS = 60.0
"""How long a measured difference of the two clocks is used."""


class HouseClock:
    """Computes deadlines by the clock of the house. Until the first update, the two clocks count as equal."""

    def __init__(self) -> None:
        self._ahead_seconds = 0.0
        self._updated_at = float("-inf")

    @property
    def is_old(self) -> bool:
        """Return whether the difference must be measured again."""
        return time.monotonic() - self._updated_at > CLOCK_SECONDS

    def request(self) -> Command:
        """Return the command that requests the time."""
        return Command(id=new_id(), command="clock", deadline=0.0, device=EXCHANGE)

    def update(self, reply: Receipt, took_seconds: float) -> None:
        """Measure the difference by a reply, which counts as written in the middle of the wait for it."""
        self._ahead_seconds = reply.at + took_seconds / 2 - time.time()
        self._updated_at = time.monotonic()

    def deadline(self, seconds: float) -> float:
        """Return the time (Unix seconds, by the clock of the house) that is so many seconds from now."""
        return time.time() + self._ahead_seconds + seconds
