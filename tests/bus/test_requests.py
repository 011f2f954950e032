"""The courier: one command, one receipt, whatever else arrives, and nobody waits for another."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from daemons.bus.message import Command, Receipt
from daemons.bus.requests import Courier, Wish
from tests.support import page_server


@asynccontextmanager
async def courier(count: Callable[[str, str, float], None] | None = None) -> AsyncIterator[Courier]:
    """Give a courier that lets go at the end."""
    made = Courier(count) if count else Courier()
    try:
        yield made
    finally:
        made.end()


async def test_a_command_goes_out_and_its_receipt_comes_back(run: Path) -> None:
    """With the arguments and the id of the wish, and a deadline as far away as it wants."""
    wish = Wish(args={"browning": 3}, id="mine", timeout_seconds=20)
    async with page_server.device("toaster", page_server.receipt()) as asked, courier() as made:
        before = time.time()
        told = await made.carry("toaster", "start", wish)
    assert told.pop("took_seconds") >= 0
    assert told == {"id": "mine", "device": "toaster", "outcome": "applied", "at": 1.0}
    (command,) = asked
    assert (command.id, command.command, command.args) == ("mine", "start", {"browning": 3})
    assert before + 20 <= command.deadline <= time.time() + 20


@pytest.mark.parametrize("outcome", ["rejected", "expired"])
async def test_a_refusal_is_told_with_its_reason(run: Path, outcome: str) -> None:
    """As the device said it."""
    async with (
        page_server.device("toaster", page_server.receipt(outcome, reason="no bread")),
        courier() as made,
    ):
        told = await made.carry("toaster", "start", Wish())
    assert (told["outcome"], told["reason"]) == (outcome, "no bread")


async def test_a_wish_without_an_id_gets_one_of_its_own(run: Path) -> None:
    """No two are alike."""
    async with page_server.device("toaster", page_server.receipt()) as asked, courier() as made:
        told = [await made.carry("toaster", "start", Wish()) for _ in range(2)]
    assert [receipt["id"] for receipt in told] == [command.id for command in asked]
    assert asked[0].id != asked[1].id


async def test_nobody_there_is_an_outcome(run: Path) -> None:
    """No socket at all: unanswered, when the time is over, and not before."""
    async with courier() as made:
        told = await made.carry("toaster", "start", Wish(timeout_seconds=0.05))
    assert (told["outcome"], told["reason"]) == ("unanswered", "toaster said nothing for 0.05 s")
    assert told["took_seconds"] >= 0.05
    assert "at" not in told


async def test_what_is_no_receipt_of_this_command_is_not_taken_for_it(run: Path) -> None:
    """Garbage, and the receipt of another command, are passed over; then comes the right one."""

    def reply(command: Command) -> list[Receipt | bytes]:
        other = Receipt(id="another", device="toaster", outcome="rejected", at=1.0)
        return [b"", b"{", b"\xff", b"[" * 5000, other, *page_server.receipt()(command)]

    async with page_server.device("toaster", reply), courier() as made:
        assert (await made.carry("toaster", "start", Wish()))["outcome"] == "applied"


async def test_garbage_alone_is_no_answer(run: Path) -> None:
    """And it does not lengthen the wait."""
    async with page_server.device("toaster", lambda _: [b"{"] * 3), courier() as made:
        assert (await made.carry("toaster", "start", Wish(timeout_seconds=0.1)))["outcome"] == "unanswered"


async def test_nobody_waits_for_another(run: Path) -> None:
    """Fifty commands to a device that says nothing delay none to one that answers."""
    async with page_server.device("lamp", page_server.receipt()), courier() as made:
        silent = [
            asyncio.create_task(made.carry("toaster", "start", Wish(timeout_seconds=20))) for _ in range(50)
        ]
        told = await asyncio.gather(*(made.carry("lamp", "on", Wish()) for _ in range(50)))
        assert {receipt["outcome"] for receipt in told} == {"applied"}
        assert not any(task.done() for task in silent)
        for task in silent:
            task.cancel()
        await asyncio.gather(*silent, return_exceptions=True)


async def test_each_is_counted_by_device_and_outcome(run: Path) -> None:
    """For the metrics."""
    counted: Counter[tuple[str, str]] = Counter()

    def count(device: str, outcome: str, seconds: float) -> None:
        counted[device, outcome] += seconds >= 0

    async with page_server.device("lamp", page_server.receipt()), courier(count) as made:
        for _ in range(3):
            await made.carry("lamp", "on", Wish())
        await made.carry("toaster", "start", Wish(timeout_seconds=0.01))
    assert counted == {("lamp", "applied"): 3, ("toaster", "unanswered"): 1}


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
def test_what_is_no_wish_is_refused(text: str) -> None:
    """Unknown keys, wrong types and what is out of bounds."""
    with pytest.raises((msgspec.MsgspecError, RecursionError)):
        msgspec.json.decode(text, type=Wish)
