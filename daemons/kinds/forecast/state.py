"""The published state of the weather."""

from typing import Literal

from msgspec import Struct

from daemons.kinds import WeatherWord
from daemons.kinds.forecast.columns import DAILY, HOURLY

Phase = Literal[
    "unknown", "stale", "clear_sky", "partly_cloudy", "cloudy", "fog", "rain", "sleet", "snow", "thunder"
]
PAGE_FIELDS = frozenset({"forecast_at", "hourly_begin", *HOURLY, "daily_date", *DAILY})
"""The age of the forecast, and the columns: only a page shows them."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of the weather."""

    status: bool
    """Whether rain, sleet or snow falls, or it thunders."""
    phase: Phase
    daylight: bool | None
    """Whether the sun is up."""
    temperature_celsius: float | None
    feels_like_celsius: float | None
    humidity_percent: float | None
    wind_kmh: float | None
    gust_kmh: float | None
    """The speed of the strongest gust."""
    rain_mm: float | None
    """The rain of this hour; snow counts as the water that it melts to."""
    rain_probability_percent: float | None
    rain_within_minutes: float | None
    """In how many minutes rain begins: 0 while it rains, and 1440 if it stays dry for 24 hours. A rule acts
    only if a known value crosses its limit, so that dry weather is not None."""
    night_min_celsius: float | None
    """The lowest temperature until 09:00 next."""
    today_min_celsius: float | None
    today_max_celsius: float | None
    today_rain_mm: float | None
    today_rain_probability_percent: float | None
    today_max_gust_kmh: float | None
    tomorrow_phase: WeatherWord | None
    tomorrow_min_celsius: float | None
    tomorrow_max_celsius: float | None
    tomorrow_rain_mm: float | None
    tomorrow_rain_probability_percent: float | None
    tomorrow_max_gust_kmh: float | None
    forecast_at: float | None
    """When the server last answered, in Unix seconds."""
    hourly_begin: float | None
    """When the first hour of the columns begins, in Unix seconds."""
    hourly_phase: str | None
    hourly_daylight: str | None
    hourly_celsius: str | None
    hourly_rain_mm: str | None
    hourly_rain_chance: str | None
    """The probability of rain, in percent."""
    hourly_wind_kmh: str | None
    hourly_gust_kmh: str | None
    daily_date: str | None
    """The first day of the columns, such as "2026-11-28"."""
    daily_phase: str | None
    daily_min_celsius: str | None
    daily_max_celsius: str | None
    daily_rain_mm: str | None
    daily_rain_chance: str | None
    daily_max_gust_kmh: str | None
    fault: str | None = None


VALUES = tuple(
    name for name in State.__struct_fields__ if name not in ("status", "phase", "forecast_at", "fault")
)
"""The fields that follow from the forecast and the time."""
