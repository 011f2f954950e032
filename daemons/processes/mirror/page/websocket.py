"""The bus, forwarded to browsers: one WebSocket a client, each as fast as it can take it.

Nothing is queued for a client. It has the number of the last change that it was sent; when it
can take more, it gets what came after from the board. Who is slow so falls behind in numbers, not in
memory, and then gets the latest of each process instead of everything.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import msgspec
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from msgspec import Struct

from daemons.bus.message import DeviceName, Identifier, Scalar, readable_id
from daemons.bus.requests import Courier, Seconds, Wish
from daemons.processes.mirror.page.changes import Change
from daemons.processes.mirror.page.documents import Portrait, encode
from daemons.processes.mirror.page.memory_use import memory_use
from daemons.processes.mirror.page.server import Server
from daemons.runtime.rate_limit import Rate

MOST_CLIENTS = 1000
LONGEST = 16 * 1024
"""Bytes of a message from a client."""
MOST_BEHIND = 256
"""So many changes behind, and a client gets the latest only."""
MOST_BAD = 10
MOST_UNANSWERED = 40
"""How many commands of one client may be under way."""
PER_SECOND, AT_ONCE = 20, 40
STUCK_SECONDS = 30.0
PING_BEATS = 15
MEMORY_BEATS = 5
"""Every so many beats the memory of the processes is told."""


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="command"):
    """A client wants something done."""

    device: DeviceName
    command: Identifier
    args: dict[Identifier, Scalar] = {}
    id: Identifier | None = None
    timeout_seconds: Seconds = 2.0


class Ping(Struct, frozen=True, forbid_unknown_fields=True, tag="ping"):
    """A client wants to know whether we are there."""


_decode = msgspec.json.Decoder(Order | Ping).decode


class Client:
    """One browser, or whatever it is."""

    def __init__(self, socket: web.WebSocketResponse, names: frozenset[str] | None) -> None:
        self.socket = socket
        self.names = names
        self.number: int | None = None
        """The last change that it was sent; none before it was sent the house."""
        self.is_current = False
        """Whether it has had all there was; until then it is told everything, however much that is."""
        self.wake = asyncio.Event()
        self.rate = Rate(PER_SECOND, AT_ONCE)
        self.beat: bytes | None = None
        """The beat that it shall be sent; a later one takes its place."""
        self.is_pinged = True
        self.bad = 0
        self.tasks: set[asyncio.Task[None]] = set()

    def wants(self, name: str) -> bool:
        """Tell whether it wants to hear of a process."""
        return self.names is None or name in self.names


class Forwarder:
    """Serves every client."""

    def __init__(self, server: Server, portrait: Portrait, courier: Courier) -> None:
        self._server = server
        self._subject = server.subject
        self._portrait = portrait
        self._courier = courier
        self._clients: set[Client] = set()
        self._texts: dict[int, bytes] = {}
        """The latest changes in words, so that a hundred clients cost one encoding."""
        self._loop = asyncio.get_running_loop()
        self._is_woken = False
        self._beats = 0

    async def run(self) -> None:
        """Wake clients whenever the board has something new, and beat once a second."""
        self._subject.board.wake = self._wake_from_afar
        while True:
            self._beats += 1
            self._server.beat()
            memory = None
            if self._clients and self._beats % MEMORY_BEATS == 1:
                memory = await asyncio.to_thread(memory_use, self._subject.pids())
            whole = self._portrait.beat(None, memory) if self._clients else b""
            for client in self._clients:
                client.beat = whole if client.names is None else self._portrait.beat(client.names, memory)
                client.is_pinged = client.is_pinged and self._beats % PING_BEATS != 0
                client.wake.set()
            await asyncio.sleep(1.0)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Be the handler of one WebSocket, from its first message to its last."""
        if len(self._clients) >= MOST_CLIENTS:
            raise web.HTTPServiceUnavailable(reason=f"{MOST_CLIENTS} clients hear this house already")
        names = self._wanted(request)
        socket = web.WebSocketResponse(max_msg_size=LONGEST, compress=False, timeout=1.0)
        await socket.prepare(request)
        client = Client(socket, names)
        if after := request.query.get("after"):
            number = self._portrait.read_cursor(after)
            if number is not None and self._subject.board.after(number) is not None:
                client.number = number
        client.beat = self._portrait.beat(
            names, None
        )  # who has missed nothing hears at once that we are there
        client.wake.set()
        self._clients.add(client)
        self._subject.tally.clients = len(self._clients)
        teller = self._loop.create_task(self._tell(client, request))
        try:
            async for frame in socket:
                if not await self._hear(client, frame):
                    break
        finally:
            self._clients.discard(client)
            self._subject.tally.clients = len(self._clients)
            for task in (teller, *client.tasks):
                task.cancel()
        return socket

    # What a client is told

    def _wake_from_afar(self) -> None:
        """Be called in the mirror's thread; many changes are one waking."""
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):  # our loop has ended
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._is_woken = False
        self._texts.clear()
        for client in self._clients:
            client.wake.set()

    async def _tell(self, client: Client, request: web.Request) -> None:
        """Send a client what it has not got, until it goes; what it does not take in time ends it."""
        try:
            while True:
                await client.wake.wait()
                client.wake.clear()
                for text in self._due(client):
                    async with asyncio.timeout(STUCK_SECONDS):
                        await client.socket.send_frame(text, WSMsgType.TEXT)
                if not client.is_pinged:
                    client.is_pinged = True
                    await client.socket.ping()
        except (ConnectionError, TimeoutError, RuntimeError):
            if request.transport is not None:
                request.transport.abort()

    def _due(self, client: Client) -> Iterator[bytes]:
        """Give what a client has to be sent, one by one; each is as new as it can be when it is taken."""
        board = self._subject.board
        while True:
            changes = None if client.number is None else board.after(client.number)
            if changes is None:
                client.number, text = self._portrait.house(client.names)
                yield text
                continue
            if not changes:
                client.is_current = True
                break
            if len(changes) > MOST_BEHIND and client.is_current:
                yield from self._latest_only(client, changes)
                continue
            for change in changes[:32]:
                client.number = change.number
                if client.wants(change.device):
                    yield self._text(change)
        if client.beat:
            beat, client.beat = client.beat, None
            yield beat

    def _latest_only(self, client: Client, changes: list[Change]) -> Iterator[bytes]:
        """Give the latest of each process in place of all that a slow client could not take."""
        missed = Counter(change.device for change in changes)
        latest = {change.device: change for change in changes}
        for change in sorted(latest.values()):
            if client.wants(change.device):
                self._subject.tally.passed_over += missed[change.device] - 1
                yield self._portrait.change(change, missed[change.device] - 1)
        client.number = changes[-1].number

    def _text(self, change: Change) -> bytes:
        if change.number not in self._texts:
            self._texts[change.number] = self._portrait.change(change)
        return self._texts[change.number]

    # What a client tells

    def _wanted(self, request: web.Request) -> frozenset[str] | None:
        """Read the filters in the address; 404 says what there is not."""
        peers = self._subject.peers
        devices, rooms = request.query.getall("device", []), request.query.getall("room", [])
        if not devices and not rooms:
            return None
        for name in devices:
            if name not in peers and name not in self._subject.services:
                raise web.HTTPNotFound(reason=f"there is no device {name!r}")
        for room in rooms:
            if room not in {peer.room for peer in peers.values()}:
                raise web.HTTPNotFound(reason=f"there is no room {room!r}")
        return frozenset([*devices, *(name for name, peer in peers.items() if peer.room in rooms)])

    async def _hear(self, client: Client, frame: WSMessage) -> bool:
        """Do what a client asks; false when it has to go."""
        if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return False
        text = frame.data if frame.type is WSMsgType.TEXT else ""
        if not client.rate.take():
            reason = f"more than {PER_SECOND} messages a second; this one is not done"
            await self._complain(client, reason, readable_id(text.encode(errors="replace")))
            return True
        try:
            if not text:
                raise msgspec.ValidationError("it is not text")
            wish = _decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            client.bad += 1
            await self._complain(
                client, f"that is no message of ours: {error}", readable_id(text.encode(errors="replace"))
            )
            if client.bad >= MOST_BAD:
                await client.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many bad messages")
                return False
            return True
        if isinstance(wish, Ping):
            await client.socket.send_frame(self._portrait.pong(), WSMsgType.TEXT)
        elif wish.device not in self._subject.peers:
            await self._complain(client, f"there is no device {wish.device!r}", wish.id)
        elif len(client.tasks) >= MOST_UNANSWERED:
            await self._complain(client, f"{MOST_UNANSWERED} commands are under way already", wish.id)
        else:
            task = self._loop.create_task(self._do(client, wish))
            client.tasks.add(task)
            task.add_done_callback(client.tasks.discard)
        return True

    async def _do(self, client: Client, order: Order) -> None:
        wish = Wish(args=order.args, id=order.id, timeout_seconds=order.timeout_seconds)
        receipt = await self._courier.carry(order.device, order.command, wish)
        with suppress(ConnectionError):
            await client.socket.send_frame(encode({"type": "receipt", **receipt}), WSMsgType.TEXT)

    async def _complain(self, client: Client, reason: str, id_: str | None = None) -> None:
        more = {"id": id_} if id_ else {}
        text = encode({"type": "error", "reason": reason, **more})
        with suppress(ConnectionError):
            await client.socket.send_frame(text, WSMsgType.TEXT)
