"""Zigbee2MQTT: bulbs, sensors, buttons, covers, and who is there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from daemons.drivers.mqtt_zigbee2mqtt import Announced, Definition, Options, Zigbee, describe, is_there
from daemons.drivers.transports.broker import Broker
from daemons.kinds import Setting, Touch
from tests.support.house import Household
from tests.support.listening_channel import Heard
from tests.support.mosquitto import Mosquitto


def device(**options: Any) -> tuple[Zigbee, Heard]:
    """Give a device as the driver hears it, and what is told of it."""
    line = Heard()
    return Zigbee(line, Options(device="d", **options)), line  # type: ignore[arg-type]


def say(zigbee: Zigbee, retained: bool = False, **state: Any) -> None:
    """Have Zigbee2MQTT say a state."""
    zigbee.hear("zigbee2mqtt/d", json.dumps(state), retained=retained)


def test_a_bulb() -> None:
    """Its 254 steps are percents, its mireds kelvins."""
    bulb, line = device()
    say(bulb, state="ON", brightness=127, color_temp=370)
    assert (line.reading.on, line.reading.brightness_percent) == (True, 50)
    assert line.reading.colour_temperature_kelvin == 2703
    (said,) = bulb.order(Setting(on=True, brightness_percent=50, colour_temperature_kelvin=2700))
    assert json.loads(said[1]) == {"state": "ON", "brightness": 127, "color_temp": 370}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"occupancy": True, "battery": 97.5}, True),
        ({"contact": True}, False),
        ({"contact": False}, True),
        ({"water_leak": False}, False),
        ({"smoke": True}, True),
    ],
)
def test_what_detects(state: dict[str, Any], expected: bool) -> None:
    """A contact that is closed detects nothing."""
    sensor, line = device(switches=False)
    say(sensor, retained=True, **state)
    assert line.reading.on is expected


def test_what_measures() -> None:
    """With its units."""
    sensor, line = device(switches=False)
    say(sensor, temperature=21.46, humidity=48, battery=96.6, energy=1.5, power=7)
    reading = line.reading
    assert (reading.temperature_celsius, reading.humidity_percent, reading.battery_percent) == (21.46, 48, 97)
    assert (reading.energy_watt_hours, reading.power_watts) == (1500, 7)


@pytest.mark.parametrize(
    ("button", "action", "expected"),
    [
        (None, "single", ["single"]),
        (None, "double", ["double"]),
        (None, "hold", ["long"]),
        (None, "on", ["single"]),
        (None, "brightness_move_up", []),
        (None, "", []),
        ("1", "1_single", ["single"]),
        ("1", "2_single", []),
        ("left", "left_long", ["long"]),
        (None, None, []),
    ],
)
def test_a_button(button: str | None, action: str | None, expected: list[Touch]) -> None:
    """In the state and on its own topic; what the broker kept is no press."""
    remote, line = device(switches=False, button=button)
    say(remote, action=action, linkquality=90)
    say(remote, retained=True, action=action)
    assert line.touches == expected
    remote.hear("zigbee2mqtt/d/action", action or "", retained=False)
    assert line.touches == expected * 2


def test_a_button_alone_is_as_it_was_told() -> None:
    """It has nothing to switch, and a light switch behind it must not wait."""
    remote, line = device(switches=False)
    assert remote.question() == []
    assert line.reading.reachable is True
    assert remote.order(Setting(on=True)) == []
    assert remote.has_done(Setting(on=True))
    assert line.reading.on is True


@pytest.mark.parametrize("said", ["online", '{"state":"online"}', "offline", '{"state":"offline"}'])
def test_who_is_there_in_both_forms(said: str) -> None:
    """And nobody is, when Zigbee2MQTT itself is not."""
    plug, _ = device()
    plug.hear("zigbee2mqtt/d/availability", said, retained=True)
    assert plug.is_online is ("online" in said)
    plug.hear("zigbee2mqtt/bridge/state", '{"state":"offline"}', retained=True)
    assert plug.is_online is False


@pytest.mark.parametrize("said", ["", "yes", '{"state":"maybe"}', "{}"])
def test_a_presence_that_makes_no_sense(said: str) -> None:
    """Is complained of."""
    with pytest.raises(ValueError, match="online or offline"):
        is_there(said)


def test_a_cover() -> None:
    """It moves from the order until it says that it stands, or is at its end."""
    cover, line = device()
    (said,) = cover.order(Setting(on=True, direction="close", off_after_seconds=30))
    assert json.loads(said[1]) == {"state": "CLOSE"}
    say(cover, state="CLOSE", position=60)
    assert (line.reading.on, line.reading.direction, line.reading.position_percent) == (True, "close", 60)
    say(cover, state="CLOSE", position=0)
    assert (line.reading.on, line.reading.direction) == (False, None)
    cover.order(Setting(on=True, direction="open"))
    (said,) = cover.order(Setting(on=False))
    assert json.loads(said[1]) == {"state": "STOP"}


def test_its_own_timer_is_part_of_the_order() -> None:
    """Zigbee's On With Timed Off, in whole seconds."""
    plug, _ = device()
    (said,) = plug.order(Setting(on=True, off_after_seconds=299.6))
    assert said == ("zigbee2mqtt/d/set", '{"state":"ON","on_time":300}')


