"""The latest outside inputs of one appliance, until they are published. Pure.

An input is only noted when it comes. It is encoded later, when the device has time: a press must not wait for
it. Texts for people are not recorded, and neither are arguments of which the kind knows nothing: they may be
secrets. Their lengths are.
"""

from collections import deque
from typing import Any

import msgspec
from msgspec.structs import replace

from daemons.bus.input import MAX_INPUTS, Input, What
from daemons.bus.message import Command, Receipt, encode
from daemons.kinds import Kind

MAX_BYTES = 32 * 1024
"""The size of all inputs of a message. The largest one, a command with many arguments, has 12 kB."""
REPEATED = 8
"""How many inputs a message contains at least, if there were as many: a recorder may have missed some."""
MAX_TEXT = 64
"""A longer argument is not recorded."""
MAX_REASON = 200
"""A longer reason is cut."""


class RecentInputs:
    """Numbers the inputs of one device, and keeps those that are not published, and some more."""

    def __init__(self, kind: type[Kind], earlier: int) -> None:
        """`earlier` is the number of the latest input that the device remembers of its earlier runs."""
        self.earlier = self.number = earlier
        self.has_news = earlier > 0
        """Whether there is something to publish; at the start, the number."""
        self._kind = kind
        self._new: deque[tuple[float, What, Any]] = deque(maxlen=MAX_INPUTS)
        self._encoded: deque[msgspec.Raw] = deque(maxlen=MAX_INPUTS)

    def add(self, at: float, what: What, details: dict[str, Any]) -> None:
        """Note an input that came at a time (Unix seconds)."""
        self._new.append((at, what, details))
        self.number += 1
        self.has_news = True

    def add_command(self, command: Command, receipt: Receipt, at: float) -> None:
        """Note a command with its receipt."""
        self._new.append((at, "command", (command, receipt)))
        self.number += 1
        self.has_news = True

    def reject(self, id_: str, reason: str) -> None:
        """Change the outcome of a command that was not carried out after all; other ids have no effect."""
        for index, (at, what, details) in enumerate(self._new):
            if what == "command" and details[0].id == id_:
                command, receipt = details
                rejected = replace(receipt, outcome="rejected", reason=reason)
                self._new[index] = at, what, (command, rejected)

    def publishable(self) -> tuple[msgspec.Raw, ...]:
        """Return the inputs to publish as JSON, oldest first, and count them as published."""
        most = max(len(self._new), REPEATED)
        self._encoded.extend(self._encode(*noted) for noted in self._new)
        self._new.clear()
        self.has_news = False
        while len(self._encoded) > most or sum(map(len, map(bytes, self._encoded))) > MAX_BYTES:
            self._encoded.popleft()
        return tuple(self._encoded)

    def _encode(self, at: float, what: What, details: Any) -> msgspec.Raw:
        if what == "command":
            details = command_details(self._kind, *details)
        return msgspec.Raw(encode(Input(at=at, what=what, details=details)))


def command_details(kind: type[Kind], command: Command, receipt: Receipt) -> dict[str, Any]:
    """Return what is recorded of a command: all but the arguments that may be personal or secret."""
    declared = next(
        (c.__struct_encode_fields__ for c in kind.commands if c.__name__.lower() == command.command), ()
    )
    left_out = {
        name: len(str(value))
        for name, value in command.args.items()
        if name not in declared
        or name in kind.personal_arguments
        or (isinstance(value, str) and len(value) > MAX_TEXT)
    }
    # With an argument left out, the reason is left out too: it may quote the argument.
    args = {name: value for name, value in command.args.items() if name not in left_out}
    details = {
        "id": command.id,
        "command": command.command,
        "args": args,
        "left_out": left_out or None,
        "who": command.who,
        "outcome": receipt.outcome,
        "reason": receipt.reason[:MAX_REASON] if receipt.reason and not left_out else None,
    }
    return {name: value for name, value in details.items() if value is not None}
