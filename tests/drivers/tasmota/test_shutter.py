"""Shutters with Tasmota: their position, their direction, and commands."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from daemons.drivers.mqtt_tasmota import MqttTasmota, make_device
from daemons.drivers.tasmota.device import TasmotaDevice
from daemons.drivers.tasmota.options import Options
from daemons.kinds import Setting
from tests.drivers.test_faults import running_driver
from tests.support.listening_channel import RecordingChannel
from tests.support.mosquitto import Mosquitto

OPEN, CLOSE = Setting(on=True, direction="open"), Setting(on=True, direction="close")


def shutter(number: int = 1) -> tuple[TasmotaDevice, RecordingChannel]:
    """Return a shutter as the driver creates it, and a channel that records its readings."""
    channel = RecordingChannel()
    return make_device(channel, Options(topic="t", shutter=number)), channel  # type: ignore[arg-type]


def receive(device: TasmotaDevice, topic: str = "stat/t/RESULT", **message: Any) -> None:
    """Publish a message as Tasmota does."""
    device.on_message(topic, json.dumps(message), retained=False)


def test_its_position_and_direction_are_read() -> None:
    """They come in the answer to a command and in telemetry. Another shutter's are ignored."""
    device, channel = shutter(2)
    receive(device, Shutter1={"Position": 10, "Direction": 1, "Target": 100, "Tilt": 0})
    assert channel.reading.reachable is None
    receive(device, Shutter2={"Position": 40, "Direction": -1, "Target": 0, "Tilt": 0})
    reading = channel.reading
    assert (reading.on, reading.direction, reading.position_percent) == (True, "close", 40)
    receive(device, "tele/t/SENSOR", Shutter2={"Position": 0, "Direction": 0, "Target": 0})
    reading = channel.reading
    assert (reading.on, reading.direction, reading.position_percent) == (False, None, 0)


def test_it_opens_closes_and_stops() -> None:
    """After each command it is asked where it is, because a shutter that stands reports nothing."""
    device, _ = shutter(2)
    words = [device.set_messages(setting) for setting in (OPEN, CLOSE, Setting(on=False))]
    assert [sent[0] for sent in words] == [
        ("cmnd/t/ShutterOpen2", ""), ("cmnd/t/ShutterClose2", ""), ("cmnd/t/ShutterStop2", ""),
    ]  # fmt: skip
    assert all(sent[1] == ("cmnd/t/Status", "10") for sent in words)


def test_a_shutter_that_is_at_its_end_already_has_reached_it() -> None:
    """It does not move, and nothing is wrong with that."""
    device, _ = shutter()
    receive(device, Shutter1={"Position": 100, "Direction": 0})
    assert device.has_reached(OPEN)
    assert not device.has_reached(CLOSE)
    receive(device, Shutter1={"Position": 99, "Direction": -1})
    assert device.has_reached(CLOSE)
    assert not device.has_reached(Setting(on=False))


def test_a_shutter_that_is_not_there_is_a_fault() -> None:
    """Shutters must be turned on in Tasmota."""
    device, _ = shutter(3)
    with pytest.raises(ValueError, match="it has no shutter 3"):
        receive(device, "stat/t/STATUS10", StatusSNS={"Shutter1": {"Position": 0, "Direction": 0}})


def test_a_shutter_only_moves() -> None:
    """It is no plug, whatever its relays are."""
    assert MqttTasmota.abilities_with(Options(topic="t", shutter=1)) == {"move"}
    assert not MqttTasmota.abilities_with(Options(topic="t")) & {"move", "sense"}


def test_a_shutter_behind_a_real_broker(tmp_path: Path) -> None:
    """It moves until it is stopped."""
    state = {"Position": 50, "Direction": 0, "Target": 50}
    with Mosquitto(tmp_path / "broker") as broker:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", broker.port)

        def answer(_client: Any, _data: Any, message: Any) -> None:
            word = message.topic.rpartition("/")[2]
            directions = {"ShutterOpen1": 1, "ShutterClose1": -1, "ShutterStop1": 0}
            if word in directions:
                state["Direction"] = directions[word]
            elif word == "Status" and message.payload == b"10":
                client.publish("stat/t/STATUS10", json.dumps({"StatusSNS": {"Shutter1": state}}), 1)

        client.on_message = answer
        client.subscribe("cmnd/t/+", 1)
        client.loop_start()
        with running_driver("mqtt_tasmota", {"port": broker.port, "topic": "t", "shutter": 1}) as harness:
            harness.wait_until(lambda r: r.on is False and r.position_percent == 50, "its position")
            harness.driver.set(CLOSE, "a1", harness.clock.now())
            harness.wait_until(lambda r: r.on and r.direction == "close", "the move")
            harness.driver.set(Setting(on=False), "a2", harness.clock.now())
            harness.wait_until(lambda r: r.on is False and r.reachable, "the stop")
        client.disconnect()
        client.loop_stop()
