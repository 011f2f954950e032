"""The WebSocket of the page: sends every change to its clients, and sends their commands to devices.

There is no queue for a client. The server keeps the number of the last change that it sent to each
client, and reads the later ones from the ChangeLog when the client can receive more. So a slow client
costs no memory. It skips changes, and gets the latest status of each process instead.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from daemons.bus.message import DeviceName, Identifier, Scalar, readable_id
from daemons.bus.requests.aio import AsyncCommandClient
from daemons.bus.requests.protocol import CommandRequest, Seconds, new_id
from daemons.drivers.transports.websocket import WebSocket
from daemons.errors import StorageError
from daemons.processes.mirror.page.auth import Access, AccessPolicy, Account
from daemons.processes.mirror.page.changes import StatusChange
from daemons.processes.mirror.page.documents import DocumentEncoder, encode
from daemons.processes.mirror.page.memory_use import MemoryMeter
from daemons.processes.mirror.page.request import Request
from daemons.processes.mirror.page.responses import HttpError
from daemons.processes.mirror.page.schemas import ReceiptDocument
from daemons.processes.mirror.page.server import PageServer
from daemons.processes.mirror.page.view import View, may_send, view_of
from daemons.runtime.rate_limit import TokenBucket

MAX_CLIENTS = 1000
MAX_CHANGES_BEHIND = 256
"""A client that is further behind gets only the latest change of each process."""
MAX_BAD_MESSAGES = 10
MAX_PENDING_COMMANDS = 40
"""How many commands of one client may wait for their receipts at once."""
MESSAGES_PER_SECOND, MESSAGE_BURST = 20, 40
SEND_TIMEOUT_SECONDS = 30.0
POLICY_VIOLATION = 1008
"""A close code (RFC 6455)."""
BEATS_PER_PING = 15


class CommandMessage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="command"):
    """A client's command to a device."""

    device: DeviceName
    command: Identifier
    args: dict[Identifier, Scalar] = {}
    id: Identifier | None = None
    timeout_seconds: Seconds = 2.0


class PingMessage(Struct, frozen=True, forbid_unknown_fields=True, tag="ping"):
    """A client's ping; the answer is a pong message."""


_decode = msgspec.json.Decoder(CommandMessage | PingMessage).decode


class WebSocketClient:
    """One connected browser or program."""

    def __init__(self, socket: WebSocket, view: View, account: Account) -> None:
        self.socket = socket
        self.account = account
        """The account that connected; if its token or its rights change, the client must connect again."""
        self.view = view
        """The processes that it wants and may see."""
        self.number: int | None = None
        """The number of the last change that it was sent; None before it was sent the house."""
        self.board_number = -1
        """The number of the board that it was sent last."""
        self.is_current = False
        """Whether it has caught up once; until then it is sent every change, however far it is behind."""
        self.wake = asyncio.Event()
        self.rate = TokenBucket(MESSAGES_PER_SECOND, MESSAGE_BURST)
        self.beat: bytes | None = None
        """The beat to send next; a later one replaces it."""
        self.is_pinged = True
        self.bad_messages = 0
        self.tasks: set[asyncio.Task[None]] = set()


