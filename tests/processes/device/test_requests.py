"""Commands: each id is carried out once, and each command gets its receipt."""

from typing import Any

import pytest

from daemons.bus.message import Command, Receipt
from daemons.bus.requests.ledger import LedgerEntry
from daemons.errors import Rejected
from daemons.kinds import Reading
from daemons.processes.device.requests import Requests
from tests.support import factories
from tests.support.crash_simulator import CrashSimulator

NOW = factories.START_TIME
MAX_COMMANDS = 200


def make_command(id_: str, deadline: float = NOW + 10) -> Command:
    """Return a command with a deadline in Unix seconds."""
    return Command(id=id_, command="on", deadline=deadline)


def make_requests(*, applied: int = 0, rejected: int = 0) -> Requests:
    """Return requests with a number of remembered receipts; the rejected ones are the oldest."""
    requests = Requests("lamp", {})
    for number in range(rejected):
        requests.close(make_command(f"rejected{number}"), NOW, NOW, Rejected("it is already on"))
    for number in range(applied):
        requests.close(make_command(f"applied{number}"), NOW, NOW)
    return requests


# The receipts alone


def test_a_new_command_has_no_answer_yet() -> None:
    """A command with a new id, within its deadline, must be carried out."""
    assert Requests("lamp", {}).answer(make_command("c1"), NOW, NOW) is None


def test_a_receipt_has_its_command_its_device_and_its_outcome() -> None:
    """A command that was carried out is applied. One with a reason is rejected."""
    requests = Requests("lamp", {})
    assert requests.close(make_command("c1"), NOW, NOW) == Receipt(
        id="c1", device="lamp", outcome="applied", at=NOW
    )
    assert requests.close(
        make_command("c2"), NOW, NOW, Rejected("it is on", "already", phase="on")
    ) == Receipt(
        id="c2",
        device="lamp",
        outcome="rejected",
        at=NOW,
        reason="it is on",
        code="already",
        values={"phase": "on"},
    )
    assert requests.close(make_command("c3"), NOW, NOW, Rejected("")).outcome == "rejected"


def test_a_repeated_command_gets_its_first_receipt_also_past_its_deadline() -> None:
    """The remembered receipt is the answer, even after the deadline."""
    requests = Requests("lamp", {})
    receipt = requests.close(make_command("c1"), NOW, NOW)
    assert requests.answer(make_command("c1"), NOW + 1, NOW + 1) == receipt
    assert requests.answer(make_command("c1"), NOW + 11, NOW + 11) == receipt


@pytest.mark.parametrize(("deadline", "is_expired"), [(NOW - 1, True), (NOW, True), (NOW + 0.1, False)])
def test_a_command_expires_at_its_deadline(deadline: float, is_expired: bool) -> None:
    """At its deadline a command is no longer carried out, and its receipt is not remembered."""
    requests = Requests("lamp", {})
    receipt = requests.answer(make_command("c1", deadline), NOW, NOW)
    assert (receipt is not None and receipt.outcome == "expired") == is_expired
    assert requests.receipts == {}


def test_a_long_reason_is_cut() -> None:
    """A receipt has at most 1,000 characters of a reason, and of each value in it."""
    rejected = Rejected("x" * 2000, "unreachable", fault="y" * 2000)
    receipt = Requests("lamp", {}).close(make_command("c1"), NOW, NOW, rejected)
    assert (receipt.reason, receipt.values) == ("x" * 1000, {"fault": "y" * 1000})


def test_receipts_past_their_deadline_are_forgotten_first() -> None:
    """A new receipt removes those whose command can no longer be repeated."""
    requests = Requests("lamp", {})
    requests.close(make_command("old", NOW + 1), NOW, NOW)
    requests.close(make_command("open", NOW + 5), NOW, NOW)
    requests.close(make_command("new", NOW + 10), NOW + 1, NOW + 1)
    assert list(requests.receipts) == ["open", "new"]


def test_rejected_commands_are_forgotten_before_a_command_is_refused() -> None:
    """With 200 receipts, rejected ones are dropped first. All applied ones are remembered."""
    requests = make_requests(rejected=1, applied=MAX_COMMANDS - 1)
    assert requests.answer(make_command("new"), NOW, NOW) is None
    requests.close(make_command("new"), NOW, NOW)
    assert "rejected0" not in requests.receipts
    assert len(requests.receipts) == MAX_COMMANDS
    repeated = requests.answer(make_command("applied0"), NOW, NOW)
    assert repeated is not None
    assert repeated.outcome == "applied"


def test_rejected_commands_are_remembered_while_there_is_room() -> None:
    """With fewer than 200 receipts, a repeated command that was rejected gets its first receipt."""
    requests = make_requests(rejected=1, applied=MAX_COMMANDS - 2)
    requests.close(make_command("new"), NOW, NOW)
    assert "rejected0" in requests.receipts


def test_a_command_is_refused_when_all_receipts_are_needed() -> None:
    """With 200 applied commands within their deadlines, a new one is rejected, and not remembered."""
    requests = make_requests(applied=MAX_COMMANDS)
    receipt = requests.answer(make_command("new"), NOW, NOW)
    assert receipt is not None
    assert (receipt.outcome, receipt.reason) == ("rejected", "too many commands within their deadlines")
    assert "new" not in requests.receipts
    assert requests.answer(make_command("new", NOW + 20), NOW + 10, NOW + 10) is None


