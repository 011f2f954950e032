"""The values in a message: paths, numbers, words and times."""

from typing import Any

import pytest
from msgspec import UNSET

from daemons.drivers.generic_mqtt.value import MessageValues, matches, to_number, to_text, to_time, value_at

DOCUMENT = {"relay": [{"state": "ON"}, {"state": False}], "a.b": {"c": 1}, "switch:0": {"0": 2}, "none": None}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("relay.0.state", "ON"),
        ("relay.1.state", False),
        ("relay.2.state", UNSET),
        ("relay.x", UNSET),
        ('relay."0"', UNSET),
        ('"a.b".c', 1),
        ("switch:0.0", 2),
        ("none", None),
        ("none.x", UNSET),
        ("relay.0.state.x", UNSET),
    ],
)
def test_a_path_leads_to_a_value(path: str, expected: Any) -> None:
    """A number is an item of a list; a key with a dot is quoted."""
    assert value_at(DOCUMENT, path) == expected


def test_a_message_is_a_value_or_json() -> None:
    """Without a path, the whole message counts. With one, a message that is not JSON is refused."""
    assert MessageValues("21.5").at("") == "21.5"
    assert MessageValues('{"t": 21.5}').at("t") == 21.5
    assert MessageValues('{"t": 21.5}').at("h") is UNSET
    assert MessageValues('{"t": 21.5}').document == {"t": 21.5}
    assert MessageValues("warm").document is UNSET
    with pytest.raises(ValueError, match="JSON"):
        MessageValues("warm").at("t")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(" ON ", "ON"), (True, "true"), (1.0, "1"), (0.5, "0.5"), (None, None), ("Unknown", None), ("", None)],
)
def test_a_value_has_one_text(value: Any, expected: str | None) -> None:
    """A number and the same number as text are equal; what is unknown has no text."""
    assert to_text(value) == expected


@pytest.mark.parametrize("value", [[1], {"a": 1}, "warm", True, "1_000", "1e999", "inf", 10**400])
def test_what_is_no_number_is_refused(value: Any) -> None:
    """A list, a word, an infinite number and a number with underscores are no measurements."""
    with pytest.raises(ValueError, match="number"):
        to_number(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_764_280_000, 1_764_280_000),
        ("1764280000000", 1_764_280_000),
        ("2026-11-27T22:00:00Z", 1_795_816_800),
        ("2026-11-27T23:00:00+01:00", 1_795_816_800),
        ("2026-11-27T22:00:00", 1_795_816_800),
        (None, None),
    ],
)
def test_a_time_is_a_number_or_a_text(value: Any, expected: float | None) -> None:
    """Milliseconds are known by their size; a text without a zone is UTC."""
    assert to_time(value) == expected


@pytest.mark.parametrize(
    ("filter_", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("+/+/b", "x/y/b", True),
        ("+/b", "b", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "b/c", False),
        ("#", "a/b", True),
    ],
)
def test_a_filter_stands_for_topics(filter_: str, topic: str, expected: bool) -> None:
    """As in MQTT: one part, or all that follows."""
    assert matches(filter_, topic) is expected
