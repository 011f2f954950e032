"""One HTTP GET over the streams of asyncio; h11 makes and parses the frames. Redirects are not followed."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import h11

from daemons.drivers.transports.http_response import Response, read_response


async def get(address: str, target: str, headers: Mapping[str, str]) -> Response:
    """Send a GET and return the answer; the address has `:port` if the port is not 80.

    The caller limits the time. Raises OSError if the server cannot be reached, BadResponse for a bad answer.
    """
    where = urlsplit(f"//{address}")
    try:
        reader, writer = await asyncio.open_connection(where.hostname, where.port or 80)
    except ValueError as error:  # a name or a port that cannot exist
        raise ConnectionError(str(error)) from error
    try:
        connection = h11.Connection(h11.CLIENT)
        own = [("Host", address), ("User-Agent", "house"), ("Connection", "close")]
        request = h11.Request(method="GET", target=target, headers=[*own, *headers.items()])
        writer.write((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
        await writer.drain()
        return await read_response(reader, connection)
    finally:
        writer.transport.abort()
