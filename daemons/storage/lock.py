"""The lock file of a device name."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from daemons.errors import AlreadyRunning, StorageError
from daemons.storage.paths import describe, open_file

UPGRADE = "upgrade"
"""The name of the lock that `house upgrade` holds."""
FOREGROUND = "foreground"
"""The name of the lock that `house up --foreground` holds."""


class NameLock:
    """The lock file of a name: at most one process holds it, and the kernel releases it at its death."""

    def __init__(self, name: str) -> None:
        """Acquire the lock of a name; raises AlreadyRunning with the PID of the process that holds it.

        Raises StorageError if there is no lock file and none can be created. A disk that is full or
        read-only is no obstacle to an existing lock file.
        """
        self._file = open_lock(Path("lock") / name)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = read_pid(self._file)
            os.close(self._file)
            raise AlreadyRunning(name, pid) from None
        write_pid(self._file)

    def fileno(self) -> int:
        """Return the descriptor; a process that inherits it holds the lock, too."""
        return self._file

    def release(self) -> None:
        """Release the lock, after the sockets are closed: a closing ipc socket unlinks its path late."""
        os.close(self._file)


def holder(name: str) -> int | None:
    """Return the PID of the process that holds the lock of a name; None if it is free."""
    try:
        NameLock(name).release()
    except AlreadyRunning as error:
        return error.pid
    return None


def open_lock(path: Path) -> int:
    """Return an open lock file, for reading only if the disk is read-only; StorageError if there is none."""
    try:
        try:
            return open_file(path, os.O_RDWR | os.O_CREAT)
        except OSError:
            with suppress(OSError):
                if path.is_file():
                    return open_file(path, os.O_RDONLY)
            raise
    except OSError as error:
        raise StorageError(describe(error, f"{path.absolute()} cannot be locked")) from error


def read_pid(file: int) -> int:
    """Return the PID in an open lock file; 0 if it holds none."""
    text = os.pread(file, 20, 0)
    return int(text) if text.isdigit() else 0


def write_pid(file: int) -> None:
    """Write the PID of this process in place, which needs no space; without space the file becomes empty."""
    pid = str(os.getpid()).encode()
    try:
        os.pwrite(file, pid, 0)
        os.ftruncate(file, len(pid))
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, 0)
