"""An answer of Open-Meteo (open-meteo.com/en/docs) to the request of the driver.

An autumn night in Berlin: it is cloudy, and rain begins in the second quarter of the third hour.
"""

from typing import Any

HOUR, QUARTER = 3600, 900
TEMPERATURES = (3.4, 3.1, 2.9, 2.6, 2.2, 1.9, 1.7, 1.8)
CODES = (3, 3, 3, 61, 61, 3, 2, 0)


def answer(begin: int, hours: int = 192, past: int = 24) -> dict[str, Any]:
    """Return the answer for `begin`, a full hour: with past hours, and quarters for the next six hours."""
    times = [begin + HOUR * number for number in range(-past, hours)]
    turn = [number % len(TEMPERATURES) for number in range(-past, hours)]
    # Rain, gusts and probabilities are those of the hour before their time.
    rain = [{3: 0.9, 4: 1.4}.get(number, 0.0) for number in range(-past, hours)]
    return {
        "latitude": 52.52,
        "longitude": 13.42,
        "generationtime_ms": 0.2,
        "utc_offset_seconds": 0,
        "timezone": "GMT",
        "timezone_abbreviation": "GMT",
        "elevation": 38.0,
        "hourly_units": {
            "time": "unixtime",
            "temperature_2m": "°C",
            "precipitation": "mm",
            "wind_speed_10m": "km/h",
        },
        "hourly": {
            "time": times,
            "temperature_2m": [TEMPERATURES[index] for index in turn],
            "apparent_temperature": [round(TEMPERATURES[index] - 3.3, 1) for index in turn],
            "relative_humidity_2m": [88 + index for index in turn],
            "wind_speed_10m": [14.2 + index for index in turn],
            "wind_gusts_10m": [31.7 + index for index in turn],
            "precipitation": rain,
            "precipitation_probability": [95 if millimetres else 8 for millimetres in rain],
            "weather_code": [CODES[index] for index in turn],
            "is_day": [int(8 <= (time // HOUR) % 24 < 16) for time in times],
        },
        "minutely_15": {
            "time": [begin + QUARTER * number for number in range(24)],
            "precipitation": [{10: 0.3, 11: 0.3, 12: 0.3, 13: 0.5}.get(number, 0.0) for number in range(24)],
            "weather_code": [61 if 9 <= number <= 12 else 3 for number in range(24)],
        },
    }


ERROR = {"error": True, "reason": "Latitude must be in range of -90 to 90°. Given: 300.0."}
TOO_MANY = {"error": True, "reason": "Minutely API request limit exceeded. Please try again in one minute."}
