"""The driver `mqtt` in a house, at a real broker."""

import json
from pathlib import Path

import pytest

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

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
