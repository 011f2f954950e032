"""Whether the wall clock counts as right: by its synchronisation, by a battery clock, or after a while."""

import time
from pathlib import Path

import pytest

from daemons.runtime import clock_trust

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("uptime_seconds", "is_synchronised", "rtc", "expected"),
    [
        (30.0, False, None, False),
        (30.0, True, None, True),
        (599.0, False, None, False),
        (600.0, False, None, True),
        (30.0, False, NOW - 59, True),
        (30.0, False, NOW + 61, False),
    ],
)
def test_a_clock_is_right_when_something_confirms_it(
    uptime_seconds: float,
    is_synchronised: bool,
    rtc: float | None,
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ten minutes after the start of the machine, it counts as right without any confirmation."""
    monkeypatch.setattr(clock_trust, "uptime", lambda: uptime_seconds)
    monkeypatch.setattr(clock_trust, "is_synchronised", lambda: is_synchronised)
    monkeypatch.setattr(clock_trust, "read_rtc", lambda _: rtc)
    monkeypatch.setattr(time, "time", lambda: NOW)
    assert clock_trust.is_clock_right() is expected


@pytest.mark.parametrize("rtc", [0.0, 946_684_800.0, 1_735_689_599.0])
def test_a_battery_clock_that_lost_its_time_confirms_nothing(rtc: float) -> None:
    """It begins in 1970 or in 2000, and the machine may have taken that time from it."""
    assert not clock_trust.is_confirmed_by_rtc(rtc, rtc)


def test_the_first_battery_clock_that_can_be_read_counts(tmp_path: Path) -> None:
    """A machine may have none, or several, of which one has no time."""
    assert clock_trust.read_rtc(tmp_path) is None
    for name, text in (("rtc0", "none\n"), ("rtc1", "1800000000\n"), ("rtc2", "5\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "since_epoch").write_text(text)
    assert clock_trust.read_rtc(tmp_path) == NOW


def test_the_kernel_can_be_asked() -> None:
    """The answer depends on the machine, and asking never fails."""
    assert clock_trust.is_synchronised() in (True, False)
