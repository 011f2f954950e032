"""Discovery messages of Home Assistant: what each device becomes, and what is left out."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")
pytest.importorskip("jinja2", reason="needs the extra templates")

from daemons.config.device import build
from daemons.drivers import Found
from daemons.drivers.generic_mqtt.announcement import SHORT, entities
from daemons.drivers.generic_mqtt.discovery import found_in
from daemons.drivers.transports.broker import Broker
from daemons.values import Problem

DATA = Path(__file__).parents[2] / "data" / "mqtt_discovery.json"
"""Lines of [what announces, the topics and messages, the devices], reduced to what House reads."""
CORPUS: list[tuple[str, list[tuple[str, dict[str, Any]]], list[Any]]] = json.loads(DATA.read_text())
READ, KNOWN = 36, 46
"""How many of the devices have a driver, and how many there are."""


def search(*messages: tuple[str, Any]) -> list[Any]:
    """Return what discovery messages announce: title, kind, driver, and the options or the note."""
    announced = found_in([(topic, json.dumps(config).encode()) for topic, config in messages], Broker())
    found = [checked(one) for one in announced]
    return [
        [
            one.title,
            ":".join([one.kind, *one.kind_options.values()]),
            one.driver or "",
            one.options if one.driver else one.note,
        ]
        for one in found
    ]


def checked(found: Found) -> Found:
    """Return a found device as `house discover` lists it: without a driver if it cannot be configured."""
    problems: list[Problem] = []
    if found.driver:
        table = {
            "kind": found.kind,
            **found.kind_options,
            "driver": found.driver,
            found.driver: found.options,
        }
        build("x", table, (), problems)
    return replace(found, driver=None, note=problems[0].text) if problems else found


def test_known_announcements_are_what_they_are() -> None:
    """Each device is found as recorded, once, with valid options. What House cannot use has a sentence."""
    devices = []
    for source, messages, expected in CORPUS:
        found = search(*messages)
        assert found == expected, source
        devices += found
    assert (sum(bool(driver) for _, _, driver, _ in devices), len(devices)) == (READ, KNOWN)


SWITCH = {"cmd_t": "a/set", "stat_t": "a"}
CLIMATE = {"temp_cmd_t": "t/set", "temp_stat_t": "t", "mode_cmd_t": "m/set", "mode_stat_t": "m"}


@pytest.mark.parametrize(
    ("component", "config", "expected"),
    [
        ("switch", {"stat_t": "a"}, "its announcement has no command_topic"),
        ("light", {**SWITCH, "bri_cmd_t": "b", "bri_cmd_tpl": "{{ value / 2 }}"}, "its brightness_command_t"),
        ("device_tracker", {"stat_t": "a", "val_tpl": "{{ value_json.x }}"}, "cannot use its value_template"),
        ("sensor", {"stat_t": "#", "dev_cla": "power", "unit_of_meas": "W"}, "the topics of other hardware"),
        ("sensor", {"stat_t": "+/+", "dev_cla": "humidity", "unit_of_meas": "%"}, "the topics of other"),
        ("sensor", {"stat_t": "a", "dev_cla": "power", "unit_of_meas": "hp"}, "nothing that House reads"),
        ("event", {"stat_t": "a", "event_types": ["rotate"]}, "none of its events is a press"),
        ("cover", {"set_pos_t": "a"}, "it has no commands to open, close and stop"),
        ("light", {"schema": "template", "cmd_t": "a"}, "with the schema template"),
        ("climate", {"mode_cmd_t": "a"}, "no temperature_command_topic"),
        ("climate", {"temp_lo_cmd_t": "a"}, "two targets at once"),
        ("climate", {"temp_cmd_t": "a"}, "does not report its target"),
        ("climate", {"temp_cmd_t": "a", "temp_stat_t": "b", "temp_unit": "F"}, "not in °C"),
        ("climate", {**CLIMATE, "modes": ["cool", "off"]}, "no mode heat"),
        (
            "climate",
            {**CLIMATE, "mode_cmd_tpl": "{{ 1 if value == 'heat' else 0 }}"},
            "mode_command_template",
        ),
        ("climate", {**CLIMATE, "min_temp": 30, "max_temp": 30}, "between 30 °C and 30 °C"),
        ("lock", {"cmd_t": "a"}, "no driver for: lock"),
    ],
)
def test_what_cannot_be_used_has_a_sentence(component: str, config: dict[str, Any], expected: str) -> None:
    """It is listed without a driver, and never added."""
    ((_, kind, driver, note),) = search((f"homeassistant/{component}/x/config", config))
    assert (kind, driver) == ("", "")
    assert expected in note


@pytest.mark.parametrize(
    ("words", "states"),
    [
        ({}, None),
        ({"pl_on": "0", "pl_off": "1"}, None),
        ({"stat_on": "on", "stat_off": "off"}, None),
        ({"stat_on": "yes", "stat_off": "nope"}, {"on": "yes", "off": "nope"}),
        ({"pl_on": "0", "pl_off": "1", "stat_on": "1", "stat_off": "0"}, {"on": "1", "off": "0"}),
        ({"val_tpl": "{{ 'ON' if value_json.x else 'OFF' }}"}, None),
        ({"val_tpl": "{{ 'OFF' if value_json.x else 'ON' }}"}, {"on": "false", "off": "true"}),
    ],
)
def test_the_words_of_a_state_are_written_if_they_are_unusual(
    words: dict[str, str], states: dict[str, str] | None
) -> None:
    """The words of the state may be the opposite of those of the command."""
    ((_, _, _, options),) = search(("homeassistant/switch/x/config", {**SWITCH, **words}))
    assert options.get("states") == states


@pytest.mark.parametrize(
    ("more", "off_mode"),
    [
        ({}, None),  # 7 °C, as Home Assistant has it
        ({"min_temp": 16}, True),
        ({"min_temp": 16, "modes": ["heat"]}, None),
        ({"min_temp": 16, "mode_stat_t": None}, None),
    ],
)
def test_a_thermostat_is_off_by_its_mode_if_its_lowest_target_is_warm(
    more: dict[str, Any], off_mode: bool | None
) -> None:
    """A cold target keeps the frost away, which an off mode may not do. Some modes are not reported."""
    ((_, kind, _, options),) = search(("homeassistant/climate/x/config", {**CLIMATE, **more}))
    assert (kind, options["mode"].get("off_mode")) == ("thermostat", off_mode)


def test_a_state_that_is_optimistic_is_not_confirmed() -> None:
    """Home Assistant does not wait for it either."""
    ((_, _, _, options),) = search(("homeassistant/switch/x/config", {**SWITCH, "opt": True}))
    assert options == {"command_topic": "a/set"}


def test_a_meter_that_switches_nothing_is_a_sensor() -> None:
    """Its power is its measurement."""
    config = {"stat_t": "a", "dev_cla": "power", "unit_of_meas": "kW"}
    ((_, kind, _, options),) = search(("homeassistant/sensor/x/config", config))
    assert (kind, options) == ("sensor", {"measurements": {"power_watts": {"topic": "a", "factor": 1000.0}}})


def test_several_switches_share_no_meter() -> None:
    """It is not known which of them it measures."""
    device = {"ids": ["x"], "name": "Strip"}
    meter = {"stat_t": "p", "dev_cla": "power", "unit_of_meas": "W", "dev": device}
    found = search(
        *((f"homeassistant/switch/x/{n}/config", {**SWITCH, "name": n, "dev": device}) for n in ("a", "b")),
        ("homeassistant/sensor/x/p/config", meter),
    )
    assert [(title, "measurements" in options) for title, _, _, options in found] == [
        ("Strip a", False),
        ("Strip b", False),
    ]


@pytest.mark.parametrize(
    ("component", "config"),
    [
        ("switch", SWITCH),
        ("device_automation", {"t": "a", "type": "button_short_press", "subtype": "1"}),
        ("binary_sensor", {"stat_t": "a", "dev_cla": "door"}),
    ],
)
def test_facts_about_the_hardware_belong_to_what_it_is(component: str, config: dict[str, Any]) -> None:
    """Its voltage, its signal and its own temperature are no sensor of a room."""
    device = {"ids": ["x"], "name": "X"}
    fact = {"stat_t": "f", "ent_cat": "diagnostic", "dev": device}
    found = search(
        (f"homeassistant/{component}/x/config", {**config, "dev": device}),
        ("homeassistant/sensor/x/v/config", {**fact, "dev_cla": "voltage", "unit_of_meas": "mV"}),
        ("homeassistant/sensor/x/s/config", {**fact, "dev_cla": "signal_strength", "unit_of_meas": "dBm"}),
        ("homeassistant/sensor/x/t/config", {**fact, "dev_cla": "temperature", "unit_of_meas": "°C"}),
        ("homeassistant/sensor/x/u/config", {**fact, "dev_cla": "timestamp"}),
    )
    ((_, _, _, options),) = found
    assert options["measurements"] == {
        "voltage_volts": {"topic": "f", "factor": 0.001},
        "signal_dbm": {"topic": "f"},
        "device_temperature_celsius": {"topic": "f"},
    }


def test_an_empty_message_is_a_removed_device() -> None:
    """So is a component of a device that has only its platform. A topic of another form is none of ours."""
    for topic, payload in (
        ("homeassistant/switch/x/config", b""),
        ("homeassistant/switch/x/config", b"[1]"),
        ("homeassistant/switch/x/config", b"[" * 5000),
        ("homeassistant/switch/config", b'{"cmd_t": "a"}'),
        ("other/switch/x/config", b'{"cmd_t": "a"}'),
        ("homeassistant/device/x/config", b'{"cmps": {"a": {"p": "switch"}}}'),
    ):
        assert entities([(topic, payload)]) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
TEXT = st.sampled_from(
    ["a/b", "{{ value_json.a }}", "{{ value / 0 }}", "temperature", "°C", "json", "motion"]
)
CONFIG = st.dictionaries(st.sampled_from(["~", *SHORT, *SHORT.values()]), TEXT | JSON, max_size=9)
COMPONENT = st.sampled_from(
    [
        "switch",
        "light",
        "cover",
        "climate",
        "sensor",
        "binary_sensor",
        "event",
        "device_automation",
        "device_tracker",
    ]
)


@given(parts=st.lists(st.tuples(COMPONENT, CONFIG), max_size=4), shared=CONFIG)
def test_junk_is_announced_as_nothing_or_with_a_sentence(
    parts: list[tuple[str, dict[str, Any]]], shared: dict[str, Any]
) -> None:
    """No message, however wrong, raises an error."""
    components = {str(n): {**config, "platform": word} for n, (word, config) in enumerate(parts)}
    message = {**shared, "components": components, "device": {"identifiers": ["x"], **shared}}
    messages = [(f"homeassistant/{word}/x/config", config) for word, config in parts]
    for one in search(("homeassistant/device/x/config", message), *messages):
        assert one[2] or one[3]
