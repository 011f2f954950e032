"""The porter, with real sockets: who is let in, as whom, and what becomes of who is not."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from daemons.bus.keys import Pair, new_pair
from daemons.bus.sockets import open_far_socket
from daemons.processes.exchange.authenticator import ENDPOINT, Porter
from tests.support import factories

LOG = logging.getLogger("test_zap")


class Gate:
    """A server of CURVE with a porter at it."""

    def __init__(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.known: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        self.own = new_pair()
        self.porter = Porter(self.context, self._find)
        self.socket = open_far_socket(self.context, zmq.PULL)
        self.socket.curve_server = True
        self.socket.curve_publickey = self.own.public_key.encode()
        self.socket.curve_secretkey = self.own.secret_key.encode()
        self.socket.zap_domain = b"house"
        self.socket.set(zmq.HANDSHAKE_IVL, 300)
        self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self._opened: list[Any] = []

    def _find(self, key: str, address: str) -> str | None:
        self.asked.append((key, address))
        return self.known.get(key)

    def connect(self, pair: Pair) -> Any:
        """Come with a key, and say something."""
        made = open_far_socket(self.context, zmq.PUSH)
        self._opened.append(made)
        made.curve_serverkey = self.own.public_key.encode()
        made.curve_publickey, made.curve_secretkey = pair.public_key.encode(), pair.secret_key.encode()
        made.set(zmq.LINGER, 0)
        made.connect(f"tcp://127.0.0.1:{self.port}")
        made.send(b"hello", zmq.NOBLOCK)
        return made

    def hear(self) -> Any:
        """Take what has come; nothing when nothing has."""
        self.porter.answer()
        return self.socket.recv(copy=False) if self.socket.poll(5) else None

    def close(self) -> None:
        """Take it down."""
        for opened in (*self._opened, self.socket, self.porter.socket):
            opened.close(0)
        self.context.term()


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Have one."""
    made = Gate()
    yield made
    made.close()


def test_what_the_porter_says_of_a_connection_comes_with_each_of_its_frames(gate: Gate) -> None:
    """Nobody can say that they are somebody else: it is the key that tells."""
    pair = new_pair()
    gate.known[pair.public_key] = "7 bob"
    made = gate.connect(pair)
    heard: list[Any] = []

    def is_heard() -> bool:
        if frame := gate.hear():
            heard.append(frame)
        return bool(heard)

    factories.until(is_heard, "its word")
    assert (heard[0].bytes, heard[0].get("User-Id")) == (b"hello", "7 bob")
    assert set(gate.asked) == {(pair.public_key, "127.0.0.1")}
    made.send(b"again")
    factories.until(lambda: (frame := gate.hear()) is not None and frame.get("User-Id") == "7 bob", "another")


def test_who_is_not_known_stays_outside_and_comes_in_as_soon_as_they_are(gate: Gate) -> None:
    """No answer instead of a refusal: libzmq would give up for good on that."""
    pair = new_pair()
    gate.connect(pair)
    factories.until(lambda: gate.hear() is None and len(gate.asked) >= 2, "a second try")
    gate.known[pair.public_key] = "8 late"
    factories.until(
        lambda: (frame := gate.hear()) is not None and frame.get("User-Id") == "8 late", "its word"
    )


def test_who_proves_nothing_is_not_asked_about(gate: Gate) -> None:
    """A key whose secret half the other side does not have never gets as far as the porter."""
    pair = new_pair()
    gate.known[pair.public_key] = "9 thief"
    made = gate.connect(Pair(public_key=pair.public_key, secret_key=new_pair().secret_key))
    events = made.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_CONNECT_RETRIED)
    factories.until(lambda: gate.hear() is None and bool(events.poll(5)), "the end of its handshake")
    recv_monitor_message(events)
    made.disable_monitor()
    events.close()
    assert gate.asked == []


@pytest.mark.parametrize(
    "question",
    [
        [b"", b"1.0", b"1"],
        [b"", b"1.0", b"1", b"house", b"127.0.0.1", b"", b"NULL"],
        [b"", b"1.0", b"1", b"house", b"127.0.0.1", b"", b"PLAIN", b"user", b"word"],
    ],
    ids=["short", "NULL", "PLAIN"],
)
def test_other_mechanisms_and_questions_that_are_none_are_not_answered(
    gate: Gate, question: list[bytes]
) -> None:
    """Only a key counts here."""
    asking = gate.context.socket(zmq.DEALER)
    gate._opened.append(asking)
    asking.connect(ENDPOINT)
    asking.send_multipart(question)
    pair = new_pair()
    gate.known[pair.public_key] = "1 a"
    gate.connect(pair)
    factories.until(lambda: gate.hear() is not None, "somebody with a key")
    assert not asking.poll(0)
    assert {key for key, _ in gate.asked} == {pair.public_key}
