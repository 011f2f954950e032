"""The log of changes that every client of the page reads: a ring buffer with numbered entries.

The mirror's thread appends, and the page's thread reads. Each reader keeps the number of the last
change that it has read. So a reader costs no memory and cannot slow another. A reader that has fallen
behind the ring buffer reads the latest change of each process instead.
"""

from collections import deque
from collections.abc import Callable
from itertools import islice
from threading import Lock
from typing import NamedTuple

from daemons.bus.status import ProcessStatus

CAPACITY = 4096
"""How many changes the log holds."""


class StatusChange(NamedTuple):
    """A change of the status of one process."""

    number: int
    device: str
    is_own_state: bool
    """Whether the process itself published a state; if not, something else became known of it."""
    status: ProcessStatus
    at_uptime: float
    """When the change was appended, in the mirror's steady seconds."""


class ChangeLog:
    """The latest changes in order, and the latest change of each process."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._changes: deque[StatusChange] = deque(maxlen=capacity)
        self._latest: dict[str, StatusChange] = {}
        self._number = 0
        self._lock = Lock()
        self.on_append: Callable[[], None] = lambda: None
        """Called in the writer's thread after each new change."""

    def append(self, device: str, status: ProcessStatus, at_uptime: float, *, is_own_state: bool) -> None:
        """Append the new status of a process."""
        with self._lock:
            self._number += 1
            change = StatusChange(self._number, device, is_own_state, status, at_uptime)
            self._changes.append(change)
            self._latest[device] = change
        self.on_append()

    def latest(self) -> tuple[int, dict[str, StatusChange]]:
        """Return the number of the last change and the latest change of each process, in one snapshot."""
        with self._lock:
            return self._number, dict(self._latest)

    @property
    def number(self) -> int:
        """Return the number of the last change."""
        return self._number

    def after(self, number: int) -> list[StatusChange] | None:
        """Return all changes after a number, in order, or None if some of them are no longer held."""
        with self._lock:
            missing = self._number - number
            if missing < 0 or missing > len(self._changes):
                return None
            newest = list(islice(reversed(self._changes), missing))
        newest.reverse()
        return newest
