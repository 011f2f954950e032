"""The page's HTTP application: its routes, and the checks before each of them.

docs/page.md describes the API. This file loads h11, wsproto and asyncio, so only the page's own thread
imports it.
"""

import asyncio
import time
from http import HTTPStatus
from urllib.parse import parse_qs

import msgspec

from daemons.bus.dropped import DroppedLog
from daemons.bus.message import Identifier
from daemons.bus.requests.aio import AsyncCommandClient
from daemons.bus.requests.protocol import CommandRequest
from daemons.errors import HistoryError, StorageError
from daemons.processes.mirror.page.assets import (
    read_document,
    send_asset,
    send_bundle,
    send_document,
    send_service_worker,
)
from daemons.processes.mirror.page.auth import (
    COOKIE_NAME,
    AccessPolicy,
    Account,
    bearer_token,
    is_same_origin,
)
from daemons.processes.mirror.page.connections import ConnectionLimit
from daemons.processes.mirror.page.documents import DocumentEncoder, encode
from daemons.processes.mirror.page.edit_routes import EditRoutes
from daemons.processes.mirror.page.gate import Gate, check_parameters, forbidden
from daemons.processes.mirror.page.history_reader import HistoryReader, RulesQuery, WhyQuery
from daemons.processes.mirror.page.history_request import history_response, parse_query, parse_time
from daemons.processes.mirror.page.http_connection import MAX_BODY_BYTES
from daemons.processes.mirror.page.log_routes import LogRoutes
from daemons.processes.mirror.page.memory_use import memory_use
from daemons.processes.mirror.page.request import Request
from daemons.processes.mirror.page.responses import (
    CONTENT_TYPES,
    HttpError,
    Response,
    json_response,
    redirect,
    reject,
)
from daemons.processes.mirror.page.routes import Route, find_handler
from daemons.processes.mirror.page.schemas import AccountDocument, HealthDocument
from daemons.processes.mirror.page.server import PageServer
from daemons.processes.mirror.page.view import View, may_send, view_of
from daemons.processes.mirror.page.websocket import WebSocketServer
from daemons.runtime.clock import uptime
from daemons.runtime.rate_limit import TokenBucket, TokenBuckets
from daemons.storage import acknowledgement
from daemons.storage.acknowledgement import Acknowledged

COOKIE_ATTRIBUTES = "HttpOnly; Path=/; SameSite=Strict"
YEAR_SECONDS = 365 * 86400
LINK = "link"
"""The sender of a command from the link of a message."""
FORM = "application/x-www-form-urlencoded"
SERVICE_WORKER = "/service_worker.js"
"""At the root, because a service worker answers only for paths below its own."""
PUBLIC_PATHS = ("/", "/login", "/healthz", SERVICE_WORKER)
"""These paths and the page's own files need no token: the sign-in form needs them. "/" leads to the form."""


