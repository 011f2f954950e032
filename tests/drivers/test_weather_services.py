"""The drivers of weather services against emulated ones on loopback: their requests, and their faults."""

import gzip
import json
import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from daemons.config import loader
from daemons.drivers import Driver, Remote
from daemons.drivers.forecast_server.client import MAX_ANSWER_BYTES
from daemons.kinds import Reading
from daemons.values import convert
from tests.support.loopback_server import NOW
from tests.support.patience import patience
from tests.support.ports import free_port
from tests.support.weather_services import met_no, open_meteo
from tests.support.weather_services.server import Reply, WeatherService

BEGIN = int(time.time()) // 3600 * 3600
OPEN_METEO = json.dumps(open_meteo.answer(BEGIN)).encode()
MET_NO = json.dumps(met_no.answer(BEGIN)).encode()
PLACE = {"latitude": 59.91273, "longitude": 10.74609}
OPTIONS: dict[str, dict[str, Any]] = {"open_meteo": {}, "met_no": {"contact": "me@example.org"}}
GOOD = {"open_meteo": OPEN_METEO, "met_no": MET_NO}
SERVICES = list(GOOD)


@contextmanager
def asking(word: str, service: WeatherService | str, **options: Any) -> Iterator[Driver[Any]]:
    """Yield a driver that asks a service ten times a second."""
    kind: Any = loader.driver(word)
    assert issubclass(kind, Remote)
    url = service if isinstance(service, str) else service.url
    table = {**PLACE, **OPTIONS[word], "url": url, "every": "100ms", **options}
    driver = kind("weather", convert(table, kind.options_type))
    driver.open(((1.0, 0.0),), NOW)
    try:
        yield driver
    finally:
        driver.close()


def wait_for(driver: Driver[Any], met: Callable[[Reading], Any]) -> Reading:
    """Return the first reading that `met` accepts."""
    while True:
        reading = driver.read(NOW)
        if met(reading):
            return reading
        assert select.select([driver.socket], [], [], patience())[0], f"nothing came after {reading}"


@pytest.mark.parametrize("word", SERVICES)
def test_a_forecast_is_read(word: str) -> None:
    """The request names the place, House and gzip; the reading has the forecast and the source of it."""
    headers = (("Content-Encoding", "gzip"),)
    with (
        WeatherService(Reply(200, gzip.compress(GOOD[word]), headers)) as service,
        asking(word, service) as driver,
    ):
        reading = wait_for(driver, lambda r: r.forecast)
        (request,) = service.requests[:1]
    assert (reading.reachable, reading.fault) == (True, None)
    assert reading.forecast is not None
    assert len(reading.forecast.steps) > 70
    assert reading.about is not None
    assert reading.about.manufacturer in ("Open-Meteo", "MET Norway")
    assert request.headers["accept-encoding"] == "gzip"
    assert "59.9127&" in request.target  # met.no refuses more than four digits
    if word == "met_no":
        assert request.headers["user-agent"] == "house (me@example.org)"
        assert request.target == "/locationforecast/2.0/complete?lat=59.9127&lon=10.7461".replace(
            "&lon", "&lon"
        )


def test_an_unchanged_forecast_is_not_sent_again() -> None:
    """The second request names the time of the first answer, and the answer 304 counts as new."""
    modified = "Sat, 28 Nov 2026 01:12:44 GMT"
    replies = (Reply(200, MET_NO, (("Last-Modified", modified),)), Reply(304))
    with WeatherService(*replies) as service, asking("met_no", service) as driver:
        first = wait_for(driver, lambda r: r.forecast)
        second = wait_for(driver, lambda _: len(service.requests) > 1 and driver.socket is not None)
        wait_for(driver, lambda _: len(service.requests) > 2)
    assert service.requests[1].headers["if-modified-since"] == modified
    assert second.forecast is first.forecast
    assert second.reachable


@pytest.mark.long
@pytest.mark.parametrize("word", SERVICES)
def test_no_request_is_made_before_the_answer_expires(word: str) -> None:
    """`Expires` is the moment of the next request, by the clock of the server."""
    headers = (("Date", "Sat, 28 Nov 2026 01:00:00 GMT"), ("Expires", "Sat, 28 Nov 2026 01:00:03 GMT"))
    with WeatherService(Reply(200, GOOD[word], headers)) as service, asking(word, service) as driver:
        wait_for(driver, lambda r: r.forecast)
        began = time.monotonic()
        wait_for(driver, lambda _: len(service.requests) > 1)
        assert time.monotonic() - began > 2


