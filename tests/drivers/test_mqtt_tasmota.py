"""The driver `mqtt_tasmota`: the timer, the meter, and the topics of a plug."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

from daemons.drivers.mqtt_tasmota import MqttTasmota, make_device
from daemons.drivers.tasmota.device import TasmotaDevice
from daemons.drivers.tasmota.messages import parse_pulse, pulse_time
from daemons.drivers.tasmota.options import Options
from daemons.kinds import About, Reading, Setting
from daemons.values import convert
from tests.drivers.test_faults import running_driver
from tests.support.emulators.mqtt_tasmota import TasmotaPlug
from tests.support.listening_channel import RecordingChannel
from tests.support.mosquitto import Mosquitto

LONGEST_PULSE_SECONDS = 64800.0
"""The longest timer of a Tasmota plug: 18 hours."""

S31 = {"Time": "2026-11-24T06:30:00", "ENERGY": {"Total": 1.234, "Power": 42, "Voltage": 231}}
"""A Sonoff S31 with Tasmota 13.1, STATUS 10."""
TWO = {"ENERGY": {"Total": 3.5, "Power": [10, 20], "Voltage": 230}}
"""A meter with two channels."""


def plug(relay: int = 1, button: int | None = None, **more: Any) -> tuple[TasmotaDevice, RecordingChannel]:
    """Return a device as the driver creates it, and a channel that records its readings."""
    channel = RecordingChannel()
    options = convert(
        {"topic": "t", "relay": relay, **({"button": button} if button else {}), **more}, Options
    )
    return make_device(channel, options), channel  # type: ignore[arg-type]


@given(st.floats(0.1, LONGEST_PULSE_SECONDS))
def test_the_timer_never_fires_early_and_at_most_a_second_late(seconds: float) -> None:
    """PulseTime counts tenths of a second up to 11.1 s, then seconds plus 100."""
    found = pulse_time(seconds)
    fires = found / 10 if found <= 111 else found - 100
    assert seconds - 1e-5 <= fires < seconds + 1
    assert 1 <= found <= 64900


def test_the_timer_has_bounds() -> None:
    """None disables the timer; a time that is too long becomes the longest possible one."""
    assert (pulse_time(None), pulse_time(0.0), pulse_time(1e9)) == (0, 1, 64900)
    assert (pulse_time(11.1), pulse_time(11.2), pulse_time(300)) == (111, 112, 400)


def test_a_meter_is_read_in_watts_and_watt_hours() -> None:
    """If the meter has several channels, the reading is that of the device's own channel."""
    one, channel = plug()
    one.on_message("stat/t/POWER", "ON", retained=False)
    one.on_message("stat/t/STATUS10", json.dumps({"StatusSNS": S31}), retained=False)
    assert (channel.reading.power_watts, channel.reading.energy_watt_hours) == (42.0, 1234.0)
    two, channel = plug(relay=2)
    two.on_message("stat/t/RESULT", '{"POWER2":"OFF"}', retained=False)
    two.on_message("tele/t/SENSOR", json.dumps(TWO), retained=False)
    assert (channel.reading.on, channel.reading.power_watts) == (False, 20.0)


def test_the_phases_of_the_only_relay_are_added_up() -> None:
    """A device that names its relay without a number has one; its lists are phases. Numbers may be texts."""
    one, channel = plug()
    one.on_message("tele/t/STATE", '{"POWER":"ON"}', retained=False)
    energy = {"ENERGY": {"Total": "3.5", "Power": [10, "20.5", 30]}}
    one.on_message("tele/t/SENSOR", json.dumps(energy), retained=False)
    assert (channel.reading.power_watts, channel.reading.energy_watt_hours) == (60.5, 3500.0)
    one.on_message("tele/t/SENSOR", '{"ENERGY":{"Power":[10,"no",30],"Total":"nan"}}', retained=False)
    assert (channel.reading.power_watts, channel.reading.energy_watt_hours) == (60.5, 3500.0)


def test_the_power_before_the_first_state_is_not_lost() -> None:
    """What a plug measures is known as soon as its state is."""
    one, channel = plug()
    one.on_message("tele/t/SENSOR", json.dumps(S31), retained=False)
    assert channel.reading.power_watts is None
    one.on_message("stat/t/POWER", "ON", retained=False)
    expected = Reading(on=True, power_watts=42.0, energy_watt_hours=1234.0, voltage_volts=231, reachable=True)
    assert channel.reading == expected


