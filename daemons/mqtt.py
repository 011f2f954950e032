"""A session with a broker (MQTT 3.1.1), and a conversation through it with what stands behind it.

A broker may be there while the hardware is not, so two things can be lost. The session ends with
the broker; while only the hardware is lost the session is held, for its first word comes by it.
"""

import asyncio
import os
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import aiomqtt
from msgspec import Meta

from daemons.broker import Broker
from daemons.errors import Unreachable
from daemons.secret import read_secret

if TYPE_CHECKING:
    from daemons.hardware import Setting
    from daemons.worker import Line

CONNECT_SECONDS = 5.0
KEEPALIVE_SECONDS = 10
"""How often a silent session is tried; a broker that says nothing for half as long again is lost."""
ANSWER_SECONDS = 5.0
"""How long hardware behind the broker may take to say what it is, or what it did."""
AGAIN_SECONDS = 5.0
"""How long until silent hardware is asked again."""
NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Without it the second of two messages waits some 40 ms for the first one's acknowledgement."""
QOS = 1
"""At least once: what is asked for may come twice, and is the same twice."""
LOST = "Disconnected during message iteration"
"""The library's words."""
REFUSED = ("not auth", "bad user name or password", "bad username or password")

Topic = Annotated[str, Meta(pattern=r"^[^+#\x00$][^+#\x00]*\Z", max_length=200)]
"""One topic, without wildcards."""
Message = tuple[str, str]
"""A topic, and what is said there."""


@asynccontextmanager
async def connected(
    device: str,
    broker: Broker,
    topics: Sequence[str],
    *,
    identifier: str | None = None,
    will: aiomqtt.Will | None = None,
) -> AsyncIterator[aiomqtt.Client]:
    """Have a session that hears the topics; Unreachable when it cannot be had, or is lost.

    The broker keeps nothing of it (a clean session): what is said while it is away is not heard later.
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
                await client.subscribe(topic, QOS)
            yield client
    except (aiomqtt.MqttError, OSError, ssl.SSLError, ValueError) as error:
        raise Unreachable(device, f"broker {broker.place}", explain(error)) from error


def explain(error: Exception) -> str:
    """Say what is wrong with a session."""
    text = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        why = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        return f"its certificate is not trusted: {why or text}"
    if text == LOST:
        return "the connection was lost"
    if any(word in text.lower() for word in REFUSED):
        return f"it refuses the user name or the password ({text})"
    return text


class Peer(ABC):
    """What stands behind the broker: what it says, and how it is asked and told."""

    def __init__(self, line: "Line") -> None:
        self.line = line
        self.is_online: bool | None = None
        """Whether the broker says that it is there; nothing: it does not say."""
        self.absences = 0
        """How often it went away."""
        self.answers = 0
        """How often it has said what it is."""
        self.complaint: str | None = None
        """What was wrong with its last word."""
        self.news = asyncio.Event()
        """Something was heard."""

    def appear(self, there: bool | None) -> None:
        """Take the broker's word on whether it is there."""
        self.absences += there is False and self.is_online is not False
        self.is_online = there

    @abstractmethod
    def hear(self, topic: str, said: str, *, retained: bool) -> None:
        """Take what was said; ValueError when it makes no sense."""

    @abstractmethod
    def question(self) -> list[Message]:
        """Give what to say to have it tell what it is."""

    @abstractmethod
    def order(self, setting: "Setting") -> list[Message]:
        """Give what to say to have it do that."""

    @abstractmethod
    def has_done(self, setting: "Setting") -> bool:
        """Tell whether by what it said last that is done."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called at the broker."""


async def converse(client: aiomqtt.Client, peer: Peer) -> None:
    """Keep up a conversation for as long as the session lasts."""
    hearing = asyncio.create_task(_hear(client, peer))
    talking = asyncio.create_task(_talk(client, peer))
    try:
        await asyncio.wait((hearing, talking), return_when=asyncio.FIRST_COMPLETED)
        for task in (hearing, talking):
            if task.done():
                await task
    finally:
        for task in (hearing, talking):
            task.cancel()
            with suppress(asyncio.CancelledError, aiomqtt.MqttError, OSError):
                await task


