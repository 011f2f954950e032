"""What the mirror shows, numbered: one thread puts it up, another reads it off for every client.

Each change gets the next number and stays until 4,096 newer ones have come. A reader keeps the
number that it has read, so that no reader costs memory and none can slow another: who fell
behind takes the latest of each process instead, and who comes back goes on where it was.
"""

from collections import deque
from collections.abc import Callable
from itertools import islice
from threading import Lock
from typing import Any, NamedTuple

HELD = 4096
"""How many changes are held."""


class Change(NamedTuple):
    """Something that became known of one process."""

    number: int
    device: str
    heard: bool
    """Whether a state of its own led here, not what others found out about it."""
    standing: dict[str, Any]
    """All that is known of it; docs/page.md lists the fields. Nobody changes it any more."""
    moment: float
    """When it was put up, in the mirror's seconds."""


class Board:
    """The changes, and the latest of each process."""

    def __init__(self, held: int = HELD) -> None:
        self._changes: deque[Change] = deque(maxlen=held)
        self._latest: dict[str, Change] = {}
        self._number = 0
        self._lock = Lock()
        self.wake: Callable[[], None] = lambda: None
        """Called, in the writer's thread, whenever something was put up."""

    def put(self, device: str, standing: dict[str, Any], moment: float, *, heard: bool) -> None:
        """Put up what is known of a process now."""
        with self._lock:
            self._number += 1
            change = Change(self._number, device, heard, standing, moment)
            self._changes.append(change)
            self._latest[device] = change
        self.wake()

    def latest(self) -> tuple[int, dict[str, Change]]:
        """Give the number of the last change, and the latest of each process, as one."""
        with self._lock:
            return self._number, dict(self._latest)

    @property
    def number(self) -> int:
        """Give the number of the last change."""
        return self._number

    def after(self, number: int) -> list[Change] | None:
        """Give every change after that one, in order; nothing at all when not all of them are held."""
        with self._lock:
            missing = self._number - number
            if missing < 0 or missing > len(self._changes):
                return None
            newest = list(islice(reversed(self._changes), missing))
        newest.reverse()
        return newest