def test_topics_and_words_of_its_own() -> None:
    """A FullTopic, prefixes, StateText and words of the last will other than the usual ones."""
    one, channel = plug(
        full_topic="home/%topic%/%prefix%",
        prefixes=["c", "s", "x"],
        states=["aus", "an"],
        wills=["off", "on"],
    )
    assert ("home/t/c/State", "") in one.read_messages()
    one.on_message("home/t/x/LWT", "on", retained=True)
    assert one.is_online
    one.on_message("home/t/s/POWER", "an", retained=False)
    assert channel.reading.on is True
    one.on_message("home/t/s/RESULT", '{"POWER":"aus"}', retained=False)
    assert channel.reading.on is False
    with pytest.raises(ValueError, match="an or aus"):
        one.on_message("home/t/s/POWER", "ON", retained=False)
    with pytest.raises(ValueError, match="on or off"):
        one.on_message("home/t/x/LWT", "Online", retained=False)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"full_topic": "%topic%/"}, "full_topic needs %prefix%"),
        ({"full_topic": "%prefix%/#/%topic%/"}, "may have"),
        ({"prefixes": ["a", "a", "b"]}, "three different words"),
        ({"states": ["ON", "ON"]}, "must differ"),
        ({"relay": 33}, "relay"),
    ],
)
def test_topics_and_words_that_cannot_be_told_apart_are_refused(options: dict[str, Any], text: str) -> None:
    """The error names the option."""
    with pytest.raises(msgspec.ValidationError, match=text):
        plug(**options)


def test_the_result_of_a_command_may_have_its_own_topic() -> None:
    """With SetOption4, a result comes on the topic of its command."""
    one, channel = plug()
    one.on_message("stat/t/DIMMER", '{"POWER":"ON","Dimmer":30}', retained=False)
    assert (channel.reading.on, channel.reading.brightness_percent) == (True, 30)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Set": 400, "Remaining": 380}, (400, 380)),
        ({"Set": "400"}, (400, None)),
        ("400 (Active 380)", (400, 380)),
        ("0 (disabled)", (0, None)),
        (400, (400, None)),
        (True, None),
        ("OFF", None),
        (None, None),
    ],
)
def test_the_timer_of_older_firmware_is_read(value: Any, expected: tuple[int, int | None] | None) -> None:
    """It was a number or a text before it was an object."""
    assert parse_pulse(value) == expected


def test_firmware_without_backlog0_gets_backlog() -> None:
    """The setting is not confirmed then, and is sent again."""
    one, _ = plug()
    assert one.set_messages(Setting(on=False))[0][0] == "cmnd/t/Backlog0"
    one.on_message("stat/t/RESULT", '{"Command":"Unknown"}', retained=False)
    assert one.set_messages(Setting(on=False))[0][0] == "cmnd/t/Backlog"


def test_a_bulb_gets_its_brightness_before_it_has_told_one() -> None:
    """A plain relay gets none, once its whole state has shown that it has no brightness."""
    one, _ = plug()
    assert "Dimmer 40" in one.set_messages(Setting(on=True, brightness_percent=40))[0][1]
    one.on_message("stat/t/RESULT", '{"Uptime":"1T02:03:04","POWER":"OFF"}', retained=False)
    assert "Dimmer" not in one.set_messages(Setting(on=True, brightness_percent=40))[0][1]


def test_a_bulb_that_shows_a_colour_has_no_colour_temperature() -> None:
    """Its firmware reports one all the same."""
    one, channel = plug()
    white = {"POWER": "ON", "CT": 250, "White": 80, "HSBColor": "0,0,0"}
    one.on_message("tele/t/STATE", json.dumps(white), retained=False)
    assert channel.reading.colour_temperature_kelvin == 4000
    colour = {**white, "White": 0, "HSBColor": "120,100,60"}
    one.on_message("tele/t/STATE", json.dumps(colour), retained=False)
    assert channel.reading.colour_temperature_kelvin is None


def test_a_bulb_shows_a_colour() -> None:
    """It is set together with its brightness. A white ends it, also for a strip that has no white."""
    one, channel = plug(colours=True)
    payload = one.set_messages(Setting(on=True, brightness_percent=40, colour="#ff8800"))[0][1]
    assert "HSBColor 32,100,40" in payload
    assert "Dimmer" not in payload

    def hear(**state: object) -> str | None:
        one.on_message("tele/t/STATE", json.dumps({"POWER": "ON", **state}), retained=False)
        return channel.reading.colour

    assert hear(Dimmer=40, HSBColor="32,100,40", White=0, CT=250) == "#ff8800"
    assert hear(Dimmer=40, HSBColor="32,100,0", White=40, CT=250) is None
    assert hear(Dimmer=40, HSBColor="240,100,40") == "#0000ff"
    assert hear(Dimmer=40, HSBColor="240,x") is None
    assert "colour" in MqttTasmota.abilities_with(Options(topic="t", colours=True))
    assert "colour" not in MqttTasmota.abilities_with(Options(topic="t"))


