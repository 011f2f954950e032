"""A thread that closes connections which send subscriptions too quickly.

libzmq reads all subscriptions that have arrived in one call, and each takes 20 to 50 times its length of
memory (libzmq 4.3.5, `xpub_t::xread_activated`: a tree with one node for each byte). The call does not
return while more arrive, so the loop of the process cannot count them in time. This thread can: the kernel
counts the bytes of each connection.
"""

import time
from collections import deque
from threading import Event, Lock, Thread
from typing import Any

from daemons.bus.dropped import DroppedLog
from daemons.processes.exchange.accepted import byte_count, plain_address
from daemons.processes.exchange.connections import close_socket, peer_address
from daemons.runtime.rate_limit import TokenBuckets

BYTES_PER_SECOND, BYTES_AT_ONCE = 64 * 1024, 128 * 1024
"""What all subscribers of one address may send."""
CHECK_SECONDS = 0.02
"""How often the thread looks. At 12 MB/s, which a fast client reaches, 240 KB arrive in this time."""
MAX_SHARE = 0.05
"""With very many connections, the thread looks less often: it takes no more than this share of the time."""


class FloodGuard:
    """Watches the connections of subscribers, and closes those that are above the rate limit."""

    def __init__(self, dropped: DroppedLog) -> None:
        self._dropped = dropped
        self._lock = Lock()
        self._received: dict[tuple[int, Any], int] = {}
        """The bytes that have come from each connection, known by its descriptor and its other end."""
        self._buckets = TokenBuckets(BYTES_PER_SECOND, BYTES_AT_ONCE)
        self._closed: deque[str] = deque()
        """The addresses of closed connections that are not logged yet."""
        self._has_connections = Event()
        self._thread = Thread(target=self._run, name="flood_guard", daemon=True)

    def start(self) -> None:
        """Start the thread. It ends with the process."""
        self._thread.start()

    def on_accepted(self, descriptor: int) -> None:
        """Watch a new connection."""
        if peer := peer_address(descriptor):
            with self._lock:
                self._received[descriptor, peer] = 0
            self._has_connections.set()

    def log_closed(self) -> None:
        """Log the connections that the thread has closed; to be called in the loop of the process."""
        while self._closed:
            address = self._closed.popleft()
            why = f"subscriptions arrive too quickly from {address}"
            self._dropped.add("the gateway", f"{why}; the connection is closed")

    def check(self) -> None:
        """Close the connections above the limit, and forget those that have ended."""
        with self._lock:
            known = dict(self._received)
            if not known:
                self._has_connections.clear()
        for (descriptor, peer), before in known.items():
            count = byte_count(descriptor, peer)
            if count is None:
                self._forget(descriptor, peer)
            elif self._buckets.allow(peer[0], count.received - before):
                with self._lock:
                    self._received[descriptor, peer] = count.received
            else:
                close_socket(descriptor)
                self._closed.append(plain_address(peer[0]))
                self._forget(descriptor, peer)

    def _forget(self, descriptor: int, peer: Any) -> None:
        with self._lock:
            self._received.pop((descriptor, peer), None)

    def _run(self) -> None:
        while self._has_connections.wait():
            began = time.thread_time()
            self.check()
            time.sleep(max(CHECK_SECONDS, (time.thread_time() - began) / MAX_SHARE))
