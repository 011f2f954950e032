"""The asyncio client in a real house: without an exchange, with one, and over the network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemons.client.aio import House
from daemons.errors import DeviceError, NoAnswer
from tests.client.conftest import Access
from tests.support.exchange_client import lamp_state, make_key, restart_exchange
from tests.support.house import TemporaryHouse
from tests.support.patience import patience


@asynccontextmanager
async def connect(where: Path) -> AsyncIterator[House]:
    """Yield a client, and end a test that waits in vain."""
    async with asyncio.timeout(2 * patience()), House(where) as client:
        yield client


async def first_device(client: House, name: str) -> str:
    """Return the device of the first change."""
    async for change in client.changes(name):
        return change.device
    return ""


async def test_many_tasks_send_and_receive_at_once(access: Access) -> None:
    """Each task gets its own receipts, and the changes of its own device."""
    async with connect(access.where) as client:
        names = ["toaster", "kitchen_lamp", "mirror", "bathroom_light"]
        found = asyncio.gather(*(first_device(client, name) for name in names))
        receipts = await asyncio.gather(
            *(client.send("kitchen_lamp", "on", brightness_percent=dim) for dim in range(1, 21))
        )
        assert [receipt.outcome for receipt in receipts] == ["applied"] * 20
        assert len({receipt.id for receipt in receipts}) == 20
        assert await found == names


async def test_a_client_survives_a_restart_of_the_exchange_and_of_a_device(access: Access) -> None:
    """Its subscription goes on, and so do its commands."""
    async with connect(access.where) as client:
        changes = client.changes("kitchen_lamp")
        before = (await anext(changes)).state["brightness_percent"]
        if "exchange" in access.house.pids():
            await asyncio.to_thread(restart_exchange, access.house)
        with access.house.listen("kitchen_lamp") as listener:
            await asyncio.to_thread(listener.kill, "kitchen_lamp")
        dim = 33 if before != 33 else 34
        while True:
            try:
                receipt = await client.send("kitchen_lamp", "on", brightness_percent=dim)
            except NoAnswer:
                continue
            if receipt.outcome == "applied":
                break
        while (await anext(changes)).state["brightness_percent"] != dim:
            pass
        await changes.aclose()  # type: ignore[attr-defined]


async def test_a_program_serves_a_device(exchange_access: Access) -> None:
    """One task publishes its state and handles the commands that another task sends."""
    async with connect(exchange_access.where) as client:
        senders: set[str | None] = set()

        async def serve() -> None:
            async for command in client.commands("shed_lamp"):
                senders.add(command.who)
                await client.say("shed_lamp", lamp_state(command.command == "on"), cause=command.id)
                await command.reply()

        async def publish() -> None:
            while True:  # the state of a program that is silent for two seconds is dropped
                await client.say("shed_lamp", lamp_state(False))
                await asyncio.sleep(0.5)

        publishing = asyncio.create_task(publish())
        async for change in client.changes("shed_lamp"):
            if change.state["status"] is False:
                break
        publishing.cancel()
        serving = asyncio.create_task(serve())
        receipt = await client.send("shed_lamp", "on")
        while receipt.outcome != "applied":  # the exchange does not know yet that it serves the device
            receipt = await client.send("shed_lamp", "on")
        assert senders == {"program" if exchange_access.where.is_dir() else "key:client"}
        async for change in client.changes("shed_lamp"):
            if change.cause == receipt.id:
                assert change.state["status"] is True
                break
        serving.cancel()


async def test_a_house_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    """The error has a hint, and the client can be closed."""
    (tmp_path / "bus").mkdir()
    async with House(tmp_path) as client:
        with pytest.raises(NoAnswer, match="are the house and its exchange up"):
            await client.send("toaster", "start", seconds=0.2)


async def test_a_house_without_an_exchange_names_wrong_and_silent_devices(
    direct_house: TemporaryHouse,
) -> None:
    """A wrong name is rejected, a stopped device is an error, and no device can be served."""
    await asyncio.to_thread(direct_house.house, "stop", "toaster")
    async with connect(direct_house.run) as client:
        receipt = await client.send("toster", "start")
        assert "did you mean 'toaster'?" in str(receipt.reason)
        with pytest.raises(NoAnswer, match=r"toaster: no answer within 0\.6 s; is it running"):
            await client.send("toaster", "start", seconds=0.1)
        await asyncio.to_thread(direct_house.house, "start", "toaster")
        assert (await client.send("toaster", "stop")).outcome == "applied"
        with pytest.raises(DeviceError, match=r"shed_lamp: .*add the table \[exchange\]"):
            await client.say("shed_lamp", lamp_state(True))


async def test_a_device_that_the_key_may_not_serve_is_an_error(exchange_house: TemporaryHouse) -> None:
    """The error has the reason of the exchange."""
    key = await asyncio.to_thread(make_key, exchange_house, "shy", hear="toaster/")
    async with connect(key) as client:
        with pytest.raises(PermissionError, match="may not speak for 'shed_lamp'"):
            async for _ in client.commands("shed_lamp"):
                pass
    await asyncio.to_thread(exchange_house.house, "keys", "revoke", "shy")
