"""The way to another host, tried on a door of the test's own, whose clock is set and that falls silent."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zmq

from daemons.bus import message
from daemons.bus.keys import new_pair
from daemons.bus.message import Command, Heartbeat, Published, Receipt, State
from daemons.bus.sockets import command, drain, open_far_socket
from daemons.config.tables import Host
from daemons.processes.exchange import host_link as link_
from daemons.processes.exchange.host_link import Link
from daemons.processes.process import Process
from tests.support import factories
from tests.support.ports import free_port

STEP_SECONDS = 300.0


class FarDoor:
    """What a link meets: it says and answers what the test wants, by a clock of its own."""

    def __init__(self, process: Process) -> None:
        self.ahead = 0.0
        self.answers = True
        self.commands: list[Command] = []
        self.subscriptions: list[bytes] = []
        self.pair = new_pair()
        self._unanswered: list[list[bytes]] = []
        self._hear = open_far_socket(process.context, zmq.XPUB)
        self._ask = open_far_socket(process.context, zmq.ROUTER)
        self._hear.set(zmq.XPUB_VERBOSE, 1)
        for socket in (self._hear, self._ask):
            socket.curve_server = True
            socket.curve_secretkey = self.pair.secret_key.encode()
        self.port = free_port(3)
        self._hear.bind(f"tcp://127.0.0.1:{self.port}")
        self._ask.bind(f"tcp://127.0.0.1:{self.port + 2}")
        process.loop.watch(self._hear, self._take_subscriptions)
        process.loop.watch(self._ask, self._take_questions)

    @property
    def now(self) -> float:
        """Give its time."""
        return time.time() + self.ahead

    def say(self, *messages: Published) -> None:
        """Say something to whoever has subscribed."""
        for said in messages:
            self.say_frames(message.topic(said), message.encode(said))

    def say_frames(self, *frames: bytes) -> None:
        """Say what may be nonsense."""
        self._hear.send_multipart(frames)

    def pressed(self, seq: int, at: float) -> State:
        """Give the state of a lamp that was pressed then, by its clock."""
        return State(
            device="lamp",
            boot=1000,
            seq=seq,
            at=self.now,
            since=at,
            state={"presses": seq},
            turned={"presses": at},
        )

    def answer(self) -> None:
        """Answer what was not answered."""
        self.answers = True
        for frames in self._unanswered:
            self._answer(frames)
        self._unanswered.clear()

    def _take_subscriptions(self) -> None:
        self.subscriptions += [frames[0][1:] for frames in drain(self._hear) if frames[0][:1] == b"\1"]

    def _take_questions(self) -> None:
        for frames in drain(self._ask):
            if self.answers:
                self._answer(frames)
            else:
                self._unanswered.append(frames)

    def _answer(self, frames: list[bytes]) -> None:
        asked = message.decode_command(frames[-1])
        if asked.command != "clock":
            self.commands.append(asked)
        receipt = Receipt(id=asked.id, device=asked.device or "", outcome="applied", at=self.now, result={})
        self._ask.send_multipart([*frames[:-1], message.encode(receipt)])


class Way:
    """A link, and what it has told."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.door = FarDoor(process)
        self.heard: list[Published] = []
        self.pressed: list[float] = []
        """When each press was, in our time."""
        self.known: set[float] = set()
        host = Host(address="127.0.0.1", port=self.door.port, public_key=self.door.pair.public_key)
        self.link = Link(
            "kitchen",
            host,
            new_pair(),
            frozenset({"lamp"}),
            process,
            self._hear,
            self._is_news,
            lambda _: None,
        )

    def _hear(self, link: Link, heard: Published) -> None:
        self.heard.append(heard)
        if isinstance(heard, State) and (moment := heard.turned.get("presses")) and moment not in self.known:
            self.known.add(moment)
            self.pressed.append(link.ours(moment))

    def _is_news(self, heard: State | Heartbeat) -> bool:
        return isinstance(heard, State) and not set(heard.turned.values()) <= self.known

    def until(self, met: Callable[[], Any], what: str) -> None:
        """Go on until something is so."""
        factories.turn_until(self.process.loop, met, what)

    def open(self) -> None:
        """Wait until it is open and what is said is heard."""
        self.until(lambda: self.link.is_open and b"lamp/" in self.door.subscriptions, "the way to be open")


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    """Have a way that is about to be opened; what counts as cut is told soon."""
    factories.enter(tmp_path, monkeypatch)
    monkeypatch.setattr(link_, "CUT_SECONDS", 1.5)
    with factories.process() as process:
        yield Way(process)


