"""The network connections that the gateway has accepted: their number, and what each may leave unfinished.

libzmq reports each accepted connection with its descriptor (zmq_socket_monitor(3)), and the kernel counts
its bytes (linux/tcp.h, `struct tcp_info`). Together they bound three things that libzmq does not bound:

- Connections without a key. The kernel accepts a connection before its client proves a key, and libzmq
  keeps it until it gives up the handshake (ZMQ_HANDSHAKE_IVL). A CURVE server sends a fixed number of bytes
  before it accepts a key (rfc.zeromq.org/spec/26), so the number of bytes shows which clients have a key.
- Idle connections of a client with a key.
- Unfinished messages. libzmq stores a message until its last frame has arrived, and limits no number of
  frames. The bytes that a connection has sent since its last whole message are unfinished.
"""

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import zmq
from msgspec import Struct
from zmq.utils.monitor import parse_monitor_message

from daemons.bus.dropped import DroppedLog
from daemons.bus.sockets import Socket, drain
from daemons.processes.exchange.connections import close_socket, peer_address, tcp_connection
from daemons.runtime.clock import uptime

MAX_PENDING, MAX_PENDING_OF_ADDRESS = 200, 20
"""Connections that have shown no key: all of them, and those of one address."""
MAX_ALL, MAX_OF_ADDRESS = 1000, 200
"""Connections with and without a key. A program has up to three, and many programs can share an address."""
BYTES_WITHOUT_KEY = 64 + 170
"""What a CURVE server sends before it accepts a key: the greeting, and the command WELCOME."""
MAX_UNFINISHED_BYTES = 4 << 20
"""Bytes of unfinished messages on all connections."""
HEARTBEAT_BYTES_PER_SECOND = 100
"""So much of what a client sends can be heartbeats, if the gateway has sent as much to it."""
CHECK_SECONDS = 0.1
"""How often `check` is to be called. A message can grow by some 10 MB in this time."""
RESERVED_FILES = 100
"""So many descriptors are left to the rest of the process.

Without a free one, libzmq ends the process at the next connection to a Unix socket (libzmq 4.3.5).
"""
BYTES_OFFSET, BYTES_FORMAT = 120, "QQ"
"""Where `struct tcp_info` has tcpi_bytes_acked and tcpi_bytes_received."""


class ByteCount(NamedTuple):
    """The bytes that a connection has taken from the gateway, and those that have come from it."""

    sent: int = 0
    received: int = 0


class AcceptedConnection(Struct):
    """One connection since its last whole message."""

    peer: Any
    """The address and port of its other end."""
    since: float
    """When the last whole message was read, or the connection accepted, in steady seconds."""
    before: ByteCount = ByteCount()
    """The bytes up to that moment."""
    is_read: bool = False
    """Whether a whole message was read after the last check."""
    is_pending: bool = True
    """Whether its client has shown no key yet."""
    unfinished_bytes: float = 0.0
    """What was unfinished at the last check."""

    def check(self, count: ByteCount, now: float) -> float:
        """Return how many bytes were unfinished at the last check, and are still."""
        self.is_pending = count.sent <= BYTES_WITHOUT_KEY
        if self.is_read or self.is_pending:
            self.since, self.before, self.is_read, self.unfinished_bytes = now, count, False, 0.0
            return 0.0
        heartbeats = min(count.sent - self.before.sent, HEARTBEAT_BYTES_PER_SECOND * (now - self.since))
        earlier = self.unfinished_bytes
        self.unfinished_bytes = max(0.0, count.received - self.before.received - heartbeats)
        return min(earlier, self.unfinished_bytes)


