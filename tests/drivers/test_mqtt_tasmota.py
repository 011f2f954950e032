"""Tasmota: its timer, its meter, and what it says when."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.drivers.mqtt_tasmota import LONGEST_PULSE_SECONDS, Tasmota, parse_power, pulse
from daemons.kinds import Reading, Setting
from tests.drivers.test_faults import standing
from tests.support.emulators.mqtt_tasmota import TasmotaPlug
from tests.support.listening_channel import Heard

S31 = {"Time": "2026-11-24T06:30:00", "ENERGY": {"Total": 1.234, "Power": 42, "Voltage": 231}}
"""A Sonoff S31 with Tasmota 13.1, STATUS 10."""
TWO = {"ENERGY": {"Total": 3.5, "Power": [10, 20], "Voltage": 230}}
"""A meter with two channels."""


def plug(relay: int = 1) -> tuple[Tasmota, Heard]:
    """Give a plug as the driver hears it, and what is told of it."""
    line = Heard()
    return Tasmota(line, "t", relay), line  # type: ignore[arg-type]


@given(st.floats(0.1, LONGEST_PULSE_SECONDS))
def test_its_timer_never_fires_early_and_hardly_late(seconds: float) -> None:
    """Tenths up to 11.1 s, whole seconds and 100 from there on."""
    found = pulse(seconds)
    fires = found / 10 if found <= 111 else found - 100
    assert seconds - 1e-5 <= fires < seconds + 1
    assert 1 <= found <= 64900


def test_its_timer_has_bounds() -> None:
    """Nothing is never; what is too long is as long as can be."""
    assert (pulse(None), pulse(0.0), pulse(1e9)) == (0, 1, 64900)
    assert (pulse(11.1), pulse(11.2), pulse(300)) == (111, 112, 400)


def test_a_meter_is_read_in_watts_and_watt_hours() -> None:
    """Of several channels, its own."""
    one, line = plug()
    one.hear("stat/t/POWER", "ON", retained=False)
    one.hear("stat/t/STATUS10", json.dumps({"StatusSNS": S31}), retained=False)
    assert (line.reading.power_watts, line.reading.energy_watt_hours) == (42.0, 1234.0)
    two, line = plug(relay=2)
    two.hear("stat/t/RESULT", '{"POWER2":"OFF"}', retained=False)
    two.hear("tele/t/SENSOR", json.dumps(TWO), retained=False)
    assert (line.reading.on, line.reading.power_watts) == (False, 20.0)


def test_another_relay_is_not_its_own() -> None:
    """POWER is the first, POWER2 the second."""
    two, line = plug(relay=2)
    two.hear("stat/t/POWER1", "ON", retained=False)
    two.hear("stat/t/RESULT", '{"POWER1":"ON"}', retained=False)
    assert line.reading == Reading(reachable=None)


def test_what_the_broker_kept_is_not_what_is() -> None:
    """But its last will is."""
    one, line = plug()
    one.hear("stat/t/POWER", "ON", retained=True)
    one.hear("tele/t/STATE", '{"POWER":"ON"}', retained=True)
    assert line.reading == Reading(reachable=None)
    one.hear("tele/t/LWT", "Offline", retained=True)
    assert one.is_online is False


def test_a_bulb_is_dimmed_and_tinted() -> None:
    """In percent, and in mireds within what Tasmota takes."""
    one, line = plug()
    one.hear("stat/t/RESULT", '{"POWER":"ON","Dimmer":40,"CT":250}', retained=False)
    assert (line.reading.brightness_percent, line.reading.colour_temperature_kelvin) == (40, 4000)
    (said,) = one.order(Setting(on=True, brightness_percent=60, colour_temperature_kelvin=1000))
    assert said == ("cmnd/t/Backlog0", "PulseTime1 0; Dimmer 60; CT 500; Power1 ON")


def test_it_is_done_when_both_relay_and_timer_are_told() -> None:
    """A plug that is on without its timer is not as it was asked to be."""
    one, _ = plug()
    setting = Setting(on=True, off_after_seconds=300)
    one.order(setting)
    one.hear("stat/t/RESULT", '{"POWER":"ON"}', retained=False)
    assert not one.has_done(setting)
    one.hear("stat/t/RESULT", '{"PulseTime1":{"Set":400,"Remaining":400}}', retained=False)
    assert one.has_done(setting)


@pytest.mark.parametrize("said", ["", "on", "1", "TOGGLE"])
def test_a_relay_is_on_or_off(said: str) -> None:
    """Anything else makes no sense."""
    with pytest.raises(ValueError, match="ON or OFF"):
        parse_power(said)


def test_a_broker_that_is_lost_and_comes_back(tmp_path: Path) -> None:
    """Is told as such, by its address; what was wanted meanwhile is done."""
    with TasmotaPlug(tmp_path) as made, standing(made.driver, made.options()) as stand:
        stand.reaches(on=False)
        made.unplug()
        made.broker.kill()
        address = f"127.0.0.1:{made.broker.port}"  # its last word may still have been that the plug is gone
        stand.until(lambda r: r.reachable is False and address in str(r.fault), "its loss", 60.0)
        stand.set(on=True)
        made.broker.start()
        made.plug_in()
        stand.reaches(on=True)


def test_a_plug_that_the_broker_has_never_heard_of_is_named(tmp_path: Path) -> None:
    """With its topic, and it is seen as soon as it joins."""
    made = TasmotaPlug(tmp_path)
    made.broker.start()
    try:
        with standing(made.driver, made.options()) as stand:
            lost = stand.until(lambda r: r.reachable is False, "its absence", 60.0)
            assert str(lost.fault).startswith("tasmota_4F2A1C: no answer")
            made.plug_in()
            stand.reaches(on=False)
    finally:
        made.unplug()
        made.broker.kill()


def test_what_it_says_of_itself_is_found(tmp_path: Path) -> None:
    """By the discovery topic, at the brokers that are known."""
    import asyncio  # noqa: PLC0415  only here

    from daemons.drivers.mqtt_tasmota import MqttTasmota, Options  # noqa: PLC0415

    told: dict[str, Any] = {
        "ip": "192.168.1.7", "dn": "Kettle", "fn": ["Kettle", None], "hn": "tasmota-1C", "md": "Sonoff S31",
        "sw": "13.1.0", "t": "tasmota_4F2A1C", "rl": [1, 0, 0, 0, 0, 0, 0, 0], "ver": 1,
    }  # fmt: skip
    with TasmotaPlug(tmp_path) as made:
        made.say("tasmota/discovery/A4CF124F2A1C/config", json.dumps(told), retain=True)
        made.say("tasmota/discovery/broken/config", "{", retain=True)
        known = [Options(topic="x", port=made.broker.port)]
        (found,) = asyncio.run(MqttTasmota.discover(1.0, known))
    assert (found.title, found.model, found.firmware, found.kind) == (
        "Kettle",
        "Sonoff S31",
        "13.1.0",
        "plug",
    )
    assert found.options == {"port": made.broker.port, "topic": "tasmota_4F2A1C"}
