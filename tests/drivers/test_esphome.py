"""The driver of ESPHome nodes: each type of entity, encryption, and what a search finds."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aioesphomeapi", reason="needs the extra esphome")

from aioesphomeapi import api_pb2 as pb

from daemons.cli import discover
from daemons.config import loader
from daemons.drivers.esphome_entities.measurement import Measurement, measurement_of
from daemons.drivers.esphome_entities.touch import touch_of
from daemons.drivers.transports import mdns
from daemons.kinds import About, Reading, Setting, TargetRange
from daemons.runtime import clock_trust
from daemons.values import parse_table
from tests.drivers.test_faults import DriverHarness, running_driver
from tests.support.emulators.esphome import EsphomeNode

LAMP, BLIND, DOOR, BUTTON, AIR, METER = range(10, 16)
STOVE = 20
HAS_TEMPERATURE, HAS_ACTION = 1, 32
"""What the thermostat reports."""
KEY = bytes(range(32))
WHITE, COLOUR = 11, 35
"""Colour modes: colour temperature, and colours."""
WHY = "Wire format was corrupt"
OTHERS = [
    pb.ListEntitiesLightResponse(
        object_id="lamp", key=LAMP, name="Lamp", supported_color_modes=[WHITE, COLOUR], min_mireds=153,
        max_mireds=500,
    ),
    pb.ListEntitiesCoverResponse(object_id="blind", key=BLIND, name="Blind", supports_position=True),
    pb.ListEntitiesBinarySensorResponse(object_id="door", key=DOOR, name="Door", device_class="door"),
    pb.ListEntitiesEventResponse(
        object_id="button", key=BUTTON, name="Button", event_types=["single", "double_press", "long"]
    ),
    pb.ListEntitiesSensorResponse(
        object_id="air", key=AIR, name="Air", device_class="temperature", unit_of_measurement="°F"
    ),
    pb.ListEntitiesSensorResponse(
        object_id="energy", key=METER, name="Energy", device_class="energy", unit_of_measurement="kWh"
    ),
    pb.ListEntitiesSensorResponse(object_id="more", key=30, unit_of_measurement="kW"),
    pb.ListEntitiesSensorResponse(
        object_id="chip", key=31, name="Chip", device_class="temperature", unit_of_measurement="°C",
        entity_category=2,
    ),
    pb.ListEntitiesClimateResponse(
        object_id="stove", key=STOVE, name="Stove", supported_modes=[0, 3], visual_min_temperature=10,
        visual_max_temperature=28, visual_target_temperature_step=0.5,
        feature_flags=HAS_TEMPERATURE | HAS_ACTION,
    ),
    pb.ListEntitiesClimateResponse(object_id="cooler", key=23, name="Cooler", supported_modes=[0, 2]),
    pb.ListEntitiesSwitchResponse(object_id="restart", key=21, name="Restart", entity_category=1),
    pb.ListEntitiesButtonResponse(object_id="identify", key=22, name="Identify"),
]  # fmt: skip
STATES = [
    pb.LightStateResponse(key=LAMP, state=True, brightness=0.5, color_mode=WHITE, color_temperature=250),
    pb.CoverStateResponse(key=BLIND, position=0.25),
    pb.BinarySensorStateResponse(key=DOOR, state=False),
    pb.SensorStateResponse(key=AIR, state=68.0),
    pb.SensorStateResponse(key=METER, state=1.5),
    pb.SensorStateResponse(key=31, state=51.5),
    pb.ClimateStateResponse(
        key=STOVE, mode=pb.CLIMATE_MODE_HEAT, target_temperature=21, current_temperature=19.5,
        action=pb.CLIMATE_ACTION_HEATING,
    ),
]  # fmt: skip


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EsphomeNode]:
    """Yield a node with an entity of each type."""
    made = EsphomeNode(tmp_path)
    made.entities += OTHERS
    made.extra_states += STATES
    with made:
        yield made


def running(node: EsphomeNode, **options: Any) -> Any:
    """Return the driver for an entity of the node."""
    return running_driver("esphome", {"address": f"127.0.0.1:{node.port}", **options})


def command(node: EsphomeNode, harness: DriverHarness, setting: Setting, answer: Any) -> Any:
    """Request a setting, let the node answer with a state, and return the command that it got."""
    harness.driver.set(setting, "a1", harness.clock.now())

    def has_come(_: Reading) -> bool:
        return bool(node.commands)

    harness.loop.every(0.01, harness.poll)
    harness.wait_until(has_come, "the command")
    node.push(answer)
    return node.commands.pop()


def test_what_a_node_is_and_its_signal_are_reported(node: EsphomeNode) -> None:
    """The sensors that are named belong to the device; energy is counted in watt-hours."""
    with running(node, entity="relay", sensors=["power", "energy"]) as harness:
        reading = harness.wait_until(lambda one: one.device_temperature_celsius, "the last state")
        assert (reading.on, reading.power_watts, reading.energy_watt_hours) == (False, 0.0, 1500.0)
        assert reading.signal_dbm == -61.0
        assert (reading.temperature_celsius, reading.device_temperature_celsius) == (None, 51.5)
        assert reading.about == About(
            manufacturer="Espressif",
            model="esp32dev",
            firmware="ESPHome 2025.10.0",
            mac="a8:03:2a:b1:23:45",
            url="http://127.0.0.1:80",
        )


def test_a_light_is_dimmed_and_tinted(node: EsphomeNode) -> None:
    """In a mode of colours it has no colour temperature."""
    with running(node, component="light", entity="lamp") as harness:
        reading = harness.wait_until(lambda one: one.on, "the first state")
        assert (reading.brightness_percent, reading.colour_temperature_kelvin) == (50, 4000)
        answer = pb.LightStateResponse(
            key=LAMP, state=True, brightness=0.2, color_mode=WHITE, color_temperature=400
        )
        setting = Setting(on=True, brightness_percent=20, colour_temperature_kelvin=2500)
        sent = command(node, harness, setting, answer)
        assert (sent.key, sent.state, sent.color_temperature) == (LAMP, True, 400)
        assert sent.brightness == pytest.approx(0.2)
        harness.wait_until(lambda one: one.on and one.brightness_percent == 20, "the answer")
        assert not harness.reading.is_pending
        node.push(pb.LightStateResponse(key=LAMP, state=True, brightness=1.0, color_mode=COLOUR))
        reading = harness.wait_until(lambda one: one.brightness_percent == 100, "a colour")
        assert reading.colour_temperature_kelvin is None


def test_a_light_shows_a_colour(node: EsphomeNode) -> None:
    """It is set in the plainest mode with colours, and a white ends it."""
    with running(node, component="light", entity="lamp", colours=True) as harness:
        assert harness.wait_until(lambda one: one.on, "the first state").colour is None
        light = {"key": LAMP, "state": True, "brightness": 0.2, "color_mode": COLOUR, "color_brightness": 1.0}
        answer = pb.LightStateResponse(**light, red=1.0, green=0.5, blue=0.0)
        sent = command(node, harness, Setting(on=True, brightness_percent=20, colour="#ff8000"), answer)
        assert (sent.color_mode, sent.has_white, sent.color_brightness) == (COLOUR, False, 1.0)
        assert (sent.red, sent.green, sent.blue) == pytest.approx((1.0, 128 / 255, 0.0))
        reading = harness.wait_until(lambda one: one.colour, "the answer")
        assert (reading.colour, reading.colour_temperature_kelvin) == ("#ff8000", None)
        node.push(pb.LightStateResponse(key=LAMP, state=True, color_mode=WHITE, color_temperature=250))
        assert harness.wait_until(lambda one: one.colour_temperature_kelvin, "a white").colour is None


def test_a_light_that_cannot_be_dimmed_is_only_switched(node: EsphomeNode) -> None:
    """Neither brightness nor colour temperature is sent or read."""
    with running(node, component="light", entity="lamp", dims=False) as harness:
        reading = harness.wait_until(lambda one: one.on, "the first state")
        assert (reading.brightness_percent, reading.colour_temperature_kelvin) == (None, None)
        sent = command(node, harness, Setting(on=False), pb.LightStateResponse(key=LAMP, state=False))
        assert not sent.has_brightness
        harness.wait_for_on(on=False)


def test_a_light_that_is_dimmed_and_cannot_be_says_so(node: EsphomeNode) -> None:
    """It is switched all the same, and the fault names the option."""
    node.entities[3] = pb.ListEntitiesLightResponse(object_id="lamp", key=LAMP, supported_color_modes=[1])
    with running(node, component="light", entity="lamp") as harness:
        harness.wait_until(lambda one: one.on, "the first state")
        answer = pb.LightStateResponse(key=LAMP, state=True, brightness=1.0, color_mode=1)
        assert command(node, harness, Setting(on=True, brightness_percent=30), answer).state
        reading = harness.wait_until(lambda one: one.fault, "a fault")
        assert reading.fault == "it cannot be dimmed; set esphome.dims = false"


def test_a_node_of_new_firmware_sends_names_in_place_of_object_ids(node: EsphomeNode) -> None:
    """The object id follows from the name."""
    node.api_version = 14
    node.entities = [pb.ListEntitiesSwitchResponse(key=1, name="Kitchen Relay 2")]
    with running(node, entity="kitchen_relay_2") as harness:
        harness.wait_for_on(on=False)


@pytest.mark.parametrize("is_right", [True, False])
def test_a_node_gets_the_time_only_from_a_clock_that_is_right(
    node: EsphomeNode, is_right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Raspberry Pi may start with a wrong time."""
    monkeypatch.setattr(clock_trust, "is_clock_right", lambda: is_right)
    with running(node, entity="relay") as harness:
        harness.wait_for_on(on=False)
        harness.set(on=True)
        harness.wait_for_on(on=True)
        if is_right:
            harness.wait_until(lambda _: node.times, "the time")
            assert abs(node.times[0] - time.time()) < 5
        assert bool(node.times) is is_right