def test_receipts_are_replaced_and_never_changed_in_place() -> None:
    """The memory that was written last must not change with the next receipt."""
    requests = Requests("lamp", {})
    before = requests.receipts
    requests.close(make_command("c1"), NOW, NOW)
    assert before == {}
    assert set(requests.receipts) == {"c1"}
    assert isinstance(requests.receipts["c1"], LedgerEntry)


# Commands to a device


def test_a_command_is_applied_and_the_hardware_follows() -> None:
    """At the receipt, the relay has been switched, and the command's id is the cause."""
    simulator = CrashSimulator("lamp")
    receipt = simulator.command("on", "c1", brightness_percent=30)
    assert (receipt.id, receipt.device, receipt.outcome) == ("c1", "lamp", "applied")
    assert (simulator.relay.is_on, simulator.relay.brightness_percent) == (True, 30)
    assert (simulator.field("status"), simulator.appliance.memory.cause) == (True, "c1")


def test_a_repeated_command_gets_its_first_receipt_also_after_a_restart() -> None:
    """The same id is not carried out twice, and its receipt is the same after a restart."""
    simulator = CrashSimulator("light_switch")
    first = simulator.command("press")
    simulator.restart()
    simulator.now += 1
    assert simulator.command("press") == first
    assert simulator.field("presses") == 1


def test_a_command_past_its_deadline_is_expired() -> None:
    """The command is not carried out, and the receipt has the delay."""
    simulator = CrashSimulator("light_switch")
    receipt = simulator.handle_command(Command(id="c1", command="press", deadline=simulator.now - 2))
    assert (receipt.outcome, receipt.reason) == ("expired", "its deadline passed 2.0 s ago")
    assert simulator.field("presses") == 0


def test_a_far_deadline_is_rejected() -> None:
    """A deadline of more than 300 s ahead is rejected, for no receipt is remembered for longer."""
    simulator = CrashSimulator("light_switch")
    far = Command(id="c1", command="press", deadline=simulator.now + 301)
    receipt = simulator.handle_command(far)
    assert (receipt.outcome, receipt.reason) == ("rejected", "a deadline may lie at most 300 s ahead")
    near = Command(id="c2", command="press", deadline=simulator.now + 300)
    assert simulator.handle_command(near).outcome == "applied"


def test_a_flood_of_commands_is_rejected_until_deadlines_pass() -> None:
    """A device remembers 200 receipts. Then new commands must wait, and the memory stays small."""
    simulator = CrashSimulator("light_switch")
    for number in range(MAX_COMMANDS):
        assert simulator.command("on", f"c{number}").outcome == "applied"
    receipt = simulator.command("on", "one_more")
    assert (receipt.outcome, receipt.reason) == ("rejected", "too many commands within their deadlines")
    simulator.now += 11
    assert simulator.command("on", "later").outcome == "applied"
    assert len(simulator.appliance.memory.receipts) == 1


@pytest.mark.parametrize(
    ("word", "args", "why"),
    [
        ("jump", {}, "it has no command 'jump'; allowed: on, off, toggle"),
        ("on", {"brightness_percent": 0}, "brightness_percent: 0 is not allowed; brightness_percent takes"),
        (
            "on",
            {"brightnes_percent": 5},
            "brightnes_percent: unknown key; did you mean 'brightness_percent'?",
        ),
        ("off", {"x": 1}, "x: unknown key; allowed: none"),
    ],
)
def test_a_wrong_command_is_rejected_with_a_hint(word: str, args: dict[str, Any], why: str) -> None:
    """An unknown command or argument, or a value out of bounds, changes nothing."""
    simulator = CrashSimulator("lamp")
    receipt = simulator.command(word, **args)
    assert receipt.outcome == "rejected"
    assert why in str(receipt.reason)
    assert simulator.field("starts") == 0


def test_a_rejection_by_the_kind_is_the_reason_in_the_receipt() -> None:
    """A toaster that already toasts rejects a start, and the rejection is logged."""
    simulator = CrashSimulator("toaster")
    simulator.command("start", "c1")
    receipt = simulator.command("start", "c2")
    assert (receipt.outcome, receipt.reason) == ("rejected", "it is already toasting")
    assert "warning: rejects start: it is already toasting [c2]" in simulator.log()
    assert simulator.command("start", "c2") == receipt


def test_a_command_after_a_long_stop_meets_the_present_state() -> None:
    """A process that was stopped advances its time before it handles a command."""
    simulator = CrashSimulator("toaster")
    simulator.command("start", "c1")
    simulator.now += 1000  # the process was stopped: no timer ran
    assert simulator.command("start", "c2").outcome == "applied"
    assert simulator.field("starts") == 2


def test_an_id_is_carried_out_once_although_the_wall_clock_jumps() -> None:
    """The clock goes 400 s ahead, another command comes, and the clock goes back: the receipt stays."""
    switch = factories.appliance(factories.device("light_switch"), "light_switch")
    switch.start(Reading(on=False), NOW, NOW)
    press = Command(id="c1", command="press", deadline=NOW + 10)
    first = switch.handle_command(press, NOW + 1, NOW + 1)
    ahead = Command(id="c2", command="on", deadline=NOW + 412)
    assert switch.handle_command(ahead, NOW + 2, NOW + 402).outcome == "applied"
    assert switch.handle_command(press, NOW + 3, NOW + 3) == first
    assert switch.state(NOW + 3)["presses"] == 1
