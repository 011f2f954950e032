"""A log file that several processes append to and rotate.

A line is one write to a descriptor with O_APPEND, so lines of several processes never mix. Before each write
the path is compared with the open file. If another process has renamed or deleted the file, the line goes to
the new one.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

MAX_BYTES = 1 << 20
"""The size at which the log of a process is rotated; supervisord calls it 1MB."""
BACKUPS = 2


def log_path(name: str) -> Path:
    """Return the path of the log of a process, relative to the run directory."""
    return Path("log") / f"{name}.log"


class RotatingFile:
    """Appends lines to a file; an error leaves it ready for the next line."""

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        """Keep the path and the limits; the first line opens the file. With 0 bytes there is no limit."""
        self._path = path
        self._name = str(path)
        self._max_bytes, self._backups = max_bytes, backups
        self._file: int | None = None
        self._identity = (0, 0)
        """The device and the inode of the open file."""
        self.rest = b""
        """What could not be written of the last text."""

    def write(self, text: bytes) -> None:
        """Append a text; raises OSError if it, or a part of it, cannot be written: `rest` is that part."""
        self.rest = text
        try:
            file, size = self._open()
            while self.rest:
                self.rest = self.rest[os.write(file, self.rest) :]
        except OSError:
            self.close()
            raise
        if self._max_bytes and size + len(text) >= self._max_bytes:
            self._rotate(file)

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
            self._file = None

    def remove(self) -> None:
        """Delete the file."""
        self.close()
        with suppress(OSError):
            self._path.unlink()

    def _open(self) -> tuple[int, int]:
        """Return the open file and its size; if its path has another file by now, or none, open that one."""
        if self._file is not None:
            try:
                status = os.stat(self._name)  # noqa: PTH116  for each line: a Path costs more than the call
                if (status.st_dev, status.st_ino) == self._identity:
                    return self._file, status.st_size
            except FileNotFoundError:
                pass
            self.close()
        try:
            self._file = self._open_path()
        except FileNotFoundError:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._open_path()
        status = os.fstat(self._file)
        self._identity = status.st_dev, status.st_ino
        return self._file, status.st_size

    def _open_path(self) -> int:
        return os.open(self._name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _rotate(self, file: int) -> None:
        """Rename a file that has reached its limit; if it cannot be renamed, empty it.

        A lock on the file itself keeps other processes from a second rotation of it. The file is renamed
        last. So after a kill in between, the next process does the rest, and no backup is replaced too early.
        """
        with suppress(OSError):  # another process holds the lock, or has renamed the file
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._is_at_path(file) and os.fstat(file).st_size >= self._max_bytes:
                self._rename_backups()
                if self._is_at_path(file):
                    os.ftruncate(file, 0)
        self.close()  # ends the lock
        with suppress(OSError):
            self._open()

    def _is_at_path(self, file: int) -> bool:
        return os.path.samestat(self._path.stat(), os.fstat(file))

    def _rename_backups(self) -> None:
        backups = [self._path, *(Path(f"{self._path}.{number + 1}") for number in range(self._backups))]
        for older, newer in zip(reversed(backups), reversed(backups[:-1]), strict=False):
            with suppress(OSError):
                newer.replace(older)
