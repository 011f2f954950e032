"""`house show NAME`: the options of a device with their places and defaults, and its rules in words."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemons.cli.main import main

HOUSE = """\
[defaults.kinds.lamp]
room = "Hall"

[devices.switch]
kind = "light_switch"
driver = "simulated"

[devices.lamp]
kind = "lamp"
driver = "simulated"
simulated.speed = 2
off_after = "10m"

[[devices.lamp.when]]
device = "switch"
turns = { status = true }
do = "on"
"""


def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """Run `house show` for a house that was never up, and return its output."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "house.toml"
    file.write_text(HOUSE)
    done = CliRunner().invoke(main, ["--config", str(file), "--run", str(tmp_path / "run"), "show", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_each_option_has_its_value_and_where_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A written option has file and line, one of [defaults] the line there, and any other is a default."""
    text = show(tmp_path, monkeypatch, "lamp")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "Lamp · Hall · house.toml:8"
    for line in (
        'kind = "lamp" house.toml:8',
        'driver = "simulated" house.toml:10',
        'room = "Hall" house.toml:2',
        'off_after = "10m" house.toml:12',
        "simulated.speed = 2 house.toml:11",
        "brightness_percent = 100 default",
        'grace = "1m" default',
    ):
        assert line in lines
    assert "lamp rule 1 (house.toml:14)\n  when switch turns on: on\n  has not acted" in text


def test_the_document_has_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option that is a default has no place."""
    found = json.loads(show(tmp_path, monkeypatch, "lamp", "--json"))
    assert {key: found[key] for key in ("device", "name", "room", "kind", "place")} == {
        "device": "lamp",
        "name": "Lamp",
        "room": "Hall",
        "kind": "lamp",
        "place": "house.toml:8",
    }
    options = {one["key"]: one for one in found["options"]}
    assert options["brightness_percent"] == {"key": "brightness_percent", "value": 100, "place": None}
    assert options["simulated.speed"]["place"] == "house.toml:11"
    assert [rule["text"] for rule in found["rules"]] == ["when switch turns on: on"]
