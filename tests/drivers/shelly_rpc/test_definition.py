"""What Shellys are by their components: the facts of models, recorded or from the documentation."""

import json
from pathlib import Path
from typing import Any

import pytest

from daemons.drivers.shelly_rpc.definition import Description, Part, parts
from daemons.drivers.shelly_rpc.discovery import options_for
from daemons.drivers.shelly_rpc.options import Options
from daemons.drivers.shelly_rpc.status import own_keys, read
from daemons.kinds import Reading
from tests.drivers.shelly_rpc import text_of

MODELS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "shelly_models.json").read_text()
)
"""By model and firmware: the answers of a device, reduced to what House reads, its parts and a reading."""
IDS = [f"{one['info']['app']} {one['info'].get('profile', '')} {one['info']['ver']}" for one in MODELS]


def described(model: dict[str, Any]) -> Description:
    """Return the answers of a model."""
    names = ("info", "config", "status", "dynamic", "objects")
    return Description(**{name: model[name] for name in names if name in model})


def test_the_facts_are_of_many_models() -> None:
    """docs/hardware.md has these numbers."""
    assert len(MODELS) == 42
    assert sum(one["source"] == "recorded" for one in MODELS) == 23
    assert len({one["info"]["model"] for one in MODELS}) == 32


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_a_model_is_found_as_what_it_is(model: dict[str, Any]) -> None:
    """Each component is a part with a kind, or has a sentence that says why it has none."""
    found = parts(described(model))
    assert len(found) == len(model["parts"])
    for part, expected in zip(found, model["parts"], strict=True):
        assert text_of(part).startswith(expected)


@pytest.mark.parametrize("model", [one for one in MODELS if "reading" in one])
def test_the_first_part_of_a_model_is_read(model: dict[str, Any]) -> None:
    """The reading has the values of its status. A value that it does not have is not read."""
    device = described(model)
    part = next((one for one in parts(device) if one.kind), Part(component="sensor"))
    added = {one["key"]: one["status"] for one in device.dynamic}
    known = {key: part for key, part in {**device.status, **added}.items() if isinstance(part, dict)}
    options = Options(address="x", component=part.component, channel=part.channel)
    sensors = {
        key: 45 if key == "bthomesensor:202" else 5 for key in ("bthomesensor:201", "bthomesensor:202")
    }
    changes = read(options, known, sensors if device.dynamic else {})
    assert own_keys(options, known)
    assert Reading(**changes)
    for field, value in model["reading"].items():
        assert changes.get(field) == value, field


def test_the_options_name_the_part() -> None:
    """A device with one switch needs its address only; each part of another one has all its options."""
    assert options_for("a", Part(kind="plug"), [], is_alone=True) == {"address": "a"}
    assert options_for("a", Part(kind="plug", channel=1), [], is_alone=False) == {
        "address": "a", "component": "switch", "channel": 1,
    }  # fmt: skip
    remote = Part(kind="button", component="bthomedevice", channel=203, input=2)
    assert options_for("a", remote, [], is_alone=True) == {
        "address": "a", "component": "bthomedevice", "channel": 203, "input": 2,
    }  # fmt: skip


def test_an_input_that_the_house_has_beside_a_relay_is_known() -> None:
    """It is listed as the device of the house that has it."""
    button = Part(kind="button", component="input", channel=1)
    known = [Options(address="a", input=1)]
    assert options_for("a", button, known, is_alone=False) == {"address": "a", "input": 1}
