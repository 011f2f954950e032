"""The client for the loop of a process: each command gets one receipt, and none waits for another."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemons.bus.message import Command, Receipt
from daemons.bus.requests import loop
from daemons.bus.requests.loop import LoopCommandClient, PendingReceipts
from daemons.bus.requests.protocol import new_command
from daemons.bus.sockets import CommandServer
from daemons.processes.process import Process
from daemons.runtime.loop import Loop
from tests.support import factories
from tests.support.patience import patience


def receipt(command: Command, device: str = "toaster") -> Receipt:
    """Return the receipt of a command that was carried out."""
    return Receipt(id=command.id, device=device, outcome="applied", at=time.time())


class ManualLoop:
    """A loop whose clock a test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.loop = Loop(lambda: self.now)
        self.pending = PendingReceipts(self.loop)
        self.receipts: list[Receipt] = []

    def add(self, command: Command, device: str = "toaster") -> bool:
        """Forward a command."""
        return self.pending.add(device, command, self.receipts.append)

    def advance(self, seconds: float) -> None:
        """Move the clock and run the timers that are due."""
        self.now += seconds
        self.loop._run_due()


@pytest.fixture
def manual(monkeypatch: pytest.MonkeyPatch) -> ManualLoop:
    """Create pending receipts with a clock that the test moves."""
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    return ManualLoop()


def test_a_receipt_goes_to_every_client_that_waits_for_it_once(manual: ManualLoop) -> None:
    """Two clients may send the same command; a repeated receipt is for none."""
    command = new_command("start", 5)
    assert manual.add(command)
    assert manual.add(command)
    assert manual.pending.resolve("toaster", receipt(command))
    assert not manual.pending.resolve("toaster", receipt(command))
    manual.advance(10)
    assert [it.outcome for it in manual.receipts] == ["applied", "applied"]


def test_a_command_without_a_receipt_is_unanswered_just_after_its_deadline(manual: ManualLoop) -> None:
    """At the deadline the device itself may still report that the command has expired."""
    command = new_command("start", 5)
    manual.add(command)
    manual.advance(5.04)
    assert not manual.receipts
    manual.advance(0.02)
    assert [(it.id, it.device, it.outcome) for it in manual.receipts] == [
        (command.id, "toaster", "unanswered")
    ]
    assert manual.receipts[0].reason == (
        "toaster sent no receipt within 5.0 s; it is not known whether the command was carried out"
    )
    assert not manual.pending.resolve("toaster", receipt(command)), "the client has got a receipt already"
    assert len(manual.receipts) == 1


def test_the_same_command_with_two_deadlines_ends_at_each(manual: ManualLoop) -> None:
    """The later one still gets the receipt."""
    soon, late = new_command("start", 1, id_="a"), new_command("start", 60, id_="a")
    manual.add(soon)
    manual.add(late)
    manual.advance(2)
    assert [it.outcome for it in manual.receipts] == ["unanswered"]
    assert manual.pending.resolve("toaster", receipt(late))
    assert [it.outcome for it in manual.receipts] == ["unanswered", "applied"]


def test_a_receipt_of_another_device_is_for_another_command(manual: ManualLoop) -> None:
    """Two devices may get commands with the same id."""
    command = new_command("start", 60)
    manual.add(command)
    assert not manual.pending.resolve("lamp", receipt(command, "lamp"))
    assert not manual.receipts


def test_a_receipt_is_only_for_the_command_with_its_id(manual: ManualLoop) -> None:
    """Other commands of the same device wait on."""
    one, two = new_command("start", 60), new_command("start", 60)
    manual.add(one)
    manual.add(two)
    assert manual.pending.resolve("toaster", receipt(two))
    assert [it.id for it in manual.receipts] == [two.id]


def test_a_command_that_has_expired_waits_a_moment_for_its_receipt(manual: ManualLoop) -> None:
    """The receipt `expired` of the device says more than `unanswered`."""
    command = new_command("start", -5)
    manual.add(command)
    manual.advance(0.04)
    assert manual.pending.resolve("toaster", receipt(command))
    assert [it.outcome for it in manual.receipts] == ["applied"]


def test_a_hundred_commands_of_one_device_may_wait(manual: ManualLoop) -> None:
    """Repeated commands count too; other devices are not affected, and each receipt makes room."""
    commands = [new_command("start", 300, id_=f"a{number // 2}") for number in range(100)]
    assert all(manual.add(command) for command in commands)
    assert not manual.add(commands[0])
    assert manual.add(commands[0], device="lamp")
    manual.pending.resolve("toaster", receipt(commands[0]))
    assert manual.add(commands[0])
    assert manual.add(commands[0])
    assert not manual.add(commands[0])


