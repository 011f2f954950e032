"""The XML of CalDAV (RFC 4791): its requests, and what a server answers. Pure.

A document type is refused: its entities could grow without limit.
"""

import re
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

from daemons.errors import MessageError

D, C, CS = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}", "{http://calendarserver.org/ns/}"
MAX_COLLECTIONS = 200
MAX_NAME = 100
FIND = b"""<?xml version="1.0" encoding="utf-8"?>
<d:propfind xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:cs="http://calendarserver.org/ns/">
<d:prop><d:resourcetype/><d:displayname/><d:current-user-principal/><c:calendar-home-set/>
<c:supported-calendar-component-set/><cs:getctag/><d:sync-token/></d:prop></d:propfind>"""
"""The body of a PROPFIND that finds a calendar, or the way to it."""


class Collection(NamedTuple):
    """What a server says about one address."""

    url: str
    is_calendar: bool
    """Whether it is a calendar of events."""
    name: str
    tag: str
    """A text that changes with each change of the calendar; empty if the server has none."""
    principal: str | None
    """The address of the user, if the server names it."""
    home: str | None
    """The address under which the calendars of the user are."""


class NoDoctype(ET.TreeBuilder):
    """Builds a tree from a document without a document type."""

    def doctype(self, name: str, pubid: str, system: str) -> None:
        """Refuse the document."""
        raise MessageError("its answer has a document type, which no CalDAV server sends")


def parse_xml(body: bytes) -> ET.Element:
    """Parse a document; MessageError if it is no XML, or has a document type."""
    try:
        return ET.fromstring(body, ET.XMLParser(target=NoDoctype()))  # noqa: S314  see above
    except (ET.ParseError, ValueError, LookupError) as error:
        raise MessageError(f"its answer is not XML: {error}") from error


def collections_in(body: bytes, url: str) -> list[Collection]:
    """Return what a server answers to FIND at an address; MessageError if it is no such answer."""
    root = parse_xml(body)
    if root.tag != f"{D}multistatus":
        raise MessageError("its answer is not that of a CalDAV server")
    return [collection_of(one, url) for one in root.findall(f"{D}response")[:MAX_COLLECTIONS]]


def collection_of(response: ET.Element, url: str) -> Collection:
    """Return what an answer says about one address."""
    properties: dict[str, ET.Element] = {}
    for part in response.findall(f"{D}propstat"):
        if re.search(r"\b200\b", part.findtext(f"{D}status", "200")):
            properties |= {one.tag: one for one in part.iterfind(f"{D}prop/*")}

    def text(name: str, path: str | None = None) -> str:
        found = properties.get(name)
        inner = found if found is None or path is None else found.find(path)
        return "" if inner is None or inner.text is None else inner.text.strip()

    types = properties.get(f"{D}resourcetype")
    components = properties.get(f"{C}supported-calendar-component-set")
    has_events = components is None or any(
        one.get("name", "").upper() == "VEVENT" for one in components.iter(f"{C}comp")
    )
    principal, home = (
        text(f"{D}current-user-principal", f"{D}href"),
        text(f"{C}calendar-home-set", f"{D}href"),
    )
    return Collection(
        url=urljoin(url, response.findtext(f"{D}href", "").strip()),
        is_calendar=types is not None and types.find(f"{C}calendar") is not None and has_events,
        name=text(f"{D}displayname")[:MAX_NAME],
        tag=text(f"{CS}getctag") or text(f"{D}sync-token"),
        principal=urljoin(url, principal) if principal else None,
        home=urljoin(url, home) if home else None,
    )


def query(begin: float, until: float) -> bytes:
    """Return the body of a REPORT that asks for the events in a span of time (Unix seconds)."""
    first, last = (f"{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}" for at in (begin, until))
    return f"""<?xml version="1.0" encoding="utf-8"?>
<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">
<d:prop><d:getetag/><c:calendar-data/></d:prop>
<c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT">
<c:time-range start="{first}" end="{last}"/></c:comp-filter></c:comp-filter></c:filter>
</c:calendar-query>""".encode()


def calendars_in(body: bytes) -> str:
    """Return the text of all calendars in the answer to a REPORT; MessageError if it is no such answer.

    An answer without an event is a calendar without one.
    """
    root = parse_xml(body)
    if root.tag != f"{D}multistatus":
        raise MessageError("its answer is not that of a CalDAV server")
    texts = [one.text or "" for one in root.iter(f"{C}calendar-data")]
    return "\n".join(["BEGIN:VCALENDAR\nEND:VCALENDAR", *texts])
