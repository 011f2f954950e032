"""The latest outside inputs of one appliance, until they are published. Pure.

An input is only noted when it comes. It is encoded later, when the device has time: a press must not wait for
it. Texts for people are not recorded, and neither are arguments of which the kind knows nothing: they may be
secrets. Their lengths are.
"""

from collections import deque

import msgspec
from msgspec.structs import replace

from daemons.bus.input import MAX_INPUTS, CommandInput, Input
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
        self._new: deque[Input | tuple[Command, Receipt, float]] = deque(maxlen=MAX_INPUTS)
        self._encoded: deque[msgspec.Raw] = deque(maxlen=MAX_INPUTS)

    def add(self, noted: Input | tuple[Command, Receipt, float]) -> None:
        """Note an input. A command comes with its receipt and the time (Unix seconds) at which it came."""
        self._new.append(noted)
        self.number += 1
        self.has_news = True

    def reject(self, id_: str, reason: str) -> None:
        """Change the outcome of a command that was not carried out after all; other ids have no effect."""
        for index, noted in enumerate(self._new):
            if isinstance(noted, tuple) and noted[0].id == id_:
                command, receipt, at = noted
                self._new[index] = command, replace(receipt, outcome="rejected", reason=reason), at

    def publishable(self) -> tuple[msgspec.Raw, ...]:
        """Return the inputs to publish as JSON, oldest first, and count them as published."""
        most = max(len(self._new), REPEATED)
        for noted in self._new:
            input_ = command_input(self._kind, *noted) if isinstance(noted, tuple) else noted
            self._encoded.append(msgspec.Raw(encode(input_)))
        self._new.clear()
        self.has_news = False
        size = sum(len(bytes(item)) for item in self._encoded)
        while len(self._encoded) > most or size > MAX_BYTES:
            size -= len(bytes(self._encoded.popleft()))
        return tuple(self._encoded)


def command_input(kind: type[Kind], command: Command, receipt: Receipt, at: float) -> CommandInput:
    """Return what is recorded of a command: all but the arguments that may be personal or secret.

    With an argument left out, the reason is left out too: it may quote the argument.
    """
    declared = next(
        (one.__struct_encode_fields__ for one in kind.commands if one.__name__.lower() == command.command), ()
    )
    left_out = {
        name: len(str(value))
        for name, value in command.args.items()
        if name not in declared
        or name in kind.personal_arguments
        or (isinstance(value, str) and len(value) > MAX_TEXT)
    }
    return CommandInput(
        at=at,
        id=command.id,
        command=command.command,
        outcome=receipt.outcome,
        reason=receipt.reason[:MAX_REASON] if receipt.reason and not left_out else None,
        who=command.who,
        args={name: value for name, value in command.args.items() if name not in left_out},
        left_out=left_out or None,
    )
