"""When the steward must look at each process again: a tick visits only the processes that are due. Pure."""

import heapq


class Schedule:
    """One time for each name, in a heap."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str]] = []
        self._times: dict[str, float] = {}
        """The time of each name. An entry of the heap with another time is outdated."""

    def set(self, name: str, time: float | None) -> None:
        """Set the time of a name; None removes the name."""
        if time is None:
            self._times.pop(name, None)
        elif self._times.get(name) != time:
            self._times[name] = time
            heapq.heappush(self._heap, (time, name))

    def pop_due(self, now: float) -> list[str]:
        """Remove and return the names whose time has come, the earliest first."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            time, name = heapq.heappop(self._heap)
            if self._times.get(name) == time:
                del self._times[name]
                due.append(name)
        return due
