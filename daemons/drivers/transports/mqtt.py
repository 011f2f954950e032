"""Sessions with an MQTT broker (MQTT 5 or 3.1.1).

The broker may be reachable while the hardware is not. If the broker is lost, the session ends. If only
the hardware is lost, the session stays open, because the hardware's next message arrives through it.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import aiomqtt
from aiomqtt import ProtocolVersion
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.mqtt_client import FAILURE, MqttClient, NoConnack, describe_code
from daemons.drivers.transports.mqtt_tls import broker_context
from daemons.drivers.transports.secret import read_secret
from daemons.errors import Unreachable

CONNECT_SECONDS = 5.0
KEEPALIVE_SECONDS = 10
"""How often a silent session is tested. A broker that is silent for twice this period is lost."""
ANSWER_SECONDS = 5.0
"""How long hardware behind the broker may take to report its state or to confirm a setting."""
NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Without this option, the second of two messages waits about 40 ms for the acknowledgement of the first."""
QOS = 1
"""Delivery at least once: a message may arrive twice, and the second one changes nothing."""
LOST = "Disconnected during message iteration"
"""The error text of the library after a lost connection."""
REFUSED = ("not auth", "bad user name or password", "bad username or password")
OLD_PROTOCOL = 132
"""The reason code of a broker that does not know the version of MQTT. The library also uses it for MQTT 3."""


class OldProtocol(Unreachable):
    """The broker does not seem to know MQTT 5."""


@asynccontextmanager
async def mqtt_session(
    device: str,
    broker: Broker,
    topics: Sequence[str],
    *,
    qos0_topics: Sequence[str] = (),
    identifier: str | None = None,
    will: aiomqtt.Will | None = None,
    protocol: ProtocolVersion = ProtocolVersion.V311,
    address: str | None = None,
    keepalive_seconds: int = KEEPALIVE_SECONDS,
    connect_seconds: float = CONNECT_SECONDS,
) -> AsyncIterator[MqttClient]:
    """Open a session that is subscribed to the topics; raises Unreachable if it fails or is lost.

    A broker that refuses one of the subscriptions counts as unreachable. `address` is one of the addresses
    of the broker's name. The connection, and the answer to CONNECT, may take `connect_seconds` each. Raises
    OldProtocol if MQTT 5 fails and MQTT 3.1.1 may work.

    The broker stores nothing for the session (a clean session). So messages that are published while
    the session is closed are not delivered later.
    """
    client = None
    try:
        client = MqttClient(
            address or broker.broker,
            broker.port,
            username=broker.username,
            password=read_secret(device, broker.password_file),
            identifier=identifier or f"house-{device}-{os.urandom(4).hex()}",
            protocol=protocol,
            clean_session=None if protocol == ProtocolVersion.V5 else True,  # MQTT 5 has clean_start
            will=will,
            keepalive=keepalive_seconds,
            timeout=connect_seconds,
            tls_context=broker_context(broker),
            socket_options=[NO_DELAY],
        )
        async with client:
            client.timeout = CONNECT_SECONDS
            for topic in topics:
                await _subscribe(client, device, topic, QOS)
            for topic in qos0_topics:
                await _subscribe(client, device, topic, 0)
            yield client
    except (aiomqtt.MqttError, OSError, ValueError) as error:
        why = describe_error(error)
        if client is not None and client.end_reason is not None:
            why = f"it has ended the session: {client.end_reason}"
        unreachable = (
            OldProtocol if protocol == ProtocolVersion.V5 and _may_be_old_protocol(error) else Unreachable
        )
        raise unreachable(device, f"broker {broker.endpoint}", why) from error


def _may_be_old_protocol(error: Exception) -> bool:
    """Return whether a broker has refused MQTT 5. Some close the connection instead of an answer."""
    if isinstance(error, MqttConnectError):
        return isinstance(error.rc, ReasonCode) and error.rc.value == OLD_PROTOCOL
    return isinstance(error, NoConnack)


async def _subscribe(client: MqttClient, device: str, topic: str, most: int) -> None:
    """Subscribe to a topic with QoS `most`, else with QoS 0; MqttError when the broker refuses both.

    A cluster that lacks a node may be unable to store messages for QoS 1, and still deliver them at QoS 0.
    """
    for qos in range(most, -1, -1):
        (answer,) = await client.subscribe(topic, qos)
        code = answer if isinstance(answer, int) else answer.value
        if code < FAILURE:
            client.granted[topic] = code
            return
    why = str(answer) if isinstance(answer, int) else describe_code(answer)
    raise aiomqtt.MqttError(f"the broker does not let the {device} subscribe to {topic}: {why}")


def describe_error(error: Exception) -> str:
    """Return the fault text for an error of a session."""
    text = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        why = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        return f"its certificate is not trusted: {why or text}"
    if text == LOST:
        return "the connection was lost"
    if isinstance(error, MqttConnectError) and any(word in text.lower() for word in REFUSED):
        return f"it refuses the user name or the password ({text})"
    return text


async def retained(device: str, broker: Broker, topic: str, seconds: float) -> list[tuple[str, bytes]]:
    """Return the retained messages that arrive within `seconds`; empty if the broker is unreachable."""
    found: list[tuple[str, bytes]] = []
    with suppress(TimeoutError, Unreachable):
        async with asyncio.timeout(seconds), mqtt_session(device, broker, [topic]) as client:
            async for message in client.messages:
                if isinstance(message.payload, bytes | bytearray):
                    found.append((str(message.topic), bytes(message.payload)))
    return found


def message_properties(user: Sequence[tuple[str, str]], expiry_seconds: int | None) -> Properties | None:
    """Return the properties of a message for MQTT 5, or None without any."""
    if not user and expiry_seconds is None:
        return None
    properties = Properties(PacketTypes.PUBLISH)
    if user:
        properties.UserProperty = list(user)
    if expiry_seconds is not None:
        properties.MessageExpiryInterval = expiry_seconds
    return properties


def read_properties(message: aiomqtt.Message) -> tuple[list[tuple[str, str]], int | None]:
    """Return the user properties of a message, and the rest of its expiry interval in seconds, or None."""
    found = message.properties
    return getattr(found, "UserProperty", []), getattr(found, "MessageExpiryInterval", None)
