"""The frames: an encoded message can be decoded, and anything else is refused with a reason."""

import operator
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.bus import message
from daemons.bus.message import Command, Heartbeat, Receipt, State
from daemons.errors import MessageError

names = st.from_regex(message.NAME, fullmatch=True)
identifiers = st.text("".join(map(chr, range(33, 127))), min_size=1, max_size=64)
counts = st.integers(0, (1 << 53) - 1)
moments = st.floats(0, 1e11, exclude_max=True)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 53), 1 << 53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
)
fields = st.dictionaries(identifiers, scalars, max_size=4)
states = st.builds(
    State,
    device=names,
    boot=counts,
    seq=counts,
    at=moments,
    since=moments,
    state=fields,
    turned=st.dictionaries(identifiers, moments, max_size=4),
    cause=st.none() | identifiers,
)
heartbeats = st.builds(
    Heartbeat, device=names, boot=counts, seq=counts, at=moments, pid=counts, restarts=counts
)
commands = st.builds(Command, id=identifiers, command=identifiers, deadline=moments, args=fields)
receipts = st.builds(
    Receipt,
    id=identifiers,
    device=names,
    outcome=st.sampled_from(["applied", "rejected", "expired"]),
    at=moments,
    reason=st.none() | st.text(max_size=30),
)
STATE: dict[str, Any] = {"device": "lamp", "boot": 1, "seq": 1, "at": 1.0, "since": 1.0, "state": {}}
COMMAND: dict[str, Any] = {"id": "a1", "command": "on", "deadline": 1.0}


def payload(base: dict[str, Any], **changes: Any) -> bytes:
    """Return a payload that differs from a good one."""
    return msgspec.json.encode({**base, **changes})


@settings(max_examples=50)
@given(states | heartbeats)
def test_a_message_survives_encoding_and_decoding(sent: State | Heartbeat) -> None:
    """A state or heartbeat is the same after encoding and decoding."""
    assert message.decode([message.topic(sent), message.encode(sent)]) == sent


@settings(max_examples=50)
@given(commands, receipts)
def test_a_command_and_its_receipt_are_decoded_as_they_were_encoded(sent: Command, answer: Receipt) -> None:
    """Also where both may arrive: only a receipt has an outcome."""
    assert message.decode_command(message.encode(sent)) == sent
    assert message.decode_receipt(message.encode(answer)) == answer
    assert message.decode_command_or_receipt(message.encode(sent)) == sent
    assert message.decode_command_or_receipt(message.encode(answer)) == answer


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=60), max_size=4), st.binary(max_size=60))
def test_no_bytes_raise_anything_but_a_message_error(frames: list[bytes], body: bytes) -> None:
    """Decoding any bytes returns a message or raises MessageError."""
    for read in (
        lambda: message.decode(frames),
        lambda: message.decode([b"lamp/state", body]),
        lambda: message.decode_command(body),
        lambda: message.decode_receipt(body),
        lambda: message.decode_command_or_receipt(body),
    ):
        with pytest.raises(MessageError):
            read()


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([], "0 frames; a message has 2"),
        ([b"lamp/state"], "1 frames; a message has 2"),
        ([b"lamp/state", payload(STATE), b""], "3 frames; a message has 2"),
        ([b"lamp/weather", payload(STATE)], "its topic is neither NAME/state"),
        ([b"lamp", payload(STATE)], "its topic is neither NAME/state"),
        ([b"lamp/\xff", payload(STATE)], "its topic is neither NAME/state"),
        ([b"lamp2/state", payload(STATE)], "its topic and its device (lamp) differ"),
        ([b"lamp/heartbeat", payload(STATE)], "pid"),
    ],
)
def test_frames_that_are_no_message_are_refused(frames: list[bytes], why: str) -> None:
    """The error names the number of frames, the topic, or the topic that differs from its payload."""
    with pytest.raises(MessageError) as raised:
        message.decode(frames)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        payload(STATE)[:-1],
        payload(STATE) + b"x",
        payload(STATE, boot=-1),
        payload(STATE, boot=1.5),
        payload(STATE, boot=1 << 53),
        payload(STATE, seq="1"),
        payload(STATE, at=-1.0),
        payload(STATE, at=1e11),
        payload(STATE, state=None),
        payload(STATE, state={"a": []}),
        payload(STATE, state={"a": {}}),
        payload(STATE, state={"": 1}),
        payload(STATE, state={"a b": 1}),
        payload(STATE, state={"a": "x" * 1001}),
        payload(STATE, turned={"a": None}),
        payload(STATE, cause=""),
        payload(STATE, cause="x" * 65),
        payload(STATE, device="Lamp"),
        payload(STATE, device="9lamp"),
        payload(STATE, device="l" * 41),
        payload(STATE).replace(b"1.0", b"NaN"),
        payload(STATE).replace(b"1.0", b"Infinity"),
        payload(STATE).replace(b"1.0", b"1e999"),
        payload(STATE).replace(b"{}", b'{"a": "\xff"}'),
        payload(STATE).replace(b"{}", b'{"a": "\\ud800"}'),
    ],
)
def test_a_state_that_breaks_a_rule_is_refused(body: bytes) -> None:
    """Wrong JSON, wrong types, NaN, bad UTF-8, and numbers or texts out of bounds raise an error."""
    with pytest.raises(MessageError, match=r"."):
        message.decode([b"lamp/state", body])


