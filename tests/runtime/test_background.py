"""The background thread: one that is starved does not hang, one that hangs is found."""

import threading
import time
from collections.abc import Callable

import pytest

from daemons.runtime import background
from daemons.runtime.background import BUSY_SECOND, HUNG_AFTER_SECONDS, BackgroundThread


class Hanging(BackgroundThread):
    """A thread that never beats."""

    def __init__(self) -> None:
        super().__init__("hanging")
        self.may_end = threading.Event()

    def work(self) -> None:
        self.may_end.wait()

    def on_error(self, error: Exception) -> None:
        raise error


@pytest.fixture
def count_checks(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], int]:
    """Return a function that counts the checks until the thread counts as hung.

    In each second the process waits for a processor and its loop works for the given times.
    """

    def count(waits: float, works: float) -> int:
        seconds = 0
        monkeypatch.setattr(time, "monotonic", lambda: 100.0 + seconds)
        monkeypatch.setattr(time, "thread_time", lambda: works * seconds)
        monkeypatch.setattr(background, "waited_seconds", lambda _: waits * seconds)
        thread = Hanging()
        thread.start()
        while True:
            seconds += 1
            if not thread.check_alive():
                thread.may_end.set()
                return seconds

    return count


@pytest.mark.parametrize(("waits", "works"), [(0.0, 0.0), (0.2, 0.0), (0.0, 0.2), (0.1, 0.1)])
def test_a_thread_without_a_beat_hangs(
    count_checks: Callable[[float, float], int], waits: float, works: float
) -> None:
    """The seventh second without a beat is too much, if the process has had its time."""
    assert count_checks(waits, works) == HUNG_AFTER_SECONDS + 1


@pytest.mark.parametrize(("waits", "works"), [(0.9, 0.0), (0.0, 0.9), (0.2, 0.2), (5.0, 0.0)])
def test_a_starved_thread_has_more_time(
    count_checks: Callable[[float, float], int], waits: float, works: float
) -> None:
    """On a busy machine it may take a minute to load; one that hangs is found all the same."""
    assert count_checks(waits, works) == pytest.approx(HUNG_AFTER_SECONDS / BUSY_SECOND, abs=2)
