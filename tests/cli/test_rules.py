"""`house rules` and `house why --not`: rules in words, with what is known of them."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from daemons.cli.main import main
from tests.support.house import HouseFactory, eventually

Run = Callable[..., Result]
HOUSE = """\
[house]
timezone = "UTC"
[devices.switch]
kind = "light_switch"
driver = "simulated"
[devices.lamp]
kind = "lamp"
driver = "simulated"
[[devices.lamp.when]]
device = "switch"
turns = { status = true }
do = "on"
[[devices.lamp.when]]
device = "switch"
turns = { status = false }
only_if = [{ device = "fan", is = { status = true } }]
do = "off"
[devices.fan]
kind = "plug"
driver = "simulated"
[[devices.fan.when]]
device = "lamp"
turns = { status = true }
delay = "1h"
do = "on"
[[devices.fan.when]]
at = "06:30"
days = ["sat"]
do = "off"
[devices.evening]
kind = "scene"
sets = { fan = "off" }
"""


def line_of(text: str, number: int = 1) -> str:
    """Return the place of the `number`-th line with this text."""
    return f"house.toml:{[n for n, line in enumerate(HOUSE.splitlines(), 1) if line == text][number - 1]}"


@pytest.fixture
def run_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a `house` command for a house that was never up."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "house.toml"
    file.write_text(HOUSE)

    def run(*words: str) -> Result:
        options = ["--config", str(file), "--run", str(tmp_path / "run")]
        return CliRunner().invoke(main, [*options, *words], prog_name="house")

    return run


def test_each_rule_is_listed_with_its_place_and_words(run_verb: Run) -> None:
    """A rule of a scene names the scene, and the line of its entry."""
    found = json.loads(run_verb("rules", "--json").output)
    assert [(one["device"], one["number"], one["place"], one["made_by"]) for one in found][:5] == [
        ("lamp", 1, line_of("[[devices.lamp.when]]"), None),
        ("lamp", 2, line_of("[[devices.lamp.when]]", 2), None),
        ("fan", 1, line_of("[[devices.fan.when]]"), None),
        ("fan", 2, line_of("[[devices.fan.when]]", 2), None),
        ("fan", 3, line_of('sets = { fan = "off" }'), "evening"),
    ]
    assert [one["text"] for one in found][:4] == [
        "when switch turns on: on",
        "when switch turns off, only if fan is on: off",
        "when lamp turns on, 1h later: on",
        "at 06:30, only on the days sat: off",
    ]


def test_the_next_moment_of_a_time_fits_its_days(run_verb: Run) -> None:
    """The rule for Saturdays is due on the next Saturday, and not on the next day."""
    (rule,) = [one for one in json.loads(run_verb("rules", "fan", "--json").output) if one["number"] == 2]
    due, now = datetime.fromtimestamp(rule["due_at"], UTC), datetime.now(UTC)
    assert (due.weekday(), f"{due:%H:%M}") == (5, "06:30")
    assert now < due <= now + timedelta(days=7)


def test_the_text_has_the_same(run_verb: Run) -> None:
    """A rule that never acted says so; a device without rules has none."""
    output = run_verb("rules", "lamp").output
    assert f"lamp rule 1 ({line_of('[[devices.lamp.when]]')})\n" in output
    assert "  has not acted\n" in output
    assert run_verb("rules", "switch").output == "There are no rules.\n"
    assert run_verb("rules", "lmap").exit_code == 2


def test_without_a_declined_rule_the_verb_says_so(run_verb: Run) -> None:
    """A house that was never up has none."""
    assert run_verb("why", "lamp", "--not").output == "No rule of lamp has looked and not acted.\n"


def test_rules_of_a_house_that_runs(make_house: HouseFactory) -> None:
    """The verbs read the memory of the devices: what acted, what declined and why, and what is due."""
    house = make_house(HOUSE)
    house.house("up")
    began = time.time()
    for _ in range(2):
        house.send("switch", "press")

    def rules() -> dict[tuple[str, int], Any]:
        found = json.loads(house.house("rules", "--json").stdout)
        return {(one["device"], one["number"]): one for one in found}

    eventually(lambda: rules()["lamp", 2]["declined"] and rules()["fan", 1]["due_at"])
    found = rules()
    assert began - 0.1 <= found["lamp", 1]["fired_at"] <= time.time()
    assert found["lamp", 2]["fired_at"] is None
    reason = "condition not met: fan is { status = true }"
    assert found["lamp", 2]["declined"]["reason"] == reason
    assert began + 3599 < found["fan", 1]["due_at"] < time.time() + 3600
    place = line_of("[[devices.lamp.when]]", 2)
    assert f"rule 2 ({place}): {reason}" in house.house("why", "lamp", "--not").stdout
    (declined,) = json.loads(house.house("why", "lamp", "--not", "--json").stdout)["declined"]
    assert (declined["rule"], declined["place"], declined["reason"]) == (2, place, reason)
