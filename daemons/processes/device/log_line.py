"""One line for the log of an appliance. The pure parts collect lines; the process writes them."""

from collections.abc import Callable
from typing import Literal, NamedTuple

Level = Literal["info", "warning", "error"]
Log = Callable[[Level, str, str | None], None]
"""Adds a line to the log: its level, its text, and the cause that it belongs to."""


class LogLine(NamedTuple):
    """A line for the log."""

    level: Level
    text: str
    cause: str | None