@pytest.mark.parametrize(
    "body",
    [
        payload(COMMAND, id=""),
        payload(COMMAND, id="x" * 65),
        payload(COMMAND, id="two words"),
        payload(COMMAND, id=7),
        payload(COMMAND, deadline=None),
        payload(COMMAND, deadline=-1),
        payload(COMMAND, args={"a": [1]}),
        payload(COMMAND, args={"a": "x" * 1001}),
        payload({"id": "a"}),
    ],
)
def test_a_command_that_breaks_a_rule_is_refused(body: bytes) -> None:
    """A missing or bad id, a missing deadline and nested arguments raise an error."""
    with pytest.raises(MessageError, match=r"."):
        message.decode_command(body)


@pytest.mark.parametrize("name", ["a b", "a\n", "ä", "", "x" * 65])
def test_a_bad_name_of_an_argument_is_refused(name: str) -> None:
    """A name is 1 to 64 printable ASCII characters, without spaces; a command has at most 20 of them."""
    with pytest.raises(MessageError, match=r"name of an argument|length"):
        message.decode_command(payload(COMMAND, args={"level": 1, name: 1}))
    with pytest.raises(MessageError, match="length <= 20"):
        message.decode_command(payload(COMMAND, args={f"a{number}": 1 for number in range(21)}))


NO_FIELDS = ("a b", "a\n", "\x1b[2J", "ä", "a\0", "", "x" * 65)


@pytest.mark.parametrize("name", NO_FIELDS)
@pytest.mark.parametrize("where", ["state", "turned", "past state", "past turned"])
def test_a_bad_field_name_is_refused_in_every_place_and_each_time(where: str, name: str) -> None:
    """A bad name is refused beside good names, too, and each time again."""
    fields = {"status": 1.0, name: 2.0}
    _, _, of_past = where.rpartition("past ")
    changes = {"past": [{"state": {"status": 1.0}, of_past: fields}]} if of_past != where else {where: fields}
    body = payload(STATE, **changes)
    for _ in range(2):
        with pytest.raises(MessageError):
            message.decode([b"lamp/state", body])


