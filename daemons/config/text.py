"""Texts with placeholders in the arguments of a rule, such as "{title} is at {battery_percent} %". Pure.

The names of the device are known when the configuration is read. The fields are filled in when the rule
acts, with their values at the moment on which it acts. A brace is written twice: `{{` and `}}`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from msgspec import Struct, structs

from daemons.bus.message import Scalar

PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
LONGEST_VALUE = 200
"""The longest value in a text, in characters; a longer one is cut."""


def placeholders(with_: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the placeholders of all texts among the arguments of a rule, each once."""
    texts = [value for value in with_.values() if isinstance(value, str)]
    return tuple(dict.fromkeys(part[1] for text in texts for part in PART.finditer(text) if part[1]))


def text_problem(text: str, allowed: Iterable[str]) -> str | None:
    """Return why a text cannot be filled, or None if it can."""
    words = tuple(allowed)
    listed = ", ".join(f"{{{word}}}" for word in words) or "none"
    for part in PART.finditer(text):
        if part[0] in ("{", "}") or part[0] == "{}":
            return f"a brace in a text is written twice, {{{{ or }}}}; allowed placeholders: {listed}"
        if part[1] is not None and part[1] not in words:
            return f"unknown placeholder {part[0]}; allowed: {listed}; a brace is written twice, {{{{"
    return None


def with_names(text: str, names: Mapping[str, str]) -> str:
    """Return a text with the names of a device filled in; its other placeholders stay."""

    def fill(part: re.Match[str]) -> str:
        found = names.get(part[1] or "")
        return part[0] if found is None else found.replace("{", "{{").replace("}", "}}")

    return PART.sub(fill, text)


def filled(with_: Mapping[str, Any], fields: Mapping[str, Scalar], command: type[Struct]) -> dict[str, Any]:
    """Return the arguments of a command with all texts filled in, each as long as the command allows."""

    def fill(part: re.Match[str]) -> str:
        if part[0] in ("{{", "}}"):
            return part[0][0]
        return in_words(fields[part[1]]) if part[1] in fields else part[0]

    types = {field.encode_name: field.type for field in structs.fields(command)}
    return {
        name: cut(PART.sub(fill, value), longest(types.get(name))) if isinstance(value, str) else value
        for name, value in with_.items()
    }


def in_words(value: Scalar) -> str:
    """Return a value of a state for a person."""
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.2f}".rstrip("0").rstrip(".")
        case _:
            return cut(str(value), LONGEST_VALUE)


def cut(text: str, most: int | None) -> str:
    """Return a text of at most so many characters."""
    return text if most is None or len(text) <= most else text[: most - 1] + "…"


def longest(type_: Any) -> int | None:
    """Return how long a text of an argument may be; None if its type says nothing."""
    parts = (type_, *get_args(type_))
    limits = [meta.max_length for part in parts for meta in getattr(part, "__metadata__", ())]
    return next((limit for limit in limits if limit is not None), None)
