"""The network connections that have shown no key yet: their number is bounded, and the oldest end first.

The kernel accepts a connection before its client proves a key, so a stranger can open any number of them.
Each takes a file descriptor until libzmq gives up its handshake (ZMQ_HANDSHAKE_IVL). libzmq reports each
accepted connection with its descriptor (zmq_socket_monitor(3)), but not which one has shown a key. The
kernel tells that: a CURVE server sends a fixed number of bytes before it accepts the client's key
(rfc.zeromq.org/spec/26).
"""

import socket
import struct
from contextlib import suppress
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from daemons.bus.dropped import DroppedLog
from daemons.bus.sockets import Socket
from daemons.processes.exchange.connections import close_socket, peer_address, tcp_connection

MAX_PENDING = 200
MAX_PENDING_OF_ADDRESS = 20
BYTES_WITHOUT_KEY = 64 + 170
"""What a CURVE server sends before it accepts a key: the greeting, and the command WELCOME."""
RESERVED_FILES = 100
"""So many descriptors are left to the rest of the process.

Without a free one, libzmq ends the process at the next connection to a Unix socket (libzmq 4.3.5).
"""
BURST = 1000
"""The most events that are read before other sockets and timers are served."""
ACKED_OFFSET, ACKED_FORMAT = 120, "Q"
"""Where `struct tcp_info` has tcpi_bytes_acked (linux/tcp.h)."""


class PendingHandshakes:
    """Tracks the accepted connections that have shown no key, and shuts down those beyond the limits."""

    def __init__(self, dropped: DroppedLog, max_files: int) -> None:
        """`max_files` is the limit on the open files of this process."""
        self._dropped = dropped
        self._highest_descriptor = max_files - RESERVED_FILES
        self._peers: dict[int, Any] = {}
        """The address and port of each connection, by its descriptor; the oldest first."""

    def monitor(self, listener: Socket) -> Socket:
        """Return the socket that receives an event for each connection that a listening socket accepts."""
        return listener.get_monitor_socket(zmq.EVENT_ACCEPTED)

    def receive(self, monitor: Socket) -> None:
        """Handle the events that have arrived."""
        for _ in range(BURST):
            try:
                event = recv_monitor_message(monitor, zmq.NOBLOCK)
            except zmq.Again:
                return
            self.on_accepted(event["value"])

    def on_accepted(self, descriptor: int) -> None:
        """Count a new connection, and shut down the oldest ones beyond the limits."""
        self._peers.pop(descriptor, None)  # the kernel uses the descriptor of an ended connection again
        peer = peer_address(descriptor)
        if peer is None:
            return  # it has ended
        address = peer[0]
        if descriptor >= self._highest_descriptor:
            close_socket(descriptor)
            self._dropped.add("the gateway", "all descriptors for connections are in use")
            return
        self._peers[descriptor] = peer
        of_address = [known for known, other in self._peers.items() if other[0] == address]
        name = address.removeprefix("::ffff:")  # IPv4 by an IPv6 socket
        self._shut_oldest(of_address, MAX_PENDING_OF_ADDRESS, f"without a key from {name}")
        self._shut_oldest(list(self._peers), MAX_PENDING, "without a key")

    def forget_completed(self) -> None:
        """Forget the connections that have shown a key or have ended; to be called once a second."""
        self._peers = {known: peer for known, peer in self._peers.items() if is_pending(known, peer)}

    def _shut_oldest(self, descriptors: list[int], most: int, which: str) -> None:
        for descriptor in descriptors[: max(0, len(descriptors) - most)]:
            if is_pending(descriptor, self._peers.pop(descriptor)):
                close_socket(descriptor)
                self._dropped.add(
                    "the gateway", f"more than {most} connections {which}; the oldest is closed"
                )


def is_pending(descriptor: int, peer: Any) -> bool:
    """Return whether a descriptor still leads to a peer that has not shown a key."""
    with suppress(OSError), tcp_connection(descriptor) as connection:
        if connection.getpeername() != peer:
            return False
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        (acknowledged,) = struct.unpack_from(ACKED_FORMAT, info, ACKED_OFFSET)
        return bool(acknowledged <= BYTES_WITHOUT_KEY)
    return False
