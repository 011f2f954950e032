"""A file with one page of a fixed size. It stays open, and a write changes neither its size nor its folder.

Cutting a file to its length can wait for the filesystem's own journal. A write of whole blocks that exist
changes no length and reads nothing. It needs no free space, if the filesystem overwrites blocks in place.
The page is not mapped into memory: a mapping cannot report that a write failed.
"""

import os
from pathlib import Path

from daemons.errors import StorageError
from daemons.storage.paths import describe, open_file, write_all

PAGE_BYTES = 8192
"""The size of a new page. It is doubled until the text fits."""


class PageFile:
    """A file with one line of text: it begins and ends with its page, and has spaces in the middle."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._path = str(path)
        self._descriptor: int | None = None
        self._identity: tuple[int, int] | None = None
        """The device and the inode of the open file."""
        self._size = 0
        """The size of the open file; 0 before the first write."""
        self._is_new = False
        """Whether the name of the file may not be on the disk yet."""

    @property
    def is_in_place(self) -> bool:
        """Whether the open file still has its name and its size.

        It can be removed, replaced, cut short, or moved with its folder.
        """
        try:
            found = os.stat(self._path)  # noqa: PTH116  faster; each write calls it
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity and found.st_size == self._size

    def write(self, beginning: bytes, end: bytes) -> None:
        """Write the page; a kill during the write leaves it torn. Raises StorageError.

        A file that is no longer in its place is opened anew, and so is one after an error.
        """
        size = self._size or PAGE_BYTES
        while size < len(beginning) + len(end):
            size *= 2
        try:
            if not self.is_in_place:
                self.close()
            descriptor = self._open()
            if not self._size and os.fstat(descriptor).st_size > size:
                os.ftruncate(descriptor, size)  # an earlier process had more to write
            write_all(descriptor, beginning.ljust(size - len(end)) + end)
            self._size = size
        except OSError as error:
            self.close()
            raise StorageError(describe(error, f"{self.path.absolute()} cannot be written")) from error

    def force(self) -> None:
        """Force the page to the disk, and the name of a new file. Raises StorageError.

        After an error it is unknown whether the page is on the disk, also if a second attempt succeeds.
        """
        try:
            os.fdatasync(self._open())
            if self._is_new:
                force_folder(self.path.parent)
                self._is_new = False
        except OSError as error:
            self.close()
            text = describe(error, f"{self.path.absolute()} cannot be forced to the disk")
            raise StorageError(text) from error

    def close(self) -> None:
        """Close the file, if it is open."""
        descriptor, self._descriptor, self._identity, self._size = self._descriptor, None, None, 0
        if descriptor is not None:
            os.close(descriptor)

    def _open(self) -> int:
        """Return the descriptor of the file; open or create the file if it is closed."""
        if self._descriptor is None:
            self._descriptor = open_file(self.path, os.O_WRONLY | os.O_CREAT)
            found = os.fstat(self._descriptor)
            self._identity = (found.st_dev, found.st_ino)
            self._is_new = self._is_new or found.st_size == 0
        return self._descriptor


def force_folder(folder: Path) -> None:
    """Force the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
