"""A stand-in: it is heard and asked as the device would be, and says nothing that may not be so."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zmq

from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, Heartbeat, Receipt, State, decode_receipt, encode
from daemons.bus.sockets import Subscriber, command, open_socket
from daemons.errors import AlreadyRunning
from daemons.processes.exchange.pending import Take
from daemons.processes.exchange.proxy import StandIn
from daemons.processes.process import Process
from daemons.storage.lock import Lock
from tests.support import factories

Obey = Callable[[str, Command, Take], None]


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a run directory."""
    factories.enter(tmp_path, monkeypatch)


def stand(process: Process, obey: Obey = lambda *_: None) -> StandIn:
    """Take the toaster's place."""
    return StandIn("toaster", process, obey)


def state(seq: int) -> State:
    """Give one of its states."""
    return State(device="toaster", boot=5, seq=seq, at=time.time(), since=1.0, state={"status": True})


def hear(process: Process, subscriber: Subscriber, number: int) -> list[State]:
    """Hear so many states."""
    heard: list[State] = []

    def met() -> bool:
        heard.extend(it for it in subscriber.receive() if isinstance(it, State))
        return len(heard) >= number

    factories.turn_until(process.loop, met, f"{number} states")
    return heard


def test_who_comes_late_is_told_what_is_so(tmp_path: Path) -> None:
    """As by the device itself."""
    with factories.process() as process:
        place = stand(process)
        place.publish(state(1))
        place.publish(state(2))
        subscriber = Subscriber(process.context, ["toaster"], process.log)
        assert [it.seq for it in hear(process, subscriber, 1)] == [2]
        place.publish(state(3))
        assert [it.seq for it in hear(process, subscriber, 1)] == [3]
        subscriber.socket.close()
    place.release()


def test_what_may_not_be_so_any_more_is_told_to_nobody() -> None:
    """Who comes then hears nothing until something is said again."""
    with factories.process() as process:
        place = stand(process)
        place.publish(state(1))
        place.forget()
        subscriber = Subscriber(process.context, ["toaster"], process.log)
        factories.turn_for(process.loop, 0.2)
        assert not list(subscriber.receive())
        place.publish(state(2))
        assert [it.seq for it in hear(process, subscriber, 1)] == [2]
        subscriber.socket.close()
    place.release()


def test_a_sign_of_life_without_its_state_is_asked_about_once() -> None:
    """The answer may be that sign of life again: nobody asks for the state in circles."""
    with factories.process() as process:
        place = stand(process)
        subscriber = Subscriber(process.context, ["toaster"], process.log)
        place.publish(Heartbeat(device="toaster", boot=5, seq=7, at=time.time(), pid=0))
        heard = 0

        def listen() -> None:
            nonlocal heard
            heard += len(list(subscriber.receive()))

        process.loop.watch(subscriber.socket, listen)
        factories.turn_until(process.loop, lambda: heard > 0, "a sign of life")
        factories.turn_for(process.loop, 0.5)
        assert heard <= 3
        process.loop.leave(subscriber.socket)
        subscriber.socket.close()
    place.release()


def test_a_command_gets_the_receipt_that_is_given_for_it_whenever_that_comes() -> None:
    """The place holds the way back; others are answered meanwhile."""
    taken: list[tuple[Command, Take]] = []
    with factories.process() as process:
        place = stand(process, lambda _, wish, take: taken.append((wish, take)))
        asking = open_socket(process.context, zmq.DEALER)
        asking.connect(command_endpoint("toaster"))
        wishes = [command("start", 60), command("cancel", 60)]
        for wish in wishes:
            asking.send_multipart([b"", encode(wish)])
        factories.turn_until(process.loop, lambda: len(taken) == 2, "two commands")
        assert [wish.id for wish, _ in taken] == [wish.id for wish in wishes]
        for wish, take in reversed(taken):
            take(Receipt(id=wish.id, device="toaster", outcome="applied", at=time.time()))
        heard = [decode_receipt(asking.recv_multipart()[-1]).id for _ in wishes]
        assert heard == [wish.id for wish in reversed(wishes)]
        asking.close()
    place.release()


def test_a_device_that_runs_here_has_no_stand_in() -> None:
    """And while there is one, the device does not start here."""
    lock = Lock("toaster")
    with factories.process() as process:
        with pytest.raises(AlreadyRunning):
            stand(process)
        lock.release()
        place = stand(process)
        with pytest.raises(AlreadyRunning):
            Lock("toaster")
    place.release()
    Lock("toaster").release()
