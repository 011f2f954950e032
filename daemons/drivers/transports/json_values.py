"""Values of JSON from hardware, whose shape is not certain. Pure."""

from collections.abc import Mapping
from typing import Any, TypeGuard

LARGEST = 1e15
"""The largest number that is read: longer ones have no meaning, and do not fit into a float."""


def is_number(value: Any) -> TypeGuard[int | float]:
    """Return whether a value is a number that hardware may have; JSON has integers of any length."""
    is_numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return is_numeric and -LARGEST <= value <= LARGEST


def number(value: Any) -> float | None:
    """Return a value that should be a number; None if it is none."""
    return float(value) if is_number(value) else None


def text(value: Any) -> str | None:
    """Return a value that should be a text; None if it is none."""
    return value if isinstance(value, str) else None


def listed(value: Any) -> list[Any]:
    """Return a value that should be a list; an empty list if it is none."""
    return value if isinstance(value, list) else []


def member(found: Mapping[str, Any], outer: str, inner: str) -> Any:
    """Return a member of a member; None if there is none."""
    part = found.get(outer)
    return part.get(inner) if isinstance(part, dict) else None
