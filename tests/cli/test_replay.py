"""`house plan --replay`: what would have been different, from the history of a house that is down."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from daemons.cli.main import main
from daemons.config.house import load_house
from daemons.storage.history import HOUSE as WHOLE_HOUSE
from daemons.storage.history_row import Change, Input, Row
from daemons.storage.history_writer import HistoryWriter
from daemons.storage.installed import INSTALLED, fingerprint
from daemons.supervision.install import install

Replay = Callable[..., Result]
HOUSE = """\
[house]
timezone = "Europe/Berlin"
[devices.motion]
kind = "sensor"
driver = "simulated"
detects = "motion"
[devices.hall_lamp]
kind = "lamp"
driver = "simulated"
[[devices.hall_lamp.when]]
device = "motion"
turns = { status = true }
do = "on"
[[devices.hall_lamp.when]]
device = "motion"
turns = { status = false }
for = "10m"
do = "off"
[devices.desk_lamp]
kind = "lamp"
driver = "simulated"
"""
ZONE = ZoneInfo("Europe/Berlin")
NOW = float(int(time.time()))
BEGIN = NOW - 86400
OFF: dict[str, Any] = {"status": False, "phase": "off", "brightness_percent": None}
ON: dict[str, Any] = {"status": True, "phase": "on", "brightness_percent": 100}
CLEAR: dict[str, Any] = {"status": False, "phase": "clear"}
MOTION: dict[str, Any] = {"status": True, "phase": "motion"}
EDITED = HOUSE.replace('for = "10m"', 'for = "2m"')


def rows(times: int = 1) -> list[Row]:
    """Return what is recorded of some walks through the hall, one an hour."""
    found: list[Row] = [
        Change("motion", BEGIN + 1, CLEAR, None, turned=False),
        Change("hall_lamp", BEGIN + 1, OFF, None, turned=False),
        Change("desk_lamp", BEGIN + 1, OFF, None, turned=False),
        Input(WHOLE_HOUSE, BEGIN, "configuration", {"digest": fingerprint(INSTALLED.read_bytes())}),
    ]
    for number in range(times):
        at = BEGIN + 3600 * (number + 1)
        found += [
            Input("motion", at, "values", {"on": True}, 1, number * 2 + 1),
            Change("motion", at, MOTION, "hardware"),
            Change("hall_lamp", at + 0.01, ON, "hardware"),
            Input("motion", at + 60, "values", {"on": False}, 1, number * 2 + 2),
            Change("motion", at + 60, CLEAR, "hardware"),
            Change("hall_lamp", at + 660, OFF, "hardware"),
        ]
    return found


@pytest.fixture
def replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Replay:
    """Return a function that runs `house plan --replay`; the house is installed, and is not up."""
    monkeypatch.chdir(tmp_path)  # the verb changes the working directory; this restores it
    file, run = tmp_path / "house.toml", tmp_path / "run"
    file.write_text(HOUSE)

    def run_verb(*words: str, text: str = EDITED) -> Result:
        file.write_text(text)
        return CliRunner().invoke(main, ["--config", str(file), "--run", str(run), "plan", *words])

    assert run_verb("--replay", "1h").exit_code == 1  # creates the run directory
    monkeypatch.chdir(run)
    file.write_text(HOUSE)
    install(load_house(file), run)
    return run_verb


def record(found: list[Row]) -> None:
    """Write rows to the history."""
    writer = HistoryWriter()
    writer.write(found)
    writer.close()


def clock(at: float, form: str = "%H:%M") -> str:
    """Return a local time."""
    return f"{datetime.fromtimestamp(at, ZONE):{form}}"


def test_what_would_have_been_different_is_told_in_words(replay: Replay) -> None:
    """The lamp goes off earlier, and is on for less time; the other devices do the same."""
    record(rows())
    found = replay("--replay", "23h30m")
    lines, at = found.output.splitlines(), BEGIN + 3600
    assert found.exit_code == 0
    assert lines[0].endswith("2 values from outside,")
    assert lines[3] == "hall_lamp: on for 11 min → 3 min"
    day = clock(at + 180, "%a %d %b")
    assert lines[4].startswith(f"  {day}  off {clock(at + 660)} → off {clock(at + 180)}, because rule 2 (")
    assert "house.toml:14) is new or was edited" in lines[4]
    assert lines[5] == "2 devices do the same."
    assert "- People might have done otherwise in a house that did otherwise." in lines
    assert lines[-1] == "- With the installed configuration, the replay does what the house did."


def test_long_output_is_bounded_and_json_has_all(replay: Replay) -> None:
    """Of twenty differences, some are printed."""
    record(rows(20))
    output = replay("--replay", "23h30m").output
    assert "  and 16 more" in output
    found = json.loads(replay("--replay", "23h30m", "--json").output)
    (lamp,) = found["changed"]
    assert (lamp["device"], len(lamp["differences"])) == ("hall_lamp", 20)
    assert found["same"] == ["motion", "desk_lamp"]
    assert found["inputs"] == {"values": 40}
    assert found["unlike_record"] == []
    assert len(found["cannot_know"]) == 1


def test_a_date_and_time_is_a_beginning_too(replay: Replay) -> None:
    """It is a local time of the house."""
    record(rows())
    assert replay("--replay", clock(BEGIN + 1800, "%Y-%m-%d %H:%M")).exit_code == 0


def test_a_range_that_begins_before_the_record_begins_with_it(replay: Replay) -> None:
    """What the replay cannot know says so."""
    record(rows())
    found = replay("--replay", "7d")
    first = clock(BEGIN, "%Y-%m-%d %H:%M:%S %Z")
    assert found.exit_code == 0
    assert f"- Outside inputs are recorded only since {first}: the replay begins there." in found.output
    later = clock(BEGIN + 1, "%Y-%m-%d %H:%M:%S")
    assert "recorded only since" not in replay("--replay", later).output


def test_a_house_without_a_record_says_what_to_do(replay: Replay) -> None:
    """No history, or one of an earlier version that has no inputs."""
    found = replay("--replay", "1h")
    assert (found.exit_code, "there is no history yet" in found.output) == (1, True)
    record([Change("motion", BEGIN, CLEAR, None)])
    found = replay("--replay", "1h")
    assert (found.exit_code, "`house restart recorder`" in found.output) == (1, True)


@pytest.mark.parametrize(
    ("words", "text", "told"),
    [
        (("--replay", "soon"), HOUSE, "--replay: 'soon' is no time"),
        (("--replay", "1h", "--tomorrow"), HOUSE, "--tomorrow and --replay do not go together"),
        (
            ("--replay", "1h"),
            HOUSE.replace('"lamp"', '"lampe"'),
            'house.toml:8: [devices.hall_lamp] kind: "lampe"',
        ),
    ],
    ids=["no time", "both", "house with mistakes"],
)
def test_a_mistake_is_told(replay: Replay, words: tuple[str, ...], text: str, told: str) -> None:
    """A text that is no time, options that exclude each other, and a house with mistakes."""
    found = replay(*words, text=text)
    assert (found.exit_code, told in found.output) == (2, True)


def test_a_house_that_was_never_up_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to replay."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "house.toml").write_text(HOUSE)
    options = ["--config", str(tmp_path / "house.toml"), "--run", str(tmp_path / "run")]
    found = CliRunner().invoke(main, [*options, "plan", "--replay", "1h"])
    assert (found.exit_code, "this house was never up" in found.output) == (1, True)
