"""The list of devices: each definition becomes what its device is, or a sentence."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

from daemons.config.device import build
from daemons.drivers.mqtt_zigbee2mqtt import Options
from daemons.drivers.transports.broker import Broker
from daemons.drivers.zigbee2mqtt.definition import Definition, DeviceEntry, Part, found_in, parts, to_found
from daemons.values import convert

DATA = Path(__file__).parents[2] / "data" / "zigbee2mqtt_exposes.json"
"""Lines of [number of definitions, what they expose, what they are], reduced to what House reads."""
SETPOINT = "occupied_heating_setpoint"
DEFINITIONS, READ = 4516, 4303


def expanded(exposed: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return exposed features as Zigbee2MQTT publishes them; `state=name` has another property.

    The `values` of a thermostat are its modes.
    """
    found = []
    for part in exposed:
        end = f"_{part['endpoint']}" if "endpoint" in part else ""
        names = [name.partition("=") for name in part.get("features", ())]
        modes = {"system_mode": {"values": part.get("values", ("heat",))}}
        features = [
            {"name": name, "property": own or name + end, **modes.get(name, {})} for name, _, own in names
        ]
        found.append({**part, "features": features} if features else part)
    return tuple(found)


def described(part: Part) -> str:
    """Return a part in one word, such as `sensor:opening` or `plug@l1`, or its note."""
    detects = f":{part.kind_options['detects']}" if part.kind_options else ""
    return f"{part.kind}{detects}{f'@{part.name}' if part.name else ''}" if part.kind else part.note


def test_known_definitions_are_what_they_are() -> None:
    """Each definition of Zigbee2MQTT is found as recorded, and each that House cannot use has a sentence."""
    counts: Counter[bool] = Counter()
    for count, exposed, expected in json.loads(DATA.read_text()):
        found = parts(convert({"exposes": expanded(exposed)}, Definition))
        assert sorted({described(part) for part in found}) == expected, exposed
        assert all(bool(part.kind) is not bool(part.note) for part in found)
        counts[bool(found[0].kind)] += count
    assert (counts[True], counts.total()) == (READ, DEFINITIONS)


@pytest.mark.parametrize(
    ("exposes", "expected"),
    [
        ([{"type": "light", "features": [{"name": "state"}]}], [("lamp", {"dims": False}, {})]),
        (
            [{"type": "light", "features": [
                {"name": "state"}, {"name": "brightness"}, {"name": "color_xy"}, {"name": "color_hs"},
            ]}],
            [("lamp", {"colours": "xy"}, {})],
        ),
        (
            [{"type": "light", "features": [
                {"name": "state"}, {"name": "brightness"}, {"name": "color_hs"},
            ]}],
            [("lamp", {"colours": "hs"}, {})],
        ),
        ([{"type": "cover"}], [("cover", {}, {})]),
        (
            [{"type": "switch", "endpoint": "l1"}, {"type": "light", "endpoint": "l2"}],
            [("plug", {"endpoint": "l1"}, {}), ("lamp", {"endpoint": "l2"}, {})],
        ),
        (
            [{"type": "enum", "name": "action", "values": ["on_press", "on_press_release", "on_hold"]}],
            [("button", {"switches": False, "button": "on", "at_release": True}, {})],
        ),
        (
            [{"type": "enum", "name": "action", "values": ["single_left", "double_left", "single_right"]}],
            [
                ("button", {"switches": False, "button": "left"}, {}),
                ("button", {"switches": False, "button": "right"}, {}),
            ],
        ),
        (
            [
                {"type": "binary", "name": name, "value_on": name != "contact"}
                for name in ("tamper", "contact")
            ],
            [("sensor", {"switches": False}, {"detects": "opening"})],
        ),
        (
            [
                {"type": "climate", "endpoint": "l1", "features": [
                    {"name": "current_heating_setpoint", "value_min": 15, "value_max": 28, "value_step": 1},
                    {"name": "system_mode", "values": ["off", "auto"]},
                    {"name": "preset", "values": ["schedule", "manual"]},
                ]},
                {"type": "switch", "features": [{"name": "state"}]},
            ],
            [
                (
                    "thermostat",
                    {
                        "endpoint": "l1", "setpoint": "current_heating_setpoint",
                        "preset": "manual", "lowest_celsius": 15, "highest_celsius": 28,
                        "step_celsius": 1, "heat_mode": "auto", "off_mode": True,
                    },
                    {},
                )
            ],
        ),
        (
            [{"type": "climate", "features": [{"name": "occupied_heating_setpoint"}]}],
            [("thermostat", {"setpoint": "occupied_heating_setpoint", "heat_mode": ""}, {})],
        ),
        (
            [{"type": "numeric", "name": name, "endpoint": "a"} for name in ("power", "energy", "voltage")],
            [("sensor", {"switches": False, "endpoint": "a"}, {})],
        ),
    ],
)  # fmt: skip
def test_each_part_of_a_device_is_found_with_valid_options(
    exposes: list[dict[str, Any]], expected: list[tuple[str, dict[str, Any], dict[str, Any]]]
) -> None:
    """Each endpoint and each button is a device of the house; its table is valid in a configuration."""
    definition = convert({"model": "M", "vendor": "V", "exposes": exposes}, Definition)
    found = to_found(DeviceEntry("hall", definition), Broker(port=1884), "zigbee2mqtt")
    own = {"port": 1884, "device": "hall"}
    assert [(one.kind, one.options, one.kind_options) for one in found] == [
        (kind, {**own, **options}, kind_options) for kind, options, kind_options in expected
    ]
    for one in found:
        problems: list[Any] = []
        table = {"kind": one.kind, **one.kind_options, "driver": one.driver, str(one.driver): one.options}
        assert build("x", table, (), problems) is not None
        assert problems == []


