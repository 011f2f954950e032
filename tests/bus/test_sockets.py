"""The sockets of the house, with real ones: what gets through, what does not, and who is told."""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from daemons.bus import message
from daemons.bus.endpoints import command_endpoint, publish_endpoint
from daemons.bus.message import Command, Heartbeat, Published, Receipt, Report, State
from daemons.bus.sockets import CommandServer, Publisher, Refusals, Subscriber, ask, drain
from daemons.errors import DeviceError, NoAnswer
from tests.support import factories

Context = zmq.Context[zmq.Socket[bytes]]
LOG = logging.getLogger("test_bus")


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.enter(tmp_path, monkeypatch)


@pytest.fixture
def context() -> Iterator[Context]:
    """Give a context that stands for one process."""
    with factories.context() as made:
        yield made


def state(seq: int, boot: int = 1, device: str = "lamp") -> State:
    """Give a state that can be told from others."""
    return State(device=device, boot=boot, seq=seq, at=1.0, since=1.0, state={"seq": seq})


def beat(seq: int, boot: int = 1) -> Heartbeat:
    """Give a sign of life."""
    return Heartbeat(device="lamp", boot=boot, seq=seq, at=1.0, pid=1)


def frames(sent: Published) -> list[bytes]:
    """Give a message as it travels."""
    return [message.topic(sent), message.encode(sent)]


class Ear:
    """A subscriber, and all that it has heard."""

    def __init__(self, context: Context, *devices: str) -> None:
        self.subscriber = Subscriber(context, list(devices or ["lamp"]), LOG)
        self.heard: list[object] = []

    def listen(self, publisher: Publisher | None = None) -> None:
        """Take what has come, and let the publisher answer newcomers."""
        self.subscriber.socket.poll(5)
        if publisher:
            publisher.answer_newcomers()
        self.heard += self.subscriber.receive()

    def hears(self, sent: Published) -> bool:
        """Listen, and tell whether this has been heard."""
        self.listen()
        return sent in self.heard

    def marks(self) -> list[tuple[int, int]]:
        """Give boot and seq of the states heard."""
        return [(heard.boot, heard.seq) for heard in self.heard if isinstance(heard, State)]

    def until(self, mark: tuple[int, int], publisher: Publisher | None = None) -> None:
        """Listen until a state is heard."""

        def met() -> bool:
            self.listen(publisher)
            return mark in self.marks()

        factories.until(met, f"state {mark}")


def raw_publisher(context: Context, name: str = "lamp") -> zmq.Socket[bytes]:
    """Bind where a device publishes, to send whatever a test wants."""
    socket = context.socket(zmq.XPUB)
    socket.set(zmq.XPUB_VERBOSE, 1)
    socket.bind(publish_endpoint(name))
    return socket


def subscription(socket: zmq.Socket[bytes]) -> bytes:
    """Wait for a subscription."""
    assert socket.poll(10_000), "nobody subscribed"
    return socket.recv()


def test_a_late_subscriber_gets_the_current_state(context: Context) -> None:
    """Who subscribes after three states hears the third, without anything new being published."""
    publisher = Publisher(context, "lamp")
    for seq in (1, 2, 3):
        publisher.publish(state(seq))
    ear = Ear(context)
    ear.until((1, 3), publisher)
    assert ear.marks() == [(1, 3)]


def test_a_subscriber_may_come_before_its_publisher(context: Context) -> None:
    """Who subscribes to nothing yet hears the device as soon as it is there."""
    ear = Ear(context)
    ear.listen()
    publisher = Publisher(context, "lamp")
    publisher.publish(state(1))
    ear.until((1, 1), publisher)


def test_a_restarted_publisher_is_heard_again(context: Context) -> None:
    """A publisher that comes back under its name is heard with its new boot."""
    ear = Ear(context)
    with factories.context() as first:
        publisher = Publisher(first, "lamp")
        publisher.publish(state(7))
        ear.until((1, 7), publisher)
    with factories.context() as second:
        publisher = Publisher(second, "lamp")
        publisher.publish(state(1, boot=2))
        ear.until((2, 1), publisher)
    assert ear.marks() == [(1, 7), (2, 1)]


def test_a_missed_state_is_asked_for_again(context: Context) -> None:
    """A heartbeat with a higher seq than was heard makes the subscriber ask, and so hear, again."""
    socket = raw_publisher(context)
    ear = Ear(context)
    assert subscription(socket) == b"\x01lamp/"
    socket.send_multipart(frames(state(1)))
    ear.until((1, 1))
    socket.send_multipart(frames(beat(1)))
    factories.until(lambda: ear.hears(beat(1)), "the first heartbeat")
    assert not socket.poll(50), "it asked again although it had missed nothing"
    socket.send_multipart(frames(beat(2)))
    factories.until(lambda: ear.hears(beat(2)), "the second heartbeat")
    assert subscription(socket) == b"\x01lamp/"
    socket.send_multipart(frames(state(2)))
    ear.until((1, 2))


