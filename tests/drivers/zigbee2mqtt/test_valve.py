"""Thermostats and radiator valves of Zigbee2MQTT: their target, their mode, and what they report."""

import json
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from daemons.drivers.mqtt_zigbee2mqtt import MqttZigbee2mqtt, Options, Zigbee2mqttDevice
from daemons.kinds import Setting
from daemons.values import Problem, convert, parse_table
from tests.drivers.test_faults import running_driver
from tests.support.listening_channel import RecordingChannel
from tests.support.mosquitto import Mosquitto
from tests.support.patience import patience

ZCL, TUYA = "occupied_heating_setpoint", "current_heating_setpoint"
DANFOSS: dict[str, Any] = {
    "occupied_heating_setpoint": 21.5, "local_temperature": 20.37, "system_mode": "heat", "battery": 87,
    "running_state": "heat", "pi_heating_demand": 42, "window_open_internal": "closed",
}  # fmt: skip
"""A Danfoss Ally 014G2461."""
MOES: dict[str, Any] = {
    "current_heating_setpoint": 20, "local_temperature": 22.5, "system_mode": "auto", "position": 0,
    "window": "OPEN", "child_lock": "UNLOCK", "battery_low": False,
}  # fmt: skip
"""A Moes BRT-100-TRV."""


def valve(**options: Any) -> tuple[Zigbee2mqttDevice, RecordingChannel]:
    """Return a valve as the driver creates it, and a channel that records its readings."""
    channel = RecordingChannel()
    table = {"device": "valve", "setpoint": ZCL, **options}
    return Zigbee2mqttDevice(channel, convert(table, Options)), channel  # type: ignore[arg-type]


def receive(device: Zigbee2mqttDevice, retained: bool = False, **state: Any) -> None:
    """Publish a state as Zigbee2MQTT does."""
    device.on_message("zigbee2mqtt/valve", json.dumps(state), retained=retained)


def sent(device: Zigbee2mqttDevice, setting: Setting) -> dict[str, Any]:
    """Return the fields that a setting sends."""
    ((topic, payload),) = device.set_messages(setting)
    assert topic == "zigbee2mqtt/valve/set"
    found: dict[str, Any] = json.loads(payload)
    return found


def test_what_a_valve_reports_is_read() -> None:
    """Its own temperature, target, running state, valve, window and battery; also from a retained state."""
    device, channel = valve()
    receive(device, retained=True, **DANFOSS)
    reading = channel.reading
    assert (reading.on, reading.target_celsius, reading.temperature_celsius) == (True, 21.5, 20.37)
    assert (reading.heating, reading.valve_percent, reading.window_open) == (True, 42, False)
    assert (reading.battery_percent, reading.position_percent) == (87, None)


def test_a_valve_without_a_running_state_heats_while_it_is_open() -> None:
    """A position of a valve is no position of a cover."""
    device, channel = valve(setpoint=TUYA)
    receive(device, **MOES)
    assert (channel.reading.heating, channel.reading.window_open) == (False, True)
    receive(device, **{**MOES, "position": 30, "window": "CLOSED"})
    assert (channel.reading.heating, channel.reading.window_open) == (True, False)
    receive(device, valve_state="CLOSED")
    assert (channel.reading.heating, channel.reading.valve_percent) == (False, 30)


def test_a_target_is_sent_with_the_mode_that_keeps_it() -> None:
    """A valve in a mode with a schedule of its own would forget it. The mode comes first."""
    device, _ = valve(setpoint=TUYA)
    assert sent(device, Setting(on=True, target_celsius=19)) == {"system_mode": "heat", TUYA: 19.0}
    receive(device, **MOES)
    assert list(sent(device, Setting(on=True, target_celsius=21.3)).items()) == [
        ("system_mode", "heat"),
        (TUYA, 21.5),
    ]
    receive(device, current_heating_setpoint=21.5, system_mode="heat")
    assert device.has_reached(Setting(on=True, target_celsius=21.3))
    assert sent(device, Setting(on=True, target_celsius=19)) == {TUYA: 19.0}
    assert sent(valve(heat_mode="")[0], Setting(on=True, target_celsius=19)) == {ZCL: 19.0}


def test_a_preset_with_a_schedule_of_its_own_is_ended() -> None:
    """Many valves have both a mode and a preset."""
    device, channel = valve(setpoint=TUYA, preset="manual")
    receive(device, current_heating_setpoint=20, system_mode="heat", preset="programming")
    assert list(sent(device, Setting(on=True, target_celsius=22)).items()) == [
        ("preset", "manual"),
        (TUYA, 22.0),
    ]
    receive(device, preset="off")
    assert channel.reading.on is False


