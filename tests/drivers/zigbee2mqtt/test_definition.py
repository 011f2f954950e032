"""The list of devices: each definition becomes what its device is, or a sentence."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from daemons.config.device import build
from daemons.drivers.transports.broker import Broker
from daemons.drivers.zigbee2mqtt.definition import Definition, DeviceEntry, Part, found_in, parts, to_found

DATA = Path(__file__).parents[2] / "data" / "zigbee2mqtt_exposes.json"
"""Lines of [number of definitions, what they expose, what they are], reduced to what House reads."""
DEFINITIONS, READ = 4516, 4030


def expanded(exposed: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return exposed features as Zigbee2MQTT publishes them; `state=name` has another property."""
    found = []
    for part in exposed:
        end = f"_{part['endpoint']}" if "endpoint" in part else ""
        names = [name.partition("=") for name in part.get("features", ())]
        features = [{"name": name, "property": own or name + end} for name, _, own in names]
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
        found = parts(Definition(exposes=expanded(exposed)))
        assert sorted({described(part) for part in found}) == expected, exposed
        assert all(bool(part.kind) is not bool(part.note) for part in found)
        counts[bool(found[0].kind)] += count
    assert (counts[True], counts.total()) == (READ, DEFINITIONS)


@pytest.mark.parametrize(
    ("exposes", "expected"),
    [
        ([{"type": "light", "features": [{"name": "state"}]}], [("lamp", {"dims": False}, {})]),
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
    ],
)
def test_each_part_of_a_device_is_found_with_valid_options(
    exposes: list[dict[str, Any]], expected: list[tuple[str, dict[str, Any], dict[str, Any]]]
) -> None:
    """Each endpoint and each button is a device of the house; its table is valid in a configuration."""
    found = to_found(
        DeviceEntry("hall", Definition("M", "V", tuple(exposes))), Broker(port=1884), "zigbee2mqtt"
    )
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
        ({"type": "climate"}, "no driver for a thermostat"),
        ({"type": "lock"}, "no kind for a lock"),
        ({"type": "fan"}, "no kind for a fan"),
        ({"type": "composite", "name": "warning"}, "no kind for a siren"),
        ({"type": "numeric", "name": "power"}, "no kind for an energy meter"),
        ({"type": "enum", "name": "action", "values": ["rotate_left"]}, "no value of its action"),
        ({"type": "numeric", "name": "battery"}, "nothing that House reads"),
    ],
)
def test_what_cannot_work_has_a_sentence_and_no_driver(exposed: dict[str, Any], note: str) -> None:
    """Such a device is shown, and cannot be added."""
    payload = json.dumps([{"friendly_name": "x", "definition": {"exposes": [exposed]}}]).encode()
    (found,) = found_in(payload, Broker(), "zigbee2mqtt")
    assert found.driver is None
    assert note in found.note


@pytest.mark.parametrize("payload", [b"", b"{}", b"[3]", b"\xff"])
def test_a_list_that_is_not_valid_has_no_devices(payload: bytes) -> None:
    """What is not the list of Zigbee2MQTT is ignored."""
    assert found_in(payload, Broker(), "zigbee2mqtt") == []
