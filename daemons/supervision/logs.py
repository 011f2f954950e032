"""The logs of processes: merged by time, and followed across rotation and restarts."""

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from daemons.runtime.rotating_file import log_path

POLL_SECONDS = 0.1
TURNS_FOR_MORE = 5
"""How many polls of the local logs happen for one poll of the remote ones."""
BLOCK = 1 << 16


class Line(NamedTuple):
    """One line of a log, and the process that wrote it."""

    name: str
    text: str


def last_lines(name: str, number: int) -> list[str]:
    """Return the last lines of the log of a process; an empty list without a log."""
    lines: list[bytes] = []
    # A log that was just rotated is short; the previous one has the other lines.
    for path in (log_path(name), log_path(name).with_suffix(".log.1")):
        if len(lines) >= number:
            break
        with suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - BLOCK))
            lines = file.read().splitlines() + lines
    return [line.decode(errors="replace") for line in lines[-number:]]


def merge_lines(texts: dict[str, list[str]], number: int) -> list[Line]:
    """Return the last lines of several logs in the order of their times.

    A line without a time, such as one of a traceback, stays after the line before it.
    """
    stamped: list[tuple[str, int, Line]] = []
    for name, lines in texts.items():
        stamp = ""
        for text in lines:
            if text[:2] == "20" and text[4:5] == "-":
                stamp = text[:23].replace(",", ".")
            stamped.append((stamp, len(stamped), Line(name, text)))
    return [line for _, _, line in sorted(stamped)][-number:]


class Follower:
    """Follows one log: over its rotation, and also if it does not exist yet."""

    def __init__(self, name: str) -> None:
        """Start at the present end of the log."""
        self.name = name
        self._path = log_path(name)
        self._file: BinaryIO | None = None
        self._rest = b""
        with suppress(FileNotFoundError):
            self._file = self._path.open("rb")
            self._file.seek(0, os.SEEK_END)

    def lines(self) -> Iterator[Line]:
        """Yield the lines that were written since the last call."""
        yield from self._read()
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return
        if self._file and os.fstat(self._file.fileno()).st_ino == status.st_ino:
            if status.st_size < self._file.tell():
                self._file.seek(0)  # it was truncated, not rotated
                self._rest = b""
                yield from self._read()
            return
        # Lines written to the old file between the last read and its rotation come first.
        yield from self._read()
        if self._file:
            self._file.close()
            self._file = None
        with suppress(FileNotFoundError):
            self._file = self._path.open("rb")
        yield from self._read()

    def _read(self) -> Iterator[Line]:
        if self._file is None:
            return
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in whole:
            yield Line(self.name, line.decode(errors="replace"))


def follow(names: list[str], more: Callable[[], Iterable[Line]] = tuple) -> Iterator[Line]:
    """Yield the lines of several logs as they are written, for ever.

    `more` is called now and then, and returns lines of other hosts.
    """
    followers = [Follower(name) for name in names]
    turn = itertools.count()
    while True:
        for follower in followers:
            yield from follower.lines()
        if next(turn) % TURNS_FOR_MORE == 0:
            yield from more()
        time.sleep(POLL_SECONDS)


def read_since(name: str, cursor: str | None, most: int) -> tuple[list[str], str]:
    """Return the lines of a log after a cursor, or its last lines, and the next cursor.

    A cursor stays valid over one rotation of the log. An invalid cursor starts at the beginning.
    """
    if cursor is None:
        number, size = _identity(log_path(name))
        return last_lines(name, most), f"{number}:{size}"
    was, _, position = cursor.partition(":")
    start = int(position) if position.isdecimal() else 0
    old, new = log_path(name).with_suffix(".log.1"), log_path(name)
    found: list[bytes] = []
    if _identity(old)[0] == was:
        found, _ = _lines_from(old, start)
        start = 0
    number, size = _identity(new)
    more, end = _lines_from(new, start if number == was and start <= size else 0)
    return [line.decode(errors="replace") for line in (found + more)[-most:]], f"{number}:{end}"


def _identity(path: Path) -> tuple[str, int]:
    """Return the inode and the size of a file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return "", 0
    return str(status.st_ino), status.st_size


def _lines_from(path: Path, start: int) -> tuple[list[bytes], int]:
    """Return the whole lines of a file from an offset on, and the offset after them."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            text = file.read(BLOCK)
    except FileNotFoundError:
        return [], 0
    whole = text.rfind(b"\n") + 1
    return text[:whole].splitlines(), start + whole
