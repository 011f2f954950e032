"""The link to another host, with a fake exchange whose clock can be set and that can fall silent."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zmq
from msgspec.structs import replace

from daemons.bus import message
from daemons.bus.message import Command, Heartbeat, Published, Receipt, Report, State
from daemons.bus.requests.protocol import new_command
from daemons.bus.sockets import drain, open_tcp_socket
from daemons.config.tables import Host
from daemons.processes.exchange import host_link
from daemons.processes.exchange.host_link import HostLink
from daemons.processes.process import Process
from daemons.runtime.clock import uptime
from daemons.storage.key_pair import new_key_pair
from tests.support import factories
from tests.support.ports import free_port

STEP_SECONDS = 300.0
STALE_SECONDS = 0.3
"""A reply of the clock is used for a quarter of a second; after this time, a new one is needed."""


class FakeExchange:
    """The exchange of the other host: it publishes and replies as the test says, by its own clock."""

    def __init__(self, process: Process) -> None:
        self.ahead_seconds = 0.0
        self.replies = True
        self.outcome: Any = "applied"
        self.clock_result: dict[str, Any] = {}
        self.commands: list[Command] = []
        self.subscriptions: list[bytes] = []
        self.pair = new_key_pair()
        self._unanswered: list[list[bytes]] = []
        self._publisher = open_tcp_socket(process.context, zmq.XPUB)
        self._router = open_tcp_socket(process.context, zmq.ROUTER)
        self._publisher.set(zmq.XPUB_VERBOSE, 1)
        for socket in (self._publisher, self._router):
            socket.curve_server = True
            socket.curve_secretkey = self.pair.secret_key.encode()
        self.port = free_port(3)
        self._publisher.bind(f"tcp://127.0.0.1:{self.port}")
        self._router.bind(f"tcp://127.0.0.1:{self.port + 2}")
        process.loop.watch(self._publisher, self._on_subscriptions)
        process.loop.watch(self._router, self._on_commands)

    @property
    def now(self) -> float:
        """Return the time of its clock."""
        return time.time() + self.ahead_seconds

    def publish(self, *messages: Published) -> None:
        """Publish messages."""
        for it in messages:
            self.publish_frames(message.topic(it), message.encode(it))

    def publish_frames(self, *frames: bytes) -> None:
        """Publish frames that may be no message."""
        self._publisher.send_multipart(frames)

    def pressed(self, seq: int, at: float, device: str = "lamp") -> State:
        """Return the state of a lamp that was pressed at a time of its clock."""
        return State(
            device=device,
            boot=1000,
            seq=seq,
            at=self.now,
            since=at,
            state={"presses": seq},
            turned={"presses": at},
        )

    def heartbeat(self, seq: int, boot: int = 1000) -> Heartbeat:
        """Return a heartbeat of the lamp."""
        return Heartbeat(device="lamp", boot=boot, seq=seq, at=self.now, pid=1)

    def reply_late(self) -> None:
        """Reply to all commands that had no reply yet, and to all later ones."""
        self.replies = True
        for frames in self._unanswered:
            self._reply(frames)
        self._unanswered.clear()

    def _on_subscriptions(self) -> None:
        self.subscriptions += [frames[0][1:] for frames in drain(self._publisher) if frames[0][:1] == b"\1"]

    def _on_commands(self) -> None:
        for frames in drain(self._router):
            if self.replies:
                self._reply(frames)
            else:
                self._unanswered.append(frames)

    def _reply(self, frames: list[bytes]) -> None:
        command = message.decode_command(frames[-1])
        is_clock = command.command == "clock"
        if not is_clock:
            self.commands.append(command)
        receipt = Receipt(
            id=command.id,
            device=command.device or "",
            outcome=self.outcome if is_clock else "applied",
            at=self.now,
            result=dict(self.clock_result) if is_clock else None,
        )
        self._router.send_multipart([*frames[:-1], message.encode(receipt)])


class LinkUnderTest:
    """A link to a fake exchange, and the messages that the link has passed on."""

    def __init__(self, process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
        self.process = process
        self.exchange = FakeExchange(process)
        self.received: list[Published] = []
        self.pressed: list[float] = []
        """When each press was, in the time of this host."""
        self.known: set[float] = set()
        self.changes: list[bool] = []
        """Whether the link was open, at each change of the link."""
        self.skipped_seconds = 0.0
        monkeypatch.setattr(host_link, "uptime", lambda: uptime() + self.skipped_seconds)
        host = Host(address="127.0.0.1", port=self.exchange.port, public_key=self.exchange.pair.public_key)
        self.link = HostLink(
            "kitchen",
            host,
            new_key_pair(),
            frozenset({"lamp"}),
            process,
            self._on_message,
            self._has_new_times,
            lambda link: self.changes.append(link.is_open),
        )

    def _on_message(self, link: HostLink, received: Published) -> None:
        self.received.append(received)
        if isinstance(received, State):
            moment = received.turned.get("presses")
            if moment and moment not in self.known:
                self.known.add(moment)
                self.pressed.append(link.to_local(moment))

    def _has_new_times(self, received: State | Heartbeat) -> bool:
        return isinstance(received, State) and not set(received.turned.values()) <= self.known

    def until(self, met: Callable[[], Any], what: str) -> None:
        """Run the loop until a condition is met."""
        factories.run_until(self.process.loop, met, what)

    def run_for(self, seconds: float) -> None:
        """Run the loop for a time."""
        factories.run_for(self.process.loop, seconds)

    def open(self) -> None:
        """Wait until the link is open and the exchange has its subscriptions."""
        self.until(lambda: self.link.is_open and b"lamp/" in self.exchange.subscriptions, "an open link")

    def silence(self) -> None:
        """Stop the replies of the exchange, and wait until its last reply may not be used any more."""
        self.exchange.replies = False
        self.run_for(STALE_SECONDS)

    def cut(self) -> None:
        """Advance the clock without a reply until the link is cut."""
        self.exchange.replies = False
        self.skipped_seconds += 3.0
        self.link._check_link()
        assert not self.link.is_open


@pytest.fixture
def link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LinkUnderTest]:
    """Create a link that is about to be opened."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    with factories.process() as process:
        yield LinkUnderTest(process, monkeypatch)


