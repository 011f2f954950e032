"""What travels between processes: two frames, `[topic, payload]`, and their rules. No I/O.

A topic is `NAME/state` or `NAME/heartbeat`; a payload is one UTF-8 JSON object. docs/wire.md
is the same in prose, for readers who use nothing of ours.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from daemons.errors import MessageError

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""What a device may be called: its topics, file names and environment are made of this."""

LIMIT = 1 << 20
"""The size in bytes above which no frame is accepted, on any socket."""

DeviceName = Annotated[str, Meta(pattern=f"^{NAME.pattern}$")]
Text = Annotated[str, Meta(max_length=1000)]
Identifier = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+$")]
Count = Annotated[int, Meta(ge=0, lt=1 << 53)]
Unix = Annotated[float, Meta(ge=0, lt=1e11)]
Scalar = bool | int | float | Text | None


class State(Struct, frozen=True, kw_only=True):
    """All that a device shows of itself: always whole, so that one message is enough.

    `boot` is new at every start of the process and grows; `seq` counts its states from 1.
    `turned` says of each field that is not a measurement, and is no longer what it first was,
    when it took its present value; `since` is the latest of these. `cause` is the id of the
    press or command that led here, "hardware" for a hand at the appliance itself, or nothing.
    """

    device: DeviceName
    boot: Count
    seq: Count
    at: Unix
    since: Unix
    state: dict[Identifier, Scalar]
    turned: dict[Identifier, Unix] = {}
    cause: Identifier | None = None


class Heartbeat(Struct, frozen=True, kw_only=True):
    """A sign of life, once a second; `seq` is the latest state's, so a lost one is noticed."""

    device: DeviceName
    boot: Count
    seq: Count
    at: Unix
    pid: Count
    restarts: Count = 0


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A wish, and until when (Unix seconds) it is one; `id` makes it count once."""

    id: Identifier
    command: Identifier
    deadline: Unix
    args: dict[Identifier, Scalar] = {}


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer that every command gets; `result` is what a question was asked for."""

    id: str
    device: str
    outcome: Literal["applied", "rejected", "expired"]
    at: Unix
    reason: str | None = None
    result: dict[str, Any] | None = None


PUBLISHED: dict[str, type[State] | type[Heartbeat]] = {"state": State, "heartbeat": Heartbeat}
_decoders = {word: msgspec.json.Decoder(kind) for word, kind in PUBLISHED.items()}
_command = msgspec.json.Decoder(Command)
_receipt = msgspec.json.Decoder(Receipt)
encode = msgspec.json.Encoder().encode
"""Any message to its JSON payload."""


def topic(message: State | Heartbeat) -> bytes:
    """Give the first frame of a message that is published."""
    word = "state" if type(message) is State else "heartbeat"
    return f"{message.device}/{word}".encode()


def decode(frames: Sequence[bytes]) -> State | Heartbeat:
    """Read the two frames of a published message; MessageError says what is wrong with them."""
    if len(frames) != 2:  # noqa: PLR2004
        raise MessageError(f"{len(frames)} frames where a message has 2")
    name, _, word = frames[0].partition(b"/")
    decoder = _decoders.get(word.decode("ascii", "replace"))
    if decoder is None:
        raise MessageError("its topic is neither NAME/state nor NAME/heartbeat")
    message: State | Heartbeat = _read(decoder, frames[1])
    if message.device.encode() != name:
        raise MessageError(f"its topic and its device ({message.device}) differ")
    return message


def decode_command(payload: bytes) -> Command:
    """Read a command's payload; MessageError says what is wrong with it."""
    command: Command = _read(_command, payload)
    return command


def decode_receipt(payload: bytes) -> Receipt:
    """Read a receipt's payload; MessageError says what is wrong with it."""
    receipt: Receipt = _read(_receipt, payload)
    return receipt


def _read(decoder: msgspec.json.Decoder[Any], payload: bytes) -> Any:
    if len(payload) > LIMIT:
        raise MessageError(f"{len(payload)} bytes where at most {LIMIT} are taken")
    try:
        return decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise MessageError(str(error)) from error
    except RecursionError as error:
        raise MessageError("its JSON is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise MessageError("its text is not UTF-8") from error
