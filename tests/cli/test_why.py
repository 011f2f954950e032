"""`house why`: the chain of changes from its beginning, read from the history of a house that is down."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from daemons.cli.main import main
from daemons.config.house import load_house
from daemons.storage.history_row import Change, Row, Sample
from daemons.storage.history_writer import HistoryWriter
from daemons.supervision.install import install
from tests.support.house import HouseFactory, TemporaryHouse, eventually

Why = Callable[..., Result]
HOUSE = """\
[house]
timezone = "Europe/Berlin"
[devices.motion]
kind = "sensor"
driver = "simulated"
name = "Hall motion"
detects = "motion"
simulated.temperature_celsius = 20
[devices.meter]
kind = "sensor"
driver = "simulated"
simulated.temperature_celsius = 21
[devices.hall_lamp]
kind = "lamp"
driver = "simulated"
[[devices.hall_lamp.when]]
device = "motion"
turns = { status = true }
only_if = [
  { device = "meter", below = { temperature_celsius = 20 } },
  { device = "fan", is = { status = false }, for = "1m" },
]
do = "on"
[devices.fan]
kind = "plug"
driver = "simulated"
[[devices.fan.when]]
device = "hall_lamp"
turns = { status = true }
delay = "10s"
do = "on"
[[devices.fan.when]]
device = "meter"
above = { temperature_celsius = 30 }
do = "on"
[[devices.fan.when]]
at = "06:30"
do = "off"
[[devices.fan.when]]
process = "hall_lamp"
turns = { life = "failed" }
do = "on"
[devices.evening]
kind = "scene"
sets = { hall_lamp = "off" }
"""
NOW = float(int(time.time())) - 600
ON: dict[str, Any] = {"status": True, "phase": "on"}
OFF: dict[str, Any] = {"status": False, "phase": "off"}
CLEAR: dict[str, Any] = {"status": False, "phase": "clear"}
MOTION: dict[str, Any] = {"status": True, "phase": "motion"}
SENSED = {"id": "motion.1", "at": NOW, "by": "sensor", "device": "motion"}
BY_MOTION = {"by": "rule", "who": "motion", "rule": 1, "at": NOW}
CHAIN: list[Row] = [
    Change("motion", NOW - 100, CLEAR, None, turned=False),
    Change("hall_lamp", NOW - 100, OFF, None, turned=False),
    Change("fan", NOW - 100, OFF, "hardware", True, {"by": "hand"}),
    Sample("meter", "temperature_celsius", NOW - 50, 18.5),
    Change("motion", NOW, MOTION, "hardware", True, {"by": "sensor"}, SENSED),
    Sample("meter", "temperature_celsius", NOW + 1, 25.0),
    Change("hall_lamp", NOW + 0.01, ON, "hardware", True, BY_MOTION, SENSED),
    Change(
        "fan",
        NOW + 10,
        ON,
        "hardware",
        True,
        {"by": "rule", "who": "hall_lamp", "rule": 1, "at": NOW + 0.01},
        {**SENSED, "id": "motion.1+", "at": NOW + 10},
    ),
]


@pytest.fixture
def why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Why:
    """Return a function that runs `house why` for an installed house that is down."""
    monkeypatch.chdir(tmp_path)  # the verb changes the working directory; this restores it
    file, run = tmp_path / "house.toml", tmp_path / "run"
    file.write_text(HOUSE)

    def run_verb(*words: str, verb: str = "why") -> Result:
        options = ["--config", str(file), "--run", str(run)]
        return CliRunner().invoke(main, [*options, verb, *words], prog_name="house")

    run_verb("--at", "1h", "fan")  # creates the run directory
    monkeypatch.chdir(run)
    install(load_house(file), run)
    return run_verb


def record(rows: list[Row]) -> None:
    """Write rows to the history."""
    writer = HistoryWriter()
    writer.write(rows)
    writer.close()


def line_of(text: str, rule: int = 1) -> str:
    """Return the place of the rule that begins after a text."""
    lines = HOUSE.splitlines()
    found = [number for number, line in enumerate(lines, 1) if line == text]
    return f"house.toml:{found[rule - 1]}"


def test_the_chain_is_told_from_its_beginning(why: Why) -> None:
    """The first line has the whole chain: what began it, each rule with its place, and each change."""
    record(CHAIN)
    first = why("fan").output.splitlines()[0]
    at = first.partition(" at ")[2][:8]
    lamp, fan = line_of("[[devices.hall_lamp.when]]"), line_of("[[devices.fan.when]]")
    assert first == (
        f"Hall motion: motion at {at} → rule 1 of Hall lamp ({lamp}) → Hall lamp on → "
        f"rule 1 of Fan ({fan}) → on"
    )


def test_conditions_have_the_values_of_that_time(why: Why) -> None:
    """A later measurement, and the own later change, do not count."""
    record(CHAIN)
    output = why("hall_lamp").output
    assert "condition temperature_celsius of meter is below 20: met (temperature_celsius was 18.5)" in output
    assert "condition fan is off for 1m: met (status was false since" in output
    assert "when motion detects motion" in output


def test_json_has_the_steps_from_the_beginning(why: Why) -> None:
    """Each step has its device, its reason, its origin, and its rule."""
    record(CHAIN)
    found = json.loads(why("fan", "--json").output)
    assert [step["device"] for step in found["steps"]] == ["motion", "hall_lamp", "fan"]
    assert [step["rule"] and step["rule"]["number"] for step in found["steps"]] == [None, 1, 1]
    assert found["steps"][1]["reason"] == BY_MOTION
    assert [one["met"] for one in found["steps"][1]["rule"]["conditions"]] == [True, True]


def test_what_followed_without_a_new_reason_belongs_to_the_change(why: Why) -> None:
    """The decision is explained, and not the change that only time made."""
    later = Change("hall_lamp", NOW + 5, {**ON, "phase": "dimmed"}, "hardware", True, BY_MOTION, SENSED)
    record([*CHAIN[:-1], later])
    step = json.loads(why("hall_lamp", "--json").output)["steps"][-1]
    assert (step["at"], step["change"], step["later"]) == (NOW + 0.01, "on", [[NOW + 5, "dimmed"]])


def test_an_earlier_change_is_explained_with_at(why: Why) -> None:
    """The last change before the time counts."""
    record([*CHAIN, Change("hall_lamp", NOW + 300, OFF, "hardware", True, {"by": "hand"})])
    assert "was switched by hand" in why("hall_lamp").output
    earlier = datetime.fromtimestamp(NOW + 120, UTC).isoformat()
    assert "rule 1 of Hall lamp" in why("hall_lamp", "--at", earlier).output


def test_a_measurement_that_crossed_its_limit_begins_a_chain(why: Why) -> None:
    """The recorded value beyond the limit is shown, also if it was recorded a moment later."""
    origin = {"id": "meter.1", "at": NOW, "by": "sensor", "device": "meter"}
    reason = {"by": "rule", "who": "meter", "rule": 2, "at": NOW}
    record(
        [
            Change("meter", NOW - 900, {"status": None, "phase": "measuring"}, None, turned=False),
            Sample("meter", "temperature_celsius", NOW - 60, 29.0),
            Sample("meter", "temperature_celsius", NOW + 0.5, 31.5),
            Change("fan", NOW + 0.1, ON, "meter.1", True, reason, origin),
        ]
    )
    place = line_of("[[devices.fan.when]]", 2)
    first = why("fan").output.splitlines()[0]
    assert first.startswith("Meter: temperature_celsius 31.5 at ")
    assert first.endswith(f" → rule 2 of Fan ({place}) → on")


@pytest.mark.parametrize(
    ("reason", "begins"),
    [
        ({"by": "hand"}, "Fan was switched by hand at "),
        ({"by": "press"}, "Fan was pressed at "),
        ({"by": "command", "who": "page:anna"}, "Command by page:anna to Fan at "),
        ({"by": "limit", "who": "max_on"}, "Fan reached its max_on at "),
        ({"by": "restart", "who": "restore"}, "The process of Fan started at "),
        ({"by": "clock", "rule": 3, "at": NOW}, "The clock at "),
        (
            {"by": "rule", "who": "hall_lamp", "rule": 4, "at": NOW - 1},
            "A report about the process hall_lamp at ",
        ),
        (None, "Fan: on at "),
    ],
)
def test_each_reason_is_told_in_words(why: Why, reason: dict[str, Any] | None, begins: str) -> None:
    """A chain of one change begins with its reason."""
    record([Change("fan", NOW, ON, "a", True, reason)])
    assert why("fan").output.startswith(begins)


def test_a_rule_of_a_scene_names_the_scene_and_its_line(why: Why) -> None:
    """The rule stands in no file, so its place is that of the scene's entry."""
    by_scene = {"by": "rule", "who": "evening", "rule": 2, "at": NOW}
    record(
        [
            Change("evening", NOW, {"status": True, "phase": "applied"}, "c", True, {"by": "command"}),
            Change("hall_lamp", NOW + 1, OFF, "c", True, by_scene),
        ]
    )
    place = line_of('sets = { hall_lamp = "off" }')
    assert f"rule 2 of Hall lamp made by evening ({place}) → off" in why("hall_lamp").output


