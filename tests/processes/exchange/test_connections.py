"""Network connections, with real sockets: how much each key may use, and which connections are closed."""

import logging
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from daemons.processes.exchange.connections import ConnectionId, Connections, close_socket, peer_address

LOG = logging.getLogger("test_connections")
MAX_CONNECTIONS = 50
KEY_BYTES, OVERHEAD_BYTES = 65_536, 32


class TcpConnection:
    """A TCP connection into this process."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        """Connect from an address of loopback."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.far = socket.create_connection(server.getsockname(), source_address=(host, 0))
            self.near, _ = server.accept()
        self.far.setblocking(False)

    @property
    def is_ended(self) -> bool:
        """Return whether the other side sees the end of the connection."""
        try:
            return self.far.recv(1) == b""
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Close both ends."""
        self.far.close()
        self.near.close()


@pytest.fixture
def tcp() -> Iterator[list[TcpConnection]]:
    """Open three connections."""
    made = [TcpConnection() for _ in range(3)]
    yield made
    for connection in made:
        connection.close()


@pytest.fixture
def connections() -> Connections:
    """Create the connections with a clock that the test moves."""
    return Connections(LOG, lambda: 100.0)


def admit(connections: Connections, client: str, connection: TcpConnection) -> ConnectionId:
    """Admit a client, and return the id of its connection."""
    user_id = connections.admit(client)
    assert user_id is not None
    number, _, name = user_id.partition(" ")
    assert name == client
    return ConnectionId(int(number), client, connection.near.fileno())


def subscribe(connections: Connections, id_: ConnectionId, prefix: bytes = b"x/") -> bool:
    """Begin a subscription, and return whether the connection may stay."""
    return connections.count_subscription(id_, begins=True, prefix=prefix)


class Frame:
    """The properties of a frame in libzmq."""

    def __init__(self, id_: ConnectionId) -> None:
        self._properties: dict[Any, Any] = {
            "User-Id": f"{id_.number} {id_.client}",
            zmq.SRCFD: id_.descriptor,
        }

    def get(self, name: Any) -> Any:
        """Return a property."""
        return self._properties[name]


class FrameWithoutConnection:
    """A frame that libzmq made itself, after a connection has ended."""

    def get(self, name: Any) -> Any:
        """Raise the error of pyzmq for a property that a frame does not have."""
        raise zmq.ZMQError(name)


def identify(connections: Connections, id_: ConnectionId) -> ConnectionId | None:
    """Identify a frame of a connection."""
    frame: Any = Frame(id_)
    return connections.identify(frame)


def test_only_tcp_connections_are_closed(tcp: list[TcpConnection]) -> None:
    """The other side sees the end; a pipe, a socket of another kind, or a closed descriptor is left alone."""
    assert peer_address(tcp[0].near.fileno()) == tcp[0].far.getsockname()
    close_socket(tcp[0].near.fileno())
    assert tcp[0].is_ended
    reading, writing = os.pipe()
    one, two = socket.socketpair()
    for descriptor in (reading, one.fileno(), 10_000, -1):
        assert peer_address(descriptor) is None
        close_socket(descriptor)
    two.send(b"x")
    assert one.recv(1) == b"x"
    for left in (reading, writing):
        os.close(left)
    one.close()
    two.close()


def test_disconnecting_a_client_closes_only_its_own_connections(
    connections: Connections, tcp: list[TcpConnection]
) -> None:
    """A connection that the client makes afterwards is a new one, and may subscribe."""
    one, two, other = (
        admit(connections, client, it) for client, it in zip(("a", "a", "b"), tcp, strict=True)
    )
    assert all(subscribe(connections, it) for it in (one, two, other))
    connections.disconnect("a")
    assert [it.is_ended for it in tcp] == [True, True, False]
    again = admit(connections, "a", tcp[2])
    assert again.number > other.number
    assert identify(connections, again) == again


def test_late_frames_of_a_disconnected_client_are_ignored(
    connections: Connections, tcp: list[TcpConnection]
) -> None:
    """A connection without subscriptions is closed when its next frame arrives."""
    one = admit(connections, "a", tcp[0])
    other = admit(connections, "b", tcp[1])
    assert identify(connections, one) == one
    connections.disconnect("a")
    assert not tcp[0].is_ended
    assert identify(connections, one) is None
    assert tcp[0].is_ended
    assert identify(connections, other) == other


def test_frames_without_a_connection_are_ignored(connections: Connections) -> None:
    """libzmq itself ends the subscriptions of a connection that has gone."""
    frame: Any = FrameWithoutConnection()
    assert connections.identify(frame) is None


def test_a_descriptor_that_belongs_to_another_connection_now_is_not_closed(
    connections: Connections, tcp: list[TcpConnection]
) -> None:
    """The first connection has ended, and the second got its descriptor."""
    first = admit(connections, "a", tcp[0])
    subscribe(connections, first)
    os.dup2(tcp[1].near.fileno(), tcp[0].near.fileno())
    connections.disconnect("a")
    assert not tcp[1].is_ended


def test_subscriptions_are_counted_over_all_connections_of_a_key(
    connections: Connections, tcp: list[TcpConnection], caplog: pytest.LogCaptureFixture
) -> None:
    """A repeated subscription costs nothing, an ended one makes room; a key with too many is blocked."""
    one, two, other = (
        admit(connections, client, it) for client, it in zip(("a", "a", "b"), tcp, strict=True)
    )
    subscribe(connections, other)
    half = KEY_BYTES // 2 // (224 + OVERHEAD_BYTES)
    prefixes = [f"{number:0224}".encode() for number in range(2 * half + 1)]
    for _ in range(3):
        assert all(subscribe(connections, one, prefix) for prefix in prefixes[:half])
    assert all(subscribe(connections, two, prefix) for prefix in prefixes[half : 2 * half])
    assert connections.count_subscription(two, begins=False, prefix=prefixes[half])
    assert subscribe(connections, two, prefixes[half])
    assert not subscribe(connections, two, b"x")
    assert "a is blocked for 10 s: its subscriptions have more than 65536 bytes" in caplog.text
    assert [it.is_ended for it in tcp] == [True, True, False]
    assert connections.admit("a") is None
    assert connections.admit("b")


def test_ending_an_unknown_subscription_does_not_free_a_place(
    connections: Connections, tcp: list[TcpConnection]
) -> None:
    """The end of an unknown subscription is not counted."""
    one = admit(connections, "a", tcp[0])
    for _ in range(3):
        assert connections.count_subscription(one, begins=False, prefix=b"y" * 200)
    prefixes = [f"{number:0224}".encode() for number in range(KEY_BYTES // (224 + OVERHEAD_BYTES))]
    assert all(subscribe(connections, one, prefix) for prefix in prefixes)
    assert not subscribe(connections, one, b"x")


def test_connections_that_have_ended_are_not_counted(connections: Connections) -> None:
    """A client may connect and disconnect any number of times."""
    for _ in range(MAX_CONNECTIONS + 20):
        connection = TcpConnection()
        assert subscribe(connections, admit(connections, "a", connection))
        connection.close()


def test_too_many_subscribed_connections_of_a_key_are_all_closed(
    connections: Connections, caplog: pytest.LogCaptureFixture
) -> None:
    """A key is for one program."""
    made = [TcpConnection() for _ in range(MAX_CONNECTIONS + 1)]
    room = [subscribe(connections, admit(connections, "a", it)) for it in made]
    assert room == [True] * MAX_CONNECTIONS + [False]
    assert all(it.is_ended for it in made)
    assert "a is blocked for 10 s: it subscribes on more than 50 connections" in caplog.text
    for connection in made:
        connection.close()


def test_too_many_new_connections_are_not_admitted(
    connections: Connections, caplog: pytest.LogCaptureFixture
) -> None:
    """A key may connect 150 times at once, and then ten times a second; other keys may connect."""
    admitted = 0
    while connections.admit("a"):
        admitted += 1
    assert 150 <= admitted < 170
    assert "a: more than 10 new connections a second" in caplog.text
    assert connections.admit("b")


def test_a_key_whose_messages_take_too_long_is_blocked_for_ten_seconds(
    tcp: list[TcpConnection], caplog: pytest.LogCaptureFixture
) -> None:
    """The limit is half a second at once; the messages of other keys are accepted meanwhile."""
    now = 100.0
    connections = Connections(LOG, lambda: now)
    one = admit(connections, "a", tcp[0])
    counted = 0
    while identify(connections, one):
        connections.count_time(one, 0.001)
        counted += 1
    assert 500 <= counted < 700
    assert tcp[0].is_ended
    assert "a is blocked for 10 s: its messages take more than 20 % of the processor time" in caplog.text
    connections.count_time(one, 0.001)
    assert caplog.text.count("is blocked") == 1
    now += 9.9
    assert connections.admit("a") is None
    other = admit(connections, "b", tcp[1])
    assert identify(connections, other) == other
    now += 0.1
    assert connections.admit("a")


def test_a_blocked_key_stays_blocked_over_a_restart(
    tcp: list[TcpConnection], caplog: pytest.LogCaptureFixture
) -> None:
    """The time continues. After a restart of the machine the steady clock begins anew: it is ten seconds."""
    now = 100.0
    saved = []
    first = Connections(LOG, lambda: now, None, lambda: saved.append(first.blocked_until))
    one = admit(first, "a", tcp[0])
    first.count_time(one, 0.6)
    assert saved == [{"a": 110.0}]
    now = 104.0
    again = Connections(LOG, lambda: now, saved[0])
    assert "a stays blocked for 6.0 s" in caplog.text
    assert again.admit("a") is None
    assert again.admit("b")
    now = 110.0
    assert again.admit("a")
    now = 3.0
    after_reboot = Connections(LOG, lambda: now, saved[0])
    now = 12.9
    assert after_reboot.admit("a") is None
    now = 13.0
    assert after_reboot.admit("a")
