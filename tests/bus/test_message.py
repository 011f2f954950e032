"""The frames: what is written can be read, and anything else is refused with a reason."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.bus import message
from daemons.bus.message import Command, Heartbeat, Receipt, State
from daemons.bus.sequence import Numbers
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
    """Give a payload that differs from a good one."""
    return msgspec.json.encode({**base, **changes})


@settings(max_examples=50)
@given(states | heartbeats)
def test_a_published_message_is_read_as_it_was_written(sent: State | Heartbeat) -> None:
    """A state or heartbeat that goes through its two frames comes out the same."""
    assert message.decode([message.topic(sent), message.encode(sent)]) == sent


@settings(max_examples=50)
@given(commands, receipts)
def test_a_command_and_its_receipt_are_read_as_they_were_written(sent: Command, answer: Receipt) -> None:
    """A command and a receipt come out of their payloads the same."""
    assert message.decode_command(message.encode(sent)) == sent
    assert message.decode_receipt(message.encode(answer)) == answer


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=60), max_size=4), st.binary(max_size=60))
def test_no_bytes_raise_anything_but_a_message_error(frames: list[bytes], body: bytes) -> None:
    """Whatever arrives, reading it gives a message or a MessageError."""
    for read in (
        lambda: message.decode(frames),
        lambda: message.decode([b"lamp/state", body]),
        lambda: message.decode_command(body),
        lambda: message.decode_receipt(body),
    ):
        with pytest.raises(MessageError):
            read()


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([], "0 frames where a message has 2"),
        ([b"lamp/state"], "1 frames where a message has 2"),
        ([b"lamp/state", payload(STATE), b""], "3 frames where a message has 2"),
        ([b"lamp/weather", payload(STATE)], "its topic is neither NAME/state"),
        ([b"lamp", payload(STATE)], "its topic is neither NAME/state"),
        ([b"lamp/\xff", payload(STATE)], "its topic is neither NAME/state"),
        ([b"lamp2/state", payload(STATE)], "its topic and its device (lamp) differ"),
        ([b"lamp/heartbeat", payload(STATE)], "pid"),
    ],
)
def test_frames_that_are_no_message_are_refused(frames: list[bytes], why: str) -> None:
    """Too few or many frames, a foreign topic, or one that contradicts its payload: each says why."""
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
    """Wrong JSON, wrong types, NaN, bad UTF-8 and numbers or texts out of bounds are no state."""
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
    """A command without an id, with a strange one, without a deadline or with a table inside is none."""
    with pytest.raises(MessageError, match=r"."):
        message.decode_command(body)


@given(st.sets(st.integers(1, 12)), st.integers(1, 12))
def test_a_sign_of_life_tells_whether_any_report_was_dropped(dropped: set[int], last: int) -> None:
    """Whichever they were, of what came after the first that was heard; and it is told once."""
    numbers = Numbers()
    heard = [seq for seq in range(1, last + 1) if seq not in dropped]
    for seq in heard:
        numbers.take(5, seq, is_report=True)
        numbers.take(5, seq, is_report=True)  # said again, for somebody else
    assert numbers.lacks(5, last) == (not heard or heard != list(range(heard[0], last + 1)))
    assert numbers.lacks(5, last) == (not heard or heard[-1] != last)


def test_a_state_that_was_passed_over_is_told_by_the_next_one() -> None:
    """So nobody asks for it; a new life begins anywhere, and so does what a newcomer hears."""
    numbers = Numbers()
    for boot, seq in ((1, 4), (1, 9), (2, 3)):
        numbers.take(boot, seq, is_report=False)
    assert not numbers.lacks(2, 3)
    assert numbers.lacks(2, 4)
    assert numbers.lacks(3, 0)


NO_FIELDS = ("a b", "a\n", "\x1b[2J", "ä", "a\0", "", "x" * 65)


@pytest.mark.parametrize("name", NO_FIELDS)
@pytest.mark.parametrize("where", ["state", "turned", "past state", "past turned"])
def test_what_is_no_name_of_a_field_is_refused_wherever_it_stands_and_each_time(
    where: str, name: str
) -> None:
    """Also beside names that are known by heart, and when it comes again."""
    fields = {"status": 1.0, name: 2.0}
    _, _, of_past = where.rpartition("past ")
    changes = {"past": [{"state": {"status": 1.0}, of_past: fields}]} if of_past != where else {where: fields}
    body = payload(STATE, **changes)
    for _ in range(2):
        with pytest.raises(MessageError):
            message.decode([b"lamp/state", body])


def test_only_so_many_names_of_fields_are_known_by_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes up new ones all the time makes nobody's memory grow; they are looked at each time."""
    monkeypatch.setattr(message, "_fields", set())
    for number in range(message.MOST_FIELDS):
        message.decode([b"lamp/state", payload(STATE, state={f"f{number}": 1, f"g{number}": 1})])
    message.decode([b"lamp/state", payload(STATE, state={f"h{number}": 1 for number in range(5000)})])
    assert len(message._fields) == message.MOST_FIELDS
    with pytest.raises(MessageError, match="no name of a field"):
        message.decode([b"lamp/state", payload(STATE, state={"f 1": 1})])


def test_an_unknown_outcome_is_no_receipt() -> None:
    """A receipt says applied, rejected or expired, and nothing else."""
    with pytest.raises(MessageError, match="maybe"):
        message.decode_receipt(msgspec.json.encode({"id": "a", "device": "b", "outcome": "maybe", "at": 1}))


def test_deep_json_is_refused() -> None:
    """JSON nested a hundred thousand deep is refused like any other, and ends nothing."""
    deep = b"[" * 100_000
    for body in (deep, payload(STATE).replace(b"{}", b'{"a": ' + deep + b"}")):
        with pytest.raises(MessageError):
            message.decode([b"lamp/state", body])


def test_a_payload_above_the_limit_is_refused_unread() -> None:
    """A payload longer than the limit is refused by its length, even if it would be a good one."""
    with pytest.raises(MessageError, match="1048577 bytes where at most 1048576 are taken"):
        message.decode_command(payload(COMMAND).ljust(message.LIMIT + 1))
    assert message.decode_command(payload(COMMAND).ljust(message.LIMIT)).id == "a1"


@pytest.mark.parametrize(
    ("topic", "changes"),
    [(b"lamp\n/state", {"device": "lamp\n"}), (b"lamp/state", {"cause": "a1\n"})],
)
def test_a_newline_at_the_end_of_a_name_is_refused(topic: bytes, changes: dict[str, str]) -> None:
    """A name or id that ends in a newline is none: it would break log lines and file names."""
    with pytest.raises(MessageError):
        message.decode([topic, payload(STATE, **changes)])


def test_an_unknown_key_is_passed_over() -> None:
    """A newer sender may say more than this reader knows."""
    assert message.decode([b"lamp/state", payload(STATE, novelty=1)]).device == "lamp"
