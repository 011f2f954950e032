"""What the program that reads the history is asked, and what it answers. This file loads no database."""

from typing import Literal

import msgspec

Why = Literal["before", "not_recorded", "silent", "unreachable", "removed"]
"""Why nothing is known of a time: `unknown.Unknown` explains them."""
NO_HISTORY = 3
"""The exit status of a program that answers one query, if the history cannot be read."""
MOST_STRETCHES = 1000
"""How many stretches of one device one answer contains at most."""


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: `since` and `until` are Unix seconds."""

    names: tuple[str, ...]
    since: float
    until: float
    points: int
    visible: tuple[str, ...] | None = None
    """The devices that causes may name; None for all."""
    timezone: str = "UTC"
    """The timezone of the days, and of the times in a table."""
    stretches: int = MOST_STRETCHES
    """How many stretches of a device the answer has at most."""
    csv: bool = False
    """Whether the answer is a table (RFC 4180)."""
    zipped: bool = False
    """Whether the answer is compressed (gzip)."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What precedes an answer."""

    length: int
    """The length of the answer in bytes."""
    fault: str | None = None
    """Why the history cannot be read."""