def test_messages_of_another_relay_are_ignored() -> None:
    """POWER is the first relay, POWER2 the second."""
    two, channel = plug(relay=2)
    two.on_message("stat/t/POWER1", "ON", retained=False)
    two.on_message("stat/t/RESULT", '{"POWER1":"ON"}', retained=False)
    assert channel.reading == Reading(reachable=None)


def test_the_actions_of_its_button_are_presses() -> None:
    """Only those of the chosen button count, and no retained one. A button without a relay is reachable."""
    one, channel = plug(button=2)
    one.on_message("stat/t/RESULT", '{"Button2":{"Action":"SINGLE"}}', retained=True)
    one.on_message("stat/t/RESULT", '{"Button1":{"Action":"SINGLE"}}', retained=False)
    assert channel.touches == []
    for action in ("SINGLE", "DOUBLE", "TRIPLE", "PENTA", "HOLD", "HOLD", "CLEAR", 7):
        payload = json.dumps({"Button2": {"Action": action}})
        one.on_message("stat/t/RESULT", payload, retained=False)
    assert channel.touches == ["single", "double", "triple", "long", "hold", "release"]
    assert channel.reading.reachable is True
    assert one.reports > 0


def test_without_a_button_no_action_is_a_press() -> None:
    """A plug with a button of its own stays a plug."""
    one, channel = plug()
    one.on_message("stat/t/RESULT", '{"Button1":{"Action":"SINGLE"}}', retained=False)
    assert channel.touches == []


def test_retained_states_are_ignored() -> None:
    """A retained state may be out of date; the retained last will counts."""
    one, channel = plug()
    one.on_message("stat/t/POWER", "ON", retained=True)
    one.on_message("tele/t/STATE", '{"POWER":"ON"}', retained=True)
    assert channel.reading == Reading(reachable=None)
    one.on_message("tele/t/LWT", "Offline", retained=True)
    assert one.is_online is False


def test_a_bulb_is_dimmed_and_tinted() -> None:
    """Convert brightness in percent, and colour temperature to mireds within the limits of Tasmota."""
    one, channel = plug()
    one.on_message("stat/t/RESULT", '{"POWER":"ON","Dimmer":40,"CT":250}', retained=False)
    assert (channel.reading.brightness_percent, channel.reading.colour_temperature_kelvin) == (40, 4000)
    (payload,) = one.set_messages(Setting(on=True, brightness_percent=60, colour_temperature_kelvin=1000))
    assert payload == ("cmnd/t/Backlog0", "PulseTime1 0; Dimmer 60; CT 500; Power1 ON")


def test_a_setting_is_reached_when_relay_and_timer_are_confirmed() -> None:
    """A plug that is on without its timer has not reached the setting."""
    one, _ = plug()
    setting = Setting(on=True, off_after_seconds=300)
    one.set_messages(setting)
    one.on_message("stat/t/RESULT", '{"POWER":"ON"}', retained=False)
    assert not one.has_reached(setting)
    one.on_message("stat/t/RESULT", '{"PulseTime1":{"Set":400,"Remaining":400}}', retained=False)
    assert one.has_reached(setting)


@pytest.mark.parametrize("payload", ["", "on", "1", "TOGGLE"])
def test_an_invalid_relay_state_is_refused(payload: str) -> None:
    """Any payload except ON and OFF is an invalid message."""
    with pytest.raises(ValueError, match="ON or OFF"):
        plug()[0].on_message("stat/t/POWER", payload, retained=False)


@pytest.mark.parametrize(
    ("driver", "topic"), [("mqtt_tasmota", "stat/t/#"), ("mqtt_zigbee2mqtt", "zigbee2mqtt/t")]
)
def test_a_refused_subscription_is_reported(tmp_path: Path, driver: str, topic: str) -> None:
    """The hardware counts as unreachable, and the fault names the topic filter that the broker refuses."""
    options = {"mqtt_tasmota": {"topic": "t"}, "mqtt_zigbee2mqtt": {"device": "t"}}[driver]
    with (
        Mosquitto(tmp_path / "broker", subscriptions=[]) as broker,
        running_driver(driver, {"port": broker.port, **options}) as harness,
    ):
        harness.wait_until(
            lambda r: r.reachable is False and f"subscribe to {topic}" in str(r.fault), "the fault", 60.0
        )