@pytest.mark.parametrize("ahead_seconds", [0.0, STEP_SECONDS, -STEP_SECONDS])
def test_a_remote_press_has_its_real_age(link: LinkUnderTest, ahead_seconds: float) -> None:
    """A press of seven seconds ago there is seven seconds old here, whatever the other clock shows."""
    link.exchange.ahead_seconds = ahead_seconds
    link.open()
    link.exchange.publish(link.exchange.pressed(1, link.exchange.now - 7))
    link.until(lambda: link.pressed, "the press")
    assert link.pressed[0] == pytest.approx(time.time() - 7, abs=1)


@pytest.mark.parametrize("step_seconds", [STEP_SECONDS, -STEP_SECONDS])
def test_a_press_right_after_the_remote_clock_was_set_gets_the_right_time(
    link: LinkUnderTest, step_seconds: float
) -> None:
    """The offset of a moment ago is not used for a message that looks much older or newer than now."""
    link.open()
    link.exchange.ahead_seconds = step_seconds
    link.exchange.publish(link.exchange.pressed(1, link.exchange.now))
    link.until(lambda: link.pressed, "the press")
    assert link.pressed[0] == pytest.approx(time.time(), abs=1)


def test_a_press_before_the_remote_clock_was_set_is_corrected(link: LinkUnderTest) -> None:
    """The remote exchange reports the earlier periods of its clock, which correct the time of the press."""
    now = link.exchange.now
    period = {"begin": now - 2000, "end": now - 1000, "ahead": -990.0}
    link.exchange.clock_result = {"set": [period]}
    link.open()
    link.exchange.publish(link.exchange.pressed(1, now - 1003))  # the clock was set three seconds later
    link.until(lambda: link.pressed, "the press")
    assert link.pressed[0] == pytest.approx(now - 13, abs=1)


