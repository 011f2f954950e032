"""The ledger of commands: one receipt for each id until its deadline, within bounds."""

import pytest

from daemons.bus.message import Command, Receipt
from daemons.bus.requests.ledger import CommandLedger


def command(id_: str = "a", deadline: float = 100.0) -> Command:
    """Return a command with an id and a deadline."""
    return Command(id=id_, command="on", deadline=deadline)


def receipt(id_: str = "a", outcome: str = "applied") -> Receipt:
    """Return a receipt for an id."""
    return Receipt(id=id_, device="lamp", outcome=outcome, at=1.0)  # type: ignore[arg-type]


def test_a_command_without_a_receipt_is_known() -> None:
    """A forwarded command is known before its receipt arrives, so that it is not forwarded twice."""
    ledger = CommandLedger()
    ledger.add(command(), 50.0, 50.0)
    assert "a" in ledger
    assert ledger.receipt("a") is None
    assert ledger.set_receipt(receipt())
    assert ledger.receipt("a") == receipt()


def test_a_receipt_for_an_unknown_id_is_refused() -> None:
    """A receipt that belongs to no command changes nothing."""
    ledger = CommandLedger()
    assert not ledger.set_receipt(receipt("other"))
    assert ledger.entries == {}


def test_an_id_is_forgotten_after_its_deadline() -> None:
    """An entry is dropped after its deadline: a later repetition expires anyway."""
    ledger = CommandLedger()
    ledger.add(command("old", deadline=60.0), 50.0, 50.0, receipt("old"))
    ledger.add(command("new", deadline=100.0), 59.9, 59.9, receipt("new"))
    assert set(ledger.entries) == {"old", "new"}
    ledger.add(command("third", deadline=100.0), 60.0, 60.0, receipt("third"))
    assert set(ledger.entries) == {"new", "third"}


@pytest.mark.parametrize(("outcome", "has_room"), [("applied", False), ("rejected", True)])
def test_the_ledger_holds_two_hundred_commands(outcome: str, has_room: bool) -> None:
    """A full ledger makes room by forgetting rejected commands, and never an applied one."""
    ledger = CommandLedger()
    for number in range(200):
        assert ledger.has_room(50.0)
        ledger.add(command(str(number)), 50.0, 50.0, receipt(str(number), outcome))
    assert ledger.has_room(50.0) is has_room
    assert ledger.has_room(100.0), "all deadlines have passed"


def test_the_entries_are_replaced_and_never_changed() -> None:
    """Entries that were saved earlier stay unchanged."""
    ledger = CommandLedger()
    ledger.add(command(), 50.0, 50.0)
    before = ledger.entries
    ledger.set_receipt(receipt())
    ledger.add(command("b"), 50.0, 50.0)
    assert set(before) == {"a"}
    assert before["a"].receipt is None


def test_a_rejected_command_is_remembered_while_there_is_room() -> None:
    """Its repetition gets the first receipt, and is not decided again."""
    ledger = CommandLedger()
    ledger.add(command("a"), 50.0, 50.0, receipt("a", "rejected"))
    ledger.add(command("b"), 50.0, 50.0, receipt("b"))
    assert ledger.receipt("a") == receipt("a", "rejected")


def test_a_step_of_the_wall_clock_neither_forgets_nor_keeps_a_command() -> None:
    """A command with 10 s left is remembered for 10 steady seconds, whatever the wall clock shows."""
    ledger = CommandLedger()
    ledger.add(command("a", deadline=1010.0), 50.0, 1000.0, receipt("a"))
    ledger.add(command("b", deadline=1410.0), 51.0, 1400.0, receipt("b"))  # the clock is 400 s ahead
    ledger.add(command("c", deadline=1012.0), 59.9, 1009.0, receipt("c"))
    assert set(ledger.entries) == {"a", "b", "c"}
    ledger.add(command("d", deadline=999.0), 60.0, 990.0, receipt("d"))
    assert set(ledger.entries) == {"b", "c", "d"}
