"""The installed configurations are kept within bounds, each with its author and its reason."""

from pathlib import Path

import pytest

from daemons.storage.versions import FOLDER, keep_version, list_versions
from tests.support import factories


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.enter_run_directory(tmp_path, monkeypatch)


def test_a_version_has_its_author_and_its_reason() -> None:
    """What is installed again is no new version; what was installed earlier is one again."""
    keep_version("a", "up", "page:anna", 7.0)
    keep_version("a", "reload")
    keep_version("b", "reload", "berta")
    keep_version("a", "undo", "berta")
    found = [(one.number, one.content, one.why, one.by) for one in list_versions()]
    assert found == [
        (3, "a", "undo", "berta"),
        (2, "b", "reload", "berta"),
        (1, "a", "up", "page:anna"),
    ]
    assert {path.stat().st_mode & 0o777 for path in FOLDER.iterdir()} == {0o600}


def test_the_oldest_versions_are_deleted() -> None:
    """50 stay; the numbers go on."""
    for number in range(60):
        keep_version(f"text {number}", "reload")
    found = list_versions()
    assert [one.number for one in found] == list(range(60, 10, -1))


def test_large_versions_are_fewer_and_the_newest_two_always_stay() -> None:
    """16 MiB are kept, and with them there is always one to go back to."""
    for number in range(5):
        keep_version(f"{number}" * (6 << 20), "reload")
    assert [one.number for one in list_versions()] == [5, 4]


def test_a_damaged_version_is_left_out() -> None:
    """The others can be gone back to."""
    for text in "ab":
        keep_version(text, "reload")
    (FOLDER / "000001.json").write_bytes(b"{")
    assert [one.content for one in list_versions()] == ["b"]
