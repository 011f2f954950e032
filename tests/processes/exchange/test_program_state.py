"""Reports of a program: each report becomes a state of the house, or an error that names the field."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.bus import message
from daemons.bus.message import State, update_change_times
from daemons.config import loader
from daemons.errors import MessageError
from daemons.processes.exchange.program_state import ProgramMemory, ReportedState, StateTracker

MAX_PAST = 8
"""How many changes back a state reaches (docs/wire.md)."""

LAMP = StateTracker(loader.kind("lamp"))
KINDS = ("lamp", "sensor", "toaster", "button", "heater", "cover")
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
names = (
    st.sampled_from(["status", "phase", "fault", "power_watts", "brightness_percent", "colour", ""])
    | st.text()
)


def state_of(memory: ProgramMemory, reported: ReportedState) -> State:
    """Return the state that is published then."""
    return State(
        device="garden_lamp",
        boot=1,
        seq=1,
        at=1.0,
        since=memory.since,
        state=reported.state,
        turned=memory.turned,
        cause=memory.cause,
        past=memory.past,
    )


@given(
    st.sampled_from(KINDS),
    st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from(["state", "cause", "at"]), st.dictionaries(names, scalars) | scalars
    ).map(lambda report: json.dumps(report).encode()),
)
def test_any_report_becomes_a_valid_state_or_an_error(kind: str, payload: bytes) -> None:
    """No other error is ever raised."""
    tracker = StateTracker(loader.kind(kind))
    try:
        reported = tracker.decode(payload)
    except MessageError:
        return
    assert isinstance(reported.state["status"], bool)
    state = state_of(tracker.update(None, reported, 5.0), reported)
    assert message.decode([b"garden_lamp/state", message.encode(state)]) == state


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"status": True, "brightness_percent": "much"}, 'brightness_percent: "much" is not allowed; '),
        ({"status": True, "brightness": 3}, "brightness: unknown field; did you mean 'brightness_percent'?"),
        ({"status": None}, "status: "),
        ({}, "the state has no `status`"),
        ({"status": True, "phase": "x" * 1001}, "not a state: "),
        ({"status": True, "brightness_percent": 10**30}, "is too large; the limit is 2^53"),
    ],
)
def test_a_field_that_the_kind_does_not_allow_is_named(fields: dict[str, Any], error: str) -> None:
    """The error has the allowed values."""
    with pytest.raises(MessageError, match=re.escape(error)):
        LAMP.decode(json.dumps({"state": fields}).encode())


lamps = st.fixed_dictionaries(
    {"status": st.booleans(), "phase": st.sampled_from(["on", "off"])},
    optional={"power_watts": st.floats(0, 100), "brightness_percent": st.integers(1, 3)},
)


@given(st.lists(st.tuples(lamps, st.floats(0, 1000), st.none() | st.just("c1")), min_size=1, max_size=20))
def test_changes_are_tracked_as_those_of_any_device(reports: list[Any]) -> None:
    """`turned` and `past` follow the changes; measurements and repeated reports change nothing."""
    memory = None
    shown: dict[str, Any] = {}
    turned: dict[str, float] = {}
    was: list[dict[str, Any]] = []
    for state, at, cause in reports:
        reported = LAMP.decode(json.dumps({"state": state, "cause": cause}).encode())
        lasting = {name: value for name, value in state.items() if name != "power_watts"}
        if memory is None or lasting != shown:
            turned = update_change_times(shown, lasting, turned, at)
            was += [shown] if memory else []
            shown = lasting
            expected_cause = cause
        memory = LAMP.update(memory, reported, at)
        assert memory.turned == turned
        assert [moment.state for moment in memory.past] == was[-MAX_PAST:]
        assert memory.cause == expected_cause
        assert LAMP.update(memory, reported, at + 1) is memory
        assert msgspec.json.decode(msgspec.json.encode(memory), type=ProgramMemory) == memory
        state_of(memory, reported)


def test_the_first_report_is_no_change() -> None:
    """No rule acts on a lamp that was on before the first report."""
    memory = LAMP.update(None, LAMP.decode(b'{"state": {"status": true}}'), 7.0)
    assert (memory.turned, memory.past, memory.since) == ({}, (), 7.0)


def test_the_past_has_the_eight_latest_moments_with_their_causes() -> None:
    """Each moment is the state before a change."""
    memory = None
    for number in range(12):
        report = {"state": {"status": number % 2 == 0}, "cause": f"c{number}"}
        memory = LAMP.update(memory, LAMP.decode(json.dumps(report).encode()), float(number))
    assert memory is not None
    assert [moment.cause for moment in memory.past] == [f"c{number}" for number in range(3, 11)]
    assert (memory.cause, memory.since, memory.turned) == ("c11", 11.0, {"status": 11.0})


@pytest.mark.parametrize(("value", "is_allowed"), [(2**53, True), (-(2**53), True), (2**53 + 1, False)])
def test_whole_numbers_are_allowed_up_to_two_to_the_53(value: int, is_allowed: bool) -> None:
    """Greater ones are not the same in every JSON reader."""
    tracker = StateTracker(loader.kind("lamp"))
    tracker._fields = {**tracker._fields, "count": int}
    report = json.dumps({"state": {"status": True, "count": value}}).encode()
    if is_allowed:
        assert tracker.decode(report).state["count"] == value
    else:
        with pytest.raises(MessageError, match="count: 9007199254740993 is too large"):
            tracker.decode(report)


def test_other_keys_of_a_report_are_ignored() -> None:
    """A program cannot set the time of its state, or its past."""
    reported = LAMP.decode(b'{"state": {"status": true}, "at": 5, "past": [1], "cause": "c1"}')
    assert reported == ReportedState({"status": True}, "c1")


def test_the_memory_is_saved_under_stable_names() -> None:
    """Journals of other versions have these names."""
    memory = ProgramMemory(first_reported_at=1.0, state={"status": True})
    assert msgspec.json.decode(msgspec.json.encode(memory)) == {
        "born": 1.0,
        "shown": {"status": True},
        "turned": {},
        "cause": None,
        "past": [],
        "known": {},
        "changed": None,
    }


def test_a_sensor_that_comes_back_from_stale_has_not_turned() -> None:
    """A program reports a door that is open, stale, and open again: only `stale` is a change."""
    door = StateTracker(loader.kind("sensor"))
    memory = None
    for at, phase in ((1.0, "closed"), (2.0, "open"), (3.0, "stale"), (4.0, "open")):
        report = {"state": {"status": phase == "open", "phase": phase}}
        memory = door.update(memory, door.decode(json.dumps(report).encode()), at)
        memory = msgspec.json.decode(msgspec.json.encode(memory), type=ProgramMemory)
    assert memory is not None
    assert (memory.turned, memory.since) == ({}, 4.0)
