"""The page's HTTP application: its routes, and the checks before each of them.

docs/page.md describes the API. This file loads aiohttp and asyncio, so only the page's own thread
imports it.
"""

import asyncio
import re
import time
from http import HTTPStatus
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from daemons.bus.dropped import DroppedLog
from daemons.bus.message import Identifier
from daemons.bus.requests.aio import AsyncCommandClient
from daemons.bus.requests.protocol import CommandRequest
from daemons.errors import HistoryError, StorageError
from daemons.processes.mirror.page.auth import COOKIE_NAME, AccessPolicy, bearer_token, is_same_origin
from daemons.processes.mirror.page.connections import ConnectionLimit
from daemons.processes.mirror.page.documents import DocumentEncoder, encode
from daemons.processes.mirror.page.memory_use import memory_use
from daemons.processes.mirror.page.openapi import describe_api
from daemons.processes.mirror.page.responses import add_headers, error_response, json_response, reject
from daemons.processes.mirror.page.schemas import HealthDocument
from daemons.processes.mirror.page.server import PageServer
from daemons.processes.mirror.page.websocket import MAX_MESSAGE_BYTES, WebSocketServer
from daemons.runtime.clock import uptime
from daemons.runtime.rate_limit import TokenBucket, TokenBuckets
from daemons.values import Seconds

ASSETS = Path(__file__).parent / "static"
YEAR_SECONDS = 365 * 86400
POINTS = range(10, 2001)
"""How many points of a measurement a request for history may ask for."""
UNIX_SECONDS = re.compile(r"[0-9]{1,10}(\.[0-9]{1,9})?")
PUBLIC_PATHS = ("/login", "/healthz")
"""These paths and the page's own files need no token: the sign-in form needs them."""


