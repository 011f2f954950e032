"""`house doctor` remembers when the last backup was made."""

from pathlib import Path

import pytest

from daemons.cli.checks import backup
from daemons.storage.last_backup import FILE, LastBackup, last_backup, remember_backup

DAY_SECONDS = 86_400


@pytest.mark.parametrize(("days", "is_well"), [(0, True), (31, True), (32, False), (-3, True)])
def test_an_old_backup_needs_a_new_one(days: int, is_well: bool) -> None:
    """A month is not too old."""
    found = backup.backup_finding(LastBackup(1e9, "/media/house.tar.gz"), 1e9 + days * DAY_SECONDS)
    assert found.ok is is_well
    assert "/media/house.tar.gz" in found.text


def test_no_backup_needs_one() -> None:
    """The remedy names the verb."""
    found = backup.backup_finding(None, 1e9)
    assert found.ok is False
    assert "`house backup FILE`" in str(found.remedy)


def test_the_last_backup_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is damaged counts as none."""
    monkeypatch.chdir(tmp_path)
    assert last_backup(tmp_path) is None
    remember_backup(Path("/media/house.tar.gz"), 5.5)
    assert last_backup(tmp_path) == LastBackup(5.5, "/media/house.tar.gz")
    FILE.write_text("{")
    assert last_backup(tmp_path) is None