def test_the_number_of_remembered_field_names_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender of ever new names does not make the memory grow; further names are checked each time."""
    monkeypatch.setattr(message, "_known_fields", set())
    for number in range(1000):
        message.decode([b"lamp/state", payload(STATE, state={f"f{number}": 1, f"g{number}": 1})])
    message.decode([b"lamp/state", payload(STATE, state={f"h{number}": 1 for number in range(500)})])
    assert len(message._known_fields) == 1000
    with pytest.raises(MessageError, match="is not a field name"):
        message.decode([b"lamp/state", payload(STATE, state={"f 1": 1})])


def test_an_unknown_outcome_is_refused() -> None:
    """The outcome of a receipt is one of four words."""
    with pytest.raises(MessageError, match="maybe"):
        message.decode_receipt(msgspec.json.encode({"id": "a", "device": "b", "outcome": "maybe", "at": 1}))


def test_deep_json_is_refused() -> None:
    """JSON that is nested a hundred thousand levels deep raises a MessageError, and no other error."""
    deep = b"[" * 100_000
    for body in (deep, payload(STATE).replace(b"{}", b'{"a": ' + deep + b"}")):
        with pytest.raises(MessageError):
            message.decode([b"lamp/state", body])


def test_a_payload_above_the_limit_is_refused() -> None:
    """A payload that is too long is refused by its length, even if its content is valid."""
    for read in (message.decode_command, message.decode_command_or_receipt):
        with pytest.raises(MessageError, match="16385 bytes; at most 16384 are allowed"):
            read(payload(COMMAND).ljust(16_385))
    assert message.decode_command(payload(COMMAND).ljust(16_384)).id == "a1"
    with pytest.raises(MessageError, match="65537 bytes; at most 65536 are allowed"):
        message.decode([b"lamp/state", payload(STATE).ljust(65_537)])
    assert message.decode([b"lamp/state", payload(STATE).ljust(65_536)]).device == "lamp"
    receipt = {"id": "a1", "device": "mirror", "outcome": "applied", "at": 1.0}
    with pytest.raises(MessageError, match="1048577 bytes; at most 1048576 are allowed"):
        message.decode_receipt(payload(receipt).ljust(1_048_577))
    assert message.decode_receipt(payload(receipt).ljust(1_048_576)).id == "a1"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": {f"f{number}": 1 for number in range(501)}}, "length <= 500"),
        ({"turned": {f"f{number}": 1 for number in range(501)}}, "length <= 500"),
        ({"past": [{"state": {f"f{number}": 1 for number in range(501)}}]}, "length <= 500"),
    ],
)
def test_a_state_with_too_many_fields_is_refused(changes: dict[str, Any], why: str) -> None:
    """A state has at most 500 fields, and so has each past state."""
    with pytest.raises(MessageError, match=why):
        message.decode([b"lamp/state", payload(STATE, **changes)])


@pytest.mark.parametrize("size", [2_000, 6_000, 110_000])
def test_a_payload_of_many_names_costs_little_time(size: int) -> None:
    """The names are not matched with a pattern before their number is known.

    The time is compared with that of a scan of the JSON that keeps nothing.
    """
    names = {f"{number:x}": 0 for number in range(size)}
    frame = payload(COMMAND, args=names)

    def read() -> None:
        for decode in (message.decode_command_or_receipt, message.decode_command):
            with pytest.raises(MessageError):
                decode(frame)
        with pytest.raises(MessageError):
            message.decode([b"lamp/state", payload_of_state])
        assert message.readable_id(frame) == "a1"

    payload_of_state = payload(STATE, state=names)
    scan = msgspec.json.Decoder(message.IdOnly)
    assert least_seconds(read) < 50 * least_seconds(lambda: scan.decode(frame)) + 0.001


def least_seconds(work: Callable[[], object]) -> float:
    """Return the least processor time of five runs."""
    times = []
    for _ in range(5):
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return min(times)


@pytest.mark.parametrize(
    ("topic", "changes"),
    [(b"lamp\n/state", {"device": "lamp\n"}), (b"lamp/state", {"cause": "a1\n"})],
)
def test_a_newline_at_the_end_of_a_name_is_refused(topic: bytes, changes: dict[str, str]) -> None:
    """A name or id with a newline at its end would break log lines and file names."""
    with pytest.raises(MessageError):
        message.decode([topic, payload(STATE, **changes)])


def test_an_unknown_key_is_ignored() -> None:
    """A newer sender may use keys that this version ignores."""
    assert message.decode([b"lamp/state", payload(STATE, novelty=1)]).device == "lamp"


def past_state(number: int) -> dict[str, Any]:
    """Return a past state as it is on the wire."""
    return {"state": {"starts": number}, "turned": {"starts": float(number)}, "cause": f"c{number}"}


def test_a_known_past_state_is_not_decoded_again() -> None:
    """The past states that two messages share are the same objects; of older ones none is kept."""
    known: message.KnownMoments = {}
    received: list[State] = []
    for last in (8, 9):
        body = payload(STATE, past=[past_state(number) for number in range(last - 7, last + 1)])
        decoded = message.decode([b"lamp/state", body], known)
        assert isinstance(decoded, State)
        assert decoded == message.decode([b"lamp/state", body])
        received.append(decoded)
    assert all(map(operator.is_, received[0].past[1:], received[1].past[:-1]))
    assert len(known["lamp"]) == 8


def test_a_bad_past_state_is_refused_beside_known_ones_and_each_time() -> None:
    """Known past states hide no bad one; a refused message adds nothing that is known."""
    known: message.KnownMoments = {}
    message.decode([b"lamp/state", payload(STATE, past=[past_state(1)])], known)
    refused: list[Any] = [{"state": {"a b": 1}}, {"state": []}, {"turned": {}}, {"state": {}, "cause": ""}, 5]
    for bad in refused:
        for _ in range(2):
            with pytest.raises(MessageError):
                message.decode([b"lamp/state", payload(STATE, past=[past_state(1), bad])], known)
    for bad_bytes in (b'{"state":{"a":"\xff"}}', b'{"state":{"a":1}', b'{"state":{"a":1}}}'):
        body = payload(STATE, past=[past_state(1), msgspec.Raw(bad_bytes)])
        with pytest.raises(MessageError):
            message.decode([b"lamp/state", body], known)
    with pytest.raises(MessageError, match="differ"):
        message.decode([b"lamp/state", payload(STATE, device="toaster", past=[past_state(2)])], known)
    assert [*known] == ["lamp"]
    assert len(known["lamp"]) == 1


def test_a_reader_without_past_states_checks_all_else() -> None:
    """It leaves the past states out, also bad ones, and refuses a bad state as every reader does."""
    body = payload(STATE, state={"starts": 1}, past=[past_state(1), {"state": []}])
    decoded = message.decode([b"lamp/state", body], with_past=False)
    assert isinstance(decoded, State)
    assert (decoded.state, decoded.past) == ({"starts": 1}, ())
    refused: list[dict[str, Any]] = [{"state": {"a b": 1}}, {"seq": -1}, {"past": [{}] * 9}, {"past": {}}]
    for changes in refused:
        with pytest.raises(MessageError):
            message.decode([b"lamp/state", payload(STATE, **changes)], with_past=False)


def test_a_repeated_past_state_stays_repeated() -> None:
    """Two equal past states of one message are two."""
    decoded = message.decode([b"lamp/state", payload(STATE, past=[past_state(1)] * 2)], {})
    assert isinstance(decoded, State)
    assert len(decoded.past) == 2