async def _hear(client: aiomqtt.Client, peer: Peer) -> None:
    async for message in client.messages:
        try:
            said = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
            peer.hear(str(message.topic), said.decode(), retained=message.retain)
            peer.complaint = None
        except ValueError as error:
            peer.complaint = f"said on {message.topic} what makes no sense: {error}"[:300]
        peer.news.set()


async def _talk(client: aiomqtt.Client, peer: Peer) -> None:
    while True:
        was_online = peer.is_online
        if await _answers(client, peer):
            await _serve(client, peer)
            continue
        peer.line.lose(f"{peer.name}: {_silence(peer)}")
        if was_online is not True:  # its first word, or the broker's that it is back, comes by this session
            await _until(peer, lambda: peer.is_online is True, AGAIN_SECONDS)
        else:
            await asyncio.sleep(AGAIN_SECONDS)


async def _answers(client: aiomqtt.Client, peer: Peer) -> bool:
    """Ask what it is; false when it is offline, or says nothing."""
    before = peer.answers
    if peer.is_online is not False:
        await _say(client, peer.question())
        await _until(peer, lambda: peer.answers > before or peer.is_online is False, ANSWER_SECONDS)
    return peer.is_online is not False and peer.answers > before


async def _serve(client: aiomqtt.Client, peer: Peer) -> None:
    """Have done what is wanted, until it does not answer any more, or was away."""
    absences = peer.absences
    while (setting := await _wish(peer, absences)) is not None:
        before = peer.answers
        await _say(client, peer.order(setting))
        if not await _until(peer, _is_done(peer, setting, before), ANSWER_SECONDS):
            peer.line.lose(f"{peer.name}: {_silence(peer)}")  # and what was wanted is wanted again
            return
    peer.line.lose(f"{peer.name}: it went offline, says the broker")


def _is_done(peer: Peer, setting: "Setting", before: int) -> Callable[[], bool]:
    return lambda: peer.answers > before and peer.has_done(setting)


async def _wish(peer: Peer, absences: int) -> "Setting | None":
    """Wait for a wish; nothing when it goes offline before that, however shortly."""
    wish = asyncio.create_task(peer.line.wanted())
    gone = asyncio.create_task(_until(peer, lambda: peer.absences > absences))
    try:
        await asyncio.wait((wish, gone), return_when=asyncio.FIRST_COMPLETED)
        return wish.result() if wish.done() else None
    finally:
        for task in (wish, gone):
            task.cancel()


async def _until(peer: Peer, met: Callable[[], bool], seconds: float | None = None) -> bool:
    """Wait until something is so by what was heard; false when it is not so in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not met():
                peer.news.clear()
                await peer.news.wait()
    return met()


async def _say(client: aiomqtt.Client, messages: list[Message]) -> None:
    for topic, said in messages:
        await client.publish(topic, said, QOS, timeout=ANSWER_SECONDS)


def _silence(peer: Peer) -> str:
    """Say why it counts as lost."""
    if peer.is_online is False:
        return "it is offline, says the broker"
    return peer.complaint or f"no answer within {ANSWER_SECONDS:g} s"


async def retained(device: str, broker: Broker, topic: str, seconds: float) -> list[tuple[str, bytes]]:
    """Give what a broker keeps on these topics, heard within so long; nothing when it is not there."""
    found: list[tuple[str, bytes]] = []
    with suppress(TimeoutError, Unreachable):
        async with asyncio.timeout(seconds), connected(device, broker, [topic]) as client:
            async for message in client.messages:
                if isinstance(message.payload, bytes | bytearray):
                    found.append((str(message.topic), bytes(message.payload)))
    return found


def brokers(known: Sequence[Broker]) -> list[Broker]:
    """Give each broker among the options of drivers once; where there is none, the one of this machine."""
    found = {broker.place: broker for broker in known} or {"": Broker()}
    return list(found.values())


def written(broker: Broker) -> dict[str, object]:
    """Give the keys of a driver's table that lead to this broker."""
    usual = Broker()
    keys = ("broker", "port", "username", "password_file", "tls", "certificate_authority")
    return {key: getattr(broker, key) for key in keys if getattr(broker, key) != getattr(usual, key)}
