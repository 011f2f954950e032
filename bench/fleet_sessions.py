"""Sessions of many houses in one process, which do what the bridge of each house does (MQTT 3.1.1).

Each has a clean session with a new client id, subscribes to its commands with QoS 1 (else with QoS 0), tests
that a command would arrive, and publishes all retained messages with QoS 1. After a loss it tries the next
node, with the pauses of the bridge.
"""

import asyncio
import os
import struct
import time
from collections.abc import Sequence
from contextlib import suppress

from bench.fleet import field, house_prefix, packet
from daemons.drivers.transports.mqtt import ANSWER_SECONDS, CONNECT_SECONDS
from daemons.processes.bridge.session import (
    ECHO_SECONDS,
    FIRST_PAUSE_SECONDS,
    KEEPALIVE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MAX_IN_FLIGHT,
)
from daemons.runtime.backoff import backoff_seconds, with_jitter

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PING, PONG = 1, 2, 3, 4, 8, 9, 12, 13
"""The types of packets: MQTT 3.1.1, section 2.2.1."""
QOS1, RETAINED_QOS1 = 0x32, 0x33
REFUSED = 0x80
"""The code of a refused subscription in SUBACK."""
NEW_SESSIONS_AT_ONCE = 50
"""How many sessions of this process open at the same time. Real houses have a machine each."""


class Link(asyncio.Protocol):
    """One connection: packets as they arrive, and the acknowledgements that are missing."""

    def __init__(self) -> None:
        self.packets: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        """CONNACK, SUBACK and PUBLISH: the type and the body."""
        self.unacknowledged = 0
        self.is_lost = False
        self.heard_at = time.monotonic()
        self.changed = asyncio.Event()
        """Set at each packet and at the end."""
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """End all waits."""
        self.is_lost = True
        self.packets.put_nowait((0, b""))
        self.changed.set()

    def data_received(self, data: bytes) -> None:
        """Split what has arrived into packets."""
        self._buffer += data
        self.heard_at = time.monotonic()
        while (found := take_packet(self._buffer)) is not None:
            kind, body = found
            if kind == PUBACK:
                self.unacknowledged -= 1
            elif kind != PONG:
                self.packets.put_nowait(found)
            if kind == PUBLISH:
                self.write(packet(PUBACK << 4, message_id(body)))
        self.changed.set()

    def write(self, data: bytes) -> None:
        """Send some packets; a lost connection takes none."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Cut the connection, as a process does that is killed."""
        if self._transport is not None:
            self._transport.abort()

    async def answer(self, kind: int) -> bytes:
        """Return the body of the next packet, which must have this type; OSError otherwise."""
        found, body = await self.packets.get()
        if found != kind:
            raise OSError(f"packet {found} instead of {kind}")
        return body


