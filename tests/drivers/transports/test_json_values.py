"""Values whose shape is not certain."""

from typing import Any

import pytest

from daemons.drivers.transports.json_values import is_number, listed, member, number, text


@pytest.mark.parametrize(
    ("value", "as_number", "as_text", "as_list"),
    [
        (1, 1.0, None, []),
        (0.5, 0.5, None, []),
        (True, None, None, []),
        (10**400, None, None, []),
        ("1", None, "1", []),
        ([1], None, None, [1]),
        (None, None, None, []),
        ({}, None, None, []),
    ],
)
def test_a_value_of_another_type_is_none(
    value: Any, as_number: float | None, as_text: str | None, as_list: list[Any]
) -> None:
    """Truth is no number, and neither is what no float can have."""
    assert is_number(value) is (as_number is not None)
    assert (number(value), text(value), listed(value)) == (as_number, as_text, as_list)


@pytest.mark.parametrize(
    ("found", "expected"), [({"a": {"b": 7}}, 7), ({"a": {}}, None), ({"a": [7]}, None), ({}, None)]
)
def test_a_member_that_is_not_there_is_none(found: dict[str, Any], expected: int | None) -> None:
    """Neither is one of a value that is no object."""
    assert member(found, "a", "b") == expected