def test_malformed_clock_periods_are_ignored(link: LinkUnderTest) -> None:
    """The link is opened all the same."""
    link.exchange.clock_result = {"set": [{"begin": "yesterday"}], "host": "kitchen"}
    link.open()
    assert link.link.remote_status == {"host": "kitchen"}


def test_a_clock_request_that_was_not_applied_opens_no_link(link: LinkUnderTest) -> None:
    """Only a receipt with the outcome `applied` carries the time."""
    link.exchange.outcome = "rejected"
    link.run_for(1.2)
    assert not link.link.is_open
    link.exchange.outcome = "applied"
    link.open()


def test_a_reply_after_ten_seconds_is_ignored(link: LinkUnderTest) -> None:
    """A late reply is inaccurate, and does not open the link."""
    link.exchange.replies = False
    link.until(lambda: link.exchange._unanswered, "a clock request")
    link.skipped_seconds += 10.0
    link.link._check_link()
    late = link.exchange._unanswered.pop(0)
    link.exchange._reply(late)
    link.run_for(0.1)
    assert not link.link.is_open


def test_new_changes_wait_for_the_clock_and_keep_their_order(link: LinkUnderTest) -> None:
    """A heartbeat behind a state with a new change waits as well."""
    link.open()
    link.silence()
    link.exchange.publish(link.exchange.pressed(1, link.exchange.now), link.exchange.heartbeat(1))
    link.run_for(0.1)
    assert not link.received
    link.exchange.reply_late()
    link.until(lambda: len(link.received) == 2, "both messages")
    assert [type(it) for it in link.received] == [State, Heartbeat]


def test_known_changes_do_not_wait_for_the_clock(link: LinkUnderTest) -> None:
    """A message without a new change is passed on at once, however old the last reply is."""
    link.open()
    link.exchange.publish(link.exchange.pressed(1, link.exchange.now))
    link.until(lambda: link.pressed, "the press")
    link.silence()
    link.exchange.publish(link.exchange.heartbeat(1))
    link.until(lambda: len(link.received) == 2, "the heartbeat")


@pytest.mark.parametrize(("age_seconds", "waits"), [(0.4, False), (-0.4, False), (0.6, True), (-0.6, True)])
def test_a_new_change_waits_only_if_its_message_looks_half_a_second_off(
    link: LinkUnderTest, monkeypatch: pytest.MonkeyPatch, age_seconds: float, waits: bool
) -> None:
    """With a fresh reply of the clock, other messages are passed on at once."""
    monkeypatch.setattr(host_link, "uptime", lambda: 1000.0)
    link.link._clock.update(1000.0, 5000.0, 1000.0)
    state = replace(link.exchange.pressed(1, 4000.0), at=5000.0 - age_seconds)
    assert link.link._needs_clock(state) is waits


@pytest.mark.parametrize(("age_seconds", "waits"), [(0.2, False), (0.3, True)])
def test_a_reply_of_the_clock_is_used_for_a_quarter_of_a_second(
    link: LinkUnderTest, monkeypatch: pytest.MonkeyPatch, age_seconds: float, waits: bool
) -> None:
    """For new changes and for commands; later ones wait for the next reply."""
    link.open()
    link.exchange.replies = False
    monkeypatch.setattr(host_link, "uptime", lambda: 1000.0 + age_seconds)
    link.link._deferred.clear()
    link.link._clock.update(1000.0, 5000.0, 1000.0)
    state = replace(link.exchange.pressed(1, 4000.0), at=5000.0 + age_seconds)
    assert link.link._needs_clock(state) is waits
    sent: list[Command] = []
    monkeypatch.setattr(link.link._commands, "send", sent.append)
    link.link.send_command(new_command("on", 60), "lamp", lambda _: None)
    assert ("on" in [command.command for command in sent]) is not waits


