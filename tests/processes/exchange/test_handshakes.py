"""Connections without a key, with real sockets: the oldest beyond the limits are closed."""

import logging
import os
import socket
from collections.abc import Iterator

import pytest

from daemons.bus.dropped import DroppedLog
from daemons.bus.keys import new_key_pair
from daemons.processes.exchange.handshakes import PendingHandshakes
from tests.processes.exchange.test_authenticator import CurveServer
from tests.processes.exchange.test_connections import TcpConnection
from tests.support import factories

LOG = logging.getLogger("test_handshakes")


@pytest.fixture
def handshakes() -> PendingHandshakes:
    """Create the handshakes of a process that may open 20,000 files."""
    return PendingHandshakes(DroppedLog(LOG), 20_000)


@pytest.fixture
def tcp() -> Iterator[list[TcpConnection]]:
    """Yield a list of connections, which are closed at the end."""
    made: list[TcpConnection] = []
    yield made
    for connection in made:
        connection.close()


def accept(handshakes: PendingHandshakes, tcp: list[TcpConnection], host: str = "127.0.0.1") -> TcpConnection:
    """Accept one more connection from an address of loopback."""
    tcp.append(TcpConnection(host))
    handshakes.on_accepted(tcp[-1].near.fileno())
    return tcp[-1]


def test_the_oldest_of_more_than_twenty_connections_of_one_address_is_closed(
    handshakes: PendingHandshakes, tcp: list[TcpConnection], caplog: pytest.LogCaptureFixture
) -> None:
    """The connection of another address stays open."""
    accept(handshakes, tcp, "127.0.0.2")
    for _ in range(25):
        accept(handshakes, tcp)
    assert [it.is_ended for it in tcp] == [False] + [True] * 5 + [False] * 20
    assert "more than 20 connections without a key from 127.0.0.1; the oldest is closed" in caplog.text


def test_the_oldest_of_more_than_two_hundred_connections_is_closed(
    handshakes: PendingHandshakes, tcp: list[TcpConnection]
) -> None:
    """They come from eleven addresses."""
    for number in range(210):
        accept(handshakes, tcp, f"127.0.1.{number // 20 + 1}")
    assert [it.is_ended for it in tcp] == [True] * 10 + [False] * 200


def test_a_connection_that_has_ended_is_not_counted(
    handshakes: PendingHandshakes, tcp: list[TcpConnection]
) -> None:
    """A stranger that closes its connections does not take the place of others."""
    first = accept(handshakes, tcp)
    for _ in range(30):
        accept(handshakes, tcp).close()
        handshakes.forget_completed()
    assert not first.is_ended


def test_the_last_descriptors_of_the_process_are_left_to_its_files(
    tcp: list[TcpConnection], caplog: pytest.LogCaptureFixture
) -> None:
    """Of 1,000 files, a hundred stay free: a connection beyond them is closed at once."""
    tcp += [TcpConnection(), TcpConnection()]
    for connection, descriptor in zip(tcp, (899, 900), strict=True):
        os.dup2(connection.near.fileno(), descriptor)
    handshakes = PendingHandshakes(DroppedLog(LOG), 1000)
    for descriptor in (899, 900):
        handshakes.on_accepted(descriptor)
        os.close(descriptor)
    assert [it.is_ended for it in tcp] == [False, True]
    assert "all descriptors for connections are in use" in caplog.text


def test_a_connection_that_has_shown_its_key_is_never_closed() -> None:
    """Also when it has sent no message, and many connections without a key come after it."""
    server = CurveServer()
    handshakes = PendingHandshakes(DroppedLog(LOG), 20_000)
    monitor = handshakes.monitor(server.socket)
    strangers: list[socket.socket] = []
    try:
        pair = new_key_pair()
        server.user_ids[pair.public_key] = "1 a"
        made = server.connect(pair)
        factories.wait_until(lambda: server.receive() is not None, "the first message")
        for _ in range(60):
            strangers.append(socket.create_connection(("127.0.0.1", server.port)))

        def is_bounded() -> bool:
            handshakes.receive(monitor)
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
