"""The messages between processes: two frames, `[topic, payload]`, and their rules. No I/O.

A topic is `NAME/state`, `NAME/heartbeat` or `REPORTER/process/NAME`. The reporter is the steward, or the
exchange for a device that runs elsewhere. A payload is one UTF-8 JSON object. docs/wire.md describes
the same for programs that use none of this code.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from daemons.bus.origin import Origin, Reason, Who
from daemons.errors import MessageError

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""The name of a device or process. It becomes a part of topics, file names and environment variables."""

TICK_SECONDS = 1e-6
"""The least time between two changes of one device."""

MAX_FRAME_BYTES = 1 << 20
"""No socket accepts a longer frame."""
MAX_PUBLISHED_BYTES = 64 * 1024
"""The longest payload of a published message. A longer one is refused before it is parsed."""
MAX_COMMAND_BYTES = 16 * 1024
"""The longest payload of a command. A longer one is refused before it is parsed."""
MAX_FIELDS = 500
"""The most fields of a state."""
MAX_ARGUMENTS = 20

MAX_DEADLINE_SECONDS = 300.0
"""How far in the future the deadline of a command may lie: until then its device remembers the receipt."""

DeviceName = Annotated[str, Meta(pattern=rf"^{NAME.pattern}\Z")]
MAX_PAST = 8
"""How many past moments a state holds at most."""

Text = Annotated[str, Meta(max_length=1000)]
Identifier = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+\Z")]
Field = Annotated[str, Meta(min_length=1, max_length=64)]
"""The name of a field or an argument: an Identifier, but its characters are checked after the decoding.

A pattern is matched before the number of names is known, so that a long frame costs much time. Also, to
match every name took four fifths of the time in which a state is decoded; `decode` checks each name once.
"""
Count = Annotated[int, Meta(ge=0, lt=1 << 53)]
Unix = Annotated[float, Meta(ge=0, lt=1e11)]
Scalar = bool | int | float | Text | None
Fields = Annotated[dict[Field, Scalar], Meta(max_length=MAX_FIELDS)]
ChangeTimes = Annotated[dict[Field, Unix], Meta(max_length=MAX_FIELDS)]


class Moment(Struct, frozen=True, kw_only=True):
    """A past state of a device, before a change: its fields without the measurements."""

    state: Fields
    turned: ChangeTimes = {}
    cause: Identifier | None = None
    reason: Reason | None = None
    origin: Origin | None = None


class StateHead(Struct, frozen=True, kw_only=True):
    """A state of a device without its past. `State` explains the fields."""

    device: DeviceName
    boot: Count
    seq: Count
    at: Unix
    since: Unix
    state: Fields
    turned: ChangeTimes = {}
    cause: Identifier | None = None
    reason: Reason | None = None
    origin: Origin | None = None


class State(StateHead, frozen=True, kw_only=True):
    """The whole current state of a device, so that one message is enough.

    `boot` grows with every start of the process, and `seq` counts its states from 1. `turned` has the
    time (Unix seconds) at which a field took its present value. A measurement is not in it, nor is a
    field that still has its first value. `since` is the latest of these times. `cause` is the id of
    the press or command that led to the state, "hardware" for a switch at the appliance, or None.
    `reason` is what led to the state directly, and `origin` is the beginning of the chain.
    `past` has the latest past states, oldest first: a subscriber that was away sees a press that is over.
    """

    past: Annotated[tuple[Moment, ...], Meta(max_length=MAX_PAST)] = ()


class EncodedState(StateHead, frozen=True, kw_only=True):
    """The same message with its past states as JSON, so that each is encoded and decoded only once."""

    past: Annotated[tuple[msgspec.Raw, ...], Meta(max_length=MAX_PAST)] = ()


class StateContent(Struct, frozen=True):
    """What a process says in a state; `State` explains the fields, and the process adds the others."""

    state: dict[str, Any]
    since: float
    turned: dict[str, float] = {}
    cause: str | None = None
    past: tuple[msgspec.Raw, ...] = ()
    """The past states as JSON."""
    reason: Reason | None = None
    origin: Origin | None = None


class Heartbeat(Struct, frozen=True, kw_only=True):
    """A heartbeat, once a second; its `seq` is that of the latest message, so that a lost one is noticed."""

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
"""The processes of the house that are not devices."""


