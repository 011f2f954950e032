"""The file that changes a simulated weather."""

import os
from pathlib import Path

import pytest

from daemons.drivers.simulated import Options, Simulated
from daemons.kinds import Ability, Reading

NOW = 1000.0


def read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, written: str | None = None, **options: object
) -> Reading:
    """Return the reading of a simulated weather in a folder, after its file was written."""
    monkeypatch.chdir(folder)
    driver = Simulated("sky", Options(**options))  # type: ignore[arg-type]
    driver.wanted = frozenset[Ability]({"forecast"})
    driver.open(((1.0, 0.0),), NOW)
    if written is not None:
        Path("hardware/sky/measured.json").write_text(written)
    reading = driver.read(NOW)
    assert driver.read(NOW).forecast is reading.forecast, "the same hour is made anew"
    driver.close()
    return reading


def test_rain_begins_after_the_time_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a process that starts later knows when."""
    read(tmp_path, monkeypatch, '{"rain_within_minutes": 120}')
    file = tmp_path / "hardware" / "sky" / "measured.json"
    an_hour_ago = file.stat().st_mtime - 3600
    os.utime(file, (an_hour_ago, an_hour_ago))
    reading = read(tmp_path, monkeypatch)
    assert reading.forecast is not None
    began = next(step.begin for step in reading.forecast.steps if step.begin > an_hour_ago and step.rain_mm)
    assert abs(began - an_hour_ago - 7200) < 61


@pytest.mark.parametrize("written", ['{"rain": 1}', '{"wind_kmh": "much"}', "not JSON", '{"gust_kmh": 5000}'])
def test_a_wrong_file_is_a_fault(written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault names the file, and the weather goes on."""
    reading = read(tmp_path, monkeypatch, written)
    assert "hardware/sky/measured.json cannot be read" in str(reading.fault)
    assert reading.forecast is not None


def test_a_service_that_fails_has_no_forecast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it can be tried how a weather becomes stale."""
    reading = read(tmp_path, monkeypatch, fault="fail")
    assert (reading.reachable, reading.forecast) == (False, None)


def test_no_other_device_has_a_weather(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lamp computes no forecast."""
    monkeypatch.chdir(tmp_path)
    driver = Simulated("lamp", Options())
    driver.open(((1.0, 0.0),), NOW)
    assert driver.read(NOW).forecast is None
    driver.close()
