"""The journal: what one process remembers across a crash, in four small files that stay open.

Each file is one page with one record. Each save overwrites the older one of two pages. So a kill at any
instruction leaves the new record whole, or the one before. A file that cannot be read is set aside and
logged, and the newest of the other files counts.

A memory of an earlier version of House is read. If one file is of a later version, all of them are set aside,
because the others are older than it. The process then starts anew.

A power cut can tear both pages, because neither is forced to the disk. So once a second a copy is written
to the older one of two more pages, and is forced to the disk.
"""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from daemons.errors import StorageError
from daemons.storage.later import set_aside_later
from daemons.storage.page_file import PageFile
from daemons.storage.page_pair import PagePair
from daemons.storage.record import LaterVersion, decode, encode, migrate

M = TypeVar("M", bound=Struct)
T = TypeVar("T")
UNREADABLE = (OSError, ValueError, LookupError, TypeError, RecursionError, msgspec.MsgspecError)
"""The errors of a file that cannot be read, or of a memory that a step cannot migrate."""


class Journal(Generic[M]):
    """The memory of one process on the disk. One thread may save while another one forces."""

    def __init__(self, name: str, type_: type[M], log: logging.LoggerAdapter[Any]) -> None:
        first, second, safe, safe2 = (
            Path("journal") / f"{name}.{which}.json" for which in ("0", "1", "safe", "safe2")
        )
        self._saved = PagePair(first, second)
        self._safe = PagePair(safe, safe2)
        self._name = name
        self._type = type_
        self._log = log
        self._lock = Lock()
        self._number = 0
        """The number of the newest record."""
        self._memory: bytes | None = None
        """The latest memory, as JSON; None before the first save."""
        self._is_safe = False
        """Whether the latest memory has been forced to the disk."""
        self._unsure: PageFile | None = None
        """The copy that the last process wrote, perhaps without having forced it."""
        self._write_error: str | None = None
        self._force_error: str | None = None

    @property
    def error(self) -> str | None:
        """Why a crash or a power cut now would forget the latest memory; None if neither would."""
        return self._write_error or self._force_error

    def load(self) -> M | None:
        """Return the newest memory, or None; a file that cannot be read is set aside and logged."""
        if self._set_aside_later():
            return None
        newest: M | None = None
        for pair in (self._saved, self._safe):
            best = 0
            for page in pair.pages:
                if (found := self._read(page.path)) is None or found[0] <= best:
                    continue
                best, memory = found
                pair.set_newest(page)
                if best > self._number:
                    self._number, newest = best, memory
        self._unsure = self._safe.newest
        return newest

    def _set_aside_later(self) -> bool:
        """Set all files aside if one is of a later version; return whether that is so."""
        paths = [page.path for pair in (self._saved, self._safe) for page in pair.pages]
        later = find_later(paths)
        if later is None:
            return False
        try:
            aside = str(set_aside_later(self._name, paths))
        except StorageError as error:
            aside = str(error)
        self._log.error(
            "its memory is of format %d, and this version of House reads up to %d. It starts anew, and the "
            "memory was set aside: %s",
            later.version,
            later.known,
            aside,
        )
        return True

    def _read(self, path: Path) -> tuple[int, M] | None:
        """Return the number and the memory of a file, or None; set it aside if it cannot be read."""
        try:
            record = decode(path.read_bytes())
            return record.number, msgspec.json.decode(migrate(self._name, record), type=self._type)
        except FileNotFoundError:
            return None
        except UNREADABLE as error:
            aside = path.with_suffix(".damaged")
            try:
                path.replace(aside)
            except OSError:
                aside = path
            self._log.error("%s cannot be read and was set aside as %s: %s", path, aside.name, error)
            return None

    def save(self, memory: M) -> None:
        """Write the memory, before the process acts on it. A failure is logged once, and is in `error`."""
        with self._lock:
            self._memory = msgspec.json.encode(memory)
            self._write(self._memory)

    def secure(self) -> None:
        """Force the latest memory to the disk, against a power cut; if that is done, do nothing.

        Another thread may save meanwhile. After a failure, and if the files are no longer in their place, the
        memory is written again. So a disk that works again is noticed without a save.
        """
        with self._lock:
            if self._memory is None:
                return
            if self.error is not None or not self._saved.newest.is_in_place:
                self._write(self._memory)
            if self._write_error is not None or (self._is_safe and self._safe.newest.is_in_place):
                return
            number, memory, self._is_safe, failure = self._number, self._memory, True, None
        try:
            if self._unsure is not None and self._unsure.path.exists():
                self._unsure.force()
            self._unsure = None
            self._safe.next.write(*encode(number, memory))
            self._safe.next.force()
            self._safe.set_newest(self._safe.next)
        except StorageError as error:
            failure = str(error)
        with self._lock:
            self._force_error = self._note("a power cut", self._force_error, failure)

    def close(self) -> None:
        """Close the files; what was saved stays."""
        self._saved.close()
        self._safe.close()

    def _write(self, memory: bytes) -> None:
        number, failure = self._number + 1, None
        try:
            self._saved.next.write(*encode(number, memory))
        except StorageError as error:
            failure = str(error)
        else:
            self._saved.set_newest(self._saved.next)
            self._number = number
        self._is_safe = False
        self._write_error = self._note("a crash", self._write_error, failure)

    def _note(self, what: str, before: str | None, now: str | None) -> str | None:
        """Return the present failure; log when one begins and when it ends."""
        if before is None and now is not None:
            self._log.error("%s now would forget the latest: %s", what, now)
        elif before is not None and now is None:
            self._log.info("the memory can be written again")
        return now


def find_later(paths: Iterable[Path]) -> LaterVersion | None:
    """Return the error of the first file that is of a later version; None if there is none."""
    for path in paths:
        try:
            decode(path.read_bytes())
        except LaterVersion as error:
            return error
        except UNREADABLE:
            continue
    return None


def later_format(name: str) -> int | None:
    """Return the format of the journal of a process if a later version of House wrote it, or None."""
    later = find_later(Path("journal").glob(f"{name}.*.json"))
    return later.version if later else None


def peek(name: str, type_: type[M]) -> M | None:
    """Return the newest memory of a process that may be running, or None; nothing is set aside or logged."""
    return _peek(name, lambda memory: msgspec.json.decode(memory, type=type_))


def peek_fields(name: str) -> dict[str, Any] | None:
    """Return the newest memory as `peek` does, with all of its fields, also those that no type has."""
    return _peek(name, lambda memory: msgspec.json.decode(memory, type=dict[str, Any]))


def _peek(name: str, parse: Callable[[bytes], T]) -> T | None:
    paths = [*Path("journal").glob(f"{name}.*.json")]
    number = -1
    memory: T | None = None
    if find_later(paths):
        return None
    for path in paths:
        try:
            record = decode(path.read_bytes())
            if record.number > number:
                memory = parse(migrate(name, record))
                number = record.number
        except UNREADABLE:
            continue
    return memory
