"""The driver `mqtt_zigbee2mqtt`: bulbs, sensors, buttons, covers, and availability."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from daemons.drivers.mqtt_zigbee2mqtt import MqttZigbee2mqtt, Options, Zigbee2mqttDevice, parse_availability
from daemons.kinds import About, Setting, Touch
from tests.support.emulators.mqtt_zigbee2mqtt import NAME
from tests.support.house import HouseFactory
from tests.support.listening_channel import RecordingChannel, hardware_channel
from tests.support.mosquitto import Mosquitto
from tests.support.zigbee_bulb import ZigbeeBulb


def device(**options: Any) -> tuple[Zigbee2mqttDevice, RecordingChannel]:
    """Return a device as the driver creates it, and a channel that records its readings."""
    channel = RecordingChannel()
    return Zigbee2mqttDevice(channel, Options(device="d", **options)), channel  # type: ignore[arg-type]


def receive_state(zigbee: Zigbee2mqttDevice, retained: bool = False, **state: Any) -> None:
    """Publish a state as Zigbee2MQTT does."""
    zigbee.on_message("zigbee2mqtt/d", json.dumps(state), retained=retained)


def test_a_bulb_is_read_and_set() -> None:
    """Convert 254 steps to percent, and mireds to kelvins."""
    bulb, channel = device()
    receive_state(bulb, state="ON", brightness=127, color_temp=370)
    assert (channel.reading.on, channel.reading.brightness_percent) == (True, 50)
    assert channel.reading.colour_temperature_kelvin == 2703
    (payload,) = bulb.set_messages(Setting(on=True, brightness_percent=50, colour_temperature_kelvin=2700))
    assert json.loads(payload[1]) == {"state": "ON", "brightness": 127, "color_temp": 370}


@pytest.mark.parametrize(
    ("mode", "color"), [("xy", {"x": 0.7006, "y": 0.2993}), ("hs", {"hue": 0, "saturation": 100})]
)
def test_a_bulb_shows_a_colour(mode: Literal["xy", "hs"], color: dict[str, float]) -> None:
    """It is read and set in the mode of the bulb, and a white ends it. Without the option it is ignored."""
    for colours, colour in ((mode, "#ff0000"), (None, None)):
        bulb, channel = device(colours=colours)
        receive_state(bulb, state="ON", brightness=254, color_temp=370, color_mode=mode, color=color)
        assert (channel.reading.colour, channel.reading.colour_temperature_kelvin) == (colour, None)
        receive_state(bulb, state="ON", brightness=254, color_temp=370, color_mode="color_temp", color=color)
        assert (channel.reading.colour, channel.reading.colour_temperature_kelvin) == (None, 2703)
        (message,) = bulb.set_messages(Setting(on=True, brightness_percent=100, colour="#ff0000"))
        expected = {"state": "ON", "brightness": 254} | ({"color": color} if colours else {})
        assert json.loads(message[1]) == expected
    assert "colour" in MqttZigbee2mqtt.abilities_with(Options(device="d", colours=mode))
    assert "colour" not in MqttZigbee2mqtt.abilities_with(Options(device="d"))


@pytest.mark.parametrize(
    "color", [None, 3, {}, {"x": None, "y": 0.3}, {"x": "a", "y": 1}, {"x": 0.3, "y": 0}]
)
def test_a_colour_that_is_none_is_ignored(color: object) -> None:
    """The rest of the state counts."""
    bulb, channel = device(colours="xy")
    receive_state(bulb, state="ON", color_mode="xy", color=color)
    assert (channel.reading.on, channel.reading.colour) == (True, None)


BULB = """
[recorder]
enabled = false
[devices.lamp]
kind = "lamp"
driver = "mqtt_zigbee2mqtt"
mqtt_zigbee2mqtt = {{ port = {port}, device = "{name}", colours = "xy" }}
[devices.other]
kind = "lamp"
driver = "simulated"
[[devices.other.when]]
device = "lamp"
follow = ["status", "brightness_percent", "colour"]
[devices.party]
kind = "scene"
sets = {{ lamp = {{ on = {{ colour = "blue", brightness_percent = 30 }} }} }}
"""


@pytest.mark.long
def test_a_colour_in_a_house(make_house: HouseFactory, tmp_path: Path) -> None:
    """A command, a scene with its undo, a lamp that follows, a hand and a white: each reaches the bulb."""
    with ZigbeeBulb(tmp_path) as bulb:
        house = make_house(BULB.format(port=bulb.broker.port, name=NAME))
        house.house("up")
        with house.listen("lamp", "other", "party") as listener:

            def wait_for(name: str, **fields: object) -> None:
                listener.wait_for(lambda listener: listener.has_state(name, **fields))

            wait_for("lamp", reachable=True)
            assert house.send("lamp", "on", "colour=orange")["outcome"] == "applied"
            wait_for("lamp", colour="#ff8000", confirmed=True)
            wait_for("other", colour="#ff8000")
            assert house.send("party", "on")["outcome"] == "applied"
            wait_for("party", phase="applied", confirmed_count=1)
            wait_for("lamp", colour="#0000ff", brightness_percent=30, confirmed=True)
            assert house.send("party", "undo")["outcome"] == "applied"
            wait_for("lamp", colour="#ff8000", brightness_percent=100, confirmed=True)
            bulb.set_by_hand(color={"x": 0.1724, "y": 0.7468})
            wait_for("lamp", colour="#00ff00")
            assert listener.states["lamp"].cause == "hardware"
            assert house.send("lamp", "on", "colour_temperature_kelvin=2700")["outcome"] == "applied"
            wait_for("lamp", colour=None, colour_temperature_kelvin=2700, confirmed=True)
            assert bulb.light["color_mode"] == "color_temp"
            text = house.house("send", "lamp", "on", "colour=beige", check=False)
            assert "a colour, such as" in text.stdout + text.stderr


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
def test_a_detector_is_on_when_it_detects(state: dict[str, Any], expected: bool) -> None:
    """A closed contact is off."""
    sensor, channel = device(switches=False)
    receive_state(sensor, retained=True, **state)
    assert channel.reading.on is expected


def test_measurements_are_converted_to_their_units() -> None:
    """Values become degrees Celsius, percent, watts and watt hours."""
    sensor, channel = device(switches=False)
    receive_state(sensor, temperature=21.46, humidity=48, battery=96.6, energy=1.5, power=7)
    reading = channel.reading
    assert (reading.temperature_celsius, reading.humidity_percent, reading.battery_percent) == (21.46, 48, 97)
    assert (reading.energy_watt_hours, reading.power_watts) == (1500, 7)


@pytest.mark.parametrize("retained", [True, False])
@pytest.mark.parametrize(
    "options", [{"switches": False}, {"setpoint": "occupied_heating_setpoint"}], ids=["sensor", "valve"]
)
def test_a_restart_of_the_broker_makes_no_report_younger(options: dict[str, Any], retained: bool) -> None:
    """A sensor whose battery is empty grows stale, also if the broker repeats its last state."""
    state: dict[str, Any] = {"temperature": 19.0, "occupied_heating_setpoint": 20, "battery": 3}
    with hardware_channel() as channel:
        for later in (0.0, 300.0):  # each connection has a new device
            zigbee = Zigbee2mqttDevice(channel, Options(device="d", **options))
            zigbee.read_messages()
            if later == 0.0 or retained:
                receive_state(zigbee, retained=later > 0.0, **state)
            reading = channel.read(1000.0 + later)
            assert (reading.reachable, reading.temperature_celsius, reading.at) == (True, 19.0, 1000.0)
            channel.unreachable("the broker has restarted")
        receive_state(zigbee, **state)
        assert channel.read(2000.0).at == 2000.0


@pytest.mark.parametrize(
    ("button", "action", "expected"),
    [
        (None, "single", ["single"]),
        (None, "double", ["double"]),
        (None, "triple", ["triple"]),
        (None, "release", ["release"]),
        ("on", "on_hold_release", ["release"]),
        ("on", "on_press_release", []),
        (None, "on", ["single"]),
        ("on", "on_press", ["single"]),
        ("2", "press_2", ["single"]),
        ("left", "single_left", ["single"]),
        (None, "brightness_move_up", []),
        (None, "", []),
        ("1", "1_single", ["single"]),
        ("1", "2_single", []),
        (None, None, []),
    ],
)
def test_an_action_is_a_press(button: str | None, action: str | None, expected: list[Touch]) -> None:
    """A press arrives in the state and on the topic of the action; a retained action is no press."""
    remote, channel = device(switches=False, button=button)
    receive_state(remote, action=action, linkquality=90)
    receive_state(remote, retained=True, action=action)
    assert channel.touches == expected
    remote.on_message("zigbee2mqtt/d/action", action or "", retained=False)
    assert channel.touches == expected


STATE, ACTION = "state", "action"


@pytest.mark.parametrize(
    "topics",
    [
        (STATE, ACTION, STATE, ACTION),
        (ACTION, STATE, ACTION, STATE),
        (STATE, STATE, ACTION, ACTION),
        (ACTION, STATE, STATE, ACTION),
        (STATE, STATE),
        (ACTION, ACTION),
    ],
)
def test_two_presses_are_two_on_either_topic_and_on_both(
    topics: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two presses 300 ms apart count twice, whichever topics come, and in whichever order."""
    now = 100.0
    monkeypatch.setattr("daemons.drivers.mqtt_zigbee2mqtt.uptime", lambda: now)
    remote, channel = device(switches=False)
    for topic in topics:
        if topic == STATE:
            receive_state(remote, action="single")
        else:
            remote.on_message("zigbee2mqtt/d/action", "single", retained=False)
        now += 0.3 / (len(topics) / 2)
    assert channel.touches == ["single", "single"]


