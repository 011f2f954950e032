"""Whether a cover moves: from its commands, its words and its position. Pure.

A cover counts as moving from the command until it reports that it stands, reaches an end, or its time is
over. Few covers report each move. A report that follows a command at once may be of the time before.
"""

from typing import Any

from daemons.kinds import Direction

LONGEST_MOVE_SECONDS = 600.0
START_SECONDS = 2.0
"""So long after a command to move or to stop, another report may be of the time before."""
MOVES: dict[str, Direction] = {"opening": "open", "closing": "close"}
"""The words of a cover that moves."""


class Motion:
    """The move of one cover. Every `now` is in seconds of uptime."""

    def __init__(self) -> None:
        self.direction: Direction | None = None
        """The direction in which it moves; None while it stands."""
        self._ordered_at = self._ends_at = 0.0
        """When the last move or stop was ordered, and the latest end of the move."""
        self._reports_moves = False
        """Whether it reports that it moves; if not, `open` and `closed` are no end of a move."""

    def order(self, direction: Direction | None, seconds: float | None, now: float) -> None:
        """Note a command to move for so long at most, or to stop."""
        self.direction, self._ordered_at = direction, now
        self._ends_at = now + (seconds or LONGEST_MOVE_SECONDS)

    def on_word(self, word: str, now: float) -> None:
        """Note the state that the cover reports."""
        self._reports_moves = self._reports_moves or word in MOVES
        if self._is_early(now) and MOVES.get(word) != self.direction:
            return
        if word in MOVES:
            self.direction, self._ends_at = MOVES[word], now + LONGEST_MOVE_SECONDS
        elif word == "stopped" or self._reports_moves:
            self.direction = None

    def on_position(self, percent: int | None, now: float) -> None:
        """Note the position that the cover reports."""
        is_at_end = percent == {"open": 100, "close": 0, None: None}[self.direction]
        if is_at_end and not self._is_early(now):
            self.direction = None

    def fields(self, now: float) -> dict[str, Any]:
        """Return the fields of a reading."""
        if now > self._ends_at:
            self.direction = None
        return {"on": self.direction is not None, "direction": self.direction, "is_assumed": False}

    def _is_early(self, now: float) -> bool:
        return now - self._ordered_at < START_SECONDS