class AcceptedConnections:
    """Tracks the accepted connections, and shuts down those beyond the limits."""

    def __init__(self, dropped: DroppedLog, max_files: int, now: Callable[[], float] = uptime) -> None:
        """`max_files` is the limit on the open files of this process; `now` returns steady seconds."""
        self._dropped = dropped
        self._highest_descriptor = max_files - RESERVED_FILES
        self._now = now
        self._accepted: dict[int, AcceptedConnection] = {}
        """Each connection by its descriptor; the one that has been idle for longest first."""

    def monitor(self, listener: Socket) -> Socket:
        """Return the socket that receives an event for each connection that a listening socket accepts."""
        return listener.get_monitor_socket(zmq.EVENT_ACCEPTED)

    def receive(self, monitor: Socket) -> list[int]:
        """Handle the events that have arrived, as many as the messages of other sockets.

        Return the descriptors of the new connections.
        """
        descriptors = [parse_monitor_message(frames)["value"] for frames in drain(monitor)]
        for descriptor in descriptors:
            self.on_accepted(descriptor)
        return descriptors

    def on_accepted(self, descriptor: int) -> None:
        """Count a new connection, and shut down the oldest ones beyond the limits."""
        self._accepted.pop(descriptor, None)  # the kernel uses the descriptor of an ended connection again
        peer = peer_address(descriptor)
        if peer is None:
            return  # it has ended
        if descriptor >= self._highest_descriptor:
            close_socket(descriptor)
            self._dropped.add("the gateway", "all descriptors for connections are in use")
            return
        self._accepted[descriptor] = AcceptedConnection(peer, self._now())
        of_address = [known for known, it in self._accepted.items() if it.peer[0] == peer[0]]
        name = plain_address(peer[0])
        self._shut_pending(of_address, MAX_PENDING_OF_ADDRESS, f"without a key from {name}")
        self._shut_pending(list(self._accepted), MAX_PENDING, "without a key")
        self._shut_oldest(of_address, MAX_OF_ADDRESS, f"from {name}")
        self._shut_oldest(list(self._accepted), MAX_ALL, "in all")

    def on_message(self, descriptor: int) -> None:
        """Record that a whole message of a connection was read."""
        if connection := self._accepted.pop(descriptor, None):
            connection.is_read = True
            self._accepted[descriptor] = connection  # the last one of a dict is the latest

    def check(self) -> None:
        """Forget the connections that have ended, and shut down those with the most unfinished bytes.

        Bytes count if they are unfinished at two checks in a row: at the first, a whole message may wait to
        be read.
        """
        now = self._now()
        unfinished = {}
        for descriptor, connection in list(self._accepted.items()):
            count = byte_count(descriptor, connection.peer)
            if count is None:
                del self._accepted[descriptor]
            else:
                unfinished[descriptor] = connection.check(count, now)
        total = sum(unfinished.values())
        for descriptor in sorted(unfinished, key=unfinished.__getitem__, reverse=True):
            if total <= MAX_UNFINISHED_BYTES:
                return
            total -= unfinished[descriptor]
            address = plain_address(self._accepted.pop(descriptor).peer[0])
            close_socket(descriptor)
            why = f"a message without an end from {address}: {unfinished[descriptor]:,.0f} bytes have come"
            self._dropped.add("the gateway", f"{why}; the connection is closed")

    def _shut_pending(self, descriptors: list[int], most: int, which: str) -> None:
        """Shut down the oldest of these connections that have shown no key, beyond a number."""
        pending = [it for it in descriptors if it in self._accepted and self._accepted[it].is_pending]
        for descriptor in pending[: max(0, len(pending) - most)]:
            connection = self._accepted[descriptor]
            count = byte_count(descriptor, connection.peer)
            connection.is_pending = count is not None and count.sent <= BYTES_WITHOUT_KEY
        self._shut_oldest([it for it in pending if self._accepted[it].is_pending], most, which)

    def _shut_oldest(self, descriptors: list[int], most: int, which: str) -> None:
        """Shut down the first of these connections beyond a number."""
        found = [it for it in descriptors if it in self._accepted]
        for descriptor in found[: max(0, len(found) - most)]:
            if peer_address(descriptor) == self._accepted.pop(descriptor).peer:
                close_socket(descriptor)
                self._dropped.add(
                    "the gateway", f"more than {most} connections {which}; the oldest is closed"
                )


def plain_address(address: str) -> str:
    """Return an address as people write it; IPv4 by an IPv6 socket has a prefix."""
    return address.removeprefix("::ffff:")


def byte_count(descriptor: int, peer: Any) -> ByteCount | None:
    """Return the bytes of a connection; None when the descriptor does not lead to that peer any more."""
    with suppress(OSError), tcp_connection(descriptor) as connection:
        if connection.getpeername() == peer:
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            return ByteCount(*struct.unpack_from(BYTES_FORMAT, info, BYTES_OFFSET))
    return None
