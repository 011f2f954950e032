"""The second half of an upgrade: what is put back, and what a kill leaves."""

from pathlib import Path
from subprocess import CompletedProcess

import msgspec
import pytest

from daemons.storage.lock import NameLock
from daemons.storage.paths import make_folders
from daemons.storage.record import VERSION, encode
from daemons.supervision import systemd, upgrade
from daemons.supervision.environment import Environment
from daemons.supervision.supervisord import Supervisor
from daemons.supervision.upgrade import (
    Failed,
    Record,
    begin,
    can_hand_over,
    finish,
    forget_journals,
    is_interrupted,
    keep_journals,
    note_down,
    read_record,
    restart_all,
    restore_journals,
    wanted_names,
    write_record,
)


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Return the record of an upgrade from `.venv.old` to `.venv.new`; the run directory is entered."""
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.chdir(tmp_path / "run")
    make_folders()
    for name in ("old", "new"):
        (tmp_path / f".venv.{name}").mkdir()
    (tmp_path / ".venv").symlink_to(".venv.old")
    return Record(
        step="restart",
        link=str(tmp_path / ".venv"),
        old=str(tmp_path / ".venv.old"),
        new=str(tmp_path / ".venv.new"),
        config=str(tmp_path / "house.toml"),
        run=str(tmp_path / "run"),
        host=None,
        was_up=True,
        ready=("lamp", "toaster"),
        timeout_seconds=30.0,
    )


def test_an_upgrade_is_interrupted_until_it_has_ended(record: Record, tmp_path: Path) -> None:
    """A record of environments that are gone, or that another tool has replaced, is none."""
    assert not is_interrupted(read_record())
    begin(record)
    assert read_record() == record
    assert is_interrupted(read_record())
    assert is_interrupted(msgspec.structs.replace(record, step="back"))
    assert not is_interrupted(msgspec.structs.replace(record, step="done"))
    (tmp_path / ".venv").unlink()
    (tmp_path / ".venv").symlink_to(".venv.other")
    assert not is_interrupted(record)
    (tmp_path / ".venv").unlink()
    (tmp_path / ".venv").symlink_to(".venv.new")
    assert is_interrupted(record)
    (tmp_path / ".venv.new").rmdir()
    assert not is_interrupted(record)
    (tmp_path / "run" / "upgrade" / "record.json").write_text("{")
    assert read_record() is None


def test_only_journals_of_a_later_format_are_put_back(record: Record) -> None:
    """The old version reads what the new one wrote in its own format, which is newer than the copy."""

    def write(name: str, text: bytes, version: int = VERSION) -> None:
        page = b"".join(encode(1, text))
        head = b'{"version":%d'
        assert page.startswith(head % VERSION)
        Path("journal", name).write_bytes(page.replace(head % VERSION, head % version))

    write("lamp.0.json", b'{"was":1}')
    write("toaster.0.json", b'{"was":1}')
    keep_journals()
    write("lamp.0.json", b'{"was":2}')
    write("toaster.1.json", b'{"was":2}', VERSION + 1)
    restore_journals(record)
    assert b'"was":2' in Path("journal/lamp.0.json").read_bytes()
    assert b'"was":1' in Path("journal/toaster.0.json").read_bytes()
    assert not Path("journal/toaster.1.json").exists()
    forget_journals()
    assert not Path("upgrade/journal").exists()


@pytest.mark.parametrize("name", ["house", "edit"])
def test_a_restart_waits_for_a_change_of_the_house(
    record: Record, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """If the change does not end, the upgrade gives up, and no process has been restarted."""
    monkeypatch.setattr(upgrade, "LOCK_SECONDS", 0.0)
    monkeypatch.setattr(Environment, "house", lambda *_: CompletedProcess([], 0, '{"up": true}', ""))
    lines: list[str] = []
    begin(record)
    lock = NameLock(name)
    with pytest.raises(Failed, match="as before"):
        finish(record, lines.append)
    lock.release()
    assert lines[0].startswith("The house was not restarted, because another command changes it (PID ")
    after = read_record()
    assert after is not None
    assert (after.step, after.new, Path(record.link).readlink()) == ("done", record.old, Path(".venv.old"))


def test_a_house_that_was_stopped_meanwhile_is_not_started_again(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upgrade goes back to the old version; only the next `up` starts it."""
    commands: list[tuple[str, ...]] = []

    def house(_: Environment, *words: str) -> "CompletedProcess[str]":
        commands.append(words)
        return CompletedProcess([], 0, '{"up": true}', "")

    monkeypatch.setattr(upgrade, "LOCK_SECONDS", 0.0)
    monkeypatch.setattr(Environment, "house", house)
    begin(record)
    note_down()
    lock = NameLock("house")
    with pytest.raises(Failed, match="The house was stopped meanwhile"):
        finish(record, lambda _: None)
    lock.release()
    assert [words for words in commands if words[0] == "up"] == []


def test_a_process_that_was_stopped_since_the_check_need_not_be_ready(record: Record) -> None:
    """A person stops it while the new version is built and checked."""
    assert wanted_names(record) == ["lamp", "toaster"]
    Path("stopped/lamp").touch()
    assert wanted_names(record) == ["toaster"]


def test_the_whole_house_restarts_where_its_processes_cannot_be_handed_over(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that cannot begin it, a supervisord.conf of the user's own, and a folder without a link."""
    commands: list[tuple[str, ...]] = []

    def house(_: Environment, *words: str) -> "CompletedProcess[str]":
        commands.append(words)
        return CompletedProcess([], 2 if "--second" in words else 0, "", "")

    monkeypatch.setattr(Environment, "house", house)
    monkeypatch.setattr(Supervisor, "is_up", lambda _: True)
    monkeypatch.setattr(systemd, "find_unit", lambda _: None)
    assert not can_hand_over(record)
    assert commands.pop() == ("up", "--second", "--help")
    own = tmp_path / "own.conf"
    own.write_text("[unix_http_server]\nfile=mine.sock\n")
    monkeypatch.setenv("HOUSE_SUPERVISORD", str(own))
    assert not can_hand_over(record)
    monkeypatch.delenv("HOUSE_SUPERVISORD")
    (tmp_path / ".venv").unlink()
    (tmp_path / ".venv").mkdir()
    assert not can_hand_over(record)
    assert commands == []
    lines: list[str] = []
    (tmp_path / ".venv").rmdir()
    (tmp_path / ".venv").symlink_to(".venv.old")
    assert restart_all(record, lines.append) == ""
    assert commands == [("down",), ("up", "--timeout", "30")]
    assert (tmp_path / ".venv").readlink() == Path(".venv.new")
    assert lines == ["The house starts with the new version."]


def test_a_new_upgrade_keeps_no_journals_of_an_earlier_one(record: Record) -> None:
    """A copy that a kill has left would be too old to go on from."""
    write_record(record)
    keep_journals()
    begin(record)
    assert not Path("upgrade/journal").exists()
