"""A file of JSON lines that stays open. This process and others append lines, each line by one write.

A process reads the lines of the others. The file may be removed, replaced or cut at any time.
"""

import errno
import os
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class LineFile(Generic[T]):
    """The lines of one file, from the last one that was read or added."""

    def __init__(self, path: Path, type_: type[T]) -> None:
        self.path = path
        self._type = type_
        self._descriptor: int | None = None
        self._identity: tuple[int, int] | None = None
        """The device and the inode of the file that was read or written last."""
        self._offset = 0
        """The end of the last complete line that was read or added."""
        self._size = 0
        """The size of the file then. It is larger than the offset if the last line is incomplete."""

    def read_new(self, found: os.stat_result | None) -> tuple[list[T], bool]:
        """Return the lines that were added since the last call, and whether they are from another file.

        `found` is the present status of the file; None if there is no file. A file that was replaced or cut
        counts as another file, and is read from its beginning. Raises OSError if it cannot be read.
        """
        if found is None:
            self.close()
            return [], False
        identity = (found.st_dev, found.st_ino)
        if found.st_size == self._size and identity == self._identity:
            return [], False
        is_other = identity != self._identity or found.st_size < self._offset
        if is_other:
            self.close()
        lines, self._offset = read_lines(self.path, self._type, self._offset)
        self._identity, self._size = identity, max(found.st_size, self._offset)
        return lines, is_other

    def append(self, line: T) -> bool:
        """Add a line; return False if `read_new` must be called, because others have added lines.

        Raises OSError if the line was not written, or not as a whole.
        """
        text = msgspec.json.encode(line) + b"\n"
        if self._offset < self._size:
            text = b"\n" + text  # the last line is incomplete after a full disk
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            found = os.fstat(self._descriptor)
            self._identity = self._identity or (found.st_dev, found.st_ino)
        if os.write(self._descriptor, text) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        end = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        if end - len(text) != self._size:
            return False
        self._offset = self._size = end
        return True

    def close(self) -> None:
        """Close the file. The next call of `read_new` reads from the beginning."""
        descriptor, self._descriptor = self._descriptor, None
        self._identity, self._offset, self._size = None, 0, 0
        if descriptor is not None:
            os.close(descriptor)


def read_lines(path: Path, type_: type[T], offset: int = 0) -> tuple[list[T], int]:
    """Return the decoded lines from `offset`, oldest first, and the offset for the next call.

    A line that a full disk has cut off is skipped. Raises OSError if the file cannot be read.
    """
    found = []
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                break  # incomplete, or still being written
            offset += len(line)
            try:
                found.append(msgspec.json.decode(line, type=type_))
            except msgspec.MsgspecError:
                continue
    return found, offset
