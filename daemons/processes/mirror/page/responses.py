"""Builds the HTTP responses of the page: JSON documents, errors, and the headers of every response."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import NoReturn

from aiohttp import web

from daemons.processes.mirror.page.documents import encode
from daemons.processes.mirror.page.schemas import ErrorDocument

BaseHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
ERROR_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")
"""The headers of an error that its response keeps."""
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


def require_utf_8(handler: BaseHandler) -> BaseHandler:
    """Return a handler that refuses requests whose headers are not UTF-8, before aiohttp reads them."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            for _, value in request.raw_headers:
                value.decode()
        except UnicodeDecodeError:
            response = error_response(HTTPStatus.BAD_REQUEST, "a header is not valid UTF-8")
            await add_headers(request, response)
            return response
        return await handler(request)

    return handle


async def add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Add the headers that every response has: what a browser must not do with it, and how to cache it."""
    response.headers.update(SECURITY_HEADERS)
    # A status is old a moment later. A file of the page is revalidated, and is mostly unchanged.
    response.headers["Cache-Control"] = "no-store" if request.path.startswith("/api/") else "no-cache"


def json_response(content: bytes, status: int = HTTPStatus.OK) -> web.Response:
    """Return a response with encoded JSON."""
    return web.Response(body=content, status=status, content_type="application/json", charset="utf-8")


def error_response(status: int, reason: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a response with an ErrorDocument."""
    word = HTTPStatus(status).phrase.lower().replace(" ", "_")
    response = json_response(encode(ErrorDocument(error=word, reason=reason)), status)
    response.headers.update({key: value for key, value in (headers or {}).items() if key in ERROR_HEADERS})
    return response


def reject(error: Exception) -> NoReturn:
    """Raise HTTPBadRequest with the text of an error that a client caused."""
    raise web.HTTPBadRequest(reason=" ".join(str(error).split())) from error
