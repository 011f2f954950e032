"""A calendar as an ICS file: of this machine and from a web server on loopback, with its faults."""

import asyncio
import os
import select
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daemons.config import loader
from daemons.drivers.ical import refresh
from daemons.drivers.ical.reader import checked
from daemons.drivers.ical.refresh import Span, span_at
from daemons.drivers.ical.result import Expanded
from daemons.drivers.ics import Ics, Options
from daemons.drivers.transports.http_response import BadResponse
from daemons.errors import StorageError
from daemons.kinds import Reading
from daemons.values import convert
from tests.support.calendar_server import PASSWORD, USER, CalendarServer, ics
from tests.support.loopback_server import NOW, Behaviour, after_request, http, opened
from tests.support.patience import patience

expanding = pytest.importorskip("daemons.drivers.ical.expand", exc_type=ImportError)
WALL = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
SPAN = span_at(WALL)
DENTIST = "UID:1\nDTSTART:20261128T100000Z\nDTEND:20261128T110000Z\nSUMMARY:Dentist"
PIANO = "UID:2\nDTSTART:20261129T160000Z\nDURATION:PT1H\nSUMMARY:Piano"


@pytest.fixture(autouse=True)
def expand_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expand in this process, which has the libraries already; test_reader.py has the program."""

    async def expand(body: bytes, begin: float, until: float, form: str) -> Expanded:
        return checked(expanding.expand(body.decode("utf-8", "replace"), begin, until), body)

    monkeypatch.setattr("daemons.drivers.ics.expand_in_program", expand)


def driver_of(**options: Any) -> Ics:
    """Return a driver, which does not run."""
    return Ics("family", convert(options, Options))


def fetch(driver: Ics, *, is_whole: bool = True) -> Expanded | None:
    """Read the calendar once."""
    return asyncio.run(driver.fetch(SPAN, is_whole=is_whole))


def titles(found: Expanded | None) -> list[str]:
    """Return the titles of what was read."""
    assert found is not None
    return [event.title for event in found.events]


def test_a_calendar_is_read_from_the_web() -> None:
    """The answer may be compressed."""
    with CalendarServer(ics(DENTIST, PIANO)) as server:
        assert titles(fetch(driver_of(url=f"{server.url}/basic.ics"))) == ["Dentist", "Piano"]


def test_an_unchanged_calendar_is_not_sent_again() -> None:
    """The driver asks with the ETag of the last answer, but for the whole calendar now and then."""
    with CalendarServer(ics(DENTIST)) as server:
        driver = driver_of(url=f"{server.url}/basic.ics")
        assert titles(fetch(driver)) == ["Dentist"]
        assert fetch(driver, is_whole=False) is None
        assert titles(fetch(driver, is_whole=True)) == ["Dentist"]
        server.text = ics(DENTIST, PIANO)
        assert titles(fetch(driver, is_whole=False)) == ["Dentist", "Piano"]
        assert [line.split()[2] for line in server.requests] == ["200", "304", "200", "200"]


def test_a_password_is_sent_and_a_refusal_says_so(tmp_path: Path) -> None:
    """The fault names the server and what to correct, and never the password."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    with CalendarServer(ics(DENTIST), protected=True) as server:
        url = f"{server.url}/basic.ics"
        assert titles(fetch(driver_of(url=url, user=USER, password_file=str(secret)))) == ["Dentist"]
        with pytest.raises(BadResponse, match="HTTP 401: it refuses the user or the password"):
            fetch(driver_of(url=url))


def test_a_secret_address_stands_in_a_file(tmp_path: Path) -> None:
    """No error and no reason has more of it than the host."""
    secret = tmp_path / "address"
    with CalendarServer(ics(DENTIST)) as server:
        secret.write_text(f"{server.url}/basic.ics")
        secret.chmod(0o600)
        driver = driver_of(url_file=str(secret))
        assert titles(fetch(driver)) == ["Dentist"]
        assert driver.where == server.url.removeprefix("http://")
    secret.write_text("mailto:private-token")
    with pytest.raises(StorageError) as caught:
        fetch(driver)
    assert "private-token" not in str(caught.value)