@pytest.mark.parametrize(
    ("exposes", "kind"),
    [
        ([{"type": "light", "features": []}], "lamp"),
        ([{"type": "switch", "features": []}, {"type": "numeric", "name": "power"}], "plug"),
        ([{"type": "cover"}], "cover"),
        ([{"type": "enum", "name": "action"}, {"type": "numeric", "name": "battery"}], "button"),
        ([{"type": "numeric", "name": "temperature"}], "sensor"),
    ],
)
def test_what_a_found_device_can_be(exposes: list[dict[str, Any]], kind: str) -> None:
    """By what it exposes; its options can stand in the configuration as they are."""
    model = Definition(model="TS011F", vendor="Tuya", exposes=tuple(exposes))
    found = describe(Announced("kitchen/plug", model), Broker(port=1884), "zigbee2mqtt")
    assert (found.kind, found.model, found.driver) == (kind, "Tuya TS011F", "mqtt_zigbee2mqtt")
    assert found.options["device"] == "kitchen/plug"
    assert found.options["port"] == 1884
    assert found.options.get("switches", True) == (kind not in ("button", "sensor"))


WALL = """
[recorder]
enabled = false
[devices.hall_light]
kind = "light_switch"
driver = "mqtt_zigbee2mqtt"
mqtt_zigbee2mqtt = {{ port = {port}, device = "hall", switches = false, button = "1" }}
[devices.bell]
kind = "button"
driver = "mqtt_zigbee2mqtt"
mqtt_zigbee2mqtt = {{ port = {port}, device = "hall", switches = false, button = "2" }}
[devices.room]
kind = "sensor"
driver = "mqtt_zigbee2mqtt"
mqtt_zigbee2mqtt = {{ port = {port}, device = "room/climate", switches = false }}
"""


def test_a_button_in_the_wall_and_a_sensor_in_a_house(
    household: Callable[..., Household], tmp_path: Path
) -> None:
    """Each press once, for whose button it is; a retained one is old; values come and stay over a kill."""
    with Mosquitto(tmp_path / "broker") as broker:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()

        def tell(name: str, *, retain: bool = False, **told: object) -> None:
            sent = client.publish(f"zigbee2mqtt/{name}", json.dumps(told), 1, retain=retain)
            sent.wait_for_publish(20)

        tell("hall", retain=True, action="1_single")
        tell("room/climate", retain=True, temperature=19.44, humidity=51, battery=88)
        house = household(WALL.format(port=broker.port))
        house.house("up")
        with house.ear("hall_light", "bell", "room") as ear:
            ear.until(lambda ear: ear.shows("room", temperature_celsius=19.4, battery_percent=88))
            ear.until(
                lambda ear: ear.shows("hall_light", reachable=True) and ear.shows("bell", reachable=True)
            )
            assert ear.shows("hall_light", status=False, presses=0)
            tell("hall", action="1_single")
            ear.until(lambda ear: ear.shows("hall_light", status=True, presses=1, confirmed=True))
            tell("hall", action="2_double")
            ear.until(lambda ear: ear.shows("bell", last="double", presses=1))
            ear.kill("room")
            ear.until(lambda ear: ear.shows("room", temperature_celsius=19.4, reachable=True))
            tell("hall", action="1_single")
            ear.until(lambda ear: ear.shows("hall_light", status=False, presses=2))
            assert ear.shows("bell", presses=1)
        client.disconnect()
        client.loop_stop()
