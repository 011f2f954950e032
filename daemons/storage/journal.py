"""What one device must remember across a crash: two small JSON files, written in turn.

A kill at any instruction leaves the newer of them whole, or torn, and then the older one counts:
each has a number, and a checksum of what it holds. So nothing has to be renamed, which on ext4
takes ten times as long as the writing, before each act. A power cut can tear both, for neither is
forced to the disk each time; so once a second a copy is, and reading falls back to it. A file that
cannot be read is set aside, told, and the device goes on with the rest, or in its safe state.
"""

import logging
import os
from binascii import crc32
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from daemons.errors import PlaceError
from daemons.storage.paths import overwrite

M = TypeVar("M", bound=Struct)
VERSION = 2


class Page(Struct, frozen=True):
    """A file's whole content: its format's version, its place in the order, and the memory."""

    version: int
    memory: msgspec.Raw
    number: int = 0
    check: int = 0
    """The CRC-32 of the memory as it is written."""


class Journal(Generic[M]):
    """The memory of one device on disk."""

    def __init__(self, name: str, type_: type[M], log: logging.LoggerAdapter[Any]) -> None:
        self._paths = [Path("journal") / f"{name}.{number}.json" for number in range(2)]
        self._safe = Path("journal") / f"{name}.safe.json"
        self._type = type_
        self._log = log
        self._number = 0
        self._page: bytes | None = None
        self._trouble = self._unsafe = False

    def load(self) -> M | None:
        """Give what was remembered last, or nothing; what cannot be read is set aside and told."""
        memory: M | None = None
        for path in (*self._paths, self._safe):
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
        """Write it down before acting on it; a disk that is full is told once, and work goes on."""
        raw, number = msgspec.json.encode(memory), self._number + 1
        self._page = msgspec.json.encode(Page(VERSION, msgspec.Raw(raw), number, crc32(raw)))
        try:
            overwrite(self._paths[number % 2], self._page)
        except PlaceError as error:
            if not self._trouble:
                self._log.error("a crash now would forget the latest: %s", error)
            self._trouble = True  # and the next is written to the same file: the other one is whole
        else:
            self._trouble, self._number = False, number

    def secure(self) -> None:
        """Force what was last saved to the disk, against a power cut; cheap when nothing changed."""
        page = self._page
        if page is None or self._trouble:
            return
        new = self._safe.with_suffix(".new")
        try:
            with new.open("wb") as file:
                file.write(page)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._safe)
        except OSError as error:
            if not self._unsafe:
                self._log.error("a power cut now would forget the latest: %s: %s", self._safe, error.strerror)
            self._unsafe = True
        else:
            self._unsafe = False
            if self._page is page:  # else another thread has saved meanwhile
                self._page = None
