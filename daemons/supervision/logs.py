"""The processes' logs, merged by time and followed across rotation and restarts."""

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

POLL_SECONDS = 0.1
TURNS_FOR_MORE = 5
BLOCK = 1 << 16


class Line(NamedTuple):
    """One line, and whose it is."""

    name: str
    text: str


def log_path(name: str) -> Path:
    """Say where a process's log stands, from inside the run directory."""
    return Path("log") / f"{name}.log"


def last_lines(name: str, number: int) -> list[str]:
    """Give the last lines of a process's log; none when there is none."""
    lines: list[bytes] = []
    # A log that was just rotated is short; its predecessor has the rest.
    for path in (log_path(name), log_path(name).with_suffix(".log.1")):
        if len(lines) >= number or not path.exists():
            break
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - BLOCK))
            lines = file.read().splitlines() + lines
    return [line.decode(errors="replace") for line in lines[-number:]]


def recent(names: list[str], number: int) -> list[Line]:
    """Give the last lines of several logs as one, in the order of their times.

    A line without a time of its own, as a traceback has them, stays behind the one before it.
    """
    return merged({name: last_lines(name, number) for name in names}, number)


def merged(texts: dict[str, list[str]], number: int) -> list[Line]:
    """Give the last of several logs' lines as one, in the order of their times."""
    stamped: list[tuple[str, int, Line]] = []
    for name, lines in texts.items():
        stamp = ""
        for text in lines:
            if text[:2] == "20" and text[4:5] == "-":
                stamp = text[:23].replace(",", ".")
            stamped.append((stamp, len(stamped), Line(name, text)))
    return [line for _, _, line in sorted(stamped)][-number:]


class Follower:
    """Follows one log: to its end, over its rotation, and when it comes into being later."""

    def __init__(self, name: str) -> None:
        """Begin at the end of what there is."""
        self.name = name
        self._path = log_path(name)
        self._file = self._path.open("rb") if self._path.exists() else None
        self._rest = b""
        if self._file:
            self._file.seek(0, os.SEEK_END)

    def lines(self) -> Iterator[Line]:
        """Yield the lines that have come."""
        yield from self._read()
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return
        if self._file and os.fstat(self._file.fileno()).st_ino == status.st_ino:
            if status.st_size < self._file.tell():
                self._file.seek(0)  # it was cut short, not rotated
                self._rest = b""
                yield from self._read()
            return
        # What was written to the old file between our read and its rotation comes first.
        yield from self._read()
        if self._file:
            self._file.close()
        self._file = self._path.open("rb")
        yield from self._read()

    def _read(self) -> Iterator[Line]:
        if self._file is None:
            return
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in whole:
            yield Line(self.name, line.decode(errors="replace"))


def follow(names: list[str], more: Callable[[], Iterable[Line]] = tuple) -> Iterator[Line]:
    """Yield the lines of several logs as they come, for ever; and what `more` has of others, now and then."""
    followers = [Follower(name) for name in names]
    turn = itertools.count()
    while True:
        for follower in followers:
            yield from follower.lines()
        if next(turn) % TURNS_FOR_MORE == 0:
            yield from more()
        time.sleep(POLL_SECONDS)


def since(name: str, cursor: str | None, most: int) -> tuple[list[str], str]:
    """Give the lines of a log that came after a cursor, or its last ones; and the cursor to go on with.

    A cursor holds over a rotation of the log; one that is none begins with the log.
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
    """Tell one file from another, and how long it is."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return "", 0
    return str(status.st_ino), status.st_size


def _lines_from(path: Path, start: int) -> tuple[list[bytes], int]:
    """Give the whole lines of a file from a place on, and the place behind them."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            text = file.read(BLOCK)
    except FileNotFoundError:
        return [], 0
    whole = text.rfind(b"\n") + 1
    return text[:whole].splitlines(), start + whole
