"""The publisher, the subscriber and the command server, with real sockets."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import zmq

from daemons.bus import message, sockets
from daemons.bus.endpoints import command_endpoint, publish_endpoint
from daemons.bus.input import DetectionInput, EncodedInputs, Inputs
from daemons.bus.message import Command, Heartbeat, Published, Receipt, Report, State
from daemons.bus.sockets import (
    CommandServer,
    Publisher,
    Subscriber,
    close_commands,
    connect_commands,
    drain,
    poll_until,
)
from daemons.errors import DeviceError
from tests.support import factories
from tests.support.house import eventually
from tests.support.patience import patience

Context = zmq.Context[zmq.Socket[bytes]]
LOG = logging.getLogger("test_bus")


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.enter_run_directory(tmp_path, monkeypatch)


@pytest.fixture
def context() -> Iterator[Context]:
    """Yield a context that represents one process."""
    with factories.zmq_context() as made:
        yield made


def state(seq: int, boot: int = 1, device: str = "lamp") -> State:
    """Return a state that differs from others by its numbers."""
    return State(device=device, boot=boot, seq=seq, at=1.0, since=1.0, state={"seq": seq})


def beat(seq: int, boot: int = 1) -> Heartbeat:
    """Return a heartbeat."""
    return Heartbeat(device="lamp", boot=boot, seq=seq, at=1.0, pid=1)


def frames(sent: Published) -> list[bytes]:
    """Return the frames of a message."""
    return [message.topic(sent), message.encode(sent)]


class Receiver:
    """A subscriber, and all received messages."""

    def __init__(self, context: Context, *devices: str) -> None:
        self.subscriber = Subscriber(context, list(devices or ["lamp"]), LOG)
        self.received: list[object] = []

    def receive(self, publisher: Publisher | None = None) -> None:
        """Receive the waiting messages, and let the publisher answer new subscriptions."""
        self.subscriber.socket.poll(5)
        if publisher:
            publisher.answer_subscriptions()
        self.received += self.subscriber.receive()

    def has_received(self, sent: Published) -> bool:
        """Receive, and return whether this message is among all received ones."""
        self.receive()
        return sent in self.received

    def numbers(self) -> list[tuple[int, int]]:
        """Return boot and seq of the received states."""
        return [(state.boot, state.seq) for state in self.received if isinstance(state, State)]

    def wait_for(self, numbers: tuple[int, int], publisher: Publisher | None = None) -> None:
        """Receive until the state with these numbers has arrived."""

        def has_come() -> bool:
            self.receive(publisher)
            return numbers in self.numbers()

        factories.wait_until(has_come, f"state {numbers}")


def raw_publisher(context: Context, name: str = "lamp") -> zmq.Socket[bytes]:
    """Bind the endpoint of a publisher, to send any frames."""
    socket = context.socket(zmq.XPUB)
    socket.set(zmq.XPUB_VERBOSE, 1)
    socket.bind(publish_endpoint(name))
    return socket


def subscription(socket: zmq.Socket[bytes]) -> bytes:
    """Wait for a subscription and return it."""
    assert socket.poll(int(patience() * 1000)), "no subscription has come"
    return socket.recv()


def test_a_late_subscriber_gets_the_current_state(context: Context) -> None:
    """A new subscriber receives the latest of three states, although nothing new is published."""
    publisher = Publisher(context, "lamp")
    for seq in (1, 2, 3):
        publisher.publish(state(seq))
    receiver = Receiver(context)
    receiver.wait_for((1, 3), publisher)
    assert receiver.numbers() == [(1, 3)]


def test_a_subscriber_may_start_before_its_publisher(context: Context) -> None:
    """A subscriber receives from a device as soon as that has started."""
    receiver = Receiver(context)
    receiver.receive()
    publisher = Publisher(context, "lamp")
    publisher.publish(state(1))
    receiver.wait_for((1, 1), publisher)


def test_a_restarted_publisher_is_received_again(context: Context) -> None:
    """A publisher that restarts under its name is received with its new boot."""
    receiver = Receiver(context)
    with factories.zmq_context() as first:
        publisher = Publisher(first, "lamp")
        publisher.publish(state(7))
        receiver.wait_for((1, 7), publisher)
    with factories.zmq_context() as second:
        publisher = Publisher(second, "lamp")
        publisher.publish(state(1, boot=2))
        receiver.wait_for((2, 1), publisher)
    assert receiver.numbers() == [(1, 7), (2, 1)]


def test_a_lost_state_is_requested_again(context: Context) -> None:
    """When a heartbeat has a higher seq than the received states, the subscriber subscribes again."""
    socket = raw_publisher(context)
    receiver = Receiver(context)
    assert subscription(socket) == b"\x01lamp/"
    socket.send_multipart(frames(state(1)))
    receiver.wait_for((1, 1))
    socket.send_multipart(frames(beat(1)))
    factories.wait_until(lambda: receiver.has_received(beat(1)), "the first heartbeat")
    assert not socket.poll(50), "it subscribed again although no message was lost"
    socket.send_multipart(frames(beat(2)))
    factories.wait_until(lambda: receiver.has_received(beat(2)), "the second heartbeat")
    assert subscription(socket) == b"\x01lamp/"
    socket.send_multipart(frames(state(2)))
    receiver.wait_for((1, 2))


def test_a_lost_report_is_requested_again_after_later_ones_arrived(context: Context) -> None:
    """A full queue may lose a message in the middle: the number before a received number is missing."""
    socket = raw_publisher(context, "steward")
    receiver = Receiver(context, "steward")
    assert subscription(socket) == b"\x01steward/"

    def report(seq: int) -> Report:
        return Report(device=f"lamp_{seq}", boot=1, seq=seq, at=1.0, life="running", since=1.0)

    def heartbeat(at: float) -> Heartbeat:
        return Heartbeat(device="steward", boot=1, seq=3, at=at, pid=1)

    for sent in (report(1), report(3), heartbeat(2.0)):
        socket.send_multipart(frames(sent))
    factories.wait_until(lambda: receiver.has_received(heartbeat(2.0)), "the heartbeat")
    assert subscription(socket) == b"\x01steward/"
    for sent in (report(1), report(2), report(3), heartbeat(2.0), heartbeat(3.0)):
        socket.send_multipart(frames(sent))
    factories.wait_until(lambda: receiver.has_received(heartbeat(3.0)), "the next one")
    assert [report.seq for report in receiver.received if isinstance(report, Report)] == [1, 3, 2]
    assert not socket.poll(50), "it subscribed again although no message is missing"


def test_a_repeated_state_is_received_once(context: Context) -> None:
    """Repeated and earlier states of a boot are dropped without a log line."""
    socket = raw_publisher(context)
    receiver = Receiver(context)
    subscription(socket)
    for seq in (1, 2, 1, 2, 2, 3):
        socket.send_multipart(frames(state(seq)))
    receiver.wait_for((1, 3))
    assert receiver.numbers() == [(1, 1), (1, 2), (1, 3)]
    assert receiver.subscriber.dropped.total == 0


def test_messages_of_an_earlier_boot_are_dropped(context: Context) -> None:
    """An old process that still runs beside its successor is ignored, its states and its heartbeats."""
    socket = raw_publisher(context)
    receiver = Receiver(context)
    subscription(socket)
    for sent in (state(1, boot=5), state(9, boot=4), beat(9, boot=4), state(2, boot=5)):
        socket.send_multipart(frames(sent))
    receiver.wait_for((5, 2))
    assert receiver.received == [state(1, boot=5), state(2, boot=5)]


def test_a_subscriber_of_lamp_does_not_receive_lamp2(context: Context) -> None:
    """A subscription ends in a slash, so it does not match a longer name."""
    socket = raw_publisher(context)
    receiver = Receiver(context)
    subscription(socket)
    socket.send_multipart(frames(state(1, device="lamp2")))
    socket.send_multipart(frames(state(1)))
    receiver.wait_for((1, 1))
    assert receiver.received == [state(1)]
    assert receiver.subscriber.dropped.total == 0


def test_garbage_is_counted_and_logged_once(context: Context, caplog: pytest.LogCaptureFixture) -> None:
    """Bad frames are dropped and counted, the log has one line for them, and good ones still arrive."""
    socket = raw_publisher(context)
    receiver = Receiver(context)
    subscription(socket)
    bad = [[b"lamp/state"], [b"lamp/state", b"{"], [b"lamp/x", b"{}"], [b"lamp/state", b"[" * 99_999]]
    for sent in [*bad, frames(state(1))]:
        socket.send_multipart(sent)
    receiver.wait_for((1, 1))
    assert receiver.subscriber.dropped.total == len(bad)
    assert [record.getMessage() for record in caplog.records] == [
        "dropped a bad message on the bus: 1 frames; a message has 2"
    ]


def test_the_error_names_an_endpoint_that_cannot_be_bound(context: Context) -> None:
    """The error has the device, the endpoint and the reason."""
    Path("bus").rmdir()
    with pytest.raises(DeviceError, match=r"lamp: cannot bind ipc://bus/lamp.publish: "):
        Publisher(context, "lamp")


def answer_one(server: CommandServer) -> Command:
    """Wait for one command, and reply."""
    commands: list[Command] = []

    def has_come() -> bool:
        server.socket.poll(5)
        for request in server.receive():
            commands.append(request.command)
            server.reply(
                request.envelope, Receipt(id=request.command.id, device="lamp", outcome="applied", at=1.0)
            )
        return bool(commands)

    factories.wait_until(has_come, "a command")
    return commands[0]


@pytest.mark.parametrize(
    ("kind", "delimiter"),
    [(zmq.REQ, []), (zmq.DEALER, []), (zmq.DEALER, [b""])],
    ids=["REQ", "DEALER", "DEALER with an empty frame"],
)
def test_every_type_of_client_gets_its_receipt(context: Context, kind: int, delimiter: list[bytes]) -> None:
    """A REQ, and a DEALER with or without the empty frame, get the receipt in the form of their command."""
    server = CommandServer(context, "lamp", LOG)
    client = context.socket(kind)
    client.connect(command_endpoint("lamp"))
    command = Command(id="a1", command="on", deadline=5.0, args={"brightness_percent": 3})
    client.send_multipart([*delimiter, message.encode(command)])
    assert answer_one(server) == command
    assert client.poll(int(patience() * 1000))
    *envelope, body = client.recv_multipart()
    assert envelope == delimiter
    assert message.decode_receipt(body).id == "a1"


def test_garbage_on_the_command_socket_is_dropped_and_logged_once(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    """Bad frames are counted and logged once, and do not stop a good command."""
    server = CommandServer(context, "lamp", LOG)
    client = context.socket(zmq.DEALER)
    client.connect(command_endpoint("lamp"))
    for sent in ([b"{}"], [b"", b"", b""], [b"\xff"], [b"a", b"b"]):
        client.send_multipart(sent)
    client.send(message.encode(Command(id="a1", command="on", deadline=5.0)))
    assert answer_one(server).id == "a1"
    assert server.dropped.total == 4
    assert len(caplog.records) == 1


def test_a_frame_above_the_limit_does_not_arrive(context: Context) -> None:
    """A frame that is too long ends the connection of its sender, and the next client is served."""
    server = CommandServer(context, "lamp", LOG)
    giant, client = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    giant.connect(command_endpoint("lamp"))
    command = message.encode(Command(id="giant", command="on", deadline=5.0))
    giant.send(command.ljust(65_537))
    client.connect(command_endpoint("lamp"))
    client.send(message.encode(Command(id="a1", command="on", deadline=5.0)))
    assert answer_one(server).id == "a1"


def test_a_command_that_is_too_long_is_rejected(context: Context) -> None:
    """Up to 64 KiB, its sender gets a receipt with the limit."""
    server = CommandServer(context, "lamp", LOG)
    client = context.socket(zmq.DEALER)
    client.connect(command_endpoint("lamp"))
    client.send(message.encode(Command(id="long", command="on", deadline=5.0)).ljust(65_536))
    assert server.socket.poll(int(patience() * 1000))
    assert list(server.receive()) == []
    assert client.poll(int(patience() * 1000))
    receipt = message.decode_receipt(client.recv())
    assert (receipt.id, receipt.outcome) == ("long", "rejected")
    assert receipt.reason == "65536 bytes; at most 16384 are allowed"


def test_a_client_that_has_gone_does_not_stop_the_server(context: Context) -> None:
    """A receipt for a client that did not wait is dropped."""
    server = CommandServer(context, "lamp", LOG)
    with factories.zmq_context() as other:
        client = other.socket(zmq.DEALER)
        client.connect(command_endpoint("lamp"))
        client.send(message.encode(Command(id="a1", command="on", deadline=5.0)))
        assert server.socket.poll(int(patience() * 1000))
        (request,) = server.receive()
    receipt = Receipt(id="a1", device="lamp", outcome="applied", at=1.0)
    for _ in range(3):
        server.reply(request.envelope, receipt)


def test_a_flood_does_not_starve_other_sockets(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call reads a bounded number of messages, so that timers and other sockets are served."""
    monkeypatch.setattr(sockets, "BURST_SECONDS", 60.0)  # on a busy machine the time ends a burst first
    out, into = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    for socket in (out, into):
        socket.set(zmq.SNDHWM if socket is out else zmq.RCVHWM, 0)
    into.bind("inproc://flood")
    out.connect("inproc://flood")
    for _ in range(2500):
        out.send(b"x")
    assert [len(list(drain(into))) for _ in range(4)] == [1000, 1000, 500, 0]


