"""A device behind an MQTT broker: asks its state, sends it settings, and notes when it is offline."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated

import aiomqtt
from msgspec import Meta

from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.mqtt import ANSWER_SECONDS, QOS
from daemons.drivers.transports.worker import Line
from daemons.kinds import Setting

AGAIN_SECONDS = 5.0
"""How long until silent hardware is asked again."""


Topic = Annotated[str, Meta(pattern=r"^[^+#\x00$][^+#\x00]*\Z", max_length=200)]
"""One topic, without wildcards."""


Message = tuple[str, str]
"""A topic, and what is said there."""


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


def brokers(known: Sequence[Broker]) -> list[Broker]:
    """Give each broker among the options of drivers once; where there is none, the one of this machine."""
    found = {broker.place: broker for broker in known} or {"": Broker()}
    return list(found.values())


def written(broker: Broker) -> dict[str, object]:
    """Give the keys of a driver's table that lead to this broker."""
    usual = Broker()
    keys = ("broker", "port", "username", "password_file", "tls", "certificate_authority")
    return {key: getattr(broker, key) for key in keys if getattr(broker, key) != getattr(usual, key)}
