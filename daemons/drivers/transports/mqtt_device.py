"""A device behind an MQTT broker: requests its state, sends settings, and records when it is offline."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import aiomqtt
from msgspec import Meta, Struct
from msgspec.structs import fields, replace

from daemons.drivers import Found
from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.mqtt import ANSWER_SECONDS, QOS
from daemons.drivers.transports.tasks import run_until_first_ends
from daemons.kinds import Setting
from daemons.runtime.clock import uptime
from daemons.values import Problem, parse_table

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

RETRY_SECONDS = 5.0
"""The pause until the state of silent hardware is requested again."""
OFFLINE = "it is offline, as the broker reports"


Topic = Annotated[str, Meta(pattern=r"^[^+#\x00$][^+#\x00]*\Z", max_length=200)]
"""One topic, without wildcards."""


Message = tuple[str, str]
"""A topic and a payload."""


class MqttDevice(ABC):
    """A device behind a broker: parses its messages, and encodes requests and settings for it."""

    def __init__(self, channel: "HardwareChannel") -> None:
        self.channel = channel
        self.is_online: bool | None = None
        """Whether the device is online, as the broker reports; None if there is no report."""
        self.offline_reason = OFFLINE
        """Why it is offline, if it is."""
        self.disconnects = 0
        """How often the device went offline."""
        self.reports = 0
        """How often the device has reported its state."""
        self.error: str | None = None
        """The problem with its last message; None if that message was valid."""
        self.answer_seconds = ANSWER_SECONDS
        """How long the device may take to report its state or to confirm a setting."""
        self.replaces_unconfirmed = False
        """Whether a new setting is sent before the last one is confirmed: for a device that sleeps."""
        self.silent_seconds: float | None = None
        """After so long without any message, its state is requested; None: silence means nothing."""
        self.heard_at = uptime()
        """When its last message arrived."""
        self.changed = asyncio.Event()
        """Set after each message."""

    def set_online(self, is_online: bool | None) -> None:
        """Record whether the device is online, as the broker reports it."""
        self.disconnects += is_online is False and self.is_online is not False
        self.is_online = is_online

    @abstractmethod
    def on_message(self, topic: str, payload: str, *, retained: bool) -> None:
        """Handle a message; raises ValueError or ArithmeticError if it is not valid."""

    @abstractmethod
    def read_messages(self) -> list[Message]:
        """Return the messages that request the device's state."""

    @abstractmethod
    def set_messages(self, setting: "Setting") -> list[Message]:
        """Return the messages that apply a setting."""

    @abstractmethod
    def has_reached(self, setting: "Setting") -> bool:
        """Return whether the device's latest message confirms a setting."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the device at the broker."""


async def run_device(client: aiomqtt.Client, device: MqttDevice) -> None:
    """Handle messages and apply settings until the session ends."""
    await run_until_first_ends(_receive(client, device), _control(client, device))


async def _receive(client: aiomqtt.Client, device: MqttDevice) -> None:
    async for message in client.messages:
        device.heard_at = uptime()
        try:
            payload = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
            device.on_message(str(message.topic), payload.decode(), retained=message.retain)
            device.error = None
        except (ValueError, ArithmeticError, RecursionError) as error:
            device.error = f"sent an invalid message on {message.topic}: {error}"
        device.changed.set()


async def _control(client: aiomqtt.Client, device: MqttDevice) -> None:
    while True:
        was_online = device.is_online
        if await _request_state(client, device):
            await _apply_settings(client, device)
            continue
        device.channel.unreachable(f"{device.name}: {_reason(device)}")
        if was_online is not True:  # the device may report through this session before the pause is over
            await _wait_until(device, lambda: device.is_online is True, RETRY_SECONDS)
        else:
            await asyncio.sleep(RETRY_SECONDS)


async def _request_state(client: aiomqtt.Client, device: MqttDevice) -> bool:
    """Request the device's state; return False if it is offline or does not answer."""
    before = device.reports
    if device.is_online is not False:
        await _publish(client, device.read_messages())
        await _wait_until(
            device, lambda: device.reports > before or device.is_online is False, device.answer_seconds
        )
    return device.is_online is not False and device.reports > before


async def _apply_settings(client: aiomqtt.Client, device: MqttDevice) -> None:
    """Apply each setting until the device does not confirm one, goes offline, or is silent."""
    disconnects = device.disconnects
    while (setting := await _next_setting(device, disconnects)) is not None:
        before = device.reports
        await _publish(client, device.set_messages(setting))
        if not await _wait_for_answer(device, _reached(device, setting, before)):
            device.channel.unreachable(f"{device.name}: {_reason(device)}")  # the setting is sent again later
            return
    if device.disconnects == disconnects:
        return  # it was silent: its state is requested again
    went = (
        "it went offline, as the broker reports"
        if device.offline_reason == OFFLINE
        else device.offline_reason
    )
    device.channel.unreachable(f"{device.name}: {went}")


def _reached(device: MqttDevice, setting: "Setting", before: int) -> Callable[[], bool]:
    return lambda: device.reports > before and device.has_reached(setting)


async def _wait_for_answer(device: MqttDevice, reached: Callable[[], bool]) -> bool:
    """Wait until a setting is confirmed, or replaced if the device allows that; return whether it was."""
    waits: list[Coroutine[Any, Any, bool]] = [_wait_until(device, reached, device.answer_seconds)]
    if device.replaces_unconfirmed:
        waits.append(device.channel.is_replaced())
    return await run_until_first_ends(*waits)


async def _next_setting(device: MqttDevice, disconnects: int) -> "Setting | None":
    """Wait for the next setting; return None if the device goes offline first, even for a moment.

    Return None too if the device sends nothing for longer than its `silent_seconds`.
    """
    waits: tuple[Coroutine[Any, Any, Setting | bool], ...] = (
        device.channel.next_setting(),
        _wait_until(device, lambda: device.disconnects > disconnects),
        _wait_for_silence(device),
    )
    first = await run_until_first_ends(*waits)
    return first if isinstance(first, Setting) else None


async def _wait_for_silence(device: MqttDevice) -> bool:
    """Wait until the device has sent nothing for its `silent_seconds`, which a message may change."""
    while True:
        limit = device.silent_seconds
        left = None if limit is None else device.heard_at + limit - uptime()
        if left is not None and left <= 0:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                device.changed.clear()
                await device.changed.wait()


async def _wait_until(device: MqttDevice, met: Callable[[], bool], seconds: float | None = None) -> bool:
    """Wait until the device's messages meet a condition; return False if they do not within `seconds`."""
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
        return device.offline_reason
    return device.error or f"no answer within {device.answer_seconds:g} s"


def checked(found: Found, options_type: type[Struct], note: str) -> Found:
    """Return what was found, or with a note and without a driver if its options are not valid."""
    problems: list[Problem] = []
    if found.driver is None or parse_table(found.options, options_type, (), problems) is not None:
        return found
    why = "; ".join(problem.text for problem in problems)
    return replace(found, driver=None, kind="", kind_options={}, options={}, note=f"{note}: {why}")


def known_brokers(known: Sequence[Broker]) -> list[Broker]:
    """Return each broker in the options of drivers once; without options, the broker of this machine."""
    found = {broker.endpoint: broker for broker in known} or {"": Broker()}
    return list(found.values())


def broker_options(broker: Broker) -> dict[str, object]:
    """Return the configuration keys for this broker, without those that have their default."""
    default = Broker()
    keys = tuple(field.encode_name for field in fields(Broker))
    return {key: getattr(broker, key) for key in keys if getattr(broker, key) != getattr(default, key)}
