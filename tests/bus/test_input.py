"""The message with inputs: what is encoded can be decoded, and anything else is refused with a reason."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.bus import message
from daemons.bus.input import (
    MAX_INPUTS,
    CommandInput,
    DetectionInput,
    HandInput,
    HardwareInput,
    Inputs,
    PressInput,
    decode_inputs,
    details,
    input_topic,
)
from daemons.errors import MessageError
from tests.bus.test_message import counts, fields, identifiers, moments, names

any_input = st.one_of(
    st.builds(
        CommandInput,
        at=moments,
        id=identifiers,
        command=identifiers,
        outcome=st.sampled_from(["applied", "rejected", "expired"]),
        reason=st.none() | st.text(max_size=30),
        who=st.none() | st.text(min_size=1, max_size=30),
        args=fields,
        left_out=st.none() | st.dictionaries(identifiers, counts, max_size=3),
    ),
    st.builds(PressInput, at=moments, touch=identifiers, id=identifiers),
    st.builds(HandInput, at=moments, on=st.booleans(), brightness_percent=st.none() | st.integers(0, 100)),
    st.builds(DetectionInput, at=moments, on=st.booleans()),
    st.builds(HardwareInput, at=moments, reachable=st.booleans(), fault=st.none() | st.text(max_size=30)),
)
PRESS: dict[str, Any] = {"what": "press", "at": 1.0, "touch": "long", "id": "p1"}
COMMAND: dict[str, Any] = {"what": "command", "at": 1.0, "id": "c", "command": "on", "outcome": "applied"}
MESSAGE: dict[str, Any] = {"device": "lamp", "boot": 1, "at": 1.0, "number": 200, "earlier": 0}


@given(names, counts, moments, st.lists(any_input, max_size=4), counts)
def test_what_is_encoded_is_decoded(
    device: str, boot: int, at: float, found: list[Any], earlier: int
) -> None:
    """The device encodes each input by itself. Older programs do not know the topic, and refuse it."""
    sent = Inputs(device=device, boot=boot, at=at, number=99, earlier=earlier, inputs=tuple(found))
    frames = [input_topic(device), message.encode(sent)]
    assert decode_inputs(frames) == sent
    with pytest.raises(MessageError, match=r"its topic is neither|differ"):
        message.decode(frames)


@pytest.mark.parametrize(
    ("topic", "changes", "reason"),
    [
        ("$input/lamp2", {}, "its topic and its device"),
        ("lamp/input", {}, "its topic and its device"),
        ("$input/lamp", {"device": "Lamp!"}, "matching regex"),
        ("$input/lamp", {"inputs": [PRESS] * (MAX_INPUTS + 1)}, "<= 100"),
        ("$input/lamp", {"inputs": [PRESS], "number": 0}, "its latest input has the number 0, and it has 1"),
        ("$input/lamp", {"inputs": [PRESS | {"what": "wish"}]}, "Invalid value 'wish'"),
        ("$input/lamp", {"inputs": [PRESS | {"at": -1}]}, ">= 0"),
        ("$input/lamp", {"inputs": [{"what": "press", "at": 1.0}]}, "missing required field `touch`"),
        ("$input/lamp", {"inputs": [COMMAND | {"args": {"a b": 1}}]}, "is not the name of an argument"),
        ("$input/lamp", {"inputs": [COMMAND | {"left_out": {"ä": 1}}]}, "is not the name of an argument"),
        ("$input/lamp", {"inputs": [COMMAND | {"args": {str(n): n for n in range(21)}}]}, "<= 20"),
        ("$input/lamp", {"inputs": [COMMAND | {"args": {"text": "x" * 1001}}]}, "<= 1000"),
        ("$input/lamp", {"text": "x" * (64 * 1024)}, "at most 65536 are allowed"),
    ],
)
def test_an_invalid_message_is_refused(topic: str, changes: dict[str, Any], reason: str) -> None:
    """Each of its parts is bounded, and checked before any of them counts."""
    payload = msgspec.json.encode({**MESSAGE, "inputs": [], **changes})
    with pytest.raises(MessageError, match=reason):
        decode_inputs([topic.encode(), payload])


@pytest.mark.parametrize("frames", [[b"$input/lamp"], [b"$input/lamp", b"{}", b"{}"], [b"$input/lamp", b"{"]])
def test_other_frames_are_refused(frames: list[bytes]) -> None:
    """A message has two frames, and the second is JSON."""
    with pytest.raises(MessageError):
        decode_inputs(frames)


def test_the_details_are_the_fields_that_are_known() -> None:
    """The time is a column of its own. An empty set of arguments is known."""
    assert details(HandInput(at=1.0, on=True, brightness_percent=30)) == {
        "on": True,
        "brightness_percent": 30,
    }
    command = CommandInput(at=1.0, id="c", command="on", outcome="applied")
    assert details(command) == {"id": "c", "command": "on", "outcome": "applied", "args": {}}
