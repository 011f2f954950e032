"""The values in a message: a path leads to each of them in JSON. Pure.

A path has the keys of objects and the numbers of list items, with dots between them: `relay.0.state`. A key
that contains a dot stands in double quotes.
"""

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta

JsonPath = Annotated[
    str, Meta(pattern=r'^(("[^"\x00]+"|[^".\x00]+)(\.("[^"\x00]+"|[^".\x00]+))*)?\Z', max_length=200)
]
"""The path to a value in a message that is JSON; empty for the whole message."""
TopicFilter = Annotated[
    str,
    Meta(pattern=r"^([^+#/\x00$][^+#/\x00]*|\+)?(/([^+#/\x00]*|\+))*(/#)?\Z", min_length=1, max_length=200),
]
"""Topics whose messages have a value: `+` stands for any part of a topic, `#` for any rest of it."""
PART = re.compile(r'"([^"]+)"|([^".]+)')
MOST = 1e12
"""A larger number is no measurement."""
UNKNOWN = ("", "none", "null", "nan", "unknown", "unavailable")
"""The words of a value that is not known, in lower case."""
MILLISECONDS_FROM = 1e11
"""A larger time is in milliseconds since 1970: in seconds, it would be after the year 5000."""


def matches(filter_: str, topic: str) -> bool:
    """Return whether a topic is one of those that a filter stands for."""
    wanted, levels = filter_.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(
        want in ("+", level) for want, level in zip(wanted, levels, strict=True)
    )


class MessageValues:
    """The values of one message. The message is decoded at the first value that needs it."""

    def __init__(self, payload: str) -> None:
        self.payload = payload
        self._document: Any = UNSET

    def at(self, path: str) -> Any:
        """Return the value at a path, or UNSET if the message has none; ValueError if it is not JSON."""
        if not path:
            return self.payload
        if self._document is UNSET:
            self._document = msgspec.json.decode(self.payload)
        return value_at(self._document, path)

    @property
    def document(self) -> Any:
        """The decoded message, or UNSET if it is not JSON."""
        with suppress(ValueError, RecursionError):
            if self._document is UNSET:
                self._document = msgspec.json.decode(self.payload)
        return self._document

    @property
    def names(self) -> list[str]:
        """The names at the top of a message that is an object, once it is decoded."""
        return list(self._document) if isinstance(self._document, dict) else []


def value_at(document: Any, path: str) -> Any:
    """Return the value at a path in a document, or UNSET if there is none."""
    found = document
    for quoted, plain in PART.findall(path):
        key = quoted or plain
        if isinstance(found, dict):
            found = found.get(key, UNSET)
        elif isinstance(found, list) and plain.isdecimal() and int(plain) < len(found):
            found = found[int(plain)]
        else:
            return UNSET
    return found


def to_text(value: Any) -> str | None:
    """Return a value as text, or None if it is unknown; ValueError for a list or an object."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            text = value.strip()
            return None if text.lower() in UNKNOWN else text
        case int() | float():
            return str(int(value)) if value == int(value) else str(value)
        case None:
            return None
    raise ValueError("a value must be text, a number, true or false")


def to_number(value: Any) -> float | None:
    """Return a value as a number, or None if it is unknown; ValueError if it is no number."""
    text = to_text(value)
    if text is None:
        return None
    try:
        number = float(text.replace("_", "x"))
    except (ValueError, OverflowError):
        number = float("inf")
    if not abs(number) <= MOST:
        raise ValueError(f"{text[:20]!r} is not a number")
    return number


def to_time(value: Any) -> float | None:
    """Return a time in Unix seconds, or None if it is unknown; ValueError if it is no time.

    A number is in seconds or in milliseconds. A text is as in ISO 8601; without a zone, it is UTC.
    """
    text = to_text(value)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return number / 1000 if number >= MILLISECONDS_FROM else number