def test_a_deadline_is_as_far_ahead_there_as_here(link: LinkUnderTest) -> None:
    """The deadline is in the time of the other host, the receipt in that of this host; also after a step.

    The sender of the command is passed on.
    """
    link.open()
    for link.exchange.ahead_seconds in (STEP_SECONDS, -STEP_SECONDS):
        link.run_for(STALE_SECONDS)
        receipts: list[Receipt] = []
        link.link.send_command(new_command("on", 5, who="page:anna"), "lamp", receipts.append)
        link.until(partial(len, receipts), "the receipt")
        assert link.exchange.commands[-1].who == "page:anna"
        assert link.exchange.commands[-1].deadline == pytest.approx(link.exchange.now + 5, abs=1)
        assert link.exchange.commands[-1].device == "lamp"
        assert receipts[0].at == pytest.approx(time.time(), abs=1)


def test_commands_are_rejected_at_once_while_the_link_is_cut(link: LinkUnderTest) -> None:
    """A command that waits for the clock is rejected by the cut; neither is sent later."""
    link.open()
    link.silence()
    receipts: list[Receipt] = []
    link.link.send_command(new_command("on", 60), "lamp", receipts.append)
    assert not receipts
    link.cut()
    link.link.send_command(new_command("on", 60), "lamp", receipts.append)
    assert [it.outcome for it in receipts] == ["rejected", "rejected"]
    assert {it.reason for it in receipts} == {f"kitchen cannot be reached ({link.link.address})"}
    link.exchange.reply_late()
    link.until(lambda: link.link.is_open, "the link to be open again")
    link.run_for(0.2)
    assert not link.exchange.commands


def test_the_link_is_cut_after_three_seconds_without_a_reply(link: LinkUnderTest) -> None:
    """A shorter silence changes nothing; each opening and each cut is reported once."""
    link.open()
    link.exchange.replies = False
    assert link.changes == [True]
    link.skipped_seconds += 3.0 - (uptime() + link.skipped_seconds - link.link._last_reply) - 0.5
    link.link._check_link()
    assert link.link.is_open
    link.skipped_seconds += 0.5
    link.link._check_link()
    assert not link.link.is_open
    assert link.changes == [True, False]


def test_a_new_status_of_the_other_exchange_is_reported(link: LinkUnderTest) -> None:
    """The same status again is not."""
    link.exchange.clock_result = {"configuration": "a"}
    link.open()
    link.run_for(1.2)  # at least one more reply
    assert link.changes == [True]
    link.exchange.clock_result = {"configuration": "b"}
    link.until(lambda: len(link.changes) == 2, "the change")
    assert link.link.remote_status == {"configuration": "b"}


def test_states_that_arrive_during_a_cut_are_passed_on_when_the_link_opens(link: LinkUnderTest) -> None:
    """A poor network may deliver them just then."""
    link.open()
    link.cut()
    link.exchange.publish(link.exchange.pressed(1, link.exchange.now))
    link.run_for(0.1)
    assert not link.received
    link.exchange.subscriptions.clear()
    link.exchange.reply_late()
    link.open()
    link.until(lambda: link.pressed, "the press")
    assert b"steward/process/" in link.exchange.subscriptions


def test_no_more_than_a_thousand_messages_and_commands_wait(link: LinkUnderTest) -> None:
    """Later commands are rejected, later messages are dropped; the heartbeats will show that."""
    link.open()
    link.silence()
    receipts: list[Receipt] = []
    for _ in range(1000):
        link.link._defer(lambda: None)
    link.link.send_command(new_command("on", 60), "lamp", receipts.append)
    assert [it.reason for it in receipts] == ["too many commands wait for kitchen"]
    link.exchange.publish(link.exchange.pressed(1, link.exchange.now))
    link.run_for(0.1)
    assert len(link.link._deferred) == 1000


