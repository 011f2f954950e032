"""The receipts that somebody waits for: of each command that was sent on one comes, or its time passes."""

import time
from collections import defaultdict
from collections.abc import Callable

from daemons.loop import Loop, Timer
from daemons.message import Command, Receipt

Take = Callable[[Receipt], None]
MOST = 1000
"""How many may be waited for at once; who asks after that is told to wait."""
SPARE_SECONDS = 0.05
"""How long after its deadline a receipt is still waited for: the device itself may say that it has passed."""


class Awaited:
    """Knows who waits for which receipt."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._waiting: dict[tuple[str, str], list[tuple[Take, Timer]]] = defaultdict(list)
        """By device and id: two may have sent the same command."""

    def expect(self, device: str, command: Command, take: Take) -> bool:
        """Have `take` called once with the receipt of a command; false when too many wait already.

        When none comes by its deadline, it is called with one that says so.
        """
        if len(self._waiting) >= MOST:
            return False
        patience = max(0.0, command.deadline - time.time()) + SPARE_SECONDS

        def give_up() -> None:
            why = f"{device} said nothing within {patience:.1f} s; whether it was carried out is not known"
            self._end(key, entry)
            take(Receipt(id=command.id, device=device, outcome="unanswered", at=time.time(), reason=why))

        key = device, command.id
        entry = take, self._loop.at(self._loop.now() + patience, give_up)
        self._waiting[key].append(entry)
        return True

    def waits(self, device: str, id_: str) -> bool:
        """Tell whether somebody waits for that receipt already."""
        return (device, id_) in self._waiting

    def come(self, device: str, receipt: Receipt) -> bool:
        """Take a receipt; false when nobody waits for it."""
        waiting = self._waiting.pop((device, receipt.id), [])
        for take, timer in waiting:
            timer.cancel()
            take(receipt)
        return bool(waiting)

    def _end(self, key: tuple[str, str], entry: tuple[Take, Timer]) -> None:
        self._waiting[key].remove(entry)
        if not self._waiting[key]:
            del self._waiting[key]
