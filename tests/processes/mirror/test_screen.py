"""How bright a page on a wall is."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from daemons.config.sun import SunCalendar
from daemons.kinds.mirror import Options
from daemons.processes.mirror.screen import screen
from daemons.values import TimeOfDay

BERLIN = SunCalendar(ZoneInfo("Europe/Berlin"), 52.5, 13.4)


def window(start: str, end: str) -> tuple[TimeOfDay, TimeOfDay]:
    """Return a window of times."""
    return TimeOfDay.parse(start), TimeOfDay.parse(end)


def at(clock: str) -> float:
    """Return a time on a winter day in Unix seconds; the sun sets at 15:56 and rises at 07:48."""
    return datetime.fromisoformat(f"2026-11-28T{clock}+01:00").timestamp()


OPTIONS = Options(
    night=window("sunset", "sunrise"), screen_off=window("23:30", "05:30"), screen_needs="family"
)


@pytest.mark.parametrize(
    ("clock", "expected"),
    [("07:30", "night"), ("08:00", "day"), ("15:50", "day"), ("16:10", "night"), ("23:29", "night"),
     ("23:30", "off"), ("00:30", "off"), ("05:29", "off"), ("05:31", "night")],
)  # fmt: skip
def test_the_screen_follows_the_sun_and_the_clock(clock: str, expected: str) -> None:
    """It is dim from sunset to sunrise, and black in the window of `screen_off`, over midnight."""
    assert screen(OPTIONS, BERLIN, True, at(clock)) == expected


@pytest.mark.parametrize(("is_needed", "expected"), [(True, "day"), (False, "off"), (None, "day")])
def test_the_screen_is_black_while_it_is_not_needed(is_needed: bool | None, expected: str) -> None:
    """While presence is not known, it stays on."""
    assert screen(OPTIONS, BERLIN, is_needed, at("12:00")) == expected


def test_without_options_it_is_always_day() -> None:
    """A device that is false changes nothing, if the screen does not need it."""
    assert screen(Options(), SunCalendar(ZoneInfo("UTC")), False, at("02:00")) == "day"
