"""Whatever Zigbee2MQTT publishes is read, or is a fault of the device: no message ends the driver."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

from daemons.drivers.mqtt_zigbee2mqtt import Options, Zigbee2mqttDevice
from daemons.drivers.transports import mqtt_device
from daemons.kinds import Setting, without_implausible
from daemons.values import convert
from tests.support.listening_channel import RecordingChannel

WORDS = [
    "state", "brightness", "color_temp", "color_mode", "power", "energy", "temperature", "pressure",
    "contact", "occupancy", "battery", "position", "moving", "action", "linkquality", "voltage",
    "current", "power_factor", "device", "model", "manufacturerName", "current_heating_setpoint",
    "system_mode", "preset", "running_state", "local_temperature", "pi_heating_demand",
    "valve_state", "window_open", "state_l1", "power_l1",
]  # fmt: skip
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
leaves |= st.sampled_from(["ON", "OFF", "OPEN", "off", "heat", "single", "1_single"])
values = leaves | st.lists(leaves, max_size=2) | st.dictionaries(st.sampled_from(WORDS), leaves, max_size=3)
PARTS: list[dict[str, Any]] = [
    {}, {"switches": False}, {"switches": False, "button": "1"}, {"endpoint": "l1"},
    {"setpoint": "current_heating_setpoint", "preset": "manual"},
]  # fmt: skip


@pytest.mark.parametrize("part", PARTS, ids=lambda part: " ".join(map(str, part)) or "plug")
@settings(max_examples=60)
@given(st.lists(st.dictionaries(st.sampled_from(WORDS), values, max_size=5), min_size=1, max_size=4))
def test_no_message_ends_the_driver(part: dict[str, Any], sent: list[dict[str, Any]]) -> None:
    """The error of a message that is not valid is the fault of the device."""
    channel = RecordingChannel()
    device = Zigbee2mqttDevice(channel, convert({"device": "d", **part}, Options))  # type: ignore[arg-type]
    for message in sent:
        with suppress(ValueError, ArithmeticError):
            device.on_message("zigbee2mqtt/d", msgspec.json.encode(message).decode(), retained=False)
        without_implausible(channel.reading)
        device.read_messages()
        device.set_messages(Setting(on=True, target_celsius=20.0))


@pytest.mark.parametrize("message", ['{"color_temp": 5e-324}', '{"brightness": 1e307}'])
def test_a_number_that_is_too_large_is_a_fault_of_the_device(message: str) -> None:
    """Both are valid JSON, and more than a float can hold after the conversion."""
    device = Zigbee2mqttDevice(RecordingChannel(), Options(device="d"))  # type: ignore[arg-type]

    async def messages() -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(topic="zigbee2mqtt/d", payload=message.encode(), retain=False)

    asyncio.run(mqtt_device._receive(SimpleNamespace(messages=messages()), device))  # type: ignore[arg-type]
    assert str(device.error).startswith("sent an invalid message on zigbee2mqtt/d")