def test_off_is_the_lowest_target_or_the_mode() -> None:
    """A target just above the lowest one is the least of a valve that is on."""
    device, channel = valve(lowest_celsius=7, highest_celsius=28)
    receive(device, **DANFOSS)
    assert sent(device, Setting(on=False)) == {ZCL: 7.0}
    receive(device, occupied_heating_setpoint=7)
    assert (channel.reading.on, device.has_reached(Setting(on=False))) == (False, True)
    assert sent(device, Setting(on=True, target_celsius=5)) == {ZCL: 7.5}
    assert sent(device, Setting(on=True, target_celsius=30)) == {ZCL: 28.0}
    cooler, channel = valve(lowest_celsius=16, off_mode=True)
    receive(cooler, occupied_heating_setpoint=16, system_mode="heat")
    assert channel.reading.on is True
    assert sent(cooler, Setting(on=False)) == {"system_mode": "off"}
    receive(cooler, system_mode="off")
    assert channel.reading.on is False
    assert sent(cooler, Setting(on=True, target_celsius=20)) == {"system_mode": "heat", ZCL: 20.0}


def test_one_of_several_heating_circuits_has_an_endpoint() -> None:
    """Without it, the fault names them."""
    device, channel = valve(endpoint="l2", heat_mode="")
    receive(device, occupied_heating_setpoint_l1=18, occupied_heating_setpoint_l2=22, local_temperature_l2=20)
    assert (channel.reading.target_celsius, channel.reading.temperature_celsius) == (22, 20)
    assert sent(device, Setting(on=True, target_celsius=23)) == {f"{ZCL}_l2": 23.0}
    with pytest.raises(ValueError, match=f"no {ZCL} of its own; set endpoint to one of l1, l2"):
        receive(valve()[0], occupied_heating_setpoint_l1=18, occupied_heating_setpoint_l2=22)


def test_a_valve_that_sleeps_can_be_reached_and_is_asked_only_if_it_can_answer() -> None:
    """A valve with a maker's own protocol cannot be asked for its target."""
    device, channel = valve()
    assert device.read_messages() == [("zigbee2mqtt/valve/get", f'{{"{ZCL}":""}}')]
    assert (channel.reading.reachable, channel.reading.on) == (True, None)
    assert valve(setpoint=TUYA)[0].read_messages() == []


def test_a_thermostat_can_regulate_and_nothing_else() -> None:
    """`house check` refuses it as a heater, which switches by a temperature that the house measures."""
    thermostat = Options(device="valve", setpoint="occupied_heating_setpoint")
    assert MqttZigbee2mqtt.abilities_with(thermostat) == {"regulate"}
    assert "regulate" not in MqttZigbee2mqtt.abilities_with(Options(device="plug"))
    problems: list[Problem] = []
    table = {"device": "valve", "lowest_celsius": 16, "highest_celsius": 16}
    assert parse_table(table, Options, (), problems) is None
    assert "highest_celsius must be above lowest_celsius" in problems[0].text


def test_a_valve_behind_a_real_broker(tmp_path: Path) -> None:
    """A target is confirmed by the valve's next state, and a turn of its knob is a new target."""
    with Mosquitto(tmp_path / "broker") as broker:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", broker.port)
        state: dict[str, Any] = dict(MOES)

        def publish(**changes: Any) -> None:
            state.update(changes)
            client.publish("zigbee2mqtt/valve", json.dumps(state), 1)

        client.on_message = lambda _client, _data, message: publish(**json.loads(message.payload))
        client.subscribe("zigbee2mqtt/valve/set", 1)
        client.loop_start()
        with running_driver(
            "mqtt_zigbee2mqtt", {"port": broker.port, "device": "valve", "setpoint": TUYA}
        ) as it:
            it.wait_until(lambda reading: reading.reachable, "the broker")
            it.driver.set(Setting(on=True, target_celsius=22.0), "a1", it.clock.now())
            it.wait_until(lambda reading: reading.on and reading.target_celsius == 22.0, "the target")
            assert state["system_mode"] == "heat"
            publish(current_heating_setpoint=18.5)
            it.wait_until(lambda reading: reading.target_celsius == 18.5, "the knob")
            targets = Queue[float]()  # from now on the valve sleeps
            client.on_message = lambda _client, _data, message: targets.put(json.loads(message.payload)[TUYA])
            for celsius in (20.0, 21.0):
                it.driver.set(Setting(on=True, target_celsius=celsius), "a1", it.clock.now())
                assert targets.get(timeout=patience(20)) == celsius, "a newer target waits for no older one"
            assert it.driver.read(it.clock.now()).reachable is True
        client.disconnect()
        client.loop_stop()
