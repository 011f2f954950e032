"""Sessions with an MQTT broker (MQTT 3.1.1).

The broker may be reachable while the hardware is not. If the broker is lost, the session ends. If only
the hardware is lost, the session stays open, because the hardware's next message arrives through it.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import aiomqtt

from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.secret import read_secret
from daemons.errors import Unreachable

CONNECT_SECONDS = 5.0
KEEPALIVE_SECONDS = 10
"""How often a silent session is tested. A broker that is silent for 1.5 times this period is lost."""
ANSWER_SECONDS = 5.0
"""How long hardware behind the broker may take to report its state or to confirm a setting."""
NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Without this option, the second of two messages waits about 40 ms for the acknowledgement of the first."""
QOS = 1
"""Delivery at least once: a message may arrive twice, and the second one changes nothing."""
LOST = "Disconnected during message iteration"
"""The error text of the library after a lost connection."""
REFUSED_SUBSCRIPTION = 0x80
"""This answer to a SUBSCRIBE, or a greater one, means that the broker refuses it."""
REFUSED = ("not auth", "bad user name or password", "bad username or password")


@asynccontextmanager
async def mqtt_session(
    device: str,
    broker: Broker,
    topics: Sequence[str],
    *,
    identifier: str | None = None,
    will: aiomqtt.Will | None = None,
) -> AsyncIterator[aiomqtt.Client]:
    """Open a session that is subscribed to the topics; raises Unreachable if it fails or is lost.

    A broker that refuses one of the subscriptions counts as unreachable.

    The broker stores nothing for the session (a clean session). So messages that are published while
    the session is closed are not delivered later.
    """
    try:
        client = aiomqtt.Client(
            broker.broker,
            broker.port,
            username=broker.username,
            password=read_secret(device, broker.password_file),
            identifier=identifier or f"house-{device}-{os.urandom(4).hex()}",
            clean_session=True,
            will=will,
            keepalive=KEEPALIVE_SECONDS,
            timeout=CONNECT_SECONDS,
            tls_context=ssl.create_default_context(cafile=broker.certificate_authority)
            if broker.tls
            else None,
            socket_options=[NO_DELAY],
        )
        async with client:
            for topic in topics:
                await _subscribe(client, device, topic)
            yield client
    except (aiomqtt.MqttError, OSError, ssl.SSLError, ValueError) as error:
        raise Unreachable(device, f"broker {broker.endpoint}", describe_error(error)) from error


async def _subscribe(client: aiomqtt.Client, device: str, topic: str) -> None:
    """Subscribe to a topic; MqttError when the broker refuses it."""
    for answer in await client.subscribe(topic, QOS):
        if (answer if isinstance(answer, int) else answer.value) >= REFUSED_SUBSCRIPTION:
            raise aiomqtt.MqttError(f"the broker does not let the {device} subscribe to {topic}")


def describe_error(error: Exception) -> str:
    """Return the fault text for an error of a session."""
    text = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        why = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        return f"its certificate is not trusted: {why or text}"
    if text == LOST:
        return "the connection was lost"
    if any(word in text.lower() for word in REFUSED):
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