@pytest.mark.parametrize("ahead", [0.0, STEP_SECONDS, -STEP_SECONDS])
def test_a_press_there_is_as_old_here_as_it_is(way: Way, ahead: float) -> None:
    """By whatever clock it was written down."""
    way.door.ahead = ahead
    way.open()
    way.door.say(way.door.pressed(1, way.door.now - 7))
    way.until(lambda: way.pressed, "the press")
    assert way.pressed[0] == pytest.approx(time.time() - 7, abs=1)


@pytest.mark.parametrize("step", [STEP_SECONDS, -STEP_SECONDS])
def test_a_press_right_after_their_clock_was_set_is_not_at_a_wrong_time(way: Way, step: float) -> None:
    """What was known of that clock a moment ago is not taken for what is."""
    way.open()
    way.door.ahead = step
    way.door.say(way.door.pressed(1, way.door.now))
    way.until(lambda: way.pressed, "the press")
    assert way.pressed[0] == pytest.approx(time.time(), abs=1)


def test_what_is_new_waits_for_the_time_and_keeps_its_order(way: Way) -> None:
    """A state without a new moment that comes behind it waits as well."""
    way.open()
    way.door.answers = False
    factories.turn_for(way.process.loop, link_.FRESH_SECONDS)
    beat = Heartbeat(device="lamp", boot=1000, seq=1, at=way.door.now, pid=1)
    way.door.say(way.door.pressed(1, way.door.now), beat)
    factories.turn_for(way.process.loop, 0.1)
    assert not way.heard
    way.door.answer()
    way.until(lambda: len(way.heard) == 2, "both")
    assert [type(it) for it in way.heard] == [State, Heartbeat]


def test_a_deadline_is_as_far_ahead_there_as_here(way: Way) -> None:
    """Also when their clock has just been set; and the receipt is told in our time."""
    way.open()
    for way.door.ahead in (STEP_SECONDS, -STEP_SECONDS):
        factories.turn_for(way.process.loop, link_.FRESH_SECONDS)
        taken: list[Receipt] = []
        way.link.carry(command("on", 5), "lamp", taken.append)
        way.until(partial(len, taken), "the receipt")
        assert way.door.commands[-1].deadline == pytest.approx(way.door.now + 5, abs=1)
        assert taken[0].at == pytest.approx(time.time(), abs=1)


def test_while_it_is_cut_a_command_is_refused_at_once(way: Way) -> None:
    """The one that waited for the time as well; neither comes later."""
    way.open()
    way.door.answers = False
    factories.turn_for(way.process.loop, link_.FRESH_SECONDS)
    taken: list[Receipt] = []
    way.link.carry(command("on", 60), "lamp", taken.append)
    assert not taken
    way.until(lambda: not way.link.is_open, "the cut")
    way.link.carry(command("on", 60), "lamp", taken.append)
    assert [it.outcome for it in taken] == ["rejected", "rejected"]
    assert {it.reason for it in taken} == {f"kitchen cannot be reached ({way.link.place})"}
    way.door.answer()
    way.until(lambda: way.link.is_open, "the way to be open again")
    factories.turn_for(way.process.loop, 0.2)
    assert not way.door.commands


def test_what_is_said_while_it_is_cut_is_told_when_it_is_open(way: Way) -> None:
    """A poor network may bring it just then."""
    way.open()
    way.door.answers = False
    way.until(lambda: not way.link.is_open, "the cut")
    way.door.say(way.door.pressed(1, way.door.now))
    factories.turn_for(way.process.loop, 0.1)
    assert not way.heard
    way.door.subscriptions.clear()
    way.door.answer()
    way.open()
    way.until(lambda: way.pressed, "the press")


def test_what_was_missed_is_asked_for(way: Way) -> None:
    """A sign of life says what was the latest; one that says nothing new is no reason."""
    way.open()
    way.door.say(way.door.pressed(1, way.door.now))
    way.until(lambda: way.pressed, "the press")
    way.door.subscriptions.clear()
    way.door.say(Heartbeat(device="lamp", boot=1000, seq=1, at=way.door.now, pid=1))
    way.until(lambda: len(way.heard) == 2, "a sign of life")
    assert not way.door.subscriptions
    way.door.say(Heartbeat(device="lamp", boot=1000, seq=2, at=way.door.now, pid=1))
    way.until(lambda: b"lamp/" in way.door.subscriptions, "the question")


def test_nonsense_is_dropped(way: Way) -> None:
    """What comes behind it is heard."""
    way.open()
    way.door.say_frames(b"lamp/state")
    way.door.say_frames(b"lamp/state", b"{")
    way.door.say_frames(b"lamp/state", message.encode(Command(id="a", command="on", deadline=1)))
    way.door.say(way.door.pressed(1, way.door.now))
    way.until(lambda: way.pressed, "the press")
    assert len(way.heard) == 1
