"""Connections without a key, with real sockets: the oldest beyond the limits are closed."""

import logging
import os
import socket
from collections.abc import Iterator

import pytest

from daemons.bus.dropped import DroppedLog
from daemons.processes.exchange.accepted import AcceptedConnections, byte_count
from daemons.storage.key_pair import new_key_pair
from tests.processes.exchange.test_authenticator import CurveServer
from tests.processes.exchange.test_connections import TcpConnection
from tests.support import factories

LOG = logging.getLogger("test_accepted")


@pytest.fixture
def accepted() -> AcceptedConnections:
    """Create the connections of a process that may open 20,000 files."""
    return AcceptedConnections(DroppedLog(LOG), 20_000)


@pytest.fixture
def tcp() -> Iterator[list[TcpConnection]]:
    """Yield a list of connections, which are closed at the end."""
    made: list[TcpConnection] = []
    yield made
    for connection in made:
        connection.close()


def accept(accepted: AcceptedConnections, tcp: list[TcpConnection], host: str = "127.0.0.1") -> TcpConnection:
    """Accept one more connection from an address of loopback."""
    tcp.append(TcpConnection(host))
    accepted.on_accepted(tcp[-1].near.fileno())
    return tcp[-1]


def test_the_oldest_of_more_than_twenty_connections_of_one_address_is_closed(
    accepted: AcceptedConnections, tcp: list[TcpConnection], caplog: pytest.LogCaptureFixture
) -> None:
    """The connection of another address stays open."""
    accept(accepted, tcp, "127.0.0.2")
    for _ in range(25):
        accept(accepted, tcp)
    assert [it.is_ended for it in tcp] == [False] + [True] * 5 + [False] * 20
    assert "more than 20 connections without a key from 127.0.0.1; the oldest is closed" in caplog.text


def test_the_oldest_of_more_than_two_hundred_connections_is_closed(
    accepted: AcceptedConnections, tcp: list[TcpConnection]
) -> None:
    """They come from eleven addresses."""
    for number in range(210):
        accept(accepted, tcp, f"127.0.1.{number // 20 + 1}")
    assert [it.is_ended for it in tcp] == [True] * 10 + [False] * 200


def test_a_connection_that_has_ended_is_not_counted(
    accepted: AcceptedConnections, tcp: list[TcpConnection]
) -> None:
    """A stranger that closes its connections does not take the place of others."""
    first = accept(accepted, tcp)
    for _ in range(30):
        accept(accepted, tcp).close()
        accepted.check()
    assert not first.is_ended


def show_key(connection: TcpConnection) -> None:
    """Send what a CURVE server sends to a client with a key, and wait until it is acknowledged."""
    connection.near.sendall(b"x" * 300)
    factories.wait_until(
        lambda: (byte_count(connection.near.fileno(), connection.near.getpeername()) or (0,))[0] >= 300,
        "the bytes",
    )
    connection.far.recv(300)


def test_the_connection_that_is_idle_for_longest_is_closed(
    accepted: AcceptedConnections, tcp: list[TcpConnection], caplog: pytest.LogCaptureFixture
) -> None:
    """Of 205 connections of one address, all with a key, the first one has just sent a message."""
    accept(accepted, tcp, "127.0.0.2")
    for _ in range(205):
        show_key(accept(accepted, tcp))
        accepted.check()
        accepted.on_message(tcp[1].near.fileno())
    assert [it.is_ended for it in tcp] == [False, False] + [True] * 5 + [False] * 199
    assert "more than 200 connections from 127.0.0.1; the oldest is closed" in caplog.text


def transfer(source: socket.socket, sink: socket.socket, number: int) -> None:
    """Send a number of bytes, and read them at the other end."""
    source.setblocking(True)
    while number > 0:
        part = min(number, 65_536)
        source.sendall(b"x" * part)
        number -= part
        while part > 0:
            part -= len(sink.recv(part))
    source.setblocking(False)


def test_connections_that_send_without_end_are_closed(
    accepted: AcceptedConnections, tcp: list[TcpConnection], caplog: pytest.LogCaptureFixture
) -> None:
    """Each has sent 2 MB; the one that has sent the most is closed, and one with whole messages is not."""
    for _ in range(4):
        show_key(accept(accepted, tcp))
    accepted.check()
    for number, connection in enumerate(tcp):
        transfer(connection.far, connection.near, 2_000_000 + 1000 * number)
    accepted.on_message(tcp[3].near.fileno())
    accepted.check()
    assert not any(it.is_ended for it in tcp)  # a whole message may not have been read yet
    accepted.check()
    assert [it.is_ended for it in tcp] == [False, False, True, False]
    assert "a message without an end from 127.0.0.1: 2,00" in caplog.text


def test_heartbeats_are_no_message_without_an_end(tcp: list[TcpConnection]) -> None:
    """A client that only listens answers heartbeats for months; more than it got is not its answer."""
    now = [0.0]
    accepted = AcceptedConnections(DroppedLog(LOG), 20_000, lambda: now[0])
    quiet, greedy = (accept(accepted, tcp) for _ in range(2))
    for connection in tcp:
        show_key(connection)
    accepted.check()
    for connection in tcp:
        transfer(connection.near, connection.far, 4_000_000)
    now[0] = 1e6
    transfer(quiet.far, quiet.near, 4_000_000)
    transfer(greedy.far, greedy.near, 8_400_000)
    for _ in range(3):
        accepted.check()
    assert [it.is_ended for it in tcp] == [False, True]


def test_the_last_descriptors_of_the_process_are_left_to_its_files(
    tcp: list[TcpConnection], caplog: pytest.LogCaptureFixture
) -> None:
    """Of 1,000 files, a hundred stay free: a connection beyond them is closed at once."""
    tcp += [TcpConnection(), TcpConnection()]
    for connection, descriptor in zip(tcp, (899, 900), strict=True):
        os.dup2(connection.near.fileno(), descriptor)
    accepted = AcceptedConnections(DroppedLog(LOG), 1000)
    for descriptor in (899, 900):
        accepted.on_accepted(descriptor)
        os.close(descriptor)
    assert [it.is_ended for it in tcp] == [False, True]
    assert "all descriptors for connections are in use" in caplog.text


def test_a_connection_that_has_shown_its_key_is_never_closed() -> None:
    """Also when it has sent no message, and many connections without a key come after it."""
    server = CurveServer()
    accepted = AcceptedConnections(DroppedLog(LOG), 20_000)
    monitor = accepted.monitor(server.socket)
    strangers: list[socket.socket] = []
    try:
        pair = new_key_pair()
        server.user_ids[pair.public_key] = "1 a"
        made = server.connect(pair)
        factories.wait_until(lambda: server.receive() is not None, "the first message")
        for _ in range(60):
            strangers.append(socket.create_connection(("127.0.0.1", server.port)))

        def is_bounded() -> bool:
            accepted.receive(monitor)
            return sum(not is_closed(it) for it in strangers) <= 20

        factories.wait_until(is_bounded, "the end of the oldest")
        made.send(b"again")
        factories.wait_until(lambda: server.receive() is not None, "a message by the same connection")
        assert len(server.requests) == 1
    finally:
        for stranger in strangers:
            stranger.close()
        server.socket.disable_monitor()
        monitor.close()
        server.close()


def is_closed(connection: socket.socket) -> bool:
    """Return whether the server has closed a connection; its greeting is read first."""
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
