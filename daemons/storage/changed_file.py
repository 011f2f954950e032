"""A file that is read again only when it has changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from daemons.errors import StorageError

T = TypeVar("T")


class ChangedFile(Generic[T]):
    """Caches what a file contains, for as long as its inode and its modification time stay the same."""

    def __init__(self, path: Path, parse: Callable[[bytes], T], missing: T) -> None:
        """Cache `parse` of the content of the file, and `missing` where there is no file.

        `parse` raises ValueError for a content that it does not accept.
        """
        self._path, self._parse, self._missing = path, parse, missing
        self._known: tuple[int, int] | None = None
        self._value = missing

    def read(self) -> T:
        """Return the parsed content of the file as it is now.

        Raises StorageError for a file that cannot be read. Such a file is not a missing file. Neither is a
        symbolic link whose target is missing.
        """
        try:
            status = self._path.stat()
            if (version := (status.st_ino, status.st_mtime_ns)) != self._known:
                self._value, self._known = self._parse(self._path.read_bytes()), version
        except FileNotFoundError as error:
            if self._path.is_symlink():
                raise self._unreadable(error) from error
            self._value, self._known = self._missing, None
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from error
        return self._value

    def read_or_last(self) -> T:
        """Return the parsed content of the file; if it cannot be read now, the content that was read last."""
        try:
            return self.read()
        except StorageError:
            return self._value

    def _unreadable(self, error: OSError | ValueError) -> StorageError:
        self._known = None
        reason = error.strerror if isinstance(error, OSError) else error
        return StorageError(f"{self._path.absolute()} cannot be read: {reason}")
