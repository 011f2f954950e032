"""The receipts that somebody waits for: of each command that was sent on one comes, or its time passes."""

import time
from collections import defaultdict
from collections.abc import Callable

from daemons.bus.message import Command, Receipt
from daemons.runtime.loop import Loop, Timer

Take = Callable[[Receipt], None]
MOST = 100
"""How many of one device may be waited for at once; who asks it after that is told to wait.

So a device that says nothing keeps nobody from the others, whoever asks it, and how often.
"""
SPARE_SECONDS = 0.05
"""How long after its deadline a receipt is still waited for: the device itself may say that it has passed."""


class Awaited:
    """Knows who waits for which receipt."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._waiting: dict[str, list[tuple[str, Take, Timer]]] = defaultdict(list)
        """Of each device, who waits for the receipt of which id; two may have sent the same command."""

    def expect(self, device: str, command: Command, take: Take) -> bool:
        """Have `take` called once with the receipt of a command; false when too many wait already.

        When none comes by its deadline, it is called with one that says so.
        """
        waiting = self._waiting[device]
        if len(waiting) >= MOST:
            return False
        patience = max(0.0, command.deadline - time.time()) + SPARE_SECONDS

        def give_up() -> None:
            why = f"{device} said nothing within {patience:.1f} s; whether it was carried out is not known"
            waiting.remove(entry)
            take(Receipt(id=command.id, device=device, outcome="unanswered", at=time.time(), reason=why))

        entry = command.id, take, self._loop.at(self._loop.now() + patience, give_up)
        waiting.append(entry)
        return True

    def come(self, device: str, receipt: Receipt) -> bool:
        """Take a receipt; false when nobody waits for it."""
        waiting = self._waiting.get(device, [])
        come = [entry for entry in waiting if entry[0] == receipt.id]
        for entry in come:
            _, take, timer = entry
            waiting.remove(entry)
            timer.cancel()
            take(receipt)
        return bool(come)
