"""A web server on loopback with a calendar: as an ICS file, and by CalDAV. It can have faults."""

import base64
import gzip
import hashlib
import re
import socket
from collections.abc import Callable
from typing import Self

from tests.support.loopback_server import LoopbackServer, read_request

USER, PASSWORD = "anna", "open sesame"
MULTISTATUS = (
    '<?xml version="1.0"?>\n<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
    ' xmlns:CS="http://calendarserver.org/ns/">{}</D:multistatus>'
)
Fault = Callable[[socket.socket, LoopbackServer], None]


class CalendarServer:
    """Serves one text: at /basic.ics as a file, and by CalDAV in the calendars of a user."""

    def __init__(self, text: str, *, protected: bool = False, names: tuple[str, ...] = ("Family",)) -> None:
        """With `protected`, it asks for the user and the password. `names` are those of the calendars."""
        self.text = text
        self.protected = protected
        self.names = names
        self.fault: Fault | None = None
        """Handles each connection in its place; None: there is no fault."""
        self.has_tags = True
        """Whether it says with an ETag or a CTag that the calendar has not changed."""
        self.calendars_host: str | None = None
        """Another server that has the calendars of the user, as with iCloud."""
        self.requests: list[str] = []
        """The method and the path of each request, with the status of its answer."""
        self.heads: list[bytes] = []
        """The head of each request."""
        self._server = LoopbackServer(self._behave)

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self._server.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *more: object) -> None:
        self._server.__exit__(*more)

    def _behave(self, connection: socket.socket, server: LoopbackServer) -> None:
        if self.fault is not None:
            self.fault(connection, server)
            return
        head, _, body = read_request(connection).partition(b"\r\n\r\n")
        self.heads.append(head)
        method, path = head.decode("latin-1").split(" ", 2)[:2]
        status, headers, answer = self._answer(method, path, head, body)
        self.requests.append(f"{method} {path} {status}")
        if b"gzip" in head and answer:
            answer, headers = gzip.compress(answer), {**headers, "Content-Encoding": "gzip"}
        lines = "".join(f"{k}: {v}\r\n" for k, v in {**headers, "Content-Length": str(len(answer))}.items())
        connection.sendall(f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + answer)

    def _answer(self, method: str, path: str, head: bytes, body: bytes) -> tuple[int, dict[str, str], bytes]:
        allowed = base64.b64encode(f"{USER}:{PASSWORD}".encode())
        if self.protected and b"Authorization: Basic " + allowed not in head:
            return 401, {"WWW-Authenticate": 'Basic realm="calendars"'}, b""
        if method == "GET":
            return self._get(path, head)
        if path == "/.well-known/caldav":
            return 301, {"Location": "/dav/"}, b""
        if method == "PROPFIND":
            return self._propfind(path, head)
        if method == "REPORT" and self._is_calendar(path):
            return 207, {}, self._report(body)
        return 404, {}, b""

    def _get(self, path: str, head: bytes) -> tuple[int, dict[str, str], bytes]:
        if path != "/basic.ics":
            return 404, {}, b"<html>no such page</html>"
        if self.has_tags and f'If-None-Match: "{self.tag}"'.encode() in head:
            return 304, {}, b""
        return 200, {"ETag": f'"{self.tag}"'} if self.has_tags else {}, self.text.encode()

    def _propfind(self, path: str, head: bytes) -> tuple[int, dict[str, str], bytes]:
        if path == "/":
            return 405, {}, b""
        found = "<D:current-user-principal><D:href>/dav/principals/anna/</D:href></D:current-user-principal>"
        if path == "/dav/principals/anna/":
            home = f"{self.calendars_host or ''}/dav/calendars/anna/"
            found = f"<C:calendar-home-set><D:href>{home}</D:href></C:calendar-home-set>"
        responses = [(path, found)]
        if path == "/dav/calendars/anna/":
            responses = [(path, "<D:resourcetype><D:collection/></D:resourcetype>")]
            responses.append((f"{path}inbox/", "<D:resourcetype><C:schedule-inbox/></D:resourcetype>"))
            responses += [(f"{path}{name.lower()}/", self._collection(name)) for name in self.names]
            if re.search(rb"(?i)depth: 0", head):
                responses = responses[:1]
        elif name := self._is_calendar(path):
            responses = [(path, self._collection(name))]
        elif path not in ("/dav/", "/dav/principals/anna/"):
            return 404, {}, b""
        texts = "".join(
            f"<D:response><D:href>{href}</D:href><D:propstat><D:prop>{prop}</D:prop>"
            "<D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat><D:prop><D:quota/></D:prop>"
            "<D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>"
            for href, prop in responses
        )
        return 207, {"Content-Type": "application/xml"}, MULTISTATUS.format(texts).encode()

    def _is_calendar(self, path: str) -> str | None:
        return next((n for n in self.names if path == f"/dav/calendars/anna/{n.lower()}/"), None)

    def _collection(self, name: str) -> str:
        tag = f"<CS:getctag>{self.tag}</CS:getctag>" if self.has_tags else ""
        return (
            "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>"
            f"<D:displayname>{name}</D:displayname>"
            '<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set>'
            f"{tag}"
        )

    def _report(self, body: bytes) -> bytes:
        assert re.search(rb'time-range start="\d{8}T\d{6}Z" end="\d{8}T\d{6}Z"', body), body
        data = self.text.replace("&", "&amp;").replace("<", "&lt;")
        response = (
            "<D:response><D:href>/dav/calendars/anna/family/1.ics</D:href><D:propstat><D:prop>"
            f'<D:getetag>"1"</D:getetag><C:calendar-data>{data}</C:calendar-data></D:prop>'
            "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        )
        return MULTISTATUS.format(response if data else "").encode()

    @property
    def tag(self) -> str:
        """A text that changes with each change of the calendar."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]


def ics(*events: str, head: str = "") -> str:
    """Return a calendar with some events, each without its first and its last line."""
    body = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Example//EN\n{head}{body}END:VCALENDAR\n"
    return text.replace("\n", "\r\n")
