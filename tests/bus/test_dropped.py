"""The log of dropped messages."""

import logging

import pytest

from daemons.bus.dropped import DroppedLog

LOG = logging.getLogger("test_dropped")


def test_the_next_window_logs_the_number_of_dropped_messages(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first line of the next window counts the unlogged messages; each source has its own window."""
    dropped = DroppedLog(LOG)
    for _ in range(3):
        dropped.add("a", "bad")
    dropped.add("b", "worse")
    monkeypatch.setattr(DroppedLog, "WINDOW_SECONDS", 0.0)
    dropped.add("a", "bad")
    assert dropped.total == 5
    assert [record.getMessage().partition(" on ")[2] for record in caplog.records] == [
        "a: bad",
        "b: worse",
        "a: bad (and 2 before it)",
    ]


def test_the_number_of_remembered_sources_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """If there are too many sources, the one that was logged least recently is forgotten."""
    dropped = DroppedLog(LOG)
    for number in range(1001):
        dropped.add(f"source {number}", "bad")
    caplog.clear()
    dropped.add("source 1000", "bad")
    dropped.add("source 1", "bad")
    dropped.add("source 0", "bad")
    assert [record.getMessage() for record in caplog.records] == ["dropped a bad message on source 0: bad"]
    assert dropped.total == 1004
