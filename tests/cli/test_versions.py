"""`house undo` goes back to an installed configuration: all of its files, or none of them."""

import json
from pathlib import Path

import pytest

from daemons.storage.lock import NameLock
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse

LAMP = '[devices.desk]\nname = "Desk"\nroom = "Study"\nkind = "lamp"\ndriver = "simulated"\n'
INCLUDE = 'include = ["rooms/*.toml"]\n'


def texts(house: TemporaryHouse) -> dict[str, str]:
    """Return the text of each file of a configuration."""
    folder = house.config.parent
    return {str(path.relative_to(folder)): path.read_text() for path in folder.glob("**/*.toml")
            if house.run not in path.parents}  # fmt: skip


def whys(house: TemporaryHouse) -> list[str]:
    """Return the reasons of all versions, the newest first."""
    return [one["why"] for one in json.loads(house.house("versions", "--json").stdout)["versions"]]


@pytest.mark.long
def test_a_house_goes_back_and_forward_with_all_its_files(make_house: HouseFactory) -> None:
    """Included files come and go, a broken file is mended, and a house that is down gets its files."""
    house: TemporaryHouse = make_house(BREAKFAST)
    house.house("up")
    first = texts(house)
    room = house.config.parent / "rooms" / "study.toml"
    room.parent.mkdir()
    room.write_text(LAMP)
    house.config.write_text(INCLUDE + BREAKFAST)
    house.house("reload")
    second = texts(house)
    assert "start desk" not in house.house("undo", "--dry-run").stdout
    assert texts(house) == second
    assert "runs version 1 again" in house.house("undo").stdout
    assert texts(house) == first
    assert "desk" not in house.pids()
    assert "start desk" in house.house("undo").stdout
    assert texts(house) == second
    assert "desk" in house.pids()
    assert whys(house) == ["undo: back to version 2", "undo: back to version 1", "reload", "up"]
    house.config.write_text("[house\n")
    refused = house.house("undo", "1", check=False)
    assert refused.returncode == 1
    assert "a text that was never installed" in refused.stderr
    assert "are kept in" in house.house("undo", "1", "--force").stdout
    assert texts(house) == first
    (kept,) = house.run.glob("versions/edited-*")
    assert (kept / "house.toml").read_text() == "[house\n"
    house.house("down")
    assert "`house up` starts it" in house.house("undo").stdout
    assert texts(house) == second


@pytest.mark.long
def test_a_version_that_does_not_become_ready_is_rolled_back(
    breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new lamp cannot start because its name is locked: files and house are as before."""
    room = breakfast.config.parent / "rooms" / "study.toml"
    room.parent.mkdir()
    room.write_text(LAMP)
    breakfast.config.write_text(INCLUDE + BREAKFAST)
    breakfast.house("reload")
    breakfast.house("undo")
    before, reasons = texts(breakfast), whys(breakfast)
    monkeypatch.chdir(breakfast.run)
    lock = NameLock("desk")
    failed = breakfast.house("undo", check=False)
    lock.release()
    assert failed.returncode == 1
    assert "desk: fails again and again" in failed.stderr
    assert texts(breakfast) == before
    assert not room.exists()
    assert whys(breakfast) == reasons
    assert json.loads(breakfast.house("plan", "--json").stdout)["changes"] == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["undo"], "there is no earlier configuration; `house versions` lists"),
        (["undo", "7"], "there is no version 7; `house versions` lists"),
    ],
)
def test_without_a_version_undo_says_so(make_house: HouseFactory, words: list[str], why: str) -> None:
    """A house that was never up has nothing to go back to."""
    house = make_house(BREAKFAST)
    refused = house.house(*words, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert why in refused.stderr
    assert "No configuration was installed so far" in house.house("versions").stdout
    assert Path(house.config).read_text() == BREAKFAST
