"""The page over HTTP: what is served where, to whom, and what a mistake looks like.

It is all a reading of the board. What is heavy (aiohttp, asyncio) is loaded here, in the page's
own thread; docs/page.md is the same for those who call it.
"""

import asyncio
import json
import os
import re
import resource
import socket
import ssl
import time
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from daemons.bus.message import Identifier
from daemons.bus.requests import Courier, Wish
from daemons.errors import HistoryError
from daemons.kinds.mirror import Options
from daemons.processes.mirror.page.auth import COOKIE, Gate, is_address
from daemons.processes.mirror.page.documents import Portrait
from daemons.processes.mirror.page.memory_use import memory_use
from daemons.processes.mirror.page.openapi import describe
from daemons.processes.mirror.page.server import Server
from daemons.processes.mirror.page.websocket import LONGEST, Forwarder
from daemons.runtime.clock import uptime
from daemons.runtime.rate_limit import Rates
from daemons.values import Seconds

ASSETS = Path(__file__).parent / "static"
RETRY_SECONDS = 1.0
"""How soon a port that could not be had is tried again."""
BACKLOG = 1024
FILES = 4096
YEAR_SECONDS = 365 * 86400
POINTS = range(10, 2001)
UNIX = re.compile(r"[0-9]{1,10}(\.[0-9]{1,9})?")
FREE_FOR_ALL = ("/login", "/healthz")
"""What needs no token, beside the page's own files: without these nobody could bring it."""
KEPT = ("Allow", "Retry-After", "WWW-Authenticate")
"""The headers of an error that mean something to whoever made it."""
HEADERS = {
    "Server": "House",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with less, browsers do not say where the form of /login came from
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def run(server: Server) -> None:
    """Serve the page in this thread until the server ends it."""
    # Each client is an open file, and the usual limit is one for programs with few.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (enough, most))
    asyncio.run(serve(server))


async def serve(server: Server) -> None:
    """Serve until the end; what keeps us from it is told, and tried again."""
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    server.when_ended = partial(loop.call_soon_threadsafe, end.set)
    options, log = server.subject.options, server.subject.log
    gate = Gate(options.address, {*options.hosts, *own_names()})
    page = Page(server, gate)
    # Every request would be a line; what is done to the house is logged where it is done.
    runner = web.AppRunner(page.app, access_log=None, shutdown_timeout=0, keepalive_timeout=30)
    await runner.setup()
    forwarding = asyncio.create_task(page.forwarder.run())
    try:
        while not end.is_set():
            site = None
            try:
                if gate.is_locked:
                    raise OSError(f"{options.address} is beyond this machine, and there is no token")
                site = await listen(runner, server)
            except (OSError, ssl.SSLError) as error:
                server.tell(None, f"its page cannot be served: {why(error, options, locked=gate.is_locked)}")
            with suppress(TimeoutError):
                async with asyncio.timeout(None if site else RETRY_SECONDS):
                    await end.wait()
    finally:
        forwarding.cancel()
        page.courier.end()
        log.debug("the page has ended")


async def listen(runner: web.AppRunner, server: Server) -> web.SockSite:
    """Listen, and say where; OSError when that is not possible."""
    options = server.subject.options
    context = None
    if options.certificate and options.private_key:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate, options.private_key)
    sock = bind(options, server.port)
    site = web.SockSite(runner, sock, ssl_context=context, backlog=BACKLOG)
    await site.start()
    server.port = sock.getsockname()[1]
    server.tell(f"{'https' if context else 'http'}://{callable_name(options.address)}:{server.port}/", None)
    return site


