"""A device behind an MQTT broker: asks its state, sends it settings, and notes when it is offline."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import aiomqtt
from msgspec import Meta

from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.mqtt import ANSWER_SECONDS, QOS
from daemons.drivers.transports.tasks import run_until_first_ends
from daemons.kinds import Setting

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

RETRY_SECONDS = 5.0
"""How long until silent hardware is asked again."""


Topic = Annotated[str, Meta(pattern=r"^[^+#\x00$][^+#\x00]*\Z", max_length=200)]
"""One topic, without wildcards."""


Message = tuple[str, str]
"""A topic, and what is said there."""


class MqttDevice(ABC):
    """What stands behind the broker: what it says, and how it is asked and told."""

    def __init__(self, channel: "HardwareChannel") -> None:
        self.channel = channel
        self.is_online: bool | None = None
        """Whether the broker says that it is there; nothing: it does not say."""
        self.disconnects = 0
        """How often it went away."""
        self.reports = 0
        """How often it has said what it is."""
        self.error: str | None = None
        """What was wrong with its last word."""
        self.changed = asyncio.Event()
        """Something was heard."""

    def set_online(self, is_online: bool | None) -> None:
        """Handle the broker's report of its availability."""
        self.disconnects += is_online is False and self.is_online is not False
        self.is_online = is_online

    @abstractmethod
    def on_message(self, topic: str, payload: str, *, retained: bool) -> None:
        """Handle a message; raises ValueError if it is not valid."""

    @abstractmethod
    def read_messages(self) -> list[Message]:
        """Return the messages that request its state."""

    @abstractmethod
    def set_messages(self, setting: "Setting") -> list[Message]:
        """Return the messages that apply a setting."""

    @abstractmethod
    def has_reached(self, setting: "Setting") -> bool:
        """Return whether its latest message confirms a setting."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called at the broker."""


async def run_device(client: aiomqtt.Client, device: MqttDevice) -> None:
    """Keep up a conversation for as long as the session lasts."""
    await run_until_first_ends(_receive(client, device), _control(client, device))


async def _receive(client: aiomqtt.Client, device: MqttDevice) -> None:
    async for message in client.messages:
        try:
            payload = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
            device.on_message(str(message.topic), payload.decode(), retained=message.retain)
            device.error = None
        except ValueError as error:
            device.error = f"said on {message.topic} what makes no sense: {error}"[:300]
        device.changed.set()


async def _control(client: aiomqtt.Client, device: MqttDevice) -> None:
    while True:
        was_online = device.is_online
        if await _request_state(client, device):
            await _apply_settings(client, device)
            continue
        device.channel.unreachable(f"{device.name}: {_reason(device)}")
        if was_online is not True:  # its first word, or the broker's that it is back, comes by this session
            await _wait_until(device, lambda: device.is_online is True, RETRY_SECONDS)
        else:
            await asyncio.sleep(RETRY_SECONDS)


async def _request_state(client: aiomqtt.Client, device: MqttDevice) -> bool:
    """Ask what it is; false when it is offline, or says nothing."""
    before = device.reports
    if device.is_online is not False:
        await _publish(client, device.read_messages())
        await _wait_until(
            device, lambda: device.reports > before or device.is_online is False, ANSWER_SECONDS
        )
    return device.is_online is not False and device.reports > before


async def _apply_settings(client: aiomqtt.Client, device: MqttDevice) -> None:
    """Apply each setting until the device stops answering, or was offline."""
    disconnects = device.disconnects
    while (setting := await _next_setting(device, disconnects)) is not None:
        before = device.reports
        await _publish(client, device.set_messages(setting))
        if not await _wait_until(device, _reached(device, setting, before), ANSWER_SECONDS):
            device.channel.unreachable(f"{device.name}: {_reason(device)}")  # the setting is sent again later
            return
    device.channel.unreachable(f"{device.name}: it went offline, says the broker")


def _reached(device: MqttDevice, setting: "Setting", before: int) -> Callable[[], bool]:
    return lambda: device.reports > before and device.has_reached(setting)


async def _next_setting(device: MqttDevice, disconnects: int) -> "Setting | None":
    """Wait for a wish; nothing when it goes offline before that, however shortly."""
    works: tuple[Coroutine[Any, Any, Setting | bool], ...] = (
        device.channel.next_setting(),
        _wait_until(device, lambda: device.disconnects > disconnects),
    )
    first = await run_until_first_ends(*works)
    return first if isinstance(first, Setting) else None


async def _wait_until(device: MqttDevice, met: Callable[[], bool], seconds: float | None = None) -> bool:
    """Wait until something is so by what was heard; false when it is not so in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not met():
                device.changed.clear()
                await device.changed.wait()
    return met()


async def _publish(client: aiomqtt.Client, messages: list[Message]) -> None:
    for topic, payload in messages:
        await client.publish(topic, payload, QOS, timeout=ANSWER_SECONDS)


def _reason(device: MqttDevice) -> str:
    """Return why the device counts as unreachable."""
    if device.is_online is False:
        return "it is offline, says the broker"
    return device.error or f"no answer within {ANSWER_SECONDS:g} s"


def known_brokers(known: Sequence[Broker]) -> list[Broker]:
    """Return each broker in the options of drivers once; without one, the broker of this machine."""
    found = {broker.endpoint: broker for broker in known} or {"": Broker()}
    return list(found.values())


def broker_options(broker: Broker) -> dict[str, object]:
    """Return the keys of a driver's table for this broker."""
    usual = Broker()
    keys = ("broker", "port", "username", "password_file", "tls", "certificate_authority")
    return {key: getattr(broker, key) for key in keys if getattr(broker, key) != getattr(usual, key)}
