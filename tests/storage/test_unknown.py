"""What a history does not know: it is told, and it has no values."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemons.storage.history import PATH, read
from daemons.storage.history_row import Absence, Change, Sample
from daemons.storage.history_writer import HistoryWriter
from daemons.storage.unknown import complement

NOW = 1_795_000_000.0 // 3600 * 3600
ON: dict[str, Any] = {"status": True, "phase": "on"}


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def writer() -> Iterator[HistoryWriter]:
    """Yield the writer of a history of one lamp, which has been on for two hours."""
    made = HistoryWriter()
    made.mark(NOW - 7200)
    made.write([Change("lamp", NOW - 7200, ON, "a"), Sample("lamp", "power_watts", NOW - 7200, 9.0)])
    yield made
    made.close()


def lamp(since: float = NOW - 3600, until: float = NOW) -> dict[str, Any]:
    """Return the history of the lamp."""
    found: dict[str, Any] = read(PATH, ["lamp"], since, until, 100)["devices"]["lamp"]
    return found


def restart(end: float, begin: float, *, closed: bool) -> None:
    """End the recorder, and begin another one."""
    first = HistoryWriter()
    first.mark(end, continues=True, closed=closed)
    first.close()
    second = HistoryWriter()
    second.mark(begin)
    second.mark(NOW)
    second.close()


def test_what_the_recorder_missed_is_not_known(writer: HistoryWriter) -> None:
    """The gap is told, and the power has no value in it."""
    restart(NOW - 3000, NOW - 1000, closed=True)
    found = lamp()
    assert found["unknown"] == [{"from": NOW - 3000, "to": NOW - 1000, "why": "not_recorded"}]
    assert found["measurements"]["power_watts"] == [
        [NOW - 3600, 9.0, 9.0, 9.0],
        [NOW - 3000, None, None, None],
        [NOW - 1000, 9.0, 9.0, 9.0],
    ]
    assert found["energy"][0]["kwh"] == pytest.approx(9.0 * (7200 - 2000) / 3_600_000, abs=1e-4)


@pytest.mark.parametrize(("seconds", "closed"), [(3.0, True), (80.0, False)])
def test_a_restart_of_the_recorder_is_no_gap(writer: HistoryWriter, seconds: float, closed: bool) -> None:
    """A recorder that was killed has noted its time a minute before, and what it missed is repeated to it."""
    restart(NOW - 3000, NOW - 3000 + seconds, closed=closed)
    assert lamp()["unknown"] == []


def test_a_killed_recorder_knew_until_its_last_row(writer: HistoryWriter) -> None:
    """A row tells more exactly than the last note until when the house was recorded."""
    writer.write([Sample("lamp", "power_watts", NOW - 2800, 10.0)])
    restart(NOW - 3000, NOW - 1000, closed=False)
    assert lamp()["unknown"] == [{"from": NOW - 2800, "to": NOW - 1000, "why": "not_recorded"}]


def test_a_recorder_that_is_down_leaves_the_present_unknown(writer: HistoryWriter) -> None:
    """What follows its end is not known."""
    writer.mark(NOW - 600, closed=True)
    assert lamp()["unknown"] == [{"from": NOW - 600, "to": NOW, "why": "not_recorded"}]


def test_an_absent_device_is_not_known(writer: HistoryWriter) -> None:
    """A device that is not heard has no values, until it is heard again."""
    writer.mark(NOW)
    writer.write([Absence("lamp", NOW - 2000, "silent", is_over=False)])
    writer.write([Absence("lamp", NOW - 1990, "silent", is_over=False)])  # a repeated one changes nothing
    assert lamp()["unknown"] == [{"from": NOW - 2000, "to": NOW, "why": "silent"}]
    writer.write([Absence("lamp", NOW - 500, "silent", is_over=True)])
    found = lamp()
    assert found["unknown"] == [{"from": NOW - 2000, "to": NOW - 500, "why": "silent"}]
    assert found["measurements"]["power_watts"][1] == [NOW - 2000, None, None, None]


def test_a_removed_device_is_not_known(writer: HistoryWriter) -> None:
    """A device that is no longer in the configuration is noted as such."""
    writer.mark(NOW)
    writer.remove_absent({"toaster"}, NOW - 900)
    assert lamp()["unknown"] == [{"from": NOW - 900, "to": NOW, "why": "removed"}]


def test_what_lies_before_the_first_state_is_not_known(writer: HistoryWriter) -> None:
    """The recording began after `since`."""
    writer.mark(NOW)
    found = lamp(NOW - 10_000)
    assert found["unknown"][0] == {"from": NOW - 10_000, "to": NOW - 7200, "why": "before"}
    assert found["measurements"]["power_watts"][0][0] == NOW - 7200


def test_the_rest_of_a_range_is_what_no_interval_covers() -> None:
    """Intervals may overlap, and reach beyond the range."""
    assert list(complement([(0, 4), (2, 5), (7, 20)], 1, 10)) == [(5, 7)]
    assert list(complement([], 1, 10)) == [(1, 10)]
    assert list(complement([(3, 4)], 1, 10)) == [(1, 3), (4, 10)]
