"""`house test`: its output, its exit status, and its reports."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from daemons.cli.main import main

CONFIG = Path(__file__).parent.parent.parent / "config" / "house.toml"
FAILS = """
[[story]]
title = "toast without a press"
from = "2026-11-26 06:00"
until = "2026-11-26 07:00"
expect = [{ device = "toaster", is = { status = true }, at = "06:30" }]
"""
ALWAYS = """
[[always]]
title = "no light"
never = [{ device = "bathroom_light", is = { status = true } }]
"""


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    """Return the path of a story file that fails."""
    path = tmp_path / "fails.toml"
    path.write_text(FAILS)
    return path


def run(*words: str) -> Result:
    """Run `house test` on the breakfast house."""
    return CliRunner().invoke(main, ["--config", str(CONFIG), "test", *words], catch_exceptions=False)


def test_the_stories_of_the_house_hold() -> None:
    """Those beside the configuration, one a line."""
    result = run()
    assert result.exit_code == 0
    assert result.output.count("holds  ") == 3
    assert result.output.endswith("3 of 3 stories hold.\n")


def test_a_story_that_fails_is_told(stories: Path) -> None:
    """What was expected, what was, and what happened before; the exit status is 1."""
    result = run(str(stories))
    assert result.exit_code == 1
    assert "expected  toaster is { status = true } at 06:30" in result.output
    assert "but       status was false, at Thu 2026-11-26 06:30:00" in result.output
    assert "0 of 1 stories hold." in result.output


def test_a_mistake_has_exit_status_2(stories: Path) -> None:
    """With file, line and remedy."""
    stories.write_text(FAILS.replace("toaster", "toster"))
    result = run(str(stories))
    assert result.exit_code == 2
    assert "fails.toml:6: [story]" in result.output
    assert "did you mean 'toaster'?" in result.output


def test_the_result_is_json_and_junit(stories: Path, tmp_path: Path) -> None:
    """For programs, and for continuous integration."""
    report = tmp_path / "report.xml"
    document = json.loads(run(str(stories), "--json", "--junit", str(report)).output)
    assert document["ok"] is False
    (story,) = document["stories"]
    assert (story["title"], story["holds"]) == ("toast without a press", False)
    assert story["failures"][0]["found"] == "status was false"
    suite = ET.fromstring(report.read_text())  # noqa: S314  it was written here
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert suite.find("testcase/failure") is not None


def test_a_house_without_stories_has_none(tmp_path: Path) -> None:
    """The file that is looked for is named, and the page that explains it."""
    (tmp_path / "house.toml").write_text(CONFIG.read_text())
    result = CliRunner().invoke(main, ["--config", str(tmp_path / "house.toml"), "test"])
    assert result.exit_code == 0
    assert "There is no story yet" in result.output
    assert str(tmp_path / "house.test.toml") in result.output


def test_a_file_that_the_house_includes_has_stories_beside_it(tmp_path: Path) -> None:
    """`test` plays them with the others, `reload` refuses one that fails, and a mistake has its file."""
    (tmp_path / "rooms").mkdir()
    (tmp_path / "house.toml").write_text(f'include = ["rooms/*.toml"]\n{CONFIG.read_text()}')
    (tmp_path / "house.test.toml").write_text(CONFIG.with_suffix(".test.toml").read_text())
    (tmp_path / "rooms" / "hall.toml").write_text('[devices.hall]\nkind = "lamp"\ndriver = "simulated"\n')
    story = tmp_path / "rooms" / "hall.test.toml"
    story.write_text(FAILS)
    options = ["--config", str(tmp_path / "house.toml"), "--run", str(tmp_path / "run")]
    result = CliRunner().invoke(main, [*options, "test"])
    assert result.exit_code == 1
    assert "toast without a press" in result.output
    assert "one press makes breakfast" in result.output
    assert "'toast without a press' does not hold" in CliRunner().invoke(main, [*options, "reload"]).output
    story.write_text(FAILS.replace("toaster", "toster"))
    assert "rooms/hall.test.toml:6: [story]" in CliRunner().invoke(main, [*options, "test"]).output


def test_one_story_can_be_chosen() -> None:
    """By its title; an unknown title names the known ones."""
    assert "1 of 1 stories hold." in run("--only", "one press makes breakfast").output
    result = run("--only", "x")
    assert result.exit_code == 2
    assert "one press makes breakfast" in result.output


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--seed", "3"], "--seed is the first of the random days"),
        (["--random", "1s", "--faults"], "--faults goes with stories"),
        (["--random", "1s", "--trace"], "--trace goes with stories"),
        (["--random", "1s", "--junit", "r.xml"], "--junit goes with stories"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: list[str], why: str) -> None:
    """None of them is ignored."""
    result = run(*options)
    assert result.exit_code == 2
    assert why in result.output


def test_ctrl_c_has_its_own_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """A story that does not hold has another one."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("daemons.cli.rehearse.tell", interrupt)
    result = run()
    assert (result.exit_code, result.output) == (130, "Stopped.\n")


HEATED = """
[devices.climate]
kind = "sensor"
driver = "simulated"
simulated.temperature_celsius = 17

[devices.heater]
kind = "heater"
driver = "simulated"
source = "climate"

[[devices.heater.when]]
at = "06:00"
do = "on"
"""
ROOM = '[rooms.hall]\nsensor = "climate"\nheater = "heater"\nloses = "20h"\ngains = "3/h"\n'


def test_the_next_day_has_the_rooms_of_the_stories(tmp_path: Path) -> None:
    """The heater stops when the room is warm; without the room, its time limit stops it."""
    (tmp_path / "house.toml").write_text(HEATED)
    plan = ["--config", str(tmp_path / "house.toml"), "plan", "--tomorrow"]
    cold = CliRunner().invoke(main, plan).output
    assert re.match(
        r"\w+day, \d\d? \w+ \(UTC\), if all devices are off at midnight:\n06:00  heater  heating\n", cold
    )
    assert "10:00  heater  resting" in cold
    (tmp_path / "house.test.toml").write_text(ROOM)
    warm = CliRunner().invoke(main, plan).output
    assert "heater  idle" in warm
    assert "resting" not in warm


def test_random_days_find_a_fault(tmp_path: Path) -> None:
    """The shortest story is printed as TOML."""
    path = tmp_path / "always.toml"
    path.write_text(ALWAYS)
    result = run(str(path), "--random", "20s", "--seed", "3")
    assert result.exit_code == 1
    assert "[[story]]" in result.output
    assert 'device = "bathroom_light"' in result.output
    assert run(str(path), "--random", "soon").exit_code == 2


def test_every_change_can_be_printed() -> None:
    """With its time, its device and its cause."""
    result = run("--only", "one press makes breakfast", "--trace")
    line = "Thu 2026-11-26 06:30:00 CET  toaster  status=True phase=toasting starts=1 [0000000001]"
    assert line in result.output
