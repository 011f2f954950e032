"""The answers of Open-Meteo: their units, times and codes, and whatever else may come."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.drivers.forecast_server.values import BadForecast
from daemons.drivers.open_meteo import Options, parse, query, word_of
from daemons.kinds import PLAUSIBLE, Forecast
from daemons.values import convert
from tests.support.weather_services.open_meteo import answer

BEGIN = 1_795_827_600  # 2026-11-28 01:00 UTC


def read(found: dict[str, Any]) -> Forecast:
    """Return the forecast of an answer."""
    return parse(json.dumps(found).encode())


def test_rain_is_that_of_the_hour_after() -> None:
    """Open-Meteo adds up the hour before a time. The temperature is that of the time itself."""
    found = {step.begin: step for step in read(answer(BEGIN)).steps}
    third = found[BEGIN + 3 * 3600]  # a quarter: the hours that come next have four each
    assert (third.seconds, third.rain_mm, third.weather) == (900.0, 0.5, "rain")
    past = found[BEGIN - 2 * 3600]
    assert (past.seconds, past.temperature_celsius, past.rain_mm) == (3600.0, 1.7, 0.0)
    assert (past.humidity_percent, past.wind_kmh) == (94.0, 20.2)
    assert past.gust_kmh == 38.7  # that of the next time, because it is the strongest of the hour before
    assert past.daylight is False


def test_rain_begins_in_its_quarter() -> None:
    """The quarters have a rain of their own, also if the hour has another one."""
    wet = [step.begin for step in read(answer(BEGIN)).steps if step.rain_mm]
    assert wet[0] == BEGIN + 9 * 900


def test_hours_without_quarters_count_as_a_whole() -> None:
    """A server of your own may have no quarters."""
    found = answer(BEGIN)
    del found["minutely_15"]
    steps = read(found).steps
    assert {step.seconds for step in steps} == {3600.0}
    assert [step.begin for step in steps if step.rain_mm] == [BEGIN + 2 * 3600, BEGIN + 3 * 3600]


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (0, "clear_sky"),
        (1, "clear_sky"),
        (2, "partly_cloudy"),
        (3, "cloudy"),
        (48, "fog"),
        (55, "rain"),
        (57, "sleet"),
        (67, "sleet"),
        (77, "snow"),
        (82, "rain"),
        (86, "snow"),
        (95, "thunder"),
        (99, "thunder"),
        (4, None),
        (-1, None),
        (61.5, None),
        (None, None),
        ("61", None),
        (True, None),
    ],
)
def test_codes_of_the_weather(code: object, word: str | None) -> None:
    """A code that is not in the table is unknown, and no weather is invented."""
    assert word_of(code) == word


def test_missing_lists_and_null_are_unknown() -> None:
    """A variable that the model of a region does not have is null, or is missing."""
    found = answer(BEGIN)
    del found["hourly"]["wind_gusts_10m"], found["minutely_15"]
    found["hourly"]["precipitation_probability"] = [None] * 216
    found["hourly"]["temperature_2m"] = found["hourly"]["temperature_2m"][:30]
    found["hourly"]["relative_humidity_2m"][25] = 300
    steps = read(found).steps
    assert {step.gust_kmh for step in steps} == {None}
    assert {step.rain_probability_percent for step in steps} == {None}
    assert steps[25].humidity_percent is None
    assert steps[29].temperature_celsius is not None
    assert steps[30].temperature_celsius is None


def test_the_request_asks_for_the_times_of_utc() -> None:
    """Local times would be ambiguous in the hour of a clock change."""
    text = query(convert({"latitude": -33.9, "longitude": 18.4234567}, Options))
    assert "latitude=-33.9000&longitude=18.4235&" in text
    assert "timeformat=unixtime" in text


@pytest.mark.parametrize(
    "table",
    [
        {"latitude": 1.0},
        {"latitude": 91.0, "longitude": 0.0},
        {"every": "1m"},
        {"every": "3h", "url": "http://127.0.0.1:1"},
        {"url": "ftp://example.org"},
        {"timeout": "2m"},
    ],
)
def test_options_that_cannot_be_used_are_refused(table: dict[str, Any]) -> None:
    """A public server is asked at most each ten minutes."""
    with pytest.raises(msgspec.ValidationError):
        convert(table, Options)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("time", "temperature_2m", "precipitation", "weather_code", "is_day", "wind_gusts_10m")
times = st.integers(BEGIN - 90_000, BEGIN + 900_000) | junk


@settings(max_examples=10)
@given(st.dictionaries(st.sampled_from(NAMES), st.lists(times, max_size=8) | junk, max_size=6), junk)
def test_any_answer_is_a_forecast_or_a_fault(hourly: dict[str, Any], quarters: Any) -> None:
    """No answer makes the driver fail; each value of a forecast is plausible."""
    body = json.dumps({"hourly": hourly, "minutely_15": quarters}).encode()
    try:
        forecast = parse(body)
    except (BadForecast, msgspec.MsgspecError):
        return
    for step in forecast.steps:
        for name, (low, high) in PLAUSIBLE.items():
            value = getattr(step, name, None)
            assert value is None or low <= value <= high
