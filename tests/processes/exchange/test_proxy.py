"""A device proxy: to other processes it is equal to the device."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, Heartbeat, Receipt, State, decode_receipt, encode
from daemons.bus.requests.loop import OnReceipt
from daemons.bus.requests.protocol import new_command
from daemons.bus.sockets import Subscriber, open_socket
from daemons.errors import AlreadyRunning
from daemons.processes.exchange.proxy import DeviceProxy
from daemons.processes.process import Process
from daemons.storage.lock import NameLock
from tests.support import factories

OnCommand = Callable[[str, Command, OnReceipt], None]


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter a run directory."""
    factories.enter_run_directory(tmp_path, monkeypatch)


@contextmanager
def toaster_proxy(process: Process, on_command: OnCommand = lambda *_: None) -> Iterator[DeviceProxy]:
    """Create a proxy of the toaster in a process, which has to end before this context does."""
    proxy = DeviceProxy("toaster", process, on_command)
    yield proxy
    process.context.destroy(linger=0)
    proxy.release()


def state(seq: int) -> State:
    """Return a state of the toaster."""
    return State(device="toaster", boot=5, seq=seq, at=time.time(), since=1.0, state={"status": True})


def receive(process: Process, subscriber: Subscriber, number: int) -> list[State]:
    """Receive a number of states."""
    received: list[State] = []

    def met() -> bool:
        received.extend(it for it in subscriber.receive() if isinstance(it, State))
        return len(received) >= number

    factories.run_until(process.loop, met, f"{number} states")
    return received


def test_a_new_subscriber_gets_the_latest_state() -> None:
    """As from the device itself."""
    with factories.process() as process, toaster_proxy(process) as proxy:
        proxy.publish(state(1))
        proxy.publish(state(2))
        subscriber = Subscriber(process.context, ["toaster"], process.log)
        assert [it.seq for it in receive(process, subscriber, 1)] == [2]
        proxy.publish(state(3))
        assert [it.seq for it in receive(process, subscriber, 1)] == [3]


def test_a_cleared_state_is_not_sent_to_new_subscribers() -> None:
    """They get the next state that is published."""
    with factories.process() as process, toaster_proxy(process) as proxy:
        proxy.publish(state(1))
        proxy.clear_retained()
        subscriber = Subscriber(process.context, ["toaster"], process.log)
        factories.run_for(process.loop, 0.2)
        assert not list(subscriber.receive())
        proxy.publish(state(2))
        assert [it.seq for it in receive(process, subscriber, 1)] == [2]


def test_a_heartbeat_whose_state_is_missing_causes_one_new_subscription() -> None:
    """The answer may be the same heartbeat again, which must not cause another one."""
    with factories.process() as process, toaster_proxy(process) as proxy:
        subscriber = Subscriber(process.context, ["toaster"], process.log)
        proxy.publish(Heartbeat(device="toaster", boot=5, seq=7, at=time.time(), pid=0))
        received = 0

        def on_message() -> None:
            nonlocal received
            received += len(list(subscriber.receive()))

        process.loop.watch(subscriber.socket, on_message)
        factories.run_until(process.loop, lambda: received > 0, "a heartbeat")
        factories.run_for(process.loop, 0.5)
        assert received <= 3


def test_each_command_gets_its_own_receipt_at_any_time() -> None:
    """The proxy stores the envelope of each client; later commands may be answered first."""
    pending: list[tuple[Command, OnReceipt]] = []
    with (
        factories.process() as process,
        toaster_proxy(process, lambda _, command, on_receipt: pending.append((command, on_receipt))),
    ):
        socket = open_socket(process.context, zmq.DEALER)
        socket.connect(command_endpoint("toaster"))
        commands = [new_command("start", 60), new_command("cancel", 60)]
        for command in commands:
            socket.send_multipart([b"", encode(command)])
        factories.run_until(process.loop, lambda: len(pending) == 2, "two commands")
        assert [command.id for command, _ in pending] == [command.id for command in commands]
        for command, on_receipt in reversed(pending):
            on_receipt(Receipt(id=command.id, device="toaster", outcome="applied", at=time.time()))
        received = [decode_receipt(socket.recv_multipart()[-1]).id for _ in commands]
        assert received == [command.id for command in reversed(commands)]


def test_a_command_whose_deadline_is_too_far_ahead_is_rejected() -> None:
    """The limit is that of every device: 300 s."""
    with factories.process() as process, toaster_proxy(process, lambda *_: pytest.fail("it was passed on")):
        socket = open_socket(process.context, zmq.DEALER)
        socket.connect(command_endpoint("toaster"))
        socket.send_multipart([b"", encode(new_command("start", 400))])
        factories.run_until(process.loop, lambda: socket.poll(0), "the receipt")
        receipt = decode_receipt(socket.recv_multipart()[-1])
        assert (receipt.device, receipt.outcome) == ("toaster", "rejected")
        assert receipt.reason is not None
        assert "at most 300 s ahead" in receipt.reason


def test_a_device_and_its_proxy_never_run_together() -> None:
    """Both hold the lock of the same name."""
    lock = NameLock("toaster")
    with factories.process() as process:
        with pytest.raises(AlreadyRunning):
            DeviceProxy("toaster", process, lambda *_: None)
        lock.release()
        with toaster_proxy(process), pytest.raises(AlreadyRunning):
            NameLock("toaster")
    NameLock("toaster").release()
