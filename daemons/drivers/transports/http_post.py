"""One HTTP POST over the streams of asyncio; h11 makes and parses the frames. Redirects are not followed."""

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import h11
from msgspec import Meta

from daemons.drivers.transports.delivery import Answer, Progress, tls_context
from daemons.drivers.transports.http_response import Response, read_response
from daemons.errors import StorageError

FOR_NOW = frozenset({401, 403, 404, 405, 407, 408, 421, 425, 429})
"""The statuses from 400 to 499 that a person can repair, or that time does: the message is not at fault."""
UNKNOWN = frozenset({502, 504})
"""The statuses with which a gateway says that the server behind it has not answered."""
HINTS = {
    401: "it refuses the token or password",
    403: "it refuses the token, or the token may not send there",
    404: "it does not know this address",
    413: "the message is too long for it",
    429: "it takes no more messages for now",
}

HttpUrl = Annotated[str, Meta(pattern=r"^https?://[!-~]+\Z", max_length=1000)]
"""An address of the web, with its scheme."""


class Url(NamedTuple):
    """The parts of an address."""

    is_secure: bool
    host: str
    port: int
    target: str
    """The path and the query, which may be secret."""

    @property
    def where(self) -> str:
        """The part that a log may have."""
        return f"{self.host}:{self.port}"


def parse_url(text: str) -> Url:
    """Parse an address; raises ValueError, without the address, if it cannot be used."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("the address is no URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError("the address must be http:// or https:// with a host, and without a user")
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("the address has characters that a URL cannot have")
    is_secure = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(is_secure, parts.hostname, port or (443 if is_secure else 80), target)


def bearer(token: str) -> str:
    """Return the header for a token; raises StorageError if a header cannot have it."""
    if not re.fullmatch(r"[!-~]+", token):
        raise StorageError("the token has spaces or other characters that no token has")
    return f"Bearer {token}"


async def post(
    url: Url, headers: Mapping[str, str], body: bytes, progress: Progress, certificate_authority: str | None
) -> Response:
    """Send a POST and return the answer; the caller limits the time.

    Raises OSError if the server cannot be reached or verified, and BadResponse for a bad answer.
    """
    context = tls_context(certificate_authority) if url.is_secure else None
    reader, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
    try:
        connection = h11.Connection(h11.CLIENT)
        host = f"[{url.host}]" if ":" in url.host else url.host
        host += "" if url.port == (443 if url.is_secure else 80) else f":{url.port}"
        request = h11.Request(
            method="POST",
            target=url.target,
            headers=[
                ("Host", host),
                ("User-Agent", "house"),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
                *headers.items(),
            ],
        )
        parts = (request, h11.Data(data=body), h11.EndOfMessage())
        data = b"".join(filter(None, map(connection.send, parts)))
        progress.begin_sending()
        writer.write(data)
        await writer.drain()
        return await read_response(reader, connection)
    finally:
        writer.transport.abort()


def answer_to(response: Response, said: str) -> Answer:
    """Return what a status means for a message; `said` is the server's own text."""
    status = response.status
    if 200 <= status < 300:  # noqa: PLR2004  RFC 9110
        return Answer("taken")
    words = [f"HTTP {status}", HINTS.get(status, ""), said]
    if 300 <= status < 400:  # noqa: PLR2004
        words.append("it redirects to another address, and a message does not follow: correct the address")
    text = ": ".join(filter(None, words))
    if status in UNKNOWN:
        return Answer("unknown", text)
    if status in FOR_NOW or not 400 <= status < 500:  # noqa: PLR2004
        return Answer("refused_for_now", text)
    return Answer("refused", text)
