"""The answer of an HTTP server, read from the streams of asyncio; h11 parses the frames."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import h11

MAX_ANSWER_BYTES = 64 * 1024
"""The longest answer of a server; the rest is not read."""
READ_BYTES = 16 * 1024


class Response(NamedTuple):
    """The answer of a server."""

    status: int
    body: bytes
    """The beginning of the body, of at most as many bytes as were asked for."""
    headers: Mapping[str, str] = {}
    """The headers, by their names in lower case."""
    is_whole: bool = True
    """Whether the body has come to its end."""


class BadResponse(Exception):
    """The server's answer is not HTTP, or ends before its status."""


async def read_response(
    reader: asyncio.StreamReader, connection: h11.Connection, most_bytes: int = MAX_ANSWER_BYTES
) -> Response:
    """Read an answer, of at most `most_bytes`; raises BadResponse for a bad one."""
    status, body, received, headers = None, bytearray(), 0, dict[str, str]()
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            if status is None:
                raise BadResponse(f"its answer is not HTTP: {error}") from error
            return Response(status, bytes(body), headers, is_whole=False)
        match event:
            case h11.NEED_DATA if received < most_bytes:
                data = await reader.read(READ_BYTES)
                if not data and status is None:
                    raise BadResponse("it ended the connection without an answer")
                received += len(data)
                connection.receive_data(data)
            case h11.Response():
                status = event.status_code
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
            case h11.Data():
                body += event.data
            case h11.InformationalResponse():
                continue
            case _ if status is None:
                raise BadResponse("it sent too much, and no answer")
            case _:
                return Response(status, bytes(body), headers, is_whole=event is not h11.NEED_DATA)
