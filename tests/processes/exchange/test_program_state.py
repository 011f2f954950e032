"""A program's words: any of them give a state that the house can read, or an error that says why not."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.bus import message
from daemons.bus.message import MOST_PAST, State, turn
from daemons.config import loader
from daemons.errors import MessageError
from daemons.processes.exchange.program_state import Guest, Memory, Words

LAMP = Guest(loader.kind("lamp"))
KINDS = ("lamp", "sensor", "toaster", "button", "heater", "cover")
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
names = (
    st.sampled_from(["status", "phase", "fault", "power_watts", "brightness_percent", "colour", ""])
    | st.text()
)


def state_of(memory: Memory, words: Words) -> State:
    """Give what the house is told then."""
    return State(
        device="garden_lamp",
        boot=1,
        seq=1,
        at=1.0,
        since=memory.since,
        state=words.state,
        turned=memory.turned,
        cause=memory.cause,
        past=memory.past,
    )


@given(
    st.sampled_from(KINDS),
    st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from(["state", "cause", "at"]), st.dictionaries(names, scalars) | scalars
    ).map(lambda said: json.dumps(said).encode()),
)
def test_any_words_give_a_state_that_decodes_or_an_error_that_names_the_field(kind: str, said: bytes) -> None:
    """Nothing else ever comes of them."""
    guest = Guest(loader.kind(kind))
    try:
        words = guest.read(said)
    except MessageError:
        return
    assert isinstance(words.state["status"], bool)
    state = state_of(guest.hear(None, words, 5.0), words)
    assert message.decode([b"garden_lamp/state", message.encode(state)]) == state


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"status": True, "brightness_percent": "much"}, 'brightness_percent: "much" is not what it can be'),
        ({"status": True, "brightness": 3}, "brightness: unknown field; did you mean 'brightness_percent'?"),
        ({"status": None}, "status: "),
        ({}, "its state has no status"),
        ({"status": True, "phase": "x" * 1001}, "what it says is no state"),
        ({"status": True, "brightness_percent": 10**30}, "is beyond what a number can be here"),
    ],
)
def test_a_field_that_its_kind_cannot_have_so_is_named(said: dict[str, Any], why: str) -> None:
    """With what it may be."""
    with pytest.raises(MessageError, match=re.escape(why)):
        LAMP.read(json.dumps({"state": said}).encode())


lamps = st.fixed_dictionaries(
    {"status": st.booleans(), "phase": st.sampled_from(["on", "off"])},
    optional={"power_watts": st.floats(0, 100), "brightness_percent": st.integers(1, 3)},
)


@given(st.lists(st.tuples(lamps, st.floats(0, 1000), st.none() | st.just("c1")), min_size=1, max_size=20))
def test_what_changed_when_is_told_as_of_any_device_of_the_house(said: list[Any]) -> None:
    """`turned` is that of message.turn; `past` is what it was; and what is repeated changes nothing."""
    memory = None
    shown: dict[str, Any] = {}
    turned: dict[str, float] = {}
    was: list[dict[str, Any]] = []
    for state, at, cause in said:
        words = LAMP.read(json.dumps({"state": state, "cause": cause}).encode())
        lasting = {name: value for name, value in state.items() if name != "power_watts"}
        if memory is None or lasting != shown:
            turned = turn(shown, lasting, turned, at)
            was += [shown] if memory else []
            shown = lasting
            expected_cause = cause
        memory = LAMP.hear(memory, words, at)
        assert memory.turned == turned
        assert [moment.state for moment in memory.past] == was[-MOST_PAST:]
        assert memory.cause == expected_cause
        assert LAMP.hear(memory, words, at + 1) is memory
        assert msgspec.json.decode(msgspec.json.encode(memory), type=Memory) == memory
        state_of(memory, words)


def test_what_is_said_first_has_not_turned_to_anything() -> None:
    """Nobody acts on a lamp that was on before anybody listened."""
    memory = LAMP.hear(None, LAMP.read(b'{"state": {"status": true}}'), 7.0)
    assert (memory.turned, memory.past, memory.since) == ({}, (), 7.0)
