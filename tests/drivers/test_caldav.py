"""A calendar on a CalDAV server on loopback: its discovery, its changes and its refusals."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from daemons.drivers.caldav import Caldav, Options
from daemons.drivers.ical.dav import calendars_in
from daemons.drivers.ical.reader import checked
from daemons.drivers.ical.refresh import span_at
from daemons.drivers.ical.result import Expanded
from daemons.drivers.ical.web import is_trusted
from daemons.drivers.transports.http_post import parse_url
from daemons.drivers.transports.http_response import BadResponse
from daemons.errors import HouseError
from daemons.values import convert
from tests.support.calendar_server import PASSWORD, USER, CalendarServer, ics
from tests.support.loopback_server import Behaviour, http

expanding = pytest.importorskip("daemons.drivers.ical.expand", exc_type=ImportError)
SPAN = span_at(datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp())
DENTIST = "UID:1\nDTSTART:20261128T100000Z\nDTEND:20261128T110000Z\nSUMMARY:Dentist <& more>"
CALENDAR = "/dav/calendars/anna/family/"


@pytest.fixture(autouse=True)
def expand_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expand in this process, which has the libraries already."""

    async def expand(body: bytes, begin: float, until: float, form: str) -> Expanded:
        assert form == "xml"
        return checked(expanding.expand(calendars_in(body), begin, until), body)

    monkeypatch.setattr("daemons.drivers.caldav.expand_in_program", expand)


def driver_of(server: CalendarServer, path: str = "", **options: Any) -> Caldav:
    """Return a driver, which does not run."""
    return Caldav("family", convert({"url": f"{server.url}{path}", **options}, Options))


def titles(driver: Caldav, *, is_whole: bool = True) -> list[str] | None:
    """Read the calendar once, and return the titles; None if it has not changed."""
    found = asyncio.run(driver.fetch(SPAN, is_whole=is_whole))
    return None if found is None else [event.title for event in found.events]


@pytest.mark.parametrize(
    "path", ["", "/", "/dav/", "/dav/principals/anna/", "/dav/calendars/anna/", CALENDAR]
)
def test_the_calendar_is_found_from_any_address_of_the_account(path: str) -> None:
    """That of the server, of the user, of all calendars, or of the calendar itself."""
    with CalendarServer(ics(DENTIST)) as server:
        assert titles(driver_of(server, path)) == ["Dentist <& more>"]
        assert server.requests[-1] == f"REPORT {CALENDAR} 207"


def test_an_unchanged_calendar_is_not_read_again() -> None:
    """One short question is enough, until the server has another tag."""
    with CalendarServer(ics(DENTIST)) as server:
        driver = driver_of(server)
        assert titles(driver) == ["Dentist <& more>"]
        server.requests.clear()
        assert titles(driver, is_whole=False) is None
        assert server.requests == [f"PROPFIND {CALENDAR} 207"]
        server.text = ics()
        assert titles(driver, is_whole=False) == []
        server.has_tags = False
        assert titles(driver, is_whole=False) == []


def test_one_of_several_calendars_is_chosen_by_its_name() -> None:
    """Without a name, the fault lists them."""
    with CalendarServer(ics(DENTIST), names=("Family", "Work")) as server:
        with pytest.raises(BadResponse, match=r'set caldav\.calendar to one of "Family", "Work"'):
            titles(driver_of(server))
        assert titles(driver_of(server, calendar="work")) == ["Dentist <& more>"]
        assert server.requests[-1] == "REPORT /dav/calendars/anna/work/ 207"
        with pytest.raises(BadResponse, match='no calendar "Wrok"; did you mean'):
            titles(driver_of(server, calendar="Wrok"))


def test_a_calendar_that_was_moved_is_found_again() -> None:
    """A person has given it another name."""
    with CalendarServer(ics(DENTIST)) as server:
        driver = driver_of(server)
        titles(driver)
        server.names = ("Home",)
        assert titles(driver) == ["Dentist <& more>"]
        assert server.requests[-1] == "REPORT /dav/calendars/anna/home/ 207"


def test_the_password_is_sent_and_its_refusal_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes from a file or from the environment."""
    with CalendarServer(ics(DENTIST), protected=True) as server:
        with pytest.raises(BadResponse, match="HTTP 401: it refuses the user or the password"):
            titles(driver_of(server, user=USER))
        monkeypatch.setenv("HOUSE_PASSWORD_FAMILY", PASSWORD)
        assert titles(driver_of(server, user=USER)) == ["Dentist <& more>"]
        with pytest.raises(HouseError, match="password file"):
            titles(driver_of(server, user=USER, password_file=str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("first", "other", "is_one"),
    [
        ("https://caldav.icloud.com/", "https://p12-caldav.icloud.com:443/1/", True),
        ("https://caldav.icloud.com/", "https://icloud.com.example.org/", False),
        ("https://caldav.icloud.com/", "http://p12-caldav.icloud.com/", False),
        ("https://mail.co.uk/", "https://evil.co.uk/", False),
        ("https://cloud.example.org/", "https://cloud.example.org:8443/", False),
        ("http://nas.local/", "https://nas.local/", True),
        ("https://192.168.1.2/", "https://9.168.1.2/", False),
        ("https://example.org/", "https://cal.example.org/", False),
    ],
)
def test_the_password_goes_only_to_hosts_of_one_owner(first: str, other: str, is_one: bool) -> None:
    """The calendars of iCloud are on another host than the one that is asked first."""
    assert is_trusted(parse_url(first), parse_url(other)) is is_one


DOCTYPE = b'<!DOCTYPE a [<!ENTITY b "bbbbbb">]><a>&b;</a>'


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (http(200, b"<html>hello"), "this is no CalDAV server"),
        (http(403), "HTTP 403: the user may not read this calendar"),
        (http(404), "there is no CalDAV server at this address"),
        (http(207, b"<html>"), "its answer is not XML"),
        (http(207, b"<html/>"), "its answer is not that of a CalDAV server"),
        (http(207, DOCTYPE), "its answer has a document type"),
        (http(207, DOCTYPE.decode().encode("utf-16")), "its answer has a document type"),
        (http(401, headers='WWW-Authenticate: Digest realm="x"\r\n'), "only Digest authentication"),
    ],
)
def test_a_server_that_is_none_is_refused_with_the_reason(fault: Behaviour, reason: str) -> None:
    """The reason stands in the fault of the device."""
    with CalendarServer("") as server:
        server.fault = fault
        with pytest.raises((BadResponse, HouseError), match=reason):
            titles(driver_of(server, "/dav/"))
