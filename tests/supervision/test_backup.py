"""A backup of a running house becomes the same house at other paths, as on a new machine."""

import json
import shutil
import stat
import tarfile
import time
from pathlib import Path

import pytest

from daemons.storage.archive import write_archive
from daemons.storage.record import decode, encode
from daemons.supervision import backup
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse

LAMP = '[devices.desk]\nname = "Desk"\nroom = "Study"\nkind = "lamp"\ndriver = "simulated"\n'
OWN_STORY = 'title = "A story"\n'


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of each file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "lock" not in path.parts and path.suffix != ".pyc"
    }


@pytest.mark.long
def test_a_house_is_moved_to_another_machine(make_house: HouseFactory, tmp_path: Path) -> None:
    """History, states, keys and the token are there, and a lamp that was on is not switched again."""
    old: TemporaryHouse = make_house('include = ["rooms/*.toml"]\n' + BREAKFAST, "old")
    (old.config.parent / "rooms").mkdir()
    (old.config.parent / "rooms" / "study.toml").write_text(LAMP)
    old.house("up")
    old.house("send", "desk", "on")
    old.house("token")
    old.house("keys", "make", "laptop", "--hear", "*", "--to", str(tmp_path / "laptop.key"))
    token = (old.run / "token").read_bytes()
    file = tmp_path / "house.tar.gz"
    said = old.house("backup", str(file)).stdout
    assert "keep it secret" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    refused = old.house("restore", str(file), "--force", check=False)
    assert refused.returncode == 1
    assert "; `house down` ends it" in refused.stderr
    old.house("down")

    new: TemporaryHouse = make_house("", "another/machine")
    new.config.unlink()
    assert "Restored the house of" in new.house("restore", str(file)).stdout
    assert new.config.read_text() == old.config.read_text()
    assert (new.config.parent / "rooms" / "study.toml").read_text() == LAMP
    shutil.rmtree(old.config.parent)  # so that nothing can lead there
    new.house("up")
    desk = new.status()["devices"]["desk"]
    assert desk["state"]["status"] is True
    assert len(new.switchings("desk")) == 1
    stretches = json.loads(new.house("history", "desk", "--json").stdout)["devices"]["desk"]["stretches"]
    assert [stretch["state"]["status"] for stretch in stretches] == [False, True]
    assert (new.run / "token").read_bytes() == token
    assert "laptop" in new.house("keys", "list").stdout
    new.house("down")


@pytest.fixture
def stopped_house(make_house: HouseFactory) -> TemporaryHouse:
    """Return a house that is down and has a memory."""
    house: TemporaryHouse = make_house(BREAKFAST)
    journal = house.run / "journal" / "toaster.0.json"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"what it remembers")
    return house


def test_nothing_is_replaced_without_force_and_all_is_kept_with_it(
    stopped_house: TemporaryHouse, tmp_path: Path
) -> None:
    """A file that is included meanwhile is moved aside: the restored house has not its devices."""
    house, file = stopped_house, tmp_path / "house.tar.gz"
    house.config.write_text('include = ["rooms/*.toml"]\n' + BREAKFAST)
    rooms = house.config.parent / "rooms"
    rooms.mkdir()
    (rooms / "study.toml").write_text(LAMP)
    house.house("backup", str(file))
    house.config.write_text('include = ["rooms/*.toml"]\n' + BREAKFAST + "# Edited later.\n")
    (rooms / "later.toml").write_text(LAMP.replace("desk", "later"))
    (house.run / "journal" / "toaster.0.json").write_bytes(b"what it remembers now")
    before = contents(house.config.parent)
    refused = house.house("restore", str(file), check=False)
    assert refused.returncode == 1
    assert "--force keeps what is there aside" in refused.stderr
    assert contents(house.config.parent) == before
    assert "What was there is in" in house.house("restore", str(file), "--force").stdout
    assert "Edited later" not in house.config.read_text()
    assert [path.name for path in rooms.iterdir()] == ["study.toml"]
    assert (house.run / "journal" / "toaster.0.json").read_bytes() == b"what it remembers"
    (aside,) = house.run.parent.glob("run.replaced-*")
    assert "Edited later" in (aside / "config" / "house.toml").read_text()
    assert (aside / "config" / "rooms" / "later.toml").exists()
    assert (aside / "run" / "journal" / "toaster.0.json").read_bytes() == b"what it remembers now"