def bind(options: Options, last: int) -> socket.socket:
    """Take the port that is wanted; a free one stays the same over restarts, where it still is free."""
    family, _, _, _, where = socket.getaddrinfo(
        options.address, last, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    try:
        return socket.create_server(where[:2], family=family, backlog=BACKLOG)
    except OSError:
        if options.port:
            raise
        return socket.create_server((where[0], 0), family=family, backlog=BACKLOG)


def why(error: OSError, options: Options, *, locked: bool) -> str:
    """Say what keeps the page from being served, and what to do."""
    if locked:
        return f"{error}; `house token` makes one"
    reason = os.strerror(error.errno) if error.errno and not isinstance(error, ssl.SSLError) else str(error)
    if isinstance(error, ssl.SSLError | FileNotFoundError):
        return f"{reason}; see `certificate` and `private_key` of the mirror"
    return f"{options.address}, port {options.port}: {reason}; see `port` and `address` of the mirror"


def own_names() -> set[str]:
    """Give the names of this machine."""
    name = socket.gethostname().lower()
    return {name, f"{name.partition('.')[0]}.local"}


def callable_name(address: str) -> str:
    """Give the name by which a browser reaches an address that is listened on."""
    if address in ("0.0.0.0", "::"):  # noqa: S104  it is only told where that is
        return socket.gethostname()
    return f"[{address}]" if is_address(address) and ":" in address else address


class Page:
    """The application: its routes, and what stands before each of them."""

    def __init__(self, server: Server, gate: Gate) -> None:
        self._server = server
        self._subject = server.subject
        self._gate = gate
        self.portrait = Portrait(self._subject)
        self.courier = Courier(self._subject.tally.count)
        self.forwarder = Forwarder(server, self.portrait, self.courier)
        self._wishes = Rates(20, 40)
        self._logins = Rates(0.2, 5)
        self.app = web.Application(client_max_size=LONGEST, middlewares=[self._guard])
        self.app.on_response_prepare.append(add_headers)
        self.app.add_routes(
            [
                web.get("/", self._index),
                web.get("/login", self._login_page),
                web.post("/login", self._login),
                web.get("/page/{name}", self._asset),
                web.get("/api/live", self.forwarder.serve),
                web.get("/api/house", self._house),
                web.get("/api/devices/{name}", self._device),
                web.post("/api/devices/{name}/{command}", self._command),
                web.get("/api/history", self._history),
                web.get("/api/openapi.json", self._openapi),
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._health),
            ]
        )

    # Who is let in

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who may, and word what goes wrong."""
        try:
            self._admit(request)
            return await handler(request)
        except web.HTTPException as error:
            if error.status < HTTPStatus.BAD_REQUEST:
                raise
            return complaint(error.status, error.reason, error.headers)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception:
            self._subject.log.exception("%s %s failed", request.method, request.path)
            return complaint(500, "the house has made a mistake; its mirror's log tells which")

    def _admit(self, request: web.Request) -> None:
        host, gate = request.headers.get("Host"), self._gate
        if not gate.is_called_rightly(host):
            raise web.HTTPForbidden(
                reason="this house is not called by that name; `hosts` of the mirror may allow it"
            )
        if not gate.is_own(request.headers.get("Origin"), host):
            raise web.HTTPForbidden(reason="the request was made by another site")
        if request.path in FREE_FOR_ALL or request.path.startswith("/page/"):
            return
        if not gate.is_known(request.headers.get("Authorization"), request.cookies.get(COOKIE)):
            if request.path == "/":
                raise web.HTTPSeeOther("/login")
            raise web.HTTPUnauthorized(
                reason="a token is needed; `house token` makes one", headers={"WWW-Authenticate": "Bearer"}
            )

    async def _login_page(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(ASSETS / "login.html")

    async def _login(self, request: web.Request) -> web.StreamResponse:
        """Give who brings the token a cookie."""
        if not self._logins.take(request.remote or ""):
            raise web.HTTPTooManyRequests(reason="too many tries; wait a while", headers={"Retry-After": "5"})
        try:
            given = str((await request.post()).get("token", ""))
        except (web.RequestPayloadError, HttpProcessingError, ValueError, LookupError) as error:
            refuse(error)
        if not self._gate.fits(given):
            self._subject.log.warning("%s brought a wrong token", request.remote)
            return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/login?wrong"})
        answer = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/"})
        answer.set_cookie(
            COOKIE,
            self._gate.cookie,
            max_age=YEAR_SECONDS,
            httponly=True,
            samesite="Strict",
            secure=request.secure,
        )
        return answer

    # What is served

    async def _index(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(ASSETS / "index.html")

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in {path.name for path in ASSETS.iterdir()}:
            raise web.HTTPNotFound(reason=f"the page has no file {name!r}")
        return web.FileResponse(ASSETS / name)

    async def _house(self, _: web.Request) -> web.Response:
        return as_json(self.portrait.house()[1])

    async def _device(self, request: web.Request) -> web.Response:
        text = self.portrait.device(self._named(request))
        if text is None:
            raise web.HTTPServiceUnavailable(reason="nothing is known of it yet")
        return as_json(text)

    async def _command(self, request: web.Request) -> web.Response:
        """Carry a command, and answer with its receipt."""
        name = self._named(request)
        if not self._wishes.take(request.remote or ""):
            raise web.HTTPTooManyRequests(
                reason="more than 20 commands a second", headers={"Retry-After": "1"}
            )
        try:
            body = await request.read()
        except web.RequestPayloadError as error:
            refuse(error)
        if body and request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(reason="the body has to be application/json")
        try:
            word = msgspec.convert(request.match_info["command"], Identifier)
            wish = msgspec.json.decode(body, type=Wish) if body else Wish()
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            refuse(error)
        receipt = await self.courier.carry(name, word, wish)
        status = {"applied": 200, "unanswered": 504}.get(receipt["outcome"], 409)
        return web.json_response(receipt, status=status)

    async def _history(self, request: web.Request) -> web.Response:
        """Tell what was."""
        from daemons.storage import history  # noqa: PLC0415  loaded by the first who asks for it

        names = request.query.getall("device", [])
        for name in names:
            if name not in self._subject.peers:
                raise web.HTTPNotFound(reason=f"there is no device {name!r}")
        if unknown := request.query.keys() - {"device", "since", "until", "points"}:
            raise web.HTTPBadRequest(reason=f"unknown parameter {min(unknown)!r}")
        now = time.time()
        since = moment(request.query.get("since", "1h"), now)
        until = moment(request.query["until"], now) if "until" in request.query else now
        points = request.query.get("points", "300")
        if not (points.isascii() and points.isdecimal() and len(points) < 5 and int(points) in POINTS):  # noqa: PLR2004
            raise web.HTTPBadRequest(reason="points is a whole number from 10 to 2000")
        if not since < until:
            raise web.HTTPBadRequest(reason="since has to be before until")
        try:
            found = await asyncio.to_thread(
                history.read, history.PATH, names or list(self._subject.peers), since, until, int(points)
            )
        except HistoryError as error:
            raise web.HTTPServiceUnavailable(reason=str(error)) from error
        return as_json(msgspec.json.encode(found))

    async def _openapi(self, request: web.Request) -> web.Response:
        return as_json(msgspec.json.encode(describe(list(self._subject.peers))))

    async def _metrics(self, _: web.Request) -> web.Response:
        from daemons.processes.mirror.page import metrics  # noqa: PLC0415  loaded by the first who asks for it

        text = metrics.write(self._subject, await asyncio.to_thread(memory_use, self._subject.pids()))
        return web.Response(body=text, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _health(self, _: web.Request) -> web.Response:
        if not self._server.is_mirror_at_work(uptime()):
            raise web.HTTPServiceUnavailable(reason="the mirror behind this page is not at work")
        return web.json_response({"ok": True})

    def _named(self, request: web.Request) -> str:
        name = request.match_info["name"]
        if name not in self._subject.peers:
            raise web.HTTPNotFound(reason=f"there is no device {name!r}")
        return name


async def add_headers(request: web.Request, answer: web.StreamResponse) -> None:
    """Say with every answer what a browser must not do with it."""
    answer.headers.update(HEADERS)
    # What is known is old a moment later; the page's files are asked for again, and are mostly the same.
    answer.headers["Cache-Control"] = "no-store" if request.path.startswith("/api/") else "no-cache"


def as_json(text: bytes) -> web.Response:
    """Answer with JSON."""
    return web.Response(body=text, content_type="application/json", charset="utf-8")


def complaint(status: int, reason: str, headers: Any = None) -> web.Response:
    """Answer with what is wrong, in a word and in a sentence."""
    word = HTTPStatus(status).phrase.lower().replace(" ", "_")
    keep = {
        key: value
        for key, value in (headers or {}).items()
        if key in ("Allow", "Retry-After", "WWW-Authenticate")
    }
    text = json.dumps({"error": word, "reason": reason})
    return web.Response(status=status, text=text, content_type="application/json", headers=keep)


def refuse(error: Exception) -> NoReturn:
    """Refuse what a client sent, with the reason."""
    raise web.HTTPBadRequest(reason=" ".join(str(error).split())) from error


def moment(text: str, now: float) -> float:
    """Read how long ago, or Unix seconds; 400 for anything else."""
    if UNIX.fullmatch(text):
        return float(text)
    try:
        return max(0.0, now - Seconds.parse(text))
    except ValueError:
        raise web.HTTPBadRequest(
            reason=f"{text[:40]!r} is no moment; allowed: how long ago, such as 2h, or Unix seconds"
        ) from None
