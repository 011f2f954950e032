"""A command by MQTT: valid and invalid payloads, and the detection of repetitions."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.config import loader
from daemons.errors import Rejected
from daemons.processes.bridge.commands import (
    MAX_IDS,
    MAX_PAYLOAD_BYTES,
    REPETITION_SECONDS,
    UNACKNOWLEDGED_SECONDS,
    BrokerCommand,
    DuplicateFilter,
    FirstDeadlines,
    is_accepted,
    parse_command,
    refusal,
    register,
)
from daemons.processes.bridge.topics import Address

KINDS = {name: loader.kind(name) for name in ("lamp", "toaster", "cover", "heater", "light_switch")}
KINDS["broken"] = None  # type: ignore[assignment]


def read(device: str, word: str | None, payload: str | bytes) -> BrokerCommand:
    """Parse a payload on a topic."""
    raw = payload if isinstance(payload, bytes) else payload.encode()
    return parse_command(Address(device, word), raw, KINDS)


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
def test_valid_payloads(device: str, word: str | None, payload: str, command: str, args: object) -> None:
    """A payload is a command, the first argument of the command in the topic, or JSON."""
    broker_command = read(device, word, payload)
    assert (broker_command.command, broker_command.args, broker_command.id) == (command, args, None)


@pytest.mark.parametrize(
    ("device", "word", "payload", "why"),
    [
        ("unknown", "on", "PRESS", "unknown device 'unknown'"),
        ("lamp", "on", "", "clears a retained message"),
        ("lamp", None, "", "clears a retained message"),
        ("lamp", None, "on and on", "a word such as ON"),
        ("lamp", None, "{}", "the command is missing"),
        ("lamp", "on", '{"command": "off"}', "the topic has the command 'on' and the payload 'off'"),
        ("lamp", "off", "60", "'off' takes no argument"),
        ("lamp", "on", '{"colour": 1}', "unknown field"),
        ("lamp", "on", '{"id": ""}', "this is no command"),
        ("lamp", "on", '{"timeout_seconds": 0}', "this is no command"),
        ("lamp", "on", '{"args": {"a": [1]}}', "this is no command"),
        ("lamp", "on", "{", "this is no command"),
        ("lamp", "on", b"{\xff", "this is no command"),
        ("lamp", "on", "{" + " " * MAX_PAYLOAD_BYTES, "bytes; a command has at most"),
    ],
)
def test_an_invalid_payload_is_rejected_with_the_reason(
    device: str, word: str | None, payload: str | bytes, why: str
) -> None:
    """An empty payload is rejected, too: it clears a retained command."""
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
def test_any_payload_is_a_command_or_is_rejected(device: str, word: str | None, payload: bytes) -> None:
    """Any payload is rejected, or becomes a command with scalar arguments."""
    try:
        broker_command = read(device, word, payload)
    except Rejected:
        return
    assert broker_command.command
    assert all(
        value is None or isinstance(value, bool | int | float | str) for value in broker_command.args.values()
    )


def test_a_repetition_keeps_the_first_deadline() -> None:
    """A repetition has the first deadline, however late it arrives and whatever its payload."""
    ledger, until = register(
        FirstDeadlines(), "toaster", BrokerCommand(command="start", id="a", timeout_seconds=5), 100, 1100
    )
    assert until == 5
    for now in (101, 104, 106, 10_000):
        later = BrokerCommand(command="start", id="a", timeout_seconds=60, deadline=now + 60)
        for wall in (now + 1000, now, now + 1e9):  # the wall clock may be set
            assert register(ledger, "toaster", later, now, wall) == (ledger, 105 - now)
    assert (
        register(ledger, "lamp", BrokerCommand(command="on", id="a"), 200, 1)[1] == 5
    )  # an id is a device's


@pytest.mark.parametrize(("deadline", "until"), [(None, 5), (102, 2), (90, -10), (10_000, 5)])
def test_a_deadline_and_a_timeout_count_both(deadline: float | None, until: float) -> None:
    """The earlier one of deadline and timeout counts."""
    broker_command = BrokerCommand(command="start", id="a", timeout_seconds=5, deadline=deadline)
    assert register(FirstDeadlines(), "toaster", broker_command, 7, 100)[1] == until


def test_ids_are_remembered_within_bounds() -> None:
    """The oldest id is forgotten first; a command without an id is not remembered."""
    ledger = FirstDeadlines()
    for number in range(MAX_IDS + 10):
        ledger, _ = register(ledger, "toaster", BrokerCommand(command="start", id=str(number)), number, 0)
    assert len(ledger.deadlines) == MAX_IDS
    assert "toaster 9" not in ledger.deadlines
    assert f"toaster {MAX_IDS + 9}" in ledger.deadlines
    assert register(ledger, "toaster", BrokerCommand(command="start"), 0, 0)[0] == ledger


def doubt(*heard: tuple[str, float], lost: float, back: float) -> DuplicateFilter:
    """Return a filter after a loss of the broker."""
    made = DuplicateFilter()
    for words, at in heard:
        made.record(words, at)
    made.on_broker_lost(lost)
    made.on_broker_back(back)
    return made


def test_a_command_from_just_before_the_loss_counts_as_repeated_once() -> None:
    """A sender without an acknowledgement repeats its command; a second equal command is a new one."""
    made = doubt(("on", 95), ("start", 100), lost=101, back=200)
    assert made.is_duplicate("start", 201)
    assert not made.is_duplicate("start", 202)
    assert not made.is_duplicate("stop", 202)
    assert made.is_duplicate("on", 202)


def test_the_filter_works_for_a_short_time() -> None:
    """A command long before the loss was acknowledged; a sender repeats a command soon or never."""
    assert not doubt(("a", 100), lost=100 + UNACKNOWLEDGED_SECONDS, back=200).is_duplicate("a", 201)
    assert not doubt(("a", 100), lost=101, back=200).is_duplicate("a", 200 + REPETITION_SECONDS)
    assert not doubt(lost=101, back=200).is_duplicate("a", 201)
    assert not DuplicateFilter().is_duplicate("a", 0)


def test_the_filter_starts_anew_with_the_next_loss() -> None:
    """A command that was not repeated after the last loss was acknowledged after all."""
    made = doubt(("a", 100), lost=101, back=102)
    made.on_broker_lost(103)
    made.on_broker_back(104)
    assert not made.is_duplicate("a", 105)


@pytest.mark.parametrize(
    ("commands", "device", "word", "accepts"),
    [
        (True, "lamp", "on", True),
        (False, "lamp", "on", False),
        (("lamp/", "heater/set"), "lamp", "on", True),
        (("lamp/", "heater/set"), "heater", "set", True),
        (("lamp/", "heater/set"), "heater", "off", False),
        (("lamp/", "heater/set"), "lamp2", "on", False),
        (("lamp2/on",), "lamp", "2/on", False),
        ((), "lamp", "on", False),
    ],
)
def test_a_list_of_commands_allows_devices_and_single_commands(
    commands: bool | tuple[str, ...], device: str, word: str, accepts: bool
) -> None:
    """A path that ends in a slash allows all commands of its device; true allows all, and false none."""
    assert is_accepted(commands, device, word) == accepts


def test_a_refusal_names_what_is_allowed() -> None:
    """The receipt of a command that is not in the list says which commands of the device are."""
    assert refusal(("heater/set", "heater/off", "lamp/"), "heater", "on") == (
        "this house does not take the command 'on' for heater from the broker ([bridge] commands); "
        "allowed: set, off"
    )
    assert refusal(("lamp/",), "heater", "on").endswith("allowed: none")