def redirect(to: str) -> Behaviour:
    """Return a behaviour that sends to another address."""
    return http(302, headers=f"Location: {to}\r\n")


def test_redirects_are_followed_within_a_bound() -> None:
    """A relative address counts from the last one."""
    with CalendarServer(ics(DENTIST)) as server, CalendarServer("") as other:
        other.fault = redirect(f"{server.url}/basic.ics")
        assert titles(fetch(driver_of(url=f"{other.url}/old.ics"))) == ["Dentist"]
        other.fault = redirect("/again")
        with pytest.raises(BadResponse, match="redirects more than 5 times"):
            fetch(driver_of(url=f"{other.url}/old.ics"))
        other.fault = redirect("ftp://example.org/")
        with pytest.raises(BadResponse, match="an address that cannot be used"):
            fetch(driver_of(url=f"{other.url}/old.ics"))


def test_a_password_does_not_follow_a_redirect_to_a_stranger() -> None:
    """It stays with the host for which a person wrote it."""
    with CalendarServer(ics(DENTIST)) as stranger, CalendarServer("") as server:
        server.fault = redirect(f"{stranger.url}/basic.ics")
        fetch(driver_of(url=f"{server.url}/basic.ics", user="anna"))
        assert b"Authorization" not in stranger.heads[0]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (http(404), "HTTP 404: there is no calendar at this address"),
        (http(500), "HTTP 500"),
        (http(200, b"<!DOCTYPE html><title>Sign in</title>"), "this is a web page; use the address that"),
        (http(200, b"Hello"), "this is no calendar"),
        (http(200, b""), "this is no calendar"),
        (http(200, ics(DENTIST).encode()[:-20]), "its calendar ends in the middle"),
        (after_request(b"SSH-2.0-OpenSSH\r\n"), "its answer is not HTTP"),
        (after_request(b""), "its answer is not HTTP|without an answer"),
        (after_request(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nBEGIN"), "its answer ends too early"),
        (after_request(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 100_000, then="repeat"), "longer than 10 MB"),
        (http(200, b"\x1f\x8bnothing", headers="Content-Encoding: gzip\r\n"), "cannot be decompressed"),
    ],
)
def test_a_broken_answer_is_refused_with_the_reason(fault: Behaviour, reason: str) -> None:
    """Nothing that is not a whole calendar counts as one."""
    with CalendarServer("") as server:
        server.fault = fault
        with pytest.raises(BadResponse, match=reason):
            fetch(driver_of(url=f"{server.url}/basic.ics"))


