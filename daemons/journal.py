"""What one device must remember across a crash: a small JSON file, replaced as a whole.

A kill at any instruction leaves the old or the new file (rename(2) is atomic). A power cut
can leave the newest one empty or torn, for it is not forced to the disk each time; so once a
second a copy is, and reading falls back to it. A file that cannot be read is set aside, told,
and the device starts in its safe state.
"""

import logging
import os
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from daemons.errors import PlaceError
from daemons.place import write

M = TypeVar("M", bound=Struct)
VERSION = 1


class Page(Struct, frozen=True):
    """The file's whole content: its format's version, and the memory."""

    version: int
    memory: msgspec.Raw


class Journal(Generic[M]):
    """The memory of one device on disk."""

    def __init__(self, name: str, type_: type[M], log: logging.LoggerAdapter[Any]) -> None:
        self._path = Path("journal") / f"{name}.json"
        self._safe = Path("journal") / f"{name}.safe.json"
        self._type = type_
        self._log = log
        self._page: bytes | None = None
        self._trouble = self._unsafe = False

    def load(self) -> M | None:
        """Give what was remembered, or nothing; what cannot be read is set aside and told."""
        for path in (self._path, self._safe):
            try:
                page = msgspec.json.decode(path.read_bytes(), type=Page)
                if page.version != VERSION:
                    raise ValueError(f"it is of version {page.version}, this house reads {VERSION}")
                return msgspec.json.decode(page.memory, type=self._type)
            except FileNotFoundError:
                continue
            except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
                aside = path.with_suffix(".damaged")
                try:
                    path.replace(aside)
                except OSError:
                    aside = path
                self._log.error("%s cannot be read and was set aside as %s: %s", path, aside.name, error)
        return None

    def save(self, memory: M) -> None:
        """Write it down before acting on it; a disk that is full is told once, and work goes on."""
        self._page = msgspec.json.encode({"version": VERSION, "memory": memory})
        try:
            write(self._path, self._page)
        except PlaceError as error:
            if not self._trouble:
                self._log.error("a crash now would forget the latest: %s", error)
            self._trouble = True
        else:
            self._trouble = False

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
