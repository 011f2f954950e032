"""The lock of a name: one process holds it, and the end of the process releases it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daemons.errors import AlreadyRunning
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
