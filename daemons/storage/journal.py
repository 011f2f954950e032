"""The journal: what one device remembers across a crash, in two small JSON files written in turn.

Each file has a number, and a checksum of its content. A kill at any instruction leaves the newer file
whole, or torn; if it is torn, the older one counts. So no file is renamed, which on ext4 takes ten
times as long as writing it. A power cut can tear both files, because neither is forced to the disk.
So once a second a third copy is forced to the disk, and reading falls back to it. A file that cannot
be read is set aside and logged. The device continues with the others, or in its safe state.
"""

import logging
import os
from binascii import crc32
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from daemons.errors import StorageError
from daemons.storage.paths import overwrite_file

M = TypeVar("M", bound=Struct)
VERSION = 2


class Page(Struct, frozen=True):
    """The whole content of one file."""

    version: int
    """The version of the format."""
    memory: msgspec.Raw
    number: int = 0
    """The number of this write; the file with the highest number is the newest."""
    check: int = 0
    """The CRC-32 of the memory as it is written."""


class Journal(Generic[M]):
    """The memory of one device on the disk."""

    def __init__(self, name: str, type_: type[M], log: logging.LoggerAdapter[Any]) -> None:
        self._paths = [Path("journal") / f"{name}.{number}.json" for number in range(2)]
        self._safe_path = Path("journal") / f"{name}.safe.json"
        self._type = type_
        self._log = log
        self._number = 0
        self._unforced: bytes | None = None
        """The latest page, until it has been forced to the disk."""
        self.error: str | None = None
        """Why the latest memory is not in its file; None while it is."""
        self._cannot_force = False

    def load(self) -> M | None:
        """Return the newest memory, or None; a file that cannot be read is set aside and logged."""
        memory: M | None = None
        for path in (*self._paths, self._safe_path):
            try:
                page = msgspec.json.decode(path.read_bytes(), type=Page)
                if page.version != VERSION:
                    raise ValueError(f"it is of version {page.version}, this house reads {VERSION}")
                if page.check != crc32(page.memory):
                    raise ValueError("it is torn")
                if page.number > self._number:
                    memory = msgspec.json.decode(page.memory, type=self._type)
                    self._number = page.number
            except FileNotFoundError:
                continue
            except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
                aside = path.with_suffix(".damaged")
                try:
                    path.replace(aside)
                except OSError:
                    aside = path
                self._log.error("%s cannot be read and was set aside as %s: %s", path, aside.name, error)
        return memory

    def save(self, memory: M) -> None:
        """Write the memory, before the device acts on it. A failure is logged once, and stands in `error`."""
        raw, number = msgspec.json.encode(memory), self._number + 1
        self._unforced = msgspec.json.encode(Page(VERSION, msgspec.Raw(raw), number, crc32(raw)))
        try:
            overwrite_file(self._paths[number % 2], self._unforced)
        except StorageError as error:
            if self.error is None:
                self._log.error("a crash now would forget the latest: %s", error)
            self.error = str(error)  # the next page goes to the same file: the other one is whole
        else:
            if self.error is not None:
                self._log.info("the memory can be written again")
            self.error, self._number = None, number

    def secure(self) -> None:
        """Force the latest page to the disk, against a power cut; without a new page it does nothing."""
        page = self._unforced
        if page is None or self.error is not None:
            return
        new = self._safe_path.with_suffix(".new")
        try:
            with new.open("wb") as file:
                file.write(page)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._safe_path)
        except OSError as error:
            if not self._cannot_force:
                self._log.error(
                    "a power cut now would forget the latest: %s: %s", self._safe_path, error.strerror
                )
            self._cannot_force = True
        else:
            self._cannot_force = False
            if self._unforced is page:  # otherwise another thread has saved a newer one
                self._unforced = None


def peek(name: str, type_: type[M]) -> M | None:
    """Return the newest memory of a process that may be running, or None; nothing is set aside or logged."""
    number = -1
    memory: M | None = None
    for path in Path("journal").glob(f"{name}.*.json"):
        try:
            page = msgspec.json.decode(path.read_bytes(), type=Page)
            if page.version == VERSION and page.check == crc32(page.memory) and page.number > number:
                memory = msgspec.json.decode(page.memory, type=type_)
                number = page.number
        except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
            continue
    return memory