def test_a_report_that_was_dropped_is_asked_for_though_later_ones_came(context: Context) -> None:
    """A queue that is full drops in its midst: the latest number has come then, and one before it has not."""
    socket = raw_publisher(context, "steward")
    ear = Ear(context, "steward")
    assert subscription(socket) == b"\x01steward/"

    def report(seq: int) -> Report:
        return Report(device=f"lamp_{seq}", boot=1, seq=seq, at=1.0, life="running", since=1.0)

    def sign(at: float) -> Heartbeat:
        return Heartbeat(device="steward", boot=1, seq=3, at=at, pid=1)

    for said in (report(1), report(3), sign(2.0)):
        socket.send_multipart(frames(said))
    factories.until(lambda: ear.hears(sign(2.0)), "the sign of life")
    assert subscription(socket) == b"\x01steward/"
    for said in (report(1), report(2), report(3), sign(2.0), sign(3.0)):
        socket.send_multipart(frames(said))
    factories.until(lambda: ear.hears(sign(3.0)), "the next one")
    assert [heard.seq for heard in ear.heard if isinstance(heard, Report)] == [1, 3, 2]
    assert not socket.poll(50), "it asked again although it lacks nothing"


def test_what_was_heard_is_not_heard_again(context: Context) -> None:
    """Repeated and replayed states of a boot are dropped without a word."""
    socket = raw_publisher(context)
    ear = Ear(context)
    subscription(socket)
    for seq in (1, 2, 1, 2, 2, 3):
        socket.send_multipart(frames(state(seq)))
    ear.until((1, 3))
    assert ear.marks() == [(1, 1), (1, 2), (1, 3)]
    assert ear.subscriber.refusals.total == 0


def test_what_an_older_boot_says_is_dropped(context: Context) -> None:
    """A ghost of an earlier life is not heard beside its successor, neither its states nor its beats."""
    socket = raw_publisher(context)
    ear = Ear(context)
    subscription(socket)
    for sent in (state(1, boot=5), state(9, boot=4), beat(9, boot=4), state(2, boot=5)):
        socket.send_multipart(frames(sent))
    ear.until((5, 2))
    assert ear.heard == [state(1, boot=5), state(2, boot=5)]


def test_lamp_does_not_hear_lamp2(context: Context) -> None:
    """A subscription ends in a slash, so that a longer name is not taken for a shorter one."""
    socket = raw_publisher(context)
    ear = Ear(context)
    subscription(socket)
    socket.send_multipart(frames(state(1, device="lamp2")))
    socket.send_multipart(frames(state(1)))
    ear.until((1, 1))
    assert ear.heard == [state(1)]
    assert ear.subscriber.refusals.total == 0


def test_garbage_is_counted_and_told_once(context: Context, caplog: pytest.LogCaptureFixture) -> None:
    """Bad frames are dropped and counted; the log has one line for them, and good ones still come."""
    socket = raw_publisher(context)
    ear = Ear(context)
    subscription(socket)
    bad = [[b"lamp/state"], [b"lamp/state", b"{"], [b"lamp/x", b"{}"], [b"lamp/state", b"[" * 99_999]]
    for sent in [*bad, frames(state(1))]:
        socket.send_multipart(sent)
    ear.until((1, 1))
    assert ear.subscriber.refusals.total == len(bad)
    assert [record.getMessage() for record in caplog.records] == [
        "dropped a bad message on the bus: 1 frames where a message has 2"
    ]


