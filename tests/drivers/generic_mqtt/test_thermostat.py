"""A thermostat with topics of its own: what its messages mean, and what it is sent."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from daemons.kinds import Setting, TargetRange
from tests.drivers.generic_mqtt.test_device import device, receive
from tests.drivers.test_faults import running_driver
from tests.support.mosquitto import Mosquitto

PLAIN: dict[str, Any] = {"target": {"topic": "t", "command_topic": "t/set"}}
MODES: dict[str, Any] = {**PLAIN, "mode": {"topic": "m", "command_topic": "m/set"}}
COOL_OFF: dict[str, Any] = {**MODES, "mode": {**MODES["mode"], "off_mode": True}}
JSON: dict[str, Any] = {
    "topic": "valve",
    "command_topic": "valve/set",
    "target": {"path": "target", "payload": '{"target": {value}}', "step_celsius": 1},
    "mode": {"path": "mode", "payload": '{"mode": "{value}"}', "heat": "manual", "off": "frost"},
    "action": {"path": "valve", "heating": ["open"]},
    "measurements": {"temperature_celsius": {"path": "room"}},
}


def on(celsius: float) -> Setting:
    """Return the setting of a thermostat that keeps a target."""
    return Setting(on=True, target_celsius=celsius)


def test_a_thermostat_with_a_target_only_is_off_at_its_lowest() -> None:
    """The lowest target keeps the frost away. The nearest one of the others is sent."""
    thermostat, channel = device(**PLAIN)
    receive(thermostat, "t", "21.5")
    reading = channel.reading
    assert (reading.on, reading.target_celsius, reading.heating) == (True, 21.5, None)
    assert reading.target_range == TargetRange(5.5, 30, 0.5)
    assert thermostat.set_messages(on(18.3)) == [("t/set", "18.5")]
    assert thermostat.set_messages(on(3)) == [("t/set", "5.5")]
    assert thermostat.set_messages(Setting(on=False)) == [("t/set", "5")]
    receive(thermostat, "t", "5")
    assert channel.reading.on is False
    assert thermostat.has_reached(Setting(on=False))


def test_the_mode_is_sent_before_the_target_unless_it_is_so() -> None:
    """A thermostat in another mode would not keep the target."""
    thermostat, channel = device(**MODES)
    receive(thermostat, "t", "21")
    assert channel.reading.on is None, "the mode is not known yet"
    receive(thermostat, "m", "auto")
    assert channel.reading.on is True
    assert thermostat.set_messages(on(19)) == [("m/set", "heat"), ("t/set", "19")]
    receive(thermostat, "m", "heat")
    assert thermostat.set_messages(on(19)) == [("t/set", "19")]
    assert thermostat.set_messages(Setting(on=False)) == [("t/set", "5")]


@pytest.mark.parametrize(
    ("word", "expected"),
    [("heat", True), ("auto", True), ("off", False), ("cool", False), ("fan_only", False), ("None", None)],
)
def test_a_mode_that_cannot_heat_is_off(word: str, expected: bool | None) -> None:
    """A hand that lets it cool has switched the heating off. An unknown mode is unknown."""
    thermostat, channel = device(**MODES)
    receive(thermostat, "t", "21")
    receive(thermostat, "m", word)
    assert channel.reading.on is expected


def test_off_may_be_a_mode() -> None:
    """Then each target is one of a thermostat that is on, and off sends no target."""
    thermostat, channel = device(**COOL_OFF)
    receive(thermostat, "t", "5")
    receive(thermostat, "m", "heat")
    assert (channel.reading.on, channel.reading.target_range) == (True, TargetRange(5, 30, 0.5))
    assert thermostat.set_messages(Setting(on=False)) == [("m/set", "off")]
    receive(thermostat, "m", "off")
    assert channel.reading.on is False
    assert thermostat.set_messages(Setting(on=False)) == [("m/set", "off")], "a report must confirm it"


def test_a_state_in_json_is_read_and_set_by_one_message() -> None:
    """Its words may be its own. What does not come changes nothing."""
    thermostat, channel = device(**JSON)
    receive(thermostat, "valve", {"target": 20, "mode": "program", "valve": "open", "room": 19.4})
    reading = channel.reading
    assert (reading.on, reading.target_celsius, reading.temperature_celsius) == (True, 20, 19.4)
    assert reading.heating is True
    ((topic, payload),) = thermostat.set_messages(on(21.4))
    assert (topic, json.loads(payload)) == ("valve/set", {"mode": "manual", "target": 21})
    receive(thermostat, "valve", {"target": 21, "mode": "manual", "valve": "shut"})
    assert thermostat.has_reached(on(21.4))
    assert (channel.reading.heating, channel.reading.temperature_celsius) == (False, 19.4)
    receive(thermostat, "valve", {"mode": "frost"})
    assert channel.reading.on is False
    with pytest.raises(ValueError, match="target: 'warm' is not a number"):
        receive(thermostat, "valve", {"target": "warm"})


def test_a_thermostat_behind_a_real_broker(tmp_path: Path) -> None:
    """Its next state confirms a target, and a turn of its knob is a new target. It may sleep."""
    with Mosquitto(tmp_path / "broker") as broker:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", broker.port)
        state: dict[str, Any] = {"target": 17, "mode": "program", "valve": "shut", "room": 19.4}

        def publish(**changes: Any) -> None:
            state.update(changes)
            client.publish("valve", json.dumps(state), 1, retain=True)

        client.on_message = lambda _client, _data, message: publish(**json.loads(message.payload))
        client.subscribe("valve/set", 1)
        client.loop_start()
        publish()
        with running_driver("mqtt", {"port": broker.port, **JSON}) as it:
            it.wait_until(lambda reading: reading.on and reading.target_celsius == 17, "the kept state")
            it.driver.set(on(22), "a1", it.clock.now())
            it.wait_until(lambda reading: reading.on and reading.target_celsius == 22, "the target")
            assert state["mode"] == "manual"
            publish(target=18)
            it.wait_until(lambda reading: reading.target_celsius == 18, "the knob")
            it.driver.set(Setting(on=False), "a1", it.clock.now())
            it.wait_until(lambda reading: reading.on is False, "off")
            assert state["target"] == 5
        client.disconnect()
        client.loop_stop()
