"""The commands of one appliance: each id is carried out once, and each command gets a receipt. Pure."""

from typing import Literal

from daemons.bus.message import Command, Receipt, deadline_error
from daemons.processes.device.memory import RememberedReceipt

MAX_REASON_CHARACTERS = 1000
"""A longer reason is cut in its receipt."""
MAX_RECEIPTS = 200
"""How many receipts are remembered at once."""


class Requests:
    """The receipts of one appliance. `receipts` is replaced, never changed in place."""

    def __init__(self, device: str, receipts: dict[str, RememberedReceipt]) -> None:
        self.receipts = receipts
        self._device = device

    def answer(self, command: Command, wall: float) -> Receipt | None:
        """Return the receipt of a command that must not be carried out; None for one that must."""
        if command.id in self.receipts:
            return self.receipts[command.id].receipt
        if command.deadline <= wall:
            late_seconds = wall - command.deadline
            return self._receipt(command, "expired", wall, f"its deadline passed {late_seconds:.1f} s ago")
        if reason := deadline_error(command, wall):
            return self._receipt(command, "rejected", wall, reason)
        if len(self._open_receipts(wall)) >= MAX_RECEIPTS:
            return self._receipt(command, "rejected", wall, "too many commands within their deadlines")
        return None

    def close(self, command: Command, wall: float, rejection: str | None = None) -> Receipt:
        """Return the receipt of a command that was carried out, or rejected with a reason, and remember it."""
        receipt = self._receipt(command, "applied" if rejection is None else "rejected", wall, rejection)
        remembered = RememberedReceipt(command.deadline, receipt)
        self.receipts = {**self._open_receipts(wall), command.id: remembered}
        return receipt

    def _open_receipts(self, wall: float) -> dict[str, RememberedReceipt]:
        """Return the receipts to keep: those before their deadline; of too many, only the applied ones.

        A command that changed nothing may be forgotten: its repetition is rejected again, or does no harm.
        """
        kept = {id_: kept for id_, kept in self.receipts.items() if kept.deadline > wall}
        if len(kept) >= MAX_RECEIPTS:
            kept = {id_: kept for id_, kept in kept.items() if kept.receipt.outcome == "applied"}
        return kept

    def _receipt(
        self,
        command: Command,
        outcome: Literal["applied", "rejected", "expired"],
        wall: float,
        reason: str | None,
    ) -> Receipt:
        reason = reason and reason[:MAX_REASON_CHARACTERS]
        return Receipt(id=command.id, device=self._device, outcome=outcome, at=wall, reason=reason)
