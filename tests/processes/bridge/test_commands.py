"""A command by MQTT: what is one, what is refused, and that a repetition is known as such."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.config import loader
from daemons.errors import Rejected
from daemons.processes.bridge.commands import (
    LATELY_SECONDS,
    LONGEST,
    MOST_IDS,
    REPETITION_SECONDS,
    Doubt,
    Ledger,
    Order,
    enter,
    read_order,
)
from daemons.processes.bridge.topics import Address

KINDS = {name: loader.kind(name) for name in ("lamp", "toaster", "cover", "heater", "light_switch")}
KINDS["broken"] = None  # type: ignore[assignment]


def read(device: str, word: str | None, payload: str | bytes) -> Order:
    """Read a payload on a topic."""
    said = payload if isinstance(payload, bytes) else payload.encode()
    return read_order(Address(device, word), said, KINDS)


@pytest.mark.parametrize(
    ("device", "word", "payload", "command", "args"),
    [
        ("lamp", None, "ON", "on", {}),
        ("lamp", None, "off", "off", {}),
        ("cover", None, " OPEN\n", "open", {}),
        ("lamp", "on", "PRESS", "on", {}),
        ("lamp", "on", "{}", "on", {}),
        ("lamp", "on", "60", "on", {"brightness_percent": 60}),
        ("lamp", "on", "60.0", "on", {"brightness_percent": 60}),
        ("cover", "set", "50", "set", {"position_percent": 50}),
        ("heater", "set", "21.5", "set", {"celsius": 21.5}),
        ("heater", "set", "warm", "set", {"celsius": "warm"}),
        ("toaster", "start", '{"args": {"browning": 5}}', "start", {"browning": 5}),
        ("toaster", None, '{"command": "start", "args": {"browning": 5}}', "start", {"browning": 5}),
        ("broken", "start", "PRESS", "start", {}),
    ],
)
def test_what_is_a_command(device: str, word: str | None, payload: str, command: str, args: object) -> None:
    """A word, the first argument on the command's own topic, or JSON."""
    order = read(device, word, payload)
    assert (order.command, order.args, order.id) == (command, args, None)


@pytest.mark.parametrize(
    ("device", "word", "payload", "why"),
    [
        ("nobody", "on", "PRESS", "there is no device 'nobody'"),
        ("lamp", "on", "", "takes back what was retained"),
        ("lamp", None, "", "takes back what was retained"),
        ("lamp", None, "on and on", "a word such as ON"),
        ("lamp", None, "{}", "does not say which command"),
        ("lamp", "on", '{"command": "off"}', "its topic says 'on' and its payload 'off'"),
        ("lamp", "off", "60", "'off' takes no argument"),
        ("lamp", "on", '{"colour": 1}', "unknown field"),
        ("lamp", "on", '{"id": ""}', "that is no command"),
        ("lamp", "on", '{"timeout_seconds": 0}', "that is no command"),
        ("lamp", "on", '{"args": {"a": [1]}}', "that is no command"),
        ("lamp", "on", "{", "that is no command"),
        ("lamp", "on", b"{\xff", "that is no command"),
        ("lamp", "on", "{" + " " * LONGEST, "bytes where at most"),
    ],
)
def test_what_is_no_command_is_refused_with_the_reason(
    device: str, word: str | None, payload: str | bytes, why: str
) -> None:
    """Above all an empty payload: it is what a person sends to take back a retained command."""
    with pytest.raises(Rejected, match=why):
        read(device, word, payload)


scalars = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5)
keys = st.sampled_from(["command", "args", "id", "deadline", "timeout_seconds", "x"])
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=3), scalars, max_size=2)


@given(
    device=st.sampled_from([*KINDS]),
    word=st.none() | st.sampled_from(["on", "set", "start", "x"]),
    payload=st.binary(max_size=40)
    | st.text(max_size=40).map(str.encode)
    | st.dictionaries(keys, values, max_size=4).map(lambda value: json.dumps(value).encode()),
)
def test_any_payload_is_an_order_or_refused(device: str, word: str | None, payload: bytes) -> None:
    """Nothing else comes of what anybody may publish; an order has a command, and scalars for arguments."""
    try:
        order = read(device, word, payload)
    except Rejected:
        return
    assert order.command
    assert all(value is None or isinstance(value, bool | int | float | str) for value in order.args.values())


def test_a_repetition_keeps_the_first_deadline() -> None:
    """However late it comes, and whatever it says by then: it is expired, or answered as before."""
    ledger, until = enter(Ledger(), "toaster", Order(command="start", id="a", timeout_seconds=5), 100)
    assert until == 105
    for now in (101, 104, 106, 10_000):
        later = Order(command="start", id="a", timeout_seconds=60, deadline=now + 60)
        again, same = enter(ledger, "toaster", later, now)
        assert (again, same) == (ledger, 105)
    assert enter(ledger, "lamp", Order(command="on", id="a"), 200)[1] == 205  # an id is a device's


@pytest.mark.parametrize(("deadline", "until"), [(None, 105), (102, 102), (90, 90), (10_000, 105)])
def test_a_deadline_and_a_timeout_count_both(deadline: float | None, until: float) -> None:
    """The earlier of them; one that has passed has passed."""
    order = Order(command="start", id="a", timeout_seconds=5, deadline=deadline)
    assert enter(Ledger(), "toaster", order, 100)[1] == until


def test_ids_are_remembered_within_bounds() -> None:
    """The oldest is forgotten for a new one; what has no id is not remembered as one."""
    ledger = Ledger()
    for number in range(MOST_IDS + 10):
        ledger, _ = enter(ledger, "toaster", Order(command="start", id=str(number)), number)
    assert len(ledger.deadlines) == MOST_IDS
    assert "toaster 9" not in ledger.deadlines
    assert f"toaster {MOST_IDS + 9}" in ledger.deadlines
    assert enter(ledger, "toaster", Order(command="start"), 0)[0] == ledger


def doubt(*heard: tuple[str, float], lost: float, back: float) -> Doubt:
    """Give what is in doubt after a loss."""
    made = Doubt()
    for words, at in heard:
        made.note(words, at)
    made.lose(lost)
    made.begin(back)
    return made


def test_what_came_just_before_the_loss_is_taken_for_repeated_once() -> None:
    """A sender that got no acknowledgement sends it again; a second one is a wish of its own."""
    made = doubt(("on", 95), ("start", 100), lost=101, back=200)
    assert made.is_repetition("start", 201)
    assert not made.is_repetition("start", 202)
    assert not made.is_repetition("stop", 202)
    assert made.is_repetition("on", 202)


def test_doubt_is_short() -> None:
    """What was acknowledged long before the loss is not repeated, and a sender does not wait for ever."""
    assert not doubt(("a", 100), lost=100 + LATELY_SECONDS, back=200).is_repetition("a", 201)
    assert not doubt(("a", 100), lost=101, back=200).is_repetition("a", 200 + REPETITION_SECONDS)
    assert not doubt(lost=101, back=200).is_repetition("a", 201)
    assert not Doubt().is_repetition("a", 0)


def test_doubt_ends_with_the_next_loss() -> None:
    """What was in doubt and did not come again was acknowledged after all, or its sender is gone."""
    made = doubt(("a", 100), lost=101, back=102)
    made.lose(103)
    made.begin(104)
    assert not made.is_repetition("a", 105)
