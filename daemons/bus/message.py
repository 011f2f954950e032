"""What travels between processes: two frames, `[topic, payload]`, and their rules. No I/O.

A topic is `NAME/state`, `NAME/heartbeat` or `WHO/process/NAME`, where WHO is the steward, or the
exchange for what runs elsewhere; a payload is one UTF-8 JSON object. docs/wire.md is the same in
prose, for readers who use nothing of ours.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from daemons.errors import MessageError

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""What a device may be called: its topics, file names and environment are made of this."""

TICK_SECONDS = 1e-6
"""The least time between two changes of one device."""

LIMIT = 1 << 20
"""The size in bytes above which no frame is accepted, on any socket."""

LONGEST_DEADLINE_SECONDS = 300.0
"""How far in the future a command's deadline may lie: its receipt is remembered until then."""

DeviceName = Annotated[str, Meta(pattern=rf"^{NAME.pattern}\Z")]
MOST_PAST = 8
"""How many moments a state remembers at the most."""

Text = Annotated[str, Meta(max_length=1000)]
Identifier = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+\Z")]
Field = Annotated[str, Meta(min_length=1, max_length=64)]
"""An Identifier, whose characters `decode` looks at once for all messages: to match each field of each
moment with its pattern took four fifths of the time that reading a state takes."""
Count = Annotated[int, Meta(ge=0, lt=1 << 53)]
Unix = Annotated[float, Meta(ge=0, lt=1e11)]
Scalar = bool | int | float | Text | None


class Moment(Struct, frozen=True, kw_only=True):
    """What a device was before it turned to something else: the fields that are no measurements."""

    state: dict[Field, Scalar]
    turned: dict[Field, Unix] = {}
    cause: Identifier | None = None


class State(Struct, frozen=True, kw_only=True):
    """All that a device shows of itself: always whole, so that one message is enough.

    `boot` is new at every start of the process and grows; `seq` counts its states from 1.
    `turned` says of each field that is not a measurement, and is no longer what it first was,
    when it took its present value; `since` is the latest of these. `cause` is the id of the
    press or command that led here, "hardware" for a hand at the appliance itself, or nothing.
    `past` is what it was lately, oldest first: who was away hears of a press that is over.
    """

    device: DeviceName
    boot: Count
    seq: Count
    at: Unix
    since: Unix
    state: dict[Field, Scalar]
    turned: dict[Field, Unix] = {}
    cause: Identifier | None = None
    past: Annotated[tuple[Moment, ...], Meta(max_length=MOST_PAST)] = ()


class Heartbeat(Struct, frozen=True, kw_only=True):
    """A sign of life, once a second; `seq` is the latest state's, so a lost one is noticed."""

    device: DeviceName
    boot: Count
    seq: Count
    at: Unix
    pid: Count
    restarts: Count = 0


STEWARD = "steward"
RECORDER = "recorder"
EXCHANGE = "exchange"
BRIDGE = "bridge"
"""The house's own processes, which are no devices."""


class Report(Struct, frozen=True, kw_only=True):
    """What is known of a process, whether or not that is able to say anything itself."""

    device: DeviceName
    boot: Count
    """That of who tells it."""
    seq: Count
    at: Unix
    by: DeviceName = STEWARD
    """Who tells it: the steward, or the exchange of what runs elsewhere."""
    life: Literal["running", "restarting", "failed", "stopped", "offline"]
    """`offline` is told of what runs elsewhere and is not heard: nobody here knows more."""
    since: Unix
    pid: Count | None = None
    reason: Text | None = None
    """Why it is not running, or what it died of last."""
    lines: tuple[Text, ...] = ()
    """The last lines of its log, when it failed."""
    retry_at: Unix | None = None
    """When it is tried again, when it failed."""


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A wish, and until when (Unix seconds) it is one; `id` makes it count once."""

    id: Identifier
    command: Identifier
    deadline: Unix
    args: Annotated[dict[Identifier, Scalar], Meta(max_length=20)] = {}
    device: DeviceName | None = None
    """Whom it is for, where that is not who is asked: the exchange passes it on."""


class Signed(Struct):
    """As much of a command as it takes to answer it."""

    id: Identifier


class Judged(Struct):
    """As much of a receipt as it takes to tell it from a command."""

    outcome: str | None = None


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer that every command gets; `result` is what a question was asked for."""

    id: str
    device: str
    outcome: Literal["applied", "rejected", "expired", "unanswered"]
    """`unanswered` is told by the exchange: nobody knows whether it was carried out."""
    at: Unix
    reason: str | None = None
    result: dict[str, Any] | None = None


