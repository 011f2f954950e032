"""The request/reply protocol without sockets."""

import time

import msgspec
import pytest

from daemons.bus.message import Receipt
from daemons.bus.requests.protocol import CommandRequest, PendingRequests, new_command, unknown_device


def test_a_new_command_gets_an_id_and_a_deadline() -> None:
    """Each id is different; the deadline is the given number of seconds from now."""
    before = time.time()
    first, second = (new_command("start", 20, {"browning": 3}) for _ in range(2))
    assert first.id != second.id
    assert before + 20 <= first.deadline <= time.time() + 20
    assert (first.command, first.args, first.device) == ("start", {"browning": 3}, None)
    assert new_command("start", 20, id_="mine").id == "mine"
    assert new_command("start", 20, device="lamp", deadline=7.0).deadline == 7.0


@pytest.mark.parametrize(
    "text",
    [
        '{"more": 1}', '{"timeout_seconds": 0}', '{"timeout_seconds": 61}', '{"timeout_seconds": "2"}',
        '{"timeout_seconds": null}', '{"id": ""}', '{"id": "a b"}', '{"id": 1}', '{"args": []}',
        '{"args": {"a": []}}', '{"args": {"": 1}}', "[]", "null", "", "{", '{"timeout_seconds": NaN}',
        '{"args": {"a": "' + "x" * 1001 + '"}}',
        '{"args": {' + ",".join(f'"{n}": 1' for n in range(21)) + "}}",
        '{"timeout_seconds": 1e400}', '{"args": ' + '{"a": ' * 2000,
    ],
)  # fmt: skip
def test_a_faulty_request_is_refused(text: str) -> None:
    """Unknown keys, wrong types and values out of bounds raise an error."""
    with pytest.raises((msgspec.MsgspecError, RecursionError)):
        msgspec.json.decode(text, type=CommandRequest)


def test_a_receipt_matches_every_request_with_its_id() -> None:
    """Two clients may send the same command; a removed request matches no more."""
    pending: PendingRequests[str] = PendingRequests()
    for id_, waiting in (("a", "first"), ("a", "second"), ("b", "third")):
        pending.add(id_, waiting)
    receipt = Receipt(id="a", device="lamp", outcome="applied", at=1.0)
    assert (len(pending), pending.matching(receipt)) == (3, ("first", "second"))
    for _ in range(2):
        pending.remove("a", "first")
    assert (len(pending), pending.matching(receipt)) == (2, ("second",))
    pending.remove("a", "second")
    assert (len(pending), pending.matching(receipt)) == (1, ())


def test_an_unknown_device_is_rejected_with_the_nearest_name() -> None:
    """The receipt has the id of the command, and names the known devices."""
    command = new_command("start", 2)
    receipt = unknown_device(command, "toster", {"lamp", "toaster"})
    assert (receipt.id, receipt.device, receipt.outcome) == (command.id, "toster", "rejected")
    assert receipt.reason == "there is no device 'toster'; did you mean 'toaster'? allowed: lamp, toaster"