class PageApp:
    """Answers the requests to the page, by its routes."""

    def __init__(self, server: PageServer, policy: AccessPolicy, max_connections: int) -> None:
        self._server = server
        self._context = server.context
        self._policy = policy
        self.problems = DroppedLog(self._context.log, "%s %s%s")
        """Problems that a stranger can cause: each is logged once a minute."""
        self.connections = ConnectionLimit(max_connections, self.problems)
        policy.persons.on_invalid = lambda name, error: self.problems.add(f"the token of {name}", error)
        self._documents = DocumentEncoder(self._context)
        self.command_client = AsyncCommandClient(self._context.counters.count_command)
        self.websocket = WebSocketServer(server, self._documents, self.command_client, policy)
        self._history_reader = HistoryReader()
        self._gate = Gate(self._context, self._read_body)
        self._edit_routes = EditRoutes(self._gate)
        self._command_limit = TokenBuckets(20, 40)
        self._wrong_token_limit = TokenBuckets(0.2, 5)
        self._traceback_limit = TokenBucket(1 / 60, 5)
        self.routes = (
            Route("GET", "/", self._index),
            Route("GET", "/login", self._login_page),
            Route("POST", "/login", self._login),
            Route("GET", "/page/{name}", self._asset),
            Route("GET", "/page/{version}/{name}", self._bundle),
            Route("GET", SERVICE_WORKER, self._service_worker),
            Route("GET", "/seen/{token}", self._ask_seen),
            Route("POST", "/seen/{token}", self._seen),
            Route("GET", "/api/live", self._live),
            Route("GET", "/api/house", self._house),
            Route("GET", "/api/devices/{name}", self._device),
            Route("POST", "/api/devices/{name}/{command}", self._command),
            Route("GET", "/api/history", self._history),
            Route("GET", "/api/history.csv", self._history),
            Route("GET", "/api/why/{name}", self._why),
            Route("GET", "/api/rules/{name}", self._rules),
            Route("GET", "/api/account", self._account),
            *LogRoutes(self._gate).routes,
            *self._edit_routes.routes,
            Route("GET", "/api/openapi.json", self._openapi),
            Route("GET", "/metrics", self._metrics),
            Route("GET", "/healthz", self._health),
        )

    async def close(self) -> None:
        """End the programs that answer requests."""
        await self._history_reader.close()
        await self._edit_routes.close()

    async def handle(self, request: Request) -> Response | None:
        """Answer a request: check its access, find its route, and turn every error into an ErrorDocument."""
        try:
            with self.connections.in_use(request.transport):
                self._check_access(request)
                return await find_handler(self.routes, request)(request)
        except HttpError:
            raise
        except StorageError as error:
            self.problems.add("the page", f"cannot decide who has access: {error}")
            reason = "the token cannot be read; the mirror's log has the reason"
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, reason) from error
        except ConnectionError:
            return None
        except Exception as error:
            if self._traceback_limit.allow():
                self._context.log.exception("%s %s failed", request.method, request.path)
            reason = "internal error; the mirror's log has the traceback"
            raise HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, reason) from error

    # Access

    def _check_access(self, request: Request) -> None:
        host = request.headers.get("host")
        if not self._policy.is_known_host(host):
            reason = "the page does not accept this host name; `hosts` of the mirror may allow it"
            raise HttpError(HTTPStatus.FORBIDDEN, reason)
        if request.path.startswith(acknowledgement.PATH):
            return  # the link itself gives access, to an app of another origin too
        if not is_same_origin(request.headers.get("origin"), host, is_https=request.is_https):
            raise HttpError(HTTPStatus.FORBIDDEN, "another site made this request")
        if request.path in PUBLIC_PATHS or request.path.startswith("/page/"):
            return
        account = self._find_account(request)
        if account is None:
            reason = "a token is needed; `house token` makes one"
            raise HttpError(HTTPStatus.UNAUTHORIZED, reason, {"WWW-Authenticate": "Bearer"})
        request.account = account

    def _find_account(self, request: Request) -> Account | None:
        """Return the account of a request, or None without access; count a wrong token of a program."""
        authorization = request.headers.get("authorization")
        account = self._policy.account(authorization, request.cookie(COOKIE_NAME))
        if account is None and bearer_token(authorization) is not None:
            self._count_wrong_token(request)
        return account

    def _count_wrong_token(self, request: Request) -> None:
        """Log a wrong token; raise HttpError if its address sends too many.

        The right token is accepted all the same: it cannot be guessed, and behind a proxy all clients have
        one address.
        """
        self.problems.add(request.remote, "sent a wrong token")
        if not self._wrong_token_limit.allow(request.remote):
            raise too_many_attempts()

    async def _login_page(self, request: Request) -> Response:
        return send_document("login.html", self._context.settings.locale, request)

    async def _login(self, request: Request) -> Response:
        """Send the cookie to a browser that sends the token."""
        with self.connections.waiting(request.transport):
            body = await request.read(MAX_BODY_BYTES)
        fields = parse_qs(body.decode(errors="replace")) if request.content_type == FORM else {}
        signed_in = self._policy.sign_in(fields.get("token", [""])[0])
        if signed_in is None:
            self._count_wrong_token(request)
            return redirect("/login?wrong")
        response = redirect("/?glass=black" if fields.get("glass") == ["black"] else "/")
        max_age = YEAR_SECONDS
        if signed_in.expires_at is not None:
            max_age = max(1, min(max_age, int(signed_in.expires_at - time.time())))
        cookie = f"{COOKIE_NAME}={signed_in.cookie}; HttpOnly; Max-Age={max_age}; Path=/; SameSite=Strict"
        response.headers["Set-Cookie"] = cookie + ("; Secure" if request.is_https else "")
        return response

    # The links of urgent messages

    async def _ask_seen(self, request: Request) -> Response:
        """Ask whether a person has seen a message. Programs that only look at a link acknowledge nothing."""
        return self._send_seen("ask" if self._acknowledged(request) else "unknown")

    async def _seen(self, request: Request) -> Response:
        """Acknowledge the message of a link."""
        if (found := self._acknowledged(request)) is None:
            return self._send_seen("unknown")
        receipt = await self.command_client.send(
            found.messenger, "acknowledge", CommandRequest(args={"id": found.id}), who=LINK
        )
        outcomes = {"applied": "done", "unanswered": "unanswered"}
        return self._send_seen(outcomes.get(receipt["outcome"], "over"))

    def _acknowledged(self, request: Request) -> Acknowledged | None:
        """Return what a link acknowledges, or None if it is not valid; count one that is not."""
        found = acknowledgement.read_token(request.names["token"])
        if found is None:
            self._count_wrong_token(request)
        elif not self._command_limit.allow(request.remote):
            raise too_many_attempts()
        return found if found and found.messenger in self._context.peers else None

    def _send_seen(self, outcome: str) -> Response:
        """Return the page of a link, as it is after an outcome."""
        status = {"unknown": HTTPStatus.NOT_FOUND, "unanswered": HTTPStatus.GATEWAY_TIMEOUT}.get(
            outcome, HTTPStatus.OK
        )
        body = read_document("seen.html", self._context.settings.locale)
        body = body.replace(b'data-outcome="ask"', f'data-outcome="{outcome}"'.encode())
        headers = {"Content-Type": CONTENT_TYPES[".html"], "Referrer-Policy": "no-referrer"}
        return Response(status=status, headers=headers, body=body)

    # Routes

    async def _index(self, request: Request) -> Response:
        if self._find_account(request) is None:
            return redirect("/login")
        return send_document("index.html", self._context.settings.locale, request)

    async def _bundle(self, request: Request) -> Response:
        return send_bundle(request)

    async def _service_worker(self, request: Request) -> Response:
        return send_service_worker(self._context.settings.locale)

    async def _asset(self, request: Request) -> Response:
        return send_asset(request)

    async def _live(self, request: Request) -> None:
        await self.websocket.serve(request)

    async def _house(self, request: Request) -> Response:
        return json_response(self._documents.house(self._view(request))[1])

    async def _device(self, request: Request) -> Response:
        name = self._gate.visible_device(request)
        content = self._documents.device(name, self._view(request))
        if content is None:
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, f"nothing is known of {name} yet")
        return json_response(content)

    async def _command(self, request: Request) -> Response:
        """Send a command to a device, and answer with its receipt."""
        if not self._command_limit.allow(request.remote):
            reason = "more than 20 commands a second"
            raise HttpError(HTTPStatus.TOO_MANY_REQUESTS, reason, {"Retry-After": "1"})
        body = await self._read_body(request)
        view, wanted = self._view(request), (request.names["name"], request.names["command"])
        is_acknowledgement = wanted == (self._context.mirror, "acknowledge")  # its arguments decide
        if not view.may_command(wanted[0]) and not is_acknowledgement:
            raise forbidden(request, f"may not command {request.names['name'][:60]!r}")
        name = self._gate.device(request)
        if body and request.content_type != "application/json":
            raise HttpError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be application/json")
        try:
            command = msgspec.convert(request.names["command"], Identifier)
            command_request = msgspec.json.decode(body, type=CommandRequest) if body else CommandRequest()
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            reject(error)
        if not may_send(self._context, view, name, command, command_request.args):
            raise forbidden(request, f"may not command {name!r} without a device of their own")
        receipt = await self.command_client.send(name, command, command_request, who=request.account.who)
        status = {"applied": 200, "unanswered": 504}.get(receipt["outcome"], 409)
        return json_response(encode(receipt), status)

    async def _read_body(self, request: Request, most_bytes: int = MAX_BODY_BYTES) -> bytes:
        """Return the body of a request, and check its access again: its token may have been revoked."""
        with self.connections.waiting(request.transport):
            body = await request.read(most_bytes)
        self._check_access(request)
        return body

    async def _history(self, request: Request) -> Response:
        """Answer with what the recorder has recorded."""
        query = parse_query(
            request,
            self._view(request),
            self._context.peers,
            self._context.settings.timezone,
            lambda name: forbidden(request, f"may not see {name[:60]!r}"),
        )
        try:
            return history_response(query, await self._history_reader.read(query))
        except HistoryError as error:
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error

    async def _why(self, request: Request) -> Response:
        """Answer with the chain that led to the last change of a device, and with its declined rules."""
        if not request.account.sees_everything:
            raise forbidden(request, "may not ask why: the answer names other devices")
        name = self._gate.device(request)
        check_parameters(request, "at")
        now = time.time()
        at = parse_time(request.query["at"][0], now) if "at" in request.query else now
        try:
            return json_response(await self._history_reader.read(WhyQuery(name=name, at=at)))
        except HistoryError as error:
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error

    async def _rules(self, request: Request) -> Response:
        """Answer with the rules of a device."""
        name = self._gate.visible_device(request)
        view = self._view(request)
        visible = None if view.visible is None else tuple(filter(view.is_visible, self._context.peers))
        try:
            return json_response(await self._history_reader.read(RulesQuery(name=name, visible=visible)))
        except HistoryError as error:
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error

    async def _account(self, request: Request) -> Response:
        """Answer with what the account of the request may do."""
        account = request.account
        refusal = account.edit_refusal(is_editing_on=self._context.options.edit)
        document = AccountDocument(
            name=account.name,
            sees_everything=account.sees_everything,
            manage=account.rights.manages,
            edit=refusal is None,
            edit_code=refusal.code if refusal else None,
            edit_reason=refusal.reason if refusal else None,
        )
        return json_response(encode(document))

    async def _openapi(self, request: Request) -> Response:
        from daemons.processes.mirror.page.openapi import describe_api  # noqa: PLC0415  at the first request

        is_visible = self._view(request).is_visible
        services = filter(is_visible, self._context.services)
        return json_response(encode(describe_api(list(filter(is_visible, self._context.peers)), services)))

    async def _metrics(self, request: Request) -> Response:
        if not request.account.sees_everything:
            raise forbidden(request, "may not see the figures of the whole house")
        from daemons.processes.mirror.page import metrics  # noqa: PLC0415  loaded at the first request

        content = metrics.write(self._context, await asyncio.to_thread(memory_use, self._context.pids()))
        return Response(headers={"Content-Type": metrics.CONTENT_TYPE}, body=content)

    async def _health(self, _: Request) -> Response:
        if not self._server.is_mirror_alive(uptime()):
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the mirror's own loop does not respond")
        return json_response(encode(HealthDocument(ok=True)))

    def _view(self, request: Request) -> View:
        return view_of(self._context, request.account)


def too_many_attempts() -> HttpError:
    """Return the error for an address that sends too many tokens."""
    reason = "too many attempts; try again later"
    return HttpError(HTTPStatus.TOO_MANY_REQUESTS, reason, {"Retry-After": "5"})