def test_a_cover_moves_and_stops(node: EsphomeNode) -> None:
    """Its position is reported while it moves; a state that is no number is unknown."""
    with running(node, component="cover", entity="blind") as harness:
        reading = harness.wait_until(lambda one: one.position_percent == 25, "the first state")
        assert (reading.on, reading.direction) == (False, None)
        moving = pb.CoverStateResponse(key=BLIND, position=0.25, current_operation=2)
        sent = command(node, harness, Setting(on=True, direction="close"), moving)
        assert (sent.has_position, sent.position, sent.stop) == (True, 0.0, False)
        assert harness.wait_until(lambda one: one.on, "the move").direction == "close"
        still = pb.CoverStateResponse(key=BLIND, position=0.1)
        assert command(node, harness, Setting(on=False), still).stop
        assert harness.wait_until(lambda one: one.on is False, "the stop").position_percent == 10
        node.push(pb.CoverStateResponse(key=BLIND, position=float("nan")))
        harness.wait_until(lambda one: one.position_percent is None, "no position")


def test_a_thermostat_gets_its_target(node: EsphomeNode) -> None:
    """The nearest target that it can keep confirms a setting. A hand at the node sets another one."""
    with running(node, component="climate", entity="stove") as harness:
        reading = harness.wait_until(lambda one: one.on, "the first state")
        assert (reading.target_celsius, reading.temperature_celsius, reading.heating) == (21.0, 19.5, True)
        assert reading.target_range == TargetRange(10.0, 28.0, 0.5)
        harness.driver.set(Setting(on=True, target_celsius=18.3), "a1", harness.clock.now())
        reading = harness.wait_until(lambda one: one.on and one.target_celsius == 18.5, "the target")
        assert (reading.heating, reading.is_pending) == (False, False)
        harness.set(on=False)
        harness.wait_for_on(on=False)
        assert [(one.key, one.mode) for one in node.commands] == [(STOVE, 3), (STOVE, 0)]
        assert not node.commands[1].has_target_temperature
        node.push(pb.ClimateStateResponse(key=STOVE, mode=pb.CLIMATE_MODE_HEAT, target_temperature=23))
        harness.wait_until(lambda one: one.on and one.target_celsius == 23.0, "the hand")