def test_the_next_window_tells_how_many_there_were(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was dropped in silence is counted in the next window's line; each source has its own."""
    refusals = Refusals(LOG)
    for _ in range(3):
        refusals.add("a", "bad")
    refusals.add("b", "worse")
    monkeypatch.setattr(Refusals, "WINDOW_SECONDS", 0.0)
    refusals.add("a", "bad")
    assert refusals.total == 5
    assert [record.getMessage().partition(" on ")[2] for record in caplog.records] == [
        "a: bad",
        "b: worse",
        "a: bad (and 2 before it)",
    ]


def test_an_endpoint_that_cannot_be_bound_is_named(context: Context) -> None:
    """A device that cannot have its endpoint says which one, and why."""
    Path("bus").rmdir()
    with pytest.raises(DeviceError, match=r"lamp: cannot bind ipc://bus/lamp.publish: "):
        Publisher(context, "lamp")


def answer_one(server: CommandServer) -> Command:
    """Wait for one command and answer it."""
    taken: list[Command] = []

    def met() -> bool:
        server.socket.poll(5)
        for request in server.receive():
            taken.append(request.command)
            server.reply(
                request.envelope, Receipt(id=request.command.id, device="lamp", outcome="applied", at=1.0)
            )
        return bool(taken)

    factories.until(met, "a command")
    return taken[0]


@pytest.mark.parametrize(
    ("kind", "delimiter"),
    [(zmq.REQ, []), (zmq.DEALER, []), (zmq.DEALER, [b""])],
    ids=["REQ", "DEALER", "DEALER with an empty frame"],
)
def test_every_sort_of_client_gets_its_receipt(context: Context, kind: int, delimiter: list[bytes]) -> None:
    """A REQ client, and a DEALER with or without the empty frame, get their receipts as they asked."""
    server = CommandServer(context, "lamp", LOG)
    client = context.socket(kind)
    client.connect(command_endpoint("lamp"))
    command = Command(id="a1", command="on", deadline=5.0, args={"brightness_percent": 3})
    client.send_multipart([*delimiter, message.encode(command)])
    assert answer_one(server) == command
    assert client.poll(10_000)
    *envelope, body = client.recv_multipart()
    assert envelope == delimiter
    assert message.decode_receipt(body).id == "a1"


def test_garbage_on_the_command_socket_is_dropped_and_told_once(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no command is counted, told once, and does not stand in the way of one that is."""
    server = CommandServer(context, "lamp", LOG)
    client = context.socket(zmq.DEALER)
    client.connect(command_endpoint("lamp"))
    for sent in ([b"{}"], [b"", b"", b""], [b"\xff"], [b"a", b"b"]):
        client.send_multipart(sent)
    client.send(message.encode(Command(id="a1", command="on", deadline=5.0)))
    assert answer_one(server).id == "a1"
    assert server.refusals.total == 4
    assert len(caplog.records) == 1


def test_a_frame_above_the_limit_does_not_arrive(context: Context) -> None:
    """A giant frame ends its sender's connection, and the next client is served."""
    server = CommandServer(context, "lamp", LOG)
    giant, client = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    giant.connect(command_endpoint("lamp"))
    command = message.encode(Command(id="giant", command="on", deadline=5.0))
    giant.send(command.ljust(message.LIMIT + 1))
    client.connect(command_endpoint("lamp"))
    client.send(message.encode(Command(id="a1", command="on", deadline=5.0)))
    assert answer_one(server).id == "a1"


def test_a_client_that_has_gone_holds_nobody_up(context: Context) -> None:
    """A receipt for a client that did not wait is dropped, and the server goes on."""
    server = CommandServer(context, "lamp", LOG)
    with factories.context() as other:
        client = other.socket(zmq.DEALER)
        client.connect(command_endpoint("lamp"))
        client.send(message.encode(Command(id="a1", command="on", deadline=5.0)))
        assert server.socket.poll(10_000)
        (request,) = server.receive()
    receipt = Receipt(id="a1", device="lamp", outcome="applied", at=1.0)
    for _ in range(3):
        server.reply(request.envelope, receipt)


def test_asking_gives_the_receipt_of_its_own_command(context: Context) -> None:
    """A receipt with another id, late from an earlier question, is not taken for the answer."""
    server = CommandServer(context, "lamp", LOG)

    def serve() -> None:
        assert server.socket.poll(10_000)
        for request in server.receive():
            for id_ in ("another", request.command.id):
                server.reply(request.envelope, Receipt(id=id_, device="lamp", outcome="applied", at=1.0))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        command = Command(id="a1", command="on", deadline=time.time() + 10)
        assert ask(context, "lamp", command).id == "a1"
    finally:
        thread.join()


def test_asking_nobody_ends_with_the_deadline() -> None:
    """A device that does not answer is named after the deadline, not before and not long after."""
    began = time.time()
    why = r"lamp: no answer within 0\.\d s; is it running\?"
    with factories.context() as made, pytest.raises(NoAnswer, match=why):
        ask(made, "lamp", Command(id="a1", command="on", deadline=began + 0.2))
    assert 0.2 <= time.time() - began < 2


def test_a_wish_that_nobody_took_is_not_delivered_later(context: Context) -> None:
    """After NoAnswer the command is gone: a device that comes up later does not get it."""
    with factories.context() as asking, pytest.raises(NoAnswer):
        ask(asking, "lamp", Command(id="gone", command="on", deadline=time.time() + 0.02))
    server = CommandServer(context, "lamp", LOG)
    client = context.socket(zmq.DEALER)
    client.connect(command_endpoint("lamp"))
    client.send(message.encode(Command(id="a1", command="on", deadline=5.0)))
    assert answer_one(server).id == "a1"


def test_a_flood_leaves_the_others_their_turn(context: Context) -> None:
    """One reading takes a bounded number of messages, so that a flood cannot starve timers."""
    out, into = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    for socket in (out, into):
        socket.set(zmq.SNDHWM if socket is out else zmq.RCVHWM, 0)
    into.bind("inproc://flood")
    out.connect("inproc://flood")
    for _ in range(2500):
        out.send(b"x")
    assert [len(list(drain(into))) for _ in range(4)] == [1000, 1000, 500, 0]


def test_a_command_with_a_mistake_is_rejected_with_the_reason(context: Context) -> None:
    """What is no command, but has an id, is answered: its sender learns what is wrong instead of nothing."""
    server = CommandServer(context, "lamp", LOG)
    client = context.socket(zmq.REQ)
    client.connect(command_endpoint("lamp"))
    client.send(b'{"id": "a1", "command": "on", "deadline": 1.0, "args": {"level": [1]}}')
    assert server.socket.poll(5000)
    assert list(server.receive()) == []
    assert client.poll(5000)
    receipt = message.decode_receipt(client.recv())
    assert (receipt.id, receipt.outcome) == ("a1", "rejected")
    assert "args" in (receipt.reason or "")
    assert server.refusals.total == 1
