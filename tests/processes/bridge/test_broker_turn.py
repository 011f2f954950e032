"""Which broker the bridge tries next."""

import asyncio

import pytest

from daemons.drivers.transports.broker import Broker
from daemons.errors import Unreachable
from daemons.processes.bridge.broker_turn import BrokerTurn, Target

NAMES = {"a": ["10.0.0.1", "10.0.0.2"], "b": ["10.0.1.1"]}
A, B = Broker(broker="a"), Broker(broker="b")


async def resolve(broker: Broker) -> list[str]:
    """Return the addresses of a name."""
    if broker.broker not in NAMES:
        raise OSError("Name or service not known")
    return NAMES[broker.broker]


def test_each_address_of_each_broker_is_tried_in_turn() -> None:
    """All addresses of the first name come before the second name, and then the first one again."""

    async def tried() -> list[str]:
        turn = BrokerTurn([A, B], resolve)
        found = [str(await turn.next()) for _ in range(3)]
        assert turn.rounds == 0
        assert turn.has_others
        found.append(str(await turn.next()))
        assert turn.rounds == 1
        return found

    first, second = "a:1883 (10.0.0.1)", "a:1883 (10.0.0.2)"
    assert asyncio.run(tried()) == [first, second, "b:1883 (10.0.1.1)", first]


def test_after_a_good_session_the_others_come_first() -> None:
    """An address that was good is tried last. A broker with one address is tried again."""

    async def tried() -> list[Target]:
        turn = BrokerTurn([A, B], resolve)
        await turn.next()
        turn.on_good(await turn.next())
        return [await turn.next(), await turn.next()]

    assert asyncio.run(tried()) == [Target(A, "10.0.0.1"), Target(B, "10.0.1.1")]
    turn = BrokerTurn([A], resolve)
    asyncio.run(turn.next())
    assert turn.has_others, "its name has another address"
    turn = BrokerTurn([B], resolve)
    assert not turn.has_others
    assert [asyncio.run(turn.next()).address for _ in range(2)] == ["10.0.1.1"] * 2


def test_a_name_without_an_address_does_not_stop_the_turn() -> None:
    """The error names the broker, and the next broker follows."""

    async def tried() -> str:
        turn = BrokerTurn([Broker(broker="c"), B], resolve)
        with pytest.raises(Unreachable, match="broker c:1883: Name or service not known"):
            await turn.next()
        return str(await turn.next())

    assert asyncio.run(tried()) == "b:1883 (10.0.1.1)"