def test_a_cover_without_feedback_is_as_it_was_told(node: EsphomeNode) -> None:
    """Its state is assumed, and its position is unknown."""
    node.entities[4] = pb.ListEntitiesCoverResponse(object_id="blind", key=BLIND, assumed_state=True)
    with running(node, component="cover", entity="blind") as harness:
        harness.wait_until(lambda one: one.reachable, "the connection")
        harness.driver.set(Setting(on=True, direction="open"), "a1", harness.clock.now())
        reading = harness.wait_until(lambda one: one.on, "the move")
        assert (reading.direction, reading.position_percent) == ("open", None)


def test_a_binary_sensor_detects_and_can_be_a_button(node: EsphomeNode) -> None:
    """A change to on is a press; a missing state is unknown."""
    with running(node, component="binary_sensor", entity="door") as harness:
        harness.wait_until(lambda one: one.on is False, "the first state")
        node.push(pb.BinarySensorStateResponse(key=DOOR, state=True))
        assert presses(harness, 1) == ["single"]
        assert harness.reading.on
        node.push(pb.BinarySensorStateResponse(key=DOOR, missing_state=True))
        harness.wait_until(lambda one: one.on is None, "no state")


def test_an_event_is_a_press(node: EsphomeNode) -> None:
    """An event type that is no press, and an event of another entity, are none."""
    with running(node, component="event", entity="button") as harness:
        harness.wait_until(lambda one: one.reachable and node._subscribers, "the subscription")
        for key, word in ((BUTTON, "double_press"), (99, "single"), (BUTTON, "spin"), (BUTTON, "long")):
            node.push(pb.EventResponse(key=key, event_type=word))
        assert presses(harness, 2) == ["double", "long"]


