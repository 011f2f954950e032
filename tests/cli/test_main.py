"""The command line: its verbs, its errors, and its JSON output. No house is up here."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemons import __version__
from daemons.bus.message import Command, Receipt
from daemons.bus.requests import blocking
from daemons.cli.main import main
from daemons.config import loader
from daemons.supervision import running
from tests.support.house import BREAKFAST

House = Callable[..., Result]
VERBS = [
    "init",
    "up",
    "down",
    "status",
    "mirror",
    "send",
    "press",
    "on",
    "off",
    "toggle",
    "watch",
    "logs",
    "history",
    "why",
    "rules",
    "show",
    "restart",
    "stop",
    "start",
    "token",
    "keys",
    "plan",
    "reload",
    "undo",
    "versions",
    "backup",
    "restore",
    "upgrade",
    "drill",
    "check",
    "fleet",
    "doctor",
    "install",
    "uninstall",
    "kiosk",
    "test",
    "discover",
    "add",
    "try",
    "kinds",
    "drivers",
]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Return a function that runs a `house` command for a house that was never up."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "house.toml"
    file.write_text(BREAKFAST)

    def run(*words: str) -> Result:
        options = ["--config", str(file), "--run", str(tmp_path / "run")]
        return CliRunner().invoke(main, [*options, *words], prog_name="house")

    return run


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_lists_every_verb_with_a_summary(words: list[str]) -> None:
    """The verbs are listed in the order of their use, each with a summary."""
    done = CliRunner().invoke(main, words, prog_name="house")
    listed = re.findall(r"^  (\w+)  +(\S.+)$", done.output.partition("Commands:")[2], re.MULTILINE)
    assert [verb for verb, _ in listed] == VERBS
    assert done.exit_code == (0 if words else 2)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    """The help of a verb has its usage and its options."""
    done = CliRunner().invoke(main, [verb, "--help"], prog_name="house")
    assert done.exit_code == 0
    assert done.output.startswith(f"Usage: house {verb}")
    assert "--help" in done.output


def test_version_prints_the_version() -> None:
    """`house --version` prints the version of the package."""
    assert (
        CliRunner().invoke(main, ["--version"], prog_name="house").output == f"house, version {__version__}\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chek"], "Did you mean 'check'?"),
        (["restart"], "Missing argument"),
        (
            ["restart", "toster"],
            "there is no device 'toster'; did you mean 'toaster'? allowed: bathroom_light",
        ),
        (
            ["stop", "toaster", "kitchen_lmp"],
            "there is no device 'kitchen_lmp'; did you mean 'kitchen_lamp'?",
        ),
        (["start", "x"], "there is no device 'x'; allowed: bathroom_light, mirror, coffee_maker"),
        (["watch", "toster"], "did you mean 'toaster'?"),
        (["logs", "toster"], "there is no log of 'toster'"),
        (["send", "toster", "start"], "did you mean 'toaster'?"),
        (["send", "toaster", "browning=3"], "'browning=3' is no command"),
        (["send", "toaster", "start", "browning"], "'browning' is not KEY=VALUE"),
        (["send", "toaster", "start", "=5"], "'=5' is not KEY=VALUE"),
        (["send", "toaster", "start", "--timeout", "0"], "0.0 is not in the range"),
        (["send", "toaster", "start", "--timeout", "soon"], "'soon' is not a valid float"),
        (["send", "toaster", "start", "--tiemout", "1"], "Did you mean '--timeout'?"),
        (["drill", "--minutes", "0"], "0.0 is not in the range"),
        (["status", "--jason"], "Did you mean '--json'?"),
    ],
)
def test_a_mistake_in_the_command_line_has_the_nearest_word(
    house: House, words: list[str], message: str
) -> None:
    """The exit status is 2, and the message is on standard error."""
    done = house(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in re.sub(r"\s+", " ", done.stderr)


@pytest.mark.parametrize("verb", ["up", "status", "mirror", "watch", "plan", "reload", "check", "drill"])
def test_a_verb_reports_a_mistake_in_the_configuration(house: House, tmp_path: Path, verb: str) -> None:
    """The exit status is 2, and the error has the file and the line, or the missing file."""
    (tmp_path / "house.toml").write_text(BREAKFAST.replace("browning = 3", "browning = 30"))
    line = BREAKFAST.splitlines().index("browning = 3") + 1
    done = house(verb)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{tmp_path}/house.toml:{line}: [devices.toaster] browning" in done.stderr
    (tmp_path / "house.toml").unlink()
    done = house(verb)
    assert (done.exit_code, f"{tmp_path}/house.toml" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [["restart", "toaster"], ["stop", "toaster"], ["start", "toaster"], ["reload"]],
    ids=lambda words: words[0],
)
def test_a_verb_for_a_running_house_fails_if_the_house_is_not_up(house: House, words: list[str]) -> None:
    """The exit status is 1, and the error is one line."""
    done = house(*words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "The house is not up; `house up` (or `make up`) starts it.\n"


def test_a_failed_stop_stores_nothing(house: House, tmp_path: Path) -> None:
    """After a failed `stop`, the device is not stored as stopped."""
    house("stop", "toaster")
    assert list((tmp_path / "run" / "stopped").iterdir()) == []


def test_an_unusable_run_directory_is_reported(house: House, tmp_path: Path) -> None:
    """The exit status is 1, and the error has the path."""
    (tmp_path / "run").write_text("in the way")
    done = house("status")
    assert done.exit_code == 1
    assert f"the run directory {tmp_path}/run cannot be used" in done.stderr


# Output for programs


def test_check_prints_every_problem_as_json(house: House, tmp_path: Path) -> None:
    """Each problem has file, line, table, key and the allowed values; the exit status is 2."""
    bad = tmp_path / "bad.toml"
    bad.write_text(BREAKFAST.replace("browning = 3", "browning = 9\ncolour = 1").replace('"lamp"', '"lmp"'))
    done = house("check", "--json", str(bad))
    found = json.loads(done.stdout)
    assert (done.exit_code, found["ok"], found["file"]) == (2, False, str(bad))
    lines = bad.read_text().splitlines()
    problems = [(p["file"], p["line"], p["table"], p["key"]) for p in found["problems"]]
    toaster = "devices.toaster"
    assert (str(bad), lines.index("browning = 9") + 1, toaster, "browning") in problems
    assert (str(bad), lines.index("colour = 1") + 1, toaster, "colour") in problems
    assert (str(bad), lines.index('kind = "lmp"') + 1, "devices.kitchen_lamp", "kind") in problems
    texts = " ".join(problem["text"] for problem in found["problems"])
    assert "did you mean 'lamp'?" in texts
    assert done.stderr == ""


@pytest.mark.parametrize("text", ["what is this", "", "\0", "[devices.a]\nkind = 'lamp'\n[devices.a]", None])
def test_check_of_an_unreadable_file_is_json(house: House, tmp_path: Path, text: str | None) -> None:
    """If the file is not TOML, empty or missing, there is at least one problem, and the status is 2."""
    bad = tmp_path / "bad.toml"
    if text is not None:
        bad.write_text(text)
    done = house("check", "--json", str(bad))
    found = json.loads(done.stdout)
    assert (done.exit_code, found["ok"], bool(found["problems"])) == (2, False, True)


def test_check_of_a_valid_file_reports_no_problem(house: House, tmp_path: Path) -> None:
    """The text has the number of devices, and JSON has no problems; no run directory is created."""
    assert house("check").stdout == f"{tmp_path}/house.toml: 5 devices, no problem.\n"
    done = house("check", "--json")
    assert json.loads(done.stdout) == {"file": f"{tmp_path}/house.toml", "ok": True, "problems": []}
    assert done.exit_code == 0
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("folder", ["kinds", "drivers"])
def test_the_catalog_has_every_word_as_json(house: House, folder: str) -> None:
    """Each entry has its summary and options; a kind also has its commands and its state."""
    listed = json.loads(house(folder, "--json").stdout)[folder]
    assert {entry["word"]: entry["summary"] for entry in listed} == loader.available(folder)
    for entry in listed:
        assert isinstance(entry["options"], dict)
        assert ("commands" in entry) == ("state" in entry) == (folder == "kinds")
    text = house(folder).stdout
    for entry in listed:
        assert f"{entry['word']}  {entry['summary']}" in text
        for key in entry["options"]:
            assert f"    {key} = " in text


def test_the_catalog_has_the_options_and_commands_of_a_toaster(house: House) -> None:
    """The entry has the options, and the commands with their arguments."""
    listed = json.loads(house("kinds", "--json").stdout)["kinds"]
    toaster = next(entry for entry in listed if entry["word"] == "toaster")
    assert toaster["options"].keys() == {"browning", "ready_for", "max_on"}
    assert toaster["commands"].keys() == {"start", "stop"}
    assert "1 to 7" in json.dumps(toaster["commands"]["start"]["browning"])
    assert {"status", "phase", "ready", "progress_percent"} <= set(toaster["state"])


def test_the_status_of_a_house_that_is_not_up_is_valid(house: House) -> None:
    """Every device is offline, and the command does not fail."""
    found = json.loads(house("status", "--json").stdout)
    assert not found["up"]
    assert {device["presence"] for device in found["devices"].values()} == {"offline"}


# Commands


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """Return the commands that were sent; each one is applied."""
    found: list[Command] = []

    def send_command(_context: object, device: str, command: Command) -> Receipt:
        found.append(command)
        return Receipt(id=command.id, device=device, outcome="applied", at=0.0)

    monkeypatch.setattr(blocking, "send_command", send_command)
    monkeypatch.setattr(running, "check_up", lambda: None)
    return found


def test_send_sends_the_command_with_its_arguments(house: House, sent: list[Command]) -> None:
    """Each command has a new id; the output has the outcome and the id of the receipt."""
    first = house("send", "toaster", "start", "browning=5", "note=well done")
    second = house("send", "toaster", "start", "--json")
    assert [(command.command, command.args) for command in sent] == [
        ("start", {"browning": 5, "note": "well done"}),
        ("start", {}),
    ]
    assert sent[0].id != sent[1].id
    assert first.stdout == f"toaster: start applied [{sent[0].id}]\n"
    assert json.loads(second.stdout)["id"] == sent[1].id


@pytest.mark.parametrize("words", [["sta rt"], [""], ["ü"], ["x" * 65], ["start", "brow ning=5"]])
def test_an_invalid_command_is_rejected_before_it_is_sent(
    house: House, sent: list[Command], words: list[str]
) -> None:
    """The exit status is 2, and no command is sent."""
    done = house("send", "toaster", *words)
    assert (done.exit_code, sent) == (2, [])
