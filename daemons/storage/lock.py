"""The lock file of a device name."""

import fcntl
import os

from daemons.errors import AlreadyRunning


class Lock:
    """The right to be one device: held by at most one process, and let go by the kernel if it dies."""

    def __init__(self, name: str) -> None:
        """Take it, or raise AlreadyRunning with the holder's PID."""
        self._file = os.open(f"lock/{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = int(os.pread(self._file, 20, 0) or b"0")
            os.close(self._file)
            raise AlreadyRunning(name, pid) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let it go; only after the sockets are gone, for a closing ipc socket unlinks its path late."""
        os.close(self._file)