def presses(harness: DriverHarness, number: int) -> list[str]:
    """Return the presses, as soon as there are so many."""
    found: dict[str, str] = {}

    def has_enough(reading: Reading) -> bool:
        found.update({press.id: press.what for press in reading.presses})
        return len(found) >= number

    harness.wait_until(has_enough, f"{number} presses")
    return list(found.values())


def test_a_sensor_is_read_in_its_unit(node: EsphomeNode) -> None:
    """68 °F are 20 °C; a missing value is unknown."""
    with running(node, component="sensor", entity="air") as harness:
        harness.wait_until(lambda one: one.temperature_celsius == 20.0, "the temperature")
        node.push(pb.SensorStateResponse(key=AIR, state=float("nan")))
        harness.wait_until(lambda one: one.temperature_celsius is None, "no temperature")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"entity": "lamp"}, "it has no entity 'lamp'; of the type switch it has: relay, restart"),
        ({}, "entity is missing; of the type switch it has: relay, restart"),
        ({"component": "cover", "entity": "x"}, "of the type cover it has: blind"),
        ({"entity": "relay", "sensors": ["lamp"]}, "it has no sensor lamp that House can read"),
        ({"component": "climate", "entity": "cooler"}, "cooler is a climate entity without the mode HEAT"),
        ({"component": "sensor", "entity": "signal"}, "it has no entity 'signal'"),
        (
            {"entity": "relay", "sensors": ["power", "more"]},
            "power and more both measure power_watts; name one",
        ),
    ],
)
def test_an_entity_that_the_node_has_not_is_a_fault(
    node: EsphomeNode, options: dict[str, Any], why: str
) -> None:
    """The fault lists what it has."""
    with running(node, **options) as harness:
        lost = harness.wait_until(lambda one: one.reachable is False, "a fault")
        assert why in str(lost.fault)


