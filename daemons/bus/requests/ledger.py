"""The commands that one device has received: each id is carried out once. Pure.

A command may be repeated until its deadline. So an id and its receipt are remembered until then, and a
repetition gets the first receipt. After the deadline a repetition expires by itself.

A deadline is in Unix seconds, and the wall clock may jump. So the ledger counts the time that was left until
the deadline when the command arrived, in the steady seconds of its process.
"""

from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus.message import Command, Receipt

MAX_COMMANDS = 200
"""How many commands of one device are remembered at once."""


class LedgerEntry(Struct, frozen=True):
    """One command, and its receipt once it has one."""

    until: float = field(name="deadline")
    """When it may be forgotten, in steady seconds; field names on disk never change."""
    receipt: Receipt | None = None


class CommandLedger:
    """The commands of one device, by id. `entries` is replaced and never changed in place."""

    def __init__(self, entries: dict[str, LedgerEntry] | None = None) -> None:
        self.entries = entries or {}

    def __contains__(self, id_: str) -> bool:
        return id_ in self.entries

    def receipt(self, id_: str) -> Receipt | None:
        """Return the receipt of an id; None if the id is unknown or has no receipt yet."""
        entry = self.entries.get(id_)
        return entry.receipt if entry else None

    def has_room(self, now: float) -> bool:
        """Return whether one more command can be remembered at `now` (steady seconds)."""
        return len(self._open(now)) < MAX_COMMANDS

    def add(self, command: Command, now: float, wall: float, receipt: Receipt | None = None) -> None:
        """Remember a command that arrives at `now` (steady seconds) and `wall` (Unix seconds).

        The commands whose time has passed are forgotten.
        """
        until = now + command.deadline - wall
        self.entries = {**self._open(now), command.id: LedgerEntry(until, receipt)}

    def set_receipt(self, receipt: Receipt) -> bool:
        """Store the receipt of a remembered command; return False for an unknown id."""
        entry = self.entries.get(receipt.id)
        if entry is None:
            return False
        self.entries = {**self.entries, receipt.id: replace(entry, receipt=receipt)}
        return True

    def _open(self, now: float) -> dict[str, LedgerEntry]:
        """Return the entries whose time has not passed; of too many, not those that were rejected.

        A rejected command changed nothing: a repetition is rejected again, or does no harm.
        """
        kept = {id_: entry for id_, entry in self.entries.items() if entry.until > now}
        if len(kept) >= MAX_COMMANDS:
            kept = {
                id_: entry
                for id_, entry in kept.items()
                if entry.receipt is None or entry.receipt.outcome == "applied"
            }
        return kept
