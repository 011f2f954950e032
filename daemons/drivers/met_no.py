"""The weather forecast of MET Norway: the whole world, without a key, and best in the north of Europe.

It is the Locationforecast 2.0 of api.met.no, which is described at api.met.no/weatherapi/locationforecast.
Its terms demand that each client says who uses it, asks no more often than the answer changes, and names the
source (CC BY 4.0); the facts of the hardware have it.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from daemons.drivers import Remote
from daemons.drivers.forecast_server.client import ForecastClient
from daemons.drivers.forecast_server.options import Place, check_place
from daemons.drivers.forecast_server.values import (
    KMH_PER_METRE_PER_SECOND,
    MOST_STEPS,
    BadForecast,
    bounded,
    moment,
)
from daemons.drivers.physics.daylight import is_daylight
from daemons.drivers.transports.http_post import HttpUrl, parse_url
from daemons.drivers.transports.json_values import number
from daemons.kinds import Ability, About, Forecast, ForecastStep, WeatherWord

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

PUBLIC_URL = "https://api.met.no/weatherapi"
ABOUT = About(manufacturer="MET Norway", model="weather forecast (CC BY 4.0)", url="https://api.met.no/")
HOUR_SECONDS = 3600.0
PERIODS = {"next_1_hours": HOUR_SECONDS, "next_6_hours": 6 * HOUR_SECONDS}
"""The parts of an entry about the time after it, the shorter one first, with their lengths."""
WORDS: tuple[tuple[str, WeatherWord], ...] = (
    ("thunder", "thunder"),
    ("sleet", "sleet"),
    ("snow", "snow"),
    ("rain", "rain"),
    ("fog", "fog"),
    ("partlycloudy", "partly_cloudy"),
    ("cloudy", "cloudy"),
    ("fair", "clear_sky"),
    ("clearsky", "clear_sky"),
)
"""Parts of the symbol codes of MET Norway (such as "lightrainshowersandthunder_day"), the first that is found
counts. Its legend is at api.met.no/weatherapi/weathericon."""


class Options(Place, frozen=True, kw_only=True):
    """The options of MET Norway."""

    contact: Annotated[str, Meta(pattern=r"^(https?://[!-~]{3,200}|[!-?A-~]{1,64}@[!-?A-~]{3,100})\Z")]
    """Your address, of mail or of the web: the terms of the service demand it, and refuse others."""
    url: HttpUrl = PUBLIC_URL
    """The address of the server, for a server of your own."""

    def __post_init__(self) -> None:
        """Raise ValueError for half a place, and for times or an address that cannot be used."""
        check_place(self, self.url, PUBLIC_URL)


class MetNo(Remote[Options]):
    """The weather forecast of MET Norway: the whole world, without a key, and best in the north of Europe."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"forecast"})
    needs_place = True

    async def run(self, channel: "HardwareChannel") -> None:
        """Ask for the forecast, and report it."""
        place = self.options
        url = parse_url(place.url)
        where = f"lat={place.latitude or 0:.4f}&lon={place.longitude or 0:.4f}"
        target = f"{url.target.rstrip('/')}/locationforecast/2.0/complete?{where}"
        headers = {"User-Agent": f"house ({place.contact})", "Accept": "application/json"}

        def parse_here(body: bytes) -> Forecast:
            return parse(body, place.latitude or 0.0, place.longitude or 0.0)

        client = ForecastClient(self.device, place, url._replace(target=target), headers, ABOUT, parse_here)
        await client.run(channel)


class Entry(Struct):
    """One entry of the time series."""

    time: Any = None
    data: Any = None


class Properties(Struct):
    """The part of the answer with the time series."""

    timeseries: list[Entry]


class Answer(Struct):
    """The parts of an answer that are read."""

    properties: Properties


def parse(body: bytes, latitude: float, longitude: float) -> Forecast:
    """Return the forecast of an answer; raises BadForecast or a MsgspecError if it has none."""
    entries = msgspec.json.decode(body, type=Answer).properties.timeseries[:MOST_STEPS]
    begins = [(begin, entry) for entry in entries if (begin := utc_moment(entry.time)) is not None]
    begins.sort(key=lambda item: item[0])
    steps = []
    for index, (begin, entry) in enumerate(begins):
        following = begins[index + 1][0] if index + 1 < len(begins) else None
        if step := step_of(begin, following, entry.data, latitude, longitude):
            steps.append(step)
    if not steps:
        raise BadForecast("it has no hour with a time")
    return Forecast(tuple(steps))


def step_of(
    begin: float, following: float | None, data: Any, latitude: float, longitude: float
) -> ForecastStep | None:
    """Return a step of an entry, until the next one; None for an entry without a period."""
    period = next((name for name in PERIODS if isinstance(inside(data, name), dict)), None)
    if period is None:
        return None
    length = PERIODS[period]
    seconds = length if following is None else min(length, following - begin)
    if seconds <= 0:
        return None
    instant, details = inside(data, "instant", "details"), inside(data, period, "details")
    rain = bounded("rain_mm", inside(details, "precipitation_amount"), 2)
    return ForecastStep(
        begin=begin,
        seconds=seconds,
        weather=word_of(inside(data, period, "summary", "symbol_code")),
        daylight=is_daylight(begin + seconds / 2, latitude, longitude),
        temperature_celsius=bounded("temperature_celsius", inside(instant, "air_temperature")),
        humidity_percent=bounded("humidity_percent", inside(instant, "relative_humidity")),
        wind_kmh=speed("wind_kmh", inside(instant, "wind_speed")),
        gust_kmh=speed("gust_kmh", inside(instant, "wind_speed_of_gust")),
        rain_mm=None if rain is None else round(rain * seconds / length, 2),
        rain_probability_percent=bounded(
            "rain_probability_percent", inside(details, "probability_of_precipitation")
        ),
        min_celsius=bounded("temperature_celsius", inside(details, "air_temperature_min")),
        max_celsius=bounded("temperature_celsius", inside(details, "air_temperature_max")),
    )


def inside(found: Any, *names: str) -> Any:
    """Return a member of nested objects; None if one is missing or is no object."""
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def speed(name: str, value: Any) -> float | None:
    """Return a speed in km/h; None if it is none."""
    found = number(value)
    return None if found is None else bounded(name, found * KMH_PER_METRE_PER_SECOND)


def utc_moment(value: Any) -> float | None:
    """Return a time such as "2026-11-28T15:00:00Z" in Unix seconds; None if it is none."""
    if not isinstance(value, str) or not value.endswith("Z"):
        return None
    try:
        return moment(datetime.fromisoformat(value).timestamp())
    except (ValueError, OverflowError):
        return None


def word_of(symbol: Any) -> WeatherWord | None:
    """Return our word for a symbol code; None for an unknown one."""
    if not isinstance(symbol, str):
        return None
    return next((word for part, word in WORDS if part in symbol), None)
