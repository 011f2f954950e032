"""Foreign devices, with fake proxies: reports, silence, and commands to the program."""

import json
import time
from typing import Any

import pytest

from daemons.bus import message
from daemons.bus.message import Command, EncodedState, Heartbeat, Published, Receipt, State
from daemons.bus.requests.protocol import new_command
from daemons.config import loader
from daemons.processes.exchange import programs
from daemons.processes.exchange.program_state import ProgramMemory
from daemons.processes.exchange.programs import ForeignDevices
from daemons.processes.process_run import ProcessRun
from daemons.runtime.loop import Loop

LAMP = "garden_lamp"
ON, OFF = b'{"state": {"status": true}}', b'{"state": {"status": false}}'


class FakeProxy:
    """A proxy that records the published messages of the device."""

    def __init__(self, name: str, *_: Any) -> None:
        self.name = name
        self.published: list[Published] = []
        self.cleared = 0

    def publish(self, sent: Published | EncodedState) -> None:
        """Record a message as a subscriber decodes it."""
        self.published.append(message.decode([message.topic(sent), message.encode(sent)]))

    def clear_retained(self) -> None:
        """Count a call."""
        self.cleared += 1

    def release(self) -> None:
        """Do nothing: there is no lock."""


class FakeProcess:
    """The process of the exchange, with a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.loop = Loop(lambda: self.now)
        self.life = ProcessRun(7, 1, 0)
        self.reports: list[tuple[str, str, str | None]] = []

    def report(self, name: str, *, life: str, reason: str | None, **_: Any) -> None:
        """Record a report."""
        self.reports.append((name, life, reason))


class FakeGateway:
    """A gateway that records the messages to programs."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send(self, envelope: list[bytes], payload: bytes) -> None:
        """Record a command."""
        assert envelope == [b"route"]
        self.sent.append(json.loads(payload))


class DevicesUnderTest:
    """One foreign device, whose program may be silent for two seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, memories: dict[str, ProgramMemory]) -> None:
        self.process = FakeProcess()
        self.gateway: Any = FakeGateway()
        self.saved = 0
        self.dropped: list[tuple[str, object]] = []
        self.receipts: list[Receipt] = []
        monkeypatch.setattr(programs, "DeviceProxy", FakeProxy)
        monkeypatch.setattr(programs, "uptime", lambda: self.process.now)
        process: Any = self.process
        self.devices = ForeignDevices(
            {LAMP: (loader.kind("lamp"), 2.0)},
            memories,
            process,
            self._save,
            lambda client, reason: self.dropped.append((client, reason)),
        )
        self.device = self.devices._devices[LAMP]
        self.device.reported_at = self.process.now
        proxy: Any = self.device.proxy
        self.proxy: FakeProxy = proxy

    def _save(self) -> None:
        self.saved += 1

    def advance(self, seconds: float) -> None:
        """Move the clock, and run the timers that are due."""
        self.process.now += seconds
        self.process.loop._run_due()

    def report(self, payload: bytes) -> None:
        """Report a state."""
        self.devices.on_state("bob", LAMP, payload)

    def states(self) -> list[Any]:
        """Return the `status` of each published state."""
        return [it.state["status"] for it in self.proxy.published if isinstance(it, State)]

    def heartbeats(self) -> list[int]:
        """Return the `seq` of each published heartbeat."""
        return [it.seq for it in self.proxy.published if isinstance(it, Heartbeat)]

    def serve(self, client: str = "bob") -> None:
        """Send `serve` for the lamp as a client."""
        self.devices.serve(client, LAMP, self.gateway, [b"route"])

    def command(self, command: Command) -> None:
        """Send a command to the lamp."""
        self.devices.send_command(LAMP, command, self.receipts.append)

    def answer(self, id_: str, client: str = "bob", **more: Any) -> bool:
        """Send the receipt of a program for a command."""
        found = {"id": id_, "device": LAMP, "outcome": "applied", "at": 1.0, **more}
        return self.devices.on_receipt(client, Receipt(**found))


@pytest.fixture
def lamp(monkeypatch: pytest.MonkeyPatch) -> DevicesUnderTest:
    """Create a foreign lamp without memory."""
    return DevicesUnderTest(monkeypatch, {})


def test_a_report_is_published_as_a_state_of_the_house(lamp: DevicesUnderTest) -> None:
    """The state has the exchange's boot and its own number; the first report also causes a heartbeat."""
    lamp.report(ON)
    assert lamp.heartbeats() == [1]
    lamp.advance(0.06)
    lamp.report(OFF)
    first, second = (it for it in lamp.proxy.published if isinstance(it, State))
    assert (first.device, first.boot, first.seq, first.turned) == (LAMP, 7, 1, {})
    assert (second.seq, second.past[0].state) == (2, {"status": True})
    assert second.since == second.turned["status"] == pytest.approx(time.time(), abs=5)
    assert lamp.process.reports == [(LAMP, "running", None)]


def test_a_change_is_saved_before_it_is_published(lamp: DevicesUnderTest) -> None:
    """A repeated report is published, but not saved."""
    lamp.report(ON)
    lamp.advance(0.06)
    lamp.report(ON)
    assert lamp.states() == [True, True]
    assert lamp.saved == 1
    assert lamp.devices.memories[LAMP].state == {"status": True}


def test_of_reports_within_50_ms_the_first_and_the_last_are_published(lamp: DevicesUnderTest) -> None:
    """The last one when the time has passed."""
    for payload in (OFF, OFF, ON):
        lamp.report(payload)
    assert lamp.states() == [False]
    lamp.advance(0.049)
    assert lamp.states() == [False]
    lamp.advance(0.002)
    assert lamp.states() == [False, True]
    lamp.report(OFF)
    assert lamp.states() == [False, True]