def test_a_hundred_commands_of_one_device_may_wait_for_their_receipts(link: LinkUnderTest) -> None:
    """The next one is rejected at once."""
    link.open()
    link.run_for(STALE_SECONDS)
    receipts: list[Receipt] = []
    for _ in range(100):
        link.link._pending.add("lamp", new_command("on", 60), lambda _: None)
    link.link.send_command(new_command("on", 60), "lamp", receipts.append)
    link.until(lambda: receipts, "the receipt")
    assert [it.reason for it in receipts] == ["too many commands wait for kitchen"]


def test_the_time_is_requested_at_once_for_an_action_that_waits_for_it(link: LinkUnderTest) -> None:
    """Not only with the request of every second; a reply that is older than the action is not enough."""
    link.open()
    link.silence()
    ran: list[str] = []

    def defer(name: str) -> int:
        before = len(link.link._clock_requests)
        link.link._defer(lambda: ran.append(name))
        return len(link.link._clock_requests) - before

    assert defer("first") == 1
    sent = link.link._deferred[0].since
    link.skipped_seconds += 0.001
    assert defer("second") == 0
    before = len(link.link._clock_requests)
    link.link._run_deferred(sent)
    assert ran == ["first"]
    assert len(link.link._clock_requests) == before + 1


def test_missed_states_are_requested_again(link: LinkUnderTest) -> None:
    """A heartbeat that names a state which was not received leads to a new subscription; others do not."""
    link.open()
    link.exchange.publish(link.exchange.pressed(1, link.exchange.now))
    link.until(lambda: link.pressed, "the press")
    link.exchange.subscriptions.clear()
    link.exchange.publish(link.exchange.heartbeat(1))
    link.until(lambda: len(link.received) == 2, "a heartbeat")
    assert not link.exchange.subscriptions
    for heartbeat in (link.exchange.heartbeat(2), link.exchange.heartbeat(1, boot=1001)):
        link.exchange.subscriptions.clear()
        link.exchange.publish(heartbeat)
        link.until(lambda: b"lamp/" in link.exchange.subscriptions, "the subscription")


def test_reports_of_the_remote_steward_are_passed_on_and_those_of_its_exchange_are_not(
    link: LinkUnderTest,
) -> None:
    """The remote exchange reports on devices of a third host, or of this one."""
    link.open()
    now = link.exchange.now
    report = partial(Report, device="lamp", boot=1, seq=1, at=now, life="running", since=now)
    link.exchange.publish(report(by="exchange"), report(), report(device="steward"))
    link.exchange.publish(link.exchange.pressed(1, now))
    link.until(lambda: link.pressed, "the press")
    assert [(type(it), it.device) for it in link.received] == [(Report, "lamp"), (State, "lamp")]
    assert link.link._dropped.total == 0


def test_malformed_messages_and_foreign_devices_are_dropped(link: LinkUnderTest) -> None:
    """A valid message behind them is passed on; each sender is logged."""
    link.open()
    link.exchange.publish_frames(b"lamp/state")
    link.exchange.publish_frames(b"lamp/state", b"{")
    link.exchange.publish_frames(b"lamp/state", message.encode(Command(id="a", command="on", deadline=1)))
    toaster = link.exchange.pressed(1, link.exchange.now, device="toaster")
    link.exchange.publish_frames(b"lamp/state", message.encode(toaster))
    link.link._subscriber.subscribe("toaster/")
    link.until(lambda: b"toaster/" in link.exchange.subscriptions, "the subscription")
    link.exchange.publish(toaster)
    link.exchange.publish(link.exchange.pressed(1, link.exchange.now))
    link.until(lambda: link.pressed, "the press")
    assert len(link.received) == 1
    assert link.link._dropped.total == 5


def test_commands_are_not_queued_without_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that cannot be sent now must not be sent later."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    with factories.process() as process:
        port = free_port(3)
        host = Host(address="127.0.0.1", port=port, public_key=new_key_pair().public_key)
        absent = HostLink(
            "kitchen",
            host,
            new_key_pair(),
            frozenset(),
            process,
            lambda *_: None,
            lambda _: True,
            lambda _: None,
        )
        factories.run_for(process.loop, 0.1)
        assert not absent._commands.socket.poll(0, zmq.POLLOUT)