def test_a_chain_with_a_missing_link_names_its_origin(why: Why) -> None:
    """If the recorder missed a change, the origin still tells what began the chain."""
    record([CHAIN[0], *CHAIN[5:7]])
    step = json.loads(why("hall_lamp", "--json").output)["steps"][0]
    assert (step["device"], step["change"]) == ("hall_lamp", "on")
    assert "then steps that are not known" in why("hall_lamp").output.splitlines()[0]


def test_a_rule_that_the_configuration_no_longer_has_is_not_named(why: Why) -> None:
    """The number of another rule would mislead."""
    record([*CHAIN[:-1], Change("fan", NOW + 1, ON, "a", True, {**BY_MOTION, "who": "meter", "rule": 9})])
    assert "rule 9 of Fan, which the configuration no longer has" in why("fan").output


def test_a_circle_of_changes_ends(why: Why) -> None:
    """Two changes that name each other do not lead around for ever."""
    one = {"by": "rule", "who": "fan", "rule": 1, "at": NOW}
    two = {"by": "rule", "who": "hall_lamp", "rule": 1, "at": NOW}
    record([Change("hall_lamp", NOW, ON, "a", True, one), Change("fan", NOW, ON, "a", True, two)])
    assert len(json.loads(why("fan", "--json").output)["steps"]) == 2