def take_packet(buffer: bytearray) -> tuple[int, bytes] | None:
    """Remove the first packet from a buffer, and return its type and body; None if it is not complete."""
    length, shift, at = 0, 0, 1
    while True:
        if at >= len(buffer):
            return None
        digit = buffer[at]
        length |= (digit & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if digit < 0x80:
            break
    if len(buffer) < at + length:
        return None
    kind, body = buffer[0] >> 4, bytes(buffer[at : at + length])
    del buffer[: at + length]
    return kind, body


def message_id(body: bytes) -> bytes:
    """Return the message id of a PUBLISH with QoS 1."""
    (length,) = struct.unpack_from("!H", body)
    return body[2 + length : 4 + length]


class HouseSession:
    """The bridge of one house: holds a session at one of the nodes for ever."""

    def __init__(self, number: int, ports: Sequence[int], messages: dict[str, bytes]) -> None:
        self.said_at: float | None = None
        """When the house had said everything in the present session (monotonic); None without a session."""
        self.port = 0
        """The port of the present session; 0 without one."""
        self._prefix = house_prefix(number)
        self._ports = [*ports[number % len(ports) :], *ports[: number % len(ports)]]
        self._messages = {self._prefix + topic: payload for topic, payload in messages.items()}

    async def run(self, opening: asyncio.Semaphore) -> None:
        """Hold one session after the other."""
        attempts = 0
        while True:
            port = self._ports[attempts % len(self._ports)]
            began = time.monotonic()
            with suppress(OSError):  # also TimeoutError
                await self._hold(port, opening)
            self.port, self.said_at = 0, None
            attempts += 1
            if time.monotonic() - began > CONNECT_SECONDS + ANSWER_SECONDS:
                attempts = 1 + self._ports.index(port)
            rounds = attempts // len(self._ports)
            pause = backoff_seconds(rounds + 1, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(with_jitter(pause))

    async def _hold(self, port: int, opening: asyncio.Semaphore) -> None:
        link: Link | None = None
        try:
            async with opening:
                async with asyncio.timeout(CONNECT_SECONDS):
                    _, link = await asyncio.get_running_loop().create_connection(Link, "127.0.0.1", port)
                    await self._connect(link)
                await self._say_everything(link)
            self.port, self.said_at = port, time.monotonic()
            while not link.is_lost and time.monotonic() - link.heard_at < 2 * KEEPALIVE_SECONDS:
                link.write(packet(PING << 4, b""))
                await asyncio.sleep(KEEPALIVE_SECONDS)
        finally:
            if link is not None:
                link.close()

    async def _connect(self, link: Link) -> None:
        """Open the session, and subscribe to the commands."""
        client = f"{self._prefix.replace('/', '-')}{os.urandom(4).hex()}".encode()
        will = field(f"{self._prefix}bridge/availability".encode()) + field(b"offline")
        flags = 0x02 | 0x04 | 0x08 | 0x20  # a clean session; a will with QoS 1, retained
        connect = field(b"MQTT") + bytes([4, flags]) + struct.pack("!H", KEEPALIVE_SECONDS)
        link.write(packet(CONNECT << 4, connect + field(client) + will))
        if (await link.answer(CONNACK))[1]:
            raise OSError("the session is refused")
        for qos in (1, 0):
            topic = field(f"{self._prefix}+/command/#".encode())
            link.write(packet(SUBSCRIBE << 4 | 2, struct.pack("!H", 1) + topic + bytes([qos])))
            if (await link.answer(SUBACK))[2] != REFUSED:
                return
        raise OSError("the subscription is refused")

    async def _say_everything(self, link: Link) -> None:
        """Send a command to itself, and publish all messages when it has arrived."""
        echo = f"{self._prefix}bridge/command/echo"
        self._publish(link, QOS1, 1, echo, b"echo")
        async with asyncio.timeout(ECHO_SECONDS):
            await link.answer(PUBLISH)
        for number, (topic, payload) in enumerate(self._messages.items(), 2):
            await self._wait_for_acknowledgements(link, MAX_IN_FLIGHT - 1)
            self._publish(link, RETAINED_QOS1, number, topic, payload)
        await self._wait_for_acknowledgements(link, 0)

    @staticmethod
    def _publish(link: Link, flags: int, number: int, topic: str, payload: bytes) -> None:
        link.unacknowledged += 1
        link.write(packet(flags, field(topic.encode()) + struct.pack("!H", number) + payload))

    @staticmethod
    async def _wait_for_acknowledgements(link: Link, most: int) -> None:
        """Wait until at most so many messages are not acknowledged; TimeoutError when none arrives."""
        while link.unacknowledged > most:
            if link.is_lost:
                raise OSError("the connection is lost")
            link.changed.clear()
            async with asyncio.timeout(ANSWER_SECONDS):
                await link.changed.wait()


async def count_retained(port: int, quiet_seconds: float) -> int:
    """Return how many retained messages of houses a new subscriber gets; it waits for a pause that long."""
    loop = asyncio.get_running_loop()
    _, link = await loop.create_connection(Link, "127.0.0.1", port)
    try:
        connect = field(b"MQTT") + bytes([4, 2]) + struct.pack("!H", 0) + field(os.urandom(4).hex().encode())
        link.write(packet(CONNECT << 4, connect))
        await link.answer(CONNACK)
        link.write(packet(SUBSCRIBE << 4 | 2, struct.pack("!H", 1) + field(b"fleet/#") + b"\0"))
        topics: set[bytes] = set()
        with suppress(TimeoutError):
            while not link.is_lost:
                async with asyncio.timeout(quiet_seconds):
                    kind, body = await link.packets.get()
                if kind == PUBLISH:
                    (length,) = struct.unpack_from("!H", body)
                    topics.add(body[2 : 2 + length])
        return len(topics)
    finally:
        link.close()
