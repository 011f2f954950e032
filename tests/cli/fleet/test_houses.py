"""The houses of a broker: their states, and messages that are wrong on purpose."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.cli.fleet import houses
from daemons.cli.fleet.houses import ORDERS, Fleet, HouseRow, count_states, select
from daemons.processes.bridge.alive import Alive

WALL = 1_700_000_000.0
"""The Unix time at the steady second 0."""
ALIVE = Alive(at=WALL, version="1.0.0", name="Home", devices={"live": 20})


def encoded(**changes: Any) -> bytes:
    """Return an alive message."""
    return msgspec.json.encode(msgspec.structs.replace(ALIVE, **changes))


def fleet(*messages: tuple[str, bytes], now: float = 0.0, is_retained: bool = False) -> Fleet:
    """Return the fleet that has received these messages at a time."""
    made = Fleet("fleet/")
    for topic, payload in messages:
        made.on_message(topic, payload, now, WALL + now, is_retained=is_retained)
    return made


def states(made: Fleet, now: float = 0.0) -> dict[str, str]:
    """Return the state of each house."""
    return {row.house: row.state for row in made.rows(now)}


def test_a_house_has_one_of_four_states() -> None:
    """Its availability counts first, then its silence, then its faults."""
    made = fleet(
        ("fleet/a/bridge/alive", encoded()),
        ("fleet/a/bridge/availability", b"online"),
        ("fleet/b/bridge/alive", encoded(faults={"lamp": "it is mute"}, fault_count=1)),
        ("fleet/c/bridge/alive", encoded(fault_count=1)),
        ("fleet/c/bridge/availability", b"offline"),
        ("fleet/d/bridge/availability", b"online"),
    )
    assert states(made) == {"a": "live", "b": "fault", "c": "offline", "d": "silent"}
    assert list(count_states(made.rows(0.0)).items()) == [
        ("offline", 1), ("silent", 1), ("fault", 1), ("live", 1),
    ]  # fmt: skip


def test_a_house_is_silent_after_three_intervals() -> None:
    """The interval is the one that the house names."""
    made = fleet(("fleet/a/bridge/alive", encoded(every_seconds=60)))
    assert states(made, 180.0) == {"a": "live"}
    assert states(made, 180.1) == {"a": "silent"}
    made.on_message("fleet/a/bridge/alive", encoded(), 500.0, WALL, is_retained=False)
    assert states(made, 680.0) == {"a": "live"}


def test_a_retained_message_is_as_old_as_its_time() -> None:
    """A message that the broker has retained for an hour proves no life; a clock in the future is no gain."""
    old = encoded(at=WALL - 3600)
    assert states(fleet(("fleet/a/bridge/alive", old), is_retained=True)) == {"a": "silent"}
    assert states(fleet(("fleet/a/bridge/alive", old))) == {"a": "live"}
    future = fleet(("fleet/a/bridge/alive", encoded(at=WALL + 1e9)), is_retained=True)
    assert states(future, 180.1) == {"a": "silent"}


def test_a_house_that_deletes_its_messages_is_gone() -> None:
    """A house that gets another prefix deletes its retained messages."""
    made = fleet(("fleet/a/bridge/alive", encoded()), ("fleet/a/bridge/availability", b"online"))
    made.on_message("fleet/a/bridge/alive", b"", 1.0, WALL, is_retained=False)
    made.on_message("fleet/a/bridge/availability", b"", 1.0, WALL, is_retained=False)
    assert made.rows(1.0) == []


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("fleet/a/bridge/alive", b"no JSON"),
        ("fleet/a/bridge/alive", b"x" * 1_000_000),
        ("fleet/a/bridge/availability", b"on\x1b[2J"),
        ("fleet/a\x1b[2Jb/bridge/alive", encoded()),
        (f"fleet/{'a' * 101}/bridge/alive", encoded()),
        ("fleet/a/b/bridge/alive", encoded()),
        ("fleet/a/bridge/alive/more", encoded()),
        ("other/a/bridge/alive", encoded()),
        ("", b""),
    ],
)
def test_a_wrong_message_is_counted_and_ignored(topic: str, payload: bytes) -> None:
    """It makes no house."""
    made = fleet((topic, payload))
    assert (made.rows(0.0), made.ignored) == ([], 1)


def test_a_wrong_message_changes_nothing_of_a_house() -> None:
    """The last valid message stays."""
    made = fleet(("fleet/a/bridge/alive", encoded()), ("fleet/a/bridge/alive", b"{}"))
    assert (states(made), made.ignored) == ({"a": "live"}, 1)


def test_houses_beyond_the_limit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The known ones go on."""
    assert houses.MAX_HOUSES == 20_000
    monkeypatch.setattr(houses, "MAX_HOUSES", 2)
    made = fleet(*((f"fleet/h{number}/bridge/alive", encoded()) for number in range(5)))
    made.on_message("fleet/h1/bridge/availability", b"offline", 0.0, WALL, is_retained=False)
    assert (states(made), made.left_out) == ({"h0": "live", "h1": "offline"}, 3)


@given(
    st.sampled_from(["fleet/a/bridge/alive", "fleet/a/bridge/availability"]) | st.text(),
    st.binary() | st.text().map(str.encode) | st.builds(lambda name: encoded(name=name), st.text()),
    st.booleans(),
)
def test_no_message_raises_an_error_or_brings_control_characters(
    topic: str, payload: bytes, is_retained: bool
) -> None:
    """An error would end the thread of the session."""
    made = fleet((topic, payload), is_retained=is_retained)
    for row in made.rows(1.0):
        assert all(text.isprintable() for text in (row.house, row.name or "", row.version or ""))


ROWS = fleet(
    ("fleet/a/bridge/alive", encoded(name="Zoo", version="1.10.0", configuration="b" * 16)),
    ("fleet/b/bridge/alive", encoded(name="ärmel", version="1.9.0", devices={"live": 3, "stale": 20})),
    (
        "fleet/c/bridge/alive",
        encoded(name="Mill", version="1.9.0", faults={"pump": "Dry run"}, fault_count=2),
    ),
    ("fleet/d/bridge/availability", b"offline"),
).rows(5.0)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("state", "dcab"),
        ("house", "abcd"),
        ("name", "dcab"),
        ("version", "dbca"),
        ("configuration", "bcda"),
        ("devices", "bacd"),
        ("faults", "cabd"),
        ("heard", "dabc"),
    ],
)
def test_houses_have_an_order(order: str, expected: str) -> None:
    """The most urgent state and the largest number come first; a version is no text."""
    assert order in ORDERS
    assert "".join(row.house for row in select(ROWS, "", order)) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [("dry PUMP", "c"), ("1.9.0", "bc"), ("stale", "b"), ("offline", "d"), ("mill zoo", ""), (" ", "abcd")],
)
def test_a_filter_needs_all_its_words(words: str, expected: str) -> None:
    """Capitals do not matter, and faults are searched too."""
    assert "".join(row.house for row in select(ROWS, words, "house")) == expected


def test_a_row_has_the_keys_of_the_documentation() -> None:
    """docs/json.md lists them."""
    assert HouseRow.__struct_fields__ == (
        "house", "name", "state", "version", "configuration", "devices", "faults", "fault_count",
        "restarts", "heard_seconds",
    )  # fmt: skip
