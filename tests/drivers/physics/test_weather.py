"""The simulated weather."""

from datetime import UTC, datetime

import pytest

from daemons.drivers.physics.daylight import is_daylight
from daemons.drivers.physics.weather import SETTABLE, Change, changed, simulated_forecast
from daemons.kinds import PLAUSIBLE, Forecast, ForecastStep

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()


def step_at(forecast: Forecast, at: float) -> ForecastStep:
    """Return the step at a moment."""
    return next(step for step in forecast.steps if step.begin <= at < step.end)


def test_the_weather_of_an_hour_is_always_the_same() -> None:
    """Whenever the forecast is made, it says the same of an hour."""
    first, later = simulated_forecast(NOON), simulated_forecast(NOON + 86_400)
    assert set(first.steps) & set(later.steps) == {
        step for step in first.steps if step.begin >= later.steps[0].begin
    }


def test_a_year_has_all_sorts_of_weather() -> None:
    """Rules can be tried with each; all values are plausible."""
    steps = [step for day in range(0, 365, 24) for step in simulated_forecast(NOON + day * 86_400).steps]
    assert {step.weather for step in steps} >= {
        "clear_sky",
        "partly_cloudy",
        "cloudy",
        "fog",
        "rain",
        "snow",
        "sleet",
    }
    for name in ("temperature_celsius", "humidity_percent", "wind_kmh", "gust_kmh", "rain_mm"):
        low, high = PLAUSIBLE[name]
        assert all(low <= getattr(step, name) <= high for step in steps)
    celsius = [step.temperature_celsius or 0.0 for step in steps]
    assert min(celsius) < -3 < 25 < max(celsius)


def test_rain_begins_when_it_is_set_to() -> None:
    """Until then it is dry, and an hour later the usual weather goes on."""
    forecast = simulated_forecast(NOON, {"rain_within_minutes": Change(90.0, NOON)})
    assert not any(step.rain_mm for step in forecast.steps if NOON <= step.begin < NOON + 5400)
    rain = [step for step in forecast.steps if NOON + 5400 <= step.begin < NOON + 9000]
    assert sum(step.rain_mm or 0.0 for step in rain) == pytest.approx(2.0)
    assert {step.weather for step in rain} <= {"rain", "sleet", "snow"}
    usual = {step.begin: step for step in simulated_forecast(NOON).steps}
    assert all(usual[step.begin] == step for step in forecast.steps if step.begin >= NOON + 10_800)


def test_a_night_has_the_lowest_temperature_that_is_set() -> None:
    """No hour of it is colder, nor is one of the day."""
    forecast = simulated_forecast(NOON, {"night_min_celsius": Change(-4.0, NOON)})
    night = [step.temperature_celsius for step in forecast.steps if NOON < step.begin < NOON + 20 * 3600]
    assert min(celsius for celsius in night if celsius is not None) == -4.0


def test_a_value_that_stays_keeps_its_time() -> None:
    """A file that is written again with one more value does not put off the rain."""
    first = changed({}, {"rain_within_minutes": 30}, NOON)
    second = changed(first, {"rain_within_minutes": 30, "gust_kmh": 70}, NOON + 600)
    assert (second["rain_within_minutes"].since, second["gust_kmh"].since) == (NOON, NOON + 600)
    assert set(SETTABLE) >= second.keys()
    assert step_at(simulated_forecast(NOON + 600, second), NOON + 700).gust_kmh == 70


@pytest.mark.parametrize(
    ("moment", "latitude", "longitude", "expected"),
    [
        ("2026-06-21T02:40", 52.5, 13.4, False),  # the sun rises in Berlin at 02:43 UTC
        ("2026-06-21T02:46", 52.5, 13.4, True),
        ("2026-12-21T14:50", 52.5, 13.4, True),  # and sets at 14:54 UTC in winter
        ("2026-12-21T14:58", 52.5, 13.4, False),
        ("2026-12-21T11:00", 69.6, 18.9, False),  # it does not rise in Tromsø
        ("2026-06-21T23:00", 69.6, 18.9, True),
        ("2026-12-21T11:00", -33.9, 18.4, True),
    ],
)
def test_daylight(moment: str, latitude: float, longitude: float, expected: bool) -> None:
    """The sun is up between the times of almanacs, also beyond the polar circle."""
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    assert is_daylight(at, latitude, longitude) is expected