def test_a_short_press_counts_at_its_end_if_long_ones_begin_alike() -> None:
    """With `at_release`, a long press has no short one before it."""
    remote, channel = device(switches=False, button="on", at_release=True)
    for action in ("on_press", "on_press_release", "on_press", "on_hold", "on_hold", "on_hold_release"):
        receive_state(remote, action=action)
    assert channel.touches == ["single", "long", "hold", "release"]


@pytest.mark.parametrize(
    ("button", "held", "released"), [(None, "hold", "release"), ("left", "left_long", "left_long_release")]
)
def test_a_button_that_is_held_reports_one_long_press(
    button: str | None, held: str, released: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its repetitions are `hold`. After its release, or a pause, the next one is a new long press."""
    now = 100.0
    monkeypatch.setattr("daemons.drivers.mqtt_zigbee2mqtt.uptime", lambda: now)
    remote, channel = device(switches=False, button=button)
    for action, seconds in ((held, 0.5), (held, 0.5), (released, 0.2), (held, 1.6), (held, 0.0)):
        receive_state(remote, action=action)
        now += seconds
    assert channel.touches == ["long", "hold", "release", "long", "long"]


def test_a_button_without_a_relay_confirms_every_setting() -> None:
    """The device has nothing to switch, and a light switch that uses it must not wait."""
    remote, channel = device(switches=False)
    assert remote.read_messages() == []
    assert channel.reading.reachable is True
    assert remote.set_messages(Setting(on=True)) == []
    assert remote.has_reached(Setting(on=True))
    assert channel.reading.on is True


@pytest.mark.parametrize("payload", ["online", '{"state":"online"}', "offline", '{"state":"offline"}'])
def test_availability_in_both_formats(payload: str) -> None:
    """Zigbee2MQTT publishes availability as text or as JSON. While it is offline, no device is reachable."""
    plug, _ = device()
    plug.on_message("zigbee2mqtt/d/availability", payload, retained=True)
    assert plug.is_online is ("online" in payload)
    plug.on_message("zigbee2mqtt/bridge/state", '{"state":"offline"}', retained=True)
    assert plug.is_online is False


@pytest.mark.parametrize("payload", ["", "yes", '{"state":"maybe"}', "{}"])
def test_an_invalid_availability_is_refused(payload: str) -> None:
    """parse_availability raises ValueError."""
    with pytest.raises(ValueError, match="online or offline"):
        parse_availability(payload)


def test_a_cover_moves_until_it_stops_or_reaches_its_end() -> None:
    """A cover is on from the command until it reports a stop or an end position."""
    cover, channel = device()
    (payload,) = cover.set_messages(Setting(on=True, direction="close", off_after_seconds=30))
    assert json.loads(payload[1]) == {"state": "CLOSE"}
    receive_state(cover, state="CLOSE", position=60)
    assert (channel.reading.on, channel.reading.direction, channel.reading.position_percent) == (
        True,
        "close",
        60,
    )
    receive_state(cover, state="CLOSE", position=0)
    assert (channel.reading.on, channel.reading.direction) == (False, None)
    cover.set_messages(Setting(on=True, direction="open"))
    (payload,) = cover.set_messages(Setting(on=False))
    assert json.loads(payload[1]) == {"state": "STOP"}


def test_a_cover_at_its_end_has_reached_it() -> None:
    """It does not move, and can be reached all the same."""
    cover, _ = device()
    cover.set_messages(Setting(on=True, direction="open"))
    receive_state(cover, state="OPEN", position=100)
    assert cover.has_reached(Setting(on=True, direction="open"))
    assert not cover.has_reached(Setting(on=True, direction="close"))


def test_its_timer_is_part_of_the_command() -> None:
    """The command uses On With Timed Off of Zigbee, in whole seconds."""
    plug, _ = device()
    (payload,) = plug.set_messages(Setting(on=True, off_after_seconds=299.6))
    assert payload == ("zigbee2mqtt/d/set", '{"state":"ON","on_time":300}')


def test_only_the_field_of_the_detection_counts() -> None:
    """A closed door that vibrates is closed for one sensor, and a vibration for another."""
    door, channel = device(switches=False)
    receive_state(door, contact=True, vibration=True, tamper=False, battery=80)
    found = {
        word: channel.reading.for_detection(word).on for word in ("opening", "vibration", "tamper", "gas")
    }
    assert found == {"opening": False, "vibration": True, "tamper": False, "gas": None}
    receive_state(door, vibration=False)
    assert channel.reading.for_detection("opening").on is False


def test_an_endpoint_is_read_and_set_by_its_own_fields() -> None:
    """Each of two relays has its own state and power; the battery is that of the whole device."""
    relay, channel = device(endpoint_name="l2")
    receive_state(relay, state_l1="ON", state_l2="OFF", power=90, power_l2=3, battery=50)
    assert (channel.reading.on, channel.reading.power_watts, channel.reading.battery_percent) == (
        False,
        3,
        50,
    )
    setting = Setting(on=True, off_after_seconds=60, brightness_percent=100)
    (payload,) = relay.set_messages(setting)
    assert json.loads(payload[1]) == {"state_l2": "ON", "on_time_l2": 60, "brightness_l2": 254}
    assert relay.read_messages() == [("zigbee2mqtt/d/get", '{"state_l2":""}')]
    assert not relay.has_reached(Setting(on=True))
    receive_state(relay, state_l1="OFF", state_l2="ON")
    assert relay.has_reached(Setting(on=True))


def test_a_device_with_endpoints_needs_one_in_its_options() -> None:
    """The error names the endpoints."""
    relay, _ = device()
    with pytest.raises(ValueError, match="set endpoint to one of left, right"):
        receive_state(relay, state_left="ON", state_right="OFF")


def test_the_air_the_light_and_the_soil_are_measured() -> None:
    """A pressure is in hectopascals or kilopascals; one in a pipe is not of the air. Null is unknown."""
    sensor, channel = device(switches=False)
    receive_state(sensor, illuminance=120, co2=640, pm25=7, soil_moisture=31.4, pressure=101.3)
    reading = channel.reading
    assert (reading.illuminance_lux, reading.co2_ppm, reading.pm25_micrograms) == (120, 640, 7)
    assert (reading.soil_moisture_percent, reading.pressure_hectopascals) == (31.4, 1013)
    receive_state(sensor, pressure=300, bar=3, co2=None)
    assert (channel.reading.pressure_hectopascals, channel.reading.co2_ppm) == (1013, None)


def test_facts_about_the_hardware_are_read() -> None:
    """A battery reports millivolts, the mains volts; a power factor may be in percent."""
    plug, channel = device(endpoint_name="l1")
    information = {"manufacturerName": "LUMI", "model": "QBKG12LM", "softwareBuildID": None}
    receive_state(
        plug, state_l1="ON", linkquality=120, voltage=231.4, current_l1=0.43, power_factor_l1=98,
        device_temperature=31, device=information,
    )  # fmt: skip
    reading = channel.reading
    assert (reading.link_quality, reading.voltage_volts, reading.current_amperes) == (120, 231.4, 0.43)
    assert (reading.power_factor, reading.device_temperature_celsius) == (0.98, 31)
    assert reading.about == About(manufacturer="LUMI", model="QBKG12LM")
    sensor, channel = device(switches=False)
    receive_state(sensor, temperature=20, voltage=2985)
    assert channel.reading.voltage_volts == 2.985


def test_a_bulb_in_a_mode_of_colours_has_no_colour_temperature() -> None:
    """The colour temperature is then the remainder of the last white."""
    bulb, channel = device()
    receive_state(bulb, state="ON", color_mode="color_temp", color_temp=250)
    assert channel.reading.colour_temperature_kelvin == 4000
    receive_state(bulb, state="ON", color_mode="xy", color_temp=250)
    assert channel.reading.colour_temperature_kelvin is None


@pytest.mark.parametrize(
    ("dims", "expected"), [(True, {"state": "ON", "brightness": 102}), (False, {"state": "ON"})]
)
def test_a_bulb_gets_a_brightness_that_it_never_reported(dims: bool, expected: dict[str, Any]) -> None:
    """A bulb that has only reported that it is off is dimmed too; a lamp behind a plug is not."""
    bulb, _ = device(dims=dims)
    receive_state(bulb, state="OFF")
    (payload,) = bulb.set_messages(Setting(on=True, brightness_percent=40))
    assert json.loads(payload[1]) == expected
    assert ("dim" in MqttZigbee2mqtt.abilities_with(Options(device="d", dims=dims))) is dims


def test_an_empty_state_is_a_removed_device() -> None:
    """A device that is added again is asked again."""
    plug, _ = device()
    plug.on_message("zigbee2mqtt/d/availability", "online", retained=True)
    plug.on_message("zigbee2mqtt/d", "", retained=False)
    assert (plug.is_online, plug.offline_reason) == (False, "it was removed from Zigbee2MQTT")
    plug.on_message("zigbee2mqtt/d/action", "", retained=False)
    assert plug.is_online is False
    receive_state(plug, state="ON")
    assert plug.is_online is None


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
[devices.door]
kind = "sensor"
detects = "vibration"
driver = "mqtt_zigbee2mqtt"
mqtt_zigbee2mqtt = {{ port = {port}, device = "door", switches = false }}
"""


def test_a_wall_button_and_a_sensor_in_a_house(make_house: HouseFactory, tmp_path: Path) -> None:
    """Each press counts once, for its own button only, and a retained press is ignored.
    A retained measurement is read, also after the process was killed. A closed door that vibrates is
    a vibration for the sensor that detects one.
    """
    with Mosquitto(tmp_path / "broker") as broker:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()

        def publish(name: str, *, retain: bool = False, **fields: object) -> None:
            sent = client.publish(f"zigbee2mqtt/{name}", json.dumps(fields), 1, retain=retain)
            sent.wait_for_publish(20)
            if "action" in fields and not retain:  # as with its integration for Home Assistant
                client.publish(f"zigbee2mqtt/{name}/action", str(fields["action"]), 1).wait_for_publish(20)

        publish("hall", retain=True, action="1_single")
        publish("room/climate", retain=True, temperature=19.44, humidity=51, battery=88)
        publish("door", retain=True, vibration=True, contact=True, tamper=True)
        house = make_house(WALL.format(port=broker.port))
        house.house("up")
        with house.listen("hall_light", "bell", "room", "door") as listener:
            listener.wait_for(
                lambda listener: listener.has_state("room", temperature_celsius=19.4, battery_percent=88)
            )
            listener.wait_for(lambda listener: listener.has_state("door", phase="vibration", status=True))
            listener.wait_for(
                lambda listener: (
                    listener.has_state("hall_light", reachable=True)
                    and listener.has_state("bell", reachable=True)
                )
            )
            assert listener.has_state("hall_light", status=False, presses=0)
            publish("hall", action="1_single")
            listener.wait_for(
                lambda listener: listener.has_state("hall_light", status=True, presses=1, confirmed=True)
            )
            publish("hall", action="2_double")
            listener.wait_for(lambda listener: listener.has_state("bell", last="double", presses=1))
            listener.kill("room")
            listener.wait_for(
                lambda listener: listener.has_state("room", temperature_celsius=19.4, reachable=True)
            )
            publish("hall", action="1_single")
            listener.wait_for(lambda listener: listener.has_state("hall_light", status=False, presses=2))
            assert listener.has_state("bell", presses=1)
        client.disconnect()
        client.loop_stop()