def test_a_damaged_backup_changes_nothing(stopped_house: TemporaryHouse, tmp_path: Path) -> None:
    """Also with --force: the whole backup is checked before anything is moved."""
    house, file = stopped_house, tmp_path / "house.tar.gz"
    house.house("backup", str(file))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    before = contents(house.config.parent)
    refused = house.house("restore", str(file), "--force", check=False)
    assert refused.returncode == 1
    assert str(file) in refused.stderr
    assert contents(house.config.parent) == before
    assert not list(house.run.parent.glob(".run*"))


def test_a_backup_names_the_files_that_it_does_not_have(
    stopped_house: TemporaryHouse, tmp_path: Path
) -> None:
    """The configuration names a password by its path, which another machine may not have."""
    secret = tmp_path / "password"
    secret.write_text("secret")
    house = stopped_house
    house.config.write_text(
        f'{BREAKFAST}\n[bridge]\nhost = "127.0.0.1"\nuser = "house"\npassword_file = "{secret}"\n'
    )
    said = house.house("backup", str(tmp_path / "house.tar.gz")).stdout
    assert f"Not in the backup, because the configuration only names it: {secret}" in said
    with tarfile.open(tmp_path / "house.tar.gz") as tar:
        assert not [name for name in tar.getnames() if "password" in name]


def test_a_journal_that_is_being_written_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page is torn while a process writes it, and whole a moment later."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "journal").mkdir()
    path = Path("journal/lamp.0.json")
    whole = b"".join(encode(1, b"{}"))
    path.write_bytes(whole[:-9])
    monkeypatch.setattr(time, "sleep", lambda _: path.write_bytes(whole))
    assert decode(backup.read_whole(path)).number == 1


def test_a_restore_that_fails_in_the_middle_is_undone(stopped_house: TemporaryHouse, tmp_path: Path) -> None:
    """A file stands where the backup has a folder: the run directory and the other files are as before."""
    house, file = stopped_house, tmp_path / "house.tar.gz"
    rooms = house.config.parent / "rooms"
    rooms.mkdir()
    (rooms / "study.toml").write_text(LAMP)
    house.config.write_text('include = ["rooms/*.toml"]\n' + BREAKFAST)
    house.house("backup", str(file))
    shutil.rmtree(rooms)
    rooms.write_text("no folder")
    house.config.write_text(BREAKFAST)
    (house.run / "journal" / "toaster.0.json").write_bytes(b"what it remembers now")
    before = contents(house.config.parent)
    failed = house.house("restore", str(file), "--force", check=False)
    assert failed.returncode == 1
    assert "cannot be restored" in failed.stderr
    assert contents(house.config.parent) == before
    assert not list(house.run.parent.glob("run.replaced-*"))


def test_a_backup_of_a_later_version_is_refused(stopped_house: TemporaryHouse, tmp_path: Path) -> None:
    """This version cannot read its journals; one of an earlier version is restored."""
    house = stopped_house
    files: dict[str, Path | bytes] = {"config/house.toml": BREAKFAST.encode()}
    for version, is_refused in (("99.0.0", True), ("1.0.0", False)):
        file = tmp_path / f"{version}.tar.gz"
        write_archive(file, version, 1.0, "house.toml", files)
        done = house.house("restore", str(file), "--force", check=False)
        assert (done.returncode == 1) is is_refused, done.stderr
        assert ("is of House 99.0.0, and this is" in done.stderr) is is_refused
