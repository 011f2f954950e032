"""The authenticator, with real sockets: which connections are accepted, and under which user id."""

from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from daemons.bus.sockets import open_tcp_socket
from daemons.processes.exchange.authenticator import ENDPOINT, Authenticator
from daemons.storage.key_pair import KeyPair, new_key_pair
from tests.support import factories


class CurveServer:
    """A CURVE server with an authenticator, and its known keys."""

    def __init__(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.user_ids: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.own = new_key_pair()
        self.authenticator = Authenticator(self.context, self._authenticate)
        self.socket = open_tcp_socket(self.context, zmq.PULL)
        self.socket.curve_server = True
        self.socket.curve_publickey = self.own.public_key.encode()
        self.socket.curve_secretkey = self.own.secret_key.encode()
        self.socket.zap_domain = b"house"
        self.socket.set(zmq.HANDSHAKE_IVL, 300)
        self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.opened: list[Any] = []

    def _authenticate(self, key: str, address: str) -> str | None:
        self.requests.append((key, address))
        return self.user_ids.get(key)

    def connect(self, pair: KeyPair) -> Any:
        """Connect with a key, and send a message."""
        made = open_tcp_socket(self.context, zmq.PUSH)
        self.opened.append(made)
        made.curve_serverkey = self.own.public_key.encode()
        made.curve_publickey, made.curve_secretkey = pair.public_key.encode(), pair.secret_key.encode()
        made.set(zmq.LINGER, 0)
        made.connect(f"tcp://127.0.0.1:{self.port}")
        made.send(b"hello", zmq.NOBLOCK)
        return made

    def receive(self) -> Any:
        """Answer the authentication requests, and return a frame that has arrived, or None."""
        self.authenticator.answer_requests()
        return self.socket.recv(copy=False) if self.socket.poll(5) else None

    def close(self) -> None:
        """Close all sockets."""
        for opened in (*self.opened, self.socket, self.authenticator.socket):
            opened.close(0)
        self.context.term()


@pytest.fixture
def server() -> Iterator[CurveServer]:
    """Bind a server."""
    made = CurveServer()
    yield made
    made.close()


def test_each_frame_of_a_connection_has_the_user_id(server: CurveServer) -> None:
    """The user id belongs to the key, so no client can use the name of another."""
    pair = new_key_pair()
    server.user_ids[pair.public_key] = "7 bob"
    made = server.connect(pair)
    frames: list[Any] = []

    def is_received() -> bool:
        if frame := server.receive():
            frames.append(frame)
        return bool(frames)

    factories.wait_until(is_received, "the first message")
    assert (frames[0].bytes, frames[0].get("User-Id")) == (b"hello", "7 bob")
    assert set(server.requests) == {(pair.public_key, "127.0.0.1")}
    made.send(b"again")
    factories.wait_until(
        lambda: (frame := server.receive()) is not None and frame.get("User-Id") == "7 bob",
        "the second message",
    )


def test_an_unknown_key_is_accepted_as_soon_as_it_is_added(server: CurveServer) -> None:
    """An unknown key gets no reply until then: after a refusal, libzmq would never retry."""
    pair = new_key_pair()
    server.connect(pair)
    factories.wait_until(lambda: server.receive() is None and len(server.requests) >= 2, "a second try")
    server.user_ids[pair.public_key] = "8 late"
    factories.wait_until(
        lambda: (frame := server.receive()) is not None and frame.get("User-Id") == "8 late", "the message"
    )


def test_a_public_key_without_its_secret_key_is_no_request(server: CurveServer) -> None:
    """The handshake fails before the authenticator gets a request."""
    pair = new_key_pair()
    server.user_ids[pair.public_key] = "9 thief"
    made = server.connect(KeyPair(public_key=pair.public_key, secret_key=new_key_pair().secret_key))
    events = made.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_CONNECT_RETRIED)
    factories.wait_until(lambda: server.receive() is None and bool(events.poll(5)), "a failed handshake")
    recv_monitor_message(events)
    made.disable_monitor()
    events.close()
    assert server.requests == []


@pytest.mark.parametrize(
    "request_frames",
    [
        [b"", b"1.0", b"1"],
        [b"", b"1.0", b"1", b"house", b"127.0.0.1", b"", b"NULL"],
        [b"", b"1.0", b"1", b"house", b"127.0.0.1", b"", b"PLAIN", b"user", b"word"],
    ],
    ids=["short", "NULL", "PLAIN"],
)
def test_other_mechanisms_and_malformed_requests_get_no_reply(
    server: CurveServer, request_frames: list[bytes]
) -> None:
    """Only CURVE keys are accepted; a valid request behind them is answered."""
    asking = server.context.socket(zmq.DEALER)
    server.opened.append(asking)
    asking.connect(ENDPOINT)
    asking.send_multipart(request_frames)
    pair = new_key_pair()
    server.user_ids[pair.public_key] = "1 a"
    server.connect(pair)
    factories.wait_until(lambda: server.receive() is not None, "a client with a key")
    assert not asking.poll(0)
    assert {key for key, _ in server.requests} == {pair.public_key}
