"""The asyncio client: one command, one receipt, and no command waits for another."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemons.bus.message import Command, Receipt
from daemons.bus.requests.aio import AsyncCommandClient
from daemons.bus.requests.protocol import CommandRequest
from tests.support.stub_device import receipt, stub_device


@asynccontextmanager
async def command_client(
    count: Callable[[str, str, float], None] | None = None,
) -> AsyncIterator[AsyncCommandClient]:
    """Yield a client that is closed at the end."""
    made = AsyncCommandClient(count) if count else AsyncCommandClient()
    try:
        yield made
    finally:
        made.close()


async def test_a_command_is_sent_and_its_receipt_returned(run: Path) -> None:
    """The command has the arguments, the id and the deadline of the request, and its sender."""
    request = CommandRequest(args={"browning": 3}, id="mine", timeout_seconds=20)
    async with (
        stub_device("toaster", receipt()) as received,
        command_client() as client,
    ):
        before = time.time()
        result = await client.send("toaster", "start", request, who="page")
    assert result.pop("took_seconds") >= 0
    assert result == {"id": "mine", "device": "toaster", "outcome": "applied", "at": 1.0}
    (command,) = received
    assert (command.id, command.command, command.args) == ("mine", "start", {"browning": 3})
    assert command.who == "page"
    assert before + 20 <= command.deadline <= time.time() + 20


async def test_a_deadline_may_differ_from_the_end_of_the_wait(run: Path) -> None:
    """The command has the given deadline."""
    async with (
        stub_device("toaster", receipt()) as received,
        command_client() as client,
    ):
        await client.send("toaster", "start", CommandRequest(), deadline=7.0)
    assert [command.deadline for command in received] == [7.0]


@pytest.mark.parametrize("outcome", ["rejected", "expired"])
async def test_a_rejection_is_returned_with_its_reason(run: Path, outcome: str) -> None:
    """The reason is that of the device."""
    async with (
        stub_device("toaster", receipt(outcome, reason="no bread")),
        command_client() as client,
    ):
        result = await client.send("toaster", "start", CommandRequest())
    assert (result["outcome"], result["reason"]) == (outcome, "no bread")


async def test_a_request_without_an_id_gets_a_new_one(run: Path) -> None:
    """Two commands have different ids."""
    async with (
        stub_device("toaster", receipt()) as received,
        command_client() as client,
    ):
        receipts = [await client.send("toaster", "start", CommandRequest()) for _ in range(2)]
    assert [receipt["id"] for receipt in receipts] == [command.id for command in received]
    assert received[0].id != received[1].id


async def test_a_silent_device_gives_the_outcome_unanswered(run: Path) -> None:
    """Without an answer, the receipt arrives at the end of the timeout and not before."""
    async with command_client() as client:
        result = await client.send("toaster", "start", CommandRequest(timeout_seconds=0.05))
    assert (result["outcome"], result["reason"]) == (
        "unanswered",
        "toaster sent no receipt within 0.05 s",
    )
    assert result["took_seconds"] >= 0.05
    assert "at" not in result


async def test_a_device_that_starts_after_a_time_out_gets_the_next_command_only(run: Path) -> None:
    """The client connects again, and drops the command that nothing received."""
    async with command_client() as client:
        gone = CommandRequest(id="gone", timeout_seconds=0.02)
        assert (await client.send("toaster", "start", gone))["outcome"] == "unanswered"
        async with stub_device("toaster", receipt()) as received:
            result = await client.send("toaster", "start", CommandRequest(id="next", timeout_seconds=20))
    assert result["outcome"] == "applied"
    assert [command.id for command in received] == ["next"]


async def test_garbage_and_the_receipt_of_another_command_are_ignored(run: Path) -> None:
    """The matching receipt arrives after them."""

    def reply(command: Command) -> list[Receipt | bytes]:
        other = Receipt(id="another", device="toaster", outcome="rejected", at=1.0)
        return [b"", b"{", b"\xff", b"[" * 5000, other, *receipt()(command)]

    async with stub_device("toaster", reply), command_client() as client:
        assert (await client.send("toaster", "start", CommandRequest()))["outcome"] == "applied"


async def test_garbage_alone_is_no_answer(run: Path) -> None:
    """Garbage does not extend the timeout."""
    async with stub_device("toaster", lambda _: [b"{"] * 3), command_client() as client:
        result = await client.send("toaster", "start", CommandRequest(timeout_seconds=0.1))
    assert result["outcome"] == "unanswered"


async def test_no_command_waits_for_another(run: Path) -> None:
    """Fifty commands to a silent device delay none to a device that answers."""
    async with stub_device("lamp", receipt()), command_client() as client:
        silent = [
            asyncio.create_task(client.send("toaster", "start", CommandRequest(timeout_seconds=20)))
            for _ in range(50)
        ]
        receipts = await asyncio.gather(*(client.send("lamp", "on", CommandRequest()) for _ in range(50)))
        assert {receipt["outcome"] for receipt in receipts} == {"applied"}
        assert not any(task.done() for task in silent)
        for task in silent:
            task.cancel()
        await asyncio.gather(*silent, return_exceptions=True)


async def test_each_command_is_counted_by_device_and_outcome(run: Path) -> None:
    """The metrics need these counts."""
    counted: Counter[tuple[str, str]] = Counter()

    def count(device: str, outcome: str, seconds: float) -> None:
        counted[device, outcome] += seconds >= 0

    async with stub_device("lamp", receipt()), command_client(count) as client:
        for _ in range(3):
            await client.send("lamp", "on", CommandRequest())
        await client.send("toaster", "start", CommandRequest(timeout_seconds=0.01))
    assert counted == {("lamp", "applied"): 3, ("toaster", "unanswered"): 1}
