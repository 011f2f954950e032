"""The lock file of a device name."""

import fcntl
import os

from daemons.errors import AlreadyRunning


class NameLock:
    """The lock file of a name: at most one process holds it, and the kernel releases it at its death."""

    def __init__(self, name: str) -> None:
        """Acquire the lock of a name; raises AlreadyRunning with the PID of the process that holds it."""
        self._file = os.open(f"lock/{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._file, 20, 0)
            os.close(self._file)
            raise AlreadyRunning(name, int(pid) if pid.isdigit() else 0) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Release the lock, after the sockets are closed: a closing ipc socket unlinks its path late."""
        os.close(self._file)
