"""The commands of one appliance: each id is carried out once, and each command gets a receipt. Pure.

Each time is given twice: `now` in the device's steady seconds, `wall` in Unix seconds.
"""

from typing import Literal

from msgspec.structs import replace

from daemons.bus.message import Command, Receipt, deadline_error
from daemons.bus.requests.ledger import CommandLedger, LedgerEntry
from daemons.errors import Rejected

MAX_REASON_CHARACTERS = 1000
"""A longer reason is cut in its receipt."""


class Requests:
    """Answers the commands of one appliance, with a ledger of their receipts."""

    def __init__(self, device: str, receipts: dict[str, LedgerEntry]) -> None:
        self._ledger = CommandLedger(receipts)
        self._device = device

    @property
    def receipts(self) -> dict[str, LedgerEntry]:
        """The entries of the ledger; a new dict after each change."""
        return self._ledger.entries

    def answer(self, command: Command, now: float, wall: float) -> Receipt | None:
        """Return the receipt of a command that must not be carried out; None for one that must."""
        if (first := self._ledger.receipt(command.id)) is not None:
            return first
        if command.deadline <= wall:
            late_seconds = wall - command.deadline
            reason = f"its deadline passed {late_seconds:.1f} s ago"
            late = Rejected(reason, "late", seconds=round(late_seconds, 1))
            return self._receipt(command, "expired", wall, late)
        if error := deadline_error(command, wall):
            return self._receipt(command, "rejected", wall, Rejected(error))
        if not self._ledger.has_room(now):
            too_many = Rejected("too many commands within their deadlines", "too_many")
            return self._receipt(command, "rejected", wall, too_many)
        return None

    def close(self, command: Command, now: float, wall: float, rejection: Rejected | None = None) -> Receipt:
        """Remember and return the receipt of a command that was carried out, or rejected."""
        receipt = self._receipt(command, "applied" if rejection is None else "rejected", wall, rejection)
        self._ledger.add(command, now, wall, receipt)
        return receipt

    def receipt(self, id_: str) -> Receipt | None:
        """Return the receipt of a command id, or None."""
        return self._ledger.receipt(id_)

    def reject(self, id_: str, wall: float, reason: str) -> None:
        """Change the receipt of a command that was not carried out after all; other ids have no effect."""
        if (first := self._ledger.receipt(id_)) is not None:
            reason = reason[:MAX_REASON_CHARACTERS]
            rejected = replace(first, outcome="rejected", at=wall, reason=reason, code=None, values={})
            self._ledger.set_receipt(rejected)

    def _receipt(
        self,
        command: Command,
        outcome: Literal["applied", "rejected", "expired"],
        wall: float,
        rejection: Rejected | None,
    ) -> Receipt:
        receipt = Receipt(id=command.id, device=self._device, outcome=outcome, at=wall)
        if rejection is None:
            return receipt
        reason = str(rejection)[:MAX_REASON_CHARACTERS]
        values = {name: short(value) for name, value in rejection.values.items()}
        return replace(receipt, reason=reason, code=rejection.code, values=values)


def short(value: str | float) -> str | float:
    """Return a value of a receipt, cut if it is a long text."""
    return value[:MAX_REASON_CHARACTERS] if isinstance(value, str) else value