def test_messages_that_take_long_do_not_starve_other_sockets(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call ends after a tenth of a second, whatever each message takes; the next call goes on."""
    clock = [100.0]
    monkeypatch.setattr(sockets, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    out, into = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    into.bind("inproc://flood")
    out.connect("inproc://flood")
    for _ in range(10):
        out.send(b"x")
    handled = []
    for _ in range(3):
        count = 0
        for _ in drain(into):
            count += 1
            clock[0] += 0.03
        handled.append(count)
    assert handled == [4, 4, 2]


def test_a_command_with_a_mistake_is_rejected_with_the_reason(context: Context) -> None:
    """A faulty command with an id gets a receipt with the reason."""
    server = CommandServer(context, "lamp", LOG)
    client = context.socket(zmq.REQ)
    client.connect(command_endpoint("lamp"))
    client.send(b'{"id": "a1", "command": "on", "deadline": 1.0, "args": {"level": [1]}}')
    assert server.socket.poll(int(patience() * 1000))
    assert list(server.receive()) == []
    assert client.poll(int(patience() * 1000))
    receipt = message.decode_receipt(client.recv())
    assert (receipt.id, receipt.outcome) == ("a1", "rejected")
    assert "args" in (receipt.reason or "")
    assert server.dropped.total == 1


def test_a_subscriber_of_heartbeats_gets_no_state_and_subscribes_once(context: Context) -> None:
    """A state does not reach it, and the seq of a heartbeat does not make it subscribe again."""
    publisher = raw_publisher(context)
    subscriber = Subscriber(context, ["lamp"], LOG, heartbeats_only=True)
    assert subscription(publisher) == b"\x01lamp/heartbeat"
    received: list[Published] = []
    for seq in (1, 2, 3):
        publisher.send_multipart(frames(state(seq)))
        publisher.send_multipart(frames(beat(seq)))
        assert subscriber.socket.poll(int(patience() * 1000)), "no heartbeat has come"
        received += subscriber.receive()
    assert received == [beat(1), beat(2), beat(3)]
    subscriber.resubscribe("lamp")
    assert subscription(publisher) == b"\x01lamp/heartbeat"
    assert not publisher.poll(0), "a second subscription has come"


def test_inputs_reach_only_a_subscriber_that_wants_them(context: Context) -> None:
    """A new subscription brings the latest ones; nonsense of another publisher is dropped."""
    publisher = raw_publisher(context)
    found: list[Inputs] = []
    reader, recorder = Receiver(context), Subscriber(context, ["lamp"], LOG, on_inputs=found.append)
    prefixes = {subscription(publisher) for _ in range(3)}
    assert prefixes == {b"\x01lamp/", b"\x01$input/"}
    sent = Inputs(
        device="lamp", boot=1, at=1.0, number=1, earlier=0, inputs=(DetectionInput(at=1.0, on=True),)
    )
    publisher.send_multipart([b"$input/lamp", b"{}"])
    publisher.send_multipart([b"$input/stranger", message.encode(sent)])
    publisher.send_multipart([b"$input/lamp", message.encode(sent)])
    publisher.send_multipart(frames(state(1)))

    recorded: list[Published] = []

    def has_come() -> bool:
        reader.receive()
        recorded.extend(recorder.receive())
        return bool(recorded and reader.received)

    factories.wait_until(has_come, "the state has not come")
    assert found == [sent]
    assert (recorder.dropped.total, reader.subscriber.dropped.total) == (2, 0)


def test_the_latest_inputs_are_sent_again_to_a_new_subscriber(context: Context) -> None:
    """A recorder that was away has the latest inputs at once, and no other subscriber gets them again."""
    publisher = Publisher(context, "lamp")
    found: list[Inputs] = []
    reader = Receiver(context)
    publisher.publish(state(1))
    for number in (1, 2):
        publisher.publish_inputs(
            EncodedInputs(device="lamp", boot=1, at=1.0, number=number, earlier=0, inputs=())
        )
    recorder = Subscriber(context, ["lamp"], LOG, on_inputs=found.append)

    def has_come() -> bool:
        reader.receive(publisher)
        return not list(recorder.receive()) and bool(found) and bool(reader.received)

    factories.wait_until(has_come, "the inputs have not come")
    assert [inputs.number for inputs in found] == [2]
    assert reader.subscriber.dropped.total == 0


def test_batches_are_yielded_until_the_end(context: Context) -> None:
    """With an interval, idle times yield empty batches; without one, only the last batch is empty."""
    publisher = Publisher(context, "lamp")
    publisher.publish(state(1))
    subscriber = Subscriber(context, ["lamp"], LOG)
    received: list[Published] = []
    batches = 0
    for batch in subscriber.receive_until(time.monotonic() + 20, 0.005):
        publisher.answer_subscriptions()
        received += batch
        batches += 1
        if received and not batch:
            break
    assert received == [state(1)]
    assert batches > 2
    end = time.monotonic() + 0.05
    assert list(subscriber.receive_until(end)) == [[]]
    assert time.monotonic() >= end


def test_waiting_for_a_socket_ends_with_the_time(context: Context) -> None:
    """The result is whether the socket is readable; after the time False is returned without waiting."""
    out, into = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    into.bind("inproc://wait")
    out.connect("inproc://wait")
    end = time.monotonic() + 0.02
    assert not poll_until(into, end)
    assert time.monotonic() >= end
    out.send(b"x")
    assert poll_until(into, time.monotonic() + 10)
    assert not poll_until(into, end)


def reapers() -> set[int]:
    """Return the threads of this process that close the sockets of its contexts."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it ended meanwhile
            if (task / "comm").read_text().strip() == "ZMQbg/Reaper":
                found.add(int(task.name))
    return found


@contextmanager
def starved(thread: int) -> Iterator[None]:
    """Leave a thread of this process hardly any processor time."""
    processor = min(os.sched_getaffinity(0))
    os.sched_setaffinity(thread, {processor})
    os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
    busy = f"import os\nos.sched_setaffinity(0, {{{processor}}})\nprint(flush=True)\nwhile True: pass"
    with ExitStack() as processes:
        for _ in range(4):
            process = processes.enter_context(
                subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE)
            )
            processes.callback(process.kill)
            assert process.stdout
            process.stdout.readline()
        yield


