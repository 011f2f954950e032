"""The driver `mqtt` in a house, at a real broker."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from daemons.cli.discover import format_table, match_with_house
from daemons.drivers.generic_mqtt.options import Options
from daemons.drivers.mqtt import Mqtt
from tests.support.house import HouseFactory
from tests.support.mosquitto import Mosquitto

HOUSE = """
[recorder]
enabled = false
[devices.pump]
kind = "plug"
driver = "mqtt"
mqtt = {{ port = {port}, command_topic = "shed/pump/set", on = "1", off = "0" }}
[devices.fan]
kind = "plug"
driver = "mqtt"
[devices.fan.mqtt]
port = {port}
topic = "fan/status"
state_path = "relay.0"
command_topic = "fan/set"
availability_topics = ["fan/will"]
measurements.power_watts.path = "apower"
[devices.hall]
kind = "sensor"
detects = "motion"
driver = "mqtt"
[devices.hall.mqtt]
port = {port}
state_topic = "hall/motion"
clears_after = "1s"
measurements.temperature_celsius = {{ topic = "hall/climate", path = "t", factor = 0.1 }}
[devices.bell]
kind = "button"
driver = "mqtt"
mqtt = {{ port = {port}, press_topic = "bell", presses.single = "ding" }}
"""


def test_topics_of_ones_own_in_a_house(make_house: HouseFactory, tmp_path: Path) -> None:
    """A plug without a state topic is never confirmed; one with a state is confirmed by it.
    A measurement that the broker has kept is read. A press counts once.
    """
    with Mosquitto(tmp_path / "broker") as broker:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        ordered: list[tuple[str, bytes]] = []

        def on_message(_client: object, _data: object, message: paho.MQTTMessage) -> None:
            ordered.append((message.topic, message.payload))
            if message.topic == "fan/set":
                state = {"relay": [message.payload == b"ON"], "apower": 40}
                client.publish("fan/status", json.dumps(state), 1)

        client.on_message = on_message
        client.connect("127.0.0.1", broker.port)
        client.subscribe("+/set", 1)
        client.subscribe("shed/pump/set", 1)
        client.loop_start()

        def publish(topic: str, payload: str, *, retain: bool = False) -> None:
            client.publish(topic, payload, 1, retain=retain).wait_for_publish(20)

        publish("bell", "ding", retain=True)
        publish("hall/climate", '{"t": 194}', retain=True)
        publish("fan/will", "online", retain=True)
        house = make_house(HOUSE.format(port=broker.port))
        house.house("up")
        with house.listen("pump", "fan", "hall", "bell") as listener:
            listener.wait_for(lambda listener: listener.has_state("hall", temperature_celsius=19.4))
            for name in ("pump", "fan", "bell"):
                listener.wait_for(lambda listener, name=name: listener.has_state(name, reachable=True))  # type: ignore[misc]
            house.house("send", "pump", "on")
            listener.wait_for(lambda listener: listener.has_state("pump", status=True, confirmed=None))
            house.house("send", "fan", "on")
            listener.wait_for(
                lambda listener: listener.has_state("fan", status=True, confirmed=True, power_watts=40)
            )
            assert ordered == [("shed/pump/set", b"1"), ("fan/set", b"ON")]
            publish("bell", "ding")
            listener.wait_for(lambda listener: listener.has_state("bell", last="single", presses=1))
            publish("hall/motion", "ON")
            listener.wait_for(lambda listener: listener.has_state("hall", phase="motion"))
            listener.wait_for(lambda listener: listener.has_state("hall", phase="clear"))
            publish("fan/will", "offline", retain=True)
            listener.wait_for(lambda listener: listener.has_state("fan", reachable=False, power_watts=None))
            publish("fan/will", "online", retain=True)
            listener.wait_for(lambda listener: listener.has_state("fan", reachable=True))
        client.disconnect()
        client.loop_stop()


ANNOUNCED = {
    "homeassistant/switch/pump/config": {"name": "Pump", "cmd_t": "shed/pump/set", "stat_t": "shed/pump"},
    "homeassistant/sensor/shed/air/config": {
        "name": "Air",
        "dev_cla": "temperature",
        "unit_of_meas": "°F",
        "stat_t": "shed/air",
        "dev": {"ids": ["shed"], "name": "Shed", "mf": "Own"},
    },
    "homeassistant/lock/shed/config": {"name": "Lock", "cmd_t": "shed/lock"},
}


def test_what_is_announced_to_home_assistant_is_found(tmp_path: Path) -> None:
    """The broker has kept the announcements. The printed table has readable keys."""
    with Mosquitto(tmp_path / "broker") as broker:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        for topic, config in ANNOUNCED.items():
            client.publish(topic, json.dumps(config), 1, retain=True).wait_for_publish(20)
        client.disconnect()
        client.loop_stop()
        known = [Options(state_topic="a", port=broker.port)]
        found = match_with_house(asyncio.run(Mqtt.discover(1.0, known)), None)
    assert [(one.found.title, one.found.kind, one.name, one.found.note) for one in found] == [
        ("Shed", "sensor", "shed", ""),
        ("Pump", "plug", "pump", ""),
        ("Lock", "", None, "no driver for: lock"),
    ]
    assert format_table(found[1]) == (
        '[devices.pump]\nkind = "plug"\ndriver = "mqtt"\n'
        f'mqtt.port = {broker.port}\nmqtt.command_topic = "shed/pump/set"\nmqtt.state_topic = "shed/pump"\n'
    )


BASE = """
[recorder]
enabled = false
[devices.known]
kind = "sensor"
driver = "mqtt"
mqtt = {{ port = {port}, state_topic = "known" }}
"""
OWN = {"ids": ["board"], "name": "Board", "mf": "Own", "mdl": "Board 1", "sw": "2.1"}
BOARD: dict[str, dict[str, Any]] = {
    "homeassistant/switch/board/relay/config": {
        "~": "board", "name": "Relay", "cmd_t": "~/relay/set", "stat_t": "~/status", "avty_t": "~/will",
        "val_tpl": "{{ 'ON' if value_json.relay else 'OFF' }}", "dev": OWN,
    },
    "homeassistant/sensor/board/power/config": {
        "name": "Power", "dev_cla": "power", "unit_of_meas": "W", "stat_t": "board/status",
        "val_tpl": "{{ value_json.volts * value_json.amperes }}", "dev": OWN,
    },
    "homeassistant/binary_sensor/board/door/config": {
        "name": "Door", "dev_cla": "door", "stat_t": "board/status",
        "val_tpl": "{% if value_json.door == 1 %}ON{% else %}OFF{% endif %}", "dev": OWN,
    },
    "homeassistant/device_automation/board/button/config": {
        "atype": "trigger", "t": "board/button", "pl": "1", "type": "button_short_press", "subtype": "Bell",
        "dev": OWN,
    },
}  # fmt: skip


@pytest.mark.long
def test_announced_hardware_is_added_and_works(make_house: HouseFactory, tmp_path: Path) -> None:
    """`house add --found` and `house reload` switch nothing. All of the board then works, templates too."""
    pytest.importorskip("jinja2", reason="needs the extra templates")
    with Mosquitto(tmp_path / "broker") as broker:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        status = {"relay": True, "volts": 230, "amperes": 0.5, "door": 1}
        ordered: list[bytes] = []

        def publish(topic: str, payload: object, *, retain: bool = False) -> None:
            text = payload if isinstance(payload, str) else json.dumps(payload)
            client.publish(topic, text, 1, retain=retain)

        def on_message(_client: object, _data: object, message: paho.MQTTMessage) -> None:
            ordered.append(message.payload)
            status["relay"] = message.payload == b"ON"
            publish("board/status", status, retain=True)

        client.on_message = on_message
        client.connect("127.0.0.1", broker.port)
        client.subscribe("board/relay/set", 1)
        client.loop_start()
        for topic, config in BOARD.items():
            publish(topic, config, retain=True)
        publish("board/status", status, retain=True)
        publish("board/will", "online", retain=True)
        house = make_house(BASE.format(port=broker.port))
        house.house("up")
        house.house("add", "--found", "--timeout", "2")
        house.house("reload")
        with house.listen("board_relay", "board", "board_bell") as listener:
            listener.wait_for(
                lambda listener: listener.has_state(
                    "board_relay", status=True, power_watts=115, reachable=True
                )
            )
            listener.wait_for(lambda listener: listener.has_state("board", phase="open", status=True))
            assert listener.has_state("board_relay", hardware_model="Board 1", hardware_firmware="2.1")
            assert ordered == []
            house.house("send", "board_relay", "off")
            listener.wait_for(
                lambda listener: listener.has_state("board_relay", status=False, confirmed=True)
            )
            assert ordered == [b"OFF"]
            publish("board/button", "1")
            listener.wait_for(lambda listener: listener.has_state("board_bell", last="single", presses=1))
        client.disconnect()
        client.loop_stop()
