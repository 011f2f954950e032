"""The driver `mqtt` in a house, at a real broker."""

import asyncio
import json
from pathlib import Path

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
