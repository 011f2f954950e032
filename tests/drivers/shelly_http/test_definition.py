"""What Shellys of the first generation are: the facts of models, recorded or from the documentation."""

import json
from pathlib import Path
from typing import Any

import pytest

from daemons.drivers.shelly_http.definition import Part, parts
from daemons.drivers.shelly_http.discovery import options_for
from daemons.drivers.shelly_http.options import Options
from daemons.drivers.shelly_http.status import about, part_of, read
from daemons.kinds import Reading

MODELS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "shelly_gen1_models.json").read_text()
)
"""By model: the answers of a device, reduced to what House reads, its parts and a reading."""
IDS = [f"{one['info']['type']} {one['settings'].get('mode', '')}" for one in MODELS]


def text_of(part: Part) -> str:
    """Return a part in words, such as `sensor sensor:0 water`; without a kind, its note."""
    detects = f" {part.kind_options['detects']}" if part.kind_options else ""
    tints = " tints" if part.tints else ""
    text = f"{part.kind} {part.component}:{part.channel}{detects}{tints}"
    return text if part.kind else f"none: {part.note}"


def test_the_facts_are_of_many_models() -> None:
    """docs/hardware.md has these numbers."""
    assert len(MODELS) == 27
    assert sum(one["source"] == "recorded" for one in MODELS) == 4
    assert len({one["info"]["type"] for one in MODELS}) == 22


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_a_model_is_found_as_what_it_is(model: dict[str, Any]) -> None:
    """Each component is a part with a kind, or the device has a sentence that says why it has none."""
    found = parts(model["settings"], model["status"])
    assert len(found) == len(model["parts"]), found
    for part, expected in zip(found, model["parts"], strict=True):
        assert text_of(part).startswith(expected)
        assert part.kind or part.note
        assert part.has_battery is (
            part.component in ("sensor", "thermostat") and "bat" in model["status"] and bool(part.kind)
        )


@pytest.mark.parametrize("model", [one for one in MODELS if "reading" in one])
def test_the_first_part_of_a_model_is_read(model: dict[str, Any]) -> None:
    """The reading has the values of its status. A value that it does not have is not read."""
    part = parts(model["settings"], model["status"])[0]
    component = part.component if part.kind else "sensor"
    options = Options(address="x", component=component, channel=part.channel, tints=part.tints)
    changes = read(options, model["status"])
    assert part_of(options, model["status"])
    assert Reading(**changes)
    for field, value in model["reading"].items():
        assert changes.get(field) == value, field


@pytest.mark.parametrize(
    ("firmware", "version"),
    [("20230913-113421/v1.14.0-gcb84623", "1.14.0"), ("20201124-092159/v1.9.0@57ac4ad8", "1.9.0"), (5, None)],
)
def test_the_firmware_has_a_short_name(firmware: Any, version: str | None) -> None:
    """A device writes its date and its version into one text."""
    assert about(Options(address="x"), {"type": "SHSW-1", "fw": firmware}).firmware == version


def test_the_options_name_the_part() -> None:
    """A device with one relay needs its address only; each part of another one has all its options."""
    assert options_for("a", Part(kind="plug"), [], is_alone=True) == {"address": "a"}
    lamp = Part(kind="lamp", component="light", tints=True)
    assert options_for("a", lamp, [], is_alone=True) == {"address": "a", "component": "light", "tints": True}
    motion = Part(kind="sensor", component="sensor", has_battery=True)
    assert options_for("a", motion, [], is_alone=True) == {
        "address": "a",
        "component": "sensor",
        "poll": "1m",
    }
    second = Part(kind="plug", channel=1)
    assert options_for("a", second, [], is_alone=False) == {
        "address": "a",
        "component": "relay",
        "channel": 1,
    }


def test_a_part_that_the_house_has_is_named_by_its_component() -> None:
    """Its other options may differ from those that the search would write."""
    lamp = Part(kind="lamp", component="light", tints=True)
    known = [Options(address="a", component="light", input=1)]
    assert options_for("a", lamp, known, is_alone=True) == {"address": "a", "component": "light"}
    button = Part(kind="button", component="input", channel=1)
    assert options_for("a", button, known, is_alone=False) == {"address": "a", "input": 1}
