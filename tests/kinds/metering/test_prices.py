"""Prices by time of day, and local days."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from daemons.kinds.metering.prices import Prices, Tariff, time_without_price
from daemons.values import convert

BERLIN = ZoneInfo("Europe/Berlin")
DAY = convert({"between": ["06:00", "22:00"], "price_per_kwh": 0.34}, Tariff)
NIGHT = convert({"between": ["22:00", "06:00"], "price_per_kwh": 0.20}, Tariff)
WEEKEND = convert({"between": ["00:00", "00:01"], "price_per_kwh": 0.1, "days": ["sat", "sun"]}, Tariff)


def unix(text: str, fold: int = 0) -> float:
    """Return a local time in Unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp()


@pytest.mark.parametrize(
    ("at", "price"),
    [
        ("2026-11-27 05:59:59", 0.20),
        ("2026-11-27 06:00", 0.34),
        ("2026-11-27 21:59:59", 0.34),
        ("2026-11-27 22:00", 0.20),
        ("2026-11-28 00:00", 0.20),
    ],
)
def test_a_price_begins_with_its_first_minute(at: str, price: float) -> None:
    """The last minute belongs to the next price."""
    assert Prices(BERLIN, (DAY, NIGHT), None).price(unix(at)) == price


def test_the_first_entry_that_counts_is_used() -> None:
    """Without an entry the usual price counts."""
    night = convert({"between": ["22:00", "06:00"], "price_per_kwh": 0.1, "days": ["fri"]}, Tariff)
    prices = Prices(BERLIN, (night, DAY), 0.3)
    assert prices.price(unix("2026-11-27 23:00")) == 0.1  # a Friday
    assert prices.price(unix("2026-11-28 05:00")) == 0.1  # the night of Friday
    assert prices.price(unix("2026-11-28 12:00")) == 0.34
    assert prices.price(unix("2026-11-28 23:00")) == 0.3


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", [6, 15, 2]), ("2026-10-25", [6 + 1, 16, 2]), ("2026-11-27", [6, 16, 2])]
)
def test_a_day_with_23_or_25_hours_is_cut_at_its_local_times(day: str, hours: list[float]) -> None:
    """In spring the night is shorter, in autumn it is longer."""
    if day == "2026-03-29":
        hours = [5, 16, 2]
    prices = Prices(BERLIN, (DAY, NIGHT), None)
    start = unix(f"{day} 00:00")
    end = start + sum(hours) * 3600
    assert [(piece.end - piece.start) / 3600 for piece in prices.pieces(start, end)] == hours
    assert f"{prices.day(end - 1)}" == day
    assert f"{prices.day(end)}" != day


def test_a_price_that_changes_in_the_hour_that_comes_twice_changes_twice() -> None:
    """At half past two the day price begins, and half an hour later it is two again."""
    tariff = (convert({"between": ["02:30", "04:00"], "price_per_kwh": 1}, Tariff),)
    prices = Prices(BERLIN, tariff, 2.0)
    pieces = [*prices.pieces(unix("2026-10-25 02:00"), unix("2026-10-25 04:00"))]
    minutes = [((piece.end - piece.start) / 60, prices.price(piece.start)) for piece in pieces]
    merged: list[list[float]] = []
    for length, price in minutes:
        assert price is not None
        if merged and merged[-1][1] == price:
            merged[-1][0] += length
        else:
            merged.append([length, price])
    assert sum(length for length, _ in merged) == 180
    assert merged[0] == [30, 2]


def test_a_time_without_a_price_is_found() -> None:
    """Each weekday and each time needs a price."""
    assert time_without_price((DAY, NIGHT)) is None
    assert time_without_price((DAY,)) == "mon 00:00"
    some = convert({"between": ["22:00", "06:00"], "price_per_kwh": 1, "days": ["mon", "tue"]}, Tariff)
    assert time_without_price((DAY, some)) == "mon 00:00"
