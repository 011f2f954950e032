"""The weather forecast of Open-Meteo: the whole world, without a key, for private use.

The API is described at open-meteo.com/en/docs. It is free for uses that are not commercial, up to 10,000
requests a day. Its data may be used with its name (CC BY 4.0); the facts of the hardware have it.
"""

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Struct

from daemons.drivers import Remote
from daemons.drivers.forecast_server.client import ForecastClient
from daemons.drivers.forecast_server.options import Place, check_place
from daemons.drivers.forecast_server.values import MOST_STEPS, BadForecast, bounded, moment
from daemons.drivers.transports.http_post import HttpUrl, parse_url
from daemons.drivers.transports.json_values import is_number
from daemons.kinds import Ability, About, Forecast, ForecastStep, WeatherWord

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

PUBLIC_URL = "https://api.open-meteo.com"
ABOUT = About(manufacturer="Open-Meteo", model="weather forecast (CC BY 4.0)", url="https://open-meteo.com/")
HOUR_SECONDS, QUARTER_SECONDS = 3600, 900
HOURS, QUARTERS, PAST_HOURS = 192, 24, 24
FIELDS = {
    "temperature_celsius": "temperature_2m",
    "feels_like_celsius": "apparent_temperature",
    "humidity_percent": "relative_humidity_2m",
    "wind_kmh": "wind_speed_10m",
}
"""By field of a step, the variable with its value at the moment at which the step begins."""
BEFORE_FIELDS = {
    "gust_kmh": "wind_gusts_10m",
    "rain_mm": "precipitation",
    "rain_probability_percent": "precipitation_probability",
}
"""The variables of the hour before their moment: the value of a step is that of the next moment."""
WORDS: dict[range, WeatherWord] = {
    range(2): "clear_sky",
    range(2, 3): "partly_cloudy",
    range(3, 4): "cloudy",
    range(45, 49): "fog",
    range(51, 56): "rain",  # drizzle
    range(56, 58): "sleet",  # freezing drizzle
    range(61, 66): "rain",
    range(66, 68): "sleet",  # freezing rain
    range(71, 78): "snow",
    range(80, 83): "rain",  # showers
    range(85, 87): "snow",
    range(95, 100): "thunder",
}
"""By code of the present weather (WMO code table 4677, as Open-Meteo uses it), our word."""


class Options(Place, frozen=True, kw_only=True):
    """The options of Open-Meteo."""

    url: HttpUrl = PUBLIC_URL
    """The address of the server, for a server of your own."""

    def __post_init__(self) -> None:
        """Raise ValueError for half a place, and for times or an address that cannot be used."""
        check_place(self, self.url, PUBLIC_URL)


class OpenMeteo(Remote[Options]):
    """The weather forecast of Open-Meteo: the whole world, without a key, for private use."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"forecast"})
    needs_place = True

    async def run(self, channel: "HardwareChannel") -> None:
        """Ask for the forecast, and report it."""
        url = parse_url(self.options.url)
        target = f"{url.target.rstrip('/')}/v1/forecast?{query(self.options)}"
        headers = {"User-Agent": "house", "Accept": "application/json"}
        client = ForecastClient(self.device, self.options, url._replace(target=target), headers, ABOUT, parse)
        await client.run(channel)


def query(options: Options) -> str:
    """Return the query of the request; four digits of the place are eleven metres."""
    hourly = ",".join((*FIELDS.values(), *BEFORE_FIELDS.values(), "weather_code", "is_day"))
    return "&".join(
        (
            f"latitude={options.latitude or 0:.4f}",
            f"longitude={options.longitude or 0:.4f}",
            f"hourly={hourly}",
            f"past_hours={PAST_HOURS}",
            f"forecast_hours={HOURS}",
            "minutely_15=precipitation,weather_code",
            f"forecast_minutely_15={QUARTERS}",
            "timeformat=unixtime",
            "timezone=GMT",
        )
    )


class Answer(Struct):
    """The parts of an answer that are read."""

    hourly: dict[str, list[Any]]
    minutely_15: dict[str, list[Any]] | None = None


def parse(body: bytes) -> Forecast:
    """Return the forecast of an answer; raises BadForecast or a MsgspecError if it has none."""
    answer = msgspec.json.decode(body, type=Answer)
    hours = steps_of(answer.hourly)
    if not hours:
        raise BadForecast("it has no hour with a time")
    quarters = quarters_of(answer.minutely_15 or {}, hours)
    covered = {step.begin - step.begin % HOUR_SECONDS for step in quarters}
    kept = [step for step in hours if step.begin not in covered]
    return Forecast(tuple(sorted((*kept, *quarters), key=lambda step: step.begin)))


def steps_of(table: dict[str, list[Any]]) -> list[ForecastStep]:
    """Return the hours of a table with a list for each variable; one that has no time is left out."""
    found = []
    times = table.get("time", [])[:MOST_STEPS]
    for index, time in enumerate(times[:-1]):  # what falls after the last moment is not known
        begin = moment(time)
        if begin is None:
            continue
        values: dict[str, Any] = {
            name: bounded(name, value_at(table, variable, index)) for name, variable in FIELDS.items()
        }
        values |= {
            name: bounded(name, value_at(table, variable, index + 1))
            for name, variable in BEFORE_FIELDS.items()
        }
        is_day = value_at(table, "is_day", index)
        found.append(
            ForecastStep(
                begin=begin,
                weather=word_of(value_at(table, "weather_code", index)),
                daylight=None if is_day not in (0, 1) else bool(is_day),
                **values,
            )
        )
    return found


def quarters_of(table: dict[str, list[Any]], hours: list[ForecastStep]) -> list[ForecastStep]:
    """Return the quarters of the hours that have four of them, with the rain of each quarter."""
    by_begin = {step.begin: step for step in hours}
    found: dict[float, list[ForecastStep]] = {}
    times = table.get("time", [])[:MOST_STEPS]
    for index, time in enumerate(times[:-1]):
        begin = moment(time)
        hour = None if begin is None else by_begin.get(begin - begin % HOUR_SECONDS)
        rain = bounded("rain_mm", value_at(table, "precipitation", index + 1), 2)
        if begin is None or hour is None or rain is None:
            continue
        following = by_begin.get(hour.begin + HOUR_SECONDS, hour)
        share = (begin - hour.begin) / HOUR_SECONDS
        found.setdefault(hour.begin, []).append(
            msgspec.structs.replace(
                hour,
                begin=begin,
                seconds=float(QUARTER_SECONDS),
                weather=word_of(value_at(table, "weather_code", index)) or hour.weather,
                temperature_celsius=on_line(hour.temperature_celsius, following.temperature_celsius, share),
                feels_like_celsius=on_line(hour.feels_like_celsius, following.feels_like_celsius, share),
                rain_mm=rain,
            )
        )
    whole = [quarters for quarters in found.values() if len(quarters) == HOUR_SECONDS // QUARTER_SECONDS]
    return [quarter for quarters in whole for quarter in quarters]


def on_line(first: float | None, second: float | None, share: float) -> float | None:
    """Return the value between two others; None if one is not known."""
    return None if first is None or second is None else round(first + (second - first) * share, 1)


def value_at(table: dict[str, list[Any]], name: str, index: int) -> Any:
    """Return a value of a variable; None if the list is missing or too short."""
    values = table.get(name, [])
    return values[index] if index < len(values) else None


def word_of(code: Any) -> WeatherWord | None:
    """Return our word for a code of the weather; None for an unknown code."""
    if not is_number(code):
        return None
    return next((word for codes, word in WORDS.items() if code in codes), None)
