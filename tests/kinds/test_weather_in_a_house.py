"""A weather in a real house, with a weather service on loopback: kills, outages and rules."""

import json
import time
from http.server import BaseHTTPRequestHandler

import pytest

from tests.support.house import HouseFactory, Listener
from tests.support.weather_services import met_no, open_meteo
from tests.support.weather_services.server import Reply, WeatherService

CONFIG = """
[house]
name = "Weather"
timezone = "Europe/Berlin"
latitude = 52.5
longitude = 13.4

[devices.sky]
kind = "weather"
driver = "open_meteo"
open_meteo = {{ url = "{url}", every = "1s" }}

[devices.north]
kind = "weather"
driver = "met_no"
met_no = {{ url = "{url}", every = "1s", contact = "me@example.org" }}
"""


class BothServices(WeatherService):
    """A service with the interfaces of both: the path of the request says which one is meant."""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer with a forecast that begins with this hour."""
        begin = int(time.time()) // 3600 * 3600
        found = open_meteo.answer(begin) if "/v1/forecast" in request.path else met_no.answer(begin)
        self.replies = [Reply(200, json.dumps(found).encode())]
        super().answer(request)


@pytest.mark.long
def test_a_weather_goes_on_after_a_kill_without_a_network(make_house: HouseFactory) -> None:
    """After a kill, the forecast of the last process is shown at once, with its age."""
    with BothServices(Reply()) as service:
        house = make_house(CONFIG.format(url=service.url))
        house.house("up")
        with house.listen("sky", "north") as listener:
            listener.wait_for(lambda heard: has_forecast(heard, "sky") and has_forecast(heard, "north"))
    with house.listen("sky") as listener:
        listener.wait_for(lambda heard: heard.has_state("sky", fault=f"{service.where}: Connection refused"))
        before = listener.states["sky"].state
        listener.kill("sky")
        again = next(one.state for one in listener.all_states if one.boot == listener.states["sky"].boot)
    assert (again["forecast_at"], again["daily_date"]) == (before["forecast_at"], before["daily_date"])
    assert again["rain_within_minutes"] is not None
    assert again["phase"] == before["phase"] != "unknown"


def has_forecast(listener: Listener, name: str) -> bool:
    """Return whether a weather has a forecast."""
    state = listener.states.get(name)
    return state is not None and state.state["hourly_phase"] is not None