class Report(Struct, frozen=True, kw_only=True):
    """A report of one process about another, which may be unable to publish anything itself."""

    device: DeviceName
    boot: Count
    """The boot of the reporter."""
    seq: Count
    at: Unix
    by: DeviceName = STEWARD
    """The reporter: the steward, or the exchange for a device that runs elsewhere."""
    life: Literal["running", "restarting", "failed", "stopped", "offline"]
    """`offline` means a device that runs elsewhere and cannot be reached; no more is known of it."""
    since: Unix
    pid: Count | None = None
    reason: Text | None = None
    """Why the process is not running, or why it ended last."""
    lines: tuple[Text, ...] = ()
    """The last lines of its log, if it failed."""
    retry_at: Unix | None = None
    """When (Unix seconds) the process is started again, if it failed."""


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command to a device, with its deadline in Unix seconds.

    A device carries out each `id` once. To a repeated id it sends the first receipt again.
    """

    id: Identifier
    command: Identifier
    deadline: Unix
    args: Annotated[dict[Field, Scalar], Meta(max_length=MAX_ARGUMENTS)] = {}
    device: DeviceName | None = None
    """The device that the command is for, if it is sent to the exchange, which passes it on."""
    who: Who | None = None
    """The sender, such as "page" or "key:phone". The exchange sets it for a client from the network."""


class IdOnly(Struct):
    """The only field that a rejection of a faulty command needs."""

    id: Identifier


class OutcomeOnly(Struct):
    """The field by which a receipt differs from a command."""

    outcome: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a command; every command gets one. `result` has the answer to a query."""

    id: str
    device: str
    outcome: Literal["applied", "rejected", "expired", "unanswered"]
    """`unanswered` comes from the exchange: it is not known whether the command was carried out."""
    at: Unix
    reason: str | None = None
    code: Annotated[str, Meta(max_length=64)] | None = None
    """A word for the reason, for a text in another language; None for a reason without one."""
    values: Annotated[dict[str, Scalar], Meta(max_length=20)] = {}
    """The numbers and words in the reason, by the name that they have in each language."""
    result: dict[str, Any] | None = None


Published = State | Heartbeat | Report
NO_TOPIC = "its topic is neither NAME/state, NAME/heartbeat nor REPORTER/process/NAME"
_topic = re.compile(rf"{NAME.pattern}/(state|heartbeat|process/{NAME.pattern})".encode())
KnownMoments = dict[str, dict[bytes, Moment]]
"""By device, the past states of its latest message, by their JSON. A receiver keeps them for `decode`."""
MAX_KNOWN_FIELDS = 1000
"""So many checked field names are remembered. Others are checked each time, so that memory stays bounded."""
_known_fields: set[str] = set()
_decoders: dict[bytes, msgspec.json.Decoder[Any]] = {
    b"state": msgspec.json.Decoder(EncodedState),
    b"heartbeat": msgspec.json.Decoder(Heartbeat),
    b"process": msgspec.json.Decoder(Report),
}
_moment = msgspec.json.Decoder(Moment)
_command = msgspec.json.Decoder(Command)
_id_only = msgspec.json.Decoder(IdOnly)
_outcome_only = msgspec.json.Decoder(OutcomeOnly)
_receipt = msgspec.json.Decoder(Receipt)
encode = msgspec.json.Encoder().encode
"""Return the JSON payload of any message."""


def update_change_times(
    before: dict[str, Scalar], after: dict[str, Scalar], turned: dict[str, float], at: float
) -> dict[str, float]:
    """Return when each field took its present value, after the state changed from `before` to `after`.

    A field that is new has no change time, so that no rule acts on it. Each change time is later than
    all earlier ones, even if the clock was set back: the order of changes is kept.
    """
    changed = [name for name, value in after.items() if name in before and before[name] != value]
    at = max([at, *(when + TICK_SECONDS for when in turned.values())])
    return {**{name: when for name, when in turned.items() if name in after}, **dict.fromkeys(changed, at)}


def deadline_error(command: Command, wall: float) -> str | None:
    """Return why a command is rejected whose deadline is too far ahead of `wall` (Unix seconds), or None."""
    if command.deadline > wall + MAX_DEADLINE_SECONDS:
        return f"a deadline may lie at most {MAX_DEADLINE_SECONDS:g} s ahead"
    return None


def topic(message: Published | EncodedState) -> bytes:
    """Return the topic of a published message, its first frame."""
    if isinstance(message, Report):
        return f"{message.by}/process/{message.device}".encode()
    return f"{message.device}/{'state' if isinstance(message, StateHead) else 'heartbeat'}".encode()


def check_topic(topic: bytes) -> None:
    """Check the first frame of a message; MessageError when it is no topic of the house."""
    if not _topic.fullmatch(topic):
        raise MessageError(NO_TOPIC)


def publisher(message: Published) -> str:
    """Return the name of the process that published a message."""
    return message.by if isinstance(message, Report) else message.device