def key_file(folder: Path, key: bytes, name: str = "key") -> str:
    """Write a file with an encryption key, and return its path."""
    path = folder / name
    path.write_text(base64.b64encode(key).decode() + "\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def encrypted_node(tmp_path: Path) -> Iterator[EsphomeNode]:
    """Yield a node whose connections are encrypted."""
    with EsphomeNode(tmp_path, key=KEY) as made:
        yield made


def test_an_encrypted_node_is_switched(encrypted_node: EsphomeNode, tmp_path: Path) -> None:
    """The key stands in a file of its own. A loss of the connection is found and mended."""
    options = {**encrypted_node.options(), "encryption_key_file": key_file(tmp_path, KEY)}
    with running_driver("esphome", options) as harness:
        harness.wait_for_on(on=False)
        harness.set(on=True)
        harness.wait_for_on(on=True)
        encrypted_node.reboot(on=False)
        harness.wait_for_on(on=False)


@pytest.mark.parametrize(
    ("theirs", "ours", "why"),
    [
        (KEY, None, "it requires encryption: name the file with its key as esphome.encryption_key_file"),
        (KEY, bytes(32), "it refuses the encryption key"),
        (KEY, b"short", "it refuses the encryption key"),
        (None, KEY, "it has no encryption: leave out esphome.encryption_key_file"),
    ],
    ids=["none", "another", "not a key", "not needed"],
)
def test_a_wrong_key_is_a_fault(tmp_path: Path, theirs: bytes | None, ours: bytes | None, why: str) -> None:
    """The fault says what to do; the key is not in it."""
    options = {} if ours is None else {"encryption_key_file": key_file(tmp_path, ours)}
    node = EsphomeNode(tmp_path, key=theirs)
    with node, running_driver("esphome", {**node.options(), **options}) as harness:
        lost = harness.wait_until(lambda one: one.reachable is False, "a fault")
        assert lost.fault == f"127.0.0.1:{node.port}: {why}"


def test_a_frame_that_is_no_message_is_only_a_fault(
    node: EsphomeNode, caplog: pytest.LogCaptureFixture
) -> None:
    """The fault has the address once. The error of the library is not in the log."""
    with running(node, entity="relay") as harness:
        harness.wait_for_on(on=False)
        node.garble()
        harness.set(on=True)
        lost = harness.wait_until(lambda one: one.fault, "a fault")
        assert lost.fault == f"127.0.0.1:{node.port}: it sent what is no message of its API: {WHY}"
        assert not [record for record in caplog.records if record.levelname != "DEBUG"]


def search(monkeypatch: pytest.MonkeyPatch, *services: mdns.MdnsService) -> list[Any]:
    """Return what a search finds for some announcements."""

    async def browse(*_: object) -> list[mdns.MdnsService]:
        return list(services)

    monkeypatch.setattr(mdns, "browse", browse)
    found, failures = discover.search(["esphome"], None, 0.1, strict=True)
    assert not failures
    return found


def announcement(node: EsphomeNode, **words: str) -> mdns.MdnsService:
    """Return the announcement of a node."""
    return mdns.MdnsService("kitchen", f"127.0.0.1:{node.port}", {"friendly_name": "Kitchen", **words})


def test_a_search_lists_each_entity_as_what_it_is(node: EsphomeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings and diagnostics of the node are left out. What House cannot use is listed with the reason."""
    found = {one.found.title: one.found for one in search(monkeypatch, announcement(node))}
    names = ["Relay", "Power", "Lamp", "Blind", "Door", "Button", "Air", "Energy", "Stove", "Cooler"]
    assert set(found) == {"Kitchen", *(f"Kitchen {one}" for one in names)}  # one sensor has no name
    assert found["Kitchen Power"].kind == found["Kitchen Energy"].kind == "sensor"
    assert found["Kitchen Door"].kind_options == {"detects": "opening"}
    assert found["Kitchen Lamp"].options["component"] == "light"
    assert found["Kitchen Lamp"].options["colours"] is True
    assert (found["Kitchen Stove"].kind, found["Kitchen Stove"].options["component"]) == (
        "thermostat",
        "climate",
    )
    assert (found["Kitchen Cooler"].driver, "only cools" in found["Kitchen Cooler"].note) == (None, True)


def test_the_meter_belongs_to_the_only_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The found table works as it is."""
    with EsphomeNode(tmp_path) as node:
        (one,) = search(monkeypatch, announcement(node))
        assert one.found.options == node.options()
        options = parse_table(one.found.options, loader.driver("esphome").options_type, (), [])
        assert loader.driver("esphome").abilities_with(options) == {"switch"}


def test_a_node_that_only_meters_is_one_sensor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its power carries its other measurements."""
    with EsphomeNode(tmp_path) as node:
        del node.entities[0]
        node.entities += [OTHERS[5]]
        (one,) = search(monkeypatch, announcement(node))
        assert (one.found.title, one.found.kind) == ("Kitchen Power", "sensor")
        options = {"component": "sensor", "entity": "power", "sensors": ["energy"]}
        assert one.found.options == {"address": f"127.0.0.1:{node.port}", **options}


def test_a_node_that_cannot_be_asked_is_listed_with_the_reason(
    encrypted_node: EsphomeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that a configured device has is used; a node that does not answer is no failure."""
    service = announcement(encrypted_node, api_encryption="Noise_NNpsk0_25519_ChaChaPoly_SHA256")
    (one,) = search(monkeypatch, service)
    assert (one.found.driver, one.is_new) == (None, False)
    assert "write its key to a file" in one.found.note
    known = {"address": "kitchen.local", "encryption_key_file": key_file(tmp_path, KEY), "entity": "x"}
    options = parse_table(known, loader.driver("esphome").options_type, (), [])
    monkeypatch.setattr(discover, "known_options", lambda *_: [options])
    (one,) = search(monkeypatch, service)
    assert (one.found.driver, one.found.options["entity"]) == ("esphome", "relay")
    assert one.found.options == {**known, "entity": "relay", "sensors": ["power"]}
    encrypted_node.stop()
    (one,) = search(monkeypatch, service)
    assert one.found.note == f"{service.address}: Connection refused"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"component": "light"}, {"switch", "dim", "tint"}),
        ({"component": "light", "tints": False}, {"switch", "dim"}),
        ({"component": "light", "dims": False}, {"switch"}),
        ({"component": "light", "colours": True}, {"switch", "dim", "tint", "colour"}),
        ({"component": "cover"}, {"move"}),
        ({"component": "climate"}, {"regulate"}),
        ({"component": "event"}, {"press", "switch"}),
    ],
)
def test_its_abilities_are_those_of_the_entity(options: dict[str, Any], expected: set[str]) -> None:
    """`house check` refuses what the entity cannot do."""
    driver = loader.driver("esphome")
    typed = parse_table({"address": "node.local", **options}, driver.options_type, (), [])
    assert typed is not None
    assert driver.abilities_with(typed) == expected


