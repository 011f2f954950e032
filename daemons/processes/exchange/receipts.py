"""The receipts that the exchange writes itself."""

import time
from typing import Any

from daemons.bus.message import EXCHANGE, Command, Receipt
from daemons.processes.process import DEADLINE_PASSED

MAX_REASON_CHARACTERS = 1000


def applied(command: Command, result: dict[str, Any]) -> Receipt:
    """Return the receipt of a command that the exchange has carried out."""
    return Receipt(id=command.id, device=EXCHANGE, outcome="applied", at=time.time(), result=result)


def rejected(command: Command, reason: str) -> Receipt:
    """Return the receipt of a command that is not passed on."""
    return rejected_id(command.id, command.device or EXCHANGE, reason)


def rejected_id(id_: str, device: str, reason: str) -> Receipt:
    """Return the receipt of a rejected message of which only the id is known."""
    reason = reason[:MAX_REASON_CHARACTERS]
    return Receipt(id=id_, device=device, outcome="rejected", at=time.time(), reason=reason)


def expired(command: Command, device: str) -> Receipt:
    """Return the receipt of a command whose deadline has passed."""
    return Receipt(id=command.id, device=device, outcome="expired", at=time.time(), reason=DEADLINE_PASSED)
