"""What an owner may write behind `--device`, and what they are told when it is nothing."""

from typing import Any

import pytest

from tests.support.own_hardware import owned


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
def test_an_address_or_a_table_names_it(text: str, expected: tuple[str, dict[str, Any]]) -> None:
    """Of what goes by a broker, the broker's address and the name there."""
    assert owned(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shely=192.168.1.20", "; drivers: command, "),
        ("shelly", "--device takes DRIVER=ADDRESS"),
        ("shelly=a b", '"a b" is not allowed'),
        ("tasmota=192.168.1.9", "topic"),
        ("kasa={ address = ", "'kasa={ address = ': Invalid value"),
        ('kasa={ addres = "k" }', "did you mean 'address'"),
        ("command=192.168.1.9", "the key 'on' is missing"),
    ],
)
def test_what_names_nothing_is_told_with_what_would(text: str, said: str) -> None:
    """Instead of a traceback."""
    with pytest.raises(pytest.UsageError) as caught:
        owned(text)
    assert said in str(caught.value)