class PageApp:
    """The aiohttp application with all routes."""

    def __init__(self, server: PageServer, policy: AccessPolicy, max_connections: int) -> None:
        self._server = server
        self._context = server.context
        self._policy = policy
        self.problems = DroppedLog(self._context.log, "%s %s%s")
        """Problems that a stranger can cause: each is logged once a minute."""
        self.connections = ConnectionLimit(max_connections, self.problems)
        self._documents = DocumentEncoder(self._context)
        self.command_client = AsyncCommandClient(self._context.counters.count_command)
        self.websocket = WebSocketServer(server, self._documents, self.command_client, policy)
        self._command_limit = TokenBuckets(20, 40)
        self._wrong_token_limit = TokenBuckets(0.2, 5)
        self._traceback_limit = TokenBucket(1 / 60, 5)
        self.app = web.Application(client_max_size=MAX_MESSAGE_BYTES, middlewares=[self._guard])
        self.app.on_response_prepare.append(add_headers)
        self.app.add_routes(
            [
                web.get("/", self._index),
                web.get("/login", self._login_page),
                web.post("/login", self._login),
                web.get("/page/{name}", self._asset),
                web.get("/api/live", self.websocket.serve),
                web.get("/api/house", self._house),
                web.get("/api/devices/{name}", self._device),
                web.post("/api/devices/{name}/{command}", self._command),
                web.get("/api/history", self._history),
                web.get("/api/openapi.json", self._openapi),
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._health),
            ]
        )

    # Access

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check the access rights of a request, and turn every error into an ErrorDocument."""
        try:
            with self.connections.in_use(request):
                self._check_access(request)
                return await handler(request)
        except StorageError as error:
            self.problems.add("the page", f"cannot decide who has access: {error}")
            return error_response(503, "the token cannot be read; the mirror's log has the reason")
        except web.HTTPException as error:
            if error.status < HTTPStatus.BAD_REQUEST:
                raise
            return error_response(error.status, error.reason, error.headers)
        except ConnectionError:  # aiohttp would log it; the response is never sent
            return error_response(400, "the connection was lost")
        except Exception:
            if self._traceback_limit.allow():
                self._context.log.exception("%s %s failed", request.method, request.path)
            return error_response(500, "internal error; the mirror's log has the traceback")

    def _check_access(self, request: web.Request) -> None:
        host, policy = request.headers.get("Host"), self._policy
        if not policy.is_known_host(host):
            raise web.HTTPForbidden(
                reason="the page does not accept this host name; `hosts` of the mirror may allow it"
            )
        if not is_same_origin(request.headers.get("Origin"), host, is_https=request.secure):
            raise web.HTTPForbidden(reason="another site made this request")
        if request.path in PUBLIC_PATHS or request.path.startswith("/page/"):
            return
        cookie, authorization = request.cookies.get(COOKIE_NAME), request.headers.get("Authorization")
        if not policy.is_authorized(authorization, cookie):
            if bearer_token(authorization) is not None:
                self._count_wrong_token(request)
            if request.path == "/":
                raise web.HTTPSeeOther("/login")
            raise web.HTTPUnauthorized(
                reason="a token is needed; `house token` makes one", headers={"WWW-Authenticate": "Bearer"}
            )

    def _count_wrong_token(self, request: web.Request) -> None:
        """Log a wrong token; raise HTTPTooManyRequests if its address sends too many.

        The right token is accepted all the same: it cannot be guessed, and behind a proxy all clients have
        one address.
        """
        self.problems.add(str(request.remote), "sent a wrong token")
        if not self._wrong_token_limit.allow(request.remote or ""):
            raise too_many_attempts()

    async def _login_page(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(ASSETS / "login.html")

    async def _login(self, request: web.Request) -> web.StreamResponse:
        """Send the cookie to a browser that sends the token."""
        try:
            with self.connections.waiting(request):
                token = str((await request.post()).get("token", ""))
        except (web.RequestPayloadError, HttpProcessingError, ValueError, LookupError) as error:
            reject(error)
        if not self._policy.is_valid_token(token):
            self._count_wrong_token(request)
            return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/login?wrong"})
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/"})
        response.set_cookie(
            COOKIE_NAME,
            self._policy.cookie,
            max_age=YEAR_SECONDS,
            httponly=True,
            samesite="Strict",
            secure=request.secure,
        )
        return response

    # Routes

    async def _index(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(ASSETS / "index.html")

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in {path.name for path in ASSETS.iterdir()}:
            raise web.HTTPNotFound(reason=f"the page has no file {name!r}")
        return web.FileResponse(ASSETS / name)

    async def _house(self, _: web.Request) -> web.Response:
        return json_response(self._documents.house()[1])

    async def _device(self, request: web.Request) -> web.Response:
        name = self._device_name(request)
        content = self._documents.device(name)
        if content is None:
            raise web.HTTPServiceUnavailable(reason=f"nothing is known of {name} yet")
        return json_response(content)

    async def _command(self, request: web.Request) -> web.Response:
        """Send a command to a device, and answer with its receipt."""
        name = self._device_name(request)
        if not self._command_limit.allow(request.remote or ""):
            raise web.HTTPTooManyRequests(
                reason="more than 20 commands a second", headers={"Retry-After": "1"}
            )
        try:
            with self.connections.waiting(request):
                body = await request.read()
        except web.RequestPayloadError as error:
            reject(error)
        if body and request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(reason="the body must be application/json")
        try:
            command = msgspec.convert(request.match_info["command"], Identifier)
            command_request = msgspec.json.decode(body, type=CommandRequest) if body else CommandRequest()
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            reject(error)
        receipt = await self.command_client.send(name, command, command_request)
        status = {"applied": 200, "unanswered": 504}.get(receipt["outcome"], 409)
        return json_response(encode(receipt), status)

    async def _history(self, request: web.Request) -> web.Response:
        """Answer with what the recorder has recorded."""
        from daemons.storage import history  # noqa: PLC0415  loaded at the first request

        names = request.query.getall("device", [])
        for name in names:
            if name not in self._context.peers:
                raise web.HTTPNotFound(reason=f"there is no device {name!r}")
        if unknown := request.query.keys() - {"device", "since", "until", "points"}:
            raise web.HTTPBadRequest(reason=f"unknown parameter {min(unknown)!r}")
        now = time.time()
        since = parse_time(request.query.get("since", "1h"), now)
        until = parse_time(request.query["until"], now) if "until" in request.query else now
        points = request.query.get("points", "300")
        if not (points.isascii() and points.isdecimal() and len(points) < 5 and int(points) in POINTS):  # noqa: PLR2004
            raise web.HTTPBadRequest(reason="points must be a whole number from 10 to 2000")
        if not since < until:
            raise web.HTTPBadRequest(reason="since must be earlier than until")
        try:
            found = await asyncio.to_thread(
                history.read, history.PATH, names or list(self._context.peers), since, until, int(points)
            )
        except HistoryError as error:
            raise web.HTTPServiceUnavailable(reason=str(error)) from error
        return json_response(encode(found))

    async def _openapi(self, _: web.Request) -> web.Response:
        return json_response(encode(describe_api(list(self._context.peers))))

    async def _metrics(self, _: web.Request) -> web.Response:
        from daemons.processes.mirror.page import metrics  # noqa: PLC0415  loaded at the first request

        content = metrics.write(self._context, await asyncio.to_thread(memory_use, self._context.pids()))
        return web.Response(body=content, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _health(self, _: web.Request) -> web.Response:
        if not self._server.is_mirror_alive(uptime()):
            raise web.HTTPServiceUnavailable(reason="the mirror's own loop does not respond")
        return json_response(encode(HealthDocument(ok=True)))

    def _device_name(self, request: web.Request) -> str:
        name = request.match_info["name"]
        if name not in self._context.peers:
            raise web.HTTPNotFound(reason=f"there is no device {name!r}")
        return name


def too_many_attempts() -> web.HTTPTooManyRequests:
    """Return the error for an address that sends too many tokens."""
    return web.HTTPTooManyRequests(reason="too many attempts; try again later", headers={"Retry-After": "5"})


def parse_time(text: str, now: float) -> float:
    """Return a duration before `now`, or Unix seconds, as Unix seconds; raises HTTPBadRequest otherwise."""
    if UNIX_SECONDS.fullmatch(text):
        return float(text)
    try:
        return max(0.0, now - Seconds.parse(text))
    except ValueError:
        raise web.HTTPBadRequest(
            reason=f"{text[:40]!r} is not a time; allowed: how long ago, such as 2h, or Unix seconds"
        ) from None
