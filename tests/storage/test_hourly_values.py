"""The hourly values in the history: they are kept for years, and an old history gets them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from daemons.storage.history import PATH, read
from daemons.storage.history_row import Change, Sample
from daemons.storage.history_writer import HistoryWriter
from daemons.storage.recorded_range import open_range

HOUR, DAY = 3600, 86400
NOW = 1_795_000_000.0 // DAY * DAY
KEEP = 2.0 * DAY


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def writer() -> Iterator[HistoryWriter]:
    """Yield the writer of a history with five days: each hour 1,000 W for its first half."""
    made = HistoryWriter()
    made.write(
        [
            Sample("plug", "power_watts", at + second, watts)
            for at in range(int(NOW - 5 * DAY), int(NOW), HOUR)
            for second, watts in ((0, 1000.0), (1800, 0.0))
        ]
    )
    made.write([Change("plug", NOW - 5 * DAY, {"status": True}, None)])
    yield made
    made.close()


def tidy(writer: HistoryWriter, keep_hours: float = 100.0 * DAY) -> None:
    """Do all small steps."""
    for _ in range(1000):
        if not writer.tidy(NOW, KEEP, keep_hours):
            return
    raise AssertionError("it never ends")


def plug(since: float, until: float = NOW, most: int = 300, zone: str = "UTC") -> dict[str, Any]:
    """Return the history of the plug."""
    found: dict[str, Any] = read(PATH, ["plug"], since, until, most, zone=ZoneInfo(zone))["devices"]["plug"]
    return found


def count(table: str) -> int:
    """Return the number of rows of a table."""
    with closing(sqlite3.connect(PATH)) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


def test_the_hourly_values_outlive_the_samples(writer: HistoryWriter) -> None:
    """After the samples were deleted, an old day still has its lowest, mean and highest values."""
    tidy(writer)
    with open_range(PATH) as recorded:
        assert next(iter(recorded.steps("plug", "power_watts", 0, NOW)))[0] > NOW - 3 * DAY
    assert count("hour") == 5 * 24
    points = plug(NOW - 5 * DAY, NOW - 4 * DAY, most=24)["measurements"]["power_watts"]
    assert points[0] == [NOW - 5 * DAY, 0.0, 500.0, 1000.0]
    assert plug(NOW - 5 * DAY, NOW, most=2)["measurements"]["power_watts"][0][1:] == [0.0, 500.0, 1000.0]


def test_too_old_hourly_values_are_deleted(writer: HistoryWriter) -> None:
    """They are kept for a time of their own."""
    tidy(writer, 3.0 * DAY)
    assert count("hour") == 3 * 24
    assert count("day") == 3


def test_the_energy_of_each_day_is_that_of_the_house_s_timezone(writer: HistoryWriter) -> None:
    """Each whole day has 12 kWh, also from hours that are not summed up. A day begins at local midnight."""
    unsummed = plug(NOW - DAY, NOW)["energy"]
    tidy(writer)
    assert plug(NOW - DAY, NOW)["energy"][0] == pytest.approx(unsummed[0])
    days = plug(NOW - 3 * DAY, NOW, zone="Asia/Tokyo")["energy"]
    assert [day["kwh"] for day in days] == [12.0, 12.0, 12.0, 4.5]
    assert days[0]["from"] == NOW - 3 * DAY - 9 * HOUR
    assert days[-1]["known_seconds"] == 9 * HOUR


@pytest.mark.parametrize(("counts_since", "expected"), [(10 * HOUR + 30, 12.0), (30, 24.0)])
def test_a_counter_that_begins_within_a_day_does_not_hide_the_power_before(
    writer: HistoryWriter, counts_since: int, expected: float
) -> None:
    """A plug that counts since the evening has used less by its counter. That of a whole day counts."""
    begin = NOW - DAY
    writer.write(
        Sample("plug", "energy_watt_hours", begin + at, float(at - counts_since) / HOUR * 1000)
        for at in range(counts_since, DAY, 60)
    )
    tidy(writer)
    (day, *_) = plug(begin, NOW)["energy"]
    assert day["kwh"] == pytest.approx(expected, abs=0.1)
    assert day["known_seconds"] == pytest.approx(DAY, abs=60)


@pytest.mark.parametrize("every", [60, HOUR])
def test_a_counter_counts_over_the_begin_of_each_hour(writer: HistoryWriter, every: int) -> None:
    """A kilowatt-hour an hour is 24 a day, also if its new value comes with the begin of the hour."""
    begin = NOW - DAY
    writer.write(
        Sample("plug", "energy_watt_hours", NOW - 4 * DAY + at, float(at) / HOUR * 1000)
        for at in range(0, 4 * DAY, every)
    )
    assert plug(begin, NOW)["energy"][0]["kwh"] == pytest.approx(24.0, abs=0.001)
    tidy(writer)
    kwh = [day["kwh"] for day in plug(NOW - 3 * DAY, NOW)["energy"]]
    assert kwh[:3] == pytest.approx([24.0, 24.0, 24.0], abs=0.001)


def test_a_day_with_a_change_of_the_clocks_has_23_hours() -> None:
    """Daylight saving began in Berlin on 29 March 2026."""
    begin = 1_774_738_800.0  # 29 March 2026, 00:00 in Berlin
    writer = HistoryWriter()
    writer.write([Sample("plug", "power_watts", begin - HOUR, 1000.0)])
    while writer.tidy(begin + 2 * DAY, KEEP):
        pass
    writer.close()
    days = plug(begin, begin + DAY, zone="Europe/Berlin")["energy"]
    assert [(day["kwh"], day["to"] - day["from"]) for day in days] == [(23.0, 23 * HOUR), (24.0, 24 * HOUR)]


def test_a_history_of_version_3_gets_hourly_values(writer: HistoryWriter) -> None:
    """Readers read it as it is; the next writer makes the tables, and its small steps fill them."""
    writer.close()
    with closing(sqlite3.connect(PATH)) as db, db:
        for table in ("hour", "day", "recording", "absence"):
            db.execute(f"DROP TABLE {table}")
        db.execute("PRAGMA user_version = 3")
    before = plug(NOW - 5 * DAY, NOW, most=120)["measurements"]
    upgraded = HistoryWriter()
    tidy(upgraded)
    upgraded.close()
    assert count("hour") == 5 * 24
    found = plug(NOW - 4 * DAY, NOW - 4 * DAY + HOUR, most=1)["measurements"]["power_watts"]
    assert found == [[NOW - 4 * DAY, 0.0, 500.0, 1000.0]]
    assert before["power_watts"][0][0] == NOW - 5 * DAY
    assert plug(NOW - 5 * DAY, NOW - 1800)["unknown"] == []