@pytest.mark.parametrize(
    ("device_class", "unit", "value", "field", "converted"),
    [
        ("temperature", "°C", 21.5, "temperature_celsius", 21.5),
        ("temperature", "K", 293.15, "temperature_celsius", 20.0),
        ("", "°C", 21.5, "temperature_celsius", 21.5),
        ("humidity", "%", 40.0, "humidity_percent", 40.0),
        ("moisture", "%", 40.0, "soil_moisture_percent", 40.0),
        ("illuminance", "lx", 300.0, "illuminance_lux", 300.0),
        ("pressure", "kPa", 101.3, "pressure_hectopascals", 1013.0),
        ("carbon_dioxide", "ppm", 600.0, "co2_ppm", 600.0),
        ("pm25", "µg/m³", 7.0, "pm25_micrograms", 7.0),
        ("energy", "MWh", 0.5, "energy_watt_hours", 500_000.0),
        ("power", "kW", 1.2, "power_watts", 1200.0),
        ("", "W", 60.0, "power_watts", 60.0),
        ("current", "mA", 250.0, "current_amperes", 0.25),
        ("voltage", "V", 230.1, "voltage_volts", 230.1),
        ("power_factor", "", 0.95, "power_factor", 0.95),
        ("power_factor", "%", 95.0, "power_factor", 0.95),
        ("signal_strength", "dBm", -61.0, "signal_dbm", -61.0),
        ("battery", "%", 87.4, "battery_percent", 87),
    ],
)
def test_a_measurement_is_converted(
    device_class: str, unit: str, value: float, field: str, converted: float
) -> None:
    """The device class and the unit decide; without a class, a unit that can be only one."""
    what = measurement_of(device_class, unit)
    assert what is not None
    assert (what.field, what.convert(value)) == (field, converted)
    assert what.convert(float("inf")) is None


@pytest.mark.parametrize(
    ("device_class", "unit"), [("", "%"), ("", "ppm"), ("temperature", "%"), ("speed", "m/s"), ("", "")]
)
def test_another_measurement_is_not_guessed(device_class: str, unit: str) -> None:
    """Percent alone may be humidity, a battery or an opening."""
    assert measurement_of(device_class, unit) is None


def test_a_diagnostic_temperature_is_that_of_the_node() -> None:
    """It is not that of a room."""
    assert measurement_of("temperature", "°C", is_diagnostic=True) == Measurement(
        "device_temperature_celsius"
    )


@pytest.mark.parametrize(
    ("word", "touch"),
    [
        ("single", "single"), ("press", "single"), ("Single Click", "single"), ("short_press", "single"),
        ("double-click", "double"), ("triple_press", "triple"), ("long_press", "long"), ("hold", "long"),
        ("release", "release"), ("long_release", "release"), ("clockwise", None), ("doorbell", None),
    ],
)  # fmt: skip
def test_an_event_type_is_a_press_or_none(word: str, touch: str | None) -> None:
    """Each firmware names its event types as its author likes."""
    assert touch_of(word) == touch
