"""A file that is read again only when it has changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class ChangedFile(Generic[T]):
    """Caches what a file contains, for as long as its inode and its modification time stay the same."""

    def __init__(self, path: Path, parse: Callable[[bytes], T], missing: T) -> None:
        """Cache `parse` of the content of the file, and `missing` where there is no readable file."""
        self._path, self._parse, self._missing = path, parse, missing
        self._known: tuple[int, int] | None = None
        self._value = missing

    def read(self) -> T:
        """Return the parsed content of the file as it is now."""
        try:
            status = self._path.stat()
            if (version := (status.st_ino, status.st_mtime_ns)) != self._known:
                self._value, self._known = self._parse(self._path.read_bytes()), version
        except OSError:
            self._value, self._known = self._missing, None
        return self._value