def test_without_a_change_the_verb_says_so(why: Why) -> None:
    """The exit status is 1; an unknown device is a mistake of the command line."""
    assert why("fan").exit_code == 1
    record(CHAIN[:1])
    done = why("fan")
    assert (done.exit_code, done.output) == (1, "no change of fan is known\n")
    assert why("fam").exit_code == 2


def test_without_a_recorder_the_devices_are_asked(make_house: HouseFactory) -> None:
    """The present states have the chain; a house that is down has none."""
    house = make_house(f"[recorder]\nenabled = false\n{HOUSE}")
    house.house("up")
    house.send("hall_lamp", "on")
    assert house.house("why", "hall_lamp").stdout.startswith("Command by terminal to Hall lamp at ")
    step = json.loads(house.house("why", "hall_lamp", "--json").stdout)["steps"][-1]
    assert (step["change"], step["reason"]) == ("on", {"by": "command", "who": "terminal"})
    house.house("down")
    done = house.house("why", "hall_lamp", check=False)
    assert (done.returncode, "The house is not up" in done.stderr) == (1, True)


def test_why_in_a_house_that_runs(breakfast: TemporaryHouse) -> None:
    """The chain begins with the command to the switch, and names the rule of the toaster."""
    breakfast.send("bathroom_light", "press")

    def told() -> Any:
        done = breakfast.house("why", "toaster", check=False)
        return "rule 1 of Toaster (house.toml:" in done.stdout and done.stdout

    assert eventually(told).startswith("Command by terminal to Bathroom light at ")
