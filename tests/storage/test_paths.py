"""The run directory: it is private, and its files are replaced as a whole."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from daemons.errors import StorageError
from daemons.storage import paths
from daemons.storage.paths import FOLDERS, check_path, replace_file


def test_entering_creates_a_private_directory_with_all_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run directory that is new, or that others could read, is private and has every folder."""
    run = tmp_path / "deep" / "run"
    monkeypatch.chdir(tmp_path)
    run.mkdir(parents=True, mode=0o755)
    paths.enter(run)
    assert Path.cwd() == run
    assert run.stat().st_mode & 0o777 == 0o700
    assert all((run / folder).is_dir() for folder in FOLDERS)


def test_a_run_directory_that_is_a_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that cannot be a directory is named, with the reason."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").write_text("")
    with pytest.raises(StorageError, match=r"the run directory .*run cannot be used: "):
        paths.enter(tmp_path / "run")


def test_a_run_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for root, which could use it: the error names both users, and nothing is changed."""
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    run.mkdir(mode=0o755)
    own = run.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: own + 4_000_000)
    with pytest.raises(StorageError) as refused:
        paths.enter(run)
    user = paths.user_name(own)
    assert str(refused.value) == (
        f"{run} belongs to {user}, and this process runs as user {own + 4_000_000}; "
        f"run House as {user}, or choose another run directory with --run or HOUSE_RUN"
    )
    assert Path.cwd() == tmp_path
    assert run.stat().st_mode & 0o777 == 0o755
    assert list(run.iterdir()) == []


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier start by root may have left folders that the owner of the house cannot use."""
    if os.geteuid():
        pytest.skip("only root can give a folder to another user")
    monkeypatch.chdir(tmp_path)
    paths.enter(tmp_path / "run")
    os.chown(tmp_path / "run" / "keys", 4_000_000, -1)
    with pytest.raises(
        StorageError, match=r"run/keys belongs to user 4000000, and this process runs as root"
    ):
        paths.enter(tmp_path / "run")


@pytest.mark.parametrize("words", [["-m", "daemons.cli.main", "status"], ["-m", "daemons", "lamp"]])
def test_root_does_not_use_the_house_of_another_user(tmp_path: Path, words: list[str]) -> None:
    """Neither a verb nor a process: each ends with the reason, and leaves no file behind."""
    if os.geteuid():
        pytest.skip("only root can give a folder to another user")
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    os.chown(run, 4_000_000, 4_000_000)
    done = subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "HOUSE_RUN": str(run), "HOUSE_CONFIG": str(tmp_path / "house.toml")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"{run} belongs to user 4000000, and this process runs as root; run House as" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(run.iterdir()) == []
    assert run.stat().st_uid == 4_000_000


def test_the_name_of_this_host_is_missing_or_unreadable(tmp_path: Path) -> None:
    """Without a file there is no name; a file that cannot be read is an error."""
    assert paths.this_host(tmp_path / "gone") is None
    (tmp_path / "host").write_text("cellar\n")
    assert paths.this_host(tmp_path) == "cellar"
    (tmp_path / "host").unlink()
    (tmp_path / "host").mkdir()
    with pytest.raises(StorageError, match="host cannot be read: Is a directory"):
        paths.this_host(tmp_path)


@pytest.mark.parametrize("character", list("\"';#*?[]\\%\n\t"))
def test_a_character_that_supervisord_cannot_read_is_named(character: str) -> None:
    """The error names the character and the way to choose another path."""
    with pytest.raises(StorageError, match="--run or HOUSE_RUN") as raised:
        check_path(Path(f"/home/a{character}b/run"))
    assert repr(character) in str(raised.value)


def test_an_ordinary_path_is_accepted() -> None:
    """Spaces and letters of any language are fine."""
    check_path(Path("/home/Jürgen Müller/my house/run"))


def test_a_reader_sees_the_old_or_the_new_file_and_nothing_else(tmp_path: Path) -> None:
    """While a file is replaced again and again, every read returns a complete file."""
    file = tmp_path / "page"
    pages = [letter * 100_000 for letter in (b"a", b"b")]
    replace_file(file, pages[0])
    stop = threading.Event()

    def replace_again_and_again() -> None:
        while not stop.is_set():
            for page in pages:
                replace_file(file, page)

    writer = threading.Thread(target=replace_again_and_again)
    writer.start()
    try:
        assert {file.read_bytes() for _ in range(300)} <= set(pages)
    finally:
        stop.set()
        writer.join()
    assert list(tmp_path.iterdir()) == [file]


def test_a_written_file_is_private(tmp_path: Path) -> None:
    """Only the owner can read the files of the house."""
    replace_file(tmp_path / "page", b"x")
    assert (tmp_path / "page").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error of a missing folder names the path and the reason."""
    with pytest.raises(StorageError, match=r"gone/page cannot be written: No such file"):
        replace_file(tmp_path / "gone" / "page", b"x")


def test_a_folder_that_is_a_file_is_an_error_as_well(tmp_path: Path) -> None:
    """A path that leads through a file raises StorageError."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        replace_file(tmp_path / "file" / "page", b"x")