def test_a_timeout_makes_room(manual: ManualLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that never answers gets new commands when the deadlines of the old ones have passed."""
    monkeypatch.setattr(loop, "MAX_PENDING", 1)
    assert manual.add(new_command("start", 5))
    assert not manual.add(new_command("start", 5))
    manual.advance(6)
    assert manual.add(new_command("start", 5))


def test_timers_of_received_receipts_are_dropped(manual: ManualLoop) -> None:
    """Twenty thousand quick commands with late deadlines leave next to nothing in memory."""
    command = new_command("start", 300, id_="a")
    for _ in range(20_000):
        manual.pending.add("toaster", command, lambda _: None)
        manual.pending.resolve("toaster", receipt(command))
    assert len(manual.loop._timers) <= 2000


class CommandsUnderTest:
    """A client, and its receipts so far."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.commands = LoopCommandClient(process.context, process.loop)
        self.receipts: list[Receipt] = []
        self._servers: list[CommandServer] = []

    def serve(self, name: str) -> CommandServer:
        """Bind the command socket of a device, which answers when a test calls `answer`."""
        self._servers.append(CommandServer(self.process.context, name, self.process.log))
        return self._servers[-1]

    def send(self, device: str, name: str, seconds: float, id_: str) -> None:
        """Send a command with a deadline in `seconds`."""
        self.commands.send(device, new_command(name, seconds, id_=id_), self.receipts.append)

    def until(self, number: int) -> list[Receipt]:
        """Run the loop until a number of receipts have arrived."""
        factories.run_until(self.process.loop, lambda: len(self.receipts) >= number, f"{number} receipts")
        return self.receipts


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandsUnderTest]:
    """Yield a client in a run directory."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    with factories.process() as process:
        yield CommandsUnderTest(process)


def answer(server: CommandServer, **fields: Any) -> int:
    """Answer the commands that have arrived, and return how many these are."""
    number = 0
    server.socket.poll(int(patience() * 1000))
    for number, request in enumerate(server.receive(), 1):  # noqa: B007
        found = {"id": request.command.id, "device": "toaster", "outcome": "applied", "at": 1.0}
        server.reply(request.envelope, Receipt(**{**found, **fields}))
    return number


def test_commands_arrive_in_order_and_get_their_receipts(local: CommandsUnderTest) -> None:
    """Several commands of one device may be under way."""
    server = local.serve("toaster")
    for number in range(5):
        local.send("toaster", "start", 5, f"c{number}")
    answered = 0
    while answered < 5:
        answered += answer(server)
    assert [receipt.id for receipt in local.until(5)] == [f"c{number}" for number in range(5)]


def test_a_silent_device_delays_no_other_device(local: CommandsUnderTest) -> None:
    """The command is unanswered at the deadline; the next command uses a new connection."""
    toaster, lamp = local.serve("toaster"), local.serve("lamp")
    local.send("toaster", "start", 1, "lost")
    first = local.commands._connections["toaster"].socket
    local.send("lamp", "on", 5, "quick")
    answer(lamp, device="lamp")
    assert [receipt.id for receipt in local.until(1)] == ["quick"]
    lost = local.until(2)[1]
    assert (lost.id, lost.outcome, lost.device) == ("lost", "unanswered", "toaster")
    list(toaster.receive())
    local.send("toaster", "start", 5, "found")
    assert first.closed
    while not answer(toaster):
        pass
    assert local.until(3)[2].id == "found"


def test_a_command_waits_for_a_device_that_is_being_restarted(local: CommandsUnderTest) -> None:
    """The device receives the command after its restart, within the deadline."""
    local.send("toaster", "start", 10, "early")
    server = local.serve("toaster")
    while not answer(server):
        pass
    assert local.until(1)[0].outcome == "applied"


def test_malformed_and_unexpected_receipts_are_ignored(local: CommandsUnderTest) -> None:
    """The right receipt is returned all the same."""
    server = local.serve("toaster")
    local.send("toaster", "start", 5, "a")
    server.socket.poll(int(patience() * 1000))
    (request,) = server.receive()
    server.socket.send_multipart([*request.envelope, b"no receipt"])
    server.reply(request.envelope, Receipt(id="b", device="toaster", outcome="applied", at=1.0))
    server.reply(request.envelope, Receipt(id="a", device="toaster", outcome="rejected", at=1.0, reason="no"))
    assert [(receipt.id, receipt.reason) for receipt in local.until(1)] == [("a", "no")]


def test_the_hundred_and_first_command_is_rejected_at_once(local: CommandsUnderTest) -> None:
    """At most a hundred commands wait for a silent device."""
    local.serve("toaster")
    for number in range(101):
        local.send("toaster", "start", 60, f"c{number}")
    assert [(it.id, it.outcome, it.reason) for it in local.receipts] == [
        ("c100", "rejected", "too many commands wait for toaster")
    ]
