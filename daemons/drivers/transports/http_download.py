"""One HTTP GET of a document that may be large, with or without TLS. Redirects are not followed.

The body may be compressed with gzip. It is read up to a limit, and unpacked up to the same limit.
"""

import asyncio
import re
import zlib
from calendar import timegm
from collections.abc import Mapping

import h11

from daemons.drivers.transports.delivery import tls_context
from daemons.drivers.transports.http_post import Url
from daemons.drivers.transports.http_response import BadResponse, Response, read_response

GZIP_BITS = 16 + zlib.MAX_WBITS
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
HTTP_DATE = re.compile(r"\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT")


async def download(
    url: Url, headers: Mapping[str, str], most_bytes: int, certificate_authority: str | None = None
) -> Response:
    """Send a GET and return the answer with its whole body; the caller limits the time.

    Raises OSError if the server cannot be reached or verified, and BadResponse for a bad or too long answer.
    """
    context = tls_context(certificate_authority) if url.is_secure else None
    try:
        reader, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
    except ValueError as error:  # a name that cannot exist
        raise ConnectionError(str(error)) from error
    try:
        connection = h11.Connection(h11.CLIENT)
        host = f"[{url.host}]" if ":" in url.host else url.host
        host += "" if url.port == (443 if url.is_secure else 80) else f":{url.port}"
        own = [("Host", host), ("Accept-Encoding", "gzip"), ("Connection", "close")]
        request = h11.Request(method="GET", target=url.target, headers=[*own, *headers.items()])
        writer.write((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
        await writer.drain()
        response = await read_response(reader, connection, most_bytes)
    finally:
        writer.transport.abort()
    if not response.is_whole:
        raise BadResponse(f"its answer is cut off, or longer than {most_bytes} bytes")
    return response._replace(body=unpacked(response, most_bytes))


def unpacked(response: Response, most_bytes: int) -> bytes:
    """Return the body of an answer without its compression; raises BadResponse if it cannot be unpacked."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", "") or not response.body:
        return response.body
    if encoding not in ("gzip", "x-gzip"):
        raise BadResponse(f"its answer has the encoding {encoding[:20]!a}, and only gzip is read")
    unpacker = zlib.decompressobj(GZIP_BITS)
    try:
        body = unpacker.decompress(response.body, most_bytes)
    except zlib.error as error:
        raise BadResponse(f"its answer is no gzip: {error}") from error
    if not unpacker.eof:
        raise BadResponse(f"its answer is cut off, or longer than {most_bytes} bytes")
    return body


def http_date(text: str | None) -> float | None:
    """Return the moment of a header such as Expires (Unix seconds); None if it has none."""
    found = HTTP_DATE.fullmatch((text or "").strip())
    if not found or found[2] not in MONTHS:
        return None
    day, month, year, *clock = found.groups()
    try:
        return float(timegm((int(year), MONTHS.index(month) + 1, int(day), *map(int, clock))))
    except (ValueError, OverflowError):
        return None
