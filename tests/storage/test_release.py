"""The version of the installed House, and that of the running one."""

from pathlib import Path

import pytest

from daemons.storage import release
from daemons.storage.release import describe_version, running_version


def test_a_built_house_names_its_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The build writes the commit into a file; a working copy has none, and names its version alone."""
    commit = tmp_path / "commit"
    monkeypatch.setattr(release, "COMMIT", commit)
    assert describe_version() == "1.0.0"
    commit.write_text("0123456789ab, with changes\n")
    assert describe_version() == "1.0.0 (commit 0123456789ab, with changes)"


def test_a_damaged_file_means_that_the_running_version_is_not_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A missing, an empty and a binary file, and a folder in its place."""
    monkeypatch.chdir(tmp_path)
    assert running_version() is None
    for content in (b"", b"\xff\xfe"):
        Path("version").write_bytes(content)
        assert running_version() is None
    Path("version").write_text("1.0.0\n")
    assert running_version() == "1.0.0"
    Path("version").unlink()
    Path("version").mkdir()
    assert running_version() is None
