"""An answer of MET Norway (api.met.no, Locationforecast 2.0, complete) to the request of the driver.

An autumn night in Oslo: it is fair, and sleet begins in the fourth hour. From the third day on, the entries
are six hours apart.
"""

from datetime import UTC, datetime
from typing import Any

HOUR = 3600
SYMBOLS = ("fair_night", "partlycloudy_night", "cloudy", "lightsleetshowers_night", "sleet", "fog")
TEMPERATURES = (1.4, 0.9, 0.3, 0.1, -0.6, -1.2)


def text(at: int) -> str:
    """Return a time as the service writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def answer(begin: int, hours: int = 60, long_steps: int = 20) -> dict[str, Any]:
    """Return the answer for `begin`, a full hour."""
    series = [entry(begin + HOUR * number, number, is_hourly=True) for number in range(hours)]
    first = begin + HOUR * hours
    series += [entry(first + 6 * HOUR * number, number, is_hourly=False) for number in range(long_steps)]
    series.append({"time": text(first + 6 * HOUR * long_steps), "data": {"instant": {"details": instant(0)}}})
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [10.75, 59.91, 14]},
        "properties": {
            "meta": {
                "updated_at": text(begin - 1200),
                "units": {
                    "air_temperature": "celsius",
                    "precipitation_amount": "mm",
                    "probability_of_precipitation": "%",
                    "wind_speed": "m/s",
                },
            },
            "timeseries": series,
        },
    }


def instant(number: int) -> dict[str, float]:
    """Return the details of a moment."""
    index = number % len(TEMPERATURES)
    return {
        "air_pressure_at_sea_level": 1009.3,
        "air_temperature": TEMPERATURES[index],
        "cloud_area_fraction": 78.1,
        "dew_point_temperature": -1.0,
        "fog_area_fraction": 0.0,
        "relative_humidity": 84.2 + index,
        "wind_from_direction": 228.2,
        "wind_speed": 4.1,
        "wind_speed_of_gust": 9.5,
    }


def entry(at: int, number: int, *, is_hourly: bool) -> dict[str, Any]:
    """Return one entry of the time series; the later ones have no part for one hour."""
    symbol = SYMBOLS[number % len(SYMBOLS)]
    rain = 0.8 if "sleet" in symbol else 0.0
    chance = 71.4 if rain else 3.2
    data: dict[str, Any] = {
        "instant": {"details": instant(number)},
        "next_12_hours": {
            "summary": {"symbol_code": symbol, "symbol_confidence": "certain"},
            "details": {"probability_of_precipitation": chance},
        },
        "next_6_hours": {
            "summary": {"symbol_code": symbol},
            "details": {
                "air_temperature_max": 2.2,
                "air_temperature_min": -3.4,
                "precipitation_amount": rain * 6,
                "probability_of_precipitation": chance,
            },
        },
    }
    if is_hourly:
        data["next_1_hours"] = {
            "summary": {"symbol_code": symbol},
            "details": {
                "precipitation_amount": rain,
                "probability_of_precipitation": chance,
                "probability_of_thunder": 0.2,
            },
        }
    return {"time": text(at), "data": data}
