"""Sends a command to a device of a house at the broker, and waits for its receipt.

The command has an id. It is sent again after each new session, and while no receipt comes. The house carries
out an id once, and answers a repetition with the first receipt until the deadline.
"""

import secrets
import time
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from daemons.bus.message import Identifier, Text
from daemons.cli.fleet.desk import Desk
from daemons.cli.fleet.session import FleetSession
from daemons.processes.bridge.commands import BrokerCommand
from daemons.processes.bridge.topics import OFFLINE
from daemons.values import printable

REPEAT_SECONDS = 3.0
"""A command without a receipt is sent again after this time."""
LAST_SECONDS = 1.0
"""How long a receipt may be on its way after the deadline of the command."""
MAX_RECEIPT_BYTES = 64 * 1024
ID_BYTES = 12
UNKNOWN = "no house of this name has published anything at this broker"


class RemoteReceipt(Struct, frozen=True, kw_only=True):
    """The receipt of a command, as the bridge of a house publishes it."""

    id: Identifier
    outcome: Literal["applied", "rejected", "expired", "unanswered"]
    device: Annotated[str, Meta(max_length=100)] = ""
    command: Annotated[str, Meta(max_length=100)] | None = None
    reason: Text | None = None
    at: float | None = None
    took_seconds: float | None = None


_decode = msgspec.json.Decoder(RemoteReceipt).decode


class Target(NamedTuple):
    """The receiver of a command: a device of a house."""

    house: str
    device: str


def read_receipt(payload: bytes, id_: str) -> RemoteReceipt | None:
    """Return the receipt of a command; None for one of another command, or for anything else."""
    if len(payload) > MAX_RECEIPT_BYTES:
        return None
    try:
        receipt = _decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    return receipt if receipt.id == id_ else None


def send(desk: Desk, target: Target, command: BrokerCommand) -> RemoteReceipt:
    """Send a command until a receipt arrives or its `timeout_seconds` have passed.

    Without a receipt, the outcome is `unanswered`. Raises Unreachable if the first session fails.
    """
    id_ = command.id or secrets.token_hex(ID_BYTES)
    command = msgspec.structs.replace(command, id=id_)
    base = f"{desk.base}{target.house}"
    found: list[RemoteReceipt] = []
    availability: list[bytes] = []

    def on_message(topic: str, payload: bytes, _: bool) -> None:
        if topic.endswith("/availability"):
            availability[:] = [payload]
        elif receipt := read_receipt(payload, id_):
            found.append(receipt)

    receipts = {f"{base}/{target.device}/receipt", f"{base}/bridge/receipt"}
    topics = [*sorted(receipts), f"{base}/bridge/availability"]
    with FleetSession(desk, topics, on_message) as session:
        sent = _repeat(session, f"{base}/{target.device}/command", command, found)
        receipt = found[0] if found else None
        is_offline = availability == [OFFLINE.encode()]
    if receipt is None:
        why = f"no receipt within {command.timeout_seconds:g} s"
        why += "; the house is offline" if is_offline else "" if availability else f"; {UNKNOWN}"
        why += f"; {session.fault}" if session.fault else ""
    elif receipt.outcome == "expired" and sent > 1:
        why = "it has expired at a repetition; whether it was carried out before is not known"
    else:
        return msgspec.structs.replace(receipt, reason=printable(receipt.reason))
    return RemoteReceipt(
        id=id_, outcome="unanswered", device=target.device, command=command.command, reason=why
    )


def _repeat(session: FleetSession, topic: str, command: BrokerCommand, found: list[Any]) -> int:
    """Publish the command until a receipt is found or its time has passed; return how often it was sent."""
    payload = msgspec.json.encode({k: v for k, v in msgspec.to_builtins(command).items() if v is not None})
    began = time.monotonic()
    deadline = began + command.timeout_seconds
    sent, sent_at, number = 0, float("-inf"), 0
    with session.changed:
        while not found and (now := time.monotonic()) < deadline + LAST_SECONDS:
            is_new = session.sessions != number
            if session.is_subscribed and now < deadline and (is_new or now - sent_at >= REPEAT_SECONDS):
                number, sent_at = session.sessions, now
                sent += 1
                session.publish(topic, payload)
            session.changed.wait(min(0.5, max(0.0, deadline + LAST_SECONDS - now)))
    return sent
