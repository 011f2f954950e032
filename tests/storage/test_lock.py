"""The lock of a name: one process holds it, and the end of the process releases it."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daemons.errors import AlreadyRunning, StorageError
from daemons.storage.lock import NameLock
from tests.support import factories

HOLDER = """
import sys
from daemons.storage.lock import NameLock
lock = NameLock("lamp")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_locked_name_names_its_holder_and_is_free_after_its_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of a second process names the PID of the first; after its death the name is free."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning) as raised:
            NameLock("lamp")
        assert raised.value.pid == holder.pid
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    NameLock("lamp").release()


def test_a_lock_file_without_a_pid_names_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder may be about to write its PID, and a damaged disk may hold anything."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    lock = NameLock("lamp")
    for content in ("", "x", "-1", "\0\0"):
        Path("lock/lamp").write_text(content)
        with pytest.raises(AlreadyRunning, match="another process already runs"):
            NameLock("lamp")
    lock.release()


def test_a_released_lock_can_be_acquired_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release frees the name at once, and does not concern other names."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    first, other = NameLock("lamp"), NameLock("lamp2")
    with pytest.raises(AlreadyRunning) as raised:
        NameLock("lamp")
    assert raised.value.pid == os.getpid()
    first.release()
    NameLock("lamp").release()
    other.release()


@pytest.mark.parametrize("content", [b"", b"4194304", b"no number"])
def test_a_full_disk_does_not_prevent_a_lock(run: Path, content: bytes) -> None:
    """An existing lock file is locked although no PID can be written; its holder is then not known."""
    Path("lock/lamp").write_bytes(content)
    with factories.full_disk():
        lock = NameLock("lamp")
    with pytest.raises(AlreadyRunning) as raised:
        NameLock("lamp")
    assert raised.value.pid == 0
    lock.release()


def test_a_read_only_lock_file_is_locked(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a read-only disk a lock file can be opened for reading only, and locks all the same."""
    Path("lock/lamp").write_bytes(b"")
    real = os.open

    def open_read_only(path: Path, flags: int, mode: int = 0) -> int:
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", open_read_only)
    lock = NameLock("lamp")
    with pytest.raises(AlreadyRunning):
        NameLock("lamp")
    lock.release()
    with pytest.raises(
        StorageError, match=r"lock/lamp2 cannot be locked: Read-only file system; the disk is"
    ):
        NameLock("lamp2")


def test_a_lock_folder_that_is_gone_is_made_again(run: Path) -> None:
    """A missing folder of the run directory is created again."""
    Path("lock").rmdir()
    NameLock("lamp").release()
    assert Path("lock").stat().st_mode & 0o777 == 0o700
