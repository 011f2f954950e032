"""The values of `--device`, and the errors for invalid ones."""

from typing import Any

import pytest

from tests.support.own_hardware import parse_device


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shelly=192.168.1.20", ("shelly", {"address": "192.168.1.20"})),
        ("tasmota=10.0.0.2/kettle", ("mqtt_tasmota", {"broker": "10.0.0.2", "topic": "kettle"})),
        (
            "zigbee2mqtt=pi.lan:1884/kitchen/Blind",
            ("mqtt_zigbee2mqtt", {"broker": "pi.lan", "port": 1884, "device": "kitchen/Blind"}),
        ),
        ('kasa={ address = "k.lan", outlet = 2 }', ("kasa", {"address": "k.lan", "outlet": 2})),
        ("gpio={ relay = 17 }", ("gpio", {"relay": 17})),
    ],
)
def test_a_device_is_named_by_an_address_or_a_table(text: str, expected: tuple[str, dict[str, Any]]) -> None:
    """For hardware behind a broker, the address has the broker and the name or topic there."""
    assert parse_device(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shely=192.168.1.20", "; drivers: caldav, "),
        ("shelly", "--device takes DRIVER=ADDRESS"),
        ("shelly=a b", '"a b" is not allowed'),
        ("tasmota=192.168.1.9", "topic"),
        ("kasa={ address = ", "'kasa={ address = ': Invalid value"),
        ('kasa={ addres = "k" }', "did you mean 'address'"),
        ("command=192.168.1.9", "address: unknown key; allowed: on, off, send"),
    ],
)
def test_an_invalid_device_is_refused_with_a_hint(text: str, message: str) -> None:
    """UsageError says what is wrong; no traceback is printed."""
    with pytest.raises(pytest.UsageError) as caught:
        parse_device(text)
    assert message in str(caught.value)
