"""What a person meant by a value: the value as the configuration writes it, or None."""

from collections.abc import Callable
from datetime import date, time

import pytest

from daemons.config import meant


@pytest.mark.parametrize(
    ("guess", "raw", "right"),
    [
        (meant.meant_time, "6:00", "06:00"),
        (meant.meant_time, "06.00", "06:00"),
        (meant.meant_time, "6 Uhr", "06:00"),
        (meant.meant_time, "7.30 Uhr", "07:30"),
        (meant.meant_time, "6am", "06:00"),
        (meant.meant_time, "12 am", "00:00"),
        (meant.meant_time, "6:30 PM", "18:30"),
        (meant.meant_time, "0630", "06:30"),
        (meant.meant_time, "24:00", "00:00"),
        (meant.meant_time, "06:00:00", "06:00"),
        (meant.meant_time, time(6, 30), "06:30"),
        (meant.meant_time, 6, "06:00"),
        (meant.meant_time, "midnight", "00:00"),
        (meant.meant_time, "Sonnenuntergang", "sunset"),
        (meant.meant_time, "sunset - 30 min", "sunset-30m"),
        (meant.meant_time, "25:00", None),
        (meant.meant_time, "13pm", None),
        (meant.meant_time, "soon", None),
        (meant.meant_time, True, None),
        (meant.meant_duration, "10 min", "10m"),
        (meant.meant_duration, "1 hour", "1h"),
        (meant.meant_duration, "1h 30min", "1h30m"),
        (meant.meant_duration, "1 hour and 5 minutes", "1h5m"),
        (meant.meant_duration, "1,5h", "1.5h"),
        (meant.meant_duration, "10 Sekunden", "10s"),
        (meant.meant_duration, "2 weeks", "14d"),
        (meant.meant_duration, 90, "90s"),
        (meant.meant_duration, "90", "90s"),
        (meant.meant_duration, "-5s", None),
        (meant.meant_duration, "10 parsecs", None),
        (meant.meant_duration, True, None),
        (meant.meant_days, "monday", ["mon"]),
        (meant.meant_days, ["Montag", "DI."], ["mon", "tue"]),
        (meant.meant_days, ["mon-fri"], ["mon", "tue", "wed", "thu", "fri"]),
        (meant.meant_days, "sat to mon", None),
        (meant.meant_days, ["sat to mon"], ["sat", "sun", "mon"]),
        (meant.meant_days, "weekend", ["sat", "sun"]),
        (meant.meant_days, "mon, tue", ["mon", "tue"]),
        (meant.meant_days, ["someday"], None),
        (meant.meant_months, ["January", "März"], ["jan", "mar"]),
        (meant.meant_date, "24.12.", "12-24"),
        (meant.meant_date, "1.5.2026", "2026-05-01"),
        (meant.meant_date, date(2026, 12, 24), "2026-12-24"),
        (meant.meant_date, "31.2.", None),
        (meant.meant_bool, "Yes", True),
        (meant.meant_bool, "aus", False),
        (meant.meant_bool, "maybe", None),
        (meant.meant_number, "52,5", 52.5),
        (meant.meant_number, "1.500,5", 1500.5),
        (meant.meant_number, "1,500.5", 1500.5),
        (meant.meant_number, "-03", -3),
        (meant.meant_number, "21 °C", 21),
        (meant.meant_number, "warm", None),
        (meant.meant_locale, "de_DE", "de-DE"),
        (meant.meant_locale, "de_DE.UTF-8", "de-DE"),
        (meant.meant_locale, "Deutsch", "de-DE"),
        (meant.meant_locale, "DE", "de"),
        (meant.meant_timezone, "Berlin", "Europe/Berlin"),
        (meant.meant_timezone, "europe/berlin", "Europe/Berlin"),
        (meant.meant_timezone, "new york", "America/New_York"),
        (meant.meant_timezone, "the moon", None),
        (meant.meant_name, "Hall lamp", "hall_lamp"),
        (meant.meant_name, "Küche", "kueche"),
        (meant.meant_name, "7", None),
    ],
)
def test_a_value_is_understood_or_left_alone(
    guess: Callable[[object], object], raw: object, right: object
) -> None:
    """A value that has no clear meaning brings no proposal."""
    assert guess(raw) == right