@pytest.mark.parametrize(
    ("exposed", "note"),
    [
        ({"type": "climate", "features": [{"name": "local_temperature"}]}, "keeps no temperature by heating"),
        ({"type": "lock"}, "no kind for a lock"),
        ({"type": "fan"}, "no kind for a fan"),
        ({"type": "composite", "name": "warning"}, "no kind for a siren"),
        ({"type": "enum", "name": "action", "values": ["rotate_left"]}, "no value of its action"),
        ({"type": "numeric", "name": "battery"}, "nothing that House reads"),
    ],
)
def test_what_cannot_work_has_a_sentence_and_no_driver(exposed: dict[str, Any], note: str) -> None:
    """Such a device is shown, and cannot be added."""
    payload = json.dumps([{"friendly_name": "x", "definition": {"exposes": [exposed]}}]).encode()
    (found,) = found_in(payload, Broker(), "zigbee2mqtt", Options)
    assert found.driver is None
    assert note in found.note


@pytest.mark.parametrize("payload", [b"", b"{}", b"[3]", b"\xff"])
def test_a_list_that_is_not_valid_has_no_devices(payload: bytes) -> None:
    """What is not the list of Zigbee2MQTT is ignored."""
    assert found_in(payload, Broker(), "zigbee2mqtt", Options) == []


@pytest.mark.parametrize(
    ("device", "note"),
    [
        ({"friendly_name": "x", "definition": {"exposes": [{"type": "light", "features": 3}]}}, None),
        ({"friendly_name": "x", "definition": {"exposes": {}}}, None),
        ({"friendly_name": "a/+/b", "definition": {"exposes": [{"type": "light"}]}}, None),
        (
            {"friendly_name": "x", "definition": {"exposes": [{"type": "climate", "features": [
                {"name": SETPOINT, "value_min": 40, "value_max": 90, "value_step": 1}]}]}},
            "40.0 is not allowed",
        ),
    ],
)  # fmt: skip
def test_a_description_that_is_not_valid_has_a_sentence(device: dict[str, Any], note: str | None) -> None:
    """The devices beside it are found as before."""
    good = {"friendly_name": "lamp", "definition": {"exposes": [{"type": "light"}]}}
    payload = json.dumps([device, 3, {}, None, good, {"friendly_name": "coordinator"}]).encode()
    bad, lamp = found_in(payload, Broker(), "zigbee2mqtt", Options)
    assert (bad.driver, bad.kind) == (None, "")
    assert bad.note.startswith("Zigbee2MQTT describes it in a way that House does not know")
    assert (note or "") in bad.note
    assert lamp.kind == "lamp"


names = st.sampled_from(["state", "action", "contact", "power", "temperature", "system_mode", SETPOINT])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | names, inner, max_size=3),
    max_leaves=5,
)
exposed_values = st.recursive(
    json_values,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["light", "switch", "climate", "binary", "numeric", "enum"])
            | json_values,
            "name": names | json_values,
            "property": names | json_values,
            "endpoint": st.sampled_from(["l1", ""]) | json_values,
            "features": st.lists(inner, max_size=3) | json_values,
            "values": st.lists(st.sampled_from(["off", "single", "1_single"]) | json_values, max_size=3),
            "value_on": json_values,
            "value_min": st.floats(-100, 100) | json_values,
            "value_max": st.floats(-100, 100) | json_values,
            "value_step": st.floats(0, 9) | json_values,
        },
    ),
    max_leaves=4,
)


@settings(max_examples=150)
@given(st.lists(exposed_values, max_size=4) | json_values, json_values | st.just("hall"))
def test_whatever_a_broker_retains_a_device_is_valid_has_a_sentence_or_is_left_out(
    exposes: Any, name: Any
) -> None:
    """No announcement ends the search, and none leads to a table that `house check` refuses."""
    payload = msgspec.json.encode([{"friendly_name": name, "definition": {"exposes": exposes}}])
    for found in found_in(payload, Broker(), "zigbee2mqtt", Options):
        problems: list[Any] = []
        if found.driver is None:
            assert found.note
        else:
            assert convert(found.options, Options)
            table = {"kind": found.kind, **found.kind_options, "driver": found.driver}
            assert build("x", {**table, found.driver: found.options}, (), problems) is not None, problems
