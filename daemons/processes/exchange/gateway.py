"""A way into the house for programs that are not its processes: three sockets, side by side.

    hear    XPUB     what the house says, to whoever subscribes
    say     SUB      what programs say of their own devices
    ask     ROUTER   commands in, receipts out

Who comes by the network is known by a key, and each frame says by whose. What that may not, is
refused here, and nothing of it goes further.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import zmq

from daemons.bus import message
from daemons.bus.endpoints import far_endpoint
from daemons.bus.keys import OWNER, Pair, Rights
from daemons.bus.message import Command, Receipt
from daemons.bus.sockets import (
    BURST,
    LONGEST_SUBSCRIPTION,
    Context,
    Refusals,
    Socket,
    bind,
    open_far_socket,
    open_socket,
    part,
)
from daemons.errors import DeviceError, MessageError
from daemons.processes.exchange.connections import Callers, Mark
from daemons.runtime.rate_limit import Rates

AGAIN_SECONDS = 0.1
"""No topic is said again to newcomers oftener than this, however often they ask."""
LONGEST = 64 * 1024
"""Bytes of what a stranger says or asks."""
LONGEST_HANDSHAKE = 1024
"""Bytes; a handshake has longer frames than any subscription."""
QUEUE = 100
"""Messages of one stranger that wait to be read; with LONGEST, what a flood can hold of memory."""
ASKS_A_SECOND, ASKS_AT_ONCE = 50, 100
Envelope = list[bytes]


class Sockets(NamedTuple):
    """The three of one door."""

    hear: Socket
    say: Socket
    ask: Socket


class Arrival(NamedTuple):
    """A message that came in, by whom, and over the network by which connection."""

    who: str
    rights: Rights
    frames: list[bytes]
    mark: Mark | None


class Question(NamedTuple):
    """A command that came in, by whom, and the way back."""

    who: str
    rights: Rights
    command: Command
    envelope: Envelope


class Answer(NamedTuple):
    """A receipt that came in, of a program for its device, and by whom."""

    who: str
    rights: Rights
    receipt: Receipt


def near(context: Context, name: str, hear: str, say: str, ask: Socket) -> Sockets:
    """Open the door inside the run directory; its owner has all rights, so nobody is asked for a key."""
    sockets = Sockets(open_socket(context, zmq.XPUB), open_socket(context, zmq.SUB), ask)
    sockets.hear.set(zmq.MAXMSGSIZE, LONGEST_SUBSCRIPTION)
    _prepare(sockets)
    bind(sockets.hear, name, hear)
    bind(sockets.say, name, say)
    return sockets


def far(context: Context, name: str, address: str, port: int, own: Pair) -> Sockets:
    """Open the door to the network; DeviceError when a port of it cannot be had."""
    sockets = Sockets(*(open_far_socket(context, kind) for kind in (zmq.XPUB, zmq.SUB, zmq.ROUTER)))
    try:
        _open_far(sockets, name, address, port, own)
    except DeviceError:
        for socket in sockets:
            socket.close()
        raise
    return sockets


def _open_far(sockets: Sockets, name: str, address: str, port: int, own: Pair) -> None:
    for number, socket in enumerate(sockets):
        socket.curve_server = True
        socket.curve_publickey, socket.curve_secretkey = own.public_key.encode(), own.secret_key.encode()
        socket.zap_domain = b"house"
        socket.set(zmq.MAXMSGSIZE, LONGEST if socket is not sockets.hear else LONGEST_HANDSHAKE)
        socket.set(zmq.RCVHWM, QUEUE)
        if socket is sockets.hear:
            _prepare(sockets)
        bind(socket, name, far_endpoint(address, port + number))


def _prepare(sockets: Sockets) -> None:
    sockets.hear.set(zmq.LINGER, 0)
    sockets.hear.set(zmq.XPUB_VERBOSE, 1)
    sockets.hear.set(zmq.XPUB_MANUAL, 1)  # a subscription counts when we have said so
    sockets.say.subscribe(b"")


class Door:
    """One door: who stands at it, and what of it goes on."""

    def __init__(
        self,
        sockets: Sockets,
        refusals: Refusals,
        find: Callable[[str], Rights] | None = None,
        callers: Callers | None = None,
    ) -> None:
        """`find` gives the rights of one of the `callers`; without them, it is the owner's own door."""
        self.sockets = sockets
        self._find = find
        self._callers = callers
        self._refusals = refusals
        self._rates = Rates(ASKS_A_SECOND, ASKS_AT_ONCE)
        self._asked: set[bytes] = set()
        """What newcomers have asked for, and were not told yet."""
        self._told = float("-inf")

    def publish(self, topic: bytes, payload: bytes) -> None:
        """Say it to whoever has subscribed; who reads too slowly loses it, and holds up nobody."""
        self.sockets.hear.send_multipart((topic, payload))

    def take_newcomers(self) -> None:
        """Let new subscriptions count, as far as they are allowed."""
        for who, rights, frames, mark in self._arrivals(self.sockets.hear):
            word, prefix = frames[0][:1], frames[0][1:]
            if mark and self._callers and not self._callers.has_room(mark, word == b"\1", prefix):
                continue
            if len(frames) != 1 or word not in (b"\0", b"\1") or len(prefix) > LONGEST_SUBSCRIPTION:
                self._refuse(who, "only subscriptions are taken here")
                continue
            granted = rights.hears(prefix)
            for reach in granted:  # it counts for the one connection that was read last
                (self.sockets.hear.subscribe if word == b"\1" else self.sockets.hear.unsubscribe)(reach)
            if word == b"\1":
                self._asked.update(granted)
                if not granted:
                    self._refuse(who, f"it may not hear {prefix.decode(errors='replace')!r}")

    def tell_newcomers(self, current: dict[bytes, bytes], now: float) -> float | None:
        """Say what is current to who has come; gives when to call again, if that was too soon."""
        if not self._asked:
            return None
        if now - self._told < AGAIN_SECONDS:
            return self._told + AGAIN_SECONDS
        asked, self._asked, self._told = tuple(self._asked), set(), now
        for topic, payload in current.items():
            if topic.startswith(asked):
                self.publish(topic, payload)
        return None

    def said(self) -> Iterator[tuple[str, str, bytes]]:
        """Yield what programs say of their devices: who says it, of which, and what."""
        for who, rights, frames, _ in self._arrivals(self.sockets.say):
            device, _, what = frames[0].decode(errors="replace").partition("/")
            if len(frames) != 2 or what != "state":  # noqa: PLR2004
                self._refuse(who, "what is said here has two frames, the topic NAME/state and a JSON object")
            elif not rights.says(device):
                self._refuse(who, f"it may not speak for {device!r:.60}")
            else:
                yield who, device, frames[1]

    def asked(self) -> Iterator["Question | Answer"]:
        """Yield the commands that have come, and the receipts that programs give for their devices."""
        for who, rights, frames, _ in self._arrivals(self.sockets.ask):
            envelope, body = part(frames)
            payload = body[0] if len(body) == 1 else b""
            try:
                asked = message.decode_asked(payload)
            except MessageError as error:
                self._refuse(who, error)
                if id_ := message.readable_id(payload):
                    self.answer(envelope, refusal(id_, message.EXCHANGE, str(error)))
                continue
            if isinstance(asked, Receipt):
                yield Answer(who, rights, asked)
            elif self._find and not self._rates.take(who):
                self.answer(envelope, rejected(asked, "too many commands; wait a little"))
            else:
                yield Question(who, rights, asked, envelope)

    def answer(self, envelope: Envelope, receipt: Receipt) -> None:
        """Give a receipt; who has gone, or reads nothing, does not hold us up."""
        self.send(envelope, message.encode(receipt))

    def send(self, envelope: Envelope, payload: bytes) -> None:
        """Send to who stands at the door's command socket."""
        with suppress(zmq.ZMQError):
            self.sockets.ask.send_multipart([*envelope, payload], zmq.NOBLOCK)

    def _arrivals(self, socket: Socket) -> Iterator[Arrival]:
        for _ in range(BURST):
            try:
                frames: Any = socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            read = [frame.bytes for frame in frames]
            if self._callers is None or self._find is None:
                yield Arrival("its owner", OWNER, read, None)
            elif mark := self._callers.take(frames[-1]):
                yield Arrival(mark.who, self._find(mark.who), read, mark)

    def _refuse(self, who: str, why: object) -> None:
        self._refusals.add(who, why)


def rejected(command: Command, reason: str) -> Receipt:
    """Give the receipt of a command that is not passed on."""
    return refusal(command.id, command.device or message.EXCHANGE, reason)


def refusal(id_: str, device: str, reason: str) -> Receipt:
    """Give the receipt of what is refused."""
    return Receipt(id=id_, device=device, outcome="rejected", at=time.time(), reason=reason[:1000])
