"""Builds the HTTP responses of the page: JSON documents, errors, files, and the headers of every response."""

import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import NoReturn

from msgspec import Struct

from daemons.processes.mirror.page.documents import encode
from daemons.processes.mirror.page.schemas import ErrorDocument

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
SECURITY_HEADERS = {
    "Server": "House",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with a stricter one, browsers send "null" as the origin of a form
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Response(Struct, kw_only=True):
    """A response to one request."""

    status: int = HTTPStatus.OK
    headers: dict[str, str] = {}
    body: bytes = b""


NAMES: dict[int, str] = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "content_too_large"}
"""The errors whose phrase Python 3.13 has changed to the one of RFC 9110."""


class HttpError(Exception):
    """The response to a request is an ErrorDocument with this status and reason."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}

    def response(self) -> Response:
        """Return the response with the ErrorDocument."""
        word = NAMES.get(self.status) or HTTPStatus(self.status).phrase.lower().replace(" ", "_")
        response = json_response(encode(ErrorDocument(error=word, reason=self.reason)), self.status)
        response.headers.update(self.headers)
        return response


def common_headers(path: str) -> dict[str, str]:
    """Return the headers of every response: what a browser must not do with it, and how to cache it."""
    # A status is old a moment later. A file of the page is revalidated, and is mostly unchanged.
    cache = "no-store" if path.startswith("/api/") else "no-cache"
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    return {**SECURITY_HEADERS, "Cache-Control": cache, "Date": date}


def json_response(content: bytes, status: int = HTTPStatus.OK) -> Response:
    """Return a response with encoded JSON."""
    return Response(status=status, headers={"Content-Type": "application/json; charset=utf-8"}, body=content)


def redirect(path: str) -> Response:
    """Return a response that sends a browser to another path."""
    return Response(status=HTTPStatus.SEE_OTHER, headers={"Location": path})


def file_response(file: Path, known: str) -> Response:
    """Return a response with a file, or without it if `known`, an If-None-Match header, has its version."""
    status = file.stat()
    headers = {"ETag": f'"{status.st_mtime_ns:x}-{status.st_size:x}"'}
    if headers["ETag"] in known:
        return Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Type"] = CONTENT_TYPES[file.suffix]
    return Response(headers=headers, body=file.read_bytes())


def reject(error: Exception) -> NoReturn:
    """Raise an HttpError with the text of an error that a client caused."""
    raise HttpError(HTTPStatus.BAD_REQUEST, " ".join(str(error).split())) from error
