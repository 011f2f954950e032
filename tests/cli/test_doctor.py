"""`house doctor` looks at a house that is up, down, new or broken, and changes nothing."""

import json
import os
import signal
import time
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from daemons.cli.main import main
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse, eventually

PLUG = '\n[devices.far]\nkind = "plug"\ndriver = "shelly"\nshelly.address = "127.0.0.1:1"\n'
BRIDGE = '\n[bridge]\nbroker = "127.0.0.1"\nport = 1\n'


def examine(config: Path, run: Path) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Run `house doctor --json`; return its exit status and the findings by their family."""
    with chdir(Path.cwd()):
        done = CliRunner().invoke(main, ["--config", str(config), "--run", str(run), "doctor", "--json"])
    document = json.loads(done.stdout)
    found: dict[str, list[dict[str, Any]]] = {}
    for one in document["findings"]:
        assert (one["ok"] is False) == ("remedy" in one and one["remedy"] is not None)
        found.setdefault(one["check"], []).append(one)
    assert document["ok"] == (done.exit_code == 0)
    return done.exit_code, found


def tree(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return the mode, the size and the time of the last change of all below a folder."""
    found = {path: path.lstat() for path in (folder, *folder.rglob("*"))}
    return {str(path): (one.st_mode, one.st_size, one.st_mtime_ns) for path, one in found.items()}


def wrong(found: list[dict[str, Any]]) -> list[str]:
    """Return the texts of what needs doing."""
    return [one["text"] for one in found if one["ok"] is False]


FAMILIES = {
    "versions", "configuration", "unit", "disk", "wear", "clock", "permissions", "broker", "house",
    "hardware", "backup",
}  # fmt: skip


def test_a_house_that_was_never_up_is_looked_at_and_left_alone(tmp_path: Path) -> None:
    """Each family has a finding, and no run directory is made."""
    config = tmp_path / "house.toml"
    config.write_text(BREAKFAST + BRIDGE)
    before = tree(tmp_path)
    status, found = examine(config, tmp_path / "run")
    assert status == 1
    assert found.keys() == FAMILIES
    assert wrong(found["house"]) == ["the house was never up"]
    assert wrong(found["configuration"]) == []
    assert "127.0.0.1:1 of bridge cannot be reached: Connection refused" in wrong(found["broker"])[0]
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[house\n", "mistake"),
        ("devices = 5\nbridge = 7\nhouse = 3\n", "mistake"),
        (b"\xff\xfe", "mistake"),
        (None, "does not exist"),
    ],
)
def test_a_broken_configuration_is_one_finding(tmp_path: Path, text: Any, expected: str) -> None:
    """All other families are looked at all the same."""
    config = tmp_path / "house.toml"
    if text is not None:
        config.write_bytes(text if isinstance(text, bytes) else text.encode())
    status, found = examine(config, tmp_path / "run")
    assert status == 1
    assert found.keys() == FAMILIES
    assert expected in wrong(found["configuration"])[0]


def test_a_run_directory_with_damaged_files_is_looked_at(tmp_path: Path) -> None:
    """A damaged installed configuration, PID file and backup note are no obstacle."""
    config, run = tmp_path / "house.toml", tmp_path / "run"
    config.write_text(BREAKFAST)
    run.mkdir(0o755)
    for name in ("house.toml", "supervisord.pid", "last_backup.json", "host"):
        (run / name).write_bytes(b"\xff[[")
    before = tree(tmp_path)
    _, found = examine(config, run)
    assert found.keys() == FAMILIES
    assert "is damaged" in wrong(found["house"])[0]
    assert "other users of the machine can look into" in wrong(found["permissions"])[0]
    assert tree(tmp_path) == before


def test_a_remedy_is_printed_below_its_finding(tmp_path: Path) -> None:
    """The text for people has the remedy in a line of its own."""
    words = ["--config", str(tmp_path / "no.toml"), "--run", str(tmp_path / "run"), "doctor"]
    with chdir(Path.cwd()):
        done = CliRunner().invoke(main, words)
    lines = done.output.splitlines()
    assert any(line.startswith("to do  configuration") for line in lines)
    assert any(line.strip().startswith("→ `house init` writes one") for line in lines)
    assert lines[-1].endswith("doing.")


@pytest.mark.long
def test_a_house_is_looked_at_while_it_is_up_hangs_and_is_down(make_house: HouseFactory) -> None:
    """Silent hardware is named, a backup is remembered, and a supervisord that hangs is waited for 3 s."""
    house: TemporaryHouse = make_house(BREAKFAST + PLUG)
    house.house("up")
    eventually(lambda: wrong(look(house)["hardware"]) == ["the hardware cannot be reached: far"])
    found = look(house)
    assert wrong(found["house"]) == []
    assert wrong(found["backup"]) == ["no backup of this house was made so far"]
    house.house("backup", str(house.run.parent / "house.tar.gz"))
    assert wrong(look(house)["backup"]) == []
    pid = int((house.run / "supervisord.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert "supervisord has not answered" in wrong(look(house)["house"])[0]
        assert time.monotonic() - began < 15
    finally:
        os.kill(pid, signal.SIGCONT)
    house.house("down")
    before = tree(house.run.parent)
    assert wrong(look(house)["house"]) == ["the house is not up"]
    assert tree(house.run.parent) == before


def look(house: TemporaryHouse) -> dict[str, list[dict[str, Any]]]:
    """Return the findings about a house, by their family."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(house.house("doctor", "--json", check=False).stdout)["findings"]:
        found.setdefault(one["check"], []).append(one)
    return found
