"""A server with calendars: requests with a password, and redirects."""

import base64
import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urljoin

from msgspec import Meta, Struct, field

from daemons.drivers.transports.delivery import check_timeout
from daemons.drivers.transports.http_post import HINTS, Url, parse_url
from daemons.drivers.transports.http_request import Answer, request
from daemons.drivers.transports.http_response import BadResponse
from daemons.drivers.transports.secret import SecretFile
from daemons.values import Seconds

CalendarUrl = Annotated[str, Meta(pattern=r"^(https?|webcals?)://[!-~]+\Z", max_length=1000)]
"""The address of a calendar; `webcal` stands for `https`."""
User = Annotated[str, Meta(min_length=1, max_length=254)]
MAX_BYTES = 10_000_000
"""The longest calendar that is read."""
MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
OWN_HINTS = {
    **HINTS,
    401: "it refuses the user or the password",
    403: "the user may not read this calendar",
    404: "there is no calendar at this address",
    410: "there is no calendar at this address any more",
}
MIN_PARENT = 4
"""The shortest first part of a domain that one owner has, so that "co.uk" is none."""


class ServerOptions(Struct, frozen=True, kw_only=True):
    """The options of every driver of a calendar."""

    user: User | None = None
    """The user of the account; by default none."""
    password_file: SecretFile | None = None
    """The file with the password, an absolute path."""
    certificate_authority: SecretFile | None = None
    """A file (PEM) with the authorities to trust, an absolute path. The default is the machine's list."""
    every_seconds: Seconds = field(name="every", default=Seconds(900))
    """How often it is read, `"1m"` to `"1d"`."""
    timeout_seconds: Seconds = field(name="timeout", default=Seconds(30))
    """How long one request may take, `"1s"` to `"60s"`."""

    def check(self) -> None:
        """Raise ValueError if a time or the password cannot be used."""
        check_timeout(self.timeout_seconds)
        if not 60 <= self.every_seconds <= 86_400:  # noqa: PLR2004  a minute and a day
            raise ValueError("every must be from 1m to 1d")
        if self.password_file is not None and self.user is None:
            raise ValueError("password_file goes with user")


def https_of(url: str) -> str:
    """Return an address with the scheme of the web."""
    return re.sub(r"^webcals?://", "https://", url)


class Server:
    """Sends requests to one server, and follows its redirects."""

    def __init__(self, options: ServerOptions, first_url: str, password: str | None) -> None:
        """`first_url` is the address that a person wrote: the password goes to its host."""
        self._options = options
        self._first = parse_url(first_url)
        self._password = password

    async def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> tuple[Answer, str]:
        """Return the answer to a request, and the address that it came from; the caller limits the time."""
        for _ in range(MAX_REDIRECTS + 1):
            try:
                parsed = parse_url(url)
            except ValueError:
                raise BadResponse("it redirects to an address that cannot be used") from None
            if self._first.is_secure and not parsed.is_secure:
                raise BadResponse("it redirects to an address without encryption (http)")
            answer = await request(
                parsed,
                method,
                {**(headers or {}), **self._authorization(parsed)},
                body,
                MAX_BYTES,
                self._options.certificate_authority,
            )
            if answer.status not in REDIRECTS or "location" not in answer.headers:
                return answer, url
            url = urljoin(url, answer.headers["location"])
        raise BadResponse(f"it redirects more than {MAX_REDIRECTS} times")

    def _authorization(self, url: Url) -> dict[str, str]:
        if self._options.user is None or not is_trusted(self._first, url):
            return {}
        text = f"{self._options.user}:{self._password or ''}"
        return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def is_trusted(first: Url, other: Url) -> bool:
    """Return whether the password for one host may go to another: itself, or one of the same owner.

    iCloud, for example, answers at caldav.icloud.com that a calendar is at p12-caldav.icloud.com.
    """
    if first.host.lower() == other.host.lower():
        return first.port == other.port or (other.is_secure and not first.is_secure)
    parent = first.host.lower().partition(".")[2]
    is_owned = "." in parent and len(parent.partition(".")[0]) >= MIN_PARENT and not parent[-1].isdigit()
    return is_owned and first.is_secure and other.is_secure and other.host.lower().endswith(f".{parent}")


def refusal(answer: Answer, hints: Mapping[int, str] = OWN_HINTS) -> BadResponse:
    """Return the error for a status that is no success."""
    challenge = answer.headers.get("www-authenticate", "").lower()
    hint = hints.get(answer.status, "")
    if answer.status == 401 and challenge.startswith("digest"):  # noqa: PLR2004  RFC 9110
        hint = "it accepts only Digest authentication; set it to Basic, over https"
    return BadResponse(f"HTTP {answer.status}" + (f": {hint}" if hint else ""))


def is_ok(answer: Answer) -> bool:
    """Return whether a status is a success."""
    return 200 <= answer.status < 300  # noqa: PLR2004  RFC 9110
