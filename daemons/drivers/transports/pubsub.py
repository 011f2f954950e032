"""Publish/subscribe sockets to a program that is not part of the house. No call waits for the network.

One descriptor (`Sockets.descriptor`) is readable when one of the sockets may have something. A ZeroMQ
socket signals its descriptor once, so read everything from each socket when it is readable.
"""

import re
import select
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import zmq

from daemons.values import Parsed

MAX_FRAME_BYTES = 4096
"""libzmq ends the connection at a longer frame."""
MAX_MESSAGES = 1000
"""The most messages that are read at one go."""
RETRY_SECONDS = 1.0
"""libzmq does not connect again after a violation of its protocol, for example a frame that is too long."""
LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|\[::1\]")
CANNOT_CONNECT = "nothing accepts the connection"
ENDED = "the connection has ended"
NO_PUBLISHER = "it is no ZeroMQ publisher, or it requires another key"
BROKE_PROTOCOL = f"it sent a frame of more than {MAX_FRAME_BYTES} bytes, or no message of ZeroMQ"
EVENTS = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CLOSED
    | zmq.EVENT_CONNECT_RETRIED
)


class Endpoint(str, Parsed):
    """A TCP endpoint: an address and a port."""

    __slots__ = ()
    allowed = 'an endpoint such as "tcp://127.0.0.1:5555"'

    @classmethod
    def parse(cls, text: object) -> "Endpoint":
        """Parse an endpoint; raises ValueError for anything else, also for the wildcard `*`."""
        found = re.fullmatch(r"tcp://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", str(text))
        if not isinstance(text, str) or found is None or not 0 < int(found[2]) < 1 << 16:
            raise ValueError(cls.allowed)
        return cls(text)

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can connect to it."""
        return LOOPBACK.fullmatch(self.removeprefix("tcp://").rpartition(":")[0]) is not None

    @property
    def for_libzmq(self) -> str:
        """The endpoint as libzmq needs it: it binds no name."""
        return self.replace("//localhost:", "//127.0.0.1:")


class Curve(NamedTuple):
    """The keys of an encrypted connection (Z85)."""

    server_key: str
    public_key: str
    secret_key: str


class Sockets:
    """The context of the sockets, and the descriptor that stands for all of them."""

    def __init__(self) -> None:
        self._context: Any = zmq.Context()
        self._epoll = select.epoll()
        self.descriptor = self._epoll.fileno()

    def open(self, kind: int, endpoint: Endpoint) -> Any:
        """Return a new socket with the limits of all sockets here; it is neither connected nor bound."""
        socket = self._context.socket(kind)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.SNDHWM, MAX_MESSAGES)
        socket.set(zmq.RCVHWM, MAX_MESSAGES)
        socket.set(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
        socket.set(zmq.RECONNECT_IVL, 10)
        socket.set(zmq.RECONNECT_IVL_MAX, 1000)
        socket.set(zmq.CONNECT_TIMEOUT, 3000)
        socket.set(zmq.HANDSHAKE_IVL, 5000)
        socket.set(zmq.TCP_KEEPALIVE, 1)
        socket.set(zmq.TCP_KEEPALIVE_IDLE, 10)
        socket.set(zmq.TCP_KEEPALIVE_INTVL, 5)
        socket.set(zmq.TCP_KEEPALIVE_CNT, 3)
        socket.set(zmq.IPV6, int("[" in endpoint))
        return socket

    def watch(self, socket: Any) -> None:
        """Make the descriptor stand for this socket too."""
        self._epoll.register(socket.get(zmq.FD), select.EPOLLIN)

    def close(self) -> None:
        """Close all sockets."""
        self._epoll.close()
        self._context.destroy()


class Subscription:
    """Receives the messages of one publisher, and follows whether it is connected."""

    def __init__(self, sockets: Sockets, endpoint: Endpoint, prefix: str, curve: Curve | None) -> None:
        """Begin to connect; the topics of the messages begin with `prefix`."""
        self.is_connected = False
        self.failure = CANNOT_CONNECT
        """Why it is not connected."""
        self._endpoint = endpoint
        self._retry_at: float | None = None
        """When this class connects again, unless libzmq does it before."""
        self._socket = sockets.open(zmq.SUB, endpoint)
        if curve is not None:
            self._socket.set(zmq.CURVE_SERVERKEY, curve.server_key.encode())
            self._socket.set(zmq.CURVE_PUBLICKEY, curve.public_key.encode())
            self._socket.set(zmq.CURVE_SECRETKEY, curve.secret_key.encode())
        self._socket.set(zmq.SUBSCRIBE, prefix.encode())
        self._monitor = self._socket.get_monitor_socket(EVENTS)
        sockets.watch(self._socket)
        sockets.watch(self._monitor)
        self._socket.connect(endpoint.for_libzmq)

    def receive(self) -> Iterator[list[bytes]]:
        """Yield the messages that have arrived, at most MAX_MESSAGES of them."""
        yield from _received(self._socket)

    def follow(self, now: float) -> None:
        """Follow the connection."""
        for frames in _received(self._monitor):
            (event,) = struct.unpack_from("=H", frames[0])
            self._on_event(event, now)
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = now + RETRY_SECONDS
            with suppress(zmq.ZMQError):  # it is not connected any more
                self._socket.disconnect(self._endpoint.for_libzmq)
            self._socket.connect(self._endpoint.for_libzmq)

    @property
    def has_more(self) -> bool:
        """Whether more messages have arrived."""
        return bool(self._socket.get(zmq.EVENTS) & zmq.POLLIN)

    def due(self) -> float | None:
        """Return when `follow` connects again; None if libzmq does it, or if it is connected."""
        return self._retry_at

    def _on_event(self, event: int, now: float) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.is_connected, self.failure, self._retry_at = True, "", None
        elif event == zmq.EVENT_DISCONNECTED:
            self.failure = BROKE_PROTOCOL if self.is_connected else NO_PUBLISHER
            self.is_connected, self._retry_at = False, now + RETRY_SECONDS
        elif event == zmq.EVENT_CONNECT_RETRIED:
            self.failure = ENDED if self.failure == BROKE_PROTOCOL else self.failure
            self._retry_at = None
        elif event == zmq.EVENT_CLOSED:
            self.failure = CANNOT_CONNECT
        else:
            self.failure = NO_PUBLISHER


class Announcer:
    """A bound publisher that knows whether a program subscribes to it."""

    def __init__(self, sockets: Sockets, endpoint: Endpoint, topics: tuple[bytes, ...]) -> None:
        """Bind the socket; raises zmq.ZMQError if another program has the port.

        `topics` are the beginnings of all messages that will be sent.
        """
        self._socket = sockets.open(zmq.XPUB, endpoint)
        self._socket.set(zmq.LINGER, 100)  # what was said just before the end is sent
        self._socket.set(zmq.XPUB_VERBOSE, 1)
        self._topics = topics
        self._prefixes: set[bytes] = set()
        """The subscriptions that match one of the topics."""
        try:
            self._socket.bind(endpoint.for_libzmq)
        except zmq.ZMQError:
            self._socket.close()
            raise
        sockets.watch(self._socket)

    def follow(self) -> bool:
        """Follow the subscriptions; return whether there is a new one, perhaps the same as an earlier one."""
        has_new = False
        for frames in _received(self._socket):
            prefix = frames[0][1:]
            if frames[0][:1] == b"\x00":
                self._prefixes.discard(prefix)
            elif any(topic.startswith(prefix) for topic in self._topics):
                self._prefixes.add(prefix)
                has_new = True
        return has_new

    @property
    def is_heard(self) -> bool:
        """Whether a connected program subscribes to one of the topics."""
        return bool(self._prefixes)

    def send(self, frames: list[bytes]) -> None:
        """Send a message to each subscriber; one that does not read misses it."""
        self._socket.send_multipart(frames, zmq.NOBLOCK)


def _received(socket: Any) -> Iterator[list[bytes]]:
    for _ in range(MAX_MESSAGES):
        try:
            yield socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
