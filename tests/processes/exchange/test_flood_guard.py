"""The guard against floods of subscriptions, with real sockets: which connections it closes, and when."""

import logging
from collections.abc import Iterator
from contextlib import suppress

import pytest

from daemons.bus.dropped import DroppedLog
from daemons.processes.exchange.accepted import byte_count
from daemons.processes.exchange.flood_guard import FloodGuard
from tests.processes.exchange.test_connections import TcpConnection
from tests.support import factories

BYTES_AT_ONCE = 128 * 1024


@pytest.fixture
def guard() -> FloodGuard:
    """Create a guard whose thread does not run."""
    return FloodGuard(DroppedLog(logging.getLogger("test_flood_guard")))


@pytest.fixture
def tcp() -> Iterator[list[TcpConnection]]:
    """Open connections from two addresses, two from the first one."""
    made = [TcpConnection(host) for host in ("127.0.0.1", "127.0.0.1", "127.0.0.2")]
    yield made
    for connection in made:
        connection.close()


def send(connection: TcpConnection, number: int) -> None:
    """Send so many bytes more, read them at the near end, and wait until the kernel has counted them."""
    near, peer = connection.near, connection.near.getpeername()
    before = received(connection)
    left = number
    while left:
        left -= connection.far.send(b"x" * min(left, 10_000))
        near.recv(10_000)
    factories.wait_until(lambda: received(connection) >= before + number, f"the bytes of {peer}")


def received(connection: TcpConnection) -> int:
    """Return the bytes that have come from the other end."""
    count = byte_count(connection.near.fileno(), connection.near.getpeername())
    assert count is not None
    return count.received


def watch(guard: FloodGuard, tcp: list[TcpConnection]) -> None:
    """Add the connections to the guard."""
    for connection in tcp:
        guard.on_accepted(connection.near.fileno())


def test_a_connection_that_sends_too_much_is_closed_and_no_other(
    guard: FloodGuard, tcp: list[TcpConnection], caplog: pytest.LogCaptureFixture
) -> None:
    """The log names its address."""
    watch(guard, tcp)
    send(tcp[0], BYTES_AT_ONCE + 1000)
    send(tcp[2], BYTES_AT_ONCE - 10_000)
    guard.check()
    assert [it.is_ended for it in tcp] == [True, False, False]
    guard.log_closed()
    (message,) = caplog.messages
    assert message.endswith("subscriptions arrive too quickly from 127.0.0.1; the connection is closed")


def test_the_connections_of_one_address_share_its_rate(guard: FloodGuard, tcp: list[TcpConnection]) -> None:
    """A client cannot send more on several connections than on one."""
    watch(guard, tcp)
    for connection in tcp:
        send(connection, BYTES_AT_ONCE * 3 // 4)
    guard.check()
    assert [it.is_ended for it in tcp] == [False, True, False]


def test_what_was_counted_is_not_counted_again(guard: FloodGuard, tcp: list[TcpConnection]) -> None:
    """A connection that is open for long may have sent much more than the rate allows at once."""
    watch(guard, tcp[:1])
    send(tcp[0], BYTES_AT_ONCE * 3 // 4)
    for _ in range(10):
        guard.check()
    assert not tcp[0].is_ended


def test_the_thread_closes_a_flood_by_itself(guard: FloodGuard, tcp: list[TcpConnection]) -> None:
    """It works before the first connection is there, and after all connections have ended."""
    guard.start()
    ended = TcpConnection("127.0.0.3")
    watch(guard, [ended])
    ended.close()
    watch(guard, tcp[:1])
    with suppress(OSError):  # it may be closed before all is sent
        send(tcp[0], BYTES_AT_ONCE * 2)
    factories.wait_until(lambda: tcp[0].is_ended, "the end of the connection")