def decode(
    frames: Sequence[bytes], known: KnownMoments | None = None, *, with_past: bool = True
) -> Published:
    """Decode the two frames of a published message; MessageError when they break a rule.

    A past state that is `known` is not decoded again, and stays the same object. Without `with_past`, the
    past states are left out unchecked.
    """
    if len(frames) != 2:  # noqa: PLR2004
        raise MessageError(f"{len(frames)} frames; a message has 2")
    decoder = _decoders.get(frames[0].partition(b"/")[2].partition(b"/")[0])
    if decoder is None:
        raise MessageError(NO_TOPIC)
    message: Heartbeat | Report | EncodedState = decode_payload(decoder, frames[1], MAX_PUBLISHED_BYTES)
    if topic(message) != frames[0]:
        raise MessageError(f"its topic and its device ({message.device}) differ")
    if isinstance(message, EncodedState):
        _check_field_names(message)
        past = _decode_past(message, {} if known is None else known) if with_past else ()
        return State(
            device=message.device,
            boot=message.boot,
            seq=message.seq,
            at=message.at,
            since=message.since,
            state=message.state,
            turned=message.turned,
            cause=message.cause,
            reason=message.reason,
            origin=message.origin,
            past=past,
        )
    return message


def encode_moment(moment: Moment) -> msgspec.Raw:
    """Return a past state as JSON."""
    return msgspec.Raw(encode(moment))


def decode_moment(encoded: bytes | msgspec.Raw) -> Moment:
    """Decode a past state; MessageError when it breaks a rule."""
    moment: Moment = decode_payload(_moment, encoded, MAX_PUBLISHED_BYTES)
    _check_field_names(moment)
    return moment


def decode_moments(encoded: Iterable[msgspec.Raw]) -> tuple[Moment, ...]:
    """Decode past states; MessageError when one breaks a rule."""
    return tuple(map(decode_moment, encoded))


def _decode_past(encoded: EncodedState, known: KnownMoments) -> tuple[Moment, ...]:
    """Decode the past states that are not known yet, and know all of them from now on."""
    before, payloads = known.get(encoded.device, {}), [bytes(item) for item in encoded.past]
    moments = {payload: before.get(payload) or decode_moment(payload) for payload in payloads}
    known[encoded.device] = moments
    return tuple([moments[payload] for payload in payloads])


def _check_field_names(message: StateHead | Moment) -> None:
    """Check the names of fields that are not known yet; MessageError when one is not valid."""
    for fields in (message.state, message.turned):
        if fields.keys() <= _known_fields:
            continue
        for name in fields:
            check_name(name, "a field name")
            if len(_known_fields) < MAX_KNOWN_FIELDS:
                _known_fields.add(name)


def check_name(name: str, what: str) -> None:
    """Raise MessageError for a name with other characters than printable ASCII ones, or with spaces."""
    if not re.fullmatch(r"[!-~]+", name):
        raise MessageError(f"{name!a} is not {what}; allowed: printable ASCII characters without spaces")


def decode_command(payload: bytes) -> Command:
    """Decode the payload of a command; MessageError when it breaks a rule."""
    command: Command = decode_payload(_command, payload, MAX_COMMAND_BYTES)
    for name in command.args:
        check_name(name, "the name of an argument")
    return command


def readable_id(payload: bytes) -> str | None:
    """Return the id of a faulty command, so that its sender gets a rejection; None without a valid id."""
    try:
        return str(decode_payload(_id_only, payload).id)
    except MessageError:
        return None


def decode_receipt(payload: bytes) -> Receipt:
    """Decode the payload of a receipt; MessageError when it breaks a rule."""
    receipt: Receipt = decode_payload(_receipt, payload)
    return receipt


def decode_command_or_receipt(payload: bytes) -> Command | Receipt:
    """Decode a payload where both may arrive; MessageError when it breaks a rule."""
    is_command = decode_payload(_outcome_only, payload).outcome is msgspec.UNSET
    return decode_command(payload) if is_command else decode_receipt(payload)


def decode_payload(
    decoder: msgspec.json.Decoder[Any], payload: bytes | msgspec.Raw, most_bytes: int = MAX_FRAME_BYTES
) -> Any:
    """Decode a payload of at most `most_bytes`; MessageError when it is longer or does not match."""
    if len(payload) > most_bytes:
        raise MessageError(f"{len(payload)} bytes; at most {most_bytes} are allowed")
    try:
        return decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise MessageError(str(error)) from error
    except RecursionError as error:
        raise MessageError("its JSON is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise MessageError("its text is not UTF-8") from error