BAD = {
    "not JSON": (Reply(200, b'{"hourly": I am a teapot'), "no forecast"),
    "HTML": (Reply(200, b"<html><body>Sign in to the hotel</body></html>"), "no forecast"),
    "another object": (Reply(200, b'{"hello": 1}'), "no forecast"),
    "an empty series": (Reply(200, b'{"hourly": {"time": []}, "properties": {"timeseries": []}}'), "no hour"),
    "nothing": (Reply(200, b""), "no forecast"),
    "deep JSON": (Reply(200, b"[" * 100_000), "no forecast"),
    "too long": (Reply(200, b" " * (MAX_ANSWER_BYTES + 100_000)), "longer than 1048576 bytes"),
    "a bomb": (Reply(200, gzip.compress(b" " * 50_000_000), (("Content-Encoding", "gzip"),)), "longer than"),
    "no gzip": (Reply(200, b"{}", (("Content-Encoding", "gzip"),)), "no gzip"),
    "brotli": (Reply(200, b"{}", (("Content-Encoding", "br"),)), "only gzip"),
    "the wrong place": (Reply(400, json.dumps(open_meteo.ERROR).encode()), "Latitude must be in range"),
    "a ban": (Reply(403, b"<h1>Forbidden</h1>"), "HTTP 403: it refuses House"),
    "a wrong address": (Reply(404, b"Not Found"), "HTTP 404"),
    "too many requests": (Reply(429, json.dumps(open_meteo.TOO_MANY).encode()), "Minutely API request limit"),
    "a redirect": (Reply(301, b"", (("Location", "/x"),)), "redirects"),
    "an error": (Reply(500, b"oops"), "HTTP 500"),
}


@pytest.mark.parametrize(("reply", "said"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("word", ["open_meteo", pytest.param("met_no", marks=pytest.mark.long)])
def test_a_bad_answer_is_a_fault(
    word: str, reply: Reply, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The fault says what came; it has no forecast, and is none of the driver."""
    with WeatherService(reply) as service, asking(word, service) as driver:
        reading = wait_for(driver, lambda r: r.fault)
    assert said in str(reading.fault)
    assert (reading.forecast, reading.reachable) == (None, True)
    assert len(str(reading.fault)) <= 300
    assert "its driver has failed" not in str(reading.fault) + caplog.text


@pytest.mark.parametrize("word", ["met_no", pytest.param("open_meteo", marks=pytest.mark.long)])
def test_the_forecast_stays_while_the_service_fails(word: str) -> None:
    """A bad answer and a lost service change no value; the next good answer ends the fault."""
    replies = (Reply(200, GOOD[word]), Reply(500), Reply(200, GOOD[word]))
    with WeatherService(*replies) as service, asking(word, service) as driver:
        first = wait_for(driver, lambda r: r.forecast)
        failed = wait_for(driver, lambda r: r.fault)
        assert (failed.forecast, failed.at) == (first.forecast, first.at)
        assert wait_for(driver, lambda r: r.forecast and not r.fault).reachable


def test_a_service_that_hangs_is_unreachable() -> None:
    """It has as long as `timeout`, and blocks no call of the device."""
    with WeatherService(Reply()) as service:
        service.hangs = True
        with asking("open_meteo", service, timeout="1s") as driver:
            assert driver.read(NOW).reachable is None, "the call waited for the service"
            reading = wait_for(driver, lambda r: r.reachable is False)
    assert "no answer within 1 s" in str(reading.fault)


def test_a_missing_network_is_named() -> None:
    """The fault has the address and the reason."""
    port = free_port()
    with asking("met_no", f"http://127.0.0.1:{port}") as driver:
        reading = wait_for(driver, lambda r: r.reachable is False)
    assert str(reading.fault) == f"127.0.0.1:{port}: Connection refused"


def test_a_short_outage_leaves_the_service_reachable(tmp_path: Path) -> None:
    """Its last forecast is good for a while, also after a restart; after an hour it counts as unreachable."""
    answered = tmp_path / "hardware" / "weather" / "answered"
    service = f"http://127.0.0.1:{free_port()}"
    answered.parent.mkdir(parents=True)
    for seconds, expected in ((60, True), (3700, False)):
        answered.touch()
        os.utime(answered, (time.time() - seconds, time.time() - seconds))
        with asking("met_no", service) as driver:
            reading = wait_for(driver, lambda r: r.fault)
        assert (reading.reachable, reading.fault is not None) == (expected, True)


@pytest.mark.long
def test_a_device_that_is_started_again_and_again_does_not_hammer() -> None:
    """The second process waits until the least time has passed since the last request of the first."""
    with WeatherService(Reply(200, OPEN_METEO)) as service:
        with asking("open_meteo", service, every="1s") as driver:
            wait_for(driver, lambda r: r.forecast)
        asked, began = len(service.requests), time.monotonic()
        with asking("open_meteo", service, every="1s") as driver:
            wait_for(driver, lambda r: r.forecast)
        assert time.monotonic() - began > 0.3
        assert len(service.requests) == asked + 1
