"""One HTTP request of any method over the streams of asyncio, with a bounded answer; h11 parses the frames.

An answer that ends too early is an error, so that no part of a document counts as the whole. A compressed
answer (gzip) is decompressed, within the same bound. Redirects are not followed here.
"""

import asyncio
import zlib
from collections.abc import Mapping
from typing import NamedTuple

import h11

from daemons.drivers.transports.delivery import tls_context
from daemons.drivers.transports.http_post import Url
from daemons.drivers.transports.http_response import BadResponse

READ_BYTES = 64 * 1024
GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Answer(NamedTuple):
    """The answer of a server."""

    status: int
    headers: Mapping[str, str]
    """The headers, with names in small letters."""
    body: bytes


async def request(
    url: Url,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    most_bytes: int,
    certificate_authority: str | None = None,
) -> Answer:
    """Send a request and return the answer; the caller limits the time.

    Raises OSError if the server cannot be reached or verified, and BadResponse for a bad or a long answer.
    """
    context = tls_context(certificate_authority) if url.is_secure else None
    try:
        reader, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
    except ValueError as error:  # a name that cannot exist
        raise ConnectionError(str(error)) from error
    try:
        connection = h11.Connection(h11.CLIENT)
        own = [
            ("Host", host_header(url)),
            ("User-Agent", "house"),
            ("Accept-Encoding", "gzip"),
            ("Connection", "close"),
        ]
        if body or method not in ("GET", "HEAD"):
            own.append(("Content-Length", str(len(body))))
        parts = (
            h11.Request(method=method, target=url.target, headers=[*own, *headers.items()]),
            *([h11.Data(data=body)] if body else []),
            h11.EndOfMessage(),
        )
        writer.write(b"".join(filter(None, map(connection.send, parts))))
        await writer.drain()
        return await read_answer(reader, connection, most_bytes)
    finally:
        writer.transport.abort()


def host_header(url: Url) -> str:
    """Return the header with the server's name."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return host if url.port == (443 if url.is_secure else 80) else f"{host}:{url.port}"


async def read_answer(reader: asyncio.StreamReader, connection: h11.Connection, most_bytes: int) -> Answer:
    """Read an answer with a body of at most `most_bytes`."""
    status, headers, body = 0, dict[str, str](), bytearray()
    while True:
        try:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(READ_BYTES))
                continue
        except h11.RemoteProtocolError as error:
            why = "its answer ends too early" if status else "its answer is not HTTP"
            raise BadResponse(f"{why}: {error}") from error
        if isinstance(event, h11.Response):
            status = event.status_code
            headers = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in event.headers
            }
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > most_bytes:
                raise too_long(most_bytes)
        elif not isinstance(event, h11.InformationalResponse):
            if not status:
                raise BadResponse("it ended the connection without an answer")
            return Answer(status, headers, decoded(bytes(body), headers, most_bytes))


def decoded(body: bytes, headers: Mapping[str, str], most_bytes: int) -> bytes:
    """Return a body without its compression; raises BadResponse for a broken or a long one."""
    if headers.get("content-encoding", "").lower() not in ("gzip", "x-gzip") or not body:
        return body
    inflater = zlib.decompressobj(GZIP_WINDOW)
    try:
        found = inflater.decompress(body, most_bytes + 1)
    except zlib.error as error:
        raise BadResponse(f"its answer cannot be decompressed: {error}") from error
    if len(found) > most_bytes:
        raise too_long(most_bytes)
    if not inflater.eof:
        raise BadResponse("its answer ends too early")
    return found


def too_long(most_bytes: int) -> BadResponse:
    """Return the error for a long answer."""
    return BadResponse(f"its answer is longer than {most_bytes / 1e6:g} MB")
