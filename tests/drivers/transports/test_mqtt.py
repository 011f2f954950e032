"""Sessions with brokers, without a house."""

import asyncio

import pytest

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

from aiomqtt import ProtocolVersion

from daemons.drivers.transports import mqtt
from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.mqtt import OldProtocol, mqtt_session
from daemons.errors import Unreachable
from tests.support.patience import patience

CONNACK = b"\x20\x03\x00\x00\x00"
CONNACK_OF_MQTT_3 = b"\x20\x02\x00\x01"
"""The answer of a broker of MQTT 3.1.1 that does not know the version."""
CONNACK_ACCEPTED = b"\x20\x02\x00\x00"
"""The answer of a broker of MQTT 3.1.1 that opens the session."""
SHUTTING_DOWN = b"\xe0\x01\x8b"
REFUSED = b"\x87"


async def end_of_session(*answers: bytes) -> Unreachable:
    """Open a session with a broker that sends these answers and closes; return its error.

    The mosquitto of the other tests sends no DISCONNECT, and knows MQTT 5.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for one in answers:
            request = await reader.read(1000)
            is_subscribe = request[:1] == b"\x82"
            writer.write(b"\x90\x04" + request[2:4] + b"\x00" + one if is_subscribe else one)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    broker = Broker(port=server.sockets[0].getsockname()[1])
    async with server:
        try:
            async with mqtt_session("lamp", broker, ["lamp/#"], protocol=ProtocolVersion.V5) as client:
                async for _ in client.messages:
                    pass
        except Unreachable as error:
            return error
    raise AssertionError("the session has not ended with an error")


def test_the_reason_of_the_broker_for_the_end_of_a_session_is_reported() -> None:
    """MQTT 5 has a reason code for it."""
    error = asyncio.run(end_of_session(CONNACK, b"\x01" + SHUTTING_DOWN))
    assert "it has ended the session: server shutting down (code 139)" in str(error)


def test_the_reason_for_a_refused_subscription_is_reported() -> None:
    """After a refusal with QoS 1 the driver asks for QoS 0, and then the session ends."""
    error = asyncio.run(end_of_session(CONNACK, REFUSED, REFUSED))
    assert "the broker does not let the lamp subscribe to lamp/#: not authorized (code 135)" in str(error)


@pytest.mark.parametrize("answer", [CONNACK_OF_MQTT_3, b""], ids=["refused", "closed"])
def test_a_broker_that_does_not_know_mqtt_5_is_told_apart(answer: bytes) -> None:
    """It refuses the version, or it closes the connection, which is noticed before the timeout."""
    error = asyncio.run(asyncio.wait_for(end_of_session(answer), 4 * patience(1)))
    assert isinstance(error, OldProtocol)


def test_only_the_answer_to_connect_must_be_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to a subscription may take longer than that to CONNECT."""
    quick = patience(0.5)
    monkeypatch.setattr(mqtt, "CONNECT_SECONDS", 1.2 * quick + patience())

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(CONNACK_ACCEPTED)
        request = await reader.read(1000)
        await asyncio.sleep(1.2 * quick)
        writer.write(b"\x90\x03" + request[2:4] + b"\x00")
        await reader.read()
        writer.close()

    async def open_session() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        broker = Broker(port=server.sockets[0].getsockname()[1])
        async with server, mqtt_session("lamp", broker, ["lamp/#"], connect_seconds=quick):
            pass

    asyncio.run(open_session())


def test_a_session_that_was_given_up_is_closed() -> None:
    """A late answer to CONNECT opens no session that would then live without an owner."""

    async def give_up() -> bytes:
        given_up, late = asyncio.Event(), asyncio.get_running_loop().create_future()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1000)
            await given_up.wait()
            writer.write(CONNACK_ACCEPTED)
            late.set_result(await reader.read(1000))
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        broker = Broker(port=server.sockets[0].getsockname()[1])
        async with server:
            with pytest.raises(Unreachable, match="timed out"):
                async with mqtt_session("lamp", broker, [], connect_seconds=0.1, keepalive_seconds=1):
                    pass
            given_up.set()
            return bytes(await asyncio.wait_for(late, patience()))

    assert asyncio.run(give_up()) == b"", "the client has sent more, such as PINGREQ"
