"""The request/reply protocol: a command is sent, and a receipt with the same id is received. No I/O."""

import os
import time
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct

from daemons.bus import message
from daemons.bus.message import Command, DeviceName, Identifier, Receipt, Scalar
from daemons.bus.origin import Who
from daemons.errors import NoAnswer
from daemons.values import suggest

T = TypeVar("T")
Seconds = Annotated[float, Meta(ge=0.01, le=60)]
MAX_REASON_CHARACTERS = 1000
TERMINAL = "terminal"
"""The sender of the commands of the `house` verbs."""


class CommandRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The optional fields of a command that a client sends."""

    args: Annotated[dict[Identifier, Scalar], Meta(max_length=20)] = {}
    id: Identifier | None = None
    timeout_seconds: Seconds = 2.0


def new_id() -> str:
    """Return a new id for a command."""
    return os.urandom(5).hex()


def new_command(
    name: str,
    timeout_seconds: float,
    args: dict[str, Any] | None = None,
    id_: str | None = None,
    device: DeviceName | None = None,
    deadline: float | None = None,
    who: str | None = None,
) -> Command:
    """Return a command whose deadline is `timeout_seconds` from now, or at `deadline` (Unix seconds).

    The command gets a new id unless `id_` is given. `who` is its sender, such as "terminal".
    """
    deadline = time.time() + timeout_seconds if deadline is None else deadline
    return Command(
        id=id_ or new_id(), command=name, deadline=deadline, args=args or {}, device=device, who=who
    )


def check_sender(who: str) -> str:
    """Return the name of a sender; ValueError when it is not valid."""
    try:
        return msgspec.convert(who, Who)
    except msgspec.ValidationError:
        raise ValueError(f"who = {who!r:.80} is not a sender; allowed: text of 1 to 64 characters") from None


def request_frames(command: Command) -> list[bytes]:
    """Return the frames of a command for a DEALER socket: an empty frame comes first, as from a REQ."""
    return [b"", message.encode(command)]


def decode_reply(frames: Sequence[bytes]) -> Receipt:
    """Decode the receipt that a DEALER socket has received; raises MessageError for other messages."""
    return message.decode_receipt(frames[-1])


def no_answer(device: str, timeout_seconds: float) -> NoAnswer:
    """Return the error for a device of this host that has sent no receipt within `timeout_seconds`."""
    return NoAnswer(
        device,
        round(timeout_seconds, 1),
        "is it running? `house status` shows it, `house logs` shows why not",
    )


def unknown_device(command: Command, device: str, known: Iterable[str]) -> Receipt:
    """Return the rejection of a command to an unknown device, with the nearest known name."""
    return rejection(command, device, f"there is no device {device!r}; {suggest(device, sorted(known))}")


def rejection(command: Command, device: str, reason: str) -> Receipt:
    """Return the receipt of a command that is not forwarded to its device."""
    reason = reason[:MAX_REASON_CHARACTERS]
    return Receipt(id=command.id, device=device, outcome="rejected", at=time.time(), reason=reason)


class PendingRequests(Generic[T]):
    """The requests that wait for a receipt, by command id. Two clients may use the same id at once."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[T]] = {}

    def __len__(self) -> int:
        """Return the number of waiting requests."""
        return sum(len(waiting) for waiting in self._waiting.values())

    def add(self, id_: str, waiting: T) -> None:
        """Add a request; `waiting` is any value by which the caller finds the recipient of the receipt."""
        self._waiting.setdefault(id_, []).append(waiting)

    def remove(self, id_: str, waiting: T) -> None:
        """Remove a request; an unknown request is ignored."""
        found = self._waiting.get(id_, [])
        if waiting in found:
            found.remove(waiting)
        if not found:
            self._waiting.pop(id_, None)

    def matching(self, receipt: Receipt) -> tuple[T, ...]:
        """Return the requests that wait for this receipt."""
        return tuple(self._waiting.get(receipt.id, ()))
