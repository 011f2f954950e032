"""The blocking client with real sockets."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from daemons.bus import message
from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, Receipt
from daemons.bus.requests.blocking import BlockingConnection, send_command
from daemons.bus.requests.protocol import new_command
from daemons.bus.sockets import connect_commands
from daemons.errors import MessageError, NoAnswer
from tests.support import factories
from tests.support.patience import patience

Context = zmq.Context[zmq.Socket[bytes]]


@pytest.fixture
def context() -> Iterator[Context]:
    """Return the context of the client."""
    with factories.zmq_context() as made:
        yield made


@contextmanager
def device(*replies: bytes) -> Iterator[list[Command]]:
    """Run a device that answers one command with these payloads and its receipt; yield the commands."""
    received: list[Command] = []
    with factories.zmq_context() as made:
        socket = made.socket(zmq.ROUTER)
        socket.bind(command_endpoint("lamp"))

        def serve() -> None:
            if not socket.poll(int(patience() * 1000)):
                return
            *envelope, payload = socket.recv_multipart()
            received.append(message.decode_command(payload))
            receipt = Receipt(id=received[0].id, device="lamp", outcome="applied", at=1.0)
            for reply in (*replies, message.encode(receipt)):
                socket.send_multipart([*envelope, reply])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield received
        finally:
            thread.join()


OTHER = message.encode(Receipt(id="another", device="lamp", outcome="rejected", at=1.0))


def test_the_receipt_of_another_command_and_garbage_are_ignored(run: Path, context: Context) -> None:
    """A receipt with another id, such as one of an earlier command, is not returned."""
    with device(OTHER, b"", b"{", b"[" * 5000) as received:
        assert send_command(context, "lamp", new_command("on", 10, id_="a1")).id == "a1"
    assert [command.id for command in received] == ["a1"]


def test_an_invalid_reply_is_reported_to_the_caller(run: Path, context: Context) -> None:
    """The request still gets its receipt."""
    errors: list[MessageError] = []
    with device(b"{", OTHER):
        connection = BlockingConnection(
            lambda: connect_commands(context, command_endpoint("lamp")), errors.append
        )
        receipt = connection.request(new_command("on", 10), 10)
    assert receipt is not None
    assert receipt.outcome == "applied"
    assert len(errors) == 1


def test_a_silent_device_is_named_after_the_deadline(run: Path, context: Context) -> None:
    """The error is raised soon after the deadline, and not before."""
    began = time.time()
    why = r"lamp: no answer within 0\.2 s; is it running\? `house status`"
    with pytest.raises(NoAnswer, match=why):
        send_command(context, "lamp", Command(id="a1", command="on", deadline=began + 0.2))
    assert 0.2 <= time.time() - began < patience(2)


def test_a_command_without_receipt_is_not_delivered_later(run: Path, context: Context) -> None:
    """A device that starts after the time-out gets only the next command."""
    connection = BlockingConnection(lambda: connect_commands(context, command_endpoint("lamp")))
    assert connection.request(new_command("on", 0.02, id_="gone"), 0.02) is None
    with device() as received:
        assert connection.request(new_command("on", 10, id_="a1"), 10) is not None
    connection.close()
    assert [command.id for command in received] == ["a1"]
