"""The asyncio client, in a real house, near and far."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daemons.client.aio import House
from daemons.errors import NoAnswer
from tests.support.exchange_client import begin_anew, lamp, make_key
from tests.support.house import PATIENCE, Household

Test = Callable[[House], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def key(front: Household) -> Path:
    """Give the file of a key that may do everything."""
    return make_key(front, "asynchronous", hear="*", say="*", command="*")


@pytest.fixture(params=["near", "far"])
def where(request: pytest.FixtureRequest, front: Household, key: Path) -> Path:
    """Give each way in."""
    return front.run if request.param == "near" else key


@asynccontextmanager
async def patiently() -> AsyncIterator[None]:
    """Wait so long and no longer."""
    async with asyncio.timeout(2 * PATIENCE):
        yield


def test_many_tasks_ask_and_hear_at_once(where: Path) -> None:
    """Each gets its own receipts, and each hears its own device."""

    async def main() -> None:
        async with patiently(), House(where) as house:

            async def first(name: str) -> str:
                async for change in house.changes(name):
                    return change.device
                return ""

            names = ["toaster", "kitchen_lamp", "mirror", "bathroom_light"]
            heard = asyncio.gather(*(first(name) for name in names))
            receipts = await asyncio.gather(
                *(house.send("kitchen_lamp", "on", brightness_percent=dim) for dim in range(1, 21))
            )
            assert [receipt.outcome for receipt in receipts] == ["applied"] * 20
            assert len({receipt.id for receipt in receipts}) == 20
            assert await heard == names

    asyncio.run(main())


def test_a_client_outlives_a_restart_of_the_exchange(front: Household, where: Path) -> None:
    """Its listening goes on, and so do its commands."""

    async def main() -> None:
        async with patiently(), House(where) as house:
            changes = house.changes("kitchen_lamp")
            before = (await anext(changes)).state["brightness_percent"]
            await asyncio.to_thread(begin_anew, front)
            dim = 33 if before != 33 else 34
            while True:
                try:
                    receipt = await house.send("kitchen_lamp", "on", brightness_percent=dim)
                except NoAnswer:
                    continue
                if receipt.outcome == "applied":
                    break
            while (await anext(changes)).state["brightness_percent"] != dim:
                pass
            await changes.aclose()  # type: ignore[attr-defined]

    asyncio.run(main())


def test_a_device_of_ones_own_is_said_and_commanded(front: Household, where: Path) -> None:
    """In tasks of one program: it says what it is, and takes the wishes that another task sends."""

    async def main() -> None:
        async with patiently(), House(where) as house:

            async def serve() -> None:
                async for wish in house.commands("shed_lamp"):
                    await house.say("shed_lamp", lamp(wish.command == "on"), cause=wish.id)
                    await wish.reply()

            async def say() -> None:
                while True:  # what says nothing for two seconds is forgotten
                    await house.say("shed_lamp", lamp(False))
                    await asyncio.sleep(0.5)

            saying = asyncio.create_task(say())
            async for change in house.changes("shed_lamp"):
                if change.state["status"] is False:
                    break
            saying.cancel()
            serving = asyncio.create_task(serve())
            receipt = await house.send("shed_lamp", "on")
            while receipt.outcome != "applied":  # it has not said yet that it takes them
                receipt = await house.send("shed_lamp", "on")
            async for change in house.changes("shed_lamp"):
                if change.cause == receipt.id:
                    assert change.state["status"] is True
                    break
            serving.cancel()

    asyncio.run(main())


def test_nobody_there_is_told(tmp_path: Path) -> None:
    """With the device, and what to look for; and the client is left without a word."""

    async def main() -> None:
        (tmp_path / "bus").mkdir()
        async with House(tmp_path) as house:
            with pytest.raises(NoAnswer, match="is the house up, and its exchange"):
                await house.send("toaster", "start", seconds=0.2)

    asyncio.run(main())


def test_what_may_not_be_is_an_error(front: Household) -> None:
    """A device that is not its own."""

    async def main() -> None:
        async with patiently(), House(make_key(front, "shy", hear="toaster/")) as house:
            with pytest.raises(PermissionError, match="may not speak for 'shed_lamp'"):
                async for _ in house.commands("shed_lamp"):
                    pass

    asyncio.run(main())
    front.house("keys", "revoke", "shy")