def test_a_malformed_report_is_dropped_and_does_not_keep_the_device_live(lamp: DevicesUnderTest) -> None:
    """The client and the device are logged."""
    lamp.report(ON)
    lamp.advance(1.5)
    lamp.report(b"{}")
    ((client, reason),) = lamp.dropped
    assert (client, str(reason).startswith("garden_lamp: not a state: ")) == ("bob", True)
    lamp.advance(1)
    assert lamp.process.reports[-1][1] == "offline"


def test_a_silent_program_makes_its_device_offline(lamp: DevicesUnderTest) -> None:
    """Heartbeats end, the state is not retained, and the next report makes the device live again."""
    lamp.report(ON)
    lamp.advance(1)
    lamp.advance(1)
    assert len(lamp.heartbeats()) >= 2
    number = len(lamp.heartbeats())
    lamp.advance(1)
    lamp.advance(1)
    assert len(lamp.heartbeats()) == number
    assert lamp.proxy.cleared == 1
    assert lamp.process.reports[1:] == [(LAMP, "offline", "its program has reported nothing for 2 s")]
    lamp.report(ON)
    assert lamp.process.reports[-1] == (LAMP, "running", None)


def test_a_program_that_never_reported_is_offline_after_its_time(lamp: DevicesUnderTest) -> None:
    """Until then its presence is unknown."""
    lamp.advance(2)
    assert not lamp.process.reports
    lamp.advance(1)
    assert [life for _, life, _ in lamp.process.reports] == ["offline"]
    assert not lamp.heartbeats()


def test_a_known_state_that_is_reported_again_after_a_restart_is_no_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The memory of the run before has the time of the change."""
    known = ProgramMemory(first_reported_at=5.0, state={"status": True}, turned={"status": 7.0})
    lamp = DevicesUnderTest(monkeypatch, {LAMP: known})
    lamp.report(ON)
    (state,) = (it for it in lamp.proxy.published if isinstance(it, State))
    assert (state.turned, state.since) == ({"status": 7.0}, 7.0)
    assert lamp.saved == 0


def test_a_command_reaches_the_program_once(lamp: DevicesUnderTest) -> None:
    """A repeated command gets the same receipt, before and after the first one."""
    lamp.serve()
    command = new_command("on", 60)
    lamp.command(command)
    lamp.command(command)
    assert [(it["id"], it["device"], it["command"]) for it in lamp.gateway.sent] == [(command.id, LAMP, "on")]
    assert lamp.answer(command.id, reason="x" * 5000, result={"much": "x"})
    lamp.command(command)
    assert len(lamp.gateway.sent) == 1
    assert lamp.receipts == [lamp.receipts[0]] * 3
    assert lamp.receipts[0].outcome == "applied"
    assert lamp.receipts[0].reason == "x" * 1000
    assert lamp.receipts[0].result is None
    assert lamp.receipts[0].at == pytest.approx(time.time(), abs=5)


def test_commands_need_a_program_that_serves(lamp: DevicesUnderTest) -> None:
    """Each `serve` lasts ten seconds."""
    lamp.command(new_command("on", 60))
    lamp.serve()
    lamp.advance(9.9)
    lamp.command(new_command("on", 60))
    lamp.advance(0.2)
    lamp.command(new_command("on", 60))
    assert len(lamp.gateway.sent) == 1
    assert [(it.outcome, it.reason) for it in lamp.receipts] == [
        ("rejected", "no program takes commands for garden_lamp now; a program has to send `serve` first")
    ] * 2


def test_an_expired_command_is_not_sent(lamp: DevicesUnderTest) -> None:
    """The receipt has the outcome `expired`."""
    lamp.serve()
    lamp.command(new_command("on", -1))
    assert not lamp.gateway.sent
    assert [(it.device, it.outcome) for it in lamp.receipts] == [(LAMP, "expired")]


def test_at_most_two_hundred_commands_are_remembered_until_their_deadlines(
    lamp: DevicesUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then there is room again."""
    lamp.serve()
    for _ in range(201):
        command = new_command("on", 60)
        lamp.command(command)
        lamp.answer(command.id)
    assert len(lamp.gateway.sent) == 200
    assert lamp.receipts[-1].reason == "too many commands within their deadlines"
    wall, steady = time.time(), lamp.process.now
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: wall + 61)  # a step of the wall clock makes no room
        lamp.command(new_command("on", 60))
    assert len(lamp.gateway.sent) == 200
    lamp.process.now = steady + 61
    lamp.serve()
    lamp.command(new_command("on", 60))
    assert len(lamp.gateway.sent) == 201


def test_the_hundred_and_first_unanswered_command_is_rejected(lamp: DevicesUnderTest) -> None:
    """At most a hundred commands wait for a program that never answers."""
    lamp.serve()
    for _ in range(101):
        lamp.command(new_command("on", 60))
    assert len(lamp.gateway.sent) == 100
    assert [it.reason for it in lamp.receipts] == ["too many commands wait for garden_lamp"]


def test_only_the_addressed_program_may_answer_a_command(lamp: DevicesUnderTest) -> None:
    """Receipts of other clients, of other commands and of other devices are not accepted."""
    command = new_command("on", 60)
    assert not lamp.answer(command.id)
    lamp.serve()
    lamp.command(command)
    assert not lamp.answer(command.id, client="eve")
    assert not lamp.answer("another")
    assert not lamp.answer(command.id, device="toaster")
    assert not lamp.receipts
    assert lamp.answer(command.id)
    assert [it.outcome for it in lamp.receipts] == ["applied"]
