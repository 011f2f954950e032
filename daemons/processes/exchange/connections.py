"""The network connections of each key: how much each may use, and how they are closed.

libzmq does not limit the subscriptions of a connection, and it has no call that closes one connection.
But each frame names the file descriptor that it came by (ZMQ_SRCFD, zmq_msg_get(3)). When that TCP
connection is shut down, it ends as if the client had closed it: at once, and its queues are freed.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import zmq
from msgspec import Struct, field

from daemons.bus.dropped import DroppedLog, Logger
from daemons.runtime.clock import uptime
from daemons.runtime.rate_limit import TokenBuckets

MAX_CONNECTIONS = 50
"""Connections of one key that have subscriptions."""
MAX_KEY_SUBSCRIPTION_BYTES = 64 * 1024
"""Bytes of all subscriptions of one key; each subscription counts OVERHEAD_BYTES more than its prefix."""
OVERHEAD_BYTES = 32
PROCESSOR_SECONDS_PER_SECOND, PROCESSOR_SECONDS_AT_ONCE = 0.2, 0.5
"""Processor time for the messages of one key, on all its connections. A key that takes more is blocked."""
CONNECTS_PER_SECOND, CONNECTS_AT_ONCE = 10, 150
"""New connections of one key."""
BLOCK_SECONDS = 10.0


class ConnectionId(NamedTuple):
    """Identifies a connection: its number, the client (the name of its key), and its file descriptor."""

    number: int
    client: str
    descriptor: int


class SubscribedConnection(Struct):
    """One connection that has subscriptions."""

    client: str
    descriptor: int
    peer: Any
    """The address of its other end. While the descriptor leads there, the descriptor belongs to it."""
    prefixes: set[bytes] = field(default_factory=set)
    size_bytes: int = 0


class Connections:
    """Tracks the connections, and closes those of a key that uses too much or was revoked."""

    def __init__(
        self,
        log: Logger,
        now: Callable[[], float] = uptime,
        blocked_until: Mapping[str, float] | None = None,
        on_block: Callable[[], None] = lambda: None,
        on_message: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`now` returns steady seconds. `blocked_until` is that of the last run, or None.

        `on_block` is called when `blocked_until` has changed, and `on_message` with the descriptor of each
        message.
        """
        self._log = log
        self._dropped = DroppedLog(log)
        self._now = now
        self._last_number = 0
        self._closed_up_to: dict[str, int] = {}
        """For each disconnected client, the number of the latest connection at that time."""
        self._on_block, self._on_message = on_block, on_message
        self.blocked_until: dict[str, float] = {}
        """When each blocked client may connect again, in steady seconds."""
        for client, until in (blocked_until or {}).items():
            left = min(until - now(), BLOCK_SECONDS)  # it is longer only after the machine was restarted
            if left > 0:
                self.blocked_until[client] = now() + left
                self._log.warning("%s stays blocked for %.1f s", client, left)
        self._subscribed: dict[int, SubscribedConnection] = {}
        self._processor_time = TokenBuckets(PROCESSOR_SECONDS_PER_SECOND, PROCESSOR_SECONDS_AT_ONCE)
        self._connects = TokenBuckets(CONNECTS_PER_SECOND, CONNECTS_AT_ONCE)

    def admit(self, client: str) -> str | None:
        """Return the user id of a new connection; None when the client may not connect now."""
        if self._now() < self.blocked_until.get(client, 0.0):
            return None
        if not self._connects.allow(client):
            self._dropped.add(client, f"more than {CONNECTS_PER_SECOND} new connections a second")
            return None
        self._last_number += 1
        return f"{self._last_number} {client}"

    def identify(self, frame: zmq.Frame) -> ConnectionId | None:
        """Return the connection that a frame came by; None when the frame must be ignored."""
        try:
            number, _, client = str(frame.get("User-Id")).partition(" ")
        except zmq.ZMQError:
            return None  # libzmq itself unsubscribes for a connection that has ended
        connection = ConnectionId(int(number), client, int(frame.get(zmq.SRCFD)))
        self._on_message(connection.descriptor)
        if connection.number <= self._closed_up_to.get(client, 0):
            close_socket(connection.descriptor)
            return None
        return connection

    def count_time(self, connection: ConnectionId, seconds: float) -> None:
        """Count the processor time that a message has taken; block a client whose messages take too much."""
        is_closed = connection.number <= self._closed_up_to.get(connection.client, 0)
        if not is_closed and not self._processor_time.allow(connection.client, seconds):
            percent = round(100 * PROCESSOR_SECONDS_PER_SECOND)
            self._block(connection, f"its messages take more than {percent} % of the processor time")

    def count_subscription(self, connection: ConnectionId, begins: bool, prefix: bytes) -> bool:
        """Count a subscription that begins or ends; return False when the client has too many.

        libzmq keeps each subscription, allowed or not, so each is counted. A client with too many is
        blocked.
        """
        subscribed = self._subscribed.get(connection.number)
        if subscribed is None:
            self._drop_ended()
            subscribed = SubscribedConnection(
                connection.client, connection.descriptor, peer_address(connection.descriptor)
            )
            self._subscribed[connection.number] = subscribed
        if begins == (prefix in subscribed.prefixes):
            return True
        (subscribed.prefixes.add if begins else subscribed.prefixes.remove)(prefix)
        subscribed.size_bytes += (len(prefix) + OVERHEAD_BYTES) * (1 if begins else -1)
        own = [other for other in self._subscribed.values() if other.client == connection.client]
        if len(own) > MAX_CONNECTIONS:
            self._block(connection, f"it subscribes on more than {MAX_CONNECTIONS} connections")
        elif sum(other.size_bytes for other in own) > MAX_KEY_SUBSCRIPTION_BYTES:
            self._block(connection, f"its subscriptions have more than {MAX_KEY_SUBSCRIPTION_BYTES} bytes")
        return connection.number in self._subscribed

    def disconnect(self, client: str) -> None:
        """Close all connections of a client; it may connect again with its present key."""
        self._closed_up_to[client] = self._last_number
        for number, subscribed in list(self._subscribed.items()):
            if subscribed.client == client:
                del self._subscribed[number]
                if peer_address(subscribed.descriptor) == subscribed.peer:
                    close_socket(subscribed.descriptor)

    def _block(self, connection: ConnectionId, reason: str) -> None:
        """Close all connections of a client, and accept no new one for a while."""
        self._log.warning("%s is blocked for %g s: %s", connection.client, BLOCK_SECONDS, reason)
        now = self._now()
        self.blocked_until = {client: until for client, until in self.blocked_until.items() if until > now}
        self.blocked_until[connection.client] = now + BLOCK_SECONDS
        self._on_block()
        self.disconnect(connection.client)
        close_socket(connection.descriptor)

    def _drop_ended(self) -> None:
        """Forget the connections that their clients have closed."""
        for number, subscribed in list(self._subscribed.items()):
            if peer_address(subscribed.descriptor) != subscribed.peer:
                del self._subscribed[number]


def peer_address(descriptor: int) -> Any:
    """Return the address of the other end of a TCP connection; None when the descriptor is no open one."""
    with suppress(OSError), tcp_connection(descriptor) as connection:
        return connection.getpeername()
    return None


def close_socket(descriptor: int) -> None:
    """Shut down a TCP connection; nothing happens when it has ended, or when the descriptor is none."""
    with suppress(OSError), tcp_connection(descriptor) as connection:
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def tcp_connection(descriptor: int) -> Iterator[socket.socket]:
    """Use a connection that belongs to libzmq; OSError when the descriptor is no TCP connection.

    The descriptor is not copied: there may be no free one.
    """
    if descriptor < 0:
        raise OSError(f"{descriptor} is no descriptor")
    connection = socket.socket(fileno=descriptor)
    try:
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            raise OSError(f"{descriptor} is no TCP connection")
        yield connection
    finally:
        connection.detach()