Published = State | Heartbeat | Report
MOST_FIELDS = 1000
"""So many names of fields are known by heart; what is above that is looked at each time."""
_fields: set[str] = set()
_decoders: dict[bytes, msgspec.json.Decoder[Any]] = {
    b"state": msgspec.json.Decoder(State),
    b"heartbeat": msgspec.json.Decoder(Heartbeat),
    b"process": msgspec.json.Decoder(Report),
}
_command = msgspec.json.Decoder(Command)
_signed = msgspec.json.Decoder(Signed)
_judged = msgspec.json.Decoder(Judged)
_receipt = msgspec.json.Decoder(Receipt)
encode = msgspec.json.Encoder().encode
"""Any message to its JSON payload."""


def turn(
    before: dict[str, Scalar], after: dict[str, Scalar], turned: dict[str, float], at: float
) -> dict[str, float]:
    """Give when each field of a state took its present value, after one more change of it.

    What is shown for the first time has not turned to anything: nobody shall act on it. Each
    change is later than all before it, even when the clock was set back: their order is kept.
    """
    changed = [name for name, value in after.items() if name in before and before[name] != value]
    at = max([at, *(when + TICK_SECONDS for when in turned.values())])
    return {**{name: when for name, when in turned.items() if name in after}, **dict.fromkeys(changed, at)}


def too_far(command: Command, wall: float) -> str | None:
    """Say why a command is refused whose deadline lies too far ahead; nothing when it does not."""
    if command.deadline > wall + LONGEST_DEADLINE_SECONDS:
        return f"a deadline may lie at most {LONGEST_DEADLINE_SECONDS:g} s ahead"
    return None


def topic(message: Published) -> bytes:
    """Give the first frame of a message that is published."""
    if isinstance(message, Report):
        return f"{message.by}/process/{message.device}".encode()
    return f"{message.device}/{'state' if isinstance(message, State) else 'heartbeat'}".encode()


def publisher(message: Published) -> str:
    """Name the process that published a message."""
    return message.by if isinstance(message, Report) else message.device


def decode(frames: Sequence[bytes]) -> Published:
    """Read the two frames of a published message; MessageError says what is wrong with them."""
    if len(frames) != 2:  # noqa: PLR2004
        raise MessageError(f"{len(frames)} frames where a message has 2")
    decoder = _decoders.get(frames[0].partition(b"/")[2].partition(b"/")[0])
    if decoder is None:
        raise MessageError("its topic is neither NAME/state, NAME/heartbeat nor WHO/process/NAME")
    message: Published = _read(decoder, frames[1])
    if topic(message) != frames[0]:
        raise MessageError(f"its topic and its device ({message.device}) differ")
    if isinstance(message, State):
        for fields in (message.state, message.turned):
            if not fields.keys() <= _fields:
                _meet(fields)
        for moment in message.past:
            if not (moment.state.keys() <= _fields and moment.turned.keys() <= _fields):
                _meet((*moment.state, *moment.turned))
    return message


def _meet(names: Iterable[str]) -> None:
    """Look at the names of fields that were not met before; MessageError when one is none."""
    for name in names:
        if not re.fullmatch(r"[!-~]+", name):
            raise MessageError(f"{name!a} is no name of a field: it may hold printable ASCII, and no space")
        if len(_fields) < MOST_FIELDS:
            _fields.add(name)


def decode_command(payload: bytes) -> Command:
    """Read a command's payload; MessageError says what is wrong with it."""
    command: Command = _read(_command, payload)
    return command


def readable_id(payload: bytes) -> str | None:
    """Give the id of what would be a command but for its mistakes, so that it can be answered."""
    try:
        return str(_read(_signed, payload).id)
    except MessageError:
        return None


def decode_receipt(payload: bytes) -> Receipt:
    """Read a receipt's payload; MessageError says what is wrong with it."""
    receipt: Receipt = _read(_receipt, payload)
    return receipt


def decode_asked(payload: bytes) -> Command | Receipt:
    """Read what comes where both are taken; MessageError says what is wrong with it."""
    return decode_receipt(payload) if _read(_judged, payload).outcome else decode_command(payload)


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