def test_a_lost_broker_is_reported_and_reconnected(tmp_path: Path) -> None:
    """The fault names the address of the broker. After the reconnection the latest setting is applied."""
    with TasmotaPlug(tmp_path) as made, running_driver(made.driver, made.options()) as harness:
        harness.wait_for_on(on=False)
        made.stop()
        made.broker.kill()
        address = f"127.0.0.1:{made.broker.port}"  # the last will of the plug may be the first fault
        harness.wait_until(
            lambda r: r.reachable is False and address in str(r.fault), "its disconnection", 60.0
        )
        harness.set(on=True)
        made.broker.start()
        made.open()
        harness.wait_for_on(on=True)


def test_an_unknown_plug_is_named_in_the_fault(tmp_path: Path) -> None:
    """The fault names the topic. The plug is read as soon as it joins the broker."""
    made = TasmotaPlug(tmp_path)
    made.broker.start()
    try:
        with running_driver(made.driver, made.options()) as harness:
            lost = harness.wait_until(lambda r: r.reachable is False, "its absence", 60.0)
            assert str(lost.fault).startswith("tasmota_4F2A1C: no answer")
            made.open()
            harness.wait_for_on(on=False)
    finally:
        made.stop()
        made.broker.kill()


def test_a_search_reads_the_discovery_topic(tmp_path: Path) -> None:
    """The search asks the brokers of the configuration."""
    announcement: dict[str, Any] = {
        "ip": "192.168.1.7", "dn": "Kettle", "fn": ["Kettle", None], "hn": "tasmota-1C", "md": "Sonoff S31",
        "sw": "13.1.0", "t": "tasmota_4F2A1C", "rl": [1, 0, 0, 0, 0, 0, 0, 0], "ver": 1,
    }  # fmt: skip
    with TasmotaPlug(tmp_path) as made:
        made.publish("tasmota/discovery/A4CF124F2A1C/config", json.dumps(announcement), retain=True)
        made.publish("tasmota/discovery/broken/config", "{", retain=True)
        known = [Options(topic="x", port=made.broker.port)]
        found, broken = asyncio.run(MqttTasmota.discover(1.0, known))
    assert (found.title, found.model, found.firmware, found.kind) == (
        "Kettle",
        "Sonoff S31",
        "13.1.0",
        "plug",
    )
    assert found.options == {"port": made.broker.port, "topic": "tasmota_4F2A1C"}
    assert (broken.title, broken.driver) == ("broken", None)


def test_a_relay_that_is_a_motor_of_a_shutter_is_never_switched(tmp_path: Path) -> None:
    """Its fault says what to write instead."""
    made = TasmotaPlug(tmp_path)
    made.shutters = {"SHT0": {"Relay1": 1, "Relay2": 2, "Open": 100, "Close": 100}}
    with made, running_driver(made.driver, made.options()) as harness:
        harness.set(on=True)
        text = "tasmota_4F2A1C: relay 1 is a motor of its shutter 1; use shutter = 1"
        harness.wait_until(lambda r: r.reachable is False and r.fault == text, "its fault")
    assert made.switchings == []
    other, channel = plug(relay=3)
    other.on_message("stat/t/STATUS13", json.dumps({"StatusSHT": made.shutters}), retained=False)
    other.on_message("stat/t/POWER3", "ON", retained=False)
    assert channel.reading.on is True


def test_facts_and_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver reads what the plug is. A plug that sends nothing any more is asked, and then is lost."""
    monkeypatch.setattr("daemons.drivers.tasmota.device.SILENT_PERIODS", 0.05)
    monkeypatch.setattr("daemons.drivers.transports.mqtt_device.ANSWER_SECONDS", 1.0)
    made = TasmotaPlug(tmp_path)
    made.tele_period = 10
    with made, running_driver(made.driver, made.options()) as harness:
        told = harness.wait_until(
            lambda r: r.about is not None and r.about.model and r.about.mac and r.signal_dbm, "its facts"
        )
        assert told.about == About(
            manufacturer="Tasmota", model="Sonoff S31", firmware="13.1.0", mac="A4:CF:12:4F:2A:1C",
            url="http://192.168.1.7/",
        )  # fmt: skip
        assert (told.signal_dbm, told.voltage_volts) == (-61, 231)
        asked = len(made.commands)
        harness.wait_until(lambda _: len(made.commands) > asked, "a request after its silence")
        assert harness.reading.losses == 0
        made.hang()
        lost = harness.wait_until(lambda r: r.reachable is False, "its loss")
        assert "no answer within 1 s" in str(lost.fault)
