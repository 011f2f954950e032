"""Whatever a device sends is read, or is a fault of the device: no message ends the driver."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

from daemons.drivers.mqtt_tasmota import make_device
from daemons.drivers.tasmota.options import Options
from daemons.kinds import without_implausible
from daemons.values import convert
from tests.support.listening_channel import RecordingChannel

WORDS = [
    "POWER", "POWER1", "Dimmer", "CT", "HSBColor", "White", "ENERGY", "Power", "Total", "Voltage", "Current",
    "Factor", "Wifi", "Signal", "ESP32", "AM2301", "Temperature", "Pressure", "PressureUnit", "TempUnit",
    "Humidity", "Battery", "Shutter1", "Position", "Direction", "StatusSNS", "StatusSTS", "StatusFWR",
    "Version",
    "StatusNET", "Mac", "IPAddress", "Webserver", "StatusSHT", "SHT0", "Relay1", "Module", "TelePeriod",
    "PulseTime1", "Set", "Remaining", "Button1", "Action", "Command", "Uptime",
]  # fmt: skip
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
leaves |= st.sampled_from(
    ["ON", "OFF", "F", "mmHg", "SINGLE", "Unknown", "300s", "1 (Sonoff)", "12", "1e400"]
)
messages = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)
PARTS = [{"relay": 1}, {"button": 1}, {"shutter": 1}, {"sensor": "AM2301"}, {"sensor": "ENERGY"}]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: " ".join(map(str, *part.items())))
@settings(max_examples=60)
@given(st.lists(st.dictionaries(st.sampled_from(WORDS), messages, max_size=4), min_size=1, max_size=4))
def test_no_message_ends_the_driver(part: dict[str, Any], sent: list[dict[str, Any]]) -> None:
    """The error of a message that is not valid is the fault of the device."""
    channel = RecordingChannel()
    device = make_device(channel, convert({"topic": "t", **part}, Options))  # type: ignore[arg-type]
    for message in sent:
        with suppress(ValueError, ArithmeticError):
            device.on_message("tele/t/SENSOR", msgspec.json.encode(message).decode(), retained=False)
        without_implausible(channel.reading)
        assert device.read_messages()
