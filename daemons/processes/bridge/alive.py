"""The message by which a house shows at the broker that it is alive, once a minute. Pure."""

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from daemons.bus.message import BRIDGE, Count, DeviceName, Unix
from daemons.bus.presence import PresenceTable
from daemons.bus.status import Presence
from daemons.errors import MessageError
from daemons.values import printable

EVERY_SECONDS = 60
"""The longest interval between two alive messages of a house."""
CHANGE_SECONDS = 5.0
"""The shortest interval between two of them: a changed house sends one earlier."""
MAX_ALIVE_BYTES = 16 * 1024
"""The longest payload. A longer one is refused before it is parsed."""
MAX_FAULTS = 10
MAX_FAULT_CHARACTERS = 200
SESSION_BYTES = 8
RIVAL_SECONDS = 180.0
"""For so long after its latest alive message, another house with the same prefix is a fault."""

HexDigits = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]


class Alive(Struct, frozen=True, kw_only=True):
    """What a house says of itself."""

    at: Unix = 0.0
    """When the message was sent, by the clock of the house."""
    every_seconds: Annotated[float, Meta(ge=1, le=86400)] = EVERY_SECONDS
    """The interval between two of these messages."""
    version: Annotated[str, Meta(min_length=1, max_length=60)]
    """The version of House."""
    name: Annotated[str, Meta(min_length=1, max_length=60)]
    """The title of the house."""
    configuration: HexDigits | None = None
    """The first digits of the SHA-256 of the installed configuration; None if it cannot be read."""
    devices: Annotated[dict[Presence, Count], Meta(max_length=6)] = {}
    """By presence, how many devices have it."""
    faults: Annotated[
        dict[DeviceName, Annotated[str, Meta(max_length=MAX_FAULT_CHARACTERS)]], Meta(max_length=MAX_FAULTS)
    ] = {}
    """By device the text of its fault; of the bridge itself, if another house uses its prefix."""
    fault_count: Count = 0
    """How many faults there are; `faults` has the first ones."""
    restarts: Count = 0
    """How often processes were restarted: the bridge, and those whose heartbeats it receives."""
    session: HexDigits = "0" * 2 * SESSION_BYTES
    """A random id, new in each session with the broker."""


_decode = msgspec.json.Decoder(Alive).decode


def decode_alive(payload: bytes) -> Alive:
    """Return an alive message whose texts have no control characters; raises MessageError for any other."""
    if len(payload) > MAX_ALIVE_BYTES:
        raise MessageError(f"{len(payload)} bytes; an alive message has at most {MAX_ALIVE_BYTES}")
    try:
        alive = _decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise MessageError(f"no valid alive message: {error}") from error
    return msgspec.structs.replace(
        alive,
        version=printable(alive.version),
        name=printable(alive.name),
        faults=printable(alive.faults),
    )


def count_presences(presences: Iterable[Presence]) -> dict[Presence, int]:
    """Return how many devices have each presence, without those that none has."""
    found: dict[Presence, int] = {}
    for presence in presences:
        found[presence] = found.get(presence, 0) + 1
    return found


def faults_of(table: PresenceTable, presences: Mapping[str, Presence], own: str | None) -> dict[str, str]:
    """Return the text of each fault by device; `own` is the fault of the bridge.

    The state of a device that is not live is not current. If it has failed, the report has the reason.
    """
    found = {} if own is None else {BRIDGE: own}
    for name, presence in presences.items():
        entry = table.entries[name]
        if presence == "live":
            fault = entry.state.state.get("fault") if entry.state else None
        else:
            fault = (entry.report.reason if entry.report else None) if presence == "failed" else None
        if isinstance(fault, str) and fault:
            found[name] = fault[:MAX_FAULT_CHARACTERS]
    return found
