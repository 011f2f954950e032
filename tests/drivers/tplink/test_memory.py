"""The energy of a plug that reports this month's energy only, and the kind `meter` that counts it."""

from pathlib import Path

import pytest

from daemons.drivers.tplink.memory import Count, MemoryFile, count_on
from daemons.errors import StorageError
from daemons.kinds import Reading, meter


@pytest.mark.parametrize(
    ("month", "watt_hours", "total"),
    [
        ("2026-11", 430, 1000),
        ("2026-11", 431, 1001),
        ("2026-12", 0, 1000),
        ("2026-12", 7, 1007),
        ("2026-12", 440, 1010),  # an unread month may have begun at zero: never count energy twice
        ("2026-11", 400, 1000),  # the plug has lost a part of its count
        ("", 431, 1001),
    ],
)
def test_the_count_goes_on_and_never_back(month: str, watt_hours: float, total: float) -> None:
    """A lower value in a new month is all new. In the same month, nothing was used."""
    count = count_on(Count("2026-11", 430, 1000), month, watt_hours)
    assert (count.month, count.month_watt_hours, count.total_watt_hours) == (month, watt_hours, total)


def test_a_clock_that_is_wrong_for_a_while_adds_nothing() -> None:
    """After a power cut, a plug may report the month of its birth until it has the time again."""
    count = Count("2026-11", 430, 1000)
    for month, watt_hours in (("2000-01", 0), ("2026-11", 430), ("2026-11", 433)):
        count = count_on(count, month, watt_hours)
    assert count.total_watt_hours == 1003


def test_a_restart_loses_nothing_that_was_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is written once a minute. A new process gets to the same count from the older one."""
    monkeypatch.chdir(tmp_path)
    first = MemoryFile("kettle")
    for second in range(50):
        assert first.count_energy("2026-11", 430 + second, 10_000.0 + second) == 430 + second
    assert b'"total_watt_hours":430' in Path("hardware/kettle/plug.json").read_bytes()
    assert MemoryFile("kettle").count_energy("2026-11", 490, 20_000.0) == 490
    assert MemoryFile("kettle").count_energy("2026-12", 3, 30_000.0) == 493


def test_a_damaged_file_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count then begins with the energy of this month. A file that cannot be written is an error."""
    monkeypatch.chdir(tmp_path)
    path = Path("hardware/kettle/plug.json")
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"count": {"month"')
    assert MemoryFile("kettle").count_energy("2026-11", 12, 10_000.0) == 12
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("no folder")
    with pytest.raises(StorageError):
        MemoryFile("kettle").count_energy("2026-11", 12, 10_000.0)


def test_a_meter_counts_each_watt_hour_once_over_a_midnight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two days of 15 Wh each, over the end of a month and a restart of the driver: no energy is lost.

    The plug shows whole watt-hours, so the last one of each day is not complete when it is read.
    """
    monkeypatch.chdir(tmp_path)
    file, machine = MemoryFile("kettle"), meter.Meter(meter.Options(source="kettle"))
    midnight = 1_796_083_200.0  # 1 December 2026 in UTC
    memory = machine.update_clock(meter.MeterMemory(), midnight, 0.0)
    for seconds in range(-86_400, 86_400, 600):
        wall = midnight + seconds
        month, used = ("2026-11", 415 + 15 * (seconds + 86_400) // 86_400) if seconds < 0 else (
            "2026-12", 15 * seconds // 86_400)  # fmt: skip
        if seconds == 3_600:
            file = MemoryFile("kettle")
        energy = file.count_energy(month, used, wall)
        memory = machine.update_sources(
            memory, {"kettle": {"energy_watt_hours": energy, "reachable": True}}, float(seconds)
        )
        memory = machine.advance(memory, float(seconds))
    assert (memory.watt_hours, memory.jumps) == (28, 0)
    state = machine.state(memory, Reading(), 86_000.0)
    assert (state.yesterday_kwh, state.today_kwh) == (0.014, 0.014)
    assert state.today_unmeasured_seconds == 0