class WebSocketServer:
    """Serves all WebSocket clients."""

    def __init__(
        self,
        server: PageServer,
        documents: DocumentEncoder,
        command_client: AsyncCommandClient,
        policy: AccessPolicy,
    ) -> None:
        self._server = server
        self._context = server.context
        self._documents = documents
        self._command_client = command_client
        self._policy = policy
        self._access: Access | None = None
        """All valid credentials at the last wake-up, read once for all clients; None if unreadable."""
        self._clients: set[WebSocketClient] = set()
        self._boards: dict[tuple[int, View], bytes] = {}
        """The messages with notices, encoded once for all clients with the same view."""
        self._encoded: dict[tuple[int, bool], bytes] = {}
        """The latest changes, encoded once for all clients that see the house, and once for the others."""
        self._loop = asyncio.get_running_loop()
        self._is_wake_scheduled = False
        self._beats = 0
        self._memory = MemoryMeter()

    async def run(self) -> None:
        """Wake the clients after each change, and send them a beat once a second."""
        self._context.changes.on_append = self._on_append
        while True:
            self._beats += 1
            self._access = self._read_access()
            self._server.beat()
            memory = None
            if self._clients and self._memory.is_due:
                memory = await asyncio.to_thread(self._memory.measure, self._context.pids())
            beats = {view: self._documents.beat(view, memory) for view in self._views()}
            for client in self._clients:
                client.beat = beats[client.view]
                client.is_pinged = client.is_pinged and self._beats % BEATS_PER_PING != 0
                client.wake.set()
            await asyncio.sleep(1.0)

    async def serve(self, request: Request) -> None:
        """Handle one WebSocket from its first message to its last; raises HttpError if it is refused."""
        if len(self._clients) >= MAX_CLIENTS:
            reason = f"{MAX_CLIENTS} clients are connected already"
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, reason)
        view = self._parse_filter(request)
        self._access = self._policy.access()
        client = WebSocketClient(await request.open_websocket(), view, request.account)
        if after := request.query.get("after"):
            number = self._documents.parse_cursor(after[0])
            if number is not None and self._context.changes.after(number) is not None:
                client.number = number
        # The first message for a client that has missed no change.
        client.beat = self._documents.beat(view, self._memory.latest)
        client.wake.set()
        self._clients.add(client)
        self._context.counters.clients = len(self._clients)
        sending = self._loop.create_task(self._send_changes(client))
        try:
            while (content := await client.socket.receive()) is not None:
                await self._on_message(client, content)
        finally:
            self._clients.discard(client)
            if not self._clients:
                self._boards.clear()
                self._encoded.clear()  # no change wakes this loop now
            self._context.counters.clients = len(self._clients)
            for task in (sending, *client.tasks):
                task.cancel()

    # Messages to clients

    def _views(self) -> set[View]:
        """Return the views of all clients: those with the same view are sent the same beat."""
        return {client.view for client in self._clients}

    def _on_append(self) -> None:
        """Wake the page's loop from the mirror's thread, once for many changes; without a client, not at all.

        A client is added before it reads the ChangeLog, and this is called after each change. So a client
        that is not seen here reads the change by itself.
        """
        if self._clients and not self._is_wake_scheduled:
            self._is_wake_scheduled = True
            with suppress(RuntimeError):  # the page's loop has ended
                self._loop.call_soon_threadsafe(self._wake_clients)

    def _wake_clients(self) -> None:
        self._is_wake_scheduled = False
        self._access = self._read_access()
        self._encoded.clear()
        self._boards.clear()
        for client in self._clients:
            client.wake.set()

    async def _send_changes(self, client: WebSocketClient) -> None:
        """Send to a client what it has not been sent, until the connection ends or a send times out."""
        try:
            while True:
                await client.wake.wait()
                client.wake.clear()
                for content in self._unsent(client):
                    if not is_valid(client, self._access):
                        break  # also for a slow client, which always has more to receive
                    async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                        await client.socket.send(content.decode())
                if not is_valid(client, self._access):
                    await self._dismiss(client)
                    return
                if not client.is_pinged:
                    client.is_pinged = True
                    await client.socket.ping()
        except ConnectionError:
            return
        except TimeoutError:
            client.socket.abort()

    def _unsent(self, client: WebSocketClient) -> Iterator[bytes]:
        """Yield the messages that a client has not been sent; each is encoded when it is yielded."""
        log = self._context.changes
        while True:
            changes = None if client.number is None else log.after(client.number)
            if changes is None:
                client.board_number = self._context.board.number
                client.number, content = self._documents.house(client.view)
                yield content
                continue
            if not changes:
                client.is_current = True
                break
            if len(changes) > MAX_CHANGES_BEHIND and client.is_current:
                yield from self._latest_only(client, changes)
                continue
            for change in changes[:32]:
                client.number = change.number
                if client.view.includes(change.device):
                    yield self._encode(change, is_restricted=client.view.visible is not None)
        if client.board_number != (number := self._context.board.number):
            client.board_number = number
            if (number, client.view) not in self._boards:
                self._boards[number, client.view] = self._documents.attention(client.view)
            yield self._boards[number, client.view]
        if client.beat:
            beat, client.beat = client.beat, None
            yield beat

    def _latest_only(self, client: WebSocketClient, changes: list[StatusChange]) -> Iterator[bytes]:
        """Yield the latest change of each process, in place of all that a slow client could not receive."""
        missed = Counter(change.device for change in changes)
        latest = {change.device: change for change in changes}
        is_restricted = client.view.visible is not None
        for change in sorted(latest.values(), key=lambda change: change.number):
            if client.view.includes(change.device):
                skipped = missed[change.device] - 1
                self._context.counters.skipped_changes += skipped
                yield self._documents.change(change, skipped, is_restricted=is_restricted)
        client.number = changes[-1].number

    def _encode(self, change: StatusChange, *, is_restricted: bool) -> bytes:
        key = change.number, is_restricted
        if key not in self._encoded:
            self._encoded[key] = self._documents.change(change, is_restricted=is_restricted)
        return self._encoded[key]

    # The tokens

    def _read_access(self) -> Access | None:
        """Return all valid credentials now, or None if they cannot be read."""
        try:
            return self._policy.access()
        except StorageError:
            return None

    async def _dismiss(self, client: WebSocketClient) -> None:
        """Close the connection of a client whose token is no longer valid, or has other rights."""
        await client.socket.close(POLICY_VIOLATION, "the token has changed")

    # Messages from clients

    def _parse_filter(self, request: Request) -> View:
        """Return the processes that the query asks for and that its account may see; raises HttpError."""
        view = view_of(self._context, request.account)
        peers = {name: peer for name, peer in self._context.peers.items() if view.is_visible(name)}
        devices, rooms = request.query.get("device", []), request.query.get("room", [])
        if not devices and not rooms:
            return view
        for name in devices:
            if not view.is_visible(name):
                reason = f"{request.account.name} may not see {name[:60]!r}"
                raise HttpError(HTTPStatus.FORBIDDEN, reason)
            if name not in peers and name not in self._context.services:
                raise HttpError(HTTPStatus.NOT_FOUND, f"there is no device {name!r}")
        for room in rooms:
            if room not in {peer.room for peer in peers.values()}:
                raise HttpError(HTTPStatus.NOT_FOUND, f"there is no room {room!r}")
        chosen = frozenset([*devices, *(name for name, peer in peers.items() if peer.room in rooms)])
        return replace(view, names=chosen)

    async def _on_message(self, client: WebSocketClient, content: str | bytes) -> None:
        """Handle a message of a client."""
        if not is_valid(client, self._read_access()):
            await self._dismiss(client)
            return
        text = content if isinstance(content, str) else ""
        if not client.rate.allow():
            reason = f"more than {MESSAGES_PER_SECOND} messages a second; this message was ignored"
            await self._send_error(client, reason, readable_id(text.encode(errors="replace")))
            return
        try:
            if not text:
                raise msgspec.ValidationError("expected text")
            message = _decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            client.bad_messages += 1
            id_ = readable_id(text.encode(errors="replace"))
            await self._send_error(client, f"not a valid message: {error}", id_)
            if client.bad_messages >= MAX_BAD_MESSAGES:
                await client.socket.close(POLICY_VIOLATION, "too many bad messages")
            return
        if isinstance(message, PingMessage):
            await self._send(client, self._documents.pong())
        elif not may_send(self._context, client.view, message.device, message.command, message.args):
            await self._refuse(client, message)
        elif message.device not in self._context.peers:
            await self._send_error(client, f"there is no device {message.device!r}", message.id)
        elif len(client.tasks) >= MAX_PENDING_COMMANDS:
            reason = f"{MAX_PENDING_COMMANDS} commands wait for their receipts already"
            await self._send_error(client, reason, message.id)
        else:
            task = self._loop.create_task(self._send_command(client, message))
            client.tasks.add(task)
            task.add_done_callback(client.tasks.discard)

    async def _send_command(self, client: WebSocketClient, message: CommandMessage) -> None:
        request = CommandRequest(args=message.args, id=message.id, timeout_seconds=message.timeout_seconds)
        receipt = await self._command_client.send(
            message.device, message.command, request, who=client.account.who
        )
        await self._send(client, encode({"type": "receipt", **receipt}))

    async def _refuse(self, client: WebSocketClient, message: CommandMessage) -> None:
        """Send a rejection to an account that may not command a device, also if there is no such device."""
        receipt = ReceiptDocument(
            id=message.id or new_id(),
            device=message.device,
            outcome="rejected",
            at=time.time(),
            reason=f"{client.account.name} may not command {message.device!r}",
            code="may_not",
            values={"name": client.account.name},
            took_seconds=0.0,
        )
        await self._send(client, encode({"type": "receipt", **asdict(receipt)}))

    async def _send_error(self, client: WebSocketClient, reason: str, id_: str | None = None) -> None:
        more = {"id": id_} if id_ else {}
        await self._send(client, encode({"type": "error", "reason": reason, **more}))

    async def _send(self, client: WebSocketClient, content: bytes) -> None:
        with suppress(ConnectionError):  # `receive` notices the end
            await client.socket.send(content.decode())


def is_valid(client: WebSocketClient, access: Access | None) -> bool:
    """Return whether the token of a client is still valid, with the same rights."""
    return access is not None and access.is_valid(client.account, time.time())
