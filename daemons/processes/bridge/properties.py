"""The user properties of MQTT 5 that carry the cause and the origin of a change, in both directions. Pure."""

from collections.abc import Sequence

import msgspec
from msgspec import structs

from daemons.bus.message import BRIDGE, Identifier
from daemons.bus.origin import Origin
from daemons.errors import Rejected
from daemons.processes.bridge.commands import BrokerCommand
from daemons.processes.bridge.outbox import UserProperties
from daemons.values import printable

CAUSE, ORIGIN = "cause", "origin"
MAX_ORIGIN_CHARACTERS = 50
"""A longer origin is cut: it becomes a part of the sender."""


def user_properties(cause: str | None, origin: Origin | None) -> UserProperties:
    """Return the user properties of a state or an event, such as `cause` f00d and `origin` press@bell."""
    found = [] if cause is None else [(CAUSE, cause)]
    if origin is not None:
        who = f":{origin.who}" if origin.who else ""
        device = f"@{origin.device}" if origin.device else ""
        found.append((ORIGIN, f"{origin.by}{who}{device}"))
    return tuple(found)


def apply_properties(
    command: BrokerCommand, properties: Sequence[tuple[str, str]], expiry_seconds: int | None
) -> tuple[BrokerCommand, str]:
    """Return a command with its cause as id and with the earlier end of its time, and its sender.

    `expiry_seconds` is the rest of the message expiry interval, or None. Raises Rejected for a cause that is
    no id.
    """
    named = dict(properties)
    if command.id is None and CAUSE in named:
        try:
            command = structs.replace(command, id=msgspec.convert(named[CAUSE], Identifier))
        except msgspec.ValidationError as error:
            raise Rejected(f"the user property {CAUSE} is no id: {error}") from error
    if expiry_seconds is not None:
        timeout_seconds = min(command.timeout_seconds, float(expiry_seconds))
        command = structs.replace(command, timeout_seconds=timeout_seconds)
    origin = printable(named.get(ORIGIN, ""))[:MAX_ORIGIN_CHARACTERS]
    return command, f"{BRIDGE}:{origin}" if origin else BRIDGE
