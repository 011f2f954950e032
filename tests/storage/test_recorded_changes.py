"""Single changes and values of the history, at a moment of the past."""

from pathlib import Path
from typing import Any

import pytest

from daemons.errors import DamagedHistory, HistoryError
from daemons.storage.history import PATH
from daemons.storage.history_row import Change, Sample
from daemons.storage.history_writer import DAY_SECONDS, HistoryWriter
from daemons.storage.recorded_changes import open_changes

NOW = 1_795_000_000.0 // 3600 * 3600
ON: dict[str, Any] = {"status": True, "phase": "on"}
OFF: dict[str, Any] = {"status": False, "phase": "off"}


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_latest_changes_up_to_a_moment_are_newest_first() -> None:
    """The change at the moment itself counts, a later one does not, and not more are read than asked for."""
    writer = HistoryWriter()
    reason = {"by": "rule", "who": "switch", "rule": 1, "at": NOW - 0.5}
    writer.write([Change("lamp", NOW + n, (OFF, ON)[n % 2], f"c{n}", True, reason) for n in range(5)])
    with open_changes(PATH) as found:
        changes = found.changes("lamp", NOW + 3, 2)
        assert [(one["at"], one["cause"]) for one in changes] == [(NOW + 3, "c3"), (NOW + 2, "c2")]
        assert (changes[0]["state"], changes[0]["reason"], changes[0]["origin"]) == (ON, reason, None)
        assert found.changes("lamp", NOW - 1, 2) == []
        assert found.changes("toaster", NOW + 3, 2) == []
    writer.close()


def test_a_value_is_the_last_one_before_the_moment() -> None:
    """Values of today are to the second; of an older minute, the last value counts."""
    writer = HistoryWriter()
    old = NOW - 3 * DAY_SECONDS
    writer.write([Sample("meter", "lux", at, value) for at, value in ((old, 1.0), (old + 20, 2.0))])
    writer.write([Sample("meter", "lux", at, value) for at, value in ((NOW, 7.0), (NOW + 10, 8.0))])
    while writer.tidy(NOW, 30 * DAY_SECONDS):
        pass
    with open_changes(PATH) as found:
        times = (NOW + 5, NOW + 10, NOW - 60, old - 1)
        assert [found.measured("meter", "lux", at) for at in times] == [7.0, 8.0, 2.0, None]
        assert found.measured("meter", "celsius", NOW) is None
        assert found.measured("lamp", "lux", NOW) is None
    writer.close()


def test_a_missing_and_a_damaged_history_are_told() -> None:
    """The error of a damaged file says what sets it aside."""
    with pytest.raises(HistoryError, match="there is no history yet"), open_changes(PATH):
        pass
    PATH.parent.mkdir()
    PATH.write_bytes(b"\xff" * 8192)
    with pytest.raises(DamagedHistory, match="house restart recorder"), open_changes(PATH):
        pass