def test_a_dropped_command_is_not_sent_while_libzmq_is_slow_to_close_its_socket(run: Path) -> None:
    """The thread that closes sockets gets no processor; a device that starts then receives nothing."""
    with zmq.Context() as client, zmq.Context() as other:
        others = reapers()
        dropped = connect_commands(client, command_endpoint("lamp"))
        dropped.send_multipart([b"", b"dropped"])
        (reaper,) = eventually(lambda: reapers() - others)  # a new thread sets its name itself
        with starved(reaper):
            close_commands(dropped)
            device = other.socket(zmq.ROUTER)
            device.bind(command_endpoint("lamp"))
            received = device.poll(300)
        device.close(linger=0)
    assert not received


BROKEN = """
import fcntl, os, socket, struct, termios, time, zmq
from daemons.bus.sockets import open_tcp_socket
context = zmq.Context()
server, client = open_tcp_socket(context, zmq.ROUTER), open_tcp_socket(context, zmq.DEALER)
server.set(zmq.RCVHWM, 10)
client.set(zmq.LINGER, 0)
client.set(zmq.SNDHWM, 20000)
port = server.bind_to_random_port("tcp://127.0.0.1")
client.connect(f"tcp://127.0.0.1:{port}")
begun = time.monotonic()
for _ in range(20000):
    client.send(bytes(1000))

def accepted():
    for name in os.listdir("/proc/self/fd"):
        try:
            found = socket.socket(fileno=os.dup(int(name)))
            found.getpeername()
            if found.getsockname()[1] == port:
                return found
        except OSError:
            pass

def unread(connection):
    return struct.unpack("i", fcntl.ioctl(connection, termios.FIONREAD, bytes(4)))[0]

while not (connection := accepted()):
    time.sleep(0.001)
before = -1
while not before == unread(connection) > 0:  # until libzmq reads no more, because the queue is full
    before = unread(connection)
    time.sleep(0.02)
connection.shutdown(socket.SHUT_RDWR)
time.sleep(max(0, begun + 1.5 - time.monotonic()))  # a heartbeat of libzmq came once a second
print("alive", flush=True)
os._exit(0)
"""


def test_a_broken_connection_with_a_full_queue_does_not_end_the_process() -> None:
    """With heartbeats, libzmq 4.3.5 aborted it: a client could end the exchange in this way."""
    done = subprocess.run(
        [sys.executable, "-c", BROKEN], capture_output=True, text=True, check=False, timeout=patience(60)
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")