@pytest.mark.long
def test_a_slow_server_does_not_hold_the_driver_for_ever() -> None:
    """The time limit is for the whole answer, and not for each of its bytes."""
    with CalendarServer("") as server:
        server.fault = after_request(b"HTTP/1.1 200 OK\r\n", then="hang")
        driver = driver_of(url=f"{server.url}/basic.ics")
        driver.options = convert({"url": f"{server.url}/basic.ics", "timeout": "1s"}, Options)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            fetch(driver)
        assert time.monotonic() - began < patience(10)


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A missing file is a fault until it is there."""
    file = tmp_path / "family.ics"
    driver = driver_of(file=str(file))
    with pytest.raises(FileNotFoundError):
        fetch(driver)
    assert not asyncio.run(driver.look())
    file.write_text(ics(DENTIST))
    assert asyncio.run(driver.look())
    assert titles(fetch(driver)) == ["Dentist"]
    assert fetch(driver, is_whole=False) is None
    assert not asyncio.run(driver.look())
    file.write_text(ics(DENTIST, PIANO))
    assert asyncio.run(driver.look())
    assert titles(fetch(driver, is_whole=False)) == ["Dentist", "Piano"]
    os.truncate(file, 10_000_001)
    with pytest.raises(BadResponse, match="it is longer than 10 MB"):
        fetch(driver)
    assert not asyncio.run(driver.look()), "a file that cannot be read is read again only when it changes"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "one of url, url_file and file"),
        ({"url": "https://example.org/a.ics", "file": "/a.ics"}, "one of url, url_file and file"),
        ({"url": "https://anna:secret@example.org/a.ics"}, "without a user"),
        ({"url": "ftp://example.org/a.ics"}, "url"),
        ({"url": "https://example.org/", "every": "5s"}, "every must be from 1m to 1d"),
        ({"url": "https://example.org/", "timeout": "5m"}, "timeout must be from 1s to 60s"),
        ({"url": "https://example.org/", "password_file": "/a"}, "password_file goes with user"),
        ({"file": "/a.ics", "user": "anna"}, "user goes with url"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, Any], reason: str) -> None:
    """`house check` shows the reason."""
    with pytest.raises(ValueError, match=reason):
        driver_of(**options)


def test_webcal_stands_for_https() -> None:
    """Most calendars offer such an address."""
    assert driver_of(url="webcal://example.org/a.ics").where == "example.org:443"


def wait_for(driver: Any, is_met: Any) -> Reading:
    """Wait for a reading of a driver that runs."""
    while True:
        reading: Reading = driver.read(NOW)
        if is_met(reading):
            return reading
        assert select.select([driver.socket], [], [], patience())[0], reading


def test_a_driver_reads_tries_again_and_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the server is away, the events stay; the fault says why, and the driver comes back by itself."""
    pauses: list[int] = []

    def no_pause(failures: int, *_: float) -> float:
        pauses.append(failures)
        return 0.0

    async def expand(body: bytes, begin: float, until: float, form: str) -> Expanded:
        return Expanded(events=(), until=until, left_out=len(body))

    monkeypatch.setattr("daemons.drivers.ics.expand_in_program", expand)
    monkeypatch.setattr(refresh, "backoff_seconds", no_pause)
    monkeypatch.setattr(refresh, "CLOCK_SECONDS", 0.01)
    monkeypatch.setattr(refresh, "with_jitter", lambda seconds: min(seconds, 0.02))
    with CalendarServer("abc") as server, opened("ics", url=f"{server.url}/basic.ics") as driver:
        server.has_tags = False
        first = wait_for(driver, lambda reading: reading.calendar)
        assert "3 events that cannot be read" in str(first.fault)
        server.fault = http(503)
        lost = wait_for(driver, lambda reading: "503" in str(reading.fault) and len(pauses) > 1)
        assert lost.fault == f"{server.url.removeprefix('http://')}: HTTP 503"
        assert (lost.calendar, lost.at) == (first.calendar, NOW)
        assert lost.reachable is True
        server.fault = None
        back = wait_for(driver, lambda reading: "503" not in str(reading.fault))
        assert "3 events" in str(back.fault)
        assert pauses == list(range(1, len(pauses) + 1))


def test_a_clock_that_is_set_leads_to_a_new_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a battery for its clock begins in another year."""
    walls = [0.0]
    spans: list[Span] = []

    async def fetch(self: Ics, span: Span, *, is_whole: bool) -> Expanded:
        spans.append(span)
        walls[0] = WALL
        return Expanded(until=span.until)

    monkeypatch.setattr(Ics, "fetch", fetch)
    monkeypatch.setattr(refresh, "CLOCK_SECONDS", 0.01)
    monkeypatch.setattr(time, "time", lambda: walls[0])
    with opened("ics", url="http://127.0.0.1:9/") as driver:
        wait_for(driver, lambda reading: reading.calendar and reading.calendar.until > WALL)
    assert spans[:2] == [span_at(0.0), span_at(WALL)]


def test_the_span_has_the_days_that_a_kind_can_show() -> None:
    """A kind shows 14 days, and is stale after 7 days at most."""
    begin, until = SPAN
    assert begin <= WALL - 86_400
    assert until >= WALL + timedelta(days=21).total_seconds()


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries are loaded only by the program, but `house check` must know."""
    monkeypatch.setattr(refresh, "find_spec", lambda module: None if module == "icalendar" else object())
    with pytest.raises(ModuleNotFoundError) as caught:
        refresh.require_libraries()
    assert "icalendar" in loader.missing_module_text(caught.value)
