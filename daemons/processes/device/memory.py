"""What one appliance must remember across a crash; the journal keeps it."""

import msgspec
from msgspec import Struct

from daemons.bus.message import Moment, Receipt, Scalar
from daemons.processes.device.rules import Mark
from daemons.processes.process import Life
from daemons.runtime.clock import Anchor


class Kept(Struct, frozen=True):
    """A receipt, and until when (Unix seconds) its command may come again."""

    deadline: float
    receipt: Receipt


class Memory(Struct, frozen=True, kw_only=True):
    """What one appliance remembers across a crash."""

    kind: str
    machine: msgspec.Raw
    """The kind's own memory."""
    anchor: Anchor
    at: float
    """The steady moment at which this was written."""
    born: float
    """When (wall clock) it began to remember: what happened before is not its business."""
    life: Life
    cause: str | None = None
    shown: dict[str, Scalar] = {}
    shown_cause: str | None = None
    turned: dict[str, float] = {}
    past: tuple[Moment, ...] = ()
    confirmed: bool = False
    """Whether the hardware was seen to be as wanted: if it is not any more, it was a hand."""
    hot_until: float | None = None
    """When what heats is switched off, whatever happens."""
    marks: dict[str, Mark] = {}
    receipts: dict[str, Kept] = {}
