"""The run directory: it is private, and its files are replaced as a whole."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

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


def test_a_planted_file_in_a_directory_that_was_open_to_others_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the file. Without the file, the directory is used, and is private from then on."""
    if os.geteuid():
        pytest.skip("only root can give a file to another user")
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    (run / "keys" / "clients").mkdir(parents=True)
    planted = run / "keys" / "clients" / "friend.toml"
    planted.symlink_to("/etc/hostname")
    os.chown(planted, 4_000_000, -1, follow_symlinks=False)
    run.chmod(0o777)
    with pytest.raises(StorageError) as refused:
        paths.enter(run)
    assert str(refused.value) == (
        f"{planted} belongs to user 4000000, and until now other users could write into {run}; "
        "remove the file, or `chown` it to yours if you trust it"
    )
    assert run.stat().st_mode & 0o777 == 0o777
    planted.unlink()
    paths.enter(run)
    assert run.stat().st_mode & 0o777 == 0o700


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


def test_a_folder_of_the_run_directory_that_is_gone_is_made_again(run: Path) -> None:
    """Whatever is written into a folder of the run directory creates that folder if it is missing."""
    for folder, write in {"journal": paths.overwrite_file, "stopped": replace_file}.items():
        Path(folder).rmdir()
        write(Path(folder) / "lamp", b"x")
        assert (Path(folder) / "lamp").read_bytes() == b"x"
        assert Path(folder).stat().st_mode & 0o777 == 0o700


def test_a_directory_that_exists_is_entered_on_a_read_only_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entering a run directory that is private already changes nothing; missing folders are no obstacle."""
    run = tmp_path / "run"
    monkeypatch.chdir(tmp_path)
    paths.enter(run)
    (run / "log").rmdir()
    monkeypatch.chdir(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "chmod", refuse)
    real = Path.mkdir
    monkeypatch.setattr(
        Path, "mkdir", lambda path, **how: real(path, **how) if path.exists() else refuse(path)
    )
    paths.enter(run)
    assert Path.cwd() == run


def test_a_file_in_the_place_of_a_folder_is_named_with_the_remedy(run: Path) -> None:
    """The error names the path, and says that the file must be removed."""
    Path("journal").rmdir()
    Path("journal").write_text("")
    with pytest.raises(
        StorageError, match=f"{run}/journal is a file, and House needs a folder there; remove"
    ):
        paths.enter(run)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "it fails: No space left on device; free some space"),
        (
            errno.EROFS,
            "it fails: Read-only file system; the disk is read-only: repair it, or mount it writable",
        ),
        (errno.EACCES, "it fails: Permission denied; it belongs to another user: `chown` gives it to yours"),
        (errno.EIO, "it fails: Input/output error"),
    ],
)
def test_an_error_of_the_disk_has_its_remedy(number: int, text: str) -> None:
    """The line about an error has the reason, and what to do."""
    assert paths.describe(OSError(number, os.strerror(number)), "it fails") == text


@pytest.mark.parametrize(("content", "expected"), [(None, None), (b"", None), (b"kitchen\n", "kitchen")])
def test_the_name_of_this_host_is_read(tmp_path: Path, content: bytes | None, expected: str | None) -> None:
    """A missing or empty file is a house of one host."""
    if content is not None:
        (tmp_path / "host").write_bytes(content)
    assert paths.this_host(tmp_path) == expected


def test_a_damaged_name_of_this_host_is_reported(tmp_path: Path) -> None:
    """The error names the file and the remedy."""
    (tmp_path / "host").write_bytes(b"\xff")
    with pytest.raises(StorageError, match="/host holds no name of a host; `house --host NAME up`"):
        paths.this_host(tmp_path)
    (tmp_path / "host").unlink()
    (tmp_path / "host").mkdir()
    with pytest.raises(StorageError, match="/host cannot be read: Is a directory; it is a folder: remove it"):
        paths.this_host(tmp_path)


@pytest.mark.parametrize(
    ("flags", "free_blocks", "may_write", "text"),
    [
        (0, 256, True, None),
        (0, 255, True, "No space left on device; free some space"),
        (
            os.ST_RDONLY,
            256,
            True,
            "Read-only file system; the disk is read-only: repair it, or mount it writable",
        ),
        (0, 256, False, "Permission denied; it belongs to another user: `chown` gives it to yours"),
    ],
)
def test_a_disk_that_cannot_be_written_is_noticed_without_a_write(
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: int,
    free_blocks: int,
    may_write: bool,
    text: str | None,
) -> None:
    """With less than 1 MB free, read-only, or of another user: the reason and the remedy are returned."""
    disk = SimpleNamespace(
        f_flag=flags, f_frsize=4096, f_blocks=1000, f_bfree=free_blocks, f_bavail=free_blocks
    )
    monkeypatch.setattr(os, "statvfs", lambda _: disk)
    monkeypatch.setattr(os, "access", lambda *_: may_write)
    assert paths.write_fault() == (text and f"{run} cannot be written: {text}")


def test_a_folder_that_is_gone_is_no_disk_to_write(run: Path) -> None:
    """The folder is named."""
    Path("log").rmdir()
    assert paths.write_fault() == f"{run}/log cannot be used: No such file or directory"
