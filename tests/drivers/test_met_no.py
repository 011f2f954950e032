"""The answers of MET Norway: their units, times and symbols, and whatever else may come."""

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.drivers.forecast_server.values import BadForecast
from daemons.drivers.met_no import Options, parse, utc_moment, word_of
from daemons.kinds import PLAUSIBLE, Forecast
from daemons.values import convert
from tests.support.weather_services.met_no import answer, text

BEGIN = 1_795_827_600  # 2026-11-28 01:00 UTC
OSLO = (59.91, 10.75)


def read(found: dict[str, Any]) -> Forecast:
    """Return the forecast of an answer."""
    return parse(json.dumps(found).encode(), *OSLO)


def test_an_hour_is_read_with_its_units() -> None:
    """Speeds are metres per second there, and kilometres per hour here."""
    steps = read(answer(BEGIN)).steps
    first, fourth = steps[0], steps[3]
    assert (first.begin, first.seconds, first.weather) == (BEGIN, 3600.0, "clear_sky")
    assert (first.temperature_celsius, first.humidity_percent) == (1.4, 84.2)
    assert (first.wind_kmh, first.gust_kmh) == (14.8, 34.2)
    assert (fourth.weather, fourth.rain_mm, fourth.rain_probability_percent) == ("sleet", 0.8, 71.4)
    assert [step.daylight for step in steps[:9]] == [False] * 7 + [True] * 2  # the sun rises at 08:46 in Oslo


def test_later_entries_are_six_hours_long() -> None:
    """They have a lowest and a highest temperature. The last entry says nothing of the time after it."""
    steps = read(answer(BEGIN)).steps
    assert len(steps) == 80
    assert (steps[60].seconds, steps[60].min_celsius, steps[60].max_celsius) == (21_600.0, -3.4, 2.2)
    assert all(step.end == following.begin for step, following in pairwise(steps))


@pytest.mark.parametrize(
    ("symbol", "word"),
    [
        ("clearsky_day", "clear_sky"),
        ("fair_polartwilight", "clear_sky"),
        ("partlycloudy_night", "partly_cloudy"),
        ("cloudy", "cloudy"),
        ("fog", "fog"),
        ("heavyrainshowers_day", "rain"),
        ("lightsleet", "sleet"),
        ("lightssnowshowersandthunder_day", "thunder"),
        ("heavysnow", "snow"),
        ("a_new_symbol", None),
        (None, None),
        (7, None),
    ],
)
def test_symbols_of_the_weather(symbol: object, word: str | None) -> None:
    """A symbol that the legend does not have is unknown."""
    assert word_of(symbol) == word


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-28T01:00:00Z", BEGIN),
        ("2026-11-28T01:00:00", None),
        ("2026-13-28T01:00:00Z", None),
        ("0001-01-01T00:00:00Z", None),
        (BEGIN, None),
        (None, None),
    ],
)
def test_times_are_those_of_utc(value: object, at: float | None) -> None:
    """A time without its zone could be any hour."""
    assert utc_moment(value) == at


def test_an_hour_without_details_keeps_its_others() -> None:
    """What is missing or of a wrong type is unknown."""
    found = answer(BEGIN)
    series = found["properties"]["timeseries"]
    series[0]["data"]["instant"]["details"] = {"air_temperature": "cold", "wind_speed": -4}
    series[1]["data"]["next_1_hours"] = {"summary": {"symbol_code": "rain"}}
    series[2]["data"] = None
    steps = read(found).steps
    assert (steps[0].temperature_celsius, steps[0].wind_kmh, steps[0].weather) == (None, None, "clear_sky")
    assert (steps[1].weather, steps[1].rain_mm, steps[1].temperature_celsius) == ("rain", None, 0.9)
    assert steps[2].begin == BEGIN + 3 * 3600


def test_a_contact_is_needed() -> None:
    """The terms of the service refuse a client that does not say who uses it."""
    for table in ({}, {"contact": "me"}, {"contact": "a@b\r\nX: y"}, {"contact": "http://"}):
        with pytest.raises(msgspec.ValidationError):
            convert(table, Options)
    assert convert({"contact": "https://example.org/house"}, Options).contact


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
details = st.fixed_dictionaries(
    {}, optional={"air_temperature": junk, "wind_speed": junk, "precipitation_amount": junk}
)
part = junk | st.fixed_dictionaries(
    {}, optional={"details": junk | details, "summary": junk | st.just({"symbol_code": "rain"})}
)
data = junk | st.fixed_dictionaries(
    {}, optional={"instant": part, "next_1_hours": part, "next_6_hours": part}
)
time = junk | st.integers(BEGIN, BEGIN + 90_000).map(text)


@settings(max_examples=10)
@given(st.lists(junk | st.fixed_dictionaries({"time": time, "data": data}), max_size=6))
def test_any_answer_is_a_forecast_or_a_fault(series: list[Any]) -> None:
    """No answer makes the driver fail; each value of a forecast is plausible."""
    try:
        forecast = read({"properties": {"timeseries": series}})
    except (BadForecast, msgspec.MsgspecError):
        return
    for step in forecast.steps:
        assert step.seconds > 0
        for name, (low, high) in PLAUSIBLE.items():
            value = getattr(step, name, None)
            assert value is None or low <= value <= high
