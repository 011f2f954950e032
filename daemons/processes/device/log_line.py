"""One line for the log of an appliance. The pure parts collect lines; the process writes them."""

from typing import Literal, NamedTuple, Protocol

Level = Literal["info", "warning", "error"]


class Refusal(NamedTuple):
    """Why a rule looked and did not act."""

    rule: int | None
    """Its number among the rules of the device, from 1; None for a daily time of the kind."""
    reason: str


class Log(Protocol):
    """Adds a line to the log."""

    def __call__(self, level: Level, text: str, cause: str | None, refusal: Refusal | None = None) -> None:
        """Add a line with its level, its text, and the cause that it belongs to."""


class LogLine(NamedTuple):
    """A line for the log."""

    level: Level
    text: str
    cause: str | None
    refusal: Refusal | None = None
    """For a rule that did not act: the rule and the reason."""
